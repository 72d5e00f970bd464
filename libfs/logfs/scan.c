// SPDX-License-Identifier: GPL-2.0 OR MIT
/* scan.c: every node of a tree. Children are remembered apart, so that the cache can be emptied on the way. */
#include "logfs.h"

struct kid {
	u64 block, home;
	u32 part;
};

/* The way down to a node. */
struct way {
	struct kid at;
	const struct way *up;
};

/* What is above a node may have left the cache of blocks meanwhile: bring it back, top first. */
static int revive(struct logfs *fs, const struct way *w)
{
	struct lnode *n;
	int err = w->up ? revive(fs, w->up) : 0;

	return err ? err : cache_get(fs, w->at.block, w->at.home, w->at.part, &n);
}

static int scan(struct logfs *fs, const struct way *w, u32 level, bool items,
		int (*fn)(void *arg, const struct lnode *n), void *arg)
{
	struct way below = {.up = w};
	struct kid *kids;
	struct lnode *n;
	u32 i, count, tries = 0;
	int err;

	while ((err = cache_get(fs, w->at.block, w->at.home, w->at.part, &n)) == -EAGAIN && w->up && tries++ < 8)
		revive(fs, w->up);
	if (err)
		return err;
	if (n->level != level || (!level && n->kind != (items ? LOGFS_KIND_ITEM : LOGFS_KIND_EXT)))
		return -EUCLEAN;
	err = fn(arg, n);
	if (err || !level)
		return err;
	count = n->n;
	kids = malloc(count * sizeof(*kids));
	if (!kids)
		return -ENOMEM;
	for (i = 0; i < count; i++)
		kids[i] = (struct kid){n->rec[i].val, n->rec[i].home, n->rec[i].home_part};
	for (i = 0; !err && i < count; i++) {
		cache_trim(fs);
		below.at = kids[i];
		err = scan(fs, &below, level - 1, items, fn, arg);
	}
	free(kids);
	return err;
}

int tree_scan(struct logfs *fs, u32 tree, int (*fn)(void *arg, const struct lnode *n), void *arg)
{
	u8 super[LOGFS_PART];
	u64 version, top;
	int err = cache_super(fs, super, &version);

	if (err)
		return err;
	top = get64(super + LOGFS_SUP_TREES + 8 * tree);
	if (!top)
		return 0;
	err = scan(fs, &(struct way){.at = {top, fs->root_block, 0}}, super[LOGFS_SUP_LEVELS + tree],
		   tree == LOGFS_TREE_ITEMS, fn, arg);
	/* What looks like damage may be a change by somebody else on the way. */
	return err == -EUCLEAN && super_version(fs) != version ? -EAGAIN : err;
}
