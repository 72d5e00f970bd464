// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * medium.c: what the device holds, and may hold after a power cut: per block the last durable image and the last
 * written one. A power cut leaves either, each block by itself, and each sector by itself where sectors may be torn.
 * After every single write the three rules are asked of all that may be found:
 *
 *  1, 2  every pointer that may be found, from a root that may be found, leads to a block that was durably written
 * since it was allocated, and that is still the same allocation. 3     what a durable root leads to in any case, and
 * nobody freed since, is still led to, in any case.
 */
#include <string.h>
#include "model.h"

#define OLD 1u
#define NOW 2u

/* ---- the root catalogue, as kmod/doc/format.md has it ---- */

#define NAME_AT 8u

static u64 get(const u8 *s, u32 at, u32 bytes)
{
	u64 v = 0;

	while (bytes--)
		v = v << 8 | s[at + bytes];
	return v;
}

bool m_entry_get(const u8 *s, struct m_root *r)
{
	static const u8 none[EXO_SECTOR_SIZE];

	if (!memcmp(s, none, sizeof(none)))
		return false;
	memcpy(r->name, s + NAME_AT, EXO_NAME_MAX);
	r->owner = (u32)get(s, 56 + 32, 4) ? (u32)get(s, 60, 4) : 0; /* depth; then the uid */
	r->start = get(s, 96, 8);
	r->count = get(s, 104, 8);
	r->quota = get(s, 112, 8);
	r->kind = (u32)get(s, 128, 4); /* template; the caller knows the kind */
	r->flags = (u32)get(s, 132, 4);
	return true;
}

static void entry_set(struct model *m, u32 slot, const u8 *sector)
{
	struct m_entry *e = &m->r[slot].now;
	struct m_root r;
	u32 i;

	if (!memcmp(e->sector, sector, EXO_SECTOR_SIZE)) {
		/* The end of a root that was never written looks like nothing. */
		if (m->r[slot].dying && !e->there && (m->syncing == EXO_NOROOT || m->syncing == slot)) {
			m->r[slot].pending = true;
			m->r[slot].submitted = ++m->clock;
		}
		return;
	}
	memcpy(e->sector, sector, EXO_SECTOR_SIZE);
	e->there = m_entry_get(sector, &r);
	m->r[slot].pending = true;
	m->r[slot].submitted = ++m->clock;
	if (!e->there)
		return;
	e->temporary = r.flags & EXO_ROOT_TEMPORARY;
	e->blocks = m_mask(r.start, r.count);
	e->kind = m_kind(m, r.kind);
	for (i = 0; i < M_BLOCKS; i++) {
		e->life[i] = m->b[i].life;
		if (e->blocks & m_bit(i))
			m->b[i].pointed = true;
	}
}

/* ---- what may be found ---- */

/* Which image of a partition counts: OLD, NOW or both. */
typedef u32 (*pick_fn)(const struct model *m, u64 salt, u32 x, u32 part);

static u32 pick_old(const struct model *m, u64 salt, u32 x, u32 part)
{
	return OLD;
}

static u32 pick_now(const struct model *m, u64 salt, u32 x, u32 part)
{
	return NOW;
}

static u32 pick_both(const struct model *m, u64 salt, u32 x, u32 part)
{
	return OLD | NOW;
}

static u32 pick_some(const struct model *m, u64 salt, u32 x, u32 part)
{
	u64 v = (salt ^ x * 0x9e3779b97f4a7c15ull) * 0xbf58476d1ce4e5b9ull;

	if (m->tears)
		v = (v ^ part * 0x94d049bb133111ebull) * 0xbf58476d1ce4e5b9ull;
	return v >> 40 & 1 ? OLD : NOW;
}

struct found {
	u64 seen, meta, done; /* blocks; of them, metadata; followed */
};

static void look(struct model *m, struct found *f, u64 blocks, bool meta, const u32 *life, bool check, u32 by)
{
	u32 x;

	f->seen |= blocks;
	if (meta)
		f->meta |= blocks;
	for (x = 0; check && x < M_BLOCKS; x++) {
		const struct m_block *b = &m->b[x];

		if (!(blocks & m_bit(x)))
			continue;
		if (b->state == M_FREE || b->life != life[x])
			m_wrong(m, "rule 2: block %u, %s, may still be pointed at by %u", x + M_BASE,
				b->state == M_FREE ? "free" : "allocated anew", by);
		else if (b->raw)
			m_wrong(m, "rule 1: block %u%s is not durable and may be pointed at by %u", x + M_BASE,
				b->state == M_OWNED ? "" : ", freed since,", by);
	}
}

