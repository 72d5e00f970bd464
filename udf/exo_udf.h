/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * exo_udf.h: write UDFs in C. An owns-UDF tells the module which blocks one partition of a metadata block owns, an acl-UDF
 * who may change it and use what it claims; see udf/README.md for what they may do and why, udf/example_list.c for a whole
 * owns-UDF and udf/example_owned.c for both.
 *
 *	#include "exo_udf.h"
 *
 *	EXO_UDF(my_list, 512)
 *	{
 *		if (exo_in_u32(0) > 30)
 *			exo_reject(1);
 *		exo_unroll(int i = 0; i < 30; i++)
 *			exo_claim(i, exo_in_u64(16 + 16 * i), exo_in_u32(24 + 16 * i), EXO_REF_DATA);
 *		return 0;
 *	}
 *
 * Compile: clang -target bpf -mcpu=v3 -O2 -ffreestanding -Werror=pass-failed -c. No libc, no other header needed.
 *
 * Offsets and slots must be constants once loops are unrolled; the compiler says "expects an integer constant"
 * when one is not. Numbers are little-endian on disk and here.
 */
#ifndef EXO_UDF_H
#define EXO_UDF_H

#ifndef __bpf__
#error "compile with clang -target bpf"
#endif

#define EXO_UDF_VERSION 1
#define EXO_UDF_NAME_MAX 48 /* EXO_NAME_MAX */
#define EXO_UDF_SLOTS 64    /* EXO_MAX_SLOTS */

typedef unsigned char exo_u8;
typedef unsigned short exo_u16;
typedef unsigned int exo_u32;
typedef unsigned long long exo_u64;

/* What a claimed extent holds: last argument of exo_claim. */
#define EXO_REF_DATA 0	     /* plain data */
#define EXO_REF_SELF 1	     /* metadata of this same template */
#define EXO_REF(i) (2 + (i)) /* metadata of the i-th template named at TEMPLATE_ADD */

/* struct exo_udf_ctx of the module's ABI. */
struct exo_udf_ctx {
	exo_u32 partition; /* bytes */
	exo_u32 index;	   /* of this partition in its block */
};

/* The two regions. The loader gives them their addresses: udf/README.md, "Objects". */
extern const exo_u8 exo_udf_in[];
extern exo_u8 exo_udf_out[];

struct exo_udf_meta {
	exo_u32 version;
	exo_u32 partition;
	char name[EXO_UDF_NAME_MAX];
};

