// SPDX-License-Identifier: GPL-2.0 OR MIT
/* order.c: who has to be durable before whom. Sets are generous: they name whatever the rules may mean. */
#include <string.h>
#include "model.h"

static bool same(struct m_nodes a, struct m_nodes b)
{
	return a.blocks == b.blocks && a.roots == b.roots;
}

/* Was each of them submitted after `when`, and is that durable? Of a block that is nobody's
 * any more, only a write that is not flushed yet counts. */
static struct m_nodes unsettled(const struct model *m, struct m_nodes n, u64 when)
{
	struct m_nodes left = {0, 0};
	u32 i;

	for (i = 0; i < M_BLOCKS; i++)
		if ((n.blocks & m_bit(i)) && (m->b[i].state == M_OWNED ? m->b[i].durable <= when : m->b[i].pending))
			left.blocks |= m_bit(i);
	for (i = 0; i < M_ROOTS; i++)
		if ((n.roots >> i & 1) && m->r[i].used && m->r[i].durable <= when)
			left.roots |= 1u << i;
	return left;
}

/* Is what stands on the medium the same as in core, durably? */
static bool at_rest(const struct model *m, u32 x)
{
	const struct m_block *b = &m->b[x];

	return !b->dirty && !b->pending && b->submitted == b->durable && !b->uninit;
}

struct m_nodes m_above(const struct model *m, struct m_nodes n)
{
	struct m_nodes all = {0, 0};
	u32 steps, r;

	for (steps = 0; steps <= M_BLOCKS && n.blocks; steps++) {
		u32 x = (u32)__builtin_ctzll(n.blocks);

		if (!at_rest(m, x))
			all.blocks |= n.blocks;
		n = m_owner(m, x);
	}
	for (r = 0; r < M_ROOTS; r++)
		if ((n.roots >> r & 1) && !(m->r[r].old.there && !m->r[r].pending))
			all.roots |= 1u << r;
	return all;
}

void m_wait_add(struct model *m, struct m_nodes from, struct m_nodes to)
{
	struct m_wait w = {.from = from, .when = m->clock};

	w.first = m_above(m, to);
	w.first.blocks |= to.blocks; /* it was edited just now */
	w.first.blocks &= ~from.blocks;
	if (m->nwait == M_WAITS)
		m->overflow = true;
	else
		m->wait[m->nwait++] = w;
}

void m_wait_pass(struct model *m, u32 x, struct m_nodes heir)
{
	u32 i;

	for (i = 0; i < m->nwait; i++) {
		if (!(m->wait[i].from.blocks & m_bit(x)))
			continue;
		m->wait[i].from = heir;
		/* Its own write, when that is under way, must still be flushed. */
		if (!heir.blocks || !m->b[__builtin_ctzll(heir.blocks)].pending)
			m->wait[i].first.blocks &= ~heir.blocks;
	}
}

void m_order_add(struct model *m, u32 later, u32 first)
{
	struct m_order *o = &m->order[m->norder];

	/* Inside a block it is a question of its sectors. */
	if (later == first)
		return;
	m_wait_add(m, (struct m_nodes){m_bit(later), 0}, (struct m_nodes){m_bit(first), 0});
	if (m->norder == M_ORDERS)
		return;
	o->later = later;
	o->first = first;
	o->lives[0] = m->b[later].life;
	o->lives[1] = m->b[first].life;
	o->when = m->clock;
	m->norder++;
}

static bool lives(const struct m_block *b, u32 life)
{
	return b->state == M_OWNED && b->life == life;
}

/* Neither is fulfilled, nor has one of the two gone. */
static bool order_open(const struct model *m, const struct m_order *o)
{
	const struct m_block *first = &m->b[o->first];

	return lives(&m->b[o->later], o->lives[0]) && lives(first, o->lives[1]) && first->durable <= o->when;
}

void m_order_written(struct model *m, u32 x)
{
	u32 i;

	for (i = 0; i < m->norder; i++)
		if (m->order[i].later == x && order_open(m, &m->order[i]))
			m_wrong(m, "ORDER: block %u is written before block %u is durable", x + M_BASE, m->order[i].first + M_BASE);
}

