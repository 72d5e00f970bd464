// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * map.c: the extents of one inode: two in its slot, or a tree of map blocks below it. The same tree maps a file's
 * blocks (key: block of the file) and a directory's leaves (key: least hash).
 *
 * A map block is a set: its 8 partitions hold up to 248 extents in no order, so an insertion or removal writes one
 * partition. A full one is split by copying into two new blocks; when the new extent is behind all others, it just gets
 * a new neighbour, so that appending never moves anything.
 */
#include "cffs.h"

#define NO_NEXT (1ull << 32)
#define SET_MAX (CFFS_PARTS * CFFS_MAP_EXTS)

static void map_extent(const u8 *part, u32 slot, struct extent *e)
{
	extent_get(part + CFFS_H_SIZE + CFFS_E_SIZE * slot, e);
}

/* Choose among extents: the greatest key <= key, else the least; and the least key behind the chosen one. */
struct choice {
	bool any;
	u32 part, slot;
	struct extent e;
	u64 next;
};

static void consider(struct choice *c, u32 key, u32 part, u32 slot, const struct extent *e)
{
	bool better;

	if (!e->count)
		return;
	if (!c->any)
		better = true;
	else if (c->e.key <= key)
		better = e->key <= key && e->key > c->e.key;
	else
		better = e->key < c->e.key;
	if (better) {
		if (c->any && c->e.key > e->key && c->e.key < c->next)
			c->next = c->e.key;
		c->any = true;
		c->part = part;
		c->slot = slot;
		c->e = *e;
	} else if (e->key > c->e.key && e->key < c->next) {
		c->next = e->key;
	}
}

/* Look at one map block. -EUCLEAN when it is not the one expected, or empty. */
static int look(struct cffs *fs, const struct ref *r, const struct node *node, u32 level, u32 key, struct choice *c)
{
	u32 p, i;

	for (p = 0; p < CFFS_PARTS; p++) {
		const u8 *part = txn_see(fs, r, p);
		int kind = part_kind(part);
		struct extent e;

		if (!kind)
			continue;
		if (kind != CFFS_KIND_MAP || part[CFFS_H_LEVEL] != level || get64(part + CFFS_H_OWNER) != node->n.ino)
			return meta_same(fs, r) ? -EUCLEAN : -EAGAIN;
		for (i = 0; i < CFFS_MAP_EXTS; i++) {
			/* Most are not in use. */
			if (!get32(part + CFFS_H_SIZE + CFFS_E_SIZE * i + CFFS_E_COUNT))
				continue;
			map_extent(part, i, &e);
			consider(c, key, p, i, &e);
		}
	}
	if (!meta_same(fs, r))
		return -EAGAIN;
	return c->any ? 0 : -EUCLEAN;
}

static bool content_ok(const struct node *node, const struct extent *e)
{
	if (S_ISDIR(node->di.mode))
		return e->count == 1;
	return (u64)e->key + e->count <= CFFS_FILE_BLOCKS;
}

int map_find(struct cffs *fs, struct node *node, const struct ref *home, u32 key, struct mpath *p)
{
	const u8 *part = txn_see(fs, home, node->loc.part);
	struct choice c = {.next = NO_NEXT};
	struct inode di;
	u32 level, i;
	int err;

	p->n = 0;
	p->next = NO_NEXT;
	inode_get(part, node->loc.slot, &di);
	if (!meta_same(fs, home))
		return -EAGAIN;
	if (di.ino != node->n.ino || inode_check(&di))
		return -EUCLEAN;
	for (i = 0; i < CFFS_S_EXTS; i++)
		consider(&c, key, node->loc.part, i, &di.ext[i]);
	if (!c.any)
		return di.level ? -EUCLEAN : 0;
	level = di.level;
	p->at[0].c = (struct claim){*home, c.part, c.e, level || S_ISDIR(di.mode)};
	if (home->frame != EXO_NOFRAME)
		cache_pin(fs, home->frame);
	p->at[0].slot = c.slot;
	p->n = 1;
	p->next = c.next;
	while (level--) {
		struct ref child;

		if (c.e.count != 1) {
			err = -EUCLEAN;
			goto fail;
		}
		err = meta_get(fs, &p->at[p->n - 1].c, &child);
		if (err)
			goto fail;
		c = (struct choice){.next = NO_NEXT};
		err = look(fs, &child, node, level, key, &c);
		if (err) {
			meta_put(fs, &child);
			goto fail;
		}
		p->at[p->n].c = (struct claim){child, c.part, c.e, level || S_ISDIR(di.mode)};
		p->at[p->n].slot = c.slot;
		p->n++;
		if (c.next < p->next)
			p->next = c.next;
	}
	if (!content_ok(node, &c.e)) {
		err = -EUCLEAN;
		goto fail;
	}
	return 0;
fail:
	map_done(fs, p);
	return err;
}

