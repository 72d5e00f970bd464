// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * bench-txn: what one transaction costs, by kind; see usage(). The metadata is a list of extents (udf/example_list.c):
 * eight partitions of 512 bytes in one block, each with 30 entries. Nothing is synced, so only the decision is counted.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libexo.h>
#include "../count/phase.h"

#define ROOT "bench-txn"
#define MAGIC 0x5453494cu
#define PARTITION 512u
#define PARTITIONS (EXO_BLOCK_SIZE / PARTITION)
#define COUNTER 8u /* offset of the word that the UDF does not look at */
#define ENTRY 16u

struct entry {
	uint64_t first;
	uint32_t blocks, kind;
};

static struct exo *exo;
static struct exo_why why;
static uint32_t disk, slot, frame;
static uint64_t block, version; /* of the list, and as of the last transaction */
static uint64_t spot;		/* free blocks to play with */

static void usage(FILE *f)
{
	fprintf(f, "usage: bench-txn prepare DEVICE | finish DEVICE | run KIND DEVICE OPS\n"
		   "KIND, each OPS times:\n"
		   "  edit        change 8 bytes that own nothing\n"
		   "  edit8       the same in all 8 partitions of a block, as one transaction\n"
		   "  alloc       take 1 block, and give it back: two transactions\n"
		   "  alloc64     the same with 64 adjacent blocks\n"
		   "  move        pass 1 block from one partition to another\n"
		   "  refused     claim a block without declaring it; EPERM is the right answer\n"
		   "Exit status: 0, 1 wrong outcome, 2 usage or set-up.\n");
}

static void die(const char *what)
{
	fprintf(stderr, "bench-txn: %s: %s %s %s\n", what, exo_reason_name(why.code), why.text, why.hint);
	exit(2);
}

static void open_exo(void)
{
	int n;

	if (exo_open(&exo, NULL, &why))
		die("open");
	n = exo_cap_admin(exo);
	if (n < 0)
		die("no administrator's capability");
	slot = n;
}

static int submit(uint32_t nedits, struct exo_edit *edits, uint32_t ndecls, const struct exo_decl *decls)
{
	uint64_t versions[PARTITIONS];
	struct exo_txn t = {
		.disk = disk,
		.cap = slot,
		.nedits = nedits,
		.ndecls = ndecls,
		.edits = (uintptr_t)edits,
		.decls = (uintptr_t)decls,
		.versions = (uintptr_t)versions,
	};
	int err = exo_txn(exo, &t, NULL);

	if (!err)
		version = versions[0];
	return err;
}

static struct exo_edit edit(uint32_t offset, uint32_t len, const void *bytes)
{
	return (struct exo_edit){
		.block = block, .version = version, .offset = offset, .len = len, .bytes = (uintptr_t)bytes};
}

/* Entry 0 of a partition becomes {first, blocks}; blocks 0 clears it. */
static struct exo_edit set_entry(uint32_t partition, struct entry *e, uint64_t first, uint32_t blocks)
{
	*e = (struct entry){.first = blocks ? first : 0, .blocks = blocks};
	return edit(partition * PARTITION + ENTRY, sizeof(*e), e);
}

static int do_edit(uint64_t n, uint32_t partitions)
{
	struct exo_edit edits[PARTITIONS];
	uint32_t i;

	for (i = 0; i < partitions; i++)
		edits[i] = edit(i * PARTITION + COUNTER, sizeof(n), &n);
	return submit(partitions, edits, 0, NULL);
}

static int do_alloc(uint32_t blocks)
{
	struct exo_decl d = {.op = EXO_DECL_ALLOC, .start = spot, .count = blocks};
	struct entry e;
	struct exo_edit one = set_entry(0, &e, spot, blocks);
	int err = submit(1, &one, 1, &d);

	if (err)
		return err;
	d.op = EXO_DECL_FREE;
	one = set_entry(0, &e, 0, 0);
	return submit(1, &one, 1, &d);
}

static int do_move(uint64_t n)
{
	struct exo_decl d = {.op = EXO_DECL_MOVE, .start = spot, .count = 1};
	struct entry gone, come;
	struct exo_edit both[2] = {set_entry(n & 1, &gone, 0, 0), set_entry(!(n & 1), &come, spot, 1)};

	return submit(2, both, 1, &d);
}

static int do_refused(void)
{
	struct entry e;
	struct exo_edit one = set_entry(0, &e, spot, 1);
	int err = submit(1, &one, 0, NULL);

	return err == -EPERM ? 0 : err ? err : -EPROTO;
}

static void prepare(const char *device)
{
	struct exo_udf_code code;
	struct exo_root_add r = {.name = ROOT, .start = EXO_NOBLOCK, .count = 1};
	uint32_t template_id;
	char log[4096] = "";

	if (exo_format(exo, device, 0, &why) || exo_attach(exo, device, 0, &disk, &why))
		die(device);
	if (exo_udf_read("build/udf/example_list.o", &code, &why))
		die("build/udf/example_list.o");
	if (exo_template_add(exo, disk, slot, &code, 0, NULL, &template_id, log, sizeof(log), &why))
		die("template");
	exo_udf_free(&code);
	r.disk = disk;
	r.cap = slot;
	r.template_id = template_id;
	if (exo_root_add(exo, &r, &why) || exo_sync(exo, disk, EXO_NOROOT, &why) < 0)
		die("root");
}

