// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * exchange.c: two names swap what they stand for. Names in one partition do it in one sector. Otherwise both inodes go
 * to the table and the references are swapped by one transaction; but on the disk that is two sectors, of which either
 * may come first. So each inode first gets a second name among the orphans, and loses it when the swap is durable.
 * After a power cut between, both names may stand for one inode; the check gives one of them back to the other.
 */
#include <stdio.h>
#include <unistd.h>
#include "cffs.h"

struct swap {
	struct cffs *fs;
	struct node *dir[2], *node[2];
	struct exo_name name[2];
	struct found f[2];
};

static void drop(struct swap *s)
{
	int i;

	for (i = 0; i < 2; i++) {
		found_done(s->fs, &s->f[i]);
		if (s->node[i])
			node_put(s->fs, s->node[i]);
		s->node[i] = NULL;
	}
}

static bool one_partition(const struct swap *s)
{
	return s->f[0].loc.block == s->f[1].loc.block && s->f[0].loc.part == s->f[1].loc.part;
}

static int find(struct swap *s)
{
	struct exo_fs *fs = &s->fs->fs;
	int i, err = 0;

	for (i = 0; i < 2; i++) {
		s->node[i] = NULL;
		s->f[i].path.n = 0;
		s->f[i].leaf = s->f[i].home = NO_REF;
	}
	for (i = 0; !err && i < 2; i++)
		err = entry_live(s->fs, s->dir[i], s->name[i].at, s->name[i].len, &s->f[i], &s->node[i]);
	/* A name in another directory is another number of the inode: that is more than a swap of entries. */
	if (!err && s->fs->shared && s->dir[0] != s->dir[1])
		err = -EXDEV;
	for (i = 0; !err && i < 2; i++) {
		err = exo_node_may_remove(fs, &s->dir[i]->n, &s->node[i]->n);
		if (!err && !one_partition(s) && !shared_mine(s->fs, s->node[i]))
			err = -EPERM;
		if (!err && S_ISDIR(s->node[i]->n.mode) && s->dir[0] != s->dir[1])
			err = exo_node_may(fs, &s->node[i]->n, W_OK);
		if (!err && S_ISDIR(s->node[i]->n.mode) && node_below(s->dir[!i], s->node[i]))
			err = -EINVAL;
	}
	return err;
}

/* In a transaction: entry i gets what the other one has; the bytes were read before. */
static int fill(struct swap *s, int i, const u8 *part, const u8 *other)
{
	struct inode mine, di;
	const char *name, *target;
	u8 *to = txn_part(s->fs, &s->f[i].leaf, s->f[i].loc.part);
	char copy[CFFS_NAME_MAX];
	int slot;

	if (!to)
		return -EAGAIN;
	if (entry_get(part, s->f[i].loc.slot, &mine, &name) || entry_get(other, s->f[!i].loc.slot, &di, &target))
		return -EUCLEAN;
	memcpy(copy, name, mine.name_len);
	di.hash = mine.hash;
	if (!(di.flags & CFFS_F_REF))
		di.time[T_CTIME] = stamp_now();
	else
		ref_stamp(s->fs, &di);
	slot = entry_add(to, &di, copy, mine.name_len, target + di.name_len);
	return slot < 0 ? slot : 0;
}

static int counts(struct swap *s)
{
	bool d0 = S_ISDIR(s->node[0]->n.mode), d1 = S_ISDIR(s->node[1]->n.mode);
	int err = 0;

	if (s->dir[0] == s->dir[1] || (!d0 && !d1))
		return 0;
	if (d0 != d1) {
		err = dir_links(s->fs, s->dir[0], &s->f[0].home, d0 ? -1 : 1);
		if (!err)
			err = dir_links(s->fs, s->dir[1], &s->f[1].home, d0 ? 1 : -1);
	}
	if (!err)
		err = dirs_moved(s->fs, s->dir[0]);
	return err ? err : dirs_moved(s->fs, s->dir[1]);
}

