// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Blocks ahead, holes and extended attributes: random operations beside a model in memory, then the same after a
 *detach; and the cases with a name in POSIX or in the manual pages.
 *
 *	cffs-space [SEED [STEPS]]
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "world.h"
#include "../../libfs/type.h"

#define ROOM 400000
#define NAMES 12

static struct world w;
static u64 state;
static u8 model[ROOM], got[ROOM], some[ROOM];
static size_t size;

static u32 below(u32 n)
{
	return (u32)(sim_random(&state) >> 20) % n;
}

static void compare(struct exo_file *f)
{
	struct stat st;

	WANT(exo_file_stat(f, &st), 0);
	CHECK((size_t)st.st_size == size);
	memset(got, 0xee, sizeof(got));
	WANT(exo_file_pread(f, got, ROOM, 0), (long long)size);
	CHECK(!memcmp(got, model, size));
}

static void resize(size_t to)
{
	if (to < size)
		memset(model + to, 0, size - to);
	size = to;
}

static void step(struct exo_file *f)
{
	u32 off = below(ROOM - 70000), len = 1 + below(below(4) ? 5000 : 60000), i;

	if (!below(3))
		off &= ~4095u, len = (len + 4095) & ~4095u;
	switch (below(8)) {
	case 0:
	case 1:
	case 2:
		for (i = 0; i < len; i++)
			some[i] = below(256);
		WANT(exo_file_pwrite(f, some, len, off), len);
		memcpy(model + off, some, len);
		if (off + len > size)
			size = off + len;
		break;
	case 3:
		WANT(exo_file_truncate(f, off), 0);
		resize(off);
		break;
	case 4:
		WANT(exo_file_fallocate(f, 0, off, len), 0);
		if (off + len > size)
			size = off + len;
		break;
	case 5:
		WANT(exo_file_fallocate(f, FALLOC_FL_KEEP_SIZE, off, len), 0);
		break;
	case 6:
		WANT(exo_file_fallocate(f, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, off, len), 0);
		memset(model + off, 0, len);
		break;
	case 7:
		i = below(2);
		WANT(exo_file_fallocate(f, FALLOC_FL_ZERO_RANGE | (i ? FALLOC_FL_KEEP_SIZE : 0), off, len), 0);
		memset(model + off, 0, len);
		if (!i && off + len > size)
			size = off + len;
		break;
	}
}

static void random_space(struct exo_fs *fs, u32 steps)
{
	struct exo_file *f;
	u32 i;

	WANT(exo_file_open(fs, "random", O_CREAT | O_RDWR, 0644, &f), 0);
	for (i = 0; i < steps; i++) {
		step(f);
		if (i % 5 == 0)
			compare(f);
		if (i % 100 == 99) {
			exo_file_close(f);
			WANT(exo_fs_sync(fs), 0);
			WANT(exo_file_open(fs, "random", O_RDWR, 0644, &f), 0);
		}
	}
	compare(f);
	exo_file_close(f);
}

/* One of them may be the map's. */
static bool blocks_are(const struct stat *st, u32 n)
{
	return st->st_blocks == n * 8 || st->st_blocks == n * 8 + 8;
}

static void holes(struct exo_fs *fs)
{
	struct exo_file *f;
	struct stat st;

	WANT(exo_file_open(fs, "holes", O_CREAT | O_RDWR, 0644, &f), 0);
	WANT(exo_file_seek(f, 0, SEEK_DATA), -ENXIO);
	WANT(exo_file_pwrite(f, "x", 1, 40960), 1);
	WANT(exo_file_seek(f, 0, SEEK_DATA), 40960);
	WANT(exo_file_seek(f, 5, SEEK_HOLE), 5);
	WANT(exo_file_seek(f, 40960, SEEK_HOLE), 40961);
	WANT(exo_file_seek(f, 40961, SEEK_HOLE), -ENXIO);
	WANT(exo_file_fallocate(f, FALLOC_FL_KEEP_SIZE, 0, 100 * 4096), 0);
	WANT(exo_file_stat(f, &st), 0);
	CHECK(st.st_size == 40961 && blocks_are(&st, 100));
	WANT(exo_file_fallocate(f, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 8 * 4096), 0);
	WANT(exo_file_seek(f, 0, SEEK_HOLE), 4096);
	WANT(exo_file_seek(f, 4096, SEEK_DATA), 9 * 4096);
	WANT(exo_file_stat(f, &st), 0);
	CHECK(blocks_are(&st, 92));
	/* What was wanted behind the end goes with a truncation, also to the same size. */
	WANT(exo_file_truncate(f, 40961), 0);
	WANT(exo_file_stat(f, &st), 0);
	CHECK(blocks_are(&st, 3) && st.st_size == 40961);
	WANT(exo_file_fallocate(f, 0, 0, 0), -EINVAL);
	WANT(exo_file_fallocate(f, 0, (off_t)17 << 40, 1), -EFBIG);
	WANT(exo_file_fallocate(f, 0, 0, (off_t)1 << 40), -ENOSPC);
	WANT(exo_file_truncate(f, 0), 0);
	exo_file_close(f);
}

/* ---- attributes ---- */

static u8 values[NAMES][70000];
static int lens[NAMES];

