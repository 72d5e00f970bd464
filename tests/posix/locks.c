// SPDX-License-Identifier: GPL-2.0 OR MIT
/* locks.c: locks on bytes by process and by open file, on whole files, and leases. */
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include "posix.h"

static struct flock range(short type, off_t from, off_t len)
{
	return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = from, .l_len = len};
}

/* What another process sees: the lock that is in the way of a write lock of [from, from + len), F_UNLCK if none. */
static struct flock seen_by_other(off_t from, off_t len)
{
	struct flock l = range(F_WRLCK, from, len);
	int p[2], fd;

	OK(pipe(p));
	if (!fork()) {
		fd = open("f", O_RDWR);
		if (fcntl(fd, F_GETLK, &l) || write(p[1], &l, sizeof(l)) != sizeof(l))
			_exit(1);
		_exit(0);
	}
	SAME(read(p[0], &l, sizeof(l)), sizeof(l));
	wait(NULL);
	close(p[0]);
	close(p[1]);
	return l;
}

static void ranges(void)
{
	int fd = OK(open("f", O_CREAT | O_RDWR, 0644)), other;
	struct flock l = range(F_WRLCK, 10, 20);

	OK(fcntl(fd, F_SETLK, &l));
	SAME(seen_by_other(0, 10).l_type, F_UNLCK);
	SAME(seen_by_other(0, 11).l_type, F_WRLCK);
	SAME(seen_by_other(0, 0).l_start, 10);
	SAME(seen_by_other(0, 0).l_len, 20);
	SAME(seen_by_other(0, 0).l_pid, getpid());
	/* Split in the middle, downgraded at one end. */
	l = range(F_UNLCK, 15, 5);
	OK(fcntl(fd, F_SETLK, &l));
	SAME(seen_by_other(15, 5).l_type, F_UNLCK);
	SAME(seen_by_other(20, 10).l_start, 20);
	l = range(F_RDLCK, 10, 2);
	OK(fcntl(fd, F_SETLK, &l));
	SAME(seen_by_other(10, 1).l_type, F_RDLCK);
	SAME(seen_by_other(12, 1).l_type, F_WRLCK);
	/* To the end, and backwards. */
	l = range(F_WRLCK, 1000, 0);
	OK(fcntl(fd, F_SETLK, &l));
	SAME(seen_by_other((off_t)1 << 40, 1).l_type, F_WRLCK);
	l = range(F_WRLCK, 500, -100);
	OK(fcntl(fd, F_SETLK, &l));
	SAME(seen_by_other(400, 1).l_start, 400);
	SAME(seen_by_other(499, 1).l_type, F_WRLCK);
	SAME(seen_by_other(500, 1).l_type, F_UNLCK);
	l = range(F_WRLCK, 5, -10);
	FAILS(EINVAL, fcntl(fd, F_SETLK, &l));
	l.l_type = 77;
	FAILS(EINVAL, fcntl(fd, F_SETLK, &l));
	/* Closing any descriptor of the file lets all go. */
	other = OK(open("f", O_RDONLY));
	OK(close(other));
	SAME(seen_by_other(0, 0).l_type, F_UNLCK);
	other = OK(open("f", O_RDONLY));
	l = range(F_WRLCK, 0, 1);
	FAILS(EBADF, fcntl(other, F_SETLK, &l));
	OK(close(other));
	other = OK(open("f", O_WRONLY));
	l = range(F_RDLCK, 0, 1);
	FAILS(EBADF, fcntl(other, F_SETLK, &l));
}

static void on_signal(int sig)
{
}

static void waiting(void)
{
	struct sigaction sa = {.sa_handler = on_signal};
	int fd = OK(open("f", O_CREAT | O_RDWR, 0644)), p[2], status;
	struct flock a = range(F_WRLCK, 0, 10), b = range(F_WRLCK, 20, 10);
	pid_t pid;
	char c;

	OK(pipe(p));
	OK(fcntl(fd, F_SETLK, &a));
	pid = fork();
	if (!pid) {
		struct flock x = a, y = b;

		sigaction(SIGUSR1, &sa, NULL);
		if (fcntl(fd, F_SETLK, &x) != -1 || (errno != EAGAIN && errno != EACCES))
			_exit(1);
		if (fcntl(fd, F_SETLK, &y) || write(p[1], "x", 1) != 1)
			_exit(2);
		/* A signal ends the wait. */
		if (fcntl(fd, F_SETLKW, &x) != -1 || errno != EINTR)
			_exit(3);
		/* On a busy machine another one is on its way. */
		signal(SIGUSR1, SIG_IGN);
		if (write(p[1], "x", 1) != 1)
			_exit(3);
		if (fcntl(fd, F_SETLKW, &x))
			_exit(4);
		_exit(0);
	}
	SAME(read(p[0], &c, 1), 1);
	do {
		tick();
		kill(pid, SIGUSR1);
	} while (poll(&(struct pollfd){p[0], POLLIN, 0}, 1, 20) != 1);
	SAME(read(p[0], &c, 1), 1);
	/* Each holds what the other wants: one of them is told. */
	tick();
	tick();
	a = range(F_UNLCK, 0, 10);
	OK(fcntl(fd, F_SETLK, &a));
	SAME(waitpid(pid, &status, 0), pid);
	SAME(status, 0);
}

