// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * flat.c: sticky directories of shared trees. Who may add a name there may not touch the others, so nothing is ever
 * laid out anew: a name is alone in its partition, in no order, and a lookup goes through all leaves. The map, one
 * block or two of extents, is made with the directory, by its owner; others add leaves to it.
 *
 * A leaf says by itself what may be done with it, and whoever adds it writes that. So only partitions that carry the
 * directory's own mode, owner and group get names, and of two entries with one name, which a hostile library can make,
 * that of the caller counts first, then that of the directory's owner, then the older; what stands in other partitions
 * counts last.
 */
#include "cffs.h"

#define PER_MAP (CFFS_PARTS * CFFS_MAP_EXTS)

int flat_exts(struct cffs *fs, struct node *dir, const struct ref *home, flat_ext_fn fn, void *arg)
{
	const u8 *slot = txn_see(fs, home, dir->loc.part) + CFFS_SLOT(0);
	struct claim c = {.parent = *home, .part = dir->loc.part, .meta = true};
	u32 m, p, i;
	int err = slot[CFFS_S_LEVEL] == 1 ? 0 : -EUCLEAN;

	for (m = 0; !err && m < CFFS_S_EXTS; m++) {
		struct ref map;

		extent_get(slot + CFFS_S_EXT + CFFS_E_SIZE * m, &c.ext);
		if (c.ext.count != 1)
			continue;
		err = meta_get(fs, &c, &map);
		if (err)
			break;
		for (p = 0; !err && p < CFFS_PARTS; p++) {
			const u8 *part = txn_see(fs, &map, p);

			if (part_kind(part) != CFFS_KIND_MAP || get64(part + CFFS_H_OWNER) != dir->n.ino)
				continue;
			for (i = 0; !err && i < CFFS_MAP_EXTS; i++)
				err = fn(arg, &map, p, i, m * PER_MAP + p * CFFS_MAP_EXTS + i);
		}
		meta_put(fs, &map);
	}
	if (!err && !meta_same(fs, home))
		err = -EAGAIN;
	return err;
}

struct leaves {
	struct cffs *fs;
	flat_leaf_fn fn;
	void *arg;
};

static int leaf_of(void *arg, struct ref *map, u32 part, u32 slot, u32 nth)
{
	struct leaves *l = arg;
	struct claim c = {.parent = *map, .part = part, .meta = true};
	struct ref leaf;
	int err;

	extent_get(txn_see(l->fs, map, part) + CFFS_H_SIZE + CFFS_E_SIZE * slot, &c.ext);
	if (c.ext.count != 1)
		return 0;
	err = meta_get(l->fs, &c, &leaf);
	if (err)
		return err;
	err = l->fn(l->arg, &leaf, nth);
	meta_put(l->fs, &leaf);
	return err;
}

int flat_leaves(struct cffs *fs, struct node *dir, const struct ref *home, flat_leaf_fn fn, void *arg)
{
	struct leaves l = {fs, fn, arg};

	return flat_exts(fs, dir, home, leaf_of, &l);
}

/* ---- finding ---- */

struct look {
	struct cffs *fs;
	struct node *dir;
	const char *name;
	size_t len;
	u32 hash;
	struct found *f;
	u32 rank; /* of what was found; RANKS: nothing yet */
	int64_t since;
};

enum { MINE, OWNERS, OTHERS, UNTRUSTED, RANKS };

static u32 rank_of(struct look *l, const u8 *part, const struct inode *di)
{
	if (!header_same(part, &l->dir->di))
		return UNTRUSTED;
	return di->uid == l->fs->uid ? MINE : di->uid == l->dir->di.uid ? OWNERS : OTHERS;
}

