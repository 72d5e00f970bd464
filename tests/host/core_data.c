// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * core_data.c: content for data blocks in the transaction that allocates them (EXO_VERSION_DATA): it is in core, dirty
 * and nobody's; it goes to the disk before what points at it; what is refused leaves nothing; and more of it than the
 * pool holds is written on the way.
 */
#include "core_kit.h"

#define FRAMES 64
#define BLOCKS 5000

static struct txn t;
static struct kit k;
static u32 root;
static u64 top;

static const struct exo_stats *stats(void)
{
	void *base;
	size_t bytes;

	NEED(!exo_core_area_get(k.core, EXO_MAP_STATS, &base, &bytes));
	return base;
}

static void start(u32 frames, u32 flags)
{
	u32 frame;

	kit_start(&k, frames, BLOCKS, flags);
	NEED(!kit_root_add(&k, "t", k.tmpl, EXO_NOBLOCK, 1, 0, &root, &top));
	NEED(!kit_bind(&k, root, EXO_NOBLOCK, 0, (struct exo_claim){top, 1, k.tmpl, 0}, EXO_RIGHT_READ, 0, &frame));
	/* From now on something durable leads there. */
	NEED(kit_sync(&k, root) >= 0);
}

/* Slot `slot` of the top block gets `count` data blocks. */
static void claim(u32 slot, u64 block, u32 count)
{
	txn_slot(&t, top, kit_version(&k, top), slot / SLOTS, slot % SLOTS, (struct slot){block, count, 0, 0, 0});
	txn_decl(&t, EXO_DECL_ALLOC, 0, block, count);
}

static void content(u64 block, u32 offset, const char *text)
{
	txn_bytes(&t, block, EXO_VERSION_DATA, offset, text, (u32)strlen(text));
}

/* The block holds `a` at 0 and `b` at 4000, and zeroes between. */
static bool holds(const u8 *bytes, const char *a, const char *b)
{
	u32 i;

	for (i = (u32)strlen(a); i < 4000 && !bytes[i]; i++)
		;
	return i == 4000 && !memcmp(bytes, a, strlen(a)) && !memcmp(bytes + 4000, b, strlen(b));
}

/* The first `n` of an extent in slot 0. */
static int bind(u64 start, u64 count, u32 n, u32 flags, u32 *frames)
{
	struct exo_bind b = {.head.flags = flags,
			     .disk = k.d,
			     .cap = k.cap,
			     .parent = top,
			     .claim = {start, count, 0, 0},
			     .first = start,
			     .count = n,
			     .rights = EXO_RIGHT_READ,
			     .frames = (uintptr_t)frames};

	return CALL(&k, EXO_NR_BIND, b);
}

static void arrives(void)
{
	u64 data = 3000, before = kit_info(&k).out_free;
	const struct exo_buf *b;
	u8 disk[EXO_BLOCK_SIZE];
	u32 frame[3], i;

	claim(0, data, 3);
	content(data + 1, 4000, "end");
	content(data + 1, 0, "begin");
	content(data, 0, "first");
	content(data, 4000, "last");
	NEED(!txn_go(&k, &t));
	CHECK(kit_info(&k).out_free == before - 3);
	for (i = 0; i < 2; i++) {
		b = kit_buf(&k, data + i);
		NEED(b);
		CHECK(b->state == EXO_BUF_VALID && b->flags == EXO_BUF_DIRTY && !b->refs && !b->template_id &&
		      b->root == root);
		CHECK(t.versions[i ? 1 : 3] == b->version);
		CHECK(holds(exo_plat_frame(kit_frame(&k, data + i)), i ? "begin" : "first", i ? "end" : "last"));
	}
	/* Without content it is as ever: not in core, and zeroes. */
	CHECK(!kit_buf(&k, data + 2));
	/* Whoever binds it sees it; there is nothing to read. */
	CHECK(!bind(data, 3, 2, EXO_BIND_NO_READ, frame) && !kit_unbind(&k, frame[0]) && !kit_unbind(&k, frame[1]));

	/* Nothing of the top block goes before it. */
	CHECK(kit_write(&k, top, 1) == -EBUSY && k.reason == EXO_R_TAINTED);
	CHECK(!kit_write(&k, data, 2));
	sim_disk_peek(k.disk, data + 1, 0, disk, sizeof(disk));
	CHECK(holds(disk, "begin", "end"));
	CHECK(kit_sync(&k, root) >= 0);
	sim_disk_peek(k.disk, data + 2, 0, disk, sizeof(disk));
	CHECK(holds(disk, "", "\0"));
	NEED(!kit_unbind(&k, kit_frame(&k, top)) && !kit_detach(&k, EXO_DETACH_DISCARD));
	NEED(!kit_attach(&k, EXO_ATTACH_WALK));
	NEED(!kit_bind(&k, root, EXO_NOBLOCK, 0, (struct exo_claim){top, 1, k.tmpl, 0}, EXO_RIGHT_READ, 0, frame));
	NEED(!bind(data, 3, 3, 0, frame));
	CHECK(holds(exo_plat_frame(kit_frame(&k, data)), "first", "last"));
}

