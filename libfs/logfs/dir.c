// SPDX-License-Identifier: GPL-2.0 OR MIT
/* dir.c: making, finding and removing names; listing them. */
#include <stdio.h>
#include "logfs.h"

int logfs_lookup(struct exo_fs *xfs, struct exo_node *dir, struct exo_name name, struct exo_node **out)
{
	struct logfs *fs = logfs_of(xfs);
	struct lino *l;
	u64 sub, ino;
	u32 mode;
	int err;

	cache_trim(fs);
	if (name.len > LOGFS_NAME_MAX)
		return -ENAMETOOLONG;
	LOGFS_RETRY(err, name_find(fs, dir->ino, name.at, name.len, &sub, &ino, &mode));
	if (err)
		return err == -ENOSPC ? -ENOENT : err;
	LOGFS_RETRY(err, lino_get(fs, lino_of(dir), ino, &l));
	if (!err)
		*out = &l->n;
	return err;
}

/* A directory has gained or lost names; in a transaction. */
static int dir_changed(struct logfs *fs, u64 ino, int entries, int subdirs)
{
	struct linode di;
	int err = inode_read(fs, ino, &di);

	if (err)
		return err;
	if (!S_ISDIR(di.mode))
		return -ENOTDIR;
	if (!di.nlink)
		return -ENOENT;
	di.size += entries;
	di.nlink += subdirs;
	di.mtime = di.ctime = stamp_now();
	return inode_write(fs, ino, &di);
}

#define TARGET_PIECE 400

static int target_add(struct logfs *fs, u64 ino, const char *target)
{
	size_t len = strlen(target), at, n;
	int err = 0;

	for (at = 0; !err && at < len; at += n) {
		n = len - at < TARGET_PIECE ? len - at : TARGET_PIECE;
		err = item_add(fs, ino, LOGFS_SUB(LOGFS_T_TARGET, at / TARGET_PIECE), target + at, n);
	}
	return err;
}

static void first_inode(struct logfs *fs, const struct lino *dir, mode_t mode, struct linode *di)
{
	*di = (struct linode){.mode = mode, .nlink = S_ISDIR(mode) ? 2 : 1};
	di->uid = exo_cred(&fs->fs)->uid;
	di->gid = exo_cred(&fs->fs)->gid;
	di->atime = di->mtime = di->ctime = di->btime = stamp_now();
	di->parent = S_ISDIR(mode) ? dir->n.ino : 0;
	/* A set-gid directory hands on its group, and to directories the bit. */
	if (dir->n.mode & S_ISGID) {
		di->gid = dir->n.gid;
		if (S_ISDIR(mode))
			di->mode |= S_ISGID;
		else if ((mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) && di->uid &&
			 !exo_cred_member(&fs->fs, di->gid))
			di->mode &= ~S_ISGID;
	}
}

static int create_once(struct logfs *fs, struct lino *dir, struct exo_name name, const struct exo_create *what,
		       u64 *ino)
{
	struct linode di;
	u64 sub, other;
	u32 mode;
	int err = log_txn_begin(fs);

	if (err)
		return err;
	err = name_find(fs, dir->n.ino, name.at, name.len, &sub, &other, &mode);
	if (err != -ENOENT) {
		log_txn_abort(fs);
		return err ? err : -EEXIST;
	}
	first_inode(fs, dir, what->mode, &di);
	di.rdev = what->rdev;
	if (what->target)
		di.size = strlen(what->target);
	err = inode_new(fs, &di, ino);
	if (!err && what->target)
		err = target_add(fs, *ino, what->target);
	if (!err)
		err = name_add(fs, dir->n.ino, sub, name.at, name.len, *ino, di.mode);
	if (!err)
		err = dir_changed(fs, dir->n.ino, 1, S_ISDIR(di.mode));
	if (err) {
		log_txn_abort(fs);
		return err;
	}
	return log_txn_commit(fs);
}

