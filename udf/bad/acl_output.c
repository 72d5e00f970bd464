// SPDX-License-Identifier: GPL-2.0 OR MIT
// refused: scan MAP
// An acl has no output that it could leave something in.
#include "bad.h"

EXO_UDF(acl_output, 512)
{
	return 0;
}

EXO_ACL(acl_output_acl)
{
	exo_claim(0, exo_acl_new_u32(0), 1, EXO_REF_DATA);
	return 0;
}
