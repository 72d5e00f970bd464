// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Each call of the tree once or twice with what POSIX says it gives; then the same tree after a detach and a walk. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <string.h>
#include "world.h"

static char big[3 << 20], back[3 << 20];

static void put(struct exo_fs *fs, const char *path, const void *data, size_t n, size_t step)
{
	struct exo_file *f;
	size_t at;

	WANT(exo_file_open(fs, path, O_CREAT | O_WRONLY | O_TRUNC, 0644, &f), 0);
	for (at = 0; at < n; at += step)
		WANT(exo_file_pwrite(f, (const char *)data + at, n - at < step ? n - at : step, at),
		     (long long)(n - at < step ? n - at : step));
	exo_file_close(f);
}

static void same(struct exo_fs *fs, const char *path, const void *data, size_t n)
{
	struct exo_file *f;
	struct stat st;

	WANT(exo_fs_stat(fs, path, 0, &st), 0);
	CHECK(st.st_size == (off_t)n);
	WANT(exo_file_open(fs, path, O_RDONLY, 0, &f), 0);
	memset(back, 0xee, n < sizeof(back) ? n + 1 : n);
	WANT(exo_file_pread(f, back, n + 100, 0), (long long)n);
	CHECK(!memcmp(back, data, n));
	WANT(exo_file_pread(f, back, 10, n), 0);
	exo_file_close(f);
}

static int count_entry(void *arg, const struct exo_dirent *d)
{
	CHECK(strlen(d->name) == d->len);
	++*(int *)arg;
	return 0;
}

static int entries(struct exo_fs *fs, const char *path)
{
	struct exo_file *f;
	int n = 0;

	WANT(exo_file_open(fs, path, O_RDONLY | O_DIRECTORY, 0, &f), 0);
	WANT(exo_file_readdir(f, 0, count_entry, &n), 0);
	exo_file_close(f);
	return n;
}

