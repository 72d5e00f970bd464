// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * dir.c: names of one directory. The map gives the leaf block for a name's hash; the name is in one of its partitions.
 * Finding, adding and removing touch one leaf.
 *
 * Another process may split a leaf between the look at the map and the look at the leaf. So "not there" counts only if
 * the map's blocks still have the version that was read; "there" needs only the leaf's own. Changes need neither: the
 * transaction names the leaf's version.
 */
#include "cffs.h"

#define LEAF_ENTRIES (CFFS_PARTS * CFFS_SLOTS)

bool name_ok(const char *name, size_t len)
{
	return len && len <= CFFS_NAME_MAX && !memchr(name, '/', len) && !memchr(name, 0, len) &&
	       !(name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')));
}

static int find_leaf(struct cffs *fs, struct node *dir, u32 hash, struct found *f)
{
	int err;

	f->home = f->leaf = NO_REF;
	f->path.n = 0;
	f->hash = hash;
	err = node_pin(fs, dir, &f->home);
	if (err)
		return err;
	if (!S_ISDIR(dir->di.mode))
		return -ENOTDIR;
	err = map_find(fs, dir, &f->home, hash, &f->path);
	if (err || !f->path.n)
		return err;
	return meta_get(fs, &f->path.at[f->path.n - 1].c, &f->leaf);
}

static bool found_same(struct cffs *fs, const struct found *f)
{
	return meta_same(fs, &f->home) && map_same(fs, &f->path) && meta_same(fs, &f->leaf);
}

static int find_once(struct cffs *fs, struct node *dir, const char *name, size_t len, struct found *f)
{
	u32 hash = name_hash(fs, name, len), p;
	int err = find_leaf(fs, dir, hash, f), slot = -ENOENT;

	if (err)
		return err;
	if (!f->path.n)
		return found_same(fs, f) ? -ENOENT : -EAGAIN;
	for (p = 0; p < CFFS_PARTS && slot == -ENOENT; p++) {
		slot = entry_find(txn_see(fs, &f->leaf, p), dir->n.ino, hash, name, len, &f->di);
		f->loc = (struct loc){f->leaf.block, p, slot};
	}
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

/* In a transaction: the directory has n leaves more. */
static int resize(struct cffs *fs, struct node *dir, const struct ref *home, int n)
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
	u32 p, k;
	u8 *part;
	int err, slot;

	di->hash = f->hash;
	if (!f->path.n) {
		err = txn_alloc(fs, fs->policy->leaf(fs, dir), 1, true, true, &e);
		if (err)
			return err;
		r = txn_new_block(e.start);
		e.key = 0;
		err = map_insert(fs, dir, &f->home, &e);
		if (!err)
			err = resize(fs, dir, &f->home, 1);
		if (err)
			return err;
	}
	for (k = 0; k < CFFS_PARTS; k++) {
		/* Begin where a replaced entry stood, so that the name changes in one sector. */
		p = (f->path.n && f->loc.block == r.block ? f->loc.part + k : k) % CFFS_PARTS;
		if (!entry_fits(txn_see(fs, &r, p), len + di->extra))
			continue;
		part = txn_part(fs, &r, p);
		if (!part)
			return -EAGAIN;
		slot = entry_add(part, dir->n.ino, di, name, len, target);
		if (slot < 0)
			return slot;
		*loc = (struct loc){r.block, p, slot};
		return 0;
	}
	return meta_same(fs, &r) ? -EXFULL : -EAGAIN;
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

	for (p = 0; p < CFFS_PARTS; p++)
		if (get32(txn_see(fs, &f->leaf, p) + CFFS_H_MAGIC))
			return 0;
	err = txn_free(fs, f->leaf.block, 1, true);
	if (!err)
		err = map_remove(fs, dir, &f->home, &f->path);
	if (!err)
		err = resize(fs, dir, &f->home, -1);
	return err;
}

/* ---- splitting a leaf ---- */

static int by_number(const void *x, const void *y)
{
	const u32 *a = x, *b = y;

	return *a < *b ? -1 : *a > *b;
}

/* The hash from which on entries go to the upper leaf: nearest to the middle, with something on each side. 0: none. */
static u32 boundary(const u8 *leaf)
{
	u32 hash[LEAF_ENTRIES], n = 0, p, s, i;

	for (p = 0; p < CFFS_PARTS; p++) {
		const u8 *part = leaf + p * CFFS_PART;

		for (s = 0; s < CFFS_SLOTS; s++)
			if (get32(part + CFFS_H_MAGIC) && part_used(part, s))
				hash[n++] = get32(part + CFFS_SLOT(s) + CFFS_S_HASH);
	}
	qsort(hash, n, sizeof(*hash), by_number);
	for (i = 0; i <= n / 2; i++) {
		if (n / 2 + i < n && n / 2 + i && hash[n / 2 + i] != hash[n / 2 + i - 1])
			return hash[n / 2 + i];
		if (n / 2 > i && hash[n / 2 - i] != hash[n / 2 - i - 1])
			return hash[n / 2 - i];
	}
	return 0;
}

/* One side of the split: each partition keeps its entries on that side, at their place. */
static int half(struct cffs *fs, const struct ref *to, const u8 *leaf, u32 from, bool upper)
{
	u32 p, s;

	for (p = 0; p < CFFS_PARTS; p++) {
		u8 keep[CFFS_PART], *part;

		memcpy(keep, leaf + p * CFFS_PART, CFFS_PART);
		for (s = 0; s < CFFS_SLOTS; s++)
			if (get32(keep + CFFS_H_MAGIC) && part_used(keep, s) &&
			    (get32(keep + CFFS_SLOT(s) + CFFS_S_HASH) >= from) != upper)
				entry_del(keep, s);
		if (!get32(keep + CFFS_H_MAGIC))
			continue;
		part = txn_part(fs, to, p);
		if (!part)
			return -EAGAIN;
		memcpy(part, keep, CFFS_PART);
	}
	return 0;
}

/* Bytes of a leaf, with every entry checked, or -EAGAIN, -EUCLEAN. */
static int leaf_copy(struct cffs *fs, struct node *dir, const struct found *f, u8 *leaf)
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

static int split_once(struct cffs *fs, struct node *dir, u32 hash)
{
	struct extent low, high;
	struct found f;
	u8 leaf[BLK];
	u32 from, p;
	int err;

	err = find_leaf(fs, dir, hash, &f);
	if (!err && !f.path.n)
		err = -EAGAIN;
	if (!err)
		err = leaf_copy(fs, dir, &f, leaf);
	if (err)
		goto out;
	from = boundary(leaf);
	if (!from) {
		err = -ENOSPC;
		goto out;
	}
	err = txn_begin(fs);
	if (err)
		goto out;
	err = txn_alloc(fs, f.leaf.block, 1, true, true, &low);
	if (!err)
		err = txn_alloc(fs, low.start + 1, 1, true, true, &high);
	if (err)
		goto abort;
	low.key = f.path.at[f.path.n - 1].c.ext.key;
	high.key = from;
	err = half(fs, &(struct ref){low.start, 0, EXO_NOFRAME}, leaf, from, false);
	if (!err)
		err = half(fs, &(struct ref){high.start, 0, EXO_NOFRAME}, leaf, from, true);
	for (p = 0; !err && p < CFFS_PARTS; p++) {
		u8 *part;

		if (!get32(leaf + p * CFFS_PART + CFFS_H_MAGIC))
			continue;
		part = txn_part(fs, &f.leaf, p);
		if (part)
			memset(part, 0, CFFS_PART);
		else
			err = -EAGAIN;
	}
	if (!err)
		err = txn_free(fs, f.leaf.block, 1, true);
	if (!err)
		err = map_change(fs, dir, &f.home, &f.path, &low);
	if (!err)
		err = map_insert(fs, dir, &f.home, &high);
	if (!err)
		err = resize(fs, dir, &f.home, 1);
	if (!err) {
		err = txn_commit(fs);
		goto out;
	}
abort:
	txn_abort(fs);
out:
	found_done(fs, &f);
	return err;
}

int dir_split(struct cffs *fs, struct node *dir, const char *name, size_t len)
{
	u32 hash = name_hash(fs, name, len);
	int err;

	CFFS_RETRY(err, fs, split_once(fs, dir, hash));
	return err;
}

/* ---- going through all ---- */

/* A copy of the leaf for hash, and where the next one begins (1 << 32: none). -ENOENT: no leaf at all. */
int dir_leaf(struct cffs *fs, struct node *dir, u32 hash, u8 *leaf, u64 *next)
{
	struct found f;
	int err;

	err = find_leaf(fs, dir, hash, &f);
	if (!err && !f.path.n)
		err = found_same(fs, &f) ? -ENOENT : -EAGAIN;
	if (!err) {
		err = leaf_copy(fs, dir, &f, leaf);
		*next = f.path.next;
	}
	found_done(fs, &f);
	return err;
}

int dir_empty(struct cffs *fs, struct node *dir)
{
	u64 next = 0;
	u8 leaf[BLK];
	u32 p;
	int err;

	do {
		CFFS_RETRY(err, fs, dir_leaf(fs, dir, next, leaf, &next));
		if (err)
			return err == -ENOENT ? 1 : err;
		for (p = 0; p < CFFS_PARTS; p++)
			if (get32(leaf + p * CFFS_PART + CFFS_H_MAGIC))
				return 0;
	} while (next >> 32 == 0);
	return 1;
}

struct place {
	u32 hash, part, slot;
};

static int by_place(const void *x, const void *y)
{
	const struct place *a = x, *b = y;

	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	return (int)(a->part * CFFS_SLOTS + a->slot) - (int)(b->part * CFFS_SLOTS + b->slot);
}

int cffs_readdir(struct exo_fs *xfs, struct exo_node *xdir, uint64_t cookie,
		 int (*fn)(void *arg, const struct exo_dirent *d), void *arg)
{
	struct cffs *fs = cffs_of(xfs);
	struct node *dir = node_of(xdir);
	struct place at[LEAF_ENTRIES];
	u64 next = cookie >> 8;
	u8 leaf[BLK];
	u32 p, s, n, i, ord;
	int err;

	if (next >> 32)
		return 0;
	for (;;) {
		CFFS_RETRY(err, fs, dir_leaf(fs, dir, next, leaf, &next));
		if (err)
			return err == -ENOENT ? 0 : err;
		n = 0;
		for (p = 0; p < CFFS_PARTS; p++) {
			const u8 *part = leaf + p * CFFS_PART;

			for (s = 0; s < CFFS_SLOTS; s++)
				if (get32(part + CFFS_H_MAGIC) && part_used(part, s))
					at[n++] = (struct place){get32(part + CFFS_SLOT(s) + CFFS_S_HASH), p, s};
		}
		qsort(at, n, sizeof(*at), by_place);
		for (i = ord = 0; i < n; i++) {
			char name[CFFS_NAME_MAX + 1];
			struct exo_dirent d = {0};
			struct inode di;
			const char *is;

			ord = i && at[i].hash == at[i - 1].hash ? ord + 1 : 0;
			d.next = (u64)at[i].hash << 8 | (ord + 1);
			if (d.next <= cookie || at[i].hash >= next)
				continue;
			if (entry_get(leaf + at[i].part * CFFS_PART, at[i].slot, &di, &is))
				return -EUCLEAN;
			memcpy(name, is, di.name_len);
			name[di.name_len] = 0;
			d.ino = di.ino;
			d.type = di.mode & S_IFMT;
			d.len = di.name_len;
			d.name = name;
			err = fn(arg, &d);
			if (err)
				return err;
			cookie = d.next;
		}
		if (next >> 32)
			return 0;
		if (cookie < next << 8)
			cookie = next << 8;
	}
}
