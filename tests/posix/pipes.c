// SPDX-License-Identifier: GPL-2.0 OR MIT
/* pipes.c: names for pipes and sockets, by which processes meet; and bytes that go between files and pipes. */
#include <poll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "posix.h"

static char data[200000], got[200000];

/* ---- fifos ---- */

static void fifo(void)
{
	char c[4];
	int fd, w, status;
	pid_t pid;

	OK(mkfifo("p", 0600));
	FAILS(ENXIO, open("p", O_WRONLY | O_NONBLOCK));
	fd = OK(open("p", O_RDONLY | O_NONBLOCK));
	SAME(read(fd, c, 1), 0);
	w = OK(open("p", O_WRONLY | O_NONBLOCK));
	FAILS(EAGAIN, read(fd, c, 1));
	SAME(write(w, "abc", 3), 3);
	SAME(read(fd, c, 4), 3);
	FAILS(ESPIPE, lseek(fd, 0, SEEK_SET));
	OK(close(w));
	SAME(read(fd, c, 1), 0);
	OK(close(fd));
	/* Each waits for the other, which is another process. */
	fflush(stdout);
	pid = fork();
	if (!pid) {
		w = open("p", O_WRONLY);
		_exit(w < 0 || write(w, "hello", 5) != 5);
	}
	fd = OK(open("p", O_RDONLY));
	SAME(read(fd, got, 10), 5);
	TRUE(!memcmp(got, "hello", 5));
	SAME(read(fd, got, 10), 0);
	SAME(waitpid(pid, &status, 0), pid);
	SAME(status, 0);
	OK(close(fd));
	/* By another name it is the same one; a new one of the old name is not. */
	OK(link("p", "q"));
	fd = OK(open("p", O_RDWR | O_NONBLOCK));
	w = OK(open("q", O_WRONLY | O_NONBLOCK));
	SAME(write(w, "x", 1), 1);
	SAME(read(fd, c, 1), 1);
	OK(close(w));
	OK(unlink("q"));
	OK(mkfifo("q", 0600));
	FAILS(ENXIO, open("q", O_WRONLY | O_NONBLOCK));
	OK(unlink("p"));
	SAME(write(fd, "y", 1), 1);
	SAME(read(fd, c, 1), 1);
	OK(close(fd));
	SAME(look("q").st_size, 0);
}

/* ---- sockets ---- */

static struct sockaddr_un at(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	strcpy(a.sun_path, path);
	return a;
}

#define SOCKET(type) OK(socket(AF_UNIX, type, 0))
#define BIND(s, path)                                                                                                  \
	bind(s, (const struct sockaddr *)&(const struct sockaddr_un){AF_UNIX, path}, sizeof(struct sockaddr_un))
#define CONNECT(s, path)                                                                                               \
	connect(s, (const struct sockaddr *)&(const struct sockaddr_un){AF_UNIX, path}, sizeof(struct sockaddr_un))

static void sockets(void)
{
	int s = SOCKET(SOCK_STREAM), c = SOCKET(SOCK_STREAM), a, status;
	char buf[8];
	pid_t pid;

	put("f", "x");
	OK(mkdir("d", 0755));
	FAILS(EADDRINUSE, BIND(s, "f"));
	FAILS(ENOENT, BIND(s, "none/s"));
	FAILS(ENOTDIR, BIND(s, "f/s"));
	OK(BIND(s, "d/s"));
	TRUE(S_ISSOCK(look("d/s").st_mode));
	FAILS(ENXIO, open("d/s", O_RDWR));
	FAILS(ECONNREFUSED, CONNECT(c, "d/s"));
	OK(listen(s, 4));
	FAILS(ENOENT, CONNECT(c, "d/none"));
	FAILS(ECONNREFUSED, CONNECT(c, "f"));
	OK(CONNECT(c, "d/s"));
	a = OK(accept(s, NULL, NULL));
	SAME(write(c, "hi", 2), 2);
	SAME(read(a, buf, 8), 2);
	OK(close(a));
	OK(close(c));
	/* From another process, after the directory got another name. */
	OK(rename("d", "e"));
	fflush(stdout);
	pid = fork();
	if (!pid) {
		c = socket(AF_UNIX, SOCK_STREAM, 0);
		_exit(CONNECT(c, "e/s") || write(c, "child", 5) != 5);
	}
	a = OK(accept(s, NULL, NULL));
	SAME(read(a, buf, 8), 5);
	SAME(waitpid(pid, &status, 0), pid);
	SAME(status, 0);
	OK(close(a));
	OK(close(s));
	/* The name stays, and nobody answers. */
	c = SOCKET(SOCK_STREAM);
	FAILS(ECONNREFUSED, CONNECT(c, "e/s"));
	s = SOCKET(SOCK_STREAM);
	FAILS(EADDRINUSE, BIND(s, "e/s"));
	OK(unlink("e/s"));
	FAILS(ENOENT, CONNECT(c, "e/s"));
	OK(BIND(s, "e/s"));
	OK(close(s));
	OK(close(c));
}

