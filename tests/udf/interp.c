// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * interp.c: the interpreter of the simulator. Arithmetic and comparisons against the machine's own, on random
 * operands; memory, rights and jumps case by case. tests/vm/udf_agree.c compares it with the kernel's JIT.
 */
#include "../sim/check.h"
#include "../sim/sim.h"
#include "insn.h"

static u8 input[4096];
static struct exo_udf_claim out[EXO_MAX_SLOTS];
static char msg[128];

/* Load and run: the result, or the error of either. */
static s64 run_n(const u64 *code, u32 n, u32 partition, u32 index)
{
	struct sim_prog *p;
	s64 r = sim_prog_load(code, n, partition, msg, sizeof(msg), &p);

	if (r)
		return r;
	r = sim_prog_run(p, input, index, out, NULL);
	sim_prog_free(p);
	return r;
}
#define RUN(...)                                                                                                       \
	({                                                                                                             \
		const u64 code_[] = {__VA_ARGS__};                                                                     \
		run_n(code_, sizeof(code_) / sizeof(code_[0]), 512, 3);                                                \
	})

/* A program that leaves op(a, b) in slot 0's start, so that all 64 bits are seen. */
static u64 binary(u8 op, u64 a, u64 b)
{
	CHECK(RUN(LDDW(2, a), LDDW(3, b), INSN(op, 2, 3, 0, 0), REGION(1, 1, 0), STX_(SZ_D, 1, 2, 0), MOV(0, 0),
		  EXIT) == 0);
	return out[0].start;
}

static bool jumps(u8 op, u64 a, u64 b)
{
	return RUN(LDDW(2, a), LDDW(3, b), MOV(0, 1), INSN(op, 2, 3, 1, 0), MOV(0, 0), EXIT);
}

static u64 operand(u64 *seed)
{
	u64 r = sim_random(seed), n = sim_random(seed);

	switch (r & 7) {
	case 0:
		return 0;
	case 1:
		return n & 63;
	case 2:
		return ~0ull - (n & 1);
	case 3:
		return 1ull << (n & 63);
	case 4:
		return (u32)n;
	case 5:
		return 0x7fffffff + (n & 3);
	}
	return n;
}

static void arithmetic(void)
{
	u64 seed = 7;
	int i;

	for (i = 0; i < 3000; i++) {
		u64 a = operand(&seed), b = operand(&seed);
		u32 c = a, d = b;

		CHECK(binary(0x0f, a, b) == a + b && binary(0x0c, a, b) == (u32)(c + d));
		CHECK(binary(0x1f, a, b) == a - b && binary(0x1c, a, b) == (u32)(c - d));
		CHECK(binary(0x2f, a, b) == a * b && binary(0x2c, a, b) == (u32)(c * d));
		CHECK(binary(0x3f, a, b) == (b ? a / b : 0) && binary(0x3c, a, b) == (d ? c / d : 0));
		CHECK(binary(0x9f, a, b) == (b ? a % b : a) && binary(0x9c, a, b) == (d ? c % d : c));
		CHECK(binary(0x4f, a, b) == (a | b) && binary(0x4c, a, b) == (c | d));
		CHECK(binary(0x5f, a, b) == (a & b) && binary(0x5c, a, b) == (c & d));
		CHECK(binary(0xaf, a, b) == (a ^ b) && binary(0xac, a, b) == (c ^ d));
		CHECK(binary(0x6f, a, b) == a << (b & 63) && binary(0x6c, a, b) == c << (d & 31));
		CHECK(binary(0x7f, a, b) == a >> (b & 63) && binary(0x7c, a, b) == c >> (d & 31));
		CHECK(binary(0xcf, a, b) == (u64)((s64)a >> (b & 63)) &&
		      binary(0xcc, a, b) == (u32)((__s32)c >> (d & 31)));
		CHECK(binary(0xbf, a, b) == b && binary(0xbc, a, b) == d);
		CHECK(jumps(0x1d, a, b) == (a == b) && jumps(0x1e, a, b) == (c == d));
		CHECK(jumps(0x5d, a, b) == (a != b) && jumps(0x5e, a, b) == (c != d));
		CHECK(jumps(0x2d, a, b) == (a > b) && jumps(0x2e, a, b) == (c > d));
		CHECK(jumps(0x3d, a, b) == (a >= b) && jumps(0x3e, a, b) == (c >= d));
		CHECK(jumps(0xad, a, b) == (a < b) && jumps(0xae, a, b) == (c < d));
		CHECK(jumps(0xbd, a, b) == (a <= b) && jumps(0xbe, a, b) == (c <= d));
		CHECK(jumps(0x4d, a, b) == !!(a & b) && jumps(0x4e, a, b) == !!(c & d));
		CHECK(jumps(0x6d, a, b) == ((s64)a > (s64)b) && jumps(0x6e, a, b) == ((__s32)c > (__s32)d));
		CHECK(jumps(0x7d, a, b) == ((s64)a >= (s64)b) && jumps(0x7e, a, b) == ((__s32)c >= (__s32)d));
		CHECK(jumps(0xcd, a, b) == ((s64)a < (s64)b) && jumps(0xce, a, b) == ((__s32)c < (__s32)d));
		CHECK(jumps(0xdd, a, b) == ((s64)a <= (s64)b) && jumps(0xde, a, b) == ((__s32)c <= (__s32)d));
	}
	/* a number in the instruction is sign-extended, for 32 bits cut */
	CHECK(RUN(MOV(2, -1), REGION(1, 1, 0), STX_(SZ_D, 1, 2, 0), MOV(0, 0), EXIT) == 0 && out[0].start == ~0ull);
	CHECK(RUN(INSN(0xb4, 2, 0, 0, -1), REGION(1, 1, 0), STX_(SZ_D, 1, 2, 0), MOV(0, 0), EXIT) == 0 &&
	      out[0].start == 0xffffffffull);
	CHECK(RUN(MOV(2, 5), INSN(0x87, 2, 0, 0, 0), REGION(1, 1, 0), STX_(SZ_D, 1, 2, 0), MOV(0, 0), EXIT) == 0 &&
	      out[0].start == (u64)-5);
}

