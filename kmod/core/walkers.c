// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * walkers.c: read the blocks of a level and run their programs. A small level is done by the caller alone. For a large one there are
 * several threads: while some sleep in reads, others run programs on what has arrived, and the caller takes results in, in order.
 *
 * The walk's lock covers who does what; it is not held while anything is read, run or taken in, and nothing else is locked under it.
 */
#include "walk.h"

#define MANY 512u    /* blocks of a level that are worth more threads */
#define WORTH 1024u  /* blocks of a template that are worth a program for each thread */
#define READS 2u     /* under way at a time, before threads rather run programs */

static void haul_free(struct exo_haul *h)
{
	exo_plat_free(h->look);
	exo_plat_free(h->mem);
	exo_plat_free(h->seg);
	exo_plat_free(h->found);
	memset(h, 0, sizeof(*h));
}

static int haul_room(struct exo_haul *h, u64 blocks)
{
	u32 room = 16;

	while (room < blocks && room < EXO_HAUL)
		room *= 2;
	if (h->room >= room)
		return 0;
	haul_free(h);
	h->look = exo_plat_alloc(room * sizeof(*h->look));
	h->mem = exo_plat_alloc((size_t)room * EXO_BLOCK_SIZE);
	h->seg = exo_plat_alloc(room * sizeof(*h->seg));
	h->found = exo_plat_alloc((size_t)room * EXO_BLOCK_CLAIMS * sizeof(*h->found));
	if (!h->look || !h->mem || !h->seg || !h->found) {
		haul_free(h);
		return -ENOMEM;
	}
	h->room = room;
	return 0;
}

/* The next blocks of the level. */
static void take(struct exo_walk *w, struct exo_haul *h)
{
	h->n = 0;
	while (h->n < h->room && w->at < w->to) {
		const struct exo_item *it = &w->items[w->at];
		struct exo_look *k = &h->look[h->n++];

		memset(k, 0, sizeof(*k));
		k->block = it->block + w->off;
		k->tmpl = it->tmpl;
		k->root = it->root;
		if (++w->off == it->count) {
			w->off = 0;
			w->at++;
		}
	}
	h->chunks = (h->n + EXO_HAUL_CHUNK - 1) / EXO_HAUL_CHUNK;
	h->taken = h->merged = h->done = 0;
	h->here = false;
}

/* Content in core, when there is any, is the truth: what it names may never have been written. */
static bool from_core(struct exo_walk *w, u64 block, u8 *mem)
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

static void haul_read(struct exo_walk *w, struct exo_haul *h)
{
	struct exo_dev *dev = w->d->dev;
	u32 i, k = 0;
	u64 where;

	h->requests = 0;
	for (i = 0; i < h->n; i++) {
		u8 *mem = h->mem + (size_t)i * EXO_BLOCK_SIZE;

		if (w->collect && from_core(w, h->look[i].block, mem))
			continue;
		h->seg[k].block = h->look[i].block;
		h->seg[k].mem = mem;
		h->seg[k].first = 0;
		h->seg[k].sectors = EXO_SECTORS;
		h->requests += !k || h->seg[k - 1].block + 1 != h->seg[k].block;
		k++;
	}
	if (!k || !exo_plat_io(dev, EXO_OP_READ, h->seg, k, &where))
		return;
	h->requests += k;
	for (i = 0; i < k; i++)
		if (exo_plat_io(dev, EXO_OP_READ, &h->seg[i], 1, &where))
			h->look[((u8 *)h->seg[i].mem - h->mem) / EXO_BLOCK_SIZE].why = EXO_QUARANTINE_READ;
}

/*
 * A program of the thread's own where that pays, because two threads cannot run one at the same time. Without memory for it
 * they share.
 */
static struct exo_udf *program(struct exo_walk *w, u32 who, u32 tmpl)
{
	const struct exo_tmpl *t = &w->d->tmpl[tmpl];
	struct exo_walker *me = w->walker[who];
	const struct exo_udf_kind kind = {
		.partition = t->h.partition,
		.in_bytes = t->h.partition,
		.out_bytes = EXO_MAX_SLOTS * sizeof(struct exo_udf_claim),
	};

	if (who && (w->worth & ~me->tried) >> tmpl & 1) {
		me->tried |= 1ull << tmpl;
		if (exo_plat_udf_load(t->insns, t->h.ninsns, &kind, 0, 0, &me->own[tmpl]))
			me->own[tmpl] = NULL;
	}
	return me->own[tmpl] ? me->own[tmpl] : t->udf;
}

static int run_block(struct exo_walk *w, struct exo_haul *h, u32 i, u32 who)
{
	struct exo_walker *me = w->walker[who];
	struct exo_look *k = &h->look[i];
	const struct exo_tmpl *t = &w->d->tmpl[k->tmpl];
	struct exo_found *out = h->found + (size_t)i * EXO_BLOCK_CLAIMS;
	u32 p, n, reason, x;
	struct exo_udf *u;
	int err;

	if (!k->why && !t->udf)
		k->why = EXO_QUARANTINE_TEMPLATE;
	if (k->why)
		return 0;
	u = program(w, who, k->tmpl);
	for (p = 0; p < EXO_BLOCK_SIZE / t->h.partition; p++) {
		const u8 *part = h->mem + (size_t)i * EXO_BLOCK_SIZE + p * t->h.partition;

		err = exo_owns_by(w->d, k->tmpl, u, part, p, me->claims, &n, &reason);
		if (err && reason == EXO_R_NOMEM)
			return err;
		if (err) {
			k->part_why[p] = reason == EXO_R_UDF_REJECT ? EXO_QUARANTINE_REJECT : EXO_QUARANTINE_CLAIM;
			continue;
		}
		k->n[p] = (u8)n;
		for (x = 0; x < n; x++, out++) {
			out->start = me->claims[x].start;
			out->count_tmpl = me->claims[x].count << 6 | me->claims[x].tmpl;
		}
	}
	return 0;
}

