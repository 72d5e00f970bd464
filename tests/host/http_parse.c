// SPDX-License-Identifier: GPL-2.0 OR MIT
/* The request parser: what it accepts, what it refuses and why, and that it does not matter how the bytes are cut. */
#include <stdint.h>
#include <string.h>
#include "../../cheetah/http/parse.h"
#include "../sim/check.h"

#define H "Host: a\r\n"

static const struct {
	const char *in;
	int result; /* -1: all of it is the head */
} cases[] = {
	{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", -1},
	{"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", -1},
	{"GET / HTTP/1.0\r\n\r\n", -1},
	{"HEAD /x?y HTTP/1.1\r\nhOsT:a:80\r\nX: \t v \t\r\n\r\n", -1},
	{"GET / HTTP/1.9\r\n" H "\r\n", -1},
	{"OPTIONS * HTTP/1.1\r\nHost:\r\n\r\n", -1},
	{"GET http://a/ HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", -1},
	{"BREW /pot HTTP/1.1\r\n" H "\r\n", -1},
	{"GET / HTTP/1.1\r\n" H "X-Empty:\r\nX-High: \xc3\xa4\r\n\r\n", -1},
	{"GET / HTTP/1.1\r\n" H "Content-Length: 12\r\n\r\n", -1},
	{"GET / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n", -1},
	{"GET / HTTP/1.1\r\n" H "Expect: 100-continue\r\n\r\n", -1},
	{"GET / HTTP/1.0\r\nExpect: anything\r\n\r\n", -1},
	/* not there yet */
	{"", 0},
	{"\r\n", 0},
	{"GET / HTTP/1.1", 0},
	{"GET / HTTP/1.1\r\n" H, 0},
	{"GET / HTTP/1.1\r\n" H "\r", 0},
	/* the request line */
	{"GET /\r\n", -400},
	{"GET  / HTTP/1.1\r\n", -400},
	{"GET /  HTTP/1.1\r\n", -400},
	{" GET / HTTP/1.1\r\n", -400},
	{"GET / HTTP/1.1 \r\n", -400},
	{"GET\t/ HTTP/1.1\r\n", -400},
	{"GET / HTTP/1.1\n", -400},
	{"\n", -400},
	{"GET / HTTP/11\r\n", -400},
	{"GET / http/1.1\r\n", -400},
	{"GET / HTTP/1.x\r\n", -400},
	{"GET / HTTP/1.10\r\n", -400},
	{"GET / HTTP/2.0\r\n", -505},
	{"PRI * HTTP/2.0\r\n", -505},
	{"GET / HTTP/0.9\r\n", -505},
	{"G(T / HTTP/1.1\r\n", -400},
	{"GET /\x01 HTTP/1.1\r\n", -400},
	{"GET /\xff HTTP/1.1\r\n", -400},
	{"GET /a\rb HTTP/1.1\r\n", -400},
	{"GET /#x HTTP/1.1\r\n", -400},
	{"\x16\x03\x01\x02\r\n", -400},
	/* field lines */
	{"GET / HTTP/1.1\r\n" H " folded\r\n\r\n", -400},
	{"GET / HTTP/1.1\r\n" H "\tfolded\r\n\r\n", -400},
	{"GET / HTTP/1.1\r\nHost : a\r\n", -400},
	{"GET / HTTP/1.1\r\n: a\r\n", -400},
	{"GET / HTTP/1.1\r\nHost\r\n", -400},
	{"GET / HTTP/1.1\r\n" H "X: a\rb\r\n", -400},
	{"GET / HTTP/1.1\r\n" H "X: a\nY: b\r\n", -400},
	{"GET / HTTP/1.1\r\n" H "X: a\x7f\r\n", -400},
	{"GET / HTTP/1.1\r\n" H "X\x80: a\r\n", -400},
	/* Host */
	{"GET / HTTP/1.1\r\n\r\n", -400},
	{"GET / HTTP/1.1\r\n" H H "\r\n", -400},
	{"GET / HTTP/1.0\r\n" H "Host: b\r\n\r\n", -400},
	{"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", -400},
	{"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", -400},
	{"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", -400},
	{"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", -400},
	{"GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", -400},
	{"GET / HTTP/1.1\r\nHost: a:123456\r\n\r\n", -400},
	{"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", -400},
	{"GET / HTTP/1.1\r\nHost: []\r\n\r\n", -400},
	{"GET / HTTP/1.1\r\nHost: a%2\r\n\r\n", -400},
	/* framing: nothing that two programs could read differently */
	{"POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", -400},
	{"POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", -400},
	{"POST / HTTP/1.1\r\n" H "Content-Length: 5, 5\r\n\r\n", -400},
	{"POST / HTTP/1.1\r\n" H "Content-Length: +5\r\n\r\n", -400},
	{"POST / HTTP/1.1\r\n" H "Content-Length: -5\r\n\r\n", -400},
	{"POST / HTTP/1.1\r\n" H "Content-Length: 0x5\r\n\r\n", -400},
	{"POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n", -400},
	{"POST / HTTP/1.1\r\n" H "Content-Length: 9223372036854775808\r\n\r\n", -400},
	{"POST / HTTP/1.1\r\n" H "Content-Length: 99999999999999999999999\r\n\r\n", -400},
	{"POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", -400},
	{"POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", -400},
	{"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", -400},
	{"POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, identity\r\n\r\n", -400},
	{"POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", -400},
	{"POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n", -400},
	{"POST / HTTP/1.1\r\n" H "Transfer-Encoding:\r\n\r\n", -400},
	{"POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n", -501},
	{"POST / HTTP/1.1\r\n" H "Transfer-Encoding : chunked\r\n\r\n", -400},
	{"GET / HTTP/1.1\r\n" H "Expect: 200-ok\r\n\r\n", -417},
};

static char big[3 * PARSE_MAX_HEAD];

/* Feed buf in pieces whose ends `next` chooses; the parser must never look behind what it was given. */
static int feed(struct parse_request *r, const char *buf, size_t n,
		size_t (*next)(size_t at, size_t n, uint64_t *state), uint64_t state)
{
	size_t at = 0;
	int k;

	memset(r, 0, sizeof(*r));
	do {
		char *copy;

		at = next(at, n, &state);
		/* An allocation of exactly that size: reading on is an error that the sanitizer sees. */
		copy = malloc(at ? at : 1);
		NEED(copy);
		memcpy(copy, buf, at);
		k = parse_head(r, copy, at);
		free(copy);
	} while (!k && at < n);
	return k;
}

static size_t all_at_once(size_t at, size_t n, uint64_t *state)
{
	return n;
}

static size_t one_byte(size_t at, size_t n, uint64_t *state)
{
	return at < n ? at + 1 : n;
}

static size_t one_cut(size_t at, size_t n, uint64_t *state)
{
	return at < *state ? *state : n;
}

static uint64_t rnd(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	return *s ^= *s << 17;
}

static size_t at_random(size_t at, size_t n, uint64_t *state)
{
	size_t k = at + rnd(state) % 97 + 1;

	return k < n ? k : n;
}

static bool same(const struct parse_request *a, const struct parse_request *b)
{
	return a->method == b->method && a->minor == b->minor && a->keep_alive == b->keep_alive &&
	       a->chunked == b->chunked && a->content_length == b->content_length && a->nkept == b->nkept &&
	       a->names == b->names && !memcmp(a->kept, b->kept, sizeof(a->kept[0]) * a->nkept) &&
	       !memcmp(&a->target, &b->target, sizeof(a->target)) && !memcmp(&a->host, &b->host, sizeof(a->host)) &&
	       !memcmp(&a->whole, &b->whole, sizeof(a->whole));
}

static void check_cuts(const char *in, size_t n, int expect, const char *name)
{
	struct parse_request whole, r;
	int k = feed(&whole, in, n, all_at_once, 0);

	CHECK_MSG(k == expect, "%s: %d, expected %d", name, k, expect);
	CHECK_MSG(feed(&r, in, n, one_byte, 0) == k, "%s, byte by byte", name);
	if (k > 0)
		CHECK_MSG(same(&whole, &r), "%s, byte by byte", name);
	for (size_t cut = 0; cut < n && n < 400; cut++) {
		int got = feed(&r, in, n, one_cut, cut);

		CHECK_MSG(got == k, "%s, cut at %zu: %d", name, cut, got);
		if (k > 0)
			CHECK_MSG(same(&whole, &r), "%s, cut at %zu", name, cut);
	}
	for (uint64_t seed = 1; seed < 20; seed++)
		CHECK_MSG(feed(&r, in, n, at_random, seed) == k, "%s, random cuts %llu", name,
			  (unsigned long long)seed);
}

static void table(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t n = strlen(cases[i].in);

		check_cuts(cases[i].in, n, cases[i].result == -1 ? (int)n : cases[i].result, cases[i].in);
	}
}

