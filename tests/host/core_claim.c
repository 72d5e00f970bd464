// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * core_claim.c: what BIND, IO and IO_BIND ask before anything is seen: a claim that metadata in core makes, as it makes it, and
 * blocks inside of it. One thing is wrong at a time, and each refusal is the one that is meant. Then metadata on the disk that
 * lies, on a disk that was detached cleanly, so that no walk has looked at it.
 *
 * top -> DATA (4 blocks, partition 0), NODE (partition 1); NODE -> LEAF (partition 2)
 */
#include "../../kmod/core/internal.h"
#include "core_kit.h"

#define FRAMES 64u
#define BLOCKS 4608u

enum { DATA = 2000, NODE = 2010, LEAF = 2020, LIE = 2030 };

static struct kit k;
static struct txn t;
static u64 top, vol;
static u32 root, raw, own[4];

/* All that a caller can say about what it wants. */
struct ask {
	u64 parent, first;
	struct exo_claim claim;
	u32 root, index, count, rights;
};

static int by_bind(const struct ask *q)
{
	u32 frames[8] = {0}, i;
	struct exo_bind b = {.disk = k.d,
			     .root = q->root,
			     .index = q->index,
			     .parent = q->parent,
			     .claim = q->claim,
			     .first = q->first,
			     .count = q->count,
			     .rights = q->rights,
			     .frames = (uintptr_t)frames};
	int err = CALL(&k, EXO_NR_BIND, b);

	for (i = 0; !err && i < q->count; i++)
		NEED(!kit_unbind(&k, frames[i]));
	return err;
}

static int by_io(const struct ask *q)
{
	struct exo_io io = {.head.flags = q->rights == EXO_RIGHT_ALL ? EXO_IO_WRITE : 0,
			    .disk = k.d,
			    .root = q->root,
			    .index = q->index,
			    .parent = q->parent,
			    .claim = q->claim,
			    .first = q->first,
			    .count = q->count,
			    .frames = (uintptr_t)own};

	return CALL(&k, EXO_NR_IO, io);
}

static int by_io_bind(const struct ask *q)
{
	struct exo_io_bind b = {.disk = k.d,
				.root = q->root,
				.index = q->index,
				.parent = q->parent,
				.claim = q->claim,
				.rights = q->rights};
	struct exo_io_unbind u;
	int err = CALL(&k, EXO_NR_IO_BIND, b);

	u = (struct exo_io_unbind){.binding = b.out_binding};
	if (!err)
		NEED(!CALL(&k, EXO_NR_IO_UNBIND, u));
	return err;
}

/* Every way to a block says the same. */
static void says(int line, struct ask q, int want, u32 reason, u64 detail)
{
	static int (*const ways[])(const struct ask *) = {by_bind, by_io, by_io_bind};
	u32 i;
	int err;

	for (i = 0; i < 3; i++) {
		/* IO is for data alone, and IO_BIND names no part. */
		if (i && q.claim.template_id)
			continue;
		if (i == 2 && (q.first != q.claim.start || q.count != q.claim.count))
			continue;
		err = ways[i](&q);
		CHECK_MSG(err == want && k.reason == reason && (!err || k.detail == detail),
			  "line %d, way %u: %d, reason %u, detail %llu", line, i, err, k.reason, (unsigned long long)k.detail);
	}
}
#define SAYS(...) says(__LINE__, __VA_ARGS__)

static struct ask of(u64 parent, u32 index, u64 start, u64 count, u32 tmpl)
{
	return (struct ask){.parent = parent,
			    .index = index,
			    .root = parent == EXO_NOBLOCK ? root : 0,
			    .claim = {.start = start, .count = count, .template_id = tmpl},
			    .first = start,
			    .count = (u32)count,
			    .rights = EXO_RIGHT_READ};
}

static struct ask changing(struct ask q)
{
	q.rights = EXO_RIGHT_ALL;
	return q;
}

static struct ask part(struct ask q, u64 first, u32 count)
{
	q.first = first;
	q.count = count;
	return q;
}

static void see(u64 parent, u32 index, u64 block)
{
	struct ask q = of(parent, index, block, 1, k.tmpl);

	NEED(!by_bind(&q));
}

static void frames_of_own(void)
{
	struct exo_frame_alloc fa = {.head.flags = EXO_FRAME_ANY, .frames = (uintptr_t)own, .count = 4};

	NEED(!CALL(&k, EXO_NR_FRAME_ALLOC, fa));
}

