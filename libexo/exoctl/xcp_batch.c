// SPDX-License-Identifier: GPL-2.0 OR MIT
/* xcp_batch.c: entries of a directory that are made together, with attributes and blocks; and extents that are known
 * without asking. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include "xcp.h"

int xcp_join(char *out, const char *dir, const char *name)
{
	size_t d = strlen(dir), n = strlen(name), slash = d && n;

	if (d + slash + n >= PATH_MAX)
		return -ENAMETOOLONG;
	memcpy(out, dir, d);
	out[d] = '/';
	memcpy(out + d + slash, name, n + 1);
	return 0;
}

struct xcp_batch *xcp_batch_new(const char *dir)
{
	struct xcp_batch *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->dir = strdup(dir);
	b->users = 1;
	if (b->dir)
		return b;
	free(b);
	return NULL;
}

void xcp_batch_put(struct xcp_batch *b)
{
	if (!b || --b->users)
		return;
	for (uint32_t i = 0; i < b->n; i++)
		free((char *)b->v[i].name);
	free(b->v);
	free(b->dir);
	free(b);
}

/*
 * Files get their final mode at once: what they hold before their content is zeroes. A directory stays open to its
 * owner until it is filled, whom no right is asked for if that is the administrator.
 */
int xcp_batch_add(struct xcp *c, struct xcp_batch *b, const char *name, const char *target, const struct stat *st)
{
	size_t n = strlen(name) + 1, t = target ? strlen(target) + 1 : 0;
	struct exo_make *v;
	char *text;

	if (b->n == b->room) {
		uint32_t room = b->room ? 2 * b->room : 16;

		v = realloc(b->v, room * sizeof(*v));
		if (!v)
			return -1;
		b->v = v;
		b->room = room;
	}
	text = malloc(n + t);
	if (!text)
		return -1;
	memcpy(text, name, n);
	memcpy(text + n, target ? target : "", t);
	v = &b->v[b->n];
	memset(v, 0, sizeof(*v));
	v->name = text;
	v->target = t ? text + n : NULL;
	v->st = *st;
	v->flags = EXO_MAKE_BLOCKS;
	if (S_ISDIR(st->st_mode) && !c->root)
		v->st.st_mode |= 0700;
	return b->n++;
}

static void all_alone(struct xcp_batch *b)
{
	for (uint32_t i = 0; i < b->n; i++)
		b->v[i].err = -EAGAIN;
}

int xcp_batch_make(struct xcp *c, struct xcp_batch *b)
{
	struct exo_file *dir;
	int err;

	if (b->made)
		return 0;
	b->made = true;
	all_alone(b);
	if (c->alone || !b->n)
		return 0;
	err = exo_file_open(c->to, fs_path(b->dir), O_PATH | O_DIRECTORY, 0, &dir);
	/* What is wrong with it shows at each entry, by the ordinary calls. */
	if (err)
		return 0;
	err = exo_file_make(dir, b->v, b->n);
	exo_file_close(dir);
	if (err == -EOPNOTSUPP)
		c->alone = true;
	if (err && !xcp_ends(c, b->dir, err)) {
		for (uint32_t i = 0; i < b->n; i++)
			if (b->v[i].err)
				b->v[i].err = -EAGAIN;
		err = 0;
	}
	return err ? 1 : 0;
}

int xcp_extents(const struct exo_file_extent *v, uint32_t n, uint64_t off, uint64_t len, exo_file_extent_fn fn,
		void *arg)
{
	uint64_t end = off + len, skip, most;
	int err = 0;

	off -= off % EXO_BLOCK_SIZE;
	for (uint32_t i = 0; i < n && !err; i++) {
		struct exo_file_extent e = v[i];

		if (e.off + (uint64_t)e.io.count * EXO_BLOCK_SIZE <= off || e.off >= end)
			continue;
		skip = e.off < off ? (off - e.off) / EXO_BLOCK_SIZE : 0;
		e.off += skip * EXO_BLOCK_SIZE;
		e.io.first += skip;
		e.io.count -= skip;
		most = (end - e.off + EXO_BLOCK_SIZE - 1) / EXO_BLOCK_SIZE;
		if (e.io.count > most)
			e.io.count = most;
		err = fn(arg, &e);
	}
	return err;
}

int xcp_source_extents(struct xcp_item *it, uint64_t off, uint64_t len, exo_file_extent_fn fn, void *arg)
{
	if (it->known)
		return xcp_extents(it->where, it->nwhere, off, len, fn, arg);
	return exo_file_extents(it->src, off, len, 0, fn, arg);
}
