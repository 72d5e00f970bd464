// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * path.c: from a path to a node, the same for every type. ".." at the top is the top, and an absolute target starts
 * there, unless the tree has an outside (EXO_FS_HOST): then the walk ends with -EXO_ESCAPED. Symlinks are spliced into
 * the rest of the path, at most 40 of them, and the spliced path may not outgrow the buffer.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "type.h"

#define LINKS_MAX 40

static void hold(struct exo_node **at, struct exo_node *node)
{
	node->refs++;
	*at = node;
}

static void replace(struct exo_fs *fs, struct exo_node **at, struct exo_node *node)
{
	struct exo_node *old = *at;

	*at = node;
	fs->type->put(fs, old);
}

/* Put a symlink's target in front of what is left of the path. */
static int splice(struct exo_fs *fs, struct exo_walk *w, const char **rest, struct exo_node *link)
{
	char target[PATH_MAX];
	size_t left = strlen(*rest);
	ssize_t n;

	n = fs->type->readlink(fs, link, target, sizeof(target));
	if (n < 0)
		return n;
	if (n == 0)
		return -ENOENT;
	if ((size_t)n + left + 2 > sizeof(w->buf) || n >= PATH_MAX)
		return -ENAMETOOLONG;
	memmove(w->buf + n + 1, *rest, left + 1);
	memcpy(w->buf, target, n);
	w->buf[n] = '/';
	*rest = w->buf;
	/* "a -> b" without anything behind must not become "b/": that would demand a directory. */
	if (!left)
		w->buf[n] = 0;
	return 0;
}

static bool is(struct exo_name n, const char *s)
{
	return n.len == strlen(s) && !memcmp(n.at, s, n.len);
}

static bool may_not(const struct exo_fs *fs, unsigned how)
{
	return fs->confine && fs->confine->how & how;
}

/* The path leads out of a tree that has an outside. */
static int escape(struct exo_fs *fs, const char *path, const char *rest)
{
	if (may_not(fs, EXO_RESOLVE_NO_XDEV))
		return -EXDEV;
	fs->escape->from = path;
	memmove(fs->escape->rest, rest, strlen(rest) + 1);
	return -EXO_ESCAPED;
}

/*
 * The one walk. Follows a final symlink if `follow`. With `last` it stops before the last component; with `node` as
 * well it looks that one up, and *node stays NULL if there is none.
 */
static int walk(struct exo_fs *fs, struct exo_node *start, const char *path, bool last, bool follow, int dots,
		struct exo_walk *w, struct exo_node **out, struct exo_node **node)
{
	struct exo_node *at, *next;
	const char *rest;
	bool held = true; /* `at` was not just looked up: somebody may have changed it */
	int links = 0, err;

	if (!path)
		return -EFAULT;
	if (!*path)
		return -ENOENT;
	if (strlen(path) >= PATH_MAX)
		return -ENAMETOOLONG;
	strcpy(w->buf, path);
	rest = w->buf;
	w->slash = false;
	if (node)
		*node = NULL;
	if (*rest == '/' && may_not(fs, EXO_RESOLVE_BENEATH))
		return -EXDEV;
	if (may_not(fs, EXO_RESOLVE_IN_ROOT))
		hold(&at, *rest == '/' || !start ? fs->confine->top : start);
	else if (start && *rest != '/')
		hold(&at, start);
	else
		at = fs->type->top(fs);
	if (*rest == '/' && !rest[strspn(rest, "/")] && last) {
		err = dots;
		goto fail;
	}
	for (;;) {
		struct exo_name n;
		bool final, slash;

		rest += strspn(rest, "/");
		if (!*rest) {
			if (last) {
				err = dots;
				goto fail;
			}
			*out = at;
			return 0;
		}
		n.at = rest;
		n.len = strcspn(rest, "/");
		rest += n.len;
		slash = *rest == '/';
		final = !rest[strspn(rest, "/")];
		if (n.len > NAME_MAX) {
			err = -ENAMETOOLONG;
			goto fail;
		}
		if (!S_ISDIR(at->mode)) {
			err = -ENOTDIR;
			goto fail;
		}
		if (held && fs->type->refresh)
			fs->type->refresh(fs, at);
		held = false;
		err = exo_node_may(fs, at, X_OK);
		if (err)
			goto fail;
		if (is(n, ".") || is(n, "..")) {
			if (final && last) {
				err = dots;
				goto fail;
			}
			if (n.len == 2 && fs->confine && at == fs->confine->top) {
				if (may_not(fs, EXO_RESOLVE_IN_ROOT))
					continue;
				if (may_not(fs, EXO_RESOLVE_BENEATH)) {
					err = -EXDEV;
					goto fail;
				}
			}
			if (n.len == 2 && !at->parent && fs->escape) {
				err = escape(fs, path, rest);
				goto fail;
			}
			if (n.len == 2 && at->parent) {
				hold(&next, at->parent);
				replace(fs, &at, next);
				held = true;
			}
			continue;
		}
		w->name = n;
		w->slash = slash;
		if (final && last && !node) {
			*out = at;
			return 0;
		}
		err = fs->type->lookup(fs, at, n, &next);
		if (err == -ENOENT && final && node) {
			*out = at;
			return 0;
		}
		if (err)
			goto fail;
		if (S_ISLNK(next->mode) && (!final || follow || slash)) {
			err = ++links > LINKS_MAX || may_not(fs, EXO_RESOLVE_NO_SYMLINKS)
				      ? -ELOOP
				      : splice(fs, w, &rest, next);
			fs->type->put(fs, next);
			if (err)
				goto fail;
			if (w->buf[0] == '/' && may_not(fs, EXO_RESOLVE_BENEATH)) {
				err = -EXDEV;
				goto fail;
			}
			if (w->buf[0] == '/' && may_not(fs, EXO_RESOLVE_IN_ROOT)) {
				hold(&next, fs->confine->top);
				replace(fs, &at, next);
				held = true;
				continue;
			}
			if (w->buf[0] == '/' && fs->escape) {
				err = escape(fs, path, w->buf);
				goto fail;
			}
			if (w->buf[0] == '/') {
				next = fs->type->top(fs);
				replace(fs, &at, next);
				held = true;
			}
			continue;
		}
		if (final && node) {
			*node = next;
			*out = at;
			return 0;
		}
		replace(fs, &at, next);
		if (slash && !S_ISDIR(at->mode)) {
			err = -ENOTDIR;
			goto fail;
		}
	}
fail:
	fs->type->put(fs, at);
	return err;
}

