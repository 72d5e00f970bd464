// SPDX-License-Identifier: GPL-2.0 OR MIT
/* root.c: named places where trees start. A root's entry is the parent of its extent in all that the write order asks
 * for. */
#include "internal.h"

#define OWNER_SHARE 16u /* roots of one capability that is not the root of the name space */
#define META_MAX 8u	/* blocks of a metadata root's extent */

/* Entries of the catalogue at attach: mem holds all its blocks. */
void exo_roots_load(struct exo_disk *d, const u8 *mem)
{
	u32 i;

	memcpy(d->cat, mem, (size_t)EXO_CAT_BLOCKS * EXO_BLOCK_SIZE);
	for (i = 0; i < EXO_MAX_ROOTS; i++) {
		struct exo_root *r = &d->roots[i];
		int got = exo_root_get_entry(&r->h, mem + (size_t)i * EXO_SECTOR_SIZE);

		r->node.id = EXO_NODE_ROOT | d->nr << 8 | i;
		if (!got)
			continue;
		r->state = EXO_ROOT_LIVE;
		if (got < 0 || !exo_disk_inside(d, r->h.start, r->h.count) || (r->h.tmpl && r->h.count > META_MAX)) {
			/* Nothing in it can be believed; only the root of the name space may remove it. */
			memset(&r->h, 0, sizeof(r->h));
			r->h.owner.rights = EXO_RIGHT_ALL;
			exo_quarantine(d, i, EXO_QUARANTINE_ENTRY, 0);
		} else if (r->h.flags & EXO_ROOT_TEMPORARY) {
			/* Not walked, so its blocks are free. The entry goes with the next SYNC; until then attach
			 * drops it again. */
			r->state = d->readonly ? EXO_ROOT_EMPTY : EXO_ROOT_DYING;
			r->dirty = !d->readonly;
		} else if (r->h.tmpl && (d->tmpl[r->h.tmpl].state != EXO_TMPL_LIVE || !d->tmpl[r->h.tmpl].udf)) {
			exo_quarantine(d, i, EXO_QUARANTINE_TEMPLATE, r->h.tmpl);
		}
	}
}

static int check_add(struct exo_ask *a, struct exo_disk *d, const struct exo_root_add *q, struct exo_root_head *h,
		     u32 *slot)
{
	u32 i, mine = 0;
	u64 bad;

	*slot = EXO_MAX_ROOTS;
	for (i = EXO_MAX_ROOTS; i-- > 0;) {
		const struct exo_root *r = &d->roots[i];

		if (r->state == EXO_ROOT_EMPTY) {
			*slot = i;
			continue;
		}
		if (r->state != EXO_ROOT_DYING && !memcmp(r->h.name, h->name, EXO_NAME_MAX))
			return exo_no(a, -EEXIST, EXO_R_ROOT_EXISTS, i);
		mine += exo_cap_same_name(&r->h.owner, &h->owner);
	}
	if (!exo_cap_root(&h->owner) && mine >= OWNER_SHARE)
		return exo_no(a, -ENOSPC, EXO_R_ROOTS_FULL, OWNER_SHARE);
	if (*slot == EXO_MAX_ROOTS)
		return exo_no(a, -ENOSPC, EXO_R_ROOTS_FULL, EXO_MAX_ROOTS);
	if (h->tmpl &&
	    (h->tmpl >= EXO_MAX_TEMPLATES || d->tmpl[h->tmpl].state != EXO_TMPL_LIVE || !d->tmpl[h->tmpl].udf))
		return exo_no(a, -ENOENT, EXO_R_NO_TEMPLATE, h->tmpl);
	if ((h->flags & EXO_ROOT_SHARED) && (!h->tmpl || !d->tmpl[h->tmpl].h.acl_ninsns))
		return exo_no(a, -EINVAL, EXO_R_FLAGS, EXO_ROOT_SHARED);
	if (!h->count || (h->tmpl && h->count > META_MAX))
		return exo_no(a, -EINVAL, EXO_R_RANGE, h->count);
	if (!exo_cap_root(&h->owner) && d->super.user_quota && (!h->quota || h->quota > d->super.user_quota))
		h->quota = d->super.user_quota;
	if (h->quota && h->count > h->quota)
		return exo_no(a, -EDQUOT, EXO_R_QUOTA, h->quota);
	if (q->start == EXO_NOBLOCK) {
		if (!exo_map_find(d, h->count, &h->start))
			return exo_no(a, -EBUSY, EXO_R_NOT_FREE, EXO_NOBLOCK);
		return 0;
	}
	if (!exo_disk_inside(d, h->start, h->count))
		return exo_no(a, -EINVAL, EXO_R_RANGE, h->start);
	if (!exo_map_all_free(d, h->start, h->count, &bad))
		return exo_no(a, -EBUSY,
			      exo_bit(d->waiting, bad) ? EXO_R_NEEDS_FREE
			      : exo_bit(d->held, bad)  ? EXO_R_HELD
						       : EXO_R_NOT_FREE,
			      bad);
	return 0;
}

