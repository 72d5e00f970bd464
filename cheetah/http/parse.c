// SPDX-License-Identifier: GPL-2.0 OR MIT
#include <string.h>
#include "chars.h"
#include "parse.h"

static struct parse_span span(const char *buf, const char *from, const char *to)
{
	/* Callers stay within PARSE_MAX_HEAD, so both fit. */
	return (struct parse_span){(uint16_t)(from - buf), (uint16_t)(to - from)};
}

static enum parse_method method_of(const char *s, size_t n)
{
	static const char *const known[] = {"POST", "PUT", "DELETE", "CONNECT", "TRACE", "PATCH"};

	/* Methods are case-sensitive (RFC 9110 section 9.1). */
	if (n == 3 && !memcmp(s, "GET", 3))
		return METHOD_GET;
	if (n == 4 && !memcmp(s, "HEAD", 4))
		return METHOD_HEAD;
	if (n == 7 && !memcmp(s, "OPTIONS", 7))
		return METHOD_OPTIONS;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (n == strlen(known[i]) && !memcmp(s, known[i], n))
			return METHOD_KNOWN;
	return METHOD_OTHER;
}

/* buf..end is the line without CRLF. */
static int request_line(struct parse_request *r, const char *buf, const char *p, const char *end)
{
	const char *at = p;

	r->whole = span(buf, p, end);
	while (p < end && chars_is(*p, CHAR_TOKEN))
		p++;
	if (p == at || p == end || *p != ' ')
		return -400;
	r->verb = span(buf, at, p);
	r->method = method_of(at, (size_t)(p - at));

	at = ++p;
	while (p < end && chars_is(*p, CHAR_TARGET))
		p++;
	if (p == at || p == end || *p != ' ')
		return -400;
	r->target = span(buf, at, p);

	p++;
	if (end - p != 8 || memcmp(p, "HTTP/", 5) || !chars_is(p[5], CHAR_DIGIT) || p[6] != '.' ||
	    !chars_is(p[7], CHAR_DIGIT))
		return -400;
	if (p[5] != '1')
		return -505;
	r->minor = p[7] != '0';
	r->started = true;
	return 0;
}

static enum parse_name name_of(const char *s, size_t n)
{
	static const struct {
		uint8_t len, name;
		const char *lower;
	} names[] = {
		{4, FIELD_HOST, "host"},
		{5, FIELD_RANGE, "range"},
		{6, FIELD_EXPECT, "expect"},
		{8, FIELD_IF_RANGE, "if-range"},
		{8, FIELD_IF_MATCH, "if-match"},
		{7, FIELD_REFERER, "referer"},
		{10, FIELD_CONNECTION, "connection"},
		{10, FIELD_USER_AGENT, "user-agent"},
		{13, FIELD_IF_NONE_MATCH, "if-none-match"},
		{14, FIELD_CONTENT_LENGTH, "content-length"},
		{17, FIELD_IF_MODIFIED_SINCE, "if-modified-since"},
		{17, FIELD_TRANSFER_ENCODING, "transfer-encoding"},
		{19, FIELD_IF_UNMODIFIED_SINCE, "if-unmodified-since"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].len == n && chars_equal(s, n, names[i].lower))
			return names[i].name;
	return FIELD_OTHER;
}

static int field_line(struct parse_request *r, const char *buf, const char *p, const char *end)
{
	const char *at = p;

	if (r->fields++ == PARSE_MAX_FIELDS)
		return -431;
	while (p < end && chars_is(*p, CHAR_TOKEN))
		p++;
	/* Also catches a folded line, which starts with a blank, and a blank before the colon. */
	if (p == at || p == end || *p != ':')
		return -400;

	enum parse_name name = name_of(at, (size_t)(p - at));

	p++;
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	for (at = p; p < end; p++)
		if (!chars_is(*p, CHAR_VALUE))
			return -400;
	while (p > at && (p[-1] == ' ' || p[-1] == '\t'))
		p--;
	if (name == FIELD_OTHER)
		return 0;
	if (r->nkept == PARSE_MAX_KEPT)
		return -431;
	r->names |= 1u << name;
	r->kept[r->nkept++] = (struct parse_field){(uint16_t)name, span(buf, at, p)};
	return 0;
}

/* uri-host [ ":" port ] of RFC 9112 section 3.2; empty is allowed. */
static bool host_valid(const char *p, size_t n)
{
	const char *end = p + n;

	if (p < end && *p == '[') {
		for (p++; p < end && *p != ']'; p++)
			if (chars_hex(*p) < 0 && *p != ':' && *p != '.' && chars_lower(*p) != 'v')
				return false;
		if (p == end || p[-1] == '[')
			return false;
		p++;
	} else {
		while (p < end && *p != ':') {
			if (*p == '%') {
				if (end - p < 3 || chars_hex(p[1]) < 0 || chars_hex(p[2]) < 0)
					return false;
				p += 3;
			} else if (chars_is(*p, CHAR_HOST)) {
				p++;
			} else {
				return false;
			}
		}
	}
	if (p == end)
		return true;
	if (*p++ != ':' || end - p > 5)
		return false;
	for (; p < end; p++)
		if (!chars_is(*p, CHAR_DIGIT))
			return false;
	return true;
}