static void names(struct exo_fs *fs)
{
	char buf[5000], longname[256], path[300];
	struct stat st, st2;
	struct timespec ts[2] = {{5, 6}, {-7, 8}};
	struct exo_file *f;

	WANT(exo_fs_mkdir(fs, "/a", 0755), 0);
	WANT(exo_fs_mkdir(fs, "a", 0755), -EEXIST);
	WANT(exo_fs_mkdir(fs, "a/b/", 0750), 0);
	WANT(exo_fs_mkdir(fs, "x/y", 0755), -ENOENT);
	WANT(exo_fs_mkdir(fs, "/", 0755), -EEXIST);
	WANT(exo_fs_mkdir(fs, "", 0755), -ENOENT);
	WANT(exo_fs_stat(fs, "a/b/../b/./..", 0, &st), 0);
	WANT(exo_fs_stat(fs, "/a", 0, &st2), 0);
	CHECK(st.st_ino == st2.st_ino && S_ISDIR(st.st_mode) && (st.st_mode & 07777) == 0755);
	WANT(exo_fs_stat(fs, "../../a", 0, &st), 0);
	put(fs, "a/f", "hello", 5, 5);
	same(fs, "a/f", "hello", 5);
	WANT(exo_fs_stat(fs, "a/f/", 0, &st), -ENOTDIR);
	WANT(exo_fs_stat(fs, "a/f/g", 0, &st), -ENOTDIR);
	WANT(exo_fs_rmdir(fs, "a"), -ENOTEMPTY);
	WANT(exo_fs_rmdir(fs, "a/f"), -ENOTDIR);
	WANT(exo_fs_unlink(fs, "a"), -EISDIR);
	WANT(exo_fs_unlink(fs, "a/none"), -ENOENT);
	WANT(exo_fs_rmdir(fs, "/"), -EBUSY);
	WANT(exo_fs_rmdir(fs, "a/."), -EINVAL);

	WANT(exo_fs_symlink(fs, "f", "a/l"), 0);
	WANT(exo_fs_readlink(fs, "a/l", buf, sizeof(buf)), 1);
	CHECK(buf[0] == 'f');
	same(fs, "a/l", "hello", 5);
	WANT(exo_fs_stat(fs, "a/l", EXO_FS_NOFOLLOW, &st), 0);
	CHECK(S_ISLNK(st.st_mode) && st.st_size == 1);
	memset(buf, 'q', 4000);
	buf[4000] = 0;
	WANT(exo_fs_symlink(fs, buf, "a/long"), 0);
	memset(big, 0, 4096);
	WANT(exo_fs_readlink(fs, "a/long", big, 4096), 4000);
	CHECK(!memcmp(buf, big, 4001));
	WANT(exo_fs_symlink(fs, "loop2", "loop1"), 0);
	WANT(exo_fs_symlink(fs, "loop1", "loop2"), 0);
	WANT(exo_fs_stat(fs, "loop1", 0, &st), -ELOOP);
	WANT(exo_fs_symlink(fs, "../a/b", "a/dir"), 0);
	put(fs, "a/dir/inside", "x", 1, 1);
	same(fs, "a/b/inside", "x", 1);
	WANT(exo_fs_symlink(fs, "b/made", "a/dangling"), 0);
	put(fs, "a/dangling", "made", 4, 4);
	same(fs, "a/b/made", "made", 4);
	WANT(exo_file_open(fs, "a/dangling", O_CREAT | O_EXCL | O_RDWR, 0600, &f), -EEXIST);
	WANT(exo_file_open(fs, "a/l", O_RDONLY | O_NOFOLLOW, 0, &f), -ELOOP);
	WANT(exo_file_open(fs, "a/f", O_RDONLY | O_DIRECTORY, 0, &f), -ENOTDIR);
	WANT(exo_file_open(fs, "a", O_RDWR, 0, &f), -EISDIR);
	WANT(exo_file_open(fs, "a/none", O_RDONLY, 0, &f), -ENOENT);

	memset(longname, 'n', 255);
	longname[255] = 0;
	snprintf(path, sizeof(path), "a/%s", longname);
	put(fs, path, "long", 4, 4);
	same(fs, path, "long", 4);
	snprintf(path, sizeof(path), "a/%sx", longname);
	WANT(exo_fs_mkdir(fs, path, 0755), -ENAMETOOLONG);

	WANT(exo_fs_chmod(fs, "a/f", 04711), 0);
	WANT(exo_fs_chown(fs, "a/f", 1234, (gid_t)-1, 0), 0);
	WANT(exo_fs_utimens(fs, "a/f", ts, 0), 0);
	WANT(exo_fs_stat(fs, "a/f", 0, &st), 0);
	CHECK(st.st_mode == (S_IFREG | 0711) && st.st_uid == 1234 && st.st_gid == getegid());
	CHECK(st.st_atim.tv_sec == 5 && st.st_atim.tv_nsec == 6 && st.st_mtim.tv_sec == -7 && st.st_mtim.tv_nsec == 8);
	ts[0].tv_nsec = 1000000000;
	WANT(exo_fs_utimens(fs, "a/f", ts, 0), -EINVAL);

	WANT(exo_fs_rename(fs, "a/f", "a/g"), 0);
	WANT(exo_fs_stat(fs, "a/f", 0, &st2), -ENOENT);
	WANT(exo_fs_stat(fs, "a/g", 0, &st2), 0);
	CHECK(st.st_ino == st2.st_ino);
	WANT(exo_fs_rename(fs, "a/g", "a/b/g"), 0);
	same(fs, "a/b/g", "hello", 5);
	put(fs, "a/h", "other", 5, 5);
	WANT(exo_fs_rename(fs, "a/h", "a/b/g"), 0);
	same(fs, "a/b/g", "other", 5);
	WANT(exo_fs_rename(fs, "a", "a/b/c"), -EINVAL);
	WANT(exo_fs_rename(fs, "a/b", "a/b"), 0);
	WANT(exo_fs_rename(fs, "a/b/g", "a/b"), -ENOTEMPTY);
	WANT(exo_fs_mkdir(fs, "other", 0700), 0);
	WANT(exo_fs_rename(fs, "a/b/g", "other"), -EISDIR);
	WANT(exo_fs_rmdir(fs, "other"), 0);
	WANT(exo_fs_rename(fs, "a/b", "a/l"), -ENOTDIR);
	WANT(exo_fs_rename(fs, "none", "a/l"), -ENOENT);
	WANT(exo_fs_mkdir(fs, "d", 0700), 0);
	WANT(exo_fs_rename(fs, "d", "a/b"), -ENOTEMPTY);
	WANT(exo_fs_mkdir(fs, "e", 0700), 0);
	WANT(exo_fs_rename(fs, "a/b", "e"), 0);
	same(fs, "e/g", "other", 5);
	WANT(exo_fs_rename(fs, "a/l", "e/l"), 0);
	WANT(exo_fs_readlink(fs, "e/l", buf, sizeof(buf)), 1);
	WANT(exo_fs_stat(fs, "a/l", EXO_FS_NOFOLLOW, &st), -ENOENT);
	WANT(exo_fs_rmdir(fs, "d"), 0);
}

