// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * hostile_order.c: transactions that a user makes only to hurt: write orders that never resolve, records that pile up in
 * the kernel, searches that take for ever under the lock. After each, everybody can still SYNC and DETACH.
 */
#include <time.h>
#include "core_kit.h"

#define FRAMES 8192
#define BLOCKS 32768

static struct txn t;

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static struct slot slot(u64 start, u32 count, u32 ref)
{
	return (struct slot){ start, count, ref, 1, 0 };
}

static int give(struct kit *k, u64 node, u32 part, u32 s, u64 start, u32 count, u32 ref)
{
	txn_slot(&t, node, kit_version(k, node), part, s, slot(start, count, ref));
	txn_decl(&t, EXO_DECL_ALLOC, ref ? k->tmpl : 0, start, count);
	return txn_go(k, &t);
}

/*
 * The new owner's parent was written, and only the flush is missing: what moves to the new owner waits for that flush, not for
 * another write of the parent, which nobody owes.
 */
static void parent_written_not_flushed(void)
{
	struct kit k;
	u64 top;
	u32 root;

	kit_start(&k, FRAMES, BLOCKS, SIM_VOLATILE);
	NEED(!kit_root_add(&k, "r", k.tmpl, EXO_NOBLOCK, 1, 0, &root, &top));
	NEED(!give(&k, top, 0, 0, 2000, 1, 1));
	NEED(!give(&k, 2000, 0, 0, 2001, 1, 0));
	NEED(!kit_sync(&k, EXO_NOROOT));
	NEED(!give(&k, top, 1, 0, 2010, 1, 1));
	NEED(!kit_write(&k, 2010, 1) && !kit_flush(&k));
	NEED(!kit_write(&k, top, 1));
	txn_slot(&t, 2000, kit_version(&k, 2000), 0, 0, slot(0, 0, 0));
	txn_slot(&t, 2010, kit_version(&k, 2010), 0, 0, slot(2001, 1, 0));
	txn_decl(&t, EXO_DECL_MOVE, 0, 2001, 1);
	NEED(!txn_go(&k, &t));
	CHECK(!kit_sync(&k, EXO_NOROOT));
	CHECK(kit_info(&k).out_dirty == 0);
	CHECK(!kit_detach(&k, 0));
	kit_stop(&k);
}

/*
 * A subtree hung below itself is out of everybody's reach. Its blocks stay the root's: with the root deleted they would count
 * for nobody's quota, and a user could have the whole disk that way.
 */
static void loop_and_delete(void)
{
	struct exo_root_del del = { 0 };
	struct exo_disk_info before;
	struct kit k;
	u64 top;
	u32 root;

	kit_start(&k, FRAMES, BLOCKS, SIM_VOLATILE);
	NEED(!kit_root_add(&k, "r", k.tmpl, EXO_NOBLOCK, 1, 0, &root, &top));
	before = kit_info(&k);
	NEED(!give(&k, top, 0, 0, 2000, 1, 1));
	NEED(!give(&k, 2000, 0, 0, 2001, 1, 1));
	NEED(!give(&k, 2001, 0, 0, 2002, 100, 0));
	NEED(!kit_sync(&k, EXO_NOROOT));
	txn_slot(&t, top, kit_version(&k, top), 0, 0, slot(0, 0, 0));
	txn_slot(&t, 2001, kit_version(&k, 2001), 1, 0, slot(2000, 1, 1));
	txn_decl(&t, EXO_DECL_MOVE, k.tmpl, 2000, 1);
	if (!txn_go(&k, &t)) {
		CHECK(!kit_sync(&k, EXO_NOROOT));
		del.disk = k.d;
		del.root = root;
		CHECK(CALL(&k, EXO_NR_ROOT_DEL, del) == -EBUSY && k.reason == EXO_R_STILL_OWNS);
		/* it can be undone */
		txn_slot(&t, top, kit_version(&k, top), 0, 0, slot(2000, 1, 1));
		txn_slot(&t, 2001, kit_version(&k, 2001), 1, 0, slot(0, 0, 0));
		txn_decl(&t, EXO_DECL_MOVE, k.tmpl, 2000, 1);
		CHECK(!txn_go(&k, &t));
	}
	del.disk = k.d;
	del.root = root;
	CHECK(!CALL(&k, EXO_NR_ROOT_DEL, del));
	CHECK(!kit_sync(&k, EXO_NOROOT));
	CHECK(kit_info(&k).out_free == before.out_free + 1);
	kit_stop(&k);
}

int main(void)
{
	loop_and_delete();
	parent_written_not_flushed();
	(void)seconds;
	return check_done();
}
