// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * freemap.c: the states of a disk's blocks, and what keeps a freed block from being given out again.
 * A block goes free -> owned -> waiting -> free; it leaves waiting when nothing holds it (rule 2, transfers under way).
 */
#include "internal.h"

static void make_free(struct exo_disk *d, u64 b)
{
	struct exo_orphan **at, *o;

	exo_bit_clear(d->waiting, b);
	d->nwaiting--;
	exo_bit_set(d->free, b);
	d->fm->free++;
	if (!d->norphans)
		return;
	for (at = &d->orphans[b % EXO_ORPHAN_BUCKETS]; (o = *at); at = &o->next) {
		if (o->block != b)
			continue;
		*at = o->next;
		d->norphans--;
		o->next = d->freed;
		d->freed = o;
		return;
	}
}

void exo_map_take(struct exo_disk *d, u64 start, u64 count)
{
	exo_bit_wipe(d->free, start, count);
	exo_bit_fill(d->blank, start, count);
	exo_bit_fill(d->uninit, start, count);
	exo_bit_fill(d->fresh, start, count);
	d->fm->free -= count;
	d->nuninit += count;
}

/* Blocks that the walk or a quarantined root reserves go through here too, so `held` is cleared on the way. */
void exo_map_leave(struct exo_disk *d, u64 start, u64 count)
{
	if (d->nuninit)
		d->nuninit -= exo_bit_count(d->uninit, start, count);
	if (d->nheld)
		d->nheld -= exo_bit_count(d->held, start, count);
	exo_bit_wipe(d->held, start, count);
	exo_bit_wipe(d->blank, start, count);
	exo_bit_wipe(d->uninit, start, count);
	exo_bit_wipe(d->fresh, start, count);
	exo_bit_fill(d->waiting, start, count);
	d->nwaiting += count;
}

static u16 holds(const struct exo_disk *d, u64 b)
{
	const u16 *chunk = d->hold[b / EXO_HOLD_CHUNK];

	return chunk ? chunk[b % EXO_HOLD_CHUNK] : 0;
}

/* A freed metadata block's own old pointers die with it. Iterative: such blocks may form long chains. */
static void bury(struct exo_disk *d)
{
	if (d->freeing)
		return;
	d->freeing = true;
	while (d->freed) {
		struct exo_orphan *o = d->freed;

		d->freed = o->next;
		while (o->lose) {
			struct exo_lose *l = o->lose;

			o->lose = l->next;
			exo_lose_end(d, l);
		}
		exo_plat_free(o);
	}
	d->freeing = false;
}

void exo_map_settle(struct exo_disk *d, u64 start, u64 count)
{
	u64 b = start, end = start + count;

	for (;;) {
		b = exo_bit_next(d->waiting, b, end, true);
		if (b == end)
			break;
		if (!holds(d, b))
			make_free(d, b);
		b++;
	}
	bury(d);
}

bool exo_map_all_free(const struct exo_disk *d, u64 start, u64 count, u64 *bad)
{
	*bad = exo_bit_next(d->free, start, start + count, false);
	return *bad == start + count;
}

/* Owned means: in none of the other states. */
bool exo_map_owned(const struct exo_disk *d, u64 start, u64 count, u64 *bad)
{
	u64 end = start + count, b;

	b = exo_bit_next(d->free, start, end, true);
	if (b == end && d->nwaiting)
		b = exo_bit_next(d->waiting, start, end, true);
	if (b == end && d->nheld)
		b = exo_bit_next(d->held, start, end, true);
	*bad = b;
	return b == end;
}

bool exo_map_find(const struct exo_disk *d, u64 count, u64 *start)
{
	u64 at = d->l.first;

	while (at < d->l.last && count <= d->l.last - at) {
		u64 end;

		at = exo_bit_next(d->free, at, d->l.last, true);
		if (at == d->l.last || count > d->l.last - at)
			return false;
		end = exo_bit_next(d->free, at, at + count, false);
		if (end == at + count) {
			*start = at;
			return true;
		}
		at = end;
	}
	return false;
}

void exo_map_inited(struct exo_disk *d, u64 start, u64 count)
{
	if (d->nuninit)
		d->nuninit -= exo_bit_count(d->uninit, start, count);
	exo_bit_wipe(d->uninit, start, count);
	exo_bit_wipe(d->blank, start, count);
}

int exo_hold_reserve(struct exo_disk *d, u64 start, u64 count)
{
	u64 b, chunk;

	for (chunk = start / EXO_HOLD_CHUNK; chunk <= (start + count - 1) / EXO_HOLD_CHUNK; chunk++) {
		if (d->hold[chunk])
			continue;
		d->hold[chunk] = exo_plat_alloc(EXO_HOLD_CHUNK * sizeof(u16));
		if (!d->hold[chunk])
			return -ENOMEM;
	}
	/* One call takes a few holds of a block at most; the margin keeps the counter far from its end. */
	for (b = start; b < start + count; b++)
		if (holds(d, b) > 0xf000)
			return -EBUSY;
	return 0;
}

void exo_hold_get(struct exo_disk *d, u64 start, u64 count)
{
	u64 b;

	for (b = start; b < start + count; b++)
		d->hold[b / EXO_HOLD_CHUNK][b % EXO_HOLD_CHUNK]++;
}

void exo_hold_put(struct exo_disk *d, u64 start, u64 count)
{
	u64 b;

	for (b = start; b < start + count; b++) {
		u16 *h = &d->hold[b / EXO_HOLD_CHUNK][b % EXO_HOLD_CHUNK];

		if (!--*h && exo_bit(d->waiting, b))
			make_free(d, b);
	}
	if (d->freed)
		bury(d);
}

bool exo_hold_any(const struct exo_disk *d, u64 block)
{
	return holds(d, block) != 0;
}

u32 exo_fresh_runs(const struct exo_disk *d, u64 start, u64 count)
{
	u64 b = start, end = start + count;
	u32 n = 0;

	for (;;) {
		b = exo_bit_next(d->fresh, b, end, false);
		if (b == end)
			return n;
		n++;
		b = exo_bit_next(d->fresh, b, end, true);
	}
}
