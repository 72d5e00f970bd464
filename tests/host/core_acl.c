// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * core_acl.c: acl-UDFs through the calls: two users share a root by a group's capability, and udf/example_owned.c
 * decides between them. Then what an acl is told, and that a disk keeps it.
 */
#include <stddef.h>
#include <libexo.h>
#include "../udf/insn.h"
#include "core_kit.h"

#define FRAMES 256
#define BLOCKS 8192
#define GROUP 2000
#define MAGIC 0x444e574f

static const u32 group[] = {1000, GROUP}, group_other[] = {1001, GROUP}, alone[] = {1002};
static const struct exo_cred alice = {.uid = 1000, .ngids = 2, .gids = group},
			     bob = {.uid = 1001, .ngids = 2, .gids = group_other},
			     carol = {.uid = 1002, .ngids = 1, .gids = alone};
static struct txn t;

struct owned {
	u32 magic, used, uid, mode, gid, pad;
	u64 spare;
	struct exo_udf_claim entry[28];
};

static int add(struct kit *k, const struct exo_udf_code *c, u32 *id)
{
	struct exo_template_add q = {.disk = k->d,
				     .cap = k->cap,
				     .partition = c->partition,
				     .ninsns = c->ninsns,
				     .insns = (uintptr_t)c->insns,
				     .acl_insns = (uintptr_t)c->acl,
				     .acl_ninsns = c->nacl};
	int err;

	memcpy(q.name, c->name, sizeof(q.name));
	err = CALL(k, EXO_NR_TEMPLATE_ADD, q);
	*id = q.out_template;
	return err;
}

static const struct exo_stats *kit_stats(struct kit *k)
{
	void *base;
	size_t bytes;

	NEED(!exo_core_area_get(k->core, EXO_MAP_STATS, &base, &bytes));
	exo_core_area_put(k->core, EXO_MAP_STATS, base);
	return base;
}

/* The group's slot: {2, GROUP}. */
static u32 group_slot(struct kit *k)
{
	struct exo_cap caps[EXO_MAX_CAPS];
	struct exo_cap_list l = {.caps = (uintptr_t)caps, .count = EXO_MAX_CAPS};
	u32 i;

	NEED(!CALL(k, EXO_NR_CAP_LIST, l));
	for (i = 0; i < EXO_MAX_CAPS; i++)
		if (caps[i].depth == 2 && caps[i].name[0] == EXO_CAP_NS_GID && caps[i].name[1] == GROUP)
			return i;
	return EXO_MAX_CAPS;
}

static int fill(struct kit *k, u64 top, u32 part, const struct owned *o)
{
	txn_bytes(&t, top, kit_version(k, top), part * PART, o, sizeof(*o));
	return txn_go(k, &t);
}

static u32 refused_with(const struct kit *k, u64 top, u32 part)
{
	if (k->reason != EXO_R_ACL || EXO_ACL_BLOCK(k->detail) != top || EXO_ACL_INDEX(k->detail) != part)
		return 0;
	return EXO_ACL_CODE(k->detail);
}

static int io(struct kit *k, u64 top, u32 part, struct exo_claim c, u32 flags)
{
	u32 frame;
	struct exo_frame_alloc fa = {.head.flags = EXO_FRAME_ANY, .frames = (uintptr_t)&frame, .count = 1};
	struct exo_frame_free ff = {.frames = (uintptr_t)&frame, .count = 1};
	struct exo_io q = {.head.flags = flags,
			   .disk = k->d,
			   .cap = k->cap,
			   .index = part,
			   .parent = top,
			   .claim = c,
			   .first = c.start,
			   .count = 1,
			   .frames = (uintptr_t)&frame};
	u64 detail;
	u32 reason;
	int err;

	NEED(!CALL(k, EXO_NR_FRAME_ALLOC, fa));
	err = CALL(k, EXO_NR_IO, q);
	reason = k->reason;
	detail = k->detail;
	NEED(!CALL(k, EXO_NR_FRAME_FREE, ff));
	k->reason = reason;
	k->detail = detail;
	return err;
}

/* One user's file and its data block: who may do what, for one mode. */
static void modes(struct kit *a, struct kit *b, struct kit *c, u64 top, u64 data)
{
	struct exo_claim claim = {.start = data, .count = 1};
	struct owned o;
	u32 frame, mode;
	int err;

	for (mode = 0; mode < 8; mode++) {
		bool read = mode, write = mode & 4;

		memcpy(&o, kit_slot(a, top, 0, 0), sizeof(o));
		o.mode = mode;
		CHECK(!fill(a, top, 0, &o));
		err = kit_bind(b, 0, top, 0, claim, EXO_RIGHT_READ, 0, &frame);
		CHECK_MSG(read ? !err : err == -EPERM && refused_with(b, top, 0) == 3, "mode %u read: %d", mode, err);
		if (!err)
			CHECK(!kit_unbind(b, frame));
		err = kit_bind(b, 0, top, 0, claim, EXO_RIGHT_ALL, 0, &frame);
		CHECK_MSG(write ? !err : err == -EPERM && refused_with(b, top, 0) == 4, "mode %u write: %d", mode, err);
		if (!err)
			CHECK(!kit_unbind(b, frame));
		err = io(b, top, 0, claim, 0);
		CHECK_MSG(read ? !err : err == -EPERM && refused_with(b, top, 0) == 3, "mode %u read: %d", mode, err);
		err = io(b, top, 0, claim, EXO_IO_WRITE);
		CHECK_MSG(write ? !err : err == -EPERM && refused_with(b, top, 0) == 4, "mode %u write: %d", mode, err);
		/* The owner in any case; who has no capability for the root in none, whatever acl would say. */
		CHECK(!kit_bind(a, 0, top, 0, claim, EXO_RIGHT_ALL, 0, &frame) && !kit_unbind(a, frame));
		CHECK(kit_bind(c, 0, top, 0, claim, EXO_RIGHT_READ, 0, &frame) == -EACCES && c->reason == EXO_R_CAP);
	}
}

