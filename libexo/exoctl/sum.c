// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * sum.c: exoctl sum: a manifest of a tree, the same for a root and for a host directory, so that diff compares them.
 *
 * One line an entry, sorted by path as bytes, the top left out: SHA-256 (of a file's content; else "-"), type and
 * mode in octal, size (of a file; else "-"), path, and for a symbolic link " -> " and its target. Control characters
 * and backslash in names are written as \ooo.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "exoctl.h"
#include "sha256.h"
#include "tree.h"

#define CHUNK (1u << 18)

struct line {
	char *path;
	char *target; /* or NULL */
	char hash[65];
	mode_t mode;
	uint64_t size;
};

struct sum {
	struct tree *tree;
	struct line *v;
	size_t n, room;
	char *buf;
	struct sha256 *md;
	uint64_t troubled;
	bool on_host;
};

static int trouble(void *arg, const char *path, int err)
{
	struct sum *s = arg;

	s->troubled++;
	if (s->on_host)
		warn("%s: %s", *path ? path : "the top directory", strerror(-err));
	else
		fs_failed("sum", path, err);
	return 0;
}

static int hash_file(struct sum *s, const char *path, struct line *l)
{
	unsigned char digest[SHA256_BYTES];
	struct tree_file *f;
	ssize_t got;
	off_t at = 0;
	int err;

	err = s->tree->ops->open(s->tree, path, &f);
	if (err)
		return err;
	err = sha256_begin(s->md) ? 0 : -ENOMEM;
	while (!err && (got = s->tree->ops->pread(f, s->buf, CHUNK, at)) != 0) {
		if (got < 0)
			err = got;
		else if (!sha256_add(s->md, s->buf, got))
			err = -EIO;
		else
			at += got;
	}
	s->tree->ops->close(f);
	if (!err && !sha256_end(s->md, digest))
		err = -EIO;
	for (unsigned int i = 0; !err && i < sizeof(digest); i++)
		sprintf(l->hash + 2 * i, "%02x", digest[i]);
	/* What was hashed, which is also the size unless the file changed meanwhile. */
	l->size = at;
	return err;
}

static int read_target(struct sum *s, const char *path, struct line *l)
{
	ssize_t n = s->tree->ops->readlink(s->tree, path, s->buf, PATH_MAX);

	if (n < 0)
		return n;
	if (n >= PATH_MAX)
		return -ENAMETOOLONG;
	s->buf[n] = '\0';
	l->target = strdup(s->buf);
	return l->target ? 0 : -ENOMEM;
}

static int visit(void *arg, const char *path, const struct stat *st)
{
	struct sum *s = arg;
	struct line *l;
	int err = 0;

	if (stop_asked())
		return -1;
	if (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode) && !S_ISLNK(st->st_mode))
		return 0;
	if (s->n == s->room) {
		size_t room = s->room ? 2 * s->room : 1024;
		struct line *v = realloc(s->v, room * sizeof(*v));

		if (!v)
			return trouble(s, path, -ENOMEM);
		s->v = v;
		s->room = room;
	}
	l = &s->v[s->n];
	*l = (struct line){.path = strdup(path), .mode = st->st_mode};
	if (!l->path)
		return trouble(s, path, -ENOMEM);
	strcpy(l->hash, "-");
	/* The mode of a symbolic link is not the same everywhere and means nothing. */
	if (S_ISLNK(st->st_mode))
		l->mode = S_IFLNK | 0777;
	if (S_ISREG(st->st_mode))
		err = hash_file(s, path, l);
	else if (S_ISLNK(st->st_mode))
		err = read_target(s, path, l);
	if (err) {
		free(l->path);
		return trouble(s, path, err);
	}
	s->n++;
	return 0;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct line *)a)->path, ((const struct line *)b)->path);
}

static void print_lines(struct sum *s)
{
	if (s->n)
		qsort(s->v, s->n, sizeof(*s->v), by_path);
	for (size_t i = 0; i < s->n; i++) {
		struct line *l = &s->v[i];

		printf("%s %06o ", l->hash, l->mode);
		if (S_ISREG(l->mode))
			printf("%" PRIu64 " ", l->size);
		else
			printf("- ");
		print_escaped(l->path);
		if (l->target) {
			printf(" -> ");
			print_escaped(l->target);
		}
		putchar('\n');
	}
}

static int sum_tree(struct sum *s)
{
	const struct walk w = {.visit = visit, .trouble = trouble, .arg = s};
	int stop;

	s->buf = malloc(CHUNK > PATH_MAX ? CHUNK : PATH_MAX + 1);
	s->md = sha256_new();
	if (!s->buf || !s->md) {
		stop = s->buf ? fail("SHA-256 needs libcrypto.so.3 (Debian: libssl3)") : fail("out of memory");
	} else {
		stop_on_signals();
		stop = tree_walk(s->tree, &w);
		if (stop)
			stop = fail("interrupted; the manifest is not printed");
		else
			print_lines(s);
	}
	if (!stop && s->troubled)
		stop = fail("%" PRIu64 " entries could not be read; the manifest lacks them", s->troubled);
	for (size_t i = 0; i < s->n; i++) {
		free(s->v[i].path);
		free(s->v[i].target);
	}
	free(s->v);
	free(s->buf);
	sha256_free(s->md);
	tree_free(s->tree);
	return stop;
}

static int run(const struct args *a)
{
	struct sum sum = {.on_host = opt_given(a, "host")};
	struct session s;
	int status, err;

	if (sum.on_host) {
		err = tree_host(a->v[0], &sum.tree);
		return err ? fail("%s: %s", a->v[0], strerror(-err)) : sum_tree(&sum);
	}
	status = session_open(a, a->v[0], EXO_FS_RDONLY, &s);
	if (status)
		return status;
	err = tree_exo(s.fs, s.path, &sum.tree);
	status = err ? fail("%s", strerror(-err)) : sum_tree(&sum);
	session_close(&s);
	return status;
}

static const struct opt opts[] = {
	{"host", 0, NULL, "the operand is a directory of the host"},
	{NULL},
};

const struct command cmd_sum = {
	.name = "sum",
	.usage = "DISK:ROOT[/path] | --host DIR",
	.summary = "a manifest of a tree: SHA-256, mode, size and path of every entry",
	.more = "The manifest of a root and of a host directory with the same content are equal byte for byte. Times "
		"and owners\n"
		"are not in it. A directory lost+found at the top of a host tree is left out.",
	.min = 1,
	.max = 1,
	.opts = opts,
	.run = run,
};
