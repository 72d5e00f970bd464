// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * sync.c: write what is dirty in an order that the rules allow. Rounds of: write everything that may go; when nothing
 * may, flush, which lets more go. What has to go first is drawn in, also from other roots; uninitialised data that a
 * node has to point at is written as zeroes, which is what reading it gives.
 */
#include "sync.h"


#define IDLE_MAX 8192u /* more than any chain of waits is long */
#define ZERO 1024u /* blocks of zeroes in one write */

static void want(struct sync *s, struct exo_node *n)
{
	/* make_room counted them; one more than that waits for the next look. */
	if (n->need == s->need || s->nwork == s->room)
		return;
	n->need = s->need;
	n->at = s->nwork;
	s->work[s->nwork++] = n;
}

/* A block that must be durable before something else may go. */
static int want_block(struct sync *s, u64 block)
{
	struct exo_disk *d = s->d;
	struct exo_core *c = d->c;
	u32 f = exo_buf_find(c, d->nr, block);
	bool own = false;

	if (f != EXO_NOFRAME && (c->bufs[f].flags & (EXO_BUF_DIRTY | EXO_BUF_WRITING))) {
		want(s, exo_frame_node(c, f));
		return 0;
	}
	if (exo_flight_hits(d, block, 1, &own)) {
		if (own)
			s->busy = true;
		else
			s->direct = true;
		return 0;
	}
	if (!exo_bit(d->blank, block)) {
		s->flush = true;
		return 0;
	}
	s->nzero++;
	if (s->plan)
		return exo_set_add(&s->zero, block, 1, 0, 0, 0);
	if (f != EXO_NOFRAME && c->bufs[f].state == EXO_BUF_VALID) {
		exo_buf_dirty(c, f);
		want(s, exo_frame_node(c, f));
		return 0;
	}
	if (f != EXO_NOFRAME) {
		s->busy = true;
		return 0;
	}
	if (s->zero.n && s->zero.r[s->zero.n - 1].start + s->zero.r[s->zero.n - 1].count == block) {
		s->zero.r[s->zero.n - 1].count++;
		return 0;
	}
	return exo_set_add(&s->zero, block, 1, 0, 0, 0);
}

static int want_first(struct sync *s, struct exo_node *n)
{
	struct exo_wait *w;
	u32 i;
	u64 b;
	int err = 0;

	s->stuck = n->block;
	for (w = n->waits; w; w = w->src_next) {
		if (w->dst)
			want(s, w->dst);
		else
			s->flush = true;
	}
	for (i = 0; i < s->first.n && !err; i++) {
		const struct exo_rng *r = &s->first.r[i];

		/* A plan names data as it stands: a volume may be large. What is waited for is wanted already. */
		if (s->plan && !r->tmpl) {
			u32 f = exo_buf_find(s->d->c, s->d->nr, r->start);

			if (exo_bit(s->d->uninit, r->start) &&
			    (f == EXO_NOFRAME || !(s->d->c->bufs[f].flags & EXO_BUF_META)))
				err = exo_set_add(&s->zero, r->start, r->count, 0, 0, 0);
			continue;
		}
		for (b = s->first.r[i].start; b < s->first.r[i].start + s->first.r[i].count && !err; b++) {
			if (s->nzero >= ZERO && !s->plan)
				return 0;
			err = want_block(s, b);
		}
	}
	return err;
}

static int look_frame(struct sync *s, struct exo_node *n)
{
	struct exo_core *c = s->d->c;
	struct exo_buf *b = &c->bufs[n->id];
	bool ready;
	int err;

	if (b->flags & EXO_BUF_WRITING) {
		if (c->side[n->id].direct)
			s->direct = true;
		else
			s->busy = true;
		return 0;
	}
	if (!(b->flags & EXO_BUF_DIRTY)) {
		s->flush = true;
		return 0;
	}
	if (c->side[n->id].failed == s->stamp) {
		s->stuck = n->block;
		return 0;
	}
	s->first.n = 0;
	err = exo_write_ready(s->d, n->id, &s->first, &ready);
	if (err)
		return err;
	if (!ready)
		return want_first(s, n);
	if (s->nframes < EXO_SYNC_BATCH)
		s->frames[s->nframes++] = n->id;
	return 0;
}

static int look_entry(struct sync *s, struct exo_node *n)
{
	struct exo_root *r = &s->d->roots[n->id & 0xff];
	u32 i;
	int err;

	if (r->writing) {
		s->busy = true;
		return 0;
	}
	if (!r->dirty) {
		s->flush = true;
		return 0;
	}
	s->first.n = 0;
	if (exo_entry_ready(s->d, r, &s->first, &err)) {
		s->entries++;
		return 0;
	}
	if (err)
		return err;
	for (i = 0; i < EXO_MAX_ROOTS; i++) {
		struct exo_root *o = &s->d->roots[i];

		if (o->state == EXO_ROOT_DYING && !memcmp(o->h.name, r->h.name, EXO_NAME_MAX))
			want(s, &o->node);
	}
	return want_first(s, n);
}

