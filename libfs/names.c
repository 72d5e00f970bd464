// SPDX-License-Identifier: GPL-2.0 OR MIT
/* names.c: the public calls that make, move and remove names: resolve, check permissions, ask the type. */
#include <stdio.h>
#include "call.h"

/* ---- making ---- */

static int create(struct exo_fs *fs, struct exo_node *at, const char *path, const struct exo_create *what)
{
	struct exo_node *dir, *n;
	struct exo_walk w;
	int err = exo_walk_last(fs, at, path, -EEXIST, &w, &dir);

	if (err)
		return err;
	err = exo_node_may(fs, dir, W_OK | X_OK);
	if (!err && w.slash && !S_ISDIR(what->mode))
		err = -ENOENT;
	/* The name's existence is the better answer. */
	if (err && !fs->type->lookup(fs, dir, w.name, &n)) {
		fs->type->put(fs, n);
		err = -EEXIST;
	}
	if (!err)
		err = fs->type->create(fs, dir, w.name, what, &n);
	if (!err)
		fs->type->put(fs, n);
	fs->type->put(fs, dir);
	return err;
}

EXO_PUBLIC int exo_at_mkdir(struct exo_fs *fs, struct exo_file *at, const char *path, mode_t mode)
{
	struct exo_create what = {.mode = S_IFDIR | (mode & 07777)};

	CALL_BY_PATH(fs, create(fs, at_node(at), path, &what));
}

EXO_PUBLIC int exo_at_mknod(struct exo_fs *fs, struct exo_file *at, const char *path, mode_t mode, dev_t dev)
{
	struct exo_create what = {.mode = mode & (S_IFMT | 07777), .rdev = dev};

	if (!(mode & S_IFMT))
		what.mode |= S_IFREG;
	if (S_ISDIR(mode))
		return -EPERM;
	if (!S_ISREG(what.mode) && !S_ISFIFO(mode) && !S_ISSOCK(mode) && !S_ISCHR(mode) && !S_ISBLK(mode))
		return -EINVAL;
	if (S_ISCHR(mode) || S_ISBLK(mode)) {
		if (!exo_cred_all(fs))
			return -EPERM;
	} else {
		what.rdev = 0;
	}
	CALL_BY_PATH(fs, create(fs, at_node(at), path, &what));
}

EXO_PUBLIC int exo_at_symlink(struct exo_fs *fs, const char *target, struct exo_file *at, const char *path)
{
	struct exo_create what = {.mode = S_IFLNK | 0777, .target = target};

	if (!target)
		return -EFAULT;
	CALL_BY_PATH(fs, create(fs, at_node(at), path, &what));
}

static int link_path(struct exo_fs *fs, struct exo_node *at, const char *path, struct exo_node *to_at, const char *to,
		     unsigned flags)
{
	struct exo_node *n, *dir, *old;
	struct exo_walk w;
	int err = exo_walk(fs, at, path, (flags & EXO_FS_FOLLOW ? 0 : EXO_WALK_NOFOLLOW) | (flags & EXO_FS_EMPTY), &n);

	if (err)
		return err;
	err = exo_walk_last(fs, to_at, to, -EEXIST, &w, &dir);
	if (!err) {
		err = fs->type->lookup(fs, dir, w.name, &old);
		if (!err) {
			fs->type->put(fs, old);
			err = -EEXIST;
		} else if (err == -ENOENT) {
			err = w.slash		 ? -ENOENT
			      : S_ISDIR(n->mode) ? -EPERM
			      : !fs->type->link	 ? -EOPNOTSUPP
						 : exo_node_may(fs, dir, W_OK | X_OK);
			if (!err)
				err = fs->type->link(fs, n, dir, w.name);
		}
		fs->type->put(fs, dir);
	}
	fs->type->put(fs, n);
	return err;
}

EXO_PUBLIC int exo_at_link(struct exo_fs *fs, struct exo_file *at, const char *path, struct exo_file *to_at,
			   const char *to, unsigned flags)
{
	if (flags & ~(EXO_FS_FOLLOW | EXO_FS_EMPTY))
		return -EINVAL;
	CALL_BY_PATH(fs, link_path(fs, at_node(at), path, at_node(to_at), to, flags));
}

