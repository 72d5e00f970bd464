// SPDX-License-Identifier: GPL-2.0 OR MIT
/* times.c: which of the three times each call sets, and which it leaves. */
#include <sys/xattr.h>
#include "posix.h"

#define A 1u
#define M 2u
#define C 4u

static struct stat before, dir_before;

/* Remembers f and its directory, and lets the clock advance. */
static void mark(const char *f)
{
	before = look(f);
	dir_before = look(".");
	tick();
}

static void check_one(const char *what, int line, const struct stat *was, const struct stat *is, unsigned want)
{
	unsigned got = (after(is->st_atim, was->st_atim) ? A : 0) | (after(is->st_mtim, was->st_mtim) ? M : 0) |
		       (after(is->st_ctim, was->st_ctim) ? C : 0);

	if (got == want)
		return;
	printf("# times.c:%d: %s: changed%s%s%s, should be%s%s%s\n", line, what, got & A ? " atime" : "",
	       got & M ? " mtime" : "", got & C ? " ctime" : "", want & A ? " atime" : "", want & M ? " mtime" : "",
	       want & C ? " ctime" : "");
	SAME(got, want);
}

static void changed_at(int line, const char *f, unsigned file, unsigned dir)
{
	struct stat st = look(f), d = look(".");

	check_one(f, line, &before, &st, file);
	check_one("the directory", line, &dir_before, &d, dir);
}
#define CHANGED(f, file, dir) changed_at(__LINE__, f, file, dir)

static void names(void)
{
	struct stat st, d;

	OK(mkdir("d", 0755));
	mark(".");
	put("f", "");
	d = look(".");
	st = look("f");
	TRUE(after(d.st_mtim, dir_before.st_mtim) && after(d.st_ctim, dir_before.st_ctim));
	TRUE(!after(dir_before.st_mtim, st.st_mtim) && equal(st.st_mtim, st.st_ctim));
	mark("f");
	OK(rename("f", "g"));
	CHANGED("g", C, M | C);
	mark("g");
	OK(rename("g", "d/g"));
	CHANGED("d/g", C, M | C);
	mark("d");
	OK(unlink("d/g"));
	CHANGED("d", M | C, 0);
	mark("d");
	OK(mkdir("d/e", 0755));
	CHANGED("d", M | C, 0);
	mark("d");
	OK(rmdir("d/e"));
	CHANGED("d", M | C, 0);
	mark("d");
	OK(symlink("x", "d/l"));
	CHANGED("d", M | C, 0);
	/* What fails changes nothing. */
	mark("d");
	FAILS(ENOTEMPTY, rmdir("d"));
	FAILS(EEXIST, mkdir("d/l", 0755));
	FAILS(ENOENT, unlink("d/none"));
	FAILS(ENOENT, rename("d/none", "d/x"));
	CHANGED("d", 0, 0);
}

static void removed(void)
{
	struct stat st, was;
	int fd;

	put("f", "");
	fd = OK(open("f", O_RDWR));
	OK(fstat(fd, &was));
	tick();
	OK(unlink("f"));
	OK(fstat(fd, &st));
	TRUE(after(st.st_ctim, was.st_ctim));
	TRUE(equal(st.st_mtim, was.st_mtim));
	OK(close(fd));
}

static void linked(void)
{
	put("f", "");
	mark("f");
	HAS(link("f", "g"));
	CHANGED("f", C, M | C);
	mark("g");
	OK(unlink("f"));
	CHANGED("g", C, M | C);
}

static void content(void)
{
	char buf[10];
	int fd;

	put("f", "12345");
	mark("f");
	fd = OK(open("f", O_RDWR));
	CHANGED("f", 0, 0);
	mark("f");
	SAME(pwrite(fd, "x", 1, 0), 1);
	CHANGED("f", M | C, 0);
	mark("f");
	SAME(pwrite(fd, "x", 1, 10000), 1);
	CHANGED("f", M | C, 0);
	mark("f");
	SAME(write(fd, "", 0), 0);
	CHANGED("f", 0, 0);
	mark("f");
	OK(ftruncate(fd, 3));
	CHANGED("f", M | C, 0);
	mark("f");
	OK(ftruncate(fd, 3));
	CHANGED("f", M | C, 0);
	mark("f");
	OK(truncate("f", 7));
	CHANGED("f", M | C, 0);
	mark("f");
	OK(close(open("f", O_WRONLY | O_TRUNC)));
	CHANGED("f", M | C, 0);
	mark("f");
	OK(close(open("f", O_WRONLY | O_TRUNC)));
	CHANGED("f", M | C, 0);
	SAME(pwrite(fd, "abc", 3, 0), 3);
	OK(fsync(fd));
	mark("f");
	SAME(pread(fd, buf, 0, 0), 0);
	OK(close(fd));
	CHANGED("f", 0, 0);
}

static void attributes(void)
{
	put("f", "");
	mark("f");
	OK(chmod("f", 0600));
	CHANGED("f", C, 0);
	mark("f");
	OK(chown("f", getuid(), getgid()));
	CHANGED("f", C, 0);
	OK(mkdir("d", 0755));
	mark("d");
	OK(chmod("d", 0700));
	CHANGED("d", C, 0);
}

