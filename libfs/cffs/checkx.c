// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * checkx.c: the check of inodes in the table. Each must have the names whose numbers it counts, and no others. What a
 * power cut can leave: one without a name (it was being made, or removed), numbers of names that never came, an entry
 * that still has the inode which is in the table already, and two entries for one name, of a rename or an exchange.
 */
#include <stdio.h>
#include "check.h"

static int by_ino(const void *x, const void *y)
{
	const struct xseen *a = x, *b = y;

	return a->ino < b->ino ? -1 : a->ino > b->ino;
}

struct xseen *checkx_find(struct walk *w, u64 ino)
{
	struct xseen key = {.ino = ino};

	return w->nx ? bsearch(&key, w->x, w->nx, sizeof(*w->x), by_ino) : NULL;
}

/* The blocks of its attributes. Are there any? */
static bool own_attrs(struct walk *w, const u8 *part, u64 ino)
{
	struct extent e;
	bool any = false;
	u32 i;

	for (i = 0; i < CFFS_X_EXTS; i++) {
		extent_get(part + CFFS_X_ATTRS + CFFS_E_SIZE * i, &e);
		if (e.count)
			check_own(w, ino, &e, false);
		any |= e.count;
	}
	return any;
}

static int collect(void *arg, u32 place, const struct ref *r)
{
	struct walk *w = arg;
	u8 bytes[CFFS_PART];
	struct xseen *x;
	struct inode di;
	u32 k;

	if (place == CFFS_PLACE_NONE || !(place & 7))
		check_own(w, 0, &(struct extent){r->block, 1, 0}, true);
	if (place == CFFS_PLACE_NONE)
		return 0;
	memcpy(bytes, txn_see(w->fs, r, place & 7), CFFS_PART);
	if (!get32(bytes + CFFS_H_MAGIC))
		return 0;
	if (part_kind(bytes) != CFFS_KIND_INODE || entry_get(bytes, 0, &di, NULL) ||
	    get64(bytes + CFFS_H_OWNER) != di.ino)
		return check_problem(w, 0, r->block, false, "partition %u of block %llu should hold an inode",
				     place & 7, (unsigned long long)r->block)
			       ? 1
			       : 0;
	if (w->nx == w->xroom) {
		x = realloc(w->x, (w->xroom + 1024) * sizeof(*x));
		if (!x)
			return -ENOMEM;
		w->x = x;
		w->xroom += 1024;
	}
	x = &w->x[w->nx++];
	memset(x, 0, sizeof(*x));
	x->ino = di.ino;
	x->place = place;
	x->mine = !w->fs->shared || w->fs->admin || di.uid == w->fs->uid;
	for (k = 0; k < xlink_room(bytes) && !x->parent; k++)
		x->parent = xlink_parent(bytes, k);
	x->owns = inode_owns(&di);
	x->owns |= own_attrs(w, bytes, di.ino);
	return 0;
}

int checkx_begin(struct walk *w)
{
	int err = table_each(w->fs, collect, w);
	u8 bytes[CFFS_PART];
	struct ref r;
	u32 i, part;

	for (i = CFFS_PLACE_TOP; !err && i <= CFFS_PLACE_ORPHANS; i++) {
		err = table_pin(w->fs, i, &r, &part);
		if (err)
			break;
		memcpy(bytes, txn_see(w->fs, &r, part), CFFS_PART);
		meta_put(w->fs, &r);
		if (part_kind(bytes) == CFFS_KIND_INODE)
			own_attrs(w, bytes, i);
	}

	if (w->nx)
		qsort(w->x, w->nx, sizeof(*w->x), by_ino);
	for (i = 1; i < w->nx; i++)
		if (w->x[i].ino == w->x[i - 1].ino)
			check_problem(w, w->x[i].ino, 0, false, "inode %llu is in the table twice",
				      (unsigned long long)w->x[i].ino);
	return err < 0 ? err : 0;
}

