// SPDX-License-Identifier: GPL-2.0 OR MIT
/* maps.c: files as memory. */
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include "posix.h"

#define PAGE 4096

static sigjmp_buf out;
static volatile int signal_seen;

static void on_fault(int sig)
{
	signal_seen = sig;
	siglongjmp(out, 1);
}

/* Reads or writes one byte: 0, or the signal that it gave. */
static int touch(volatile char *p, int write)
{
	struct sigaction sa = {.sa_handler = on_fault, .sa_flags = SA_NODEFER}, bus, segv;

	sigaction(SIGBUS, &sa, &bus);
	sigaction(SIGSEGV, &sa, &segv);
	signal_seen = 0;
	if (!sigsetjmp(out, 1)) {
		if (write)
			*p = 1;
		else
			(void)*p;
	}
	sigaction(SIGBUS, &bus, NULL);
	sigaction(SIGSEGV, &segv, NULL);
	return signal_seen;
}

static char *map(int fd, off_t off, size_t n, int prot, int flags)
{
	char *m = mmap(NULL, n, prot, flags, fd, off);

	if (m == MAP_FAILED)
		OK(-1);
	return m;
}

#define RW (PROT_READ | PROT_WRITE)

static void private_(void)
{
	int fd = OK(open("f", O_CREAT | O_RDWR, 0644)), ro;
	char buf[8], *m, *n;

	SAME(write(fd, "0123456789", 10), 10);
	m = map(fd, 0, 2 * PAGE, RW, MAP_PRIVATE);
	TRUE(!memcmp(m, "0123456789", 10) && !m[10] && !m[PAGE - 1]);
	memcpy(m, "abc", 3);
	SAME(pread(fd, buf, 3, 0), 3);
	TRUE(!memcmp(buf, "012", 3));
	n = map(fd, 0, PAGE, PROT_READ, MAP_PRIVATE);
	TRUE(!memcmp(n, "0123", 4));
	SAME(touch(m + PAGE, 0), SIGBUS);
	SAME(touch(n, 1), SIGSEGV);
	OK(close(fd));
	TRUE(!memcmp(m, "abc3456789", 10));
	OK(munmap(m, 2 * PAGE));
	OK(munmap(n, PAGE));
	/* A file that is only read can be changed in memory. */
	ro = OK(open("f", O_RDONLY));
	m = map(ro, 0, PAGE, RW, MAP_PRIVATE);
	m[0] = 'z';
	OK(close(ro));
	holds("f", "0123456789");
	OK(munmap(m, PAGE));
	ro = OK(open("f", O_WRONLY));
	TRUE(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, ro, 0) == MAP_FAILED && errno == EACCES);
	TRUE(mmap(NULL, PAGE, RW, MAP_SHARED, ro, 0) == MAP_FAILED && errno == EACCES);
	OK(close(ro));
	ro = OK(open("f", O_RDONLY));
	TRUE(mmap(NULL, PAGE, RW, MAP_SHARED, ro, 0) == MAP_FAILED && errno == EACCES);
	TRUE(mmap(NULL, 0, PROT_READ, MAP_SHARED, ro, 0) == MAP_FAILED && errno == EINVAL);
	TRUE(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, ro, 100) == MAP_FAILED && errno == EINVAL);
	TRUE(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, 99, 0) == MAP_FAILED && errno == EBADF);
	m = map(ro, 0, PAGE, PROT_READ, MAP_SHARED);
	FAILS(EACCES, mprotect(m, PAGE, RW));
	OK(munmap(m, PAGE));
	OK(close(ro));
	ro = OK(open(".", O_RDONLY | O_DIRECTORY));
	TRUE(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, ro, 0) == MAP_FAILED && errno == ENODEV);
	OK(close(ro));
}

