/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* mime.h: media type from a file name's extension. RFC 9110 section 8.3. Text is declared to be UTF-8. */
#ifndef CHEETAH_MIME_H
#define CHEETAH_MIME_H

#include <stddef.h>

#define MIME_MAX 80 /* longest answer is shorter than this */

/* Never NULL: application/octet-stream if the extension is unknown. */
const char *mime_type(const char *path, size_t n);

#endif
