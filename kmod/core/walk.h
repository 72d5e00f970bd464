/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * walk.h: a walk under way. walk.c decides: what a claim means, what is visited next, who is to blame. walkers.c looks: it reads blocks
 * and runs programs on them, with several threads when a level is large. What is found is taken in by one thread, the caller's, in
 * the order of the blocks, so that the outcome is a function of the disk's content alone. kmod/doc/walk.md has the whole of it.
 */
#ifndef EXO_CORE_WALK_H
#define EXO_CORE_WALK_H

#include "internal.h"

#define EXO_HAUL 256u	     /* blocks: 1 MiB, as much as one request of the platform takes */
#define EXO_HAUL_CHUNK 32u   /* blocks that a thread runs programs on at a time */
#define EXO_WALKERS_MAX 8u   /* threads, and hauls; plat.h says the same number */
#define EXO_BLOCK_PARTS 8u   /* most partitions of a block */
#define EXO_BLOCK_CLAIMS (EXO_BLOCK_PARTS * EXO_MAX_SLOTS)

/* A run of metadata blocks, to be visited or visited. */
struct exo_item {
	u64 block;
	u32 count;
	u16 tmpl, root;
};

/* One block of a haul, and how its programs answered. */
struct exo_look {
	u64 block;
	u16 tmpl, root;
	u8 why;			     /* EXO_QUARANTINE_*: nothing was run; 0: the partitions were */
	u8 part_why[EXO_BLOCK_PARTS]; /* EXO_QUARANTINE_*: the partition's answer does not count */
	u8 n[EXO_BLOCK_PARTS];	     /* claims of each partition */
};

/* A claim in 16 bytes. */
struct exo_found {
	u64 start;
	u64 count_tmpl; /* count << 6 | template */
};
_Static_assert(EXO_MAX_TEMPLATES <= 64 && EXO_MAX_ROOTS <= 65536, "room in struct exo_found and struct exo_item");

/* Blocks that are read together. The members behind `chunks` under the walk's lock while there are several threads. */
struct exo_haul {
	u32 room, n;
	struct exo_look *look;	 /* [room] */
	u8 *mem;		 /* [room] blocks */
	struct exo_seg *seg;	 /* [room] */
	struct exo_found *found; /* [room * EXO_BLOCK_CLAIMS]; a block's claims begin at its own multiple */
	u32 requests;		 /* that reading it took */
	u32 chunks;
	u32 taken, merged; /* chunks given to a thread, and taken in */
	u32 done;	   /* bit per chunk: its programs ran */
	bool here;	   /* read */
};

/* What one thread needs for itself. */
struct exo_walker {
	struct exo_rng claims[EXO_MAX_SLOTS];
	struct exo_udf *own[EXO_MAX_TEMPLATES]; /* programs of its own, so that it waits for nobody */
	u64 tried;				/* bit per template: own has been asked for */
};

struct exo_walk {
	struct exo_disk *d;
	bool collect;
	u64 *seen;	/* owned; the caller's */
	u64 *meta;	/* found as metadata */
	struct exo_item *items; /* every one found, level by level */
	u32 n, room;
	u32 at, off, to; /* of the level: item to be read next, blocks of it that were; its end */
	struct exo_set *again; /* blocks claimed once more, each time */
	struct exo_set crossed; /* attach: of them, by two roots or templates */
	struct exo_set twins;	/* attach: metadata claimed again as metadata (tmpl; root in `from`); judged at the end */
	u64 runs, owned, known, visited, requests;
	u64 of_tmpl[EXO_MAX_TEMPLATES]; /* blocks known */
	u64 worth; /* bit per template: it has so many blocks that a thread loads a program of its own */
	u64 begin, said; /* attach: time at the start, and of the last word about progress */
	u64 budget;	 /* further claims that will be noted */

	struct exo_haul haul[EXO_WALKERS_MAX];
	struct exo_walker *walker[EXO_WALKERS_MAX]; /* [0] is the caller */
	u32 threads;	/* most at a time */
	struct exo_lock *lock; /* NULL until a level needs more than one thread */
	/* Under it. */
	u32 use;	 /* hauls in use */
	u32 first, next; /* numbers of the oldest haul not taken in and of the next to be read; number % use is the place */
	u32 reading;
	int err;
};

/* walk.c. merge takes blocks [from, from + n) of a haul in. step: after some of it; -EINTR when the caller is being killed. */
int exo_walk_merge(struct exo_walk *w, const struct exo_haul *h, u32 from, u32 n);
int exo_walk_step(struct exo_walk *w);

/* walkers.c. new: memory for the first haul and thread. level: visit items [w->at, w->to). */
int exo_walkers_new(struct exo_walk *w);
void exo_walkers_free(struct exo_walk *w);
int exo_walkers_level(struct exo_walk *w);

#endif
