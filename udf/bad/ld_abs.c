// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: scan LEGACY
// A packet load.
#include "bad.h"

BAD_ASM(ld_abs, "r6 = r1\n" INSN(0x20, 0, 0, 0, 0) "exit")
