// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * orphans.c: the orphan directory, where an inode goes whose name is removed while it is open, or that is too
 * large to be freed in one transaction. Moving it there is one transaction, so a power cut leaves it whole in one of
 * the two places. Who closes it last frees it. Those that a killed process left are freed by whoever comes by: who
 * opens the tree for writing without EXO_FS_JOIN, finds no room, or, once a second, removes a name.
 */
#include <stdio.h>
#include "cffs.h"

u32 orphan_name(struct cffs *fs, u64 ino, char name[18])
{
	bool marks = fs->shared || exo_opens_join(&fs->fs);

	return snprintf(name, 18, marks ? "%016llx" : "%016llxk", (unsigned long long)ino);
}

int orphan_find(struct cffs *fs, u64 ino, struct node **out)
{
	struct found f;
	char name[18];
	u32 len;
	int err;

	snprintf(name, sizeof(name), "%016llxk", (unsigned long long)ino);
	for (len = 16, err = -ENOENT; err == -ENOENT && len < 18; len++) {
		err = dir_find(fs, fs->orphans, name, len, &f);
		if (!err && f.di.ino != ino)
			err = -ENOENT;
		if (!err)
			err = entry_node(fs, fs->orphans, name, len, &f, out);
		found_done(fs, &f);
	}
	return err;
}

bool orphan_kept(struct cffs *fs, struct node *n)
{
	if (fs->shared || !exo_opens_elsewhere(&fs->fs, n->n.ino))
		return false;
	exo_opens_tell(&fs->fs, n->n.ino);
	/* Whoever closed it before being told does not know. */
	return exo_opens_elsewhere(&fs->fs, n->n.ino);
}

int orphan_park(struct cffs *fs, struct node *dir, struct node *node, const char *name, size_t len)
{
	char to[18];
	u32 tlen = orphan_name(fs, node->n.ino, to);
	int err = rename_entry(fs, dir, name, len, fs->orphans, to, tlen, REN_PARK);

	if (!err) {
		node->gone = true;
		exo_opens_park(&fs->fs);
	}
	return err;
}

static int purge_once(struct cffs *fs, struct node *node)
{
	struct ref home = NO_REF;
	struct found f = {.leaf = NO_REF, .home = NO_REF};
	int err = 0;

	/* In a shared tree it has no name anywhere. */
	if (!fs->shared)
		err = dir_find(fs, fs->orphans, node->name, node->name_len, &f);
	if (!err && !fs->shared && f.di.ino != node->n.ino)
		err = -ENOENT;
	if (!err)
		err = node_pin(fs, node, &home);
	if (!err && node->di.level)
		err = -EAGAIN;
	if (!err)
		err = txn_begin(fs);
	if (err)
		goto out;
	if (!fs->shared)
		err = dir_del(fs, &f);
	if (!err)
		err = node->ext ? xinode_free(fs, &home, node->loc.part) : extents_free(fs, &f.di);
	if (!err && !fs->shared)
		err = dir_prune(fs, fs->orphans, &f);
	if (err)
		txn_abort(fs);
	else
		err = txn_commit(fs);
	if (!err)
		fs->orphans->frame = EXO_NOFRAME;
out:
	meta_put(fs, &home);
	found_done(fs, &f);
	return err;
}

int orphan_purge(struct cffs *fs, struct node *node)
{
	int err;

	node->gone = true;
	node_clean(fs, node);
	write_drop(fs, node);
	if (fs->shared && S_ISDIR(node->di.mode))
		err = shared_clear(fs, node);
	else
		err = truncate_blocks(fs, node, 0, true);
	if (!err)
		CFFS_RETRY(err, fs, purge_once(fs, node));
	/* Another process may have done it first. */
	return err == -ENOENT || err == -ESTALE ? 0 : err;
}

/* In one transaction, the entry at loc goes from dir to the orphans. */
static int entry_once(struct cffs *fs, struct node *dir, u32 hash, const struct loc *loc, u64 ino)
{
	struct found f, o;
	struct inode di;
	struct loc to;
	char name[18];
	u32 len = orphan_name(fs, ino, name);
	int err;

	err = dir_at(fs, dir, hash, loc, ino, &f);
	if (err) {
		found_done(fs, &f);
		return err;
	}
	err = dir_find(fs, fs->orphans, name, len, &o);
	if (err != -ENOENT)
		err = err ? err : -EUCLEAN;
	else
		err = txn_begin(fs);
	if (err)
		goto out;
	di = f.di;
	di.time[T_CTIME] = stamp_now();
	o.loc.block = EXO_NOBLOCK;
	err = dir_add(fs, fs->orphans, &o, &di, name, len, NULL, &to);
	if (!err)
		err = dir_del(fs, &f);
	if (!err)
		err = dir_prune(fs, dir, &f);
	if (err)
		txn_abort(fs);
	else
		err = txn_commit(fs);
	dir->frame = fs->orphans->frame = EXO_NOFRAME;
out:
	found_done(fs, &f);
	found_done(fs, &o);
	if (err == -EXFULL) {
		err = dir_split(fs, fs->orphans, name, len, 0);
		return err ? err : -EAGAIN;
	}
	return err;
}

int orphan_entry(struct cffs *fs, struct node *dir, u32 hash, const struct loc *loc, u64 ino)
{
	int err;

	CFFS_RETRY(err, fs, entry_once(fs, dir, hash, loc, ino));
	return err;
}