static void edits(struct kit *a, struct kit *b, u64 top, u64 data)
{
	struct owned o = {.magic = MAGIC, .used = 1, .uid = 1001, .gid = GROUP}, was, seen;
	u64 version, free_before = kit_info(a).out_free;
	u32 mode = 7;

	/* A partition that is nobody's: for oneself, not for another. */
	o.entry[0] = (struct exo_udf_claim){.start = data, .count = 1};
	txn_bytes(&t, top, kit_version(a, top), 0, &o, sizeof(o));
	txn_decl(&t, EXO_DECL_ALLOC, 0, data, 1);
	CHECK(txn_go(a, &t) == -EPERM && refused_with(a, top, 0) == 2);
	CHECK(kit_info(a).out_free == free_before && kit_free(a, data));
	o.uid = 1000;
	txn_bytes(&t, top, kit_version(a, top), 0, &o, sizeof(o));
	txn_decl(&t, EXO_DECL_ALLOC, 0, data, 1);
	CHECK(!txn_go(a, &t));

	/* The other one may not: not a bit of the mode, not the whole, not by freeing; and nothing of it happens. */
	memcpy(&was, kit_slot(a, top, 0, 0), sizeof(was));
	version = kit_version(a, top);
	txn_bytes(&t, top, version, 12, &mode, 4);
	CHECK(txn_go(b, &t) == -EPERM && refused_with(b, top, 0) == 1);
	memset(&seen, 0, sizeof(seen));
	txn_bytes(&t, top, version, 0, &seen, sizeof(seen));
	txn_decl(&t, EXO_DECL_FREE, 0, data, 1);
	CHECK(txn_go(b, &t) == -EPERM && refused_with(b, top, 0) == 1);
	CHECK(!kit_free(a, data) && kit_version(a, top) == version);
	/* One refused partition refuses the edits of the others. */
	o.used = 0;
	o.uid = 1001;
	txn_bytes(&t, top, version, PART, &o, 64);
	txn_bytes(&t, top, version, 12, &mode, 4);
	CHECK(txn_go(b, &t) == -EPERM && refused_with(b, top, 0) == 1);
	memcpy(&seen, kit_slot(a, top, 0, 0), sizeof(seen));
	CHECK(!memcmp(&seen, &was, sizeof(was)) && kit_version(a, top) == version);
	memcpy(&seen, kit_slot(a, top, 1, 0), sizeof(seen));
	CHECK(!seen.magic);
	/* Alone it is fine: the next partition of the same block is the other user's now. */
	CHECK(!fill(b, top, 1, &o));
	CHECK(fill(a, top, 1, &o) == -EPERM && refused_with(a, top, 1) == 1);
	/* An edit that changes nothing is an edit. */
	txn_bytes(&t, top, kit_version(a, top), 8, &was.uid, 4);
	CHECK(txn_go(b, &t) == -EPERM && refused_with(b, top, 0) == 1);
	/* The root of the name space is asked about like everybody: it may clear, and may not forge. */
	txn_bytes(&t, top, kit_version(a, top), PART + 12, &mode, 4);
}

static void users(const struct exo_udf_code *code)
{
	struct owned none = {0};
	struct kit k, a, b, c;
	u64 top, data = 3000;
	u32 id, root, frame, mode = 7;

	kit_start(&k, FRAMES, BLOCKS, SIM_VOLATILE);
	a = kit_as(&k, &alice);
	b = kit_as(&k, &bob);
	c = kit_as(&k, &carol);
	a.cap = group_slot(&a);
	b.cap = group_slot(&b);
	CHECK(a.cap < EXO_MAX_CAPS && b.cap < EXO_MAX_CAPS && group_slot(&c) == EXO_MAX_CAPS);
	NEED(!add(&a, code, &id));
	NEED(!kit_root_add(&a, "shared", id, EXO_NOBLOCK, 1, 0, &root, &top));
	while (!kit_free(&k, data))
		data++;
	/* The root's own extent is the capability's business. */
	CHECK(!kit_bind(&b, root, EXO_NOBLOCK, 0, (struct exo_claim){top, 1, id, 0}, EXO_RIGHT_READ, 0, &frame));
	edits(&a, &b, top, data);
	CHECK(txn_go(&k, &t) == -EPERM && refused_with(&k, top, 1) == 1);
	modes(&a, &b, &c, top, data);
	CHECK(!fill(&k, top, 1, &none));
	txn_bytes(&t, top, kit_version(&k, top), 12, &mode, 4);
	CHECK(txn_go(&k, &t) == -EPERM && refused_with(&k, top, 0) == 1);
	/* Mode 7 lets it read like everybody, and write no more than anybody outside the group. */
	CHECK(kit_bind(&k, 0, top, 0, (struct exo_claim){data, 1, 0, 0}, EXO_RIGHT_ALL, 0, &frame) == -EPERM &&
	      refused_with(&k, top, 0) == 4);
	CHECK(!kit_bind(&k, 0, top, 0, (struct exo_claim){data, 1, 0, 0}, EXO_RIGHT_READ, 0, &frame));
	CHECK(!kit_unbind(&k, frame) && !kit_unbind(&b, kit_frame(&k, top)));

	/* As before, after a detach and after a power cut: the acl is on the disk. */
	CHECK(kit_sync(&k, EXO_NOROOT) >= 0);
	CHECK(!kit_detach(&k, 0));
	NEED(!kit_attach(&k, 0));
	a.d = b.d = k.d;
	CHECK(!kit_bind(&b, root, EXO_NOBLOCK, 0, (struct exo_claim){top, 1, id, 0}, EXO_RIGHT_READ, 0, &frame));
	mode = 0;
	txn_bytes(&t, top, kit_version(&b, top), 12, &mode, 4);
	CHECK(txn_go(&b, &t) == -EPERM && refused_with(&b, top, 0) == 1);
	txn_bytes(&t, top, kit_version(&a, top), 12, &mode, 4);
	CHECK(!txn_go(&a, &t));
	CHECK(!kit_unbind(&b, frame));
	sim_env_close(a.senv);
	sim_env_close(b.senv);
	sim_env_close(c.senv);
	kit_stop(&k);
}

