// SPDX-License-Identifier: GPL-2.0 OR MIT
/* io.c: the less common calls that read, write, move and free bytes. */
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include "posix.h"

static char data[65536], back[65536];
/* No memory; the compiler shall not know. */
static void *volatile nowhere = (void *)8, *volatile null;

static bool same(int fd, off_t off, const char *want, size_t n)
{
	return pread(fd, back, n, off) == (ssize_t)n && !memcmp(back, want, n);
}

static bool zero(int fd, off_t off, size_t n)
{
	static const char none[65536];

	return same(fd, off, none, n);
}

static void vectors(void)
{
	struct iovec iov[3] = {{data, 5}, {data + 100, 0}, {data + 1000, 7000}},
		     in[2] = {{back, 100}, {back + 100, 8000}};
	int fd = OK(open("f", O_CREAT | O_RDWR, 0644));
	struct iovec many[1025];
	volatile int minus = -1;
	int i;

	fill(data, sizeof(data), 1);
	SAME(writev(fd, iov, 3), 7005);
	SAME(lseek(fd, 0, SEEK_CUR), 7005);
	SAME(pwritev(fd, iov, 3, 10000), 7005);
	SAME(lseek(fd, 0, SEEK_CUR), 7005);
	TRUE(same(fd, 10005, data + 1000, 7000));
	SAME(preadv(fd, in, 2, 5), 8100);
	TRUE(!memcmp(back, data + 1000, 7000));
	SAME(preadv(fd, in, 2, 17000), 5);
	SAME(lseek(fd, 0, SEEK_SET), 0);
	SAME(readv(fd, in, 2), 8100);
	SAME(lseek(fd, 0, SEEK_CUR), 8100);
	SAME(writev(fd, iov, 0), 0);
	FAILS(EINVAL, writev(fd, iov, minus));
	for (i = 0; i < 1025; i++)
		many[i] = (struct iovec){data + i, 1};
	FAILS(EINVAL, writev(fd, many, 1025));
	SAME(pwritev(fd, many, 1024, 0), 1024);
	TRUE(same(fd, 0, data, 1024));
	in[0].iov_len = SIZE_MAX;
	FAILS(EINVAL, readv(fd, in, 2));
	FAILS(EINVAL, preadv(fd, iov, 1, -1));
	/* With flags. */
	iov[0].iov_len = 10;
	SAME(HAS(pwritev2(fd, iov, 1, 0, RWF_DSYNC)), 10);
	SAME(pwritev2(fd, iov, 1, 20, RWF_SYNC), 10);
	OK(ftruncate(fd, 100));
	SAME(pwritev2(fd, iov, 1, 0, RWF_APPEND), 10);
	SAME(look("f").st_size, 110);
	TRUE(same(fd, 100, data, 10));
	OK(lseek(fd, 50, SEEK_SET));
	SAME(pwritev2(fd, iov, 1, -1, 0), 10);
	SAME(lseek(fd, 0, SEEK_CUR), 60);
	SAME(preadv2(fd, iov, 1, -1, 0), 10);
	SAME(lseek(fd, 0, SEEK_CUR), 70);
	FAILS(EOPNOTSUPP, pwritev2(fd, iov, 1, 0, 0x4000000));
	OK(close(fd));
}

/* A bad address is told; what was before it may have been moved. */
static void bad_memory(void)
{
	char *edge = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = OK(open("f", O_CREAT | O_RDWR, 0644));
	struct iovec iov[2] = {{data, 10}, {nowhere, 10}};
	struct stat st;

	OK(munmap(edge + 4096, 8192));
	SAME(write(fd, data, 20000), 20000);
	FAILS(EFAULT, pwrite(fd, nowhere, 10, 0));
	FAILS(EFAULT, pread(fd, nowhere, 10, 0));
	FAILS(EFAULT, pread(fd, edge + 4096, 10, 0));
	FAILS(EFAULT, pwrite(fd, edge + 4096, 10, 0));
	FAILS(EFAULT, pread(fd, null, 10, 0));
	SAME(pread(fd, null, 0, 0), 0);
	SAME(pread(fd, nowhere, 10, 30000), 0);
	TRUE(pwritev(fd, iov, 2, 0) == 10 || errno == EFAULT);
	FAILS(EFAULT, fstat(fd, nowhere));
	FAILS(EFAULT, stat("f", nowhere));
	FAILS(EFAULT, fstatfs(fd, nowhere));
	FAILS(EFAULT, readv(fd, nowhere, 1));
	FAILS(EFAULT, syscall(SYS_getdents64, open(".", O_RDONLY | O_DIRECTORY), nowhere, 4096));
	FAILS(EFAULT, readlink("/proc/self/exe", nowhere, 10));
	OK(fstat(fd, &st));
	SAME(st.st_size, 20000);
	OK(close(fd));
}

