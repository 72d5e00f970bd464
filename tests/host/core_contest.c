// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * core_contest.c: what a power cut in the middle of a MOVE leaves: a block with two owners. Both may read it, neither may change it, what
 * it is or where it is, until one of them lets go; then it is the other's, with all that is below it.
 *
 * top -> FROM, TO; FROM owned NODE and DATA, TO got them: TO's image is durable, FROM's is not. NODE owns LEAF.
 */
#include "core_kit.h"

enum { FROM = 2000, TO = 2010, NODE = 2020, LEAF = 2030, DATA = 2040 };

static struct kit k;
static struct txn t;
static u64 top;
static u32 root;

static struct slot slot(u64 block, u32 ref)
{
	return (struct slot){block, block != 0, ref, 0, 0};
}

static int give(u64 parent, u32 at, u64 block, u32 ref)
{
	txn_slot(&t, parent, kit_version(&k, parent), 0, at, slot(block, ref));
	txn_decl(&t, EXO_DECL_ALLOC, ref ? k.tmpl : 0, block, 1);
	return txn_go(&k, &t);
}

static int drop(u64 parent, u32 at, u64 block, u32 ref)
{
	txn_slot(&t, parent, kit_version(&k, parent), 0, at, slot(0, 0));
	txn_decl(&t, EXO_DECL_FREE, ref ? k.tmpl : 0, block, 1);
	return txn_go(&k, &t);
}

static int move(u64 from, u64 to, u32 at, u64 block, u32 ref)
{
	txn_slot(&t, from, kit_version(&k, from), 0, at, slot(0, 0));
	txn_slot(&t, to, kit_version(&k, to), 0, at, slot(block, ref));
	txn_decl(&t, EXO_DECL_MOVE, ref ? k.tmpl : 0, block, 1);
	return txn_go(&k, &t);
}

static int bind(u64 parent, u64 block, u32 ref, u32 rights)
{
	struct exo_claim c = {.start = block, .count = 1, .template_id = ref ? k.tmpl : 0};
	u32 frame;
	int err = kit_bind(&k, root, parent, 0, c, rights, 0, &frame);

	return err ? err : kit_unbind(&k, frame);
}

static void cut(void)
{
	kit_start(&k, 64, 4608, SIM_VOLATILE);
	NEED(!kit_root_add(&k, "r", k.tmpl, EXO_NOBLOCK, 1, 0, &root, &top));
	NEED(!give(top, 0, FROM, 1) && !give(top, 1, TO, 1) && !give(FROM, 0, NODE, 1) && !give(FROM, 1, DATA, 0) &&
	     !give(NODE, 0, LEAF, 0));
	NEED(!kit_sync(&k, EXO_NOROOT));
	NEED(!move(FROM, TO, 0, NODE, 1) && !move(FROM, TO, 1, DATA, 0));
	NEED(!kit_write(&k, TO, 1) && !kit_flush(&k) && !kit_detach(&k, EXO_DETACH_DISCARD) && !kit_attach(&k, 0));
	CHECK(kit_info(&k).out_contested == 2);
	NEED(!bind(EXO_NOBLOCK, top, 1, EXO_RIGHT_READ) && !bind(top, FROM, 1, EXO_RIGHT_READ) && !bind(top, TO, 1, EXO_RIGHT_READ));
}

static bool contested(int err)
{
	return err == -EBUSY && k.reason == EXO_R_CONTESTED;
}

/* `loser` lets go of both. */
static void settle(u64 loser, u64 winner)
{
	u32 frame;
	struct exo_claim c = {.start = DATA, .count = 1};

	cut();
	CHECK(!bind(FROM, NODE, 1, EXO_RIGHT_READ) && !bind(TO, NODE, 1, EXO_RIGHT_READ));
	CHECK(!bind(FROM, DATA, 0, EXO_RIGHT_READ) && !bind(TO, DATA, 0, EXO_RIGHT_READ));
	CHECK(contested(bind(FROM, DATA, 0, EXO_RIGHT_ALL)) && contested(bind(TO, DATA, 0, EXO_RIGHT_ALL)));
	/* What it owns, and a byte that owns nothing. */
	CHECK(contested(give(NODE, 1, 2050, 0)) && contested(drop(NODE, 0, LEAF, 0)));
	txn_bytes(&t, NODE, kit_version(&k, NODE), 480, "x", 1);
	CHECK(contested(txn_go(&k, &t)));
	txn_slot(&t, winner, kit_version(&k, winner), 0, 0, slot(0, 0));
	txn_slot(&t, top, kit_version(&k, top), 0, 2, slot(NODE, 1));
	txn_decl(&t, EXO_DECL_MOVE, k.tmpl, NODE, 1);
	CHECK(contested(txn_go(&k, &t)));
	txn_slot(&t, winner, kit_version(&k, winner), 0, 1, slot(0, 0));
	txn_slot(&t, top, kit_version(&k, top), 0, 2, slot(DATA, 0));
	txn_decl(&t, EXO_DECL_MOVE, 0, DATA, 1);
	CHECK(contested(txn_go(&k, &t)));
	CHECK(!drop(loser, 0, NODE, 1) && kit_info(&k).out_contested == 1 && !kit_free(&k, NODE) && !kit_free(&k, LEAF));
	CHECK(!drop(loser, 1, DATA, 0) && kit_info(&k).out_contested == 0 && !kit_free(&k, DATA));
	CHECK(!bind(winner, NODE, 1, EXO_RIGHT_READ) && !give(NODE, 1, 2050, 0));
	NEED(!kit_bind(&k, root, winner, 0, c, EXO_RIGHT_ALL, 0, &frame));
	kit_unbind(&k, frame);
	/* Now it is a block as any other: it goes with its last owner. */
	CHECK(!drop(winner, 1, DATA, 0) && !kit_sync(&k, EXO_NOROOT) && kit_free(&k, DATA));
	CHECK(!kit_detach(&k, 0) && !kit_attach(&k, EXO_ATTACH_WALK) && !kit_info(&k).out_contested && !kit_free(&k, NODE));
	CHECK(!kit_detach(&k, 0));
	kit_stop(&k);
}

