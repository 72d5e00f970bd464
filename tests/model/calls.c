// SPDX-License-Identifier: GPL-2.0 OR MIT
/* calls.c: every other call of a history, drawn, made, and held against the model. */
#include "../udf/insn.h"
#include "world.h"

/* A claim to bind or transfer: mostly one that is made. */
static void draw_want(struct world *w, struct m_want *q)
{
	struct world_claim c;
	u32 r = world_rnd(w, M_ROOTS), i;
	bool some;

	memset(q, 0, sizeof(*q));
	some = world_rnd(w, 4) && world_claim(w, &c);
	/* What the device fails for, when there is something. */
	for (i = 0; i < 40 && some && !(m_mask(c.s.start, c.s.count) & (w->m.badr | w->m.badw)) && (w->m.badr | w->m.badw); i++)
		some = world_claim(w, &c);
	if (some) {
		q->parent = c.node + M_BASE;
		q->index = c.part;
		q->start = c.s.start;
		q->count = c.s.count;
		q->tmpl = w->m.tmpl[!c.s.ref ? 0 : c.s.ref == 1 ? c.kind : 1];
		q->env = world_env(w, w->m.b[c.node].root);
	} else {
		while (!w->m.r[r].used && world_rnd(w, 40))
			r = (r + 1) % M_ROOTS;
		q->parent = EXO_NOBLOCK;
		q->root = r;
		q->start = w->m.r[r].used ? w->m.r[r].start : M_BASE;
		q->count = w->m.r[r].used ? w->m.r[r].count : 1;
		q->tmpl = w->m.tmpl[w->m.r[r].used ? w->m.r[r].kind : 0];
		q->env = world_env(w, r);
	}
	q->first = q->start + (world_rnd(w, 3) ? 0 : world_rnd(w, (u32)q->count));
	q->n = q->start + q->count - q->first;
	if (world_rnd(w, 4) == 0)
		q->n = 1;
	q->rights = q->tmpl || world_rnd(w, 2) ? EXO_RIGHT_READ : EXO_RIGHT_ALL;
	switch (world_rnd(w, 60)) {
	case 0:
		q->cap = 40;
		break;
	case 1:
		q->index = (q->index + 1) % 9;
		break;
	case 2:
		q->count++;
		break;
	case 3:
		q->tmpl = w->m.tmpl[world_rnd(w, M_KINDS)];
		break;
	case 4:
		q->parent = M_BASE + world_rnd(w, M_BLOCKS);
		break;
	case 5:
		q->rights = EXO_RIGHT_ALL;
		break;
	case 6:
		q->n++;
		break;
	case 7:
		q->root = world_rnd(w, M_ROOTS);
		break;
	default:
		break;
	}
}

/* In a small pool the core writes buffers to find frames, before it answers: the model knows of it before it judges. */
void world_reclaimed(struct world *w)
{
	if (!w->m.tight || w->m.wrong[0])
		return;
	w->m.syncing = EXO_NOROOT;
	world_learn(w, OP_OTHER);
	w->m.syncing = M_NO_SYNC;
}

static void bind_it(struct world *w, const struct m_want *q)
{
	u32 frames[64] = {0};
	struct exo_bind b = {.head.flags = q->flags,
			     .disk = w->k[0].d,
			     .cap = q->cap,
			     .root = q->root,
			     .index = q->index,
			     .parent = q->parent,
			     .claim = {.start = q->start, .count = q->count, .template_id = q->tmpl},
			     .first = q->first,
			     .count = (u32)q->n,
			     .rights = q->rights,
			     .frames = (uintptr_t)frames};
	struct m_verdict v;
	int err = CALL(&w->k[q->env], EXO_NR_BIND, b);

	world_say(w, "BIND by %u: %llu+%llu of %llu, rights %u, flags %u = %d/%u; ", q->env,
		  (unsigned long long)q->first, (unsigned long long)q->n, (unsigned long long)q->parent, q->rights, q->flags,
		  err, b.head.out_reason);
	world_reclaimed(w);
	m_bind_check(&w->m, q, &v);
	if (world_judge(w, "BIND", err, b.head.out_reason, &v) && !v.refuse)
		m_bind_done(&w->m, q, frames);
	else if (b.head.out_reason == EXO_R_IO)
		m_read_failed(&w->m, m_mask(q->first, q->n), true);
}

