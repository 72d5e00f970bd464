// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * registry.c: buffers, the hash that finds them and the list of those that may be reused. User space reads all of it
 * without the lock; exo.h states the barrier pairs, this file has the writing half.
 */
#include "internal.h"

#define NO_DISK 0xffffu

void exo_buf_begin(struct exo_core *c, u32 frame)
{
	struct exo_buf *b = &c->bufs[frame];

	__atomic_store_n(&b->version, b->version | 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

/* Versions come from one counter, so a block that left and came back never has an old version again. */
u64 exo_buf_end(struct exo_core *c, u32 frame)
{
	c->version += 2;
	__atomic_store_n(&c->bufs[frame].version, c->version, __ATOMIC_RELEASE);
	return c->version;
}

static u32 *bucket(const struct exo_core *c, u32 disk, u64 block)
{
	return &c->hash[exo_hash(disk, block) & (c->reg->buckets - 1)];
}

u32 exo_buf_find(const struct exo_core *c, u32 disk, u64 block)
{
	u32 at;

	for (at = *bucket(c, disk, block); at; at = c->bufs[at - 1].next) {
		const struct exo_buf *b = &c->bufs[at - 1];

		if (b->block == block && b->disk == disk)
			return at - 1;
	}
	return EXO_NOFRAME;
}

u32 exo_buf_next(const struct exo_core *c, u32 disk, u64 start, u64 count, u64 *at)
{
	u32 f;

	while (count <= c->frames && *at < count) {
		f = exo_buf_find(c, disk, start + (*at)++);
		if (f != EXO_NOFRAME)
			return f;
	}
	while (count > c->frames && *at < c->frames) {
		f = (u32)(*at)++;
		if (c->bufs[f].state >= EXO_BUF_READING && c->bufs[f].disk == disk && c->bufs[f].block - start < count)
			return f;
	}
	return EXO_NOFRAME;
}

void exo_buf_insert(struct exo_core *c, u32 frame, u32 disk, u64 block, u8 state, u8 flags, u32 tmpl, u32 root, u64 up)
{
	struct exo_buf *b = &c->bufs[frame];
	u32 *head = bucket(c, disk, block);

	exo_buf_begin(c, frame);
	b->block = block;
	b->disk = (u16)disk;
	b->state = state;
	b->flags = flags;
	b->template_id = tmpl;
	b->root = root;
	b->refs = 0;
	b->taint = 0;
	b->owner = 0;
	b->user[0] = b->user[1] = 0;
	b->next = *head;
	exo_buf_end(c, frame);
	__atomic_store_n(head, frame + 1, __ATOMIC_RELEASE);
	c->side[frame].node.block = block;
	c->side[frame].up = up;
	c->stats->frames_cached++;
}

void exo_buf_know(struct exo_core *c, u32 frame, u32 tmpl, u32 root, u64 up)
{
	struct exo_buf *b = &c->bufs[frame];

	exo_owned_drop(c, frame);
	c->side[frame].up = up;
	exo_buf_begin(c, frame);
	b->flags &= (u8)~EXO_BUF_UNKNOWN;
	if (tmpl)
		b->flags |= EXO_BUF_META;
	b->template_id = tmpl;
	b->root = root;
	exo_buf_end(c, frame);
}

static void unhash(struct exo_core *c, u32 frame)
{
	struct exo_buf *b = &c->bufs[frame];
	u32 *at = bucket(c, b->disk, b->block);

	while (*at != frame + 1)
		at = &c->bufs[*at - 1].next;
	__atomic_store_n(at, b->next, __ATOMIC_RELEASE);
	c->stats->frames_cached--;
}

static void lru_remove(struct exo_core *c, u32 frame)
{
	struct exo_buf *b = &c->bufs[frame];

	if (b->lru_prev)
		c->bufs[b->lru_prev - 1].lru_next = b->lru_next;
	else
		c->reg->lru_first = b->lru_next;
	if (b->lru_next)
		c->bufs[b->lru_next - 1].lru_prev = b->lru_prev;
	else
		c->reg->lru_last = b->lru_prev;
	b->lru_prev = b->lru_next = 0;
	c->side[frame].in_lru = false;
	c->nlru--;
}

static void lru_append(struct exo_core *c, u32 frame)
{
	struct exo_buf *b = &c->bufs[frame];

	b->lru_prev = c->reg->lru_last;
	b->lru_next = 0;
	if (b->lru_prev)
		c->bufs[b->lru_prev - 1].lru_next = frame + 1;
	else
		c->reg->lru_first = frame + 1;
	c->reg->lru_last = frame + 1;
	c->side[frame].in_lru = true;
	c->nlru++;
}

void exo_buf_settle(struct exo_core *c, u32 frame)
{
	struct exo_side *s = &c->side[frame];
	struct exo_buf *b = &c->bufs[frame];
	bool idle;

	if (s->doomed) {
		if (!s->pins && !b->refs)
			exo_pool_give(c, frame);
		return;
	}
	/* What links hang on stays, though it is clean, until what they wait for is durable. */
	idle = b->state == EXO_BUF_VALID && !(b->flags & (EXO_BUF_DIRTY | EXO_BUF_WRITING)) && !b->refs && !s->pins &&
	       !s->node.link && !s->node.kids;
	if (idle && !s->in_lru)
		lru_append(c, frame);
	else if (!idle && s->in_lru)
		lru_remove(c, frame);
}

void exo_buf_pin(struct exo_core *c, u32 frame)
{
	c->side[frame].pins++;
	exo_buf_settle(c, frame);
}

void exo_buf_unpin(struct exo_core *c, u32 frame)
{
	c->side[frame].pins--;
	exo_buf_settle(c, frame);
}

void exo_buf_dirty(struct exo_core *c, u32 frame)
{
	struct exo_buf *b = &c->bufs[frame];
	struct exo_side *s = &c->side[frame];
	struct exo_disk *d;

	if (b->flags & EXO_BUF_DIRTY)
		return;
	d = c->disks[b->disk];
	b->flags |= EXO_BUF_DIRTY;
	s->dirty_since = ++c->tick;
	s->dirty_prev = d->dirty_last;
	s->dirty_next = 0;
	if (s->dirty_prev)
		c->side[s->dirty_prev - 1].dirty_next = frame + 1;
	else
		d->dirty_first = frame + 1;
	d->dirty_last = frame + 1;
	d->ndirty++;
	c->stats->frames_dirty++;
	exo_buf_settle(c, frame);
}

void exo_buf_clean(struct exo_core *c, u32 frame)
{
	struct exo_buf *b = &c->bufs[frame];
	struct exo_side *s = &c->side[frame];
	struct exo_disk *d;

	if (!(b->flags & EXO_BUF_DIRTY))
		return;
	d = c->disks[b->disk];
	b->flags &= (u8) ~(EXO_BUF_DIRTY | EXO_BUF_ERROR);
	if (s->dirty_prev)
		c->side[s->dirty_prev - 1].dirty_next = s->dirty_next;
	else
		d->dirty_first = s->dirty_next;
	if (s->dirty_next)
		c->side[s->dirty_next - 1].dirty_prev = s->dirty_prev;
	else
		d->dirty_last = s->dirty_prev;
	s->dirty_prev = s->dirty_next = 0;
	d->ndirty--;
	c->stats->frames_dirty--;
}

void exo_buf_revoke(struct exo_core *c, u32 frame)
{
	struct exo_buf *b = &c->bufs[frame];
	struct exo_env *e;

	if (!b->refs)
		return;
	for (e = c->envs; e; e = e->next) {
		if (!(e->grants[frame] & (EXO_GRANT_READ | EXO_GRANT_WRITE)))
			continue;
		e->grants[frame] = 0;
		e->nbound--;
		exo_user_let(e, frame);
	}
	b->refs = 0;
	c->nheld--;
	exo_plat_zap(frame);
}

/* Nobody finds the buffer any more. */
static void forget(struct exo_core *c, u32 frame, u8 state)
{
	struct exo_buf *b = &c->bufs[frame];
	struct exo_side *s = &c->side[frame];

	exo_buf_clean(c, frame);
	exo_owned_drop(c, frame);
	if (s->in_lru)
		lru_remove(c, frame);
	unhash(c, frame);
	s->direct = false;
	if (!s->pins && !b->refs) {
		exo_pool_give(c, frame);
		return;
	}
	/* I/O or an env still touches the memory: the frame is free when the last of them ends. */
	s->doomed = true;
	exo_buf_begin(c, frame);
	b->disk = NO_DISK;
	b->block = EXO_NOBLOCK;
	b->state = state;
	b->flags = EXO_BUF_UNKNOWN;
	b->taint = 0;
	b->template_id = 0;
	b->root = EXO_NOROOT;
	b->next = 0;
	exo_buf_end(c, frame);
}

void exo_buf_drop(struct exo_core *c, u32 frame)
{
	exo_buf_revoke(c, frame);
	forget(c, frame, EXO_BUF_READING);
}

void exo_buf_leave(struct exo_core *c, u32 frame)
{
	forget(c, frame, c->bufs[frame].refs ? EXO_BUF_GONE : EXO_BUF_READING);
}
