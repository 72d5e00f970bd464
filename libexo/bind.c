// SPDX-License-Identifier: GPL-2.0 OR MIT
/* bind.c: BIND and UNBIND: the right to see blocks as frames. */
#include "handle.h"

int exo_bind(struct exo *x, struct exo_bind *b, uint32_t flags, struct exo_why *why)
{
	return EXO_DO(x, EXO_NR_BIND, b, flags, why);
}

int exo_unbind(struct exo *x, uint32_t count, const uint32_t *frames, struct exo_why *why)
{
	struct exo_unbind u = {.frames = (uintptr_t)frames, .count = count};

	return EXO_DO(x, EXO_NR_UNBIND, &u, 0, why);
}
