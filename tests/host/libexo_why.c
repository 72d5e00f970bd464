// SPDX-License-Identifier: GPL-2.0 OR MIT
/* The table of reasons against the contract header: every code has an entry, and every entry makes whole sentences. */
#include <errno.h>
#include <string.h>
#include "../../libexo/reasons.h"
#include <libexo.h>
#include "../sim/check.h"

struct code {
	const char *name;
	uint32_t value;
};

#define R(n, v) {#n, v},
#define S(n, v)
static const struct code in_header[] = {
#include "reasons.inc"
};
#undef R
#undef S
#define R(n, v)
#define S(n, v) {#n, v},
static const struct code scans[] = {
#include "reasons.inc"
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void sentence(const char *name, const char *s, bool needed)
{
	CHECK_MSG(!needed || *s, "%s", name);
	CHECK_MSG(strlen(s) < 255, "%s is cut short", name);
	CHECK_MSG(!strstr(s, "%1") && !strstr(s, "%2"), "%s: %s", name, s);
}

static void every_code_has_an_entry(void)
{
	NEED(COUNT(in_header) > 40);
	CHECK(COUNT(in_header) == exo_reasons_count);
	for (size_t i = 0; i < COUNT(in_header); i++) {
		bool real = in_header[i].value != EXO_R_NONE;
		struct exo_why why;

		CHECK_MSG(!strcmp(exo_reason_name(in_header[i].value), in_header[i].name), "%s", in_header[i].name);
		exo_why_fill(&why, EXO_NR_TXN, -EPERM, in_header[i].value, 0);
		sentence(in_header[i].name, why.text, real);
		sentence(in_header[i].name, why.hint, real);
		exo_why_fill(&why, EXO_NR_TXN, -EPERM, in_header[i].value, UINT64_MAX);
		sentence(in_header[i].name, why.text, real);
		sentence(in_header[i].name, why.hint, real);
	}
}

static void every_entry_has_a_code(void)
{
	for (uint32_t i = 0; i < exo_reasons_count; i++) {
		bool found = false;

		for (size_t k = 0; k < COUNT(in_header); k++)
			found = found || (in_header[k].value == exo_reasons[i].code &&
					  !strcmp(in_header[k].name, exo_reasons[i].name));
		CHECK_MSG(found, "%s is not in the header", exo_reasons[i].name);
		for (uint32_t k = 0; k < i; k++)
			CHECK_MSG(exo_reasons[k].code != exo_reasons[i].code, "%s twice", exo_reasons[i].name);
		/* A number that the sentence does not show was decoded for nothing. */
		if (exo_reasons[i].kind != DETAIL_NONE)
			CHECK_MSG(strstr(exo_reasons[i].text, "%1") || strstr(exo_reasons[i].hint, "%1"), "%s",
				  exo_reasons[i].name);
		else
			CHECK_MSG(!strchr(exo_reasons[i].text, '%'), "%s", exo_reasons[i].name);
	}
}

static void details_are_decoded(void)
{
	struct exo_why why;

	NEED(COUNT(scans) >= 10);
	for (size_t i = 0; i < COUNT(scans); i++) {
		exo_why_fill(&why, EXO_NR_TEMPLATE_ADD, -EPERM, EXO_R_UDF_SCAN, 77ull << 32 | scans[i].value);
		CHECK_MSG(strstr(why.text, "instruction 77 "), "%s", why.text);
		CHECK_MSG(!strstr(why.text, "does not know"), "EXO_SCAN_%s has no words", scans[i].name);
	}
	exo_why_fill(&why, EXO_NR_TEMPLATE_ADD, -EPERM, EXO_R_UDF_SCAN, 200);
	CHECK(strstr(why.text, "does not know"));
	exo_why_fill(&why, EXO_NR_FRAME_ALLOC, -EDQUOT, EXO_R_FRAME_LIMIT, 512ull << 32 | 500);
	CHECK_MSG(strstr(why.text, "512") && strstr(why.text, "500"), "%s", why.text);
	exo_why_fill(&why, EXO_NR_TXN, -EPERM, EXO_R_UDF_REJECT, 1234ull << 3 | 5);
	CHECK_MSG(strstr(why.text, "partition 5 of block 1234"), "%s", why.text);
	exo_why_fill(&why, EXO_NR_ATTACH, -EACCES, EXO_R_NOT_BLOCKDEV, EACCES);
	CHECK_MSG(strstr(why.text, "Permission denied"), "%s", why.text);
	exo_why_fill(&why, EXO_NR_READ, -EFAULT, EXO_R_POINTER, 0xabc000);
	CHECK_MSG(strstr(why.text, "0xabc000"), "%s", why.text);
	CHECK(why.call == EXO_NR_READ && why.code == EXO_R_POINTER && why.detail == 0xabc000 && why.err == -EFAULT &&
	      !why.nranges);
}

static void unknown_and_bare(void)
{
	struct exo_why why;

	exo_why_fill(&why, EXO_NR_TXN, -EPERM, 9999, 5);
	CHECK(strstr(why.text, "9999"));
	CHECK(!strcmp(exo_reason_name(9999), "UNKNOWN"));
	exo_why_fill(&why, 0, -ENOENT, EXO_R_NONE, 0);
	CHECK(strstr(why.text, "No such file") && *why.hint);
	exo_why_fill(&why, EXO_NR_QUERY, -EPROTO, EXO_R_NONE, 0);
	CHECK(strstr(why.text, "version") && *why.hint);
	exo_why_fill(&why, EXO_NR_TXN, -99999, EXO_R_NONE, 0);
	CHECK(strstr(why.text, "unknown error"));
	exo_why_fill(&why, EXO_NR_TXN, 0, EXO_R_NONE, 0);
	CHECK(!*why.text);
}

int main(void)
{
	every_code_has_an_entry();
	every_entry_has_a_code();
	details_are_decoded();
	unknown_and_bare();
	return check_done();
}
