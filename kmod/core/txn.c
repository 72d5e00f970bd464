// SPDX-License-Identifier: GPL-2.0 OR MIT
/* txn.c: the call TXN: copy in, check and commit in one hold of the lock, copy out. */
#include "txn.h"

_Static_assert(EXO_MAX_ROOTS % 64 == 0 && EXO_MAX_SLOTS < 256, "txn_work.touched, txn_block.nown");

/* The lock is held. */
static struct txn *work_get(struct exo_ask *a)
{
	struct exo_core *c = a->c;
	struct txn_work *w = c->works;

	if (w) {
		c->works = w->next;
		c->nworks--;
	} else {
		w = exo_plat_alloc(TXN_WORK_BYTES);
		if (!w)
			return NULL;
	}
	memset(&w->t, 0, sizeof(w->t));
	exo_room_open(&w->room, w->mem, TXN_WORK_BYTES - sizeof(*w));
	w->t.w = w;
	w->t.room = &w->room;
	w->t.want[1].in = w->t.want[2].in = w->t.want[3].in = &w->room;
	w->t.gained.in = w->t.lost.in = w->t.moved.in = w->t.in.in = w->t.out.in = &w->room;
	w->t.a = a;
	w->t.c = c;
	return &w->t;
}

static void work_put(struct txn *t)
{
	struct exo_room all;
	struct exo_core *c = t->c;
	struct txn_work *w = t->w;

	exo_room_open(&all, w->mem, 0);
	exo_room_back(&w->room, &all);
	if (c->nworks >= TXN_WORKS_KEPT) {
		exo_plat_free(w);
		return;
	}
	w->next = c->works;
	c->works = w;
	c->nworks++;
}

void exo_works_free(struct exo_core *c)
{
	while (c->works) {
		struct txn_work *w = c->works;

		c->works = w->next;
		exo_plat_free(w);
	}
	c->nworks = 0;
}

bool exo_txn_grow(struct txn *t, void *at, u32 n, u32 *room, size_t size)
{
	u32 more = *room ? *room * 2 : 4;
	void *old, *p;

	if (n < *room)
		return true;
	p = exo_room_get(t->room, more * size);
	if (!p)
		return false;
	memcpy(&old, at, sizeof(old));
	if (n)
		memcpy(p, old, n * size);
	memcpy(at, &p, sizeof(p));
	*room = more;
	return true;
}

static int edits_in(struct txn *t)
{
	struct exo_ask *a = t->a;
	u32 i, n = t->q->nedits;
	u64 total = 0;
	int err;

	t->edits = exo_room_get(t->room, n * sizeof(*t->edits));
	t->of_edit = exo_room_get(t->room, n * sizeof(*t->of_edit));
	t->blk = exo_room_get(t->room, n * sizeof(*t->blk));
	t->versions = exo_room_get(t->room, n * sizeof(*t->versions));
	if (!t->edits || !t->of_edit || !t->blk || !t->versions)
		return exo_nomem(a);
	err = exo_get(a, t->edits, t->q->edits, n * sizeof(*t->edits));
	if (err)
		return err;
	for (i = 0; i < n; i++) {
		const struct exo_edit *e = &t->edits[i];

		if (!e->len || e->offset >= EXO_BLOCK_SIZE || e->len > EXO_BLOCK_SIZE - e->offset)
			return exo_no(a, -EINVAL, EXO_R_RANGE, e->offset);
		if (!exo_disk_inside(t->d, e->block, 1))
			return exo_no(a, -EINVAL, EXO_R_RANGE, e->block);
		total += e->len;
	}
	/* Copied once, before anything is looked at; what user memory holds later does not matter. */
	t->bytes = exo_room_get(t->room, (size_t)total);
	if (!t->bytes)
		return exo_nomem(a);
	total = 0;
	for (i = 0; i < n; i++) {
		err = exo_get(a, t->bytes + total, t->edits[i].bytes, t->edits[i].len);
		if (err)
			return err;
		total += t->edits[i].len;
	}
	return 0;
}

