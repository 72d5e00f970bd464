// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: zero
// Owns blocks in a partition that was never written.
#include "bad.h"

EXO_UDF(claims_zeroes, 512)
{
	exo_claim(0, 100, 1, EXO_REF_DATA);
	return 0;
}
