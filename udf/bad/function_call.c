// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: read cannot call
// The same in C: the object reader can still name the function.
#include "bad.h"

__attribute__((noinline)) static exo_u64 blocks(exo_u64 n)
{
	__asm__ volatile("" : "+r"(n));
	return n;
}

EXO_UDF(function_call, 512)
{
	exo_claim(0, 100, blocks(exo_in_u8(0)), EXO_REF_DATA);
	return 0;
}
