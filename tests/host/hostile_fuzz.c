// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * hostile_fuzz.c [SEED [STEPS]]: every call, from three envs of three users, its struct filled so that it would often work and with
 * some members changed to what an attacker would try. Memory, devices and user addresses fail now and then. After every batch
 * the core's books must add up, and in the end everything is given back. In every second run all are plain users without public
 * roots: there nobody ever sees a word that another user stored, or that lay on the disk before.
 */
#include <sys/mman.h>
#include "../../kmod/core/internal.h"
#include "core_kit.h"

#define FRAMES 192
#define BLOCKS 6144
#define AREA0 1060u	/* transactions happen here, so that blocks meet again */
#define AREA 160u
#define BATCH 256
#define ENVS 4

struct fuzz {
	struct kit k;	/* the administrator: never closed */
	struct kit u[ENVS];
	bool open[ENVS];
	u64 rng;
	struct exo_ioreq *flying[8];
	u64 seed, at;
	u64 ok[EXO_NR_MAX + 1], no[EXO_NR_MAX + 1], why[128];	/* why: TXN's refusals */
	bool strict;	/* plain users, no public roots */
	bool meta[FRAMES]; /* its buffer is metadata, or was when its block went from under it */
	bool quarantined;	/* some root was: use counts need not add up any more */
};

#define SCRATCH 65536u
static u8 *scratch;	/* what user addresses point at; no memory behind it */
static u8 args[65536] __attribute__((aligned(8)));
static struct exo_io flying_io[8];
static u32 flying_frames[8][4];

static struct exo_cred creds[ENVS] = { { .uid = 1000 }, { .uid = 1001 }, { .uid = 1000 } };	/* the last: see run */

static u64 rnd(struct fuzz *f, u64 n)
{
	return sim_random(&f->rng) % n;
}

static bool often(struct fuzz *f)
{
	return rnd(f, 100) < 96;
}

static u64 block_like(struct fuzz *f)
{
	return AREA0 + rnd(f, AREA);
}

/* A number as an attacker would choose it. */
static u64 odd(struct fuzz *f)
{
	static const u64 edge[] = { 0, 1, 2, 7, 8, 63, 64, 127, 128, 255, 256, 511, 512, 1023, 1024, 1025, 4095, 4096, 4097,
				    BLOCKS - 1, BLOCKS, BLOCKS + 1, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000,
				    1ull << 40, 1ull << 52, 1ull << 63, ~0ull, ~0ull - 1, ~0ull - 4095 };

	switch (rnd(f, 4)) {
	case 0:
		return sim_random(&f->rng);
	case 1:
		return block_like(f);
	default:
		return edge[rnd(f, sizeof(edge) / sizeof(*edge))];
	}
}

static u64 user(struct fuzz *f, const void *p)
{
	switch (rnd(f, 200)) {
	case 0:
		return 0;
	case 1:
		return odd(f);
	case 2:
		return (uintptr_t)(scratch + SCRATCH - 8);
	case 3:
		return (uintptr_t)sim_pool(f->k.senv) + rnd(f, FRAMES) * 4096;
	case 4:
		return (uintptr_t)args;	/* the struct itself */
	default:
		return (uintptr_t)p;
	}
}

static u32 root_like(struct fuzz *f)
{
	return often(f) ? (u32)rnd(f, 12) : (u32)odd(f);
}

/* A block that is metadata in core, with its version; or any block. */
static u64 node_like(struct fuzz *f, u64 *version)
{
	struct exo_core *c = f->k.core;
	u32 i, at = (u32)rnd(f, FRAMES);

	for (i = 0; i < FRAMES; i++, at = (at + 1) % FRAMES) {
		const struct exo_buf *b = &c->bufs[at];

		if (b->state == EXO_BUF_VALID && (b->flags & EXO_BUF_META) && b->disk == f->k.d) {
			*version = b->version;
			return b->block;
		}
	}
	*version = odd(f);
	return block_like(f);
}

/* A claim that some metadata in core makes, or none: parent EXO_NOBLOCK is a root's own. */
static struct exo_claim claim_like(struct fuzz *f, u64 *parent, u32 *index, u32 *root)
{
	struct exo_disk *d = f->k.core->disks[f->k.d];
	struct exo_claim c = { 0 };
	u64 v;
	u32 tries;

