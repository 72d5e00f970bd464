// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * inode.c: inodes as items, and those in use. One in use is read again when the super partition has moved on since,
 * which every transaction of anybody makes it do.
 */
#include <time.h>
#include "logfs.h"

#define BUCKETS 1024

int inode_read(struct logfs *fs, u64 ino, struct linode *di)
{
	const struct rec *r;
	const u8 *p;
	int err = tree_get(fs, LOGFS_TREE_ITEMS, ino, LOGFS_SUB(LOGFS_T_INODE, 0), &r);

	if (err)
		return err;
	if (r->len != LOGFS_N_SIZE)
		return -EUCLEAN;
	p = r->data;
	di->mode = get32(p + LOGFS_N_MODE);
	di->nlink = get32(p + LOGFS_N_NLINK);
	di->uid = get32(p + LOGFS_N_UID);
	di->gid = get32(p + LOGFS_N_GID);
	di->size = get64(p + LOGFS_N_BYTES);
	di->atime = atime_latest(fs, ino, get64(p + LOGFS_N_ATIME));
	di->mtime = get64(p + LOGFS_N_MTIME);
	di->ctime = get64(p + LOGFS_N_CTIME);
	di->btime = get64(p + LOGFS_N_BTIME);
	di->blocks = get64(p + LOGFS_N_BLOCKS);
	di->rdev = get64(p + LOGFS_N_RDEV);
	di->parent = get64(p + LOGFS_N_PARENT);
	switch (di->mode & S_IFMT) {
	case S_IFREG:
		if (di->size > (u64)LOGFS_FILE_BLOCKS * BLK)
			return -EUCLEAN;
		break;
	case S_IFDIR:
	case S_IFLNK:
	case S_IFIFO:
	case S_IFSOCK:
	case S_IFCHR:
	case S_IFBLK:
		break;
	default:
		return -EUCLEAN;
	}
	return 0;
}

static void encode(u8 p[LOGFS_N_SIZE], const struct linode *di)
{
	put32(p + LOGFS_N_MODE, di->mode);
	put32(p + LOGFS_N_NLINK, di->nlink);
	put32(p + LOGFS_N_UID, di->uid);
	put32(p + LOGFS_N_GID, di->gid);
	put64(p + LOGFS_N_BYTES, di->size);
	put64(p + LOGFS_N_ATIME, di->atime);
	put64(p + LOGFS_N_MTIME, di->mtime);
	put64(p + LOGFS_N_CTIME, di->ctime);
	put64(p + LOGFS_N_BTIME, di->btime);
	put64(p + LOGFS_N_BLOCKS, di->blocks);
	put64(p + LOGFS_N_RDEV, di->rdev);
	put64(p + LOGFS_N_PARENT, di->parent);
}

int inode_write(struct logfs *fs, u64 ino, const struct linode *di)
{
	u8 p[LOGFS_N_SIZE];
	struct rec r = {.ino = ino, .sub = LOGFS_SUB(LOGFS_T_INODE, 0), .len = LOGFS_N_SIZE, .data = p};

	encode(p, di);
	return tree_set(fs, LOGFS_TREE_ITEMS, &r);
}

int inode_new(struct logfs *fs, const struct linode *di, u64 *ino)
{
	u8 p[LOGFS_N_SIZE], *next = fs->txn.super + LOGFS_SUP_NEXT_INO;

	*ino = get64(next);
	if (*ino < LOGFS_FIRST_INO || *ino >= UINT64_MAX / 2)
		return -EUCLEAN;
	put64(next, *ino + 1);
	encode(p, di);
	return item_add(fs, *ino, LOGFS_SUB(LOGFS_T_INODE, 0), p, LOGFS_N_SIZE);
}

/* ---- in use ---- */

static struct lino **bucket(struct logfs *fs, u64 ino)
{
	return &fs->inos[ino % BUCKETS];
}

struct lino *lino_hold(struct lino *l)
{
	l->n.refs++;
	return l;
}

