// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Hard links, files without a name, special files, the two further kinds of rename, and link counts, as POSIX has them.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "world.h"

static struct world w;

static struct stat of(struct exo_fs *fs, const char *path)
{
	struct stat st;

	WANT(exo_fs_stat(fs, path, EXO_FS_NOFOLLOW, &st), 0);
	return st;
}

static void put(struct exo_fs *fs, const char *path, const char *text)
{
	struct exo_file *f;

	WANT(exo_file_open(fs, path, O_CREAT | O_WRONLY | O_TRUNC, 0644, &f), 0);
	if (*text)
		WANT(exo_file_pwrite(f, text, strlen(text), 0), (long long)strlen(text));
	exo_file_close(f);
}

static bool holds(struct exo_fs *fs, const char *path, const char *text)
{
	char got[100] = {0};
	struct exo_file *f;

	WANT(exo_file_open(fs, path, O_RDONLY, 0, &f), 0);
	WANT(exo_file_pread(f, got, sizeof(got), 0), (long long)strlen(text));
	exo_file_close(f);
	return !strcmp(got, text);
}

static int link_of(struct exo_fs *fs, const char *a, const char *b)
{
	return exo_at_link(fs, NULL, a, NULL, b, 0);
}

static int move(struct exo_fs *fs, const char *a, const char *b, unsigned how)
{
	return exo_at_rename(fs, NULL, a, NULL, b, how);
}

static bool later(struct timespec a, struct timespec b)
{
	return a.tv_sec > b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec > b.tv_nsec);
}

static void links(struct exo_fs *fs)
{
	struct stat a, b, before;
	struct exo_file *f;
	char path[100], got[10];
	int i;

	put(fs, "one", "text");
	put(fs, "empty", "");
	WANT(exo_fs_mkdir(fs, "d", 0755), 0);
	before = of(fs, "one");
	WANT(link_of(fs, "one", "two"), 0);
	WANT(link_of(fs, "one", "d/three"), 0);
	WANT(link_of(fs, "empty", "d/empty"), 0);
	a = of(fs, "one");
	b = of(fs, "d/three");
	CHECK(a.st_ino == b.st_ino && a.st_ino == before.st_ino && a.st_nlink == 3 && b.st_nlink == 3);
	CHECK(later(a.st_ctim, before.st_ctim) && !later(a.st_mtim, before.st_mtim));
	CHECK(of(fs, "d/empty").st_nlink == 2 && of(fs, "d/empty").st_size == 0);
	WANT(link_of(fs, "one", "two"), -EEXIST);
	WANT(link_of(fs, "none", "x"), -ENOENT);
	WANT(link_of(fs, "d", "x"), -EPERM);
	put(fs, "two", "new text");
	CHECK(holds(fs, "d/three", "new text"));
	WANT(exo_fs_chmod(fs, "d/three", 0600), 0);
	CHECK((of(fs, "one").st_mode & 07777) == 0600);
	/* Another name of the same file: nothing happens. */
	WANT(exo_fs_rename(fs, "one", "two"), 0);
	CHECK(of(fs, "one").st_nlink == 3);
	WANT(exo_fs_rename(fs, "one", "uno"), 0);
	WANT(exo_fs_rename(fs, "d/three", "drei"), 0);
	CHECK(of(fs, "uno").st_ino == a.st_ino && of(fs, "drei").st_nlink == 3);
	WANT(exo_fs_unlink(fs, "two"), 0);
	WANT(exo_fs_unlink(fs, "uno"), 0);
	CHECK(of(fs, "drei").st_nlink == 1 && holds(fs, "drei", "new text"));
	WANT(exo_file_open(fs, "drei", O_RDWR, 0, &f), 0);
	WANT(exo_fs_unlink(fs, "drei"), 0);
	WANT(exo_file_stat(f, &a), 0);
	CHECK(a.st_nlink == 0);
	WANT(exo_file_pread(f, got, 3, 0), 3);
	WANT(exo_at_link(fs, f, "", NULL, "back", EXO_FS_EMPTY), -ENOENT);
	exo_file_close(f);
	/* A symlink's own further name, and a target too long to stand beside the name. */
	WANT(exo_fs_symlink(fs, "somewhere", "sl"), 0);
	WANT(link_of(fs, "sl", "sl2"), 0);
	CHECK(S_ISLNK(of(fs, "sl2").st_mode) && of(fs, "sl2").st_nlink == 2);
	WANT(exo_fs_unlink(fs, "sl"), 0);
	WANT(exo_fs_readlink(fs, "sl2", got, 4), 4);
	CHECK(!memcmp(got, "some", 4));
	for (i = 0; i < 1000; i++) {
		snprintf(path, sizeof(path), "d/n%d", i);
		WANT(link_of(fs, "empty", path), 0);
	}
	CHECK(of(fs, "empty").st_nlink == 1002);
	/* A file that is replaced keeps its other names. */
	put(fs, "over", "over");
	WANT(exo_fs_rename(fs, "over", "d/n7"), 0);
	CHECK(of(fs, "empty").st_nlink == 1001 && holds(fs, "d/n7", "over"));
	world_check(fs);
	for (i = 0; i < 1000; i++) {
		snprintf(path, sizeof(path), "d/n%d", i);
		WANT(exo_fs_unlink(fs, path), 0);
	}
	CHECK(of(fs, "empty").st_nlink == 2);
	WANT(exo_fs_unlink(fs, "d/empty"), 0);
	/* Numbers of names come back. */
	for (i = 0; i < 3000; i++) {
		WANT(link_of(fs, "empty", "again"), 0);
		WANT(exo_fs_unlink(fs, i % 2 ? "again" : "again"), 0);
	}
	CHECK(of(fs, "empty").st_nlink == 1);
}