/* Durable, and nothing of it in core. */
static void tree(void)
{
	kit_start(&k, FRAMES, BLOCKS, 0);
	NEED(!kit_root_add(&k, "tree", k.tmpl, EXO_NOBLOCK, 1, 0, &root, &top));
	NEED(!kit_root_add(&k, "raw", 0, EXO_NOBLOCK, 4, 0, &raw, &vol));
	txn_slot(&t, top, kit_version(&k, top), 0, 0, (struct slot){DATA, 4, 0, 0, 0});
	txn_slot(&t, top, kit_version(&k, top), 1, 0, (struct slot){NODE, 1, 1, 0, 0});
	txn_slot(&t, NODE, EXO_VERSION_NEW, 2, 0, (struct slot){LEAF, 1, 0, 0, 0});
	txn_decl(&t, EXO_DECL_ALLOC, 0, DATA, 4);
	txn_decl(&t, EXO_DECL_ALLOC, k.tmpl, NODE, 1);
	txn_decl(&t, EXO_DECL_ALLOC, 0, LEAF, 1);
	NEED(!txn_go(&k, &t) && !kit_sync(&k, EXO_NOROOT) && !kit_detach(&k, 0));
}

static void back(void)
{
	NEED(!kit_attach(&k, 0) && !(kit_info(&k).out_flags & EXO_DISK_WALKED));
	frames_of_own();
}

static void through_root(void)
{
	struct ask q = of(EXO_NOBLOCK, 0, vol, 4, 0);

	q.root = raw;
	SAYS(q, 0, 0, 0);
	SAYS(changing(q), 0, 0, 0);
	SAYS(part(q, vol + 3, 1), 0, 0, 0);
	q.claim.count = q.count = 3;
	SAYS(q, -EPERM, EXO_R_NOT_CLAIMED, vol);
	q.claim.count = q.count = 5;
	SAYS(part(q, vol, 4), -EPERM, EXO_R_NOT_CLAIMED, vol);
	q.claim.count = q.count = 4;
	q.index = 1;
	SAYS(q, -EPERM, EXO_R_NOT_CLAIMED, vol);
	q = of(EXO_NOBLOCK, 0, vol + 1, 3, 0);
	q.root = raw;
	SAYS(q, -EPERM, EXO_R_NOT_CLAIMED, vol + 1);
	/* One root's extent by another's name; a root that is not there. */
	SAYS(of(EXO_NOBLOCK, 0, vol, 4, 0), -EPERM, EXO_R_NOT_CLAIMED, vol);
	q = of(EXO_NOBLOCK, 0, vol, 4, 0);
	q.root = raw + 1;
	SAYS(q, -ENOENT, EXO_R_NO_ROOT, raw + 1);
	q.root = EXO_MAX_ROOTS;
	SAYS(q, -ENOENT, EXO_R_NO_ROOT, EXO_MAX_ROOTS);
	/* Metadata by the name of data could be written. */
	SAYS(changing(of(EXO_NOBLOCK, 0, top, 1, 0)), -EPERM, EXO_R_NOT_CLAIMED, top);
	SAYS(of(EXO_NOBLOCK, 0, top, 1, 0), -EPERM, EXO_R_NOT_CLAIMED, top);
	SAYS(of(EXO_NOBLOCK, 0, top, 1, k.tmpl), 0, 0, 0);
}

static void through_parent(void)
{
	const u32 parts = EXO_BLOCK_SIZE / PART;
	struct ask q = of(top, 0, DATA, 4, 0);

	SAYS(q, 0, 0, 0);
	SAYS(changing(q), 0, 0, 0);
	SAYS(part(q, DATA + 3, 1), 0, 0, 0);
	/* as metadata makes it, and from that partition */
	SAYS(of(top, 0, DATA, 3, 0), -EPERM, EXO_R_NOT_CLAIMED, DATA);
	SAYS(of(top, 0, DATA + 1, 3, 0), -EPERM, EXO_R_NOT_CLAIMED, DATA + 1);
	SAYS(part(of(top, 0, DATA, 5, 0), DATA, 4), -EPERM, EXO_R_NOT_CLAIMED, DATA);
	SAYS(of(top, 0, DATA, 4, k.tmpl), -EPERM, EXO_R_NOT_CLAIMED, DATA);
	SAYS(of(top, 1, DATA, 4, 0), -EPERM, EXO_R_NOT_CLAIMED, DATA);
	SAYS(of(top, parts - 1, DATA, 4, 0), -EPERM, EXO_R_NOT_CLAIMED, DATA);
	SAYS(of(top, parts, DATA, 4, 0), -EINVAL, EXO_R_RANGE, parts);
	SAYS(of(top, ~0u, DATA, 4, 0), -EINVAL, EXO_R_RANGE, ~0u);
	/* inside of it */
	SAYS(part(q, DATA - 1, 2), -EINVAL, EXO_R_RANGE, DATA - 1);
	SAYS(part(q, DATA + 4, 1), -EINVAL, EXO_R_RANGE, DATA + 4);
	SAYS(part(q, DATA + 2, 3), -EINVAL, EXO_R_RANGE, DATA + 2);
	SAYS(part(q, ~0ull, 2), -EINVAL, EXO_R_RANGE, ~0ull);
	SAYS(part(of(top, 0, ~0ull - 1, 4, 0), ~0ull - 1, 1), -EINVAL, EXO_R_RANGE, ~0ull - 1);
	SAYS(part(of(top, 0, ~0ull - 1, 2, 0), ~0ull - 1, 1), -EINVAL, EXO_R_RANGE, ~0ull - 1);
	q.claim.pad = 1;
	SAYS(q, -EOPNOTSUPP, EXO_R_RESERVED, 0);
}

