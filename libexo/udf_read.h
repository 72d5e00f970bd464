/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* udf_read.h: between udf_read.c (the object file) and udf_read_order.c (its jumps). Internal. */
#ifndef LIBEXO_UDF_READ_H
#define LIBEXO_UDF_READ_H

#include <stdint.h>

/*
 * Lay out code again so that every jump goes forward, if that is possible: compilers put a shared exit anywhere, and
 * the module refuses to look for it backwards. *insns is malloc'ed and may be replaced, *n may change.
 * Code that has a loop, a jump that leads nowhere, or no backward jump stays as it is: the module says what is
 * wrong with it. 0 or -ENOMEM.
 */
int exo_udf_forward(uint64_t **insns, uint32_t *n);

#endif
