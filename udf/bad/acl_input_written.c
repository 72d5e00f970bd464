// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: verify write into map forbidden
// An acl that changes what it is asked about, or who asks.
#include "bad.h"

BAD_ACL_ASM(acl_input_written, "r1 = exo_udf_in ll\n"
			       "r0 = 0\n"
			       "*(u32 *)(r1 + 1028) = r0\n"
			       "exit")
