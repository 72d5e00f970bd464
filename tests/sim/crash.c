// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * crash.c: what a power cut can leave on a simulated disk. The model of a device:
 *  - a completed flush makes every write that completed before it durable; FUA makes its own write durable at
 * completion; without a volatile cache every write is durable at completion;
 *  - what is not durable may land or not, each write by itself: that is every reordering which the device may choose,
 *    except that of two landed writes of one sector the later one stays;
 *  - a write that lands may be torn, at the grain of a logical block of the device and in any pattern.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include "disk_host.h"

static const u8 zeroes[4096];

struct sim_image *image_new(u64 blocks)
{
	struct sim_image *img = calloc(1, sizeof(*img));

	if (!img)
		return NULL;
	img->blocks = blocks;
	img->page = calloc(blocks ? blocks : 1, sizeof(*img->page));
	if (!img->page) {
		free(img);
		return NULL;
	}
	return img;
}

void sim_image_free(struct sim_image *img)
{
	u64 i;

	if (!img)
		return;
	for (i = 0; i < img->blocks; i++)
		free(img->page[i]);
	free(img->page);
	free(img);
}

bool image_write(struct sim_image *img, u64 block, u32 offset, const void *from, u32 bytes)
{
	u8 **page = &img->page[block];

	if (!*page) {
		*page = calloc(1, 4096);
		if (!*page)
			return false;
	}
	memcpy(*page + offset, from, bytes);
	return true;
}

struct sim_image *image_copy(const struct sim_image *from)
{
	struct sim_image *img = image_new(from->blocks);
	u64 i;

	for (i = 0; img && i < from->blocks; i++) {
		if (from->page[i] && !image_write(img, i, 0, from->page[i], 4096)) {
			sim_image_free(img);
			return NULL;
		}
	}
	return img;
}

u64 sim_image_blocks(const struct sim_image *img)
{
	return img->blocks;
}

const u8 *sim_image_block(const struct sim_image *img, u64 block)
{
	return img->page[block] ? img->page[block] : zeroes;
}

/* ---- log ---- */

void log_drop(struct sim_disk *d)
{
	size_t i;

	for (i = 0; i < d->nlog; i++)
		free(d->log[i].data);
	free(d->log);
	sim_image_free(d->base);
	d->log = NULL;
	d->base = NULL;
	d->nlog = d->room = 0;
}

int sim_log_start(struct sim_disk *d)
{
	int err = 0;

	pthread_mutex_lock(&d->mutex);
	log_drop(d);
	d->base = image_copy(d->now);
	if (!d->base)
		err = -ENOMEM;
	pthread_mutex_unlock(&d->mutex);
	return err;
}

void log_add(struct sim_disk *d, int op, u64 block, u16 first, u16 sectors, const void *data)
{
	struct sim_log *l;

	if (!d->base)
		return;
	if (d->nlog == d->room) {
		size_t room = d->room ? d->room * 2 : 256;

		l = realloc(d->log, room * sizeof(*l));
		if (!l)
			host_breach("no memory for a disk's log");
		d->log = l;
		d->room = room;
	}
	l = &d->log[d->nlog];
	*l = (struct sim_log){.op = op, .first = first, .sectors = sectors, .request = d->request, .block = block};
	if (data) {
		l->data = malloc(sectors * 512u);
		if (!l->data)
			host_breach("no memory for a disk's log");
		memcpy(l->data, data, sectors * 512u);
	}
	d->nlog++;
}

size_t sim_log_len(struct sim_disk *d)
{
	size_t n;

	pthread_mutex_lock(&d->mutex);
	n = d->nlog;
	pthread_mutex_unlock(&d->mutex);
	return n;
}

const struct sim_log *sim_log_at(struct sim_disk *d, size_t i)
{
	return i < d->nlog ? &d->log[i] : NULL;
}

/* ---- crash states ---- */

/* Entries [0, last) concern a power cut at `cut`: those of a request that the cut splits are all under way. */
static size_t last_issued(struct sim_disk *d, size_t cut)
{
	size_t last = cut;

	if (cut > 0)
		while (last < d->nlog && d->log[last].request == d->log[cut - 1].request)
			last++;
	return last;
}

/* Entry i of [0, last) was surely on the medium at the cut. `flushed`: entries before it are covered by a flush. */
static bool settled(struct sim_disk *d, size_t i, size_t cut, size_t last, size_t flushed)
{
	const struct sim_log *l = &d->log[i];

	if (i < flushed)
		return true;
	if (last > cut && l->request == d->log[cut].request)
		return false;
	return !(d->flags & SIM_VOLATILE) || l->op == EXO_OP_WRITE_FUA;
}

static size_t covered(struct sim_disk *d, size_t cut)
{
	while (cut && d->log[cut - 1].op != SIM_LOG_FLUSH)
		cut--;
	return cut;
}

size_t sim_crash_pending(struct sim_disk *d, size_t cut, size_t *index, size_t room)
{
	size_t i, n = 0, last, flushed;

	if (cut > d->nlog)
		host_breach("a crash behind the end of the log");
	last = last_issued(d, cut);
	flushed = covered(d, cut);
	for (i = flushed; i < last; i++) {
		if (d->log[i].op == SIM_LOG_FLUSH || settled(d, i, cut, last, flushed))
			continue;
		if (index && n < room)
			index[n] = i;
		n++;
	}
	return n;
}

struct sim_image *sim_crash_image(struct sim_disk *d, size_t cut, const u8 *land, size_t nland)
{
	size_t i, n = 0, last, flushed;
	struct sim_image *img;
	u16 s;

	if (!d->base || cut > d->nlog)
		host_breach("a crash without a log, or behind its end");
	img = image_copy(d->base);
	if (!img)
		return NULL;
	last = last_issued(d, cut);
	flushed = covered(d, cut);
	for (i = 0; i < last; i++) {
		const struct sim_log *l = &d->log[i];
		u8 mask = 0xff;

		if (l->op == SIM_LOG_FLUSH)
			continue;
		if (!settled(d, i, cut, last, flushed)) {
			if (land && n >= nland)
				host_breach("sim_crash_image needs a choice for every pending write");
			mask = land ? land[n] : 0xff;
			n++;
		}
		for (s = 0; s < l->sectors; s++) {
			if (!(mask >> (l->first + s) & 1))
				continue;
			if (!image_write(img, l->block, (l->first + s) * 512u, l->data + s * 512u, 512)) {
				sim_image_free(img);
				return NULL;
			}
		}
	}
	return img;
}

void sim_crash_draw(struct sim_disk *d, size_t cut, u64 seed, u8 *land, size_t nland)
{
	size_t i, n = sim_crash_pending(d, cut, NULL, 0);
	bool tears = !(d->flags & SIM_SECTOR_4K);

	for (i = 0; i < nland && i < n; i++) {
		u64 r = sim_random(&seed);

		switch (r & 3) {
		case 0:
			land[i] = 0;
			break;
		case 1:
			land[i] = tears ? r >> 8 : 0;
			break;
		default:
			land[i] = 0xff;
		}
	}
}
