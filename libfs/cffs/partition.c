// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * partition.c: the entries of one partition: header, slots, and the heap that holds names and inline targets.
 *
 * Reading bounds every offset by the partition, because the bytes may come from anybody. Writing happens on an image
 * whose entries were all readable; the heap is laid out anew from the partition's end at each change.
 */
#include "cffs.h"

int part_kind(const u8 *part)
{
	u32 magic = get32(part + CFFS_H_MAGIC), kind = part[CFFS_H_KIND];

	if (!magic)
		return 0;
	if (magic != CFFS_MAGIC || kind < CFFS_KIND_DIR || kind > CFFS_KIND_TABLE)
		return -EUCLEAN;
	if (kind == CFFS_KIND_DIR && part[CFFS_H_USED] >> CFFS_SLOTS)
		return -EUCLEAN;
	if (kind == CFFS_KIND_INODE && !xinode_ok(part))
		return -EUCLEAN;
	return kind;
}

bool part_used(const u8 *part, u32 slot)
{
	return part[CFFS_H_USED] >> slot & 1;
}

static u32 heap_start(u32 used)
{
	return used & 4 ? CFFS_SLOT(3) : used & 2 ? CFFS_SLOT(2) : CFFS_SLOT(1);
}

int entry_get(const u8 *part, u32 slot, struct inode *di, const char **name)
{
	u32 used = part[CFFS_H_USED];

	inode_get(part, slot, di);
	if (inode_check(di))
		return -EUCLEAN;
	if (part[CFFS_H_KIND] == CFFS_KIND_INODE) {
		if (slot || di->name_len || di->flags & CFFS_F_REF || di->extra > CFFS_X_SMALL - CFFS_X_LINKS)
			return -EUCLEAN;
	} else if (!di->name_len || di->name_off < heap_start(used) ||
		   di->name_off + di->name_len + di->extra > CFFS_PART) {
		return -EUCLEAN;
	}
	if (!!(di->flags & CFFS_F_INLINE) != !!di->extra)
		return -EUCLEAN;
	if (name && part[CFFS_H_KIND] == CFFS_KIND_INODE)
		*name = (const char *)part + CFFS_X_SMALL - di->extra;
	else if (name)
		*name = di->name_len ? (const char *)part + di->name_off : "";
	return 0;
}

int entry_find(const u8 *part, u64 owner, u32 hash, const char *name, size_t len, struct inode *di)
{
	int kind = part_kind(part), err;
	const char *is;
	u32 i;

	if (kind <= 0)
		return kind ? kind : -ENOENT;
	if (kind != CFFS_KIND_DIR || get64(part + CFFS_H_OWNER) != owner)
		return -EUCLEAN;
	for (i = 0; i < CFFS_SLOTS; i++) {
		if (!part_used(part, i) || get32(part + CFFS_SLOT(i) + CFFS_S_HASH) != hash)
			continue;
		err = entry_get(part, i, di, &is);
		if (err)
			return err;
		if (di->name_len == len && !memcmp(is, name, len))
			return i;
	}
	return -ENOENT;
}

/* Bytes of names and targets; slot `skip` is left out. -EUCLEAN if an entry is damaged. */
static int heap_bytes(const u8 *part, u32 skip)
{
	struct inode di;
	u32 i, sum = 0;

	for (i = 0; i < CFFS_SLOTS; i++) {
		if (!part_used(part, i) || i == skip)
			continue;
		if (entry_get(part, i, &di, NULL))
			return -EUCLEAN;
		sum += di.name_len + di.extra;
	}
	return sum;
}

static u32 free_slot(u32 used)
{
	return !(used & 1) ? 0 : !(used & 2) ? 1 : !(used & 4) ? 2 : CFFS_SLOTS;
}

void part_owner(u8 *part, const struct inode *owner)
{
	put64(part + CFFS_H_OWNER, owner->ino);
	put32(part + CFFS_H_MODE, owner->mode);
	put32(part + CFFS_H_UID, owner->uid);
	put32(part + CFFS_H_GID, owner->gid);
}

void part_init(u8 *part, const struct inode *dir, u32 from)
{
	part_clear(part);
	put32(part + CFFS_H_MAGIC, CFFS_MAGIC);
	part[CFFS_H_KIND] = CFFS_KIND_DIR;
	part_owner(part, dir);
	put32(part + CFFS_H_FROM, from);
}

int leaf_part(const u8 *const part[CFFS_PARTS], u64 owner, u32 hash)
{
	u32 p, from, best_from = 0;
	int best = -EUCLEAN, kind;

	for (p = 0; p < CFFS_PARTS; p++) {
		kind = part_kind(part[p]);
		if (!kind)
			continue;
		if (kind != CFFS_KIND_DIR || get64(part[p] + CFFS_H_OWNER) != owner)
			return -EUCLEAN;
		from = get32(part[p] + CFFS_H_FROM);
		if (from <= hash && (best < 0 || from > best_from)) {
			best = p;
			best_from = from;
		}
	}
	return best;
}

bool entry_fits(const u8 *part, size_t bytes)
{
	u32 used = part_kind(part) == CFFS_KIND_DIR ? part[CFFS_H_USED] : 0, slot = free_slot(used);
	int sum;

	if (part_kind(part) != CFFS_KIND_DIR)
		return false;
	if (slot == CFFS_SLOTS)
		return false;
	sum = used ? heap_bytes(part, CFFS_SLOTS) : 0;
	return sum >= 0 && heap_start(used | 1u << slot) + sum + bytes <= CFFS_PART;
}

