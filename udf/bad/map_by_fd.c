// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: scan MAP
// Brings a map of its own, by descriptor.
#include "bad.h"

BAD_ASM(map_by_fd, INSN(0x18, 1, 2, 0, 3) INSN(0, 0, 0, 0, 0) "r0 = *(u32 *)(r1 + 0)\nexit")
