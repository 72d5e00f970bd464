// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * bench-smallfile: the same work on many small files through the kernel's file systems, or through a library's; see
 * usage(). What is read is compared with what the file's number says it holds, first and last bytes in the loop, all of
 * it in `check`.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../count/phase.h"
#include "smallfile.h"

#define PER_FOLDER 100u
#define MAX_SIZE (1u << 20)
#define PATH 48

static const struct files *fs;
static uint64_t nfiles = 1000, size = 1024, ops = 1000;
static char *data, *wanted;
static uint64_t sum;

static void usage(FILE *f)
{
	fprintf(f,
		"usage: bench-smallfile WORK posix FOLDER | exo DEVICE,ROOT  [--files N] [--size BYTES] [--ops N]\n"
		"WORK, each a phase when $EXO_BENCH_PHASE says so:\n"
		"  make    create the files 0..files-1, sync; what the others need\n"
		"  create  create `ops` more files and sync once\n"
		"  unlink  remove those again and sync once\n"
		"  read    pread whole files that are open; like the next two, after having done it once to all files\n"
		"  open    open, read, close\n"
		"  stat    stat by path\n"
		"  first   as open, but each file once, in order: for the first time in this process\n"
		"  cold    the same; the caller has emptied the cache before\n"
		"  check   compare every byte of every file\n"
		"Prints a checksum of what was seen. Exit status: 0, 1 wrong or refused, 2 usage.\n");
}

static void fail(const char *what, const char *path, int err)
{
	fprintf(stderr, "bench-smallfile: %s %s: %s\n", what, path, strerror(err < 0 ? -err : err));
	exit(1);
}

/* Made beforehand: printing a name costs as much as some of the calls that are measured. */
static char (*paths)[PATH];

static const char *path_of(uint64_t i)
{
	return paths[i];
}

static void make_paths(uint64_t count)
{
	uint64_t i;

	paths = calloc(count, PATH);
	if (!paths) {
		fprintf(stderr, "bench-smallfile: no memory for %" PRIu64 " names\n", count);
		exit(2);
	}
	for (i = 0; i < count; i++)
		snprintf(paths[i], PATH, "d%03" PRIu64 "/f%06" PRIu64, i / PER_FOLDER, i);
}

static void content(char *to, uint64_t i)
{
	uint64_t at, x = (i + 1) * 0x9E3779B97F4A7C15ull;

	for (at = 0; at < size; at += 8) {
		x += 0xBF58476D1CE4E5B9ull;
		memcpy(to + at, &x, size - at < 8 ? size - at : 8);
	}
}

static uint64_t pick(uint64_t n)
{
	return n * 0x9E3779B1u % nfiles;
}

static void make(uint64_t from, uint64_t to)
{
	uint64_t i;
	int err;

	for (i = from; i < to; i++) {
		char folder[PATH];

		if (i == from || i % PER_FOLDER == 0) {
			snprintf(folder, sizeof(folder), "d%03" PRIu64, i / PER_FOLDER);
			err = fs->mkdir(folder);
			if (err && err != -EEXIST)
				fail("mkdir", folder, err);
		}
		content(data, i);
		err = fs->create(path_of(i), data, size);
		if (err)
			fail("create", path_of(i), err);
	}
	err = fs->sync();
	if (err)
		fail("sync", "", err);
}

static void drop(uint64_t from, uint64_t to)
{
	uint64_t i;
	int err;

	for (i = from; i < to; i++) {
		err = fs->unlink(path_of(i));
		if (err)
			fail("unlink", path_of(i), err);
	}
	err = fs->removed ? fs->removed() : 0;
	if (err)
		fail("wait for what was removed from", "", err);
	err = fs->sync();
	if (err)
		fail("sync", "", err);
}

/* The ends of a file; cheap, and the same for all. */
static void look(uint64_t i, ssize_t got)
{
	uint64_t first = (i + 1) * 0x9E3779B97F4A7C15ull + 0xBF58476D1CE4E5B9ull, seen;

	if (got != (ssize_t)size)
		fail("read (length)", path_of(i), got < 0 ? (int)got : EIO);
	memcpy(&seen, data, sizeof(seen));
	if (seen != first)
		fail("content of", path_of(i), EIO);
	sum += seen + (unsigned char)data[size - 1];
}

