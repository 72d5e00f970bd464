// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * core_reclaim.c: a pool that is too small. Buffers that nobody holds give their frames, dirty ones after they were written, in whatever
 * call they are needed; memory that the platform wants back is given and taken again; and what cannot be had is refused in the end.
 */
#include "core_kit.h"
#include "../../kmod/core/internal.h"

#define FRAMES 64
#define BLOCKS 5000
#define MANY 400 /* blocks: some times the pool */

static struct txn t;
static struct kit k;

static struct exo_claim claim(u64 start, u64 count, u32 tmpl)
{
	return (struct exo_claim){.start = start, .count = count, .template_id = tmpl};
}

static const struct exo_stats *stats(void)
{
	void *base;
	size_t bytes;

	NEED(!exo_core_area_get(k.core, EXO_MAP_STATS, &base, &bytes));
	return base;
}

static int bind(struct kit *u, u32 root, u64 start, u64 at, u32 n, u32 flags, u32 *frames)
{
	struct exo_bind b = {.head.flags = flags,
			     .disk = u->d,
			     .cap = u->cap,
			     .root = root,
			     .parent = EXO_NOBLOCK,
			     .claim = claim(start, MANY, 0),
			     .first = start + at,
			     .count = n,
			     .rights = EXO_RIGHT_ALL,
			     .frames = (uintptr_t)frames};

	return CALL(u, EXO_NR_BIND, b);
}

/* Each block of a volume is written and let go, and never SYNCed. */
static void fill(struct kit *u, u32 root, u64 start)
{
	u32 i, frame;

	for (i = 0; i < MANY; i++) {
		NEED(!bind(u, root, start, i, 1, i % 2 ? EXO_BIND_OVERWRITE : 0, &frame));
		CHECK(sim_poke(sim_pool(u->senv) + frame * 4096ul, &i, 4));
		NEED(!kit_unbind(u, frame));
	}
}

/* Dirties buffers of the volume until fewer than `n` frames can be had without a write. */
static u64 short_of(struct kit *u, u32 root, u64 start, u32 n)
{
	u32 i, frame;

	for (i = 0; k.core->nlru + stats()->frames_free >= n; i++) {
		NEED(i < MANY && !bind(u, root, start, i, 1, 0, &frame));
		CHECK(sim_poke(sim_pool(u->senv) + frame * 4096ul, &i, 4));
		NEED(!kit_unbind(u, frame));
	}
	return stats()->writebacks;
}

static void check_fill(struct kit *u, u32 root, u64 start)
{
	u32 i, frame, is;

	for (i = 0; i < MANY; i++) {
		NEED(!bind(u, root, start, i, 1, 0, &frame));
		CHECK(sim_peek(sim_pool(u->senv) + frame * 4096ul, &is, 4) && is == i);
		NEED(!kit_unbind(u, frame));
	}
}

/* One user dirties more than there is; nobody is refused, and nothing is lost. */
static void dirty(u32 flags)
{
	struct kit a, b;
	u32 root, other, frames[FRAMES], n;
	u64 at, its, was;
	struct exo_frame_alloc fa = {.head.flags = EXO_FRAME_ANY, .frames = (uintptr_t)frames, .count = FRAMES / 2};
	struct exo_frame_free ff = {.frames = (uintptr_t)frames, .count = FRAMES / 2};

	kit_start(&k, FRAMES, BLOCKS, flags);
	a = kit_as(&k, &kit_user);
	b = kit_as(&k, &kit_other);
	NEED(!kit_root_add(&a, "a", 0, EXO_NOBLOCK, MANY, 0, &root, &at) && !kit_root_add(&b, "b", 0, EXO_NOBLOCK, MANY, 0, &other, &its));
	fill(&a, root, at);
	CHECK(stats()->writebacks > MANY / 2 && sim_said(SIM_SAID_WRITEBACK));
	/* each call that needs frames finds them */
	was = short_of(&a, root, at, FRAMES / 2);
	CHECK(!CALL(&b, EXO_NR_FRAME_ALLOC, fa) && stats()->writebacks > was && !CALL(&b, EXO_NR_FRAME_FREE, ff));
	n = FRAMES / 2;
	was = short_of(&a, root, at, n);
	CHECK(!bind(&b, other, its, 0, n, 0, frames) && stats()->writebacks > was);
	while (n--)
		NEED(!kit_unbind(&b, frames[n]));
	was = short_of(&a, root, at, 8);
	CHECK(!kit_read(&b, 3000, FRAMES - 8) && stats()->writebacks > was);
	was = short_of(&a, root, at, 8);
	CHECK(!kit_root_add(&b, "tree", k.tmpl, EXO_NOBLOCK, 8, 0, &other, &its) && stats()->writebacks > was);
	check_fill(&a, root, at);
	sim_env_close(b.senv);
	sim_env_close(a.senv);
	CHECK(!kit_detach(&k, 0) && !kit_attach(&k, EXO_ATTACH_WALK) && !kit_info(&k).out_quarantined);
	a = kit_as(&k, &kit_user);
	check_fill(&a, root, at);
	sim_env_close(a.senv);
	kit_stop(&k);
}