static void do_bind(struct world *w)
{
	struct m_want q;

	draw_want(w, &q);
	q.flags = world_rnd(w, 3) ? 0 : world_rnd(w, 2) ? EXO_BIND_NO_READ : EXO_BIND_OVERWRITE;
	if (q.flags == EXO_BIND_OVERWRITE && q.rights == EXO_RIGHT_READ && world_rnd(w, 10))
		q.flags = 0;
	bind_it(w, &q);
}

/* The administrator looks at all metadata that can be found. */
static void bind_tree(struct world *w)
{
	struct m_want q = {.rights = EXO_RIGHT_READ, .parent = EXO_NOBLOCK};
	u32 x, part, i;
	u64 done = 0;

	for (i = 0; i < M_ROOTS && !w->m.wrong[0]; i++) {
		if (!w->m.r[i].used || w->m.r[i].dying || !w->m.r[i].kind)
			continue;
		q.root = i;
		q.first = q.start = w->m.r[i].start;
		q.n = q.count = w->m.r[i].count;
		q.tmpl = w->m.tmpl[w->m.r[i].kind];
		bind_it(w, &q);
		world_learned(w);
	}
	for (x = 0; x < M_BLOCKS && !w->m.wrong[0]; x++) {
		const struct m_block *b = &w->m.b[x];

		if (!b->core || !b->known || !b->kind || (done & m_bit(x)))
			continue;
		done |= m_bit(x);
		q.parent = x + M_BASE;
		for (part = 0; part < m_parts(&w->m, b->kind); part++) {
			for (i = 0; i < M_SLOTS && !w->m.wrong[0]; i++) {
				struct m_slot s;

				memcpy(&s, b->mem + part * w->m.size[b->kind] + i * sizeof(s), sizeof(s));
				if (!s.count || !s.ref || !m_here(s.start))
					continue;
				q.index = part;
				q.first = q.start = s.start;
				q.n = q.count = s.count;
				q.tmpl = w->m.tmpl[s.ref == 1 ? b->kind : 1];
				bind_it(w, &q);
				world_learned(w);
			}
		}
		x = ~0u; /* what it brought may stand in front */
	}
}

static struct m_bind *some_bind(struct world *w)
{
	u32 i, at = world_rnd(w, M_BINDS);

	for (i = 0; i < M_BINDS; i++, at = (at + 1) % M_BINDS)
		if (w->m.bind[at].used)
			return &w->m.bind[at];
	return NULL;
}

static void do_unbind(struct world *w)
{
	struct m_bind *g = some_bind(w);
	struct m_verdict v = {0};
	u32 env, frame;
	int err;

	if (!g)
		return;
	env = world_rnd(w, 15) ? g->env : world_rnd(w, M_ENVS);
	frame = g->frame;
	err = kit_unbind(&w->k[env], frame);
	world_say(w, "UNBIND by %u: frame %u = %d; ", env, frame, err);
	g = m_bind_find(&w->m, env, frame);
	if (!g)
		m_no(&v, EXO_R_FRAME);
	if (world_judge(w, "UNBIND", err, w->k[env].reason, &v) && g)
		memset(g, 0, sizeof(*g));
}

static void stamp(struct world *w, u32 x, u8 *page)
{
	u64 word = WORLD_STAMP | w->m.b[x].life, salt = sim_random(&w->rng);

	memset(page, 0, EXO_BLOCK_SIZE);
	memcpy(page, &word, 8);
	memcpy(page + 4088, &salt, 8);
}

