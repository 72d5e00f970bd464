// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: verify not an exit
// Runs into whatever lies behind it.
#include "bad.h"

BAD_ASM(no_exit, "r0 = 0")
