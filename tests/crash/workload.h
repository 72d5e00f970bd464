/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * workload.h: a random history of file operations whose promises can be checked on any later state of the disk.
 *
 * It stands in a directory wSEED, in its directories d0 to d3. Names there:
 *
 *	fN		file N; its bytes follow from SEED and N (content.h), but for one hole it may have, and whatever a cut made
 *			a hole of
 *	fN.done		a symlink that is made when a sync has covered the file, and which says what it is then (WORKLOAD_PROMISE): a disk
 *			that shows it must hold the file so. Neither is changed or removed afterwards
 *	sN.SIZE		was made durable before it got its name: is whole wherever the name is seen (sN.SIZE.done: a promise of the same kind)
 *	cK		is replaced by renaming over it what was made durable under newK: is whole, and never goes
 *	cK.G		a symlink that is made when a sync has covered cK's generation G
 */
#ifndef EXO_TESTS_CRASH_WORKLOAD_H
#define EXO_TESTS_CRASH_WORKLOAD_H

#include <libexo-fs.h>

#define WORKLOAD_DIRS 4
#define WORKLOAD_PATH 128
#define WORKLOAD_PROMISE "size %llu hole %llu-%llu attr %u mode %o"
#define WORKLOAD_XATTR "user.about"
#define WORKLOAD_ATTR 3000	/* most bytes of it */
#define WORKLOAD_MODES 4
extern const mode_t workload_modes[WORKLOAD_MODES];

#define WORKLOAD_CONFIGS 3
#define WORKLOAD_CONFIG_MOST 10000
/* Content of cK in a generation: its length. It begins with WORKLOAD_CONFIG_HEAD. */
#define WORKLOAD_CONFIG_HEAD "generation %u\n"
size_t workload_config(uint64_t seed, unsigned k, uint32_t gen, uint8_t buf[WORKLOAD_CONFIG_MOST]);

/* Runs `steps` operations drawn from seed. 0 or -errno; *what names the operation that failed. */
int workload_run(struct exo *x, struct exo_fs *fs, uint64_t seed, unsigned steps, const char **what);

/* What a crash state showed; every count but files and promises must be 0. */
struct workload_seen {
	unsigned files;		/* regular files of the history */
	unsigned promises;	/* symlinks that promise one */
	unsigned broken;	/* promised, sealed or replaced files that are not whole */
	unsigned foreign;	/* blocks with bytes that are neither the file's nor zero, or attributes that nobody set */
	unsigned errors;	/* names that cannot be read */
	char first[256];	/* words for the first fault */
};

/* Checks all histories found in the tree. 0 or -errno (cannot even read the top directory). */
int workload_check(struct exo_fs *fs, struct workload_seen *seen);

#endif
