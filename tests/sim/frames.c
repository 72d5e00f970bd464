// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * frames.c: the pool as a memfd, mapped once for core and once, page by page protected, for each env. A touch of an
 * absent page is a SIGSEGV whose handler does what the module's page fault does.
 *
 * Lock order: core's lock, then views_mutex, then an env's own. The handler looks the view up before it calls core, and holds no lock
 * then. An env must not be closed while another thread uses its view; the same is true of munmap.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>
#include "host.h"

#define FRAME 4096ul
#define MAX_AREAS 64

struct sim_env {
	struct sim_env *next;
	struct exo_core *core;
	struct exo_env *env;
	u8 *view;
	u8 *prot; /* [pool_frames]: how each page of the view is protected now */
	pthread_mutex_t mutex; /* prot and the calls that change it */
	struct area {
		u64 offset;
		void *base;
		_Atomic(void *) map; /* NULL: entry is unused; MAP_FAILED: being filled */
		size_t bytes;
	} area[MAX_AREAS];
};

static u8 *pool;
static bool *bare; /* frames whose memory core gave back */
static atomic_bool memory_short;
static u32 pool_frames;
static int pool_fd = -1;
static struct sim_env *views;
static u8 *spare; /* a view that an env left behind, all of it without access; NULL: none */
static pthread_mutex_t views_mutex = PTHREAD_MUTEX_INITIALIZER;
static atomic_ullong zaps, renewals, renew_fail_at;
static struct sigaction old_segv, old_bus;

/* Where a fault that nobody answers returns to, for copies that may fail. */
static _Thread_local sigjmp_buf *volatile landing;

/* Does not ask the system for what is so already. */
static void protect(struct sim_env *e, u32 frame, u32 n, int prot)
{
	pthread_mutex_lock(&e->mutex);
	while (n && e->prot[frame] == prot) {
		frame++;
		n--;
	}
	if (n && mprotect(e->view + frame * FRAME, n * FRAME, prot))
		host_breach("mprotect of a pool page failed");
	memset(e->prot + frame, prot, n);
	pthread_mutex_unlock(&e->mutex);
}

static bool answer_fault(u8 *addr, bool write)
{
	struct sim_env *e;
	bool writable = false;
	u32 frame;

	pthread_mutex_lock(&views_mutex);
	for (e = views; e; e = e->next)
		if (addr >= e->view && addr < e->view + pool_frames * FRAME)
			break;
	pthread_mutex_unlock(&views_mutex);
	if (!e)
		return false;
	frame = (addr - e->view) / FRAME;
	if (exo_fault_begin(e->env, frame, write, &writable))
		return false;
	protect(e, frame, 1, PROT_READ | (writable ? PROT_WRITE : 0));
	exo_fault_end(e->env);
	if (write && !writable)
		host_breach("fault_begin allowed a write fault but not the write");
	return true;
}

void exo_plat_map(struct exo_env *env, u64 at, const u32 *frames, u32 n)
{
	int prot, run_prot = 0;
	struct sim_env *e;
	u32 i, run = 0;
	bool writable;

	host_unlocked("map");
	pthread_mutex_lock(&views_mutex);
	for (e = views; e && e->env != env; e = e->next)
		;
	pthread_mutex_unlock(&views_mutex);
	if (!e || at != (u64)(uintptr_t)e->view)
		return;
	exo_fault_lock(env);
	/* Neighbours that get the same are one call. */
	for (i = 0; i < n; i++) {
		prot = exo_fault_allows(env, frames[i], false, &writable) ? 0 : PROT_READ | (writable ? PROT_WRITE : 0);
		if (run && (prot != run_prot || frames[i] != frames[i - 1] + 1)) {
			protect(e, frames[i - run], run, run_prot);
			run = 0;
		}
		run_prot = prot;
		run += prot != 0;
	}
	if (run)
		protect(e, frames[n - run], run, run_prot);
	exo_fault_end(env);
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
	ucontext_t *u = context;
	bool write = u->uc_mcontext.gregs[REG_ERR] & 2;
	sigjmp_buf *back = landing;
	int saved = errno;
	bool answered;

	/* A crash of core itself while it answers is a crash, not a bad user pointer. */
	landing = NULL;
	answered = sig == SIGSEGV && answer_fault(info->si_addr, write);
	landing = back;
	if (answered) {
		errno = saved;
		return;
	}
	if (back)
		siglongjmp(*back, 1);
	/* Nobody expects it: the old handler (a sanitizer's report, or death) gets the same fault again. */
	sigaction(SIGSEGV, &old_segv, NULL);
	sigaction(SIGBUS, &old_bus, NULL);
}

