// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * core_order.c: what may be written in any order, and what may not: subtrees that nothing on disk leads to, and
 * temporary roots. What a crash leaves is read off the medium.
 */
#include "core_kit.h"

#define FRAMES 2048
#define BLOCKS 16384
#define DEPTH 5u

static struct txn t;

static struct slot slot(u64 start, u32 count, u32 ref)
{
	return (struct slot){start, count, ref, 1, 0};
}

static int give(struct kit *k, u64 node, u32 part, u32 s, u64 start, u32 count, u32 ref)
{
	txn_slot(&t, node, kit_version(k, node), part, s, slot(start, count, ref));
	txn_decl(&t, EXO_DECL_ALLOC, ref ? k->tmpl : 0, start, count);
	return txn_go(k, &t);
}

static int move(struct kit *k, u64 from, u32 fpart, u64 to, u32 tpart, u64 start, u32 ref)
{
	txn_slot(&t, from, kit_version(k, from), fpart, 0, slot(0, 0, 0));
	txn_slot(&t, to, kit_version(k, to), tpart, 0, slot(start, 1, ref));
	txn_decl(&t, EXO_DECL_MOVE, ref ? k->tmpl : 0, start, 1);
	return txn_go(k, &t);
}

static int drop(struct kit *k, u64 from, u32 part, u64 start, u32 ref)
{
	txn_slot(&t, from, kit_version(k, from), part, 0, slot(0, 0, 0));
	txn_decl(&t, EXO_DECL_FREE, ref ? k->tmpl : 0, start, 1);
	return txn_go(k, &t);
}

static void fill(struct kit *k, u64 parent, u32 part, u64 start, u32 byte)
{
	struct exo_claim c = {.start = start, .count = 1};
	u8 page[4096];
	u32 frame;

	memset(page, (int)byte, sizeof(page));
	NEED(!kit_bind(k, 0, parent, part, c, EXO_RIGHT_ALL, EXO_BIND_OVERWRITE, &frame));
	NEED(sim_poke(sim_pool(k->senv) + frame * 4096ul, page, sizeof(page)));
	NEED(!kit_unbind(k, frame));
}

/* A word of the medium as it is when the power goes now and nothing pending lands. */
static u64 after_crash(struct kit *k, u64 block, u32 offset)
{
	size_t cut = sim_log_len(k->disk), pending = sim_crash_pending(k->disk, cut, NULL, 0);
	u8 *land = calloc(pending + 1, 1);
	struct sim_image *img = sim_crash_image(k->disk, cut, land, pending);
	u64 word;

	NEED(img);
	memcpy(&word, (const u8 *)sim_image_block(img, block) + offset, 8);
	sim_image_free(img);
	free(land);
	return word;
}

/*
 * A durable pointer in a block that nothing durable leads to does not make anything reachable: who gives a block to what is below
 * waits for all of the way down from the root.
 */
static void durable_but_unreachable(void)
{
	struct kit k;
	u32 root;
	u64 top;

	kit_start(&k, FRAMES, BLOCKS, SIM_VOLATILE);
	NEED(!kit_root_add(&k, "r", k.tmpl, EXO_NOBLOCK, 1, 0, &root, &top));
	NEED(!give(&k, top, 0, 0, 2000, 1, 1) && !give(&k, 2000, 0, 0, 3000, 1, 0));
	fill(&k, 2000, 0, 3000, 0x77);
	NEED(!kit_sync(&k, EXO_NOROOT) && !sim_log_start(k.disk));
	NEED(!give(&k, top, 1, 0, 2001, 1, 1) && !give(&k, 2001, 0, 0, 2002, 1, 1));
	NEED(!kit_write(&k, 2002, 1) && !kit_flush(&k) && !kit_write(&k, 2001, 1) && !kit_flush(&k));
	/* nothing leads to 2001 yet */
	NEED(!move(&k, 2000, 0, 2002, 0, 3000, 0));
	NEED(!kit_write(&k, 2002, 1) && !kit_flush(&k));
	if (!kit_write(&k, 2000, 1))
		CHECK(!kit_flush(&k) && (after_crash(&k, 2000, 0) == 3000 || after_crash(&k, top, PART) == 2001));
	CHECK(!kit_write(&k, top, 1) && !kit_flush(&k) && !kit_write(&k, 2000, 1));
	CHECK(!kit_sync(&k, EXO_NOROOT) && kit_info(&k).out_dirty == 0);
	kit_stop(&k);
}

