// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * core_share.c: what the envs of one user may hold of the pool together, and that there is always something left for one more;
 * and what of the verifier.
 */
#include "core_kit.h"

#define FRAMES 256
#define BLOCKS 5000
#define VOLUME 150

static struct kit k;

static struct exo_claim claim(u64 start, u64 count)
{
	return (struct exo_claim){.start = start, .count = count};
}

static int alloc(struct kit *u, u32 n, u32 *frames)
{
	struct exo_frame_alloc a = {.head.flags = EXO_FRAME_ANY, .frames = (uintptr_t)frames, .count = n};

	return CALL(u, EXO_NR_FRAME_ALLOC, a);
}

static int give(struct kit *u, u32 n, u32 *frames)
{
	struct exo_frame_free a = {.frames = (uintptr_t)frames, .count = n};

	return CALL(u, EXO_NR_FRAME_FREE, a);
}

static struct exo_query query(struct kit *u)
{
	struct exo_query q = {.pad = 0};

	NEED(!CALL(u, EXO_NR_QUERY, q));
	return q;
}

static u64 limit_used(u32 limit, u32 used)
{
	return (u64)limit << 32 | used;
}

static void one_user(void)
{
	struct kit a, b, admin;
	u32 root, f[VOLUME], g[VOLUME], p[FRAMES];
	u64 at;

	kit_start(&k, FRAMES, BLOCKS, 0);
	a = kit_as(&k, &kit_user);
	b = kit_as(&k, &kit_user);
	NEED(!kit_root_add(&a, "volume", 0, EXO_NOBLOCK, VOLUME, 0, &root, &at));
	CHECK(query(&a).out_user_limit == FRAMES / 2 && query(&a).out_user_frames == 0);
	CHECK(query(&a).out_bind_limit == FRAMES / 2 && query(&k).out_bind_limit == FRAMES * 3 / 4);
	CHECK(query(&k).out_user_limit == 0 && query(&k).out_user_frames == 0);
	/* private and bound count alike, in whichever env they are */
	CHECK(!alloc(&a, 40, p));
	CHECK(kit_bind(&b, root, EXO_NOBLOCK, 0, claim(at, VOLUME), EXO_RIGHT_READ, 0, f) == -EDQUOT &&
	      b.reason == EXO_R_FRAME_LIMIT && b.detail == limit_used(FRAMES / 2, 40));
	{
		struct exo_bind q = {.disk = k.d,
				     .root = root,
				     .parent = EXO_NOBLOCK,
				     .claim = claim(at, VOLUME),
				     .first = at,
				     .count = FRAMES / 2 - 40,
				     .rights = EXO_RIGHT_ALL,
				     .frames = (uintptr_t)f};

		CHECK(!CALL(&b, EXO_NR_BIND, q));
		CHECK(query(&a).out_user_frames == FRAMES / 2 && query(&b).out_user_frames == FRAMES / 2);
		CHECK(alloc(&a, 1, p + 40) == -EDQUOT && a.reason == EXO_R_FRAME_LIMIT &&
		      a.detail == limit_used(FRAMES / 2, FRAMES / 2));
		CHECK(alloc(&b, 1, p + 40) == -EDQUOT);
		/* a frame that two of them hold is one frame; binding it again is none */
		q.frames = (uintptr_t)g;
		CHECK(!CALL(&a, EXO_NR_BIND, q) && !CALL(&a, EXO_NR_BIND, q) && g[0] == f[0]);
		CHECK(query(&a).out_user_frames == FRAMES / 2);
		q.first = at + q.count;
		q.count = 1;
		CHECK(CALL(&a, EXO_NR_BIND, q) == -EDQUOT);
		CHECK(!kit_unbind(&b, f[0]) && query(&a).out_user_frames == FRAMES / 2);
		CHECK(!kit_unbind(&a, f[0]) && query(&a).out_user_frames == FRAMES / 2 - 1);
		CHECK(!CALL(&a, EXO_NR_BIND, q));
	}
	/* CAP_SYS_ADMIN is not counted with the uid's others, nor limited like them */
	{
		const struct exo_cred cred = {.uid = 1000, .admin = true};

		admin = kit_as(&k, &cred);
	}
	CHECK(!alloc(&admin, 100, p + 40) && query(&a).out_user_frames == FRAMES / 2);
	/* but what it holds is not to be had: who is over the limit by that keeps what there is */
	CHECK(query(&a).out_user_limit == (FRAMES - 100) / 2);
	CHECK(!give(&a, 1, p) && alloc(&a, 1, p) == -EDQUOT &&
	      a.detail == limit_used((FRAMES - 100) / 2, FRAMES / 2 - 1));
	sim_env_close(admin.senv);
	CHECK(!alloc(&a, 1, p));
	/* what an env held is given back when it closes, and the record with the last */
	sim_env_close(a.senv);
	CHECK(query(&b).out_user_frames == FRAMES / 2 - 41);
	sim_env_close(b.senv);
	a = kit_as(&k, &kit_user);
	CHECK(query(&a).out_user_frames == 0 && query(&a).out_user_limit == FRAMES / 2);
	sim_env_close(a.senv);
	kit_stop(&k);
}

