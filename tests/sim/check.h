/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * check.h: what a host test needs. CHECK counts and goes on; NEED stops, for what the rest depends on. main ends with
 * `return check_done();`: 0 when something was checked and nothing failed.
 */
#ifndef EXO_TESTS_CHECK_H
#define EXO_TESTS_CHECK_H

#include <stdio.h>
#include <stdlib.h>

static unsigned long check_count, check_failed;

#define CHECK(cond)                                                                                                    \
	do {                                                                                                           \
		check_count++;                                                                                         \
		if (!(cond)) {                                                                                         \
			check_failed++;                                                                                \
			fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #cond);                           \
		}                                                                                                      \
	} while (0)

/* The same, with words: CHECK_MSG(cond, "seed %llu", seed) */
#define CHECK_MSG(cond, ...)                                                                                           \
	do {                                                                                                           \
		check_count++;                                                                                         \
		if (!(cond)) {                                                                                         \
			check_failed++;                                                                                \
			fprintf(stderr, "%s:%d: not true: %s: ", __FILE__, __LINE__, #cond);                           \
			fprintf(stderr, __VA_ARGS__);                                                                  \
			fputc('\n', stderr);                                                                           \
		}                                                                                                      \
	} while (0)

#define NEED(cond)                                                                                                     \
	do {                                                                                                           \
		check_count++;                                                                                         \
		if (!(cond)) {                                                                                         \
			fprintf(stderr, "%s:%d: needed: %s\n", __FILE__, __LINE__, #cond);                             \
			exit(1);                                                                                       \
		}                                                                                                      \
	} while (0)

static inline int check_done(void)
{
	printf("%lu checks, %lu failed\n", check_count, check_failed);
	return !check_count || check_failed;
}

#endif
