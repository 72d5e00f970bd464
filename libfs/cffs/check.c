// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * check.c: walk the whole tree and compare what the module cannot know. The one thing that a power cut can leave is an
 * inode under two names (a rename whose second half was not written); repair lets one of them go.
 */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include "check.h"

#define SETTLE_PASSES 64
#define REPAIR_PASSES 16

int check_problem(struct walk *w, u64 ino, u64 block, bool repaired, const char *format, ...)
{
	struct exo_fs_problem p = {.ino = ino, .block = block, .repaired = repaired};
	va_list args;

	w->count->problems++;
	w->count->repaired += repaired;
	va_start(args, format);
	vsnprintf(p.text, sizeof(p.text), format, args);
	va_end(args);
	if (w->fn && !w->stop)
		w->stop = w->fn(w->arg, &p);
	return w->stop;
}

static u64 slot_for(const struct walk *w, u64 ino)
{
	u64 at = ino * 0x9E3779B97F4A7C15ull >> 20 & (w->room - 1);

	while (w->table[at] && w->table[at]->ino != ino)
		at = (at + 1) & (w->room - 1);
	return at;
}

static int table_grow(struct walk *w)
{
	struct seen **old = w->table;
	u64 room = w->room, i;

	w->room = room ? 2 * room : 1024;
	w->table = calloc(w->room, sizeof(*w->table));
	if (!w->table) {
		w->table = old;
		w->room = room;
		return -ENOMEM;
	}
	for (i = 0; i < room; i++)
		if (old[i])
			w->table[slot_for(w, old[i]->ino)] = old[i];
	free(old);
	return 0;
}

static int queue_add(struct walk *w, struct node *dir)
{
	struct node **more;

	if (w->nqueued == w->queue_room) {
		more = realloc(w->queue, (w->queue_room + 256) * sizeof(*more));
		if (!more)
			return -ENOMEM;
		w->queue = more;
		w->queue_room += 256;
	}
	w->queue[w->nqueued++] = node_hold(w->fs, dir);
	return 0;
}

/* ---- one inode ---- */

bool check_repairs(const struct walk *w)
{
	return w->flags & EXO_FS_REPAIR;
}

void check_own(struct walk *w, u64 ino, const struct extent *e, bool meta)
{
	u64 b;

	if (e->start + e->count > w->fs->map->blocks || e->start + e->count < e->start) {
		check_problem(w, ino, e->start, false, "inode %llu: extent %llu+%u leaves the disk",
			      (unsigned long long)ino, (unsigned long long)e->start, e->count);
		return;
	}
	*(meta ? &w->count->meta_blocks : &w->count->data_blocks) += e->count;
	for (b = e->start; b < e->start + e->count; b++) {
		if (w->blocks[b / 64] >> (b % 64) & 1)
			check_problem(w, ino, b, false, "block %llu is seen twice, now in inode %llu",
				      (unsigned long long)b, (unsigned long long)ino);
		w->blocks[b / 64] |= 1ull << (b % 64);
	}
}

/* All extents in order of key; how many blocks the inode owns with its map. */
static int check_map(struct walk *w, struct node *n, u64 *owned, u64 *content)
{
	u64 key = 0, last_map[CFFS_LEVEL_MAX + 2] = {0}, past = 0;
	struct cffs *fs = w->fs;
	bool dir = S_ISDIR(n->di.mode);
	struct ref home;
	struct mpath p;
	int err, i;

	*owned = *content = 0;
	if (n->di.flags & CFFS_F_FLAT)
		return check_flat(w, n, owned, content);
	while (key >> 32 == 0) {
		err = node_pin(fs, n, &home);
		if (err)
			return err;
		CFFS_RETRY(err, fs, map_find(fs, n, &home, key, &p));
		if (err || !p.n) {
			meta_put(fs, &home);
			return err;
		}
		for (i = 1; i < p.n; i++) {
			struct extent map = {p.at[i].c.parent.block, 1, 0};

			if (last_map[i] == map.start)
				continue;
			last_map[i] = map.start;
			++*owned;
			check_own(w, n->n.ino, &map, true);
		}
		if (p.at[p.n - 1].c.ext.key < past && !dir)
			check_problem(w, n->n.ino, n->loc.block, false,
				      "inode %llu: extents overlap at block %u of the file",
				      (unsigned long long)n->n.ino, p.at[p.n - 1].c.ext.key);
		past = (u64)p.at[p.n - 1].c.ext.key + p.at[p.n - 1].c.ext.count;
		check_own(w, n->n.ino, &p.at[p.n - 1].c.ext, dir);
		*owned += p.at[p.n - 1].c.ext.count;
		*content += p.at[p.n - 1].c.ext.count;
		key = p.next;
		map_done(fs, &p);
		meta_put(fs, &home);
	}
	return 0;
}

