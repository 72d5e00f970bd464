/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * A measured phase, seen from the guest: markers for the plugin around it, and what the kernel counts on its own
 * before and after it. A load generator calls exo_phase_begin() right before its loop and exo_phase_end() right
 * behind it; `exo-mark run` does so around any command.
 *
 * The environment decides, set by the runner:
 *   EXO_BENCH_PHASE  id of the phase, 1..2^24-1; unset: nothing is measured, both calls do nothing
 *   EXO_BENCH_OUT    file to which one JSON line a phase is appended; unset: standard output
 *   EXO_BENCH_TRACE  1 or keep: also trace the block layer's requests, for seek distance; this costs instructions, so a
 *                    phase is either traced or counted. keep: leave the tracepoint on behind the phase
 *   EXO_BENCH_INNER  1: the markers are executed by somebody else, inside; only the kernel's counters are read
 */
#ifndef EXO_PHASE_H
#define EXO_PHASE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* 0 or -errno. Ends the process with a sentence when the environment makes no sense. */
int exo_phase_begin(void);
/* ops: operations done. notes: the inside of a JSON object, for example "\"depth\":4", or NULL. */
int exo_phase_end(uint64_t ops, const char *notes);

/* ---- its parts --------------------------------------------------------- */

#define SNAP_DISKS 32
#define SNAP_NETS 16
#define SNAP_NAME 32

struct snap_disk {
	char name[SNAP_NAME];
	uint64_t reads, read_bytes, writes, write_bytes, discards, flushes;
};

struct snap_net {
	char name[SNAP_NAME];
	uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes;
};

struct snap {
	uint64_t ns;	   /* CLOCK_MONOTONIC_RAW */
	uint64_t switches; /* context switches of the whole machine */
	uint64_t interrupts;
	uint64_t faults, major;		/* of the whole machine */
	uint64_t own_faults, own_major; /* of this process and the children it waited for */
	unsigned int ndisks, nnets;
	struct snap_disk disks[SNAP_DISKS];
	struct snap_net nets[SNAP_NETS];
};

void snap_take(struct snap *s);
/* Members of a JSON object, without braces; what did not change is left out. */
void snap_print(FILE *f, const struct snap *before, const struct snap *after);

/* Requests as the block layer issues them. start: 0, or -errno with *why set. */
int trace_start(const char **why);
void trace_print(FILE *f, bool keep); /* stops, and prints a JSON object; keep: the next phase will trace too */

/* Processor counters through perf_event_open, every processor, user and kernel apart. */
void perf_start(void);
void perf_stop(void);
void perf_print(FILE *f); /* a JSON object: counts, or why there are none */
/* How an event of a processor is opened, a descriptor or -1 with errno; for the test, on machines without counters. */
struct perf_event_attr;
extern int (*perf_open)(struct perf_event_attr *attr, int cpu);

#endif
