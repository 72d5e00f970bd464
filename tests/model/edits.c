// SPDX-License-Identifier: GPL-2.0 OR MIT
/* edits.c: transactions as libraries make them, in any mix, and some as nobody should. */
#include "world.h"

/* One being put together. Bytes stand still, since edits point at them. */
struct draft {
	struct txn t;
	u64 isnew; /* blocks that it allocates with a template */
	u32 kind[M_BLOCKS];
	u64 used; /* blocks that it declares: declared twice would be refused at once */
	u32 root;
};

bool world_claim(struct world *w, struct world_claim *c)
{
	u32 tries, hunt = world_rnd(w, 3) ? 0 : 150; /* tries for one of a contested block, which are few */

	for (tries = 0; tries < 200; tries++) {
		const struct m_block *b;

		c->node = world_rnd(w, M_BLOCKS);
		b = &w->m.b[c->node];
		if (!b->core || !b->known || !b->kind)
			continue;
		c->kind = b->kind;
		c->part = world_rnd(w, m_parts(&w->m, b->kind));
		if (!m_all(&b->part[c->part]))
			continue;
		c->slot = world_rnd(w, M_SLOTS);
		memcpy(&c->s, b->mem + c->part * w->m.size[b->kind] + c->slot * sizeof(c->s), sizeof(c->s));
		if (c->s.count && (tries >= hunt || (m_here(c->s.start) && w->m.b[c->s.start - M_BASE].owners > 1)))
			return true;
	}
	return false;
}

u32 world_node(struct world *w)
{
	u32 tries, x;

	for (tries = 0; tries < 200; tries++) {
		x = world_rnd(w, M_BLOCKS);
		if (w->m.b[x].core && w->m.b[x].known && w->m.b[x].kind)
			return x;
	}
	return M_BLOCKS;
}

u32 world_env(struct world *w, u32 root)
{
	u32 owner = root < M_ROOTS ? w->m.r[root].owner : 0;
	bool shared = root < M_ROOTS && (w->m.r[root].flags & EXO_ROOT_SHARED);

	return world_rnd(w, shared ? 2 : 12) ? owner : world_rnd(w, M_ENVS);
}

static u64 version(struct world *w, struct draft *d, u32 x)
{
	return d->isnew & m_bit(x) ? EXO_VERSION_NEW : w->m.b[x].version;
}

/* A slot, mostly an empty one, of a node that may be new. */
static void pick_slot(struct world *w, struct draft *d, u32 x, u32 *part, u32 *slot)
{
	u32 kind = d->isnew & m_bit(x) ? d->kind[x] : w->m.b[x].kind, tries;

	for (tries = 0; tries < 12; tries++) {
		struct m_slot s;

		/* Few slots, so that neighbours meet. */
		*part = world_rnd(w, m_parts(&w->m, kind));
		*slot = world_rnd(w, world_rnd(w, 3) ? 4 : M_SLOTS);
		if (d->isnew & m_bit(x))
			return;
		memcpy(&s, w->m.b[x].mem + *part * w->m.size[kind] + *slot * sizeof(s), sizeof(s));
		if (!s.count)
			return;
	}
}

static bool full(const struct draft *d)
{
	return d->t.n > 40 || d->t.used + 512 > sizeof(d->t.bytes);
}

static void put(struct world *w, struct draft *d, u32 x, u32 part, u32 slot, const struct m_slot *s)
{
	u32 kind = d->isnew & m_bit(x) ? d->kind[x] : w->m.b[x].kind;

	txn_bytes(&d->t, x + M_BASE, version(w, d, x), part * w->m.size[kind] + slot * (u32)sizeof(*s), s, sizeof(*s));
}

static u32 kind_of(u32 kind, u32 ref)
{
	return !ref ? 0 : ref == 1 ? kind : 1;
}

static void declare(struct world *w, struct draft *d, u32 op, u32 kind, u64 start, u64 count)
{
	txn_decl(&d->t, op, w->m.tmpl[kind], start, count);
	d->used |= m_mask(start, count);
}

