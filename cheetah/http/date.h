/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * date.h: HTTP dates. RFC 9110 section 5.6.7: IMF-fixdate is written; the two obsolete forms are read as well.
 * Times are seconds since 1970-01-01 00:00:00 UTC, without leap seconds. No locale, no time zone data, no global state.
 */
#ifndef CHEETAH_DATE_H
#define CHEETAH_DATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DATE_LEN 29		/* "Sun, 06 Nov 1994 08:49:37 GMT" */
#define DATE_MAX 253402300799ll /* last second of the year 9999 */

/* Writes DATE_LEN bytes without a NUL; false, and nothing written, if t is not in 0..DATE_MAX. */
bool date_format(char out[DATE_LEN], int64_t t);

/* `now` settles the century of a two-digit year: one that seems more than 50 years ahead is in the past. */
bool date_parse(const char *s, size_t n, int64_t now, int64_t *t);

/* "06/Nov/1994:08:49:37 +0000" for access logs; 26 bytes without a NUL. */
#define DATE_LOG_LEN 26
bool date_format_log(char out[DATE_LOG_LEN], int64_t t);

#endif
