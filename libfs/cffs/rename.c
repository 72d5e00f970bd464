// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * rename.c: one transaction moves the inode with its claims; what it replaces is freed, or moved to the orphans, in the
 * same one.
 *
 * Inside one partition the change is one sector and atomic by itself. Between partitions, claims order the writes: the
 * new place is durable before the old one goes. An inode without claims gives the module nothing to order by, so there
 * the new name is written and synced first and the old one removed after.
 *
 * A directory that changes its parent edits the super partition's counter: of two such renames at a time one fails and
 * looks again, so they cannot put two directories into each other.
 */
#include <unistd.h>
#include <stdio.h>
#include "cffs.h"

struct ren {
	struct cffs *fs;
	struct node *from, *to, *src, *dst;
	struct found a, b, o;
	bool a_on, b_on, o_on;
	bool park; /* to the orphans: loses its name, so needs no order */
	char oname[17];
};

static bool below(struct node *n, const struct node *top)
{
	for (; n; n = n->n.parent ? node_of(n->n.parent) : NULL)
		if (n == top)
			return true;
	return false;
}

/* Are all directories above still where we think? Reads that the counter's version makes count at the commit. */
static int pin_line(struct cffs *fs, struct node *n)
{
	struct ref r;
	int err = 0;

	for (; n && !err; n = n->n.parent ? node_of(n->n.parent) : NULL) {
		err = node_pin(fs, n, &r);
		meta_put(fs, &r);
	}
	return err;
}

static int may(struct ren *r)
{
	struct exo_fs *fs = &r->fs->fs;
	bool sdir = S_ISDIR(r->src->n.mode);
	int err;

	if (r->park)
		return 0;
	err = exo_node_may_remove(fs, &r->from->n, &r->src->n);
	if (!err)
		err = r->dst ? exo_node_may_remove(fs, &r->to->n, &r->dst->n)
			     : exo_node_may(fs, &r->to->n, W_OK | X_OK);
	if (err)
		return err;
	if (sdir && below(r->to, r->src))
		return -EINVAL;
	if (r->dst) {
		if (below(r->from, r->dst))
			return -ENOTEMPTY;
		if (sdir && !S_ISDIR(r->dst->n.mode))
			return -ENOTDIR;
		if (!sdir && S_ISDIR(r->dst->n.mode))
			return -EISDIR;
		if (sdir && (inode_owns(&r->dst->di) || r->dst->di.level)) {
			err = dir_empty(r->fs, r->dst);
			if (!err)
				return -ENOTEMPTY;
			if (err > 0)
				err = dir_clear(r->fs, r->dst);
			return err ? err : -EAGAIN;
		}
	}
	return 0;
}

/* The replaced inode: out of its partition, and freed or put among the orphans. */
static int drop_target(struct ren *r, bool park_it, struct loc *oloc)
{
	struct inode di = r->b.di;
	u32 i;
	int err = dir_del(r->fs, &r->b);

	if (err)
		return err;
	if (park_it) {
		/* After a power cut both places may stand; the newer one counts. */
		di.time[T_CTIME] = now_ns();
		r->o.loc.block = EXO_NOBLOCK;
		return dir_add(r->fs, r->fs->orphans, &r->o, &di, r->oname, 16, NULL, oloc);
	}
	for (i = 0; !err && i < CFFS_S_EXTS; i++)
		if (di.ext[i].count)
			err = txn_free(r->fs, di.ext[i].start, di.ext[i].count, di.ref);
	return err;
}

/* -EXFULL: *full says which directory needs room first. */
static int build(struct ren *r, const char *b, size_t blen, bool keep_old, struct loc *loc, struct loc *oloc,
		 struct node **full)
{
	struct cffs *fs = r->fs;
	u8 part[CFFS_PART], *edit;
	struct claim top = {.parent = NO_REF, .part = 0, .ext = {fs->root_block, 1, 0}, .meta = true};
	struct inode di;
	struct ref root;
	const char *name;
	bool park_dst = r->dst && (r->dst->opens || r->dst->di.level);
	int err = 0;

