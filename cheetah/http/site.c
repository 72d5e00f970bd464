// SPDX-License-Identifier: GPL-2.0 OR MIT
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include "site.h"

int site_init(struct site *s)
{
	uint8_t random[SITE_BOUNDARY / 2];
	static const char hex[] = "0123456789abcdef";

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return errno ? -errno : -EIO;
	for (unsigned i = 0; i < sizeof(random); i++) {
		s->boundary[2 * i] = hex[random[i] >> 4];
		s->boundary[2 * i + 1] = hex[random[i] & 15];
	}
	s->now = -1;
	site_tick(s);
	return 0;
}

void site_tick(struct site *s)
{
	struct timespec ts;

	/* The coarse clocks are a few loads in the vDSO and exact to a timer tick, far below what is needed here. */
	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	s->now_ms = (uint64_t)ts.tv_sec * 1000u + (uint64_t)ts.tv_nsec / 1000000u;
	clock_gettime(CLOCK_REALTIME_COARSE, &ts);
	if (ts.tv_sec == s->now)
		return;
	s->now = ts.tv_sec;
	if (!date_format(s->date, s->now))
		date_format(s->date, 0);
}

void site_complain(struct site *s, const char *format, ...)
{
	va_list ap;

	if (s->now_ms - s->said_ms >= 1000) {
		if (s->said > 10)
			fprintf(stderr, "cheetah: %u more messages left out\n", s->said - 10);
		s->said_ms = s->now_ms;
		s->said = 0;
	}
	if (s->said++ >= 10)
		return;
	fputs("cheetah: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
}
