// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: scan BACKEDGE
// An acl that does not end.
#include "bad.h"

BAD_ACL_ASM(acl_loop, "r0 = 0\n"
		      "goto -1")
