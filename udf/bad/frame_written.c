// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: verify frame pointer is read only
// Moves its stack.
#include "bad.h"

BAD_ASM(frame_written, "r10 += 8\nr0 = 0\nexit")