/* A node of this draft, or of the tree; M_BLOCKS: none. */
static u32 some_node(struct world *w, struct draft *d)
{
	u32 tries;

	if (d->isnew && world_rnd(w, 3) == 0)
		for (tries = 0; tries < 100; tries++) {
			u32 x = world_rnd(w, M_BLOCKS);

			if (d->isnew & m_bit(x))
				return x;
		}
	return world_node(w);
}

static void do_alloc(struct world *w, struct draft *d, bool meta)
{
	u32 x = some_node(w, d), part, slot, tries, kind, from = world_rnd(w, M_BLOCKS);
	struct m_slot s = {.count = 1};

	if (x == M_BLOCKS)
		return;
	kind = d->isnew & m_bit(x) ? d->kind[x] : w->m.b[x].kind;
	s.ref = meta ? 1 + (kind == 2 && world_rnd(w, 2)) : 0;
	for (tries = 0; tries < M_BLOCKS; tries++, from = (from + 1) % M_BLOCKS)
		if (w->m.b[from].state == M_FREE && !(d->used & m_bit(from)))
			break;
	if (world_rnd(w, 25) == 0)
		from = world_rnd(w, M_BLOCKS); /* perhaps somebody's */
	s.start = from + M_BASE;
	if (!meta || world_rnd(w, 6) == 0)
		while (s.count < 4 && world_rnd(w, 3) == 0 && from + s.count < M_BLOCKS &&
		       (w->m.b[from + s.count].state == M_FREE || world_rnd(w, 8) == 0) &&
		       !(d->used & m_bit(from + s.count)))
			s.count++;
	pick_slot(w, d, x, &part, &slot);
	put(w, d, x, part, slot, &s);
	declare(w, d, EXO_DECL_ALLOC, kind_of(kind, s.ref), s.start, s.count);
	if (!meta || s.count > 1 || (d->isnew & m_bit(from)) || w->m.b[from].kind || world_rnd(w, 3))
		return;
	/* Something to be in it, in the same breath. */
	d->kind[from] = kind_of(kind, s.ref);
	d->isnew |= m_bit(from);
	s.count = 0;
	put(w, d, from, 0, 14, &s);
}

static void do_free(struct world *w, struct draft *d)
{
	struct m_slot none = {0};
	struct world_claim c;
	u32 gone;

	if (!world_claim(w, &c) || (d->used & m_mask(c.s.start, c.s.count)))
		return;
	gone = world_rnd(w, 3) ? c.s.count : 1 + world_rnd(w, c.s.count);
	declare(w, d, EXO_DECL_FREE, kind_of(c.kind, c.s.ref), c.s.start + c.s.count - gone, gone);
	c.s.count -= gone;
	put(w, d, c.node, c.part, c.slot, c.s.count ? &c.s : &none);
}

static void do_move_to(struct world *w, struct draft *d, struct world_claim *c, u32 to, u32 part, u32 slot)
{
	u32 kind = d->isnew & m_bit(to) ? d->kind[to] : w->m.b[to].kind, is = kind_of(c->kind, c->s.ref);
	struct m_slot none = {0}, s = c->s;

	put(w, d, c->node, c->part, c->slot, &none);
	s.ref = !is ? 0 : is == kind ? 1 : 2;
	put(w, d, to, part, slot, &s);
	declare(w, d, EXO_DECL_MOVE, is, s.start, s.count);
}

/* The claim of a block, in a node in core. */
static bool claim_of(struct world *w, u32 x, struct world_claim *c)
{
	for (c->node = 0; c->node < M_BLOCKS; c->node++) {
		const struct m_block *b = &w->m.b[c->node];

		c->kind = b->kind;
		for (c->part = 0; b->core && b->known && b->kind && c->part < m_parts(&w->m, b->kind); c->part++) {
			for (c->slot = 0; c->slot < M_SLOTS; c->slot++) {
				memcpy(&c->s, b->mem + c->part * w->m.size[b->kind] + c->slot * sizeof(c->s), sizeof(c->s));
				if (m_mask(c->s.start, c->s.count) & m_bit(x))
					return true;
			}
		}
	}
	return false;
}

