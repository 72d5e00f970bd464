/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * owned.h: what the partitions of metadata in core own, kept beside their buffers so that the owns-UDF does not run again on
 * bytes that it has seen. A record is what the module itself got from the program for exactly the bytes that are in the frame:
 *
 *  - it is kept when the program ran on the frame's partition, or when a transaction that ran it on the new bytes commits;
 *  - it goes with its bytes: a commit replaces the record of each partition that it writes, and a buffer that is dropped, or
 *    becomes known as something else, loses all of them (registry.c).
 *
 * So a missing record is never wrong, only slower; there may be none for want of memory. Claims stand as the program gave them,
 * in slot order. All of it is under core's lock. Records are bounded to an eighth of the pool's bytes; the least recently used go.
 */
#ifndef EXO_CORE_OWNED_H
#define EXO_CORE_OWNED_H

#include "range.h"

struct exo_core;

struct exo_owned {
	struct exo_owned *next;			/* of the same frame */
	struct exo_owned *older, *newer;	/* all of them, by last use */
	u32 frame;
	u16 n, room;
	u8 part;
	bool normal;	/* sorted, without overlap, nothing to merge */
	bool sound;	/* found to be without overlap; normal ones are */
	struct exo_rng r[];
};

/* Sorted, without overlap, nothing to merge? */
bool exo_owned_normal(const struct exo_rng *r, u32 n);
/* The record of a partition, and it was used last; or NULL. Good until the next keep or drop. */
struct exo_owned *exo_owned_find(struct exo_core *c, u32 frame, u32 part);
/* These are the partition's claims from now on; `sound`: no two overlap. Without memory it has no record. */
void exo_owned_keep(struct exo_core *c, u32 frame, u32 part, const struct exo_rng *r, u32 n, bool sound);
void exo_owned_drop(struct exo_core *c, u32 frame);	/* all of a frame's */

#endif
