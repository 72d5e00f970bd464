// SPDX-License-Identifier: GPL-2.0 OR MIT
/* ls.c: exoctl ls, stat. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "exoctl.h"
#include "tree.h"

static const char *type_words(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return "file";
	case S_IFDIR:
		return "directory";
	case S_IFLNK:
		return "symlink";
	}
	return "other";
}

static void mode_letters(mode_t mode, char out[11])
{
	static const char rwx[] = "rwxrwxrwx";

	out[0] = S_ISDIR(mode) ? 'd' : S_ISLNK(mode) ? 'l' : S_ISREG(mode) ? '-' : '?';
	for (int i = 0; i < 9; i++)
		out[1 + i] = mode & (0400 >> i) ? rwx[i] : '-';
	if (mode & S_ISUID)
		out[3] = mode & 0100 ? 's' : 'S';
	if (mode & S_ISGID)
		out[6] = mode & 0010 ? 's' : 'S';
	if (mode & S_ISVTX)
		out[9] = mode & 0001 ? 't' : 'T';
	out[10] = '\0';
}

/* The target of a symbolic link, in a buffer of PATH_MAX; "" when it cannot be read. */
static void target_of(struct exo_fs *fs, const char *path, char *buf)
{
	ssize_t n = exo_fs_readlink(fs, path, buf, PATH_MAX - 1);

	buf[n > 0 ? n : 0] = '\0';
}

static void time_words(const struct timespec *ts, char out[40], bool nanoseconds)
{
	struct tm tm;
	time_t t = ts->tv_sec;

	/* A time from a disk may be one that the calendar does not have. */
	if (!gmtime_r(&t, &tm) || !strftime(out, 40, nanoseconds ? "%Y-%m-%d %H:%M:%S" : "%Y-%m-%d %H:%M", &tm)) {
		snprintf(out, 40, "@%lld", (long long)ts->tv_sec);
		return;
	}
	if (nanoseconds)
		snprintf(out + strlen(out), 16, ".%09ldZ",
			 ts->tv_nsec >= 0 && ts->tv_nsec < 1000000000 ? ts->tv_nsec : 0);
}

static void show(const struct args *a, struct exo_fs *fs, const char *name, const char *path, const struct stat *st)
{
	char letters[11], when[40], target[PATH_MAX];

	if (S_ISLNK(st->st_mode))
		target_of(fs, path, target);
	if (a->json) {
		json_open(NULL, '{');
		json_str("name", name);
		json_str("type", type_words(st->st_mode));
		json_u64("ino", st->st_ino);
		json_u64("mode", st->st_mode & 07777);
		json_u64("uid", st->st_uid);
		json_u64("gid", st->st_gid);
		json_u64("links", st->st_nlink);
		json_u64("size", st->st_size);
		json_u64("blocks", st->st_blocks);
		json_double("mtime", st->st_mtim.tv_sec + st->st_mtim.tv_nsec / 1e9);
		if (S_ISLNK(st->st_mode))
			json_str("target", target);
		json_close();
		return;
	}
	if (!opt_given(a, "long")) {
		print_escaped(name);
		putchar('\n');
		return;
	}
	mode_letters(st->st_mode, letters);
	time_words(&st->st_mtim, when, false);
	printf("%s %3lu %6u %6u %12lld %s ", letters, (unsigned long)st->st_nlink, st->st_uid, st->st_gid,
	       (long long)st->st_size, when);
	print_escaped(name);
	if (S_ISLNK(st->st_mode)) {
		printf(" -> ");
		print_escaped(target);
	}
	putchar('\n');
}