static void do_move(struct world *w, struct draft *d)
{
	struct world_claim c;
	u32 to = some_node(w, d), part, slot;

	if (to == M_BLOCKS || !world_claim(w, &c) || (d->used & m_mask(c.s.start, c.s.count)))
		return;
	/* Below itself only now and then: that part of the tree is out of reach then. */
	if (c.s.ref && !(d->isnew & m_bit(to)) && m_here(c.s.start) && m_below(&w->m, to, (u32)(c.s.start - M_BASE)) &&
	    world_rnd(w, 60))
		return;
	pick_slot(w, d, to, &part, &slot);
	do_move_to(w, d, &c, to, part, slot);
}

/* A node goes, and what it owns goes to its parent. */
static void do_merge(struct world *w, struct draft *d)
{
	struct m_slot none = {0};
	struct world_claim c, k;
	u32 x, part, slot;

	if (!world_claim(w, &c) || !c.s.ref || c.s.count != 1 || !m_here(c.s.start))
		return;
	x = (u32)(c.s.start - M_BASE);
	if (!w->m.b[x].core || !w->m.b[x].known || (d->used & m_bit(x)))
		return;
	k.node = x;
	k.kind = w->m.b[x].kind;
	for (k.part = 0; k.part < m_parts(&w->m, k.kind); k.part++) {
		for (k.slot = 0; k.slot < M_SLOTS; k.slot++) {
			memcpy(&k.s, w->m.b[x].mem + k.part * w->m.size[k.kind] + k.slot * sizeof(k.s), sizeof(k.s));
			if (!k.s.count || full(d) || (d->used & m_mask(k.s.start, k.s.count)))
				continue;
			pick_slot(w, d, c.node, &part, &slot);
			do_move_to(w, d, &k, c.node, part, slot);
		}
	}
	put(w, d, c.node, c.part, c.slot, &none);
	declare(w, d, EXO_DECL_FREE, kind_of(c.kind, c.s.ref), c.s.start, 1);
}

/* Something about it is changed, as by a library with a fault, or by one that means harm. */
static void spoil(struct world *w, struct draft *d)
{
	static const u64 odd[] = {0, 1, 5, 63, 64, 4095, 4096, ~0ull, ~0ull - 4095, 1ull << 40, 1ull << 63};
	static const u32 far[] = {4065, 4095, 4096, ~0u};
	struct txn *t = &d->t;
	u32 i = world_rnd(w, t->n), at = world_rnd(w, sizeof(odd) / sizeof(odd[0]));
	struct m_slot s;

	switch (world_rnd(w, 11)) {
	case 0:
		t->edits[i].version += world_rnd(w, 2) ? 1u << 30 : -2; /* not one that it may have by then */
		return;
	case 1:
		t->edits[i].version = EXO_VERSION_NEW;
		return;
	case 2:
		if (t->nd)
			t->nd--;
		return;
	case 3:
		txn_decl(t, 1 + world_rnd(w, 3), w->m.tmpl[world_rnd(w, M_KINDS)], M_BASE + world_rnd(w, M_BLOCKS), 1);
		return;
	case 4:
		if (t->nd)
			t->decls[world_rnd(w, t->nd)].op = world_rnd(w, 5);
		return;
	case 5:
		if (t->nd)
			t->decls[world_rnd(w, t->nd)].template_id =
				world_rnd(w, 5) ? w->m.tmpl[world_rnd(w, M_KINDS)] : 50;
		return;
	case 6: /* another block: known or not, metadata or not */
		t->edits[i].block = M_BASE + world_rnd(w, M_BLOCKS);
		t->edits[i].version = w->m.b[t->edits[i].block - M_BASE].version;
		return;
	case 7:
		t->edits[i].offset = world_rnd(w, 2) ? far[at % 4] : world_rnd(w, 120) * 32;
		return;
	case 8:
		at = t->nd ? world_rnd(w, t->nd) : 0;
		if (t->nd && t->decls[at].start + 2 <= M_BASE + M_BLOCKS)
			t->decls[at].count = world_rnd(w, 3);
		return;
	case 9: /* a malformed partition */
		txn_bytes(t, t->edits[i].block, t->edits[i].version, 504, "\1", 1);
		return;
	default:
		if (t->edits[i].len != sizeof(s))
			return;
		memcpy(&s, (const void *)(uintptr_t)t->edits[i].bytes, sizeof(s));
		switch (world_rnd(w, 3)) {
		case 0:
			s.start = world_rnd(w, 2) ? odd[at] : M_BASE + world_rnd(w, M_BLOCKS);
			s.count = s.count ? s.count : 1;
			break;
		case 1:
			s.count = world_rnd(w, 3);
			break;
		default:
			s.ref = world_rnd(w, 4);
		}
		if (s.start == 4095 || s.start == 4096)
			s.start = 0; /* in the data area, but not in the model's part of it */
		if (m_here(s.start) && s.start + s.count > M_BASE + M_BLOCKS)
			s.count = 1;
		memcpy((void *)(uintptr_t)t->edits[i].bytes, &s, sizeof(s));
	}
}

