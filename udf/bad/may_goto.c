// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: scan OPCODE
// A loop that the kernel ends after a time: the result would depend on it.
#include "bad.h"

BAD_ASM(may_goto, "r0 = 0\n" INSN(0xe5, 0, 0, 1, 0) "r0 = 1\nexit")