/* ---- a tree that nothing leads to ---- */

#define NODES ((1u << DEPTH) - 1) /* of two kids each; the lowest own a data block each */
#define LEAVES (1u << (DEPTH - 1))
#define NODE0 2000u
#define DATA0 3000u

static u64 tree_top;

/* Node i has the kids 2i + 1 and 2i + 2; node 0 hangs on the top, part 2. */
static void plant(struct kit *k)
{
	u32 i, root;

	kit_start(k, FRAMES, BLOCKS, SIM_VOLATILE);
	NEED(!kit_root_add(k, "r", k->tmpl, EXO_NOBLOCK, 1, 0, &root, &tree_top));
	NEED(!kit_sync(k, EXO_NOROOT));
	for (i = 0; i < LEAVES; i++)
		sim_disk_poke(k->disk, DATA0 + i, 0, "somebody else's", 15);
	NEED(!sim_log_start(k->disk));
	for (i = 0; i < NODES; i++)
		NEED(!give(k, i ? NODE0 + (i - 1) / 2 : tree_top, i ? (i - 1) % 2 : 2, 0, NODE0 + i, 1, 1));
	for (i = 0; i < LEAVES; i++) {
		NEED(!give(k, NODE0 + LEAVES - 1 + i, 2, 0, DATA0 + i, 1, 0));
		fill(k, NODE0 + LEAVES - 1 + i, 2, DATA0 + i, 0x40 + i);
	}
}

/* Is everything there that the top leads to after a crash? */
static void whole_or_nothing(struct kit *k, size_t cut, u64 seed)
{
	size_t pending = sim_crash_pending(k->disk, cut, NULL, 0);
	u8 *land = calloc(pending + 1, 1);
	struct sim_image *img;
	u32 i, part;

	sim_crash_draw(k->disk, cut, seed, land, pending);
	img = sim_crash_image(k->disk, cut, land, pending);
	NEED(img);
	if (((const struct slot *)(sim_image_block(img, tree_top) + 2 * PART))->start == NODE0) {
		for (i = 1; i < NODES; i++) {
			const u8 *up = sim_image_block(img, NODE0 + (i - 1) / 2);

			part = (i - 1) % 2;
			CHECK_MSG(((const struct slot *)(up + part * PART))->start == NODE0 + i, "cut %zu node %u", cut, i);
		}
		for (i = 0; i < LEAVES; i++) {
			const u8 *up = sim_image_block(img, NODE0 + LEAVES - 1 + i);

			CHECK(((const struct slot *)(up + 2 * PART))->start == DATA0 + i);
			CHECK_MSG(*(const u8 *)sim_image_block(img, DATA0 + i) == 0x40 + i, "cut %zu data %u", cut, i);
		}
	}
	sim_image_free(img);
	free(land);
}

static void crashes(struct kit *k)
{
	size_t cut, len = sim_log_len(k->disk);
	u64 seed;

	for (cut = 0; cut <= len; cut++)
		for (seed = 1; seed <= 8; seed++)
			whole_or_nothing(k, cut, cut * 8 + seed);
}

