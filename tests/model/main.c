// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * main.c: core_model [--replay] [SEED [STEPS]]: histories of LIFE steps each, on one disk after the other, the core and
 * the model side by side. At the first difference it says what, after which step, and how to see that history alone.
 *
 * Whatever else ends it (a sanitizer, a NEED, a broken promise of the simulator) is named in the same way.
 *
 * --replay SEED STEPS  one history, with every step in words.
 * --shrink SEED STEPS  the same without the steps that the difference does not need (each try is a process of its own).
 */
#include <sanitizer/common_interface_defs.h>
#include <sys/wait.h>
#include <unistd.h>
#include "world.h"

#define LIFE 2500u

static struct world w;
static u8 *skip; /* steps left out */
static bool inside; /* a history runs */

/* At the process's end, also when a sanitizer makes it: which history was it? */
static void last_words(void)
{
	if (inside)
		fprintf(stderr, "ended in seed %llu step %llu\n  after: %s\nagain: core_model --replay %llu %llu\n",
			(unsigned long long)w.seed, (unsigned long long)w.step + 1, w.said, (unsigned long long)w.seed,
			(unsigned long long)w.step + 1);
	inside = false;
}

/* 0: agreed; else the step after which they differ, counted from 1. */
static u64 history(u64 seed, u64 steps, bool loud)
{
	u64 i, at = 0;

	w.step = 0;
	inside = true;
	world_start(&w, seed);
	for (i = 0; i < steps && !at && !w.over; i++) {
		if (skip && skip[i])
			continue;
		world_step(&w, i);
		if (loud && w.said[0])
			printf("%6llu  %s\n", (unsigned long long)i, w.said);
		if (w.m.wrong[0])
			at = i + 1;
	}
	if (at)
		fprintf(stderr, "seed %llu step %llu: %s\n  after: %s\n", (unsigned long long)seed,
			(unsigned long long)at, w.m.wrong, w.said);
	else
		world_stop(&w);
	inside = false;
	if (!at && sim_alloc_live()) {
		fprintf(stderr, "seed %llu: the core keeps memory at its end\n", (unsigned long long)seed);
		at = steps;
	}
	return at;
}

/* The words of a difference without its numbers, as a status. */
static int kind_of_wrong(void)
{
	unsigned int sum = 0;
	const char *c;

	for (c = w.m.wrong; *c; c++)
		if (*c < '0' || *c > '9')
			sum = sum * 31 + (unsigned char)*c;
	return 10 + (int)(sum % 200);
}

/* How do they differ with these steps left out? 0: not. In a child, since the core may crash. */
static int differs(u64 seed, u64 steps)
{
	int status = 0;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		if (!freopen("/dev/null", "w", stderr))
			_exit(2);
		alarm(60);
		_exit(history(seed, steps, false) ? kind_of_wrong() : 0);
	}
	NEED(pid > 0 && waitpid(pid, &status, 0) == pid);
	return status;
}

static int shrink(u64 seed, u64 steps)
{
	u64 chunk, i, k, left = 0;
	int same;

	skip = calloc(steps, 1);
	same = skip ? differs(seed, steps) : 0;
	NEED(same);
	for (chunk = steps / 2; chunk; chunk /= 2) {
		for (i = 0; i + chunk <= steps; i += chunk) {
			u8 *was = malloc(steps);

			NEED(was);
			memcpy(was, skip, steps);
			for (k = i; k < i + chunk; k++)
				skip[k] = 1;
			if (memcmp(was, skip, steps) && differs(seed, steps) != same)
				memcpy(skip, was, steps);
			free(was);
		}
	}
	for (i = 0; i < steps; i++)
		left += !skip[i];
	printf("%llu of %llu steps are needed:\n", (unsigned long long)left, (unsigned long long)steps);
	history(seed, steps, true);
	return 1;
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 && argv[1][0] == '-' ? *++argv + 2 : "";
	u64 seed, steps, done = 0, life = 0;

	argc -= how[0] != 0;
	setvbuf(stdout, NULL, _IOLBF, 0);
	atexit(last_words);
	__sanitizer_set_death_callback(last_words);
	seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	steps = argc > 2 ? strtoull(argv[2], NULL, 0) : 20000;
	if (!strcmp(how, "shrink"))
		return shrink(seed, steps);
	if (!strcmp(how, "replay"))
		return history(seed, steps, true) != 0;
	while (done < steps) {
		u64 n = steps - done < LIFE ? steps - done : LIFE;
		u64 at = history(seed + life, n, false);

		if (at) {
			fprintf(stderr, "again: core_model --replay %llu %llu; the least of it: --shrink\n",
				(unsigned long long)(seed + life), (unsigned long long)at);
			return 1;
		}
		done += w.step + 1;
		life++;
		if (isatty(1) || life % 40 == 0)
			printf("%llu steps, %llu disks\n", (unsigned long long)done, (unsigned long long)life);
	}
	printf("%llu steps on %llu disks: %llu calls accepted, %llu refused, %llu power cuts, %llu failed flushes, "
	       "%llu blocks contested\n",
	       (unsigned long long)done, (unsigned long long)life, (unsigned long long)w.accepted,
	       (unsigned long long)w.refused, (unsigned long long)w.cuts, (unsigned long long)w.failures, (unsigned long long)w.contested);
	return 0;
}
