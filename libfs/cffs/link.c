// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * link.c: further names, and files that have none yet. Before an inode gets a second name or attributes of its own it
 * moves out of its directory into the table, and an entry that refers to it stays behind.
 *
 * The order on the disk: the inode is in the table before its entry refers to it. The transaction asks for it: blocks that
 * move with it order the two only if the old place had them on the disk.
 */
#include <stdio.h>
#include "cffs.h"

static int externalize_once(struct cffs *fs, struct node *n)
{
	u8 bytes[CFFS_PART], *slot, *part;
	struct xspot s = {.r = NO_REF};
	struct inode di;
	const char *target;
	struct ref home;
	u32 i, k;
	int err = table_spot(fs, &s);

	if (err)
		return err;
	err = node_pin(fs, n, &home);
	if (!err && n->ext)
		goto out;
	if (!err)
		err = txn_begin(fs);
	if (err)
		goto out;
	memcpy(bytes, txn_see(fs, &home, n->loc.part), CFFS_PART);
	slot = txn_part(fs, &home, n->loc.part);
	part = table_take(fs, &s);
	if (!slot || !part || !meta_same(fs, &home))
		err = -EAGAIN;
	else if (entry_get(bytes, n->loc.slot, &di, &target))
		err = -EUCLEAN;
	if (err)
		goto abort;
	/* What is pending goes along. */
	di.size = n->di.size;
	for (i = 0; i < T_COUNT; i++)
		di.time[i] = n->di.time[i];
	xinode_init(part, &di, target + di.name_len, false);
	err = xlink_add(part, 0, &k);
	if (!err)
		err = entry_refer(slot, n->loc.slot, s.place, k);
	if (!err)
		err = txn_order(fs, home.block, n->loc.part, s.r.block, s.part);
	if (err)
		goto abort;
	err = txn_commit(fs);
	if (err) {
		table_crowded(fs);
		goto out;
	}
	node_clean(fs, n);
	n->ext = true;
	n->place = s.place;
	n->link = k;
	n->loc = (struct loc){s.r.block, s.part, 0};
	n->frame = n->eframe = EXO_NOFRAME;
	n->last.ext.count = 0;
	goto out;
abort:
	txn_abort(fs);
out:
	meta_put(fs, &home);
	meta_put(fs, &s.r);
	return err;
}

int node_externalize(struct cffs *fs, struct node *n)
{
	int err = n->ext ? 0 : write_flush(fs, n);

	if (!err && !n->ext)
		CFFS_RETRY(err, fs, externalize_once(fs, n));
	return err;
}

static int link_once(struct cffs *fs, struct node *n, struct node *dir, struct exo_name name)
{
	struct inode di = {0};
	struct node *old;
	struct ref home = NO_REF;
	struct found f;
	struct loc loc;
	u8 *part;
	u32 k;
	int err = entry_live(fs, dir, name.at, name.len, &f, &old);

	if (!err) {
		node_put(fs, old);
		err = -EEXIST;
	}
	if (err == -ENOENT)
		err = node_pin(fs, n, &home);
	if (err)
		goto out;
	f.loc.block = EXO_NOBLOCK;
	err = txn_begin(fs);
	if (err)
		goto out;
	part = txn_part(fs, &home, n->loc.part);
	err = part ? xlink_add(part, dir->n.ino, &k) : -EAGAIN;
	if (!err) {
		put64(part + CFFS_SLOT(0) + CFFS_S_CTIME, stamp_now());
		put64(part + CFFS_X_LINKED, stamp_now());
		ref_init(fs, &di, n->di.mode, n->n.ino, k, n->place);
		err = dir_add(fs, dir, &f, &di, name.at, name.len, NULL, &loc);
	}
	if (err) {
		txn_abort(fs);
		goto out;
	}
	err = txn_commit(fs);
	if (err)
		goto out;
	n->frame = EXO_NOFRAME;
	dir->frame = EXO_NOFRAME;
	node_touched(fs, dir);
out:
	meta_put(fs, &home);
	found_done(fs, &f);
	if (err == -EXFULL) {
		err = dir_split(fs, dir, name.at, name.len, 0);
		return err ? err : -EAGAIN;
	}
	return err;
}

int link_entry(struct cffs *fs, struct node *n, struct node *dir, struct exo_name name)
{
	int err;

	CFFS_RETRY(err, fs, link_once(fs, n, dir, name));
	return err;
}

/* The first name of a file that had none: its entry moves from the orphans. */
static int first_name(struct cffs *fs, struct node *n, struct node *dir, struct exo_name name)
{
	char from[18];
	u32 len = n->name_len;
	int err;

	err = write_flush(fs, n);
	/* It is in no directory: the first name comes like any other. */
	if (!err && fs->shared) {
		err = link_entry(fs, n, dir, name);
		if (!err)
			err = node_moved(fs, n, dir, name.at, name.len, &n->loc);
	} else if (!err && len < sizeof(from)) {
		memcpy(from, n->name, len);
		err = rename_entry(fs, fs->orphans, from, len, dir, name.at, name.len, REN_PARK | REN_NOREPLACE);
	}
	if (!err)
		n->gone = n->tmp = false;
	return err;
}

int cffs_link(struct exo_fs *xfs, struct exo_node *xnode, struct exo_node *xdir, struct exo_name name)
{
	struct cffs *fs = cffs_of(xfs);
	struct node *n = node_of(xnode), *dir = node_of(xdir);
	int err;

	if (xfs->flags & EXO_FS_RDONLY)
		return -EROFS;
	if (name.len > CFFS_NAME_MAX)
		return -ENAMETOOLONG;
	if (!name_ok(name.at, name.len))
		return -EINVAL;
	if (S_ISDIR(xnode->mode))
		return -EPERM;
	if (dir->gone || (n->gone && !n->tmp))
		return -ENOENT;
	if (!shared_mine(fs, n))
		return -EPERM;
	if (n->gone) {
		err = first_name(fs, n, dir, name);
	} else {
		err = node_externalize(fs, n);
		if (!err)
			err = link_entry(fs, n, dir, name);
	}
	nodes_tick(fs);
	return err;
}

int cffs_tmpfile(struct exo_fs *xfs, struct exo_node *dir, mode_t mode, struct exo_node **out)
{
	struct exo_create what = {.mode = S_IFREG | (mode & 07777)};
	struct cffs *fs = cffs_of(xfs);
	struct node *n;
	char name[18];
	u32 len;
	u64 ino;
	int err;

	if (xfs->flags & EXO_FS_RDONLY)
		return -EROFS;
	if (node_of(dir)->gone)
		return -ENOENT;
	if (fs->shared) {
		err = shared_tmpfile(fs, node_of(dir), &what, &n);
		if (!err)
			*out = &n->n;
		return err;
	}
	err = alloc_ino(fs, &ino);
	if (err)
		return err;
	/* Before it is there, or whoever looks through the orphans would take it for one that nobody wants. */
	exo_opens_hold(xfs, ino);
	len = orphan_name(fs, ino, name);
	err = create_entry(fs, fs->orphans, (struct exo_name){name, len}, &what, node_of(dir), ino, &n);
	if (err) {
		exo_opens_drop(xfs, ino);
		return err;
	}
	n->gone = n->tmp = n->marked = true;
	exo_opens_park(xfs);
	*out = &n->n;
	return 0;
}
