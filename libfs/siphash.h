/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* siphash.h: SipHash-1-3 (Aumasson and Bernstein, 2012) under a key of two words: hashes of names that nobody can aim.
 */
#ifndef EXO_FS_SIPHASH_H
#define EXO_FS_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t exo_siphash13(const uint64_t key[2], const void *data, size_t len);

#endif
