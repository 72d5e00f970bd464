// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * tree.c: the two B+ trees. A record of an inner node holds the least key that may be below its child; for the first
 * child that is not looked at. Leaves are not linked: the next leaf is found by its least key, which the way down
 * shows.
 */
#include "logfs.h"

/* The last record whose key is not behind (ino, sub); n->n if there is none. */
static u32 last_upto(const struct lnode *n, u64 ino, u64 sub)
{
	u32 lo = 0, hi = n->n;

	while (lo < hi) {
		u32 mid = (lo + hi) / 2;

		if (key_cmp(ino, sub, &n->rec[mid]) >= 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo ? lo - 1 : n->n;
}

/* The super partition as the caller is to see it: of the running transaction, or as it is now. */
static int super_now(struct logfs *fs, u8 copy[LOGFS_PART], const u8 **super, u64 *version)
{
	if (fs->txn.open) {
		*super = fs->txn.super;
		*version = fs->txn.version;
		return 0;
	}
	*super = copy;
	return cache_super(fs, copy, version);
}

static int get_node(struct logfs *fs, u64 block, u64 home, u32 part, struct lnode **out)
{
	*out = txn_find(fs, block);
	return *out ? 0 : cache_get(fs, block, home, part, out);
}

int tree_walk(struct logfs *fs, u32 tree, u64 ino, u64 sub, struct path *p)
{
	u8 copy[LOGFS_PART];
	const u8 *super;
	struct lnode *n;
	u64 block, home, version;
	u32 level, part;
	int err = super_now(fs, copy, &super, &version);

	p->n = 0;
	p->more = false;
	if (err)
		return err;
	block = get64(super + LOGFS_SUP_TREES + 8 * tree);
	level = super[LOGFS_SUP_LEVELS + tree];
	home = fs->root_block;
	part = 0;
	if (!block)
		return -ENOENT;
	for (;; level--) {
		const struct rec *r;
		u32 i;

		err = get_node(fs, block, home, part, &n);
		if (err)
			return err;
		/* The super partition may have moved on since: then this is somebody else's block. */
		if (n->level != level ||
		    (!level && n->kind != (tree == LOGFS_TREE_ITEMS ? LOGFS_KIND_ITEM : LOGFS_KIND_EXT)))
			return super_version(fs) != version ? -EAGAIN : -EUCLEAN;
		i = last_upto(n, ino, sub);
		p->at[p->n++] = (struct place){n, i};
		/*
		 * A block that was given back may be another node of this tree by now, under a parent that took the old
		 * one's place as well. Only while the super partition stands still is what was seen one tree.
		 */
		if (!level)
			return super_version(fs) == version ? 0 : -EAGAIN;
		if (i == n->n)
			p->at[p->n - 1].i = i = 0;
		if (i + 1 < n->n) {
			p->more = true;
			p->next_ino = n->rec[i + 1].ino;
			p->next_sub = n->rec[i + 1].sub;
		}
		r = &n->rec[i];
		block = r->val;
		home = r->home;
		part = r->home_part;
	}
}

int tree_upto(struct logfs *fs, u32 tree, u64 ino, u64 sub, const struct rec **out)
{
	struct place *leaf;
	struct path p;
	int err = tree_walk(fs, tree, ino, sub, &p), i;

	if (err)
		return err;
	leaf = &p.at[p.n - 1];
	if (leaf->i < leaf->node->n) {
		*out = &leaf->node->rec[leaf->i];
		return 0;
	}
	/* All of the leaf is behind the key: what is before it is in the leaf to the left. */
	for (i = p.n - 2; i >= 0 && !p.at[i].i; i--)
		;
	if (i < 0)
		return -ENOENT;
	/* Down the left neighbour, along its right edge. */
	p.at[i].i--;
	for (;; i++) {
		const struct rec *r = &p.at[i].node->rec[p.at[i].i];

		if (!p.at[i].node->level) {
			*out = r;
			return 0;
		}
		err = get_node(fs, r->val, r->home, r->home_part, &p.at[i + 1].node);
		if (err)
			return err;
		if (p.at[i + 1].node->level + 1 != p.at[i].node->level)
			return -EUCLEAN;
		p.at[i + 1].i = p.at[i + 1].node->n - 1;
	}
}

int tree_from(struct logfs *fs, u32 tree, u64 ino, u64 sub, const struct rec **out)
{
	struct place *leaf;
	struct path p;
	u64 wino = ino, wsub = sub;
	u32 i, turns;
	int err;

	for (turns = 0;; turns++) {
		err = tree_walk(fs, tree, wino, wsub, &p);
		if (err)
			return err;
		leaf = &p.at[p.n - 1];
		i = leaf->i == leaf->node->n ? 0 : leaf->i;
		while (i < leaf->node->n && key_cmp(ino, sub, &leaf->node->rec[i]) > 0)
			i++;
		if (i < leaf->node->n) {
			*out = &leaf->node->rec[i];
			return 0;
		}
		if (!p.more)
			return -ENOENT;
		/* A leaf is never empty, so the next one has something behind its least key. */
		if (turns == 2)
			return -EUCLEAN;
		wino = p.next_ino;
		wsub = p.next_sub;
	}
}

int tree_get(struct logfs *fs, u32 tree, u64 ino, u64 sub, const struct rec **out)
{
	struct place *leaf;
	struct path p;
	int err = tree_walk(fs, tree, ino, sub, &p);

	if (err)
		return err;
	leaf = &p.at[p.n - 1];
	if (leaf->i == leaf->node->n || key_cmp(ino, sub, &leaf->node->rec[leaf->i]))
		return -ENOENT;
	*out = &leaf->node->rec[leaf->i];
	return 0;
}

/* ---- changing ---- */

static void set_top(struct logfs *fs, u32 tree, u64 block, u32 level)
{
	put64(fs->txn.super + LOGFS_SUP_TREES + 8 * tree, block);
	fs->txn.super[LOGFS_SUP_LEVELS + tree] = level;
}

/* The record above a node, or the super partition, names another block. */
static void point(struct logfs *fs, u32 tree, struct path *p, u32 depth, const struct lnode *child)
{
	if (depth)
		p->at[depth - 1].node->rec[p->at[depth - 1].i].val = child->block;
	else
		set_top(fs, tree, child->block, child->level);
}

/* Make the nodes of a path this transaction's own, top first. */
static int own_path(struct logfs *fs, u32 tree, struct path *p)
{
	struct lnode *n;
	u32 i;
	int err;

	for (i = 0; i < p->n; i++) {
		err = txn_own(fs, p->at[i].node, &n);
		if (err)
			return err;
		if (n != p->at[i].node) {
			p->at[i].node = n;
			point(fs, tree, p, i, n);
		}
	}
	return 0;
}

static void insert_at(struct lnode *n, u32 i, const struct rec *r)
{
	memmove(&n->rec[i + 1], &n->rec[i], (n->n - i) * sizeof(*r));
	n->rec[i] = *r;
	n->n++;
}

static void remove_at(struct lnode *n, u32 i)
{
	n->n--;
	memmove(&n->rec[i], &n->rec[i + 1], (n->n - i) * sizeof(*n->rec));
}

/* A child that was made in this transaction is claimed by nobody yet: its home does not matter. */
static struct rec child_rec(const struct lnode *n)
{
	return (struct rec){.ino = n->rec[0].ino, .sub = n->rec[0].sub, .val = n->block, .len = 1};
}

/* The node at `depth` of the path is too full for its partitions: the right half moves to a new one. */
static int split(struct logfs *fs, u32 tree, struct path *p, u32 depth)
{
	struct lnode *n = p->at[depth].node, *right, *top;
	u32 parts = node_packed(n), i = 0, k;
	struct rec r;
	int err;

	err = txn_new(fs, n->kind, n->level, &right);
	if (err)
		return err;
	/* node_spread left the records packed: cut where half the partitions are full. */
	while (i < n->n - 1 && n->rec[i].part < (parts + 1) / 2)
		i++;
	for (k = i; k < n->n; k++)
		right->rec[right->n++] = n->rec[k];
	n->n = i;
	node_spread(n);
	node_spread(right);
	r = child_rec(right);
	if (!depth) {
		if (n->level == LOGFS_LEVEL_MAX)
			return -EFBIG;
		err = txn_new(fs, LOGFS_KIND_NODE, n->level + 1, &top);
		if (err)
			return err;
		top->rec[0] = child_rec(n);
		top->rec[1] = r;
		top->n = 2;
		node_spread(top);
		set_top(fs, tree, top->block, top->level);
		return 0;
	}
	k = p->at[depth - 1].i + 1;
	insert_at(p->at[depth - 1].node, k, &r);
	return node_place(p->at[depth - 1].node, k) > LOGFS_PARTS ? split(fs, tree, p, depth - 1) : 0;
}

int tree_add(struct logfs *fs, u32 tree, const struct rec *new)
{
	struct lnode *n;
	struct rec r = *new;
	struct path p;
	u32 i;
	int err;

	if (tree == LOGFS_TREE_ITEMS) {
		if (r.len > LOGFS_ITEM_MAX)
			return -EINVAL;
		r.data = txn_data(fs, new->data, new->len);
		if (!r.data)
			return -ENOMEM;
	}
	err = tree_walk(fs, tree, r.ino, r.sub, &p);
	if (err == -ENOENT) {
		err = txn_new(fs, tree == LOGFS_TREE_ITEMS ? LOGFS_KIND_ITEM : LOGFS_KIND_EXT, 0, &n);
		if (err)
			return err;
		insert_at(n, 0, &r);
		node_spread(n);
		set_top(fs, tree, n->block, 0);
		return 0;
	}
	if (err)
		return err;
	i = p.at[p.n - 1].i;
	n = p.at[p.n - 1].node;
	if (i < n->n && !key_cmp(r.ino, r.sub, &n->rec[i]))
		return -EEXIST;
	err = own_path(fs, tree, &p);
	if (err)
		return err;
	n = p.at[p.n - 1].node;
	i = i == n->n ? 0 : i + 1;
	insert_at(n, i, &r);
	return node_place(n, i) > LOGFS_PARTS ? split(fs, tree, &p, p.n - 1) : 0;
}

/* The node at `depth` is empty: it goes, and with it perhaps the one above. */
static void drop(struct logfs *fs, u32 tree, struct path *p, u32 depth)
{
	p->at[depth].node->dead = true;
	if (!depth) {
		set_top(fs, tree, 0, 0);
		return;
	}
	remove_at(p->at[depth - 1].node, p->at[depth - 1].i);
	if (!p->at[depth - 1].node->n)
		drop(fs, tree, p, depth - 1);
}

/* A node with little in it and its neighbour become one, where both together leave room. */
static int merge(struct logfs *fs, struct path *p, u32 depth)
{
	struct lnode *up, *left, *right;
	u32 i, k;
	int err;

	if (!depth || node_packed(p->at[depth].node) > 2)
		return 0;
	up = p->at[depth - 1].node;
	i = p->at[depth - 1].i;
	if (up->n < 2)
		return 0;
	if (i == up->n - 1)
		i--;
	err = get_node(fs, up->rec[i].val, up->rec[i].home, up->rec[i].home_part, &left);
	if (!err)
		err = get_node(fs, up->rec[i + 1].val, up->rec[i + 1].home, up->rec[i + 1].home_part, &right);
	if (err)
		return err;
	if (left->kind != right->kind || left->level != right->level)
		return -EUCLEAN;
	if (node_packed(left) + node_packed(right) > 5 || left->n + right->n >= LOGFS_RECS)
		return 0;
	err = txn_own(fs, left, &left);
	if (!err)
		err = txn_own(fs, right, &right);
	if (err)
		return err;
	up->rec[i].val = left->block;
	for (k = 0; k < right->n; k++)
		left->rec[left->n++] = right->rec[k];
	node_spread(left);
	right->dead = true;
	remove_at(up, i + 1);
	p->at[depth].node = left;
	p->at[depth - 1].i = i;
	return merge(fs, p, depth - 1);
}

/* A top with one child is not needed. */
static int lower(struct logfs *fs, u32 tree)
{
	struct lnode *n, *child;
	int err;

	for (;;) {
		n = txn_find(fs, get64(fs->txn.super + LOGFS_SUP_TREES + 8 * tree));
		if (!n || !n->level || n->n > 1)
			return 0;
		err = get_node(fs, n->rec[0].val, n->rec[0].home, n->rec[0].home_part, &child);
		if (err)
			return err;
		if (child->level + 1 != n->level)
			return -EUCLEAN;
		n->dead = true;
		set_top(fs, tree, child->block, child->level);
	}
}

int tree_del(struct logfs *fs, u32 tree, u64 ino, u64 sub)
{
	struct lnode *n;
	struct path p;
	int err = tree_walk(fs, tree, ino, sub, &p);

	if (err)
		return err;
	n = p.at[p.n - 1].node;
	if (p.at[p.n - 1].i == n->n || key_cmp(ino, sub, &n->rec[p.at[p.n - 1].i]))
		return -ENOENT;
	err = own_path(fs, tree, &p);
	if (err)
		return err;
	n = p.at[p.n - 1].node;
	remove_at(n, p.at[p.n - 1].i);
	if (!n->n)
		drop(fs, tree, &p, p.n - 1);
	else
		err = merge(fs, &p, p.n - 1);
	return err ? err : lower(fs, tree);
}

int tree_set(struct logfs *fs, u32 tree, const struct rec *new)
{
	struct rec *r;
	struct path p;
	int err = tree_walk(fs, tree, new->ino, new->sub, &p);

	if (err)
		return err;
	if (p.at[p.n - 1].i == p.at[p.n - 1].node->n ||
	    key_cmp(new->ino, new->sub, &p.at[p.n - 1].node->rec[p.at[p.n - 1].i]))
		return -ENOENT;
	r = &p.at[p.n - 1].node->rec[p.at[p.n - 1].i];
	if (tree == LOGFS_TREE_ITEMS && r->len != new->len) {
		err = tree_del(fs, tree, new->ino, new->sub);
		return err ? err : tree_add(fs, tree, new);
	}
	err = own_path(fs, tree, &p);
	if (err)
		return err;
	r = &p.at[p.n - 1].node->rec[p.at[p.n - 1].i];
	if (tree == LOGFS_TREE_ITEMS) {
		r->data = txn_data(fs, new->data, new->len);
		return r->data ? 0 : -ENOMEM;
	}
	r->val = new->val;
	r->len = new->len;
	return 0;
}

int tree_touch(struct logfs *fs, u32 tree, u64 ino, u64 sub)
{
	struct path p;
	int err = tree_walk(fs, tree, ino, sub, &p);

	return err ? err : own_path(fs, tree, &p);
}
