/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* status.h: status codes, their reason phrases and the pages that explain them. RFC 9110 section 15. */
#ifndef CHEETAH_STATUS_H
#define CHEETAH_STATUS_H

#include <stddef.h>

#define STATUS_COUNT 21 /* distinct codes that the server sends; for counters */

/* "Not Found"; never NULL. */
const char *status_reason(int status);

/* 0..STATUS_COUNT-1, stable for one build; an unknown code counts as 500. status_code is the inverse. */
unsigned status_index(int status);
int status_code(unsigned index);

/* HTML page for it: fixed text, so nothing of the request can appear in it. Valid for ever. Length in *n. */
const char *status_page(int status, size_t *n);

#endif
