// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: verify leaks addr into ctx
// Keeps an address in the ctx.
#include "bad.h"

BAD_ASM(address_in_ctx, "*(u64 *)(r1 + 0) = r10\n"
			"r0 = *(u32 *)(r1 + 0)\n"
			"exit")
