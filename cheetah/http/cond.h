/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * cond.h: conditional requests. RFC 9110 sections 8.8 (validators), 13.1 (the fields), 13.2.2 (their order), 13.1.5
 * (If-Range).
 */
#ifndef CHEETAH_COND_H
#define CHEETAH_COND_H

#include <stdbool.h>
#include "parse.h"

struct cond_doc {
	const char *etag; /* with its quotes; always strong here */
	size_t etag_len;
	int64_t modified; /* as sent in Last-Modified, seconds; -1: none is sent */
};

/* For a GET or HEAD whose answer would be 200: 0 go on, 304 or 412. */
int cond_check(const struct parse_request *r, const char *buf, const struct cond_doc *d, int64_t now);

/* May the Range field be honoured? True without If-Range. */
bool cond_range(const struct parse_request *r, const char *buf, const struct cond_doc *d, int64_t now);

#endif
