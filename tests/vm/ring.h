/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* ring.h: a small io_uring without liburing, and exo's commands on it. */
#ifndef TESTS_VM_RING_H
#define TESTS_VM_RING_H

#include <linux/io_uring.h>
#include <sys/syscall.h>
#include "vm.h"

#define ENTRIES 64u

struct ring {
	int fd;
	unsigned int *head, *tail, *mask, *ctail, *chead, *cmask;
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
	unsigned int *array;
};

static inline struct ring ring_open(unsigned int flags)
{
	struct io_uring_params p = { .flags = flags };
	struct ring r = { .fd = syscall(SYS_io_uring_setup, ENTRIES, &p) };
	char *m;

	need(r.fd >= 0, "io_uring_setup");
	m = mmap(NULL, p.cq_off.cqes + p.cq_entries * sizeof(*r.cqes) + 4096, PROT_READ | PROT_WRITE, MAP_SHARED, r.fd,
		 IORING_OFF_SQ_RING);
	r.sqes = mmap(NULL, p.sq_entries * sizeof(*r.sqes), PROT_READ | PROT_WRITE, MAP_SHARED, r.fd, IORING_OFF_SQES);
	need(m != MAP_FAILED && r.sqes != MAP_FAILED, "map the ring");
	r.head = (void *)(m + p.sq_off.head);
	r.tail = (void *)(m + p.sq_off.tail);
	r.mask = (void *)(m + p.sq_off.ring_mask);
	r.array = (void *)(m + p.sq_off.array);
	r.chead = (void *)(m + p.cq_off.head);
	r.ctail = (void *)(m + p.cq_off.tail);
	r.cmask = (void *)(m + p.cq_off.ring_mask);
	r.cqes = (void *)(m + p.cq_off.cqes);
	return r;
}

static inline void put(struct ring *r, int fd, uint32_t nr, void *arg, uint64_t second, uint64_t tag)
{
	unsigned int at = *r->tail & *r->mask;
	struct io_uring_sqe *s = &r->sqes[at];
	uint64_t words[2] = { vm_ptr(arg), second };

	memset(s, 0, sizeof(*s));
	s->opcode = IORING_OP_URING_CMD;
	s->fd = fd;
	s->cmd_op = nr;
	s->user_data = tag;
	memcpy(s->cmd, words, sizeof(words));
	r->array[at] = at;
	__atomic_store_n(r->tail, *r->tail + 1, __ATOMIC_RELEASE);
}

static inline void submit(struct ring *r, unsigned int n, unsigned int wait)
{
	long done = syscall(SYS_io_uring_enter, r->fd, n, wait, IORING_ENTER_GETEVENTS, NULL, 0);

	need(done == (long)n, "io_uring_enter gave %ld of %u", done, n);
}

static inline int take(struct ring *r, uint64_t *tag)
{
	struct io_uring_cqe c;

	while (*r->chead == __atomic_load_n(r->ctail, __ATOMIC_ACQUIRE))
		submit(r, 0, 1);
	c = r->cqes[*r->chead & *r->cmask];
	__atomic_store_n(r->chead, *r->chead + 1, __ATOMIC_RELEASE);
	if (tag)
		*tag = c.user_data;
	return c.res;
}

static inline int one(struct ring *r, int fd, uint32_t nr, void *arg, uint64_t second)
{
	put(r, fd, nr, arg, second, 1);
	submit(r, 1, 1);
	return take(r, NULL);
}

#endif
