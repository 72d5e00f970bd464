// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * name.c: names as items. The key is the hash of the name (SipHash-1-3 under the tree's seed, Aumasson and Bernstein
 * 2012, low 32 bits), and an ordinal that tells equal hashes apart.
 */
#include "logfs.h"
#include "../siphash.h"

bool log_name_ok(const char *name, size_t len)
{
	return len && len <= LOGFS_NAME_MAX && !memchr(name, '/', len) && !memchr(name, 0, len);
}

u32 log_name_hash(const struct logfs *fs, const char *name, size_t len)
{
	return (u32)exo_siphash13(fs->seed, name, len);
}

int name_find(struct logfs *fs, u64 dir, const char *name, size_t len, u64 *sub, u64 *ino, u32 *mode)
{
	u64 first = LOGFS_SUB(LOGFS_T_NAME, (u64)log_name_hash(fs, name, len) << 8), free_sub = first, at = first;
	const struct rec *r;
	int err;

	for (;; at = r->sub + 1) {
		err = tree_from(fs, LOGFS_TREE_ITEMS, dir, at, &r);
		if (err && err != -ENOENT)
			return err;
		if (err || r->ino != dir || (r->sub ^ first) >> 8)
			break;
		if (r->len <= LOGFS_D_NAME)
			return -EUCLEAN;
		if (r->len == LOGFS_D_NAME + len && !memcmp(r->data + LOGFS_D_NAME, name, len)) {
			*sub = r->sub;
			*ino = get64(r->data + LOGFS_D_INO);
			*mode = get32(r->data + LOGFS_D_MODE);
			return *ino ? 0 : -EUCLEAN;
		}
		if (r->sub == free_sub)
			free_sub++;
		if ((r->sub & 0xff) == 0xff)
			break;
	}
	*sub = free_sub;
	return (free_sub ^ first) >> 8 ? -ENOSPC : -ENOENT;
}

int name_add(struct logfs *fs, u64 dir, u64 sub, const char *name, size_t len, u64 ino, u32 mode)
{
	u8 p[LOGFS_D_NAME + LOGFS_NAME_MAX];

	put64(p + LOGFS_D_INO, ino);
	put32(p + LOGFS_D_MODE, mode & S_IFMT);
	memcpy(p + LOGFS_D_NAME, name, len);
	return item_add(fs, dir, sub, p, LOGFS_D_NAME + len);
}
