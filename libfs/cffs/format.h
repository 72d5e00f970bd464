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
#define CFFS_VERSION 1
#define CFFS_PART 512
#define CFFS_PARTS 8 /* in a block */

/* Header of a partition. All zeroes: empty, owns nothing. */
#define CFFS_MAGIC 0x31464643 /* "CFF1" */
#define CFFS_H_MAGIC 0	      /* u32 */
#define CFFS_H_KIND 4	      /* u8: CFFS_KIND_* */
#define CFFS_H_USED 5	      /* u8: bit i: slot i is in use; entry and super partitions */
#define CFFS_H_REF 6	      /* u8: what a map partition's extents are: CFFS_REF_* */
#define CFFS_H_LEVEL 7	      /* u8: height of a map partition; 0: its extents are the content */
#define CFFS_H_OWNER 8	      /* u64: ino of the directory (entries) or of the file (map) */
#define CFFS_H_SIZE 16
#define CFFS_H_FROM 16 /* u32: entries: least hash that belongs into this partition; then 4 bytes of zero */

#define CFFS_KIND_DIR 1	  /* directory entries with their inodes */
#define CFFS_KIND_MAP 2	  /* extents of one inode */
#define CFFS_KIND_SUPER 3 /* partition 0 of the root block */

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
#define CFFS_SLOTS_AT 24
#define CFFS_SLOT(i) (CFFS_SLOTS_AT + (i)*CFFS_S_SIZE)
#define CFFS_S_MODE 0	/* u32: type and permissions as in stat */
#define CFFS_S_NLINK 4	/* u32: 1 in this version */
#define CFFS_S_UID 8	/* u32 */
#define CFFS_S_GID 12	/* u32 */
#define CFFS_S_INO 16	/* u64: never reused */
#define CFFS_S_BYTES 24 /* u64: size */
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
#define CFFS_S_EXT 80
#define CFFS_S_EXTS 2
#define CFFS_S_SIZE 112

#define CFFS_F_INLINE 1 /* symlink whose target stands behind the name */
#define CFFS_F_KNOWN 1

#define CFFS_MAP_EXTS 31 /* of a map partition, from CFFS_H_SIZE on */
#define CFFS_LEVEL_MAX 5

/* Super partition: slot 0 is the top directory, slot 1 the orphans; slot 2 is kept for later; then: */
#define CFFS_SUP_VERSION 360  /* u32: CFFS_VERSION */
#define CFFS_SUP_FLAGS 364    /* u32: features that a reader must know; none yet */
#define CFFS_SUP_NEXT_INO 368 /* u64 */
#define CFFS_SUP_SEED 376     /* u64[2]: key of the name hash */
#define CFFS_SUP_MOVES 392    /* u64: directory moves so far; makes two of them at a time collide */
#define CFFS_SUP_BTIME 400    /* s64 */
#define CFFS_TOP_INO 1
#define CFFS_ORPHANS_INO 2

#define CFFS_NAME_MAX 255
#define CFFS_FILE_BLOCKS 0xffffffffu /* keys are 0 .. this - 1: 16 TiB less one block */

#endif
