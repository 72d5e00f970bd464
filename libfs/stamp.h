/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* stamp.h: times as all types store them, signed nanoseconds since 1970, and as calls give them. */
#ifndef EXO_FS_STAMP_H
#define EXO_FS_STAMP_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

static inline int64_t stamp_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static inline struct timespec stamp_time(int64_t ns)
{
	struct timespec ts = {ns / 1000000000, ns % 1000000000};

	if (ts.tv_nsec < 0) {
		ts.tv_nsec += 1000000000;
		ts.tv_sec--;
	}
	return ts;
}

/* False: no such time. What is too far away becomes the farthest that there is, as in other file systems. */
static inline bool stamp_from(const struct timespec *ts, int64_t *ns)
{
	if (ts->tv_nsec < 0 || ts->tv_nsec >= 1000000000)
		return false;
	if (__builtin_mul_overflow(ts->tv_sec, 1000000000ll, ns) || __builtin_add_overflow(*ns, ts->tv_nsec, ns))
		*ns = ts->tv_sec < 0 ? INT64_MIN : INT64_MAX;
	return true;
}

#endif
