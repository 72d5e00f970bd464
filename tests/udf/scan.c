// SPDX-License-Identifier: GPL-2.0 OR MIT
/* scan.c: what kmod/core/scan.c lets pass, instruction by instruction and against the interpreter. */
#include "../../kmod/core/scan.h"
#include "../sim/check.h"
#include "../sim/sim.h"
#include "insn.h"

/* One instruction behind a good one, and an exit behind it: so index 1 is expected. 0: passes. */
static u32 scan_of(u64 insn)
{
	u64 code[] = {MOV(0, 0), insn, EXIT}, detail = 0;
	int err = exo_scan(code, 3, &detail);

	CHECK(err == 0 || (err == -EPERM && detail >> 32 == 1));
	return err ? (u32)detail : 0;
}

static void each_cause(void)
{
	static const struct {
		const char *name;
		u64 insn;
		u32 want;
	} t[] = {
		{"time helper", INSN(0x85, 0, 0, 0, 5), EXO_SCAN_HELPER},
		{"random helper", INSN(0x85, 0, 0, 0, 7), EXO_SCAN_HELPER},
		{"kfunc", INSN(0x85, 0, 2, 0, 1000), EXO_SCAN_KFUNC},
		{"subprogram", INSN(0x85, 0, 1, 0, 0), EXO_SCAN_SUBPROG},
		{"call of a fourth kind", INSN(0x85, 0, 3, 0, 0), EXO_SCAN_OPCODE},
		{"indirect call", INSN(0x8d, 1, 0, 0, 0), EXO_SCAN_OPCODE},
		{"32-bit call", INSN(0x86, 0, 0, 0, 5), EXO_SCAN_OPCODE},
		{"map by descriptor", INSN(0x18, 1, 1, 0, 3), EXO_SCAN_MAP},
		{"map value by descriptor", INSN(0x18, 1, 2, 0, 3), EXO_SCAN_MAP},
		{"kernel variable", INSN(0x18, 1, 3, 0, 3), EXO_SCAN_MAP},
		{"address of a function", INSN(0x18, 1, 4, 0, 3), EXO_SCAN_SUBPROG},
		{"map by index", INSN(0x18, 1, 5, 0, 0), EXO_SCAN_MAP},
		{"third region", INSN(0x18, 1, 6, 0, 2), EXO_SCAN_MAP},
		{"negative region", INSN(0x18, 1, 6, 0, -1), EXO_SCAN_MAP},
		{"unknown address", INSN(0x18, 1, 7, 0, 0), EXO_SCAN_MAP},
		{"unknown address 15", INSN(0x18, 1, 15, 0, 0), EXO_SCAN_MAP},
		{"packet load", INSN(0x20, 0, 0, 0, 0), EXO_SCAN_LEGACY},
		{"indirect packet load", INSN(0x40, 0, 1, 0, 0), EXO_SCAN_LEGACY},
		{"packet load of a byte", INSN(0x30, 0, 0, 0, 0), EXO_SCAN_LEGACY},
		{"atomic add", INSN(0xdb, 1, 2, 0, 0), EXO_SCAN_ATOMIC},
		{"32-bit atomic exchange", INSN(0xc3, 1, 2, 0, 0xe1), EXO_SCAN_ATOMIC},
		{"atomic of a byte", INSN(0xd3, 1, 2, 0, 0x100), EXO_SCAN_ATOMIC},
		{"sign-extending load", INSN(0x91, 1, 2, 0, 0), EXO_SCAN_OPCODE},
		{"atomic load", INSN(0xd9, 1, 2, 0, 0), EXO_SCAN_OPCODE},
		{"long jump", INSN(0x06, 0, 0, 0, 0), EXO_SCAN_OPCODE},
		{"may_goto", INSN(0xe5, 0, 0, 0, 0), EXO_SCAN_OPCODE},
		{"64-bit byte swap", INSN(0xd7, 1, 0, 0, 64), EXO_SCAN_OPCODE},
		{"arithmetic 0xe", INSN(0xe7, 1, 0, 0, 0), EXO_SCAN_OPCODE},
		{"32-bit exit", INSN(0x96, 0, 0, 0, 0), EXO_SCAN_OPCODE},
		{"jump back", INSN(0x05, 0, 0, -1, 0), EXO_SCAN_BACKEDGE},
		{"comparison back", INSN(0x15, 1, 0, -2, 0), EXO_SCAN_BACKEDGE},
		{"32-bit comparison back", INSN(0x1e, 1, 2, -32768, 0), EXO_SCAN_BACKEDGE},
		{"signed division", INSN(0x37, 1, 0, 1, 3), EXO_SCAN_RESERVED},
		{"sign-extending move", INSN(0xbf, 1, 2, 8, 0), EXO_SCAN_RESERVED},
		{"address space cast", INSN(0xbf, 1, 2, 1, 1), EXO_SCAN_RESERVED},
		{"move with two operands", INSN(0xbf, 1, 2, 0, 1), EXO_SCAN_RESERVED},
		{"immediate with a register", INSN(0xb7, 1, 2, 0, 1), EXO_SCAN_RESERVED},
		{"negation with a number", INSN(0x87, 1, 0, 0, 1), EXO_SCAN_RESERVED},
		{"swap of 8 bits", INSN(0xd4, 1, 0, 0, 8), EXO_SCAN_RESERVED},
		{"load with a number", INSN(0x61, 1, 2, 0, 1), EXO_SCAN_RESERVED},
		{"store of number and register", INSN(0x62, 1, 2, 0, 1), EXO_SCAN_RESERVED},
		{"exit with a register", INSN(0x95, 0, 1, 0, 0), EXO_SCAN_RESERVED},
		{"exit with a number", INSN(0x95, 0, 0, 0, 1), EXO_SCAN_RESERVED},
		{"register 11", INSN(0xb7, 11, 0, 0, 0), EXO_SCAN_RESERVED},
		{"source register 12", INSN(0x61, 1, 12, 0, 0), EXO_SCAN_RESERVED},
		{"jump of no distance", JA_TO(0), 0},
		{"jump over", INSN(0x1d, 1, 2, 0, 0), 0},
		{"swap", INSN(0xdc, 1, 0, 0, 32), 0},
		{"store", STX_(SZ_D, 10, 1, -8), 0},
	};
	u32 i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		u32 got = scan_of(t[i].insn);

		CHECK_MSG(got == t[i].want, "%s: got %u, want %u", t[i].name, got, t[i].want);
	}
}

