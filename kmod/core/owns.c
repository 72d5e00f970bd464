// SPDX-License-Identifier: GPL-2.0 OR MIT
/* owns.c: run a template's program on a partition and check every claim that comes back; keep the answer (owned.h). */
#include "internal.h"

#define GROUP 4u /* slots that are looked at together: most are empty */
_Static_assert(EXO_MAX_SLOTS % GROUP == 0, "read_claims");

/* What the program wrote, checked claim by claim. */
static int read_claims(struct exo_disk *d, u32 tmpl, const struct exo_udf_claim *raw, struct exo_rng *out, u32 *n)
{
	const struct exo_tmpl *t = &d->tmpl[tmpl];
	const struct exo_udf_claim *g, *s;
	const u64 first = d->l.first, end = d->l.last;
	struct exo_rng *r = out;
	u32 id;

	for (g = raw; g < raw + EXO_MAX_SLOTS; g += GROUP) {
		if (!(g[0].count | g[1].count | g[2].count | g[3].count))
			continue;
		for (s = g; s < g + GROUP; s++) {
			if (!s->count)
				continue;
			if (!exo_rng_inside(s->start, s->count, first, end))
				return -EPERM;
			if (s->ref == 0)
				id = 0;
			else if (s->ref == 1)
				id = tmpl;
			else if (s->ref - 2 < t->h.nrefs)
				id = t->h.refs[s->ref - 2];
			else
				return -EPERM;
			if (id && d->tmpl[id].state != EXO_TMPL_LIVE)
				return -EPERM;
			*r++ = (struct exo_rng){.start = s->start, .count = s->count, .tmpl = id, .slot = (u32)(s - raw)};
		}
	}
	*n = (u32)(r - out);
	return 0;
}

/* `udf`: the template's program, or another instance of it; NULL: there is none. */
static int by_program(struct exo_disk *d, u32 tmpl, struct exo_udf *udf, const void *part, u32 index,
		      struct exo_rng *out, u32 *n, u32 *reason)
{
	const void *raw;
	int err;
	s64 r;

	*n = 0;
	if (!tmpl || tmpl >= EXO_MAX_TEMPLATES || d->tmpl[tmpl].state != EXO_TMPL_LIVE || !udf) {
		*reason = EXO_R_NO_TEMPLATE;
		return -EPERM;
	}
	r = exo_plat_udf_run(udf, part, index, &raw);
	if (r < 0) {
		*reason = EXO_R_NOMEM;
		return (int)r;
	}
	*reason = EXO_R_UDF_REJECT;
	err = -EPERM;
	if (!r) {
		err = read_claims(d, tmpl, raw, out, n);
		*reason = err ? EXO_R_UDF_CLAIM : 0;
	}
	exo_plat_udf_done(udf);
	return err;
}

int exo_owns_raw(struct exo_disk *d, u32 tmpl, const void *part, u32 index, struct exo_rng *out, u32 *n, u32 *reason)
{
	struct exo_udf *udf = tmpl < EXO_MAX_TEMPLATES ? d->tmpl[tmpl].udf : NULL;

	return by_program(d, tmpl, udf, part, index, out, n, reason);
}

int exo_owns_normal(struct exo_rng *out, u32 *n, u32 *reason)
{
	struct exo_rng hit;

	exo_rng_sort(out, *n);
	if (exo_rng_overlap(out, *n, &hit)) {
		*reason = EXO_R_OVERLAP;
		out[0] = hit;
		return -EPERM;
	}
	*n = exo_rng_merge(out, *n);
	return 0;
}

int exo_owns_by(struct exo_disk *d, u32 tmpl, struct exo_udf *udf, const void *part, u32 index, struct exo_rng *out,
		u32 *n, u32 *reason)
{
	int err = by_program(d, tmpl, udf, part, index, out, n, reason);

	return err ? err : exo_owns_normal(out, n, reason);
}

/* The claims are at *at: in the partition's record, which is *rec, or in `scratch` when it has none for want of memory. */
static int of_frame(struct exo_disk *d, u32 frame, u32 index, struct exo_rng *scratch, const struct exo_rng **at, u32 *n,
		    u32 *reason, struct exo_owned **rec)
{
	struct exo_core *c = d->c;
	u32 tmpl = c->bufs[frame].template_id;
	struct exo_owned *o = exo_owned_find(c, frame, index);
	int err;

	*reason = 0;
	if (o) {
		c->stats->udf_cached++;
	} else {
		c->stats->udf_runs++;
		err = exo_owns_raw(d, tmpl, (u8 *)exo_plat_frame(frame) + index * d->tmpl[tmpl].h.partition, index,
				   scratch, n, reason);
		if (err)
			return err;
		exo_owned_keep(c, frame, index, scratch, *n, false);
		o = exo_owned_find(c, frame, index);
	}
	*rec = o;
	*at = o ? o->r : scratch;
	if (o)
		*n = o->n;
	return 0;
}

