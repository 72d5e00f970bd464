// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: scan TRUNCATED
// Ends in the middle of a 16-byte load.
#include "bad.h"

BAD_ASM(load_cut, "r0 = 0\n" INSN(0x18, 0, 0, 0, 0))