/* A tree that grows without a SYNC: its nodes are dirty, tainted, unreached, and wait for each other; they are written in order. */
static void tree(u32 flags)
{
	u64 top, node = 1100, parent;
	u32 root, i;

	kit_start(&k, FRAMES, BLOCKS, flags);
	NEED(!kit_root_add(&k, "tree", k.tmpl, EXO_NOBLOCK, 1, 0, &root, &top));
	parent = top;
	for (i = 0; i < 3 * FRAMES; i++) {
		u32 frame = EXO_NOFRAME;

		if (!kit_version(&k, parent)) {
			CHECK(i % 8 == 0);
			NEED(!kit_bind(&k, root, parent == top ? EXO_NOBLOCK : top, 0, claim(parent, 1, k.tmpl), EXO_RIGHT_READ, 0, &frame));
			kit_unbind(&k, frame);
		}
		txn_slot(&t, parent, kit_version(&k, parent), i % 8, 1, (struct slot){node, 1, 1, 0, 0});
		txn_slot(&t, parent, kit_version(&k, parent), i % 8, 2, (struct slot){node + 2000, 1, 0, 0, 0});
		txn_decl(&t, EXO_DECL_ALLOC, k.tmpl, node, 1);
		txn_decl(&t, EXO_DECL_ALLOC, 0, node + 2000, 1);
		NEED(!txn_go(&k, &t));
		if (i % 8 == 7)
			parent = node;
		node++;
	}
	CHECK(stats()->writebacks > FRAMES);
	CHECK(!kit_sync(&k, EXO_NOROOT) && kit_info(&k).out_uninit == 0);
	/* now nothing keeps any of them */
	CHECK(k.core->nlru + stats()->frames_free == FRAMES);
	CHECK(!kit_detach(&k, 0) && !kit_attach(&k, EXO_ATTACH_WALK));
	CHECK(!kit_info(&k).out_quarantined && !kit_info(&k).out_contested && kit_info(&k).out_walk_meta == 3 * FRAMES + 1);
	kit_stop(&k);
}

/* What nobody can have is refused, soon: all is bound; the device does not take it; memory is short. */
static void no_more(void)
{
	struct kit a;
	u32 root, frames[FRAMES], more[FRAMES], n, i;
	u64 at;

	kit_start(&k, FRAMES, BLOCKS, 0);
	NEED(!kit_root_add(&k, "a", 0, EXO_NOBLOCK, MANY, 0, &root, &at));
	a = kit_as(&k, &kit_root);
	CHECK(bind(&k, root, at, 0, FRAMES + 1, 0, (u32[FRAMES + 1]){0}) == -ENOMEM && k.reason == EXO_R_NO_FRAMES);
	NEED(!bind(&k, root, at, 0, FRAMES * 3 / 4, 0, frames) && !bind(&a, root, at, FRAMES * 3 / 4, FRAMES / 4, 0, more));
	CHECK(bind(&a, root, at, 200, 1, 0, more) == -ENOMEM && a.reason == EXO_R_NO_FRAMES && a.detail == 1);
	sim_env_close(a.senv);
	CHECK(!kit_unbind(&k, frames[0]) && !bind(&k, root, at, 200, 1, 0, frames));
	for (n = 0; n < FRAMES * 3 / 4; n++)
		kit_unbind(&k, frames[n]);
	sim_disk_fail(k.disk, SIM_FAIL_WRITE, 0, BLOCKS, 0, 0);
	for (i = 0; i < MANY; i++) {
		if (bind(&k, root, at, i, 1, EXO_BIND_OVERWRITE, frames))
			break;
		CHECK(sim_poke(sim_pool(k.senv) + frames[0] * 4096ul, &i, 4));
		kit_unbind(&k, frames[0]);
	}
	CHECK(i == FRAMES && k.reason == EXO_R_NO_FRAMES);
	sim_disk_fail(k.disk, 0, 0, 0, 0, 0);
	CHECK(!bind(&k, root, at, i, 1, EXO_BIND_OVERWRITE, frames) && !kit_unbind(&k, frames[0]));
	kit_stop(&k);
}

