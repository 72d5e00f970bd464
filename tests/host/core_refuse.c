// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * core_refuse.c: what a transaction must not do, one thing at a time: refused, for the reason that is meant, and nothing has
 * changed. Then the same on a disk whose metadata lies: it was detached cleanly, so that no walk has looked at it.
 *
 * top -> DATA (4 blocks, partition 0), NODE (partition 1), EMPTY (partition 2); NODE -> LEAF (partition 2)
 */
#include "../../kmod/core/internal.h"
#include "core_kit.h"

#define FRAMES 64u
#define BLOCKS 4608u

enum { DATA = 2000, NODE = 2010, EMPTY = 2011, LEAF = 2020, LIE = 2030, NEW = 2100, FREE = 2200 };

static struct kit k;
static struct txn t;
static u64 top, top2;
static u32 root, root2, bad;

static const struct slot none;

struct state {
	u64 free, waiting, uninit, dirty, version[3];
};

static struct state look(void)
{
	struct exo_disk_info i = kit_info(&k);
	struct state s;

	memset(&s, 0, sizeof(s));
	s.free = i.out_free;
	s.waiting = i.out_waiting;
	s.uninit = i.out_uninit;
	s.dirty = i.out_dirty;
	s.version[0] = kit_version(&k, top);
	s.version[1] = kit_version(&k, NODE);
	s.version[2] = kit_version(&k, EMPTY);
	return s;
}

static void refused(int line, int want, u32 reason, u64 detail)
{
	struct state before = look(), after;
	int err = txn_go(&k, &t);

	CHECK_MSG(err == want && k.reason == reason && k.detail == detail, "line %d: %d, reason %u, detail %llu", line, err,
		  k.reason, (unsigned long long)k.detail);
	after = look();
	CHECK_MSG(!memcmp(&before, &after, sizeof(before)), "line %d", line);
}
#define REFUSED(...) refused(__LINE__, __VA_ARGS__)

static void edit(u64 block, u32 part, u32 at, struct slot s)
{
	txn_slot(&t, block, kit_version(&k, block), part, at, s);
}

/* An edit that no program looks at. */
static void touch(u64 block, u32 part)
{
	txn_bytes(&t, block, kit_version(&k, block), part * PART + 480, "x", 1);
}

static void drop(u32 part, u64 block)
{
	edit(top, part, 0, none);
	txn_decl(&t, EXO_DECL_FREE, k.tmpl, block, 1);
}

static struct slot data(u64 start, u32 count)
{
	return (struct slot){start, count, 0, 0, 0};
}

static struct slot node(u64 start)
{
	return (struct slot){start, 1, 1, 0, 0};
}

static void see(u32 in, u64 parent, u32 index, u64 start, u32 count, u32 tmpl)
{
	struct exo_claim c = {.start = start, .count = count, .template_id = tmpl};
	u32 frames[8], i;

	NEED(!kit_bind(&k, in, parent, index, c, EXO_RIGHT_READ, 0, frames));
	for (i = 0; i < count; i++)
		NEED(!kit_unbind(&k, frames[i]));
}

/* Durable, and nothing of it in core. */
static void tree(void)
{
	kit_start(&k, FRAMES, BLOCKS, SIM_VOLATILE);
	NEED(!kit_root_add(&k, "tree", k.tmpl, EXO_NOBLOCK, 1, 0, &root, &top));
	NEED(!kit_root_add(&k, "other", k.tmpl, EXO_NOBLOCK, 1, 0, &root2, &top2));
	edit(top, 0, 0, data(DATA, 4));
	edit(top, 1, 0, node(NODE));
	edit(top, 2, 0, node(EMPTY));
	txn_slot(&t, NODE, EXO_VERSION_NEW, 2, 0, data(LEAF, 1));
	txn_decl(&t, EXO_DECL_ALLOC, 0, DATA, 4);
	txn_decl(&t, EXO_DECL_ALLOC, k.tmpl, NODE, 2);
	txn_decl(&t, EXO_DECL_ALLOC, 0, LEAF, 1);
	NEED(!txn_go(&k, &t) && !kit_sync(&k, EXO_NOROOT) && !kit_detach(&k, 0));
}