static void shared(void)
{
	int fd = OK(open("f", O_CREAT | O_RDWR, 0644)), i, status;
	char *a, *b, *want = malloc(16 * PAGE), *back = malloc(16 * PAGE);

	fill(want, 16 * PAGE, 1);
	SAME(pwrite(fd, want, 16 * PAGE, 0), 16 * PAGE);
	a = map(fd, 0, 16 * PAGE, RW, MAP_SHARED);
	TRUE(!memcmp(a, want, 16 * PAGE));
	/* Each of write, store and the other mapping sees the others at once, at page edges, too. */
	b = map(fd, 4 * PAGE, 4 * PAGE, RW, MAP_SHARED);
	for (i = 0; i < 50; i++) {
		size_t at = 4 * PAGE + i * 300;

		fill(want + at, 200, i);
		if (i % 3 == 0)
			SAME(pwrite(fd, want + at, 200, at), 200);
		else
			memcpy(i % 3 == 1 ? a + at : b + (at - 4 * PAGE), want + at, 200);
		TRUE(!memcmp(a + at, want + at, 200) && !memcmp(b + (at - 4 * PAGE), want + at, 200));
		SAME(pread(fd, back, 400, at - 100), 400);
		TRUE(!memcmp(back, want + at - 100, 400));
	}
	if (!fork()) {
		memcpy(a + 100, "child", 5);
		fd = open("f", O_RDWR);
		_exit(pwrite(fd, "other", 5, 200) != 5);
	}
	wait(&status);
	SAME(status, 0);
	TRUE(!memcmp(a + 100, "child", 5) && !memcmp(a + 200, "other", 5));
	memcpy(want + 100, a + 100, 200);
	OK(msync(a, 16 * PAGE, MS_SYNC));
	OK(msync(a, PAGE, MS_ASYNC));
	FAILS(EINVAL, msync(a, PAGE, MS_SYNC | MS_ASYNC));
	FAILS(EINVAL, msync(a + 1, PAGE, MS_SYNC));
	OK(madvise(a, 16 * PAGE, MADV_DONTNEED));
	TRUE(!memcmp(a, want, 16 * PAGE));
	OK(munmap(b, 4 * PAGE));
	/* A part goes, the rest stays. */
	OK(munmap(a + 4 * PAGE, PAGE));
	SAME(touch(a + 4 * PAGE, 0), SIGSEGV);
	TRUE(!memcmp(a, want, 4 * PAGE) && !memcmp(a + 5 * PAGE, want + 5 * PAGE, 11 * PAGE));
	OK(mprotect(a, PAGE, PROT_READ));
	SAME(touch(a, 1), SIGSEGV);
	SAME(touch(a + PAGE, 1), 0);
	want[PAGE] = 1;
	OK(mprotect(a, PAGE, RW));
	SAME(touch(a, 1), 0);
	want[0] = 1;
	OK(munmap(a, 16 * PAGE));
	SAME(pread(fd, back, 16 * PAGE, 0), 16 * PAGE);
	TRUE(!memcmp(back, want, 16 * PAGE));
	OK(close(fd));
	free(want);
	free(back);
}

/* The end of the file: bytes behind it in the page are zeroes and lost, pages behind it are none. */
static void end(void)
{
	int fd = OK(open("f", O_CREAT | O_RDWR, 0644));
	char buf[100], *m;

	SAME(pwrite(fd, "0123456789", 10, 0), 10);
	m = map(fd, 0, 4 * PAGE, RW, MAP_SHARED);
	TRUE(!m[10] && !m[PAGE - 1]);
	m[50] = 'x';
	SAME(look("f").st_size, 10);
	SAME(touch(m + PAGE, 0), SIGBUS);
	SAME(touch(m + 3 * PAGE, 1), SIGBUS);
	/* It grows: what is there now can be reached through the old mapping. */
	OK(ftruncate(fd, 3 * PAGE));
	SAME(pread(fd, buf, 1, 60), 1);
	TRUE(!buf[0]);
	SAME(touch(m + 2 * PAGE, 1), 0);
	SAME(touch(m + 3 * PAGE, 0), SIGBUS);
	SAME(pwrite(fd, "new", 3, 3 * PAGE + 5), 3);
	TRUE(!memcmp(m + 3 * PAGE + 5, "new", 3));
	/* And shrinks under it. */
	OK(ftruncate(fd, PAGE + 100));
	SAME(touch(m + 2 * PAGE, 0), SIGBUS);
	SAME(touch(m + PAGE + 100, 0), 0);
	OK(ftruncate(fd, 4 * PAGE));
	TRUE(!m[2 * PAGE] && !m[3 * PAGE + 5]);
	memcpy(m + 3 * PAGE - 2, "edge", 4);
	SAME(pread(fd, buf, 4, 3 * PAGE - 2), 4);
	TRUE(!memcmp(buf, "edge", 4));
	OK(munmap(m, 4 * PAGE));
	OK(close(fd));
}

static void holes(void)
{
	int fd = OK(open("f", O_CREAT | O_RDWR, 0644));
	char buf[PAGE], *m;

	OK(ftruncate(fd, 64 * PAGE));
	m = map(fd, 0, 64 * PAGE, RW, MAP_SHARED);
	TRUE(!m[0] && !m[63 * PAGE]);
	m[20 * PAGE + 7] = 'h';
	SAME(pwrite(fd, "w", 1, 40 * PAGE), 1);
	SAME(m[40 * PAGE], 'w');
	SAME(pread(fd, buf, PAGE, 20 * PAGE), PAGE);
	SAME(buf[7], 'h');
	OK(msync(m, 64 * PAGE, MS_SYNC));
	if (!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 20 * PAGE, PAGE)) {
		TRUE(!m[20 * PAGE + 7]);
		m[20 * PAGE + 9] = 'i';
		SAME(pread(fd, buf, PAGE, 20 * PAGE), PAGE);
		TRUE(!buf[7] && buf[9] == 'i');
	} else {
		SAME(errno, EOPNOTSUPP);
	}
	OK(munmap(m, 64 * PAGE));
	OK(close(fd));
	fd = OK(open("f", O_RDONLY));
	SAME(pread(fd, buf, 1, 40 * PAGE), 1);
	SAME(buf[0], 'w');
	OK(close(fd));
}