	*root = root_like(f);
	*index = 0;
	*parent = EXO_NOBLOCK;
	if (rnd(f, 3) == 0 && *root < EXO_MAX_ROOTS && d->roots[*root].state == EXO_ROOT_LIVE) {
		const struct exo_root_head *h = &d->roots[*root].h;

		return (struct exo_claim){ h->start, h->count, h->tmpl, 0 };
	}
	for (tries = 0; tries < 30; tries++) {
		const struct slot *s;

		*parent = node_like(f, &v);
		*index = (u32)rnd(f, PARTS);
		if (kit_frame(&f->k, *parent) == EXO_NOFRAME)
			continue;
		s = kit_slot(&f->k, *parent, *index, (u32)rnd(f, 3));
		if (s->count)
			return (struct exo_claim){ s->start, s->count, s->ref ? f->k.tmpl : 0, 0 };
	}
	c.start = block_like(f);
	c.count = 1 + rnd(f, 4);
	c.template_id = rnd(f, 2) ? f->k.tmpl : 0;
	return c;
}

/* What a TXNS points at: as many structs as it may name, as far apart as they may be. */
static union {
	struct exo_txn first;
	u8 room[EXO_MAX_TXNS * 4096];
} in_txns;

static void fill_txn(struct fuzz *f, struct exo_txn *q)
{
	static struct txn t;
	struct exo_disk *d = f->k.core->disks[f->k.d];
	u32 i, n = 1 + (u32)rnd(f, 4);

	memset(&t, 0, sizeof(t));
	for (i = 0; i < n; i++) {
		struct slot s = { 0 }, was = { 0 };
		u64 v, node = node_like(f, &v);
		u32 part = (u32)rnd(f, PARTS), at = (u32)rnd(f, 3);

		if (kit_frame(&f->k, node) != EXO_NOFRAME)
			was = *kit_slot(&f->k, node, part, at);
		switch (was.count && rnd(f, 2) ? 1 + rnd(f, 2) : 0) {
		case 0:
			s.start = block_like(f);
			s.count = rnd(f, 3) ? 1 : (u32)rnd(f, 5);
			s.ref = rnd(f, 3) == 0;
			if (often(f) && s.count)
				txn_decl(&t, EXO_DECL_ALLOC, s.ref ? f->k.tmpl : 0, s.start, s.count);
			if (was.count && often(f))
				txn_decl(&t, EXO_DECL_FREE, was.ref ? f->k.tmpl : 0, was.start, was.count);
			/* what is new gets something to own in the same breath */
			if (s.ref && s.count && rnd(f, 3) == 0) {
				struct slot kid = { block_like(f), 1, rnd(f, 2), 0, 0 };

				txn_slot(&t, s.start, EXO_VERSION_NEW, (u32)rnd(f, PARTS), 0, kid);
				txn_decl(&t, EXO_DECL_ALLOC, kid.ref ? f->k.tmpl : 0, kid.start, kid.count);
			}
			break;
		case 1:
			if (often(f))
				txn_decl(&t, EXO_DECL_FREE, was.ref ? f->k.tmpl : 0, was.start, was.count);
			break;
		case 2: {
			u64 v2, to = node_like(f, &v2);

			txn_slot(&t, to, v2, (u32)rnd(f, PARTS), (u32)rnd(f, 3), was);
			if (often(f))
				txn_decl(&t, EXO_DECL_MOVE, was.ref ? f->k.tmpl : 0, was.start, was.count);
			break;
		}
		}
		if (!often(f))
			s.start = odd(f);
		if (!often(f))
			s.count = (u32)odd(f);
		if (!often(f))
			s.ref = (u32)odd(f);
		txn_slot(&t, node, often(f) ? v : odd(f), part, at, s);
	}
	if (rnd(f, 40) == 0)
		t.edits[rnd(f, t.n)].offset = (u32)odd(f);
	if (rnd(f, 40) == 0)
		t.edits[rnd(f, t.n)].len = (u32)odd(f);
	if (rnd(f, 40) == 0)
		t.edits[rnd(f, t.n)].bytes = user(f, scratch);
	if (t.nd && rnd(f, 40) == 0)
		t.decls[rnd(f, t.nd)].op = (u32)odd(f);
	if (t.nd && rnd(f, 40) == 0)
		t.decls[rnd(f, t.nd)].count = odd(f);
	(void)d;
	q->nedits = t.n;
	q->ndecls = t.nd;
	q->edits = user(f, t.edits);
	q->decls = user(f, t.decls);
	q->versions = user(f, scratch);
	q->ranges = user(f, scratch + 4096);
	q->ranges_room = 64;
}

static void fill_run(struct fuzz *f, u64 *runs, u32 *n)
{
	struct exo_run *r = (struct exo_run *)scratch;
	u32 i;

	*n = 1 + (u32)rnd(f, 3);
	for (i = 0; i < *n; i++) {
		r[i].start = often(f) ? block_like(f) : odd(f);
		r[i].count = often(f) ? 1 + rnd(f, 6) : odd(f);
	}
	*runs = user(f, r);
}