int exo_owns_frame_raw(struct exo_disk *d, u32 frame, u32 index, struct exo_rng *scratch, const struct exo_rng **at,
		       u32 *n, u32 *reason)
{
	struct exo_owned *o;

	return of_frame(d, frame, index, scratch, at, n, reason, &o);
}

int exo_owns_frame_sound(struct exo_disk *d, u32 frame, u32 index, struct exo_rng *scratch, const struct exo_rng **at,
			 u32 *n, u32 *reason)
{
	struct exo_rng *sorted = d->c->claims;
	struct exo_owned *o;
	int err = of_frame(d, frame, index, scratch, at, n, reason, &o);
	u32 k;

	if (err || (o && o->sound))
		return err;
	k = *n;
	memcpy(sorted, *at, k * sizeof(*sorted));
	err = exo_owns_normal(sorted, &k, reason);
	if (!err && o)
		o->sound = true;
	return err;
}

int exo_owns_frame(struct exo_disk *d, u32 frame, u32 index, struct exo_rng *scratch, const struct exo_rng **at, u32 *n,
		   u32 *reason)
{
	struct exo_owned *o;
	int err = of_frame(d, frame, index, scratch, at, n, reason, &o);

	if (err || (o && o->normal))
		return err;
	if (*at != scratch)
		memcpy(scratch, *at, *n * sizeof(*scratch));
	*at = scratch;
	return exo_owns_normal(scratch, n, reason);
}

static u32 partitions(struct exo_disk *d, u32 frame)
{
	return EXO_BLOCK_SIZE / d->tmpl[d->c->bufs[frame].template_id].h.partition;
}

int exo_owns_nothing(struct exo_disk *d, u32 frame, u32 tmpl, u8 skip, u32 *reason)
{
	struct exo_core *c = d->c;
	u32 i, n, size = d->tmpl[tmpl].h.partition;
	const struct exo_rng *claims;

	for (i = 0; i < EXO_BLOCK_SIZE / size; i++) {
		int err;

		if (skip >> i & 1)
			continue;
		if (c->bufs[frame].flags & EXO_BUF_UNKNOWN) {
			/* Nobody is told what it is before the call that asks is accepted, and no record is kept. */
			c->stats->udf_runs++;
			err = exo_owns_raw(d, tmpl, (u8 *)exo_plat_frame(frame) + i * size, i, c->claims, &n,
					   reason);
		} else {
			err = exo_owns_frame(d, frame, i, c->claims, &claims, &n, reason);
		}
		if (err)
			return err;
		if (n)
			return 0;
	}
	return 1;
}

#define REPORT_MAX 65536u /* ranges; who needs the rest asks again */

int exo_owns_uninit(struct exo_disk *d, u32 frame, struct exo_set *out, u64 *count)
{
	struct exo_core *c = d->c;
	u8 fresh = exo_frame_node(c, frame)->fresh | exo_frame_node(c, frame)->slack;
	u32 i, k, n, reason, parts = partitions(d, frame);
	const struct exo_rng *claims;

	*count = 0;
	if (!d->nuninit)
		return 0;
	for (i = 0; i < parts; i++) {
		int err;

		if (!(fresh >> i & 1))
			continue;
		err = exo_owns_frame(d, frame, i, c->claims, &claims, &n, &reason);
		if (err)
			return err;
		for (k = 0; k < n; k++) {
			u64 b = claims[k].start, end = b + claims[k].count;

			for (;;) {
				u64 stop;

				b = exo_bit_next(d->uninit, b, end, true);
				if (b == end)
					break;
				stop = exo_bit_next(d->uninit, b, end, false);
				if (out && out->n < REPORT_MAX && exo_set_add(out, b, stop - b, claims[k].tmpl, 0, 0))
					return -ENOMEM;
				*count += stop - b;
				b = stop;
			}
		}
	}
	return 0;
}

int exo_owns_submit(struct exo_disk *d, u32 frame)
{
	struct exo_core *c = d->c;
	u8 fresh = exo_frame_node(c, frame)->fresh;
	u32 i, k, n, reason, parts = partitions(d, frame);
	const struct exo_rng *claims;

	for (i = 0; i < parts; i++) {
		int err;

		if (!(fresh >> i & 1))
			continue;
		err = exo_owns_frame(d, frame, i, c->claims, &claims, &n, &reason);
		if (err)
			return err;
		for (k = 0; k < n; k++)
			exo_bit_wipe(d->fresh, claims[k].start, claims[k].count);
	}
	return 0;
}
