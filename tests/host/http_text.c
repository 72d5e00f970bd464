// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Dates, ranges, targets, conditions and media types: each against a table, and against an oracle where there is one.
 */
#define _GNU_SOURCE
#include <string.h>
#include <time.h>
#include "../../cheetah/http/chars.h"
#include "../../cheetah/http/cond.h"
#include "../../cheetah/http/date.h"
#include "../../cheetah/http/mime.c" /* for its table */
#include "../../cheetah/http/range.h"
#include "../../cheetah/http/status.h"
#include "../../cheetah/http/target.h"
#include "../sim/check.h"

static uint64_t rnd(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	return *s ^= *s << 17;
}

static void dates(void)
{
	static const char *const same[] = {
		"Sun, 06 Nov 1994 08:49:37 GMT",
		"Sunday, 06-Nov-94 08:49:37 GMT",
		"Sun Nov  6 08:49:37 1994",
	};
	static const char *const bad[] = {
		"",
		"x",
		"Sun, 06 Nov 1994 08:49:37",
		"Sun, 06 Nov 1994 08:49:37 UTC",
		"Sun, 06 Nov 1994 08:49:37 GMT ",
		"Sun, 6 Nov 1994 08:49:37 GMT",
		"Sun, 31 Feb 1994 08:49:37 GMT",
		"Sun, 29 Feb 1900 08:49:37 GMT",
		"Sun, 00 Nov 1994 08:49:37 GMT",
		"Sun, 06 Nov 1994 24:49:37 GMT",
		"Sun, 06 Nov 1994 08:60:37 GMT",
		"Sun, 06 Nov 1994 08:49:61 GMT",
		"Foo, 06 Nov 1994 08:49:37 GMT",
		"Sun, 06 Foo 1994 08:49:37 GMT",
		"Sun, 06-Nov-94 08:49:37 GMT",
		"Sun Nov  6 08:49:37 94",
		"-1",
		"784111777",
	};
	uint64_t seed = 7;
	int64_t t;

	for (size_t i = 0; i < 3; i++) {
		CHECK_MSG(date_parse(same[i], strlen(same[i]), 1767225600, &t) && t == 784111777, "%s", same[i]);
		for (size_t n = 0; n < strlen(same[i]); n++)
			CHECK_MSG(!date_parse(same[i], n, 1767225600, &t), "%s cut to %zu", same[i], n);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_MSG(!date_parse(bad[i], strlen(bad[i]), 0, &t), "%s", bad[i]);
	CHECK(date_parse("Thu, 29 Feb 2024 23:59:60 GMT", 29, 0, &t) && t == 1709251200);
	/* The century of two digits: 50 years ahead is the future, 51 is the past. */
	CHECK(date_parse("Wednesday, 01-Jan-76 00:00:00 GMT", 33, 1767225600, &t) && t == 3345062400);
	CHECK(date_parse("Saturday, 01-Jan-77 00:00:00 GMT", 32, 1767225600, &t) && t == 220924800);
	for (int i = 0; i < 20000; i++) {
		int64_t at = (int64_t)(rnd(&seed) % (DATE_MAX + 1)), back;
		char mine[DATE_LEN], theirs[64];
		time_t tt = at;
		struct tm tm;

		if (i < 2)
			at = tt = i ? DATE_MAX : 0;
		CHECK(date_format(mine, at));
		strftime(theirs, sizeof(theirs), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&tt, &tm));
		CHECK_MSG(!memcmp(mine, theirs, DATE_LEN), "%lld: %.29s", (long long)at, mine);
		CHECK(date_parse(mine, DATE_LEN, 0, &back) && back == at);
		strftime(theirs, sizeof(theirs), "%d/%b/%Y:%H:%M:%S +0000", &tm);
		CHECK(date_format_log(mine, at) && !memcmp(mine, theirs, DATE_LOG_LEN));
	}
	char out[DATE_LEN];
	CHECK(!date_format(out, -1) && !date_format(out, DATE_MAX + 1) && !date_format(out, INT64_MIN));
}