int logfs_create(struct exo_fs *xfs, struct exo_node *dir, struct exo_name name, const struct exo_create *what,
		 struct exo_node **out)
{
	struct logfs *fs = logfs_of(xfs);
	struct lino *l;
	u64 ino;
	int err;

	cache_trim(fs);
	if (name.len > LOGFS_NAME_MAX)
		return -ENAMETOOLONG;
	if (!log_name_ok(name.at, name.len))
		return -EINVAL;
	if (S_ISLNK(what->mode)) {
		if (!what->target || !*what->target)
			return -ENOENT;
		if (strlen(what->target) >= PATH_MAX)
			return -ENAMETOOLONG;
	}
	LOGFS_RETRY(err, create_once(fs, lino_of(dir), name, what, &ino));
	if (err)
		return err;
	LOGFS_RETRY(err, lino_get(fs, lino_of(dir), ino, &l));
	if (!err)
		*out = &l->n;
	return err;
}

static int tmpfile_once(struct logfs *fs, struct lino *dir, mode_t mode, u64 *ino)
{
	struct linode di;
	int err = log_txn_begin(fs);

	if (err)
		return err;
	first_inode(fs, dir, S_IFREG | mode, &di);
	di.nlink = 0;
	err = inode_new(fs, &di, ino);
	if (!err)
		err = orphan_add(fs, *ino);
	if (err) {
		log_txn_abort(fs);
		return err;
	}
	return log_txn_commit(fs);
}

int logfs_tmpfile(struct exo_fs *xfs, struct exo_node *dir, mode_t mode, struct exo_node **out)
{
	struct logfs *fs = logfs_of(xfs);
	struct lino *l;
	u64 ino;
	int err;

	cache_trim(fs);
	LOGFS_RETRY(err, tmpfile_once(fs, lino_of(dir), mode, &ino));
	if (err)
		return err;
	LOGFS_RETRY(err, lino_get(fs, lino_of(dir), ino, &l));
	if (!err)
		*out = &l->n;
	return err;
}

static int link_once(struct logfs *fs, struct lino *l, struct lino *dir, struct exo_name name)
{
	struct linode di;
	u64 sub, other;
	u32 mode;
	int err = log_txn_begin(fs);

	if (err)
		return err;
	err = name_find(fs, dir->n.ino, name.at, name.len, &sub, &other, &mode);
	if (err != -ENOENT) {
		log_txn_abort(fs);
		return err ? err : -EEXIST;
	}
	err = inode_read(fs, l->n.ino, &di);
	/* An unlinked file is no file to link; one from O_TMPFILE is, and its handle is open. */
	if (!err && !di.nlink)
		err = l->opens ? orphan_drop(fs, l->n.ino) : -ENOENT;
	if (!err && di.nlink >= INT32_MAX)
		err = -EMLINK;
	if (!err) {
		di.nlink++;
		di.ctime = stamp_now();
		err = inode_write(fs, l->n.ino, &di);
	}
	if (!err)
		err = name_add(fs, dir->n.ino, sub, name.at, name.len, l->n.ino, di.mode);
	if (!err)
		err = dir_changed(fs, dir->n.ino, 1, 0);
	if (err) {
		log_txn_abort(fs);
		return err;
	}
	return log_txn_commit(fs);
}

int logfs_link(struct exo_fs *xfs, struct exo_node *node, struct exo_node *dir, struct exo_name name)
{
	struct logfs *fs = logfs_of(xfs);
	int err;

	cache_trim(fs);
	if (name.len > LOGFS_NAME_MAX)
		return -ENAMETOOLONG;
	if (!log_name_ok(name.at, name.len))
		return -EINVAL;
	LOGFS_RETRY(err, link_once(fs, lino_of(node), lino_of(dir), name));
	return err;
}

/* ---- removing ---- */

/* The lino of a number, and whether somebody has it open: here or, until exo_opens_gone, elsewhere. */
static bool open_here(struct logfs *fs, struct lino *dir, u64 ino, struct lino **l)
{
	*l = NULL;
	return !lino_get(fs, dir, ino, l) && ((*l)->opens || exo_opens_going(&fs->fs, ino));
}