#define JNZ(dst, off) INSN(0x55, dst, 0, off, 0)

/* Slot 3 claims one block, from the word at 4, if the word at 8 is 1. */
static const u64 probe_owns[] = {REGION(1, 0, 0),     REGION(2, 1, 0),	    LDX_(SZ_W, 3, 1, 4), STX_(SZ_D, 2, 3, 48),
				 LDX_(SZ_W, 3, 1, 8), STX_(SZ_W, 2, 3, 56), MOV(0, 0),		 EXIT};

struct probe {
	u64 top;
	struct exo_claim c;
};

static u32 nprobes;

/* A root whose acl refuses with the word at `off` of its input, once the partition owns something. */
static struct probe probe(struct kit *k, struct kit *a, u32 off, u32 flags)
{
	const u64 acl[] = {
		REGION(1, 0, 0), LDX_(SZ_W, 2, 1, 8), MOV(0, 0), JNZ(2, 1), EXIT, LDX_(SZ_W, 0, 1, off), EXIT};
	struct exo_udf_code code = {.insns = (uint64_t *)probe_owns,
				    .ninsns = sizeof(probe_owns) / 8,
				    .acl = (uint64_t *)acl,
				    .nacl = sizeof(acl) / 8,
				    .partition = PART};
	struct probe p = {.c = {.start = 3000 + nprobes++, .count = 1}};
	u32 id, root, frame, start = (u32)p.c.start, one = 1;

	snprintf(code.name, sizeof(code.name), "probe %u", nprobes);
	NEED(!add(k, &code, &id));
	NEED(!kit_root_add(a, code.name, id, EXO_NOBLOCK, 1, flags, &root, &p.top));
	NEED(!kit_bind(a, root, EXO_NOBLOCK, 0, (struct exo_claim){p.top, 1, id, 0}, EXO_RIGHT_READ, 0, &frame));
	txn_bytes(&t, p.top, kit_version(a, p.top), 4, &start, 4);
	txn_bytes(&t, p.top, kit_version(a, p.top), 8, &one, 4);
	txn_decl(&t, EXO_DECL_ALLOC, 0, start, 1);
	NEED(!txn_go(a, &t));
	return p;
}

#define OTHER (~0u)
/* What the acl answers this user: 0 allowed; OTHER: refused for another reason. */
static u32 ask(struct kit *u, const struct probe *p, u32 op)
{
	u32 frame, nine = 9;
	int err;

	if (op == EXO_ACL_EDIT) {
		txn_bytes(&t, p->top, kit_version(u, p->top), 0, &nine, 4);
		err = txn_go(u, &t);
	} else {
		err = kit_bind(u, 0, p->top, 0, p->c, op == EXO_ACL_BIND_WRITE ? EXO_RIGHT_ALL : EXO_RIGHT_READ, 0,
			       &frame);
		if (!err)
			CHECK(!kit_unbind(u, frame));
	}
	if (!err)
		return 0;
	return err == -EPERM && refused_with(u, p->top, 0) ? refused_with(u, p->top, 0) : OTHER;
}

