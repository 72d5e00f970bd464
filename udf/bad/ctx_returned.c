// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: verify leaks addr as return value
// Returns an address: it would change with every run, and tell about the kernel.
#include "bad.h"

BAD_ASM(ctx_returned, "r0 = r1\nexit")
