/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * direct.h: one direct transfer, between its two halves, and the store of those that are not in use. A transfer of few
 * blocks has room for all it needs in itself and is kept for the next one, so that the way of a small transfer
 * allocates nothing.
 */
#ifndef EXO_CORE_DIRECT_H
#define EXO_CORE_DIRECT_H

#include "internal.h"

#define EXO_OP_BLOCKS 8u  /* of a transfer that has its own room */
#define EXO_OPS_KEPT 256u /* unused ones at most: 256 times half a KiB or so */

struct exo_op {
	struct exo_ioreq req; /* first: the platform holds this one */
	struct exo_core *c;
	struct exo_disk *d;
	struct exo_op *next; /* unused: list in exo_core.ops */
	struct exo_flight flight;
	struct exo_done **more; /* runs that stop being uninitialised; NULL until there is one */
	u32 *frames, *covered;	/* covered: dirty buffers that the write replaces, pinned */
	u64 first;
	u32 n, ncovered, nmore;
	u32 binding; /* 0: `want` is the claim */
	u32 env;     /* id */
	u32 flags;   /* EXO_IO_* */
	u64 arg;     /* address of the caller's struct; 0: it has none */
	struct exo_want want;
	void *big; /* one allocation for all arrays, when there are more blocks than EXO_OP_BLOCKS */
	struct exo_seg small_segs[EXO_OP_BLOCKS];
	u32 small_frames[EXO_OP_BLOCKS], small_covered[EXO_OP_BLOCKS];
};

/*
 * ops.c. room: memory for the arrays of n blocks, without the lock; NULL for few blocks, which need none, or without
 * memory. frames: where the frames' numbers go in it. get, with the lock held: takes the room over, or returns NULL
 * without memory.
 */
static inline bool exo_op_small(u32 n)
{
	return n <= EXO_OP_BLOCKS;
}
void *exo_op_room(u32 n);
u32 *exo_op_room_frames(void *room, u32 n);
struct exo_op *exo_op_get(struct exo_core *c, u32 n, void *room);
void exo_op_put(struct exo_core *c, struct exo_op *r);

/* iobind.c: which disk does a binding name, and may the env do this transfer through it? Lock held. */
int exo_tie_disk(struct exo_ask *a, u32 binding, u32 *disk);
int exo_tie_check(struct exo_ask *a, struct exo_disk *d, const struct exo_op *r);

/* quick.c: the whole first half of a plain transfer of one block; NULL: the long way. Lock not held. */
struct exo_op *exo_op_quick(struct exo_env *e, const struct exo_io_cmd *w);

#endif
