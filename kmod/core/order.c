// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "internal.h"

#define WAITS_MAX 128u	    /* nodes that one waits for */

static void wait_push(struct exo_wait *w, struct exo_node *src, struct exo_wait **waiters)
{
	w->src = src;
	w->src_next = src->waits;
	w->src_at = &src->waits;
	if (w->src_next)
		w->src_next->src_at = &w->src_next;
	src->waits = w;
	w->dst_next = *waiters;
	w->dst_at = waiters;
	if (w->dst_next)
		w->dst_next->dst_at = &w->dst_next;
	*waiters = w;
}

void exo_wait_link(struct exo_wait *w, struct exo_node *src, struct exo_node *dst, u32 sectors)
{
	w->dst = dst;
	w->sectors = sectors;
	w->block = dst->block;
	wait_push(w, src, &dst->waiters);
}

void exo_wait_unlink(struct exo_wait *w)
{
	*w->src_at = w->src_next;
	if (w->src_next)
		w->src_next->src_at = w->src_at;
	*w->dst_at = w->dst_next;
	if (w->dst_next)
		w->dst_next->dst_at = w->dst_at;
}

static void link_push(struct exo_link *l, struct exo_link **list)
{
	l->next = *list;
	l->at = list;
	if (l->next)
		l->next->at = &l->next;
	*list = l;
}

void exo_link_add(struct exo_link *l, struct exo_node *parent, struct exo_node *child, u32 sectors)
{
	l->child = child;
	l->parent = parent;
	l->sectors = sectors;
	l->done = NULL;
	l->durable = false;
	link_push(l, &parent->kids);
}

static void link_undone(struct exo_link *l)
{
	if (!l->done)
		return;
	*l->done_at = l->done_next;
	if (l->done_next)
		l->done_next->done_at = l->done_at;
	l->done = NULL;
}

void exo_link_remove(struct exo_core *c, struct exo_link *l)
{
	struct exo_node *up = l->parent;

	link_undone(l);
	*l->at = l->next;
	if (l->next)
		l->next->at = l->at;
	if (!up->kids && !(up->id & EXO_NODE_ROOT) && c->bufs[up->id].state == EXO_BUF_VALID && !c->side[up->id].doomed)
		exo_buf_settle(c, up->id);
}

static int undo_room(struct exo_undo *u)
{
	u32 room = u->room ? u->room * 2 : 64;
	struct exo_wait **more;

	if (u->n < u->room)
		return 0;
	more = exo_plat_alloc(room * sizeof(*more));
	if (!more)
		return -ENOMEM;
	if (u->n)
		memcpy(more, u->w, u->n * sizeof(*more));
	exo_plat_free(u->w);
	u->w = more;
	u->room = room;
	return 0;
}

/* Is there such a wait? -ELOOP when looking has taken too long: a SYNC makes the lists short. */
static int wait_find(struct exo_undo *u, struct exo_node *src, struct exo_node *dst, u32 sectors)
{
	struct exo_wait *w;
	u32 n = 0;

	for (w = src->waits; w; w = w->src_next) {
		if (dst && w->dst == dst && (w->sectors & sectors) == sectors)
			return 1;
		if (++n == WAITS_MAX || ++u->work >= EXO_WORK_MAX)
			return -ELOOP;
	}
	return 0;
}

int exo_wait_add(struct exo_undo *u, struct exo_node *src, struct exo_node *dst, u32 sectors)
{
	struct exo_wait *w;
	int err = wait_find(u, src, dst, sectors);

	if (err)
		return err == 1 ? 0 : err;
	w = undo_room(u) ? NULL : exo_plat_alloc(sizeof(*w));
	if (!w)
		return -ENOMEM;
	exo_wait_link(w, src, dst, sectors);
	u->w[u->n++] = w;
	return 0;
}

/*
 * A write that holds the pointer runs, or has ended and is not durable yet. It is what src waits for: nobody owes
 * another write of the node.
 */
