// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * walk.c: find out who owns what by following claims from the roots. Level by level, so that reads are sorted and
 * go out in batches. Nothing on the disk is believed: a claim is used after owns.c has checked it, a block is visited
 * once, and whatever is wrong quarantines the root where it was found.
 *
 * attach: all roots at once, over private memory; makes the free map. collect: one root that is leaving; content in
 * core wins over the disk's, and blocks are noted in a bitmap of the caller.
 */
#include "walk.h"

#define SAY_AFTER_NS 5000000000ull

static void blame(struct exo_walk *w, u32 root, u32 why, u64 detail)
{
	if (!w->collect)
		exo_quarantine(w->d, root, why, detail);
}

/* The array moves under the walk's lock: other threads look up what they read next in it. */
static int grow(struct exo_walk *w)
{
	u32 room = w->room ? w->room * 2 : 256;
	struct exo_item *more, *old = w->items;

	if (room < w->room)
		return -ENOMEM;
	more = exo_plat_alloc((size_t)room * sizeof(*more));
	if (!more)
		return -ENOMEM;
	if (w->n)
		memcpy(more, old, (size_t)w->n * sizeof(*more));
	if (w->lock)
		exo_plat_lock(w->lock);
	w->items = more;
	if (w->lock)
		exo_plat_unlock(w->lock);
	w->room = room;
	exo_plat_free(old);
	return 0;
}

/* Blocks to be visited in the next level. */
static int push(struct exo_walk *w, u64 block, u64 count, u32 tmpl, u32 root)
{
	w->known += count;
	w->of_tmpl[tmpl] += count;
	exo_bit_fill(w->meta, block, count);
	while (count) {
		u32 some = count < 1u << 30 ? (u32)count : 1u << 30;

		if (w->n == w->room && grow(w))
			return -ENOMEM;
		w->items[w->n++] = (struct exo_item){.block = block, .count = some, .tmpl = (u16)tmpl, .root = (u16)root};
		block += some;
		count -= some;
	}
	return 0;
}

/* The same in collect: blocks that the attach did not follow are nobody's tree. */
static int push_known(struct exo_walk *w, u64 block, u64 count, u32 tmpl, u32 root)
{
	const struct exo_set *blind = &w->d->blind;
	u64 end = block + count, b;
	int err = 0;

	while (!err && block < end) {
		for (b = block; b < end && exo_rng_find(blind->r, blind->n, b) == blind->n; b++)
			;
		if (b > block)
			err = push(w, block, b - block, tmpl, root);
		block = b + 1;
	}
	return err;
}

/* One more claim of each block, joined to the last one where it can be. */
static int note(struct exo_set *s, u64 start, u64 count, u32 tmpl, u32 from)
{
	struct exo_rng *r = s->n ? &s->r[s->n - 1] : NULL;

	if (r && r->start + r->count == start && r->tmpl == tmpl && r->from == from) {
		r->count += count;
		return 0;
	}
	return exo_set_add(s, start, count, tmpl, from, 0);
}

/* Claimed by two roots, or with two templates: damage, and nobody knows whose children they are. */
static int crossing(struct exo_walk *w, u64 start, u64 count, u32 root)
{
	int err;

	blame(w, root, EXO_QUARANTINE_CLAIM, start);
	err = note(&w->crossed, start, count, 0, 0);
	return err ? err : note(&w->d->blind, start, count, 0, 0);
}

/*
 * A second claim. Of data, or of metadata by the same root with the same template: contested, which a crash during a
 * MOVE leaves behind, also when the old owner lies below the block by now. Else it is damage as well. A crash doubles a
 * block's claims at most a few times; a disk that has many more is made to keep the walk busy for ever.
 */
static int twice(struct exo_walk *w, u64 start, u64 count, u32 tmpl, u32 root)
{
	u64 end = start + count, b, stop;
	int err;

	if (count > w->budget)
		return -EUCLEAN;
	w->budget -= count;
	err = note(w->again, start, count, 0, 0);
	for (b = start; !err && !w->collect && b < end; b = stop) {
		bool meta = exo_bit(w->meta, b);

		stop = exo_bit_next(w->meta, b, end, !meta);
		if (meta && tmpl)
			err = note(&w->twins, b, stop - b, tmpl, root);
		else if (meta || tmpl)
			err = crossing(w, b, stop - b, root);
	}
	return err;
}

