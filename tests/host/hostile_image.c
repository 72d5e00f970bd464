// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * hostile_image.c: disks that lie, and devices that fail at the right moment. Nobody loses a block to a root that the attach could
 * not follow, and a damaged root takes nothing with it when it goes.
 */
#include <time.h>
#include "../../kmod/core/internal.h"
#include "../udf/insn.h"
#include "core_kit.h"

#define FRAMES 512
#define BLOCKS 8192
#define MASS 100000u	/* blocks of a disk that claims everything twice */

static struct txn t;

static int give(struct kit *k, u64 node, u32 part, u32 s, u64 start, u32 count, u32 ref)
{
	struct slot x = { start, count, ref, 1, 0 };

	txn_slot(&t, node, kit_version(k, node), part, s, x);
	txn_decl(&t, EXO_DECL_ALLOC, ref ? k->tmpl : 0, start, count);
	return txn_go(k, &t);
}

static struct exo_claim claim(u64 start, u64 count, u32 tmpl)
{
	return (struct exo_claim){ .start = start, .count = count, .template_id = tmpl };
}

static struct exo_root_get root_get(struct kit *k, u32 root)
{
	struct exo_root_get g = { .disk = k->d, .root = root };

	NEED(!CALL(k, EXO_NR_ROOT_GET, g));
	return g;
}

static int root_del(struct kit *k, u32 root)
{
	struct exo_root_del q = { .disk = k->d, .cap = k->cap, .root = root };

	return CALL(k, EXO_NR_ROOT_DEL, q);
}

/*
 * A block of metadata cannot be read after a crash. What lies below it was allocated after the last clean detach, so the map
 * stored then calls it free; it is held back all the same.
 */
static void stale_map(void)
{
	struct kit k;
	u64 top;
	u32 root;

	kit_start(&k, FRAMES, BLOCKS, SIM_VOLATILE);
	NEED(!kit_root_add(&k, "r", k.tmpl, EXO_NOBLOCK, 1, 0, &root, &top));
	NEED(!give(&k, top, 0, 0, 2000, 1, 1));
	NEED(!give(&k, 2000, 0, 0, 2001, 4, 0));
	NEED(!kit_sync(&k, EXO_NOROOT));
	NEED(!kit_detach(&k, EXO_DETACH_DISCARD));
	sim_disk_fail(k.disk, SIM_FAIL_READ, 2000, 1, 0, 0);
	NEED(!kit_attach(&k, 0));
	sim_disk_fail(k.disk, 0, 0, 0, 0, 0);
	CHECK(root_get(&k, root).out_quarantine == EXO_QUARANTINE_READ);
	CHECK(!kit_free(&k, 2001));
	CHECK(kit_root_add(&k, "thief", 0, 2001, 4, 0, NULL, NULL) == -EBUSY && k.reason == EXO_R_HELD);
	kit_stop(&k);
}

/*
 * The attach could not read a node, so it knows nothing of what lies below. When the root goes, the node can be read again: what it
 * claims may by now be somebody else's, and stays theirs.
 */
static void unread_then_deleted(void)
{
	struct kit k;
	u64 top, other;
	u32 root, mine, frame;

	kit_start(&k, FRAMES, BLOCKS, SIM_VOLATILE);
	NEED(!kit_root_add(&k, "r", k.tmpl, 1200, 1, 0, &root, &top));
	NEED(!kit_root_add(&k, "other", k.tmpl, 1201, 1, 0, &mine, &other));
	NEED(!give(&k, top, 0, 0, 2000, 1, 1));
	NEED(!give(&k, other, 0, 0, 2001, 1, 0));
	NEED(!kit_sync(&k, EXO_NOROOT));
	/* The device gives back an older life of block 2000, or its maker wrote this: the other root's block, too. */
	{
		struct slot x = { 2001, 1, 0, 1, 0 };

		sim_disk_poke(k.disk, 2000, 0, &x, sizeof(x));
	}
	NEED(!kit_detach(&k, EXO_DETACH_DISCARD));
	sim_disk_fail(k.disk, SIM_FAIL_READ, 2000, 1, 0, 0);
	NEED(!kit_attach(&k, EXO_ATTACH_WALK));
	sim_disk_fail(k.disk, 0, 0, 0, 0, 0);
	CHECK(root_get(&k, root).out_quarantine == EXO_QUARANTINE_READ);
	CHECK(!root_del(&k, root));
	CHECK(!kit_sync(&k, EXO_NOROOT));
	CHECK(!kit_free(&k, 2001));
	NEED(!kit_bind(&k, mine, EXO_NOBLOCK, 0, claim(other, 1, k.tmpl), EXO_RIGHT_READ, 0, &frame));
	CHECK(!kit_bind(&k, 0, other, 0, claim(2001, 1, 0), EXO_RIGHT_ALL, 0, &frame));
	kit_stop(&k);
}

