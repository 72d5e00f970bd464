// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: overlap
// Claims one block twice.
#include "bad.h"

EXO_UDF(claim_overlap, 512)
{
	exo_claim(0, 5000, exo_in_u8(0) * 4, EXO_REF_DATA);
	exo_claim(9, 5003, exo_in_u8(0), EXO_REF_DATA);
	return 0;
}