static int fix_counts_once(struct cffs *fs, struct node *n, u64 blocks, u64 size)
{
	struct ref home;
	u8 *part;
	int err = node_pin(fs, n, &home);

	if (err)
		return err;
	err = txn_begin(fs);
	if (!err) {
		part = txn_part(fs, &home, n->loc.part);
		if (part) {
			put32(part + CFFS_SLOT(n->loc.slot) + CFFS_S_BLOCKS, blocks);
			put64(part + CFFS_SLOT(n->loc.slot) + CFFS_S_BYTES, size);
		} else {
			err = -EAGAIN;
		}
		if (err)
			txn_abort(fs);
		else
			err = txn_commit(fs);
	}
	meta_put(fs, &home);
	return err;
}

static void check_inode(struct walk *w, struct node *n)
{
	unsigned long long ino = n->n.ino;
	u64 owned, content, size;
	bool fixed = false;
	int err = check_map(w, n, &owned, &content);

	if (err) {
		check_problem(w, ino, n->loc.block, false, "inode %llu: its map cannot be read (%s)", ino,
			      strerror(-err));
		return;
	}
	size = S_ISDIR(n->di.mode) ? content * BLK : n->di.size;
	if (owned != n->di.blocks || size != n->di.size) {
		if (w->flags & EXO_FS_REPAIR) {
			CFFS_RETRY(err, w->fs, fix_counts_once(w->fs, n, owned, size));
			fixed = !err;
		}
		/* With map blocks these counts are not in the sector of what they count: a power cut may part them. */
		if (!n->di.level)
			check_problem(w, ino, n->loc.block, fixed,
				      "inode %llu: says %u blocks and %llu bytes, has %llu and %llu", ino, n->di.blocks,
				      (unsigned long long)n->di.size, (unsigned long long)owned,
				      (unsigned long long)size);
	}
	check_headers(w, n);
	if (S_ISDIR(n->di.mode)) {
		w->count->dirs++;
	} else if (S_ISREG(n->di.mode)) {
		w->count->files++;
		w->count->bytes += n->di.size;
	} else if (S_ISLNK(n->di.mode)) {
		w->count->symlinks++;
		if (!n->di.size || n->di.size >= PATH_MAX ||
		    (n->di.flags & CFFS_F_INLINE ? n->di.extra : n->di.size) != n->di.size)
			check_problem(w, ino, n->loc.block, false, "symlink %llu: target of %llu bytes", ino,
				      (unsigned long long)n->di.size);
	} else {
		w->count->others++;
	}
}

/* ---- two names, one inode ---- */

/*
 * Which of two entries of one inode goes: one that owns nothing, if the other does (an inode without blocks was
 * renamed, and before that emptied; what was taken out of it may be durable nowhere else yet); else the older.
 */
static bool goes(const struct seen *a, const struct seen *b)
{
	return a->owns != b->owns ? !a->owns : a->ctime <= b->ctime;
}

