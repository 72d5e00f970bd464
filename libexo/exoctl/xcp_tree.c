// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * xcp_tree.c: the source's tree, directory by directory. A directory's plain entries become one batch; its files are
 * queued; the rest is made at once, by the ordinary calls. A directory's attributes are set at the end, because what is
 * made in it would change its times.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include "xcp.h"

struct xcp_dir {
	struct xcp_dir *next; /* made before this one */
	struct xcp_dir *todo;
	struct stat st;
	bool whole; /* by a batch, from a source without extended attributes: only its times are left */
	char *from, *to;
};

struct link { /* first name of an inode that has several */
	uint64_t ino;
	char to[];
};

/* What a scan leaves to be done behind it: names, in the order they were seen. */
struct rest {
	struct rest *next;
	struct stat st;
	int nth; /* in the batch; -1: not in it */
	char name[];
};

struct gathering {
	struct xcp *c;
	struct xcp_dir *dir;
	struct xcp_batch *batch;
	struct rest *first, **last;
	int stop;
};

int xcp_trouble(struct xcp *c, const char *path, const char *words, int err)
{
	if (err == -EINTR && stop_asked())
		return 0;
	c->p.troubled++;
	warn("%s: %s%s%s", fs_path(path), words, *words && err ? ": " : "", err ? strerror(-err) : "");
	return 0;
}

bool xcp_ends(struct xcp *c, const char *path, int err)
{
	if (err != -ENOSPC && err != -EDQUOT && err != -EROFS && err != -ENODEV && err != -ENOMEM)
		return false;
	if (!c->full)
		fs_failed("copy to", path, err);
	c->full = true;
	return true;
}

static int by_ino(const void *a, const void *b)
{
	const struct link *x = a, *y = b;

	return x->ino < y->ino ? -1 : x->ino > y->ino;
}

/* The name that the inode's copy has already, or NULL: then it is `to` from now on. */
static const char *first_name(struct xcp *c, uint64_t ino, const char *to)
{
	struct link *l = malloc(sizeof(*l) + strlen(to) + 1), **at;

	if (!l)
		return NULL;
	l->ino = ino;
	strcpy(l->to, to);
	at = tsearch(l, &c->links, by_ino);
	if (!at || *at == l) {
		if (!at)
			free(l);
		return NULL;
	}
	free(l);
	return (*at)->to;
}

static int say(struct xcp *c, const char *path, int err)
{
	return xcp_ends(c, path, err) ? 1 : xcp_trouble(c, path, "", err);
}

/* ---- directories ---- */

/* It is there now: its content is next. */
static int add_dir(struct xcp *c, const char *from, const char *to, const struct stat *st, bool whole)
{
	struct xcp_dir *d = calloc(1, sizeof(*d));

	if (d) {
		d->st = *st;
		d->from = strdup(from);
		d->to = strdup(to);
		d->whole = whole;
		d->next = c->dirs;
		c->dirs = d;
	}
	if (!d || !d->from || !d->to)
		return say(c, to, -ENOMEM);
	d->todo = c->todo;
	c->todo = d;
	c->p.dirs++;
	return 0;
}

static int make_dir(struct xcp *c, const char *from, const char *to, const struct stat *st)
{
	const char *at = fs_path(to);
	struct stat have;
	int err;

	xcp_act_as(c, st);
	err = exo_fs_mkdir(c->to, at, xcp_first_mode(c, st));
	xcp_act_as(c, NULL);
	if (err == -EEXIST || (err && !strcmp(at, "/"))) {
		err = exo_fs_stat(c->to, at, EXO_FS_NOFOLLOW, &have);
		if (!err && !S_ISDIR(have.st_mode))
			return xcp_trouble(c, to, "not a directory; not overwritten with one", 0);
		/* Its owner must be able to fill it until it gets its final mode. */
		if (!err && (have.st_mode & 0700) != 0700)
			err = exo_fs_chmod(c->to, at, (have.st_mode & 07777) | 0700);
	}
	return err ? say(c, to, err) : add_dir(c, from, to, st, false);
}

/* ---- what is neither directory nor file ---- */

/* What stands at the place gives way, as with cp; a directory does not. */
static int make_room(struct xcp *c, const char *to)
{
	struct stat have;
	int err = exo_fs_stat(c->to, to, EXO_FS_NOFOLLOW, &have);

	if (err)
		return err == -ENOENT ? 0 : err;
	return S_ISDIR(have.st_mode) ? -EISDIR : exo_fs_unlink(c->to, to);
}

static void count_small(struct xcp *c, const struct stat *st)
{
	if (S_ISLNK(st->st_mode))
		c->p.links++;
	else
		c->special++;
}

