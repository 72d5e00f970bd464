// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * sched.c: threads that take turns. Exactly one runs at a time, and who goes on is drawn from the seed at every lock,
 * unlock, wait, copy and I/O. So a history of concurrent calls is a function of its seed and replays exactly.
 *
 * A wait may end spuriously, as plat.h says, but only while another thread can run: a wakeup that core forgot shows
 * as "nobody can go on".
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include "host.h"

#define MAX_TASKS 16

enum state { READY, LOCKED, WAITING, DONE };

static struct task {
	enum state state;
	const void *on; /* lock that it is blocked on */
} tasks[MAX_TASKS];
static unsigned int ntasks, current;
static u64 stream, turns;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turn = PTHREAD_COND_INITIALIZER;
static _Thread_local int me = -1;

struct start {
	void (*fn)(void *ctx, unsigned int i);
	void *ctx;
	unsigned int i;
};

bool sched_on(void)
{
	return me >= 0;
}

/* Draw who goes on. Caller holds mutex. */
static void next_turn(void)
{
	unsigned int i, ready = 0, done = 0, pick;

	for (i = 0; i < ntasks; i++) {
		ready += tasks[i].state == READY;
		done += tasks[i].state == DONE;
	}
	if (done == ntasks)
		return;
	if (!ready) {
		for (i = 0; i < ntasks; i++)
			fprintf(stderr, "sim: thread %u %s %p\n", i,
				tasks[i].state == LOCKED    ? "wants lock"
				: tasks[i].state == WAITING ? "waits on"
							    : "is done",
				tasks[i].on);
		host_breach("nobody can go on: a deadlock, or a wakeup that was forgotten");
	}
	turns++;
	for (i = 0; i < ntasks; i++)
		if (tasks[i].state == WAITING && !(sim_random(&stream) & 31)) {
			tasks[i].state = READY;
			ready++;
		}
	pick = sim_random(&stream) % ready;
	for (i = 0;; i++)
		if (tasks[i].state == READY && !pick--)
			break;
	current = i;
	pthread_cond_broadcast(&turn);
}

static void await_turn(void)
{
	while (current != (unsigned int)me)
		pthread_cond_wait(&turn, &mutex);
}

void sched_point(void)
{
	if (me < 0)
		return;
	pthread_mutex_lock(&mutex);
	next_turn();
	await_turn();
	pthread_mutex_unlock(&mutex);
}

void sched_block(const void *on, bool waits)
{
	pthread_mutex_lock(&mutex);
	tasks[me].state = waits ? WAITING : LOCKED;
	tasks[me].on = on;
	next_turn();
	await_turn();
	pthread_mutex_unlock(&mutex);
}

void sched_ready(const void *on, bool waits)
{
	unsigned int i;

	pthread_mutex_lock(&mutex);
	for (i = 0; i < ntasks; i++)
		if (tasks[i].on == on && tasks[i].state == (waits ? WAITING : LOCKED))
			tasks[i].state = READY;
	pthread_mutex_unlock(&mutex);
}

static void *run(void *arg)
{
	struct start *s = arg;

	me = s->i;
	pthread_mutex_lock(&mutex);
	await_turn();
	pthread_mutex_unlock(&mutex);
	s->fn(s->ctx, s->i);
	pthread_mutex_lock(&mutex);
	tasks[me].state = DONE;
	next_turn();
	pthread_mutex_unlock(&mutex);
	return NULL;
}

u64 sim_threads(u64 seed, unsigned int n, void (*fn)(void *ctx, unsigned int i), void *ctx)
{
	pthread_t thread[MAX_TASKS];
	struct start start[MAX_TASKS];
	unsigned int i;

	if (!n || n > MAX_TASKS || me >= 0)
		host_breach("sim_threads: 1 to 16 threads, and not from one of them");
	stream = seed;
	turns = 0;
	ntasks = n;
	current = MAX_TASKS;
	memset(tasks, 0, sizeof(tasks));
	for (i = 0; i < n; i++) {
		start[i] = (struct start){fn, ctx, i};
		if (pthread_create(&thread[i], NULL, run, &start[i]))
			host_breach("no thread");
	}
	pthread_mutex_lock(&mutex);
	next_turn();
	pthread_mutex_unlock(&mutex);
	for (i = 0; i < n; i++)
		pthread_join(thread[i], NULL);
	return turns;
}
