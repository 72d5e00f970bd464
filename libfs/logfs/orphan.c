// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * orphan.c: inodes without a name, and freeing them. What takes more than one transaction to free, or is open, is noted
 * below inode LOGFS_ORPHANS_INO with the process that took the last name away. Who closes it last frees it; opening a tree for writing
 * frees those whose process is gone and that nobody marks as open (opens.h). Where there are no marks, a file that another process
 * holds open as well is lost to it (-ESTALE).
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>
#include "logfs.h"

/* Trees open in this process: an orphan of ours may be open in another handle. */
static pthread_mutex_t trees_lock = PTHREAD_MUTEX_INITIALIZER;
static struct logfs *trees;

void trees_add(struct logfs *fs)
{
	pthread_mutex_lock(&trees_lock);
	fs->others = trees;
	trees = fs;
	pthread_mutex_unlock(&trees_lock);
}

void trees_del(struct logfs *fs)
{
	struct logfs **at;

	pthread_mutex_lock(&trees_lock);
	for (at = &trees; *at && *at != fs; at = &(*at)->others)
		;
	if (*at)
		*at = fs->others;
	pthread_mutex_unlock(&trees_lock);
}

static bool open_elsewhere(struct logfs *fs)
{
	struct logfs *t;

	pthread_mutex_lock(&trees_lock);
	for (t = trees; t && (t == fs || t->fs.disk != fs->fs.disk || t->fs.root != fs->fs.root); t = t->others)
		;
	pthread_mutex_unlock(&trees_lock);
	return t;
}

/* A number that is another after the next boot; 0 where none can be had. */
static u64 this_boot(void)
{
	u64 h = 0xcbf29ce484222325;
	char id[64];
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n, i;

	if (fd < 0)
		return 0;
	n = read(fd, id, sizeof(id));
	close(fd);
	/* FNV-1a (Fowler, Noll, Vo). */
	for (i = 0; i < n; i++)
		h = (h ^ (u8)id[i]) * 0x100000001b3;
	return n > 0 ? h : 0;
}

int orphan_add(struct logfs *fs, u64 ino)
{
	u8 p[LOGFS_O_SIZE];

	put64(p + LOGFS_O_BOOT, this_boot());
	put32(p + LOGFS_O_PID, getpid());
	return item_add(fs, LOGFS_ORPHANS_INO, LOGFS_SUB(LOGFS_T_ORPHAN, ino), p, sizeof(p));
}

int orphan_drop(struct logfs *fs, u64 ino)
{
	return tree_del(fs, LOGFS_TREE_ITEMS, LOGFS_ORPHANS_INO, LOGFS_SUB(LOGFS_T_ORPHAN, ino));
}

/* All items of an inode but itself: a symlink's target, attributes. At most LOGFS_STEP; *left: there are more. */
static int drop_items(struct logfs *fs, u64 ino, bool *left)
{
	const struct rec *r;
	int err = 0;
	u32 i;

	*left = false;
	for (i = 0; i <= LOGFS_STEP; i++) {
		err = tree_from(fs, LOGFS_TREE_ITEMS, ino, LOGFS_SUB(LOGFS_T_INODE, 1), &r);
		if (err || r->ino != ino)
			return err == -ENOENT ? 0 : err;
		if (i == LOGFS_STEP)
			break;
		err = tree_del(fs, LOGFS_TREE_ITEMS, ino, r->sub);
		if (err)
			return err;
	}
	*left = true;
	return 0;
}

/* One step: extents from the end, then items, then the inode and the note of it. 1: more to do. */
static int free_step(struct logfs *fs, u64 ino)
{
	struct linode di;
	bool left = false;
	u64 freed, done = 0;
	int err = log_txn_begin(fs);

	if (err)
		return err;
	err = inode_read(fs, ino, &di);
	if (!err)
		err = ext_cut(fs, ino, 0, LOGFS_FILE_BLOCKS, LOGFS_STEP, &freed, &done);
	if (!err && !done)
		err = drop_items(fs, ino, &left);
	if (!err && (done || left)) {
		di.blocks = di.blocks > freed ? di.blocks - freed : 0;
		if (S_ISREG(di.mode) && di.size > done * BLK)
			di.size = done * BLK;
		err = inode_write(fs, ino, &di);
	} else if (!err) {
		err = tree_del(fs, LOGFS_TREE_ITEMS, ino, LOGFS_SUB(LOGFS_T_INODE, 0));
		if (!err)
			err = orphan_drop(fs, ino);
		if (err == -ENOENT)
			err = 0;
	}
	if (err) {
		log_txn_abort(fs);
		return err;
	}
	err = log_txn_commit(fs);
	return err ? err : done || left;
}

int inode_free(struct logfs *fs, u64 ino)
{
	bool was = fs->dip;
	int more;

	fs->dip = true;
	do {
		LOGFS_RETRY(more, free_step(fs, ino));
		cache_trim(fs);
	} while (more > 0);
	fs->dip = was;
	return more == -ENOENT ? 0 : more;
}

int inode_unname(struct logfs *fs, u64 ino, struct linode *di, bool open, bool *later)
{
	bool left = false;
	u64 freed = 0, done = 0, end;
	int err;

	*later = false;
	di->ctime = stamp_now();
	di->nlink -= di->nlink > 0;
	if (S_ISDIR(di->mode))
		di->nlink = 0;
	if (di->nlink)
		return inode_write(fs, ino, di);
	if (!open) {
		err = ext_last(fs, ino, &end);
		if (!err && end)
			err = ext_cut(fs, ino, 0, LOGFS_FILE_BLOCKS, LOGFS_STEP, &freed, &done);
		if (!err && !done)
			err = drop_items(fs, ino, &left);
		if (err)
			return err;
		if (!done && !left)
			return tree_del(fs, LOGFS_TREE_ITEMS, ino, LOGFS_SUB(LOGFS_T_INODE, 0));
		/* The rest in further transactions. */
		*later = true;
		di->blocks = di->blocks > freed ? di->blocks - freed : 0;
		if (S_ISREG(di->mode) && di->size > done * BLK)
			di->size = done * BLK;
	}
	err = inode_write(fs, ino, di);
	return err ? err : orphan_add(fs, ino);
}

/* Is it nobody's any more? */
static bool left_behind(struct logfs *fs, const u8 *p)
{
	u32 pid = get32(p + LOGFS_O_PID);

	if (get64(p + LOGFS_O_BOOT) != this_boot())
		return true;
	if (pid == (u32)getpid())
		return !open_elsewhere(fs);
	return !pid || (kill(pid, 0) && errno == ESRCH);
}

int log_orphans_purge(struct logfs *fs)
{
	u64 ino = 0, next;
	const struct rec *r;
	int err;

	for (;; ino = next) {
		LOGFS_RETRY(err,
			    tree_from(fs, LOGFS_TREE_ITEMS, LOGFS_ORPHANS_INO, LOGFS_SUB(LOGFS_T_ORPHAN, ino), &r));
		if (err)
			return err == -ENOENT ? 0 : err;
		if (r->ino != LOGFS_ORPHANS_INO || LOGFS_SUB_TYPE(r->sub) != LOGFS_T_ORPHAN)
			return 0;
		next = (r->sub & ~(0xffull << 56)) + 1;
		if (r->len != LOGFS_O_SIZE || !left_behind(fs, r->data) || exo_opens_elsewhere(&fs->fs, next - 1))
			continue;
		err = inode_free(fs, next - 1);
		if (err)
			return err;
	}
}
