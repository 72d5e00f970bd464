// SPDX-License-Identifier: GPL-2.0 OR MIT
/* workload.c: the operations of a history. What can be left of them is reader.c's. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "content.h"
#include "workload.h"

#define NAMES 32		/* files that may exist at a time, beside promised ones */
#define LARGEST (200 * 1024)
#define NOWHERE (-1)
#define DIRECT 16		/* blocks a direct write has at a time */

struct item {
	uint32_t id;	/* 0: no such file */
	int dir, other; /* its names; other: a second one, or NOWHERE */
	bool sealed;	/* was whole before it had a name, and stays as it is */
	uint64_t size, hole, hole_end;
	uint32_t attr;	/* bytes of its attribute; 0: it has none */
	mode_t mode;
};

struct history {
	struct exo *x;
	struct exo_fs *fs;
	uint64_t rng, seed;
	char top[32];
	struct item item[NAMES];
	uint32_t gen[WORKLOAD_CONFIGS];
	uint32_t ids;
	uint8_t *buf;
};

static uint64_t draw(struct history *h, uint64_t n)
{
	return content_random(&h->rng) % n;
}

static void name_of(const struct history *h, const struct item *f, int dir, char path[WORKLOAD_PATH])
{
	if (f->sealed)
		snprintf(path, WORKLOAD_PATH, "%s/d%d/s%u.%llu", h->top, dir, f->id, (unsigned long long)f->size);
	else
		snprintf(path, WORKLOAD_PATH, "%s/d%d/f%u", h->top, dir, f->id);
}

static uint64_t some_size(struct history *h)
{
	/* Mostly small, some empty, some large: the layouts differ. */
	switch (draw(h, 16)) {
	case 0:
	case 1:
		return 0;
	case 2:
	case 3:
		return draw(h, LARGEST);
	default:
		return draw(h, 12000);
	}
}

static int opened(struct history *h, const struct item *f, int oflags, struct exo_file **out)
{
	char path[WORKLOAD_PATH];

	name_of(h, f, f->dir, path);
	return exo_file_open(h->fs, path, oflags, f->mode, out);
}

static int put(struct history *h, struct item *f, struct exo_file *file, uint64_t bytes)
{
	ssize_t n;

	content_fill(h->buf, bytes, content_stamp(h->seed, f->id), f->size);
	n = exo_file_pwrite(file, h->buf, bytes, (off_t)f->size);
	if (n < 0)
		return (int)n;
	f->size += (uint64_t)n;
	return 0;
}

static void begin(struct history *h, struct item *f)
{
	*f = (struct item){ .id = ++h->ids, .dir = (int)draw(h, WORKLOAD_DIRS), .other = NOWHERE, .mode = 0644 };
}

static int create(struct history *h, struct item *f)
{
	struct exo_file *file;
	int err;

	begin(h, f);
	err = opened(h, f, O_WRONLY | O_CREAT | O_EXCL, &file);
	if (err)
		return err;
	err = put(h, f, file, some_size(h));
	exo_file_close(file);
	return err;
}

/* Without a name until all is written; half of them also durable until then. */
static int create_unnamed(struct history *h, struct item *f)
{
	char path[WORKLOAD_PATH];
	struct exo_file *file;
	bool seal = draw(h, 2);
	int err;

	begin(h, f);
	snprintf(path, sizeof(path), "%s/d%d", h->top, f->dir);
	err = exo_file_open(h->fs, path, O_WRONLY | O_TMPFILE, f->mode, &file);
	if (err)
		return err;
	err = put(h, f, file, some_size(h));
	if (!err && seal)
		err = exo_file_sync(file);
	f->sealed = seal;
	name_of(h, f, f->dir, path);
	if (!err)
		err = exo_at_link(h->fs, file, "", NULL, path, EXO_FS_EMPTY);
	exo_file_close(file);
	return err;
}

/* ---- bytes past the file system ---- */

