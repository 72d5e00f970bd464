// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: verify invalid access to map value
// Claims in a slot behind the last.
#include "bad.h"

EXO_UDF(output_past_end, 512)
{
	exo_claim(64, 100, 1, EXO_REF_DATA);
	return 0;
}
