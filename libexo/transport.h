/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * transport.h: how a handle reaches the module. Internal: not installed. Two exist: the device (transport.c), and
 * the simulator of the tests, which answers the same structs inside this process.
 *
 * ctx belongs to the transport; exo_close calls close(ctx) once, after the last unmap. exo_open_with takes ctx over
 * only when it returns 0: after a failure the caller still owns it.
 */
#ifndef LIBEXO_TRANSPORT_H
#define LIBEXO_TRANSPORT_H

#include <libexo.h>

struct exo_transport {
	/* nr: EXO_NR_*; arg: its struct. 0 or -errno. Many threads may call at once. */
	int (*call)(void *ctx, uint32_t nr, void *arg);
	/* off: EXO_MAP_*; prot: PROT_*. The address, or NULL with errno set. len is a multiple of 4096. */
	void *(*map)(void *ctx, uint64_t off, size_t len, int prot);
	void (*unmap)(void *ctx, void *addr, size_t len);
	void (*close)(void *ctx);
};

int exo_open_with(struct exo **out, const struct exo_transport *t, void *ctx, struct exo_why *why);

#endif
