// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * gone.c: an open file whose last name goes, or becomes another's, lives on in every process that has it open, also
 * behind fork and exec, whoever took the name; when the last one has closed it or has ended, its space is free.
 */
#include <signal.h>
#include <sys/statvfs.h>
#include "posix.h"

#define SIZE (256 << 10)

static char data[SIZE], got[SIZE + 1];

/* ---- another process, which does a step each time that it is told to ---- */

struct other {
	pid_t pid;
	int to, from;
};

static void step_done(struct other *o)
{
	char c;

	SAME(write(o->from, "x", 1), 1);
	SAME(read(o->to, &c, 1), 1);
}

static struct other other(void (*fn)(struct other *o))
{
	struct other o, mine;
	int a[2], b[2];
	char c;

	OK(pipe(a));
	OK(pipe(b));
	fflush(stdout);
	o.pid = fork();
	mine = (struct other){0, a[0], b[1]};
	if (!o.pid) {
		close(a[1]);
		close(b[0]);
		fn(&mine);
		fflush(stdout);
		_exit(failed_here() ? 1 : 0);
	}
	close(a[0]);
	close(b[1]);
	o.to = a[1];
	o.from = b[0];
	SAME(read(o.from, &c, 1), 1);
	return o;
}

/* Go on to the next step, and wait for its end. */
static void next(struct other *o)
{
	char c;

	SAME(write(o->to, "x", 1), 1);
	SAME(read(o->from, &c, 1), 1);
}

static void end(struct other *o)
{
	int status;

	SAME(write(o->to, "x", 1), 1);
	close(o->to);
	close(o->from);
	SAME(waitpid(o->pid, &status, 0), o->pid);
	SAME(status, 0);
}

/* Space that was freed is used again. */
static void churn(void)
{
	char name[32];
	int i, fd;

	for (i = 0; i < 30; i++) {
		snprintf(name, sizeof(name), "churn%d", i);
		fd = OK(open(name, O_WRONLY | O_CREAT, 0644));
		SAME(write(fd, name, sizeof(name)), sizeof(name));
		SAME(write(fd, got, 20000), 20000);
		OK(fsync(fd));
		OK(close(fd));
	}
	for (i = 0; i < 30; i++) {
		snprintf(name, sizeof(name), "churn%d", i);
		OK(unlink(name));
	}
}

static void make(const char *name)
{
	int fd = OK(open(name, O_WRONLY | O_CREAT | O_EXCL, 0644));

	fill(data, SIZE, 5);
	SAME(write(fd, data, SIZE), SIZE);
	OK(close(fd));
}

static void whole(int fd)
{
	fill(data, SIZE, 5);
	SAME(pread(fd, got, SIZE + 1, 0), SIZE);
	TRUE(!memcmp(got, data, SIZE));
}

static void holder(struct other *o)
{
	int fd = OK(open("file", O_RDWR));
	struct stat st;

	step_done(o);
	/* Meanwhile it lost its name. */
	whole(fd);
	OK(fstat(fd, &st));
	SAME(st.st_nlink, 0);
	SAME(st.st_size, SIZE);
	SAME(pwrite(fd, "more", 4, SIZE), 4);
	OK(fsync(fd));
	step_done(o);
	SAME(pread(fd, got, 10, SIZE), 4);
	TRUE(!memcmp(got, "more", 4));
	OK(ftruncate(fd, 10));
	OK(fstat(fd, &st));
	SAME(st.st_size, 10);
	OK(close(fd));
}

static void unlinked(void)
{
	struct other o;

	make("file");
	o = other(holder);
	OK(unlink("file"));
	churn();
	next(&o);
	churn();
	end(&o);
}

static void replaced(void)
{
	struct other o;

	make("file");
	o = other(holder);
	put("new", "new");
	OK(rename("new", "file"));
	churn();
	next(&o);
	holds("file", "new");
	end(&o);
	holds("file", "new");
}

static void two_holders(void)
{
	struct other a, b;

	make("file");
	a = other(holder);
	b = other(holder);
	OK(unlink("file"));
	next(&a);
	end(&a);
	churn();
	/* The first one has cut it to 10 bytes. */
	kill(b.pid, SIGKILL);
	waitpid(b.pid, NULL, 0);
	close(b.to);
	close(b.from);
}

static void dir_holder(struct other *o)
{
	int fd = OK(open("d/file", O_RDWR));

	step_done(o);
	whole(fd);
	OK(close(fd));
}

