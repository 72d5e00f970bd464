// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: claim
// A claim whose end is beyond 2^64.
#include "bad.h"

EXO_UDF(claim_overflow, 512)
{
	exo_claim(0, -1ull, exo_in_u8(0) << 4, EXO_REF_DATA);
	return 0;
}
