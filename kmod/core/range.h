/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * range.h: sets of blocks as ranges. A normalised set is sorted by start, has no overlap, and neighbours that could
 * be one range are one range. Sets are compared only when normalised.
 */
#ifndef EXO_CORE_RANGE_H
#define EXO_CORE_RANGE_H

#include "room.h"

struct exo_rng {
	u64 start, count;
	u32 tmpl;     /* template of the blocks */
	u32 from, to; /* caller's labels: who loses, who gains; ranges merge only when these are equal */
	u32 slot;     /* of a claim, in its program's output */
};

struct exo_set {
	struct exo_rng *r;
	u32 n, room;
	struct exo_room *in; /* where its memory comes from, and goes with; NULL: it has its own */
};

/* Not empty, no overflow, inside [first, end). */
static inline bool exo_rng_inside(u64 start, u64 count, u64 first, u64 end)
{
	return count && start >= first && start < end && count <= end - start;
}

void exo_rng_sort(struct exo_rng *r, u32 n);
/* Joins neighbours of a sorted array that touch and agree in tmpl, from and to; returns the new length. */
u32 exo_rng_merge(struct exo_rng *r, u32 n);
/* Does a sorted array claim a block twice? *hit is the first doubly claimed part. */
bool exo_rng_overlap(const struct exo_rng *r, u32 n, struct exo_rng *hit);
/* Does the sorted, overlap-free array hold the block? Its index, or n. */
u32 exo_rng_find(const struct exo_rng *r, u32 n, u64 block);

int exo_set_add(struct exo_set *s, u64 start, u64 count, u32 tmpl, u32 from, u32 to);
void exo_set_free(struct exo_set *s);
/* Sort, and join what overlaps or touches, whatever its template and labels: only the blocks remain. */
void exo_set_union(struct exo_set *s);
/* Sort and merge; labels are forgotten, so that only blocks and templates remain. */
void exo_set_plain(struct exo_set *s);
int exo_set_copy(struct exo_set *out, const struct exo_set *a);

/*
 * What two overlap-free arrays have at both ends in common is left out of both: *n ranges from *at on stay, in any order. Neither a
 * minus b nor b minus a changes by it.
 */
void exo_rng_differ(const struct exo_rng **a, u32 *na, const struct exo_rng **b, u32 *nb);
static inline bool exo_rng_same(const struct exo_rng *a, const struct exo_rng *b)
{
	return a->start == b->start && a->count == b->count && a->tmpl == b->tmpl;
}
bool exo_rng_sorted(const struct exo_rng *r, u32 n);

/*
 * a and b are sorted and overlap-free. A block counts as common when both hold it with the same template.
 * minus appends to out what only a holds, with a's labels. meet appends what is common: `to` from a, `from` from b.
 * 0 or -ENOMEM.
 */
int exo_set_minus(struct exo_set *out, const struct exo_rng *a, u32 na, const struct exo_rng *b, u32 nb);
int exo_set_meet(struct exo_set *out, const struct exo_rng *a, u32 na, const struct exo_rng *b, u32 nb);

#endif
