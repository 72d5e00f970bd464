// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * names.c: looking up, creating and removing names; readlink; and the orphan directory, where an inode goes whose name
 * is removed while it is open here or too large to be freed in one transaction. Whoever opens the tree for writing
 * frees what lies there.
 */
#include <unistd.h>
#include "cffs.h"

/* A longer target gets a block: with any name, an inline one must fit into a partition, or it could not be renamed. */
#define INLINE_MAX (CFFS_PART - CFFS_SLOT(1) - CFFS_NAME_MAX)

int cffs_lookup(struct exo_fs *xfs, struct exo_node *xdir, struct exo_name name, struct exo_node **out)
{
	struct cffs *fs = cffs_of(xfs);
	struct node *dir = node_of(xdir), *n;
	struct found f;
	int err;

	if (name.len > CFFS_NAME_MAX)
		return -ENAMETOOLONG;
	if (dir->gone)
		return -ENOENT;
	n = node_known(fs, dir, name.at, name.len);
	if (n) {
		*out = &node_hold(fs, n)->n;
		return 0;
	}
	err = dir_find(fs, dir, name.at, name.len, &f);
	if (!err) {
		n = node_get(fs, dir, name.at, name.len, &f.loc, &f.leaf, &f.di);
		if (n)
			*out = &n->n;
		else
			err = -ENOMEM;
	}
	found_done(fs, &f);
	return err;
}

static void new_inode(struct cffs *fs, struct node *dir, mode_t mode, u64 ino, struct inode *di)
{
	int64_t now = now_ns();
	int i;

	memset(di, 0, sizeof(*di));
	di->mode = mode;
	di->nlink = 1;
	di->uid = exo_cred(&fs->fs)->uid;
	di->gid = exo_cred(&fs->fs)->gid;
	/* A set-gid directory hands its group down. */
	if (dir->di.mode & S_ISGID) {
		di->gid = dir->di.gid;
		if (S_ISDIR(mode))
			di->mode |= S_ISGID;
	}
	di->ino = ino;
	for (i = 0; i < T_COUNT; i++)
		di->time[i] = now;
}

/* A long target's block. The claim is at loc, in slot order of the partition. */
static int put_target(struct cffs *fs, struct node *node, const char *target, size_t len)
{
	struct claim c;
	struct ref home;
	u32 frame, hole;
	int err;

	err = node_pin(fs, node, &home);
	if (err)
		return err;
	err = file_extent(fs, node, &home, 0, &c, &hole);
	if (!err) {
		err = cache_bind(fs, &c, c.ext.start, 1, true, true, &frame);
		if (!err) {
			memcpy(exo_frame_ptr(fs->v, frame), target, len);
			cache_unpin(fs, frame);
		}
		meta_put(fs, &c.parent);
	}
	meta_put(fs, &home);
	return err;
}

static int create_once(struct cffs *fs, struct node *dir, struct exo_name name, mode_t mode, const char *target,
		       u64 ino, struct node **out)
{
	size_t tlen = target ? strlen(target) : 0;
	bool fresh;
	struct inode di;
	struct found f;
	struct loc loc;
	struct ref r;
	int err;

	err = dir_find(fs, dir, name.at, name.len, &f);
	if (err != -ENOENT) {
		found_done(fs, &f);
		return err ? err : -EEXIST;
	}
	new_inode(fs, dir, mode, ino, &di);
	fresh = !f.path.n;
	f.loc.block = EXO_NOBLOCK;
	err = txn_begin(fs);
	if (err)
		goto out;
	if (target) {
		di.size = tlen;
		if (tlen <= INLINE_MAX) {
			di.flags = CFFS_F_INLINE;
			di.extra = tlen;
		} else {
			err = txn_alloc(fs, fs->policy->leaf(fs, dir), 1, true, false, &di.ext[0]);
			di.ext[0].key = 0;
			di.blocks = 1;
		}
	}
	if (!err)
		err = dir_add(fs, dir, &f, &di, name.at, name.len, target, &loc);
	if (err) {
		txn_abort(fs);
		goto out;
	}
	err = txn_commit(fs);
	if (err)
		goto out;
	r = f.leaf;
	if (fresh) {
		dir->frame = EXO_NOFRAME;
		r = NO_REF;
	} else {
		r.version = txn_version(fs, loc.block);
	}
	node_touched(fs, dir);
	*out = node_get(fs, dir, name.at, name.len, &loc, &r, &di);
	if (!*out)
		err = -ENOMEM;
out:
	found_done(fs, &f);
	if (err == -EXFULL) {
		err = dir_split(fs, dir, name.at, name.len, di.extra);
		return err ? err : -EAGAIN;
	}
	return err;
}

int cffs_create(struct exo_fs *xfs, struct exo_node *xdir, struct exo_name name, const struct exo_create *what,
		struct exo_node **out)
{
	const char *target = what->target;
	mode_t mode = what->mode;
	struct cffs *fs = cffs_of(xfs);
	struct node *dir = node_of(xdir), *n = NULL;
	u64 ino;
	int err;

