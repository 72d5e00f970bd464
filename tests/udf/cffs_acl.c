// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * cffs_acl.c: the acl of shared cffs trees, run in the interpreter over a table of edits and bindings: what must be
 *allowed, and what must be refused with which code. Then over copies of it that lack one rule each: the table must
 *notice every one.
 *
 *	udf-cffs_acl [GOOD.o DIRECTORY]	default: build/udf/cffs_shared.o build/tests/cffs_acl
 */
#include <libexo.h>
#include <sys/stat.h>
#include "../../libfs/bytes.h"
#include "../../libfs/cffs/format.h"
#include "../sim/check.h"
#include "../sim/sim.h"

#define RULES 40
#define NOW 1800000000000000000ull
#define S(off) (CFFS_SLOT(0) + CFFS_S_##off)
#define MAP_EXT(i) (CFFS_H_SIZE + CFFS_E_SIZE * (i))

/* A owns everything below, and is in the group it has; B is in the group, C is not; R relies on the root of the name
 * space. */
enum who { A, B, C, R };
static const struct {
	u32 uid, ngids, gids[3];
} users[] = {
	[A] = {1000, 2, {1000, 2000}},
	[B] = {1001, 3, {1001, 2000, 3000}},
	[C] = {1002, 1, {1002}},
	[R] = {0, 1, {0}},
};

/* What stands there before: an inode by its type; a map or entries of an inode of that type; the rest. */
enum what { ZERO, INODE, MAP, NAMES, SUPER, TABLE };

struct patch {
	u32 off, bytes;
	u64 value;
};

struct row {
	const char *words;
	enum who who;
	u32 op, want;
	enum what what;
	u32 mode;
	struct patch old[5], new[9]; /* new starts as old, after its patches */
};

#define EDIT EXO_ACL_EDIT
#define SEE EXO_ACL_BIND_READ
#define CHANGE EXO_ACL_BIND_WRITE
#define OK 0
#define OWNER CFFS_ACL_OWNER
#define WRITE CFFS_ACL_WRITE
#define READ CFFS_ACL_READ
#define FORGED CFFS_ACL_FORGED
#define FIXED CFFS_ACL_FIXED
#define STICKY CFFS_ACL_STICKY
#define SETID CFFS_ACL_SETID
#define REG(mode) (S_IFREG | (mode))
#define DIR(mode) (S_IFDIR | (mode))
#define LNK (S_IFLNK | 0777)
#define NONE .old = {{0}}

#define MODE(m)                                                                                                        \
	{                                                                                                              \
		S(MODE), 4, m                                                                                          \
	}
#define GID(g)                                                                                                         \
	{                                                                                                              \
		S(GID), 4, g                                                                                           \
	}
#define UID(u)                                                                                                         \
	{                                                                                                              \
		S(UID), 4, u                                                                                           \
	}
#define SIZE(n)                                                                                                        \
	{                                                                                                              \
		S(BYTES), 8, n                                                                                         \
	}
#define GONE                                                                                                           \
	{                                                                                                              \
		CFFS_H_MAGIC, 4, 0                                                                                     \
	}
/* A new header where nothing was. */
#define HEAD(kind, m, u, g)                                                                                            \
	{CFFS_H_MAGIC, 4, CFFS_MAGIC}, {CFFS_H_KIND, 1, kind}, {CFFS_H_MODE, 4, m}, {CFFS_H_UID, 4, u},                \
	{                                                                                                              \
		CFFS_H_GID, 4, g                                                                                       \
	}
#define BORN(m, u, g) {CFFS_H_MAGIC, 4, CFFS_MAGIC}, {CFFS_H_KIND, 1, CFFS_KIND_INODE}, MODE(m), UID(u), GID(g)
/* A name in slot 0: who made it, when. */
#define NAME(u, t)                                                                                                     \
	{CFFS_H_USED, 1, 1}, {S(FLAGS), 1, CFFS_F_REF}, UID(u),                                                        \
	{                                                                                                              \
		S(BTIME), 8, t                                                                                         \
	}
