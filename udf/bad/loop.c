// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: scan BACKEDGE
// Loops as long as the partition says.
#include "bad.h"

EXO_UDF(loop, 512)
{
	exo_u64 n = exo_in_u32(0), sum = 0;

	for (exo_u64 i = 0; i < n; i++)
		__asm__ volatile("%0 += %1" : "+r"(sum) : "r"(i));
	return sum != 0;
}
