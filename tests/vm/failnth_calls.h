/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * failnth_calls.h: one disk with a metadata tree and a raw volume, the calls that failnth makes on it, and functions
 * that bring about what a call starts from, from whatever there is. Part of failnth.c, apart from it for its size.
 */
#ifndef TESTS_VM_FAILNTH_CALLS_H
#define TESTS_VM_FAILNTH_CALLS_H

#include <linux/bpf.h>
#include "failnth.h"

#define PATH "/dev/" FN_DISK
#define BLOCKS 16u /* in a test's bind, read, write or transfer */

static int env; /* makes the calls */
static char *pool;
static size_t pool_bytes;
static int watch; /* owns the next two mappings, makes no calls */
static const struct exo_stats *stats;
static const struct exo_buf *bufs;
static bool attached;
static uint32_t disk, template;
static struct exo_root_add tree, volume, extra; /* a metadata block, raw data, and one that comes and goes */
static uint32_t tree_frame = EXO_NOFRAME, bound[BLOCKS], mine[BLOCKS];
static bool is_bound, is_mine, has_extra;
static struct exo_root_add wide; /* more data than there are frames when hogs hold the others */
static int hogs[2] = {-1, -1};
static uint32_t doomed;	    /* a template to delete, or 0 */
static uint32_t binding;    /* for direct I/O, or 0 */
static uint64_t claimed;    /* first of the blocks that the tree's partition 0 claims in a test, or 0 */
static unsigned int serial; /* makes names new */
static uint32_t reason;	    /* of the last TEMPLATE_ADD */
static uint64_t detail;

/*
 * owns: slot 0 is {u64 start, u32 count} from the partition's first bytes, plain data. A number makes a different
 * program of it: it is loaded into a register that nothing reads.
 */
static void program(struct bpf_insn *p, int32_t number)
{
	const struct bpf_insn code[] = {
		{.code = BPF_LD | BPF_IMM | BPF_DW, .dst_reg = 6, .src_reg = BPF_PSEUDO_MAP_IDX_VALUE, .imm = 0},
		{0},
		{.code = BPF_LD | BPF_IMM | BPF_DW, .dst_reg = 7, .src_reg = BPF_PSEUDO_MAP_IDX_VALUE, .imm = 1},
		{0},
		{.code = BPF_LDX | BPF_MEM | BPF_DW, .dst_reg = 1, .src_reg = 6, .off = 0},
		{.code = BPF_STX | BPF_MEM | BPF_DW, .dst_reg = 7, .src_reg = 1, .off = 0},
		{.code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = 1, .src_reg = 6, .off = 8},
		{.code = BPF_STX | BPF_MEM | BPF_W, .dst_reg = 7, .src_reg = 1, .off = 8},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 2, .imm = number},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};

	memcpy(p, code, sizeof(code));
}
#define PROGRAM_LENGTH 11

/* ---- calls ------------------------------------------------------------- */

static int query(void)
{
	struct exo_query q = {0};

	return vm_call(env, EXO_NR_QUERY, &q);
}

static int disk_info(struct exo_disk_info *i)
{
	*i = (struct exo_disk_info){.disk = disk};
	return vm_call(env, EXO_NR_DISK_INFO, i);
}

static int format(void)
{
	struct exo_format f = {.path = vm_ptr(PATH), .path_len = strlen(PATH)};

	return vm_call(env, EXO_NR_FORMAT, &f);
}

static int attach(void)
{
	struct exo_attach a = {.path = vm_ptr(PATH), .path_len = strlen(PATH)};
	int err = vm_call(env, EXO_NR_ATTACH, &a);

	if (err)
		return err;
	attached = true;
	disk = a.out_disk;
	tree_frame = EXO_NOFRAME;
	return 0;
}

/* An attach that lacks memory must say so; it must not take a template or a root for bad. */
static bool sound(void)
{
	struct exo_disk_info i;

	if (!attached)
		return true;
	need(!disk_info(&i), "DISK_INFO");
	return !i.out_quarantined && !i.out_bad_templates;
}

static int detach_with(uint32_t flags)
{
	struct exo_detach d = {.head.flags = flags, .disk = disk};
	int err = vm_call(env, EXO_NR_DETACH, &d);

	if (!err)
		attached = false;
	return err;
}

