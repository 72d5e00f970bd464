// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * core_during.c: calls that come while a request is at the device. The simulated disk calls back at the start of each request; there
 * somebody edits or frees what is being written.
 */
#include <string.h>
#include "core_kit.h"

#define TOP 2000u
#define X 2010u

static struct kit k;
static struct txn t;
static u32 root;

/* The one call in between. */
static struct {
	void (*fn)(void);
	bool done;
} between;

static void hook(void *ctx, struct sim_disk *d, int op)
{
	if (op != EXO_OP_WRITE || between.done)
		return;
	between.done = true;
	between.fn();
}

static void during(void (*fn)(void))
{
	between.fn = fn;
	between.done = false;
	sim_disk_hook(k.disk, hook, NULL);
}

static void after(void)
{
	CHECK(between.done);
	sim_disk_hook(k.disk, NULL, NULL);
}

static void start(void)
{
	u64 at;

	kit_start(&k, 64, 8192, 0);
	NEED(!kit_root_add(&k, "r", k.tmpl, TOP, 1, 0, &root, &at) && !kit_sync(&k, EXO_NOROOT));
}

static void set_tag(u64 tag)
{
	txn_slot(&t, TOP, kit_version(&k, TOP), 3, 14, (struct slot){0, 0, 0, tag, 0});
	CHECK(!txn_go(&k, &t));
}

static u64 tag_on_disk(void)
{
	struct slot s;

	sim_disk_peek(k.disk, TOP, 3 * PART + 14 * sizeof(s), &s, sizeof(s));
	return s.tag;
}

static void edit_between(void)
{
	CHECK(kit_buf(&k, TOP)->flags & EXO_BUF_WRITING);
	set_tag(2);
}

/* The disk gets the image that the order was asked about, and the edit is still to be written. */
static void edited(void)
{
	start();
	set_tag(1);
	during(edit_between);
	CHECK(!kit_write(&k, TOP, 1));
	after();
	CHECK(tag_on_disk() == 1 && kit_buf(&k, TOP)->flags & EXO_BUF_DIRTY);
	CHECK(!kit_write(&k, TOP, 1) && tag_on_disk() == 2);
	kit_stop(&k);
}

static void data(u32 op)
{
	struct slot s = {op == EXO_DECL_ALLOC ? X : 0, op == EXO_DECL_ALLOC, 0, 0, 0};

	txn_slot(&t, TOP, kit_version(&k, TOP), 0, 0, s);
	txn_decl(&t, op, 0, X, 1);
	CHECK(!txn_go(&k, &t));
}

/* No image on the disk names X, so nothing but the write that runs keeps it from the next owner. */
static void free_between(void)
{
	data(EXO_DECL_FREE);
	CHECK(!kit_free(&k, X) && kit_info(&k).out_waiting == 1);
}

static void freed(bool before)
{
	struct exo_claim c = {.start = X, .count = 1};
	u32 frame;

	start();
	data(EXO_DECL_ALLOC);
	NEED(!kit_bind(&k, root, TOP, 0, c, EXO_RIGHT_ALL, EXO_BIND_OVERWRITE, &frame));
	if (before) {
		CHECK(!kit_write(&k, X, 1));
		NEED(sim_poke(sim_pool(k.senv) + frame * 4096ul, "new", 3));
	}
	during(free_between);
	CHECK(!kit_write(&k, X, 1));
	after();
	CHECK(kit_free(&k, X) && !kit_info(&k).out_waiting && !kit_info(&k).out_uninit);
	kit_stop(&k);
}

static void freed_direct(void)
{
	u32 frame;
	struct exo_frame_alloc fa = {.head.flags = EXO_FRAME_ANY, .frames = (uintptr_t)&frame, .count = 1};
	struct exo_io q;

	start();
	data(EXO_DECL_ALLOC);
	NEED(!CALL(&k, EXO_NR_FRAME_ALLOC, fa));
	q = (struct exo_io){.head.flags = EXO_IO_WRITE,
			    .disk = k.d,
			    .parent = TOP,
			    .claim = {.start = X, .count = 1},
			    .first = X,
			    .count = 1,
			    .frames = (uintptr_t)&frame};
	during(free_between);
	CHECK(!CALL(&k, EXO_NR_IO, q));
	after();
	CHECK(kit_free(&k, X) && !kit_info(&k).out_waiting && !kit_info(&k).out_uninit);
	kit_stop(&k);
}

/* The owner of the frame gives it back meanwhile: it is nobody else's before the transfer has ended. */
static u32 lent;

static void let_go_between(void)
{
	struct exo_frame_free ff = {.frames = (uintptr_t)&lent, .count = 1};
	struct exo_frame_alloc again = {.frames = (uintptr_t)&lent, .count = 1};

	CHECK(!CALL(&k, EXO_NR_FRAME_FREE, ff));
	CHECK(CALL(&k, EXO_NR_FRAME_ALLOC, again) == -EBUSY && k.reason == EXO_R_FRAME);
}

static void frame_let_go(void)
{
	struct exo_frame_alloc fa = {.head.flags = EXO_FRAME_ANY, .frames = (uintptr_t)&lent, .count = 1};
	struct exo_frame_alloc again = {.frames = (uintptr_t)&lent, .count = 1};
	struct exo_io q;

	start();
	data(EXO_DECL_ALLOC);
	NEED(!CALL(&k, EXO_NR_FRAME_ALLOC, fa));
	q = (struct exo_io){.head.flags = EXO_IO_WRITE,
			    .disk = k.d,
			    .parent = TOP,
			    .claim = {.start = X, .count = 1},
			    .first = X,
			    .count = 1,
			    .frames = (uintptr_t)&lent};
	during(let_go_between);
	CHECK(!CALL(&k, EXO_NR_IO, q));
	after();
	CHECK(!CALL(&k, EXO_NR_FRAME_ALLOC, again));
	kit_stop(&k);
}

int main(void)
{
	edited();
	freed(false);
	freed(true);
	freed_direct();
	frame_let_go();
	return check_done();
}
