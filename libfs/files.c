// SPDX-License-Identifier: GPL-2.0 OR MIT
/* files.c: the public calls on open files and directories. */
#include "call.h"

#define SPARE_MAX 64

/* ---- handles: those that were closed are used again; under the tree's lock ---- */

static struct exo_file *file_new(struct exo_fs *fs)
{
	struct exo_file *f = fs->spare;

	if (!f)
		return calloc(1, sizeof(*f));
	fs->spare = (struct exo_file *)f->node;
	fs->nspare--;
	*f = (struct exo_file){0};
	return f;
}

static void file_free(struct exo_fs *fs, struct exo_file *f)
{
	if (f->pins)
		free(f->pins);
	if (fs->nspare == SPARE_MAX) {
		free(f);
		return;
	}
	f->node = (struct exo_node *)fs->spare;
	fs->spare = f;
	fs->nspare++;
}

void exo_files_free(struct exo_fs *fs)
{
	struct exo_file *f;

	while ((f = fs->spare)) {
		fs->spare = (struct exo_file *)f->node;
		free(f);
	}
}

/* ---- opening ---- */

/* What opening for these flags asks of a node. */
static int mask_of(int oflags)
{
	int acc = oflags & O_ACCMODE, mask = acc == O_RDONLY ? R_OK : acc == O_WRONLY ? W_OK : R_OK | W_OK;

	return oflags & O_PATH ? 0 : oflags & O_TRUNC ? mask | W_OK : mask;
}

/* May a file be made there? */
static int may_make(struct exo_fs *fs, struct exo_node *dir)
{
	return fs->flags & EXO_FS_RDONLY ? -EROFS
					 : exo_node_may(fs, dir, W_OK | X_OK);
}

/* The node to open: 0, 1 when it was created, or an error. */
static int open_node(struct exo_fs *fs, struct exo_node *at, const char *path, int oflags, mode_t mode,
		     struct exo_node **out)
{
	struct exo_create what = {.mode = S_IFREG | (mode & 07777)};
	struct exo_node *dir, *n = NULL;
	struct exo_walk w;
	int err;

	if (!(oflags & O_CREAT)) {
		err = exo_walk(fs, at, path, oflags & O_NOFOLLOW ? EXO_WALK_NOFOLLOW : 0, out);
		if (!err && S_ISLNK((*out)->mode) && !(oflags & O_PATH)) {
			fs->type->put(fs, *out);
			err = -ELOOP;
		}
		return err;
	}
	for (;;) {
		if (oflags & (O_EXCL | O_NOFOLLOW)) {
			err = exo_walk_last(fs, at, path, oflags & O_EXCL ? -EEXIST : -EISDIR, &w, &dir);
			if (!err && w.slash) {
				fs->type->put(fs, dir);
				err = -EISDIR;
			}
			/* Where it may be made, making it says whether it is there. */
			if (!err && (!(oflags & O_EXCL) || may_make(fs, dir))) {
				err = fs->type->lookup(fs, dir, w.name, &n);
				if (err && err != -ENOENT)
					fs->type->put(fs, dir);
				if (err == -ENOENT)
					err = 0;
			}
		} else {
			err = exo_walk_create(fs, at, path, &w, &dir, &n);
			/* What ends in a slash cannot be created. */
			if (!err && !n && w.slash) {
				fs->type->put(fs, dir);
				err = -EISDIR;
			}
		}
		if (err)
			return err;
		if (n) {
			fs->type->put(fs, dir);
			err = oflags & O_EXCL	     ? -EEXIST
			      : S_ISLNK(n->mode)     ? -ELOOP
			      : S_ISDIR(n->mode)     ? -EISDIR
			      : w.slash		     ? -EISDIR
						     : 0;
			if (err)
				fs->type->put(fs, n);
			else
				*out = n;
			return err;
		}
		err = may_make(fs, dir);
		if (!err)
			err = fs->type->create(fs, dir, w.name, &what, out);
		fs->type->put(fs, dir);
		/* Somebody was quicker: open theirs. */
		if (err == -EEXIST && !(oflags & O_EXCL))
			continue;
		/* The mode given to open does not bind the descriptor that creates. */
		return err ? err : 1;
	}
}

