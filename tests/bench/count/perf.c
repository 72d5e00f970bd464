// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Processor counters for machines that have them: bare metal, and KVM guests with a virtual PMU. Every processor is
 * counted whole, as the plugin does, because work done for a request in an interrupt or a kernel thread is part of its
 * cost.
 *
 * Such counters tell user from kernel instructions. They know nothing of string iterations, vector moves, system calls
 * and changes of address space, which only the plugin sees. Where they cannot be had, or did not run all the time,
 * perf_print says why.
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
#define MUST 2 /* the first of them */

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

/* What read gives with PERF_FORMAT_TOTAL_TIME_ENABLED and _RUNNING. */
struct reading {
	uint64_t value, enabled, running;
};

static int fds[MAX_CPUS][EVENTS];
static struct reading readings[MAX_CPUS][EVENTS];
static unsigned int ncpus, nread;
static char why[160]; /* there are no counts; empty: there are */

static int open_event(struct perf_event_attr *attr, int cpu)
{
	return syscall(SYS_perf_event_open, attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

int (*perf_open)(struct perf_event_attr *attr, int cpu) = open_event;

static void describe(unsigned int event, struct perf_event_attr *attr)
{
	*attr = (struct perf_event_attr){
		.type = PERF_TYPE_HARDWARE,
		.size = sizeof(*attr),
		.config = events[event].config,
		.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING,
		.disabled = 1,
		.exclude_user = !events[event].user,
		.exclude_kernel = !events[event].kernel,
		.exclude_hv = 1,
		.exclude_guest = 1,
	};
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

static void refuse(int err)
{
	if (err == ENOENT || err == EOPNOTSUPP || err == ENODEV)
		snprintf(why, sizeof(why), "perf_event_open: this machine has no counters");
	else if (err == EACCES || err == EPERM)
		snprintf(why, sizeof(why),
			 "perf_event_open: not allowed; be root, or lower /proc/sys/kernel/perf_event_paranoid");
	else
		snprintf(why, sizeof(why), "perf_event_open: %s", strerror(err));
}

void perf_start(void)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	struct perf_event_attr attr;
	unsigned int cpu, e;

	why[0] = '\0';
	nread = 0;
	if (online > MAX_CPUS) {
		snprintf(why, sizeof(why), "more than %u processors", MAX_CPUS);
		return;
	}
	for (cpu = 0; cpu < online; cpu++) {
		ncpus = cpu + 1;
		for (e = 0; e < EVENTS; e++)
			fds[cpu][e] = -1;
		for (e = 0; e < EVENTS; e++) {
			describe(e, &attr);
			fds[cpu][e] = perf_open(&attr, cpu);
			/* Instructions are what the bench is about; the others are welcome. */
			if (fds[cpu][e] < 0 && e < MUST) {
				refuse(errno);
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

/* A counter that was lent to somebody else for a part of the time has not seen all; a guess at the rest would not be a
 * count. */
static bool whole(const struct reading *r)
{
	return r->running == r->enabled;
}

void perf_stop(void)
{
	unsigned int cpu, e;
	uint64_t sum = 0;

	for (cpu = 0; cpu < ncpus; cpu++)
		for (e = 0; e < EVENTS; e++)
			if (fds[cpu][e] >= 0)
				ioctl(fds[cpu][e], PERF_EVENT_IOC_DISABLE, 0);
	memset(readings, 0, sizeof(readings));
	for (cpu = 0; cpu < ncpus; cpu++) {
		for (e = 0; e < EVENTS; e++) {
			struct reading *r = &readings[cpu][e];

			/* running 1, enabled 0: not known. */
			if (fds[cpu][e] < 0 || read(fds[cpu][e], r, sizeof(*r)) != sizeof(*r))
				*r = (struct reading){.running = 1};
			if (e >= MUST)
				continue;
			sum += r->value;
			if (!whole(r) && !why[0])
				snprintf(why, sizeof(why),
					 "processor %u's counter of %s instructions ran %" PRIu64 " of %" PRIu64
					 " ns; leave the counters to the bench",
					 cpu, events[e].name, r->enabled ? r->running : 0, r->enabled);
		}
	}
	if (ncpus && !sum && !why[0])
		snprintf(why, sizeof(why), "the counters of instructions open, but stand still");
	nread = ncpus;
	close_all();
}

void perf_print(FILE *f)
{
	unsigned int cpu, e;

	if (why[0] || !nread) {
		fprintf(f, "{\"why\":\"%s\"}", why[0] ? why : "the counters were not started");
		return;
	}
	fprintf(f, "{\"cpu\":[");
	for (cpu = 0; cpu < nread; cpu++) {
		const char *comma = "";

		fprintf(f, "%s{", cpu ? "," : "");
		for (e = 0; e < EVENTS; e++) {
			if (!whole(&readings[cpu][e]))
				continue;
			fprintf(f, "%s\"%s\":%" PRIu64, comma, events[e].name, readings[cpu][e].value);
			comma = ",";
		}
		fprintf(f, "}");
	}
	fprintf(f, "]}");
}
