// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * core_walk.c: what the walk at attach costs. For trees of about 1,000, 10,000 and 100,000 metadata blocks: each block is read once,
 * each partition runs once, many blocks go out at once, and a walk that takes long says so. The shapes that are worst for it cost no more a
 * block. After a clean detach none of it is read, whatever the disk holds; and a stored map that was damaged is not believed.
 */
#include "core_kit.h"
#include "../../kmod/core/internal.h"

#define MIDS 10u
#define SLOTS_USED 100u		/* of a mid block */

struct seen {
	u64 requests;
	u64 ns;		/* that a request takes */
};

static void on_io(void *ctx, struct sim_disk *d, int op)
{
	struct seen *s = ctx;

	if (op == EXO_OP_READ)
		s->requests++;
	sim_time_advance(s->ns);
}

static void put(struct kit *k, u64 block, u32 nth, u64 start, u32 count)
{
	struct slot s = { .start = start, .count = count, .ref = 1 };

	sim_disk_poke(k->disk, block, nth / SLOTS * PART + nth % SLOTS * sizeof(s), &s, sizeof(s));
}

/*
 * top -> MIDS blocks -> SLOTS_USED extents of `leaves` blocks each, written past the module while the disk is detached. Claims
 * run from high addresses to low ones and jump between the mid blocks.
 */
static void walk(u32 leaves, u64 blocks, u64 ns)
{
	u64 top, mid, leaf, meta = 1 + MIDS + (u64)MIDS * SLOTS_USED * leaves, runs, read, said;
	struct seen seen = { .ns = ns };
	struct exo_disk_info i;
	struct kit k;
	u32 root, m, s;

	kit_start(&k, 64, blocks, 0);
	NEED(!kit_root_add(&k, "one", k.tmpl, EXO_NOBLOCK, 1, 0, &root, &top));
	NEED(!kit_sync(&k, EXO_NOROOT) && !kit_detach(&k, 0));
	mid = top + 100;
	leaf = top + 200;
	for (m = 0; m < MIDS; m++) {
		put(&k, top, MIDS - 1 - m, mid + m, 1);
		for (s = 0; s < SLOTS_USED; s++)
			put(&k, mid + m, SLOTS_USED - 1 - s, leaf + (u64)(s * MIDS + m) * leaves, leaves);
	}
	runs = k.core->stats->udf_runs;
	read = k.core->stats->blocks_read;
	said = sim_said(SIM_SAID_PROGRESS);
	sim_disk_hook(k.disk, on_io, &seen);
	NEED(!kit_attach(&k, EXO_ATTACH_WALK));
	sim_disk_hook(k.disk, NULL, NULL);
	i = kit_info(&k);
	runs = k.core->stats->udf_runs - runs;
	read = k.core->stats->blocks_read - read;
	said = sim_said(SIM_SAID_PROGRESS) - said;
	printf("%llu metadata blocks: %llu runs, %llu blocks in %llu requests, said %llu times\n", meta, runs, read, seen.requests,
	       said);
	CHECK((i.out_flags & EXO_DISK_WALKED) && !i.out_quarantined && !i.out_contested);
	CHECK(i.out_walk_meta == meta && i.out_walk_owned == meta && read == meta);
	/* Each template's program also runs on zeroes when it is loaded: once a partition. */
	CHECK(runs >= meta * PARTS && runs <= (meta + 1) * PARTS);
	/* Three levels, the catalogues (two reads a template slot at most), the superblocks and the stored map. */
	CHECK(seen.requests <= meta / 256 + 3 + 2 * EXO_MAX_TEMPLATES + 8);
	CHECK(ns ? said >= meta / 256 * ns / 5000000000ull / 2 && said <= seen.requests * ns / 5000000000ull && said : !said);
	NEED(!kit_detach(&k, 0));
	/* And after a clean detach none of it is read. */
	seen.requests = 0;
	seen.ns = 0;
	runs = k.core->stats->udf_runs;
	sim_disk_hook(k.disk, on_io, &seen);
	NEED(!kit_attach(&k, 0));
	sim_disk_hook(k.disk, NULL, NULL);
	CHECK(!(kit_info(&k).out_flags & EXO_DISK_WALKED) && k.core->stats->udf_runs - runs <= PARTS);
	CHECK(seen.requests <= 2 * EXO_MAX_TEMPLATES + 8 + blocks / 32768 / 16);
	NEED(!kit_detach(&k, 0));
	kit_stop(&k);
}

