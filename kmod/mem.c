// SPDX-License-Identifier: GPL-2.0
/* mem.c: core's memory. What an env makes core allocate is charged to the caller's memory cgroup. */
#include "module.h"

#include <linux/log2.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

/*
 * From 4096 bytes on the result is page-aligned, because core hands such memory to block devices: a power of two gets
 * that from the slab, everything else is rounded up to one (small) or comes in whole pages (large).
 */
void *exo_plat_alloc(size_t bytes)
{
	if (bytes < PAGE_SIZE)
		return kzalloc(bytes, GFP_KERNEL_ACCOUNT);
	if (bytes <= 16 * PAGE_SIZE)
		return kvzalloc(roundup_pow_of_two(bytes), GFP_KERNEL_ACCOUNT);
	return __vmalloc(bytes, GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NOWARN);
}

void exo_plat_free(void *p)
{
	kvfree(p);
}

void *exo_plat_alloc_shared(size_t bytes)
{
	return vmalloc_user(bytes);
}

void exo_plat_free_shared(void *p, size_t bytes)
{
	vfree(p);
}
