// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * leaf.c: building a directory's leaf anew when a name does not fit. Each partition of a leaf has a range of hashes, so
 * a name has one place as long as the leaf stands: whatever happens to a name happens in one sector, and a torn write
 * cannot mix old and new.
 *
 * Therefore ranges never change in place. A new leaf (or two) is filled, the map is pointed at it and the old one is
 * freed, in one transaction; on the disk the old one stays whole until the map's sector that names the new one is
 * there.
 */
#include "cffs.h"
#include "leaf.h"

/*
 * With more entries than this a leaf that has no room for a name becomes two, though packing it tighter might do: a
 * packed one is full again soon, and each building is a transaction of 16 partitions and more. In a directory that
 * grows by hashes at random, 14 makes 0.16 of them a name and 11 names a leaf, 10 makes 0.12 and 9.
 */
#define LEAF_FULL 10

static int by_hash(const void *x, const void *y)
{
	const struct item *a = x, *b = y;

	return a->hash < b->hash ? -1 : a->hash > b->hash;
}

/* Items with one hash cannot be told apart by it: they go together. */
static u32 same_hash(const struct item *it, u32 n, u32 at)
{
	u32 end = at + 1;

	while (end < n && it[end].hash == it[at].hash)
		end++;
	return end;
}

static bool fits(const struct item *it, u32 from, u32 to)
{
	u32 sum = 0, i;

	if (to - from > CFFS_SLOTS)
		return false;
	for (i = from; i < to; i++)
		sum += it[i].bytes;
	return to == from || CFFS_SLOT(to - from) + sum <= CFFS_PART;
}

/* At most `most` items a partition. False: more partitions would be needed. */
static bool spread(const struct item *it, u32 n, u32 most, u64 end, struct layout *l)
{
	u32 p = 0, at = 0, next, i, rest;

	l->first[0] = 0;
	l->from[0] = 0;
	while (at < n) {
		next = same_hash(it, n, at);
		if (at > l->first[p] && (next - l->first[p] > most || !fits(it, l->first[p], next))) {
			if (++p == CFFS_PARTS)
				return false;
			l->first[p] = at;
			l->from[p] = leaf_between(it[at - 1].hash, it[at].hash);
		}
		if (!fits(it, l->first[p], next))
			return false;
		at = next;
	}
	/* What is left over shares the range behind the last item. */
	rest = CFFS_PARTS - 1 - p;
	for (i = 1; i <= rest; i++) {
		u64 low = n ? (u64)it[n - 1].hash + 1 : 0;

		l->first[p + i] = n;
		l->from[p + i] = low < end ? low + (end - low) * i / (rest + 1) : l->from[p];
		/* A range of nothing: such a partition is never chosen, the one before it has the same beginning. */
	}
	l->first[CFFS_PARTS] = n;
	return true;
}

/* As even as it goes. */
bool leaf_arrange(const struct item *it, u32 n, u64 end, struct layout *l)
{
	u32 most = (n + CFFS_PARTS - 1) / CFFS_PARTS;

	for (most = most ? most : 1; most <= CFFS_SLOTS; most++)
		if (spread(it, n, most, end, l))
			return true;
	return false;
}

static int fill(struct cffs *fs, struct node *dir, u64 block, const u8 *leaf, const struct item *it,
		const struct layout *l)
{
	struct ref r = txn_new_block(block);
	u32 p, i;
	int err;

	for (p = 0; p < CFFS_PARTS; p++) {
		u8 *part = txn_part(fs, &r, p);

		if (!part)
			return -EXFULL;
		part_init(part, &dir->di, l->from[p]);
		for (i = l->first[p]; i < l->first[p + 1]; i++) {
			if (it[i].part == CFFS_PARTS)
				continue;
			/* dir_leaf_copy has checked them all. */
			err = entry_copy(part, leaf + it[i].part * CFFS_PART, it[i].slot);
			if (err < 0)
				return err;
		}
	}
	return 0;
}

/* The leaf's entries and the coming one; if that replaces an entry, the larger of the two counts. */
static u32 collect(const u8 *leaf, struct item *it, u32 hash, const char *name, size_t len, u32 extra)
{
	u32 p, s, n = 0, i;

	for (p = 0; p < CFFS_PARTS; p++) {
		const u8 *part = leaf + p * CFFS_PART;

		for (s = 0; s < CFFS_SLOTS; s++) {
			const u8 *slot = part + CFFS_SLOT(s);

			if (!part_kind(part) || !part_used(part, s))
				continue;
			it[n++] = (struct item){get32(slot + CFFS_S_HASH),
						slot[CFFS_S_NAME_LEN] + get16(slot + CFFS_S_EXTRA), p, s};
		}
	}
	for (i = 0; i < n; i++) {
		const u8 *part = leaf + it[i].part * CFFS_PART, *slot = part + CFFS_SLOT(it[i].slot);

		if (it[i].hash != hash || slot[CFFS_S_NAME_LEN] != len ||
		    memcmp(part + get16(slot + CFFS_S_NAME_OFF), name, len))
			continue;
		if (it[i].bytes < len + extra)
			it[i].bytes = len + extra;
		return n;
	}
	it[n++] = (struct item){hash, len + extra, CFFS_PARTS, 0};
	return n;
}

