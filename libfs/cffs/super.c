// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * super.c: making, opening and closing a tree.
 */
#include <stdint.h>
#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>
#include "cffs.h"

/* Who owns the new tree: the user whose capability owns the root. */
static uid_t owner_of(struct exo *x, u32 cap)
{
	struct exo_cap caps[EXO_MAX_CAPS];

	memset(caps, 0, sizeof(caps));
	if (cap < EXO_MAX_CAPS && exo_cap_list(x, caps) >= 0 && caps[cap].depth >= 2 &&
	    caps[cap].name[0] == EXO_CAP_NS_UID)
		return caps[cap].name[1];
	return geteuid();
}

static void first_inode(struct inode *di, u64 ino, mode_t mode, uid_t uid, int64_t now)
{
	int i;

	memset(di, 0, sizeof(*di));
	di->mode = S_IFDIR | (mode & 07777);
	di->nlink = 2;
	di->uid = uid;
	di->gid = getegid();
	di->ino = ino;
	for (i = 0; i < T_COUNT; i++)
		di->time[i] = now;
}

/* The super partition of a new tree; its root block is zeroes and owns nothing yet. */
static int first_partition(struct exo *x, uint32_t disk, uint32_t cap, const struct exo_root_add *root, mode_t mode,
			   struct exo_why *why)
{
	bool shared = root->root_flags & EXO_ROOT_SHARED;
	u8 part[BLK] = {0};
	u32 k, i;
	struct exo_bind b = {.disk = disk,
			     .cap = cap,
			     .root = root->out_root,
			     .parent = EXO_NOBLOCK,
			     .claim = {root->out_start, 1, root->template_id, 0},
			     .first = root->out_start,
			     .count = 1,
			     .rights = EXO_RIGHT_READ};
	struct exo_edit edit = {.block = root->out_start, .len = sizeof(part), .bytes = (uintptr_t)part};
	struct exo_txn t = {.disk = disk, .cap = cap, .nedits = 1, .edits = (uintptr_t)&edit};
	int64_t now = stamp_now();
	struct inode di;
	u64 seed[2];
	u32 frame;
	int err;

	if (getrandom(seed, sizeof(seed), 0) != sizeof(seed))
		return -EIO;
	b.frames = (uintptr_t)&frame;
	err = exo_bind(x, &b, 0, why);
	if (err < 0)
		return err;
	put32(part + CFFS_H_MAGIC, CFFS_MAGIC);
	part[CFFS_H_KIND] = CFFS_KIND_SUPER;
	first_inode(&di, CFFS_TOP_INO, mode, owner_of(x, cap), now);
	xinode_init(part + CFFS_PLACE_TOP * CFFS_PART, &di, NULL, shared);
	xlink_add(part + CFFS_PLACE_TOP * CFFS_PART, CFFS_TOP_INO, &k);
	first_inode(&di, CFFS_ORPHANS_INO, 0700, owner_of(x, cap), now);
	xinode_init(part + CFFS_PLACE_ORPHANS * CFFS_PART, &di, NULL, shared);
	xlink_add(part + CFFS_PLACE_ORPHANS * CFFS_PART, CFFS_ORPHANS_INO, &k);
	/* What has no header anybody could make their own. */
	for (i = CFFS_TABLE_FIRST; shared && i < CFFS_PARTS; i++)
		table_header(part + i * CFFS_PART, 1);
	put32(part + CFFS_SUP_FLAGS, shared ? CFFS_FEATURE_SHARED : 0);
	put32(part + CFFS_SUP_VERSION, CFFS_VERSION);
	put64(part + CFFS_SUP_NEXT_INO, (u64)now >> 10);
	put64(part + CFFS_SUP_SEED, seed[0]);
	put64(part + CFFS_SUP_SEED + 8, seed[1]);
	put64(part + CFFS_SUP_BTIME, now);
	edit.version = exo_version(exo_view(x), frame);
	err = exo_txn(x, &t, why);
	exo_unbind(x, 1, &frame, NULL);
	return err < 0 ? err : 0;
}

