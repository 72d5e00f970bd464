/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * stats.h: counters. Each worker writes its own, in memory shared with the supervisor, and never waits; whoever prints
 * adds them up. A sum taken while workers run may be a request or two apart from itself.
 */
#ifndef CHEETAH_STATS_H
#define CHEETAH_STATS_H

#include <stdint.h>
#include <stdio.h>
#include "status.h"

struct stats {
	uint64_t accepted; /* connections */
	uint64_t closed;
	uint64_t refused;	 /* connections answered 503 because all places were taken */
	uint64_t evicted;	 /* idle connections closed to make room */
	uint64_t requests;	 /* heads answered, well formed or not */
	uint64_t reused;	 /* requests on a connection that had carried one before */
	uint64_t response_bytes; /* sent, heads included */
	uint64_t aborted;	 /* responses cut short: the client left, or the document failed */
	uint64_t timeout_head;	 /* head not complete in time */
	uint64_t timeout_idle;
	uint64_t timeout_send; /* the client read too slowly */
	uint64_t doc_hits;     /* open documents found in the cache */
	uint64_t doc_opens;
	uint64_t reads; /* system calls on connections */
	uint64_t writes;
	uint64_t writes_short; /* the socket took less than offered */
	uint64_t faults;       /* a peeked frame was gone when the kernel read it */
	uint64_t waits;	       /* epoll_wait calls */
	uint64_t status[STATUS_COUNT];
};

/* Sum of n workers' counters, one "name value" a line. */
void stats_print(FILE *to, const struct stats *s, unsigned n);

#endif
