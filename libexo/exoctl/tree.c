// SPDX-License-Identifier: GPL-2.0 OR MIT
/* tree.c: the walk over a tree of either kind. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "exoctl.h"
#include "tree.h"

int names_add(struct names *l, const char *name)
{
	if (l->n == l->room) {
		size_t room = l->room ? 2 * l->room : 64;
		char **v = realloc(l->v, room * sizeof(*v));

		if (!v)
			return -ENOMEM;
		l->v = v;
		l->room = room;
	}
	l->v[l->n] = strdup(name);
	if (!l->v[l->n])
		return -ENOMEM;
	l->n++;
	return 0;
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void names_sort(struct names *l)
{
	if (l->n)
		qsort(l->v, l->n, sizeof(*l->v), by_bytes);
}

void names_free(struct names *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
	*l = (struct names){.v = NULL};
}

int path_join(char *out, const char *dir, const char *name)
{
	int n = snprintf(out, PATH_MAX, "%s%s%s", dir, *dir && *name ? "/" : "", name);

	return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

void tree_free(struct tree *t)
{
	if (t)
		t->ops->done(t);
}

/* A name from a disk may be anything; one that leaves its directory must not reach the host. */
static bool name_is_sound(const char *name)
{
	return *name && strcmp(name, ".") && strcmp(name, "..") && !strchr(name, '/') && strlen(name) <= NAME_MAX;
}

/*
 * `path` is one buffer of PATH_MAX for the whole walk; `used` bytes of it name this directory. So the depth of the
 * recursion is bounded by PATH_MAX / 2, whatever the tree holds.
 */
static int walk_dir(struct tree *t, const struct walk *w, char *path, size_t used)
{
	struct names l = {.v = NULL};
	int stop = 0, err;

	err = t->ops->list(t, path, &l);
	if (err)
		stop = w->trouble(w->arg, path, err);
	names_sort(&l);
	for (size_t i = 0; i < l.n && !stop; i++) {
		size_t len = strlen(l.v[i]), at = used + (used ? 1 : 0);
		struct stat st;

		if (!name_is_sound(l.v[i])) {
			stop = w->trouble(w->arg, path, -EUCLEAN);
			continue;
		}
		if (at + len >= PATH_MAX) {
			stop = w->trouble(w->arg, path, -ENAMETOOLONG);
			continue;
		}
		if (used)
			path[used] = '/';
		memcpy(path + at, l.v[i], len + 1);
		err = t->ops->stat(t, path, &st);
		if (err)
			stop = w->trouble(w->arg, path, err);
		else
			stop = w->visit(w->arg, path, &st);
		if (!err && !stop && S_ISDIR(st.st_mode)) {
			stop = walk_dir(t, w, path, at + len);
			if (!stop && w->leave)
				stop = w->leave(w->arg, path, &st);
		}
		path[used] = '\0';
	}
	names_free(&l);
	return stop;
}

int tree_walk(struct tree *t, const struct walk *w)
{
	char *path = calloc(1, PATH_MAX);
	int stop;

	if (!path)
		return w->trouble(w->arg, "", -ENOMEM);
	stop = walk_dir(t, w, path, 0);
	free(path);
	return stop;
}
