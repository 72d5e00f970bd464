// SPDX-License-Identifier: GPL-2.0 OR MIT
/* info.c: exoctl info, exoctl contested. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "exoctl.h"
#include "outcome.h"

static const struct {
	uint32_t bit;
	const char *word;
} flag_words[] = {
	{EXO_DISK_READONLY, "readonly"}, {EXO_DISK_WALKED, "walked"}, {EXO_DISK_WAS_CLEAN, "was_clean"},
	{EXO_DISK_VOLATILE, "volatile"}, {EXO_DISK_FAILED, "failed"},
	{EXO_DISK_ATTACHING, "attaching"},
};

/* Copies a path that may lack its NUL. */
static void path_of(const struct exo_disk_info *i, char out[65])
{
	memcpy(out, i->out_path, 64);
	out[64] = '\0';
}

static void uuid_of(const struct exo_disk_info *i, char out[37])
{
	for (int n = 0, at = 0; n < 16; n++)
		at += sprintf(out + at, "%02x%s", i->out_uuid[n], n == 3 || n == 5 || n == 7 || n == 9 ? "-" : "");
}

static void info_json(struct exo *x, const struct exo_disk_info *i)
{
	char path[65], uuid[37];

	path_of(i, path);
	uuid_of(i, uuid);
	json_open(NULL, '{');
	json_u64("disk", i->disk);
	json_str("path", path);
	json_str("uuid", uuid);
	json_u64("version", i->out_version);
	json_u64("blocks", i->out_blocks);
	json_u64("free", i->out_free);
	json_u64("waiting", i->out_waiting);
	json_u64("uninit", i->out_uninit);
	json_u64("held", i->out_held);
	json_u64("dirty", i->out_dirty);
	json_u64("contested", i->out_contested);
	walk_json(i);
	json_u64("roots", i->out_roots);
	json_u64("quarantined", i->out_quarantined);
	bad_roots_json(x, i);
	json_u64("templates", i->out_templates);
	json_u64("bad_templates", i->out_bad_templates);
	json_u64("sector", i->out_sector);
	for (size_t n = 0; n < sizeof(flag_words) / sizeof(flag_words[0]); n++)
		json_bool(flag_words[n].word, i->out_flags & flag_words[n].bit);
	json_close();
}

static void blocks_line(const char *what, uint64_t blocks)
{
	char words[32];

	size_words(blocks * EXO_BLOCK_SIZE, words);
	printf("  %-14s %12" PRIu64 " blocks  (%s)\n", what, blocks, words);
}

static void info_text(struct exo *x, const struct exo_disk_info *i)
{
	char path[65], uuid[37];
	bool some = false;

	path_of(i, path);
	uuid_of(i, uuid);
	printf("disk %" PRIu32 ": ", i->disk);
	print_escaped(path);
	printf("\n  uuid           %s, format version %" PRIu32 "\n", uuid, i->out_version);
	blocks_line("size", i->out_blocks);
	if (i->out_flags & EXO_DISK_ATTACHING) {
		printf("  %-14s ", "attaching");
		walk_text(i);
		return;
	}
	blocks_line("free", i->out_free);
	blocks_line("dirty", i->out_dirty);
	blocks_line("uninitialised", i->out_uninit);
	blocks_line("waiting", i->out_waiting);
	blocks_line("held back", i->out_held);
	printf("  %-14s %" PRIu32 " (%" PRIu32 " quarantined)\n", "roots", i->out_roots, i->out_quarantined);
	bad_roots_text(x, i, stdout);
	printf("  %-14s %" PRIu32 " (%" PRIu32 " refused by the verifier)\n", "templates", i->out_templates,
	       i->out_bad_templates);
	printf("  %-14s %" PRIu64 " blocks with two owners\n", "contested", (uint64_t)i->out_contested);
	printf("  %-14s ", "free map");
	walk_text(i);
	printf("  %-14s logical block %" PRIu32 " bytes", "device", i->out_sector);
	for (size_t n = 0; n < sizeof(flag_words) / sizeof(flag_words[0]); n++)
		if (i->out_flags & flag_words[n].bit) {
			printf("%s%s", some ? ", " : "; ", flag_words[n].word);
			some = true;
		}
	putchar('\n');
}

static int all_disks(struct exo *x, bool json)
{
	struct exo_disk_info info;
	struct exo_why why;
	uint32_t n = 0;
	int err;

	if (json)
		json_open(NULL, '[');
	for (uint32_t d = 0; d < EXO_MAX_DISKS; d++) {
		err = disk_info_coming(x, d, &info);
		if (err)
			err = exo_disk_info(x, d, &info, &why);
		if (err == -ENOENT)
			continue;
		if (err)
			return refused("disks", &why);
		(json ? info_json : info_text)(x, &info);
		n++;
	}
	if (json)
		json_close();
	else if (!n)
		printf("no disk is attached\n");
	return EXIT_OK;
}

static int run_info(const struct args *a)
{
	struct exo *x = env_open();
	struct exo_disk_info info;
	struct exo_why why;
	uint32_t disk;
	int status;

	if (!x)
		return EXIT_REFUSED;
	if (!a->n) {
		status = all_disks(x, a->json);
	} else {
		status = env_disk(x, a->v[0], &disk);
		if (!status && exo_disk_info(x, disk, &info, &why))
			status = refused(a->v[0], &why);
		if (!status)
			(a->json ? info_json : info_text)(x, &info);
	}
	exo_close(x);
	return status;
}

#define ROOM 512

static int run_contested(const struct args *a)
{
	static struct exo_range ranges[ROOM];
	struct exo *x = env_open();
	uint32_t disk;
	int status, n;

	if (!x)
		return EXIT_REFUSED;
	status = env_disk(x, a->v[0], &disk);
	if (status)
		goto out;
	n = exo_contested(x, disk, ranges, ROOM);
	if (n < 0) {
		status = fail("%s: %s", a->v[0], strerror(-n));
		goto out;
	}
	if (a->json)
		json_open(NULL, '[');
	for (int i = 0; i < n && i < ROOM; i++) {
		uint64_t start = ranges[i].start, count = ranges[i].count;

		if (a->json) {
			json_open(NULL, '{');
			json_u64("start", start);
			json_u64("count", count);
			json_u64("template", ranges[i].template_id);
			json_close();
		} else {
			printf("blocks %" PRIu64 " to %" PRIu64 ", template %" PRIu32 "\n", start, start + count - 1,
			       ranges[i].template_id);
		}
	}
	if (a->json)
		json_close();
	else if (!n)
		printf("no block has two owners\n");
	if (n > ROOM)
		warn("there are %d ranges; the first %d are shown", n, ROOM);
out:
	exo_close(x);
	return status;
}

const struct command cmd_info = {
	.name = "info",
	.usage = "[DISK]",
	.summary = "facts about one attached disk, or about all",
	.max = 1,
	.json = true,
	.run = run_info,
};

const struct command cmd_contested = {
	.name = "contested",
	.usage = "DISK",
	.summary = "blocks that have two owners after a crash",
	.more = "Such a block can be read and not written. Deleting one of the two owners settles it.",
	.min = 1,
	.max = 1,
	.json = true,
	.run = run_contested,
};
