// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * A decoder for the dozen instruction forms that the bench tells apart. 64-bit mode is assumed, which the guest
 * leaves boot code in; a wrong guess there only touches counts before the first marker.
 */
#include "insn.h"
#include "../marker.h"

/* An AVX instruction starts with C5 xx or C4 xx xx; EVEX (62) is not emulated by QEMU 7.2. */
static bool vector_move(uint8_t opcode)
{
	switch (opcode) {
	case 0x10:
	case 0x11: /* movups and friends */
	case 0x28:
	case 0x29: /* movaps */
	case 0x2b:
	case 0xe7: /* non-temporal */
	case 0x6f:
	case 0x7f: /* movdqa, movdqu */
	case 0xd6:
	case 0xf0: /* movq, lddqu */
		return true;
	}
	return false;
}

static bool is_memory(uint8_t modrm)
{
	return modrm >> 6 != 3;
}

/* p: behind the 0f. scalar: prefix f2 or f3, which makes a move of 10 and 11 one of a single number. */
static void two_byte(const uint8_t *p, size_t left, bool scalar, struct insn *out)
{
	uint32_t word;

	switch (p[0]) {
	case 0x05:
	case 0x34:
		out->kind = INSN_SYSCALL;
		return;
	case 0x22:
		if (left > 1)
			out->kind = (p[1] >> 3 & 7) == 3 ? INSN_CR3 : INSN_CR;
		return;
	case 0x30:
		out->kind = INSN_MSR;
		return;
	case 0x1f:
		if (left != 6 || p[1] != EXO_MARK_MODRM)
			return;
		word = p[2] | p[3] << 8 | p[4] << 16 | (uint32_t)p[5] << 24;
		if (word >> 24 != EXO_MARK_MAGIC)
			return;
		out->kind = INSN_MARKER;
		out->marker = word & EXO_MARK_MAX;
		return;
	}
	if (left > 1 && vector_move(p[0]) && is_memory(p[1]) && !(scalar && p[0] < 0x12))
		out->kind = INSN_VECTOR;
}

void insn_decode(const uint8_t *p, size_t size, struct insn *out)
{
	bool repeat = false, narrow = false, wide = false;
	const uint8_t *end = p + size;

	*out = (struct insn){.kind = INSN_PLAIN};
	for (; p < end; p++) {
		if (*p == 0xf2 || *p == 0xf3)
			repeat = true;
		else if (*p == 0x66)
			narrow = true;
		else if (*p != 0x2e && *p != 0x36 && *p != 0x3e && *p != 0x26 && *p != 0x64 && *p != 0x65 &&
			 *p != 0x67 && *p != 0xf0)
			break;
	}
	if (p < end && (*p & 0xf0) == 0x40)
		wide = *p++ & 8;
	if (p >= end)
		return;
	switch (*p) {
	case 0x0f:
		if (p + 1 < end)
			two_byte(p + 1, end - p - 1, repeat, out);
		return;
	case 0xc5:
		if (end - p > 3 && vector_move(p[2]) && is_memory(p[3]))
			out->kind = INSN_VECTOR;
		return;
	case 0xc4:
		if (end - p > 4 && (p[1] & 0x1f) == 1 && vector_move(p[3]) && is_memory(p[4]))
			out->kind = INSN_VECTOR;
		return;
	case 0xcd:
		if (p + 1 < end && p[1] == 0x80)
			out->kind = INSN_SYSCALL;
		return;
	case 0xf4:
		out->kind = INSN_HALT;
		return;
	case 0xe4 ... 0xe7:
	case 0xec ... 0xef:
		out->kind = INSN_PORT;
		return;
	case 0x6c ... 0x6f:
		out->kind = INSN_PORT;
		break;
	case 0xa4 ... 0xa7: /* movs, cmps */
	case 0xaa ... 0xaf: /* stos, lods, scas */
		break;
	default:
		return;
	}
	if (repeat)
		out->rep = !(*p & 1) ? 1 : wide ? 8 : narrow ? 2 : 4;
}
