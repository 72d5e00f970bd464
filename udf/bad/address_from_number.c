// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: verify invalid mem access
// Makes an address of a number.
#include "bad.h"

BAD_ASM(address_from_number, "r1 = 0xffffffff81000000 ll\nr0 = *(u64 *)(r1 + 0)\nexit")