/* Frame numbers of which some are this env's. */
static u64 fill_frames(struct fuzz *f, u32 e, u32 want, u32 *count)
{
	u32 *n = (u32 *)(scratch + 8192), i, k = 0, at = (u32)rnd(f, FRAMES), room = 1 + (u32)rnd(f, 4);

	for (i = 0; i < FRAMES && k < room; i++, at = (at + 1) % FRAMES)
		if (f->u[e].e->grants[at] & want)
			n[k++] = at;
	while (k < room)
		n[k++] = (u32)rnd(f, FRAMES);
	if (!often(f))
		n[rnd(f, k)] = (u32)odd(f);
	if (rnd(f, 30) == 0)
		n[0] = n[k - 1];
	*count = k;
	return user(f, n);
}

static size_t fill(struct fuzz *f, u32 nr, u32 e)
{
	union {
		struct exo_txn txn;
		struct exo_txns txns;
		struct exo_bind bind;
		struct exo_io io;
		struct exo_io_bind iobind;
		struct exo_io_unbind iounbind;
		struct exo_unbind unbind;
		struct exo_read read;
		struct exo_write write;
		struct exo_sync sync;
		struct exo_flush flush;
		struct exo_root_add add;
		struct exo_root_del del;
		struct exo_root_get get;
		struct exo_template_add tadd;
		struct exo_template_del tdel;
		struct exo_template_get tget;
		struct exo_frame_alloc fa;
		struct exo_cap_list caps;
		struct exo_contested con;
		struct exo_user_words words;
		struct exo_disk_info info;
		struct exo_query query;
	} *q = (void *)args;
	static u64 insns[256];
	u32 rights;

	memset(args, 0, 1024);
	switch (nr) {
	case EXO_NR_TXNS:
		/* Its structs are read like a TXN's; here it is one, and now and then more than there are. */
		memset(&in_txns, 0, sizeof(in_txns));
		in_txns.first.head.size = often(f) ? sizeof(in_txns.first) : (u32)odd(f);
		in_txns.first.disk = f->k.d;
		fill_txn(f, &in_txns.first);
		q->txns.txns = user(f, &in_txns);
		q->txns.count = often(f) ? 1 : (u32)odd(f);
		q->txns.txn_size = often(f) ? sizeof(in_txns.first) : (u32)odd(f);
		return sizeof(q->txns);
	case EXO_NR_TXN:
		q->txn.disk = f->k.d;
		fill_txn(f, &q->txn);
		return sizeof(q->txn);
	case EXO_NR_BIND:
	case EXO_NR_IO:
		rights = rnd(f, 2) ? EXO_RIGHT_ALL : EXO_RIGHT_READ;
		if (nr == EXO_NR_IO) {
			q->io.disk = f->k.d;
			q->io.claim = claim_like(f, &q->io.parent, &q->io.index, &q->io.root);
			q->io.first = often(f) ? q->io.claim.start : block_like(f);
			q->io.frames = fill_frames(f, e, EXO_GRANT_PRIVATE, &q->io.count);
			if (often(f) && q->io.count > q->io.claim.count)
				q->io.count = (u32)q->io.claim.count;
			q->io.head.flags = (rights & EXO_RIGHT_WRITE ? EXO_IO_WRITE : 0) | (rnd(f, 4) ? 0 : EXO_IO_FUA);
			if (!rnd(f, 3)) {
				/* A few numbers, so that many name a binding; it may be of another claim. */
				q->io.head.flags |= EXO_IO_BOUND;
				q->io.index = often(f) ? 1 + (u32)rnd(f, 8) : (u32)odd(f);
				if (often(f)) {
					q->io.disk = q->io.root = 0;
					q->io.parent = 0;
					memset(&q->io.claim, 0, sizeof(q->io.claim));
				}
			}
			return sizeof(q->io);
		}
		q->bind.disk = f->k.d;
		q->bind.claim = claim_like(f, &q->bind.parent, &q->bind.index, &q->bind.root);
		q->bind.first = often(f) ? q->bind.claim.start : block_like(f);
		q->bind.count = often(f) ? (u32)q->bind.claim.count : 1 + (u32)rnd(f, 4);
		q->bind.rights = q->bind.claim.template_id ? EXO_RIGHT_READ : rights;
		q->bind.frames = user(f, scratch);
		q->bind.head.flags = (u32)(rnd(f, 4) ? 0 : rnd(f, 4));
		return sizeof(q->bind);
	case EXO_NR_IO_BIND:
		q->iobind.disk = f->k.d;
		q->iobind.claim = claim_like(f, &q->iobind.parent, &q->iobind.index, &q->iobind.root);
		q->iobind.rights = often(f) ? (rnd(f, 2) ? EXO_RIGHT_ALL : EXO_RIGHT_READ) : (u32)odd(f);
		return sizeof(q->iobind);
	case EXO_NR_IO_UNBIND:
		q->iounbind.binding = often(f) ? 1 + (u32)rnd(f, 8) : (u32)odd(f);
		return sizeof(q->iounbind);
	case EXO_NR_UNBIND:
	case EXO_NR_FRAME_FREE:
		q->unbind.frames = fill_frames(f, e, nr == EXO_NR_UNBIND ? EXO_GRANT_READ : EXO_GRANT_PRIVATE, &q->unbind.count);
		return sizeof(q->unbind);
	case EXO_NR_FRAME_ALLOC:
		q->fa.head.flags = rnd(f, 4) ? EXO_FRAME_ANY : 0;
		q->fa.frames = fill_frames(f, e, 0, &q->fa.count);
		return sizeof(q->fa);
	case EXO_NR_READ:
		q->read.disk = f->k.d;
		fill_run(f, (u64 *)&q->read.runs, &q->read.nruns);
		return sizeof(q->read);
	case EXO_NR_WRITE:
		q->write.disk = f->k.d;
		fill_run(f, (u64 *)&q->write.runs, &q->write.nruns);
		q->write.ranges = user(f, scratch + 4096);
		q->write.ranges_room = 16;
		return sizeof(q->write);
	case EXO_NR_SYNC:
		q->sync.disk = f->k.d;
		q->sync.root = rnd(f, 2) ? EXO_NOROOT : root_like(f);
		return sizeof(q->sync);
	case EXO_NR_FLUSH:
		q->flush.disk = f->k.d;
		return sizeof(q->flush);
	case EXO_NR_ROOT_ADD:
		q->add.disk = f->k.d;
		snprintf(q->add.name, sizeof(q->add.name), "r%u", (u32)rnd(f, 12));
		q->add.start = rnd(f, 2) ? EXO_NOBLOCK : block_like(f);
		q->add.count = 1 + rnd(f, 3);
		q->add.quota = rnd(f, 3) ? 0 : 8 + rnd(f, 40);
		q->add.template_id = rnd(f, 4) ? f->k.tmpl : 0;
		q->add.root_flags = rnd(f, 4) || f->strict ? 0 : EXO_ROOT_PUBLIC_READ;
		return sizeof(q->add);
	case EXO_NR_ROOT_DEL:
		q->del.disk = f->k.d;
		q->del.root = root_like(f);
		return sizeof(q->del);
	case EXO_NR_ROOT_GET:
		q->get.disk = f->k.d;
		q->get.root = root_like(f);
		q->get.head.flags = (u32)rnd(f, 2);
		snprintf(q->get.name, sizeof(q->get.name), "r%u", (u32)rnd(f, 12));
		return sizeof(q->get);
	case EXO_NR_TEMPLATE_DEL:
		q->tdel.disk = f->k.d;
		q->tdel.template_id = often(f) ? (u32)rnd(f, 12) : (u32)odd(f);
		return sizeof(q->tdel);
	case EXO_NR_TEMPLATE_ADD:
		q->tadd.disk = f->k.d;
		q->tadd.ninsns = kit_program(insns);
		if (rnd(f, 3) == 0)
			insns[rnd(f, q->tadd.ninsns)] ^= 1ull << rnd(f, 64);
		snprintf(q->tadd.name, sizeof(q->tadd.name), "t%u", (u32)rnd(f, 3));
		q->tadd.partition = 512;
		q->tadd.insns = user(f, insns);
		q->tadd.log = rnd(f, 2) ? user(f, scratch) : 0;
		q->tadd.log_size = q->tadd.log ? 4096 : 0;
		if (rnd(f, 3) == 0) {
			q->tadd.nrefs = 1;
			q->tadd.refs[0] = (u32)rnd(f, 5);
		}
		return sizeof(q->tadd);
	case EXO_NR_TEMPLATE_GET:
		q->tget.disk = f->k.d;
		q->tget.template_id = (u32)rnd(f, 5);
		q->tget.insns = user(f, scratch);
		q->tget.max_insns = (u32)rnd(f, 300);
		return sizeof(q->tget);
	case EXO_NR_CAP_LIST:
		q->caps.caps = user(f, scratch);
		q->caps.count = 1 + (u32)rnd(f, EXO_MAX_CAPS);
		return sizeof(q->caps);
	case EXO_NR_CONTESTED:
		q->con.disk = f->k.d;
		q->con.room = (u32)rnd(f, 100);
		q->con.ranges = user(f, scratch);
		return sizeof(q->con);
	case EXO_NR_USER_WORDS:
		q->words.frame = (u32)rnd(f, FRAMES);
		return sizeof(q->words);
	case EXO_NR_DISK_INFO:
		q->info.disk = f->k.d;
		return sizeof(q->info);
	default:
		return sizeof(q->query);
	}
}

