// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * core_iobind.c: bindings for direct I/O. What each refusal says; that a bound transfer asks nothing again while
 * nothing changed; and, over a random history of transactions, deleted roots and detached disks, that it is answered
 * exactly as an IO that names the claim would be: no more, and no less. Also when it goes the quick way (kmod/core/quick.c), and that this
 * way is taken where nothing is in the way, and only there.
 */
#include "core_kit.h"
#include "../../kmod/core/direct.h"

#define FRAMES 128
#define BLOCKS 6000
#define BIG 20u /* more than an operation's own room */

static struct txn t;
static struct kit k;
static u32 frames[BIG];

static struct exo_claim claim(u64 start, u64 count)
{
	return (struct exo_claim){.start = start, .count = count};
}

static u32 bind(struct kit *u, u32 root, u64 parent, u32 index, struct exo_claim c, u32 rights)
{
	struct exo_io_bind q = {.disk = u->d,
				.cap = u->cap,
				.root = root,
				.index = index,
				.parent = parent,
				.claim = c,
				.rights = rights};
	int err = CALL(u, EXO_NR_IO_BIND, q);

	CHECK(!err == !!q.out_binding);
	return q.out_binding;
}

static int unbind(struct kit *u, u32 binding)
{
	struct exo_io_unbind q = {.binding = binding};

	return CALL(u, EXO_NR_IO_UNBIND, q);
}

static int bound(struct kit *u, u32 binding, u64 first, u32 count, u32 flags)
{
	struct exo_io q = {.head.flags = flags | EXO_IO_BOUND,
			   .index = binding,
			   .first = first,
			   .count = count,
			   .frames = (uintptr_t)frames};

	return CALL(u, EXO_NR_IO, q);
}

static int named(struct kit *u, u32 root, u64 parent, u32 index, struct exo_claim c, u64 first, u32 count, u32 flags)
{
	struct exo_io q = {.head.flags = flags,
			   .disk = u->d,
			   .cap = u->cap,
			   .root = root,
			   .index = index,
			   .parent = parent,
			   .claim = c,
			   .first = first,
			   .count = count,
			   .frames = (uintptr_t)frames};

	return CALL(u, EXO_NR_IO, q);
}

/* As the io_uring command: begin, transfer, done. Reason and detail from its extra word. */
static int command(struct kit *u, u32 binding, u64 first, u32 count, u32 flags, u64 where)
{
	struct exo_io_cmd c = {.first = first, .count = count, .binding = binding, .flags = flags, .frames = where};
	struct exo_ioreq *r;
	u64 why = 0, bad = 0;
	int err = exo_io_begin_cmd(u->e, &c, &r, &why);

	if (!err) {
		if (r->nsegs)
			err = exo_plat_io(r->dev, r->op, r->segs, r->nsegs, &bad);
		err = exo_io_done(r, err, bad, &why);
	}
	u->reason = (u32)why & 0xffff;
	u->detail = why >> 16;
	CHECK(!err == !u->reason);
	return err;
}

static int slot(struct kit *u, u64 node, u32 part, struct slot s, u32 op, u64 start, u32 count)
{
	txn_slot(&t, node, kit_version(u, node), part, 0, s);
	if (op)
		txn_decl(&t, op, 0, start, count);
	return txn_go(u, &t);
}

static void grab(struct kit *u)
{
	struct exo_frame_alloc fa = {.head.flags = EXO_FRAME_ANY, .frames = (uintptr_t)frames, .count = BIG};

	NEED(!CALL(u, EXO_NR_FRAME_ALLOC, fa));
}

