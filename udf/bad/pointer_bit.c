// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: verify prohibited
// Tests bits of an address.
#include "bad.h"

BAD_ASM(pointer_bit, "r2 = exo_udf_in ll\n"
		     "r2 &= 0x10000\n"
		     "r0 = r2\n"
		     "exit")
