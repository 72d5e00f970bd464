// SPDX-License-Identifier: GPL-2.0 OR MIT
/* roots.c: trees begin and end. */
#include <string.h>
#include "model.h"

#define OWNER_SHARE 16u
#define META_MAX 8u

void m_root_add_check(const struct model *m, u32 env, const struct exo_root_add *q, struct m_verdict *v)
{
	u32 i, mine = 0, kind = m_kind(m, q->template_id);
	u64 mask = m_mask(q->start, q->count);

	memset(v, 0, sizeof(*v));
	if (q->cap) {
		m_no(v, EXO_R_SLOT);
		return;
	}
	for (i = 0; i < M_ROOTS; i++) {
		if (!m->r[i].used)
			continue;
		mine += m->r[i].owner == env;
		if (!m->r[i].dying && !memcmp(m->r[i].name, q->name, EXO_NAME_MAX))
			m_no(v, EXO_R_ROOT_EXISTS);
	}
	if (env && mine >= OWNER_SHARE)
		m_no(v, EXO_R_ROOTS_FULL);
	if (kind == M_KINDS)
		m_no(v, EXO_R_NO_TEMPLATE);
	if ((q->root_flags & EXO_ROOT_SHARED) && kind != 2)
		m_no(v, EXO_R_FLAGS);
	if (!q->count || (q->template_id && q->count > META_MAX))
		m_no(v, EXO_R_RANGE);
	if (q->quota && q->count > q->quota)
		m_no(v, EXO_R_QUOTA);
	for (i = 0; i < M_BLOCKS; i++)
		if ((mask & m_bit(i)) && m->b[i].state != M_FREE)
			m_no(v, m->b[i].state == M_WAIT ? EXO_R_NEEDS_FREE : EXO_R_NOT_FREE);
}

void m_root_add_done(struct model *m, u32 env, const struct exo_root_add *q)
{
	struct m_root *r = &m->r[q->out_root % M_ROOTS];
	u64 mask = m_mask(q->start, q->count);
	u32 i;

	m->clock++;
	if (r->dying && !r->now.there && !r->old.there)
		r->used = false; /* its end was never on the medium */
	if (q->out_root >= M_ROOTS || r->used || q->out_start != q->start) {
		m_wrong(m, "ROOT_ADD gave root %u at %llu", q->out_root, (unsigned long long)q->out_start);
		return;
	}
	memcpy(r->name, q->name, EXO_NAME_MAX);
	r->used = true;
	r->dying = false;
	r->kind = m_kind(m, q->template_id);
	r->flags = q->root_flags;
	r->owner = env;
	r->start = q->start;
	r->count = r->owns = q->count;
	r->quota = q->quota;
	for (i = 0; i < M_BLOCKS; i++)
		if (mask & m_bit(i))
			m_take(m, i, r->kind, q->out_root);
}

/* Blocks that are found from the root, each as often as it is claimed. */
static u64 below(const struct model *m, u32 root, u32 *claims)
{
	u64 seen = m_mask(m->r[root].start, m->r[root].count), done = 0;
	u32 x, p, i;

	memset(claims, 0, M_BLOCKS * sizeof(*claims));
	for (x = 0; x < M_BLOCKS; x++)
		claims[x] = seen >> x & 1;
	while (seen & ~done) {
		x = (u32)__builtin_ctzll(seen & ~done);
		done |= m_bit(x);
		for (p = 0; m->b[x].kind && p < m_parts(m, m->b[x].kind); p++) {
			seen |= m_all(&m->b[x].part[p]);
			for (i = 0; i < M_BLOCKS; i++)
				claims[i] += m_all(&m->b[x].part[p]) >> i & 1;
		}
	}
	return seen;
}

void m_root_del_check(const struct model *m, u32 env, u32 root, struct m_verdict *v)
{
	u32 why, k, x, claims[M_BLOCKS];
	u64 n = 0, seen;

	memset(v, 0, sizeof(*v));
	if (root >= M_ROOTS || !m->r[root].used || m->r[root].dying) {
		m_no(v, EXO_R_NO_ROOT);
		return;
	}
	if (!m_may(m, env, 0, root, EXO_RIGHT_WRITE, &why)) {
		m_no(v, why);
		return;
	}
	for (k = 0; k < M_BINDS; k++) {
		const struct m_bind *g = &m->bind[k];

		if (g->used && !g->gone && g->env != env && m->b[g->block].root == root)
			m_no(v, EXO_R_IN_USE);
	}
	seen = below(m, root, claims);
	for (x = 0; x < M_BLOCKS; x++) {
		n += claims[x];
		if ((seen & m->badr & m_bit(x)) && m->b[x].kind && !m->b[x].core)
			m_no(v, EXO_R_IO);
	}
	if (n < m->r[root].owns)
		m_no(v, EXO_R_STILL_OWNS);
	/* Another root's node waits for one of this root's. */
	for (k = 0; k < m->nwait; k++) {
		const struct m_wait *w = &m->wait[k];

		if (w->first.roots >> root & 1)
			v->legal[EXO_R_CYCLE] = true;
		for (x = 0; x < M_BLOCKS; x++)
			if ((w->first.blocks & m_bit(x)) && m->b[x].state == M_OWNED && m->b[x].root == root)
				v->legal[EXO_R_CYCLE] = true;
	}
	if (m->overflow)
		v->legal[EXO_R_CYCLE] = true;
}

void m_root_del_done(struct model *m, u32 root)
{
	struct m_nodes entry = {0, 1u << root};
	u32 x, claims[M_BLOCKS];
	u64 seen = below(m, root, claims);

	m->clock++;
	for (x = 0; x < M_BLOCKS; x++)
		if (m->b[x].state == M_OWNED && m->b[x].root == root && !(m->b[x].owners > claims[x]))
			m_revoke(m, x);
	for (x = 0; x < M_BLOCKS; x++) {
		struct m_block *b = &m->b[x];

		if (!(seen & m_bit(x)))
			continue;
		if (b->owners > claims[x]) {
			b->owners -= claims[x];
			continue;
		}
		m_wait_pass(m, x, entry);
		b->pointed = true; /* whatever was on the medium: it waits for the catalogue */
		m_leave(m, x, entry);
	}
	m->r[root].dying = true;
	m->r[root].ended = m->clock;
	m->r[root].owns = 0;
}