static int detach(void)
{
	return detach_with(0);
}

static int template_add_with(const char *name, int32_t number, bool acl, uint32_t *id)
{
	static const struct bpf_insn allow[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K}, {.code = BPF_JMP | BPF_EXIT}};
	struct bpf_insn code[PROGRAM_LENGTH];
	struct exo_template_add t = {.disk = disk, .partition = 512, .ninsns = PROGRAM_LENGTH, .insns = vm_ptr(code)};
	int err;

	program(code, number);
	if (acl) {
		t.acl_insns = vm_ptr(allow);
		t.acl_ninsns = 2;
	}
	snprintf(t.name, sizeof(t.name), "%s%d", name, number);
	err = vm_call(env, EXO_NR_TEMPLATE_ADD, &t);
	if (!err)
		*id = t.out_template;
	reason = t.head.out_reason;
	detail = t.head.out_detail;
	return err;
}

static int template_add(const char *name, int32_t number, uint32_t *id)
{
	return template_add_with(name, number, false, id);
}

static int template_del(uint32_t id)
{
	struct exo_template_del d = {.disk = disk, .template_id = id};

	return vm_call(env, EXO_NR_TEMPLATE_DEL, &d);
}

static int root_add(struct exo_root_add *r, const char *name, uint64_t blocks, uint32_t type)
{
	*r = (struct exo_root_add){.disk = disk, .start = EXO_NOBLOCK, .count = blocks, .template_id = type};
	snprintf(r->name, sizeof(r->name), "%s", name);
	return vm_call(env, EXO_NR_ROOT_ADD, r);
}

static int root_del(const struct exo_root_add *r)
{
	struct exo_root_del d = {.disk = disk, .root = r->out_root};

	return vm_call(env, EXO_NR_ROOT_DEL, &d);
}

static int sync_disk(void)
{
	struct exo_sync s = {.disk = disk, .root = EXO_NOROOT};

	return vm_call(env, EXO_NR_SYNC, &s);
}

static int bind_tree(void)
{
	uint32_t frame;
	struct exo_bind b = {.disk = disk,
			     .root = tree.out_root,
			     .parent = EXO_NOBLOCK,
			     .claim = {.start = tree.out_start, .count = 1, .template_id = template},
			     .first = tree.out_start,
			     .count = 1,
			     .rights = EXO_RIGHT_READ,
			     .frames = vm_ptr(&frame)};
	int err = vm_call(env, EXO_NR_BIND, &b);

	if (!err)
		tree_frame = frame;
	return err;
}

static int bind_volume(uint32_t flags)
{
	int err = vm_bind(env, &volume, 0, BLOCKS, EXO_RIGHT_ALL, flags, bound);

	is_bound = !err;
	return err;
}

/* With the address at which the pool is mapped: what is bound is entered there. */
static int bind_mapped(void)
{
	struct exo_bind b = {.disk = disk,
			     .root = volume.out_root,
			     .parent = EXO_NOBLOCK,
			     .claim = {.start = volume.out_start, .count = volume.count},
			     .first = volume.out_start,
			     .count = BLOCKS,
			     .rights = EXO_RIGHT_ALL,
			     .frames = vm_ptr(bound),
			     .map = vm_ptr(pool)};
	int err = vm_call(env, EXO_NR_BIND, &b);

	is_bound = !err;
	return err;
}

/* What many calls of TXN have in common, also when they come by TXNS: the answer of the only transaction is that of the call. */
static int txn_call(struct exo_txn *t, bool many)
{
	struct exo_txns all = {.txns = vm_ptr(t), .txn_size = sizeof(*t), .count = 1};
	int err;

	if (!many)
		return vm_call(env, EXO_NR_TXN, t);
	t->head.size = sizeof(*t);
	err = vm_call(env, EXO_NR_TXNS, &all);
	if (!err && all.out_refused)
		err = t->head.out_reason == EXO_R_NOMEM || t->head.out_reason == EXO_R_NO_FRAMES ? -ENOMEM :
		      t->head.out_reason == EXO_R_POINTER					 ? -EFAULT :
												   -EPERM;
	return err;
}

