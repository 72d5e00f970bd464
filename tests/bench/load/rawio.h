/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Raw block I/O through one of several kernel interfaces, with one loop around all of them. */
#ifndef EXO_BENCH_RAWIO_H
#define EXO_BENCH_RAWIO_H

#include <stdbool.h>
#include <stdint.h>

#define RAW_BLOCK 4096u
#define RAW_MAX_DEPTH 256u
#define RAW_MAX_BLOCKS 64u

struct raw_slot {
	char *page[RAW_MAX_BLOCKS]; /* where the operation's blocks lie, set by the engine's open */
	uint64_t block;		    /* of the operation that runs in it */
	int result;		    /* bytes, or -errno, when it has ended */
	bool ended;
};

struct raw_job {
	const char *target; /* path of the device; for exo, as attached */
	bool write;
	uint32_t depth;	 /* slots */
	uint32_t blocks; /* of one operation */
	uint64_t span;	 /* blocks of the area, from the device's or the volume's start */
	struct raw_slot slots[RAW_MAX_DEPTH];
};

/*
 * open prepares everything, so that nothing is allocated while it is measured. queue gives slot `i` to the engine; a
 * synchronous one (max_depth 1) does it at once. wait hands over what is queued and returns when one operation or more
 * has ended, setting the slots' result and ended; it returns 0 or -errno.
 */
struct raw_engine {
	const char *name;
	uint32_t max_depth;
	int (*open)(struct raw_job *job);
	int (*queue)(struct raw_job *job, uint32_t i);
	int (*wait)(struct raw_job *job);
};

extern const struct raw_engine raw_linux[]; /* ends with a NULL name */
extern const struct raw_engine raw_exo[];   /* the same */

/* Formats `target`, attaches it and makes a raw volume of `span` blocks. 0, or -errno after a sentence on stderr. */
int raw_exo_prepare(const char *target, uint64_t span);
int raw_exo_finish(const char *target); /* detaches */

#endif
