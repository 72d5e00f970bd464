// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: verify unbounded
// Looks a gid up at an offset that the caller controls.
#include "bad.h"

BAD_ACL_ASM(acl_input_by_data, "r1 = exo_udf_in ll\n"
			       "r2 = *(u32 *)(r1 + 512)\n"
			       "r1 += r2\n"
			       "r0 = *(u32 *)(r1 + 0)\n"
			       "exit")