bool host_copy(void *to, const void *from, size_t bytes)
{
	sigjmp_buf here, *outer = landing;

	if (sigsetjmp(here, 0)) {
		landing = outer;
		return false;
	}
	landing = &here;
	/* Not memcpy: a sanitizer would check addresses that are allowed to be bad. */
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
	landing = outer;
	return true;
}

bool sim_peek(const void *from, void *to, size_t bytes)
{
	return host_copy(to, from, bytes);
}

bool sim_poke(void *to, const void *from, size_t bytes)
{
	return host_copy(to, from, bytes);
}

int sim_start(u32 frames, u64 seed)
{
	/* No SA_ONSTACK, SA_NODEFER: the handler may leave by siglongjmp without touching the mask. */
	struct sigaction act = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};

	if (pool || !frames)
		return -EBUSY;
	pool_fd = memfd_create("exo-pool", MFD_CLOEXEC);
	if (pool_fd < 0)
		return -errno;
	if (ftruncate(pool_fd, frames * FRAME)) {
		close(pool_fd);
		return -ENOMEM;
	}
	pool = mmap(NULL, frames * FRAME, PROT_READ | PROT_WRITE, MAP_SHARED, pool_fd, 0);
	if (pool == MAP_FAILED) {
		pool = NULL;
		close(pool_fd);
		return -ENOMEM;
	}
	bare = calloc(frames, sizeof(*bare));
	if (!bare)
		host_breach("no memory for the simulator");
	atomic_store(&memory_short, false);
	pool_frames = frames;
	atomic_store(&zaps, 0);
	atomic_store(&renewals, 0);
	atomic_store(&renew_fail_at, 0);
	sim_reset(seed);
	sigaction(SIGSEGV, &act, &old_segv);
	sigaction(SIGBUS, &act, &old_bus);
	return 0;
}

void sim_stop(void)
{
	if (views)
		host_breach("sim_stop with an env open");
	if (!pool)
		return;
	sigaction(SIGSEGV, &old_segv, NULL);
	sigaction(SIGBUS, &old_bus, NULL);
	munmap(pool, pool_frames * FRAME);
	close(pool_fd);
	free(bare);
	if (spare)
		munmap(spare, pool_frames * FRAME);
	spare = NULL;
	pool = NULL;
	pool_fd = -1;
}

static u8 *view_take(void)
{
	u8 *view;

	pthread_mutex_lock(&views_mutex);
	view = spare;
	spare = NULL;
	pthread_mutex_unlock(&views_mutex);
	return view ? view : mmap(NULL, pool_frames * FRAME, PROT_NONE, MAP_SHARED, pool_fd, 0);
}

static void view_give(u8 *view)
{
	if (mprotect(view, pool_frames * FRAME, PROT_NONE))
		host_breach("mprotect of a view failed");
	pthread_mutex_lock(&views_mutex);
	if (!spare) {
		spare = view;
		view = NULL;
	}
	pthread_mutex_unlock(&views_mutex);
	if (view)
		munmap(view, pool_frames * FRAME);
}

static void env_free(struct sim_env *e)
{
	if (e->view != MAP_FAILED)
		view_give(e->view);
	pthread_mutex_destroy(&e->mutex);
	free(e->prot);
	free(e);
}

int sim_env_open(struct exo_core *c, const struct exo_cred *cred, struct sim_env **out)
{
	struct sim_env *e = calloc(1, sizeof(*e));
	int err;

	if (!e)
		return -ENOMEM;
	e->core = c;
	pthread_mutex_init(&e->mutex, NULL);
	e->view = view_take();
	e->prot = calloc(pool_frames, 1);
	if (e->view == MAP_FAILED || !e->prot) {
		env_free(e);
		return -ENOMEM;
	}
	err = exo_env_open(c, cred, &e->env);
	if (err) {
		env_free(e);
		return err;
	}
	pthread_mutex_lock(&views_mutex);
	e->next = views;
	views = e;
	pthread_mutex_unlock(&views_mutex);
	*out = e;
	return 0;
}

void sim_env_close(struct sim_env *e)
{
	struct sim_env **at;
	unsigned int i;

	if (!e)
		return;
	exo_env_close(e->env);
	pthread_mutex_lock(&views_mutex);
	for (at = &views; *at && *at != e; at = &(*at)->next)
		;
	if (!*at)
		host_breach("sim_env_close twice");
	*at = e->next;
	pthread_mutex_unlock(&views_mutex);
	for (i = 0; i < MAX_AREAS; i++)
		sim_unmap(e, e->area[i].map);
	env_free(e);
}

struct exo_env *sim_env(struct sim_env *e)
{
	return e->env;
}

u8 *sim_pool(struct sim_env *e)
{
	return e->view;
}

