// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * image.c: libFuzzer target for what ATTACH believes: a small good disk with trees of two roots, a temporary one, and two
 * templates, of which the input changes superblocks, both catalogues, programs, the stored map and metadata, with checksums made
 * good again if it says so. Whatever the disk says by then, the attach refuses it or the states of blocks add up, the disk can be
 * used, and an attach after a DETACH sees the same.
 *
 * A change: where, which block, two bytes of offset, length, flags; then that many bytes.
 */
#include "../host/core_kit.h"
#include "../../kmod/core/internal.h"

#define FRAMES 64u
#define BLOCKS 4608u

#define SEAL 1u	     /* the sector's checksum is made good */
#define BELIEVE 2u   /* and the map's, in the superblock */
#define WALK 4u	     /* the attach is told to walk */
#define READONLY 8u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static struct kit k;
static struct sim_image *good;
static struct exo_layout l;
static u64 top[3];

static int give(struct txn *t, u64 parent, u32 slot, u64 block, u32 count, u32 ref)
{
	txn_slot(t, parent, kit_version(&k, parent), 0, slot, (struct slot){block, count, ref, 0, 0});
	txn_decl(t, EXO_DECL_ALLOC, ref ? k.tmpl : 0, block, count);
	return txn_go(&k, t);
}

static void make(void)
{
	static struct txn t;
	u32 i;

	kit_start(&k, FRAMES, BLOCKS, 0);
	exo_layout(BLOCKS, &l);
	for (i = 0; i < 3; i++) {
		char name[2] = {(char)('a' + i)};

		NEED(!kit_root_add(&k, name, k.tmpl, 2000 + 100 * i, 1, i == 2 ? EXO_ROOT_TEMPORARY : 0, NULL, &top[i]));
		NEED(!give(&t, top[i], 0, top[i] + 1, 1, 1) && !give(&t, top[i], 1, top[i] + 2, 2, 1));
		NEED(!give(&t, top[i] + 1, 0, top[i] + 8, 4, 0) && !give(&t, top[i] + 2, 0, top[i] + 5, 1, 1));
	}
	NEED(!kit_sync(&k, EXO_NOROOT) && !kit_detach(&k, 0));
	good = sim_disk_image(k.disk);
	NEED(good);
}

static void seal(u64 block, u32 sector)
{
	u8 s[EXO_SECTOR_SIZE];
	u64 sum;

	sim_disk_peek(k.disk, block, sector * EXO_SECTOR_SIZE, s, sizeof(s));
	memset(s + 504, 0, 8);
	sum = exo_sum(s, sizeof(s));
	memcpy(s + 504, &sum, 8);
	sim_disk_poke(k.disk, block, sector * EXO_SECTOR_SIZE, s, sizeof(s));
}

static u64 place(u32 where, u32 which)
{
	switch (where % 8) {
	case 0:
		return 0;
	case 1:
		return BLOCKS - 1;
	case 2:
		return l.templates + which % 3 * EXO_SLOT_BLOCKS;
	case 3:
		return l.templates + which % 3 * EXO_SLOT_BLOCKS + 1 + which / 3 % 3;
	case 4:
		return l.roots + (which % 8 == 7);
	case 5:
		return l.map + which % l.map_blocks;
	default:
		return top[which % 3] + which / 3 % 10;
	}
}

/* The map as it is now, and the superblock that vouches for it. */
static void believe(void)
{
	size_t bytes = l.map_blocks * EXO_BLOCK_SIZE;
	u8 *map = malloc(bytes);
	u64 i, sum;

	NEED(map);
	for (i = 0; i < l.map_blocks; i++)
		sim_disk_peek(k.disk, l.map + i, 0, map + i * EXO_BLOCK_SIZE, EXO_BLOCK_SIZE);
	sum = exo_sum(map, bytes);
	free(map);
	sim_disk_poke(k.disk, 0, 40, &sum, 8);
	seal(0, 0);
}