/* What is bound gives no frame however often it is written, so it is not written for one. */
static void in_use(void)
{
	u32 root, f[FRAMES], g, n = FRAMES * 3 / 4, i;
	struct kit a, b;
	u64 at, was;

	kit_start(&k, FRAMES, BLOCKS, 0);
	a = kit_as(&k, &kit_root);
	b = kit_as(&k, &kit_root);
	NEED(!kit_root_add(&k, "a", 0, EXO_NOBLOCK, MANY, 0, &root, &at) && !kit_sync(&k, EXO_NOROOT));
	NEED(!bind(&a, root, at, 0, n, EXO_BIND_OVERWRITE, f) && !bind(&b, root, at, n, FRAMES - n, EXO_BIND_OVERWRITE, f + n));
	CHECK(stats()->frames_dirty == FRAMES);
	was = stats()->blocks_written;
	CHECK(bind(&k, root, at, 200, 1, 0, &g) == -ENOMEM && k.reason == EXO_R_NO_FRAMES && stats()->blocks_written == was);
	for (i = 0; i < FRAMES; i++)
		CHECK(!(kit_buf(&k, at + i)->flags & EXO_BUF_WRITING));
	/* one is let go, and is the one that is written */
	CHECK(!kit_unbind(&a, f[3]) && !bind(&k, root, at, 200, 1, EXO_BIND_OVERWRITE, &g) && stats()->blocks_written == was + 1);
	sim_env_close(a.senv);
	sim_env_close(b.senv);
	kit_stop(&k);
}

/*
 * A dirty buffer that an asynchronous transfer writes over ends with that, which may need the thread that asks for frames: it is not
 * waited for.
 */
static void under_a_transfer(void)
{
	u32 root, f[FRAMES], p, g, n = FRAMES * 3 / 4, i;
	struct exo_frame_alloc fa = {.head.flags = EXO_FRAME_ANY, .frames = (uintptr_t)&p, .count = 1};
	struct exo_ioreq *r;
	struct exo_io io;
	struct kit a;
	u64 at, why, bad;

	kit_start(&k, FRAMES, BLOCKS, 0);
	a = kit_as(&k, &kit_root);
	NEED(!kit_root_add(&k, "a", 0, EXO_NOBLOCK, MANY, 0, &root, &at) && !kit_sync(&k, EXO_NOROOT));
	NEED(!CALL(&k, EXO_NR_FRAME_ALLOC, fa));
	NEED(!bind(&a, root, at, 0, n, 0, f) && !bind(&k, root, at, n, FRAMES - n - 1, EXO_BIND_OVERWRITE, f + n));
	NEED(!kit_unbind(&k, f[n]));
	io = (struct exo_io){.head = {.size = sizeof(io), .flags = EXO_IO_WRITE},
			     .disk = k.d,
			     .cap = k.cap,
			     .root = root,
			     .parent = EXO_NOBLOCK,
			     .claim = claim(at, MANY, 0),
			     .first = at + n,
			     .count = 1,
			     .frames = (uintptr_t)&p};
	NEED(!exo_io_begin(k.e, (uintptr_t)&io, &r));
	CHECK(bind(&k, root, at, 200, 1, 0, &g) == -ENOMEM && k.reason == EXO_R_NO_FRAMES);
	NEED(!exo_plat_io(r->dev, r->op, r->segs, r->nsegs, &bad) && !exo_io_done(r, 0, EXO_NOBLOCK, &why));
	CHECK(!bind(&k, root, at, 200, 1, 0, &g));
	for (i = 0; i < FRAMES; i++)
		kit_unbind(&k, i);
	sim_env_close(a.senv);
	kit_stop(&k);
}

