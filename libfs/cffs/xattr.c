// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * xattr.c: extended attributes: one list of records {u8 name length, u32 value length, name, value} for an inode, which
 * is in the table then. A short list stands in the inode's partition. A long one has blocks: a changed list goes to new
 * ones, which the inode claims as the next while they are filled; then one change makes them the list and frees the old
 * ones. So a reader, and a power cut, see the old list or the new one.
 */
#include <sys/xattr.h>
#include "cffs.h"

#define RECORD 5 /* bytes of a record before its name */

struct list {
	u8 *bytes;
	size_t len;
	u8 was[CFFS_PART]; /* the inode's partition when it was read */
	bool ext;
};

static int read_blocks(struct cffs *fs, const struct claim *c, u8 *to, size_t len)
{
	u32 i, frame;
	int err;

	for (i = 0; i * BLK < len; i++) {
		size_t n = len - i * BLK < BLK ? len - i * BLK : BLK;

		frame = cache_find(fs, c->ext.start + i, NULL);
		if (frame != EXO_NOFRAME) {
			cache_pin(fs, frame);
		} else {
			err = cache_bind(fs, c, c->ext.start + i, 1, false, false, &frame);
			if (err)
				return err;
		}
		memcpy(to + i * BLK, exo_frame_ptr(fs->v, frame), n);
		cache_unpin(fs, frame);
	}
	return 0;
}

/* Is it a list? Each record lies inside, and has a name. */
static bool sound(const struct list *l)
{
	size_t at = 0;

	while (at < l->len) {
		if (l->len - at < RECORD || !l->bytes[at] ||
		    l->len - at - RECORD < (size_t)l->bytes[at] + get32(l->bytes + at + 1))
			return false;
		at += RECORD + l->bytes[at] + get32(l->bytes + at + 1);
	}
	return true;
}

static int load_once(struct cffs *fs, struct node *n, struct list *l)
{
	struct claim c = {.meta = false};
	struct ref home;
	int err = node_pin(fs, n, &home);

	free(l->bytes);
	l->bytes = NULL;
	l->len = 0;
	if (err)
		return err;
	l->ext = n->ext;
	if (!l->ext)
		goto out;
	memcpy(l->was, txn_see(fs, &home, n->loc.part), CFFS_PART);
	err = -EAGAIN;
	if (!meta_same(fs, &home))
		goto out;
	extent_get(l->was + CFFS_X_ATTRS, &c.ext);
	l->len = c.ext.count ? get32(l->was + CFFS_X_LONG) : get16(l->was + CFFS_X_BYTES);
	err = -EUCLEAN;
	if (l->len > (c.ext.count ? (size_t)c.ext.count * BLK : CFFS_X_SMALL_MAX) || l->len > CFFS_ATTRS_MAX)
		goto out;
	err = -ENOMEM;
	l->bytes = malloc(l->len + 1);
	if (!l->bytes)
		goto out;
	c.parent = home;
	c.part = n->loc.part;
	err = 0;
	if (c.ext.count)
		err = read_blocks(fs, &c, l->bytes, l->len);
	else
		memcpy(l->bytes, l->was + CFFS_X_SMALL, l->len);
	if (!err && !meta_same(fs, &home))
		err = -EAGAIN;
	if (!err && !sound(l))
		err = -EUCLEAN;
out:
	meta_put(fs, &home);
	return err;
}

static int load(struct cffs *fs, struct node *n, struct list *l)
{
	int err;

	CFFS_RETRY(err, fs, load_once(fs, n, l));
	return err;
}

/* Offset of the record with that name, or -ENODATA. */
static ssize_t lookup(const struct list *l, const char *name)
{
	size_t at = 0, len = strlen(name);

	while (at < l->len) {
		if (l->bytes[at] == len && !memcmp(l->bytes + at + RECORD, name, len))
			return at;
		at += RECORD + l->bytes[at] + get32(l->bytes + at + 1);
	}
	return -ENODATA;
}

ssize_t cffs_getxattr(struct exo_fs *xfs, struct exo_node *node, const char *name, void *buf, size_t size)
{
	struct list l = {0};
	ssize_t at, got = load(cffs_of(xfs), node_of(node), &l);

	if (!got) {
		at = got = lookup(&l, name);
		if (at >= 0) {
			got = get32(l.bytes + at + 1);
			if (size && (size_t)got > size)
				got = -ERANGE;
			else if (size)
				memcpy(buf, l.bytes + at + RECORD + l.bytes[at], got);
		}
	}
	free(l.bytes);
	return got;
}