/* Each block is in one state at most, counts are right, and nothing lies outside the data area. Returns how many are free. */
static u64 states(void)
{
	const struct exo_disk *d = k.core->disks[k.d];
	u64 b, nfree = 0, nwait = 0, nheld = 0, nuninit = 0;
	u32 i;

	NEED(d && d->l.last == d->blocks - 1 && d->l.first < d->l.last);
	for (b = 0; b < d->blocks; b++) {
		u32 n = exo_bit(d->free, b) + exo_bit(d->waiting, b) + exo_bit(d->held, b);

		NEED(n <= 1 && (!n || (b >= d->l.first && b < d->l.last)));
		NEED(!n || (!exo_bit(d->uninit, b) && !exo_bit(d->blank, b)));
		nfree += exo_bit(d->free, b);
		nwait += exo_bit(d->waiting, b);
		nheld += exo_bit(d->held, b);
		nuninit += exo_bit(d->uninit, b);
	}
	NEED(nfree == d->fm->free && nwait == d->nwaiting && nheld == d->nheld && nuninit == d->nuninit);
	for (i = 0; i < EXO_MAX_ROOTS; i++) {
		const struct exo_root *r = &d->roots[i];
		u64 bad;

		if (r->state == EXO_ROOT_LIVE && !r->quarantine)
			NEED(exo_map_owned(d, r->h.start, r->h.count, &bad));
	}
	return nfree;
}

/* Attached, whatever it is: somebody uses it, and it goes and comes back. */
static void use(bool readonly)
{
	struct exo_root_get g = {.disk = k.d};
	u32 frame, root;
	u64 at, nfree;

	states();
	for (g.root = 0; g.root < EXO_MAX_ROOTS; g.root++) {
		struct exo_claim c;

		if (k.core->disks[k.d]->roots[g.root].state != EXO_ROOT_LIVE || CALL(&k, EXO_NR_ROOT_GET, g) || g.out_quarantine || g.out_count != 1)
			continue;
		c = (struct exo_claim){.start = g.out_start, .count = 1, .template_id = g.out_template};
		if (!kit_bind(&k, g.root, EXO_NOBLOCK, 0, c, EXO_RIGHT_READ, 0, &frame))
			kit_unbind(&k, frame);
	}
	if (readonly) {
		NEED(!kit_detach(&k, 0));
		return;
	}
	if (!kit_root_add(&k, "mine", 0, EXO_NOBLOCK, 1, 0, &root, &at)) {
		struct exo_claim c = {.start = at, .count = 1};

		NEED(!kit_bind(&k, root, EXO_NOBLOCK, 0, c, EXO_RIGHT_ALL, 0, &frame) && !kit_unbind(&k, frame));
	}
	NEED(!kit_sync(&k, EXO_NOROOT));
	states();
	nfree = k.core->disks[k.d]->fm->free;
	NEED(!kit_detach(&k, 0));
	NEED(!kit_attach(&k, 0));
	/* What no program can be found for any more may be held back now; nothing is free that was not. */
	NEED(states() <= nfree + (k.core->disks[k.d]->walked ? BLOCKS : 0));
	for (root = 0; root < EXO_MAX_ROOTS; root++) {
		struct exo_root_del q = {.disk = k.d, .root = root};

		if (k.core->disks[k.d]->roots[root].state == EXO_ROOT_LIVE && !CALL(&k, EXO_NR_ROOT_DEL, q))
			states();
	}
	kit_sync(&k, EXO_NOROOT);
	states();
	NEED(!kit_detach(&k, EXO_DETACH_DISCARD));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static bool begun;
	u32 flags = 0;

	if (!begun)
		make();
	begun = true;
	sim_disk_free(k.disk);
	k.disk = sim_disk_from(k.path, good, 0);
	NEED(k.disk);
	while (bytes >= 6) {
		u64 block = place(data[0], data[1]);
		u32 offset = (data[2] | data[3] << 8) % EXO_BLOCK_SIZE, len = data[4] % 64;

		flags = data[5];
		data += 6;
		bytes -= 6;
		if (len > bytes)
			len = (u32)bytes;
		if (len > EXO_BLOCK_SIZE - offset)
			len = EXO_BLOCK_SIZE - offset;
		sim_disk_poke(k.disk, block, offset, data, len);
		if (flags & SEAL)
			seal(block, offset / EXO_SECTOR_SIZE);
		data += len;
		bytes -= len;
	}
	if (flags & BELIEVE)
		believe();
	if (kit_attach(&k, (flags & WALK ? EXO_ATTACH_WALK : 0) | (flags & READONLY ? EXO_ATTACH_READONLY : 0)))
		NEED(k.reason);
	else
		use(flags & READONLY);
	return 0;
}
