// SPDX-License-Identifier: GPL-2.0 OR MIT
/* core_txns.c: TXNS: each transaction is answered by itself, in order; what is wrong with the call changes nothing. */
#include <stdlib.h>
#include <sys/mman.h>
#include "core_kit.h"

#define FRAMES 256
#define BLOCKS 8192
#define MANY EXO_MAX_TXNS

/* One transaction with its own edit, declaration and answers. */
struct one {
	struct exo_edit edit;
	struct exo_decl decl;
	struct slot slot;
	u64 version;
	struct exo_range range;
};
static struct one parts[MANY];
static struct exo_txn q[MANY];

static struct kit k;
static u32 root;
static u64 top;

/* Transaction i takes `count` blocks at `block` into slot i of the top block, from the version that it will have by then. */
static void put(u32 i, u64 version, u64 block, u32 count)
{
	struct one *o = &parts[i];
	u32 at = i % (PARTS * SLOTS);

	o->slot = (struct slot){ block, count, 0, 0, 0 };
	o->edit = (struct exo_edit){ .block = top, .version = version, .offset = at / SLOTS * PART + at % SLOTS * sizeof(o->slot),
				     .len = sizeof(o->slot), .bytes = (uintptr_t)&o->slot };
	o->decl = (struct exo_decl){ EXO_DECL_ALLOC, 0, block, count };
	o->version = 0;
	memset(&o->range, 0, sizeof(o->range));
	q[i] = (struct exo_txn){ .head.size = sizeof(q[i]), .disk = k.d, .cap = k.cap, .nedits = 1, .ndecls = 1,
				 .edits = (uintptr_t)&o->edit, .decls = (uintptr_t)&o->decl, .versions = (uintptr_t)&o->version,
				 .ranges = (uintptr_t)&o->range, .ranges_room = 1 };
	q[i].head.out_reason = 77;
	q[i].head.out_detail = 78;
}

static struct exo_txns many(u32 n, u32 flags, int want)
{
	struct exo_txns t = { .head.flags = flags, .txns = (uintptr_t)q, .count = n, .txn_size = sizeof(q[0]) };

	CHECK(CALL(&k, EXO_NR_TXNS, t) == want);
	return t;
}

static bool committed(u32 i)
{
	return !q[i].head.out_reason && !q[i].head.out_detail && parts[i].version;
}

/* Versions come from one counter, two at a time; in the simulator nobody else moves it. */
static u64 step(void)
{
	u64 before = kit_version(&k, top);

	put(0, before, 7000, 1);
	many(1, 0, 0);
	NEED(committed(0));
	return kit_version(&k, top) - before;
}

static void in_order(void)
{
	u64 v, by, before;
	struct exo_txns t;
	u32 i;

	by = step();
	v = kit_version(&k, top);
	before = kit_info(&k).out_free;
	/* Each names the version that the one before it makes. */
	for (i = 1; i < 40; i++)
		put(i, v + (i - 1) * by, 4000 + i * 2, 1);
	memmove(q, q + 1, 39 * sizeof(q[0]));
	t = many(39, 0, 0);
	CHECK(t.out_done == 39 && t.out_refused == 0);
	for (i = 1; i < 40; i++)
		CHECK(!q[i - 1].head.out_reason && parts[i].version == v + i * by && !kit_free(&k, 4000 + i * 2));
	CHECK(kit_info(&k).out_free == before - 39 && kit_version(&k, top) == v + 39 * by);
}

static void each_by_itself(void)
{
	u64 by = 2, v = kit_version(&k, top);
	struct exo_txns t;

	/* taken block, malformed struct, stale version, bad pointer; in between good ones */
	put(40, v, 4500, 1);
	put(41, v + by, 4002, 1);
	put(42, v + by, 4501, 1);
	put(43, v + 2 * by, 4502, 1);
	q[43].head.flags = 1;
	put(44, v, 4503, 1);
	put(45, v + 2 * by, 4504, 1);
	q[45].edits = 16;
	put(46, v + 2 * by, 4505, 1);
	put(47, v + 3 * by, 4506, 1);
	q[47].head.size = sizeof(q[0]) + 8;
	put(48, v + 3 * by, 4507, 1);
	q[48].head.size = 4;
	put(49, v + 3 * by, 4508, 1);
	q[49].cap = 63;
	put(50, v + 3 * by, 4509, 1);
	memcpy(q, q + 40, 11 * sizeof(q[0]));
	t = many(11, 0, 0);
	CHECK(t.out_done == 11 && t.out_refused == 7);
	CHECK(!q[0].head.out_reason && !q[2].head.out_reason && !q[6].head.out_reason && !q[10].head.out_reason);
	CHECK(q[1].head.out_reason == EXO_R_NOT_FREE && q[1].head.out_detail == 4002 && q[1].out_nranges == 1 &&
	      parts[41].range.start == 4002 && parts[41].range.kind == EXO_RANGE_BLOCKED && !parts[41].version);
	CHECK(q[3].head.out_reason == EXO_R_FLAGS && q[3].head.out_detail == 1);
	CHECK(q[4].head.out_reason == EXO_R_VERSION && q[4].head.out_detail == top);
	CHECK(q[5].head.out_reason == EXO_R_POINTER && q[5].head.out_detail == 16);
	CHECK(q[7].head.out_reason == EXO_R_SIZE);
	CHECK(q[8].head.out_reason == EXO_R_SIZE && q[8].head.size == 4);
	CHECK(q[9].head.out_reason == EXO_R_SLOT && q[9].head.out_detail == 63);
	CHECK(!kit_free(&k, 4500) && !kit_free(&k, 4501) && !kit_free(&k, 4505) && !kit_free(&k, 4509));
	CHECK(kit_free(&k, 4502) && kit_free(&k, 4503) && kit_free(&k, 4504) && kit_free(&k, 4506) && kit_free(&k, 4508));
	CHECK(kit_version(&k, top) == v + 4 * by);
}