/* A store into a frame, by somebody who may or may not have it. */
static void do_store(struct world *w)
{
	struct m_bind *g = some_bind(w);
	u8 page[EXO_BLOCK_SIZE];
	u32 env, frame;
	bool did;

	if (!g)
		return;
	env = world_rnd(w, 10) ? g->env : world_rnd(w, M_ENVS);
	frame = g->frame;
	stamp(w, g->block, page);
	did = sim_poke(sim_pool(w->k[env].senv) + frame * 4096ul, page, sizeof(page));
	world_say(w, "store by %u: frame %u = %d; ", env, frame, did);
	g = m_bind_find(&w->m, env, frame);
	if (did != (g && (g->rights & EXO_RIGHT_WRITE)))
		m_wrong(&w->m, "a store by env %u into frame %u %s", env, frame, did ? "was let through" : "failed");
	if (!did || !g || g->gone)
		return;
	memcpy(w->m.b[g->block].mem, page, sizeof(page));
	w->m.b[g->block].dirty = true;
}

static void io_moved(struct world *w, const struct m_want *q, const u32 *frames)
{
	u64 i;

	for (i = 0; i < q->n; i++) {
		struct m_block *b = &w->m.b[q->first - M_BASE + i];

		if (!(q->rights & EXO_RIGHT_WRITE)) {
			if (memcmp(exo_plat_frame(frames[i]), b->mem, EXO_BLOCK_SIZE))
				m_wrong(&w->m, "IO read other bytes of block %llu", (unsigned long long)(q->first + i));
			continue;
		}
		memcpy(b->mem, exo_plat_frame(frames[i]), EXO_BLOCK_SIZE);
		b->core = b->known = b->dirty = false;
	}
}

/*
 * A transfer to the disk that failed: what of it reached the disk is there, but none of it counts. A clean copy in core went when it
 * began; a dirty one stays. What was never written stays zeroes, whatever the disk has.
 */
static void io_failed(struct world *w, const struct m_want *q)
{
	u64 was = w->m.badw, mask = m_mask(q->first, q->n), i;
	const struct sim_log *l;
	size_t at;

	for (i = q->first; i < q->first + q->n; i++) {
		struct m_block *b = &w->m.b[i - M_BASE];

		b->core = b->core && b->dirty;
		b->known = b->known && b->core;
	}
	for (at = w->log; (l = sim_log_at(w->k[0].disk, at)); at++)
		if ((m_mask(l->block, 1) & mask) && l->op != SIM_LOG_FLUSH && !w->m.b[l->block - M_BASE].core &&
		    !w->m.b[l->block - M_BASE].blank)
			memcpy(w->m.b[l->block - M_BASE].mem, l->data, EXO_BLOCK_SIZE);
	w->m.badw |= mask;
	world_learn(w, OP_OTHER);
	w->m.badw = was;
	for (i = 0; i < M_BLOCKS; i++)
		if (mask & ~was & m_bit((u32)i))
			w->m.b[i].error = false;
}

