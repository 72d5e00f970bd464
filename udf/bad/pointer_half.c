// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: verify partial copy
// Moves the lower half of an address.
#include "bad.h"

BAD_ASM(pointer_half, "w0 = w1\nexit")