static int look(void *arg, struct ref *leaf, u32 nth)
{
	struct look *l = arg;
	u8 bytes[BLK];
	struct inode di;
	u32 p, rank;
	int slot;

	for (p = 0; p < CFFS_PARTS; p++)
		memcpy(bytes + p * CFFS_PART, txn_see(l->fs, leaf, p), CFFS_PART);
	if (!meta_same(l->fs, leaf))
		return -EAGAIN;
	for (p = 0; p < CFFS_PARTS; p++) {
		slot = entry_find(bytes + p * CFFS_PART, l->dir->n.ino, l->hash, l->name, l->len, &di);
		if (slot < 0)
			continue;
		rank = rank_of(l, bytes + p * CFFS_PART, &di);
		if (rank > l->rank || (rank == l->rank && di.time[T_BTIME] >= l->since))
			continue;
		meta_put(l->fs, &l->f->leaf);
		l->f->leaf = *leaf;
		if (leaf->frame != EXO_NOFRAME)
			cache_pin(l->fs, leaf->frame);
		l->f->loc = (struct loc){leaf->block, p, slot};
		l->f->di = di;
		l->rank = rank;
		l->since = di.time[T_BTIME];
	}
	return 0;
}

int flat_find(struct cffs *fs, struct node *dir, const char *name, size_t len, struct found *f)
{
	struct look l = {fs, dir, name, len, name_hash(fs, name, len), f, RANKS, 0};
	int err;

	f->hash = l.hash;
	err = flat_leaves(fs, dir, &f->home, look, &l);
	if (!err && l.rank == RANKS)
		err = -ENOENT;
	if (!err && !meta_same(fs, &f->leaf))
		err = -EAGAIN;
	return err;
}

struct at {
	struct cffs *fs;
	u64 block;
	struct found *f;
};

static int leaf_is(void *arg, struct ref *leaf, u32 nth)
{
	struct at *a = arg;

	if (leaf->block != a->block)
		return 0;
	a->f->leaf = *leaf;
	if (leaf->frame != EXO_NOFRAME)
		cache_pin(a->fs, leaf->frame);
	return 1;
}

/* The leaf that is this block, pinned in f->leaf. */
int flat_leaf(struct cffs *fs, struct node *dir, u64 block, struct found *f)
{
	struct at a = {fs, block, f};
	int err = flat_leaves(fs, dir, &f->home, leaf_is, &a);

	return err > 0 ? 0 : err ? err : -ENOENT;
}

/* ---- adding ---- */

struct spot {
	struct cffs *fs;
	struct node *dir;
	struct ref r; /* pinned */
	u32 part, slot;
};

static int free_part(void *arg, struct ref *leaf, u32 nth)
{
	struct spot *s = arg;
	u32 p;

	for (p = 0; p < CFFS_PARTS; p++) {
		const u8 *part = txn_see(s->fs, leaf, p);

		if (part_kind(part) != CFFS_KIND_DIR || part[CFFS_H_USED] || !header_same(part, &s->dir->di))
			continue;
		s->r = *leaf;
		s->part = p;
		if (leaf->frame != EXO_NOFRAME)
			cache_pin(s->fs, leaf->frame);
		return 1;
	}
	return 0;
}

int flat_add(struct cffs *fs, struct node *dir, struct found *f, struct inode *di, const char *name, size_t len,
	     struct loc *loc)
{
	struct spot s = {.fs = fs, .dir = dir, .r = NO_REF};
	int err = flat_leaves(fs, dir, &f->home, free_part, &s), slot;
	u8 *part, *home;

	if (err <= 0)
		return err ? err : -EXFULL;
	part = txn_part(fs, &s.r, s.part);
	/* Two who add one name at a time change the same partition, so the second looks again. */
	home = txn_part(fs, &f->home, dir->loc.part);
	loc->block = s.r.block;
	meta_put(fs, &s.r);
	if (!part || !home)
		return -EAGAIN;
	put64(home + CFFS_SLOT(0) + CFFS_S_MTIME, stamp_now());
	slot = entry_add(part, di, name, len, NULL);
	loc->part = s.part;
	loc->slot = slot;
	return slot < 0 ? slot : 0;
}

static int free_ext(void *arg, struct ref *map, u32 part, u32 slot, u32 nth)
{
	struct spot *s = arg;

	if (get32(txn_see(s->fs, map, part) + CFFS_H_SIZE + CFFS_E_SIZE * slot + CFFS_E_COUNT) ||
	    !header_same(txn_see(s->fs, map, part), &s->dir->di))
		return 0;
	s->r = *map;
	s->part = part;
	s->slot = slot;
	if (map->frame != EXO_NOFRAME)
		cache_pin(s->fs, map->frame);
	return nth + 1;
}

