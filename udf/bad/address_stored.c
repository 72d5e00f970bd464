// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: verify leaks addr into map
// Claims an address as a block number.
#include "bad.h"

BAD_ASM(address_stored, "r2 = exo_udf_out ll\n"
			"*(u64 *)(r2 + 0) = r1\n"
			"r0 = 0\n"
			"exit")
