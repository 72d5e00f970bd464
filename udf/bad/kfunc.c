// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: scan KFUNC
// Calls a kernel function by its BTF number.
#include "bad.h"

BAD_ASM(kfunc, INSN(0x85, 0, 2, 0, 1234) "r0 = 0\nexit")
