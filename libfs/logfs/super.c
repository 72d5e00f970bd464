// SPDX-License-Identifier: GPL-2.0 OR MIT
/* super.c: making, opening, syncing and closing a tree. */
#include <stdint.h>
#include <sys/random.h>
#include <unistd.h>
#include "logfs.h"

/* The first transaction: a top directory. Its node goes where the log would begin. */
static int first_tree(struct logfs *fs, mode_t mode)
{
	struct linode di = {.mode = S_IFDIR | (mode & 07777), .nlink = 2, .uid = geteuid(), .gid = getegid()};
	struct ltxn *t = &fs->txn;
	u64 seed[2], ino;
	int err;

	if (getrandom(seed, sizeof(seed), 0) != sizeof(seed))
		return -EIO;
	t->nown = t->npick = t->narena = 0;
	t->version = super_version(fs);
	memset(t->before, 0, LOGFS_PART);
	memset(t->super, 0, LOGFS_PART);
	t->open = true;
	di.atime = di.mtime = di.ctime = di.btime = stamp_now();
	di.parent = LOGFS_TOP_INO;
	put32(t->super + LOGFS_H_MAGIC, LOGFS_MAGIC);
	t->super[LOGFS_H_KIND] = LOGFS_KIND_SUPER;
	put32(t->super + LOGFS_SUP_VERSION, LOGFS_VERSION);
	put64(t->super + LOGFS_SUP_NEXT_INO, LOGFS_FIRST_INO);
	put64(t->super + LOGFS_SUP_SEED, seed[0]);
	put64(t->super + LOGFS_SUP_SEED + 8, seed[1]);
	put64(t->super + LOGFS_SUP_BTIME, di.btime);
	err = inode_new(fs, &di, &ino);
	if (!err) {
		/* The top is number 1: take it from where inode_new put it. */
		struct lnode *n = txn_find(fs, get64(t->super + LOGFS_SUP_TREES));

		n->rec[0].ino = LOGFS_TOP_INO;
		err = log_txn_commit(fs);
	} else {
		log_txn_abort(fs);
	}
	return err;
}

static int prepare(struct exo *x, uint32_t disk, const struct exo_root_get *root, unsigned flags, struct logfs **out)
{
	struct logfs *fs = calloc(1, sizeof(*fs));
	u64 begin;
	int err;

	if (!fs)
		return -ENOMEM;
	if (getrandom(&begin, sizeof(begin), 0) != sizeof(begin)) {
		free(fs);
		return -EIO;
	}
	fs->fs.x = x;
	fs->fs.disk = disk;
	fs->fs.root = root->root;
	fs->fs.flags = flags;
	fs->template_id = root->out_template;
	fs->root_block = root->out_start;
	err = exo_type_cap(x, root, flags);
	if (err >= 0) {
		fs->cap = err;
		fs->map = exo_freemap(x, disk);
		err = fs->map ? 0 : -errno;
	}
	if (!err && root->out_count != 1)
		err = -EUCLEAN;
	if (!err)
		err = log_cache_init(fs);
	if (!err) {
		fs->inos = calloc(1024, sizeof(*fs->inos));
		fs->atimes = calloc(LOGFS_ATIMES, sizeof(*fs->atimes));
		err = fs->inos && fs->atimes ? 0 : -ENOMEM;
	}
	if (err) {
		log_cache_exit(fs);
		free(fs->inos);
		free(fs->atimes);
		free(fs);
		return err;
	}
	/* Trees and processes begin their logs apart from each other. */
	fs->at = fs->map->first + begin % (fs->map->blocks - fs->map->first) / LOGFS_SEGMENT * LOGFS_SEGMENT;
	*out = fs;
	return 0;
}

static void finish(struct logfs *fs)
{
	exo_opens_leave(&fs->fs);
	trees_del(fs);
	inos_exit(fs);
	log_cache_exit(fs);
	free(fs);
}

int logfs_mkfs(struct exo *x, uint32_t disk, const struct exo_mkfs *opt, struct exo_why *why)
{
	struct exo_root_add add;
	struct exo_root_get root;
	struct logfs *fs;
	int err = exo_type_root(x, disk, opt, "logfs.o", &add, why);

	if (err)
		return err;
	err = exo_root_get(x, disk, add.out_root, &root, why);
	if (err >= 0)
		err = prepare(x, disk, &root, 0, &fs);
	if (err >= 0) {
		LOGFS_RETRY(err, first_tree(fs, opt->mode ? opt->mode : 0755));
		if (err)
			*why = *exo_fs_why_here();
		finish(fs);
	}
	return exo_type_root_done(x, &add, err, why);
}

int logfs_open(struct exo_fs **out, struct exo *x, uint32_t disk, const struct exo_root_get *root, unsigned flags,
	       struct exo_why *why)
{
	u8 super[LOGFS_PART];
	struct logfs *fs;
	u64 version;
	int err = prepare(x, disk, root, flags, &fs);

