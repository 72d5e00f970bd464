/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * cffs_owns.h: what a cffs partition owns, for both kinds of cffs trees. libfs/cffs/FORMAT.md describes it. An empty
 * partition and the super partition own nothing; one with entries owns the two extents of each slot in use; one with an
 * inode those of its slot and the two of its attributes; a map or table partition owns its 30 extents. Slot or extent
 * with count 0: nothing.
 */
#include "exo_udf.h"
#include "../libfs/cffs/format.h"

/* The body of an EXO_UDF. One way out of each branch, and "wrong" gathered by arithmetic: the scan takes no jump
 * backwards to a shared exit. */
static inline __attribute__((always_inline)) int cffs_owns(void)
{
	exo_u64 magic = exo_in_u32(CFFS_H_MAGIC), kind = exo_in_u8(CFFS_H_KIND), wrong = 0;

	if (magic == 0)
		return 0;
	if (magic != CFFS_MAGIC)
		exo_reject(1);
	if (kind == CFFS_KIND_SUPER)
		return 0;
	if (kind == CFFS_KIND_MAP || kind == CFFS_KIND_TABLE) {
		exo_u64 ref = exo_in_u8(CFFS_H_REF);

		exo_unroll(int i = 0; i < CFFS_MAP_EXTS; i++)
			exo_claim(i, exo_in_u64(CFFS_H_SIZE + CFFS_E_SIZE * i + CFFS_E_START),
				  exo_in_u32(CFFS_H_SIZE + CFFS_E_SIZE * i + CFFS_E_COUNT), ref);
		return ref >> 1;
	}
	if (kind == CFFS_KIND_INODE) {
		exo_u64 ref = exo_in_u8(CFFS_SLOT(0) + CFFS_S_REF);

		exo_unroll(int i = 0; i < CFFS_S_EXTS; i++)
			exo_claim(i, exo_in_u64(CFFS_SLOT(0) + CFFS_S_EXT + CFFS_E_SIZE * i + CFFS_E_START),
				  exo_in_u32(CFFS_SLOT(0) + CFFS_S_EXT + CFFS_E_SIZE * i + CFFS_E_COUNT), ref);
		exo_unroll(int i = 0; i < CFFS_X_EXTS; i++)
			exo_claim(CFFS_S_EXTS + i, exo_in_u64(CFFS_X_ATTRS + CFFS_E_SIZE * i + CFFS_E_START),
				  exo_in_u32(CFFS_X_ATTRS + CFFS_E_SIZE * i + CFFS_E_COUNT), CFFS_REF_DATA);
		return ref >> 1;
	}
	if (kind != CFFS_KIND_DIR)
		exo_reject(3);
	exo_unroll(int i = 0; i < CFFS_SLOTS; i++)
	{
		exo_u64 ref = exo_in_u8(CFFS_SLOT(i) + CFFS_S_REF), used = -(exo_in_u8(CFFS_H_USED) >> i & 1);

		wrong |= ref >> 1 & used;
		exo_claim(2 * i, exo_in_u64(CFFS_SLOT(i) + CFFS_S_EXT + CFFS_E_START),
			  exo_in_u32(CFFS_SLOT(i) + CFFS_S_EXT + CFFS_E_COUNT) & used, ref);
		exo_claim(2 * i + 1, exo_in_u64(CFFS_SLOT(i) + CFFS_S_EXT + CFFS_E_SIZE + CFFS_E_START),
			  exo_in_u32(CFFS_SLOT(i) + CFFS_S_EXT + CFFS_E_SIZE + CFFS_E_COUNT) & used, ref);
	}
	return wrong;
}
