// SPDX-License-Identifier: GPL-2.0 OR MIT
/* core.c: the one instance: pool, registry, mapped areas. */
#include "internal.h"

#define FREEMAP_SHIFT 34

static size_t whole_pages(size_t n)
{
	return (n + EXO_BLOCK_SIZE - 1) / EXO_BLOCK_SIZE * EXO_BLOCK_SIZE;
}

static int make_registry(struct exo_core *c)
{
	u32 buckets = 1, f;
	size_t hash_off = sizeof(struct exo_reg_head), bufs_off;

	while (buckets < c->frames && buckets < 1u << 30)
		buckets *= 2;
	hash_off = (hash_off + 63) / 64 * 64;
	bufs_off = hash_off + (size_t)buckets * sizeof(u32);
	bufs_off = (bufs_off + 63) / 64 * 64;
	c->area_bytes = whole_pages(bufs_off + (size_t)c->frames * sizeof(struct exo_buf));
	c->area = exo_plat_alloc_shared(c->area_bytes);
	if (!c->area)
		return -ENOMEM;
	c->reg = c->area;
	c->hash = (u32 *)((u8 *)c->area + hash_off);
	c->bufs = (struct exo_buf *)((u8 *)c->area + bufs_off);
	c->reg->head.magic = EXO_MAGIC_REGISTRY;
	c->reg->head.version = 1;
	c->reg->head.bytes = c->area_bytes;
	c->reg->frames = c->frames;
	c->reg->buckets = buckets;
	c->reg->hash_off = hash_off;
	c->reg->bufs_off = bufs_off;
	for (f = c->frames; f-- > 0;) {
		c->side[f].node.id = f;
		exo_pool_give(c, f);
	}
	return 0;
}

int exo_core_new(u32 frames, struct exo_core **out)
{
	struct exo_core *c;

	if (!frames || frames >= EXO_NODE_ROOT)
		return -EINVAL;
	c = exo_plat_alloc(sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->frames = frames;
	c->lock = exo_plat_lock_new();
	c->side = exo_plat_alloc((size_t)frames * sizeof(*c->side));
	c->stats = exo_plat_alloc_shared(EXO_BLOCK_SIZE);
	c->zero = exo_plat_alloc(EXO_BLOCK_SIZE);
	c->acl_in = exo_plat_alloc(EXO_ACL_BYTES(EXO_BLOCK_SIZE));
	if (!c->lock || !c->side || !c->stats || !c->zero || !c->acl_in)
		goto nomem;
	c->stats->head.magic = EXO_MAGIC_STATS;
	c->stats->head.version = 1;
	c->stats->head.bytes = EXO_BLOCK_SIZE;
	if (make_registry(c))
		goto nomem;
	*out = c;
	return 0;
nomem:
	exo_core_free(c);
	return -ENOMEM;
}

void exo_core_free(struct exo_core *c)
{
	if (c->area)
		exo_plat_free_shared(c->area, c->area_bytes);
	if (c->stats)
		exo_plat_free_shared(c->stats, EXO_BLOCK_SIZE);
	if (c->lock)
		exo_plat_lock_free(c->lock);
	exo_ops_free(c);
	exo_works_free(c);
	exo_plat_free(c->side);
	exo_plat_free(c->zero);
	exo_plat_free(c->acl_in);
	exo_plat_free(c);
}

int exo_core_area_get(struct exo_core *c, u64 offset, void **base, size_t *bytes)
{
	struct exo_disk *d;
	u64 disk;
	int err = -EINVAL;

	if (offset == EXO_MAP_REGISTRY) {
		*base = c->area;
		*bytes = c->area_bytes;
		return 0;
	}
	if (offset == EXO_MAP_STATS) {
		*base = c->stats;
		*bytes = EXO_BLOCK_SIZE;
		return 0;
	}
	if (offset < EXO_MAP_FREEMAP(0))
		return -EINVAL;
	disk = (offset - EXO_MAP_FREEMAP(0)) >> FREEMAP_SHIFT;
	if (disk >= EXO_MAX_DISKS || offset != EXO_MAP_FREEMAP(disk))
		return -EINVAL;
	exo_lock(c);
	d = c->disks[disk];
	if (d && d->state != EXO_DISK_COMING) {
		d->area->maps++;
		*base = d->area->base;
		*bytes = d->area->bytes;
		err = 0;
	}
	exo_unlock(c);
	return err;
}

/* The disk may be long gone; the area lives until its last mapping goes. */
void exo_core_area_put(struct exo_core *c, u64 offset, void *base)
{
	struct exo_area **at, *a;

	if (base == c->area || base == (void *)c->stats)
		return;
	exo_lock(c);
	for (at = &c->areas; (a = *at); at = &a->next) {
		if (a->base != base)
			continue;
		if (--a->maps || !a->dead)
			break;
		*at = a->next;
		exo_unlock(c);
		exo_plat_free_shared(a->base, a->bytes);
		exo_plat_free(a);
		return;
	}
	exo_unlock(c);
}