static void read_open(void)
{
	void **handles = calloc(nfiles, sizeof(*handles));
	uint64_t n, i;

	if (!handles)
		fail("memory", "", ENOMEM);
	for (i = 0; i < nfiles; i++) {
		handles[i] = fs->open(path_of(i));
		if (!handles[i])
			fail("open", path_of(i), errno);
	}
	for (i = 0; i < nfiles; i++)
		look(i, fs->read(handles[i], data, size, 0));
	if (exo_phase_begin())
		exit(2);
	for (n = 0; n < ops; n++) {
		i = pick(n);
		look(i, fs->read(handles[i], data, size, 0));
	}
	if (exo_phase_end(ops, NULL))
		exit(2);
	for (i = 0; i < nfiles; i++)
		fs->close(handles[i]);
	free(handles);
}

static void read_closed(uint64_t i, bool whole)
{
	void *file = fs->open(path_of(i));
	ssize_t got;

	if (!file)
		fail("open", path_of(i), errno);
	got = fs->read(file, data, size + 1, 0);
	fs->close(file);
	look(i, got);
	if (!whole)
		return;
	content(wanted, i);
	if (memcmp(data, wanted, size))
		fail("content of", path_of(i), EIO);
}

static void stat_one(uint64_t i)
{
	int64_t got = fs->size(path_of(i));

	if (got != (int64_t)size)
		fail("stat", path_of(i), got < 0 ? (int)got : EIO);
	sum += got + i;
}

static bool work(const char *name)
{
	uint64_t n, done = ops;

	if (!strcmp(name, "read")) {
		read_open();
		return true;
	}
	if (!strcmp(name, "check")) {
		for (n = 0; n < nfiles; n++)
			read_closed(n, true);
		return true;
	}
	if (strcmp(name, "make") && strcmp(name, "create") && strcmp(name, "unlink") && strcmp(name, "open") &&
	    strcmp(name, "stat") && strcmp(name, "first") && strcmp(name, "cold"))
		return false;
	for (n = 0; n < nfiles; n++)
		if (!strcmp(name, "open"))
			read_closed(n, false);
		else if (!strcmp(name, "stat"))
			stat_one(n);
	if (exo_phase_begin())
		exit(2);
	if (!strcmp(name, "make"))
		make(0, done = nfiles);
	else if (!strcmp(name, "create"))
		make(nfiles, nfiles + ops);
	else if (!strcmp(name, "unlink"))
		drop(nfiles, nfiles + ops);
	else if (!strcmp(name, "first") || !strcmp(name, "cold"))
		for (n = 0; n < ops; n++)
			read_closed(n % nfiles, false);
	else if (!strcmp(name, "open"))
		for (n = 0; n < ops; n++)
			read_closed(pick(n), false);
	else
		for (n = 0; n < ops; n++)
			stat_one(pick(n));
	if (exo_phase_end(done, NULL))
		exit(2);
	return true;
}

static uint64_t number(const char *text, uint64_t max)
{
	unsigned long long n;
	char *end;

	errno = 0;
	n = strtoull(text ? text : "", &end, 10);
	if (!text || errno || *end || end == text || *text == '-' || !n || n > max) {
		fprintf(stderr, "bench-smallfile: '%s' is not a number from 1 to %" PRIu64 "\n", text ? text : "", max);
		exit(2);
	}
	return n;
}

int main(int argc, char **argv)
{
	int i, err;

	for (i = 4; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "--files"))
			nfiles = number(argv[i + 1], 90000);
		else if (!strcmp(argv[i], "--size"))
			size = number(argv[i + 1], MAX_SIZE);
		else if (!strcmp(argv[i], "--ops"))
			ops = number(argv[i + 1], 1ull << 30);
		else
			break;
	}
	if (argc < 4 || i != argc || size < 8 || (strcmp(argv[2], "posix") && strcmp(argv[2], "exo"))) {
		usage(stderr);
		return 2;
	}
	fs = strcmp(argv[2], "exo") ? &files_posix : &files_exo;
	make_paths(!strcmp(argv[1], "create") || !strcmp(argv[1], "unlink") ? nfiles + ops : nfiles);
	data = calloc(2, size + 1);
	if (!data)
		return 2;
	wanted = data + size + 1;
	err = fs->mount(argv[3]);
	if (err)
		fail("mount", argv[3], err);
	if (!work(argv[1])) {
		usage(stderr);
		return 2;
	}
	printf("sum %016" PRIx64 "\n", sum);
	return 0;
}