/* Metadata by the name of data, in core and not: nothing of it, and least of all its memory to write to. */
static void as_data(void)
{
	NEED(kit_frame(&k, NODE) == EXO_NOFRAME);
	SAYS(of(top, 1, NODE, 1, 0), -EPERM, EXO_R_NOT_CLAIMED, NODE);
	SAYS(changing(of(top, 1, NODE, 1, 0)), -EPERM, EXO_R_NOT_CLAIMED, NODE);
	SAYS(of(top, 1, NODE, 1, k.tmpl), 0, 0, 0);
	SAYS(changing(of(top, 1, NODE, 1, 0)), -EPERM, EXO_R_NOT_CLAIMED, NODE);
}

static u32 hooked;

/* The block is in core while it is read, and nobody may look at it. */
static void while_read(void *ctx, struct sim_disk *d, int op)
{
	sim_disk_hook(d, NULL, NULL);
	hooked++;
	CHECK(op == EXO_OP_READ && kit_frame(&k, NODE) != EXO_NOFRAME);
	SAYS(of(NODE, 2, LEAF, 1, 0), -ENOENT, EXO_R_NOT_IN_CORE, NODE);
}

/* Who makes the claim must be metadata that core has, and knows. */
static void parents(void)
{
	u32 frame;
	struct exo_claim c = {.start = DATA, .count = 4};

	SAYS(of(NODE, 2, LEAF, 1, 0), -ENOENT, EXO_R_NOT_IN_CORE, NODE);
	SAYS(of(BLOCKS + 5, 0, LEAF, 1, 0), -ENOENT, EXO_R_NOT_IN_CORE, BLOCKS + 5);
	sim_disk_hook(k.disk, while_read, NULL);
	NEED(!kit_read(&k, NODE, 1));
	CHECK(hooked == 1);
	/* Read ahead of time, it may be anything: a block that is free, with whatever was written to it. */
	SAYS(of(NODE, 2, LEAF, 1, 0), -EINVAL, EXO_R_NOT_META, NODE);
	see(top, 1, NODE);
	SAYS(of(NODE, 2, LEAF, 1, 0), 0, 0, 0);
	NEED(!kit_bind(&k, root, top, 0, c, EXO_RIGHT_READ, 0, (u32[4]){0}));
	SAYS(of(DATA, 0, LEAF, 1, 0), -EINVAL, EXO_R_NOT_META, DATA);
	for (frame = 0; frame < FRAMES; frame++)
		kit_unbind(&k, frame);
}

static void lie(u64 node, u32 index, u32 at, struct slot s)
{
	sim_disk_poke(k.disk, node, index * PART + at * sizeof(s), &s, sizeof(s));
}

static u32 quarantine(void)
{
	struct exo_root_get g = {.disk = k.d, .root = root};

	NEED(!CALL(&k, EXO_NR_ROOT_GET, g));
	return g.out_quarantine;
}

static void over(void)
{
	NEED(!kit_detach(&k, EXO_DETACH_DISCARD));
	kit_stop(&k);
}

/* A partition that its program calls malformed makes no claim, and the others go on. */
static void malformed(void)
{
	u32 one = 1;

	tree();
	sim_disk_poke(k.disk, NODE, 2 * PART + 504, &one, 4);
	back();
	see(EXO_NOBLOCK, 0, top);
	see(top, 1, NODE);
	SAYS(of(NODE, 2, LEAF, 1, 0), -EPERM, EXO_R_UDF_REJECT, (u64)NODE << 3 | 2);
	SAYS(of(NODE, 1, LEAF, 1, 0), -EPERM, EXO_R_NOT_CLAIMED, LEAF);
	CHECK(!quarantine());
	over();
}

