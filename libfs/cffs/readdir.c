// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * readdir.c: going through all entries of a directory. A leaf is copied, checked and shown whole, so that the caller
 * may change the tree meanwhile.
 *
 * Inodes lie in the leaves: a scan tells attributes and blocks of most files from the same copy, without a lookup.
 */
#include <unistd.h>
#include "leaf.h"

struct place {
	u32 hash, part, slot;
};

struct shown {
	struct exo_dirent d;
	struct inode di;
	const char *target; /* behind the name: di.extra bytes */
	u64 block;	    /* of the leaf */
	u32 part;
};

typedef int (*shown_fn)(void *arg, const struct shown *s);

static int by_place(const void *x, const void *y)
{
	const struct place *a = x, *b = y;

	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	return (int)(a->part * CFFS_SLOTS + a->slot) - (int)(b->part * CFFS_SLOTS + b->slot);
}

/* Does the inode in the table know of this name? When it cannot be told, the name is shown. */
bool ref_counts(struct cffs *fs, const struct node *dir, const struct inode *entry)
{
	const u8 *bytes;
	struct ref r;
	bool counts;
	u32 part;
	int err;

	if (fs->shared && (!(entry->flags & CFFS_F_REF) || !shared_place_ok(entry->ino, REF_PLACE(entry))))
		return false;
	err = table_pin(fs, REF_PLACE(entry), &r, &part);
	if (err)
		return err != -ESTALE;
	bytes = txn_see(fs, &r, part);
	counts = part_kind(bytes) == CFFS_KIND_INODE && get64(bytes + CFFS_H_OWNER) == entry->ino &&
		 xlink_counts(bytes, REF_LINK(entry), dir->n.ino);
	meta_put(fs, &r);
	return counts;
}

static u32 places(const u8 *leaf, struct place *at)
{
	u32 p, s, n = 0;

	for (p = 0; p < CFFS_PARTS; p++) {
		const u8 *part = leaf + p * CFFS_PART;

		for (s = 0; s < CFFS_SLOTS; s++)
			if (get32(part + CFFS_H_MAGIC) && part_used(part, s))
				at[n++] = (struct place){get32(part + CFFS_SLOT(s) + CFFS_S_HASH), p, s};
	}
	qsort(at, n, sizeof(*at), by_place);
	return n;
}

struct flat_entries {
	shown_fn fn;
	void *arg;
};

/* All are references there. */
static int flat_entry(void *arg, const struct exo_dirent *d)
{
	const struct flat_entries *e = arg;
	const struct shown s = {.d = *d, .di = {.ino = d->ino, .flags = CFFS_F_REF}};

	return e->fn(e->arg, &s);
}

static int each_entry(struct cffs *fs, struct node *dir, uint64_t cookie, shown_fn fn, void *arg)
{
	struct place at[LEAF_ENTRIES];
	u64 next = cookie >> 8;
	u8 leaf[BLK];
	u32 n, i, ord;
	int err;

	if (next >> 32)
		return 0;
	if (dir->di.flags & CFFS_F_FLAT)
		return flat_readdir(fs, dir, cookie, flat_entry, &(struct flat_entries){fn, arg});
	for (;;) {
		struct shown s = {.d = {0}};

		CFFS_RETRY(err, fs, dir_leaf(fs, dir, next, leaf, &s.block, &next));
		if (err)
			return err == -ENOENT ? 0 : err;
		n = places(leaf, at);
		for (i = ord = 0; i < n; i++) {
			char name[CFFS_NAME_MAX + 1];
			const char *is;

			ord = i && at[i].hash == at[i - 1].hash ? ord + 1 : 0;
			s.d.next = (u64)at[i].hash << 8 | (ord + 1);
			if (s.d.next <= cookie || at[i].hash >= next)
				continue;
			if (entry_get(leaf + at[i].part * CFFS_PART, at[i].slot, &s.di, &is))
				return -EUCLEAN;
			memcpy(name, is, s.di.name_len);
			name[s.di.name_len] = 0;
			if ((fs->shared || s.di.flags & CFFS_F_REF) && !ref_counts(fs, dir, &s.di)) {
				cookie = s.d.next;
				continue;
			}
			s.d.ino = s.di.ino;
			s.d.type = s.di.mode & S_IFMT;
			s.d.len = s.di.name_len;
			s.d.name = name;
			s.target = is + s.di.name_len;
			s.part = at[i].part;
			err = fn(arg, &s);
			if (err)
				return err;
			cookie = s.d.next;
		}
		if (next >> 32)
			return 0;
		if (cookie < next << 8)
			cookie = next << 8;
	}
}