static int sticky_top(struct exo *x, uint32_t disk, const char *name, mode_t mode, struct exo_why *why)
{
	struct exo_attr a = {.set = EXO_SET_MODE, .mode = mode & 07777};
	struct exo_root_get root;
	struct exo_fs *fs;
	int err = exo_root_find(x, disk, name, &root, why);

	if (!err)
		err = cffs_open(&fs, x, disk, &root, EXO_FS_JOIN, why);
	if (err)
		return err;
	exo_cred_fill(&fs->cred);
	err = cffs_setattr(fs, &cffs_of(fs)->top->n, &a);
	cffs_close(fs);
	return err;
}

int cffs_mkfs(struct exo *x, uint32_t disk, const struct exo_mkfs *opt, struct exo_why *why)
{
	bool shared = opt->root_flags & EXO_ROOT_SHARED;
	mode_t mode = opt->mode ? opt->mode : 0755;
	struct exo_root_add root;
	int err = exo_type_root(x, disk, opt, shared ? "cffs_shared.o" : "cffs.o", &root, why);

	if (err)
		return err;
	/* A sticky one needs more than this block. */
	err = first_partition(x, disk, root.cap, &root, shared ? mode & ~S_ISVTX : mode, why);
	if (!err && shared && mode & S_ISVTX)
		err = sticky_top(x, disk, opt->name, mode, why);
	return exo_type_root_done(x, &root, err, why);
}

static struct node *super_dir(struct cffs *fs, u32 place, u64 ino)
{
	struct loc loc = {fs->root_block, place, 0};
	struct node *n = NULL;
	u8 part[CFFS_PART];
	struct inode di;
	struct ref r;

	if (root_get(fs, &r))
		return NULL;
	memcpy(part, txn_see(fs, &r, place), CFFS_PART);
	if (part_kind(part) == CFFS_KIND_INODE && !entry_get(part, 0, &di, NULL) && di.ino == ino && S_ISDIR(di.mode))
		n = node_get_ext(fs, NULL, "", 0, &loc, &r, &di, place, 0, NULL);
	meta_put(fs, &r);
	return n;
}

static int read_super(struct cffs *fs)
{
	struct exo_why *why = exo_fs_why_here();
	u8 part[CFFS_PART];
	struct ref r;
	int err = root_get(fs, &r);

	if (err)
		return err;
	memcpy(part, txn_see(fs, &r, 0), CFFS_PART);
	if (!meta_same(fs, &r))
		err = -EAGAIN;
	meta_put(fs, &r);
	if (err)
		return err;
	if (get32(part + CFFS_H_MAGIC) == CFFS_OLD_MAGIC ||
	    (part_kind(part) == CFFS_KIND_SUPER && get32(part + CFFS_SUP_VERSION) != CFFS_VERSION)) {
		u32 is = get32(part + CFFS_H_MAGIC) == CFFS_OLD_MAGIC ? 1 : get32(part + CFFS_SUP_VERSION);

		snprintf(why->text, sizeof(why->text),
			 "the tree has cffs format %u, and this library reads format %u only", is, CFFS_VERSION);
		snprintf(why->hint, sizeof(why->hint), "copy the files out with the library that made it");
		return -EPROTONOSUPPORT;
	}
	if (part_kind(part) != CFFS_KIND_SUPER || get32(part + CFFS_SUP_FLAGS) & ~CFFS_FEATURE_SHARED)
		return -EUCLEAN;
	fs->shared = get32(part + CFFS_SUP_FLAGS) & CFFS_FEATURE_SHARED;
	fs->seed[0] = get64(part + CFFS_SUP_SEED);
	fs->seed[1] = get64(part + CFFS_SUP_SEED + 8);
	fs->fs.opens.key = fs->seed[0];
	if (fs->shared)
		fs->fs.opens.owner = -1;
	return 0;
}

int cffs_open(struct exo_fs **out, struct exo *x, uint32_t disk, const struct exo_root_get *root, unsigned flags,
	      struct exo_why *why)
{
	struct cffs *fs = calloc(1, sizeof(*fs));
	int err, cap;