static void allocation(void)
{
	int fd = OK(open("f", O_CREAT | O_RDWR, 0644)), p[2];
	struct stat st;

	fill(data, sizeof(data), 2);
	SAME(pwrite(fd, data, 65536, 0), 65536);
	HAS(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 8192));
	TRUE(same(fd, 0, data, 4096) && zero(fd, 4096, 8192) && same(fd, 12288, data + 12288, 65536 - 12288));
	/* Inside one page, and over its edge. */
	OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 20500, 10));
	TRUE(same(fd, 20000, data + 20000, 500) && zero(fd, 20500, 10) && same(fd, 20510, data + 20510, 1000));
	OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 28600, 200));
	TRUE(same(fd, 28500, data + 28500, 100) && zero(fd, 28600, 200) && same(fd, 28800, data + 28800, 200));
	/* Behind the end: nothing. */
	OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 65536, 8192));
	SAME(look("f").st_size, 65536);
	OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 65000, 10000));
	SAME(look("f").st_size, 65536);
	TRUE(zero(fd, 65000, 536));
	HAS(fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, 60000, 10000));
	SAME(look("f").st_size, 65536);
	OK(fallocate(fd, FALLOC_FL_ZERO_RANGE, 60000, 10000));
	SAME(look("f").st_size, 70000);
	TRUE(zero(fd, 60000, 10000));
	OK(posix_fallocate(fd, 100000, 10) ? -1 : 0);
	SAME(look("f").st_size, 100010);
	TRUE(zero(fd, 70000, 30010));
	SAME(posix_fallocate(fd, 0, 0), EINVAL);
	SAME(posix_fallocate(fd, -1, 10), EINVAL);
	FAILS(EOPNOTSUPP, fallocate(fd, 0x1000, 0, 10));
	/* All blocks given back: the size stays, the room does not. */
	OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 1 << 20));
	OK(fstat(fd, &st));
	SAME(st.st_size, 100010);
	SAME(st.st_blocks, 0);
	TRUE(zero(fd, 0, 65536));
	OK(pipe(p));
	FAILS(ESPIPE, fallocate(p[1], 0, 0, 10));
	FAILS(EBADF, fallocate(p[0], 0, 0, 10));
	OK(close(fd));
	fd = OK(open(".", O_RDONLY | O_DIRECTORY));
	FAILS(EBADF, fallocate(fd, 0, 0, 10));
	OK(close(fd));
}

static void allocation_times(void)
{
	int fd = OK(open("f", O_CREAT | O_RDWR, 0644));
	struct stat a, b;

	SAME(pwrite(fd, data, 20000, 0), 20000);
	OK(fsync(fd));
	OK(fstat(fd, &a));
	tick();
	HAS(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096));
	OK(fstat(fd, &b));
	TRUE(after(b.st_mtim, a.st_mtim) && after(b.st_ctim, a.st_ctim));
	tick();
	OK(fallocate(fd, 0, 0, 40000));
	OK(fstat(fd, &a));
	TRUE(after(a.st_ctim, b.st_ctim));
	OK(close(fd));
}

/* Data and holes: what was written is data; what lies far from it is a hole. */
static void seeking(void)
{
	int fd = OK(open("f", O_CREAT | O_RDWR, 0644));
	const off_t far = 64 << 20;
	off_t at;

	FAILS(ENXIO, lseek(fd, 0, SEEK_DATA));
	FAILS(ENXIO, lseek(fd, 0, SEEK_HOLE));
	SAME(pwrite(fd, data, 1, 0), 1);
	SAME(lseek(fd, 0, SEEK_DATA), 0);
	SAME(lseek(fd, 0, SEEK_HOLE), 1);
	SAME(pwrite(fd, data, 1, far), 1);
	at = lseek(fd, 1, SEEK_HOLE);
	TRUE(at >= 1 && at < far);
	at = lseek(fd, 1 << 20, SEEK_DATA);
	TRUE(at > 1 << 20 && at <= far);
	SAME(lseek(fd, at, SEEK_CUR) - at, at);
	OK(ftruncate(fd, far * 2));
	at = lseek(fd, far, SEEK_HOLE);
	TRUE(at > far && at <= far + (1 << 20));
	FAILS(ENXIO, lseek(fd, far * 2, SEEK_DATA));
	FAILS(ENXIO, lseek(fd, far + (2 << 20), SEEK_DATA));
	SAME(lseek(fd, far + (2 << 20), SEEK_HOLE), far + (2 << 20));
	FAILS(EINVAL, lseek(fd, 0, 77));
	SAME(lseek(fd, 0, SEEK_END), far * 2);
	FAILS(EINVAL, lseek(fd, INT64_MIN, SEEK_CUR));
	OK(close(fd));
}

