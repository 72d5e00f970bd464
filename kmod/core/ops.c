// SPDX-License-Identifier: GPL-2.0 OR MIT
/* ops.c: the store of direct.h. An operation in use belongs to its transfer, an unused one to the core. */
#include "direct.h"

void *exo_op_room(u32 n)
{
	struct exo_op *r;

	return exo_op_small(n) ? NULL
			       : exo_plat_alloc(n * (sizeof(*r->req.segs) + sizeof(*r->frames) + sizeof(*r->covered)));
}

u32 *exo_op_room_frames(void *room, u32 n)
{
	return (u32 *)((struct exo_seg *)room + n);
}

struct exo_op *exo_op_get(struct exo_core *c, u32 n, void *room)
{
	struct exo_op *r = c->ops;

	if (r) {
		c->ops = r->next;
		c->nops--;
	} else {
		r = exo_plat_alloc(sizeof(*r));
		if (!r)
			return NULL;
		r->c = c;
	}
	r->n = n;
	r->req.nsegs = 0;
	r->ncovered = 0;
	r->nmore = 0;
	r->more = NULL;
	r->big = room;
	r->req.segs = room ? room : r->small_segs;
	r->frames = room ? exo_op_room_frames(room, n) : r->small_frames;
	r->covered = room ? r->frames + n : r->small_covered;
	return r;
}

void exo_op_put(struct exo_core *c, struct exo_op *r)
{
	u32 i;

	for (i = 0; i < r->nmore; i++)
		exo_plat_free(r->more[i]);
	if (r->more)
		exo_plat_free(r->more);
	if (r->big)
		exo_plat_free(r->big);
	if (c->nops >= EXO_OPS_KEPT) {
		exo_plat_free(r);
		return;
	}
	r->next = c->ops;
	c->ops = r;
	c->nops++;
}

void exo_ops_free(struct exo_core *c)
{
	while (c->ops) {
		struct exo_op *r = c->ops;

		c->ops = r->next;
		exo_plat_free(r);
	}
	c->nops = 0;
}