static void back(void)
{
	NEED(!kit_attach(&k, 0) && !(kit_info(&k).out_flags & EXO_DISK_WALKED));
	see(root, EXO_NOBLOCK, 0, top, 1, k.tmpl);
}

static void over(void)
{
	NEED(!kit_detach(&k, EXO_DETACH_DISCARD));
	kit_stop(&k);
}

static void lie(u64 block, u32 part, u32 at, struct slot s)
{
	sim_disk_poke(k.disk, block, part * PART + at * sizeof(s), &s, sizeof(s));
}

static u32 quarantine(u32 nr)
{
	struct exo_root_get g = {.disk = k.d, .root = nr};

	NEED(!CALL(&k, EXO_NR_ROOT_GET, g));
	return g.out_quarantine;
}

/* ---- form ---- */

static void decl(u32 op, u32 tmpl, u64 start, u64 count)
{
	touch(top, 0);
	txn_decl(&t, EXO_DECL_ALLOC, 0, FREE, 1); /* a good one first: the detail is a number */
	txn_decl(&t, op, tmpl, start, count);
}

static void declarations(void)
{
	decl(0, 0, NEW, 1);
	REFUSED(-EINVAL, EXO_R_DECL, 1);
	decl(EXO_DECL_ORDER + 1, 0, NEW, 1);
	REFUSED(-EINVAL, EXO_R_DECL, 1);
	decl(EXO_DECL_ALLOC, EXO_MAX_TEMPLATES, NEW, 1);
	REFUSED(-EINVAL, EXO_R_DECL, 1);
	decl(EXO_DECL_FREE, ~0u, NEW, 1);
	REFUSED(-EINVAL, EXO_R_DECL, 1);
	decl(EXO_DECL_ALLOC, 0, NEW, 0);
	REFUSED(-EINVAL, EXO_R_DECL, 1);
	decl(EXO_DECL_ALLOC, 0, BLOCKS - 2, 2);
	REFUSED(-EINVAL, EXO_R_DECL, 1);
	decl(EXO_DECL_ALLOC, 0, 0, 1);
	REFUSED(-EINVAL, EXO_R_DECL, 1);
	decl(EXO_DECL_ALLOC, 0, ~0ull, 2);
	REFUSED(-EINVAL, EXO_R_DECL, 1);
	decl(EXO_DECL_MOVE, 0, FREE, 1);
	REFUSED(-EINVAL, EXO_R_DECL, 1);
	/* Well formed, and nothing of it happens. */
	decl(EXO_DECL_ALLOC, EXO_MAX_TEMPLATES - 1, NEW, 1);
	REFUSED(-EPERM, EXO_R_NOT_CONSERVED, NEW);
}

static void bytes_at(u64 block, u64 version, u32 offset, u32 len)
{
	txn_bytes(&t, block, version, offset, "x", 1);
	t.edits[t.n - 1].len = len;
}

static u32 hooked;

static void while_read(void *ctx, struct sim_disk *d, int op)
{
	sim_disk_hook(d, NULL, NULL);
	hooked++;
	CHECK(op == EXO_OP_READ && kit_frame(&k, NODE) != EXO_NOFRAME);
	touch(NODE, 0);
	REFUSED(-EBUSY, EXO_R_BUSY, NODE);
	drop(1, NODE);
	REFUSED(-ENOENT, EXO_R_NOT_IN_CORE, NODE);
}

