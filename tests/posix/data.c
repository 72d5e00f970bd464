// SPDX-License-Identifier: GPL-2.0 OR MIT
/* data.c: size, holes, preallocation, mappings, unlinked files, reading directories that change. */
#include <dirent.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include "posix.h"

static bool zeroes(int fd, off_t from, off_t to)
{
	char buf[65536];
	ssize_t n, i;

	while (from < to) {
		n = pread(fd, buf, to - from < (off_t)sizeof(buf) ? to - from : (off_t)sizeof(buf), from);
		if (n <= 0)
			return false;
		for (i = 0; i < n; i++)
			if (buf[i])
				return false;
		from += n;
	}
	return true;
}

static void sizes(void)
{
	static const off_t cut[] = {0, 1, 511, 4095, 4096, 4097, 65535, 65536, 100000};
	char *data = malloc(200000), *back = malloc(200000);
	int fd = OK(open("f", O_CREAT | O_RDWR, 0644));
	size_t i;

	fill(data, 200000, 1);
	for (i = 0; i < sizeof(cut) / sizeof(*cut); i++) {
		SAME(pwrite(fd, data, 200000, 0), 200000);
		OK(ftruncate(fd, cut[i]));
		SAME(look("f").st_size, cut[i]);
		SAME(pread(fd, back, 200000, 0), cut[i]);
		TRUE(!memcmp(data, back, cut[i]));
		OK(truncate("f", 300000));
		SAME(look("f").st_size, 300000);
		TRUE(zeroes(fd, cut[i], 300000));
		OK(ftruncate(fd, 0));
	}
	/* Behind the end: what lies between is zeroes. */
	SAME(pwrite(fd, "end", 3, 1000000), 3);
	TRUE(zeroes(fd, 0, 1000000));
	SAME(look("f").st_size, 1000003);
	TRUE(look("f").st_blocks * 512 <= 300000);
	OK(ftruncate(fd, (off_t)1 << 40));
	SAME(look("f").st_size, (off_t)1 << 40);
	SAME(pwrite(fd, "far", 3, ((off_t)1 << 40) + 5), 3);
	SAME(pread(fd, back, 10, ((off_t)1 << 40) + 5), 3);
	TRUE(!memcmp(back, "far", 3));
	OK(close(fd));
	free(data);
	free(back);
}

static void preallocate(void)
{
	char buf[8192];
	int fd = OK(open("f", O_CREAT | O_RDWR, 0644));

	fill(buf, sizeof(buf), 3);
	HAS(fallocate(fd, 0, 0, 100000));
	SAME(look("f").st_size, 100000);
	TRUE(look("f").st_blocks * 512 >= 100000);
	TRUE(zeroes(fd, 0, 100000));
	OK(fallocate(fd, FALLOC_FL_KEEP_SIZE, 100000, 100000));
	SAME(look("f").st_size, 100000);
	SAME(pwrite(fd, buf, 8192, 0), 8192);
	SAME(pwrite(fd, buf, 8192, 8192), 8192);
	OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 1000, 10000));
	TRUE(zeroes(fd, 1000, 11000));
	SAME(pread(fd, buf + 4096, 1, 999), 1);
	SAME(look("f").st_size, 100000);
	OK(fallocate(fd, FALLOC_FL_ZERO_RANGE, 99000, 5000));
	SAME(look("f").st_size, 104000);
	TRUE(zeroes(fd, 99000, 104000));
	FAILS(EINVAL, fallocate(fd, 0, 0, 0));
	FAILS(EINVAL, fallocate(fd, 0, -1, 10));
	FAILS(EOPNOTSUPP, fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 10));
	FAILS(EFBIG, fallocate(fd, 0, INT64_MAX - 5, 10));
	OK(close(fd));
	fd = OK(open("f", O_RDONLY));
	FAILS(EBADF, fallocate(fd, 0, 0, 10));
	OK(close(fd));
}

