// SPDX-License-Identifier: GPL-2.0 OR MIT
/* core_life.c: what lasts longer than a call: direct transfers in two halves, limits, quotas, temporary roots, attach
 * and detach. */
#include "core_kit.h"

#define FRAMES 64
#define BLOCKS 5000

static struct txn t;
static struct kit k;

static struct exo_claim claim(u64 start, u64 count, u32 tmpl)
{
	return (struct exo_claim){.start = start, .count = count, .template_id = tmpl};
}

static int alloc_data(struct kit *u, u64 top, u32 slot, u64 start, u32 count)
{
	txn_slot(&t, top, kit_version(u, top), 0, slot, (struct slot){start, count, 0, 0, 0});
	txn_decl(&t, EXO_DECL_ALLOC, 0, start, count);
	return txn_go(u, &t);
}

static int free_data(struct kit *u, u64 top, u32 slot, u64 start, u32 count)
{
	txn_slot(&t, top, kit_version(u, top), 0, slot, (struct slot){0});
	txn_decl(&t, EXO_DECL_FREE, 0, start, count);
	return txn_go(u, &t);
}

static const struct exo_stats *stats(void)
{
	void *base;
	size_t bytes;

	NEED(!exo_core_area_get(k.core, EXO_MAP_STATS, &base, &bytes));
	return base;
}

