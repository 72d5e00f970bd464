// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * fs.c: the public calls: take the tree's lock, resolve names, check permissions, ask the type.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "type.h"

extern const struct exo_fs_type cffs_type;

const struct exo_fs_type *const exo_fs_types[] = {&cffs_type, NULL};

static _Thread_local struct exo_why last_why;

struct exo_why *exo_fs_why_here(void)
{
	return &last_why;
}

EXO_PUBLIC const struct exo_why *exo_fs_why(void)
{
	return &last_why;
}

static void enter(struct exo_fs *fs)
{
	pthread_mutex_lock(&fs->lock);
	last_why.code = EXO_R_NONE;
	last_why.text[0] = last_why.hint[0] = 0;
}

/* A refusal that was overcome inside is no reason. */
static ssize_t leave(struct exo_fs *fs, ssize_t result)
{
	if (result >= 0) {
		last_why.code = EXO_R_NONE;
		last_why.text[0] = last_why.hint[0] = 0;
	}
	pthread_mutex_unlock(&fs->lock);
	return result;
}

static const struct exo_fs_type *find_type(const char *name)
{
	int i;

	for (i = 0; exo_fs_types[i]; i++)
		if (!strcmp(exo_fs_types[i]->name, name))
			return exo_fs_types[i];
	return NULL;
}

EXO_PUBLIC int exo_fs_mkfs(struct exo *x, uint32_t disk, const struct exo_mkfs *opt, struct exo_why *why)
{
	const struct exo_fs_type *type = opt && opt->type ? find_type(opt->type) : NULL;
	struct exo_why local;

	if (!type || !opt->name)
		return -EINVAL;
	if (!why)
		why = &local;
	memset(why, 0, sizeof(*why));
	return type->mkfs(x, disk, opt, why);
}

static int fill_cred(struct exo_cred_fs *c)
{
	c->uid = geteuid();
	c->gid = getegid();
	c->ngroups = getgroups(EXO_FS_GROUPS, c->groups);
	/* More groups than fit: the rest count as "other", which can only refuse. */
	if (c->ngroups < 0)
		c->ngroups = 0;
	return 0;
}

static int init_lock(pthread_mutex_t *lock)
{
	pthread_mutexattr_t attr;
	int err = pthread_mutexattr_init(&attr);

	if (!err) {
		pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
		err = pthread_mutex_init(lock, &attr);
		pthread_mutexattr_destroy(&attr);
	}
	return -err;
}

EXO_PUBLIC int exo_fs_open(struct exo_fs **out, struct exo *x, uint32_t disk, const char *name, unsigned flags,
			   struct exo_why *why)
{
	struct exo_template_get t = {.disk = disk};
	const struct exo_fs_type *type;
	struct exo_root_get root;
	struct exo_why local;
	int err;

	if (!why)
		why = &local;
	memset(why, 0, sizeof(*why));
	*out = NULL;
	if (!name || flags & ~EXO_FS_RDONLY)
		return -EINVAL;
	err = exo_root_find(x, disk, name, &root, why);
	if (err)
		return err;
	if (root.out_quarantine) {
		exo_why_fill(why, EXO_NR_ROOT_GET, -EUCLEAN, EXO_R_QUARANTINED, root.root);
		return -EUCLEAN;
	}
	if (!root.out_template)
		return -EMEDIUMTYPE;
	t.template_id = root.out_template;
	err = exo_template_get(x, &t, why);
	if (err)
		return err;
	t.out_name[sizeof(t.out_name) - 1] = 0;
	type = find_type(t.out_name);
	if (!type)
		return -EMEDIUMTYPE;
	last_why.code = EXO_R_NONE;
	err = type->open(out, x, disk, &root, flags, why);
	if (err)
		return err;
	(*out)->type = type;
	fill_cred(&(*out)->cred);
	err = init_lock(&(*out)->lock);
	if (err) {
		type->close(*out);
		*out = NULL;
	}
	return err;
}

EXO_PUBLIC void exo_fs_close(struct exo_fs *fs)
{
	if (!fs)
		return;
	pthread_mutex_destroy(&fs->lock);
	fs->type->close(fs);
}

EXO_PUBLIC int exo_fs_sync(struct exo_fs *fs)
{
	enter(fs);
	return leave(fs, fs->type->sync(fs));
}