/* What an acl is told, word by word. */
static void told(void)
{
	enum { IN = 2 * PART, START = 0xabcde };
	static const struct {
		u32 off, edit, read, write;
	} w[] = {
		{4, START, START, START}, /* the partition before */
		{PART, 9, 0, 0},	  /* and after */
		{IN + offsetof(struct exo_acl_in, op), EXO_ACL_EDIT, EXO_ACL_BIND_READ, EXO_ACL_BIND_WRITE},
		{IN + offsetof(struct exo_acl_in, uid), 1000, 1000, 1000},
		{IN + offsetof(struct exo_acl_in, ngids), 2, 2, 2},
		{IN + offsetof(struct exo_acl_in, claim_slot), 0xfffff, 3, 3}, /* cut to what the detail holds */
		{IN + offsetof(struct exo_acl_in, admin), 0, 0, 0},
		{IN + offsetof(struct exo_acl_in, pad), 0, 0, 0},
		{IN + offsetof(struct exo_acl_in, cap), EXO_CAP_NS_GID, EXO_CAP_NS_GID, EXO_CAP_NS_GID},
		{IN + offsetof(struct exo_acl_in, cap.name[1]), GROUP, GROUP, GROUP},
		{IN + offsetof(struct exo_acl_in, cap.depth), 2, 2, 2},
		{IN + offsetof(struct exo_acl_in, cap.rights), EXO_RIGHT_ALL, EXO_RIGHT_ALL, EXO_RIGHT_ALL},
		{IN + offsetof(struct exo_acl_in, gids[0]), 1000, 1000, 1000},
		{IN + offsetof(struct exo_acl_in, gids[1]), GROUP, GROUP, GROUP},
		{IN + offsetof(struct exo_acl_in, gids[2]), 0, 0, 0},
	};
	struct kit k, a;
	struct probe p;
	u32 i, op, got, want;

	kit_start(&k, FRAMES, BLOCKS, SIM_VOLATILE);
	a = kit_as(&k, &alice);
	a.cap = group_slot(&a);
	for (i = 0; i < sizeof(w) / sizeof(w[0]); i++) {
		p = probe(&k, &a, w[i].off, 0);
		for (op = EXO_ACL_EDIT; op <= EXO_ACL_BIND_WRITE; op++) {
			want = op == EXO_ACL_EDIT ? w[i].edit : op == EXO_ACL_BIND_READ ? w[i].read : w[i].write;
			if (want == START)
				want = (u32)p.c.start;
			got = ask(&a, &p, op);
			CHECK_MSG(got == want, "offset %u, op %u: %u, not %u", w[i].off, op, got, want);
		}
	}
	sim_env_close(a.senv);
	kit_stop(&k);
}

/* The clock, and who relies on which capability. */
static void told_who(void)
{
	enum { IN = 2 * PART };
	static const u32 none[] = {EXO_MAX_CAPS - 1, EXO_MAX_CAPS, 1u << 20, ~0u};
	struct kit k, a, c;
	struct probe p;
	u32 days, i;

	kit_start(&k, FRAMES, BLOCKS, SIM_VOLATILE);
	a = kit_as(&k, &alice);
	c = kit_as(&k, &carol);
	a.cap = group_slot(&a);
	/* The upper 16 bits of the time count 2^48 ns. */
	p = probe(&k, &a, IN + offsetof(struct exo_acl_in, time) + 6, 0);
	days = ask(&a, &p, EXO_ACL_EDIT);
	CHECK_MSG(days > 6000, "%u", days);
	sim_time_advance(20ull << 48);
	CHECK_MSG(ask(&a, &p, EXO_ACL_EDIT) == days + 20, "%u", days);
	/* The root of the name space is asked about, and known for what it is. */
	p = probe(&k, &a, IN + offsetof(struct exo_acl_in, admin), 0);
	CHECK(ask(&k, &p, EXO_ACL_EDIT) == 1 && ask(&k, &p, EXO_ACL_BIND_READ) == 1 &&
	      ask(&a, &p, EXO_ACL_BIND_READ) == 0);
	/* Its own uid's slot says nothing about the other. */
	k.cap = 1;
	CHECK(ask(&k, &p, EXO_ACL_BIND_READ) == OTHER && k.reason == EXO_R_CAP);
	k.cap = 0;
	/* A public root asks for no capability, but the acl is asked, and told that there was none: an empty slot, or no slot. */
	p = probe(&k, &a, IN + offsetof(struct exo_acl_in, cap.rights), EXO_ROOT_PUBLIC_READ);
	for (i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		c.cap = none[i];
		CHECK(ask(&c, &p, EXO_ACL_BIND_READ) == 0 && ask(&c, &p, EXO_ACL_BIND_WRITE) == OTHER);
	}
	c.cap = 0;
	CHECK(ask(&c, &p, EXO_ACL_BIND_READ) == EXO_RIGHT_ALL);
	p = probe(&k, &a, IN + offsetof(struct exo_acl_in, uid), EXO_ROOT_PUBLIC_READ);
	CHECK(ask(&c, &p, EXO_ACL_BIND_READ) == 1002);
	sim_env_close(a.senv);
	sim_env_close(c.senv);
	kit_stop(&k);
}

/* Content that comes with a transaction: the partition as edited is asked about, as if its block were bound for
 * writing. */
