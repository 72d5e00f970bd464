// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * alloc.c: memory for what runs under the library's lock. The program's malloc is no use there: a signal handler may
 * have interrupted it. The linker puts these in its place for everything in this library. Sizes are powers of two from
 * 32 bytes; above 64 KiB each piece is a mapping of its own. The lock of main.c guards it all.
 */
#include <sys/mman.h>
#include "posix.h"

#define SMALL 5
#define LARGE 16
#define ARENA (1ul << 20)
#define HEAD 16

struct head {
	size_t size;  /* bytes behind the head */
	size_t class; /* power of two, or 0: a mapping of its own */
};

static void *bins[LARGE + 1];
static char *arena, *arena_end;

static void *map(size_t n)
{
	long p = raw6(SYS_mmap, 0, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p < 0 && p > -4096 ? NULL : (void *)p;
}

void *__wrap_malloc(size_t n)
{
	unsigned class = SMALL;
	struct head *h;

	if (n > SSIZE_MAX - 8192) {
		errno = ENOMEM;
		return NULL;
	}
	n += HEAD;
	while (class <= LARGE && n > 1ul << class)
		class ++;
	if (class > LARGE) {
		n = (n + 4095) & ~4095ul;
		h = map(n);
		if (!h) {
			errno = ENOMEM;
			return NULL;
		}
		*h = (struct head){n - HEAD, 0};
		return (char *)h + HEAD;
	}
	if (bins[class]) {
		h = bins[class];
		bins[class] = *(void **)((char *)h + HEAD);
	} else {
		if (arena_end - arena < 1l << class) {
			arena = map(ARENA);
			arena_end = arena ? arena + ARENA : NULL;
		}
		if (!arena) {
			errno = ENOMEM;
			return NULL;
		}
		h = (struct head *)arena;
		arena += 1ul << class;
	}
	*h = (struct head){(1ul << class) - HEAD, class};
	return (char *)h + HEAD;
}

void __wrap_free(void *p)
{
	struct head *h = (struct head *)((char *)p - HEAD);

	if (!p)
		return;
	if (!h->class) {
		raw2(SYS_munmap, h, h->size + HEAD);
		return;
	}
	*(void **)p = bins[h->class];
	bins[h->class] = h;
}

void *__wrap_calloc(size_t n, size_t m)
{
	size_t bytes;
	void *p;

	if (__builtin_mul_overflow(n, m, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	p = __wrap_malloc(bytes);
	/* A mapping of its own is zeroes already. */
	if (p && ((struct head *)((char *)p - HEAD))->class)
		memset(p, 0, bytes);
	return p;
}

void *__wrap_realloc(void *p, size_t n)
{
	struct head *h = (struct head *)((char *)p - HEAD);
	void *q;

	if (!p)
		return __wrap_malloc(n);
	if (n <= h->size)
		return p;
	q = __wrap_malloc(n);
	if (q) {
		memcpy(q, p, h->size);
		__wrap_free(p);
	}
	return q;
}
