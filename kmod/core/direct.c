// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * direct.c: transfers between data blocks and an env's private frames, past the registry, in two halves. Between them
 * the frames are pinned and the blocks held, so that neither gets another owner; the blocks are on the disk's list of
 * flights, so that the cache does not read them while they are written. Nothing here waits for another direct transfer:
 * its second half may need the very thread that would wait.
 */
#include "internal.h"

struct io {
	struct exo_ioreq req; /* first: the platform holds this one */
	struct exo_core *c;
	struct exo_disk *d;
	struct exo_flight flight;
	struct exo_done **more; /* runs that stop being uninitialised */
	u32 *frames, n;
	u32 *covered; /* dirty buffers that the write replaces, pinned */
	u32 ncovered, nmore;
	u32 env; /* id */
	u64 arg;
	struct exo_io q;
};

static void io_free(struct io *r)
{
	u32 i;

	for (i = 0; i < r->nmore; i++)
		exo_plat_free(r->more[i]);
	exo_plat_free(r->more);
	exo_plat_free(r->req.segs);
	exo_plat_free(r->frames);
	exo_plat_free(r->covered);
	exo_plat_free(r);
}

static int check_frames(struct exo_ask *a, struct io *r)
{
	u32 i;

	/* One frame for two blocks is fine for a write, and a read leaves the last: no harm to anybody. */
	for (i = 0; i < r->n; i++) {
		u32 f = r->frames[i];

		if (f >= a->c->frames || !(a->e->grants[f] & EXO_GRANT_PRIVATE))
			return exo_no(a, -EINVAL, EXO_R_FRAME, f);
	}
	return 0;
}

static void add_seg(struct io *r, u64 block, u32 frame)
{
	struct exo_seg *s = &r->req.segs[r->req.nsegs++];

	s->block = block;
	s->mem = exo_plat_frame(frame);
	s->sectors = EXO_SECTORS;
}

/* What is in core, or was never written, comes from there. */
static void plan_read(struct io *r)
{
	struct exo_core *c = r->c;
	u32 i;

	for (i = 0; i < r->n; i++) {
		u64 block = r->q.first + i;
		u32 f = exo_buf_find(c, r->d->nr, block);

		if (f != EXO_NOFRAME && c->bufs[f].state == EXO_BUF_VALID)
			memcpy(exo_plat_frame(r->frames[i]), exo_plat_frame(f), EXO_BLOCK_SIZE);
		else if (exo_bit(r->d->blank, block))
			memset(exo_plat_frame(r->frames[i]), 0, EXO_BLOCK_SIZE);
		else
			add_seg(r, block, r->frames[i]);
	}
}

/* 1: a buffer of the range is being written by the cache; that ends by itself. */
static int plan_write(struct exo_ask *a, struct io *r)
{
	struct exo_core *c = r->c;
	struct exo_disk *d = r->d;
	u64 block, end = r->q.first + r->n;
	u32 i;

	for (i = 0; i < r->n; i++) {
		u32 f = exo_buf_find(c, d->nr, r->q.first + i);

		if (f == EXO_NOFRAME)
			continue;
		if (c->bufs[f].refs)
			return exo_no(a, -EBUSY, EXO_R_CACHED, r->q.first + i);
		if (c->side[f].direct)
			return exo_no(a, -EBUSY, EXO_R_BUSY, r->q.first + i);
		if (c->bufs[f].flags & EXO_BUF_WRITING)
			return 1;
	}
	/* Runs of uninitialised blocks: one record each, before anything changes. */
	for (block = exo_bit_next(d->uninit, r->q.first, end, true); block != end;
	     block = exo_bit_next(d->uninit, block, end, true)) {
		struct exo_done *done = exo_plat_alloc(sizeof(*done));

		if (!done)
			return exo_nomem(a);
		done->start = block;
		block = exo_bit_next(d->uninit, block, end, false);
		done->count = block - done->start;
		r->more[r->nmore++] = done;
	}
	for (i = 0; i < r->n; i++) {
		u32 f = exo_buf_find(c, d->nr, r->q.first + i);

		add_seg(r, r->q.first + i, r->frames[i]);
		if (f == EXO_NOFRAME)
			continue;
		if (!(c->bufs[f].flags & EXO_BUF_DIRTY)) {
			exo_buf_drop(c, f);
			continue;
		}
		/* Newer than the disk until the write has succeeded: kept, and left alone by the cache. */
		c->bufs[f].flags |= EXO_BUF_WRITING;
		c->side[f].direct = true;
		exo_buf_pin(c, f);
		r->covered[r->ncovered++] = f;
	}
	for (i = 0; i < r->nmore; i++)
		exo_hold_get(d, r->more[i]->start, r->more[i]->count);
	return 0;
}

