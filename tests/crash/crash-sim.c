// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * crash-sim [--trees A,B] [--states N] [--steps N] [--seed S] [--jobs N] [--state CUT:SEED]: runs histories in the simulator
 * with its disk's log on, then judges crash states of it, in N processes. --state judges a single one. A and B are what two
 * users' trees on the disk are: cffs, shared (cffs, for several users) or logfs. Exit status 0, or 1 when a state failed.
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

/*
 * Three histories and one who writes back what others have dirty, all at once; who goes on is drawn from the seed. The first
 * two work in the first tree, as two processes, of two users when it is shared.
 */
#define HISTORIES 3
#define ACTORS (HISTORIES + 1)

struct actor {
	struct exo_cred cred;	/* as the module sees it */
	struct exo_fs_cred acts; /* as the library does */
	struct exo *x;
	struct exo_fs *fs;
	const char *what;
	int err;
	bool done;
};

static struct {
	struct exo_core *core;
	uint32_t disk;
	u64 seed;
	unsigned steps;
	struct actor actor[ACTORS];
} run;

static const char *const names[2] = { "one", "two" };

static void act(void *ctx, unsigned i)
{
	struct actor *a = &run.actor[i];
	struct exo_disk_info info;
	bool done = false;
	unsigned k;

	if (i < HISTORIES) {
		exo_fs_set_cred(&a->acts);
		a->err = workload_run(a->x, a->fs, run.seed * 10 + i, run.steps, &a->what);
		exo_fs_set_cred(NULL);
		a->done = true;
		return;
	}
	while (!done && !a->err) {
		a->what = "sync of all";
		a->err = exo_sync(a->x, run.disk, EXO_NOROOT, NULL);
		if (a->err > 0)
			a->err = 0;
		/* Let the others get on: as many turns as these take. */
		for (k = 0; k < 100 && !exo_disk_info(a->x, run.disk, &info, NULL); k++)
			;
		for (done = true, k = 0; k < HISTORIES; k++)
			done &= run.actor[k].done;
	}
}

static int make_tree(unsigned t, const char *type)
{
	bool shared = !strcmp(type, "shared");
	struct exo_mkfs opt = { .type = shared ? "cffs" : type, .name = names[t] };
	struct exo_cred cred = { .uid = 1000 + t };
	struct exo_fs *fs;
	struct exo_why why;
	struct exo *x;
	int err;

	opt.mode = 0777;
	opt.root_flags = shared ? EXO_ROOT_SHARED : 0;
	err = sim_open(run.core, &cred, &x, NULL);
	if (err || exo_fs_mkfs(x, run.disk, &opt, &why) < 0 || exo_fs_open(&fs, x, run.disk, opt.name, 0, &why) < 0)
		return fail(type, err ? "no env" : why.text);
	err = exo_fs_sync(fs);
	exo_fs_close(fs);
	exo_close(x);
	return err ? fail(type, strerror(-err)) : 0;
}

/* Formats, makes two trees of two users, starts the log, and runs the histories. The power then goes: no detach. */
static int record(struct sim_disk *d, char *types)
{
	static const struct exo_cred admin = { .admin = true };
	const char *type[2] = { strtok(types, ","), strtok(NULL, ",") };
	struct exo_why why;
	struct exo *root;
	unsigned i;
	int err = 0;

	if (!type[0] || !type[1])
		return fail("--trees", "takes two, with a comma");
	sim_pid_gone(true);
	if (sim_start(STATE_POOL, run.seed) || exo_core_new(STATE_POOL, &run.core) || sim_open(run.core, &admin, &root, NULL))
		return fail("simulator", "no memory");
	if (exo_format(root, "/dev/log", 0, &why) < 0 || exo_attach(root, "/dev/log", 0, &run.disk, &why) < 0)
		return fail("format", why.text);
	for (i = 0; i < 2; i++)
		if (make_tree(i, type[i]))
			return 1;
	for (i = 0; i < ACTORS; i++) {
		struct actor *a = &run.actor[i];
		unsigned tree = i == 2;

		a->cred.uid = i == HISTORIES ? 0 : tree || (i == 1 && !strcmp(type[0], "shared")) ? 1001 : 1000;
		a->acts.uid = a->acts.gid = a->cred.uid;
		if (sim_open(run.core, &a->cred, &a->x, NULL))
			return fail("simulator", "no memory");
		if (i < HISTORIES && exo_fs_open(&a->fs, a->x, run.disk, names[tree], EXO_FS_JOIN, &why) < 0)
			return fail("open", why.text);
	}
	if (sim_log_start(d))
		return fail("log", "cannot start");
	sim_threads(run.seed, ACTORS, act, NULL);
	for (i = 0; i < ACTORS; i++) {
		if (run.actor[i].err)
			err = fail(run.actor[i].what, strerror(-run.actor[i].err));
		exo_fs_close(run.actor[i].fs);
		exo_close(run.actor[i].x);
	}
	exo_detach(root, run.disk, EXO_DETACH_DISCARD, &why);
	exo_close(root);
	exo_core_shutdown(run.core);
	exo_core_free(run.core);
	sim_stop();
	/* Whoever looks at what is left is another process. */
	sim_pid_gone(false);
	return err;
}

int main(int argc, char **argv)
{
	static const struct option opts[] = { STATE_OPTIONS, { "steps", 1, NULL, 's' }, { "trees", 1, NULL, 't' },
					      { NULL, 0, NULL, 0 } };
	struct state_options o = { .states = 600, .seed = 1, .jobs = 1 };
	const char *trees = "cffs,logfs";
	char types[64];
	struct sim_disk *d;
	int c;

	run.steps = 150;
	setvbuf(stdout, NULL, _IOLBF, 0);
	while ((c = getopt_long(argc, argv, "", opts, NULL)) != -1) {
		if (c == 's')
			run.steps = (unsigned)strtoul(optarg, NULL, 0);
		else if (c == 't')
			trees = optarg;
		else if (!state_option(&o, c, optarg))
			return 2;
	}
	run.seed = o.seed;
	snprintf(types, sizeof(types), "%s", trees);
	d = sim_disk_new("/dev/log", DISK_BLOCKS, SIM_VOLATILE);
	if (!d || record(d, types))
		return 1;
	c = state_main(&o, d);
	if (c)
		printf("replay one with: %s --trees %s --seed %llu --steps %u --state CUT:SEED\n", argv[0], trees, run.seed,
		       run.steps);
	sim_disk_free(d);
	return c;
}
