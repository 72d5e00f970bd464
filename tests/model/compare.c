// SPDX-License-Identifier: GPL-2.0 OR MIT
/* compare.c: what the core shows in its mapped areas and its answers, against the model. */
#include <stdarg.h>
#include "world.h"

void world_say(struct world *w, const char *fmt, ...)
{
	size_t n = strlen(w->said);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(w->said + n, sizeof(w->said) - n, fmt, ap);
	va_end(ap);
}

/* The class of each reason, as exo.h's ladder has it. */
static int errno_of(u32 reason)
{
	switch (reason) {
	case EXO_R_RANGE:
	case EXO_R_DECL:
	case EXO_R_NOT_META:
	case EXO_R_FLAGS:
	case EXO_R_FRAME:
		return -EINVAL;
	case EXO_R_VERSION: /* EINVAL when the edits themselves disagree */
		return -ESTALE;
	case EXO_R_SLOT:
	case EXO_R_CAP:
		return -EACCES;
	case EXO_R_NO_ROOT:
	case EXO_R_NO_TEMPLATE:
	case EXO_R_NOT_IN_CORE:
		return -ENOENT;
	case EXO_R_ROOT_EXISTS:
		return -EEXIST;
	case EXO_R_ROOTS_FULL:
		return -ENOSPC;
	case EXO_R_QUOTA:
	case EXO_R_FRAME_LIMIT:
		return -EDQUOT;
	case EXO_R_IO:
	case EXO_R_DIRTY:
		return -EIO;
	case EXO_R_NO_FRAMES:
		return -ENOMEM;
	case EXO_R_UDF_REJECT:
	case EXO_R_UDF_CLAIM:
	case EXO_R_OVERLAP:
	case EXO_R_NOT_CONSERVED:
	case EXO_R_LEAVES:
	case EXO_R_STILL_OWNS:
	case EXO_R_NOT_CLAIMED:
	case EXO_R_META_WRITE:
	case EXO_R_ACL:
		return -EPERM;
	default:
		return -EBUSY;
	}
}

bool world_judge(struct world *w, const char *call, int err, u32 reason, const struct m_verdict *v)
{
	/* Between two of TXNS, and while BIND and IO look for frames, clean buffers may go unseen. */
	bool scarce = w->m.tight && (reason == EXO_R_NO_FRAMES || reason == EXO_R_FRAME_LIMIT ||
				     ((!call || !strcmp(call, "BIND") || !strcmp(call, "IO")) &&
				      reason == EXO_R_NOT_IN_CORE));
	char legal[120] = "";
	u32 i, n = 0;

	if (!err) {
		w->accepted++;
		if (v->refuse) {
			for (i = 0; i < 128 && n < 100; i++)
				if (v->legal[i])
					n += (u32)snprintf(legal + n, sizeof(legal) - n, " %u", i);
			m_wrong(&w->m, "%s was accepted; the model refuses it (%s )", call ? call : "one of TXNS",
				legal);
		}
		return true;
	}
	w->refused++;
	w->why[reason % 128]++;
	for (i = 0; i < M_BLOCKS; i++) /* whether that one must be read is not known */
		scarce |= reason == EXO_R_IO && w->m.b[i].maybe && (w->m.badr & m_bit(i));
	if (scarce)
		return false;
	if (reason >= 128 || !v->legal[reason]) {
		for (i = 0; i < 128 && n < 100; i++)
			if (v->legal[i])
				n += (u32)snprintf(legal + n, sizeof(legal) - n, " %u", i);
		m_wrong(&w->m, "%s was refused for %u (%d, detail %llu); the model %s%s", call ? call : "one of TXNS",
			reason, err, (unsigned long long)w->k[0].detail, v->refuse ? "refuses it for" : "accepts it",
			legal);
	} else if (call && err != errno_of(reason) && !(reason == EXO_R_VERSION && err == -EINVAL) &&
		   !(reason == EXO_R_STILL_OWNS && err == -EBUSY)) {
		m_wrong(&w->m, "%s: reason %u with errno %d", call, reason, -err);
	}
	return false;
}

void world_learn(struct world *w, enum world_op op)
{
	const struct sim_log *l;

	for (; (l = sim_log_at(w->k[0].disk, w->log)); w->log++) {
		if (w->m.wrong[0])
			return;
		if (l->op == SIM_LOG_FLUSH)
			m_disk_flush(&w->m, op != OP_WRITE || !w->m.vol);
		else
			m_disk_write(&w->m, l->request, l->op == EXO_OP_WRITE_FUA, l->block, l->first, l->sectors,
				     l->data);
	}
	if (w->m.badw || w->m.badcat)
		m_write_failed(&w->m);
	m_disk_end(&w->m);
}