/* Room for whatever a look can want: dirty and written buffers, entries, and those that it makes dirty itself. */
static int make_room(struct sync *s)
{
	u32 need = s->d->ndirty + s->d->nwriting + EXO_MAX_ROOTS + ZERO;

	if (need <= s->room)
		return 0;
	exo_plat_free(s->work);
	s->room = 0;
	s->work = exo_plat_alloc((size_t)need * sizeof(*s->work));
	if (!s->work)
		return -ENOMEM;
	s->room = need;
	return 0;
}

/* The blocks above that hold the way to a node to which nothing durable leads. */
static void climb(struct sync *s, struct exo_node *n, u64 mark)
{
	const struct exo_link *l;

	for (l = n->link; l; l = n->link) {
		n = l->parent;
		if (!l->durable && !l->done)
			want(s, n);
		if (n->mark == mark)
			return;
		n->mark = mark;
	}
}

static void name_frame(struct sync *s, u32 f, u64 mark)
{
	struct exo_core *c = s->d->c;
	const struct exo_buf *b = &c->bufs[f];
	struct exo_node *n = exo_frame_node(c, f);

	if (b->disk != s->d->nr || b->state != EXO_BUF_VALID || c->side[f].doomed)
		return;
	if (((b->flags & EXO_BUF_DIRTY) && c->side[f].dirty_since <= s->since) ||
	    ((b->flags & EXO_BUF_WRITING) && !c->side[f].direct))
		want(s, n);
	if (b->flags & EXO_BUF_META)
		climb(s, n, mark);
}

/* What the caller named, looked up by the shorter of the two lists. */
static void look_runs(struct sync *s)
{
	const struct exo_set *r = s->runs;
	struct exo_core *c = s->d->c;
	u64 mark = c->mark += 2, total = 0, b;
	u32 i, f;

	for (i = 0; i < r->n; i++)
		total += r->r[i].count;
	for (i = 0; i < r->n && total <= c->frames; i++)
		for (b = r->r[i].start; b < r->r[i].start + r->r[i].count; b++) {
			f = exo_buf_find(c, s->d->nr, b);
			if (f != EXO_NOFRAME)
				name_frame(s, f, mark);
		}
	for (f = 0; total > c->frames && f < c->frames; f++)
		if (c->bufs[f].state == EXO_BUF_VALID && exo_rng_find(r->r, r->n, c->bufs[f].block) < r->n)
			name_frame(s, f, mark);
}

static void look_root(struct sync *s)
{
	struct exo_disk *d = s->d;
	struct exo_core *c = d->c;
	u32 f, i;

	for (f = d->dirty_first; f; f = c->side[f - 1].dirty_next)
		if (c->side[f - 1].dirty_since <= s->since && (s->root == EXO_NOROOT || c->bufs[f - 1].root == s->root))
			want(s, exo_frame_node(c, f - 1));
	for (i = 0; i < EXO_MAX_ROOTS; i++)
		if ((d->roots[i].dirty || d->roots[i].writing) && (s->root == EXO_NOROOT || s->root == i))
			want(s, &d->roots[i].node);
}

int exo_sync_look(struct sync *s)
{
	struct exo_disk *d = s->d;
	struct exo_core *c = d->c;
	u32 i;
	int err = make_room(s);

	if (err)
		return err;
	s->need = ++c->tick;
	s->nwork = s->nframes = s->entries = 0;
	s->zero.n = 0;
	s->nzero = 0;
	s->flush = s->busy = s->direct = false;
	if (s->runs)
		look_runs(s);
	else
		look_root(s);
	s->old = s->nwork;
	/* A write that somebody else started before us must be over, too, before our flush. */
	for (i = 0; !s->runs && d->nwriting && i < c->frames; i++)
		if ((c->bufs[i].flags & EXO_BUF_WRITING) && c->bufs[i].disk == d->nr && !c->side[i].direct &&
		    !c->side[i].doomed && c->bufs[i].state == EXO_BUF_VALID &&
		    (s->root == EXO_NOROOT || c->bufs[i].root == s->root))
			want(s, exo_frame_node(c, i));
	for (i = 0; i < s->nwork && !err; i++)
		err = s->work[i]->id & EXO_NODE_ROOT ? look_entry(s, s->work[i]) : look_frame(s, s->work[i]);
	return err;
}

