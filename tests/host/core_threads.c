// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * core_threads.c [SEED [ROUNDS]]: several users at once, each with a root of its own and one that all share, in
 * histories whose every switch is drawn from the seed. Each finds its own bytes again, nobody is refused without a
 * reason that concurrency explains, and in the end all counts are what a walk finds.
 */
#include "core_kit.h"

#define FRAMES 96 /* few, so that buffers are reclaimed all the time */
#define BLOCKS 4400
#define THREADS 4u
#define MINE 10u /* extents of one thread at a time */
#define STEPS 120u

struct worker {
	struct kit k;
	struct txn t;
	u64 rng;
	u32 id, root;
	u64 top;
	struct {
		u64 start, value;
		u32 part, slot;
		bool live, shared;
	} x[MINE];
};

static struct worker w[THREADS];
static u32 shared_root;
static u64 shared_top;
static u64 now_seed;

static u32 rnd(struct worker *o, u32 n)
{
	return (u32)(sim_random(&o->rng) % n);
}

static bool may_be(struct worker *o, int err, u32 a, u32 b, u32 c)
{
	u32 r = o->k.reason;

	if (!err || r == a || r == b || r == c)
		return true;
	fprintf(stderr, "seed %llu thread %u: %d, reason %u, detail %llu\n", (unsigned long long)now_seed, o->id, err,
		r, (unsigned long long)o->k.detail);
	return false;
}

static u64 top_of(struct worker *o, u32 i)
{
	return o->x[i].shared ? shared_top : o->top;
}

/* The node must be in core to be edited; another thread's pressure may have thrown it out. */
static bool hold_top(struct worker *o, bool shared, u32 *frame)
{
	u64 top = shared ? shared_top : o->top;
	struct exo_claim c = {.start = top, .count = 1, .template_id = o->k.tmpl};
	int err = kit_bind(&o->k, shared ? shared_root : o->root, EXO_NOBLOCK, 0, c, EXO_RIGHT_READ, 0, frame);

	CHECK(may_be(o, err, EXO_R_NO_FRAMES, 0, 0));
	return !err;
}

static void alloc(struct worker *o, u32 i)
{
	u32 frame, tries;
	int err;

	o->x[i].shared = rnd(o, 2);
	/* in the shared node each thread has partitions of its own, two: neighbours share a block, not a slot */
	o->x[i].part = o->x[i].shared ? o->id * 2 + rnd(o, 2) : rnd(o, PARTS);
	o->x[i].slot = i;
	if (!hold_top(o, o->x[i].shared, &frame))
		return;
	for (tries = 0; tries < 10; tries++) {
		u64 b = 1100 + rnd(o, 200);

		if (!kit_free(&o->k, b))
			continue;
		txn_slot(&o->t, top_of(o, i), kit_version(&o->k, top_of(o, i)), o->x[i].part, i,
			 (struct slot){b, 1, 0, o->id, 0});
		txn_decl(&o->t, EXO_DECL_ALLOC, 0, b, 1);
		err = txn_go(&o->k, &o->t);
		CHECK(may_be(o, err, EXO_R_VERSION, EXO_R_NOT_FREE, EXO_R_NEEDS_FREE));
		if (err)
			continue;
		o->x[i].start = b;
		o->x[i].value = 0;
		o->x[i].live = true;
		break;
	}
	kit_unbind(&o->k, frame);
}

static void release(struct worker *o, u32 i)
{
	u32 frame;
	int err;

	if (!hold_top(o, o->x[i].shared, &frame))
		return;
	do {
		txn_slot(&o->t, top_of(o, i), kit_version(&o->k, top_of(o, i)), o->x[i].part, i, (struct slot){0});
		txn_decl(&o->t, EXO_DECL_FREE, 0, o->x[i].start, 1);
		err = txn_go(&o->k, &o->t);
		CHECK(may_be(o, err, EXO_R_VERSION, 0, 0));
	} while (err == -ESTALE);
	if (!err)
		o->x[i].live = false;
	kit_unbind(&o->k, frame);
}

