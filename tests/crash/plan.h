/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * plan.h: which crash states of a log are judged. Two states that leave the same disk are one: only the first is in a plan, so
 * that its length is a number of different disks.
 */
#ifndef EXO_TESTS_CRASH_PLAN_H
#define EXO_TESTS_CRASH_PLAN_H

#include "../sim/sim.h"

/*
 * A state's id is "CUT:SEED": power went after CUT log entries; SEED 0: they all landed, and nothing behind them; 1: nothing
 * landed that did not have to; else which writes landed or tore is drawn from SEED.
 */
struct state {
	size_t cut;
	u64 seed;
};

struct plan {
	size_t n;
	struct state *state; /* in the order of their cuts */
	u64 prefixes;	     /* of them, with SEED 0 or 1 */
	u64 same;	     /* states left out because their disk was in it already */
};

/*
 * Every cut with SEED 0 and 1, then draws at random cuts, until `most` states differ. When there are more of the first kind, `most`
 * of them, spread over the log.
 */
void plan_make(struct plan *p, struct sim_disk *logged, size_t most, u64 seed);
void plan_free(struct plan *p);

/* Which pending writes landed, and how, in a state; *pending of them. To be freed. */
u8 *state_landed(struct sim_disk *logged, struct state s, size_t *pending);

#endif
