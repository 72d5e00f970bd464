// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * import.c: exoctl import: copies a host tree into a root.
 *
 * What cannot be read on the host is reported and left out, and the command fails in the end. What the file system
 * refuses (space, quota, damage) ends it at once. It can be run again over what is there: files are written anew,
 * directories kept. Times and final modes of a directory are set behind its content, which would change them.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "exoctl.h"
#include "tree.h"

#define CHUNK (1u << 20)

struct import {
	struct tree *src;
	struct exo_fs *fs;
	const char *under; /* in the root */
	struct progress p;
	char *buf;	     /* CHUNK bytes */
	bool owners;	     /* keep uid and gid: only root may */
	char full[PATH_MAX]; /* path in the root of the entry at hand */
};

/* The destination failed: -1 ends the walk. */
static int stop_at(struct import *im, const char *doing, int err)
{
	/* A signal also ends the call under way; what that means is said once, at the end. */
	if (err == -EINTR && stop_asked())
		return -1;
	fs_failed(doing, im->full, err);
	return -1;
}

static int trouble(void *arg, const char *path, int err)
{
	struct import *im = arg;

	im->p.troubled++;
	warn("%s: %s; left out", *path ? path : "the top directory", strerror(-err));
	return 0;
}

/* Each call is a transaction, so those that would change nothing are left out. */
static int set_attributes(struct import *im, const struct stat *st)
{
	const struct timespec ts[2] = {st->st_atim, st->st_mtim};
	struct stat have;
	int err = exo_fs_stat(im->fs, im->full, EXO_FS_NOFOLLOW, &have);

	if (!err && im->owners && (have.st_uid != st->st_uid || have.st_gid != st->st_gid)) {
		err = exo_fs_chown(im->fs, im->full, st->st_uid, st->st_gid, EXO_FS_NOFOLLOW);
		/* A change of owner may take set-id bits away. */
		have.st_mode &= 01777;
	}
	if (!err && !S_ISLNK(st->st_mode) && (have.st_mode & 07777) != (st->st_mode & 07777))
		err = exo_fs_chmod(im->fs, im->full, st->st_mode & 07777);
	return err ? err : exo_fs_utimens(im->fs, im->full, ts, EXO_FS_NOFOLLOW);
}

static int make_dir(struct import *im, const struct stat *st)
{
	/* The importing user must be able to fill it, whatever the mode will be. */
	mode_t mode = (st->st_mode & 0777) | 0700;
	struct stat have;
	int err = exo_fs_mkdir(im->fs, im->full, mode);

	if (err == -EEXIST) {
		err = exo_fs_stat(im->fs, im->full, EXO_FS_NOFOLLOW, &have);
		if (!err && !S_ISDIR(have.st_mode))
			err = -ENOTDIR;
		if (!err && (have.st_mode & 0700) != 0700)
			err = exo_fs_chmod(im->fs, im->full, have.st_mode | 0700);
	}
	im->p.dirs++;
	return err ? stop_at(im, "directory", err) : 0;
}

static int make_link(struct import *im, const char *path, const struct stat *st)
{
	ssize_t n = im->src->ops->readlink(im->src, path, im->buf, PATH_MAX);
	int err;

	if (n < 0 || n >= PATH_MAX)
		return trouble(im, path, n < 0 ? n : -ENAMETOOLONG);
	im->buf[n] = '\0';
	err = exo_fs_symlink(im->fs, im->buf, im->full);
	if (err == -EEXIST) {
		err = exo_fs_unlink(im->fs, im->full);
		if (!err)
			err = exo_fs_symlink(im->fs, im->buf, im->full);
	}
	if (!err)
		err = set_attributes(im, st);
	im->p.links++;
	return err ? stop_at(im, "symbolic link", err) : 0;
}

/* 0; 1: the source could not be read (*read_err); -errno of the destination. */
static int copy_content(struct import *im, struct tree_file *from, struct exo_file *to, int *read_err)
{
	off_t at = 0;

	for (;;) {
		off_t data = im->src->ops->data(from, at);
		ssize_t got, put = 0;

		if (data == -ENXIO)
			break;
		at = data;
		got = im->src->ops->pread(from, im->buf, CHUNK, at);
		if (got < 0) {
			*read_err = got;
			return 1;
		}
		if (!got)
			break;
		while (put < got) {
			ssize_t n = exo_file_pwrite(to, im->buf + put, got - put, at + put);

			if (n <= 0)
				return n ? n : -EIO;
			put += n;
		}
		at += got;
		im->p.bytes += got;
		progress_show(&im->p);
		if (stop_asked())
			return -EINTR;
	}
	return 0;
}