static void byte_swaps(void)
{
	const u64 n = 0x0123456789abcdefull;
	static const struct {
		u8 op;
		u32 bits;
		u64 want;
	} t[] = {
		{0xd4, 16, 0xcdef}, {0xd4, 32, 0x89abcdef}, {0xd4, 64, 0x0123456789abcdefull},
		{0xdc, 16, 0xefcd}, {0xdc, 32, 0xefcdab89}, {0xdc, 64, 0xefcdab8967452301ull},
	};
	u32 i;

	for (i = 0; i < 6; i++) {
		CHECK(RUN(LDDW(2, n), INSN(t[i].op, 2, 0, 0, t[i].bits), REGION(1, 1, 0), STX_(SZ_D, 1, 2, 0),
			  MOV(0, 0), EXIT) == 0);
		CHECK(out[0].start == t[i].want);
	}
}

static void memory(void)
{
	u32 i;

	for (i = 0; i < 512; i++)
		input[i] = i * 7;
	CHECK(RUN(REGION(1, 0, 0), LDX_(SZ_W, 0, 1, 4), EXIT) == (28 | 35 << 8 | 42 << 16 | 49 << 24));
	CHECK(RUN(REGION(1, 0, 0), LDX_(SZ_H, 0, 1, 511 - 1), EXIT) == (((510 * 7) & 0xff) | ((511 * 7) & 0xff) << 8));
	CHECK(RUN(REGION(1, 0, 511), LDX_(SZ_B, 0, 1, 0), EXIT) == ((511 * 7) & 0xff));
	CHECK(RUN(REGION(1, 0, 3), LDX_(SZ_B, 0, 1, -3), EXIT) == 0);
	/* bounds of the input */
	CHECK(RUN(REGION(1, 0, 0), LDX_(SZ_B, 0, 1, 512), EXIT) == -EACCES);
	CHECK(RUN(REGION(1, 0, 0), LDX_(SZ_W, 0, 1, 509), EXIT) == -EACCES);
	CHECK(RUN(REGION(1, 0, 0), LDX_(SZ_B, 0, 1, -1), EXIT) == -EACCES);
	CHECK(RUN(REGION(1, 0, 512), LDX_(SZ_B, 0, 1, -1), EXIT) == -EINVAL);
	CHECK(RUN(REGION(1, 0, 0), LDDW(2, 1ull << 63), INSN(0x0f, 1, 2, 0, 0), LDX_(SZ_B, 0, 1, 0), EXIT) == -EACCES);
	CHECK(RUN(REGION(1, 0, 0), MOV(2, -1), INSN(0x0f, 1, 2, 0, 0), LDX_(SZ_D, 0, 1, 0), EXIT) == -EACCES);
	/* rights */
	CHECK(RUN(REGION(1, 0, 0), ST_(SZ_B, 1, 0, 1), MOV(0, 0), EXIT) == -EACCES);
	CHECK(RUN(REGION(1, 1, 0), LDX_(SZ_B, 0, 1, 0), EXIT) == -EACCES);
	/* output: slot 63 is the last; all is zero that was not written */
	CHECK(RUN(REGION(1, 1, 0), ST_(SZ_D, 1, 1008, -2), ST_(SZ_W, 1, 1016, 9), ST_(SZ_W, 1, 1020, 1), MOV(0, 0),
		  EXIT) == 0);
	CHECK(out[63].start == -2ull && out[63].count == 9 && out[63].ref == 1 && out[0].start == 0 &&
	      out[0].count == 0);
	CHECK(RUN(REGION(1, 1, 0), ST_(SZ_D, 1, 1020, 1), MOV(0, 0), EXIT) == -EACCES);
	CHECK(RUN(REGION(1, 1, 0), ST_(SZ_B, 1, 1024, 1), MOV(0, 0), EXIT) == -EACCES);
	CHECK(RUN(MOV(0, 0), EXIT) == 0 && out[63].count == 0);
	/* ctx */
	CHECK(RUN(LDX_(SZ_W, 0, 1, 0), EXIT) == 512);
	CHECK(RUN(LDX_(SZ_W, 0, 1, 4), EXIT) == 3);
	CHECK(RUN(LDX_(SZ_W, 0, 1, 8), EXIT) == -ERANGE);
	CHECK(RUN(LDX_(SZ_D, 0, 1, 4), EXIT) == -ERANGE);
	CHECK(RUN(LDX_(SZ_W, 0, 1, -4), EXIT) == -ERANGE);
	/* stack */
	CHECK(RUN(ST_(SZ_W, 10, -4, 77), LDX_(SZ_W, 0, 10, -4), EXIT) == 77);
	CHECK(RUN(ST_(SZ_W, 10, -512, 77), LDX_(SZ_H, 0, 10, -512), EXIT) == 77);
	CHECK(RUN(LDX_(SZ_W, 0, 10, -4), EXIT) == -EACCES);
	CHECK(RUN(ST_(SZ_W, 10, -8, 77), LDX_(SZ_D, 0, 10, -8), EXIT) == -EACCES);
	CHECK(RUN(ST_(SZ_W, 10, -513, 77), MOV(0, 0), EXIT) == -EACCES);
	CHECK(RUN(ST_(SZ_W, 10, 0, 77), MOV(0, 0), EXIT) == -EACCES);
	CHECK(RUN(ST_(SZ_W, 10, -6, 77), MOV(0, 0), EXIT) == -EACCES);
	CHECK(RUN(INSN(0xb7, 10, 0, 0, 0), MOV(0, 0), EXIT) == -EINVAL);
	/* numbers are not addresses */
	CHECK(RUN(MOV(2, 0), LDX_(SZ_W, 0, 2, 0), EXIT) == -EACCES);
	CHECK(RUN(MOV(2, 0), STX_(SZ_W, 2, 2, 0), MOV(0, 0), EXIT) == -EACCES);
}

