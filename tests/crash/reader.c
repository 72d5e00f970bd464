// SPDX-License-Identifier: GPL-2.0 OR MIT
/* reader.c: reads what is left of a history, and finds what its promises forbid. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "content.h"
#include "workload.h"

#define PIECE 65536

const mode_t workload_modes[WORKLOAD_MODES] = { 0644, 0600, 0664, 0640 };

size_t workload_config(uint64_t seed, unsigned k, uint32_t gen, uint8_t buf[WORKLOAD_CONFIG_MOST])
{
	uint64_t s = content_stamp(seed, 0x40000000u | k << 24 | gen), r = s;
	size_t n = 64 + content_random(&r) % (WORKLOAD_CONFIG_MOST - 64);
	char head[32];
	int len = snprintf(head, sizeof(head), WORKLOAD_CONFIG_HEAD, gen);

	content_fill(buf, n, s, 0);
	memcpy(buf, head, (size_t)len);
	return n;
}

struct reader {
	struct exo_fs *fs;
	struct workload_seen *seen;
	uint64_t history;
	char dir[64];
	uint8_t *buf, *other;
};

struct promised {
	unsigned long long size, hole, hole_end;
	unsigned attr, mode;
};

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

/* 1: there is a promise, 0: none, -1: one that cannot be read. */
static int promise_of(struct reader *r, const char *path, struct promised *p)
{
	char done[520], words[160];
	ssize_t n;

	snprintf(done, sizeof(done), "%.500s.done", path);
	n = exo_fs_readlink(r->fs, done, words, sizeof(words) - 1);
	if (n == -ENOENT)
		return 0;
	words[n > 0 ? n : 0] = '\0';
	if (sscanf(words, WORKLOAD_PROMISE, &p->size, &p->hole, &p->hole_end, &p->attr, &p->mode) != 5) {
		fault(r, &r->seen->broken, "%s: is no promise: '%s'", done, words);
		return -1;
	}
	r->seen->promises++;
	return 1;
}

/* How many blocks of [at, at + n) do not hold what they should; what is worse than zeroes is noted at once. */
static unsigned compare(struct reader *r, const char *path, const uint8_t *want, uint64_t at, size_t n, const struct promised *p)
{
	unsigned wrong = 0;
	size_t i;

	if (!p && !memcmp(r->buf, want, n))
		return 0;
	for (i = 0; i < n; i++) {
		bool hole = p && at + i >= p->hole && at + i < p->hole_end;

		if (r->buf[i] == (hole ? 0 : want[i]))
			continue;
		if (r->buf[i] && r->buf[i] != want[i])
			fault(r, &r->seen->foreign, "%s: foreign byte at %llu", path, (unsigned long long)at + i);
		wrong++;
		i += 4095 - (at + i) % 4096;
	}
	return wrong;
}

static void check_attribute(struct reader *r, const char *path, uint32_t id, const struct promised *p)
{
	ssize_t n = exo_at_getxattr(r->fs, NULL, path, WORKLOAD_XATTR, r->buf, PIECE, 0);

	if (n == -ENODATA)
		n = 0;
	if (n < 0) {
		fault(r, &r->seen->errors, "%s: attribute: %s", path, strerror((int)-n));
		return;
	}
	if (n <= WORKLOAD_ATTR)
		content_fill(r->other, (size_t)n, content_attr(r->history, id, (uint64_t)n), 0);
	if (n > WORKLOAD_ATTR || memcmp(r->buf, r->other, (size_t)n))
		fault(r, &r->seen->foreign, "%s: an attribute of %zd bytes that was never set", path, n);
	else if (p && p->attr != n)
		fault(r, &r->seen->broken, "%s: promised an attribute of %u bytes, has %zd", path, p->attr, n);
}

static void check_mode(struct reader *r, const char *path, const struct stat *st, const struct promised *p)
{
	unsigned i;

	if (p && p->mode != (st->st_mode & 07777))
		fault(r, &r->seen->broken, "%s: promised mode %o, has %o", path, p->mode, st->st_mode & 07777);
	for (i = 0; i < WORKLOAD_MODES && workload_modes[i] != (st->st_mode & 07777); i++)
		;
	if (i == WORKLOAD_MODES)
		fault(r, &r->seen->foreign, "%s: mode %o was never set", path, st->st_mode & 07777);
}

