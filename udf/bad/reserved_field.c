// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: scan RESERVED
// A move that a later kernel reads as a sign extension.
#include "bad.h"

BAD_ASM(reserved_field, "r2 = 0\n" INSN(0xbf, 0, 2, 8, 0) "exit")
