// SPDX-License-Identifier: GPL-2.0 OR MIT
/* attach.c: exoctl attach, exoctl detach, exoctl sync. */
#include <inttypes.h>
#include <stdio.h>
#include "exoctl.h"

static void outcome(uint32_t disk, const char *path, const struct exo_disk_info *i)
{
	char size[32], room[32];

	size_words((uint64_t)i->out_blocks * EXO_BLOCK_SIZE, size);
	size_words((uint64_t)i->out_free * EXO_BLOCK_SIZE, room);
	printf("%s is disk %" PRIu32 ": %s, %s free, %" PRIu32 " roots%s\n", path, disk, size, room, i->out_roots,
	       i->out_flags & EXO_DISK_READONLY ? ", read-only" : "");
	if (i->out_flags & EXO_DISK_WALKED)
		printf("free map rebuilt by a walk: %" PRIu64 " metadata blocks, %" PRIu64 " blocks owned, %.3f s\n",
		       (uint64_t)i->out_walk_meta, (uint64_t)i->out_walk_owned, i->out_walk_ns / 1e9);
	if (i->out_quarantined)
		warn("%" PRIu32 " roots are quarantined; 'exoctl roots %" PRIu32 "' says why", i->out_quarantined,
		     disk);
	if (i->out_bad_templates)
		warn("%" PRIu32 " templates did not verify; 'exoctl templates %" PRIu32 "' lists them",
		     i->out_bad_templates, disk);
	if (i->out_contested)
		warn("%" PRIu64 " blocks have two owners; 'exoctl contested %" PRIu32 "' lists them",
		     (uint64_t)i->out_contested, disk);
}

static int run_attach(const struct args *a)
{
	uint32_t flags =
		(opt_given(a, "walk") ? EXO_ATTACH_WALK : 0) | (opt_given(a, "readonly") ? EXO_ATTACH_READONLY : 0);
	struct exo_disk_info info;
	struct exo_why why;
	struct exo *x;
	uint32_t disk;
	int status = EXIT_OK;

	x = env_open();
	if (!x)
		return EXIT_REFUSED;
	if (exo_attach(x, a->v[0], flags, &disk, &why) || exo_disk_info(x, disk, &info, &why)) {
		status = refused(a->v[0], &why);
	} else if (a->json) {
		json_open(NULL, '{');
		json_u64("disk", disk);
		json_u64("roots", info.out_roots);
		json_u64("quarantined", info.out_quarantined);
		json_u64("contested", info.out_contested);
		json_bool("walked", info.out_flags & EXO_DISK_WALKED);
		json_close();
	} else {
		outcome(disk, a->v[0], &info);
	}
	exo_close(x);
	return status;
}

static int run_detach(const struct args *a)
{
	struct exo *x = env_open();
	struct exo_why why;
	uint32_t disk;
	int status;

	if (!x)
		return EXIT_REFUSED;
	status = env_disk(x, a->v[0], &disk);
	if (!status && exo_detach(x, disk, opt_given(a, "discard") ? EXO_DETACH_DISCARD : 0, &why))
		status = refused(a->v[0], &why);
	exo_close(x);
	return status;
}

static int run_sync(const struct args *a)
{
	struct exo *x = env_open();
	uint32_t disk, root = EXO_NOROOT;
	struct exo_root_get r;
	struct exo_why why;
	int status, blocks;

	if (!x)
		return EXIT_REFUSED;
	status = env_disk(x, a->v[0], &disk);
	if (!status && a->n > 1) {
		if (exo_root_find(x, disk, a->v[1], &r, &why))
			status = refused(a->v[1], &why);
		else
			root = r.root;
	}
	if (!status) {
		blocks = exo_sync(x, disk, root, &why);
		if (blocks < 0)
			status = refused(a->v[0], &why);
		else
			printf("%d blocks written\n", blocks);
	}
	exo_close(x);
	return status;
}

static const struct opt attach_opts[] = {
	{"walk", 0, NULL, "rebuild the free map even after a clean detach"},
	{"readonly", 'r', NULL, "write nothing to the device"},
	{NULL},
};

const struct command cmd_attach = {
	.name = "attach",
	.usage = "DEVICE",
	.summary = "claim a block device that holds an exo disk",
	.more = "Every template on the disk is verified again. Damage quarantines single roots and is reported; the "
		"other\n"
		"roots can be used.",
	.min = 1,
	.max = 1,
	.json = true,
	.opts = attach_opts,
	.run = run_attach,
};

static const struct opt detach_opts[] = {
	{"discard", 0, NULL, "throw away what cannot be written, like a power cut"},
	{NULL},
};

const struct command cmd_detach = {
	.name = "detach",
	.usage = "DISK",
	.summary = "write what is dirty and let the device go",
	.min = 1,
	.max = 1,
	.opts = detach_opts,
	.run = run_detach,
};

const struct command cmd_sync = {
	.name = "sync",
	.usage = "DISK [ROOT]",
	.summary = "make everything durable that is dirty, of a disk or of one root",
	.min = 1,
	.max = 2,
	.run = run_sync,
};
