// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: scan SUBPROG
// Takes the address of a function.
#include "bad.h"

BAD_ASM(subprog_address, INSN(0x18, 2, 4, 0, 2) INSN(0, 0, 0, 0, 0) "r0 = 0\nexit\nr0 = 1\nexit")
