// SPDX-License-Identifier: GPL-2.0 OR MIT
/* roots.c: exoctl roots, root-add, root-del. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "exoctl.h"

static void root_json(const struct exo_root_get *r)
{
	char owner[128];

	cap_words(&r->out_owner, owner);
	json_open(NULL, '{');
	json_u64("root", r->root);
	json_str("name", r->name);
	json_u64("template", r->out_template);
	json_u64("start", r->out_start);
	json_u64("count", r->out_count);
	json_u64("used", r->out_used);
	json_u64("quota", r->out_quota);
	json_str("owner", owner);
	json_bool("public_read", r->out_flags & EXO_ROOT_PUBLIC_READ);
	json_bool("shared", r->out_flags & EXO_ROOT_SHARED);
	json_bool("temporary", r->out_flags & EXO_ROOT_TEMPORARY);
	json_str("quarantine", quarantine_words(r->out_quarantine));
	json_u64("quarantine_detail", r->out_quarantine_detail);
	json_close();
}

static void root_text(const struct exo_root_get *r)
{
	char owner[128], quota[24] = "-";

	cap_words(&r->out_owner, owner);
	if (r->out_quota)
		snprintf(quota, sizeof(quota), "%" PRIu64, (uint64_t)r->out_quota);
	printf("%4" PRIu32 " %8" PRIu32 " %12" PRIu64 " %12" PRIu64 " %12s  ", r->root, r->out_template,
	       (uint64_t)r->out_start, (uint64_t)r->out_used, quota);
	print_escaped(r->name);
	printf("  %s%s%s%s\n", owner, r->out_flags & EXO_ROOT_PUBLIC_READ ? ", public" : "",
	       r->out_flags & EXO_ROOT_SHARED ? ", shared" : "",
	       r->out_flags & EXO_ROOT_TEMPORARY ? ", temporary" : "");
	if (r->out_quarantine)
		printf("     quarantined: %s (%" PRIu64 ")\n", quarantine_words(r->out_quarantine),
		       (uint64_t)r->out_quarantine_detail);
}

int list_roots(struct exo *x, uint32_t disk, bool json)
{
	struct exo_root_get r;
	struct exo_why why;
	uint32_t n = 0;
	int err;

	if (json)
		json_open(NULL, '[');
	for (uint32_t i = 0; i < EXO_MAX_ROOTS; i++) {
		err = exo_root_get(x, disk, i, &r, &why);
		if (err == -ENOENT)
			continue;
		if (err)
			return refused("roots", &why);
		r.name[sizeof(r.name) - 1] = '\0';
		if (!json && !n)
			printf("root template        start         used        quota  name  owner (blocks of 4096 "
			       "bytes)\n");
		(json ? root_json : root_text)(&r);
		n++;
	}
	if (json)
		json_close();
	else if (!n)
		printf("the disk has no roots\n");
	return EXIT_OK;
}

static int run_roots(const struct args *a)
{
	struct exo *x = env_open();
	uint32_t disk;
	int status;

	if (!x)
		return EXIT_REFUSED;
	status = env_disk(x, a->v[0], &disk);
	if (!status)
		status = list_roots(x, disk, a->json);
	exo_close(x);
	return status;
}

static int parse_block(const struct args *a, uint64_t *block)
{
	const char *text = opt_value(a, "at");
	char *end;

	*block = EXO_NOBLOCK;
	if (!text)
		return EXIT_OK;
	errno = 0;
	*block = strtoull(text, &end, 10);
	if (errno || *end || *text < '0' || *text > '9')
		return usage_error(a, "--at: '%s' is not a block number", text);
	return EXIT_OK;
}

static int run_add(const struct args *a)
{
	struct exo_root_add r = {.template_id = 0};
	uint64_t count, quota, at;
	struct exo_why why;
	struct exo *x;
	int status, slot;

	if (strlen(a->v[1]) >= sizeof(r.name))
		return usage_error(a, "the name is longer than %zu bytes", sizeof(r.name) - 1);
	if (!opt_given(a, "size"))
		return usage_error(a, "--size is needed: how large is the volume?");
	if ((status = parse_quota(a, "size", &count)) || (status = parse_quota(a, "quota", &quota)) ||
	    (status = parse_block(a, &at)))
		return status;
	x = env_open();
	if (!x)
		return EXIT_REFUSED;
	status = env_disk(x, a->v[0], &r.disk);
	if (status)
		goto out;
	slot = exo_cap_user(x);
	if (slot < 0) {
		status = fail("this process has no capability of its own: %s", strerror(-slot));
		goto out;
	}
	r.cap = slot;
	strcpy(r.name, a->v[1]);
	r.start = at;
	r.count = count;
	r.quota = quota;
	r.root_flags = (opt_given(a, "public-read") ? EXO_ROOT_PUBLIC_READ : 0) |
		       (opt_given(a, "temporary") ? EXO_ROOT_TEMPORARY : 0);
	if (exo_root_add(x, &r, &why) || exo_sync(x, r.disk, r.out_root, &why) < 0)
		status = refused(a->v[1], &why);
	else
		printf("root %" PRIu32 ": %" PRIu64 " blocks from block %" PRIu64 "\n", r.out_root, count,
		       (uint64_t)r.out_start);
out:
	exo_close(x);
	return status;
}

static int run_del(const struct args *a)
{
	struct exo *x = env_open();
	struct exo_root_get r;
	struct exo_why why;
	uint32_t disk;
	int status, slot;

	if (!x)
		return EXIT_REFUSED;
	status = env_disk(x, a->v[0], &disk);
	if (status)
		goto out;
	slot = exo_cap_admin(x);
	if (slot < 0)
		slot = exo_cap_user(x);
	if (slot < 0) {
		status = fail("this process has no capability of its own: %s", strerror(-slot));
		goto out;
	}
	if (exo_root_find(x, disk, a->v[1], &r, &why) || exo_root_del(x, disk, slot, r.root, &why) ||
	    exo_sync(x, disk, EXO_NOROOT, &why) < 0)
		status = refused(a->v[1], &why);
out:
	exo_close(x);
	return status;
}

const struct command cmd_roots = {
	.name = "roots",
	.usage = "DISK",
	.summary = "list the roots of a disk: what they hold, who owns them, what is wrong with them",
	.min = 1,
	.max = 1,
	.json = true,
	.run = run_roots,
};

static const struct opt add_opts[] = {
	{"size", 's', "SIZE", "of the volume, rounded up to 4096 bytes"},
	{"at", 0, "BLOCK", "first block (default: the first free run that is long enough)"},
	{"quota", 0, "SIZE", "limit that is kept with the root"},
	{"public-read", 0, NULL, "anybody may read it"},
	{"temporary", 0, NULL, "dropped at the next attach"},
	{NULL},
};

const struct command cmd_root_add = {
	.name = "root-add",
	.usage = "DISK NAME --size SIZE",
	.summary = "make a raw data volume, owned by the calling user",
	.more = "A raw volume is a run of blocks without metadata. For a file system use 'exoctl mkfs'.",
	.min = 2,
	.max = 2,
	.opts = add_opts,
	.run = run_add,
};

const struct command cmd_root_del = {
	.name = "root-del",
	.usage = "DISK NAME",
	.summary = "remove a root and everything below it",
	.more = "Only the root's owner and the administrator can. It is also the way out of quarantine.",
	.min = 2,
	.max = 2,
	.run = run_del,
};
