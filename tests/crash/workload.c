// SPDX-License-Identifier: GPL-2.0 OR MIT
/* workload.c: the history's operations, and the reader that checks what is left of them. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "workload.h"

#define NAMES 48		/* files that may exist at a time, beside promised ones */
#define DIRS 4
#define LARGEST (300 * 1024)

static uint64_t next(uint64_t *s)
{
	uint64_t z = (*s += 0x9E3779B97F4A7C15ull);

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
	return z ^ (z >> 31);
}

/* The files of different histories have different bytes. */
static uint64_t stamp_of(uint64_t history, uint64_t id)
{
	return history << 32 | id;
}

/* Bytes from `at` of the file with this stamp. None is 0, so that a hole or a lost block shows. */
static void fill(uint8_t *buf, size_t n, uint64_t stamp, uint64_t at)
{
	while (n) {
		uint64_t s = stamp * 0x10001 + at / 8, word = next(&s) | 0x0101010101010101ull;
		size_t off = at % 8, len = n < 8 - off ? n : 8 - off;

		memcpy(buf, (uint8_t *)&word + off, len);
		buf += len;
		at += len;
		n -= len;
	}
}

/* ---- the history ---- */

struct history {
	struct exo_fs *fs;
	uint64_t rng, seed;
	char top[32];
	struct {
		uint64_t id;	/* 0: no such file */
		unsigned dir;
		uint64_t size;
	} file[NAMES];
	uint64_t ids;
	uint8_t *buf;
};

static void name_of(const struct history *h, char *path, size_t room, unsigned dir, uint64_t id)
{
	snprintf(path, room, "%s/d%u/f%llu", h->top, dir, (unsigned long long)id);
}

static int append(struct history *h, unsigned i, uint64_t bytes)
{
	struct exo_file *f;
	char path[128];
	ssize_t n;
	int err;

	name_of(h, path, sizeof(path), h->file[i].dir, h->file[i].id);
	err = exo_file_open(h->fs, path, O_WRONLY | O_CREAT, 0644, &f);
	if (err < 0)
		return err;
	fill(h->buf, bytes, stamp_of(h->seed, h->file[i].id), h->file[i].size);
	n = exo_file_pwrite(f, h->buf, bytes, (off_t)h->file[i].size);
	exo_file_close(f);
	if (n < 0)
		return (int)n;
	h->file[i].size += (uint64_t)n;
	return 0;
}

static int create(struct history *h, unsigned i)
{
	uint64_t r = next(&h->rng), bytes;

	h->file[i].id = ++h->ids;
	h->file[i].dir = r % DIRS;
	h->file[i].size = 0;
	/* Mostly small, some empty, some large: the layouts differ. */
	r = next(&h->rng);
	bytes = r % 8 == 0 ? 0 : r % 8 < 6 ? (r >> 8) % 12000 : (r >> 8) % LARGEST;
	return append(h, i, bytes);
}

static int drop(struct history *h, unsigned i)
{
	char path[128];
	int err;

	name_of(h, path, sizeof(path), h->file[i].dir, h->file[i].id);
	err = exo_fs_unlink(h->fs, path);
	if (!err)
		h->file[i].id = 0;
	return err;
}

static int move(struct history *h, unsigned i)
{
	unsigned dir = next(&h->rng) % DIRS;
	char from[128], to[128];
	int err;

	name_of(h, from, sizeof(from), h->file[i].dir, h->file[i].id);
	name_of(h, to, sizeof(to), dir, h->file[i].id);
	if (dir == h->file[i].dir)
		return 0;
	err = exo_fs_rename(h->fs, from, to);
	if (!err)
		h->file[i].dir = dir;
	return err;
}

/* Everything written so far is durable, then promises for some of the files, which are never touched again. */
static int promise(struct history *h)
{
	char path[128], done[160], target[32];
	unsigned i;
	int err;

	err = exo_fs_sync(h->fs);
	for (i = 0; !err && i < NAMES; i++) {
		if (!h->file[i].id || next(&h->rng) % 4)
			continue;
		name_of(h, path, sizeof(path), h->file[i].dir, h->file[i].id);
		snprintf(done, sizeof(done), "%s.done", path);
		snprintf(target, sizeof(target), "%llu", (unsigned long long)h->file[i].size);
		err = exo_fs_symlink(h->fs, target, done);
		h->file[i].id = 0;
	}
	return err;
}

int workload_run(struct exo_fs *fs, uint64_t seed, unsigned steps, const char **what)
{
	struct history h = { .fs = fs, .rng = seed, .seed = seed };
	unsigned i, step;
	char path[64];
	int err;

	h.buf = malloc(LARGEST);
	if (!h.buf)
		return -ENOMEM;
	*what = "mkdir";
	snprintf(h.top, sizeof(h.top), "w%llu", (unsigned long long)seed);
	err = exo_fs_mkdir(fs, h.top, 0755);
	for (i = 0; !err && i < DIRS; i++) {
		snprintf(path, sizeof(path), "%s/d%u", h.top, i);
		err = exo_fs_mkdir(fs, path, 0755);
	}
	for (step = 0; !err && step < steps; step++) {
		uint64_t r = next(&h.rng);

		i = (r >> 8) % NAMES;
		if (r % 32 == 0) {
			*what = "sync and promise";
			err = promise(&h);
		} else if (!h.file[i].id) {
			*what = "create";
			err = create(&h, i);
		} else if (r % 3 == 0) {
			*what = "append";
			err = append(&h, i, (r >> 16) % 20000);
		} else if (r % 3 == 1) {
			*what = "unlink";
			err = drop(&h, i);
		} else {
			*what = "rename";
			err = move(&h, i);
		}
	}
	free(h.buf);
	return err;
}

