// SPDX-License-Identifier: GPL-2.0 OR MIT
/* core_calls.c: the calls end to end, each rule of the contract by an example. */
#include "core_kit.h"

#define FRAMES 256
#define BLOCKS 8192

static struct txn t;

static u64 free_block(struct kit *k, u64 from)
{
	while (!kit_free(k, from))
		from++;
	return from;
}

static struct exo_claim claim(u64 start, u64 count, u32 tmpl)
{
	return (struct exo_claim){.start = start, .count = count, .template_id = tmpl};
}

/* A root with one node, synced. */
static u32 make_root(struct kit *k, const char *name, u64 *top)
{
	u32 root;

	NEED(!kit_root_add(k, name, k->tmpl, EXO_NOBLOCK, 1, 0, &root, top));
	return root;
}

static void conservation(void)
{
	struct kit k;
	u64 top, a, before;
	u32 frame, root;

	kit_start(&k, FRAMES, BLOCKS, SIM_VOLATILE);
	root = make_root(&k, "one", &top);
	before = kit_info(&k).out_free;
	a = free_block(&k, 3000);
	/* gain without declaration */
	txn_slot(&t, top, kit_version(&k, top), 0, 0, (struct slot){a, 2, 0, 1, 0});
	CHECK(txn_go(&k, &t) == -EPERM && k.reason == EXO_R_NOT_CONSERVED && k.nranges == 1);
	CHECK(k.ranges[0].kind == EXO_RANGE_GAINED && k.ranges[0].start == a && k.ranges[0].count == 2);
	/* declaration without gain */
	txn_bytes(&t, top, kit_version(&k, top), 480, "x", 1);
	txn_decl(&t, EXO_DECL_ALLOC, 0, a, 2);
	CHECK(txn_go(&k, &t) == -EPERM && k.reason == EXO_R_NOT_CONSERVED && k.ranges[0].kind == EXO_RANGE_UNMET);
	/* one block short */
	txn_slot(&t, top, kit_version(&k, top), 0, 0, (struct slot){a, 2, 0, 1, 0});
	txn_decl(&t, EXO_DECL_ALLOC, 0, a, 1);
	CHECK(txn_go(&k, &t) == -EPERM && k.reason == EXO_R_NOT_CONSERVED);
	/* wrong template */
	txn_slot(&t, top, kit_version(&k, top), 0, 0, (struct slot){a, 2, 0, 1, 0});
	txn_decl(&t, EXO_DECL_ALLOC, k.tmpl, a, 2);
	CHECK(txn_go(&k, &t) == -EPERM && k.reason == EXO_R_NOT_CONSERVED);
	/* twice in one partition, and in two */
	txn_slot(&t, top, kit_version(&k, top), 0, 0, (struct slot){a, 2, 0, 1, 0});
	txn_slot(&t, top, kit_version(&k, top), 0, 1, (struct slot){a + 1, 2, 0, 1, 0});
	txn_decl(&t, EXO_DECL_ALLOC, 0, a, 3);
	CHECK(txn_go(&k, &t) == -EPERM && k.reason == EXO_R_OVERLAP && k.detail == a + 1);
	txn_slot(&t, top, kit_version(&k, top), 0, 0, (struct slot){a, 2, 0, 1, 0});
	txn_slot(&t, top, kit_version(&k, top), 5, 1, (struct slot){a + 1, 2, 0, 1, 0});
	txn_decl(&t, EXO_DECL_ALLOC, 0, a, 3);
	CHECK(txn_go(&k, &t) == -EPERM && k.reason == EXO_R_OVERLAP && k.detail == a + 1);
	/* claims that overflow or leave the data area */
	txn_slot(&t, top, kit_version(&k, top), 0, 0, (struct slot){~0ull, 2, 0, 1, 0});
	CHECK(txn_go(&k, &t) == -EPERM && k.reason == EXO_R_UDF_CLAIM);
	txn_slot(&t, top, kit_version(&k, top), 0, 0, (struct slot){0, 1, 0, 1, 0});
	CHECK(txn_go(&k, &t) == -EPERM && k.reason == EXO_R_UDF_CLAIM);
	txn_slot(&t, top, kit_version(&k, top), 3, 0, (struct slot){BLOCKS - 1, 1, 0, 1, 0});
	CHECK(txn_go(&k, &t) == -EPERM && k.reason == EXO_R_UDF_CLAIM && k.detail == (top << 3 | 3));
	txn_slot(&t, top, kit_version(&k, top), 0, 0, (struct slot){a, 1, 2, 1, 0});
	CHECK(txn_go(&k, &t) == -EPERM && k.reason == EXO_R_UDF_CLAIM);
	/* malformed */
	txn_bytes(&t, top, kit_version(&k, top), 504, "x", 1);
	CHECK(txn_go(&k, &t) == -EPERM && k.reason == EXO_R_UDF_REJECT && k.detail == top << 3);
	/* declarations on their own */
	txn_bytes(&t, top, kit_version(&k, top), 480, "x", 1);
	txn_decl(&t, EXO_DECL_ALLOC, 0, a, 2);
	txn_decl(&t, EXO_DECL_FREE, 0, a + 1, 2);
	CHECK(txn_go(&k, &t) == -EINVAL && k.reason == EXO_R_DECL);
	txn_bytes(&t, top, kit_version(&k, top), 480, "x", 1);
	txn_decl(&t, 4, 0, a, 2);
	CHECK(txn_go(&k, &t) == -EINVAL && k.reason == EXO_R_DECL && k.detail == 0);
	/* a stale version, a block that is not metadata, one that is not there */
	txn_bytes(&t, top, kit_version(&k, top) + 2, 480, "x", 1);
	CHECK(txn_go(&k, &t) == -ESTALE && k.reason == EXO_R_VERSION && k.detail == top);
	txn_bytes(&t, a, 2, 480, "x", 1);
	CHECK(txn_go(&k, &t) == -ENOENT && k.reason == EXO_R_NOT_IN_CORE);
	txn_bytes(&t, a, EXO_VERSION_NEW, 480, "x", 1);
	CHECK(txn_go(&k, &t) == -EINVAL && k.reason == EXO_R_NOT_META);
	CHECK(kit_info(&k).out_free == before);
	/* and a right one, as two claims for one declaration */
	txn_slot(&t, top, kit_version(&k, top), 0, 0, (struct slot){a, 1, 0, 1, 0});
	txn_slot(&t, top, kit_version(&k, top), 6, 3, (struct slot){a + 1, 1, 0, 1, 0});
	txn_decl(&t, EXO_DECL_ALLOC, 0, a, 2);
	CHECK(!txn_go(&k, &t) && t.versions[0] == kit_version(&k, top) && t.versions[1] == t.versions[0]);
	CHECK(kit_info(&k).out_free == before - 2 && !kit_free(&k, a) && kit_info(&k).out_uninit == 3);
	/* again: taken */
	txn_slot(&t, top, kit_version(&k, top), 1, 0, (struct slot){a, 1, 0, 1, 0});
	txn_decl(&t, EXO_DECL_ALLOC, 0, a, 1);
	CHECK(txn_go(&k, &t) == -EBUSY && k.reason == EXO_R_NOT_FREE && k.detail == a);
	/* data never written reads as zeroes, whatever the disk holds */
	sim_disk_poke(k.disk, a, 0, "secret", 6);
	CHECK(!kit_bind(&k, root, top, 0, claim(a, 1, 0), EXO_RIGHT_ALL, 0, &frame));
	CHECK(!memcmp(exo_plat_frame(frame), "\0\0\0\0\0\0", 6));
	kit_unbind(&k, frame);
	/* free it: never durable, so free at once */
	txn_slot(&t, top, kit_version(&k, top), 0, 0, (struct slot){0});
	txn_decl(&t, EXO_DECL_FREE, 0, a, 1);
	CHECK(!txn_go(&k, &t) && kit_free(&k, a));
	CHECK(kit_info(&k).out_free == before - 1);
	kit_stop(&k);
}

