// SPDX-License-Identifier: GPL-2.0 OR MIT
/* crew.c: plat.h's threads for a long job, and a caller that is killed. */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include "host.h"

#define MOST 16

static u32 workers = 1, late;
static u64 stream;
static atomic_ullong kill_at, kill_asked;
static atomic_bool run_free;

struct member {
	void (*fn)(void *ctx, u32 who);
	void *ctx;
	u32 who;
};

void crew_reset(void)
{
	sim_workers(1, 1, 0);
	atomic_store(&kill_at, 0);
	atomic_store(&kill_asked, 0);
}

void sim_workers(u32 n, u64 seed, u32 never)
{
	workers = n;
	stream = seed;
	late = never;
}

void crew_breathe(void)
{
	const struct timespec t = {.tv_nsec = 20000};

	if (atomic_load_explicit(&run_free, memory_order_relaxed))
		nanosleep(&t, NULL);
}

u32 exo_plat_workers(void)
{
	return workers;
}

static void *run(void *arg)
{
	struct member *m = arg;

	m->fn(m->ctx, m->who);
	return NULL;
}

static void turn(void *ctx, unsigned int i)
{
	struct member *m = ctx;

	m->fn(m->ctx, i);
}

void exo_plat_parallel(u32 n, void (*fn)(void *ctx, u32 who), void *ctx)
{
	struct member m[MOST];
	pthread_t thread[MOST];
	u32 i;

	host_unlocked("parallel");
	if (!n || n > MOST)
		host_breach("parallel with an impossible number of threads");
	n -= late < n ? late : n - 1;
	m[0] = (struct member){fn, ctx, 0};
	if (n == 1 || sched_on()) {
		fn(ctx, 0);
		return;
	}
	if (stream) {
		sim_threads(sim_random(&stream), n, turn, m);
		return;
	}
	atomic_store(&run_free, true);
	for (i = 1; i < n; i++) {
		m[i] = (struct member){fn, ctx, i};
		if (pthread_create(&thread[i], NULL, run, &m[i]))
			host_breach("no thread");
	}
	fn(ctx, 0);
	for (i = 1; i < n; i++)
		pthread_join(thread[i], NULL);
	atomic_store(&run_free, false);
}

void sim_kill(u64 n)
{
	atomic_store(&kill_at, n ? atomic_load(&kill_asked) + n : 0);
}

u64 sim_kill_asked(void)
{
	return atomic_load(&kill_asked);
}

bool exo_plat_killed(void)
{
	u64 n = atomic_fetch_add(&kill_asked, 1) + 1, at = atomic_load(&kill_at);

	host_unlocked("killed");
	return at && n >= at;
}