/* ---- freeing them ---- */

struct first {
	char name[CFFS_NAME_MAX + 1];
	u32 len;
	bool orphans;
};

static int take_first(void *arg, const struct exo_dirent *d)
{
	struct first *f = arg;

	/* A spare name (exchange.c) is the check's business. */
	if (f->orphans && d->len == 17 && d->name[16] == 'x')
		return 0;
	memcpy(f->name, d->name, d->len + 1);
	f->len = d->len;
	return 1;
}

/* The first entry of a directory, with a reference. -ENOENT: it has none. */
static int first_of(struct cffs *fs, struct node *dir, struct first *f, struct node **out)
{
	struct exo_node *n;
	int err, tries;

	f->orphans = dir == fs->orphans;
	for (tries = 0; tries < CFFS_TRIES; tries++) {
		err = cffs_readdir(&fs->fs, &dir->n, 0, take_first, f);
		if (err <= 0)
			return err ? err : -ENOENT;
		err = cffs_lookup(&fs->fs, &dir->n, (struct exo_name){f->name, f->len}, &n);
		if (err == -ENOENT)
			continue;
		if (!err)
			*out = node_of(n);
		return err;
	}
	return -EBUSY;
}

/* A directory comes here only from a torn leaf. Its entries follow it, directories as orphans of their own. */
static int empty_dir(struct cffs *fs, struct node *dir)
{
	struct first f;
	struct node *n;
	int err;

	while (!(err = first_of(fs, dir, &f, &n))) {
		struct exo_name name = {f.name, f.len};

		if (S_ISDIR(n->n.mode) && inode_owns(&n->di))
			err = orphan_park(fs, dir, n, f.name, f.len);
		else
			err = cffs_remove(&fs->fs, &dir->n, name, S_ISDIR(n->n.mode));
		node_put(fs, n);
		if (err && err != -ENOENT)
			return err;
	}
	return err == -ENOENT ? 0 : err;
}

/*
 * Where processes do not mark what they have open (opens.h), an orphan may be open in another one, or be a name that is
 * on its way to another place. Which one, nobody has written down; but a process that uses a tree has an environment
 * open, so when ours is the only one, all of them were left behind.
 */
bool orphans_alone(struct cffs *fs)
{
	return __atomic_load_n(&exo_statistics(fs->fs.x)->envs, __ATOMIC_ACQUIRE) == 1;
}

#define BATCH 32

struct batch {
	u64 ino[BATCH], next;
	u32 n;
};

static int batch_add(void *arg, const struct exo_dirent *d)
{
	struct batch *b = arg;

	/* Those with another name are kept by somebody who does not mark. */
	if (d->len == 16 && !S_ISDIR(d->type))
		b->ino[b->n++] = d->ino;
	b->next = d->next;
	return b->n == BATCH;
}

/* 0: gone. -EBUSY: in use. */
static int reap_one(struct cffs *fs, u64 ino)
{
	struct node *n = node_peek(fs, ino);
	struct exo_node *x;
	char name[18];
	int err;

	if (n && (n->opens || n->marked))
		return -EBUSY;
	if (exo_opens_going(&fs->fs, ino) || exo_opens_others_go(&fs->fs, ino)) {
		err = -EBUSY;
	} else {
		snprintf(name, sizeof(name), "%016llx", (unsigned long long)ino);
		err = cffs_lookup(&fs->fs, &fs->orphans->n, (struct exo_name){name, 16}, &x);
		if (!err) {
			err = orphan_purge(fs, node_of(x));
			node_put(fs, node_of(x));
		}
	}
	exo_opens_gone(&fs->fs);
	return err == -ENOENT ? 0 : err;
}

void orphans_reap(struct cffs *fs)
{
	struct batch b = {.next = 0};
	bool left = false, dip = fs->dip;
	u32 was, i;
	int err;

	fs->make_room = false;
	if (fs->reaping || fs->txn.open || fs->shared || fs->fs.flags & EXO_FS_RDONLY || !exo_opens_join(&fs->fs))
		return;
	fs->reaping = fs->dip = true;
	fs->reaped = stamp_now();
	was = exo_opens_parked(&fs->fs);
	do {
		b.n = 0;
		err = cffs_readdir(&fs->fs, &fs->orphans->n, b.next, batch_add, &b);
		for (i = 0; err >= 0 && i < b.n; i++)
			if (reap_one(fs, b.ino[i]))
				left = true;
	} while (err > 0);
	if (!err && !left)
		exo_opens_none_parked(&fs->fs, was);
	fs->reaping = false;
	fs->dip = dip;
}

void orphans_seen(struct cffs *fs)
{
	if (exo_opens_parked(&fs->fs) && stamp_now() - fs->reaped > 1000000000)
		orphans_reap(fs);
}

int orphans_purge(struct cffs *fs)
{
	bool alone = orphans_alone(fs);
	struct first f;
	struct node *n;
	int err = 0;

	while (alone && !(err = first_of(fs, fs->orphans, &f, &n))) {
		if (S_ISDIR(n->n.mode))
			err = empty_dir(fs, n);
		if (!err)
			err = orphan_purge(fs, n);
		node_put(fs, n);
		if (err)
			return err;
		alone = orphans_alone(fs);
	}
	if (!alone && inode_owns(&fs->orphans->di))
		orphans_reap(fs);
	return err == -ENOENT ? 0 : err;
}