static void between_files(void)
{
	int in = OK(open("a", O_CREAT | O_RDWR, 0644)), out = OK(open("b", O_CREAT | O_RDWR, 0644)), p[2], dir, ro;
	off_t off = 100, to = 50;
	struct stat st;

	fill(data, sizeof(data), 5);
	SAME(write(in, data, 65536), 65536);
	SAME(sendfile(out, in, &off, 5000), 5000);
	SAME(off, 5100);
	TRUE(same(out, 0, data + 100, 5000));
	SAME(lseek(out, 0, SEEK_CUR), 5000);
	OK(lseek(in, 65000, SEEK_SET));
	SAME(sendfile(out, in, NULL, 5000), 536);
	SAME(lseek(in, 0, SEEK_CUR), 65536);
	SAME(sendfile(out, in, NULL, 10), 0);
	OK(pipe(p));
	off = 4000;
	SAME(splice(in, &off, p[1], NULL, 6000, 0), 6000);
	SAME(off, 10000);
	to = 30000;
	SAME(splice(p[0], NULL, out, &to, 6000, 0), 6000);
	TRUE(same(out, 30000, data + 4000, 6000));
	SAME(to, 36000);
	FAILS(ESPIPE, splice(p[0], &off, out, NULL, 10, 0));
	FAILS(EINVAL, splice(in, NULL, out, NULL, 10, 0));
	/* copy_file_range and what it refuses. */
	off = 0, to = 100000;
	SAME(copy_file_range(in, &off, out, &to, 65536, 0), 65536);
	TRUE(same(out, 100000, data, 65536));
	SAME(copy_file_range(in, &off, out, &to, 10, 0), 0);
	FAILS(EINVAL, copy_file_range(in, &off, out, &to, 10, 1));
	off = 0;
	dir = OK(open(".", O_RDONLY | O_DIRECTORY));
	FAILS(EISDIR, copy_file_range(dir, &off, out, &to, 10, 0));
	FAILS(EINVAL, copy_file_range(p[0], NULL, out, &to, 10, 0));
	ro = OK(open("b", O_RDONLY));
	FAILS(EBADF, copy_file_range(in, &off, ro, &to, 10, 0));
	OK(close(ro));
	ro = OK(open("b", O_WRONLY | O_APPEND));
	FAILS(EBADF, copy_file_range(in, &off, ro, &to, 10, 0));
	FAILS(EBADF, copy_file_range(ro, &off, in, &to, 10, 0));
	OK(lseek(in, 10, SEEK_SET));
	OK(lseek(out, 0, SEEK_SET));
	SAME(copy_file_range(in, NULL, out, NULL, 100, 0), 100);
	SAME(lseek(in, 0, SEEK_CUR), 110);
	SAME(lseek(out, 0, SEEK_CUR), 100);
	/* Inside one file without overlap. */
	off = 0, to = 65536;
	SAME(copy_file_range(in, &off, in, &to, 65536, 0), 65536);
	TRUE(same(in, 65536, data, 65536));
	OK(fstat(in, &st));
	SAME(st.st_size, 131072);
}

/* Hints may be taken or not, but are checked. */
static void hints(void)
{
	int fd = OK(open("f", O_CREAT | O_RDWR, 0644)), p[2];

	SAME(write(fd, data, 20000), 20000);
	SAME(posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL), 0);
	SAME(posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED), 0);
	SAME(posix_fadvise(fd, 0, 4096, POSIX_FADV_DONTNEED), 0);
	SAME(posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM), 0);
	SAME(posix_fadvise(fd, 0, 0, 99), EINVAL);
	SAME(posix_fadvise(fd, 0, -1, POSIX_FADV_NORMAL), EINVAL);
	OK(pipe(p));
	SAME(posix_fadvise(p[0], 0, 0, POSIX_FADV_NORMAL), ESPIPE);
	SAME(posix_fadvise(77, 0, 0, POSIX_FADV_NORMAL), EBADF);
	OK(readahead(fd, 0, 20000));
	FAILS(EINVAL, readahead(p[0], 0, 10));
	OK(sync_file_range(fd, 0, 4096, SYNC_FILE_RANGE_WRITE));
	OK(sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER));
	FAILS(EINVAL, sync_file_range(fd, 0, 0, 0x100));
	FAILS(EINVAL, sync_file_range(fd, -1, 0, SYNC_FILE_RANGE_WRITE));
	FAILS(ESPIPE, sync_file_range(p[1], 0, 0, SYNC_FILE_RANGE_WRITE));
	OK(syncfs(fd));
	FAILS(EINVAL, fsync(p[0]));
	FAILS(EINVAL, fdatasync(p[1]));
	OK(fsync(fd));
	OK(fdatasync(fd));
	TRUE(same(fd, 0, data, 20000));
	OK(close(fd));
}

