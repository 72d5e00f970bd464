// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: verify leaks addr as return value
// Returns the address of its stack.
#include "bad.h"

BAD_ASM(stack_returned, "r0 = r10\nexit")
