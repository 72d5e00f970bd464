// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * known KIND COUNT [TIMES]: does a known amount of work as one phase, for the bench's test of itself. TIMES (1) repeats
 * it.
 *
 *   loop     COUNT rounds of two instructions
 *   calls    COUNT system calls (getppid)
 *   fill     COUNT bytes set by one `rep stosb`, COUNT in units of 8 by `rep movsq`
 *   vector   COUNT loads and COUNT stores of a 16-byte register
 *   disk     COUNT direct writes of 4 KiB to the device $DISK, each 4 KiB behind the end of the last, then one fsync
 *   wrong    as loop, and ends with status 1
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "phase.h"

static char from[1 << 20] __attribute__((aligned(4096))), to[1 << 20] __attribute__((aligned(64)));

static void loop(unsigned long n)
{
	__asm__ volatile("1: decq %0\n\tjnz 1b" : "+r"(n) : : "cc");
}

static void calls(unsigned long n)
{
	while (n--)
		syscall(SYS_getppid);
}

static void fill(unsigned long n)
{
	unsigned long bytes = n, words = n;
	void *d = to, *s = from;

	__asm__ volatile("rep stosb" : "+D"(d), "+c"(bytes) : "a"(1) : "memory");
	d = to;
	__asm__ volatile("rep movsq" : "+D"(d), "+S"(s), "+c"(words) : : "memory");
}

static void vector(unsigned long n)
{
	__asm__ volatile("1: movdqu (%1), %%xmm0\n\tmovups %%xmm0, (%2)\n\tdecq %0\n\tjnz 1b"
			 : "+r"(n)
			 : "r"(from), "r"(to)
			 : "cc", "memory", "xmm0");
}

static int disk_fd = -1;

static void disk(unsigned long n)
{
	unsigned long i;

	for (i = 0; i < n; i++)
		if (pwrite(disk_fd, from, 4096, i * 8192) != 4096) {
			perror("known: write");
			exit(1);
		}
	if (fsync(disk_fd)) {
		perror("known: fsync");
		exit(1);
	}
}

int main(int argc, char **argv)
{
	unsigned long count = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
	unsigned long times = argc > 3 ? strtoul(argv[3], NULL, 10) : 1, i;
	const char *kind = argc > 1 ? argv[1] : "";
	void (*work)(unsigned long) = !strcmp(kind, "calls")				? calls
				      : !strcmp(kind, "fill")				? fill
				      : !strcmp(kind, "vector")				? vector
				      : !strcmp(kind, "disk")				? disk
				      : !strcmp(kind, "loop") || !strcmp(kind, "wrong") ? loop
											: NULL;

	if (!work || !count || (work == fill && count > sizeof(to) / 8)) {
		fprintf(stderr, "usage: known loop|calls|fill|vector|disk|wrong COUNT [TIMES]\n");
		return 2;
	}
	if (work == disk) {
		disk_fd = open(getenv("DISK") ? getenv("DISK") : "", O_RDWR | O_DIRECT | O_CLOEXEC);
		if (disk_fd < 0) {
			perror("known: $DISK");
			return 2;
		}
	}
	memset(from, 2, sizeof(from));
	memset(to, 3, sizeof(to));
	if (exo_phase_begin())
		return 2;
	for (i = 0; i < times; i++)
		work(count);
	if (exo_phase_end(count, NULL))
		return 2;
	printf("%lu\n", count);
	return !strcmp(kind, "wrong");
}
