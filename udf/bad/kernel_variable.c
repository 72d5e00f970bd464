// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: scan MAP
// Reads a variable of the kernel (jiffies, say) by its BTF number.
#include "bad.h"

BAD_ASM(kernel_variable, INSN(0x18, 1, 3, 0, 4321) INSN(0, 0, 0, 0, 0) "r0 = *(u32 *)(r1 + 0)\nexit")
