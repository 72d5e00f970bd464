// SPDX-License-Identifier: GPL-2.0 OR MIT
/* mkfs.c: exoctl mkfs, fsck, dump: a file system as a whole. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "exoctl.h"
#include "tree.h"

static int parse_mode(const struct args *a, mode_t *mode)
{
	const char *text = opt_value(a, "mode");
	unsigned long v;
	char *end;

	*mode = 0;
	if (!text)
		return EXIT_OK;
	errno = 0;
	v = strtoul(text, &end, 8);
	if (errno || *end || *text < '0' || *text > '7' || !v || v > 07777)
		return usage_error(a, "--mode: '%s' is not an octal mode such as 0755", text);
	*mode = v;
	return EXIT_OK;
}

static int run_mkfs(const struct args *a)
{
	struct exo_mkfs m = {.type = opt_value(a, "type"), .name = a->v[1]};
	struct exo_why why;
	struct exo_fs *fs;
	struct exo *x;
	uint32_t disk;
	int status, err;

	if (!m.type)
		m.type = "cffs";
	m.udf_dir = opt_value(a, "udf-dir");
	m.root_flags = (opt_given(a, "public-read") ? EXO_ROOT_PUBLIC_READ : 0) |
		       (opt_given(a, "temporary") ? EXO_ROOT_TEMPORARY : 0) |
		       (opt_given(a, "shared") ? EXO_ROOT_SHARED : 0);
	if (opt_given(a, "shared") && strcmp(m.type, "cffs"))
		return usage_error(a, "--shared: only cffs has trees that several users share");
	if ((status = parse_quota(a, "quota", &m.quota)) || (status = parse_mode(a, &m.mode)))
		return status;
	x = env_open();
	if (!x)
		return EXIT_REFUSED;
	status = env_disk(x, a->v[0], &disk);
	memset(&why, 0, sizeof(why));
	if (!status && (err = exo_fs_mkfs(x, disk, &m, &why))) {
		if (*why.text)
			status = refused(a->v[1], &why);
		else if (err == -EINVAL)
			status =
				fail("%s: there is no file system type '%s', or the name is too long; 'cffs' and 'logfs' are types",
				     a->v[1], m.type);
		else
			status = fail("%s: %s", a->v[1], strerror(-err));
	}
	/* A new file system that a power cut takes away again would surprise: make it durable here. */
	if (!status && exo_fs_open(&fs, x, disk, m.name, 0, &why)) {
		status = refused(a->v[1], &why);
	} else if (!status) {
		err = exo_fs_sync(fs);
		if (err)
			status = fs_failed("sync", "", err);
		exo_fs_close(fs);
	}
	if (!status)
		printf("%s:%s is an empty %s file system\n", a->v[0], m.name, m.type);
	exo_close(x);
	return status;
}

static int tell(void *arg, const struct exo_fs_problem *p)
{
	const bool *json = arg;

	if (*json) {
		json_open(NULL, '{');
		json_u64("ino", p->ino);
		json_u64("block", p->block);
		json_bool("repaired", p->repaired);
		json_str("text", p->text);
		json_close();
	} else {
		printf("block %" PRIu64 ": ", p->block);
		print_escaped(p->text);
		printf("%s\n", p->repaired ? " (repaired)" : "");
	}
	return 0;
}

static int run_fsck(const struct args *a)
{
	struct exo_fs_count n = {.dirs = 0};
	bool repair = opt_given(a, "repair"), json = a->json;
	struct session s;
	int status, found;

	status = session_open(a, a->v[0], repair ? 0 : EXO_FS_RDONLY, &s);
	if (status)
		return status;
	if (json) {
		json_open(NULL, '{');
		json_open("problems", '[');
	}
	found = exo_fs_check(s.fs, repair ? EXO_FS_REPAIR : 0, tell, &json, &n);
	if (json) {
		json_close();
		json_u64("dirs", n.dirs);
		json_u64("files", n.files);
		json_u64("symlinks", n.symlinks);
		json_u64("others", n.others);
		json_u64("bytes", n.bytes);
		json_u64("meta_blocks", n.meta_blocks);
		json_u64("data_blocks", n.data_blocks);
		json_u64("found", n.problems);
		json_u64("repaired", n.repaired);
		json_close();
	} else if (found >= 0) {
		printf("%s: %" PRIu64 " directories, %" PRIu64 " files, %" PRIu64 " symbolic links, %" PRIu64
		       " bytes; %" PRIu64 " metadata and %" PRIu64 " data blocks; %" PRIu64 " problems, %" PRIu64
		       " repaired\n",
		       a->v[0], n.dirs, n.files, n.symlinks, n.bytes, n.meta_blocks, n.data_blocks, n.problems,
		       n.repaired);
	}
	if (found < 0)
		status = fs_failed("fsck", a->v[0], found);
	else if (repair && n.repaired && (found = exo_fs_sync(s.fs)))
		status = fs_failed("sync", a->v[0], found);
	else if (n.problems > n.repaired)
		status = fail("%s: %" PRIu64 " problems are left%s", a->v[0], n.problems - n.repaired,
			      repair ? "" : "; 'exoctl fsck --repair' mends what it can");
	session_close(&s);
	return status;
}

static int put_line(void *arg, const char *line)
{
	(void)arg;
	print_escaped(line);
	putchar('\n');
	return ferror(stdout) ? -EIO : 0;
}

static int run_dump(const struct args *a)
{
	struct session s;
	int status = session_open(a, a->v[0], EXO_FS_RDONLY, &s), err;

	if (status)
		return status;
	err = exo_fs_dump(s.fs, fs_path(s.path), put_line, NULL);
	if (err)
		status = fs_failed("dump", a->v[0], err);
	session_close(&s);
	return status;
}

static const struct opt mkfs_opts[] = {
	{"type", 't', "TYPE", "of file system: cffs or logfs (default: cffs)"},
	{"quota", 0, "SIZE", "most that the tree may hold"},
	{"mode", 0, "MODE", "of the top directory, octal (default: 0755)"},
	{"public-read", 0, NULL, "anybody may read it"},
	{"shared", 0, NULL, "for all users: its files' permissions are enforced by the module (cffs)"},
	{"temporary", 0, NULL, "dropped at the next attach"},
	{"udf-dir", 0, "DIR", "where the UDFs are (default: $EXO_UDF_DIR, or the installed ones)"},
	{NULL},
};

const struct command cmd_mkfs = {
	.name = "mkfs",
	.usage = "DISK NAME",
	.summary = "make an empty file system in a new root, owned by the calling user",
	.min = 2,
	.max = 2,
	.opts = mkfs_opts,
	.run = run_mkfs,
};

static const struct opt fsck_opts[] = {
	{"repair", 'r', NULL, "mend what a power cut left twice or astray"},
	{NULL},
};

const struct command cmd_fsck = {
	.name = "fsck",
	.usage = "DISK:ROOT",
	.summary = "check what the module cannot know: names, sizes, order",
	.more = "Ownership of blocks needs no check here: the module keeps it. Exit status 1 when problems are left.",
	.min = 1,
	.max = 1,
	.json = true,
	.opts = fsck_opts,
	.run = run_fsck,
};

const struct command cmd_dump = {
	.name = "dump",
	.usage = "DISK:ROOT[/path]",
	.summary = "show the metadata below a path, as it lies on the disk",
	.min = 1,
	.max = 1,
	.run = run_dump,
};