void map_done(struct cffs *fs, struct mpath *p)
{
	while (p->n)
		meta_put(fs, &p->at[--p->n].c.parent);
}

bool map_same(struct cffs *fs, const struct mpath *p)
{
	int i;

	for (i = 0; i < p->n; i++)
		if (!meta_same(fs, &p->at[i].c.parent))
			return false;
	return true;
}

/* ---- changes, inside a transaction ---- */

/* The bytes of an extent in a map block, to change; NULL as txn_part. */
static u8 *place(struct cffs *fs, const struct mpath *p, int at)
{
	u8 *part = txn_part(fs, &p->at[at].c.parent, p->at[at].c.part);

	return part ? part + CFFS_H_SIZE + CFFS_E_SIZE * p->at[at].slot : NULL;
}

static u8 *slot_of(struct cffs *fs, const struct node *node, const struct ref *home)
{
	u8 *part = txn_part(fs, home, node->loc.part);

	return part ? part + CFFS_SLOT(node->loc.slot) : NULL;
}

void map_header(u8 *part, const struct node *node, u32 level)
{
	put32(part + CFFS_H_MAGIC, CFFS_MAGIC);
	part[CFFS_H_KIND] = CFFS_KIND_MAP;
	part[CFFS_H_REF] = level || S_ISDIR(node->di.mode) ? CFFS_REF_META : CFFS_REF_DATA;
	part[CFFS_H_LEVEL] = level;
	part_owner(part, &node->di);
}

/* Write sorted extents into an empty map block. */
static int fill(struct cffs *fs, const struct ref *r, const struct node *node, u32 level, const struct extent *e, u32 n)
{
	u32 i, per = (n + CFFS_PARTS - 1) / CFFS_PARTS;
	u8 *part = NULL;

	/* Spread over the partitions, so that each has room for neighbours. */
	for (i = 0; i < n; i++) {
		if (i % per == 0) {
			part = txn_part(fs, r, i / per);
			if (!part)
				return -EAGAIN;
			map_header(part, node, level);
		}
		extent_put(part + CFFS_H_SIZE + CFFS_E_SIZE * (i % per), &e[i]);
	}
	/* A partition of zeroes is anybody's to fill in. */
	for (i = (n + per - 1) / per; fs->shared && i < CFFS_PARTS; i++) {
		part = txn_part(fs, r, i);
		if (!part)
			return -EAGAIN;
		map_header(part, node, level);
	}
	return 0;
}

static int new_map_block(struct cffs *fs, struct node *node, struct ref *r)
{
	struct extent e;
	int err = txn_alloc(fs, fs->policy->map(fs, node), 1, true, true, &e);

	if (!err)
		*r = txn_new_block(e.start);
	return err;
}

static int blocks_add(u8 *slot, int64_t n)
{
	int64_t now = get32(slot + CFFS_S_BLOCKS) + n;

	put32(slot + CFFS_S_BLOCKS, now < 0 ? 0 : now > UINT32_MAX ? UINT32_MAX : now);
	return 0;
}

static int by_key(const void *x, const void *y)
{
	const struct extent *a = x, *b = y;

	return a->key < b->key ? -1 : a->key > b->key;
}