static int claim(struct exo_walk *w, u64 start, u64 count, u32 tmpl, u32 root)
{
	u64 end = start + count, b, stop;
	int err = 0;

	if (!w->collect)
		w->d->roots[root].h.used += count;
	for (b = start; !err && b < end; b = stop) {
		bool seen = exo_bit(w->seen, b);

		stop = exo_bit_next(w->seen, b, end, !seen);
		if (seen) {
			err = twice(w, b, stop - b, tmpl, root);
			continue;
		}
		exo_bit_fill(w->seen, b, stop - b);
		w->owned += stop - b;
		if (tmpl)
			err = (w->collect ? push_known : push)(w, b, stop - b, tmpl, root);
	}
	return err;
}

static int merge_block(struct exo_walk *w, const struct exo_look *k, const struct exo_found *found)
{
	const struct exo_disk *d = w->d;
	u32 p, i;
	int err;

	w->visited++;
	if (k->why) {
		blame(w, k->root, k->why, k->why == EXO_QUARANTINE_TEMPLATE ? k->tmpl : k->block);
		if (k->why != EXO_QUARANTINE_READ)
			return 0;
		if (w->collect)
			return d->roots[k->root].quarantine ? 0 : -EIO;
		return note(&w->d->blind, k->block, 1, 0, 0);
	}
	for (p = 0; p < EXO_BLOCK_SIZE / d->tmpl[k->tmpl].h.partition; p++) {
		w->runs++;
		if (k->part_why[p])
			blame(w, k->root, k->part_why[p], k->block);
		for (i = 0; i < k->n[p]; i++, found++) {
			err = claim(w, found->start, found->count_tmpl >> 6, found->count_tmpl & 63, k->root);
			if (err)
				return err;
		}
	}
	return 0;
}

int exo_walk_merge(struct exo_walk *w, const struct exo_haul *h, u32 from, u32 n)
{
	u32 i;
	int err = 0;

	for (i = from; !err && i < from + n; i++)
		err = merge_block(w, &h->look[i], h->found + (size_t)i * EXO_BLOCK_CLAIMS);
	return err;
}

/* How far it is, for DISK_INFO; and a walk that takes long says so. */
static void progress(struct exo_walk *w)
{
	struct exo_disk *d = w->d;
	u64 now = exo_plat_now_ns();

	exo_lock(d->c);
	d->walk_meta = w->visited;
	d->walk_known = w->known;
	d->walk_owned = w->owned;
	d->walk_requests = w->requests;
	d->walk_threads = w->threads;
	d->walk_ns = now - w->begin;
	exo_unlock(d->c);
	if (now - w->said < SAY_AFTER_NS)
		return;
	w->said = now;
	exo_plat_walk_progress(d->nr, w->visited, w->known, w->owned, now - w->begin);
}

int exo_walk_step(struct exo_walk *w)
{
	if (!w->collect)
		progress(w);
	return exo_plat_killed() ? -EINTR : 0;
}

static void sift(struct exo_item *r, u32 at, u32 n)
{
	struct exo_item v = r[at];

	for (;;) {
		u32 kid = 2 * at + 1;

		if (kid >= n)
			break;
		if (kid + 1 < n && r[kid + 1].block > r[kid].block)
			kid++;
		if (r[kid].block <= v.block)
			break;
		r[at] = r[kid];
		at = kid;
	}
	r[at] = v;
}

static void sort(struct exo_item *r, u32 n)
{
	u32 i;

	for (i = n / 2; i-- > 0;)
		sift(r, i, n);
	for (i = n; i-- > 1;) {
		struct exo_item v = r[0];

		r[0] = r[i];
		r[i] = v;
		sift(r, 0, i);
	}
}

static int levels(struct exo_walk *w)
{
	int err = 0;

	while (!err && w->to < w->n) {
		w->at = w->to;
		w->to = w->n;
		sort(w->items + w->at, w->to - w->at);
		err = exo_walkers_level(w);
	}
	return err;
}

