/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* conn.h: connections of the socket loop and the queues they wait in. Private to net/. */
#ifndef CHEETAH_CONN_H
#define CHEETAH_CONN_H

#include "socket.h"
#include "../http/session.h"

/* A connection stands in exactly one queue, by what it waits for. All of a queue wait equally long, so its head expires
 * first. */
enum conn_queue {
	QUEUE_HEAD, /* a request has begun, or its body is being skipped */
	QUEUE_IDLE, /* between requests, or none has come yet */
	QUEUE_SEND,
	QUEUE_LINGER,
	QUEUES,
};

struct conn {
	struct conn *next, *prev; /* in its queue; next also in the free list */
	struct conn *run_next;	  /* among those that can go on without waiting */
	uint64_t deadline;	  /* ms */
	uint64_t taken;		  /* QUEUE_SEND: bytes that the peer had acknowledged when last measured */
	uint64_t sent;		  /* ever */
	int fd;
	uint8_t queue;		 /* enum conn_queue */
	bool readable, writable; /* as far as is known: no EAGAIN since the last edge */
	bool hung;		 /* the peer has ended its side: the edge for that does not come again */
	bool running;		 /* on the run list */
	bool measured;		 /* `taken` counts */
	bool shut;		 /* lingering has begun */
	struct session s;	 /* last: large, and mostly untouched */
};

struct conn_list {
	struct conn *first, *last;
};

struct conn_pool {
	struct conn *all;    /* mapped; pages come into being when touched */
	struct conn *unused; /* the most recently used first, whose memory is warm */
	unsigned limit, touched, count;
	struct conn_list queue[QUEUES];
};

int conn_pool_init(struct conn_pool *p, unsigned limit);
void conn_pool_destroy(struct conn_pool *p);

/* Not in any queue yet; NULL if all are taken. */
struct conn *conn_get(struct conn_pool *p);
/* Back to the pool; it must be in no queue. */
void conn_put(struct conn_pool *p, struct conn *c);
/* Out of its queue, if it is in one. */
void conn_leave(struct conn_pool *p, struct conn *c);
/* Enter a queue at its end, leaving the other. */
void conn_enqueue(struct conn_pool *p, struct conn *c, enum conn_queue q, uint64_t deadline);

#endif