static int swap_once(struct swap *s)
{
	u8 part[2][CFFS_PART];
	struct cffs *fs = s->fs;
	int i, err;

	for (i = 0; i < 2; i++) {
		memcpy(part[i], txn_see(fs, &s->f[i].leaf, s->f[i].loc.part), CFFS_PART);
		if (!meta_same(fs, &s->f[i].leaf))
			return -EAGAIN;
	}
	err = txn_begin(fs);
	for (i = 0; !err && i < 2; i++)
		err = dir_del(fs, &s->f[i]);
	for (i = 0; !err && i < 2; i++)
		err = fill(s, i, part[i], part[!i]);
	if (!err)
		err = counts(s);
	if (err) {
		txn_abort(fs);
		return err;
	}
	err = txn_commit(fs);
	if (err)
		return err;
	for (i = 0; i < 2; i++) {
		s->dir[i]->frame = EXO_NOFRAME;
		node_touched(fs, s->dir[i]);
		/* Slots may have changed places: the node is found again by its name. */
		err = node_moved(fs, s->node[i], s->dir[!i], s->name[!i].at, s->name[!i].len, &s->f[!i].loc);
		if (err)
			return err;
		s->node[i]->di.time[T_CTIME] = stamp_now();
		if (s->node[i]->ext && shared_writable(fs, s->node[i]))
			node_dirty(fs, s->node[i], DIRTY_CTIME);
	}
	return 0;
}

/* ---- names for the time between ---- */

static void spare_name(u64 ino, char name[18])
{
	snprintf(name, 18, "%016llxx", (unsigned long long)ino);
}

static int spare_add(struct cffs *fs, struct node *n, struct node *dir)
{
	char name[18];
	int err;

	spare_name(n->n.ino, name);
	err = link_entry(fs, n, dir, (struct exo_name){name, 17});
	return err == -EEXIST ? 0 : err;
}

int spare_del(struct cffs *fs, struct node *n, struct node *dir)
{
	struct ref home = NO_REF;
	struct found f;
	char name[18];
	u8 *part;
	int err;

	spare_name(n->n.ino, name);
	err = dir_find(fs, dir, name, 17, &f);
	if (!err)
		err = node_pin(fs, n, &home);
	if (!err)
		err = txn_begin(fs);
	if (err)
		goto out;
	part = txn_part(fs, &home, n->loc.part);
	if (part)
		xlink_del(part, REF_LINK(&f.di));
	err = part ? dir_del(fs, &f) : -EAGAIN;
	if (!err)
		err = dir_prune(fs, dir, &f);
	if (err)
		txn_abort(fs);
	else
		err = txn_commit(fs);
	n->frame = dir->frame = EXO_NOFRAME;
out:
	meta_put(fs, &home);
	found_done(fs, &f);
	return err == -ENOENT ? 0 : err;
}

/* The orphans of a shared tree are its owner's; there, the first directory shows the spare names for the time. */
static struct node *spare_dir(const struct swap *s)
{
	return s->fs->shared ? s->dir[0] : s->fs->orphans;
}

static int spares_end(const struct swap *s, struct node *n[2])
{
	int i, err = 0;

	for (i = 0; !err && i < 2; i++)
		CFFS_RETRY(err, s->fs, spare_del(s->fs, n[i], spare_dir(s)));
	return err;
}

static int once(struct swap *s, struct node *spare[2])
{
	struct cffs *fs = s->fs;
	int i, err = find(s);

	if (err || s->node[0] == s->node[1])
		goto out;
	if (!one_partition(s) && !spare[0]) {
		for (i = 0; !err && i < 2; i++)
			err = node_externalize(fs, s->node[i]);
		for (i = 0; !err && i < 2; i++) {
			err = spare_add(fs, s->node[i], spare_dir(s));
			spare[i] = node_hold(fs, s->node[i]);
		}
		if (!err)
			err = cffs_sync(&fs->fs);
		if (!err)
			err = -EAGAIN;
		goto out;
	}
	/* Only those that have a spare name are swapped. */
	if (!one_partition(s) && (s->node[0] != spare[0] || s->node[1] != spare[1])) {
		err = spares_end(s, spare);
		for (i = 0; i < 2; i++) {
			node_put(fs, spare[i]);
			spare[i] = NULL;
		}
		if (!err)
			err = -EAGAIN;
		goto out;
	}
	err = swap_once(s);
out:
	drop(s);
	return err == -ESTALE ? -EAGAIN : err;
}

int exchange_entries(struct cffs *fs, struct node *from, struct exo_name a, struct node *to, struct exo_name b)
{
	struct swap s = {.fs = fs, .dir = {from, to}, .name = {a, b}};
	struct node *spare[2] = {NULL, NULL};
	int err, i, two = 0;

	CFFS_RETRY(err, fs, once(&s, spare));
	if (spare[0] && spare[1]) {
		if (!err)
			two = cffs_sync(&fs->fs);
		if (!two)
			two = spares_end(&s, spare);
	}
	for (i = 0; i < 2; i++)
		if (spare[i])
			node_put(fs, spare[i]);
	return err ? err : two;
}
