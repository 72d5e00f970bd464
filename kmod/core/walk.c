// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * walk.c: find out who owns what by following claims from the roots. Level by level, so that reads are sorted and
 * go out in batches. Nothing on the disk is believed: a claim is used after owns.c has checked it, a block is visited
 * once, and whatever is wrong quarantines the root where it was found.
 *
 * attach: all roots at once, over private memory; makes the free map. collect: one root that is leaving; content in
 * core wins over the disk's, and blocks are noted in a bitmap of the caller.
 */
#include "internal.h"

#define READ_AT_ONCE 256u /* 1 MiB, as much as one request of the platform takes */
#define SAY_AFTER_NS 5000000000ull
#define LOOKUPS 4096u /* searches for the first owner of a doubly claimed metadata block, before all count as damage   \
		       */

struct item {
	u64 block;
	u32 tmpl, root;
};

struct walk {
	struct exo_disk *d;
	bool collect;
	u64 *seen; /* owned */
	u64 *meta; /* visited as metadata */
	struct item *items;
	u32 n, room;
	u32 lookups;
	u8 *mem;
	struct exo_seg *seg;
	u32 *map; /* segment -> offset in the batch */
	struct exo_udf_claim raw[EXO_MAX_SLOTS];
	struct exo_rng claims[EXO_MAX_SLOTS];
	struct exo_set *again;	/* blocks claimed once more, each time */
	struct exo_set crossed; /* attach: of them, by two roots or templates */
	u64 runs, owned, visited;
	u64 begin, said; /* attach: time at the start, and of the last word about progress */
	u64 budget;	 /* further claims that will be noted */
};

static void blame(struct walk *w, u32 root, u32 why, u64 detail)
{
	if (!w->collect)
		exo_quarantine(w->d, root, why, detail);
}

static int push(struct walk *w, u64 block, u32 tmpl, u32 root)
{
	struct item *i;

	if (w->n == w->room) {
		u32 room = w->room ? w->room * 2 : 256;

		if (room < w->room)
			return -ENOMEM;
		i = exo_plat_alloc((size_t)room * sizeof(*i));
		if (!i)
			return -ENOMEM;
		if (w->n)
			memcpy(i, w->items, (size_t)w->n * sizeof(*i));
		exo_plat_free(w->items);
		w->items = i;
		w->room = room;
	}
	i = &w->items[w->n++];
	i->block = block;
	i->tmpl = tmpl;
	i->root = root;
	exo_bit_set(w->meta, block);
	return 0;
}

/* One more claim of a block, joined to the last one where it can be. */
static int note(struct exo_set *s, u64 block)
{
	struct exo_rng *r = s->n ? &s->r[s->n - 1] : NULL;

	if (r && r->start + r->count == block) {
		r->count++;
		return 0;
	}
	return exo_set_add(s, block, 1, 0, 0, 0);
}

/*
 * A second claim. Of data, or of metadata by the same root with the same template: contested, which a crash during a
 * MOVE leaves behind, also when the old owner lies below the block by now. Else it is damage as well. A crash doubles a
 * block's claims at most a few times; a disk that has many more is made to keep the walk busy for ever.
 */
static int twice(struct walk *w, u64 block, u32 tmpl, u32 root)
{
	bool cross = false;
	u32 i;
	int err;

	if (!w->budget--)
		return -EUCLEAN;
	if (!w->collect && (tmpl || exo_bit(w->meta, block))) {
		cross = true;
		if (tmpl && exo_bit(w->meta, block) && ++w->lookups <= LOOKUPS)
			for (i = 0; i < w->n; i++)
				if (w->items[i].block == block)
					cross = w->items[i].tmpl != tmpl || w->items[i].root != root;
		if (cross)
			blame(w, root, EXO_QUARANTINE_CLAIM, block);
	}
	err = note(w->again, block);
	if (!err && cross)
		err = note(&w->crossed, block);
	if (!err && cross)
		err = note(&w->d->blind, block);
	return err;
}

static int claim(struct walk *w, u64 start, u64 count, u32 tmpl, u32 root)
{
	u64 b;
	int err = 0;

	for (b = start; !err && b < start + count; b++) {
		if (!w->collect)
			w->d->roots[root].h.used++;
		if (exo_bit(w->seen, b)) {
			err = twice(w, b, tmpl, root);
			continue;
		}
		exo_bit_set(w->seen, b);
		w->owned++;
		if (!tmpl)
			continue;
		if (w->collect && exo_rng_find(w->d->blind.r, w->d->blind.n, b) < w->d->blind.n)
			continue;
		err = push(w, b, tmpl, root);
	}
	return err;
}

static int visit(struct walk *w, u32 at, const u8 *mem)
{
	struct item it = w->items[at];
	struct exo_disk *d = w->d;
	u32 size, i, k, n, reason;
	int err;

	if (!d->tmpl[it.tmpl].udf) {
		blame(w, it.root, EXO_QUARANTINE_TEMPLATE, it.tmpl);
		return 0;
	}
	size = d->tmpl[it.tmpl].h.partition;
	for (i = 0; i < EXO_BLOCK_SIZE / size; i++) {
		w->runs++;
		err = exo_owns(d, it.tmpl, mem + i * size, i, w->raw, w->claims, &n, &reason);
		if (err && reason == EXO_R_NOMEM)
			return err;
		if (err) {
			blame(w, it.root, reason == EXO_R_UDF_REJECT ? EXO_QUARANTINE_REJECT : EXO_QUARANTINE_CLAIM,
			      it.block);
			continue;
		}
		for (k = 0; k < n; k++) {
			err = claim(w, w->claims[k].start, w->claims[k].count, w->claims[k].tmpl, it.root);
			if (err)
				return err;
		}
	}
	return 0;
}

