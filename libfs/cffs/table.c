// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * table.c: inodes outside of directories, one a partition, and the two levels of table blocks that lead to them. A
 * place (format.h) is the way down from the root block and never changes, so a reference to an inode is its place and
 * number. The table grows at its end and never shrinks; a partition of zeroes is free for anybody.
 *
 * The names of such an inode are numbered, and only those count whose number is in the inode's map. So what happens to
 * a name happens in the inode's sector, and an entry that a power cut left over, or that came too early, is no name.
 */
#include "cffs.h"

#define LOOK 16	  /* blocks in which a hole is looked for before the table grows */
#define SINGLE 32 /* extents of the table that are one block long; those behind them are longer */
#define ORDINALS (((CFFS_PARTS - CFFS_TABLE_FIRST) * CFFS_MAP_EXTS) * (CFFS_PARTS * CFFS_MAP_EXTS))

/* ---- an inode partition ---- */

bool xinode_ok(const u8 *part)
{
	u32 extra = get16(part + CFFS_SLOT(0) + CFFS_S_EXTRA), map = get16(part + CFFS_X_MAP);

	return part[CFFS_H_USED] == 1 && extra <= CFFS_X_SMALL - CFFS_X_LINKS &&
	       map <= CFFS_X_SMALL - CFFS_X_LINKS - extra && get16(part + CFFS_X_BYTES) <= CFFS_X_SMALL_MAX &&
	       get32(part + CFFS_X_LONG) <= CFFS_ATTRS_MAX;
}

/* Are its names numbered by directory? */
static bool named(const u8 *part)
{
	return get32(part + CFFS_H_FROM) == CFFS_X_NAMED;
}

static u32 name_numbers(const u8 *part)
{
	u32 map = get16(part + CFFS_X_MAP), head = CFFS_X_PARENTS - CFFS_X_LINKS;

	return !named(part) ? 8 * map : map > head ? (map - head) / 8 : 0;
}

void xinode_init(u8 *part, const struct inode *di, const char *target, bool shared)
{
	memset(part, 0, CFFS_PART);
	put32(part + CFFS_H_FROM, shared ? CFFS_X_NAMED : 0);
	put32(part + CFFS_H_MAGIC, CFFS_MAGIC);
	part[CFFS_H_KIND] = CFFS_KIND_INODE;
	part[CFFS_H_USED] = 1;
	put64(part + CFFS_H_OWNER, di->ino);
	inode_put(part, 0, di);
	if (di->extra) {
		put16(part + CFFS_SLOT(0) + CFFS_S_EXTRA, di->extra);
		memcpy(part + CFFS_X_SMALL - di->extra, target, di->extra);
	}
	if (!S_ISDIR(di->mode))
		put32(part + CFFS_SLOT(0) + CFFS_S_NLINK, 0);
}

u64 xlink_parent(const u8 *part, u32 k)
{
	return named(part) && k < name_numbers(part) ? get64(part + CFFS_X_PARENTS + 8 * k) : 0;
}

static bool taken(const u8 *part, u32 k)
{
	if (named(part))
		return xlink_parent(part, k);
	return k < name_numbers(part) && part[CFFS_X_LINKS + k / 8] >> (k % 8) & 1;
}

bool xlink_counts(const u8 *part, u32 k, u64 dir)
{
	return named(part) ? dir && xlink_parent(part, k) == dir : taken(part, k);
}

u32 xlink_room(const u8 *part)
{
	return name_numbers(part);
}

bool xlink_taken(const u8 *part, u32 k)
{
	return taken(part, k);
}

static void count_links(u8 *part, int n)
{
	u8 *at = part + CFFS_SLOT(0);

	if (!S_ISDIR(get32(at + CFFS_S_MODE)))
		put32(at + CFFS_S_NLINK, get32(at + CFFS_S_NLINK) + n);
}

/* Numbers are taken in turn, so that one comes back as late as possible. */
int xlink_add(u8 *part, u64 dir, u32 *k)
{
	u32 map = get16(part + CFFS_X_MAP), turn = get32(part + CFFS_X_TURN), i, n = name_numbers(part);
	u32 most = CFFS_X_SMALL - CFFS_X_LINKS - get16(part + CFFS_SLOT(0) + CFFS_S_EXTRA);
	u32 more = !named(part) ? 4 : map ? 8 : CFFS_X_PARENTS - CFFS_X_LINKS + 8;

	if (turn >= n && map + more <= most) {
		turn = n;
		put16(part + CFFS_X_MAP, map + more);
		n = name_numbers(part);
	}
	for (i = 0; i < n; i++, turn++) {
		if (turn >= n)
			turn = 0;
		if (taken(part, turn))
			continue;
		if (named(part))
			put64(part + CFFS_X_PARENTS + 8 * turn, dir);
		else
			part[CFFS_X_LINKS + turn / 8] |= 1u << turn % 8;
		put32(part + CFFS_X_TURN, turn + 1);
		count_links(part, 1);
		*k = turn;
		return 0;
	}
	return -EMLINK;
}

