// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * plat_host.c: the hooks of plat.h that need no device and no pool: memory, lock, user memory, time, hash.
 * Lock order: core's lock, then anything here; nothing here calls core.
 */
#define _GNU_SOURCE
#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "host.h"

struct exo_lock {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	pthread_t owner;
	bool held;
};

static _Thread_local unsigned int locks_held;

static atomic_ullong alloc_asked, alloc_fail_at, clock_ns, random_state;
static atomic_llong alloc_live;

#define MAX_BAD 16
static struct {
	u64 start, bytes;
} bad[MAX_BAD];
static unsigned int nbad;
static pthread_mutex_t bad_mutex = PTHREAD_MUTEX_INITIALIZER;

void host_breach(const char *what)
{
	fprintf(stderr, "sim: breach of plat.h: %s\n", what);
	abort();
}

void host_unlocked(const char *hook)
{
	if (locks_held) {
		fprintf(stderr, "sim: breach of plat.h: %s called with a lock held\n", hook);
		abort();
	}
}

bool host_locked(void)
{
	return locks_held;
}

void sim_reset(u64 seed)
{
	atomic_store(&alloc_asked, 0);
	atomic_store(&alloc_fail_at, 0);
	atomic_store(&clock_ns, 1000000000ull);
	atomic_store(&random_state, seed);
	sim_user_clear();
	crew_reset();
	steady_reset(seed);
}

/* splitmix64: every seed gives a full-period stream. */
u64 sim_random(u64 *state)
{
	u64 z = (*state += 0x9E3779B97F4A7C15ull);

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
	return z ^ (z >> 31);
}

void exo_plat_random(void *buf, size_t bytes)
{
	u8 *p = buf;

	while (bytes--) {
		u64 state = atomic_fetch_add(&random_state, 0x9E3779B97F4A7C15ull);

		*p++ = sim_random(&state);
	}
}

u64 exo_plat_now_ns(void)
{
	return atomic_fetch_add(&clock_ns, 1000);
}

/* The simulated clock, as if it had been started on 2026-11-23. */
u64 exo_plat_wall_ns(void)
{
	return 1795392000000000000ull + exo_plat_now_ns();
}

void sim_time_advance(u64 ns)
{
	atomic_fetch_add(&clock_ns, ns);
}

void exo_plat_sha256(const void *data, size_t bytes, u8 out[32])
{
	unsigned int len = 0;

	host_unlocked("sha256");
	if (!EVP_Digest(data, bytes, out, &len, EVP_sha256(), NULL) || len != 32)
		host_breach("libcrypto has no SHA-256");
}

/* ---- memory ---- */

static bool alloc_refused(void)
{
	u64 n = atomic_fetch_add(&alloc_asked, 1) + 1;

	return n == atomic_load(&alloc_fail_at);
}

void sim_alloc_fail(u64 n)
{
	atomic_store(&alloc_fail_at, n ? atomic_load(&alloc_asked) + n : 0);
}

u64 sim_alloc_count(void)
{
	return atomic_load(&alloc_asked);
}

s64 sim_alloc_live(void)
{
	return atomic_load(&alloc_live);
}

void *exo_plat_alloc(size_t bytes)
{
	void *p = alloc_refused() ? NULL : calloc(1, bytes ? bytes : 1);

	crew_breathe();
	if (p)
		atomic_fetch_add(&alloc_live, 1);
	return p;
}

void exo_plat_free(void *p)
{
	if (p)
		atomic_fetch_sub(&alloc_live, 1);
	free(p);
}

/* Shared areas are memfds, so that an env's mapping of one can really be read-only. */
static struct shared {
	struct shared *next;
	void *base;
	size_t bytes;
	int fd;
} * shared_list;
static pthread_mutex_t shared_mutex = PTHREAD_MUTEX_INITIALIZER;

