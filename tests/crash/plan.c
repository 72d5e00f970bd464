// SPDX-License-Identifier: GPL-2.0 OR MIT
/* plan.c: draws states until enough of them are different disks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "plan.h"

static void *need(void *p)
{
	if (!p) {
		puts("no memory for a plan of crash states");
		abort();
	}
	return p;
}

/* Fingerprints of disks: open addressing, never full. 0 stands for an empty place. */
struct prints {
	size_t mask;
	u64 *at;
};

static bool add(struct prints *s, u64 print)
{
	size_t i;

	if (!print)
		print = 1;
	for (i = print & s->mask; s->at[i]; i = (i + 1) & s->mask)
		if (s->at[i] == print)
			return false;
	s->at[i] = print;
	return true;
}

u8 *state_landed(struct sim_disk *logged, struct state s, size_t *pending)
{
	size_t n = sim_crash_pending(logged, s.cut, NULL, 0), *index, i;
	u8 *land = need(malloc(n + 1));

	*pending = n;
	if (s.seed == 1) {
		memset(land, 0, n);
	} else if (s.seed) {
		sim_crash_draw(logged, s.cut, s.seed, land, n);
	} else {
		index = need(malloc((n + 1) * sizeof(*index)));
		sim_crash_pending(logged, s.cut, index, n);
		for (i = 0; i < n; i++)
			land[i] = index[i] < s.cut ? 0xff : 0;
		free(index);
	}
	return land;
}

static void try(struct plan *p, struct prints *seen, struct sim_disk *logged, struct state s)
{
	size_t pending;
	u8 *land = state_landed(logged, s, &pending);
	struct sim_image *img = need(sim_crash_image(logged, s.cut, land, pending));

	if (add(seen, sim_image_print(img)))
		p->state[p->n++] = s;
	else
		p->same++;
	sim_image_free(img);
	free(land);
}

static int by_cut(const void *a, const void *b)
{
	const struct state *x = a, *y = b;

	if (x->cut != y->cut)
		return x->cut < y->cut ? -1 : 1;
	return x->seed < y->seed ? -1 : x->seed > y->seed;
}

void plan_make(struct plan *p, struct sim_disk *logged, size_t most, u64 seed)
{
	size_t len = sim_log_len(logged), cut, room = 16, i, n;
	struct prints seen = {0};
	struct state *draw;
	u64 rng = seed;

	n = most > 2 * (len + 1) ? most : 2 * (len + 1);
	while (room < 2 * n)
		room *= 2;
	seen.mask = room - 1;
	seen.at = need(calloc(room, sizeof(*seen.at)));
	memset(p, 0, sizeof(*p));
	p->state = need(malloc(n * sizeof(*p->state)));
	for (cut = 0; cut <= len; cut++) {
		try(p, &seen, logged, (struct state){cut, 0});
		try(p, &seen, logged, (struct state){cut, 1});
	}
	if (p->n > most) {
		for (i = 0; i < most; i++)
			p->state[i] = p->state[i * p->n / most];
		p->n = most;
	}
	p->prefixes = p->n;
	/* Each round goes through the log once, forward, which is cheap; a round with nothing new ends it. */
	while (p->n < most) {
		size_t before = p->n;

		n = most - p->n;
		draw = need(malloc(n * sizeof(*draw)));
		for (i = 0; i < n; i++) {
			draw[i].cut = sim_random(&rng) % (len + 1);
			draw[i].seed = sim_random(&rng) | 2;
		}
		qsort(draw, n, sizeof(*draw), by_cut);
		for (i = 0; i < n; i++)
			try(p, &seen, logged, draw[i]);
		free(draw);
		if (p->n == before)
			break;
	}
	free(seen.at);
	qsort(p->state, p->n, sizeof(*p->state), by_cut);
}

void plan_free(struct plan *p)
{
	free(p->state);
	memset(p, 0, sizeof(*p));
}
