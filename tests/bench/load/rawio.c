// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * bench-rawio: the same reads or writes of whole blocks through any of the engines; see usage().
 *
 * Each block starts with a stamp made of its number and a generation. Reading checks the stamp of every block in the
 * loop, for all engines alike; a write's stamps are checked by a later `check` with the same seed. So an engine that
 * moves the wrong block, or nothing, fails.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../count/phase.h"
#include "rawio.h"

#define FILL_BLOCKS RAW_MAX_BLOCKS
#define FILL_GENERATION 1u

static struct raw_job job;
static const struct raw_engine *engine;
static uint64_t ops, seed = 1, generation = FILL_GENERATION;
static uint64_t sum; /* over the stamps read or written: the answer */
static bool sequential;
static uint64_t places, mask; /* operations that the area has room for; the power of two behind it, less 1 */

static void usage(FILE *f)
{
	const struct raw_engine *e;

	fprintf(f, "usage: bench-rawio run|fill|check|count ENGINE TARGET [--write] [--seq] [--depth N] [--ops N] "
		   "[--blocks N]\n"
		   "                   [--span BLOCKS] [--seed N] [--cpu N]\n"
		   "       bench-rawio prepare|finish TARGET [--span BLOCKS]    an exo volume on that device\n"
		   "run does N operations of N blocks (4 KiB) each, in an area of SPAN blocks that was filled before. "
		   "It is a phase\n"
		   "when $EXO_BENCH_PHASE says so, and prints a checksum. --cpu N: on the Nth processor. check looks "
		   "for what a\n"
		   "run --write with the same numbers left. count prints how many blocks of the area hold nothing but "
		   "bytes of the\n"
		   "value SEED. Exit status: 0, 1 wrong content or I/O error, 2 usage or set-up.\n"
		   "engines:");
	for (e = raw_linux; e->name; e++)
		fprintf(f, " %s", e->name);
	for (e = raw_exo; e->name; e++)
		fprintf(f, " %s", e->name);
	fprintf(f, "\n");
}

static uint64_t stamp(uint64_t block, uint64_t gen)
{
	return (block + 1) * 0x9E3779B97F4A7C15ull ^ gen << 48;
}

/*
 * Start of operation n; the same for every engine. Random order is that of a generator with full period: each place
 * comes once before any comes again, so that no two operations under way touch the same block, which exo refuses
 * (EXO_R_BUSY) and Linux leaves undefined.
 */
static uint64_t pick(uint64_t n, uint64_t *state)
{
	if (sequential)
		return n % places * job.blocks;
	do {
		*state = (*state * 0x5851F42D4C957F2Dull + 0x14057B7EF767814Full) & mask;
	} while (*state >= places);
	return *state * job.blocks;
}

static void put_stamps(struct raw_slot *s)
{
	uint32_t i;

	for (i = 0; i < job.blocks; i++) {
		uint64_t value = stamp(s->block + i, generation);

		memcpy(s->page[i], &value, sizeof(value));
		sum += value;
	}
}

static bool check_stamps(const struct raw_slot *s)
{
	uint64_t value;
	uint32_t i;

	for (i = 0; i < job.blocks; i++) {
		memcpy(&value, s->page[i], sizeof(value));
		if (value != stamp(s->block + i, generation)) {
			fprintf(stderr, "bench-rawio: block %" PRIu64 " does not hold what was written: %" PRIx64 "\n",
				s->block + i, value);
			return false;
		}
		sum += value;
	}
	return true;
}

static bool harvest(struct raw_slot *s)
{
	s->ended = false;
	if (s->result == (int)(job.blocks * RAW_BLOCK))
		return job.write || check_stamps(s);
	fprintf(stderr, "bench-rawio: block %" PRIu64 ": %s\n", s->block,
		s->result < 0 ? strerror(-s->result) : "short transfer");
	return false;
}

/* Keeps `depth` operations under way until `count` have ended. */
static bool loop(uint64_t count)
{
	uint32_t idle[RAW_MAX_DEPTH], nidle = job.depth, i;
	uint64_t started = 0, ended = 0, state = seed;

	for (i = 0; i < job.depth; i++)
		idle[i] = i;
	while (ended < count) {
		while (nidle && started < count) {
			struct raw_slot *s = &job.slots[idle[--nidle]];
			int err;

			s->block = pick(started++, &state);
			if (job.write)
				put_stamps(s);
			err = engine->queue(&job, idle[nidle]);
			if (err) {
				fprintf(stderr, "bench-rawio: submit: %s\n", strerror(-err));
				return false;
			}
		}
		i = engine->wait ? engine->wait(&job) : 0;
		if (i) {
			fprintf(stderr, "bench-rawio: wait: %s\n", strerror(-(int)i));
			return false;
		}
		for (i = 0; i < job.depth; i++) {
			if (!job.slots[i].ended)
				continue;
			if (!harvest(&job.slots[i]))
				return false;
			idle[nidle++] = i;
			ended++;
		}
	}
	return true;
}

static const struct raw_engine *find(const char *name)
{
	const struct raw_engine *e;

	for (e = raw_linux; e->name; e++)
		if (!strcmp(e->name, name))
			return e;
	for (e = raw_exo; e->name; e++)
		if (!strcmp(e->name, name))
			return e;
	return NULL;
}