/* All that is the caller's. An address that cannot take the versions is found here, before the commit. */
static int copy_in(struct txn *t)
{
	size_t bytes = t->q->nedits * sizeof(*t->versions);
	int err = edits_in(t);

	if (!err)
		err = exo_txn_decls(t);
	if (err || !t->q->versions)
		return err;
	memset(t->versions, 0, bytes);
	return exo_give(t->a, t->q->versions, t->versions, bytes);
}

static void metas_free(struct txn_metas *l)
{
	u32 i;

	for (i = 0; i < l->n; i++)
		exo_plat_free(l->m[i].orphan);
	*l = (struct txn_metas){0};
}

static void forget_deltas(struct txn_work *w)
{
	u32 i;

	for (i = 0; i < EXO_MAX_ROOTS / 64; i++) {
		for (; w->touched[i]; w->touched[i] &= w->touched[i] - 1)
			w->delta[i * 64 + (u32)__builtin_ctzll(w->touched[i])] = 0;
	}
}

/* Back to before the check; the lock is held. */
void exo_txn_undo(struct txn *t)
{
	struct exo_core *c = t->c;
	u32 i;

	while (t->npassed) {
		struct txn_moved_wait *p = &t->passed[--t->npassed];
		struct exo_wait *w = p->w;

		*w->src_at = w->src_next;
		if (w->src_next)
			w->src_next->src_at = w->src_at;
		w->src = p->was;
		w->src_next = p->was->waits;
		w->src_at = &p->was->waits;
		if (w->src_next)
			w->src_next->src_at = &w->src_next;
		p->was->waits = w;
	}
	exo_undo_all(&t->undo);
	while (t->nlinks) {
		struct exo_link *l = t->links[--t->nlinks];

		l->child->link = l->old;
		exo_buf_settle(c, l->child->id);
		exo_link_remove(c, l);
		exo_plat_free(l);
	}
	for (i = 0; t->linked && i < t->news.n; i++)
		if (t->news.m[i].frame != EXO_NOFRAME)
			exo_pool_give(c, t->news.m[i].frame);
	for (i = 0; t->linked && i < t->nblk; i++)
		if (t->blk[i].data && t->blk[i].frame != EXO_NOFRAME)
			exo_pool_give(c, t->blk[i].frame);
	t->linked = false;
	while (t->lose) {
		struct exo_lose *l = t->lose;

		t->lose = l->next;
		exo_plat_free(l);
	}
	for (i = 0; t->pinned && i < t->nblk; i++)
		if (t->blk[i].frame != EXO_NOFRAME && !t->blk[i].isnew)
			exo_buf_unpin(c, t->blk[i].frame);
	for (i = 0; t->pinned && i < t->olds.n; i++)
		if (t->olds.m[i].frame != EXO_NOFRAME)
			exo_buf_unpin(c, t->olds.m[i].frame);
	t->pinned = false;
	metas_free(&t->news);
	metas_free(&t->olds);
	exo_set_free(&t->gained);
	exo_set_free(&t->lost);
	exo_set_free(&t->moved);
	exo_set_free(&t->in);
	exo_set_free(&t->out);
	forget_deltas(t->w);
	t->nblk = t->ndata = 0;
}

int exo_txn_report(struct txn *t, const struct exo_set *s, u32 kind)
{
	u32 i;

	for (i = 0; i < s->n; i++) {
		struct exo_range *r;

		t->q->out_nranges++;
		if (!t->q->ranges || t->nranges >= t->q->ranges_room)
			continue;
		if (!exo_txn_grow(t, &t->ranges, t->nranges, &t->ranges_room, sizeof(*t->ranges)))
			return -ENOMEM;
		r = &t->ranges[t->nranges++];
		r->start = s->r[i].start;
		r->count = s->r[i].count;
		r->template_id = s->r[i].tmpl;
		r->kind = kind;
	}
	return 0;
}

