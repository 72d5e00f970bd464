/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* content.h: what the bytes of a history's files are: they follow from the history and the file's number alone. */
#ifndef EXO_TESTS_CRASH_CONTENT_H
#define EXO_TESTS_CRASH_CONTENT_H

#include <stddef.h>
#include <stdint.h>

uint64_t content_random(uint64_t *state); /* next of a stream */

/* A file's stamp: no two histories, and no two files of one, have the same. */
static inline uint64_t content_stamp(uint64_t history, uint32_t id)
{
	return history << 32 | id;
}
/* Of its attribute, when that is n bytes long. */
static inline uint64_t content_attr(uint64_t history, uint32_t id, uint64_t n)
{
	return content_stamp(history, id) | 0x80000000u | n << 48;
}

/* Bytes [at, at + n) under a stamp. None is 0, so that a hole or a lost block shows. */
void content_fill(uint8_t *buf, size_t n, uint64_t stamp, uint64_t at);

/* The same from a store, for who asks for the same again and again; valid until the next call. NULL: no memory. */
const uint8_t *content_of(uint64_t stamp, uint64_t at, size_t n);

#endif
