// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * trace_test PHASE DISK: calls whose traces the suite looks for, and TXNS with the real module. PHASE:
 *   calls   one call that works, one that is refused, fdinfo of an environment with frames and bound buffers
 *   txns    transactions by TXNS on a tree of its own; a WRITE that must be refused
 *   reclaim read more than the pool holds
 *   many    as txns, over and over from several processes at once on one tree, and killed at random
 */
#define _GNU_SOURCE
#include <time.h>
#include "vm.h"

#define SLOT_BYTES 16u	/* u64 start, u32 count, u32 ref: what the template below calls a claim */
#define SLOTS 8u
#define BATCH 8u

static int env;
static uint32_t disk;

static struct exo_root_get root_of(const char *name)
{
	struct exo_root_get r = { .head.flags = EXO_ROOT_BY_NAME, .disk = disk };

	snprintf(r.name, sizeof(r.name), "%s", name);
	need(!vm_call(env, EXO_NR_ROOT_GET, &r), "root %s", name);
	return r;
}

/* Each 16 bytes of a partition's first 128 are one claim, copied to the output as they are. */
static uint32_t template(void)
{
	uint64_t insns[64], n = 0, i;
	struct exo_template_add t = { .disk = disk, .partition = 512, .insns = vm_ptr(insns), .name = "trace" };

#define INSN(op, dst, src, off, imm) \
	((uint64_t)(op) | (uint64_t)(dst) << 8 | (uint64_t)(src) << 12 | (uint64_t)(uint16_t)(off) << 16 | (uint64_t)(uint32_t)(imm) << 32)
	for (i = 0; i < 2; i++) {
		insns[n++] = INSN(0x18, 1 + i, 6, 0, i); /* address of array i's value */
		insns[n++] = 0;
	}
	for (i = 0; i < SLOTS * 2; i++) {
		insns[n++] = INSN(0x79, 3, 1, i * 8, 0); /* r3 = *(u64 *)(r1 + off) */
		insns[n++] = INSN(0x7b, 2, 3, i * 8, 0); /* *(u64 *)(r2 + off) = r3 */
	}
	insns[n++] = INSN(0xb7, 0, 0, 0, 0);
	insns[n++] = INSN(0x95, 0, 0, 0, 0);
	t.ninsns = n;
	need(!vm_call(env, EXO_NR_TEMPLATE_ADD, &t), "TEMPLATE_ADD: reason %u", t.head.out_reason);
	return t.out_template;
}

/* The tree's one block, bound; its frame. */
static uint32_t tree(const char *name, bool make, uint64_t *block)
{
	struct exo_root_add a = { .disk = disk, .start = EXO_NOBLOCK, .count = 1 };
	struct exo_root_get r;
	struct exo_bind b = { .disk = disk, .parent = EXO_NOBLOCK, .count = 1, .rights = EXO_RIGHT_READ };
	uint32_t frame;

	if (make) {
		a.template_id = template();
		snprintf(a.name, sizeof(a.name), "%s", name);
		need(!vm_call(env, EXO_NR_ROOT_ADD, &a), "ROOT_ADD: reason %u", a.head.out_reason);
	}
	r = root_of(name);
	b.root = r.root;
	b.claim = (struct exo_claim){ .start = r.out_start, .count = 1, .template_id = r.out_template };
	b.first = *block = r.out_start;
	b.frames = vm_ptr(&frame);
	need(!vm_call(env, EXO_NR_BIND, &b), "bind the tree: reason %u", b.head.out_reason);
	return frame;
}

static const struct exo_buf *buffers(void)
{
	struct exo_reg_head *h = mmap(NULL, 4096, PROT_READ, MAP_SHARED, env, EXO_MAP_REGISTRY);
	uint64_t bytes;
	char *all;

	need(h != MAP_FAILED, "map the registry");
	bytes = h->head.bytes;
	munmap(h, 4096);
	all = mmap(NULL, bytes, PROT_READ, MAP_SHARED, env, EXO_MAP_REGISTRY);
	need(all != MAP_FAILED, "map the whole registry");
	return (const struct exo_buf *)(all + ((struct exo_reg_head *)all)->bufs_off);
}

struct one {
	struct exo_edit edit;
	struct exo_decl decl;
	struct {
		uint64_t start;
		uint32_t count, ref;
	} slot;
	uint64_t version;
};
static struct one ones[BATCH];
static struct exo_txn txns[BATCH];

