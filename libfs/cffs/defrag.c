// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * defrag.c: what to lay out anew. A large file whose blocks lie in several runs gets one, as far as the disk has one;
 * small files of a directory that lie apart go behind one another, in the order of their hashes, which is readdir's.
 */
#include "relocate.h"

#define SMALL 16u	 /* blocks of a small file, at most */
#define PIECE 1024u	 /* blocks: pieces that long on average are left as they are */
#define EXTENTS_MAX 400u /* of one move, or half as many and so on if a transaction does not take them */

struct entry {
	u64 ino;
	u32 len;
	bool dir;
	char name[CFFS_NAME_MAX + 1];
};

struct list {
	struct entry *v;
	u32 n, room;
};

struct todo { /* directories that wait; each has a reference */
	struct node **v;
	u32 n, room;
};

struct defrag {
	struct cffs *fs;
	struct mover m;
	struct todo dirs;
	exo_fs_progress_fn fn;
	void *arg;
	u64 done, total; /* blocks */
	bool count;	 /* only look how many there are */
	u32 extents;	 /* of one move */
};

struct small {
	struct seg seg[MOVE_SEGS];
	u32 n, blocks;
};

/* ---- one file ---- */

struct shape {
	u64 blocks;
	u32 pieces, segs; /* runs on the disk; stretches without a hole */
	u64 first, end;	  /* of the disk: where it begins and ends */
};

static u64 size_blocks(const struct node *n)
{
	return (n->di.size + BLK - 1) / BLK;
}

static int shape_once(struct cffs *fs, struct node *node, struct shape *s)
{
	struct claim c;
	struct ref home;
	u64 key = 0, end;
	u32 hole;
	bool gap = true;
	int err = node_pin(fs, node, &home);

	if (err)
		return err;
	memset(s, 0, sizeof(*s));
	end = size_blocks(node);
	while (key < end) {
		err = file_extent(fs, node, &home, key, &c, &hole);
		if (err && err != -ENOENT)
			break;
		if (err) {
			gap = true;
			key += hole;
			err = 0;
			continue;
		}
		s->segs += gap;
		s->pieces += gap || c.ext.start != s->end;
		if (!s->blocks)
			s->first = c.ext.start;
		gap = false;
		s->blocks += c.ext.count;
		s->end = c.ext.start + c.ext.count;
		key = (u64)c.ext.key + c.ext.count;
		meta_put(fs, &c.parent);
	}
	meta_put(fs, &home);
	return err;
}

/* What one move takes from `key` on: neither holes nor more extents than a transaction changes. *next: behind it. */
static int stretch_once(struct defrag *d, struct node *node, u64 key, u64 end, struct seg *s, u64 *next)
{
	struct cffs *fs = d->fs;
	struct claim c;
	struct ref home;
	u32 hole, n;
	int err = node_pin(fs, node, &home);

	if (err)
		return err;
	*s = (struct seg){.node = node};
	for (n = 0; key < end && n < d->extents && s->count < d->m.most; n++) {
		u64 past;

		err = file_extent(fs, node, &home, key, &c, &hole);
		if (err == -ENOENT) {
			err = 0;
			key += hole;
			if (s->count)
				break;
			continue;
		}
		if (err)
			break;
		meta_put(fs, &c.parent);
		past = (u64)c.ext.key + c.ext.count < end ? (u64)c.ext.key + c.ext.count : end;
		if (!s->count)
			s->key = key;
		if (past - s->key > d->m.most)
			past = s->key + d->m.most;
		s->count = past - s->key;
		key = past;
	}
	*next = key;
	meta_put(fs, &home);
	return err;
}

/* One transaction: two extents or fewer need no map blocks. */
static int flatten_once(struct cffs *fs, struct node *node)
{
	struct extent e[CFFS_S_EXTS + 1];
	u32 n = 0, i, key = 0;
	struct mpath p;
	struct ref home;
	bool more = true;
	int err = node_pin(fs, node, &home);

	if (err)
		return err;
	while (!err && more && n <= CFFS_S_EXTS) {
		err = map_find(fs, node, &home, key, &p);
		if (err)
			break;
		if (p.n)
			e[n++] = p.at[p.n - 1].c.ext;
		more = p.n && !(p.next >> 32);
		key = p.next;
		map_done(fs, &p);
	}
	if (err || !n || n > CFFS_S_EXTS || !node->di.level)
		goto out;
	err = txn_begin(fs);
	for (i = 0; !err && i < n; i++) {
		err = map_find(fs, node, &home, e[i].key, &p);
		if (!err) {
			err = map_remove(fs, node, &home, &p);
			map_done(fs, &p);
		}
	}
	for (i = 0; !err && i < n; i++)
		err = map_insert(fs, node, &home, &e[i]);
	if (err)
		txn_abort(fs);
	else
		err = txn_commit(fs);
	node->frame = EXO_NOFRAME;
	node->last.ext.count = 0;
out:
	meta_put(fs, &home);
	return err;
}

