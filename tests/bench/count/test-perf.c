// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * perf.c where there are no counters: events that are made up here, pipes that hold what the kernel would answer, and,
 * where the kernel lets us, its own software events, whose number is known.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "phase.h"

#define PAGES 500

static int failures, checks;
static int refuse_with;	       /* errno of every open */
static uint64_t refuse_config; /* of this event only, with refuse_user telling which */
static bool refuse_one;
static uint64_t scale = 1;
static unsigned int lent; /* processor whose counters ran half of the time, plus 1 */
static unsigned int asked;
static int opened[256];
static unsigned int nopened;

static void check(const char *what, bool good)
{
	printf("%s %d - perf: %s\n", good ? "ok" : "not ok", ++checks, what);
	failures += !good;
}

/* Processor n answers with n + 1 thousands: user 1, kernel 2, cycles 3, misses 4 behind them. */
static int pretend(struct perf_event_attr *attr, int cpu)
{
	uint64_t kind = attr->config == PERF_COUNT_HW_CPU_CYCLES     ? 3
			: attr->config == PERF_COUNT_HW_CACHE_MISSES ? 4
			: attr->exclude_kernel			     ? 1
								     : 2;
	uint64_t answer[3] = {scale * ((cpu + 1) * 1000 + kind), 80, 80};
	int ends[2];

	asked++;
	if (attr->type != PERF_TYPE_HARDWARE || attr->size != sizeof(*attr) || !attr->disabled ||
	    attr->read_format != (PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING)) {
		errno = EINVAL;
		return -1;
	}
	if (refuse_with && (!refuse_one || attr->config == refuse_config)) {
		errno = refuse_with;
		return -1;
	}
	if (lent == (unsigned int)cpu + 1)
		answer[2] = 40;
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) || write(ends[1], answer, sizeof(answer)) != sizeof(answer))
		return -1;
	close(ends[1]);
	opened[nopened++ % 256] = ends[0];
	return ends[0];
}

/* Page faults of any kind, in the place of instructions: user and kernel both count them. */
static int software(struct perf_event_attr *attr, int cpu)
{
	attr->type = PERF_TYPE_SOFTWARE;
	attr->config = PERF_COUNT_SW_PAGE_FAULTS;
	return syscall(SYS_perf_event_open, attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

static char *measure(void (*between)(void))
{
	size_t bytes;
	char *text;
	FILE *f = open_memstream(&text, &bytes);

	if (!f)
		exit(2);
	perf_start();
	if (between)
		between();
	perf_stop();
	perf_print(f);
	if (fclose(f))
		exit(2);
	return text;
}

static bool says(void (*between)(void), const char *words)
{
	char *text = measure(between);
	bool good = strstr(text, words);

	if (!good)
		printf("# '%s' has no '%s'\n", text, words);
	free(text);
	return good;
}

static bool all_closed(void)
{
	unsigned int i;

	for (i = 0; i < nopened; i++)
		if (fcntl(opened[i], F_GETFD) >= 0)
			return false;
	return nopened;
}

static void touch(void)
{
	char *area = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int i;

	if (area == MAP_FAILED)
		exit(2);
	madvise(area, PAGES * 4096, MADV_NOHUGEPAGE);
	for (i = 0; i < PAGES; i++)
		((volatile char *)area)[i * 4096] = 1;
	munmap(area, PAGES * 4096);
}

static uint64_t sum_of(const char *text, const char *name)
{
	uint64_t sum = 0;
	size_t len = strlen(name);
	const char *p;

	for (p = strstr(text, name); p; p = strstr(p + 1, name))
		sum += strtoull(p + len, NULL, 10);
	return sum;
}

int main(void)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	char *text;

	perf_open = pretend;
	check("counts of the first processor, each under its name",
	      says(NULL, "{\"cpu\":[{\"user\":1001,\"kernel\":1002,\"cycles\":1003,\"cache_misses\":1004}"));
	check("four events a processor", asked == 4 * online);
	check("all are closed", all_closed());
	check("one entry a processor", online < 2 || says(NULL, "},{\"user\":2001,\"kernel\":2002,"));

	refuse_with = ENOENT;
	check("no counters", says(NULL, "{\"why\":\"perf_event_open: this machine has no counters\"}"));
	refuse_with = EACCES;
	check("not allowed", says(NULL, "perf_event_paranoid"));
	refuse_with = EMFILE;
	check("another refusal has its own words", says(NULL, strerror(EMFILE)));
	refuse_with = EINVAL;
	refuse_one = true;
	refuse_config = PERF_COUNT_HW_CACHE_MISSES;
	check("without cache misses it counts on, and does not make them up",
	      says(NULL, "{\"cpu\":[{\"user\":1001,\"kernel\":1002,\"cycles\":1003}"));
	refuse_config = PERF_COUNT_HW_INSTRUCTIONS;
	check("without instructions it does not", says(NULL, "{\"why\":\"perf_event_open: "));
	refuse_with = 0;

	lent = online;
	check("a counter that did not run all the time is no count", says(NULL, "ran 40 of 80 ns"));
	lent = 0;
	scale = 0;
	check("counters that stand still are none", says(NULL, "stand still"));
	scale = 1;
	check("and then again all is well", says(NULL, "\"user\":1001"));
	check("all are closed again", all_closed());

	perf_open = software;
	text = measure(touch);
	if (strstr(text, "\"why\""))
		printf("# no software events here: %s\n", text);
	else
		check("the kernel's own events: no fewer page faults than pages were touched",
		      sum_of(text, "\"user\":") >= PAGES);
	free(text);
	printf("1..%d\n", checks);
	return failures ? 1 : 0;
}
