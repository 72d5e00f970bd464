// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * disk.c: simulated block devices. A write is seen by later reads at once; what of it a power cut leaves behind
 * is crash.c's question, answered from the log.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include "disk_host.h"

struct exo_dev {
	struct sim_disk *disk;
	bool readonly;
};

static struct sim_disk *disks;
static pthread_mutex_t disks_mutex = PTHREAD_MUTEX_INITIALIZER;

static struct sim_disk *find(const char *path)
{
	struct sim_disk *d;

	for (d = disks; d; d = d->next)
		if (!strcmp(d->path, path) || (d->alias && !strcmp(d->alias, path)))
			break;
	return d;
}

/* Takes img. */
static struct sim_disk *disk_make(const char *path, struct sim_image *img, u32 flags)
{
	struct sim_disk *d = calloc(1, sizeof(*d));

	if (!img || !d || !(d->path = strdup(path))) {
		sim_image_free(img);
		free(d);
		return NULL;
	}
	d->now = img;
	d->flags = flags;
	pthread_mutex_init(&d->mutex, NULL);
	pthread_mutex_lock(&disks_mutex);
	if (find(path)) {
		pthread_mutex_unlock(&disks_mutex);
		sim_disk_free(d);
		return NULL;
	}
	d->next = disks;
	disks = d;
	pthread_mutex_unlock(&disks_mutex);
	return d;
}

struct sim_disk *sim_disk_new(const char *path, u64 blocks, u32 flags)
{
	return disk_make(path, image_new(blocks), flags);
}

struct sim_disk *sim_disk_from(const char *path, const struct sim_image *img, u32 flags)
{
	return disk_make(path, image_copy(img), flags);
}

void sim_disk_free(struct sim_disk *d)
{
	struct sim_disk **at;

	if (!d)
		return;
	if (d->open)
		host_breach("a disk goes away while core has it open");
	pthread_mutex_lock(&disks_mutex);
	for (at = &disks; *at && *at != d; at = &(*at)->next)
		;
	if (*at)
		*at = d->next;
	pthread_mutex_unlock(&disks_mutex);
	log_drop(d);
	sim_image_free(d->now);
	pthread_mutex_destroy(&d->mutex);
	free(d->alias);
	free(d->path);
	free(d);
}

int sim_disk_alias(struct sim_disk *d, const char *path)
{
	int err = 0;

	pthread_mutex_lock(&disks_mutex);
	if (d->alias || find(path))
		err = -EEXIST;
	else if (!(d->alias = strdup(path)))
		err = -ENOMEM;
	pthread_mutex_unlock(&disks_mutex);
	return err;
}

bool sim_disk_opened(const struct sim_disk *d)
{
	return d->open;
}

void sim_disk_peek(struct sim_disk *d, u64 block, u32 offset, void *to, u32 bytes)
{
	if (block >= d->now->blocks || offset > 4096 || bytes > 4096 - offset)
		host_breach("sim_disk_peek outside the disk");
	pthread_mutex_lock(&d->mutex);
	memcpy(to, sim_image_block(d->now, block) + offset, bytes);
	pthread_mutex_unlock(&d->mutex);
}

void sim_disk_poke(struct sim_disk *d, u64 block, u32 offset, const void *from, u32 bytes)
{
	if (block >= d->now->blocks || offset > 4096 || bytes > 4096 - offset)
		host_breach("sim_disk_poke outside the disk");
	pthread_mutex_lock(&d->mutex);
	if (!image_write(d->now, block, offset, from, bytes))
		host_breach("no memory for a simulated disk");
	pthread_mutex_unlock(&d->mutex);
}

struct sim_image *sim_disk_image(struct sim_disk *d)
{
	struct sim_image *img;

	pthread_mutex_lock(&d->mutex);
	img = image_copy(d->now);
	pthread_mutex_unlock(&d->mutex);
	return img;
}

void sim_disk_fail(struct sim_disk *d, u32 ops, u64 first, u64 count, u64 skip, u64 times)
{
	pthread_mutex_lock(&d->mutex);
	d->fail.ops = ops;
	d->fail.first = first;
	d->fail.count = count;
	d->fail.skip = skip;
	d->fail.times = times ? times : ~0ull;
	pthread_mutex_unlock(&d->mutex);
}

void sim_disk_hook(struct sim_disk *d, void (*fn)(void *ctx, struct sim_disk *d, int op), void *ctx)
{
	d->hook = fn;
	d->hook_ctx = ctx;
}

/* Does the rule hit this one? Caller holds mutex. */
static bool failing(struct sim_disk *d, u32 op_bit, u64 block)
{
	if (!d->fail.count || !d->fail.times || !(d->fail.ops & op_bit))
		return false;
	if (op_bit != SIM_FAIL_FLUSH && (block < d->fail.first || block - d->fail.first >= d->fail.count))
		return false;
	if (d->fail.skip) {
		d->fail.skip--;
		return false;
	}
	if (d->fail.times != ~0ull)
		d->fail.times--;
	return true;
}

