// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: verify read from map forbidden
// Reads what it wrote the last time.
#include "bad.h"

BAD_ASM(output_read, "r1 = exo_udf_out ll\n"
		     "r0 = *(u32 *)(r1 + 0)\n"
		     "*(u32 *)(r1 + 0) = r0\n"
		     "exit")
