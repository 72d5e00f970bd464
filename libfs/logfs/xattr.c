// SPDX-License-Identifier: GPL-2.0 OR MIT
/* xattr.c: extended attributes as items, a long value cut into pieces. */
#include <sys/xattr.h>
#include "logfs.h"

#define PIECE 400
#define PIECES_MAX 170 /* of one value: 64 KiB and a name */

static u64 key(u32 hash, u32 ordinal, u32 piece)
{
	return LOGFS_SUB(LOGFS_T_XATTR, (u64)hash << 24 | (u64)ordinal << 16 | piece);
}

/* First piece of an attribute, checked. */
static int head(const struct rec *r, u32 *bytes, u32 *namelen)
{
	if (r->len < LOGFS_X_NAME)
		return -EUCLEAN;
	*bytes = get32(r->data + LOGFS_X_BYTES);
	*namelen = r->data[LOGFS_X_NAMELEN];
	return *namelen && r->len >= LOGFS_X_NAME + *namelen && *bytes <= 65536 ? 0 : -EUCLEAN;
}

/* Piece 0's key and the value's length; -ENODATA: *sub is where it would go. */
static int find(struct logfs *fs, u64 ino, const char *name, u64 *sub, u32 *bytes)
{
	u32 len = strlen(name), namelen, ordinal, hash = log_name_hash(fs, name, len);
	u64 unused = 0;
	const struct rec *r;
	int err;

	for (ordinal = 0; ordinal < 256; ordinal++) {
		*sub = key(hash, ordinal, 0);
		err = tree_get(fs, LOGFS_TREE_ITEMS, ino, *sub, &r);
		if (err == -ENOENT) {
			const struct rec *next;

			/* A gap: the attribute there was removed. Others may follow. */
			if (!unused)
				unused = *sub;
			err = tree_from(fs, LOGFS_TREE_ITEMS, ino, *sub, &next);
			if (err == -ENOENT || (!err && (next->ino != ino || (next->sub ^ *sub) >> 24)))
				break;
			if (err)
				return err;
			continue;
		}
		if (!err)
			err = head(r, bytes, &namelen);
		if (err)
			return err;
		if (namelen == len && !memcmp(r->data + LOGFS_X_NAME, name, len))
			return 0;
	}
	*sub = unused;
	return unused ? -ENODATA : -ENOSPC;
}

static ssize_t get_once(struct logfs *fs, u64 ino, const char *name, u8 *buf, size_t size)
{
	u32 bytes, at = 0, skip = LOGFS_X_NAME + strlen(name), i, n;
	const struct rec *r;
	u64 sub, version = super_version(fs);
	int err = find(fs, ino, name, &sub, &bytes);

	if (err)
		return err == -ENOSPC ? -ENODATA : err;
	if (!size)
		return bytes;
	if (bytes > size)
		return -ERANGE;
	for (i = 0; at < bytes; i++, skip = 0) {
		err = tree_get(fs, LOGFS_TREE_ITEMS, ino, sub + i, &r);
		if (err == -ENOENT || (!err && (r->len < skip || (r->len == skip && i))))
			return super_version(fs) == version ? -EUCLEAN : -EAGAIN;
		if (err)
			return err;
		n = r->len - skip < bytes - at ? r->len - skip : bytes - at;
		memcpy(buf + at, r->data + skip, n);
		at += n;
	}
	/* Pieces of one value, or of two? */
	return super_version(fs) == version ? (ssize_t)bytes : -EAGAIN;
}

ssize_t logfs_getxattr(struct exo_fs *xfs, struct exo_node *node, const char *name, void *buf, size_t size)
{
	struct logfs *fs = logfs_of(xfs);
	ssize_t got;

	cache_trim(fs);
	LOGFS_RETRY(got, get_once(fs, node->ino, name, buf, size));
	return got;
}

static int drop(struct logfs *fs, u64 ino, u64 sub)
{
	u32 i;
	int err;

	for (i = 0; i <= PIECES_MAX; i++) {
		err = tree_del(fs, LOGFS_TREE_ITEMS, ino, sub + i);
		if (err)
			return err == -ENOENT ? 0 : err;
	}
	return -EUCLEAN;
}

