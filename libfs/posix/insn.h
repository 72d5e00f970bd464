/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* insn.h: how long an x86-64 instruction is, and whether it may be moved. */
#ifndef POSIX_INSN_H
#define POSIX_INSN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct insn {
	unsigned len;
	bool syscall;
	bool here;     /* its meaning depends on its address, or it does not go on behind itself */
	bool branches; /* a direct jump or call, to `to` */
	int64_t to;    /* relative to the instruction's first byte */
};

/* The instruction at p, of which `room` bytes may be read. false: unknown, or cut off. */
bool insn_decode(const uint8_t *p, size_t room, struct insn *in);

#endif