static void move(struct worker *o, u32 i)
{
	u32 frame, to = o->x[i].shared ? o->id * 2 + rnd(o, 2) : rnd(o, PARTS);
	int err;

	if (to == o->x[i].part || !hold_top(o, o->x[i].shared, &frame))
		return;
	txn_slot(&o->t, top_of(o, i), kit_version(&o->k, top_of(o, i)), o->x[i].part, i, (struct slot){0});
	txn_slot(&o->t, top_of(o, i), o->t.edits[0].version, to, i, (struct slot){o->x[i].start, 1, 0, o->id, 0});
	txn_decl(&o->t, EXO_DECL_MOVE, 0, o->x[i].start, 1);
	err = txn_go(&o->k, &o->t);
	CHECK(may_be(o, err, EXO_R_VERSION, EXO_R_CYCLE, 0));
	if (!err)
		o->x[i].part = to;
	kit_unbind(&o->k, frame);
}

static void touch(struct worker *o, u32 i, bool write)
{
	struct exo_claim c = {.start = o->x[i].start, .count = 1};
	u32 frame, top;
	u64 was = 0;
	int err;

	if (!hold_top(o, o->x[i].shared, &top))
		return;
	err = kit_bind(&o->k, 0, top_of(o, i), o->x[i].part, c, write ? EXO_RIGHT_ALL : EXO_RIGHT_READ, 0, &frame);
	CHECK(may_be(o, err, EXO_R_NO_FRAMES, 0, 0));
	if (!err) {
		CHECK(sim_peek(sim_pool(o->k.senv) + frame * 4096ul + 8, &was, 8));
		CHECK_MSG(was == o->x[i].value, "seed %llu block %llu: %llx, not %llx", (unsigned long long)now_seed,
			  (unsigned long long)c.start, (unsigned long long)was, (unsigned long long)o->x[i].value);
		if (write) {
			u64 value = sim_random(&o->rng);

			CHECK(sim_poke(sim_pool(o->k.senv) + frame * 4096ul + 8, &value, 8));
			o->x[i].value = value;
		}
		kit_unbind(&o->k, frame);
	}
	kit_unbind(&o->k, top);
}

static void direct(struct worker *o, u32 i, bool write)
{
	u32 frame, top;
	struct exo_frame_alloc fa = {.head.flags = EXO_FRAME_ANY, .frames = (uintptr_t)&frame, .count = 1};
	struct exo_frame_free ff = {.frames = (uintptr_t)&frame, .count = 1};
	struct exo_io io = {.head.flags = write ? EXO_IO_WRITE : 0,
			    .disk = o->k.d,
			    .index = o->x[i].part,
			    .parent = top_of(o, i),
			    .claim = {.start = o->x[i].start, .count = 1},
			    .first = o->x[i].start,
			    .count = 1,
			    .frames = (uintptr_t)&frame};
	u64 value = sim_random(&o->rng), was = 0;
	int err;

	if (!hold_top(o, o->x[i].shared, &top))
		return;
	err = CALL(&o->k, EXO_NR_FRAME_ALLOC, fa);
	CHECK(may_be(o, err, EXO_R_NO_FRAMES, 0, 0));
	if (!err) {
		if (write)
			CHECK(sim_poke(sim_pool(o->k.senv) + frame * 4096ul + 8, &value, 8));
		err = CALL(&o->k, EXO_NR_IO, io);
		CHECK(may_be(o, err, 0, 0, 0));
		if (!err && write)
			o->x[i].value = value;
		if (!err && !write) {
			CHECK(sim_peek(sim_pool(o->k.senv) + frame * 4096ul + 8, &was, 8));
			CHECK(was == o->x[i].value);
		}
		CHECK(!CALL(&o->k, EXO_NR_FRAME_FREE, ff));
	}
	kit_unbind(&o->k, top);
}

