// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: claim
// A claim of block 0, which belongs to the module.
#include "bad.h"

EXO_UDF(claim_module_area, 512)
{
	exo_claim(0, 0, exo_in_u8(0), EXO_REF_DATA);
	return 0;
}