/* Writes of single blocks, in some order, until all are written: refused ones come again after a FLUSH. */
static void by_hand(struct kit *k, int order, u32 *refused, u32 *rounds)
{
	bool done[NODES + LEAVES] = {false};
	u32 i, left = NODES + LEAVES;

	*refused = *rounds = 0;
	while (left) {
		++*rounds;
		for (i = 0; i < NODES + LEAVES; i++) {
			u32 x = order == 0 ? i : order == 1 ? NODES + LEAVES - 1 - i : i * 20 % (NODES + LEAVES);

			if (done[x])
				continue;
			if (kit_write(k, x < NODES ? NODE0 + x : DATA0 + x - NODES, 1)) {
				CHECK(k->reason == EXO_R_TAINTED);
				++*refused;
				continue;
			}
			done[x] = true;
			left--;
		}
		CHECK(!kit_flush(k));
	}
	while (kit_write(k, tree_top, 1)) {
		CHECK(k->reason == EXO_R_TAINTED && k->nranges);
		++*refused;
		CHECK(!kit_flush(k));
		if (++*rounds > 100)
			NEED(!"the top is never written");
	}
	++*rounds;
	CHECK(!kit_flush(k));
}

static void any_order(bool strict)
{
	static const char *const names[] = {"top down", "bottom up", "mixed"};
	struct exo_sync s = {.root = EXO_NOROOT};
	u32 refused, rounds;
	struct kit k;
	int order;

	for (order = 0; order < 3; order++) {
		plant(&k);
		by_hand(&k, order, &refused, &rounds);
		printf("%s, depth %u, %s: %u writes refused, %u rounds of writes and a flush\n",
		       strict ? "rule 1 everywhere" : "unattached", DEPTH, names[order], refused, rounds);
		if (strict)
			CHECK(rounds > DEPTH);
		else
			CHECK(!refused && rounds == 2);
		CHECK(kit_info(&k).out_dirty == 0 && kit_info(&k).out_uninit == 0);
		crashes(&k);
		kit_stop(&k);
	}
	plant(&k);
	s.disk = k.d;
	CHECK(!CALL(&k, EXO_NR_SYNC, s) && kit_info(&k).out_dirty == 0);
	printf("SYNC: %u rounds\n", s.out_rounds);
	CHECK(strict ? s.out_rounds > DEPTH : s.out_rounds == 2);
	crashes(&k);
	kit_stop(&k);
}

/* The refusal names everything that is missing below, so that two WRITEs do it. */
static void names_all(void)
{
	struct exo_run runs[64];
	struct exo_write w = {0};
	u64 missing = 0;
	struct kit k;
	u32 i;

	plant(&k);
	CHECK(kit_write(&k, tree_top, 1) == -EBUSY && k.reason == EXO_R_TAINTED && k.nranges <= 64);
	for (i = 0; i < k.nranges; i++) {
		CHECK(k.ranges[i].kind == EXO_RANGE_FIRST);
		runs[i] = (struct exo_run){k.ranges[i].start, k.ranges[i].count};
		missing += k.ranges[i].count;
	}
	CHECK(missing == NODES + LEAVES);
	w.disk = k.d;
	w.nruns = k.nranges;
	w.runs = (uintptr_t)runs;
	CHECK(!CALL(&k, EXO_NR_WRITE, w) && w.out_blocks == missing);
	/* written is not durable */
	CHECK(kit_write(&k, tree_top, 1) == -EBUSY && k.nranges);
	CHECK(!kit_flush(&k) && !kit_write(&k, tree_top, 1));
	kit_stop(&k);
}

/* ---- attacks ---- */

/*
 * Written while nothing led to it, then attached with something else in core than on the disk: what the old image points at
 * is nobody's, or uninitialised.
 */
static void stale_image(void)
{
	struct kit k;

	plant(&k);
	/* node 15, a lowest one, goes to the disk with a pointer to data that nobody wrote */
	NEED(!give(&k, NODE0 + 15, 3, 0, 4000, 1, 0));
	sim_disk_poke(k.disk, 4000, 0, "somebody else's", 15);
	CHECK(!kit_write(&k, NODE0, NODES) && !kit_flush(&k) && !kit_write(&k, DATA0, LEAVES) && !kit_flush(&k));
	CHECK(!drop(&k, NODE0 + 15, 3, 4000, 0) && !kit_free(&k, 4000));
	/* in core all is well below the top; on the disk 15 still leads to 4000 */
	CHECK(kit_write(&k, tree_top, 1) == -EBUSY && k.reason == EXO_R_TAINTED && k.nranges == 1 &&
	      k.ranges[0].start == NODE0 + 15);
	CHECK(!kit_write(&k, NODE0 + 15, 1));
	CHECK(kit_write(&k, tree_top, 1) == -EBUSY && !kit_free(&k, 4000));
	CHECK(!kit_flush(&k) && kit_free(&k, 4000) && !kit_write(&k, tree_top, 1));
	kit_stop(&k);
}

