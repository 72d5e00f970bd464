/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * reasons.h: what exo_why says about each reason code. Internal.
 *
 * In `text` and `hint`, %1 and %2 stand for the numbers that `kind` takes out of the detail.
 */
#ifndef LIBEXO_REASONS_H
#define LIBEXO_REASONS_H

#include <stdint.h>

enum exo_detail_kind {
	DETAIL_NONE,		/* no number in the sentence */
	DETAIL_NUMBER,		/* %1 the detail */
	DETAIL_HEX,		/* %1 the detail in hexadecimal */
	DETAIL_ERRNO,		/* %1 the words for an errno, %2 "UDF", or "acl-UDF" with EXO_UDF_ACL */
	DETAIL_HALVES,		/* %1 the high 32 bits, %2 the low ones */
	DETAIL_PARTITION,	/* %1 block (detail >> 3), %2 partition (detail & 7) */
	DETAIL_PROGRAM,		/* %1 "UDF", or "acl-UDF" with EXO_UDF_ACL */
	DETAIL_ACL,		/* %1 "partition INDEX of block BLOCK", %2 the code */
	DETAIL_ROOT,		/* %1 "root number N", or "root of that name" for EXO_NOROOT */
	DETAIL_USER,		/* %1 what uses a template: "root N", "template N" or "block N" */
	DETAIL_SCAN,		/* %1 instruction (high 32 bits), %2 words for the EXO_SCAN_* in the low ones */
};

struct exo_reason {
	uint32_t code;		/* EXO_R_* */
	uint8_t kind;		/* DETAIL_* */
	const char *name;	/* behind EXO_R_ */
	const char *text;
	const char *hint;
};

extern const struct exo_reason exo_reasons[];
extern const uint32_t exo_reasons_count;

#endif