/* Buffers that are dirtied again and again do not keep others from being written: each look for what to write goes on where the last ended. */
static void in_turn(void)
{
	const u32 frames = 600, blocks = 620;
	u32 root, f, i, round, never = 0, is;
	u64 at;

	kit_start(&k, frames, BLOCKS, 0);
	NEED(!kit_root_add(&k, "a", 0, EXO_NOBLOCK, blocks, 0, &root, &at) && !kit_sync(&k, EXO_NOROOT));
	for (round = 0; round < 8; round++) {
		for (i = 0; i < blocks; i++) {
			struct exo_bind b = {.head.flags = EXO_BIND_OVERWRITE,
					     .disk = k.d,
					     .root = root,
					     .parent = EXO_NOBLOCK,
					     .claim = claim(at, blocks, 0),
					     .first = at + i,
					     .count = 1,
					     .rights = EXO_RIGHT_ALL,
					     .frames = (uintptr_t)&f};

			NEED(!CALL(&k, EXO_NR_BIND, b));
			is = i + 1;
			CHECK(sim_poke(sim_pool(k.senv) + f * 4096ul, &is, 4));
			NEED(!kit_unbind(&k, f));
		}
	}
	for (i = 0; i < blocks; i++) {
		sim_disk_peek(k.disk, at + i, 0, &is, 4);
		never += is != i + 1;
	}
	CHECK_MSG(stats()->writebacks > 1000 && never < 60, "%llu written, %u blocks never", (unsigned long long)stats()->writebacks, never);
	kit_stop(&k);
}

/* Memory goes back from free and clean unbound frames only, and comes again when it is needed. */
static void memory(void)
{
	struct kit a;
	u32 root, f[8], g[2], p[2], i, n, idle;
	u64 at;
	struct exo_frame_alloc fa = {.head.flags = EXO_FRAME_ANY, .frames = (uintptr_t)p, .count = 2};

	kit_start(&k, FRAMES, BLOCKS, 0);
	a = kit_as(&k, &kit_user);
	NEED(!kit_root_add(&a, "a", 0, EXO_NOBLOCK, MANY, 0, &root, &at));
	fill(&a, root, at);
	NEED(!kit_sync(&k, EXO_NOROOT) && !bind(&a, root, at, 0, 8, 0, f) && !CALL(&a, EXO_NR_FRAME_ALLOC, fa));
	CHECK(sim_poke(sim_pool(a.senv) + p[0] * 4096ul, "mine", 4));
	NEED(!bind(&a, root, at, 8, 1, 0, &n) && sim_poke(sim_pool(a.senv) + n * 4096ul, &(u32){8}, 4) && !kit_unbind(&a, n));
	CHECK(stats()->frames_dirty == 1);
	/* 8 bound, 2 private, 1 dirty stay */
	CHECK(exo_core_idle(k.core) == FRAMES - 11);
	CHECK(exo_core_shrink(k.core, 5) == 5 && stats()->frames_returned == 5 && exo_core_idle(k.core) == FRAMES - 16);
	CHECK(exo_core_shrink(k.core, 1000) == FRAMES - 16 && exo_core_idle(k.core) == 0 && exo_core_shrink(k.core, 1) == 0);
	CHECK(stats()->frames_returned == FRAMES - 11 && stats()->returns == FRAMES - 11 && stats()->frames_free == FRAMES - 11);
	for (i = 0; i < 8; i++)
		CHECK(sim_peek(sim_pool(a.senv) + f[i] * 4096ul, &n, 4) && n == i);
	CHECK(sim_peek(sim_pool(a.senv) + p[0] * 4096ul, &n, 4) && !memcmp(&n, "mine", 4));
	/* all of it is used again */
	check_fill(&a, root, at);
	CHECK(stats()->frames_returned == 0 && stats()->returns == FRAMES - 11);
	/* a wanted number gets memory, too */
	idle = exo_core_idle(k.core);
	CHECK(idle >= FRAMES - 11 && exo_core_shrink(k.core, 1000) == idle && stats()->frames_returned == idle);
	fa.head.flags = 0;
	fa.count = 1;
	for (i = 0; i < FRAMES && !k.core->side[i].bare; i++)
		;
	p[0] = i;
	sim_memory_short(true);
	CHECK(CALL(&a, EXO_NR_FRAME_ALLOC, fa) == -ENOMEM && a.reason == EXO_R_NO_FRAMES);
	sim_memory_short(false);
	for (n = 0; n < FRAMES && k.core->bufs[n].state == EXO_BUF_FREE; n++)
		;
	p[0] = n;
	CHECK(CALL(&a, EXO_NR_FRAME_ALLOC, fa) == -EBUSY && a.reason == EXO_R_FRAME && a.detail == n);
	p[0] = i;
	CHECK(!CALL(&a, EXO_NR_FRAME_ALLOC, fa));
	CHECK(i < FRAMES && stats()->frames_returned == idle - 1 && sim_peek(sim_pool(a.senv) + i * 4096ul, &n, 4) && n == 0);
	/* none to be had: what is clean is dropped for it, and then it is said */
	sim_memory_short(true);
	CHECK(bind(&a, root, at, 100, 2, 0, g) == -ENOMEM && a.reason == EXO_R_NO_FRAMES);
	sim_memory_short(false);
	CHECK(!bind(&a, root, at, 100, 1, 0, g) && !kit_unbind(&a, g[0]));
	sim_memory_short(true);
	CHECK(!bind(&a, root, at, 101, 1, 0, g) && !kit_unbind(&a, g[0]));
	sim_memory_short(false);
	sim_env_close(a.senv);
	/* a sixteenth stays whatever happens */
	NEED(!kit_sync(&k, EXO_NOROOT));
	exo_core_shrink(k.core, 1000);
	CHECK(stats()->frames_returned == FRAMES - FRAMES / 16);
	CHECK(!kit_detach(&k, 0) && !kit_attach(&k, EXO_ATTACH_WALK) && !kit_info(&k).out_quarantined);
	kit_stop(&k);
}