static void members(void)
{
	static const char in[] = "GET /a?b HTTP/1.1\r\nHost: h:1\r\nConnection: foo , Close\r\nIf-None-Match: \"a\"\r\n"
				 "X: y\r\nIf-None-Match:\t \"b\" \r\nContent-Length: 7\r\n\r\nGET /next";
	struct parse_request r = {0};
	int n = parse_head(&r, in, sizeof(in) - 1);
	const struct parse_field *f;

	CHECK(n == (int)(strstr(in, "GET /next") - in));
	CHECK(r.method == METHOD_GET && r.minor == 1 && !r.keep_alive && r.content_length == 7);
	CHECK(r.target.len == 4 && !memcmp(in + r.target.off, "/a?b", 4));
	CHECK(r.verb.len == 3 && r.whole.len == 17);
	CHECK(r.host.len == 3 && !memcmp(in + r.host.off, "h:1", 3));
	f = parse_find(&r, FIELD_IF_NONE_MATCH, 1);
	NEED(f);
	CHECK(f->value.len == 3 && !memcmp(in + f->value.off, "\"b\"", 3));
	CHECK(!parse_find(&r, FIELD_IF_NONE_MATCH, 2) && !parse_find(&r, FIELD_RANGE, 0));
}

static void persistence(void)
{
	static const struct {
		const char *in;
		bool keep;
	} c[] = {
		{"GET / HTTP/1.1\r\n" H "\r\n", true},
		{"GET / HTTP/1.1\r\n" H "Connection: close\r\n\r\n", false},
		{"GET / HTTP/1.1\r\n" H "Connection: keep-alive, CLOSE\r\n\r\n", false},
		{"GET / HTTP/1.1\r\n" H "Connection: closed\r\n\r\n", true},
		{"GET / HTTP/1.0\r\n\r\n", false},
		{"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true},
		{"GET / HTTP/1.0\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n", false},
	};

	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		struct parse_request r = {0};

		CHECK(parse_head(&r, c[i].in, strlen(c[i].in)) == (int)strlen(c[i].in));
		CHECK_MSG(r.keep_alive == c[i].keep, "%s", c[i].in);
	}
}

