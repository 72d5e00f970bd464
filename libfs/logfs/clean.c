// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * clean.c: the cleaner, after Rosenblum and Ousterhout (1992), greedy: segments in which little of this tree lives, and
 * nothing of others, are emptied by writing what lives to the end of the log; once that is durable they are free from
 * end to end. What moves is checked against the tree again in the transaction that moves it, so files may change
 * meanwhile.
 */
#include "logfs.h"

#define CHUNK 256 /* blocks that one transaction moves */

struct live {
	u64 ino, sub;
	u32 tree, count; /* blocks of an extent; 0: a node */
};

struct cleaning {
	struct logfs *fs;
	u32 tree;
	u32 *used; /* blocks of this tree, by segment */
	u64 segments;
	struct live *live;
	u64 nlive, room;
};

static int count_node(void *arg, const struct lnode *n)
{
	struct cleaning *c = arg;
	u32 i, k;

	if (n->block / LOGFS_SEGMENT < c->segments)
		c->used[n->block / LOGFS_SEGMENT]++;
	if (n->kind != LOGFS_KIND_EXT)
		return 0;
	for (i = 0; i < n->n; i++)
		for (k = 0; k < n->rec[i].len; k++)
			if ((n->rec[i].val + k) / LOGFS_SEGMENT < c->segments)
				c->used[(n->rec[i].val + k) / LOGFS_SEGMENT]++;
	return 0;
}

static int note(struct cleaning *c, u64 ino, u64 sub, u32 count)
{
	struct live *more;

	if (c->nlive == c->room) {
		more = realloc(c->live, (2 * c->room + 64) * sizeof(*more));
		if (!more)
			return -ENOMEM;
		c->live = more;
		c->room = 2 * c->room + 64;
	}
	c->live[c->nlive++] = (struct live){ino, sub, c->tree, count};
	return 0;
}

static bool doomed(const struct logfs *fs, u64 block)
{
	return block / LOGFS_SEGMENT < fs->map->blocks / LOGFS_SEGMENT && fs->victims[block / LOGFS_SEGMENT];
}

static int note_node(void *arg, const struct lnode *n)
{
	struct cleaning *c = arg;
	u32 i, from, k;
	int err = 0;

	if (doomed(c->fs, n->block))
		err = note(c, n->rec[0].ino, n->rec[0].sub, 0);
	for (i = 0; !err && n->kind == LOGFS_KIND_EXT && i < n->n; i++) {
		const struct rec *r = &n->rec[i];

		for (k = 0; !err && k < r->len; k++) {
			if (!doomed(c->fs, r->val + k))
				continue;
			for (from = k; k < r->len && k - from < CHUNK && doomed(c->fs, r->val + k); k++)
				;
			err = note(c, r->ino, r->sub + from, k - from);
			k--;
		}
	}
	return err;
}

static int scan_both(struct cleaning *c, int (*fn)(void *arg, const struct lnode *n))
{
	int err = 0;

	for (c->tree = 0; !err && c->tree < 2; c->tree++)
		err = tree_scan(c->fs, c->tree, fn, c);
	return err;
}

static int count_all(struct cleaning *c)
{
	memset(c->used, 0, c->segments * sizeof(*c->used));
	return scan_both(c, count_node);
}

static int note_all(struct cleaning *c)
{
	c->nlive = 0;
	return scan_both(c, note_node);
}

/* Mark the segments to empty, those with the least in them first. How many. */
static u64 choose(struct cleaning *c, u64 most)
{
	struct logfs *fs = c->fs;
	u64 s, k, n = 0, unused;
	u32 level;

	for (level = 1; level <= LOGFS_SEGMENT * 3 / 4; level++)
		for (s = (fs->map->first + LOGFS_SEGMENT - 1) / LOGFS_SEGMENT; n < most && s < c->segments; s++) {
			if (c->used[s] != level || s == fs->at / LOGFS_SEGMENT)
				continue;
			for (k = 0, unused = 0; k < LOGFS_SEGMENT; k++)
				unused += exo_block_free(fs->map, s * LOGFS_SEGMENT + k);
			if (unused + level != LOGFS_SEGMENT)
				continue;
			fs->victims[s] = 1;
			n++;
		}
	return n;
}

