/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* sha256.h: SHA-256 by libcrypto, which is loaded by the one command that needs it: its relocations cost more than most
 * commands do. */
#ifndef EXOCTL_SHA256_H
#define EXOCTL_SHA256_H

#include <stdbool.h>
#include <stddef.h>

#define SHA256_BYTES 32

struct sha256;

struct sha256 *sha256_new(void); /* NULL: no libcrypto, or no memory */
bool sha256_begin(struct sha256 *s);
bool sha256_add(struct sha256 *s, const void *bytes, size_t n);
bool sha256_end(struct sha256 *s, unsigned char out[SHA256_BYTES]);
void sha256_free(struct sha256 *s);

#endif
