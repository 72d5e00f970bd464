// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: ctx
// Reads behind the ctx: whatever lies on the stack of the caller.
#include "bad.h"

EXO_UDF(acl_ctx_past_end, 512)
{
	return 0;
}

EXO_ACL(acl_ctx_past_end_acl)
{
	return ((volatile exo_u32 *)ctx)[2];
}