static int decide(struct txn *t)
{
	const struct exo_room before = *t->room;
	u32 want, tries = 0;
	int err;

	for (;;) {
		t->q->out_nranges = 0;
		if (t->d->failed)
			return exo_no(t->a, -EIO, EXO_R_IO, 0);
		err = exo_txn_check(t);
		if (!err)
			err = exo_txn_order(t);
		if (!err)
			break;
		want = t->news.n + t->ndata;
		exo_txn_undo(t);
		if (err == -EAGAIN)
			exo_plat_wait(t->c->lock);
		else if (err != -ENOMEM || t->a->reason != EXO_R_NO_FRAMES || !exo_reclaim(t->a, want, &tries))
			return err;
		t->nranges = t->ranges_room = t->links_room = t->passed_room = 0;
		exo_room_back(t->room, &before);
	}
	exo_txn_commit(t);
	return 0;
}

static int settle(struct txn *t)
{
	int err = decide(t);
	u32 i;

	if (!err) {
		for (i = 0; t->q->versions && i < t->q->nedits; i++)
			t->versions[i] = t->blk[t->of_edit[i]].newver;
		exo_txn_undo(t);
	}
	return err;
}

#define FEW 8u /* versions that the stack has room for */

static int answer(struct txn *t, int err)
{
	int bad = 0;

	if (err && t->nranges)
		bad = exo_give_ranges(t->a, t->q->ranges, t->q->ranges_room, t->ranges, t->nranges);
	if (!err && t->q->versions)
		bad = exo_give(t->a, t->q->versions, t->versions, t->q->nedits * sizeof(*t->versions));
	return err ? err : bad;
}

/* Copied in: decide, and give everything back that is not needed for the answer. */
static int finish(struct txn *t)
{
	struct exo_core *c = t->c;
	struct exo_ask *a = t->a;
	struct exo_txn *q = t->q;
	u64 few[FEW];
	int err;

	exo_lock(c);
	exo_back_locked(a);
	err = settle(t);
	exo_disk_put_locked(a, t->d);
	exo_count_locked(a, err);
	if (err ? !t->nranges : !q->versions || q->nedits <= FEW) {
		if (!err && q->versions)
			memcpy(few, t->versions, q->nedits * sizeof(*few));
		work_put(t);
		exo_unlock(c);
		return !err && q->versions ? exo_give(a, q->versions, few, q->nedits * sizeof(*few)) : err;
	}
	exo_unlock(c);
	err = answer(t, err);
	exo_lock(c);
	work_put(t);
	exo_unlock(c);
	return err;
}

static int do_txn(struct exo_ask *a, struct exo_txn *q)
{
	struct exo_core *c = a->c;
	struct exo_disk *d;
	struct txn *t;
	int err;

	q->out_nranges = 0;
	if (!q->nedits || q->nedits > EXO_MAX_EDITS)
		return exo_no(a, -EINVAL, EXO_R_RANGE, q->nedits);
	if (q->ndecls > EXO_MAX_DECLS)
		return exo_no(a, -EINVAL, EXO_R_RANGE, q->ndecls);
	exo_lock(c);
	err = exo_disk_get_locked(a, q->disk, true, &d);
	t = err ? NULL : work_get(a);
	if (t) {
		t->q = q;
		t->d = d;
		exo_away_locked(a);
	} else if (!err) {
		exo_disk_put_locked(a, d);
		err = exo_nomem(a);
	}
	exo_unlock(c);
	if (!t)
		return err;
	err = copy_in(t);
	if (!err)
		return finish(t);
	exo_lock(c);
	exo_back_locked(a);
	exo_disk_put_locked(a, d);
	work_put(t);
	exo_unlock(c);
	return err;
}

int exo_do_txn(struct exo_ask *a, void *arg)
{
	struct exo_txn *q = arg;
	int err = do_txn(a, q);

	exo_plat_trace_txn(a->env, q, err, err ? a->reason : EXO_R_NONE, err ? a->detail : 0);
	return err;
}