EXO_PUBLIC int exo_fs_statvfs(struct exo_fs *fs, struct statvfs *st)
{
	enter(fs);
	return leave(fs, fs->type->statvfs(fs, st));
}

EXO_PUBLIC const char *exo_fs_type(const struct exo_fs *fs)
{
	return fs->type->name;
}

/* ---- names ---- */

EXO_PUBLIC int exo_fs_stat(struct exo_fs *fs, const char *path, unsigned flags, struct stat *st)
{
	struct exo_node *n;
	int err;

	if (flags & ~EXO_FS_NOFOLLOW)
		return -EINVAL;
	enter(fs);
	err = exo_walk(fs, path, flags & EXO_FS_NOFOLLOW ? EXO_WALK_NOFOLLOW : 0, &n);
	if (!err) {
		err = fs->type->getattr(fs, n, st);
		fs->type->put(fs, n);
	}
	return leave(fs, err);
}

static int create(struct exo_fs *fs, const char *path, mode_t mode, const char *target)
{
	struct exo_node *dir, *n;
	struct exo_walk w;
	int err;

	enter(fs);
	err = exo_walk_last(fs, path, -EEXIST, &w, &dir);
	if (!err) {
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
	}
	return leave(fs, err);
}

EXO_PUBLIC int exo_fs_mkdir(struct exo_fs *fs, const char *path, mode_t mode)
{
	return create(fs, path, S_IFDIR | (mode & 07777), NULL);
}

EXO_PUBLIC int exo_fs_symlink(struct exo_fs *fs, const char *target, const char *path)
{
	return target ? create(fs, path, S_IFLNK | 0777, target) : -EFAULT;
}

static int drop_name(struct exo_fs *fs, const char *path, bool directory, int dots)
{
	struct exo_node *dir, *n;
	struct exo_walk w;
	int err;

	enter(fs);
	err = exo_walk_last(fs, path, dots, &w, &dir);
	if (!err) {
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
	}
	return leave(fs, err);
}

EXO_PUBLIC int exo_fs_rmdir(struct exo_fs *fs, const char *path)
{
	size_t len = path ? strlen(path) : 0;

	while (len && path[len - 1] == '/')
		len--;
	return drop_name(fs, path, true,
			 len >= 2 && path[len - 1] == '.' && path[len - 2] == '.' ? -ENOTEMPTY
			 : len && path[len - 1] == '.'				  ? -EINVAL
										  : -EBUSY);
}

EXO_PUBLIC int exo_fs_unlink(struct exo_fs *fs, const char *path)
{
	return drop_name(fs, path, false, -EISDIR);
}

EXO_PUBLIC ssize_t exo_fs_readlink(struct exo_fs *fs, const char *path, char *buf, size_t size)
{
	struct exo_node *n;
	ssize_t got;

	enter(fs);
	got = exo_walk(fs, path, EXO_WALK_NOFOLLOW, &n);
	if (!got) {
		got = S_ISLNK(n->mode) && size ? fs->type->readlink(fs, n, buf, size) : -EINVAL;
		fs->type->put(fs, n);
	}
	return leave(fs, got);
}

EXO_PUBLIC int exo_fs_rename(struct exo_fs *fs, const char *from, const char *to)
{
	struct exo_node *a, *b, *n;
	struct exo_walk wa, wb;
	int err;

	enter(fs);
	err = exo_walk_last(fs, from, -EBUSY, &wa, &a);
	if (err)
		return leave(fs, err);
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
	return leave(fs, err);
}

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

EXO_PUBLIC int exo_fs_chmod(struct exo_fs *fs, const char *path, mode_t mode)
{
	struct exo_attr a = {.set = EXO_SET_MODE, .mode = mode & 07777};
	struct exo_node *n;
	int err;

	enter(fs);
	err = exo_walk(fs, path, 0, &n);
	if (!err) {
		if (fs->cred.uid && !S_ISDIR(n->mode) && !member(fs, n->gid))
			a.mode &= ~S_ISGID;
		err = owns(fs, n) ? fs->type->setattr(fs, n, &a) : -EPERM;
		fs->type->put(fs, n);
	}
	return leave(fs, err);
}