/* Written loosely, then moved below an attached node: its old parent would wait for the top, and the top for that. */
static void moved_away(void)
{
	struct kit k;

	plant(&k);
	CHECK(!kit_write(&k, NODE0 + 3, 1) && !kit_flush(&k) && !kit_write(&k, NODE0 + 1, 1) && !kit_flush(&k));
	CHECK(move(&k, NODE0 + 1, 0, tree_top, 3, NODE0 + 3, 1) == -EBUSY && k.reason == EXO_R_CYCLE);
	/* all of it at once is well; what lies below 3 is still missing */
	CHECK(!move(&k, tree_top, 2, tree_top, 4, NODE0, 1));
	CHECK(kit_write(&k, tree_top, 1) == -EBUSY && k.reason == EXO_R_TAINTED && k.nranges);
	CHECK(!kit_sync(&k, EXO_NOROOT) && kit_info(&k).out_dirty == 0 && kit_info(&k).out_uninit == 0);
	CHECK(!move(&k, NODE0 + 1, 0, tree_top, 3, NODE0 + 3, 1) && !kit_sync(&k, EXO_NOROOT));
	CHECK(!kit_detach(&k, 0) && !kit_attach(&k, EXO_ATTACH_WALK) && kit_info(&k).out_contested == 0);
	kit_stop(&k);
}

/* What was freed on the way: the image that is attached leads to no block that has a new owner. */
static void reuse(void)
{
	struct kit k, other;
	u32 root;
	u64 at;

	plant(&k);
	other = kit_as(&k, &kit_other);
	NEED(!kit_root_add(&other, "o", k.tmpl, EXO_NOBLOCK, 1, 0, &root, &at));
	CHECK(!kit_write(&k, NODE0, NODES) && !kit_flush(&k));
	CHECK(!drop(&k, NODE0 + 15, 2, DATA0, 0));
	/* 15 leads to it on the disk */
	txn_slot(&t, at, kit_version(&k, at), 0, 0, slot(DATA0, 1, 0));
	txn_decl(&t, EXO_DECL_ALLOC, 0, DATA0, 1);
	CHECK(txn_go(&other, &t) == -EBUSY && other.reason == EXO_R_NEEDS_FREE);
	/* a block that no image ever led to is free at once */
	NEED(!give(&k, NODE0 + 16, 3, 0, 4001, 1, 0) && !drop(&k, NODE0 + 16, 3, 4001, 0));
	CHECK(kit_free(&k, 4001));
	CHECK(!kit_sync(&k, EXO_NOROOT) && kit_free(&k, DATA0));
	sim_env_close(other.senv);
	kit_stop(&k);
}

/* The owner keeps changing a subtree that was written loosely: his own attach waits, nobody else's SYNC does. */
static struct kit *busy_kit;
static u32 busy_turns;

static void busy(void *ctx, struct sim_disk *d, int op)
{
	u32 reason = busy_kit->reason;

	if (op == EXO_OP_READ || busy_turns > 60000)
		return;
	busy_turns++;
	txn_bytes(&t, NODE0 + 15, kit_version(busy_kit, NODE0 + 15), 4 * PART + 490, &busy_turns, 4);
	CHECK(!txn_go(busy_kit, &t));
	busy_kit->reason = reason;
}