static void rules(void)
{
	struct kit k;
	u64 top, a, b, n, m;
	u32 root, frame;

	kit_start(&k, FRAMES, BLOCKS, SIM_VOLATILE);
	root = make_root(&k, "one", &top);
	NEED(!kit_sync(&k, EXO_NOROOT));
	a = free_block(&k, 4000);
	/* rule 1: data */
	txn_slot(&t, top, kit_version(&k, top), 0, 0, (struct slot){a, 2, 0, 1, 0});
	txn_decl(&t, EXO_DECL_ALLOC, 0, a, 2);
	NEED(!txn_go(&k, &t));
	CHECK(kit_buf(&k, top)->taint == 2);
	CHECK(kit_write(&k, top, 1) == -EBUSY && k.reason == EXO_R_TAINTED && k.nranges == 1 &&
	      k.ranges[0].start == a && k.ranges[0].count == 2 && k.ranges[0].kind == EXO_RANGE_FIRST);
	NEED(!kit_bind(&k, root, top, 0, claim(a, 2, 0), EXO_RIGHT_ALL, EXO_BIND_OVERWRITE, (u32[2]){0}));
	CHECK(!kit_write(&k, a, 2));
	CHECK(kit_write(&k, top, 1) == -EBUSY && k.reason == EXO_R_TAINTED);
	CHECK(!kit_flush(&k));
	CHECK(!kit_write(&k, top, 1));
	/* rule 2: a durable pointer: freed, waits for the parent */
	CHECK(!kit_flush(&k));
	kit_unbind(&k, kit_frame(&k, a));
	kit_unbind(&k, kit_frame(&k, a + 1));
	txn_slot(&t, top, kit_version(&k, top), 0, 0, (struct slot){0});
	txn_decl(&t, EXO_DECL_FREE, 0, a, 2);
	CHECK(!txn_go(&k, &t));
	CHECK(!kit_free(&k, a) && kit_info(&k).out_waiting == 2);
	txn_slot(&t, top, kit_version(&k, top), 1, 0, (struct slot){a, 1, 0, 2, 0});
	txn_decl(&t, EXO_DECL_ALLOC, 0, a, 1);
	CHECK(txn_go(&k, &t) == -EBUSY && k.reason == EXO_R_NEEDS_FREE && k.detail == a);
	CHECK(!kit_write(&k, top, 1) && !kit_free(&k, a));
	CHECK(!kit_flush(&k) && kit_free(&k, a) && kit_info(&k).out_waiting == 0);
	/* a child node, then a data block moved into it: the old parent waits for it and its way in */
	b = free_block(&k, 4000);
	txn_slot(&t, top, kit_version(&k, top), 0, 0, (struct slot){b, 1, 0, 1, 0});
	txn_decl(&t, EXO_DECL_ALLOC, 0, b, 1);
	NEED(!txn_go(&k, &t));
	n = free_block(&k, b + 1);
	m = free_block(&k, n + 1);
	txn_slot(&t, top, kit_version(&k, top), 2, 0, (struct slot){n, 1, 1, 0, 0});
	txn_slot(&t, top, kit_version(&k, top), 3, 0, (struct slot){m, 1, 1, 0, 0});
	txn_decl(&t, EXO_DECL_ALLOC, k.tmpl, n, 1);
	txn_decl(&t, EXO_DECL_ALLOC, k.tmpl, m, 1);
	txn_slot(&t, n, EXO_VERSION_NEW, 0, 0, (struct slot){a, 1, 0, 9, 0});
	txn_decl(&t, EXO_DECL_ALLOC, 0, a, 1);
	/* a == b's neighbourhood is free_block(4000), so take another */
	t.edits[2].bytes = (uintptr_t) & (struct slot){m + 1, 1, 0, 9, 0};
	t.decls[2].start = m + 1;
	NEED(!txn_go(&k, &t));
	NEED(!kit_sync(&k, root));
	CHECK(kit_info(&k).out_uninit == 0 && kit_info(&k).out_dirty == 0);
	txn_slot(&t, n, kit_version(&k, n), 0, 0, (struct slot){0});
	txn_slot(&t, m, kit_version(&k, m), 1, 2, (struct slot){m + 1, 1, 0, 9, 0});
	txn_decl(&t, EXO_DECL_MOVE, 0, m + 1, 1);
	CHECK(!txn_go(&k, &t));
	CHECK(kit_write(&k, n, 1) == -EBUSY && k.reason == EXO_R_TAINTED && k.ranges[0].start == m);
	/* and back again would be a circle */
	txn_slot(&t, m, kit_version(&k, m), 1, 2, (struct slot){0});
	txn_slot(&t, n, kit_version(&k, n), 4, 0, (struct slot){m + 1, 1, 0, 9, 0});
	txn_decl(&t, EXO_DECL_MOVE, 0, m + 1, 1);
	CHECK(txn_go(&k, &t) == -EBUSY && k.reason == EXO_R_CYCLE);
	CHECK(!kit_write(&k, m, 1));
	CHECK(kit_write(&k, n, 1) == -EBUSY);
	CHECK(!kit_flush(&k));
	CHECK(!kit_write(&k, n, 1));
	/* move declared, nothing moves */
	txn_bytes(&t, m, kit_version(&k, m), 480, "x", 1);
	txn_decl(&t, EXO_DECL_MOVE, 0, m + 1, 1);
	CHECK(txn_go(&k, &t) == -EPERM && k.reason == EXO_R_LEAVES && k.detail == m + 1);
	/* a node that owns something cannot be freed; an empty one can */
	txn_slot(&t, top, kit_version(&k, top), 3, 0, (struct slot){0});
	txn_decl(&t, EXO_DECL_FREE, k.tmpl, m, 1);
	CHECK(txn_go(&k, &t) == -EPERM && k.reason == EXO_R_STILL_OWNS && k.detail == m);
	txn_slot(&t, top, kit_version(&k, top), 2, 0, (struct slot){0});
	txn_decl(&t, EXO_DECL_FREE, k.tmpl, n, 1);
	CHECK(!txn_go(&k, &t) && !kit_buf(&k, n) && !kit_free(&k, n));
	NEED(!kit_sync(&k, root));
	CHECK(kit_free(&k, n));
	frame = EXO_NOFRAME;
	/* metadata cannot be bound writable, nor directly written */
	CHECK(kit_bind(&k, root, top, 3, claim(m, 1, k.tmpl), EXO_RIGHT_ALL, 0, &frame) == -EPERM &&
	      k.reason == EXO_R_META_WRITE);
	kit_stop(&k);
}

