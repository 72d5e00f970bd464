/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* state.h: one crash state, attached by the real core in the simulator and judged; and many, by several processes. */
#ifndef EXO_TESTS_CRASH_STATE_H
#define EXO_TESTS_CRASH_STATE_H

#include "plan.h"

#define STATE_POOL 2048 /* frames; the simulation must not be running */

struct state_sum {
	u64 states, files, promises, contested, torn;
	u64 faults; /* states that failed */
};

/* Judges one. False: failed, with its id and cause on stdout. The outcome depends on nothing but the log and the id. */
bool state_check(struct sim_disk *logged, struct state s, struct state_sum *sum);

/* Judges all of a plan in `jobs` processes; a process stops after 5 faults. Prints a line of totals. False: one failed. */
bool state_sweep(struct sim_disk *logged, const struct plan *p, unsigned jobs, struct state_sum *sum);

/* What crash-sim and crash-replay have in common behind their log: options, and what they do with them. */
struct state_options {
	u64 states, seed;
	unsigned jobs;
	bool one; /* only this state: */
	struct state state;
};
#define STATE_OPTIONS { "states", 1, NULL, 'n' }, { "seed", 1, NULL, 'r' }, { "jobs", 1, NULL, 'j' }, { "state", 1, NULL, 'i' }
bool state_option(struct state_options *o, int c, const char *arg); /* false: it is none of these, or is wrong */
int state_main(const struct state_options *o, struct sim_disk *logged); /* exit status */

#endif
