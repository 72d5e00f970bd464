/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * engine.h: between exo.c (fio's side: options, queue, completions) and memory.c (buffers in frames). Neither header of
 * fio nor liburing is needed here.
 */
#ifndef EXO_FIO_ENGINE_H
#define EXO_FIO_ENGINE_H

#include <libexo.h>

/*
 * fio's buffers: private frames of the pool, in one run of addresses. Byte b of the run lies in frame number[b / 4096],
 * so a buffer that starts on a block boundary names its frames by a slice of that array: nothing is copied.
 */
struct exo_arena {
	struct exo *x;
	char *base;
	size_t bytes;
	uint32_t count;		/* frames held */
	uint32_t *number;
};

/* 0 or -errno, with a sentence in why. */
int exo_arena_new(struct exo_arena *a, struct exo *x, size_t bytes, struct exo_why *why);
void exo_arena_free(struct exo_arena *a);
/* The frames behind a buffer, or NULL when it is not in the arena or not on a block boundary. */
const uint32_t *exo_arena_frames(const struct exo_arena *a, const void *buf, size_t bytes);

#endif