#define LEAF(k)                                                                                                        \
	{MAP_EXT(k), 8, 5000 + (k)}, {MAP_EXT(k) + 8, 4, 1},                                                           \
	{                                                                                                              \
		MAP_EXT(k) + 12, 4, k                                                                                  \
	}

/* What a row does not say is zeroes. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
static const struct row rows[] = {
	/* Data: who reads and writes what an inode or a map claims. */
	{"others read 0644", C, SEE, OK, INODE, REG(0644)},
	{"others do not read 0640", C, SEE, READ, INODE, REG(0640)},
	{"the group reads 0640", B, SEE, OK, INODE, REG(0640)},
	{"the group does not read 0604, though others do", B, SEE, READ, INODE, REG(0604)},
	{"the owner reads 0000", A, SEE, OK, INODE, REG(0)},
	{"root reads 0000", R, SEE, OK, INODE, REG(0)},
	{"the same by the map: others", C, SEE, READ, MAP, REG(0640)},
	{"the group by the map", B, SEE, OK, MAP, REG(0640)},
	{"others write 0666", C, CHANGE, OK, INODE, REG(0666)},
	{"others do not write 0644", C, CHANGE, WRITE, INODE, REG(0644)},
	{"others do not write 0644 by the map", C, CHANGE, WRITE, MAP, REG(0644)},
	{"the group writes 0660", B, CHANGE, OK, MAP, REG(0660)},
	{"what cannot be read cannot be bound for writing", C, CHANGE, READ, INODE, REG(0642)},
	{"the owner writes 0000", A, CHANGE, OK, MAP, REG(0)},
	{"a symlink is read by all", C, SEE, OK, INODE, LNK},
	{"and written by its owner", C, CHANGE, WRITE, INODE, LNK},
	{"its owner", A, CHANGE, OK, INODE, LNK},
	{"a set-id program is not changed in place", B, CHANGE, SETID, INODE, REG(04775)},
	{"nor by the map", B, CHANGE, SETID, MAP, REG(02775)},
	{"02 without group execution acts for nobody", B, CHANGE, OK, MAP, REG(02666)},
	{"its owner changes it", A, CHANGE, OK, INODE, REG(04775)},
	{"who may list sees the leaves", C, SEE, OK, INODE, DIR(0744)},
	{"who may search does", C, SEE, OK, INODE, DIR(0711)},
	{"by the map", C, SEE, OK, MAP, DIR(0711)},
	{"nobody else", C, SEE, READ, INODE, DIR(0770)},
	{"searching shows no attributes", C, SEE, READ, INODE, DIR(0711), .old = {{0}, {0}, {0}, {0}, {1000, 2, 2}}},
	{"blocks of the table are for all to read", C, SEE, OK, TABLE, 0},
	{"and for nobody to write", C, CHANGE, FIXED, TABLE, 0},
	{"entries claim nothing", A, SEE, FIXED, NAMES, DIR(0777)},

	/* New inodes. */
	{"a new inode of one's own", C, EDIT, OK, ZERO, 0, NONE, {BORN(REG(04755), 1002, 7)}},
	{"not of another's", C, EDIT, FORGED, ZERO, 0, NONE, {BORN(REG(0644), 1000, 1002)}},
	{"nor of root", C, EDIT, FORGED, ZERO, 0, NONE, {BORN(REG(04755), 0, 0)}},
	{"root makes one for anybody", R, EDIT, OK, ZERO, 0, NONE, {BORN(REG(06755), 1000, 1000)}},
	{"no set-gid for a group of others", C, EDIT, SETID, ZERO, 0, NONE, {BORN(REG(02755), 1002, 2000)}},
	{"for one's own", B, EDIT, OK, ZERO, 0, NONE, {BORN(REG(02755), 1001, 3000)}},
	{"a directory hands its group down", C, EDIT, OK, ZERO, 0, NONE, {BORN(DIR(02755), 1002, 2000)}},
	{"no device", C, EDIT, FORGED, ZERO, 0, NONE, {BORN(S_IFCHR | 0666, 1002, 1002)}},
	{"no block device", C, EDIT, FORGED, ZERO, 0, NONE, {BORN(S_IFBLK | 0666, 1002, 1002)}},
	{"a fifo, a socket", C, EDIT, OK, ZERO, 0, NONE, {BORN(S_IFIFO | 0666, 1002, 1002)}},
	{"a socket", C, EDIT, OK, ZERO, 0, NONE, {BORN(S_IFSOCK | 0666, 1002, 1002)}},
	{"root makes a device", R, EDIT, OK, ZERO, 0, NONE, {BORN(S_IFBLK | 0666, 0, 0)}},
	{"bytes of nobody", C, EDIT, OK, ZERO, 0, NONE, {UID(77)}},
	{"a table partition", C, EDIT, OK, ZERO, 0, NONE, {HEAD(CFFS_KIND_TABLE, 0, 0, 0)}},

	/* chmod, chown, chgrp. */
	{"the owner changes the mode", A, EDIT, OK, INODE, REG(0644), NONE, {MODE(REG(04600))}},
	{"the group does not", B, EDIT, OWNER, INODE, REG(0666), NONE, {MODE(REG(0777))}},
	{"others do not", C, EDIT, OWNER, INODE, REG(0666), NONE, {MODE(REG(0777))}},
	{"nor take bits away", C, EDIT, OWNER, INODE, REG(0666), NONE, {MODE(REG(0600))}},
	{"without a right even less", C, EDIT, OWNER, INODE, REG(0644), NONE, {MODE(REG(0777))}},
	{"the owner gives nothing away", A, EDIT, OWNER, INODE, REG(0644), NONE, {UID(1001)}},
	{"nobody takes", C, EDIT, OWNER, INODE, REG(0666), NONE, {UID(1002)}},
	{"root gives", R, EDIT, OK, INODE, REG(0644), NONE, {UID(1001)}},
	{"the owner's own group", A, EDIT, OK, INODE, REG(0644), NONE, {GID(1000)}},
	{"no group of others", A, EDIT, OWNER, INODE, REG(0644), NONE, {GID(3000)}},
	{"others do not change it to theirs", B, EDIT, OWNER, INODE, REG(0666), NONE, {GID(3000)}},
	{"set-gid in one's group", A, EDIT, OK, INODE, REG(0755), NONE, {MODE(REG(02755))}},
	{"not in another", A, EDIT, SETID, INODE, REG(0755), .old = {GID(3000)}, {MODE(REG(02755))}},
	{"a directory may", A, EDIT, OK, INODE, DIR(0755), .old = {GID(3000)}, {MODE(DIR(02755))}},
	{"what root set stays while size changes", A, EDIT, OK, INODE, REG(02755), .old = {GID(3000)}, {SIZE(9)}},
	{"a file stays a file", A, EDIT, OWNER, INODE, REG(0644), NONE, {MODE(LNK)}},
	{"set-id goes with a write by others", C, EDIT, OK, INODE, REG(06777), NONE, {MODE(REG(0777)), SIZE(5)}},
	{"and has to", C, EDIT, SETID, INODE, REG(06777), NONE, {SIZE(5)}},
	{"all of it", C, EDIT, SETID, INODE, REG(06777), NONE, {MODE(REG(02777)), SIZE(5)}},
	{"the owner keeps it", A, EDIT, OK, INODE, REG(06777), NONE, {SIZE(5)}},
	{"nobody gains it", C, EDIT, OWNER, INODE, REG(0777), NONE, {MODE(REG(04777))}},

	/* Content. */
	{"who may write changes size, times, blocks",
	 B,
	 EDIT,
	 OK,
	 INODE,
	 REG(0660),
	 NONE,
	 {SIZE(4096), {S(MTIME), 8, NOW}, {S(EXT), 8, 77}, {S(EXT) + 8, 8, 1}, {S(BLOCKS), 4, 1}, {S(LEVEL), 1, 1}}},
	{"who may not does not: size", B, EDIT, WRITE, INODE, REG(0640), NONE, {SIZE(1)}},
	{"times", B, EDIT, WRITE, INODE, REG(0640), NONE, {{S(MTIME), 8, 1}}},
	{"blocks", C, EDIT, WRITE, INODE, REG(0664), NONE, {{S(EXT) + 8, 4, 0}}},
	{"attributes", C, EDIT, WRITE, INODE, REG(0644), NONE, {{CFFS_X_SMALL, 8, 3}}},
	{"with the right, attributes",
	 C,
	 EDIT,
	 OK,
	 INODE,
	 REG(0666),
	 NONE,
	 {{CFFS_X_SMALL, 8, 3}, {CFFS_X_BYTES, 2, 8}}},
	{"an edit that changes nothing", C, EDIT, OK, INODE, REG(0600), NONE, {{0}}},
	{"a symlink's times are its owner's", C, EDIT, WRITE, INODE, LNK, NONE, {{S(MTIME), 8, 1}}},
	{"names are the owner's: count", C, EDIT, OWNER, INODE, REG(0666), NONE, {{S(NLINK), 4, 0}}},
	{"numbers", C, EDIT, OWNER, INODE, REG(0666), NONE, {{CFFS_X_LINKS, 4, 0}}},
	{"the last numbers", C, EDIT, OWNER, INODE, REG(0666), NONE, {{CFFS_X_SMALL - 8, 8, 1}}},
	{"their map", C, EDIT, OWNER, INODE, REG(0666), NONE, {{CFFS_X_MAP, 2, 0}}},
	{"date of birth", C, EDIT, OWNER, INODE, REG(0666), NONE, {{S(BTIME), 8, 0}}},
	{"the owner links", A, EDIT, OK, INODE, REG(0600), NONE, {{S(NLINK), 4, 2}, {CFFS_X_LINKS, 4, 3}}},
	{"a directory's count goes with its names", B, EDIT, OK, INODE, DIR(0770), NONE, {{S(NLINK), 4, 3}}},
	{"its flags do not", B, EDIT, OWNER, INODE, DIR(0770), NONE, {{S(FLAGS), 1, CFFS_F_FLAT}}},
	{"the number stays", A, EDIT, FIXED, INODE, REG(0644), NONE, {{S(INO), 8, 12345}}},
	{"the owner's copy of it as well", A, EDIT, FIXED, INODE, REG(0644), NONE, {{CFFS_H_OWNER, 8, 12345}}},
	{"a device stays what it is", A, EDIT, FIXED, INODE, S_IFCHR | 0666, NONE, {{S(EXT), 8, 0x101}}},
	{"the owner frees it", A, EDIT, OK, INODE, REG(0644), NONE, {GONE}},
	{"nobody else", C, EDIT, OWNER, INODE, REG(0666), NONE, {GONE}},
	{"root does", R, EDIT, OK, INODE, REG(0600), NONE, {GONE}},
	{"a kind stays", A, EDIT, FIXED, INODE, REG(0644), NONE, {{CFFS_H_KIND, 1, CFFS_KIND_MAP}}},

	/* Maps. */
	{"who may write adds to a map", B, EDIT, OK, MAP, REG(0660), NONE, {LEAF(1)}},
	{"and takes away", B, EDIT, OK, MAP, REG(0660), .old = {LEAF(1)}, {{MAP_EXT(1) + 8, 4, 0}}},
	{"who may not, does not", C, EDIT, WRITE, MAP, REG(0664), NONE, {LEAF(1)}},
	{"its header is the owner's", B, EDIT, OWNER, MAP, REG(0660), NONE, {{CFFS_H_MODE, 4, REG(0666)}}},
	{"its group", B, EDIT, OWNER, MAP, REG(0660), NONE, {{CFFS_H_GID, 4, 3000}}},
	{"its owner", B, EDIT, OWNER, MAP, REG(0660), NONE, {{CFFS_H_UID, 4, 1001}}},
	{"its number", B, EDIT, OWNER, MAP, REG(0660), NONE, {{CFFS_H_OWNER, 8, 1}}},
	{"its level", B, EDIT, OWNER, MAP, REG(0660), NONE, {{CFFS_H_LEVEL, 1, 2}}},
	{"the owner's mode follows",
	 A,
	 EDIT,
	 OK,
	 MAP,
	 REG(0660),
	 NONE,
	 {{CFFS_H_MODE, 4, REG(0600)}, {CFFS_H_GID, 4, 1000}}},
	{"but not the owner", A, EDIT, OWNER, MAP, REG(0660), NONE, {{CFFS_H_UID, 4, 1001}}},
	{"nor the type", A, EDIT, OWNER, MAP, REG(0660), NONE, {{CFFS_H_MODE, 4, DIR(0660)}}},
	{"nor the kind", A, EDIT, FIXED, MAP, REG(0660), NONE, {{CFFS_H_KIND, 1, CFFS_KIND_DIR}}},
	{"root's does", R, EDIT, OK, MAP, REG(0660), NONE, {{CFFS_H_UID, 4, 1001}}},
	{"set-id goes from the copy", B, EDIT, OK, MAP, REG(06770), NONE, {{CFFS_H_MODE, 4, REG(0770)}}},
	{"and does not come", B, EDIT, OWNER, MAP, REG(0770), NONE, {{CFFS_H_MODE, 4, REG(04770)}}},
	{"a symlink has none that others change", C, EDIT, WRITE, MAP, LNK, NONE, {LEAF(1)}},
	{"a new one of one's own", C, EDIT, OK, ZERO, 0, NONE, {HEAD(CFFS_KIND_MAP, REG(0600), 1002, 1)}},
	{"a new one where one may write", B, EDIT, OK, ZERO, 0, NONE, {HEAD(CFFS_KIND_MAP, REG(0660), 1000, 2000)}},
	{"not where not", C, EDIT, WRITE, ZERO, 0, NONE, {HEAD(CFFS_KIND_MAP, REG(0660), 1000, 2000)}},
	{"cleared by who may write", B, EDIT, OK, MAP, REG(0660), NONE, {GONE}},
	{"not by who may not", C, EDIT, WRITE, MAP, REG(0660), NONE, {GONE}},

	/* Names. */
	{"who may write makes a name", B, EDIT, OK, NAMES, DIR(0770), NONE, {NAME(1001, NOW)}},
	{"with what maker it likes, where nothing is sticky", B, EDIT, OK, NAMES, DIR(0770), NONE, {NAME(9, 0)}},
	{"who may not, does not", C, EDIT, WRITE, NAMES, DIR(0775), NONE, {NAME(1002, NOW)}},
	{"nor removes one", C, EDIT, WRITE, NAMES, DIR(0775), .old = {NAME(1002, NOW)}, {{CFFS_H_USED, 1, 0}}},
	{"who may write removes another's",
	 B,
	 EDIT,
	 OK,
	 NAMES,
	 DIR(0770),
	 .old = {NAME(1000, 1)},
	 {{CFFS_H_USED, 1, 0}}},
	{"no inode in an entry", A, EDIT, FIXED, NAMES, DIR(0770), NONE, {NAME(1000, NOW), {S(FLAGS), 1, 0}}},
	{"no claim in one", A, EDIT, FIXED, NAMES, DIR(0770), NONE, {NAME(1000, NOW), {S(EXT) + 8, 4, 1}}},
	{"the second", A, EDIT, FIXED, NAMES, DIR(0770), NONE, {NAME(1000, NOW), {S(EXT) + CFFS_E_SIZE + 8, 4, 1}}},
	{"in the last slot", A, EDIT, FIXED, NAMES, DIR(0770), NONE, {{CFFS_H_USED, 1, 4}}},
	{"the header is the owner's", B, EDIT, OWNER, NAMES, DIR(0770), NONE, {{CFFS_H_MODE, 4, DIR(0777)}}},
	{"its range, too", B, EDIT, OWNER, NAMES, DIR(0770), NONE, {{CFFS_H_FROM, 4, 99}}},
	{"a new leaf where one may write", B, EDIT, OK, ZERO, 0, NONE, {HEAD(CFFS_KIND_DIR, DIR(0770), 1000, 2000)}},
	{"not where not", C, EDIT, WRITE, ZERO, 0, NONE, {HEAD(CFFS_KIND_DIR, DIR(0770), 1000, 2000)}},
	{"nor with an inode",
	 B,
	 EDIT,
	 FIXED,
	 ZERO,
	 0,
	 NONE,
	 {HEAD(CFFS_KIND_DIR, DIR(0770), 1000, 2000), {CFFS_H_USED, 1, 1}}},

	/* Sticky directories: each name alone in its partition, with its maker and a time. */
	{"a name of one's own", B, EDIT, OK, NAMES, DIR(01777), NONE, {NAME(1001, NOW - 1000)}},
	{"not of another", B, EDIT, STICKY, NAMES, DIR(01777), NONE, {NAME(1000, NOW - 1000)}},
	{"not of the past", B, EDIT, STICKY, NAMES, DIR(01777), NONE, {NAME(1001, NOW - (1ull << 35))}},
	{"nor of the future", B, EDIT, STICKY, NAMES, DIR(01777), NONE, {NAME(1001, NOW + 1)}},
	{"not two",
	 B,
	 EDIT,
	 STICKY,
	 NAMES,
	 DIR(01777),
	 NONE,
	 {NAME(1001, NOW), {CFFS_H_USED, 1, 3}, {CFFS_SLOT(1) + CFFS_S_FLAGS, 1, CFFS_F_REF}}},
	{"one's own goes", B, EDIT, OK, NAMES, DIR(01777), .old = {NAME(1001, 1)}, {{CFFS_H_USED, 1, 0}}},
	{"another's stays", B, EDIT, STICKY, NAMES, DIR(01777), .old = {NAME(1000, 1)}, {{CFFS_H_USED, 1, 0}}},
	{"and is not taken over", B, EDIT, STICKY, NAMES, DIR(01777), .old = {NAME(1002, 1)}, {NAME(1001, NOW)}},
	{"also beside others",
	 B,
	 EDIT,
	 STICKY,
	 NAMES,
	 DIR(01777),
	 .old = {NAME(1001, 1), {CFFS_H_USED, 1, 2}},
	 {{CFFS_H_USED, 1, 0}}},
	{"the directory's owner removes any",
	 A,
	 EDIT,
	 OK,
	 NAMES,
	 DIR(01777),
	 .old = {NAME(1001, 1)},
	 {{CFFS_H_USED, 1, 0}}},
	{"a whole partition does not go", B, EDIT, STICKY, NAMES, DIR(01777), .old = {NAME(1001, 1)}, {GONE}},
	{"a new leaf, empty", B, EDIT, OK, ZERO, 0, NONE, {HEAD(CFFS_KIND_DIR, DIR(01777), 1000, 2000)}},
	{
		"a new leaf with a name of the past",
		B,
		EDIT,
		STICKY,
		ZERO,
		0,
		NONE,
		{HEAD(CFFS_KIND_DIR, DIR(01777), 1000, 2000), NAME(1001, 7)},
	},
	{"its map only grows", B, EDIT, OK, MAP, DIR(01777), .old = {LEAF(1)}, {LEAF(2)}},
	{"and loses nothing", B, EDIT, STICKY, MAP, DIR(01777), .old = {LEAF(1)}, {{MAP_EXT(1) + 8, 4, 0}}},
	{"nor points elsewhere", B, EDIT, STICKY, MAP, DIR(01777), .old = {LEAF(29)}, {{MAP_EXT(29), 8, 6000}}},
	{"nor goes", B, EDIT, STICKY, MAP, DIR(01777), NONE, {GONE}},
	{"its owner's does", A, EDIT, OK, MAP, DIR(01777), .old = {LEAF(1)}, {{MAP_EXT(1) + 8, 4, 0}}},
	{"nor do the inode's extents change", B, EDIT, STICKY, INODE, DIR(01777), NONE, {{S(EXT) + 16, 8, 7}}},
	{"nor its height", B, EDIT, STICKY, INODE, DIR(01777), NONE, {{S(LEVEL), 1, 1}}},
	{"times do", B, EDIT, OK, INODE, DIR(01777), NONE, {{S(MTIME), 8, NOW}}},
	{"nobody undoes it", B, EDIT, OWNER, INODE, DIR(01777), NONE, {MODE(DIR(0777))}},
	{"nor in the copies", B, EDIT, OWNER, NAMES, DIR(01777), NONE, {{CFFS_H_MODE, 4, DIR(0777)}}},
	{"a sticky file means nothing", B, EDIT, OK, INODE, REG(01666), NONE, {{S(EXT) + 16, 8, 7}}},

	/* The super partition and the table. */
	{"moves are counted by all", C, EDIT, OK, SUPER, 0, NONE, {{CFFS_SUP_MOVES, 8, 5}}},
	{"the seed is nobody's", C, EDIT, FIXED, SUPER, 0, NONE, {{CFFS_SUP_SEED, 8, 5}}},
	{"nor the flags", A, EDIT, FIXED, SUPER, 0, NONE, {{CFFS_SUP_FLAGS, 4, 1}}},
	{"nor the last byte", A, EDIT, FIXED, SUPER, 0, NONE, {{CFFS_PART - 1, 1, 9}}},
	{"it does not go", C, EDIT, FIXED, SUPER, 0, NONE, {GONE}},
	{"nor become a directory", C, EDIT, FIXED, SUPER, 0, NONE, {{CFFS_H_KIND, 1, CFFS_KIND_DIR}}},
	{"root repairs it", R, EDIT, OK, SUPER, 0, NONE, {{CFFS_SUP_SEED, 8, 5}}},
	{"the table grows", C, EDIT, OK, TABLE, 0, .old = {LEAF(0)}, {LEAF(1)}},
	{"and keeps what it has", C, EDIT, FIXED, TABLE, 0, .old = {LEAF(0)}, {{MAP_EXT(0) + 8, 4, 0}}},
	{"where it is", A, EDIT, FIXED, TABLE, 0, .old = {LEAF(29)}, {{MAP_EXT(29), 8, 0}}},
	{"its height", C, EDIT, FIXED, TABLE, 0, NONE, {{CFFS_H_LEVEL, 1, 1}}},
	{"it does not go", C, EDIT, FIXED, TABLE, 0, NONE, {GONE}},
};

