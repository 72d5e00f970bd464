// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * cffs_shared.c: the template of shared cffs trees: what a partition owns, and who may do what with it.
 * libfs/cffs/FORMAT.md, "Shared trees", has the rules in words. All inodes of such a tree stand alone in a partition,
 * entries only refer to them, and the partitions of a map and of a directory carry mode, uid and gid of their inode. So
 * each partition says by itself who may change it.
 *
 * The branches are few: by operation and kind, and those that refuse. All else is arithmetic on masks, 0 or all ones.
 * RULE numbers the rules: a test builds this file once without each of them and has to notice (tests/udf/cffs_acl.c).
 */
#include "cffs_owns.h"

EXO_UDF(cffs_shared, 512)
{
	return cffs_owns();
}

#ifndef CFFS_ACL_WITHOUT
#define CFFS_ACL_WITHOUT 0
#endif
#define RULE(n, wrong) ((n) == CFFS_ACL_WITHOUT ? 0 : (wrong))

#define DIFF64(off) (exo_acl_old_u64(off) ^ exo_acl_new_u64(off))
#define DIFF32(off) (exo_acl_old_u32(off) ^ exo_acl_new_u32(off))
#define DIFF16(off) (exo_acl_old_u16(off) ^ exo_acl_new_u16(off))
#define DIFF8(off) (exo_acl_old_u8(off) ^ exo_acl_new_u8(off))
#define SLOT(off) (CFFS_SLOT(0) + (off))
/* acc |= x, done at once: a compiler that puts it off keeps all it has read on the stack. */
#define GATHER(acc, x)                                                                                                 \
	do {                                                                                                           \
		(acc) |= (x);                                                                                          \
		__asm__ volatile("" : "+r"(acc));                                                                      \
	} while (0)
/* Not zero; the number below 2^63. */
#define SOME(n) exo_less(0, n)

#define SETUID 04000
#define SETGID 02000
#define STICKY 01000
#define GROUP_X 010

/* The three bits that count for the caller. Who owns it has them all: the owner can set them, too. */
#define BITS(own, in, mode) (((own) & ((mode) | 7)) | (~(own) & (((in) & (mode) >> 3) | (~(in) & (mode)))))
/* Bits by which a program acts for its owner or group. */
#define SETID(mode) (((mode)&SETUID) | ((mode)&SETGID & ((mode)&GROUP_X) << 7))

/* Slots in use that are no mere references; slots that claim something. */
#define NOT_REFS(wrong)                                                                                                \
	do {                                                                                                           \
		exo_unroll(int i_ = 0; i_ < CFFS_SLOTS; i_++)                                                          \
		{                                                                                                      \
			exo_u64 used_ = exo_acl_new_u8(CFFS_H_USED) >> i_ & 1;                                         \
			GATHER(wrong, used_ & ~(exo_acl_new_u8(CFFS_SLOT(i_) + CFFS_S_FLAGS) >> 1));                   \
			GATHER(wrong,                                                                                  \
			       -used_ &(exo_acl_new_u32(CFFS_SLOT(i_) + CFFS_S_EXT + CFFS_E_COUNT) |                   \
					exo_acl_new_u32(CFFS_SLOT(i_) + CFFS_S_EXT + CFFS_E_SIZE + CFFS_E_COUNT)));    \
		}                                                                                                      \
	} while (0)

/* A name that somebody makes in a sticky directory: alone in its partition, marked with its maker and the time. */
#define STICKY_NEW(wrong)                                                                                              \
	do {                                                                                                           \
		exo_u64 used_ = exo_acl_new_u8(CFFS_H_USED);                                                           \
		(wrong) |= used_ & ~1;                                                                                 \
		(wrong) |= -(used_ & 1) &                                                                              \
			   (RULE(20, exo_acl_new_u32(SLOT(CFFS_S_UID)) ^ uid) |                                        \
			    RULE(21, (exo_acl_time() - exo_acl_new_u64(SLOT(CFFS_S_BTIME))) >> CFFS_FRESH));           \
	} while (0)

