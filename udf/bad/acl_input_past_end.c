// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: verify invalid access to map value
// Reads behind what it is told: whatever lies there in memory.
#include "bad.h"

EXO_UDF(acl_input_past_end, 512)
{
	return 0;
}

EXO_ACL(acl_input_past_end_acl)
{
	return exo_acl_gid(EXO_ACL_GIDS) != 0;
}
