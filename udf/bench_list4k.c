// SPDX-License-Identifier: GPL-2.0 OR MIT
/* example_list.c with one partition a block, for measuring what the size of a partition costs: up to 60 extents in 4096 bytes. */
#include "exo_udf.h"

EXO_UDF(bench_list4k, 4096)
{
	exo_u64 magic = exo_in_u32(0), used = exo_in_u32(4);

	if (magic == 0 && used == 0)
		return 0;
	if (magic != 0x5453494c || used > 60)
		exo_reject(1);
	exo_unroll(int i = 0; i < 60; i++)
	{
		exo_u64 kind = exo_in_u32(16 + 16 * i + 12);

		if (i < used) {
			if (kind > EXO_REF_SELF)
				exo_reject(2);
			exo_claim(i, exo_in_u64(16 + 16 * i), exo_in_u32(16 + 16 * i + 8), kind);
		}
	}
	return 0;
}