static void put(u8 *part, const struct patch *p, u32 n)
{
	for (u32 i = 0; i < n; i++)
		for (u32 k = 0; p[i].bytes && p[i].off < CFFS_PART && k < p[i].bytes; k++)
			part[p[i].off + k] = p[i].value >> 8 * k;
}

static void before(u8 *part, const struct row *r)
{
	static const u8 kinds[] = {0, CFFS_KIND_INODE, CFFS_KIND_MAP, CFFS_KIND_DIR, CFFS_KIND_SUPER, CFFS_KIND_TABLE};
	const struct patch inode[] = {MODE(r->mode),	    UID(1000),		GID(2000),
				      {S(INO), 8, 777},	    {S(NLINK), 4, 1},	{S(BTIME), 8, 5},
				      {S(EXT), 8, 4000},    {S(EXT) + 8, 4, 2}, {CFFS_X_MAP, 2, 4},
				      {CFFS_X_LINKS, 4, 1}, {CFFS_H_USED, 1, 1}},
			   head[] = {{CFFS_H_MODE, 4, r->mode}, {CFFS_H_UID, 4, 1000}, {CFFS_H_GID, 4, 2000}};

	memset(part, 0, CFFS_PART);
	if (r->what == ZERO)
		return;
	put32(part + CFFS_H_MAGIC, CFFS_MAGIC);
	part[CFFS_H_KIND] = kinds[r->what];
	put64(part + CFFS_H_OWNER, 777);
	if (r->what == INODE)
		put(part, inode, sizeof(inode) / sizeof(inode[0]));
	if (r->what == MAP || r->what == NAMES)
		put(part, head, 3);
	put(part, r->old, 5);
}