void xlink_del(u8 *part, u32 k)
{
	if (!taken(part, k))
		return;
	if (named(part))
		put64(part + CFFS_X_PARENTS + 8 * k, 0);
	else
		part[CFFS_X_LINKS + k / 8] &= ~(1u << k % 8);
	count_links(part, -1);
}

/* ---- places ---- */

/* Extents of the table are counted through; `nth` and the block in it. */
static u32 place_of(u32 nth, u32 block, u32 part)
{
	u32 lower = CFFS_PARTS * CFFS_MAP_EXTS, up = nth / lower, low = nth % lower;

	return (CFFS_TABLE_FIRST + up / CFFS_MAP_EXTS) << 19 | up % CFFS_MAP_EXTS << 14 | low / CFFS_MAP_EXTS << 11 |
	       low % CFFS_MAP_EXTS << 6 | block << 3 | part;
}

/* Block `block` of an extent of a table partition. -ESTALE: there is none. */
static int down(struct cffs *fs, const struct ref *up, u32 p, u32 level, u32 slot, u32 block, struct ref *out)
{
	const u8 *part = txn_see(fs, up, p);
	struct claim c = {.parent = *up, .part = p, .meta = true};
	int kind = part_kind(part);
	bool good = kind == CFFS_KIND_TABLE && part[CFFS_H_LEVEL] == level && part[CFFS_H_REF] == CFFS_REF_META;

	extent_get(part + CFFS_H_SIZE + CFFS_E_SIZE * slot, &c.ext);
	if (!meta_same(fs, up))
		return -EAGAIN;
	if (kind < 0 || (kind && !good))
		return -EUCLEAN;
	if (!kind || block >= c.ext.count)
		return -ESTALE;
	return meta_get_at(fs, &c, c.ext.start + block, out);
}

int table_pin(struct cffs *fs, u32 place, struct ref *r, u32 *part)
{
	u32 p1 = place >> 19 & 7, s1 = place >> 14 & 31, p2 = place >> 11 & 7, s2 = place >> 6 & 31;
	struct ref top, mid;
	int err = root_get(fs, &top);

	*r = NO_REF;
	*part = place & 7;
	if (err)
		return err;
	if (place == CFFS_PLACE_TOP || place == CFFS_PLACE_ORPHANS) {
		*r = top;
		return 0;
	}
	err = -EUCLEAN;
	if (!(place >> 22) && p1 >= CFFS_TABLE_FIRST && s1 < CFFS_MAP_EXTS && s2 < CFFS_MAP_EXTS)
		err = down(fs, &top, p1, 1, s1, 0, &mid);
	meta_put(fs, &top);
	if (err)
		return err;
	err = down(fs, &mid, p2, 0, s2, place >> 3 & 7, r);
	meta_put(fs, &mid);
	return err;
}

/* ---- a free partition ---- */

void table_header(u8 *part, u32 level)
{
	put32(part + CFFS_H_MAGIC, CFFS_MAGIC);
	part[CFFS_H_KIND] = CFFS_KIND_TABLE;
	part[CFFS_H_REF] = CFFS_REF_META;
	part[CFFS_H_LEVEL] = level;
}

static u8 *table_part(struct cffs *fs, const struct ref *r, u32 p, u32 level)
{
	u8 *part = txn_part(fs, r, p);

	if (part && !get32(part + CFFS_H_MAGIC))
		table_header(part, level);
	return part;
}

/* One more extent, the nth. -EAGAIN also when somebody else was quicker. */
static int grow_once(struct cffs *fs, u32 nth)
{
	u32 place = place_of(nth, 0, 0), s1 = place >> 14 & 31, p2 = place >> 11 & 7, s2 = place >> 6 & 31;
	struct extent e, have;
	struct ref top, mid = NO_REF;
	u8 *part, *at;
	u32 i;
	int err = root_get(fs, &top);

	if (err)
		return err;
	err = down(fs, &top, place >> 19, 1, s1, 0, &mid);
	if (err && err != -ESTALE)
		goto out;
	err = txn_begin(fs);
	if (err)
		goto out;
	if (mid.block == EXO_NOBLOCK) {
		err = txn_alloc(fs, fs->root_block + 1, 1, true, true, &e);
		part = err ? NULL : table_part(fs, &top, place >> 19, 1);
		if (!part) {
			err = err ? err : -EAGAIN;
			goto abort;
		}
		e.key = nth;
		extent_put(part + CFFS_H_SIZE + CFFS_E_SIZE * s1, &e);
		mid = txn_new_block(e.start);
		/* A partition of zeroes is anybody's to fill in. */
		for (i = 0; fs->shared && i < CFFS_PARTS; i++)
			table_part(fs, &mid, i, 0);
	}
	part = table_part(fs, &mid, p2, 0);
	at = part ? part + CFFS_H_SIZE + CFFS_E_SIZE * s2 : NULL;
	err = -EAGAIN;
	if (!at)
		goto abort;
	extent_get(at, &have);
	if (have.count)
		goto abort;
	err = txn_alloc(fs, mid.block + 1, nth < SINGLE ? 1 : CFFS_TABLE_RUN, false, true, &e);
	if (err)
		goto abort;
	e.key = nth;
	extent_put(at, &e);
	err = txn_commit(fs);
	goto out;
abort:
	txn_abort(fs);
out:
	meta_put(fs, &mid);
	meta_put(fs, &top);
	return err;
}