/* Claims of what core knows to be nobody's: the root is damaged, and nothing more is given out through it. */
static void of_free(bool change)
{
	struct ask q = of(top, 3, LIE, 2, 0);
	int (*way)(const struct ask *) = change ? by_io : by_bind;

	tree();
	lie(top, 3, 0, (struct slot){LIE, 2, 0, 0, 0});
	back();
	see(EXO_NOBLOCK, 0, top);
	NEED(kit_free(&k, LIE) && !quarantine());
	q.rights = change ? EXO_RIGHT_ALL : EXO_RIGHT_READ;
	CHECK(way(&q) == -EUCLEAN && k.reason == EXO_R_QUARANTINED && k.detail == root);
	CHECK(quarantine() == EXO_QUARANTINE_CLAIM);
	SAYS(of(top, 0, DATA, 4, 0), -EUCLEAN, EXO_R_QUARANTINED, root);
	q = of(EXO_NOBLOCK, 0, vol, 4, 0);
	q.root = raw;
	SAYS(changing(q), 0, 0, 0);
	over();
}

/* The same block claimed a second time, and freed by its owner, whose pointer to it may still be found. */
static void of_waiting(void)
{
	struct ask q = of(top, 3, DATA + 1, 1, 0);

	tree();
	lie(top, 3, 0, (struct slot){DATA + 1, 1, 0, 0, 0});
	back();
	see(EXO_NOBLOCK, 0, top);
	/* Nobody has looked at all of it, so this is not known. */
	SAYS(q, 0, 0, 0);
	txn_slot(&t, top, kit_version(&k, top), 0, 0, (struct slot){0});
	txn_decl(&t, EXO_DECL_FREE, 0, DATA, 4);
	CHECK(!txn_go(&k, &t) && kit_info(&k).out_waiting == 4);
	CHECK(by_bind(&q) == -EUCLEAN && k.reason == EXO_R_QUARANTINED && quarantine() == EXO_QUARANTINE_CLAIM);
	over();
}

/* What core knows a block to be is not changed by a claim that says otherwise: of another kind, or another root's. */
static void known_otherwise(void)
{
	struct exo_claim c = {.start = DATA, .count = 4};
	struct ask q;
	u64 top2;
	u32 root2, frames[4];

	tree();
	NEED(!kit_attach(&k, 0) && !kit_root_add(&k, "liar", k.tmpl, EXO_NOBLOCK, 1, 0, &root2, &top2));
	NEED(!kit_sync(&k, EXO_NOROOT) && !kit_detach(&k, 0));
	lie(top2, 0, 0, (struct slot){DATA, 4, 0, 0, 0});
	lie(top2, 1, 0, (struct slot){DATA + 1, 1, 1, 0, 0});
	lie(top2, 2, 0, (struct slot){NODE, 1, 1, 0, 0});
	lie(top2, 3, 0, (struct slot){NODE, 1, 0, 0, 0});
	back();
	see(EXO_NOBLOCK, 0, top);
	see(top, 1, NODE);
	NEED(!kit_bind(&k, root, top, 0, c, EXO_RIGHT_ALL, 0, frames));
	c = (struct exo_claim){.start = top2, .count = 1, .template_id = k.tmpl};
	NEED(!kit_bind(&k, root2, EXO_NOBLOCK, 0, c, EXO_RIGHT_READ, 0, frames));
	q = of(top2, 0, DATA, 4, 0);
	CHECK(by_bind(&q) == -EPERM && k.reason == EXO_R_NOT_CLAIMED && k.detail == DATA);
	q.rights = EXO_RIGHT_ALL;
	CHECK(by_bind(&q) == -EPERM && k.reason == EXO_R_NOT_CLAIMED && k.detail == DATA);
	q = of(top2, 1, DATA + 1, 1, k.tmpl);
	CHECK(by_bind(&q) == -EPERM && k.reason == EXO_R_NOT_CLAIMED && k.detail == DATA + 1);
	q = of(top2, 2, NODE, 1, k.tmpl);
	CHECK(by_bind(&q) == -EPERM && k.reason == EXO_R_NOT_CLAIMED && k.detail == NODE);
	q = of(top2, 3, NODE, 1, 0);
	CHECK(by_bind(&q) == -EPERM && k.reason == EXO_R_NOT_CLAIMED && k.detail == NODE);
	q.rights = EXO_RIGHT_ALL;
	CHECK(by_bind(&q) == -EPERM && k.reason == EXO_R_NOT_CLAIMED && k.detail == NODE);
	kit_stop(&k);
}