static void image(struct model *m, struct found *f, u32 x, u32 p, const struct m_image *i, bool check)
{
	u32 k;

	for (k = 0; k < M_KINDS; k++)
		look(m, f, i->part[p].own[k], k != 0, i->life[p], check, x + M_BASE);
}

static u64 find(struct model *m, pick_fn pick, u64 salt, bool check)
{
	struct found f = {0, 0, 0};
	u32 i, p, which;

	for (i = 0; i < M_ROOTS; i++) {
		const struct m_root *r = &m->r[i];

		which = pick(m, salt, 1000 + i, 0);
		if ((which & OLD) && r->old.there && !r->old.temporary)
			look(m, &f, r->old.blocks, r->old.kind, r->old.life, check, i);
		if ((which & NOW) && r->now.there && !r->now.temporary)
			look(m, &f, r->now.blocks, r->now.kind, r->now.life, check, i);
	}
	while (f.meta & ~f.done) {
		u32 x = (u32)__builtin_ctzll(f.meta & ~f.done);

		f.done |= m_bit(x);
		for (p = 0; p < M_PARTS; p++) {
			which = pick(m, salt, x, p);
			if (which & OLD)
				image(m, &f, x, p, &m->b[x].old, check);
			if (which & NOW)
				image(m, &f, x, p, &m->b[x].now, check);
		}
	}
	return f.seen;
}

static bool has_name(const struct m_entry *e)
{
	return e->there && !e->temporary;
}

/* A deleted root and a new one of its name: one of them at most may be found. */
static void names(struct model *m)
{
	u32 i, k, n;

	for (i = 0; i < M_ROOTS; i++) {
		for (k = 0; k < i; k++) {
			const struct m_entry *e[4] = {&m->r[i].old, &m->r[i].now, &m->r[k].old, &m->r[k].now};

			for (n = 0; n < 4; n++)
				if (has_name(e[n & 1]) && has_name(e[2 + n / 2]) &&
				    !memcmp(e[n & 1]->sector + NAME_AT, e[2 + n / 2]->sector + NAME_AT, EXO_NAME_MAX))
					m_wrong(m, "roots %u and %u may be found with one name", i, k);
		}
	}
}

static void rules(struct model *m)
{
	u64 keep = 0, salt = m_random(m), lost;
	u32 x;

	names(m);

	find(m, pick_both, 0, true);
	for (x = 0; x < M_BLOCKS; x++)
		if (m->b[x].state == M_OWNED && m->b[x].attached)
			keep |= m_bit(x);
	if (m->loop)
		return;
	lost = keep & ~(find(m, pick_old, 0, false) & find(m, pick_now, 0, false) & find(m, pick_some, salt, false));
	if (lost)
		m_wrong(m, "rule 3: block %u may be lost", (u32)__builtin_ctzll(lost) + M_BASE);
}

bool m_may_be_free(struct model *m, u32 x)
{
	return !(find(m, pick_both, 0, false) & m_bit(x));
}

/* ---- writes and flushes, one by one ---- */

static void durable(struct model *m)
{
	u32 i;

	for (i = 0; i < M_BLOCKS; i++) {
		struct m_block *b = &m->b[i];

		if (!b->pending)
			continue;
		b->pending = b->raw = false;
		b->old = b->now;
		if (!b->counts)
			continue;
		b->counts = b->uninit = b->maybe = false;
		b->durable = b->submitted;
	}
	for (i = 0; i < M_ROOTS; i++) {
		struct m_root *r = &m->r[i];

		if (!r->pending)
			continue;
		r->pending = false;
		r->old = r->now;
		r->durable = r->submitted;
	}
}

/* Without a volatile cache what a request wrote is durable when it has ended. */
static void request_over(struct model *m, u64 request)
{
	if (!m->vol && m->request != request)
		durable(m);
	m->request = request;
}

