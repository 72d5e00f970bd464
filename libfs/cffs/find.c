// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * find.c: where did an inode go that is open here, or a directory that names below it are looked up in, when another
 * process renamed it? Its entry is searched for by its number: in the directory that it was in, then in the whole tree.
 * That costs a walk, once for each rename by others of something in use.
 */
#include "cffs.h"

struct search {
	struct cffs *fs;
	struct node *want, *dir;
	struct node **queue; /* directories, with a reference */
	u32 nqueued, room;
	int found;
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

	if (d->ino != s->want->n.ino && !S_ISDIR(d->type))
		return 0;
	/* Looking it up gives the node its new name, parent and place. */
	err = cffs_lookup(&s->fs->fs, &s->dir->n, (struct exo_name){d->name, d->len}, &n);
	if (err)
		return err == -ENOENT || err == -ESTALE ? 0 : err;
	if (n == &s->want->n)
		s->found = 1;
	else if (S_ISDIR(n->mode))
		err = later(s, node_of(n));
	node_put(s->fs, node_of(n));
	return s->found ? 1 : err;
}

static int look_in(struct search *s, struct node *dir)
{
	int err;

	s->dir = dir;
	err = cffs_readdir(&s->fs->fs, &dir->n, 0, each, s);
	/* A directory that went away meanwhile does not hold it. */
	return err == -ESTALE || err == -ENOENT || err > 0 ? 0 : err;
}

int node_search(struct cffs *fs, struct node *n)
{
	struct search s = {.fs = fs, .want = n};
	struct node *dir, *old = n->n.parent ? node_hold(fs, node_of(n->n.parent)) : NULL;
	int err = 0;

	if (fs->searching)
		err = -ESTALE;
	fs->searching++;
	node_hold(fs, n);
	if (!err && old)
		err = look_in(&s, old);
	while (s.nqueued)
		node_put(fs, s.queue[--s.nqueued]);
	if (!err && !s.found)
		err = look_in(&s, fs->orphans);
	if (!err && !s.found)
		err = later(&s, fs->top);
	while (!err && !s.found && s.nqueued) {
		dir = s.queue[--s.nqueued];
		err = look_in(&s, dir);
		node_put(fs, dir);
	}
	while (s.nqueued)
		node_put(fs, s.queue[--s.nqueued]);
	free(s.queue);
	if (old)
		node_put(fs, old);
	fs->searching--;
	if (!err && !s.found) {
		n->lost = true;
		err = -ESTALE;
	}
	if (!err && n->n.parent == &fs->orphans->n)
		n->gone = true;
	node_put(fs, n);
	return err;
}
