// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: verify jump into the middle
// Jumps into the second half of a 16-byte load.
#include "bad.h"

BAD_ASM(jump_into_load, "r0 = 0\nif r0 == 0 goto +1\nr2 = 5 ll\nexit")
