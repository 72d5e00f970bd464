// SPDX-License-Identifier: GPL-2.0 OR MIT
/* attr.c: attributes of an inode, a symlink's target, figures of the tree. */
#include "logfs.h"

int logfs_getattr(struct exo_fs *xfs, struct exo_node *node, struct stat *st)
{
	struct logfs *fs = logfs_of(xfs);
	struct lino *l = lino_of(node);
	int err;

	cache_trim(fs);
	/* So that st_blocks is right. What cannot be written now is reported by fsync or close. */
	if (!(xfs->flags & EXO_FS_RDONLY))
		file_flush(fs, l);
	err = lino_fresh(fs, l);
	/* A handle still names it: a directory that is somebody's current one. */
	if (err == -ESTALE && l->gone) {
		l->di.nlink = 0;
		err = 0;
	}
	if (err)
		return err;
	memset(st, 0, sizeof(*st));
	st->st_dev = (u64)fs->fs.disk << 16 | fs->fs.root;
	st->st_ino = l->n.ino;
	st->st_mode = l->di.mode;
	st->st_nlink = l->di.nlink;
	st->st_uid = l->di.uid;
	st->st_gid = l->di.gid;
	st->st_rdev = l->di.rdev;
	st->st_size = S_ISREG(l->di.mode) ? file_end(l) : l->di.size;
	st->st_blksize = BLK;
	st->st_blocks = l->di.blocks * (BLK / 512);
	st->st_atim = stamp_time(l->di.atime);
	st->st_mtim = stamp_time(l->di.mtime);
	st->st_ctim = stamp_time(l->di.ctime);
	return 0;
}

static int set_once(struct logfs *fs, struct lino *l, const struct exo_attr *a)
{
	struct linode di;
	int err = log_txn_begin(fs);

	if (err)
		return err;
	err = inode_read(fs, l->n.ino, &di);
	if (a->set & EXO_SET_MODE)
		di.mode = (di.mode & S_IFMT) | (a->mode & 07777);
	if (a->set & EXO_SET_OWNER) {
		if (a->uid != (uid_t)-1)
			di.uid = a->uid;
		if (a->gid != (gid_t)-1)
			di.gid = a->gid;
	}
	if ((a->set & EXO_SET_ATIME && !stamp_from(&a->atime, &di.atime)) ||
	    (a->set & EXO_SET_MTIME && !stamp_from(&a->mtime, &di.mtime)))
		err = -EINVAL;
	di.ctime = stamp_now();
	if (!err)
		err = inode_write(fs, l->n.ino, &di);
	if (err) {
		log_txn_abort(fs);
		return err == -ENOENT ? -ESTALE : err;
	}
	err = log_txn_commit(fs);
	/* What was set wins over what a read had left. */
	if (!err && a->set & EXO_SET_ATIME)
		atime_forget(fs, l->n.ino);
	return err;
}

int logfs_setattr(struct exo_fs *xfs, struct exo_node *node, const struct exo_attr *attr)
{
	struct logfs *fs = logfs_of(xfs);
	struct lino *l = lino_of(node);
	int err = 0;

	cache_trim(fs);
	/* What waits in the buffer would set the time again. */
	if (attr->set & EXO_SET_MTIME)
		err = file_flush(fs, l);
	fs->dip = true;
	if (!err)
		LOGFS_RETRY(err, set_once(fs, l, attr));
	fs->dip = false;
	return err ? err : lino_fresh(fs, l);
}

static ssize_t read_once(struct logfs *fs, struct lino *l, char *buf, size_t size)
{
	const struct rec *r;
	size_t at = 0, n;
	u64 i;
	int err;

	for (i = 0; at < size; i++) {
		err = tree_get(fs, LOGFS_TREE_ITEMS, l->n.ino, LOGFS_SUB(LOGFS_T_TARGET, i), &r);
		if (err)
			return err == -ENOENT ? (ssize_t)at : err;
		n = r->len < size - at ? r->len : size - at;
		memcpy(buf + at, r->data, n);
		at += n;
	}
	return at;
}

ssize_t logfs_readlink(struct exo_fs *xfs, struct exo_node *node, char *buf, size_t size)
{
	struct logfs *fs = logfs_of(xfs);
	ssize_t got;

	cache_trim(fs);
	LOGFS_RETRY(got, read_once(fs, lino_of(node), buf, size));
	return got ? got : -ESTALE;
}

int logfs_statvfs(struct exo_fs *xfs, struct statvfs *st)
{
	struct logfs *fs = logfs_of(xfs);
	struct exo_root_get root;
	u64 left;
	int err = exo_root_get(xfs->x, xfs->disk, xfs->root, &root, exo_fs_why_here());

	if (err < 0)
		return err;
	memset(st, 0, sizeof(*st));
	st->f_bsize = st->f_frsize = BLK;
	left = fs->map->free;
	if (root.out_quota && root.out_quota - root.out_used < left)
		left = root.out_quota > root.out_used ? root.out_quota - root.out_used : 0;
	st->f_blocks = root.out_used + left;
	st->f_bfree = st->f_bavail = left;
	/* Inodes are items: as many as there is room for. */
	st->f_files = st->f_ffree = st->f_favail = left * 8;
	st->f_namemax = LOGFS_NAME_MAX;
	st->f_fsid = (u64)xfs->disk << 16 | xfs->root;
	st->f_flag = xfs->flags & EXO_FS_RDONLY ? ST_RDONLY : 0;
	return 0;
}