static void do_io(struct world *w)
{
	u32 frames[64] = {0}, i;
	struct m_verdict v;
	struct m_want q;
	struct exo_frame_alloc fa = {.head.flags = EXO_FRAME_ANY, .frames = (uintptr_t)frames};
	struct exo_frame_free ff = {.frames = (uintptr_t)frames};
	struct exo_io io;
	int err;

	draw_want(w, &q);
	for (i = 0; i < 12 && q.tmpl && world_rnd(w, 20); i++)
		draw_want(w, &q);
	for (i = 0; i < 60 && w->m.badw && (q.tmpl || !(m_mask(q.first, q.n) & w->m.badw)); i++) {
		draw_want(w, &q);
		q.rights = q.tmpl ? q.rights : EXO_RIGHT_ALL;
	}
	if (!q.n || q.n > 60)
		return;
	fa.count = ff.count = (u32)q.n;
	err = CALL(&w->k[q.env], EXO_NR_FRAME_ALLOC, fa);
	world_reclaimed(w);
	if (err) {
		if (!w->m.tight)
			m_wrong(&w->m, "FRAME_ALLOC was refused for %u", fa.head.out_reason);
		return;
	}
	for (i = 0; i < q.n && (q.rights & EXO_RIGHT_WRITE); i++)
		if (m_here(q.first + i))
			stamp(w, (u32)(q.first - M_BASE) + i, exo_plat_frame(frames[i]));
	io = (struct exo_io){.disk = w->k[0].d,
			     .cap = q.cap,
			     .root = q.root,
			     .index = q.index,
			     .parent = q.parent,
			     .claim = {.start = q.start, .count = q.count, .template_id = q.tmpl},
			     .first = q.first,
			     .count = (u32)q.n,
			     .frames = (uintptr_t)frames};
	if (q.rights & EXO_RIGHT_WRITE)
		io.head.flags = EXO_IO_WRITE | (world_rnd(w, 2) ? EXO_IO_FUA : 0);
	err = CALL(&w->k[q.env], EXO_NR_IO, io);
	world_say(w, "IO by %u: %llu+%llu of %llu, flags %u = %d/%u; ", q.env, (unsigned long long)q.first,
		  (unsigned long long)q.n, (unsigned long long)q.parent, io.head.flags, err, io.head.out_reason);
	m_io_check(&w->m, &q, &v);
	if (world_judge(w, "IO", err, io.head.out_reason, &v) && !v.refuse)
		io_moved(w, &q, frames);
	else if (io.head.out_reason == EXO_R_IO && (q.rights & EXO_RIGHT_WRITE))
		io_failed(w, &q);
	NEED(!CALL(&w->k[q.env], EXO_NR_FRAME_FREE, ff));
}

static void do_read(struct world *w)
{
	u32 x = world_rnd(w, M_BLOCKS), n = 1 + world_rnd(w, 6), env = world_rnd(w, M_ENVS);
	struct m_verdict v = {0};
	int err;

	if (n > M_BLOCKS - x)
		n = M_BLOCKS - x;
	err = kit_read(&w->k[env], x + M_BASE, n);
	world_say(w, "READ %u+%u = %d; ", x + M_BASE, n, err);
	world_reclaimed(w);
	if (m_to_read(&w->m, m_mask(x + M_BASE, n)) & w->m.badr)
		m_no(&v, EXO_R_IO);
	if (!world_judge(w, "READ", err, w->k[env].reason, &v)) {
		if (w->k[env].reason == EXO_R_IO)
			m_read_failed(&w->m, m_mask(x + M_BASE, n), false);
		return;
	}
	if (w->m.tight)
		return;
	for (; n; n--, x++) {
		struct m_block *b = &w->m.b[x];

		if (b->core || (b->state == M_OWNED && b->blank))
			continue;
		b->core = true;
		b->known = b->dirty = false;
		b->version = 0;
	}
}

static void write_run(struct world *w, u32 x, u32 n)
{
	struct kit *k = &w->k[world_rnd(w, M_ENVS)];
	u64 dirty = 0, mask = m_mask(x + M_BASE, n);
	struct m_verdict v;
	u32 i;
	int err;

	for (i = 0; i < M_BLOCKS; i++)
		if ((mask & m_bit(i)) && w->m.b[i].dirty)
			dirty |= m_bit(i);
	m_write_check(&w->m, mask, &v);
	err = kit_write(k, x + M_BASE, n);
	world_say(w, "WRITE %u+%u = %d/%u; ", x + M_BASE, n, err, k->reason);
	if (!world_judge(w, "WRITE", err, k->reason, &v) && k->reason != EXO_R_IO) {
		if (!k->nranges || k->ranges[0].kind != EXO_RANGE_FIRST)
			m_wrong(&w->m, "WRITE was refused and does not say what goes first");
		return;
	}
	world_learn(w, OP_WRITE);
	for (i = 0; i < M_BLOCKS; i++)
		if ((dirty & ~w->m.badw & m_bit(i)) && w->m.b[i].dirty)
			m_wrong(&w->m, "WRITE did not write block %u", i + M_BASE);
}

