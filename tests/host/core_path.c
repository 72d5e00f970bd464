// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * core_path.c: metadata that moves below what used to be below it. The old parent may be written only when everything that
 * the new place is reached through is durable, however far up that is, and whether or not it was in core when it moved.
 *
 * The tree:  top -> A -> B -> C -> D   and   top -> other -> far
 * B moves from A to `other`; then A, or in the same transaction, below D. On the disk D is still reached through A alone.
 */
#include "core_kit.h"

#define BLOCKS 4608u

enum { A = 2000, B = 2010, C = 2020, D = 2030, OTHER = 2040, FAR = 2050 };

static struct txn t;
static u64 top;
static u32 root;

static struct slot node(u64 block)
{
	return (struct slot){block, 1, 1, 0, 0};
}

static int give(struct kit *k, u64 parent, u32 slot, u64 block)
{
	txn_slot(&t, parent, kit_version(k, parent), 0, slot, node(block));
	txn_decl(&t, EXO_DECL_ALLOC, k->tmpl, block, 1);
	return txn_go(k, &t);
}

static void add_move(struct kit *k, u64 from, u64 to, u32 slot, u64 block)
{
	txn_slot(&t, from, kit_version(k, from), 0, from == top && block == OTHER ? 1 : 0, (struct slot){0});
	txn_slot(&t, to, kit_version(k, to), 0, slot, node(block));
	txn_decl(&t, EXO_DECL_MOVE, k->tmpl, block, 1);
}

static int move(struct kit *k, u64 from, u64 to, u32 slot, u64 block)
{
	add_move(k, from, to, slot, block);
	return txn_go(k, &t);
}

static void bind_one(struct kit *k, u64 parent, u64 block)
{
	struct exo_claim c = {.start = block, .count = 1, .template_id = k->tmpl};
	u32 frame;

	NEED(!kit_bind(k, root, parent, 0, c, EXO_RIGHT_READ, 0, &frame));
	kit_unbind(k, frame);
}

/* Durable, and with `again` nothing of it in core but the root's block. */
static void make(struct kit *k, u32 flags, bool again)
{
	kit_start(k, 256, BLOCKS, flags);
	NEED(!kit_root_add(k, "r", k->tmpl, EXO_NOBLOCK, 1, 0, &root, &top));
	NEED(!give(k, top, 0, A) && !give(k, top, 1, OTHER) && !give(k, A, 0, B) && !give(k, B, 0, C) && !give(k, C, 0, D) &&
	     !give(k, OTHER, 1, FAR));
	NEED(!kit_sync(k, EXO_NOROOT));
	if (!again)
		return;
	NEED(!kit_detach(k, 0) && !kit_attach(k, 0));
	bind_one(k, EXO_NOBLOCK, top);
}

/* `first` must be durable before top's image without A may go. */
static void top_is_last(struct kit *k, u64 below, u64 first)
{
	CHECK(!kit_write(k, below, 1) && !kit_flush(k));
	CHECK(kit_write(k, top, 1) && k->reason == EXO_R_TAINTED);
	CHECK(!kit_write(k, first, 1));
	CHECK(kit_write(k, top, 1) && k->reason == EXO_R_TAINTED);
	CHECK(!kit_flush(k) && !kit_write(k, top, 1));
}

static void end(struct kit *k)
{
	CHECK(!kit_detach(k, 0));
	kit_stop(k);
}

static void in_two(void)
{
	struct kit k;

	make(&k, SIM_VOLATILE, false);
	CHECK(!move(&k, A, OTHER, 0, B));
	CHECK(!move(&k, top, D, 0, A));
	top_is_last(&k, D, OTHER);
	end(&k);
}

/* The pointer to B is on its way to the disk already: only a flush is missing. */
static void written_not_flushed(void)
{
	struct kit k;

	make(&k, SIM_VOLATILE, false);
	CHECK(!move(&k, A, OTHER, 0, B));
	CHECK(!kit_write(&k, OTHER, 1));
	CHECK(!move(&k, top, D, 0, A));
	CHECK(!kit_write(&k, D, 1));
	CHECK(kit_write(&k, top, 1) && k.reason == EXO_R_TAINTED);
	CHECK(!kit_flush(&k) && !kit_write(&k, top, 1));
	end(&k);
}

static void in_one(void)
{
	struct kit k;

	make(&k, SIM_VOLATILE, false);
	add_move(&k, A, OTHER, 0, B);
	add_move(&k, top, D, 0, A);
	CHECK(!txn_go(&k, &t));
	top_is_last(&k, D, OTHER);
	end(&k);
}

/* B is not in core when it moves, and is read and bound where it went before that is durable. */
static void not_in_core(bool late)
{
	struct kit k;

	make(&k, SIM_VOLATILE, true);
	bind_one(&k, top, A);
	bind_one(&k, top, OTHER);
	NEED(kit_frame(&k, B) == EXO_NOFRAME);
	CHECK(!move(&k, A, OTHER, 0, B));
	bind_one(&k, OTHER, B);
	bind_one(&k, B, C);
	bind_one(&k, C, D);
	if (late) {
		/* Written, and not flushed: nobody owes another write of it, so this is for a SYNC. */
		CHECK(!kit_write(&k, OTHER, 1));
		CHECK(move(&k, top, D, 0, A) == -EBUSY && k.reason == EXO_R_CYCLE);
		CHECK(!kit_sync(&k, root) && !move(&k, top, D, 0, A));
		CHECK(!kit_write(&k, D, 1) && !kit_flush(&k) && !kit_write(&k, top, 1));
	} else {
		CHECK(!move(&k, top, D, 0, A));
		top_is_last(&k, D, OTHER);
	}
	end(&k);
}

