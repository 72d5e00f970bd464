// SPDX-License-Identifier: GPL-2.0
/*
 * bdev.c: block devices. exo holds a device exclusively, so a mounted one, or one that belongs to a swap area, a RAID or
 * device-mapper, is refused with -EBUSY, and none of those can take it while exo has it.
 */
#include "module.h"
#include "trace.h"

#include <linux/blkdev.h>
#include <linux/err.h>
#include <linux/slab.h>

/* The device was removed. Requests under way end with an error by themselves; later ones are refused. */
static void exo_bdev_mark_dead(struct block_device *bdev, bool surprise)
{
	struct exo_dev *d = bdev->bd_holder;

	WRITE_ONCE(d->dead, true);
	pr_warn("device %pg was removed while attached\n", bdev);
	mutex_unlock(&bdev->bd_holder_lock);
}

static const struct blk_holder_ops exo_bdev_ops = {
	.mark_dead = exo_bdev_mark_dead,
};

int exo_plat_open(const char *path, bool readonly, struct exo_dev **out)
{
	blk_mode_t mode = BLK_OPEN_READ | BLK_OPEN_RESTRICT_WRITES | (readonly ? 0 : BLK_OPEN_WRITE);
	struct exo_dev *d;
	int err;

	d = kzalloc(sizeof(*d), GFP_KERNEL);
	if (!d)
		return -ENOMEM;
	d->readonly = readonly;
	d->file = bdev_file_open_by_path(path, mode, d, &exo_bdev_ops);
	if (IS_ERR(d->file)) {
		err = PTR_ERR(d->file);
		goto free;
	}
	d->bdev = file_bdev(d->file);
	d->sector = bdev_logical_block_size(d->bdev);
	err = -EOPNOTSUPP;
	if (bdev_is_zoned(d->bdev))
		goto close;
	/* What others wrote through the page cache must be on the device before exo reads past the cache. */
	err = sync_blockdev(d->bdev);
	if (err)
		goto close;
	invalidate_bdev(d->bdev);
	*out = d;
	return 0;

close:
	bdev_fput(d->file);
free:
	kfree(d);
	return err;
}

/* The claim ends before this returns. Pages that others cached meanwhile are stale, and go. */
void exo_plat_close(struct exo_dev *d)
{
	invalidate_bdev(d->bdev);
	bdev_fput(d->file);
	kfree(d);
}

u64 exo_plat_blocks(struct exo_dev *d)
{
	return bdev_nr_bytes(d->bdev) / EXO_BLOCK_SIZE;
}

u32 exo_plat_sector(struct exo_dev *d)
{
	return d->sector;
}

bool exo_plat_volatile(struct exo_dev *d)
{
	return bdev_write_cache(d->bdev);
}

bool exo_plat_same(struct exo_dev *d, const char *path)
{
	dev_t dev;

	return !lookup_bdev(path, &dev) && dev == d->bdev->bd_dev;
}

int exo_plat_flush(struct exo_dev *d)
{
	if (READ_ONCE(d->dead))
		return -EIO;
	trace_exo_io(d->bdev->bd_dev, EXO_TRACE_FLUSH, 0, 0);
	return blkdev_issue_flush(d->bdev) ? -EIO : 0;
}