static void do_write(struct world *w)
{
	u32 x = world_rnd(w, M_BLOCKS), n = 1 + world_rnd(w, 5), i;

	/* Somewhere where there is something to write, mostly. */
	for (i = 0; i < M_BLOCKS && !w->m.b[x].dirty && n < 5; i++)
		x = (x + 1) % M_BLOCKS;
	write_run(w, x, n > M_BLOCKS - x ? M_BLOCKS - x : n);
}

static void do_flush(struct world *w)
{
	int err = kit_flush(&w->k[world_rnd(w, M_ENVS)]);

	world_say(w, "FLUSH = %d; ", err);
	if (err)
		m_wrong(&w->m, "FLUSH failed");
}

/* Everything of the root, or of the disk, is durable now. */
void world_synced(struct world *w, u32 root)
{
	u32 i;

	for (i = 0; i < M_BLOCKS; i++) {
		struct m_block *b = &w->m.b[i];

		if (b->state == M_OWNED && (root == EXO_NOROOT || b->root == root) && (b->dirty || (b->pending && b->counts)))
			m_wrong(&w->m, "SYNC left block %u", i + M_BASE);
		if (b->state == M_OWNED && (root == EXO_NOROOT || b->root == root) && b->maybe)
			b->uninit = b->maybe = b->blank = false;
		if (b->state == M_OWNED && b->uninit && !w->m.loop && !(w->m.r[b->root].flags & EXO_ROOT_TEMPORARY) &&
		    (root == EXO_NOROOT || b->root == root))
			m_wrong(&w->m, "SYNC left block %u uninitialised", i + M_BASE);
	}
	for (i = 0; i < M_ROOTS; i++)
		if (w->m.r[i].used && !w->m.r[i].dying && (root == EXO_NOROOT || root == i) && !w->m.r[i].old.there)
			m_wrong(&w->m, "SYNC left the entry of root %u", i);
	/* Nothing waits for anything any more: what was freed is free now. */
	if (root == EXO_NOROOT)
		w->m.nwait = w->m.nleft = 0;
}

static void do_sync(struct world *w, bool all)
{
	u32 root = world_rnd(w, M_ROOTS), env = world_rnd(w, M_ENVS), i;
	struct m_verdict v = {0};
	bool ends = w->m.badcat;
	static struct model would;
	int err;

	if (all)
		root = EXO_NOROOT;
	else if (!w->m.r[root].used || w->m.r[root].dying)
		return;
	if (w->m.badw || w->m.badcat)
		v.legal[EXO_R_IO] = v.legal[EXO_R_TAINTED] = true;
	for (i = 0; i < M_BLOCKS; i++)
		if ((w->m.badw & m_bit(i)) && w->m.b[i].dirty && (all || w->m.b[i].root == root))
			v.refuse = true;
	/* These end it at once. */
	for (i = 0; i < M_BLOCKS; i++)
		ends |= (w->m.badw & m_bit(i)) && w->m.b[i].uninit && !w->m.b[i].dirty;
	err = kit_sync(&w->k[env], root);
	world_say(w, "SYNC of %d = %d/%u; ", (int)root, err, w->k[env].reason);
	w->m.syncing = root;
	if (world_judge(w, "SYNC", err, w->k[env].reason, &v)) {
		world_learn(w, OP_OTHER);
		world_synced(w, root);
	} else {
		/* One bad block must not keep what is good from the disk: with a flush at the end, nothing more could go. */
		world_learn(w, OP_OTHER);
		would = w->m;
		m_disk_flush(&would, true);
		m_disk_end(&would);
		w->m.early |= w->m.vol; /* its last flush may have been one between the sectors of a block */
		for (i = 0; i < M_BLOCKS; i++)
			if (!(w->m.badw & m_bit(i)) && w->m.b[i].dirty && (!w->m.b[i].kind || (!ends && m_write_must(&would, i))) &&
			    (all || w->m.b[i].root == root))
				m_wrong(&w->m, "SYNC left block %u, which is good", i + M_BASE);
	}
	w->m.syncing = M_NO_SYNC;
}