static void access_rights(void)
{
	const struct exo_buf *gone;
	struct kit k, u, o;
	u64 top, utop, a;
	u32 uroot, frame;
	u64 word = 7;

	kit_start(&k, FRAMES, BLOCKS, 0);
	make_root(&k, "admin", &top);
	u = kit_as(&k, &kit_user);
	o = kit_as(&k, &kit_other);
	uroot = make_root(&u, "user", &utop);
	CHECK(kit_root_add(&u, "user", u.tmpl, EXO_NOBLOCK, 1, 0, NULL, NULL) == -EEXIST);
	CHECK(kit_format(&u, 0) == -EACCES && u.reason == EXO_R_ADMIN);
	CHECK(kit_detach(&u, 0) == -EACCES);
	a = free_block(&k, 5000);
	txn_slot(&t, utop, kit_version(&k, utop), 0, 0, (struct slot){a, 1, 0, 1, 0});
	txn_decl(&t, EXO_DECL_ALLOC, 0, a, 1);
	CHECK(txn_go(&o, &t) == -EACCES && o.reason == EXO_R_CAP && o.detail == uroot);
	txn_slot(&t, utop, kit_version(&k, utop), 0, 0, (struct slot){a, 1, 0, 1, 0});
	txn_decl(&t, EXO_DECL_ALLOC, 0, a, 1);
	CHECK(!txn_go(&u, &t));
	CHECK(kit_bind(&o, uroot, utop, 0, claim(a, 1, 0), EXO_RIGHT_READ, 0, &frame) == -EACCES);
	CHECK(kit_bind(&u, uroot, utop, 0, claim(a, 2, 0), EXO_RIGHT_READ, 0, (u32[2]){0}) == -EPERM &&
	      u.reason == EXO_R_NOT_CLAIMED);
	CHECK(kit_bind(&u, uroot, utop, 1, claim(a, 1, 0), EXO_RIGHT_READ, 0, &frame) == -EPERM);
	NEED(!kit_bind(&u, uroot, utop, 0, claim(a, 1, 0), EXO_RIGHT_READ, 0, &frame));
	CHECK(!sim_poke(sim_pool(u.senv) + frame * 4096ul, &word, 8));
	CHECK(!sim_peek(sim_pool(o.senv) + frame * 4096ul, &word, 8));
	NEED(!kit_bind(&u, uroot, utop, 0, claim(a, 1, 0), EXO_RIGHT_ALL, 0, &frame));
	CHECK(sim_poke(sim_pool(u.senv) + frame * 4096ul, &word, 8));
	CHECK(kit_buf(&k, a)->flags & EXO_BUF_DIRTY);
	/* anybody may write it back; nobody sees it by that */
	CHECK(!kit_write(&o, a, 1) && !(kit_buf(&k, a)->flags & EXO_BUF_DIRTY));
	word = 8;
	CHECK(sim_poke(sim_pool(u.senv) + frame * 4096ul, &word, 8) && (kit_buf(&k, a)->flags & EXO_BUF_DIRTY));
	/* freed while bound: the registry forgets the block, the memory stays with who has it bound, until it unbinds
	 */
	txn_slot(&t, utop, kit_version(&k, utop), 0, 0, (struct slot){0});
	txn_decl(&t, EXO_DECL_FREE, 0, a, 1);
	gone = kit_buf(&k, a) - frame;
	CHECK(!txn_go(&u, &t));
	CHECK(!kit_buf(&k, a) && gone[frame].state == EXO_BUF_GONE);
	word = 0;
	CHECK(sim_peek(sim_pool(u.senv) + frame * 4096ul, &word, 8) && word == 8);
	CHECK(sim_poke(sim_pool(u.senv) + frame * 4096ul, &word, 8) && !(gone[frame].flags & EXO_BUF_DIRTY));
	CHECK(!sim_peek(sim_pool(o.senv) + frame * 4096ul, &word, 8));
	CHECK(!kit_unbind(&u, frame));
	CHECK(!sim_peek(sim_pool(u.senv) + frame * 4096ul, &word, 8) && gone[frame].state == EXO_BUF_FREE);
	/* metadata is readable, never writable */
	NEED(!kit_bind(&u, uroot, EXO_NOBLOCK, 0, claim(utop, 1, u.tmpl), EXO_RIGHT_READ, 0, &frame));
	CHECK(sim_peek(sim_pool(u.senv) + frame * 4096ul, &word, 8) &&
	      !sim_poke(sim_pool(u.senv) + frame * 4096ul, &word, 8));
	/* a detach is refused while something is bound */
	CHECK(kit_detach(&k, 0) == -EBUSY && k.reason == EXO_R_IN_USE && k.detail == 1);
	sim_env_close(u.senv);
	sim_env_close(o.senv);
	CHECK(!kit_detach(&k, 0));
	CHECK(!kit_attach(&k, 0));
	CHECK(!(kit_info(&k).out_flags & EXO_DISK_WALKED) && kit_info(&k).out_roots == 2);
	kit_stop(&k);
}

