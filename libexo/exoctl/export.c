// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * export.c: exoctl export: copies a tree out of a root to the host. The tree is hostile: names were checked by the
 * walk, everything is created new below the destination's descriptor without following a link, and set-id bits are
 * dropped unless the caller owns the root or asks for them.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "exoctl.h"
#include "tree.h"

#define CHUNK (1u << 20)

struct export
{
	struct tree *src;
	int top; /* destination */
	struct progress p;
	char *buf;
	mode_t mask; /* mode bits that are kept */
	bool owners;
};

static int trouble(void *arg, const char *path, int err)
{
	struct export *ex = arg;

	ex->p.troubled++;
	fs_failed("left out:", *path ? path : "the top directory", err);
	return 0;
}

static int host_error(const char *path, int err)
{
	fail("%s: %s", path, strerror(err));
	return -1;
}

/* The directory that holds `path`, and its last component. A descriptor, or -1 with errno. */
static int parent_of(struct export *ex, const char *path, const char **last)
{
	struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
			       .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX] = ".";

	*last = slash ? slash + 1 : path;
	if (slash) {
		memcpy(dir, path, slash - path);
		dir[slash - path] = '\0';
	}
	return syscall(SYS_openat2, ex->top, dir, &how, sizeof(how));
}

static int set_attributes(struct export *ex, int dir, const char *name, const struct stat *st)
{
	const struct timespec ts[2] = {st->st_atim, st->st_mtim};

	if (ex->owners && fchownat(dir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW))
		return -1;
	/* What it is was made by this process a moment ago; a link has no mode. */
	if (!S_ISLNK(st->st_mode) && fchmodat(dir, name, st->st_mode & ex->mask, 0))
		return -1;
	return utimensat(dir, name, ts, AT_SYMLINK_NOFOLLOW);
}

/* 0; 1: the source failed (*read_err); -1 with errno: the host failed. */
static int copy_content(struct export *ex, struct tree_file *from, int to, off_t size, int *read_err)
{
	off_t at = 0;

	while (at < size) {
		size_t want = size - at < CHUNK ? size - at : CHUNK;
		ssize_t got = ex->src->ops->pread(from, ex->buf, want, at), put = 0;

		if (got <= 0) {
			*read_err = got;
			return got ? 1 : 0;
		}
		while (put < got) {
			ssize_t n = pwrite(to, ex->buf + put, got - put, at + put);

			if (n < 0)
				return -1;
			put += n;
		}
		at += got;
		ex->p.bytes += got;
		progress_show(&ex->p);
	}
	return 0;
}

static int make_file(struct export *ex, int dir, const char *name, const char *path, const struct stat *st)
{
	struct tree_file *from;
	int fd, err, read_err = 0;

	err = ex->src->ops->open(ex->src, path, &from);
	if (err)
		return trouble(ex, path, err);
	fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0) {
		err = errno;
		ex->src->ops->close(from);
		return host_error(path, err);
	}
	err = copy_content(ex, from, fd, st->st_size, &read_err);
	if (err < 0)
		read_err = errno;
	if (close(fd) && !err) {
		err = -1;
		read_err = errno;
	}
	ex->src->ops->close(from);
	if (err)
		unlinkat(dir, name, 0);
	if (err > 0)
		return trouble(ex, path, read_err);
	if (err < 0)
		return host_error(path, read_err);
	ex->p.files++;
	return set_attributes(ex, dir, name, st) ? host_error(path, errno) : 0;
}

static int make_link(struct export *ex, int dir, const char *name, const char *path, const struct stat *st)
{
	ssize_t n = ex->src->ops->readlink(ex->src, path, ex->buf, PATH_MAX);

	if (n < 0 || n >= PATH_MAX)
		return trouble(ex, path, n < 0 ? n : -ENAMETOOLONG);
	ex->buf[n] = '\0';
	if (symlinkat(ex->buf, dir, name) || set_attributes(ex, dir, name, st))
		return host_error(path, errno);
	ex->p.links++;
	return 0;
}

static int visit(void *arg, const char *path, const struct stat *st)
{
	struct export *ex = arg;
	const char *name;
	int dir, stop = 0;

	if (stop_asked())
		return -1;
	progress_show(&ex->p);
	dir = parent_of(ex, path, &name);
	if (dir < 0)
		return host_error(path, errno);
	if (S_ISDIR(st->st_mode)) {
		ex->p.dirs++;
		stop = mkdirat(dir, name, 0700) ? host_error(path, errno) : 0;
	} else if (S_ISREG(st->st_mode)) {
		stop = make_file(ex, dir, name, path, st);
	} else if (S_ISLNK(st->st_mode)) {
		stop = make_link(ex, dir, name, path, st);
	} else {
		ex->p.skipped++;
	}
	close(dir);
	return stop;
}

