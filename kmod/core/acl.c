// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * acl.c: ask the acl-UDF of a template. All that it may decide by is put into its input here: who, which capability,
 * what time, and the partition before and after. So it depends on nothing else, as an owns-UDF does (udf/README.md).
 */
#include "internal.h"

#define CODE_MOST ((1u << 20) - 1) /* what fits in the detail */

static void fill(struct exo_acl_in *in, const struct exo_ask *a, const struct exo_acl_about *w)
{
	const struct exo_env *e = a->e;

	memset(in, 0, sizeof(*in));
	in->op = w->op;
	in->uid = e->uid;
	in->ngids = e->ngids;
	in->claim_slot = w->claim_slot;
	in->time = exo_plat_wall_ns();
	if (w->cap < EXO_MAX_CAPS && e->caps[w->cap].rights)
		in->cap = e->caps[w->cap];
	in->admin = exo_cap_root(&in->cap);
	memcpy(in->gids, e->gids, sizeof(in->gids));
}

int exo_acl(struct exo_ask *a, struct exo_disk *d, const struct exo_acl_about *w)
{
	const struct exo_tmpl *t = &d->tmpl[w->tmpl];
	struct exo_core *c = a->c;
	u32 size = t->h.partition;
	struct exo_acl_in in;
	s64 r;

	if (!t->h.acl_ninsns)
		return 0;
	/* A template whose programs did not verify quarantines its roots, so nobody gets here with one. */
	if (!t->acl)
		return exo_no(a, -EPERM, EXO_R_NO_TEMPLATE, w->tmpl);
	memcpy(c->acl_in, w->before ? w->before : c->zero, size);
	memcpy(c->acl_in + size, w->after ? w->after : c->zero, size);
	fill(&in, a, w);
	memcpy(c->acl_in + 2 * size, &in, sizeof(in));
	c->stats->acl_runs++;
	r = exo_plat_udf_run(t->acl, c->acl_in, w->index, NULL);
	if (r < 0)
		return exo_no(a, (int)r, EXO_R_NOMEM, 0);
	exo_plat_udf_done(t->acl);
	if (!r)
		return 0;
	if (r > CODE_MOST)
		r = CODE_MOST;
	return exo_no(a, -EPERM, EXO_R_ACL, (u64)r << 44 | w->block << 3 | w->index);
}