static int move_large(struct defrag *d, struct node *node)
{
	struct cffs *fs = d->fs;
	u64 key = 0, next, end = size_blocks(node), near;
	struct extent run;
	struct shape s;
	struct seg seg;
	bool did;
	int err;

	d->extents = EXTENTS_MAX;
	CFFS_RETRY(err, fs, shape_once(fs, node, &s));
	/* Blocks that wait behind the end are where they are wanted. */
	if (err || node->di.flags & CFFS_F_PREALLOC)
		return err;
	if (s.pieces <= s.segs || s.pieces - s.segs <= s.blocks / PIECE)
		return 0;
	/* A run for all of it, if there is one. */
	near = node->loc.block;
	if (!alloc_pick(fs, near, s.blocks, false, &run) && run.count >= s.blocks)
		near = run.start;
	while (!err && key < end) {
		CFFS_RETRY(err, fs, stretch_once(d, node, key, end, &seg, &next));
		if (err || !seg.count)
			break;
		err = mover_move(&d->m, &seg, 1, near, &did);
		if (err == -EXFULL && d->extents > 1) {
			d->extents /= 2;
			err = 0;
			continue;
		}
		if (!err && did)
			near = d->m.end;
		key = next;
		if (!err && d->fn)
			err = d->fn(d->arg, d->done + (key < s.blocks ? key : s.blocks), d->total);
	}
	if (!err)
		CFFS_RETRY(err, fs, flatten_once(fs, node));
	return err;
}

/* ---- a directory's small files ---- */

/* They are moved as they come if more than an eighth of them does not begin where the one before ends. */
static bool scattered(struct defrag *d, struct node *const *file, u32 n)
{
	u32 i, apart = 0, some = 0;
	struct shape s;
	u64 end = 0;
	int err;

	for (i = 0; i < n; i++) {
		CFFS_RETRY(err, d->fs, shape_once(d->fs, file[i], &s));
		if (err || !s.blocks)
			continue;
		apart += some && s.first != end;
		apart += s.pieces > 1;
		end = s.end;
		some++;
	}
	return apart * 8 > some;
}

static int move_batch(struct defrag *d, struct small *b, u64 *near)
{
	bool did;
	int err = b->n ? mover_move(&d->m, b->seg, b->n, *near, &did) : 0;

	/* Small files in very many pieces: as they are. */
	if (err == -EXFULL)
		err = 0;
	else if (!err && b->n && did)
		*near = d->m.end;
	b->n = b->blocks = 0;
	return err;
}

static int move_small(struct defrag *d, struct node *dir, struct node *const *file, u32 n)
{
	struct cffs *fs = d->fs;
	struct small b = {.n = 0};
	struct extent run;
	u64 near = dir->loc.block, blocks = 0, next;
	struct seg seg;
	u32 i;
	int err = 0;

	if (!scattered(d, file, n))
		return 0;
	d->extents = EXTENTS_MAX;
	for (i = 0; i < n; i++)
		blocks += size_blocks(file[i]);
	if (!alloc_pick(fs, near, blocks, false, &run))
		near = run.start;
	for (i = 0; !err && i < n; i++) {
		u64 end = size_blocks(file[i]), key = 0;

		while (!err && key < end) {
			CFFS_RETRY(err, fs, stretch_once(d, file[i], key, end, &seg, &next));
			if (err == -ESTALE) {
				err = 0;
				break;
			}
			key = next;
			if (err || !seg.count)
				break;
			if (b.n == MOVE_SEGS || b.blocks + seg.count > d->m.most)
				err = move_batch(d, &b, &near);
			b.seg[b.n++] = seg;
			b.blocks += seg.count;
		}
	}
	return err ? err : move_batch(d, &b, &near);
}

/* ---- the walk ---- */

static int note(void *arg, const struct exo_dirent *e)
{
	struct list *l = arg;

	if (e->type != S_IFREG && e->type != S_IFDIR)
		return 0;
	if (l->n == l->room) {
		u32 room = l->room ? 2 * l->room : 64;
		struct entry *v = realloc(l->v, room * sizeof(*v));

		if (!v)
			return -ENOMEM;
		l->v = v;
		l->room = room;
	}
	l->v[l->n].dir = e->type == S_IFDIR;
	l->v[l->n].len = e->len;
	memcpy(l->v[l->n].name, e->name, e->len + 1);
	l->n++;
	return 0;
}