/* ---- shapes ---- */

#define CHAIN 100000u

/*
 * Each block has one child: nothing can go on at the same time, so nothing may be spent on trying. `twins`: the top claims all of them
 * once more, as its own children, which is what a crash never leaves and a hostile image may hold: each is contested.
 */
static void chain(bool twins)
{
	struct seen seen = { .ns = 0 };
	struct exo_disk_info i;
	u64 top, b, allocs;
	struct kit k;
	u32 root;

	kit_start(&k, 64, 131072, 0);
	sim_workers(4, 1, 0);
	NEED(!kit_root_add(&k, "one", k.tmpl, EXO_NOBLOCK, 1, 0, &root, &top));
	NEED(!kit_sync(&k, EXO_NOROOT) && !kit_detach(&k, 0));
	/* Downwards, so that no block follows the one before it. */
	for (b = 0; b < CHAIN; b++)
		put(&k, b ? top + CHAIN + 1 - b : top, 0, top + CHAIN - b, 1);
	if (twins)
		put(&k, top + 1, 1, top + 1, CHAIN);
	allocs = sim_alloc_count();
	sim_disk_hook(k.disk, on_io, &seen);
	NEED(!kit_attach(&k, EXO_ATTACH_WALK));
	sim_disk_hook(k.disk, NULL, NULL);
	i = kit_info(&k);
	CHECK(i.out_walk_meta == CHAIN + 1 && i.out_walk_requests == CHAIN + 1 && i.out_walk_threads == 1);
	CHECK(seen.requests <= CHAIN + 2 * EXO_MAX_TEMPLATES + 16);
	CHECK(sim_alloc_count() - allocs < 400);
	CHECK(i.out_contested == (twins ? CHAIN : 0) && !i.out_quarantined);
	NEED(!kit_detach(&k, 0));
	kit_stop(&k);
}

/* All the metadata of the disk is one run, claimed by 8 bytes: one item, and as few reads as there are hauls. */
static void broad(void)
{
	struct exo_disk_info i;
	struct kit k;
	u32 root;
	u64 top;

	kit_start(&k, 64, 131072, 0);
	sim_workers(4, 1, 0);
	NEED(!kit_root_add(&k, "one", k.tmpl, EXO_NOBLOCK, 1, 0, &root, &top));
	NEED(!kit_sync(&k, EXO_NOROOT) && !kit_detach(&k, 0));
	put(&k, top, 0, top + 1, 131072 - 2 - (u32)top);
	NEED(!kit_attach(&k, EXO_ATTACH_WALK));
	i = kit_info(&k);
	CHECK(i.out_walk_meta == 131072 - 1 - top && !i.out_quarantined && !i.out_free && i.out_walk_threads == 4);
	CHECK(i.out_walk_requests == 1 + (i.out_walk_meta - 1 + 255) / 256);
	NEED(!kit_detach(&k, 0));
	kit_stop(&k);
}

/* ---- after a clean detach ---- */

/* Reads of an attach after a clean detach, with `meta` metadata blocks on the disk. */
static u64 clean_reads(u64 blocks, u32 meta)
{
	struct seen seen = { .ns = 0 };
	struct exo_disk_info i;
	struct kit k;
	u64 top, said;
	u32 root;

	kit_start(&k, 64, blocks, 0);
	NEED(!kit_root_add(&k, "one", k.tmpl, EXO_NOBLOCK, 1, 0, &root, &top));
	NEED(!kit_sync(&k, EXO_NOROOT) && !kit_detach(&k, 0));
	put(&k, top, 0, top + 1, meta);
	NEED(!kit_attach(&k, EXO_ATTACH_WALK) && kit_info(&k).out_walk_meta == meta + 1 && !kit_detach(&k, 0));
	said = sim_said(SIM_SAID_WALK);
	sim_disk_hook(k.disk, on_io, &seen);
	NEED(!kit_attach(&k, 0));
	sim_disk_hook(k.disk, NULL, NULL);
	i = kit_info(&k);
	CHECK(i.out_walk_why == EXO_WALK_NONE && !i.out_walk_meta && !i.out_walk_known && sim_said(SIM_SAID_WALK) == said);
	CHECK(!kit_free(&k, top + meta) && kit_free(&k, top + meta + 1));
	NEED(!kit_detach(&k, 0));
	kit_stop(&k);
	return seen.requests;
}