static void ranges(void)
{
	static const struct {
		const char *in;
		uint64_t size;
		int n;
		struct range r[3];
	} c[] = {
		{"bytes=0-499", 10000, 1, {{0, 499}}},
		{"BYTES=500-", 10000, 1, {{500, 9999}}},
		{"bytes=-500", 10000, 1, {{9500, 9999}}},
		{"bytes=-50000", 10000, 1, {{0, 9999}}},
		{"bytes=0-0,-1", 10000, 2, {{0, 0}, {9999, 9999}}},
		{"bytes= 0-0 , 5-6,", 10, 2, {{0, 0}, {5, 6}}},
		{"bytes=9999-10000", 10000, 1, {{9999, 9999}}},
		{"bytes=0-99999999999999999999999999", 10, 1, {{0, 9}}},
		{"bytes=5-6,0-1", 10, 2, {{5, 6}, {0, 1}}},
		{"bytes=0-4,5-9", 10, 1, {{0, 9}}},
		{"bytes=0-1,8-9,2-7", 10, 1, {{0, 9}}},
		{"bytes=0-9,0-9,0-9", 10, 1, {{0, 9}}},
		{"bytes=0-0,20-30", 10, 1, {{0, 0}}},
		{"bytes=10-", 10, RANGE_NONE, {}},
		{"bytes=-0", 10, RANGE_NONE, {}},
		{"bytes=0-", 0, RANGE_NONE, {}},
		{"bytes=99999999999999999999999999-", 10, RANGE_NONE, {}},
		{"bytes=18446744073709551615-18446744073709551615", UINT64_MAX, RANGE_NONE, {}},
		{"bytes=0-18446744073709551614", UINT64_MAX, 1, {{0, UINT64_MAX - 1}}},
		{"bytes=5-4", 10, RANGE_IGNORE, {}},
		{"bytes=", 10, RANGE_IGNORE, {}},
		{"bytes=,", 10, RANGE_IGNORE, {}},
		{"bytes=-", 10, RANGE_IGNORE, {}},
		{"bytes=a-b", 10, RANGE_IGNORE, {}},
		{"bytes=1", 10, RANGE_IGNORE, {}},
		{"bytes=1-2-3", 10, RANGE_IGNORE, {}},
		{"bytes=1 -2", 10, RANGE_IGNORE, {}},
		{"bytes=0-1,x", 10, RANGE_IGNORE, {}},
		{"bytes 0-1", 10, RANGE_IGNORE, {}},
		{"lines=0-1", 10, RANGE_IGNORE, {}},
		{"", 10, RANGE_IGNORE, {}},
	};
	struct range r[RANGE_MAX];
	char many[400] = "bytes=";
	uint64_t seed = 3;

	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		int n = range_parse(c[i].in, strlen(c[i].in), c[i].size, r);

		CHECK_MSG(n == c[i].n, "%s: %d", c[i].in, n);
		for (int k = 0; k < n && n == c[i].n; k++)
			CHECK_MSG(r[k].first == c[i].r[k].first && r[k].last == c[i].r[k].last, "%s [%d]", c[i].in, k);
	}
	for (int i = 0; i <= RANGE_MAX; i++) {
		sprintf(many + strlen(many), "%s%d-%d", i ? "," : "", 3 * i, 3 * i);
		CHECK(range_parse(many, strlen(many), 1000, r) == (i < RANGE_MAX ? i + 1 : RANGE_IGNORE));
	}
	/* Against a bit per byte: same bytes, none twice, nothing adjacent left apart. */
	for (int i = 0; i < 20000; i++) {
		uint64_t size = rnd(&seed) % 60 + 1, want = 0, got = 0;
		int specs = (int)(rnd(&seed) % RANGE_MAX) + 1;

		strcpy(many, "bytes=");
		for (int k = 0; k < specs; k++) {
			uint64_t a = rnd(&seed) % 64, b = a + rnd(&seed) % 8;

			sprintf(many + strlen(many), "%s%llu-%llu", k ? "," : "", (unsigned long long)a,
				(unsigned long long)b);
			for (uint64_t x = a; x <= b && x < size; x++)
				want |= 1ull << x;
		}
		int n = range_parse(many, strlen(many), size, r);

		CHECK((n == RANGE_NONE) == !want);
		for (int k = 0; k < n; k++) {
			CHECK(r[k].first <= r[k].last && r[k].last < size);
			for (uint64_t x = r[k].first; x <= r[k].last; x++) {
				CHECK_MSG(!(got >> x & 1), "%s", many);
				got |= 1ull << x;
			}
			CHECK_MSG(!r[k].first || !(got >> (r[k].first - 1) & 1), "%s: touching ranges left apart",
				  many);
		}
		CHECK_MSG(n < 0 || got == want, "%s of %llu", many, (unsigned long long)size);
	}
}