static size_t fill(const char *start, char c, size_t n, const char *end)
{
	size_t k = strlen(start);

	memcpy(big, start, k);
	memset(big + k, c, n);
	memcpy(big + k + n, end, strlen(end));
	return k + n + strlen(end);
}

static void limits(void)
{
	size_t n, edge = PARSE_MAX_LINE - strlen("GET / HTTP/1.1"), room;

	n = fill("GET /", 'a', edge, " HTTP/1.1\r\n" H "\r\n");
	check_cuts(big, n, (int)n, "longest request line");
	n = fill("GET /", 'a', edge + 1, " HTTP/1.1\r\n" H "\r\n");
	check_cuts(big, n, -414, "request line one too long");
	n = fill("GET /", 'a', 2 * PARSE_MAX_HEAD, "");
	check_cuts(big, n, -414, "request line without end");
	room = PARSE_MAX_HEAD - strlen("GET / HTTP/1.1\r\n" H "X: \r\n\r\n");
	n = fill("GET / HTTP/1.1\r\n" H "X: ", 'a', room, "\r\n\r\n");
	CHECK(n == PARSE_MAX_HEAD);
	check_cuts(big, n, (int)n, "longest head");
	n = fill("GET / HTTP/1.1\r\n" H "X: ", 'a', room + 1, "\r\n\r\n");
	check_cuts(big, n, -431, "head one too long");
	n = fill("GET / HTTP/1.1\r\n" H "X: ", 'a', 2 * PARSE_MAX_HEAD, "");
	check_cuts(big, n, -431, "field without end");
	/* Empty lines count as well, and a long line behind many of them is cut off by the head's limit first. */
	for (n = 0; n < PARSE_MAX_HEAD + 100; n += 2)
		memcpy(big + n, "\r\n", 2);
	check_cuts(big, n, -431, "empty lines for ever");
	memset(big + 9000, 'A', 9000);
	memcpy(big + 18000, "\r\n", 2);
	check_cuts(big, 18002, -431, "long line behind empty lines");
	for (unsigned fields = PARSE_MAX_FIELDS - 2; fields < PARSE_MAX_FIELDS + 2; fields++) {
		n = (size_t)sprintf(big, "GET / HTTP/1.1\r\n" H);
		for (unsigned i = 1; i < fields; i++)
			n += (size_t)sprintf(big + n, "X%u: y\r\n", i);
		n += (size_t)sprintf(big + n, "\r\n");
		check_cuts(big, n, fields <= PARSE_MAX_FIELDS ? (int)n : -431, "number of fields");
	}
	for (unsigned fields = PARSE_MAX_KEPT - 1; fields < PARSE_MAX_KEPT + 2; fields++) {
		n = (size_t)sprintf(big, "GET / HTTP/1.1\r\n" H);
		for (unsigned i = 1; i < fields; i++)
			n += (size_t)sprintf(big + n, "Referer: y\r\n");
		n += (size_t)sprintf(big + n, "\r\n");
		check_cuts(big, n, fields <= PARSE_MAX_KEPT ? (int)n : -431, "number of kept fields");
	}
}