static void data(struct exo_fs *fs)
{
	struct exo_file *f, *g;
	const void *at;
	struct stat st;
	size_t i;

	for (i = 0; i < sizeof(big); i++)
		big[i] = i * 7 + i / 4096;
	put(fs, "one", big, sizeof(big), sizeof(big));
	same(fs, "one", big, sizeof(big));
	put(fs, "steps", big, 300000, 1000);
	same(fs, "steps", big, 300000);
	put(fs, "blocks", big, 400000, 4096);
	same(fs, "blocks", big, 400000);

	/* Holes, both sides of them, and far ends. */
	WANT(exo_file_open(fs, "sparse", O_CREAT | O_RDWR, 0600, &f), 0);
	WANT(exo_file_pwrite(f, "end", 3, 50000000), 3);
	WANT(exo_file_pwrite(f, "begin", 5, 10), 5);
	WANT(exo_file_stat(f, &st), 0);
	CHECK(st.st_size == 50000003 && st.st_blocks == 16);
	WANT(exo_file_pread(f, back, 20, 0), 20);
	CHECK(!memcmp(back, "\0\0\0\0\0\0\0\0\0\0begin\0\0\0\0\0", 20));
	WANT(exo_file_pread(f, back, 100, 49999990), 13);
	CHECK(!memcmp(back, "\0\0\0\0\0\0\0\0\0\0end", 13));
	WANT(exo_file_peek(f, 20000, &at), 4096 - 20000 % 4096);
	CHECK(((const char *)at)[0] == 0);
	WANT(exo_file_peek(f, 50000000, &at), 3);
	CHECK(!memcmp(at, "end", 3));
	WANT(exo_file_peek(f, 50000003, &at), 0);
	WANT(exo_file_pwrite(f, "x", 1, (16ll << 40) - 4097), 1);
	WANT(exo_file_pread(f, back, 10, (16ll << 40) - 4097), 1);
	WANT(exo_file_pwrite(f, "x", 1, (16ll << 40) - 4096), -EFBIG);
	WANT(exo_file_truncate(f, 12), 0);
	WANT(exo_file_truncate(f, 6000), 0);
	WANT(exo_file_pread(f, back, 6000, 0), 6000);
	CHECK(!memcmp(back, "\0\0\0\0\0\0\0\0\0\0be\0\0\0", 15));
	for (i = 15; i < 6000; i++)
		CHECK(!back[i]);
	exo_file_close(f);

	/* Scattered blocks need map blocks; then all of it goes again. */
	WANT(exo_file_open(fs, "scattered", O_CREAT | O_RDWR, 0600, &f), 0);
	for (i = 0; i < 3000; i++)
		WANT(exo_file_pwrite(f, big + i, 10, (i * 1231 % 3000) * 8192), 10);
	for (i = 0; i < 3000; i++) {
		WANT(exo_file_pread(f, back, 12, (i * 1231 % 3000) * 8192), i * 1231 % 3000 == 2999 ? 10 : 12);
		CHECK(!memcmp(back, big + i, 10));
	}
	world_check(fs);
	WANT(exo_file_truncate(f, 1500 * 8192), 0);
	WANT(exo_file_stat(f, &st), 0);
	CHECK(st.st_blocks >= 1500 * 8 && st.st_blocks < 1530 * 8);
	world_check(fs);

	/* An open file outlives its name. */
	WANT(exo_fs_unlink(fs, "scattered"), 0);
	WANT(exo_fs_stat(fs, "scattered", 0, &st), -ENOENT);
	WANT(exo_file_pread(f, back, 10, 1231 % 3000 * 8192), 10);
	CHECK(!memcmp(back, big + 1, 10));
	exo_file_close(f);
	world_check(fs);

	/* Append through two handles. */
	WANT(exo_file_open(fs, "log", O_CREAT | O_WRONLY | O_APPEND, 0600, &f), 0);
	WANT(exo_file_open(fs, "log", O_RDWR | O_APPEND, 0600, &g), 0);
	for (i = 0; i < 100; i++) {
		WANT(exo_file_pwrite(f, "ab", 2, 0), 2);
		WANT(exo_file_pwrite(g, "cd", 2, 0), 2);
	}
	WANT(exo_file_pread(g, back, 1000, 0), 400);
	for (i = 0; i < 100; i++)
		CHECK(!memcmp(back + 4 * i, "abcd", 4));
	WANT(exo_file_pread(f, back, 1, 0), -EBADF);
	exo_file_close(f);
	exo_file_close(g);
}

