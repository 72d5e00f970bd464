// SPDX-License-Identifier: GPL-2.0 OR MIT
/* open.c: what the flags of open mean. */
#include <sys/uio.h>
#include "posix.h"

static void create(void)
{
	struct stat st;
	int fd;

	fd = OK(open("f", O_CREAT | O_EXCL | O_RDWR, 0640));
	FAILS(EEXIST, open("f", O_CREAT | O_EXCL | O_RDWR, 0640));
	SAME(write(fd, "12345", 5), 5);
	OK(close(fd));
	fd = OK(open("f", O_CREAT | O_RDWR, 0777));
	OK(fstat(fd, &st));
	SAME(st.st_size, 5);
	SAME(st.st_mode, S_IFREG | 0640);
	OK(close(fd));
	OK(close(open("f", O_RDWR | O_TRUNC)));
	SAME(look("f").st_size, 0);
	OK(close(open("g", O_CREAT | O_RDONLY | O_TRUNC, 07777)));
	SAME(look("g").st_mode, S_IFREG | 07777);
	OK(mkdir("d", 0755));
	FAILS(EEXIST, open("d", O_CREAT | O_EXCL | O_RDONLY, 0644));
	FAILS(EISDIR, open("d", O_CREAT | O_RDONLY, 0644));
	FAILS(EISDIR, open("d", O_RDONLY | O_TRUNC) < 0 ? -1 : 0);
	fd = OK(open("d", O_PATH));
	FAILS(EBADF, read(fd, &st, 1));
	OK(fstat(fd, &st));
	TRUE(S_ISDIR(st.st_mode));
	OK(close(fd));
}

static void append(void)
{
	int a = OK(open("f", O_CREAT | O_WRONLY | O_APPEND, 0644)), b = OK(open("f", O_WRONLY | O_APPEND)),
	    c = OK(open("f", O_RDWR));
	struct iovec iov[2] = {{(char *)"55", 2}, {(char *)"66", 2}};

	SAME(write(a, "11", 2), 2);
	SAME(write(b, "22", 2), 2);
	SAME(write(a, "33", 2), 2);
	SAME(lseek(a, 0, SEEK_CUR), 6);
	OK(lseek(a, 0, SEEK_SET));
	SAME(write(a, "44", 2), 2);
	SAME(writev(b, iov, 2), 4);
	holds("f", "112233445566");
	SAME(pwrite(c, "x", 1, 0), 1);
	OK(fcntl(c, F_SETFL, O_APPEND));
	SAME(write(c, "77", 2), 2);
	OK(fcntl(c, F_SETFL, 0));
	OK(lseek(c, 1, SEEK_SET));
	SAME(write(c, "y", 1), 1);
	/* As Linux does it: O_APPEND wins over pwrite's offset. */
	SAME(pwrite(a, "88", 2, 0), 2);
	holds("f", "xy22334455667788");
	OK(ftruncate(c, 3));
	SAME(write(a, "9", 1), 1);
	holds("f", "xy29");
	OK(close(a));
	OK(close(b));
	OK(close(c));
}

static void append_many(void)
{
	enum { WRITERS = 4, LINES = 200, LEN = 32 };
	char line[LEN + 1], *all;
	int counts[WRITERS] = {0}, i, k, fd;

	put("f", "");
	for (i = 0; i < WRITERS; i++) {
		if (fork())
			continue;
		fd = open("f", O_WRONLY | O_APPEND);
		name_of(line, LEN, 'a' + i);
		for (k = 0; k < LINES; k++)
			if (write(fd, line, LEN) != LEN)
				_exit(1);
		_exit(close(fd));
	}
	while (wait(&i) > 0)
		SAME(i, 0);
	SAME(look("f").st_size, WRITERS * LINES * LEN);
	all = malloc(WRITERS * LINES * LEN);
	fd = OK(open("f", O_RDONLY));
	SAME(read(fd, all, WRITERS * LINES * LEN), WRITERS * LINES * LEN);
	for (i = 0; i < WRITERS * LINES; i++) {
		for (k = 1; k < LEN && all[i * LEN + k] == all[i * LEN]; k++)
			;
		SAME(k, LEN);
		if (all[i * LEN] >= 'a' && all[i * LEN] < 'a' + WRITERS)
			counts[all[i * LEN] - 'a']++;
	}
	for (i = 0; i < WRITERS; i++)
		SAME(counts[i], LINES);
	free(all);
}

