// SPDX-License-Identifier: GPL-2.0 OR MIT
/* json.c: a writer of JSON values on standard output, one member a line. Strings are taken as bytes: those that are
 * not printable ASCII become \u00XX, so the output is valid whatever a disk holds. */
#include <inttypes.h>
#include <stdio.h>
#include "exoctl.h"

#define DEPTH 16

static struct {
	char bracket[DEPTH];
	bool some[DEPTH]; /* has a member already */
	int depth;
} at;

static void quoted(const char *s)
{
	putchar('"');
	for (; *s; s++) {
		unsigned char c = *s;

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

static void member(const char *key)
{
	if (at.depth) {
		printf("%s\n%*s", at.some[at.depth - 1] ? "," : "", at.depth * 2, "");
		at.some[at.depth - 1] = true;
	}
	if (key) {
		quoted(key);
		printf(": ");
	}
}

void json_open(const char *key, char bracket)
{
	member(key);
	putchar(bracket);
	at.bracket[at.depth] = bracket;
	at.some[at.depth] = false;
	at.depth++;
}

void json_close(void)
{
	at.depth--;
	if (at.some[at.depth])
		printf("\n%*s", at.depth * 2, "");
	putchar(at.bracket[at.depth] == '{' ? '}' : ']');
	if (!at.depth)
		putchar('\n');
}

void json_u64(const char *key, uint64_t v)
{
	member(key);
	printf("%" PRIu64, v);
}

void json_bool(const char *key, bool v)
{
	member(key);
	printf("%s", v ? "true" : "false");
}

void json_str(const char *key, const char *v)
{
	member(key);
	quoted(v);
}

void json_double(const char *key, double v)
{
	member(key);
	printf("%.6f", v);
}
