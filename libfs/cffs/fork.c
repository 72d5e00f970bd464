// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * fork.c: a tree in a child of fork. Nodes, and with them open files, stay valid, because a node knows where its slot
 * is and is decoded anew; but no frame is bound in the child's environment. What the parent had not yet written is the
 * parent's business.
 */
#include "cffs.h"

/* Open files without a name are the child's as well. Where no marks tell who has them open, nobody of the two may free
 * them, the next who opens the tree alone does. */
int cffs_forking(struct exo_fs *xfs)
{
	struct cffs *fs = cffs_of(xfs);
	struct node *n;
	u32 i;

	for (i = 0; i <= fs->mask; i++)
		for (n = fs->hash[i]; n; n = n->hash_next)
			if (n->gone && n->opens && !fs->fs.opens.mine)
				n->opens |= 1u << 30;
	return flush_all(fs);
}

int cffs_forked(struct exo_fs *xfs, struct exo *x, const struct exo_root_get *root)
{
	struct cffs *fs = cffs_of(xfs);
	struct node *n;
	struct ref r;
	u32 i;
	int err, cap;

	free(fs->held);
	fs->held = NULL;
	fs->lru_first = fs->lru_last = fs->nheld = 0;
	xfs->x = x;
	known_exit(fs);
	for (i = 0; i <= fs->mask; i++)
		for (n = fs->hash[i]; n; n = n->hash_next) {
			write_drop(fs, n);
			node_clean(fs, n);
			n->frame = n->eframe = EXO_NOFRAME;
			memset(&n->last, 0, sizeof(n->last));
			n->last.parent = NO_REF;
			n->read_data = NULL;
			free(n->leaves);
			n->leaves = NULL;
			n->known = NULL;
		}
	/* Numbers that the parent will give away. */
	fs->ino_next = fs->ino_end = 0;
	cap = exo_type_cap(x, root, xfs->flags);
	if (cap < 0)
		return cap;
	fs->cap = cap;
	fs->map = exo_freemap(x, xfs->disk);
	if (!fs->map)
		return -errno;
	err = known_init(fs);
	if (!err)
		err = cache_init(fs);
	if (!err) {
		CFFS_RETRY(err, fs, node_pin(fs, fs->top, &r));
		meta_put(fs, &r);
	}
	return err;
}
