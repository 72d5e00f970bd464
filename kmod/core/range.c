// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "range.h"

static void sift(struct exo_rng *r, u32 at, u32 n)
{
	struct exo_rng v = r[at];

	for (;;) {
		u32 kid = 2 * at + 1;

		if (kid >= n)
			break;
		if (kid + 1 < n && r[kid + 1].start > r[kid].start)
			kid++;
		if (r[kid].start <= v.start)
			break;
		r[at] = r[kid];
		at = kid;
	}
	r[at] = v;
}

#define FEW 16u

/* How many stand in order from the first on. */
static u32 in_order(const struct exo_rng *r, u32 n)
{
	u32 i;

	for (i = 1; i < n; i++)
		if (r[i].start < r[i - 1].start)
			return i;
	return n;
}

bool exo_rng_sorted(const struct exo_rng *r, u32 n)
{
	return in_order(r, n) == n;
}

/* Most arrays are in order, or short; else heap sort: no recursion and no bad input, since the input is an attacker's. */
void exo_rng_sort(struct exo_rng *r, u32 n)
{
	u32 i = in_order(r, n), k;

	for (; i < n && n <= FEW; i++) {
		struct exo_rng v = r[i];

		for (k = i; k && r[k - 1].start > v.start; k--)
			r[k] = r[k - 1];
		r[k] = v;
	}
	if (i == n)
		return;
	for (i = n / 2; i-- > 0;)
		sift(r, i, n);
	for (i = n; i-- > 1;) {
		struct exo_rng v = r[0];

		r[0] = r[i];
		r[i] = v;
		sift(r, 0, i);
	}
}

u32 exo_rng_merge(struct exo_rng *r, u32 n)
{
	u32 i, out = 0;

	for (i = 0; i < n; i++) {
		if (out && r[out - 1].start + r[out - 1].count == r[i].start && r[out - 1].tmpl == r[i].tmpl &&
		    r[out - 1].from == r[i].from && r[out - 1].to == r[i].to)
			r[out - 1].count += r[i].count;
		else
			r[out++] = r[i];
	}
	return out;
}

bool exo_rng_overlap(const struct exo_rng *r, u32 n, struct exo_rng *hit)
{
	u64 end = 0;
	u32 i;

	for (i = 0; i < n; i++) {
		u64 mine = r[i].start + r[i].count;

		if (i && r[i].start < end) {
			*hit = r[i];
			hit->count = (mine < end ? mine : end) - r[i].start;
			return true;
		}
		end = mine;
	}
	return false;
}

u32 exo_rng_find(const struct exo_rng *r, u32 n, u64 block)
{
	u32 lo = 0, hi = n;

	while (lo < hi) {
		u32 mid = lo + (hi - lo) / 2;

		if (block < r[mid].start)
			hi = mid;
		else if (block - r[mid].start < r[mid].count)
			return mid;
		else
			lo = mid + 1;
	}
	return n;
}

static int grow(struct exo_set *s)
{
	u32 room = s->room ? s->room * 2 : s->in ? 4 : 64;
	struct exo_rng *r;

	if (room < s->room)
		return -ENOMEM;
	r = s->in ? exo_room_get(s->in, (size_t)room * sizeof(*r)) : exo_plat_alloc((size_t)room * sizeof(*r));
	if (!r)
		return -ENOMEM;
	if (s->n)
		memcpy(r, s->r, (size_t)s->n * sizeof(*r));
	if (!s->in)
		exo_plat_free(s->r);
	s->r = r;
	s->room = room;
	return 0;
}

int exo_set_add(struct exo_set *s, u64 start, u64 count, u32 tmpl, u32 from, u32 to)
{
	struct exo_rng *r;

	if (s->n == s->room && grow(s))
		return -ENOMEM;
	r = &s->r[s->n++];
	r->start = start;
	r->count = count;
	r->tmpl = tmpl;
	r->from = from;
	r->to = to;
	r->slot = 0;
	return 0;
}

void exo_set_free(struct exo_set *s)
{
	if (!s->in)
		exo_plat_free(s->r);
	s->r = NULL;
	s->n = s->room = 0;
}

void exo_set_union(struct exo_set *s)
{
	u32 i, out = 0;

	exo_rng_sort(s->r, s->n);
	for (i = 0; i < s->n; i++) {
		struct exo_rng *last = out ? &s->r[out - 1] : NULL;

		if (!last || s->r[i].start - last->start > last->count)
			s->r[out++] = s->r[i];
		else if (s->r[i].start + s->r[i].count > last->start + last->count)
			last->count = s->r[i].start + s->r[i].count - last->start;
	}
	s->n = out;
}

void exo_set_plain(struct exo_set *s)
{
	u32 i;

	for (i = 0; i < s->n; i++)
		s->r[i].from = s->r[i].to = 0;
	if (s->n < 2)
		return;
	exo_rng_sort(s->r, s->n);
	s->n = exo_rng_merge(s->r, s->n);
}

int exo_set_copy(struct exo_set *out, const struct exo_set *a)
{
	u32 i;

	for (i = 0; i < a->n; i++)
		if (exo_set_add(out, a->r[i].start, a->r[i].count, a->r[i].tmpl, a->r[i].from, a->r[i].to))
			return -ENOMEM;
	return 0;
}

void exo_rng_differ(const struct exo_rng **a, u32 *na, const struct exo_rng **b, u32 *nb)
{
	while (*na && *nb && exo_rng_same(*a, *b)) {
		++*a;
		++*b;
		--*na;
		--*nb;
	}
	while (*na && *nb && exo_rng_same(*a + *na - 1, *b + *nb - 1)) {
		--*na;
		--*nb;
	}
}

int exo_set_minus(struct exo_set *out, const struct exo_rng *a, u32 na, const struct exo_rng *b, u32 nb)
{
	u32 i, j = 0, k;

	for (i = 0; i < na; i++) {
		u64 at = a[i].start, end = at + a[i].count;

		while (j < nb && b[j].start + b[j].count <= at)
			j++;
		for (k = j; k < nb && b[k].start < end; k++) {
			if (b[k].tmpl != a[i].tmpl)
				continue;
			if (b[k].start > at && exo_set_add(out, at, b[k].start - at, a[i].tmpl, a[i].from, a[i].to))
				return -ENOMEM;
			if (b[k].start + b[k].count > at)
				at = b[k].start + b[k].count;
		}
		if (at < end && exo_set_add(out, at, end - at, a[i].tmpl, a[i].from, a[i].to))
			return -ENOMEM;
	}
	return 0;
}

int exo_set_meet(struct exo_set *out, const struct exo_rng *a, u32 na, const struct exo_rng *b, u32 nb)
{
	u32 i, j = 0, k;

	for (i = 0; i < na; i++) {
		u64 end = a[i].start + a[i].count;

		while (j < nb && b[j].start + b[j].count <= a[i].start)
			j++;
		for (k = j; k < nb && b[k].start < end; k++) {
			u64 lo = b[k].start > a[i].start ? b[k].start : a[i].start;
			u64 hi = b[k].start + b[k].count;

			if (hi > end)
				hi = end;
			if (b[k].tmpl != a[i].tmpl)
				continue;
			if (exo_set_add(out, lo, hi - lo, a[i].tmpl, b[k].from, a[i].to))
				return -ENOMEM;
		}
	}
	return 0;
}
