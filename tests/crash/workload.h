/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * workload.h: a random history of file operations whose promises can be checked on any later state of the disk.
 *
 * Every file's content follows from its name and generation alone, so that a reader can tell a file's own bytes from anybody else's. After
 * a sync that covers file F the history makes a symlink "F.done" that holds its size: a disk state that
 * shows the symlink must hold F whole. Names that carry a promise are neither changed nor removed afterwards.
 */
#ifndef EXO_TESTS_CRASH_WORKLOAD_H
#define EXO_TESTS_CRASH_WORKLOAD_H

#include <libexo-fs.h>

/* Runs `steps` operations drawn from seed in directory /wSEED. 0 or -errno; *what names the operation that failed. */
int workload_run(struct exo_fs *fs, uint64_t seed, unsigned steps, const char **what);

/* What a crash state showed; every count but files, promises and holes must be 0. */
struct workload_seen {
	unsigned files;		/* regular files of the history */
	unsigned promises;	/* symlinks that promise one */
	unsigned broken;	/* promised files that are not whole */
	unsigned foreign;	/* blocks with bytes that are neither the file's nor zero */
	unsigned errors;	/* names that cannot be read */
	char first[256];	/* words for the first fault */
};

/* Checks all histories found in the tree. 0 or -errno (cannot even read the top directory). */
int workload_check(struct exo_fs *fs, struct workload_seen *seen);

#endif