/* Versions, states and use of what is not this user's: the sum does not change by any call but those that anybody may make. */
static u64 others(struct fuzz *f, u32 e)
{
	struct exo_disk *d = f->k.core->disks[f->k.d];
	u64 sum = 0;
	u32 i;

	for (i = 0; i < EXO_MAX_ROOTS; i++)
		if (d->roots[i].state != EXO_ROOT_EMPTY && d->roots[i].h.owner.name[1] != creds[e].uid)
			sum = (sum ^ (d->roots[i].h.used << 8 | d->roots[i].state)) * 0x100000001b3ull + i;
	for (i = 0; i < FRAMES; i++) {
		const struct exo_buf *b = &f->k.core->bufs[i];

		if (b->state == EXO_BUF_VALID && (b->flags & EXO_BUF_META) && b->root < EXO_MAX_ROOTS &&
		    d->roots[b->root].h.owner.name[1] != creds[e].uid && (b->flags & EXO_BUF_DIRTY))
			sum = (sum ^ b->version) * 0x100000001b3ull + i;
	}
	return sum;
}

static void call(struct fuzz *f, u32 e)
{
	static const u8 pick[] = { EXO_NR_TXN, EXO_NR_TXN, EXO_NR_TXN, EXO_NR_TXN, EXO_NR_TXN, EXO_NR_TXN, EXO_NR_BIND,
				   EXO_NR_BIND, EXO_NR_BIND, EXO_NR_UNBIND, EXO_NR_UNBIND, EXO_NR_IO, EXO_NR_IO, EXO_NR_IO_BIND,
				   EXO_NR_FRAME_ALLOC, EXO_NR_FRAME_FREE, EXO_NR_READ, EXO_NR_WRITE, EXO_NR_WRITE,
				   EXO_NR_FLUSH, EXO_NR_ROOT_ADD, EXO_NR_SYNC };
	u32 nr = rnd(f, 4) ? pick[rnd(f, sizeof(pick))] : 1 + (u32)rnd(f, EXO_NR_MAX);
	struct exo_head *h = (void *)args;
	size_t size;
	u64 was;
	int err;

	/* These three have tests of their own; as administrator they would end the run. */
	if (nr == EXO_NR_FORMAT || nr == EXO_NR_ATTACH || nr == EXO_NR_DETACH) {
		if (creds[e].admin)
			return;
		size = 96;
		memset(args, 0, 1024);
	} else {
		/* a root's life is worth more than most calls */
		if (nr == EXO_NR_ROOT_DEL && rnd(f, 4))
			return;
		size = fill(f, nr, e);
	}
	h->size = (u32)size;
	while (rnd(f, 12) == 0) {
		u32 at = (u32)rnd(f, size / 4) * 4;
		u64 v = odd(f);

		if (rnd(f, 2) && at + 8 <= size)
			memcpy(args + (at & ~7u), &v, 8);
		else
			memcpy(args + at, &v, 4);
	}
	/* without the template of all its roots the rest would be refusals */
	if (nr == EXO_NR_TEMPLATE_DEL && ((struct exo_template_del *)(void *)args)->template_id == f->k.tmpl)
		return;
	if (rnd(f, 60) == 0)
		sim_alloc_fail(1 + rnd(f, 12));
	was = others(f, e);
	err = exo_call(f->u[e].e, nr, rnd(f, 500) ? (uintptr_t)args : odd(f));
	sim_alloc_fail(0);
	if (f->strict && (nr == EXO_NR_TXN || nr == EXO_NR_ROOT_ADD || nr == EXO_NR_ROOT_DEL || nr == EXO_NR_IO))
		CHECK_MSG(others(f, e) == was, "call %u of user %u changed another's, step %llu", nr, creds[e].uid,
			  (unsigned long long)f->at);
	if (err)
		f->no[nr]++;
	else
		f->ok[nr]++;
	if (nr == EXO_NR_TXN && err && h->out_reason < 128)
		f->why[h->out_reason]++;
	CHECK_MSG(err <= 0 && err > -4096, "call %u gave %d", nr, err);
	CHECK_MSG(err != -EACCES || !creds[e].admin || h->out_reason != EXO_R_ADMIN, "call %u", nr);
	if (nr == EXO_NR_FORMAT || nr == EXO_NR_ATTACH || nr == EXO_NR_DETACH)
		CHECK_MSG(err, "call %u of a plain user", nr);
}

