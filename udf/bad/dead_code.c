// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: verify unreachable
// Has code that nothing reaches, where something could hide.
#include "bad.h"

BAD_ASM(dead_code, "r0 = 0\nexit\nr0 = 1\nexit")
