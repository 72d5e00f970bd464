// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * segment.c: where the log goes on. The disk is cut into segments of 1 MiB; the log fills the free blocks of one from
 * its start to its end and then takes the next segment that is all free, or, when there is none, the next with anything
 * free. Other file systems use the same disk: the free map says what is free, and is a hint until the module accepts
 * the transaction; blocks that it refused are avoided for a while.
 */
#include "logfs.h"

void log_avoid(struct logfs *fs, u64 start, u64 count)
{
	if (count && start < fs->map->blocks)
		fs->avoid[fs->navoid++ % LOGFS_AVOID] = (struct exo_run){start, count};
}

static bool in_run(const struct exo_run *r, u64 block)
{
	return block >= r->start && block - r->start < r->count;
}

bool log_picked(const struct logfs *fs, u64 block)
{
	u32 i;

	for (i = 0; i < fs->txn.npick; i++)
		if (in_run(&fs->txn.pick[i], block))
			return true;
	return false;
}

static bool usable(struct logfs *fs, u64 block)
{
	u32 i, k = fs->navoid < LOGFS_AVOID ? fs->navoid : LOGFS_AVOID;

	if (!exo_block_free(fs->map, block) || (fs->victims && fs->victims[block / LOGFS_SEGMENT]))
		return false;
	for (i = 0; i < k; i++)
		if (in_run(&fs->avoid[i], block))
			return false;
	return !fs->txn.open || !log_picked(fs, block);
}

/* The first segment at or behind `from`, once around, that is free from end to end. */
static bool next_segment(struct logfs *fs, u64 from, u64 *start)
{
	u64 total = fs->map->blocks / LOGFS_SEGMENT, i, k, s;

	for (i = 0; i < total; i++) {
		s = (from / LOGFS_SEGMENT + i) % total * LOGFS_SEGMENT;
		if (s < fs->map->first || (fs->victims && fs->victims[s / LOGFS_SEGMENT]))
			continue;
		for (k = 0; k < LOGFS_SEGMENT && exo_block_free(fs->map, s + k); k++)
			;
		if (k == LOGFS_SEGMENT) {
			*start = s;
			return true;
		}
	}
	return false;
}

/* At a segment's start: is it worth entering? */
static void turn(struct logfs *fs)
{
	u64 s;

	if (fs->at >= fs->map->blocks)
		fs->at = fs->map->first;
	if (fs->at % LOGFS_SEGMENT && fs->at != fs->map->first)
		return;
	if (next_segment(fs, fs->at, &s))
		fs->at = s;
}

/*
 * Removing, too, writes nodes to the log before it gives anything back. So the last blocks of the disk are kept for
 * what makes room. Blocks that a quota leaves need no such care: the module counts a transaction as a whole.
 */
#define KEPT (LOGFS_SEGMENT / 2)

int log_pick(struct logfs *fs, u64 want, u64 *start, u64 *count)
{
	u64 looked, n;

	if (fs->txn.npick == LOGFS_PICKS)
		return -EXFULL;
	if (!fs->dip) {
		u64 left = fs->map->free, taken = KEPT;
		u32 i;

		for (i = 0; i < fs->txn.npick; i++)
			taken += fs->txn.pick[i].count;
		if (left <= taken)
			return -ENOSPC;
		if (want > left - taken)
			want = left - taken;
	}
	for (looked = 0; looked <= fs->map->blocks; looked++) {
		turn(fs);
		if (usable(fs, fs->at))
			break;
		fs->at++;
	}
	if (looked > fs->map->blocks)
		return -ENOSPC;
	*start = fs->at;
	for (n = 0; n < want && fs->at < fs->map->blocks && (!n || fs->at % LOGFS_SEGMENT); n++, fs->at++)
		if (!usable(fs, fs->at))
			break;
	*count = n;
	fs->txn.pick[fs->txn.npick++] = (struct exo_run){*start, n};
	return 0;
}

int log_full(struct logfs *fs, int err)
{
	struct exo_disk_info info = {0};

	if (err != -ENOSPC || fs->full >= 3)
		return err;
	if (exo_disk_info(fs->fs.x, fs->fs.disk, &info, NULL) || (!info.out_waiting && !fs->navoid))
		return err;
	fs->full++;
	fs->navoid = 0;
	if (exo_sync(fs->fs.x, fs->fs.disk, EXO_NOROOT, exo_fs_why_here()) < 0)
		return err;
	return -EAGAIN;
}