/* ---- plat.h ---- */

int exo_plat_open(const char *path, bool readonly, struct exo_dev **out)
{
	struct sim_disk *d;
	struct exo_dev *dev;
	int err = 0;

	host_unlocked("open");
	dev = exo_plat_alloc(sizeof(*dev));
	if (!dev)
		return -ENOMEM;
	pthread_mutex_lock(&disks_mutex);
	d = find(path);
	if (!d)
		err = -ENOENT;
	else if (d->flags & SIM_NOT_BLOCK)
		err = -ENOTBLK;
	else if (d->open || d->flags & SIM_MOUNTED)
		err = -EBUSY;
	else if (!readonly && d->flags & SIM_READONLY)
		err = -EROFS;
	else
		d->open = true;
	pthread_mutex_unlock(&disks_mutex);
	if (err) {
		exo_plat_free(dev);
		return err;
	}
	dev->disk = d;
	dev->readonly = readonly;
	*out = dev;
	return 0;
}

void exo_plat_close(struct exo_dev *dev)
{
	if (!dev)
		return;
	pthread_mutex_lock(&disks_mutex);
	dev->disk->open = false;
	pthread_mutex_unlock(&disks_mutex);
	exo_plat_free(dev);
}

u64 exo_plat_blocks(struct exo_dev *dev)
{
	return dev->disk->now->blocks;
}

u32 exo_plat_sector(struct exo_dev *dev)
{
	return dev->disk->flags & SIM_SECTOR_4K ? 4096 : 512;
}

bool exo_plat_volatile(struct exo_dev *dev)
{
	return dev->disk->flags & SIM_VOLATILE;
}

bool exo_plat_same(struct exo_dev *dev, const char *path)
{
	struct sim_disk *d;

	pthread_mutex_lock(&disks_mutex);
	d = find(path);
	pthread_mutex_unlock(&disks_mutex);
	return d == dev->disk;
}

static void check_seg(struct exo_dev *dev, int op, const struct exo_seg *s)
{
	if (s->block >= dev->disk->now->blocks)
		host_breach("I/O behind the end of the device");
	if (!s->sectors || s->first > 7 || s->sectors > 8 - s->first)
		host_breach("I/O with an impossible sector range");
	if (dev->disk->flags & SIM_SECTOR_4K && s->sectors != 8)
		host_breach("I/O below the device's logical block");
	if (op != EXO_OP_READ && dev->readonly)
		host_breach("write to a device opened read-only");
}

int exo_plat_io(struct exo_dev *dev, int op, const struct exo_seg *seg, u32 n, u64 *bad)
{
	struct sim_disk *d = dev->disk;
	bool fails;
	u32 i;

	host_unlocked("io");
	sched_point();
	if (op != EXO_OP_READ && op != EXO_OP_WRITE && op != EXO_OP_WRITE_FUA)
		host_breach("unknown I/O operation");
	if (d->hook)
		d->hook(d->hook_ctx, d, op);
	pthread_mutex_lock(&d->mutex);
	d->request++;
	for (i = 0; i < n; i++) {
		const struct exo_seg *s = &seg[i];
		u32 offset = s->first * 512u, bytes = s->sectors * 512u;

		check_seg(dev, op, s);
		fails = failing(d, 1u << op, s->block);
		if (!fails && op == EXO_OP_READ) {
			memcpy((u8 *)s->mem + offset, sim_image_block(d->now, s->block) + offset, bytes);
		} else if (op != EXO_OP_READ && (!fails || d->fail.ops & SIM_FAIL_DONE)) {
			if (!image_write(d->now, s->block, offset, (u8 *)s->mem + offset, bytes))
				host_breach("no memory for a simulated disk");
			log_add(d, op, s->block, s->first, s->sectors, (u8 *)s->mem + offset);
		}
		if (fails) {
			pthread_mutex_unlock(&d->mutex);
			if (bad)
				*bad = s->block;
			return -EIO;
		}
	}
	pthread_mutex_unlock(&d->mutex);
	sched_point();
	return 0;
}

int exo_plat_flush(struct exo_dev *dev)
{
	struct sim_disk *d = dev->disk;
	int err = 0;

	host_unlocked("flush");
	sched_point();
	if (d->hook)
		d->hook(d->hook_ctx, d, SIM_LOG_FLUSH);
	pthread_mutex_lock(&d->mutex);
	d->request++;
	if (failing(d, SIM_FAIL_FLUSH, 0))
		err = -EIO;
	else
		log_add(d, SIM_LOG_FLUSH, 0, 0, 0, NULL);
	pthread_mutex_unlock(&d->mutex);
	sched_point();
	return err;
}