static void content(void)
{
	enum { IN = 2 * PART };
	static const struct {
		u32 off, code;
	} w[] = {{IN + offsetof(struct exo_acl_in, op), EXO_ACL_BIND_WRITE},
		 {IN + offsetof(struct exo_acl_in, claim_slot), 3},
		 {4, 3002}, /* what it will hold */
		 {12, 0}};
	struct kit k, a;
	u64 top, version;
	u32 i;

	kit_start(&k, FRAMES, BLOCKS, SIM_VOLATILE);
	a = kit_as(&k, &alice);
	a.cap = group_slot(&a);
	for (i = 0; i < sizeof(w) / sizeof(w[0]); i++) {
		/* Nothing is refused as long as the partition owns nothing. */
		const u64 acl[] = {REGION(1, 0, 0),
				   LDX_(SZ_W, 2, 1, 8),
				   MOV(0, 0),
				   JNZ(2, 1),
				   EXIT,
				   LDX_(SZ_W, 0, 1, w[i].off),
				   EXIT};
		struct exo_udf_code code = {.insns = (uint64_t *)probe_owns,
					    .ninsns = sizeof(probe_owns) / 8,
					    .acl = (uint64_t *)acl,
					    .nacl = sizeof(acl) / 8,
					    .partition = PART};
		u32 id, root, frame, word[2] = {3000 + i, 1};

		snprintf(code.name, sizeof(code.name), "content %u", i);
		NEED(!add(&k, &code, &id) && !kit_root_add(&a, code.name, id, EXO_NOBLOCK, 1, 0, &root, &top));
		NEED(!kit_bind(&a, root, EXO_NOBLOCK, 0, (struct exo_claim){top, 1, id, 0}, EXO_RIGHT_READ, 0, &frame));
		version = kit_version(&a, top);
		txn_bytes(&t, top, version, 4, word, sizeof(word));
		txn_bytes(&t, word[0], EXO_VERSION_DATA, 0, "x", 1);
		txn_decl(&t, EXO_DECL_ALLOC, 0, word[0], 1);
		if (!w[i].code) {
			CHECK(!txn_go(&a, &t) && kit_buf(&a, word[0]));
			continue;
		}
		CHECK(txn_go(&a, &t) == -EPERM && refused_with(&a, top, 0) == w[i].code);
		CHECK(kit_free(&a, word[0]) && !kit_buf(&a, word[0]) && kit_version(&a, top) == version);
		/* Without content only the edit is asked about. */
		txn_bytes(&t, top, version, 4, word, sizeof(word));
		txn_decl(&t, EXO_DECL_ALLOC, 0, word[0], 1);
		CHECK(!txn_go(&a, &t));
	}
	sim_env_close(a.senv);
	kit_stop(&k);
}

/* Slot 0 claims one block, from the word at 4, if the word at 8 is 1, of the kind that the word at 12 says. */
static const u64 link_owns[] = {
	REGION(1, 0, 0),     REGION(2, 1, 0),	   LDX_(SZ_W, 3, 1, 4),	 STX_(SZ_D, 2, 3, 0), LDX_(SZ_W, 3, 1, 8),
	STX_(SZ_W, 2, 3, 8), LDX_(SZ_W, 3, 1, 12), STX_(SZ_W, 2, 3, 12), MOV(0, 0),	      EXIT};

static int root_del(struct kit *k, u32 root)
{
	struct exo_root_del q = {.disk = k->d, .cap = k->cap, .root = root};

	return CALL(k, EXO_NR_ROOT_DEL, q);
}

static u32 word(struct kit *k, u64 block, u64 version, u32 part, u32 at, u32 value, u64 child, u32 id)
{
	const u32 link[] = {(u32)child, 1, 1};

	txn_bytes(&t, block, version, part * PART + at, &value, 4);
	if (child) {
		txn_bytes(&t, 3000, kit_version(k, 3000), 4, link, sizeof(link));
		txn_decl(&t, EXO_DECL_ALLOC, id, child, 1);
	}
	return !txn_go(k, &t) ? 0 : refused_with(k, block, part) ?: OTHER;
}

/*
 * A new block is asked about like any other, and was zeroes before, whatever the acl saw last. This one refuses with the word at 20
 * before, then with the word at 24 after.
 */
static void fresh(void)
{
	static const u64 acl[] = {REGION(1, 0, 0), LDX_(SZ_W, 0, 1, 20), JNZ(0, 1), LDX_(SZ_W, 0, 1, PART + 24), EXIT};
	const struct exo_udf_code code = {.name = "fresh",
					  .insns = (uint64_t *)link_owns,
					  .ninsns = sizeof(link_owns) / 8,
					  .acl = (uint64_t *)acl,
					  .nacl = sizeof(acl) / 8,
					  .partition = PART};
	const u64 top = 3000, new = 2500; /* the lower one is asked about first */
	struct kit k;
	u32 id, root;

	kit_start(&k, FRAMES, BLOCKS, SIM_VOLATILE);
	NEED(!add(&k, &code, &id) && !kit_root_add(&k, "fresh", id, top, 1, 0, &root, NULL));
	CHECK(!word(&k, top, kit_version(&k, top), 1, 20, 5, 0, 0));
	CHECK(word(&k, top, kit_version(&k, top), 1, 20, 0, 0, 0) == 5);
	CHECK(word(&k, new, EXO_VERSION_NEW, 2, 24, 77, new, id) == 77 && kit_free(&k, new));
	/* An answer too large for the detail is a refusal all the same, with the largest that fits. */
	CHECK(word(&k, new, EXO_VERSION_NEW, 2, 24, 1u << 20, new, id) == (1u << 20) - 1 && kit_free(&k, new));
	CHECK(word(&k, top, kit_version(&k, top), 1, 20, 0, 0, 0) == 5);
	CHECK(!word(&k, new, EXO_VERSION_NEW, 2, 28, 1, new, id) && !kit_free(&k, new));
	kit_stop(&k);
}

/*
 * A root that its owner shares: users without a capability in common, and the acl between them. Metadata without an
 * acl, and the root as a whole, stay with the owner.
 */
