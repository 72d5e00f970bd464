// SPDX-License-Identifier: GPL-2.0 OR MIT
/* core_range.c: range sets against a byte per block; capabilities; catalogue entries made of random bytes. */
#include "../../kmod/core/cap.h"
#include "../../kmod/core/format.h"
#include "../../kmod/core/range.h"
#include "../../kmod/core/bits.h"
#include "../sim/check.h"
#include "../sim/sim.h"

#define N 64u

static u64 rng = 5;

static u32 rnd(u32 n)
{
	return (u32)(sim_random(&rng) % n);
}

/* A set without overlap, and what it means: template + 1 of each block, or 0. */
static void make(struct exo_set *s, u8 *model)
{
	u32 tries = rnd(12), i;

	memset(model, 0, N);
	while (tries--) {
		u32 start = rnd(N), count = 1 + rnd(6), tmpl = rnd(2);

		if (start + count > N)
			continue;
		for (i = 0; i < count && !model[start + i]; i++)
			;
		if (i < count)
			continue;
		memset(model + start, (int)tmpl + 1, count);
		NEED(!exo_set_add(s, start, count, tmpl, 1, 2));
	}
	exo_rng_sort(s->r, s->n);
}

static void draw(const struct exo_set *s, u8 *model)
{
	u32 i;

	memset(model, 0, N);
	for (i = 0; i < s->n; i++) {
		CHECK(s->r[i].count && s->r[i].start + s->r[i].count <= N);
		memset(model + s->r[i].start, (int)s->r[i].tmpl + 1, s->r[i].count);
	}
}

/* Without what both have in common at their ends: shorter, and the same minus. */
static void ends(const struct exo_set *a, const struct exo_set *b, const struct exo_set *minus)
{
	const struct exo_rng *ra = a->r, *rb = b->r;
	struct exo_set less = {0};
	u32 na = a->n, nb = b->n;

	exo_rng_differ(&ra, &na, &rb, &nb);
	CHECK(na - nb == a->n - b->n && na <= a->n);
	CHECK(!na || !nb || ra->start != rb->start || ra->count != rb->count || ra->tmpl != rb->tmpl);
	NEED(!exo_set_minus(&less, ra, na, rb, nb));
	CHECK(less.n == minus->n && (!less.n || !memcmp(less.r, minus->r, less.n * sizeof(*less.r))));
	exo_set_free(&less);
}

/* Arrays of every length around the one where the way of sorting changes, in order or not; starts may be equal. */
static void sorting(void)
{
	struct exo_rng r[40];
	u32 round, i, n, tags;

	for (round = 0; round < 20000; round++) {
		n = rnd(40);
		for (i = 0; i < n; i++)
			r[i] = (struct exo_rng){.start = round % 3 ? rnd(50) : i, .count = 1, .from = i};
		if (n && round % 3 == 2)
			r[rnd(n)].start = 0;
		exo_rng_sort(r, n);
		for (i = 0, tags = 0; i < n; i++) {
			CHECK(!i || r[i - 1].start <= r[i].start);
			tags += r[i].from;
		}
		CHECK(tags == n * (n ? n - 1 : 0) / 2);
	}
}

