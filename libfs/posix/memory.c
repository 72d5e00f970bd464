// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * memory.c: is what the caller points at memory that can be read or written? A system call says EFAULT where a load or
 * store of this library would end the program. To ask the kernel takes a call, so pages that were found good are
 * remembered until they are unmapped. Of a buffer whose length the caller says only the first page is asked about: the
 * rest need not be there if there is no more to be read.
 */
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include "posix.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif

#define KNOWN 256u
#define LEAST 4096ul
#define MOST (1ul << 47)

/* Number of the page x 2, and 1 if it can be written. */
static uint64_t known[KNOWN];

/* Calls that look at memory first, or add nothing to it, and then find nothing to do. */
static long touch(uint64_t at, bool write)
{
	static int none;

	if (write)
		return raw6(SYS_futex, (long)&none, FUTEX_WAKE_OP_PRIVATE, 0, 0, at,
			    FUTEX_OP(FUTEX_OP_ADD, 0, FUTEX_OP_CMP_EQ, 0)) == -EFAULT;
	return raw3(SYS_sched_setaffinity, INT_MAX, 8, at) == -EFAULT;
}

static bool page_ok(uint64_t page, bool write)
{
	uint64_t *k = &known[page % KNOWN], is = __atomic_load_n(k, __ATOMIC_RELAXED);
	long err;

	if (is >> 1 == page && (is & 1 || !write))
		return true;
	err = raw3(SYS_madvise, page << 12, 4096, write ? MADV_POPULATE_WRITE : MADV_POPULATE_READ);
	/* Memory of the wrong kind or without the right; or an older kernel, which does not know the question. */
	if (err == -EINVAL)
		err = touch(page << 12, write);
	if (err)
		return false;
	__atomic_store_n(k, page << 1 | write, __ATOMIC_RELAXED);
	return true;
}

bool posix_memory(const void *at, size_t len, bool write)
{
	uint64_t first = (uintptr_t)at, page, last;

	if (!len)
		return true;
	if (first < LEAST || first >= MOST || len > MOST - first)
		return false;
	last = (first + len - 1) >> 12;
	for (page = first >> 12; page <= last; page++)
		if (!page_ok(page, write))
			return false;
	return true;
}

/* To its end, or as far as a path can be long. */
bool posix_string(const char *s)
{
	size_t here, left = PATH_MAX;

	for (;;) {
		if (!posix_memory(s, 1, false))
			return false;
		here = 4096 - ((uintptr_t)s & 4095);
		if (here >= left || memchr(s, 0, here))
			return true;
		s += here;
		left -= here;
	}
}

void posix_unmapped(uintptr_t at, size_t len)
{
	uint64_t page = at >> 12, last = (at + len + 4095) >> 12, i;

	if (last - page >= KNOWN)
		for (i = 0; i < KNOWN; i++)
			__atomic_store_n(&known[i], 0, __ATOMIC_RELAXED);
	else
		for (; page < last; page++)
			if (__atomic_load_n(&known[page % KNOWN], __ATOMIC_RELAXED) >> 1 == page)
				__atomic_store_n(&known[page % KNOWN], 0, __ATOMIC_RELAXED);
}

static bool vector(const struct iovec *v, long n, bool write)
{
	long i;

	if (n < 0 || n > IOV_MAX)
		return true;
	if (!posix_memory(v, n * sizeof(*v), false))
		return false;
	for (i = 0; i < n; i++)
		if (!write && v[i].iov_len <= SSIZE_MAX && !posix_memory(v[i].iov_base, v[i].iov_len > 0, false))
			return false;
	return true;
}

/* What an argument points at. size: bytes, or -1 - the argument that says how many. */
enum { END, READ, WRITE, STRING, FROM_VECTOR, TO_VECTOR, MAYBE /* READ, or NULL */ };

struct pointer {
	unsigned char what, arg;
	short size;
};

#define BY(arg) (-1 - (arg))
#define STAT (short)sizeof(struct stat)