/* A root's end takes its buffers from who has them bound; then they are not the user's any more. */
static void gone(void)
{
	struct kit a;
	u32 root, f[8], p[FRAMES];
	u64 at;
	struct exo_root_del del = {.disk = 0};

	kit_start(&k, FRAMES, BLOCKS, 0);
	a = kit_as(&k, &kit_user);
	NEED(!kit_root_add(&a, "volume", 0, EXO_NOBLOCK, 8, 0, &root, &at));
	NEED(!kit_bind(&a, root, EXO_NOBLOCK, 0, claim(at, 8), EXO_RIGHT_ALL, 0, f));
	CHECK(query(&a).out_user_frames == 8);
	del.disk = a.d;
	del.root = root;
	CHECK(!CALL(&a, EXO_NR_ROOT_DEL, del));
	CHECK(query(&a).out_user_frames == 0 && query(&a).out_user_limit == FRAMES / 2);
	CHECK(!alloc(&a, FRAMES / 2, p) && !give(&a, FRAMES / 2, p));
	sim_env_close(a.senv);
	a = kit_as(&k, &kit_user);
	CHECK(query(&a).out_user_frames == 0 && query(&a).out_user_limit == FRAMES / 2);
	sim_env_close(a.senv);
	kit_stop(&k);
}

/* Users who take all that they can, with as many envs as it takes: the next one always gets something. */
static void greedy(void)
{
	static struct kit u[6][4];
	u32 frames[FRAMES], i, e, left = FRAMES, n;

	kit_start(&k, FRAMES, BLOCKS, 0);
	for (i = 0; i < 6; i++) {
		const struct exo_cred cred = {.uid = 2000 + i};

		for (e = 0; e < 4; e++)
			u[i][e] = kit_as(&k, &cred);
		for (e = n = 0; n < FRAMES && e < 4; e++)
			while (!alloc(&u[i][e], 1, frames))
				n++;
		CHECK(n == left / 2 && n >= FRAMES >> (i + 1));
		CHECK(u[i][3].reason == EXO_R_FRAME_LIMIT && u[i][3].detail == limit_used(n, n));
		left -= n;
	}
	for (i = 0; i < 6; i++)
		for (e = 0; e < 4; e++)
			sim_env_close(u[i][e].senv);
	kit_stop(&k);
}

/*
 * Programs with the verifier: one of a user's at a time, whatever its envs and threads do, and nobody else's wait for them. Each thread
 * asks for a template of its own, which is refused, so that all of them are loaded.
 */
#define ASKERS 6u
static struct kit asker[ASKERS];

static void ask(void *ctx, unsigned int i)
{
	const u64 *insns = ctx;
	u32 n;

	for (n = 0; n < 3; n++) {
		struct exo_template_add t = {.disk = asker[i].d,
					     .cap = asker[i].cap,
					     .name = "refused",
					     .partition = PART,
					     .insns = (uintptr_t)insns,
					     .ninsns = 2};

		CHECK(CALL(&asker[i], EXO_NR_TEMPLATE_ADD, t) == -EPERM && asker[i].reason == EXO_R_UDF_ZERO);
	}
}

/* The last `others` threads are another user's each; or CAP_SYS_ADMIN's. Most programs that were loaded at a time. */
static u32 most_at_a_time(u64 seed, u32 others, bool admin)
{
	/* r0 = 1; exit: malformed, also when it is all zeroes */
	static const u64 insns[2] = {0x00000001000000b7ull, 0x95};
	u32 i, most;

	kit_start(&k, FRAMES, BLOCKS, 0);
	for (i = 0; i < ASKERS; i++) {
		const struct exo_cred cred = {.uid = i < ASKERS - others ? 1000 : 1001 + i, .admin = admin && i >= ASKERS - others};

		asker[i] = kit_as(&k, &cred);
	}
	sim_most_loads();
	sim_threads(seed, ASKERS, ask, (void *)insns);
	most = sim_most_loads();
	for (i = 0; i < ASKERS; i++)
		sim_env_close(asker[i].senv);
	kit_stop(&k);
	return most;
}

static void verifier(void)
{
	u32 two = 0, many = 0, n;
	u64 seed;

	for (seed = 1; seed <= 20; seed++) {
		CHECK(most_at_a_time(seed, 0, false) == 1);
		n = most_at_a_time(seed, 1, false);
		CHECK(n <= 2);
		two += n == 2;
		many += most_at_a_time(seed, 4, true) > 2;
	}
	CHECK(two > 10 && many > 10);
}

int main(void)
{
	one_user();
	gone();
	greedy();
	verifier();
	return check_done();
}