	memcpy(part, txn_see(fs, &r->a.leaf, r->a.loc.part), CFFS_PART);
	if (!meta_same(fs, &r->a.leaf))
		return -EAGAIN;
	if (entry_get(part, r->a.loc.slot, &di, &name))
		return -EUCLEAN;
	di.time[T_CTIME] = now_ns();
	/* In place: both names belong into one partition, nothing is replaced, and there is room for the new name. */
	if (!r->dst && r->from == r->to && r->b.path.n && r->a.leaf.block == r->b.leaf.block &&
	    r->a.loc.part == r->b.loc.part) {
		edit = txn_part(fs, &r->a.leaf, r->a.loc.part);
		if (!edit)
			return -EAGAIN;
		if (!entry_rename(edit, r->a.loc.slot, r->b.hash, b, blen)) {
			inode_put(edit, r->a.loc.slot, &di);
			*loc = r->a.loc;
			return 0;
		}
	}
	if (r->dst) {
		*full = fs->orphans;
		err = drop_target(r, park_dst, oloc);
	} else {
		r->b.loc.block = EXO_NOBLOCK;
	}
	if (err)
		return err;
	*full = r->to;
	err = dir_add(fs, r->to, &r->b, &di, b, blen, name + di.name_len, loc);
	if (err || keep_old)
		return err;
	err = dir_del(fs, &r->a);
	if (!err)
		err = dir_prune(fs, r->from, &r->a);
	if (err || !S_ISDIR(di.mode) || r->from == r->to)
		return err;
	err = meta_get(fs, &top, &root);
	if (err)
		return err;
	edit = txn_part(fs, &root, 0);
	if (edit)
		put64(edit + CFFS_SUP_MOVES, get64(edit + CFFS_SUP_MOVES) + 1);
	else
		err = -EAGAIN;
	meta_put(fs, &root);
	return err ? err : pin_line(fs, r->to);
}

static void drop(struct ren *r)
{
	if (r->a_on)
		found_done(r->fs, &r->a);
	if (r->b_on)
		found_done(r->fs, &r->b);
	if (r->o_on)
		found_done(r->fs, &r->o);
	if (r->src)
		node_put(r->fs, r->src);
	if (r->dst)
		node_put(r->fs, r->dst);
}

/* The old name of an inode that already has its new one. */
static int remove_old(struct ren *r)
{
	int err = txn_begin(r->fs);

	if (err)
		return err;
	err = dir_del(r->fs, &r->a);
	if (!err)
		err = dir_prune(r->fs, r->from, &r->a);
	if (err)
		txn_abort(r->fs);
	else
		err = txn_commit(r->fs);
	r->from->frame = EXO_NOFRAME;
	return err;
}

