// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * bench-largefile: one large file, in order and at random, through the kernel's file systems or a library's. Every
 * block says where it is and by which writing, so what is read is checked as it comes, and `check` looks at all of it.
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
#include <libexo-fs.h>
#include "../count/phase.h"

#define BLOCK 4096u
#define PIECE (1u << 20) /* bytes of one call in order */

struct file_ops {
	int (*open)(const char *where, const char *name, bool fresh);
	ssize_t (*read)(void *to, size_t n, off_t at);
	ssize_t (*write)(const void *from, size_t n, off_t at);
	int (*sync)(void);
};

/* ---- the kernel's ---- */

static int fd;

static int posix_open(const char *where, const char *name, bool fresh)
{
	if (chdir(where))
		return -errno;
	fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | (fresh ? O_TRUNC : 0), 0644);
	return fd < 0 ? -errno : 0;
}

static ssize_t posix_read(void *to, size_t n, off_t at)
{
	ssize_t got = pread(fd, to, n, at);

	return got < 0 ? -errno : got;
}

static ssize_t posix_write(const void *from, size_t n, off_t at)
{
	ssize_t put = pwrite(fd, from, n, at);

	return put < 0 ? -errno : put;
}

static int posix_sync(void)
{
	return fsync(fd) ? -errno : 0;
}

static const struct file_ops posix_file = {posix_open, posix_read, posix_write, posix_sync};

/* ---- a library's ---- */

static struct exo_file *file;

/* where: DEVICE,ROOT */
static int exo_open_file(const char *where, const char *name, bool fresh)
{
	const char *comma = strrchr(where, ',');
	struct exo_why why = {0};
	struct exo_fs *tree;
	struct exo *exo;
	char device[256];
	uint32_t disk;
	int err;

	if (!comma || comma - where >= (long)sizeof(device))
		return -EINVAL;
	memcpy(device, where, comma - where);
	device[comma - where] = '\0';
	err = exo_open(&exo, NULL, &why);
	if (!err)
		err = exo_disk_find(exo, device, &disk);
	if (!err)
		err = exo_fs_open(&tree, exo, disk, comma + 1, 0, &why);
	if (err)
		fprintf(stderr, "bench-largefile: %s %s\n", why.text, why.hint);
	return err ? err : exo_file_open(tree, name, O_RDWR | O_CREAT | (fresh ? O_TRUNC : 0), 0644, &file);
}

static ssize_t exo_read_file(void *to, size_t n, off_t at)
{
	return exo_file_pread(file, to, n, at);
}

static ssize_t exo_write_file(const void *from, size_t n, off_t at)
{
	return exo_file_pwrite(file, from, n, at);
}

static int exo_sync_file(void)
{
	return exo_file_sync(file);
}

static const struct file_ops exo_file_ops = {exo_open_file, exo_read_file, exo_write_file, exo_sync_file};

/* ---- the work ---- */

static const struct file_ops *f;
static uint64_t blocks, ops, mark = 1, sum;
static char *buf;

static void fail(const char *what, uint64_t block, long long err)
{
	fprintf(stderr, "bench-largefile: %s block %" PRIu64 ": %s\n", what, block,
		err < 0 ? strerror(-err) : "wrong content");
	exit(1);
}

/* A block's first words: where it is, and the mark of who wrote it; the rest is the same everywhere. */
static void stamp(char *at, uint64_t block, uint64_t by)
{
	memcpy(at, &block, 8);
	memcpy(at + 8, &by, 8);
}

static void look(const char *at, uint64_t block)
{
	uint64_t is, by;

	memcpy(&is, at, 8);
	memcpy(&by, at + 8, 8);
	if (is != block || !by)
		fail("read", block, 0);
	sum += by;
}