static int may_remove(struct logfs *fs, struct lino *dir, struct lino *l, bool directory)
{
	int err = lino_fresh(fs, dir);

	if (!err)
		err = exo_node_may_remove(&fs->fs, &dir->n, &l->n);
	if (err)
		return err;
	if (directory)
		return S_ISDIR(l->di.mode) ? l->di.size ? -ENOTEMPTY : 0 : -ENOTDIR;
	return S_ISDIR(l->di.mode) ? -EISDIR : 0;
}

static int remove_once(struct logfs *fs, struct lino *dir, struct exo_name name, bool directory, u64 *later)
{
	struct linode di;
	struct lino *l;
	u64 sub, ino;
	u32 mode;
	bool opened, more;
	int err;

	*later = 0;
	err = name_find(fs, dir->n.ino, name.at, name.len, &sub, &ino, &mode);
	if (err)
		return err == -ENOSPC ? -ENOENT : err;
	opened = open_here(fs, dir, ino, &l);
	if (!l)
		return -EAGAIN;
	err = may_remove(fs, dir, l, directory);
	if (!err)
		err = log_txn_begin(fs);
	if (err)
		goto out;
	err = tree_del(fs, LOGFS_TREE_ITEMS, dir->n.ino, sub);
	if (!err)
		err = inode_read(fs, ino, &di);
	/* As it is in the transaction: what was checked above may be older. */
	if (!err && directory && di.size)
		err = -ENOTEMPTY;
	if (!err)
		err = inode_unname(fs, ino, &di, opened, &more);
	if (!err)
		err = dir_changed(fs, dir->n.ino, -1, -directory);
	if (err) {
		log_txn_abort(fs);
		err = err == -ENOENT ? -EAGAIN : err;
		goto out;
	}
	err = log_txn_commit(fs);
	if (!err && !opened && !di.nlink) {
		file_forget(fs, l);
		if (more)
			*later = ino;
	}
	/* Who had it open may have closed it before it lost its name. */
	if (!err && opened && !l->opens && !di.nlink && !exo_opens_elsewhere(&fs->fs, ino)) {
		file_forget(fs, l);
		*later = ino;
	}
out:
	lino_put(fs, l);
	return err;
}

int logfs_remove(struct exo_fs *xfs, struct exo_node *dir, struct exo_name name, bool directory)
{
	struct logfs *fs = logfs_of(xfs);
	u64 later;
	int err;

	cache_trim(fs);
	if (fs->fs.flags & EXO_FS_RDONLY)
		return -EROFS;
	if (name.len > LOGFS_NAME_MAX)
		return -ENAMETOOLONG;
	fs->dip = true;
	LOGFS_RETRY(err, remove_once(fs, lino_of(dir), name, directory, &later));
	exo_opens_gone(xfs);
	if (!err && later)
		inode_free(fs, later);
	fs->dip = false;
	return err;
}

/* ---- moving ---- */

/* Is `ino` the directory `at` or above it? Read inside the transaction, so nobody moves one meanwhile. */
static int above(struct logfs *fs, u64 ino, u64 at, bool *is)
{
	struct linode di;
	u32 depth;
	int err;

	*is = false;
	for (depth = 0; depth < 65536; depth++) {
		if (at == ino) {
			*is = true;
			return 0;
		}
		if (at == LOGFS_TOP_INO)
			return 0;
		err = inode_read(fs, at, &di);
		if (err)
			return err;
		at = di.parent;
	}
	return -EUCLEAN;
}

static int set_parent(struct logfs *fs, u64 ino, u64 parent, bool directory)
{
	struct linode di;
	int err = inode_read(fs, ino, &di);

	if (err)
		return err;
	if (directory)
		di.parent = parent;
	di.ctime = stamp_now();
	return inode_write(fs, ino, &di);
}

static int set_name(struct logfs *fs, u64 dir, u64 sub, struct exo_name name, u64 ino, u32 mode)
{
	int err = tree_del(fs, LOGFS_TREE_ITEMS, dir, sub);

	return err ? err : name_add(fs, dir, sub, name.at, name.len, ino, mode);
}

