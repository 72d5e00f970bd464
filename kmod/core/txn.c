// SPDX-License-Identifier: GPL-2.0 OR MIT
/* txn.c: the call TXN: copy in, check and commit in one hold of the lock, copy out. */
#include "txn.h"

static int edits_in(struct txn *t)
{
	struct exo_ask *a = t->a;
	u64 total = 0;
	u32 i;
	int err;

	t->edits = exo_plat_alloc(t->q->nedits * sizeof(*t->edits));
	t->of_edit = exo_plat_alloc(t->q->nedits * sizeof(*t->of_edit));
	t->blk = exo_plat_alloc(t->q->nedits * sizeof(*t->blk));
	if (!t->edits || !t->of_edit || !t->blk)
		return exo_nomem(a);
	err = exo_get(a, t->edits, t->q->edits, t->q->nedits * sizeof(*t->edits));
	if (err)
		return err;
	for (i = 0; i < t->q->nedits; i++) {
		const struct exo_edit *e = &t->edits[i];

		if (!e->len || e->offset >= EXO_BLOCK_SIZE || e->len > EXO_BLOCK_SIZE - e->offset)
			return exo_no(a, -EINVAL, EXO_R_RANGE, e->offset);
		if (!exo_disk_inside(t->d, e->block, 1))
			return exo_no(a, -EINVAL, EXO_R_RANGE, e->block);
		total += e->len;
	}
	/* Copied once, before anything is looked at; what user memory holds later does not matter. */
	t->bytes = exo_plat_alloc((size_t)total);
	if (!t->bytes)
		return exo_nomem(a);
	total = 0;
	for (i = 0; i < t->q->nedits; i++) {
		err = exo_get(a, t->bytes + total, t->edits[i].bytes, t->edits[i].len);
		if (err)
			return err;
		total += t->edits[i].len;
	}
	return 0;
}

static void metas_free(struct txn_metas *l)
{
	u32 i;

	for (i = 0; i < l->n; i++)
		exo_plat_free(l->m[i].orphan);
	exo_plat_free(l->m);
	l->m = NULL;
	l->n = l->room = 0;
}

/* Back to before the check; the lock is held. */
void exo_txn_undo(struct txn *t)
{
	struct exo_core *c = t->c;
	u32 i, k;

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
	for (i = 0; i < t->nblk; i++)
		for (k = 0; k < EXO_PARTS; k++)
			exo_plat_free(t->blk[i].owned[k]);
	exo_plat_free(t->images);
	t->images = NULL;
	memset(t->delta, 0, sizeof(t->delta));
	memset(t->blk, 0, t->q->nedits * sizeof(*t->blk));
	t->nblk = 0;
}

static void txn_free(struct txn *t)
{
	u32 i;

	for (i = 0; i < 4; i++)
		exo_set_free(&t->want[i]);
	exo_plat_free(t->edits);
	exo_plat_free(t->of_edit);
	exo_plat_free(t->blk);
	exo_plat_free(t->bytes);
	exo_plat_free(t->decls);
	exo_plat_free(t->passed);
	exo_plat_free(t->links);
	exo_plat_free(t->ranges);
	exo_plat_free(t);
}

int exo_txn_report(struct txn *t, const struct exo_set *s, u32 kind)
{
	u32 i;

	for (i = 0; i < s->n; i++) {
		struct exo_range *r;

		t->q->out_nranges++;
		if (!t->q->ranges || t->nranges >= t->q->ranges_room)
			continue;
		if (t->nranges == t->ranges_room) {
			u32 room = t->ranges_room ? t->ranges_room * 2 : 16;

			r = exo_plat_alloc(room * sizeof(*r));
			if (!r)
				return -ENOMEM;
			if (t->nranges)
				memcpy(r, t->ranges, t->nranges * sizeof(*r));
			exo_plat_free(t->ranges);
			t->ranges = r;
			t->ranges_room = room;
		}
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
	int err;

	for (;;) {
		t->q->out_nranges = t->nranges = 0;
		if (t->d->failed)
			return exo_no(t->a, -EIO, EXO_R_IO, 0);
		err = exo_txn_check(t);
		if (!err)
			err = exo_txn_order(t);
		if (!err)
			break;
		exo_txn_undo(t);
		if (err != -EAGAIN)
			return err;
		exo_plat_wait(t->c->lock);
	}
	exo_txn_commit(t);
	return 0;
}

static int answer(struct txn *t, u64 *versions, int err)
{
	int bad = 0;

	if (err && t->nranges)
		bad = exo_give_ranges(t->a, t->q->ranges, t->q->ranges_room, t->ranges, t->nranges);
	if (!err && t->q->versions)
		bad = exo_give(t->a, t->q->versions, versions, t->q->nedits * sizeof(*versions));
	return err ? err : bad;
}

static int do_txn(struct exo_ask *a, struct exo_txn *q)
{
	struct txn *t;
	u64 *versions;
	u32 i;
	int err;

	q->out_nranges = 0;
	if (!q->nedits || q->nedits > EXO_MAX_EDITS)
		return exo_no(a, -EINVAL, EXO_R_RANGE, q->nedits);
	if (q->ndecls > EXO_MAX_DECLS)
		return exo_no(a, -EINVAL, EXO_R_RANGE, q->ndecls);
	t = exo_plat_alloc(sizeof(*t));
	versions = exo_plat_alloc(q->nedits * sizeof(*versions));
	if (!t || !versions) {
		exo_plat_free(t);
		exo_plat_free(versions);
		return exo_nomem(a);
	}
	t->a = a;
	t->c = a->c;
	t->q = q;
	err = exo_disk_get(a, q->disk, true, &t->d);
	if (!err) {
		exo_away(a);
		err = edits_in(t);
		if (!err)
			err = exo_txn_decls(t);
		/* An address that cannot take the versions is found before the commit. */
		if (!err && q->versions)
			err = exo_give(a, q->versions, versions, q->nedits * sizeof(*versions));
		exo_back(a);
		if (!err) {
			exo_lock(a->c);
			err = decide(t);
			for (i = 0; !err && i < q->nedits; i++)
				versions[i] = t->blk[t->of_edit[i]].newver;
			if (!err)
				exo_txn_undo(t);
			exo_plat_wake(a->c->lock);
			exo_unlock(a->c);
		}
		err = answer(t, versions, err);
		exo_disk_put(a, t->d);
	}
	txn_free(t);
	exo_plat_free(versions);
	return err;
}

int exo_do_txn(struct exo_ask *a, void *arg)
{
	struct exo_txn *q = arg;
	int err = do_txn(a, q);

	exo_plat_trace_txn(a->env, q, err, err ? a->reason : EXO_R_NONE, err ? a->detail : 0);
	return err;
}
