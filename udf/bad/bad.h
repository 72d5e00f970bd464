/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * bad.h: for programs that must be refused. Each file says how in a line that tests/vm/udf_bad.c reads:
 *
 *	// refused: STAGE WHAT
 *
 *	read WORDS	by libexo's object reader; the sentence contains WORDS
 *	scan NAME	by the module's scan, sub-code EXO_SCAN_NAME
 *	verify WORDS	by the kernel's verifier; its log contains WORDS
 *	ctx		reads outside struct exo_udf_ctx
 *	length		no instructions, or too many
 *	zero		claims something for a partition of zeroes
 *	acl		installs, but its acl refuses that edit: EXO_R_ACL
 *	claim, reject	installs, but a transaction that sets the partition's first byte to 1 is refused with
 *	overlap		EXO_R_UDF_CLAIM, EXO_R_UDF_REJECT or EXO_R_OVERLAP
 */
#ifndef EXO_UDF_BAD_H
#define EXO_UDF_BAD_H

#include "../exo_udf.h"

/* A whole program in assembler; nothing is added to it. */
#define BAD_ASM(name_, ...)                                                                                            \
	__attribute__((section(".exo.udf"), used)) static const struct exo_udf_meta exo_udf_meta_ = {EXO_UDF_VERSION,  \
												     512, #name_};     \
	__attribute__((section(".exo.owns"), used, naked)) int name_(struct exo_udf_ctx *ctx);                         \
	int name_(struct exo_udf_ctx *ctx)                                                                             \
	{                                                                                                              \
		__asm__ volatile(__VA_ARGS__);                                                                         \
	}

/* The same for an acl-UDF, beside an owns-UDF that is fine. */
#define BAD_ACL_ASM(name_, ...)                                                                                        \
	EXO_UDF(name_, 512)                                                                                            \
	{                                                                                                              \
		return 0;                                                                                              \
	}                                                                                                              \
	__attribute__((section(".exo.acl"), used, naked)) int name_##_acl(struct exo_udf_ctx *ctx);                    \
	int name_##_acl(struct exo_udf_ctx *ctx)                                                                       \
	{                                                                                                              \
		__asm__ volatile(__VA_ARGS__);                                                                         \
	}

/* One instruction by its fields, for what an assembler would not write. */
#define INSN(code, dst, src, off, imm)                                                                                 \
	".byte " #code ", (" #dst ") | (" #src ") << 4\n.2byte " #off "\n.4byte " #imm "\n"

#endif
