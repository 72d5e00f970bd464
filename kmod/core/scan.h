/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* scan.h: the first of three gates of a UDF: scan, the kernel's verifier, owns(zeroes). */
#ifndef EXO_CORE_SCAN_H
#define EXO_CORE_SCAN_H

#include "plat.h"

/*
 * Look at n instructions (1..EXO_MAX_INSNS, struct bpf_insn as the machine lays it out) one by one, without following
 * them. 0, or -EPERM with *detail = index << 32 | EXO_SCAN_*. Takes no lock, allocates nothing, does not sleep.
 */
int exo_scan(const u64 *insns, u32 n, u64 *detail);
/* The same for a program without map index 1. */
int exo_scan_acl(const u64 *insns, u32 n, u64 *detail);

#endif
