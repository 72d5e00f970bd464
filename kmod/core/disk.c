// SPDX-License-Identifier: GPL-2.0 OR MIT
/* disk.c: the life of an attached disk's structures, and reading and writing of what is not a buffer. */
#include "internal.h"

/* `change`: the call is going to write, or to make something that has to be written. */
int exo_disk_get_locked(struct exo_ask *a, u32 nr, bool change, struct exo_disk **out)
{
	struct exo_disk *d;
	int err = 0;

	d = nr < EXO_MAX_DISKS ? a->c->disks[nr] : NULL;
	if (!d || d->state == EXO_DISK_COMING)
		err = exo_no(a, -ENOENT, EXO_R_NO_DISK, nr);
	else if (d->state == EXO_DISK_LEAVING)
		err = exo_no(a, -EBUSY, EXO_R_BUSY, 0);
	else if (change && d->readonly)
		err = exo_no(a, -EROFS, EXO_R_READONLY, nr);
	else
		d->users++;
	if (!err)
		*out = a->d = d;
	return err;
}

int exo_disk_get(struct exo_ask *a, u32 nr, bool change, struct exo_disk **out)
{
	int err;

	exo_lock(a->c);
	err = exo_disk_get_locked(a, nr, change, out);
	exo_unlock(a->c);
	return err;
}

void exo_disk_put_locked(struct exo_ask *a, struct exo_disk *d)
{
	a->d = NULL;
	d->users--;
	exo_plat_wake(d->c->lock);
}

void exo_disk_put(struct exo_ask *a, struct exo_disk *d)
{
	struct exo_core *c = d->c;

	exo_lock(c);
	exo_disk_put_locked(a, d);
	exo_unlock(c);
}

static size_t map_bytes(u64 blocks)
{
	size_t n = sizeof(struct exo_freemap_head) + exo_bit_words(blocks) * 8;

	return (n + EXO_BLOCK_SIZE - 1) / EXO_BLOCK_SIZE * EXO_BLOCK_SIZE;
}

static int make_area(struct exo_disk *d)
{
	struct exo_area *a = exo_plat_alloc(sizeof(*a));

	if (!a)
		return -ENOMEM;
	a->bytes = map_bytes(d->blocks);
	a->base = exo_plat_alloc_shared(a->bytes);
	if (!a->base) {
		exo_plat_free(a);
		return -ENOMEM;
	}
	d->area = a;
	d->fm = a->base;
	d->fm->head.magic = EXO_MAGIC_FREEMAP;
	d->fm->head.version = 1;
	d->fm->head.bytes = a->bytes;
	d->fm->blocks = d->blocks;
	d->fm->bits_off = sizeof(*d->fm);
	d->fm->first = d->l.first;
	d->free = (u64 *)((u8 *)a->base + sizeof(*d->fm));
	return 0;
}

int exo_disk_new(struct exo_core *c, struct exo_dev *dev, u64 blocks, struct exo_disk **out)
{
	struct exo_disk *d = exo_plat_alloc(sizeof(*d));
	size_t bytes = exo_bit_words(blocks) * 8;
	u32 i;

	if (!d)
		return -ENOMEM;
	d->c = c;
	d->dev = dev;
	d->blocks = blocks;
	d->sector = exo_plat_sector(dev);
	d->vol = exo_plat_volatile(dev);
	d->state = EXO_DISK_COMING;
	exo_layout(blocks, &d->l);
	d->waiting = exo_plat_alloc(bytes);
	d->held = exo_plat_alloc(bytes);
	d->blank = exo_plat_alloc(bytes);
	d->uninit = exo_plat_alloc(bytes);
	d->fresh = exo_plat_alloc(bytes);
	d->nchunks = (u32)(blocks / EXO_HOLD_CHUNK + 1);
	d->hold = exo_plat_alloc(d->nchunks * sizeof(*d->hold));
	d->cat = exo_plat_alloc((size_t)EXO_CAT_BLOCKS * EXO_BLOCK_SIZE);
	if (make_area(d) || !d->waiting || !d->held || !d->blank || !d->uninit || !d->fresh || !d->hold || !d->cat) {
		exo_disk_free(d);
		return -ENOMEM;
	}
	for (i = 0; i < EXO_MAX_ROOTS; i++)
		d->roots[i].node.block = d->l.roots + i / EXO_SECTORS;
	*out = d;
	return 0;
}

static void done_free(struct exo_core *c, struct exo_done *done)
{
	while (done->lose) {
		struct exo_lose *l = done->lose;

		done->lose = l->next;
		exo_plat_free(l);
	}
	while (done->waiters) {
		struct exo_wait *w = done->waiters;

		exo_wait_unlink(w);
		exo_plat_free(w);
	}
	while (done->kids) {
		struct exo_link *k = done->kids;

		if (k->child->link == k)
			k->child->link = NULL;
		exo_link_remove(c, k);
		exo_plat_free(k);
	}
	exo_plat_free(done);
}

