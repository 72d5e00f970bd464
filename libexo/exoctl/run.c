// SPDX-License-Identifier: GPL-2.0 OR MIT
/* run.c: exoctl run. Starts a program with libexo-posix.so preloaded, which shows it file systems at chosen places. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "exoctl.h"
#include <libexo-fs.h>

#define CONFIG 4096

static const struct opt opts[] = {
	{"disk", 'd', "DISK", "the disk; default: 0"},
	{"root", 'r', "ROOT", "the file system on it"},
	{"at", 'a', "PREFIX", "where it appears; default: /exo"},
	{"read-only", 0, NULL, "refuse changes"},
	{"tree", 't', "LIST", "further ones: DISK:ROOT=PREFIX, separated by commas"},
	{NULL, 0, NULL, NULL},
};

/* The library is installed, and built, in lib beside the folder that exoctl is in. */
static int library(char out[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", out, PATH_MAX - 1);
	char *slash;
	int i;

	if (n < 0)
		return -errno;
	out[n] = 0;
	for (i = 0; i < 2; i++) {
		slash = strrchr(out, '/');
		if (!slash)
			return -ENOENT;
		*slash = 0;
	}
	if (strlen(out) + sizeof("/lib/libexo-posix.so") > PATH_MAX)
		return -ENAMETOOLONG;
	strcat(out, "/lib/libexo-posix.so");
	return access(out, R_OK) ? -errno : 0;
}

/* A prefix is absolute, below the top, and in its plainest form. */
static bool plain(const char *p)
{
	size_t len;

	if (p[0] != '/' || !p[1] || strlen(p) >= 1024)
		return false;
	while (*p) {
		p++;
		len = strcspn(p, "/");
		if (!len || (len == 1 && *p == '.') || (len == 2 && p[0] == '.' && p[1] == '.') || strpbrk(p, "\t\n"))
			return false;
		p += len;
	}
	return true;
}

/* The disk by number, wherever the program goes; the root must be there and open to the user. */
static int add(struct exo *x, const char *disk, const char *root, const char *at, bool readonly, char *config)
{
	struct exo_fs *fs;
	struct exo_why why;
	uint32_t number;
	size_t have = strlen(config);
	int status = env_disk(x, disk, &number);

	if (status)
		return status;
	if (!plain(at))
		return fail("'%s' is not an absolute path without '.', '..' or doubled slashes", at);
	if (exo_fs_open(&fs, x, number, root, EXO_FS_JOIN | (readonly ? EXO_FS_RDONLY : 0), &why))
		return refused(root, &why);
	exo_fs_close(fs);
	if (snprintf(config + have, CONFIG - have, "%s%u\t%s\t%s\t%s", have ? "\n" : "", number, root,
		     readonly ? "ro" : "rw", at) >= (int)(CONFIG - have))
		return fail("too many trees");
	return EXIT_OK;
}

static int add_list(struct exo *x, const char *list, bool readonly, char *config)
{
	char text[CONFIG], *one, *save, *equals;
	static struct target t;
	int status = EXIT_OK;

	if (strlen(list) >= sizeof(text))
		return fail("too many trees");
	strcpy(text, list);
	for (one = strtok_r(text, ",", &save); one && !status; one = strtok_r(NULL, ",", &save)) {
		equals = strchr(one, '=');
		if (equals)
			*equals = 0;
		if (!equals || parse_target(one, &t) || *t.path)
			return fail("'%s' is not of the form DISK:ROOT=PREFIX", one);
		status = add(x, t.disk, t.root, equals + 1, readonly, config);
	}
	return status;
}

static int run_run(const struct args *a)
{
	const char *disk = opt_value(a, "disk"), *root = opt_value(a, "root"), *at = opt_value(a, "at"),
		   *list = opt_value(a, "tree");
	char lib[PATH_MAX], config[CONFIG] = "", preload[2 * PATH_MAX];
	const char *other = getenv("LD_PRELOAD");
	struct exo *x;
	int status = EXIT_OK;

	if (!root && !list)
		return usage_error(a, "run: --root or --tree says which file system");
	if (library(lib))
		return fail("libexo-posix.so is not where it belongs, %s", lib);
	if (strpbrk(lib, ": \t\n"))
		return fail("the dynamic loader cannot take a library from %s: the path has a blank or a colon", lib);
	x = env_open();
	if (!x)
		return EXIT_REFUSED;
	if (root)
		status = add(x, disk ? disk : "0", root, at ? at : "/exo", opt_given(a, "read-only"), config);
	if (!status && list)
		status = add_list(x, list, opt_given(a, "read-only"), config);
	exo_close(x);
	if (status)
		return status;
	snprintf(preload, sizeof(preload), "%s%s%s", lib, other && *other ? ":" : "", other ? other : "");
	if (setenv("EXO_POSIX", config, 1) || setenv("EXO_POSIX_LIB", lib, 1) || setenv("LD_PRELOAD", preload, 1))
		return fail("%s", strerror(errno));
	execvp(a->v[0], a->v);
	status = errno;
	fail("%s: %s", a->v[0], strerror(status));
	return status == ENOENT ? 127 : 126;
}

const struct command cmd_run = {
	.name = "run",
	.usage = "[--] PROGRAM [ARG]...",
	.summary = "run a program that sees a file system at a place in its name space",
	.more = "The program is any that is linked to libc dynamically, and so are those that it starts; see "
		"libexo-posix(7).\n"
		"A static program does not see the file system: use exoctl mount for it.",
	.min = 1,
	.max = -1,
	.opts = opts,
	.run = run_run,
};