static void direct(void)
{
	struct kit k;
	u64 top, a;
	u32 root, f[4], frame;
	struct exo_frame_alloc fa = {.head.flags = EXO_FRAME_ANY, .frames = (uintptr_t)f, .count = 4};
	struct exo_io io = {0};

	kit_start(&k, FRAMES, BLOCKS, SIM_VOLATILE);
	root = make_root(&k, "one", &top);
	a = free_block(&k, 4000);
	txn_slot(&t, top, kit_version(&k, top), 0, 0, (struct slot){a, 4, 0, 1, 0});
	txn_decl(&t, EXO_DECL_ALLOC, 0, a, 4);
	NEED(!txn_go(&k, &t));
	NEED(!CALL(&k, EXO_NR_FRAME_ALLOC, fa));
	sim_disk_poke(k.disk, a, 0, "secret", 6);
	io = (struct exo_io){.disk = k.d,
			     .root = root,
			     .parent = top,
			     .claim = claim(a, 4, 0),
			     .first = a,
			     .count = 4,
			     .frames = (uintptr_t)f};
	memset(exo_plat_frame(f[0]), 0x55, 4096);
	CHECK(!CALL(&k, EXO_NR_IO, io) && *(u8 *)exo_plat_frame(f[0]) == 0);
	memset(exo_plat_frame(f[0]), 0x11, 4096);
	memset(exo_plat_frame(f[3]), 0x44, 4096);
	io.head.flags = EXO_IO_WRITE;
	CHECK(!CALL(&k, EXO_NR_IO, io) && kit_info(&k).out_uninit == 5);
	CHECK(!kit_flush(&k) && kit_info(&k).out_uninit == 1);
	NEED(!kit_bind(&k, root, top, 0, claim(a, 4, 0), EXO_RIGHT_READ, 0, (u32[4]){0}));
	CHECK(*(u8 *)exo_plat_frame(kit_frame(&k, a + 3)) == 0x44);
	CHECK(CALL(&k, EXO_NR_IO, io) == -EBUSY && k.reason == EXO_R_CACHED);
	io.claim.count = 5;
	CHECK(CALL(&k, EXO_NR_IO, io) == -EPERM && k.reason == EXO_R_NOT_CLAIMED);
	io.claim.count = 4;
	frame = f[1];
	f[1] = kit_frame(&k, a);
	CHECK(CALL(&k, EXO_NR_IO, io) == -EINVAL && k.reason == EXO_R_FRAME);
	f[1] = frame;
	kit_stop(&k);
}

