// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * bench-txn: what transactions cost, by kind and number of edits; see usage(). The metadata is a root of 8 blocks, whose partitions
 * list extents as in udf/example_list.c: 8 that stay, behind one that is played with. Nothing is synced, so only the
 * decision is counted. Each run makes a root of its own and deletes it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <libexo.h>
#include "../count/phase.h"

#define MAGIC 0x5453494cu
#define BLOCKS 8u	/* of the root */
#define MAX_EDITS 64u
#define STAY 8u		/* extents of a partition that no run touches */
#define COUNTER 8u	/* offset of the word that the UDF does not look at */
#define ENTRY 16u

struct entry {
	uint64_t first;
	uint32_t blocks, kind;
};

enum role { EDIT, GROW, SHRINK, LEAVE, ENTER, UNDECLARED };

static struct exo *exo;
static struct exo_why why;
static uint32_t disk, slot, root, partition = 512, frames[BLOCKS];
static uint64_t blocks[BLOCKS], version[BLOCKS];
static uint64_t area, stride; /* data blocks of partition i: area + i * stride */
static struct entry now[MAX_EDITS]; /* entry 0 of each partition, as committed */
static enum role roles[MAX_EDITS];

static void usage(FILE *f)
{
	fprintf(f, "usage: bench-txn prepare DEVICE | finish DEVICE | run KIND TEMPLATE EDITS DEVICE OPS\n"
		   "TEMPLATE: example_list, bench_list4k or bench_none, which only edit can use. EDITS: partitions touched, up to\n"
		   "64, or 8 of bench_list4k. KIND, each OPS times:\n"
		   "  edit     change 8 bytes that own nothing in each partition, all in one transaction\n"
		   "  alloc    take a block into each\n"
		   "  free     give a block back from each\n"
		   "  move     pass a block from every first to every second; EDITS is even\n"
		   "  mixed    of every four: one takes, one gives back, one passes on to the next; EDITS is a multiple of 4\n"
		   "  refused  as alloc, without declaring it; EPERM is the right answer\n"
		   "  txns     as edit, a transaction each in a call for all; EDITS is at most 8, each in a block of its own\n"
		   "  txn      the same with a call each\n"
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

/* Where partition i is; with `apart`, the first of block i. */
static uint32_t block_of(uint32_t i, bool apart)
{
	return apart ? i : i / (EXO_BLOCK_SIZE / partition);
}

static uint32_t offset_of(uint32_t i, bool apart)
{
	return apart ? 0 : i % (EXO_BLOCK_SIZE / partition) * partition;
}

static struct exo_edit edit(uint32_t i, bool apart, uint32_t offset, uint32_t len, const void *bytes)
{
	uint32_t b = block_of(i, apart);

	return (struct exo_edit){.block = blocks[b],
				 .version = version[b],
				 .offset = offset_of(i, apart) + offset,
				 .len = len,
				 .bytes = (uintptr_t)bytes};
}

static int submit(uint32_t nedits, struct exo_edit *edits, uint32_t ndecls, const struct exo_decl *decls)
{
	uint64_t versions[MAX_EDITS];
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
	uint32_t i;

	for (i = 0; !err && i < nedits; i++)
		version[(edits[i].block - blocks[0])] = versions[i];
	return err;
}

/* One transaction in which each partition does what its role says. */
static int play(uint32_t nedits, uint64_t n)
{
	struct exo_edit edits[MAX_EDITS];
	struct exo_decl decls[MAX_EDITS];
	struct entry next[MAX_EDITS];
	uint32_t i, ndecls = 0;
	int err;

	for (i = 0; i < nedits; i++) {
		struct entry *e = &next[i];
		struct exo_decl *d = &decls[ndecls];

		*e = now[i];
		*d = (struct exo_decl){.count = 1};
		switch (roles[i]) {
		case EDIT:
			edits[i] = edit(i, false, COUNTER, sizeof(n), &n);
			continue;
		case UNDECLARED:
			e->blocks++;
			break;
		case GROW:
			d->op = EXO_DECL_ALLOC;
			d->start = e->first + e->blocks++;
			ndecls++;
			break;
		case SHRINK:
			d->op = EXO_DECL_FREE;
			d->start = e->first + --e->blocks;
			ndecls++;
			break;
		case LEAVE:
			d->op = EXO_DECL_MOVE;
			d->start = e->first + --e->blocks;
			ndecls++;
			break;
		case ENTER:
			e->first--;
			e->blocks++;
			break;
		}
		edits[i] = edit(i, false, ENTRY, sizeof(*e), e);
	}
	err = submit(nedits, edits, ndecls, decls);
	if (!err)
		memcpy(now, next, nedits * sizeof(*now));
	return err;
}

static int apart(uint32_t nedits, uint64_t n, bool together)
{
	struct exo_edit edits[BLOCKS];
	struct exo_txn txns[BLOCKS];
	uint64_t versions[BLOCKS];
	uint32_t i;
	int err;

	for (i = 0; i < nedits; i++) {
		edits[i] = edit(i, true, COUNTER, sizeof(n), &n);
		txns[i] = (struct exo_txn){.disk = disk,
					   .cap = slot,
					   .nedits = 1,
					   .edits = (uintptr_t)&edits[i],
					   .versions = (uintptr_t)&versions[i]};
		err = together ? 0 : exo_txn(exo, &txns[i], NULL);
		if (err)
			return err;
	}
	err = together ? exo_txns(exo, nedits, txns, 0, NULL) : (int)nedits;
	if (err != (int)nedits)
		return err < 0 ? err : -EPROTO;
	for (i = 0; i < nedits; i++)
		version[i] = versions[i];
	return 0;
}

static void prepare(const char *device)
{
	static const char *const names[] = {"example_list", "bench_list4k", "bench_none"};
	struct exo_udf_code code;
	uint32_t id, i;
	char log[4096] = "", path[64];

	if (exo_format(exo, device, 0, &why) || exo_attach(exo, device, 0, &disk, &why))
		die(device);
	for (i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "build/udf/%s.o", names[i]);
		if (exo_udf_read(path, &code, &why) ||
		    exo_template_add(exo, disk, slot, &code, 0, NULL, &id, log, sizeof(log), &why) || id != i + 1)
			die(path);
		exo_udf_free(&code);
	}
}

/* A root of 8 blocks, each partition with its 8 extents and the one to play with. */
static void open_list(const char *device, uint32_t template_id, uint32_t nedits, uint64_t ops, bool lists)
{
	struct exo_root_add r = {
		.start = EXO_NOBLOCK, .count = BLOCKS, .template_id = template_id, .cap = slot};
	struct exo_bind b = {.parent = EXO_NOBLOCK, .count = BLOCKS, .rights = EXO_RIGHT_READ, .cap = slot};
	uint32_t i, k;

	if (exo_disk_find(exo, device, &disk))
		die(device);
	snprintf(r.name, sizeof(r.name), "txn%d", (int)getpid());
	r.disk = disk;
	if (exo_root_add(exo, &r, &why))
		die("root");
	root = r.out_root;
	b.disk = disk;
	b.root = root;
	b.claim = (struct exo_claim){.start = r.out_start, .count = BLOCKS, .template_id = template_id};
	b.first = r.out_start;
	b.frames = (uintptr_t)frames;
	if (exo_bind(exo, &b, 0, &why))
		die("bind");
	for (i = 0; i < BLOCKS; i++) {
		blocks[i] = r.out_start + i;
		version[i] = exo_version(exo_view(exo), frames[i]);
	}
	stride = 2 * (ops + STAY + 2) + 2 * STAY;
	if (lists && !exo_free_exact(exo_freemap(exo, disk), r.out_start, nedits * stride, &area))
		die("free blocks");
	for (i = 0; lists && i < nedits; i++) {
		struct {
			uint32_t magic, used;
			uint64_t counter;
			struct entry e[1 + STAY];
		} p = {.magic = MAGIC, .used = 1 + STAY};
		struct exo_decl decls[1 + STAY];
		uint64_t own = area + i * stride;
		struct exo_edit whole;

		/* The one that takes what its neighbour passes on starts right behind it. */
		if (roles[i] == ENTER)
			p.e[0] = (struct entry){.first = area + (i - 1) * stride + 2 * STAY + ops + 1, .blocks = 1};
		else
			p.e[0] = (struct entry){.first = own + 2 * STAY, .blocks = 1};
		if (roles[i] == SHRINK || roles[i] == LEAVE)
			p.e[0].blocks = ops + 1;
		decls[0] = (struct exo_decl){.op = EXO_DECL_ALLOC, .start = p.e[0].first, .count = p.e[0].blocks};
		for (k = 1; k <= STAY; k++) {
			p.e[k] = (struct entry){.first = own + 2 * (k - 1), .blocks = 1};
			decls[k] = (struct exo_decl){.op = EXO_DECL_ALLOC, .start = p.e[k].first, .count = 1};
		}
		whole = edit(i, false, 0, sizeof(p), &p);
		if (submit(1, &whole, 1 + STAY, decls))
			die("first lists");
		now[i] = p.e[0];
	}
}

/* What the lists and the free map must say after that many operations. */
static bool outcome(uint32_t nedits, uint64_t ops, bool own_blocks, bool lists)
{
	const struct exo_freemap_head *map = exo_freemap(exo, disk);
	uint64_t counter;
	struct entry e;
	uint32_t i;

	for (i = 0; i < nedits; i++) {
		const char *p = (const char *)exo_frame_ptr(exo_view(exo), frames[block_of(i, own_blocks)]) +
				offset_of(i, own_blocks);

		memcpy(&counter, p + COUNTER, sizeof(counter));
		memcpy(&e, p + ENTRY, sizeof(e));
		if (roles[i] == EDIT && counter != ops - 1)
			return false;
		if (!lists)
			continue;
		if (memcmp(&e, &now[i], sizeof(e)) || exo_block_free(map, e.first) || exo_block_free(map, e.first + e.blocks - 1))
			return false;
		if ((roles[i] == GROW && e.blocks != ops + 1) || (roles[i] == SHRINK && e.blocks != 1) ||
		    (roles[i] == LEAVE && e.blocks != 1) || (roles[i] == ENTER && e.blocks != ops + 1) ||
		    (roles[i] == UNDECLARED && e.blocks != 1))
			return false;
		if ((roles[i] == GROW || roles[i] == SHRINK || roles[i] == UNDECLARED) && !exo_block_free(map, e.first + e.blocks))
			return false;
	}
	return true;
}

static bool set_roles(const char *kind, uint32_t nedits)
{
	static const enum role mixed[4] = {GROW, SHRINK, LEAVE, ENTER};
	uint32_t i;

	for (i = 0; i < nedits; i++) {
		if (!strcmp(kind, "edit") || !strcmp(kind, "txns") || !strcmp(kind, "txn"))
			roles[i] = EDIT;
		else if (!strcmp(kind, "alloc"))
			roles[i] = GROW;
		else if (!strcmp(kind, "free"))
			roles[i] = SHRINK;
		else if (!strcmp(kind, "move") && nedits % 2 == 0)
			roles[i] = i % 2 ? ENTER : LEAVE;
		else if (!strcmp(kind, "mixed") && nedits % 4 == 0)
			roles[i] = mixed[i % 4];
		else if (!strcmp(kind, "refused"))
			roles[i] = UNDECLARED;
		else
			return false;
	}
	return true;
}

static int run(const char *kind, uint32_t template_id, uint32_t nedits, const char *device, uint64_t ops)
{
	bool together = !strcmp(kind, "txns"), own_blocks = together || !strcmp(kind, "txn");
	bool refused = !strcmp(kind, "refused"), lists = template_id != 3 && !own_blocks;
	uint64_t n, txns, refusals, runs, expect = refused ? 0 : own_blocks ? ops * nedits : ops;
	const struct exo_stats *s;
	char notes[64];
	int err = 0;

	open_list(device, template_id, nedits, ops, lists);
	s = exo_statistics(exo);
	txns = s->txns;
	refusals = s->refusals;
	runs = s->udf_runs;
	if (exo_phase_begin())
		return 2;
	for (n = 0; n < ops && !err; n++) {
		err = own_blocks ? apart(nedits, n, together) : play(nedits, n);
		if (refused)
			err = err == -EPERM ? 0 : err ? err : -EPROTO;
	}
	txns = s->txns - txns;
	refusals = s->refusals - refusals;
	snprintf(notes, sizeof(notes), "\"udf_runs\":%" PRIu64, (uint64_t)s->udf_runs - runs);
	if (exo_phase_end(ops, notes))
		return 2;
	if (err) {
		fprintf(stderr, "bench-txn: %s: operation %" PRIu64 ": %s\n", kind, n, strerror(-err));
		return 1;
	}
	if (txns != expect || refusals != (refused ? ops : 0) || !outcome(nedits, ops, own_blocks, lists)) {
		fprintf(stderr, "bench-txn: %s: %" PRIu64 " committed, %" PRIu64 " refused, or the lists are wrong\n", kind,
			txns, refusals);
		return 1;
	}
	/* A deleted root's blocks are free once that is durable. */
	if (exo_unbind(exo, BLOCKS, frames, &why) || exo_root_del(exo, disk, slot, root, &why) ||
	    exo_sync(exo, disk, EXO_NOROOT, &why) < 0)
		die("root's end");
	printf("%" PRIu64 "\n", ops);
	return 0;
}

int main(int argc, char **argv)
{
	static const char *const templates[] = {"", "example_list", "bench_list4k", "bench_none"};
	unsigned long ops, nedits;
	char *end, *end2;
	uint32_t t;

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
	if (argc == 7 && !strcmp(argv[1], "run")) {
		nedits = strtoul(argv[4], &end, 10);
		ops = strtoul(argv[6], &end2, 10);
		for (t = 1; t <= 3; t++)
			if (!strcmp(argv[3], templates[t]))
				break;
		if (t == 2)
			partition = EXO_BLOCK_SIZE;
		if (t <= 3 && !*end && !*end2 && ops && ops <= 1000000 && nedits &&
		    nedits <= BLOCKS * (EXO_BLOCK_SIZE / partition) && set_roles(argv[2], nedits) &&
		    (t != 3 || roles[0] == EDIT) && (strncmp(argv[2], "txn", 3) || nedits <= BLOCKS)) {
			open_exo();
			return run(argv[2], t, nedits, argv[5], ops);
		}
	}
	usage(stderr);
	return 2;
}