/* Slot i of partition `part` takes or gives back `count` blocks at `start`. */
static void put(uint32_t i, uint64_t block, uint64_t version, uint32_t part, uint32_t op, uint64_t start, uint32_t count)
{
	struct one *o = &ones[i];

	memset(o, 0, sizeof(*o));
	if (op == EXO_DECL_ALLOC) {
		o->slot.start = start;
		o->slot.count = count;
	}
	o->edit = (struct exo_edit){ .block = block, .version = version, .offset = part * 512 + i * SLOT_BYTES, .len = SLOT_BYTES,
				     .bytes = vm_ptr(&o->slot) };
	o->decl = (struct exo_decl){ .op = op, .start = start, .count = count };
	txns[i] = (struct exo_txn){ .head.size = sizeof(txns[i]), .disk = disk, .nedits = 1, .ndecls = 1, .edits = vm_ptr(&o->edit),
				    .decls = vm_ptr(&o->decl), .versions = vm_ptr(&o->version) };
}

static int go(uint32_t n, uint32_t flags, struct exo_txns *t)
{
	*t = (struct exo_txns){ .head.flags = flags, .txns = vm_ptr(txns), .count = n, .txn_size = sizeof(txns[0]) };
	return vm_call(env, EXO_NR_TXNS, t);
}

static void calls(void)
{
	struct exo_root_get r = { .disk = disk, .root = EXO_MAX_ROOTS };
	struct exo_root_add v;
	uint32_t frames[5], bound[3], i;
	char path[64], text[512] = "";
	struct exo_query q = { 0 };
	int info;

	check(!vm_call(env, EXO_NR_QUERY, &q), "QUERY");
	check(vm_call(env, EXO_NR_ROOT_GET, &r) == -ENOENT && r.head.out_reason == EXO_R_NO_ROOT, "a root that is not there");
	v = vm_volume(env, disk, "held", 8);
	check(!vm_frame_alloc(env, frames, 5, EXO_FRAME_ANY), "five frames");
	check(!vm_bind(env, &v, 0, 3, EXO_RIGHT_READ, 0, bound), "three blocks bound");
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", env);
	info = open(path, O_RDONLY);
	need(info >= 0 && read(info, text, sizeof(text) - 1) > 0, "read %s", path);
	close(info);
	snprintf(path, sizeof(path), "exo-env:\t%u\n", q.out_env);
	check(strstr(text, path) && strstr(text, "exo-bound:\t3\n") && strstr(text, "exo-private:\t5\n"), "fdinfo says what it holds");
	snprintf(path, sizeof(path), "exo-caps:\t%u\n", q.out_caps);
	check(strstr(text, path) != NULL, "and how many capabilities");
	for (i = 0; i < 3; i++)
		need(!vm_unbind(env, &bound[i], 1), "unbind");
	printf("# env %u\n", q.out_env);
}

static void many_in_one(void)
{
	struct exo_txns t;
	struct exo_run run;
	struct exo_write w = { .disk = disk, .nruns = 1, .runs = vm_ptr(&run) };
	struct exo_sync s = { .disk = disk, .root = EXO_NOROOT };
	const struct exo_buf *bufs = buffers();
	const struct exo_stats *stats = vm_stats(env);
	uint64_t block, v, runs, cached, step;
	uint32_t f = tree("trace", true, &block), i;

	need(!vm_call(env, EXO_NR_SYNC, &s), "SYNC");
	v = bufs[f].version;
	put(0, block, v, 0, EXO_DECL_ALLOC, block + 100, 1);
	check(!go(1, 0, &t) && t.out_done == 1 && !t.out_refused, "one transaction through TXNS");
	step = ones[0].version - v;
	v = ones[0].version;
	check(step && v == bufs[f].version, "its version is the registry's");
	runs = stats->udf_runs;
	cached = stats->udf_cached;
	for (i = 1; i < BATCH; i++)
		put(i, block, v + (i - 1) * step, 0, EXO_DECL_ALLOC, block + 100 + 2 * i, 1);
	memmove(txns, txns + 1, (BATCH - 1) * sizeof(txns[0]));
	check(!go(BATCH - 1, 0, &t) && t.out_done == BATCH - 1 && !t.out_refused && bufs[f].version == v + (BATCH - 1) * step,
	      "seven more in one call");
	check(stats->udf_runs - runs == BATCH - 1 && stats->udf_cached - cached == BATCH - 1,
	      "each ran the program on the new bytes alone (%llu runs, %llu saved)", (unsigned long long)(stats->udf_runs - runs),
	      (unsigned long long)(stats->udf_cached - cached));
	v = bufs[f].version;
	put(0, block, v, 1, EXO_DECL_ALLOC, block + 100, 1);
	put(1, block, v, 1, EXO_DECL_ALLOC, block + 200, 1);
	check(!go(2, 0, &t) && t.out_refused == 1 && txns[0].head.out_reason == EXO_R_NOT_FREE && !txns[1].head.out_reason,
	      "one of two is refused, the other is committed");
	v = bufs[f].version;
	put(0, block, v, 2, EXO_DECL_ALLOC, block + 100, 1);
	put(1, block, v, 2, EXO_DECL_ALLOC, block + 201, 1);
	check(!go(2, EXO_TXNS_STOP, &t) && t.out_done == 1 && t.out_refused == 1 && bufs[f].version == v, "with STOP the second waits");
	txns[1] = txns[0];
	t = (struct exo_txns){ .txns = 4096, .count = 2, .txn_size = sizeof(txns[0]) };
	check(vm_call(env, EXO_NR_TXNS, &t) == -EFAULT && t.head.out_reason == EXO_R_POINTER, "a bad address is a fault");
	run = (struct exo_run){ block, 1 };
	check(vm_call(env, EXO_NR_WRITE, &w) == -EBUSY && w.head.out_reason == EXO_R_TAINTED, "a tainted block is not written");
	check(!vm_call(env, EXO_NR_SYNC, &s), "SYNC orders it");
	check(!vm_call(env, EXO_NR_WRITE, &w), "then there is nothing to write");
	printf("# block %llu\n", (unsigned long long)block);
}

