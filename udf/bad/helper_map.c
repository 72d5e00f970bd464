// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: scan HELPER
// Looks a value up in the output map: memory from one run to the next.
#include "bad.h"

EXO_UDF(helper_map, 512)
{
	void *(*const map_lookup_elem)(void *map, const void *key) = (void *)1;
	exo_u32 key = 0;

	return map_lookup_elem(exo_udf_out, &key) ? 0 : 1;
}
