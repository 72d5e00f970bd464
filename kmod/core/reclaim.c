// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * reclaim.c: frames when there are no free ones and no clean buffers that could be dropped. What is left that nobody holds are dirty
 * buffers, and clean ones that links of the write order hang on; both become clean and loose when they and what has to go before
 * them are durable. So some of them are synced, in the order that the rules allow. It needs no frame itself.
 *
 * And the way back: the memory of free frames, and of clean buffers that nobody has bound, goes to the platform when that is short of
 * memory. The frame stays, without memory, and gets some when it is taken.
 */
#include "internal.h"

#define TRIES 64u  /* rounds for one call: each wrote something, or waited for somebody else's transfer */
#define BATCH 256u /* buffers that one round names, at least */

/* Nobody holds it and nothing runs on it, and yet it is not on the list of those that may be dropped. */
static bool stands(const struct exo_core *c, u32 f)
{
	const struct exo_buf *b = &c->bufs[f];
	const struct exo_side *s = &c->side[f];

	return b->state == EXO_BUF_VALID && !b->refs && !s->pins && !s->in_lru && !s->doomed && !(b->flags & EXO_BUF_WRITING);
}

/* A transfer of core's own runs on it, which ends by itself; then it is looked at again. */
static bool moves(const struct exo_core *c, u32 f)
{
	const struct exo_buf *b = &c->bufs[f];
	const struct exo_side *s = &c->side[f];

	if (s->direct || b->refs || b->state < EXO_BUF_READING)
		return false;
	return b->state == EXO_BUF_READING || (b->flags & EXO_BUF_WRITING);
}

struct look {
	u32 stand[EXO_MAX_DISKS];
	bool moving;
};

static void look(const struct exo_core *c, struct look *l)
{
	u32 f;

	memset(l, 0, sizeof(*l));
	for (f = 0; f < c->frames; f++) {
		if (stands(c, f))
			l->stand[c->bufs[f].disk]++;
		else
			l->moving |= moves(c, f);
	}
}

/* Buffers of the disk from a hand on that goes round, so that no buffer is written again and again before another. */
static int name(struct exo_core *c, struct exo_disk *d, u32 want, struct exo_set *runs)
{
	u32 i, n = 0;
	int err = 0;

	if (want < BATCH)
		want = BATCH;
	for (i = 0; i < c->frames && n < want && !err; i++) {
		if (++c->hand >= c->frames)
			c->hand = 0;
		if (!stands(c, c->hand) || c->bufs[c->hand].disk != d->nr)
			continue;
		err = exo_set_add(runs, c->bufs[c->hand].block, 1, 0, 0, 0);
		n++;
	}
	if (!err)
		exo_set_union(runs);
	return err;
}

/* Blocks that were written. What cannot be written stays; another disk may have something. */
static u32 write_some(struct exo_ask *a, u32 nr, u32 want)
{
	struct exo_core *c = a->c;
	struct exo_ask own = {.c = c, .e = a->e, .env = a->env};
	struct exo_set runs = {0};
	struct exo_disk *d;
	u32 blocks = 0, rounds = 0;
	int err = exo_disk_get_locked(&own, nr, true, &d);

	if (err)
		return 0;
	err = name(c, d, want, &runs);
	if (!err)
		err = exo_sync_disk(&own, d, EXO_NOROOT, &runs, &blocks, &rounds);
	c->stats->writebacks += blocks;
	exo_plat_trace_writeback(nr, want, blocks, err);
	exo_set_free(&runs);
	exo_disk_put_locked(&own, d);
	return blocks;
}

static u64 at_hand(const struct exo_core *c)
{
	return c->stats->frames_free + c->nlru;
}

bool exo_reclaim(struct exo_ask *a, u32 want, u32 *tries)
{
	struct exo_core *c = a->c;
	u64 had = at_hand(c);
	struct look l;
	u32 i, best;

	/* With enough frames it was memory that was missing. */
	if (had >= want || (*tries)++ >= TRIES)
		return false;
	look(c, &l);
	for (;;) {
		for (i = best = 0; i < EXO_MAX_DISKS; i++)
			if (l.stand[i] > l.stand[best])
				best = i;
		if (!l.stand[best])
			break;
		l.stand[best] = 0;
		/* Others may have taken what became free meanwhile; it is a step all the same. */
		if (write_some(a, best, want) || at_hand(c) > had)
			return true;
	}
	if (l.moving)
		exo_plat_wait(c->lock);
	return l.moving;
}

u32 exo_core_idle(const struct exo_core *c)
{
	u64 n = c->stats->frames_free - c->stats->frames_returned + c->nlru, keep = c->frames / 16;
	u64 there = c->frames - c->stats->frames_returned;

	if (there <= keep)
		return 0;
	return (u32)(n < there - keep ? n : there - keep);
}

u32 exo_core_shrink(struct exo_core *c, u32 want)
{
	u32 n = 0, frame;

	if (!exo_plat_trylock(c->lock))
		return 0;
	while (n < want && exo_core_idle(c)) {
		if (!c->free_first) {
			frame = c->reg->lru_first - 1;
			exo_plat_trace_reclaim(frame, c->bufs[frame].disk, c->bufs[frame].block);
			exo_buf_drop(c, frame);
		}
		exo_pool_return(c, c->free_first - 1);
		n++;
	}
	exo_plat_unlock(c->lock);
	return n;
}
