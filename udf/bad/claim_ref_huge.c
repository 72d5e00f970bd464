// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: claim
// A claim with a reference far out of the table.
#include "bad.h"

EXO_UDF(claim_ref_huge, 512)
{
	exo_claim(0, 5000, exo_in_u8(0), 0xffffffff);
	return 0;
}
