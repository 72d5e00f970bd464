// SPDX-License-Identifier: GPL-2.0 OR MIT
/* posix.c: see posix.h. */
#include <ftw.h>
#include <grp.h>
#include <stdarg.h>
#include "posix.h"

#define SKIP 4
#define SHOWN 20 /* failures of one test that are printed */

bool large;
static bool strict;
static int failures;

static void failed(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	if (failures++ >= SHOWN)
		return;
	va_start(ap, fmt);
	printf("# %s:%d: ", file, line);
	vprintf(fmt, ap);
	putchar('\n');
	va_end(ap);
	fflush(stdout);
}

long expect_ok(long got, const char *what, const char *file, int line)
{
	if (got == -1)
		failed(file, line, "%s: %s", what, strerror(errno));
	return got;
}

bool expect_err(long got, int err, const char *what, const char *file, int line)
{
	if (got == -1 && errno == err)
		return true;
	if (got == -1)
		failed(file, line, "%s: %s, not %s", what, strerrorname_np(errno), strerrorname_np(err));
	else
		failed(file, line, "%s: %ld, not %s", what, got, strerrorname_np(err));
	return false;
}

bool expect_same(long long a, long long b, const char *what, const char *file, int line)
{
	if (a == b)
		return true;
	failed(file, line, "%s: %lld, %lld", what, a, b);
	return false;
}

bool failed_here(void)
{
	return failures;
}

void skip(const char *why)
{
	printf("# %s: %s\n", strict ? "missing" : "skipped", why);
	fflush(stdout);
	if (strict)
		_exit(1);
	_exit(failures ? 1 : SKIP);
}

long expect_has(long got, const char *what, const char *file, int line)
{
	if (got == -1 && (errno == EOPNOTSUPP || errno == ENOSYS) && !strict)
		skip(what);
	return expect_ok(got, what, file, line);
}

void become_with(uid_t uid, gid_t gid, gid_t more)
{
	OK(setresuid(0, 0, 0));
	OK(setgroups(more != (gid_t)-1, &more));
	OK(setresgid(gid, gid, 0));
	OK(setresuid(uid, uid, 0));
}

void become(uid_t uid, gid_t gid)
{
	become_with(uid, gid, -1);
}

void put(const char *path, const char *text)
{
	int fd = OK(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644));

	SAME(write(fd, text, strlen(text)), strlen(text));
	OK(close(fd));
}

void holds(const char *path, const char *text)
{
	char buf[4096];
	int fd = OK(open(path, O_RDONLY));
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n != (ssize_t)strlen(text) || memcmp(buf, text, n))
		failed(__FILE__, __LINE__, "%s holds '%.*s', not '%s'", path, n > 0 ? (int)n : 0, buf, text);
	close(fd);
}

void fill(void *buf, size_t n, unsigned seed)
{
	uint32_t x = seed * 2654435761u + 1;
	uint8_t *p = buf;

	while (n--) {
		x = x * 1664525 + 1013904223;
		*p++ = x >> 24;
	}
}

struct stat look(const char *path)
{
	struct stat st;

	memset(&st, 0, sizeof(st));
	OK(lstat(path, &st));
	return st;
}

bool is_there(const char *path)
{
	struct stat st;

	return !lstat(path, &st);
}

void name_of(char *out, size_t n, char c)
{
	memset(out, c, n);
	out[n] = 0;
}

/* File systems take times from a clock that may advance by 10 ms at a time. */
void tick(void)
{
	struct timespec ts = {.tv_nsec = 25000000};

	nanosleep(&ts, NULL);
}

int after(struct timespec a, struct timespec b)
{
	return a.tv_sec > b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec > b.tv_nsec);
}

int equal(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

void child(void (*fn)(void))
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		failures = 0;
		fn();
		_exit(!!failures);
	}
	SAME(waitpid(pid, &status, 0), pid);
	SAME(status, 0);
}

static int drop(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static int run(const struct test *t, const char *base)
{
	char dir[PATH_MAX];
	int status;
	pid_t pid;

	if (t->needs & NEEDS_ROOT && getuid())
		return SKIP;
	snprintf(dir, sizeof(dir), "%s/%s.XXXXXX", base, t->name);
	if (!mkdtemp(dir) || chmod(dir, 0777)) {
		printf("# %s: %s\n", dir, strerror(errno));
		return 1;
	}
	fflush(stdout);
	pid = fork();
	if (!pid) {
		if (chdir(dir))
			_exit(1);
		umask(0);
		t->run();
		fflush(stdout);
		_exit(!!failures);
	}
	waitpid(pid, &status, 0);
	if (WIFSIGNALED(status))
		printf("# ended by signal %d\n", WTERMSIG(status));
	/* What a test leaves must be removable; a directory that keeps something is a failure. */
	if (nftw(dir, drop, 16, FTW_DEPTH | FTW_PHYS)) {
		printf("# %s cannot be removed: %s\n", dir, strerror(errno));
		return 1;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(int argc, char **argv)
{
	char own[PATH_MAX] = "";
	const char *base = NULL;
	int bad = 0, good = 0, c;
	const struct test *t;

	while ((c = getopt(argc, argv, "sl")) != -1) {
		if (c == 's')
			strict = true;
		else if (c == 'l')
			large = true;
		else
			return 2;
	}
	if (optind < argc) {
		base = argv[optind];
	} else {
		snprintf(own, sizeof(own), "%s/exo-posix.XXXXXX", getenv("TMPDIR") ?: "/tmp");
		base = mkdtemp(own);
		if (!base || chmod(base, 0755)) {
			perror(own);
			return 1;
		}
	}
	for (t = tests; t->name; t++) {
		switch (run(t, base)) {
		case 0:
			good++;
			printf("ok - %s\n", t->name);
			break;
		case SKIP:
			printf("ok - %s # SKIP\n", t->name);
			break;
		default:
			bad++;
			printf("not ok - %s\n", t->name);
		}
		fflush(stdout);
	}
	if (*own)
		rmdir(own);
	return bad ? 1 : good ? 0 : SKIP;
}
