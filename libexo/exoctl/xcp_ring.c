// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * xcp_ring.c: transfers as io_uring commands. Those that are submitted together and lie next to each other on the disk
 * become one request, because the kernel plugs the queue while it takes a submission. Without io_uring each transfer
 * is a call of its own.
 */
#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <string.h>
#include "xcp.h"

#define DEPTH 512u

struct xcp_ring {
	struct io_uring ring;
	uint32_t flying, queued; /* queued: of them, not yet submitted */
};

struct xcp_ring *xcp_ring_open(struct exo *x)
{
	struct xcp_ring *r = calloc(1, sizeof(*r));
	struct io_uring_params p = {.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN};

	if (!r)
		return NULL;
	if (exo_fd(x) >= 0) {
		if (!io_uring_queue_init_params(DEPTH, &r->ring, &p))
			return r;
		memset(&r->ring, 0, sizeof(r->ring));
		if (!io_uring_queue_init(DEPTH, &r->ring, 0))
			return r;
	}
	free(r);
	return NULL;
}

void xcp_ring_close(struct xcp_ring *r)
{
	if (!r)
		return;
	io_uring_queue_exit(&r->ring);
	free(r);
}

static void ended(struct xcp *c, struct xcp_slice *s, int err)
{
	s->turn->flying--;
	if (err < 0) {
		s->item->slow = true;
		return;
	}
	if (s->io.head.flags & EXO_IO_WRITE) {
		uint64_t bytes = (uint64_t)s->io.count * EXO_BLOCK_SIZE, left = s->item->st.st_size - s->off;

		c->writes++;
		c->p.bytes += bytes < left ? bytes : left;
	} else {
		c->reads++;
	}
}

static void reap(struct xcp *c)
{
	struct io_uring_cqe *cqe;

	while (!io_uring_peek_cqe(&c->ring->ring, &cqe)) {
		c->ring->flying--;
		ended(c, io_uring_cqe_get_data(cqe), cqe->res);
		io_uring_cqe_seen(&c->ring->ring, cqe);
	}
}

static void enter(struct xcp *c, unsigned wait)
{
	int err;

	do {
		err = io_uring_submit_and_wait(&c->ring->ring, wait);
	} while (err == -EINTR || err == -EAGAIN || err == -EBUSY);
	if (err < 0) {
		/* Frames under transfer must not be reused, and nothing says any more when that ends. */
		fail("io_uring: %s", strerror(-err));
		exit(EXIT_REFUSED);
	}
	c->ring->queued = 0;
	reap(c);
}

void xcp_go(struct xcp *c)
{
	if (c->ring && c->ring->queued)
		enter(c, 0);
}

void xcp_start(struct xcp *c, struct xcp_slice *s, uint32_t flags)
{
	struct io_uring_sqe *sqe;
	uint64_t words[2] = {(uintptr_t)&s->io, 0};

	s->io.head = (struct exo_head){.size = sizeof(s->io), .flags = flags};
	s->io.frames = (uintptr_t)(s->turn->frames + s->at);
	s->turn->flying++;
	if (!c->ring) {
		ended(c, s, exo_io(c->x, &s->io, flags, NULL));
		return;
	}
	while (c->ring->flying >= DEPTH)
		enter(c, 1);
	sqe = io_uring_get_sqe(&c->ring->ring);
	io_uring_prep_rw(IORING_OP_URING_CMD, sqe, exo_fd(c->x), NULL, 0, 0);
	sqe->cmd_op = EXO_NR_IO;
	memcpy(sqe->cmd, words, sizeof(words));
	io_uring_sqe_set_data(sqe, s);
	c->ring->flying++;
	c->ring->queued++;
}

void xcp_wait(struct xcp *c, struct xcp_turn *t)
{
	xcp_go(c);
	while (t->flying)
		enter(c, 1);
}

bool xcp_again(struct xcp *c, int err)
{
	if (err != -EBUSY)
		return false;
	xcp_wait(c, &c->turn[0]);
	xcp_wait(c, &c->turn[1]);
	return true;
}