/* A file without a name, in the directory that path names. */
static int open_tmpfile(struct exo_fs *fs, struct exo_node *at, const char *path, mode_t mode, struct exo_node **out)
{
	struct exo_node *dir;
	int err = exo_walk(fs, at, path, 0, &dir);

	if (err)
		return err;
	err = !S_ISDIR(dir->mode) ? -ENOTDIR : !fs->type->tmpfile ? -EOPNOTSUPP : exo_node_may(fs, dir, W_OK | X_OK);
	if (!err)
		err = fs->type->tmpfile(fs, dir, mode & 07777, out);
	fs->type->put(fs, dir);
	return err ? err : 1;
}

/* Opens n, whose reference passes to f; on an error it stays with the caller. */
static int open_found(struct exo_fs *fs, struct exo_node *n, int oflags, bool created, struct exo_file *f)
{
	int mask = mask_of(oflags), err = 0;

	if (oflags & O_DIRECTORY && !S_ISDIR(n->mode))
		err = -ENOTDIR;
	else if (S_ISDIR(n->mode) && mask & W_OK)
		err = -EISDIR;
	else if (!created)
		err = exo_node_may(fs, n, mask);
	if (!err && oflags & O_NOATIME && !(oflags & O_PATH) && !exo_node_owner(fs, n))
		err = -EPERM;
	/* What is behind a fifo, a socket or a device is not in this tree. */
	if (!err && !(oflags & O_PATH) && !S_ISREG(n->mode) && !S_ISDIR(n->mode))
		err = -ENXIO;
	if (!err && oflags & O_TRUNC && !(oflags & O_PATH) && !created)
		err = fs->type->truncate(fs, n, 0);
	f->fs = fs;
	f->node = n;
	f->oflags = oflags & ~(O_CREAT | O_EXCL | O_TRUNC);
	if (!err && !(oflags & O_PATH))
		err = fs->type->file_open(fs, f);
	return err;
}

static int open_file(struct exo_fs *fs, struct exo_node *at, const char *path, int oflags, mode_t mode,
		     struct exo_file *f)
{
	bool tmp = (oflags & O_TMPFILE) == O_TMPFILE;
	struct exo_node *n;
	int got, err;

	if (tmp)
		got = open_tmpfile(fs, at, path, mode, &n);
	else
		got = open_node(fs, at, path, oflags, mode, &n);
	if (got < 0)
		return got;
	err = open_found(fs, n, tmp ? oflags & ~O_TMPFILE : oflags, got, f);
	if (err)
		fs->type->put(fs, n);
	return err;
}

static int flags_ok(const struct exo_fs *fs, int *oflags)
{
	int acc;

	/* O_PATH ignores all others but these. */
	if (*oflags & O_PATH)
		*oflags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	acc = *oflags & O_ACCMODE;
	if ((*oflags & (O_CREAT | O_DIRECTORY)) == (O_CREAT | O_DIRECTORY))
		return -EINVAL;
	if ((*oflags & O_TMPFILE) == O_TMPFILE && (acc == O_RDONLY || *oflags & O_CREAT))
		return -EINVAL;
	if ((acc != O_RDONLY || *oflags & O_TRUNC) && fs->flags & EXO_FS_RDONLY)
		return -EROFS;
	return 0;
}

static __attribute__((noinline)) int open_slowly(struct exo_fs *fs, struct exo_node *at, const char *path, int oflags,
						 mode_t mode, struct exo_file **out)
{
	int err = flags_ok(fs, &oflags);
	struct exo_file *f;

	*out = NULL;
	if (err)
		return err;
	exo_fs_enter(fs);
	f = file_new(fs);
	if (!f)
		return exo_fs_leave(fs, -ENOMEM);
	BY_PATH(err, open_file(fs, at, path, oflags, mode, f));
	if (err)
		file_free(fs, f);
	else
		*out = f;
	return exo_fs_leave(fs, err);
}

