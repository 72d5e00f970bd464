// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Does the plugin tell instructions apart? Bytes as gas makes them. */
#include <stdbool.h>
#include <stdio.h>
#include "insn.h"

static const struct {
	const char *text;
	uint8_t bytes[12];
	uint8_t size;
	enum insn_kind kind;
	uint8_t rep;
	uint32_t marker;
} cases[] = {
	{"ret", {0xc3}, 1, INSN_PLAIN, 0, 0},
	{"syscall", {0x0f, 0x05}, 2, INSN_SYSCALL, 0, 0},
	{"int $0x80", {0xcd, 0x80}, 2, INSN_SYSCALL, 0, 0},
	{"int $0x81", {0xcd, 0x81}, 2, INSN_PLAIN, 0, 0},
	{"mov %rax, %cr3", {0x0f, 0x22, 0xd8}, 3, INSN_CR3, 0, 0},
	{"mov %cr3, %rax", {0x0f, 0x20, 0xd8}, 3, INSN_PLAIN, 0, 0},
	{"mov %rax, %cr0", {0x0f, 0x22, 0xc0}, 3, INSN_CR, 0, 0},
	{"wrmsr", {0x0f, 0x30}, 2, INSN_MSR, 0, 0},
	{"rdmsr", {0x0f, 0x32}, 2, INSN_PLAIN, 0, 0},
	{"out %al, %dx", {0xee}, 1, INSN_PORT, 0, 0},
	{"in $0x60, %al", {0xe4, 0x60}, 2, INSN_PORT, 0, 0},
	{"rep outsl", {0xf3, 0x6f}, 2, INSN_PORT, 4, 0},
	{"hlt", {0xf4}, 1, INSN_HALT, 0, 0},
	{"rep movsb", {0xf3, 0xa4}, 2, INSN_PLAIN, 1, 0},
	{"rep movsw", {0xf3, 0x66, 0xa5}, 3, INSN_PLAIN, 2, 0},
	{"rep stosl", {0xf3, 0xab}, 2, INSN_PLAIN, 4, 0},
	{"rep movsq", {0xf3, 0x48, 0xa5}, 3, INSN_PLAIN, 8, 0},
	{"repnz scasb", {0xf2, 0xae}, 2, INSN_PLAIN, 1, 0},
	{"movsb", {0xa4}, 1, INSN_PLAIN, 0, 0},
	{"test $1, %al", {0xa8, 0x01}, 2, INSN_PLAIN, 0, 0},
	{"rep ret", {0xf3, 0xc3}, 2, INSN_PLAIN, 0, 0},
	{"movdqu (%rsi), %xmm0", {0xf3, 0x0f, 0x6f, 0x06}, 4, INSN_VECTOR, 0, 0},
	{"movdqu %xmm1, %xmm0", {0xf3, 0x0f, 0x6f, 0xc1}, 4, INSN_PLAIN, 0, 0},
	{"movups %xmm0, (%rdi)", {0x0f, 0x11, 0x07}, 3, INSN_VECTOR, 0, 0},
	{"movups %xmm8, (%rdi)", {0x44, 0x0f, 0x11, 0x07}, 4, INSN_VECTOR, 0, 0},
	{"movsd (%rsi), %xmm0", {0xf2, 0x0f, 0x10, 0x06}, 4, INSN_PLAIN, 0, 0},
	{"movntdq %xmm0, (%rdi)", {0x66, 0x0f, 0xe7, 0x07}, 4, INSN_VECTOR, 0, 0},
	{"vmovdqu (%rsi), %ymm0", {0xc5, 0xfe, 0x6f, 0x06}, 4, INSN_VECTOR, 0, 0},
	{"vmovdqu (%r8), %ymm0", {0xc4, 0xc1, 0x7e, 0x6f, 0x00}, 5, INSN_VECTOR, 0, 0},
	{"vmovdqa %ymm1, %ymm0", {0xc5, 0xfd, 0x6f, 0xc1}, 4, INSN_PLAIN, 0, 0},
	{"nopl 0x45123456(%rax)", {0x0f, 0x1f, 0x80, 0x56, 0x34, 0x12, 0x45}, 7, INSN_MARKER, 0, 0x123456},
	{"nopl 0x0(%rax)", {0x0f, 0x1f, 0x80, 0, 0, 0, 0}, 7, INSN_PLAIN, 0, 0},
	{"nopl 0x45(%rax,%rax,1)", {0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0x45}, 8, INSN_PLAIN, 0, 0},
	{"a prefix cut short", {0xf3}, 1, INSN_PLAIN, 0, 0},
	{"an opcode cut short", {0x0f}, 1, INSN_PLAIN, 0, 0},
	{"mov to a control register, cut short", {0x0f, 0x22}, 2, INSN_PLAIN, 0, 0},
};

int main(void)
{
	unsigned int i, bad = 0;

	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct insn got;

		insn_decode(cases[i].bytes, cases[i].size, &got);
		if (got.kind == cases[i].kind && got.rep == cases[i].rep && got.marker == cases[i].marker)
			continue;
		printf("%s: kind %d, repeat %u, marker %x\n", cases[i].text, got.kind, got.rep, got.marker);
		bad++;
	}
	printf("%u instructions, %u taken for something else\n", i, bad);
	return bad ? 1 : 0;
}
