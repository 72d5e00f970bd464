// SPDX-License-Identifier: GPL-2.0 OR MIT
/* flight.c: direct writes that run, so that the cache does not read a block while it is written past the cache. */
#include "internal.h"

bool exo_flight_hits(const struct exo_disk *d, u64 start, u64 count, bool *own)
{
	const struct exo_flight *f;

	for (f = d->flights; f; f = f->next) {
		if (f->start < start + count && start < f->start + f->count) {
			if (own)
				*own = f->own;
			return true;
		}
	}
	return false;
}

void exo_flight_add(struct exo_disk *d, struct exo_flight *f)
{
	f->next = d->flights;
	f->at = &d->flights;
	if (f->next)
		f->next->at = &f->next;
	d->flights = f;
}

void exo_flight_remove(struct exo_flight *f)
{
	*f->at = f->next;
	if (f->next)
		f->next->at = f->at;
}
