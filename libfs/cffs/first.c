// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * first.c: the first bytes of a small file, which for most files are all: one transaction allocates the blocks, points
 * the inode at them and carries their content, so that nothing needs to be bound.
 */
#include "cffs.h"

static int first_once(struct cffs *fs, struct node *node, const u8 *bytes, u32 len)
{
	u32 want = (len + BLK - 1) / BLK;
	struct inode was;
	struct extent e;
	struct ref home;
	u8 *part, *slot;
	int err = node_pin(fs, node, &home);

	if (err)
		return err;
	was = node->di;
	if (was.level || inode_owns(&was) || was.flags & CFFS_F_PREALLOC)
		goto out;
	err = txn_begin(fs);
	if (err)
		goto out;
	part = txn_part(fs, &home, node->loc.part);
	if (part)
		err = txn_alloc(fs, fs->policy->data(fs, node, 0, want), want, false, false, &e);
	else
		err = -EAGAIN;
	if (!err && e.count == want)
		err = txn_fill(fs, e.start, bytes, len);
	if (err || e.count != want) {
		txn_abort(fs);
		goto out;
	}
	e.key = 0;
	if (was.size < len)
		node->di.size = len;
	node->di.time[T_MTIME] = node->di.time[T_CTIME] = stamp_now();
	err = node_store(fs, node, &home);
	if (err) {
		txn_abort(fs);
		goto undo;
	}
	slot = part + CFFS_SLOT(node->loc.slot);
	extent_put(slot + CFFS_S_EXT, &e);
	slot[CFFS_S_REF] = CFFS_REF_DATA;
	put32(slot + CFFS_S_BLOCKS, want);
	err = txn_commit(fs);
	if (err)
		goto undo;
	fs->policy->placed(fs, node, &e);
	node_stored(fs, node);
	/* The copy in the node is what the tree holds now: nothing has to be decoded. */
	node->di.ext[0] = e;
	node->di.ref = CFFS_REF_DATA;
	node->di.blocks = want;
	node->version = txn_version(fs, home.block);
	node->frame = home.frame;
	err = 1;
	goto out;
undo:
	node->di = was;
out:
	meta_put(fs, &home);
	return err;
}

int write_first(struct cffs *fs, struct node *node, const u8 *bytes, u32 len)
{
	int err;

	if (len > CFFS_CONTENT * BLK || fs->shared)
		return 0;
	CFFS_RETRY(err, fs, first_once(fs, node, bytes, len));
	return err;
}
