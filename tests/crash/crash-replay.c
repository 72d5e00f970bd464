// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * crash-replay BASE LOG [--states N] [--seed S] [--jobs N] [--state CUT:SEED]: judges crash states of what the real module wrote in a VM. BASE is the
 * disk as it was when the VM started, LOG the writes and flushes that QEMU's blklogwrites driver recorded (the
 * dm-log-writes format: Linux, Documentation/admin-guide/device-mapper/log-writes.rst).
 */
#include <endian.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include "../sim/disk_host.h"
#include "state.h"

#define LOG_MAGIC 0x6a736677736872ull
#define LOG_FLUSH 1u
#define LOG_FUA 2u
#define LOG_DISCARD 4u

struct log_super {
	u64 magic, version, entries;
	u32 sector;
} __attribute__((packed));

struct log_entry {
	u64 sector, sectors, flags, bytes;
} __attribute__((packed));

static int fail(const char *what, const char *words)
{
	printf("%s: %s\n", what, words);
	return 1;
}

static int load_base(struct sim_disk **out, const char *path)
{
	FILE *f = fopen(path, "rb");
	u64 blocks, i;
	u8 buf[4096];

	if (!f || fseeko(f, 0, SEEK_END))
		return fail(path, "cannot be read");
	blocks = (u64)ftello(f) / 4096;
	rewind(f);
	*out = sim_disk_new("/dev/log", blocks, SIM_VOLATILE);
	if (!*out)
		return fail(path, "no memory");
	for (i = 0; i < blocks; i++) {
		static const u8 zero[4096];

		if (fread(buf, 4096, 1, f) != 1)
			return fail(path, "short read");
		if (memcmp(buf, zero, 4096))
			sim_disk_poke(*out, i, 0, buf, 4096);
	}
	fclose(f);
	return sim_log_start(*out) ? fail(path, "no memory") : 0;
}

/* Adds one logged request, cut into blocks; the pieces of a request share its number. */
static bool add(struct sim_disk *d, const struct log_entry *e, const u8 *data)
{
	u64 sector = le64toh(e->sector), left = le64toh(e->sectors);
	int op = le64toh(e->flags) & LOG_FUA ? EXO_OP_WRITE_FUA : EXO_OP_WRITE;

	if (sector > d->now->blocks * 8 || left > d->now->blocks * 8 - sector)
		return false;
	d->request++;
	while (left) {
		u16 first = sector % 8, n = left < 8u - first ? (u16)left : (u16)(8 - first);

		log_add(d, op, sector / 8, first, n, data);
		data += n * 512u;
		sector += n;
		left -= n;
	}
	return true;
}

static int load_log(struct sim_disk *d, const char *path)
{
	FILE *f = fopen(path, "rb");
	struct log_super s;
	struct log_entry e;
	u64 i, n;
	u8 *buf = NULL;

	if (!f || fread(&s, sizeof(s), 1, f) != 1 || le64toh(s.magic) != LOG_MAGIC || le64toh(s.version) != 1)
		return fail(path, "is not a write log");
	if (le32toh(s.sector) != 512)
		return fail(path, "has another sector size than 512");
	fseeko(f, 512, SEEK_SET);
	n = le64toh(s.entries);
	for (i = 0; i < n; i++) {
		u64 bytes;

		if (fread(&e, sizeof(e), 1, f) != 1 || fseeko(f, 512 - (off_t)sizeof(e), SEEK_CUR))
			return fail(path, "ends early");
		/* QEMU leaves the entry's own byte count at zero; a discard has no data. */
		bytes = le64toh(e.sectors) * 512;
		if (le64toh(e.flags) & LOG_FLUSH) {
			d->request++;
			log_add(d, SIM_LOG_FLUSH, 0, 0, 0, NULL);
		}
		if (le64toh(e.flags) & LOG_DISCARD || !bytes)
			continue;
		if (bytes > 64u << 20)
			return fail(path, "has an entry of over 64 MiB");
		buf = realloc(buf, bytes);
		if (!buf || fread(buf, bytes, 1, f) != 1 || !add(d, &e, buf))
			return fail(path, "has a broken entry");
	}
	free(buf);
	fclose(f);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option opts[] = { STATE_OPTIONS, { NULL, 0, NULL, 0 } };
	struct state_options o = { .states = 600, .seed = 1, .jobs = 1 };
	struct sim_disk *d = NULL;
	int c;

	setvbuf(stdout, NULL, _IOLBF, 0);
	while ((c = getopt_long(argc, argv, "", opts, NULL)) != -1)
		if (!state_option(&o, c, optarg))
			return 2;
	if (argc - optind != 2)
		return 2;
	if (load_base(&d, argv[optind]) || load_log(d, argv[optind + 1]))
		return 1;
	c = state_main(&o, d);
	sim_disk_free(d);
	return c;
}
