// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * direct.c: transfers between data blocks and an env's private frames, past the registry, in two halves. Between them
 * the frames are pinned and the blocks held, so that neither gets another owner; the blocks are on the disk's list of
 * flights, so that the cache does not read them while they are written. Nothing here waits for another direct transfer:
 * its second half may need the very thread that would wait.
 */
#include "direct.h"

static int check_frames(struct exo_ask *a, const struct exo_op *r)
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

static void add_seg(struct exo_op *r, u64 block, u32 frame)
{
	r->req.segs[r->req.nsegs++] =
		(struct exo_seg){.block = block, .mem = exo_plat_frame(frame), .sectors = EXO_SECTORS};
}

/* What is in core, or was never written, comes from there. */
static void plan_read(struct exo_op *r)
{
	struct exo_core *c = r->c;
	u32 i;

	for (i = 0; i < r->n; i++) {
		u64 block = r->first + i;
		u32 f = exo_buf_find(c, r->d->nr, block);

		if (f != EXO_NOFRAME && c->bufs[f].state == EXO_BUF_VALID)
			memcpy(exo_plat_frame(r->frames[i]), exo_plat_frame(f), EXO_BLOCK_SIZE);
		else if (exo_bit(r->d->blank, block))
			memset(exo_plat_frame(r->frames[i]), 0, EXO_BLOCK_SIZE);
		else
			add_seg(r, block, r->frames[i]);
	}
}

/* Runs of uninitialised blocks: one record each, before anything changes. */
static int plan_uninit(struct exo_ask *a, struct exo_op *r)
{
	struct exo_disk *d = r->d;
	u64 end = r->first + r->n, block = exo_bit_next(d->uninit, r->first, end, true);

	if (block == end)
		return 0;
	if (!r->more)
		r->more = exo_plat_alloc(r->n * sizeof(*r->more));
	if (!r->more)
		return exo_nomem(a);
	while (block != end) {
		struct exo_done *done = exo_plat_alloc(sizeof(*done));

		if (!done)
			return exo_nomem(a);
		done->start = block;
		block = exo_bit_next(d->uninit, block, end, false);
		done->count = block - done->start;
		r->more[r->nmore++] = done;
		block = exo_bit_next(d->uninit, block, end, true);
	}
	return 0;
}