static int plan(struct exo_ask *a, struct io *r)
{
	bool write = r->q.head.flags & EXO_IO_WRITE;
	struct exo_want w = {
		.cap = r->q.cap,
		.root = r->q.root,
		.index = r->q.index,
		.parent = r->q.parent,
		.claim = r->q.claim,
		.first = r->q.first,
		.count = r->n,
		.rights = write ? EXO_RIGHT_ALL : EXO_RIGHT_READ,
	};
	struct exo_disk *d = r->d;
	u32 root, i;
	int err;

	for (;;) {
		bool own = false;

		err = check_frames(a, r);
		if (!err)
			err = exo_claim_check(a, d, &w, &root);
		if (!err && exo_hold_reserve(d, r->q.first, r->n))
			err = exo_nomem(a);
		if (err)
			return err;
		if (exo_flight_hits(d, r->q.first, r->n, true, &own) && own) {
			exo_plat_wait(a->c->lock);
			continue;
		}
		if (write && exo_flight_hits(d, r->q.first, r->n, true, NULL))
			return exo_no(a, -EBUSY, EXO_R_BUSY, r->q.first);
		if (write && d->nwritten > EXO_WRITTEN_MAX) {
			if (exo_flush_disk(d))
				return exo_no(a, -EIO, EXO_R_IO, r->q.first);
			continue;
		}
		err = 0;
		if (write)
			err = plan_write(a, r);
		else
			plan_read(r);
		if (err != 1)
			break;
		exo_plat_wait(a->c->lock);
	}
	if (err)
		return err;
	for (i = 0; i < r->n; i++)
		exo_buf_pin(a->c, r->frames[i]);
	exo_hold_get(d, r->q.first, r->n);
	r->flight.start = r->q.first;
	r->flight.count = r->n;
	r->flight.write = write;
	exo_flight_add(d, &r->flight);
	d->flying++;
	return 0;
}

static int prepare(struct exo_ask *a, const struct exo_io *q, struct io **out)
{
	struct io *r = exo_plat_alloc(sizeof(*r));
	bool write = q->head.flags & EXO_IO_WRITE;
	int err;

	if (!r)
		return exo_nomem(a);
	r->q = *q;
	r->c = a->c;
	r->n = q->count;
	if (!q->count || q->count > EXO_MAX_BIND)
		err = exo_no(a, -EINVAL, EXO_R_RANGE, q->count);
	else if (q->claim.template_id)
		err = exo_no(a, write ? -EPERM : -EINVAL, write ? EXO_R_META_WRITE : EXO_R_RANGE, q->claim.template_id);
	else if ((q->head.flags & EXO_IO_FUA) && !write)
		err = exo_no(a, -EINVAL, EXO_R_FLAGS, EXO_IO_FUA);
	else
		err = 0;
	if (!err) {
		r->frames = exo_plat_alloc(r->n * sizeof(*r->frames));
		r->covered = exo_plat_alloc(r->n * sizeof(*r->covered));
		r->req.segs = exo_plat_alloc(r->n * sizeof(*r->req.segs));
		r->more = exo_plat_alloc(r->n * sizeof(*r->more));
		err = r->frames && r->covered && r->req.segs && r->more ? 0 : exo_nomem(a);
	}
	if (!err)
		err = exo_get(a, r->frames, q->frames, r->n * sizeof(*r->frames));
	if (!err)
		err = exo_disk_get(a, q->disk, write, &r->d);
	if (err) {
		io_free(r);
		return err;
	}
	exo_lock(a->c);
	err = r->d->failed && write ? exo_no(a, -EIO, EXO_R_IO, q->first) : plan(a, r);
	exo_unlock(a->c);
	exo_disk_put(a, r->d); /* from here on `flying` keeps the disk */
	if (err) {
		io_free(r);
		return err;
	}
	r->req.dev = r->d->dev;
	r->req.op = !write ? EXO_OP_READ : q->head.flags & EXO_IO_FUA ? EXO_OP_WRITE_FUA : EXO_OP_WRITE;
	*out = r;
	return 0;
}