static void targets(void)
{
	static const struct {
		const char *in;
		int result;
		const char *path;
		bool directory;
	} c[] = {
		{"/", 0, "", true},
		{"/a", 0, "a", false},
		{"/a/", 0, "a/", true},
		{"/a/b?c=/../d", 0, "a/b", false},
		{"//a///b", 0, "a/b", false},
		{"/./a/./b/.", 0, "a/b/", true},
		{"/a/../b", 0, "b", false},
		{"/a/b/..", 0, "a/", true},
		{"/a/b/../..", 0, "", true},
		{"/%61%2e%62", 0, "a.b", false},
		{"/a%20b", 0, "a b", false},
		{"/%c3%a4", 0, "\xc3\xa4", false},
		{"/...", 0, "...", false},
		{"/..a", 0, "..a", false},
		{"/a%5Cb", 0, "a\\b", false},
		{"/a%252e", 0, "a%2e", false},
		{"http://h/a", 0, "a", false},
		{"HTTP://h:80", 0, "", true},
		{"http://h?q", 0, "", true},
		{"/..", -400, NULL, false},
		{"/a/../..", -400, NULL, false},
		{"/%2e%2e/x", -400, NULL, false},
		{"/.%2E/x", -400, NULL, false},
		{"/a/%2e%2e/%2e./x", -400, NULL, false},
		{"/a%2fb", -404, NULL, false},
		{"/..%2f..%2fetc/passwd", -404, NULL, false},
		{"/a%00", -400, NULL, false},
		{"/a%", -400, NULL, false},
		{"/a%2", -400, NULL, false},
		{"/a%g0", -400, NULL, false},
		{"/a[b", -400, NULL, false},
		{"a", -400, NULL, false},
		{"", -400, NULL, false},
		{"http:///a", -400, NULL, false},
		{"http://u@h/a", -400, NULL, false},
		{"http://:80/a", -400, NULL, false},
		{"ftp://h/a", -400, NULL, false},
		{"https://h/a", -421, NULL, false},
	};
	static const char parts[][8] = {"/",  "a",   "..",  ".", "%2e", "%2E", "%2f",
					"bb", "%00", "%25", "?", "//",	"%",   "..%2f"};
	static char longest[3 * TARGET_PATH_MAX], encoded[3 * TARGET_PATH_MAX];
	static struct target t, u;
	uint64_t seed = 5;

	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		int err = target_parse(c[i].in, strlen(c[i].in), &t);

		CHECK_MSG(err == c[i].result, "%s: %d", c[i].in, err);
		if (!err && !c[i].result)
			CHECK_MSG(!strcmp(t.path, c[i].path) && t.directory == c[i].directory, "%s: %s", c[i].in,
				  t.path);
	}
	CHECK(!target_parse("*", 1, &t) && t.asterisk);
	/* Whatever comes in, what comes out stays inside, and encoding it leads back to it. */
	for (int i = 0; i < 50000; i++) {
		char in[200] = "/";

		for (int k = 0; k < 12; k++)
			strcat(in, parts[rnd(&seed) % (sizeof(parts) / sizeof(parts[0]))]);
		if (target_parse(in, strlen(in), &t))
			continue;
		CHECK_MSG(t.path[0] != '/' && strlen(t.path) == t.len && !strstr(t.path, "//"), "%s: %s", in, t.path);
		CHECK_MSG(t.directory == (!t.len || t.path[t.len - 1] == '/'), "%s: %s", in, t.path);
		snprintf(longest, sizeof(longest), "/%s/", t.path);
		CHECK_MSG(!strstr(longest, "/../") && !strstr(longest, "/./"), "%s: %s", in, t.path);
		encoded[0] = '/';
		size_t n = target_encode(encoded + 1, sizeof(encoded) - 1, t.path, t.len, false);
		CHECK_MSG(n + 1 <= strlen(in), "%s grew", in);
		CHECK_MSG(!target_parse(encoded, n + 1, &u) && !strcmp(u.path, t.path), "%s: %.*s", in, (int)n + 1,
			  encoded);
	}
	for (size_t n = TARGET_PATH_MAX - 20; n < TARGET_PATH_MAX + 20; n++) {
		memset(longest, 'a', n);
		longest[0] = '/';
		int err = target_parse(longest, n, &t);

		CHECK(err == 0 || (err == -414 && n >= TARGET_PATH_MAX - 2));
		if (!err)
			CHECK(target_append(&t, "0123456789") == (t.len + 11 <= TARGET_PATH_MAX || strlen(t.path) > n));
	}
	CHECK(target_encode(encoded, 2, "\xff", 1, false) == 0 && target_encode(encoded, 3, "\xff", 1, false) == 3);
	CHECK(target_encode(encoded, 9, "a/b", 3, true) == 5 && !memcmp(encoded, "a%2Fb", 5));
}