static void nameless(struct exo_fs *fs)
{
	struct exo_file *f;
	struct stat st;

	WANT(exo_file_open(fs, "d", O_TMPFILE | O_RDWR, 0640, &f), 0);
	WANT(exo_file_pwrite(f, "hidden", 6, 0), 6);
	WANT(exo_file_stat(f, &st), 0);
	CHECK(st.st_nlink == 0 && (st.st_mode & 07777) == 0640);
	WANT(exo_at_link(fs, f, "", NULL, "empty", EXO_FS_EMPTY), -EEXIST);
	WANT(exo_at_link(fs, f, "", NULL, "d/shown", EXO_FS_EMPTY), 0);
	WANT(exo_file_stat(f, &st), 0);
	CHECK(st.st_nlink == 1 && holds(fs, "d/shown", "hidden"));
	exo_file_close(f);
	CHECK(holds(fs, "d/shown", "hidden"));
	WANT(exo_file_open(fs, "d", O_TMPFILE | O_RDWR, 0640, &f), 0);
	WANT(exo_file_pwrite(f, "never seen", 10, 0), 10);
	exo_file_close(f);
}

static void special(struct exo_fs *fs)
{
	struct exo_file *f;
	struct stat st;

	WANT(exo_at_mknod(fs, NULL, "fifo", S_IFIFO | 0600, 0), 0);
	WANT(exo_at_mknod(fs, NULL, "sock", S_IFSOCK | 0600, 0), 0);
	WANT(exo_at_mknod(fs, NULL, "char", S_IFCHR | 0600, makedev(5, 300)), 0);
	WANT(exo_at_mknod(fs, NULL, "block", S_IFBLK | 0600, makedev(259, 70000)), 0);
	CHECK(S_ISFIFO(of(fs, "fifo").st_mode) && S_ISSOCK(of(fs, "sock").st_mode));
	st = of(fs, "char");
	CHECK(S_ISCHR(st.st_mode) && st.st_rdev == makedev(5, 300) && !st.st_size && !st.st_blocks);
	WANT(link_of(fs, "block", "block2"), 0);
	WANT(exo_fs_rename(fs, "block", "d/block"), 0);
	CHECK(of(fs, "block2").st_rdev == makedev(259, 70000) && of(fs, "d/block").st_nlink == 2);
	WANT(exo_file_open(fs, "fifo", O_RDONLY, 0, &f), -ENXIO);
	WANT(exo_fs_unlink(fs, "block2"), 0);
}

