// SPDX-License-Identifier: GPL-2.0
/* frame.c: the pool. Each frame is a page of its own, so that one can be replaced without moving another. */
#include "module.h"

#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/page-flags.h>
#include <linux/sched.h>

static struct page **exo_pages;	/* [exo_npages]; NULL: with the kernel. An entry changes only in exo_plat_frame_renew and _return */
static u32 exo_npages;

int exo_frame_pool_new(u32 frames)
{
	u32 i;

	exo_pages = kvcalloc(frames, sizeof(*exo_pages), GFP_KERNEL);
	if (!exo_pages)
		return -ENOMEM;
	exo_npages = frames;
	for (i = 0; i < frames; i++) {
		exo_pages[i] = alloc_page(GFP_KERNEL | __GFP_ZERO | __GFP_NORETRY | __GFP_NOWARN);
		if (!exo_pages[i]) {
			exo_frame_pool_free();
			return -ENOMEM;
		}
		cond_resched();
	}
	return 0;
}

void exo_frame_pool_free(void)
{
	u32 i;

	for (i = 0; i < exo_npages; i++)
		if (exo_pages[i])
			put_page(exo_pages[i]);
	kvfree(exo_pages);
	exo_pages = NULL;
	exo_npages = 0;
}

u32 exo_frame_count(void)
{
	return exo_npages;
}

unsigned long exo_frame_pfn(u32 frame)
{
	return page_to_pfn(exo_pages[frame]);
}

void *exo_plat_frame(u32 frame)
{
	return page_address(exo_pages[frame]);
}

/*
 * A frame is mapped by page number, so user space cannot pin it; but parts of the kernel that walk memory by page
 * number may hold a reference for a moment, and a page with a hardware fault must not be used again. In both cases a
 * new page takes the number; so it does when the kernel has the old one. Reclaim must not wait for I/O, nor go on until there is memory: core's
 * lock is held, and core may have clean buffers to drop.
 */
int exo_plat_frame_renew(u32 frame)
{
	struct page *old = exo_pages[frame], *page;

	if (old && page_count(old) == 1 && !PageHWPoison(old)) {
		clear_highpage(old);
		return 0;
	}
	page = alloc_page(GFP_NOIO | __GFP_ZERO | __GFP_NORETRY | __GFP_NOWARN);
	if (!page)
		return -ENOMEM;
	exo_pages[frame] = page;
	if (old)
		put_page(old);
	return 0;
}

void exo_plat_frame_return(u32 frame)
{
	put_page(exo_pages[frame]);
	exo_pages[frame] = NULL;
}
