// SPDX-License-Identifier: GPL-2.0 OR MIT
/* links.c: hard links and their counts. */
#include "posix.h"

static void counts(void)
{
	ino_t ino;

	put("a", "one");
	SAME(look("a").st_nlink, 1);
	HAS(link("a", "b"));
	ino = look("a").st_ino;
	SAME(look("b").st_ino, ino);
	SAME(look("a").st_nlink, 2);
	SAME(look("b").st_nlink, 2);
	put("b", "two");
	holds("a", "two");
	OK(mkdir("d", 0755));
	OK(link("b", "d/c"));
	SAME(look("a").st_nlink, 3);
	OK(chmod("d/c", 0600));
	SAME(look("a").st_mode & 07777, 0600);
	OK(unlink("a"));
	SAME(look("b").st_nlink, 2);
	holds("b", "two");
	OK(rename("d/c", "c"));
	SAME(look("c").st_ino, ino);
	SAME(look("c").st_nlink, 2);
	/* Two names of one file: rename does nothing. */
	OK(rename("b", "c"));
	TRUE(is_there("b") && is_there("c"));
	OK(unlink("b"));
	SAME(look("c").st_nlink, 1);
	SAME(look("c").st_ino, ino);
	holds("c", "two");
	OK(unlink("c"));
}

static void errors(void)
{
	struct stat st;
	int fd;

	put("a", "");
	OK(mkdir("d", 0755));
	HAS(link("a", "b"));
	FAILS(EEXIST, link("a", "b"));
	FAILS(EEXIST, link("a", "d"));
	FAILS(EEXIST, link("a", "a"));
	FAILS(ENOENT, link("none", "c"));
	FAILS(ENOENT, link("a", "none/c"));
	FAILS(ENOTDIR, link("a/x", "c"));
	FAILS(ENOTDIR, link("a", "b/c"));
	FAILS(EPERM, link("d", "e"));
	FAILS(EXDEV, link("/proc/version", "c"));
	/* A symbolic link itself, unless it is to be followed. */
	OK(symlink("a", "s"));
	OK(link("s", "t"));
	SAME(look("t").st_mode & S_IFMT, S_IFLNK);
	SAME(look("s").st_nlink, 2);
	OK(linkat(AT_FDCWD, "s", AT_FDCWD, "u", AT_SYMLINK_FOLLOW));
	SAME(look("u").st_ino, look("a").st_ino);
	/* A name that is gone. */
	fd = OK(open("u", O_RDONLY));
	OK(unlink("u"));
	OK(unlink("a"));
	OK(unlink("b"));
	OK(fstat(fd, &st));
	SAME(st.st_nlink, 0);
	OK(close(fd));
}

static void many(void)
{
	char name[32];
	int i;

	put("a", "x");
	HAS(link("a", "l0"));
	OK(mkdir("d", 0755));
	for (i = 1; i < 200; i++) {
		snprintf(name, sizeof(name), "%sl%d", i & 1 ? "d/" : "", i);
		OK(link("a", name));
	}
	SAME(look("a").st_nlink, 201);
	OK(unlink("a"));
	for (i = 0; i < 199; i++) {
		snprintf(name, sizeof(name), "%sl%d", i & 1 ? "d/" : "", i);
		OK(unlink(name));
		SAME(look("d/l199").st_nlink, 199 - i);
	}
	holds("d/l199", "x");
}

static void directories(void)
{
	nlink_t n;

	OK(mkdir("d", 0755));
	n = look("d").st_nlink;
	/* 2 and one for each child, or always 1: both are in use. */
	TRUE(n == 1 || n == 2);
	OK(mkdir("d/e", 0755));
	SAME(look("d").st_nlink, n == 1 ? 1 : 3);
	OK(mkdir("f", 0755));
	OK(rename("d/e", "f/e"));
	SAME(look("d").st_nlink, n);
	SAME(look("f").st_nlink, n == 1 ? 1 : 3);
	OK(rmdir("f/e"));
	SAME(look("f").st_nlink, n);
}

const struct test tests[] = {
	{"counts", counts}, {"errors", errors}, {"many", many}, {"directories", directories}, {NULL},
};
