// SPDX-License-Identifier: GPL-2.0 OR MIT
/* cat.c: exoctl cat, rm. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "exoctl.h"
#include "tree.h"

static int write_all(const char *buf, size_t n)
{
	while (n) {
		ssize_t put = write(STDOUT_FILENO, buf, n);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -errno;
		buf += put;
		n -= put;
	}
	return 0;
}

static int run_cat(const struct args *a)
{
	static char buf[1 << 18];
	struct exo_file *f;
	struct session s;
	off_t at = 0;
	ssize_t got;
	int status, err;

	status = session_open(a, a->v[0], EXO_FS_RDONLY, &s);
	if (status)
		return status;
	err = exo_file_open(s.fs, fs_path(s.path), O_RDONLY, 0, &f);
	if (err) {
		status = fs_failed("cat", a->v[0], err);
		session_close(&s);
		return status;
	}
	while ((got = exo_file_pread(f, buf, sizeof(buf), at)) > 0) {
		err = write_all(buf, got);
		if (err) {
			status = fail("standard output: %s", strerror(-err));
			break;
		}
		at += got;
	}
	if (got < 0)
		status = fs_failed("cat", a->v[0], got);
	exo_file_close(f);
	session_close(&s);
	return status;
}

/* ---- rm -r: the walk shows directories before and behind their content; only the latter is of use ---- */

struct removal {
	struct exo_fs *fs;
	const char *under;
};

static int rm_one(struct removal *r, const char *path, bool dir)
{
	char full[PATH_MAX];
	int err = path_join(full, r->under, path);

	if (!err)
		err = dir ? exo_fs_rmdir(r->fs, full) : exo_fs_unlink(r->fs, full);
	if (err)
		fs_failed("rm", full, err);
	return err ? -1 : 0;
}

static int rm_visit(void *arg, const char *path, const struct stat *st)
{
	if (stop_asked())
		return -1;
	return S_ISDIR(st->st_mode) ? 0 : rm_one(arg, path, false);
}

static int rm_leave(void *arg, const char *path, const struct stat *st)
{
	(void)st;
	return rm_one(arg, path, true);
}

static int rm_trouble(void *arg, const char *path, int err)
{
	(void)arg;
	fs_failed("rm", path, err);
	return -1;
}

static int rm_below(struct session *s)
{
	struct removal r = {.fs = s->fs, .under = s->path};
	const struct walk w = {.visit = rm_visit, .leave = rm_leave, .trouble = rm_trouble, .arg = &r};
	struct tree *t;
	int err = tree_exo(s->fs, s->path, &t), stop;

	if (err)
		return fail("%s", strerror(-err));
	stop = tree_walk(t, &w);
	tree_free(t);
	return stop ? EXIT_REFUSED : EXIT_OK;
}

static int run_rm(const struct args *a)
{
	struct session s;
	struct stat st;
	int status, err;

	status = session_open(a, a->v[0], 0, &s);
	if (status)
		return status;
	if (!*s.path) {
		status = fail("rm: name something below the root; 'exoctl root-del' removes the whole root");
		goto out;
	}
	err = exo_fs_stat(s.fs, fs_path(s.path), EXO_FS_NOFOLLOW, &st);
	if (!err && S_ISDIR(st.st_mode)) {
		if (opt_given(a, "recursive")) {
			stop_on_signals();
			status = rm_below(&s);
		}
		if (!status)
			err = exo_fs_rmdir(s.fs, s.path);
	} else if (!err) {
		err = exo_fs_unlink(s.fs, s.path);
	}
	if (err)
		status = fs_failed("rm", a->v[0], err);
out:
	session_close(&s);
	return status;
}

static const struct opt rm_opts[] = {
	{"recursive", 'r', NULL, "a directory with all that is in it"},
	{NULL},
};

const struct command cmd_cat = {
	.name = "cat",
	.usage = "DISK:ROOT/path",
	.summary = "copy a file to standard output",
	.min = 1,
	.max = 1,
	.run = run_cat,
};

const struct command cmd_rm = {
	.name = "rm",
	.usage = "DISK:ROOT/path",
	.summary = "remove a file, a symbolic link or an empty directory",
	.more = "Durable after 'exoctl sync'.",
	.min = 1,
	.max = 1,
	.opts = rm_opts,
	.run = run_rm,
};
