// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: verify leaks addr as return value
// Answers with an address.
#include "bad.h"

BAD_ACL_ASM(acl_address_returned, "r0 = exo_udf_in ll\nexit")
