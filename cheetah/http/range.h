/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * range.h: byte ranges. RFC 9110 sections 14.1.1, 14.1.2 (range specifiers), 14.2 (Range).
 */
#ifndef CHEETAH_RANGE_H
#define CHEETAH_RANGE_H

#include <stddef.h>
#include <stdint.h>

#define RANGE_MAX 16 /* ranges in one request; a field that names more is ignored, as section 14.2 allows */

struct range {
	uint64_t first, last; /* both inclusive, first <= last < size */
};

#define RANGE_IGNORE 0	  /* malformed, another unit, or too many: answer as if there were no Range */
#define RANGE_NONE (-416) /* well formed, and nothing of it lies in the document */

/*
 * Ranges of a document of `size` bytes, in the order asked for. Ranges that touch or overlap are made one, in
 * the place of the first, so the sum of the lengths never exceeds size. Returns how many (1..RANGE_MAX), RANGE_IGNORE
 * or RANGE_NONE.
 */
int range_parse(const char *s, size_t n, uint64_t size, struct range out[RANGE_MAX]);

#endif
