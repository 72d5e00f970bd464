// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * write.c: buffers to the disk. Metadata is copied aside first, so that it may be edited while its old image is
 * written; data is written from its frame after every mapping of it was removed, so that a later store makes it dirty
 * again.
 */
#include "internal.h"

int exo_write_ready(struct exo_disk *d, u32 frame, struct exo_set *first, bool *ready)
{
	struct exo_core *c = d->c;
	struct exo_node *n = exo_frame_node(c, frame);
	struct exo_wait *w;
	struct exo_link *k;
	u64 count, below = 0;
	bool exempt;
	int err;

	*ready = true;
	if (!(c->bufs[frame].flags & EXO_BUF_META))
		return 0;
	for (w = n->waits; w; w = w->src_next) {
		*ready = false;
		if (first && exo_set_add(first, w->block, 1, 0, 0, 0))
			return -ENOMEM;
	}
	n->lax = false;
	if ((!n->fresh && !n->slack) || exo_root_temporary(d, c->bufs[frame].root))
		return 0;
	exempt = exo_order_pending(d, n);
	err = exo_owns_uninit(d, frame, exempt ? NULL : first, &count);
	if (!err && !exempt)
		err = exo_order_below(d, n, first, &below);
	if (err)
		return err;
	if (exempt) {
		n->lax = count;
		for (k = n->kids; k && !n->lax; k = k->next)
			n->lax = exo_order_pending(d, k->child);
		count = 0;
	}
	count += below;
	c->bufs[frame].taint = count > 0xffffffffull ? 0xffffffffu : (u32)count;
	if (count)
		*ready = false;
	return 0;
}

/* One write call under way. */
struct batch {
	struct exo_disk *d;
	const u32 *frames;
	u32 n, nfirst;
	struct exo_seg *seg;   /* n whole blocks */
	struct exo_seg *early; /* the sectors that must be durable before the rest of their block */
	u32 *early_of;	       /* index of the block that it belongs to */
	struct exo_done **done;
	u8 *bounce;
	bool *bad;
	bool lost; /* a flush failed: what was written before it, by anybody, may be gone */
};

static u32 runs_of(u8 mask)
{
	u32 i, n = 0;

	for (i = 0; i < EXO_SECTORS; i++)
		n += (mask >> i & 1) && !(i && (mask >> (i - 1) & 1));
	return n;
}

static void add_early(struct batch *b, u32 i, u8 mask)
{
	u32 s, e;

	for (s = 0; s < EXO_SECTORS; s = e + 1) {
		e = s;
		while (e < EXO_SECTORS && (mask >> e & 1))
			e++;
		if (e == s)
			continue;
		b->early[b->nfirst] = b->seg[i];
		b->early[b->nfirst].first = (u16)s;
		b->early[b->nfirst].sectors = (u16)(e - s);
		b->early_of[b->nfirst++] = i;
	}
}

static void batch_free(struct batch *b)
{
	u32 i;

	for (i = 0; b->done && i < b->n; i++)
		exo_plat_free(b->done[i]);
	exo_plat_free(b->done);
	exo_plat_free(b->seg);
	exo_plat_free(b->early);
	exo_plat_free(b->early_of);
	exo_plat_free(b->bounce);
	exo_plat_free(b->bad);
}