/* Opens the destination anew; a read-only file of an earlier import stands in its owner's way only by its mode. */
static int open_new(struct import *im, const struct stat *st, struct exo_file **to)
{
	int flags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW;
	mode_t mode = (st->st_mode & 0777) | 0600;
	int err = exo_file_open(im->fs, im->full, flags, mode, to);

	if (err != -EACCES && err != -ELOOP)
		return err;
	err = exo_fs_unlink(im->fs, im->full);
	return err ? err : exo_file_open(im->fs, im->full, flags | O_EXCL, mode, to);
}

static int make_file(struct import *im, const char *path, const struct stat *st)
{
	struct tree_file *from;
	struct exo_file *to;
	int err, read_err = 0;

	err = im->src->ops->open(im->src, path, &from);
	if (err)
		return trouble(im, path, err);
	err = open_new(im, st, &to);
	if (err) {
		im->src->ops->close(from);
		return stop_at(im, "file", err);
	}
	err = copy_content(im, from, to, &read_err);
	/* A hole at the end has no data; a file that grew meanwhile keeps what was read. */
	if (!err) {
		struct stat now;

		err = exo_file_stat(to, &now);
		if (!err && now.st_size < st->st_size)
			err = exo_file_truncate(to, st->st_size);
	}
	exo_file_close(to);
	im->src->ops->close(from);
	if (err > 0) {
		exo_fs_unlink(im->fs, im->full);
		return trouble(im, path, read_err);
	}
	if (!err)
		err = set_attributes(im, st);
	im->p.files++;
	return err ? stop_at(im, "file", err) : 0;
}

static int visit(void *arg, const char *path, const struct stat *st)
{
	struct import *im = arg;

	if (stop_asked())
		return -1;
	progress_show(&im->p);
	if (path_join(im->full, im->under, path))
		return trouble(im, path, -ENAMETOOLONG);
	if (S_ISDIR(st->st_mode))
		return make_dir(im, st);
	if (S_ISREG(st->st_mode))
		return make_file(im, path, st);
	if (S_ISLNK(st->st_mode))
		return make_link(im, path, st);
	im->p.skipped++;
	warn("%s: neither file, directory nor symbolic link; left out", path);
	return 0;
}

static int leave(void *arg, const char *path, const struct stat *st)
{
	struct import *im = arg;
	int err;

	if (path_join(im->full, im->under, path))
		return 0;
	err = set_attributes(im, st);
	return err ? stop_at(im, "directory", err) : 0;
}

static int import_tree(struct import *im)
{
	const struct walk w = {.visit = visit, .leave = leave, .trouble = trouble, .arg = im};
	int stop = tree_walk(im->src, &w), err;

	/* What was copied is whole and stays, also after a signal: make it durable. */
	err = exo_fs_sync(im->fs);
	progress_total(&im->p, "imported");
	if (err)
		return fs_failed("sync", "", err);
	if (stop && stop_asked()) {
		fail("interrupted by a signal; what was copied is kept and durable");
		fprintf(stderr, "  what to do: run the same command again; it goes over what is there\n");
		return EXIT_REFUSED;
	}
	return stop || im->p.troubled ? EXIT_REFUSED : EXIT_OK;
}

static int run(const struct args *a)
{
	struct import *im = calloc(1, sizeof(*im));
	struct session s;
	int status, err;

	if (!im || !(im->buf = malloc(CHUNK))) {
		free(im);
		return fail("out of memory");
	}
	err = tree_host(a->v[1], &im->src);
	if (err) {
		status = fail("%s: %s", a->v[1], strerror(-err));
		goto out;
	}
	status = session_open(a, a->v[0], 0, &s);
	if (!status) {
		im->fs = s.fs;
		im->under = s.path;
		im->owners = geteuid() == 0;
		stop_on_signals();
		progress_start(&im->p, opt_given(a, "quiet"));
		status = import_tree(im);
		session_close(&s);
	}
	tree_free(im->src);
out:
	free(im->buf);
	free(im);
	return status;
}

static const struct opt opts[] = {
	{"quiet", 'q', NULL, "no progress on standard error"},
	{NULL},
};

const struct command cmd_import = {
	.name = "import",
	.usage = "DISK:ROOT[/path] SRCDIR",
	.summary = "copy a host tree into a root, and make it durable",
	.more = "Copies files, directories, symbolic links, modes and times, as root also owners. Names that were hard "
		"links\n"
		"become files of their own. A directory lost+found at the top of SRCDIR is left out. After an "
		"interruption the\n"
		"same command goes over what is there. The path in the root must exist.",
	.min = 2,
	.max = 2,
	.opts = opts,
	.run = run,
};
