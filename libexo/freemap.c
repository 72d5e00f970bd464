// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * freemap.c: the mapped free map of a disk, and searching it.
 *
 * A disk number can be detached and attached again while a handle lives, by this process or by another. The module
 * then gives the number a new area; the old one is kept alive by its mappings, with its magic cleared. So a mapping
 * is checked at each exo_freemap and replaced when it is dead; the old address stays readable until exo_close.
 */
#include <errno.h>
#include <stdlib.h>
#include "handle.h"

/* With x->lock held. On failure to note the area for exo_close it stays mapped: an address may be in use. */
static void retire(struct exo *x, uint32_t disk)
{
	struct exo_area *a = &x->freemap[disk];
	struct exo_retired *r;

	if (!a->addr)
		return;
	r = malloc(sizeof(*r));
	if (r) {
		r->area = *a;
		r->next = x->retired;
		x->retired = r;
	}
	a->addr = NULL;
}

void exo_freemap_forget(struct exo *x, uint32_t disk)
{
	if (disk >= EXO_MAX_DISKS)
		return;
	pthread_mutex_lock(&x->lock);
	retire(x, disk);
	pthread_mutex_unlock(&x->lock);
}

static int map_disk(struct exo *x, uint32_t disk)
{
	struct exo_area *a = &x->freemap[disk];
	const struct exo_freemap_head *m;
	int err;

	err = exo_map_area(x, EXO_MAP_FREEMAP(disk), EXO_MAGIC_FREEMAP, sizeof(*m), a);
	if (err)
		return err;
	m = a->addr;
	if (m->bits_off % 8 || m->bits_off > m->head.bytes || m->blocks > UINT64_MAX - 63 ||
	    (m->blocks + 63) / 64 > (m->head.bytes - m->bits_off) / 8) {
		x->t->unmap(x->ctx, a->addr, a->len);
		a->addr = NULL;
		return -EPROTO;
	}
	return 0;
}

const struct exo_freemap_head *exo_freemap(struct exo *x, uint32_t disk)
{
	const struct exo_freemap_head *m;
	int err = 0;

	if (disk >= EXO_MAX_DISKS) {
		errno = ENOENT;
		return NULL;
	}
	pthread_mutex_lock(&x->lock);
	m = x->freemap[disk].addr;
	if (m && __atomic_load_n(&m->head.magic, __ATOMIC_ACQUIRE) != EXO_MAGIC_FREEMAP)
		retire(x, disk);
	if (!x->freemap[disk].addr)
		err = map_disk(x, disk);
	m = x->freemap[disk].addr;
	pthread_mutex_unlock(&x->lock);
	if (err)
		errno = -err;
	return m;
}

static uint64_t word_at(const struct exo_freemap_head *m, uint64_t index)
{
	const uint64_t *bits = (const uint64_t *)((const char *)m + m->bits_off);

	return __atomic_load_n(&bits[index], __ATOMIC_RELAXED);
}

/* First block at or after `from` and before `end` whose bit is `value`; `end` if there is none. */
static uint64_t scan(const struct exo_freemap_head *m, uint64_t from, uint64_t end, bool value)
{
	while (from < end) {
		uint64_t word = word_at(m, from / 64);

		if (!value)
			word = ~word;
		word >>= from % 64;
		if (word) {
			from += __builtin_ctzll(word);
			return from < end ? from : end;
		}
		from = (from / 64 + 1) * 64;
	}
	return end;
}

/*
 * Both searches look at [near, blocks) and then at [first, ...) up to where a run that starts before `near` may
 * end. A run does not wrap around the disk's end.
 */
uint64_t exo_free_run(const struct exo_freemap_head *m, uint64_t near, uint64_t want, uint64_t *start)
{
	uint64_t end = m->blocks, at, stop;

	if (!want)
		return 0;
	if (near >= end || near < m->first)
		near = m->first < end ? m->first : end;
	at = scan(m, near, end, true);
	if (at == end) {
		at = scan(m, m->first, near, true);
		if (at == near)
			return 0;
	}
	stop = want < end - at ? at + want : end;
	*start = at;
	/* The bit at `at` may have changed meanwhile: it was free when it was seen, so report at least that block. */
	return scan(m, at + 1, stop, false) - at;
}

static bool exact(const struct exo_freemap_head *m, uint64_t from, uint64_t before, uint64_t want, uint64_t *start)
{
	uint64_t end = m->blocks;

	while (from < before) {
		uint64_t at = scan(m, from, before, true), stop;

		if (at == before || want > end - at)
			return false;
		stop = scan(m, at, at + want, false);
		if (stop == at + want) {
			*start = at;
			return true;
		}
		from = stop + 1;
	}
	return false;
}

bool exo_free_exact(const struct exo_freemap_head *m, uint64_t near, uint64_t want, uint64_t *start)
{
	if (!want || want > m->blocks || m->first >= m->blocks)
		return false;
	if (near >= m->blocks || near < m->first)
		near = m->first;
	return exact(m, near, m->blocks, want, start) || exact(m, m->first, near, want, start);
}
