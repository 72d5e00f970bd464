// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * find.c: where did an inode go that is open here, or a directory that names below it are looked up in, when another
 * process renamed it? Its entry is searched for by its number: in the directory that it was in, then in the whole tree.
 * That costs a walk, once for each rename by others of something in use.
 */
#include "cffs.h"

struct search {
	struct cffs *fs;
	u64 ino;
	struct node *dir, *got;
	struct node **queue; /* directories, with a reference */
	u32 nqueued, room;
};

static int later(struct search *s, struct node *dir)
{
	struct node **more;

	if (s->nqueued == s->room) {
		more = realloc(s->queue, (s->room + 256) * sizeof(*more));
		if (!more)
			return -ENOMEM;
		s->queue = more;
		s->room += 256;
	}
	s->queue[s->nqueued++] = node_hold(s->fs, dir);
	return 0;
}

static int each(void *arg, const struct exo_dirent *d)
{
	struct search *s = arg;
	struct exo_node *n;
	int err;

	if (d->ino != s->ino && !S_ISDIR(d->type))
		return 0;
	/* Looking it up gives the node its new name, parent and place. */
	err = cffs_lookup(&s->fs->fs, &s->dir->n, (struct exo_name){d->name, d->len}, &n);
	if (err)
		return err == -ENOENT || err == -ESTALE ? 0 : err;
	if (n->ino == s->ino) {
		s->got = node_of(n);
		return 1;
	}
	if (S_ISDIR(n->mode))
		err = later(s, node_of(n));
	node_put(s->fs, node_of(n));
	return err;
}

static int look_in(struct search *s, struct node *dir)
{
	int err;

	s->dir = dir;
	err = cffs_readdir(&s->fs->fs, &dir->n, 0, each, s);
	/* A directory that went away meanwhile does not hold it. */
	return err == -ESTALE || err == -ENOENT || err > 0 ? 0 : err;
}

/* In `first`, among the orphans, then everywhere. With a reference; -ESTALE. */
static int search(struct cffs *fs, u64 ino, struct node *first, struct node **out)
{
	struct search s = {.fs = fs, .ino = ino};
	struct node *dir;
	int err = 0;

	if (fs->searching)
		return -ESTALE;
	fs->searching++;
	if (first)
		err = look_in(&s, first);
	while (s.nqueued)
		node_put(fs, s.queue[--s.nqueued]);
	if (!err && !s.got && !fs->shared) {
		err = orphan_find(fs, ino, &s.got);
		err = err == -ENOENT ? 0 : err;
	}
	if (!err && !s.got)
		err = later(&s, fs->top);
	while (!err && !s.got && s.nqueued) {
		dir = s.queue[--s.nqueued];
		err = look_in(&s, dir);
		node_put(fs, dir);
	}
	while (s.nqueued)
		node_put(fs, s.queue[--s.nqueued]);
	free(s.queue);
	fs->searching--;
	if (err && s.got)
		node_put(fs, s.got);
	*out = err ? NULL : s.got;
	return err ? err : s.got ? 0 : -ESTALE;
}

int node_search(struct cffs *fs, struct node *n)
{
	struct node *old = n->n.parent ? node_hold(fs, node_of(n->n.parent)) : NULL, *got;
	bool nested = fs->searching;
	int err;

	node_hold(fs, n);
	err = search(fs, n->n.ino, old, &got);
	if (!err)
		node_put(fs, got);
	if (old)
		node_put(fs, old);
	if (err == -ESTALE && !nested)
		n->lost = true;
	if (!err && n->n.parent == &fs->orphans->n)
		n->gone = true;
	node_put(fs, n);
	return err;
}

int cffs_by_ino(struct exo_fs *xfs, uint64_t ino, struct exo_node **out)
{
	struct node *n;
	int err = search(cffs_of(xfs), ino, NULL, &n);

	if (err)
		return err;
	if (n->n.parent == &cffs_of(xfs)->orphans->n)
		n->gone = true;
	*out = &n->n;
	return 0;
}