static void seeking(void)
{
	int fd = OK(open("f", O_CREAT | O_RDWR, 0644));
	off_t at;

	SAME(pwrite(fd, "x", 1, 1 << 20), 1);
	SAME(pwrite(fd, "y", 1, 3 << 20), 1);
	at = OK(lseek(fd, 0, SEEK_DATA));
	TRUE(at >= 0 && at <= 1 << 20);
	at = OK(lseek(fd, 1 << 20, SEEK_DATA));
	SAME(at, 1 << 20);
	at = OK(lseek(fd, 1 << 20, SEEK_HOLE));
	TRUE(at > 1 << 20 && at <= (3 << 20) + 1);
	SAME(OK(lseek(fd, 3 << 20, SEEK_HOLE)), (3 << 20) + 1);
	FAILS(ENXIO, lseek(fd, (3 << 20) + 1, SEEK_DATA));
	FAILS(ENXIO, lseek(fd, 100 << 20, SEEK_HOLE));
	FAILS(ENXIO, lseek(fd, -1, SEEK_DATA));
	OK(close(fd));
}

static void copying(void)
{
	int in = OK(open("a", O_CREAT | O_RDWR, 0644)), out = OK(open("b", O_CREAT | O_RDWR, 0644));
	char *data = malloc(300000), *back = malloc(300000);
	off_t from = 5, to = 7, done = 0;
	ssize_t n;

	fill(data, 300000, 9);
	SAME(pwrite(in, data, 300000, 0), 300000);
	while ((n = copy_file_range(in, &from, out, &to, 299995 - done, 0)) > 0)
		done += n;
	SAME(done, 299995);
	SAME(pread(out, back, 300000, 7), 299995);
	TRUE(!memcmp(back, data + 5, 299995));
	TRUE(zeroes(out, 0, 7));
	from = 0, to = 10;
	FAILS(EINVAL, copy_file_range(in, &from, in, &to, 100, 0));
	OK(close(in));
	OK(close(out));
	free(data);
	free(back);
}

static void unlinked(void)
{
	char *data = malloc(100000), *back = malloc(100000), *map;
	struct stat st;
	int fd, i;

	fill(data, 100000, 4);
	fd = OK(open("f", O_CREAT | O_RDWR, 0644));
	SAME(write(fd, data, 50000), 50000);
	OK(unlink("f"));
	TRUE(!is_there("f"));
	put("f", "another");
	OK(fstat(fd, &st));
	SAME(st.st_nlink, 0);
	SAME(st.st_size, 50000);
	SAME(pwrite(fd, data + 50000, 50000, 50000), 50000);
	SAME(pread(fd, back, 100000, 0), 100000);
	TRUE(!memcmp(data, back, 100000));
	OK(fchmod(fd, 0600));
	OK(ftruncate(fd, 10));
	OK(fsync(fd));
	OK(fstat(fd, &st));
	SAME(st.st_size, 10);
	map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	TRUE(map != MAP_FAILED);
	map[3] = 'm';
	OK(close(fd));
	TRUE(map[3] == 'm' && map[4] == data[4]);
	OK(munmap(map, 4096));
	holds("f", "another");
	for (i = 0; i < 50; i++) {
		fd = OK(open("g", O_CREAT | O_EXCL | O_RDWR, 0644));
		OK(unlink("g"));
		SAME(write(fd, data, 5000), 5000);
		OK(close(fd));
	}
	free(data);
	free(back);
}

static void mapping(void)
{
	char *a, *b, *p, buf[8];
	int fd = OK(open("f", O_CREAT | O_RDWR, 0644)), status;

	OK(ftruncate(fd, 16384));
	a = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	b = mmap(NULL, 16384, PROT_READ, MAP_SHARED, fd, 0);
	p = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	TRUE(a != MAP_FAILED && b != MAP_FAILED && p != MAP_FAILED);
	strcpy(a + 5000, "store");
	TRUE(!strcmp(b + 5000, "store"));
	SAME(pread(fd, buf, 5, 5000), 5);
	TRUE(!memcmp(buf, "store", 5));
	SAME(pwrite(fd, "write", 5, 9000), 5);
	TRUE(!memcmp(a + 9000, "write", 5));
	strcpy(p + 100, "mine");
	TRUE(!a[100]);
	if (!fork()) {
		strcpy(a + 200, "child");
		_exit(0);
	}
	wait(&status);
	TRUE(!strcmp(b + 200, "child"));
	OK(msync(a, 16384, MS_SYNC));
	OK(munmap(b, 16384));
	OK(munmap(p, 16384));
	OK(ftruncate(fd, 5002));
	OK(ftruncate(fd, 16384));
	TRUE(a[5001] == 't' && !a[5002] && !a[9000]);
	OK(close(fd));
	strcpy(a + 12000, "closed");
	OK(munmap(a, 16384));
	fd = OK(open("f", O_RDONLY));
	SAME(pread(fd, buf, 6, 12000), 6);
	TRUE(!memcmp(buf, "closed", 6));
	TRUE(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED && errno == EACCES);
	OK(close(fd));
}