/* Lay the heap out anew. Slot `slot` (or none) gets name and target; the others keep theirs. Room was checked. */
static void heap_build(u8 *part, u32 slot, const char *name, size_t len, const char *target, size_t extra)
{
	u8 old[CFFS_PART];
	u32 i, at = CFFS_PART, used = part[CFFS_H_USED];

	part_copy(old, part);
	memset(part + heap_start(used), 0, at - heap_start(used));
	for (i = 0; i < CFFS_SLOTS; i++) {
		u8 *p = part + CFFS_SLOT(i);
		u32 nlen, xlen;

		if (!(used >> i & 1))
			continue;
		nlen = i == slot ? len : p[CFFS_S_NAME_LEN];
		xlen = i == slot ? extra : get16(p + CFFS_S_EXTRA);
		at -= nlen + xlen;
		if (i == slot) {
			memcpy(part + at, name, nlen);
			if (xlen)
				memcpy(part + at + nlen, target, xlen);
		} else {
			memcpy(part + at, old + get16(p + CFFS_S_NAME_OFF), nlen + xlen);
		}
		put16(p + CFFS_S_NAME_OFF, at);
		p[CFFS_S_NAME_LEN] = nlen;
		put16(p + CFFS_S_EXTRA, xlen);
	}
}

/* Where the heap of a partition begins whose entries are in `used`. */
static u32 heap_low(const u8 *part, u32 used)
{
	u32 i, low = CFFS_PART;

	for (i = 0; i < CFFS_SLOTS; i++)
		if (used >> i & 1 && get16(part + CFFS_SLOT(i) + CFFS_S_NAME_OFF) < low)
			low = get16(part + CFFS_SLOT(i) + CFFS_S_NAME_OFF);
	return low;
}

/* A slot, with name and target in the heap: in front of the others if there is room, else all of it is laid out anew.
 */
static int take_slot(u8 *part, const char *name, size_t len, const char *target, size_t extra)
{
	u32 used = part[CFFS_H_USED], slot = free_slot(used), low = heap_low(part, used);
	u8 *p = part + CFFS_SLOT(slot);

	part[CFFS_H_USED] = used | 1u << slot;
	if (low < heap_start(used | 1u << slot) + len + extra) {
		/* The heap moves out of the slot's place before the slot is written. */
		heap_build(part, slot, name, len, target, extra);
		return slot;
	}
	low -= len + extra;
	memcpy(part + low, name, len);
	if (extra)
		memcpy(part + low + len, target, extra);
	put16(p + CFFS_S_NAME_OFF, low);
	p[CFFS_S_NAME_LEN] = len;
	put16(p + CFFS_S_EXTRA, extra);
	return slot;
}

int entry_add(u8 *part, const struct inode *di, const char *name, size_t len, const char *target)
{
	u32 slot;

	if (!entry_fits(part, len + di->extra))
		return -ENOSPC;
	slot = take_slot(part, name, len, target, di->extra);
	inode_put(part, slot, di);
	put32(part + CFFS_SLOT(slot) + CFFS_S_HASH, di->hash);
	return slot;
}

int entry_copy(u8 *part, const u8 *from, u32 slot)
{
	const u8 *p = from + CFFS_SLOT(slot);
	u32 len = p[CFFS_S_NAME_LEN], extra = get16(p + CFFS_S_EXTRA), off = get16(p + CFFS_S_NAME_OFF), used, to, low;

	used = part[CFFS_H_USED];
	if (free_slot(used) == CFFS_SLOTS ||
	    heap_low(part, used) < heap_start(used | 1u << free_slot(used)) + len + extra)
		return -ENOSPC;
	to = take_slot(part, (const char *)from + off, len, (const char *)from + off + len, extra);
	low = get16(part + CFFS_SLOT(to) + CFFS_S_NAME_OFF);
	memcpy(part + CFFS_SLOT(to), p, CFFS_S_SIZE);
	put16(part + CFFS_SLOT(to) + CFFS_S_NAME_OFF, low);
	return to;
}

void entry_del(u8 *part, u32 slot)
{
	part[CFFS_H_USED] &= ~(1u << slot);
	/* A slot below the heap keeps its place but not its content. */
	if (CFFS_SLOT(slot) < heap_start(part[CFFS_H_USED]))
		memset(part + CFFS_SLOT(slot), 0, CFFS_S_SIZE);
	heap_build(part, CFFS_SLOTS, NULL, 0, NULL, 0);
}

int entry_refer(u8 *part, u32 slot, u32 place, u32 link)
{
	u8 *p = part + CFFS_SLOT(slot);
	struct inode di, ref = {0};

	inode_get(part, slot, &di);
	ref.mode = di.mode & S_IFMT;
	ref.ino = di.ino;
	ref.flags = CFFS_F_REF;
	ref.size = (u64)link << 32 | place;
	inode_put(part, slot, &ref);
	/* A symlink's target goes, too: the heap is laid out anew without it. */
	put16(p + CFFS_S_EXTRA, 0);
	heap_build(part, CFFS_SLOTS, NULL, 0, NULL, 0);
	return 0;
}

int entry_rename(u8 *part, u32 slot, u32 hash, const char *name, size_t len)
{
	char target[CFFS_PART];
	struct inode di;
	const char *is;
	int sum;

	if (entry_get(part, slot, &di, &is))
		return -EUCLEAN;
	sum = heap_bytes(part, slot);
	if (sum < 0)
		return sum;
	if (heap_start(part[CFFS_H_USED]) + sum + len + di.extra > CFFS_PART)
		return -ENOSPC;
	memcpy(target, is + di.name_len, di.extra);
	heap_build(part, slot, name, len, target, di.extra);
	put32(part + CFFS_SLOT(slot) + CFFS_S_HASH, hash);
	return 0;
}
