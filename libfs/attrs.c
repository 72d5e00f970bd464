// SPDX-License-Identifier: GPL-2.0 OR MIT
/* attrs.c: the public calls on what a name stands for: attributes, symlink targets, size. */
#include "call.h"

/* EXO_FS_* -> EXO_WALK_* */
static unsigned walk_flags(unsigned flags)
{
	return (flags & EXO_FS_NOFOLLOW ? EXO_WALK_NOFOLLOW : 0) | (flags & EXO_FS_EMPTY ? EXO_WALK_EMPTY : 0);
}

#define PATH_FLAGS (EXO_FS_NOFOLLOW | EXO_FS_EMPTY)

static int stat_path(struct exo_fs *fs, struct exo_node *at, const char *path, unsigned flags, struct stat *st)
{
	struct exo_node *n;
	int err = exo_walk(fs, at, path, walk_flags(flags), &n);

	if (!err) {
		err = fs->type->getattr(fs, n, st);
		fs->type->put(fs, n);
	}
	return err;
}

EXO_PUBLIC int exo_at_stat(struct exo_fs *fs, struct exo_file *at, const char *path, unsigned flags, struct stat *st)
{
	if (flags & ~PATH_FLAGS)
		return -EINVAL;
	CALL_BY_PATH(fs, stat_path(fs, at_node(at), path, flags, st));
}

static int access_path(struct exo_fs *fs, struct exo_node *at, const char *path, int mask, unsigned flags)
{
	struct exo_node *n;
	int err = exo_walk(fs, at, path, walk_flags(flags), &n);

	if (err)
		return err;
	/* A read-only tree refuses what would change it; opening a device node for writing changes nothing in it. */
	if (mask & W_OK && fs->flags & EXO_FS_RDONLY && (S_ISREG(n->mode) || S_ISDIR(n->mode) || S_ISLNK(n->mode)))
		err = -EROFS;
	else if (mask)
		err = exo_node_may(fs, n, mask);
	fs->type->put(fs, n);
	return err;
}

EXO_PUBLIC int exo_at_access(struct exo_fs *fs, struct exo_file *at, const char *path, int mask, unsigned flags)
{
	if (flags & ~PATH_FLAGS || mask & ~(R_OK | W_OK | X_OK))
		return -EINVAL;
	CALL_BY_PATH(fs, access_path(fs, at_node(at), path, mask, flags));
}

static ssize_t read_link(struct exo_fs *fs, struct exo_node *at, const char *path, char *buf, size_t size)
{
	struct exo_node *n;
	ssize_t got = exo_walk(fs, at, path, EXO_WALK_NOFOLLOW | (at ? EXO_WALK_EMPTY : 0), &n);

	if (!got) {
		got = !S_ISLNK(n->mode) ? (*path ? -EINVAL : -ENOENT)
		      : size		? fs->type->readlink(fs, n, buf, size)
					: -EINVAL;
		fs->type->put(fs, n);
	}
	return got;
}

EXO_PUBLIC ssize_t exo_at_readlink(struct exo_fs *fs, struct exo_file *at, const char *path, char *buf, size_t size)
{
	CALL_BY_PATH(fs, read_link(fs, at_node(at), path, buf, size));
}

static int chmod_path(struct exo_fs *fs, struct exo_node *at, const char *path, mode_t mode, unsigned flags)
{
	struct exo_attr a = {.set = EXO_SET_MODE, .mode = mode & 07777};
	struct exo_node *n;
	int err = exo_walk(fs, at, path, walk_flags(flags), &n);

	if (err)
		return err;
	if (!exo_cred_all(fs) && !exo_cred_member(fs, n->gid))
		a.mode &= ~S_ISGID;
	err = S_ISLNK(n->mode) ? -EOPNOTSUPP : exo_node_owner(fs, n) ? fs->type->setattr(fs, n, &a) : -EPERM;
	fs->type->put(fs, n);
	return err;
}

EXO_PUBLIC int exo_at_chmod(struct exo_fs *fs, struct exo_file *at, const char *path, mode_t mode, unsigned flags)
{
	if (flags & ~PATH_FLAGS)
		return -EINVAL;
	CALL_BY_PATH(fs, chmod_path(fs, at_node(at), path, mode, flags));
}