/* Another reading of the same bytes: one claim of 24 blocks from what the node format calls the tag. */
static u32 other_template(struct kit *k)
{
	const u64 insns[] = { REGION(1, 0, 0), REGION(2, 1, 0), LDX_(SZ_D, 3, 1, 16), STX_(SZ_D, 2, 3, 0),
			      LDX_(SZ_W, 3, 1, 24), STX_(SZ_W, 2, 3, 8), MOV(0, 0), EXIT };
	struct exo_template_add q = { .disk = k->d, .cap = k->cap, .name = "other", .partition = PART,
				      .insns = (uintptr_t)insns, .ninsns = sizeof(insns) / 8 };

	NEED(!CALL(k, EXO_NR_TEMPLATE_ADD, q));
	return q.out_template;
}

static void entry_start(struct kit *k, u32 root, u64 start)
{
	struct exo_layout l;
	struct exo_root_head h;
	u8 sector[EXO_SECTOR_SIZE];
	u64 block;

	exo_layout(BLOCKS, &l);
	block = l.roots + root / EXO_SECTORS;
	sim_disk_peek(k->disk, block, root % EXO_SECTORS * EXO_SECTOR_SIZE, sector, sizeof(sector));
	NEED(exo_root_get_entry(&h, sector) == 1);
	h.start = start;
	exo_root_put(&h, sector);
	sim_disk_poke(k->disk, block, root % EXO_SECTORS * EXO_SECTOR_SIZE, sector, sizeof(sector));
}

/* Of a clean disk: every `step`-th block of [from, end) is free in the stored map, or used, and all of it adds up again. */
static void forge_map(struct kit *k, u64 blocks, u32 root, u64 from, u64 end, u32 step, bool is_free)
{
	u32 place = root % EXO_SECTORS * EXO_SECTOR_SIZE;
	u8 sector[EXO_SECTOR_SIZE], *map;
	struct exo_root_head h;
	struct exo_layout l;
	struct exo_super s;
	size_t bytes;
	u64 b, n = 0;

	exo_layout(blocks, &l);
	bytes = l.map_blocks * EXO_BLOCK_SIZE;
	map = calloc(1, bytes);
	NEED(map);
	for (b = 0; b < l.map_blocks; b++)
		sim_disk_peek(k->disk, l.map + b, 0, map + (size_t)b * EXO_BLOCK_SIZE, EXO_BLOCK_SIZE);
	for (b = from; b < end; b += step, n++)
		map[b / 8] ^= (u8)(1u << b % 8);
	for (b = 0; b < l.map_blocks; b++)
		sim_disk_poke(k->disk, l.map + b, 0, map + (size_t)b * EXO_BLOCK_SIZE, EXO_BLOCK_SIZE);
	sim_disk_peek(k->disk, 0, 0, sector, sizeof(sector));
	NEED(!exo_super_get(&s, sector) && s.clean);
	s.map_sum = exo_sum(map, bytes);
	exo_super_put(&s, sector);
	sim_disk_poke(k->disk, 0, 0, sector, sizeof(sector));
	free(map);
	sim_disk_peek(k->disk, l.roots + root / EXO_SECTORS, place, sector, sizeof(sector));
	NEED(exo_root_get_entry(&h, sector) == 1);
	h.used = is_free ? h.used - n : h.used + n;
	exo_root_put(&h, sector);
	sim_disk_poke(k->disk, l.roots + root / EXO_SECTORS, place, sector, sizeof(sector));
}

