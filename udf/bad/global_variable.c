// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: read no memory of its own
// Counts its runs.
#include "bad.h"

static volatile exo_u64 runs;

EXO_UDF(global_variable, 512)
{
	exo_claim(0, 100, runs++ & exo_in_u8(0), EXO_REF_DATA);
	return 0;
}
