// SPDX-License-Identifier: GPL-2.0 OR MIT
/* writecall.c: the calls WRITE, FLUSH and SYNC. Anybody may have dirty blocks written; nobody sees them by that. */
#include "internal.h"

static int ranges_out(struct exo_ask *a, struct exo_write *q, const struct exo_set *first)
{
	struct exo_range *r;
	u32 i, n = first->n < q->ranges_room ? first->n : q->ranges_room;
	int err;

	q->out_nranges = first->n;
	if (!q->ranges || !n)
		return 0;
	r = exo_plat_alloc((size_t)n * sizeof(*r));
	if (!r)
		return exo_nomem(a);
	for (i = 0; i < n; i++) {
		r[i].start = first->r[i].start;
		r[i].count = first->r[i].count;
		r[i].template_id = first->r[i].tmpl;
		r[i].kind = EXO_RANGE_FIRST;
	}
	err = exo_give_ranges(a, q->ranges, q->ranges_room, r, n);
	exo_plat_free(r);
	return err;
}

static void trace_refused(struct exo_disk *d, u32 frame)
{
	const struct exo_wait *w;
	u32 waits = 0;

	for (w = exo_frame_node(d->c, frame)->waits; w; w = w->src_next)
		waits++;
	exo_plat_trace_refused(d->nr, d->c->bufs[frame].block, d->c->bufs[frame].taint, waits);
}

static int by_write(struct exo_ask *a, struct exo_disk *d, const u64 *list, u32 n, u32 *frames, struct exo_set *first,
		    u32 *written)
{
	struct exo_core *c = a->c;
	u64 tainted, mark;
	u32 i, k;
	int err;

again:
	k = 0;
	first->n = 0;
	tainted = 0;
	mark = ++c->tick;
	for (i = 0; i < n; i++) {
		u32 f = exo_buf_find(c, d->nr, list[i]);
		bool ready = true;

		if (f == EXO_NOFRAME || !(c->bufs[f].flags & (EXO_BUF_DIRTY | EXO_BUF_WRITING)))
			continue;
		if (c->side[f].direct)
			return exo_no(a, -EBUSY, EXO_R_BUSY, list[i]);
		if (c->bufs[f].flags & EXO_BUF_WRITING) {
			exo_plat_wait(c->lock);
			goto again;
		}
		/* The same block twice in the list is one write. */
		if (c->side[f].seen == mark)
			continue;
		c->side[f].seen = mark;
		err = exo_write_ready(d, f, first, &ready);
		if (err)
			return exo_no(a, err, err == -ENOMEM ? EXO_R_NOMEM : EXO_R_UDF_REJECT, list[i] << 3);
		if (!ready) {
			tainted = list[i];
			trace_refused(d, f);
		}
		frames[k++] = f;
	}
	if (first->n || tainted) {
		exo_rng_sort(first->r, first->n);
		first->n = exo_rng_merge(first->r, first->n);
		return exo_no(a, -EBUSY, EXO_R_TAINTED, tainted);
	}
	if (!k)
		return 0;
	return exo_write_frames(a, d, frames, k, 0, written);
}

int exo_do_write(struct exo_ask *a, void *arg)
{
	struct exo_write *q = arg;
	struct exo_set first = {0};
	struct exo_disk *d;
	u64 *list = NULL;
	u32 *frames = NULL, n;
	int err;

	q->out_blocks = q->out_nranges = 0;
	if (!q->nruns || q->nruns > EXO_MAX_RUNS)
		return exo_no(a, -EINVAL, EXO_R_RANGE, q->nruns);
	err = exo_disk_get(a, q->disk, true, &d);
	if (err)
		return err;
	err = exo_runs_in(a, d, q->runs, q->nruns, &list, &n);
	if (!err) {
		frames = exo_plat_alloc((size_t)n * sizeof(*frames));
		if (!frames)
			err = exo_nomem(a);
	}
	if (!err) {
		exo_lock(a->c);
		err = by_write(a, d, list, n, frames, &first, &q->out_blocks);
		if (!err && d->nwritten > EXO_WRITTEN_MAX && exo_flush_disk(d))
			err = exo_no(a, -EIO, EXO_R_IO, 0);
		exo_unlock(a->c);
	}
	if (err && a->reason == EXO_R_TAINTED)
		ranges_out(a, q, &first);
	exo_set_free(&first);
	exo_plat_free(frames);
	exo_plat_free(list);
	exo_disk_put(a, d);
	return err;
}

