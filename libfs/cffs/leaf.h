/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* leaf.h: laying out the entries of a directory's leaf: leaf.c, which builds one anew, and make.c, which builds new
 * ones. */
#ifndef CFFS_LEAF_H
#define CFFS_LEAF_H

#include "cffs.h"

#define LEAF_ENTRIES (CFFS_PARTS * CFFS_SLOTS)

struct item {
	u32 hash, bytes; /* bytes: of name and inline target */
	u32 part, slot;	 /* leaf.c: in the old leaf; part CFFS_PARTS: the name that is to be added later. make.c: slot
			    numbers it */
};

/* Where each partition of a new leaf begins: its first item, and the least hash. */
struct layout {
	u32 first[CFFS_PARTS + 1];
	u32 from[CFFS_PARTS];
};

/* A hash between two neighbours, above the first and not above the second: room for both to grow. */
static inline u32 leaf_between(u32 low, u32 high)
{
	return low + (u32)(((u64)high - low + 1) / 2);
}

/* Items sorted by hash into the partitions of a leaf whose hashes end before `end`. False: they do not fit. */
bool leaf_arrange(const struct item *it, u32 n, u64 end, struct layout *l);

#endif
