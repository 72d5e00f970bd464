// SPDX-License-Identifier: GPL-2.0
/*
 * shrink.c: gives memory of the pool back when the kernel is short of it. Core decides what can go. This is called from within
 * allocations, also such as core makes while it has its lock; so it takes that lock only when it is free, and allocates nothing.
 */
#include "module.h"

#include <linux/minmax.h>
#include <linux/shrinker.h>

#include "trace.h"

static struct shrinker *exo_shrinker;

static unsigned long exo_shrink_count(struct shrinker *s, struct shrink_control *sc)
{
	return exo_core_idle(exo_the_core) ?: SHRINK_EMPTY;
}

static unsigned long exo_shrink_scan(struct shrinker *s, struct shrink_control *sc)
{
	u32 n = exo_core_shrink(exo_the_core, min(sc->nr_to_scan, (unsigned long)U32_MAX));

	trace_exo_shrink(sc->nr_to_scan, n);
	return n ?: SHRINK_STOP;
}

int exo_shrink_init(void)
{
	exo_shrinker = shrinker_alloc(0, "exo-pool");
	if (!exo_shrinker)
		return -ENOMEM;
	exo_shrinker->count_objects = exo_shrink_count;
	exo_shrinker->scan_objects = exo_shrink_scan;
	shrinker_register(exo_shrinker);
	return 0;
}

/* When it returns, none of the above runs. */
void exo_shrink_exit(void)
{
	shrinker_free(exo_shrinker);
}
