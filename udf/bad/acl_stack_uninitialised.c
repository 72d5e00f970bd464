// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: verify invalid read from stack
// Answers with what somebody left on the stack.
#include "bad.h"

BAD_ACL_ASM(acl_stack_uninitialised, "r0 = *(u64 *)(r10 - 8)\nexit")