static void shared(const struct exo_udf_code *code)
{
	const u64 yes[] = {MOV(0, 0), EXIT};
	struct exo_udf_code plain = {.insns = (uint64_t *)probe_owns,
				     .ninsns = sizeof(probe_owns) / 8,
				     .partition = PART},
			    link = {.insns = (uint64_t *)link_owns,
				    .ninsns = sizeof(link_owns) / 8,
				    .acl = (uint64_t *)yes,
				    .nacl = sizeof(yes) / 8,
				    .partition = PART};
	struct owned o = {.magic = MAGIC, .used = 1, .uid = 1002};
	struct exo_template_add ta;
	u32 id, none, both, root, other, frame, word[3] = {0, 1, 2};
	u64 top, top2, data = 3000;
	struct exo_claim claim;
	struct kit k, a, c;

	kit_start(&k, FRAMES, BLOCKS, SIM_VOLATILE);
	a = kit_as(&k, &alice);
	c = kit_as(&k, &carol);
	strcpy(plain.name, "plain");
	strcpy(link.name, "link");
	NEED(!add(&a, code, &id) && !add(&a, &plain, &none));
	CHECK(kit_root_add(&a, "no", none, EXO_NOBLOCK, 1, EXO_ROOT_SHARED, &root, &top) == -EINVAL &&
	      a.reason == EXO_R_FLAGS && a.detail == EXO_ROOT_SHARED);
	CHECK(kit_root_add(&a, "no", 0, EXO_NOBLOCK, 1, EXO_ROOT_SHARED, &root, &top) == -EINVAL &&
	      a.reason == EXO_R_FLAGS);
	CHECK(kit_root_add(&a, "no", id, EXO_NOBLOCK, 1, 8, &root, &top) == -EOPNOTSUPP && a.detail == 8);
	NEED(!kit_root_add(&a, "all", id, EXO_NOBLOCK, 1, EXO_ROOT_SHARED, &root, &top));
	NEED(!kit_root_add(&a, "one", id, EXO_NOBLOCK, 1, 0, &other, &top2));
	while (!kit_free(&k, data))
		data++;
	claim = (struct exo_claim){data, 1, 0, 0};
	/* Carol has nothing in common with Alice. Without the flag the capability decides, with it the acl. */
	CHECK(kit_bind(&c, other, EXO_NOBLOCK, 0, (struct exo_claim){top2, 1, id, 0}, EXO_RIGHT_READ, 0, &frame) ==
		      -EACCES &&
	      c.reason == EXO_R_CAP);
	CHECK(!kit_bind(&c, root, EXO_NOBLOCK, 0, (struct exo_claim){top, 1, id, 0}, EXO_RIGHT_READ, 0, &frame));
	o.entry[0] = (struct exo_udf_claim){.start = data, .count = 1};
	txn_bytes(&t, top, kit_version(&c, top), 0, &o, sizeof(o));
	txn_decl(&t, EXO_DECL_ALLOC, 0, data, 1);
	CHECK(!txn_go(&c, &t));
	txn_bytes(&t, top, kit_version(&c, top), 12, &word[1], 4);
	CHECK(txn_go(&a, &t) == -EPERM && refused_with(&a, top, 0) == 1);
	CHECK(kit_bind(&a, 0, top, 0, claim, EXO_RIGHT_READ, 0, &frame) == -EPERM && refused_with(&a, top, 0) == 3);
	CHECK(!kit_bind(&c, 0, top, 0, claim, EXO_RIGHT_ALL, 0, &frame) && !kit_unbind(&c, frame));
	/* A slot without a capability is none. */
	c.cap = 63;
	CHECK(kit_bind(&c, 0, top, 0, claim, EXO_RIGHT_READ, 0, &frame) == -EACCES && c.reason == EXO_R_SLOT);
	txn_bytes(&t, top, kit_version(&c, top), 12, &word[1], 4);
	CHECK(txn_go(&c, &t) == -EACCES && c.reason == EXO_R_SLOT);
	c.cap = 0;
	/* The whole tree is its owner's to drop, and nobody else's. */
	CHECK(root_del(&c, root) == -EACCES && c.reason == EXO_R_CAP);
	CHECK(!kit_unbind(&c, kit_frame(&c, top)));
	/* As before after a walk: the flag is on the disk. */
	CHECK(kit_sync(&k, EXO_NOROOT) >= 0 && !kit_detach(&k, 0));
	NEED(!kit_attach(&k, EXO_ATTACH_WALK));
	a.d = c.d = k.d;
	CHECK(!kit_bind(&c, root, EXO_NOBLOCK, 0, (struct exo_claim){top, 1, id, 0}, EXO_RIGHT_READ, 0, &frame));
	txn_bytes(&t, top, kit_version(&c, top), 12, &word[1], 4);
	CHECK(!txn_go(&c, &t) && !kit_unbind(&c, frame));
	CHECK(!root_del(&a, root));

	/* Below an acl that allows everything: metadata without an acl. */
	NEED(!add(&a, &plain, &none));
	ta = (struct exo_template_add){.disk = k.d,
				       .partition = PART,
				       .ninsns = link.ninsns,
				       .insns = (uintptr_t)link.insns,
				       .acl_insns = (uintptr_t)link.acl,
				       .acl_ninsns = link.nacl,
				       .nrefs = 1,
				       .refs = {none}};
	strcpy(ta.name, "link");
	NEED(!CALL(&a, EXO_NR_TEMPLATE_ADD, ta));
	both = ta.out_template;
	NEED(!kit_root_add(&a, "mixed", both, EXO_NOBLOCK, 1, EXO_ROOT_SHARED, &root, &top));
	CHECK(!kit_bind(&c, root, EXO_NOBLOCK, 0, (struct exo_claim){top, 1, both, 0}, EXO_RIGHT_READ, 0, &frame));
	for (data = 3000; !kit_free(&k, data) || !kit_free(&k, data + 1); data++)
		;
	word[0] = (u32)data;
	txn_bytes(&t, top, kit_version(&a, top), 4, word, sizeof(word));
	txn_decl(&t, EXO_DECL_ALLOC, none, data, 1);
	CHECK(!txn_go(&a, &t));
	claim = (struct exo_claim){data, 1, none, 0};
	CHECK(!kit_bind(&c, 0, top, 0, claim, EXO_RIGHT_READ, 0, &frame));
	word[0] = (u32)data + 1;
	txn_bytes(&t, data, kit_version(&c, data), 4, word, 8);
	txn_decl(&t, EXO_DECL_ALLOC, 0, data + 1, 1);
	CHECK(txn_go(&c, &t) == -EACCES && c.reason == EXO_R_CAP);
	txn_bytes(&t, data, kit_version(&a, data), 4, word, 8);
	txn_decl(&t, EXO_DECL_ALLOC, 0, data + 1, 1);
	CHECK(!txn_go(&a, &t));
	claim = (struct exo_claim){data + 1, 1, 0, 0};
	CHECK(kit_bind(&c, 0, data, 0, claim, EXO_RIGHT_READ, 0, &frame) == -EACCES && c.reason == EXO_R_CAP);
	CHECK(kit_bind(&c, 0, data, 0, claim, EXO_RIGHT_ALL, 0, &frame) == -EACCES && c.reason == EXO_R_CAP);
	sim_env_close(a.senv);
	sim_env_close(c.senv);
	kit_stop(&k);
}

