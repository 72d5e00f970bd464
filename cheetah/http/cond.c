// SPDX-License-Identifier: GPL-2.0 OR MIT
#include <string.h>
#include "cond.h"
#include "date.h"

/*
 * Does a list of entity tags name this one? A comma may stand inside a tag, so this is not chars_element. A malformed
 * list matches up to where it is well formed.
 */
static bool etag_in(const char *p, size_t n, const struct cond_doc *d, bool weak_ok)
{
	const char *end = p + n;

	while (p < end) {
		bool weak = false;
		const char *from;

		if (*p == ' ' || *p == '\t' || *p == ',') {
			p++;
			continue;
		}
		if (end - p > 2 && p[0] == 'W' && p[1] == '/') {
			weak = true;
			p += 2;
		}
		if (*p != '"')
			return false;
		from = p++;
		while (p < end && *p != '"')
			p++;
		if (p == end)
			return false;
		p++;
		if ((weak_ok || !weak) && (size_t)(p - from) == d->etag_len && !memcmp(from, d->etag, d->etag_len))
			return true;
	}
	return false;
}

/* Over all lines of that field. "*" matches any document that exists. */
static bool etag_field(const struct parse_request *r, const char *buf, enum parse_name name, const struct cond_doc *d,
		       bool weak_ok)
{
	const struct parse_field *f;

	for (unsigned i = 0; (f = parse_find(r, name, i)); i++) {
		const char *v = buf + f->value.off;

		if ((f->value.len == 1 && *v == '*') || etag_in(v, f->value.len, d, weak_ok))
			return true;
	}
	return false;
}

/* A date field that stands once and is valid; all others are ignored (sections 13.1.3 and 13.1.4). */
static bool date_field(const struct parse_request *r, const char *buf, enum parse_name name, int64_t now, int64_t *t)
{
	const struct parse_field *f = parse_find(r, name, 0);

	return f && !parse_find(r, name, 1) && date_parse(buf + f->value.off, f->value.len, now, t);
}

int cond_check(const struct parse_request *r, const char *buf, const struct cond_doc *d, int64_t now)
{
	int64_t t;

	if (parse_find(r, FIELD_IF_MATCH, 0)) {
		if (!etag_field(r, buf, FIELD_IF_MATCH, d, false))
			return 412;
	} else if (d->modified >= 0 && date_field(r, buf, FIELD_IF_UNMODIFIED_SINCE, now, &t)) {
		if (d->modified > t)
			return 412;
	}
	if (parse_find(r, FIELD_IF_NONE_MATCH, 0)) {
		if (etag_field(r, buf, FIELD_IF_NONE_MATCH, d, true))
			return 304;
	} else if (d->modified >= 0 && date_field(r, buf, FIELD_IF_MODIFIED_SINCE, now, &t)) {
		if (d->modified <= t)
			return 304;
	}
	return 0;
}

bool cond_range(const struct parse_request *r, const char *buf, const struct cond_doc *d, int64_t now)
{
	const struct parse_field *f = parse_find(r, FIELD_IF_RANGE, 0);
	const char *v;
	int64_t t;

	if (!f)
		return true;
	if (parse_find(r, FIELD_IF_RANGE, 1))
		return false;
	v = buf + f->value.off;
	if (f->value.len && (*v == '"' || *v == 'W'))
		return f->value.len == d->etag_len && !memcmp(v, d->etag, d->etag_len);
	/* A date counts only if it is exact and, being a second old at least, names one state of the document. */
	return date_parse(v, f->value.len, now, &t) && t == d->modified && t < now;
}
