// SPDX-License-Identifier: GPL-2.0 OR MIT
/* flatall.c: all of a flat directory (flat.c): listing it, clearing it, its blocks for who looks after their headers.
 */
#include "cffs.h"

struct all {
	struct cffs *fs;
	flat_fn fn;
	void *arg;
};

static int copy_leaf(void *arg, struct ref *leaf, u32 nth)
{
	struct all *a = arg;
	u8 bytes[BLK];

	memcpy(bytes, exo_frame_ptr(a->fs->v, leaf->frame), BLK);
	return meta_same(a->fs, leaf) ? a->fn(a->arg, bytes, leaf->block, nth) : -EAGAIN;
}

int flat_each(struct cffs *fs, struct node *dir, flat_fn fn, void *arg)
{
	struct all a = {fs, fn, arg};
	struct ref home;
	int err = node_pin(fs, dir, &home);

	if (err)
		return err;
	err = flat_leaves(fs, dir, &home, copy_leaf, &a);
	meta_put(fs, &home);
	return err;
}

/* ---- headers ---- */

struct blocks {
	struct cffs *fs;
	int (*fn)(void *arg, struct ref *r, bool map);
	void *arg;
	u64 map; /* the last one that was told */
};

static int block_of(void *arg, struct ref *map, u32 part, u32 slot, u32 nth)
{
	struct blocks *b = arg;
	struct claim c = {.parent = *map, .part = part, .meta = true};
	struct ref leaf;
	int err = 0;

	if (b->map != map->block)
		err = b->fn(b->arg, map, true);
	b->map = map->block;
	extent_get(txn_see(b->fs, map, part) + CFFS_H_SIZE + CFFS_E_SIZE * slot, &c.ext);
	if (err || c.ext.count != 1)
		return err;
	err = meta_get(b->fs, &c, &leaf);
	if (err)
		return err;
	err = b->fn(b->arg, &leaf, false);
	meta_put(b->fs, &leaf);
	return err;
}

int flat_blocks(struct cffs *fs, struct node *dir, int (*fn)(void *arg, struct ref *r, bool map), void *arg)
{
	struct blocks b = {fs, fn, arg, EXO_NOBLOCK};
	struct ref home;
	int err = node_pin(fs, dir, &home);

	if (err)
		return err;
	err = flat_exts(fs, dir, &home, block_of, &b);
	meta_put(fs, &home);
	return err;
}

static int any_used(void *arg, const u8 *leaf, u64 block, u32 nth)
{
	u32 p;

	for (p = 0; p < CFFS_PARTS; p++)
		if (part_kind(leaf + p * CFFS_PART) == CFFS_KIND_DIR && leaf[p * CFFS_PART + CFFS_H_USED])
			return 1;
	return 0;
}

int flat_empty(struct cffs *fs, struct node *dir)
{
	int err;

	CFFS_RETRY(err, fs, flat_each(fs, dir, any_used, NULL));
	return err < 0 ? err : !err;
}

/* The first extents of the map that are in use, to be freed together. */
#define CLEAR_STEP 40
struct clear {
	struct cffs *fs;
	struct ref map; /* pinned: where they are */
	u32 part[CLEAR_STEP], slot[CLEAR_STEP], n;
	u64 block[CLEAR_STEP];
};

static int take_ext(void *arg, struct ref *map, u32 part, u32 slot, u32 nth)
{
	struct clear *c = arg;
	struct extent e;

	extent_get(txn_see(c->fs, map, part) + CFFS_H_SIZE + CFFS_E_SIZE * slot, &e);
	if (!e.count)
		return 0;
	if (c->n == CLEAR_STEP || (c->n && c->map.block != map->block))
		return 1;
	if (!c->n) {
		c->map = *map;
		cache_pin(c->fs, map->frame);
	}
	c->part[c->n] = part;
	c->slot[c->n] = slot;
	c->block[c->n++] = e.start;
	return 0;
}

static int bring(void *arg, struct ref *leaf, u32 nth)
{
	return 0;
}

