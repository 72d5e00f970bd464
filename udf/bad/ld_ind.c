// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: scan LEGACY
// A packet load at a computed place.
#include "bad.h"

BAD_ASM(ld_ind, "r6 = r1\nr2 = 0\n" INSN(0x40, 0, 2, 0, 0) "exit")
