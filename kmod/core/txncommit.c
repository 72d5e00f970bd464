// SPDX-License-Identifier: GPL-2.0 OR MIT
/* txncommit.c: make an accepted transaction true. Nothing here can fail: whatever could was done before. */
#include "txn.h"

/* Blocks that left a node stay in its image on disk until its next write: they are held until that is durable (rule 2).
 */
static void lose(struct txn *t, const struct exo_set *s, bool moved)
{
	struct exo_disk *d = t->d;
	u32 i;

	for (i = 0; i < s->n; i++) {
		struct exo_node *n = exo_frame_node(t->c, t->blk[s->r[i].from / EXO_PARTS].frame);
		u64 b = s->r[i].start, end = b + s->r[i].count;

		/* Nobody will follow its old image either. */
		if (exo_root_temporary(d, t->blk[s->r[i].from / EXO_PARTS].root))
			continue;
		for (;;) {
			struct exo_lose *l = t->lose;

			b = exo_bit_next(d->fresh, b, end, false);
			if (b == end)
				break;
			t->lose = l->next;
			l->start = b;
			b = exo_bit_next(d->fresh, b, end, true);
			l->count = b - l->start;
			l->root = t->blk[s->r[i].from / EXO_PARTS].root;
			l->moved = moved && s->r[i].tmpl;
			d->roots[l->root].nlose++;
			d->roots[l->root].nmoved += l->moved;
			l->next = n->lose;
			n->lose = l;
			exo_hold_get(d, l->start, l->count);
		}
	}
}

static void drop_cached(struct txn *t, u64 start, u64 count)
{
	u64 at = 0;
	u32 f;

	while ((f = exo_buf_next(t->c, t->d->nr, start, count, &at)) != EXO_NOFRAME)
		exo_buf_leave(t->c, f);
}

/* The link of a block that no longer has this parent. */
static void unlink_child(struct exo_core *c, struct exo_link *l)
{
	if (!l)
		return;
	exo_link_remove(c, l);
	exo_plat_free(l);
}

static void bury_node(struct txn *t, struct txn_meta *m)
{
	struct exo_node *n = exo_frame_node(t->c, m->frame);
	struct exo_disk *d = t->d;
	struct exo_orphan *o = m->orphan;

	/* Its image on disk may still be reached, and what it pointed at with it, until the block is free itself. */
	if (n->lose) {
		m->orphan = NULL;
		o->block = m->block;
		o->lose = n->lose;
		n->lose = NULL;
		o->next = d->orphans[m->block % EXO_ORPHAN_BUCKETS];
		d->orphans[m->block % EXO_ORPHAN_BUCKETS] = o;
		d->norphans++;
	}
	exo_order_forget(t->c, n);
}

static void free_range(struct txn *t, const struct exo_rng *r)
{
	struct exo_disk *d = t->d;
	u64 b, end = r->start + r->count, contested;

	/* What the core knows of a contested block came from either owner. */
	drop_cached(t, r->start, r->count);
	for (b = r->start;; b = contested + 1) {
		contested = end;
		exo_contest_any(d, b, end - b, &contested);
		exo_map_leave(d, b, contested - b);
		if (contested == end)
			return;
		if (exo_contest_drop(d, contested, 1))
			exo_map_leave(d, contested, 1);
	}
}

/* The touched partitions as edited, and what they own from now on. */
static void put_parts(struct txn *t, struct txn_block *b, u32 frame)
{
	u8 *mem = exo_plat_frame(frame);
	u32 left, p;

	for (left = b->parts; left; left &= left - 1) {
		p = (u32)__builtin_ctz(left);
		memcpy(mem + p * b->size, b->part[p], b->size);
		exo_owned_keep(t->c, frame, p, b->own[p], b->nown[p], true);
	}
}

static void alloc_meta(struct txn *t, struct txn_meta *m)
{
	struct exo_core *c = t->c;
	struct txn_block *b = m->blk == TXN_NONE ? NULL : &t->blk[m->blk];

	if (b)
		put_parts(t, b, m->frame);
	exo_buf_insert(c, m->frame, t->d->nr, m->block, EXO_BUF_VALID, EXO_BUF_META, m->tmpl, m->root,
		       t->blk[m->label / EXO_PARTS].block);
	exo_buf_dirty(c, m->frame);
	if (b)
		b->newver = c->bufs[m->frame].version;
}

/* Content of new data, as if it had been bound and stored there. */
static void fill_data(struct txn *t)
{
	struct exo_core *c = t->c;
	const u8 *from = t->bytes;
	u32 i;

	for (i = 0; i < t->q->nedits; from += t->edits[i++].len) {
		const struct txn_block *b = &t->blk[t->of_edit[i]];

		if (b->data)
			memcpy((u8 *)exo_plat_frame(b->frame) + t->edits[i].offset, from, t->edits[i].len);
	}
	for (i = 0; i < t->nblk; i++) {
		struct txn_block *b = &t->blk[i];

		if (!b->data)
			continue;
		exo_buf_insert(c, b->frame, t->d->nr, b->block, EXO_BUF_VALID, 0, 0, b->root,
			       t->blk[b->label / EXO_PARTS].block);
		exo_buf_dirty(c, b->frame);
		b->newver = c->bufs[b->frame].version;
	}
}