static void restless(void)
{
	struct kit k, other;
	u32 root;
	u64 at;
	int err;

	plant(&k);
	other = kit_as(&k, &kit_other);
	NEED(!kit_root_add(&other, "o", k.tmpl, EXO_NOBLOCK, 1, 0, &root, &at));
	CHECK(!kit_write(&k, NODE0, NODES) && !kit_flush(&k));
	busy_kit = &k;
	busy_turns = 0;
	sim_disk_hook(k.disk, busy, NULL);
	CHECK(!kit_sync(&other, root));
	CHECK(busy_turns < 100);
	err = kit_sync(&other, EXO_NOROOT);
	CHECK_MSG(busy_turns < 60000 && (!err || (err == -EBUSY && other.reason == EXO_R_BUSY)), "%d reason %u after %u",
		  err, other.reason, busy_turns);
	sim_disk_hook(k.disk, NULL, NULL);
	CHECK(!kit_sync(&k, EXO_NOROOT) && kit_info(&k).out_dirty == 0);
	sim_env_close(other.senv);
	kit_stop(&k);
}

/* A write of a member fails: the disk may hold either image, and the attach waits for a better one. */
static void failed_member(void)
{
	struct kit k;

	plant(&k);
	CHECK(!kit_write(&k, NODE0, NODES) && !kit_flush(&k) && !kit_write(&k, DATA0, LEAVES) && !kit_flush(&k));
	txn_bytes(&t, NODE0 + 15, kit_version(&k, NODE0 + 15), 490, "x", 1);
	NEED(!txn_go(&k, &t));
	sim_disk_fail(k.disk, SIM_FAIL_WRITE, NODE0 + 15, 1, 0, 0);
	CHECK(kit_write(&k, NODE0 + 15, 1) == -EIO);
	CHECK(kit_write(&k, tree_top, 1) == -EBUSY && k.nranges == 1 && k.ranges[0].start == NODE0 + 15);
	sim_disk_fail(k.disk, 0, 0, 0, 0, 0);
	CHECK(!kit_write(&k, NODE0 + 15, 1) && !kit_flush(&k) && !kit_write(&k, tree_top, 1));
	kit_stop(&k);
}

/* ---- a part of a root, and the order of it ---- */

static struct exo_sync part;
static struct exo_range plan[256];

static int sync_part(struct kit *k, u32 flags, const struct exo_run *runs, u32 n)
{
	part = (struct exo_sync){.head.flags = flags,
				 .disk = k->d,
				 .root = EXO_NOROOT,
				 .nruns = n,
				 .runs = (uintptr_t)runs,
				 .ranges = (uintptr_t)plan,
				 .ranges_room = 256};
	return CALL(k, EXO_NR_SYNC, part);
}

static bool dirty(struct kit *k, u64 block)
{
	const struct exo_buf *b = kit_buf(k, block);

	return b && (b->flags & EXO_BUF_DIRTY);
}

