// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * full.c: no room left. What was said to be written stays, what cannot be written says ENOSPC or EDQUOT, names can
 * still be removed, and then there is room again. Where there is much room, as on the build machine, a small tmpfs is
 * mounted on the test's directory and is tried instead.
 */
#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include "posix.h"

#define ROOM (96u << 20) /* the most that is filled */
#define CHUNK 65536u

static char chunk[CHUNK], back[CHUNK];

static bool no_room(void)
{
	return errno == ENOSPC || errno == EDQUOT;
}

static bool small(void)
{
	struct statvfs v;

	OK(statvfs(".", &v));
	if (v.f_bavail * v.f_frsize <= ROOM)
		return true;
	if (!getcwd(back, sizeof(back)) || unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", back, "tmpfs", 0, "size=16m"))
		return false;
	/* Into it: the current directory is what lies below. */
	return !chdir(back);
}

static void name(char *out, const char *prefix, unsigned i)
{
	sprintf(out, "%s%u", prefix, i);
}

/* Bytes that are known by their file and offset. */
static void pattern(char *to, size_t n, unsigned seed)
{
	fill(to, n, seed);
}

/* As much of one file as there is room for: its length, as the file system says. */
static off_t fill_one(const char *path)
{
	int fd = OK(open(path, O_CREAT | O_RDWR | O_TRUNC, 0644));
	off_t at = 0;
	ssize_t n = 0;
	struct stat st;

	while (at < (off_t)ROOM) {
		pattern(chunk, CHUNK, at / CHUNK);
		n = pwrite(fd, chunk + at % CHUNK, CHUNK - at % CHUNK, at);
		if (n <= 0)
			break;
		at += n;
	}
	TRUE(n < 0 && no_room());
	if (fsync(fd))
		TRUE(no_room());
	OK(fstat(fd, &st));
	TRUE(st.st_size <= at);
	if (close(fd))
		TRUE(no_room());
	return st.st_size;
}

static void check_one(const char *path, off_t size)
{
	int fd = OK(open(path, O_RDONLY));
	size_t n;
	off_t at;

	SAME(look(path).st_size, size);
	for (at = 0; at < size; at += n) {
		n = size - at < CHUNK ? size - at : CHUNK;
		pattern(chunk, CHUNK, at / CHUNK);
		SAME(pread(fd, back, n, at), n);
		TRUE(!memcmp(back, chunk, n));
	}
	OK(close(fd));
}

static off_t room(void)
{
	struct statvfs v;

	OK(statvfs(".", &v));
	return v.f_bavail * v.f_frsize;
}

/* What was removed is free for good when that is durable. A mount may pass on fsync only. */
static void settle(void)
{
	int fd = OK(open(".", O_RDONLY | O_DIRECTORY));

	OK(syncfs(fd));
	OK(fsync(fd));
	OK(close(fd));
}

static void one_file(void)
{
	off_t first, again;
	int i;

	put("keep", "kept");
	for (i = 0; i < 3; i++) {
		first = fill_one("big");
		TRUE(first > 1 << 20);
		check_one("big", first);
		holds("keep", "kept");
		OK(unlink("big"));
		settle();
		again = room();
		/* All but little is back. */
		if (again < first / 8 * 7) {
			printf("# %lld bytes fitted, %lld are free now\n", (long long)first, (long long)again);
			SAME(0, 1);
		}
	}
	put("small", "after");
	holds("small", "after");
}

static void cut(void)
{
	off_t n = fill_one("big");

	OK(truncate("big", n / 2));
	check_one("big", n / 2);
	settle();
	put("new", "room");
	n = fill_one("more");
	TRUE(n > 1 << 19);
	check_one("more", n);
	holds("new", "room");
	OK(unlink("big"));
	OK(unlink("more"));
}

/* One small file: false when there is no room for it; then it is gone again. */
static bool put_small(unsigned i)
{
	char path[32];
	int fd;
	bool ok;

	name(path, "d/s", i);
	pattern(chunk, 3000, i);
	fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0644);
	if (fd < 0) {
		TRUE(no_room());
		return false;
	}
	ok = write(fd, chunk, 3000) == 3000;
	if (!ok)
		TRUE(no_room());
	/* What was gathered may find no room only here. */
	if (fsync(fd)) {
		TRUE(no_room());
		ok = false;
	}
	if (close(fd)) {
		TRUE(no_room());
		ok = false;
	}
	if (!ok)
		OK(unlink(path));
	return ok;
}

static void check_small(unsigned i)
{
	char path[32];
	int fd;

	name(path, "d/s", i);
	fd = OK(open(path, O_RDONLY));
	pattern(chunk, 3000, i);
	SAME(read(fd, back, 4000), 3000);
	TRUE(!memcmp(chunk, back, 3000));
	OK(close(fd));
}