EXO_ACL(cffs_shared_acl)
{
	exo_u64 op = exo_acl_op(), uid = exo_acl_uid(), ngids = exo_acl_ngids();
	exo_u64 magic = exo_acl_old_u32(CFFS_H_MAGIC), nmagic = exo_acl_new_u32(CFFS_H_MAGIC);
	exo_u64 kind = exo_acl_old_u8(CFFS_H_KIND), nkind = exo_acl_new_u8(CFFS_H_KIND);
	exo_u64 nmode = exo_acl_new_u32(SLOT(CFFS_S_MODE)), ngid = exo_acl_new_u32(SLOT(CFFS_S_GID));
	exo_u64 any = 0, in = 0, nin = 0, exts = 0, node, mode, owner, gid, own, bits, type, dir, link, strange, sticky;
	exo_u64 fixed = 0, mine = 0, write = 0, setid = 0, stuck = 0, changed;

	/* The root of the name space may do all that the owns-UDF lets pass. */
	if (exo_acl_admin())
		return 0;
	/* Where nothing was, what comes says whose it is to be. */
	if (magic == 0) {
		node = ~exo_differ(nkind, CFFS_KIND_INODE);
		mode = (node & nmode) | (~node & exo_acl_new_u32(CFFS_H_MODE));
		owner = (node & exo_acl_new_u32(SLOT(CFFS_S_UID))) | (~node & exo_acl_new_u32(CFFS_H_UID));
		gid = (node & ngid) | (~node & exo_acl_new_u32(CFFS_H_GID));
	} else {
		node = ~exo_differ(kind, CFFS_KIND_INODE);
		mode = (node & exo_acl_old_u32(SLOT(CFFS_S_MODE))) | (~node & exo_acl_old_u32(CFFS_H_MODE));
		owner = (node & exo_acl_old_u32(SLOT(CFFS_S_UID))) | (~node & exo_acl_old_u32(CFFS_H_UID));
		gid = (node & exo_acl_old_u32(SLOT(CFFS_S_GID))) | (~node & exo_acl_old_u32(CFFS_H_GID));
	}
	exo_unroll(int i = 0; i < EXO_ACL_GIDS; i++)
	{
		exo_u64 is = exo_acl_gid(i), valid = exo_less(i, ngids);

		GATHER(in, ~exo_differ(is, gid) & valid);
		GATHER(nin, ~exo_differ(is, ngid) & valid);
	}
	own = ~exo_differ(owner, uid);
	bits = BITS(own, in, mode);
	type = mode >> 12;
	dir = ~exo_differ(type, 4);
	link = ~exo_differ(type, 10);
	strange = ~exo_differ(type | 4, 6); /* a device */
	sticky = dir & ~own & SOME(mode & STICKY);

	if (op != EXO_ACL_EDIT) {
		/* Who may search a directory sees its leaves; nobody else's attributes. */
		exo_u64 attrs = node & ~exo_less(exo_acl_claim_slot(), CFFS_S_EXTS),
			see = bits >> 2 | (dir & ~attrs & bits);

		if (kind == CFFS_KIND_TABLE)
			return op == EXO_ACL_BIND_READ ? 0 : CFFS_ACL_FIXED;
		if (kind != CFFS_KIND_INODE && kind != CFFS_KIND_MAP)
			return CFFS_ACL_FIXED;
		if (RULE(1, ~see & 1))
			return CFFS_ACL_READ;
		if (op == EXO_ACL_BIND_READ)
			return 0;
		/* What is bound for writing can be read. */
		if (RULE(2, ~(bits >> 1 & bits >> 2) & 1) || RULE(3, link & ~own))
			return CFFS_ACL_WRITE;
		return RULE(4, ~own & ~dir & SETID(mode)) ? CFFS_ACL_SETID : 0;
	}

	/* An edit that changes nothing makes the module look at a version. */
	exo_unroll(int i = 0; i < CFFS_PART / 8; i++) GATHER(any, DIFF64(8 * i));
	if (!any)
		return 0;

	if (magic == 0) {
		if (nmagic == 0 || nkind == CFFS_KIND_TABLE || nkind == CFFS_KIND_SUPER)
			return 0;
		if (nkind == CFFS_KIND_INODE) {
			if (RULE(5, ~own) || RULE(6, strange))
				return CFFS_ACL_FORGED;
			return RULE(7, ~dir & ~nin & nmode & SETGID) ? CFFS_ACL_SETID : 0;
		}
		if (RULE(8, ~bits & 2))
			return CFFS_ACL_WRITE;
		if (nkind == CFFS_KIND_MAP)
			return 0;
		NOT_REFS(fixed);
		if (RULE(9, fixed))
			return CFFS_ACL_FIXED;
		STICKY_NEW(stuck);
		return RULE(10, sticky & stuck) ? CFFS_ACL_STICKY : 0;
	}

	if (kind == CFFS_KIND_SUPER) {
		exo_unroll(int i = 0; i < CFFS_PART / 8; i++)
			GATHER(fixed, 8 * i == CFFS_SUP_MOVES ? 0 : DIFF64(8 * i));
		return RULE(11, fixed) ? CFFS_ACL_FIXED : 0;
	}
	if (nmagic != 0 && RULE(12, kind ^ nkind))
		return CFFS_ACL_FIXED;

	if (kind == CFFS_KIND_INODE) {
		if (nmagic == 0)
			return RULE(13, ~own) ? CFFS_ACL_OWNER : 0;
		fixed = DIFF64(0) | DIFF64(8) | DIFF64(16) | DIFF64(24) | DIFF64(SLOT(CFFS_S_INO)) |
			(strange & DIFF64(SLOT(CFFS_S_EXT)));
		if (RULE(14, fixed))
			return CFFS_ACL_FIXED;
		/* Nobody changes the owner or the type, only the owner the group, and to one of theirs. */
		changed = DIFF32(SLOT(CFFS_S_MODE)) | DIFF32(SLOT(CFFS_S_GID));
		mine = RULE(15, DIFF32(SLOT(CFFS_S_UID))) | RULE(16, DIFF32(SLOT(CFFS_S_MODE)) >> 12) |
		       RULE(17, ~(own & nin) & DIFF32(SLOT(CFFS_S_GID)));
		setid = RULE(18, own & ~dir & ~nin & SOME(changed) & nmode & SETGID);
		/* Others: the mode may lose what acts for the owner, and has to. */
		mine |= RULE(19, ~own & DIFF32(SLOT(CFFS_S_MODE)) & (nmode | ~(SETUID | SETGID)));
		setid |= RULE(22, ~own & ~dir & SETID(nmode));
		write = RULE(23, ~bits & 2) | RULE(24, link & ~own);
		/* Names, and what is for the owner's library to keep. */
		changed = (~dir & DIFF32(SLOT(CFFS_S_NLINK))) | (dir & DIFF8(SLOT(CFFS_S_FLAGS))) |
			  DIFF64(SLOT(CFFS_S_BTIME)) | DIFF32(SLOT(CFFS_S_HASH)) | DIFF16(SLOT(CFFS_S_NAME_OFF)) |
			  DIFF8(SLOT(CFFS_S_NAME_LEN)) | DIFF16(SLOT(CFFS_S_EXTRA)) | DIFF16(CFFS_X_MAP) |
			  DIFF32(CFFS_X_TURN) | DIFF64(CFFS_X_LINKED) | DIFF32(CFFS_X_LINKS);
		exo_unroll(int i = CFFS_X_LINKS + 4; i < CFFS_X_SMALL; i += 8) GATHER(changed, DIFF64(i));
		mine |= RULE(25, ~own & changed);
		stuck = DIFF8(SLOT(CFFS_S_LEVEL)) | DIFF8(SLOT(CFFS_S_REF));
		exo_unroll(int i = SLOT(CFFS_S_EXT); i < SLOT(CFFS_S_SIZE); i += 8) GATHER(stuck, DIFF64(i));
		if (mine)
			return CFFS_ACL_OWNER;
		if (write)
			return CFFS_ACL_WRITE;
		if (setid)
			return CFFS_ACL_SETID;
		return RULE(26, sticky & stuck) ? CFFS_ACL_STICKY : 0;
	}

	/* Map, table, entries. The header is the owner's, and stays of the same owner and type. */
	changed = DIFF32(CFFS_H_MAGIC) | DIFF8(CFFS_H_KIND) | DIFF16(CFFS_H_REF) | DIFF64(CFFS_H_OWNER) |
		  DIFF32(CFFS_H_FROM);
	if (kind != CFFS_KIND_DIR) {
		exo_unroll(int i = 0; i < CFFS_MAP_EXTS; i++)
			GATHER(exts, SOME(exo_acl_old_u32(CFFS_H_SIZE + CFFS_E_SIZE * i + CFFS_E_COUNT)) &
					     (DIFF64(CFFS_H_SIZE + CFFS_E_SIZE * i) |
					      DIFF64(CFFS_H_SIZE + CFFS_E_SIZE * i + 8)));
		changed |= DIFF8(CFFS_H_USED);
	}
	if (kind == CFFS_KIND_TABLE)
		return RULE(27, changed | DIFF32(CFFS_H_MODE) | DIFF64(CFFS_H_UID) | exts) ? CFFS_ACL_FIXED : 0;
	if (RULE(28, ~bits & 2) || RULE(29, link & ~own))
		return CFFS_ACL_WRITE;
	if (nmagic == 0)
		return RULE(30, sticky) ? CFFS_ACL_STICKY : 0;
	mine = RULE(31, DIFF32(CFFS_H_UID)) | RULE(32, DIFF32(CFFS_H_MODE) >> 12) |
	       (~own & (RULE(33, DIFF32(CFFS_H_GID)) | RULE(34, changed) |
			RULE(35, DIFF32(CFFS_H_MODE) & (exo_acl_new_u32(CFFS_H_MODE) | ~(SETUID | SETGID)))));
	if (mine)
		return CFFS_ACL_OWNER;
	if (kind == CFFS_KIND_MAP)
		return RULE(36, sticky & exts) ? CFFS_ACL_STICKY : 0;
	NOT_REFS(fixed);
	if (RULE(37, fixed))
		return CFFS_ACL_FIXED;
	STICKY_NEW(stuck);
	stuck = RULE(38, stuck) | RULE(39, exo_acl_old_u8(CFFS_H_USED) & ~1) |
		RULE(40, -(exo_acl_old_u8(CFFS_H_USED) & 1) & (exo_acl_old_u32(SLOT(CFFS_S_UID)) ^ uid));
	return sticky & stuck ? CFFS_ACL_STICKY : 0;
}
