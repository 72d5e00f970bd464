/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * format.h: where everything is in a logfs partition. FORMAT.md is the description; the owns-UDF in udf/logfs.c
 * includes this file for the offsets, so it has no includes.
 *
 * All numbers are little-endian. A partition is 512 bytes, a block holds 8 of them.
 */
#ifndef LOGFS_FORMAT_H
#define LOGFS_FORMAT_H

#define LOGFS_TYPE "logfs"
#define LOGFS_VERSION 1
#define LOGFS_PART 512
#define LOGFS_PARTS 8 /* in a block */

/* Header of a partition. All zeroes: empty, owns nothing. */
#define LOGFS_MAGIC 0x31474f4c /* "LOG1" */
#define LOGFS_H_MAGIC 0	       /* u32 */
#define LOGFS_H_KIND 4	       /* u8: LOGFS_KIND_* */
#define LOGFS_H_COUNT 5	       /* u8: records in this partition */
#define LOGFS_H_LEVEL 6	       /* u8: height above the leaves; 0: leaf */
#define LOGFS_H_SIZE 16	       /* the rest is zero */

#define LOGFS_KIND_SUPER 1 /* partition 0 of the root block */
#define LOGFS_KIND_NODE 2  /* inner node: keys and the nodes below */
#define LOGFS_KIND_EXT 3   /* leaf of the extent tree: which blocks hold which part of a file */
#define LOGFS_KIND_ITEM 4  /* leaf of the item tree: inodes, names, targets, attributes */

/* A slot of NODE and EXT: 24 bytes, 20 in a partition. */
#define LOGFS_SLOTS 20
#define LOGFS_SLOT(i) (LOGFS_H_SIZE + (i)*LOGFS_S_SIZE)
#define LOGFS_S_INO 0	 /* u64 */
#define LOGFS_S_SUB 8	 /* NODE: u64, second half of the key */
#define LOGFS_S_BLK 8	 /* EXT: u32, first block of the file that the extent maps */
#define LOGFS_S_COUNT 12 /* EXT: u32, blocks */
#define LOGFS_S_START 16 /* u64: block on the disk */
#define LOGFS_S_SIZE 24

/* An item: header, then `len` bytes; items lie one behind the other from LOGFS_H_SIZE on. */
#define LOGFS_I_INO 0	/* u64 */
#define LOGFS_I_SUB 8	/* u64: type in the top byte */
#define LOGFS_I_LEN 16	/* u16 */
#define LOGFS_I_SIZE 20 /* then two bytes of zero before the data */
#define LOGFS_ITEM_MAX (LOGFS_PART - LOGFS_H_SIZE - LOGFS_I_SIZE)

/* Second half of an item's key. */
#define LOGFS_SUB(type, rest) ((unsigned long long)(type) << 56 | (rest))
#define LOGFS_SUB_TYPE(sub) ((unsigned)((sub) >> 56))
#define LOGFS_T_INODE 0	 /* rest 0 */
#define LOGFS_T_NAME 1	 /* rest: hash of the name << 8, plus an ordinal among equal hashes */
#define LOGFS_T_TARGET 2 /* rest: piece of a symlink's target */
#define LOGFS_T_XATTR 3	 /* rest: hash of the name << 24, ordinal << 16, piece */
#define LOGFS_T_ORPHAN 4 /* rest: inode without a name; only below ino LOGFS_ORPHANS_INO */

/* An inode: data of its item. */
#define LOGFS_N_MODE 0	 /* u32: type and permissions as in stat */
#define LOGFS_N_NLINK 4	 /* u32 */
#define LOGFS_N_UID 8	 /* u32 */
#define LOGFS_N_GID 12	 /* u32 */
#define LOGFS_N_BYTES 16 /* u64: size; directory: number of entries */
#define LOGFS_N_ATIME 24 /* s64: nanoseconds since 1970 */
#define LOGFS_N_MTIME 32
#define LOGFS_N_CTIME 40
#define LOGFS_N_BTIME 48
#define LOGFS_N_BLOCKS 56 /* u64: blocks of data */
#define LOGFS_N_RDEV 64	  /* u64: device nodes */
#define LOGFS_N_PARENT 72 /* u64: directory: the directory that it is in */
#define LOGFS_N_SIZE 80

/* A name: data of its item. */
#define LOGFS_D_INO 0	/* u64 */
#define LOGFS_D_MODE 8	/* u32: type bits of the mode */
#define LOGFS_D_NAME 12 /* to the end of the item */

/* An attribute's piece 0: u32 length of the value, u8 length of the name, name; then the value goes on over the pieces.
 */
#define LOGFS_X_BYTES 0
#define LOGFS_X_NAMELEN 4
#define LOGFS_X_NAME 5

/* An orphan: who took its last name away. */
#define LOGFS_O_BOOT 0 /* u64: of the machine's boot */
#define LOGFS_O_PID 8  /* u32 */
#define LOGFS_O_SIZE 12

/* Super partition. */
#define LOGFS_SUP_VERSION 16 /* u32 */
#define LOGFS_SUP_FLAGS 20   /* u32: features that a reader must know; none yet */
#define LOGFS_SUP_TREES 24   /* two: u64 block of the top node (0: empty tree) */
#define LOGFS_TREE_ITEMS 0
#define LOGFS_TREE_EXTS 1
#define LOGFS_SUP_LEVELS 40   /* u8[2]: heights of the top nodes */
#define LOGFS_SUP_NEXT_INO 48 /* u64 */
#define LOGFS_SUP_SEED 56     /* u64[2]: key of the name hash */
#define LOGFS_SUP_BTIME 72    /* s64 */
#define LOGFS_SUP_COMMITS 80  /* u64: transactions so far */

#define LOGFS_TOP_INO 1
#define LOGFS_ORPHANS_INO 2
#define LOGFS_FIRST_INO 16
#define LOGFS_NAME_MAX 255
#define LOGFS_LEVEL_MAX 7
#define LOGFS_FILE_BLOCKS 0xffffffffu /* 16 TiB less one block */
#define LOGFS_SEGMENT 256	      /* blocks, 1 MiB: what the log is cut into */

#endif
