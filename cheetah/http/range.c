// SPDX-License-Identifier: GPL-2.0 OR MIT
#include <string.h>
#include "chars.h"
#include "range.h"

/* One range-spec: 1 usable, 0 well formed but outside, -1 malformed. */
static int spec(const char *s, size_t n, uint64_t size, struct range *r)
{
	const char *dash = memchr(s, '-', n);
	uint64_t first, last;

	if (!dash)
		return -1;

	size_t left = (size_t)(dash - s), right = n - left - 1;

	if (!left) {
		uint64_t suffix;

		if (!chars_number(dash + 1, right, &suffix))
			return -1;
		if (!suffix || !size)
			return 0;
		r->first = suffix < size ? size - suffix : 0;
		r->last = size - 1;
		return 1;
	}
	if (!chars_number(s, left, &first))
		return -1;
	last = UINT64_MAX;
	if (right && !chars_number(dash + 1, right, &last))
		return -1;
	if (last < first)
		return -1;
	if (first >= size)
		return 0;
	r->first = first;
	r->last = last < size ? last : size - 1;
	return 1;
}

/* Join what touches. Joining may make the result touch another, so look again until nothing changes; n is at most 16.
 */
static int join(struct range *r, int n)
{
	for (int i = 0; i < n; i++) {
		for (int j = i + 1; j < n; j++) {
			/* last + 1 cannot overflow: last < size <= UINT64_MAX. */
			if (r[i].first > r[j].last + 1 || r[j].first > r[i].last + 1)
				continue;
			if (r[j].first < r[i].first)
				r[i].first = r[j].first;
			if (r[j].last > r[i].last)
				r[i].last = r[j].last;
			memmove(r + j, r + j + 1, (size_t)(n - j - 1) * sizeof(*r));
			n--;
			j = i;
		}
	}
	return n;
}

int range_parse(const char *s, size_t n, uint64_t size, struct range out[RANGE_MAX])
{
	const char *at, *end = s + n, *element;
	int specs = 0, usable = 0;
	size_t len;

	/* Range units are case-insensitive (section 14.1). */
	if (n < 6 || !chars_equal(s, 6, "bytes="))
		return RANGE_IGNORE;
	at = s + 6;
	while (chars_element(&at, end, &element, &len)) {
		if (specs++ == RANGE_MAX)
			return RANGE_IGNORE;

		int k = spec(element, len, size, &out[usable]);

		if (k < 0)
			return RANGE_IGNORE;
		usable += k;
	}
	if (!specs)
		return RANGE_IGNORE;
	return usable ? join(out, usable) : RANGE_NONE;
}