struct moving {
	struct lino *from, *to, *src, *dst;
	struct exo_name a, b;
	u64 asub, bsub, aino, bino;
	u32 amode, bmode;
	unsigned how;
};

/* In the order in which Linux finds fault. In the transaction, so that nobody moves a directory meanwhile. */
static int rename_checks(struct logfs *fs, const struct moving *m)
{
	bool sdir = S_ISDIR(m->amode), ddir = m->dst && S_ISDIR(m->bmode), loop = false;
	int err = 0;

	if (m->dst && m->how & RENAME_NOREPLACE)
		return -EEXIST;
	if (!m->dst && m->how & RENAME_EXCHANGE)
		return -ENOENT;
	/* Below itself; or onto what it is in. */
	if (sdir)
		err = above(fs, m->aino, m->to->n.ino, &loop);
	if (err || loop)
		return err ? err : -EINVAL;
	if (ddir)
		err = above(fs, m->bino, m->from->n.ino, &loop);
	if (err || loop)
		return err ? err : m->how & RENAME_EXCHANGE ? -EINVAL : -ENOTEMPTY;
	err = exo_node_may_remove(&fs->fs, &m->from->n, &m->src->n);
	if (!err)
		err = m->dst ? exo_node_may_remove(&fs->fs, &m->to->n, &m->dst->n)
			     : exo_node_may(&fs->fs, &m->to->n, 3);
	if (err)
		return err;
	/* A directory gets another "..": that is a change to it. */
	if (sdir && m->from != m->to)
		err = exo_node_may(&fs->fs, &m->src->n, 2);
	if (!err && ddir && m->how & RENAME_EXCHANGE && m->from != m->to)
		err = exo_node_may(&fs->fs, &m->dst->n, 2);
	if (err || !m->dst || m->how & RENAME_EXCHANGE)
		return err;
	return sdir && !ddir ? -ENOTDIR : !sdir && ddir ? -EISDIR : 0;
}

/* In the transaction. */
static int rename_build(struct logfs *fs, struct moving *m, bool opened, bool *more)
{
	bool sdir = S_ISDIR(m->amode), ddir = m->dst && S_ISDIR(m->bmode), exchange = m->how & RENAME_EXCHANGE;
	u64 from = m->from->n.ino, to = m->to->n.ino;
	struct linode di;
	int err, up, down;

	if (exchange) {
		err = set_name(fs, from, m->asub, m->a, m->bino, m->bmode);
		if (!err)
			err = set_name(fs, to, m->bsub, m->b, m->aino, m->amode);
		if (!err)
			err = set_parent(fs, m->bino, from, ddir);
		up = sdir - ddir;
		down = -up;
	} else {
		err = tree_del(fs, LOGFS_TREE_ITEMS, from, m->asub);
		if (!err && m->dst) {
			err = inode_read(fs, m->bino, &di);
			if (!err && ddir && di.size)
				err = -ENOTEMPTY;
			if (!err)
				err = inode_unname(fs, m->bino, &di, opened, more);
			if (!err)
				err = set_name(fs, to, m->bsub, m->b, m->aino, m->amode);
		} else if (!err) {
			err = name_add(fs, to, m->bsub, m->b.at, m->b.len, m->aino, m->amode);
		}
		up = sdir - ddir;
		down = -sdir;
	}
	if (!err)
		err = set_parent(fs, m->aino, to, sdir);
	if (!err)
		err = dir_changed(fs, from, exchange ? 0 : -1, down);
	if (!err)
		err = dir_changed(fs, to, exchange ? 0 : !m->dst, up);
	return err;
}

