// SPDX-License-Identifier: GPL-2.0 OR MIT
/* core_room.c: memory of a call as it is without a sanitizer, pieces one behind the other. */
#define exo_room_open plain_room_open
#define exo_room_get plain_room_get
#define exo_room_keep plain_room_keep
#define exo_room_back plain_room_back
#undef __SANITIZE_ADDRESS__
#include "../../kmod/core/room.c"
#include "../sim/check.h"
#include "../sim/sim.h"

#define PIECES 64u

static u64 rng = 11;

static u32 rnd(u32 n)
{
	return (u32)(sim_random(&rng) % n);
}

struct piece {
	u8 *p;
	size_t bytes;
};

/* Each piece keeps what was written to it while others come; cutting back gives exactly the later ones away. */
static void pieces(void)
{
	static u64 mem[512];
	struct piece had[PIECES];
	struct exo_room r, start, mark;
	s64 live = sim_alloc_live();
	u32 round, i, n, at;

	for (round = 0; round < 3000; round++) {
		size_t k;

		exo_room_open(&r, mem, sizeof(mem));
		start = mark = r;
		at = rnd(PIECES);
		for (n = 0; n < PIECES; n++) {
			if (n == at)
				mark = r;
			had[n].bytes = rnd(rnd(20) ? 300 : 20000);
			had[n].p = exo_room_get(&r, had[n].bytes);
			NEED(had[n].p);
			CHECK((uintptr_t)had[n].p % 16 == 0);
			if (rnd(4) == 0) {
				had[n].bytes = rnd((u32)had[n].bytes + 1);
				exo_room_keep(&r, had[n].p, had[n].bytes);
			}
			memset(had[n].p, (int)n, had[n].bytes);
		}
		for (i = 0; i < n; i++)
			for (k = 0; k < had[i].bytes; k++)
				CHECK(had[i].p[k] == i);
		exo_room_back(&r, &mark);
		for (i = 0; i < at; i++)
			for (k = 0; k < had[i].bytes; k++)
				CHECK(had[i].p[k] == i);
		had[at].p = exo_room_get(&r, 1);
		NEED(had[at].p);
		had[at].p[0] = 1;
		for (i = 0; i < at; i++)
			CHECK(!had[i].bytes || had[i].p[had[i].bytes - 1] == i);
		exo_room_back(&r, &start);
		CHECK(sim_alloc_live() == live);
	}
	/* No memory, and then there is. */
	exo_room_open(&r, mem, 32);
	sim_alloc_fail(1);
	CHECK(exo_room_get(&r, 32) && !exo_room_get(&r, 1) && exo_room_get(&r, 1));
	sim_alloc_fail(0);
	exo_room_back(&r, &start);
	CHECK(sim_alloc_live() == live);
}

int main(void)
{
	pieces();
	return check_done();
}