/* Between the halves nothing that it uses gets another owner. */
static void halves(void)
{
	u64 top, a = 3000;
	u32 root, f[2], frame, other;
	struct exo_frame_alloc fa = {.head.flags = EXO_FRAME_ANY, .frames = (uintptr_t)f, .count = 2};
	struct exo_frame_free ff = {.frames = (uintptr_t)&f[1], .count = 1};
	struct exo_io io = {.head = {sizeof(io), EXO_IO_WRITE, 0, 0, 0},
			    .claim = claim(a, 2, 0),
			    .first = a,
			    .count = 2,
			    .frames = (uintptr_t)f};
	struct exo_ioreq *r, *again;
	u64 why;
	u64 bad;

	kit_start(&k, FRAMES, BLOCKS, SIM_VOLATILE);
	NEED(!kit_root_add(&k, "one", k.tmpl, EXO_NOBLOCK, 1, 0, &root, &top) && !kit_sync(&k, root));
	NEED(!alloc_data(&k, top, 0, a, 2));
	NEED(!CALL(&k, EXO_NR_FRAME_ALLOC, fa));
	io.disk = k.d;
	io.root = root;
	io.parent = top;
	memset(exo_plat_frame(f[0]), 1, 4096);
	memset(exo_plat_frame(f[1]), 2, 4096);
	NEED(!exo_io_begin(k.e, (uintptr_t)&io, &r));
	CHECK(r->nsegs == 2 && r->op == EXO_OP_WRITE && r->segs[1].block == a + 1);
	CHECK(exo_io_begin(k.e, (uintptr_t)&io, &again) == -EBUSY && io.head.out_reason == EXO_R_BUSY);
	CHECK(kit_bind(&k, root, top, 0, claim(a, 2, 0), EXO_RIGHT_READ, 0, (u32[2]){0}) == -EBUSY &&
	      k.reason == EXO_R_BUSY);
	CHECK(!kit_read(&k, a, 2) && !kit_buf(&k, a));
	CHECK(kit_sync(&k, root) == -EBUSY && k.reason == EXO_R_BUSY);
	CHECK(kit_detach(&k, 0) == -EBUSY && k.reason == EXO_R_IN_USE);
	/* freed in the middle: nobody gets the block, nobody gets the frame */
	CHECK(!free_data(&k, top, 0, a, 2) && !kit_free(&k, a) && kit_info(&k).out_waiting == 2);
	CHECK(alloc_data(&k, top, 1, a, 1) == -EBUSY && k.reason == EXO_R_NEEDS_FREE);
	CHECK(!CALL(&k, EXO_NR_FRAME_FREE, ff));
	other = f[1];
	fa.head.flags = 0;
	fa.frames = (uintptr_t)&other;
	fa.count = 1;
	CHECK(CALL(&k, EXO_NR_FRAME_ALLOC, fa) == -EBUSY && k.reason == EXO_R_FRAME);
	NEED(!exo_plat_io(r->dev, r->op, r->segs, r->nsegs, &bad));
	CHECK(!exo_io_done(r, 0, 0, &why));
	CHECK(!CALL(&k, EXO_NR_FRAME_ALLOC, fa) && *(u8 *)exo_plat_frame(other) == 0);
	/* written once, not durable: its record must not count for the next owner */
	CHECK(!kit_free(&k, a));
	CHECK(!kit_flush(&k) && kit_free(&k, a) && kit_info(&k).out_waiting == 0);
	NEED(!alloc_data(&k, top, 0, a, 2));
	CHECK(!kit_flush(&k) && kit_write(&k, top, 1) == -EBUSY && k.reason == EXO_R_TAINTED);
	NEED(!kit_bind(&k, root, top, 0, claim(a, 2, 0), EXO_RIGHT_ALL, 0, (u32[2]){0}));
	frame = kit_frame(&k, a);
	CHECK(*(u8 *)exo_plat_frame(frame) == 0);
	/* a dirty copy in core is what a direct read sees, and what a direct write replaces, once nobody has it bound
	 */
	sim_poke(sim_pool(k.senv) + frame * 4096ul, "dirty", 5);
	f[1] = other;
	io.head.flags = 0;
	CHECK(!exo_call(k.e, EXO_NR_IO, (uintptr_t)&io) && !memcmp(exo_plat_frame(f[0]), "dirty", 5));
	io.head.flags = EXO_IO_WRITE;
	CHECK(exo_call(k.e, EXO_NR_IO, (uintptr_t)&io) == -EBUSY && io.head.out_reason == EXO_R_CACHED);
	kit_unbind(&k, frame);
	kit_unbind(&k, kit_frame(&k, a + 1));
	memcpy(exo_plat_frame(f[0]), "later", 5);
	NEED(!exo_io_begin(k.e, (uintptr_t)&io, &r));
	CHECK(kit_write(&k, a, 1) == -EBUSY && k.reason == EXO_R_BUSY);
	CHECK(exo_io_done(r, -EIO, a, &why) == -EIO && io.head.out_reason == EXO_R_IO && io.head.out_detail == a);
	CHECK(kit_buf(&k, a) && (kit_buf(&k, a)->flags & EXO_BUF_DIRTY) && !memcmp(exo_plat_frame(frame), "dirty", 5));
	io.head.flags = EXO_IO_WRITE | EXO_IO_FUA;
	CHECK(!exo_call(k.e, EXO_NR_IO, (uintptr_t)&io) && !kit_buf(&k, a));
	CHECK(!kit_write(&k, top, 1));
	/* an env that goes leaves its transfer's frame pinned until the second half */
	NEED(!exo_io_begin(k.e, (uintptr_t)&io, &r));
	sim_env_close(k.senv);
	CHECK(stats()->frames_private == 0);
	NEED(!sim_env_open(k.core, &kit_root, &k.senv));
	k.e = sim_env(k.senv);
	CHECK(CALL(&k, EXO_NR_FRAME_ALLOC, fa) == -EBUSY);
	CHECK(!exo_io_done(r, 0, 0, &why) && !CALL(&k, EXO_NR_FRAME_ALLOC, fa));
	kit_stop(&k);
}

