// SPDX-License-Identifier: GPL-2.0 OR MIT
/* names.c: the public calls on paths: resolve, check permissions, ask the type. */
#include "call.h"

static unsigned nofollow(unsigned flags)
{
	return flags & EXO_FS_NOFOLLOW ? EXO_WALK_NOFOLLOW : 0;
}

static int stat_path(struct exo_fs *fs, const char *path, unsigned flags, struct stat *st)
{
	struct exo_node *n;
	int err = exo_walk(fs, path, nofollow(flags), &n);

	if (!err) {
		err = fs->type->getattr(fs, n, st);
		fs->type->put(fs, n);
	}
	return err;
}

EXO_PUBLIC int exo_fs_stat(struct exo_fs *fs, const char *path, unsigned flags, struct stat *st)
{
	if (flags & ~EXO_FS_NOFOLLOW)
		return -EINVAL;
	CALL_BY_PATH(fs, stat_path(fs, path, flags, st));
}

static int create(struct exo_fs *fs, const char *path, mode_t mode, const char *target)
{
	struct exo_node *dir, *n;
	struct exo_walk w;
	int err = exo_walk_last(fs, path, -EEXIST, &w, &dir);

	if (err)
		return err;
	err = exo_node_may(fs, dir, W_OK | X_OK);
	/* The name's existence is the better answer. */
	if (err && !fs->type->lookup(fs, dir, w.name, &n)) {
		fs->type->put(fs, n);
		err = -EEXIST;
	}
	if (!err && w.slash && !S_ISDIR(mode))
		err = -ENOENT;
	if (!err)
		err = fs->type->create(fs, dir, w.name, mode, target, &n);
	if (!err)
		fs->type->put(fs, n);
	fs->type->put(fs, dir);
	return err;
}

EXO_PUBLIC int exo_fs_mkdir(struct exo_fs *fs, const char *path, mode_t mode)
{
	CALL_BY_PATH(fs, create(fs, path, S_IFDIR | (mode & 07777), NULL));
}

EXO_PUBLIC int exo_fs_symlink(struct exo_fs *fs, const char *target, const char *path)
{
	if (!target)
		return -EFAULT;
	CALL_BY_PATH(fs, create(fs, path, S_IFLNK | 0777, target));
}

static int drop_name(struct exo_fs *fs, const char *path, bool directory, int dots)
{
	struct exo_node *dir, *n;
	struct exo_walk w;
	int err = exo_walk_last(fs, path, dots, &w, &dir);

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

EXO_PUBLIC int exo_fs_rmdir(struct exo_fs *fs, const char *path)
{
	CALL_BY_PATH(fs, drop_name(fs, path, true, rmdir_dots(path)));
}

EXO_PUBLIC int exo_fs_unlink(struct exo_fs *fs, const char *path)
{
	CALL_BY_PATH(fs, drop_name(fs, path, false, -EISDIR));
}

static ssize_t read_link(struct exo_fs *fs, const char *path, char *buf, size_t size)
{
	struct exo_node *n;
	ssize_t got = exo_walk(fs, path, EXO_WALK_NOFOLLOW, &n);

	if (!got) {
		got = S_ISLNK(n->mode) && size ? fs->type->readlink(fs, n, buf, size) : -EINVAL;
		fs->type->put(fs, n);
	}
	return got;
}

EXO_PUBLIC ssize_t exo_fs_readlink(struct exo_fs *fs, const char *path, char *buf, size_t size)
{
	CALL_BY_PATH(fs, read_link(fs, path, buf, size));
}

static int rename_path(struct exo_fs *fs, const char *from, const char *to)
{
	struct exo_node *a, *b, *n;
	struct exo_walk wa, wb;
	int err = exo_walk_last(fs, from, -EBUSY, &wa, &a);

	if (err)
		return err;
	err = exo_walk_last(fs, to, -EBUSY, &wb, &b);
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
			err = fs->type->rename(fs, a, wa.name, b, wb.name);
		fs->type->put(fs, b);
	}
	fs->type->put(fs, a);
	return err;
}

EXO_PUBLIC int exo_fs_rename(struct exo_fs *fs, const char *from, const char *to)
{
	CALL_BY_PATH(fs, rename_path(fs, from, to));
}

