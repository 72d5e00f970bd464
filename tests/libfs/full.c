// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * A disk that is full, and a quota that is used up: the call says so, what was there stays whole, and after a removal
 * it works again. Also a pool so small that frames have to be given back all the time.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include "world.h"

#define SIZE 30000

static char data[SIZE], got[SIZE + 1];

static int put(struct exo_fs *fs, int n)
{
	char path[40];
	struct exo_file *f;
	ssize_t done = 0;
	int err, i;

	snprintf(path, sizeof(path), "d%d/file %d", n % 4, n);
	for (i = 0; i < SIZE; i++)
		data[i] = n + i / 100;
	err = exo_file_open(fs, path, O_CREAT | O_WRONLY | O_TRUNC, 0644, &f);
	if (err)
		return err;
	while (done < SIZE) {
		ssize_t step = exo_file_pwrite(f, data + done, SIZE - done < 16384 ? SIZE - done : 16384, done);

		if (step < 0) {
			err = step;
			break;
		}
		done += step;
	}
	if (!err)
		err = exo_file_sync(f);
	exo_file_close(f);
	return err;
}

static void same(struct exo_fs *fs, int n)
{
	char path[40];
	struct exo_file *f;
	int i;

	snprintf(path, sizeof(path), "d%d/file %d", n % 4, n);
	for (i = 0; i < SIZE; i++)
		data[i] = n + i / 100;
	WANT(exo_file_open(fs, path, O_RDONLY, 0, &f), 0);
	WANT(exo_file_pread(f, got, SIZE + 1, 0), SIZE);
	CHECK(!memcmp(got, data, SIZE));
	exo_file_close(f);
}

static void drop(struct exo_fs *fs, int n)
{
	char path[40];

	snprintf(path, sizeof(path), "d%d/file %d", n % 4, n);
	WANT(exo_fs_unlink(fs, path), 0);
}

/* Fill, look, remove, fill again. How many files fitted. */
static int cycle(struct exo_fs *fs, int expect)
{
	char path[40];
	int n, i, err, again;

	for (i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "d%d", i);
		err = exo_fs_mkdir(fs, path, 0755);
		CHECK(!err || err == -EEXIST);
	}
	for (n = 0; !(err = put(fs, n)); n++)
		CHECK(n < 100000);
	if (err != expect)
		FAIL("full: %s after %d files, not %s; %s", strerror(-err), n, strerror(-expect), exo_fs_why()->text);
	CHECK(n > 10);
	for (i = 0; i < n; i++)
		same(fs, i);
	world_check(fs);
	drop(fs, n);
	for (i = 0; i < n; i += 2)
		drop(fs, i);
	world_check(fs);
	for (i = 1; i < n; i += 2)
		same(fs, i);
	for (i = 0, again = 0; i < n; i += 2, again++) {
		err = put(fs, i);
		if (err)
			break;
	}
	/* A directory block more or less, but not a leak. */
	if (again < n / 2 - 3)
		FAIL("only %d of %d files fit again: %s", again, n / 2, strerror(-err));
	for (i = 1; i < n; i += 2)
		same(fs, i);
	world_check(fs);
	return n;
}

int main(void)
{
	struct exo_fs *fs, *small;
	struct world w;
	int n, m;

	/* 96 frames: less than one file at the limit of a quarter, so nearly every block is bound anew. */
	world_start(&w, 96, 4096, SIM_VOLATILE, 9);
	world_mkfs(&w, "quota", 300);
	small = world_open(&w, w.x, "quota");
	m = cycle(small, -EDQUOT);
	CHECK(m >= 300 / 8 - 8 && m <= 300 / 8);
	world_mkfs(&w, "rest", 0);
	fs = world_open(&w, w.x, "rest");
	n = cycle(fs, -ENOSPC);
	CHECK(n > 300);
	WANT(exo_fs_sync(fs), 0);
	exo_fs_close(small);
	exo_fs_close(fs);
	world_detach(&w, false);
	world_attach(&w);
	world_no_quarantine(&w);
	fs = world_open(&w, w.x, "rest");
	world_check(fs);
	same(fs, 1);
	exo_fs_close(fs);
	world_stop(&w);
	return 0;
}
