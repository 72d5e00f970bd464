// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: acl
// Not dangerous: an acl that lets nobody do anything. The edit is refused and the block stays.
#include "bad.h"

EXO_UDF(acl_denies, 512)
{
	return 0;
}

EXO_ACL(acl_denies_acl)
{
	return 7;
}
