// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * bench-attach: what an attach costs, by the amount of metadata on the disk; see usage(). The disk has one root of one
 * block, whose list (udf/example_list.c) owns BLOCKS more lists in one run, each with one extent of a data block in
 * each of its 8 partitions. The lists are written past the module, which finds them when it walks.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <libexo.h>
#include "../count/phase.h"

#define MAGIC 0x5453494cu
#define PARTITION 512u
#define PARTITIONS (EXO_BLOCK_SIZE / PARTITION)
#define HAUL 256u /* blocks of a request, as the walk's */
#define ROOT "lists"

struct list {
	uint32_t magic, used;
	uint64_t own;
	uint64_t first;
	uint32_t blocks, kind;
	char rest[PARTITION - 32];
};

static struct exo *exo;
static struct exo_why why;
static uint32_t slot, disk;
static struct list (*haul)[PARTITIONS];

static void usage(FILE *f)
{
	fprintf(f,
		"usage: bench-attach make DEVICE BLOCKS         a disk with so many metadata blocks, cleanly detached\n"
		"       bench-attach cut DEVICE                 attach it and let go of it as in a power cut\n"
		"       bench-attach run clean|cut DEVICE BLOCKS   attach it, as a phase; detach\n"
		"       bench-attach read DEVICE BLOCKS         only read the metadata, 1 MiB at a time, as a phase\n"
		"run prints how many blocks are free, read how many it read. Exit status: 0, 1 wrong outcome, 2 usage or set-up.\n");
}

