// SPDX-License-Identifier: GPL-2.0 OR MIT
/* why.c: turns a reason code and its detail, or a bare errno, into a sentence and a hint. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "handle.h"
#include "reasons.h"

static const char *scan_words(uint32_t subcode)
{
	static const char *const words[] = {
		[EXO_SCAN_HELPER] = "it calls a helper",
		[EXO_SCAN_KFUNC] = "it calls a kernel function",
		[EXO_SCAN_SUBPROG] = "it calls a subprogram, or takes the address of one",
		[EXO_SCAN_MAP] = "it refers to a map other than index 0 or 1 by value",
		[EXO_SCAN_LEGACY] = "it is a packet load (LD_ABS or LD_IND)",
		[EXO_SCAN_ATOMIC] = "it is an atomic operation",
		[EXO_SCAN_OPCODE] = "its opcode is unknown",
		[EXO_SCAN_BACKEDGE] = "it jumps backwards; unroll the loop",
		[EXO_SCAN_TRUNCATED] = "the second half of a 16-byte load is missing",
		[EXO_SCAN_RESERVED] = "a reserved field is not zero",
	};

	if (subcode < sizeof(words) / sizeof(words[0]) && words[subcode])
		return words[subcode];
	return "for a reason that this library does not know";
}

static const struct exo_reason *find_reason(uint32_t code)
{
	for (uint32_t i = 0; i < exo_reasons_count; i++)
		if (exo_reasons[i].code == code)
			return &exo_reasons[i];
	return NULL;
}

const char *exo_reason_name(uint32_t code)
{
	const struct exo_reason *r = find_reason(code);

	return r ? r->name : "UNKNOWN";
}

/* Thread-safe words for an errno; both forms of strerror_r fill or return a string. */
static const char *errno_words(int err)
{
	const char *w = strerrordesc_np(err);

	return w ? w : "unknown error";
}

static void append(char *out, size_t room, const char *words)
{
	size_t used = strlen(out);

	snprintf(out + used, room - used, "%s", words);
}

static void expand(char *out, size_t room, const char *pattern, const char *one, const char *two)
{
	out[0] = '\0';
	for (const char *p = pattern; *p; p++) {
		char c[2] = {*p, '\0'};

		if (p[0] == '%' && (p[1] == '1' || p[1] == '2')) {
			append(out, room, p[1] == '1' ? one : two);
			p++;
		} else {
			append(out, room, c);
		}
	}
}

static void numbers(uint8_t kind, uint64_t detail, char one[64], char two[64])
{
	uint32_t high = detail >> 32, low = (uint32_t)detail;

	one[0] = two[0] = '\0';
	switch (kind) {
	case DETAIL_NUMBER:
		snprintf(one, 64, "%" PRIu64, detail);
		break;
	case DETAIL_HEX:
		snprintf(one, 64, "0x%" PRIx64, detail);
		break;
	case DETAIL_ERRNO:
		snprintf(one, 64, "%s", errno_words(low < 4096 ? (int)low : -1));
		snprintf(two, 64, "%s", detail & EXO_UDF_ACL ? "acl-UDF" : "UDF");
		break;
	case DETAIL_HALVES:
		snprintf(one, 64, "%" PRIu32, high);
		snprintf(two, 64, "%" PRIu32, low);
		break;
	case DETAIL_PARTITION:
		snprintf(one, 64, "%" PRIu64, detail >> 3);
		snprintf(two, 64, "%u", (unsigned)(detail & 7));
		break;
	case DETAIL_PROGRAM:
		snprintf(one, 64, "%s", detail & EXO_UDF_ACL ? "acl-UDF" : "UDF");
		break;
	case DETAIL_ACL:
		snprintf(one, 64, "partition %" PRIu32 " of block %" PRIu64, EXO_ACL_INDEX(detail),
			 (uint64_t)EXO_ACL_BLOCK(detail));
		snprintf(two, 64, "%" PRIu32, EXO_ACL_CODE(detail));
		break;
	case DETAIL_ROOT:
		if (detail == EXO_NOROOT)
			snprintf(one, 64, "root of that name");
		else
			snprintf(one, 64, "root number %" PRIu64, detail);
		break;
	case DETAIL_USER:
		snprintf(one, 64, "%s %" PRIu64,
			 EXO_USED_KIND(detail) == EXO_USED_ROOT	      ? "root"
			 : EXO_USED_KIND(detail) == EXO_USED_TEMPLATE ? "template"
								      : "block",
			 (uint64_t)EXO_USED_NUMBER(detail));
		break;
	case DETAIL_SCAN:
		snprintf(one, 64, "%" PRIu32, high);
		snprintf(two, 64, "%s", scan_words(low));
		break;
	}
}

/* What an errno means when the module gave no reason: the call never got to it, or the library itself stopped. */
static const char *bare_hint(uint32_t call, int err)
{
	switch (-err) {
	case ENOENT:
	case ENXIO:
	case ENODEV:
		return call <= EXO_NR_QUERY
			       ? "load the module (modprobe exo, or insmod exo.ko); 'exoctl doctor' looks for causes"
			       : "";
	case EACCES:
	case EPERM:
		return call <= EXO_NR_QUERY
			       ? "ask the administrator for access to /dev/exo; 'exoctl doctor' looks for causes"
			       : "";
	case ENOTTY:
		return "this module does not have the call, or the file is not /dev/exo; compare 'exoctl doctor'";
	case EPROTO:
		return "module and library are of different versions; install both from one build";
	case EINTR:
		return "a signal came; call again";
	case ENOMEM:
		return "free memory, or raise the limit on address space (ulimit -v)";
	}
	return "";
}

static void fill_bare(struct exo_why *why)
{
	const char *what = why->call <= EXO_NR_QUERY ? "the exo device cannot be used" : "the call failed";

	if (-why->err == EPROTO)
		what = "the module speaks another version of the contract";
	snprintf(why->text, sizeof(why->text), "%s: %s", what, errno_words(-why->err));
	snprintf(why->hint, sizeof(why->hint), "%s", bare_hint(why->call, why->err));
}

void exo_why_fill(struct exo_why *why, uint32_t call, int err, uint32_t code, uint64_t detail)
{
	const struct exo_reason *r = find_reason(code);
	char one[64], two[64];

	memset(why, 0, sizeof(*why));
	why->call = call;
	why->code = code;
	why->detail = detail;
	why->err = err;
	if (!r) {
		snprintf(why->text, sizeof(why->text), "the module refused with reason %" PRIu32 ", detail %" PRIu64,
			 code, detail);
		snprintf(why->hint, sizeof(why->hint),
			 "install the libexo that belongs to the module; it knows this reason");
	} else if (code == EXO_R_NONE) {
		if (err)
			fill_bare(why);
	} else {
		numbers(r->kind, detail, one, two);
		expand(why->text, sizeof(why->text), r->text, one, two);
		expand(why->hint, sizeof(why->hint), r->hint, one, two);
	}
}

void exo_why_ranges(struct exo_why *why, const struct exo_range *ranges, uint32_t have, uint32_t room)
{
	const uint32_t most = sizeof(why->range) / sizeof(why->range[0]);
	uint32_t n = have < room ? have : room;

	if (!ranges)
		return;
	why->nranges = n < most ? n : most;
	memcpy(why->range, ranges, why->nranges * sizeof(*ranges));
}