static void sets(void)
{
	u32 round, i;

	for (round = 0; round < 20000; round++) {
		struct exo_set a = {0}, b = {0}, minus = {0}, meet = {0}, plain = {0};
		u8 ma[N], mb[N], got[N];
		struct exo_rng hit;

		make(&a, ma);
		make(&b, mb);
		NEED(!exo_set_minus(&minus, a.r, a.n, b.r, b.n) && !exo_set_meet(&meet, a.r, a.n, b.r, b.n));
		draw(&minus, got);
		for (i = 0; i < N; i++)
			CHECK(got[i] == (ma[i] == mb[i] ? 0 : ma[i]));
		ends(&a, &b, &minus);
		draw(&meet, got);
		for (i = 0; i < N; i++)
			CHECK(got[i] == (ma[i] == mb[i] ? ma[i] : 0));
		CHECK(!exo_rng_overlap(minus.r, minus.n, &hit) && !exo_rng_overlap(a.r, a.n, &hit));
		for (i = 0; i < N; i++)
			CHECK((exo_rng_find(a.r, a.n, i) < a.n) == (ma[i] != 0));
		NEED(!exo_set_copy(&plain, &a));
		exo_set_plain(&plain);
		draw(&plain, got);
		CHECK(!memcmp(got, ma, N));
		for (i = 1; i < plain.n; i++)
			CHECK(plain.r[i - 1].start + plain.r[i - 1].count < plain.r[i].start ||
			      plain.r[i - 1].tmpl != plain.r[i].tmpl);
		if (a.n) {
			struct exo_rng *r = &a.r[rnd(a.n)];
			u64 dup = r->start + rnd((u32)r->count);

			NEED(!exo_set_add(&a, dup, 1, 0, 0, 0));
			exo_rng_sort(a.r, a.n);
			CHECK(exo_rng_overlap(a.r, a.n, &hit) && hit.start == dup && hit.count == 1);
		}
		exo_set_free(&a);
		exo_set_free(&b);
		exo_set_free(&minus);
		exo_set_free(&meet);
		exo_set_free(&plain);
	}
	CHECK(exo_rng_inside(5, 5, 5, 10) && !exo_rng_inside(5, 6, 5, 10) && !exo_rng_inside(4, 1, 5, 10));
	CHECK(!exo_rng_inside(5, 0, 5, 10) && !exo_rng_inside(10, 1, 5, 10) && !exo_rng_inside(6, ~0ull, 5, 10));
	CHECK(!exo_rng_inside(~0ull, 2, 5, ~0ull));
}

static void bits(void)
{
	u64 map[3] = {0};
	u32 round, i;

	for (round = 0; round < 2000; round++) {
		u64 from = rnd(192), end = from + rnd(192 - (u32)from + 1), first1 = end, first0 = end, count = 0;

		for (i = 0; i < 3; i++)
			map[i] = sim_random(&rng) & sim_random(&rng) & sim_random(&rng);
		if (round % 3 == 0)
			map[rnd(3)] = ~0ull;
		if (round % 5 == 0)
			map[rnd(3)] = 0;
		for (i = (u32)end; i-- > from;) {
			if (exo_bit(map, i))
				first1 = i, count++;
			else
				first0 = i;
		}
		CHECK(exo_bit_next(map, from, end, true) == first1 && exo_bit_next(map, from, end, false) == first0);
		CHECK(exo_bit_count(map, from, end - from) == count);
	}
}

static void caps(void)
{
	struct exo_cap root = {.rights = 3}, user = {.name = {1, 1000}, .depth = 2, .rights = 3}, other = user,
		       below = {.name = {1, 1000, 7}, .depth = 3, .rights = 3}, ro = user, bad,
		       space = {.name = {1}, .depth = 1, .rights = 3}, zero = user, root3 = root,
		       deep = {.name = {1, 2, 3, 4, 5, 6, 7, 8}, .depth = EXO_CAP_DEPTH, .rights = 3};

	other.name[1] = 1001;
	ro.rights = EXO_RIGHT_READ;
	CHECK(exo_cap_dominates(&root, &user, 3) && !exo_cap_dominates(&user, &root, 1));
	CHECK(exo_cap_dominates(&user, &user, 3) && !exo_cap_dominates(&user, &other, 1));
	CHECK(exo_cap_dominates(&user, &below, 3) && !exo_cap_dominates(&below, &user, 1));
	CHECK(exo_cap_dominates(&ro, &user, 1) && !exo_cap_dominates(&ro, &user, 2) &&
	      !exo_cap_dominates(&ro, &user, 3));
	CHECK(exo_cap_same_name(&ro, &user) && !exo_cap_same_name(&below, &user));
	CHECK(exo_cap_root(&root) && !exo_cap_root(&user));
	root.rights = 1;
	CHECK(!exo_cap_root(&root));
	CHECK(exo_cap_valid(&user));
	/* A number may be 0, which is what stands behind a shorter name. */
	zero.name[1] = 0;
	CHECK(exo_cap_dominates(&space, &zero, 3) && !exo_cap_dominates(&zero, &space, 1));
	CHECK(!exo_cap_same_name(&zero, &space) && !exo_cap_same_name(&space, &zero));
	CHECK(exo_cap_valid(&deep) && exo_cap_dominates(&deep, &deep, 3) && exo_cap_dominates(&root3, &deep, 3));
	bad = deep;
	bad.depth = EXO_CAP_DEPTH + 1;
	CHECK(!exo_cap_valid(&bad) && !exo_cap_dominates(&root3, &bad, 1));
	bad = user;
	bad.name[2] = 1;
	CHECK(!exo_cap_valid(&bad));
	bad = user;
	bad.rights = 4;
	CHECK(!exo_cap_valid(&bad));
}

