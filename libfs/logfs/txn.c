// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * txn.c: one transaction. Each node that it changes is copied to a new block at the end of the log; the old block is
 * cleared in core and given back in the same transaction, so it is never written again. What moves from an old
 * partition to a new one, what is taken and what is given back is found by comparing all claims before and after; the
 * module checks the sum, so a mistake here is refused, not carried out.
 */
#include <stdint.h>
#include "logfs.h"

int log_txn_begin(struct logfs *fs)
{
	struct ltxn *t = &fs->txn;
	int err;

	if (fs->fs.flags & EXO_FS_RDONLY)
		return -EROFS;
	t->nown = t->npick = t->narena = 0;
	err = cache_super(fs, t->super, &t->version);
	if (err)
		return err;
	memcpy(t->before, t->super, LOGFS_PART);
	t->open = true;
	return 0;
}

static void forget(struct logfs *fs)
{
	struct ltxn *t = &fs->txn;
	u32 i;

	for (i = 0; i < t->nown; i++)
		free(t->own[i]);
	for (i = 0; i < t->narena; i++)
		free(t->arena[i]);
	t->nown = t->narena = 0;
	t->open = false;
}

void log_txn_abort(struct logfs *fs)
{
	forget(fs);
}

const u8 *txn_data(struct logfs *fs, const void *data, u32 len)
{
	struct ltxn *t = &fs->txn;
	u8 *copy;

	if (t->narena == sizeof(t->arena) / sizeof(*t->arena))
		return NULL;
	copy = malloc(len ? len : 1);
	if (!copy)
		return NULL;
	memcpy(copy, data, len);
	t->arena[t->narena++] = copy;
	return copy;
}

struct lnode *txn_find(struct logfs *fs, u64 block)
{
	struct ltxn *t = &fs->txn;
	u32 i;

	for (i = 0; t->open && i < t->nown; i++)
		if (t->own[i]->block == block && !t->own[i]->dead)
			return t->own[i];
	return NULL;
}

static int add(struct logfs *fs, struct lnode **out)
{
	struct ltxn *t = &fs->txn;
	struct lnode *n;
	u64 start, count;
	int err;

	if (t->nown == LOGFS_OWN)
		return -EXFULL;
	err = log_pick(fs, 1, &start, &count);
	if (err)
		return log_full(fs, err);
	n = malloc(sizeof(*n));
	if (!n)
		return -ENOMEM;
	memset(n, 0, offsetof(struct lnode, bytes));
	n->block = start;
	t->own[t->nown++] = n;
	*out = n;
	return 0;
}

int txn_own(struct logfs *fs, struct lnode *old, struct lnode **out)
{
	struct lnode *n;
	int err;

	*out = old;
	if (txn_find(fs, old->block) == old)
		return 0;
	err = add(fs, &n);
	if (err)
		return err;
	n->orig = old;
	n->kind = old->kind;
	n->level = old->level;
	n->n = old->n;
	memcpy(n->rec, old->rec, old->n * sizeof(*old->rec));
	*out = n;
	return 0;
}

int txn_new(struct logfs *fs, u8 kind, u8 level, struct lnode **out)
{
	int err = add(fs, out);

	if (!err) {
		(*out)->kind = kind;
		(*out)->level = level;
	}
	return err;
}

/* ---- what moves ---- */

struct piece {
	u64 start, end;
	u64 where; /* partition: block x 8 + index */
	u32 meta;
};

static int by_start(const void *x, const void *y)
{
	const struct piece *a = x, *b = y;

	return a->start < b->start ? -1 : a->start > b->start;
}

static u32 of_super(const struct logfs *fs, const u8 *super, struct piece *out)
{
	u32 i, n = 0;

	for (i = 0; i < 2; i++) {
		u64 block = get64(super + LOGFS_SUP_TREES + 8 * i);

		if (block)
			out[n++] = (struct piece){block, block + 1, fs->root_block * LOGFS_PARTS, true};
	}
	return n;
}

static u32 of_node(const struct lnode *n, struct piece *out)
{
	u32 i;

	if (n->kind == LOGFS_KIND_ITEM)
		return 0;
	for (i = 0; i < n->n; i++) {
		const struct rec *r = &n->rec[i];

		out[i] = (struct piece){r->val, r->val + r->len, n->block * LOGFS_PARTS + r->part,
					n->kind == LOGFS_KIND_NODE};
	}
	return n->n;
}

static int declare(struct logfs *fs, u32 *n, u32 op, const struct piece *p, u64 start, u64 end)
{
	struct exo_decl *last = *n ? &fs->decl[*n - 1] : NULL;
	u32 template_id = p->meta ? fs->template_id : 0;

	if (start >= end)
		return 0;
	if (last && op != EXO_DECL_MOVE && last->op == op && last->template_id == template_id &&
	    last->start + last->count == start) {
		last->count += end - start;
		return 0;
	}
	if (*n == EXO_MAX_DECLS)
		return -EXFULL;
	fs->decl[(*n)++] = (struct exo_decl){op, template_id, start, end - start};
	return 0;
}