static void do_root_add(struct world *w)
{
	u32 env = world_rnd(w, M_ENVS), x = world_rnd(w, M_BLOCKS), i, slots = 0, live = 0;
	struct exo_root_add q = {.disk = w->k[0].d, .count = 1 + (world_rnd(w, 4) == 0) * world_rnd(w, 3)};
	struct m_verdict v;
	int err;

	for (i = 0; i < M_ROOTS; i++) {
		slots += w->m.r[i].used;
		live += w->m.r[i].used && !w->m.r[i].dying;
	}
	if (slots >= M_ROOTS - 2 || live > 4)
		return;
	for (i = 0; i < M_BLOCKS && w->m.b[x].state != M_FREE && world_rnd(w, 20); i++)
		x = (x + 1) % M_BLOCKS;
	if (x + q.count > M_BLOCKS)
		x = M_BLOCKS - (u32)q.count;
	q.start = x + M_BASE;
	snprintf(q.name, sizeof(q.name), "r%u", world_rnd(w, 6));
	q.template_id = w->m.tmpl[world_rnd(w, 5) ? 1 + world_rnd(w, 2) : 0];
	q.quota = world_rnd(w, 3) ? 0 : 1 + world_rnd(w, 24);
	q.root_flags = (world_rnd(w, 4) ? 0 : EXO_ROOT_PUBLIC_READ) | (world_rnd(w, 6) ? 0 : EXO_ROOT_TEMPORARY) |
		       (world_rnd(w, 3) ? 0 : EXO_ROOT_SHARED);
	q.cap = world_rnd(w, 30) ? 0 : 3;
	if (q.cap && !env)
		q.cap = 40; /* the administrator has the capability of uid 0, too */
	err = CALL(&w->k[env], EXO_NR_ROOT_ADD, q);
	world_reclaimed(w);
	m_root_add_check(&w->m, env, &q, &v);
	world_say(w, "ROOT_ADD by %u at %llu = %d/%u; ", env, (unsigned long long)q.start, err, q.head.out_reason);
	if (world_judge(w, "ROOT_ADD", err, q.head.out_reason, &v) && !v.refuse)
		m_root_add_done(&w->m, env, &q);
}

static void do_root_del(struct world *w)
{
	u32 root = world_rnd(w, M_ROOTS), env, i;
	struct exo_root_del q = {.disk = w->k[0].d};
	struct m_verdict v;
	int err;

	for (i = 0; i < M_ROOTS && !w->m.r[root].used; i++)
		root = (root + 1) % M_ROOTS;
	env = world_env(w, root);
	q.root = root;
	m_root_del_check(&w->m, env, root, &v);
	err = CALL(&w->k[env], EXO_NR_ROOT_DEL, q);
	world_say(w, "ROOT_DEL of %u by %u = %d/%u; ", root, env, err, q.head.out_reason);
	if (!world_judge(w, "ROOT_DEL", err, q.head.out_reason, &v) || v.refuse)
		return;
	/* Which of two owners a buffer of a contested block was bound through is more than the model keeps. */
	for (i = 0; i < M_BLOCKS; i++)
		w->over |= w->m.b[i].owners > 1;
	m_root_del_done(&w->m, root);
}

#define JEQ(dst, imm, off) INSN(0x15, dst, 0, off, imm)
#define JNE(dst, imm, off) INSN(0x55, dst, 0, off, imm)
#define JSET(dst, imm, off) INSN(0x45, dst, 0, off, imm)
#define JEQR(dst, src, off) INSN(0x1d, dst, src, off, 0)
#define JNER(dst, src, off) INSN(0x5d, dst, src, off, 0)
#define SAY(n) MOV(0, n), EXIT

