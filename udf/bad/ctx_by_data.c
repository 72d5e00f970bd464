// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: verify pointer arithmetic with it prohibited
// Reads the ctx at an offset that the partition gives.
#include "bad.h"

BAD_ASM(ctx_by_data, "r2 = exo_udf_in ll\n"
		     "r2 = *(u8 *)(r2 + 0)\n"
		     "r2 &= 4\n"
		     "r1 += r2\n"
		     "r0 = *(u32 *)(r1 + 0)\n"
		     "exit")