/* The tree grows by a level: what the slot would hold goes into a map block, and the slot points at that. */
static int grow(struct cffs *fs, struct node *node, u8 *slot, struct extent *all, u32 n)
{
	u32 level = slot[CFFS_S_LEVEL];
	struct ref r;
	int err;

	if (level == CFFS_LEVEL_MAX)
		return -EFBIG;
	err = new_map_block(fs, node, &r);
	if (err)
		return err;
	qsort(all, n, sizeof(*all), by_key);
	err = fill(fs, &r, node, level, all, n);
	if (err)
		return err;
	memset(slot + CFFS_S_EXT, 0, CFFS_S_EXTS * CFFS_E_SIZE);
	extent_put(slot + CFFS_S_EXT, &(struct extent){r.block, 1, all[0].key});
	slot[CFFS_S_LEVEL] = level + 1;
	slot[CFFS_S_REF] = CFFS_REF_META;
	return blocks_add(slot, 1);
}

/* Root of the tree: the two extents of the slot. Full: they and the new one go into a map block. */
static int insert_home(struct cffs *fs, struct node *node, const struct ref *home, const struct extent *e)
{
	u8 *slot = slot_of(fs, node, home), *ext;
	struct extent all[CFFS_S_EXTS + 1];
	u32 i;

	if (!slot)
		return -EAGAIN;
	for (i = 0; i < CFFS_S_EXTS; i++) {
		ext = slot + CFFS_S_EXT + CFFS_E_SIZE * i;
		extent_get(ext, &all[i]);
		if (all[i].count)
			continue;
		extent_put(ext, e);
		slot[CFFS_S_REF] = slot[CFFS_S_LEVEL] || S_ISDIR(node->di.mode) ? CFFS_REF_META : CFFS_REF_DATA;
		return 0;
	}
	all[CFFS_S_EXTS] = *e;
	return grow(fs, node, slot, all, CFFS_S_EXTS + 1);
}

static void replace_child(struct cffs *fs, struct node *node, const struct ref *home, const struct mpath *p, int at,
			  const struct extent *e, int *err)
{
	u8 *bytes;

	if (at == 0) {
		bytes = slot_of(fs, node, home);
		if (bytes)
			bytes += CFFS_S_EXT + CFFS_E_SIZE * p->at[0].slot;
	} else {
		bytes = place(fs, p, at);
	}
	if (!bytes)
		*err = -EAGAIN;
	else if (e)
		extent_put(bytes, e);
	else
		memset(bytes, 0, CFFS_E_SIZE);
}

/* Empty a map block that is going to be freed. */
static int wipe(struct cffs *fs, const struct ref *r)
{
	u32 i;

	for (i = 0; i < CFFS_PARTS; i++) {
		u8 *part;

		if (!get32(txn_see(fs, r, i) + CFFS_H_MAGIC))
			continue;
		part = txn_part(fs, r, i);
		if (!part)
			return -EAGAIN;
		memset(part, 0, CFFS_PART);
	}
	return 0;
}

static int replace_by_two(struct cffs *fs, struct node *node, const struct ref *home, const struct mpath *p, int at,
			  const struct extent *low, const struct extent *high);

/* All extents of a map block, as the transaction has it. */
static u32 collect(struct cffs *fs, const struct ref *r, struct extent *set, u32 *level)
{
	u32 k, i, n = 0;

	for (k = 0; k < CFFS_PARTS; k++) {
		const u8 *see = txn_see(fs, r, k);

		if (!get32(see + CFFS_H_MAGIC))
			continue;
		*level = see[CFFS_H_LEVEL];
		for (i = 0; i < CFFS_MAP_EXTS; i++) {
			map_extent(see, i, &set[n]);
			n += !!set[n].count;
		}
	}
	return n;
}

