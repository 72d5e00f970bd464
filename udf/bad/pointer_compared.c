// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: verify pointer comparison prohibited
// Learns which of two addresses is higher.
#include "bad.h"

BAD_ASM(pointer_compared, "r2 = exo_udf_in ll\n"
			  "r0 = 0\n"
			  "if r2 > r1 goto +1\n"
			  "r0 = 1\n"
			  "exit")