static int touch(struct logfs *fs, u64 ino)
{
	struct linode di;
	int err = inode_read(fs, ino, &di);

	if (err)
		return err == -ENOENT ? -ESTALE : err;
	di.ctime = stamp_now();
	return inode_write(fs, ino, &di);
}

static int put(struct logfs *fs, u64 ino, const char *name, const u8 *value, u32 size, int how)
{
	u32 len = strlen(name), bytes, at, n, i, first = LOGFS_X_NAME + len;
	u8 p[PIECE];
	u64 sub;
	int err = find(fs, ino, name, &sub, &bytes);

	if (err && err != -ENODATA)
		return err;
	if (err && how & XATTR_REPLACE)
		return err;
	if (!err && how & XATTR_CREATE)
		return -EEXIST;
	if (!err) {
		err = drop(fs, ino, sub);
		if (err)
			return err;
	}
	put32(p + LOGFS_X_BYTES, size);
	p[LOGFS_X_NAMELEN] = len;
	memcpy(p + LOGFS_X_NAME, name, len);
	for (at = 0, i = 0; !i || at < size; i++, at += n, first = 0) {
		n = size - at < PIECE - first ? size - at : PIECE - first;
		if (n)
			memcpy(p + first, value + at, n);
		err = item_add(fs, ino, sub + i, p, first + n);
		if (err)
			return err;
	}
	return touch(fs, ino);
}

static int set_once(struct logfs *fs, u64 ino, const char *name, const void *value, size_t size, int how)
{
	int err = log_txn_begin(fs);

	if (err)
		return err;
	err = put(fs, ino, name, value, size, how);
	if (err) {
		log_txn_abort(fs);
		return err;
	}
	return log_txn_commit(fs);
}

int logfs_setxattr(struct exo_fs *xfs, struct exo_node *node, const char *name, const void *value, size_t size, int how)
{
	struct logfs *fs = logfs_of(xfs);
	int err;

	cache_trim(fs);
	LOGFS_RETRY(err, set_once(fs, node->ino, name, value, size, how));
	return err;
}

static ssize_t list_once(struct logfs *fs, u64 ino, char *buf, size_t size)
{
	u64 sub = LOGFS_SUB(LOGFS_T_XATTR, 0);
	const struct rec *r;
	u32 bytes, namelen;
	size_t at = 0;
	int err;

	for (;; sub = r->sub + 1) {
		err = tree_from(fs, LOGFS_TREE_ITEMS, ino, sub, &r);
		if (err && err != -ENOENT)
			return err;
		if (err || r->ino != ino || LOGFS_SUB_TYPE(r->sub) != LOGFS_T_XATTR)
			return at;
		if (r->sub & 0xffff)
			continue;
		err = head(r, &bytes, &namelen);
		if (err)
			return err;
		if (size && at + namelen + 1 > size)
			return -ERANGE;
		if (size) {
			memcpy(buf + at, r->data + LOGFS_X_NAME, namelen);
			buf[at + namelen] = 0;
		}
		at += namelen + 1;
	}
}

ssize_t logfs_listxattr(struct exo_fs *xfs, struct exo_node *node, char *buf, size_t size)
{
	struct logfs *fs = logfs_of(xfs);
	ssize_t got;

	cache_trim(fs);
	LOGFS_RETRY(got, list_once(fs, node->ino, buf, size));
	return got;
}

static int remove_once(struct logfs *fs, u64 ino, const char *name)
{
	u32 bytes;
	u64 sub;
	int err = log_txn_begin(fs);

	if (err)
		return err;
	err = find(fs, ino, name, &sub, &bytes);
	if (!err)
		err = drop(fs, ino, sub);
	if (!err)
		err = touch(fs, ino);
	if (err) {
		log_txn_abort(fs);
		return err == -ENOSPC ? -ENODATA : err;
	}
	return log_txn_commit(fs);
}

int logfs_removexattr(struct exo_fs *xfs, struct exo_node *node, const char *name)
{
	struct logfs *fs = logfs_of(xfs);
	int err;

	cache_trim(fs);
	LOGFS_RETRY(err, remove_once(fs, node->ino, name));
	return err;
}