static void twice(struct walk *w, struct seen *a, struct seen *b)
{
	const struct seen *old = goes(a, b) ? a : b, *kept = old == a ? b : a;
	struct cffs *fs = w->fs;
	struct node *n = node_peek(fs, a->ino);
	bool fixed = false;
	int err = 0;

	if (w->flags & EXO_FS_REPAIR) {
		err = dir_drop(fs, old->dir, old->hash, &old->loc, old->ino);
		fixed = !err;
		if (n)
			node_moved(fs, n, kept->dir, kept->name, strlen(kept->name), &kept->loc);
	}
	check_problem(w, a->ino, old->loc.block, fixed, "inode %llu has two names; '%s' has to go%s%s",
		      (unsigned long long)a->ino, old->name, err ? ": " : "", err ? strerror(-err) : "");
}

/* 1: seen before, nothing more to do. */
static int note(struct walk *w, struct node *dir, const struct loc *loc, const struct inode *di, const char *name)
{
	struct seen *s, *old;
	struct xseen *x = checkx_find(w, di->ino);
	bool again = false;
	u64 at;

	if (2 * (w->used + 1) > w->room && table_grow(w))
		return -ENOMEM;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->ino = di->ino;
	s->dir = node_hold(w->fs, dir);
	s->loc = *loc;
	s->ctime = di->time[T_CTIME];
	s->hash = di->hash;
	s->owns = inode_owns(di);
	memcpy(s->name, name, di->name_len);
	if (x && !x->clash) {
		/* On its way into the table when power went: which of the two it is shows at the end. */
		x->clash = true;
		x->embedded = *s;
		free(s);
		return 1;
	}
	at = slot_for(w, di->ino);
	old = w->table[at];
	if (!old) {
		w->table[at] = s;
		w->used++;
		return 0;
	}
	if (old->loc.block != loc->block || old->loc.part != loc->part || old->loc.slot != loc->slot) {
		twice(w, old, s);
		if (goes(old, s)) {
			w->table[at] = s;
			/* The one that was looked at owned nothing: what this one owns is still to be seen. */
			again = !old->owns && s->owns;
			s = old;
		}
	}
	node_put(w->fs, s->dir);
	free(s);
	return !again;
}

/* ---- the walk ---- */

int check_entry(struct walk *w, struct node *dir, const struct loc *loc, const struct inode *di, const char *name,
		u64 low, u64 next)
{
	unsigned long long ino = di->ino;
	struct cffs *fs = w->fs;
	char text[CFFS_NAME_MAX + 1];
	struct exo_node *n;
	int err;

	memcpy(text, name, di->name_len);
	text[di->name_len] = 0;
	if (!name_ok(name, di->name_len)) {
		check_problem(w, ino, loc->block, false, "inode %llu has a name that is none", ino);
		return 0;
	}
	if (di->hash != name_hash(fs, name, di->name_len) || di->hash < low || di->hash >= next) {
		check_problem(w, ino, loc->block, false, "'%s' (inode %llu) is where a lookup does not go", text, ino);
		return 0;
	}
	if (!S_ISDIR(di->mode) && !(di->flags & CFFS_F_REF) && di->nlink != 1)
		check_problem(w, ino, loc->block, false, "inode %llu: link count %u", ino, di->nlink);
	err = cffs_lookup(&fs->fs, &dir->n, (struct exo_name){text, di->name_len}, &n);
	if (err || n->ino != di->ino) {
		struct found f;

		if (!err)
			node_put(fs, node_of(n));
		/* Somebody removed it meanwhile? */
		err = dir_at(fs, dir, di->hash, loc, ino, &f);
		found_done(fs, &f);
		if (err)
			return 0;
		if (di->flags & CFFS_F_REF) {
			if (check_repairs(w))
				err = dir_drop(fs, dir, di->hash, loc, ino);
			check_problem(w, ino, loc->block, check_repairs(w) && !err,
				      "'%s' (inode %llu) is no name of it any more", text, ino);
			return 0;
		}
		check_problem(w, ino, loc->block, false, "'%s' (inode %llu) cannot be looked up", text, ino);
		return 0;
	}
	err = di->flags & CFFS_F_REF ? checkx_name(w, dir, loc, di, text) : note(w, dir, loc, di, text);
	if (err) {
		node_put(fs, node_of(n));
		return err < 0 ? err : 0;
	}
	check_inode(w, node_of(n));
	if (S_ISDIR(di->mode))
		err = queue_add(w, node_of(n));
	node_put(fs, node_of(n));
	return err;
}