static void deadlock(void)
{
	int fd = OK(open("f", O_CREAT | O_RDWR, 0644)), p[2], status, got;
	struct flock a = range(F_WRLCK, 0, 10), b = range(F_WRLCK, 20, 10);
	char c;

	OK(pipe(p));
	OK(fcntl(fd, F_SETLK, &a));
	if (!fork()) {
		if (fcntl(fd, F_SETLK, &b) || write(p[1], "x", 1) != 1)
			_exit(1);
		got = fcntl(fd, F_SETLKW, &a);
		_exit(got && errno != EDEADLK);
	}
	SAME(read(p[0], &c, 1), 1);
	got = fcntl(fd, F_SETLKW, &b);
	if (got)
		SAME(errno, EDEADLK);
	a.l_type = F_UNLCK;
	OK(fcntl(fd, F_SETLK, &a));
	wait(&status);
	SAME(status, 0);
}

/* Locks of open files: for each its own, also in one process; they go with the last descriptor. */
static void open_files(void)
{
	int a = OK(open("f", O_CREAT | O_RDWR, 0644)), b = OK(open("f", O_RDWR)), d;
	struct flock l = range(F_WRLCK, 0, 10), g;

	OK(fcntl(a, F_OFD_SETLK, &l));
	FAILS(EAGAIN, fcntl(b, F_OFD_SETLK, &l));
	g = l;
	OK(fcntl(b, F_OFD_GETLK, &g));
	SAME(g.l_type, F_WRLCK);
	SAME(g.l_pid, -1);
	d = OK(dup(a));
	OK(fcntl(d, F_OFD_SETLK, &l));
	OK(close(a));
	FAILS(EAGAIN, fcntl(b, F_OFD_SETLK, &l));
	/* Others of the process, too, are in its way. */
	FAILS(EAGAIN, fcntl(b, F_SETLK, &l));
	OK(close(d));
	OK(fcntl(b, F_OFD_SETLK, &l));
	l.l_pid = 1;
	FAILS(EINVAL, fcntl(b, F_OFD_SETLK, &l));
	OK(close(b));
}

static void whole_files(void)
{
	int a = OK(open("f", O_CREAT | O_RDWR, 0644)), b = OK(open("f", O_RDONLY)), d, status;
	struct flock l = range(F_WRLCK, 0, 0);

	OK(flock(a, LOCK_SH));
	OK(flock(b, LOCK_SH | LOCK_NB));
	FAILS(EAGAIN, flock(a, LOCK_EX | LOCK_NB));
	OK(flock(b, LOCK_UN));
	OK(flock(a, LOCK_EX | LOCK_NB));
	FAILS(EAGAIN, flock(b, LOCK_SH | LOCK_NB));
	d = OK(dup(a));
	OK(flock(d, LOCK_EX | LOCK_NB));
	OK(close(a));
	FAILS(EAGAIN, flock(b, LOCK_SH | LOCK_NB));
	/* The child has the same open file; when it ends, the lock stays. */
	if (!fork())
		_exit(flock(d, LOCK_EX | LOCK_NB) ? 1 : 0);
	wait(&status);
	SAME(status, 0);
	FAILS(EAGAIN, flock(b, LOCK_EX | LOCK_NB));
	/* They and the locks of bytes do not see each other. */
	OK(fcntl(d, F_SETLK, &l));
	OK(close(d));
	OK(flock(b, LOCK_EX | LOCK_NB));
	FAILS(EINVAL, flock(b, 0x40));
	OK(close(b));
	FAILS(EBADF, flock(b, LOCK_SH));
	/* Directories, too. */
	a = OK(open(".", O_RDONLY | O_DIRECTORY));
	OK(flock(a, LOCK_EX));
	OK(close(a));
}

static void leases(void)
{
	int fd = OK(open("f", O_CREAT | O_RDWR, 0644)), r;

	/* How its holder is told. */
	signal(SIGIO, SIG_IGN);
	SAME(fcntl(fd, F_GETLEASE), F_UNLCK);
	OK(close(fd));
	r = OK(open("f", O_RDONLY));
	if (fcntl(r, F_SETLEASE, F_RDLCK)) {
		/* A file system may refuse them, in one way. */
		SAME(errno, EINVAL);
		skip("no leases");
	}
	SAME(fcntl(r, F_GETLEASE), F_RDLCK);
	FAILS(EAGAIN, open("f", O_WRONLY | O_NONBLOCK) < 0 && errno == EWOULDBLOCK ? (errno = EAGAIN, -1) : -1);
	OK(fcntl(r, F_SETLEASE, F_UNLCK));
	OK(close(r));
}

const struct test tests[] = {
	{"ranges", ranges, 0},
	{"waiting", waiting, 0},
	{"deadlock", deadlock, 0},
	{"open_files", open_files, 0},
	{"whole_files", whole_files, 0},
	{"leases", leases, 0},
	{NULL},
};
