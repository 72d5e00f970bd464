// SPDX-License-Identifier: GPL-2.0 OR MIT
/* frame.c: FRAME_ALLOC and FRAME_FREE: frames that an env owns for itself. */
#include "handle.h"

int exo_frame_alloc(struct exo *x, uint32_t count, uint32_t *frames, uint32_t flags, struct exo_why *why)
{
	struct exo_frame_alloc a = {.frames = (uintptr_t)frames, .count = count};

	return EXO_DO(x, EXO_NR_FRAME_ALLOC, &a, flags, why);
}

int exo_frame_free(struct exo *x, uint32_t count, const uint32_t *frames, struct exo_why *why)
{
	struct exo_frame_free f = {.frames = (uintptr_t)frames, .count = count};

	return EXO_DO(x, EXO_NR_FRAME_FREE, &f, 0, why);
}