static void die(const char *what)
{
	fprintf(stderr, "bench-attach: %s: %s %s %s\n", what, exo_reason_name(why.code), why.text, why.hint);
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

static void attach(const char *device)
{
	if (exo_attach(exo, device, 0, &disk, &why))
		die("attach");
}

static void detach(uint32_t flags)
{
	if (exo_detach(exo, disk, flags, &why))
		die("detach");
}

/* Data block k of list i: scattered, so that no two extents of the walk are neighbours. */
static uint64_t data_of(uint64_t first, uint64_t nblocks, uint64_t i, uint32_t k)
{
	return first + nblocks + k * nblocks + i;
}

static void put(int fd, uint64_t block, uint64_t count)
{
	ssize_t bytes = count * EXO_BLOCK_SIZE;

	if (pwrite(fd, haul, bytes, block * EXO_BLOCK_SIZE) != bytes) {
		perror("bench-attach: write");
		exit(2);
	}
}

static void write_lists(const char *device, uint64_t root, uint64_t nblocks)
{
	int fd = open(device, O_RDWR | O_DIRECT | O_CLOEXEC);
	uint64_t first = root + 1, i, n;
	uint32_t k;

	if (fd < 0) {
		perror(device);
		exit(2);
	}
	haul[0][0] = (struct list){.magic = MAGIC, .used = 1, .first = first, .blocks = nblocks, .kind = 1};
	put(fd, root, 1);
	for (i = 0; i < nblocks; i += n) {
		for (n = 0; n < HAUL && i + n < nblocks; n++)
			for (k = 0; k < PARTITIONS; k++)
				haul[n][k] = (struct list){.magic = MAGIC,
							   .used = 1,
							   .first = data_of(first, nblocks, i + n, k),
							   .blocks = 1};
		put(fd, first + i, n);
	}
	if (fsync(fd) || close(fd)) {
		perror(device);
		exit(2);
	}
}

static int make(const char *device, uint64_t nblocks)
{
	struct exo_root_add r = {.name = ROOT, .start = EXO_NOBLOCK, .count = 1, .cap = slot};
	struct exo_udf_code code;
	char log[4096] = "";

	if (exo_format(exo, device, 0, &why))
		die("format");
	attach(device);
	if (exo_udf_read("build/udf/example_list.o", &code, &why) ||
	    exo_template_add(exo, disk, slot, &code, 0, NULL, &r.template_id, log, sizeof(log), &why))
		die("template");
	exo_udf_free(&code);
	r.disk = disk;
	if (exo_root_add(exo, &r, &why) || exo_sync(exo, disk, EXO_NOROOT, &why) < 0)
		die("root");
	detach(0);
	write_lists(device, r.out_start, nblocks);
	/* The stored map does not know the lists yet: as after a cut, a walk finds them, and the detach stores what it
	 * found. */
	if (exo_attach(exo, device, EXO_ATTACH_WALK, &disk, &why))
		die("first attach");
	detach(0);
	return 0;
}

static uint64_t number(const char *text)
{
	char *end;
	uint64_t n = strtoull(text, &end, 10);

	if (*end || !n || n > 1u << 24) {
		usage(stderr);
		exit(2);
	}
	return n;
}

static int run(const char *device, uint64_t nblocks, bool cut)
{
	struct exo_disk_info info;
	uint64_t owned = nblocks * (1 + PARTITIONS) + 1;
	bool walked;

	if (exo_phase_begin())
		return 2;
	attach(device);
	if (exo_phase_end(nblocks, NULL))
		return 2;
	if (exo_disk_info(exo, disk, &info, &why))
		die("info");
	walked = info.out_flags & EXO_DISK_WALKED;
	if (walked != cut || (cut && (info.out_walk_meta != nblocks + 1 || info.out_walk_owned != owned)) ||
	    info.out_quarantined || info.out_contested) {
		fprintf(stderr,
			"bench-attach: walked %d, %" PRIu64 " metadata blocks, %" PRIu64
			" owned, %u roots quarantined\n",
			walked, (uint64_t)info.out_walk_meta, (uint64_t)info.out_walk_owned, info.out_quarantined);
		return 1;
	}
	printf("%" PRIu64 " free\n", (uint64_t)info.out_free);
	detach(cut ? EXO_DETACH_DISCARD : 0);
	return 0;
}

/* The device's own speed: the same blocks in requests of the same size, and nothing done with them. */
static int read_all(const char *device, uint64_t nblocks)
{
	struct exo_root_get root;
	uint64_t i, n;
	ssize_t bytes;
	int fd;

	attach(device);
	if (exo_root_find(exo, disk, ROOT, &root, &why))
		die("root");
	detach(0);
	fd = open(device, O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (fd < 0 || exo_phase_begin())
		return 2;
	for (i = 0; i < nblocks; i += n) {
		n = nblocks - i < HAUL ? nblocks - i : HAUL;
		bytes = n * EXO_BLOCK_SIZE;
		if (pread(fd, haul, bytes, (root.out_start + 1 + i) * EXO_BLOCK_SIZE) != bytes ||
		    haul[n - 1][0].magic != MAGIC) {
			fprintf(stderr, "bench-attach: no lists at %" PRIu64 "\n", i);
			return 1;
		}
	}
	if (exo_phase_end(nblocks, NULL))
		return 2;
	printf("%" PRIu64 "\n", nblocks);
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (posix_memalign((void **)&haul, EXO_BLOCK_SIZE, HAUL * EXO_BLOCK_SIZE))
		return 2;
	memset(haul, 0, HAUL * EXO_BLOCK_SIZE);
	if (argc == 4 && !strcmp(what, "make")) {
		open_exo();
		return make(argv[2], number(argv[3]));
	}
	if (argc == 3 && !strcmp(what, "cut")) {
		open_exo();
		attach(argv[2]);
		detach(EXO_DETACH_DISCARD);
		return 0;
	}
	if (argc == 5 && !strcmp(what, "run") && (!strcmp(argv[2], "clean") || !strcmp(argv[2], "cut"))) {
		open_exo();
		return run(argv[3], number(argv[4]), !strcmp(argv[2], "cut"));
	}
	if (argc == 4 && !strcmp(what, "read")) {
		open_exo();
		return read_all(argv[2], number(argv[3]));
	}
	usage(stderr);
	return 2;
}