/* Everything that can fail, before anything changes. */
static int batch_prepare(struct batch *b)
{
	struct exo_disk *d = b->d;
	struct exo_core *c = d->c;
	u32 i, nmeta = 0, nearly = 0;

	for (i = 0; i < b->n; i++) {
		if (!(c->bufs[b->frames[i]].flags & EXO_BUF_META))
			continue;
		nmeta++;
		nearly += runs_of(exo_frame_node(c, b->frames[i])->first);
	}
	b->seg = exo_plat_alloc((size_t)b->n * sizeof(*b->seg));
	b->done = exo_plat_alloc((size_t)b->n * sizeof(*b->done));
	b->bad = exo_plat_alloc(b->n);
	if (!b->seg || !b->done || !b->bad)
		return -ENOMEM;
	if (nmeta) {
		b->bounce = exo_plat_alloc((size_t)nmeta * EXO_BLOCK_SIZE);
		if (!b->bounce)
			return -ENOMEM;
	}
	if (nearly) {
		b->early = exo_plat_alloc((size_t)nearly * sizeof(*b->early));
		b->early_of = exo_plat_alloc((size_t)nearly * sizeof(*b->early_of));
		if (!b->early || !b->early_of)
			return -ENOMEM;
	}
	for (i = 0; i < b->n; i++) {
		struct exo_buf *buf = &c->bufs[b->frames[i]];
		int err = exo_hold_reserve(d, buf->block, 1);

		if (err)
			return err;
		if (!(buf->flags & EXO_BUF_META) && !exo_bit(d->uninit, buf->block))
			continue;
		b->done[i] = exo_plat_alloc(sizeof(**b->done));
		if (!b->done[i])
			return -ENOMEM;
		/* From here on the disk may hold these pointers, whether or not the write succeeds. */
		if ((buf->flags & EXO_BUF_META) && exo_frame_node(c, b->frames[i])->fresh) {
			err = exo_owns_submit(d, b->frames[i]);
			if (err)
				return err;
		}
	}
	return 0;
}

static void batch_submit(struct batch *b)
{
	struct exo_disk *d = b->d;
	struct exo_core *c = d->c;
	u8 *copy = b->bounce;
	u32 i;

	for (i = 0; i < b->n; i++) {
		u32 f = b->frames[i];
		struct exo_buf *buf = &c->bufs[f];

		b->seg[i].block = buf->block;
		b->seg[i].mem = exo_plat_frame(f);
		b->seg[i].sectors = EXO_SECTORS;
		c->side[f].pins++;
		exo_buf_clean(c, f);
		buf->flags |= EXO_BUF_WRITING;
		d->nwriting++;
		exo_hold_get(d, buf->block, 1);
		if (b->done[i] && exo_bit(d->uninit, buf->block)) {
			b->done[i]->start = buf->block;
			b->done[i]->count = 1;
			exo_hold_get(d, buf->block, 1);
		}
		if (buf->flags & EXO_BUF_META) {
			memcpy(copy, b->seg[i].mem, EXO_BLOCK_SIZE);
			b->seg[i].mem = copy;
			copy += EXO_BLOCK_SIZE;
			buf->taint = 0;
			exo_order_submit(exo_frame_node(c, f), b->done[i]);
			add_early(b, i, exo_frame_node(c, f)->wfirst);
		} else {
			exo_plat_zap(f);
		}
		exo_buf_settle(c, f);
	}
}

/* Without the lock. */
static void batch_io(struct batch *b)
{
	struct exo_dev *dev = b->d->dev;
	u64 where = 0;
	u32 i;

	for (i = 0; i < b->nfirst; i++)
		if (exo_plat_io(dev, EXO_OP_WRITE, &b->early[i], 1, &where))
			b->bad[b->early_of[i]] = true;
	if (b->nfirst && exo_plat_flush(dev))
		b->lost = true;
	for (i = 0; b->lost && i < b->n; i++)
		b->bad[i] = true;
	if (b->lost)
		return;
	for (i = 0; i < b->n && !b->bad[i]; i++)
		;
	if (i == b->n && !exo_plat_io(dev, EXO_OP_WRITE, b->seg, b->n, &where))
		return;
	/* One bad block must not keep its neighbours from the disk. */
	for (i = 0; i < b->n; i++)
		if (!b->bad[i])
			b->bad[i] = exo_plat_io(dev, EXO_OP_WRITE, &b->seg[i], 1, &where) != 0;
}

void exo_write_done(struct exo_disk *d, struct exo_done *done)
{
	exo_bit_wipe(d->blank, done->start, done->count);
	if (done->node)
		done->node->flush = d->flush_begun;
	exo_order_written(done);
	if (d->vol) {
		done->next = d->written;
		d->written = done;
		d->nwritten++;
	} else {
		exo_order_durable(d, done);
	}
}

