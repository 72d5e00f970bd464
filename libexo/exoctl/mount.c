// SPDX-License-Identifier: GPL-2.0 OR MIT
/* mount.c: exoctl mount and umount. The work is exo-fuse's, a program of its own, so that exoctl needs no libfuse. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "exoctl.h"
#include "../../libfs/fuse/mount-ioctl.h"

#define END_MS 60000 /* to wait for the process behind a mount */

/* exo-fuse is installed, and built, beside exoctl. */
static int beside(char out[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", out, PATH_MAX - 1);
	char *slash;

	if (n < 0)
		return -errno;
	out[n] = 0;
	slash = strrchr(out, '/');
	if (!slash || slash + sizeof("/exo-fuse") > out + PATH_MAX)
		return -ENAMETOOLONG;
	strcpy(slash + 1, "exo-fuse");
	return access(out, X_OK) ? -errno : 0;
}

static int run_mount(const struct args *a)
{
	char program[PATH_MAX], *argv[9];
	int n = 0;

	argv[n++] = (char *)"exo-fuse";
	if (opt_given(a, "foreground"))
		argv[n++] = (char *)"-f";
	if (opt_given(a, "options")) {
		argv[n++] = (char *)"-o";
		argv[n++] = (char *)opt_value(a, "options");
	}
	argv[n++] = (char *)"--";
	argv[n++] = a->v[0];
	argv[n++] = a->v[1];
	argv[n++] = a->v[2];
	argv[n] = NULL;
	if (beside(program))
		execvp(argv[0], argv);
	else
		execv(program, argv);
	fail("exo-fuse: %s", strerror(errno));
	fprintf(stderr, "  what to do: it is built with libfuse3 (scripts/deps build) and installed beside exoctl\n");
	return EXIT_REFUSED;
}

/* As root directly; else by the set-id helper of fuse3. */
static int take_away(const char *where, bool lazy)
{
	int status;
	pid_t pid;

	if (!geteuid())
		return umount2(where, UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0)) ? -errno : 0;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid) {
		execlp("fusermount3", "fusermount3", lazy ? "-uz" : "-u", "--", where, NULL);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -ECHILD;
}

static int run_umount(const struct args *a)
{
	struct exo_mount_sync s = {.pid = 0};
	const char *where = a->v[0];
	bool lazy = opt_given(a, "lazy"), dead;
	int fd, pidfd = -1, err;

	fd = open(where, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dead = fd < 0 && errno == ENOTCONN;
	if (fd < 0 && !dead)
		return fail("%s: %s", where, strerror(errno));
	if (!dead) {
		/* What was stored into mappings first; then all that has reached the mount. */
		syncfs(fd);
		err = ioctl(fd, EXO_MOUNT_SYNC, &s) ? errno : 0;
		if (err == ENOTTY || (!err && !s.pid)) {
			close(fd);
			return fail("%s is not the top of an exo mount", where);
		}
		if (err && err != ENOTCONN) {
			close(fd);
			fail("%s: not everything could be made durable: %s", where, strerror(err));
			fprintf(stderr,
				"  what to do: nothing was unmounted; 'exoctl umount --lazy' does it all the same\n");
			if (!lazy)
				return EXIT_REFUSED;
		}
		pidfd = s.pid ? syscall(SYS_pidfd_open, s.pid, 0) : -1;
		close(fd);
	}
	err = take_away(where, lazy);
	if (err) {
		if (pidfd >= 0)
			close(pidfd);
		/* fusermount3 has said why. */
		if (err == -ECHILD)
			return EXIT_REFUSED;
		fail("%s: %s", where, strerror(-err));
		if (err == -EBUSY)
			fprintf(stderr,
				"  what to do: 'fuser -vm %s' shows who uses it; --lazy does not wait for them\n",
				where);
		return EXIT_REFUSED;
	}
	if (pidfd >= 0 && !lazy) {
		struct pollfd p = {.fd = pidfd, .events = POLLIN};

		/* It syncs once more and lets the disk go. */
		if (poll(&p, 1, END_MS) != 1)
			warn("%s is unmounted, but process %u has not ended yet", where, s.pid);
	}
	if (pidfd >= 0)
		close(pidfd);
	return EXIT_OK;
}

static const struct opt mount_opts[] = {
	{"foreground", 'f', NULL, "stay, and write messages to standard error"},
	{"options", 'o', "OPTION,...", "ro, allow_other, private, timeout=S, sync=S, threads=N, suid, dev, ..."},
	{NULL},
};

const struct command cmd_mount = {
	.name = "mount",
	.usage = "DISK ROOT MOUNTPOINT",
	.summary = "show a file system to all programs, by FUSE",
	.more = "Options (-o), separated by commas:\n"
		"  ro           nothing is changed\n"
		"  allow_other  other users may use it (what root mounts, they may)\n"
		"  private      nobody else may use it\n"
		"  timeout=S    seconds that names and attributes are believed (default: 1)\n"
		"  sync=S       seconds after which changes are made durable (default: 5; 0: only when asked)\n"
		"  threads=N    threads that serve (default: 8)\n"
		"  debug        show each request; implies -f\n"
		"  suid, dev, noexec, ...  as mount(8); nosuid and nodev are the default",
	.min = 3,
	.max = 3,
	.opts = mount_opts,
	.run = run_mount,
};

static const struct opt umount_opts[] = {
	{"lazy", 'l', NULL, "take the name away now, also while it is in use or cannot be synced"},
	{NULL},
};

const struct command cmd_umount = {
	.name = "umount",
	.usage = "MOUNTPOINT",
	.summary = "make everything durable, unmount, and wait for the end",
	.min = 1,
	.max = 1,
	.opts = umount_opts,
	.run = run_umount,
};