/* Memory of a file as source and target of transfers, of the same file, too. */
static void as_buffers(void)
{
	int fd = OK(open("f", O_CREAT | O_RDWR, 0644)), g = OK(open("g", O_CREAT | O_RDWR, 0644));
	char *want = malloc(8 * PAGE), *a, *b;

	fill(want, 8 * PAGE, 2);
	SAME(pwrite(fd, want, 8 * PAGE, 0), 8 * PAGE);
	OK(ftruncate(g, 8 * PAGE));
	a = map(fd, 0, 8 * PAGE, RW, MAP_SHARED);
	b = map(g, 0, 8 * PAGE, RW, MAP_SHARED);
	SAME(pwrite(g, a, 4 * PAGE, 0), 4 * PAGE);
	SAME(pread(fd, b + 4 * PAGE, 4 * PAGE, 4 * PAGE), 4 * PAGE);
	TRUE(!memcmp(b, want, 8 * PAGE));
	/* From one page of a file to another of it. */
	SAME(pwrite(fd, a, PAGE, 6 * PAGE), PAGE);
	memcpy(want + 6 * PAGE, want, PAGE);
	SAME(pread(fd, a + 2 * PAGE, PAGE, PAGE), PAGE);
	memcpy(want + 2 * PAGE, want + PAGE, PAGE);
	TRUE(!memcmp(a, want, 8 * PAGE));
	OK(munmap(a, 8 * PAGE));
	OK(munmap(b, 8 * PAGE));
	free(want);
}

static void times(void)
{
	int fd = OK(open("f", O_CREAT | O_RDWR, 0644));
	struct stat a, b;
	char *m;

	SAME(write(fd, "x", 1), 1);
	OK(fsync(fd));
	m = map(fd, 0, PAGE, RW, MAP_SHARED);
	OK(fstat(fd, &a));
	tick();
	m[0] = 'y';
	OK(msync(m, PAGE, MS_SYNC));
	OK(munmap(m, PAGE));
	OK(close(fd));
	b = look("f");
	TRUE(after(b.st_mtim, a.st_mtim) && after(b.st_ctim, a.st_ctim));
}

static void several(void)
{
	enum { N = 6, ROUNDS = 200 };
	int fd = OK(open("f", O_CREAT | O_RDWR, 0644)), i, k, status;
	unsigned char *m;

	OK(ftruncate(fd, N * 1000));
	for (i = 0; i < N; i++) {
		if (fork())
			continue;
		m = mmap(NULL, N * 1000, RW, MAP_SHARED, fd, 0);
		if (m == MAP_FAILED)
			_exit(1);
		for (k = 1; k <= ROUNDS; k++) {
			memset(m + i * 1000, k, 1000);
			if (k % 50 == 0 && pwrite(fd, m + i * 1000, 500, i * 1000) != 500)
				_exit(1);
		}
		_exit(0);
	}
	while (wait(&status) > 0)
		SAME(status, 0);
	m = (void *)map(fd, 0, N * 1000, PROT_READ, MAP_SHARED);
	for (i = k = 0; i < N * 1000; i++)
		k += m[i] != (unsigned char)ROUNDS;
	SAME(k, 0);
	OK(munmap(m, N * 1000));
	OK(close(fd));
}

static void run_from(void)
{
	int in = OK(open("/bin/true", O_RDONLY)), copy = OK(open("prog", O_CREAT | O_RDWR, 0755)), status, fd;
	char buf[65536];
	ssize_t n;
	pid_t pid;

	while ((n = read(in, buf, sizeof(buf))) > 0)
		SAME(write(copy, buf, n), n);
	OK(close(copy));
	OK(close(in));
	pid = fork();
	if (!pid) {
		execl("./prog", "prog", NULL);
		_exit(99);
	}
	SAME(waitpid(pid, &status, 0), pid);
	SAME(status, 0);
	/* What is open for writing is not run. */
	fd = OK(open("prog", O_WRONLY));
	FAILS(ETXTBSY, execl("./prog", "prog", NULL));
	OK(close(fd));
	/* No execute permission for anybody: not for root either. */
	OK(chmod("prog", 0644));
	FAILS(EACCES, execl("./prog", "prog", NULL));
	FAILS(EACCES, access("prog", X_OK));
	OK(mkdir("d", 0755));
	FAILS(EACCES, execl("./d", "d", NULL));
	put("text", "no program");
	OK(chmod("text", 0755));
	FAILS(ENOEXEC, execl("./text", "text", NULL));
}

const struct test tests[] = {
	{"private", private_, 0}, {"shared", shared, 0},	 {"end", end, 0},
	{"holes", holes, 0},	  {"as_buffers", as_buffers, 0}, {"times", times, 0},
	{"several", several, 0},  {"run_from", run_from, 0},	 {NULL},
};
