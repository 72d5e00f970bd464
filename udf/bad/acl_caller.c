// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: scan HELPER
// An acl that asks who runs: at attach and in a worker thread that is somebody else.
#include "bad.h"

EXO_UDF(acl_caller, 512)
{
	return 0;
}

EXO_ACL(acl_caller_acl)
{
	exo_u64 (*const get_current_uid_gid)(void) = (void *)15;

	return (int)get_current_uid_gid() != 0;
}
