// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: reject
// Calls every partition but an empty one malformed.
#include "bad.h"

EXO_UDF(rejects, 512)
{
	if (exo_in_u8(0))
		exo_reject(-1);
	return 0;
}