struct blocks {
	u32 frame[META_MAX];
	struct exo_link *link[META_MAX];
};

static int make_blocks(struct exo_ask *a, struct exo_disk *d, const struct exo_root_head *h, struct blocks *m)
{
	u32 i;

	for (i = 0; i < META_MAX; i++)
		m->frame[i] = EXO_NOFRAME;
	if (exo_hold_reserve(d, h->start, h->count))
		return exo_nomem(a);
	for (i = 0; h->tmpl && i < h->count; i++) {
		m->link[i] = exo_plat_alloc(sizeof(*m->link[i]));
		if (!m->link[i])
			return exo_nomem(a);
		m->frame[i] = exo_pool_take(a->c);
		if (m->frame[i] == EXO_NOFRAME)
			return exo_no(a, -ENOMEM, EXO_R_NO_FRAMES, h->count - i);
	}
	return 0;
}

static int add(struct exo_ask *a, struct exo_disk *d, struct exo_root_add *q, struct exo_root_head *h)
{
	struct exo_core *c = a->c;
	struct blocks m = {.link = {NULL}};
	struct exo_root *r;
	u32 slot, i, f;
	u64 at = 0;
	int err = check_add(a, d, q, h, &slot);

	if (err)
		return err;
	err = make_blocks(a, d, h, &m);
	if (err) {
		for (i = 0; i < META_MAX; i++) {
			exo_plat_free(m.link[i]);
			if (m.frame[i] != EXO_NOFRAME)
				exo_pool_give(c, m.frame[i]);
		}
		return err;
	}
	r = &d->roots[slot];
	while ((f = exo_buf_next(c, d->nr, h->start, h->count, &at)) != EXO_NOFRAME)
		exo_buf_drop(c, f);
	exo_map_take(d, h->start, h->count);
	h->used = h->count;
	r->h = *h;
	r->state = EXO_ROOT_LIVE;
	r->quarantine = 0;
	r->qdetail = 0;
	r->epoch = 0;
	r->dirty = true;
	r->node.fresh = 1;
	for (i = 0; h->tmpl && i < h->count; i++) {
		exo_buf_insert(c, m.frame[i], d->nr, h->start + i, EXO_BUF_VALID, EXO_BUF_META, h->tmpl, slot,
			       EXO_NOBLOCK);
		exo_link_add(m.link[i], &r->node, exo_frame_node(c, m.frame[i]), 0);
		exo_frame_node(c, m.frame[i])->link = m.link[i];
		exo_buf_dirty(c, m.frame[i]);
	}
	q->out_root = slot;
	q->out_start = h->start;
	return 0;
}

int exo_do_root_add(struct exo_ask *a, void *arg)
{
	struct exo_root_add *q = arg;
	const struct exo_cap *k;
	struct exo_root_head h = {.start = q->start,
				  .count = q->count,
				  .quota = q->quota,
				  .tmpl = q->template_id,
				  .flags = q->root_flags};
	struct exo_disk *d;
	u32 tries = 0;
	int err = exo_slot(a, q->cap, &k);

	q->out_root = 0;
	q->out_start = 0;
	if (err)
		return err;
	if (k->rights != EXO_RIGHT_ALL)
		return exo_no(a, -EACCES, EXO_R_CAP, 0);
	if (!exo_name_ok(q->name))
		return exo_no(a, -EINVAL, EXO_R_NAME, 0);
	if (q->root_flags & ~EXO_ROOT_KNOWN)
		return exo_no(a, -EOPNOTSUPP, EXO_R_FLAGS, q->root_flags & ~EXO_ROOT_KNOWN);
	memcpy(h.name, q->name, EXO_NAME_MAX);
	h.owner = *k;
	err = exo_disk_get(a, q->disk, true, &d);
	if (err)
		return err;
	exo_lock(a->c);
	do {
		err = d->failed ? exo_no(a, -EIO, EXO_R_IO, 0) : add(a, d, q, &h);
	} while (err == -ENOMEM && a->reason == EXO_R_NO_FRAMES && exo_reclaim(a, (u32)h.count, &tries));
	exo_unlock(a->c);
	exo_disk_put(a, d);
	return err;
}