static void refusals(void)
{
	struct kit other;
	u64 top, vol, a = 3000, runs;
	u32 root, raw, w, r, i, more[EXO_MAX_IO_BINDS + 1];

	kit_start(&k, FRAMES, BLOCKS, SIM_VOLATILE);
	NEED(!kit_root_add(&k, "tree", k.tmpl, EXO_NOBLOCK, 1, 0, &root, &top));
	NEED(!kit_root_add(&k, "raw", 0, EXO_NOBLOCK, 64, 0, &raw, &vol));
	NEED(!slot(&k, top, 0, (struct slot){a, 4, 0, 0, 0}, EXO_DECL_ALLOC, a, 4) && !kit_sync(&k, EXO_NOROOT));
	grab(&k);

	/* made for a claim that is there, by who may */
	CHECK(!bind(&k, 0, top, 0, claim(a, 3), EXO_RIGHT_ALL) && k.reason == EXO_R_NOT_CLAIMED);
	CHECK(!bind(&k, 0, top, 1, claim(a, 4), EXO_RIGHT_ALL) && k.reason == EXO_R_NOT_CLAIMED);
	CHECK(!bind(&k, 0, top, 0, claim(a, 4), EXO_RIGHT_WRITE) && k.reason == EXO_R_RANGE);
	CHECK(!bind(&k, 0, a, 0, claim(a, 4), EXO_RIGHT_ALL) &&
	      (k.reason == EXO_R_NOT_IN_CORE || k.reason == EXO_R_NOT_META));
	CHECK(!bind(&k, root, EXO_NOBLOCK, 0, (struct exo_claim){top, 1, k.tmpl, 0}, EXO_RIGHT_ALL) &&
	      k.reason == EXO_R_META_WRITE);
	CHECK(!bind(&k, root, EXO_NOBLOCK, 0, (struct exo_claim){top, 1, k.tmpl, 0}, EXO_RIGHT_READ) &&
	      k.reason == EXO_R_RANGE);
	other = kit_as(&k, &kit_user);
	CHECK(!bind(&other, 0, top, 0, claim(a, 4), EXO_RIGHT_READ) && other.reason == EXO_R_CAP);
	w = bind(&k, 0, top, 0, claim(a, 4), EXO_RIGHT_ALL);
	r = bind(&k, raw, EXO_NOBLOCK, 0, claim(vol, 64), EXO_RIGHT_READ);
	NEED(w && r && w != r);

	/* nobody else's */
	CHECK(bound(&other, w, a, 1, 0) == -EINVAL && other.reason == EXO_R_IO_BINDING && other.detail == w);
	CHECK(unbind(&other, w) == -EINVAL && other.reason == EXO_R_IO_BINDING);
	CHECK(bound(&k, 0, a, 1, 0) == -EINVAL && k.reason == EXO_R_IO_BINDING);
	CHECK(bound(&k, EXO_MAX_IO_BINDS + 1, a, 1, 0) == -EINVAL && k.reason == EXO_R_IO_BINDING);
	CHECK(bound(&k, ~0u, a, 1, 0) == -EINVAL && k.reason == EXO_R_IO_BINDING);

	/* inside the claim, with the rights, into own frames */
	CHECK(!bound(&k, w, a, 4, EXO_IO_WRITE) && !bound(&k, w, a + 3, 1, 0) && !bound(&k, r, vol, BIG, 0));
	CHECK(bound(&k, w, a, 5, 0) == -EINVAL && k.reason == EXO_R_RANGE);
	CHECK(bound(&k, w, a - 1, 1, 0) == -EINVAL && k.reason == EXO_R_RANGE);
	CHECK(bound(&k, w, ~0ull, 2, 0) == -EINVAL && k.reason == EXO_R_RANGE);
	CHECK(bound(&k, w, a, 0, 0) == -EINVAL && bound(&k, w, a, EXO_MAX_BIND + 1, 0) == -EINVAL);
	CHECK(bound(&k, w, a, 1, EXO_IO_FUA) == -EINVAL && k.reason == EXO_R_FLAGS);
	CHECK(bound(&k, r, vol, 1, EXO_IO_WRITE) == -EACCES && k.reason == EXO_R_CAP);
	CHECK(named(&k, 0, 0, w, claim(0, 1), a, 1, EXO_IO_BOUND) == -EOPNOTSUPP && k.reason == EXO_R_RESERVED);
	i = frames[1];
	frames[1] = FRAMES;
	CHECK(bound(&k, w, a, 2, 0) == -EINVAL && k.reason == EXO_R_FRAME);
	frames[1] = kit_frame(&k, top);
	CHECK(bound(&k, w, a, 2, EXO_IO_WRITE) == -EINVAL && k.reason == EXO_R_FRAME);
	frames[1] = i;

	/* as a command */
	memset(exo_plat_frame(frames[0]), 'c', 4096);
	CHECK(!command(&k, w, a + 1, 1, EXO_IO_WRITE | EXO_CMD_FRAME, frames[0]));
	memset(exo_plat_frame(frames[0]), 0, 4096);
	CHECK(!command(&k, w, a + 1, 1, 0, (uintptr_t)frames) && *(char *)exo_plat_frame(frames[0]) == 'c');
	CHECK(!command(&k, r, vol, BIG, 0, (uintptr_t)frames));
	CHECK(command(&k, w, a, 1, 64, 0) == -EOPNOTSUPP && k.reason == EXO_R_FLAGS && k.detail == 64);
	CHECK(command(&k, w, a, 1, EXO_IO_BOUND, 0) == -EOPNOTSUPP && k.reason == EXO_R_FLAGS);
	CHECK(command(&k, w, a, 1, EXO_CMD_FRAME, FRAMES) == -EINVAL && k.reason == EXO_R_FRAME);
	CHECK(command(&k, w, a, 4, EXO_CMD_FRAME, FRAMES - 1) == -EINVAL && k.reason == EXO_R_FRAME);
	CHECK(command(&k, w, a, 1, EXO_CMD_FRAME, 1ull << 32 | frames[0]) == -EINVAL && k.reason == EXO_R_FRAME);
	CHECK(command(&k, r, vol, BIG, EXO_CMD_FRAME, ~0u) == -EINVAL && k.reason == EXO_R_FRAME);
	CHECK(command(&k, w, a, EXO_MAX_BIND + 1, EXO_CMD_FRAME, 0) == -EINVAL && k.reason == EXO_R_RANGE);
	CHECK(command(&k, w + 7, a, 1, EXO_CMD_FRAME, frames[0]) == -EINVAL && k.reason == EXO_R_IO_BINDING &&
	      k.detail == w + 7);

	/* nothing is asked again until a block leaves the root; then once */
	runs = k.core->stats->udf_runs + k.core->stats->udf_cached;
	for (i = 0; i < 10; i++)
		NEED(!bound(&k, w, a + i % 4, 1, EXO_IO_WRITE));
	CHECK(k.core->stats->udf_runs + k.core->stats->udf_cached == runs);
	NEED(!slot(&k, top, 1, (struct slot){a + 10, 1, 0, 0, 0}, EXO_DECL_ALLOC, a + 10, 1));
	runs = k.core->stats->udf_runs + k.core->stats->udf_cached;
	CHECK(!bound(&k, w, a, 1, 0) && k.core->stats->udf_runs + k.core->stats->udf_cached == runs);
	NEED(!slot(&k, top, 1, (struct slot){0}, EXO_DECL_FREE, a + 10, 1));
	runs = k.core->stats->udf_runs + k.core->stats->udf_cached;
	for (i = 0; i < 3; i++)
		CHECK(!bound(&k, w, a, 1, 0) && k.core->stats->udf_runs + k.core->stats->udf_cached == runs + 1);

	/* unbound, and the number given again */
	CHECK(!unbind(&k, w) && unbind(&k, w) == -EINVAL && bound(&k, w, a, 1, 0) == -EINVAL);
	for (i = 0; i <= EXO_MAX_IO_BINDS; i++) {
		more[i] = bind(&k, 0, top, 0, claim(a, 4), EXO_RIGHT_READ);
		if (!more[i])
			break;
	}
	CHECK(i == EXO_MAX_IO_BINDS - 1 && k.reason == EXO_R_FRAME_LIMIT);
	sim_env_close(other.senv);
	kit_stop(&k);
}