static int grow(struct seen ***v, u32 n)
{
	struct seen **more;

	if (n & (n - 1))
		return 0;
	more = realloc(*v, (n ? 2ul * n : 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	*v = more;
	return 0;
}

/* Two entries of one name: a cut came in a rename. The newer stays, for it may stand where something was replaced. */
static void twin(struct walk *w, const struct xseen *x, struct seen *s)
{
	u32 i;

	for (i = x->last; i && w->named[i - 1]->link != s->link; i = w->named[i - 1]->before)
		;
	if (i && s->ctime > w->named[i - 1]->ctime) {
		struct seen *old = w->named[i - 1];

		s->before = old->before;
		w->named[i - 1] = s;
		s = old;
	}
	w->twin[w->ntwins++] = s;
}

int checkx_name(struct walk *w, struct node *dir, const struct loc *loc, const struct inode *di, const char *name)
{
	struct xseen *x = checkx_find(w, di->ino);
	u32 k = REF_LINK(di);
	struct seen *s;

	/* Made since the table was looked at. */
	if (!x || x->place != REF_PLACE(di) || k / 8 >= sizeof(x->map))
		return 1;
	if (grow(&w->named, w->nnamed) || grow(&w->twin, w->ntwins))
		return -ENOMEM;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->ino = di->ino;
	s->dir = node_hold(w->fs, dir);
	s->loc = *loc;
	s->ctime = di->time[T_BTIME];
	s->hash = di->hash;
	s->ref = true;
	s->link = k;
	memcpy(s->name, name, di->name_len);
	if (x->map[k / 8] >> (k % 8) & 1) {
		twin(w, x, s);
		return 1;
	}
	s->before = x->last;
	w->named[w->nnamed++] = s;
	x->last = w->nnamed;
	x->map[k / 8] |= 1u << k % 8;
	x->names++;
	return x->names > 1;
}

/* ---- afterwards ---- */

static struct node *node_at(struct walk *w, const struct xseen *x)
{
	u8 bytes[CFFS_PART];
	struct loc loc;
	struct node *n = node_peek(w->fs, x->ino);
	struct inode di;
	struct ref r;

	if (n && n->ext)
		return node_hold(w->fs, n);
	if (table_pin(w->fs, x->place, &r, &loc.part))
		return NULL;
	loc.block = r.block;
	loc.slot = 0;
	memcpy(bytes, txn_see(w->fs, &r, loc.part), CFFS_PART);
	n = NULL;
	if (part_kind(bytes) == CFFS_KIND_INODE && !entry_get(bytes, 0, &di, NULL) && di.ino == x->ino)
		n = node_get_ext(w->fs, w->fs->orphans, "", 0, &loc, &r, &di, x->place, 0, NULL);
	meta_put(w->fs, &r);
	return n;
}

/* Only numbers whose names were seen, and the count that they make. */
static int renumber_once(struct cffs *fs, struct node *n, const struct xseen *x)
{
	struct ref home;
	u8 *part;
	u32 k;
	int err = node_pin(fs, n, &home);

	if (err)
		return err;
	err = txn_begin(fs);
	part = err ? NULL : txn_part(fs, &home, n->loc.part);
	if (!err && !part)
		err = -EAGAIN;
	if (!err) {
		for (k = 0; k < xlink_room(part); k++)
			if (!(x->map[k / 8] >> (k % 8) & 1))
				xlink_del(part, k);
		if (!S_ISDIR(n->di.mode))
			put32(part + CFFS_SLOT(0) + CFFS_S_NLINK, x->names);
		err = txn_commit(fs);
	} else if (fs->txn.open) {
		txn_abort(fs);
	}
	n->frame = EXO_NOFRAME;
	meta_put(fs, &home);
	return err;
}

static void check_numbers(struct walk *w, const struct xseen *x)
{
	u8 bytes[CFFS_PART];
	u32 part, k, links;
	struct node *n;
	struct ref r;
	bool same = true;
	int err = table_pin(w->fs, x->place, &r, &part);

	if (err)
		return;
	memcpy(bytes, txn_see(w->fs, &r, part), CFFS_PART);
	meta_put(w->fs, &r);
	if (part_kind(bytes) != CFFS_KIND_INODE || get64(bytes + CFFS_H_OWNER) != x->ino)
		return;
	links = get32(bytes + CFFS_SLOT(0) + CFFS_S_NLINK);
	for (k = 0; k < xlink_room(bytes); k++)
		same &= xlink_taken(bytes, k) == (x->map[k / 8] >> (k % 8) & 1);
	if (same && (S_ISDIR(get32(bytes + CFFS_SLOT(0) + CFFS_S_MODE)) || links == x->names))
		return;
	err = -EIO;
	if (check_repairs(w)) {
		n = node_at(w, x);
		if (n) {
			CFFS_RETRY(err, w->fs, renumber_once(w->fs, n, x));
			node_put(w->fs, n);
		}
	}
	check_problem(w, x->ino, r.block, !err, "inode %llu: counts %u names, has %u", (unsigned long long)x->ino,
		      links, x->names);
}

/* A directory of a shared tree that lost its name and has others in it: it gets one at the top, if we may. */
static int name_anew(struct walk *w, struct node *n)
{
	char name[32];

	snprintf(name, sizeof(name), "lost-%llx", (unsigned long long)n->n.ino);
	return link_entry(w->fs, n, w->fs->top, (struct exo_name){name, strlen(name)});
}

/* No name: it goes the way of an orphan. */
static int free_inode(struct walk *w, const struct xseen *x)
{
	struct node *n = node_at(w, x);
	char name[18];
	u32 len;
	int err;

	if (!n)
		return -EUCLEAN;
	len = orphan_name(w->fs, x->ino, name);
	if (w->fs->shared && S_ISDIR(n->di.mode) && dir_empty(w->fs, n) != 1) {
		err = name_anew(w, n);
		node_put(w->fs, n);
		return err;
	}
	err = w->fs->shared ? 0 : link_entry(w->fs, n, w->fs->orphans, (struct exo_name){name, len});
	if (!err || err == -EEXIST)
		err = node_moved(w->fs, n, w->fs->orphans, name, len, &n->loc);
	if (!err)
		err = orphan_purge(w->fs, n);
	node_put(w->fs, n);
	return err;
}

/* The entry has the inode, too: it becomes a reference, or goes if that name was removed since. */
static int refer_once(struct walk *w, struct xseen *x)
{
	const struct seen *s = &x->embedded;
	struct cffs *fs = w->fs;
	struct found f;
	u8 *part;
	int err = dir_at(fs, s->dir, s->hash, &s->loc, s->ino, &f);

	if (!err)
		err = txn_begin(fs);
	if (err)
		goto out;
	part = txn_part(fs, &f.leaf, f.loc.part);
	err = part ? extents_free(fs, &f.di) : -EAGAIN;
	if (!err)
		err = entry_refer(part, f.loc.slot, x->place, 0);
	if (err)
		txn_abort(fs);
	else
		err = txn_commit(fs);
	s->dir->frame = EXO_NOFRAME;
out:
	found_done(fs, &f);
	return err;
}

/* A copy in the table that nobody refers to and that owns nothing. */
static int drop_copy(struct cffs *fs, const struct xseen *x)
{
	u8 bytes[CFFS_PART];
	struct ref r;
	u32 part;
	int err = table_pin(fs, x->place, &r, &part);

	if (err)
		return err;
	memcpy(bytes, txn_see(fs, &r, part), CFFS_PART);
	if (part_kind(bytes) != CFFS_KIND_INODE || get64(bytes + CFFS_H_OWNER) != x->ino)
		err = -ESTALE;
	if (!err)
		err = txn_begin(fs);
	if (!err) {
		err = xinode_free(fs, &r, part);
		if (err)
			txn_abort(fs);
		else
			err = txn_commit(fs);
	}
	meta_put(fs, &r);
	return err;
}

/*
 * What the entry has owns blocks that nobody else does: an older directory. That goes the way of an orphan, and the one
 * in the table gets the name.
 */
static int refer_anew(struct walk *w, struct xseen *x)
{
	const struct seen *s = &x->embedded;
	struct node *n;
	int err = s->dir == w->fs->orphans ? orphans_purge(w->fs) : dir_drop(w->fs, s->dir, s->hash, &s->loc, s->ino);

	if (err || s->dir == w->fs->orphans)
		return err;
	n = node_at(w, x);
	if (!n)
		return -EUCLEAN;
	err = link_entry(w->fs, n, s->dir, (struct exo_name){s->name, strlen(s->name)});
	node_put(w->fs, n);
	return err;
}

static void clash(struct walk *w, struct xseen *x)
{
	struct node *n = node_peek(w->fs, x->ino);
	bool table = x->names || x->owns;
	int err = -EIO;

	if (check_repairs(w) && table) {
		CFFS_RETRY(err, w->fs, refer_once(w, x));
		if (err)
			err = refer_anew(w, x);
		/* Its node, if there is one, is of the entry: it finds its way by the name. */
		if (n)
			n->frame = EXO_NOFRAME;
	} else if (check_repairs(w)) {
		/* The walk did not go on into the entry's inode; the next one will. */
		if (n)
			n->frame = EXO_NOFRAME;
		CFFS_RETRY(err, w->fs, drop_copy(w->fs, x));
	}
	check_problem(w, x->ino, x->embedded.loc.block, !err, "inode %llu is in the table and in its directory as '%s'",
		      (unsigned long long)x->ino, x->embedded.name);
}

/* Numbers that the inode counts and no entry has. */
static u32 missing(struct walk *w, const struct xseen *x)
{
	u8 bytes[CFFS_PART];
	u32 part, k, n = 0;
	struct ref r;

	if (table_pin(w->fs, x->place, &r, &part))
		return 0;
	memcpy(bytes, txn_see(w->fs, &r, part), CFFS_PART);
	meta_put(w->fs, &r);
	for (k = 0; part_kind(bytes) == CFFS_KIND_INODE && k < xlink_room(bytes); k++)
		n += xlink_taken(bytes, k) && !(x->map[k / 8] >> (k % 8) & 1);
	return n;
}

/* A spare name of an exchange that did not end: drop it, or give it the entry that is one too many. */
static int spare(struct walk *w, struct xseen *x, struct node *n)
{
	char name[18];
	u32 i;
	int err;

	for (i = 0; i < w->ntwins && (!w->twin[i]->ino || w->twin[i]->ino == x->ino); i++)
		;
	if (i < w->ntwins && missing(w, x)) {
		err = dir_drop(w->fs, w->twin[i]->dir, w->twin[i]->hash, &w->twin[i]->loc, w->twin[i]->ino);
		if (!err)
			err = link_entry(w->fs, n, w->twin[i]->dir,
					 (struct exo_name){w->twin[i]->name, strlen(w->twin[i]->name)});
		if (err)
			return err;
		w->twin[i]->ino = 0;
	} else if (x->names < 2) {
		snprintf(name, sizeof(name), "lost-%llx", (unsigned long long)x->ino & 0xffffffffffull);
		err = link_entry(w->fs, n, w->fs->top, (struct exo_name){name, strlen(name)});
		if (err)
			return err;
	}
	CFFS_RETRY(err, w->fs, spare_del(w->fs, n, w->fs->orphans));
	return err;
}

static int each_spare(void *arg, const struct exo_dirent *d)
{
	struct walk *w = arg;
	struct exo_node *n;
	struct xseen *x;
	int err;

	if (d->len != 17 || d->name[16] != 'x')
		return 0;
	err = cffs_lookup(&w->fs->fs, &w->fs->orphans->n, (struct exo_name){d->name, d->len}, &n);
	if (err)
		return 0;
	x = checkx_find(w, n->ino);
	if (x) {
		err = check_repairs(w) ? spare(w, x, node_of(n)) : -EIO;
		check_problem(w, x->ino, 0, !err, "inode %llu: an exchange of its name did not end",
			      (unsigned long long)x->ino);
	}
	node_put(w->fs, node_of(n));
	return 0;
}

int checkx_end(struct walk *w)
{
	bool whole;
	u32 i;
	int err = cffs_readdir(&w->fs->fs, &w->fs->orphans->n, 0, each_spare, w);

	if (err < 0)
		return err;
	for (i = 0; i < w->ntwins && !w->stop; i++) {
		struct seen *s = w->twin[i];

		if (!s->ino)
			continue;
		err = check_repairs(w) ? dir_drop(w->fs, s->dir, s->hash, &s->loc, s->ino) : -EIO;
		check_problem(w, s->ino, s->loc.block, !err, "inode %llu has the same name twice; '%s' has to go",
			      (unsigned long long)s->ino, s->name);
	}
	/* The walk did not go on below an entry that is in the table, too. */
	for (i = 0; i < w->nx && !w->stop; i++)
		if (w->x[i].clash)
			clash(w, &w->x[i]);
	/* With any problem, also one that was mended by now, what the walk saw is not what is there. */
	whole = !w->count->problems;
	for (i = 0; i < w->nx && !w->stop; i++) {
		struct xseen *x = &w->x[i];

		if (x->clash || !whole || !x->mine)
			continue;
		/* In a shared tree: open somewhere without a name, perhaps; or in a directory that has none itself. */
		if (!x->names && w->fs->shared) {
			const struct xseen *up = checkx_find(w, x->parent);

			if (!orphans_alone(w->fs) || (up && !up->names && up != x))
				continue;
		}
		if (!x->names) {
			err = check_repairs(w) ? free_inode(w, x) : -EIO;
			check_problem(w, x->ino, 0, !err, "inode %llu in the table has no name",
				      (unsigned long long)x->ino);
		} else {
			check_numbers(w, x);
		}
	}
	return 0;
}

void checkx_done(struct walk *w)
{
	u32 i;

	for (i = 0; i < w->ntwins; i++) {
		node_put(w->fs, w->twin[i]->dir);
		free(w->twin[i]);
	}
	for (i = 0; i < w->nnamed; i++) {
		node_put(w->fs, w->named[i]->dir);
		free(w->named[i]);
	}
	for (i = 0; i < w->nx; i++)
		if (w->x[i].clash)
			node_put(w->fs, w->x[i].embedded.dir);
	free(w->twin);
	free(w->named);
	free(w->x);
}
