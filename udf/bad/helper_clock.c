// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: scan HELPER
// Asks for the time: two runs over one partition would differ.
#include "bad.h"

EXO_UDF(helper_clock, 512)
{
	exo_u64 (*const ktime_get_ns)(void) = (void *)5;

	exo_claim(0, 100, ktime_get_ns() & exo_in_u8(0), EXO_REF_DATA);
	return 0;
}