void lino_put(struct logfs *fs, struct lino *l)
{
	while (l && !--l->n.refs) {
		struct lino **at = bucket(fs, l->n.ino), *parent = l->n.parent ? lino_of(l->n.parent) : NULL;

		file_forget(fs, l);
		while (*at != l)
			at = &(*at)->hash_next;
		*at = l->hash_next;
		free(l);
		l = parent;
	}
}

static void adopt(struct logfs *fs, struct lino *l, struct lino *parent)
{
	struct exo_node *old = l->n.parent;

	if (old == &parent->n)
		return;
	l->n.parent = &lino_hold(parent)->n;
	if (old)
		lino_put(fs, lino_of(old));
}

static int refresh(struct logfs *fs, struct lino *l)
{
	u64 version = super_version(fs);
	struct linode di;
	int err;

	if (l->seen == version)
		return 0;
	err = inode_read(fs, l->n.ino, &di);
	if (err == -ENOENT && l->seen && !fs->txn.open)
		l->gone = true;
	if (err)
		return err == -ENOENT ? -ESTALE : err;
	if (l->seen && (di.mode ^ l->di.mode) & S_IFMT)
		return -EUCLEAN;
	l->di = di;
	l->n.mode = di.mode;
	l->n.uid = di.uid;
	l->n.gid = di.gid;
	/* Inside a transaction it is not known yet whether this stands. */
	l->seen = fs->txn.open ? 0 : version;
	return 0;
}

/* A directory that another process has moved: ".." leads elsewhere now. */
static int follow_parent(struct logfs *fs, struct lino *l)
{
	struct lino *parent;
	int err;

	if (!S_ISDIR(l->di.mode) || l->n.ino == LOGFS_TOP_INO || !l->n.parent || l->n.parent->ino == l->di.parent ||
	    !l->di.nlink)
		return 0;
	err = lino_get(fs, NULL, l->di.parent, &parent);
	if (err)
		return err;
	adopt(fs, l, parent);
	lino_put(fs, parent);
	return 0;
}

int lino_fresh(struct logfs *fs, struct lino *l)
{
	int err;

	/* A transaction sees the tree as it was at its begin: what is gone since does not come back by trying again. */
	if (fs->txn.open)
		return refresh(fs, l);
	LOGFS_RETRY(err, refresh(fs, l));
	return err;
}

/* How deep a chain of parents may be before it must be a loop. */
#define DEPTH_MAX 4096

static int get(struct logfs *fs, struct lino *parent, u64 ino, u32 depth, struct lino **out)
{
	struct lino *l, *up = NULL;
	int err;

	for (l = *bucket(fs, ino); l && l->n.ino != ino; l = l->hash_next)
		;
	if (l) {
		lino_hold(l);
	} else {
		l = calloc(1, sizeof(*l));
		if (!l)
			return -ENOMEM;
		l->n.ino = ino;
		l->n.refs = 1;
		l->hash_next = *bucket(fs, ino);
		*bucket(fs, ino) = l;
	}
	err = refresh(fs, l);
	if (!err && parent && (!l->n.parent || !S_ISDIR(l->di.mode)) && ino != LOGFS_TOP_INO)
		adopt(fs, l, parent);
	if (!err && !parent && !l->n.parent && ino != LOGFS_TOP_INO && S_ISDIR(l->di.mode) && l->di.nlink) {
		err = depth == DEPTH_MAX ? -EUCLEAN : get(fs, NULL, l->di.parent, depth + 1, &up);
		if (!err) {
			adopt(fs, l, up);
			lino_put(fs, up);
		}
	}
	if (!err && !depth)
		err = follow_parent(fs, l);
	if (err)
		lino_put(fs, l);
	else
		*out = l;
	return err;
}

int lino_get(struct logfs *fs, struct lino *parent, u64 ino, struct lino **out)
{
	return get(fs, parent, ino, 0, out);
}

void inos_exit(struct logfs *fs)
{
	struct lino *l, *next;
	u32 i;

	for (i = 0; fs->inos && i < BUCKETS; i++)
		for (l = fs->inos[i]; l; l = next) {
			next = l->hash_next;
			free(l->buf);
			free(l);
		}
	free(fs->inos);
	free(fs->atimes);
	fs->inos = NULL;
	fs->atimes = NULL;
}
