// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Processor counters for machines that have them: bare metal, and KVM guests with a virtual PMU. Every processor is
 * counted whole, as the plugin does, because work done for a request in an interrupt or a kernel thread is part of its
 * cost.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "phase.h"

#define MAX_CPUS 64
#define EVENTS 4

static const struct {
	const char *name;
	uint64_t config;
	bool user, kernel;
} events[EVENTS] = {
	{"user", PERF_COUNT_HW_INSTRUCTIONS, true, false},
	{"kernel", PERF_COUNT_HW_INSTRUCTIONS, false, true},
	{"cycles", PERF_COUNT_HW_CPU_CYCLES, true, true},
	{"cache_misses", PERF_COUNT_HW_CACHE_MISSES, true, true},
};

static int fds[MAX_CPUS][EVENTS];
static uint64_t counts[MAX_CPUS][EVENTS];
static unsigned int ncpus, nevents;
static int refusal;

static int open_event(unsigned int event, unsigned int cpu)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_HARDWARE,
		.size = sizeof(attr),
		.config = events[event].config,
		.disabled = 1,
		.exclude_user = !events[event].user,
		.exclude_kernel = !events[event].kernel,
		.exclude_hv = 1,
		.exclude_guest = 1,
	};

	return syscall(SYS_perf_event_open, &attr, -1, (int)cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

static void close_all(void)
{
	unsigned int cpu, e;

	for (cpu = 0; cpu < ncpus; cpu++)
		for (e = 0; e < EVENTS; e++)
			if (fds[cpu][e] >= 0)
				close(fds[cpu][e]);
	ncpus = 0;
}

void perf_start(void)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned int cpu, e;

	refusal = 0;
	if (online > MAX_CPUS)
		online = MAX_CPUS;
	for (cpu = 0; cpu < online; cpu++) {
		ncpus = cpu + 1;
		for (e = 0; e < EVENTS; e++)
			fds[cpu][e] = -1;
		for (e = 0; e < EVENTS; e++) {
			fds[cpu][e] = open_event(e, cpu);
			/* Instructions are what the bench is about; the others are welcome. */
			if (fds[cpu][e] < 0 && e < 2) {
				refusal = errno;
				close_all();
				return;
			}
		}
	}
	for (cpu = 0; cpu < ncpus; cpu++)
		for (e = 0; e < EVENTS; e++)
			if (fds[cpu][e] >= 0)
				ioctl(fds[cpu][e], PERF_EVENT_IOC_ENABLE, 0);
}

void perf_stop(void)
{
	unsigned int cpu, e;

	for (cpu = 0; cpu < ncpus; cpu++)
		for (e = 0; e < EVENTS; e++)
			if (fds[cpu][e] >= 0)
				ioctl(fds[cpu][e], PERF_EVENT_IOC_DISABLE, 0);
	memset(counts, 0, sizeof(counts));
	for (cpu = 0; cpu < ncpus; cpu++)
		for (e = 0; e < EVENTS; e++)
			if (fds[cpu][e] >= 0 && read(fds[cpu][e], &counts[cpu][e], 8) != 8)
				counts[cpu][e] = 0;
	nevents = ncpus;
	close_all();
}

void perf_print(FILE *f)
{
	unsigned int cpu, e;

	if (!nevents) {
		fprintf(f, "{\"why\":\"perf_event_open: %s\"}",
			refusal == ENOENT || refusal == EOPNOTSUPP || refusal == ENODEV ? "this machine has no counters"
											: strerror(refusal));
		return;
	}
	fprintf(f, "{\"cpu\":[");
	for (cpu = 0; cpu < nevents; cpu++) {
		fprintf(f, "%s{", cpu ? "," : "");
		for (e = 0; e < EVENTS; e++)
			fprintf(f, "%s\"%s\":%" PRIu64, e ? "," : "", events[e].name, counts[cpu][e]);
		fprintf(f, "}");
	}
	fprintf(f, "]}");
}
