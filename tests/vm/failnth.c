// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * failnth memory|copies|device|thread: run each call of exo again and again, with the first thing that can fail
 * failing, then the second, until it runs without. Each failure must come back as one errno, leave every counter as it
 * was, and leave the next try able to succeed. One result a call. /dev/vda is overwritten.
 */
#define _GNU_SOURCE
#include "failnth_calls.h"
#include "ring.h"

#define MOVES 1u /* a failed call may have done a part: written blocks, but never more dirty ones */
#define SURE 2u	 /* never fails */
#define IO 4u	 /* gives requests to the device: swept with a dying one, too */
#define LEAVES 8u /* on a dead device: what it was to delete may be nobody's already */

struct op {
	const char *name;
	void (*before)(void); /* brings about what run needs, from whatever there is */
	int (*run)(void);     /* the call; 0 or -errno */
	void (*undo)(void);   /* after a success, if before cannot run on top of it */
	unsigned int flags;
};

/* ---- the calls under test ---------------------------------------------- */

static int other = -1; /* an environment that comes and goes */

static int do_open(void)
{
	other = open(EXO_DEVICE, O_RDWR | O_CLOEXEC);
	return other < 0 ? -errno : 0;
}

static void undo_open(void)
{
	close(other);
}

/* Closing gives everything back; it may not need memory. */
static void before_close(void)
{
	uint32_t f[BLOCKS];

	a_disk();
	other = vm_open();
	need(!vm_frame_alloc(other, f, BLOCKS, EXO_FRAME_ANY), "FRAME_ALLOC");
	need(!vm_bind(other, &volume, 0, BLOCKS, EXO_RIGHT_READ, 0, f), "BIND");
}

static int do_close(void)
{
	return close(other) ? -errno : 0;
}

static int do_cap_list(void)
{
	struct exo_cap caps[EXO_MAX_CAPS];
	struct exo_cap_list l = {.caps = vm_ptr(caps), .count = EXO_MAX_CAPS};

	return vm_call(env, EXO_NR_CAP_LIST, &l);
}

static int do_disk_info(void)
{
	struct exo_disk_info i;

	return disk_info(&i);
}

static int do_frame_alloc(void)
{
	int err = vm_frame_alloc(env, mine, BLOCKS, EXO_FRAME_ANY);

	is_mine = !err;
	return err;
}

static int do_frame_free(void)
{
	int err = vm_frame_free(env, mine, BLOCKS);

	is_mine = !!err;
	return err;
}

static int do_template_add(void)
{
	uint32_t id;

	return template_add("again", ++serial, &id);
}

static int do_template_add_acl(void)
{
	uint32_t id;

	return template_add_with("acl", ++serial, true, &id);
}

static void before_template_del(void)
{
	struct exo_template_get g = {.template_id = doomed};

	a_disk();
	g.disk = disk;
	/* A dead device may have taken it along. */
	if (!doomed || vm_call(env, EXO_NR_TEMPLATE_GET, &g))
		need(!template_add("doomed", ++serial, &doomed), "TEMPLATE_ADD");
}

static int do_template_del(void)
{
	int err = template_del(doomed);

	if (!err)
		doomed = 0;
	return err;
}

static int do_template_get(void)
{
	struct bpf_insn code[PROGRAM_LENGTH];
	struct exo_template_get g = {
		.disk = disk, .template_id = template, .insns = vm_ptr(code), .max_insns = PROGRAM_LENGTH};

	return vm_call(env, EXO_NR_TEMPLATE_GET, &g);
}

static int do_root_add(void)
{
	return root_add(&extra, "extra", 8, template);
}

static void undo_root_add(void)
{
	need(!root_del(&extra) && !sync_disk(), "ROOT_DEL");
}

static void before_root_del(void)
{
	a_disk();
	if (!has_extra)
		need(!do_root_add() && !sync_disk(), "ROOT_ADD");
	has_extra = true;
}

static int do_root_del(void)
{
	int err = root_del(&extra);

	has_extra = !!err;
	return err;
}

static void undo_root_del(void)
{
	need(!sync_disk(), "SYNC");
}

static int do_root_get(void)
{
	struct exo_root_get g = {.disk = disk, .root = tree.out_root};

	return vm_call(env, EXO_NR_ROOT_GET, &g);
}

static int do_txn_alloc(void)
{
	return txn(volume.out_start + volume.count + 100, 4);
}

static void before_txn_alloc(void)
{
	a_tree();
	/* Freed blocks can be taken again once that is durable. */
	need((!claimed || !txn(0, 0)) && !sync_disk(), "TXN");
}