/* What was right once, after the disk's number went to another attach. */
static void detached(void)
{
	u64 top;
	u32 root, w;

	kit_start(&k, FRAMES, BLOCKS, 0);
	NEED(!kit_root_add(&k, "raw", 0, EXO_NOBLOCK, 16, 0, &root, &top) && !kit_sync(&k, EXO_NOROOT));
	grab(&k);
	w = bind(&k, root, EXO_NOBLOCK, 0, claim(top, 16), EXO_RIGHT_ALL);
	NEED(w && !bound(&k, w, top, 16, EXO_IO_WRITE) && !kit_detach(&k, 0));
	CHECK(bound(&k, w, top, 1, 0) == -ENOENT && k.reason == EXO_R_NO_DISK);
	NEED(!kit_attach(&k, 0));
	CHECK(bound(&k, w, top, 1, 0) == -EINVAL && k.reason == EXO_R_IO_BINDING);
	CHECK(!unbind(&k, w) && bind(&k, root, EXO_NOBLOCK, 0, claim(top, 16), EXO_RIGHT_ALL) == w &&
	      !bound(&k, w, top, 1, 0));
	kit_stop(&k);
}

/* 1: the quick way was taken, and *r is under way; 0: it was not. */
static bool quick(u32 binding, u64 first, u32 flags, u32 frame, struct exo_op **r)
{
	struct exo_io_cmd c = {
		.first = first, .count = 1, .binding = binding, .flags = flags | EXO_CMD_FRAME, .frames = frame};

	*r = exo_op_quick(k.e, &c);
	return *r;
}

