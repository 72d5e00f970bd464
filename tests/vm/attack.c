// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * attack DISK VICTIM: what a hostile user tries against another user's root, through the module's own calls.
 * Prints the words that a person gets, and a line "REFUSED<tab>attack<tab>words" for each attack that failed as it must.
 * Exit status: 0 all refused, 1 one succeeded or was refused for another reason, 2 cannot run.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libexo.h>

static struct exo *x;
static uint32_t disk;
static uint32_t cap;
static int failures;
static sigjmp_buf trap;

static void on_bus(int sig)
{
	siglongjmp(trap, sig);
}

/* An attack must end with this reason. */
static void expect(const char *attack, int rc, uint32_t code, const struct exo_why *why)
{
	printf("attack: %s\n", attack);
	if (rc >= 0) {
		printf("  SUCCEEDED\n");
		failures++;
		return;
	}
	printf("  refused: %s\n  %s\n", why->text, why->hint);
	if (why->code != code) {
		printf("  but the reason is %s, expected %s\n", exo_reason_name(why->code), exo_reason_name(code));
		failures++;
		return;
	}
	printf("REFUSED\t%s\t%s\n", attack, why->text);
}

static int udf(const char *name, struct exo_udf_code *code)
{
	const char *dir = getenv("EXO_UDF_DIR");
	struct exo_why why;
	char path[512];

	snprintf(path, sizeof(path), "%s/%s.o", dir ? dir : "build/udf", name);
	if (exo_udf_read(path, code, &why) < 0) {
		fprintf(stderr, "attack: %s: %s\n", path, why.text);
		return -1;
	}
	return 0;
}

/* The attacker's own root, in the format of udf/example_list.c. */
static int own_root(struct exo_root_add *r, uint32_t *frame)
{
	struct exo_udf_code code;
	struct exo_why why;
	struct exo_bind b = { .disk = disk, .cap = cap, .parent = EXO_NOBLOCK, .count = 1, .rights = EXO_RIGHT_READ };
	uint32_t template;

	if (udf("example_list", &code) < 0)
		return -1;
	if (exo_template_add(x, disk, cap, &code, 0, NULL, &template, NULL, 0, &why) < 0)
		goto bad;
	*r = (struct exo_root_add){ .disk = disk, .cap = cap, .start = EXO_NOBLOCK, .count = 1, .template_id = template };
	snprintf(r->name, sizeof(r->name), "attacker");
	if (exo_root_add(x, r, &why) < 0)
		goto bad;
	b.root = r->out_root;
	b.claim = (struct exo_claim){ .start = r->out_start, .count = 1, .template_id = template };
	b.first = r->out_start;
	b.frames = (uintptr_t)frame;
	if (exo_bind(x, &b, 0, &why) < 0)
		goto bad;
	exo_udf_free(&code);
	return 0;
bad:
	fprintf(stderr, "attack: cannot set up: %s\n", why.text);
	return -1;
}

static int claim_block(const struct exo_root_add *r, uint32_t frame, uint64_t block, bool declare, struct exo_why *why)
{
	struct {
		uint32_t magic, used;
		uint64_t unused, start;
		uint32_t count, kind;
	} list = { 0x5453494c, 1, 0, block, 1, 0 };
	struct exo_edit e = { .block = r->out_start, .version = exo_version(exo_view(x), frame), .offset = 0,
			      .len = sizeof(list), .bytes = (uintptr_t)&list };
	struct exo_decl d = { .op = EXO_DECL_ALLOC, .start = block, .count = 1 };
	struct exo_txn t = { .disk = disk, .cap = cap, .nedits = 1, .ndecls = declare, .edits = (uintptr_t)&e,
			     .decls = (uintptr_t)&d };

	return exo_txn(x, &t, why);
}

int main(int argc, char **argv)
{
	struct exo_root_get victim;
	struct exo_root_add own;
	struct exo_udf_code code;
	struct exo_why why = { 0 };
	uint32_t frame, id, theirs;
	int rc, slot;

	if (argc != 3) {
		fprintf(stderr, "usage: attack DISK VICTIM-ROOT\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	disk = strtoul(argv[1], NULL, 10);
	if (exo_open(&x, NULL, &why) < 0 || (slot = exo_cap_user(x)) < 0 || exo_root_find(x, disk, argv[2], &victim, &why) < 0) {
		fprintf(stderr, "attack: %s\n", why.text);
		return 2;
	}
	cap = slot;
	if (own_root(&own, &frame) < 0)
		return 2;

	rc = claim_block(&own, frame, victim.out_start, true, &why);
	expect("allocate a block of the victim's", rc, EXO_R_NOT_FREE, &why);

	rc = claim_block(&own, frame, victim.out_start, false, &why);
	expect("point at a block without declaring it", rc, EXO_R_NOT_CONSERVED, &why);

	if (udf("bad/helper_clock", &code) < 0)
		return 2;
	rc = exo_template_add(x, disk, cap, &code, 0, NULL, &id, NULL, 0, &why);
	expect("install a UDF that reads the clock", rc, EXO_R_UDF_SCAN, &why);
	exo_udf_free(&code);

	struct exo_bind b = { .disk = disk, .cap = cap, .root = own.out_root, .parent = EXO_NOBLOCK, .count = 1,
			      .rights = EXO_RIGHT_ALL, .first = own.out_start, .frames = (uintptr_t)&id,
			      .claim = { .start = own.out_start, .count = 1, .template_id = own.template_id } };
	rc = exo_bind(x, &b, 0, &why);
	expect("bind metadata writable", rc, EXO_R_META_WRITE, &why);

	b.root = victim.root;
	b.rights = EXO_RIGHT_READ;
	b.first = b.claim.start = victim.out_start;
	b.claim.count = victim.out_count;
	b.claim.template_id = victim.out_template;
	b.frames = (uintptr_t)&theirs;
	rc = exo_bind(x, &b, 0, &why);
	expect("bind the victim's top block", rc, EXO_R_CAP, &why);

	rc = exo_root_del(x, disk, cap, victim.root, &why);
	expect("delete the victim's root", rc, EXO_R_CAP, &why);

	printf("attack: store into mapped metadata\n");
	signal(SIGBUS, on_bus);
	signal(SIGSEGV, on_bus);
	rc = sigsetjmp(trap, 1);
	if (!rc) {
		*(volatile uint64_t *)exo_frame_ptr(exo_view(x), frame) = ~0ull;
		printf("  SUCCEEDED\n");
		failures++;
	} else {
		printf("  refused: the store raised %s\n", rc == SIGBUS ? "SIGBUS" : "SIGSEGV");
		printf("REFUSED\tstore into mapped metadata\tthe store raised %s\n", rc == SIGBUS ? "SIGBUS" : "SIGSEGV");
	}

	rc = exo_unbind(x, 1, &frame, &why);
	if (rc >= 0)
		rc = exo_root_del(x, disk, cap, own.out_root, &why);
	if (rc < 0) {
		printf("cannot clean up: %s\n", why.text);
		failures++;
	}
	exo_close(x);
	return failures != 0;
}
