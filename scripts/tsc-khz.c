// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Prints how many kHz this host's time stamp counter runs at, which is also what QEMU's TCG shows its guest. scripts/vm
 * tells a kernel without ACPI: it has no clock to measure the counter against but a timer whose interrupts a busy host
 * delays.
 */
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#define APART_US 100000 /* between the two points; both are good to about a microsecond */
#define TRIES 50

struct point {
	uint64_t tsc, ns;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

/* Of several readings the one with the least time around it: nothing came between. */
static struct point look(void)
{
	struct point p = {0};
	uint64_t best = ~0ull;
	int i;

	for (i = 0; i < TRIES; i++) {
		uint64_t before = now_ns(), tsc = __rdtsc(), after = now_ns();

		if (after - before < best) {
			best = after - before;
			p.tsc = tsc;
			p.ns = before + best / 2;
		}
	}
	return p;
}

int main(void)
{
	struct point a = look(), b;

	usleep(APART_US);
	b = look();
	printf("%.0f\n", (double)(b.tsc - a.tsc) * 1e6 / (double)(b.ns - a.ns));
	return 0;
}