static int touch_once(struct logfs *fs, const struct live *v)
{
	int err = log_txn_begin(fs);

	if (err)
		return err;
	err = tree_touch(fs, v->tree, v->ino, v->sub);
	if (err) {
		log_txn_abort(fs);
		return err == -ENOENT ? 0 : err;
	}
	return log_txn_commit(fs);
}

/* Up to CHUNK blocks of a file that lie next to each other in a victim; *from moves on, *moved blocks need their bytes.
 */
static int move_once(struct logfs *fs, u64 ino, u64 *from, u64 to, u8 *bytes, u32 *moved)
{
	u64 at, freed, done, start, n, first = *from;
	u32 frames[CHUNK], count, i;
	int err = log_txn_begin(fs);

	*moved = 0;
	if (err)
		return err;
	err = ext_bind(fs, ino, first, to - first < CHUNK ? to - first : CHUNK, false, frames, &count, &at);
	if (err) {
		log_txn_abort(fs);
		if (err == -ENOENT)
			*from = first + at;
		return err == -ENOENT ? 0 : err;
	}
	for (i = 0; i < count; i++)
		memcpy(bytes + (size_t)i * BLK, exo_frame_ptr(fs->v, frames[i]), BLK);
	data_unbind(fs, count, frames);
	if (!doomed(fs, at)) {
		log_txn_abort(fs);
		*from = first + 1;
		return 0;
	}
	err = ext_cut(fs, ino, first, first + count, 2, &freed, &done);
	for (at = first; !err && at < first + count; at += n) {
		err = log_pick(fs, first + count - at, &start, &n);
		if (!err)
			err = ext_add(fs, ino, at, start, n);
	}
	if (err) {
		log_txn_abort(fs);
		return err;
	}
	err = log_txn_commit(fs);
	if (!err) {
		*from = first + count;
		*moved = count;
	}
	return err;
}

static int move_extent(struct logfs *fs, const struct live *v, u8 *bytes)
{
	u64 from = v->sub, first;
	u32 moved;
	int err = 0;

	while (!err && from < v->sub + v->count) {
		first = from;
		LOGFS_RETRY(err, move_once(fs, v->ino, &from, v->sub + v->count, bytes, &moved));
		if (!err && moved)
			err = file_fill(fs, v->ino, first, moved, bytes);
	}
	return err;
}

static int move_all(struct cleaning *c, int (*fn)(void *arg, u64 done, u64 total), void *arg)
{
	u8 *bytes = malloc((size_t)CHUNK * BLK);
	u64 i;
	int err = bytes ? 0 : -ENOMEM;

	for (i = 0; !err && i < c->nlive; i++) {
		const struct live *v = &c->live[i];

		cache_trim(c->fs);
		if (!v->count)
			LOGFS_RETRY(err, touch_once(c->fs, v));
		else
			err = move_extent(c->fs, v, bytes);
		if (!err && fn)
			err = fn(arg, i + 1, c->nlive);
	}
	free(bytes);
	return err;
}

int log_clean(struct logfs *fs, u64 most, int (*fn)(void *arg, u64 done, u64 total), void *arg, u64 *emptied)
{
	struct cleaning c = {.fs = fs, .segments = fs->map->blocks / LOGFS_SEGMENT};
	int err = 0;

	*emptied = 0;
	if (fs->victims || !c.segments)
		return 0;
	c.used = calloc(c.segments, sizeof(*c.used));
	fs->victims = calloc(c.segments, 1);
	if (!c.used || !fs->victims)
		err = -ENOMEM;
	if (!err)
		LOGFS_RETRY(err, count_all(&c));
	if (!err)
		*emptied = choose(&c, most);
	if (!err && *emptied)
		LOGFS_RETRY(err, note_all(&c));
	if (!err && *emptied)
		err = move_all(&c, fn, arg);
	free(c.used);
	free(c.live);
	free(fs->victims);
	fs->victims = NULL;
	return err;
}

int logfs_defrag(struct exo_fs *xfs, struct exo_node *node, exo_fs_progress_fn fn, void *arg)
{
	struct logfs *fs = logfs_of(xfs);
	u64 emptied;
	int err;

	/* A segment belongs to all files of the tree. */
	(void)node;
	cache_trim(fs);
	err = files_flush(fs);
	if (!err)
		err = log_clean(fs, UINT64_MAX, fn, arg, &emptied);
	if (err)
		return err;
	err = exo_sync(xfs->x, xfs->disk, xfs->root, exo_fs_why_here());
	return err < 0 ? err : 0;
}
