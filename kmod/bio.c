// SPDX-License-Identifier: GPL-2.0
/* bio.c: segments become block requests. Segments that follow each other on the device share a request of up to 1 MiB.
 */
#include "module.h"
#include "trace.h"

#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/completion.h>
#include <linux/mm.h>
#include <linux/vmalloc.h>

#define EXO_SECTORS_PER_BLOCK (EXO_BLOCK_SIZE / EXO_SECTOR_SIZE)

struct exo_bio {
	struct exo_batch *batch;
	u64 block;	/* of the first segment */
	struct bio bio; /* last: its inline vectors follow */
};

/* A pool of its own: a request can always be had, however short memory is. Each CPU keeps some that were used. */
static struct bio_set exo_bios;

int exo_bio_init(void)
{
	return bioset_init(&exo_bios, BIO_POOL_SIZE, offsetof(struct exo_bio, bio),
			   BIOSET_NEED_BVECS | BIOSET_PERCPU_CACHE);
}

void exo_bio_exit(void)
{
	bioset_exit(&exo_bios);
}

static void exo_batch_fail(struct exo_batch *b, u64 block)
{
	s64 old = atomic64_read(&b->bad);

	while (block < (u64)old && !atomic64_try_cmpxchg(&b->bad, &old, block))
		;
}

static void exo_batch_put(struct exo_batch *b)
{
	if (atomic_dec_and_test(&b->left))
		b->done(b);
}

static void exo_bio_end(struct bio *bio)
{
	struct exo_bio *x = container_of(bio, struct exo_bio, bio);
	struct exo_batch *b = x->batch;

	if (bio->bi_status)
		exo_batch_fail(b, x->block);
	bio_put(bio);
	exo_batch_put(b);
}

/*
 * REQ_IDLE beside REQ_SYNC, as with O_DIRECT: whoever asked for a write waits for it, so that the block layer does not hold it back as it
 * does writeback that nobody waits for.
 */
static struct bio *exo_bio_new(struct exo_dev *d, int op, struct exo_batch *b, u64 block, sector_t sector, u32 left)
{
	static const blk_opf_t opf[] = {
		[EXO_OP_READ] = REQ_OP_READ | REQ_ALLOC_CACHE,
		[EXO_OP_WRITE] = REQ_OP_WRITE | REQ_SYNC | REQ_IDLE | REQ_ALLOC_CACHE,
		[EXO_OP_WRITE_FUA] = REQ_OP_WRITE | REQ_SYNC | REQ_IDLE | REQ_FUA | REQ_ALLOC_CACHE,
	};
	struct bio *bio = bio_alloc_bioset(d->bdev, bio_max_segs(left), opf[op], GFP_NOIO, &exo_bios);
	struct exo_bio *x = container_of(bio, struct exo_bio, bio);

	x->batch = b;
	x->block = block;
	bio->bi_iter.bi_sector = sector;
	bio->bi_end_io = exo_bio_end;
	return bio;
}

static inline struct page *exo_mem_page(const void *p)
{
	unsigned long addr = (unsigned long)p;

	return unlikely(addr >= VMALLOC_START && addr <= VMALLOC_END) ? vmalloc_to_page(p) : virt_to_page(p);
}

/* In bounds, whole logical blocks, and memory that lies in one page at an offset that every device can use. */
static bool exo_seg_good(struct exo_dev *d, const struct exo_seg *s)
{
	u32 within = d->sector / EXO_SECTOR_SIZE - 1; /* the device's logical block is a power of two */

	return s->sectors && s->first < EXO_SECTORS_PER_BLOCK && s->sectors <= EXO_SECTORS_PER_BLOCK - s->first &&
	       !((s->first | s->sectors) & within) && s->block < exo_plat_blocks(d) &&
	       IS_ALIGNED((unsigned long)s->mem, PAGE_SIZE);
}

static inline bool exo_seg_may(struct exo_dev *d, int op, const struct exo_seg *s)
{
	return !READ_ONCE(d->dead) && (op == EXO_OP_READ || !d->readonly) && exo_seg_good(d, s);
}