/* 1: a buffer of the range is being written by the cache; that ends by itself. */
static int plan_write(struct exo_ask *a, struct exo_op *r)
{
	struct exo_core *c = r->c;
	struct exo_disk *d = r->d;
	u32 i;
	int err;

	for (i = 0; i < r->n; i++) {
		u32 f = exo_buf_find(c, d->nr, r->first + i);

		if (f == EXO_NOFRAME)
			continue;
		if (c->bufs[f].refs)
			return exo_no(a, -EBUSY, EXO_R_CACHED, r->first + i);
		if (c->side[f].direct)
			return exo_no(a, -EBUSY, EXO_R_BUSY, r->first + i);
		if (c->bufs[f].flags & EXO_BUF_WRITING)
			return 1;
	}
	err = plan_uninit(a, r);
	if (err)
		return err;
	for (i = 0; i < r->n; i++) {
		u32 f = exo_buf_find(c, d->nr, r->first + i);

		add_seg(r, r->first + i, r->frames[i]);
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

static bool is_write(const struct exo_op *r)
{
	return r->flags & EXO_IO_WRITE;
}

static int check(struct exo_ask *a, struct exo_op *r)
{
	u32 root;
	int err = check_frames(a, r);

	if (!err)
		err = r->binding ? exo_tie_check(a, r->d, r) : exo_claim_check(a, r->d, &r->want, &root);
	if (!err && exo_hold_reserve(r->d, r->first, r->n))
		err = exo_nomem(a);
	return err;
}

static int plan(struct exo_ask *a, struct exo_op *r)
{
	bool write = is_write(r);
	struct exo_disk *d = r->d;
	u32 i;
	int err;

	for (;;) {
		bool own = false;

		err = check(a, r);
		if (err)
			return err;
		if (exo_flight_hits(d, r->first, r->n, &own)) {
			if (write && !own)
				return exo_no(a, -EBUSY, EXO_R_BUSY, r->first);
			if (own) {
				exo_plat_wait(a->c->lock);
				continue;
			}
		}
		if (write && d->nwritten > EXO_WRITTEN_MAX) {
			if (exo_flush_disk(d))
				return exo_no(a, -EIO, EXO_R_IO, r->first);
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
	/* Private frames are on no list, so that nothing but the count changes. */
	for (i = 0; i < r->n; i++)
		a->c->side[r->frames[i]].pins++;
	exo_hold_get(d, r->first, r->n);
	if (write) {
		r->flight.start = r->first;
		r->flight.count = r->n;
		r->flight.own = false;
		exo_flight_add(d, &r->flight);
	}
	d->flying++;
	return 0;
}

/* The parts of a request that can be judged without the lock. */
static int check_form(struct exo_ask *a, u32 flags, u32 count)
{
	if (!count || count > EXO_MAX_BIND)
		return exo_no(a, -EINVAL, EXO_R_RANGE, count);
	if ((flags & EXO_IO_FUA) && !(flags & EXO_IO_WRITE))
		return exo_no(a, -EINVAL, EXO_R_FLAGS, EXO_IO_FUA);
	return 0;
}

static const struct exo_claim no_claim;

static int check_struct(struct exo_ask *a, const struct exo_io *q)
{
	bool write = q->head.flags & EXO_IO_WRITE;
	int err = check_form(a, q->head.flags, q->count);

	if (err)
		return err;
	if (q->head.flags & EXO_IO_BOUND) {
		if (q->disk || q->cap || q->root || q->parent || memcmp(&q->claim, &no_claim, sizeof(no_claim)))
			return exo_no(a, -EOPNOTSUPP, EXO_R_RESERVED, 0);
		return 0;
	}
	if (q->claim.template_id)
		return exo_no(a, write ? -EPERM : -EINVAL, write ? EXO_R_META_WRITE : EXO_R_RANGE,
			      q->claim.template_id);
	return 0;
}

/* What a transfer is, before it has an exo_op. */
struct ask_io {
	u32 flags, binding, count, disk;
	u64 first;
	const u32 *frames;	/* NULL: they are in room */
	void *room;		/* of exo_op_room */
	const struct exo_io *q; /* its claim; NULL with a binding */
};

/* Takes w->room over. Lock held, given up while it waits. */
static int prepare(struct exo_ask *a, const struct ask_io *w, struct exo_op **out)
{
	struct exo_op *r = exo_op_get(a->c, w->count, w->room);
	bool write = w->flags & EXO_IO_WRITE;
	u32 i, disk = w->disk;
	int err = 0;

	if (!r) {
		exo_plat_free(w->room);
		return exo_nomem(a);
	}
	r->first = w->first;
	r->flags = w->flags;
	r->binding = w->binding;
	r->env = a->env;
	r->arg = 0;
	r->want.rights = write ? EXO_RIGHT_ALL : EXO_RIGHT_READ;
	if (w->frames)
		for (i = 0; i < w->count; i++)
			r->frames[i] = w->frames[i];
	if (w->q) {
		r->want.cap = w->q->cap;
		r->want.root = w->q->root;
		r->want.index = w->q->index;
		r->want.parent = w->q->parent;
		r->want.claim = w->q->claim;
		r->want.first = w->first;
		r->want.count = w->count;
	} else {
		err = exo_tie_disk(a, w->binding, &disk);
	}
	if (!err)
		err = exo_disk_get_locked(a, disk, write, &r->d);
	if (!err) {
		err = r->d->failed && write ? exo_no(a, -EIO, EXO_R_IO, w->first) : plan(a, r);
		exo_disk_put_locked(a, r->d); /* from here on `flying` keeps the disk */
	}
	if (err) {
		exo_op_put(a->c, r);
		return err;
	}
	r->req.dev = r->d->dev;
	r->req.op = !write ? EXO_OP_READ : w->flags & EXO_IO_FUA ? EXO_OP_WRITE_FUA : EXO_OP_WRITE;
	*out = r;
	return 0;
}

/* The frames' numbers, from the caller's memory or `run` from one on, and then the lock for the rest. */
static int fetch(struct exo_ask *a, struct ask_io *w, u64 frames, bool run, struct exo_op **out)
{
	u32 few[EXO_OP_BLOCKS], *all = few, i;
	int err = 0;

	if (exo_op_small(w->count)) {
		w->frames = few;
	} else {
		w->room = exo_op_room(w->count);
		if (!w->room)
			return exo_nomem(a);
		all = exo_op_room_frames(w->room, w->count);
	}
	if (!run)
		err = exo_get(a, all, frames, w->count * sizeof(*all));
	else if (frames >= a->c->frames)
		err = exo_no(a, -EINVAL, EXO_R_FRAME, frames);
	else
		for (i = 0; i < w->count; i++)
			all[i] = (u32)frames + i;
	if (err) {
		exo_plat_free(w->room);
		return err;
	}
	exo_lock(a->c);
	err = prepare(a, w, out);
	exo_unlock(a->c);
	return err;
}

static int begin(struct exo_ask *a, const struct exo_io *q, struct exo_op **out)
{
	struct ask_io w = {.flags = q->head.flags, .count = q->count, .first = q->first, .disk = q->disk};
	int err = check_struct(a, q);

	if (q->head.flags & EXO_IO_BOUND)
		w.binding = q->index;
	else
		w.q = q;
	return err ? err : fetch(a, &w, q->frames, false, out);
}

/* The written blocks stop being uninitialised: now if they are durable, else with the next flush. */
static void account(struct exo_op *r, int err)
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

static void finish(struct exo_op *r, int err)
{
	struct exo_disk *d = r->d;
	struct exo_core *c = r->c;
	u32 i;

	if (r->req.op == EXO_OP_READ) {
		c->stats->reads += r->req.nsegs != 0;
		c->stats->blocks_read += err ? 0 : r->req.nsegs;
	} else {
		c->stats->writes++;
		c->stats->blocks_written += err ? 0 : r->req.nsegs;
		account(r, err);
		exo_flight_remove(&r->flight);
	}
	exo_hold_put(d, r->first, r->n);
	for (i = 0; i < r->n; i++)
		if (!--c->side[r->frames[i]].pins && c->side[r->frames[i]].doomed)
			exo_buf_settle(c, r->frames[i]);
	d->flying--;
	exo_plat_wake(c->lock);
	exo_op_put(c, r);
}

int exo_do_io(struct exo_ask *a, void *arg)
{
	struct exo_op *r;
	u64 bad = 0;
	int err = begin(a, arg, &r);

	if (err)
		return err;
	if (r->req.nsegs)
		err = exo_plat_io(r->req.dev, r->req.op, r->req.segs, r->req.nsegs, &bad);
	exo_lock(a->c);
	finish(r, err);
	exo_unlock(a->c);
	return err ? exo_no(a, -EIO, EXO_R_IO, bad) : 0;
}

int exo_io_begin(struct exo_env *e, u64 arg, struct exo_ioreq **out)
{
	struct exo_ask a = {.c = e->c, .e = e, .env = e->id, .count = true};
	struct exo_io q;
	struct exo_op *r = NULL;
	u32 size = 0;
	int err = exo_call_in(&a, EXO_NR_IO, arg, &q, &size);

	if (!err)
		err = begin(&a, &q, &r);
	if (err)
		return exo_call_out(&a, EXO_NR_IO, arg, &q, size, err);
	r->arg = arg;
	*out = &r->req;
	return 0;
}

static u64 in_short(u32 reason, u64 detail)
{
	return reason | detail << 16;
}

int exo_io_begin_cmd(struct exo_env *e, const struct exo_io_cmd *cmd, struct exo_ioreq **out, u64 *why)
{
	struct exo_ask a = {.c = e->c, .e = e, .env = e->id, .count = true};
	struct ask_io w = {
		.flags = cmd->flags & ~EXO_CMD_FRAME,
		.binding = cmd->binding,
		.count = cmd->count,
		.first = cmd->first,
	};
	struct exo_op *r = exo_op_quick(e, cmd);
	int err;

	if (r) {
		*out = &r->req;
		return 0;
	}
	if (w.flags & ~(EXO_IO_WRITE | EXO_IO_FUA))
		err = exo_no(&a, -EOPNOTSUPP, EXO_R_FLAGS, w.flags & ~(EXO_IO_WRITE | EXO_IO_FUA));
	else
		err = check_form(&a, w.flags, w.count);
	if (!err)
		err = fetch(&a, &w, cmd->frames, cmd->flags & EXO_CMD_FRAME, &r);
	if (err) {
		*why = in_short(a.reason, a.detail);
		return exo_call_out(&a, EXO_NR_IO, 0, NULL, 0, err);
	}
	*out = &r->req;
	return 0;
}

int exo_io_done(struct exo_ioreq *req, int err, u64 bad_block, u64 *why)
{
	struct exo_op *r = (struct exo_op *)req;
	struct exo_core *c = r->c;
	struct exo_head head = {.out_reason = err ? EXO_R_IO : EXO_R_NONE, .out_detail = err ? bad_block : 0};
	const size_t outs = offsetof(struct exo_head, out_reason);
	u64 arg = r->arg;
	u32 env = r->env;

	err = err ? -EIO : 0;
	exo_lock(c);
	c->stats->calls++;
	c->stats->refusals += err != 0;
	finish(r, err);
	exo_unlock(c);
	exo_plat_trace_call(env, EXO_NR_IO, err, head.out_reason, head.out_detail);
	*why = in_short(head.out_reason, head.out_detail);
	/* IO writes nothing but the head's answer. */
	if (arg && exo_plat_copy_out(arg + outs, &head.out_reason, sizeof(head) - outs))
		return -EFAULT;
	return err;
}