static void before_txn_free(void)
{
	a_tree();
	/* Freed blocks can be taken again once that is durable. */
	if (!claimed)
		need(!sync_disk() && !do_txn_alloc() && !sync_disk(), "TXN");
}

static int do_txn_free(void)
{
	return txn(0, 0);
}

static int do_txns_alloc(void)
{
	return txn_by(volume.out_start + volume.count + 100, 4, TXN_MANY);
}

static int do_txn_content(void)
{
	return txn_by(volume.out_start + volume.count + 100, 4, TXN_CONTENT);
}

static int do_txns_free(void)
{
	return txn_by(0, 0, TXN_MANY);
}

static int do_txn_move(void)
{
	return txn_move(0, 1);
}

/* Back to where txn_free looks for it; but not before the way there is durable. */
static void undo_txn_move(void)
{
	need(!sync_disk() && !txn_move(1, 0) && !sync_disk(), "TXN");
}

static int do_bind(void)
{
	return bind_volume(0);
}

/* Makes frames of zeroes that are dirty at once; a half of them left behind would overwrite what the disk has. */
static int do_bind_over(void)
{
	return bind_volume(EXO_BIND_OVERWRITE);
}

static int do_unbind(void)
{
	int err = vm_unbind(env, bound, BLOCKS);

	is_bound = !!err;
	return err;
}

static int do_read(void)
{
	struct exo_run run = {.start = volume.out_start, .count = BLOCKS};
	struct exo_read r = {.disk = disk, .nruns = 1, .runs = vm_ptr(&run)};

	return vm_call(env, EXO_NR_READ, &r);
}

static int do_write(void)
{
	struct exo_run run = {.start = volume.out_start, .count = BLOCKS};
	struct exo_write w = {.disk = disk, .nruns = 1, .runs = vm_ptr(&run)};

	return vm_call(env, EXO_NR_WRITE, &w);
}

static void written(void)
{
	dirty();
	need(!do_write(), "WRITE");
}

static int do_flush(void)
{
	struct exo_flush f = {.disk = disk};

	return vm_call(env, EXO_NR_FLUSH, &f);
}

static int sync_volume(uint32_t flags)
{
	struct exo_run run = {.start = volume.out_start, .count = BLOCKS};
	struct exo_range ranges[4];
	struct exo_sync s = {.head.flags = flags,
			     .disk = disk,
			     .root = EXO_NOROOT,
			     .nruns = 1,
			     .runs = vm_ptr(&run),
			     .ranges = vm_ptr(ranges),
			     .ranges_room = 4};

	return vm_call(env, EXO_NR_SYNC, &s);
}

static int do_sync_runs(void)
{
	return sync_volume(EXO_SYNC_RUNS);
}

static int do_sync_plan(void)
{
	return sync_volume(EXO_SYNC_RUNS | EXO_SYNC_PLAN);
}

static int do_io_read(void)
{
	return transfer(0);
}

static int do_io_write(void)
{
	return transfer(EXO_IO_WRITE);
}

/* The asynchronous way. io_uring's own memory is not below exo.ko and does not count. */
static int do_uring(void)
{
	static struct ring ring = {.fd = -1};
	static struct exo_io io;

	if (ring.fd < 0)
		ring = ring_open(0);
	io = transfer_of(EXO_IO_WRITE);
	io.head.size = sizeof(io);
	return one(&ring, env, EXO_NR_IO, &io, 0);
}

static int transfer_bound(uint32_t flags)
{
	struct exo_io io = {.head.flags = EXO_IO_BOUND | flags,
			    .index = binding,
			    .first = volume.out_start,
			    .count = BLOCKS,
			    .frames = vm_ptr(mine)};

	return vm_call(env, EXO_NR_IO, &io);
}

static int do_io_bound_write(void)
{
	return transfer_bound(EXO_IO_WRITE | EXO_IO_FUA);
}

static int do_io_bound_read(void)
{
	return transfer_bound(0);
}

/* The command without a struct: the frames' numbers are read from memory. */
static int do_cmd_io(void)
{
	static struct ring ring = {.fd = -1};
	unsigned int at;

	if (ring.fd < 0)
		ring = ring_open(0);
	at = *ring.tail & *ring.mask;
	put(&ring, env, EXO_CMD_IO, (void *)(uintptr_t)(binding | (uint64_t)EXO_IO_WRITE << 32), vm_ptr(mine), 1);
	ring.sqes[at].addr = volume.out_start;
	ring.sqes[at].len = BLOCKS;
	submit(&ring, 1, 1);
	return take(&ring, NULL);
}