static void connection_tokens(const char *p, size_t n, bool *close, bool *keep)
{
	const char *end = p + n, *word;
	size_t len;

	while (chars_element(&p, end, &word, &len)) {
		*close |= chars_equal(word, len, "close");
		*keep |= chars_equal(word, len, "keep-alive");
	}
}

/* Codings of one Transfer-Encoding line: only "chunked", once, as the last, ends a request (RFC 9112 section 6.3). */
static int transfer_codings(const char *p, size_t n, bool *chunked, bool *other)
{
	const char *end = p + n, *word;
	size_t len;

	while (chars_element(&p, end, &word, &len)) {
		if (*chunked)
			return -400;
		if (chars_equal(word, len, "chunked"))
			*chunked = true;
		else
			*other = true;
	}
	return 0;
}

/* The head is complete: judge the fields that frame the message. */
static int finish(struct parse_request *r, const char *buf)
{
	bool host = false, length = false, coding = false, other = false, close = false, keep = false;

	for (unsigned i = 0; i < r->nkept; i++) {
		const struct parse_field *f = &r->kept[i];
		const char *v = buf + f->value.off;
		size_t n = f->value.len;

		switch (f->name) {
		case FIELD_HOST:
			if (host || !host_valid(v, n))
				return -400;
			host = true;
			r->host = f->value;
			break;
		case FIELD_CONTENT_LENGTH:
			/* Refuses also the equal duplicates that RFC 9110 section 8.6 would let pass. */
			if (length || !chars_number(v, n, &r->content_length) || r->content_length > INT64_MAX)
				return -400;
			length = true;
			break;
		case FIELD_TRANSFER_ENCODING:
			coding = true;
			if (transfer_codings(v, n, &r->chunked, &other))
				return -400;
			break;
		case FIELD_CONNECTION:
			connection_tokens(v, n, &close, &keep);
			break;
		default:
			break;
		}
	}
	if (!host && r->minor)
		return -400;
	if (coding && (length || !r->minor || !r->chunked))
		return -400;
	if (other)
		return -501;
	r->keep_alive = !close && (r->minor || keep);
	/* An HTTP/1.0 client cannot have meant 100-continue (RFC 9110 section 10.1.1). */
	for (unsigned i = 0; r->minor && i < r->nkept; i++) {
		const struct parse_field *f = &r->kept[i];

		if (f->name != FIELD_EXPECT)
			continue;
		if (!chars_equal(buf + f->value.off, f->value.len, "100-continue"))
			return -417;
		r->expect_continue = true;
	}
	return 0;
}

/*
 * Too long for what it is? Judged alike for a line whose end is known and one that still grows: whichever limit
 * the bytes cross first gives the answer, so that the cuts do not matter.
 */
static int too_long(const struct parse_request *r, size_t bytes, size_t end)
{
	if (!r->started && bytes > PARSE_MAX_LINE + 1 && r->line + PARSE_MAX_LINE + 2 <= PARSE_MAX_HEAD)
		return -414;
	return end > PARSE_MAX_HEAD ? -431 : 0;
}

int parse_head(struct parse_request *r, const char *buf, size_t len)
{
	int err;

	for (;;) {
		const char *nl = len > r->seen ? memchr(buf + r->seen, '\n', len - r->seen) : NULL;
		const char *p = buf + r->line;

		if (!nl) {
			/* A head that already fills the limit cannot end within it: it lacks at least one byte. */
			err = too_long(r, len - r->line, len + 1);
			r->seen = (uint32_t)len;
			return err;
		}
		err = too_long(r, (size_t)(nl - p), (size_t)(nl - buf) + 1);
		if (err)
			return err;
		if (nl == p || nl[-1] != '\r')
			return -400;
		r->line = r->seen = (uint32_t)(nl - buf) + 1;
		nl--;
		if (nl == p && r->started) {
			err = finish(r, buf);
			return err ? err : (int)r->line;
		}
		/* Empty lines before a request are skipped (RFC 9112 section 2.2). */
		if (nl != p) {
			err = r->started ? field_line(r, buf, p, nl) : request_line(r, buf, p, nl);
			if (err)
				return err;
		}
	}
}

const struct parse_field *parse_find(const struct parse_request *r, enum parse_name name, unsigned n)
{
	for (unsigned i = 0; r->names >> name & 1 && i < r->nkept; i++)
		if (r->kept[i].name == name && !n--)
			return &r->kept[i];
	return NULL;
}
