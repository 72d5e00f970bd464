// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * entry.c: root catalogue entries as nodes of the write order. An entry is one sector; a block of the catalogue is
 * written with the entries that may go, and the others as they were submitted last, so that no owner holds up another.
 */
#include "internal.h"

void exo_quarantine(struct exo_disk *d, u32 root, u32 why, u64 detail)
{
	struct exo_root *r = &d->roots[root];

	if (r->quarantine)
		return;
	r->quarantine = why;
	r->qdetail = detail;
	exo_plat_trace_quarantine(d->nr, root, why, detail);
}

/* A deleted root and a new one of its name must not both be found after a crash. */
static bool name_dying(struct exo_disk *d, const struct exo_root *r)
{
	u32 i;

	for (i = 0; i < EXO_MAX_ROOTS; i++) {
		const struct exo_root *o = &d->roots[i];

		if (o != r && o->state == EXO_ROOT_DYING && !memcmp(o->h.name, r->h.name, EXO_NAME_MAX))
			return true;
	}
	return false;
}

bool exo_entry_ready(struct exo_disk *d, struct exo_root *r, struct exo_set *first, int *err)
{
	u64 b = r->h.start, end = b + r->h.count;
	bool ready = !r->node.waits;
	u64 below;

	*err = 0;
	if (r->state == EXO_ROOT_DYING)
		return ready;
	if (name_dying(d, r))
		ready = false;
	/* The next attach drops a temporary root without looking. */
	if (!r->node.fresh || (r->h.flags & EXO_ROOT_TEMPORARY))
		return ready;
	*err = exo_order_below(d, &r->node, first, &below);
	if (*err)
		return false;
	ready = ready && !below;
	for (;;) {
		u64 stop;

		b = exo_bit_next(d->uninit, b, end, true);
		if (b == end)
			return ready;
		ready = false;
		stop = exo_bit_next(d->uninit, b, end, false);
		if (first && exo_set_add(first, b, stop - b, r->h.tmpl, 0, 0)) {
			*err = -ENOMEM;
			return false;
		}
		b = stop;
	}
}

/* What is to be written of one block of the catalogue, copied out of the lock's reach. */
struct image {
	u8 block[EXO_BLOCK_SIZE];
	struct exo_root_head h[EXO_SECTORS];
	struct exo_done *done[EXO_SECTORS];
	u32 n;
};

static int gather(struct exo_disk *d, u32 at, u64 need, struct image *m)
{
	u32 i;
	int err;

	for (i = 0; i < EXO_SECTORS; i++) {
		struct exo_root *r = &d->roots[at * EXO_SECTORS + i];

		if (!r->dirty || r->node.need != need || !exo_entry_ready(d, r, NULL, &err))
			continue;
		m->done[i] = exo_plat_alloc(sizeof(*m->done[i]));
		if (!m->done[i])
			return -ENOMEM;
		m->n++;
	}
	return 0;
}

static void submit(struct exo_disk *d, u32 at, struct image *m)
{
	u32 i;

	for (i = 0; i < EXO_SECTORS; i++) {
		struct exo_root *r = &d->roots[at * EXO_SECTORS + i];

		if (!m->done[i])
			continue;
		m->h[i] = r->h;
		m->done[i]->root = r;
		m->done[i]->erased = r->state == EXO_ROOT_DYING;
		exo_order_submit(&r->node, m->done[i]);
		if (!m->done[i]->erased)
			exo_bit_wipe(d->fresh, r->h.start, r->h.count);
		r->dirty = false;
		r->writing = true;
	}
}

static void complete(struct exo_disk *d, u32 at, struct image *m, int err)
{
	u32 i;

	for (i = 0; i < EXO_SECTORS; i++) {
		struct exo_root *r = &d->roots[at * EXO_SECTORS + i];

		if (!m->done[i])
			continue;
		r->writing = false;
		if (err) {
			r->dirty = true;
			exo_order_failed(m->done[i]);
			exo_plat_free(m->done[i]);
		} else {
			exo_write_done(d, m->done[i]);
		}
		m->done[i] = NULL;
	}
}

/* One block of the catalogue. cat_writing keeps everybody else from d->cat while the lock is given up. */
static int write_block(struct exo_ask *a, struct exo_disk *d, u32 at, u64 need, u32 *written)
{
	struct exo_core *c = d->c;
	struct image *m = exo_plat_alloc(sizeof(*m));
	struct exo_seg seg = {.block = d->l.roots + at, .sectors = EXO_SECTORS};
	u8 *sector = d->cat + (size_t)at * EXO_BLOCK_SIZE;
	u64 where = 0;
	u32 i;
	int err = m ? gather(d, at, need, m) : -ENOMEM;

	if (err || !m->n) {
		for (i = 0; m && i < EXO_SECTORS; i++)
			exo_plat_free(m->done[i]);
		exo_plat_free(m);
		return err ? exo_nomem(a) : 0;
	}
	submit(d, at, m);
	exo_unlock(c);
	for (i = 0; i < EXO_SECTORS; i++) {
		if (m->done[i] && m->done[i]->erased)
			memset(sector + i * EXO_SECTOR_SIZE, 0, EXO_SECTOR_SIZE);
		else if (m->done[i])
			exo_root_put(&m->h[i], sector + i * EXO_SECTOR_SIZE);
	}
	memcpy(m->block, sector, EXO_BLOCK_SIZE);
	seg.mem = m->block;
	err = exo_plat_io(d->dev, EXO_OP_WRITE, &seg, 1, &where);
	exo_lock(c);
	c->stats->writes++;
	complete(d, at, m, err);
	exo_plat_free(m);
	if (err)
		return exo_no(a, -EIO, EXO_R_IO, seg.block);
	d->unflushed = true;
	c->stats->blocks_written++;
	++*written;
	return 0;
}

int exo_entry_write(struct exo_ask *a, struct exo_disk *d, u64 need, u32 *written)
{
	u32 at;
	int err = 0;

	if (d->failed)
		return exo_no(a, -EIO, EXO_R_IO, 0);
	while (d->cat_writing)
		exo_plat_wait(d->c->lock);
	d->cat_writing = true;
	for (at = 0; !err && at < EXO_CAT_BLOCKS; at++)
		err = write_block(a, d, at, need, written);
	d->cat_writing = false;
	exo_plat_wake(d->c->lock);
	return err;
}
