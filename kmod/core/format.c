// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "format.h"

#define SUPER_MAGIC 0x31304b5349446f78ull
#define TMPL_MAGIC 0x31304c504d546f78ull
#define ROOT_MAGIC 0x3130544f4f526f78ull
#define SUM_AT 504 /* the checksum is the last member of every sector */

void exo_layout(u64 blocks, struct exo_layout *l)
{
	u64 bytes = blocks / 8 + (blocks % 8 != 0);

	l->templates = 1;
	l->roots = l->templates + (u64)EXO_MAX_TEMPLATES * EXO_SLOT_BLOCKS;
	l->map = l->roots + EXO_CAT_BLOCKS;
	l->map_blocks = bytes / EXO_BLOCK_SIZE + (bytes % EXO_BLOCK_SIZE != 0);
	l->first = l->map + l->map_blocks;
	l->last = blocks - 1;
}

static void put(u8 *s, u32 *at, u64 v, u32 bytes)
{
	while (bytes--) {
		s[(*at)++] = (u8)v;
		v >>= 8;
	}
}

static u64 get(const u8 *s, u32 *at, u32 bytes)
{
	u64 v = 0;
	u32 i;

	for (i = 0; i < bytes; i++)
		v |= (u64)s[(*at)++] << (8 * i);
	return v;
}

u64 exo_sum(const void *data, size_t bytes)
{
	u8 h[32];
	u32 at = 0;

	exo_plat_sha256(data, bytes, h);
	return get(h, &at, 8);
}

static void seal(u8 *s)
{
	u32 at = SUM_AT;
	u64 sum;

	memset(s + SUM_AT, 0, 8);
	sum = exo_sum(s, EXO_SECTOR_SIZE);
	put(s, &at, sum, 8);
}

static bool sealed(const u8 *s)
{
	u8 copy[EXO_SECTOR_SIZE];
	u32 at = SUM_AT;
	u64 sum = get(s, &at, 8);

	memcpy(copy, s, sizeof(copy));
	memset(copy + SUM_AT, 0, 8);
	return exo_sum(copy, sizeof(copy)) == sum;
}

static bool blank(const u8 *s)
{
	u32 i;

	for (i = 0; i < EXO_SECTOR_SIZE; i++)
		if (s[i])
			return false;
	return true;
}

bool exo_name_ok(const char *name)
{
	u32 i, len = 0;

	while (len < EXO_NAME_MAX && name[len])
		len++;
	if (!len || len == EXO_NAME_MAX)
		return false;
	for (i = 0; i < len; i++)
		if (name[i] < 0x20 || name[i] > 0x7e)
			return false;
	for (i = len; i < EXO_NAME_MAX; i++)
		if (name[i])
			return false;
	return true;
}

void exo_super_put(const struct exo_super *s, u8 *sector)
{
	u32 at = 0;

	memset(sector, 0, EXO_SECTOR_SIZE);
	put(sector, &at, SUPER_MAGIC, 8);
	put(sector, &at, EXO_FORMAT_VERSION, 4);
	put(sector, &at, s->clean, 4);
	put(sector, &at, s->blocks, 8);
	put(sector, &at, s->user_quota, 8);
	put(sector, &at, s->generation, 8);
	put(sector, &at, s->map_sum, 8);
	memcpy(sector + at, s->uuid, 16);
	seal(sector);
}

u32 exo_super_get(struct exo_super *s, const u8 *sector)
{
	u32 at = 0;

	memset(s, 0, sizeof(*s));
	if (get(sector, &at, 8) != SUPER_MAGIC)
		return EXO_R_NOT_EXO;
	s->version = (u32)get(sector, &at, 4);
	if (s->version != EXO_FORMAT_VERSION)
		return EXO_R_VERSION_DISK;
	s->clean = (u32)get(sector, &at, 4);
	s->blocks = get(sector, &at, 8);
	s->user_quota = get(sector, &at, 8);
	s->generation = get(sector, &at, 8);
	s->map_sum = get(sector, &at, 8);
	memcpy(s->uuid, sector + at, 16);
	if (!sealed(sector) || s->blocks < EXO_MIN_DISK_BLOCKS || s->blocks > 1ull << 40 || s->clean > 1)
		return EXO_R_SUPER;
	return 0;
}

static void put_cap(u8 *s, u32 *at, const struct exo_cap *c)
{
	u32 i;

	for (i = 0; i < EXO_CAP_DEPTH; i++)
		put(s, at, c->name[i], 4);
	put(s, at, c->depth, 4);
	put(s, at, c->rights, 4);
}

