// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * record.c: a node as bytes and as records. Bytes come from a disk that anybody may have written: decoding accepts only
 * what encoding could have made, and everything else is -EUCLEAN.
 */
#include "logfs.h"

#define ROOM (LOGFS_PART - LOGFS_H_SIZE)

u32 rec_bytes(const struct lnode *n, const struct rec *r)
{
	return n->kind == LOGFS_KIND_ITEM ? LOGFS_I_SIZE + r->len : LOGFS_S_SIZE;
}

static void slot_get(const u8 *p, u8 kind, struct rec *r)
{
	r->ino = get64(p + LOGFS_S_INO);
	r->val = get64(p + LOGFS_S_START);
	if (kind == LOGFS_KIND_NODE) {
		r->sub = get64(p + LOGFS_S_SUB);
		r->len = 1;
	} else {
		r->sub = get32(p + LOGFS_S_BLK);
		r->len = get32(p + LOGFS_S_COUNT);
	}
}

static bool slot_ok(const struct rec *r, u8 kind)
{
	if (kind == LOGFS_KIND_NODE)
		return r->val;
	return r->val && r->len && r->sub + r->len <= LOGFS_FILE_BLOCKS && r->val <= UINT64_MAX / BLK - r->len;
}

static int decode_part(struct lnode *n, u32 part)
{
	const u8 *p = n->bytes + part * LOGFS_PART;
	u32 count = p[LOGFS_H_COUNT], at = LOGFS_H_SIZE, i;
	u8 kind = p[LOGFS_H_KIND], level = p[LOGFS_H_LEVEL];

	if (!get32(p + LOGFS_H_MAGIC))
		return 0;
	if (get32(p + LOGFS_H_MAGIC) != LOGFS_MAGIC || kind < LOGFS_KIND_NODE || kind > LOGFS_KIND_ITEM ||
	    (kind == LOGFS_KIND_NODE) != (level > 0) || level > LOGFS_LEVEL_MAX)
		return -EUCLEAN;
	if (!n->kind) {
		n->kind = kind;
		n->level = level;
	}
	if (kind != n->kind || level != n->level)
		return -EUCLEAN;
	for (i = 0; i < count; i++) {
		struct rec *r = &n->rec[n->n];

		if (n->n == LOGFS_RECS)
			return -EUCLEAN;
		*r = (struct rec){.part = part, .home = n->block, .home_part = part};
		if (kind == LOGFS_KIND_ITEM) {
			if (at + LOGFS_I_SIZE > LOGFS_PART)
				return -EUCLEAN;
			r->ino = get64(p + at + LOGFS_I_INO);
			r->sub = get64(p + at + LOGFS_I_SUB);
			r->len = get16(p + at + LOGFS_I_LEN);
			if (at + LOGFS_I_SIZE + r->len > LOGFS_PART)
				return -EUCLEAN;
			r->data = p + at + LOGFS_I_SIZE;
			at += LOGFS_I_SIZE + r->len;
		} else {
			if (i == LOGFS_SLOTS)
				return -EUCLEAN;
			slot_get(p + LOGFS_SLOT(i), kind, r);
			if (!slot_ok(r, kind))
				return -EUCLEAN;
		}
		if (n->n && key_cmp(r->ino, r->sub, r - 1) <= 0)
			return -EUCLEAN;
		/* Extents of one file do not overlap. */
		if (n->n && kind == LOGFS_KIND_EXT && r->ino == r[-1].ino && r->sub < r[-1].sub + r[-1].len)
			return -EUCLEAN;
		n->n++;
	}
	return 0;
}

int node_decode(struct lnode *n, u64 block)
{
	u32 part;
	int err;

	n->block = block;
	n->n = 0;
	n->kind = n->level = 0;
	for (part = 0; part < LOGFS_PARTS; part++) {
		err = decode_part(n, part);
		if (err)
			return err;
	}
	return n->n ? 0 : -EUCLEAN;
}

void node_encode(struct lnode *n)
{
	u32 at[LOGFS_PARTS], i;

	memset(n->bytes, 0, BLK);
	for (i = 0; i < LOGFS_PARTS; i++)
		at[i] = LOGFS_H_SIZE;
	for (i = 0; i < n->n; i++) {
		const struct rec *r = &n->rec[i];
		u8 *p = n->bytes + r->part * LOGFS_PART, *q = p + at[r->part];

		put32(p + LOGFS_H_MAGIC, LOGFS_MAGIC);
		p[LOGFS_H_KIND] = n->kind;
		p[LOGFS_H_LEVEL] = n->level;
		p[LOGFS_H_COUNT]++;
		put64(q, r->ino);
		if (n->kind == LOGFS_KIND_ITEM) {
			put64(q + LOGFS_I_SUB, r->sub);
			put16(q + LOGFS_I_LEN, r->len);
			memcpy(q + LOGFS_I_SIZE, r->data, r->len);
		} else {
			if (n->kind == LOGFS_KIND_NODE) {
				put64(q + LOGFS_S_SUB, r->sub);
			} else {
				put32(q + LOGFS_S_BLK, r->sub);
				put32(q + LOGFS_S_COUNT, r->len);
			}
			put64(q + LOGFS_S_START, r->val);
		}
		at[r->part] += rec_bytes(n, r);
	}
}

/* Fill partitions in order, each until it holds `aim` bytes. */
static u32 pack(struct lnode *n, u32 aim, bool set)
{
	u32 part = 0, used = 0, i;

	for (i = 0; i < n->n; i++) {
		u32 bytes = rec_bytes(n, &n->rec[i]);

		if (used && (used + bytes > ROOM || used >= aim)) {
			part++;
			used = 0;
		}
		used += bytes;
		if (set)
			n->rec[i].part = part;
	}
	return n->n ? part + 1 : 0;
}

u32 node_packed(const struct lnode *n)
{
	return pack((struct lnode *)n, ROOM, false);
}

u32 node_spread(struct lnode *n)
{
	u32 total = 0, i, parts;

	for (i = 0; i < n->n; i++)
		total += rec_bytes(n, &n->rec[i]);
	parts = pack(n, total / LOGFS_PARTS + 1, false);
	if (parts <= LOGFS_PARTS)
		return pack(n, total / LOGFS_PARTS + 1, true);
	return pack(n, ROOM, true);
}

u32 node_place(struct lnode *n, u32 i)
{
	u32 part = i ? n->rec[i - 1].part : n->n > 1 ? n->rec[1].part : 0, used = 0, k;

	for (k = 0; k < n->n; k++)
		if (k != i && n->rec[k].part == part)
			used += rec_bytes(n, &n->rec[k]);
	/* A record further right in the same partition is fine: records are written in order. */
	if (used + rec_bytes(n, &n->rec[i]) <= ROOM) {
		n->rec[i].part = part;
		return LOGFS_PARTS;
	}
	return node_spread(n);
}
