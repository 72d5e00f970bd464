// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * A directory that was large, was emptied but for one entry and grows again: every name is found where a lookup goes, although the
 * leaf that was left over is not the first of the key's range.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include "world.h"

#define FILES 900

static void grow(struct exo_fs *fs)
{
	struct exo_file *f;
	char path[40];
	int i;

	for (i = 0; i < FILES; i++) {
		snprintf(path, sizeof(path), "f%d", i);
		WANT(exo_file_open(fs, path, O_CREAT | O_EXCL | O_RDWR, 0600, &f), 0);
		WANT(exo_file_pwrite(f, path, strlen(path), 0), (long long)strlen(path));
		exo_file_close(f);
		if (i % 100 == 7)
			world_check(fs);
	}
}

static void empty(struct exo_fs *fs)
{
	char path[40];
	int i;

	for (i = 0; i < FILES; i++) {
		snprintf(path, sizeof(path), "f%d", i);
		WANT(exo_fs_unlink(fs, path), 0);
	}
	world_check(fs);
}

int main(void)
{
	struct world w;
	struct exo_fs *fs;
	struct stat st;
	u64 seed;
	int round;

	/* The hash's key differs by seed, and with it which leaf is left over. */
	for (seed = 1; seed <= 3; seed++) {
		world_start(&w, 4096, 20000, 0, seed);
		world_mkfs(&w, "t", 0);
		fs = world_open(&w, w.x, "t");
		WANT(exo_fs_mkdir(fs, "dir", 0755), 0);
		for (round = 0; round < 3; round++) {
			grow(fs);
			empty(fs);
			WANT(exo_fs_stat(fs, "dir", 0, &st), 0);
		}
		exo_fs_close(fs);
		world_stop(&w);
	}
	return 0;
}