	if (fs->fs.flags & EXO_FS_RDONLY)
		return -EROFS;
	if (name.len > CFFS_NAME_MAX)
		return -ENAMETOOLONG;
	if (!name_ok(name.at, name.len))
		return -EINVAL;
	if (!S_ISREG(mode) && !S_ISDIR(mode) && !S_ISLNK(mode))
		return -EOPNOTSUPP;
	if (S_ISLNK(mode) && (!target || !*target))
		return -ENOENT;
	if (S_ISLNK(mode) && strlen(target) >= PATH_MAX)
		return -ENAMETOOLONG;
	if (dir->gone)
		return -ENOENT;
	err = alloc_ino(fs, &ino);
	if (err)
		return err;
	CFFS_RETRY(err, fs, create_once(fs, dir, name, mode, S_ISLNK(mode) ? target : NULL, ino, &n));
	if (!err && S_ISLNK(mode) && n->di.ext[0].count) {
		CFFS_RETRY(err, fs, put_target(fs, n, target, strlen(target)));
		if (err)
			node_put(fs, n);
	}
	if (!err)
		*out = &n->n;
	nodes_tick(fs);
	return err;
}

/* ---- removing ---- */

/* An open or large one goes to the orphans; the rest is freed with the name. */
static bool must_park(const struct node *n)
{
	return n->opens || n->di.level;
}

static int remove_once(struct cffs *fs, struct node *dir, struct exo_name name, bool directory, struct node **parked)
{
	struct node *n = NULL;
	struct found f;
	u32 i;
	int err;

	*parked = NULL;
	err = dir_find(fs, dir, name.at, name.len, &f);
	if (err)
		goto out;
	n = node_get(fs, dir, name.at, name.len, &f.loc, &f.leaf, &f.di);
	err = -ENOMEM;
	if (!n)
		goto out;
	err = exo_node_may_remove(&fs->fs, &dir->n, &n->n);
	if (err)
		goto out;
	err = directory ? (S_ISDIR(f.di.mode) ? 0 : -ENOTDIR) : (S_ISDIR(f.di.mode) ? -EISDIR : 0);
	if (err)
		goto out;
	if (directory && (inode_owns(&f.di) || f.di.level)) {
		err = dir_empty(fs, n);
		if (!err)
			err = -ENOTEMPTY;
		else if (err > 0)
			err = dir_clear(fs, n);
		/* Its inode has changed: look again. */
		if (!err)
			err = -EAGAIN;
		goto out;
	}
	if (!directory && must_park(n)) {
		*parked = n;
		n = NULL;
		goto out;
	}
	err = txn_begin(fs);
	if (err)
		goto out;
	err = dir_del(fs, &f);
	for (i = 0; !err && i < CFFS_S_EXTS; i++)
		if (f.di.ext[i].count)
			err = txn_free(fs, f.di.ext[i].start, f.di.ext[i].count, f.di.ref);
	if (!err)
		err = dir_prune(fs, dir, &f);
	if (err) {
		txn_abort(fs);
		goto out;
	}
	err = txn_commit(fs);
	if (err)
		goto out;
	dir->frame = EXO_NOFRAME;
	n->gone = true;
	node_clean(fs, n);
	node_touched(fs, dir);
out:
	found_done(fs, &f);
	if (n)
		node_put(fs, n);
	return err;
}

int cffs_remove(struct exo_fs *xfs, struct exo_node *xdir, struct exo_name name, bool directory)
{
	struct cffs *fs = cffs_of(xfs);
	struct node *dir = node_of(xdir), *parked;
	int err;

	if (fs->fs.flags & EXO_FS_RDONLY)
		return -EROFS;
	if (name.len > CFFS_NAME_MAX)
		return -ENAMETOOLONG;
	if (dir->gone)
		return -ENOENT;
	CFFS_RETRY(err, fs, remove_once(fs, dir, name, directory, &parked));
	if (!err && parked) {
		err = orphan_park(fs, dir, parked, name.at, name.len);
		if (!err && !parked->opens)
			err = orphan_purge(fs, parked);
		node_put(fs, parked);
	}
	nodes_tick(fs);
	return err;
}

/* ---- symlinks ---- */

static ssize_t readlink_once(struct cffs *fs, struct node *node, char *buf, size_t size)
{
	struct claim c;
	struct inode di;
	struct ref home;
	const char *name;
	u32 frame, hole;
	ssize_t n;
	int err;

	err = node_pin(fs, node, &home);
	if (err)
		return err;
	n = node->di.size;
	if ((size_t)n > size)
		n = size;
	if (node->di.flags & CFFS_F_INLINE) {
		u8 part[CFFS_PART];

		memcpy(part, txn_see(fs, &home, node->loc.part), CFFS_PART);
		if (!meta_same(fs, &home))
			err = -EAGAIN;
		else if (entry_get(part, node->loc.slot, &di, &name) || di.size != di.extra)
			err = -EUCLEAN;
		else
			memcpy(buf, name + di.name_len, n);
	} else if (node->di.size >= PATH_MAX || !node->di.size) {
		err = -EUCLEAN;
	} else {
		err = file_extent(fs, node, &home, 0, &c, &hole);
		if (err == -ENOENT)
			err = -EUCLEAN;
		if (!err) {
			frame = cache_find(fs, c.ext.start, NULL);
			if (frame != EXO_NOFRAME)
				cache_pin(fs, frame);
			else
				err = cache_bind(fs, &c, c.ext.start, 1, false, false, &frame);
			if (!err) {
				memcpy(buf, exo_frame_ptr(fs->v, frame), n);
				cache_unpin(fs, frame);
			}
			meta_put(fs, &c.parent);
		}
	}
	meta_put(fs, &home);
	return err ? err : n;
}

ssize_t cffs_readlink(struct exo_fs *xfs, struct exo_node *xnode, char *buf, size_t size)
{
	struct cffs *fs = cffs_of(xfs);
	ssize_t n;

	if (!S_ISLNK(xnode->mode))
		return -EINVAL;
	CFFS_RETRY(n, fs, readlink_once(fs, node_of(xnode), buf, size));
	return n;
}
