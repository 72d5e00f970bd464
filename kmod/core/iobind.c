// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * iobind.c: bindings for direct I/O: the check of a claim, made once and remembered. What was found stays true until a
 * block leaves the claim's root, and that sets the root's epoch to 0 (txncommit.c); a new root in the same slot starts
 * at 0, and so does each disk's id. Numbers come from exo_core.tick and are given once, so a binding that remembers one
 * can never be taken for valid again by accident.
 */
#include "direct.h"

static u64 number(struct exo_core *c, u64 *at)
{
	if (!*at)
		*at = ++c->tick;
	return *at;
}

static struct exo_tie *find(struct exo_ask *a, u32 binding)
{
	struct exo_tie *t = NULL;

	if (binding && binding <= EXO_MAX_IO_BINDS && a->e->ties)
		t = &a->e->ties[binding - 1];
	if (t && t->disk_id)
		return t;
	exo_no(a, -EINVAL, EXO_R_IO_BINDING, binding);
	return NULL;
}

int exo_tie_disk(struct exo_ask *a, u32 binding, u32 *disk)
{
	const struct exo_tie *t = find(a, binding);

	if (!t)
		return -EINVAL;
	*disk = t->disk;
	return 0;
}

static int check_again(struct exo_ask *a, struct exo_disk *d, struct exo_tie *t, const struct exo_op *r)
{
	struct exo_want w = t->w;
	u32 root;
	int err;

	w.first = r->first;
	w.count = r->n;
	err = exo_claim_check(a, d, &w, &root);
	/* All else was found right; a read of a contested block is. */
	if (err == -EBUSY && a->reason == EXO_R_CONTESTED && !(r->want.rights & EXO_RIGHT_WRITE))
		err = 0;
	if (!err) {
		t->root = root;
		t->epoch = number(a->c, &d->roots[root].epoch);
	}
	return err;
}

int exo_tie_check(struct exo_ask *a, struct exo_disk *d, const struct exo_op *r)
{
	struct exo_tie *t = find(a, r->binding);
	u64 bad;
	int err;

	if (!t)
		return -EINVAL;
	/* Another disk has the number by now, or the binding became another's while this call waited. */
	if (t->disk_id != d->id)
		return exo_no(a, -EINVAL, EXO_R_IO_BINDING, r->binding);
	if (r->want.rights & ~t->w.rights)
		return exo_no(a, -EACCES, EXO_R_CAP, t->root);
	if (t->epoch != d->roots[t->root].epoch)
		return check_again(a, d, t, r);
	err = exo_root_usable(a, d, t->root);
	if (err)
		return err;
	if (!exo_rng_inside(r->first, r->n, t->w.claim.start, t->w.claim.start + t->w.claim.count))
		return exo_no(a, -EINVAL, EXO_R_RANGE, r->first);
	if (!exo_map_owned(d, r->first, r->n, &bad)) {
		exo_quarantine(d, t->root, EXO_QUARANTINE_CLAIM, bad);
		return exo_no(a, -EUCLEAN, EXO_R_QUARANTINED, t->root);
	}
	if (d->ncontest && (r->want.rights & EXO_RIGHT_WRITE) && exo_contest_any(d, r->first, r->n, &bad))
		return exo_no(a, -EBUSY, EXO_R_CONTESTED, bad);
	return 0;
}

static int bind(struct exo_ask *a, struct exo_disk *d, struct exo_io_bind *q)
{
	struct exo_want w = {
		.cap = q->cap,
		.root = q->root,
		.index = q->index,
		.parent = q->parent,
		.claim = q->claim,
		.first = q->claim.start,
		.count = 1,
		.rights = q->rights,
	};
	struct exo_tie *t;
	u32 root, i;
	int err;

	err = exo_claim_check(a, d, &w, &root);
	/* A contested block keeps nobody from the others: each write is checked for it. */
	if (err == -EBUSY && a->reason == EXO_R_CONTESTED)
		err = 0;
	if (err)
		return err;
	for (i = 0; i < EXO_MAX_IO_BINDS; i++) {
		t = &a->e->ties[i];
		if (t->disk_id)
			continue;
		t->w = w;
		t->disk = q->disk;
		t->disk_id = number(a->c, &d->id);
		t->root = root;
		t->epoch = number(a->c, &d->roots[root].epoch);
		q->out_binding = i + 1;
		return 0;
	}
	return exo_no(a, -EDQUOT, EXO_R_FRAME_LIMIT, (u64)EXO_MAX_IO_BINDS << 32 | EXO_MAX_IO_BINDS);
}

int exo_do_io_bind(struct exo_ask *a, void *arg)
{
	struct exo_io_bind *q = arg;
	struct exo_disk *d;
	void *ties;
	int err;

	q->out_binding = 0;
	if (q->rights != EXO_RIGHT_READ && q->rights != EXO_RIGHT_ALL)
		return exo_no(a, -EINVAL, EXO_R_RANGE, q->rights);
	if (q->claim.template_id)
		return exo_no(a, q->rights == EXO_RIGHT_ALL ? -EPERM : -EINVAL,
			      q->rights == EXO_RIGHT_ALL ? EXO_R_META_WRITE : EXO_R_RANGE, q->claim.template_id);
	ties = exo_plat_alloc(EXO_MAX_IO_BINDS * sizeof(*a->e->ties));
	if (!ties)
		return exo_nomem(a);
	exo_lock(a->c);
	if (!a->e->ties) {
		a->e->ties = ties;
		ties = NULL;
	}
	err = exo_disk_get_locked(a, q->disk, q->rights == EXO_RIGHT_ALL, &d);
	if (!err) {
		err = bind(a, d, q);
		exo_disk_put_locked(a, d);
	}
	exo_unlock(a->c);
	exo_plat_free(ties);
	return err;
}

int exo_do_io_unbind(struct exo_ask *a, void *arg)
{
	struct exo_io_unbind *q = arg;
	struct exo_tie *t;
	int err = 0;

	exo_lock(a->c);
	t = find(a, q->binding);
	if (t)
		t->disk_id = 0;
	else
		err = -EINVAL;
	exo_unlock(a->c);
	return err;
}