static int do_contested(void)
{
	struct exo_range ranges[4];
	struct exo_contested c = {.disk = disk, .room = 4, .ranges = vm_ptr(ranges)};

	return vm_call(env, EXO_NR_CONTESTED, &c);
}

static int do_user_words(void)
{
	struct exo_user_words w = {.frame = mine[0], .word = {1, 2}};

	return vm_call(env, EXO_NR_USER_WORDS, &w);
}

/* A fault that lacks memory is tried again by the kernel, so the store must work. */
static int do_map(void)
{
	char *p = mmap(NULL, pool_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, env, EXO_MAP_POOL);
	int err = 0;

	if (p == MAP_FAILED)
		return -errno;
	if (vm_poke(p + mine[0] * 4096ul, 1) || vm_peek(p + mine[BLOCKS - 1] * 4096ul) < 0)
		err = -EIO;
	munmap(p, pool_bytes);
	return err;
}

static const struct op ops[] = {
	{"open", NULL, do_open, undo_open, 0},
	{"close", before_close, do_close, NULL, SURE},
	{"QUERY", NULL, query, NULL, 0},
	{"CAP_LIST", NULL, do_cap_list, NULL, 0},
	{"DISK_INFO", a_disk, do_disk_info, NULL, 0},
	{"FRAME_ALLOC", no_frames, do_frame_alloc, NULL, 0},
	{"FRAME_FREE", frames, do_frame_free, NULL, 0},
	{"TEMPLATE_ADD", a_disk, do_template_add, fresh, 0},
	{"TEMPLATE_ADD with an acl", a_disk, do_template_add_acl, fresh, 0},
	{"TEMPLATE_DEL", before_template_del, do_template_del, NULL, LEAVES | IO},
	{"TEMPLATE_GET", a_disk, do_template_get, NULL, 0},
	{"ROOT_ADD", a_disk, do_root_add, undo_root_add, 0},
	{"ROOT_DEL", before_root_del, do_root_del, undo_root_del, 0},
	{"ROOT_GET", a_disk, do_root_get, NULL, 0},
	{"TXN that allocates", before_txn_alloc, do_txn_alloc, NULL, 0},
	{"TXN that frees", before_txn_free, do_txn_free, NULL, 0},
	{"TXNS that allocates", before_txn_alloc, do_txns_alloc, NULL, 0},
	{"TXN that allocates with content", before_txn_alloc, do_txn_content, NULL, 0},
	{"TXNS that frees", before_txn_free, do_txns_free, NULL, 0},
	{"TXN that moves", before_txn_free, do_txn_move, undo_txn_move, 0},
	{"BIND of metadata", cold, bind_tree, NULL, IO},
	{"BIND of data", cold, do_bind, NULL, IO},
	{"BIND to overwrite", cold, do_bind_over, NULL, 0},
	{"BIND that maps", cold, bind_mapped, NULL, IO},
	{"UNBIND", bound_volume, do_unbind, NULL, 0},
	{"READ", cold, do_read, NULL, IO},
	{"WRITE", dirty, do_write, NULL, MOVES | IO},
	{"FLUSH", written, do_flush, NULL, IO},
	{"SYNC", dirty, sync_disk, NULL, MOVES | IO},
	{"SYNC of runs", dirty, do_sync_runs, NULL, MOVES | IO},
	{"SYNC that plans", dirty, do_sync_plan, NULL, 0},
	{"IO that writes", transferable, do_io_write, NULL, IO},
	{"IO that reads", transferable, do_io_read, NULL, IO},
	{"IO by io_uring", transferable, do_uring, NULL, IO},
	{"IO_BIND", untied, io_bind, NULL, 0},
	{"IO_UNBIND", tied, io_unbind, NULL, 0},
	{"IO through a binding that writes", tied, do_io_bound_write, NULL, IO},
	{"IO through a binding that reads", tied, do_io_bound_read, NULL, IO},
	{"IO by a command without a struct", tied, do_cmd_io, NULL, IO},
	{"FRAME_ALLOC that has to write", scarce, do_frame_alloc, no_hogs, MOVES},
	{"CONTESTED", a_disk, do_contested, NULL, 0},
	{"USER_WORDS", frames, do_user_words, NULL, 0},
	{"map, store, load", frames, do_map, NULL, 0},
	{"DETACH", dirty_unbound, detach, NULL, MOVES | IO},
	{"ATTACH", no_disk, attach, NULL, IO},
	{"FORMAT", no_disk, format, NULL, IO}, /* last: the disk has no roots after it */
};
#define OPS (sizeof(ops) / sizeof(ops[0]))

