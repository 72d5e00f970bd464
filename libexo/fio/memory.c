// SPDX-License-Identifier: GPL-2.0 OR MIT
/* memory.c: the fio engine's buffers: private exo frames, mapped side by side. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include "engine.h"

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void give_back(struct exo_arena *a)
{
	while (a->count) {
		uint32_t n = a->count < EXO_MAX_BIND ? a->count : EXO_MAX_BIND;

		/* Closing the handle gives back what this should fail to. */
		exo_frame_free(a->x, n, a->number + a->count - n, NULL);
		a->count -= n;
	}
}

static int take(struct exo_arena *a, uint32_t want, struct exo_why *why)
{
	while (a->count < want) {
		uint32_t n = want - a->count < EXO_MAX_BIND ? want - a->count : EXO_MAX_BIND;
		int err = exo_frame_alloc(a->x, n, a->number + a->count, EXO_FRAME_ANY, why);

		if (err)
			return err;
		a->count += n;
	}
	return 0;
}

/* Each run of adjacent frames is one mapping, laid into the reserved addresses. */
static int map_frames(struct exo_arena *a)
{
	for (uint32_t i = 0, n; i < a->count; i += n) {
		void *at = a->base + (size_t)i * EXO_BLOCK_SIZE;
		off_t off = (off_t)(EXO_MAP_POOL + (uint64_t)a->number[i] * EXO_BLOCK_SIZE);

		for (n = 1; i + n < a->count && a->number[i + n] == a->number[i] + n; n++)
			;
		if (mmap(at, (size_t)n * EXO_BLOCK_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, exo_fd(a->x),
			 off) == MAP_FAILED)
			return -errno;
	}
	return 0;
}

int exo_arena_new(struct exo_arena *a, struct exo *x, size_t bytes, struct exo_why *why)
{
	size_t want = (bytes + EXO_BLOCK_SIZE - 1) / EXO_BLOCK_SIZE;
	int err;

	*a = (struct exo_arena){.x = x, .bytes = want * EXO_BLOCK_SIZE};
	if (!want || want > UINT32_MAX) {
		exo_why_fill(why, EXO_NR_FRAME_ALLOC, -EINVAL, EXO_R_RANGE, want);
		return -EINVAL;
	}
	a->number = calloc(want, sizeof(*a->number));
	a->base = mmap(NULL, a->bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (!a->number || a->base == MAP_FAILED) {
		a->base = a->base == MAP_FAILED ? NULL : a->base;
		exo_arena_free(a);
		exo_why_fill(why, EXO_NR_FRAME_ALLOC, -ENOMEM, EXO_R_NONE, 0);
		return -ENOMEM;
	}
	err = take(a, want, why);
	if (!err) {
		qsort(a->number, a->count, sizeof(*a->number), by_number);
		err = map_frames(a);
		if (err)
			exo_why_fill(why, EXO_NR_FRAME_ALLOC, err, EXO_R_NONE, 0);
	}
	if (err)
		exo_arena_free(a);
	return err;
}

void exo_arena_free(struct exo_arena *a)
{
	if (a->base)
		munmap(a->base, a->bytes);
	if (a->x)
		give_back(a);
	free(a->number);
	*a = (struct exo_arena){.x = NULL};
}

const uint32_t *exo_arena_frames(const struct exo_arena *a, const void *buf, size_t bytes)
{
	uintptr_t off = (uintptr_t)buf - (uintptr_t)a->base;

	if (!a->base || (uintptr_t)buf < (uintptr_t)a->base || off % EXO_BLOCK_SIZE || off > a->bytes ||
	    bytes > a->bytes - off)
		return NULL;
	return a->number + off / EXO_BLOCK_SIZE;
}