/* In a transaction: a block of partitions with the inode's header. */
static int new_block(struct cffs *fs, const struct inode *di, u32 kind, u64 near, struct extent *e)
{
	struct ref r;
	u32 p;
	int err = txn_alloc(fs, near, 1, true, true, e);

	if (err)
		return err;
	r = txn_new_block(e->start);
	for (p = 0; p < CFFS_PARTS; p++) {
		u8 *part = txn_part(fs, &r, p);

		if (!part)
			return -EXFULL;
		part_init(part, di, 0);
		part[CFFS_H_KIND] = kind;
		part[CFFS_H_REF] = kind == CFFS_KIND_MAP ? CFFS_REF_META : 0;
	}
	return 0;
}

int flat_begin(struct cffs *fs, u8 *part, const struct inode *di)
{
	u8 *slot = part + CFFS_SLOT(0);
	struct extent e;
	int err = new_block(fs, di, CFFS_KIND_MAP, fs->root_block + 1, &e);

	if (err)
		return err;
	e.key = 0;
	extent_put(slot + CFFS_S_EXT, &e);
	slot[CFFS_S_LEVEL] = 1;
	slot[CFFS_S_REF] = CFFS_REF_META;
	slot[CFFS_S_FLAGS] |= CFFS_F_FLAT;
	put32(slot + CFFS_S_BLOCKS, 1);
	return 0;
}

/* In a transaction: a second map block, which is the owner's to add. */
static int second_map(struct cffs *fs, struct node *dir, u8 *slot)
{
	u8 *at = slot + CFFS_S_EXT + CFFS_E_SIZE;
	struct extent e;
	int err;

	if (get32(at + CFFS_E_COUNT) || !shared_mine(fs, dir))
		return -ENOSPC;
	err = new_block(fs, &dir->di, CFFS_KIND_MAP, fs->policy->map(fs, dir), &e);
	if (err)
		return err;
	e.key = 1;
	extent_put(at, &e);
	put32(slot + CFFS_S_BLOCKS, get32(slot + CFFS_S_BLOCKS) + 1);
	return -EEXIST;
}

static int grow_once(struct cffs *fs, struct node *dir)
{
	struct spot s = {.fs = fs, .dir = dir, .r = NO_REF};
	struct extent e;
	struct ref home;
	u8 *part, *slot;
	int nth, err = node_pin(fs, dir, &home);

	if (err)
		return err;
	nth = flat_exts(fs, dir, &home, free_ext, &s);
	err = nth < 0 ? nth : txn_begin(fs);
	if (err)
		goto out;
	slot = txn_part(fs, &home, dir->loc.part);
	if (!slot) {
		err = -EAGAIN;
		goto abort;
	}
	slot += CFFS_SLOT(0);
	if (!nth) {
		err = second_map(fs, dir, slot);
		if (err != -EEXIST)
			goto abort;
		err = txn_commit(fs);
		err = err ? err : -EAGAIN;
		goto out;
	}
	part = txn_part(fs, &s.r, s.part);
	err = part ? new_block(fs, &dir->di, CFFS_KIND_DIR, s.r.block + 1, &e) : -EAGAIN;
	if (err)
		goto abort;
	e.key = nth;
	extent_put(part + CFFS_H_SIZE + CFFS_E_SIZE * s.slot, &e);
	put32(slot + CFFS_S_BLOCKS, get32(slot + CFFS_S_BLOCKS) + 1);
	put64(slot + CFFS_S_BYTES, get64(slot + CFFS_S_BYTES) + BLK);
	err = txn_commit(fs);
	goto out;
abort:
	txn_abort(fs);
out:
	meta_put(fs, &s.r);
	meta_put(fs, &home);
	dir->frame = EXO_NOFRAME;
	return err;
}

int flat_grow(struct cffs *fs, struct node *dir)
{
	int err;

	CFFS_RETRY(err, fs, grow_once(fs, dir));
	return err;
}