static u32 why(struct kit *k, u32 flags)
{
	u64 said = sim_said(SIM_SAID_WALK);
	struct exo_disk_info i;

	NEED(!kit_attach(k, flags));
	i = kit_info(k);
	CHECK(sim_said(SIM_SAID_WALK) - said == (i.out_walk_why != EXO_WALK_NONE));
	CHECK(!(i.out_flags & EXO_DISK_WALKED) == (i.out_walk_why == EXO_WALK_NONE));
	CHECK(!i.out_quarantined && !i.out_held && !kit_free(k, i.out_blocks - 3) == false);
	return i.out_walk_why;
}

/* Reasons to walk, and a stored map in which one bit anywhere is wrong. */
static void reasons(void)
{
	struct exo_layout l;
	struct kit k;
	u32 root, at;
	u64 top;
	u8 byte;

	kit_start(&k, 64, 65536, 0);
	exo_layout(65536, &l);
	NEED(l.map_blocks == 2);
	NEED(!kit_root_add(&k, "one", k.tmpl, EXO_NOBLOCK, 1, 0, &root, &top));
	NEED(!kit_sync(&k, EXO_NOROOT) && !kit_detach(&k, 0));
	CHECK(why(&k, 0) == EXO_WALK_NONE && !kit_detach(&k, 0));
	CHECK(why(&k, EXO_ATTACH_WALK) == EXO_WALK_ASKED && !kit_detach(&k, EXO_DETACH_DISCARD));
	CHECK(why(&k, 0) == EXO_WALK_UNCLEAN && !kit_detach(&k, 0));
	for (at = 0; at < 8192; at += 1023) {
		sim_disk_peek(k.disk, l.map + at / 4096, at % 4096, &byte, 1);
		byte ^= 1u << at % 8;
		sim_disk_poke(k.disk, l.map + at / 4096, at % 4096, &byte, 1);
		CHECK(why(&k, 0) == EXO_WALK_MAP && !kit_free(&k, top) && !kit_detach(&k, 0));
		CHECK(why(&k, 0) == EXO_WALK_NONE && !kit_detach(&k, 0));
	}
	sim_disk_fail(k.disk, SIM_FAIL_READ, l.map + 1, 1, 0, 0);
	CHECK(why(&k, 0) == EXO_WALK_MAP && !kit_detach(&k, 0));
	sim_disk_fail(k.disk, 0, 0, 0, 0, 0);
	kit_stop(&k);
}

/* A temporary root is dropped whatever the detach was, and costs a walk once; its end before the detach costs none. */
static void temporary(void)
{
	struct exo_root_del del = {0};
	u32 root, temp;
	u64 top, at;
	struct kit k;

	kit_start(&k, 64, 65536, SIM_VOLATILE);
	NEED(!kit_root_add(&k, "one", k.tmpl, EXO_NOBLOCK, 1, 0, &root, &top));
	NEED(!kit_root_add(&k, "temp", k.tmpl, EXO_NOBLOCK, 1, EXO_ROOT_TEMPORARY, &temp, &at));
	CHECK(!kit_detach(&k, 0));
	CHECK(why(&k, 0) == EXO_WALK_TEMPORARY && (kit_info(&k).out_flags & EXO_DISK_WAS_CLEAN));
	CHECK(!kit_free(&k, top) && !kit_sync(&k, EXO_NOROOT) && kit_free(&k, at) && !kit_detach(&k, 0));
	CHECK(why(&k, 0) == EXO_WALK_NONE && kit_free(&k, at));
	NEED(!kit_root_add(&k, "temp", k.tmpl, EXO_NOBLOCK, 1, EXO_ROOT_TEMPORARY, &temp, &at));
	CHECK(!kit_sync(&k, EXO_NOROOT) && !kit_detach(&k, EXO_DETACH_DISCARD));
	CHECK(why(&k, 0) == EXO_WALK_UNCLEAN && !kit_sync(&k, EXO_NOROOT) && kit_free(&k, at));
	NEED(!kit_root_add(&k, "temp", k.tmpl, EXO_NOBLOCK, 1, EXO_ROOT_TEMPORARY, &temp, &at));
	del.disk = k.d;
	del.root = temp;
	CHECK(!CALL(&k, EXO_NR_ROOT_DEL, del) && !kit_detach(&k, 0));
	CHECK(why(&k, 0) == EXO_WALK_NONE && kit_free(&k, at) && !kit_detach(&k, 0));
	kit_stop(&k);
}