/* Does anybody else have blocks of the root bound? Is any of them being written? Lock held. */
static u32 bound_by_others(struct exo_ask *a, struct exo_disk *d, u32 root, bool *writing)
{
	struct exo_core *c = a->c;
	u32 f, n = 0;

	*writing = d->roots[root].writing;
	for (f = 0; f < c->frames; f++) {
		const struct exo_buf *b = &c->bufs[f];

		if (b->state != EXO_BUF_VALID || b->disk != d->nr || b->root != root || c->side[f].doomed)
			continue;
		n += b->refs > (a->e->grants[f] != 0);
		*writing |= (b->flags & EXO_BUF_WRITING) && !c->side[f].direct;
	}
	return n;
}

/* A node of another root waits for one of this root: what it gave away must be settled first. */
static bool awaited(struct exo_disk *d, u32 root, u64 *block)
{
	struct exo_core *c = d->c;
	const struct exo_wait *w;
	u32 f;

	for (w = d->roots[root].node.waiters; w; w = w->dst_next) {
		*block = d->roots[root].node.block;
		if ((w->src->id & EXO_NODE_ROOT) || c->bufs[w->src->id].root != root)
			return true;
	}
	for (f = 0; f < c->frames; f++) {
		if (c->bufs[f].state != EXO_BUF_VALID || c->bufs[f].disk != d->nr || c->bufs[f].root != root)
			continue;
		for (w = c->side[f].node.waiters; w; w = w->dst_next) {
			*block = c->bufs[f].block;
			if ((w->src->id & EXO_NODE_ROOT) || c->bufs[w->src->id].root != root)
				return true;
		}
	}
	return false;
}

static u32 runs(const u64 *map, u64 from, u64 end)
{
	u32 n = 0;

	for (;;) {
		from = exo_bit_next(map, from, end, true);
		if (from == end)
			return n;
		n++;
		from = exo_bit_next(map, from, end, false);
	}
}

static void drop_node(struct exo_disk *d, struct exo_root *r, u32 root, u32 f)
{
	struct exo_core *c = d->c;
	struct exo_node *n = exo_frame_node(c, f);
	struct exo_wait *w, *next;

	while (n->lose) {
		struct exo_lose *l = n->lose;

		n->lose = l->next;
		l->next = r->node.lose;
		r->node.lose = l;
	}
	for (w = n->waits; w; w = next) {
		struct exo_node *dst = w->dst;

		next = w->src_next;
		if (dst == &r->node || (dst && !(dst->id & EXO_NODE_ROOT) && c->bufs[dst->id].root == root &&
					c->bufs[dst->id].disk == d->nr))
			continue;
		/* What the root gave to another one must be there before this root's entry goes. */
		*w->src_at = w->src_next;
		if (w->src_next)
			w->src_next->src_at = w->src_at;
		w->src = &r->node;
		w->src_next = r->node.waits;
		w->src_at = &r->node.waits;
		if (w->src_next)
			w->src_next->src_at = &w->src_next;
		r->node.waits = w;
	}
	if (n->link) {
		struct exo_link *l = n->link;

		n->link = NULL;
		exo_link_remove(c, l);
		exo_plat_free(l);
	}
}

static bool other_quarantine(const struct exo_disk *d, u32 root)
{
	u32 i;

	for (i = 0; i < EXO_MAX_ROOTS; i++)
		if (i != root && d->roots[i].state != EXO_ROOT_EMPTY && d->roots[i].state != EXO_ROOT_DYING &&
		    d->roots[i].quarantine)
			return true;
	return false;
}

/* Of what the root claims, the blocks that are owned: a disk may claim anything. */
static void keep_owned(const struct exo_disk *d, u64 *seen)
{
	u64 i;

	for (i = 0; i < exo_bit_words(d->blocks); i++)
		seen[i] &= ~(d->free[i] | d->waiting[i] | d->held[i]);
}

/* Of those, what is not left with another owner. */
static void keep_own(struct exo_disk *d, u64 *seen, struct exo_cover *again)
{
	u64 b;

	for (b = d->l.first; exo_contest_any(d, b, d->l.last - b, &b); b++)
		if (exo_bit(seen, b) && !exo_contest_drop(d, b, 1 + exo_cover_at(again, b)))
			exo_bit_clear(seen, b);
}