/* Every buffer of the disk, with its order records, written or not. Lock held; no I/O runs. */
void exo_disk_drop_buffers(struct exo_disk *d)
{
	struct exo_core *c = d->c;
	u32 f;

	while (d->written) {
		struct exo_done *done = d->written;

		d->written = done->next;
		done_free(c, done);
	}
	for (f = 0; f < EXO_MAX_ROOTS; f++)
		exo_order_forget(c, &d->roots[f].node);
	for (f = 0; f < c->frames; f++) {
		struct exo_buf *b = &c->bufs[f];

		if (b->disk != d->nr || b->state < EXO_BUF_READING || c->side[f].doomed)
			continue;
		exo_order_forget(c, &c->side[f].node);
		exo_buf_drop(c, f);
	}
}

static void orphan_free(struct exo_orphan *o)
{
	while (o->lose) {
		struct exo_lose *l = o->lose;

		o->lose = l->next;
		exo_plat_free(l);
	}
	exo_plat_free(o);
}

/* Memory only; buffers are gone and the device is the caller's. The free map stays while somebody maps it. */
void exo_disk_free(struct exo_disk *d)
{
	u32 i;

	for (i = 0; i < EXO_MAX_TEMPLATES; i++) {
		if (d->tmpl[i].udf)
			exo_plat_udf_unload(d->tmpl[i].udf);
		if (d->tmpl[i].acl)
			exo_plat_udf_unload(d->tmpl[i].acl);
		exo_plat_free(d->tmpl[i].insns);
	}
	for (i = 0; i < EXO_ORPHAN_BUCKETS; i++) {
		while (d->orphans[i]) {
			struct exo_orphan *o = d->orphans[i];

			d->orphans[i] = o->next;
			orphan_free(o);
		}
	}
	for (i = 0; d->hold && i < d->nchunks; i++)
		exo_plat_free(d->hold[i]);
	exo_plat_free(d->hold);
	exo_plat_free(d->waiting);
	exo_plat_free(d->held);
	exo_plat_free(d->blank);
	exo_plat_free(d->uninit);
	exo_plat_free(d->fresh);
	exo_plat_free(d->contest);
	exo_set_free(&d->blind);
	exo_plat_free(d->cat);
	if (d->area) {
		exo_plat_free_shared(d->area->base, d->area->bytes);
		exo_plat_free(d->area);
	}
	exo_plat_free(d);
}

#define AT_ONCE 256u

int exo_io_blocks(struct exo_dev *dev, int op, u64 block, void *mem, u64 count)
{
	struct exo_seg *seg = exo_plat_alloc(AT_ONCE * sizeof(*seg));
	u8 *p = mem;
	u64 bad;
	int err = 0;

	if (!seg)
		return -ENOMEM;
	while (!err && count) {
		u32 n = count < AT_ONCE ? (u32)count : AT_ONCE, i;

		for (i = 0; i < n; i++) {
			seg[i].block = block + i;
			seg[i].mem = p + (size_t)i * EXO_BLOCK_SIZE;
			seg[i].sectors = EXO_SECTORS;
		}
		err = exo_plat_io(dev, op, seg, n, &bad);
		block += n;
		count -= n;
		p += (size_t)n * EXO_BLOCK_SIZE;
	}
	exo_plat_free(seg);
	return err;
}

/* Sector 0 decides; the copy in the last block only says whether a damaged disk once was an exo disk. */
int exo_disk_read_super(struct exo_dev *dev, u64 dev_blocks, struct exo_super *s, u64 *detail, u32 *reason)
{
	u8 *mem = exo_plat_alloc(EXO_BLOCK_SIZE);
	struct exo_super copy;
	int err;

	*detail = 0;
	*reason = EXO_R_NOMEM;
	if (!mem)
		return -ENOMEM;
	err = exo_io_blocks(dev, EXO_OP_READ, 0, mem, 1);
	if (err) {
		*reason = err == -ENOMEM ? EXO_R_NOMEM : EXO_R_IO;
		goto out;
	}
	*reason = exo_super_get(s, mem);
	if (*reason == EXO_R_NOT_EXO) {
		if (!exo_io_blocks(dev, EXO_OP_READ, dev_blocks - 1, mem, 1) && !exo_super_get(&copy, mem))
			*reason = EXO_R_SUPER;
	} else if (*reason == EXO_R_VERSION_DISK) {
		*detail = s->version;
	} else if (!*reason && s->blocks > dev_blocks) {
		*reason = EXO_R_TRUNCATED;
		*detail = s->blocks - dev_blocks;
	}
	err = *reason ? -EUCLEAN : 0;
out:
	exo_plat_free(mem);
	return err;
}

/* One sector, so that it is either the old or the new one; durable on return. */
int exo_disk_write_super(struct exo_dev *dev, const struct exo_super *s)
{
	u8 *mem = exo_plat_alloc(EXO_BLOCK_SIZE);
	struct exo_seg seg = {.block = 0, .mem = mem, .sectors = 1};
	u64 bad;
	int err;

	if (!mem)
		return -ENOMEM;
	exo_super_put(s, mem);
	if (exo_plat_sector(dev) > EXO_SECTOR_SIZE)
		seg.sectors = (u16)(exo_plat_sector(dev) / EXO_SECTOR_SIZE);
	err = exo_plat_io(dev, EXO_OP_WRITE, &seg, 1, &bad);
	if (!err)
		err = exo_plat_flush(dev);
	exo_plat_free(mem);
	return err;
}
