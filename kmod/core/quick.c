// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * quick.c: the first half of the direct transfer that there are most of: one block and one frame, through a binding, with nothing in
 * the way. All that direct.c and iobind.c ask is asked here too, in one look; what is not plainly right goes their way, which waits,
 * looks again, or says what is wrong. So this file refuses nothing.
 */
#include "direct.h"

/*
 * Is `block` plainly free of whatever makes a transfer wait or copy? Every flight holds its blocks, so a block without a hold is in none; a
 * hold for another reason goes the long way, too.
 */
static bool clear(const struct exo_disk *d, u64 block, bool write)
{
	const u16 *hold = d->hold[block / EXO_HOLD_CHUNK];

	if (!hold || hold[block % EXO_HOLD_CHUNK] || exo_bit(d->free, block) || exo_bit(d->waiting, block) ||
	    exo_bit(d->held, block) || exo_buf_find(d->c, d->nr, block) != EXO_NOFRAME)
		return false;
	if (!write)
		return !exo_bit(d->blank, block);
	return !exo_bit(d->uninit, block) && !d->ncontest && d->nwritten <= EXO_WRITTEN_MAX;
}

/* The disk that the binding leads to, when the binding, its root and the disk are as they were when the claim was checked. */
static struct exo_disk *bound(const struct exo_env *e, const struct exo_io_cmd *w, bool write)
{
	const struct exo_tie *t = &e->ties[w->binding - 1];
	const struct exo_root *root;
	struct exo_disk *d;

	if (!t->disk_id || (write && !(t->w.rights & EXO_RIGHT_WRITE)))
		return NULL;
	d = e->c->disks[t->disk];
	if (!d || d->state != EXO_DISK_LIVE || d->id != t->disk_id || (write && (d->readonly || d->failed)))
		return NULL;
	root = &d->roots[t->root];
	if (t->epoch != root->epoch || root->state != EXO_ROOT_LIVE || root->quarantine)
		return NULL;
	return exo_rng_inside(w->first, 1, t->w.claim.start, t->w.claim.start + t->w.claim.count) ? d : NULL;
}

static struct exo_op *begin(struct exo_env *e, const struct exo_io_cmd *w, bool write)
{
	struct exo_core *c = e->c;
	u32 frame = (u32)w->frames;
	struct exo_disk *d;
	struct exo_op *r;

	if (!e->ties || !(e->grants[frame] & EXO_GRANT_PRIVATE))
		return NULL;
	d = bound(e, w, write);
	if (!d || !clear(d, w->first, write))
		return NULL;
	r = exo_op_get(c, 1, NULL);
	if (!r)
		return NULL;
	r->first = w->first;
	r->flags = w->flags & ~EXO_CMD_FRAME;
	r->env = e->id;
	r->arg = 0;
	r->d = d;
	r->frames[0] = frame;
	r->req.dev = d->dev;
	r->req.op = !write ? EXO_OP_READ : w->flags & EXO_IO_FUA ? EXO_OP_WRITE_FUA : EXO_OP_WRITE;
	r->req.nsegs = 1;
	r->req.segs[0] = (struct exo_seg){.block = w->first, .mem = exo_plat_frame(frame), .sectors = EXO_SECTORS};
	c->side[frame].pins++;
	d->hold[w->first / EXO_HOLD_CHUNK][w->first % EXO_HOLD_CHUNK] = 1;
	if (write) {
		r->flight.start = w->first;
		r->flight.count = 1;
		r->flight.own = false;
		exo_flight_add(d, &r->flight);
	}
	d->flying++;
	return r;
}

struct exo_op *exo_op_quick(struct exo_env *e, const struct exo_io_cmd *w)
{
	u32 flags = w->flags & ~(EXO_IO_WRITE | EXO_IO_FUA);
	bool write = w->flags & EXO_IO_WRITE;
	struct exo_op *r;

	if (w->count != 1 || flags != EXO_CMD_FRAME || ((w->flags & EXO_IO_FUA) && !write) || !w->binding ||
	    w->binding > EXO_MAX_IO_BINDS || w->frames >= e->c->frames)
		return NULL;
	exo_lock(e->c);
	r = begin(e, w, write);
	exo_unlock(e->c);
	return r;
}