EXO_PUBLIC int exo_fs_chown(struct exo_fs *fs, const char *path, uid_t uid, gid_t gid, unsigned flags)
{
	struct exo_attr a = {.set = EXO_SET_OWNER, .uid = uid, .gid = gid};
	struct exo_node *n;
	int err;

	if (flags & ~EXO_FS_NOFOLLOW)
		return -EINVAL;
	enter(fs);
	err = exo_walk(fs, path, flags & EXO_FS_NOFOLLOW ? EXO_WALK_NOFOLLOW : 0, &n);
	if (!err) {
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
	}
	return leave(fs, err);
}

EXO_PUBLIC int exo_fs_utimens(struct exo_fs *fs, const char *path, const struct timespec ts[2], unsigned flags)
{
	struct exo_attr a = {0};
	struct exo_node *n;
	struct timespec now;
	bool touch = !ts || (ts[0].tv_nsec == UTIME_NOW && ts[1].tv_nsec == UTIME_NOW);
	int err;

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
	enter(fs);
	err = exo_walk(fs, path, flags & EXO_FS_NOFOLLOW ? EXO_WALK_NOFOLLOW : 0, &n);
	if (!err) {
		if (!owns(fs, n))
			err = touch ? exo_node_may(fs, n, W_OK) : -EPERM;
		if (!err && a.set)
			err = fs->type->setattr(fs, n, &a);
		fs->type->put(fs, n);
	}
	return leave(fs, err);
}

/* ---- files ---- */

static int open_node(struct exo_fs *fs, const char *path, int oflags, mode_t mode, struct exo_node **out)
{
	struct exo_node *dir, *n = NULL;
	struct exo_walk w;
	int err;

	if (!(oflags & O_CREAT)) {
		err = exo_walk(fs, path, oflags & O_NOFOLLOW ? EXO_WALK_NOFOLLOW : 0, out);
		return err ? err : S_ISLNK((*out)->mode) ? (fs->type->put(fs, *out), -ELOOP) : 0;
	}
	for (;;) {
		if (oflags & (O_EXCL | O_NOFOLLOW)) {
			err = exo_walk_last(fs, path, oflags & O_EXCL ? -EEXIST : -EISDIR, &w, &dir);
			if (!err) {
				err = fs->type->lookup(fs, dir, w.name, &n);
				if (err && err != -ENOENT)
					fs->type->put(fs, dir);
				if (err == -ENOENT)
					err = 0;
			}
		} else {
			err = exo_walk_create(fs, path, &w, &dir, &n);
		}
		if (err)
			return err;
		if (n) {
			fs->type->put(fs, dir);
			err = oflags & O_EXCL	     ? -EEXIST
			      : S_ISLNK(n->mode)     ? -ELOOP
			      : S_ISDIR(n->mode)     ? -EISDIR
			      : w.slash		     ? -ENOTDIR
			      : oflags & O_DIRECTORY ? -ENOTDIR
						     : 0;
			if (err)
				fs->type->put(fs, n);
			else
				*out = n;
			return err;
		}
		err = w.slash ? -EISDIR : oflags & O_DIRECTORY ? -EINVAL : exo_node_may(fs, dir, W_OK | X_OK);
		if (!err)
			err = fs->type->create(fs, dir, w.name, S_IFREG | (mode & 07777), NULL, out);
		fs->type->put(fs, dir);
		/* Somebody was quicker: open theirs. */
		if (err == -EEXIST && !(oflags & O_EXCL))
			continue;
		/* The mode given to open does not bind the descriptor that creates. */
		return err ? err : 1;
	}
}

EXO_PUBLIC int exo_file_open(struct exo_fs *fs, const char *path, int oflags, mode_t mode, struct exo_file **out)
{
	int acc = oflags & O_ACCMODE, mask, err, created;
	struct exo_node *n;
	struct exo_file *f;

	*out = NULL;
	if (acc == O_ACCMODE)
		return -EINVAL;
	if ((acc != O_RDONLY || oflags & (O_CREAT | O_TRUNC)) && fs->flags & EXO_FS_RDONLY)
		return -EROFS;
	mask = acc == O_RDONLY ? R_OK : acc == O_WRONLY ? W_OK : R_OK | W_OK;
	if (oflags & O_TRUNC)
		mask |= W_OK;
	f = calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	enter(fs);
	created = err = open_node(fs, path, oflags, mode, &n);
	if (err < 0) {
		free(f);
		return leave(fs, err);
	}
	err = 0;
	if (oflags & O_DIRECTORY && !S_ISDIR(n->mode))
		err = -ENOTDIR;
	else if (S_ISDIR(n->mode) && mask & W_OK)
		err = -EISDIR;
	else if (!created)
		err = exo_node_may(fs, n, mask);
	if (!err && oflags & O_TRUNC && !created && S_ISREG(n->mode))
		err = fs->type->truncate(fs, n, 0);
	f->fs = fs;
	f->node = n;
	f->oflags = oflags;
	if (!err)
		err = fs->type->file_open(fs, f);
	if (err) {
		fs->type->put(fs, n);
		free(f);
		return leave(fs, err);
	}
	*out = f;
	return leave(fs, 0);
}

