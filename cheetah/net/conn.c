// SPDX-License-Identifier: GPL-2.0 OR MIT
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include "conn.h"

int conn_pool_init(struct conn_pool *p, unsigned limit)
{
	memset(p, 0, sizeof(*p));
	p->all = mmap(NULL, (size_t)limit * sizeof(*p->all), PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p->all == MAP_FAILED)
		return -errno;
	p->limit = limit;
	return 0;
}

void conn_pool_destroy(struct conn_pool *p)
{
	munmap(p->all, (size_t)p->limit * sizeof(*p->all));
}

struct conn *conn_get(struct conn_pool *p)
{
	struct conn *c = p->unused;

	if (c)
		p->unused = c->next;
	else if (p->touched < p->limit)
		c = &p->all[p->touched++];
	else
		return NULL;
	p->count++;
	memset(c, 0, offsetof(struct conn, s));
	c->queue = QUEUES;
	return c;
}

void conn_leave(struct conn_pool *p, struct conn *c)
{
	struct conn_list *l;

	if (c->queue == QUEUES)
		return;
	l = &p->queue[c->queue];
	*(c->prev ? &c->prev->next : &l->first) = c->next;
	*(c->next ? &c->next->prev : &l->last) = c->prev;
	c->queue = QUEUES;
}

void conn_put(struct conn_pool *p, struct conn *c)
{
	c->next = p->unused;
	p->unused = c;
	p->count--;
}

void conn_enqueue(struct conn_pool *p, struct conn *c, enum conn_queue q, uint64_t deadline)
{
	struct conn_list *l = &p->queue[q];

	conn_leave(p, c);
	c->queue = (uint8_t)q;
	c->deadline = deadline;
	c->next = NULL;
	c->prev = l->last;
	*(l->last ? &l->last->next : &l->first) = c;
	l->last = c;
}
