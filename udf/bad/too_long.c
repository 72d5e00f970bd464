// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: length
// More instructions than a UDF may have.
#include "bad.h"

BAD_ASM(too_long, "r0 = 0\n.rept 3072\nr0 += 1\n.endr\nexit")
