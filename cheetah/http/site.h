/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* site.h: what all sessions of one worker share. One thread; no locks. */
#ifndef CHEETAH_SITE_H
#define CHEETAH_SITE_H

#include "date.h"
#include "doc.h"
#include "log.h"
#include "stats.h"

#define SITE_BOUNCE 65536u
#define SITE_BOUNDARY 32u

struct site {
	struct store *store;
	struct doc_cache docs;
	struct stats *stats;
	struct log *log;

	bool listing;	       /* directories without index.html are listed */
	bool peek;	       /* bodies are sent from the cache itself; off: through `bounce` */
	bool draining;	       /* no further request on any connection */
	unsigned max_requests; /* on one connection */

	int64_t now;	     /* seconds, for dates */
	uint64_t now_ms;     /* monotonic */
	char date[DATE_LEN]; /* of `now` */

	uint64_t boundaries;	      /* multipart boundaries handed out */
	char boundary[SITE_BOUNDARY]; /* random half of each; unknown to who wrote the documents */

	uint64_t said_ms; /* for the limit on error messages */
	unsigned said;
	char bounce[SITE_BOUNCE];
};

/* Random boundary, first date. The caller has filled in the rest. 0 or -errno. */
int site_init(struct site *s);

/* Read the clocks; call after each wait. */
void site_tick(struct site *s);

/* A line on standard error, at most ten in a second. */
void site_complain(struct site *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