static void ends(struct exo_op *r)
{
	u64 why, bad = 0;

	NEED(!exo_plat_io(r->req.dev, r->req.op, r->req.segs, r->req.nsegs, &bad));
	NEED(!exo_io_done(&r->req, 0, bad, &why));
}

#define SLOW(...)                                                                                                      \
	do {                                                                                                           \
		struct exo_op *r_;                                                                                     \
		CHECK(!quick(__VA_ARGS__, &r_));                                                                       \
	} while (0)

/* The one way that asks nothing of direct.c: where it is open, and everything that closes it. */
static void quick_way(void)
{
	struct kit other;
	struct exo_disk *d;
	struct exo_op *r, *r2;
	u32 root, raw, w, ro, f, seen, i;
	u64 top, vol, a = 3000;

	kit_start(&k, FRAMES, BLOCKS, SIM_VOLATILE);
	NEED(!kit_root_add(&k, "tree", k.tmpl, EXO_NOBLOCK, 1, 0, &root, &top));
	NEED(!kit_root_add(&k, "raw", 0, EXO_NOBLOCK, 16, 0, &raw, &vol) && !kit_sync(&k, EXO_NOROOT));
	NEED(!slot(&k, top, 0, (struct slot){a, 4, 0, 0, 0}, EXO_DECL_ALLOC, a, 4) && !kit_sync(&k, EXO_NOROOT));
	grab(&k);
	f = frames[0];
	d = k.core->disks[k.d];
	w = bind(&k, raw, EXO_NOBLOCK, 0, claim(vol, 16), EXO_RIGHT_ALL);
	ro = bind(&k, raw, EXO_NOBLOCK, 0, claim(vol, 16), EXO_RIGHT_READ);
	NEED(w && ro);
	/* After a SYNC all of the volume has its zeroes on the disk. */
	NEED(quick(w, vol + 1, EXO_IO_WRITE, f, &r));
	SLOW(w, vol + 1, 0, f);
	SLOW(w, vol + 1, EXO_IO_WRITE, f);
	CHECK(d->flying == 1 && d->flights && exo_frame_node(k.core, f) && k.core->side[f].pins == 1);
	NEED(quick(w, vol + 2, EXO_IO_WRITE | EXO_IO_FUA, f, &r2) && r2->req.op == EXO_OP_WRITE_FUA);
	CHECK(k.core->side[f].pins == 2);
	ends(r);
	ends(r2);
	CHECK(!d->flying && !d->flights && !k.core->side[f].pins && d->unflushed);
	NEED(quick(ro, vol + 1, 0, f, &r));
	ends(r);
	CHECK(!d->hold[vol / EXO_HOLD_CHUNK][vol % EXO_HOLD_CHUNK]);

	/* not this env's binding, right, block or frame; not this form */
	SLOW(ro, vol + 1, EXO_IO_WRITE, f);
	SLOW(w, vol - 1, 0, f);
	SLOW(w, vol + 16, 0, f);
	SLOW(w, ~0ull, 0, f);
	SLOW(0, vol, 0, f);
	SLOW(ro + 1, vol, 0, f);
	SLOW(EXO_MAX_IO_BINDS, vol, 0, f);
	SLOW(EXO_MAX_IO_BINDS + 1, vol, 0, f);
	SLOW(w, vol, 0, FRAMES);
	SLOW(w, vol, 0, ~0u);
	SLOW(w, vol, EXO_IO_FUA, f);
	SLOW(w, vol, 64, f);
	SLOW(w, vol, EXO_IO_BOUND, f);
	for (i = 0; i < FRAMES && k.e->grants[i] & EXO_GRANT_PRIVATE; i++)
		;
	SLOW(w, vol, 0, i);
	SLOW(w, vol, 0, kit_frame(&k, top));
	other = kit_as(&k, &kit_user);
	CHECK(!exo_op_quick(other.e, &(struct exo_io_cmd){
					   .first = vol, .count = 1, .binding = w, .flags = EXO_CMD_FRAME, .frames = f}));
	sim_env_close(other.senv);
	CHECK(!exo_op_quick(k.e, &(struct exo_io_cmd){
				       .first = vol, .count = 2, .binding = w, .flags = EXO_CMD_FRAME, .frames = f}) &&
	      !exo_op_quick(k.e, &(struct exo_io_cmd){.first = vol, .count = 1, .binding = w, .frames = f}));

	/* in core, or not on the disk yet */
	NEED(!kit_bind(&k, raw, EXO_NOBLOCK, 0, claim(vol, 16), EXO_RIGHT_ALL, 0, (u32[16]){0}));
	SLOW(w, vol + 1, 0, f);
	SLOW(w, vol + 1, EXO_IO_WRITE, f);
	w = bind(&k, 0, top, 0, claim(a, 4), EXO_RIGHT_ALL);
	NEED(w && quick(w, a, 0, f, &r));
	ends(r);
	NEED(!slot(&k, top, 1, (struct slot){a + 10, 1, 0, 0, 0}, EXO_DECL_ALLOC, a + 10, 1));
	ro = bind(&k, 0, top, 1, claim(a + 10, 1), EXO_RIGHT_ALL);
	NEED(ro);
	SLOW(ro, a + 10, 0, f);
	SLOW(ro, a + 10, EXO_IO_WRITE, f);
	NEED(quick(w, a, 0, f, &r));
	ends(r);
	/* a block left the root; a quarantine; a failed flush; the disk is gone, and another is there */
	NEED(!slot(&k, top, 1, (struct slot){0}, EXO_DECL_FREE, a + 10, 1));
	SLOW(w, a, 0, f);
	NEED(!bound(&k, w, a, 1, 0) && quick(w, a, 0, f, &r));
	ends(r);
	seen = d->roots[root].quarantine;
	d->roots[root].quarantine = EXO_QUARANTINE_CLAIM;
	SLOW(w, a, 0, f);
	d->roots[root].quarantine = seen;
	d->failed = true;
	SLOW(w, a, EXO_IO_WRITE, f);
	d->failed = false;
	d->readonly = true;
	SLOW(w, a, EXO_IO_WRITE, f);
	d->readonly = false;
	d->state = EXO_DISK_LEAVING;
	SLOW(w, a, 0, f);
	d->state = EXO_DISK_LIVE;
	for (i = 0; i < FRAMES; i++) {
		struct exo_unbind u = {.frames = (uintptr_t)&i, .count = 1};

		if (k.e->grants[i] & (EXO_GRANT_READ | EXO_GRANT_WRITE))
			NEED(!CALL(&k, EXO_NR_UNBIND, u));
	}
	NEED(quick(w, a, EXO_IO_WRITE, f, &r));
	CHECK(kit_detach(&k, 0) == -EBUSY);
	ends(r);
	NEED(!kit_detach(&k, 0));
	SLOW(w, a, 0, f);
	NEED(!kit_attach(&k, 0));
	SLOW(w, a, 0, f);
	kit_stop(&k);
}

