// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * bench-blockcap: would a capability for each block do, if it were cached? The same application takes blocks into
 * lists, gives them back and uses them, over exo (blockcap-exo.c), where the lists' UDF says what they own, and over a
 * table on the disk that says of each block whose it is (blockcap-table.c). See usage().
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../count/phase.h"
#include "blockcap.h"

static const struct bc_store *store;
static bool far;
static uint64_t group, ops;

static void usage(FILE *f)
{
	fprintf(f, "usage: bench-blockcap WORK exo|table DEVICE near|far GROUP OPS CACHED\n"
		   "WORK:\n"
		   "  make   empty lists\n"
		   "  fill   the same, then OPS blocks taken into them\n"
		   "  take   a phase: take OPS blocks, each with its data, durable every GROUP\n"
		   "  give   a phase: give the OPS blocks of `fill` back, durable every GROUP\n"
		   "  use    a phase: see the data of each of them, with nothing in core at first\n"
		   "  full   fails unless the lists have the OPS blocks and these their data\n"
		   "  empty  fails unless the lists have none and the OPS blocks can be taken again\n"
		   "near: blocks one behind the other; far: all over the disk. CACHED: blocks of the capability table "
		   "that are kept.\n"
		   "Exit status: 0, 1 wrong, 2 usage.\n");
}

static void fail(const char *what, uint64_t n, int err)
{
	fprintf(stderr, "bench-blockcap: %s, operation %" PRIu64 ": %s\n", what, n, strerror(-err));
	exit(1);
}

static uint64_t block_of(uint64_t n)
{
	return store->area() + (far ? n * 20021 % BC_AREA : n);
}

static unsigned int list_of(uint64_t n)
{
	return n * 197 % BC_LISTS;
}

static uint64_t stamp_of(uint64_t block)
{
	return (block + 1) * 0x9E3779B97F4A7C15ull;
}

static void commit(uint64_t n)
{
	int err = store->commit();

	if (err)
		fail("commit", n, err);
}

static void take(uint64_t every)
{
	uint64_t n;
	int err;

	for (n = 0; n < ops; n++) {
		err = store->take(list_of(n), block_of(n), stamp_of(block_of(n)));
		if (err)
			fail("take", n, err);
		if (n % every == every - 1 || n + 1 == ops)
			commit(n);
	}
}

/* The last first, since a list gives back its last. */
static void give(void)
{
	uint64_t n;
	int err;

	for (n = 0; n < ops; n++) {
		err = store->give(list_of(ops - 1 - n));
		if (err)
			fail("give", n, err);
		if (n % group == group - 1 || n + 1 == ops)
			commit(n);
	}
}

static void use(void)
{
	uint64_t n, stamp;
	int err;

	for (n = 0; n < ops; n++) {
		err = store->use(list_of(n), n / BC_LISTS, &stamp);
		if (err)
			fail("use", n, err);
		if (stamp != stamp_of(block_of(n)))
			fail("content", n, -EIO);
	}
}

static void count(uint64_t expected)
{
	const struct bc_list *list;
	uint64_t found = 0;
	unsigned int i;

	for (i = 0; i < BC_LISTS; i++) {
		list = store->list(i);
		if (!list)
			fail("list", i, -errno);
		found += list->used;
	}
	if (found != expected) {
		fprintf(stderr, "bench-blockcap: the lists have %" PRIu64 " blocks, not %" PRIu64 "\n", found,
			expected);
		exit(1);
	}
}

static bool work(const char *name)
{
	int err = 0;

	if (!strcmp(name, "fill")) {
		take(64);
	} else if (!strcmp(name, "full")) {
		count(ops);
		use();
	} else if (!strcmp(name, "empty")) {
		count(0);
		take(64);
	} else {
		if (exo_phase_begin())
			exit(2);
		if (!strcmp(name, "take"))
			take(group);
		else if (!strcmp(name, "give"))
			give();
		else if (!strcmp(name, "use"))
			use();
		else
			return false;
		err = store->settle();
		if (exo_phase_end(ops, NULL))
			exit(2);
	}
	if (!err)
		err = store->settle();
	if (err)
		fail("settle", 0, err);
	return true;
}

static uint64_t number(const char *text, uint64_t max)
{
	char *end;
	uint64_t n = strtoull(text, &end, 10);

	if (*end || !n || n > max) {
		usage(stderr);
		exit(2);
	}
	return n;
}

int main(int argc, char **argv)
{
	uint64_t cached;
	int err;

	if (argc != 8 || (strcmp(argv[2], "exo") && strcmp(argv[2], "table")) ||
	    (strcmp(argv[4], "near") && strcmp(argv[4], "far"))) {
		usage(stderr);
		return 2;
	}
	store = strcmp(argv[2], "exo") ? &bc_table : &bc_exo;
	far = !strcmp(argv[4], "far");
	group = number(argv[5], 64);
	ops = number(argv[6], BC_LISTS * BC_ENTRIES);
	cached = number(argv[7], 1u << 20);
	if (!strcmp(argv[1], "make") || !strcmp(argv[1], "fill")) {
		err = store->make(argv[3]);
		if (err)
			fail("make", 0, err);
		if (!strcmp(argv[1], "make"))
			return 0;
	}
	err = store->open(argv[3], cached);
	if (err)
		fail("open", 0, err);
	if (!work(argv[1])) {
		usage(stderr);
		return 2;
	}
	err = store->close();
	if (err)
		fail("close", 0, err);
	printf("%" PRIu64 "\n", ops);
	return 0;
}
