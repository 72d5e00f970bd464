// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: verify invalid read from stack
// Returns what somebody left on the stack.
#include "bad.h"

BAD_ASM(stack_uninitialised, "r0 = *(u64 *)(r10 - 8)\nexit")