static int make_small(struct xcp *c, const char *from, const char *to, const struct stat *st)
{
	struct xcp_place a = {c->from, NULL, from}, b = {c->to, NULL, to};
	const char *linked = st->st_nlink > 1 ? first_name(c, st->st_ino, to) : NULL;
	struct stat here;
	ssize_t n;
	int err;

	if (c->from == c->to && !exo_fs_stat(c->to, to, EXO_FS_NOFOLLOW, &here) && here.st_ino == st->st_ino)
		return xcp_trouble(c, to, "the same file as the source", 0);
	err = make_room(c, to);
	if (!err && linked) {
		err = exo_at_link(c->to, NULL, linked, NULL, to, 0);
		if (!err) {
			c->second++;
			return 0;
		}
		if (err == -EOPNOTSUPP || err == -EMLINK) {
			c->unlinked++;
			err = 0;
		}
	}
	if (err)
		return say(c, to, err);
	xcp_act_as(c, st);
	if (S_ISLNK(st->st_mode)) {
		n = exo_fs_readlink(c->from, from, c->buf, PATH_MAX);
		if (n < 0 || n >= PATH_MAX) {
			xcp_act_as(c, NULL);
			return say(c, from, n < 0 ? n : -ENAMETOOLONG);
		}
		c->buf[n] = '\0';
		err = exo_fs_symlink(c->to, c->buf, to);
	} else {
		err = exo_at_mknod(c->to, NULL, to, (st->st_mode & S_IFMT) | xcp_first_mode(c, st), st->st_rdev);
	}
	xcp_act_as(c, NULL);
	if (!err)
		err = xcp_attributes(c, &a, &b, st);
	if (err)
		return say(c, to, err);
	count_small(c, st);
	return 0;
}

/* ---- files ---- */

static struct xcp_item *queue_file(struct xcp *c, const char *from, const char *to, const struct stat *st)
{
	size_t n = strlen(from) + 1, m = strlen(to) + 1;
	struct xcp_item *it = malloc(sizeof(*it) + n + m);

	if (!it)
		return NULL;
	memset(it, 0, sizeof(*it));
	it->from = memcpy((char *)(it + 1), from, n);
	it->to = memcpy((char *)(it + 1) + n, to, m);
	it->st = *st;
	if (st->st_nlink > 1)
		it->linked = first_name(c, st->st_ino, it->to);
	xcp_queue(c, it);
	return it;
}

/* ---- a directory's content ---- */

static int put_off(struct gathering *g, const char *name, const struct stat *st, int nth)
{
	struct rest *r = malloc(sizeof(*r) + strlen(name) + 1);

	if (!r)
		return -ENOMEM;
	r->next = NULL;
	r->st = *st;
	r->nth = nth;
	strcpy(r->name, name);
	*g->last = r;
	g->last = &r->next;
	return 0;
}

/* A name from a disk may be anything. */
static bool name_is_sound(const struct exo_dirent *d)
{
	return d->len && d->len <= NAME_MAX && strcmp(d->name, ".") && strcmp(d->name, "..") && !strchr(d->name, '/');
}

static bool has_holes(const struct exo_entry *e)
{
	uint64_t have = 0;

	for (uint32_t i = 0; i < e->nwhere; i++)
		have += (uint64_t)e->where[i].io.count * EXO_BLOCK_SIZE;
	return have < (uint64_t)e->st.st_size;
}

static int gather_file(struct gathering *g, const struct exo_entry *e)
{
	bool plain = e->flags & EXO_ENTRY_PLAIN && e->flags & EXO_ENTRY_BLOCKS && !has_holes(e);
	char from[PATH_MAX], to[PATH_MAX];
	struct xcp_item *it;
	int nth;

	if (xcp_join(from, g->dir->from, e->d.name) || xcp_join(to, g->dir->to, e->d.name))
		return xcp_trouble(g->c, e->d.name, "", -ENAMETOOLONG);
	it = queue_file(g->c, from, to, &e->st);
	if (!it)
		return say(g->c, to, -ENOMEM);
	if (!plain)
		return 0;
	it->known = true;
	it->nwhere = e->nwhere;
	memcpy(it->where, e->where, sizeof(it->where));
	nth = xcp_batch_add(g->c, g->batch, e->d.name, NULL, &e->st);
	if (nth < 0)
		return say(g->c, to, -ENOMEM);
	it->nth = nth;
	it->batch = g->batch;
	g->batch->users++;
	return 0;
}

