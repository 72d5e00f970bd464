// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * cache.c: decoded nodes, by block. A node is good while the registry shows the frame and version that it was decoded
 * at, which takes no system call. A block is bound only to copy it: its binding is given back at once, so a tree keeps
 * no frames but that of the super partition.
 */
#include <sched.h>
#include <stdint.h>
#include <time.h>
#include "logfs.h"

#define BUCKETS 4096

int log_cache_init(struct logfs *fs)
{
	struct exo_bind b = {
		.disk = fs->fs.disk,
		.cap = fs->cap,
		.root = fs->fs.root,
		.parent = EXO_NOBLOCK,
		.claim = {fs->root_block, 1, fs->template_id, 0},
		.first = fs->root_block,
		.count = 1,
		.rights = EXO_RIGHT_READ,
		.frames = (uintptr_t)&fs->root_frame,
	};
	int err;

	fs->v = exo_view(fs->fs.x);
	fs->root_frame = EXO_NOFRAME;
	fs->hash = calloc(BUCKETS, sizeof(*fs->hash));
	if (!fs->hash)
		return -ENOMEM;
	err = exo_bind(fs->fs.x, &b, 0, exo_fs_why_here());
	if (err < 0) {
		fs->root_frame = EXO_NOFRAME;
		return log_err_retry(fs, err, exo_fs_why_here());
	}
	return 0;
}

static void drop_all(struct logfs *fs)
{
	struct lnode *n, *next;

	for (n = fs->all; n; n = next) {
		next = n->all_next;
		free(n);
	}
	fs->all = NULL;
	fs->nnodes = 0;
	memset(fs->hash, 0, BUCKETS * sizeof(*fs->hash));
}

void log_cache_exit(struct logfs *fs)
{
	if (!fs->hash)
		return;
	drop_all(fs);
	free(fs->hash);
	fs->hash = NULL;
	if (fs->root_frame != EXO_NOFRAME)
		exo_unbind(fs->fs.x, 1, &fs->root_frame, NULL);
}

/* All at once: a tree of that size is read again in a few hundred copies. */
void cache_trim(struct logfs *fs)
{
	if (fs->nnodes > LOGFS_NODES && !fs->busy && !fs->txn.open)
		drop_all(fs);
}

static struct lnode **bucket(struct logfs *fs, u64 block)
{
	return &fs->hash[(block * 0x9e3779b97f4a7c15ull >> 32) % BUCKETS];
}

static void unhash(struct logfs *fs, u64 block)
{
	struct lnode **at = bucket(fs, block);

	while (*at && (*at)->block != block)
		at = &(*at)->hash_next;
	if (*at) {
		(*at)->hashed = false;
		*at = (*at)->hash_next;
	}
}

void cache_put(struct logfs *fs, struct lnode *n)
{
	struct lnode **at;

	unhash(fs, n->block);
	at = bucket(fs, n->block);
	n->hash_next = *at;
	n->hashed = true;
	*at = n;
	n->all_next = fs->all;
	fs->all = n;
	fs->nnodes++;
}

/* Bind one metadata block for as long as it takes to copy it. */
static int copy_in(struct logfs *fs, struct lnode *n, u64 block, u64 parent, u32 part)
{
	struct exo_bind b = {
		.disk = fs->fs.disk,
		.cap = fs->cap,
		.root = fs->fs.root,
		.index = part,
		.parent = parent,
		.claim = {block, 1, fs->template_id, 0},
		.first = block,
		.count = 1,
		.rights = EXO_RIGHT_READ,
		.frames = (uintptr_t)&n->frame,
	};
	struct exo_why *why = exo_fs_why_here();
	int err = exo_bind(fs->fs.x, &b, 0, why);

	if (err < 0)
		return log_err_retry(fs, err, why);
	if (exo_lookup(fs->v, fs->fs.disk, block, &n->version) == n->frame) {
		memcpy(n->bytes, exo_frame_ptr(fs->v, n->frame), BLK);
		err = exo_unchanged(fs->v, n->frame, n->version) ? 0 : -EAGAIN;
	} else {
		err = -EAGAIN;
	}
	exo_unbind(fs->fs.x, 1, &n->frame, NULL);
	return err;
}

