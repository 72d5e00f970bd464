// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * insn.c: lengths of x86-64 instructions in 64-bit mode: legacy, VEX and EVEX encodings. It serves to find out where
 * instructions begin, so an opcode that is not known is refused rather than guessed.
 */
#include <string.h>
#include "insn.h"

/* What follows an opcode. */
enum {
	M = 1,	/* ModRM */
	B = 2,	/* one byte */
	Z = 4,	/* four bytes, two with an operand-size prefix */
	W = 8,	/* two bytes */
	J = 16, /* a relative target: B or four bytes */
	X = 32, /* not an instruction here */
	S = 64, /* special: see the code */
	E = 128 /* control does not go on behind it */
};

#define R4(x) x, x, x, x
#define R8(x) R4(x), R4(x)
#define R16(x) R8(x), R8(x)
#define ALU M, M, M, M, B, Z, X, X

static const uint8_t one[256] = {
	/* 00 */ ALU,
	ALU,
	/* 10 */ ALU,
	ALU,
	/* 20 */ ALU,
	ALU,
	/* 30 */ ALU,
	ALU,
	/* 40: REX, taken before */ R16(X),
	/* 50 */ R16(0),
	/* 60 */ X,
	X,
	X,
	M,
	X,
	X,
	X,
	X,
	Z,
	M | Z,
	B,
	M | B,
	0,
	0,
	0,
	0,
	/* 70 */ R16(J | B),
	/* 80 */ M | B,
	M | Z,
	X,
	M | B,
	R4(M),
	R8(M),
	/* 90 */ R8(0),
	0,
	0,
	X,
	0,
	0,
	0,
	0,
	0,
	/* a0 */ R4(S),
	R4(0),
	B,
	Z,
	0,
	0,
	R4(0),
	/* b0 */ R8(B),
	R8(S),
	/* c0 */ M | B,
	M | B,
	W | E,
	E,
	X,
	X,
	M | B,
	M | Z,
	W | B,
	0,
	W | E,
	E,
	E,
	B,
	X,
	E,
	/* d0 */ R4(M),
	X,
	X,
	X,
	0,
	R8(M),
	/* e0 */ R4(J | B),
	B,
	B,
	B,
	B,
	J,
	J | E,
	X,
	J | B | E,
	0,
	0,
	0,
	0,
	/* f0 */ X,
	0,
	X,
	X,
	E,
	0,
	M | S,
	M | S,
	R4(0),
	0,
	0,
	M,
	M,
};

/* Behind 0f. */
static const uint8_t two[256] = {
	/* 00 */ M,	 M,	M,     M,     X,     0,	    0,	   0, 0,     0, X, E, X,     M, X, X,
	/* 10 */ R16(M),
	/* 20 */ R4(M),	 R4(X), R8(M),
	/* 30 */ R8(0),	 X,	X,     X,     X,     R4(X),
	/* 40 */ R16(M),
	/* 50 */ R16(M),
	/* 60 */ R16(M),
	/* 70 */ M | B,	 M | B, M | B, M | B, M,     M,	    M,	   0, R8(M),
	/* 80 */ R16(J),
	/* 90 */ R16(M),
	/* a0 */ 0,	 0,	0,     M,     M | B, M,	    X,	   X, 0,     0, 0, M, M | B, M, M, M,
	/* b0 */ R8(M),	 M,	M | E, M | B, M,     R4(M),
	/* c0 */ M,	 M,	M | B, M,     M | B, M | B, M | B, M, R8(0),
	/* d0 */ R16(M),
	/* e0 */ R16(M),
	/* f0 */ R16(M),
};

struct cursor {
	const uint8_t *p, *end;
};

static bool take(struct cursor *c, size_t n)
{
	if ((size_t)(c->end - c->p) < n)
		return false;
	c->p += n;
	return true;
}

