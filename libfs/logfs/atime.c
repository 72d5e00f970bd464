// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * atime.c: times of access. In a log each change of an inode is a transaction, so a time that a read brings forward
 * waits in memory: the next change of the inode takes it along, a sync writes what is left, many in one transaction.
 * Other processes see it then. A table with one place for each number: where two files want it, the older time is lost.
 */
#include "logfs.h"

#define BATCH 16
#define DAY_NS 86400000000000ll

static struct latime *place(struct logfs *fs, u64 ino)
{
	return &fs->atimes[ino % LOGFS_ATIMES];
}

int64_t atime_latest(struct logfs *fs, u64 ino, int64_t stored)
{
	const struct latime *a = place(fs, ino);

	return a->ino == ino && a->at > stored ? a->at : stored;
}

void atime_read(struct logfs *fs, struct lino *l)
{
	int64_t last = l->di.atime, now;

	if (fs->fs.flags & EXO_FS_RDONLY)
		return;
	now = stamp_now();
	/* As relatime. */
	if (last > l->di.mtime && last > l->di.ctime && last > now - DAY_NS)
		return;
	*place(fs, l->n.ino) = (struct latime){l->n.ino, now};
	l->di.atime = now;
}

void atime_forget(struct logfs *fs, u64 ino)
{
	if (place(fs, ino)->ino == ino)
		place(fs, ino)->ino = 0;
}

/* inode_read gives the latest time, so writing what was read is all. */
static int write_batch(struct logfs *fs, const u64 *ino, u32 n)
{
	struct linode di;
	int err = log_txn_begin(fs);
	u32 i;

	if (err)
		return err;
	for (i = 0; i < n && !err; i++) {
		err = inode_read(fs, ino[i], &di);
		if (!err)
			err = inode_write(fs, ino[i], &di);
		else if (err == -ENOENT)
			err = 0;
	}
	if (!err)
		return log_txn_commit(fs);
	log_txn_abort(fs);
	return err;
}

int atimes_write(struct logfs *fs)
{
	u64 batch[BATCH];
	u32 i, k, n;
	int err;

	for (i = n = 0; i <= LOGFS_ATIMES; i++) {
		if (i < LOGFS_ATIMES && fs->atimes[i].ino)
			batch[n++] = fs->atimes[i].ino;
		if (n < BATCH && (i < LOGFS_ATIMES || !n))
			continue;
		LOGFS_RETRY(err, write_batch(fs, batch, n));
		cache_trim(fs);
		/* Without room for them, they wait on; nobody's data does. */
		if (err)
			return err;
		for (k = 0; k < n; k++)
			atime_forget(fs, batch[k]);
		n = 0;
	}
	return 0;
}
