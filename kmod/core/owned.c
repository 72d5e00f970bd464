// SPDX-License-Identifier: GPL-2.0 OR MIT
/* owned.c: the records of owned.h, on a list per frame and on one by last use. */
#include "internal.h"

static size_t bytes_of(const struct exo_owned *o)
{
	return sizeof(*o) + o->room * sizeof(o->r[0]);
}

bool exo_owned_normal(const struct exo_rng *r, u32 n)
{
	u32 i;

	for (i = 1; i < n; i++) {
		u64 end = r[i - 1].start + r[i - 1].count;

		if (r[i].start < end || (r[i].start == end && r[i].tmpl == r[i - 1].tmpl))
			return false;
	}
	return true;
}

static void use_remove(struct exo_core *c, struct exo_owned *o)
{
	if (o->older)
		o->older->newer = o->newer;
	else
		c->owned_oldest = o->newer;
	if (o->newer)
		o->newer->older = o->older;
	else
		c->owned_newest = o->older;
}

static void use_append(struct exo_core *c, struct exo_owned *o)
{
	o->older = c->owned_newest;
	o->newer = NULL;
	if (o->older)
		o->older->newer = o;
	else
		c->owned_oldest = o;
	c->owned_newest = o;
}

/* At most one record a partition, so a frame's list has at most eight. */
static struct exo_owned **place(struct exo_core *c, u32 frame, u32 part)
{
	struct exo_owned **at = &c->side[frame].owned;

	while (*at && (*at)->part != part)
		at = &(*at)->next;
	return at;
}

static void forget(struct exo_core *c, struct exo_owned **at)
{
	struct exo_owned *o = *at;

	*at = o->next;
	use_remove(c, o);
	c->owned_bytes -= bytes_of(o);
	exo_plat_free(o);
}

struct exo_owned *exo_owned_find(struct exo_core *c, u32 frame, u32 part)
{
	struct exo_owned *o = *place(c, frame, part);

	if (o && o->newer) {
		use_remove(c, o);
		use_append(c, o);
	}
	return o;
}

#define SPARE 4u /* claims that a new record has room for beyond its own, so that the next one needs no new record */

static struct exo_owned *record(struct exo_core *c, u32 frame, u32 part, u32 n)
{
	u32 room = n ? n + SPARE : 0;
	struct exo_owned *o = exo_plat_alloc(sizeof(*o) + room * sizeof(o->r[0]));

	if (!o)
		return NULL;
	o->room = (u16)room;
	o->part = (u8)part;
	o->frame = frame;
	o->next = c->side[frame].owned;
	c->side[frame].owned = o;
	use_append(c, o);
	c->owned_bytes += bytes_of(o);
	return o;
}

void exo_owned_keep(struct exo_core *c, u32 frame, u32 part, const struct exo_rng *r, u32 n, bool sound)
{
	size_t most = (size_t)c->frames * (EXO_BLOCK_SIZE / 8);
	struct exo_owned **at = place(c, frame, part), *o = *at;

	/* The old one's memory will do, unless it is too small, or most of it would be waste. */
	if (o && (n > o->room || o->room > 2 * n + 2 * SPARE)) {
		forget(c, at);
		o = NULL;
	}
	if (!o)
		o = record(c, frame, part, n);
	if (!o)
		return;
	o->n = (u16)n;
	o->normal = exo_owned_normal(r, n);
	o->sound = sound || o->normal;
	if (n)
		memcpy(o->r, r, n * sizeof(o->r[0]));
	while (c->owned_bytes > most)
		forget(c, place(c, c->owned_oldest->frame, c->owned_oldest->part));
}

void exo_owned_drop(struct exo_core *c, u32 frame)
{
	while (c->side[frame].owned)
		forget(c, &c->side[frame].owned);
}
