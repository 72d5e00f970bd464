// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: claim
// A claim of 2^40 and up: no disk of the tests has it.
#include "bad.h"

EXO_UDF(claim_beyond_disk, 512)
{
	exo_claim(63, 1ull << 40, exo_in_u8(0), EXO_REF_DATA);
	return 0;
}
