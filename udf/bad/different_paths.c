// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: verify different maps
// Reads at an offset that depends on the path: what a loop that was not unrolled looks like to the verifier.
#include "bad.h"

BAD_ASM(different_paths, "r1 = exo_udf_in ll\n"
			 "r2 = *(u8 *)(r1 + 0)\n"
			 "r3 = r1\n"
			 "if r2 == 0 goto +1\n"
			 "r3 += 16\n"
			 "r2 &= 7\n"
			 "r3 += r2\n"
			 "r0 = *(u8 *)(r3 + 0)\n"
			 "exit")