/* The claim goes from one partition of the tree's block to another. */
static int txn_move(uint32_t from, uint32_t to)
{
	unsigned char bytes[2][12] = {{0}};
	uint64_t version = bufs[tree_frame].version, versions[2];
	uint32_t count = 4;
	struct exo_edit e[2] = {
		{.block = tree.out_start, .version = version, .offset = from * 512, .len = 12, .bytes = vm_ptr(bytes[0])},
		{.block = tree.out_start, .version = version, .offset = to * 512, .len = 12, .bytes = vm_ptr(bytes[1])},
	};
	struct exo_decl d = {.op = EXO_DECL_MOVE, .start = claimed, .count = count};
	struct exo_txn t = {.disk = disk,
			    .nedits = 2,
			    .ndecls = 1,
			    .edits = vm_ptr(e),
			    .decls = vm_ptr(&d),
			    .versions = vm_ptr(versions)};

	memcpy(bytes[1], &claimed, 8);
	memcpy(bytes[1] + 8, &count, 4);
	return txn_call(&t, false);
}

#define TXN_MANY 1u    /* by TXNS */
#define TXN_CONTENT 2u /* and says what the first of the blocks holds */

/* Points the tree's first partition at `count` blocks from `start`, or at nothing. */
static int txn_by(uint64_t start, uint32_t count, unsigned int how)
{
	unsigned char bytes[12];
	struct exo_edit e[2] = {
		{.block = tree.out_start, .version = bufs[tree_frame].version, .len = sizeof(bytes), .bytes = vm_ptr(bytes)},
		{.block = start, .version = EXO_VERSION_DATA, .offset = 100, .len = sizeof(bytes), .bytes = vm_ptr(bytes)},
	};
	struct exo_decl d = {
		.op = count ? EXO_DECL_ALLOC : EXO_DECL_FREE, .start = count ? start : claimed, .count = 4};
	struct exo_range ranges[4];
	struct exo_txn t = {.disk = disk,
			    .nedits = how & TXN_CONTENT ? 2 : 1,
			    .ndecls = 1,
			    .edits = vm_ptr(e),
			    .decls = vm_ptr(&d),
			    .ranges = vm_ptr(ranges),
			    .ranges_room = 4};
	int err;

	memset(bytes, 0, sizeof(bytes));
	if (count) {
		memcpy(bytes, &start, 8);
		memcpy(bytes + 8, &count, 4);
	}
	err = txn_call(&t, how & TXN_MANY);
	if (!err)
		claimed = count ? start : 0;
	return err;
}

static int txn(uint64_t start, uint32_t count)
{
	return txn_by(start, count, 0);
}

static struct exo_io transfer_of(uint32_t flags)
{
	return (struct exo_io){
		.head.flags = flags,
		.disk = disk,
		.root = volume.out_root,
		.parent = EXO_NOBLOCK,
		.claim = {.start = volume.out_start, .count = volume.count},
		.first = volume.out_start,
		.count = BLOCKS,
		.frames = vm_ptr(mine),
	};
}

static int transfer(uint32_t flags)
{
	struct exo_io io = transfer_of(flags);

	return vm_call(env, EXO_NR_IO, &io);
}

static int io_bind(void)
{
	struct exo_io_bind b = {.disk = disk,
				.root = volume.out_root,
				.parent = EXO_NOBLOCK,
				.claim = {.start = volume.out_start, .count = volume.count},
				.rights = EXO_RIGHT_ALL};
	int err = vm_call(env, EXO_NR_IO_BIND, &b);

	if (!err)
		binding = b.out_binding;
	return err;
}

static int io_unbind(void)
{
	struct exo_io_unbind u = {.binding = binding};
	int err = vm_call(env, EXO_NR_IO_UNBIND, &u);

	if (!err)
		binding = 0;
	return err;
}

/* ---- states that calls start from -------------------------------------- */

static void let_go(void)
{
	if (is_bound)
		need(!vm_unbind(env, bound, BLOCKS), "UNBIND");
	is_bound = false;
	if (tree_frame != EXO_NOFRAME)
		need(!vm_unbind(env, &tree_frame, 1), "UNBIND");
	tree_frame = EXO_NOFRAME;
}

static void no_frames(void)
{
	if (is_mine)
		need(!vm_frame_free(env, mine, BLOCKS), "FRAME_FREE");
	is_mine = false;
}

