// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * relocate.c: moving stretches of files. New blocks are claimed by a file without a name (stage), filled, and then one
 * transaction gives each file the new ones in place of the old ones, which it frees. A cut before it leaves the files
 * as they were and an orphan, a cut behind it the files with their new blocks, which were made durable first: the module's
 * order is content with the zeroes that they came with, which anybody may have had written meanwhile.
 *
 * Other processes. One that has an old block bound may store into it at any moment, and the transaction would not
 * notice: its frame stays, but is no block's any more. So all old blocks are bound here first, and stay bound: then
 * each has one frame, whose references tell who else has it. If anybody does, the files are left alone; that is looked
 * at again right before the transaction. What somebody bound and wrote between that look and the transaction is
 * in that same frame, which is compared with the copy afterwards, and bytes that differ are carried over.
 */
#include "relocate.h"

#define FILL 256u /* blocks bound at a time */

int mover_init(struct mover *m, struct cffs *fs)
{
	struct exo_node *stage;
	int err;

	memset(m, 0, sizeof(*m));
	m->fs = fs;
	m->most = fs->limit / 4 < MOVE_MAX ? fs->limit / 4 : MOVE_MAX;
	m->frames = calloc(2 * MOVE_MAX, sizeof(*m->frames));
	m->copy = malloc((size_t)MOVE_MAX * BLK);
	err = m->frames && m->copy ? cffs_tmpfile(&fs->fs, &fs->top->n, 0600, &stage) : -ENOMEM;
	if (err) {
		free(m->frames);
		free(m->copy);
		return err;
	}
	m->stage = node_of(stage);
	node_opened(m->fs, m->stage, 1);
	return 0;
}

int mover_exit(struct mover *m)
{
	int err;

	err = orphan_purge(m->fs, m->stage);
	node_closed(m->fs, m->stage, 1);
	node_put(m->fs, m->stage);
	free(m->frames);
	free(m->copy);
	return err;
}

/* ---- the old blocks ---- */

/* Nobody but this tree, and here only this mover. */
static bool ours_alone(struct cffs *fs, u32 frame)
{
	return fs->held[frame].pins == 1 && __atomic_load_n(&fs->v->bufs[frame].refs, __ATOMIC_ACQUIRE) == 1;
}

/* Pins the frames of some blocks from `key` on, at most `most`: how many. -ENOENT: a hole. */
static int hold_some(struct cffs *fs, struct node *node, u32 key, u32 most, u32 *frames)
{
	struct claim c;
	struct ref home;
	u32 hole, left, f;
	u64 block;
	int err = node_pin(fs, node, &home);

	if (err)
		return err;
	err = file_extent(fs, node, &home, key, &c, &hole);
	meta_put(fs, &home);
	if (err)
		return err;
	block = c.ext.start + (key - c.ext.key);
	left = c.ext.count - (key - c.ext.key);
	f = cache_find(fs, block, NULL);
	if (f != EXO_NOFRAME) {
		cache_pin(fs, f);
		frames[0] = f;
		most = 1;
	} else {
		most = most < left ? most : left;
		most = most < FILL ? most : FILL;
		err = cache_bind(fs, &c, block, most, false, false, frames);
	}
	meta_put(fs, &c.parent);
	return err ? err : (int)most;
}

static void let_go(struct mover *m, const u32 *frames, u32 n)
{
	while (n)
		cache_unpin(m->fs, frames[--n]);
}

/* *n: how many are pinned, also on an error. */
static int hold_old(struct mover *m, const struct seg *seg, u32 nsegs, u32 *n)
{
	struct cffs *fs = m->fs;
	u32 i, done, k;
	int got;

	*n = 0;
	for (i = 0; i < nsegs; i++) {
		for (done = 0; done < seg[i].count; done += got) {
			CFFS_RETRY(got, fs,
				   hold_some(fs, seg[i].node, seg[i].key + done, seg[i].count - done, m->frames + *n));
			if (got < 0)
				return got == -ENOENT ? -EBUSY : got;
			*n += got;
		}
	}
	for (k = 0; k < *n; k++) {
		if (!ours_alone(fs, m->frames[k]))
			return -EBUSY;
		memcpy(m->copy + (size_t)k * BLK, exo_frame_ptr(fs->v, m->frames[k]), BLK);
	}
	return 0;
}

