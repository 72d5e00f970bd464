// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * pool.c: who has which frame. A frame is free, an env's own, or bound to a block; taking one renews its memory, so
 * that nothing of its last use can be read or kept.
 */
#include "internal.h"

static void free_push(struct exo_core *c, u32 frame)
{
	struct exo_side *s = &c->side[frame];

	s->free_prev = 0;
	s->free_next = c->free_first;
	if (s->free_next)
		c->side[s->free_next - 1].free_prev = frame + 1;
	c->free_first = frame + 1;
	c->stats->frames_free++;
}

static void free_remove(struct exo_core *c, u32 frame)
{
	struct exo_side *s = &c->side[frame];

	if (s->free_prev)
		c->side[s->free_prev - 1].free_next = s->free_next;
	else
		c->free_first = s->free_next;
	if (s->free_next)
		c->side[s->free_next - 1].free_prev = s->free_prev;
	s->free_prev = s->free_next = 0;
	c->stats->frames_free--;
}

void exo_pool_give(struct exo_core *c, u32 frame)
{
	struct exo_buf *b = &c->bufs[frame];

	exo_buf_begin(c, frame);
	b->state = EXO_BUF_FREE;
	b->flags = 0;
	b->disk = 0;
	b->block = 0;
	b->template_id = 0;
	b->root = EXO_NOROOT;
	b->refs = 0;
	b->next = 0;
	b->taint = 0;
	b->owner = 0;
	b->user[0] = b->user[1] = 0;
	exo_buf_end(c, frame);
	c->side[frame].doomed = false;
	free_push(c, frame);
}

u32 exo_pool_take(struct exo_core *c)
{
	u32 frame;

	if (!c->free_first) {
		if (!c->reg->lru_first)
			return EXO_NOFRAME;
		frame = c->reg->lru_first - 1;
		exo_plat_trace_reclaim(frame, c->bufs[frame].disk, c->bufs[frame].block);
		exo_buf_drop(c, frame);
		c->stats->reclaims++;
	}
	frame = c->free_first - 1;
	if (exo_plat_frame_renew(frame))
		return EXO_NOFRAME;
	free_remove(c, frame);
	return frame;
}

bool exo_pool_take_this(struct exo_core *c, u32 frame)
{
	if (c->bufs[frame].state != EXO_BUF_FREE || exo_plat_frame_renew(frame))
		return false;
	free_remove(c, frame);
	return true;
}