/* Each entry that stays is seen once, whatever else comes and goes; positions stay good. */
static void listing(void)
{
	enum { MANY = 2000 };
	const int N = large ? MANY : 300;
	static char seen[MANY];
	int i, k = 0, dots = 0, other = 0;
	struct dirent *d, *again;
	char name[32], first[256];
	long at[3];
	DIR *dir;

	for (i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		OK(mknod(name, S_IFREG | 0644, 0));
	}
	dir = opendir(".");
	TRUE(dir != NULL);
	while ((d = readdir(dir))) {
		if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, "..")) {
			dots++;
		} else if (sscanf(d->d_name, "f%d", &i) == 1) {
			seen[i]++;
			/* Half of them go as they are seen, new ones come. */
			if (i % 2)
				OK(unlink(d->d_name));
			snprintf(name, sizeof(name), "n%d", k++);
			if (k < N / 4)
				OK(mknod(name, S_IFREG | 0644, 0));
		} else {
			other++;
		}
	}
	SAME(dots, 2);
	for (i = k = 0; i < N; i++)
		k += seen[i] != 1;
	SAME(k, 0);
	/* Back to where one was. */
	rewinddir(dir);
	for (i = 0; i < N / 20; i++)
		readdir(dir);
	at[0] = telldir(dir);
	d = readdir(dir);
	strcpy(first, d->d_name);
	for (i = 0; i < N / 5; i++)
		readdir(dir);
	seekdir(dir, at[0]);
	again = readdir(dir);
	TRUE(again && !strcmp(again->d_name, first));
	OK(closedir(dir));
	/* What rm -r does. */
	dir = opendir(".");
	while ((d = readdir(dir)))
		if (d->d_name[0] != '.')
			OK(unlink(d->d_name));
	rewinddir(dir);
	for (i = 0; readdir(dir); i++)
		;
	SAME(i, 2);
	OK(closedir(dir));
}

static void figures(void)
{
	struct statvfs a;

	put("f", "x");
	OK(statvfs(".", &a));
	SAME(a.f_namemax, 255);
	TRUE(a.f_bsize > 0 && a.f_blocks > 0 && a.f_bfree <= a.f_blocks && a.f_bavail <= a.f_bfree);
}

static void locks(void)
{
	struct flock w = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 10}, g;
	int fd = OK(open("f", O_CREAT | O_RDWR, 0644)), status, fds[2];
	char c;

	OK(pipe(fds));
	OK(fcntl(fd, F_SETLK, &w));
	if (!fork()) {
		g = w;
		g.l_start = 15;
		if (fcntl(fd, F_SETLK, &g) != -1 || (errno != EAGAIN && errno != EACCES))
			_exit(1);
		if (fcntl(fd, F_GETLK, &g) || g.l_type != F_WRLCK || g.l_start != 10 || g.l_pid != getppid())
			_exit(2);
		g = w;
		g.l_start = 30;
		if (fcntl(fd, F_SETLK, &g))
			_exit(3);
		/* Waits until the parent lets go. */
		if (write(fds[1], "x", 1) != 1 || fcntl(fd, F_SETLKW, &w))
			_exit(4);
		_exit(0);
	}
	SAME(read(fds[0], &c, 1), 1);
	w.l_type = F_UNLCK;
	OK(fcntl(fd, F_SETLK, &w));
	wait(&status);
	SAME(status, 0);
	OK(close(fd));
}

const struct test tests[] = {
	{"sizes", sizes},	{"preallocate", preallocate},
	{"seeking", seeking},	{"copying", copying},
	{"unlinked", unlinked}, {"mapping", mapping},
	{"listing", listing},	{"figures", figures},
	{"locks", locks},	{NULL},
};
