// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: verify invalid
// Writes below its stack.
#include "bad.h"

BAD_ASM(stack_overflow, "r0 = 0\n*(u64 *)(r10 - 520) = r0\nexit")