/*
 * A disk that calls itself clean, with a map that adds up: every other block of one claim is free in it. What the root has is then many
 * runs where its claim is one.
 */
static void claim_with_holes(void)
{
	u32 root, other;
	struct kit k;
	u64 top;

	kit_start(&k, FRAMES, BLOCKS, SIM_VOLATILE);
	NEED(!kit_root_add(&k, "r", k.tmpl, 1200, 1, 0, &root, &top));
	NEED(!give(&k, top, 0, 0, 2000, 64, 0) && !kit_detach(&k, 0));
	forge_map(&k, BLOCKS, root, 2000, 2064, 2, true);
	NEED(!kit_attach(&k, 0));
	CHECK(!(kit_info(&k).out_flags & EXO_DISK_WALKED) && kit_free(&k, 2000) && !kit_free(&k, 2001));
	/* a victim's */
	NEED(!kit_root_add(&k, "other", 0, 2010, 1, 0, &other, NULL));
	CHECK(!root_del(&k, root) && !kit_sync(&k, EXO_NOROOT));
	CHECK(kit_free(&k, 2000) && kit_free(&k, 2001) && kit_free(&k, 2063));
	NEED(!kit_detach(&k, 0) && !kit_attach(&k, EXO_ATTACH_WALK));
	CHECK(kit_info(&k).out_roots == 1 && !kit_info(&k).out_quarantined && !kit_free(&k, 2010));
	kit_stop(&k);
}

/*
 * Two roots of an attacker's disk have the same block, under two templates that read it differently. The attach followed one of
 * them; the other reading must never count, or deleting both roots would free blocks that a victim has got meanwhile.
 */
static void two_readings(bool first_goes_first)
{
	struct slot x = { 0, 0, 0, 3000, 8 };
	struct kit k, victim;
	u32 a, b, tmpl2, v, i;
	u64 at;

	kit_start(&k, FRAMES, BLOCKS, 0);
	tmpl2 = other_template(&k);
	NEED(!kit_root_add(&k, "a", k.tmpl, 1200, 1, 0, &a, NULL));
	NEED(!kit_root_add(&k, "b", tmpl2, 1201, 1, 0, &b, NULL));
	NEED(!kit_detach(&k, 0));
	sim_disk_poke(k.disk, 1200, 0, &x, sizeof(x));
	entry_start(&k, b, 1200);
	NEED(!kit_attach(&k, EXO_ATTACH_WALK));
	CHECK(root_get(&k, b).out_quarantine && !root_get(&k, a).out_quarantine);
	victim = kit_as(&k, &kit_user);
	/* Root a's reading is the one that was followed; by it these are free. */
	CHECK(!kit_root_add(&victim, "v", 0, 3000, 8, 0, &v, &at));
	CHECK(!root_del(&k, first_goes_first ? a : b));
	CHECK(!kit_sync(&k, EXO_NOROOT));
	CHECK(!root_del(&k, first_goes_first ? b : a));
	CHECK(!kit_sync(&k, EXO_NOROOT));
	for (i = 0; i < 8; i++)
		CHECK(!kit_free(&k, 3000 + i));
	CHECK(!kit_sync(&victim, EXO_NOROOT));
	CHECK(!kit_detach(&k, 0));
	sim_env_close(victim.senv);
	kit_stop(&k);
}

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* `parts` partitions of a root's node claim the same large extent. */
static int attach_mass(struct kit *k, u32 parts, u32 *root)
{
	struct slot x = { 2000, MASS - 4000, 0, 1, 0 };
	u32 i;

	kit_start(k, FRAMES, MASS, 0);
	NEED(!kit_root_add(k, "a", k->tmpl, 1200, 1, 0, root, NULL));
	NEED(!kit_detach(k, 0));
	for (i = 0; i < parts; i++)
		sim_disk_poke(k->disk, 1200, i * PART, &x, sizeof(x));
	return kit_attach(k, EXO_ATTACH_WALK);
}

