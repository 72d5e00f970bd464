// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * exo.c: documents in a libFS tree. peek gives the cached frame itself: the bytes go from the exo cache to the socket
 * without passing through a buffer of the server's.
 *
 * The libFS keeps every frame bound that was peeked, until its file is closed, and a process may have so many bound and
 * no more. So the documents share a budget: beyond it the libFS file of the one peeked longest ago is closed, at a
 * moment when no address is in use, and opened again when its turn comes. If it is another file by then, or in another
 * state, that document is at its end: half of one behind half of the other would be neither.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libexo.h>
#include <libexo-fs.h>
#include "store.h"

#define PEEK_LIMIT 1024u /* frames, 4 MiB */
#define PATH_ROOM 8192u

struct exo_doc;

struct exo_store {
	struct store store;
	struct exo *exo;
	struct exo_fs *fs;
	uint64_t bound, budget;	      /* frames peeked in open files, at most; how many are allowed to stay so */
	struct exo_doc *first, *last; /* those with frames, the one peeked longest ago first */
	char prefix[1024];	      /* subtree to serve: "" or "a/b/" */
	char path[PATH_ROOM];	      /* of the call under way */
};

struct exo_doc {
	struct store_file file;
	struct exo_store *s;
	struct exo_file *f;	     /* NULL: closed for now */
	uint64_t bound;		     /* frames, at most: peeks since it was opened, and never more than it has blocks */
	struct exo_doc *next, *prev; /* in the store's list, if bound */
	char path[];		     /* with the prefix */
};

static void unlist(struct exo_doc *d)
{
	*(d->prev ? &d->prev->next : &d->s->first) = d->next;
	*(d->next ? &d->next->prev : &d->s->last) = d->prev;
}

static void enlist(struct exo_doc *d)
{
	d->next = NULL;
	d->prev = d->s->last;
	*(d->s->last ? &d->s->last->next : &d->s->first) = d;
	d->s->last = d;
}

/* Close the libFS file and give its frames back; the document stays. */
static void release(struct exo_doc *d)
{
	if (d->bound) {
		unlist(d);
		d->s->bound -= d->bound;
		d->bound = 0;
	}
	if (d->f)
		exo_file_close(d->f);
	d->f = NULL;
}

static const char *full(struct exo_store *s, const char *path)
{
	int n = snprintf(s->path, sizeof(s->path), "%s%s", s->prefix, path);

	if (n < 0 || (size_t)n >= sizeof(s->path))
		return NULL;
	return n ? s->path : ".";
}

static int exo_stat_(struct store *store, const char *path, struct stat *st)
{
	struct exo_store *s = (struct exo_store *)store;
	const char *p = full(s, path);

	return p ? exo_fs_stat(s->fs, p, 0, st) : -ENAMETOOLONG;
}

static int open_regular(struct exo_store *s, const char *path, struct exo_file **f, struct stat *st)
{
	int err = exo_file_open(s->fs, path, O_RDONLY, 0, f);

	if (err < 0)
		return err;
	err = exo_file_stat(*f, st);
	if (!err && !S_ISREG(st->st_mode))
		err = S_ISDIR(st->st_mode) ? -EISDIR : -EACCES;
	/* A size below zero can only come from a damaged tree. */
	if (!err && st->st_size < 0)
		err = -EUCLEAN;
	if (err)
		exo_file_close(*f);
	return err;
}

static int exo_open_(struct store *store, const char *path, struct store_file **out)
{
	struct exo_store *s = (struct exo_store *)store;
	const char *p = full(s, path);
	struct exo_doc *d;
	int err;

	if (!p)
		return -ENAMETOOLONG;
	d = calloc(1, sizeof(*d) + strlen(p) + 1);
	if (!d)
		return -ENOMEM;
	d->file.ops = store->ops;
	d->s = s;
	strcpy(d->path, p);
	err = open_regular(s, d->path, &d->f, &d->file.st);
	if (err) {
		free(d);
		return err;
	}
	*out = &d->file;
	return 0;
}

/* Open the libFS file again if it was closed. */
static int revive(struct exo_doc *d)
{
	struct stat st;
	int err;

	if (d->f)
		return 0;
	err = open_regular(d->s, d->path, &d->f, &st);
	if (err) {
		d->f = NULL;
		return err == -ENOENT ? -ESTALE : err;
	}
	if (!store_same(&st, &d->file.st)) {
		exo_file_close(d->f);
		d->f = NULL;
		return -ESTALE;
	}
	return 0;
}

static ssize_t exo_peek_(struct store_file *file, uint64_t off, const void **data)
{
	struct exo_doc *d = (struct exo_doc *)file;
	int err = revive(d);

	if (err)
		return err;
	if (d->bound)
		unlist(d);
	if (d->bound * EXO_BLOCK_SIZE < (uint64_t)d->file.st.st_size || !d->bound) {
		d->bound++;
		d->s->bound++;
	}
	enlist(d);
	return exo_file_peek(d->f, (off_t)off, data);
}

static void exo_done_(struct store_file *file)
{
	struct exo_store *s = ((struct exo_doc *)file)->s;

	while (s->bound > s->budget)
		release(s->first);
}

static void exo_lost_(struct store_file *file)
{
	release((struct exo_doc *)file);
}

static ssize_t exo_read_(struct store_file *file, void *buf, size_t n, uint64_t off)
{
	struct exo_doc *d = (struct exo_doc *)file;
	int err = revive(d);

	return err ? err : exo_file_pread(d->f, buf, n, (off_t)off);
}

