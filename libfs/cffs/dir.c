// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * dir.c: names of one directory. The map gives the leaf block for a name's hash; the name is in one of its partitions.
 * Finding, adding and removing touch one leaf.
 *
 * Another process may split a leaf between the look at the map and the look at the leaf. So "not there" counts only if
 * the map's blocks still have the version that was read; "there" needs only the leaf's own. Changes need neither: the
 * transaction names the leaf's version.
 *
 * The way through the map to a leaf is kept with the directory's node, and taken again while every block on it has the
 * version that was read then: a map block is a set of 240 extents, and going through it costs more than all the rest of
 * a lookup.
 */
#include <stdint.h>
#include "cffs.h"

bool name_ok(const char *name, size_t len)
{
	return len && len <= CFFS_NAME_MAX && !memchr(name, '/', len) && !memchr(name, 0, len) &&
	       !(name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')));
}

#define LEAF_GROUP 8 /* blocks on either side of a leaf that are read with it */
#define WAYS 16	     /* kept for a directory, by the first bits of the hash */

struct leaves {
	struct {
		struct ref home;
		u32 low; /* the way is right for hashes from here to path.next, exclusive */
		struct mpath path;
	} way[WAYS];
};

static bool way_taken(struct cffs *fs, struct node *dir, u32 hash, struct found *f)
{
	u32 w = hash / (UINT32_MAX / WAYS + 1);
	const struct mpath *p;
	int i;

	if (!dir->leaves || fs->txn.open)
		return false;
	p = &dir->leaves->way[w].path;
	if (!p->n || hash < dir->leaves->way[w].low || hash >= p->next ||
	    dir->leaves->way[w].home.version != f->home.version || dir->leaves->way[w].home.frame != f->home.frame)
		return false;
	for (i = 0; i < p->n; i++)
		if (!cache_stands(fs, p->at[i].c.parent.frame, p->at[i].c.parent.version))
			return false;
	for (i = 0; i < p->n; i++) {
		f->path.at[i] = p->at[i];
		cache_pin(fs, p->at[i].c.parent.frame);
	}
	f->path.n = p->n;
	f->path.next = p->next;
	return true;
}

static void way_keep(struct cffs *fs, struct node *dir, u32 hash, const struct found *f)
{
	u32 w = hash / (UINT32_MAX / WAYS + 1), low;

	if (fs->txn.open || !f->path.n || !meta_same(fs, &f->home) || !map_same(fs, &f->path))
		return;
	if (!dir->leaves)
		dir->leaves = calloc(1, sizeof(*dir->leaves));
	if (!dir->leaves)
		return;
	low = f->path.at[f->path.n - 1].c.ext.key;
	dir->leaves->way[w].home = f->home;
	dir->leaves->way[w].low = low < hash ? low : hash;
	dir->leaves->way[w].path = f->path;
}

/*
 * A leaf that is not in core: those beside it are other leaves, of this directory or of ones made about then. They come
 * with the same request. Only allocated blocks are of use.
 */
static void read_leaves(struct cffs *fs, u64 leaf)
{
	struct exo_run run = {leaf, 1};

	if (exo_lookup(fs->v, fs->fs.disk, leaf, NULL) != EXO_NOFRAME)
		return;
	while (leaf - run.start < LEAF_GROUP && run.start > 1 && !exo_block_free(fs->map, run.start - 1) &&
	       exo_lookup(fs->v, fs->fs.disk, run.start - 1, NULL) == EXO_NOFRAME)
		run.start--;
	run.count = leaf - run.start + 1;
	while (run.start + run.count - leaf < LEAF_GROUP && run.start + run.count < fs->map->blocks &&
	       !exo_block_free(fs->map, run.start + run.count) &&
	       exo_lookup(fs->v, fs->fs.disk, run.start + run.count, NULL) == EXO_NOFRAME)
		run.count++;
	if (run.count > 1)
		exo_read(fs->fs.x, fs->fs.disk, 1, &run, NULL);
}

int dir_leaf_for(struct cffs *fs, struct node *dir, u32 hash, struct found *f)
{
	int err;

	f->home = f->leaf = NO_REF;
	f->path.n = 0;
	f->hash = hash;
	f->part = -1;
	err = node_pin(fs, dir, &f->home);
	if (err)
		return err;
	if (!S_ISDIR(dir->di.mode))
		return -ENOTDIR;
	/* No order leads to a leaf there. */
	if (dir->di.flags & CFFS_F_FLAT)
		return 0;
	if (!way_taken(fs, dir, hash, f)) {
		err = map_find(fs, dir, &f->home, hash, &f->path);
		if (err || !f->path.n)
			return err;
		way_keep(fs, dir, hash, f);
		read_leaves(fs, f->path.at[f->path.n - 1].c.ext.start);
	}
	return meta_get(fs, &f->path.at[f->path.n - 1].c, &f->leaf);
}

static bool found_same(struct cffs *fs, const struct found *f)
{
	return meta_same(fs, &f->home) && map_same(fs, &f->path) && meta_same(fs, &f->leaf);
}

/* The partition for the hash, or -EUCLEAN. Valid if the leaf is unchanged afterwards. */
static int partition_for(struct cffs *fs, struct node *dir, const struct ref *leaf, u32 hash)
{
	const u8 *part[CFFS_PARTS];
	u32 p;

	for (p = 0; p < CFFS_PARTS; p++)
		part[p] = txn_see(fs, leaf, p);
	return leaf_part(part, dir->n.ino, hash);
}

static int find_once(struct cffs *fs, struct node *dir, const char *name, size_t len, struct found *f)
{
	u32 hash = name_hash(fs, name, len);
	int err = dir_leaf_for(fs, dir, hash, f), part, slot;

	if (err)
		return err;
	if (dir->di.flags & CFFS_F_FLAT)
		return flat_find(fs, dir, name, len, f);
	if (!f->path.n)
		return found_same(fs, f) ? -ENOENT : -EAGAIN;
	part = slot = partition_for(fs, dir, &f->leaf, hash);
	if (part >= 0)
		slot = entry_find(txn_see(fs, &f->leaf, part), dir->n.ino, hash, name, len, &f->di);
	f->loc = (struct loc){f->leaf.block, part, slot};
	f->part = part;
	if (slot < 0)
		return found_same(fs, f) ? slot : -EAGAIN;
	return meta_same(fs, &f->leaf) ? 0 : -EAGAIN;
}

void found_done(struct cffs *fs, struct found *f)
{
	map_done(fs, &f->path);
	meta_put(fs, &f->leaf);
	meta_put(fs, &f->home);
}

int dir_find(struct cffs *fs, struct node *dir, const char *name, size_t len, struct found *f)
{
	int err, tries = 0;

	for (;;) {
		err = find_once(fs, dir, name, len, f);
		if (err != -EAGAIN || ++tries == CFFS_TRIES)
			break;
		found_done(fs, f);
	}
	return err == -EAGAIN ? -EBUSY : err;
}

int dir_at(struct cffs *fs, struct node *dir, u32 hash, const struct loc *loc, u64 ino, struct found *f)
{
	int err = dir_leaf_for(fs, dir, hash, f);
	const u8 *part;

	if (!err && dir->di.flags & CFFS_F_FLAT)
		err = flat_leaf(fs, dir, loc->block, f);
	else if (!err && !f->path.n)
		err = -ENOENT;
	if (err || f->leaf.block != loc->block)
		return err ? err : -ENOENT;
	part = txn_see(fs, &f->leaf, loc->part);
	if (part_kind(part) != CFFS_KIND_DIR || !part_used(part, loc->slot))
		return meta_same(fs, &f->leaf) ? -ENOENT : -EAGAIN;
	err = entry_get(part, loc->slot, &f->di, NULL);
	if (!meta_same(fs, &f->leaf))
		return -EAGAIN;
	if (!err && f->di.ino != ino)
		return -ENOENT;
	f->loc = *loc;
	return err;
}

static int drop_once(struct cffs *fs, struct node *dir, u32 hash, const struct loc *loc, u64 ino)
{
	struct found f;
	int err = dir_at(fs, dir, hash, loc, ino, &f);

	if (!err)
		err = txn_begin(fs);
	if (err)
		goto out;
	err = dir_del(fs, &f);
	if (!err)
		err = extents_free(fs, &f.di);
	if (!err)
		err = dir_prune(fs, dir, &f);
	if (err)
		txn_abort(fs);
	else
		err = txn_commit(fs);
	dir->frame = EXO_NOFRAME;
out:
	found_done(fs, &f);
	return err;
}

static bool contested(struct cffs *fs, u64 block)
{
	struct exo_range range[EXO_MAX_RUNS];
	int n = exo_contested(fs->fs.x, fs->fs.disk, range, EXO_MAX_RUNS), i;

	/* More than fit: the answer only chooses the way, and this one fails cleanly where it is wrong. */
	if (n > (int)EXO_MAX_RUNS)
		return true;
	for (i = 0; i < n; i++)
		if (block - range[i].start < range[i].count)
			return true;
	return false;
}

int dir_drop(struct cffs *fs, struct node *dir, u32 hash, const struct loc *loc, u64 ino)
{
	struct found f;
	bool whole = false;
	int err = dir_at(fs, dir, hash, loc, ino, &f);

	/* A reference owns nothing. What owns metadata that nobody else has a claim to cannot be freed in one go. */
	if (!err && (S_ISDIR(f.di.mode) || f.di.level) && f.di.ext[0].count + f.di.ext[1].count)
		whole = !contested(fs, f.di.ext[f.di.ext[0].count ? 0 : 1].start);
	found_done(fs, &f);
	if (err)
		return err;
	if (whole)
		return orphan_entry(fs, dir, hash, loc, ino);
	CFFS_RETRY(err, fs, drop_once(fs, dir, hash, loc, ino));
	return err;
}

/* In a transaction: the directory has n leaves more. */
int dir_resize(struct cffs *fs, struct node *dir, const struct ref *home, int n)
{
	u8 *part = txn_part(fs, home, dir->loc.part), *at;

	if (!part)
		return -EAGAIN;
	at = part + CFFS_SLOT(dir->loc.slot) + CFFS_S_BYTES;
	put64(at, get64(at) + (int64_t)n * BLK);
	return 0;
}

int dir_add(struct cffs *fs, struct node *dir, struct found *f, struct inode *di, const char *name, size_t len,
	    const char *target, struct loc *loc)
{
	struct ref r = f->leaf;
	struct extent e;
	u8 *part;
	int err, p, slot;

	di->hash = f->hash;
	if (dir->di.flags & CFFS_F_FLAT)
		return flat_add(fs, dir, f, di, name, len, loc);
	if (!f->path.n) {
		err = txn_alloc(fs, fs->policy->leaf(fs, dir), 1, true, true, &e);
		if (err)
			return err;
		fs->policy->placed(fs, dir, &e);
		r = txn_new_block(e.start);
		e.key = 0;
		err = leaf_begin(fs, dir, &r);
		if (!err)
			err = map_insert(fs, dir, &f->home, &e);
		if (!err)
			err = dir_resize(fs, dir, &f->home, 1);
		if (err)
			return err;
	}
	p = f->path.n && f->part >= 0 ? f->part : partition_for(fs, dir, &r, f->hash);
	if (p < 0)
		return meta_same(fs, &r) ? p : -EAGAIN;
	if (!entry_fits(txn_see(fs, &r, p), len + di->extra))
		return meta_same(fs, &r) ? -EXFULL : -EAGAIN;
	part = txn_part(fs, &r, p);
	if (!part)
		return -EAGAIN;
	slot = entry_add(part, di, name, len, target);
	if (slot < 0)
		return slot;
	*loc = (struct loc){r.block, p, slot};
	return 0;
}

int dir_del(struct cffs *fs, struct found *f)
{
	u8 *part = txn_part(fs, &f->leaf, f->loc.part);

	if (!part)
		return -EAGAIN;
	entry_del(part, f->loc.slot);
	return 0;
}

int dir_prune(struct cffs *fs, struct node *dir, struct found *f)
{
	int err;
	u32 p;

	/* An empty leaf is somebody's next name; only the owner could take it away. */
	if (dir->di.flags & CFFS_F_FLAT)
		return 0;
	for (p = 0; p < CFFS_PARTS; p++) {
		const u8 *part = txn_see(fs, &f->leaf, p);

		if (get32(part + CFFS_H_MAGIC) && part[CFFS_H_USED])
			return 0;
	}
	err = txn_free(fs, f->leaf.block, 1, true);
	if (!err)
		err = map_remove(fs, dir, &f->home, &f->path);
	if (!err)
		err = dir_resize(fs, dir, &f->home, -1);
	return err;
}

/* ---- going through all ---- */

/* Bytes of a leaf, with every entry checked, or -EAGAIN, -EUCLEAN. */
int dir_leaf_copy(struct cffs *fs, struct node *dir, const struct found *f, u8 *leaf)
{
	struct inode di;
	u32 p, s;
	int kind;

	memcpy(leaf, exo_frame_ptr(fs->v, f->leaf.frame), BLK);
	if (!found_same(fs, f))
		return -EAGAIN;
	for (p = 0; p < CFFS_PARTS; p++) {
		u8 *part = leaf + p * CFFS_PART;

		kind = part_kind(part);
		if (!kind)
			continue;
		if (kind != CFFS_KIND_DIR || get64(part + CFFS_H_OWNER) != dir->n.ino)
			return -EUCLEAN;
		for (s = 0; s < CFFS_SLOTS; s++)
			if (part_used(part, s) && entry_get(part, s, &di, NULL))
				return -EUCLEAN;
	}
	return 0;
}

int dir_leaf(struct cffs *fs, struct node *dir, u32 hash, u8 *leaf, u64 *block, u64 *next)
{
	struct found f;
	int err;

	err = dir_leaf_for(fs, dir, hash, &f);
	if (!err && !f.path.n)
		err = found_same(fs, &f) ? -ENOENT : -EAGAIN;
	if (!err) {
		err = dir_leaf_copy(fs, dir, &f, leaf);
		*block = f.leaf.block;
		*next = f.path.next;
	}
	found_done(fs, &f);
	return err;
}

int dir_empty(struct cffs *fs, struct node *dir)
{
	u64 next = 0, block;
	u8 leaf[BLK];
	u32 p;
	int err;

	if (dir->di.flags & CFFS_F_FLAT)
		return flat_empty(fs, dir);
	do {
		CFFS_RETRY(err, fs, dir_leaf(fs, dir, next, leaf, &block, &next));
		if (err)
			return err == -ENOENT ? 1 : err;
		for (p = 0; p < CFFS_PARTS; p++)
			if (get32(leaf + p * CFFS_PART + CFFS_H_MAGIC) && leaf[p * CFFS_PART + CFFS_H_USED])
				return 0;
	} while (next >> 32 == 0);
	return 1;
}

static int clear_once(struct cffs *fs, struct node *dir)
{
	struct found f;
	int err = dir_leaf_for(fs, dir, 0, &f), freed;

	if (err || !f.path.n) {
		found_done(fs, &f);
		return err;
	}
	err = txn_begin(fs);
	/* The partition is not changed; it is there for the leaf's version. */
	if (!err && !txn_part(fs, &f.leaf, 0))
		err = -EAGAIN;
	if (!err)
		err = dir_prune(fs, dir, &f);
	freed = fs->txn.nfrees;
	if (!err && !freed)
		err = -ENOTEMPTY;
	if (err)
		txn_abort(fs);
	else
		err = txn_commit(fs);
	dir->frame = EXO_NOFRAME;
	found_done(fs, &f);
	return err ? err : 1;
}

int dir_clear(struct cffs *fs, struct node *dir)
{
	int err;

	if (dir->di.flags & CFFS_F_FLAT)
		return flat_clear(fs, dir);
	do {
		CFFS_RETRY(err, fs, clear_once(fs, dir));
	} while (err > 0);
	return err;
}
