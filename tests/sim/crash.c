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
	img->refs = 1;
	img->page = calloc(blocks ? blocks : 1, sizeof(*img->page));
	if (!img->page) {
		free(img);
		return NULL;
	}
	return img;
}

/* An empty one on `under`. */
static struct sim_image *image_over(struct sim_image *under)
{
	struct sim_image *img = image_new(under->blocks);

	if (img) {
		img->under = under;
		__atomic_fetch_add(&under->refs, 1, __ATOMIC_RELAXED);
	}
	return img;
}

void sim_image_free(struct sim_image *img)
{
	u64 i;

	if (!img || __atomic_sub_fetch(&img->refs, 1, __ATOMIC_ACQ_REL))
		return;
	for (i = 0; i < img->blocks; i++)
		free(img->page[i]);
	free(img->page);
	sim_image_free(img->under);
	free(img);
}

static u64 mix(u64 z)
{
	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
	return z ^ (z >> 31);
}

/* 0 for zeroes, wherever they are. */
static u64 page_print(u64 block, const u8 *page)
{
	u64 a[4] = {1, 2, 3, 4}, word[4];
	u32 i, k;

	if (!memcmp(page, zeroes, 4096))
		return 0;
	for (i = 0; i < 4096; i += sizeof(word)) {
		memcpy(word, page + i, sizeof(word));
		for (k = 0; k < 4; k++) {
			a[k] = (a[k] ^ word[k]) * 0x9E3779B97F4A7C15ull;
			a[k] ^= a[k] >> 29;
		}
	}
	for (k = 0; k < 4; k++)
		block = mix(block + a[k]);
	return block;
}

u64 sim_image_print(struct sim_image *img)
{
	u64 i, sum = img->under ? sim_image_print(img->under) : 0;

	if (img->printed)
		return img->print;
	for (i = 0; i < img->blocks; i++)
		if (img->page[i])
			sum += page_print(i, img->page[i]) - (img->under ? page_print(i, sim_image_block(img->under, i)) : 0);
	/* Of one that stands on another the sum would not follow that one's. */
	img->printed = !img->under;
	img->print = sum;
	return sum;
}

bool image_write(struct sim_image *img, u64 block, u32 offset, const void *from, u32 bytes)
{
	u8 **page = &img->page[block];

	if (img->printed)
		img->print -= page_print(block, sim_image_block(img, block));

	if (!*page) {
		u8 *new = malloc(4096);

		if (!new)
			return false;
		if (bytes < 4096)
			memcpy(new, sim_image_block(img, block), 4096);
		*page = new;
	}
	memcpy(*page + offset, from, bytes);
	if (img->printed)
		img->print += page_print(block, *page);
	return true;
}

struct sim_image *image_copy(const struct sim_image *from)
{
	struct sim_image *img = from->under ? image_over(from->under) : image_new(from->blocks);
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
	for (; img; img = img->under)
		if (img->page[block])
			return img->page[block];
	return zeroes;
}

/* ---- log ---- */

void log_drop(struct sim_disk *d)
{
	size_t i;

	for (i = 0; i < d->nlog; i++)
		free(d->log[i].data);
	free(d->log);
	sim_image_free(d->base);
	sim_image_free(d->past);
	d->log = NULL;
	d->base = d->past = NULL;
	d->nlog = d->room = d->npast = 0;
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

static bool apply(struct sim_image *img, const struct sim_log *l, u8 mask)
{
	u16 s;

	if (l->op == SIM_LOG_FLUSH)
		return true;
	if (l->sectors == 8 && mask == 0xff)
		return image_write(img, l->block, 0, l->data, 4096);
	for (s = 0; s < l->sectors; s++)
		if (mask >> (l->first + s) & 1 &&
		    !image_write(img, l->block, (l->first + s) * 512u, l->data + s * 512u, 512))
			return false;
	return true;
}

/* The image after the first n entries, all of them settled: on from that of the last state, or from the base. */
static struct sim_image *past_image(struct sim_disk *d, size_t n)
{
	if (d->past && (d->npast > n || __atomic_load_n(&d->past->refs, __ATOMIC_ACQUIRE) > 1)) {
		sim_image_free(d->past);
		d->past = NULL;
	}
	if (!d->past) {
		d->past = image_copy(d->base);
		d->npast = 0;
	}
	for (; d->past && d->npast < n; d->npast++)
		if (!apply(d->past, &d->log[d->npast], 0xff))
			return NULL;
	return d->past;
}

struct sim_image *sim_crash_image(struct sim_disk *d, size_t cut, const u8 *land, size_t nland)
{
	size_t i, n = 0, last, flushed;
	struct sim_image *img, *past;

	if (!d->base || cut > d->nlog)
		host_breach("a crash without a log, or behind its end");
	last = last_issued(d, cut);
	flushed = covered(d, cut);
	for (i = flushed; i < last && (d->log[i].op == SIM_LOG_FLUSH || settled(d, i, cut, last, flushed)); i++)
		;
	past = past_image(d, i);
	img = past ? image_over(past) : NULL;
	for (; img && i < last; i++) {
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
		if (!apply(img, l, mask)) {
			sim_image_free(img);
			return NULL;
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
