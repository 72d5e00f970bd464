// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: verify !read_ok
// Returns what somebody left in a register.
#include "bad.h"

BAD_ASM(register_uninitialised, "r0 = r7\nexit")
