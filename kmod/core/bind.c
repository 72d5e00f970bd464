// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * bind.c: the right to see blocks. The check is made once, here; afterwards access is a load or store.
 * The lock is given up while blocks are read, so everything is checked again until a pass finds all of them in core.
 */
#include "internal.h"

#define TRIES 64u /* rounds of reading before a pool that is too small is called that */
#define FEW 8u	  /* blocks that the stack has room for */

struct bind {
	struct exo_ask *a;
	struct exo_disk *d;
	struct exo_bind *q;
	struct exo_want w;
	u32 root;
	u32 *frames;
	u64 *missing;
	u32 nmissing;
	u32 *over; /* frames of zeroes that stand for content on the disk: dirty once granted, else dropped */
	u32 nover;
	u32 reads; /* rounds */
	u32 tries; /* of reclaim */
};

static void pin_all(struct bind *b, bool pin)
{
	struct exo_core *c = b->a->c;
	u32 i;

	for (i = 0; i < b->q->count; i++) {
		if (b->frames[i] == EXO_NOFRAME)
			continue;
		if (pin)
			exo_buf_pin(c, b->frames[i]);
		else
			exo_buf_unpin(c, b->frames[i]);
	}
}

/* Frames of the range: those in core, and new ones of zeroes where nothing needs to be read. 1: wait and look again. */
static int gather(struct bind *b)
{
	struct exo_core *c = b->a->c;
	struct exo_disk *d = b->d;
	u32 i;
	bool own;

	if (exo_flight_hits(d, b->q->first, b->q->count, &own))
		return own ? 1 : exo_no(b->a, -EBUSY, EXO_R_BUSY, b->q->first);
	b->nmissing = 0;
	for (i = 0; i < b->q->count; i++) {
		u64 block = b->q->first + i;

		b->frames[i] = exo_buf_find(c, d->nr, block);
		if (b->frames[i] == EXO_NOFRAME)
			b->missing[b->nmissing++] = block;
		else if (c->bufs[b->frames[i]].state == EXO_BUF_READING)
			return 1;
	}
	return 0;
}

/* Zero frames for what is missing and needs no read; what is left in `missing` does. Present ones are pinned. */
static int make_zero(struct bind *b)
{
	struct exo_core *c = b->a->c;
	bool over = b->q->head.flags & EXO_BIND_OVERWRITE;
	u32 i, left = 0;

	for (i = 0; i < b->nmissing; i++) {
		u64 block = b->missing[i];
		u32 f;

		if (!over && !exo_bit(b->d->blank, block)) {
			b->missing[left++] = block;
			continue;
		}
		f = exo_pool_take(c);
		if (f == EXO_NOFRAME)
			return exo_no(b->a, -ENOMEM, EXO_R_NO_FRAMES, b->nmissing - i);
		exo_buf_insert(c, f, b->d->nr, block, EXO_BUF_VALID, 0, b->w.claim.template_id, b->root,
			       b->w.parent);
		if (b->w.claim.template_id)
			c->bufs[f].flags |= EXO_BUF_META;
		if (over)
			b->over[b->nover++] = f;
		exo_buf_pin(c, f);
		b->frames[block - b->q->first] = f;
	}
	b->nmissing = left;
	return 0;
}

/* A buffer that is known differently than the claim says is contested or damaged: it is not handed out. */
static int adopt(struct bind *b, u32 i)
{
	struct exo_core *c = b->a->c;
	struct exo_buf *buf = &c->bufs[b->frames[i]];
	u64 block;

	if (buf->flags & EXO_BUF_UNKNOWN) {
		if (!exo_contest_any(b->d, buf->block, 1, &block) || !exo_contest_find(b->d, buf->block)->cross)
			exo_buf_know(c, b->frames[i], b->w.claim.template_id, b->root, b->w.parent);
		else
			return exo_no(b->a, -EBUSY, EXO_R_CONTESTED, buf->block);
		return 0;
	}
	if (buf->template_id == b->w.claim.template_id && buf->root == b->root)
		return 0;
	/* Data with two owners after a crash: both may read. */
	if (!buf->template_id && !b->w.claim.template_id && exo_contest_any(b->d, buf->block, 1, &block))
		return 0;
	return exo_no(b->a, -EPERM, EXO_R_NOT_CLAIMED, buf->block);
}

static int grant(struct bind *b)
{
	struct exo_core *c = b->a->c;
	struct exo_env *e = b->a->e;
	u32 limit = (u32)((u64)c->frames * 3 / 4), i, more = 0, mores = 0;
	int err;
	u8 want = b->q->rights & EXO_RIGHT_WRITE ? EXO_GRANT_READ | EXO_GRANT_WRITE : EXO_GRANT_READ;

	for (i = 0; i < b->q->count; i++) {
		err = adopt(b, i);
		if (err)
			return err;
		more += !e->grants[b->frames[i]];
		mores += !exo_user_has(e, b->frames[i]);
	}
	if (more > limit || e->nbound > limit - more)
		return exo_no(b->a, -EDQUOT, EXO_R_FRAME_LIMIT, (u64)limit << 32 | e->nbound);
	err = exo_user_may(b->a, mores);
	if (err)
		return err;
	for (i = 0; i < b->q->count; i++) {
		u32 f = b->frames[i];

		if (!e->grants[f]) {
			e->nbound++;
			exo_user_hold(e, f);
			if (!c->bufs[f].refs++)
				c->nheld++;
			exo_buf_settle(c, f);
		}
		e->grants[f] |= want;
	}
	c->stats->binds += b->q->count;
	return 0;
}

