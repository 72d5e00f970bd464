// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * txnorder.c: what a transaction means for the write order, and all the memory that its commit needs. Records are put
 * in place so that a cycle shows; exo_txn_undo takes them out again.
 */
#include "txn.h"

/* Sectors are torn from each other only where the device's logical blocks meet. */
static u32 grain(const struct txn *t, u32 sectors)
{
	u32 n = t->d->sector / EXO_SECTOR_SIZE, i, out = 0, unit;

	if (n <= 1)
		return sectors;
	unit = n >= EXO_SECTORS ? 0xff : (1u << n) - 1;
	for (i = 0; i < EXO_SECTORS; i += n)
		if (sectors >> i & unit)
			out |= unit << i;
	return out;
}

/* A pointer leaves `from` for `to`, other sectors of the same block. */
static void inside(struct txn *t, struct txn_block *b, u32 to, u32 from)
{
	to = grain(t, to);
	from = grain(t, from);
	if (to == from)
		return;
	b->add_first |= (u8)to;
	b->add_last |= (u8)from;
	b->first |= (u8)to;
	b->last |= (u8)from;
}

static struct exo_node *node_of(struct txn *t, struct txn_block *b)
{
	return exo_frame_node(t->c, b->frame);
}

static int take_frames(struct txn *t)
{
	u32 i;

	t->linked = true;
	for (i = 0; i < t->news.n; i++) {
		struct txn_meta *m = &t->news.m[i];

		m->frame = exo_pool_take(t->c);
		if (m->frame == EXO_NOFRAME)
			return exo_no(t->a, -ENOMEM, EXO_R_NO_FRAMES, t->news.n - i);
		t->c->side[m->frame].node.block = m->block;
		if (m->blk != TXN_NONE)
			t->blk[m->blk].frame = m->frame;
	}
	for (i = 0; t->ndata && i < t->nblk; i++) {
		if (!t->blk[i].data)
			continue;
		t->blk[i].frame = exo_pool_take(t->c);
		if (t->blk[i].frame == EXO_NOFRAME)
			return exo_no(t->a, -ENOMEM, EXO_R_NO_FRAMES, t->ndata);
	}
	return 0;
}

static int add_link(struct txn *t, struct exo_node *child, u32 label)
{
	struct exo_link *l;

	if (!exo_txn_grow(t, &t->links, t->nlinks, &t->links_room, sizeof(*t->links)))
		return exo_nomem(t->a);
	l = exo_plat_alloc(sizeof(*l));
	if (!l)
		return exo_nomem(t->a);
	l->old = child->link;
	exo_link_add(l, node_of(t, &t->blk[label / EXO_PARTS]), child, txn_label_sectors(t, label));
	child->link = l;
	exo_buf_settle(t->c, child->id); /* in use from now on */
	t->links[t->nlinks++] = l;
	return 0;
}

/*
 * New metadata hangs on its parent until the parent's write is durable; so does what moves. A durable pointer in its old
 * parent does not help: what moves into it meanwhile may be what that old parent is reached through.
 */
static int add_links(struct txn *t)
{
	u32 i, f;
	u64 at;
	int err = 0;

	/* What a temporary root leads to is never reached from the disk. */
	for (i = 0; !err && i < t->news.n; i++)
		if (!exo_root_temporary(t->d, t->news.m[i].root))
			err = add_link(t, exo_frame_node(t->c, t->news.m[i].frame), t->news.m[i].label);
	t->newlinks = t->nlinks;
	for (i = 0; i < t->moved.n; i++) {
		const struct exo_rng *r = &t->moved.r[i];
		bool temporary = exo_root_temporary(t->d, t->blk[r->to / EXO_PARTS].root);

		at = 0;
		while (!err && r->tmpl && (f = exo_buf_next(t->c, t->d->nr, r->start, r->count, &at)) != EXO_NOFRAME)
			if (exo_frame_node(t->c, f)->link || !temporary)
				err = add_link(t, exo_frame_node(t->c, f), r->to);
	}
	return err;
}

/*
 * Must the old parent wait for the new one? Yes if some block of the range may have a durable pointer in the old one. A
 * metadata block without one counts too once it was written or is waited for: what was moved into it is reached through
 * it. A temporary root is no durable place: what comes from there was not durable, and what goes there need not be.
 */
static bool must_wait(struct txn *t, const struct exo_rng *r)
{
	u64 b;

	if (exo_root_temporary(t->d, t->blk[r->from / EXO_PARTS].root) ||
	    exo_root_temporary(t->d, t->blk[r->to / EXO_PARTS].root))
		return false;
	if (exo_fresh_runs(t->d, r->start, r->count))
		return true;
	/* Ends at the first that is not in core. */
	for (b = r->start; r->tmpl && b < r->start + r->count; b++) {
		u32 f = exo_buf_find(t->c, t->d->nr, b);

		if (!exo_bit(t->d->blank, b) || f == EXO_NOFRAME || exo_frame_node(t->c, f)->waiters ||
		    (t->c->bufs[f].flags & EXO_BUF_WRITING))
			return true;
	}
	return false;
}