/* Everything is prepared; from here nothing fails. */
static void bury(struct exo_disk *d, u32 root, u64 *seen, struct exo_cover *again, bool held, struct exo_lose *lose)
{
	struct exo_core *c = d->c;
	struct exo_root *r = &d->roots[root];
	u64 b, end = d->l.last, i;
	u32 f;

	for (f = 0; f < c->frames; f++)
		if (c->bufs[f].state >= EXO_BUF_READING && c->bufs[f].disk == d->nr && !c->side[f].doomed &&
		    c->bufs[f].root == root)
			drop_node(d, r, root, f);
	for (f = 0; f < c->frames; f++) {
		if (c->bufs[f].state < EXO_BUF_READING || c->bufs[f].disk != d->nr || c->side[f].doomed)
			continue;
		if (c->bufs[f].root != root && !exo_bit(seen, c->bufs[f].block))
			continue;
		if (c->bufs[f].root != root && c->bufs[f].root != EXO_NOROOT)
			continue;
		exo_order_forget(c, &c->side[f].node);
		exo_buf_drop(c, f);
	}
	while (r->node.kids) {
		struct exo_link *l = r->node.kids;

		if (l->child->link == l)
			l->child->link = NULL;
		exo_link_remove(c, l);
		exo_plat_free(l);
	}
	keep_own(d, seen, again);
	for (i = 0; held && i < exo_bit_words(d->blocks); i++)
		seen[i] |= d->held[i];
	for (b = d->l.first;;) {
		struct exo_lose *l = lose;

		b = exo_bit_next(seen, b, end, true);
		if (b == end)
			break;
		lose = l->next;
		l->start = b;
		b = exo_bit_next(seen, b, end, false);
		l->count = b - l->start;
		l->root = EXO_NOROOT;
		l->moved = false;
		l->next = r->node.lose;
		r->node.lose = l;
		exo_hold_get(d, l->start, l->count);
		exo_map_leave(d, l->start, l->count);
	}
	while (lose) {
		struct exo_lose *l = lose;

		lose = l->next;
		exo_plat_free(l);
	}
	r->state = EXO_ROOT_DYING;
	r->dirty = true;
	r->node.fresh = 0;
	r->h.used = 0;
}

/*
 * A subtree that was hung below itself is not found from the root. With the root gone nobody would be charged for its
 * blocks, so it has to be taken apart first. What the attach could not follow does not count: nobody knows what lies
 * there.
 */
static bool found_all(const struct exo_disk *d, const struct exo_root *r, const u64 *seen, const struct exo_set *again)
{
	u64 n = exo_bit_count(seen, d->l.first, d->l.last - d->l.first);
	u32 i;

	for (i = 0; i < again->n; i++)
		n += again->r[i].count;
	return r->quarantine || d->blind.n || n >= r->h.used;
}

/* Holds of all blocks that have a bit. */
static int reserve(struct exo_disk *d, const u64 *map)
{
	u64 b = d->l.first, end = d->l.last, stop;
	int err;

	for (;; b = stop) {
		b = exo_bit_next(map, b, end, true);
		if (b == end)
			return 0;
		stop = exo_bit_next(map, b, end, false);
		err = exo_hold_reserve(d, b, stop - b);
		if (err)
			return err;
	}
}

/* Memory for bury: records for every run that may be freed, and holds. */
static int prepare(struct exo_ask *a, struct exo_disk *d, u64 *seen, bool held, struct exo_lose **lose)
{
	u64 n;
	int err;

	keep_owned(d, seen);
	/* Clearing bits of contested blocks may split runs. */
	n = (u64)runs(seen, d->l.first, d->l.last) + d->ncontest + 1;
	if (held)
		n += runs(d->held, d->l.first, d->l.last);
	for (; n; n--) {
		struct exo_lose *l = exo_plat_alloc(sizeof(*l));

		if (!l)
			return exo_nomem(a);
		l->next = *lose;
		*lose = l;
	}
	err = reserve(d, seen);
	if (!err && held)
		err = reserve(d, d->held);
	return err ? exo_nomem(a) : 0;
}