/* All 256 opcodes with empty operands, against the list of those that are allowed. */
static void each_opcode(void)
{
	bool good[256] = {false};
	u32 op, size, class, src;

	for (op = 0x00; op <= 0xc0; op += 0x10)
		for (src = 0; src <= 8; src += 8)
			for (class = 4; class <= 7; class += 3)
				good[op | src | class] = !(op == 0x80 && src);
	for (op = 0x10; op <= 0xd0; op += 0x10)
		for (src = 0; src <= 8; src += 8)
			for (class = 5; class <= 6; class ++)
				good[op | src | class] = op != 0x80 && op != 0x90;
	for (size = 0; size <= 0x18; size += 8)
		for (class = 1; class <= 3; class ++)
			good[0x60 | size | class] = true;
	good[0x05] = good[0x95] = true;
	/* 0xd4 and 0xdc, the byte swaps, need a width; 0x18, the 16-byte load, a second half, which `exit` is not */
	for (op = 0; op < 256; op++)
		CHECK_MSG((scan_of(INSN(op, 0, 0, 0, 0)) == 0) == good[op], "opcode 0x%02x", op);
	for (op = 16; op <= 64; op *= 2)
		CHECK(!scan_of(INSN(0xd4, 3, 0, 0, op)) && !scan_of(INSN(0xdc, 3, 0, 0, op)));
}

static void wide_loads(void)
{
	u64 good[] = {REGION(1, 0, 8), REGION(2, 1, 1016), LDDW(3, ~0ull), MOV(0, 0), EXIT};
	u64 cut[] = {MOV(0, 0), INSN(0x18, 1, 0, 0, 0)};
	u64 off[] = {INSN(0x18, 1, 0, 1, 0), 0, EXIT};
	/* the second half is not an instruction: what looks like a call there must be refused as a half */
	u64 half[] = {INSN(0x18, 1, 0, 0, 0), INSN(0x85, 0, 0, 0, 5), EXIT};
	u64 src[] = {INSN(0x18, 1, 0, 0, 0), INSN(0, 0, 1, 0, 0), EXIT};
	u64 detail;

	CHECK(!exo_scan(good, 8, &detail));
	CHECK(exo_scan(cut, 2, &detail) == -EPERM && detail == (1ull << 32 | EXO_SCAN_TRUNCATED));
	CHECK(exo_scan(off, 3, &detail) == -EPERM && detail == EXO_SCAN_RESERVED);
	CHECK(exo_scan(half, 3, &detail) == -EPERM && detail == EXO_SCAN_RESERVED);
	CHECK(exo_scan(src, 3, &detail) == -EPERM && detail == EXO_SCAN_RESERVED);
}

/*
 * The interpreter was written from the instruction set, not from the scan. Whatever it can run, the scan must let pass
 * (else good programs are lost); and the scan must not let an opcode pass that the interpreter does not know by form.
 */
static void against_interpreter(void)
{
	static const char *const values[] = {"frame pointer",	"division by zero", "invalid shift",
					     "outside the map", "unreachable",	    "jump out of range",
					     "last insn",	"not allowed",	    "context"};
	u64 seed = 20261123, accepted = 0, i, k;

	for (i = 0; i < 300000; i++) {
		u64 r = sim_random(&seed), n = sim_random(&seed);
		/* mostly plausible operands, else nearly everything is refused for the same few reasons */
		u64 insn = INSN(r, r >> 8 & 1 ? r >> 12 : r >> 12 & 7, r >> 16 & 1 ? 0 : r >> 20,
				r >> 24 & 3 ? 0 : r >> 32, r >> 26 & 1 ? 0 : n >> (n & 31) >> 32);
		u64 code[] = {MOV(0, 0), MOV(2, 3), insn, 0, EXIT}, detail = 0;
		struct sim_prog *p = NULL;
		char msg[128] = "";
		bool known = false;
		int scan, sim;

		if ((insn & 0xff) != 0x18)
			code[3] = MOV(3, 0);
		scan = exo_scan(code, 5, &detail);
		sim = sim_prog_load(code, 5, 512, msg, sizeof(msg), &p);
		for (k = 0; k < sizeof(values) / sizeof(values[0]); k++)
			known |= strstr(msg, values[k]) != NULL;
		accepted += !sim;
		CHECK_MSG(sim || !scan, "%016llx runs, but the scan refuses it: %llx", insn, detail);
		CHECK_MSG(scan || !sim || known, "%016llx passes the scan, but it has no meaning: %s", insn, msg);
		if (!sim)
			sim_prog_free(p);
	}
	CHECK_MSG(accepted > 1000, "only %llu programs ran", accepted);
}

int main(void)
{
	each_cause();
	each_opcode();
	wide_loads();
	against_interpreter();
	return check_done();
}