static void block_written(struct model *m, u32 x, u32 first, u32 sectors, const u8 *data)
{
	struct m_block *b = &m->b[x];
	u32 p, i, size = m->size[b->kind], why;
	bool fails = m->badw & m_bit(x), part = m->badw && !b->core && b->uninit && m->syncing != M_NO_SYNC;

	if (b->state != M_OWNED)
		m_wrong(m, "block %u is written and nobody's", x + M_BASE);
	else if ((!fails || b->kind) && memcmp(b->mem + first * EXO_SECTOR_SIZE, data, sectors * EXO_SECTOR_SIZE))
		m_wrong(m, "block %u is written with other bytes than it has in core", x + M_BASE);
	m_order_written(m, x);
	b->pending = true;
	b->maybe |= part;
	b->counts |= !fails && !part;
	if (!fails && !part && sectors == EXO_BLOCK_SIZE / EXO_SECTOR_SIZE) {
		b->submitted = ++m->clock;
		b->blank = b->dirty = false;
	}
	for (p = 0; p < M_PARTS; p++) {
		u32 at = p * size - first * EXO_SECTOR_SIZE;

		if (!b->kind || b->state != M_OWNED || p >= m_parts(m, b->kind)) {
			memset(&b->now.part[p], 0, sizeof(b->now.part[p]));
			continue;
		}
		if (p * size < first * EXO_SECTOR_SIZE || (p + 1) * size > (first + sectors) * EXO_SECTOR_SIZE)
			continue;
		why = m_parse(m, b->kind, data + at, &b->now.part[p]);
		if (why)
			m_wrong(m, "block %u was written malformed (%u)", x + M_BASE, why);
		for (i = 0; i < M_BLOCKS; i++) {
			b->now.life[p][i] = m->b[i].life;
			if (m_all(&b->now.part[p]) & m_bit(i))
				m->b[i].pointed = true;
		}
	}
}

void m_disk_write(struct model *m, u64 request, bool fua, u64 block, u32 first, u32 sectors, const u8 *data)
{
	u32 s, slot;

	request_over(m, request);
	if (m_here(block)) {
		u32 x = (u32)(block - M_BASE);

		block_written(m, x, first, sectors, data);
		if (fua && !(m->badw & m_bit(x))) {
			m->b[x].pending = m->b[x].counts = m->b[x].uninit = m->b[x].maybe = m->b[x].raw = false;
			m->b[x].old = m->b[x].now;
			m->b[x].durable = m->b[x].submitted;
		}
	} else if (block >= M_CATALOGUE && block < M_CATALOGUE + EXO_MAX_ROOTS / 8) {
		for (s = first; s < first + sectors; s++) {
			slot = (u32)(block - M_CATALOGUE) * 8 + s;
			if (slot < M_ROOTS)
				entry_set(m, slot, data + (s - first) * EXO_SECTOR_SIZE);
		}
	} else {
		return;
	}
	rules(m);
}

/*
 * Whether a write to a bad block was tried is not to be seen, unless it was carried out all the same. What its image names counts as
 * pointed at.
 */
void m_write_failed(struct model *m)
{
	u32 x, i, p;

	for (x = 0; x < M_BLOCKS; x++)
		m->b[x].error |= (m->badw & m_bit(x)) && m->b[x].dirty;
	for (x = 0; x < M_BLOCKS; x++)
		for (p = 0; p < M_PARTS; p++)
			for (i = 0; i < M_BLOCKS; i++)
				if ((m->badw & m_bit(x)) && m->b[x].dirty && (m_all(&m->b[x].part[p]) & m_bit(i)))
					m->b[i].pointed = true;
	m->vague |= m->badcat;
}

void m_disk_flush(struct model *m, bool counts)
{
	durable(m);
	m->early = !counts;
	rules(m);
}

void m_disk_end(struct model *m)
{
	u64 sure;
	u32 x, r;

	if (!m->vol)
		durable(m);
	for (r = 0; r < M_ROOTS; r++)
		if (m->r[r].used && m->r[r].dying && !m->r[r].now.there && !m->r[r].pending &&
		    m->r[r].durable > m->r[r].ended)
			memset(&m->r[r], 0, offsetof(struct m_root, submitted)); /* stamps go on */
	m_settle(m);
	rules(m);
	sure = find(m, pick_old, 0, false);
	for (x = 0; x < M_BLOCKS; x++)
		if (m->b[x].state == M_OWNED && (sure & m_bit(x)) && !(m->r[m->b[x].root].flags & EXO_ROOT_TEMPORARY))
			m->b[x].attached = true;
}

/* ---- attach: the image decides, whatever was in core ---- */

