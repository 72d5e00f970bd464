/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * chars.h: byte classes of HTTP and URI syntax. RFC 9110 section 5.6.2 (token), 5.5 (field value);
 * RFC 3986 section 2 and 3.3 (unreserved, sub-delims, pchar).
 */
#ifndef CHEETAH_CHARS_H
#define CHEETAH_CHARS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHAR_TOKEN 1u /* may stand in a token */
#define CHAR_VALUE 2u /* may stand in a field value: VCHAR, SP, HTAB, obs-text */
#define CHAR_TARGET                                                                                                    \
	4u /* may stand in a request target: visible ASCII but '#', '"', '<', '>', '\', '^', '`', '{', '|', '}' */
#define CHAR_PCHAR 8u /* may stand in a path segment as it is (so not '%' and not '/') */
#define CHAR_HOST 16u /* may stand in a reg-name as it is (so not '%') */
#define CHAR_DIGIT 32u

extern const uint8_t chars_class[256];

static inline bool chars_is(char c, unsigned class)
{
	return chars_class[(uint8_t)c] & class;
}

static inline char chars_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* Value of a hexadecimal digit, or -1. */
static inline int chars_hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = chars_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Is s[0..n) the word `lower` (given in lower case), ignoring case? */
bool chars_equal(const char *s, size_t n, const char *lower);

/*
 * Decimal number of n > 0 digits; false if there is anything but digits. Too large a number gives UINT64_MAX, so
 * that "too far" stays "too far" instead of wrapping.
 */
bool chars_number(const char *s, size_t n, uint64_t *value);

/* Next element of a comma-separated list (RFC 9110 section 5.6.1), trimmed; empty elements are skipped. False at the
 * end. */
bool chars_element(const char **at, const char *end, const char **element, size_t *n);

#endif