static void deletion(void)
{
	struct kit k;
	struct exo_root_del del = {0};
	u64 top, a, n, before;
	u32 root;

	kit_start(&k, FRAMES, BLOCKS, SIM_VOLATILE);
	NEED(!kit_sync(&k, EXO_NOROOT));
	before = kit_info(&k).out_free;
	root = make_root(&k, "one", &top);
	n = free_block(&k, 4000);
	a = n + 1;
	txn_slot(&t, top, kit_version(&k, top), 0, 0, (struct slot){n, 1, 1, 1, 0});
	txn_slot(&t, n, EXO_VERSION_NEW, 0, 0, (struct slot){a, 100, 0, 1, 0});
	txn_decl(&t, EXO_DECL_ALLOC, k.tmpl, n, 1);
	txn_decl(&t, EXO_DECL_ALLOC, 0, a, 100);
	NEED(!txn_go(&k, &t));
	CHECK(kit_info(&k).out_free == before - 102);
	NEED(!kit_sync(&k, root));
	CHECK(kit_info(&k).out_uninit == 0);
	del.disk = k.d;
	del.root = root;
	CHECK(!CALL(&k, EXO_NR_ROOT_DEL, del));
	CHECK(kit_info(&k).out_waiting == 102 && kit_info(&k).out_roots == 0 && !kit_buf(&k, n));
	CHECK(CALL(&k, EXO_NR_ROOT_DEL, del) == -ENOENT);
	NEED(!kit_sync(&k, EXO_NOROOT));
	CHECK(kit_info(&k).out_free == before && kit_info(&k).out_waiting == 0);
	CHECK(!kit_detach(&k, 0) && !kit_attach(&k, EXO_ATTACH_WALK) && kit_info(&k).out_roots == 0);
	CHECK(kit_info(&k).out_free == before);
	kit_stop(&k);
}