void world_log(struct world *w)
{
	u32 i;

	if (w->log < 2000)
		return;
	for (i = 0; i < M_BLOCKS; i++)
		if (w->m.b[i].pending)
			return;
	for (i = 0; i < M_ROOTS; i++)
		if (w->m.r[i].pending)
			return;
	NEED(!sim_log_start(w->k[0].disk));
	w->log = 0;
}

static void read_disk(void *ctx, u64 block, u8 *to)
{
	sim_disk_peek(ctx, block, 0, to, EXO_BLOCK_SIZE);
}

void world_attached(struct world *w)
{
	struct kit *k = &w->k[0];
	bool crossed;
	void *base;
	size_t bytes;
	u32 i;

	for (i = 1; i < M_ENVS; i++) {
		w->k[i].d = k->d;
		w->k[i].disk = k->disk;
	}
	NEED(!exo_core_area_get(k->core, EXO_MAP_REGISTRY, &base, &bytes));
	exo_core_area_put(k->core, EXO_MAP_REGISTRY, base);
	w->reg = base;
	NEED(!exo_core_area_get(k->core, EXO_MAP_FREEMAP(k->d), &base, &bytes));
	exo_core_area_put(k->core, EXO_MAP_FREEMAP(k->d), base);
	w->map = base;
	w->m.first = w->map->first;
	w->m.last = w->map->blocks - 1;
	w->m.vol = w->flags & SIM_VOLATILE;
	w->m.tears = !(w->flags & SIM_SECTOR_4K);
	w->m.request = 0;
	w->m.syncing = M_NO_SYNC;
	NEED(!sim_log_start(k->disk));
	w->log = 0;
	m_attach(&w->m, read_disk, k->disk, &crossed);
	w->over = crossed;
}

static const struct exo_buf *buf(struct world *w, u64 block, u32 *frame)
{
	const u8 *base = (const u8 *)w->reg;
	const struct exo_buf *b = (const struct exo_buf *)(base + w->reg->bufs_off);
	const u32 *hash = (const u32 *)(base + w->reg->hash_off);
	u32 at, steps;

	at = hash[exo_hash(w->k[0].d, block) & (w->reg->buckets - 1)];
	for (steps = 0; at && steps <= w->reg->frames; at = b[at - 1].next, steps++) {
		if (b[at - 1].block != block || b[at - 1].disk != w->k[0].d)
			continue;
		*frame = at - 1;
		return &b[at - 1];
	}
	return NULL;
}

static void map(struct world *w)
{
	const u64 *bits = (const u64 *)((const u8 *)w->map + w->map->bits_off);
	u32 x, nfree = 0;

	for (x = 0; x < M_BLOCKS; x++) {
		struct m_block *b = &w->m.b[x];
		u64 at = x + M_BASE;
		bool is = bits[at / 64] >> (at % 64) & 1;

		if (b->state == M_WAIT && is) {
			if (!m_may_be_free(&w->m, x))
				m_wrong(&w->m, "rule 2: block %u is free and may still be pointed at", x + M_BASE);
			b->state = M_FREE;
		} else if (b->state == M_WAIT && m_must_be_free(&w->m, x)) {
			m_wrong(&w->m, "block %u waits, and nothing on the medium names it", x + M_BASE);
		} else if (b->state != M_WAIT && is != (b->state == M_FREE)) {
			m_wrong(&w->m, "block %u is %s in the free map", x + M_BASE, is ? "free" : "not free");
		}
		nfree += b->state == M_FREE;
	}
	if (w->map->free != nfree + w->m.last - w->m.first - M_BLOCKS)
		m_wrong(&w->m, "the free map counts %llu", (unsigned long long)w->map->free);
}