/* The map block at level `at` of the path gives way to a new one with this content, or to two. */
static int rebuild(struct cffs *fs, struct node *node, const struct ref *home, const struct mpath *p, int at,
		   struct extent *set, u32 n, u32 level)
{
	const struct ref *r = &p->at[at].c.parent;
	u32 half = n > SET_MAX * 3 / 4 ? n / 2 : n, key = p->at[at - 1].c.ext.key;
	u8 *slot = slot_of(fs, node, home);
	struct extent low, high;
	struct ref a, b;
	int err;

	if (!slot)
		return -EAGAIN;
	qsort(set, n, sizeof(*set), by_key);
	err = new_map_block(fs, node, &a);
	if (!err)
		err = fill(fs, &a, node, level, set, half);
	if (!err && half < n)
		err = new_map_block(fs, node, &b);
	if (!err && half < n)
		err = fill(fs, &b, node, level, set + half, n - half);
	if (!err)
		err = wipe(fs, r);
	if (!err)
		err = txn_free(fs, r->block, 1, true);
	if (err)
		return err;
	low = (struct extent){a.block, 1, key < set[0].key ? key : set[0].key};
	if (half == n) {
		replace_child(fs, node, home, p, at - 1, &low, &err);
		return err;
	}
	blocks_add(slot, 1);
	high = (struct extent){b.block, 1, set[half].key};
	return replace_by_two(fs, node, home, p, at - 1, &low, &high);
}

/*
 * The extent at level `at` of the path becomes two, in one sector: a torn write must not lose one of them. Where the
 * sector has no room, the block is built anew.
 */
static int replace_by_two(struct cffs *fs, struct node *node, const struct ref *home, const struct mpath *p, int at,
			  const struct extent *low, const struct extent *high)
{
	struct extent set[SET_MAX + 1], one;
	u32 n, i, level = 0;
	u8 *part, *slot;
	int err = 0;

	if (!at) {
		slot = slot_of(fs, node, home);
		if (!slot)
			return -EAGAIN;
		replace_child(fs, node, home, p, 0, low, &err);
		if (err)
			return err;
		for (i = n = 0; i < CFFS_S_EXTS; i++) {
			extent_get(slot + CFFS_S_EXT + CFFS_E_SIZE * i, &set[n]);
			n += !!set[n].count;
		}
		if (n < CFFS_S_EXTS)
			return insert_home(fs, node, home, high);
		set[n++] = *high;
		return grow(fs, node, slot, set, n);
	}
	part = txn_part(fs, &p->at[at].c.parent, p->at[at].c.part);
	if (!part)
		return -EAGAIN;
	replace_child(fs, node, home, p, at, low, &err);
	if (err)
		return err;
	for (i = 0; i < CFFS_MAP_EXTS; i++) {
		map_extent(part, i, &one);
		if (one.count)
			continue;
		extent_put(part + CFFS_H_SIZE + CFFS_E_SIZE * i, high);
		return 0;
	}
	n = collect(fs, &p->at[at].c.parent, set, &level);
	set[n++] = *high;
	return rebuild(fs, node, home, p, at, set, n, level);
}

int map_split(struct cffs *fs, struct node *node, const struct ref *home, const struct mpath *p,
	      const struct extent *low, const struct extent *high)
{
	u8 *slot = slot_of(fs, node, home);
	int err = slot ? replace_by_two(fs, node, home, p, p->n - 1, low, high) : -EAGAIN;

	return err ? err : blocks_add(slot, (int64_t)low->count + high->count - p->at[p->n - 1].c.ext.count);
}

