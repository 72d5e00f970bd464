// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * pool.c: who has which frame. A frame is free, an env's own, or bound to a block; taking one renews its memory, so
 * that nothing of its last use can be read or kept. The memory of a free one may be with the platform until then.
 */
#include "internal.h"

static u32 *list_of(struct exo_core *c, u32 frame)
{
	return c->side[frame].bare ? &c->bare_first : &c->free_first;
}

static void free_push(struct exo_core *c, u32 frame)
{
	struct exo_side *s = &c->side[frame];
	u32 *first = list_of(c, frame);

	s->free_prev = 0;
	s->free_next = *first;
	if (s->free_next)
		c->side[s->free_next - 1].free_prev = frame + 1;
	*first = frame + 1;
	c->stats->frames_free++;
	c->stats->frames_returned += s->bare;
}

static void free_remove(struct exo_core *c, u32 frame)
{
	struct exo_side *s = &c->side[frame];

	if (s->free_prev)
		c->side[s->free_prev - 1].free_next = s->free_next;
	else
		*list_of(c, frame) = s->free_next;
	if (s->free_next)
		c->side[s->free_next - 1].free_prev = s->free_prev;
	s->free_prev = s->free_next = 0;
	c->stats->frames_free--;
	c->stats->frames_returned -= s->bare;
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

void exo_pool_return(struct exo_core *c, u32 frame)
{
	free_remove(c, frame);
	c->side[frame].bare = true;
	exo_plat_frame_return(frame);
	free_push(c, frame);
	c->stats->returns++;
}

static bool take(struct exo_core *c, u32 frame)
{
	if (exo_plat_frame_renew(frame))
		return false;
	free_remove(c, frame);
	c->side[frame].bare = false;
	return true;
}

/* Memory that was given back is asked for before clean buffers are dropped: it may be there again. */
u32 exo_pool_take(struct exo_core *c)
{
	u32 frame;

	if (c->free_first && take(c, frame = c->free_first - 1))
		return frame;
	if (c->bare_first && take(c, frame = c->bare_first - 1))
		return frame;
	if (!c->reg->lru_first)
		return EXO_NOFRAME;
	frame = c->reg->lru_first - 1;
	exo_plat_trace_reclaim(frame, c->bufs[frame].disk, c->bufs[frame].block);
	exo_buf_drop(c, frame);
	c->stats->reclaims++;
	return take(c, frame) ? frame : EXO_NOFRAME;
}

bool exo_pool_take_this(struct exo_core *c, u32 frame)
{
	return take(c, frame);
}