static void edits(void)
{
	u64 version = kit_version(&k, top);

	bytes_at(top, version, 0, 0);
	REFUSED(-EINVAL, EXO_R_RANGE, 0);
	bytes_at(top, version, EXO_BLOCK_SIZE, 1);
	REFUSED(-EINVAL, EXO_R_RANGE, EXO_BLOCK_SIZE);
	bytes_at(top, version, EXO_BLOCK_SIZE - 4, 5);
	REFUSED(-EINVAL, EXO_R_RANGE, EXO_BLOCK_SIZE - 4);
	bytes_at(top, version, 8, ~0u);
	REFUSED(-EINVAL, EXO_R_RANGE, 8);
	bytes_at(0, version, 0, 1);
	REFUSED(-EINVAL, EXO_R_RANGE, 0);
	bytes_at(BLOCKS - 1, version, 0, 1);
	REFUSED(-EINVAL, EXO_R_RANGE, BLOCKS - 1);
	bytes_at(~0ull, version, 0, 1);
	REFUSED(-EINVAL, EXO_R_RANGE, ~0ull);
	/* One block at two versions. */
	touch(top, 0);
	txn_bytes(&t, top, version - 2, PART + 480, "x", 1);
	REFUSED(-EINVAL, EXO_R_VERSION, top);
	txn_bytes(&t, top, version - 2, 480, "x", 1);
	touch(top, 1);
	REFUSED(-EINVAL, EXO_R_VERSION, top);
	/* New metadata of a kind that is not there. */
	edit(top, 3, 0, node(NEW));
	txn_bytes(&t, NEW, EXO_VERSION_NEW, 0, "", 1);
	txn_decl(&t, EXO_DECL_ALLOC, EXO_MAX_TEMPLATES - 1, NEW, 1);
	REFUSED(-ENOENT, EXO_R_NO_TEMPLATE, EXO_MAX_TEMPLATES - 1);
	/* Data, in core and bound by its owner; a block that is read, and one that was, and nobody knows what it is. */
	see(root, top, 0, DATA, 4, 0);
	touch(DATA + 1, 0);
	REFUSED(-EINVAL, EXO_R_NOT_META, DATA + 1);
	NEED(kit_frame(&k, NODE) == EXO_NOFRAME);
	sim_disk_hook(k.disk, while_read, NULL);
	NEED(!kit_read(&k, NODE, 1));
	CHECK(hooked == 1);
	touch(NODE, 0);
	REFUSED(-EINVAL, EXO_R_NOT_META, NODE);
}

static void order(u32 pair, u64 later, u64 first)
{
	touch(top, 0);
	touch(NODE, 1);
	txn_decl(&t, EXO_DECL_ORDER, pair, later, first);
}

/* Both partitions that an order names are edited, and are not the same one. */
static void orders(void)
{
	see(root, top, 1, NODE, 1, k.tmpl);
	order(0 | 1 << 8, NEW, NODE);
	REFUSED(-EINVAL, EXO_R_DECL, 0);
	order(0 | 1 << 8, top, NEW);
	REFUSED(-EINVAL, EXO_R_DECL, 0);
	order(1 | 1 << 8, top, NODE);
	REFUSED(-EINVAL, EXO_R_DECL, 0);
	order(0 | 0 << 8, top, NODE);
	REFUSED(-EINVAL, EXO_R_DECL, 0);
	order(8 | 1 << 8, top, NODE);
	REFUSED(-EINVAL, EXO_R_DECL, 0);
	order(0 | 8 << 8, top, NODE);
	REFUSED(-EINVAL, EXO_R_DECL, 0);
	order(32 | 1 << 8, top, NODE);
	REFUSED(-EINVAL, EXO_R_DECL, 0);
	order(0 | 0xffff01u << 8, top, NODE);
	REFUSED(-EINVAL, EXO_R_DECL, 0);
	order(0 | 0 << 8, top, top);
	REFUSED(-EINVAL, EXO_R_DECL, 0);
	/* Of a block that goes, nothing more is written that the other could wait for. */
	edit(top, 2, 0, none);
	see(root, top, 2, EMPTY, 1, k.tmpl);
	touch(EMPTY, 0);
	txn_decl(&t, EXO_DECL_FREE, k.tmpl, EMPTY, 1);
	txn_decl(&t, EXO_DECL_ORDER, 2 | 0 << 8, top, EMPTY);
	REFUSED(-EINVAL, EXO_R_DECL, 1);
	order(0 | 1 << 8, top, NODE);
	CHECK(!txn_go(&k, &t));
	CHECK(kit_write(&k, top, 1) == -EBUSY && k.reason == EXO_R_TAINTED);
	CHECK(!kit_sync(&k, root));
}