/* One lowest node and its data: they, and the way to them, and not the other half of the tree but by need. */
static void a_part(void)
{
	struct exo_run runs[2] = {{1900, 1}, {1901, 1}}, all = {1042, BLOCKS - 1 - 1042}, one = {NODE0 + 20, 1};
	struct kit k;
	u32 i;

	plant(&k);
	NEED(!kit_sync(&k, EXO_NOROOT));
	/* two files: 1900 with its data, 1910 with data that nobody wrote, below two old nodes */
	NEED(!give(&k, NODE0 + 3, 3, 0, 1900, 1, 1) && !give(&k, 1900, 0, 0, 1901, 1, 0));
	NEED(!give(&k, NODE0 + 4, 3, 0, 1910, 1, 1) && !give(&k, 1910, 0, 0, 5000, 500, 0));
	fill(&k, 1900, 0, 1901, 0x11);
	CHECK(!sync_part(&k, EXO_SYNC_RUNS | EXO_SYNC_PLAN, runs, 2));
	CHECK(part.out_blocks == 3 && part.out_rounds == 2 && part.out_nranges == 3);
	for (i = 0; i < 2; i++)
		CHECK(plan[i].start == 1900 + i && plan[i].count == 1 && plan[i].kind == 1);
	CHECK(plan[2].start == NODE0 + 3 && plan[2].kind == 2 && plan[2].template_id == k.tmpl);
	CHECK(dirty(&k, 1900) && dirty(&k, 1901) && dirty(&k, NODE0 + 3));
	CHECK(!sync_part(&k, EXO_SYNC_RUNS, runs, 2) && part.out_blocks == 3 && part.out_rounds == 2);
	CHECK(!dirty(&k, 1900) && !dirty(&k, 1901) && !dirty(&k, NODE0 + 3));
	CHECK(dirty(&k, 1910) && dirty(&k, NODE0 + 4) && kit_info(&k).out_uninit == 501);
	CHECK(after_crash(&k, NODE0 + 3, 3 * PART) == 1900 && after_crash(&k, 1900, 0) == 1901);
	CHECK(after_crash(&k, 1901, 0) == 0x1111111111111111ull && after_crash(&k, NODE0 + 4, 3 * PART) == 0);
	/* again: nothing to do */
	CHECK(!sync_part(&k, EXO_SYNC_RUNS, runs, 2) && part.out_blocks == 0);
	CHECK(!sync_part(&k, EXO_SYNC_RUNS | EXO_SYNC_PLAN, runs, 2) && part.out_rounds == 0 && part.out_nranges == 0);
	/* the data alone does not bring its owner */
	runs[0] = (struct exo_run){5000, 500};
	CHECK(!sync_part(&k, EXO_SYNC_RUNS, runs, 1) && part.out_blocks == 0 && dirty(&k, 1910));
	/* data that nobody wrote is among it, in one piece */
	runs[0] = (struct exo_run){1910, 1};
	CHECK(!sync_part(&k, EXO_SYNC_RUNS | EXO_SYNC_PLAN, runs, 1) && part.out_rounds == 2 && part.out_blocks == 502);
	CHECK(part.out_nranges == 3 && plan[1].start == 5000 && plan[1].count == 500 && plan[1].kind == 1);
	CHECK(!sync_part(&k, EXO_SYNC_RUNS, runs, 1) && part.out_blocks == 502 && kit_info(&k).out_dirty == 0);
	/* a run as long as the disk is a SYNC of all */
	NEED(!give(&k, NODE0 + 20, 3, 0, 1920, 1, 1));
	CHECK(!sync_part(&k, EXO_SYNC_RUNS, &one, 1) && part.out_blocks == 2);
	NEED(!give(&k, NODE0 + 20, 4, 0, 1921, 1, 1));
	CHECK(!sync_part(&k, EXO_SYNC_RUNS, &all, 1) && part.out_blocks == 2 && kit_info(&k).out_dirty == 0);
	kit_stop(&k);
}

/* The plan of a SYNC, carried out by hand, is accepted write for write. */
static void by_plan(void)
{
	struct exo_run runs[256];
	u32 i, n, round, root, refused = 0;
	struct kit k;
	u64 at;

	plant(&k);
	/* and a chain of waits: each node gave something to the next */
	for (i = 0; i < 6; i++)
		NEED(!give(&k, tree_top, i + 3 < PARTS ? i + 3 : 0, i + 3 < PARTS ? 1 : i, 1800 + i, 1, 1) &&
		     !give(&k, 1800 + i, 0, 0, 1850 + i, 1, 0));
	NEED(!kit_sync(&k, EXO_NOROOT));
	for (i = 5; i--;)
		NEED(!move(&k, 1800 + i, 0, 1801 + i, 1, 1850 + i, 0));
	NEED(!give(&k, NODE0 + 30, 4, 0, 1700, 1, 1) && !give(&k, 1700, 0, 0, 1701, 1, 1) && !give(&k, 1701, 0, 0, 1702, 1, 0));
	fill(&k, 1701, 0, 1702, 0x22);
	NEED(!kit_root_add(&k, "new", k.tmpl, EXO_NOBLOCK, 1, 0, &root, &at));
	CHECK(!sync_part(&k, EXO_SYNC_PLAN, NULL, 0) && part.out_rounds == 6 && part.out_nranges < 256);
	n = part.out_nranges;
	CHECK(!kit_flush(&k));
	for (round = 1; round <= part.out_rounds; round++) {
		struct exo_write w = {.disk = k.d, .runs = (uintptr_t)runs};

		for (i = 0; i < n; i++) {
			if (plan[i].kind != round)
				continue;
			if (plan[i].start == EXO_NOBLOCK)
				CHECK(plan[i].count == root && round == 2);
			else
				runs[w.nruns++] = (struct exo_run){plan[i].start, plan[i].count};
		}
		CHECK(w.nruns);
		refused += CALL(&k, EXO_NR_WRITE, w) != 0;
		CHECK(!kit_flush(&k));
	}
	CHECK(!refused && kit_info(&k).out_dirty == 0 && kit_info(&k).out_uninit == 0);
	/* not even a round earlier: the order is no longer than it has to be, nor shorter */
	CHECK(!sync_part(&k, EXO_SYNC_PLAN, NULL, 0) && part.out_nranges == 1 && plan[0].start == EXO_NOBLOCK &&
	      part.out_rounds == 1);
	CHECK(!kit_sync(&k, EXO_NOROOT));
	kit_stop(&k);
}

