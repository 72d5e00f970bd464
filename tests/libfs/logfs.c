// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * logfs alone: that it writes nothing in place but the super partition, that its cleaner empties segments and loses
 * nothing, and what it has beyond the calls that basic.c and tree.c make: links, exchange, files without a name,
 * attributes, holes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "world.h"

static char data[1 << 20], back[1 << 20];

static void put(struct exo_fs *fs, const char *path, u32 seed, size_t n)
{
	struct exo_file *f;
	size_t i;

	for (i = 0; i < n; i++)
		data[i] = seed * 31 + i / 7 + i;
	WANT(exo_file_open(fs, path, O_CREAT | O_RDWR | O_TRUNC, 0644, &f), 0);
	WANT(exo_file_pwrite(f, data, n, 0), (long long)n);
	exo_file_close(f);
}

static void same(struct exo_fs *fs, const char *path, u32 seed, size_t n)
{
	struct exo_file *f;
	size_t i;

	for (i = 0; i < n; i++)
		data[i] = seed * 31 + i / 7 + i;
	WANT(exo_file_open(fs, path, O_RDONLY, 0, &f), 0);
	WANT(exo_file_pread(f, back, sizeof(back), 0), (long long)n);
	CHECK(!memcmp(back, data, n));
	exo_file_close(f);
}

/* ---- nothing in place ---- */

/*
 * Between two syncs, no write may touch a block that was in use at the first: neither data nor metadata, but for the
 * root's own block (and the module's area in front).
 */
static void nothing_in_place(struct world *w, struct exo_fs *fs)
{
	const struct exo_freemap_head *map = exo_freemap(w->x, w->number);
	u8 *used = calloc(map->blocks, 1);
	struct exo_root_get root;
	char path[40];
	u64 i, writes = 0, in_place = 0;
	size_t at;
	u32 n;

	CHECK(used && !exo_root_find(w->x, w->number, "log", &root, NULL));
	for (n = 0; n < 60; n++) {
		snprintf(path, sizeof(path), "f%u", n);
		put(fs, path, n, 1000 + n * 997);
	}
	WANT(exo_fs_sync(fs), 0);
	for (i = map->first; i < map->blocks; i++)
		used[i] = !exo_block_free(map, i);
	CHECK(!sim_log_start(w->disk));
	for (n = 0; n < 60; n++) {
		struct exo_file *f;

		snprintf(path, sizeof(path), "f%u", n);
		WANT(exo_file_open(fs, path, O_RDWR, 0, &f), 0);
		WANT(exo_file_pwrite(f, "changed", 7, n * 13), 7);
		exo_file_close(f);
		WANT(exo_fs_chmod(fs, path, 0600), 0);
		if (n % 5 == 0)
			WANT(exo_fs_unlink(fs, path), 0);
		else if (n % 7 == 1)
			WANT(exo_fs_rename(fs, path, "new name"), 0);
	}
	WANT(exo_fs_sync(fs), 0);
	for (at = 0; at < sim_log_len(w->disk); at++) {
		const struct sim_log *e = sim_log_at(w->disk, at);

		if (e->op != EXO_OP_WRITE || e->block < map->first)
			continue;
		writes++;
		in_place += used[e->block] && e->block != root.out_start;
	}
	CHECK(writes > 60);
	if (in_place)
		FAIL("%llu of %llu writes hit a block that was in use", (unsigned long long)in_place,
		     (unsigned long long)writes);
	for (n = 0; n < 60; n++) {
		snprintf(path, sizeof(path), "f%u", n);
		if (n % 5 && n % 7 != 1)
			WANT(exo_fs_unlink(fs, path), 0);
	}
	WANT(exo_fs_unlink(fs, "new name"), 0);
	free(used);
}

/* ---- the cleaner ---- */

static u64 whole_segments(const struct exo_freemap_head *map)
{
	u64 s, k, n = 0;

	for (s = 1; s < map->blocks / 256; s++) {
		for (k = 0; k < 256 && exo_block_free(map, s * 256 + k); k++)
			;
		n += k == 256;
	}
	return n;
}

static int progress(void *arg, uint64_t done, uint64_t total)
{
	CHECK(done <= total);
	++*(u32 *)arg;
	return 0;
}