/* TEMPLATE_ADD and TEMPLATE_GET: the old length of their structs, limits, gates, what comes back. */
static void installing(const struct exo_udf_code *code)
{
	static u64 owns[EXO_MAX_INSNS], acl[EXO_MAX_INSNS];
	const u64 writes[] = {REGION(1, 1, 0), MOV(0, 0), EXIT}, calls[] = {MOV(0, 0), INSN(0x85, 0, 0, 0, 5), EXIT},
		  past[] = {REGION(1, 0, 0), LDX_(SZ_W, 0, 1, EXO_ACL_BYTES(512) - 3), EXIT},
		  last[] = {REGION(1, 0, 0), LDX_(SZ_W, 0, 1, EXO_ACL_BYTES(512) - 4), EXIT},
		  ctx[] = {LDX_(SZ_W, 0, 1, 8), EXIT};
	struct exo_udf_code c = *code;
	struct exo_template_get g = {.insns = (uintptr_t)owns,
				     .max_insns = EXO_MAX_INSNS,
				     .acl_insns = (uintptr_t)acl,
				     .max_acl_insns = EXO_MAX_INSNS};
	struct exo_template_add q;
	u64 udfs;
	struct kit k;
	u32 id, again, without;

	kit_start(&k, FRAMES, BLOCKS, 0);
	udfs = kit_stats(&k)->udfs;
	CHECK(!add(&k, code, &id) && !add(&k, code, &again) && id == again);
	CHECK(kit_stats(&k)->udfs == udfs + 2);
	g.disk = k.d;
	g.template_id = id;
	CHECK(!CALL(&k, EXO_NR_TEMPLATE_GET, g) && g.out_ninsns == code->ninsns && g.out_acl_ninsns == code->nacl);
	CHECK(!memcmp(owns, code->insns, code->ninsns * 8ull) && !memcmp(acl, code->acl, code->nacl * 8ull));
	/* Without its acl it is another template. */
	q = (struct exo_template_add){
		.disk = k.d, .partition = 512, .ninsns = code->ninsns, .insns = (uintptr_t)code->insns};
	memcpy(q.name, code->name, sizeof(q.name));
	CHECK(!kit_call(&k, EXO_NR_TEMPLATE_ADD, &q.head, offsetof(struct exo_template_add, acl_insns)));
	without = q.out_template;
	CHECK(without && without != id && kit_stats(&k)->udfs == udfs + 3);
	CHECK(kit_call(&k, EXO_NR_TEMPLATE_ADD, &q.head, offsetof(struct exo_template_add, acl_insns) - 8) == -EINVAL &&
	      k.reason == EXO_R_SIZE && k.detail == offsetof(struct exo_template_add, acl_insns));
	g.template_id = without;
	acl[0] = g.out_acl_ninsns = 77;
	CHECK(!kit_call(&k, EXO_NR_TEMPLATE_GET, &g.head, offsetof(struct exo_template_get, acl_insns)));
	CHECK(g.out_acl_ninsns == 77 && acl[0] == 77 && g.out_ninsns == code->ninsns);
	CHECK(!CALL(&k, EXO_NR_TEMPLATE_GET, g) && !g.out_acl_ninsns && acl[0] == 77);
	q.pad2 = 1;
	CHECK(CALL(&k, EXO_NR_TEMPLATE_ADD, q) == -EOPNOTSUPP && k.reason == EXO_R_RESERVED);
	q.pad2 = 0;
	/* An acl that is there and has no length is a mistake, and a long one has a limit. */
	q.acl_insns = (uintptr_t)code->acl;
	CHECK(CALL(&k, EXO_NR_TEMPLATE_ADD, q) == -EINVAL && k.reason == EXO_R_UDF_LENGTH && !k.detail);
	q.acl_ninsns = EXO_MAX_INSNS + 1;
	CHECK(CALL(&k, EXO_NR_TEMPLATE_ADD, q) == -EINVAL && k.reason == EXO_R_UDF_LENGTH &&
	      k.detail == EXO_MAX_INSNS + 1);
	q.acl_ninsns = 1;
	q.acl_insns = 4096;
	CHECK(CALL(&k, EXO_NR_TEMPLATE_ADD, q) == -EFAULT && k.reason == EXO_R_POINTER);
	/* Its gates; the index of an instruction counts on behind the other program. */
#define ACL(x) (c.acl = (uint64_t *)(x), c.nacl = sizeof(x) / 8, add(&k, &c, &again))
	CHECK(ACL(writes) == -EPERM && k.reason == EXO_R_UDF_SCAN &&
	      k.detail == ((u64)code->ninsns << 32 | EXO_SCAN_MAP));
	CHECK(ACL(calls) == -EPERM && k.reason == EXO_R_UDF_SCAN &&
	      k.detail == ((u64)(code->ninsns + 1) << 32 | EXO_SCAN_HELPER));
	CHECK(ACL(past) == -EPERM && k.reason == EXO_R_UDF_VERIFY && k.detail == (EXO_UDF_ACL | EACCES));
	CHECK(ACL(ctx) == -EPERM && k.reason == EXO_R_UDF_CTX && k.detail == EXO_UDF_ACL);
	CHECK(!ACL(last) && kit_stats(&k)->udfs == udfs + 5);
	CHECK(!kit_detach(&k, 0) && !kit_stats(&k)->udfs);
	kit_stop(&k);
}