static void in_order(bool write)
{
	uint64_t at, i, n;

	for (at = 0; at < blocks; at += n) {
		ssize_t got;

		n = blocks - at < PIECE / BLOCK ? blocks - at : PIECE / BLOCK;
		for (i = 0; write && i < n; i++)
			stamp(buf + i * BLOCK, at + i, mark);
		got = write ? f->write(buf, n * BLOCK, at * BLOCK) : f->read(buf, n * BLOCK, at * BLOCK);
		if (got != (ssize_t)(n * BLOCK))
			fail(write ? "write" : "read", at, got < 0 ? got : -EIO);
		for (i = 0; !write && i < n; i++)
			look(buf + i * BLOCK, at + i);
	}
}

/* Blocks in an order that looks like chance and hits each once in `blocks` operations, a power of two. */
static void at_random(bool write)
{
	uint64_t i, block = mark % blocks;

	for (i = 0; i < ops; i++) {
		ssize_t got;

		block = (block * 1664525 + 1013904223) % blocks;
		if (write)
			stamp(buf, block, mark);
		got = write ? f->write(buf, BLOCK, block * BLOCK) : f->read(buf, BLOCK, block * BLOCK);
		if (got != BLOCK)
			fail(write ? "write" : "read", block, got < 0 ? got : -EIO);
		if (!write)
			look(buf, block);
	}
}

/* Every block is there, and `ops` of them have the mark. */
static void check(uint64_t want)
{
	uint64_t at, i, by, have = 0;

	for (at = 0; at < blocks; at++) {
		ssize_t got = f->read(buf, BLOCK, at * BLOCK);

		if (got != BLOCK)
			fail("read", at, got < 0 ? got : -EIO);
		look(buf, at);
		memcpy(&by, buf + 8, 8);
		have += by == mark;
		for (i = 16; i < BLOCK; i++)
			if (buf[i] != 'x')
				fail("read", at, 0);
	}
	if (have != want) {
		fprintf(stderr, "bench-largefile: %" PRIu64 " blocks have the mark, not %" PRIu64 "\n", have, want);
		exit(1);
	}
}

static int usage(void)
{
	fprintf(stderr, "usage: bench-largefile WORK posix FOLDER | exo DEVICE,ROOT  MIB OPS MARK\n"
			"WORK, each but check a phase when $EXO_BENCH_PHASE says so: write and read, in order, MIB a "
			"power of two;\n"
			"randread, randwrite: OPS blocks of 4 KiB; warm: randread, with everything read before; check: "
			"OPS blocks have MARK.\n"
			"write and randwrite end with a sync. Prints a checksum of what was seen. Exit status: 0, 1 "
			"wrong, 2 usage.\n");
	return 2;
}

int main(int argc, char **argv)
{
	bool writes, fresh;
	int err;

	if (argc != 7)
		return usage();
	f = !strcmp(argv[2], "exo") ? &exo_file_ops : &posix_file;
	blocks = strtoull(argv[4], NULL, 0) * (PIECE / BLOCK);
	ops = strtoull(argv[5], NULL, 0);
	mark = strtoull(argv[6], NULL, 0);
	fresh = !strcmp(argv[1], "write");
	writes = fresh || !strcmp(argv[1], "randwrite");
	buf = malloc(PIECE);
	if (!buf || !blocks || blocks & (blocks - 1) || !mark)
		return usage();
	memset(buf, 'x', PIECE);
	err = f->open(argv[3], "large", fresh);
	if (err)
		fail("open", 0, err);
	if (!strcmp(argv[1], "check")) {
		check(ops);
		return 0;
	}
	if (!strcmp(argv[1], "warm"))
		in_order(false);
	sum = 0;
	exo_phase_begin();
	if (fresh || !strcmp(argv[1], "read"))
		in_order(writes);
	else
		at_random(writes);
	err = writes ? f->sync() : 0;
	exo_phase_end(fresh || !strcmp(argv[1], "read") ? blocks / (PIECE / BLOCK) : ops, NULL);
	if (err)
		fail("sync", 0, err);
	printf("%" PRIu64 "\n", sum);
	return 0;
}