/* Somebody says who may use a partition. */
static void do_acl(struct world *w, struct draft *d)
{
	u32 x = some_node(w, d), who = world_rnd(w, M_ENVS), part;
	struct m_acl a = {.owner = m_uid(who), .mode = world_rnd(w, 8)};
	u32 kind = x == M_BLOCKS ? 0 : d->isnew & m_bit(x) ? d->kind[x] : w->m.b[x].kind;

	if (kind != 2 || full(d))
		return;
	part = world_rnd(w, m_parts(&w->m, kind));
	txn_bytes(&d->t, x + M_BASE, version(w, d, x), part * w->m.size[kind] + M_ACL_AT, &a, sizeof(a));
}

/* An order between two things that are edited anyhow. */
static void do_order(struct world *w, struct draft *d)
{
	const struct exo_edit *a = &d->t.edits[world_rnd(w, d->t.n)], *b = &d->t.edits[world_rnd(w, d->t.n)];
	u32 pa = a->offset / w->m.size[1],
	    pb = b->offset / w->m.size[1]; /* a fan's may be larger: then it is another's */

	if (a->block != b->block || world_rnd(w, 8) == 0)
		txn_decl(&d->t, EXO_DECL_ORDER, pa | pb << 8, a->block, b->block);
}

static void begin(struct draft *d)
{
	memset(d->kind, 0, sizeof(d->kind));
	d->t.n = d->t.nd = d->t.used = 0;
	d->isnew = d->used = 0;
	d->root = M_ROOTS;
}

static void draft(struct world *w, struct draft *d)
{
	u32 n = 1 + (world_rnd(w, 3) == 0) * world_rnd(w, 4), i, owned = 0;

	begin(d);
	for (i = 0; i < M_BLOCKS; i++)
		owned += w->m.b[i].state == M_OWNED;
	for (i = 0; i < n && !full(d); i++) {
		u32 what = world_rnd(w, 100);

		if (what < (owned > 40 ? 10 : 30))
			do_alloc(w, d, false);
		else if (what < (owned > 40 ? 18 : 45))
			do_alloc(w, d, true);
		else if (what < 68)
			do_free(w, d);
		else if (what < 93)
			do_move(w, d);
		else
			do_merge(w, d);
	}
	if (world_rnd(w, 8) == 0)
		do_acl(w, d);
	if (d->t.n > 1 && world_rnd(w, 6) == 0)
		do_order(w, d);
	if (d->t.n && world_rnd(w, 9) == 0)
		spoil(w, d);
	for (i = 0; i < d->t.n; i++) /* a spoiled offset must not reach into another block's bytes */
		if (m_here(d->t.edits[i].block) && w->m.b[d->t.edits[i].block - M_BASE].known)
			d->root = w->m.b[d->t.edits[i].block - M_BASE].root;
}

static void tell(struct world *w, const struct draft *d, u32 env, int err, u32 reason)
{
	u32 i;

	world_say(w, "TXN by %u:", env);
	for (i = 0; i < d->t.n && i < 4; i++)
		world_say(w, " edit %llu+%u", (unsigned long long)d->t.edits[i].block, d->t.edits[i].offset);
	for (i = 0; i < d->t.nd && i < 4; i++)
		world_say(w, " %s %llu+%llu",
			  d->t.decls[i].op == 1	  ? "ALLOC"
			  : d->t.decls[i].op == 2 ? "FREE"
						  : "MOVE",
			  (unsigned long long)d->t.decls[i].start, (unsigned long long)d->t.decls[i].count);
	world_say(w, " = %d/%u; ", err, reason);
}