static void work(void *ctx, unsigned int id)
{
	struct worker *o = &w[id];
	u32 n;

	for (n = 0; n < STEPS; n++) {
		u32 what = rnd(o, 100), i = rnd(o, MINE);
		int err;

		if (what < 60) {
			if (!o->x[i].live)
				alloc(o, i);
			else if (what < 8)
				release(o, i);
			else if (what < 16)
				move(o, i);
			else if (what < 26)
				direct(o, i, rnd(o, 2));
			else
				touch(o, i, rnd(o, 2));
		} else if (what < 75) {
			err = kit_write(&o->k, 1100 + rnd(o, 200), 1 + rnd(o, 20));
			CHECK(may_be(o, err, EXO_R_TAINTED, EXO_R_BUSY, 0));
		} else if (what < 82) {
			CHECK(!kit_flush(&o->k));
		} else if (what < 94) {
			err = kit_read(&o->k, 1100 + rnd(o, 200), 1 + rnd(o, 8));
			CHECK(may_be(o, err, EXO_R_NO_FRAMES, 0, 0));
		} else {
			err = kit_sync(&o->k, rnd(o, 2) ? EXO_NOROOT : o->root);
			CHECK(may_be(o, err, EXO_R_BUSY, 0, 0));
		}
	}
}

static u64 frames_busy(struct kit *k)
{
	const struct exo_stats *st;
	void *base;
	size_t bytes;

	NEED(!exo_core_area_get(k->core, EXO_MAP_STATS, &base, &bytes));
	st = base;
	return FRAMES - st->frames_free - st->frames_cached + st->frames_private;
}

static void run(u64 seed)
{
	struct kit k;
	struct exo_disk_info i, j;
	char name[16];
	u32 n;

	now_seed = seed;
	memset(w, 0, sizeof(w));
	kit_start(&k, FRAMES, BLOCKS, seed % 2 ? SIM_VOLATILE : 0);
	for (n = 0; n < THREADS; n++) {
		struct exo_cred cred = {.uid = 1000, .admin = n == 0};

		w[n].k = kit_as(&k, &cred);
		w[n].k.cap = n == 0;
		w[n].id = n;
		w[n].rng = seed * 100 + n;
		snprintf(name, sizeof(name), "root%u", n);
		NEED(!kit_root_add(&w[n].k, name, k.tmpl, EXO_NOBLOCK, 1, 0, &w[n].root, &w[n].top));
	}
	NEED(!kit_root_add(&w[0].k, "shared", k.tmpl, EXO_NOBLOCK, 1, 0, &shared_root, &shared_top));
	sim_threads(seed, THREADS, work, NULL);
	for (n = 0; n < THREADS; n++)
		sim_env_close(w[n].k.senv);
	CHECK(!kit_sync(&k, EXO_NOROOT));
	i = kit_info(&k);
	CHECK(i.out_dirty == 0 && i.out_waiting == 0 && i.out_uninit == 0);
	CHECK(frames_busy(&k) == 0);
	CHECK(!kit_detach(&k, 0) && !kit_attach(&k, 0));
	j = kit_info(&k);
	CHECK_MSG(!(j.out_flags & EXO_DISK_WALKED) && j.out_free == i.out_free, "seed %llu flags %x free %llu %llu",
		  (unsigned long long)seed, j.out_flags, (unsigned long long)j.out_free,
		  (unsigned long long)i.out_free);
	CHECK(!kit_detach(&k, 0) && !kit_attach(&k, EXO_ATTACH_WALK));
	j = kit_info(&k);
	CHECK((j.out_flags & EXO_DISK_WALKED) && j.out_free == i.out_free && !j.out_contested && !j.out_quarantined);
	kit_stop(&k);
}

int main(int argc, char **argv)
{
	u64 seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1, n = argc > 2 ? strtoull(argv[2], NULL, 0) : 40, i;

	for (i = 0; i < n; i++)
		run(seed + i);
	return check_done();
}
