// SPDX-License-Identifier: GPL-2.0 OR MIT
/* flight.c: direct transfers that run, so that the cache does not read a block while it is written past the cache. */
#include "internal.h"

bool exo_flight_hits(const struct exo_disk *d, u64 start, u64 count, bool writes_only, bool *own)
{
	const struct exo_flight *f;

	for (f = d->flights; f; f = f->next) {
		if (writes_only && !f->write)
			continue;
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
	d->flights = f;
}

void exo_flight_remove(struct exo_disk *d, struct exo_flight *f)
{
	struct exo_flight **at;

	for (at = &d->flights; *at; at = &(*at)->next) {
		if (*at == f) {
			*at = f->next;
			return;
		}
	}
}
