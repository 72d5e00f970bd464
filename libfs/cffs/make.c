// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * make.c: many new names in one directory. They are sorted by hash and put into new leaves, as many leaves as a
 * transaction takes; blocks of small files lie behind the leaves in the same order, in one run if the disk has one.
 *
 * A new leaf takes over the end of an old one's range, behind the last name there, so nothing that is on the disk is
 * rewritten but the map, and a cut shows the new names, or some of them, or none. The old leaf is in the transaction
 * for its version: whoever adds a name to it meanwhile looks again. Names that belong between those of a leaf are left
 * to cffs_create.
 */
#include "leaf.h"

#define LEAVES 12	 /* of a transaction: 8 images each, and room for the map's */
#define LEAF_MADE 16	 /* names in a new leaf: each partition has room for one more */
#define SMALL_BLOCKS 16u /* a larger file gets blocks of its own */

struct making {
	struct cffs *fs;
	struct node *dir;
	struct exo_make *v;
	struct item *it; /* by hash; slot: index in v */
	struct inode *di;
	u32 n;
	u32 leaves; /* of the next transaction, at most */
};

struct new_leaf {
	u64 block;
	u32 key, first, n; /* of the items */
	struct layout l;
};

/* One transaction's. */
struct batch {
	struct new_leaf leaf[LEAVES];
	u32 nleaves, n; /* items: n from `at` on */
	u32 at, dirs;
	u64 small; /* blocks */
};

static int by_hash(const void *x, const void *y)
{
	const struct item *a = x, *b = y;

	return a->hash < b->hash ? -1 : a->hash > b->hash ? 1 : a->slot < b->slot ? -1 : a->slot > b->slot;
}

static u64 blocks_of(const struct exo_make *v)
{
	return S_ISREG(v->st.st_mode) && v->flags & EXO_MAKE_BLOCKS ? ((u64)v->st.st_size + BLK - 1) / BLK : 0;
}

static struct exo_make *of(const struct making *m, u32 i)
{
	return &m->v[m->it[i].slot];
}

static u32 same_hash(const struct making *m, u32 at)
{
	u32 end = at + 1;

	while (end < m->n && m->it[end].hash == m->it[at].hash)
		end++;
	return end;
}

/* Those that are to be made alone are left out from now on. */
static void alone(struct making *m, u32 at, u32 n)
{
	for (u32 i = at; i < at + n; i++)
		of(m, i)->err = -EAGAIN;
	memmove(m->it + at, m->it + at + n, (m->n - at - n) * sizeof(*m->it));
	m->n -= n;
}

/* ---- which items, in which leaves ---- */

/* The greatest hash in a leaf, or its key if that is greater. */
static u32 leaf_top(const u8 *leaf, u32 key)
{
	u32 p, s, top = key;

	for (p = 0; p < CFFS_PARTS; p++) {
		const u8 *part = leaf + p * CFFS_PART;

		for (s = 0; s < CFFS_SLOTS; s++)
			if (part_kind(part) && part_used(part, s) && get32(part + CFFS_SLOT(s) + CFFS_S_HASH) > top)
				top = get32(part + CFFS_SLOT(s) + CFFS_S_HASH);
	}
	return top;
}

/* The next leaf of the batch. False: it takes no more, or what comes next does not go into a leaf. */
static bool plan_leaf(struct making *m, struct batch *b, u32 key, u64 end)
{
	struct new_leaf *l = &b->leaf[b->nleaves];
	u32 at = b->at + b->n, last = at, next;

	while (last < m->n && m->it[last].hash < end) {
		next = same_hash(m, last);
		if (last > at && next - at > LEAF_MADE)
			break;
		last = next;
	}
	for (; last > at; last--) {
		u64 border = last < m->n && m->it[last].hash < end
				     ? leaf_between(m->it[last - 1].hash, m->it[last].hash)
				     : end;

		if (last < m->n && m->it[last].hash == m->it[last - 1].hash)
			continue;
		if (!leaf_arrange(m->it + at, last - at, border, &l->l))
			continue;
		l->key = key;
		l->first = at;
		l->n = last - at;
		b->n += l->n;
		b->nleaves++;
		return true;
	}
	return false;
}