static bool owns_some(const u8 *part)
{
	u32 s, i;

	for (s = 0; part_kind(part) && s < CFFS_SLOTS; s++)
		for (i = 0; part_used(part, s) && i < CFFS_S_EXTS; i++)
			if (get32(part + CFFS_SLOT(s) + CFFS_S_EXT + CFFS_E_SIZE * i + CFFS_E_COUNT))
				return true;
	return false;
}

/* Replace the leaf by one new, or by two that meet at *high->key. */
static int replace(struct cffs *fs, struct node *dir, struct found *f, const u8 *leaf, const struct item *it, u32 low_n,
		   u32 n, const struct layout *a, const struct layout *b, u32 border)
{
	struct extent low, high = {0};
	u32 p;
	int err;

	err = txn_alloc(fs, f->leaf.block, 1, true, true, &low);
	if (!err && low_n < n)
		err = txn_alloc(fs, low.start + 1, 1, true, true, &high);
	if (err)
		return err;
	/*
	 * The leaf with the least key also has what is below its key. Then the key comes down to that: the new leaf
	 * above may get a key below the old one, and would be the least otherwise.
	 */
	low.key = f->path.at[f->path.n - 1].c.ext.key;
	if (n && it[0].hash < low.key)
		low.key = it[0].hash;
	high.key = border;
	err = fill(fs, dir, low.start, leaf, it, a);
	if (!err && low_n < n)
		err = fill(fs, dir, high.start, leaf, it + low_n, b);
	for (p = 0; !err && p < CFFS_PARTS; p++) {
		u8 *part;

		/* What owns nothing may go as it is; one of them is in the transaction for the leaf's version. */
		if (p && !fs->shared && !owns_some(leaf + p * CFFS_PART))
			continue;
		part = txn_part(fs, &f->leaf, p);
		/* References own nothing: in a shared tree, where it may be another's, it goes as it is. */
		if (part && !fs->shared)
			part_clear(part);
		else if (!part)
			err = -EAGAIN;
	}
	if (!err)
		err = txn_free(fs, f->leaf.block, 1, true);
	if (!err)
		err = low_n < n ? map_split(fs, dir, &f->home, &f->path, &low, &high)
				: map_change(fs, dir, &f->home, &f->path, &low);
	if (!err && low_n < n)
		err = dir_resize(fs, dir, &f->home, 1);
	return err;
}

static int split_once(struct cffs *fs, struct node *dir, const char *name, size_t len, u32 extra)
{
	u32 hash = name_hash(fs, name, len);
	struct item it[LEAF_ENTRIES + 1];
	struct layout a, b;
	struct found f;
	u8 leaf[BLK];
	u32 n, low_n, border = 0, i;
	int err;

	err = dir_leaf_for(fs, dir, hash, &f);
	if (!err && !f.path.n)
		err = -EAGAIN;
	if (!err)
		err = dir_leaf_copy(fs, dir, &f, leaf);
	if (err)
		goto out;
	n = collect(leaf, it, hash, name, len, extra);
	qsort(it, n, sizeof(*it), by_hash);
	low_n = n;
	/* A leaf that would be nearly full is split right away. */
	if (n > LEAF_FULL || !leaf_arrange(it, n, f.path.next, &a)) {
		for (low_n = 0, i = 1; i < n; i++)
			if (it[i].hash != it[i - 1].hash &&
			    (!low_n || abs((int)(2 * i - n)) < abs((int)(2 * low_n - n))))
				low_n = i;
		err = -ENOSPC;
		if (!low_n)
			goto out;
		border = leaf_between(it[low_n - 1].hash, it[low_n].hash);
		if (!leaf_arrange(it, low_n, border, &a) || !leaf_arrange(it + low_n, n - low_n, f.path.next, &b))
			goto out;
	}
	err = txn_begin(fs);
	if (err)
		goto out;
	err = replace(fs, dir, &f, leaf, it, low_n, n, &a, &b, border);
	if (err)
		txn_abort(fs);
	else
		err = txn_commit(fs);
	dir->frame = EXO_NOFRAME;
out:
	found_done(fs, &f);
	return err;
}

int dir_split(struct cffs *fs, struct node *dir, const char *name, size_t len, u32 extra)
{
	int err;

	if (dir->di.flags & CFFS_F_FLAT)
		return flat_grow(fs, dir);
	CFFS_RETRY(err, fs, split_once(fs, dir, name, len, extra));
	return err;
}

int leaf_begin(struct cffs *fs, struct node *dir, struct ref *r)
{
	u32 p;

	for (p = 0; p < CFFS_PARTS; p++) {
		u8 *part = txn_part(fs, r, p);

		if (!part)
			return -EXFULL;
		part_init(part, &dir->di, p << 29);
	}
	return 0;
}