static int rename_once(struct logfs *fs, struct lino *from, struct exo_name a, struct lino *to, struct exo_name b,
		       unsigned how, u64 *later)
{
	struct moving m = {.from = from, .to = to, .a = a, .b = b, .how = how};
	bool opened = false, more = false;
	int err;

	*later = 0;
	err = log_txn_begin(fs);
	if (err)
		return err;
	err = name_find(fs, from->n.ino, a.at, a.len, &m.asub, &m.aino, &m.amode);
	if (err)
		goto out;
	err = lino_get(fs, from, m.aino, &m.src);
	if (err)
		goto out;
	err = name_find(fs, to->n.ino, b.at, b.len, &m.bsub, &m.bino, &m.bmode);
	if (err && err != -ENOENT)
		goto out;
	if (!err)
		opened = open_here(fs, to, m.bino, &m.dst);
	if (!err && !m.dst) {
		err = -EAGAIN;
		goto out;
	}
	err = lino_fresh(fs, from);
	if (!err)
		err = lino_fresh(fs, to);
	if (!err)
		err = rename_checks(fs, &m);
	/* Two names of one inode: nothing to do. */
	if (!err && m.src == m.dst) {
		log_txn_abort(fs);
		goto put;
	}
	if (!err)
		err = rename_build(fs, &m, opened, &more);
out:
	if (err) {
		log_txn_abort(fs);
	} else {
		err = log_txn_commit(fs);
		if (!err && m.dst && !opened && more)
			*later = m.bino;
		if (!err && m.dst && opened && !m.dst->opens && !exo_opens_elsewhere(&fs->fs, m.bino) &&
		    !lino_fresh(fs, m.dst) && !m.dst->di.nlink)
			*later = m.bino;
	}
put:
	if (m.dst)
		lino_put(fs, m.dst);
	if (m.src)
		lino_put(fs, m.src);
	return err == -ENOSPC && !m.src ? -ENOENT : err;
}

int logfs_rename(struct exo_fs *xfs, struct exo_node *from, struct exo_name a, struct exo_node *to, struct exo_name b,
		 unsigned how)
{
	struct logfs *fs = logfs_of(xfs);
	u64 later;
	int err;

	cache_trim(fs);
	if (a.len > LOGFS_NAME_MAX || b.len > LOGFS_NAME_MAX)
		return -ENAMETOOLONG;
	if (!log_name_ok(b.at, b.len))
		return -EINVAL;
	/* Most give as much back as they take. */
	fs->dip = true;
	LOGFS_RETRY(err, rename_once(fs, lino_of(from), a, lino_of(to), b, how, &later));
	exo_opens_gone(xfs);
	if (!err && later)
		inode_free(fs, later);
	fs->dip = false;
	return err;
}

/* ---- listing ---- */

int logfs_readdir(struct exo_fs *xfs, struct exo_node *dir, uint64_t cookie,
		  int (*fn)(void *arg, const struct exo_dirent *d), void *arg)
{
	struct logfs *fs = logfs_of(xfs);
	char name[LOGFS_NAME_MAX + 1];
	struct exo_dirent d = {.name = name};
	const struct rec *r;
	int err;

	cache_trim(fs);
	for (d.next = cookie;;) {
		if (d.next >> 40)
			return 0;
		LOGFS_RETRY(err, tree_from(fs, LOGFS_TREE_ITEMS, dir->ino, LOGFS_SUB(LOGFS_T_NAME, d.next), &r));
		if (err)
			return err == -ENOENT ? 0 : err;
		if (r->ino != dir->ino || LOGFS_SUB_TYPE(r->sub) != LOGFS_T_NAME)
			return 0;
		if (r->len <= LOGFS_D_NAME || r->len > LOGFS_D_NAME + LOGFS_NAME_MAX)
			return -EUCLEAN;
		d.ino = get64(r->data + LOGFS_D_INO);
		d.type = get32(r->data + LOGFS_D_MODE) & S_IFMT;
		d.len = r->len - LOGFS_D_NAME;
		d.next = (r->sub & ~(0xffull << 56)) + 1;
		memcpy(name, r->data + LOGFS_D_NAME, d.len);
		name[d.len] = 0;
		if (!log_name_ok(name, d.len))
			return -EUCLEAN;
		fs->busy++;
		err = fn(arg, &d);
		fs->busy--;
		if (err)
			return err;
	}
}