static void with_its_directory(void)
{
	struct other o;

	OK(mkdir("d", 0755));
	make("d/file");
	o = other(dir_holder);
	OK(unlink("d/file"));
	OK(rmdir("d"));
	churn();
	end(&o);
}

/* ---- behind exec ---- */

/* cat, with the file as its output; *to: what it copies. */
static pid_t cat_into(int out, int *to)
{
	int p[2];
	pid_t pid;

	OK(pipe2(p, O_CLOEXEC));
	fflush(stdout);
	pid = fork();
	if (!pid) {
		dup2(p[0], 0);
		dup2(out, 1);
		execl("/bin/cat", "cat", NULL);
		_exit(127);
	}
	close(p[0]);
	*to = p[1];
	return pid;
}

static void cat_ends(pid_t pid, int to, const char *text)
{
	int status;

	SAME(write(to, text, strlen(text)), strlen(text));
	close(to);
	SAME(waitpid(pid, &status, 0), pid);
	SAME(status, 0);
}

static void behind_exec(int how)
{
	int fd = OK(open("log", O_RDWR | O_CREAT | O_EXCL | O_APPEND, 0644)), to;
	const struct timespec pause = {.tv_nsec = 300000000};
	pid_t pid;

	SAME(write(fd, "begin ", 6), 6);
	if (how == 0)
		OK(unlink("log"));
	pid = cat_into(fd, &to);
	/* It has been started, most likely, and has not yet written. */
	nanosleep(&pause, NULL);
	if (how == 1)
		OK(rename("log", "log.1"));
	if (how == 2)
		OK(unlink("log"));
	if (how)
		put("log", "other");
	churn();
	cat_ends(pid, to, "end");
	SAME(pread(fd, got, 20, 0), 9);
	TRUE(!memcmp(got, "begin end", 9));
	if (how == 1)
		holds("log.1", "begin end");
	if (how)
		holds("log", "other");
	OK(close(fd));
}

static void exec_nameless(void)
{
	behind_exec(0);
}

static void exec_renamed(void)
{
	behind_exec(1);
}

static void exec_unlinked(void)
{
	behind_exec(2);
}

/* ---- space ---- */

static long long room(void)
{
	struct statvfs st;

	sync();
	OK(statvfs(".", &st));
	return (long long)st.f_bfree * st.f_frsize;
}

static void big_holder(struct other *o)
{
	int fd = OK(open("big", O_RDWR));

	step_done(o);
	OK(close(fd));
}

/* How the holder ends: by closing, or by being killed. */
static void space(bool killed)
{
	const long long big = 8 << 20;
	const struct timespec pause = {.tv_nsec = 200000000};
	long long before, is = 0;
	struct other o;
	struct statvfs st;
	int fd, i;

	OK(statvfs(".", &st));
	if ((long long)st.f_blocks * st.f_frsize > 2ll << 30)
		skip("a file system that is small enough to be this test's alone");
	put("small", "");
	before = room();
	fd = OK(open("big", O_WRONLY | O_CREAT, 0644));
	for (i = 0; i < big / SIZE; i++)
		SAME(write(fd, data, SIZE), SIZE);
	OK(fsync(fd));
	OK(close(fd));
	o = other(big_holder);
	OK(unlink("big"));
	TRUE(room() <= before - big + (1 << 20));
	if (killed) {
		kill(o.pid, SIGKILL);
		waitpid(o.pid, NULL, 0);
		close(o.to);
		close(o.from);
	} else {
		end(&o);
	}
	for (i = 0; i < 50 && (is = room()) < before - (1 << 20); i++) {
		nanosleep(&pause, NULL);
		/* What a killed process leaves goes when the next name does. */
		put("small", "");
		OK(unlink("small"));
	}
	TRUE(is >= before - (1 << 20));
}

static void space_closed(void)
{
	space(false);
}

static void space_killed(void)
{
	space(true);
}

const struct test tests[] = {
	{"unlinked by another process", unlinked},
	{"replaced by another process", replaced},
	{"two holders", two_holders},
	{"with its directory", with_its_directory},
	{"without a name, behind exec", exec_nameless},
	{"renamed behind exec", exec_renamed},
	{"unlinked behind exec", exec_unlinked},
	{"space after the last close", space_closed},
	{"space after a kill", space_killed},
	{NULL},
};
