// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * xcp_tree.c: the source's tree, entry by entry. Directories, symbolic links and special files are made at once, regular
 * files queued; a directory's attributes are set at the end, because what is made in it would change its times.
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
	struct stat st;
	char *from, *to;
};

struct link { /* first name of an inode that has several */
	uint64_t ino;
	char to[];
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

static void prune(struct xcp *c, const char *path)
{
	free(c->pruned);
	c->pruned = strdup(path);
}

static bool is_pruned(const struct xcp *c, const char *path)
{
	size_t n = c->pruned ? strlen(c->pruned) : 0;

	return c->pruned && !strncmp(path, c->pruned, n) && (!n || path[n] == '/');
}

static int make_dir(struct xcp *c, const char *rel, const char *from, const char *to, const struct stat *st)
{
	struct xcp_dir *d;
	struct stat have;
	int err;

	if (c->dest_ino && st->st_ino == c->dest_ino) {
		prune(c, rel);
		return xcp_trouble(c, from, "a directory is not copied into itself", 0);
	}
	xcp_act_as(c, st);
	err = exo_fs_mkdir(c->to, to, xcp_first_mode(c, st));
	xcp_act_as(c, NULL);
	if (err == -EEXIST || (err && !strcmp(to, "/"))) {
		err = exo_fs_stat(c->to, to, EXO_FS_NOFOLLOW, &have);
		if (!err && !S_ISDIR(have.st_mode)) {
			prune(c, rel);
			return xcp_trouble(c, to, "not a directory; not overwritten with one", 0);
		}
		/* Its owner must be able to fill it until it gets its final mode. */
		if (!err && (have.st_mode & 0700) != 0700)
			err = exo_fs_chmod(c->to, to, (have.st_mode & 07777) | 0700);
	}
	if (err) {
		prune(c, rel);
		return say(c, to, err);
	}
	if (!*rel && c->from == c->to) {
		if (!exo_fs_stat(c->to, to, 0, &have))
			c->dest_ino = have.st_ino;
	}
	d = calloc(1, sizeof(*d));
	if (d) {
		d->st = *st;
		d->from = strdup(from);
		d->to = strdup(to);
		d->next = c->dirs;
		c->dirs = d;
	}
	if (!d || !d->from || !d->to)
		return say(c, to, -ENOMEM);
	c->p.dirs++;
	return 0;
}

/* What stands at the place gives way, as with cp; a directory does not. */
static int make_room(struct xcp *c, const char *to)
{
	struct stat have;
	int err = exo_fs_stat(c->to, to, EXO_FS_NOFOLLOW, &have);

	if (err)
		return err == -ENOENT ? 0 : err;
	return S_ISDIR(have.st_mode) ? -EISDIR : exo_fs_unlink(c->to, to);
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
	if (S_ISLNK(st->st_mode))
		c->p.links++;
	else
		c->special++;
	return 0;
}

static int queue_file(struct xcp *c, const char *from, const char *to, const struct stat *st)
{
	struct xcp_item *it = calloc(1, sizeof(*it));

	if (it) {
		it->from = strdup(from);
		it->to = strdup(to);
		it->st = *st;
	}
	if (!it || !it->from || !it->to) {
		if (it) {
			free(it->from);
			free(it->to);
			free(it);
		}
		return say(c, to, -ENOMEM);
	}
	if (st->st_nlink > 1)
		it->linked = first_name(c, st->st_ino, it->to);
	xcp_queue(c, it);
	return xcp_queue_full(c) ? xcp_turn_once(c) : 0;
}

static int visit(void *arg, const char *rel, const struct stat *st)
{
	char from[PATH_MAX], to[PATH_MAX];
	struct xcp *c = arg;

	if (stop_asked())
		return 1;
	if (is_pruned(c, rel))
		return 0;
	progress_show(&c->p);
	if (path_join(from, c->under, rel) || path_join(to, c->dest, rel)) {
		if (S_ISDIR(st->st_mode))
			prune(c, rel);
		return xcp_trouble(c, rel, "", -ENAMETOOLONG);
	}
	if (S_ISDIR(st->st_mode))
		return make_dir(c, rel, fs_path(from), fs_path(to), st);
	if (S_ISREG(st->st_mode))
		return queue_file(c, from, to, st);
	return make_small(c, from, to, st);
}

static int unread(void *arg, const char *rel, int err)
{
	return xcp_trouble(arg, rel, "", err);
}

int xcp_walk(struct xcp *c)
{
	const struct walk w = {.visit = visit, .trouble = unread, .arg = c};
	struct stat st;
	int err = exo_fs_stat(c->from, fs_path(c->under), EXO_FS_NOFOLLOW, &st);

	if (err)
		return say(c, c->under, err);
	err = visit(c, "", &st);
	if (!err && S_ISDIR(st.st_mode) && !is_pruned(c, "/"))
		err = tree_walk(c->src, &w);
	return err;
}

int xcp_dirs_done(struct xcp *c)
{
	struct xcp_dir *d;
	int err, stop = 0;

	for (d = c->dirs; d && !stop; d = d->next) {
		struct xcp_place a = {c->from, NULL, d->from}, b = {c->to, NULL, d->to};

		err = xcp_attributes(c, &a, &b, &d->st);
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
	free(c->pruned);
}
