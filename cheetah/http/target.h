/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * target.h: from request target to the path of a document, and back to a URI. RFC 9112 section 3.2 (request target);
 * RFC 9110 section 7.1; RFC 3986 sections 2.1 (percent-encoding), 3.3, 5.2.4 (dot segments).
 *
 * The path that comes out is relative to the store's top, has no leading slash, no empty, "." or ".." segment and no
 * NUL byte, so no store can be led outside. Decoding happens once and before the segments are judged.
 */
#ifndef CHEETAH_TARGET_H
#define CHEETAH_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TARGET_PATH_MAX 4096u /* with the final NUL */

struct target {
	char path[TARGET_PATH_MAX]; /* decoded; "" is the top; ends in '/' only if `directory` */
	uint32_t len;
	bool directory; /* the URI ended in a slash, or was the top itself */
	bool asterisk;	/* the target is "*"; path is empty */
};

/*
 * Returns 0 or -status: -400 malformed or climbing above the top, -404 a segment that no file can have ("%2F" inside),
 * -414 too long, -421 an https address.
 */
int target_parse(const char *s, size_t n, struct target *t);

/* Appends "index.html" or another name; false if it does not fit. */
bool target_append(struct target *t, const char *name);

/*
 * Percent-encode a decoded path (or, with escape_slash, one name) for use in a URI. Returns the length, or 0 if room is
 * too small; no NUL. A path taken from a target never gets longer than that target was.
 */
size_t target_encode(char *out, size_t room, const char *path, size_t n, bool escape_slash);

#endif
