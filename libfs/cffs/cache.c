// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * cache.c: the frames that this tree has bound. The registry says where a block is; `held` says which frames the tree
 * may touch. Both together answer a lookup without a system call.
 *
 * When a block is freed, every binding of it ends. It may come back, even in the same frame, without ours. So a frame
 * counts as held only at the version at which it was bound, or to which a transaction of ours took it; after anybody
 * else's change it is bound again.
 *
 * A frame is pinned while an operation (or a peek) uses it. When the env's limit or the pool's end is reached, those
 * that were not used for a turn are given back; so a use costs no more than setting a mark. Giving back loses nothing:
 * dirty buffers stay in the registry.
 */
#include <stdint.h>
#include <time.h>
#include "cffs.h"

#define SHRINK_MIN 64

int cache_init(struct cffs *fs)
{
	const struct exo_query *facts = exo_facts(fs->fs.x);

	fs->v = exo_view(fs->fs.x);
	fs->held = calloc(fs->v->reg->frames, sizeof(*fs->held));
	if (!fs->held)
		return -ENOMEM;
	/* The pool belongs to everybody, and what is bound nobody else can reuse: take a quarter at most. */
	fs->limit = fs->v->reg->frames / 4;
	if (fs->limit > facts->out_bind_limit)
		fs->limit = facts->out_bind_limit;
	return 0;
}

static void lru_del(struct cffs *fs, u32 f)
{
	struct held *h = &fs->held[f];

	if (h->prev)
		fs->held[h->prev - 1].next = h->next;
	else
		fs->lru_first = h->next;
	if (h->next)
		fs->held[h->next - 1].prev = h->prev;
	else
		fs->lru_last = h->prev;
	h->prev = h->next = 0;
}

static void lru_add(struct cffs *fs, u32 f)
{
	struct held *h = &fs->held[f];

	h->prev = fs->lru_last;
	h->next = 0;
	if (h->prev)
		fs->held[h->prev - 1].next = f + 1;
	else
		fs->lru_first = f + 1;
	fs->lru_last = f + 1;
}

/* Unbind; a frame that the module took back meanwhile makes it refuse the batch, so then one by one. */
static void give_back(struct cffs *fs, const u32 *frames, u32 n)
{
	u32 i;

	if (n && exo_unbind(fs->fs.x, n, frames, NULL))
		for (i = 0; i < n; i++)
			exo_unbind(fs->fs.x, 1, &frames[i], NULL);
}

/*
 * Forget and unbind up to `want`, those first whose turn it is: one that was used since its last turn, or is pinned,
 * goes to the end instead. How many.
 */
static u32 shrink(struct cffs *fs, u32 want)
{
	u32 frames[256], n, done = 0, turns = 2 * fs->nheld;

	while (done < want && fs->lru_first && turns) {
		for (n = 0; n < 256 && done + n < want && fs->lru_first && turns; turns--) {
			u32 f = fs->lru_first - 1;

			lru_del(fs, f);
			if (fs->held[f].pins || fs->held[f].recent) {
				fs->held[f].recent = 0;
				lru_add(fs, f);
				continue;
			}
			memset(&fs->held[f], 0, sizeof(fs->held[f]));
			fs->nheld--;
			frames[n++] = f;
		}
		give_back(fs, frames, n);
		done += n;
	}
	return done;
}

void cache_exit(struct cffs *fs)
{
	u32 frames[256], n = 0, f;

	if (!fs->held)
		return;
	for (f = 0; f < fs->v->reg->frames; f++) {
		if (!fs->held[f].bound)
			continue;
		frames[n++] = f;
		if (n == 256) {
			give_back(fs, frames, n);
			n = 0;
		}
	}
	give_back(fs, frames, n);
	free(fs->held);
	fs->held = NULL;
}

u32 cache_find(struct cffs *fs, u64 block, u64 *version)
{
	u64 now;
	u32 f = exo_lookup(fs->v, fs->fs.disk, block, &now);

	if (f == EXO_NOFRAME || f >= fs->v->reg->frames || !fs->held[f].bound || fs->held[f].block != block ||
	    fs->held[f].version != now)
		return EXO_NOFRAME;
	if (version)
		*version = now;
	return f;
}

void cache_changed(struct cffs *fs, u32 frame, u64 block, u64 version)
{
	struct held *h = &fs->held[frame];

	if (h->bound && h->block == block)
		h->version = version;
}

/*
 * A transfer is in the way. It ends by itself, but on a busy machine not in the time of CFFS_TRIES calls: from 0.1 ms on, twice as long
 * each time up to 6.4 ms, so about a second in all.
 */
static void stand_by(struct cffs *fs)
{
	struct timespec ts = {.tv_nsec = 100000l << (fs->busy < 6 ? fs->busy : 6)};

	fs->busy++;
	nanosleep(&ts, NULL);
}

int disk_sync(struct cffs *fs, u32 root)
{
	struct exo_why *why = exo_fs_why_here();
	int tries, err = 0;

	for (tries = 0; tries < CFFS_TRIES; tries++) {
		err = exo_sync(fs->fs.x, fs->fs.disk, root, why);
		if (err >= 0) {
			fs->busy = 0;
			return 0;
		}
		if (why->code != EXO_R_BUSY)
			break;
		stand_by(fs);
	}
	return err;
}