/* ---- conservation ---- */

/*
 * A partition that owns a block twice, although the sum is right: DATA's four blocks, less those that are freed. Few changes are looked
 * at one by one, many are sorted.
 */
static void twice_in_one(void)
{
	u32 i;

	edit(top, 0, 0, data(DATA, 2));
	edit(top, 0, 1, data(DATA + 1, 1));
	txn_decl(&t, EXO_DECL_FREE, 0, DATA + 2, 2);
	REFUSED(-EPERM, EXO_R_OVERLAP, DATA + 1);
	CHECK(k.nranges == 1 && k.ranges[0].kind == EXO_RANGE_BLOCKED && k.ranges[0].start == DATA + 1);
	edit(top, 0, 0, data(DATA + 2, 2));
	edit(top, 0, 1, data(DATA, 3));
	REFUSED(-EPERM, EXO_R_OVERLAP, DATA + 2);
	edit(top, 0, 0, data(DATA, 4));
	edit(top, 0, 7, data(DATA, 4));
	REFUSED(-EPERM, EXO_R_OVERLAP, DATA);
	edit(top, 0, 7, data(DATA + 3, 1));
	REFUSED(-EPERM, EXO_R_OVERLAP, DATA + 3);
	for (i = 0; i < 4; i++)
		edit(top, 0, i, data(DATA + i, 1));
	edit(top, 0, 4, data(DATA + 2, 1));
	REFUSED(-EPERM, EXO_R_OVERLAP, DATA + 2);
	/* Side by side is fine, in any order. */
	edit(top, 0, 0, data(DATA + 2, 2));
	edit(top, 0, 1, data(DATA, 2));
	CHECK(!txn_go(&k, &t));
	edit(top, 0, 1, data(DATA, 1));
	edit(top, 0, 9, data(DATA + 1, 1));
	CHECK(!txn_go(&k, &t));
	for (i = 0; i < 10; i++)
		edit(top, 0, i, i ? none : data(DATA, 4));
	CHECK(!txn_go(&k, &t));
}

static bool range(u32 i, u32 kind, u64 start, u64 count, u32 tmpl)
{
	const struct exo_range *r = &k.ranges[i];

	return i < k.nranges && r->kind == kind && r->start == start && r->count == count && r->template_id == tmpl;
}

/* Every range that is not as declared is named, of each kind. */
static void ranges(void)
{
	edit(top, 3, 0, data(NEW, 2));
	txn_decl(&t, EXO_DECL_ALLOC, 0, NEW + 1, 2);
	REFUSED(-EPERM, EXO_R_NOT_CONSERVED, NEW);
	CHECK(k.nranges == 2 && range(0, EXO_RANGE_GAINED, NEW, 1, 0) && range(1, EXO_RANGE_UNMET, NEW + 2, 1, 0));
	edit(top, 0, 0, data(DATA, 2));
	txn_decl(&t, EXO_DECL_FREE, 0, DATA + 3, 1);
	txn_decl(&t, EXO_DECL_FREE, 0, FREE, 1);
	REFUSED(-EPERM, EXO_R_NOT_CONSERVED, DATA + 2);
	CHECK(k.nranges == 2 && range(0, EXO_RANGE_LOST, DATA + 2, 1, 0) && range(1, EXO_RANGE_UNMET, FREE, 1, 0));
	/* What moves and was not declared to counts at both ends. */
	edit(top, 0, 0, none);
	edit(top, 3, 0, data(DATA, 4));
	txn_decl(&t, EXO_DECL_MOVE, 0, DATA, 3);
	REFUSED(-EPERM, EXO_R_NOT_CONSERVED, DATA + 3);
	CHECK(k.nranges == 2 && range(0, EXO_RANGE_GAINED, DATA + 3, 1, 0) && range(1, EXO_RANGE_LOST, DATA + 3, 1, 0));
	/* The other way round: freed and allocated is not moved. */
	edit(top, 0, 0, none);
	edit(top, 3, 0, data(DATA, 4));
	txn_decl(&t, EXO_DECL_FREE, 0, DATA, 4);
	REFUSED(-EPERM, EXO_R_NOT_CONSERVED, DATA);
	/* As another kind. */
	edit(top, 0, 0, data(DATA, 3));
	edit(top, 0, 1, node(DATA + 3));
	txn_decl(&t, EXO_DECL_MOVE, 0, DATA + 3, 1);
	REFUSED(-EPERM, EXO_R_LEAVES, DATA + 3);
	edit(top, 0, 0, data(DATA, 3));
	edit(top, 0, 1, node(DATA + 3));
	txn_decl(&t, EXO_DECL_FREE, 0, DATA + 3, 1);
	REFUSED(-EPERM, EXO_R_NOT_CONSERVED, DATA + 3);
	CHECK(k.nranges == 1 && range(0, EXO_RANGE_GAINED, DATA + 3, 1, k.tmpl));
}

