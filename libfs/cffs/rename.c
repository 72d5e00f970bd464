// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * rename.c: one transaction moves the inode with its claims, or the reference to it; what it replaces is freed, or
 * moved to the orphans, in the same one.
 *
 * Inside one partition the change is one sector and atomic by itself. Between partitions the new place is durable
 * before the old one goes. The transaction asks for that order: claims order the writes only if they were durable at the old
 * place, and a file that was written anew since has others.
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
	bool park; /* REN_PARK: loses its name, or had none, so needs no order */
	bool park_dst;
	struct ref home;  /* of dst, if it is in the table */
	struct ref shome; /* of src, if its inode changes, too */
	u32 link;	  /* the number of its new name then */
	char oname[18];
	u32 olen;
};

bool node_below(struct node *n, const struct node *top)
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
	/* Its ".." changes. */
	if (!err && sdir && r->from != r->to)
		err = exo_node_may(fs, &r->src->n, W_OK);
	if (err)
		return err;
	if (sdir && node_below(r->to, r->src))
		return -EINVAL;
	if (r->dst) {
		if (node_below(r->from, r->dst))
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
static int drop_target(struct ren *r, struct loc *oloc)
{
	struct inode di = r->b.di;
	int err = dir_del(r->fs, &r->b);
	u8 *part;

	if (err)
		return err;
	/* Of another's inode the name goes. */
	if (!shared_mine(r->fs, r->dst))
		return txn_part(r->fs, &r->home, r->dst->loc.part) ? 0 : -EAGAIN;
	if (r->park_dst && r->fs->shared)
		return shared_park(r->fs, r->dst, &r->home, REF_LINK(&di));
	if (r->park_dst) {
		/* After a power cut both places may stand, and the newer counts. Then the name was not replaced, so that is it. */
		if (!r->dst->ext)
			di.time[T_CTIME] = 0;
		r->o.loc.block = EXO_NOBLOCK;
		return dir_add(r->fs, r->fs->orphans, &r->o, &di, r->oname, r->olen, NULL, oloc);
	}
	if (!r->dst->ext)
		return extents_free(r->fs, &di);
	if (S_ISDIR(r->dst->di.mode) || r->dst->di.nlink <= 1)
		return xinode_free(r->fs, &r->home, r->dst->loc.part);
	part = txn_part(r->fs, &r->home, r->dst->loc.part);
	if (!part)
		return -EAGAIN;
	xlink_del(part, REF_LINK(&di));
	put64(part + CFFS_SLOT(0) + CFFS_S_CTIME, stamp_now());
	return 0;
}

/* What is in the table loses its name when another has it on the disk, not before: the name must never stand for nothing. */
static int order_target(struct ren *r, const struct loc *loc, const struct loc *oloc)
{
	struct cffs *fs = r->fs;

	if (!r->dst->ext || !shared_mine(fs, r->dst))
		return 0;
	if (r->park_dst && !fs->shared)
		return txn_order(fs, oloc->block, oloc->part, loc->block, loc->part);
	return txn_order(fs, r->home.block, r->dst->loc.part, loc->block, loc->part);
}

int dirs_moved(struct cffs *fs, struct node *to)
{
	struct ref root;
	u8 *edit;
	int err = root_get(fs, &root);

	if (err)
		return err;
	edit = txn_part(fs, &root, 0);
	if (edit)
		put64(edit + CFFS_SUP_MOVES, get64(edit + CFFS_SUP_MOVES) + 1);
	else
		err = -EAGAIN;
	meta_put(fs, &root);
	return err ? err : pin_line(fs, to);
}

/* -EXFULL: *full says which directory needs room first. */
static int build(struct ren *r, const char *b, size_t blen, struct loc *loc, struct loc *oloc, struct node **full)
{
	struct cffs *fs = r->fs;
	u8 part[CFFS_PART], *edit;
	struct inode di;
	const char *name;
	bool ref, sdir;
	int err = 0;

	memcpy(part, txn_see(fs, &r->a.leaf, r->a.loc.part), CFFS_PART);
	if (!meta_same(fs, &r->a.leaf))
		return -EAGAIN;
	if (entry_get(part, r->a.loc.slot, &di, &name))
		return -EUCLEAN;
	ref = di.flags & CFFS_F_REF;
	sdir = S_ISDIR(di.mode);
	if (!ref)
		di.time[T_CTIME] = stamp_now();
	/* In place: both names belong into one partition, nothing is replaced, and there is room for the new name. */
	if (!r->dst && r->from == r->to && r->b.path.n && r->a.leaf.block == r->b.leaf.block &&
	    r->a.loc.part == r->b.loc.part) {
		edit = txn_part(fs, &r->a.leaf, r->a.loc.part);
		if (!edit)
			return -EAGAIN;
		if (!entry_rename(edit, r->a.loc.slot, r->b.hash, b, blen)) {
			if (!ref)
				inode_put(edit, r->a.loc.slot, &di);
			*loc = r->a.loc;
			return 0;
		}
	}
	if (r->dst) {
		*full = fs->orphans;
		err = drop_target(r, oloc);
	} else {
		r->b.loc.block = EXO_NOBLOCK;
	}
	if (err)
		return err;
	*full = r->to;
	if (fs->shared && r->from != r->to) {
		err = shared_move(fs, r->src, &r->shome, REF_LINK(&di), r->to->n.ino, &r->link);
		di.size = (u64)r->link << 32 | REF_PLACE(&di);
	}
	if (ref)
		ref_stamp(fs, &di);
	if (!err)
		err = dir_add(fs, r->to, &r->b, &di, b, blen, name + di.name_len, loc);
	if (!err)
		err = dir_del(fs, &r->a);
	if (!err)
		err = dir_prune(fs, r->from, &r->a);
	if (!err && fs->shared && r->from != r->to) {
		err = txn_order(fs, r->shome.block, r->src->loc.part, loc->block, loc->part);
		if (!err)
			err = txn_order(fs, r->a.leaf.block, r->a.loc.part, r->shome.block, r->src->loc.part);
	} else if (!err && !r->park)
		err = txn_order(fs, r->a.leaf.block, r->a.loc.part, loc->block, loc->part);
	if (!err && r->dst)
		err = order_target(r, loc, oloc);
	if (!err && r->dst && S_ISDIR(r->dst->di.mode))
		err = dir_links(fs, r->to, &r->b.home, -1);
	if (err || !sdir || r->from == r->to)
		return err;
	err = dir_links(fs, r->from, &r->a.home, -1);
	if (!err)
		err = dir_links(fs, r->to, &r->b.home, 1);
	return err ? err : dirs_moved(fs, r->to);
}

static void drop(struct ren *r)
{
	meta_put(r->fs, &r->home);
	meta_put(r->fs, &r->shome);
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

/* Both names, and what stands under them. 1: nothing is to be done. */
static int find_both(struct ren *r, const char *a, size_t alen, const char *b, size_t blen, unsigned how)
{
	struct cffs *fs = r->fs;
	int err;

	r->a_on = true;
	err = entry_live(fs, r->from, a, alen, &r->a, &r->src);
	if (err)
		return err;
	r->b_on = true;
	err = entry_live(fs, r->to, b, blen, &r->b, &r->dst);
	if (err && err != -ENOENT)
		return err;
	if (r->dst && how & REN_NOREPLACE)
		return -EEXIST;
	/* The same inode under both names: as for two links, nothing is to be done. */
	if (r->dst == r->src)
		return 1;
	err = may(r);
	/* Which directory a name is in is the inode's to say, so its owner's. */
	if (!err && fs->shared && r->from != r->to)
		err = shared_mine(fs, r->src) ? node_pin(fs, r->src, &r->shome) : -EXDEV;
	if (err || !r->dst)
		return err;
	if (!shared_mine(fs, r->dst))
		return node_pin(fs, r->dst, &r->home);
	if (r->dst->ext && !S_ISDIR(r->dst->di.mode) && r->dst->di.nlink > 1) {
		err = names_settled(fs, r->dst);
		if (err)
			return err > 0 ? -EAGAIN : err;
	} else {
		r->park_dst = r->dst->opens || r->dst->di.level ||
			      (!fs->shared && !S_ISDIR(r->dst->di.mode) && exo_opens_going(&fs->fs, r->dst->n.ino));
	}
	if (r->dst->ext)
		err = node_pin(fs, r->dst, &r->home);
	if (err || !r->park_dst)
		return err;
	r->olen = orphan_name(fs, r->dst->n.ino, r->oname);
	if (fs->shared)
		return 0;
	r->o_on = true;
	err = dir_find(fs, fs->orphans, r->oname, r->olen, &r->o);
	return err == -ENOENT ? 0 : err ? err : -EUCLEAN;
}

static int once(struct cffs *fs, struct node *from, const char *a, size_t alen, struct node *to, const char *b,
		size_t blen, unsigned how)
{
	struct ren r = {.fs = fs, .from = from, .to = to, .park = how & REN_PARK, .home = NO_REF, .shome = NO_REF};
	struct node *full = NULL;
	struct loc loc, oloc = {0};
	int err = find_both(&r, a, alen, b, blen, how);

	if (err)
		goto out;
	err = txn_begin(fs);
	if (err)
		goto out;
	err = build(&r, b, blen, &loc, &oloc, &full);
	if (err)
		txn_abort(fs);
	else
		err = txn_commit(fs);
	if (err)
		goto out;
	from->frame = to->frame = fs->orphans->frame = EXO_NOFRAME;
	node_touched(fs, to);
	if (!r.park)
		node_touched(fs, from);
	if (r.dst) {
		r.dst->frame = EXO_NOFRAME;
		if (r.park_dst || !r.dst->ext || S_ISDIR(r.dst->di.mode) || r.dst->di.nlink <= 1) {
			r.dst->gone = true;
			node_clean(fs, r.dst);
		}
		if (r.park_dst)
			err = node_moved(fs, r.dst, fs->orphans, r.oname, r.olen, &oloc);
		else if (r.dst->gone && r.dst->opens && r.dst->ext)
			err = shared_parked(fs, r.dst);
	}
	if (r.shome.frame != EXO_NOFRAME)
		r.src->link = r.link;
	if (!err)
		err = node_moved(fs, r.src, to, b, blen, &loc);
	if (r.src->ext && !r.park && shared_writable(fs, r.src)) {
		r.src->di.time[T_CTIME] = stamp_now();
		node_dirty(fs, r.src, DIRTY_CTIME);
	}
	/* The new name is durable before anything happens to what had it, which until then is what a power cut brings back. */
	if (!err && r.park_dst && !fs->shared && !r.dst->ext) {
		CFFS_RETRY(err, fs, sync_root(fs));
		if (!err) {
			r.dst->di.time[T_CTIME] = stamp_now();
			node_dirty(fs, r.dst, DIRTY_CTIME);
		}
	}
	if (!err && r.park_dst)
		exo_opens_park(&fs->fs);
	if (!err && r.park_dst && !r.dst->opens && !orphan_kept(fs, r.dst))
		err = orphan_purge(fs, r.dst);
out:
	drop(&r);
	if (err == -EXFULL && full) {
		err = full == to ? dir_split(fs, to, b, blen, r.a.di.extra) : dir_split(fs, full, r.oname, r.olen, 0);
		return err ? err : -EAGAIN;
	}
	return err > 0 ? 0 : err == -ESTALE ? -EAGAIN : err;
}

int rename_entry(struct cffs *fs, struct node *from, const char *a, size_t alen, struct node *to, const char *b,
		 size_t blen, unsigned how)
{
	int err;

	CFFS_RETRY(err, fs, once(fs, from, a, alen, to, b, blen, how));
	exo_opens_gone(&fs->fs);
	return err;
}

int cffs_rename(struct exo_fs *xfs, struct exo_node *from, struct exo_name a, struct exo_node *to, struct exo_name b,
		unsigned how)
{
	struct cffs *fs = cffs_of(xfs);
	int err;

	if (fs->fs.flags & EXO_FS_RDONLY)
		return -EROFS;
	if (a.len > CFFS_NAME_MAX || b.len > CFFS_NAME_MAX)
		return -ENAMETOOLONG;
	if (!name_ok(b.at, b.len))
		return -EINVAL;
	if (node_of(to)->gone || node_of(from)->gone)
		return -ENOENT;
	/* Most give back as much as they take. */
	fs->dip = true;
	if (how & RENAME_EXCHANGE)
		err = exchange_entries(fs, node_of(from), a, node_of(to), b);
	else
		err = rename_entry(fs, node_of(from), a.at, a.len, node_of(to), b.at, b.len,
				   how & RENAME_NOREPLACE ? REN_NOREPLACE : 0);
	fs->dip = false;
	orphans_seen(fs);
	nodes_tick(fs);
	return err;
}
