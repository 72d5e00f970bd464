// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * scan.c: libFuzzer target for the scan and the interpreter. The input is a program. What the interpreter loads, the
 * scan must pass; and a run that works must give the same answer twice, also with other things on the stack and in
 * the output.
 */
#include <stdlib.h>
#include <string.h>
#include "../../kmod/core/scan.h"
#include "../sim/interp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* Leaves something on the stack that a run could find. */
static __attribute__((noinline)) void dirty_stack(int with)
{
	volatile u8 junk[8192];

	memset((void *)junk, with, sizeof(junk));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static struct exo_udf_claim a[EXO_MAX_SLOTS], b[EXO_MAX_SLOTS];
	static u64 insns[EXO_MAX_INSNS];
	static u8 in[512];
	u32 n = bytes / 8, i;
	struct sim_prog *p;
	u64 detail = 0;
	int refused, at;
	s64 first, second;

	if (!n || n > EXO_MAX_INSNS)
		return 0;
	memcpy(insns, data, n * 8);
	refused = exo_scan(insns, n, &detail);
	at = detail >> 32;
	if (refused && (refused != -EPERM || at >= n || !(u32)detail || (u32)detail > EXO_SCAN_RESERVED))
		abort();
	if (sim_prog_load(insns, n, 512, NULL, 0, &p))
		return 0;
	if (refused)
		abort();
	for (i = 0; i < 512; i++)
		in[i] = data[i % bytes] ^ i;
	dirty_stack(0x55);
	memset(a, 0x55, sizeof(a));
	first = sim_prog_run(p, in, 1, a, NULL);
	dirty_stack(0xaa);
	memset(b, 0xaa, sizeof(b));
	second = sim_prog_run(p, in, 1, b, NULL);
	if (first != second || memcmp(a, b, sizeof(a)))
		abort();
	sim_prog_free(p);
	return 0;
}
