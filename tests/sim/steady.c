// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * steady.c: what a library in the simulator asks the system for, and would get otherwise each time. A program that links
 * with $(SIM_STEADY) gets the same numbers in each run, so that a history is a function of its seed; and its past can
 * have happened in a process that is gone.
 */
#include <stdatomic.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "host.h"

#define NO_PROCESS 4194304 /* no Linux has a process with this number or a higher one */

static atomic_ullong numbers, moments;
static atomic_bool gone;

ssize_t __wrap_getrandom(void *buf, size_t bytes, unsigned int flags);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ts);
pid_t __wrap_getpid(void);

void steady_reset(u64 seed)
{
	atomic_store(&numbers, seed);
	atomic_store(&moments, 0);
}

ssize_t __wrap_getrandom(void *buf, size_t bytes, unsigned int flags)
{
	u8 *p = buf;
	size_t i;

	for (i = 0; i < bytes; i++) {
		u64 state = atomic_fetch_add(&numbers, 1);

		p[i] = (u8)sim_random(&state);
	}
	return (ssize_t)bytes;
}

/* From the same day as exo_plat_wall_ns, a microsecond on at each look. */
int __wrap_clock_gettime(clockid_t clock, struct timespec *ts)
{
	u64 us = atomic_fetch_add(&moments, 1);

	ts->tv_sec = (time_t)(1795392000 + us / 1000000);
	ts->tv_nsec = (long)(us % 1000000 * 1000);
	return 0;
}

pid_t __wrap_getpid(void)
{
	pid_t mine = (pid_t)syscall(SYS_getpid);

	return atomic_load(&gone) ? NO_PROCESS + mine : mine;
}

void sim_pid_gone(bool is)
{
	atomic_store(&gone, is);
}