/* What m_acl says, as a program. */
static u32 acl_program(u64 *insns, u32 partition)
{
	const u32 in = 2 * partition;
	const u64 p[] = {
		REGION(1, 0, 0),
		LDX_(SZ_W, 6, 1, in + offsetof(struct exo_acl_in, admin)),
		JNE(6, 1, 2),
		SAY(0),
		LDX_(SZ_W, 3, 1, M_ACL_AT), /* owner and mode before */
		LDX_(SZ_W, 8, 1, M_ACL_AT + 4),
		LDX_(SZ_W, 7, 1, partition + M_ACL_AT), /* and after */
		LDX_(SZ_W, 9, 1, partition + M_ACL_AT + 4),
		LDX_(SZ_W, 4, 1, in + offsetof(struct exo_acl_in, uid)),
		LDX_(SZ_W, 2, 1, in + offsetof(struct exo_acl_in, claim_slot)),
		LDX_(SZ_W, 5, 1, in + offsetof(struct exo_acl_in, op)),
		JNE(5, EXO_ACL_BIND_WRITE, 3),
		JNE(2, M_ACL_SLOT, 2),
		SAY(4),
		JEQ(3, 0, 2),
		JEQR(3, 4, 1),
		JA_TO(7),
		JNE(5, EXO_ACL_EDIT, 4), /* one's own */
		JEQ(7, 0, 3),
		JEQR(7, 4, 2),
		SAY(2),
		SAY(0),
		JNE(5, EXO_ACL_EDIT, 9), /* another's */
		JSET(8, 4, 2),
		SAY(1),
		JNER(7, 3, 3),
		JNER(9, 8, 2),
		SAY(0),
		SAY(3),
		JNE(5, EXO_ACL_BIND_READ, 5),
		JSET(8, 1, 2),
		SAY(1),
		SAY(0),
		JSET(8, 2, 2),
		SAY(1),
		SAY(0),
	};

	memcpy(insns, p, sizeof(p));
	return sizeof(p) / sizeof(p[0]);
}

static u32 program2(struct world *w, u32 partition)
{
	u64 insns[256], acl[64];
	struct exo_template_add t = {.disk = w->k[0].d,
				     .name = "fan",
				     .partition = partition,
				     .insns = (uintptr_t)insns,
				     .acl_insns = (uintptr_t)acl};

	t.acl_ninsns = acl_program(acl, partition);

	t.ninsns = kit_program(insns);
	t.nrefs = 1;
	t.refs[0] = w->k[0].tmpl;
	NEED(!CALL(&w->k[0], EXO_NR_TEMPLATE_ADD, t));
	return t.out_template;
}

void world_start(struct world *w, u64 seed)
{
	static const u32 disks[] = {SIM_VOLATILE, SIM_VOLATILE | SIM_SECTOR_4K, 0, SIM_VOLATILE};
	u64 rng = seed;
	u32 i, x;

	memset(&w->m, 0, sizeof(w->m));
	w->seed = seed;
	w->flags = disks[sim_random(&rng) % 4];
	w->m.tight = sim_random(&rng) % 4 == 0;
	w->m.rng = sim_random(&rng);
	kit_start(&w->k[0], w->m.tight ? 20 + (u32)(seed % 24) : 256, 4608, w->flags);
	for (i = 1; i < M_ENVS; i++)
		w->k[i] = kit_as(&w->k[0], world_creds[i]);
	w->m.tmpl[1] = w->k[0].tmpl;
	w->m.size[0] = w->m.size[1] = PART;
	w->m.size[2] = w->flags & SIM_SECTOR_4K ? 2048 : PART;
	w->m.tmpl[2] = program2(w, w->m.size[2]);
	for (x = 0; x < M_BLOCKS; x++) {
		u8 junk[64];

		memset(junk, 0xee, sizeof(junk));
		sim_disk_poke(w->k[0].disk, x + M_BASE, 0, junk, sizeof(junk));
	}
	world_attached(w);
}