static void exo_close_(struct store_file *file)
{
	struct exo_doc *d = (struct exo_doc *)file;

	release(d);
	free(d);
}

struct listing {
	int (*fn)(void *arg, const char *name, bool directory);
	void *arg;
};

static int list_one(void *arg, const struct exo_dirent *e)
{
	struct listing *l = arg;

	return l->fn(l->arg, e->name, S_ISDIR(e->type));
}

static int exo_list_(struct store *store, const char *path, int (*fn)(void *arg, const char *name, bool directory),
		     void *arg)
{
	struct exo_store *s = (struct exo_store *)store;
	struct listing l = {fn, arg};
	const char *p = full(s, path);
	struct exo_file *dir;
	int err;

	if (!p)
		return -ENAMETOOLONG;
	err = exo_file_open(s->fs, p, O_RDONLY | O_DIRECTORY, 0, &dir);
	if (err < 0)
		return err;
	err = exo_file_readdir(dir, 0, list_one, &l);
	exo_file_close(dir);
	return err;
}

static void exo_destroy_(struct store *store)
{
	struct exo_store *s = (struct exo_store *)store;

	exo_fs_close(s->fs);
	exo_close(s->exo);
	free(s);
}

static const struct store_ops exo_ops = {
	.name = "exo",
	.peek_how = "cache frames",
	.open = exo_open_,
	.stat = exo_stat_,
	.peek = exo_peek_,
	.done = exo_done_,
	.lost = exo_lost_,
	.read = exo_read_,
	.close = exo_close_,
	.list = exo_list_,
	.destroy = exo_destroy_,
};

static void explain(char error[STORE_ERROR], const char *what, int err, const struct exo_why *why, const char *hint)
{
	bool said = why->text[0];

	snprintf(error, STORE_ERROR, "%.150s: %.200s; %.140s", what, said ? why->text : strerror(-err),
		 why->hint[0] ? why->hint : hint);
}

/* DISK:ROOT[/path]; the last colon divides, so a device path may hold colons and a root or path may not. */
int store_exo_open(struct store **out, const char *where, char error[STORE_ERROR])
{
	const char *colon = strrchr(where, ':');
	char disk_name[512], root[512], what[1100];
	struct exo_why why = {0};
	struct exo_store *s;
	const char *slash;
	uint32_t disk;
	struct stat st;
	int err, n;

	if (!colon || colon == where || !colon[1] || (size_t)(colon - where) >= sizeof(disk_name) ||
	    strlen(colon) >= sizeof(root)) {
		snprintf(error, STORE_ERROR,
			 "store 'exo:%.200s' lacks a part; write exo:DISK:ROOT[/path], as in exo:/dev/vdb:site", where);
		return -EINVAL;
	}
	snprintf(disk_name, sizeof(disk_name), "%.*s", (int)(colon - where), where);
	slash = strchr(colon, '/');
	snprintf(root, sizeof(root), "%.*s", (int)(slash ? slash - colon - 1 : (long)strlen(colon + 1)), colon + 1);

	s = calloc(1, sizeof(*s));
	if (!s) {
		snprintf(error, STORE_ERROR, "out of memory");
		return -ENOMEM;
	}
	s->store.ops = &exo_ops;
	while (slash && *slash == '/')
		slash++;
	n = snprintf(s->prefix, sizeof(s->prefix) - 1, "%s", slash ? slash : "");
	if (n >= (int)sizeof(s->prefix) - 1) {
		snprintf(error, STORE_ERROR, "the path in store 'exo:%.100s...' is too long", where);
		err = -ENAMETOOLONG;
		goto fail;
	}
	if (n && s->prefix[n - 1] != '/')
		strcpy(s->prefix + n, "/");

	err = exo_open(&s->exo, NULL, &why);
	if (err) {
		explain(error, "cannot open " EXO_DEVICE, err, &why,
			"load exo.ko first and check that this user may open the device");
		goto fail;
	}
	/* Half of what may be bound: the libFS needs the rest for directories, and for what is being read. */
	s->budget = exo_facts(s->exo)->out_bind_limit / 2;
	if (!s->budget)
		s->budget = exo_facts(s->exo)->out_frames / 2;
	err = exo_disk_find(s->exo, disk_name, &disk);
	if (err) {
		snprintf(what, sizeof(what), "disk %s", disk_name);
		explain(error, what, err, &why, "attach it first with exoctl");
		goto fail_exo;
	}
	err = exo_fs_open(&s->fs, s->exo, disk, root, EXO_FS_RDONLY, &why);
	if (err) {
		snprintf(what, sizeof(what), "root %s on disk %s", root, disk_name);
		explain(error, what, err, &why, "exoctl lists the roots of a disk");
		goto fail_exo;
	}
	err = exo_fs_stat(s->fs, s->prefix[0] ? s->prefix : ".", 0, &st);
	if (!err && !S_ISDIR(st.st_mode))
		err = -ENOTDIR;
	if (err) {
		why.text[0] = why.hint[0] = 0;
		snprintf(what, sizeof(what), "path /%.200s in root %s", s->prefix, root);
		explain(error, what, err, &why, "name a directory of that tree");
		exo_fs_close(s->fs);
		goto fail_exo;
	}
	*out = &s->store;
	return 0;

fail_exo:
	exo_close(s->exo);
fail:
	free(s);
	return err;
}