/* Both sides sorted and without overlap: one sweep. */
static int compare(struct logfs *fs, struct piece *a, u32 na, struct piece *b, u32 nb, u32 *ndecls)
{
	u32 i = 0, k = 0;
	int err = 0;

	*ndecls = 0;
	while (!err && (i < na || k < nb)) {
		u64 end;

		if (k == nb || (i < na && a[i].start < b[k].start)) {
			end = k < nb && b[k].start < a[i].end ? b[k].start : a[i].end;
			err = declare(fs, ndecls, EXO_DECL_FREE, &a[i], a[i].start, end);
			a[i].start = end;
		} else if (i == na || b[k].start < a[i].start) {
			end = i < na && a[i].start < b[k].end ? a[i].start : b[k].end;
			err = declare(fs, ndecls, EXO_DECL_ALLOC, &b[k], b[k].start, end);
			b[k].start = end;
		} else {
			end = a[i].end < b[k].end ? a[i].end : b[k].end;
			/* A block does not change between data and metadata in one transaction: picks are free blocks.
			 */
			if (a[i].where != b[k].where)
				err = declare(fs, ndecls, EXO_DECL_MOVE, &a[i], a[i].start, end);
			a[i].start = b[k].start = end;
		}
		if (i < na && a[i].start == a[i].end)
			i++;
		if (k < nb && b[k].start == b[k].end)
			k++;
	}
	return err;
}

static int find_decls(struct logfs *fs, u32 *n)
{
	u32 room = (fs->txn.nown + 1) * LOGFS_RECS, na, nb, i;
	struct piece *a = malloc(2 * room * sizeof(*a)), *b = a + room;
	struct ltxn *t = &fs->txn;
	int err;

	if (!a)
		return -ENOMEM;
	na = of_super(fs, t->before, a);
	nb = of_super(fs, t->super, b);
	for (i = 0; i < t->nown; i++) {
		if (t->own[i]->orig)
			na += of_node(t->own[i]->orig, a + na);
		if (!t->own[i]->dead)
			nb += of_node(t->own[i], b + nb);
	}
	qsort(a, na, sizeof(*a), by_start);
	qsort(b, nb, sizeof(*b), by_start);
	err = compare(fs, a, na, b, nb, n);
	free(a);
	return err;
}

/* ---- to the module ---- */

/* New nodes into the cache, as the module has them now. */
static void keep(struct logfs *fs, struct lnode *n, u64 version)
{
	u64 now;

	n->orig = NULL;
	n->frame = exo_lookup(fs->v, fs->fs.disk, n->block, &now);
	n->version = version;
	if (n->frame == EXO_NOFRAME || now != version || node_decode(n, n->block))
		free(n);
	else
		cache_put(fs, n);
}

int log_txn_commit(struct logfs *fs)
{
	static const u8 zero[BLK];
	struct exo_edit edit[2 * LOGFS_OWN + 1];
	u64 versions[2 * LOGFS_OWN + 1];
	struct exo_why *why = exo_fs_why_here();
	struct exo_txn x = {.disk = fs->fs.disk, .cap = fs->cap};
	struct ltxn *t = &fs->txn;
	u32 i, n, decls, live = 0;
	int err;

	put64(t->super + LOGFS_SUP_COMMITS, get64(t->super + LOGFS_SUP_COMMITS) + 1);
	err = find_decls(fs, &decls);
	if (err) {
		log_txn_abort(fs);
		return err;
	}
	edit[0] = (struct exo_edit){fs->root_block, t->version, 0, LOGFS_PART, (uintptr_t)t->super};
	n = 1;
	/* Those that live first: their versions are wanted. */
	for (i = 0; i < t->nown; i++) {
		struct lnode *own = t->own[i];

		if (own->dead)
			continue;
		node_encode(own);
		edit[n++] = (struct exo_edit){own->block, EXO_VERSION_NEW, 0, BLK, (uintptr_t)own->bytes};
	}
	for (i = 0; i < t->nown; i++) {
		struct lnode *old = t->own[i]->orig;

		if (old)
			edit[n++] = (struct exo_edit){old->block, old->version, 0, BLK, (uintptr_t)zero};
	}
	x.nedits = n;
	x.ndecls = decls;
	x.edits = (uintptr_t)edit;
	x.decls = (uintptr_t)fs->decl;
	x.versions = (uintptr_t)versions;
	err = exo_txn(fs->fs.x, &x, why);
	if (err < 0) {
		err = log_err_retry(fs, err, why);
		log_txn_abort(fs);
		return err;
	}
	fs->starved = fs->full = 0;
	for (i = 0; i < t->nown; i++) {
		if (t->own[i]->dead)
			free(t->own[i]);
		else
			keep(fs, t->own[i], versions[++live]);
	}
	t->nown = 0;
	forget(fs);
	return 0;
}
