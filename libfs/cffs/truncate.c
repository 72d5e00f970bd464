// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * truncate.c: shortening from the end, as many extents at a time as a transaction takes; the size goes down with them,
 * so that at no moment a block behind the end is left to show its old bytes later.
 */
#include "cffs.h"

#define STEP 100 /* extents of one transaction */

/* One step. *more: the last extent still reaches behind `size` (or, with to_direct, there are still map blocks). */
static int step(struct cffs *fs, struct node *node, u64 size, bool to_direct, bool *more)
{
	u64 need = (size + BLK - 1) / BLK, now = size;
	struct mpath p;
	struct ref home;
	u32 n;
	u64 old;
	int err;

	*more = false;
	err = node_pin(fs, node, &home);
	if (err)
		return err;
	old = node->di.size;
	err = txn_begin(fs);
	if (err)
		goto out;
	for (n = 0;; n++) {
		const u8 *slot = txn_see(fs, &home, node->loc.part) + CFFS_SLOT(node->loc.slot);
		struct extent e;

		if (to_direct && !slot[CFFS_S_LEVEL])
			break;
		err = map_find(fs, node, &home, UINT32_MAX, &p);
		if (err || !p.n)
			break;
		e = p.at[p.n - 1].c.ext;
		if ((u64)e.key + e.count <= need) {
			map_done(fs, &p);
			break;
		}
		if (n == STEP || fs->txn.nimages > CFFS_IMAGES - 24) {
			*more = true;
			now = ((u64)e.key + e.count) * BLK;
			map_done(fs, &p);
			break;
		}
		if (e.key >= need) {
			err = txn_free(fs, e.start, e.count, S_ISDIR(node->di.mode));
			if (!err)
				err = map_remove(fs, node, &home, &p);
		} else {
			u32 keep = need - e.key;

			err = txn_free(fs, e.start + keep, e.count - keep, false);
			e.count = keep;
			if (!err)
				err = map_change(fs, node, &home, &p, &e);
		}
		map_done(fs, &p);
		if (err)
			break;
	}
	if (err)
		goto abort;
	if (now > old && *more)
		now = old;
	if (to_direct)
		now = now < old ? now : old;
	node->di.size = now;
	/* A conversion to no map blocks (to_direct) and a truncation both end what was wanted behind the end. */
	node->di.flags &= ~CFFS_F_PREALLOC;
	node->di.time[T_MTIME] = node->di.time[T_CTIME] = stamp_now();
	err = node_store(fs, node, &home);
	if (err)
		goto abort;
	err = txn_commit(fs);
	if (!err)
		node_stored(fs, node);
	else
		node->di.size = old;
	goto out;
abort:
	txn_abort(fs);
	node->di.size = old;
out:
	meta_put(fs, &home);
	return err;
}

int truncate_blocks(struct cffs *fs, struct node *node, u64 size, bool to_direct)
{
	bool more;
	int err;

	do {
		CFFS_RETRY(err, fs, step(fs, node, size, to_direct, &more));
	} while (!err && more);
	return err;
}

static int zero_once(struct cffs *fs, struct node *node, u64 off, u32 len)
{
	struct claim c;
	struct ref home;
	u32 frame, hole;
	int err = node_pin(fs, node, &home);

	if (err)
		return err;
	err = file_extent(fs, node, &home, off / BLK, &c, &hole);
	if (!err) {
		err = headers_trust(fs, node, &c);
		if (!err)
			err = cache_bind(fs, &c, c.ext.start + (off / BLK - c.ext.key), 1, true, false, &frame);
		if (!err) {
			memset((u8 *)exo_frame_ptr(fs->v, frame) + off % BLK, 0, len);
			cache_unpin(fs, frame);
		}
		meta_put(fs, &c.parent);
	} else if (err == -ENOENT) {
		err = 0;
	}
	meta_put(fs, &home);
	return err;
}

int zero_bytes(struct cffs *fs, struct node *node, u64 off, u32 len)
{
	int err;

	CFFS_RETRY(err, fs, zero_once(fs, node, off, len));
	return err;
}

/* What is behind the end in the last block must read as zeroes when the file grows again. */
int zero_tail(struct cffs *fs, struct node *node, u64 size)
{
	return size % BLK ? zero_bytes(fs, node, size, BLK - size % BLK) : 0;
}

int cffs_truncate(struct exo_fs *xfs, struct exo_node *xnode, uint64_t size)
{
	struct cffs *fs = cffs_of(xfs);
	struct node *node = node_of(xnode);
	struct ref home;
	u64 old;
	int err;

	if (xfs->flags & EXO_FS_RDONLY)
		return -EROFS;
	if (S_ISDIR(xnode->mode))
		return -EISDIR;
	if (!S_ISREG(xnode->mode))
		return -EINVAL;
	if (size > (u64)CFFS_FILE_BLOCKS * BLK)
		return -EFBIG;
	write_cut(fs, node, size);
	err = write_flush(fs, node);
	if (err)
		return err;
	err = node_pin(fs, node, &home);
	meta_put(fs, &home);
	if (err)
		return err;
	old = node->di.size;
	err = drop_setid(fs, node);
	if (!err && size > old)
		err = trim_tail(fs, node);
	/* Up or down: a mapping may have left bytes behind the old end, too. */
	if (!err && size != old)
		err = zero_tail(fs, node, size < old ? size : old);
	if (!err)
		err = truncate_blocks(fs, node, size, false);
	return err;
}
