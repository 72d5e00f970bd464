// SPDX-License-Identifier: GPL-2.0 OR MIT
#include <string.h>
#include "chars.h"

#define T CHAR_TOKEN
#define V CHAR_VALUE
#define G CHAR_TARGET
#define P CHAR_PCHAR
#define H CHAR_HOST
#define ALNUM (T | V | G | P | H)
#define OBS_16(row)                                                                                                    \
	[row] = V, [(row) + 1] = V, [(row) + 2] = V, [(row) + 3] = V, [(row) + 4] = V, [(row) + 5] = V,                \
	[(row) + 6] = V, [(row) + 7] = V, [(row) + 8] = V, [(row) + 9] = V, [(row) + 10] = V, [(row) + 11] = V,        \
	[(row) + 12] = V, [(row) + 13] = V, [(row) + 14] = V, [(row) + 15] = V

const uint8_t chars_class[256] = {
	['\t'] = V,
	[' '] = V,
	['!'] = T | V | G | P | H,
	['"'] = V,
	['#'] = T | V,
	['$'] = T | V | G | P | H,
	['%'] = T | V | G,
	['&'] = T | V | G | P | H,
	['\''] = T | V | G | P | H,
	['('] = V | G | P | H,
	[')'] = V | G | P | H,
	['*'] = T | V | G | P | H,
	['+'] = T | V | G | P | H,
	[','] = V | G | P | H,
	['-'] = T | V | G | P | H,
	['.'] = T | V | G | P | H,
	['/'] = V | G,
	['0'] = ALNUM | CHAR_DIGIT,
	['1'] = ALNUM | CHAR_DIGIT,
	['2'] = ALNUM | CHAR_DIGIT,
	['3'] = ALNUM | CHAR_DIGIT,
	['4'] = ALNUM | CHAR_DIGIT,
	['5'] = ALNUM | CHAR_DIGIT,
	['6'] = ALNUM | CHAR_DIGIT,
	['7'] = ALNUM | CHAR_DIGIT,
	['8'] = ALNUM | CHAR_DIGIT,
	['9'] = ALNUM | CHAR_DIGIT,
	[':'] = V | G | P,
	[';'] = V | G | P | H,
	['<'] = V,
	['='] = V | G | P | H,
	['>'] = V,
	['?'] = V | G,
	['@'] = V | G | P,
	['A'] = ALNUM,
	['B'] = ALNUM,
	['C'] = ALNUM,
	['D'] = ALNUM,
	['E'] = ALNUM,
	['F'] = ALNUM,
	['G'] = ALNUM,
	['H'] = ALNUM,
	['I'] = ALNUM,
	['J'] = ALNUM,
	['K'] = ALNUM,
	['L'] = ALNUM,
	['M'] = ALNUM,
	['N'] = ALNUM,
	['O'] = ALNUM,
	['P'] = ALNUM,
	['Q'] = ALNUM,
	['R'] = ALNUM,
	['S'] = ALNUM,
	['T'] = ALNUM,
	['U'] = ALNUM,
	['V'] = ALNUM,
	['W'] = ALNUM,
	['X'] = ALNUM,
	['Y'] = ALNUM,
	['Z'] = ALNUM,
	['['] = V | G,
	['\\'] = V,
	[']'] = V | G,
	['^'] = T | V,
	['_'] = ALNUM,
	['`'] = T | V,
	['a'] = ALNUM,
	['b'] = ALNUM,
	['c'] = ALNUM,
	['d'] = ALNUM,
	['e'] = ALNUM,
	['f'] = ALNUM,
	['g'] = ALNUM,
	['h'] = ALNUM,
	['i'] = ALNUM,
	['j'] = ALNUM,
	['k'] = ALNUM,
	['l'] = ALNUM,
	['m'] = ALNUM,
	['n'] = ALNUM,
	['o'] = ALNUM,
	['p'] = ALNUM,
	['q'] = ALNUM,
	['r'] = ALNUM,
	['s'] = ALNUM,
	['t'] = ALNUM,
	['u'] = ALNUM,
	['v'] = ALNUM,
	['w'] = ALNUM,
	['x'] = ALNUM,
	['y'] = ALNUM,
	['z'] = ALNUM,
	['{'] = V,
	['|'] = T | V,
	['}'] = V,
	['~'] = ALNUM,
	OBS_16(0x80),
	OBS_16(0x90),
	OBS_16(0xa0),
	OBS_16(0xb0),
	OBS_16(0xc0),
	OBS_16(0xd0),
	OBS_16(0xe0),
	OBS_16(0xf0),
};

bool chars_equal(const char *s, size_t n, const char *lower)
{
	for (size_t i = 0; i < n; i++)
		if (!lower[i] || chars_lower(s[i]) != lower[i])
			return false;
	return !lower[n];
}

bool chars_number(const char *s, size_t n, uint64_t *value)
{
	uint64_t v = 0;

	if (!n)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!chars_is(s[i], CHAR_DIGIT))
			return false;
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, (uint64_t)(s[i] - '0'), &v)) {
			/* The rest must still be digits; the value stays at the top. */
			for (; i < n; i++)
				if (!chars_is(s[i], CHAR_DIGIT))
					return false;
			v = UINT64_MAX;
		}
	}
	*value = v;
	return true;
}

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

bool chars_element(const char **at, const char *end, const char **element, size_t *n)
{
	const char *p = *at;

	while (p < end && (blank(*p) || *p == ','))
		p++;
	if (p == end) {
		*at = end;
		return false;
	}
	const char *comma = memchr(p, ',', (size_t)(end - p));
	const char *stop = comma ? comma : end;

	*element = p;
	*at = comma ? comma + 1 : end;
	while (stop > p && blank(stop[-1]))
		stop--;
	*n = (size_t)(stop - p);
	return true;
}