/* Zero frames of OVERWRITE: the new content, if the call succeeds; else they never were. */
static void settle_over(struct bind *b, bool granted)
{
	struct exo_core *c = b->a->c;
	u32 i;

	for (i = 0; i < b->nover; i++) {
		if (granted)
			exo_buf_dirty(c, b->over[i]);
		else
			exo_buf_drop(c, b->over[i]);
	}
	b->nover = 0;
}

/* One pass. 0: done; 1: again; or an error. */
static int pass(struct bind *b)
{
	struct exo_core *c = b->a->c;
	u32 read = 0;
	int err = exo_claim_check(b->a, b->d, &b->w, &b->root);

	if (err)
		return err;
	err = gather(b);
	if (err == 1)
		exo_plat_wait(c->lock);
	if (err)
		return err;
	if (b->nmissing && (b->q->head.flags & EXO_BIND_NO_READ))
		return exo_no(b->a, -ENOENT, EXO_R_NOT_IN_CORE, b->missing[0]);
	/* All in core: the lock is not given up. */
	if (!b->nmissing)
		return grant(b);
	pin_all(b, true);
	err = make_zero(b);
	if (!err && b->nmissing) {
		err = ++b->reads > TRIES ? exo_no(b->a, -ENOMEM, EXO_R_NO_FRAMES, b->nmissing)
					 : exo_fill(b->a, b->d, b->missing, b->nmissing, &read);
		if (!err)
			err = 1;
	}
	if (!err)
		err = grant(b);
	pin_all(b, false);
	settle_over(b, !err);
	if (err == -ENOMEM && b->a->reason == EXO_R_NO_FRAMES && exo_reclaim(b->a, b->q->count, &b->tries))
		return 1;
	return err;
}

/* The arrays of `frames`, `missing` and `over`, in this order of need for alignment: missing first. */
#define ARRAYS(n) ((n) * (sizeof(u64) + 2 * sizeof(u32)))

int exo_do_bind(struct exo_ask *a, void *arg)
{
	struct exo_bind *q = arg;
	struct bind b = {.a = a, .q = q};
	u64 few[ARRAYS(FEW) / sizeof(u64)];
	void *mem = few;
	int err;

	if (!q->count || q->count > EXO_MAX_BIND)
		return exo_no(a, -EINVAL, EXO_R_RANGE, q->count);
	if (q->rights != EXO_RIGHT_READ && q->rights != EXO_RIGHT_ALL)
		return exo_no(a, -EINVAL, EXO_R_RANGE, q->rights);
	if (q->rights == EXO_RIGHT_ALL && q->claim.template_id)
		return exo_no(a, -EPERM, EXO_R_META_WRITE, q->first);
	if ((q->head.flags & EXO_BIND_OVERWRITE) && q->rights != EXO_RIGHT_ALL)
		return exo_no(a, -EINVAL, EXO_R_FLAGS, EXO_BIND_OVERWRITE);
	if (q->count > FEW) {
		mem = exo_plat_alloc(ARRAYS(q->count));
		if (!mem)
			return exo_nomem(a);
	} else {
		memset(few, 0, sizeof(few));
	}
	b.missing = mem;
	b.frames = (u32 *)(b.missing + q->count);
	b.over = b.frames + q->count;
	b.w.cap = q->cap;
	b.w.root = q->root;
	b.w.index = q->index;
	b.w.rights = q->rights;
	b.w.parent = q->parent;
	b.w.claim = q->claim;
	b.w.first = q->first;
	b.w.count = q->count;
	/* An address that cannot take the answer is found before anything is granted. */
	err = exo_give(a, q->frames, b.frames, q->count * sizeof(*b.frames));
	if (!err) {
		exo_lock(a->c);
		err = exo_disk_get_locked(a, q->disk, q->rights == EXO_RIGHT_ALL, &b.d);
		if (!err) {
			do {
				err = pass(&b);
			} while (err == 1);
			exo_disk_put_locked(a, b.d);
		}
		exo_count_locked(a, err);
		exo_unlock(a->c);
	}
	if (!err)
		err = exo_give(a, q->frames, b.frames, q->count * sizeof(*b.frames));
	if (!err && q->map)
		exo_plat_map(a->e, q->map, b.frames, q->count);
	if (mem != few)
		exo_plat_free(mem);
	return err;
}
