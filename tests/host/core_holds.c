// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * core_holds.c: what keeps a freed block from being given out: each pointer to it that the disk may still hold, also those in blocks
 * that were freed themselves; and that the counts of such pointers end before they overflow.
 */
#include "../../kmod/core/internal.h"
#include "core_kit.h"

#define BLOCKS 4608u

static struct kit k;
static struct txn t;
static u64 top;
static u32 root;

static void edit(u64 block, u32 part, u64 child, u32 ref)
{
	struct slot s = {child, child != 0, child ? ref : 0, 0, 0};

	txn_slot(&t, block, block == top || kit_version(&k, block) ? kit_version(&k, block) : EXO_VERSION_NEW, part, 0, s);
}

static void give(u64 parent, u32 part, u64 block, u32 ref)
{
	edit(parent, part, block, ref);
	txn_decl(&t, EXO_DECL_ALLOC, ref ? k.tmpl : 0, block, 1);
}

static void drop(u64 parent, u32 part, u64 block, u32 ref)
{
	edit(parent, part, 0, 0);
	txn_decl(&t, EXO_DECL_FREE, ref ? k.tmpl : 0, block, 1);
}

static void start(u32 flags)
{
	kit_start(&k, 128, BLOCKS, flags);
	NEED(!kit_root_add(&k, "r", k.tmpl, EXO_NOBLOCK, 1, 0, &root, &top));
}

static void stop(void)
{
	u64 nfree = kit_info(&k).out_free;

	CHECK(!kit_detach(&k, 0) && !kit_attach(&k, EXO_ATTACH_WALK) && kit_info(&k).out_free == nfree);
	kit_stop(&k);
}

/*
 * top -> P[i] -> M[i] -> X[i]. M and X go at once: X stays while the disk may lead to M, and so to the old image of M. Blocks that the
 * core keeps in the same place of its table are not taken for each other.
 */
static void with_their_parents(u64 distance, bool backwards)
{
	const u64 p[] = {2000, 2001, 2002}, m[] = {2100, 2100 + distance, 2100 + 2 * distance}, x[] = {3000, 3001, 3002};
	u32 i, j, n;

	start(SIM_VOLATILE);
	for (i = 0; i < 3; i++) {
		give(top, i, p[i], 1);
		give(p[i], 0, m[i], 1);
		give(m[i], 0, x[i], 0);
		NEED(!txn_go(&k, &t));
	}
	NEED(!kit_sync(&k, EXO_NOROOT));
	for (i = 0; i < 3; i++) {
		drop(p[i], 0, m[i], 1);
		drop(m[i], 0, x[i], 0);
		CHECK(!txn_go(&k, &t));
	}
	CHECK(kit_info(&k).out_waiting == 6);
	for (n = 0; n < 3; n++) {
		i = backwards ? 2 - n : n;
		CHECK(!kit_write(&k, p[i], 1) && !kit_free(&k, m[i]) && !kit_free(&k, x[i]));
		CHECK(!kit_flush(&k));
		for (j = 0; j < 3; j++) {
			bool gone = backwards ? j >= i : j <= i;

			CHECK_MSG(kit_free(&k, m[j]) == gone && kit_free(&k, x[j]) == gone, "step %u, tree %u", n, j);
		}
		CHECK(kit_info(&k).out_waiting == 6 - 2 * (n + 1));
	}
	stop();
}

#define CHAIN 60u

/* A chain that is freed from its end: one write of what is left, and all of it is free. */
static void chain(void)
{
	u64 at = top, b;
	u32 i;

	start(SIM_VOLATILE);
	at = top;
	for (i = 0; i < CHAIN; i++) {
		give(at, 0, 2000 + i, 1);
		NEED(!txn_go(&k, &t));
		if (i % 20 == 19)
			NEED(!kit_sync(&k, EXO_NOROOT));
		at = 2000 + i;
	}
	NEED(!kit_sync(&k, EXO_NOROOT));
	for (i = CHAIN; i-- > 0;) {
		drop(i ? 2000 + i - 1 : top, 0, 2000 + i, 1);
		CHECK(!txn_go(&k, &t));
	}
	CHECK(kit_info(&k).out_waiting == CHAIN);
	CHECK(!kit_write(&k, top, 1) && kit_info(&k).out_waiting == CHAIN);
	CHECK(!kit_flush(&k) && kit_info(&k).out_waiting == 0);
	for (b = 2000; b < 2000 + CHAIN; b++)
		CHECK(kit_free(&k, b));
	stop();
}

static int to_and_fro(u32 from, u64 block)
{
	edit(top, from, 0, 0);
	edit(top, from ^ 1, block, 0);
	txn_decl(&t, EXO_DECL_MOVE, 0, block, 1);
	return txn_go(&k, &t);
}

/*
 * Each move of a block leaves one more place that the disk may find it in. Before a block's count, or the root's, is at its end, the
 * move is refused; a SYNC makes room. On a device whose sectors are blocks, so that the moves need no order.
 */
static void many(void)
{
	u32 one, two;

	start(SIM_SECTOR_4K);
	give(top, 0, 2000, 0);
	give(top, 2, 2001, 0);
	NEED(!txn_go(&k, &t) && !kit_sync(&k, EXO_NOROOT));
	for (one = 0; one <= 0xffff && !to_and_fro(one % 2, 2000); one++)
		;
	CHECK_MSG(one > 0xf000 && one < 0xffff && k.reason == EXO_R_CYCLE && k.detail == 2000, "%u", one);
	for (two = 0; two <= 0xffff && !to_and_fro(2 + two % 2, 2001); two++)
		;
	CHECK_MSG(one + two > 0x10000 && one + two < 0x10010 && k.reason == EXO_R_CYCLE && k.detail == 2001, "%u", two);
	CHECK(!kit_sync(&k, root));
	CHECK(!to_and_fro(one % 2, 2000) && !to_and_fro(2 + two % 2, 2001) && !kit_sync(&k, root));
	stop();
}

int main(void)
{
	with_their_parents(1, false);
	with_their_parents(EXO_ORPHAN_BUCKETS, false);
	with_their_parents(EXO_ORPHAN_BUCKETS, true);
	chain();
	many();
	return check_done();
}