/* Whatever is in a sector: no crash, and what is taken for good can be written and read again. */
static void formats(void)
{
	u8 s[512], again[512];
	struct exo_super super = {.blocks = 5000, .user_quota = 7, .generation = 3, .map_sum = 9, .clean = 1}, s2;
	struct exo_tmpl_head t = {.name = "t",
				  .owner = {.rights = 3},
				  .partition = 512,
				  .ninsns = 3,
				  .nrefs = 2,
				  .refs = {3, 4}},
			     t2;
	struct exo_root_head r = {.name = "r", .owner = {.rights = 3}, .start = 9, .count = 8, .tmpl = 3}, r2;
	u32 round, i;

	memset(s, 0, sizeof(s));
	CHECK(exo_super_get(&s2, s) == EXO_R_NOT_EXO && exo_tmpl_get(&t2, s) == 0 && exo_root_get_entry(&r2, s) == 0);
	for (round = 0; round < 20000; round++) {
		u32 kind = round % 3, flips = 1 + rnd(3);

		if (kind == 0)
			exo_super_put(&super, s);
		else if (kind == 1)
			exo_tmpl_put(&t, s);
		else
			exo_root_put(&r, s);
		if (round < 3) {
			CHECK(kind != 0 ||
			      (!exo_super_get(&s2, s) && s2.blocks == 5000 && s2.clean == 1 && s2.map_sum == 9));
			CHECK(kind != 1 || (exo_tmpl_get(&t2, s) == 1 && !memcmp(&t, &t2, sizeof(t))));
			CHECK(kind != 2 || (exo_root_get_entry(&r2, s) == 1 && !memcmp(&r, &r2, sizeof(r))));
		}
		memcpy(again, s, 512);
		while (flips--)
			s[rnd(512)] ^= (u8)(1 + rnd(255));
		if (!memcmp(again, s, 512))
			continue;
		CHECK(kind != 0 || exo_super_get(&s2, s));
		CHECK(kind != 1 || exo_tmpl_get(&t2, s) < 0);
		CHECK(kind != 2 || exo_root_get_entry(&r2, s) < 0);
		for (i = 0; i < 512; i++)
			s[i] = (u8)rnd(256);
		CHECK(exo_super_get(&s2, s) && exo_tmpl_get(&t2, s) < 0 && exo_root_get_entry(&r2, s) < 0);
	}
	/* well sealed, and still wrong */
	t.nrefs = 7;
	exo_tmpl_put(&t, s);
	CHECK(exo_tmpl_get(&t2, s) < 0);
	t.nrefs = 1;
	exo_tmpl_put(&t, s);
	CHECK(exo_tmpl_get(&t2, s) < 0);
	t.nrefs = 2;
	t.refs[1] = 64;
	exo_tmpl_put(&t, s);
	CHECK(exo_tmpl_get(&t2, s) < 0);
	t.refs[1] = 4;
	t.partition = 600;
	exo_tmpl_put(&t, s);
	CHECK(exo_tmpl_get(&t2, s) < 0);
	r.tmpl = 64;
	exo_root_put(&r, s);
	CHECK(exo_root_get_entry(&r2, s) < 0);
	super.blocks = 100;
	exo_super_put(&super, s);
	CHECK(exo_super_get(&s2, s) == EXO_R_SUPER);
	memset(s, 0, EXO_NAME_MAX);
	CHECK(!exo_name_ok((char *)s));
	s[0] = 'a';
	CHECK(exo_name_ok((char *)s));
	s[5] = 'a';
	CHECK(!exo_name_ok((char *)s));
	memset(s, 'a', EXO_NAME_MAX);
	CHECK(!exo_name_ok((char *)s));
	s[EXO_NAME_MAX - 1] = 0;
	CHECK(exo_name_ok((char *)s));
	s[3] = 7;
	CHECK(!exo_name_ok((char *)s));
}

int main(void)
{
	NEED(!sim_start(16, 1));
	sets();
	sorting();
	bits();
	caps();
	formats();
	sim_stop();
	return check_done();
}