/* ---- attributes ---- */

/* Only the owner, or root, changes attributes. */
static bool owns(const struct exo_fs *fs, const struct exo_node *n)
{
	return !fs->cred.uid || fs->cred.uid == n->uid;
}

static bool member(const struct exo_fs *fs, gid_t gid)
{
	int i;

	for (i = 0; i < fs->cred.ngroups; i++)
		if (fs->cred.groups[i] == gid)
			return true;
	return gid == fs->cred.gid;
}

static int chmod_path(struct exo_fs *fs, const char *path, mode_t mode)
{
	struct exo_attr a = {.set = EXO_SET_MODE, .mode = mode & 07777};
	struct exo_node *n;
	int err = exo_walk(fs, path, 0, &n);

	if (err)
		return err;
	if (fs->cred.uid && !S_ISDIR(n->mode) && !member(fs, n->gid))
		a.mode &= ~S_ISGID;
	err = owns(fs, n) ? fs->type->setattr(fs, n, &a) : -EPERM;
	fs->type->put(fs, n);
	return err;
}

EXO_PUBLIC int exo_fs_chmod(struct exo_fs *fs, const char *path, mode_t mode)
{
	CALL_BY_PATH(fs, chmod_path(fs, path, mode));
}

static int chown_path(struct exo_fs *fs, const char *path, uid_t uid, gid_t gid, unsigned flags)
{
	struct exo_attr a = {.set = EXO_SET_OWNER, .uid = uid, .gid = gid};
	struct exo_node *n;
	int err = exo_walk(fs, path, nofollow(flags), &n);

	if (err)
		return err;
	if (fs->cred.uid && (!owns(fs, n) || (uid != (uid_t)-1 && uid != n->uid) ||
			     (gid != (gid_t)-1 && gid != n->gid && !member(fs, gid))))
		err = -EPERM;
	if (!err && !S_ISDIR(n->mode) && (n->mode & (S_ISUID | S_ISGID)) && fs->cred.uid) {
		a.set |= EXO_SET_MODE;
		a.mode = n->mode & 07777 & ~(S_ISUID | S_ISGID);
	}
	if (!err)
		err = fs->type->setattr(fs, n, &a);
	fs->type->put(fs, n);
	return err;
}

EXO_PUBLIC int exo_fs_chown(struct exo_fs *fs, const char *path, uid_t uid, gid_t gid, unsigned flags)
{
	if (flags & ~EXO_FS_NOFOLLOW)
		return -EINVAL;
	CALL_BY_PATH(fs, chown_path(fs, path, uid, gid, flags));
}

static int utimens_path(struct exo_fs *fs, const char *path, const struct exo_attr *a, bool touch, unsigned flags)
{
	struct exo_node *n;
	int err = exo_walk(fs, path, nofollow(flags), &n);

	if (err)
		return err;
	if (!owns(fs, n))
		err = touch ? exo_node_may(fs, n, W_OK) : -EPERM;
	if (!err && a->set)
		err = fs->type->setattr(fs, n, a);
	fs->type->put(fs, n);
	return err;
}

EXO_PUBLIC int exo_fs_utimens(struct exo_fs *fs, const char *path, const struct timespec ts[2], unsigned flags)
{
	bool touch = !ts || (ts[0].tv_nsec == UTIME_NOW && ts[1].tv_nsec == UTIME_NOW);
	struct exo_attr a = {0};
	struct timespec now;

	if (flags & ~EXO_FS_NOFOLLOW)
		return -EINVAL;
	clock_gettime(CLOCK_REALTIME, &now);
	if (!ts || ts[0].tv_nsec != UTIME_OMIT) {
		a.set |= EXO_SET_ATIME;
		a.atime = !ts || ts[0].tv_nsec == UTIME_NOW ? now : ts[0];
	}
	if (!ts || ts[1].tv_nsec != UTIME_OMIT) {
		a.set |= EXO_SET_MTIME;
		a.mtime = !ts || ts[1].tv_nsec == UTIME_NOW ? now : ts[1];
	}
	CALL_BY_PATH(fs, utimens_path(fs, path, &a, touch, flags));
}
