// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: claim
// A claim of metadata whose template was not named.
#include "bad.h"

EXO_UDF(claim_no_template, 512)
{
	exo_claim(0, 5000, exo_in_u8(0), EXO_REF(0));
	return 0;
}
