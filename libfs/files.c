// SPDX-License-Identifier: GPL-2.0 OR MIT
/* files.c: the public calls on open files and directories. */
#include "call.h"

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

static int open_file(struct exo_fs *fs, const char *path, int oflags, mode_t mode, int mask, struct exo_file *f)
{
	struct exo_node *n;
	int created = open_node(fs, path, oflags, mode, &n), err = 0;

	if (created < 0)
		return created;
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
	if (err)
		fs->type->put(fs, n);
	return err;
}

EXO_PUBLIC int exo_file_open(struct exo_fs *fs, const char *path, int oflags, mode_t mode, struct exo_file **out)
{
	int acc = oflags & O_ACCMODE, mask, err;
	struct exo_file *f;

	*out = NULL;
	if (acc == O_ACCMODE)
		return -EINVAL;
	if ((acc != O_RDONLY || oflags & O_TRUNC) && fs->flags & EXO_FS_RDONLY)
		return -EROFS;
	mask = acc == O_RDONLY ? R_OK : acc == O_WRONLY ? W_OK : R_OK | W_OK;
	if (oflags & O_TRUNC)
		mask |= W_OK;
	f = calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	exo_fs_enter(fs);
	BY_PATH(err, open_file(fs, path, oflags, mode, mask, f));
	if (err)
		free(f);
	else
		*out = f;
	return exo_fs_leave(fs, err);
}

EXO_PUBLIC void exo_file_close(struct exo_file *f)
{
	struct exo_fs *fs;

	if (!f)
		return;
	fs = f->fs;
	exo_fs_enter(fs);
	fs->type->file_close(fs, f);
	fs->type->put(fs, f->node);
	exo_fs_leave(fs, 0);
	free(f->pins);
	free(f);
}

EXO_PUBLIC int exo_file_stat(struct exo_file *f, struct stat *st)
{
	exo_fs_enter(f->fs);
	return exo_fs_leave(f->fs, f->fs->type->getattr(f->fs, f->node, st));
}

EXO_PUBLIC ssize_t exo_file_pread(struct exo_file *f, void *buf, size_t n, off_t off)
{
	if (off < 0)
		return -EINVAL;
	if ((f->oflags & O_ACCMODE) == O_WRONLY)
		return -EBADF;
	exo_fs_enter(f->fs);
	return exo_fs_leave(f->fs, f->fs->type->pread(f->fs, f, buf, n < SSIZE_MAX ? n : SSIZE_MAX, off));
}

EXO_PUBLIC ssize_t exo_file_pwrite(struct exo_file *f, const void *buf, size_t n, off_t off)
{
	if (off < 0)
		return -EINVAL;
	if ((f->oflags & O_ACCMODE) == O_RDONLY)
		return -EBADF;
	exo_fs_enter(f->fs);
	return exo_fs_leave(f->fs, f->fs->type->pwrite(f->fs, f, buf, n, off, f->oflags & O_APPEND));
}

EXO_PUBLIC int exo_file_truncate(struct exo_file *f, off_t size)
{
	if (size < 0)
		return -EINVAL;
	if ((f->oflags & O_ACCMODE) == O_RDONLY)
		return -EINVAL;
	exo_fs_enter(f->fs);
	return exo_fs_leave(f->fs, f->fs->type->truncate(f->fs, f->node, size));
}

EXO_PUBLIC int exo_file_sync(struct exo_file *f)
{
	exo_fs_enter(f->fs);
	return exo_fs_leave(f->fs, f->fs->type->fsync(f->fs, f->node));
}

EXO_PUBLIC ssize_t exo_file_peek(struct exo_file *f, off_t off, const void **data)
{
	if (off < 0)
		return -EINVAL;
	if ((f->oflags & O_ACCMODE) == O_WRONLY)
		return -EBADF;
	exo_fs_enter(f->fs);
	return exo_fs_leave(f->fs, f->fs->type->peek(f->fs, f, off, data));
}

EXO_PUBLIC int exo_file_readdir(struct exo_file *dir, uint64_t cookie, int (*fn)(void *arg, const struct exo_dirent *d),
				void *arg)
{
	if (!S_ISDIR(dir->node->mode))
		return -ENOTDIR;
	exo_fs_enter(dir->fs);
	return exo_fs_leave(dir->fs, dir->fs->type->readdir(dir->fs, dir->node, cookie, fn, arg));
}