int cache_get(struct logfs *fs, u64 block, u64 parent, u32 part, struct lnode **out)
{
	struct lnode *n;
	u64 now = 0;
	int err;

	for (n = *bucket(fs, block); n && n->block != block; n = n->hash_next)
		;
	if (n && exo_lookup(fs->v, fs->fs.disk, block, &now) == n->frame && now == n->version) {
		*out = n;
		return 0;
	}
	n = malloc(sizeof(*n));
	if (!n)
		return -ENOMEM;
	memset(n, 0, offsetof(struct lnode, bytes));
	err = copy_in(fs, n, block, parent, part);
	if (!err)
		err = node_decode(n, block);
	if (err) {
		free(n);
		return err;
	}
	cache_put(fs, n);
	*out = n;
	return 0;
}

u64 super_version(struct logfs *fs)
{
	return exo_version(fs->v, fs->root_frame);
}

int cache_super(struct logfs *fs, u8 super[LOGFS_PART], u64 *version)
{
	*version = super_version(fs);
	memcpy(super, exo_frame_ptr(fs->v, fs->root_frame), LOGFS_PART);
	if (!exo_unchanged(fs->v, fs->root_frame, *version))
		return -EAGAIN;
	/* The frame may be ours alone by now: the root was deleted. */
	if (fs->v->bufs[fs->root_frame].state != EXO_BUF_VALID)
		return -ENODEV;
	if (get32(super + LOGFS_H_MAGIC) != LOGFS_MAGIC || super[LOGFS_H_KIND] != LOGFS_KIND_SUPER ||
	    get32(super + LOGFS_SUP_VERSION) != LOGFS_VERSION || get32(super + LOGFS_SUP_FLAGS) ||
	    super[LOGFS_SUP_LEVELS] > LOGFS_LEVEL_MAX || super[LOGFS_SUP_LEVELS + 1] > LOGFS_LEVEL_MAX)
		return -EUCLEAN;
	return 0;
}

int data_bind(struct logfs *fs, const struct rec *r, u64 first, u32 count, bool write, u32 *frames)
{
	struct exo_bind b = {
		.disk = fs->fs.disk,
		.cap = fs->cap,
		.root = fs->fs.root,
		.index = r->home_part,
		.parent = r->home,
		.claim = {r->val, r->len, 0, 0},
		.first = first,
		.count = count,
		.rights = write ? EXO_RIGHT_ALL : EXO_RIGHT_READ,
		.frames = (uintptr_t)frames,
	};
	struct exo_why *why = exo_fs_why_here();
	/* A block that was just allocated comes zeroed and is not read; so OVERWRITE would gain nothing. */
	int err = exo_bind(fs->fs.x, &b, 0, why);

	return err < 0 ? log_err_retry(fs, err, why) : 0;
}

/* A frame that the module took back meanwhile makes it refuse the batch, so then one by one. */
void data_unbind(struct logfs *fs, u32 count, const u32 *frames)
{
	u32 i;

	if (count && exo_unbind(fs->fs.x, count, frames, NULL))
		for (i = 0; i < count; i++)
			exo_unbind(fs->fs.x, 1, &frames[i], NULL);
}

int log_err_retry(struct logfs *fs, int err, const struct exo_why *why)
{
	u32 i;

	switch (why->code) {
	case EXO_R_VERSION:
	case EXO_R_NOT_IN_CORE:
	case EXO_R_NOT_META:
	case EXO_R_NOT_CLAIMED:
	case EXO_R_STILL_OWNS:
	case EXO_R_BUSY:
		return -EAGAIN;
	case EXO_R_NOT_FREE:
	case EXO_R_NEEDS_FREE:
	case EXO_R_HELD:
		for (i = 0; i < why->nranges && i < 8; i++)
			if (why->range[i].kind == EXO_RANGE_BLOCKED)
				log_avoid(fs, why->range[i].start, why->range[i].count);
		log_avoid(fs, why->detail, 1);
		return -EAGAIN;
	case EXO_R_CYCLE:
		err = exo_sync(fs->fs.x, fs->fs.disk, fs->fs.root, NULL);
		return err < 0 ? err : -EAGAIN;
	case EXO_R_NO_FRAMES:
		/* The pool is full of buffers that wait to be written. */
		if (fs->starved++ >= 3)
			return -ENOMEM;
		return exo_sync(fs->fs.x, fs->fs.disk, EXO_NOROOT, NULL) < 0 ? -ENOMEM : -EAGAIN;
	default:
		return exo_type_error(why->code, err);
	}
}

/*
 * Others commit meanwhile; one of them always gets on. Who loses stays close behind: a pause that grew would make it
 * lose again.
 */
void retry_pause(int tries)
{
	struct timespec ts = {0, 20000};

	if (tries % 8)
		sched_yield();
	else
		nanosleep(&ts, NULL);
}
