// SPDX-License-Identifier: GPL-2.0 OR MIT
/* templates.c: exoctl templates, exoctl template-del, exoctl udf check. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "exoctl.h"

static void show(const struct exo_template_get *t, bool json)
{
	char hash[65], owner[128];

	for (int i = 0; i < 32; i++)
		sprintf(hash + 2 * i, "%02x", t->out_hash[i]);
	cap_words(&t->out_owner, owner);
	if (json) {
		json_open(NULL, '{');
		json_u64("template", t->template_id);
		json_str("name", t->out_name);
		json_u64("partition", t->out_partition);
		json_u64("instructions", t->out_ninsns);
		json_u64("acl_instructions", t->out_acl_ninsns);
		json_str("sha256", hash);
		json_str("owner", owner);
		json_bool("bad", t->out_flags & EXO_TEMPLATE_BAD);
		json_open("refs", '[');
		for (uint32_t i = 0; i < t->out_nrefs && i < EXO_MAX_REFS; i++)
			json_u64(NULL, t->out_refs[i]);
		json_close();
		json_close();
		return;
	}
	printf("%8" PRIu32 " %9" PRIu32 " %12" PRIu32 " %6" PRIu32 "  %.16s  ", t->template_id, t->out_partition,
	       t->out_ninsns, t->out_acl_ninsns, hash);
	print_escaped(t->out_name);
	printf("  %s%s\n", owner, t->out_flags & EXO_TEMPLATE_BAD ? ", REFUSED by the verifier at attach" : "");
}

static int run_templates(const struct args *a)
{
	struct exo *x = env_open();
	struct exo_why why;
	uint32_t disk, n = 0;
	int status;

	if (!x)
		return EXIT_REFUSED;
	status = env_disk(x, a->v[0], &disk);
	if (status)
		goto out;
	if (a->json)
		json_open(NULL, '[');
	for (uint32_t i = 1; i < EXO_MAX_TEMPLATES; i++) {
		struct exo_template_get t = {.disk = disk, .template_id = i};
		int err = exo_template_get(x, &t, &why);

		if (err == -ENOENT)
			continue;
		if (err) {
			status = refused(a->v[0], &why);
			goto out;
		}
		t.out_name[sizeof(t.out_name) - 1] = '\0';
		if (!a->json && !n)
			printf("template partition instructions of acl  sha256 of code    name  owner\n");
		show(&t, a->json);
		n++;
	}
	if (a->json)
		json_close();
	else if (!n)
		printf("the disk has no templates\n");
out:
	exo_close(x);
	return status;
}

static int run_del(const struct args *a)
{
	struct exo *x = env_open();
	struct exo_why why;
	uint32_t disk;
	unsigned long id;
	char *end;
	int status, slot;

	if (!x)
		return EXIT_REFUSED;
	status = env_disk(x, a->v[0], &disk);
	if (status)
		goto out;
	id = strtoul(a->v[1], &end, 10);
	if (*end || !id || id >= EXO_MAX_TEMPLATES) {
		status = usage_error(a, "'%s' is not a template's number; 'exoctl templates' lists them", a->v[1]);
		goto out;
	}
	slot = exo_cap_admin(x);
	if (slot < 0)
		slot = exo_cap_user(x);
	if (slot < 0) {
		status = fail("this process has no capability of its own: %s", strerror(-slot));
		goto out;
	}
	if (exo_template_del(x, disk, slot, (uint32_t)id, &why))
		status = refused(a->v[1], &why);
out:
	exo_close(x);
	return status;
}

static int run_udf(const struct args *a)
{
	struct exo_udf_code code;
	struct exo_why why;

	if (strcmp(a->v[0], "check"))
		return usage_error(a, "udf: '%s' is not 'check'", a->v[0]);
	if (exo_udf_read(a->v[1], &code, &why))
		return refused(a->v[1], &why);
	code.name[sizeof(code.name) - 1] = '\0';
	if (a->json) {
		json_open(NULL, '{');
		json_str("name", code.name);
		json_u64("instructions", code.ninsns);
		json_u64("acl_instructions", code.nacl);
		json_u64("limit", EXO_MAX_INSNS);
		json_u64("bytes", (uint64_t)code.ninsns * 8);
		json_u64("partition", code.partition);
		json_close();
	} else {
		printf("%s: UDF ", a->v[1]);
		print_escaped(*code.name ? code.name : "(no name)");
		printf(", %" PRIu32 " instructions of %u (%" PRIu32 " bytes), partition %" PRIu32 " bytes", code.ninsns,
		       EXO_MAX_INSNS, code.ninsns * 8, code.partition);
		if (code.nacl)
			printf(", acl %" PRIu32 " instructions", code.nacl);
		printf("\n");
	}
	exo_udf_free(&code);
	return EXIT_OK;
}

const struct command cmd_templates = {
	.name = "templates",
	.usage = "DISK",
	.summary = "list the metadata types that are installed on a disk",
	.min = 1,
	.max = 1,
	.json = true,
	.run = run_templates,
};

const struct command cmd_template_del = {
	.name = "template-del",
	.usage = "DISK NUMBER",
	.summary = "remove a metadata type that nothing uses",
	.more = "Only the template's owner and the administrator can. Roots that have it, and templates that name it, go first.",
	.min = 2,
	.max = 2,
	.run = run_del,
};

const struct command cmd_udf = {
	.name = "udf",
	.usage = "check FILE.o",
	.summary = "read an object made with exo_udf.h and say what is in it",
	.more = "Reads the object as TEMPLATE_ADD would need it. The kernel's verdict comes when the template is "
		"installed.",
	.min = 2,
	.max = 2,
	.json = true,
	.run = run_udf,
};