static void datagrams(void)
{
	struct sockaddr_un to = at("s");
	struct iovec v = {(char *)"two", 3};
	struct msghdr m = {.msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = &v, .msg_iovlen = 1};
	int s = SOCKET(SOCK_DGRAM), c = SOCKET(SOCK_DGRAM);
	char buf[8];

	OK(BIND(s, "s"));
	SAME(sendto(c, "one", 3, 0, (struct sockaddr *)&to, sizeof(to)), 3);
	SAME(recv(s, buf, 8, 0), 3);
	SAME(sendmsg(c, &m, 0), 3);
	SAME(recv(s, buf, 8, 0), 3);
	TRUE(!memcmp(buf, "two", 3));
	OK(CONNECT(c, "s"));
	SAME(write(c, "x", 1), 1);
	SAME(read(s, buf, 8), 1);
	OK(close(s));
	FAILS(ECONNREFUSED, write(c, "x", 1));
	to = at("none");
	FAILS(ENOENT, sendto(SOCKET(SOCK_DGRAM), "one", 3, 0, (struct sockaddr *)&to, sizeof(to)));
}

/* ---- between a file and a pipe ---- */

static int file_with(const char *name, size_t n)
{
	int fd = OK(open(name, O_RDWR | O_CREAT, 0644));

	fill(data, n, 3);
	SAME(write(fd, data, n), n);
	SAME(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static void into_pipe(void)
{
	int fd = file_with("f", 100000), p[2];
	off_t off = 5000;
	ssize_t n;

	OK(pipe(p));
	SAME(splice(fd, NULL, p[1], NULL, 1000, 0), 1000);
	SAME(lseek(fd, 0, SEEK_CUR), 1000);
	SAME(read(p[0], got, 2000), 1000);
	TRUE(!memcmp(got, data, 1000));
	SAME(splice(fd, &off, p[1], NULL, 3000, 0), 3000);
	SAME(off, 8000);
	SAME(lseek(fd, 0, SEEK_CUR), 1000);
	SAME(read(p[0], got, 4000), 3000);
	TRUE(!memcmp(got, data + 5000, 3000));
	/* As much as the pipe takes, and no waiting for more room. */
	off = 0;
	n = splice(fd, &off, p[1], NULL, 100000, 0);
	TRUE(n >= 4096 && n < 100000);
	SAME(off, n);
	FAILS(EAGAIN, splice(fd, &off, p[1], NULL, 1000000, SPLICE_F_NONBLOCK) > 0 ? (errno = EAGAIN, -1) : -1);
	while (n > 0)
		n -= OK(read(p[0], got, n));
	off = 99999;
	SAME(splice(fd, &off, p[1], NULL, 10, 0), 1);
	SAME(splice(fd, &off, p[1], NULL, 10, 0), 0);
	SAME(read(p[0], got, 10), 1);
	FAILS(EINVAL, splice(fd, NULL, fd, NULL, 10, 0));
	FAILS(ESPIPE, splice(fd, NULL, p[1], &off, 10, 0));
	FAILS(EBADF, splice(fd, NULL, -1, NULL, 10, 0));
	off = -1;
	FAILS(EINVAL, splice(fd, &off, p[1], NULL, 10, 0));
	off = 10;
	SAME(sendfile(p[1], fd, &off, 4000), 4000);
	SAME(off, 4010);
	SAME(read(p[0], got, 4000), 4000);
	TRUE(!memcmp(got, data + 10, 4000));
	OK(close(fd));
	fd = OK(open("f", O_WRONLY));
	FAILS(EBADF, splice(fd, NULL, p[1], NULL, 10, 0));
	OK(close(fd));
}

static void out_of_pipe(void)
{
	int fd = OK(open("g", O_RDWR | O_CREAT, 0644)), p[2];
	off_t off = 100;

	fill(data, 5000, 9);
	OK(pipe(p));
	SAME(write(p[1], data, 5000), 5000);
	SAME(splice(p[0], NULL, fd, NULL, 2000, 0), 2000);
	SAME(lseek(fd, 0, SEEK_CUR), 2000);
	SAME(splice(p[0], NULL, fd, &off, 2000, 0), 2000);
	SAME(off, 2100);
	SAME(lseek(fd, 0, SEEK_CUR), 2000);
	SAME(pread(fd, got, 3000, 0), 2100);
	TRUE(!memcmp(got, data, 100) && !memcmp(got + 100, data + 2000, 2000));
	SAME(splice(p[0], NULL, fd, NULL, 9000, 0), 1000);
	FAILS(EAGAIN, splice(p[0], NULL, fd, NULL, 10, SPLICE_F_NONBLOCK));
	OK(close(p[1]));
	SAME(splice(p[0], NULL, fd, NULL, 10, 0), 0);
	OK(close(fd));
	SAME(look("g").st_size, 3000);
	fd = OK(open("g", O_RDONLY));
	OK(pipe(p));
	SAME(write(p[1], "x", 1), 1);
	FAILS(EBADF, splice(p[0], NULL, fd, NULL, 1, 0));
	OK(close(fd));
	fd = OK(open("g", O_WRONLY | O_APPEND));
	FAILS(EINVAL, splice(p[0], NULL, fd, NULL, 1, 0));
	OK(close(fd));
}

const struct test tests[] = {
	{"fifo", fifo},		  {"sockets", sockets},		{"datagrams", datagrams},
	{"into_pipe", into_pipe}, {"out_of_pipe", out_of_pipe}, {NULL},
};