/* Bits with which opening a file for reading asks no more than to find it. */
#define PLAIN (O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_LARGEFILE)

/* A file that was opened before, with nothing changed on the way to it since; everything else the long way. */
static inline int open_at(struct exo_fs *fs, struct exo_node *at, const char *path, int oflags, mode_t mode,
			  struct exo_file **out)
{
	struct exo_node *n;
	struct exo_file *f;

	if (oflags & ~PLAIN || !path || !fs->type->open_known)
		return open_slowly(fs, at, path, oflags, mode, out);
	exo_fs_enter(fs);
	n = fs->spare ? fs->type->open_known(fs, at, path, strlen(path)) : NULL;
	if (!n) {
		exo_fs_unlock(&fs->lock);
		return open_slowly(fs, at, path, oflags, mode, out);
	}
	f = fs->spare;
	fs->spare = (struct exo_file *)f->node;
	fs->nspare--;
	*f = (struct exo_file){.fs = fs, .node = n, .oflags = oflags};
	*out = f;
	exo_fs_unlock(&fs->lock);
	return 0;
}

EXO_PUBLIC int exo_at_open(struct exo_fs *fs, struct exo_file *at, const char *path, int oflags, mode_t mode,
			   struct exo_file **out)
{
	return open_at(fs, at_node(at), path, oflags, mode, out);
}

EXO_PUBLIC int exo_at_open_within(struct exo_fs *fs, struct exo_file *at, const char *path, int oflags, mode_t mode,
				  unsigned resolve, struct exo_file **out)
{
	const unsigned all =
		EXO_RESOLVE_NO_XDEV | EXO_RESOLVE_NO_SYMLINKS | EXO_RESOLVE_BENEATH | EXO_RESOLVE_IN_ROOT;
	struct exo_confine c = {.how = resolve};
	int err;

	*out = NULL;
	if (resolve & ~all || (resolve & EXO_RESOLVE_BENEATH && resolve & EXO_RESOLVE_IN_ROOT))
		return -EINVAL;
	exo_fs_lock(&fs->lock);
	c.top = fs->type->top(fs);
	if (at) {
		fs->type->put(fs, c.top);
		c.top = at->node;
		c.top->refs++;
	}
	fs->confine = &c;
	err = open_slowly(fs, at_node(at), path, oflags, mode, out);
	fs->confine = NULL;
	fs->type->put(fs, c.top);
	exo_fs_unlock(&fs->lock);
	return err;
}

EXO_PUBLIC int exo_file_open(struct exo_fs *fs, const char *path, int oflags, mode_t mode, struct exo_file **out)
{
	return open_at(fs, NULL, path, oflags, mode, out);
}

EXO_PUBLIC int exo_file_reopen(struct exo_file *old, int oflags, struct exo_file **out)
{
	struct exo_fs *fs = old->fs;
	struct exo_file *f;
	int err;

	*out = NULL;
	if (oflags & (O_CREAT | O_EXCL) || (oflags & O_TMPFILE) == O_TMPFILE)
		return -EINVAL;
	err = flags_ok(fs, &oflags);
	if (err)
		return err;
	exo_fs_enter(fs);
	f = file_new(fs);
	if (!f)
		return exo_fs_leave(fs, -ENOMEM);
	err = S_ISLNK(old->node->mode) && !(oflags & O_PATH) ? -ELOOP : open_found(fs, old->node, oflags, false, f);
	if (err) {
		file_free(fs, f);
	} else {
		old->node->refs++;
		*out = f;
	}
	return exo_fs_leave(fs, err);
}

