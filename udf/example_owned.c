// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * example_owned.c: a list of extents with an owner, for users that share one root by a group's capability. The owns-UDF says what
 * belongs to the partition, the acl-UDF who may touch it.
 *
 *	0	u32	magic "OWND", or 0: nobody's yet, and the whole partition is zeroes
 *	4	u32	entries in use, 0..28
 *	8	u32	uid of the owner
 *	12	u32	mode: 1 everybody may read what the entries claim, 2 the group may, 4 the group may write
 *	16	u32	gid of the group
 *	20	u32	not looked at
 *	24	u64	not looked at: the owner's
 *	32	28 entries of 16 bytes: u64 first block, u32 blocks, u32 kind (0 data, 1 another such list)
 *
 * Whoever fills in a partition that is nobody's becomes its owner. Only the owner may change it from then on, and give it away or
 * back; so only the owner can let others in. The mode lets others bind, never edit. The root of the name space is treated like
 * any other user, but may take back a partition: clear it entirely.
 */
#include "exo_udf.h"

#define MAGIC 0x444e574f
#define ENTRIES 28

EXO_UDF(example_owned, 512)
{
	exo_u64 magic = exo_in_u32(0), used = exo_in_u32(4), wrong = 0;

	if (magic == 0) {
		/* Nobody's: not one byte that an owner could be made responsible for. */
		exo_unroll(int i = 0; i < 64; i++)
			wrong |= exo_in_u64(8 * i);
		return wrong != 0;
	}
	if (magic != MAGIC || used > ENTRIES || exo_in_u32(12) > 7)
		exo_reject(2);
	exo_unroll(int i = 0; i < ENTRIES; i++)
	{
		exo_u64 live = exo_less(i, used), kind = exo_in_u32(32 + 16 * i + 12);

		wrong |= live & (kind >> 1);
		exo_claim(i, exo_in_u64(32 + 16 * i), exo_in_u32(32 + 16 * i + 8) & live, kind & 1);
	}
	return wrong ? 3 : 0;
}

/* Codes of a refusal: 1 not the owner, 2 a new owner who is not the caller, 3 may not read, 4 may not write. */
EXO_ACL(example_owned_acl)
{
	exo_u64 op = exo_acl_op(), uid = exo_acl_uid(), mode = exo_acl_old_u32(12), group;

	if (op == EXO_ACL_EDIT) {
		if (exo_acl_old_u32(0) == 0)
			return exo_acl_new_u32(0) == 0 || exo_acl_new_u32(8) == uid ? 0 : 2;
		if (exo_acl_old_u32(8) == uid)
			return 0;
		/* The owns-UDF has seen that magic 0 is zeroes throughout. */
		return exo_acl_admin() && exo_acl_new_u32(0) == 0 ? 0 : 1;
	}
	if (exo_acl_old_u32(8) == uid)
		return 0;
	group = exo_acl_in_group(exo_acl_old_u32(16));
	if (op == EXO_ACL_BIND_READ)
		return (mode & 1) || (mode & 6 & group) ? 0 : 3;
	return mode & 4 & group ? 0 : 4;
}
