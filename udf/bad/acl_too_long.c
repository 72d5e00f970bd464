// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: length
// More instructions than a UDF may have, in the acl.
#include "bad.h"

BAD_ACL_ASM(acl_too_long, "r0 = 0\n.rept 3072\nr0 += 1\n.endr\nexit")