/* 1: there is more. */
static int clear_once(struct cffs *fs, struct node *dir)
{
	struct clear c = {.fs = fs, .map = NO_REF};
	struct ref home;
	u8 *slot, *part;
	u32 i;
	int err = node_pin(fs, dir, &home);

	if (err)
		return err;
	/* What is freed has to be in core. */
	err = flat_leaves(fs, dir, &home, bring, NULL);
	if (!err)
		err = flat_exts(fs, dir, &home, take_ext, &c);
	if (err >= 0)
		err = txn_begin(fs);
	if (err)
		goto out;
	slot = txn_part(fs, &home, dir->loc.part);
	err = slot ? 0 : -EAGAIN;
	for (i = 0; !err && i < c.n; i++) {
		part = txn_part(fs, &c.map, c.part[i]);
		if (!part) {
			err = -EAGAIN;
			break;
		}
		memset(part + CFFS_H_SIZE + CFFS_E_SIZE * c.slot[i], 0, CFFS_E_SIZE);
		err = txn_free(fs, c.block[i], 1, true);
	}
	if (!err && c.n) {
		slot += CFFS_SLOT(0);
		put32(slot + CFFS_S_BLOCKS, get32(slot + CFFS_S_BLOCKS) - c.n);
		put64(slot + CFFS_S_BYTES, get64(slot + CFFS_S_BYTES) - (u64)c.n * BLK);
	} else if (!err) {
		/* The map itself, and with it the way of such directories. */
		slot += CFFS_SLOT(0);
		for (i = 0; !err && i < CFFS_S_EXTS; i++) {
			struct extent e;

			extent_get(slot + CFFS_S_EXT + CFFS_E_SIZE * i, &e);
			if (e.count)
				err = txn_free(fs, e.start, 1, true);
		}
		memset(slot + CFFS_S_EXT, 0, CFFS_S_EXTS * CFFS_E_SIZE);
		slot[CFFS_S_LEVEL] = slot[CFFS_S_REF] = 0;
		slot[CFFS_S_FLAGS] &= ~CFFS_F_FLAT;
		put32(slot + CFFS_S_BLOCKS, 0);
	}
	if (err)
		txn_abort(fs);
	else
		err = txn_commit(fs);
	if (!err && c.n)
		err = 1;
out:
	meta_put(fs, &c.map);
	meta_put(fs, &home);
	dir->frame = EXO_NOFRAME;
	return err;
}

int flat_clear(struct cffs *fs, struct node *dir)
{
	int err;

	do {
		CFFS_RETRY(err, fs, clear_once(fs, dir));
	} while (err > 0);
	return err;
}

struct list {
	struct cffs *fs;
	struct node *dir;
	u64 cookie;
	int (*fn)(void *arg, const struct exo_dirent *d);
	void *arg;
};

static int list_leaf(void *arg, const u8 *leaf, u64 block, u32 nth)
{
	struct list *l = arg;
	char name[CFFS_NAME_MAX + 1];
	const char *is;
	struct inode di;
	u32 p, s;
	int err;

	for (p = 0; p < CFFS_PARTS; p++) {
		const u8 *part = leaf + p * CFFS_PART;

		for (s = 0; s < CFFS_SLOTS; s++) {
			struct exo_dirent d = {.next = (u64)nth << 8 | (p * CFFS_SLOTS + s + 1)};

			if (d.next <= l->cookie || part_kind(part) != CFFS_KIND_DIR || !part_used(part, s) ||
			    get64(part + CFFS_H_OWNER) != l->dir->n.ino || entry_get(part, s, &di, &is) ||
			    !(di.flags & CFFS_F_REF) || !ref_counts(l->fs, l->dir, &di))
				continue;
			memcpy(name, is, di.name_len);
			name[di.name_len] = 0;
			d.ino = di.ino;
			d.type = di.mode & S_IFMT;
			d.len = di.name_len;
			d.name = name;
			err = l->fn(l->arg, &d);
			if (err)
				return err;
			l->cookie = d.next;
		}
	}
	return 0;
}

int flat_readdir(struct cffs *fs, struct node *dir, u64 cookie, int (*fn)(void *arg, const struct exo_dirent *d),
		 void *arg)
{
	struct list l = {fs, dir, cookie, fn, arg};
	int err, tries = 0;

	/* It goes on behind what was told. */
	do {
		err = flat_each(fs, dir, list_leaf, &l);
	} while (err == -EAGAIN && ++tries < CFFS_TRIES);
	return err == -EAGAIN ? -EBUSY : err;
}