static void renames(struct exo_fs *fs)
{
	u64 a, b;

	put(fs, "a", "A");
	put(fs, "b", "B");
	WANT(move(fs, "a", "b", RENAME_NOREPLACE), -EEXIST);
	WANT(move(fs, "a", "c", RENAME_NOREPLACE), 0);
	WANT(move(fs, "c", "none", RENAME_EXCHANGE), -ENOENT);
	WANT(move(fs, "c", "b", RENAME_EXCHANGE), 0);
	CHECK(holds(fs, "c", "B") && holds(fs, "b", "A"));
	/* Far from each other, and of different kinds. */
	WANT(exo_fs_mkdir(fs, "x", 0755), 0);
	WANT(exo_fs_mkdir(fs, "y", 0755), 0);
	WANT(exo_fs_mkdir(fs, "x/sub", 0755), 0);
	put(fs, "x/sub/inside", "in");
	put(fs, "y/file", "F");
	a = of(fs, "x/sub").st_ino;
	b = of(fs, "y/file").st_ino;
	CHECK(of(fs, "x").st_nlink == 3 && of(fs, "y").st_nlink == 2);
	WANT(move(fs, "x/sub", "y/file", RENAME_EXCHANGE), 0);
	CHECK(of(fs, "x/sub").st_ino == b && of(fs, "y/file").st_ino == a);
	CHECK(holds(fs, "y/file/inside", "in") && holds(fs, "x/sub", "F"));
	CHECK(of(fs, "x").st_nlink == 2 && of(fs, "y").st_nlink == 3);
	CHECK(of(fs, "x/sub").st_nlink == 1);
	WANT(move(fs, "y", "y/file", RENAME_EXCHANGE), -EINVAL);
	WANT(move(fs, "y/file", "y", RENAME_EXCHANGE), -EINVAL);
	/* Counts of directories that move. */
	WANT(exo_fs_rename(fs, "y/file", "x/dir"), 0);
	CHECK(of(fs, "x").st_nlink == 3 && of(fs, "y").st_nlink == 2);
	WANT(exo_fs_mkdir(fs, "x/dir2", 0755), 0);
	WANT(exo_fs_rename(fs, "x/dir", "x/dir2"), 0);
	CHECK(of(fs, "x").st_nlink == 3);
	WANT(exo_fs_unlink(fs, "x/dir2/inside"), 0);
	WANT(exo_fs_rmdir(fs, "x/dir2"), 0);
	CHECK(of(fs, "x").st_nlink == 2);
}

/* Another process renames what is in use here. */
static void elsewhere(struct exo_fs *fs)
{
	struct exo *x = world_handle(&w);
	struct exo_fs *other = world_open(&w, x, "t");
	struct exo_file *f, *dir;
	struct stat st;
	char got[10];
	int i;

	WANT(exo_fs_mkdir(fs, "p", 0755), 0);
	WANT(exo_fs_mkdir(fs, "p/q", 0755), 0);
	put(fs, "p/q/open", "open");
	WANT(exo_file_open(fs, "p/q/open", O_RDWR, 0, &f), 0);
	WANT(exo_file_open(fs, "p/q", O_RDONLY | O_DIRECTORY, 0, &dir), 0);
	WANT(exo_fs_rename(other, "p", "moved"), 0);
	WANT(exo_fs_rename(other, "moved/q", "far"), 0);
	WANT(exo_fs_rename(other, "far/open", "far/renamed"), 0);
	for (i = 0; i < 40; i++) {
		char path[100];

		snprintf(path, sizeof(path), "far/%d", i);
		put(other, path, "");
	}
	WANT(exo_file_pwrite(f, "OPEN", 4, 0), 4);
	WANT(exo_file_pread(f, got, 4, 0), 4);
	WANT(exo_file_stat(f, &st), 0);
	WANT(exo_at_stat(fs, dir, "renamed", 0, &st), 0);
	WANT(exo_at_mkdir(fs, dir, "new", 0755), 0);
	exo_file_close(f);
	exo_file_close(dir);
	WANT(exo_fs_sync(fs), 0);
	CHECK(holds(other, "far/renamed", "OPEN"));
	WANT(exo_fs_stat(other, "far/new", 0, &st), 0);
	exo_fs_close(other);
	exo_close(x);
}

int main(void)
{
	struct exo_fs *fs;

	world_start(&w, 4096, 40000, SIM_VOLATILE, 9);
	world_mkfs(&w, "t", 0);
	fs = world_open(&w, w.x, "t");
	links(fs);
	nameless(fs);
	special(fs);
	renames(fs);
	world_check(fs);
	elsewhere(fs);
	world_check(fs);
	exo_fs_close(fs);
	world_detach(&w, false);
	world_attach(&w);
	world_no_quarantine(&w);
	fs = world_open(&w, w.x, "t");
	world_check(fs);
	CHECK(of(fs, "char").st_rdev == makedev(5, 300));
	CHECK(holds(fs, "d/shown", "hidden"));
	exo_fs_close(fs);
	world_stop(&w);
	return 0;
}