static int chown_path(struct exo_fs *fs, struct exo_node *at, const char *path, uid_t uid, gid_t gid, unsigned flags)
{
	struct exo_attr a = {.set = EXO_SET_OWNER, .uid = uid, .gid = gid};
	struct exo_node *n;
	bool asks;
	int err = exo_walk(fs, at, path, walk_flags(flags), &n);

	if (err)
		return err;
	/* Who changes nothing needs no right, unless a bit goes with it. */
	asks = uid != (uid_t)-1 || gid != (gid_t)-1 || (!S_ISDIR(n->mode) && exo_setid_lost(fs, n->mode, n->gid));
	if (!exo_cred_all(fs) && asks &&
	    (!exo_node_owner(fs, n) || (uid != (uid_t)-1 && uid != n->uid) ||
	     (gid != (gid_t)-1 && gid != n->gid && !exo_cred_member(fs, gid))))
		err = -EPERM;
	/* As Linux does for everybody: a program with a new owner does not act for the old one. */
	if (!err && !S_ISDIR(n->mode) && exo_setid_lost(fs, n->mode, n->gid)) {
		a.set |= EXO_SET_MODE;
		a.mode = n->mode & 07777 & ~exo_setid_lost(fs, n->mode, n->gid);
	}
	if (!err)
		err = fs->type->setattr(fs, n, &a);
	fs->type->put(fs, n);
	return err;
}

EXO_PUBLIC int exo_at_chown(struct exo_fs *fs, struct exo_file *at, const char *path, uid_t uid, gid_t gid,
			    unsigned flags)
{
	if (flags & ~PATH_FLAGS)
		return -EINVAL;
	CALL_BY_PATH(fs, chown_path(fs, at_node(at), path, uid, gid, flags));
}

static int utimens_path(struct exo_fs *fs, struct exo_node *at, const char *path, const struct exo_attr *a, bool touch,
			unsigned flags)
{
	struct exo_node *n;
	int err = exo_walk(fs, at, path, walk_flags(flags), &n);

	if (err)
		return err;
	if (!exo_node_owner(fs, n))
		err = touch ? exo_node_may(fs, n, W_OK) : -EPERM;
	if (!err && a->set)
		err = fs->type->setattr(fs, n, a);
	fs->type->put(fs, n);
	return err;
}

static bool time_ok(const struct timespec *ts)
{
	return ts->tv_nsec == UTIME_NOW || ts->tv_nsec == UTIME_OMIT || (ts->tv_nsec >= 0 && ts->tv_nsec < 1000000000);
}

EXO_PUBLIC int exo_at_utimens(struct exo_fs *fs, struct exo_file *at, const char *path, const struct timespec ts[2],
			      unsigned flags)
{
	bool touch = !ts || (ts[0].tv_nsec == UTIME_NOW && ts[1].tv_nsec == UTIME_NOW);
	struct exo_attr a = {0};
	struct timespec now;

	if (flags & ~PATH_FLAGS || (ts && (!time_ok(&ts[0]) || !time_ok(&ts[1]))))
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
	/* Neither is to be set: nothing is asked of the file, not even that the caller may. */
	CALL_BY_PATH(fs, utimens_path(fs, at_node(at), path, &a, touch || !a.set, flags));
}

static int truncate_path(struct exo_fs *fs, struct exo_node *at, const char *path, uint64_t size, unsigned flags)
{
	struct exo_node *n;
	int err = exo_walk(fs, at, path, walk_flags(flags), &n);

	if (err)
		return err;
	err = S_ISDIR(n->mode)		  ? -EISDIR
	      : !S_ISREG(n->mode)	  ? -EINVAL
	      : fs->flags & EXO_FS_RDONLY ? -EROFS
					  : exo_node_may(fs, n, W_OK);
	if (!err)
		err = fs->type->truncate(fs, n, size);
	fs->type->put(fs, n);
	return err;
}

EXO_PUBLIC int exo_at_truncate(struct exo_fs *fs, struct exo_file *at, const char *path, off_t size, unsigned flags)
{
	if (flags & ~PATH_FLAGS || size < 0)
		return -EINVAL;
	CALL_BY_PATH(fs, truncate_path(fs, at_node(at), path, size, flags));
}

/* ---- from the top ---- */

EXO_PUBLIC int exo_fs_stat(struct exo_fs *fs, const char *path, unsigned flags, struct stat *st)
{
	return flags & ~EXO_FS_NOFOLLOW ? -EINVAL : exo_at_stat(fs, NULL, path, flags, st);
}

EXO_PUBLIC ssize_t exo_fs_readlink(struct exo_fs *fs, const char *path, char *buf, size_t size)
{
	return exo_at_readlink(fs, NULL, path, buf, size);
}

EXO_PUBLIC int exo_fs_chmod(struct exo_fs *fs, const char *path, mode_t mode)
{
	return exo_at_chmod(fs, NULL, path, mode, 0);
}

EXO_PUBLIC int exo_fs_chown(struct exo_fs *fs, const char *path, uid_t uid, gid_t gid, unsigned flags)
{
	return flags & ~EXO_FS_NOFOLLOW ? -EINVAL : exo_at_chown(fs, NULL, path, uid, gid, flags);
}

EXO_PUBLIC int exo_fs_utimens(struct exo_fs *fs, const char *path, const struct timespec ts[2], unsigned flags)
{
	return flags & ~EXO_FS_NOFOLLOW ? -EINVAL : exo_at_utimens(fs, NULL, path, ts, flags);
}