static void stops(void)
{
	u64 v = kit_version(&k, top);
	struct exo_txns t;
	u32 i;

	for (i = 0; i < 4; i++) {
		put(51 + i, v + (i > 1 ? 2 : 2 * i), 4600 + i, 1);
		q[i] = q[51 + i];
	}
	q[1].disk = EXO_MAX_DISKS;
	t = many(4, EXO_TXNS_STOP, 0);
	CHECK(t.out_done == 2 && t.out_refused == 1);
	CHECK(!q[0].head.out_reason && q[1].head.out_reason == EXO_R_NO_DISK);
	CHECK(q[2].head.out_reason == 77 && q[2].head.out_detail == 78 && !parts[53].version && q[3].head.out_reason == 77);
	CHECK(!kit_free(&k, 4600) && kit_free(&k, 4602) && kit_free(&k, 4603));
	/* Without the flag the third goes on. */
	put(0, v, 4603, 1);
	put(1, v + 2, 4602, 1);
	parts[1].edit.offset = parts[53].edit.offset;
	t = many(2, 0, 0);
	CHECK(t.out_done == 2 && t.out_refused == 1 && q[0].head.out_reason == EXO_R_VERSION && committed(1) && !kit_free(&k, 4602));
}

static void form(void)
{
	struct exo_txns t;
	u64 v = kit_version(&k, top);
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct exo_txn *at;

	put(60, v, 4700, 1);
	q[0] = q[60];
	many(0, 0, -EINVAL);
	CHECK(k.reason == EXO_R_RANGE && k.detail == 0);
	many(MANY + 1, 0, -EINVAL);
	CHECK(k.reason == EXO_R_RANGE && k.detail == MANY + 1);
	many(1, 2, -EOPNOTSUPP);
	t = (struct exo_txns){ .txns = (uintptr_t)q, .count = 1, .txn_size = sizeof(q[0]) - 8 };
	CHECK(CALL(&k, EXO_NR_TXNS, t) == -EINVAL && k.reason == EXO_R_SIZE && k.detail == sizeof(q[0]));
	t.txn_size = sizeof(q[0]) + 4;
	CHECK(CALL(&k, EXO_NR_TXNS, t) == -EINVAL && k.reason == EXO_R_SIZE);
	t.txn_size = 4104;
	CHECK(CALL(&k, EXO_NR_TXNS, t) == -EINVAL && k.reason == EXO_R_SIZE);
	t.txn_size = sizeof(q[0]);
	t.txns = ~0ull - 64;
	CHECK(CALL(&k, EXO_NR_TXNS, t) == -EFAULT && k.reason == EXO_R_POINTER && k.detail == t.txns);
	/* The last struct of two is missing, or cannot take an answer: the first is not decided. */
	NEED(page != MAP_FAILED);
	at = (struct exo_txn *)(page + 4096 - sizeof(q[0]));
	at[0] = q[0];
	at[1] = q[0];
	NEED(!mprotect(page + 4096, 4096, PROT_NONE));
	t.txns = (uintptr_t)at;
	t.count = 2;
	CHECK(CALL(&k, EXO_NR_TXNS, t) == -EFAULT && k.reason == EXO_R_POINTER && k.detail == (uintptr_t)(at + 1));
	CHECK(t.out_done == 0 && kit_free(&k, 4700) && kit_version(&k, top) == v);
	NEED(!mprotect(page + 4096, 4096, PROT_READ));
	CHECK(CALL(&k, EXO_NR_TXNS, t) == -EFAULT && k.detail == (uintptr_t)(at + 1) && kit_free(&k, 4700));
	munmap(page, 8192);
	/* A newer caller's longer struct: fine while its tail is zero. */
	{
		static struct {
			struct exo_txn q;
			u64 tail;
		} wide[2];

		wide[0].q = wide[1].q = q[0];
		wide[0].q.head.size = wide[1].q.head.size = sizeof(wide[0]);
		wide[0].tail = 1;
		t = (struct exo_txns){ .txns = (uintptr_t)wide, .count = 2, .txn_size = sizeof(wide[0]) };
		CHECK(!CALL(&k, EXO_NR_TXNS, t) && t.out_done == 2 && t.out_refused == 1);
		CHECK(wide[0].q.head.out_reason == EXO_R_SIZE && !wide[1].q.head.out_reason && !kit_free(&k, 4700));
		CHECK(wide[0].tail == 1);
	}
}

int main(void)
{
	kit_start(&k, FRAMES, BLOCKS, 0);
	NEED(!kit_root_add(&k, "one", k.tmpl, EXO_NOBLOCK, 1, 0, &root, &top));
	in_order();
	each_by_itself();
	stops();
	form();
	NEED(!kit_sync(&k, EXO_NOROOT));
	kit_stop(&k);
	return check_done();
}