/* New blocks that only each other own would be nobody's. */
static void ring(void)
{
	txn_slot(&t, NEW, EXO_VERSION_NEW, 0, 0, node(NEW + 1));
	txn_slot(&t, NEW + 1, EXO_VERSION_NEW, 0, 0, node(NEW));
	txn_decl(&t, EXO_DECL_ALLOC, k.tmpl, NEW, 2);
	REFUSED(-EBUSY, EXO_R_CYCLE, NEW + 1);
	txn_slot(&t, NEW, EXO_VERSION_NEW, 0, 0, node(NEW));
	txn_decl(&t, EXO_DECL_ALLOC, k.tmpl, NEW, 1);
	REFUSED(-EBUSY, EXO_R_CYCLE, NEW);
	/* A chain of them may hang on what is there, in any order. */
	edit(top, 3, 0, node(NEW + 1));
	txn_slot(&t, NEW, EXO_VERSION_NEW, 0, 0, node(NEW + 2));
	txn_slot(&t, NEW + 1, EXO_VERSION_NEW, 0, 0, node(NEW));
	txn_slot(&t, NEW + 2, EXO_VERSION_NEW, 0, 0, data(NEW + 3, 1));
	txn_decl(&t, EXO_DECL_ALLOC, k.tmpl, NEW, 3);
	txn_decl(&t, EXO_DECL_ALLOC, 0, NEW + 3, 1);
	CHECK(!txn_go(&k, &t) && !kit_sync(&k, root));
}

/* What metadata owns must be known before it goes; and what others wait for must be written first. */
static void freed(void)
{
	NEED(kit_frame(&k, NODE) == EXO_NOFRAME && kit_frame(&k, EMPTY) == EXO_NOFRAME);
	drop(1, NODE);
	REFUSED(-ENOENT, EXO_R_NOT_IN_CORE, NODE);
	/* Read ahead of time it will do. */
	NEED(!kit_read(&k, NODE, 2));
	drop(1, NODE);
	REFUSED(-EPERM, EXO_R_STILL_OWNS, NODE);
	see(root, top, 1, NODE, 1, k.tmpl);
	drop(1, NODE);
	REFUSED(-EPERM, EXO_R_STILL_OWNS, NODE);
	/* Emptied and filled again in one. */
	drop(1, NODE);
	edit(NODE, 2, 0, none);
	edit(NODE, 3, 0, data(LEAF, 1));
	txn_decl(&t, EXO_DECL_MOVE, 0, LEAF, 1);
	REFUSED(-EPERM, EXO_R_STILL_OWNS, NODE);
	drop(2, EMPTY);
	CHECK(!txn_go(&k, &t) && kit_info(&k).out_waiting == 1);
	CHECK(!kit_sync(&k, root) && kit_free(&k, EMPTY));
	/* DATA goes to NODE, and top waits for NODE's image. */
	edit(top, 0, 0, none);
	edit(NODE, 0, 0, data(DATA, 4));
	txn_decl(&t, EXO_DECL_MOVE, 0, DATA, 4);
	NEED(!txn_go(&k, &t));
	edit(NODE, 0, 0, none);
	edit(NODE, 2, 0, none);
	drop(1, NODE);
	txn_decl(&t, EXO_DECL_FREE, 0, DATA, 4);
	txn_decl(&t, EXO_DECL_FREE, 0, LEAF, 1);
	REFUSED(-EBUSY, EXO_R_CYCLE, NODE);
	NEED(!kit_sync(&k, root));
	edit(NODE, 0, 0, none);
	edit(NODE, 2, 0, none);
	drop(1, NODE);
	txn_decl(&t, EXO_DECL_FREE, 0, DATA, 4);
	txn_decl(&t, EXO_DECL_FREE, 0, LEAF, 1);
	CHECK(!txn_go(&k, &t) && !kit_sync(&k, root) && kit_free(&k, NODE) && kit_free(&k, DATA));
}

