// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * map_race DISK SECONDS: threads store into frames as fast as they can while the right to do so comes and goes. A store
 * that lands after the right has gone would be seen by the next holder, or in a block that is bound read-only.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <time.h>
#include "vm.h"

#define WRITERS 6

static char *pool;
static char *volatile target;	/* where the writers store; NULL: rest */
static volatile bool stop;
static volatile unsigned long landed[WRITERS], signals[WRITERS];

static void *writer(void *arg)
{
	long n = (long)arg;
	unsigned char v = 1;

	while (!stop) {
		char *at = target;

		if (!at)
			continue;
		if (vm_poke(at + 64 * n, v))
			signals[n]++;
		else
			landed[n]++;
		v = v == 255 ? 1 : v + 1;
	}
	return NULL;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static bool zero(const volatile char *p)
{
	long n;

	for (n = 0; n < WRITERS; n++)
		if (p[64 * n])
			return false;
	return true;
}

/* For so long, and on a slow machine longer, until there was a fair number of tries. */
static bool goes_on(double end, unsigned long tries)
{
	double t = now();

	return t < end || (tries < 30 && t < end + 60);
}

/* A frame goes from one environment to another and back. The second must find zeroes, and keep finding them. */
static void hand_over(int fd, double seconds)
{
	int other = vm_open(), spin;
	char *theirs = vm_pool(other);
	unsigned long rounds = 0, seen = 0;
	double end = now() + seconds;
	uint32_t f = 0;

	need(!vm_frame_alloc(fd, &f, 1, EXO_FRAME_ANY), "FRAME_ALLOC");
	target = pool + f * 4096ul;
	while (goes_on(end, rounds)) {
		need(!vm_frame_free(fd, &f, 1), "FRAME_FREE");
		need(!vm_frame_alloc(other, &f, 1, 0), "FRAME_ALLOC by the other");
		for (spin = 0; spin < 200; spin++)
			seen += !zero(theirs + f * 4096ul);
		need(!vm_frame_free(other, &f, 1), "FRAME_FREE by the other");
		need(!vm_frame_alloc(fd, &f, 1, 0), "FRAME_ALLOC back");
		for (spin = 0; spin < 200 && zero(pool + f * 4096ul); spin++)
			;
		rounds++;
	}
	target = NULL;
	check(rounds > 20, "a frame changed hands %lu times under fire", rounds);
	check(!seen, "no store of the old holder reached the new one (%lu did)", seen);
	vm_frame_free(fd, &f, 1);
	close(other);
}

/* The same block, bound now for writing and now for reading. While it is read-only its content must not move. */
static void downgrade(int fd, uint32_t disk, double seconds)
{
	struct exo_root_add r = vm_volume(fd, disk, "map-race", 1);
	unsigned long rounds = 0, moved = 0, written = 0;
	double end = now() + seconds;
	char before[4096];
	uint32_t f = 0;
	int spin;

	need(!vm_bind(fd, &r, 0, 1, EXO_RIGHT_ALL, 0, &f), "BIND");
	target = pool + f * 4096ul;
	while (goes_on(end, written)) {
		double patience = now() + 0.5; /* a fault of six writers takes that long on the debug kernel */
		bool moves = false;

		memcpy(before, pool + f * 4096ul, 4096);
		while (!moves && now() < patience)
			moves = !!memcmp(before, pool + f * 4096ul, 4096);
		written += moves;
		need(!vm_unbind(fd, &f, 1), "UNBIND");
		need(!vm_bind(fd, &r, 0, 1, EXO_RIGHT_READ, 0, &f), "BIND for reading");
		target = pool + f * 4096ul;
		memcpy(before, pool + f * 4096ul, 4096);
		for (spin = 0; spin < 200; spin++)
			moved += !!memcmp(before, pool + f * 4096ul, 4096);
		need(!vm_bind(fd, &r, 0, 1, EXO_RIGHT_ALL, 0, &f), "BIND for writing again");
		rounds++;
	}
	target = NULL;
	check(rounds > 20 && written > 20, "a block lost its write right %lu times under fire, %lu times freshly written", rounds, written);
	check(!moved, "no store landed while it was read-only (%lu did)", moved);
	vm_unbind(fd, &f, 1);
}

int main(int argc, char **argv)
{
	uint32_t disk = argc > 1 ? strtoul(argv[1], NULL, 0) : 0;
	double seconds = argc > 2 ? atof(argv[2]) : 3;
	pthread_t t[WRITERS];
	unsigned long hits = 0, misses = 0;
	int fd = vm_open();
	long n;

	vm_catch();
	pool = vm_pool(fd);
	for (n = 0; n < WRITERS; n++)
		need(!pthread_create(&t[n], NULL, writer, (void *)n), "thread");
	hand_over(fd, seconds);
	downgrade(fd, disk, seconds);
	stop = true;
	for (n = 0; n < WRITERS; n++) {
		pthread_join(t[n], NULL);
		hits += landed[n];
		misses += signals[n];
	}
	check(hits && misses, "stores that landed: %lu, that were refused: %lu", hits, misses);
	return vm_result();
}
