// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * core_faults.c: every allocation of every call fails once, every frame renewal too: the call is refused with NOMEM,
 * nothing has changed, nothing leaks, and the same call succeeds afterwards. Then devices that fail: reads, writes,
 * flushes.
 */
#include "core_kit.h"

#define FRAMES 64
#define BLOCKS 5000

static struct txn t;
static struct kit k;
static u64 top, node, data, moved;
#define VOLUME 12u /* blocks: more than BIND has room for on its stack */
static u32 root, volume, frames[VOLUME], tmpl2;
static u64 volume_at;

struct state {
	u64 free, waiting, uninit, dirty, contested, version;
	u32 roots, templates;
	u64 frames_private;
};

static struct state look(void)
{
	struct exo_disk_info i = kit_info(&k);
	struct state s;
	const struct exo_stats *st;
	void *base;
	size_t bytes;

	memset(&s, 0, sizeof(s));
	s.free = i.out_free;
	s.waiting = i.out_waiting;
	s.uninit = i.out_uninit;
	s.dirty = i.out_dirty;
	s.contested = i.out_contested;
	s.roots = i.out_roots;
	s.templates = i.out_templates;
	s.version = kit_version(&k, top);
	NEED(!exo_core_area_get(k.core, EXO_MAP_STATS, &base, &bytes));
	st = base;
	s.frames_private = st->frames_private;
	return s;
}

static struct exo_claim claim(u64 start, u64 count, u32 tmpl)
{
	return (struct exo_claim){.start = start, .count = count, .template_id = tmpl};
}

static int op_template(void)
{
	u64 insns[256];
	struct exo_template_add a = {.disk = k.d,
				     .cap = k.cap,
				     .name = "other",
				     .partition = PART,
				     .nrefs = 1,
				     .refs = {k.tmpl},
				     .insns = (uintptr_t)insns};
	int err;

	a.ninsns = kit_program(insns);
	err = CALL(&k, EXO_NR_TEMPLATE_ADD, a);
	tmpl2 = a.out_template;
	return err;
}

static int op_root(void)
{
	return kit_root_add(&k, "top", k.tmpl, 3000, 1, 0, &root, &top);
}

static int op_volume(void)
{
	return kit_root_add(&k, "volume", 0, EXO_NOBLOCK, VOLUME, 0, &volume, &volume_at);
}

static int op_alloc(void)
{
	txn_slot(&t, top, kit_version(&k, top), 0, 0, (struct slot){node, 1, 1, 0, 0});
	txn_slot(&t, top, kit_version(&k, top), 0, 1, (struct slot){moved, 1, 0, 0, 0});
	txn_slot(&t, node, EXO_VERSION_NEW, 2, 0, (struct slot){data, 4, 0, 0, 0});
	txn_decl(&t, EXO_DECL_ALLOC, k.tmpl, node, 1);
	txn_decl(&t, EXO_DECL_ALLOC, 0, moved, 1);
	txn_decl(&t, EXO_DECL_ALLOC, 0, data, 4);
	return txn_go(&k, &t);
}

static int op_bind(void)
{
	return kit_bind(&k, root, node, 2, claim(data, 4, 0), EXO_RIGHT_ALL, EXO_BIND_OVERWRITE, frames);
}

static int op_bind_many(void)
{
	return kit_bind(&k, volume, EXO_NOBLOCK, 0, claim(volume_at, VOLUME, 0), EXO_RIGHT_READ, 0, frames);
}

static int op_unbind_many(void)
{
	struct exo_unbind u = {.frames = (uintptr_t)frames, .count = VOLUME};

	return CALL(&k, EXO_NR_UNBIND, u);
}

static int op_unbind(void)
{
	struct exo_unbind u = {.frames = (uintptr_t)frames, .count = 4};

	return CALL(&k, EXO_NR_UNBIND, u);
}

static int op_write(void)
{
	return kit_write(&k, data, 4);
}

static int op_flush(void)
{
	return kit_flush(&k);
}

static int op_sync(void)
{
	return kit_sync(&k, root);
}

static int op_move(void)
{
	txn_slot(&t, top, kit_version(&k, top), 0, 1, (struct slot){0});
	txn_slot(&t, node, kit_version(&k, node), 1, 0, (struct slot){moved, 1, 0, 0, 0});
	txn_decl(&t, EXO_DECL_MOVE, 0, moved, 1);
	return txn_go(&k, &t);
}