/* Metadata stays in its root; data need not, and the detail is the declaration's number. */
static void to_other_root(void)
{
	see(root2, EXO_NOBLOCK, 0, top2, 1, k.tmpl);
	edit(top, 0, 0, none);
	edit(top, 1, 0, none);
	edit(top2, 0, 0, data(DATA, 4));
	edit(top2, 1, 0, node(NODE));
	txn_decl(&t, EXO_DECL_MOVE, 0, DATA, 4);
	txn_decl(&t, EXO_DECL_MOVE, k.tmpl, NODE, 1);
	REFUSED(-EINVAL, EXO_R_DECL, 1);
	edit(top, 0, 0, none);
	edit(top2, 0, 0, data(DATA, 4));
	txn_decl(&t, EXO_DECL_MOVE, 0, DATA, 4);
	CHECK(!txn_go(&k, &t) && !kit_sync(&k, EXO_NOROOT));
}

/* More metadata at once than there are frames is refused before memory is taken for each block of it. */
static void too_many(void)
{
	struct slot s = {NEW, 1000, 1, 0, 0};

	edit(top, 3, 0, s);
	txn_decl(&t, EXO_DECL_ALLOC, k.tmpl, NEW, 1000);
	REFUSED(-ENOMEM, EXO_R_NO_FRAMES, FRAMES);
}

/* The frames of what is edited and freed are nobody's, clean and the first to be taken; new metadata takes others. */
static void frames_stay(void)
{
	u64 b = 3000;
	u32 f, e, i;

	see(root, top, 1, NODE, 1, k.tmpl);
	see(root, top, 2, EMPTY, 1, k.tmpl);
	f = kit_frame(&k, top);
	e = kit_frame(&k, NODE);
	while (k.core->stats->frames_free)
		NEED(!kit_read(&k, b++, 1));
	NEED(kit_frame(&k, top) == f && kit_frame(&k, NODE) == e && kit_frame(&k, EMPTY) != EXO_NOFRAME);
	edit(top, 2, 0, none);
	edit(top, 3, 0, (struct slot){NEW, 8, 1, 0, 0});
	touch(NODE, 0);
	txn_decl(&t, EXO_DECL_FREE, k.tmpl, EMPTY, 1);
	txn_decl(&t, EXO_DECL_ALLOC, k.tmpl, NEW, 8);
	CHECK(!txn_go(&k, &t));
	CHECK(kit_frame(&k, top) == f && kit_frame(&k, NODE) == e && kit_frame(&k, EMPTY) == EXO_NOFRAME);
	CHECK(kit_slot(&k, top, 3, 0)->start == NEW && kit_slot(&k, NODE, 2, 0)->start == LEAF);
	for (i = 0; i < 8; i++)
		CHECK(kit_buf(&k, NEW + i) && (kit_buf(&k, NEW + i)->flags & EXO_BUF_META) && !kit_slot(&k, NEW + i, 2, 0)->start);
	CHECK(!kit_sync(&k, root));
}

/* ---- lies ---- */