/* The asynchronous half: a few transfers stay under way over other calls. */
static void fly(struct fuzz *f, u32 e)
{
	u32 i = (u32)rnd(f, 8);
	struct exo_io *q = &flying_io[i];

	if (f->flying[i]) {
		u64 bad = 0, why;
		int err = 0;

		if (f->flying[i]->nsegs)
			err = exo_plat_io(f->flying[i]->dev, f->flying[i]->op, f->flying[i]->segs, f->flying[i]->nsegs, &bad);
		exo_io_done(f->flying[i], err, bad, &why);
		f->flying[i] = NULL;
		return;
	}
	fill(f, EXO_NR_IO, e);
	memcpy(q, args, sizeof(*q));
	q->head.size = sizeof(*q);
	if (q->count > 4)
		q->count = 4;
	if (q->frames == (uintptr_t)(scratch + 8192)) {
		memcpy(flying_frames[i], scratch + 8192, sizeof(flying_frames[i]));
		q->frames = (uintptr_t)flying_frames[i];
	}
	if (exo_io_begin(f->u[e].e, (uintptr_t)q, &f->flying[i]))
		f->flying[i] = NULL;
}

static void land(struct fuzz *f)
{
	u32 i;
	u64 bad = 0, why;

	for (i = 0; i < 8; i++) {
		int err = 0;

		if (!f->flying[i])
			continue;
		if (f->flying[i]->nsegs)
			err = exo_plat_io(f->flying[i]->dev, f->flying[i]->op, f->flying[i]->segs, f->flying[i]->nsegs, &bad);
		exo_io_done(f->flying[i], err, bad, &why);
		f->flying[i] = NULL;
	}
}