/* Damaged requests and noise: whatever the answer, every cut gives it. */
static void hostile(void)
{
	static const char noise[] = "\r\n\r\n  ::GETHTTP/1.1 \t,chunked0\x01\xff";
	char buf[600];

	for (uint64_t seed = 1; seed <= 20000; seed++) {
		uint64_t s = seed * 0x9e3779b97f4a7c15u | 1;
		struct parse_request a, b;
		size_t n;
		int k;

		if (seed % 4) {
			const char *in = cases[rnd(&s) % (sizeof(cases) / sizeof(cases[0]))].in;

			n = strlen(in);
			memcpy(buf, in, n);
			for (unsigned i = 0; n && i < seed % 5 + 1; i++)
				buf[rnd(&s) % n] = seed % 3 ? noise[rnd(&s) % (sizeof(noise) - 1)] : (char)rnd(&s);
		} else {
			n = rnd(&s) % sizeof(buf);
			for (size_t i = 0; i < n; i++)
				buf[i] = seed % 8 ? noise[rnd(&s) % (sizeof(noise) - 1)] : (char)rnd(&s);
		}
		k = feed(&a, buf, n, all_at_once, 0);
		CHECK(k <= (int)n &&
		      (k >= 0 || k == -400 || k == -414 || k == -417 || k == -431 || k == -501 || k == -505));
		CHECK_MSG(feed(&b, buf, n, at_random, s | 1) == k && (k <= 0 || same(&a, &b)), "seed %llu",
			  (unsigned long long)seed);
		CHECK_MSG(feed(&b, buf, n, one_byte, 0) == k && (k <= 0 || same(&a, &b)), "seed %llu",
			  (unsigned long long)seed);
	}
}

int main(void)
{
	table();
	members();
	persistence();
	limits();
	hostile();
	return check_done();
}