/* ---- sweeps ------------------------------------------------------------ */

#define COUNTERS 13
static const char *const counter_names[COUNTERS] = {
	"environments",
	"private frames",
	"attached disks",
	"loaded programs",
	"frames free or cached",
	"dirty frames",
	"free or waiting blocks",
	"blocks never durable",
	"blocks held back",
	"contested blocks",
	"roots",
	"templates",
	"version of the tree's block",
};
#define C_DIRTY 5
#define C_UNINIT 7
#define C_TEMPLATES 11

static void look(uint64_t *c)
{
	struct exo_disk_info i;

	memset(c, 0, COUNTERS * sizeof(*c));
	c[0] = stats->envs;
	c[1] = stats->frames_private;
	c[2] = stats->disks;
	c[3] = stats->udfs;
	c[4] = stats->frames_free + stats->frames_cached;
	c[C_DIRTY] = stats->frames_dirty;
	if (attached && !disk_info(&i)) {
		c[6] = i.out_free + i.out_waiting;
		c[C_UNINIT] = i.out_uninit;
		c[8] = i.out_held;
		c[9] = i.out_contested;
		c[10] = i.out_roots;
		c[11] = i.out_templates;
	}
	if (tree_frame != EXO_NOFRAME)
		c[12] = bufs[tree_frame].version;
}

/* Whether a failed call changed nothing; says what it did. */
static bool unchanged(const char *name, unsigned int n, unsigned int flags, const uint64_t *was)
{
	uint64_t is[COUNTERS];
	bool good = true;
	int i;

	look(is);
	for (i = 0; i < COUNTERS; i++) {
		if (is[i] == was[i] || ((flags & MOVES) && (i == C_DIRTY || i == C_UNINIT) && is[i] < was[i]) ||
		    ((flags & LEAVES) && i == C_TEMPLATES && is[i] == was[i] - 1))
			continue;
		printf("%s, failure %u: %s: %llu before, %llu after\n", name, n, counter_names[i],
		       (unsigned long long)was[i], (unsigned long long)is[i]);
		good = false;
	}
	return good;
}

/*
 * A copy of results that fails comes too late to undo the call; exo finds a bad address before it acts, but not one
 * that goes bad meanwhile. So nothing is known about the disk and the environment: a new environment, a new disk.
 */
static void start_over(void)
{
	uint32_t i;

	close(env);
	no_hogs();
	munmap(pool, pool_bytes);
	env = vm_open();
	pool = vm_pool(env);
	binding = 0;
	is_bound = is_mine = has_extra = false;
	tree_frame = EXO_NOFRAME;
	attached = false;
	for (i = 0; i < EXO_MAX_DISKS && !attached; i++) {
		struct exo_disk_info info;

		disk = i;
		attached = !disk_info(&info);
	}
	need(attached == (stats->disks == 1), "one disk or none");
	fresh();
}

/* Returns how many failures were put in. */
static unsigned int sweep(const struct op *op, bool copies)
{
	int want = copies ? -EFAULT : -ENOMEM;
	unsigned int n, refused = 0, done = 0, bad = 0;
	uint64_t was[COUNTERS];
	bool fired = true;
	int err;

	for (n = 1; fired && n < FN_MOST && bad < 5; n++) {
		if (op->before)
			op->before();
		look(was);
		fn_arm(n);
		err = op->run();
		fired = fn_disarm();
		if (err && (!fired || (op->flags & SURE) || err != want)) {
			printf("%s, failure %u%s: errno %d\n", op->name, n, fired ? "" : " (not reached)", -err);
			bad++;
		}
		if (!err && !sound()) {
			printf("%s, failure %u: a root or a template is taken for bad\n", op->name, n);
			bad++;
		}
		if (err && copies)
			start_over();
		else if (err && !unchanged(op->name, n, op->flags & ~LEAVES, was))
			bad++;
		else if (!err && op->undo)
			op->undo();
		refused += fired && err;
		done += fired && !err;
	}
	check(!bad && !fired, "%s: %u failures of %s were reported, %u did no harm", op->name, refused,
	      copies ? "copies" : "memory", done);
	return refused + done;
}

/* What a call on a dying device must say. An attach that can read the catalogues quarantines the roots that it cannot
 * read. */
static bool told(const struct op *op, int err)
{
	return err == -EIO || (op->run == attach && !sound());
}

/*
 * The device dies at some byte, further and further on. The call must say so; DETACH with DISCARD must let a dead
 * device go, and the disk that it leaves must attach, with all roots, when the device is back. The exception is FORMAT,
 * which writes a new one.
 */
