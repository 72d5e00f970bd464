/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* users.h: what three users do with a cffs tree that they share: on the simulator (users.c) and on the module
 * (tests/vm/shared_test.c). */
#ifndef TESTS_LIBFS_USERS_H
#define TESTS_LIBFS_USERS_H

#include <stdint.h>

struct exo;

/* alice and bob have a group in common, carol has none. */
#define USERS 3
#define USERS_GROUP 2000
static const uint32_t users_uid[USERS] = {1000, 1001, 1002},
		      users_gids[USERS][2] = {{1000, USERS_GROUP}, {1001, USERS_GROUP}, {1002, 1002}},
		      users_ngids[USERS] = {2, 2, 1};

struct users {
	struct exo *x[USERS], *root; /* an environment of each, and one of the administrator */
	uint32_t disk;
	const char *name; /* of the tree; alice owns the root, and everybody may write in the top directory */
};

/* What each may do; and what a library that checks nothing gets to do. Ends the process with a line when one is not as
 * it should be. */
void users_ordinary(const struct users *u);
void users_hostile(const struct users *u);
/* The check with repair, by the administrator, when nobody else uses the tree; then nothing is left to find. */
void users_check(const struct users *u);

#endif