/* In the upper bits of every word that an env stores. */
static u64 tag(u32 e)
{
	return 0xa000 + creds[e].uid;
}

static void store(struct fuzz *f, u32 e)
{
	u32 at = (u32)rnd(f, FRAMES);
	u64 v = sim_random(&f->rng) >> 16 | tag(e) << 48;
	u8 g = f->u[e].e->grants[at];
	bool did = sim_poke(sim_pool(f->u[e].senv) + at * 4096ul + rnd(f, 512) * 8, &v, 8);

	CHECK(did == !!(g & (EXO_GRANT_WRITE | EXO_GRANT_PRIVATE)));
}

/* After each call: a buffer says no more what it was when it is GONE. */
static void note_meta(struct fuzz *f)
{
	u32 i;

	for (i = 0; i < FRAMES; i++)
		if (f->k.core->bufs[i].state != EXO_BUF_GONE)
			f->meta[i] = f->k.core->bufs[i].flags & EXO_BUF_META;
}

/* Whatever an env can see holds its user's words, or zeroes, or is metadata. */
static void check_sight(struct fuzz *f)
{
	u32 e, i, w;

	for (e = 0; e < ENVS && f->strict; e++) {
		for (i = 0; f->open[e] && i < FRAMES; i++) {
			const u64 *mem = exo_plat_frame(i);

			if (!f->u[e].e->grants[i] || f->meta[i])
				continue;
			for (w = 0; w < 512 && (!mem[w] || mem[w] >> 48 == tag(e)); w++)
				;
			CHECK_MSG(w == 512, "seed %llu step %llu: user %u sees %llx in frame %u", (unsigned long long)f->seed,
				  (unsigned long long)f->at, creds[e].uid, (unsigned long long)mem[w % 512], i);
		}
	}
}

/* ---- the books ---- */