/* The item, of all, that holds the block; there is one. They are sorted and do not overlap. */
static const struct exo_item *holder(const struct exo_walk *w, u64 block)
{
	u32 lo = 0, hi = w->n;

	while (hi - lo > 1) {
		u32 mid = lo + (hi - lo) / 2;

		if (w->items[mid].block <= block)
			lo = mid;
		else
			hi = mid;
	}
	return &w->items[lo];
}

/* Who has metadata that was claimed again as metadata is known when all is found. */
static int judge_twins(struct exo_walk *w)
{
	u32 i;
	int err = 0;

	if (!w->twins.n)
		return 0;
	sort(w->items, w->n);
	for (i = 0; !err && i < w->twins.n; i++) {
		const struct exo_rng *t = &w->twins.r[i];
		u64 b = t->start, end = b + t->count;

		while (!err && b < end) {
			const struct exo_item *it = holder(w, b);
			u64 stop = it->block + it->count < end ? it->block + it->count : end;

			if (it->tmpl != t->tmpl || it->root != t->from)
				err = crossing(w, b, stop - b, t->from);
			b = stop;
		}
		if (!err && exo_plat_killed())
			err = -EINTR;
	}
	return err;
}

static int walk_new(struct exo_disk *d, struct exo_walk **out)
{
	struct exo_walk *w = exo_plat_alloc(sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->d = d;
	w->budget = 2 * d->blocks;
	w->threads = 1;
	w->meta = exo_plat_alloc(exo_bit_words(d->blocks) * 8);
	*out = w;
	return w->meta ? exo_walkers_new(w) : -ENOMEM;
}

static void walk_free(struct exo_walk *w)
{
	if (!w)
		return;
	exo_walkers_free(w);
	exo_plat_free(w->items);
	exo_plat_free(w->meta);
	exo_set_free(&w->crossed);
	exo_set_free(&w->twins);
	exo_plat_free(w);
}

static void make_map(struct exo_disk *d, const u64 *seen)
{
	u64 b = d->l.first, stop;

	d->fm->free = 0;
	for (; b < d->l.last; b = stop) {
		bool used = exo_bit(seen, b);

		stop = exo_bit_next(seen, b, d->l.last, !used);
		if (used)
			continue;
		exo_bit_fill(d->free, b, stop - b);
		d->fm->free += stop - b;
	}
}

int exo_walk_attach(struct exo_disk *d)
{
	struct exo_walk *w = NULL;
	struct exo_set again = {0};
	u64 *seen = exo_plat_alloc(exo_bit_words(d->blocks) * 8);
	u32 i;
	int err = seen ? walk_new(d, &w) : -ENOMEM;

	if (!err) {
		w->seen = seen;
		w->again = &again;
		w->begin = w->said = exo_plat_now_ns();
	}
	for (i = 0; !err && i < EXO_MAX_ROOTS; i++) {
		struct exo_root *r = &d->roots[i];

		r->h.used = 0;
		if (r->state != EXO_ROOT_LIVE || r->quarantine == EXO_QUARANTINE_ENTRY)
			continue;
		err = claim(w, r->h.start, r->h.count, r->h.tmpl, i);
	}
	if (!err)
		err = levels(w);
	if (!err)
		err = judge_twins(w);
	if (!err)
		err = exo_contest_build(d, &again, &w->crossed);
	if (!err) {
		exo_set_union(&d->blind);
		make_map(d, seen);
		d->walked = true;
		exo_lock(d->c);
		d->c->stats->udf_runs += w->runs;
		d->c->stats->blocks_read += w->visited;
		d->c->stats->reads += w->requests;
		exo_unlock(d->c);
		progress(w);
	}
	walk_free(w);
	exo_set_free(&again);
	exo_plat_free(seen);
	return err;
}

int exo_walk_collect(struct exo_disk *d, u32 root, u64 *seen, struct exo_set *again)
{
	const struct exo_root *r = &d->roots[root];
	struct exo_walk *w = NULL;
	int err = walk_new(d, &w);

	if (!err) {
		w->collect = true;
		w->seen = seen;
		w->again = again;
		if (r->quarantine != EXO_QUARANTINE_ENTRY)
			err = claim(w, r->h.start, r->h.count, r->h.tmpl, root);
		if (!err)
			err = levels(w);
		exo_lock(d->c);
		d->c->stats->udf_runs += w->runs;
		exo_unlock(d->c);
	}
	walk_free(w);
	return err;
}