static bool still_same(struct mover *m, u32 n)
{
	u32 k;

	for (k = 0; k < n; k++)
		if (!ours_alone(m->fs, m->frames[k]) ||
		    memcmp(m->copy + (size_t)k * BLK, exo_frame_ptr(m->fs->v, m->frames[k]), BLK))
			return false;
	return true;
}

/* ---- the new ones ---- */

/* One run of n blocks for the stage, or -ENOSPC. */
static int claim_once(struct mover *m, u64 near, u32 n)
{
	struct cffs *fs = m->fs;
	struct extent e;
	struct ref home;
	int err = node_pin(fs, m->stage, &home);

	if (err)
		return err;
	err = txn_begin(fs);
	if (err)
		goto out;
	err = txn_alloc(fs, near, n, false, false, &e);
	/* What was freed waits for a sync. */
	if (!err && e.count < n)
		err = alloc_full(fs, -ENOSPC);
	e.key = 0;
	if (!err)
		err = map_insert(fs, m->stage, &home, &e);
	m->stage->di.size = (u64)n * BLK;
	if (!err)
		err = node_store(fs, m->stage, &home);
	if (err)
		txn_abort(fs);
	else
		err = txn_commit(fs);
	m->stage->frame = EXO_NOFRAME;
	m->stage->last.ext.count = 0;
	if (!err)
		m->end = e.start + n;
out:
	meta_put(fs, &home);
	return err;
}

static int fill_once(struct mover *m, u32 at, u32 n, u32 *frames)
{
	struct cffs *fs = m->fs;
	struct claim c;
	struct ref home;
	u32 hole, k;
	int err = node_pin(fs, m->stage, &home);

	if (err)
		return err;
	err = file_extent(fs, m->stage, &home, at, &c, &hole);
	meta_put(fs, &home);
	if (err)
		return err == -ENOENT ? -EUCLEAN : err;
	err = cache_bind(fs, &c, c.ext.start + at, n, true, true, frames);
	meta_put(fs, &c.parent);
	if (err)
		return err;
	for (k = 0; k < n; k++)
		memcpy(exo_frame_ptr(fs->v, frames[k]), m->copy + (size_t)(at + k) * BLK, BLK);
	return 0;
}

/* *done: how many new blocks are pinned, also on an error. */
static int fill_new(struct mover *m, u32 n, u32 *done)
{
	u32 step;
	int err = 0;

	while (!err && *done < n) {
		step = n - *done < FILL ? n - *done : FILL;
		CFFS_RETRY(err, m->fs, fill_once(m, *done, step, m->frames + MOVE_MAX + *done));
		if (!err)
			*done += step;
	}
	return err;
}

static int settle_new(struct mover *m, u32 n)
{
	struct exo_run run = {m->end - n, n};
	struct exo_why *why = exo_fs_why_here();
	int err = exo_sync_runs(m->fs->fs.x, m->fs->fs.disk, 1, &run, why);

	return err < 0 ? err_retry(m->fs, err, why) : 0;
}

/* ---- the exchange ---- */

/* In a transaction: [key, key + count) of the node gives its blocks up; they must be those that are held from `at` on.
 */
static int take_old(struct mover *m, const struct seg *s, const struct ref *home, u32 at)
{
	struct cffs *fs = m->fs;
	u64 key = s->key, end = key + s->count, past, b;
	struct mpath p;
	int err = 0;

	while (!err && key < end) {
		const struct extent *e;

		err = map_find(fs, s->node, home, key, &p);
		if (err)
			return err;
		e = p.n ? &p.at[p.n - 1].c.ext : NULL;
		if (!e || e->key > key || (u64)e->key + e->count <= key) {
			map_done(fs, &p);
			return -EBUSY;
		}
		past = (u64)e->key + e->count < end ? (u64)e->key + e->count : end;
		for (b = key; b < past; b++)
			if (fs->held[m->frames[at + (b - s->key)]].block != e->start + (b - e->key))
				err = -EBUSY;
		if (!err)
			err = map_cut(fs, s->node, home, &p, key, past);
		map_done(fs, &p);
		key = past;
	}
	return err;
}