static void one_buffer(struct world *w, u32 x, u64 versions)
{
	struct m_block *b = &w->m.b[x];
	u32 frame = 0, flags;
	const struct exo_buf *r = buf(w, x + M_BASE, &frame);

	if (!r && b->core && w->m.tight && !b->dirty && !m_refs(&w->m, x))
		b->core = b->known = false; /* reclaimed */
	if (r && b->core && w->m.tight && !b->dirty && !m_refs(&w->m, x) && b->version && r->version != b->version)
		b->core = false; /* reclaimed, and read again by the same call */
	if (r && !b->core && w->m.tight && !(r->flags & EXO_BUF_DIRTY) && !r->refs) {
		/* Read, or zeroes of a block that was never written, by a call that then found no frames. */
		b->core = true;
		b->known = !(r->flags & EXO_BUF_UNKNOWN);
		b->dirty = false;
		b->version = 0;
	}
	if (r && !b->core && b->maybe && b->blank) {
		b->blank = false; /* it did count */
		b->core = true;
		b->known = !(r->flags & EXO_BUF_UNKNOWN);
		b->version = 0;
	}
	if (r && b->core && b->blank && !b->dirty && (w->m.badw & m_bit(x)) && (r->flags & EXO_BUF_ERROR))
		b->dirty = b->error = true; /* zeroes that a SYNC wanted on the disk, and did not get there */
	if (!r != !b->core) {
		m_wrong(&w->m, "block %u is%s in core", x + M_BASE, r ? "" : " not");
		return;
	}
	if (!r)
		return;
	if (r->version & 1 || (b->version ? b->version != r->version : r->version <= versions))
		m_wrong(&w->m, "block %u has version %llu, was %llu, highest %llu", x + M_BASE,
			(unsigned long long)r->version, (unsigned long long)b->version, (unsigned long long)versions);
	b->version = r->version;
	if (r->version > w->m.versions)
		w->m.versions = r->version;
	flags = (b->dirty ? EXO_BUF_DIRTY : 0) | (b->known ? 0 : EXO_BUF_UNKNOWN) |
		(b->known && b->kind ? EXO_BUF_META : 0);
	b->error &= b->dirty;
	if (r->state != EXO_BUF_VALID || (r->flags & ~(b->dirty && b->error ? EXO_BUF_ERROR : 0u)) != flags)
		m_wrong(&w->m, "block %u: state %u, flags %x, should be %x", x + M_BASE, r->state, r->flags, flags);
	if (b->known && (r->template_id != w->m.tmpl[b->kind] || (r->root != b->root && b->owners < 2)))
		m_wrong(&w->m, "block %u: template %u, root %u", x + M_BASE, r->template_id, r->root);
	if (r->refs != m_refs(&w->m, x))
		m_wrong(&w->m, "block %u is bound %u times", x + M_BASE, r->refs);
	if (b->state == M_OWNED && (b->dirty || w->step % 8 == 0) &&
	    memcmp(exo_plat_frame(frame), b->mem, EXO_BLOCK_SIZE))
		m_wrong(&w->m, "block %u has other bytes in core", x + M_BASE);
}

static void info(struct world *w)
{
	struct exo_disk_info i = kit_info(&w->k[0]);
	u32 x, wait = 0, uninit = 0, pending = 0, dirty = 0, contested = 0, more = 0, maybe = 0;

	for (x = 0; x < M_BLOCKS; x++) {
		const struct m_block *b = &w->m.b[x];

		wait += b->state == M_WAIT;
		uninit += b->state == M_OWNED && b->uninit;
		pending += b->state == M_OWNED;
		maybe += b->state == M_OWNED && b->uninit && b->maybe;
		dirty += b->dirty;
		contested += b->owners > 1;
	}
	if (w->m.early)
		more = pending;
	if (i.out_waiting != wait)
		m_wrong(&w->m, "%llu blocks wait, should be %u", (unsigned long long)i.out_waiting, wait);
	if (i.out_uninit + maybe < uninit || i.out_uninit > uninit + more)
		m_wrong(&w->m, "%llu blocks are uninitialised, should be %u", (unsigned long long)i.out_uninit, uninit);
	if (i.out_dirty != dirty)
		m_wrong(&w->m, "%llu buffers are dirty, should be %u", (unsigned long long)i.out_dirty, dirty);
	if (i.out_contested != contested)
		m_wrong(&w->m, "%llu blocks are contested, should be %u", (unsigned long long)i.out_contested,
			contested);
	if (i.out_quarantined || i.out_held)
		m_wrong(&w->m, "%u roots are quarantined", i.out_quarantined);
}

static void roots(struct world *w)
{
	u32 r;

	for (r = 0; r < M_ROOTS; r++) {
		struct exo_root_get g = {.disk = w->k[0].d, .root = r};
		const struct m_root *o = &w->m.r[r];
		int err = CALL(&w->k[0], EXO_NR_ROOT_GET, g);
		bool live = o->used && !o->dying;

		if (err ? err != -ENOENT || live : !live)
			m_wrong(&w->m, "root %u: ROOT_GET gave %d", r, err);
		else if (live && (g.out_used != o->owns || g.out_start != o->start || g.out_count != o->count ||
				  g.out_quota != o->quota || g.out_template != w->m.tmpl[o->kind] ||
				  g.out_flags != o->flags || memcmp(g.name, o->name, EXO_NAME_MAX)))
			m_wrong(&w->m, "root %u: used %llu, should be %llu", r, (unsigned long long)g.out_used,
				(unsigned long long)o->owns);
	}
}

void world_compare(struct world *w)
{
	u64 versions = w->m.versions;
	u32 x;

	map(w);
	for (x = 0; x < M_BLOCKS; x++)
		one_buffer(w, x, versions);
	info(w);
	if (w->step % 8 == 0)
		roots(w);
}
