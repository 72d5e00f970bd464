/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* want.h: failures end the process with a line. */
#ifndef TESTS_LIBFS_WANT_H
#define TESTS_LIBFS_WANT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libexo-fs.h>

#define FAIL(...)                                                                                                      \
	do {                                                                                                           \
		fprintf(stderr, "%s:%d: ", __FILE__, __LINE__);                                                        \
		fprintf(stderr, __VA_ARGS__);                                                                          \
		fputc('\n', stderr);                                                                                   \
		exit(1);                                                                                               \
	} while (0)
#define CHECK(cond)                                                                                                    \
	do {                                                                                                           \
		if (!(cond))                                                                                           \
			FAIL("not so: %s", #cond);                                                                     \
	} while (0)
/* A call of the tree that must give this. */
#define WANT(call, result)                                                                                             \
	do {                                                                                                           \
		long long want_ = (result), got_ = (call);                                                             \
		if (got_ != want_)                                                                                     \
			FAIL("%s gave %lld (%s), not %lld; %s", #call, got_, strerror(-(int)got_), want_,              \
			     exo_fs_why()->text);                                                                      \
	} while (0)

#endif
