/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * vm.h: what the C programs of the VM tests share. They talk to the module by ioctl alone, so that a fault of the library
 * cannot hide one of the module. A result is a line "ok - name" or "not ok - name"; sub.sh numbers them.
 */
#ifndef TESTS_VM_H
#define TESTS_VM_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "../../kmod/uapi/exo.h"

static int vm_failed;

__attribute__((format(printf, 2, 3))) static inline bool check(bool good, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("%s - ", good ? "ok" : "not ok");
	vprintf(fmt, ap);
	printf("\n");
	fflush(stdout);
	va_end(ap);
	vm_failed += !good;
	return good;
}

/* What must hold for the test to make sense at all. */
__attribute__((format(printf, 2, 3), unused)) static void need(bool good, const char *fmt, ...)
{
	va_list ap;

	if (good)
		return;
	va_start(ap, fmt);
	printf("not ok - cannot go on: ");
	vprintf(fmt, ap);
	printf(" (errno %d)\n", errno);
	va_end(ap);
	exit(1);
}

static inline int vm_open(void)
{
	int fd = open(EXO_DEVICE, O_RDWR | O_CLOEXEC);

	need(fd >= 0, "open %s", EXO_DEVICE);
	return fd;
}

/* 0 or -errno; fills in head.size. The argument is a pointer to a call's struct. */
#define vm_call(fd, nr, p) ((p)->head.size = sizeof(*(p)), vm_ioctl(fd, nr, p))
static inline int vm_ioctl(int fd, unsigned int nr, void *p)
{
	return ioctl(fd, EXO_CALL(nr), p) < 0 ? -errno : 0;
}

static inline uint64_t vm_ptr(const void *p)
{
	return (uintptr_t)p;
}

/* Touching memory that may not be there: the signal, or 0. One landing per thread. */
static __thread sigjmp_buf vm_landing;
static __thread volatile bool vm_armed;

static inline void vm_on_signal(int sig)
{
	if (vm_armed)
		siglongjmp(vm_landing, sig);
	signal(sig, SIG_DFL);
	raise(sig);
}

__attribute__((unused)) static void vm_catch(void)
{
	struct sigaction a = { .sa_handler = vm_on_signal, .sa_flags = SA_NODEFER };

	sigaction(SIGBUS, &a, NULL);
	sigaction(SIGSEGV, &a, NULL);
}

__attribute__((unused)) static int vm_poke(volatile void *at, unsigned char value)
{
	int sig = sigsetjmp(vm_landing, 0);

	if (!sig) {
		vm_armed = true;
		*(volatile unsigned char *)at = value;
	}
	vm_armed = false;
	return sig;
}

/* The byte, or -signal. */
__attribute__((unused)) static int vm_peek(const volatile void *at)
{
	int sig = sigsetjmp(vm_landing, 0), value = 0;

	if (!sig) {
		vm_armed = true;
		value = *(const volatile unsigned char *)at;
	}
	vm_armed = false;
	return sig ? -sig : value;
}

static inline uint32_t vm_frames(int fd)
{
	struct exo_query q = { 0 };

	need(!vm_call(fd, EXO_NR_QUERY, &q), "QUERY");
	return q.out_frames;
}

__attribute__((unused)) static char *vm_pool(int fd)
{
	char *p = mmap(NULL, vm_frames(fd) * 4096ul, PROT_READ | PROT_WRITE, MAP_SHARED, fd, EXO_MAP_POOL);

	need(p != MAP_FAILED, "map the pool");
	return p;
}

__attribute__((unused)) static const struct exo_stats *vm_stats(int fd)
{
	void *p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, EXO_MAP_STATS);

	need(p != MAP_FAILED, "map the statistics");
	return p;
}

static inline int vm_frame_alloc(int fd, uint32_t *frames, uint32_t count, uint32_t flags)
{
	struct exo_frame_alloc a = { .head.flags = flags, .frames = vm_ptr(frames), .count = count };

	return vm_call(fd, EXO_NR_FRAME_ALLOC, &a);
}

static inline int vm_frame_free(int fd, uint32_t *frames, uint32_t count)
{
	struct exo_frame_free a = { .frames = vm_ptr(frames), .count = count };

	return vm_call(fd, EXO_NR_FRAME_FREE, &a);
}

/* A raw data volume of this many blocks, owned by slot 0. */
__attribute__((unused)) static struct exo_root_add vm_volume(int fd, uint32_t disk, const char *name, uint64_t blocks)
{
	struct exo_root_add r = { .disk = disk, .start = EXO_NOBLOCK, .count = blocks };

	snprintf(r.name, sizeof(r.name), "%s", name);
	need(!vm_call(fd, EXO_NR_ROOT_ADD, &r), "ROOT_ADD %s: reason %u", name, r.head.out_reason);
	return r;
}

__attribute__((unused)) static int vm_bind(int fd, const struct exo_root_add *r, uint64_t block, uint32_t count, uint32_t rights,
					   uint32_t flags, uint32_t *frames)
{
	struct exo_bind b = {
		.head.flags = flags,
		.disk = r->disk,
		.root = r->out_root,
		.parent = EXO_NOBLOCK,
		.claim = { .start = r->out_start, .count = r->count },
		.first = r->out_start + block,
		.count = count,
		.rights = rights,
		.frames = vm_ptr(frames),
	};

	return vm_call(fd, EXO_NR_BIND, &b);
}

__attribute__((unused)) static int vm_unbind(int fd, uint32_t *frames, uint32_t count)
{
	struct exo_unbind u = { .frames = vm_ptr(frames), .count = count };

	return vm_call(fd, EXO_NR_UNBIND, &u);
}

static inline int vm_result(void)
{
	return vm_failed ? 1 : 0;
}

#endif