static void check_file(struct reader *r, const char *name, uint32_t id, uint64_t sealed, bool is_sealed)
{
	uint64_t at = 0, wrong = 0;
	struct promised promised;
	const uint8_t *want;
	struct exo_file *f;
	struct stat st;
	char path[512];
	int err, has;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/%s", r->dir, name);
	err = exo_file_open(r->fs, path, O_RDONLY, 0, &f);
	if (!err) {
		err = exo_file_stat(f, &st);
		if (err)
			exo_file_close(f);
	}
	if (err) {
		fault(r, &r->seen->errors, "%s: cannot be opened: %s", path, strerror(-err));
		return;
	}
	r->seen->files++;
	has = promise_of(r, path, &promised);
	while ((n = exo_file_pread(f, r->buf, PIECE, (off_t)at)) > 0) {
		want = content_of(content_stamp(r->history, id), at, (size_t)n);
		if (!want) {
			n = -ENOMEM;
			break;
		}
		wrong += compare(r, path, want, at, (size_t)n, has > 0 && promised.hole_end ? &promised : NULL);
		at += (uint64_t)n;
	}
	if (n < 0)
		fault(r, &r->seen->errors, "%s: read at %llu: %s", path, (unsigned long long)at, strerror((int)-n));
	if (at != (uint64_t)st.st_size)
		fault(r, &r->seen->errors, "%s: %llu bytes long, %llu can be read", path, (unsigned long long)st.st_size,
		      (unsigned long long)at);
	if (has > 0 && (at != promised.size || wrong))
		fault(r, &r->seen->broken, "%s: promised %llu bytes, has %llu, %llu blocks wrong", path, promised.size,
		      (unsigned long long)at, (unsigned long long)wrong);
	if (is_sealed && (at != sealed || wrong))
		fault(r, &r->seen->broken, "%s: durable before it had a name, has %llu bytes, %llu blocks wrong", path,
		      (unsigned long long)at, (unsigned long long)wrong);
	exo_file_close(f);
	check_mode(r, path, &st, has > 0 ? &promised : NULL);
	check_attribute(r, path, id, has > 0 ? &promised : NULL);
}

/* The generation that cK holds; 0: it cannot be told. */
static uint32_t generation(struct reader *r, const char *path, unsigned k)
{
	struct exo_file *f;
	unsigned gen = 0;
	ssize_t n;

	if (exo_file_open(r->fs, path, O_RDONLY, 0, &f))
		return 0;
	n = exo_file_pread(f, r->buf, PIECE, 0);
	exo_file_close(f);
	if (n < 64 || sscanf((char *)r->buf, WORKLOAD_CONFIG_HEAD, &gen) != 1 || !gen || gen >> 24 ||
	    workload_config(r->history, k, gen, r->other) != (size_t)n || memcmp(r->buf, r->other, (size_t)n))
		return 0;
	return gen;
}

static void check_config(struct reader *r, unsigned k, uint32_t at_least)
{
	char path[512];
	uint32_t gen;

	snprintf(path, sizeof(path), "%s/c%u", r->dir, k);
	gen = generation(r, path, k);
	if (!gen)
		fault(r, &r->seen->broken, "%s: not whole, or gone", path);
	else if (gen < at_least)
		fault(r, &r->seen->broken, "%s: generation %u was promised, has %u", path, at_least, gen);
}

static int each_name(void *arg, const struct exo_dirent *d)
{
	struct reader *r = arg;
	size_t n = strlen(d->name);
	unsigned long long size = 0;
	unsigned id, gen = 0;
	char path[512];
	struct stat st;

	if (n > 5 && !strcmp(d->name + n - 5, ".done")) {
		/* The promised file itself must be there. */
		snprintf(path, sizeof(path), "%s/%.*s", r->dir, (int)n - 5, d->name);
		if (exo_fs_stat(r->fs, path, 0, &st) < 0)
			fault(r, &r->seen->broken, "%s: promised and gone", path);
	} else if (sscanf(d->name, "f%u", &id) == 1) {
		check_file(r, d->name, id, 0, false);
	} else if (sscanf(d->name, "s%u.%llu", &id, &size) == 2) {
		check_file(r, d->name, id, size, true);
	} else if (sscanf(d->name, "c%u.%u", &id, &gen) >= 1) {
		r->seen->files += !gen;
		r->seen->promises += gen != 0;
		check_config(r, id, gen);
	} else if (strncmp(d->name, "new", 3)) {
		fault(r, &r->seen->foreign, "%s/%s: a name that nobody made", r->dir, d->name);
	}
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
	for (i = 0; i < WORKLOAD_DIRS; i++) {
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

	r.buf = malloc(PIECE + 1);
	r.other = malloc(WORKLOAD_CONFIG_MOST);
	err = r.buf && r.other ? exo_file_open(fs, "/", O_RDONLY | O_DIRECTORY, 0, &top) : -ENOMEM;
	if (!err) {
		err = exo_file_readdir(top, 0, each_top, &r);
		exo_file_close(top);
	}
	free(r.buf);
	free(r.other);
	return err;
}