/* In a transaction: the new blocks in their place. Behind the extent before, if they are its neighbours. */
static int give_new(struct mover *m, const struct seg *s, const struct ref *home, u64 start)
{
	struct extent e = {start, s->count, s->key}, before;
	struct cffs *fs = m->fs;
	struct mpath p;
	int err = map_find(fs, s->node, home, s->key, &p);

	if (err)
		return err;
	before = p.n ? p.at[p.n - 1].c.ext : (struct extent){0};
	if (before.count && (u64)before.key + before.count == e.key && before.start + before.count == e.start &&
	    before.count <= UINT32_MAX - e.count) {
		before.count += e.count;
		err = map_change(fs, s->node, home, &p, &before);
		map_done(fs, &p);
		return err;
	}
	map_done(fs, &p);
	return map_insert(fs, s->node, home, &e);
}

static int swap_once(struct mover *m, const struct seg *seg, u32 nsegs, u32 n)
{
	struct cffs *fs = m->fs;
	struct ref home[MOVE_SEGS], stage = NO_REF;
	struct mpath p;
	u32 i, pinned, at;
	u64 start = m->end - n;
	int err = node_pin(fs, m->stage, &stage);

	for (pinned = 0; !err && pinned < nsegs; pinned++) {
		err = node_pin(fs, seg[pinned].node, &home[pinned]);
		if (err)
			break;
	}
	if (!err)
		err = txn_begin(fs);
	if (err)
		goto out;
	err = map_find(fs, m->stage, &stage, 0, &p);
	if (!err) {
		err = p.n == 1 && p.at[0].c.ext.start == start && p.at[0].c.ext.count == n
			      ? map_remove(fs, m->stage, &stage, &p)
			      : -EUCLEAN;
		map_done(fs, &p);
	}
	for (i = at = 0; !err && i < nsegs; at += seg[i++].count)
		err = take_old(m, &seg[i], &home[i], at);
	for (i = at = 0; !err && i < nsegs; at += seg[i++].count)
		err = give_new(m, &seg[i], &home[i], start + at);
	if (!err && !still_same(m, n))
		err = -EBUSY;
	if (err)
		txn_abort(fs);
	else
		err = txn_commit(fs);
	for (i = 0; i < nsegs; i++) {
		seg[i].node->frame = EXO_NOFRAME;
		seg[i].node->last.ext.count = 0;
	}
	m->stage->frame = EXO_NOFRAME;
	m->stage->last.ext.count = 0;
out:
	meta_put(fs, &stage);
	while (pinned)
		meta_put(fs, &home[--pinned]);
	return err;
}

/* Bytes that somebody stored into an old frame at the last moment; what was written to the new one since is newer. */
static void carry_over(struct mover *m, u32 n)
{
	struct cffs *fs = m->fs;
	u32 k, i;

	for (k = 0; k < n; k++) {
		const u8 *old = exo_frame_ptr(fs->v, m->frames[k]), *was = m->copy + (size_t)k * BLK;
		u8 *new = exo_frame_ptr(fs->v, m->frames[MOVE_MAX + k]);

		if (!memcmp(old, was, BLK))
			continue;
		for (i = 0; i < BLK; i++)
			if (old[i] != was[i] && new[i] == was[i])
				new[i] = old[i];
	}
}

int mover_move(struct mover *m, const struct seg *seg, u32 nsegs, u64 near, bool *did)
{
	struct cffs *fs = m->fs;
	u32 i, n = 0, held = 0, filled = 0;
	int err = 0, two;

	*did = false;
	for (i = 0; !err && i < nsegs; i++) {
		n += seg[i].count;
		err = write_flush(fs, seg[i].node);
	}
	if (!err)
		CFFS_RETRY(err, fs, claim_once(m, near, n));
	if (err)
		return err == -ENOSPC || err == -EDQUOT ? 0 : err;
	err = hold_old(m, seg, nsegs, &held);
	if (!err)
		err = fill_new(m, n, &filled);
	if (!err)
		CFFS_RETRY(err, fs, settle_new(m, n));
	if (!err)
		CFFS_RETRY(err, fs, swap_once(m, seg, nsegs, n));
	if (!err) {
		carry_over(m, n);
		m->moved += n;
		*did = true;
	}
	let_go(m, m->frames, held);
	let_go(m, m->frames + MOVE_MAX, filled);
	if (*did)
		return 0;
	two = truncate_blocks(fs, m->stage, 0, false);
	/* In use; gone; no frames: then as it was. */
	if (err == -EBUSY || err == -ESTALE || err == -ENOMEM) {
		m->busy += nsegs;
		err = 0;
	}
	return err ? err : two;
}
