// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Laying out anew: a file in many pieces gets one run, small files of a directory go behind one another, holes stay,
 * and nothing else about them changes; what another process has bound stays where it is; what it stores at the last
 * moment is kept; and what stops in the middle leaves the tree as sound as before.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include "world.h"

#define BLK 4096u

static u8 data[400 * BLK], got[400 * BLK];

struct shape {
	u32 pieces, blocks;
	u64 first, end;
};

static int note(void *arg, const struct exo_file_extent *e)
{
	struct shape *s = arg;

	if (!s->blocks)
		s->first = e->io.first;
	s->pieces += !s->blocks || e->io.first != s->end;
	s->blocks += e->io.count;
	s->end = e->io.first + e->io.count;
	return 0;
}

static struct shape shape(struct exo_fs *fs, const char *path)
{
	struct shape s = {.pieces = 0};
	struct exo_file *f;

	WANT(exo_file_open(fs, path, O_RDONLY, 0, &f), 0);
	WANT(exo_file_extents(f, 0, 1 << 30, 0, note, &s), 0);
	exo_file_close(f);
	return s;
}

static void fill(u32 seed)
{
	u64 s = seed;

	for (u32 i = 0; i < sizeof(data); i += 8)
		*(u64 *)(data + i) = sim_random(&s);
}

/* Two files that grow in turns, so that neither has neighbouring blocks. */
static void interleave(struct exo_fs *fs, const char *a, const char *b, u32 blocks)
{
	struct exo_file *f[2];

	WANT(exo_file_open(fs, a, O_CREAT | O_RDWR, 0640, &f[0]), 0);
	WANT(exo_file_open(fs, b, O_CREAT | O_RDWR, 0640, &f[1]), 0);
	for (u32 i = 0; i < blocks; i++)
		for (u32 k = 0; k < 2; k++) {
			fill(1 + k);
			WANT(exo_file_pwrite(f[k], data + i * BLK, BLK, i * BLK), BLK);
			WANT(exo_file_flush(f[k]), 0);
		}
	exo_file_close(f[0]);
	exo_file_close(f[1]);
}

static void holds(struct exo_fs *fs, const char *path, u32 seed, u32 blocks)
{
	struct exo_file *f;

	fill(seed);
	WANT(exo_file_open(fs, path, O_RDONLY, 0, &f), 0);
	WANT(exo_file_pread(f, got, sizeof(got), 0), blocks * BLK);
	CHECK(!memcmp(got, data, blocks * BLK));
	exo_file_close(f);
}

struct told {
	u64 last, total;
	u32 calls, stop;
};

static int tell(void *arg, uint64_t done, uint64_t total)
{
	struct told *t = arg;

	CHECK(done >= t->last && done <= total);
	t->last = done;
	t->total = total;
	return ++t->calls == t->stop ? -EINTR : 0;
}

static void large(struct exo_fs *fs)
{
	struct told t = {.last = 0};
	struct stat before, after;
	struct shape s;

	interleave(fs, "a", "b", 300);
	s = shape(fs, "a");
	CHECK(s.pieces > 100);
	WANT(exo_fs_stat(fs, "a", 0, &before), 0);
	/* One that is stopped leaves all as it should be. */
	t.stop = 1;
	WANT(exo_fs_defrag(fs, NULL, tell, &t), -EINTR);
	holds(fs, "a", 1, 300);
	holds(fs, "b", 2, 300);
	world_check(fs);
	t = (struct told){.last = 0};
	WANT(exo_fs_defrag(fs, NULL, tell, &t), 0);
	CHECK(t.calls && t.last == t.total && t.total >= 600);
	s = shape(fs, "a");
	CHECK(s.pieces == 1 && s.blocks == 300);
	CHECK(shape(fs, "b").pieces == 1);
	WANT(exo_fs_stat(fs, "a", 0, &after), 0);
	CHECK(before.st_ino == after.st_ino && before.st_size == after.st_size &&
	      before.st_mtim.tv_nsec == after.st_mtim.tv_nsec && before.st_mtim.tv_sec == after.st_mtim.tv_sec);
	/* Without its map blocks now. */
	CHECK(after.st_blocks == 300 * 8 && before.st_blocks > after.st_blocks);
	holds(fs, "a", 1, 300);
	holds(fs, "b", 2, 300);
	world_check(fs);
	/* Nothing is left to do. */
	u64 was = shape(fs, "a").first;

	WANT(exo_fs_defrag(fs, "a", NULL, NULL), 0);
	CHECK(shape(fs, "a").first == was);
}

