// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * inode.c: numbers, extents and inodes as bytes; the hash of a name.
 */
#include <limits.h>
#include <time.h>
#include "../siphash.h"
#include "cffs.h"

void inode_get(const u8 *part, u32 slot, struct inode *di)
{
	const u8 *p = part + CFFS_SLOT(slot);
	u32 i;

	di->mode = get32(p + CFFS_S_MODE);
	di->nlink = get32(p + CFFS_S_NLINK);
	di->uid = get32(p + CFFS_S_UID);
	di->gid = get32(p + CFFS_S_GID);
	di->ino = get64(p + CFFS_S_INO);
	di->size = get64(p + CFFS_S_BYTES);
	for (i = 0; i < T_COUNT; i++)
		di->time[i] = (int64_t)get64(p + CFFS_S_ATIME + 8 * i);
	di->blocks = get32(p + CFFS_S_BLOCKS);
	di->hash = get32(p + CFFS_S_HASH);
	di->name_off = get16(p + CFFS_S_NAME_OFF);
	di->name_len = p[CFFS_S_NAME_LEN];
	di->level = p[CFFS_S_LEVEL];
	di->ref = p[CFFS_S_REF];
	di->flags = p[CFFS_S_FLAGS];
	di->extra = get16(p + CFFS_S_EXTRA);
	for (i = 0; i < CFFS_S_EXTS; i++)
		extent_get(p + CFFS_S_EXT + CFFS_E_SIZE * i, &di->ext[i]);
}

void inode_put(u8 *part, u32 slot, const struct inode *di)
{
	u8 *p = part + CFFS_SLOT(slot);
	u32 i;

	put32(p + CFFS_S_MODE, di->mode);
	put32(p + CFFS_S_NLINK, di->nlink);
	put32(p + CFFS_S_UID, di->uid);
	put32(p + CFFS_S_GID, di->gid);
	put64(p + CFFS_S_INO, di->ino);
	put64(p + CFFS_S_BYTES, di->size);
	for (i = 0; i < T_COUNT; i++)
		put64(p + CFFS_S_ATIME + 8 * i, (u64)di->time[i]);
	put32(p + CFFS_S_BLOCKS, di->blocks);
	p[CFFS_S_LEVEL] = di->level;
	p[CFFS_S_REF] = di->ref;
	p[CFFS_S_FLAGS] = di->flags;
	for (i = 0; i < CFFS_S_EXTS; i++)
		extent_put(p + CFFS_S_EXT + CFFS_E_SIZE * i, &di->ext[i]);
}

int inode_check(const struct inode *di)
{
	bool meta = S_ISDIR(di->mode) || di->level, node = S_ISREG(di->mode) || S_ISDIR(di->mode) || S_ISLNK(di->mode);
	u32 i;

	if (!node && !S_ISFIFO(di->mode) && !S_ISSOCK(di->mode) && !S_ISCHR(di->mode) && !S_ISBLK(di->mode))
		return -EUCLEAN;
	if (di->mode & ~(S_IFMT | 07777u))
		return -EUCLEAN;
	if (!di->ino || di->size > LLONG_MAX || di->level > CFFS_LEVEL_MAX || di->flags & ~CFFS_F_KNOWN)
		return -EUCLEAN;
	if (di->ref > CFFS_REF_META)
		return -EUCLEAN;
	if ((!node || di->flags & CFFS_F_REF) && (inode_owns(di) || di->level || di->flags & ~CFFS_F_REF))
		return -EUCLEAN;
	for (i = 0; i < CFFS_S_EXTS; i++) {
		const struct extent *e = &di->ext[i];

		if (!e->count)
			continue;
		if (di->ref != (meta ? CFFS_REF_META : CFFS_REF_DATA) || (meta && e->count != 1))
			return -EUCLEAN;
		if (!meta && (u64)e->key + e->count > CFFS_FILE_BLOCKS)
			return -EUCLEAN;
	}
	if ((di->flags & CFFS_F_INLINE) && (!S_ISLNK(di->mode) || inode_owns(di)))
		return -EUCLEAN;
	return 0;
}

bool inode_owns(const struct inode *di)
{
	u32 i;

	for (i = 0; i < CFFS_S_EXTS; i++)
		if (di->ext[i].count)
			return true;
	return false;
}

u32 name_hash(struct cffs *fs, const char *name, size_t len)
{
	u32 hash;

	if (len && fs->hashed.len == len && !memcmp(fs->hashed.name, name, len))
		return fs->hashed.hash;
	hash = (u32)exo_siphash13(fs->seed, name, len);
	if (len <= sizeof(fs->hashed.name)) {
		memcpy(fs->hashed.name, name, len);
		fs->hashed.len = len;
		fs->hashed.hash = hash;
	}
	return hash;
}