static void quarantined(void)
{
	struct exo_claim c = {.start = LIE, .count = 1};
	u32 frame;

	tree();
	lie(top, 3, 0, data(LIE, 1));
	back();
	touch(top, 0);
	CHECK(!txn_go(&k, &t));
	NEED(kit_bind(&k, root, top, 3, c, EXO_RIGHT_READ, 0, &frame) == -EUCLEAN && quarantine(root));
	touch(top, 0);
	REFUSED(-EUCLEAN, EXO_R_QUARANTINED, root);
	over();
}

static void malformed(void)
{
	u32 one = 1;

	tree();
	sim_disk_poke(k.disk, top, 4 * PART + 504, &one, 4);
	back();
	/* Not even to make it well formed: what it owned is not known. */
	one = 0;
	txn_bytes(&t, top, kit_version(&k, top), 4 * PART + 504, &one, 4);
	REFUSED(-EPERM, EXO_R_UDF_REJECT, top << 3 | 4);
	touch(top, 5);
	CHECK(!txn_go(&k, &t));
	over();
	tree();
	one = 1;
	sim_disk_poke(k.disk, EMPTY, 7 * PART + 504, &one, 4);
	back();
	see(root, top, 2, EMPTY, 1, k.tmpl);
	drop(2, EMPTY);
	REFUSED(-EPERM, EXO_R_UDF_REJECT, (u64)EMPTY << 3);
	over();
}

/* Two partitions that claim the same block let it go at once, or one gives it to the other. */
static void both(void)
{
	tree();
	lie(top, 3, 0, data(DATA + 1, 1));
	back();
	edit(top, 0, 0, none);
	edit(top, 3, 0, none);
	txn_decl(&t, EXO_DECL_FREE, 0, DATA, 4);
	REFUSED(-EBUSY, EXO_R_CONTESTED, DATA + 1);
	CHECK(k.nranges == 1 && range(0, EXO_RANGE_BLOCKED, DATA + 1, 1, 0) && !quarantine(root));
	over();
}

/* What nobody owns cannot be freed, nor moved. */
static void let_go(bool move)
{
	tree();
	lie(top, 3, 0, data(LIE, 2));
	back();
	edit(top, 3, 0, none);
	if (move)
		edit(top, 4, 0, data(LIE, 2));
	txn_decl(&t, move ? EXO_DECL_MOVE : EXO_DECL_FREE, 0, LIE, 2);
	REFUSED(-EUCLEAN, EXO_R_QUARANTINED, root);
	CHECK(quarantine(root) == EXO_QUARANTINE_CLAIM && !quarantine(root2) && kit_free(&k, LIE));
	over();
}

/* Data by the name of metadata, and another root's metadata: known in core for what it is, and not freed by who lies. */
static void known_otherwise(bool kind)
{
	u64 block = kind ? DATA + 1 : EMPTY, liar;
	u32 nr = kind ? root : root2;

	tree();
	liar = kind ? top : top2;
	lie(liar, 3, 0, node(block));
	back();
	see(root2, EXO_NOBLOCK, 0, top2, 1, k.tmpl);
	if (kind)
		see(root, top, 0, DATA, 4, 0);
	else
		see(root, top, 2, EMPTY, 1, k.tmpl);
	edit(liar, 3, 0, none);
	txn_decl(&t, EXO_DECL_FREE, k.tmpl, block, 1);
	REFUSED(-EUCLEAN, EXO_R_QUARANTINED, nr);
	CHECK(quarantine(nr) == EXO_QUARANTINE_CLAIM && !quarantine(kind ? root2 : root) && !kit_free(&k, block));
	over();
}

