/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * posix.h: a frame for conformance tests that run on any mounted directory. A program is a table of tests; main is in
 * posix.c. Usage: PROGRAM [-s] [-l] [DIRECTORY]
 *
 *   -s  strict: what the file system does not have is a failure, not a skip
 *   -l  the larger versions of tests
 *   DIRECTORY  where to work (default: a new directory in $TMPDIR or /tmp); needs the search right for all users
 *
 * Each test runs in a process and an empty directory of its own, as root with umask 0 if the program was started by
 * root, and prints one line "ok - NAME" or "not ok - NAME". Exit status: 0 all good, 1 not, 4 all were skipped.
 */
#ifndef EXO_TESTS_POSIX_H
#define EXO_TESTS_POSIX_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NEEDS_ROOT 1u

struct test {
	const char *name;
	void (*run)(void);
	unsigned needs;
};
extern const struct test tests[]; /* ends with name NULL */
extern bool large;

/* These go on after a failure, so that one run shows all. */
#define OK(call) expect_ok((long)(call), #call, __FILE__, __LINE__)
#define FAILS(err, call) expect_err((long)(call), err, #call, __FILE__, __LINE__)
#define SAME(a, b) expect_same((long long)(a), (long long)(b), #a " == " #b, __FILE__, __LINE__)
#define TRUE(x) expect_same(!!(x), 1, #x, __FILE__, __LINE__)
/* What a file system may lack: EOPNOTSUPP or ENOSYS skip the rest of the test. The value. */
#define HAS(call) expect_has((long)(call), #call, __FILE__, __LINE__)
long expect_ok(long got, const char *what, const char *file, int line);
bool expect_err(long got, int err, const char *what, const char *file, int line);
bool expect_same(long long a, long long b, const char *what, const char *file, int line);
long expect_has(long got, const char *what, const char *file, int line);
void skip(const char *why) __attribute__((noreturn));

/* Effective and real user and group, without further groups; saved ids stay root's, so it can be left again. */
void become(uid_t uid, gid_t gid);
void become_with(uid_t uid, gid_t gid, gid_t more);

void put(const char *path, const char *text);	/* a file with that content */
void holds(const char *path, const char *text); /* checks it */
void fill(void *buf, size_t n, unsigned seed);
struct stat look(const char *path); /* lstat; a failed one is a failure and gives zeroes */
bool is_there(const char *path);
void name_of(char *out, size_t n, char c);	 /* n times c, and NUL */
void tick(void);				 /* until the clock of time stamps has advanced */
int after(struct timespec a, struct timespec b); /* a > b */
int equal(struct timespec a, struct timespec b);
bool failed_here(void); /* something failed in this process, or before it was forked */
/* Runs fn in a child as it is and checks that it ends with 0. */
void child(void (*fn)(void));

#endif