/* Where a file is read to is looked at when there is something to read: posix_read_at. */
static const struct pointer pointers[512][3] = {
	[SYS_stat] = {{WRITE, 1, STAT}},
	[SYS_lstat] = {{WRITE, 1, STAT}},
	[SYS_newfstatat] = {{WRITE, 2, STAT}},
	[SYS_fstat] = {{WRITE, 1, STAT}},
	[SYS_statx] = {{WRITE, 4, 256}},
	[SYS_statfs] = {{WRITE, 1, 120}},
	[SYS_fstatfs] = {{WRITE, 1, 120}},
	[SYS_utime] = {{MAYBE, 1, 16}},
	[SYS_utimes] = {{MAYBE, 1, 32}},
	[SYS_futimesat] = {{MAYBE, 2, 32}},
	[SYS_utimensat] = {{MAYBE, 2, 32}},
	[SYS_readlink] = {{WRITE, 1, BY(2)}},
	[SYS_readlinkat] = {{WRITE, 2, BY(3)}},
	[SYS_symlink] = {{STRING, 0, 0}},
	[SYS_symlinkat] = {{STRING, 0, 0}},
	[SYS_openat2] = {{READ, 2, BY(3)}},
	[SYS_getxattr] = {{STRING, 1, 0}, {WRITE, 2, BY(3)}},
	[SYS_lgetxattr] = {{STRING, 1, 0}, {WRITE, 2, BY(3)}},
	[SYS_fgetxattr] = {{STRING, 1, 0}, {WRITE, 2, BY(3)}},
	[SYS_setxattr] = {{STRING, 1, 0}, {READ, 2, BY(3)}},
	[SYS_lsetxattr] = {{STRING, 1, 0}, {READ, 2, BY(3)}},
	[SYS_fsetxattr] = {{STRING, 1, 0}, {READ, 2, BY(3)}},
	[SYS_listxattr] = {{WRITE, 1, BY(2)}},
	[SYS_llistxattr] = {{WRITE, 1, BY(2)}},
	[SYS_flistxattr] = {{WRITE, 1, BY(2)}},
	[SYS_removexattr] = {{STRING, 1, 0}},
	[SYS_lremovexattr] = {{STRING, 1, 0}},
	[SYS_fremovexattr] = {{STRING, 1, 0}},
	[SYS_write] = {{READ, 1, BY(2)}},
	[SYS_pwrite64] = {{READ, 1, BY(2)}},
	[SYS_readv] = {{TO_VECTOR, 1, BY(2)}},
	[SYS_preadv] = {{TO_VECTOR, 1, BY(2)}},
	[SYS_preadv2] = {{TO_VECTOR, 1, BY(2)}},
	[SYS_writev] = {{FROM_VECTOR, 1, BY(2)}},
	[SYS_pwritev] = {{FROM_VECTOR, 1, BY(2)}},
	[SYS_pwritev2] = {{FROM_VECTOR, 1, BY(2)}},
	[SYS_getdents] = {{WRITE, 1, BY(2)}},
	[SYS_getdents64] = {{WRITE, 1, BY(2)}},
};

bool posix_pointers(const struct op *op)
{
	const struct pointer *p;

	for (p = pointers[op->nr]; p < pointers[op->nr] + 3 && p->what; p++) {
		const void *at = (const void *)op->a[p->arg];
		long n = p->size < 0 ? op->a[-1 - p->size] : p->size;
		bool ok;

		switch (p->what) {
		case STRING:
			ok = posix_string(at);
			break;
		case FROM_VECTOR:
		case TO_VECTOR:
			ok = vector(at, n, p->what == TO_VECTOR);
			break;
		case MAYBE:
			ok = !at || posix_memory(at, n, false);
			break;
		default:
			/* A length that is none is the call's own business. */
			ok = n <= 0 || posix_memory(at, p->size < 0 ? 1 : n, p->what == WRITE);
		}
		if (!ok)
			return false;
	}
	return true;
}
