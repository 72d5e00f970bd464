/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* insn.h: eBPF instructions by hand, as the 64-bit words that TEMPLATE_ADD takes. */
#ifndef EXO_TESTS_INSN_H
#define EXO_TESTS_INSN_H

#include <stdint.h>

#define INSN(code, dst, src, off, imm)                                                                                 \
	((uint64_t)(uint8_t)(code) | (uint64_t)((dst)&0xf) << 8 | (uint64_t)((src)&0xf) << 12 |                        \
	 (uint64_t)(uint16_t)(off) << 16 | (uint64_t)(uint32_t)(imm) << 32)

#define EXIT INSN(0x95, 0, 0, 0, 0)
#define MOV(dst, imm) INSN(0xb7, dst, 0, 0, imm)
#define MOVR(dst, src) INSN(0xbf, dst, src, 0, 0)
#define JA_TO(off) INSN(0x05, 0, 0, off, 0)
/* two words */
#define LDDW(dst, n) INSN(0x18, dst, 0, 0, (uint32_t)(n)), INSN(0, 0, 0, 0, (uint64_t)(n) >> 32)
#define REGION(dst, idx, off) INSN(0x18, dst, 6, 0, idx), INSN(0, 0, 0, 0, off)
/* size: 0x00 4 bytes, 0x08 2, 0x10 1, 0x18 8 */
#define LDX_(size, dst, src, off) INSN(0x61 | (size), dst, src, off, 0)
#define STX_(size, dst, src, off) INSN(0x63 | (size), dst, src, off, 0)
#define ST_(size, dst, off, imm) INSN(0x62 | (size), dst, 0, off, imm)
#define SZ_W 0x00
#define SZ_H 0x08
#define SZ_B 0x10
#define SZ_D 0x18

#endif