static void form(void)
{
	struct kit k;
	struct {
		struct exo_query q;
		u64 more;
	} big = {.q.head.size = sizeof(big)};
	struct exo_query q = {0};

	kit_start(&k, FRAMES, BLOCKS, 0);
	CHECK(exo_call(k.e, 0, 0) == -ENOTTY && exo_call(k.e, EXO_NR_MAX + 1, 0) == -ENOTTY);
	CHECK(exo_call(k.e, EXO_NR_QUERY, 16) == -EFAULT);
	CHECK(!CALL(&k, EXO_NR_QUERY, q) && q.out_abi == EXO_ABI_VERSION && q.out_frames == FRAMES);
	CHECK(!exo_call(k.e, EXO_NR_QUERY, (uintptr_t)&big) && big.q.out_abi == 1);
	big.more = 1;
	CHECK(exo_call(k.e, EXO_NR_QUERY, (uintptr_t)&big) == -E2BIG && big.q.head.out_reason == EXO_R_SIZE);
	CHECK(kit_call(&k, EXO_NR_QUERY, &q.head, offsetof(struct exo_query, out_user_limit) - 8) == -EINVAL && k.reason == EXO_R_SIZE);
	q.head.flags = 2;
	CHECK(CALL(&k, EXO_NR_QUERY, q) == -EOPNOTSUPP && k.reason == EXO_R_FLAGS && k.detail == 2);
	q.head.flags = 0;
	q.pad = 1;
	CHECK(CALL(&k, EXO_NR_QUERY, q) == -EOPNOTSUPP && k.reason == EXO_R_RESERVED);
	kit_stop(&k);
}

int main(void)
{
	form();
	conservation();
	rules();
	access_rights();
	direct();
	deletion();
	return check_done();
}