static int cond(const char *fields, int64_t modified, bool *range)
{
	const struct cond_doc d = {"\"x-1\"", 5, modified};
	struct parse_request r = {0};
	char in[1000];
	int n = snprintf(in, sizeof(in), "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", fields);

	NEED(parse_head(&r, in, (size_t)n) == n);
	*range = cond_range(&r, in, &d, 784111777 + 5);
	return cond_check(&r, in, &d, 784111777 + 5);
}

#define AT "Sun, 06 Nov 1994 08:49:37 GMT\r\n"
#define BEFORE "Sun, 06 Nov 1994 08:49:36 GMT\r\n"
#define AFTER "Sun, 06 Nov 1994 08:49:38 GMT\r\n"

static void conditions(void)
{
	static const struct {
		const char *fields;
		int result;
		bool range;
	} c[] = {
		{"", 0, true},
		{"If-None-Match: \"x-1\"\r\n", 304, true},
		{"If-None-Match: W/\"x-1\"\r\n", 304, true},
		{"If-None-Match: \"a,b\", \"x-1\"\r\n", 304, true},
		{"If-None-Match: \"a\"\r\nIf-None-Match: \"x-1\"\r\n", 304, true},
		{"If-None-Match: *\r\n", 304, true},
		{"If-None-Match: \"x-2\"\r\n", 0, true},
		{"If-None-Match: x-1\r\n", 0, true},
		{"If-None-Match: \"x-1\r\n", 0, true},
		{"If-None-Match: \"x-2\"\r\nIf-Modified-Since: " AT, 0, true},
		{"If-Modified-Since: " AT, 304, true},
		{"If-Modified-Since: " AFTER, 304, true},
		{"If-Modified-Since: " BEFORE, 0, true},
		{"If-Modified-Since: yesterday\r\n", 0, true},
		{"If-Modified-Since: " AT "If-Modified-Since: " AT, 0, true},
		{"If-Match: \"x-1\"\r\n", 0, true},
		{"If-Match: *\r\n", 0, true},
		{"If-Match: W/\"x-1\"\r\n", 412, true},
		{"If-Match: \"x-2\"\r\n", 412, true},
		{"If-Match: \"x-1\"\r\nIf-Unmodified-Since: " BEFORE, 0, true},
		{"If-Match: \"x-1\"\r\nIf-None-Match: \"x-1\"\r\n", 304, true},
		{"If-Unmodified-Since: " AT, 0, true},
		{"If-Unmodified-Since: " BEFORE, 412, true},
		{"If-Range: \"x-1\"\r\n", 0, true},
		{"If-Range: W/\"x-1\"\r\n", 0, false},
		{"If-Range: \"x-2\"\r\n", 0, false},
		{"If-Range: " AT, 0, true},
		{"If-Range: " AFTER, 0, false},
		{"If-Range: garbage\r\n", 0, false},
		{"If-Range: \"x-1\"\r\nIf-Range: \"x-1\"\r\n", 0, false},
	};
	bool range;

	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		int n = cond(c[i].fields, 784111777, &range);

		CHECK_MSG(n == c[i].result && range == c[i].range, "%s: %d %d", c[i].fields, n, range);
	}
	/* Without a date nothing depends on dates; and one as young as the response is no strong validator. */
	CHECK(cond("If-Modified-Since: " AFTER, -1, &range) == 0 &&
	      cond("If-Unmodified-Since: " BEFORE, -1, &range) == 0);
	CHECK(cond("If-Range: Sun, 06 Nov 1994 08:49:42 GMT\r\n", 784111777 + 5, &range) == 0 && !range);
}