static void limits(void)
{
	struct kit u;
	u32 frames[FRAMES], i, root;
	struct exo_frame_alloc fa = {.head.flags = EXO_FRAME_ANY, .frames = (uintptr_t)frames, .count = FRAMES / 2 + 1};
	char name[16];
	u64 top;

	kit_start(&k, FRAMES, BLOCKS, 0);
	CHECK(!kit_detach(&k, 0) && !kit_format(&k, 20) && !kit_attach(&k, 0));
	kit_template(&k);
	u = kit_as(&k, &kit_user);
	CHECK(CALL(&u, EXO_NR_FRAME_ALLOC, fa) == -EDQUOT && u.reason == EXO_R_FRAME_LIMIT &&
	      u.detail == (u64)(FRAMES / 2) << 32 && stats()->frames_private == 0);
	fa.count--;
	CHECK(!CALL(&u, EXO_NR_FRAME_ALLOC, fa) && stats()->frames_private == FRAMES / 2);
	fa.count = 1;
	CHECK(CALL(&u, EXO_NR_FRAME_ALLOC, fa) == -EDQUOT && u.detail == ((u64)(FRAMES / 2) << 32 | FRAMES / 2));
	for (i = 0; i < 16; i++) {
		snprintf(name, sizeof(name), "r%u", i);
		CHECK(!kit_root_add(&u, name, u.tmpl, EXO_NOBLOCK, 1, 0, &root, &top));
	}
	CHECK(kit_root_add(&u, "more", u.tmpl, EXO_NOBLOCK, 1, 0, NULL, NULL) == -ENOSPC &&
	      u.reason == EXO_R_ROOTS_FULL && u.detail == 16);
	CHECK(!kit_root_add(&k, "admin's", k.tmpl, EXO_NOBLOCK, 1, 0, NULL, NULL));
	/* the disk's quota for users: 20 blocks a root */
	CHECK(!alloc_data(&u, top, 0, 3000, 19));
	CHECK(alloc_data(&u, top, 1, 3100, 1) == -EDQUOT && u.reason == EXO_R_QUOTA && u.detail == 0);
	CHECK(!free_data(&u, top, 0, 3000, 19) && !alloc_data(&u, top, 1, 3100, 1));
	CHECK(kit_root_add(&k, "bad", 63, EXO_NOBLOCK, 1, 0, NULL, NULL) == -ENOENT && k.reason == EXO_R_NO_TEMPLATE);
	CHECK(kit_root_add(&k, "bad", k.tmpl, EXO_NOBLOCK, 9, 0, NULL, NULL) == -EINVAL && k.reason == EXO_R_RANGE);
	CHECK(kit_root_add(&k, "", k.tmpl, EXO_NOBLOCK, 1, 0, NULL, NULL) == -EINVAL && k.reason == EXO_R_NAME);
	CHECK(kit_root_add(&k, "bad", 0, 5, 1, 0, NULL, NULL) == -EINVAL && k.reason == EXO_R_RANGE);
	CHECK(kit_root_add(&k, "bad", 0, ~0ull - 1, 1, 0, NULL, NULL) == -EINVAL && k.reason == EXO_R_RANGE);
	CHECK(kit_root_add(&k, "bad", 0, 3100, 1, 0, NULL, NULL) == -EBUSY && k.reason == EXO_R_NOT_FREE);
	sim_env_close(u.senv);
	kit_stop(&k);
}

/* A pool full of what cannot be reused says so; what can be reused is. */
static void pressure(void)
{
	u64 top, a = 3000;
	u32 root, frames[200], i;

	kit_start(&k, FRAMES, BLOCKS, 0);
	NEED(!kit_root_add(&k, "one", k.tmpl, EXO_NOBLOCK, 1, 0, &root, &top) && !alloc_data(&k, top, 0, a, 200));
	/* once it is written it could be dropped like any other */
	NEED(!kit_bind(&k, root, EXO_NOBLOCK, 0, claim(top, 1, k.tmpl), EXO_RIGHT_READ, 0, frames));
	CHECK(kit_bind(&k, root, top, 0, claim(a, 200, 0), EXO_RIGHT_READ, 0, (u32[200]){0}) == -ENOMEM &&
	      k.reason == EXO_R_NO_FRAMES);
	for (i = 0; i < 200; i++) {
		struct exo_bind b = {.disk = k.d,
				     .parent = top,
				     .claim = claim(a, 200, 0),
				     .first = a + i,
				     .count = 1,
				     .rights = EXO_RIGHT_ALL,
				     .frames = (uintptr_t)frames};

		NEED(!CALL(&k, EXO_NR_BIND, b));
		CHECK(sim_poke(sim_pool(k.senv) + frames[0] * 4096ul, &i, 4));
		kit_unbind(&k, frames[0]);
		if (i % 8 == 7)
			CHECK(!kit_write(&k, a + i - 7, 8));
	}
	CHECK(stats()->reclaims > 100);
	for (i = 0; i < 200; i++) {
		struct exo_bind b = {.disk = k.d,
				     .parent = top,
				     .claim = claim(a, 200, 0),
				     .first = a + i,
				     .count = 1,
				     .rights = EXO_RIGHT_READ,
				     .frames = (uintptr_t)frames};

		NEED(!CALL(&k, EXO_NR_BIND, b));
		CHECK(*(u32 *)exo_plat_frame(frames[0]) == i);
		kit_unbind(&k, frames[0]);
	}
	/* dirty and bound frames are nobody else's */
	for (i = 0; i < FRAMES * 3 / 4; i++)
		CHECK_MSG(!kit_bind(&k, root, top, 0, claim(a, 200, 0), EXO_RIGHT_ALL, 0, frames) ||
				  k.reason == EXO_R_NO_FRAMES, "reason %u detail %llu", k.reason, (unsigned long long)k.detail);
	kit_stop(&k);
}