/* The written blocks stop being uninitialised: now if they are durable, else with the next flush. */
static void account(struct io *r, int err)
{
	struct exo_disk *d = r->d;
	struct exo_core *c = r->c;
	bool durable = r->req.op == EXO_OP_WRITE_FUA;
	u32 i;

	for (i = 0; i < r->nmore; i++) {
		struct exo_done *done = r->more[i];

		if (err) {
			exo_hold_put(d, done->start, done->count);
			exo_plat_free(done);
		} else if (durable) {
			exo_order_written(done);
			exo_order_durable(d, done);
		} else {
			exo_write_done(d, done);
		}
		r->more[i] = NULL;
	}
	for (i = 0; i < r->ncovered; i++) {
		u32 f = r->covered[i];

		if (!c->side[f].doomed) {
			c->bufs[f].flags &= (u8)~EXO_BUF_WRITING;
			c->side[f].direct = false;
			if (!err)
				exo_buf_drop(c, f);
		}
		exo_buf_unpin(c, f);
	}
	if (!err && r->req.op == EXO_OP_WRITE)
		d->unflushed = true;
}

static int finish(struct io *r, int err, struct exo_ask *a, u64 bad)
{
	struct exo_disk *d = r->d;
	struct exo_core *c = r->c;
	u32 i;

	exo_lock(c);
	if (r->req.op == EXO_OP_READ) {
		c->stats->reads += r->req.nsegs != 0;
		c->stats->blocks_read += err ? 0 : r->req.nsegs;
	} else {
		c->stats->writes++;
		c->stats->blocks_written += err ? 0 : r->req.nsegs;
		account(r, err);
	}
	exo_flight_remove(d, &r->flight);
	exo_hold_put(d, r->flight.start, r->flight.count);
	for (i = 0; i < r->n; i++)
		exo_buf_unpin(c, r->frames[i]);
	d->flying--;
	exo_plat_wake(c->lock);
	exo_unlock(c);
	io_free(r);
	return err ? exo_no(a, -EIO, EXO_R_IO, bad) : 0;
}

int exo_do_io(struct exo_ask *a, void *arg)
{
	struct io *r;
	u64 bad = 0;
	int err = prepare(a, arg, &r);

	if (err)
		return err;
	if (r->req.nsegs)
		err = exo_plat_io(r->req.dev, r->req.op, r->req.segs, r->req.nsegs, &bad);
	return finish(r, err, a, bad);
}

int exo_io_begin(struct exo_env *e, u64 arg, struct exo_ioreq **out)
{
	struct exo_ask a = {.c = e->c, .e = e, .env = e->id};
	struct exo_io q;
	struct io *r = NULL;
	u32 size = 0;
	int err = exo_call_in(&a, EXO_NR_IO, arg, &q, &size);

	if (!err)
		err = prepare(&a, &q, &r);
	if (err) {
		exo_call_out(&a, EXO_NR_IO, arg, &q, size, err);
		return err;
	}
	r->arg = arg;
	r->env = e->id;
	r->q = q;
	*out = &r->req;
	return 0;
}

int exo_io_done(struct exo_ioreq *req, int err, u64 bad_block)
{
	struct io *r = (struct io *)req;
	struct exo_ask a = {.c = r->c, .env = r->env};
	struct exo_io q = r->q;
	u64 arg = r->arg;
	u32 size = q.head.size;

	err = finish(r, err, &a, bad_block);
	return exo_call_out(&a, EXO_NR_IO, arg, &q, size, err);
}
