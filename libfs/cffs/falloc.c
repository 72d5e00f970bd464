// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * falloc.c: blocks without bytes, and holes. A block that was allocated and never written reads as zeroes, so
 * allocating ahead is allocating. What is wanted behind the end is marked in the inode, or the next write behind the
 * end would take it for the rest of a truncation that a power cut split.
 */
#include <fcntl.h>
#include <unistd.h>
#include "cffs.h"

#define STEP 40 /* extents of one transaction */

int map_cut(struct cffs *fs, struct node *node, const struct ref *home, const struct mpath *p, u64 first, u64 end)
{
	struct extent e = p->at[p->n - 1].c.ext, low = e, high = e;
	u64 past = (u64)e.key + e.count, a = first > e.key ? first : e.key, b = end < past ? end : past;
	int err = txn_free(fs, e.start + (a - e.key), b - a, false);

	if (err)
		return err;
	low.count = a - e.key;
	high.start += b - e.key;
	high.key = b;
	high.count = past - b;
	if (!low.count && !high.count)
		return map_remove(fs, node, home, p);
	if (low.count && high.count)
		return map_split(fs, node, home, p, &low, &high);
	return map_change(fs, node, home, p, low.count ? &low : &high);
}

/* One transaction; *key: how far it came. */
static int punch_once(struct cffs *fs, struct node *node, u64 *key, u64 end)
{
	struct mpath p;
	struct ref home;
	u64 at = *key;
	u32 n = 0;
	int err = node_pin(fs, node, &home);

	if (err)
		return err;
	err = txn_begin(fs);
	while (!err && at < end && n < STEP && fs->txn.nimages < CFFS_IMAGES - 40) {
		const struct extent *e;

		err = map_find(fs, node, &home, at, &p);
		if (err)
			break;
		if (!p.n) {
			at = end;
			break;
		}
		e = &p.at[p.n - 1].c.ext;
		if ((u64)e->key + e->count <= at) {
			at = p.next;
		} else if (e->key >= end) {
			at = end;
		} else {
			u64 past = (u64)e->key + e->count;

			err = map_cut(fs, node, &home, &p, at, end);
			at = past;
			n++;
		}
		map_done(fs, &p);
	}
	if (!err && n) {
		node->di.time[T_MTIME] = node->di.time[T_CTIME] = stamp_now();
		err = node_store(fs, node, &home);
	}
	if (err || !n) {
		if (fs->txn.open)
			txn_abort(fs);
	} else {
		err = txn_commit(fs);
		if (!err)
			node_stored(fs, node);
		node->last.ext.count = 0;
	}
	meta_put(fs, &home);
	if (!err)
		*key = at;
	return err;
}

static int punch(struct cffs *fs, struct node *node, u64 off, u64 len)
{
	u64 end = off + len, first = (off + BLK - 1) / BLK, last = end / BLK;
	int err = 0;

	/* What is not a whole block is cleared in place. */
	if (first > last)
		return zero_bytes(fs, node, off, len);
	if (off % BLK)
		err = zero_bytes(fs, node, off, first * BLK - off);
	if (!err && end % BLK)
		err = zero_bytes(fs, node, last * BLK, end % BLK);
	while (!err && first < last)
		CFFS_RETRY(err, fs, punch_once(fs, node, &first, last));
	return err;
}

static int mark_once(struct cffs *fs, struct node *node, u64 size, u32 flags)
{
	struct inode was;
	struct ref home;
	int err = node_pin(fs, node, &home);

	if (err)
		return err;
	was = node->di;
	err = txn_begin(fs);
	if (!err) {
		if (size > node->di.size)
			node->di.size = size;
		node->di.flags |= flags;
		node->di.time[T_MTIME] = node->di.time[T_CTIME] = stamp_now();
		err = node_store(fs, node, &home);
		if (err)
			txn_abort(fs);
		else
			err = txn_commit(fs);
		if (err)
			node->di = was;
		else
			node_stored(fs, node);
	}
	meta_put(fs, &home);
	return err;
}

/* Size and flags; the size only grows. */
static int mark(struct cffs *fs, struct node *node, u64 size, u32 flags)
{
	int err;

	CFFS_RETRY(err, fs, mark_once(fs, node, size, flags));
	return err;
}

int cffs_fallocate(struct exo_fs *xfs, struct exo_node *xnode, int mode, uint64_t off, uint64_t len)
{
	struct cffs *fs = cffs_of(xfs);
	struct node *node = node_of(xnode);
	bool keep = mode & FALLOC_FL_KEEP_SIZE, behind;
	struct ref home;
	int err;

	if (xfs->flags & EXO_FS_RDONLY)
		return -EROFS;
	if (off + len > (u64)CFFS_FILE_BLOCKS * BLK)
		return -EFBIG;
	err = write_flush(fs, node);
	if (!err)
		err = drop_setid(fs, node);
	if (!err) {
		err = node_pin(fs, node, &home);
		meta_put(fs, &home);
	}
	if (err)
		return err;
	behind = off + len > node->di.size;
	if (behind && !(mode & FALLOC_FL_PUNCH_HOLE)) {
		err = trim_tail(fs, node);
		if (!err)
			err = zero_tail(fs, node, node->di.size);
		if (!err && keep)
			err = mark(fs, node, 0, CFFS_F_PREALLOC);
	}
	if (!err && mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
		err = punch(fs, node, off, len);
	if (!err && !(mode & FALLOC_FL_PUNCH_HOLE)) {
		err = write_reserve(fs, node, off, len, true);
		if (!err)
			err = mark(fs, node, keep ? 0 : off + len, 0);
	} else if (!err) {
		node_touched(fs, node);
	}
	nodes_tick(fs);
	return err;
}

static off_t seek_once(struct cffs *fs, struct node *node, u64 off, int whence)
{
	u64 key = off / BLK;
	struct claim c;
	struct ref home;
	u32 hole;
	off_t got = -ENXIO;
	int err = node_pin(fs, node, &home);

	if (err)
		return err;
	while (off < node->di.size) {
		err = key < CFFS_FILE_BLOCKS ? file_extent(fs, node, &home, key, &c, &hole) : -ENOENT;
		if (err && err != -ENOENT) {
			got = err;
			break;
		}
		if (!err)
			meta_put(fs, &c.parent);
		/* Found what is looked for; or the end, which is a hole. */
		if ((whence == SEEK_DATA) == !err || (whence == SEEK_HOLE && key * BLK >= node->di.size)) {
			got = key * BLK > off ? key * BLK : off;
			if ((u64)got > node->di.size)
				got = node->di.size;
			break;
		}
		key = err ? key + hole : (u64)c.ext.key + c.ext.count;
		if (key * BLK >= node->di.size) {
			got = whence == SEEK_HOLE ? (off_t)node->di.size : -ENXIO;
			break;
		}
	}
	meta_put(fs, &home);
	return got;
}

off_t cffs_seek(struct exo_fs *xfs, struct exo_node *xnode, uint64_t off, int whence)
{
	struct cffs *fs = cffs_of(xfs);
	off_t got = write_flush(fs, node_of(xnode));

	if (!got)
		CFFS_RETRY(got, fs, seek_once(fs, node_of(xnode), off, whence));
	return got;
}