static uint64_t number(const char *text, uint64_t max)
{
	unsigned long long n;
	char *end;

	errno = 0;
	n = strtoull(text ? text : "", &end, 10);
	if (!text || errno || *end || end == text || *text == '-' || !n || n > max) {
		fprintf(stderr, "bench-rawio: '%s' is not a number from 1 to %" PRIu64 "\n", text ? text : "", max);
		exit(2);
	}
	return n;
}

static void pin(uint64_t cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set)) {
		fprintf(stderr, "bench-rawio: processor %" PRIu64 ": %s\n", cpu, strerror(errno));
		exit(2);
	}
}

static void options(int argc, char **argv)
{
	int i;

	job.depth = 1;
	job.blocks = 1;
	job.span = 8192;
	ops = 1000;
	for (i = 0; i < argc; i++) {
		const char *name = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;

		if (!strcmp(name, "--write")) {
			job.write = true;
			continue;
		}
		if (!strcmp(name, "--seq")) {
			sequential = true;
			continue;
		}
		if (!strcmp(name, "--depth"))
			job.depth = number(value, RAW_MAX_DEPTH);
		else if (!strcmp(name, "--ops"))
			ops = number(value, 1ull << 40);
		else if (!strcmp(name, "--blocks"))
			job.blocks = number(value, RAW_MAX_BLOCKS);
		else if (!strcmp(name, "--span"))
			job.span = number(value, 1ull << 32);
		else if (!strcmp(name, "--seed"))
			seed = number(value, 1ull << 32);
		else if (!strcmp(name, "--cpu"))
			pin(number(value, CPU_SETSIZE) - 1);
		else {
			usage(stderr);
			exit(2);
		}
		i++;
	}
	if (job.span / job.blocks <= job.depth) {
		fprintf(stderr, "bench-rawio: the area has no room for that many operations; give a larger --span\n");
		exit(2);
	}
}

static void open_engine(void)
{
	uint32_t i, k;
	int err;

	places = job.span / job.blocks;
	for (mask = 1; mask < places; mask <<= 1)
		;
	mask--;
	if (job.depth > engine->max_depth) {
		fprintf(stderr, "bench-rawio: %s does %u operations at a time; give a smaller --depth\n", engine->name,
			engine->max_depth);
		exit(2);
	}
	err = engine->open(&job);
	if (err) {
		fprintf(stderr, "bench-rawio: %s on %s: %s\n", engine->name, job.target, strerror(-err));
		exit(2);
	}
	for (i = 0; i < job.depth; i++)
		for (k = 0; k < job.blocks; k++)
			memset(job.slots[i].page[k], 0, RAW_BLOCK);
}

/* For those whose writes have no stamps: blocks that one byte fills. Any content is good. */
static int count_filled(void)
{
	uint64_t block, filled = 0;
	struct raw_slot *s = &job.slots[0];
	uint32_t i;

	open_engine();
	for (block = 0; block < job.span; block += job.blocks) {
		s->block = block;
		if (engine->queue(&job, 0) || (engine->wait && engine->wait(&job)) ||
		    s->result != (int)(job.blocks * RAW_BLOCK)) {
			fprintf(stderr, "bench-rawio: block %" PRIu64 " cannot be read\n", block);
			return 1;
		}
		for (i = 0; i < job.blocks; i++)
			filled += (unsigned char)s->page[i][0] == seed &&
				  !memcmp(s->page[i], s->page[i] + 1, RAW_BLOCK - 1);
	}
	printf("%" PRIu64 "\n", filled);
	return 0;
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";
	char notes[200];
	bool good;

	if (argc > 2 && (!strcmp(mode, "prepare") || !strcmp(mode, "finish"))) {
		options(argc - 3, argv + 3);
		return (!strcmp(mode, "prepare") ? raw_exo_prepare(argv[2], job.span) : raw_exo_finish(argv[2])) ? 2
														 : 0;
	}
	engine = argc > 3 ? find(argv[2]) : NULL;
	if (!engine ||
	    (strcmp(mode, "run") && strcmp(mode, "fill") && strcmp(mode, "check") && strcmp(mode, "count"))) {
		usage(stderr);
		return 2;
	}
	job.target = argv[3];
	options(argc - 4, argv + 4);
	if (!strcmp(mode, "fill")) {
		job.write = true;
		sequential = true;
		job.depth = 1;
		job.blocks = job.span < FILL_BLOCKS ? job.span : FILL_BLOCKS;
		if (job.span % job.blocks) {
			fprintf(stderr, "bench-rawio: --span must be a multiple of %u\n", job.blocks);
			return 2;
		}
		open_engine();
		return !loop(job.span / job.blocks);
	}
	if (!strcmp(mode, "count"))
		return count_filled();
	if (!strcmp(mode, "check")) {
		generation = seed + FILL_GENERATION;
		job.write = false;
		open_engine();
		return !loop(ops);
	}
	if (job.write)
		generation = seed + FILL_GENERATION;
	open_engine();
	if (exo_phase_begin())
		return 2;
	good = loop(ops);
	snprintf(notes, sizeof(notes), "\"engine\":\"%s\",\"depth\":%u,\"blocks\":%u,\"write\":%d,\"sequential\":%d",
		 engine->name, job.depth, job.blocks, job.write, sequential);
	if (exo_phase_end(ops, notes))
		return 2;
	printf("%s %016" PRIx64 "\n", good ? "sum" : "WRONG", sum);
	return !good;
}
