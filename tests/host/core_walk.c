// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * core_walk.c: what the walk at attach costs. For trees of about 1,000, 10,000 and 100,000 metadata blocks: each block is read once,
 * each partition runs once, many blocks go out at once, and a walk that takes long says so.
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

int main(void)
{
	walk(1, 8192, 0);
	walk(10, 16384, 2000000000ull);
	walk(100, 131072, 20000000ull);
	return check_done();
}