#define PLACES 4u
#define EXTENTS 6u

/* A history over two trees and a raw root whose slot in the catalogue is used again and again. */
static void history(u64 seed, u32 steps)
{
	struct {
		u32 binding, root, index, rights;
		u64 parent;
		struct exo_claim c;
	} b[8] = {{0}};
	u64 top[2], vol = 0, len = 8, a = 3000;
	u32 root[2], raw = EXO_NOROOT, i, n, right = 0, wrong = 0;

	kit_start(&k, FRAMES, BLOCKS, seed & 1 ? SIM_VOLATILE : 0);
	for (i = 0; i < 2; i++)
		NEED(!kit_root_add(&k, i ? "two" : "one", k.tmpl, EXO_NOBLOCK, 1, 0, &root[i], &top[i]));
	grab(&k);
	for (n = 0; n < steps; n++) {
		u32 which = (u32)sim_random(&seed) % 2, part = (u32)sim_random(&seed) % PLACES,
		    e = (u32)sim_random(&seed) % EXTENTS;
		u32 j = (u32)sim_random(&seed) % 8, to = (u32)sim_random(&seed) % 2,
		    place = (u32)sim_random(&seed) % PLACES;
		const struct slot *s = kit_slot(&k, top[which], part, 0);
		u64 start = a + 4 * e;

		switch (sim_random(&seed) % 16) {
		case 0: /* a refused one changes nothing */
			slot(&k, top[which], part, (struct slot){start, 4, 0, 0, 0}, s->count ? 0 : EXO_DECL_ALLOC,
			     start, 4);
			break;
		case 1:
			if (s->count)
				slot(&k, top[which], part, (struct slot){0}, EXO_DECL_FREE, s->start, s->count);
			break;
		case 2:
			if (!s->count || kit_slot(&k, top[to], place, 0)->count || (to == which && place == part))
				break;
			start = s->start;
			txn_slot(&t, top[to], kit_version(&k, top[to]), place, 0, *s);
			txn_slot(&t, top[which], kit_version(&k, top[which]), part, 0, (struct slot){0});
			txn_decl(&t, EXO_DECL_MOVE, 0, start, 4);
			txn_go(&k, &t);
			break;
		case 3:
			if (sim_random(&seed) % 4)
				break;
			if (raw == EXO_NOROOT) {
				/* The next owner of the slot is seldom like the one before. */
				len = 8 + sim_random(&seed) % 8;
				if (kit_root_add(&k, "raw", 0, EXO_NOBLOCK, len, 0, &raw, &vol))
					raw = EXO_NOROOT;
			} else {
				struct exo_root_del d = {.disk = k.d, .cap = k.cap, .root = raw};

				NEED(!CALL(&k, EXO_NR_ROOT_DEL, d) && !kit_sync(&k, EXO_NOROOT));
				raw = EXO_NOROOT;
			}
			break;
		case 4:
			kit_sync(&k, EXO_NOROOT);
			break;
		case 5:
		case 6:
			if (b[j].binding)
				CHECK(!unbind(&k, b[j].binding));
			b[j].rights = sim_random(&seed) % 2 ? EXO_RIGHT_ALL : EXO_RIGHT_READ;
			b[j].root = raw == EXO_NOROOT || sim_random(&seed) % 4 ? 0 : raw;
			b[j].parent = b[j].root ? EXO_NOBLOCK : top[which];
			b[j].index = b[j].root ? 0 : part;
			b[j].c = b[j].root ? claim(vol, len) : claim(s->count ? s->start : start, 4);
			b[j].binding = bind(&k, b[j].root, b[j].parent, b[j].index, b[j].c, b[j].rights);
			break;
		default:
			if (!b[j].binding)
				break;
			u32 flags = sim_random(&seed) % 2 && b[j].rights == EXO_RIGHT_ALL ? EXO_IO_WRITE : 0, reason;
			u64 first = b[j].c.start + sim_random(&seed) % 4, detail;
			/* A write changes what the next one is told (its blocks stop being uninitialised), but not
			 * whether. */
			int err = bound(&k, b[j].binding, first, 1, flags), same;

			reason = k.reason;
			detail = k.detail;
			same = named(&k, b[j].root, b[j].parent, b[j].index, b[j].c, first, 1, flags);
			CHECK_MSG(err == same && reason == k.reason && detail == k.detail,
				  "step %u: bound %d reason %u, named %d reason %u", n, err, reason, same, k.reason);
			same = command(&k, b[j].binding, first, 1, flags | EXO_CMD_FRAME, frames[0]);
			CHECK_MSG(err == same && reason == k.reason, "step %u: bound %d reason %u, command %d reason %u", n,
				  err, reason, same, k.reason);
			right += !err;
			wrong += err != 0;
		}
	}
	CHECK_MSG(right > steps / 20 && wrong > steps / 20, "%u right, %u refused", right, wrong);
	kit_stop(&k);
}

int main(void)
{
	u64 seed;

	refusals();
	detached();
	quick_way();
	for (seed = 1; seed <= 4; seed++)
		history(seed, 10000);
	return check_done();
}
