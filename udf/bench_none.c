// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Owns nothing, whatever it holds: what is left of a transaction when the UDF itself costs nothing. */
#include "exo_udf.h"

EXO_UDF(bench_none, 512)
{
	return 0;
}