	if (!fs)
		return -ENOMEM;
	fs->fs.x = x;
	fs->fs.disk = disk;
	fs->fs.root = root->root;
	fs->fs.flags = flags;
	fs->fs.opens.owner = exo_opens_owner(&root->out_owner);
	fs->template_id = root->out_template;
	fs->root_block = root->out_start;
	fs->policy = &cffs_grouping;
	fs->flushed = fs->now = stamp_now();
	cap = exo_type_cap(x, root, flags);
	if (cap < 0) {
		exo_why_fill(why, EXO_NR_BIND, cap, EXO_R_CAP, root->root);
		free(fs);
		return cap;
	}
	fs->cap = cap;
	fs->map = exo_freemap(x, disk);
	if (!fs->map) {
		err = -errno;
		free(fs);
		return err;
	}
	err = root->out_count == 1 ? cache_init(fs) : -EUCLEAN;
	if (!err)
		err = nodes_init(fs);
	if (!err)
		CFFS_RETRY(err, fs, read_super(fs));
	if (!err && fs->shared)
		err = shared_identity(fs);
	if (!err) {
		fs->top = super_dir(fs, CFFS_PLACE_TOP, CFFS_TOP_INO);
		fs->orphans = super_dir(fs, CFFS_PLACE_ORPHANS, CFFS_ORPHANS_INO);
		if (!fs->top || !fs->orphans)
			err = -EUCLEAN;
	}
	if (!err && !(flags & (EXO_FS_RDONLY | EXO_FS_JOIN))) {
		err = settle(fs);
		if (!err && !fs->shared)
			err = orphans_purge(fs);
	}
	if (err) {
		*why = *exo_fs_why_here();
		cffs_close(&fs->fs);
		return err;
	}
	*out = &fs->fs;
	return 0;
}

void cffs_close(struct exo_fs *xfs)
{
	struct cffs *fs = cffs_of(xfs);

	/* Into the tree, so that others see it; durable only by sync. */
	if (fs->top && !(xfs->flags & EXO_FS_RDONLY))
		flush_all(fs);
	exo_opens_leave(xfs);
	txn_exit(fs);
	nodes_exit(fs);
	write_exit(fs);
	cache_exit(fs);
	free(fs);
}

static struct exo_node *top(struct exo_fs *fs)
{
	struct node *n = cffs_of(fs)->top;
	struct ref r;

	/* Its mode as it is now; an error comes back from whatever is done with it. */
	if (!node_fresh(cffs_of(fs), n) && !node_pin(cffs_of(fs), n, &r))
		meta_put(cffs_of(fs), &r);
	return &node_hold(cffs_of(fs), n)->n;
}

static void put(struct exo_fs *fs, struct exo_node *node)
{
	node_put(cffs_of(fs), node_of(node));
}

static void refresh(struct exo_fs *xfs, struct exo_node *node)
{
	struct cffs *fs = cffs_of(xfs);
	struct ref r;

	if (node_current(fs, node_of(node)) || node_of(node)->gone)
		return;
	/* An error will be the lookup's. */
	if (!node_pin(fs, node_of(node), &r))
		meta_put(fs, &r);
}

const struct exo_fs_type cffs_type = {
	.name = CFFS_TYPE,
	.also = CFFS_TYPE "_shared",
	.mkfs = cffs_mkfs,
	.open = cffs_open,
	.close = cffs_close,
	.sync = cffs_sync,
	.forking = cffs_forking,
	.forked = cffs_forked,
	.statvfs = cffs_statvfs,
	.top = top,
	.put = put,
	.refresh = refresh,
	.known = cffs_known,
	.learn = cffs_learn,
	.open_known = cffs_open_known,
	.lookup = cffs_lookup,
	.create = cffs_create,
	.tmpfile = cffs_tmpfile,
	.link = cffs_link,
	.getxattr = cffs_getxattr,
	.setxattr = cffs_setxattr,
	.listxattr = cffs_listxattr,
	.removexattr = cffs_removexattr,
	.fallocate = cffs_fallocate,
	.seek = cffs_seek,
	.remove = cffs_remove,
	.rename = cffs_rename,
	.getattr = cffs_getattr,
	.setattr = cffs_setattr,
	.readlink = cffs_readlink,
	.by_ino = cffs_by_ino,
	.file_open = cffs_file_open,
	.file_close = cffs_file_close,
	.pread = cffs_pread,
	.pwrite = cffs_pwrite,
	.truncate = cffs_truncate,
	.flush = cffs_flush,
	.fsync = cffs_fsync,
	.peek = cffs_peek,
	.map = cffs_map,
	.unmap = cffs_unmap,
	.extents = cffs_extents,
	.readdir = cffs_readdir,
	.scan = cffs_scan,
	.make = cffs_make,
	.check = cffs_check,
	.dump = cffs_dump,
	.defrag = cffs_defrag,
};
