// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * mapped.c: frames of a file for a mapping. They stay pinned until it ends; each page counts as an open of the file, so
 * that its blocks live on without a name.
 */
#include "cffs.h"

static int frame_of(struct cffs *fs, struct node *node, u32 key, u32 left, bool write, u32 *frames, u32 *got)
{
	struct claim c;
	struct ref home;
	u32 hole, n = 1, f;
	u64 block;
	int err = node_pin(fs, node, &home);

	if (err)
		return err;
	err = file_extent(fs, node, &home, key, &c, &hole);
	meta_put(fs, &home);
	if (err == -ENOENT) {
		/* With `write` there is none, unless somebody punched it this very moment. */
		if (write)
			return -EAGAIN;
		for (n = 0; n < left && n < hole; n++)
			frames[n] = EXO_NOFRAME;
		*got = n;
		return 0;
	}
	if (err)
		return err;
	err = write ? headers_trust(fs, node, &c) : 0;
	if (err) {
		meta_put(fs, &c.parent);
		return err;
	}
	block = c.ext.start + (key - c.ext.key);
	f = cache_find(fs, block, NULL);
	if (f != EXO_NOFRAME && (!write || fs->held[f].write)) {
		cache_pin(fs, f);
		frames[0] = f;
	} else {
		n = c.ext.count - (key - c.ext.key);
		if (n > left)
			n = left;
		if (n > fs->limit / 4)
			n = fs->limit / 4 ? fs->limit / 4 : 1;
		err = cache_bind(fs, &c, block, n, write, false, frames);
	}
	meta_put(fs, &c.parent);
	*got = n;
	return err;
}

static void let_go(struct cffs *fs, u32 count, const u32 *frames)
{
	u32 i;

	for (i = 0; i < count; i++)
		if (frames[i] != EXO_NOFRAME)
			cache_unpin(fs, frames[i]);
}

int cffs_map(struct exo_fs *xfs, struct exo_file *f, uint64_t first, uint32_t count, bool write, uint32_t *frames)
{
	struct cffs *fs = cffs_of(xfs);
	struct node *node = node_of(f->node);
	u32 done = 0, got = 0;
	int err = write_flush(fs, node);

	if (!err && first + count > CFFS_FILE_BLOCKS)
		err = -EFBIG;
	if (!err && write)
		err = write_reserve(fs, node, first * BLK, (u64)count * BLK, true);
	/* Only who may write can clear what stands behind the end; a reader's mapping shows what a writer's left there.
	 */
	if (!err && write && node->di.size / BLK >= first && node->di.size / BLK < first + count)
		err = zero_tail(fs, node, node->di.size);
	while (!err && done < count) {
		CFFS_RETRY(err, fs, frame_of(fs, node, first + done, count - done, write, frames + done, &got));
		if (!err)
			done += got;
	}
	if (err) {
		let_go(fs, done, frames);
		return err;
	}
	node_opened(fs, node, count);
	node_hold(fs, node);
	node->n.refs += count - 1;
	if (write)
		node_touched(fs, node);
	return 0;
}

void cffs_unmap(struct exo_fs *xfs, struct exo_node *xnode, uint32_t count, const uint32_t *frames, bool write)
{
	struct cffs *fs = cffs_of(xfs);
	struct node *node = node_of(xnode);

	let_go(fs, count, frames);
	if (write && !node->gone)
		node_touched(fs, node);
	file_release(fs, node, count);
	node->n.refs -= count - 1;
	node_put(fs, node);
}
