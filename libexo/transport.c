// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * transport.c: the device transport. ctx is the file descriptor of an open /dev/exo, as a pointer-sized integer.
 */
#include <errno.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "handle.h"

static int device_call(void *ctx, uint32_t nr, void *arg)
{
	return ioctl((int)(intptr_t)ctx, EXO_CALL(nr), arg) < 0 ? -errno : 0;
}

static void *device_map(void *ctx, uint64_t off, size_t len, int prot)
{
	void *p = mmap(NULL, len, prot, MAP_SHARED, (int)(intptr_t)ctx, (off_t)off);

	if (p == MAP_FAILED)
		return NULL;
	/* A child of fork must open a handle of its own: the grants behind the pool are the parent's. */
	if (off >= EXO_MAP_POOL && madvise(p, len, MADV_DONTFORK)) {
		int err = errno;

		munmap(p, len);
		errno = err;
		return NULL;
	}
	return p;
}

static void device_unmap(void *ctx, void *addr, size_t len)
{
	(void)ctx;
	munmap(addr, len);
}

static void device_close(void *ctx)
{
	close((int)(intptr_t)ctx);
}

const struct exo_transport exo_device_transport = {
	.call = device_call,
	.map = device_map,
	.unmap = device_unmap,
	.close = device_close,
};
