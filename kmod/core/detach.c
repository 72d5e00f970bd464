// SPDX-License-Identifier: GPL-2.0 OR MIT
/* detach.c: the call DETACH: write what is dirty, store the free map, let the device go. And what rmmod does with
 * disks. */
#include "internal.h"

/* Buffers that an env has bound, transfers under way, and calls that stand at user memory. Lock held. */
static u32 in_use(struct exo_disk *d)
{
	struct exo_core *c = d->c;
	u32 f, n = d->flying + d->users;

	for (f = 0; f < c->frames; f++)
		n += c->bufs[f].state == EXO_BUF_VALID && c->bufs[f].disk == d->nr && c->bufs[f].refs;
	return n;
}

/*
 * May the next attach believe the stored map? Only if it says everything that this attach knows. That attach sees for itself that
 * a temporary root was left; the map calls what that one has used, and is right about all others.
 */
static bool is_clean(const struct exo_disk *d)
{
	u32 i;

	if (d->ncontest || d->nheld || d->nwaiting)
		return false;
	for (i = 0; i < EXO_MAX_ROOTS; i++)
		if (d->roots[i].state != EXO_ROOT_EMPTY && d->roots[i].quarantine)
			return false;
	return true;
}

/*
 * Entries with their use counts, then the map, then the superblock that vouches for both. Nothing changes any more and
 * nobody else is here, so no lock. When the superblock does not get there the disk is walked at the next attach, no
 * worse; but when that is not known, the disk has failed: it may be called clean, and must not change any more.
 */
static int store(struct exo_disk *d)
{
	size_t bytes = (size_t)d->l.map_blocks * EXO_BLOCK_SIZE;
	u64 *map = exo_plat_alloc(bytes);
	u32 i;
	int err;

	if (!map)
		return -ENOMEM;
	memcpy(map, d->free, exo_bit_words(d->blocks) * 8);
	for (i = 0; i < EXO_MAX_ROOTS; i++)
		if (d->roots[i].state == EXO_ROOT_LIVE && !d->roots[i].quarantine)
			exo_root_put(&d->roots[i].h, d->cat + (size_t)i * EXO_SECTOR_SIZE);
	err = exo_io_blocks(d->dev, EXO_OP_WRITE, d->l.roots, d->cat, EXO_CAT_BLOCKS);
	if (!err)
		err = exo_io_blocks(d->dev, EXO_OP_WRITE, d->l.map, map, d->l.map_blocks);
	if (!err)
		err = exo_flush_other(d);
	if (!err) {
		d->super.map_sum = exo_sum(map, bytes);
		d->super.clean = is_clean(d);
		d->super.generation++;
		err = exo_disk_write_super(d->dev, &d->super);
		/* It may be on the disk all the same, or get there yet: from here on nothing may make the map untrue. */
		if (err && err != -ENOMEM) {
			exo_lock(d->c);
			d->failed = true;
			exo_unlock(d->c);
		}
	}
	exo_plat_free(map);
	return err;
}

static void forget_area(struct exo_disk *d)
{
	struct exo_area **at;

	/* Whoever keeps a mapping learns here that the disk number may become another's. */
	__atomic_store_n(&d->fm->head.magic, 0, __ATOMIC_RELEASE);
	for (at = &d->c->areas; *at; at = &(*at)->next) {
		if (*at != d->area)
			continue;
		d->area->dead = true;
		if (d->area->maps)
			d->area = NULL; /* the last mapping frees it */
		else
			*at = d->area->next;
		return;
	}
}

/* Lock held on entry and exit; given up in between. The disk is gone on a 0. */
int exo_detach_disk(struct exo_ask *a, struct exo_disk *d, bool discard)
{
	struct exo_core *c = d->c;
	struct exo_dev *dev = d->dev;
	u32 n, i, udfs = 0, blocks = 0, rounds = 0;
	int err = 0;

	d->state = EXO_DISK_LEAVING;
	/* Those that are away may stay there; the others end by themselves. */
	while (d->users > d->away || d->flushing)
		exo_plat_wait(c->lock);
	n = in_use(d);
	if (n) {
		d->state = EXO_DISK_LIVE;
		return exo_no(a, -EBUSY, EXO_R_IN_USE, n);
	}
	if (!discard && !d->readonly) {
		err = exo_sync_disk(a, d, EXO_NOROOT, NULL, &blocks, &rounds);
		n = d->ndirty;
		if (err) {
			d->state = EXO_DISK_LIVE;
			exo_plat_wake(c->lock);
			if (a->reason == EXO_R_NOMEM)
				return err;
			return exo_no(a, -EIO, EXO_R_DIRTY, n);
		}
		exo_unlock(c);
		err = store(d);
		exo_lock(c);
		if (err) {
			d->state = EXO_DISK_LIVE;
			exo_plat_wake(c->lock);
			return exo_no(a, err, err == -ENOMEM ? EXO_R_NOMEM : EXO_R_IO, 0);
		}
	}
	exo_disk_drop_buffers(d);
	for (i = 0; i < EXO_MAX_TEMPLATES; i++)
		udfs += exo_tmpl_programs(&d->tmpl[i]);
	c->stats->udfs -= udfs;
	c->stats->disks--;
	forget_area(d);
	c->disks[d->nr] = NULL;
	exo_plat_wake(c->lock);
	exo_unlock(c);
	exo_disk_free(d);
	exo_plat_close(dev);
	exo_lock(c);
	return 0;
}

int exo_do_detach(struct exo_ask *a, void *arg)
{
	struct exo_detach *q = arg;
	struct exo_disk *d;
	int err = exo_need_admin(a, q->cap);

	if (err)
		return err;
	exo_lock(a->c);
	d = q->disk < EXO_MAX_DISKS ? a->c->disks[q->disk] : NULL;
	if (!d || d->state == EXO_DISK_COMING)
		err = exo_no(a, -ENOENT, EXO_R_NO_DISK, q->disk);
	else if (d->state == EXO_DISK_LEAVING)
		err = exo_no(a, -EBUSY, EXO_R_BUSY, 0);
	else
		err = exo_detach_disk(a, d, q->head.flags & EXO_DETACH_DISCARD);
	exo_unlock(a->c);
	return err;
}

/* No env is open. What cannot be written is given up: the module goes in any case. */
void exo_core_shutdown(struct exo_core *c)
{
	u32 i;

	exo_lock(c);
	for (i = 0; i < EXO_MAX_DISKS; i++) {
		struct exo_ask a = {.c = c};

		if (!c->disks[i])
			continue;
		if (exo_detach_disk(&a, c->disks[i], false))
			exo_detach_disk(&a, c->disks[i], true);
	}
	exo_unlock(c);
}
