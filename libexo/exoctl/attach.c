// SPDX-License-Identifier: GPL-2.0 OR MIT
/* attach.c: exoctl attach, exoctl detach, exoctl sync. */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>
#include "exoctl.h"
#include "outcome.h"

static int run_attach(const struct args *a)
{
	uint32_t flags =
		(opt_given(a, "walk") ? EXO_ATTACH_WALK : 0) | (opt_given(a, "readonly") ? EXO_ATTACH_READONLY : 0);
	struct exo_disk_info info;
	struct exo_why why;
	struct progress *p = NULL;
	struct exo *x;
	uint32_t disk;
	int status = EXIT_OK, err;

	x = env_open();
	if (!x)
		return EXIT_REFUSED;
	if (opt_given(a, "progress") || (!a->json && isatty(STDERR_FILENO)))
		p = progress_begin(x, a->v[0]);
	err = exo_attach(x, a->v[0], flags, &disk, &why);
	progress_end(p);
	if (err || exo_disk_info(x, disk, &info, &why))
		status = refused(a->v[0], &why);
	else
		(a->json ? outcome_json : outcome_text)(x, a->v[0], &info);
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
	{"progress", 'p', NULL, "say how far a walk is, also when standard error is not a terminal"},
	{NULL},
};

const struct command cmd_attach = {
	.name = "attach",
	.usage = "DEVICE",
	.summary = "claim a block device that holds an exo disk",
	.more = "Every template on the disk is verified again. Damage quarantines single roots and is reported; the "
		"other\n"
		"roots can be used. Unless the last detach was clean, a walk from the roots rebuilds the free map; it says how far\n"
		"it is on a terminal.",
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