/* The new parent is the one that gives A away, and the two pointers are in one partition: no order is left. */
static void not_in_core_same(void)
{
	struct kit k;

	make(&k, SIM_VOLATILE, true);
	bind_one(&k, top, A);
	CHECK(!move(&k, A, top, 2, B));
	bind_one(&k, top, B);
	CHECK(move(&k, top, B, 1, A) == -EBUSY && k.reason == EXO_R_CYCLE);
	CHECK(!kit_sync(&k, root) && !move(&k, top, B, 1, A));
	end(&k);
}

/* Frames go to other blocks, as when frames are short: what the core knew of the way up is gone with them. */
static void push_out(struct kit *k, u64 block)
{
	u64 b;

	for (b = 3000; b < 4600 && kit_frame(k, block) != EXO_NOFRAME; b++)
		kit_read(k, b, 1);
	NEED(kit_frame(k, block) == EXO_NOFRAME);
}

static void hold(struct kit *k, u64 parent, u64 block)
{
	struct exo_claim c = {.start = block, .count = 1, .template_id = k->tmpl};
	u32 frame;

	NEED(!kit_bind(k, root, parent, 0, c, EXO_RIGHT_READ, 0, &frame));
}

static void path_unknown(bool before)
{
	struct kit k;
	u32 frame;

	make(&k, SIM_VOLATILE, true);
	hold(&k, EXO_NOBLOCK, top);
	hold(&k, top, A);
	hold(&k, top, OTHER);
	hold(&k, A, B);
	bind_one(&k, B, C);
	hold(&k, C, D);
	push_out(&k, C);
	if (before) {
		CHECK(!move(&k, A, OTHER, 0, B));
		CHECK(move(&k, top, D, 0, A) == -EBUSY && k.reason == EXO_R_CYCLE);
		CHECK(!kit_sync(&k, root) && !move(&k, top, D, 0, A));
		CHECK(!kit_write(&k, D, 1) && !kit_flush(&k) && !kit_write(&k, top, 1));
	} else {
		add_move(&k, A, OTHER, 0, B);
		add_move(&k, top, D, 0, A);
		CHECK(!txn_go(&k, &t));
		top_is_last(&k, D, OTHER);
	}
	for (frame = 0; frame < 256; frame++)
		kit_unbind(&k, frame);
	end(&k);
}

/*
 * top -> O -> P -> X -> Y -> Z and P -> W. In one transaction Y takes X's place and X goes below it, and Z leaves Y for W. O, which leads to all
 * of it, is not in core; what moves is below P and so not above it, and has nothing to wait for there.
 */
static void around(void)
{
	enum { O = 2100, P = 2110, X = 2120, Y = 2130, Z = 2140, W = 2150 };
	static const u64 all[] = {O, P, X, Y, Z, W};
	struct kit k;
	u32 i;

	kit_start(&k, 256, BLOCKS, SIM_VOLATILE);
	NEED(!kit_root_add(&k, "r", k.tmpl, EXO_NOBLOCK, 1, 0, &root, &top));
	NEED(!give(&k, top, 0, O) && !give(&k, O, 0, P) && !give(&k, P, 0, X) && !give(&k, P, 1, W) && !give(&k, X, 0, Y) &&
	     !give(&k, Y, 0, Z) && !kit_sync(&k, EXO_NOROOT));
	NEED(!kit_detach(&k, 0) && !kit_attach(&k, 0));
	hold(&k, EXO_NOBLOCK, top);
	bind_one(&k, top, O);
	hold(&k, O, P);
	hold(&k, P, X);
	hold(&k, P, W);
	hold(&k, X, Y);
	push_out(&k, O);
	txn_slot(&t, X, kit_version(&k, X), 0, 0, (struct slot){0});
	txn_slot(&t, Y, kit_version(&k, Y), 0, 0, node(X));
	txn_slot(&t, P, kit_version(&k, P), 0, 0, node(Y));
	txn_slot(&t, W, kit_version(&k, W), 0, 0, node(Z));
	for (i = 2; i < 5; i++)
		txn_decl(&t, EXO_DECL_MOVE, k.tmpl, all[i], 1);
	CHECK_MSG(!txn_go(&k, &t), "reason %u", k.reason);
	/* P holds Y before X, which gave it away, may go; and Z's new place before Y without it. */
	CHECK(kit_write(&k, X, 1) && k.reason == EXO_R_TAINTED && kit_write(&k, P, 1) && k.reason == EXO_R_TAINTED);
	CHECK(kit_write(&k, Y, 1) && k.reason == EXO_R_TAINTED);
	CHECK(!kit_write(&k, W, 1) && !kit_flush(&k) && !kit_write(&k, Y, 1) && !kit_flush(&k) && !kit_write(&k, P, 1));
	CHECK(kit_write(&k, X, 1) && !kit_flush(&k) && !kit_write(&k, X, 1));
	for (i = 0; i < 256; i++)
		kit_unbind(&k, i);
	CHECK(!kit_detach(&k, 0) && !kit_attach(&k, EXO_ATTACH_WALK) && kit_info(&k).out_walk_meta == 7);
	kit_stop(&k);
}

/* Whatever moved and is durable makes nothing wait, though the old place is not written yet. */
static void at_rest(void)
{
	struct kit k;

	make(&k, 0, false);
	CHECK(!move(&k, A, OTHER, 0, B));
	CHECK(!kit_write(&k, OTHER, 1));
	CHECK(!move(&k, top, D, 0, A));
	CHECK(!kit_write(&k, D, 1) && !kit_write(&k, top, 1));
	end(&k);
}

int main(void)
{
	in_two();
	written_not_flushed();
	in_one();
	not_in_core(false);
	not_in_core(true);
	not_in_core_same();
	path_unknown(true);
	path_unknown(false);
	at_rest();
	around();
	return check_done();
}