static int op_free(void)
{
	txn_slot(&t, node, kit_version(&k, node), 2, 0, (struct slot){0});
	txn_slot(&t, node, kit_version(&k, node), 1, 0, (struct slot){0});
	txn_slot(&t, top, kit_version(&k, top), 0, 0, (struct slot){0});
	txn_decl(&t, EXO_DECL_FREE, 0, data, 4);
	txn_decl(&t, EXO_DECL_FREE, 0, moved, 1);
	txn_decl(&t, EXO_DECL_FREE, k.tmpl, node, 1);
	return txn_go(&k, &t);
}

static int op_frames(void)
{
	struct exo_frame_alloc a = {.head.flags = EXO_FRAME_ANY, .frames = (uintptr_t)frames, .count = 4};

	return CALL(&k, EXO_NR_FRAME_ALLOC, a);
}

static int op_frames_free(void)
{
	struct exo_frame_free a = {.frames = (uintptr_t)frames, .count = 4};

	return CALL(&k, EXO_NR_FRAME_FREE, a);
}

static int io(u32 flags)
{
	struct exo_io q = {.head.flags = flags,
			   .disk = k.d,
			   .root = root,
			   .index = 2,
			   .parent = node,
			   .claim = claim(data, 4, 0),
			   .first = data,
			   .count = 4,
			   .frames = (uintptr_t)frames};

	return CALL(&k, EXO_NR_IO, q);
}

static int op_io_write(void)
{
	return io(EXO_IO_WRITE);
}

static int op_io_read(void)
{
	return io(0);
}

static int op_io_bind(void)
{
	struct exo_io_bind q = {.disk = k.d, .index = 2, .parent = node, .claim = claim(data, 4, 0), .rights = EXO_RIGHT_ALL};

	return CALL(&k, EXO_NR_IO_BIND, q);
}

static int op_read(void)
{
	return kit_read(&k, data + 10, 4);
}

static int op_del(void)
{
	struct exo_root_del r = {.disk = k.d, .cap = k.cap, .root = root};

	return CALL(&k, EXO_NR_ROOT_DEL, r);
}

static int op_detach(void)
{
	return kit_detach(&k, 0);
}

static int op_attach(void)
{
	return kit_attach(&k, EXO_ATTACH_WALK);
}

static int op_sync_all(void)
{
	return kit_sync(&k, EXO_NOROOT);
}

/* live: the disk is attached before and after, and a refusal changes nothing that can be seen. */
static void sweep(const char *name, int (*op)(void), bool live)
{
	u32 n;
	int err;

	for (n = 1; n < 4000; n++) {
		struct state before, after;

		memset(&before, 0, sizeof(before));
		after = before;
		if (live)
			before = look();
		sim_alloc_fail(n);
		err = op();
		sim_alloc_fail(0);
		if (!err)
			break;
		CHECK_MSG(err == -ENOMEM && k.reason == EXO_R_NOMEM, "%s, allocation %u: %d, reason %u", name, n, err,
			  k.reason);
		if (live)
			after = look();
		/* SYNC may have got some of the way, and its buffers are clean then; holds and arrays once made are
		 * kept. */
		if (op != op_sync && op != op_sync_all && op != op_detach)
			CHECK_MSG(!memcmp(&before, &after, sizeof(before)), "%s, allocation %u", name, n);
	}
	CHECK_MSG(!err, "%s: %d, reason %u", name, err, k.reason);
	CHECK_MSG(n < 4000, "%s", name);
	/* The read has the operation that the write gave back; a few blocks are bound with what is on the stack. */
	if (n == 1)
		CHECK_MSG(op == op_flush || op == op_io_read || op == op_bind, "%s never allocated", name);
}

