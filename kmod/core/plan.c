// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * plan.c: in which order a SYNC would write, without writing. A look finds everything that it wants; the edges between
 * that are the rules' own; the round of a node is one more than the latest of what it waits for. All of it happens in
 * one hold of the lock, and nothing but marks is changed.
 */
#include "sync.h"

struct plan {
	struct sync s;
	struct exo_set edges; /* start: index of what goes first; to: of what waits */
	u32 *round, *left;    /* per node: its round as far as known, edges that lead to it */
	u32 *ready, nready;
};

/* `i` waits for what is in this buffer or entry; or only for a flush, when that is not wanted. */
static int edge(struct plan *p, struct exo_node *first, u32 i)
{
	if (first->need != p->s.need || p->s.work[first->at] != first)
		return 0;
	p->left[i]++;
	return exo_set_add(&p->edges, first->at, 1, 0, 0, i);
}

static int edges_of(struct plan *p, u32 i)
{
	struct exo_disk *d = p->s.d;
	struct exo_core *c = d->c;
	struct exo_node *n = p->s.work[i];
	struct exo_root *r = n->id & EXO_NODE_ROOT ? &d->roots[n->id & 0xff] : NULL;
	struct exo_wait *w;
	bool ready;
	u64 b;
	u32 k, f;
	int err = 0;

	for (w = n->waits; w && !err; w = w->src_next)
		if (w->dst)
			err = edge(p, w->dst, i);
	if (err)
		return err;
	p->s.first.n = 0;
	if (r)
		exo_entry_ready(d, r, &p->s.first, &err);
	else
		err = exo_write_ready(d, n->id, &p->s.first, &ready);
	for (k = 0; r && !err && k < EXO_MAX_ROOTS; k++)
		if (d->roots[k].state == EXO_ROOT_DYING && &d->roots[k] != r &&
		    !memcmp(d->roots[k].h.name, r->h.name, EXO_NAME_MAX))
			err = edge(p, &d->roots[k].node, i);
	for (k = 0; !err && k < p->s.first.n; k++) {
		const struct exo_rng *g = &p->s.first.r[k];

		for (b = g->start; g->tmpl && !err && b < g->start + g->count; b++) {
			f = exo_buf_find(c, d->nr, b);
			if (f != EXO_NOFRAME)
				err = edge(p, exo_frame_node(c, f), i);
		}
		f = exo_buf_find(c, d->nr, g->start);
		/* Data goes in round 1. What is waited for has an edge already. */
		if (!g->tmpl && exo_bit(d->uninit, g->start) && (f == EXO_NOFRAME || !(c->bufs[f].flags & EXO_BUF_META)))
			p->round[i] = 2;
	}
	return err;
}

/* Nothing of it is dirty: it is written already, and the first flush makes it durable. */
static bool over(const struct plan *p, const struct exo_node *n)
{
	const struct exo_disk *d = p->s.d;

	return n->id & EXO_NODE_ROOT ? !d->roots[n->id & 0xff].dirty : !(d->c->bufs[n->id].flags & EXO_BUF_DIRTY);
}

static int find_rounds(struct plan *p)
{
	u32 i, at = 0, *from;
	int err = 0;

	for (i = 0; i < p->s.nwork && !err; i++) {
		p->round[i] = !over(p, p->s.work[i]);
		if (p->round[i])
			err = edges_of(p, i);
	}
	if (err)
		return err;
	exo_rng_sort(p->edges.r, p->edges.n);
	from = exo_plat_alloc(((size_t)p->s.nwork + 1) * sizeof(*from));
	if (!from)
		return -ENOMEM;
	for (i = 0; i <= p->s.nwork; i++) {
		while (at < p->edges.n && p->edges.r[at].start < i)
			at++;
		from[i] = at;
	}
	for (i = 0; i < p->s.nwork; i++)
		if (!p->left[i])
			p->ready[p->nready++] = i;
	for (i = 0; i < p->nready; i++) {
		u32 k, x = p->ready[i];

		for (k = from[x]; k < from[x + 1]; k++) {
			u32 y = p->edges.r[k].to;

			if (p->round[y] < p->round[x] + 1)
				p->round[y] = p->round[x] + 1;
			if (!--p->left[y])
				p->ready[p->nready++] = y;
		}
	}
	exo_plat_free(from);
	/* The rules refuse circles, so there is none. */
	return p->nready == p->s.nwork ? 0 : -ELOOP;
}

