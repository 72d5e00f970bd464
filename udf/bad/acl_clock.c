// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: scan HELPER
// An acl that asks for the time itself instead of being told.
#include "bad.h"

EXO_UDF(acl_clock, 512)
{
	return 0;
}

EXO_ACL(acl_clock_acl)
{
	exo_u64 (*const ktime_get_ns)(void) = (void *)5;

	return ktime_get_ns() & 1;
}