void *exo_plat_alloc_shared(size_t bytes)
{
	struct shared *s;

	if (alloc_refused() || !bytes)
		return NULL;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->bytes = (bytes + 4095) & ~(size_t)4095;
	s->fd = memfd_create("exo-shared", MFD_CLOEXEC);
	if (s->fd < 0)
		goto no_fd;
	if (ftruncate(s->fd, s->bytes))
		goto no_map;
	s->base = mmap(NULL, s->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, 0);
	if (s->base == MAP_FAILED)
		goto no_map;
	pthread_mutex_lock(&shared_mutex);
	s->next = shared_list;
	shared_list = s;
	pthread_mutex_unlock(&shared_mutex);
	atomic_fetch_add(&alloc_live, 1);
	return s->base;
no_map:
	close(s->fd);
no_fd:
	free(s);
	return NULL;
}

void exo_plat_free_shared(void *p, size_t bytes)
{
	struct shared **at, *s;

	if (!p)
		return;
	pthread_mutex_lock(&shared_mutex);
	for (at = &shared_list; *at && (*at)->base != p; at = &(*at)->next)
		;
	s = *at;
	if (s)
		*at = s->next;
	pthread_mutex_unlock(&shared_mutex);
	if (!s || s->bytes != ((bytes + 4095) & ~(size_t)4095))
		host_breach("free_shared of something that alloc_shared did not give, or another length");
	munmap(s->base, s->bytes);
	close(s->fd);
	free(s);
	atomic_fetch_sub(&alloc_live, 1);
}

void *host_map_shared(void *base, size_t bytes)
{
	struct shared *s;
	void *p = MAP_FAILED;

	pthread_mutex_lock(&shared_mutex);
	for (s = shared_list; s && s->base != base; s = s->next)
		;
	if (s && bytes && bytes <= s->bytes)
		p = mmap(NULL, bytes, PROT_READ, MAP_SHARED, s->fd, 0);
	else
		errno = EINVAL;
	pthread_mutex_unlock(&shared_mutex);
	return p == MAP_FAILED ? NULL : p;
}

/* ---- lock ---- */

struct exo_lock *exo_plat_lock_new(void)
{
	struct exo_lock *l = exo_plat_alloc(sizeof(*l));

	if (!l)
		return NULL;
	pthread_mutex_init(&l->mutex, NULL);
	pthread_cond_init(&l->cond, NULL);
	return l;
}

void exo_plat_lock_free(struct exo_lock *l)
{
	if (!l)
		return;
	if (l->held)
		host_breach("lock_free of a held lock");
	pthread_cond_destroy(&l->cond);
	pthread_mutex_destroy(&l->mutex);
	exo_plat_free(l);
}

/* Under sim_threads the mutex is never contended: whoever finds it held blocks in the scheduler. */
static void take_turns(struct exo_lock *l)
{
	while (l->held) {
		if (pthread_equal(l->owner, pthread_self()))
			host_breach("lock taken twice by one thread");
		sched_block(l, false);
	}
}

void exo_plat_lock(struct exo_lock *l)
{
	int err;

	if (sched_on()) {
		sched_point();
		take_turns(l);
	}
	err = pthread_mutex_trylock(&l->mutex);
	if (err) {
		/* owner changes under us only if another thread holds it, and then differs from self all the time */
		if (locks_held && l->held && pthread_equal(l->owner, pthread_self()))
			host_breach("lock taken twice by one thread");
		pthread_mutex_lock(&l->mutex);
	}
	l->owner = pthread_self();
	l->held = true;
	locks_held++;
}

bool exo_plat_trylock(struct exo_lock *l)
{
	/* The module's is called from within allocations, by whoever makes one: also by the owner. */
	if (l->held || pthread_mutex_trylock(&l->mutex))
		return false;
	l->owner = pthread_self();
	l->held = true;
	locks_held++;
	return true;
}

static void must_hold(struct exo_lock *l, const char *what)
{
	if (!locks_held || !l->held || !pthread_equal(l->owner, pthread_self()))
		host_breach(what);
}

