// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * example_list.c: the smallest useful metadata: a partition of 512 bytes that lists up to 30 extents.
 *
 *	0	u32	magic "LIST", or 0: an empty partition
 *	4	u32	entries in use, 0..30
 *	8	u64	not looked at: the application's
 *	16	30 entries of 16 bytes: u64 first block, u32 blocks, u32 kind (0 data, 1 another list)
 *
 * A block that was never written is all zeroes and must own nothing, so "all zero" is a well-formed empty list.
 */
#include "exo_udf.h"

EXO_UDF(example_list, 512)
{
	exo_u64 magic = exo_in_u32(0), used = exo_in_u32(4);

	if (magic == 0 && used == 0)
		return 0;
	if (magic != 0x5453494c || used > 30)
		exo_reject(1);
	exo_unroll(int i = 0; i < 30; i++)
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