static void no(int want, u32 reason, u64 detail)
{
	u64 taken = stats()->frames_free, blocks = kit_info(&k).out_free, version = kit_version(&k, top);
	int err = txn_go(&k, &t);

	CHECK_MSG(err == want && k.reason == reason && k.detail == detail, "%d, reason %u, detail %llu", err, k.reason,
		  (unsigned long long)k.detail);
	CHECK(stats()->frames_free == taken && kit_info(&k).out_free == blocks && kit_version(&k, top) == version);
}

static void refused(void)
{
	u64 old = 3000, new = 3100;

	/* Content of what is there already, of what nobody allocates, of metadata; and new data as if it were metadata.
	 */
	content(old, 0, "x");
	no(-EINVAL, EXO_R_NOT_META, old);
	claim(1, new, 1);
	content(new + 1, 0, "x");
	no(-EINVAL, EXO_R_NOT_META, new + 1);
	txn_slot(&t, top, kit_version(&k, top), 0, 1, (struct slot){new, 1, 1, 0, 0});
	txn_decl(&t, EXO_DECL_ALLOC, k.tmpl, new, 1);
	content(new, 0, "x");
	no(-EINVAL, EXO_R_NOT_META, new);
	claim(1, new, 1);
	txn_bytes(&t, new, EXO_VERSION_NEW, 0, "x", 1);
	no(-EINVAL, EXO_R_NOT_META, new);
	/* Declared, and no partition claims it. */
	txn_slot(&t, top, kit_version(&k, top), 0, 1, (struct slot){0, 0, 0, 0, 0});
	txn_decl(&t, EXO_DECL_ALLOC, 0, new, 1);
	content(new, 0, "x");
	no(-EPERM, EXO_R_NOT_CONSERVED, new);
	/* One block, two versions. */
	claim(1, new, 1);
	content(new, 0, "x");
	txn_bytes(&t, new, EXO_VERSION_NEW, 8, "y", 1);
	no(-EINVAL, EXO_R_VERSION, new);
	/* Refused for another reason when the frames are taken already, or nearly: another block is not free. */
	claim(1, new, 1);
	claim(2, old, 1);
	content(new, 0, "x");
	no(-EPERM, EXO_R_OVERLAP, old);
	/* An order between partitions has nothing to do with data. */
	claim(1, new, 1);
	content(new, 0, "x");
	txn_decl(&t, EXO_DECL_ORDER, 0, top, new);
	no(-EINVAL, EXO_R_DECL, 1);
	CHECK(!kit_buf(&k, new));
	/* And it works after all of that. */
	claim(1, new, 1);
	content(new, 0, "x");
	NEED(!txn_go(&k, &t));
}

/* Twice the pool: what nobody holds is written on the way, in order, and all of it is right in the end. */
static void more_than_fits(void)
{
	u32 i, frame, is;
	u64 data = 2000;

	for (i = 0; i < 2 * FRAMES && i < PARTS * SLOTS; i++) {
		claim(i, data + i, 1);
		txn_bytes(&t, data + i, EXO_VERSION_DATA, 8, &i, 4);
		NEED(!txn_go(&k, &t));
	}
	CHECK(i > FRAMES);
	for (i = 0; i < 2 * FRAMES && i < PARTS * SLOTS; i++) {
		NEED(!kit_bind(&k, 0, top, i / SLOTS, (struct exo_claim){data + i, 1, 0, 0}, EXO_RIGHT_READ, 0,
			       &frame));
		memcpy(&is, (u8 *)exo_plat_frame(frame) + 8, 4);
		CHECK_MSG(is == i, "%u holds %u", i, is);
		NEED(!kit_unbind(&k, frame));
	}
}

/* A frame that cannot be had: refused, and those that were taken before it are given back. */
static void none_left(void)
{
	u64 left = stats()->frames_free;
	int err = -1;
	u32 n;

	for (n = 1; err && n < 10; n++) {
		claim(0, 3000, 3);
		content(3000, 0, "a");
		content(3001, 0, "b");
		content(3002, 0, "c");
		sim_renew_fail(n);
		err = txn_go(&k, &t);
		sim_renew_fail(0);
		if (err)
			CHECK_MSG(err == -ENOMEM && k.reason == EXO_R_NO_FRAMES && stats()->frames_free == left &&
					  kit_free(&k, 3000),
				  "%d, reason %u, %u free", err, k.reason, (u32)stats()->frames_free);
	}
	CHECK(n == 5 && stats()->frames_free == left - 3);
}

int main(void)
{
	start(4 * FRAMES, SIM_VOLATILE);
	arrives();
	refused();
	kit_stop(&k);
	start(FRAMES, SIM_VOLATILE);
	none_left();
	kit_stop(&k);
	start(FRAMES, 0);
	more_than_fits();
	kit_stop(&k);
	return check_done();
}