void world_stop(struct world *w)
{
	u32 i;

	for (i = 1; i < M_ENVS; i++)
		sim_env_close(w->k[i].senv);
	kit_stop(&w->k[0]);
}

u32 world_rnd(struct world *w, u32 n)
{
	u32 v;

	if (!w->choice)
		return n ? (u32)(sim_random(&w->rng) % n) : 0;
	if (w->choices < 2) {
		w->choices = 0;
		return 0;
	}
	v = w->choice[0] | (u32)w->choice[1] << 8;
	w->choice += 2;
	w->choices -= 2;
	return n ? v % n : 0;
}

void world_learned(struct world *w)
{
	if (!w->m.wrong[0])
		world_learn(w, OP_OTHER);
	if (!w->m.wrong[0])
		world_compare(w);
	world_log(w);
}

/* A power cut between the two writes of a MOVE, and what the owners of the contested block do then. */
static void doubled(struct world *w)
{
	u32 to = world_shift(w), i;

	world_learned(w);
	if (to == M_BLOCKS || w->m.wrong[0])
		return;
	write_run(w, to, 1);
	if (!w->m.wrong[0])
		do_flush(w);
	world_learned(w);
	if (w->m.wrong[0])
		return;
	world_cut(w);
	if (!w->over && !w->m.wrong[0] && world_rnd(w, 2))
		bind_tree(w);
	for (i = 0; i < 3 && !w->over && !w->m.wrong[0]; i++) {
		world_settle(w);
		world_learned(w);
	}
}

/* What may go wrong only with a tree that is durable, and images that are not: in one step, so that nothing comes between. */
static void hunt(struct world *w)
{
	if (world_rnd(w, 2)) {
		do_sync(w, true);
		if (w->m.wrong[0])
			return;
		world_learned(w);
	}
	if (w->m.wrong[0])
		return;
	switch (world_rnd(w, 4)) {
	case 0:
		world_relay(w);
		break;
	case 1:
		doubled(w);
		break;
	default:
		world_invert(w);
	}
}

/* Each step draws from its own number, so that a history with steps left out is still a history. */
void world_step(struct world *w, u64 step)
{
	bool bad = w->m.badr || w->m.badw || w->m.badcat;
	u32 what;

	w->step = step;
	w->rng = w->seed * 0x9e3779b97f4a7c15ull ^ step * 0xd1b54a32d192ed03ull;
	w->said[0] = 0;
	sim_random(&w->rng);
	what = world_rnd(w, 1000);
	if (what < 20 || step < 2)
		do_root_add(w);
	else if (what < 60)
		hunt(w);
	else if (bad ? world_rnd(w, 50) == 0 : what < 68)
		world_trouble(w);
	else if (what < 420)
		world_txn(w);
	else if (what < 460)
		world_txns(w);
	else if (what < 570)
		do_bind(w);
	else if (what < 640)
		do_unbind(w);
	else if (what < 720)
		do_store(w);
	else if (what < 770)
		do_io(w);
	else if (what < 800)
		do_read(w);
	else if (what < 930)
		do_write(w);
	else if (what < 955)
		do_flush(w);
	else if (what < 967)
		do_sync(w, false);
	else if (what < 979)
		do_sync(w, true);
	else if (what < 986)
		do_root_del(w);
	else if (what < 990)
		world_reopen(w, world_rnd(w, M_ENVS));
	else if (what < 991)
		world_flush_fails(w);
	else if (what < 994)
		world_reattach(w);
	else if (what < 998)
		world_cut(w);
	if (!w->m.wrong[0])
		world_learn(w, OP_OTHER);
	if (!w->m.wrong[0] && !(w->over && what >= 979 && what < 986)) /* see do_root_del */
		world_compare(w);
	world_log(w);
}
