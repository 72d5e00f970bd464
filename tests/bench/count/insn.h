/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What the bench wants to know about one x86-64 instruction, from its bytes. */
#ifndef EXO_COUNT_INSN_H
#define EXO_COUNT_INSN_H

#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>

enum insn_kind {
	INSN_PLAIN,
	INSN_SYSCALL, /* syscall, sysenter, int 0x80 */
	INSN_CR3,     /* write of CR3: another address space, or a TLB flush */
	INSN_CR,      /* write of another control register */
	INSN_MSR,     /* wrmsr */
	INSN_PORT,    /* in, out, ins, outs */
	INSN_HALT,
	INSN_VECTOR, /* SSE or AVX register to or from memory: what copies are made of */
	INSN_MARKER, /* of marker.h */
	INSN_KINDS
};

struct insn {
	enum insn_kind kind;
	uint32_t marker; /* id, for INSN_MARKER */
	uint8_t rep;	 /* element bytes of a string instruction with a repeat prefix, else 0 */
};

void insn_decode(const uint8_t *bytes, size_t size, struct insn *out);

#endif
