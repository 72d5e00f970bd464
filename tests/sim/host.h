/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* host.h: what the files of the simulator say to each other and to nobody else. */
#ifndef EXO_TESTS_SIM_HOST_H
#define EXO_TESTS_SIM_HOST_H

#include "sim.h"

void host_breach(const char *what) __attribute__((noreturn)); /* core broke the contract: say so and abort */
void host_unlocked(const char *hook);			      /* breach if this thread holds a lock */
bool host_locked(void);				      /* this thread holds a lock */
void host_zap(void);					      /* do the zaps that this thread has gathered */
void crew_reset(void);
void steady_reset(u64 seed);
void crew_breathe(void); /* in a job whose threads run free: let the others get on */

/* memcpy that survives bad addresses on either side: false. Pool addresses fault as in an application. */
bool host_copy(void *to, const void *from, size_t bytes);

/* A fresh read-only mapping of what exo_plat_alloc_shared gave; NULL with errno. */
void *host_map_shared(void *base, size_t bytes);

/* Under sim_threads: whether this thread is one of them; give others a chance to go on; block; make the blocked ready.
 */
bool sched_on(void);
void sched_point(void);
void sched_block(const void *on, bool waits);
void sched_ready(const void *on, bool waits);

#endif
