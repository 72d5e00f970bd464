// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * scan.c: which instructions a UDF may consist of. An allow-list: what is not named here is refused, also when a later
 * kernel's verifier would know it, because the argument that a result depends on nothing but the partition and the ctx
 * (udf/README.md) was made for these only.
 *
 * The scan does not follow values or jumps: bounds, types, jump targets, dead code and the use of addresses are the
 * verifier's business. It sees to what the verifier would allow and determinism forbids: calls, other maps, atomics;
 * and to loops, so that the verifier's and the program's time are linear in the program's length.
 *
 * Opcodes are written as numbers of the published instruction set, because core includes nothing of Linux.
 */
#include "scan.h"

/* code: bits 0..2 */
#define CLASS(code) ((code)&0x07)
#define LD 0x00
#define LDX 0x01
#define ST 0x02
#define STX 0x03
#define ALU 0x04
#define JMP 0x05
#define JMP32 0x06
#define ALU64 0x07
/* of loads and stores: bits 5..7; every size in bits 3..4 is good */
#define MODE(code) ((code)&0xe0)
#define ABS 0x20
#define IND 0x40
#define MEM 0x60
#define ATOMIC 0xc0
/* of arithmetic and jumps: operation in bits 4..7, register operand in bit 3 */
#define OP(code) ((code)&0xf0)
#define REG 0x08
#define NEG 0x80
#define END 0xd0
#define JA 0x00
#define CALL 0x80
#define EXIT 0x90
#define JSLE 0xd0

#define LD_IMM64 0x18
#define CALL_HELPER 0x85
#define EXIT_INSN 0x95

/* src_reg of LD_IMM64 says what the number is */
#define SRC_NUMBER 0
#define SRC_FUNC 4
#define SRC_IDX_VALUE 6
/* src_reg of a call */
#define CALL_SUBPROG 1
#define CALL_KFUNC 2

#define LAST_REG 10

struct insn {
	u8 code, dst, src;
	u16 off;
	u32 imm;
};

/* The layout of struct bpf_insn on a little-endian machine, the only kind that exo supports. */
static struct insn decode(u64 raw)
{
	struct insn i = {
		.code = raw & 0xff,
		.dst = raw >> 8 & 0xf,
		.src = raw >> 12 & 0xf,
		.off = raw >> 16 & 0xffff,
		.imm = raw >> 32,
	};

	return i;
}

static u32 scan_alu(const struct insn *i)
{
	u8 op = OP(i->code);

	if (op > END)
		return EXO_SCAN_OPCODE;
	/* off would make it a signed division, a sign extension or an address space cast */
	if (i->off)
		return EXO_SCAN_RESERVED;
	if (op == END) {
		if (CLASS(i->code) == ALU64)
			return EXO_SCAN_OPCODE;
		return i->src || (i->imm != 16 && i->imm != 32 && i->imm != 64) ? EXO_SCAN_RESERVED : 0;
	}
	if (op == NEG)
		return i->code & REG || i->src || i->imm ? EXO_SCAN_RESERVED : 0;
	return (i->code & REG ? i->imm : i->src) ? EXO_SCAN_RESERVED : 0;
}

static u32 scan_call(const struct insn *i)
{
	if (i->code != CALL_HELPER)
		return EXO_SCAN_OPCODE;
	switch (i->src) {
	case 0:
		return EXO_SCAN_HELPER;
	case CALL_SUBPROG:
		return EXO_SCAN_SUBPROG;
	case CALL_KFUNC:
		return EXO_SCAN_KFUNC;
	}
	return EXO_SCAN_OPCODE;
}

static u32 scan_jump(const struct insn *i)
{
	u8 op = OP(i->code);

	if (op == CALL)
		return scan_call(i);
	if (op > JSLE)
		return EXO_SCAN_OPCODE;
	if (op == EXIT) {
		if (i->code != EXIT_INSN)
			return EXO_SCAN_OPCODE;
		return i->dst || i->src || i->off || i->imm ? EXO_SCAN_RESERVED : 0;
	}
	/* the long jump of JMP32 keeps its distance in imm */
	if (op == JA && (CLASS(i->code) == JMP32 || i->code & REG))
		return EXO_SCAN_OPCODE;
	if (i->off & 0x8000)
		return EXO_SCAN_BACKEDGE;
	if (op == JA)
		return i->dst || i->src || i->imm ? EXO_SCAN_RESERVED : 0;
	return (i->code & REG ? i->imm : i->src) ? EXO_SCAN_RESERVED : 0;
}

static u32 scan_mem(const struct insn *i)
{
	u8 class = CLASS(i->code);

	if (class == STX && MODE(i->code) == ATOMIC)
		return EXO_SCAN_ATOMIC;
	if (MODE(i->code) != MEM)
		return EXO_SCAN_OPCODE;
	return (class == ST ? i->src : i->imm) ? EXO_SCAN_RESERVED : 0;
}

/* The second half, `next`, is there only when `left` is over 1. */
static u32 scan_ld(const struct insn *i, u64 next, u32 left, u32 maps)
{
	if (MODE(i->code) == ABS || MODE(i->code) == IND)
		return EXO_SCAN_LEGACY;
	if (i->code != LD_IMM64)
		return EXO_SCAN_OPCODE;
	if (left < 2)
		return EXO_SCAN_TRUNCATED;
	if (i->src == SRC_FUNC)
		return EXO_SCAN_SUBPROG;
	if (i->src != SRC_NUMBER && (i->src != SRC_IDX_VALUE || i->imm >= maps))
		return EXO_SCAN_MAP;
	return i->off || (u32)next ? EXO_SCAN_RESERVED : 0;
}

static u32 scan_one(const struct insn *i, u64 next, u32 left, u32 maps)
{
	u8 class = CLASS(i->code);

	/* src of LD is not a register */
	if (i->dst > LAST_REG || (i->src > LAST_REG && class != LD))
		return EXO_SCAN_RESERVED;
	switch (class) {
	case LD:
		return scan_ld(i, next, left, maps);
	case ALU:
	case ALU64:
		return scan_alu(i);
	case JMP:
	case JMP32:
		return scan_jump(i);
	}
	return scan_mem(i);
}

static int scan(const u64 *insns, u32 n, u32 maps, u64 *detail)
{
	u32 at, why;

	for (at = 0; at < n; at++) {
		struct insn i = decode(insns[at]);

		why = scan_one(&i, at + 1 < n ? insns[at + 1] : 0, n - at, maps);
		if (why) {
			*detail = (u64)at << 32 | why;
			return -EPERM;
		}
		if (i.code == LD_IMM64)
			at++;
	}
	return 0;
}

int exo_scan(const u64 *insns, u32 n, u64 *detail)
{
	return scan(insns, n, 2, detail);
}

int exo_scan_acl(const u64 *insns, u32 n, u64 *detail)
{
	return scan(insns, n, 1, detail);
}
