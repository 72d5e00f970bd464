// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * range.c: libFuzzer target for range sets. Four bytes make a range; the sets are held against a number per block. Ranges near the
 * end of what a u64 can count are part of it: nothing may wrap round.
 */
#include <stdlib.h>
#include <string.h>
#include "../../kmod/core/range.h"

#define N 64u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static u64 base; /* block 0 of the arrays below */

static void need(bool is)
{
	if (!is)
		abort();
}

/* What a set means: template + 1 of each block; how often it is claimed. */
struct means {
	u8 tmpl[N], times[N];
};

static void mean(const struct exo_rng *r, u32 n, struct means *m)
{
	u32 i;
	u64 b;

	memset(m, 0, sizeof(*m));
	for (i = 0; i < n; i++) {
		need(r[i].count && r[i].start >= base && r[i].start - base < N && r[i].count <= N - (r[i].start - base));
		for (b = r[i].start - base; b < r[i].start - base + r[i].count; b++) {
			m->tmpl[b] = (u8)(r[i].tmpl + 1);
			m->times[b]++;
		}
	}
}

/* A range by four bytes: start, count, template, labels. */
static void take(struct exo_set *s, const uint8_t *at, size_t n)
{
	for (; n >= 4; at += 4, n -= 4) {
		u64 start = at[0] % N, count = 1 + at[1] % 16;

		if (count > N - start)
			count = N - start;
		need(!exo_set_add(s, base + start, count, at[2] % 3, at[3] % 2, at[3] / 2 % 2));
	}
	exo_rng_sort(s->r, s->n);
}

static void sorted(const struct exo_rng *r, u32 n, bool apart)
{
	u32 i;

	for (i = 1; i < n; i++)
		need(r[i - 1].start <= r[i].start && (!apart || r[i - 1].count <= r[i].start - r[i - 1].start));
}

/* overlap and find. True: no block is claimed twice. */
static bool one(const struct exo_set *s, const struct means *m)
{
	struct exo_rng hit = {.start = 0};
	bool twice = exo_rng_overlap(s->r, s->n, &hit), is = false;
	u64 b;
	u32 i;

	for (b = 0; b < N; b++)
		is |= m->times[b] > 1;
	need(is == twice);
	if (twice) {
		need(hit.count && hit.start >= base && hit.start - base + hit.count <= N);
		for (b = hit.start - base; b < hit.start - base + hit.count; b++)
			need(m->times[b] > 1);
		return false;
	}
	for (b = 0; b < N; b++) {
		i = exo_rng_find(s->r, s->n, base + b);
		need(i < s->n ? base + b >= s->r[i].start && base + b - s->r[i].start < s->r[i].count : i == s->n);
		need((i < s->n) == (m->times[b] != 0));
	}
	return true;
}

static void pair(const struct exo_set *a, const struct means *ma, const struct exo_set *b, const struct means *mb)
{
	struct exo_set minus = {0}, meet = {0};
	struct means got;
	u32 i;

	need(!exo_set_minus(&minus, a->r, a->n, b->r, b->n) && !exo_set_meet(&meet, a->r, a->n, b->r, b->n));
	sorted(minus.r, minus.n, true);
	sorted(meet.r, meet.n, true);
	mean(minus.r, minus.n, &got);
	for (i = 0; i < N; i++)
		need(got.tmpl[i] == (ma->tmpl[i] != mb->tmpl[i] ? ma->tmpl[i] : 0));
	mean(meet.r, meet.n, &got);
	for (i = 0; i < N; i++)
		need(got.tmpl[i] == (ma->tmpl[i] == mb->tmpl[i] ? ma->tmpl[i] : 0));
	for (i = 0; i < meet.n; i++) {
		need(meet.r[i].to == a->r[exo_rng_find(a->r, a->n, meet.r[i].start)].to);
		need(meet.r[i].from == b->r[exo_rng_find(b->r, b->n, meet.r[i].start)].from);
	}
	exo_set_free(&minus);
	exo_set_free(&meet);
}

/* Copies that forget labels, or templates as well. */
static void joined(const struct exo_set *s, const struct means *m, bool apart)
{
	struct exo_set copy = {0};
	struct means got;
	u32 i;

	need(!exo_set_copy(&copy, s));
	exo_set_union(&copy);
	sorted(copy.r, copy.n, true);
	mean(copy.r, copy.n, &got);
	for (i = 0; i < N; i++)
		need((got.times[i] == 1) == (m->times[i] != 0));
	for (i = 1; i < copy.n; i++)
		need(copy.r[i - 1].start + copy.r[i - 1].count != copy.r[i].start);
	exo_set_free(&copy);
	if (!apart)
		return;
	need(!exo_set_copy(&copy, s));
	exo_set_plain(&copy);
	sorted(copy.r, copy.n, true);
	mean(copy.r, copy.n, &got);
	need(!memcmp(got.tmpl, m->tmpl, N));
	for (i = 1; i < copy.n; i++)
		need(copy.r[i - 1].start + copy.r[i - 1].count != copy.r[i].start || copy.r[i - 1].tmpl != copy.r[i].tmpl);
	exo_set_free(&copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct exo_set a = {0}, b = {0};
	struct means ma, mb;
	size_t half;
	bool apart;

	if (bytes < 2)
		return 0;
	base = data[0] & 1 ? ~0ull - N : data[0]; /* the last block that can be counted is ~0 - 1 */
	half = (bytes - 1) / 2;
	take(&a, data + 1, half);
	take(&b, data + 1 + half, half);
	mean(a.r, a.n, &ma);
	mean(b.r, b.n, &mb);
	sorted(a.r, a.n, false);
	apart = one(&a, &ma);
	joined(&a, &ma, apart);
	if (apart && one(&b, &mb))
		pair(&a, &ma, &b, &mb);
	exo_set_free(&a);
	exo_set_free(&b);
	return 0;
}