static void *keep_area(struct sim_env *e, u64 offset, void *base, size_t bytes)
{
	unsigned int i;

	for (i = 0; i < MAX_AREAS; i++) {
		struct area *a = &e->area[i];
		void *unused = NULL, *map;

		if (!atomic_compare_exchange_strong(&a->map, &unused, MAP_FAILED))
			continue;
		a->offset = offset;
		a->base = base;
		a->bytes = bytes;
		map = host_map_shared(base, bytes);
		if (!map)
			exo_core_area_put(e->core, offset, base);
		atomic_store(&a->map, map);
		return map;
	}
	exo_core_area_put(e->core, offset, base);
	errno = ENOMEM;
	return NULL;
}

void *sim_map(struct sim_env *e, u64 offset, size_t bytes, int prot)
{
	size_t room;
	void *base;

	errno = EINVAL;
	if (!bytes)
		return NULL;
	if (offset >= EXO_MAP_POOL) {
		u64 at = offset - EXO_MAP_POOL;

		if (at % FRAME || at >= pool_frames * FRAME || bytes > pool_frames * FRAME - at)
			return NULL;
		return e->view + at;
	}
	if (prot & PROT_WRITE) {
		errno = EACCES;
		return NULL;
	}
	if (exo_core_area_get(e->core, offset, &base, &room))
		return NULL;
	if (bytes > ((room + FRAME - 1) & ~(FRAME - 1))) {
		exo_core_area_put(e->core, offset, base);
		return NULL;
	}
	/* As mmap does: the mapping covers whole pages. */
	bytes = (bytes + FRAME - 1) & ~(FRAME - 1);
	return keep_area(e, offset, base, bytes);
}

void sim_unmap(struct sim_env *e, void *addr)
{
	unsigned int i;

	for (i = 0; i < MAX_AREAS; i++) {
		struct area *a = &e->area[i];

		if (!addr || atomic_load(&a->map) != addr)
			continue;
		munmap(a->map, a->bytes);
		exo_core_area_put(e->core, a->offset, a->base);
		atomic_store(&a->map, NULL);
	}
}

/* ---- plat.h ---- */

void *exo_plat_frame(u32 frame)
{
	if (frame >= pool_frames)
		host_breach("a frame number outside the pool");
	if (bare[frame])
		host_breach("a frame whose memory was given back is used");
	host_zap();
	return pool + frame * FRAME;
}

/*
 * Core zaps a run of frames one by one, under its lock. Nobody can tell when within that, as long as it is done before
 * the lock goes and before core looks at a frame; so neighbours are one system call.
 */
static _Thread_local struct {
	u32 first, n;
} to_zap;

void host_zap(void)
{
	struct sim_env *e;

	if (!to_zap.n)
		return;
	pthread_mutex_lock(&views_mutex);
	for (e = views; e; e = e->next)
		protect(e, to_zap.first, to_zap.n, PROT_NONE);
	pthread_mutex_unlock(&views_mutex);
	to_zap.n = 0;
}

void exo_plat_zap(u32 frame)
{
	if (frame >= pool_frames)
		host_breach("zap of a frame outside the pool");
	atomic_fetch_add(&zaps, 1);
	if (frame != to_zap.first + to_zap.n)
		host_zap();
	if (!to_zap.n)
		to_zap.first = frame;
	to_zap.n++;
	if (!host_locked())
		host_zap();
}

int exo_plat_frame_renew(u32 frame)
{
	u64 n = atomic_fetch_add(&renewals, 1) + 1;

	if (n == atomic_load(&renew_fail_at) || (bare[frame] && atomic_load(&memory_short)))
		return -ENOMEM;
	if (bare[frame] && mprotect(pool + frame * FRAME, FRAME, PROT_READ | PROT_WRITE))
		host_breach("mprotect of a pool page failed");
	bare[frame] = false;
	memset(exo_plat_frame(frame), 0, FRAME);
	return 0;
}

/* Whoever still uses it, dies of it. */
void exo_plat_frame_return(u32 frame)
{
	memset(exo_plat_frame(frame), 0xdb, FRAME);
	if (mprotect(pool + frame * FRAME, FRAME, PROT_NONE))
		host_breach("mprotect of a pool page failed");
	bare[frame] = true;
}

void sim_memory_short(bool is)
{
	atomic_store(&memory_short, is);
}

void sim_renew_fail(u64 n)
{
	atomic_store(&renew_fail_at, n ? atomic_load(&renewals) + n : 0);
}

u64 sim_zaps(void)
{
	return atomic_load(&zaps);
}

u64 sim_renewals(void)
{
	return atomic_load(&renewals);
}
