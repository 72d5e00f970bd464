// SPDX-License-Identifier: GPL-2.0 OR MIT
/* attach.c: the calls FORMAT and ATTACH. A refusal leaves the device as it was. */
#include "internal.h"

#define PATH_MAX_BYTES 4095u

static int path_in(struct exo_ask *a, u64 user, u32 len, char **out)
{
	char *p;
	int err;

	if (!len || len > PATH_MAX_BYTES)
		return exo_no(a, -EINVAL, EXO_R_RANGE, len);
	p = exo_plat_alloc(len + 1);
	if (!p)
		return exo_nomem(a);
	err = exo_get(a, p, user, len);
	if (!err && strlen(p) != len)
		err = exo_no(a, -EINVAL, EXO_R_NAME, 0);
	if (err) {
		exo_plat_free(p);
		return err;
	}
	*out = p;
	return 0;
}

/* Is the path's device attached already? Other disks may come and go meanwhile: the exclusive claim decides in the end.
 */
static int not_attached(struct exo_ask *a, const char *path)
{
	struct exo_core *c = a->c;
	u32 i;
	int err = 0;

	for (i = 0; !err && i < EXO_MAX_DISKS; i++) {
		struct exo_disk *d;

		exo_lock(c);
		d = c->disks[i];
		if (d && d->state != EXO_DISK_COMING)
			d->users++;
		else
			d = NULL;
		exo_unlock(c);
		if (!d)
			continue;
		if (exo_plat_same(d->dev, path))
			err = exo_no(a, -EBUSY, EXO_R_ATTACHED, i);
		exo_disk_put(a, d);
	}
	return err;
}

static int open_dev(struct exo_ask *a, const char *path, bool readonly, struct exo_dev **out)
{
	struct exo_dev *dev;
	u32 sector;
	int err = not_attached(a, path);

	if (err)
		return err;
	err = exo_plat_open(path, readonly, &dev);
	if (err == -EBUSY)
		return exo_no(a, -EBUSY, EXO_R_DISK_TAKEN, 0);
	if (err == -ENOMEM)
		return exo_nomem(a);
	if (err == -ENOTBLK)
		return exo_no(a, -EINVAL, EXO_R_NOT_BLOCKDEV, ENOTBLK);
	if (err)
		return exo_no(a, err, EXO_R_NOT_BLOCKDEV, (u64)-err);
	sector = exo_plat_sector(dev);
	if (sector != 512 && sector != 1024 && sector != 2048 && sector != 4096)
		err = exo_no(a, -EINVAL, EXO_R_SECTOR, sector);
	else if (exo_plat_blocks(dev) < EXO_MIN_DISK_BLOCKS || exo_plat_blocks(dev) > 1ull << 40)
		err = exo_no(a, -EINVAL, EXO_R_TOO_SMALL, exo_plat_blocks(dev));
	if (err)
		exo_plat_close(dev);
	else
		*out = dev;
	return err;
}

/* The old superblock goes first and the new one comes last, so that a crash in between leaves no exo disk. */
static int format(struct exo_dev *dev, u64 blocks, u64 user_quota, u64 *nfree)
{
	struct exo_super s = {.blocks = blocks, .user_quota = user_quota, .generation = 1, .clean = 1};
	struct exo_layout l;
	u8 *zero = exo_plat_alloc((size_t)EXO_CAT_BLOCKS * EXO_BLOCK_SIZE);
	u64 *map = NULL, b;
	size_t bytes;
	u32 i;
	int err = -ENOMEM;

	exo_layout(blocks, &l);
	bytes = (size_t)l.map_blocks * EXO_BLOCK_SIZE;
	map = exo_plat_alloc(bytes);
	if (!zero || !map)
		goto out;
	for (b = l.first; b < l.last; b++)
		exo_bit_set(map, b);
	*nfree = l.last - l.first;
	s.map_sum = exo_sum(map, bytes);
	exo_plat_random(s.uuid, sizeof(s.uuid));
	err = exo_io_blocks(dev, EXO_OP_WRITE, 0, zero, 1);
	if (!err)
		err = exo_io_blocks(dev, EXO_OP_WRITE, blocks - 1, zero, 1);
	if (!err)
		err = exo_plat_flush(dev);
	for (i = 0; !err && i < EXO_MAX_TEMPLATES; i++)
		err = exo_io_blocks(dev, EXO_OP_WRITE, l.templates + (u64)i * EXO_SLOT_BLOCKS, zero, 1);
	if (!err)
		err = exo_io_blocks(dev, EXO_OP_WRITE, l.roots, zero, EXO_CAT_BLOCKS);
	if (!err)
		err = exo_io_blocks(dev, EXO_OP_WRITE, l.map, map, l.map_blocks);
	exo_super_put(&s, zero);
	if (!err)
		err = exo_io_blocks(dev, EXO_OP_WRITE, blocks - 1, zero, 1);
	if (!err)
		err = exo_plat_flush(dev);
	if (!err)
		err = exo_disk_write_super(dev, &s);
out:
	exo_plat_free(zero);
	exo_plat_free(map);
	return err;
}