static void addresses(void)
{
	CHECK(RUN(EXIT) == -EACCES);
	CHECK(RUN(MOVR(0, 1), EXIT) == -EACCES);
	CHECK(RUN(MOVR(0, 10), EXIT) == -EACCES);
	CHECK(RUN(REGION(2, 1, 0), STX_(SZ_D, 2, 1, 0), MOV(0, 0), EXIT) == -EACCES);
	CHECK(RUN(REGION(2, 1, 0), STX_(SZ_W, 2, 2, 0), MOV(0, 0), EXIT) == -EACCES);
	/* a spilled address comes back whole or not at all */
	CHECK(RUN(STX_(SZ_D, 10, 1, -8), LDX_(SZ_D, 2, 10, -8), LDX_(SZ_W, 0, 2, 0), EXIT) == 512);
	CHECK(RUN(STX_(SZ_D, 10, 1, -8), LDX_(SZ_W, 0, 10, -8), EXIT) == -EACCES);
	CHECK(RUN(STX_(SZ_D, 10, 1, -8), ST_(SZ_B, 10, -8, 0), LDX_(SZ_B, 0, 10, -7), EXIT) == -EACCES);
	CHECK(RUN(STX_(SZ_D, 10, 1, -8), ST_(SZ_D, 10, -8, 5), LDX_(SZ_D, 0, 10, -8), EXIT) == 5);
	CHECK(RUN(STX_(SZ_W, 10, 1, -8), MOV(0, 0), EXIT) == -EACCES);
	/* arithmetic */
	CHECK(RUN(MOVR(2, 1), INSN(0x1f, 2, 1, 0, 0), MOVR(0, 2), EXIT) == -EACCES);
	CHECK(RUN(INSN(0x0f, 1, 10, 0, 0), MOV(0, 0), EXIT) == -EACCES);
	CHECK(RUN(INSN(0x57, 1, 0, 0, 7), MOV(0, 0), EXIT) == -EACCES);
	CHECK(RUN(INSN(0xbc, 2, 1, 0, 0), MOV(0, 0), EXIT) == -EACCES);
	CHECK(RUN(INSN(0x07, 1, 0, 0, 4), LDX_(SZ_W, 0, 1, 0), EXIT) == 3);
	CHECK(RUN(MOV(2, 4), INSN(0x0f, 2, 1, 0, 0), LDX_(SZ_W, 0, 2, 0), EXIT) == 3);
	CHECK(RUN(MOV(2, 4), INSN(0x1f, 2, 1, 0, 0), MOV(0, 0), EXIT) == -EACCES);
	CHECK(RUN(MOV(0, 0), INSN(0xdc, 1, 0, 0, 64), EXIT) == -EACCES);
	/* comparisons */
	CHECK(RUN(MOV(0, 0), INSN(0x1d, 1, 10, 0, 0), EXIT) == -EACCES);
	CHECK(RUN(MOV(0, 0), INSN(0x15, 1, 0, 0, 0), EXIT) == -EACCES);
	CHECK(RUN(MOV(0, 0), INSN(0x15, 4, 0, 0, 0), EXIT) == -EACCES);
}