struct stretches {
	uint32_t n;
	struct exo_file_extent e[64];
};

static int note(void *arg, const struct exo_file_extent *e)
{
	struct stretches *s = arg;

	if (s->n == 64)
		return 1;
	s->e[s->n++] = *e;
	return 0;
}

static int transfer(struct history *h, const struct item *f, const struct exo_file_extent *e, uint32_t *frames, uint32_t most)
{
	uint64_t at = e->off, end;
	struct exo_io io = e->io;
	uint32_t left = io.count, i;
	struct exo_why why;
	int err = 0;

	for (; left && !err; left -= io.count, io.first += io.count) {
		io.count = left < most ? left : most;
		io.frames = (uintptr_t)frames;
		for (i = 0; i < io.count; i++, at += 4096) {
			uint8_t *page = exo_frame_ptr(exo_view(h->x), frames[i]);

			memset(page, 0, 4096);
			end = f->size < at + 4096 ? f->size : at + 4096;
			if (end > at)
				content_fill(page, end - at, content_stamp(h->seed, f->id), at);
		}
		err = exo_io(h->x, &io, EXO_IO_WRITE, &why);
	}
	return err < 0 ? err : 0;
}

static int write_direct(struct history *h, struct item *f, struct exo_file *file)
{
	uint32_t frames[DIRECT], i, try;
	struct stretches s;
	int err;

	err = exo_frame_alloc(h->x, DIRECT, frames, EXO_FRAME_ANY, NULL);
	if (err < 0)
		return err;
	/* Others may move the metadata that the stretches name; then they are asked for again. */
	for (try = 0; try < 100; try++) {
		s.n = 0;
		err = exo_file_extents(file, 0, (off_t)f->size, EXO_EXTENTS_ALLOC, note, &s);
		for (i = 0; !err && i < s.n; i++)
			err = transfer(h, f, &s.e[i], frames, DIRECT);
		if (err != -EAGAIN && err != -ESTALE && err != -EPERM && err != -EINVAL)
			break;
	}
	exo_frame_free(h->x, DIRECT, frames, NULL);
	return err > 0 ? -E2BIG : err;
}

static int create_direct(struct history *h, struct item *f)
{
	uint64_t bytes = 1 + draw(h, 90000);
	struct exo_file *file;
	int err;

	begin(h, f);
	err = opened(h, f, O_RDWR | O_CREAT | O_EXCL, &file);
	if (err)
		return err;
	f->size = bytes;
	err = write_direct(h, f, file);
	if (err == -EOPNOTSUPP) {
		f->size = 0;
		err = put(h, f, file, bytes);
	}
	exo_file_close(file);
	return err;
}

/* ---- what changes a file ---- */

static int append(struct history *h, struct item *f)
{
	struct exo_file *file;
	int err = opened(h, f, O_WRONLY, &file);

	if (err)
		return err;
	err = put(h, f, file, draw(h, 20000));
	exo_file_close(file);
	return err;
}

static int cut_short(struct history *h, struct item *f)
{
	uint64_t to = draw(h, f->size + 1);
	char path[WORKLOAD_PATH];
	int err;

	name_of(h, f, f->dir, path);
	err = exo_at_truncate(h->fs, NULL, path, (off_t)to, 0);
	if (err)
		return err;
	f->size = to;
	if (f->hole_end > to)
		f->hole_end = to;
	if (f->hole >= f->hole_end)
		f->hole = f->hole_end = 0;
	return 0;
}

/* A hole in the middle, or at the end by making it longer; one a file. */
static int punch(struct history *h, struct item *f)
{
	struct exo_file *file;
	uint64_t from, end;
	int err;

	if (f->hole_end)
		return 0;
	err = opened(h, f, O_WRONLY, &file);
	if (err)
		return err;
	if (!f->size || !draw(h, 3)) {
		from = f->size;
		end = f->size + 1 + draw(h, 30000);
		err = exo_file_truncate(file, (off_t)end);
		if (!err)
			f->size = end;
	} else {
		from = draw(h, f->size);
		end = from + 1 + draw(h, f->size - from);
		err = exo_file_fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)from, (off_t)(end - from));
	}
	exo_file_close(file);
	if (!err) {
		f->hole = from;
		f->hole_end = end;
	}
	return err;
}

