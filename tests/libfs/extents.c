// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Where a file's blocks are: what exo_file_extents tells is what exo_io takes, in both directions, without the cache; holes
 * are left out; what is out of date is refused by the module.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include "world.h"

#define BLK 4096u

struct seen {
	struct exo_file_extent e[64];
	u32 n, stop; /* stop: after so many, 0: never */
};

static int note(void *arg, const struct exo_file_extent *e)
{
	struct seen *s = arg;

	CHECK(s->n < 64);
	s->e[s->n++] = *e;
	return s->n == s->stop ? 77 : 0;
}

static void fill(char *buf, size_t n, u32 seed)
{
	for (size_t i = 0; i < n; i++)
		buf[i] = (seed = seed * 1103515245u + 12345u) >> 16;
}

static u64 blocks_of(const struct seen *s)
{
	u64 n = 0;

	for (u32 i = 0; i < s->n; i++)
		n += s->e[i].io.count;
	return n;
}

/* Every block of the stretches, straight from or to the disk; `buf` is the file. */
static void transfer(struct world *w, struct seen *s, char *buf, u32 flags)
{
	const struct exo_view *v = exo_view(w->x);
	struct exo_why why;
	u32 frame, i, k;

	CHECK(!exo_frame_alloc(w->x, 1, &frame, EXO_FRAME_ANY, NULL));
	for (i = 0; i < s->n; i++) {
		for (k = 0; k < s->e[i].io.count; k++) {
			struct exo_io io = s->e[i].io;
			char *at = buf + s->e[i].off + (u64)k * BLK;

			io.first += k;
			io.count = 1;
			io.frames = (uintptr_t)&frame;
			if (flags)
				memcpy(exo_frame_ptr(v, frame), at, BLK);
			if (exo_io(w->x, &io, flags, &why) < 0)
				FAIL("block %llu: %s", (unsigned long long)io.first, why.text);
			if (!flags)
				memcpy(at, exo_frame_ptr(v, frame), BLK);
		}
	}
	exo_frame_free(w->x, 1, &frame, NULL);
}

int main(void)
{
	static char data[100 * BLK], got[100 * BLK];
	struct world w;
	struct exo_fs *fs;
	struct exo_file *a, *b;
	struct seen s = {.n = 0}, t = {.n = 0}, old;
	struct exo_why why;
	struct stat st;
	u32 frame;

	world_start(&w, 2048, 20000, SIM_VOLATILE, 11);
	world_mkfs(&w, "t", 0);
	fs = world_open(&w, w.x, "t");
	fill(data, sizeof(data), 1);

	/* A small write that is still gathered in memory, then one far behind a hole. */
	WANT(exo_file_open(fs, "a", O_CREAT | O_RDWR, 0644, &a), 0);
	WANT(exo_file_pwrite(a, data, 10 * BLK, 0), 10 * BLK);
	WANT(exo_file_pwrite(a, data + 60 * BLK, 30 * BLK + 5, 60 * BLK), 30 * BLK + 5);
	WANT(exo_file_extents(a, 0, 90 * BLK + 5, 0, note, &s), 0);
	CHECK(blocks_of(&s) == 41 && s.e[0].off == 0);
	for (u32 i = 1; i < s.n; i++)
		CHECK(s.e[i].off >= s.e[i - 1].off + (u64)s.e[i - 1].io.count * BLK);
	/* Dirty in core: the present content all the same. */
	memset(got, 0, sizeof(got));
	transfer(&w, &s, got, 0);
	CHECK(!memcmp(got, data, 10 * BLK) && !memcmp(got + 60 * BLK, data + 60 * BLK, 30 * BLK + 5));
	for (u32 i = 10 * BLK; i < 60 * BLK; i++)
		CHECK(!got[i]);

	/* Only what was asked for, and the callback's word. */
	WANT(exo_file_extents(a, 5 * BLK, 60 * BLK, 0, note, &t), 0);
	CHECK(blocks_of(&t) == 10 && t.e[0].off == 5 * BLK && t.e[0].io.first == s.e[0].io.first + 5);
	t = (struct seen){.stop = 1};
	WANT(exo_file_extents(a, 0, 90 * BLK, 0, note, &t), 77);
	t = (struct seen){.n = 0};
	WANT(exo_file_extents(a, 20 * BLK, 10 * BLK, 0, note, &t), 0);
	CHECK(!t.n);

	/* The other way: blocks first, then content past the cache; only then durable, and there after a walk. */
	WANT(exo_file_open(fs, "b", O_CREAT | O_WRONLY, 0644, &b), 0);
	WANT(exo_file_extents(b, 0, 33 * BLK + 7, EXO_EXTENTS_ALLOC, NULL, NULL), 0);
	WANT(exo_file_stat(b, &st), 0);
	CHECK(st.st_size == 33 * BLK + 7);
	t = (struct seen){.n = 0};
	WANT(exo_file_extents(b, 0, 33 * BLK + 7, 0, note, &t), 0);
	CHECK(blocks_of(&t) == 34);
	transfer(&w, &t, data, EXO_IO_WRITE);
	exo_file_close(b);
	WANT(exo_fs_sync(fs), 0);

	/* A stretch that the file has let go is refused. */
	old = s;
	WANT(exo_file_truncate(a, 0), 0);
	CHECK(!exo_frame_alloc(w.x, 1, &frame, EXO_FRAME_ANY, NULL));
	old.e[0].io.count = 1;
	old.e[0].io.frames = (uintptr_t)&frame;
	CHECK(exo_io(w.x, &old.e[0].io, 0, &why) < 0);
	CHECK(why.code == EXO_R_NOT_CLAIMED || why.code == EXO_R_NOT_IN_CORE);
	exo_frame_free(w.x, 1, &frame, NULL);

	/* Wrong uses. */
	WANT(exo_file_extents(a, -1, 5, 0, note, &t), -EINVAL);
	WANT(exo_file_extents(a, 0, 5, 0, NULL, NULL), -EINVAL);
	WANT(exo_file_extents(a, 0, 5, 8, note, &t), -EINVAL);
	exo_file_close(a);
	WANT(exo_file_open(fs, "b", O_RDONLY, 0, &b), 0);
	WANT(exo_file_extents(b, 0, 5, EXO_EXTENTS_ALLOC, note, &t), -EBADF);
	exo_file_close(b);
	WANT(exo_file_open(fs, "/", O_RDONLY | O_DIRECTORY, 0, &b), 0);
	WANT(exo_file_extents(b, 0, 5, 0, note, &t), -ENODEV);
	exo_file_close(b);

	world_check(fs);
	exo_fs_close(fs);
	world_detach(&w, false);
	world_attach(&w);
	world_no_quarantine(&w);
	fs = world_open(&w, w.x, "t");
	WANT(exo_file_open(fs, "b", O_RDONLY, 0, &b), 0);
	memset(got, 1, sizeof(got));
	WANT(exo_file_pread(b, got, sizeof(got), 0), 33 * BLK + 7);
	CHECK(!memcmp(got, data, 33 * BLK + 7));
	exo_file_close(b);
	world_check(fs);
	exo_fs_close(fs);
	world_stop(&w);
	return 0;
}