static void get_cap(const u8 *s, u32 *at, struct exo_cap *c)
{
	u32 i;

	for (i = 0; i < EXO_CAP_DEPTH; i++)
		c->name[i] = (u32)get(s, at, 4);
	c->depth = (u32)get(s, at, 4);
	c->rights = (u32)get(s, at, 4);
}

void exo_tmpl_put(const struct exo_tmpl_head *h, u8 *sector)
{
	u32 at = 0, i;

	memset(sector, 0, EXO_SECTOR_SIZE);
	put(sector, &at, TMPL_MAGIC, 8);
	memcpy(sector + at, h->name, EXO_NAME_MAX);
	at += EXO_NAME_MAX;
	put_cap(sector, &at, &h->owner);
	put(sector, &at, h->partition, 4);
	put(sector, &at, h->ninsns, 4);
	put(sector, &at, h->nrefs, 4);
	for (i = 0; i < EXO_MAX_REFS; i++)
		put(sector, &at, h->refs[i], 4);
	memcpy(sector + at, h->hash, 32);
	at += 32;
	put(sector, &at, h->acl_ninsns, 4);
	seal(sector);
}

int exo_tmpl_get(struct exo_tmpl_head *h, const u8 *sector)
{
	u32 at = 0, i;

	memset(h, 0, sizeof(*h));
	if (blank(sector))
		return 0;
	if (get(sector, &at, 8) != TMPL_MAGIC || !sealed(sector))
		return -1;
	memcpy(h->name, sector + at, EXO_NAME_MAX);
	at += EXO_NAME_MAX;
	get_cap(sector, &at, &h->owner);
	h->partition = (u32)get(sector, &at, 4);
	h->ninsns = (u32)get(sector, &at, 4);
	h->nrefs = (u32)get(sector, &at, 4);
	for (i = 0; i < EXO_MAX_REFS; i++)
		h->refs[i] = (u32)get(sector, &at, 4);
	memcpy(h->hash, sector + at, 32);
	at += 32;
	h->acl_ninsns = (u32)get(sector, &at, 4);
	if (!exo_name_ok(h->name) || !exo_cap_valid(&h->owner) || h->nrefs > EXO_MAX_REFS || !h->ninsns ||
	    h->ninsns > EXO_MAX_INSNS || h->acl_ninsns > EXO_MAX_INSNS)
		return -1;
	if (h->partition != 512 && h->partition != 1024 && h->partition != 2048 && h->partition != 4096)
		return -1;
	for (i = 0; i < EXO_MAX_REFS; i++)
		if (h->refs[i] >= EXO_MAX_TEMPLATES || (i < h->nrefs) != (h->refs[i] != 0))
			return -1;
	return 1;
}

void exo_root_put(const struct exo_root_head *h, u8 *sector)
{
	u32 at = 0;

	memset(sector, 0, EXO_SECTOR_SIZE);
	put(sector, &at, ROOT_MAGIC, 8);
	memcpy(sector + at, h->name, EXO_NAME_MAX);
	at += EXO_NAME_MAX;
	put_cap(sector, &at, &h->owner);
	put(sector, &at, h->start, 8);
	put(sector, &at, h->count, 8);
	put(sector, &at, h->quota, 8);
	put(sector, &at, h->used, 8);
	put(sector, &at, h->tmpl, 4);
	put(sector, &at, h->flags, 4);
	seal(sector);
}

int exo_root_get_entry(struct exo_root_head *h, const u8 *sector)
{
	u32 at = 0;

	memset(h, 0, sizeof(*h));
	if (blank(sector))
		return 0;
	if (get(sector, &at, 8) != ROOT_MAGIC || !sealed(sector))
		return -1;
	memcpy(h->name, sector + at, EXO_NAME_MAX);
	at += EXO_NAME_MAX;
	get_cap(sector, &at, &h->owner);
	h->start = get(sector, &at, 8);
	h->count = get(sector, &at, 8);
	h->quota = get(sector, &at, 8);
	h->used = get(sector, &at, 8);
	h->tmpl = (u32)get(sector, &at, 4);
	h->flags = (u32)get(sector, &at, 4);
	if (!exo_name_ok(h->name) || !exo_cap_valid(&h->owner) || h->owner.rights != EXO_RIGHT_ALL ||
	    h->tmpl >= EXO_MAX_TEMPLATES || (h->flags & ~EXO_ROOT_KNOWN))
		return -1;
	return 1;
}