/* Numbers that no claim can mend. */
static void form(void)
{
	struct ask q = of(EXO_NOBLOCK, 0, vol, 4, 0);
	u32 frames[4];
	struct exo_bind b = {.disk = k.d,
			     .root = raw,
			     .parent = EXO_NOBLOCK,
			     .claim = q.claim,
			     .first = vol,
			     .count = 4,
			     .rights = EXO_RIGHT_READ,
			     .frames = (uintptr_t)frames};
	static const u32 rights[] = {0, EXO_RIGHT_WRITE, 4, 7, ~0u};
	u32 i;

	q.root = raw;
	for (i = 0; i < sizeof(rights) / 4; i++) {
		q.rights = rights[i];
		CHECK(by_bind(&q) == -EINVAL && k.reason == EXO_R_RANGE && k.detail == rights[i]);
		CHECK(by_io_bind(&q) == -EINVAL && k.reason == EXO_R_RANGE && k.detail == rights[i]);
	}
	b.count = 0;
	CHECK(CALL(&k, EXO_NR_BIND, b) == -EINVAL && k.reason == EXO_R_RANGE && k.detail == 0);
	b.count = EXO_MAX_BIND + 1;
	CHECK(CALL(&k, EXO_NR_BIND, b) == -EINVAL && k.reason == EXO_R_RANGE && k.detail == EXO_MAX_BIND + 1);
	b.count = ~0u;
	CHECK(CALL(&k, EXO_NR_BIND, b) == -EINVAL && k.reason == EXO_R_RANGE && k.detail == ~0u);
	b.count = 4;
	b.head.flags = EXO_BIND_OVERWRITE;
	CHECK(CALL(&k, EXO_NR_BIND, b) == -EINVAL && k.reason == EXO_R_FLAGS && k.detail == EXO_BIND_OVERWRITE);
	b.head.flags = 0;
	sim_user_bad(frames, sizeof(frames));
	CHECK(CALL(&k, EXO_NR_BIND, b) == -EFAULT && k.reason == EXO_R_POINTER && k.e->nbound == 0);
	sim_user_clear();
	CHECK(!CALL(&k, EXO_NR_BIND, b) && k.e->nbound == 4);
	for (i = 0; i < 4; i++)
		NEED(!kit_unbind(&k, frames[i]));
}

/* Three quarters of the pool are an env's at most; what it has already costs nothing. */
static void limit(void)
{
	const u32 most = FRAMES * 3 / 4;
	struct exo_claim c = {.count = FRAMES};
	u32 frames[FRAMES], r, i;
	u64 at;
	struct exo_bind b = {.parent = EXO_NOBLOCK, .rights = EXO_RIGHT_READ, .frames = (uintptr_t)frames};

	kit_start(&k, FRAMES, BLOCKS, 0);
	NEED(!kit_root_add(&k, "raw", 0, EXO_NOBLOCK, FRAMES, 0, &r, &at));
	c.start = at;
	b.disk = k.d;
	b.root = r;
	b.claim = c;
	b.first = at;
	b.count = most + 1;
	CHECK(CALL(&k, EXO_NR_BIND, b) == -EDQUOT && k.reason == EXO_R_FRAME_LIMIT && k.detail == (u64)most << 32 && !k.e->nbound);
	b.count = most - 1;
	CHECK(!CALL(&k, EXO_NR_BIND, b) && k.e->nbound == most - 1);
	b.first = at + most - 1;
	b.count = 2;
	CHECK(CALL(&k, EXO_NR_BIND, b) == -EDQUOT && k.reason == EXO_R_FRAME_LIMIT && k.detail == ((u64)most << 32 | (most - 1)));
	b.count = 1;
	CHECK(!CALL(&k, EXO_NR_BIND, b) && k.e->nbound == most);
	b.first = at;
	b.count = most;
	CHECK(!CALL(&k, EXO_NR_BIND, b) && k.e->nbound == most);
	b.count = most + 1;
	CHECK(CALL(&k, EXO_NR_BIND, b) == -EDQUOT && k.reason == EXO_R_FRAME_LIMIT);
	for (i = 0; i < FRAMES; i++)
		kit_unbind(&k, i);
	CHECK(!k.e->nbound);
	b.first = at + 3;
	b.count = most;
	CHECK(!CALL(&k, EXO_NR_BIND, b));
	kit_stop(&k);
}

int main(void)
{
	tree();
	back();
	see(EXO_NOBLOCK, 0, top);
	as_data();
	over();
	tree();
	back();
	through_root();
	through_parent();
	parents();
	form();
	over();
	malformed();
	of_free(false);
	of_free(true);
	of_waiting();
	known_otherwise();
	limit();
	return check_done();
}