	if (err) {
		*why = *exo_fs_why_here();
		if (err == -EACCES)
			exo_why_fill(why, EXO_NR_BIND, err, EXO_R_CAP, root->root);
		return err;
	}
	LOGFS_RETRY(err, cache_super(fs, super, &version));
	if (!err) {
		fs->seed[0] = get64(super + LOGFS_SUP_SEED);
		fs->seed[1] = get64(super + LOGFS_SUP_SEED + 8);
		fs->fs.opens.key = fs->seed[0];
		fs->fs.opens.owner = exo_opens_owner(&root->out_owner);
		LOGFS_RETRY(err, lino_get(fs, NULL, LOGFS_TOP_INO, &fs->top));
	}
	if (!err && !S_ISDIR(fs->top->di.mode))
		err = -EUCLEAN;
	trees_add(fs);
	exo_cred_fill(&fs->fs.cred);
	if (!err && !(flags & EXO_FS_RDONLY))
		err = log_orphans_purge(fs);
	if (err) {
		*why = *exo_fs_why_here();
		finish(fs);
		return err;
	}
	*out = &fs->fs;
	return 0;
}

void logfs_close(struct exo_fs *xfs)
{
	struct logfs *fs = logfs_of(xfs);

	/* Into the tree, so that others see it; durable only by sync. */
	if (!(xfs->flags & EXO_FS_RDONLY)) {
		files_flush(fs);
		atimes_write(fs);
	}
	finish(fs);
}

/* When fewer than one segment in 16 is free, the cleaner works until as many as that are, or it finds no more. */
#define CLEAN_AT 16

static u64 free_segments(const struct logfs *fs, u64 enough)
{
	u64 n = 0, s, k;

	for (s = (fs->map->first + LOGFS_SEGMENT - 1) / LOGFS_SEGMENT;
	     n < enough && s < fs->map->blocks / LOGFS_SEGMENT; s++) {
		for (k = 0; k < LOGFS_SEGMENT && exo_block_free(fs->map, s * LOGFS_SEGMENT + k); k++)
			;
		n += k == LOGFS_SEGMENT;
	}
	return n;
}

int logfs_sync(struct exo_fs *xfs)
{
	struct logfs *fs = logfs_of(xfs);
	u64 enough = fs->map->blocks / LOGFS_SEGMENT / CLEAN_AT, have, emptied;
	int err;

	cache_trim(fs);
	if (xfs->flags & EXO_FS_RDONLY)
		return 0;
	err = files_flush(fs);
	if (err)
		return err;
	atimes_write(fs);
	err = exo_sync(xfs->x, xfs->disk, xfs->root, exo_fs_why_here());
	if (err < 0)
		return err;
	have = fs->victims || fs->busy ? enough : free_segments(fs, enough);
	/* A cleaner that finds nothing, or no room to work, leaves everything as it is. */
	if (have < enough && !log_clean(fs, enough - have, NULL, NULL, &emptied) && emptied)
		err = exo_sync(xfs->x, xfs->disk, xfs->root, exo_fs_why_here());
	return err < 0 ? err : 0;
}

int logfs_fsync(struct exo_fs *xfs, struct exo_node *node, bool data)
{
	struct logfs *fs = logfs_of(xfs);
	int err;

	/* One root, one log: what makes a file durable makes the tree so. */
	(void)data;
	cache_trim(fs);
	if (xfs->flags & EXO_FS_RDONLY)
		return 0;
	err = logfs_flush(xfs, node);
	if (err)
		return err;
	err = exo_sync(xfs->x, xfs->disk, xfs->root, exo_fs_why_here());
	return err < 0 ? err : 0;
}

static struct exo_node *top(struct exo_fs *xfs)
{
	struct logfs *fs = logfs_of(xfs);

	lino_fresh(fs, fs->top);
	return &lino_hold(fs->top)->n;
}

static void put(struct exo_fs *xfs, struct exo_node *node)
{
	struct logfs *fs = logfs_of(xfs);
	struct lino *l = lino_of(node);

	/* The last one that knows of bytes in the buffer. */
	if (l->n.refs == 1 && l->buf_len)
		file_flush(fs, l);
	lino_put(fs, l);
}

const struct exo_fs_type logfs_type = {
	.name = LOGFS_TYPE,
	.mkfs = logfs_mkfs,
	.open = logfs_open,
	.close = logfs_close,
	.sync = logfs_sync,
	.statvfs = logfs_statvfs,
	.top = top,
	.put = put,
	.lookup = logfs_lookup,
	.create = logfs_create,
	.tmpfile = logfs_tmpfile,
	.link = logfs_link,
	.remove = logfs_remove,
	.rename = logfs_rename,
	.getattr = logfs_getattr,
	.setattr = logfs_setattr,
	.readlink = logfs_readlink,
	.getxattr = logfs_getxattr,
	.setxattr = logfs_setxattr,
	.listxattr = logfs_listxattr,
	.removexattr = logfs_removexattr,
	.file_open = logfs_file_open,
	.file_close = logfs_file_close,
	.pread = logfs_pread,
	.pwrite = logfs_pwrite,
	.truncate = logfs_truncate,
	.fallocate = logfs_fallocate,
	.seek = logfs_seek,
	.flush = logfs_flush,
	.fsync = logfs_fsync,
	.peek = logfs_peek,
	.readdir = logfs_readdir,
	.check = logfs_check,
	.dump = logfs_dump,
	.defrag = logfs_defrag,
};