int err_retry(struct cffs *fs, int err, const struct exo_why *why)
{
	u32 i;

	switch (why->code) {
	case EXO_R_VERSION:
	case EXO_R_NOT_IN_CORE:
	case EXO_R_NOT_META:
	case EXO_R_NOT_CLAIMED:
	case EXO_R_STILL_OWNS:
		return -EAGAIN;
	case EXO_R_BUSY:
		stand_by(fs);
		return -EAGAIN;
	case EXO_R_NOT_FREE:
	case EXO_R_NEEDS_FREE:
	case EXO_R_HELD:
		for (i = 0; i < why->nranges && i < 8; i++)
			if (why->range[i].kind == EXO_RANGE_BLOCKED)
				alloc_avoid(fs, why->range[i].start, why->range[i].count);
		alloc_avoid(fs, why->detail, 1);
		return -EAGAIN;
	case EXO_R_CYCLE:
		err = disk_sync(fs, fs->fs.root);
		return err ? err : -EAGAIN;
	case EXO_R_NO_FRAMES:
	case EXO_R_FRAME_LIMIT:
		if (shrink(fs, SHRINK_MIN))
			return -EAGAIN;
		/* What waits to be written cannot be reused either. */
		if (why->code == EXO_R_FRAME_LIMIT || fs->starved++ >= 3)
			return -ENOMEM;
		return disk_sync(fs, EXO_NOROOT) ? -ENOMEM : -EAGAIN;
	case EXO_R_ACL:
		return EXO_ACL_CODE(why->detail) == CFFS_ACL_WRITE || EXO_ACL_CODE(why->detail) == CFFS_ACL_READ
			       ? -EACCES
			       : -EPERM;
	default:
		return exo_type_error(why->code, err);
	}
}

static void keep(struct cffs *fs, u32 f, u64 block, bool write, bool meta)
{
	struct held *h = &fs->held[f];

	if (!h->bound) {
		h->bound = 1;
		fs->nheld++;
		lru_add(fs, f);
	} else if (h->block != block) {
		h->write = 0;
	}
	cache_pin(fs, f);
	h->block = block;
	h->version = exo_version(fs->v, f);
	h->write |= write;
	h->meta = meta;
}

int cache_bind(struct cffs *fs, const struct claim *c, u64 first, u32 count, bool write, bool overwrite, u32 *frames)
{
	struct exo_why *why = exo_fs_why_here();
	struct exo_bind b = {
		.disk = fs->fs.disk,
		.cap = fs->cap,
		.root = fs->fs.root,
		.index = c->part,
		.parent = c->parent.block,
		.claim = {c->ext.start, c->ext.count, c->meta ? fs->template_id : 0, 0},
		.first = first,
		.count = count,
		.rights = write ? EXO_RIGHT_ALL : EXO_RIGHT_READ,
		.frames = (uintptr_t)frames,
		.map = (uintptr_t)exo_frame_ptr(fs->v, 0),
	};
	bool synced = false;
	int err;
	u32 i;

	if (fs->nheld + count > fs->limit)
		shrink(fs, count < SHRINK_MIN ? SHRINK_MIN : count);
	for (;;) {
		err = exo_bind(fs->fs.x, &b, overwrite ? EXO_BIND_OVERWRITE : 0, why);
		if (err >= 0)
			break;
		if (why->code == EXO_R_FRAME_LIMIT || why->code == EXO_R_NO_FRAMES) {
			u32 freed = shrink(fs, count < SHRINK_MIN ? SHRINK_MIN : count);

			/* The pool may be full of buffers that wait to be written. */
			if (why->code == EXO_R_NO_FRAMES && !synced && !fs->txn.open) {
				synced = true;
				if (!disk_sync(fs, fs->fs.root))
					continue;
			}
			if (freed)
				continue;
			return -ENOMEM;
		}
		return err_retry(fs, err, why);
	}
	fs->busy = 0;
	for (i = 0; i < count; i++)
		keep(fs, frames[i], first + i, write, c->meta);
	return 0;
}

int meta_get(struct cffs *fs, const struct claim *c, struct ref *out)
{
	return meta_get_at(fs, c, c->ext.start, out);
}

int meta_get_at(struct cffs *fs, const struct claim *c, u64 block, struct ref *out)
{
	u32 f;
	int err;

	*out = NO_REF;
	if (fs->txn.open && txn_fresh(fs, block)) {
		out->block = block;
		return 0;
	}
	f = cache_find(fs, block, &out->version);
	if (f != EXO_NOFRAME) {
		cache_pin(fs, f);
	} else {
		err = cache_bind(fs, c, block, 1, false, false, &f);
		if (err)
			return err;
		if (exo_lookup(fs->v, fs->fs.disk, block, &out->version) != f) {
			cache_unpin(fs, f);
			return -EAGAIN;
		}
	}
	out->block = block;
	out->frame = f;
	return 0;
}

/* The root block has no parent and is bound by its root's number. */
int root_get(struct cffs *fs, struct ref *out)
{
	struct claim c = {.parent = NO_REF, .part = 0, .ext = {fs->root_block, 1, 0}, .meta = true};

	return meta_get(fs, &c, out);
}

void meta_put(struct cffs *fs, struct ref *r)
{
	if (r->frame != EXO_NOFRAME)
		cache_unpin(fs, r->frame);
	*r = NO_REF;
}

bool meta_same(struct cffs *fs, const struct ref *r)
{
	return r->frame == EXO_NOFRAME || exo_unchanged(fs->v, r->frame, r->version);
}