static int attribute(struct history *h, struct item *f)
{
	uint32_t n = 1 + (uint32_t)(draw(h, 4) ? draw(h, 60) : draw(h, WORKLOAD_ATTR));
	char path[WORKLOAD_PATH];
	int err;

	name_of(h, f, f->dir, path);
	content_fill(h->buf, n, content_attr(h->seed, f->id, n), 0);
	err = exo_at_setxattr(h->fs, NULL, path, WORKLOAD_XATTR, h->buf, n, 0, 0);
	if (!err)
		f->attr = n;
	return err;
}

static int change_mode(struct history *h, struct item *f)
{
	mode_t mode = workload_modes[draw(h, WORKLOAD_MODES)];
	char path[WORKLOAD_PATH];
	int err;

	name_of(h, f, f->dir, path);
	err = exo_fs_chmod(h->fs, path, mode);
	if (!err)
		f->mode = mode;
	return err;
}

/* ---- what changes names ---- */

static int add_name(struct history *h, struct item *f)
{
	char from[WORKLOAD_PATH], to[WORKLOAD_PATH];
	int dir = (int)draw(h, WORKLOAD_DIRS), err;

	if (f->other != NOWHERE || dir == f->dir)
		return 0;
	name_of(h, f, f->dir, from);
	name_of(h, f, dir, to);
	err = exo_at_link(h->fs, NULL, from, NULL, to, 0);
	if (!err)
		f->other = dir;
	return err;
}

static int drop_name(struct history *h, struct item *f)
{
	char path[WORKLOAD_PATH];
	int err;

	name_of(h, f, f->dir, path);
	err = exo_fs_unlink(h->fs, path);
	if (err)
		return err;
	if (f->other == NOWHERE) {
		f->id = 0;
	} else {
		f->dir = f->other;
		f->other = NOWHERE;
	}
	return 0;
}

static int move(struct history *h, struct item *f)
{
	char from[WORKLOAD_PATH], to[WORKLOAD_PATH];
	int dir = (int)draw(h, WORKLOAD_DIRS), err;

	if (dir == f->dir || dir == f->other)
		return 0;
	name_of(h, f, f->dir, from);
	name_of(h, f, dir, to);
	err = exo_fs_rename(h->fs, from, to);
	if (!err)
		f->dir = dir;
	return err;
}

/* As editors and package managers do it: written beside, made durable, renamed over the old one. */
static int replace(struct history *h)
{
	char path[WORKLOAD_PATH], to[WORKLOAD_PATH], done[WORKLOAD_PATH];
	unsigned k = (unsigned)draw(h, WORKLOAD_CONFIGS);
	uint32_t gen = h->gen[k] + 1;
	size_t n = workload_config(h->seed, k, gen, h->buf);
	struct exo_file *f, *old = NULL;
	ssize_t put_bytes;
	int err;

	snprintf(to, sizeof(to), "%s/d0/c%u", h->top, k);
	snprintf(path, sizeof(path), "%s/d0/new%u", h->top, k);
	snprintf(done, sizeof(done), "%s/d0/c%u.%u", h->top, k, gen);
	err = exo_file_open(h->fs, path, O_WRONLY | O_CREAT | O_TRUNC, 0644, &f);
	if (err)
		return err;
	put_bytes = exo_file_pwrite(f, h->buf, n, 0);
	err = put_bytes < 0 ? (int)put_bytes : exo_file_sync(f);
	exo_file_close(f);
	/* Often somebody reads the old one meanwhile. */
	if (!err && h->gen[k] && !draw(h, 2))
		err = exo_file_open(h->fs, to, O_RDONLY, 0, &old);
	if (!err)
		err = exo_fs_rename(h->fs, path, to);
	exo_file_close(old);
	if (err)
		return err;
	h->gen[k] = gen;
	if (draw(h, 3))
		return 0;
	err = exo_fs_sync(h->fs);
	return err ? err : exo_fs_symlink(h->fs, "x", done);
}