static void form(void)
{
	u64 seed = 3;
	u32 i;

	CHECK(RUN(MOV(0, 0)) == -EINVAL);
	CHECK(RUN(MOV(0, 0), JA_TO(0)) == -EINVAL);
	CHECK(RUN(MOV(0, 0), JA_TO(1), EXIT) == -EINVAL);
	CHECK(RUN(MOV(0, 0), JA_TO(-1), EXIT) == -EINVAL);
	CHECK(RUN(MOV(0, 0), JA_TO(1), MOV(0, 5), EXIT) == -EINVAL && strstr(msg, "unreachable"));
	CHECK(RUN(MOV(0, 0), INSN(0x15, 0, 0, 1, 0), LDDW(2, 5), EXIT) == -EINVAL);
	CHECK(RUN(MOV(0, 0), INSN(0x85, 0, 0, 0, 5), EXIT) == -EINVAL);
	CHECK(RUN(MOV(0, 0), INSN(0x37, 0, 0, 0, 0), EXIT) == -EINVAL);
	CHECK(RUN(MOV(0, 0), INSN(0x67, 0, 0, 0, 64), EXIT) == -EINVAL);
	CHECK(RUN(MOV(0, 0), INSN(0x64, 0, 0, 0, 32), EXIT) == -EINVAL);
	CHECK(RUN(MOV(0, 7), INSN(0x15, 0, 0, 1, 7), MOV(0, 1), EXIT) == 7);
	CHECK(run_n(&seed, 0, 512, 0) == -EINVAL);
	CHECK(run_n(&seed, 1, 513, 0) == -EINVAL);
	/* noise must be refused or run, never read outside (the sanitizers look) */
	for (i = 0; i < 200000; i++) {
		u64 code[12];
		u32 k, n = 2 + sim_random(&seed) % 10;

		for (k = 0; k < n; k++)
			code[k] = sim_random(&seed) & (sim_random(&seed) | 0x0300030300ffull);
		code[n - 1] = EXIT;
		run_n(code, n, 512, 0);
	}
	CHECK(i == 200000);
}

int main(void)
{
	arithmetic();
	byte_swaps();
	memory();
	addresses();
	form();
	return check_done();
}