static int leave(void *arg, const char *path, const struct stat *st)
{
	struct export *ex = arg;
	const char *name;
	int dir = parent_of(ex, path, &name), err = 0;

	if (dir < 0)
		return host_error(path, errno);
	if (set_attributes(ex, dir, name, st))
		err = host_error(path, errno);
	close(dir);
	return err;
}

/* An empty directory, made if need be; only there can nothing of the host's be touched. */
static int open_empty(const char *path, int *out)
{
	struct names l = {.v = NULL};
	struct tree *t;
	bool empty;
	int err;

	if (mkdir(path, 0777) && errno != EEXIST)
		return fail("%s: %s", path, strerror(errno));
	err = tree_host(path, &t);
	if (err)
		return fail("%s: %s", path, strerror(-err));
	err = t->ops->list(t, "", &l);
	tree_free(t);
	empty = !l.n;
	names_free(&l);
	if (err)
		return fail("%s: %s", path, strerror(-err));
	if (!empty)
		return fail("%s is not empty; name a new directory", path);
	*out = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *out < 0 ? fail("%s: %s", path, strerror(errno)) : EXIT_OK;
}

static int export_tree(struct export *ex, struct session *s)
{
	const struct walk w = {.visit = visit, .leave = leave, .trouble = trouble, .arg = ex};
	int stop, err = tree_exo(s->fs, s->path, &ex->src);

	if (err)
		return fail("%s", strerror(-err));
	stop = tree_walk(ex->src, &w);
	tree_free(ex->src);
	progress_total(&ex->p, "exported");
	if (stop && stop_asked())
		return fail("interrupted by a signal; the copy is not complete");
	return stop || ex->p.troubled ? EXIT_REFUSED : EXIT_OK;
}

/* Before anything is made on the host. */
static int check_source(struct session *s)
{
	struct stat st;
	int err = exo_fs_stat(s->fs, fs_path(s->path), EXO_FS_NOFOLLOW, &st);

	if (!err && !S_ISDIR(st.st_mode))
		err = -ENOTDIR;
	return err ? fs_failed("export", fs_path(s->path), err) : EXIT_OK;
}

/* Whoever wrote the tree chose its set-id bits; they mean no harm to the one who wrote it. */
static bool is_own(const struct session *s)
{
	struct exo_root_get r;
	const struct exo_cap *o = &r.out_owner;

	return !exo_root_find(s->x, s->disk, s->root, &r, NULL) && o->depth == 2 && o->name[0] == EXO_CAP_NS_UID &&
	       o->name[1] == geteuid();
}

static int run(const struct args *a)
{
	struct export ex = {.top = -1};
	struct session s;
	int status;

	ex.owners = geteuid() == 0;
	ex.buf = malloc(CHUNK);
	if (!ex.buf)
		return fail("out of memory");
	status = session_open(a, a->v[0], EXO_FS_RDONLY, &s);
	if (!status) {
		ex.mask = opt_given(a, "set-id") || is_own(&s) ? 07777 : 01777;
		status = check_source(&s);
		if (!status)
			status = open_empty(a->v[1], &ex.top);
		if (!status) {
			stop_on_signals();
			progress_start(&ex.p, opt_given(a, "quiet"));
			status = export_tree(&ex, &s);
			close(ex.top);
		}
		session_close(&s);
	}
	free(ex.buf);
	return status;
}

static const struct opt opts[] = {
	{"quiet", 'q', NULL, "no progress on standard error"},
	{"set-id", 0, NULL, "keep set-user-id and set-group-id bits of another user's tree"},
	{NULL},
};

const struct command cmd_export = {
	.name = "export",
	.usage = "DISK:ROOT[/path] DSTDIR",
	.summary = "copy a tree out of a root into a new or empty host directory",
	.more = "Copies files, directories, symbolic links, modes and times, as root also owners. The disk may have "
		"been\n"
		"written by anybody: set-id bits are dropped unless the caller owns the root or --set-id is given.",
	.min = 2,
	.max = 2,
	.opts = opts,
	.run = run,
};
