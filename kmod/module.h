/* SPDX-License-Identifier: GPL-2.0 */
/*
 * module.h: what the files of the Linux half share. Decisions are in core/; these files move bytes and pages.
 *
 * Lock order: mmap_lock (or a vma's lock) -> core's lock -> i_mmap_rwsem -> page table locks. Core calls
 * exo_plat_zap under its lock; a page fault takes core's lock under mmap_lock. So nothing here may touch user memory,
 * or take mmap_lock, while core's lock is held.
 */
#ifndef EXO_MODULE_H
#define EXO_MODULE_H

#ifndef pr_fmt
#define pr_fmt(fmt) "exo: " fmt
#endif

#include <linux/fs.h>
#include <linux/mm_types.h>

#include "compat.h"
#include "core/core.h"

/* main.c: the one instance, from before the device appears until after it is gone. */
extern struct exo_core *exo_the_core;

/* dev.c */
int exo_dev_register(void);
void exo_dev_unregister(void);

/* frame.c: the pool. Numbers are 0..frames - 1. */
int exo_frame_pool_new(u32 frames);
void exo_frame_pool_free(void);
u32 exo_frame_count(void);
unsigned long exo_frame_pfn(u32 frame); /* stable while core's lock is held */

/* map.c */
int exo_map_init(void);
void exo_map_exit(void);
void exo_map_adopt(struct file *filp);	/* at open: its mappings will be found by exo_plat_zap */
int exo_map_mmap(struct file *filp, struct vm_area_struct *vma);

/* shrink.c: exo_the_core stands from before init until after exit */
int exo_shrink_init(void);
void exo_shrink_exit(void);

/* uring.c */
struct io_uring_cmd;
int exo_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags);

/*
 * bio.c: a batch of transfers under way. The owner keeps it alive until `done`, which is called once, possibly in
 * interrupt context, when every request of the batch has ended.
 */
struct exo_batch {
	atomic_t left;		/* requests under way, plus one while they are being submitted */
	atomic64_t bad;		/* lowest first block of a failed request, or EXO_NOBLOCK */
	void (*done)(struct exo_batch *b);
};
int exo_bio_init(void);
void exo_bio_exit(void);
void exo_bio_submit(struct exo_dev *d, int op, const struct exo_seg *seg, u32 n, struct exo_batch *b);
static inline bool exo_batch_failed(struct exo_batch *b)
{
	return (u64)atomic64_read(&b->bad) != EXO_NOBLOCK;
}
static inline u64 exo_batch_bad(struct exo_batch *b)
{
	return atomic64_read(&b->bad);
}

/* bdev.c */
struct block_device;
struct exo_dev {
	struct file *file;	/* holds the device exclusively */
	struct block_device *bdev;
	u32 sector;		/* bytes of a logical block */
	bool readonly;
	bool dead;		/* device was removed; set once, read without a lock */
};

#endif
