// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * crash-sim [--states N] [--steps N] [--seed S] [--jobs N] [--state CUT:SEED]: runs a history in the simulator with its disk's
 * log on, then judges crash states of it, in N processes. --state judges a single one. Exit status 0, or 1 when a state failed.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <libexo-fs.h>
#include "state.h"
#include "workload.h"

#define DISK_BLOCKS 8192

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

	if (sim_start(STATE_POOL, seed) || exo_core_new(STATE_POOL, &core) || sim_open(core, &admin, &root, NULL))
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
	sim_stop();
	return err != 0;
}

int main(int argc, char **argv)
{
	static const struct option opts[] = { STATE_OPTIONS, { "steps", 1, NULL, 's' }, { NULL, 0, NULL, 0 } };
	struct state_options o = { .states = 600, .seed = 1, .jobs = 1 };
	unsigned steps = 150;
	struct sim_disk *d;
	int c;

	setvbuf(stdout, NULL, _IOLBF, 0);
	while ((c = getopt_long(argc, argv, "", opts, NULL)) != -1) {
		if (c == 's')
			steps = (unsigned)strtoul(optarg, NULL, 0);
		else if (!state_option(&o, c, optarg))
			return 2;
	}
	d = sim_disk_new("/dev/log", DISK_BLOCKS, SIM_VOLATILE);
	if (!d || record(d, o.seed, steps))
		return 1;
	c = state_main(&o, d);
	if (c)
		printf("replay one with: %s --seed %llu --steps %u --state CUT:SEED\n", argv[0], o.seed, steps);
	sim_disk_free(d);
	return c;
}