static int gather(void *arg, const struct exo_entry *e)
{
	struct gathering *g = arg;
	struct xcp *c = g->c;
	int nth = -1;

	if (stop_asked())
		return g->stop = 1;
	progress_show(&c->p);
	if (!name_is_sound(&e->d))
		return xcp_trouble(c, g->dir->from, "", -EUCLEAN);
	if (S_ISREG(e->st.st_mode))
		return g->stop = gather_file(g, e);
	if (S_ISDIR(e->st.st_mode) && c->dest_ino && e->st.st_ino == c->dest_ino)
		return xcp_trouble(c, e->d.name, "a directory is not copied into itself", 0);
	if (e->flags & EXO_ENTRY_PLAIN && (!S_ISLNK(e->st.st_mode) || e->target)) {
		nth = xcp_batch_add(c, g->batch, e->d.name, e->target, &e->st);
		if (nth < 0)
			return g->stop = say(c, e->d.name, -ENOMEM);
	}
	if (put_off(g, e->d.name, &e->st, nth))
		return g->stop = say(c, e->d.name, -ENOMEM);
	return 0;
}

static int rest_one(struct gathering *g, const struct rest *r)
{
	const struct exo_make *v = r->nth >= 0 ? &g->batch->v[r->nth] : NULL;
	char from[PATH_MAX], to[PATH_MAX];
	bool made = v && !v->err;

	if (xcp_join(from, g->dir->from, r->name) || xcp_join(to, g->dir->to, r->name))
		return xcp_trouble(g->c, r->name, "", -ENAMETOOLONG);
	if (made && S_ISDIR(r->st.st_mode))
		return add_dir(g->c, from, to, &r->st, true);
	if (made) {
		count_small(g->c, &r->st);
		return 0;
	}
	if (v && v->err != -EAGAIN && v->err != -EEXIST)
		return say(g->c, to, v->err);
	return S_ISDIR(r->st.st_mode) ? make_dir(g->c, from, to, &r->st) : make_small(g->c, from, to, &r->st);
}

static int copy_content(struct xcp *c, struct xcp_dir *d)
{
	struct gathering g = {.c = c, .dir = d, .batch = xcp_batch_new(d->to), .last = &g.first};
	struct exo_file *src;
	struct rest *r;
	int err;

	if (!g.batch)
		return say(c, d->to, -ENOMEM);
	err = exo_file_open(c->from, fs_path(d->from), O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, &src);
	if (!err) {
		err = exo_file_scan(src, 0, gather, &g);
		exo_file_close(src);
	}
	if (err && !g.stop)
		xcp_trouble(c, d->from, "", err);
	/* A batch of files alone waits until their reads are under way. */
	if (!g.stop && g.first)
		g.stop = xcp_batch_make(c, g.batch);
	while (g.first) {
		r = g.first;
		g.first = r->next;
		if (!g.stop)
			g.stop = rest_one(&g, r);
		free(r);
	}
	xcp_batch_put(g.batch);
	while (!g.stop && xcp_queue_full(c))
		g.stop = xcp_turn_once(c);
	return g.stop;
}

/* The top: a file, or a directory and all below it. */
int xcp_walk(struct xcp *c)
{
	const char *to = c->dest;
	struct xcp_dir *d;
	struct stat st, have;
	int err = exo_fs_stat(c->from, fs_path(c->under), EXO_FS_NOFOLLOW, &st);

	if (err)
		return say(c, c->under, err);
	if (S_ISREG(st.st_mode))
		return queue_file(c, c->under, to, &st) ? 0 : say(c, to, -ENOMEM);
	if (!S_ISDIR(st.st_mode))
		return make_small(c, c->under, to, &st);
	if (c->from == c->to && !exo_fs_stat(c->to, fs_path(to), 0, &have) && have.st_ino == st.st_ino)
		return xcp_trouble(c, c->under, "a directory is not copied into itself", 0);
	err = make_dir(c, c->under, to, &st);
	if (!err && c->from == c->to && !exo_fs_stat(c->to, fs_path(to), 0, &have))
		c->dest_ino = have.st_ino;
	while (!err && c->todo) {
		d = c->todo;
		c->todo = d->todo;
		err = stop_asked() ? 1 : copy_content(c, d);
	}
	return err;
}

int xcp_dirs_done(struct xcp *c)
{
	struct xcp_dir *d;
	int err, stop = 0;

	for (d = c->dirs; d && !stop; d = d->next) {
		struct xcp_place a = {c->from, NULL, fs_path(d->from)}, b = {c->to, NULL, fs_path(d->to)};

		err = d->whole ? xcp_times(c, &b, &d->st) : xcp_attributes(c, &a, &b, &d->st);
		if (err)
			stop = say(c, d->to, err);
	}
	return stop;
}

void xcp_tree_free(struct xcp *c)
{
	while (c->dirs) {
		struct xcp_dir *d = c->dirs;

		c->dirs = d->next;
		free(d->from);
		free(d->to);
		free(d);
	}
	tdestroy(c->links, free);
}