static int del(struct exo_ask *a, struct exo_disk *d, u32 root, u64 *seen)
{
	struct exo_root *r = &d->roots[root];
	struct exo_set again = {0};
	struct exo_cover cover = {.i = 0};
	struct exo_lose *lose = NULL;
	bool writing, held;
	u32 others;
	u64 block;
	int err = exo_walk_collect(d, root, seen, &again);

	if (!err)
		err = exo_cover_make(&cover, &again);
	exo_lock(a->c);
	if (err) {
		err = err == -ENOMEM ? exo_nomem(a) :
				       exo_no(a, err, err == -EINTR ? EXO_R_KILLED : EXO_R_IO, r->h.start);
		goto out;
	}
	for (;;) {
		others = bound_by_others(a, d, root, &writing);
		if (!writing)
			break;
		exo_plat_wait(a->c->lock);
	}
	held = r->quarantine && d->nheld && !other_quarantine(d, root);
	if (others)
		err = exo_no(a, -EBUSY, EXO_R_IN_USE, others);
	else if (!found_all(d, r, seen, &again))
		err = exo_no(a, -EBUSY, EXO_R_STILL_OWNS, r->h.start);
	else if (awaited(d, root, &block))
		err = exo_no(a, -EBUSY, EXO_R_CYCLE, block);
	else
		err = prepare(a, d, seen, held, &lose);
	if (!err) {
		bury(d, root, seen, &cover, held, lose);
		lose = NULL;
	}
out:
	if (err)
		r->state = EXO_ROOT_LIVE;
	exo_plat_wake(a->c->lock);
	exo_unlock(a->c);
	while (lose) {
		struct exo_lose *l = lose;

		lose = l->next;
		exo_plat_free(l);
	}
	exo_set_free(&again);
	exo_cover_free(&cover);
	return err;
}

int exo_do_root_del(struct exo_ask *a, void *arg)
{
	struct exo_root_del *q = arg;
	struct exo_disk *d;
	struct exo_root *r;
	u64 *seen = NULL;
	bool writing;
	u32 others;
	int err = exo_disk_get(a, q->disk, true, &d);

	if (err)
		return err;
	exo_lock(a->c);
	r = q->root < EXO_MAX_ROOTS ? &d->roots[q->root] : NULL;
	if (!r || r->state == EXO_ROOT_EMPTY || r->state == EXO_ROOT_DYING)
		err = exo_no(a, -ENOENT, EXO_R_NO_ROOT, q->root);
	else if (r->state == EXO_ROOT_LEAVING)
		err = exo_no(a, -EBUSY, EXO_R_BUSY, r->h.start);
	else
		err = exo_need_root(a, q->cap, d, q->root, EXO_RIGHT_WRITE);
	if (!err && d->failed)
		err = exo_no(a, -EIO, EXO_R_IO, 0);
	if (!err) {
		others = bound_by_others(a, d, q->root, &writing);
		if (others)
			err = exo_no(a, -EBUSY, EXO_R_IN_USE, others);
		else
			r->state = EXO_ROOT_LEAVING;
	}
	exo_unlock(a->c);
	if (!err) {
		seen = exo_plat_alloc(exo_bit_words(d->blocks) * 8);
		if (seen) {
			err = del(a, d, q->root, seen);
		} else {
			err = exo_nomem(a);
			exo_lock(a->c);
			r->state = EXO_ROOT_LIVE;
			exo_unlock(a->c);
		}
		exo_plat_free(seen);
	}
	exo_disk_put(a, d);
	return err;
}

int exo_do_root_get(struct exo_ask *a, void *arg)
{
	struct exo_root_get *q = arg;
	const struct exo_root *r = NULL;
	struct exo_disk *d;
	u32 i;
	int err;

	if ((q->head.flags & EXO_ROOT_BY_NAME) && !exo_name_ok(q->name))
		return exo_no(a, -EINVAL, EXO_R_NAME, 0);
	err = exo_disk_get(a, q->disk, false, &d);
	if (err)
		return err;
	exo_lock(a->c);
	if (q->head.flags & EXO_ROOT_BY_NAME) {
		for (i = 0; i < EXO_MAX_ROOTS; i++)
			if ((d->roots[i].state == EXO_ROOT_LIVE || d->roots[i].state == EXO_ROOT_LEAVING) &&
			    !memcmp(d->roots[i].h.name, q->name, EXO_NAME_MAX))
				break;
		q->root = i < EXO_MAX_ROOTS ? i : EXO_NOROOT;
	}
	if (q->root < EXO_MAX_ROOTS)
		r = &d->roots[q->root];
	if (!r || r->state == EXO_ROOT_EMPTY || r->state == EXO_ROOT_DYING) {
		err = exo_no(a, -ENOENT, EXO_R_NO_ROOT, q->root);
	} else {
		memcpy(q->name, r->h.name, EXO_NAME_MAX);
		q->out_start = r->h.start;
		q->out_count = r->h.count;
		q->out_quota = r->h.quota;
		q->out_used = r->h.used;
		q->out_template = r->h.tmpl;
		q->out_flags = r->h.flags;
		q->out_quarantine = r->quarantine;
		q->out_quarantine_detail = r->qdetail;
		q->out_owner = r->h.owner;
	}
	exo_unlock(a->c);
	exo_disk_put(a, d);
	return err;
}