/* ---- removing ---- */

static int drop_name(struct exo_fs *fs, struct exo_node *at, const char *path, bool directory, int dots)
{
	struct exo_node *dir, *n;
	struct exo_walk w;
	int err = exo_walk_last(fs, at, path, dots, &w, &dir);

	if (err)
		return err;
	/* "file/" is no name of a file. */
	if (w.slash && !directory) {
		err = fs->type->lookup(fs, dir, w.name, &n);
		if (!err) {
			err = S_ISDIR(n->mode) ? -EISDIR : -ENOTDIR;
			fs->type->put(fs, n);
		}
	} else {
		err = fs->type->remove(fs, dir, w.name, directory);
	}
	fs->type->put(fs, dir);
	return err;
}

/* What rmdir says of a path that ends in "..", "." or is the top. */
static int rmdir_dots(const char *path)
{
	size_t len = path ? strlen(path) : 0;

	while (len && path[len - 1] == '/')
		len--;
	if (len >= 2 && path[len - 1] == '.' && path[len - 2] == '.')
		return -ENOTEMPTY;
	return len && path[len - 1] == '.' ? -EINVAL : -EBUSY;
}

EXO_PUBLIC int exo_at_unlink(struct exo_fs *fs, struct exo_file *at, const char *path, unsigned flags)
{
	bool directory = flags & EXO_FS_REMOVEDIR;

	if (flags & ~EXO_FS_REMOVEDIR)
		return -EINVAL;
	CALL_BY_PATH(fs, drop_name(fs, at_node(at), path, directory, directory ? rmdir_dots(path) : -EISDIR));
}

/* ---- moving ---- */

static int rename_path(struct exo_fs *fs, struct exo_node *at, const char *from, struct exo_node *to_at, const char *to,
		       unsigned how)
{
	struct exo_node *a, *b, *n;
	struct exo_walk wa, wb;
	int err = exo_walk_last(fs, at, from, -EBUSY, &wa, &a);

	if (err)
		return err;
	err = exo_walk_last(fs, to_at, to, how & RENAME_NOREPLACE ? -EEXIST : -EBUSY, &wb, &b);
	if (!err) {
		/* A trailing slash means a directory. */
		if (wa.slash || wb.slash) {
			err = fs->type->lookup(fs, a, wa.name, &n);
			if (!err) {
				err = S_ISDIR(n->mode) ? 0 : -ENOTDIR;
				fs->type->put(fs, n);
			}
		}
		if (!err)
			err = fs->type->rename(fs, a, wa.name, b, wb.name, how);
		fs->type->put(fs, b);
	}
	fs->type->put(fs, a);
	return err;
}

EXO_PUBLIC int exo_at_rename(struct exo_fs *fs, struct exo_file *at, const char *from, struct exo_file *to_at,
			     const char *to, unsigned how)
{
	if (how && how != RENAME_NOREPLACE && how != RENAME_EXCHANGE)
		return -EINVAL;
	CALL_BY_PATH(fs, rename_path(fs, at_node(at), from, at_node(to_at), to, how));
}

/* ---- from the top ---- */

EXO_PUBLIC int exo_fs_mkdir(struct exo_fs *fs, const char *path, mode_t mode)
{
	return exo_at_mkdir(fs, NULL, path, mode);
}

EXO_PUBLIC int exo_fs_symlink(struct exo_fs *fs, const char *target, const char *path)
{
	return exo_at_symlink(fs, target, NULL, path);
}

EXO_PUBLIC int exo_fs_rmdir(struct exo_fs *fs, const char *path)
{
	return exo_at_unlink(fs, NULL, path, EXO_FS_REMOVEDIR);
}

EXO_PUBLIC int exo_fs_unlink(struct exo_fs *fs, const char *path)
{
	return exo_at_unlink(fs, NULL, path, 0);
}

EXO_PUBLIC int exo_fs_rename(struct exo_fs *fs, const char *from, const char *to)
{
	return exo_at_rename(fs, NULL, from, NULL, to, 0);
}