/* ---- the reader ---- */

struct reader {
	struct exo_fs *fs;
	struct workload_seen *seen;
	uint64_t history;
	char dir[64];
	uint8_t *buf;
};

/* What files should hold, as far as it was ever asked: the same is read in thousands of states. */
#define KNOWN 4096
static struct {
	uint64_t stamp;
	size_t size;
	uint8_t *bytes;
} known[KNOWN];

/* [at, at + n) of the file with this stamp; valid until the next call. NULL: no memory. */
static const uint8_t *expected(uint64_t stamp, uint64_t at, size_t n)
{
	uint64_t s = stamp;
	size_t i = next(&s) % KNOWN, room;
	uint8_t *bytes;

	if (known[i].stamp != stamp) {
		known[i].stamp = stamp;
		known[i].size = 0;
	}
	if (known[i].size < at + n) {
		room = (at + n + 16383) & ~16383ul;
		bytes = realloc(known[i].bytes, room);
		if (!bytes)
			return NULL;
		fill(bytes + known[i].size, room - known[i].size, stamp, known[i].size);
		known[i].bytes = bytes;
		known[i].size = room;
	}
	return known[i].bytes + at;
}

static void __attribute__((format(printf, 3, 4))) fault(struct reader *r, unsigned *count, const char *fmt, ...)
{
	va_list ap;

	if (!r->seen->first[0]) {
		va_start(ap, fmt);
		vsnprintf(r->seen->first, sizeof(r->seen->first), fmt, ap);
		va_end(ap);
	}
	++*count;
}

static void check_file(struct reader *r, const char *name, uint64_t id)
{
	char path[512], done[520], target[32];
	struct exo_file *f;
	uint64_t at = 0, wrong = 0, promised = 0;
	const uint8_t *want;
	bool has_promise;
	struct stat st;
	ssize_t n, i;
	int err;

	snprintf(path, sizeof(path), "%s/%s", r->dir, name);
	err = exo_file_open(r->fs, path, O_RDONLY, 0, &f);
	if (err < 0 || exo_file_stat(f, &st) < 0) {
		fault(r, &r->seen->errors, "%s: cannot be opened: %s", path, strerror(-err));
		return;
	}
	r->seen->files++;
	snprintf(done, sizeof(done), "%s.done", path);
	n = exo_fs_readlink(r->fs, done, target, sizeof(target) - 1);
	has_promise = n > 0;
	if (has_promise) {
		target[n] = '\0';
		promised = strtoull(target, NULL, 10);
		r->seen->promises++;
	}
	while ((n = exo_file_pread(f, r->buf, 65536, (off_t)at)) > 0) {
		want = expected(stamp_of(r->history, id), at, (size_t)n);
		if (!want) {
			n = -ENOMEM;
			break;
		}
		if (memcmp(r->buf, want, (size_t)n)) {
			for (i = 0; i < n; i++) {
				if (r->buf[i] == want[i])
					continue;
				if (r->buf[i])
					fault(r, &r->seen->foreign, "%s: foreign byte at %llu", path,
					      (unsigned long long)at + i);
				wrong++;
				i |= 4095;
			}
		}
		at += (uint64_t)n;
	}
	if (n < 0)
		fault(r, &r->seen->errors, "%s: read at %llu: %s", path, (unsigned long long)at, strerror((int)-n));
	if (has_promise && (at != promised || wrong))
		fault(r, &r->seen->broken, "%s: promised %llu bytes, has %llu, %llu blocks wrong", path,
		      (unsigned long long)promised, (unsigned long long)at, (unsigned long long)wrong);
	exo_file_close(f);
}

static int each_name(void *arg, const struct exo_dirent *d)
{
	struct reader *r = arg;
	size_t n = strlen(d->name);
	char path[512];
	struct stat st;
	uint64_t id;

	if (d->name[0] != 'f' || sscanf(d->name, "f%llu", (unsigned long long *)&id) != 1)
		return 0;
	if (n > 5 && !strcmp(d->name + n - 5, ".done")) {
		/* The promised file itself must be there. */
		snprintf(path, sizeof(path), "%s/%.*s", r->dir, (int)n - 5, d->name);
		if (exo_fs_stat(r->fs, path, 0, &st) < 0)
			fault(r, &r->seen->broken, "%s: promised and gone", path);
		return 0;
	}
	check_file(r, d->name, id);
	return 0;
}

static int each_top(void *arg, const struct exo_dirent *d)
{
	struct reader *r = arg;
	struct exo_file *f;
	unsigned i;
	int err;

	if (sscanf(d->name, "w%llu", (unsigned long long *)&r->history) != 1)
		return 0;
	for (i = 0; i < DIRS; i++) {
		snprintf(r->dir, sizeof(r->dir), "%.32s/d%u", d->name, i);
		err = exo_file_open(r->fs, r->dir, O_RDONLY | O_DIRECTORY, 0, &f);
		if (err == -ENOENT)
			continue;
		if (!err) {
			err = exo_file_readdir(f, 0, each_name, r);
			exo_file_close(f);
		}
		if (err)
			fault(r, &r->seen->errors, "%s: %s", r->dir, strerror(-err));
	}
	return 0;
}

int workload_check(struct exo_fs *fs, struct workload_seen *seen)
{
	struct reader r = { .fs = fs, .seen = seen };
	struct exo_file *top;
	int err;

	r.buf = malloc(65536);
	err = r.buf ? exo_file_open(fs, "/", O_RDONLY | O_DIRECTORY, 0, &top) : -ENOMEM;
	if (!err) {
		err = exo_file_readdir(top, 0, each_top, &r);
		exo_file_close(top);
	}
	free(r.buf);
	return err;
}
