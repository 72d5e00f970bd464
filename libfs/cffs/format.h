/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * format.h: where everything is in a cffs partition. FORMAT.md is the description; the owns-UDF in udf/cffs.c
 * includes this file for the offsets, so it has no includes and only the part above "library only" for it.
 *
 * All numbers are little-endian. A partition is 512 bytes, a block holds 8 of them.
 */
#ifndef CFFS_FORMAT_H
#define CFFS_FORMAT_H

#define CFFS_TYPE "cffs"
#define CFFS_VERSION 2
#define CFFS_PART 512
#define CFFS_PARTS 8 /* in a block */

/* Header of a partition. All zeroes: empty, owns nothing. */
#define CFFS_MAGIC 0x32464643 /* "CFF2" */
#define CFFS_H_MAGIC 0	      /* u32 */
#define CFFS_H_KIND 4	      /* u8: CFFS_KIND_* */
#define CFFS_H_USED 5	      /* u8: bit i: slot i is in use; entries and inode */
#define CFFS_H_REF 6	      /* u8: what the extents of a map or table partition are: CFFS_REF_* */
#define CFFS_H_LEVEL 7	      /* u8: height of a map or table partition; 0: its extents are the content */
#define CFFS_H_OWNER 8	      /* u64: ino of the directory (entries), the file (map) or of the inode itself */
#define CFFS_H_FROM 16	      /* u32: entries: least hash that belongs into this partition */
#define CFFS_H_MODE 20	      /* u32: mode, uid and gid of the owner: entries and map */
#define CFFS_H_UID 24
#define CFFS_H_GID 28
#define CFFS_H_SIZE 32

#define CFFS_KIND_DIR 1	  /* directory entries with their inodes */
#define CFFS_KIND_MAP 2	  /* extents of one inode */
#define CFFS_KIND_SUPER 3 /* partition 0 of the root block */
#define CFFS_KIND_INODE 4 /* one inode, outside of directories */
#define CFFS_KIND_TABLE 5 /* extents of blocks with such inodes */

/* As in struct exo_udf_claim. */
#define CFFS_REF_DATA 0
#define CFFS_REF_META 1

/* An extent: 16 bytes, in slots and map partitions. count 0: unused. */
#define CFFS_E_START 0 /* u64: block on the disk */
#define CFFS_E_COUNT 8 /* u32: blocks */
#define CFFS_E_KEY 12  /* u32: first block in the file; in a directory, first hash */
#define CFFS_E_SIZE 16

/* A slot: one inode with its name's place. */
#define CFFS_SLOTS 3
#define CFFS_SLOTS_AT CFFS_H_SIZE
#define CFFS_SLOT(i) (CFFS_SLOTS_AT + (i)*CFFS_S_SIZE)
#define CFFS_S_MODE 0	/* u32: type and permissions as in stat */
#define CFFS_S_NLINK 4	/* u32: names; a directory: 2 and one for each directory in it */
#define CFFS_S_UID 8	/* u32 */
#define CFFS_S_GID 12	/* u32 */
#define CFFS_S_INO 16	/* u64: never reused */
#define CFFS_S_BYTES 24 /* u64: size; a reference: place, and in the upper half the number of the name */
#define CFFS_S_ATIME 32 /* s64: nanoseconds since 1970 */
#define CFFS_S_MTIME 40
#define CFFS_S_CTIME 48
#define CFFS_S_BTIME 56
#define CFFS_S_BLOCKS 64   /* u32: blocks owned, map blocks included */
#define CFFS_S_HASH 68	   /* u32: of the name */
#define CFFS_S_NAME_OFF 72 /* u16: in the partition; the symlink's target follows the name */
#define CFFS_S_NAME_LEN 74 /* u8 */
#define CFFS_S_LEVEL 75	   /* u8: 0: the two extents are the content; else map blocks of height level - 1 */
#define CFFS_S_REF 76	   /* u8: CFFS_REF_* of the two extents */
#define CFFS_S_FLAGS 77	   /* u8: CFFS_F_* */
#define CFFS_S_EXTRA 78	   /* u16: bytes of an inline symlink target */
#define CFFS_S_EXT 80	   /* the start of the first one is a device's number; its count is 0 then */
#define CFFS_S_EXTS 2
#define CFFS_S_SIZE 112

