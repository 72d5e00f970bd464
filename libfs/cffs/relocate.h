/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* relocate.h: moving stretches of files to one new run of blocks. relocate.c does it, defrag.c decides what. */
#ifndef CFFS_RELOCATE_H
#define CFFS_RELOCATE_H

#include "cffs.h"

#define MOVE_SEGS 40   /* of one move */
#define MOVE_MAX 1024u /* blocks of one move, at most */

struct seg {		   /* a stretch of a file without a hole */
	struct node *node; /* the mover keeps it */
	u32 key, count;
};

struct mover {
	struct cffs *fs;
	struct node *stage; /* a file without a name, which claims the new blocks until they are filled */
	u32 most;	    /* blocks of one move that the cache has room for */
	u32 *frames;	    /* [MOVE_MAX] of the old blocks, pinned, and as many of the new ones behind them */
	u8 *copy;	    /* [MOVE_MAX] blocks: what they held */
	u64 end;	    /* behind the new run of the last move */
	u64 moved, busy;    /* blocks; segs that were left where they are, because somebody uses them */
};

int mover_init(struct mover *m, struct cffs *fs);
int mover_exit(struct mover *m);
/*
 * All segs, one behind the other, into one new run, looked for from `near` on. 0: done, or left: they are in use,
 * changed meanwhile, or there is no such run; then *did is false. -EXFULL: they are in more pieces than a transaction
 * changes. Another -errno: something is wrong with the tree or the device.
 */
int mover_move(struct mover *m, const struct seg *seg, u32 n, u64 near, bool *did);

#endif