/* Bytes of a template's slot are damaged: only the roots that need it suffer, and nothing is open. */
static void damaged(const struct exo_udf_code *code)
{
	const u64 at[] = {4096 + 8, 4096 + code->ninsns * 8ull, 4096 + (code->ninsns + code->nacl) * 8ull - 1, 164};
	struct exo_udf_code plain = *code;
	u32 i, id, other, root, fine;
	u64 top, top_fine;

	plain.acl = NULL;
	plain.nacl = 0;
	for (i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		struct exo_root_get g = {0};
		struct exo_template_get tg = {0};
		struct exo_disk_info info;
		struct kit k;
		u32 frame;
		u8 byte;

		kit_start(&k, FRAMES, BLOCKS, 0);
		NEED(!add(&k, code, &id) && !add(&k, &plain, &other));
		NEED(!kit_root_add(&k, "one", id, EXO_NOBLOCK, 1, 0, &root, &top));
		NEED(!kit_root_add(&k, "two", other, EXO_NOBLOCK, 1, 0, &fine, &top_fine));
		CHECK(kit_sync(&k, EXO_NOROOT) >= 0);
		NEED(!kit_detach(&k, 0));
		sim_disk_peek(k.disk, 1 + 16ull * id + at[i] / 4096, at[i] % 4096, &byte, 1);
		byte ^= 1;
		sim_disk_poke(k.disk, 1 + 16ull * id + at[i] / 4096, at[i] % 4096, &byte, 1);
		NEED(!kit_attach(&k, EXO_ATTACH_WALK));
		info = kit_info(&k);
		CHECK_MSG(info.out_quarantined == 1 && info.out_bad_templates == 1, "byte %llu: %u roots, %u templates",
			  at[i], info.out_quarantined, info.out_bad_templates);
		g.disk = tg.disk = k.d;
		g.root = root;
		tg.template_id = id;
		CHECK(!CALL(&k, EXO_NR_ROOT_GET, g) && g.out_quarantine == EXO_QUARANTINE_TEMPLATE);
		CHECK(!CALL(&k, EXO_NR_TEMPLATE_GET, tg) && tg.out_flags == EXO_TEMPLATE_BAD);
		CHECK(kit_bind(&k, root, EXO_NOBLOCK, 0, (struct exo_claim){top, 1, id, 0}, EXO_RIGHT_READ, 0,
			       &frame) == -EUCLEAN &&
		      k.reason == EXO_R_QUARANTINED);
		CHECK(!kit_bind(&k, fine, EXO_NOBLOCK, 0, (struct exo_claim){top_fine, 1, other, 0}, EXO_RIGHT_READ, 0,
				&frame) &&
		      !kit_unbind(&k, frame));
		kit_stop(&k);
	}
}

int main(int argc, char **argv)
{
	struct exo_udf_code code;
	struct exo_why why;

	NEED(!exo_udf_read(argc > 1 ? argv[1] : "build/udf/example_owned.o", &code, &why));
	CHECK(code.acl && code.nacl && code.partition == PART);
	users(&code);
	shared(&code);
	told();
	told_who();
	content();
	fresh();
	installing(&code);
	damaged(&code);
	exo_udf_free(&code);
	return check_done();
}
