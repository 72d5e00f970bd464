// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: verify invalid access to map value
// Reads in front of the partition. (exo_in_u32(-4) does not compile.)
#include "bad.h"

BAD_ASM(input_before, "r1 = exo_udf_in ll\n"
		      "r0 = *(u32 *)(r1 - 4)\n"
		      "exit")