#define CFFS_F_INLINE 1	  /* symlink whose target stands behind the name */
#define CFFS_F_REF 2	  /* no inode but a reference to one in the table */
#define CFFS_F_PREALLOC 4 /* blocks behind the end are wanted, and hold nothing */
#define CFFS_F_FLAT 8	  /* directory: names are in no order, one in a partition (shared trees) */
#define CFFS_F_KNOWN 15

#define CFFS_MAP_EXTS 30 /* of a map or table partition, from CFFS_H_SIZE on */
#define CFFS_LEVEL_MAX 5

/* An inode partition: slot 0, then this. */
#define CFFS_X_ATTRS 144  /* extent: data blocks with the extended attributes; count 0: they stand at CFFS_X_SMALL */
#define CFFS_X_NEXT 160	  /* extent: blocks that are being filled to replace those */
#define CFFS_X_MAP 176	  /* u16: bytes of the map of names */
#define CFFS_X_BYTES 178  /* u16: bytes of attributes at CFFS_X_SMALL */
#define CFFS_X_TURN 180	  /* u32: number that the next name gets, if it is free */
#define CFFS_X_LINKED 184 /* s64: when it got a name beside another one last */
#define CFFS_X_LONG 192	  /* u32: bytes of attributes in the blocks */
/* Shared trees: instead of the map, the number of the directory that each name is in; 0: that number is not in use. */
#define CFFS_X_NAMED 1	   /* at CFFS_H_FROM: it is so here */
#define CFFS_X_PARENTS 200 /* u64[]; CFFS_X_MAP is the bytes from CFFS_X_LINKS to their end */
#define CFFS_X_LINKS 196   /* the map: bit k: the name with number k counts; a symlink's target ends at CFFS_X_SMALL */
#define CFFS_X_SMALL 384
#define CFFS_X_SMALL_MAX (CFFS_PART - CFFS_X_SMALL)
#define CFFS_X_EXTS 2 /* at CFFS_X_ATTRS */

/*
 * Place of an inode outside of directories. In the root block: its partition, 1 or 2. In the table, from the lowest
 * bits: partition (3 bits), block of the extent (3), extent (5) and partition (3) of the lower table block, extent (5)
 * and partition (3) of the root block, 3..7.
 */
#define CFFS_PLACE_TOP 1
#define CFFS_PLACE_ORPHANS 2
#define CFFS_TABLE_FIRST 3 /* partitions of the root block with the table's upper level */
#define CFFS_TABLE_RUN 8   /* most blocks of an extent of inodes */

/* Super partition. */
#define CFFS_SUP_VERSION 32  /* u32: CFFS_VERSION */
#define CFFS_SUP_FLAGS 36    /* u32: CFFS_FEATURE_*: a reader must know them */
#define CFFS_SUP_NEXT_INO 40 /* u64 */
#define CFFS_SUP_SEED 48     /* u64[2]: key of the name hash */
#define CFFS_SUP_MOVES 64    /* u64: directory moves so far; makes two of them at a time collide */
#define CFFS_SUP_BTIME 72    /* s64 */
/* Where version 1, whose magic was "CFF1", had its version. */
#define CFFS_OLD_MAGIC 0x31464643
#define CFFS_TOP_INO 1
#define CFFS_ORPHANS_INO 2

/* Shared trees: a number is its inode's place, and above it the time in units of 2^18 ns since 2020. */
#define CFFS_PLACE_BITS 22
#define CFFS_INO_EPOCH 1577836800000000000ll /* ns */
#define CFFS_INO_UNIT 18

#define CFFS_FEATURE_SHARED 1 /* all inodes in the table; the template has an acl */

/* What the acl-UDF of shared trees refuses with. */
#define CFFS_ACL_OWNER 1  /* the owner's alone */
#define CFFS_ACL_WRITE 2  /* no write permission */
#define CFFS_ACL_READ 3	  /* no read permission */
#define CFFS_ACL_FORGED 4 /* a new inode that is not the caller's, or a device */
#define CFFS_ACL_FIXED 5  /* nobody's: super, table, numbers, kinds */
#define CFFS_ACL_STICKY 6 /* another's name in a sticky directory */
#define CFFS_ACL_SETID 7  /* a program that acts for another */
#define CFFS_FRESH 34	  /* a name in a sticky directory is stamped with the time, at most 2^34 ns (17 s) ago */

#define CFFS_NAME_MAX 255
#define CFFS_FILE_BLOCKS 0xffffffffu /* keys are 0 .. this - 1: 16 TiB less one block */

#endif