static int wait_done(struct exo_undo *u, struct exo_node *src, struct exo_node *dst, struct exo_done *done, u32 sectors)
{
	struct exo_wait *w;
	int err = wait_find(u, src, NULL, 0);

	if (err)
		return err;
	w = undo_room(u) ? NULL : exo_plat_alloc(sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->dst = done->node;
	w->sectors = sectors;
	w->block = dst->block;
	wait_push(w, src, &done->waiters);
	u->w[u->n++] = w;
	return 0;
}

void exo_undo_all(struct exo_undo *u)
{
	while (u->n) {
		struct exo_wait *w = u->w[--u->n];

		exo_wait_unlink(w);
		exo_plat_free(w);
	}
	exo_undo_free(u);
}

void exo_undo_free(struct exo_undo *u)
{
	exo_plat_free(u->w);
	u->w = NULL;
	u->n = u->room = 0;
	u->work = 0;
}

int exo_wait_climb(struct exo_undo *u, struct exo_node *src, struct exo_climb *at, u32 *self)
{
	*self = 0;
	for (; at->steps < EXO_CHAIN_MAX; at->steps++) {
		const struct exo_link *l;
		int err = 0;

		if (++u->work >= EXO_WORK_MAX)
			return -ELOOP;
		if (at->node == src) {
			*self = at->durable ? 0 : at->sectors;
			return 0;
		}
		/* What holds the pointer durably need not be written again; what leads to it may be missing. */
		if (at->done)
			err = wait_done(u, src, at->node, at->done, at->sectors);
		else if (!at->durable)
			err = exo_wait_add(u, src, at->node, at->sectors);
		if (err)
			return err;
		l = at->node->link;
		if (!l)
			return 0;
		at->sectors = l->sectors;
		at->done = l->done;
		at->durable = l->durable;
		at->node = l->parent;
	}
	return -ELOOP;
}

int exo_wait_chain(struct exo_undo *u, struct exo_node *src, struct exo_node *dst, u32 sectors, u32 *self)
{
	struct exo_climb at = {.node = dst, .sectors = sectors};

	return exo_wait_climb(u, src, &at, self);
}

bool exo_order_pending(const struct exo_disk *d, const struct exo_node *n)
{
	return n->slack || exo_bit(d->uninit, n->block);
}

static bool kid_counts(struct exo_core *c, const struct exo_link *k)
{
	const struct exo_buf *b;
	const struct exo_disk *d;

	if (k->child->link != k || (k->child->id & EXO_NODE_ROOT))
		return false;
	b = &c->bufs[k->child->id];
	if (b->state == EXO_BUF_FREE)
		return true; /* of the transaction that is being checked: no block's buffer yet, and never written */
	d = b->disk < EXO_MAX_DISKS ? c->disks[b->disk] : NULL;
	return d && exo_order_pending(d, k->child);
}

static void enter(struct exo_node *n, struct exo_node *up, u64 grey)
{
	n->mark = grey;
	n->up = up;
	n->at_wait = n->waits;
	n->at_kid = n->kids;
}

/* The next node that this one waits for: first its waits, then its pending kids. The lists stand still meanwhile. */
static struct exo_node *next_edge(struct exo_core *c, struct exo_node *n)
{
	while (n->at_wait) {
		struct exo_wait *w = n->at_wait;

		n->at_wait = w->src_next;
		if (w->dst)
			return w->dst;
	}
	while (n->at_kid) {
		struct exo_link *k = n->at_kid;

		n->at_kid = k->next;
		if (kid_counts(c, k))
			return k->child;
	}
	return NULL;
}

/* Depth first without recursion. mark == grey: on the path; grey + 1: finished. */
static struct exo_node *search(struct exo_core *c, struct exo_node *n, u64 grey)
{
	enter(n, NULL, grey);
	while (n) {
		struct exo_node *to = next_edge(c, n);

		if (!to) {
			n->mark = grey + 1;
			n = n->up;
		} else if (to->mark == grey) {
			return to;
		} else if (to->mark != grey + 1) {
			enter(to, n, grey);
			n = to;
		}
	}
	return NULL;
}

struct exo_node *exo_order_cycle(struct exo_core *c, struct exo_node **from, u32 n)
{
	u64 grey = c->mark += 2;
	u32 i;

	for (i = 0; i < n; i++) {
		struct exo_node *hit;

		if (from[i]->mark == grey + 1)
			continue;
		hit = search(c, from[i], grey);
		if (hit)
			return hit;
	}
	return NULL;
}

void exo_order_submit(struct exo_node *n, struct exo_done *done)
{
	struct exo_link *k;
	struct exo_wait *w;

	done->node = n;
	done->lose = n->lose;
	n->lose = NULL;
	/* The waiters keep pointing at n: until the write has succeeded they are edges of the search. */
	done->waiters = n->waiters;
	if (done->waiters)
		done->waiters->dst_at = &done->waiters;
	n->waiters = NULL;
	for (k = n->kids; k; k = k->next) {
		if (k->done || k->durable)
			continue;
		k->done = done;
		k->done_next = done->kids;
		k->done_at = &done->kids;
		if (k->done_next)
			k->done_next->done_at = &k->done_next;
		done->kids = k;
	}
	for (w = done->waiters; w; w = w->dst_next)
		w->dst = n;
	n->wfirst = n->first;
	n->wlast = n->last;
	n->first = n->last = 0;
	if (n->lax)
		n->slack |= n->fresh;
	n->lax = false;
	n->fresh = 0;
}

void exo_order_failed(struct exo_done *done)
{
	struct exo_node *n = done->node;

	while (done->lose) {
		struct exo_lose *l = done->lose;

		done->lose = l->next;
		l->next = n->lose;
		n->lose = l;
	}
	while (done->waiters) {
		struct exo_wait *w = done->waiters;

		done->waiters = w->dst_next;
		if (done->waiters)
			done->waiters->dst_at = &done->waiters;
		w->dst_next = n->waiters;
		w->dst_at = &n->waiters;
		if (w->dst_next)
			w->dst_next->dst_at = &w->dst_next;
		n->waiters = w;
	}
	while (done->kids)
		link_undone(done->kids);
	n->first |= n->wfirst;
	n->last |= n->wlast;
	n->wfirst = n->wlast = 0;
	/* Some claims may count as written now without being so; looking at them once more costs little. */
	n->fresh = 0xff; /* which of them it was is not kept */
	done->node = NULL;
}

void exo_order_written(struct exo_done *done)
{
	struct exo_wait *w;

	if (done->node)
		done->node->wfirst = done->node->wlast = 0;
	done->node = NULL;
	for (w = done->waiters; w; w = w->dst_next)
		w->dst = NULL;
}

void exo_lose_end(struct exo_disk *d, struct exo_lose *l)
{
	if (l->root != EXO_NOROOT) {
		d->roots[l->root].nlose--;
		d->roots[l->root].nmoved -= l->moved;
	}
	exo_hold_put(d, l->start, l->count);
	exo_plat_free(l);
}

/*
 * A durable and reachable pointer leads to the children of these links, which are off their lists, chained by `next`;
 * so it does to what those hold pointers to durably. A link is worked through once in its life.
 */
static void reached(struct exo_core *c, struct exo_link *list)
{
	while (list) {
		struct exo_link *l = list, *k, *next;
		struct exo_node *n = l->child;
		bool mine = n->link == l;

		list = l->next;
		exo_plat_free(l);
		if (!mine)
			continue;
		n->link = NULL;
		for (k = n->kids; k; k = next) {
			next = k->next;
			if (!k->durable)
				continue;
			exo_link_remove(c, k);
			k->next = list;
			list = k;
		}
		exo_buf_settle(c, n->id);
	}
}

void exo_order_durable(struct exo_disk *d, struct exo_done *done)
{
	struct exo_link *list = NULL;

	while (done->waiters) {
		struct exo_wait *w = done->waiters;

		exo_wait_unlink(w);
		exo_plat_free(w);
	}
	while (done->kids) {
		struct exo_link *k = done->kids;

		link_undone(k);
		k->durable = true;
		if (k->parent->link)
			continue;
		exo_link_remove(d->c, k);
		k->next = list;
		list = k;
	}
	reached(d->c, list);
	if (done->root && done->erased && done->root->state == EXO_ROOT_DYING && !done->root->dirty)
		done->root->state = EXO_ROOT_EMPTY;
	if (done->count) {
		exo_map_inited(d, done->start, done->count);
		exo_hold_put(d, done->start, done->count);
	}
	while (done->lose) {
		struct exo_lose *l = done->lose;

		done->lose = l->next;
		exo_lose_end(d, l);
	}
	exo_plat_free(done);
}

void exo_order_forget(struct exo_core *c, struct exo_node *n)
{
	while (n->lose) {
		struct exo_lose *l = n->lose;

		n->lose = l->next;
		exo_plat_free(l);
	}
	while (n->waits) {
		struct exo_wait *w = n->waits;

		exo_wait_unlink(w);
		exo_plat_free(w);
	}
	while (n->waiters) {
		struct exo_wait *w = n->waiters;

		exo_wait_unlink(w);
		exo_plat_free(w);
	}
	while (n->kids) {
		struct exo_link *k = n->kids;

		exo_link_remove(c, k);
		if (k->child->link == k)
			k->child->link = NULL;
		exo_plat_free(k);
	}
	if (n->link) {
		exo_link_remove(c, n->link);
		exo_plat_free(n->link);
		n->link = NULL;
	}
	n->lax = false;
	n->fresh = n->slack = 0;
	n->first = n->last = n->wfirst = n->wlast = 0;
}