/* An entry that is older than the map, or damaged: the two do not add up. */
static void entries(void)
{
	u8 was[EXO_SECTOR_SIZE], is[EXO_SECTOR_SIZE];
	struct exo_disk_info i;
	struct exo_layout l;
	struct kit k;
	struct txn t = {.n = 0};
	u32 root;
	u64 top;

	kit_start(&k, 64, 65536, 0);
	exo_layout(65536, &l);
	NEED(!kit_root_add(&k, "one", k.tmpl, EXO_NOBLOCK, 1, 0, &root, &top));
	NEED(!kit_detach(&k, 0));
	sim_disk_peek(k.disk, l.roots + root / 8, root % 8 * EXO_SECTOR_SIZE, was, sizeof(was));
	CHECK(why(&k, 0) == EXO_WALK_NONE);
	NEED(!kit_read(&k, top, 1));
	{
		struct exo_claim c = {.start = top, .count = 1, .template_id = k.tmpl};
		u32 frame;

		NEED(!kit_bind(&k, root, EXO_NOBLOCK, 0, c, EXO_RIGHT_READ, 0, &frame));
		txn_slot(&t, top, kit_version(&k, top), 0, 0, (struct slot){top + 1, 3, 0, 0, 0});
		txn_decl(&t, EXO_DECL_ALLOC, 0, top + 1, 3);
		NEED(!txn_go(&k, &t) && !kit_unbind(&k, frame));
	}
	NEED(!kit_detach(&k, 0));
	sim_disk_peek(k.disk, l.roots + root / 8, root % 8 * EXO_SECTOR_SIZE, is, sizeof(is));
	NEED(memcmp(was, is, sizeof(is)));
	sim_disk_poke(k.disk, l.roots + root / 8, root % 8 * EXO_SECTOR_SIZE, was, sizeof(was));
	CHECK(why(&k, 0) == EXO_WALK_ROOTS && !kit_free(&k, top + 3) && kit_free(&k, top + 4) && !kit_detach(&k, 0));
	CHECK(why(&k, 0) == EXO_WALK_NONE && !kit_detach(&k, 0));
	is[100] ^= 1;
	sim_disk_poke(k.disk, l.roots + root / 8, root % 8 * EXO_SECTOR_SIZE, is, sizeof(is));
	NEED(!kit_attach(&k, 0));
	i = kit_info(&k);
	CHECK(i.out_walk_why == EXO_WALK_ROOTS && i.out_quarantined == 1 && i.out_held == 4 && !kit_detach(&k, 0));
	/* The disk says that this was not a clean one. */
	NEED(!kit_attach(&k, 0));
	CHECK(kit_info(&k).out_walk_why == EXO_WALK_UNCLEAN && !kit_detach(&k, 0));
	kit_stop(&k);
}

int main(void)
{
	u64 reads = clean_reads(65536, 10);

	CHECK(clean_reads(65536, 10000) == reads && clean_reads(65536, 60000) == reads);
	printf("%llu reads after a clean detach, whatever is on the disk\n", reads);
	/* 62 more blocks of the map, 256 a request. */
	CHECK(clean_reads(65536 * 32, 1000) <= reads + 1);
	reasons();
	temporary();
	entries();
	chain(false);
	chain(true);
	broad();
	walk(1, 8192, 0);
	walk(10, 16384, 2000000000ull);
	walk(100, 131072, 20000000ull);
	return check_done();
}
