/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * room.h: memory of one call. Pieces are taken one behind the other out of memory that is there already, and given back all at
 * once, so that a call of ordinary size allocates nothing. A piece is not zeroed. What does not fit gets a chunk from the
 * platform, which goes when the room is cut back to before it.
 *
 * Under a sanitizer each piece is a chunk of its own, so that a step beyond its end is seen.
 */
#ifndef EXO_CORE_ROOM_H
#define EXO_CORE_ROOM_H

#include "plat.h"

struct exo_chunk;

struct exo_room {
	u8 *at, *end; /* what is left of the memory in use */
	struct exo_chunk *chunks;
};

/* The room is `bytes` of `mem`, which stays the caller's. Both multiples of 16. */
void exo_room_open(struct exo_room *r, void *mem, size_t bytes);
/* 16-byte aligned; NULL: no memory. */
void *exo_room_get(struct exo_room *r, size_t bytes);
/* The piece that was taken last keeps its first `bytes` only. */
void exo_room_keep(struct exo_room *r, void *piece, size_t bytes);
/* Back to what `was` says, a copy of *r from an earlier moment: pieces taken since are gone. */
void exo_room_back(struct exo_room *r, const struct exo_room *was);

#endif