/* The bytes before a last plain name and its slash, for `known` and `learn`; 0: there are none, or it is another kind
 * of path. */
static size_t before_last(const char *path, struct exo_name *last)
{
	size_t len = path ? strlen(path) : 0, n = len;

	while (n && path[n - 1] != '/')
		n--;
	*last = (struct exo_name){path + n, len - n};
	if (n < 2 || path[n - 2] == '/' || len >= PATH_MAX || !last->len || last->len > NAME_MAX || is(*last, ".") ||
	    is(*last, ".."))
		return 0;
	return n - 1;
}

/* The directory that the first `len` bytes lead to, if it is known and may be searched. */
static bool know_dir(struct exo_fs *fs, struct exo_node *at, const char *path, size_t len, const struct exo_name *last,
		     struct exo_walk *w, struct exo_node **dir)
{
	struct exo_node *node = len ? fs->type->known(fs, at, path, len) : NULL;

	if (!node || !S_ISDIR(node->mode) || exo_node_may(fs, node, X_OK))
		return false;
	hold(dir, node);
	w->name = *last;
	w->slash = false;
	return true;
}

int exo_walk(struct exo_fs *fs, struct exo_node *at, const char *path, unsigned flags, struct exo_node **out)
{
	size_t len = path ? strlen(path) : 0, dir_len;
	struct exo_node *node;
	struct exo_name last = {0};
	struct exo_walk w;
	int err;

	if (!len && path && flags & EXO_WALK_EMPTY) {
		if (at)
			hold(out, at);
		else
			*out = fs->type->top(fs);
		return 0;
	}
	if (!len || !fs->type->known || fs->confine)
		return walk(fs, at, path, false, !(flags & EXO_WALK_NOFOLLOW), 0, &w, out, NULL);
	node = fs->type->known(fs, at, path, len);
	if (node) {
		hold(out, node);
		return 0;
	}
	dir_len = before_last(path, &last);
	if (know_dir(fs, at, path, dir_len, &last, &w, &node)) {
		err = fs->type->lookup(fs, node, w.name, out);
		fs->type->put(fs, node);
		if (!err && S_ISLNK((*out)->mode) && !(flags & EXO_WALK_NOFOLLOW)) {
			fs->type->put(fs, *out);
			err = walk(fs, at, path, false, true, 0, &w, out, NULL);
		}
		dir_len = 0;
	} else {
		err = walk(fs, at, path, false, !(flags & EXO_WALK_NOFOLLOW), 0, &w, out, NULL);
	}
	/* learn finds out whether it was plain names all the way. */
	if (!err && dir_len && (*out)->parent)
		fs->type->learn(fs, at, path, dir_len, (*out)->parent);
	if (!err && !S_ISLNK((*out)->mode))
		fs->type->learn(fs, at, path, len, *out);
	return err;
}

int exo_walk_last(struct exo_fs *fs, struct exo_node *at, const char *path, int dots, struct exo_walk *w,
		  struct exo_node **dir)
{
	struct exo_name last = {0};
	size_t len = fs->type->known && !fs->confine ? before_last(path, &last) : 0;
	int err;

	if (know_dir(fs, at, path, len, &last, w, dir))
		return 0;
	err = walk(fs, at, path, true, false, dots, w, dir, NULL);
	if (!err && len)
		fs->type->learn(fs, at, path, len, *dir);
	return err;
}

int exo_walk_create(struct exo_fs *fs, struct exo_node *at, const char *path, struct exo_walk *w, struct exo_node **dir,
		    struct exo_node **node)
{
	struct exo_name last = {0};
	size_t len = fs->type->known && !fs->confine ? before_last(path, &last) : 0;
	int err;

	if (know_dir(fs, at, path, len, &last, w, dir)) {
		*node = NULL;
		err = fs->type->lookup(fs, *dir, w->name, node);
		if (err == -ENOENT || (!err && !S_ISLNK((*node)->mode)))
			return 0;
		if (!err)
			fs->type->put(fs, *node);
		fs->type->put(fs, *dir);
		if (err)
			return err;
	}
	err = walk(fs, at, path, true, true, -EISDIR, w, dir, node);
	/* A symlink at the end may have led elsewhere: learn finds out. */
	if (!err && len)
		fs->type->learn(fs, at, path, len, *dir);
	return err;
}