void m_settle(struct model *m)
{
	u32 i, n = 0;

	for (i = 0; i < m->norder; i++)
		if (order_open(m, &m->order[i]))
			m->order[n++] = m->order[i];
	m->norder = n;
	n = 0;

	for (i = 0; i < m->nwait; i++) {
		struct m_wait *w = &m->wait[i];

		w->first = unsettled(m, w->first, w->when);
		if (w->first.blocks || w->first.roots)
			m->wait[n++] = *w;
	}
	m->nwait = n;
	n = 0;
	for (i = 0; i < m->nleft; i++) {
		const struct m_left *l = &m->left[i];
		bool over;

		/* A parent that was freed is never written: its image goes with its block, or with a SYNC at the
		 * latest. */
		if (l->from.blocks) {
			u32 x = (u32)__builtin_ctzll(l->from.blocks);

			over = m->b[x].life == l->life && m->b[x].durable > l->when;
		} else {
			over = m->r[__builtin_ctz(l->from.roots)].durable > l->when;
		}
		if (!over && m->b[l->block].state != M_FREE)
			m->left[n++] = *l;
	}
	m->nleft = n;
}

bool m_waits(const struct model *m, struct m_nodes n)
{
	u32 i;

	for (i = 0; i < m->nwait; i++)
		if (same(m->wait[i].from, n))
			return true;
	return false;
}

bool m_awaited(const struct model *m, struct m_nodes n)
{
	u32 i;

	for (i = 0; i < m->nwait; i++)
		if ((m->wait[i].first.blocks & n.blocks) || (m->wait[i].first.roots & n.roots))
			return true;
	return false;
}

/* Everything below that is not durable yet. */
static u64 missing(const struct model *m, u32 x)
{
	u64 below_x = m_bit(x), done = 0, below = 0, out = 0;
	u32 p, i;

	while (below_x & ~done) {
		i = (u32)__builtin_ctzll(below_x & ~done);
		done |= m_bit(i);
		for (p = 0; m->b[i].kind && p < m_parts(m, m->b[i].kind); p++) {
			below |= m_all(&m->b[i].part[p]);
			below_x |= m->b[i].part[p].own[1] | m->b[i].part[p].own[2];
		}
	}
	/* Nothing on the medium led there for sure, so its image may have been written before what it names. */
	for (i = 0; i < M_BLOCKS; i++)
		if ((below & m_bit(i)) && (m->b[i].uninit || (m->b[i].kind && !m->b[i].attached && !at_rest(m, i))))
			out |= m_bit(i);
	return out;
}

/* Nodes that nothing holds up go, until none is left; or some are. */
bool m_acyclic(const struct model *m)
{
	struct m_nodes left = {~0ull, (1u << M_ROOTS) - 1};
	bool some = true;
	u32 i, x, p;

	while (some) {
		struct m_nodes held = {0, 0};

		for (i = 0; i < m->nwait; i++)
			if ((m->wait[i].first.blocks & left.blocks) || (m->wait[i].first.roots & left.roots)) {
				held.blocks |= m->wait[i].from.blocks;
				held.roots |= m->wait[i].from.roots;
			}
		for (x = 0; x < M_BLOCKS; x++) {
			const struct m_block *b = &m->b[x];

			for (p = 0; b->state == M_OWNED && b->kind && p < m_parts(m, b->kind); p++)
				for (i = 0; i < M_BLOCKS; i++)
					if (((b->part[p].own[1] | b->part[p].own[2]) & left.blocks & m_bit(i)) &&
					    (m->b[i].uninit || missing(m, i) || (!m->b[i].attached && !at_rest(m, i))))
						held.blocks |= m_bit(x);
		}
		for (i = 0; i < M_ROOTS; i++)
			if (m->r[i].used && m->r[i].kind && (m_mask(m->r[i].start, m->r[i].count) & left.blocks) &&
			    !m->r[i].old.there)
				held.roots |= 1u << i;
		some = (left.blocks & ~held.blocks) || (left.roots & ~held.roots);
		left.blocks &= held.blocks;
		left.roots &= held.roots;
	}
	return !left.blocks && !left.roots;
}

bool m_write_must(const struct model *m, u32 x)
{
	struct m_nodes n = {m_bit(x), 0};

	if (!m->b[x].kind)
		return true;
	return !m->early && !m->overflow && !m->vague && !m_waits(m, n) && !missing(m, x);
}

void m_left_add(struct model *m, u32 x, struct m_nodes from)
{
	struct m_left *l = &m->left[m->nleft];

	if (!m->b[x].pointed)
		return; /* no image ever named it */
	if (m->nleft == M_WAITS) {
		m->overflow = true;
		return;
	}
	l->block = x;
	l->from = from;
	l->life = from.blocks ? m->b[__builtin_ctzll(from.blocks)].life : 0;
	l->when = m->clock;
	m->nleft++;
}

bool m_must_be_free(const struct model *m, u32 x)
{
	u32 i;

	if (m->b[x].pending || m->early || m->overflow || m->vague)
		return false;
	for (i = 0; i < m->nleft; i++)
		if (m->left[i].block == x)
			return false;
	return true;
}
