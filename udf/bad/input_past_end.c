// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: verify invalid access to map value
// Reads behind the partition: the next one in memory.
#include "bad.h"

EXO_UDF(input_past_end, 512)
{
	exo_claim(0, 100, exo_in_u32(510), EXO_REF_DATA);
	return 0;
}
