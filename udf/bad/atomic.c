// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: scan ATOMIC
// Adds to the output and fetches what was there.
#include "bad.h"

BAD_ASM(atomic, "r1 = exo_udf_out ll\n"
		"r0 = 1\n" INSN(0xdb, 1, 0, 0, 0x01) "exit")
