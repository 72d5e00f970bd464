// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * shared_test DISK: a cffs tree that three users share (tests/libfs/users_run.c), each with an environment that the
 * module knows as theirs; and the same from a process of one of them. Run as root; formats DISK.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <libexo-fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../libfs/users.h"

static struct exo_why why;
static uint32_t disk;
static int failed;

static void check(bool good, const char *name)
{
	printf("%sok - %s\n", good ? "" : "not ", name);
	if (!good)
		printf("# %s\n", why.text);
	fflush(stdout);
	failed += !good;
}

/* The module keeps the identity that the opener had then. */
static struct exo *open_as(int i)
{
	struct exo *x = NULL;
	gid_t groups[2] = {users_gids[i][0], users_gids[i][1]};

	if (setgroups(users_ngids[i], groups) || setegid(users_gids[i][0]) || seteuid(users_uid[i])) {
		perror("identity");
		exit(1);
	}
	if (exo_open(&x, NULL, &why))
		x = NULL;
	if (seteuid(0) || setegid(0) || setgroups(0, NULL))
		exit(1);
	if (!x) {
		printf("not ok - no environment: %s\n", why.text);
		exit(1);
	}
	return x;
}

static void handles(struct users *u)
{
	int i;

	for (i = 0; i < USERS; i++)
		u->x[i] = open_as(i);
	u->disk = disk;
}

static void close_handles(struct users *u)
{
	int i;

	for (i = 0; i < USERS; i++)
		exo_close(u->x[i]);
}

/* In a process of its own, because the first thing that is not as it should be ends it. */
static void stage(void (*run)(const struct users *u), bool with_users, const char *name)
{
	struct users u = {.name = "all", .disk = disk};
	int status = 1;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		if (exo_open(&u.root, NULL, &why))
			_exit(2);
		if (with_users)
			handles(&u);
		run(&u);
		if (with_users)
			close_handles(&u);
		exo_close(u.root);
		fflush(stdout);
		_exit(0);
	}
	check(pid > 0 && waitpid(pid, &status, 0) == pid && !status, name);
}

int main(int argc, char **argv)
{
	struct exo_mkfs opt = {.type = "cffs", .name = "all", .root_flags = EXO_ROOT_SHARED, .mode = 0777};
	struct exo_root_get r;
	struct exo *x, *alice, *carol;

	if (argc != 2 || exo_open(&x, NULL, &why) || exo_format(x, argv[1], 0, &why) < 0 ||
	    exo_attach(x, argv[1], 0, &disk, &why) < 0) {
		printf("not ok - cannot begin: %s\n", why.text);
		return 1;
	}
	alice = open_as(0);
	check(!exo_fs_mkfs(alice, disk, &opt, &why), "the verifier takes the acl: a user makes a tree for all");
	exo_close(alice);
	exo_close(x);
	stage(users_ordinary, true, "what each user may do");
	stage(users_hostile, true, "what a library that checks nothing may not");
	stage(users_check, false, "the check puts in order what was left, and finds nothing then");
	if (exo_open(&x, NULL, &why) || exo_detach(x, disk, 0, &why) < 0 ||
	    exo_attach(x, argv[1], EXO_ATTACH_WALK, &disk, &why) < 0) {
		printf("not ok - detach and attach: %s\n", why.text);
		return 1;
	}
	check(true, "detach, attach with a walk");
	exo_close(x);
	stage(users_hostile, true, "the same after the walk");
	/* The tree is its owner's to drop. */
	carol = open_as(2);
	check(!exo_root_find(carol, disk, "all", &r, &why), "all find it");
	check(exo_root_del(carol, disk, exo_cap_user(carol), r.root, &why) == -EACCES && why.code == EXO_R_CAP,
	      "only its owner may drop it");
	exo_close(carol);
	return failed != 0;
}