static void sparse(struct exo_fs *fs)
{
	struct exo_file *f[2];
	struct stat before, after;

	WANT(exo_file_open(fs, "holes", O_CREAT | O_RDWR, 0600, &f[0]), 0);
	WANT(exo_file_open(fs, "other", O_CREAT | O_RDWR, 0600, &f[1]), 0);
	fill(3);
	for (u32 i = 0; i < 200; i++)
		for (u32 k = 0; k < 2; k++) {
			if (i % 50 >= 30)
				continue;
			WANT(exo_file_pwrite(f[k], data + i * BLK, BLK, i * BLK), BLK);
			WANT(exo_file_flush(f[k]), 0);
		}
	CHECK(shape(fs, "holes").pieces > 50);
	WANT(exo_file_stat(f[0], &before), 0);
	WANT(exo_fs_defrag(fs, "holes", NULL, NULL), 0);
	CHECK(shape(fs, "holes").pieces <= 4 && shape(fs, "holes").blocks == 120);
	WANT(exo_file_stat(f[0], &after), 0);
	CHECK(after.st_size == before.st_size && after.st_blocks <= before.st_blocks);
	/* An open handle sees what it saw. */
	WANT(exo_file_pread(f[0], got, 180 * BLK, 0), 180 * BLK);
	for (u32 i = 0; i < 180; i++)
		for (u32 k = 0; k < BLK; k++)
			CHECK(got[i * BLK + k] == (i % 50 < 30 ? data[i * BLK + k] : 0));
	WANT(exo_file_pwrite(f[0], "new", 3, 5), 3);
	WANT(exo_file_pread(f[0], got, 3, 5), 3);
	CHECK(!memcmp(got, "new", 3));
	exo_file_close(f[0]);
	exo_file_close(f[1]);
	world_check(fs);
}

/* Files of one block in two directories, made in turns with others that are gone. */
static u32 apart(struct exo_fs *fs, const char *dir)
{
	static u64 at[400];
	char path[40];
	u32 i, k, n = 0, breaks = 0;

	for (i = 0; i < 100; i++) {
		snprintf(path, sizeof(path), "%s/f%u", dir, i);
		at[n++] = shape(fs, path).first;
	}
	/* In the order of the disk: how often is the next one not the neighbour? */
	for (i = 0; i < n; i++)
		for (k = i + 1; k < n; k++)
			if (at[k] < at[i]) {
				u64 t = at[i];

				at[i] = at[k];
				at[k] = t;
			}
	for (i = 1; i < n; i++)
		breaks += at[i] != at[i - 1] + 1;
	return breaks;
}

static void small(struct exo_fs *fs)
{
	struct exo_file *f;
	char path[40];

	WANT(exo_fs_mkdir(fs, "one", 0755), 0);
	WANT(exo_fs_mkdir(fs, "gone", 0755), 0);
	for (u32 i = 0; i < 100; i++)
		for (u32 k = 0; k < 2; k++) {
			/* Right behind each other only by chance. */
			snprintf(path, sizeof(path), "%s/f%u", k ? "gone" : "one", i);
			WANT(exo_file_open(fs, path, O_CREAT | O_RDWR, 0600, &f), 0);
			WANT(exo_file_pwrite(f, path, sizeof(path), 0), sizeof(path));
			exo_file_close(f);
			snprintf(path, sizeof(path), "%s/x%u", k ? "gone" : "one", i);
			WANT(exo_file_open(fs, path, O_CREAT | O_RDWR, 0600, &f), 0);
			WANT(exo_file_pwrite(f, data, (1 + i % 3) * BLK, 0), (1 + i % 3) * BLK);
			exo_file_close(f);
		}
	for (u32 i = 0; i < 100; i++) {
		snprintf(path, sizeof(path), "one/x%u", i);
		WANT(exo_fs_unlink(fs, path), 0);
	}
	/* A second name beside the first. */
	WANT(exo_at_link(fs, NULL, "one/f7", NULL, "one/second", 0), 0);
	CHECK(apart(fs, "one") > 30);
	WANT(exo_fs_defrag(fs, "one", NULL, NULL), 0);
	CHECK(apart(fs, "one") <= 6);
	for (u32 i = 0; i < 100; i++) {
		char have[40];

		memset(path, 0, sizeof(path));
		snprintf(path, sizeof(path), "one/f%u", i);
		WANT(exo_file_open(fs, path, O_RDONLY, 0, &f), 0);
		WANT(exo_file_pread(f, have, sizeof(have), 0), sizeof(have));
		CHECK(!strcmp(have, path));
		exo_file_close(f);
	}
	world_check(fs);
}