/* CYCLE may be said of what moves if, with the waits that this makes, no order is left. */
static void circle(struct world *w, u32 reason, struct m_verdict *v)
{
	static struct model would;
	u32 x;

	if (reason != EXO_R_CYCLE || v->refuse ||
	    !(w->plan.moved[0] | w->plan.moved[1] | w->plan.moved[2] | w->plan.norders))
		return;
	/*
	 * The core counts waits by chains of blocks as they stood when each MOVE was made. The model says that there
	 * must be an order only where no such chain is left over from before, and nothing is freed that might hand its
	 * own on.
	 */
	if (w->m.nwait || w->plan.out[1] || w->plan.out[2])
		v->legal[EXO_R_CYCLE] = true;
	would = w->m;
	m_txn_commit(&would, &w->plan);
	if (!m_acyclic(&would))
		v->legal[EXO_R_CYCLE] = true;
	/* Into something below itself: a question of the sectors of `from`, which the model does not ask. */
	for (x = 0; x < M_BLOCKS; x++)
		if (((w->plan.moved[0] | w->plan.moved[1] | w->plan.moved[2]) & m_bit(x)) &&
		    m_below(&would, w->plan.to[x], w->plan.from[x]))
			v->legal[EXO_R_CYCLE] = true;
	for (x = 0; x < w->plan.norders; x++)
		if (m_below(&would, w->plan.order[x].first, w->plan.order[x].later))
			v->legal[EXO_R_CYCLE] = true;
}

/* What the core answered, held against the model, which then does the same. */
static void judge(struct world *w, const struct draft *d, u32 env, u32 cap, int err, u32 reason, u32 nranges,
		  const u64 *versions)
{
	struct m_txn t = {.env = env, .cap = cap, .n = d->t.n, .nd = d->t.nd, .edits = d->t.edits, .decls = d->t.decls};
	struct m_verdict v;
	u32 i;

	tell(w, d, env, err, reason);
	world_reclaimed(w);
	m_txn_check(&w->m, &t, &w->plan, &v);
	circle(w, reason, &v);
	if (!world_judge(w, "TXN", err, reason, &v)) {
		if (!nranges && (reason == EXO_R_NOT_CONSERVED || reason == EXO_R_NOT_FREE || reason == EXO_R_OVERLAP ||
				 reason == EXO_R_LEAVES))
			m_wrong(&w->m, "TXN was refused for %u and names no ranges", reason);
		return;
	}
	m_txn_commit(&w->m, &w->plan);
	for (i = 0; i < d->t.n; i++) {
		struct m_block *b = &w->m.b[d->t.edits[i].block - M_BASE];

		if (!b->core)
			continue; /* freed by the same transaction */
		if (versions[i] <= w->m.versions || (b->version && b->version != versions[i]))
			m_wrong(&w->m, "TXN gave block %llu version %llu", (unsigned long long)d->t.edits[i].block,
				(unsigned long long)versions[i]);
	}
}

static struct exo_txn call_of(struct world *w, struct draft *d, u32 cap)
{
	return (struct exo_txn){.head.size = sizeof(struct exo_txn),
				.disk = w->k[0].d,
				.cap = cap,
				.nedits = d->t.n,
				.ndecls = d->t.nd,
				.edits = (uintptr_t)d->t.edits,
				.decls = (uintptr_t)d->t.decls,
				.versions = (uintptr_t)d->t.versions,
				.ranges = (uintptr_t)w->k[0].ranges,
				.ranges_room = 64};
}

static void go(struct world *w, struct draft *d, u32 env, u32 cap)
{
	struct exo_txn q = call_of(w, d, cap);
	int err = CALL(&w->k[env], EXO_NR_TXN, q);

	w->k[0].detail = q.head.out_detail;
	judge(w, d, env, cap, err, q.head.out_reason, q.out_nranges, d->t.versions);
}

void world_txn(struct world *w)
{
	static struct draft d;
	u32 env;

	draft(w, &d);
	if (!d.t.n)
		return;
	env = world_env(w, d.root);
	go(w, &d, env, world_rnd(w, 60) ? 0 : 40);
}

static void move_one(struct world *w, struct draft *d, struct world_claim *c, u32 to)
{
	u32 part, slot;

	if (d->used & m_mask(c->s.start, c->s.count))
		return;
	pick_slot(w, d, to, &part, &slot);
	do_move_to(w, d, c, to, part, slot);
	d->root = w->m.b[to].root;
}