static void reclaim(void)
{
	uint32_t frames = vm_frames(env), i;
	struct exo_run run = { .count = 256 };
	struct exo_read q = { .disk = disk, .nruns = 1, .runs = vm_ptr(&run) };
	const struct exo_stats *stats = vm_stats(env);
	struct exo_disk_info info = { .disk = disk };
	uint64_t before = stats->reclaims;

	need(!vm_call(env, EXO_NR_DISK_INFO, &info), "DISK_INFO");
	for (i = 0; i < frames / 256 + 2; i++) {
		run.start = 2000 + i * 256;
		need(run.start + run.count < info.out_blocks, "the disk is larger than the pool");
		need(!vm_call(env, EXO_NR_READ, &q), "READ: reason %u", q.head.out_reason);
	}
	check(stats->reclaims > before, "more was read than the pool holds");
}

/* One process of many: takes and gives back blocks of its own stretch, retrying when others were faster. */
static void worker(uint32_t me)
{
	const struct exo_buf *bufs;
	struct exo_txns t;
	uint64_t block;
	uint32_t f, i, turn;

	env = vm_open();
	bufs = buffers();
	f = tree("many", false, &block);
	for (turn = 0;; turn++) {
		uint64_t v = __atomic_load_n(&bufs[f].version, __ATOMIC_ACQUIRE);

		/* Every second one frees what the one before took. A lost race or a kill may leave it taken: the next turn begins with the free. */
		for (i = 0; i < BATCH; i++) {
			put(i, block, v, me, (i + turn) % 2 ? EXO_DECL_FREE : EXO_DECL_ALLOC, block + 300 + me * 8, 1);
			ones[i].edit.offset = me * 512;
			v += 2;
		}
		if (go(BATCH, me & 1 ? EXO_TXNS_STOP : 0, &t))
			_exit(3);
	}
}

static void many(void)
{
	const struct timespec nap = { .tv_nsec = 20000000 };
	const struct exo_stats *stats = vm_stats(env);
	struct exo_sync s = { .disk = disk, .root = EXO_NOROOT };
	uint64_t block, txns_before;
	uint32_t f, i, round, died = 0;
	pid_t pid[4];
	int status;

	f = tree("many", true, &block);
	txns_before = stats->txns;
	for (round = 0; round < 10; round++) {
		for (i = 0; i < 4; i++) {
			pid[i] = fork();
			need(pid[i] >= 0, "fork");
			if (!pid[i])
				worker(i);
		}
		for (i = 0; i < 4; i++) {
			nanosleep(&nap, NULL);
			kill(pid[i], SIGKILL);
			need(waitpid(pid[i], &status, 0) == pid[i], "wait");
			died += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
		}
	}
	check(died == 40, "forty processes were killed in the middle (%u)", died);
	check(stats->txns > txns_before + 40, "%llu transactions committed", (unsigned long long)(stats->txns - txns_before));
	check(stats->envs == 1, "no environment stays");
	check(!vm_call(env, EXO_NR_SYNC, &s), "SYNC");
	need(!vm_unbind(env, &f, 1), "unbind the tree");
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	disk = strtoul(argv[2], NULL, 0);
	env = vm_open();
	if (!strcmp(argv[1], "calls"))
		calls();
	else if (!strcmp(argv[1], "txns"))
		many_in_one();
	else if (!strcmp(argv[1], "reclaim"))
		reclaim();
	else if (!strcmp(argv[1], "many"))
		many();
	else
		return 2;
	return vm_result();
}
