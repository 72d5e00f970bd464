// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * contest.c: blocks with more than one owner, which only a crash during a MOVE, or damage, leaves behind. Found by the
 * walk at attach; after that they only become fewer. An entry whose block is settled stays in the array until half of
 * it is such.
 */
#include "internal.h"

static u32 place(const struct exo_disk *d, u64 block)
{
	u32 lo = 0, hi = d->contest_len;

	while (lo < hi) {
		u32 mid = lo + (hi - lo) / 2;

		if (d->contest[mid].block < block)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool open(const struct exo_contest *x)
{
	return x->owners > 1;
}

struct exo_contest *exo_contest_find(struct exo_disk *d, u64 block)
{
	u32 i = place(d, block);

	return i < d->contest_len && d->contest[i].block == block && open(&d->contest[i]) ? &d->contest[i] : NULL;
}

bool exo_contest_any(struct exo_disk *d, u64 start, u64 count, u64 *block)
{
	u32 i;

	if (!d->ncontest)
		return false;
	for (i = place(d, start); i < d->contest_len && d->contest[i].block - start < count; i++) {
		if (open(&d->contest[i])) {
			*block = d->contest[i].block;
			return true;
		}
	}
	return false;
}

int exo_cover_make(struct exo_cover *v, const struct exo_set *s)
{
	u32 i;

	for (i = 0; i < s->n; i++)
		if (exo_set_add(&v->starts, s->r[i].start, 1, 0, 0, 0) ||
		    exo_set_add(&v->ends, s->r[i].start + s->r[i].count, 1, 0, 0, 0))
			return -ENOMEM;
	exo_rng_sort(v->starts.r, v->starts.n);
	exo_rng_sort(v->ends.r, v->ends.n);
	return 0;
}

void exo_cover_free(struct exo_cover *v)
{
	exo_set_free(&v->starts);
	exo_set_free(&v->ends);
}

u32 exo_cover_at(struct exo_cover *v, u64 block)
{
	while (v->i < v->starts.n && v->starts.r[v->i].start <= block)
		v->i++;
	while (v->j < v->ends.n && v->ends.r[v->j].start <= block)
		v->j++;
	return v->i - v->j;
}

int exo_contest_build(struct exo_disk *d, struct exo_set *again, const struct exo_set *crossed)
{
	struct exo_cover all = {.i = 0}, cross = {.i = 0};
	u64 total = 0, b, next = 0;
	u32 i;
	int err = -ENOMEM;

	exo_rng_sort(again->r, again->n);
	for (i = 0; i < again->n; i++)
		total += again->r[i].count;
	if (!total)
		return 0;
	if (total > 0xffffffffu || exo_cover_make(&all, again) || exo_cover_make(&cross, crossed))
		goto out;
	d->contest = exo_plat_alloc((size_t)total * sizeof(*d->contest));
	if (!d->contest)
		goto out;
	for (i = 0; i < again->n; i++) {
		for (b = again->r[i].start; b < again->r[i].start + again->r[i].count; b++) {
			struct exo_contest *x = &d->contest[d->contest_len];

			if (b < next)
				continue;
			x->block = b;
			x->owners = 1 + exo_cover_at(&all, b);
			x->cross = exo_cover_at(&cross, b) != 0;
			d->contest_len++;
			next = b + 1;
		}
	}
	d->ncontest = d->contest_len;
	err = 0;
out:
	exo_cover_free(&all);
	exo_cover_free(&cross);
	return err;
}

static void compact(struct exo_disk *d)
{
	u32 i, n = 0;

	if (d->ncontest > d->contest_len / 2)
		return;
	for (i = 0; i < d->contest_len; i++)
		if (open(&d->contest[i]))
			d->contest[n++] = d->contest[i];
	d->contest_len = n;
}

bool exo_contest_drop(struct exo_disk *d, u64 block, u32 claims)
{
	struct exo_contest *x = exo_contest_find(d, block);
	u32 left;

	if (!x)
		return true;
	left = x->owners > claims ? x->owners - claims : 0;
	x->owners = left;
	if (left < 2) {
		d->ncontest--;
		compact(d);
	}
	return !left;
}