static void one_attr(struct exo_fs *fs, const char *path, bool large)
{
	u32 i = below(NAMES), len = large && !below(3) ? below(65537) : below(50), k;
	char name[40];
	int err;

	snprintf(name, sizeof(name), "user.name-%u", i);
	if (!below(4)) {
		err = exo_at_removexattr(fs, NULL, path, name, 0);
		CHECK(err == (lens[i] < 0 ? -ENODATA : 0));
		lens[i] = -1;
	} else {
		for (k = 0; k < len; k++)
			some[k] = below(256);
		k = below(3);
		err = exo_at_setxattr(fs, NULL, path, name, some, len,
				      k == 1 ? XATTR_CREATE
				      : k    ? XATTR_REPLACE
					     : 0,
				      0);
		CHECK(err == (k == 1 && lens[i] >= 0 ? -EEXIST : k == 2 && lens[i] < 0 ? -ENODATA : 0));
		if (err)
			return;
		memcpy(values[i], some, len);
		lens[i] = len;
	}
}

static void same_attrs(struct exo_fs *fs, const char *path)
{
	size_t list = 0;
	char name[40];
	u32 i;

	for (i = 0; i < NAMES; i++) {
		snprintf(name, sizeof(name), "user.name-%u", i);
		WANT(exo_at_getxattr(fs, NULL, path, name, got, sizeof(got), 0), lens[i] < 0 ? -ENODATA : lens[i]);
		CHECK(lens[i] < 0 || !memcmp(got, values[i], lens[i]));
		WANT(exo_at_getxattr(fs, NULL, path, name, NULL, 0, 0), lens[i] < 0 ? -ENODATA : lens[i]);
		if (lens[i] >= 0)
			list += strlen(name) + 1;
	}
	WANT(exo_at_listxattr(fs, NULL, path, (char *)got, sizeof(got), 0), (long long)list);
	WANT(exo_at_listxattr(fs, NULL, path, NULL, 0, 0), (long long)list);
}

static void attrs(struct exo_fs *fs, const char *path, bool large)
{
	u32 i;

	memset(lens, 0xff, sizeof(lens));
	for (i = 0; i < 60; i++) {
		one_attr(fs, path, large);
		if (i % 4 == 0)
			same_attrs(fs, path);
	}
	same_attrs(fs, path);
}

static void cases(struct exo_fs *fs)
{
	struct stat st, st2;
	struct exo_file *f;

	WANT(exo_at_setxattr(fs, NULL, "attrs", "user.x", "12345", 5, 0, 0), 0);
	WANT(exo_at_getxattr(fs, NULL, "attrs", "user.x", got, 4, 0), -ERANGE);
	WANT(exo_at_listxattr(fs, NULL, "attrs", (char *)got, 3, 0), -ERANGE);
	WANT(exo_at_setxattr(fs, NULL, "attrs", "user.", "", 0, 0, 0), -EINVAL);
	WANT(exo_at_setxattr(fs, NULL, "attrs", "other.x", "", 0, 0, 0), -EOPNOTSUPP);
	WANT(exo_at_setxattr(fs, NULL, "attrs", "user.x", some, 65537, 0, 0), -E2BIG);
	/* A file keeps number, content and names when it moves to the table; a write by another clears set-id. */
	WANT(exo_file_open(fs, "setid", O_CREAT | O_RDWR, 0666, &f), 0);
	WANT(exo_file_pwrite(f, "abc", 3, 0), 3);
	WANT(exo_fs_stat(fs, "setid", 0, &st), 0);
	WANT(exo_at_setxattr(fs, NULL, "setid", "user.y", "", 0, 0, 0), 0);
	WANT(exo_fs_stat(fs, "setid", 0, &st2), 0);
	CHECK(st.st_ino == st2.st_ino && st2.st_size == 3 && st2.st_nlink == 1);
	WANT(exo_file_pread(f, got, 10, 0), 3);
	WANT(exo_fs_chmod(fs, "setid", 06777), 0);
	WANT(exo_file_pwrite(f, "abc", 3, 0), 3);
	WANT(exo_fs_stat(fs, "setid", 0, &st), 0);
	CHECK((st.st_mode & 07777) == 06777);
	fs->cred.uid = 1000;
	WANT(exo_file_pwrite(f, "abc", 3, 0), 3);
	WANT(exo_fs_stat(fs, "setid", 0, &st), 0);
	CHECK((st.st_mode & 07777) == 0777);
	fs->cred.uid = 0;
	exo_file_close(f);
}

int main(int argc, char **argv)
{
	u32 steps = argc > 2 ? atoi(argv[2]) : 600;
	struct exo_file *f;
	struct exo_fs *fs;

	state = argc > 1 ? strtoull(argv[1], NULL, 0) : 5;
	world_start(&w, 4096, 60000, SIM_VOLATILE, 9);
	world_mkfs(&w, "t", 0);
	fs = world_open(&w, w.x, "t");
	holes(fs);
	random_space(fs, steps);
	world_check(fs);
	WANT(exo_fs_mkdir(fs, "dir", 0755), 0);
	WANT(exo_file_open(fs, "attrs", O_CREAT | O_RDWR, 0644, &f), 0);
	exo_file_close(f);
	attrs(fs, "dir", false);
	attrs(fs, "/", true);
	attrs(fs, "attrs", true);
	world_check(fs);
	WANT(exo_fs_sync(fs), 0);
	exo_fs_close(fs);
	world_detach(&w, false);
	world_attach(&w);
	world_no_quarantine(&w);
	fs = world_open(&w, w.x, "t");
	same_attrs(fs, "attrs");
	WANT(exo_file_open(fs, "random", O_RDONLY, 0, &f), 0);
	compare(f);
	exo_file_close(f);
	cases(fs);
	world_check(fs);
	WANT(exo_fs_unlink(fs, "attrs"), 0);
	WANT(exo_fs_rmdir(fs, "dir"), 0);
	WANT(exo_fs_unlink(fs, "random"), 0);
	world_check(fs);
	exo_fs_close(fs);
	world_stop(&w);
	return 0;
}
