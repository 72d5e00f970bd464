/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* disk_host.h: a simulated disk from inside, for disk.c (the device) and crash.c (its log). */
#ifndef EXO_TESTS_SIM_DISK_HOST_H
#define EXO_TESTS_SIM_DISK_HOST_H

#include <pthread.h>
#include "host.h"

/* An image may stand on another, which nobody changes as long as one does: states of one history share its past. */
struct sim_image {
	u64 blocks;
	u32 refs;		 /* its owner, and images that stand on it */
	struct sim_image *under; /* holds what `page` has not; NULL: zeroes */
	u8 **page;		 /* [blocks] */
	bool printed;		 /* print is kept up to date */
	u64 print;
};

struct sim_disk {
	struct sim_disk *next;
	char *path, *alias;
	u32 flags; /* SIM_* */
	bool open;
	pthread_mutex_t mutex;	/* everything below */
	struct sim_image *now;	/* what reads see */
	struct sim_image *base; /* what the log starts from; NULL: no log */
	struct sim_log *log;
	size_t nlog, room;
	struct sim_image *past; /* base and the first npast entries: where the crash state before this one began; NULL: none */
	size_t npast;
	u64 request; /* number of the last one */
	struct {
		u32 ops;
		u64 first, count, skip, times;
	} fail;
	void (*hook)(void *ctx, struct sim_disk *d, int op);
	void *hook_ctx;
};

struct sim_image *image_new(u64 blocks);
struct sim_image *image_copy(const struct sim_image *from);
bool image_write(struct sim_image *img, u64 block, u32 offset, const void *from, u32 bytes); /* false: no memory */
/* Adds an entry; data may be NULL. Caller holds mutex. Without memory it ends the process: a log with holes proves
 * nothing. */
void log_add(struct sim_disk *d, int op, u64 block, u16 first, u16 sectors, const void *data);
void log_drop(struct sim_disk *d);

#endif