static void types(void)
{
	static const struct {
		const char *path, *type;
	} c[] = {
		{"index.html", "text/html; charset=utf-8"},
		{"a/b.c/d.PNG", "image/png"},
		{"a.7z", "application/x-7z-compressed"},
		{"a.zst", "application/zstd"},
		{"a.woff", "font/woff"},
		{"a.woff2", "font/woff2"},
		{"a.tar.gz", "application/gzip"},
		{"README", "application/octet-stream"},
		{"html", "application/octet-stream"},
		{"a.html/b", "application/octet-stream"},
		{"a.", "application/octet-stream"},
		{"", "application/octet-stream"},
		{"a.averyverylongextension", "application/octet-stream"},
	};
	size_t n;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		CHECK_MSG(!i || strcmp(table[i - 1].name, table[i].name) < 0, "%s is out of order", table[i].name);
		CHECK_MSG(strlen(table[i].type) < MIME_MAX && strlen(table[i].name) < 16, "%s", table[i].name);
	}
	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++)
		CHECK_MSG(!strcmp(mime_type(c[i].path, strlen(c[i].path)), c[i].type), "%s", c[i].path);
	CHECK(!strcmp(status_reason(404), "Not Found") && status_code(status_index(416)) == 416);
	CHECK(status_code(status_index(999)) == 500 && strstr(status_page(403, &n), "403 Forbidden"));
	for (unsigned i = 0; i < STATUS_COUNT; i++)
		CHECK(status_index(status_code(i)) == i && status_reason(status_code(i))[0]);
}

static void classes(void)
{
	/* The table against the sentences of the RFCs. */
	for (int c = 0; c < 256; c++) {
		bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		bool unreserved = alnum || (c && strchr("-._~", c)), sub = c && strchr("!$&'()*+,;=", c);

		CHECK_MSG(chars_is((char)c, CHAR_TOKEN) == (alnum || (c && strchr("!#$%&'*+-.^_`|~", c))), "%d", c);
		CHECK_MSG(chars_is((char)c, CHAR_VALUE) == (c == '\t' || (c >= 32 && c != 127)), "%d", c);
		CHECK_MSG(chars_is((char)c, CHAR_PCHAR) == (unreserved || sub || c == ':' || c == '@'), "%d", c);
		CHECK_MSG(chars_is((char)c, CHAR_HOST) == (unreserved || sub), "%d", c);
		CHECK_MSG(chars_is((char)c, CHAR_TARGET) == (unreserved || sub || (c && strchr(":@/?%[]", c))), "%d",
			  c);
		CHECK_MSG(chars_is((char)c, CHAR_DIGIT) == (c >= '0' && c <= '9'), "%d", c);
	}
}

int main(void)
{
	classes();
	dates();
	ranges();
	targets();
	conditions();
	types();
	return check_done();
}