EXO_PUBLIC int exo_file_by_ino(struct exo_fs *fs, uint64_t ino, int oflags, struct exo_file **out)
{
	struct exo_node *n = NULL;
	struct exo_file *f;
	int err;

	*out = NULL;
	if (oflags & (O_CREAT | O_EXCL) || (oflags & O_TMPFILE) == O_TMPFILE)
		return -EINVAL;
	err = flags_ok(fs, &oflags);
	if (err)
		return err;
	if (!fs->type->by_ino)
		return -EOPNOTSUPP;
	exo_fs_enter(fs);
	f = file_new(fs);
	if (!f)
		return exo_fs_leave(fs, -ENOMEM);
	err = fs->type->by_ino(fs, ino, &n);
	if (!err)
		err = S_ISLNK(n->mode) && !(oflags & O_PATH) ? -ELOOP : open_found(fs, n, oflags, false, f);
	if (err) {
		if (n)
			fs->type->put(fs, n);
		file_free(fs, f);
	} else {
		*out = f;
	}
	return exo_fs_leave(fs, err);
}

EXO_PUBLIC void exo_file_close(struct exo_file *f)
{
	struct exo_fs *fs;

	if (!f)
		return;
	fs = f->fs;
	exo_fs_enter(fs);
	if (f->oflags & O_PATH)
		fs->type->put(fs, f->node);
	else
		fs->type->file_close(fs, f);
	file_free(fs, f);
	exo_fs_unlock(&fs->lock);
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
	if (f->oflags & (O_WRONLY | O_PATH))
		return -EBADF;
	exo_fs_enter(f->fs);
	return exo_fs_leave(f->fs, f->fs->type->pread(f->fs, f, buf, n < SSIZE_MAX ? n : SSIZE_MAX, off));
}

static bool writable(const struct exo_file *f)
{
	int acc = f->oflags & O_ACCMODE;

	return (acc == O_WRONLY || acc == O_RDWR) && !(f->oflags & O_PATH);
}

EXO_PUBLIC ssize_t exo_file_pwrite(struct exo_file *f, const void *buf, size_t n, off_t off)
{
	if (off < 0)
		return -EINVAL;
	if (!writable(f))
		return -EBADF;
	exo_fs_enter(f->fs);
	return exo_fs_leave(f->fs, f->fs->type->pwrite(f->fs, f, buf, n, off, f->oflags & O_APPEND));
}

EXO_PUBLIC ssize_t exo_file_append(struct exo_file *f, const void *buf, size_t n, off_t *end)
{
	struct stat st;
	ssize_t put;
	int err;

	if (!writable(f))
		return -EBADF;
	exo_fs_enter(f->fs);
	put = f->fs->type->pwrite(f->fs, f, buf, n, 0, true);
	if (put >= 0 && end) {
		err = f->fs->type->getattr(f->fs, f->node, &st);
		if (err)
			put = err;
		else
			*end = st.st_size;
	}
	return exo_fs_leave(f->fs, put);
}

EXO_PUBLIC int exo_file_truncate(struct exo_file *f, off_t size)
{
	if (size < 0)
		return -EINVAL;
	if (!writable(f))
		return -EINVAL;
	exo_fs_enter(f->fs);
	return exo_fs_leave(f->fs, f->fs->type->truncate(f->fs, f->node, size));
}

EXO_PUBLIC int exo_file_fallocate(struct exo_file *f, int mode, off_t off, off_t len)
{
	const int keep = FALLOC_FL_KEEP_SIZE;

	if (off < 0 || len <= 0)
		return -EINVAL;
	if (off > INT64_MAX - len)
		return -EFBIG;
	if (mode & ~keep && mode != (FALLOC_FL_PUNCH_HOLE | keep) && (mode & ~keep) != FALLOC_FL_ZERO_RANGE)
		return -EOPNOTSUPP;
	if (!writable(f))
		return -EBADF;
	if (!S_ISREG(f->node->mode))
		return -ENODEV;
	if (!f->fs->type->fallocate)
		return -EOPNOTSUPP;
	exo_fs_enter(f->fs);
	return exo_fs_leave(f->fs, f->fs->type->fallocate(f->fs, f->node, mode, off, len));
}