static void edit(struct txn *t, struct txn_block *b)
{
	struct exo_core *c = t->c;

	if (b->isnew || b->freed)
		return;
	exo_buf_begin(c, b->frame);
	put_parts(t, b, b->frame);
	b->newver = exo_buf_end(c, b->frame);
	exo_buf_dirty(c, b->frame);
}

/* Uninitialised blocks that it points at, as far as known without running its program again. */
static void count_taint(struct txn *t)
{
	struct exo_disk *d = t->d;
	u32 i;

	for (i = 0; d->nuninit && i < t->gained.n; i++) {
		struct exo_buf *b = &t->c->bufs[t->blk[t->gained.r[i].to / EXO_PARTS].frame];
		u64 n = b->taint + exo_bit_count(d->uninit, t->gained.r[i].start, t->gained.r[i].count);

		b->taint = n > 0xffffffffull ? 0xffffffffu : (u32)n;
	}
}

/* What is not in core learns its parent when it is bound. */
static void new_parent(struct txn *t, const struct exo_rng *r)
{
	u64 at = 0;
	u32 f;

	while (r->tmpl && (f = exo_buf_next(t->c, t->d->nr, r->start, r->count, &at)) != EXO_NOFRAME)
		t->c->side[f].up = t->blk[r->to / EXO_PARTS].block;
}

/* Data that went to another root: whoever had it through the old one asks the new one. */
static void change_root(struct txn *t, const struct exo_rng *r)
{
	u32 from = t->blk[r->from / EXO_PARTS].root, to = t->blk[r->to / EXO_PARTS].root, f;
	u64 at = 0;

	if (from == to)
		return;
	while ((f = exo_buf_next(t->c, t->d->nr, r->start, r->count, &at)) != EXO_NOFRAME) {
		if (t->c->bufs[f].flags & EXO_BUF_UNKNOWN)
			continue;
		exo_buf_revoke(t->c, f);
		exo_buf_know(t->c, f, 0, to, EXO_NOBLOCK);
		exo_buf_settle(t->c, f);
	}
}

void exo_txn_commit(struct txn *t)
{
	struct exo_core *c = t->c;
	struct exo_disk *d = t->d;
	u64 left;
	u32 i;

	lose(t, &t->out, false);
	lose(t, &t->moved, true);
	for (i = 0; i < t->nlinks; i++)
		unlink_child(t->c, t->links[i]->old);
	t->nlinks = 0;
	for (i = 0; i < t->olds.n; i++)
		bury_node(t, &t->olds.m[i]);
	for (i = 0; i < t->out.n; i++)
		free_range(t, &t->out.r[i]);
	for (i = 0; i < t->in.n; i++) {
		/* Somebody may have read the free block ahead of time. */
		drop_cached(t, t->in.r[i].start, t->in.r[i].count);
		exo_map_take(d, t->in.r[i].start, t->in.r[i].count);
	}
	for (i = 0; i < t->news.n; i++)
		alloc_meta(t, &t->news.m[i]);
	if (t->ndata)
		fill_data(t);
	t->linked = false;
	for (i = 0; i < t->nblk; i++) {
		struct txn_block *b = &t->blk[i];
		struct exo_node *n;

		edit(t, b);
		if (b->freed || b->data)
			continue;
		n = exo_frame_node(c, b->frame);
		n->first |= b->add_first;
		n->last |= b->add_last;
		n->fresh |= b->gains;
	}
	count_taint(t);
	for (i = 0; i < t->out.n; i++)
		d->roots[t->blk[t->out.r[i].from / EXO_PARTS].root].epoch = 0;
	for (i = 0; i < t->moved.n; i++) {
		d->roots[t->blk[t->moved.r[i].from / EXO_PARTS].root].epoch = 0;
		change_root(t, &t->moved.r[i]);
		new_parent(t, &t->moved.r[i]);
	}
	for (i = 0; i < EXO_MAX_ROOTS / 64; i++) {
		for (left = t->w->touched[i]; left; left &= left - 1) {
			u32 root = i * 64 + (u32)__builtin_ctzll(left);

			d->roots[root].h.used = (u64)((s64)d->roots[root].h.used + t->w->delta[root]);
		}
	}
	for (i = 0; i < t->out.n; i++)
		exo_map_settle(d, t->out.r[i].start, t->out.r[i].count);
	t->npassed = 0;
	exo_undo_free(&t->undo);
	c->stats->txns++;
	c->stats->edits += t->q->nedits;
}