/* Directly and with relatime, the first read after a change moves atime. */
static void accessed(void)
{
	char buf[10];
	int fd;

	put("f", "12345");
	OK(symlink("f", "l"));
	tick();
	mark("f");
	fd = OK(open("f", O_RDONLY));
	SAME(read(fd, buf, 5), 5);
	OK(close(fd));
	CHANGED("f", A, 0);
	fd = OK(open("f", O_RDWR));
	SAME(pwrite(fd, "x", 1, 0), 1);
	OK(close(fd));
	tick();
	mark("f");
	fd = OK(open("f", O_RDONLY));
	SAME(read(fd, buf, 5), 5);
	OK(close(fd));
	CHANGED("f", A, 0);
	SAME(pwrite(fd = open("f", O_WRONLY), "y", 1, 0), 1);
	OK(close(fd));
	tick();
	mark("f");
	fd = OK(open("f", O_RDONLY | O_NOATIME));
	SAME(read(fd, buf, 5), 5);
	OK(close(fd));
	CHANGED("f", 0, 0);
}

/* What is told late and what is told at once, in any order: the latest counts. */
static void late_and_at_once(void)
{
	struct timespec far[2] = {{INT64_C(1) << 40, 0}, {-(INT64_C(1) << 40), 0}};
	struct stat st;
	int fd;

	put("f", "x");
	OK(mkdir("d", 0755));
	mark("f");
	fd = OK(open("f", O_RDWR));
	SAME(write(fd, "y", 1), 1);
	put("d/below", "");
	tick();
	before = look("f");
	HAS(setxattr("f", "user.a", "1", 1, 0));
	mark("f");
	OK(setxattr("f", "user.a", "2", 1, 0));
	CHANGED("f", C, 0);
	SAME(write(fd, "y", 1), 1);
	mark("f");
	OK(removexattr("f", "user.a"));
	CHANGED("f", C, 0);
	SAME(write(fd, "y", 1), 1);
	mark("f");
	OK(link("f", "g"));
	CHANGED("f", C, M | C);
	before = look("d");
	tick();
	OK(rename("d", "e"));
	st = look("e");
	TRUE(after(st.st_ctim, before.st_ctim));
	TRUE(equal(st.st_mtim, before.st_mtim));
	put("e/more", "");
	tick();
	before = look("e");
	tick();
	OK(rename("e", "d"));
	st = look("d");
	TRUE(after(st.st_ctim, before.st_ctim));
	/* Room for the file's bytes, whether there was some or not, is written to it. */
	mark("f");
	HAS(fallocate(fd, 0, 0, 1));
	CHANGED("f", M | C, 0);
	OK(close(fd));
	/* What cannot be stored is the nearest that can be. */
	OK(utimensat(AT_FDCWD, "f", far, 0));
	st = look("f");
	TRUE(st.st_atim.tv_sec > 4000000000 && st.st_mtim.tv_sec < -2000000000);
}

static void set(void)
{
	struct timespec ts[2] = {{1000000000, 123456789}, {1100000000, 987654321}};
	struct stat st;
	int fd;

	put("f", "x");
	mark("f");
	OK(utimensat(AT_FDCWD, "f", ts, 0));
	st = look("f");
	SAME(st.st_atim.tv_sec, 1000000000);
	SAME(st.st_atim.tv_nsec, 123456789);
	SAME(st.st_mtim.tv_sec, 1100000000);
	SAME(st.st_mtim.tv_nsec, 987654321);
	TRUE(after(st.st_ctim, before.st_ctim));
	ts[0].tv_nsec = UTIME_OMIT;
	ts[1].tv_nsec = UTIME_NOW;
	tick();
	OK(utimensat(AT_FDCWD, "f", ts, 0));
	SAME(look("f").st_atim.tv_sec, 1000000000);
	TRUE(after(look("f").st_mtim, before.st_mtim));
	ts[0].tv_nsec = UTIME_NOW;
	ts[1] = (struct timespec){5, 6};
	fd = OK(open("f", O_RDONLY));
	OK(futimens(fd, ts));
	SAME(look("f").st_mtim.tv_sec, 5);
	SAME(look("f").st_mtim.tv_nsec, 6);
	TRUE(after(look("f").st_atim, before.st_atim));
	mark("f");
	ts[0].tv_nsec = ts[1].tv_nsec = UTIME_OMIT;
	OK(futimens(fd, ts));
	CHANGED("f", 0, 0);
	ts[0].tv_nsec = 1000000000;
	FAILS(EINVAL, futimens(fd, ts));
	OK(close(fd));
	/* Before 1970, and far away. */
	ts[0] = (struct timespec){-1000, 5};
	ts[1] = (struct timespec){4000000000, 5};
	OK(utimensat(AT_FDCWD, "f", ts, 0));
	SAME(look("f").st_atim.tv_sec, -1000);
	SAME(look("f").st_mtim.tv_sec, 4000000000);
	/* A symbolic link's own. */
	OK(symlink("f", "l"));
	ts[0] = ts[1] = (struct timespec){77, 0};
	OK(utimensat(AT_FDCWD, "l", ts, AT_SYMLINK_NOFOLLOW));
	SAME(look("l").st_mtim.tv_sec, 77);
	SAME(look("f").st_mtim.tv_sec, 4000000000);
	OK(mkdir("d", 0755));
	OK(utimensat(AT_FDCWD, "d", ts, 0));
	SAME(look("d").st_mtim.tv_sec, 77);
	/* A write after that counts. */
	fd = OK(open("f", O_WRONLY));
	OK(futimens(fd, ts));
	SAME(write(fd, "y", 1), 1);
	OK(close(fd));
	TRUE(look("f").st_mtim.tv_sec != 77);
}

const struct test tests[] = {
	{"names", names},
	{"removed", removed},
	{"linked", linked},
	{"content", content},
	{"attributes", attributes},
	{"accessed", accessed},
	{"set", set},
	{"late_and_at_once", late_and_at_once},
	{NULL},
};