/* Without holes: all of the file is data, and its end is the one hole. */
static off_t seek_whole(struct exo_file *f, off_t off, int whence)
{
	struct stat st;
	int err = f->fs->type->getattr(f->fs, f->node, &st);

	return err ? err : off >= st.st_size ? -ENXIO : whence == SEEK_DATA ? off : st.st_size;
}

EXO_PUBLIC off_t exo_file_seek(struct exo_file *f, off_t off, int whence)
{
	if (whence != SEEK_DATA && whence != SEEK_HOLE)
		return -EINVAL;
	if (f->oflags & O_PATH)
		return -EBADF;
	if (off < 0)
		return -ENXIO;
	if (!S_ISREG(f->node->mode))
		return -EINVAL;
	exo_fs_enter(f->fs);
	return exo_fs_leave(f->fs, f->fs->type->seek ? f->fs->type->seek(f->fs, f->node, off, whence)
						     : seek_whole(f, off, whence));
}

EXO_PUBLIC int exo_file_extents(struct exo_file *f, off_t off, off_t len, unsigned flags, exo_file_extent_fn fn,
				void *arg)
{
	if (off < 0 || len < 0 || len > INT64_MAX - off || flags & ~EXO_EXTENTS_ALLOC ||
	    (!fn && !(flags & EXO_EXTENTS_ALLOC)))
		return -EINVAL;
	if (f->oflags & O_PATH || (flags & EXO_EXTENTS_ALLOC && !writable(f)))
		return -EBADF;
	if (!S_ISREG(f->node->mode))
		return -ENODEV;
	if (flags & EXO_EXTENTS_ALLOC && f->fs->flags & EXO_FS_RDONLY)
		return -EROFS;
	if (!f->fs->type->extents)
		return -EOPNOTSUPP;
	if (!len)
		return 0;
	exo_fs_enter(f->fs);
	return exo_fs_leave(f->fs, f->fs->type->extents(f->fs, f, off, len, flags, fn, arg));
}

EXO_PUBLIC int exo_file_flush(struct exo_file *f)
{
	if (f->oflags & O_PATH)
		return -EBADF;
	if (!f->fs->type->flush)
		return 0;
	exo_fs_enter(f->fs);
	return exo_fs_leave(f->fs, f->fs->type->flush(f->fs, f->node));
}

static int sync_file(struct exo_file *f, bool data)
{
	if (f->oflags & O_PATH)
		return -EBADF;
	exo_fs_enter(f->fs);
	return exo_fs_leave(f->fs, f->fs->type->fsync(f->fs, f->node, data));
}

EXO_PUBLIC int exo_file_sync(struct exo_file *f)
{
	return sync_file(f, false);
}

EXO_PUBLIC int exo_file_datasync(struct exo_file *f)
{
	return sync_file(f, true);
}

EXO_PUBLIC int exo_file_flags(const struct exo_file *f)
{
	return f->oflags;
}

EXO_PUBLIC int exo_file_setflags(struct exo_file *f, int oflags)
{
	exo_fs_enter(f->fs);
	f->oflags = (f->oflags & ~O_APPEND) | (oflags & O_APPEND);
	return exo_fs_leave(f->fs, 0);
}

EXO_PUBLIC ssize_t exo_file_peek(struct exo_file *f, off_t off, const void **data)
{
	if (off < 0)
		return -EINVAL;
	if (f->oflags & (O_WRONLY | O_PATH))
		return -EBADF;
	exo_fs_enter(f->fs);
	return exo_fs_leave(f->fs, f->fs->type->peek(f->fs, f, off, data));
}

EXO_PUBLIC int exo_file_readdir(struct exo_file *dir, uint64_t cookie, int (*fn)(void *arg, const struct exo_dirent *d),
				void *arg)
{
	if (dir->oflags & O_PATH)
		return -EBADF;
	if (!S_ISDIR(dir->node->mode))
		return -ENOTDIR;
	exo_fs_enter(dir->fs);
	return exo_fs_leave(dir->fs, dir->fs->type->readdir(dir->fs, dir->node, cookie, fn, arg));
}
