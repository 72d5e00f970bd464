/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* format.h: what stands on the disk outside the data area; see kmod/doc/format.md. Encoding and decoding only. */
#ifndef EXO_CORE_FORMAT_H
#define EXO_CORE_FORMAT_H

#include "plat.h"
#include "cap.h"

#define EXO_FORMAT_VERSION 1u
#define EXO_SECTORS (EXO_BLOCK_SIZE / EXO_SECTOR_SIZE)
#define EXO_SLOT_BLOCKS 16u /* of the template catalogue: a header block, then code */
#define EXO_CAT_BLOCKS (EXO_MAX_ROOTS / EXO_SECTORS)
#define EXO_CODE_BLOCKS ((2 * EXO_MAX_INSNS * 8u + EXO_BLOCK_SIZE - 1) / EXO_BLOCK_SIZE)
_Static_assert(EXO_CODE_BLOCKS < EXO_SLOT_BLOCKS, "a slot has room for a header and both programs");

struct exo_layout {
	u64 templates, roots, map, map_blocks, first, last; /* data lies in [first, last) */
};

struct exo_super {
	u64 blocks;
	u64 user_quota;
	u64 generation; /* grows with every write of the superblock */
	u64 map_sum;	/* of the stored free map; 0 when none was ever stored */
	u32 clean;	/* the stored map is the truth */
	u32 version;
	u8 uuid[16];
};

/* Header sector of a template. */
struct exo_tmpl_head {
	char name[EXO_NAME_MAX];
	struct exo_cap owner;
	u32 partition, ninsns, nrefs;
	u32 refs[EXO_MAX_REFS];
	u8 hash[32];		/* of all code */
	u32 acl_ninsns;		/* right behind the first ninsns; 0: no acl */
};

/* Entry of the root catalogue. */
struct exo_root_head {
	char name[EXO_NAME_MAX];
	struct exo_cap owner;
	u64 start, count, quota;
	u64 used; /* meaningful only after a clean detach */
	u32 tmpl, flags;
};

#define EXO_ROOT_KNOWN (EXO_ROOT_PUBLIC_READ | EXO_ROOT_TEMPORARY | EXO_ROOT_SHARED)

void exo_layout(u64 blocks, struct exo_layout *l);
u64 exo_sum(const void *data, size_t bytes);

/* A name as the calls accept it: 1..EXO_NAME_MAX - 1 printable bytes, then zeroes to the end. */
bool exo_name_ok(const char *name);

void exo_super_put(const struct exo_super *s, u8 *sector);
/* 0; or EXO_R_NOT_EXO, EXO_R_VERSION_DISK (with s->version), EXO_R_SUPER. */
u32 exo_super_get(struct exo_super *s, const u8 *sector);

void exo_tmpl_put(const struct exo_tmpl_head *h, u8 *sector);
void exo_root_put(const struct exo_root_head *h, u8 *sector);
/* 1: an entry; 0: the slot is empty (all zeroes); -1: damaged. */
int exo_tmpl_get(struct exo_tmpl_head *h, const u8 *sector);
int exo_root_get_entry(struct exo_root_head *h, const u8 *sector);

#endif
