// SPDX-License-Identifier: GPL-2.0 OR MIT
/* claim.c: the check behind BIND and IO: does metadata in core make this claim, and may the caller use it? */
#include "internal.h"

static bool same(const struct exo_claim *a, u64 start, u64 count, u32 tmpl)
{
	return a->start == start && a->count == count && a->template_id == tmpl;
}

static int parent_claims(struct exo_ask *a, struct exo_disk *d, const struct exo_want *w, u32 frame)
{
	struct exo_core *c = a->c;
	u32 tmpl = c->bufs[frame].template_id, size = d->tmpl[tmpl].h.partition, i, n, reason;
	const struct exo_rng *claims;
	struct exo_acl_about about = {
		.op = w->rights & EXO_RIGHT_WRITE ? EXO_ACL_BIND_WRITE : EXO_ACL_BIND_READ,
		.cap = w->cap,
		.tmpl = tmpl,
		.index = w->index,
		.block = w->parent,
	};
	int err;

	if (w->index >= EXO_BLOCK_SIZE / size)
		return exo_no(a, -EINVAL, EXO_R_RANGE, w->index);
	err = exo_owns_frame_raw(d, frame, w->index, c->claims, &claims, &n, &reason);
	if (err)
		return exo_no(a, err, reason, w->parent << 3 | w->index);
	for (i = 0; i < n; i++)
		if (same(&w->claim, claims[i].start, claims[i].count, claims[i].tmpl))
			break;
	if (i == n)
		return exo_no(a, -EPERM, EXO_R_NOT_CLAIMED, w->claim.start);
	about.before = (u8 *)exo_plat_frame(frame) + w->index * size;
	about.claim_slot = claims[i].slot;
	return exo_acl(a, d, &about);
}

int exo_claim_check(struct exo_ask *a, struct exo_disk *d, const struct exo_want *w, u32 *root)
{
	struct exo_core *c = a->c;
	u32 frame = EXO_NOFRAME, tmpl = 0;
	u64 bad;
	int err;

	if (w->claim.pad)
		return exo_no(a, -EOPNOTSUPP, EXO_R_RESERVED, 0);
	/* Nothing is inside a claim whose end overflows. */
	if (!exo_rng_inside(w->first, w->count, w->claim.start, w->claim.start + w->claim.count))
		return exo_no(a, -EINVAL, EXO_R_RANGE, w->first);
	if (w->parent == EXO_NOBLOCK) {
		*root = w->root;
	} else {
		frame = exo_buf_find(c, d->nr, w->parent);
		if (frame == EXO_NOFRAME || c->bufs[frame].state != EXO_BUF_VALID)
			return exo_no(a, -ENOENT, EXO_R_NOT_IN_CORE, w->parent);
		if (!(c->bufs[frame].flags & EXO_BUF_META))
			return exo_no(a, -EINVAL, EXO_R_NOT_META, w->parent);
		*root = c->bufs[frame].root;
		tmpl = c->bufs[frame].template_id;
	}
	err = exo_root_usable(a, d, *root);
	if (!err)
		err = exo_need_below(a, w->cap, d, *root, w->rights,
				     frame == EXO_NOFRAME ? d->roots[*root].h.tmpl : tmpl);
	if (err)
		return err;
	/* Only who may read the root learns what its metadata claims. */
	if (frame != EXO_NOFRAME) {
		err = parent_claims(a, d, w, frame);
	} else {
		const struct exo_root_head *h = &d->roots[*root].h;

		if (w->index || !same(&w->claim, h->start, h->count, h->tmpl))
			err = exo_no(a, -EPERM, EXO_R_NOT_CLAIMED, w->claim.start);
	}
	if (err)
		return err;
	if (!exo_map_owned(d, w->first, w->count, &bad)) {
		exo_quarantine(d, *root, EXO_QUARANTINE_CLAIM, bad);
		return exo_no(a, -EUCLEAN, EXO_R_QUARANTINED, *root);
	}
	if ((w->rights & EXO_RIGHT_WRITE) && exo_contest_any(d, w->first, w->count, &bad))
		return exo_no(a, -EBUSY, EXO_R_CONTESTED, bad);
	return 0;
}
