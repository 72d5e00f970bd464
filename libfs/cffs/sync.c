// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * sync.c: everything gathered and pending goes into the tree, then the module writes the tree in its order.
 */
#include "cffs.h"

/* Gathered bytes of all nodes. An error does not stop the others. */
int flush_all(struct cffs *fs)
{
	struct node *n, **held;
	int err = 0, one;
	u32 i, count = 0;

	/* Flushing may move nodes about, so those to be done are noted first. */
	held = calloc(fs->nnodes ? fs->nnodes : 1, sizeof(*held));
	if (!held)
		return -ENOMEM;
	for (i = 0; i <= fs->mask; i++)
		for (n = fs->hash[i]; n; n = n->hash_next)
			if (n->wb)
				held[count++] = node_hold(fs, n);
	for (i = 0; i < count; i++) {
		one = write_flush(fs, held[i]);
		if (one)
			err = one;
		node_put(fs, held[i]);
	}
	free(held);
	one = nodes_flush(fs);
	return err ? err : one;
}

int sync_root(struct cffs *fs)
{
	struct exo_why *why = exo_fs_why_here();
	int64_t began = stamp_now();
	int err = exo_sync(fs->fs.x, fs->fs.disk, fs->fs.root, why);

	fs->navoid = 0;
	fs->full = 0;
	if (err >= 0)
		fs->synced = began;
	return err < 0 ? err_retry(fs, err, why) : 0;
}

int cffs_sync(struct exo_fs *xfs)
{
	struct cffs *fs = cffs_of(xfs);
	int err, two;

	if (xfs->flags & EXO_FS_RDONLY)
		return 0;
	fs->keep_atime = true;
	err = flush_all(fs);
	fs->keep_atime = false;
	CFFS_RETRY(two, fs, sync_root(fs));
	return err ? err : two;
}

int cffs_flush(struct exo_fs *xfs, struct exo_node *xnode)
{
	int err = write_told(cffs_of(xfs), node_of(xnode), write_flush(cffs_of(xfs), node_of(xnode)));

	return err ? err : node_flush(cffs_of(xfs), node_of(xnode));
}

/* A file is durable when the names above it are: the module's order makes that the whole tree's dirty part. */
int cffs_fsync(struct exo_fs *xfs, struct exo_node *xnode, bool data)
{
	struct cffs *fs = cffs_of(xfs);
	struct node *node = node_of(xnode);
	int err, two;

	if (xfs->flags & EXO_FS_RDONLY)
		return 0;
	err = write_told(fs, node, write_flush(fs, node));
	if (!err)
		err = node_flush(fs, node);
	two = nodes_flush(fs);
	if (!err)
		err = two;
	CFFS_RETRY(two, fs, sync_root(fs));
	return err ? err : two;
}