static int put_off(struct defrag *d, struct node *dir)
{
	if (d->dirs.n == d->dirs.room) {
		u32 room = d->dirs.room ? 2 * d->dirs.room : 64;
		struct node **v = realloc(d->dirs.v, room * sizeof(*v));

		if (!v)
			return -ENOMEM;
		d->dirs.v = v;
		d->dirs.room = room;
	}
	d->dirs.v[d->dirs.n++] = node_hold(d->fs, dir);
	return 0;
}

/* A file with two names in a directory is moved once. */
static bool listed(struct node *const *small, u32 n, const struct node *node)
{
	while (node->ext && n)
		if (small[--n] == node)
			return true;
	return false;
}

/* Blocks that were looked at; the caller may stop here. */
static int show(struct defrag *d, u64 blocks)
{
	d->done += blocks;
	if (d->count) {
		d->total += blocks;
		return 0;
	}
	/* The tree may have grown since they were counted. */
	return d->fn ? d->fn(d->arg, d->done, d->done > d->total ? d->done : d->total) : 0;
}

static int one_entry(struct defrag *d, struct node *dir, const struct entry *e, struct node **small, u32 *nsmall)
{
	struct exo_node *xn;
	struct node *n;
	int err = cffs_lookup(&d->fs->fs, &dir->n, (struct exo_name){e->name, e->len}, &xn);

	if (err)
		return err == -ENOENT ? 0 : err;
	n = node_of(xn);
	if (e->dir && S_ISDIR(n->n.mode)) {
		err = put_off(d, n);
	} else if (S_ISREG(n->n.mode) && !d->count && shared_mine(d->fs, n)) {
		err = size_blocks(n) > SMALL ? move_large(d, n) : 0;
		if (!err && size_blocks(n) && size_blocks(n) <= SMALL && !listed(small, *nsmall, n))
			small[(*nsmall)++] = node_hold(d->fs, n);
	}
	/* It was removed meanwhile. */
	if (err == -ESTALE)
		err = 0;
	if (!err && !S_ISDIR(n->n.mode))
		err = show(d, n->di.blocks);
	node_put(d->fs, n);
	return err;
}

static int one_dir(struct defrag *d, struct node *dir)
{
	struct list l = {.v = NULL};
	struct node **small;
	u32 i, nsmall = 0;
	int err = cffs_readdir(&d->fs->fs, &dir->n, 0, note, &l);

	small = calloc(l.n ? l.n : 1, sizeof(struct node *));
	if (!err && !small)
		err = -ENOMEM;
	for (i = 0; !err && i < l.n; i++)
		err = one_entry(d, dir, &l.v[i], small, &nsmall);
	if (!err && nsmall)
		err = move_small(d, dir, small, nsmall);
	while (nsmall)
		node_put(d->fs, small[--nsmall]);
	free(small);
	free(l.v);
	if (!err)
		err = show(d, dir->di.blocks);
	return err == -ESTALE ? 0 : err;
}

static int walk(struct defrag *d, struct node *top)
{
	int err;

	if (!S_ISDIR(top->n.mode)) {
		err = d->count || !S_ISREG(top->n.mode) ? 0 : move_large(d, top);
		return err ? err : show(d, top->di.blocks);
	}
	err = put_off(d, top);
	while (!err && d->dirs.n) {
		struct node *dir = d->dirs.v[--d->dirs.n];

		err = one_dir(d, dir);
		node_put(d->fs, dir);
	}
	while (d->dirs.n)
		node_put(d->fs, d->dirs.v[--d->dirs.n]);
	return err;
}

int cffs_defrag(struct exo_fs *xfs, struct exo_node *xnode, exo_fs_progress_fn fn, void *arg)
{
	struct defrag d = {.fs = cffs_of(xfs), .fn = fn, .arg = arg, .count = true};
	int err, two;

	if (!exo_node_owner(xfs, xnode))
		return -EPERM;
	err = walk(&d, node_of(xnode));
	if (!err)
		err = mover_init(&d.m, d.fs);
	if (!err) {
		d.count = false;
		d.done = 0;
		err = walk(&d, node_of(xnode));
		two = mover_exit(&d.m);
		if (!err)
			err = two;
		/* Map blocks went, and entries may have. */
		if (!err && d.done < d.total)
			err = show(&d, d.total - d.done);
	}
	free(d.dirs.v);
	nodes_tick(d.fs);
	return err;
}