static u32 chunk_len(const struct exo_haul *h, u32 chunk)
{
	u32 left = h->n - chunk * EXO_HAUL_CHUNK;

	return left < EXO_HAUL_CHUNK ? left : EXO_HAUL_CHUNK;
}

static int run(struct exo_walk *w, struct exo_haul *h, u32 chunk, u32 who)
{
	u32 i, n = chunk_len(h, chunk);
	int err = 0;

	for (i = 0; !err && i < n; i++)
		err = run_block(w, h, chunk * EXO_HAUL_CHUNK + i, who);
	return err;
}

static int merge(struct exo_walk *w, struct exo_haul *h, u32 chunk)
{
	int err;

	if (!chunk)
		w->requests += h->requests;
	err = exo_walk_merge(w, h, chunk * EXO_HAUL_CHUNK, chunk_len(h, chunk));
	return err ? err : exo_walk_step(w);
}

static int alone(struct exo_walk *w)
{
	struct exo_haul *h = &w->haul[0];
	int err = 0;
	u32 i;

	while (!err && w->at < w->to) {
		take(w, h);
		haul_read(w, h);
		for (i = 0; !err && i < h->chunks; i++) {
			err = run(w, h, i, 0);
			if (!err)
				err = merge(w, h, i);
		}
	}
	return err;
}

enum job { WAIT, READ, RUN, MERGE };

/*
 * What a thread does next. The caller's takes in whatever is next in order; it reads only when nobody does, because results wait for
 * it. Lock held.
 */
static enum job pick(struct exo_walk *w, u32 who, struct exo_haul **h, u32 *chunk)
{
	struct exo_haul *first = &w->haul[w->first % w->use];
	bool more = w->at < w->to && w->next - w->first < w->use;
	u32 b;

	if (!who && w->first != w->next && first->done >> first->merged & 1) {
		*h = first;
		*chunk = first->merged;
		return MERGE;
	}
	*h = &w->haul[w->next % w->use];
	if (more && who && w->reading < READS)
		return READ;
	for (b = w->first; b != w->next; b++) {
		struct exo_haul *x = &w->haul[b % w->use];

		if (x->here && x->taken < x->chunks) {
			*h = x;
			*chunk = x->taken++;
			return RUN;
		}
	}
	return more && (who || !w->reading) ? READ : WAIT;
}

static void walker(void *ctx, u32 who)
{
	struct exo_walk *w = ctx;
	struct exo_haul *h;
	u32 chunk = 0;
	int err;

	exo_plat_lock(w->lock);
	while (!w->err && (w->first != w->next || w->at < w->to)) {
		enum job job = pick(w, who, &h, &chunk);

		if (job == WAIT) {
			exo_plat_wait(w->lock);
			continue;
		}
		if (job == READ) {
			take(w, h);
			w->next++;
			w->reading++;
		}
		exo_plat_unlock(w->lock);
		err = 0;
		if (job == READ)
			haul_read(w, h);
		else if (job == RUN)
			err = run(w, h, chunk, who);
		else
			err = merge(w, h, chunk);
		exo_plat_lock(w->lock);
		if (job == READ) {
			w->reading--;
			h->here = true;
		} else if (job == RUN) {
			h->done |= 1u << chunk;
		} else if (++h->merged == h->chunks) {
			w->first++;
		}
		if (err && !w->err)
			w->err = err;
		exo_plat_wake(w->lock);
	}
	exo_plat_unlock(w->lock);
}

/* Threads and hauls for a large level, as far as there is memory for them; returns the threads. */
static u32 crew(struct exo_walk *w, u64 blocks, u32 want)
{
	u32 i;

	if (!w->lock)
		w->lock = exo_plat_lock_new();
	if (!w->lock)
		return 1;
	for (w->use = 1; w->use < want && (u64)w->use * EXO_HAUL < blocks; w->use++)
		if (haul_room(&w->haul[w->use], EXO_HAUL))
			break;
	for (i = 1; i < want; i++) {
		if (!w->walker[i])
			w->walker[i] = exo_plat_alloc(sizeof(*w->walker[i]));
		if (!w->walker[i])
			break;
	}
	return i;
}

int exo_walkers_level(struct exo_walk *w)
{
	u64 blocks = w->known - w->visited;
	u32 i, n = w->collect || blocks < MANY ? 1 : exo_plat_workers();

	if (haul_room(&w->haul[0], blocks))
		return -ENOMEM;
	if (n > 1)
		n = crew(w, blocks, n < EXO_WALKERS_MAX ? n : EXO_WALKERS_MAX);
	if (n > w->threads)
		w->threads = n;
	if (n == 1)
		return alone(w);
	for (i = 1; i < EXO_MAX_TEMPLATES; i++)
		if (w->of_tmpl[i] >= WORTH)
			w->worth |= 1ull << i;
	w->first = w->next = w->reading = 0;
	exo_plat_parallel(n, walker, w);
	return w->err;
}

int exo_walkers_new(struct exo_walk *w)
{
	w->walker[0] = exo_plat_alloc(sizeof(*w->walker[0]));
	return w->walker[0] ? 0 : -ENOMEM;
}

void exo_walkers_free(struct exo_walk *w)
{
	u32 i, t;

	for (i = 0; i < EXO_WALKERS_MAX; i++) {
		haul_free(&w->haul[i]);
		for (t = 0; w->walker[i] && t < EXO_MAX_TEMPLATES; t++)
			exo_plat_udf_unload(w->walker[i]->own[t]);
		exo_plat_free(w->walker[i]);
	}
	exo_plat_lock_free(w->lock);
}
