// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * path.c: the way up from metadata. A link says what leads to a block that has no durable pointer in its parent yet; above
 * the first block without a link everything was durable when that block lost its own. What has moved since, further up, may
 * have left a place that only the block leads to which is about to move below. So the way goes on to the root, by what the
 * core knows of each block's parent.
 */
#include "internal.h"

/* Is what core has of this buffer's pointers on the disk? */
static bool on_disk(const struct exo_disk *d, u32 frame)
{
	const struct exo_core *c = d->c;

	if (c->bufs[frame].flags & (EXO_BUF_DIRTY | EXO_BUF_WRITING))
		return false;
	return (!d->written && !d->flushing) || c->side[frame].node.flush < d->flush_done;
}

/* The parent of metadata in core, which is not the root's own: its frame, or EXO_NOFRAME when that is not in core. */
static u32 parent_of(const struct exo_disk *d, const struct exo_node *n)
{
	const struct exo_core *c = d->c;
	u32 frame = exo_buf_find(c, d->nr, c->side[n->id].up);

	if (frame == EXO_NOFRAME || !(c->bufs[frame].flags & EXO_BUF_META))
		return EXO_NOFRAME;
	return frame;
}

/* To the parent of at->node, which has no link. 1: there is none. */
static int step(struct exo_disk *d, struct exo_undo *u, struct exo_node *src, struct exo_climb *at)
{
	struct exo_core *c = d->c;
	u32 frame;
	int err = 0;

	if (c->side[at->node->id].up == EXO_NOBLOCK)
		return 1;
	frame = parent_of(d, at->node);
	if (frame == EXO_NOFRAME)
		return -ESTALE;
	/* It may have moved when it was not in core, and so without a link: then its old parent's image is held. */
	if (exo_hold_any(d, at->node->block) && !on_disk(d, frame)) {
		if (exo_frame_node(c, frame) == src || !(c->bufs[frame].flags & EXO_BUF_DIRTY))
			return -ELOOP;
		err = exo_wait_add(u, src, exo_frame_node(c, frame), 0xff);
	}
	at->node = exo_frame_node(c, frame);
	at->done = NULL;
	at->durable = true;
	at->steps++;
	return err;
}

int exo_wait_path(struct exo_disk *d, struct exo_undo *u, struct exo_node *src, struct exo_node *dst, u32 sectors, u32 *self,
		  struct exo_node **end)
{
	struct exo_climb at = {.node = dst, .sectors = sectors};
	int err;

	do {
		err = exo_wait_climb(u, src, &at, self);
		if (!err)
			err = at.node == src || (at.node->id & EXO_NODE_ROOT) ? 1 : step(d, u, src, &at);
	} while (!err);
	*end = at.node;
	return err == 1 ? 0 : err;
}

int exo_path_below(struct exo_disk *d, struct exo_undo *u, const struct exo_node *n, const struct exo_node *top)
{
	struct exo_core *c = d->c;
	u32 steps, frame;

	for (steps = 0; n != top; steps++) {
		if (steps == EXO_CHAIN_MAX || ++u->work >= EXO_WORK_MAX)
			return -ELOOP;
		if (c->side[n->id].up == EXO_NOBLOCK)
			return 0;
		frame = parent_of(d, n);
		if (frame == EXO_NOFRAME)
			return 0;
		n = exo_frame_node(c, frame);
	}
	return 1;
}