ssize_t cffs_listxattr(struct exo_fs *xfs, struct exo_node *node, char *buf, size_t size)
{
	struct list l = {0};
	ssize_t got = load(cffs_of(xfs), node_of(node), &l);
	size_t at = 0;

	if (!got) {
		for (; at < l.len; at += RECORD + l.bytes[at] + get32(l.bytes + at + 1)) {
			u32 n = l.bytes[at];

			if (size && got + n + 1 > size) {
				got = -ERANGE;
				break;
			}
			if (size) {
				memcpy(buf + got, l.bytes + at + RECORD, n);
				buf[got + n] = 0;
			}
			got += n + 1;
		}
	}
	free(l.bytes);
	return got;
}

/* ---- changing ---- */

/* The inode's partition in a transaction, if its list is still the one that was read. */
static u8 *unchanged(struct cffs *fs, struct node *n, const struct ref *home, const struct list *l)
{
	u8 *part = txn_part(fs, home, n->loc.part);

	if (!part || memcmp(part + CFFS_X_ATTRS, l->was + CFFS_X_ATTRS, CFFS_E_SIZE) ||
	    memcmp(part + CFFS_X_SMALL, l->was + CFFS_X_SMALL, CFFS_X_SMALL_MAX) ||
	    get16(part + CFFS_X_BYTES) != get16(l->was + CFFS_X_BYTES) ||
	    get32(part + CFFS_X_LONG) != get32(l->was + CFFS_X_LONG))
		return NULL;
	return part;
}

static int let_go(struct cffs *fs, u8 *at)
{
	struct extent e;

	extent_get(at, &e);
	memset(at, 0, CFFS_E_SIZE);
	return e.count ? txn_free(fs, e.start, e.count, false) : 0;
}

static int end(struct cffs *fs, struct node *n, u8 *part, int err)
{
	if (err) {
		txn_abort(fs);
		return err;
	}
	put64(part + CFFS_SLOT(0) + CFFS_S_CTIME, stamp_now());
	err = txn_commit(fs);
	n->frame = EXO_NOFRAME;
	return err;
}

static int store_short(struct cffs *fs, struct node *n, const struct ref *home, const struct list *l, const u8 *bytes,
		       size_t len)
{
	int err = txn_begin(fs);
	u8 *part;

	if (err)
		return err;
	part = unchanged(fs, n, home, l);
	if (!part)
		return end(fs, n, NULL, -EAGAIN);
	err = let_go(fs, part + CFFS_X_ATTRS);
	if (!err)
		err = let_go(fs, part + CFFS_X_NEXT);
	memset(part + CFFS_X_SMALL, 0, CFFS_X_SMALL_MAX);
	if (len)
		memcpy(part + CFFS_X_SMALL, bytes, len);
	put16(part + CFFS_X_BYTES, len);
	put32(part + CFFS_X_LONG, 0);
	return end(fs, n, part, err);
}

/* Blocks for the list to come. */
static int reserve(struct cffs *fs, struct node *n, const struct ref *home, const struct list *l, u32 blocks,
		   struct extent *e)
{
	int err = txn_begin(fs);
	u8 *part;

	if (err)
		return err;
	part = unchanged(fs, n, home, l);
	if (!part)
		return end(fs, n, NULL, -EAGAIN);
	err = let_go(fs, part + CFFS_X_NEXT);
	if (!err)
		err = txn_alloc(fs, home->block + 1, blocks, true, false, e);
	e->key = 0;
	if (!err)
		extent_put(part + CFFS_X_NEXT, e);
	return end(fs, n, part, err);
}

static int fill(struct cffs *fs, struct node *n, const struct extent *e, const u8 *bytes, size_t len)
{
	struct claim c = {.ext = *e, .meta = false};
	struct ref home;
	u32 i, frame;
	int err = node_pin(fs, n, &home);

	if (err)
		return err;
	c.parent = home;
	c.part = n->loc.part;
	for (i = 0; !err && i < e->count; i++) {
		size_t left = len - i * BLK < BLK ? len - i * BLK : BLK;

		err = cache_bind(fs, &c, e->start + i, 1, true, true, &frame);
		if (err)
			break;
		memcpy(exo_frame_ptr(fs->v, frame), bytes + i * BLK, left);
		memset((u8 *)exo_frame_ptr(fs->v, frame) + left, 0, BLK - left);
		cache_unpin(fs, frame);
	}
	meta_put(fs, &home);
	return err;
}

