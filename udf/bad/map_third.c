// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: scan MAP
// Reaches behind the array of descriptors that the module fills.
#include "bad.h"

BAD_ASM(map_third, INSN(0x18, 1, 6, 0, 2) INSN(0, 0, 0, 0, 0) "r0 = *(u32 *)(r1 + 0)\nexit")