static int fix_links_once(struct cffs *fs, struct node *dir, u32 links)
{
	struct ref home;
	u8 *part;
	int err = node_pin(fs, dir, &home);

	if (err)
		return err;
	err = txn_begin(fs);
	if (!err) {
		part = txn_part(fs, &home, dir->loc.part);
		if (part)
			put32(part + CFFS_SLOT(dir->loc.slot) + CFFS_S_NLINK, links);
		if (part) {
			err = txn_commit(fs);
		} else {
			txn_abort(fs);
			err = -EAGAIN;
		}
	}
	dir->frame = EXO_NOFRAME;
	meta_put(fs, &home);
	return err;
}

/* A directory's count is in another sector than what it counts: a power cut may part them. */
void check_links(struct walk *w, struct node *dir, u32 links)
{
	struct ref home;
	int err = node_pin(w->fs, dir, &home);
	u32 says = dir->di.nlink;

	meta_put(w->fs, &home);
	if (err || says == links || dir == w->fs->orphans)
		return;
	if (check_repairs(w))
		CFFS_RETRY(err, w->fs, fix_links_once(w->fs, dir, links));
	check_problem(w, dir->n.ino, dir->loc.block, check_repairs(w) && !err,
		      "directory %llu: link count %u with %u directories in it", (unsigned long long)dir->n.ino, says,
		      links - 2);
}

static int check_dir(struct walk *w, struct node *dir)
{
	struct cffs *fs = w->fs;
	u64 low = 0, next = 0, block = 0;
	const u8 *part_of[CFFS_PARTS];
	u8 leaf[BLK];
	u32 p, s, links = 2;
	int err;

	if (dir->di.flags & CFFS_F_FLAT)
		return check_flat_dir(w, dir);
	for (p = 0; p < CFFS_PARTS; p++)
		part_of[p] = leaf + p * CFFS_PART;

	do {
		struct inode di;
		const char *name;
		struct loc loc;

		low = next;
		CFFS_RETRY(err, fs, dir_leaf(fs, dir, low, leaf, &block, &next));
		if (err == -ENOENT)
			break;
		if (err) {
			check_problem(w, dir->n.ino, dir->loc.block, false,
				      "directory %llu: the leaf for hash %llu cannot be read (%s)",
				      (unsigned long long)dir->n.ino, (unsigned long long)low, strerror(-err));
			return 0;
		}
		for (p = 0; p < CFFS_PARTS; p++) {
			for (s = 0; s < CFFS_SLOTS; s++) {
				const u8 *part = leaf + p * CFFS_PART;

				if (!get32(part + CFFS_H_MAGIC) || !part_used(part, s))
					continue;
				if (entry_get(part, s, &di, &name))
					continue;
				loc = (struct loc){block, p, s};
				if (leaf_part(part_of, dir->n.ino, di.hash) != (int)p)
					check_problem(w, di.ino, block, false,
						      "inode %llu: its name is in the wrong partition",
						      (unsigned long long)di.ino);
				err = check_entry(w, dir, &loc, &di, name, low, next);
				if (err || w->stop)
					return err;
				links += S_ISDIR(di.mode);
			}
		}
	} while (next >> 32 == 0 && !w->stop);
	if (!w->stop)
		check_links(w, dir, links);
	return 0;
}