/* What the program says to a row. A patch with an offset from 1000 on is the slot of the claim. */
static s64 ask(const struct sim_prog *p, const struct row *r)
{
	static u8 in[EXO_ACL_BYTES(CFFS_PART)];
	struct exo_acl_in q = {.op = r->op,
			       .uid = users[r->who].uid,
			       .ngids = users[r->who].ngids,
			       .claim_slot = r->op == EDIT ? EXO_ACL_NO_SLOT : 0,
			       .time = NOW,
			       .admin = r->who == R,
			       .cap = {.rights = EXO_RIGHT_ALL}};
	u32 i;

	memcpy(q.gids, users[r->who].gids, sizeof(users[r->who].gids));
	/* What stands behind the valid ones is not the caller's: a program that looks there takes C for one of the
	 * group. */
	for (i = q.ngids; i < EXO_ACL_GIDS; i++)
		q.gids[i] = i & 1 ? 2000 : 3000;
	before(in, r);
	memset(in + CFFS_PART, 0, CFFS_PART);
	if (r->op == EDIT) {
		memcpy(in + CFFS_PART, in, CFFS_PART);
		put(in + CFFS_PART, r->new, 9);
	}
	for (i = 0; i < 5; i++)
		if (r->old[i].off >= 1000)
			q.claim_slot = r->old[i].value;
	memcpy(in + 2 * CFFS_PART, &q, sizeof(q));
	return sim_prog_run(p, in, 0, NULL, NULL);
}

