/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * handle.h: what the library's files share. Internal.
 *
 * Members of struct exo are set by exo_open_with and then never change, except the free maps: `lock` guards
 * those. A free map that was replaced stays mapped (and listed in `retired`) until exo_close, because callers
 * may still hold its address.
 */
#ifndef LIBEXO_HANDLE_H
#define LIBEXO_HANDLE_H

#include <pthread.h>
#include "transport.h"

struct exo_area {
	void *addr;
	size_t len;		/* bytes mapped */
};

struct exo_retired {
	struct exo_retired *next;
	struct exo_area area;
};

struct exo {
	const struct exo_transport *t;
	void *ctx;
	int fd;			/* of the device, or -1 under another transport */
	struct exo_query facts;
	struct exo_view view;
	struct exo_area reg;
	struct exo_area stats;
	struct exo_area pool;
	pthread_mutex_t lock;
	struct exo_area freemap[EXO_MAX_DISKS];
	struct exo_retired *retired;
};

/*
 * Fill in `head` (size, everything else of it zero but the flags), make the call, and on failure fill in why.
 * Every struct of the contract starts with its exo_head, so arg == head. 0 or -errno.
 */
int exo_do(struct exo *x, uint32_t nr, struct exo_head *head, size_t size, uint32_t flags, struct exo_why *why);

#define EXO_DO(x, nr, arg, flags, why) exo_do(x, nr, &(arg)->head, sizeof(*(arg)), flags, why)

/* As exo_do's failure, for what the library itself refuses. Returns err. */
int exo_refuse(struct exo_why *why, uint32_t call, int err, uint32_t code, uint64_t detail);

/* Move the first ranges of an answer into why. `have` is how many there are, `room` how many were written. */
void exo_why_ranges(struct exo_why *why, const struct exo_range *ranges, uint32_t have, uint32_t room);

/* Map a whole area whose head says how long it is. 0 or -errno. */
int exo_map_area(struct exo *x, uint64_t off, uint64_t magic, size_t least, struct exo_area *out);

/* A disk number of this handle was detached or attached: its free map must be mapped anew. */
void exo_freemap_forget(struct exo *x, uint32_t disk);

/* transport.c */
extern const struct exo_transport exo_device_transport;

#endif