static void tmpfile_(void)
{
	char path[64], buf[8];
	struct stat st;
	int fd;

	FAILS(EINVAL, open(".", O_TMPFILE | O_RDONLY, 0600));
	fd = HAS(open(".", O_TMPFILE | O_RDWR, 0640));
	OK(fstat(fd, &st));
	SAME(st.st_nlink, 0);
	SAME(st.st_mode, S_IFREG | 0640);
	SAME(write(fd, "hidden", 6), 6);
	SAME(pread(fd, buf, 6, 0), 6);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	OK(linkat(AT_FDCWD, path, AT_FDCWD, "f", AT_SYMLINK_FOLLOW));
	holds("f", "hidden");
	SAME(look("f").st_nlink, 1);
	OK(close(fd));
	holds("f", "hidden");
	fd = OK(open(".", O_TMPFILE | O_RDWR | O_EXCL, 0600));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	FAILS(ENOENT, linkat(AT_FDCWD, path, AT_FDCWD, "g", AT_SYMLINK_FOLLOW));
	OK(close(fd));
	put("h", "");
	FAILS(ENOTDIR, open("h", O_TMPFILE | O_RDWR, 0600));
}

static void direct(void)
{
	char *buf = NULL, *back = NULL;
	int fd = open("f", O_CREAT | O_RDWR | O_DIRECT, 0644), i;

	if (fd < 0 && errno == EINVAL)
		skip("no O_DIRECT");
	OK(posix_memalign((void **)&buf, 4096, 65536) ? -1 : 0);
	OK(posix_memalign((void **)&back, 4096, 65536) ? -1 : 0);
	for (i = 0; i < 8; i++) {
		fill(buf, 65536, i);
		SAME(pwrite(fd, buf, 65536, i * 65536), 65536);
	}
	for (i = 7; i >= 0; i--) {
		fill(buf, 65536, i);
		SAME(pread(fd, back, 65536, i * 65536), 65536);
		TRUE(!memcmp(buf, back, 65536));
	}
	SAME(pread(fd, back, 4096, 8 * 65536), 0);
	/* Beside the cached way. */
	i = OK(open("f", O_RDWR));
	SAME(pread(i, back, 4096, 4096), 4096);
	fill(buf, 4096, 99);
	SAME(pwrite(fd, buf, 4096, 4096), 4096);
	SAME(pread(i, back, 4096, 4096), 4096);
	TRUE(!memcmp(buf, back, 4096));
	fill(buf, 4096, 98);
	SAME(pwrite(i, buf, 4096, 8192), 4096);
	SAME(pread(fd, back, 4096, 8192), 4096);
	TRUE(!memcmp(buf, back, 4096));
	OK(close(i));
	OK(close(fd));
}

static void offsets(void)
{
	char buf[16];
	int fd = OK(open("f", O_CREAT | O_RDWR, 0644)), d;

	SAME(write(fd, "0123456789", 10), 10);
	d = OK(dup(fd));
	SAME(lseek(d, 0, SEEK_CUR), 10);
	SAME(lseek(d, -4, SEEK_END), 6);
	SAME(read(fd, buf, 2), 2);
	SAME(lseek(d, 0, SEEK_CUR), 8);
	SAME(pread(fd, buf, 10, 0), 10);
	SAME(lseek(d, 0, SEEK_CUR), 8);
	SAME(lseek(fd, 100, SEEK_SET), 100);
	SAME(read(fd, buf, 10), 0);
	FAILS(EINVAL, lseek(fd, -1000, SEEK_CUR));
	SAME(lseek(fd, 0, SEEK_CUR), 100);
	SAME(look("f").st_size, 10);
	OK(close(d));
	OK(close(fd));
}

/* Both bits of the access mode: asks for the rights to read and write, and gives a descriptor for neither. */
static void neither(void)
{
	char c;
	int fd;

	put("f", "x");
	fd = OK(open("f", O_WRONLY | O_RDWR));
	FAILS(EBADF, read(fd, &c, 1));
	FAILS(EBADF, write(fd, "y", 1));
	FAILS(EINVAL, ftruncate(fd, 0));
	OK(close(fd));
	holds("f", "x");
}

const struct test tests[] = {
	{"create", create}, {"append", append},	  {"append_many", append_many}, {"tmpfile", tmpfile_},
	{"direct", direct}, {"offsets", offsets}, {"neither", neither},		{NULL},
};