/* A root that has more than its quota, which only damage makes, gets nothing more; and it can give back. */
static void above_quota(void)
{
	struct exo_root_add r = {.name = "small", .start = EXO_NOBLOCK, .count = 1, .quota = 6};
	u64 at;

	kit_start(&k, FRAMES, BLOCKS, 0);
	r.disk = k.d;
	r.template_id = k.tmpl;
	NEED(!CALL(&k, EXO_NR_ROOT_ADD, r));
	at = r.out_start;
	edit(at, 0, 0, data(DATA, 6));
	txn_decl(&t, EXO_DECL_ALLOC, 0, DATA, 6);
	top = at;
	REFUSED(-EDQUOT, EXO_R_QUOTA, 5);
	edit(at, 0, 0, data(DATA, 5));
	txn_decl(&t, EXO_DECL_ALLOC, 0, DATA, 5);
	CHECK(!txn_go(&k, &t) && !kit_sync(&k, EXO_NOROOT) && !kit_detach(&k, 0));
	lie(at, 3, 0, data(LIE, 4));
	NEED(!kit_attach(&k, EXO_ATTACH_WALK));
	see(r.out_root, EXO_NOBLOCK, 0, at, 1, k.tmpl);
	edit(at, 4, 0, data(FREE, 1));
	txn_decl(&t, EXO_DECL_ALLOC, 0, FREE, 1);
	REFUSED(-EDQUOT, EXO_R_QUOTA, 0);
	edit(at, 3, 0, none);
	txn_decl(&t, EXO_DECL_FREE, 0, LIE, 4);
	CHECK(!txn_go(&k, &t));
	over();
}

/* No new metadata of a kind whose program is gone. */
static void bad_kind(void)
{
	u64 insns[256];
	struct exo_template_add a = {.name = "bad", .partition = PART, .insns = (uintptr_t)insns};
	struct exo_layout l;
	u64 at;
	u32 nr;

	kit_start(&k, FRAMES, BLOCKS, 0);
	a.disk = k.d;
	a.ninsns = kit_program(insns);
	NEED(!CALL(&k, EXO_NR_TEMPLATE_ADD, a));
	bad = a.out_template;
	snprintf(a.name, sizeof(a.name), "above");
	a.nrefs = 1;
	a.refs[0] = bad;
	NEED(!CALL(&k, EXO_NR_TEMPLATE_ADD, a));
	NEED(!kit_root_add(&k, "r", a.out_template, EXO_NOBLOCK, 1, 0, &nr, &at));
	NEED(!kit_sync(&k, EXO_NOROOT) && !kit_detach(&k, 0));
	exo_layout(BLOCKS, &l);
	sim_disk_poke(k.disk, l.templates + (u64)bad * EXO_SLOT_BLOCKS + 1, 0, "\377\377\377", 3);
	NEED(!kit_attach(&k, 0));
	see(nr, EXO_NOBLOCK, 0, at, 1, a.out_template);
	top = at;
	edit(at, 0, 0, (struct slot){NEW, 1, 2, 0, 0});
	txn_decl(&t, EXO_DECL_ALLOC, bad, NEW, 1);
	REFUSED(-ENOENT, EXO_R_NO_TEMPLATE, bad);
	edit(at, 0, 0, (struct slot){NEW, 1, 2, 0, 0});
	txn_bytes(&t, NEW, EXO_VERSION_NEW, 0, "", 1);
	txn_decl(&t, EXO_DECL_ALLOC, bad, NEW, 1);
	REFUSED(-ENOENT, EXO_R_NO_TEMPLATE, bad);
	edit(at, 0, 0, (struct slot){NEW, 1, 1, 0, 0});
	txn_decl(&t, EXO_DECL_ALLOC, a.out_template, NEW, 1);
	CHECK(!txn_go(&k, &t));
	over();
}

static void whole(void (*what)(void))
{
	tree();
	back();
	what();
	CHECK(!quarantine(root) && !quarantine(root2));
	CHECK(!kit_detach(&k, 0) && !kit_attach(&k, EXO_ATTACH_WALK) && !kit_info(&k).out_contested && !quarantine(root));
	over();
}

int main(void)
{
	whole(declarations);
	whole(edits);
	whole(orders);
	whole(twice_in_one);
	whole(ranges);
	whole(ring);
	whole(freed);
	whole(to_other_root);
	whole(too_many);
	whole(frames_stay);
	quarantined();
	malformed();
	both();
	let_go(false);
	let_go(true);
	known_otherwise(true);
	known_otherwise(false);
	above_quota();
	bad_kind();
	return check_done();
}
