// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: verify size of register
// Reads half of an address back from the stack.
#include "bad.h"

BAD_ASM(pointer_spilled, "*(u64 *)(r10 - 8) = r1\n"
			 "r0 = *(u32 *)(r10 - 8)\n"
			 "exit")