void exo_plat_unlock(struct exo_lock *l)
{
	must_hold(l, "unlock by a thread that does not hold the lock");
	host_zap();
	l->held = false;
	locks_held--;
	pthread_mutex_unlock(&l->mutex);
	if (sched_on()) {
		sched_ready(l, false);
		sched_point();
	}
}

void exo_plat_wait(struct exo_lock *l)
{
	must_hold(l, "wait by a thread that does not hold the lock");
	host_zap();
	l->held = false;
	locks_held--;
	if (sched_on()) {
		pthread_mutex_unlock(&l->mutex);
		sched_ready(l, false);
		sched_block(l, true);
		take_turns(l);
		pthread_mutex_lock(&l->mutex);
	} else {
		pthread_cond_wait(&l->cond, &l->mutex);
	}
	l->owner = pthread_self();
	l->held = true;
	locks_held++;
}

void exo_plat_wake(struct exo_lock *l)
{
	if (sched_on())
		sched_ready(l, true);
	else
		pthread_cond_broadcast(&l->cond);
}

/* ---- turns ---- */

struct exo_turn {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	bool taken;
};

struct exo_turn *exo_plat_turn_new(void)
{
	struct exo_turn *t = exo_plat_alloc(sizeof(*t));

	if (!t)
		return NULL;
	pthread_mutex_init(&t->mutex, NULL);
	pthread_cond_init(&t->cond, NULL);
	return t;
}

void exo_plat_turn_free(struct exo_turn *t)
{
	if (!t)
		return;
	if (t->taken)
		host_breach("turn_free of a turn that somebody has");
	pthread_cond_destroy(&t->cond);
	pthread_mutex_destroy(&t->mutex);
	exo_plat_free(t);
}

int exo_plat_turn_take(struct exo_turn *t)
{
	host_unlocked("turn_take");
	while (sched_on() && t->taken)
		sched_block(t, true);
	pthread_mutex_lock(&t->mutex);
	while (t->taken)
		pthread_cond_wait(&t->cond, &t->mutex);
	t->taken = true;
	pthread_mutex_unlock(&t->mutex);
	return 0;
}

void exo_plat_turn_give(struct exo_turn *t)
{
	pthread_mutex_lock(&t->mutex);
	if (!t->taken)
		host_breach("turn_give by one who has not taken it");
	t->taken = false;
	pthread_cond_broadcast(&t->cond);
	pthread_mutex_unlock(&t->mutex);
	if (sched_on())
		sched_ready(t, true);
}

/* ---- user memory ---- */

void sim_user_bad(const void *start, size_t bytes)
{
	pthread_mutex_lock(&bad_mutex);
	if (nbad == MAX_BAD)
		host_breach("too many bad ranges");
	bad[nbad].start = (u64)(uintptr_t)start;
	bad[nbad++].bytes = bytes;
	pthread_mutex_unlock(&bad_mutex);
}

void sim_user_clear(void)
{
	pthread_mutex_lock(&bad_mutex);
	nbad = 0;
	pthread_mutex_unlock(&bad_mutex);
}

static bool user_bad(u64 user, size_t bytes)
{
	bool hit = false;
	unsigned int i;

	if (!bytes)
		return false;
	if (!user || user > ~0ull - (bytes - 1))
		return true;
	pthread_mutex_lock(&bad_mutex);
	for (i = 0; i < nbad; i++)
		hit |= bad[i].bytes && user <= bad[i].start + (bad[i].bytes - 1) && bad[i].start <= user + (bytes - 1);
	pthread_mutex_unlock(&bad_mutex);
	return hit;
}

int exo_plat_copy_in(void *dst, u64 user, size_t bytes)
{
	host_unlocked("copy_in");
	sched_point();
	return !user_bad(user, bytes) && host_copy(dst, (const void *)(uintptr_t)user, bytes) ? 0 : -EFAULT;
}

int exo_plat_copy_out(u64 user, const void *src, size_t bytes)
{
	host_unlocked("copy_out");
	sched_point();
	return !user_bad(user, bytes) && host_copy((void *)(uintptr_t)user, src, bytes) ? 0 : -EFAULT;
}