static void done(struct walk *w)
{
	u64 i;

	for (i = 0; i < w->room; i++) {
		if (!w->table[i])
			continue;
		node_put(w->fs, w->table[i]->dir);
		free(w->table[i]);
	}
	while (w->nqueued)
		node_put(w->fs, w->queue[--w->nqueued]);
	checkx_done(w);
	free(w->table);
	free(w->queue);
	free(w->blocks);
}

static int check_once(struct exo_fs *xfs, unsigned flags, exo_fs_problem_fn fn, void *arg, struct exo_fs_count *count,
		      int *stop)
{
	struct cffs *fs = cffs_of(xfs);
	struct walk w = {.fs = fs, .flags = flags, .fn = fn, .arg = arg, .count = count};
	struct exo_root_get r;
	struct node *dir;
	u64 seen;
	int err;

	/* What is pending here is part of the tree. */
	err = xfs->flags & EXO_FS_RDONLY ? 0 : nodes_flush(fs);
	w.blocks = calloc(fs->map->blocks / 64 + 1, sizeof(u64));
	if (!w.blocks)
		return -ENOMEM;
	if (!err)
		err = table_grow(&w);
	if (!err)
		err = checkx_begin(&w);
	check_own(&w, CFFS_TOP_INO, &(struct extent){fs->root_block, 1, 0}, true);
	if (!err) {
		check_inode(&w, fs->top);
		check_inode(&w, fs->orphans);
		w.count->dirs--;
		err = queue_add(&w, fs->top);
	}
	if (!err)
		err = queue_add(&w, fs->orphans);
	while (!err && w.nqueued && !w.stop) {
		dir = w.queue[--w.nqueued];
		err = check_dir(&w, dir);
		node_put(fs, dir);
	}
	if (!err && !w.stop)
		err = checkx_end(&w);
	if (!err && !w.stop && !exo_root_get(xfs->x, xfs->disk, xfs->root, &r, NULL)) {
		seen = count->meta_blocks + count->data_blocks;
		/* What the repair freed is no more. */
		if (seen != r.out_used && !count->repaired)
			check_problem(&w, 0, fs->root_block, false, "the walk found %llu blocks, the module says %llu",
				      (unsigned long long)seen, (unsigned long long)r.out_used);
	}
	done(&w);
	*stop = w.stop;
	return err;
}

/* Repairs are made pass by pass, until one finds nothing more that it can mend. */
int cffs_check(struct exo_fs *xfs, unsigned flags, exo_fs_problem_fn fn, void *arg, struct exo_fs_count *count)
{
	u64 problems = 0, repaired = 0, now;
	int err, stop = 0, pass = 0;

	do {
		memset(count, 0, sizeof(*count));
		err = check_once(xfs, flags, fn, arg, count, &stop);
		now = count->repaired;
		/* What stays wrong is found in each pass, and counts once. */
		repaired += now;
		problems = repaired + count->problems - now;
	} while (!err && !stop && flags & EXO_FS_REPAIR && now && ++pass < REPAIR_PASSES);
	count->problems = problems;
	count->repaired = repaired;
	if (!err && !stop && flags & EXO_FS_REPAIR)
		err = orphans_purge(cffs_of(xfs));
	if (err || stop)
		return err ? err : stop;
	return problems < INT_MAX ? (int)problems : INT_MAX;
}

/*
 * A leaf that is itself contested, because its directory is, takes no change; so first directories, then, in another
 * pass, what is in them. Contested blocks of other trees stay, and are nobody's business here.
 */
int settle(struct cffs *fs)
{
	struct exo_fs_count count;
	struct exo_range range[8];
	int n, err, pass;

	for (pass = 0; pass < SETTLE_PASSES; pass++) {
		n = exo_contested(fs->fs.x, fs->fs.disk, range, 8);
		if (n <= 0)
			return n;
		memset(&count, 0, sizeof(count));
		err = cffs_check(&fs->fs, EXO_FS_REPAIR, NULL, NULL, &count);
		if (err < 0)
			return err;
		if (!count.repaired)
			break;
	}
	return 0;
}
