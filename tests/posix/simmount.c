// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * simmount.c: a file system under a FUSE mount of this machine, served by exo-fuse's own code over the simulator, under
 * the sanitizers; programs are run on it. Usage: simmount [-b BLOCKS] [-q QUOTA] [-o OPTIONS] TYPE COMMAND [ARG]...
 *
 * COMMAND is run with the mount's top as its last argument. The mount stands in a mount name space of the test alone.
 * Exit status: the command's; 1 if the server fails, or the tree has a problem afterwards; 4 without root or /dev/fuse.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <libexo-fs.h>
#include "../sim/sim.h"

#define FRAMES 16384u
#define SKIP 4

/* exo-fuse's main, and what it opens /dev/exo with. */
int exo_fuse_main(int argc, char **argv);
int __wrap_exo_open(struct exo **out, const char *path, struct exo_why *why);

static struct exo_core *core;
static uint64_t blocks = 65536, quota;
static const char *type, *options = "sync=1";
static char top[] = "/tmp/exo-sim.XXXXXX";

static void need(int err, const char *what, const struct exo_why *why)
{
	if (!err)
		return;
	fprintf(stderr, "simmount: %s: %s; %s\n", what, strerror(-err), why ? why->text : "");
	exit(1);
}

int __wrap_exo_open(struct exo **out, const char *path, struct exo_why *why)
{
	static const struct exo_cred root = {.uid = 0, .admin = true};

	return sim_open(core, &root, out, NULL);
}

static int problem(void *arg, const struct exo_fs_problem *p)
{
	fprintf(stderr, "simmount: problem: %s (block %llu)\n", p->text, (unsigned long long)p->block);
	return 0;
}

static int serve(void)
{
	const char *udfs = getenv("EXO_UDF_DIR") ?: "build/udf";
	struct exo_mkfs opt = {.type = type, .name = "home", .quota = quota, .udf_dir = udfs};
	char *argv[] = {(char *)"exo-fuse", (char *)"-f",   (char *)"-o", strdup(options),
			(char *)"0",	    (char *)"home", top,	  NULL};
	struct exo_why why = {0};
	struct sim_disk *d;
	struct exo_fs *fs;
	struct exo *x;
	uint32_t disk;
	long bad;
	int err;

	need(sim_start(FRAMES, 1), "the simulator", NULL);
	d = sim_disk_new("/dev/sim", blocks, SIM_VOLATILE);
	need(d ? 0 : -ENOMEM, "a disk", NULL);
	need(exo_core_new(FRAMES, &core), "core", NULL);
	need(__wrap_exo_open(&x, NULL, NULL), "a handle", NULL);
	need(exo_format(x, "/dev/sim", 0, &why), "format", &why);
	need(exo_attach(x, "/dev/sim", 0, &disk, &why), "attach", &why);
	need(exo_fs_mkfs(x, disk, &opt, &why), "mkfs", &why);
	optind = 0;
	err = exo_fuse_main(7, argv);
	if (err)
		return err;
	need(exo_fs_open(&fs, x, disk, "home", 0, &why), "opening the tree again", &why);
	bad = exo_fs_check(fs, 0, problem, NULL, NULL);
	if (bad)
		fprintf(stderr, "simmount: the check of the tree: %ld\n", bad);
	exo_fs_close(fs);
	need(exo_detach(x, disk, 0, &why), "detach", &why);
	exo_close(x);
	free(argv[3]);
	exo_core_free(core);
	sim_disk_free(d);
	sim_stop();
	return bad ? 1 : 0;
}

static bool mounted(dev_t outside)
{
	struct stat st;

	return !stat(top, &st) && st.st_dev != outside;
}

static int status_of(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int run(char **argv, int argc, pid_t server, dev_t outside)
{
	const struct timespec pause = {.tv_nsec = 10000000};
	char **all;
	pid_t pid;
	int i;

	while (!mounted(outside)) {
		if (waitpid(server, &i, WNOHANG) == server)
			return 1;
		nanosleep(&pause, NULL);
	}
	if (chmod(top, 0777))
		return 1;
	all = calloc(argc + 2, sizeof(*all));
	for (i = 0; i < argc; i++)
		all[i] = argv[i];
	all[i] = top;
	fflush(stdout);
	pid = fork();
	if (!pid) {
		execvp(all[0], all);
		perror(all[0]);
		_exit(127);
	}
	free(all);
	return status_of(pid);
}

int main(int argc, char **argv)
{
	int c, status, end;
	struct stat st;
	pid_t server;

	while ((c = getopt(argc, argv, "+b:q:o:")) != -1) {
		if (c == 'b')
			blocks = strtoull(optarg, NULL, 10);
		else if (c == 'q')
			quota = strtoull(optarg, NULL, 10);
		else if (c == 'o')
			options = optarg;
		else
			return 2;
	}
	if (argc - optind < 2)
		return 2;
	type = argv[optind++];
	if (getuid() || access("/dev/fuse", R_OK | W_OK) || unshare(CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) {
		puts("needs root, /dev/fuse and a mount name space");
		return SKIP;
	}
	if (!mkdtemp(top) || stat(top, &st)) {
		perror(top);
		return 1;
	}
	server = fork();
	if (!server)
		_exit(serve());
	status = run(argv + optind, argc - optind, server, st.st_dev);
	/* What still uses it keeps the mount alive, and the check waits for it. */
	kill(server, SIGTERM);
	end = status_of(server);
	if (end)
		fprintf(stderr, "simmount: the server ended with %d\n", end);
	rmdir(top);
	return status ? status : end ? 1 : 0;
}
