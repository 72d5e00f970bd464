/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* listing.h: the page that shows a directory, where that is switched on. */
#ifndef CHEETAH_LISTING_H
#define CHEETAH_LISTING_H

#include "../store/store.h"

#define LISTING_MAX 10000u /* entries shown */

/*
 * HTML page for the directory at `path` ("" or ending in '/'), sorted by name; malloc'ed, its length in *n. Names are
 * escaped for HTML and encoded for the link. 0 or -errno.
 */
int listing_make(struct store *s, const char *path, char **page, size_t *n);

#endif
