// SPDX-License-Identifier: GPL-2.0 OR MIT
/* fill.c: bring blocks into core. Nobody sees them until they are bound. */
#include "internal.h"

static bool worth_reading(struct exo_disk *d, u64 block)
{
	return !exo_bit(d->blank, block) && exo_buf_find(d->c, d->nr, block) == EXO_NOFRAME &&
	       !exo_flight_hits(d, block, 1, NULL);
}

/* One request first; when the device fails it, block by block, so that one bad block does not hide its neighbours. */
static void read_all(struct exo_disk *d, struct exo_seg *seg, u32 n, bool *bad)
{
	u64 where = 0;
	u32 i;

	if (!exo_plat_io(d->dev, EXO_OP_READ, seg, n, &where))
		return;
	for (i = 0; i < n; i++)
		bad[i] = exo_plat_io(d->dev, EXO_OP_READ, &seg[i], 1, &where) != 0;
}

/*
 * Reads those of the blocks that are not in core and can be read. The lock is given up during the read: callers
 * look everything up again. Fails if no frames are left (then nothing is read), or the device fails.
 */
int exo_fill(struct exo_ask *a, struct exo_disk *d, const u64 *blocks, u32 n, u32 *read)
{
	struct exo_core *c = d->c;
	struct exo_seg *seg = exo_plat_alloc((size_t)n * sizeof(*seg));
	bool *bad = exo_plat_alloc(n);
	u32 *frame = exo_plat_alloc((size_t)n * sizeof(*frame));
	u32 i, got = 0;
	u64 failed = EXO_NOBLOCK;
	int err = 0;

	if (!seg || !bad || !frame) {
		err = exo_nomem(a);
		goto out;
	}
	for (i = 0; i < n; i++) {
		u32 f;

		if (!worth_reading(d, blocks[i]))
			continue;
		f = exo_pool_take(c);
		if (f == EXO_NOFRAME) {
			err = exo_no(a, -ENOMEM, EXO_R_NO_FRAMES, n - i);
			break;
		}
		exo_buf_insert(c, f, d->nr, blocks[i], EXO_BUF_READING, EXO_BUF_UNKNOWN, 0, EXO_NOROOT, EXO_NOBLOCK);
		exo_buf_pin(c, f);
		frame[got] = f;
		seg[got].block = blocks[i];
		seg[got].mem = exo_plat_frame(f);
		seg[got].sectors = EXO_SECTORS;
		got++;
	}
	if (err || !got) {
		for (i = 0; i < got; i++) {
			c->side[frame[i]].pins--;
			exo_buf_drop(c, frame[i]);
		}
		got = 0;
		goto out;
	}
	exo_unlock(c);
	read_all(d, seg, got, bad);
	exo_lock(c);
	c->stats->reads++;
	for (i = 0; i < got; i++) {
		u32 f = frame[i];

		if (c->side[f].doomed) {
			exo_buf_unpin(c, f);
			continue;
		}
		if (bad[i]) {
			failed = seg[i].block;
			c->side[f].pins--;
			exo_buf_drop(c, f);
			continue;
		}
		exo_buf_begin(c, f);
		c->bufs[f].state = EXO_BUF_VALID;
		exo_buf_end(c, f);
		exo_buf_unpin(c, f);
		c->stats->blocks_read++;
		++*read;
	}
	exo_plat_wake(c->lock);
	if (failed != EXO_NOBLOCK)
		err = exo_no(a, -EIO, EXO_R_IO, failed);
out:
	exo_plat_free(seg);
	exo_plat_free(bad);
	exo_plat_free(frame);
	return err;
}

/* Runs of the caller, checked, as a list of blocks. */
int exo_runs_in(struct exo_ask *a, struct exo_disk *d, u64 user, u32 n, u64 **out, u32 *count)
{
	struct exo_run *r = exo_plat_alloc(n * sizeof(*r));
	u64 total = 0, *list = NULL;
	u32 i, k = 0;
	int err;

	if (!r)
		return exo_nomem(a);
	err = exo_get(a, r, user, n * sizeof(*r));
	for (i = 0; !err && i < n; i++) {
		if (!exo_disk_inside(d, r[i].start, r[i].count))
			err = exo_no(a, -EINVAL, EXO_R_RANGE, r[i].start);
		else if (r[i].count > EXO_MAX_BIND || (total += r[i].count) > EXO_MAX_BIND)
			err = exo_no(a, -EINVAL, EXO_R_RANGE, r[i].count);
	}
	if (!err) {
		list = exo_plat_alloc((size_t)total * sizeof(*list));
		if (!list)
			err = exo_nomem(a);
	}
	for (i = 0; !err && i < n; i++) {
		u64 b;

		for (b = r[i].start; b < r[i].start + r[i].count; b++)
			list[k++] = b;
	}
	exo_plat_free(r);
	*out = list;
	*count = k;
	return err;
}

int exo_do_read(struct exo_ask *a, void *arg)
{
	struct exo_read *q = arg;
	struct exo_disk *d;
	u64 *list = NULL;
	u32 n, tries = 0;
	int err;

	q->out_blocks = 0;
	if (!q->nruns || q->nruns > EXO_MAX_RUNS)
		return exo_no(a, -EINVAL, EXO_R_RANGE, q->nruns);
	err = exo_disk_get(a, q->disk, false, &d);
	if (err)
		return err;
	err = exo_runs_in(a, d, q->runs, q->nruns, &list, &n);
	if (!err) {
		exo_lock(a->c);
		do {
			err = exo_fill(a, d, list, n, &q->out_blocks);
		} while (err == -ENOMEM && a->reason == EXO_R_NO_FRAMES && exo_reclaim(a, n, &tries));
		exo_unlock(a->c);
	}
	exo_plat_free(list);
	exo_disk_put(a, d);
	return err;
}