EXO_PUBLIC void exo_file_close(struct exo_file *f)
{
	struct exo_fs *fs;

	if (!f)
		return;
	fs = f->fs;
	enter(fs);
	fs->type->file_close(fs, f);
	fs->type->put(fs, f->node);
	leave(fs, 0);
	free(f->pins);
	free(f);
}

EXO_PUBLIC int exo_file_stat(struct exo_file *f, struct stat *st)
{
	enter(f->fs);
	return leave(f->fs, f->fs->type->getattr(f->fs, f->node, st));
}

EXO_PUBLIC ssize_t exo_file_pread(struct exo_file *f, void *buf, size_t n, off_t off)
{
	if (off < 0)
		return -EINVAL;
	if ((f->oflags & O_ACCMODE) == O_WRONLY)
		return -EBADF;
	enter(f->fs);
	return leave(f->fs, f->fs->type->pread(f->fs, f, buf, n < SSIZE_MAX ? n : SSIZE_MAX, off));
}

EXO_PUBLIC ssize_t exo_file_pwrite(struct exo_file *f, const void *buf, size_t n, off_t off)
{
	if (off < 0)
		return -EINVAL;
	if ((f->oflags & O_ACCMODE) == O_RDONLY)
		return -EBADF;
	enter(f->fs);
	return leave(f->fs, f->fs->type->pwrite(f->fs, f, buf, n, off, f->oflags & O_APPEND));
}

EXO_PUBLIC int exo_file_truncate(struct exo_file *f, off_t size)
{
	if (size < 0)
		return -EINVAL;
	if ((f->oflags & O_ACCMODE) == O_RDONLY)
		return -EINVAL;
	enter(f->fs);
	return leave(f->fs, f->fs->type->truncate(f->fs, f->node, size));
}

EXO_PUBLIC int exo_file_sync(struct exo_file *f)
{
	enter(f->fs);
	return leave(f->fs, f->fs->type->fsync(f->fs, f->node));
}

EXO_PUBLIC ssize_t exo_file_peek(struct exo_file *f, off_t off, const void **data)
{
	if (off < 0)
		return -EINVAL;
	if ((f->oflags & O_ACCMODE) == O_WRONLY)
		return -EBADF;
	enter(f->fs);
	return leave(f->fs, f->fs->type->peek(f->fs, f, off, data));
}

EXO_PUBLIC int exo_file_readdir(struct exo_file *dir, uint64_t cookie, int (*fn)(void *arg, const struct exo_dirent *d),
				void *arg)
{
	if (!S_ISDIR(dir->node->mode))
		return -ENOTDIR;
	enter(dir->fs);
	return leave(dir->fs, dir->fs->type->readdir(dir->fs, dir->node, cookie, fn, arg));
}

/* ---- consistency ---- */

EXO_PUBLIC int exo_fs_check(struct exo_fs *fs, unsigned flags, exo_fs_problem_fn fn, void *arg,
			    struct exo_fs_count *count)
{
	struct exo_fs_count local;

	if (flags & ~EXO_FS_REPAIR)
		return -EINVAL;
	if (flags & EXO_FS_REPAIR && fs->flags & EXO_FS_RDONLY)
		return -EROFS;
	if (!count)
		count = &local;
	memset(count, 0, sizeof(*count));
	enter(fs);
	return leave(fs, fs->type->check(fs, flags, fn, arg, count));
}

EXO_PUBLIC int exo_fs_dump(struct exo_fs *fs, const char *path, exo_fs_line_fn fn, void *arg)
{
	struct exo_node *n;
	int err;

	enter(fs);
	err = exo_walk(fs, path ? path : "/", EXO_WALK_NOFOLLOW, &n);
	if (!err) {
		err = fs->type->dump(fs, n, fn, arg);
		fs->type->put(fs, n);
	}
	return leave(fs, err);
}
