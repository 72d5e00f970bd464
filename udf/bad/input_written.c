// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: verify write into map forbidden
// Changes the partition under the module.
#include "bad.h"

BAD_ASM(input_written, "r1 = exo_udf_in ll\n"
		       "r0 = 0\n"
		       "*(u64 *)(r1 + 0) = r0\n"
		       "exit")