int exo_do_format(struct exo_ask *a, void *arg)
{
	struct exo_format *q = arg;
	struct exo_dev *dev;
	char *path;
	int err = exo_need_admin(a, q->cap);

	q->out_blocks = q->out_free = 0;
	if (!err)
		err = path_in(a, q->path, q->path_len, &path);
	if (err)
		return err;
	err = open_dev(a, path, false, &dev);
	exo_plat_free(path);
	if (err)
		return err;
	q->out_blocks = exo_plat_blocks(dev);
	err = format(dev, q->out_blocks, q->user_quota, &q->out_free);
	exo_plat_close(dev);
	if (err == -ENOMEM)
		return exo_nomem(a);
	return err ? exo_no(a, -EIO, EXO_R_IO, 0) : 0;
}

static int publish_number(struct exo_ask *a, struct exo_disk *d)
{
	struct exo_core *c = a->c;
	u32 i;

	exo_lock(c);
	for (i = 0; i < EXO_MAX_DISKS && c->disks[i]; i++)
		;
	if (i < EXO_MAX_DISKS) {
		d->nr = i;
		c->disks[i] = d;
	}
	exo_unlock(c);
	return i < EXO_MAX_DISKS ? 0 : exo_no(a, -ENOSPC, EXO_R_DISKS_FULL, EXO_MAX_DISKS);
}

/*
 * The free map that the last clean detach stored: a block of it for each 32768 of the disk, and nothing else is read for it.
 * 0; 1: there is none that can be believed.
 */
static int stored_map(struct exo_disk *d, u64 **out)
{
	size_t bytes = (size_t)d->l.map_blocks * EXO_BLOCK_SIZE;
	u64 *map, end = (u64)bytes * 8;
	int err;

	*out = NULL;
	if (!d->super.map_sum)
		return 1;
	map = exo_plat_alloc(bytes);
	if (!map)
		return -ENOMEM;
	err = exo_io_blocks(d->dev, EXO_OP_READ, d->l.map, map, d->l.map_blocks);
	if (err == -ENOMEM) {
		exo_plat_free(map);
		return err;
	}
	if (err || exo_sum(map, bytes) != d->super.map_sum || exo_bit_next(map, 0, d->l.first, true) != d->l.first ||
	    exo_bit_next(map, d->l.last, end, true) != end) {
		exo_plat_free(map);
		return 1;
	}
	*out = map;
	return 0;
}

/* EXO_WALK_* */
static u32 must_walk(const struct exo_disk *d, const u64 *map, bool asked)
{
	u64 used = 0;
	u32 i;

	if (asked)
		return EXO_WALK_ASKED;
	if (!d->super.clean)
		return EXO_WALK_UNCLEAN;
	if (!map)
		return EXO_WALK_MAP;
	for (i = 0; i < EXO_MAX_ROOTS; i++) {
		const struct exo_root *r = &d->roots[i];

		if (r->quarantine)
			return EXO_WALK_ROOTS;
		/* The stored map calls its blocks used. */
		if (r->state == EXO_ROOT_DYING || (r->h.flags & EXO_ROOT_TEMPORARY))
			return EXO_WALK_TEMPORARY;
		if (r->state == EXO_ROOT_LIVE) {
			if (r->h.used > d->l.last - d->l.first || exo_bit_count(map, r->h.start, r->h.count))
				return EXO_WALK_ROOTS;
			used += r->h.used;
		}
	}
	/* The entries and the map were written by the same detach: they must add up. */
	return used + exo_bit_count(map, d->l.first, d->l.last - d->l.first) != d->l.last - d->l.first ? EXO_WALK_ROOTS :
													EXO_WALK_NONE;
}

/* While a root is quarantined, blocks that it may own are not given out. */
static void hold_back(struct exo_disk *d, const u64 *map)
{
	bool any = false;
	u64 b;
	u32 i;

	for (i = 0; i < EXO_MAX_ROOTS; i++)
		any |= d->roots[i].state == EXO_ROOT_LIVE && d->roots[i].quarantine;
	if (!any)
		return;
	for (b = d->l.first; (b = exo_bit_next(d->free, b, d->l.last, true)) != d->l.last; b++) {
		if (map && exo_bit(map, b))
			continue;
		exo_bit_clear(d->free, b);
		exo_bit_set(d->held, b);
		d->nheld++;
		d->fm->free--;
	}
}