static void small_files(void)
{
	unsigned n, i, more = 0;
	char path[32];
	int fd;

	/* Most of the room at once, the rest by small files. */
	OK(mkdir("d", 0755));
	fd = OK(open("most", O_CREAT | O_WRONLY, 0644));
	pattern(chunk, CHUNK, 0);
	while (room() > 3 << 20) {
		if (write(fd, chunk, CHUNK) != CHUNK || fsync(fd)) {
			TRUE(no_room());
			break;
		}
	}
	OK(close(fd));
	for (n = 0; n < 20000 && put_small(n); n++)
		;
	TRUE(n > 50 && n < 20000);
	for (i = 0; i < n; i++)
		check_small(i);
	for (i = 0; i < n; i += 2) {
		name(path, "d/s", i);
		OK(unlink(path));
	}
	settle();
	for (i = 0; i < n; i += 2)
		more += put_small(i);
	TRUE(more > n / 4);
	for (i = 1; i < n; i += 2)
		check_small(i);
	OK(unlink("most"));
}

/* Names, links, attributes and holes are refused in the same words; what is there is left alone. */
static void other_things(void)
{
	char path[300], value[4000];
	unsigned dirs, links = 0, i;
	off_t n;
	int fd;

	put("f", "f");
	n = fill_one("big");
	for (dirs = 0; dirs < 100000; dirs++) {
		sprintf(path, "directory%u", dirs);
		memset(path + strlen(path), 'x', 200);
		path[210] = 0;
		if (mkdir(path, 0755))
			break;
	}
	TRUE(no_room());
	while (links < 1000) {
		sprintf(path, "l%u", links);
		memset(path + strlen(path), 'x', 200);
		path[205] = 0;
		if (symlink(path, path))
			break;
		links++;
	}
	fill(value, sizeof(value), 1);
	for (i = 0; i < 1000; i++) {
		sprintf(path, "user.%u", i);
		if (setxattr("f", path, value, sizeof(value), 0))
			break;
	}
	TRUE(no_room() || errno == EOPNOTSUPP || errno == E2BIG);
	fd = OK(open("big", O_RDWR));
	if (!posix_fallocate(fd, n, 64 << 20))
		TRUE(0);
	OK(ftruncate(fd, n));
	OK(close(fd));
	check_one("big", n);
	holds("f", "f");
	/* What exists is changed without room, or refused, and never half. */
	OK(chmod("f", 0600));
	OK(rename("f", "g"));
	OK(unlink("big"));
	settle();
	holds("g", "f");
	put("h", "again");
	OK(mkdir("again", 0755));
	for (i = 0; i < dirs; i++) {
		sprintf(path, "directory%u", i);
		memset(path + strlen(path), 'x', 200);
		path[210] = 0;
		OK(rmdir(path));
	}
}

static void several(void)
{
	enum { N = 4 };
	int i, fd, status;
	char path[32];
	off_t at, n;

	for (i = 0; i < N; i++) {
		if (fork())
			continue;
		name(path, "p", i);
		fd = open(path, O_CREAT | O_WRONLY | O_APPEND, 0644);
		for (at = 0; at < (off_t)ROOM; at += 1000) {
			memset(chunk, 'a' + i, 1000);
			errno = 0;
			n = write(fd, chunk, 1000);
			if (n < 0)
				break;
		}
		_exit(at >= (off_t)ROOM || !no_room());
	}
	while (wait(&status) > 0)
		SAME(status, 0);
	for (i = 0; i < N; i++) {
		name(path, "p", i);
		fd = OK(open(path, O_RDONLY));
		while ((n = read(fd, back, CHUNK)) > 0)
			for (at = 0; at < n; at++)
				if (back[at] != 'a' + i) {
					SAME(back[at], 'a' + i);
					break;
				}
		OK(close(fd));
		OK(unlink(path));
	}
	settle();
	TRUE(fill_one("big") > 1 << 20);
	OK(unlink("big"));
}

/* In a process of its own, so that a file system that was mounted for it goes with it. */
#define IN_SMALL(fn)                                                                                                   \
	static void fn##_test(void)                                                                                    \
	{                                                                                                              \
		if (!small())                                                                                          \
			skip("too much room to fill");                                                                 \
		fn();                                                                                                  \
	}
IN_SMALL(one_file)
IN_SMALL(cut)
IN_SMALL(small_files)
IN_SMALL(other_things)
IN_SMALL(several)

const struct test tests[] = {
	{"one_file", one_file_test, 0},		{"cut", cut_test, 0},	      {"small_files", small_files_test, 0},
	{"other_things", other_things_test, 0}, {"several", several_test, 0}, {NULL},
};