static void check_frames(struct fuzz *f)
{
	struct exo_core *c = f->k.core;
	u32 i, nfree = 0, npriv = 0, ncached = 0, ngone = 0, ndirty = 0, lru = 0, at;

	for (i = 0; i < FRAMES; i++) {
		struct exo_buf *b = &c->bufs[i];
		struct exo_env *e;
		u32 refs = 0, owners = 0;

		for (e = c->envs; e; e = e->next) {
			refs += (e->grants[i] & (EXO_GRANT_READ | EXO_GRANT_WRITE)) != 0;
			owners += (e->grants[i] & EXO_GRANT_PRIVATE) != 0;
			CHECK(!(e->grants[i] & EXO_GRANT_PRIVATE) || b->owner == e->id);
			CHECK(!(e->grants[i] & EXO_GRANT_WRITE) || !(b->flags & EXO_BUF_META));
		}
		CHECK(!(b->version & 1));
		CHECK_MSG(!c->side[i].pins && c->side[i].doomed == (b->state == EXO_BUF_GONE) && !c->side[i].direct, "frame %u step %llu", i,
			  (unsigned long long)f->at);
		nfree += b->state == EXO_BUF_FREE;
		npriv += b->state == EXO_BUF_PRIVATE;
		ncached += b->state == EXO_BUF_VALID;
		ngone += b->state == EXO_BUF_GONE;
		CHECK(b->state != EXO_BUF_GONE || (refs && !(b->flags & EXO_BUF_DIRTY)));
		ndirty += (b->flags & EXO_BUF_DIRTY) != 0;
		CHECK(b->state != EXO_BUF_READING && !(b->flags & EXO_BUF_WRITING));
		CHECK(b->refs == refs && owners == (b->state == EXO_BUF_PRIVATE));
		if (b->state == EXO_BUF_VALID) {
			CHECK(exo_buf_find(c, b->disk, b->block) == i);
			/* What is not known is nobody's, and never metadata. */
			CHECK(!(b->flags & EXO_BUF_UNKNOWN) || (!refs && !(b->flags & EXO_BUF_META)));
			CHECK(c->side[i].in_lru ==
			      (!refs && !(b->flags & EXO_BUF_DIRTY) && !c->side[i].node.link && !c->side[i].node.kids));
		}
		if (b->state == EXO_BUF_FREE || b->state == EXO_BUF_PRIVATE)
			CHECK(!c->side[i].node.lose && !c->side[i].node.waits && !c->side[i].node.waiters &&
			      !c->side[i].node.kids && !c->side[i].node.link);
		lru += c->side[i].in_lru;
	}
	for (at = c->reg->lru_first; at && lru; at = c->bufs[at - 1].lru_next)
		lru--;
	CHECK(!at && !lru);
	CHECK(nfree == c->stats->frames_free && npriv == c->stats->frames_private && ncached == c->stats->frames_cached &&
	      ndirty == c->stats->frames_dirty && nfree + npriv + ncached + ngone == FRAMES);
}

static void check_blocks(struct fuzz *f)
{
	struct exo_disk *d = f->k.core->disks[f->k.d];
	u64 b, nfree = 0, nwait = 0, nheld = 0, nuninit = 0, used = 0;
	u32 i;

	for (b = 0; b < BLOCKS; b++) {
		CHECK(exo_bit(d->free, b) + exo_bit(d->waiting, b) + exo_bit(d->held, b) <= 1);
		nfree += exo_bit(d->free, b);
		nwait += exo_bit(d->waiting, b);
		nheld += exo_bit(d->held, b);
		nuninit += exo_bit(d->uninit, b);
		CHECK(!exo_bit(d->free, b) || (b >= d->l.first && b < d->l.last));
		CHECK(!exo_bit(d->blank, b) || exo_bit(d->uninit, b));
		if (exo_bit(d->free, b) || exo_bit(d->waiting, b))
			CHECK(!exo_bit(d->uninit, b) && !exo_bit(d->fresh, b));
	}
	CHECK(nfree == d->fm->free && nwait == d->nwaiting && nheld == d->nheld && nuninit == d->nuninit);
	CHECK(!d->flying && !d->users && !d->flushing && !d->nwriting && !d->flights && !d->cat_writing);
	for (i = 0; i < EXO_MAX_ROOTS; i++) {
		f->quarantined |= d->roots[i].quarantine != 0;
		used += d->roots[i].h.used;
		CHECK(d->roots[i].state != EXO_ROOT_LEAVING);
		CHECK(!d->roots[i].h.quota || d->roots[i].h.used <= d->roots[i].h.quota);
	}
	CHECK_MSG(f->quarantined || used + nfree + nwait + nheld == d->l.last - d->l.first, "step %llu",
		  (unsigned long long)f->at);
}

/* Everything durable: nothing waits, nothing is uninitialised, and a walk finds the same. */
static void check_settled(struct fuzz *f)
{
	struct exo_disk *d = f->k.core->disks[f->k.d];
	u64 free_before, b;
	u32 i;

	if (d->failed) {
		NEED(!kit_detach(&f->k, EXO_DETACH_DISCARD));
		NEED(!kit_attach(&f->k, EXO_ATTACH_WALK));
		return;
	}
	CHECK_MSG(!kit_sync(&f->k, EXO_NOROOT), "sync: reason %u, step %llu", f->k.reason, (unsigned long long)f->at);
	CHECK_MSG(!d->nuninit && !d->nwaiting && !d->norphans && !d->ndirty, "step %llu", (unsigned long long)f->at);
	for (i = 0; i < d->nchunks; i++)
		for (b = 0; d->hold[i] && b < EXO_HOLD_CHUNK; b++)
			CHECK(!d->hold[i][b]);
	for (b = 0; b < BLOCKS; b++)
		CHECK(!exo_bit(d->fresh, b));
	free_before = d->fm->free;
	for (i = 0; i < ENVS; i++) {
		if (f->open[i])
			sim_env_close(f->u[i].senv);
		f->open[i] = false;
	}
	CHECK(!f->k.core->stats->frames_private);
	CHECK_MSG(!kit_detach(&f->k, 0), "detach: reason %u", f->k.reason);
	NEED(!kit_attach(&f->k, EXO_ATTACH_WALK));
	d = f->k.core->disks[f->k.d];
	/* A subtree that somebody hung below itself is owned by nobody who can be reached; a walk finds it free. */
	CHECK(d->fm->free >= free_before && !d->ncontest);
	for (i = 0; i < EXO_MAX_ROOTS; i++)
		CHECK_MSG(!d->roots[i].quarantine, "root %u: %u", i, d->roots[i].quarantine);
	f->quarantined = false;
}

