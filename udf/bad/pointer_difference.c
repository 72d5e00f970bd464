// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: verify prohibited
// Makes a number of two addresses.
#include "bad.h"

BAD_ASM(pointer_difference, "r2 = exo_udf_in ll\n"
			    "r0 = exo_udf_out ll\n"
			    "r0 -= r2\n"
			    "exit")