/* The request of one segment alone, and nothing to count. */
static void exo_bio_one(struct exo_dev *d, int op, const struct exo_seg *s, struct exo_batch *b)
{
	struct bio *bio;

	atomic_set(&b->left, 1);
	atomic64_set(&b->bad, EXO_NOBLOCK);
	if (!exo_seg_may(d, op, s)) {
		exo_batch_fail(b, s->block);
		exo_batch_put(b);
		return;
	}
	trace_exo_io(d->bdev->bd_dev, op, s->block, 1);
	bio = exo_bio_new(d, op, b, s->block, s->block * EXO_SECTORS_PER_BLOCK + s->first, 1);
	__bio_add_page(bio, exo_mem_page(s->mem), s->sectors * EXO_SECTOR_SIZE, s->first * EXO_SECTOR_SIZE);
	submit_bio(bio);
}

/* Every segment is checked before the first is submitted. The caller set `done`; this sets the rest. */
void exo_bio_submit(struct exo_dev *d, int op, const struct exo_seg *seg, u32 n, struct exo_batch *b)
{
	struct bio *bio = NULL;
	struct blk_plug plug;
	sector_t next = 0;
	u32 i;

	if (n == 1) {
		exo_bio_one(d, op, seg, b);
		return;
	}
	atomic_set(&b->left, 1);
	atomic64_set(&b->bad, EXO_NOBLOCK);
	for (i = 0; i < n; i++)
		if (!exo_seg_may(d, op, &seg[i])) {
			exo_batch_fail(b, seg[i].block);
			exo_batch_put(b);
			return;
		}
	if (n)
		trace_exo_io(d->bdev->bd_dev, op, seg[0].block, n);
	blk_start_plug(&plug);
	for (i = 0; i < n; i++) {
		const struct exo_seg *s = &seg[i];
		sector_t sector = s->block * EXO_SECTORS_PER_BLOCK + s->first;
		unsigned int off = s->first * EXO_SECTOR_SIZE, len = s->sectors * EXO_SECTOR_SIZE;
		struct page *page = exo_mem_page(s->mem);

		if (bio && (sector != next || bio_add_page(bio, page, len, off) != len)) {
			submit_bio(bio);
			bio = NULL;
		}
		if (!bio) {
			bio = exo_bio_new(d, op, b, s->block, sector, n - i);
			atomic_inc(&b->left);
			__bio_add_page(bio, page, len, off);
		}
		next = sector + s->sectors;
	}
	if (bio)
		submit_bio(bio);
	blk_finish_plug(&plug);
	exo_batch_put(b);
}

struct exo_sync_batch {
	struct exo_batch b;
	struct completion ended;
};

static void exo_sync_done(struct exo_batch *b)
{
	complete(&container_of(b, struct exo_sync_batch, b)->ended);
}

static int exo_io_once(struct exo_dev *d, int op, const struct exo_seg *seg, u32 n, u64 *bad)
{
	struct exo_sync_batch s = {.b.done = exo_sync_done};

	init_completion(&s.ended);
	exo_bio_submit(d, op, seg, n, &s.b);
	wait_for_completion_io(&s.ended);
	*bad = atomic64_read(&s.b.bad);
	return exo_batch_failed(&s.b) ? -EIO : 0;
}

/*
 * A failed request of many blocks does not say which of them is bad, and one bad block must not condemn its neighbours:
 * after a failure each block is tried by itself.
 */
int exo_plat_io(struct exo_dev *d, int op, const struct exo_seg *seg, u32 n, u64 *bad)
{
	u64 block = EXO_NOBLOCK;
	u32 i;
	int err;

	err = exo_io_once(d, op, seg, n, &block);
	if (err && n > 1 && !READ_ONCE(d->dead))
		for (i = 0, err = 0; i < n && !err; i++)
			err = exo_io_once(d, op, &seg[i], 1, &block);
	if (err && bad)
		*bad = block;
	return err;
}