static void limits(void)
{
	int fd = OK(open("f", O_CREAT | O_RDWR, 0644));
	struct statvfs v;
	off_t top;

	FAILS(EFBIG, pwrite(fd, data, 10, INT64_MAX - 5) < 0 && errno == EINVAL ? (errno = EFBIG, -1) : -1);
	FAILS(EINVAL, ftruncate(fd, INT64_MIN));
	errno = 0;
	TRUE(ftruncate(fd, INT64_MAX) == 0 || errno == EFBIG || errno == EINVAL);
	OK(ftruncate(fd, 0));
	/* The largest size that is taken is honest: the last byte can be written and read. */
	for (top = (off_t)1 << 62; top > 1 << 20 && ftruncate(fd, top); top >>= 1)
		;
	TRUE(top >= (off_t)1 << 40);
	SAME(look("f").st_size, top);
	SAME(pwrite(fd, "z", 1, top - 1), 1);
	SAME(pread(fd, back, 10, top - 1), 1);
	TRUE(back[0] == 'z');
	OK(ftruncate(fd, 5));
	OK(fstatvfs(fd, &v));
	SAME(v.f_namemax, 255);
	SAME(fpathconf(fd, _PC_NAME_MAX), 255);
	OK(close(fd));
}

static void synchronous(void)
{
	int fd = OK(open("f", O_CREAT | O_RDWR | O_SYNC, 0644)), d = OK(open("f", O_RDWR | O_DSYNC));

	SAME(write(fd, data, 5000), 5000);
	SAME(pwrite(d, data, 100, 5000), 100);
	TRUE(fcntl(fd, F_GETFL) & O_SYNC && fcntl(d, F_GETFL) & O_DSYNC);
	SAME(look("f").st_size, 5100);
	OK(close(fd));
	OK(close(d));
}

/* Small, large and odd direct transfers, some of them partly behind the end. */
static void direct(void)
{
	char *buf;
	int fd = open("f", O_CREAT | O_RDWR | O_DIRECT, 0644), i, c;

	if (fd < 0 && errno == EINVAL)
		skip("no O_DIRECT");
	buf = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	fill(buf, 1 << 20, 8);
	SAME(pwrite(fd, buf, 1 << 20, 0), 1 << 20);
	c = OK(open("f", O_RDWR));
	for (i = 0; i < 1 << 20; i += 65536)
		TRUE(same(c, i, buf + i, 65536));
	SAME(pwrite(c, "abc", 3, 5000), 3);
	memset(buf, 0, 8192);
	SAME(pread(fd, buf, 8192, 4096), 8192);
	TRUE(!memcmp(buf + 5000 - 4096, "abc", 3));
	OK(ftruncate(fd, 10000));
	SAME(pread(fd, buf, 65536, 0), 10000);
	SAME(pread(fd, buf, 65536, 8192), 10000 - 8192);
	SAME(pread(fd, buf, 4096, 12288), 0);
	/* Into a mapping of the file itself. */
	SAME(lseek(fd, 0, SEEK_END), 10000);
	TRUE(fcntl(fd, F_GETFL) & O_DIRECT);
	OK(fcntl(fd, F_SETFL, 0));
	SAME(pread(fd, back, 3, 5000), 3);
	TRUE(!memcmp(back, "abc", 3));
	OK(close(c));
	OK(close(fd));
}

const struct test tests[] = {
	{"vectors", vectors, 0},
	{"bad_memory", bad_memory, 0},
	{"allocation", allocation, 0},
	{"allocation_times", allocation_times, 0},
	{"seeking", seeking, 0},
	{"between_files", between_files, 0},
	{"hints", hints, 0},
	{"limits", limits, 0},
	{"synchronous", synchronous, 0},
	{"direct", direct, 0},
	{NULL},
};
