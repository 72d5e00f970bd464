// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: scan BACKEDGE
// Does not end.
#include "bad.h"

BAD_ASM(loop_forever, "r0 = 0\ngoto -1\nexit")
