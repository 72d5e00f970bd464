// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * crash-sim [--states N] [--steps N] [--seed S] [--state CUT:SEED]: runs a history in the simulator with its disk's log on,
 * then judges crash states of it. --state judges a single one. Exit status 0, or 1 when a state failed.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <libexo-fs.h>
#include "state.h"
#include "workload.h"

#define DISK_BLOCKS 8192
#define POOL 2048

static int fail(const char *what, const char *words)
{
	printf("%s: %s\n", what, words);
	return 1;
}

/* Formats, makes two trees of two users, starts the log, and runs a history in each. The power then goes: no detach. */
static int record(struct sim_disk *d, u64 seed, unsigned steps)
{
	static const struct exo_cred admin = { .admin = true };
	struct exo_core *core;
	struct exo_why why;
	struct exo *root;
	uint32_t disk;
	const char *what;
	unsigned user;
	int err = 0;

	if (exo_core_new(POOL, &core) || sim_open(core, &admin, &root, NULL))
		return fail("simulator", "no memory");
	if (exo_format(root, "/dev/log", 0, &why) < 0 || exo_attach(root, "/dev/log", 0, &disk, &why) < 0)
		return fail("format", why.text);
	for (user = 0; user < 2 && !err; user++) {
		struct exo_cred cred = { .uid = 1000 + user };
		struct exo_mkfs opt = { .type = "cffs", .name = user ? "two" : "one" };
		struct exo_fs *fs;
		struct exo *x;

		if (sim_open(core, &cred, &x, NULL) || exo_fs_mkfs(x, disk, &opt, &why) < 0)
			return fail("mkfs", why.text);
		if (exo_fs_open(&fs, x, disk, opt.name, 0, &why) < 0)
			return fail("open", why.text);
		if (!user && (exo_fs_sync(fs) || sim_log_start(d)))
			return fail("log", "cannot start");
		err = workload_run(fs, seed + user, steps, &what);
		if (err)
			fail(what, strerror(-err));
		exo_fs_close(fs);
		exo_close(x);
	}
	exo_detach(root, disk, EXO_DETACH_DISCARD, &why);
	exo_close(root);
	exo_core_shutdown(core);
	exo_core_free(core);
	return err != 0;
}

int main(int argc, char **argv)
{
	static const struct option opts[] = { { "states", 1, NULL, 'n' }, { "steps", 1, NULL, 's' },
					      { "seed", 1, NULL, 'r' }, { "state", 1, NULL, 'i' }, { NULL, 0, NULL, 0 } };
	u64 states = 600, seed = 1, state_seed = 0;
	struct state_sum sum = { 0 };
	const char *one = NULL;
	unsigned steps = 150;
	struct sim_disk *d;
	size_t cut = 0;
	bool good;
	int c;

	setvbuf(stdout, NULL, _IOLBF, 0);
	while ((c = getopt_long(argc, argv, "", opts, NULL)) != -1) {
		if (c == 'n')
			states = strtoull(optarg, NULL, 0);
		else if (c == 's')
			steps = (unsigned)strtoul(optarg, NULL, 0);
		else if (c == 'r')
			seed = strtoull(optarg, NULL, 0);
		else if (c == 'i' && sscanf(optarg, "%zu:%llu", &cut, &state_seed) == 2)
			one = optarg;
		else
			return 2;
	}
	if (sim_start(POOL, seed))
		return fail("simulator", "cannot start");
	d = sim_disk_new("/dev/log", DISK_BLOCKS, SIM_VOLATILE);
	if (!d || record(d, seed, steps))
		return 1;
	good = one ? state_check(d, cut, state_seed, &sum) : state_sweep(d, states, seed, &sum);
	printf("replay one with: --seed %llu --steps %u --state CUT:SEED\n", seed, steps);
	if (!one && (!sum.files || !sum.promises))
		return fail("history", "no file or no promise was ever seen: the test shows nothing");
	sim_disk_free(d);
	sim_stop();
	return !good;
}
