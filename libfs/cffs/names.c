// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * names.c: looking up, creating and removing names; readlink; and the orphan directory, where an inode goes whose name
 * is removed while it is open here or too large to be freed in one transaction. Whoever opens the tree for writing
 * frees what lies there.
 */
#include <unistd.h>
#include "cffs.h"

int entry_node(struct cffs *fs, struct node *dir, const char *name, size_t len, const struct found *f,
	       struct node **out)
{
	u8 bytes[CFFS_PART];
	struct inode di;
	struct loc loc;
	struct ref r;
	int err, kind;

	/* In a shared tree an entry with an inode of its own, or with a number of another place, is somebody's
	 * invention. */
	if (fs->shared && (!(f->di.flags & CFFS_F_REF) || !shared_place_ok(f->di.ino, REF_PLACE(&f->di))))
		return -ENOENT;
	if (!(f->di.flags & CFFS_F_REF)) {
		*out = node_get(fs, dir, name, len, &f->loc, &f->leaf, &f->di);
		return *out ? 0 : -EUCLEAN;
	}
	err = table_pin(fs, REF_PLACE(&f->di), &r, &loc.part);
	if (err)
		return err == -ESTALE ? -ENOENT : err;
	loc.block = r.block;
	loc.slot = 0;
	memcpy(bytes, txn_see(fs, &r, loc.part), CFFS_PART);
	kind = part_kind(bytes);
	if (!meta_same(fs, &r))
		err = -EAGAIN;
	else if (kind < 0 || r.block == fs->root_block)
		err = -EUCLEAN;
	else if (kind != CFFS_KIND_INODE)
		err = -ENOENT;
	else if (entry_get(bytes, 0, &di, NULL) || (fs->shared && get32(bytes + CFFS_H_FROM) != CFFS_X_NAMED))
		err = -EUCLEAN;
	else if (di.ino != f->di.ino || (di.mode ^ f->di.mode) & S_IFMT ||
		 !xlink_counts(bytes, REF_LINK(&f->di), dir->n.ino))
		err = -ENOENT;
	if (!err) {
		*out = node_get_ext(fs, dir, name, len, &loc, &r, &di, REF_PLACE(&f->di), REF_LINK(&f->di), &f->leaf);
		if (!*out)
			err = -EUCLEAN;
	}
	meta_put(fs, &r);
	return err;
}

int entry_live(struct cffs *fs, struct node *dir, const char *name, size_t len, struct found *f, struct node **out)
{
	int err, tries;

	*out = NULL;
	for (tries = 0; tries < CFFS_TRIES; tries++) {
		err = dir_find(fs, dir, name, len, f);
		if (err)
			return err;
		err = entry_node(fs, dir, name, len, f, out);
		if (!err)
			return 0;
		found_done(fs, f);
		if (err == -ENOENT)
			err = dir_drop(fs, dir, f->hash, &f->loc, f->di.ino);
		if (err && err != -EAGAIN && err != -ENOENT)
			return err;
	}
	return -EBUSY;
}

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
	/* An inode in the table changes without its entry. */
	if (n && n->ext && !node_fresh(fs, n))
		n = NULL;
	if (n) {
		*out = &node_hold(fs, n)->n;
		return 0;
	}
	do {
		err = dir_find(fs, dir, name.at, name.len, &f);
		if (!err)
			err = entry_node(fs, dir, name.at, name.len, &f, &n);
		found_done(fs, &f);
	} while (err == -EAGAIN);
	if (!err)
		*out = &n->n;
	return err;
}

void new_inode(struct cffs *fs, const struct node *dir, mode_t mode, u64 ino, struct inode *di)
{
	int64_t now = stamp_now();
	int i;

	memset(di, 0, sizeof(*di));
	di->mode = mode;
	di->nlink = S_ISDIR(mode) ? 2 : 1;
	di->uid = exo_cred(&fs->fs)->uid;
	di->gid = exo_cred(&fs->fs)->gid;
	/* A set-gid directory hands its group down. */
	if (dir->di.mode & S_ISGID) {
		di->gid = dir->di.gid;
		if (S_ISDIR(mode))
			di->mode |= S_ISGID;
		else if (mode & S_IXGRP && exo_cred(&fs->fs)->uid && !exo_cred_member(&fs->fs, di->gid))
			di->mode &= ~S_ISGID;
	}
	di->ino = ino;
	for (i = 0; i < T_COUNT; i++)
		di->time[i] = now;
}

int extents_free(struct cffs *fs, const struct inode *di)
{
	int err = 0;
	u32 i;

	for (i = 0; !err && i < CFFS_S_EXTS; i++)
		if (di->ext[i].count)
			err = txn_free(fs, di->ext[i].start, di->ext[i].count, di->ref);
	return err;
}