static int wait_err(struct txn *t, int err, u64 block)
{
	return err == -ELOOP ? exo_no(t->a, -EBUSY, EXO_R_CYCLE, block) : exo_nomem(t->a);
}

/* Does other metadata of the root move to another place, now or not long ago? */
static bool others_move(const struct txn *t, const struct exo_rng *r)
{
	u32 i;

	if (!r->tmpl)
		return false;
	if (t->d->roots[t->blk[r->from / EXO_PARTS].root].nmoved)
		return true;
	for (i = 0; i < t->moved.n; i++)
		if (t->moved.r[i].tmpl && t->moved.r[i].to / EXO_PARTS != r->to / EXO_PARTS)
			return true;
	return false;
}

static int wait_for(struct txn *t, const struct exo_rng *r, u32 to, struct exo_node **end)
{
	struct txn_block *src = &t->blk[r->from / EXO_PARTS], *dst = &t->blk[to / EXO_PARTS];
	u32 self, sectors = txn_label_sectors(t, to);
	int err;

	if (to == r->to && others_move(t, r))
		err = exo_wait_path(t->d, &t->undo, node_of(t, src), node_of(t, dst), sectors, &self, end);
	else
		err = exo_wait_chain(&t->undo, node_of(t, src), node_of(t, dst), sectors, &self);
	if (!err && self)
		inside(t, src, self, txn_label_sectors(t, r->from));
	return err;
}

/*
 * The way up from where r goes is in core as far as `end`. With nothing else under way, what could make a difference above is only
 * what moves in this transaction: r waits for all of it, but for what is below `end`, and so not above.
 */
static int wait_for_others(struct txn *t, const struct exo_rng *r, const struct exo_node *end)
{
	u32 i;
	int err = t->d->roots[t->blk[r->from / EXO_PARTS].root].nmoved ? -ELOOP : 0;

	for (i = 0; !err && i < t->moved.n; i++) {
		const struct exo_rng *o = &t->moved.r[i];

		if (!o->tmpl || o->to == r->to)
			continue;
		err = exo_path_below(t->d, &t->undo, node_of(t, &t->blk[o->from / EXO_PARTS]), end);
		if (!err)
			err = wait_for(t, r, o->to, NULL);
		else if (err == 1)
			err = 0;
	}
	return err;
}

static int add_waits(struct txn *t)
{
	struct exo_node *end = NULL;
	u32 i;
	int err;

	for (i = 0; i < t->moved.n; i++) {
		const struct exo_rng *r = &t->moved.r[i];

		if (!must_wait(t, r))
			continue;
		err = wait_for(t, r, r->to, &end);
		if (err == -ESTALE)
			err = wait_for_others(t, r, end);
		if (err)
			return wait_err(t, err, r->start);
	}
	return 0;
}

/* What the caller wants in order although nothing moves. A block that goes hands its wait to its parent, as with a MOVE. */
static int add_orders(struct txn *t)
{
	u32 i, later, first, self;
	int err;

	for (i = 0; t->norders && i < t->q->ndecls; i++) {
		struct txn_block *src, *dst;

		if (t->decls[i].op != EXO_DECL_ORDER)
			continue;
		if (!exo_txn_pair(t, &t->decls[i], &later, &first))
			return exo_no(t->a, -EINVAL, EXO_R_DECL, i);
		src = &t->blk[later / EXO_PARTS];
		dst = &t->blk[first / EXO_PARTS];
		if (dst->freed)
			return exo_no(t->a, -EINVAL, EXO_R_DECL, i);
		err = exo_wait_chain(&t->undo, node_of(t, src), node_of(t, dst), txn_label_sectors(t, first), &self);
		if (err)
			return wait_err(t, err, src->block);
		if (self)
			inside(t, src, self, txn_label_sectors(t, later));
	}
	return 0;
}

static int note_passed(struct txn *t, struct exo_wait *w)
{
	if (!exo_txn_grow(t, &t->passed, t->npassed, &t->passed_room, sizeof(*t->passed)))
		return exo_nomem(t->a);
	t->passed[t->npassed].w = w;
	t->passed[t->npassed++].was = w->src;
	return 0;
}

/*
 * A freed block is never written again, but what it gave away is still reached through its parent's pointer to it: the
 * parent takes over its waits. The parent may be freed, too; then the next one up.
 */