/* ModRM, SIB and displacement. */
static bool modrm(struct cursor *c, struct insn *in, uint8_t *reg)
{
	uint8_t m, mod, rm;
	size_t disp = 0;

	if (c->p >= c->end)
		return false;
	m = *c->p++;
	mod = m >> 6;
	rm = m & 7;
	*reg = m >> 3 & 7;
	if (mod == 3)
		return true;
	if (rm == 4) {
		if (c->p >= c->end)
			return false;
		if (mod == 0 && (*c->p & 7) == 5)
			disp = 4;
		c->p++;
	} else if (mod == 0 && rm == 5) {
		in->here = true;
		disp = 4;
	}
	if (mod == 1)
		disp = 1;
	else if (mod == 2)
		disp = 4;
	return take(c, disp);
}

/* Behind a VEX or EVEX prefix that names the opcode map. */
static bool vector(struct cursor *c, struct insn *in, unsigned map)
{
	uint8_t op, reg;

	if (c->p >= c->end || map < 1 || map > 3)
		return false;
	op = *c->p++;
	if (map == 1 && op == 0x77)
		return true;
	if (!modrm(c, in, &reg))
		return false;
	if (map == 3 || (map == 1 && ((op >= 0x70 && op <= 0x73) || op == 0xc2 || (op >= 0xc4 && op <= 0xc6))))
		return take(c, 1);
	return true;
}

static bool body(struct cursor *c, struct insn *in, const uint8_t *start)
{
	bool small = false, wide = false, far_two = false;
	uint8_t op, reg = 0, f;
	int32_t rel;

	for (;; c->p++) {
		if (c->p >= c->end)
			return false;
		op = *c->p;
		if (op == 0x66)
			small = true;
		else if (op != 0xf2 && op != 0xf3 && op != 0xf0 && op != 0x2e && op != 0x36 && op != 0x3e &&
			 op != 0x26 && op != 0x64 && op != 0x65 && op != 0x67)
			break;
	}
	if (op >> 4 == 4) {
		wide = op & 8;
		if (!take(c, 1) || c->p >= c->end)
			return false;
		op = *c->p;
	}
	c->p++;
	if (op == 0xc5)
		return take(c, 1) && vector(c, in, 1);
	if (op == 0xc4) {
		if (c->p >= c->end)
			return false;
		f = *c->p & 0x1f;
		return take(c, 2) && vector(c, in, f);
	}
	if (op == 0x62) {
		if (c->p >= c->end)
			return false;
		f = *c->p & 7;
		return take(c, 3) && vector(c, in, f);
	}
	if (op == 0x0f) {
		if (c->p >= c->end)
			return false;
		op = *c->p++;
		if (op == 0x38)
			return take(c, 1) && modrm(c, in, &reg);
		if (op == 0x3a)
			return take(c, 1) && modrm(c, in, &reg) && take(c, 1);
		if (op == 0x05)
			in->syscall = true;
		f = two[op];
		far_two = true;
	} else {
		f = one[op];
	}
	if (f & X)
		return false;
	if (f & M && !modrm(c, in, &reg))
		return false;
	if (f & S && !far_two) {
		if (op >= 0xa0 && op <= 0xa3)
			return take(c, 8);
		if (op >= 0xb8 && op <= 0xbf)
			return take(c, wide ? 8 : small ? 2 : 4);
		/* f6, f7: TEST has an operand, the others of the group have none. */
		if (reg < 2 && !take(c, op == 0xf6 ? 1 : small ? 2 : 4))
			return false;
	}
	if (f & E)
		in->here = true;
	/* Indirect jumps and calls. */
	if (op == 0xff && !far_two && reg >= 2 && reg <= 5)
		in->here = true;
	if (f & J) {
		in->here = in->branches = true;
		if (!take(c, f & B ? 1 : 4))
			return false;
		if (f & B) {
			rel = (int8_t)c->p[-1];
		} else {
			memcpy(&rel, c->p - 4, 4);
		}
		in->to = rel + (c->p - start);
		return true;
	}
	/* XBEGIN. */
	if (op == 0xc7 && !far_two && reg == 7)
		in->here = true;
	return take(c, (f & B ? 1 : 0) + (f & W ? 2 : 0) + (f & Z ? (small ? 2 : 4) : 0));
}

bool insn_decode(const uint8_t *p, size_t room, struct insn *in)
{
	struct cursor c = {p, p + (room < 15 ? room : 15)};

	memset(in, 0, sizeof(*in));
	if (!body(&c, in, p))
		return false;
	in->len = c.p - p;
	return true;
}
