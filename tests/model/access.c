// SPDX-License-Identifier: GPL-2.0 OR MIT
/* access.c: who may see a block, and who may have it written. */
#include <string.h>
#include "model.h"

/* The slot in which partition `index` of x makes exactly this claim, or M_SLOTS. */
static u32 claims(const struct model *m, u32 x, const struct m_want *w)
{
	const struct m_block *b = &m->b[x];
	u32 i;

	for (i = 0; i < M_SLOTS; i++) {
		struct m_slot s;
		u32 kind;

		memcpy(&s, b->mem + w->index * m->size[b->kind] + i * sizeof(s), sizeof(s));
		kind = s.ref == 0 ? 0 : s.ref == 1 ? b->kind : 1;
		if (s.count && s.start == w->start && s.count == w->count && m->tmpl[kind] == w->tmpl)
			break;
	}
	return i;
}

/* The claim behind BIND and IO. */
static void claim_check(const struct model *m, const struct m_want *w, struct m_verdict *v)
{
	u32 root = w->root, why, x = 0, slot, op = w->rights & EXO_RIGHT_WRITE ? EXO_ACL_BIND_WRITE : EXO_ACL_BIND_READ;
	u64 i;

	if (!w->n || w->first < w->start || w->first - w->start >= w->count || w->n > w->count - (w->first - w->start))
		m_no(v, EXO_R_RANGE);
	if (w->parent != EXO_NOBLOCK) {
		x = (u32)(w->parent - M_BASE);
		if (!m_here(w->parent) || !m->b[x].core) {
			m_no(v, EXO_R_NOT_IN_CORE);
			return;
		}
		if (!m->b[x].known || !m->b[x].kind) {
			m_no(v, EXO_R_NOT_META);
			return;
		}
		root = m->b[x].root;
	}
	if (root >= M_ROOTS || !m->r[root].used || m->r[root].dying) {
		m_no(v, EXO_R_NO_ROOT);
		return;
	}
	if (!m_may_below(m, w->env, w->cap, root, w->rights, w->parent != EXO_NOBLOCK ? m->b[x].kind : m->r[root].kind, &why))
		m_no(v, why);
	if (w->parent != EXO_NOBLOCK) {
		if (w->index >= m_parts(m, m->b[x].kind))
			m_no(v, EXO_R_RANGE);
		else if ((slot = claims(m, x, w)) == M_SLOTS)
			m_no(v, EXO_R_NOT_CLAIMED);
		else if (!m_acl(m->b[x].kind, op, w->env, w->cap, slot, m->b[x].mem + w->index * m->size[m->b[x].kind], NULL))
			m_no(v, EXO_R_ACL);
	} else if (w->index || w->start != m->r[root].start || w->count != m->r[root].count ||
		   w->tmpl != m->tmpl[m->r[root].kind]) {
		m_no(v, EXO_R_NOT_CLAIMED);
	}
	if (v->refuse)
		return;
	for (i = w->first; i < w->first + w->n; i++)
		if ((w->rights & EXO_RIGHT_WRITE) && m->b[i - M_BASE].owners > 1)
			m_no(v, EXO_R_CONTESTED);
}

void m_bind_check(const struct model *m, const struct m_want *w, struct m_verdict *v)
{
	u64 i;

	memset(v, 0, sizeof(*v));
	if ((w->rights & EXO_RIGHT_WRITE) && w->tmpl)
		m_no(v, EXO_R_META_WRITE);
	if ((w->flags & EXO_BIND_OVERWRITE) && !(w->rights & EXO_RIGHT_WRITE))
		m_no(v, EXO_R_FLAGS);
	if (!v->refuse)
		claim_check(m, w, v);
	if (v->refuse)
		return;
	if (!(w->flags & EXO_BIND_OVERWRITE) && (m_to_read(m, m_mask(w->first, w->n)) & m->badr))
		m_no(v, EXO_R_IO);
	for (i = w->first; i < w->first + w->n; i++)
		if ((w->flags & EXO_BIND_NO_READ) && !m->b[i - M_BASE].core)
			m_no(v, EXO_R_NOT_IN_CORE);
}