static unsigned int sweep_device(const struct op *op)
{
	uint64_t was[COUNTERS], at, left, last = ~0ull, step = EXO_BLOCK_SIZE;
	unsigned int n = 0, bad = 0, dead;
	int err;

	for (at = 0;; at += step) {
		if (op->before)
			op->before();
		look(was);
		fn_die_after(at);
		err = op->run();
		dead = fn_dead(&left);
		if (!dead) {
			fn_revive();
			break;
		}
		n++;
		if (!told(op, err)) {
			printf("%s, dead from byte %llu: errno %d, though %u requests failed\n", op->name,
			       (unsigned long long)at, -err, dead);
			bad++;
		}
		if (op->run != attach && !unchanged(op->name, n, op->flags, was))
			bad++;
		if (attached) {
			let_go();
			need(!detach_with(EXO_DETACH_DISCARD), "DETACH with DISCARD of a dead device");
		}
		fn_revive();
		if (bad > 5)
			break;
		if (op->run == format)
			fresh();
		else
			a_disk();
		/* As long as the same request is hit, larger steps. */
		step = at - left == last ? step * 2 : EXO_BLOCK_SIZE;
		last = at - left;
	}
	check(!bad && !err, "%s: the device died at %u places", op->name, n);
	if (!err && op->undo)
		op->undo();
	return n;
}

/*
 * What happens in the kernel thread that loads programs. Install a template, let the disk go, take it again, which
 * loads the program again.
 */
static int install(void)
{
	int err = do_template_add();

	if (!err)
		err = detach();
	if (!err)
		err = attach();
	return err;
}

static unsigned int sweep_thread(const char *attribute)
{
	unsigned int n, refused = 0, done = 0, bad = 0;
	unsigned long counted = 0;
	uint64_t was[COUNTERS], first, end;
	bool fired = true;
	int err;

	fn_find_function("exo_load_thread", &first, &end);
	fn_filter(attribute, first, end);
	no_disk();
	look(was);
	for (n = 1; fired && n < FN_MOST && bad < 5; n++) {
		blank();
		fn_arm_all(attribute, n, &counted);
		err = install();
		fired = fn_disarm_all(attribute, n, &counted);
		if ((err && (!fired || err != -ENOMEM)) || !sound()) {
			printf("install, failure %u%s: errno %d, TEMPLATE_ADD gave reason %u detail %llu, %s\n", n,
			       fired ? "" : " (not reached)", -err, reason, (unsigned long long)detail,
			       sound() ? "all sound" : "then a template was taken for bad");
			bad++;
		}
		no_disk();
		if (!unchanged("install", n, 0, was))
			bad++;
		refused += fired && err;
		done += fired && !err;
	}
	check(!bad && !fired,
	      "loading a program by TEMPLATE_ADD and ATTACH, %s: %u failures were reported, %u did no harm", attribute,
	      refused, done);
	return refused + done;
}

static uint64_t at_first[COUNTERS];

static void begin(void)
{
	struct exo_query q = {0};
	const char *registry;

	watch = vm_open();
	vm_catch();
	env = vm_open();
	pool = vm_pool(env);
	pool_bytes = vm_frames(env) * 4096ul;
	stats = vm_stats(watch);
	need(!vm_call(watch, EXO_NR_QUERY, &q), "QUERY");
	registry = mmap(NULL, q.out_reg_bytes, PROT_READ, MAP_SHARED, watch, EXO_MAP_REGISTRY);
	need(registry != MAP_FAILED, "map the registry");
	bufs = (const void *)(registry + ((const struct exo_reg_head *)registry)->bufs_off);
	look(at_first);
	fn_find_module();
	fn_init();
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	enum fn_kind kind = !strcmp(what, "copies") ? FN_COPY : !strcmp(what, "device") ? FN_DEVICE_DIES : FN_MEMORY;
	unsigned int i, total = 0;

	begin();
	fn_choose(kind);
	if (!strcmp(what, "thread")) {
		total += sweep_thread("failslab");
		total += sweep_thread("fail_page_alloc");
	} else {
		fresh();
		for (i = 0; i < OPS; i++)
			if (kind != FN_DEVICE_DIES)
				total += sweep(&ops[i], kind == FN_COPY);
			else if (ops[i].flags & IO)
				total += sweep_device(&ops[i]);
		no_disk();
	}
	no_frames();
	check(unchanged("failnth", 0, 0, at_first), "in the end every counter is where it was");
	/* Filters that let nothing through would make all of the above pass. */
	check(total >= (kind == FN_DEVICE_DIES ? 15 : 30), "%u failures were put in", total);
	return vm_result();
}
