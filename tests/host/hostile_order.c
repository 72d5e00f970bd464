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

static int ordered(struct kit *k, u64 later, u64 first, u32 part)
{
	txn_bytes(&t, later, kit_version(k, later), 500, "l", 1);
	txn_bytes(&t, first, kit_version(k, first), 500, "f", 1);
	txn_decl(&t, EXO_DECL_ORDER, part, later, first);
	return txn_go(k, &t);
}

/* An order that is asked for without a claim: kept, given up by a flush, refused where it cannot be. */
static void order_asked_for(void)
{
	struct kit k;
	u64 top;
	u32 root;

	kit_start(&k, FRAMES, BLOCKS, SIM_VOLATILE);
	NEED(!kit_root_add(&k, "r", k.tmpl, EXO_NOBLOCK, 1, 0, &root, &top));
	NEED(!give(&k, top, 0, 0, 2000, 1, 1));
	NEED(!give(&k, top, 0, 1, 2010, 1, 1));
	NEED(!kit_sync(&k, EXO_NOROOT));
	CHECK(!ordered(&k, 2000, 2010, 0));
	CHECK(kit_write(&k, 2000, 1) && k.reason == EXO_R_TAINTED);
	CHECK(ordered(&k, 2010, 2000, 0) && k.reason == EXO_R_CYCLE);
	CHECK(!kit_write(&k, 2010, 1));
	CHECK(kit_write(&k, 2000, 1) && k.reason == EXO_R_TAINTED);
	CHECK(!kit_flush(&k) && !kit_write(&k, 2000, 1));
	CHECK(!ordered(&k, 2010, 2000, 0));
	CHECK(ordered(&k, 2010, 2000, 1) && k.reason == EXO_R_DECL);
	CHECK(ordered(&k, 2000, 2000, 0) && k.reason == EXO_R_DECL);
	CHECK(!kit_sync(&k, EXO_NOROOT));
	CHECK(kit_info(&k).out_dirty == 0);
	/* The parent waits for a new block by rule 1: that block cannot wait for the parent, or no SYNC ends any more. */
	txn_slot(&t, top, kit_version(&k, top), 0, 2, (struct slot){2020, 1, 1, 1, 0});
	txn_bytes(&t, 2020, EXO_VERSION_NEW, 480, "l", 1);
	txn_decl(&t, EXO_DECL_ALLOC, k.tmpl, 2020, 1);
	txn_decl(&t, EXO_DECL_ORDER, 0, 2020, top);
	t.edits[t.n - 1].offset = 20;
	CHECK(txn_go(&k, &t) == -EBUSY && k.reason == EXO_R_CYCLE);
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

/*
 * What a user makes the core remember has a bound. Each turn of `step` leaves a record until the next SYNC; in the end the
 * user is told to SYNC (EXO_R_CYCLE), or the core does it, and after that goes on.
 */
static void grows(const char *what, struct kit *k, int (*step)(struct kit *k, u32 turn), u32 turns, s64 most)
{
	s64 live = sim_alloc_live();
	u32 i, told = 0;

	for (i = 0; i < turns; i++) {
		int err = step(k, i);

		if (!err)
			continue;
		CHECK_MSG(err == -EBUSY && k->reason == EXO_R_CYCLE, "%s: %d, reason %u", what, err, k->reason);
		told++;
		break;
	}
	CHECK_MSG(sim_alloc_live() - live < most, "%s: %lld records after %u turns", what,
		  (long long)(sim_alloc_live() - live), i);
	CHECK(!kit_sync(k, EXO_NOROOT));
	CHECK_MSG(sim_alloc_live() - live < 32, "%s: %lld left", what, (long long)(sim_alloc_live() - live));
	CHECK_MSG(!told || !step(k, i), "%s: refused after the SYNC, too", what);
}

static u64 grow_top;

/* Sectors of 4096 bytes: a partition to another of the same block needs no order. */
static int move_between_partitions(struct kit *k, u32 turn)
{
	u32 i;

	for (i = 0; i < 12; i++) {
		txn_slot(&t, grow_top, kit_version(k, grow_top), turn % 2, i, slot(0, 0, 0));
		txn_slot(&t, grow_top, kit_version(k, grow_top), 1 - turn % 2, i, slot(2000 + 2 * i, 1, 0));
		txn_decl(&t, EXO_DECL_MOVE, 0, 2000 + 2 * i, 1);
	}
	return txn_go(k, &t);
}

static int write_without_flush(struct kit *k, u32 turn)
{
	int err;

	txn_bytes(&t, grow_top, kit_version(k, grow_top), 490, &turn, 4);
	err = txn_go(k, &t);
	return err ? err : kit_write(k, grow_top, 1);
}

static void bounded_memory(void)
{
	struct kit k;
	u32 root, i;

	kit_start(&k, FRAMES, BLOCKS, SIM_VOLATILE | SIM_SECTOR_4K);
	NEED(!kit_root_add(&k, "r", k.tmpl, EXO_NOBLOCK, 1, 0, &root, &grow_top));
	for (i = 0; i < 12; i++)
		NEED(!give(&k, grow_top, 0, i, 2000 + 2 * i, 1, 0));
	NEED(!kit_sync(&k, EXO_NOROOT));
	grows("moves inside a block", &k, move_between_partitions, 20000, 70000);
	grows("writes without a flush", &k, write_without_flush, 20000, 10000);
	kit_stop(&k);
}

/*
 * While somebody's SYNC writes, a user keeps a node of his from ever being ready: each time the uninitialised blocks that it points
 * at were written, it gets one more. The SYNC ends, and says that it was kept from it.
 */
static struct kit *hook_kit;
static u64 hook_top, hook_turns;

static void one_more(void *ctx, struct sim_disk *d, int op)
{
	u64 b = 4000;
	u32 part = hook_turns / SLOTS % PARTS, s = hook_turns % SLOTS;
	const struct slot *was;
	u32 reason = hook_kit->reason;

	if (op == EXO_OP_READ || hook_turns > 300000)
		return;
	while (!kit_free(hook_kit, b))
		b += 2;
	hook_turns++;
	was = kit_slot(hook_kit, hook_top, part, s);
	if (was->count)
		txn_decl(&t, EXO_DECL_FREE, 0, was->start, was->count);
	txn_slot(&t, hook_top, kit_version(hook_kit, hook_top), part, s, slot(b, 1, 0));
	txn_decl(&t, EXO_DECL_ALLOC, 0, b, 1);
	CHECK(!txn_go(hook_kit, &t));
	hook_kit->reason = reason;
}

static void sync_ends(void)
{
	struct kit k, user;
	u32 root;
	int err;

	kit_start(&k, FRAMES, BLOCKS, SIM_VOLATILE);
	user = kit_as(&k, &kit_user);
	NEED(!kit_root_add(&user, "r", k.tmpl, EXO_NOBLOCK, 1, 0, &root, &hook_top));
	NEED(!kit_sync(&k, EXO_NOROOT));
	NEED(!give(&user, hook_top, 0, 0, 3999, 1, 0));
	hook_kit = &user;
	sim_disk_hook(k.disk, one_more, NULL);
	err = kit_sync(&k, EXO_NOROOT);
	CHECK(hook_turns < 300000);
	CHECK_MSG(!err || (err == -EBUSY && k.reason == EXO_R_BUSY), "%d, reason %u", err, k.reason);
	sim_disk_hook(k.disk, NULL, NULL);
	CHECK(!kit_sync(&k, EXO_NOROOT));
	sim_env_close(user.senv);
	kit_stop(&k);
}

/*
 * Below a chain of nodes that were never written, a move waits for all of them. A long one is refused: the search would keep the
 * lock, and the records the memory. After the SYNC that the refusal asks for it goes.
 */
static void long_chain(void)
{
	struct kit k;
	u64 top, node;
	u32 root, i;
	int err;

	kit_start(&k, FRAMES, BLOCKS, SIM_VOLATILE);
	NEED(!kit_root_add(&k, "r", k.tmpl, EXO_NOBLOCK, 1, 0, &root, &top));
	NEED(!give(&k, top, 0, 0, 2000, 1, 0));
	NEED(!kit_sync(&k, EXO_NOROOT));
	for (node = top, i = 0; i < 1000; i++) {
		NEED(!give(&k, node, 1, 0, 3000 + i, 1, 1));
		node = 3000 + i;
	}
	for (i = 0; i < 2; i++) {
		txn_slot(&t, top, kit_version(&k, top), 0, 0, slot(0, 0, 0));
		txn_slot(&t, node, kit_version(&k, node), 0, 0, slot(2000, 1, 0));
		txn_decl(&t, EXO_DECL_MOVE, 0, 2000, 1);
		err = txn_go(&k, &t);
		if (i)
			CHECK(!err);
		else
			CHECK(err == -EBUSY && k.reason == EXO_R_CYCLE);
		CHECK(!kit_sync(&k, EXO_NOROOT));
	}
	kit_stop(&k);
}

static int move(struct kit *k, u64 from, u32 fs, u64 to, u32 ts, u64 block)
{
	txn_slot(&t, from, kit_version(k, from), 0, fs, slot(0, 0, 0));
	txn_slot(&t, to, kit_version(k, to), 0, ts, slot(block, 1, 1));
	txn_decl(&t, EXO_DECL_MOVE, k->tmpl, block, 1);
	return txn_go(k, &t);
}

/*
 * What was below A moves away, and then A moves below it. On the disk it is still reached through A alone: that A has a durable
 * pointer in it means nothing before the first MOVE is durable.
 */
static void below_what_was_below(void)
{
	struct kit k;
	u64 top, a = 2000, b = 2010, other = 2020;
	u32 root;

	kit_start(&k, FRAMES, BLOCKS, SIM_VOLATILE);
	NEED(!kit_root_add(&k, "r", k.tmpl, EXO_NOBLOCK, 1, 0, &root, &top));
	NEED(!give(&k, top, 0, 0, a, 1, 1) && !give(&k, top, 0, 1, other, 1, 1) && !give(&k, a, 0, 0, b, 1, 1));
	NEED(!kit_sync(&k, EXO_NOROOT));
	CHECK(!move(&k, a, 0, other, 0, b));
	CHECK(!move(&k, top, 0, b, 0, a));
	CHECK(!kit_write(&k, b, 1) && !kit_flush(&k));
	CHECK(kit_write(&k, top, 1) && k.reason == EXO_R_TAINTED);
	CHECK(!kit_write(&k, other, 1) && !kit_flush(&k) && !kit_write(&k, top, 1));
	CHECK(!kit_detach(&k, 0));
	kit_stop(&k);
}

/*
 * A parent that was written, and not flushed, is clean, and nobody has it bound. What hangs on it until the flush still does: its
 * frame is not another block's before that, however short frames are.
 */
static void clean_parent_keeps_its_frame(void)
{
	const u64 p = 2000, child = 2010;
	struct kit k;
	u64 top, b;
	u32 root, frame;

	kit_start(&k, 64, BLOCKS, SIM_VOLATILE);
	NEED(!kit_root_add(&k, "r", k.tmpl, EXO_NOBLOCK, 1, 0, &root, &top));
	NEED(!give(&k, top, 0, 0, p, 1, 1));
	NEED(!kit_sync(&k, EXO_NOROOT));
	NEED(!give(&k, p, 0, 0, child, 1, 1));
	NEED(!kit_write(&k, child, 1) && !kit_flush(&k) && !kit_write(&k, p, 1));
	frame = kit_frame(&k, p);
	kit_unbind(&k, frame);
	NEED(!(kit_buf(&k, p)->flags & EXO_BUF_DIRTY) && !kit_buf(&k, p)->refs);
	for (b = 3000; b < 3400; b++)
		CHECK(!kit_read(&k, b, 1));
	CHECK(kit_frame(&k, p) == frame);
	CHECK(!kit_flush(&k));
	for (b = 3400; b < 3800; b++)
		CHECK(!kit_read(&k, b, 1));
	CHECK(kit_frame(&k, p) == EXO_NOFRAME && kit_frame(&k, child) == EXO_NOFRAME);
	CHECK(!kit_detach(&k, 0));
	kit_stop(&k);
}

int main(void)
{
	clean_parent_keeps_its_frame();
	below_what_was_below();
	long_chain();
	sync_ends();
	bounded_memory();
	loop_and_delete();
	parent_written_not_flushed();
	order_asked_for();
	(void)seconds;
	return check_done();
}
