/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* sync.h: one SYNC, between sync.c, which carries it out, and plan.c, which says how it would go. */
#ifndef EXO_CORE_SYNC_H
#define EXO_CORE_SYNC_H

#include "internal.h"

#define EXO_SYNC_BATCH 256u /* buffers in one write */

struct sync {
	struct exo_ask *a;
	struct exo_disk *d;
	u32 root;
	const struct exo_set *runs; /* these blocks alone, sorted and without overlap; NULL: those of `root` */
	bool plan;		    /* only find out: nothing is made dirty, and no list is cut short */
	u64 since; /* buffers that became dirty later are somebody else's SYNC */
	u64 stamp;
	u64 need; /* this look's mark */
	struct exo_node **work;
	u32 nwork, room;
	u32 *frames; /* may be written now */
	u32 nframes;
	struct exo_set zero; /* uninitialised data to write as zeroes; enough for one turn */
	u64 nzero;
	struct exo_set first; /* scratch */
	u32 entries;	      /* catalogue entries that may be written now */
	bool flush, busy, direct;
	u64 stuck; /* some block that cannot go */
	u64 bad;
	/*
	 * Others go on making things that must go first. What stood at the beginning has to become less; when it does not, somebody keeps
	 * this SYNC from its end.
	 */
	u32 old, least, idle; /* wanted for themselves; the fewest so far; writes and flushes since */
	u64 zeroes;	      /* blocks that may still be written as zeroes */
};

/* What is to be written, as `work`, and what of it can go now. 0, -ENOMEM, -EPERM. Lock held. */
int exo_sync_look(struct sync *s);

#endif
