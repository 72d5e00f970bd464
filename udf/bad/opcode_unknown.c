// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: scan OPCODE
// An opcode that a later kernel may give a meaning.
#include "bad.h"

BAD_ASM(opcode_unknown, "r0 = 0\n" INSN(0xf7, 0, 0, 0, 0) "exit")