static void cleaner(struct world *w, struct exo_fs *fs)
{
	const struct exo_freemap_head *map = exo_freemap(w->x, w->number);
	u64 before, after;
	char path[40];
	u32 n, told = 0;

	for (n = 0; n < 300; n++) {
		snprintf(path, sizeof(path), "c%u", n);
		put(fs, path, n, 20000 + n * 41);
	}
	WANT(exo_fs_sync(fs), 0);
	for (n = 0; n < 300; n++) {
		snprintf(path, sizeof(path), "c%u", n);
		if (n % 6)
			WANT(exo_fs_unlink(fs, path), 0);
	}
	WANT(exo_fs_sync(fs), 0);
	before = whole_segments(map);
	WANT(exo_fs_defrag(fs, NULL, progress, &told), 0);
	after = whole_segments(map);
	if (after < before + 3 || !told)
		FAIL("whole free segments: %llu before, %llu after", (unsigned long long)before,
		     (unsigned long long)after);
	world_check(fs);
	for (n = 0; n < 300; n += 6) {
		snprintf(path, sizeof(path), "c%u", n);
		same(fs, path, n, 20000 + n * 41);
		WANT(exo_fs_unlink(fs, path), 0);
	}
}

/* ---- the rest ---- */

static void links(struct exo_fs *fs)
{
	struct exo_file *f;
	struct stat st, st2;
	int k;

	put(fs, "a", 1, 5000);
	WANT(exo_fs_mkdir(fs, "d", 0755), 0);
	WANT(exo_at_link(fs, NULL, "a", NULL, "d/b", 0), 0);
	WANT(exo_at_link(fs, NULL, "a", NULL, "d/b", 0), -EEXIST);
	WANT(exo_at_link(fs, NULL, "d", NULL, "d2", 0), -EPERM);
	WANT(exo_fs_stat(fs, "a", 0, &st), 0);
	WANT(exo_fs_stat(fs, "d/b", 0, &st2), 0);
	CHECK(st.st_ino == st2.st_ino && st.st_nlink == 2);
	/* Two names of one file: nothing happens. */
	WANT(exo_fs_rename(fs, "a", "d/b"), 0);
	WANT(exo_fs_stat(fs, "a", 0, &st), 0);
	WANT(exo_fs_unlink(fs, "a"), 0);
	same(fs, "d/b", 1, 5000);
	WANT(exo_fs_stat(fs, "d/b", 0, &st), 0);
	CHECK(st.st_nlink == 1);
	put(fs, "c", 2, 100);
	WANT(exo_at_rename(fs, NULL, "c", NULL, "d/b", RENAME_NOREPLACE), -EEXIST);
	WANT(exo_at_rename(fs, NULL, "c", NULL, "d/b", RENAME_EXCHANGE), 0);
	same(fs, "c", 1, 5000);
	same(fs, "d/b", 2, 100);
	WANT(exo_fs_mkdir(fs, "e", 0755), 0);
	WANT(exo_at_rename(fs, NULL, "d", NULL, "e", RENAME_EXCHANGE), 0);
	same(fs, "e/b", 2, 100);
	WANT(exo_at_rename(fs, NULL, "e", NULL, "e/x", 0), -EINVAL);
	/* Directory and file change places between directories: links of both follow. */
	WANT(exo_fs_mkdir(fs, "e/sub", 0755), 0);
	WANT(exo_at_rename(fs, NULL, "e/sub", NULL, "c", RENAME_EXCHANGE), 0);
	WANT(exo_fs_stat(fs, "e", 0, &st), 0);
	CHECK(st.st_nlink == 2);
	WANT(exo_fs_stat(fs, "c", 0, &st), 0);
	CHECK(S_ISDIR(st.st_mode));
	same(fs, "e/sub", 1, 5000);

	WANT(exo_file_open(fs, "d", O_TMPFILE | O_RDWR, 0600, &f), 0);
	WANT(exo_file_pwrite(f, "hidden", 6, 0), 6);
	WANT(exo_file_stat(f, &st), 0);
	CHECK(st.st_nlink == 0);
	WANT(exo_at_link(fs, f, "", NULL, "d/shown", EXO_FS_EMPTY), 0);
	exo_file_close(f);
	WANT(exo_fs_stat(fs, "d/shown", 0, &st), 0);
	CHECK(st.st_nlink == 1 && st.st_size == 6);
	/* Unlinked and open: lives until it is closed. */
	WANT(exo_file_open(fs, "d/shown", O_RDONLY, 0, &f), 0);
	WANT(exo_fs_unlink(fs, "d/shown"), 0);
	WANT(exo_file_pread(f, back, 10, 0), 6);
	WANT(exo_at_link(fs, f, "", NULL, "again", EXO_FS_EMPTY), 0);
	exo_file_close(f);
	for (k = 0; k < 2; k++)
		WANT(exo_fs_unlink(fs, "again"), k ? -ENOENT : 0);
	WANT(exo_at_mknod(fs, NULL, "pipe", S_IFIFO | 0600, 0), 0);
	WANT(exo_at_mknod(fs, NULL, "null", S_IFCHR | 0666, 0x103), 0);
	WANT(exo_fs_stat(fs, "null", 0, &st), 0);
	CHECK(S_ISCHR(st.st_mode) && st.st_rdev == 0x103);
	world_check(fs);
}

