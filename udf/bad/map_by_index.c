// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: scan MAP
// Takes the map itself, not its value.
#include "bad.h"

BAD_ASM(map_by_index, INSN(0x18, 1, 5, 0, 0) INSN(0, 0, 0, 0, 0) "r0 = 0\nexit")
