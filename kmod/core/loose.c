// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * loose.c: what nothing on disk leads to may be written in any order. kmod/doc/order.md, "Exempt", has the argument.
 *
 * A node is pending from its ALLOC until it and everything below it is durable and initialised. No image that is
 * reachable, or may become so, leads to a pending node; so it may be written whatever it points at, and then has slack.
 * A node that stopped being pending never is again, so the edges of the search for cycles come from transactions alone.
 */
#include "internal.h"

#define REPORT_MAX 65536u /* ranges; who needs the rest asks again */

bool exo_root_temporary(const struct exo_disk *d, u32 root)
{
	return root < EXO_MAX_ROOTS && (d->roots[root].h.flags & EXO_ROOT_TEMPORARY);
}

struct look {
	struct exo_disk *d;
	struct exo_set *first;
	u64 mark, count;
	bool any;
};

/* A pending node: what of it and of its own claims is not on the disk as core has it? */
static int visit(struct look *s, struct exo_node *n)
{
	struct exo_disk *d = s->d;
	struct exo_buf *b = &d->c->bufs[n->id];
	bool old;
	u64 count;
	int err;

	n->mark = s->mark;
	n->bad = exo_bit(d->uninit, n->block); /* its parent's claim names it */
	old = !n->bad && ((b->flags & (EXO_BUF_DIRTY | EXO_BUF_WRITING)) || (d->vol && n->flush >= d->flush_done));
	n->bad |= old;
	s->count += old;
	if (old && s->first && exo_set_add(s->first, n->block, 1, b->template_id, 0, 0))
		return -ENOMEM;
	err = exo_owns_uninit(d, n->id, s->first, &count);
	s->count += count;
	if (count)
		n->bad = true;
	s->any |= n->bad;
	return err;
}

/* Depth first without recursion, into pending nodes only. */
int exo_order_below(struct exo_disk *d, struct exo_node *top, struct exo_set *first, u64 *count)
{
	struct look s = {.d = d, .first = first, .mark = d->c->mark += 2};
	struct exo_node *n = top;
	int err = 0;

	top->mark = s.mark;
	top->bad = false;
	top->up = NULL;
	top->at_kid = top->kids;
	while (n) {
		struct exo_link *k = n->at_kid;
		struct exo_node *kid, *up;

		if (!k) {
			up = n->up;
			/* On disk is what core has, and all it leads to is there. */
			if (up && !n->bad)
				n->slack = 0;
			if (up)
				up->bad |= n->bad;
			n = up;
			continue;
		}
		n->at_kid = k->next;
		kid = k->child;
		if (kid->link != k || kid->mark == s.mark || !exo_order_pending(d, kid))
			continue;
		err = visit(&s, kid);
		if (err || (kid->bad && (!first || first->n >= REPORT_MAX)))
			break;
		kid->up = n;
		kid->at_kid = kid->kids;
		n = kid;
	}
	*count = s.count ? s.count : s.any; /* what a claim of the top itself names is not counted here */
	return err;
}
