// SPDX-License-Identifier: GPL-2.0 OR MIT
/* sched.c: threads that take turns: a seed gives one history, seeds give many, and bad locking is found. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../check.h"
#include "../sim.h"

static struct exo_lock *one, *two;
static unsigned int items, order_len;
static bool closed;
static u8 order[256];

static void note(unsigned int i)
{
	order[order_len++ % sizeof(order)] = i;
}

static void take_turns(void *ctx, unsigned int i)
{
	int k;

	for (k = 0; k < 8; k++) {
		exo_plat_lock(one);
		note(i);
		exo_plat_unlock(one);
	}
}

static void trace(u64 seed, u8 *to)
{
	order_len = 0;
	memset(order, 0xff, sizeof(order));
	CHECK(sim_threads(seed, 4, take_turns, NULL) > 32 && order_len == 32);
	memcpy(to, order, 32);
}

static void histories(void)
{
	u8 a[32], b[32], first[32];
	unsigned int different = 0;
	u64 seed;

	trace(0, first);
	for (seed = 1; seed < 50; seed++) {
		trace(seed, a);
		trace(seed, b);
		CHECK_MSG(!memcmp(a, b, 32), "seed %llu", seed);
		different += memcmp(a, first, 32) != 0;
	}
	CHECK(different > 45);
}

/* Thread 0 makes items, the others take them; the count is only right if wait gives the lock up and takes it again. */
static void queue(void *ctx, unsigned int i)
{
	unsigned int *taken = ctx, k;

	exo_plat_lock(one);
	if (!i) {
		for (k = 0; k < 20; k++) {
			items++;
			exo_plat_wake(one);
			exo_plat_unlock(one);
			exo_plat_lock(one);
		}
		closed = true;
		exo_plat_wake(one);
	} else {
		while (!closed || items) {
			if (!items) {
				exo_plat_wait(one);
				continue;
			}
			items--;
			taken[i]++;
		}
	}
	exo_plat_unlock(one);
}

static void forgets_wake(void *ctx, unsigned int i)
{
	exo_plat_lock(one);
	if (!i)
		closed = true;
	while (!closed)
		exo_plat_wait(one);
	exo_plat_unlock(one);
}

static void wrong_order(void *ctx, unsigned int i)
{
	exo_plat_lock(i ? one : two);
	exo_plat_lock(i ? two : one);
	exo_plat_unlock(i ? two : one);
	exo_plat_unlock(i ? one : two);
}

static void twice(void *ctx, unsigned int i)
{
	exo_plat_lock(one);
	exo_plat_lock(one);
}

static void lock_over_copy(void *ctx, unsigned int i)
{
	u32 word;

	exo_plat_lock(one);
	exo_plat_copy_in(&word, (uintptr_t)ctx, sizeof(word));
	exo_plat_unlock(one);
}

static void unlock_free(void *ctx, unsigned int i)
{
	exo_plat_unlock(one);
}

/* How many of 40 seeds end the process. */
static unsigned int deaths(void (*fn)(void *ctx, unsigned int i), unsigned int n)
{
	unsigned int dead = 0;
	u64 seed;
	int status;

	fflush(NULL);
	for (seed = 0; seed < 40; seed++) {
		pid_t pid = fork();

		if (!pid) {
			fclose(stderr);
			closed = false;
			sim_threads(seed, n, fn, &seed);
			_exit(0);
		}
		waitpid(pid, &status, 0);
		dead += WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
	}
	return dead;
}

int main(void)
{
	unsigned int dead;
	u64 seed;

	NEED(!sim_start(4, 1));
	one = exo_plat_lock_new();
	two = exo_plat_lock_new();
	NEED(one && two);
	histories();
	for (seed = 0; seed < 200; seed++) {
		unsigned int taken[4] = {0};

		items = 0;
		closed = false;
		sim_threads(seed, 4, queue, taken);
		CHECK(taken[1] + taken[2] + taken[3] == 20 && !items);
	}
	dead = deaths(forgets_wake, 2);
	CHECK_MSG(dead > 5 && dead < 40, "%u", dead);
	dead = deaths(wrong_order, 2);
	CHECK_MSG(dead > 5 && dead < 40, "%u", dead);
	CHECK(deaths(twice, 1) == 40);
	CHECK(deaths(lock_over_copy, 1) == 40);
	CHECK(deaths(unlock_free, 2) == 40);
	exo_plat_lock_free(one);
	exo_plat_lock_free(two);
	sim_stop();
	return check_done();
}
