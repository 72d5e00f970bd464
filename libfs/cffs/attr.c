// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * attr.c: attributes of an inode and figures of the tree.
 */
#include "cffs.h"

void inode_stat(struct cffs *fs, const struct inode *di, struct stat *st)
{
	memset(st, 0, sizeof(*st));
	st->st_dev = (u64)fs->fs.disk << 16 | fs->fs.root;
	st->st_ino = di->ino;
	st->st_mode = di->mode;
	st->st_nlink = di->nlink;
	if (S_ISCHR(di->mode) || S_ISBLK(di->mode))
		st->st_rdev = di->ext[0].start;
	st->st_uid = di->uid;
	st->st_gid = di->gid;
	st->st_size = di->size;
	st->st_blksize = BLK;
	st->st_blocks = (u64)di->blocks * (BLK / 512);
	st->st_atim = stamp_time(di->time[T_ATIME]);
	st->st_mtim = stamp_time(di->time[T_MTIME]);
	st->st_ctim = stamp_time(di->time[T_CTIME]);
}

int cffs_getattr(struct exo_fs *xfs, struct exo_node *xnode, struct stat *st)
{
	struct cffs *fs = cffs_of(xfs);
	struct node *n = node_of(xnode);
	struct ref home;
	u64 end;
	int err = node_pin(fs, n, &home);

	/* Removed, but a handle still names it (a directory that is somebody's current one): what was known last. */
	if (err == -ESTALE && n->gone)
		err = 0;
	if (err)
		return err;
	inode_stat(fs, &n->di, st);
	if (n->gone)
		st->st_nlink = 0;
	end = write_end(n);
	if (end > n->di.size)
		st->st_size = end;
	meta_put(fs, &home);
	return 0;
}

static int set_once(struct cffs *fs, struct node *n, const struct exo_attr *a, bool flat)
{
	struct inode was;
	struct ref home;
	int err = node_pin(fs, n, &home);

	if (err)
		return err;
	was = n->di;
	err = txn_begin(fs);
	if (err)
		goto out;
	if (a->set & EXO_SET_MODE)
		n->di.mode = (n->di.mode & S_IFMT) | (a->mode & 07777);
	if (a->set & EXO_SET_OWNER) {
		if (a->uid != (uid_t)-1)
			n->di.uid = a->uid;
		if (a->gid != (gid_t)-1)
			n->di.gid = a->gid;
	}
	if (a->set & EXO_SET_ATIME)
		stamp_from(&a->atime, &n->di.time[T_ATIME]);
	if (a->set & EXO_SET_MTIME)
		stamp_from(&a->mtime, &n->di.time[T_MTIME]);
	n->di.time[T_CTIME] = stamp_now();
	err = node_store(fs, n, &home);
	if (!err && flat) {
		err = inode_owns(&was) ? -EAGAIN : flat_begin(fs, txn_part(fs, &home, n->loc.part), &n->di);
		n->di.flags |= CFFS_F_FLAT;
	}
	if (!err)
		err = txn_commit(fs);
	else
		txn_abort(fs);
	if (err) {
		n->di = was;
	} else {
		n->n.mode = n->di.mode;
		n->n.uid = n->di.uid;
		n->n.gid = n->di.gid;
		node_stored(fs, n);
	}
out:
	meta_put(fs, &home);
	return err;
}

/* A directory of a shared tree becomes sticky: that takes another way of keeping names, and none may be there yet. */
static int before_sticky(struct cffs *fs, struct node *n)
{
	int err = dir_empty(fs, n);

	return err > 0 ? dir_clear(fs, n) : err ? err : -ENOTEMPTY;
}

int cffs_setattr(struct exo_fs *xfs, struct exo_node *xnode, const struct exo_attr *a)
{
	struct cffs *fs = cffs_of(xfs);
	bool flat = fs->shared && S_ISDIR(xnode->mode) && a->set & EXO_SET_MODE && a->mode & S_ISVTX &&
		    !(node_of(xnode)->di.flags & CFFS_F_FLAT);
	int64_t ns;
	int err;

	if (xfs->flags & EXO_FS_RDONLY)
		return -EROFS;
	if (((a->set & EXO_SET_ATIME) && !stamp_from(&a->atime, &ns)) ||
	    ((a->set & EXO_SET_MTIME) && !stamp_from(&a->mtime, &ns)))
		return -EINVAL;
	/* Gathered bytes carry the time of their write; what is set now must win over it. */
	err = write_flush(fs, node_of(xnode));
	if (!err && flat)
		err = before_sticky(fs, node_of(xnode));
	if (!err)
		CFFS_RETRY(err, fs, set_once(fs, node_of(xnode), a, flat));
	if (!err && a->set & (EXO_SET_MODE | EXO_SET_OWNER))
		err = headers_check(fs, node_of(xnode), true, NULL);
	return err;
}

int drop_setid(struct cffs *fs, struct node *node)
{
	mode_t bits = node->n.mode & (S_ISUID | S_ISGID);
	struct exo_attr a = {.set = EXO_SET_MODE};
	int err;

	if (!bits || !exo_cred(&fs->fs)->uid)
		return 0;
	bits = exo_setid_lost(&fs->fs, node->n.mode, node->n.gid);
	if (!bits)
		return 0;
	a.mode = node->n.mode & 07777 & ~bits;
	CFFS_RETRY(err, fs, set_once(fs, node, &a, false));
	return err ? err : headers_check(fs, node, true, NULL);
}

int cffs_statvfs(struct exo_fs *xfs, struct statvfs *st)
{
	struct cffs *fs = cffs_of(xfs);
	struct exo_root_get r = {0};
	int err = exo_root_get(xfs->x, xfs->disk, xfs->root, &r, exo_fs_why_here());
	u64 left;

	if (err)
		return err;
	memset(st, 0, sizeof(*st));
	st->f_bsize = st->f_frsize = BLK;
	left = fs->map->free;
	st->f_blocks = fs->map->blocks;
	if (r.out_quota) {
		st->f_blocks = r.out_quota;
		if (left > r.out_quota - (r.out_used < r.out_quota ? r.out_used : r.out_quota))
			left = r.out_quota - (r.out_used < r.out_quota ? r.out_used : r.out_quota);
	}
	st->f_bfree = st->f_bavail = left;
	/* Inodes live in directories: as many as blocks for them can be had. */
	st->f_files = st->f_blocks * CFFS_PARTS * CFFS_SLOTS;
	st->f_ffree = st->f_favail = left * CFFS_PARTS * CFFS_SLOTS;
	st->f_namemax = CFFS_NAME_MAX;
	st->f_fsid = (u64)xfs->disk << 16 | xfs->root;
	if (xfs->flags & EXO_FS_RDONLY)
		st->f_flag |= ST_RDONLY;
	return 0;
}