static void lifetimes(void)
{
	struct exo_root_get g = {0};
	u64 top, vol, before;
	u32 root;
	char *path = "/dev/zero-length";
	struct exo_attach at = {.cap = 0, .path = (uintptr_t)path, .path_len = strlen(path)};

	kit_start(&k, FRAMES, BLOCKS, SIM_VOLATILE);
	NEED(!kit_sync(&k, EXO_NOROOT));
	before = kit_info(&k).out_free;
	CHECK(kit_attach(&k, 0) == -EBUSY && k.reason == EXO_R_ATTACHED && k.detail == 0);
	k.d = 0;
	CHECK(kit_format(&k, 0) == -EBUSY && k.reason == EXO_R_ATTACHED);
	CHECK(CALL(&k, EXO_NR_ATTACH, at) != 0 && k.reason == EXO_R_NOT_BLOCKDEV);
	/* a temporary root is gone after the next attach, whatever came between; its blocks are free, its name too */
	NEED(!kit_root_add(&k, "tmp", k.tmpl, EXO_NOBLOCK, 1, EXO_ROOT_TEMPORARY, &root, &top) &&
	     !alloc_data(&k, top, 0, 3000, 7));
	NEED(!kit_root_add(&k, "volume", 0, EXO_NOBLOCK, 600, 0, NULL, &vol));
	/* nobody wrote the volume: SYNC does, with zeroes; what is in the temporary root nobody will ever find */
	sim_disk_poke(k.disk, vol + 599, 0, "secret", 6);
	CHECK(!kit_sync(&k, EXO_NOROOT) && kit_info(&k).out_uninit == 7);
	{
		u8 mem[6];

		sim_disk_peek(k.disk, vol + 599, 0, mem, 6);
		CHECK(!memcmp(mem, "\0\0\0\0\0\0", 6));
	}
	CHECK(kit_info(&k).out_free == before - 608);
	CHECK(!kit_detach(&k, 0) && !kit_attach(&k, 0) && kit_info(&k).out_free == before - 600 &&
	      kit_info(&k).out_roots == 1);
	CHECK(!kit_root_add(&k, "tmp", k.tmpl, EXO_NOBLOCK, 1, 0, &root, &top));
	CHECK(!kit_sync(&k, EXO_NOROOT));
	/* power cut: the old entry is not back */
	CHECK(!kit_detach(&k, EXO_DETACH_DISCARD) && !kit_attach(&k, 0) && kit_info(&k).out_roots == 2);
	g.head.flags = EXO_ROOT_BY_NAME;
	g.disk = k.d;
	strcpy(g.name, "tmp");
	CHECK(!CALL(&k, EXO_NR_ROOT_GET, g) && g.out_flags == 0 && g.out_count == 1 && g.out_used == 1);
	/* read-only: everything can be seen, nothing changed, nothing written */
	CHECK(!kit_detach(&k, 0) && !kit_attach(&k, EXO_ATTACH_READONLY));
	NEED(!sim_log_start(k.disk));
	CHECK(kit_root_add(&k, "no", k.tmpl, EXO_NOBLOCK, 1, 0, NULL, NULL) == -EROFS && k.reason == EXO_R_READONLY);
	CHECK(kit_bind(&k, g.root, EXO_NOBLOCK, 0, claim(g.out_start, 1, k.tmpl), EXO_RIGHT_READ, 0, &root) == 0);
	CHECK(alloc_data(&k, g.out_start, 0, 3000, 1) == -EROFS && kit_sync(&k, EXO_NOROOT) == -EROFS);
	kit_unbind(&k, root);
	CHECK(!kit_detach(&k, 0) && sim_log_len(k.disk) == 0);
	CHECK(!kit_attach(&k, 0) && !(kit_info(&k).out_flags & EXO_DISK_WALKED));
	CHECK(kit_detach(&k, 0) == 0 && kit_detach(&k, 0) == -ENOENT && k.reason == EXO_R_NO_DISK);
	CHECK(!kit_attach(&k, 0));
	kit_stop(&k);
}