static int learn(struct exo_disk *d, bool walk)
{
	u8 *cat = exo_plat_alloc((size_t)EXO_CAT_BLOCKS * EXO_BLOCK_SIZE);
	u64 *map = NULL, b;
	u32 i, why = EXO_WALK_NONE;
	int err = cat ? exo_templates_load(d) : -ENOMEM;

	for (i = 0; !err && i < EXO_CAT_BLOCKS; i++) {
		u8 *at = cat + (size_t)i * EXO_BLOCK_SIZE;

		err = exo_io_blocks(d->dev, EXO_OP_READ, d->l.roots + i, at, 1);
		if (err == -EIO) {
			/* Unreadable entries are damaged ones. */
			memset(at, 0xff, EXO_BLOCK_SIZE);
			err = 0;
		}
	}
	if (!err) {
		exo_roots_load(d, cat);
		err = stored_map(d, &map);
		if (err == 1)
			err = 0;
	}
	if (!err)
		why = must_walk(d, map, walk);
	exo_lock(d->c);
	d->walk_why = why;
	exo_unlock(d->c);
	if (!err && why) {
		exo_plat_walk_begins(d->nr, why);
		err = exo_walk_attach(d);
		/* What was allocated after the map was stored is free in it, so only a map that is the last word says
		 * what may be given out. */
		if (!err)
			hold_back(d, d->super.clean ? map : NULL);
	} else if (!err) {
		memcpy(d->free, map, exo_bit_words(d->blocks) * 8);
		for (b = d->blocks; b % 64; b++)
			exo_bit_clear(d->free, b);
		d->fm->free = exo_bit_count(d->free, d->l.first, d->l.last - d->l.first);
	}
	exo_plat_free(map);
	exo_plat_free(cat);
	return err;
}

static void unpublish(struct exo_disk *d)
{
	struct exo_core *c = d->c;
	u32 i, n = 0;

	for (i = 0; i < EXO_MAX_TEMPLATES; i++)
		n += exo_tmpl_programs(&d->tmpl[i]);
	exo_lock(c);
	if (c->disks[d->nr] == d)
		c->disks[d->nr] = NULL;
	c->stats->udfs -= n;
	exo_unlock(c);
}

static int attach(struct exo_ask *a, struct exo_dev *dev, const char *path, u32 *nr)
{
	struct exo_core *c = a->c;
	struct exo_super s;
	struct exo_disk *d;
	u32 reason, i;
	u64 detail;
	int err = exo_disk_read_super(dev, exo_plat_blocks(dev), &s, &detail, &reason);

	if (err)
		return exo_no(a, err, reason, detail);
	if (exo_disk_new(c, dev, s.blocks, &d))
		return exo_nomem(a);
	d->super = s;
	d->readonly = a->flags & EXO_ATTACH_READONLY;
	d->was_clean = s.clean;
	for (i = 0; i < sizeof(d->path) - 1 && path[i]; i++)
		d->path[i] = path[i];
	err = publish_number(a, d);
	if (err) {
		exo_disk_free(d);
		return err;
	}
	err = learn(d, a->flags & EXO_ATTACH_WALK);
	if (!err && !d->readonly) {
		/* Before anybody can change anything, the disk says that its stored map is old. */
		d->super.clean = 0;
		d->super.generation++;
		err = exo_disk_write_super(dev, &d->super);
	}
	if (err) {
		unpublish(d);
		exo_disk_free(d);
		if (err == -EUCLEAN)
			return exo_no(a, -EUCLEAN, EXO_R_CONTESTED, 0);
		if (err == -EINTR)
			return exo_no(a, -EINTR, EXO_R_KILLED, 0);
		return err == -ENOMEM ? exo_nomem(a) : exo_no(a, -EIO, EXO_R_IO, 0);
	}
	exo_lock(c);
	d->area->next = c->areas;
	c->areas = d->area;
	d->state = EXO_DISK_LIVE;
	c->stats->disks++;
	*nr = d->nr;
	exo_unlock(c);
	return 0;
}

int exo_do_attach(struct exo_ask *a, void *arg)
{
	struct exo_attach *q = arg;
	struct exo_dev *dev;
	char *path;
	int err = exo_need_admin(a, q->cap);

	q->out_disk = 0;
	if (!err)
		err = path_in(a, q->path, q->path_len, &path);
	if (err)
		return err;
	err = open_dev(a, path, q->head.flags & EXO_ATTACH_READONLY, &dev);
	if (!err) {
		a->flags = q->head.flags;
		err = attach(a, dev, path, &q->out_disk);
		if (err)
			exo_plat_close(dev);
	}
	exo_plat_free(path);
	return err;
}