/* Zeroes for a part of an uninitialised extent, past the cache: no frame is needed, BIND waits for it. */
static int zero_run(struct sync *s, u64 start, u64 count)
{
	struct exo_disk *d = s->d;
	struct exo_core *c = d->c;
	struct exo_flight fl = {.start = start, .count = count, .own = true};
	struct exo_done *done = exo_plat_alloc(sizeof(*done));
	struct exo_seg *seg = exo_plat_alloc((size_t)count * sizeof(*seg));
	u64 where = start;
	u32 i;
	int err = -ENOMEM;

	if (done && seg)
		err = exo_hold_reserve(d, start, count);
	if (err) {
		exo_plat_free(done);
		exo_plat_free(seg);
		return exo_no(s->a, err, err == -EBUSY ? EXO_R_BUSY : EXO_R_NOMEM, start);
	}
	for (i = 0; i < count; i++) {
		seg[i].block = start + i;
		seg[i].mem = c->zero;
		seg[i].sectors = EXO_SECTORS;
	}
	done->start = start;
	done->count = count;
	exo_hold_get(d, start, count); /* the done's, until it is durable; it also covers the write */
	exo_flight_add(d, &fl);
	exo_unlock(c);
	err = exo_plat_io(d->dev, EXO_OP_WRITE, seg, (u32)count, &where);
	exo_lock(c);
	exo_flight_remove(&fl);
	c->stats->writes++;
	if (err) {
		exo_hold_put(d, start, count);
		exo_plat_free(done);
		err = exo_no(s->a, -EIO, EXO_R_IO, where);
	} else {
		c->stats->blocks_written += count;
		d->unflushed = true;
		exo_write_done(d, done);
	}
	exo_plat_free(seg);
	exo_plat_wake(c->lock);
	return err;
}

/* Only the first piece: the lock was given up, and the rest must be looked at again. */
static int zero_some(struct sync *s, u32 *blocks)
{
	u64 count = s->zero.r[0].count < ZERO ? s->zero.r[0].count : ZERO;
	int err = zero_run(s, s->zero.r[0].start, count);

	s->zeroes -= count < s->zeroes ? count : s->zeroes;
	if (!err)
		*blocks += (u32)count;
	return err;
}

/* By block: neighbours then share a request. None waits for another, or it would not be here. */
static void sort_frames(struct sync *s)
{
	const struct exo_buf *bufs = s->d->c->bufs;
	u32 gap, i, k, f;

	for (gap = 121; gap; gap /= 3)
		for (i = gap; i < s->nframes; i++) {
			f = s->frames[i];
			for (k = i; k >= gap && bufs[s->frames[k - gap]].block > bufs[f].block; k -= gap)
				s->frames[k] = s->frames[k - gap];
			s->frames[k] = f;
		}
}

static int turn(struct sync *s, u32 *blocks, u32 *rounds, bool *over)
{
	struct exo_disk *d = s->d;
	int err;

	/* Also when nothing is left to write: another call's flush failed, and what it was to make durable may be gone. */
	if (d->failed)
		return exo_no(s->a, -EIO, EXO_R_IO, 0);
	err = exo_sync_look(s);
	if (err)
		return exo_no(s->a, err, err == -ENOMEM ? EXO_R_NOMEM : EXO_R_UDF_REJECT, s->stuck << 3);
	if (s->old < s->least) {
		s->least = s->old;
		s->idle = 0;
	}
	if (s->idle > IDLE_MAX || !s->zeroes)
		return exo_no(s->a, -EBUSY, EXO_R_BUSY, s->stuck);
	if (!s->busy)
		s->idle++;
	if (s->nframes) {
		sort_frames(s);
		err = exo_write_frames(s->a, d, s->frames, s->nframes, s->stamp, blocks);
		if (err == -EIO && !d->failed) {
			s->bad = s->a->detail;
			err = 0; /* the others go on; the end of SYNC tells */
		}
		return err;
	}
	if (s->zero.n) {
		s->idle = 0;
		return zero_some(s, blocks);
	}
	if (d->nwritten > EXO_WRITTEN_MAX) {
		++*rounds;
		return exo_flush_disk(d) ? exo_no(s->a, -EIO, EXO_R_IO, 0) : 0;
	}
	if (s->entries)
		return exo_entry_write(s->a, d, s->need, blocks);
	if (s->busy || d->flushing) {
		exo_plat_wait(d->c->lock);
		return 0;
	}
	if (d->written || d->unflushed) {
		++*rounds;
		return exo_flush_disk(d) ? exo_no(s->a, -EIO, EXO_R_IO, 0) : 0;
	}
	*over = true;
	if (s->bad != EXO_NOBLOCK)
		return exo_no(s->a, -EIO, EXO_R_IO, s->bad);
	if (s->direct)
		return exo_no(s->a, -EBUSY, EXO_R_BUSY, s->stuck);
	if (s->nwork)
		return exo_no(s->a, -EBUSY, EXO_R_TAINTED, s->stuck);
	return 0;
}

int exo_sync_disk(struct exo_ask *a, struct exo_disk *d, u32 root, const struct exo_set *runs, u32 *blocks, u32 *rounds)
{
	struct exo_core *c = d->c;
	struct sync s = {.a = a, .d = d, .root = root, .runs = runs, .bad = EXO_NOBLOCK};
	bool over = false;
	int err = 0;

	s.frames = exo_plat_alloc(EXO_SYNC_BATCH * sizeof(*s.frames));
	if (!s.frames)
		err = exo_nomem(a);
	s.since = c->tick;
	s.least = ~0u;
	s.zeroes = d->nuninit + 8 * ZERO;
	s.stamp = ++c->tick;
	while (!err && !over)
		err = turn(&s, blocks, rounds, &over);
	exo_set_free(&s.zero);
	exo_set_free(&s.first);
	exo_plat_free(s.work);
	exo_plat_free(s.frames);
	return err;
}