static void claim(struct model *m, u64 blocks, u32 kind, u32 root, bool *crossed)
{
	u32 x;

	for (x = 0; x < M_BLOCKS; x++) {
		struct m_block *b = &m->b[x];

		if (!(blocks & m_bit(x)))
			continue;
		m->r[root].owns++;
		if (b->owners++) {
			*crossed |= kind != b->kind || (kind && root != b->root);
			continue;
		}
		b->state = M_OWNED;
		b->kind = kind;
		b->root = root;
	}
}

static void blocks_reset(struct model *m)
{
	u32 x;

	for (x = 0; x < M_BLOCKS; x++) {
		struct m_block *b = &m->b[x];

		b->state = M_FREE;
		b->kind = b->root = b->owners = 0;
		b->uninit = b->maybe = b->blank = b->raw = b->pending = b->counts = b->attached = false;
		b->core = b->known = b->dirty = false;
		b->submitted = b->durable = ++m->clock;
		b->version = 0;
		memset(b->part, 0, sizeof(b->part));
	}
	m->nwait = m->nleft = m->norder = 0;
	m->early = m->loop = m->overflow = m->vague = m->badcat = false;
	m->badr = m->badw = 0;
	memset(m->bind, 0, sizeof(m->bind));
}

static void roots_read(struct model *m, void (*read)(void *ctx, u64 block, u8 *to), void *ctx)
{
	u8 cat[EXO_BLOCK_SIZE];
	u32 i;

	for (i = 0; i < M_ROOTS; i++) {
		struct m_root *r = &m->r[i];
		u64 stamp = ++m->clock;
		const u8 *s = cat + i % 8 * EXO_SECTOR_SIZE;

		if (i % 8 == 0)
			read(ctx, M_CATALOGUE + i / 8, cat);
		memset(r, 0, sizeof(*r));
		r->submitted = r->durable = stamp;
		r->used = m_entry_get(s, r);
		memcpy(r->now.sector, s, EXO_SECTOR_SIZE);
		if (!r->used)
			continue;
		r->owner = r->owner ? r->owner - 999 : 0; /* uids 1000 and 1001 */
		r->kind = m_kind(m, r->kind);
		r->dying = r->flags & EXO_ROOT_TEMPORARY;
		r->now.there = true;
		r->now.temporary = r->dying;
		r->now.blocks = m_mask(r->start, r->count);
		r->now.kind = r->kind;
	}
}

void m_attach(struct model *m, void (*read)(void *ctx, u64 block, u8 *to), void *ctx, bool *crossed)
{
	u64 keep = 0, done = 0;
	u32 i, p, k, x;
	bool again = true;

	*crossed = false;
	for (x = 0; x < M_BLOCKS; x++)
		if (m->b[x].state == M_OWNED && m->b[x].attached && !m->loop)
			keep |= m_bit(x);
	blocks_reset(m);
	roots_read(m, read, ctx);
	for (x = 0; x < M_BLOCKS; x++)
		read(ctx, x + M_BASE, m->b[x].mem);
	for (i = 0; i < M_ROOTS; i++)
		if (m->r[i].used && !m->r[i].dying)
			claim(m, m->r[i].now.blocks, m->r[i].kind, i, crossed);
	while (again) {
		again = false;
		for (x = 0; x < M_BLOCKS; x++) {
			struct m_block *b = &m->b[x];

			if (b->state != M_OWNED || !b->kind || (done & m_bit(x)))
				continue;
			again = true;
			done |= m_bit(x);
			m_parse_block(m, x);
			for (p = 0; p < M_PARTS; p++)
				for (k = 0; k < M_KINDS; k++)
					claim(m, b->part[p].own[k], k, b->root, crossed);
		}
	}
	for (x = 0; x < M_BLOCKS; x++) {
		struct m_block *b = &m->b[x];

		if ((keep & m_bit(x)) && b->state != M_OWNED)
			m_wrong(m, "rule 3: block %u was durable and is lost", x + M_BASE);
		b->pointed = b->state == M_OWNED;
		memcpy(b->now.part, b->part, sizeof(b->part));
		for (p = 0; p < M_PARTS; p++)
			for (i = 0; i < M_BLOCKS; i++)
				b->now.life[p][i] = m->b[i].life;
		b->old = b->now;
	}
	for (i = 0; i < M_ROOTS; i++) {
		for (x = 0; x < M_BLOCKS; x++)
			m->r[i].now.life[x] = m->b[x].life;
		m->r[i].old = m->r[i].now;
	}
	m_disk_end(m);
}