static void memory(u32 flags)
{
	kit_start(&k, FRAMES, BLOCKS, flags);
	node = 3100;
	data = 3200;
	moved = 3300;
	sweep("TEMPLATE_ADD", op_template, true);
	sweep("ROOT_ADD", op_root, true);
	sweep("SYNC", op_sync, true);
	sweep("ROOT_ADD of data", op_volume, true);
	sweep("TXN with ALLOC", op_alloc, true);
	sweep("BIND of many", op_bind_many, true);
	sweep("UNBIND of many", op_unbind_many, true);
	sweep("BIND", op_bind, true);
	sweep("UNBIND", op_unbind, true);
	sweep("WRITE", op_write, true);
	sweep("FLUSH", op_flush, true);
	sweep("SYNC", op_sync, true);
	sweep("TXN with MOVE", op_move, true);
	sweep("SYNC of a MOVE", op_sync, true);
	sweep("FRAME_ALLOC", op_frames, true);
	sweep("IO write", op_io_write, true);
	sweep("IO read", op_io_read, true);
	sweep("IO_BIND", op_io_bind, true);
	sweep("FRAME_FREE", op_frames_free, true);
	sweep("READ", op_read, true);
	sweep("TXN with FREE", op_free, true);
	sweep("SYNC of all", op_sync_all, true);
	CHECK(kit_info(&k).out_waiting == 0);
	sweep("DETACH", op_detach, false);
	sweep("ATTACH", op_attach, false);
	NEED(!kit_bind(&k, root, EXO_NOBLOCK, 0, claim(top, 1, k.tmpl), EXO_RIGHT_READ, 0, frames) &&
	     !kit_unbind(&k, frames[0]));
	sweep("TXN with ALLOC, again", op_alloc, true);
	sweep("ROOT_DEL", op_del, true);
	NEED(!kit_sync(&k, EXO_NOROOT));
	CHECK(kit_info(&k).out_waiting == 0 && kit_info(&k).out_free == BLOCKS - 1 - 1042 - VOLUME);
	kit_stop(&k);
}

static void renewals(void)
{
	u32 n;
	int err;

	kit_start(&k, FRAMES, BLOCKS, 0);
	for (n = 1; n < 10; n++) {
		sim_renew_fail(n);
		err = op_root();
		sim_renew_fail(0);
		if (!err)
			break;
		CHECK(err == -ENOMEM && k.reason == EXO_R_NO_FRAMES);
	}
	CHECK(n == 2);
	for (n = 1; n < 10; n++) {
		sim_renew_fail(n);
		err = op_frames();
		sim_renew_fail(0);
		if (!err)
			break;
		CHECK(err == -ENOMEM && k.reason == EXO_R_NO_FRAMES && look().frames_private == 0);
	}
	CHECK(n == 5 && look().frames_private == 4);
	kit_stop(&k);
}

static void devices(void)
{
	struct exo_disk_info i;

	kit_start(&k, FRAMES, BLOCKS, SIM_VOLATILE);
	node = 3100;
	data = 3200;
	moved = 3300;
	NEED(!op_root() && !op_sync() && !op_alloc() && !op_bind());
	/* one bad block of four: the others are written, and it stays dirty */
	sim_disk_fail(k.disk, SIM_FAIL_WRITE, data + 2, 1, 0, 0);
	CHECK(op_write() == -EIO && k.reason == EXO_R_IO && k.detail == data + 2);
	CHECK(!(kit_buf(&k, data)->flags & EXO_BUF_DIRTY) && !(kit_buf(&k, data + 3)->flags & EXO_BUF_DIRTY));
	CHECK((kit_buf(&k, data + 2)->flags & (EXO_BUF_DIRTY | EXO_BUF_ERROR)) == (EXO_BUF_DIRTY | EXO_BUF_ERROR));
	/* SYNC does the rest and says so; what would make the bad block reachable is not written */
	CHECK(op_sync() == -EIO && k.detail == data + 2);
	CHECK(!(kit_buf(&k, node)->flags & EXO_BUF_DIRTY) && (kit_buf(&k, top)->flags & EXO_BUF_DIRTY));
	CHECK(kit_info(&k).out_uninit == 1);
	sim_disk_fail(k.disk, 0, 0, 0, 0, 0);
	CHECK(!op_sync());
	i = kit_info(&k);
	CHECK(i.out_dirty == 0 && i.out_uninit == 0 && !(kit_buf(&k, data + 2)->flags & EXO_BUF_ERROR));
	/* metadata: the records of its write come back */
	NEED(!op_unbind() && !op_move());
	sim_disk_fail(k.disk, SIM_FAIL_WRITE, node, 1, 0, 0);
	CHECK(op_sync() == -EIO && k.detail == node);
	CHECK(kit_write(&k, top, 1) == -EBUSY && k.reason == EXO_R_TAINTED);
	sim_disk_fail(k.disk, 0, 0, 0, 0, 0);
	CHECK(!op_sync() && kit_info(&k).out_dirty == 0);
	/* reads: the good ones are in core, the bad one is not */
	sim_disk_fail(k.disk, SIM_FAIL_READ, 4001, 1, 0, 0);
	CHECK(kit_read(&k, 4000, 3) == -EIO && k.detail == 4001);
	CHECK(kit_buf(&k, 4000) && !kit_buf(&k, 4001) && kit_buf(&k, 4002));
	sim_disk_fail(k.disk, 0, 0, 0, 0, 0);
	/* a flush that fails: nothing is called durable any more, and nothing is written */
	NEED(!op_free());
	sim_disk_fail(k.disk, SIM_FAIL_FLUSH, 0, BLOCKS, 0, 1);
	CHECK(op_sync() == -EIO);
	i = kit_info(&k);
	CHECK((i.out_flags & EXO_DISK_FAILED) && i.out_waiting == 6);
	CHECK(op_sync() == -EIO && kit_flush(&k) == -EIO && op_volume() == -EIO && op_alloc() == -EIO);
	CHECK(kit_detach(&k, 0) == -EIO && k.reason == EXO_R_DIRTY);
	CHECK(!kit_detach(&k, EXO_DETACH_DISCARD));
	sim_disk_fail(k.disk, 0, 0, 0, 0, 0);
	CHECK(!kit_attach(&k, 0) && (kit_info(&k).out_flags & EXO_DISK_WALKED));
	/* the catalogue */
	sim_disk_fail(k.disk, SIM_FAIL_WRITE, 1025, 16, 0, 0);
	NEED(!op_volume());
	CHECK(kit_sync(&k, EXO_NOROOT) == -EIO);
	sim_disk_fail(k.disk, 0, 0, 0, 0, 0);
	CHECK(!kit_sync(&k, EXO_NOROOT));
	/* a format that cannot write; a detach that cannot store */
	sim_disk_fail(k.disk, SIM_FAIL_WRITE, 1041, 1, 0, 0);
	CHECK(kit_detach(&k, 0) == -EIO);
	sim_disk_fail(k.disk, 0, 0, 0, 0, 0);
	CHECK(!kit_detach(&k, 0) && !kit_attach(&k, 0) && !(kit_info(&k).out_flags & EXO_DISK_WALKED));
	kit_stop(&k);
}

