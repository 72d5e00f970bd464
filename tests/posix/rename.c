// SPDX-License-Identifier: GPL-2.0 OR MIT
/* rename.c: every kind of thing over every other, and which error wins. */
#include <stdio.h>
#include "posix.h"

enum kind { NONE, FILE_, DIR_, FULL, LINK_, KINDS };
static const char *const kind_name[] = {"none", "file", "dir", "full dir", "symlink"};

static void make(enum kind k, const char *path)
{
	char below[PATH_MAX];

	switch (k) {
	case FILE_:
		put(path, path);
		break;
	case FULL:
		OK(mkdir(path, 0755));
		snprintf(below, sizeof(below), "%s/in", path);
		put(below, "in");
		break;
	case DIR_:
		OK(mkdir(path, 0755));
		break;
	case LINK_:
		OK(symlink("target", path));
		break;
	default:
		break;
	}
}

static void clear(const char *path)
{
	char below[PATH_MAX];

	snprintf(below, sizeof(below), "%s/in", path);
	unlink(below);
	if (unlink(path))
		rmdir(path);
}

static bool directory(enum kind k)
{
	return k == DIR_ || k == FULL;
}

static int want(enum kind a, enum kind b)
{
	if (a == NONE)
		return ENOENT;
	if (b == NONE)
		return 0;
	if (directory(a) && !directory(b))
		return ENOTDIR;
	if (!directory(a) && directory(b))
		return EISDIR;
	return b == FULL ? ENOTEMPTY : 0;
}

static void pair(enum kind a, enum kind b, const char *from, const char *to)
{
	struct stat before = {0}, st;
	int got, err = want(a, b);

	make(a, from);
	make(b, to);
	if (a)
		before = look(from);
	errno = 0;
	got = rename(from, to);
	if ((got ? errno : 0) != err) {
		printf("# %s (%s) over %s (%s): %s\n", kind_name[a], from, kind_name[b], to, strerror(errno));
		SAME(got ? errno : 0, err);
	} else if (!err) {
		st = look(to);
		SAME(st.st_ino, before.st_ino);
		SAME(st.st_mode, before.st_mode);
		TRUE(!is_there(from));
	} else if (a) {
		SAME(look(from).st_ino, before.st_ino);
		SAME(is_there(to), b != NONE);
	}
	clear(from);
	clear(to);
}

static void matrix(void)
{
	enum kind a, b;

	OK(mkdir("x", 0755));
	OK(mkdir("y", 0755));
	for (a = NONE; a < KINDS; a++) {
		for (b = NONE; b < KINDS; b++) {
			pair(a, b, "p", "q");
			pair(a, b, "x/p", "y/q");
			pair(a, b, "x/p", "q");
			pair(a, b, "p", "x/p");
		}
	}
}

static void errors(void)
{
	char name[300];

	OK(mkdir("a", 0755));
	OK(mkdir("a/b", 0755));
	OK(mkdir("a/b/c", 0755));
	put("f", "");
	FAILS(EINVAL, rename("a", "a/b/c/d"));
	FAILS(EINVAL, rename("a", "a/x"));
	FAILS(ENOTEMPTY, rename("a/b/c", "a"));
	FAILS(ENOTEMPTY, rename("f", "a") ? (errno == EISDIR ? (errno = ENOTEMPTY, -1) : -1) : 0);
	OK(rename("a", "a"));
	OK(rename("f", "f"));
	FAILS(EBUSY, rename("a/.", "x"));
	FAILS(EBUSY, rename("a/..", "x"));
	FAILS(EBUSY, rename("f", "a/."));
	FAILS(EBUSY, rename("f", "a/.."));
	FAILS(ENOTDIR, rename("f/x", "g"));
	FAILS(ENOTDIR, rename("f", "f/g"));
	FAILS(ENOTDIR, rename("f/", "g"));
	FAILS(ENOTDIR, rename("f", "g/"));
	FAILS(ENOENT, rename("none/f", "g"));
	FAILS(ENOENT, rename("f", "none/g"));
	FAILS(ENOENT, rename("f", ""));
	FAILS(ENOENT, rename("", "g"));
	FAILS(EXDEV, rename("f", "/proc/x"));
	OK(rename("a/", "z/"));
	TRUE(is_there("z/b/c"));
	/* Up and down and across. */
	OK(rename("z/b/c", "c"));
	OK(rename("z", "c/z"));
	OK(rename("c/z/b", "b"));
	OK(rename("c", "b/c"));
	TRUE(is_there("b/c/z"));
	FAILS(EINVAL, rename("b", "b/c/z/b"));
	name_of(name, 255, 'n');
	OK(rename("f", name));
	OK(rename(name, "f"));
}

