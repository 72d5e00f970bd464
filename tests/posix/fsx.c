// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * fsx.c: random operations on one file beside a copy in memory; each read must show what the copy has. The seed is in
 * $SEED and is printed when something differs.
 */
#include <sys/mman.h>
#include "posix.h"

#define MOST (1u << 18)

static char *copy;
static size_t size;
static uint64_t state;
static int fd;
static unsigned step, seed;

static uint32_t any(uint32_t below)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(state >> 33) % below;
}

static void differ(const char *what, size_t off, size_t n)
{
	printf("# %s of %zu bytes at %zu differs, or failed (%s); seed %u, step %u, size %zu\n", what, n, off,
	       strerror(errno), seed, step, size);
	SAME(0, 1);
	exit(1);
}

static void grown(size_t end)
{
	if (end > size)
		size = end;
}

static void check(const char *what, const char *is, size_t off, size_t n)
{
	if (memcmp(is, copy + off, n))
		differ(what, off, n);
}

static void do_read(size_t off, size_t n)
{
	static char buf[MOST];
	size_t want = off >= size ? 0 : n < size - off ? n : size - off;

	errno = 0;
	if (pread(fd, buf, n, off) != (ssize_t)want)
		differ("read", off, n);
	check("read", buf, off, want);
}

static void do_write(size_t off, size_t n)
{
	fill(copy + off, n, any(1 << 30));
	if (pwrite(fd, copy + off, n, off) != (ssize_t)n)
		differ("write", off, n);
	grown(off + n);
}

static void do_map(size_t off, size_t n, bool write)
{
	size_t page = off / 4096 * 4096;
	char *m;

	if (off >= size)
		return;
	if (n > size - off)
		n = size - off;
	m = mmap(NULL, off + n - page, PROT_READ | (write ? PROT_WRITE : 0), MAP_SHARED, fd, page);
	if (m == MAP_FAILED)
		differ("mmap", off, n);
	if (write) {
		fill(copy + off, n, any(1 << 30));
		memcpy(m + (off - page), copy + off, n);
		if (any(3) == 0 && msync(m, off + n - page, MS_SYNC))
			differ("msync", off, n);
	} else {
		check("mapped read", m + (off - page), off, n);
	}
	munmap(m, off + n - page);
}

static void do_truncate(size_t to)
{
	if (any(2) ? ftruncate(fd, to) : truncate("f", to))
		differ("truncate", to, 0);
	/* What is behind the end is zeroes when it comes back. */
	memset(copy + to, 0, MOST - to);
	size = to;
}

static bool has_falloc = true;

static void do_fallocate(size_t off, size_t n)
{
	static const int modes[] = {0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				    FALLOC_FL_ZERO_RANGE, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE};
	int mode = modes[any(5)];

	if (!has_falloc)
		return;
	if (fallocate(fd, mode, off, n)) {
		if (errno != EOPNOTSUPP)
			differ("fallocate", off, n);
		has_falloc = false;
		return;
	}
	if (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
		memset(copy + off, 0, off >= size && mode & FALLOC_FL_KEEP_SIZE ? 0 : n);
	if (!(mode & FALLOC_FL_KEEP_SIZE))
		grown(off + n);
}

static void do_copy(size_t off, size_t n, size_t to)
{
	off_t from = off, at = to;
	ssize_t got;

	if (off >= size)
		return;
	if (n > size - off)
		n = size - off;
	if (n > MOST - to)
		n = MOST - to;
	if (!n || (off < to + n && to < off + n))
		return;
	memcpy(copy + to, copy + off, n);
	grown(to + n);
	for (; n; n -= got) {
		got = copy_file_range(fd, &from, fd, &at, n, 0);
		if (got <= 0)
			differ("copy_file_range", off, n);
	}
}

static void reopen(void)
{
	if (close(fd) || (fd = open("f", O_RDWR | (any(4) ? 0 : O_APPEND * 0))) < 0)
		differ("reopen", 0, 0);
}

static void run(unsigned steps)
{
	struct stat st;
	size_t off, n;

	copy = calloc(1, MOST);
	state = seed * 77777ull + 5;
	fd = OK(open("f", O_CREAT | O_RDWR, 0644));
	for (step = 0; step < steps; step++) {
		off = any(8) ? any(MOST - 1) : any(MOST / 4096) * 4096;
		n = 1 + any(any(4) ? 20000 : 3 * 4096 * 8);
		if (n > MOST - off)
			n = MOST - off;
		switch (any(16)) {
		case 0 ... 3:
			do_write(off, n);
			break;
		case 4 ... 6:
			do_read(off, n);
			break;
		case 7:
			do_truncate(off);
			break;
		case 8 ... 9:
			do_map(off, n, true);
			break;
		case 10:
			do_map(off, n, false);
			break;
		case 11 ... 12:
			do_fallocate(off, n);
			break;
		case 13:
			do_copy(off, n, any(MOST - 1));
			break;
		case 14:
			if (any(4))
				reopen();
			else if (any(2) ? fsync(fd) : fdatasync(fd))
				differ("fsync", 0, 0);
			break;
		default:
			/* Small and at the end, as logs are written. */
			if (size + 100 < MOST)
				do_write(size, 1 + any(100));
		}
		if (fstat(fd, &st) || (size_t)st.st_size != size) {
			printf("# size %lld\n", (long long)st.st_size);
			differ("fstat", 0, 0);
		}
	}
	do_read(0, size ? size : 1);
	OK(close(fd));
	fd = OK(open("f", O_RDONLY));
	do_read(0, size ? size : 1);
	OK(close(fd));
	free(copy);
}

static void random_operations(void)
{
	const char *given = getenv("SEED");
	unsigned i, first = given ? strtoul(given, NULL, 10) : 1;

	for (i = 0; i < (given ? 1 : large ? 40 : 6); i++) {
		seed = first + i;
		size = 0;
		OK(i ? unlink("f") : 0);
		run(large ? 3000 : 800);
	}
}

const struct test tests[] = {{"random_operations", random_operations}, {NULL}};