static bool gone(void)
{
	return (kit_info(&k).out_flags & EXO_DISK_FAILED) && kit_flush(&k) == -EIO;
}

/*
 * Every flush that fails says that what was written before may be gone, whoever asked for it: the one between the first sectors of a
 * block and the rest, and those of a template. A later one that succeeds does not make it durable.
 */
static void flushes(void)
{
	struct exo_template_add ta = {.partition = PART};
	u64 insns[256], at;
	u32 turn;

	kit_start(&k, FRAMES, BLOCKS, SIM_VOLATILE);
	NEED(!kit_root_add(&k, "r", k.tmpl, EXO_NOBLOCK, 1, 0, &turn, &at));
	txn_slot(&t, at, kit_version(&k, at), 0, 0, (struct slot){3000, 1, 0, 0, 0});
	txn_decl(&t, EXO_DECL_ALLOC, 0, 3000, 1);
	NEED(!txn_go(&k, &t) && !kit_sync(&k, EXO_NOROOT));
	txn_slot(&t, at, kit_version(&k, at), 0, 0, (struct slot){0});
	txn_slot(&t, at, kit_version(&k, at), 1, 0, (struct slot){3000, 1, 0, 0, 0});
	txn_decl(&t, EXO_DECL_MOVE, 0, 3000, 1);
	NEED(!txn_go(&k, &t));
	sim_disk_fail(k.disk, SIM_FAIL_FLUSH, 0, BLOCKS, 0, 1);
	CHECK(kit_write(&k, at, 1) == -EIO && k.reason == EXO_R_IO && k.detail == at);
	CHECK(gone() && (kit_buf(&k, at)->flags & EXO_BUF_DIRTY));
	NEED(!kit_detach(&k, EXO_DETACH_DISCARD));
	sim_disk_fail(k.disk, 0, 0, 0, 0, 0);
	for (turn = 0; turn < 2; turn++) {
		NEED(!kit_attach(&k, 0));
		ta.disk = k.d;
		ta.insns = (uintptr_t)insns;
		ta.ninsns = kit_program(insns);
		snprintf(ta.name, sizeof(ta.name), "t%u", turn);
		sim_disk_fail(k.disk, SIM_FAIL_FLUSH, 0, BLOCKS, turn, 1);
		CHECK(CALL(&k, EXO_NR_TEMPLATE_ADD, ta) == -EIO && k.reason == EXO_R_IO);
		sim_disk_fail(k.disk, 0, 0, 0, 0, 0);
		CHECK(gone());
		CHECK(CALL(&k, EXO_NR_TEMPLATE_ADD, ta) == -EIO && k.reason == EXO_R_IO);
		NEED(!kit_detach(&k, EXO_DETACH_DISCARD));
	}
	NEED(!kit_attach(&k, 0));
	kit_stop(&k);
}

