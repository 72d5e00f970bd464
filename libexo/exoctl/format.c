// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * format.c: exoctl format. Looks for what the device holds before it asks the module to destroy it: foreign signatures
 * with libblkid, an exo disk by attaching it read-only, which needs no knowledge of the format here.
 */
#include <blkid/blkid.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "exoctl.h"

/* 0: nothing found; 1: `what` says it; -errno. */
static int foreign_signature(const char *path, char *what, size_t room)
{
	blkid_probe pr = blkid_new_probe_from_filename(path);
	const char *type = NULL, *label = NULL;
	int got;

	if (!pr)
		return errno ? -errno : -EIO;
	blkid_probe_enable_superblocks(pr, 1);
	blkid_probe_set_superblocks_flags(pr, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_LABEL | BLKID_SUBLKS_BADCSUM);
	blkid_probe_enable_partitions(pr, 1);
	got = blkid_do_safeprobe(pr);
	if (got == 0) {
		bool table = false;

		if (blkid_probe_lookup_value(pr, "TYPE", &type, NULL)) {
			table = true;
			if (blkid_probe_lookup_value(pr, "PTTYPE", &type, NULL))
				type = "something that libblkid cannot name";
		}
		blkid_probe_lookup_value(pr, "LABEL", &label, NULL);
		snprintf(what, room, "%s%s%s%s", type, table ? " partition table" : "", label ? ", label " : "",
			 label ? label : "");
	} else if (got == -2) {
		snprintf(what, room, "more than one kind of file system at once");
	}
	blkid_free_probe(pr);
	if (got == 0 || got == -2)
		return 1;
	return got == 1 ? 0 : -EIO;
}

static uint32_t count_roots(struct exo *x, uint32_t disk)
{
	struct exo_root_get r;
	uint32_t n = 0;

	for (uint32_t i = 0; i < EXO_MAX_ROOTS; i++)
		n += !exo_root_get(x, disk, i, &r, NULL);
	return n;
}

/* As foreign_signature, for an exo disk that is not attached. */
static int exo_signature(struct exo *x, const char *path, char *what, size_t room)
{
	struct exo_why why;
	uint32_t disk;
	int err;

	err = exo_attach(x, path, EXO_ATTACH_READONLY, &disk, &why);
	if (!err) {
		snprintf(what, room, "an exo disk with %" PRIu32 " roots", count_roots(x, disk));
		err = exo_detach(x, disk, 0, &why);
		return err ? err : 1;
	}
	switch (why.code) {
	case EXO_R_SUPER:
	case EXO_R_TRUNCATED:
	case EXO_R_VERSION_DISK:
		snprintf(what, room, "an exo disk that cannot be attached (%s)", why.text);
		return 1;
	}
	/* Not an exo disk; or something that FORMAT itself will refuse, with its reason. */
	return 0;
}

static int look(struct exo *x, const char *path, bool force)
{
	char what[400];
	int got = foreign_signature(path, what, sizeof(what));

	if (got < 0)
		return fail("%s cannot be examined: %s", path, strerror(-got));
	if (!got)
		got = exo_signature(x, path, what, sizeof(what));
	if (got < 0)
		return fail("%s was attached to look at it and does not detach: %s", path, strerror(-got));
	if (!got)
		return EXIT_OK;
	if (force) {
		warn("%s holds %s; --force: it is destroyed", path, what);
		return EXIT_OK;
	}
	fail("%s holds %s; nothing was written", path, what);
	fprintf(stderr, "  what to do: check the device's name; to destroy its content, use --force\n");
	return EXIT_REFUSED;
}

static int run(const struct args *a)
{
	const char *path = a->v[0];
	struct exo_why why;
	uint64_t quota;
	char words[32];
	struct exo *x;
	int status = parse_quota(a, "user-quota", &quota);

	if (status)
		return status;
	x = env_open();
	if (!x)
		return EXIT_REFUSED;
	if (exo_cap_admin(x) < 0) {
		exo_why_fill(&why, EXO_NR_FORMAT, -EACCES, EXO_R_ADMIN, 0);
		status = refused(path, &why);
	} else {
		status = look(x, path, opt_given(a, "force"));
	}
	if (!status && exo_format(x, path, quota, &why))
		status = refused(path, &why);
	exo_close(x);
	if (status)
		return status;
	size_words(quota * EXO_BLOCK_SIZE, words);
	printf("%s is an empty exo disk; a plain user's root may have %s\n", path, quota ? words : "any size");
	return EXIT_OK;
}

static const struct opt opts[] = {
	{"user-quota", 0, "SIZE", "what a root of a plain user may hold at most (default: no limit)"},
	{"force", 'f', NULL, "destroy what the device holds"},
	{NULL},
};

const struct command cmd_format = {
	.name = "format",
	.usage = "DEVICE",
	.summary = "write an empty exo disk on a block device",
	.more = "Refuses a device that holds a file system, a partition table or an exo disk, and says which, unless "
		"--force\n"
		"is given. The device must not be mounted or attached.",
	.min = 1,
	.max = 1,
	.opts = opts,
	.run = run,
};