static int pass_waits(struct txn *t, struct txn_meta *m)
{
	struct exo_node *x = exo_frame_node(t->c, m->frame), *n;
	struct exo_wait *w, *next;
	struct txn_block *heir;
	u32 label = m->label, steps;
	int err;

	if (!x->waits)
		return 0;
	for (steps = 0; t->blk[label / EXO_PARTS].freed; steps++) {
		struct txn_meta *up = exo_txn_meta(&t->olds, t->blk[label / EXO_PARTS].block);

		if (!up || steps > t->olds.n)
			return exo_no(t->a, -EBUSY, EXO_R_CYCLE, m->block);
		label = up->label;
	}
	heir = &t->blk[label / EXO_PARTS];
	n = node_of(t, heir);
	for (w = x->waits; w; w = next) {
		next = w->src_next;
		if (w->dst == n) {
			inside(t, heir, w->sectors, txn_label_sectors(t, label));
			continue;
		}
		err = note_passed(t, w);
		if (err)
			return err;
		*w->src_at = w->src_next;
		if (w->src_next)
			w->src_next->src_at = w->src_at;
		w->src = n;
		w->src_next = n->waits;
		w->src_at = &n->waits;
		if (w->src_next)
			w->src_next->src_at = &w->src_next;
		n->waits = w;
	}
	return 0;
}

#define LOSE_MAX 65536u /* records of a root, before the transaction that adds to them */

static int count_lose(struct txn *t, const struct exo_set *s)
{
	u32 i, n;

	for (i = 0; i < s->n; i++) {
		int err;

		if (exo_root_temporary(t->d, t->blk[s->r[i].from / EXO_PARTS].root))
			continue;
		/* A SYNC of the root ends all of them. */
		if (t->d->roots[t->blk[s->r[i].from / EXO_PARTS].root].nlose > LOSE_MAX)
			return exo_no(t->a, -EBUSY, EXO_R_CYCLE, s->r[i].start);
		err = exo_hold_reserve(t->d, s->r[i].start, s->r[i].count);

		if (err == -EBUSY)
			return exo_no(t->a, -EBUSY, EXO_R_CYCLE, s->r[i].start);
		if (err)
			return exo_nomem(t->a);
		for (n = exo_fresh_runs(t->d, s->r[i].start, s->r[i].count); n; n--) {
			struct exo_lose *l = exo_plat_alloc(sizeof(*l));

			if (!l)
				return exo_nomem(t->a);
			l->next = t->lose;
			t->lose = l;
		}
	}
	return 0;
}

static int reserve(struct txn *t)
{
	u32 i;
	int err = count_lose(t, &t->out);

	if (!err)
		err = count_lose(t, &t->moved);
	for (i = 0; !err && i < t->in.n; i++)
		if (exo_hold_reserve(t->d, t->in.r[i].start, t->in.r[i].count))
			err = exo_nomem(t->a);
	for (i = 0; !err && i < t->olds.n; i++) {
		t->olds.m[i].orphan = exo_plat_alloc(sizeof(*t->olds.m[i].orphan));
		if (!t->olds.m[i].orphan)
			err = exo_nomem(t->a);
	}
	return err;
}

/*
 * Could this transaction close a cycle? A new block is only pointed at, data that moves without a wait is no edge, and what is freed takes
 * edges away. What is left: waits, and links of metadata that moved.
 */
static bool new_edges(const struct txn *t)
{
	return t->undo.n || t->npassed || t->nlinks > t->newlinks;
}

static int find_cycle(struct txn *t)
{
	struct exo_node **from, *hit;
	u32 i, n = 0;

	if (!new_edges(t))
		goto inside;
	from = exo_room_get(t->room, t->nblk * sizeof(*from));
	if (!from)
		return exo_nomem(t->a);
	for (i = 0; i < t->nblk; i++)
		if (!t->blk[i].freed && !t->blk[i].data)
			from[n++] = node_of(t, &t->blk[i]);
	hit = exo_order_cycle(t->c, from, n);
	if (hit)
		return exo_no(t->a, -EBUSY, EXO_R_CYCLE, hit->block);
inside:
	for (i = 0; i < t->nblk; i++)
		if (t->blk[i].first & t->blk[i].last)
			return exo_no(t->a, -EBUSY, EXO_R_CYCLE, t->blk[i].block);
	return 0;
}

int exo_txn_order(struct txn *t)
{
	u32 i;
	int err = take_frames(t);

	if (!err)
		err = add_links(t);
	if (!err)
		err = add_waits(t);
	if (!err)
		err = add_orders(t);
	for (i = 0; !err && i < t->olds.n; i++)
		err = pass_waits(t, &t->olds.m[i]);
	if (!err)
		err = reserve(t);
	if (!err)
		err = find_cycle(t);
	return err;
}