/* Many at once, more than the pool has: each gets on. */
#define THREADS 4u
static struct kit w[THREADS];
static u32 w_root[THREADS];
static u64 w_at[THREADS];

static void work(void *ctx, unsigned int i)
{
	u32 n, frame, err;

	for (n = 0; n < 60; n++) {
		err = bind(&w[i], w_root[i], w_at[i], n, 1, EXO_BIND_OVERWRITE, &frame);
		CHECK_MSG(!err, "thread %u, block %u: reason %u", i, n, w[i].reason);
		if (err)
			return;
		CHECK(sim_poke(sim_pool(w[i].senv) + frame * 4096ul, &n, 4));
		kit_unbind(&w[i], frame);
		if (n % 7 == 0)
			exo_core_shrink(w[i].core, 4);
	}
}

static void together(u64 seed)
{
	char name[8];
	u32 i, n, frame, is;

	kit_start(&k, 24, BLOCKS, seed % 2 ? SIM_VOLATILE : 0);
	for (i = 0; i < THREADS; i++) {
		const struct exo_cred cred = {.uid = 1000 + i};

		w[i] = kit_as(&k, &cred);
		snprintf(name, sizeof(name), "v%u", i);
		NEED(!kit_root_add(&w[i], name, 0, EXO_NOBLOCK, MANY, 0, &w_root[i], &w_at[i]));
	}
	sim_threads(seed, THREADS, work, NULL);
	for (i = 0; i < THREADS; i++) {
		for (n = 0; n < 60; n++) {
			NEED(!bind(&w[i], w_root[i], w_at[i], n, 1, 0, &frame));
			CHECK(sim_peek(sim_pool(w[i].senv) + frame * 4096ul, &is, 4) && is == n);
			kit_unbind(&w[i], frame);
		}
		sim_env_close(w[i].senv);
	}
	CHECK(stats()->writebacks > 0);
	kit_stop(&k);
}

int main(void)
{
	u64 seed;

	dirty(0);
	dirty(SIM_VOLATILE);
	tree(0);
	tree(SIM_VOLATILE);
	no_more();
	in_use();
	under_a_transfer();
	in_turn();
	memory();
	for (seed = 1; seed <= 10; seed++)
		together(seed);
	return check_done();
}
