// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: verify unbounded
// Reads at an offset that the partition gives.
#include "bad.h"

BAD_ASM(input_by_data, "r1 = exo_udf_in ll\n"
		       "r2 = *(u64 *)(r1 + 0)\n"
		       "r1 += r2\n"
		       "r0 = *(u8 *)(r1 + 0)\n"
		       "exit")