static int list_dir(const struct args *a, struct session *s)
{
	struct names l = {.v = NULL};
	char full[PATH_MAX];
	struct tree *t;
	int status = EXIT_OK, err;

	err = tree_exo(s->fs, s->path, &t);
	if (err)
		return fail("%s", strerror(-err));
	err = t->ops->list(t, "", &l);
	tree_free(t);
	if (err)
		status = fs_failed("ls", a->v[0], err);
	names_sort(&l);
	for (size_t i = 0; i < l.n && !err; i++) {
		struct stat st = {.st_mode = 0};
		int e = path_join(full, s->path, l.v[i]);

		if (!e)
			e = exo_fs_stat(s->fs, full, EXO_FS_NOFOLLOW, &st);
		if (e)
			status = fs_failed("ls", l.v[i], e);
		else
			show(a, s->fs, l.v[i], full, &st);
	}
	names_free(&l);
	return status;
}

static int ls_roots(const struct args *a)
{
	struct exo *x = env_open();
	uint32_t disk;
	int status;

	if (!x)
		return EXIT_REFUSED;
	status = env_disk(x, a->v[0], &disk);
	if (!status)
		status = list_roots(x, disk, a->json);
	exo_close(x);
	return status;
}

static int run_ls(const struct args *a)
{
	struct session s;
	struct stat st;
	int status, err;

	if (!strchr(a->v[0], ':'))
		return ls_roots(a);
	status = session_open(a, a->v[0], EXO_FS_RDONLY, &s);
	if (status)
		return status;
	err = exo_fs_stat(s.fs, fs_path(s.path), EXO_FS_NOFOLLOW, &st);
	if (a->json)
		json_open(NULL, '[');
	if (err)
		status = fs_failed("ls", a->v[0], err);
	else if (S_ISDIR(st.st_mode))
		status = list_dir(a, &s);
	else
		show(a, s.fs, s.path, s.path, &st);
	if (a->json)
		json_close();
	session_close(&s);
	return status;
}

static void stat_text(const struct stat *st, const char *path, const char *target)
{
	char letters[11], at[40], mt[40], ct[40];

	mode_letters(st->st_mode, letters);
	time_words(&st->st_atim, at, true);
	time_words(&st->st_mtim, mt, true);
	time_words(&st->st_ctim, ct, true);
	printf("name      ");
	print_escaped(path);
	if (*target) {
		printf(" -> ");
		print_escaped(target);
	}
	printf("\ntype      %s\nino       %llu\nmode      %s (%04o)\nowner     %u:%u\nlinks     %lu\n",
	       type_words(st->st_mode), (unsigned long long)st->st_ino, letters, st->st_mode & 07777, st->st_uid,
	       st->st_gid, (unsigned long)st->st_nlink);
	printf("size      %lld bytes in %lld blocks of 512\naccessed  %s\nmodified  %s\nchanged   %s\n",
	       (long long)st->st_size, (long long)st->st_blocks, at, mt, ct);
}

static int run_stat(const struct args *a)
{
	char target[PATH_MAX] = "";
	struct session s;
	struct stat st;
	int status, err;

	status = session_open(a, a->v[0], EXO_FS_RDONLY, &s);
	if (status)
		return status;
	err = exo_fs_stat(s.fs, fs_path(s.path), EXO_FS_NOFOLLOW, &st);
	if (err) {
		status = fs_failed("stat", a->v[0], err);
	} else if (a->json) {
		show(a, s.fs, fs_path(s.path), s.path, &st);
	} else {
		if (S_ISLNK(st.st_mode))
			target_of(s.fs, s.path, target);
		stat_text(&st, fs_path(s.path), target);
	}
	session_close(&s);
	return status;
}

static const struct opt ls_opts[] = {
	{"long", 'l', NULL, "mode, links, owner, size and time (UTC)"},
	{NULL},
};

const struct command cmd_ls = {
	.name = "ls",
	.usage = "DISK:ROOT[/path] | DISK",
	.summary = "list a directory; with a disk alone, its roots",
	.min = 1,
	.max = 1,
	.json = true,
	.opts = ls_opts,
	.run = run_ls,
};

const struct command cmd_stat = {
	.name = "stat",
	.usage = "DISK:ROOT[/path]",
	.summary = "all that is known about one file, directory or symbolic link",
	.min = 1,
	.max = 1,
	.json = true,
	.run = run_stat,
};
