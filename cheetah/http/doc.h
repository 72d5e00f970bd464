/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * doc.h: open documents, kept open between requests, with the header lines that depend on the document alone ready to
 * be sent.
 *
 * A document found in the cache is compared with the store's stat once it was last compared more than `ttl` ms ago, so
 * a change is visible after that time at the latest; with ttl 0 at every request. Documents unused for DOC_IDLE_MS are
 * closed, so that a deleted file's blocks are not held for ever. The cache owns its documents; who holds a reference
 * keeps it usable past eviction.
 */
#ifndef CHEETAH_DOC_H
#define CHEETAH_DOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "../store/store.h"
#include "mime.h"
#include "stats.h"

#define DOC_IDLE_MS 10000u

struct doc {
	struct store_file *file;
	uint64_t size;
	int64_t modified; /* as sent; -1: not sent, the store's time is no HTTP date */
	uint16_t type_len, meta_len,
		all_len; /* head[0..type): Content-Type; ..meta): validators; ..all): Content-Length */
	uint16_t etag_len;
	char etag[56];
	char head[320];

	/* the cache's */
	struct doc *hash_next, *newer, *older;
	uint64_t checked_ms, used_ms;
	uint32_t refs, hash, path_len;
	bool cached;
	char path[]; /* NUL-terminated */
};

struct doc_cache {
	struct store *store;
	struct stats *stats;
	unsigned limit; /* documents kept open; 0: no cache */
	unsigned ttl_ms;
	bool ready_heads; /* off: the header lines are made for each response */
	unsigned count, mask;
	struct doc **table;
	struct doc *newest, *oldest;
};

/* 0 or -ENOMEM. */
int doc_cache_init(struct doc_cache *c, struct store *store, struct stats *stats, unsigned limit, unsigned ttl_ms,
		   bool ready_heads);
void doc_cache_destroy(struct doc_cache *c);

/* Open `path` and take a reference. now is the date for Last-Modified's upper bound, in seconds. 0 or -errno. */
int doc_open(struct doc_cache *c, const char *path, size_t len, uint64_t now_ms, int64_t now, struct doc **out);
void doc_put(struct doc_cache *c, struct doc *d);

/* It turned out to be unusable: the next request for its path opens it anew. */
void doc_forget(struct doc_cache *c, struct doc *d);

/* Close what has been idle too long; call about once a second. */
void doc_sweep(struct doc_cache *c, uint64_t now_ms);

#endif