struct reading {
	int (*fn)(void *arg, const struct exo_dirent *d);
	void *arg;
};

static int show_name(void *arg, const struct shown *s)
{
	struct reading *r = arg;

	return r->fn(r->arg, &s->d);
}

int cffs_readdir(struct exo_fs *xfs, struct exo_node *xdir, uint64_t cookie,
		 int (*fn)(void *arg, const struct exo_dirent *d), void *arg)
{
	struct reading r = {fn, arg};

	return each_entry(cffs_of(xfs), node_of(xdir), cookie, show_name, &r);
}

/* ---- with what is known of each ---- */

struct scanning {
	struct cffs *fs;
	struct node *dir;
	exo_entry_fn fn;
	void *arg;
};

void io_where(struct cffs *fs, u64 block, u32 part, const struct extent *ext, struct exo_file_extent *e)
{
	memset(e, 0, sizeof(*e));
	e->off = (u64)ext->key * BLK;
	e->io.disk = fs->fs.disk;
	e->io.cap = fs->cap;
	e->io.root = fs->fs.root;
	e->io.index = part;
	e->io.parent = block;
	e->io.claim = (struct exo_claim){.start = ext->start, .count = ext->count};
	e->io.first = ext->start;
	e->io.count = ext->count;
}

static bool may_read(struct cffs *fs, const struct inode *di)
{
	const struct exo_node n = {.mode = di->mode, .uid = di->uid, .gid = di->gid};

	return !exo_node_may(&fs->fs, &n, R_OK);
}

/* Blocks behind the end (a cut, an allocation ahead) are left out, and an extent across it is cut. */
static void tell_blocks(struct cffs *fs, const struct shown *s, struct exo_entry *e)
{
	u64 end = (s->di.size + BLK - 1) / BLK;
	u32 i, first = s->di.ext[0].count && s->di.ext[1].count && s->di.ext[1].key < s->di.ext[0].key;

	for (i = 0; i < CFFS_S_EXTS; i++) {
		const struct extent *x = &s->di.ext[i ^ first];
		struct exo_file_extent *w = &e->where[e->nwhere];

		if (!x->count || x->key >= end)
			continue;
		io_where(fs, s->block, s->part, x, w);
		if (w->io.count > end - x->key)
			w->io.count = end - x->key;
		e->nwhere++;
	}
	e->flags |= EXO_ENTRY_BLOCKS;
}

/* By its node: what is not in the entry, or newer in core. */
static int stat_node(struct scanning *c, const struct shown *s, struct exo_entry *e)
{
	struct exo_name name = {s->d.name, s->d.len};
	struct exo_node *n;
	int err = cffs_lookup(&c->fs->fs, &c->dir->n, name, &n);

	if (err)
		return err;
	err = cffs_getattr(&c->fs->fs, n, &e->st);
	node_put(c->fs, node_of(n));
	return err;
}

static int show_entry(void *arg, const struct shown *s)
{
	struct scanning *c = arg;
	struct exo_entry e = {.d = s->d};
	struct node *n = node_peek(c->fs, s->di.ino);
	char target[CFFS_PART];
	int err;

	if (s->di.flags & CFFS_F_REF || (n && (n->wb || n->dirty))) {
		err = stat_node(c, s, &e);
		/* It went meanwhile. */
		if (err == -ENOENT || err == -ESTALE)
			return 0;
		return err ? err : c->fn(c->arg, &e);
	}
	inode_stat(c->fs, &s->di, &e.st);
	e.flags = EXO_ENTRY_PLAIN;
	if (S_ISREG(s->di.mode) && !s->di.level && may_read(c->fs, &s->di))
		tell_blocks(c->fs, s, &e);
	if (s->di.flags & CFFS_F_INLINE) {
		memcpy(target, s->target, s->di.extra);
		target[s->di.extra] = 0;
		e.target = target;
	} else if (S_ISLNK(s->di.mode)) {
		e.flags = 0;
	}
	return c->fn(c->arg, &e);
}

int cffs_scan(struct exo_fs *xfs, struct exo_node *xdir, uint64_t cookie, exo_entry_fn fn, void *arg)
{
	struct scanning c = {cffs_of(xfs), node_of(xdir), fn, arg};

	return each_entry(c.fs, c.dir, cookie, show_entry, &c);
}