/* Put e into the container at level `at` of the path (0: the slot), splitting upwards. */
static int insert_at(struct cffs *fs, struct node *node, const struct ref *home, const struct mpath *p, int at,
		     const struct extent *e)
{
	struct extent set[SET_MAX + 1], one;
	const struct ref *r;
	u32 i, k, n, level = 0, max = 0;
	u8 *slot, *part;
	struct ref next;
	int err;

	if (at <= 0)
		return insert_home(fs, node, home, e);
	r = &p->at[at].c.parent;
	n = collect(fs, r, set, &level);
	/* Room? The chosen neighbour's partition first. */
	for (k = 0; n < SET_MAX && k < CFFS_PARTS; k++) {
		part = (u8 *)txn_see(fs, r, (p->at[at].c.part + k) % CFFS_PARTS);
		for (i = 0; i < CFFS_MAP_EXTS; i++) {
			map_extent(part, i, &one);
			if (get32(part + CFFS_H_MAGIC) && one.count)
				continue;
			part = txn_part(fs, r, (p->at[at].c.part + k) % CFFS_PARTS);
			if (!part)
				return -EAGAIN;
			if (!get32(part + CFFS_H_MAGIC)) {
				memset(part, 0, CFFS_PART);
				map_header(part, node, level);
			}
			extent_put(part + CFFS_H_SIZE + CFFS_E_SIZE * i, e);
			return 0;
		}
	}
	for (i = 0; i < n; i++)
		if (set[i].key > max)
			max = set[i].key;
	if (e->key < max) {
		set[n++] = *e;
		return rebuild(fs, node, home, p, at, set, n, level);
	}
	slot = slot_of(fs, node, home);
	if (!slot)
		return -EAGAIN;
	err = new_map_block(fs, node, &next);
	if (!err)
		err = fill(fs, &next, node, level, e, 1);
	if (err)
		return err;
	blocks_add(slot, 1);
	one = (struct extent){next.block, 1, e->key};
	return insert_at(fs, node, home, p, at - 1, &one);
}

int map_insert(struct cffs *fs, struct node *node, const struct ref *home, const struct extent *e)
{
	struct mpath p;
	u8 *slot;
	int err = map_find(fs, node, home, e->key, &p);

	if (err)
		return err;
	err = insert_at(fs, node, home, &p, p.n - 1, e);
	map_done(fs, &p);
	slot = slot_of(fs, node, home);
	if (!err && !slot)
		err = -EAGAIN;
	return err ? err : blocks_add(slot, e->count);
}

int map_change(struct cffs *fs, struct node *node, const struct ref *home, const struct mpath *p,
	       const struct extent *e)
{
	u8 *slot = slot_of(fs, node, home);
	int err = 0;

	if (!slot)
		return -EAGAIN;
	replace_child(fs, node, home, p, p->n - 1, e, &err);
	return err ? err : blocks_add(slot, (int64_t)e->count - p->at[p->n - 1].c.ext.count);
}

/* Does a map block hold nothing any more, as the transaction has it? */
static bool bare(struct cffs *fs, const struct ref *r)
{
	struct extent e;
	u32 k, i;

	for (k = 0; k < CFFS_PARTS; k++) {
		const u8 *part = txn_see(fs, r, k);

		if (!get32(part + CFFS_H_MAGIC))
			continue;
		for (i = 0; i < CFFS_MAP_EXTS; i++) {
			map_extent(part, i, &e);
			if (e.count)
				return false;
		}
	}
	return true;
}

int map_remove(struct cffs *fs, struct node *node, const struct ref *home, const struct mpath *p)
{
	u8 *slot = slot_of(fs, node, home);
	int at = p->n - 1, err = 0;
	struct extent a, b;

	if (!slot)
		return -EAGAIN;
	blocks_add(slot, -(int64_t)p->at[at].c.ext.count);
	replace_child(fs, node, home, p, at, NULL, &err);
	while (!err && at > 0 && bare(fs, &p->at[at].c.parent)) {
		err = wipe(fs, &p->at[at].c.parent);
		if (!err)
			err = txn_free(fs, p->at[at].c.parent.block, 1, true);
		blocks_add(slot, -1);
		at--;
		if (!err)
			replace_child(fs, node, home, p, at, NULL, &err);
	}
	if (err)
		return err;
	extent_get(slot + CFFS_S_EXT, &a);
	extent_get(slot + CFFS_S_EXT + CFFS_E_SIZE, &b);
	if (!a.count && !b.count) {
		slot[CFFS_S_LEVEL] = 0;
		slot[CFFS_S_REF] = 0;
	}
	return 0;
}