/* On the disk before the inode has them for its list: somebody may have had the zeroes written that they came with. */
static int settle_next(struct cffs *fs, const struct extent *e)
{
	struct exo_run run = {e->start, e->count};
	struct exo_why *why = exo_fs_why_here();
	int err = exo_sync_runs(fs->fs.x, fs->fs.disk, 1, &run, why);

	return err < 0 ? err_retry(fs, err, why) : 0;
}

static int take_next(struct cffs *fs, struct node *n, const struct list *l, const struct extent *e, size_t len)
{
	struct extent next;
	struct ref home;
	u8 *part;
	int err = node_pin(fs, n, &home);

	if (err)
		return err;
	err = txn_begin(fs);
	if (err)
		goto out;
	part = unchanged(fs, n, &home, l);
	if (part)
		extent_get(part + CFFS_X_NEXT, &next);
	if (!part || next.start != e->start || next.count != e->count) {
		err = end(fs, n, NULL, -EAGAIN);
		goto out;
	}
	err = let_go(fs, part + CFFS_X_ATTRS);
	extent_put(part + CFFS_X_ATTRS, e);
	memset(part + CFFS_X_NEXT, 0, CFFS_E_SIZE);
	memset(part + CFFS_X_SMALL, 0, CFFS_X_SMALL_MAX);
	put16(part + CFFS_X_BYTES, 0);
	put32(part + CFFS_X_LONG, len);
	err = end(fs, n, part, err);
out:
	meta_put(fs, &home);
	return err;
}

static int store(struct cffs *fs, struct node *n, const struct list *l, const u8 *bytes, size_t len)
{
	struct extent e;
	struct ref home;
	int err = node_pin(fs, n, &home);

	if (err)
		return err;
	if (len <= CFFS_X_SMALL_MAX)
		err = store_short(fs, n, &home, l, bytes, len);
	else
		err = reserve(fs, n, &home, l, (len + BLK - 1) / BLK, &e);
	meta_put(fs, &home);
	if (err || len <= CFFS_X_SMALL_MAX)
		return err;
	err = fill(fs, n, &e, bytes, len);
	if (!err)
		err = settle_next(fs, &e);
	return err ? err : take_next(fs, n, l, &e, len);
}

/* value NULL: take it away. */
static int change_once(struct cffs *fs, struct node *n, const char *name, const void *value, size_t size, int how)
{
	size_t nlen = strlen(name), len = 0;
	struct list l = {0};
	u8 *bytes = NULL;
	ssize_t at;
	int err = load(fs, n, &l);

	if (err)
		goto out;
	at = lookup(&l, name);
	err = at < 0 && (!value || how & XATTR_REPLACE) ? -ENODATA : at >= 0 && how & XATTR_CREATE ? -EEXIST : 0;
	if (!err && l.len + RECORD + nlen + size > CFFS_ATTRS_MAX)
		err = -ENOSPC;
	if (!err && !l.ext) {
		err = node_externalize(fs, n);
		err = err ? err : -EAGAIN;
	}
	if (err)
		goto out;
	bytes = malloc(l.len + RECORD + nlen + size);
	err = -ENOMEM;
	if (!bytes)
		goto out;
	memcpy(bytes, l.bytes, l.len);
	len = l.len;
	if (at >= 0) {
		size_t record = RECORD + bytes[at] + get32(bytes + at + 1);

		memmove(bytes + at, bytes + at + record, len - at - record);
		len -= record;
	}
	if (value) {
		bytes[len] = nlen;
		put32(bytes + len + 1, size);
		memcpy(bytes + len + RECORD, name, nlen);
		memcpy(bytes + len + RECORD + nlen, value, size);
		len += RECORD + nlen + size;
	}
	err = store(fs, n, &l, bytes, len);
out:
	free(bytes);
	free(l.bytes);
	return err;
}

int cffs_setxattr(struct exo_fs *xfs, struct exo_node *node, const char *name, const void *value, size_t size, int how)
{
	struct cffs *fs = cffs_of(xfs);
	int err;

	if (xfs->flags & EXO_FS_RDONLY)
		return -EROFS;
	if (size > CFFS_ATTRS_MAX)
		return -E2BIG;
	CFFS_RETRY(err, fs, change_once(fs, node_of(node), name, size ? value : "", size, how));
	return err;
}

int cffs_removexattr(struct exo_fs *xfs, struct exo_node *node, const char *name)
{
	struct cffs *fs = cffs_of(xfs);
	int err;

	if (xfs->flags & EXO_FS_RDONLY)
		return -EROFS;
	CFFS_RETRY(err, fs, change_once(fs, node_of(node), name, NULL, 0, 0));
	return err;
}
