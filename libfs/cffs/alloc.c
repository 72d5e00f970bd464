// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * alloc.c: which blocks to ask for. The free map is a hint that anybody changes at any time: a pick becomes an
 * allocation only when the module accepts the transaction; blocks that it refused are avoided for a while.
 *
 * Policy "grouping", after C-FFS: leaves of a directory and its small files share a stretch of the disk, each file
 * behind the one before; what grows beyond a group goes elsewhere, in extents as long as the free map has them.
 */
#include "cffs.h"

#define GROUP_BLOCKS 16 /* a file larger than this is not small */
#define DIR_STRIDE 256	/* blocks that a new directory leaves to its parent's files */

void alloc_avoid(struct cffs *fs, u64 start, u64 count)
{
	if (!count || start >= fs->map->blocks)
		return;
	fs->avoid[fs->navoid++ % CFFS_AVOID] = (struct exo_run){start, count};
}

/* The first of [start, start + n) that must not be picked, or `n` when all are fine; *skip: how far to go on from
 * there. */
static u64 clear_of(struct cffs *fs, u64 start, u64 n, u64 *past)
{
	u32 i, k = fs->navoid < CFFS_AVOID ? fs->navoid : CFFS_AVOID;
	u64 ok = n;

	*past = 0;
	for (i = 0; i < k + fs->txn.nallocs; i++) {
		u64 s = i < k ? fs->avoid[i].start : fs->txn.alloc[i - k].start;
		u64 c = i < k ? fs->avoid[i].count : fs->txn.alloc[i - k].count;

		if (s < start + ok && s + c > start) {
			ok = s > start ? s - start : 0;
			if (!ok) {
				*past = s + c;
				return 0;
			}
		}
	}
	return ok;
}

int alloc_pick(struct cffs *fs, u64 near, u64 want, bool exact, struct extent *e)
{
	u64 start, n, ok, past, first = 0;
	bool turned = false;
	int tries;

	for (tries = 0; tries < 4096; tries++) {
		n = 0;
		if (exact || want >= 8) {
			if (exo_free_exact(fs->map, near, want, &start))
				n = want;
			else if (exact)
				return -ENOSPC;
		}
		if (!n)
			n = exo_free_run(fs->map, near, want, &start);
		if (!n)
			return -ENOSPC;
		/* Everything was looked at once, from the first find around to it again. */
		if (tries && start < near)
			turned = true;
		if (turned && start >= first)
			return -ENOSPC;
		if (!tries)
			first = start;
		ok = clear_of(fs, start, n, &past);
		if (ok == n || (ok && !exact)) {
			e->start = start;
			e->count = ok < UINT32_MAX ? ok : UINT32_MAX;
			return 0;
		}
		near = ok ? start + ok : past;
		if (near >= fs->map->blocks) {
			near = 0;
			turned = true;
		}
	}
	return -ENOSPC;
}

int alloc_full(struct cffs *fs, int err)
{
	struct exo_disk_info info = {0};

	if (err != -ENOSPC || fs->full >= 3)
		return err;
	if (exo_disk_info(fs->fs.x, fs->fs.disk, &info, NULL) || (!info.out_waiting && !fs->navoid))
		return err;
	fs->full++;
	fs->navoid = 0;
	if (disk_sync(fs, EXO_NOROOT))
		return err;
	return -EAGAIN;
}

/* ---- the policy ---- */

static u64 home_of(struct cffs *fs, struct node *dir)
{
	struct inode *di = &dir->di;

	if (dir->near)
		return dir->near;
	if (S_ISDIR(di->mode) && !di->level && di->ext[0].count)
		return di->ext[0].start + 1;
	return dir->loc.block + 1;
}

static u64 group_leaf(struct cffs *fs, struct node *dir)
{
	if (!dir->di.blocks && dir->loc.block != fs->root_block)
		return dir->loc.block + DIR_STRIDE;
	return home_of(fs, dir);
}

static u64 group_map(struct cffs *fs, struct node *node)
{
	return node->loc.block + 1;
}

static u64 group_data(struct cffs *fs, struct node *node, u32 key, u64 blocks)
{
	if (node->near)
		return node->near;
	if (blocks <= GROUP_BLOCKS && node->n.parent)
		return home_of(fs, node_of(node->n.parent));
	return node->loc.block + 4 * DIR_STRIDE;
}

static void group_placed(struct cffs *fs, struct node *node, const struct extent *e)
{
	struct node *dir = node->n.parent ? node_of(node->n.parent) : NULL;

	node->near = e->start + e->count;
	if (dir && e->count <= GROUP_BLOCKS && !S_ISDIR(node->di.mode))
		dir->near = e->start + e->count;
}

const struct cffs_policy cffs_grouping = {
	.name = "grouping",
	.leaf = group_leaf,
	.map = group_map,
	.data = group_data,
	.placed = group_placed,
};

/* ---- inode numbers ---- */

/*
 * A batch per process, taken from the super partition by a transaction of its own. Never below the time, so that a
 * batch whose reservation was lost in a power cut is not handed out again.
 */
static int reserve(struct cffs *fs)
{
	u64 next, least = (u64)stamp_now() >> 10;
	struct ref r;
	u8 *p;
	int err;

	err = root_get(fs, &r);
	if (err)
		return err;
	err = txn_begin(fs);
	if (err)
		goto out;
	p = txn_part(fs, &r, 0);
	if (!p) {
		txn_abort(fs);
		err = -EAGAIN;
		goto out;
	}
	next = get64(p + CFFS_SUP_NEXT_INO);
	if (next < least)
		next = least;
	if (next > UINT64_MAX / 2) {
		txn_abort(fs);
		err = -ENOSPC;
		goto out;
	}
	put64(p + CFFS_SUP_NEXT_INO, next + CFFS_INO_BATCH);
	err = txn_commit(fs);
	if (!err) {
		fs->ino_next = next;
		fs->ino_end = next + CFFS_INO_BATCH;
	}
out:
	meta_put(fs, &r);
	return err;
}

int alloc_ino(struct cffs *fs, u64 *ino)
{
	int err = 0;

	if (fs->ino_next == fs->ino_end)
		CFFS_RETRY(err, fs, reserve(fs));
	if (!err)
		*ino = fs->ino_next++;
	return err;
}