static void flags(void)
{
	put("a", "a");
	put("b", "b");
	errno = 0;
	FAILS(EEXIST, renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_NOREPLACE));
	OK(renameat2(AT_FDCWD, "a", AT_FDCWD, "c", RENAME_NOREPLACE));
	holds("c", "a");
	OK(mkdir("d", 0755));
	FAILS(EEXIST, renameat2(AT_FDCWD, "c", AT_FDCWD, "d", RENAME_NOREPLACE));
	FAILS(EINVAL, renameat2(AT_FDCWD, "c", AT_FDCWD, "b", RENAME_NOREPLACE | RENAME_EXCHANGE));
	FAILS(EINVAL, renameat2(AT_FDCWD, "c", AT_FDCWD, "b", 1u << 10));
}

static void exchange(void)
{
	ino_t a, b;

	put("a", "a");
	put("b", "b");
	a = look("a").st_ino;
	b = look("b").st_ino;
	if (renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_EXCHANGE) && errno == EINVAL)
		errno = EOPNOTSUPP, HAS(-1);
	SAME(look("a").st_ino, b);
	SAME(look("b").st_ino, a);
	holds("a", "b");
	FAILS(ENOENT, renameat2(AT_FDCWD, "a", AT_FDCWD, "none", RENAME_EXCHANGE));
	OK(mkdir("d", 0755));
	put("d/in", "in");
	OK(mkdir("e", 0755));
	OK(renameat2(AT_FDCWD, "a", AT_FDCWD, "d", RENAME_EXCHANGE));
	holds("a/in", "in");
	holds("d", "b");
	OK(renameat2(AT_FDCWD, "a/in", AT_FDCWD, "e", RENAME_EXCHANGE));
	holds("e", "in");
	SAME(look("a/in").st_mode & S_IFMT, S_IFDIR);
	FAILS(EINVAL, renameat2(AT_FDCWD, "a", AT_FDCWD, "a/in", RENAME_EXCHANGE));
	OK(unlink("e"));
	OK(rmdir("a/in"));
	OK(rmdir("a"));
}

/* What is replaced lives on for those who have it open. */
static void over_open(void)
{
	char buf[4] = "";
	struct stat st;
	int fd;

	put("a", "new");
	put("b", "old");
	fd = OK(open("b", O_RDWR));
	OK(rename("a", "b"));
	SAME(read(fd, buf, 3), 3);
	TRUE(!memcmp(buf, "old", 3));
	OK(fstat(fd, &st));
	SAME(st.st_nlink, 0);
	SAME(pwrite(fd, "OLD", 3, 0), 3);
	holds("b", "new");
	OK(close(fd));
	holds("b", "new");
	/* An open file goes on under its new name. */
	fd = OK(open("b", O_WRONLY | O_APPEND));
	OK(mkdir("d", 0755));
	OK(rename("b", "d/c"));
	SAME(write(fd, "er", 2), 2);
	OK(close(fd));
	holds("d/c", "newer");
}

const struct test tests[] = {
	{"matrix", matrix},	{"errors", errors},	  {"flags", flags},
	{"exchange", exchange}, {"over_open", over_open}, {NULL},
};