static void templates(void)
{
	u64 insns[256], out[256];
	struct exo_template_add a = {.name = "node", .partition = PART, .insns = (uintptr_t)insns}, b;
	struct exo_template_get g = {.insns = (uintptr_t)out, .max_insns = 256};
	u64 top;
	u32 root;

	kit_start(&k, FRAMES, BLOCKS, 0);
	a.ninsns = kit_program(insns);
	b = a;
	CHECK(!CALL(&k, EXO_NR_TEMPLATE_ADD, b) && b.out_template == k.tmpl);
	b = a;
	b.name[0] = 'm';
	CHECK(!CALL(&k, EXO_NR_TEMPLATE_ADD, b) && b.out_template == 2);
	b = a;
	b.partition = 4096;
	CHECK(CALL(&k, EXO_NR_TEMPLATE_ADD, b) == -EINVAL && k.reason == EXO_R_PARTITION);
	b = a;
	b.nrefs = 1;
	b.refs[0] = 9;
	CHECK(CALL(&k, EXO_NR_TEMPLATE_ADD, b) == -ENOENT && k.reason == EXO_R_NO_TEMPLATE && k.detail == 9);
	b = a;
	insns[a.ninsns - 2] = 0x85;
	CHECK(CALL(&k, EXO_NR_TEMPLATE_ADD, b) == -EPERM && k.reason == EXO_R_UDF_SCAN &&
	      k.detail == ((u64)(a.ninsns - 2) << 32 | EXO_SCAN_HELPER));
	/* claims something of all zeroes: count 1 at block 0 */
	kit_program(insns);
	b = a;
	insns[62] = 0x62 | (u64)2 << 8 | (u64)328 << 16 | 1ull << 32;
	CHECK(CALL(&k, EXO_NR_TEMPLATE_ADD, b) == -EPERM && k.reason == EXO_R_UDF_ZERO);
	g.disk = k.d;
	g.template_id = k.tmpl;
	kit_program(insns);
	CHECK(!CALL(&k, EXO_NR_TEMPLATE_GET, g) && g.out_ninsns == a.ninsns && !memcmp(out, insns, a.ninsns * 8) &&
	      !g.out_flags);
	/* code that rots on the disk: the template is bad, its root quarantined, others work, and nothing is given out
	 * that it may own */
	NEED(!kit_root_add(&k, "one", k.tmpl, EXO_NOBLOCK, 1, 0, &root, &top) && !alloc_data(&k, top, 0, 3000, 5));
	NEED(!kit_root_add(&k, "two", 2, EXO_NOBLOCK, 1, 0, NULL, NULL));
	NEED(!kit_detach(&k, 0));
	sim_disk_poke(k.disk, 1 + 16 * k.tmpl + 1, 40, "\xff", 1);
	CHECK(!kit_attach(&k, 0));
	CHECK(kit_info(&k).out_bad_templates == 1 && kit_info(&k).out_quarantined == 1 && kit_info(&k).out_held == 5);
	CHECK(!CALL(&k, EXO_NR_TEMPLATE_GET, g) && g.out_flags == EXO_TEMPLATE_BAD);
	CHECK(kit_bind(&k, root, EXO_NOBLOCK, 0, claim(top, 1, k.tmpl), EXO_RIGHT_READ, 0, &root) == -EUCLEAN &&
	      k.reason == EXO_R_QUARANTINED);
	CHECK(kit_root_add(&k, "on it", 0, 3000, 1, 0, NULL, NULL) == -EBUSY && k.reason == EXO_R_HELD);
	{
		struct exo_root_del del = {.disk = k.d, .root = 0};
		struct exo_root_get r = {.disk = k.d, .root = 0};

		CHECK(!CALL(&k, EXO_NR_ROOT_GET, r) && r.out_quarantine == EXO_QUARANTINE_TEMPLATE);
		CHECK(!CALL(&k, EXO_NR_ROOT_DEL, del) && kit_info(&k).out_held == 0 && kit_info(&k).out_waiting == 6);
		CHECK(!kit_sync(&k, EXO_NOROOT) && kit_info(&k).out_waiting == 0 && kit_free(&k, 3000));
	}
	kit_stop(&k);
}

int main(void)
{
	halves();
	limits();
	pressure();
	lifetimes();
	templates();
	return check_done();
}