static void failed(struct exo_disk *d, u32 f, struct exo_done *done, u64 stamp)
{
	struct exo_core *c = d->c;

	if (done) {
		if (done->count)
			exo_hold_put(d, done->start, done->count);
		if (done->node)
			exo_order_failed(done);
		exo_plat_free(done);
	}
	if (c->side[f].doomed)
		return;
	exo_buf_dirty(c, f);
	c->bufs[f].flags |= EXO_BUF_ERROR;
	c->side[f].failed = stamp;
}

int exo_write_frames(struct exo_ask *a, struct exo_disk *d, const u32 *frames, u32 n, u64 stamp, u32 *written)
{
	struct exo_core *c = d->c;
	struct batch b = {.d = d, .frames = frames, .n = n};
	u64 where = EXO_NOBLOCK;
	u32 i;
	int err;

	if (d->failed)
		return exo_no(a, -EIO, EXO_R_IO, 0);
	err = batch_prepare(&b);
	if (err) {
		batch_free(&b);
		return exo_no(a, err, err == -EBUSY ? EXO_R_BUSY : EXO_R_NOMEM, 0);
	}
	batch_submit(&b);
	exo_unlock(c);
	batch_io(&b);
	exo_lock(c);
	c->stats->writes++;
	d->failed |= b.lost;
	for (i = 0; i < n; i++) {
		u32 f = frames[i];

		if (!c->side[f].doomed)
			c->bufs[f].flags &= (u8)~EXO_BUF_WRITING;
		if (b.bad[i]) {
			where = b.seg[i].block;
			failed(d, f, b.done[i], stamp);
		} else {
			d->unflushed = true;
			c->stats->blocks_written++;
			++*written;
			if (b.done[i])
				exo_write_done(d, b.done[i]);
		}
		b.done[i] = NULL;
		d->nwriting--;
		exo_hold_put(d, b.seg[i].block, 1);
		exo_buf_unpin(c, f);
	}
	exo_plat_wake(c->lock);
	batch_free(&b);
	return where == EXO_NOBLOCK ? 0 : exo_no(a, -EIO, EXO_R_IO, where);
}

/*
 * Durable are the writes that had completed when the flush began. A flush that fails leaves open what is on the disk,
 * so nothing is written to it any more: DETACH with DISCARD and a new ATTACH find out.
 */
int exo_flush_disk(struct exo_disk *d)
{
	struct exo_core *c = d->c;
	struct exo_done *list = d->written, *done;
	u64 number;
	int err;

	if (d->failed)
		return -EIO;
	if (!d->vol) {
		d->unflushed = false;
		return 0;
	}
	d->written = NULL;
	d->nwritten = 0;
	d->unflushed = false;
	d->flushing++;
	number = ++d->flush_begun;
	exo_unlock(c);
	err = exo_plat_flush(d->dev);
	exo_lock(c);
	d->flushing--;
	c->stats->flushes++;
	/* Another one that failed meanwhile may have been told of what this one was for. */
	if (!err && d->failed)
		err = -EIO;
	/* Blocks that were durable before and were written anew are on no list: this alone keeps SYNC from calling them durable. */
	if (err)
		d->failed = d->unflushed = true;
	else if (number > d->flush_done)
		d->flush_done = number;
	while ((done = list)) {
		list = done->next;
		if (err) {
			done->next = d->written;
			d->written = done;
			d->nwritten++;
		} else {
			exo_order_durable(d, done);
		}
	}
	exo_plat_wake(c->lock);
	return err ? -EIO : 0;
}

int exo_flush_other(struct exo_disk *d)
{
	int err = exo_plat_flush(d->dev);

	if (!err)
		return 0;
	exo_lock(d->c);
	d->failed = true;
	exo_unlock(d->c);
	return err;
}