int exo_do_flush(struct exo_ask *a, void *arg)
{
	struct exo_flush *q = arg;
	struct exo_disk *d;
	int err = exo_disk_get(a, q->disk, true, &d);

	if (err)
		return err;
	exo_lock(a->c);
	err = exo_flush_disk(d);
	exo_unlock(a->c);
	exo_disk_put(a, d);
	return err ? exo_no(a, -EIO, EXO_R_IO, 0) : 0;
}

/* The caller's runs as a set of blocks. */
static int sync_runs(struct exo_ask *a, struct exo_disk *d, const struct exo_sync *q, struct exo_set *out)
{
	struct exo_run *r;
	u32 i;
	int err;

	if (!q->nruns || q->nruns > EXO_MAX_RUNS)
		return exo_no(a, -EINVAL, EXO_R_RANGE, q->nruns);
	if (q->root != EXO_NOROOT)
		return exo_no(a, -EINVAL, EXO_R_RANGE, q->root);
	r = exo_plat_alloc(q->nruns * sizeof(*r));
	if (!r)
		return exo_nomem(a);
	err = exo_get(a, r, q->runs, q->nruns * sizeof(*r));
	for (i = 0; !err && i < q->nruns; i++) {
		if (!exo_disk_inside(d, r[i].start, r[i].count))
			err = exo_no(a, -EINVAL, EXO_R_RANGE, r[i].start);
		else if (exo_set_add(out, r[i].start, r[i].count, 0, 0, 0))
			err = exo_nomem(a);
	}
	exo_plat_free(r);
	if (!err)
		exo_set_union(out);
	return err;
}

/* An address that cannot take the plan fails the call: nothing was written. */
static int plan_out(struct exo_ask *a, struct exo_sync *q, const struct exo_set *plan)
{
	u32 i, n = plan->n < q->ranges_room ? plan->n : q->ranges_room;
	struct exo_range *r;
	int err;

	q->out_nranges = plan->n;
	for (i = 0; i < plan->n; i++)
		q->out_blocks += plan->r[i].start == EXO_NOBLOCK ? 1 : (u32)plan->r[i].count;
	if (!q->ranges || !n)
		return 0;
	r = exo_plat_alloc((size_t)n * sizeof(*r));
	if (!r)
		return exo_nomem(a);
	for (i = 0; i < n; i++) {
		r[i].start = plan->r[i].start;
		r[i].count = plan->r[i].count;
		r[i].template_id = plan->r[i].tmpl;
		r[i].kind = plan->r[i].from;
	}
	err = exo_give(a, q->ranges, r, (size_t)n * sizeof(*r));
	exo_plat_free(r);
	return err;
}

int exo_do_sync(struct exo_ask *a, void *arg)
{
	struct exo_sync *q = arg;
	bool some = q->head.flags & EXO_SYNC_RUNS, plan = q->head.flags & EXO_SYNC_PLAN;
	struct exo_set runs = {0}, order = {0};
	struct exo_disk *d;
	int err;

	q->out_blocks = q->out_rounds = q->out_nranges = 0;
	err = exo_disk_get(a, q->disk, true, &d);
	if (err)
		return err;
	if (some)
		err = sync_runs(a, d, q, &runs);
	else if (q->nruns)
		err = exo_no(a, -EINVAL, EXO_R_RANGE, q->nruns);
	if (!err) {
		exo_lock(a->c);
		if (q->root != EXO_NOROOT && (q->root >= EXO_MAX_ROOTS || d->roots[q->root].state == EXO_ROOT_EMPTY))
			err = exo_no(a, -ENOENT, EXO_R_NO_ROOT, q->root);
		else if (plan)
			err = exo_plan_disk(a, d, q->root, some ? &runs : NULL, &order, &q->out_rounds);
		else
			err = exo_sync_disk(a, d, q->root, some ? &runs : NULL, &q->out_blocks, &q->out_rounds);
		exo_unlock(a->c);
	}
	if (!err && plan)
		err = plan_out(a, q, &order);
	exo_set_free(&runs);
	exo_set_free(&order);
	exo_disk_put(a, d);
	return err;
}