/* Everything has two owners: that takes time in proportion, and goes away with the root. */
static void all_contested(void)
{
	double begin = seconds();
	struct kit k;
	u64 free_blocks;
	u32 root;

	NEED(!attach_mass(&k, 2, &root));
	CHECK(kit_info(&k).out_contested == MASS - 4000);
	free_blocks = kit_info(&k).out_free;
	CHECK(!root_del(&k, root));
	CHECK(!kit_sync(&k, EXO_NOROOT));
	CHECK(!kit_info(&k).out_contested && kit_info(&k).out_free == free_blocks + MASS - 4000 + 1);
	CHECK_MSG(seconds() - begin < 10, "%.1f s", seconds() - begin);
	kit_stop(&k);
}

/* Far more claims than any crash leaves behind: not followed to the end, and the device is let go. */
static void endless_claims(void)
{
	struct kit k;
	u32 root;

	CHECK(attach_mass(&k, 8, &root) == -EUCLEAN && k.reason == EXO_R_CONTESTED);
	CHECK(!sim_disk_opened(k.disk));
	kit_stop(&k);
}

/* What of a range is in core is found without a look at each of more blocks than there are frames. */
static void in_range(struct kit *k, u64 start, u64 count, u32 want)
{
	u64 at = 0;
	u32 n = 0;

	while (exo_buf_next(k->core, k->d, start, count, &at) != EXO_NOFRAME)
		n++;
	CHECK_MSG(n == want && at == (count < FRAMES ? count : FRAMES), "%u buffers of %llu blocks, %llu steps", n,
		  (unsigned long long)count, (unsigned long long)at);
}

/*
 * One claim of most of a large disk, metadata or data, moves, and data goes. All of that happens under the lock, so it may not take a look
 * at each block; the few that are in core it must find.
 */
#define VAST (1u << 22)
static void vast_claim(u32 ref)
{
	u64 top, from = 300000, count = VAST - 400000, at = 0;
	struct slot s = { from, (u32)count, ref, 1, 0 };
	u32 root, frame;
	struct kit k;

	kit_start(&k, FRAMES, VAST, 0);
	NEED(!kit_root_add(&k, "r", k.tmpl, EXO_NOBLOCK, 1, 0, &root, &top) && !kit_sync(&k, root));
	NEED(!kit_detach(&k, 0));
	sim_disk_poke(k.disk, top, 0, &s, sizeof(s));
	forge_map(&k, VAST, root, from, from + count, 1, false);
	NEED(!kit_attach(&k, 0) && !(kit_info(&k).out_flags & EXO_DISK_WALKED));
	NEED(!kit_bind(&k, root, EXO_NOBLOCK, 0, claim(top, 1, k.tmpl), EXO_RIGHT_READ, 0, &frame));
	NEED(!kit_read(&k, from + 1000, 2) && !kit_read(&k, from + count - 1, 1));
	in_range(&k, from, count, 3);
	in_range(&k, from + 1001, count - 1001, 2);
	in_range(&k, from + 1001, 10, 1);
	in_range(&k, from + 1000, FRAMES, 2);
	in_range(&k, from, 1000, 0);
	in_range(&k, from + 2, 998, 0);
	CHECK(exo_buf_next(k.core, k.d + 1, from, count, &at) == EXO_NOFRAME);
	txn_slot(&t, top, kit_version(&k, top), 0, 0, (struct slot){0});
	txn_slot(&t, top, kit_version(&k, top), 1, 0, s);
	txn_decl(&t, EXO_DECL_MOVE, ref ? k.tmpl : 0, from, count);
	CHECK(!txn_go(&k, &t) && kit_buf(&k, from + 1000));
	NEED(!kit_sync(&k, EXO_NOROOT));
	if (!ref) {
		txn_slot(&t, top, kit_version(&k, top), 1, 0, (struct slot){0});
		txn_decl(&t, EXO_DECL_FREE, 0, from, count);
		CHECK(!txn_go(&k, &t) && !kit_buf(&k, from + 1000) && !kit_buf(&k, from + count - 1));
		NEED(!kit_sync(&k, EXO_NOROOT));
		CHECK(kit_free(&k, from) && kit_free(&k, from + count - 1));
	}
	kit_stop(&k);
}

int main(void)
{
	vast_claim(0);
	vast_claim(1);
	all_contested();
	endless_claims();
	stale_map();
	unread_then_deleted();
	claim_with_holes();
	two_readings(true);
	two_readings(false);
	return check_done();
}
