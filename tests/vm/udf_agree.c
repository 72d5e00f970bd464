// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * udf_agree.c: the interpreter of tests/sim and the kernel (verifier and JIT) must agree: what the kernel runs, the
 * interpreter runs with the same result and the same claims. Random programs over every instruction that the scan
 * lets pass, and UDF objects over random partitions. Needs no module; run as root in the VM.
 *
 *	udf-agree SEED FILE.o...	one line of KTAP each
 */
#define _GNU_SOURCE
#include <errno.h>
#include <libexo.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "../../kmod/core/scan.h"
#include "../sim/interp.h"
#include "../udf/insn.h"

#define PROGRAMS 250
#define INPUTS 8
#define PARTITIONS 400
#define OUT_BYTES (EXO_MAX_SLOTS * sizeof(struct exo_udf_claim))

static u64 seed;
static int in_map, out_map; /* out_map -1: an acl-UDF, which has none */
static char words[4 << 20];

static u64 rnd(void)
{
	u64 z = (seed += 0x9E3779B97F4A7C15ull);

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
	return z ^ (z >> 31);
}

static int bpf(int cmd, union bpf_attr *attr)
{
	return syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

static int array(u32 bytes, u32 flags)
{
	union bpf_attr a = {.map_type = BPF_MAP_TYPE_ARRAY,
			    .key_size = 4,
			    .value_size = bytes,
			    .max_entries = 1,
			    .map_flags = flags};

	return bpf(BPF_MAP_CREATE, &a);
}

static int map_value(int cmd, int map, void *value)
{
	u32 key = 0;
	union bpf_attr a = {.map_fd = map, .key = (uintptr_t)&key, .value = (uintptr_t)value};

	return bpf(cmd, &a);
}

static int only_cap_bpf(void)
{
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct d[2] = {0};

	d[CAP_BPF / 32].effective = d[CAP_BPF / 32].permitted = 1u << CAP_BPF % 32;
	return syscall(SYS_capset, &h, d);
}

static int kernel_load(const u64 *insns, u32 n)
{
	int fds[2] = {in_map, out_map};
	union bpf_attr a = {.prog_type = BPF_PROG_TYPE_SYSCALL,
			    .prog_flags = BPF_F_SLEEPABLE,
			    .insns = (uintptr_t)insns,
			    .insn_cnt = n,
			    .license = (uintptr_t) "",
			    .fd_array = (uintptr_t)fds,
			    .log_buf = (uintptr_t)words,
			    .log_size = sizeof(words),
			    .log_level = 1};

	words[0] = '\0';
	return bpf(BPF_PROG_LOAD, &a);
}

/* The program's result, or -errno. */
static s64 kernel_run(int prog, u32 partition, u32 index, u8 *in, struct exo_udf_claim *out)
{
	struct exo_udf_ctx ctx = {partition, index};
	union bpf_attr a = {0};

	memset(out, 0, OUT_BYTES);
	if (map_value(BPF_MAP_UPDATE_ELEM, in_map, in) ||
	    (out_map >= 0 && map_value(BPF_MAP_UPDATE_ELEM, out_map, out)))
		return -errno;
	a.test.prog_fd = prog;
	a.test.ctx_in = (uintptr_t)&ctx;
	a.test.ctx_size_in = sizeof(ctx);
	if (bpf(BPF_PROG_TEST_RUN, &a) || (out_map >= 0 && map_value(BPF_MAP_LOOKUP_ELEM, out_map, out)))
		return -errno;
	return a.test.retval;
}

static bool open_maps(u32 partition)
{
	in_map = array(partition, BPF_F_RDONLY_PROG);
	out_map = array(OUT_BYTES, BPF_F_WRONLY_PROG);
	return in_map >= 0 && out_map >= 0;
}

static void close_maps(void)
{
	close(in_map);
	if (out_map >= 0)
		close(out_map);
}

/* Both run it on one input; says what differs. */
static bool agree(int prog, const struct sim_prog *sim, u32 partition, u8 *in)
{
	static struct exo_udf_claim a[EXO_MAX_SLOTS], b[EXO_MAX_SLOTS];
	u32 index = rnd() & 7, at = 0, i;
	s64 kernel = kernel_run(prog, partition, index, in, a), ours;

	memset(b, 0, sizeof(b));
	ours = sim_prog_run(sim, in, index, b, &at);
	if (kernel != ours) {
		printf("# kernel %lld, interpreter %lld at %u\n", (long long)kernel, (long long)ours, at);
		return false;
	}
	for (i = 0; i < EXO_MAX_SLOTS; i++) {
		if (!memcmp(&a[i], &b[i], sizeof(a[i])))
			continue;
		printf("# slot %u: kernel %llx %x %x, interpreter %llx %x %x\n", i, a[i].start, a[i].count, a[i].ref,
		       b[i].start, b[i].count, b[i].ref);
		return false;
	}
	return true;
}

/* ---- random programs ---- */

/* r2..r7 are numbers all the time, r8 the input, r9 the output; stack words 1..4 are written at the start. */
static u32 number_reg(void)
{
	return 2 + rnd() % 6;
}

static __s32 constant(void)
{
	switch (rnd() % 5) {
	case 0:
		return rnd() % 64;
	case 1:
		return -(__s32)(rnd() % 64);
	case 2:
		return 1u << rnd() % 32;
	}
	return rnd();
}

static u64 random_alu(void)
{
	u8 op = rnd() % 14, wide = rnd() & 1 ? 0x07 : 0x04;
	__s32 imm = constant();

	if (op == 8)
		return INSN(0x80 | wide, number_reg(), 0, 0, 0);
	if (op == 13)
		return INSN(rnd() & 1 ? 0xd4 : 0xdc, number_reg(), 0, 0, 16 << rnd() % 3);
	if (rnd() & 1)
		return INSN(op << 4 | 0x08 | wide, number_reg(), number_reg(), 0, 0);
	if (op == 6 || op == 7 || op == 12)
		imm = rnd() % (wide == 0x07 ? 64 : 32);
	if ((op == 3 || op == 9) && !imm)
		imm = 3;
	return INSN(op << 4 | wide, number_reg(), 0, 0, imm);
}

static u64 random_jump(u32 far)
{
	static const u8 ops[] = {0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0xa0, 0xb0, 0xc0, 0xd0};
	u8 op = ops[rnd() % sizeof(ops)] | (rnd() & 1 ? 5 : 6);

	if (rnd() & 1)
		return INSN(op | 8, number_reg(), number_reg(), far, 0);
	return INSN(op, number_reg(), 0, far, constant());
}

static u64 random_memory(void)
{
	u32 size = (rnd() & 3) << 3, bytes = (const u8[]){4, 2, 1, 8}[size >> 3];
	u32 slot = rnd() % 4, off = -8 * (slot + 1) + rnd() % (8 / bytes) * bytes;

	switch (rnd() % 5) {
	case 0:
		return LDX_(size, number_reg(), 8, rnd() % (512 - bytes + 1));
	case 1:
		return STX_(size, 9, number_reg(), rnd() % (OUT_BYTES - bytes + 1));
	case 2:
		return ST_(size, 9, rnd() % (OUT_BYTES - bytes + 1), constant());
	case 3:
		return LDX_(size, number_reg(), 10, off);
	}
	return STX_(size, 10, number_reg(), off);
}

static u32 random_program(u64 *c)
{
	u32 n = 0, i, jumps = 0, body;

	c[n++] = LDX_(SZ_W, 7, 1, 4);
	c[n++] = INSN(0x18, 8, 6, 0, 0);
	c[n++] = INSN(0, 0, 0, 0, 0);
	c[n++] = INSN(0x18, 9, 6, 0, 1);
	c[n++] = INSN(0, 0, 0, 0, 0);
	for (i = 2; i <= 6; i++)
		c[n++] = LDX_(SZ_D, i, 8, rnd() % 505);
	for (i = 1; i <= 4; i++)
		c[n++] = STX_(SZ_D, 10, 1 + i, -8 * (__s32)i);
	body = 20 + rnd() % 60;
	for (i = 0; i < body; i++) {
		u32 what = rnd() % 8;

		if (what == 0 && jumps < 6 && body - i > 5) {
			c[n++] = random_jump(1 + rnd() % 4);
			jumps++;
		} else {
			c[n++] = what < 3 ? random_memory() : random_alu();
		}
	}
	for (i = 2; i <= 7; i++)
		c[n++] = STX_(SZ_D, 9, i, 16 * i);
	c[n++] = MOVR(0, number_reg());
	c[n++] = EXIT;
	return n;
}

static bool random_programs(void)
{
	u32 i, k, b, n, loaded = 0;
	static u8 in[512];
	char msg[128];
	bool good = true;

	if (!open_maps(512))
		return false;
	for (i = 0; i < PROGRAMS && good; i++) {
		u64 code[256], start = seed, detail;
		struct sim_prog *sim = NULL;
		int prog, err;

		n = random_program(code);
		prog = kernel_load(code, n);
		err = sim_prog_load(code, n, 512, msg, sizeof(msg), &sim);
		good = !exo_scan(code, n, &detail) && prog >= 0 && !err;
		if (!good)
			printf("# seed %llu: scan %llx, kernel %d, interpreter %d %s\n# %.400s\n", start, detail, prog,
			       err, err ? msg : "", words);
		loaded += good;
		for (k = 0; k < INPUTS && good; k++) {
			for (b = 0; b < 512; b++)
				in[b] = k == 0 ? 0 : k == 1 ? 0xff : rnd() & (k & 1 ? 0xff : 0x81);
			good = agree(prog, sim, 512, in);
			if (!good)
				printf("# program of seed %llu\n", start);
		}
		if (!err)
			sim_prog_free(sim);
		if (prog >= 0)
			close(prog);
	}
	close_maps();
	printf("# %u programs, each on %u inputs\n", loaded, INPUTS);
	return good && loaded == PROGRAMS;
}

/* ---- objects ---- */

/*
 * Noise of few bits, headed by a constant that the program compares with: magic numbers are hard to hit otherwise. They
 * are numbers of comparisons, or of 16-byte loads when they do not fit.
 */
static void random_partition(const struct exo_udf_code *c, const u64 *insns, u32 ninsns, u8 *in)
{
	u32 i, n = 0, kind = rnd() & 3, magic[64] = {0};

	for (i = 0; i < c->partition; i++)
		in[i] = kind == 0 ? rnd() & (rnd() & 3) : kind == 1 ? rnd() : i % 4 ? 0 : rnd() & (kind == 2 ? 1 : 7);
	for (i = 0; i < ninsns && n < 64; i++) {
		u64 insn = insns[i];
		bool compares = ((insn & 0x0f) == 5 || (insn & 0x0f) == 6) && (insn & 0xf0);

		if ((compares || (insn & 0xf0ff) == 0x18) && insn >> 40)
			magic[n++] = insn >> 32;
	}
	if (n && rnd() & 7)
		memcpy(in, &magic[rnd() % n], 4);
}

/* Few users and groups, so that they meet. */
static void random_question(const struct exo_udf_code *c, u8 *in)
{
	struct exo_acl_in q = {.op = 1 + rnd() % 3, .uid = rnd() & 3, .ngids = rnd() % (EXO_ACL_GIDS + 1),
			       .claim_slot = rnd() & 63, .time = rnd(), .admin = rnd() & 1};
	u32 i;

	random_partition(c, (u64 *)c->acl, c->nacl, in);
	if (rnd() & 1)
		memcpy(in + c->partition, in, c->partition);
	else
		random_partition(c, (u64 *)c->acl, c->nacl, in + c->partition);
	for (i = 0; i < q.ngids; i++)
		q.gids[i] = rnd() & 3;
	memcpy(in + 2 * c->partition, &q, sizeof(q));
}

static bool object_acl(const struct exo_udf_code *c)
{
	static struct exo_udf_claim none[EXO_MAX_SLOTS];
	u32 bytes = EXO_ACL_BYTES(c->partition), i, allowed = 0;
	struct sim_prog *sim = NULL;
	u8 *in = malloc(bytes);
	char msg[128];
	bool good = true;
	int prog;

	in_map = array(bytes, BPF_F_RDONLY_PROG);
	out_map = -1;
	if (!in || in_map < 0)
		return false;
	prog = kernel_load((u64 *)c->acl, c->nacl);
	if (prog < 0 || sim_prog_load_acl((u64 *)c->acl, c->nacl, c->partition, msg, sizeof(msg), &sim)) {
		printf("# acl: kernel %d, interpreter: %s\n# %.400s\n", prog, sim ? "loaded" : msg, words);
		return false;
	}
	for (i = 0; i < PARTITIONS && good; i++) {
		random_question(c, in);
		good = agree(prog, sim, c->partition, in);
		allowed += !sim_prog_run(sim, in, 0, none, NULL);
	}
	printf("# %u questions to its acl, %u allowed\n", i, allowed);
	sim_prog_free(sim);
	close(prog);
	close_maps();
	free(in);
	return good && allowed && allowed < i;
}

static bool object(const char *path)
{
	struct exo_udf_code code;
	struct sim_prog *sim = NULL;
	struct exo_why why;
	u32 i, k, ok = 0, claimed = 0;
	static struct exo_udf_claim out[EXO_MAX_SLOTS];
	bool good = true;
	char msg[128];
	int prog;
	u8 *in;

	if (exo_udf_read(path, &code, &why)) {
		printf("# %s\n", why.text);
		return false;
	}
	in = malloc(code.partition);
	if (!in || !open_maps(code.partition))
		return false;
	prog = kernel_load((u64 *)code.insns, code.ninsns);
	if (prog < 0 || sim_prog_load((u64 *)code.insns, code.ninsns, code.partition, msg, sizeof(msg), &sim)) {
		printf("# kernel %d, interpreter: %s\n# %.400s\n", prog, sim ? "loaded" : msg, words);
		return false;
	}
	for (i = 0; i < PARTITIONS && good; i++) {
		random_partition(&code, (u64 *)code.insns, code.ninsns, in);
		good = agree(prog, sim, code.partition, in);
		if (sim_prog_run(sim, in, 0, out, NULL))
			continue;
		ok++;
		for (k = 0; k < EXO_MAX_SLOTS; k++)
			claimed += out[k].count != 0;
	}
	printf("# %u partitions, %u well-formed, %u claims\n", i, ok, claimed);
	sim_prog_free(sim);
	close(prog);
	close_maps();
	free(in);
	if (good && code.acl)
		good = object_acl(&code);
	exo_udf_free(&code);
	/* a comparison in which nothing was ever claimed would compare nothing */
	return good && ok && claimed;
}

int main(int argc, char **argv)
{
	int i, failed = 0;

	if (argc < 2)
		return 2;
	seed = strtoull(argv[1], NULL, 0);
	if (only_cap_bpf()) {
		perror("udf-agree: cannot give up all but CAP_BPF");
		return 4;
	}
	printf("# seed %llu\n", seed);
	for (i = 1; i < argc; i++) {
		bool good = i == 1 ? random_programs() : object(argv[i]);

		failed += !good;
		printf("%sok - kernel and interpreter agree on %s\n", good ? "" : "not ",
		       i == 1 ? "random programs" : argv[i]);
	}
	return failed != 0;
}