static void many(struct exo_fs *fs, int n)
{
	char path[100];
	struct stat st;
	int i;

	WANT(exo_fs_mkdir(fs, "many", 0755), 0);
	for (i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "many/a file with number %d%s", i,
			 i % 3 ? "" : " and a somewhat longer name");
		put(fs, path, path, strlen(path), 1000);
	}
	CHECK(entries(fs, "many") == n);
	for (i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "many/a file with number %d%s", i,
			 i % 3 ? "" : " and a somewhat longer name");
		same(fs, path, path, strlen(path));
	}
	world_check(fs);
	for (i = 0; i < n; i += 2) {
		snprintf(path, sizeof(path), "many/a file with number %d%s", i,
			 i % 3 ? "" : " and a somewhat longer name");
		WANT(exo_fs_unlink(fs, path), 0);
		WANT(exo_fs_stat(fs, path, 0, &st), -ENOENT);
	}
	CHECK(entries(fs, "many") == n / 2);
}

static void empty(struct exo_fs *fs, int n)
{
	char path[100];
	int i;

	for (i = 1; i < n; i += 2) {
		snprintf(path, sizeof(path), "many/a file with number %d%s", i,
			 i % 3 ? "" : " and a somewhat longer name");
		WANT(exo_fs_unlink(fs, path), 0);
	}
	WANT(exo_fs_rmdir(fs, "many"), 0);
}

int main(void)
{
	struct statvfs before, after;
	struct exo_fs *fs;
	struct world w;

	world_start(&w, 1024, 40000, SIM_VOLATILE, 1);
	world_mkfs(&w, "home", 0);
	fs = world_open(&w, w.x, "home");
	world_check(fs);
	WANT(exo_fs_statvfs(fs, &before), 0);
	names(fs);
	world_check(fs);
	data(fs);
	world_check(fs);
	many(fs, 2000);
	WANT(exo_fs_sync(fs), 0);
	world_check(fs);
	exo_fs_close(fs);

	world_detach(&w, false);
	world_attach(&w);
	world_no_quarantine(&w);
	fs = world_open(&w, w.x, "home");
	world_check(fs);
	same(fs, "one", big, sizeof(big));
	same(fs, "blocks", big, 400000);
	same(fs, "e/g", "other", 5);
	empty(fs, 2000);
	WANT(exo_fs_unlink(fs, "one"), 0);
	WANT(exo_fs_sync(fs), 0);
	world_check(fs);
	WANT(exo_fs_statvfs(fs, &after), 0);
	CHECK(after.f_bfree < before.f_bfree && after.f_bfree > before.f_bfree - 400);
	exo_fs_close(fs);
	world_stop(&w);
	return 0;
}