/* A free partition in that block, pinned. -ENOENT: none; -ESTALE: no such block. */
static int look_in(struct cffs *fs, u32 nth, u32 block, struct xspot *s)
{
	u32 p;
	int err = table_pin(fs, place_of(nth, block, 0), &s->r, &p);

	if (err)
		return err;
	for (p = 0; p < CFFS_PARTS; p++) {
		if (get32(txn_see(fs, &s->r, p) + CFFS_H_MAGIC))
			continue;
		s->part = p;
		s->place = place_of(nth, block, p);
		return 0;
	}
	meta_put(fs, &s->r);
	return -ENOENT;
}

/* The next block in order; behind the last one the first. */
static void step(struct cffs *fs, u32 *nth, u32 *block)
{
	struct ref r;
	u32 p;
	int err;

	++*block;
	err = *block < CFFS_TABLE_RUN ? table_pin(fs, place_of(*nth, *block, 0), &r, &p) : -ESTALE;
	if (!err) {
		meta_put(fs, &r);
		return;
	}
	*block = 0;
	if (++*nth >= ORDINALS)
		*nth = 0;
	err = table_pin(fs, place_of(*nth, 0, 0), &r, &p);
	if (err == -ESTALE)
		*nth = 0;
	else if (!err)
		meta_put(fs, &r);
}

static int spot_once(struct cffs *fs, struct xspot *s)
{
	u32 i, p;
	struct ref r;
	int err = look_in(fs, fs->spot_nth, fs->spot_block, s);

	for (i = 0; i < LOOK && (err == -ENOENT || err == -ESTALE); i++) {
		err = look_in(fs, fs->hole_nth, fs->hole_block, s);
		if (!err) {
			fs->spot_nth = fs->hole_nth;
			fs->spot_block = fs->hole_block;
		}
		step(fs, &fs->hole_nth, &fs->hole_block);
	}
	if (err != -ENOENT && err != -ESTALE && !(err == -EUCLEAN && fs->shared))
		return err;
	for (;; fs->table_end++) {
		if (fs->table_end >= ORDINALS)
			return -ENOSPC;
		err = table_pin(fs, place_of(fs->table_end, 0, 0), &r, &p);
		/* What another user made of an extent of a shared tree's table keeps nobody from the next one. */
		if (err == -EUCLEAN && fs->shared)
			continue;
		if (err)
			break;
		meta_put(fs, &r);
	}
	if (err == -ESTALE)
		err = grow_once(fs, fs->table_end);
	if (err)
		return err;
	fs->spot_nth = fs->table_end;
	fs->spot_block = 0;
	return -EAGAIN;
}

int table_spot(struct cffs *fs, struct xspot *s)
{
	int err;

	CFFS_RETRY(err, fs, spot_once(fs, s));
	return err;
}

void table_crowded(struct cffs *fs)
{
	step(fs, &fs->spot_nth, &fs->spot_block);
}

u8 *table_take(struct cffs *fs, const struct xspot *s)
{
	u8 *part = txn_part(fs, &s->r, s->part);

	return part && !get32(part + CFFS_H_MAGIC) ? part : NULL;
}

/* ---- going through all ---- */

int table_each(struct cffs *fs, int (*fn)(void *arg, u32 place, const struct ref *r), void *arg)
{
	u32 nth, block, p, place;
	struct ref r, top;
	int err;

	for (nth = 0; nth < ORDINALS; nth++) {
		if (nth % (CFFS_PARTS * CFFS_MAP_EXTS) == 0) {
			place = place_of(nth, 0, 0);
			err = root_get(fs, &top);
			if (!err)
				err = down(fs, &top, place >> 19, 1, place >> 14 & 31, 0, &r);
			meta_put(fs, &top);
			if (err)
				return err == -ESTALE ? 0 : err;
			err = fn(arg, CFFS_PLACE_NONE, &r);
			meta_put(fs, &r);
			if (err)
				return err;
		}
		for (block = 0; block < CFFS_TABLE_RUN; block++) {
			CFFS_RETRY(err, fs, table_pin(fs, place_of(nth, block, 0), &r, &p));
			if (err == -ESTALE)
				break;
			for (p = 0; !err && p < CFFS_PARTS; p++)
				err = fn(arg, place_of(nth, block, p), &r);
			meta_put(fs, &r);
			if (err)
				return err;
		}
		if (!block)
			return 0;
	}
	return 0;
}
