/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * state.h: one crash state, attached by the real core in the simulator and judged. A state's id is "CUT:SEED": power went after
 * CUT log entries; SEED 0: everything pending landed, 1: nothing of it, else which writes landed or tore is drawn from SEED.
 */
#ifndef EXO_TESTS_CRASH_STATE_H
#define EXO_TESTS_CRASH_STATE_H

#include "../sim/sim.h"

struct state_sum {
	u64 states, files, promises, contested, torn;
	u64 faults;		/* states that failed */
};

/* Judges state CUT:SEED of the disk's log. False: failed, with its id and cause on stdout. */
bool state_check(struct sim_disk *logged, size_t cut, u64 seed, struct state_sum *sum);

/*
 * Every prefix (SEED 0 and 1), then draws at random cuts until `states` were judged, or at most `states` spread evenly over the log
 * when it is longer. Stops after 5 faults. Prints a line of totals.
 */
bool state_sweep(struct sim_disk *logged, u64 states, u64 seed, struct state_sum *sum);

#endif
