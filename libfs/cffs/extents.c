// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * extents.c: where a file's blocks are and which claim gives the right to each, for transfers past the cache. What is
 * told holds as long as nobody changes the file or moves its inode; the module checks it again at each transfer.
 */
#include <stdint.h>
#include "cffs.h"

static int extent_at(struct cffs *fs, struct node *node, u32 key, bool write, struct claim *c, u32 *hole)
{
	struct ref home;
	int err = node_pin(fs, node, &home);

	if (err)
		return err;
	err = file_extent(fs, node, &home, key, c, hole);
	meta_put(fs, &home);
	if (!err && write) {
		err = headers_trust(fs, node, c);
		if (err)
			meta_put(fs, &c->parent);
	}
	/* The binding keeps the parent in core; more than its number is not needed. */
	if (!err)
		cache_unpin(fs, c->parent.frame);
	return err;
}

/* Blocks for [off, off + len), as a write of as many bytes would get them; what they hold before it is zeroes. */
static int allocate(struct cffs *fs, struct node *node, u64 off, u64 len)
{
	u64 size = node->di.size;
	int err = 0;

	if (off + len > size)
		err = zero_tail(fs, node, size);
	/* Blocks that an allocation left behind the end would show what a mapping stored there. */
	if (!err && off > size)
		err = trim_tail(fs, node);
	return err ? err : write_reserve(fs, node, off, len, false);
}

int cffs_extents(struct exo_fs *xfs, struct exo_file *f, uint64_t off, uint64_t len, unsigned flags,
		 exo_file_extent_fn fn, void *arg)
{
	struct cffs *fs = cffs_of(xfs);
	struct node *node = node_of(f->node);
	u64 key = off / BLK, end = (off + len + BLK - 1) / BLK;
	int err = write_flush(fs, node);

	if (!err && end > CFFS_FILE_BLOCKS)
		err = flags & EXO_EXTENTS_ALLOC ? -EFBIG : 0;
	if (end > CFFS_FILE_BLOCKS)
		end = CFFS_FILE_BLOCKS;
	if (!err && flags & EXO_EXTENTS_ALLOC) {
		struct ref home;

		err = node_pin(fs, node, &home);
		meta_put(fs, &home);
		if (!err)
			err = allocate(fs, node, off, len);
	}
	while (!err && fn && key < end) {
		struct exo_file_extent e;
		struct claim c;
		u32 hole = 0, skip;

		CFFS_RETRY(err, fs, extent_at(fs, node, key, flags & EXO_EXTENTS_ALLOC, &c, &hole));
		if (err == -ENOENT) {
			key += hole;
			err = 0;
			continue;
		}
		if (err)
			break;
		skip = key - c.ext.key;
		io_where(fs, c.parent.block, c.part, &c.ext, &e);
		e.off = key * BLK;
		e.io.first = c.ext.start + skip;
		e.io.count = c.ext.count - skip;
		if (e.io.count > end - key)
			e.io.count = end - key;
		key += e.io.count;
		err = fn(arg, &e);
	}
	return err;
}