static void send(struct world *w, struct draft *d)
{
	if (d->t.n)
		go(w, d, world_env(w, d->root), 0);
}

/*
 * What was above goes below: a node leaves its parent for another place, and then that parent goes below the node, in the same
 * transaction or the next. On the medium the one is still reached through the other.
 */
void world_invert(struct world *w)
{
	static struct draft d;
	u32 tries, x, above = 0, to = 0, deep = 0, good = M_BLOCKS;
	struct world_claim c, up;

	for (tries = 0; tries < 100 && good == M_BLOCKS; tries++) {
		x = world_node(w);
		if (x == M_BLOCKS)
			return;
		if (!claim_of(w, x, &c) || !claim_of(w, c.node, &up) || w->m.b[x].owners > 1)
			continue;
		above = c.node;
		to = world_node(w);
		deep = world_node(w);
		if (to == M_BLOCKS || deep == M_BLOCKS)
			return;
		if (!m_below(&w->m, to, above) && m_below(&w->m, deep, x) && w->m.b[to].root == w->m.b[x].root &&
		    (deep != x || tries > 60))
			good = x;
	}
	if (good == M_BLOCKS)
		return;
	begin(&d);
	move_one(w, &d, &c, to);
	if (world_rnd(w, 2)) {
		send(w, &d);
		world_learned(w);
		begin(&d);
	}
	if (!w->m.wrong[0] && claim_of(w, above, &up) && up.node != deep)
		move_one(w, &d, &up, deep);
	send(w, &d);
}

static void give_up(struct world *w, struct draft *d, const struct world_claim *c)
{
	struct m_slot none = {0};

	put(w, d, c->node, c->part, c->slot, &none);
	d->root = w->m.b[c->node].root;
}

/*
 * By way of a new node: something leaves its parent for it, leaves it again for a third place, and the node is freed. What the
 * first parent waited for is then to be found at the third.
 */
void world_relay(struct world *w)
{
	static struct draft d;
	struct world_claim c;
	u32 via, tries, x;

	for (via = 0; via < M_BLOCKS && w->m.b[via].state != M_FREE; via++)
		;
	if (via == M_BLOCKS || !world_claim(w, &c) || c.s.count != 1 || !m_here(c.s.start))
		return;
	x = (u32)(c.s.start - M_BASE);
	for (tries = 0; tries < 4 && !w->m.wrong[0]; tries++) {
		u32 to = world_node(w), part, slot;
		struct m_slot s = {.start = via + M_BASE, .count = 1, .ref = 1};

		if (to == M_BLOCKS || !claim_of(w, x, &c) || w->m.b[to].root != w->m.b[c.node].root)
			return;
		begin(&d);
		switch (tries) {
		case 0:
			pick_slot(w, &d, to, &part, &slot);
			put(w, &d, to, part, slot, &s);
			declare(w, &d, EXO_DECL_ALLOC, kind_of(w->m.b[to].kind, 1), s.start, 1);
			d.kind[via] = kind_of(w->m.b[to].kind, 1);
			d.isnew |= m_bit(via);
			move_one(w, &d, &c, via);
			break;
		case 1:
			if (to != via)
				move_one(w, &d, &c, to);
			break;
		case 2:
			if (!claim_of(w, via, &c))
				return;
			declare(w, &d, EXO_DECL_FREE, w->m.b[via].kind, via + M_BASE, 1);
			give_up(w, &d, &c);
			break;
		default:
			return;
		}
		send(w, &d);
		world_learned(w);
	}
}

/* Something moves, so that a power cut may find it in two places. The place that it went to, or M_BLOCKS. */
u32 world_shift(struct world *w)
{
	static struct draft d;
	struct world_claim c;
	u32 to = world_node(w);

	if (to == M_BLOCKS || !world_claim(w, &c) || c.node == to || w->m.b[c.node].root != w->m.b[to].root)
		return M_BLOCKS;
	begin(&d);
	move_one(w, &d, &c, to);
	send(w, &d);
	return to;
}