static void attributes(struct exo_fs *fs)
{
	char list[5000], name[40];
	ssize_t got, i, names = 0;
	size_t k;

	put(fs, "x", 3, 10);
	for (k = 0; k < sizeof(data); k++)
		data[k] = k % 251;
	WANT(exo_at_setxattr(fs, NULL, "x", "user.long", data, 65536, 0, 0), 0);
	WANT(exo_at_setxattr(fs, NULL, "x", "user.long", "y", 1, XATTR_CREATE, 0), -EEXIST);
	WANT(exo_at_setxattr(fs, NULL, "x", "user.none", "y", 1, XATTR_REPLACE, 0), -ENODATA);
	WANT(exo_at_setxattr(fs, NULL, "x", "user.empty", "", 0, 0, 0), 0);
	for (i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "user.%zd", i);
		WANT(exo_at_setxattr(fs, NULL, "x", name, name, strlen(name), 0, 0), 0);
	}
	WANT(exo_at_getxattr(fs, NULL, "x", "user.long", NULL, 0, 0), 65536);
	WANT(exo_at_getxattr(fs, NULL, "x", "user.long", back, 100, 0), -ERANGE);
	WANT(exo_at_getxattr(fs, NULL, "x", "user.long", back, 65536, 0), 65536);
	CHECK(!memcmp(back, data, 65536));
	WANT(exo_at_getxattr(fs, NULL, "x", "user.empty", back, 10, 0), 0);
	WANT(exo_at_getxattr(fs, NULL, "x", "user.17", back, 10, 0), 7);
	got = exo_at_listxattr(fs, NULL, "x", list, sizeof(list), 0);
	for (i = 0; i < got; i += strlen(list + i) + 1)
		names++;
	CHECK(names == 42);
	WANT(exo_at_removexattr(fs, NULL, "x", "user.long", 0), 0);
	WANT(exo_at_getxattr(fs, NULL, "x", "user.long", back, 65536, 0), -ENODATA);
	WANT(exo_at_removexattr(fs, NULL, "x", "user.long", 0), -ENODATA);
	WANT(exo_fs_unlink(fs, "x"), 0);
	world_check(fs);
}

static void holes(struct exo_fs *fs)
{
	struct exo_file *f;
	struct stat st;

	put(fs, "h", 9, 100000);
	WANT(exo_file_open(fs, "h", O_RDWR, 0, &f), 0);
	WANT(exo_file_fallocate(f, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 10000, 50000), 0);
	WANT(exo_file_pread(f, back, 100000, 0), 100000);
	CHECK(!memcmp(back, data, 10000) && !memcmp(back + 60000, data + 60000, 40000));
	CHECK(!back[10000] && !memcmp(back + 10000, back + 10001, 49999));
	WANT(exo_file_seek(f, 0, SEEK_HOLE), 12288);
	WANT(exo_file_seek(f, 12288, SEEK_DATA), 57344);
	WANT(exo_file_seek(f, 60000, SEEK_HOLE), 100000);
	WANT(exo_file_seek(f, 100000, SEEK_DATA), -ENXIO);
	WANT(exo_file_fallocate(f, 0, 0, 200000), 0);
	WANT(exo_file_stat(f, &st), 0);
	CHECK(st.st_size == 200000 && st.st_blocks == 49 * 8);
	WANT(exo_file_truncate(f, 5000), 0);
	WANT(exo_file_truncate(f, 9000), 0);
	WANT(exo_file_pread(f, back, 10000, 0), 9000);
	CHECK(!memcmp(back, data, 5000) && !back[5000] && !memcmp(back + 5000, back + 5001, 3999));
	WANT(exo_file_fallocate(f, FALLOC_FL_ZERO_RANGE, 100, 200), 0);
	WANT(exo_file_pread(f, back, 400, 0), 400);
	CHECK(!back[100] && !back[299] && back[300] == data[300] && back[99] == data[99]);
	exo_file_close(f);
	world_check(fs);
}

int main(void)
{
	struct exo_fs *fs;
	struct world w;

	world_start(&w, 2048, 8192, 0, 5);
	world_mkfs(&w, "log", 0);
	fs = world_open(&w, w.x, "log");
	nothing_in_place(&w, fs);
	cleaner(&w, fs);
	links(fs);
	attributes(fs);
	holes(fs);
	WANT(exo_fs_sync(fs), 0);
	exo_fs_close(fs);
	world_detach(&w, false);
	world_attach(&w);
	world_no_quarantine(&w);
	fs = world_open(&w, w.x, "log");
	world_check(fs);
	same(fs, "e/sub", 1, 5000);
	exo_fs_close(fs);
	world_stop(&w);
	return 0;
}
