// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: zero
// Calls a new partition malformed, so that nothing could ever be made with it.
#include "bad.h"

EXO_UDF(rejects_zeroes, 512)
{
	return exo_in_u8(0) == 0;
}