/* From one partition of a block to another: its sectors must be written in order. */
void world_inside(struct world *w)
{
	static struct draft d;
	struct world_claim c;

	if (!world_claim(w, &c))
		return;
	begin(&d);
	move_one(w, &d, &c, c.node);
	send(w, &d);
}

/* All owners of a contested block let go of it in one transaction, or one of them writes in it. */
void world_settle(struct world *w)
{
	static struct draft d;
	struct world_claim c;
	u32 x = world_rnd(w, M_BLOCKS), i, n = 0;
	bool edit = world_rnd(w, 2);
	struct m_slot none = {0};

	for (i = 0; i < M_BLOCKS && (w->m.b[x].owners < 2 || (edit && !(w->m.b[x].core && w->m.b[x].known && w->m.b[x].kind))); i++)
		x = (x + 1) % M_BLOCKS;
	if (w->m.b[x].owners < 2)
		return;
	begin(&d);
	if (edit) {
		if (w->m.b[x].core && w->m.b[x].known && w->m.b[x].kind)
			put(w, &d, x, 0, 14, &none);
		d.root = w->m.b[x].root;
		send(w, &d);
		return;
	}
	for (c.node = 0; c.node < M_BLOCKS; c.node++) {
		const struct m_block *b = &w->m.b[c.node];

		c.kind = b->kind;
		for (c.part = 0; b->core && b->known && b->kind && c.part < m_parts(&w->m, b->kind); c.part++)
			for (c.slot = 0; c.slot < M_SLOTS && !full(&d); c.slot++) {
				memcpy(&c.s, b->mem + c.part * w->m.size[b->kind] + c.slot * sizeof(c.s), sizeof(c.s));
				if (!(m_mask(c.s.start, c.s.count) & m_bit(x)))
					continue;
				if (!n++)
					declare(w, &d, EXO_DECL_FREE, kind_of(c.kind, c.s.ref), c.s.start, c.s.count);
				give_up(w, &d, &c);
			}
	}
	send(w, &d);
}

void world_txn_raw(struct world *w, const struct txn *t, u32 env, u32 cap)
{
	static struct draft d;

	d.t = *t;
	go(w, &d, env, cap);
}

/* Several, made without knowing what the others do. */
void world_txns(struct world *w)
{
	static struct draft d[4];
	struct exo_txn q[4];
	struct exo_txns all = {.txns = (uintptr_t)q, .txn_size = sizeof(q[0])};
	u32 i, env = 0, refused = 0;

	/* What the core writes between two of them, to find frames, is not to be told from what it writes later. */
	if (w->m.tight) {
		world_txn(w);
		return;
	}
	for (i = 0; i < 4; i++) {
		draft(w, &d[all.count]);
		if (d[all.count].t.n)
			all.count++;
	}
	if (!all.count)
		return;
	env = world_env(w, d[0].root);
	for (i = 0; i < all.count; i++)
		q[i] = call_of(w, &d[i], 0);
	all.head.flags = world_rnd(w, 2) ? EXO_TXNS_STOP : 0;
	if (CALL(&w->k[env], EXO_NR_TXNS, all))
		m_wrong(&w->m, "TXNS was refused for %u", all.head.out_reason);
	w->m.blind = true;
	for (i = 0; i < all.out_done && i < all.count && !w->m.wrong[0]; i++) {
		int err = q[i].head.out_reason ? -EBUSY : 0; /* TXNS gives the reason alone */
		struct m_txn t = {
			.env = env, .n = d[i].t.n, .nd = d[i].t.nd, .edits = d[i].t.edits, .decls = d[i].t.decls};
		struct m_verdict v;

		tell(w, &d[i], env, err, q[i].head.out_reason);
		refused += err != 0;
		m_txn_check(&w->m, &t, &w->plan, &v);
		circle(w, q[i].head.out_reason, &v);
		if (world_judge(w, NULL, err, q[i].head.out_reason, &v))
			m_txn_commit(&w->m, &w->plan);
		if (err && all.head.flags && i + 1 != all.out_done)
			m_wrong(&w->m, "TXNS went on behind a refused one");
	}
	w->m.blind = false;
	if (all.out_refused != refused || (all.out_done < all.count && !(all.head.flags && refused)))
		m_wrong(&w->m, "TXNS did %u of %u, refused %u", all.out_done, all.count, all.out_refused);
}
