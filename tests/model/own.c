// SPDX-License-Identifier: GPL-2.0 OR MIT
/* own.c: who owns what, from the bytes; and what a transaction may do. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "model.h"

#define REJECT_AT 504u /* the program returns the number there */

u64 m_random(struct model *m)
{
	u64 z = (m->rng += 0x9e3779b97f4a7c15ull);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

void m_wrong(struct model *m, const char *fmt, ...)
{
	va_list ap;

	if (m->wrong[0])
		return;
	va_start(ap, fmt);
	vsnprintf(m->wrong, sizeof(m->wrong), fmt, ap);
	va_end(ap);
}

u32 m_parts(const struct model *m, u32 kind)
{
	return EXO_BLOCK_SIZE / m->size[kind];
}

u32 m_kind(const struct model *m, u32 tmpl)
{
	u32 k;

	for (k = 0; k < M_KINDS; k++)
		if (m->tmpl[k] == tmpl)
			return k;
	return M_KINDS;
}

/* What a slot's ref means: the kind, or M_KINDS. */
static u32 ref_kind(u32 kind, u32 ref)
{
	if (!ref)
		return 0;
	if (ref == 1)
		return kind;
	return kind == 2 && ref == 2 ? 1 : M_KINDS;
}

static bool inside(const struct model *m, u64 start, u64 count)
{
	return count && start >= m->first && start < m->last && count <= m->last - start;
}

u32 m_parse(const struct model *m, u32 kind, const u8 *part, struct m_part *out)
{
	u32 i, verdict;

	memset(out, 0, sizeof(*out));
	memcpy(&verdict, part + REJECT_AT, 4);
	if (verdict)
		return EXO_R_UDF_REJECT;
	for (i = 0; i < M_SLOTS; i++) {
		struct m_slot s;

		memcpy(&s, part + i * sizeof(s), sizeof(s));
		if (s.count && (ref_kind(kind, s.ref) == M_KINDS || !inside(m, s.start, s.count)))
			return EXO_R_UDF_CLAIM;
	}
	for (i = 0; i < M_SLOTS; i++) {
		struct m_slot s;
		u64 mask;

		memcpy(&s, part + i * sizeof(s), sizeof(s));
		mask = m_mask(s.start, s.count);
		if (mask & m_all(out))
			return EXO_R_OVERLAP;
		if (s.count)
			out->own[ref_kind(kind, s.ref)] |= mask;
	}
	return 0;
}

void m_parse_block(struct model *m, u32 x)
{
	struct m_block *b = &m->b[x];
	u32 p, why;

	memset(b->part, 0, sizeof(b->part));
	for (p = 0; b->kind && p < m_parts(m, b->kind); p++) {
		why = m_parse(m, b->kind, b->mem + p * m->size[b->kind], &b->part[p]);
		if (why)
			m_wrong(m, "block %u is metadata with partition %u malformed (%u)", x + M_BASE, p, why);
	}
}

bool m_may(const struct model *m, u32 env, u32 cap, u32 root, u32 rights, u32 *reason)
{
	const struct m_root *r = &m->r[root];

	if (rights == EXO_RIGHT_READ && (r->flags & EXO_ROOT_PUBLIC_READ))
		return true;
	/* Every env of the model has one capability, in slot 0. */
	*reason = cap ? EXO_R_SLOT : EXO_R_CAP;
	return !cap && (!env || env == r->owner);
}

static bool owned_by(const struct model *m, u32 node, u32 x)
{
	const struct m_block *b = &m->b[node];
	u32 p;

	for (p = 0; b->state == M_OWNED && b->kind && p < m_parts(m, b->kind); p++)
		if (m_all(&b->part[p]) & m_bit(x))
			return true;
	return false;
}

bool m_may_below(const struct model *m, u32 env, u32 cap, u32 root, u32 rights, u32 kind, u32 *reason)
{
	const struct m_root *r = &m->r[root];

	if (!(r->flags & EXO_ROOT_SHARED) || kind != 2 || (rights == EXO_RIGHT_READ && (r->flags & EXO_ROOT_PUBLIC_READ)))
		return m_may(m, env, cap, root, rights, reason);
	*reason = EXO_R_SLOT;
	return !cap;
}

u32 m_uid(u32 env)
{
	return env ? 999 + env : 0;
}

bool m_acl(u32 kind, u32 op, u32 env, u32 cap, u32 slot, const u8 *before, const u8 *after)
{
	struct m_acl was = {0, 0}, is = {0, 0};
	u32 uid = m_uid(env);

	if (kind != 2 || (!env && !cap))
		return true;
	if (before)
		memcpy(&was, before + M_ACL_AT, sizeof(was));
	if (after)
		memcpy(&is, after + M_ACL_AT, sizeof(is));
	if (op == EXO_ACL_BIND_WRITE && slot == M_ACL_SLOT)
		return false;
	if (!was.owner || was.owner == uid)
		return op != EXO_ACL_EDIT || !is.owner || is.owner == uid;
	if (op == EXO_ACL_EDIT)
		return (was.mode & 4) && is.owner == was.owner && is.mode == was.mode;
	return was.mode & (op == EXO_ACL_BIND_READ ? 1 : 2);
}

struct m_nodes m_owner(const struct model *m, u32 x)
{
	struct m_nodes n = {0, 0};
	u32 i;

	for (i = 0; i < M_BLOCKS; i++)
		if (owned_by(m, i, x))
			n.blocks = m_bit(i);
	if (n.blocks)
		return n;
	for (i = 0; i < M_ROOTS; i++)
		if (m->r[i].used && !m->r[i].dying && (m_mask(m->r[i].start, m->r[i].count) & m_bit(x)))
			n.roots = 1u << i;
	return n;
}

/* Does the way up from x pass top? A loop passes everything. */
bool m_below(const struct model *m, u32 x, u32 top)
{
	u32 steps;

	for (steps = 0; steps <= M_BLOCKS; steps++) {
		struct m_nodes up;

		if (x == top)
			return true;
		up = m_owner(m, x);
		if (!up.blocks)
			return false;
		x = (u32)__builtin_ctzll(up.blocks);
	}
	return true;
}

/* ---- checking a transaction, stage by stage: what is wrong in one hides the next ---- */

struct check {
	struct model *m;
	const struct m_txn *t;
	struct m_plan *p;
	struct m_verdict *v;
	u64 want[4][M_KINDS + 1]; /* declared; last: templates that the model does not know */
};

static void form(struct check *c)
{
	u32 i, k;

	for (i = 0; i < c->t->n; i++) {
		const struct exo_edit *e = &c->t->edits[i];

		if (!e->len || e->offset >= EXO_BLOCK_SIZE || e->len > EXO_BLOCK_SIZE - e->offset ||
		    !inside(c->m, e->block, 1))
			m_no(c->v, EXO_R_RANGE);
	}
	for (i = 0; i < c->t->nd; i++) {
		const struct exo_decl *d = &c->t->decls[i];
		u64 mask = m_mask(d->start, d->count), all = 0;
		u32 op;

		if (d->op == EXO_DECL_ORDER) /* a question to the edits, see orders */
			continue;
		if (d->op < EXO_DECL_ALLOC || d->op > EXO_DECL_MOVE || d->template_id >= EXO_MAX_TEMPLATES ||
		    !inside(c->m, d->start, d->count)) {
			m_no(c->v, EXO_R_DECL);
			continue;
		}
		for (op = 1; op < 4; op++)
			for (k = 0; k <= M_KINDS; k++)
				all |= c->want[op][k];
		if (all & mask)
			m_no(c->v, EXO_R_DECL);
		c->want[d->op][m_kind(c->m, d->template_id)] |= mask;
	}
}

static void versions(struct check *c)
{
	u32 i, k;

	for (i = 0; i < c->t->n; i++)
		for (k = 0; k < i; k++)
			if (c->t->edits[i].block == c->t->edits[k].block &&
			    c->t->edits[i].version != c->t->edits[k].version)
				m_no(c->v, EXO_R_VERSION);
}

static void blocks(struct check *c)
{
	struct model *m = c->m;
	u32 i, k, why;

	for (i = 0; i < c->t->n; i++) {
		const struct exo_edit *e = &c->t->edits[i];
		const struct m_block *b;
		u32 x = (u32)(e->block - M_BASE);

		if (!m_here(e->block)) {
			m_no(c->v, e->version == EXO_VERSION_NEW ? EXO_R_NOT_META : EXO_R_NOT_IN_CORE);
			continue;
		}
		b = &m->b[x];
		c->p->edited |= m_bit(x);
		if (e->version == EXO_VERSION_NEW) {
			for (k = 1; k <= M_KINDS && !(c->want[EXO_DECL_ALLOC][k] & m_bit(x)); k++)
				;
			if (k > M_KINDS)
				m_no(c->v, EXO_R_NOT_META);
			else if (k == M_KINDS)
				m_no(c->v, EXO_R_NO_TEMPLATE);
			c->p->isnew |= m_bit(x);
			c->p->kind[x] = k < M_KINDS ? k : 1;
			memset(c->p->mem[x], 0, EXO_BLOCK_SIZE);
			memset(c->p->part[x], 0, sizeof(c->p->part[x]));
			continue;
		}
		if (!b->core) {
			m_no(c->v, EXO_R_NOT_IN_CORE);
			continue;
		}
		if (!b->known || !b->kind) {
			m_no(c->v, EXO_R_NOT_META);
			continue;
		}
		if (!m_may_below(m, c->t->env, c->t->cap, b->root, EXO_RIGHT_WRITE, b->kind, &why))
			m_no(c->v, why);
		if (b->owners > 1)
			m_no(c->v, EXO_R_CONTESTED);
		if (b->version != e->version)
			m_no(c->v, EXO_R_VERSION);
		c->p->kind[x] = b->kind;
		c->p->root[x] = b->root;
		memcpy(c->p->mem[x], b->mem, EXO_BLOCK_SIZE);
		memcpy(c->p->part[x], b->part, sizeof(b->part));
	}
}

static void images(struct check *c)
{
	struct model *m = c->m;
	u32 i, x, p, why;

	for (i = 0; i < c->t->n; i++) {
		const struct exo_edit *e = &c->t->edits[i];

		x = (u32)(e->block - M_BASE);
		memcpy(c->p->mem[x] + e->offset, (const void *)(uintptr_t)e->bytes, e->len);
		for (p = e->offset / m->size[c->p->kind[x]]; p * m->size[c->p->kind[x]] < e->offset + e->len; p++)
			c->p->touched[x] |= (u8)(1u << p);
	}
	for (x = 0; x < M_BLOCKS; x++) {
		for (p = 0; p < M_PARTS; p++) {
			u32 size = m->size[c->p->kind[x]];

			if (!(c->p->edited & m_bit(x)) || !(c->p->touched[x] >> p & 1))
				continue;
			why = m_parse(m, c->p->kind[x], c->p->mem[x] + p * size, &c->p->part[x][p]);
			if (why)
				m_no(c->v, why);
			if (!m_acl(c->p->kind[x], EXO_ACL_EDIT, c->t->env, c->t->cap, EXO_ACL_NO_SLOT,
				   c->p->isnew & m_bit(x) ? NULL : m->b[x].mem + p * size, c->p->mem[x] + p * size))
				m_no(c->v, EXO_R_ACL);
		}
	}
}

static const struct m_part *before(const struct check *c, u32 x, u32 p)
{
	static const struct m_part none;

	return c->p->isnew & m_bit(x) ? &none : &c->m->b[x].part[p];
}

static void conserved(struct check *c)
{
	u64 gained[M_KINDS] = {0}, lost[M_KINDS] = {0}, anyg = 0, anyl = 0;
	u32 x, p, k, i;

	for (x = 0; x < M_BLOCKS; x++) {
		for (p = 0; p < M_PARTS; p++) {
			const struct m_part *had = before(c, x, p), *has = &c->p->part[x][p];
			u64 g = 0, l = 0;

			if (!(c->p->edited & m_bit(x)) || !(c->p->touched[x] >> p & 1))
				continue;
			for (k = 0; k < M_KINDS; k++) {
				gained[k] |= has->own[k] & ~had->own[k];
				lost[k] |= had->own[k] & ~has->own[k];
				g |= has->own[k] & ~had->own[k];
				l |= had->own[k] & ~has->own[k];
			}
			if (g & anyg)
				m_no(c->v, EXO_R_OVERLAP);
			if (l & anyl)
				m_no(c->v, EXO_R_CONTESTED);
			anyg |= g;
			anyl |= l;
			for (i = 0; i < M_BLOCKS; i++) {
				if (g & m_bit(i)) {
					c->p->to[i] = x;
					c->p->topart[i] = p;
				}
				if (l & m_bit(i)) {
					c->p->from[i] = x;
					c->p->frompart[i] = p;
				}
			}
		}
	}
	if (c->v->refuse)
		return;
	for (k = 0; k < M_KINDS; k++) {
		c->p->moved[k] = gained[k] & lost[k];
		c->p->in[k] = gained[k] & ~lost[k];
		c->p->out[k] = lost[k] & ~gained[k];
		if (c->want[EXO_DECL_MOVE][k] & ~c->p->moved[k])
			m_no(c->v, EXO_R_LEAVES);
		if (c->want[EXO_DECL_ALLOC][k] != c->p->in[k] || c->want[EXO_DECL_FREE][k] != c->p->out[k] ||
		    (c->p->moved[k] & ~c->want[EXO_DECL_MOVE][k]))
			m_no(c->v, EXO_R_NOT_CONSERVED);
	}
	if (c->want[EXO_DECL_MOVE][M_KINDS])
		m_no(c->v, EXO_R_LEAVES);
	if (c->want[EXO_DECL_ALLOC][M_KINDS] | c->want[EXO_DECL_FREE][M_KINDS])
		m_no(c->v, EXO_R_NOT_CONSERVED);
}

/* Roots of what is new: that of the partition that gains it, and so on up. */
static void new_roots(struct check *c)
{
	u32 x, k, at, steps;

	for (x = 0; x < M_BLOCKS; x++) {
		for (k = 0; k < M_KINDS && !(c->p->in[k] & m_bit(x)); k++)
			;
		if (k == M_KINDS)
			continue;
		if (!(c->p->isnew & m_bit(x)))
			c->p->kind[x] = k;
		at = c->p->to[x];
		for (steps = 0; steps <= M_BLOCKS && (c->p->isnew & m_bit(at)); steps++)
			at = c->p->to[at];
		if (steps > M_BLOCKS)
			m_no(c->v, EXO_R_CYCLE); /* new blocks that own each other */
		else
			c->p->root[x] = c->p->root[at];
	}
}

static u64 owned_after(const struct check *c, u32 x)
{
	u64 all = 0;
	u32 p;

	for (p = 0; p < m_parts(c->m, c->m->b[x].kind); p++)
		all |= m_all(c->p->edited & m_bit(x) ? &c->p->part[x][p] : &c->m->b[x].part[p]);
	return all;
}

static void not_free(struct check *c, u32 x)
{
	struct model *m = c->m;

	if (m->b[x].state == M_OWNED)
		m_no(c->v, EXO_R_NOT_FREE);
	else if (m->b[x].state == M_WAIT && (!m->blind || !m_may_be_free(m, x)))
		m_no(c->v, EXO_R_NEEDS_FREE);
	else if (m->b[x].state == M_WAIT && !m_must_be_free(m, x))
		c->v->legal[EXO_R_NEEDS_FREE] = true;
}

static void possible(struct check *c)
{
	struct model *m = c->m;
	struct m_plan *p = c->p;
	u32 x, k, r;

	new_roots(c);
	for (x = 0; x < M_BLOCKS; x++)
		if ((p->in[0] | p->in[1] | p->in[2]) & m_bit(x))
			not_free(c, x);
	if (c->v->refuse && c->v->legal[EXO_R_CYCLE]) /* whose quota it would be is not known */
		return;
	for (x = 0; x < M_BLOCKS; x++) {
		const struct m_block *b = &m->b[x];

		for (k = 0; k < M_KINDS; k++) {
			if (p->in[k] & m_bit(x))
				p->delta[p->root[x]]++;
			if (p->out[k] & m_bit(x)) {
				p->delta[p->root[p->from[x]]]--;
				if (!k || b->owners > 1)
					continue;
				if (m_awaited(m, (struct m_nodes){m_bit(x), 0}) || m->overflow)
					c->v->legal[EXO_R_CYCLE] = true;
				if (!b->core)
					m_no(c->v, EXO_R_NOT_IN_CORE);
				if (owned_after(c, x))
					m_no(c->v, EXO_R_STILL_OWNS);
			}
			if (p->moved[k] & m_bit(x)) {
				u32 from = p->root[p->from[x]], to = p->root[p->to[x]];

				if (b->owners > 1)
					m_no(c->v, EXO_R_CONTESTED);
				if (k && from != to)
					m_no(c->v, EXO_R_DECL);
				p->delta[from]--;
				p->delta[to]++;
			}
		}
	}
	for (r = 0; r < M_ROOTS; r++) {
		const struct m_root *o = &m->r[r];

		if (o->used && p->delta[r] > 0 && o->quota && o->owns + (u64)p->delta[r] > o->quota)
			m_no(c->v, EXO_R_QUOTA);
	}
}

static bool touches(const struct check *c, u64 block, u32 part)
{
	return m_here(block) && part < M_PARTS && (c->p->edited & m_mask(block, 1)) &&
	       (c->p->touched[block - M_BASE] >> part & 1);
}

/* ORDER names two partitions that are edited; the one that goes first must not go away. */
static void orders(struct check *c)
{
	u64 freed = c->p->out[0] | c->p->out[1] | c->p->out[2];
	u32 i;

	for (i = 0; i < c->t->nd; i++) {
		const struct exo_decl *d = &c->t->decls[i];
		u32 a = d->template_id & 255, b = d->template_id >> 8;

		if (d->op != EXO_DECL_ORDER)
			continue;
		c->v->legal[EXO_R_CYCLE] |= d->start == d->count;
		if (!touches(c, d->start, a) || !touches(c, d->count, b) || (d->start == d->count && a == b) ||
		    (freed & m_mask(d->count, 1))) {
			m_no(c->v, EXO_R_DECL);
			c->v->legal[EXO_R_CYCLE] = true; /* of another one's */
			continue;
		}
		c->p->order[c->p->norders].later = (u32)(d->start - M_BASE);
		c->p->order[c->p->norders++].first = (u32)(d->count - M_BASE);
	}
}

/* Could the waits that this makes close a circle? Counted generously. */
static void circles(struct check *c)
{
	struct model *m = c->m;
	struct m_plan *p = c->p;
	u64 moved = p->moved[0] | p->moved[1] | p->moved[2], freed = p->out[1] | p->out[2];
	u32 x;

	for (x = 0; x < M_BLOCKS; x++) {
		struct m_nodes n = {m_bit(x), 0};

		if ((freed & m_bit(x)) && (m_awaited(m, n) || m_waits(m, n)))
			c->v->legal[EXO_R_CYCLE] = true;
		/* Inside a block it is a question of its sectors; below itself, one of everything that ever moved. */
		if ((moved & m_bit(x)) && p->from[x] == p->to[x])
			c->v->legal[EXO_R_CYCLE] = true;
	}
	if ((moved || p->norders) && (m->loop || m->overflow || m->nwait > 400))
		c->v->legal[EXO_R_CYCLE] = true;
}

void m_txn_check(struct model *m, const struct m_txn *t, struct m_plan *p, struct m_verdict *v)
{
	struct check c = {.m = m, .t = t, .p = p, .v = v};
	void (*stage[])(struct check *) = {form, versions, blocks, images, conserved, possible, orders, circles};
	u32 i;

	/* mem and part are written before they are read, for edited blocks. */
	memset(p, 0, offsetof(struct m_plan, mem));
	memset(p->touched, 0, sizeof(p->touched));
	memset(p->delta, 0, sizeof(p->delta));
	memset(v, 0, sizeof(*v));
	for (i = 0; i < sizeof(stage) / sizeof(stage[0]) && !v->refuse; i++)
		stage[i](&c);
}

/* ---- making it true ---- */

void m_take(struct model *m, u32 x, u32 kind, u32 root)
{
	struct m_block *b = &m->b[x];

	m_gone(m, x);
	b->state = M_OWNED;
	b->kind = kind;
	b->root = root;
	b->life = ++m->lives;
	b->owners = 1;
	b->uninit = b->blank = b->raw = true;
	b->pointed = b->attached = b->pending = b->counts = b->maybe = false;
	b->core = b->known = b->dirty = kind != 0;
	memset(b->mem, 0, sizeof(b->mem));
	memset(b->part, 0, sizeof(b->part));
	b->submitted = b->durable = 0;
	b->version = 0;
}

void m_leave(struct model *m, u32 x, struct m_nodes from)
{
	struct m_block *b = &m->b[x];

	m_left_add(m, x, from);
	m_gone(m, x);
	b->state = M_WAIT;
	b->uninit = b->maybe = b->blank = b->attached = false;
	b->core = b->known = b->dirty = false;
	memset(b->part, 0, sizeof(b->part));
	b->kind = b->owners = 0;
}

static void commit_out(struct model *m, const struct m_plan *p, u32 x)
{
	struct m_nodes from = {m_bit(p->from[x]), 0};
	struct m_block *b = &m->b[x];
	u32 other;

	if (b->owners > 1) {
		m_left_add(m, x, from);
		m_gone(m, x);
		b->owners--;
		b->core = b->known = b->dirty = false;
		/* The other owner may lie below it: then nothing leads there any more. */
		for (other = 0; b->kind && other < M_BLOCKS; other++)
			if (owned_by(m, other, x) && m_below(m, other, x))
				m->loop = true;
		return;
	}
	if (b->kind) {
		struct m_nodes heir = from;
		u32 steps = 0;

		/* The parent may go in the same breath. */
		while ((heir.blocks & (p->out[1] | p->out[2])) && steps++ < M_BLOCKS)
			heir.blocks = m_bit(p->from[__builtin_ctzll(heir.blocks)]);
		m_wait_pass(m, x, heir);
	}
	m_leave(m, x, from);
}

static void commit_move(struct model *m, const struct m_plan *p, u32 x)
{
	struct m_nodes from = {m_bit(p->from[x]), 0}, to = {m_bit(p->to[x]), 0};
	struct m_block *b = &m->b[x];

	m_left_add(m, x, from);
	if (p->from[x] != p->to[x])
		m_wait_add(m, from, to);
	if (b->kind && m_below(m, p->to[x], x))
		m->loop = true;
	if (p->root[p->from[x]] == p->root[p->to[x]])
		return;
	b->root = p->root[p->to[x]];
	if (m->r[b->root].flags & EXO_ROOT_TEMPORARY)
		b->attached = false;
	if (b->core && b->known) {
		m_revoke(m, x);
		b->version = 0;
	}
}

void m_txn_commit(struct model *m, const struct m_plan *p)
{
	u64 in = p->in[0] | p->in[1] | p->in[2], out = p->out[0] | p->out[1] | p->out[2];
	u64 moved = p->moved[0] | p->moved[1] | p->moved[2];
	u32 x, r;

	m->clock++;
	for (x = 0; x < M_BLOCKS; x++)
		if (in & m_bit(x))
			m_take(m, x, p->kind[x], p->root[x]);
	for (x = 0; x < M_BLOCKS; x++) {
		if (!(p->edited & m_bit(x)))
			continue;
		memcpy(m->b[x].mem, p->mem[x], EXO_BLOCK_SIZE);
		memcpy(m->b[x].part, p->part[x], sizeof(p->part[x]));
		m->b[x].dirty = true;
		m->b[x].version = 0;
	}
	for (x = 0; x < M_BLOCKS; x++)
		if (moved & m_bit(x))
			commit_move(m, p, x);
	for (r = 0; r < p->norders; r++)
		m_order_add(m, p->order[r].later, p->order[r].first);
	for (x = 0; x < M_BLOCKS; x++)
		if (out & m_bit(x))
			commit_out(m, p, x);
	for (r = 0; r < M_ROOTS; r++)
		m->r[r].owns = (u64)((long long)m->r[r].owns + p->delta[r]);
}
