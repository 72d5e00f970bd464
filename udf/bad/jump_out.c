// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: verify jump out of range
// Jumps behind its end.
#include "bad.h"

BAD_ASM(jump_out, "r0 = 0\ngoto +5\nexit")