/* Fills in the batch: at least one leaf, or none and then the first items were taken out. */
static void plan(struct making *m, struct batch *b, u32 key, u64 end)
{
	u32 i;

	while (b->nleaves < m->leaves && b->at + b->n < m->n && m->it[b->at + b->n].hash < end) {
		if (b->n)
			key = leaf_between(m->it[b->at + b->n - 1].hash, m->it[b->at + b->n].hash);
		if (!plan_leaf(m, b, key, end))
			break;
	}
	if (!b->nleaves) {
		alone(m, b->at, same_hash(m, b->at) - b->at);
		return;
	}
	for (i = b->at; i < b->at + b->n; i++) {
		b->dirs += S_ISDIR(of(m, i)->st.st_mode);
		if (blocks_of(of(m, i)) <= SMALL_BLOCKS)
			b->small += blocks_of(of(m, i));
	}
}

/* ---- blocks ---- */

/* *near: where to look, and behind what was found then. A file in more than two pieces is to be made alone. */
static int give_blocks(struct making *m, struct batch *b, u64 *near)
{
	struct cffs *fs = m->fs;
	struct extent run = {0}, own, *from;
	u64 small = b->small, need;
	u32 i, x, key;
	int err;

	for (i = b->at; i < b->at + b->n; i++) {
		struct inode *di = &m->di[m->it[i].slot];
		bool little = blocks_of(of(m, i)) <= SMALL_BLOCKS;

		need = blocks_of(of(m, i));
		di->blocks = need;
		memset(di->ext, 0, S_ISCHR(di->mode) || S_ISBLK(di->mode) ? 0 : sizeof(di->ext));
		own.count = 0;
		from = little ? &run : &own;
		for (x = key = 0; need && x < CFFS_S_EXTS; x++) {
			if (!from->count) {
				err = txn_alloc(fs, *near, little ? small : need, false, false, from);
				if (err)
					return err;
				*near = little ? from->start + from->count : *near;
				small -= little ? from->count : 0;
			}
			di->ext[x] = (struct extent){from->start, from->count < need ? from->count : need, key};
			from->start += di->ext[x].count;
			from->count -= di->ext[x].count;
			key += di->ext[x].count;
			need -= di->ext[x].count;
		}
		if (need) {
			alone(m, i, 1);
			return -EAGAIN;
		}
	}
	return 0;
}

static int give_leaves(struct making *m, struct batch *b, u64 *near)
{
	struct extent run = {0};
	u32 i;
	int err;

	for (i = 0; i < b->nleaves; i++) {
		if (!run.count) {
			err = txn_alloc(m->fs, *near, b->nleaves - i, false, true, &run);
			if (err)
				return err;
			*near = run.start + run.count;
		}
		b->leaf[i].block = run.start++;
		run.count--;
	}
	return 0;
}

/* ---- the transaction ---- */

static int fill(struct making *m, const struct new_leaf *l)
{
	struct ref r = txn_new_block(l->block);
	u32 p, i;
	int slot;

	for (p = 0; p < CFFS_PARTS; p++) {
		u8 *part = txn_part(m->fs, &r, p);

		if (!part)
			return -EXFULL;
		part_init(part, &m->dir->di, l->l.from[p]);
		for (i = l->l.first[p]; i < l->l.first[p + 1]; i++) {
			const struct item *it = &m->it[l->first + i];
			const struct exo_make *v = &m->v[it->slot];

			m->di[it->slot].hash = it->hash;
			slot = entry_add(part, &m->di[it->slot], v->name, strlen(v->name), v->target);
			if (slot < 0)
				return slot == -ENOSPC ? -EUCLEAN : slot;
		}
	}
	return 0;
}