static void run(struct fuzz *f, u64 seed, u64 steps)
{
	u32 i, e;

	memset(f, 0, sizeof(*f));
	f->seed = seed;
	f->rng = seed;
	f->strict = seed % 2;
	creds[ENVS - 1] = f->strict ? (struct exo_cred){ .uid = 1001 } : (struct exo_cred){ .uid = 0, .admin = true };
	kit_start(&f->k, FRAMES, BLOCKS, seed % 3 == 0 ? 0 : seed % 3 == 1 ? SIM_VOLATILE : SIM_VOLATILE | SIM_SECTOR_4K);
	memset(args, 0xee, sizeof(args));
	for (i = AREA0 - 10; i < BLOCKS - 1; i++)
		sim_disk_poke(f->k.disk, i, 0, args, 4096);
	for (f->at = 0; f->at < steps; f->at++) {
		e = (u32)rnd(f, ENVS);
		if (!f->open[e]) {
			f->u[e] = kit_as(&f->k, &creds[e]);
			f->open[e] = true;
		}
		switch (rnd(f, 40)) {
		case 0:
		case 1:
			fly(f, e);
			break;
		case 2:
		case 3:
		case 4:
			store(f, e);
			break;
		case 5:
			if (rnd(f, 200) == 0) {
				land(f);	/* an open file outlives its transfers */
				sim_env_close(f->u[e].senv);
				f->open[e] = false;
			}
			break;
		case 6:
			if (rnd(f, 40) == 0)
				sim_disk_fail(f->k.disk, rnd(f, 2) ? SIM_FAIL_READ : SIM_FAIL_WRITE, block_like(f), 1 + rnd(f, 8),
					      rnd(f, 3), 1 + rnd(f, 2));
			break;
		default:
			call(f, e);
		}
		note_meta(f);
		if (f->at % BATCH == BATCH - 1) {
			land(f);
			check_frames(f);
			check_blocks(f);
			check_sight(f);
		}
		if (f->at % (BATCH * 32) == BATCH * 32 - 1) {
			sim_disk_fail(f->k.disk, 0, 0, 0, 0, 0);
			check_settled(f);
		}
		if (check_failed > 5)
			exit(1);
	}
	land(f);
	sim_disk_fail(f->k.disk, 0, 0, 0, 0, 0);
	check_settled(f);
	for (i = 0; i < ENVS; i++)
		if (f->open[i])
			sim_env_close(f->u[i].senv);
	kit_stop(&f->k);
	/* A fuzzer that is refused everywhere tests nothing. */
	for (i = 1; steps >= 20000 && i <= EXO_NR_MAX; i++)
		CHECK_MSG(f->ok[i] || i == EXO_NR_FORMAT || i == EXO_NR_ATTACH || i == EXO_NR_DETACH, "call %u never succeeded", i);
	for (i = 0; getenv("VERBOSE") && i < 128; i++)
		if (f->why[i])
			printf("TXN refused for %u: %llu\n", i, (unsigned long long)f->why[i]);
	if (getenv("VERBOSE"))
		for (i = 1; i <= EXO_NR_MAX; i++)
			printf("call %2u: %llu ok, %llu refused\n", i, (unsigned long long)f->ok[i], (unsigned long long)f->no[i]);
}

int main(int argc, char **argv)
{
	u64 seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1, steps = argc > 2 ? strtoull(argv[2], NULL, 0) : 60000, i;
	static struct fuzz f;

	scratch = mmap(NULL, SCRATCH + 65536, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	NEED(scratch != MAP_FAILED && !mprotect(scratch, SCRATCH, PROT_READ | PROT_WRITE));
	for (i = 0; i < 3; i++)
		run(&f, seed + i, steps);
	return check_done();
}
