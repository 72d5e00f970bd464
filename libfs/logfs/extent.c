// SPDX-License-Identifier: GPL-2.0 OR MIT
/* extent.c: which blocks hold which part of a file. Extents of a file do not overlap; what none maps is a hole. */
#include "logfs.h"

int ext_find(struct logfs *fs, u64 ino, u64 blk, struct rec *out, u64 *hole)
{
	const struct rec *r;
	int err = tree_upto(fs, LOGFS_TREE_EXTS, ino, blk, &r);

	if (!err && r->ino == ino && blk - r->sub < r->len) {
		*out = *r;
		return 0;
	}
	if (err && err != -ENOENT)
		return err;
	err = tree_from(fs, LOGFS_TREE_EXTS, ino, blk, &r);
	if (err && err != -ENOENT)
		return err;
	*hole = !err && r->ino == ino ? r->sub - blk : LOGFS_FILE_BLOCKS - blk;
	return -ENOENT;
}

int ext_bind(struct logfs *fs, u64 ino, u64 blk, u32 most, bool write, u32 *frames, u32 *count, u64 *at)
{
	u64 version = fs->txn.open ? fs->txn.version : super_version(fs), left;
	struct rec r;
	int err = ext_find(fs, ino, blk, &r, at);

	if (err)
		return err;
	left = r.sub + r.len - blk;
	*count = left < most ? left : most;
	*at = r.val + (blk - r.sub);
	err = data_bind(fs, &r, *at, *count, write, frames);
	if (err)
		return err;
	/* The leaf and the blocks may have been given back and be others' by now, with the same numbers. */
	if (super_version(fs) != version) {
		data_unbind(fs, *count, frames);
		return -EAGAIN;
	}
	return 0;
}

int ext_last(struct logfs *fs, u64 ino, u64 *end)
{
	const struct rec *r;
	int err = tree_upto(fs, LOGFS_TREE_EXTS, ino, UINT64_MAX, &r);

	*end = 0;
	if (!err && r->ino == ino)
		*end = r->sub + r->len;
	return err == -ENOENT ? 0 : err;
}

int ext_add(struct logfs *fs, u64 ino, u64 blk, u64 start, u64 count)
{
	struct rec r = {.ino = ino, .sub = blk, .val = start, .len = count}, longer;
	const struct rec *left;
	int err = tree_upto(fs, LOGFS_TREE_EXTS, ino, blk, &left);

	if (err && err != -ENOENT)
		return err;
	/* Behind the one before, in the file and on the disk: one extent. */
	if (!err && left->ino == ino && left->sub + left->len == blk && left->val + left->len == start &&
	    left->len + count <= UINT32_MAX) {
		longer = *left;
		longer.len += count;
		return tree_set(fs, LOGFS_TREE_EXTS, &longer);
	}
	return tree_add(fs, LOGFS_TREE_EXTS, &r);
}

/* Take [from, to) out of the map, last extent first, at most `most` extents. */
int ext_cut(struct logfs *fs, u64 ino, u64 from, u64 to, u32 most, u64 *freed, u64 *done)
{
	const struct rec *found;
	struct rec r, low, high;
	int err;

	*freed = 0;
	for (; to > from && most; most--) {
		err = tree_upto(fs, LOGFS_TREE_EXTS, ino, to - 1, &found);
		if (err && err != -ENOENT)
			return err;
		if (err || found->ino != ino || found->sub + found->len <= from) {
			to = from;
			break;
		}
		r = low = high = *found;
		if (r.sub + r.len > to) {
			high.sub = to;
			high.val += to - r.sub;
			high.len = r.sub + r.len - to;
		} else {
			high.len = 0;
		}
		low.len = r.sub < from ? from - r.sub : 0;
		*freed += r.len - low.len - high.len;
		err = low.len ? tree_set(fs, LOGFS_TREE_EXTS, &low) : tree_del(fs, LOGFS_TREE_EXTS, ino, r.sub);
		if (!err && high.len)
			err = tree_add(fs, LOGFS_TREE_EXTS, &high);
		if (err)
			return err;
		to = low.len ? from : r.sub;
	}
	*done = to < from ? from : to;
	return 0;
}
