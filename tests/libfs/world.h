/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* world.h: a simulated disk with kmod/core, libexo and a cffs tree on it, in one process. Failures end the process with
 * a line. */
#ifndef TESTS_LIBFS_WORLD_H
#define TESTS_LIBFS_WORLD_H

#include <stdio.h>
#include <stdlib.h>
#include <libexo-fs.h>
#include "../sim/sim.h"
#include "want.h"

struct world {
	struct exo_core *core;
	struct sim_disk *disk;
	struct exo *x; /* the administrator's handle */
	u32 number;    /* of the disk */
};

void world_start(struct world *w, u32 frames, u64 blocks, u32 disk_flags, u64 seed);
const char *world_type(void);
void world_pass(u32 seconds); /* time goes on */
void world_mkfs(struct world *w, const char *name, u64 quota);
struct exo *world_handle(struct world *w); /* another env of root; exo_close it */
struct exo_fs *world_open(struct world *w, struct exo *x, const char *name);
void world_attach(struct world *w);		  /* WALK */
void world_detach(struct world *w, bool discard); /* closes w->x as well; attach opens it anew */
void world_stop(struct world *w);
/* The tree has no problem, else FAIL. */
void world_check(struct exo_fs *fs);
void world_no_quarantine(struct world *w);

#endif