/* Data that was written before, so that no record hangs on its write: that its flush failed is not forgotten with the first answer. */
static void data_lost(void)
{
	struct exo_sync part = {.head.flags = EXO_SYNC_RUNS, .root = EXO_NOROOT, .nruns = 1};
	struct exo_run run = {.count = 1};
	u32 f, r;

	kit_start(&k, FRAMES, BLOCKS, SIM_VOLATILE);
	NEED(!kit_root_add(&k, "v", 0, EXO_NOBLOCK, 1, 0, &r, &run.start) && !kit_sync(&k, EXO_NOROOT));
	NEED(!kit_bind(&k, r, EXO_NOBLOCK, 0, claim(run.start, 1, 0), EXO_RIGHT_ALL, 0, &f));
	CHECK(sim_poke(sim_pool(k.senv) + f * 4096ul, "new", 4));
	sim_disk_fail(k.disk, SIM_FAIL_FLUSH, 0, BLOCKS, 0, 1);
	CHECK(kit_sync(&k, EXO_NOROOT) == -EIO && k.reason == EXO_R_IO);
	sim_disk_fail(k.disk, 0, 0, 0, 0, 0);
	part.disk = k.d;
	part.runs = (uintptr_t)&run;
	CHECK(kit_sync(&k, EXO_NOROOT) == -EIO && kit_sync(&k, r) == -EIO && CALL(&k, EXO_NR_SYNC, part) == -EIO);
	CHECK(gone() && !kit_unbind(&k, f) && kit_detach(&k, 0) == -EIO && !kit_detach(&k, EXO_DETACH_DISCARD));
	kit_stop(&k);
}

/* A flush that succeeds while another one fails: which of them was told of the loss, nobody knows. */
static void other_fails(void *ctx, struct sim_disk *d, int op)
{
	if (op != SIM_LOG_FLUSH)
		return;
	sim_disk_hook(d, NULL, NULL);
	CHECK(kit_flush(ctx) == -EIO);
}

static void flush_beside(void)
{
	u64 at;

	kit_start(&k, FRAMES, BLOCKS, SIM_VOLATILE);
	NEED(!kit_root_add(&k, "v", 0, EXO_NOBLOCK, 1, 0, NULL, &at));
	sim_disk_fail(k.disk, SIM_FAIL_FLUSH, 0, BLOCKS, 0, 1);
	sim_disk_hook(k.disk, other_fails, &k);
	CHECK(kit_flush(&k) == -EIO && gone());
	kit_stop(&k);
}

/*
 * DETACH gets as far as the superblock that calls the stored map true, and then fails: at its write, or at the flush behind that. The disk
 * stays, and what happens to it from now on would not be in that map.
 */
static void half_detached(bool flush)
{
	u64 at;
	u32 r;

	kit_start(&k, FRAMES, BLOCKS, SIM_VOLATILE);
	NEED(!kit_root_add(&k, "r", k.tmpl, EXO_NOBLOCK, 1, 0, &r, &at) && !kit_sync(&k, EXO_NOROOT));
	if (flush)
		sim_disk_fail(k.disk, SIM_FAIL_FLUSH, 0, BLOCKS, 1, 1);
	else
		sim_disk_fail(k.disk, SIM_FAIL_WRITE, 0, 1, 0, 1);
	CHECK(kit_detach(&k, 0) == -EIO && k.reason == EXO_R_IO);
	sim_disk_fail(k.disk, 0, 0, 0, 0, 0);
	CHECK(gone());
	txn_slot(&t, at, kit_version(&k, at), 0, 0, (struct slot){3000, 4, 0, 0, 0});
	txn_decl(&t, EXO_DECL_ALLOC, 0, 3000, 4);
	CHECK(txn_go(&k, &t) == -EIO && kit_sync(&k, EXO_NOROOT) == -EIO);
	CHECK(kit_root_add(&k, "more", 0, EXO_NOBLOCK, 1, 0, NULL, NULL) == -EIO);
	CHECK(kit_detach(&k, 0) == -EIO && k.reason == EXO_R_DIRTY && !kit_detach(&k, EXO_DETACH_DISCARD));
	NEED(!kit_attach(&k, 0));
	CHECK(!kit_info(&k).out_quarantined && kit_info(&k).out_free == BLOCKS - 1 - 1042 - 1 && !kit_detach(&k, 0));
	kit_stop(&k);
}

int main(void)
{
	flushes();
	data_lost();
	flush_beside();
	half_detached(false);
	half_detached(true);
	memory(0);
	memory(SIM_VOLATILE);
	renewals();
	devices();
	return check_done();
}