/* Another process that has read the file has it bound. */
static void in_use(struct world *w, struct exo_fs *fs)
{
	struct exo *x = world_handle(w);
	struct exo_fs *other = world_open(w, x, "t");
	struct exo_file *f;
	u32 pieces;

	interleave(fs, "c", "d", 100);
	pieces = shape(fs, "c").pieces;
	WANT(exo_file_open(other, "c", O_RDWR, 0, &f), 0);
	WANT(exo_file_pread(f, got, BLK, 50 * BLK), BLK);
	WANT(exo_fs_defrag(fs, NULL, NULL, NULL), 0);
	CHECK(shape(fs, "c").pieces == pieces);
	CHECK(shape(fs, "d").pieces == 1);
	WANT(exo_file_pwrite(f, "here", 4, 50 * BLK), 4);
	exo_file_close(f);
	exo_fs_close(other);
	exo_close(x);
	/* Now nobody has. What was written is moved with it. */
	WANT(exo_fs_defrag(fs, NULL, NULL, NULL), 0);
	CHECK(shape(fs, "c").pieces == 1);
	WANT(exo_file_open(fs, "c", O_RDONLY, 0, &f), 0);
	WANT(exo_file_pread(f, got, 4, 50 * BLK), 4);
	CHECK(!memcmp(got, "here", 4));
	exo_file_close(f);
	holds(fs, "d", 2, 100);
	world_check(fs);
}

/* No room for a run: then it stays, and nothing is lost. */
static void crowded(struct exo_fs *fs)
{
	struct exo_file *f;
	u32 i;
	int err = 0;

	interleave(fs, "e", "f", 300);
	WANT(exo_file_open(fs, "fill", O_CREAT | O_WRONLY, 0600, &f), 0);
	for (i = 0; !err; i++) {
		ssize_t n = exo_file_pwrite(f, data, 100 * BLK, (off_t)i * 100 * BLK);

		err = n < 0 ? n : n < (ssize_t)(100 * BLK) ? -ENOSPC : 0;
	}
	CHECK(err == -ENOSPC);
	exo_file_close(f);
	WANT(exo_fs_defrag(fs, NULL, NULL, NULL), 0);
	holds(fs, "e", 1, 300);
	holds(fs, "f", 2, 300);
	world_check(fs);
	WANT(exo_fs_unlink(fs, "fill"), 0);
	WANT(exo_fs_sync(fs), 0);
	WANT(exo_fs_defrag(fs, NULL, NULL, NULL), 0);
	CHECK(shape(fs, "e").pieces == 1);
	holds(fs, "e", 1, 300);
	world_check(fs);
}

int main(void)
{
	struct world w;
	struct exo_fs *fs;

	world_start(&w, 4096, 12000, SIM_VOLATILE, 21);
	world_mkfs(&w, "t", 0);
	fs = world_open(&w, w.x, "t");
	large(fs);
	sparse(fs);
	small(fs);
	in_use(&w, fs);
	crowded(fs);
	WANT(exo_fs_sync(fs), 0);
	exo_fs_close(fs);
	world_detach(&w, true);
	world_attach(&w);
	world_no_quarantine(&w);
	fs = world_open(&w, w.x, "t");
	holds(fs, "a", 1, 300);
	holds(fs, "e", 1, 300);
	world_check(fs);
	exo_fs_close(fs);
	world_stop(&w);
	return 0;
}