static void bad_parts(void)
{
	struct exo_run run = {2000, 1}, runs[2] = {{2000, 1}, {1041, 2}};
	struct exo_sync old = {.root = EXO_NOROOT};
	struct kit k;

	plant(&k);
	CHECK(sync_part(&k, EXO_SYNC_RUNS, &run, 0) == -EINVAL && k.reason == EXO_R_RANGE);
	CHECK(sync_part(&k, EXO_SYNC_RUNS, &run, EXO_MAX_RUNS + 1) == -EINVAL && k.reason == EXO_R_RANGE);
	CHECK(sync_part(&k, EXO_SYNC_RUNS, runs, 2) == -EINVAL && k.reason == EXO_R_RANGE && k.detail == 1041);
	runs[1] = (struct exo_run){2000, ~0ull};
	CHECK(sync_part(&k, EXO_SYNC_RUNS, runs, 2) == -EINVAL && k.reason == EXO_R_RANGE);
	runs[1] = (struct exo_run){2000, 0};
	CHECK(sync_part(&k, EXO_SYNC_RUNS, runs, 2) == -EINVAL && k.reason == EXO_R_RANGE);
	CHECK(sync_part(&k, EXO_SYNC_PLAN, &run, 1) == -EINVAL && k.reason == EXO_R_RANGE);
	CHECK(sync_part(&k, 4, &run, 1) == -EOPNOTSUPP && k.reason == EXO_R_FLAGS && k.detail == 4);
	CHECK(sync_part(&k, EXO_SYNC_RUNS, (void *)8, 1) == -EFAULT && k.reason == EXO_R_POINTER);
	part.head.flags = EXO_SYNC_RUNS;
	part.root = 0;
	part.runs = (uintptr_t)&run;
	CHECK(CALL(&k, EXO_NR_SYNC, part) == -EINVAL && k.reason == EXO_R_RANGE);
	part = (struct exo_sync){.head.flags = EXO_SYNC_PLAN, .disk = k.d, .root = EXO_NOROOT, .ranges = 8, .ranges_room = 1};
	CHECK(CALL(&k, EXO_NR_SYNC, part) == -EFAULT && k.reason == EXO_R_POINTER);
	part = (struct exo_sync){.head.flags = EXO_SYNC_PLAN, .disk = k.d, .root = EXO_NOROOT, .pad = 1};
	CHECK(CALL(&k, EXO_NR_SYNC, part) == -EOPNOTSUPP && k.reason == EXO_R_RESERVED);
	CHECK(kit_info(&k).out_dirty);
	/* twice the same block, more room than ranges, no room */
	runs[1] = run;
	CHECK(!sync_part(&k, EXO_SYNC_RUNS, runs, 2) && !dirty(&k, 2000) && !dirty(&k, tree_top));
	part = (struct exo_sync){.head.flags = EXO_SYNC_PLAN, .disk = k.d, .root = EXO_NOROOT};
	CHECK(!CALL(&k, EXO_NR_SYNC, part) && part.out_nranges == 0);
	/* a caller of the first version */
	old.disk = k.d;
	CHECK(!kit_call(&k, EXO_NR_SYNC, &old.head, offsetof(struct exo_sync, runs)));
	kit_stop(&k);
}