static int build(struct making *m, struct batch *b, const struct found *f)
{
	struct cffs *fs = m->fs;
	u64 near = fs->policy->leaf(fs, m->dir);
	struct extent e;
	u32 i;
	int err;

	/* Leaves and small files in one run, if there is one. */
	if (!alloc_pick(fs, near, b->nleaves + b->small, false, &e) && e.count >= b->nleaves + b->small)
		near = e.start;
	err = give_leaves(m, b, &near);
	if (!err)
		err = give_blocks(m, b, &near);
	/* The partition is not changed; it is there for the leaf's version. */
	if (!err && f->path.n && !txn_part(fs, &f->leaf, 0))
		err = -EAGAIN;
	for (i = 0; !err && i < b->nleaves; i++)
		err = fill(m, &b->leaf[i]);
	for (i = 0; !err && i < b->nleaves; i++) {
		e = (struct extent){b->leaf[i].block, 1, b->leaf[i].key};
		err = map_insert(fs, m->dir, &f->home, &e);
	}
	if (!err)
		err = dir_resize(fs, m->dir, &f->home, b->nleaves);
	if (!err && b->dirs)
		err = dir_links(fs, m->dir, &f->home, b->dirs);
	e = (struct extent){near - 1, 1, 0};
	if (!err)
		fs->policy->placed(fs, m->dir, &e);
	return err;
}

static void tell(struct making *m, const struct batch *b)
{
	u32 k, p, i, x;

	for (k = 0; k < b->nleaves; k++) {
		const struct new_leaf *l = &b->leaf[k];

		for (p = 0; p < CFFS_PARTS; p++) {
			for (i = l->l.first[p]; i < l->l.first[p + 1]; i++) {
				struct exo_make *v = of(m, l->first + i);
				const struct inode *di = &m->di[m->it[l->first + i].slot];

				v->err = 0;
				v->st.st_ino = di->ino;
				v->st.st_nlink = di->nlink;
				v->st.st_blocks = (u64)di->blocks * (BLK / 512);
				for (x = 0; x < CFFS_S_EXTS; x++)
					if (di->ext[x].count)
						io_where(m->fs, l->block, p, &di->ext[x], &v->where[v->nwhere++]);
			}
		}
	}
}

/* One transaction for the items from b->at on. b->n 0: there is none yet, but fewer items are left. */
static int make_once(struct making *m, struct batch *b)
{
	struct cffs *fs = m->fs;
	struct found f;
	u8 leaf[BLK];
	u32 hash = m->it[b->at].hash, top = 0;
	int err = dir_leaf_for(fs, m->dir, hash, &f);

	b->n = b->nleaves = b->dirs = 0;
	b->small = 0;
	if (!err && f.path.n) {
		err = dir_leaf_copy(fs, m->dir, &f, leaf);
		top = leaf_top(leaf, f.path.at[f.path.n - 1].c.ext.key);
	}
	if (err)
		goto out;
	if (f.path.n && hash <= top) {
		alone(m, b->at, 1);
		goto out;
	}
	plan(m, b, f.path.n ? leaf_between(top, hash) : 0, f.path.next);
	if (!b->n)
		goto out;
	err = txn_begin(fs);
	if (err)
		goto out;
	err = build(m, b, &f);
	if (err)
		txn_abort(fs);
	else
		err = txn_commit(fs);
	m->dir->frame = EXO_NOFRAME;
	if (!err) {
		node_touched(fs, m->dir);
		tell(m, b);
	}
out:
	found_done(fs, &f);
	/* The images were not enough: fewer at a time. */
	if (err == -EXFULL) {
		err = -EAGAIN;
		if (m->leaves > 1)
			m->leaves /= 2;
		else
			alone(m, b->at, b->n);
	}
	return err;
}

static int make_all(struct making *m)
{
	struct batch b = {.at = 0};
	int err = 0;

	while (!err && b.at < m->n) {
		int tries = 0;
		u32 left;

		/* One item fewer is progress, too. */
		do {
			left = m->n;
			err = b.at < m->n ? make_once(m, &b) : 0;
			tries = left == m->n ? tries + 1 : 0;
			if (err == -EAGAIN && m->fs->make_room)
				orphans_reap(m->fs);
		} while (err == -EAGAIN && tries < CFFS_TRIES);
		if (err == -EAGAIN)
			err = -EBUSY;
		if (!err)
			b.at += b.n;
	}
	return err;
}