int xinode_free(struct cffs *fs, const struct ref *r, u32 part)
{
	u8 *bytes = txn_part(fs, r, part);
	struct inode di;
	struct extent e;
	u32 i;
	int err;

	if (!bytes)
		return -EAGAIN;
	inode_get(bytes, 0, &di);
	err = extents_free(fs, &di);
	for (i = 0; !err && i < CFFS_X_EXTS; i++) {
		extent_get(bytes + CFFS_X_ATTRS + CFFS_E_SIZE * i, &e);
		if (e.count)
			err = txn_free(fs, e.start, e.count, false);
	}
	if (!err)
		memset(bytes, 0, CFFS_PART);
	return err;
}

int dir_links(struct cffs *fs, struct node *dir, const struct ref *home, int n)
{
	u8 *part, *at;

	if (dir == fs->orphans)
		return 0;
	part = txn_part(fs, home, dir->loc.part);
	if (!part)
		return -EAGAIN;
	at = part + CFFS_SLOT(dir->loc.slot) + CFFS_S_NLINK;
	if (n < 0 && get32(at) <= 2)
		return 0;
	put32(at, get32(at) + n);
	return 0;
}

int names_settled(struct cffs *fs, struct node *node)
{
	struct ref home;
	int64_t linked;
	int err = node_pin(fs, node, &home);

	if (err)
		return err;
	linked = (int64_t)get64(txn_see(fs, &home, node->loc.part) + CFFS_X_LINKED);
	if (!meta_same(fs, &home))
		err = -EAGAIN;
	meta_put(fs, &home);
	if (err || linked < fs->synced)
		return err;
	err = cffs_sync(&fs->fs);
	return err ? err : 1;
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

static int create_once(struct cffs *fs, struct node *dir, struct exo_name name, const struct exo_create *what,
		       const struct node *like, u64 ino, struct node **out)
{
	const char *target = S_ISLNK(what->mode) ? what->target : NULL;
	size_t tlen = target ? strlen(target) : 0;
	bool fresh;
	struct inode di;
	struct found f;
	struct loc loc;
	struct node *old;
	struct ref r;
	int err;

	err = entry_live(fs, dir, name.at, name.len, &f, &old);
	if (err != -ENOENT) {
		found_done(fs, &f);
		if (old)
			node_put(fs, old);
		return err ? err : -EEXIST;
	}
	new_inode(fs, like, what->mode, ino, &di);
	if (S_ISCHR(what->mode) || S_ISBLK(what->mode))
		di.ext[0].start = what->rdev;
	fresh = !f.path.n;
	f.loc.block = EXO_NOBLOCK;
	err = txn_begin(fs);
	if (err)
		goto out;
	if (target) {
		di.size = tlen;
		if (tlen <= CFFS_INLINE_MAX) {
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
	if (!err && S_ISDIR(what->mode))
		err = dir_links(fs, dir, &f.home, 1);
	if (err) {
		txn_abort(fs);
		goto out;
	}
	err = txn_commit(fs);
	if (err)
		goto out;
	r = f.leaf;
	if (fresh || S_ISDIR(what->mode))
		dir->frame = EXO_NOFRAME;
	if (fresh)
		r = NO_REF;
	else
		r.version = txn_version(fs, loc.block);
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

int create_entry(struct cffs *fs, struct node *dir, struct exo_name name, const struct exo_create *what,
		 const struct node *like, u64 ino, struct node **out)
{
	struct node *n = NULL;
	int err;

	if (fs->shared)
		err = shared_create(fs, dir, name, what, &n);
	else
		CFFS_RETRY(err, fs, create_once(fs, dir, name, what, like, ino, &n));
	if (!err && S_ISLNK(what->mode) && n->di.ext[0].count) {
		CFFS_RETRY(err, fs, put_target(fs, n, what->target, strlen(what->target)));
		if (err)
			node_put(fs, n);
	}
	if (!err)
		*out = n;
	return err;
}

int cffs_create(struct exo_fs *xfs, struct exo_node *xdir, struct exo_name name, const struct exo_create *what,
		struct exo_node **out)
{
	struct cffs *fs = cffs_of(xfs);
	struct node *dir = node_of(xdir), *n;
	u64 ino;
	int err;

	if (fs->fs.flags & EXO_FS_RDONLY)
		return -EROFS;
	if (name.len > CFFS_NAME_MAX)
		return -ENAMETOOLONG;
	if (!name_ok(name.at, name.len))
		return -EINVAL;
	if (S_ISLNK(what->mode) && (!what->target || !*what->target))
		return -ENOENT;
	if (S_ISLNK(what->mode) && strlen(what->target) >= PATH_MAX)
		return -ENAMETOOLONG;
	if (dir->gone)
		return -ENOENT;
	err = fs->shared ? 0 : alloc_ino(fs, &ino);
	if (!err)
		err = create_entry(fs, dir, name, what, dir, ino, &n);
	if (!err)
		*out = &n->n;
	nodes_tick(fs);
	return err;
}

/* ---- removing ---- */

/* One that is open, here or elsewhere, or large goes to the orphans; the rest is freed with the name. */
static bool must_park(struct cffs *fs, const struct node *n)
{
	return n->opens || n->di.level || (!fs->shared && exo_opens_going(&fs->fs, n->n.ino));
}

/* In a transaction: a name of an inode in the table goes, and with the last one the inode. */
static int unlink_ext(struct cffs *fs, struct node *n, const struct found *f, const struct ref *home)
{
	u8 *part;

	if (S_ISDIR(n->di.mode) || n->di.nlink <= 1)
		return xinode_free(fs, home, n->loc.part);
	part = txn_part(fs, home, n->loc.part);
	if (!part)
		return -EAGAIN;
	xlink_del(part, REF_LINK(&f->di));
	put64(part + CFFS_SLOT(0) + CFFS_S_CTIME, stamp_now());
	/* The inode may still be waited for by the block that this name's entry is in. */
	return txn_order(fs, f->leaf.block, f->loc.part, home->block, n->loc.part);
}

static int remove_once(struct cffs *fs, struct node *dir, struct exo_name name, bool directory, struct node **parked)
{
	bool more, mine;
	struct ref home = NO_REF;
	struct node *n;
	struct found f;
	int err;

	*parked = NULL;
	err = entry_live(fs, dir, name.at, name.len, &f, &n);
	if (err)
		goto out;
	err = exo_node_may_remove(&fs->fs, &dir->n, &n->n);
	if (err)
		goto out;
	err = directory ? (S_ISDIR(n->di.mode) ? 0 : -ENOTDIR) : (S_ISDIR(n->di.mode) ? -EISDIR : 0);
	if (err)
		goto out;
	if (directory && (inode_owns(&n->di) || n->di.level)) {
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
	mine = shared_mine(fs, n);
	more = n->ext && !directory && n->di.nlink > 1;
	if (more && mine) {
		err = names_settled(fs, n);
		if (err > 0)
			err = -EAGAIN;
		if (err)
			goto out;
	}
	if (!directory && !more && !fs->shared && must_park(fs, n)) {
		*parked = n;
		n = NULL;
		goto out;
	}
	if (n->ext)
		err = node_pin(fs, n, &home);
	if (!err)
		err = txn_begin(fs);
	if (err)
		goto out;
	err = dir_del(fs, &f);
	/* Of another's inode the name goes. Nothing must come into a directory meanwhile: its version counts. */
	if (!err && !mine)
		err = txn_part(fs, &home, n->loc.part) ? 0 : -EAGAIN;
	else if (!err && fs->shared && !directory && !more && must_park(fs, n))
		err = shared_park(fs, n, &home, REF_LINK(&f.di));
	else if (!err)
		err = n->ext ? unlink_ext(fs, n, &f, &home) : extents_free(fs, &f.di);
	if (!err)
		err = dir_prune(fs, dir, &f);
	if (!err && directory)
		err = dir_links(fs, dir, &f.home, -1);
	if (err) {
		txn_abort(fs);
		goto out;
	}
	err = txn_commit(fs);
	if (err)
		goto out;
	dir->frame = EXO_NOFRAME;
	if (more) {
		n->frame = n->eframe = EXO_NOFRAME;
	} else if (fs->shared && !directory && must_park(fs, n)) {
		err = shared_parked(fs, n);
		if (!err && mine && !n->opens)
			err = orphan_purge(fs, n);
	} else {
		n->gone = true;
		node_clean(fs, n);
	}
	node_touched(fs, dir);
out:
	meta_put(fs, &home);
	found_done(fs, &f);
	if (n)
		node_put(fs, n);
	return err == -ESTALE ? -EAGAIN : err;
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
	fs->dip = true;
	CFFS_RETRY(err, fs, remove_once(fs, dir, name, directory, &parked));
	exo_opens_gone(xfs);
	if (!err && parked) {
		err = orphan_park(fs, dir, parked, name.at, name.len);
		if (!err && !parked->opens && !orphan_kept(fs, parked))
			err = orphan_purge(fs, parked);
		node_put(fs, parked);
	}
	fs->dip = false;
	orphans_seen(fs);
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