/* Rows that the program answers otherwise than they want; with `tell` each is a failed check. */
static u32 differ(const struct sim_prog *p, bool tell)
{
	u32 n = 0, i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		s64 got = ask(p, &rows[i]);

		if (tell)
			CHECK_MSG(got == rows[i].want, "row %u, %s: %lld, not %u", i, rows[i].words, (long long)got,
				  rows[i].want);
		n += got != rows[i].want;
	}
	return n;
}

static struct sim_prog *load(const char *path)
{
	struct exo_udf_code code;
	struct exo_why why;
	struct sim_prog *p;
	char msg[128];

	NEED(!exo_udf_read(path, &code, &why));
	NEED(code.acl && code.nacl <= EXO_MAX_INSNS && code.partition == CFFS_PART);
	NEED(!sim_prog_load_acl((u64 *)code.acl, code.nacl, CFFS_PART, msg, sizeof(msg), &p));
	exo_udf_free(&code);
	return p;
}

int main(int argc, char **argv)
{
	const char *good = argc > 2 ? argv[1] : "build/udf/cffs_shared.o",
		   *dir = argc > 2 ? argv[2] : "build/tests/cffs_acl";
	struct sim_prog *p = load(good);
	char path[512];
	u32 i;

	differ(p, true);
	sim_prog_free(p);
	for (i = 1; i <= RULES; i++) {
		snprintf(path, sizeof(path), "%s/%u.o", dir, i);
		p = load(path);
		CHECK_MSG(differ(p, false), "nothing notices that rule %u is missing", i);
		sim_prog_free(p);
	}
	return check_done();
}