/* ---- promises ---- */

static int vow(struct history *h, struct item *f)
{
	char path[WORKLOAD_PATH], done[WORKLOAD_PATH + 8], words[128];

	name_of(h, f, f->dir, path);
	snprintf(done, sizeof(done), "%s.done", path);
	snprintf(words, sizeof(words), WORKLOAD_PROMISE, (unsigned long long)f->size, (unsigned long long)f->hole,
		 (unsigned long long)f->hole_end, f->attr, (unsigned)f->mode);
	f->id = 0;
	return exo_fs_symlink(h->fs, words, done);
}

/* Everything written so far is durable, then promises for some of the files, which are never touched again. */
static int promise(struct history *h)
{
	unsigned i;
	int err;

	err = exo_fs_sync(h->fs);
	for (i = 0; !err && i < NAMES; i++)
		if (h->item[i].id && !draw(h, 4))
			err = vow(h, &h->item[i]);
	return err;
}

/* The same for one file alone. */
static int promise_one(struct history *h, struct item *f)
{
	struct exo_file *file;
	int err = opened(h, f, O_WRONLY, &file);

	if (err)
		return err;
	err = exo_file_sync(file);
	exo_file_close(file);
	return err ? err : vow(h, f);
}

static int step(struct history *h, const char **what)
{
	struct item *f = &h->item[draw(h, NAMES)];

#define DO(name, call) (*what = (name), (call))
	switch (draw(h, 96)) {
	case 0:
	case 1:
		return DO("sync and promise", promise(h));
	case 2:
	case 3:
	case 4:
		return DO("replace", replace(h));
	case 5:
		return draw(h, 4) ? 0 : DO("defrag", exo_fs_defrag(h->fs, h->top, NULL, NULL));
	}
	if (!f->id) {
		switch (draw(h, 6)) {
		case 0:
			return DO("create without a name", create_unnamed(h, f));
		case 1:
			return DO("create and write past the file system", create_direct(h, f));
		default:
			return DO("create", create(h, f));
		}
	}
	switch (draw(h, f->sealed ? 8 : 18)) {
	case 0:
	case 1:
	case 2:
		return DO("unlink", drop_name(h, f));
	case 3:
	case 4:
	case 5:
		return DO("rename", move(h, f));
	case 6:
		return DO("link", add_name(h, f));
	case 7:
		return DO("fsync and promise", promise_one(h, f));
	case 8:
	case 9:
		return DO("truncate", cut_short(h, f));
	case 10:
		return DO("punch a hole", punch(h, f));
	case 11:
		return DO("setxattr", attribute(h, f));
	case 12:
	case 13:
		return DO("chmod", change_mode(h, f));
	default:
		return DO("append", append(h, f));
	}
#undef DO
}

int workload_run(struct exo *x, struct exo_fs *fs, uint64_t seed, unsigned steps, const char **what)
{
	struct history h = { .x = x, .fs = fs, .rng = seed, .seed = seed };
	char path[64];
	unsigned i;
	int err;

	h.buf = malloc(LARGEST);
	if (!h.buf)
		return -ENOMEM;
	*what = "mkdir";
	snprintf(h.top, sizeof(h.top), "w%llu", (unsigned long long)seed);
	err = exo_fs_mkdir(fs, h.top, 0755);
	for (i = 0; !err && i < WORKLOAD_DIRS; i++) {
		snprintf(path, sizeof(path), "%s/d%u", h.top, i);
		err = exo_fs_mkdir(fs, path, 0755);
	}
	for (i = 0; !err && i < steps; i++)
		err = step(&h, what);
	free(h.buf);
	return err;
}