/* A transfer past the cache through a binding. */
static int bound(u32 binding, u32 frame, u32 flags)
{
	struct exo_io q = {.head.flags = flags | EXO_IO_BOUND, .index = binding, .first = DATA, .count = 1, .frames = (uintptr_t)&frame};

	return CALL(&k, EXO_NR_IO, q);
}

/* A binding may be made, and each transfer is asked about: reads go on, writes do not, also when the claim is looked up again. */
static void bindings(void)
{
	struct exo_io_bind b;
	u32 frame, w, i;
	struct exo_frame_alloc fa = {.head.flags = EXO_FRAME_ANY, .frames = (uintptr_t)&frame, .count = 1};

	cut();
	NEED(!CALL(&k, EXO_NR_FRAME_ALLOC, fa));
	b = (struct exo_io_bind){.disk = k.d, .parent = TO, .claim = {.start = DATA, .count = 1}, .rights = EXO_RIGHT_ALL};
	NEED(!CALL(&k, EXO_NR_IO_BIND, b));
	w = b.out_binding;
	NEED(!give(top, 3, 2060, 0) && !give(top, 4, 2061, 0));
	for (i = 0; i < 3; i++) {
		CHECK(!bound(w, frame, 0));
		CHECK(contested(bound(w, frame, EXO_IO_WRITE)) && k.detail == DATA);
		/* A block that leaves the root makes all of it be asked again; a write is then the first to ask, or a read. */
		CHECK(i == 2 || !drop(top, 3 + i, 2060 + i, 0));
		CHECK(i != 0 || contested(bound(w, frame, EXO_IO_WRITE)));
	}
	CHECK(!drop(FROM, 1, DATA, 0) && !bound(w, frame, EXO_IO_WRITE) && !bound(w, frame, 0));
	kit_stop(&k);
}

/* Data on its way to another root: each may read it by its own name for it, whoever came first. */
static void two_roots(bool new_first)
{
	u64 top2, at[2];
	u32 root2, in[2], i, frame;
	struct exo_claim c = {.start = DATA, .count = 1};

	kit_start(&k, 64, 4608, SIM_VOLATILE);
	NEED(!kit_root_add(&k, "r", k.tmpl, EXO_NOBLOCK, 1, 0, &root, &top));
	NEED(!kit_root_add(&k, "s", k.tmpl, EXO_NOBLOCK, 1, 0, &root2, &top2));
	NEED(!give(top, 0, DATA, 0) && !kit_sync(&k, EXO_NOROOT) && !move(top, top2, 0, DATA, 0));
	NEED(!kit_write(&k, top2, 1) && !kit_flush(&k) && !kit_detach(&k, EXO_DETACH_DISCARD) && !kit_attach(&k, 0));
	CHECK(kit_info(&k).out_contested == 1 && !kit_info(&k).out_quarantined);
	at[0] = new_first ? top2 : top;
	at[1] = new_first ? top : top2;
	in[0] = new_first ? root2 : root;
	in[1] = new_first ? root : root2;
	for (i = 0; i < 2; i++) {
		struct exo_claim r = {.start = at[i], .count = 1, .template_id = k.tmpl};

		NEED(!kit_bind(&k, in[i], EXO_NOBLOCK, 0, r, EXO_RIGHT_READ, 0, &frame));
	}
	for (i = 0; i < 4; i++) {
		CHECK(!kit_bind(&k, 0, at[i % 2], 0, c, EXO_RIGHT_READ, 0, &frame));
		CHECK(contested(kit_bind(&k, 0, at[i % 2], 0, c, EXO_RIGHT_ALL, 0, &frame)));
	}
	CHECK(!drop(at[0], 0, DATA, 0) && !kit_info(&k).out_contested && !kit_free(&k, DATA));
	CHECK(!kit_bind(&k, 0, at[1], 0, c, EXO_RIGHT_ALL, 0, &frame));
	CHECK(kit_bind(&k, 0, at[0], 0, c, EXO_RIGHT_READ, 0, &frame) == -EPERM && k.reason == EXO_R_NOT_CLAIMED);
	kit_stop(&k);
}

int main(void)
{
	bindings();
	two_roots(false);
	two_roots(true);
	settle(FROM, TO);
	settle(TO, FROM);
	return check_done();
}
