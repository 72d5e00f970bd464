// SPDX-License-Identifier: GPL-2.0 OR MIT
#include <string.h>
#include "chars.h"
#include "target.h"

/* Move *s behind "http://authority" of an absolute-form target. 0 or -status. */
static int skip_authority(const char **s, const char *end)
{
	size_t n = (size_t)(end - *s);
	const char *from, *p;

	/* No TLS here: a secure address reached the wrong server (RFC 9110 section 7.4). */
	if (n >= 8 && chars_equal(*s, 8, "https://"))
		return -421;
	if (n < 7 || !chars_equal(*s, 7, "http://"))
		return -400;
	/* A host is required, and user information is refused (RFC 9110 sections 4.2.1 and 4.2.4). */
	from = p = *s + 7;
	while (p < end && *p != '/' && *p != '?') {
		if (*p == '@')
			return -400;
		p++;
	}
	if (p == from || *from == ':')
		return -400;
	*s = p;
	return 0;
}

/* Drop the last segment together with its slash; false at the top. */
static bool up(struct target *t)
{
	if (!t->len)
		return false;
	t->len--;
	while (t->len && t->path[t->len - 1] != '/')
		t->len--;
	return true;
}

/* A segment has been decoded to path[from..len); it is followed by a slash or is the last. 0 or -status. */
static int segment(struct target *t, uint32_t from, bool slash)
{
	const char *s = t->path + from;
	uint32_t n = t->len - from;
	bool one = n == 1 && s[0] == '.', two = n == 2 && s[0] == '.' && s[1] == '.';

	if (!n || one || two) {
		t->len = from;
		t->directory = true;
		return two && !up(t) ? -400 : 0;
	}
	if (memchr(s, '/', n))
		return -404;
	t->directory = slash;
	if (slash)
		t->path[t->len++] = '/';
	return 0;
}

int target_parse(const char *s, size_t n, struct target *t)
{
	const char *p = s, *end = s + n;
	uint32_t from = 0;
	int err;

	t->len = 0;
	t->path[0] = 0;
	t->directory = true;
	t->asterisk = n == 1 && *s == '*';
	if (t->asterisk)
		return 0;
	if (!n || *p != '/') {
		err = skip_authority(&p, end);
		if (err)
			return err;
	}
	if (p < end && *p == '/')
		p++;
	for (; p < end && *p != '?'; p++) {
		char c = *p;

		/* Room for this byte, and the slash and NUL that may follow. */
		if (t->len + 3 > TARGET_PATH_MAX)
			return -414;
		if (c == '/') {
			err = segment(t, from, true);
			if (err)
				return err;
			from = t->len;
			continue;
		}
		if (c == '%') {
			int hi = end - p > 2 ? chars_hex(p[1]) : -1, lo = end - p > 2 ? chars_hex(p[2]) : -1;

			if (hi < 0 || lo < 0 || !(hi | lo))
				return -400;
			c = (char)(hi << 4 | lo);
			p += 2;
		} else if (!chars_is(c, CHAR_PCHAR)) {
			return -400;
		}
		t->path[t->len++] = c;
	}
	err = segment(t, from, false);
	if (err)
		return err;
	t->path[t->len] = 0;
	return 0;
}

bool target_append(struct target *t, const char *name)
{
	size_t n = strlen(name);

	if (t->len + n + 1 > TARGET_PATH_MAX)
		return false;
	memcpy(t->path + t->len, name, n + 1);
	t->len += (uint32_t)n;
	t->directory = false;
	return true;
}

size_t target_encode(char *out, size_t room, const char *path, size_t n, bool escape_slash)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		uint8_t c = (uint8_t)path[i];

		if (chars_is(path[i], CHAR_PCHAR) || (c == '/' && !escape_slash)) {
			if (len + 1 > room)
				return 0;
			out[len++] = (char)c;
		} else {
			if (len + 3 > room)
				return 0;
			out[len++] = '%';
			out[len++] = hex[c >> 4];
			out[len++] = hex[c & 15];
		}
	}
	return len;
}