void m_bind_done(struct model *m, const struct m_want *w, const u32 *frames)
{
	u64 i;

	for (i = w->first; i < w->first + w->n; i++) {
		u32 x = (u32)(i - M_BASE), frame = frames[i - w->first], k;
		struct m_block *b = &m->b[x];
		struct m_bind *g;

		if (!b->core && (w->flags & EXO_BIND_OVERWRITE)) {
			memset(b->mem, 0, sizeof(b->mem));
			b->dirty = true;
		}
		if (!b->core || !b->known)
			b->version = 0;
		b->core = b->known = true;
		g = m_bind_find(m, w->env, frame);
		for (k = 0; !g && k < M_BINDS; k++)
			if (!m->bind[k].used)
				g = &m->bind[k];
		if (!g) {
			m_wrong(m, "the model has no room for more bindings");
			return;
		}
		g->rights |= w->rights;
		if (g->used && (g->block != x || g->gone))
			m_wrong(m, "frame %u stands for block %u and for %u", frame, g->block + M_BASE, x + M_BASE);
		g->used = true;
		g->env = w->env;
		g->frame = frame;
		g->block = x;
	}
}

struct m_bind *m_bind_find(struct model *m, u32 env, u32 frame)
{
	u32 k;

	for (k = 0; k < M_BINDS; k++)
		if (m->bind[k].used && m->bind[k].env == env && m->bind[k].frame == frame)
			return &m->bind[k];
	return NULL;
}

u32 m_refs(const struct model *m, u32 x)
{
	u32 k, n = 0;

	for (k = 0; k < M_BINDS; k++)
		n += m->bind[k].used && !m->bind[k].gone && m->bind[k].block == x;
	return n;
}

void m_gone(struct model *m, u32 x)
{
	u32 k;

	for (k = 0; k < M_BINDS; k++)
		if (m->bind[k].used && m->bind[k].block == x)
			m->bind[k].gone = true;
}

void m_revoke(struct model *m, u32 x)
{
	u32 k;

	for (k = 0; k < M_BINDS; k++)
		if (m->bind[k].used && !m->bind[k].gone && m->bind[k].block == x)
			memset(&m->bind[k], 0, sizeof(m->bind[k]));
}

void m_io_check(const struct model *m, const struct m_want *w, struct m_verdict *v)
{
	u64 i;

	memset(v, 0, sizeof(*v));
	if (w->tmpl) {
		m_no(v, w->rights & EXO_RIGHT_WRITE ? EXO_R_META_WRITE : EXO_R_RANGE);
		return;
	}
	claim_check(m, w, v);
	if (v->refuse)
		return;
	if ((w->rights & EXO_RIGHT_WRITE ? m_mask(w->first, w->n) & m->badw : m_to_read(m, m_mask(w->first, w->n)) & m->badr))
		m_no(v, EXO_R_IO);
	if (!(w->rights & EXO_RIGHT_WRITE))
		return;
	for (i = w->first; i < w->first + w->n; i++)
		if (m_refs(m, (u32)(i - M_BASE)))
			m_no(v, EXO_R_CACHED);
}

u64 m_to_read(const struct model *m, u64 blocks)
{
	u32 x;

	for (x = 0; x < M_BLOCKS; x++)
		if (m->b[x].core || (m->b[x].state == M_OWNED && m->b[x].blank))
			blocks &= ~m_bit(x);
	return blocks;
}

void m_read_failed(struct model *m, u64 blocks, bool bind)
{
	u64 read = m_to_read(m, blocks) & ~m->badr;
	u32 x;

	for (x = 0; x < M_BLOCKS; x++) {
		struct m_block *b = &m->b[x];
		bool zero = bind && !b->core && (blocks & m_bit(x)) && b->blank;

		if (!(read & m_bit(x)) && !zero)
			continue;
		b->core = true;
		b->known = zero;
		b->dirty = false;
		b->version = 0;
	}
}

void m_write_check(const struct model *m, u64 blocks, struct m_verdict *v)
{
	u32 x;

	memset(v, 0, sizeof(*v));
	for (x = 0; x < M_BLOCKS; x++)
		if ((blocks & m_bit(x)) && m->b[x].dirty && !m_write_must(m, x))
			v->legal[EXO_R_TAINTED] = true;
	for (x = 0; x < M_BLOCKS; x++)
		if ((blocks & m->badw & m_bit(x)) && m->b[x].dirty)
			m_no(v, EXO_R_IO);
}
