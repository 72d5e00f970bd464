// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: scan SUBPROG
// Calls a subprogram; each call would have a stack of its own to leave things on.
#include "bad.h"

BAD_ASM(subprog, INSN(0x85, 0, 1, 0, 1) "exit\nr0 = 0\nexit")
