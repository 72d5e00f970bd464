/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* world.h: the core in the simulator and the model beside it. */
#ifndef EXO_TESTS_MODEL_WORLD_H
#define EXO_TESTS_MODEL_WORLD_H

#include "../host/core_kit.h"
#include "model.h"

struct world {
	struct model m;
	struct m_plan plan;
	struct kit k[M_ENVS];
	const struct exo_reg_head *reg;
	const struct exo_freemap_head *map;
	u32 flags;  /* of the disk */
	size_t log; /* entries of the disk's log that the model has seen */
	bool over;  /* this disk has no future: start another */
	u64 seed, step, rng;
	const u8 *choice; /* when not NULL: what world_rnd draws from, two bytes a time, and zeroes behind its end */
	size_t choices;
	bool loud;
	u64 accepted, refused, why[128], cuts, contested, failures;
	char said[256]; /* the step, in words */
};

void world_start(struct world *w, u64 seed);
void world_stop(struct world *w);
void world_step(struct world *w, u64 step);
void world_learned(struct world *w); /* after a call that was not a step */

/* compare.c: after a call. */
enum world_op { OP_OTHER, OP_WRITE };
void world_learn(struct world *w, enum world_op op); /* what reached the disk */
void world_compare(struct world *w);
/* Did the call do what the verdict says? true: it was accepted. */
bool world_judge(struct world *w, const char *call, int err, u32 reason, const struct m_verdict *v);
void world_attached(struct world *w); /* areas of a new attach, and what the model makes of the disk */
void world_log(struct world *w);      /* forget the log when nothing of it is pending */

/* calls.c */
#define WORLD_STAMP 0x5354414d50000000ull     /* in data, with the life of its block */
void world_reclaimed(struct world *w);	      /* behind a call that needs frames */
void world_synced(struct world *w, u32 root); /* behind a SYNC that said that all is durable */

/* troubles.c */
extern const struct exo_cred *const world_creds[M_ENVS]; /* who the environments are */
void world_trouble(struct world *w);	 /* the device gets bad places, or good again */
void world_flush_fails(struct world *w); /* and with it the disk; then a new attach */
void world_reattach(struct world *w);
void world_cut(struct world *w);
void world_reopen(struct world *w, u32 env); /* its process ended */

/* edits.c: transactions. */
void world_txn(struct world *w);
void world_txns(struct world *w);
void world_invert(struct world *w);
void world_relay(struct world *w);
void world_settle(struct world *w);
u32 world_shift(struct world *w);
void world_inside(struct world *w);
void world_txn_raw(struct world *w, const struct txn *t, u32 env,
		   u32 cap); /* this one; its edits' bytes stay where they are */

u32 world_rnd(struct world *w, u32 n);
void world_say(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Some claim that metadata in core makes: false, there is none. */
struct world_claim {
	u32 node, part, slot, kind; /* kind: of the node */
	struct m_slot s;
};
bool world_claim(struct world *w, struct world_claim *c);
u32 world_node(struct world *w);	  /* metadata in core, or M_BLOCKS */
u32 world_env(struct world *w, u32 root); /* mostly one that may change the root */

#endif