/* Binds the list and gives each partition its magic and one entry in use, which is empty so far. */
static void open_list(const char *device)
{
	struct exo_bind b = {.parent = EXO_NOBLOCK, .count = 1, .rights = EXO_RIGHT_READ};
	const struct exo_freemap_head *map;
	struct exo_root_get r;
	struct exo_edit edits[PARTITIONS];
	uint32_t head[2] = {MAGIC, 1};
	uint32_t i;

	if (exo_disk_find(exo, device, &disk) || exo_root_find(exo, disk, ROOT, &r, &why))
		die(device);
	block = r.out_start;
	b.disk = disk;
	b.cap = slot;
	b.root = r.root;
	b.claim = (struct exo_claim){.start = block, .count = 1, .template_id = r.out_template};
	b.first = block;
	b.frames = (uintptr_t)&frame;
	if (exo_bind(exo, &b, 0, &why))
		die("bind");
	version = exo_version(exo_view(exo), frame);
	map = exo_freemap(exo, disk);
	if (!map || !exo_free_exact(map, block, 64, &spot))
		die("64 free blocks");
	for (i = 0; i < PARTITIONS; i++)
		edits[i] = edit(i * PARTITION, sizeof(head), head);
	if (submit(PARTITIONS, edits, 0, NULL))
		die("first edit");
}

static bool outcome(const char *kind, uint64_t ops, uint64_t committed, uint64_t refused)
{
	const struct exo_freemap_head *map = exo_freemap(exo, disk);
	const char *list = exo_frame_ptr(exo_view(exo), frame);
	uint64_t counter, expect = !strcmp(kind, "refused") ? 0 : !strncmp(kind, "alloc", 5) ? 2 * ops : ops;
	bool moved = !strcmp(kind, "move"), good = true;
	uint32_t i;

	memcpy(&counter, list + (!strcmp(kind, "edit8") ? (PARTITIONS - 1) * PARTITION : 0) + COUNTER, sizeof(counter));
	if (!strncmp(kind, "edit", 4) && counter != ops - 1)
		good = false;
	for (i = 0; i < 64; i++)
		if (exo_block_free(map, spot + i) == (moved && !i))
			good = false;
	if (committed != expect || refused != (expect ? 0 : ops))
		good = false;
	if (!good)
		fprintf(stderr, "bench-txn: %s: %" PRIu64 " committed, %" PRIu64 " refused, counter %" PRIu64 "\n",
			kind, committed, refused, counter);
	return good;
}

static int run(const char *kind, const char *device, uint64_t ops)
{
	const struct exo_stats *s;
	uint64_t n, txns, refusals;
	int err = 0;

	open_list(device);
	if (!strcmp(kind, "move")) {
		struct exo_decl d = {.op = EXO_DECL_ALLOC, .start = spot, .count = 1};
		struct entry e;
		struct exo_edit one = set_entry(0, &e, spot, 1);

		if (submit(1, &one, 1, &d))
			die("block to move");
	}
	s = exo_statistics(exo);
	txns = s->txns;
	refusals = s->refusals;
	if (exo_phase_begin())
		return 2;
	for (n = 0; n < ops && !err; n++) {
		if (!strcmp(kind, "edit"))
			err = do_edit(n, 1);
		else if (!strcmp(kind, "edit8"))
			err = do_edit(n, PARTITIONS);
		else if (!strcmp(kind, "alloc"))
			err = do_alloc(1);
		else if (!strcmp(kind, "alloc64"))
			err = do_alloc(64);
		else if (!strcmp(kind, "move"))
			err = do_move(n);
		else
			err = do_refused();
	}
	if (exo_phase_end(ops, NULL))
		return 2;
	if (err) {
		fprintf(stderr, "bench-txn: %s: operation %" PRIu64 ": %s\n", kind, n, strerror(-err));
		return 1;
	}
	if (!outcome(kind, ops, s->txns - txns, s->refusals - refusals))
		return 1;
	if (!strcmp(kind, "move")) {
		struct exo_decl d = {.op = EXO_DECL_FREE, .start = spot, .count = 1};
		struct entry e;
		struct exo_edit one = set_entry(ops & 1, &e, 0, 0);

		if (submit(1, &one, 1, &d))
			return 1;
	}
	printf("%" PRIu64 "\n", ops);
	return 0;
}

int main(int argc, char **argv)
{
	static const char *const kinds[] = {"edit", "edit8", "alloc", "alloc64", "move", "refused"};
	unsigned long ops;
	unsigned int i;
	char *end;

	if (argc == 3 && !strcmp(argv[1], "prepare")) {
		open_exo();
		prepare(argv[2]);
		return 0;
	}
	if (argc == 3 && !strcmp(argv[1], "finish")) {
		open_exo();
		if (exo_disk_find(exo, argv[2], &disk) || exo_detach(exo, disk, 0, &why))
			die("detach");
		return 0;
	}
	if (argc == 5 && !strcmp(argv[1], "run")) {
		ops = strtoul(argv[4], &end, 10);
		for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
			if (!strcmp(argv[2], kinds[i]) && ops && !*end) {
				open_exo();
				return run(argv[2], argv[3], ops);
			}
	}
	usage(stderr);
	return 2;
}
