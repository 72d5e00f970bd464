/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * http_mem.h: a store in memory, with faults on demand, and a site over it. For tests that drive a session without a
 * socket. peek gives at most `grain` bytes at a time, as a cache of blocks does.
 */
#ifndef EXO_TESTS_HTTP_MEM_H
#define EXO_TESTS_HTTP_MEM_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "../../cheetah/http/session.h"

struct mem_doc {
	const char *path; /* ending in '/': a directory; "" is one as well */
	const char *data;
	size_t len;
	int open_error; /* -errno of open */
	int peek_error; /* -errno of peek, from byte peek_good on */
	size_t peek_good;
};

struct mem_store {
	struct store store;
	const struct mem_doc *docs;
	unsigned ndocs, opened, closed;
	size_t grain;
	time_t mtime;
};

struct mem_file {
	struct store_file file;
	struct mem_store *s;
	const struct mem_doc *d;
};

static const struct mem_doc *mem_find(struct mem_store *s, const char *path, bool *directory)
{
	size_t n = strlen(path);

	for (unsigned i = 0; i < s->ndocs; i++) {
		const char *p = s->docs[i].path;
		size_t k = strlen(p);

		*directory = !k || p[k - 1] == '/';
		if (!strcmp(p, path) || (*directory && k == n + 1 && !strncmp(p, path, n)))
			return &s->docs[i];
	}
	return NULL;
}

static int mem_stat(struct store *store, const char *path, struct stat *st)
{
	struct mem_store *s = (struct mem_store *)store;
	bool directory;
	const struct mem_doc *d = mem_find(s, path, &directory);

	if (!d)
		return -ENOENT;
	memset(st, 0, sizeof(*st));
	st->st_ino = (ino_t)(d - s->docs) + 1;
	st->st_mode = directory ? S_IFDIR | 0755 : S_IFREG | 0644;
	st->st_size = (off_t)d->len;
	st->st_mtim.tv_sec = s->mtime;
	return 0;
}

static int mem_open(struct store *store, const char *path, struct store_file **out)
{
	struct mem_store *s = (struct mem_store *)store;
	bool directory;
	const struct mem_doc *d = mem_find(s, path, &directory);
	struct mem_file *f;

	if (!d)
		return -ENOENT;
	if (d->open_error)
		return d->open_error;
	if (directory)
		return -EISDIR;
	f = calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	f->file.ops = store->ops;
	f->s = s;
	f->d = d;
	mem_stat(store, path, &f->file.st);
	s->opened++;
	*out = &f->file;
	return 0;
}

static ssize_t mem_peek(struct store_file *file, uint64_t off, const void **data)
{
	struct mem_file *f = (struct mem_file *)file;
	size_t n;

	if (f->d->peek_error && off >= f->d->peek_good)
		return f->d->peek_error;
	if (off >= f->d->len)
		return 0;
	n = f->s->grain - off % f->s->grain;
	*data = f->d->data + off;
	return (ssize_t)(n < f->d->len - off ? n : f->d->len - off);
}

static ssize_t mem_read(struct store_file *file, void *buf, size_t n, uint64_t off)
{
	const void *data;
	ssize_t got = mem_peek(file, off, &data);

	if (got > (ssize_t)n)
		got = (ssize_t)n;
	if (got > 0)
		memcpy(buf, data, (size_t)got);
	return got;
}

static void mem_close(struct store_file *file)
{
	((struct mem_file *)file)->s->closed++;
	free(file);
}

static int mem_list(struct store *store, const char *path, int (*fn)(void *arg, const char *name, bool directory),
		    void *arg)
{
	struct mem_store *s = (struct mem_store *)store;
	size_t n = strlen(path);
	bool directory;

	if (!mem_find(s, path, &directory))
		return -ENOENT;
	for (unsigned i = 0; i < s->ndocs; i++) {
		const char *p = s->docs[i].path;
		int err;

		if (strncmp(p, path, n) || !p[n] || (strchr(p + n, '/') && strchr(p + n, '/')[1]))
			continue;
		char name[256];

		snprintf(name, sizeof(name), "%s", p + n);
		directory = name[strlen(name) - 1] == '/';
		if (directory)
			name[strlen(name) - 1] = 0;
		err = fn(arg, name, directory);
		if (err)
			return err;
	}
	return 0;
}

static const struct store_ops mem_ops = {
	.name = "mem",
	.peek_how = "memory",
	.open = mem_open,
	.stat = mem_stat,
	.peek = mem_peek,
	.read = mem_read,
	.close = mem_close,
	.list = mem_list,
};

/* A site at 2026-01-01 00:00:00, whatever the real time is. */
static struct site *mem_site(struct mem_store *s, const struct mem_doc *docs, unsigned n)
{
	static struct log no_log = {.fd = -1};
	struct site *site = calloc(1, sizeof(*site));

	if (!site)
		abort();
	*s = (struct mem_store){.docs = docs, .ndocs = n, .grain = 4096, .mtime = 1700000000};
	s->store.ops = &mem_ops;
	site->store = &s->store;
	site->log = &no_log;
	site->stats = calloc(1, sizeof(*site->stats));
	site->peek = true;
	site->max_requests = 1000000;
	if (!site->stats || site_init(site) || doc_cache_init(&site->docs, &s->store, site->stats, 8, 1000, true))
		abort();
	site->now = 1767225600;
	date_format(site->date, site->now);
	return site;
}

static void mem_site_free(struct site *site)
{
	doc_cache_destroy(&site->docs);
	free(site->stats);
	free(site);
}

#endif
