// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: scan HELPER
// Asks for a random number.
#include "bad.h"

EXO_UDF(helper_random, 512)
{
	exo_u64 (*const get_prandom_u32)(void) = (void *)7;

	exo_claim(0, 100, get_prandom_u32() & exo_in_u8(0), EXO_REF_DATA);
	return 0;
}