static int once(struct cffs *fs, struct node *from, const char *a, size_t alen, struct node *to, const char *b,
		size_t blen, bool park, u64 *twice)
{
	struct ren r = {.fs = fs, .from = from, .to = to, .park = park};
	struct node *full = NULL;
	struct loc loc, oloc = {0};
	bool keep_old = false, replaces = false;
	int err;

	r.a_on = true;
	err = dir_find(fs, from, a, alen, &r.a);
	if (err)
		goto out;
	/* Second half of a rename without claims: the inode has its new name and place. */
	if (*twice) {
		err = r.a.di.ino == *twice ? remove_old(&r) : 0;
		goto out;
	}
	r.src = node_get(fs, from, a, alen, &r.a.loc, &r.a.leaf, &r.a.di);
	r.b_on = true;
	err = dir_find(fs, to, b, blen, &r.b);
	if (err && err != -ENOENT)
		goto out;
	if (!err) {
		if (r.b.di.ino == r.a.di.ino) {
			/* The same inode under both names: as for two links, nothing is to be done. */
			goto out;
		}
		replaces = true;
		r.dst = node_get(fs, to, b, blen, &r.b.loc, &r.b.leaf, &r.b.di);
	}
	err = !r.src || (replaces && !r.dst) ? -ENOMEM : 0;
	if (!err)
		err = may(&r);
	if (err)
		goto out;
	if (r.dst && (r.dst->opens || r.dst->di.level)) {
		orphan_name(r.dst->n.ino, r.oname);
		r.o_on = true;
		err = dir_find(fs, fs->orphans, r.oname, 16, &r.o);
		if (err != -ENOENT) {
			err = err ? err : -EUCLEAN;
			goto out;
		}
	}
	err = txn_begin(fs);
	if (err)
		goto out;
	/* Build it whole first: only then is it known whether both names share a partition. */
	err = build(&r, b, blen, false, &loc, &oloc, &full);
	if (!err && !park && !inode_owns(&r.a.di) && (loc.block != r.a.loc.block || loc.part != r.a.loc.part)) {
		keep_old = true;
		txn_abort(fs);
		err = txn_begin(fs);
		if (!err)
			err = build(&r, b, blen, true, &loc, &oloc, &full);
	}
	if (err)
		txn_abort(fs);
	else
		err = txn_commit(fs);
	if (err)
		goto out;
	from->frame = to->frame = fs->orphans->frame = EXO_NOFRAME;
	node_touched(fs, to);
	if (!park)
		node_touched(fs, from);
	if (r.dst) {
		r.dst->gone = true;
		node_clean(fs, r.dst);
		if (r.o_on)
			err = node_moved(fs, r.dst, fs->orphans, r.oname, 16, &oloc);
	}
	if (!err)
		err = node_moved(fs, r.src, to, b, blen, &loc);
	if (!err && r.o_on && !r.dst->opens)
		err = orphan_purge(fs, r.dst);
	if (!err && keep_old) {
		*twice = r.src->n.ino;
		err = -EAGAIN;
	}
out:
	drop(&r);
	if (err == -EXFULL && full) {
		err = full == to ? dir_split(fs, to, b, blen, r.a.di.extra) : dir_split(fs, full, r.oname, 16, 0);
		return err ? err : -EAGAIN;
	}
	return err;
}

int rename_entry(struct cffs *fs, struct node *from, const char *a, size_t alen, struct node *to, const char *b,
		 size_t blen, bool park)
{
	u64 twice = 0;
	bool synced = false;
	int err, tries;

	for (tries = 0; tries < CFFS_TRIES; tries++) {
		err = once(fs, from, a, alen, to, b, blen, park, &twice);
		if (err != -EAGAIN)
			break;
		if (twice && !synced) {
			err = exo_sync(fs->fs.x, fs->fs.disk, fs->fs.root, exo_fs_why_here());
			if (err < 0)
				return err;
			synced = true;
		}
	}
	/* With the new name in place, an old one that somebody else removed is as good as removed by us. */
	if (twice && err == -ENOENT)
		err = 0;
	return err == -EAGAIN ? -EBUSY : err;
}

int cffs_rename(struct exo_fs *xfs, struct exo_node *from, struct exo_name a, struct exo_node *to, struct exo_name b,
		unsigned how)
{
	struct cffs *fs = cffs_of(xfs);
	struct exo_node *old;
	int err;

	if (fs->fs.flags & EXO_FS_RDONLY)
		return -EROFS;
	if (a.len > CFFS_NAME_MAX || b.len > CFFS_NAME_MAX)
		return -ENAMETOOLONG;
	if (!name_ok(b.at, b.len))
		return -EINVAL;
	if (node_of(to)->gone || node_of(from)->gone)
		return -ENOENT;
	if (how & RENAME_EXCHANGE)
		return -EINVAL;
	if (how & RENAME_NOREPLACE && !cffs_lookup(xfs, to, b, &old)) {
		node_put(fs, node_of(old));
		return -EEXIST;
	}
	err = rename_entry(fs, node_of(from), a.at, a.len, node_of(to), b.at, b.len, false);
	nodes_tick(fs);
	return err;
}