static void frames(void)
{
	if (!is_mine)
		need(!vm_frame_alloc(env, mine, BLOCKS, EXO_FRAME_ANY), "FRAME_ALLOC");
	is_mine = true;
}

static void no_disk(void)
{
	if (!attached)
		return;
	let_go();
	need(!detach(), "DETACH");
}

static uint32_t find_root(const char *name)
{
	struct exo_root_get g = {.head.flags = EXO_ROOT_BY_NAME, .disk = disk};

	snprintf(g.name, sizeof(g.name), "%s", name);
	need(!vm_call(env, EXO_NR_ROOT_GET, &g), "ROOT_GET %s", name);
	return g.root;
}

static void a_disk(void)
{
	if (attached)
		return;
	need(!attach() && sound(), "ATTACH");
	tree.out_root = find_root("tree");
	volume.out_root = find_root("volume");
	if (wide.count)
		wide.out_root = find_root("wide");
}

/* Attached, with nothing in core. */
static void cold(void)
{
	no_disk();
	a_disk();
}

static void blank(void)
{
	no_disk();
	need(!format() && !attach(), "FORMAT and ATTACH");
	claimed = 0;
	doomed = 0;
	wide.count = 0;
	has_extra = false;
}

static void fresh(void)
{
	blank();
	need(!template_add("list", 0, &template), "TEMPLATE_ADD");
	need(!root_add(&tree, "tree", 1, template) && !root_add(&volume, "volume", 64, 0), "ROOT_ADD");
	need(!sync_disk(), "SYNC");
}

static void a_tree(void)
{
	a_disk();
	if (tree_frame == EXO_NOFRAME)
		need(!bind_tree(), "BIND");
}

static void bound_volume(void)
{
	a_disk();
	if (!is_bound)
		need(!bind_volume(EXO_BIND_OVERWRITE), "BIND");
}

static void dirty(void)
{
	uint32_t i;

	bound_volume();
	for (i = 0; i < BLOCKS; i++)
		need(!vm_poke(pool + bound[i] * 4096ul, (unsigned char)++serial), "store into block %u", i);
}

static void dirty_unbound(void)
{
	dirty();
	let_go();
}

static void transferable(void)
{
	a_disk();
	let_go();
	frames();
}

/* A binding ends with the disk; a new environment has none. */
static void tied(void)
{
	transferable();
	if (binding)
		io_unbind();
	need(!io_bind(), "IO_BIND");
}

static void untied(void)
{
	transferable();
	if (binding)
		io_unbind();
	binding = 0;
}

#define LEFT 96u /* frames that the hogs leave: fewer than `wide` has blocks */

static void no_hogs(void)
{
	int i;

	for (i = 0; i < 2; i++) {
		if (hogs[i] >= 0)
			close(hogs[i]);
		hogs[i] = -1;
	}
}

/* Frames that are not private. */
static uint64_t others(void)
{
	return stats->frames_free + stats->frames_cached;
}

/* Hogs hold all but a few frames, and nearly all of those are of dirty buffers that nobody has bound. */
static void scarce(void)
{
	uint32_t f[64], i, n, rounds;
	uint64_t at = 0;

	a_disk();
	let_go();
	no_frames();
	if (!wide.count)
		need(!root_add(&wide, "wide", 2 * LEFT, 0), "ROOT_ADD");
	for (i = 0; i < 2; i++) {
		if (hogs[i] < 0)
			hogs[i] = vm_open();
		while (others() > LEFT && !vm_frame_alloc(hogs[i], f, others() > LEFT + 64 ? 64 : 1, EXO_FRAME_ANY))
			;
	}
	need(others() == LEFT, "%llu frames are left", (unsigned long long)others());
	for (rounds = 0; LEFT - stats->frames_dirty >= BLOCKS && rounds < 100; rounds++, at += BLOCKS) {
		at %= wide.count;
		need(!vm_bind(env, &wide, at, BLOCKS, EXO_RIGHT_ALL, EXO_BIND_OVERWRITE, f), "BIND");
		for (n = 0; n < BLOCKS; n++)
			need(!vm_poke(pool + f[n] * 4096ul, (unsigned char)++serial), "store");
		need(!vm_unbind(env, f, BLOCKS), "UNBIND");
	}
	need(rounds < 100, "dirty frames");
}

#endif