/* ---- temporary roots ---- */

static void temporary(void)
{
	struct exo_disk_info before, after;
	struct kit k, other;
	u32 root, tmp;
	u64 top, at;

	kit_start(&k, FRAMES, BLOCKS, SIM_VOLATILE);
	other = kit_as(&k, &kit_other);
	NEED(!kit_root_add(&k, "r", k.tmpl, EXO_NOBLOCK, 1, 0, &root, &top));
	NEED(!kit_sync(&k, EXO_NOROOT));
	before = kit_info(&k);
	NEED(!kit_root_add(&k, "t", k.tmpl, EXO_NOBLOCK, 1, EXO_ROOT_TEMPORARY, &tmp, &at));
	/* any order, and no wait for a flush */
	NEED(!give(&k, at, 0, 0, 2000, 1, 1) && !give(&k, 2000, 0, 0, 2001, 1, 1) && !give(&k, 2001, 0, 0, 2002, 1, 0));
	CHECK(!kit_write(&k, at, 1) && !kit_write(&k, 2000, 1) && !kit_write(&k, 2001, 1));
	/* freed: free at once, though the image has it */
	CHECK(!drop(&k, 2001, 0, 2002, 0) && kit_free(&k, 2002) && kit_info(&k).out_waiting == 0);
	/* ... and whoever gets it has to write it before a durable pointer */
	sim_disk_poke(k.disk, 2002, 0, "somebody else's", 15);
	NEED(!give(&k, top, 0, 0, 2002, 1, 0));
	CHECK(kit_write(&k, top, 1) == -EBUSY && k.reason == EXO_R_TAINTED && k.ranges[0].start == 2002);
	CHECK(!kit_sync(&k, root) && kit_info(&k).out_uninit == 0);
	/* into the temporary one and out again, never written: the durable one waits */
	NEED(!give(&k, at, 1, 0, 2010, 1, 0) && !kit_write(&k, at, 1) && !kit_flush(&k));
	NEED(!move(&k, at, 1, top, 1, 2010, 0));
	CHECK(kit_write(&k, top, 1) == -EBUSY && k.reason == EXO_R_TAINTED && k.ranges[0].start == 2010);
	CHECK(!kit_sync(&k, root));
	/* from a durable tree, freed in the temporary one: not free before the durable pointer is gone */
	NEED(!move(&k, top, 1, at, 1, 2010, 0) && !drop(&k, at, 1, 2010, 0));
	CHECK(!kit_free(&k, 2010));
	NEED(!kit_root_add(&other, "o", k.tmpl, EXO_NOBLOCK, 1, 0, NULL, &at));
	txn_slot(&t, at, kit_version(&k, at), 0, 0, slot(2010, 1, 0));
	txn_decl(&t, EXO_DECL_ALLOC, 0, 2010, 1);
	CHECK(txn_go(&other, &t) == -EBUSY && other.reason == EXO_R_NEEDS_FREE);
	CHECK(!kit_write(&k, top, 1) && !kit_free(&k, 2010) && !kit_flush(&k) && kit_free(&k, 2010));
	sim_env_close(other.senv);
	CHECK(!kit_sync(&k, EXO_NOROOT) && !kit_detach(&k, 0) && !kit_attach(&k, 0));
	after = kit_info(&k);
	CHECK(after.out_free == before.out_free - 2 && after.out_quarantined == 0);
	kit_stop(&k);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--strict")) {
		any_order(true);
		return check_done();
	}
	durable_but_unreachable();
	any_order(false);
	names_all();
	stale_image();
	moved_away();
	reuse();
	restless();
	failed_member();
	a_part();
	by_plan();
	bad_parts();
	temporary();
	return check_done();
}
