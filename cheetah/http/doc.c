// SPDX-License-Identifier: GPL-2.0 OR MIT
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "date.h"
#include "doc.h"

static uint32_t hash_of(const char *s, size_t n)
{
	uint32_t h = 2166136261u;

	while (n--)
		h = (h ^ (uint8_t)*s++) * 16777619u;
	return h ^ h >> 15;
}

int doc_cache_init(struct doc_cache *c, struct store *store, struct stats *stats, unsigned limit, unsigned ttl_ms,
		   bool ready_heads)
{
	unsigned size = 16;

	*c = (struct doc_cache){
		.store = store, .stats = stats, .limit = limit, .ttl_ms = ttl_ms, .ready_heads = ready_heads};
	while (size < limit * 2u && size < 1u << 20)
		size *= 2;
	c->mask = size - 1;
	c->table = calloc(size, sizeof(*c->table));
	return c->table ? 0 : -ENOMEM;
}

static void release(struct doc *d)
{
	if (--d->refs)
		return;
	d->file->ops->close(d->file);
	free(d);
}

static void lru_remove(struct doc_cache *c, struct doc *d)
{
	*(d->newer ? &d->newer->older : &c->newest) = d->older;
	*(d->older ? &d->older->newer : &c->oldest) = d->newer;
}

static void lru_add(struct doc_cache *c, struct doc *d)
{
	d->newer = NULL;
	d->older = c->newest;
	*(c->newest ? &c->newest->newer : &c->oldest) = d;
	c->newest = d;
}

void doc_forget(struct doc_cache *c, struct doc *d)
{
	struct doc **at = &c->table[d->hash & c->mask];

	if (!d->cached)
		return;
	while (*at != d)
		at = &(*at)->hash_next;
	*at = d->hash_next;
	lru_remove(c, d);
	d->cached = false;
	c->count--;
	release(d);
}

void doc_cache_destroy(struct doc_cache *c)
{
	while (c->oldest)
		doc_forget(c, c->oldest);
	free(c->table);
	c->table = NULL;
}

void doc_put(struct doc_cache *c, struct doc *d)
{
	release(d);
}

void doc_sweep(struct doc_cache *c, uint64_t now_ms)
{
	while (c->oldest && now_ms - c->oldest->used_ms >= DOC_IDLE_MS)
		doc_forget(c, c->oldest);
}

/* The sizes of head and etag hold the longest values: MIME_MAX, three 64-bit numbers in hex, one in decimal. */
static void render(struct doc *d)
{
	char date[DATE_LEN];
	int n;

	n = snprintf(d->head, sizeof(d->head), "Content-Type: %s\r\n", mime_type(d->path, d->path_len));
	d->type_len = (uint16_t)n;
	if (d->modified >= 0 && date_format(date, d->modified))
		n += snprintf(d->head + n, sizeof(d->head) - (size_t)n, "Last-Modified: %.*s\r\n", DATE_LEN, date);
	n += snprintf(d->head + n, sizeof(d->head) - (size_t)n, "ETag: %s\r\nAccept-Ranges: bytes\r\n", d->etag);
	d->meta_len = (uint16_t)n;
	n += snprintf(d->head + n, sizeof(d->head) - (size_t)n, "Content-Length: %" PRIu64 "\r\n", d->size);
	d->all_len = (uint16_t)n;
}

static void describe(struct doc *d, int64_t now)
{
	const struct stat *st = &d->file->st;
	uint64_t ns = (uint64_t)st->st_mtim.tv_sec * 1000000000u + (uint64_t)st->st_mtim.tv_nsec;

	d->size = (uint64_t)st->st_size;
	/* A time to come is not sent (RFC 9110 section 8.8.2.1). */
	d->modified = st->st_mtim.tv_sec < now ? st->st_mtim.tv_sec : now;
	if (d->modified < 0 || d->modified > DATE_MAX)
		d->modified = -1;
	d->etag_len = (uint16_t)snprintf(d->etag, sizeof(d->etag), "\"%" PRIx64 "-%" PRIx64 "-%" PRIx64 "\"",
					 (uint64_t)st->st_ino, d->size, ns);
	render(d);
}

int doc_open(struct doc_cache *c, const char *path, size_t len, uint64_t now_ms, int64_t now, struct doc **out)
{
	uint32_t h = hash_of(path, len);
	struct doc *d;
	int err;

	for (d = c->table[h & c->mask]; d; d = d->hash_next)
		if (d->hash == h && d->path_len == len && !memcmp(d->path, path, len))
			break;
	if (d && now_ms - d->checked_ms >= c->ttl_ms) {
		struct stat st;

		if (c->store->ops->stat(c->store, path, &st) || !store_same(&st, &d->file->st)) {
			doc_forget(c, d);
			d = NULL;
		} else {
			d->checked_ms = now_ms;
		}
	}
	if (d) {
		c->stats->doc_hits++;
		d->used_ms = now_ms;
		if (d != c->newest) {
			lru_remove(c, d);
			lru_add(c, d);
		}
		d->refs++;
		if (!c->ready_heads)
			render(d);
		*out = d;
		return 0;
	}
	d = calloc(1, sizeof(*d) + len + 1);
	if (!d)
		return -ENOMEM;
	err = c->store->ops->open(c->store, path, &d->file);
	if (err) {
		free(d);
		return err;
	}
	c->stats->doc_opens++;
	memcpy(d->path, path, len + 1);
	d->path_len = (uint32_t)len;
	d->hash = h;
	d->refs = 1;
	d->checked_ms = d->used_ms = now_ms;
	describe(d, now);
	if (c->limit) {
		if (c->count == c->limit)
			doc_forget(c, c->oldest);
		d->refs++;
		d->cached = true;
		d->hash_next = c->table[h & c->mask];
		c->table[h & c->mask] = d;
		lru_add(c, d);
		c->count++;
	}
	*out = d;
	return 0;
}
