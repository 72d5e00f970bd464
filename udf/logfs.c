// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * logfs.c: what a logfs partition owns. libfs/logfs/FORMAT.md describes it. The super partition owns the top nodes of the two
 * trees, an inner node its children, a leaf of extents the blocks of files; items own nothing.
 */
#include "exo_udf.h"
#include "../libfs/logfs/format.h"

EXO_UDF(logfs, 512)
{
	exo_u64 magic = exo_in_u32(LOGFS_H_MAGIC), kind = exo_in_u8(LOGFS_H_KIND), used = exo_in_u8(LOGFS_H_COUNT);

	if (magic == 0)
		return 0;
	if (magic != LOGFS_MAGIC)
		exo_reject(1);
	if (kind == LOGFS_KIND_SUPER) {
		/* Minus all ones is 1: one block where there is a number. "& 1" would make the verifier try both, each time. */
		exo_claim(0, exo_in_u64(LOGFS_SUP_TREES), -exo_differ(exo_in_u64(LOGFS_SUP_TREES), 0), EXO_REF_SELF);
		exo_claim(1, exo_in_u64(LOGFS_SUP_TREES + 8), -exo_differ(exo_in_u64(LOGFS_SUP_TREES + 8), 0),
			  EXO_REF_SELF);
		return 0;
	}
	if (kind == LOGFS_KIND_ITEM)
		return 0;
	if (used > LOGFS_SLOTS)
		exo_reject(2);
	if (kind == LOGFS_KIND_NODE) {
		exo_unroll(int i = 0; i < LOGFS_SLOTS; i++)
			exo_claim(i, exo_in_u64(LOGFS_SLOT(i) + LOGFS_S_START), -exo_less(i, used), EXO_REF_SELF);
		return 0;
	}
	if (kind != LOGFS_KIND_EXT)
		exo_reject(3);
	exo_unroll(int i = 0; i < LOGFS_SLOTS; i++)
		exo_claim(i, exo_in_u64(LOGFS_SLOT(i) + LOGFS_S_START),
			  exo_in_u32(LOGFS_SLOT(i) + LOGFS_S_COUNT) & exo_less(i, used), EXO_REF_DATA);
	return 0;
}
