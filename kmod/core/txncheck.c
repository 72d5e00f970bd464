// SPDX-License-Identifier: GPL-2.0 OR MIT
/* txncheck.c: owns(after) = owns(before) + ALLOC - FREE, over all edited partitions at once, and what each declaration
 * needs. */
#include "txn.h"

struct txn_meta *exo_txn_meta(struct txn_metas *l, u64 block)
{
	u32 lo = 0, hi = l->n;

	while (lo < hi) {
		u32 mid = lo + (hi - lo) / 2;

		if (l->m[mid].block == block)
			return &l->m[mid];
		if (l->m[mid].block < block)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

u32 exo_txn_block(struct txn *t, u64 block)
{
	u32 lo = 0, hi = t->nblk;

	while (lo < hi) {
		u32 mid = lo + (hi - lo) / 2;

		if (t->blk[mid].block == block)
			return mid;
		if (t->blk[mid].block < block)
			lo = mid + 1;
		else
			hi = mid;
	}
	return TXN_NONE;
}

static int meta_add(struct txn *t, struct txn_metas *l, u64 block, u32 tmpl, u32 label)
{
	struct txn_meta *m;

	if (l->n >= t->c->frames)
		return exo_no(t->a, -ENOMEM, EXO_R_NO_FRAMES, l->n);
	if (!exo_txn_grow(t, &l->m, l->n, &l->room, sizeof(*l->m)))
		return exo_nomem(t->a);
	m = &l->m[l->n++];
	m->block = block;
	m->frame = EXO_NOFRAME;
	m->tmpl = tmpl;
	m->label = label;
	m->blk = exo_txn_block(t, block);
	m->orphan = NULL;
	return 0;
}

/* The two partitions of an ORDER as labels. False: one of them is not edited. */
bool exo_txn_pair(struct txn *t, const struct exo_decl *x, u32 *later, u32 *first)
{
	u32 a = exo_txn_block(t, x->start), b = exo_txn_block(t, x->count), pa = x->template_id & 255,
	    pb = x->template_id >> 8;

	if (a == TXN_NONE || b == TXN_NONE || pa >= EXO_PARTS || pb >= EXO_PARTS)
		return false;
	*later = a * EXO_PARTS + pa;
	*first = b * EXO_PARTS + pb;
	return *later != *first && t->blk[a].parts >> pa & 1 && t->blk[b].parts >> pb & 1;
}

/* Declarations on their own: form, and no block named twice. */
int exo_txn_decls(struct txn *t)
{
	struct exo_ask *a = t->a;
	struct exo_set all = {.in = t->room};
	struct exo_rng hit;
	u32 i, n = t->q->ndecls;
	int err;

	if (!n)
		return 0;
	t->decls = exo_room_get(t->room, n * sizeof(*t->decls));
	if (!t->decls)
		return exo_nomem(a);
	err = exo_get(a, t->decls, t->q->decls, n * sizeof(*t->decls));
	for (i = 0; !err && i < n; i++) {
		const struct exo_decl *x = &t->decls[i];

		/* What it names is known only with the edits. */
		if (x->op == EXO_DECL_ORDER) {
			t->norders++;
			continue;
		}
		if (x->op < EXO_DECL_ALLOC || x->op > EXO_DECL_MOVE || x->template_id >= EXO_MAX_TEMPLATES ||
		    !exo_disk_inside(t->d, x->start, x->count))
			err = exo_no(a, -EINVAL, EXO_R_DECL, i);
		else if (exo_set_add(&all, x->start, x->count, 0, i, 0) ||
			 exo_set_add(&t->want[x->op], x->start, x->count, x->template_id, 0, 0))
			err = exo_nomem(a);
	}
	if (!err) {
		exo_rng_sort(all.r, all.n);
		if (exo_rng_overlap(all.r, all.n, &hit))
			err = exo_no(a, -EINVAL, EXO_R_DECL, hit.from);
		for (i = 1; i < 4; i++)
			exo_set_plain(&t->want[i]);
	}
	return err;
}

/* The next edit, in the order of blocks. */
static void take_edit(struct txn *t, u32 i)
{
	const struct exo_edit *e = &t->edits[i];

	if (!t->nblk || t->blk[t->nblk - 1].block != e->block)
		t->blk[t->nblk++] = (struct txn_block){
			.block = e->block, .version = e->version, .frame = EXO_NOFRAME, .root = EXO_NOROOT};
	t->of_edit[i] = t->nblk - 1;
}

/* The blocks that are edited, sorted, each once. */
static int collect_blocks(struct txn *t)
{
	u32 i, n = t->q->nedits;
	struct exo_set s = {.in = t->room};

	for (i = 1; i < n && t->edits[i].block >= t->edits[i - 1].block; i++)
		;
	if (i < n) {
		for (i = 0; i < n; i++)
			if (exo_set_add(&s, t->edits[i].block, 1, 0, i, 0))
				return exo_nomem(t->a);
		exo_rng_sort(s.r, s.n);
	}
	for (i = 0; i < n; i++)
		take_edit(t, s.n ? s.r[i].from : i);
	for (i = 0; i < n; i++)
		if (t->edits[i].version != t->blk[t->of_edit[i]].version)
			return exo_no(t->a, -EINVAL, EXO_R_VERSION, t->edits[i].block);
	return 0;
}

static int find_block(struct txn *t, struct txn_block *b)
{
	struct exo_ask *a = t->a;
	struct exo_core *c = t->c;
	struct exo_buf *buf;
	u32 i;
	int err;

	if (b->version == EXO_VERSION_NEW || b->version == EXO_VERSION_DATA) {
		const struct exo_set *w = &t->want[EXO_DECL_ALLOC];

		i = exo_rng_find(w->r, w->n, b->block);
		if (i == w->n || !w->r[i].tmpl != (b->version == EXO_VERSION_DATA))
			return exo_no(a, -EINVAL, EXO_R_NOT_META, b->block);
		b->isnew = true;
		b->data = b->version == EXO_VERSION_DATA;
		t->ndata += b->data;
		if (b->data)
			return 0;
		b->tmpl = w->r[i].tmpl;
		if (t->d->tmpl[b->tmpl].state != EXO_TMPL_LIVE || !t->d->tmpl[b->tmpl].udf)
			return exo_no(a, -ENOENT, EXO_R_NO_TEMPLATE, b->tmpl);
		b->size = t->d->tmpl[b->tmpl].h.partition;
		return 0;
	}
	b->frame = exo_buf_find(c, t->d->nr, b->block);
	if (b->frame == EXO_NOFRAME)
		return exo_no(a, -ENOENT, EXO_R_NOT_IN_CORE, b->block);
	buf = &c->bufs[b->frame];
	if (buf->state == EXO_BUF_READING)
		return exo_no(a, -EBUSY, EXO_R_BUSY, b->block);
	if (!(buf->flags & EXO_BUF_META))
		return exo_no(a, -EINVAL, EXO_R_NOT_META, b->block);
	b->tmpl = buf->template_id;
	b->root = buf->root;
	b->size = t->d->tmpl[b->tmpl].h.partition;
	b->first = exo_frame_node(c, b->frame)->first | exo_frame_node(c, b->frame)->wfirst;
	b->last = exo_frame_node(c, b->frame)->last | exo_frame_node(c, b->frame)->wlast;
	err = exo_root_usable(a, t->d, b->root);
	if (!err)
		err = exo_need_below(a, t->q->cap, t->d, b->root, EXO_RIGHT_WRITE, b->tmpl);
	if (err)
		return err;
	if (exo_contest_find(t->d, b->block))
		return exo_no(a, -EBUSY, EXO_R_CONTESTED, b->block);
	return buf->version == b->version ? 0 : exo_no(a, -ESTALE, EXO_R_VERSION, b->block);
}

/*
 * Copies of the touched partitions, edited. What a transaction costs depends on these, not on the size of a block. Of an edit that
 * brings a whole partition the bytes that were copied in are the image.
 */
static int make_images(struct txn *t)
{
	u8 *from = t->bytes;
	u32 i;

	for (i = 0; i < t->q->nedits; i++) {
		const struct exo_edit *e = &t->edits[i];
		struct txn_block *b = &t->blk[t->of_edit[i]];
		u32 pos = e->offset, end = e->offset + e->len, n, within;

		/* Content goes into the frame when all is decided. */
		if (b->data) {
			from += e->len;
			continue;
		}
		for (; pos < end; pos += n, from += n) {
			u8 **part = &b->part[pos / b->size];

			within = pos & (b->size - 1);
			n = b->size - within;
			if (n > end - pos)
				n = end - pos;
			b->parts |= (u8)(1u << pos / b->size);
			if (n == b->size) {
				*part = from;
				continue;
			}
			if (!*part) {
				*part = exo_room_get(t->room, b->size);
				if (!*part)
					return exo_nomem(t->a);
				if (b->isnew)
					memset(*part, 0, b->size);
				else
					memcpy(*part, (u8 *)exo_plat_frame(b->frame) + (pos - within), b->size);
			}
			memcpy(*part + within, from, n);
		}
	}
	return 0;
}

/* Run the program on the partition as edited: what it says stays in the block. */
static int own_new(struct txn *t, struct txn_block *b, u32 part, const struct exo_rng **own, u32 *n, u32 *reason)
{
	struct exo_rng *r = exo_room_get(t->room, EXO_MAX_SLOTS * sizeof(*r));
	int err;

	if (!r) {
		*reason = EXO_R_NOMEM;
		return -ENOMEM;
	}
	t->c->stats->udf_runs++;
	err = exo_owns_raw(t->d, b->tmpl, b->part[part], part, r, n, reason);
	if (err)
		return err;
	exo_room_keep(t->room, r, *n * sizeof(*r));
	b->own[part] = *own = r;
	b->nown[part] = (u8)*n;
	return 0;
}

#define FEW 4u

static bool overlap(const struct exo_rng *a, const struct exo_rng *b)
{
	return a->start < b->start + b->count && b->start < a->start + a->count;
}

/*
 * Do the claims of an edited partition overlap? All but the `nc` from `change` on are as they were, and did not; so it is enough to look at
 * each of those, if they are few. On -EPERM, the first block claimed twice is in w->new[0].
 */
static int sound(struct txn *t, const struct exo_rng *all, u32 n, const struct exo_rng *change, u32 nc, u32 *reason)
{
	const struct exo_rng *x, *y;
	bool clash = nc > FEW;

	for (x = change; !clash && x < change + nc; x++)
		for (y = all; !clash && y < all + n; y++)
			clash = x != y && overlap(x, y);
	if (!clash)
		return 0;
	memcpy(t->w->new, all, n * sizeof(*all));
	return exo_owns_normal(t->w->new, &n, reason);
}

/* In order; `scratch` has room for what has to be sorted. */
static const struct exo_rng *sorted(const struct exo_rng *r, u32 n, struct exo_rng *scratch)
{
	if (exo_rng_sorted(r, n))
		return r;
	memmove(scratch, r, n * sizeof(*r));
	exo_rng_sort(scratch, n);
	return scratch;
}

/* What one partition gained and lost. What it has kept in the same slots is not looked at. */
static int compare(struct txn *t, u32 blk, u32 part)
{
	struct txn_block *b = &t->blk[blk];
	const struct exo_rng *old = NULL, *new;
	u32 label = blk * EXO_PARTS + part, no = 0, nn, reason, i, gained = t->gained.n, lost = t->lost.n;
	int err;

	/* What `old` points at may be the partition's record: it stays, because none is kept here. */
	if (!b->isnew) {
		err = exo_owns_frame_sound(t->d, b->frame, part, t->w->old, &old, &no, &reason);
		if (err)
			return exo_no(t->a, err, reason, b->block << 3 | part);
	}
	err = own_new(t, b, part, &new, &nn, &reason);
	if (!err) {
		if (nn)
			b->owning |= (u8)(1u << part);
		exo_rng_differ(&old, &no, &new, &nn);
		err = sound(t, b->own[part], b->nown[part], new, nn, &reason);
	}
	if (err && reason == EXO_R_OVERLAP) {
		struct exo_set s = {.r = t->w->new, .n = 1, .room = 1};

		exo_txn_report(t, &s, EXO_RANGE_BLOCKED);
		return exo_no(t->a, err, reason, s.r[0].start);
	}
	if (err)
		return exo_no(t->a, err, reason, b->block << 3 | part);
	if (!no && !nn)
		return 0;
	old = sorted(old, no, t->w->old);
	new = sorted(new, nn, t->w->new);
	if (exo_set_minus(&t->gained, new, nn, old, no) || exo_set_minus(&t->lost, old, no, new, nn))
		return exo_nomem(t->a);
	for (i = gained; i < t->gained.n; i++)
		t->gained.r[i].to = label;
	for (i = lost; i < t->lost.n; i++)
		t->lost.r[i].from = label;
	if (t->gained.n > gained)
		b->gains |= (u8)(1u << part);
	return 0;
}

/* May the caller make these edits? Asked of every touched partition, whatever it gains or loses. */
static int ask_acl(struct txn *t, u32 blk, u32 part)
{
	struct txn_block *b = &t->blk[blk];
	struct exo_acl_about about = {
		.op = EXO_ACL_EDIT,
		.cap = t->q->cap,
		.tmpl = b->tmpl,
		.index = part,
		.claim_slot = EXO_ACL_NO_SLOT,
		.block = b->block,
		.after = b->part[part],
	};

	if (!t->d->tmpl[b->tmpl].h.acl_ninsns)
		return 0;
	if (!b->isnew)
		about.before = (const u8 *)exo_plat_frame(b->frame) + part * b->size;
	return exo_acl(t->a, t->d, &about);
}

static int one_range(struct txn *t, struct exo_rng hit, u32 reason, int err)
{
	struct exo_set s = {.r = &hit, .n = 1, .room = 1};

	exo_txn_report(t, &s, EXO_RANGE_BLOCKED);
	return exo_no(t->a, err, reason, hit.start);
}

/* Sort gains and losses into MOVE, ALLOC and FREE. */
static int classify(struct txn *t)
{
	struct exo_rng hit;
	u32 i;
	u64 bad;

	if (!t->gained.n && !t->lost.n)
		return 0;
	exo_rng_sort(t->gained.r, t->gained.n);
	exo_rng_sort(t->lost.r, t->lost.n);
	if (exo_rng_overlap(t->gained.r, t->gained.n, &hit))
		return one_range(t, hit, EXO_R_OVERLAP, -EPERM);
	if (exo_rng_overlap(t->lost.r, t->lost.n, &hit))
		return one_range(t, hit, EXO_R_CONTESTED, -EBUSY);
	for (i = 0; i < t->lost.n; i++) {
		u32 root = t->blk[t->lost.r[i].from / EXO_PARTS].root;

		if (exo_map_owned(t->d, t->lost.r[i].start, t->lost.r[i].count, &bad))
			continue;
		exo_quarantine(t->d, root, EXO_QUARANTINE_CLAIM, bad);
		return exo_no(t->a, -EUCLEAN, EXO_R_QUARANTINED, root);
	}
	if (exo_set_meet(&t->moved, t->gained.r, t->gained.n, t->lost.r, t->lost.n) ||
	    exo_set_minus(&t->in, t->gained.r, t->gained.n, t->lost.r, t->lost.n) ||
	    exo_set_minus(&t->out, t->lost.r, t->lost.n, t->gained.r, t->gained.n))
		return exo_nomem(t->a);
	return 0;
}

/* What is in a and not in b is reported as `kind`; *n counts the ranges. */
static int report_minus(struct txn *t, const struct exo_set *a, const struct exo_set *b, u32 kind, u64 *first, u32 *n)
{
	struct exo_set s = {.in = t->room};
	int err = exo_set_minus(&s, a->r, a->n, b->r, b->n);

	if (!err)
		err = exo_txn_report(t, &s, kind);
	if (!err && s.n) {
		if (!*n)
			*first = s.r[0].start;
		*n += s.n;
	}
	return err;
}

/* Exactly what was declared, range by range? `got` need not be merged, so false says nothing. */
static bool exactly(const struct exo_set *got, const struct exo_set *want)
{
	u32 i;

	if (got->n != want->n)
		return false;
	for (i = 0; i < got->n; i++)
		if (!exo_rng_same(&got->r[i], &want->r[i]))
			return false;
	return true;
}

static int as_declared(struct txn *t)
{
	const struct exo_set *w = t->want;
	struct exo_set in = {.in = t->room}, out = {.in = t->room}, moved = {.in = t->room};
	u64 first = 0;
	u32 n = 0;

	if (exactly(&t->in, &w[EXO_DECL_ALLOC]) && exactly(&t->out, &w[EXO_DECL_FREE]) && exactly(&t->moved, &w[EXO_DECL_MOVE]))
		return 0;
	if (exo_set_copy(&in, &t->in) || exo_set_copy(&out, &t->out) || exo_set_copy(&moved, &t->moved))
		return exo_nomem(t->a);
	exo_set_plain(&in);
	exo_set_plain(&out);
	exo_set_plain(&moved);
	if (report_minus(t, &w[EXO_DECL_MOVE], &moved, EXO_RANGE_UNMET, &first, &n))
		return exo_nomem(t->a);
	if (n)
		return exo_no(t->a, -EPERM, EXO_R_LEAVES, first);
	if (report_minus(t, &in, &w[EXO_DECL_ALLOC], EXO_RANGE_GAINED, &first, &n) ||
	    report_minus(t, &moved, &w[EXO_DECL_MOVE], EXO_RANGE_GAINED, &first, &n) ||
	    report_minus(t, &out, &w[EXO_DECL_FREE], EXO_RANGE_LOST, &first, &n) ||
	    report_minus(t, &moved, &w[EXO_DECL_MOVE], EXO_RANGE_LOST, &first, &n) ||
	    report_minus(t, &w[EXO_DECL_ALLOC], &in, EXO_RANGE_UNMET, &first, &n) ||
	    report_minus(t, &w[EXO_DECL_FREE], &out, EXO_RANGE_UNMET, &first, &n))
		return exo_nomem(t->a);
	return n ? exo_no(t->a, -EPERM, EXO_R_NOT_CONSERVED, first) : 0;
}

/* The root of a block that this transaction allocates is that of the partition that gains it. */
static int find_root(struct txn *t, u32 blk, u32 *root)
{
	u32 steps;

	for (steps = 0; steps <= t->nblk; steps++) {
		struct txn_meta *m;

		if (!t->blk[blk].isnew) {
			*root = t->blk[blk].root;
			return 0;
		}
		m = exo_txn_meta(&t->news, t->blk[blk].block);
		if (!m)
			break;
		blk = m->label / EXO_PARTS;
	}
	/* New blocks that own each other, and nothing that is reached owns them. */
	return exo_no(t->a, -EBUSY, EXO_R_CYCLE, t->blk[blk].block);
}

/*
 * Content for a data block: of the partition that gains the block its acl is asked what BIND for writing would ask. No transfer
 * past the cache may be under way, as for BIND.
 */
static int check_data(struct txn *t, struct txn_block *b)
{
	u32 i = exo_rng_find(t->in.r, t->in.n, b->block), k, part;
	struct exo_acl_about about = {.op = EXO_ACL_BIND_WRITE, .cap = t->q->cap};
	const struct txn_block *up;
	bool own;
	int err;

	if (i == t->in.n)
		return exo_no(t->a, -EINVAL, EXO_R_NOT_META, b->block);
	b->label = t->in.r[i].to;
	err = find_root(t, b->label / EXO_PARTS, &b->root);
	if (err)
		return err;
	if (exo_flight_hits(t->d, b->block, 1, &own))
		return own ? -EAGAIN : exo_no(t->a, -EBUSY, EXO_R_BUSY, b->block);
	up = &t->blk[b->label / EXO_PARTS];
	part = b->label % EXO_PARTS;
	if (!t->d->tmpl[up->tmpl].h.acl_ninsns)
		return 0;
	for (k = 0; k + 1 < up->nown[part] && b->block - up->own[part][k].start >= up->own[part][k].count; k++)
		;
	about.tmpl = up->tmpl;
	about.index = part;
	about.block = up->block;
	about.before = up->part[part];
	about.claim_slot = up->own[part][k].slot;
	return exo_acl(t->a, t->d, &about);
}

static int check_allocs(struct txn *t)
{
	struct exo_ask *a = t->a;
	struct exo_disk *d = t->d;
	u32 i;
	u64 bad, b;
	int err;

	for (i = 0; i < t->in.n; i++) {
		struct exo_rng *r = &t->in.r[i];
		struct exo_rng hit = *r;

		if (!exo_map_all_free(d, r->start, r->count, &bad)) {
			hit.start = bad;
			hit.count = exo_bit_next(d->free, bad, r->start + r->count, true) - bad;
			return one_range(t, hit,
					 exo_bit(d->waiting, bad) ? EXO_R_NEEDS_FREE
					 : exo_bit(d->held, bad)  ? EXO_R_HELD
								  : EXO_R_NOT_FREE,
					 -EBUSY);
		}
		if (!r->tmpl)
			continue;
		if (d->tmpl[r->tmpl].state != EXO_TMPL_LIVE || !d->tmpl[r->tmpl].udf)
			return exo_no(a, -ENOENT, EXO_R_NO_TEMPLATE, r->tmpl);
		for (b = r->start; b < r->start + r->count; b++) {
			err = meta_add(t, &t->news, b, r->tmpl, r->to);
			if (err)
				return err;
		}
	}
	for (i = 0; i < t->nblk; i++) {
		if (!t->blk[i].isnew)
			continue;
		if (t->blk[i].data) {
			err = check_data(t, &t->blk[i]);
			if (err)
				return err;
			continue;
		}
		/* Declared, edited, but nobody claims it: as_declared said so already unless templates differ. */
		if (!exo_txn_meta(&t->news, t->blk[i].block))
			return exo_no(a, -EINVAL, EXO_R_NOT_META, t->blk[i].block);
		err = find_root(t, i, &t->blk[i].root);
		if (err)
			return err;
	}
	for (i = 0; i < t->in.n; i++)
		txn_delta(t, t->blk[t->in.r[i].to / EXO_PARTS].root, (s64)t->in.r[i].count);
	for (i = 0; i < t->news.n; i++)
		t->news.m[i].root = t->blk[t->news.m[i].label / EXO_PARTS].root;
	return 0;
}

static int check_freed_meta(struct txn *t, struct txn_meta *m)
{
	struct exo_ask *a = t->a;
	struct exo_core *c = t->c;
	struct exo_buf *buf;
	u32 reason;
	int r;

	m->root = t->blk[m->label / EXO_PARTS].root;
	m->frame = exo_buf_find(c, t->d->nr, m->block);
	if (m->frame == EXO_NOFRAME || c->bufs[m->frame].state != EXO_BUF_VALID) {
		m->frame = EXO_NOFRAME;
		return exo_no(a, -ENOENT, EXO_R_NOT_IN_CORE, m->block);
	}
	buf = &c->bufs[m->frame];
	if (!(buf->flags & EXO_BUF_UNKNOWN) && (buf->template_id != m->tmpl || buf->root != m->root)) {
		m->frame = EXO_NOFRAME;
		exo_quarantine(t->d, m->root, EXO_QUARANTINE_CLAIM, m->block);
		return exo_no(a, -EUCLEAN, EXO_R_QUARANTINED, m->root);
	}
	if (buf->flags & EXO_BUF_WRITING) {
		m->frame = EXO_NOFRAME;
		return -EAGAIN;
	}
	/* Its image is what others wait for: they may go once it was written. */
	if (exo_frame_node(c, m->frame)->waiters) {
		m->frame = EXO_NOFRAME;
		return exo_no(a, -EBUSY, EXO_R_CYCLE, m->block);
	}
	if (m->blk != TXN_NONE && t->blk[m->blk].owning)
		r = 0;
	else
		r = exo_owns_nothing(t->d, m->frame, m->tmpl, m->blk == TXN_NONE ? 0 : t->blk[m->blk].parts, &reason);
	if (r == 1) {
		if (m->blk != TXN_NONE)
			t->blk[m->blk].freed = true;
		return 0;
	}
	m->frame = EXO_NOFRAME;
	return r < 0 ? exo_no(a, r, reason, m->block << 3) : exo_no(a, -EPERM, EXO_R_STILL_OWNS, m->block);
}

static int check_frees(struct txn *t)
{
	u32 i;
	u64 b;
	int err;

	for (i = 0; i < t->out.n; i++) {
		struct exo_rng *r = &t->out.r[i];

		txn_delta(t, t->blk[r->from / EXO_PARTS].root, -(s64)r->count);
		for (b = r->start; r->tmpl && b < r->start + r->count; b++) {
			/* A contested block stays with its other owner, and so does what it owns. */
			if (exo_contest_find(t->d, b))
				continue;
			err = meta_add(t, &t->olds, b, r->tmpl, r->from);
			if (!err)
				err = check_freed_meta(t, &t->olds.m[t->olds.n - 1]);
			if (err)
				return err;
		}
	}
	return 0;
}

static int check_moves(struct txn *t)
{
	u32 i, k;
	u64 bad;

	for (i = 0; i < t->moved.n; i++) {
		struct exo_rng *r = &t->moved.r[i];
		u32 from = t->blk[r->from / EXO_PARTS].root, to = t->blk[r->to / EXO_PARTS].root;

		if (exo_contest_any(t->d, r->start, r->count, &bad))
			return exo_no(t->a, -EBUSY, EXO_R_CONTESTED, bad);
		txn_delta(t, from, -(s64)r->count);
		txn_delta(t, to, (s64)r->count);
		if (from == to || !r->tmpl)
			continue;
		for (k = 0; k < t->q->ndecls; k++)
			if (t->decls[k].op == EXO_DECL_MOVE && r->start - t->decls[k].start < t->decls[k].count)
				break;
		return exo_no(t->a, -EINVAL, EXO_R_DECL, k);
	}
	return 0;
}

static int check_quota(struct txn *t)
{
	u32 i;
	u64 left;

	for (i = 0; i < EXO_MAX_ROOTS / 64; i++) {
		for (left = t->w->touched[i]; left; left &= left - 1) {
			u32 root = i * 64 + (u32)__builtin_ctzll(left);
			const struct exo_root_head *h = &t->d->roots[root].h;
			s64 more = t->w->delta[root];

			if (more <= 0 || !h->quota)
				continue;
			if (h->used > h->quota || (u64)more > h->quota - h->used)
				return exo_no(t->a, -EDQUOT, EXO_R_QUOTA, h->used > h->quota ? 0 : h->quota - h->used);
		}
	}
	return 0;
}

static void pin_blocks(struct txn *t)
{
	u32 i;

	for (i = 0; i < t->nblk; i++)
		if (t->blk[i].frame != EXO_NOFRAME && !t->blk[i].isnew)
			exo_buf_pin(t->c, t->blk[i].frame);
	for (i = 0; i < t->olds.n; i++)
		if (t->olds.m[i].frame != EXO_NOFRAME)
			exo_buf_pin(t->c, t->olds.m[i].frame);
	t->pinned = true;
}

int exo_txn_check(struct txn *t)
{
	u32 i, p, left;
	int err = collect_blocks(t);

	for (i = 0; !err && i < t->nblk; i++)
		err = find_block(t, &t->blk[i]);
	if (!err)
		err = make_images(t);
	for (i = 0; !err && i < t->nblk; i++) {
		for (left = t->blk[i].parts; !err && left; left &= left - 1) {
			p = (u32)__builtin_ctz(left);
			err = compare(t, i, p);
			if (!err)
				err = ask_acl(t, i, p);
		}
	}
	if (!err)
		err = classify(t);
	if (!err)
		err = as_declared(t);
	if (!err)
		err = check_allocs(t);
	if (!err)
		err = check_frees(t);
	if (!err)
		err = check_moves(t);
	if (!err)
		err = check_quota(t);
	if (!err)
		pin_blocks(t);
	return err;
}