#define EXO_UDF(name_, partition_)                                                                                     \
	_Static_assert((partition_) == 512 || (partition_) == 1024 || (partition_) == 2048 || (partition_) == 4096,    \
		       "a partition has 512, 1024, 2048 or 4096 bytes");                                               \
	_Static_assert(sizeof(#name_) <= EXO_UDF_NAME_MAX, "the template's name is too long");                         \
	__attribute__((section(".exo.udf"), used)) static const struct exo_udf_meta exo_udf_meta_ = {                  \
		EXO_UDF_VERSION, (partition_), #name_};                                                                \
	enum { exo_partition_ = (partition_) };                                                                        \
	__attribute__((section(".exo.owns"), used)) int name_(struct exo_udf_ctx *ctx);                                \
	int name_(struct exo_udf_ctx *ctx)

/*
 * The acl-UDF of the same template, behind EXO_UDF() in the file; the name is for the compiler only. It returns 0 to allow, or a
 * code 1..2^20 - 1 that the refused caller is told. It reads with exo_acl_*; exo_in_* would read the partition before.
 */
#define EXO_ACL(name_)                                                                                                 \
	__attribute__((section(".exo.acl"), used)) int name_(struct exo_udf_ctx *ctx);                                 \
	int name_(struct exo_udf_ctx *ctx)

/* for (...) whose body is laid out once per turn; the number of turns must be known to the compiler. */
#define exo_unroll(...) _Pragma("clang loop unroll(full)") for (__VA_ARGS__)

/*
 * Reads at a constant byte offset. In assembler so that the compiler can neither turn two of them into one at a
 * computed address nor make an address depend on data: the verifier's strict mode refuses both.
 */
#define EXO_IN_(bytes, type, off)                                                                                      \
	({                                                                                                             \
		exo_u64 v_;                                                                                            \
		__asm__("%0 = *(" type " *)(%1 + %2)" : "=r"(v_) : "r"(exo_udf_in), "i"((int)(off)));                  \
		v_;                                                                                                    \
	})
/* The same, read anew each time: an acl looks at so many words that a compiler which kept them would run out of stack. */
#define EXO_LOOK_(bytes, type, off)                                                                                    \
	({                                                                                                             \
		exo_u64 v_;                                                                                            \
		__asm__ volatile("%0 = *(" type " *)(%1 + %2)" : "=r"(v_) : "r"(exo_udf_in), "i"((int)(off)));         \
		v_;                                                                                                    \
	})
/* All give exo_u64: an unsigned number without the shifts that narrowing costs. */
#define exo_in_u64(off) EXO_IN_(8, "u64", off)
#define exo_in_u32(off) EXO_IN_(4, "u32", off)
#define exo_in_u16(off) EXO_IN_(2, "u16", off)
#define exo_in_u8(off) EXO_IN_(1, "u8", off)

/* The partition before and after: EXO_ACL_EDIT; with EXO_ACL_BIND_*, `new` is zeroes. */
#define exo_acl_old_u64(off) EXO_LOOK_(8, "u64", off)
#define exo_acl_old_u32(off) EXO_LOOK_(4, "u32", off)
#define exo_acl_old_u16(off) EXO_LOOK_(2, "u16", off)
#define exo_acl_old_u8(off) EXO_LOOK_(1, "u8", off)
#define exo_acl_new_u64(off) EXO_LOOK_(8, "u64", exo_partition_ + (off))
#define exo_acl_new_u32(off) EXO_LOOK_(4, "u32", exo_partition_ + (off))
#define exo_acl_new_u16(off) EXO_LOOK_(2, "u16", exo_partition_ + (off))
#define exo_acl_new_u8(off) EXO_LOOK_(1, "u8", exo_partition_ + (off))

/* struct exo_acl_in of the module's ABI, whose comments are the reference. */
#define EXO_ACL_EDIT 1
#define EXO_ACL_BIND_READ 2
#define EXO_ACL_BIND_WRITE 3
#define EXO_ACL_GIDS 32
#define EXO_ACL_IN_(off) (2 * exo_partition_ + (off))
#define exo_acl_op() exo_in_u32(EXO_ACL_IN_(0))
#define exo_acl_uid() exo_in_u32(EXO_ACL_IN_(4))
#define exo_acl_ngids() exo_in_u32(EXO_ACL_IN_(8))
#define exo_acl_claim_slot() exo_in_u32(EXO_ACL_IN_(12))
#define exo_acl_time() EXO_LOOK_(8, "u64", EXO_ACL_IN_(16))  /* nanoseconds since 1970 */
#define exo_acl_admin() exo_in_u32(EXO_ACL_IN_(24)) /* 1: relies on the root of the name space */
#define exo_acl_cap_name(i) EXO_LOOK_(4, "u32", EXO_ACL_IN_(32 + 4 * (i)))
#define exo_acl_cap_depth() exo_in_u32(EXO_ACL_IN_(64))
#define exo_acl_cap_rights() exo_in_u32(EXO_ACL_IN_(68))
#define exo_acl_gid(i) EXO_LOOK_(4, "u32", EXO_ACL_IN_(72 + 4 * (i))) /* 0 from ngids on */

#define EXO_OUT_(type, off, value)                                                                                     \
	__asm__ volatile("*(" type " *)(%0 + %1) = %2" : : "r"(exo_udf_out), "i"((int)(off)), "r"((exo_u64)(value)))

/*
 * This partition owns `count` blocks from `start`; count 0 claims nothing. A constant slot 0..63, each used once: a
 * candidate pointer keeps its slot whether or not it is in use. Order of slots means nothing. Claims may not overlap.
 */
#define exo_claim(slot, start, count, ref)                                                                             \
	do {                                                                                                           \
		EXO_OUT_("u64", 16 * (slot), start);                                                                   \
		EXO_OUT_("u32", 16 * (slot) + 8, count);                                                               \
		EXO_OUT_("u32", 16 * (slot) + 12, ref);                                                                \
	} while (0)

/* Ends the UDF: the partition is malformed. code 1..2^31 - 1 is for whoever debugs it. */
#define exo_reject(code) return (code)

/*
 * A branch gives the verifier another path, and a condition written in C becomes one. These are 0 or all ones, by
 * arithmetic alone, to mask with: count & exo_less(i, used); -exo_less(i, used) is 0 or 1. A constant as the other side of "&" makes
 * newer verifiers try both, doubling the paths. Both numbers below 2^63 (everything that is not a full
 * u64 is).
 */
#define exo_less(a, b)                                                                                                 \
	({                                                                                                             \
		exo_u64 n_ = (a);                                                                                      \
		__asm__ volatile("%0 -= %1\n%0 s>>= 63" : "+r"(n_) : "r"((exo_u64)(b)));                               \
		n_;                                                                                                    \
	})
#define exo_differ(a, b)                                                                                               \
	({                                                                                                             \
		exo_u64 n_ = (exo_u64)(a) ^ (exo_u64)(b);                                                              \
		__asm__ volatile("%0 |= %1\n%0 s>>= 63" : "+r"(n_) : "r"(-n_));                                        \
		n_;                                                                                                    \
	})

/* All ones if `gid` is one of the caller's groups, without a branch; costs 10 instructions a group. */
#define exo_acl_in_group(gid)                                                                                          \
	({                                                                                                             \
		exo_u64 in_ = 0, g_ = (gid), n_groups_ = exo_acl_ngids();                                              \
		exo_unroll(int i_ = 0; i_ < EXO_ACL_GIDS; i_++)                                                        \
			in_ |= ~exo_differ(exo_acl_gid(i_), g_) & exo_less(i_, n_groups_);                             \
		in_;                                                                                                   \
	})

#endif