/* Ranges of one round in one piece, rounds in order. */
static int put(struct plan *p, struct exo_set *out, u32 rounds)
{
	struct exo_disk *d = p->s.d;
	u32 i, at = 0, r;
	u32 *start = exo_plat_alloc(((size_t)rounds + 2) * sizeof(*start));
	int err = 0;

	if (!start)
		return -ENOMEM;
	/* by round: a counting sort into `ready`, which is free again */
	for (i = 0; i < p->s.nwork; i++)
		start[p->round[i]]++;
	for (r = 0; r <= rounds; r++) {
		u32 n = start[r];

		start[r] = at;
		at += n;
	}
	for (i = 0; i < p->s.nwork; i++)
		p->ready[start[p->round[i]]++] = i;
	for (r = 1; r <= rounds && !err; r++) {
		u32 first = out->n;

		for (i = start[r - 1]; i < start[r] && !err; i++) {
			const struct exo_node *n = p->s.work[p->ready[i]];

			if (n->id & EXO_NODE_ROOT)
				err = exo_set_add(out, EXO_NOBLOCK, n->id & 0xff, 0, r, n->id & 0xff);
			else
				err = exo_set_add(out, n->block, 1, d->c->bufs[n->id].template_id, r, 0);
		}
		for (i = 0; r == 1 && i < p->s.zero.n && !err; i++)
			err = exo_set_add(out, p->s.zero.r[i].start, p->s.zero.r[i].count, 0, r, 0);
		if (err || first == out->n)
			continue;
		exo_rng_sort(out->r + first, out->n - first);
		out->n = first + exo_rng_merge(out->r + first, out->n - first);
	}
	exo_plat_free(start);
	return err;
}

/* Dirty data is among the nodes, and may be among the ranges that nodes wait for: once is enough. */
static void once(struct plan *p)
{
	struct exo_core *c = p->s.d->c;
	u32 i, n = 0;

	exo_set_union(&p->s.zero);
	for (i = 0; i < p->s.nwork; i++) {
		struct exo_node *x = p->s.work[i];

		if (!(x->id & EXO_NODE_ROOT) && !(c->bufs[x->id].flags & EXO_BUF_META) &&
		    exo_rng_find(p->s.zero.r, p->s.zero.n, x->block) < p->s.zero.n)
			continue;
		x->at = n;
		p->s.work[n++] = x;
	}
	p->s.nwork = n;
}

int exo_plan_disk(struct exo_ask *a, struct exo_disk *d, u32 root, const struct exo_set *runs, struct exo_set *out,
		  u32 *rounds)
{
	struct plan p = {.s = {.a = a, .d = d, .root = root, .runs = runs, .plan = true}};
	u32 i;
	int err;

	/* `frames` takes what a look says may go now; a plan has no use for it. */
	p.s.frames = exo_plat_alloc(EXO_SYNC_BATCH * sizeof(*p.s.frames));
	p.s.since = d->c->tick;
	p.s.stamp = ++d->c->tick; /* no write has failed in it */
	err = p.s.frames ? exo_sync_look(&p.s) : -ENOMEM;
	if (!err && p.s.nwork) {
		once(&p);
		p.round = exo_plat_alloc(((size_t)p.s.nwork + 1) * sizeof(*p.round));
		p.left = exo_plat_alloc(((size_t)p.s.nwork + 1) * sizeof(*p.left));
		p.ready = exo_plat_alloc(((size_t)p.s.nwork + 1) * sizeof(*p.ready));
		err = p.round && p.left && p.ready ? find_rounds(&p) : -ENOMEM;
	}
	*rounds = p.s.zero.n != 0;
	for (i = 0; i < p.s.nwork && !err; i++)
		if (p.round[i] > *rounds)
			*rounds = p.round[i];
	if (!err && p.s.direct)
		err = -EBUSY;
	if (!err && *rounds)
		err = put(&p, out, *rounds);
	exo_plat_free(p.round);
	exo_plat_free(p.left);
	exo_plat_free(p.ready);
	exo_plat_free(p.s.frames);
	exo_plat_free(p.s.work);
	exo_set_free(&p.s.first);
	exo_set_free(&p.s.zero);
	exo_set_free(&p.edges);
	if (err == -ENOMEM)
		return exo_nomem(a);
	if (err == -EBUSY || err == -ELOOP)
		return exo_no(a, -EBUSY, EXO_R_BUSY, p.s.stuck);
	return err ? exo_no(a, err, EXO_R_UDF_REJECT, p.s.stuck << 3) : 0;
}