static void sift(struct item *r, u32 at, u32 n)
{
	struct item v = r[at];

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

static void sort_level(struct item *r, u32 n)
{
	u32 i;

	for (i = n / 2; i-- > 0;)
		sift(r, i, n);
	for (i = n; i-- > 1;) {
		struct item v = r[0];

		r[0] = r[i];
		r[i] = v;
		sift(r, 0, i);
	}
}

/* Content in core, when there is any, is the truth: what it names may never have been written. */
static bool from_core(struct walk *w, u64 block, u8 *mem)
{
	struct exo_core *c = w->d->c;
	bool got = false;
	u32 f;

	exo_lock(c);
	f = exo_buf_find(c, w->d->nr, block);
	if (f != EXO_NOFRAME && c->bufs[f].state == EXO_BUF_VALID) {
		memcpy(mem, exo_plat_frame(f), EXO_BLOCK_SIZE);
		got = true;
	}
	exo_unlock(c);
	return got;
}

static int batch(struct walk *w, u32 from, u32 n)
{
	struct exo_disk *d = w->d;
	bool bad[READ_AT_ONCE] = {false};
	u32 i, k = 0;
	u64 where;
	int err;

	for (i = 0; i < n; i++) {
		u8 *mem = w->mem + (size_t)i * EXO_BLOCK_SIZE;

		if (w->collect && from_core(w, w->items[from + i].block, mem))
			continue;
		w->seg[k].block = w->items[from + i].block;
		w->seg[k].mem = mem;
		w->seg[k].first = 0;
		w->seg[k].sectors = EXO_SECTORS;
		w->map[k++] = i;
	}
	if (k && exo_plat_io(d->dev, EXO_OP_READ, w->seg, k, &where))
		for (i = 0; i < k; i++)
			bad[w->map[i]] = exo_plat_io(d->dev, EXO_OP_READ, &w->seg[i], 1, &where) != 0;
	for (i = 0; i < n; i++) {
		w->visited++;
		if (bad[i]) {
			blame(w, w->items[from + i].root, EXO_QUARANTINE_READ, w->items[from + i].block);
			if (w->collect && !d->roots[w->items[from + i].root].quarantine)
				return -EIO;
			err = w->collect ? 0 : note(&d->blind, w->items[from + i].block);
			if (err)
				return err;
			continue;
		}
		err = visit(w, from + i, w->mem + (size_t)i * EXO_BLOCK_SIZE);
		if (err)
			return err;
	}
	return 0;
}

/* A walk that takes long says how far it is. */
static void progress(struct walk *w)
{
	u64 now = exo_plat_now_ns();

	if (w->collect || now - w->said < SAY_AFTER_NS)
		return;
	w->said = now;
	exo_plat_walk_progress(w->d->nr, w->visited, w->n, w->owned, now - w->begin);
}

static int levels(struct walk *w)
{
	u32 from = 0, to, i;
	int err = 0;

	while (!err && from < w->n) {
		to = w->n;
		sort_level(w->items + from, to - from);
		for (i = from; !err && i < to; i += READ_AT_ONCE) {
			err = batch(w, i, to - i < READ_AT_ONCE ? to - i : READ_AT_ONCE);
			progress(w);
		}
		from = to;
	}
	return err;
}

static int walk_new(struct exo_disk *d, struct walk **out)
{
	struct walk *w = exo_plat_alloc(sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->d = d;
	w->budget = 2 * d->blocks;
	w->mem = exo_plat_alloc((size_t)READ_AT_ONCE * EXO_BLOCK_SIZE);
	w->seg = exo_plat_alloc(READ_AT_ONCE * sizeof(*w->seg));
	w->map = exo_plat_alloc(READ_AT_ONCE * sizeof(*w->map));
	w->meta = exo_plat_alloc(exo_bit_words(d->blocks) * 8);
	*out = w;
	return w->mem && w->seg && w->map && w->meta ? 0 : -ENOMEM;
}

static void walk_free(struct walk *w)
{
	if (!w)
		return;
	exo_plat_free(w->items);
	exo_plat_free(w->mem);
	exo_plat_free(w->seg);
	exo_plat_free(w->map);
	exo_plat_free(w->meta);
	exo_set_free(&w->crossed);
	exo_plat_free(w);
}

int exo_walk_attach(struct exo_disk *d)
{
	u64 begin = exo_plat_now_ns(), b;
	struct walk *w = NULL;
	struct exo_set again = {0};
	u64 *seen = exo_plat_alloc(exo_bit_words(d->blocks) * 8);
	u32 i;
	int err = seen ? walk_new(d, &w) : -ENOMEM;

	if (!err) {
		w->seen = seen;
		w->again = &again;
		w->begin = w->said = begin;
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
		err = exo_contest_build(d, &again, &w->crossed);
	if (!err) {
		exo_set_union(&d->blind);
		d->fm->free = 0;
		for (b = d->l.first; b < d->l.last; b++) {
			if (exo_bit(seen, b)) {
				exo_bit_clear(d->free, b);
			} else {
				exo_bit_set(d->free, b);
				d->fm->free++;
			}
		}
		d->walked = true;
		d->walk_meta = w->visited;
		d->walk_owned = w->owned;
		d->walk_ns = exo_plat_now_ns() - begin;
		exo_lock(d->c);
		d->c->stats->udf_runs += w->runs;
		d->c->stats->blocks_read += w->visited;
		exo_unlock(d->c);
	}
	walk_free(w);
	exo_set_free(&again);
	exo_plat_free(seen);
	return err;
}

int exo_walk_collect(struct exo_disk *d, u32 root, u64 *seen, struct exo_set *again)
{
	const struct exo_root *r = &d->roots[root];
	struct walk *w = NULL;
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