/* What makes an entry impossible, or one that only cffs_create makes; 0: it is an item. */
static int prepare(struct making *m, struct exo_make *v)
{
	struct inode *di = &m->di[v - m->v];
	size_t len = strlen(v->name), target = S_ISLNK(v->st.st_mode) && v->target ? strlen(v->target) : 0;
	u64 ino;
	int err;

	if (len > CFFS_NAME_MAX)
		return -ENAMETOOLONG;
	if (!name_ok(v->name, len))
		return -EINVAL;
	/* The inodes of a shared tree do not lie in leaves. */
	if (m->fs->shared)
		return -EAGAIN;
	if (S_ISLNK(v->st.st_mode) && (!target || target > CFFS_INLINE_MAX))
		return target ? -EAGAIN : -ENOENT;
	if (S_ISREG(v->st.st_mode) && ((u64)v->st.st_size > (u64)CFFS_FILE_BLOCKS * BLK || blocks_of(v) > UINT32_MAX))
		return -EFBIG;
	err = alloc_ino(m->fs, &ino);
	if (err)
		return err;
	new_inode(m->fs, m->dir, v->st.st_mode, ino, di);
	di->mode = v->st.st_mode;
	di->uid = v->st.st_uid;
	di->gid = v->st.st_gid;
	di->size = S_ISREG(di->mode) ? (u64)v->st.st_size : target;
	if (!stamp_from(&v->st.st_atim, &di->time[T_ATIME]) || !stamp_from(&v->st.st_mtim, &di->time[T_MTIME]))
		return -EINVAL;
	if (S_ISCHR(di->mode) || S_ISBLK(di->mode))
		di->ext[0].start = v->st.st_rdev;
	if (S_ISLNK(di->mode)) {
		di->flags = CFFS_F_INLINE;
		di->extra = target;
	}
	m->it[m->n++] = (struct item){name_hash(m->fs, v->name, len), len + di->extra, 0, v - m->v};
	return 0;
}

/* Of several items with one name the first counts. */
static void drop_doubles(struct making *m)
{
	u32 i, k, n = 0;

	for (i = 0; i < m->n; i++) {
		struct item it = m->it[i];

		for (k = n; k && m->it[k - 1].hash == it.hash; k--)
			if (!strcmp(m->v[m->it[k - 1].slot].name, m->v[it.slot].name))
				break;
		if (k && m->it[k - 1].hash == it.hash)
			m->v[it.slot].err = -EEXIST;
		else
			m->it[n++] = it;
	}
	m->n = n;
}

int cffs_make(struct exo_fs *xfs, struct exo_node *xdir, struct exo_make *v, u32 n)
{
	struct cffs *fs = cffs_of(xfs);
	struct making m = {.fs = fs, .dir = node_of(xdir), .v = v, .leaves = LEAVES};
	u32 i;
	int err = 0;

	if (m.dir->gone)
		return -ENOENT;
	m.it = calloc(n, sizeof(*m.it));
	m.di = calloc(n, sizeof(*m.di));
	for (i = 0; i < n; i++) {
		v[i].nwhere = 0;
		v[i].err = m.it && m.di ? prepare(&m, &v[i]) : -ENOMEM;
	}
	if (!m.it || !m.di) {
		err = -ENOMEM;
		goto out;
	}
	for (i = 0; i < m.n; i++)
		v[m.it[i].slot].err = -EINPROGRESS;
	qsort(m.it, m.n, sizeof(*m.it), by_hash);
	drop_doubles(&m);
	err = make_all(&m);
	for (i = 0; i < n; i++)
		if (v[i].err == -EINPROGRESS)
			v[i].err = err ? err : -EBUSY;
	nodes_tick(fs);
out:
	free(m.it);
	free(m.di);
	return err;
}
