// SPDX-License-Identifier: GPL-2.0 OR MIT
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/uio.h>
#include <unistd.h>
#include "conn.h"

#define EVENTS 256
#define ACCEPT_BATCH 64	      /* connections taken before others get their turn */
#define STOP_BATCH 65536      /* likewise when stopping: more than a listener's queue holds */
#define TURN_BYTES (4u << 20) /* sent to one client before others get their turn */
#define TURN_REQUESTS 64      /* pipelined requests answered, likewise */
#define IOVS 256
#define WRITE_LIMIT (1u << 20)
#define FAULTS_MAX 4	     /* EFAULT in a row: the frame was taken, and taken again */
#define ACCEPT_PAUSE_MS 100u /* the system is out of descriptors or memory */

struct loop {
	struct site *site;
	const struct socket_config *cfg;
	struct conn_pool pool;
	int epoll;
	int reserve; /* a descriptor to give up when there are no others */
	bool stopping, accepting;
	uint64_t stop_at;   /* ms; while stopping: when patience ends */
	uint64_t accept_at; /* ms; not 0: accepting is paused until then */
	uint64_t swept_ms;
	struct conn *run; /* list by run_next */
};

/* Tags of events that are no connection. */
static char tag_signal, tag_listen[SOCKET_LISTENERS];

static void drop(struct loop *l, struct conn *c)
{
	session_destroy(&c->s);
	close(c->fd);
	c->fd = -1;
	l->site->stats->closed++;
	conn_leave(&l->pool, c);
	/* One that is on the run list is put back when its turn comes. */
	if (!c->running)
		conn_put(&l->pool, c);
}

/*
 * Into the queue for what it waits for now. Deadlines of a head, of idleness and of a linger stand from their
 * beginning: only `progress`, another request answered, sets the first two anew.
 */
static void requeue(struct loop *l, struct conn *c, bool progress)
{
	uint64_t now = l->site->now_ms;

	switch (c->s.want) {
	case SESSION_READ:
		if (!session_idle(&c->s)) {
			if (c->queue != QUEUE_HEAD || progress)
				conn_enqueue(&l->pool, c, QUEUE_HEAD, now + l->cfg->head_ms);
		} else if (c->queue != QUEUE_IDLE || progress) {
			conn_enqueue(&l->pool, c, QUEUE_IDLE, now + l->cfg->idle_ms);
		}
		break;
	case SESSION_WRITE:
		if (c->queue != QUEUE_SEND) {
			c->measured = false;
			conn_enqueue(&l->pool, c, QUEUE_SEND, now + l->cfg->send_ms / 2);
		}
		break;
	default:
		if (c->queue != QUEUE_LINGER)
			conn_enqueue(&l->pool, c, QUEUE_LINGER, now + SOCKET_LINGER_MS);
	}
}

static void run_later(struct loop *l, struct conn *c)
{
	if (c->running)
		return;
	c->running = true;
	c->run_next = l->run;
	l->run = c;
}

/* Each step answers false when it has to wait for the peer, or the connection is to be closed (want says which). */

static bool step_read(struct loop *l, struct conn *c)
{
	size_t room;
	char *buf;
	ssize_t n;

	if (!c->readable)
		return false;
	buf = session_room(&c->s, &room);
	n = read(c->fd, buf, room);
	l->site->stats->reads++;
	if (n < 0) {
		if (errno == EINTR)
			return true;
		if (errno != EAGAIN)
			c->s.want = SESSION_CLOSE;
		c->readable = false;
		return false;
	}
	if (!n) {
		session_eof(&c->s);
		return true;
	}
	/* A short read emptied the socket; the next bytes bring a new edge. The peer's end may already be behind them.
	 */
	if ((size_t)n < room && !c->hung)
		c->readable = false;
	session_input(&c->s, (size_t)n);
	return true;
}

static bool step_write(struct loop *l, struct conn *c)
{
	struct iovec iov[IOVS];
	size_t total;
	ssize_t n;
	int count, err;

	if (!c->writable)
		return false;
	for (int faults = 0;; faults++) {
		count = session_output(&c->s, iov, IOVS, WRITE_LIMIT);
		if (count < 0) {
			drop(l, c);
			return false;
		}
		total = 0;
		for (int i = 0; i < count; i++)
			total += iov[i].iov_len;
		n = writev(c->fd, iov, count);
		err = n < 0 ? errno : 0;
		l->site->stats->writes++;
		if (err != EFAULT || faults == FAULTS_MAX)
			break;
		l->site->stats->faults++;
		/* Peeking again brings the frame back, or says that the document ends earlier now. */
		session_fault(&c->s);
	}
	if (n < 0) {
		session_sent(&c->s, 0);
		if (err == EINTR)
			return true;
		c->writable = false;
		if (err == EFAULT)
			site_complain(
				l->site,
				"a document shrank, or its frames were taken, while it was sent; connection closed");
		if (err != EAGAIN)
			drop(l, c);
		return false;
	}
	/* Not taken for a full socket: a frame that is gone also makes a write short, and then no edge would come. */
	if ((size_t)n < total)
		l->site->stats->writes_short++;
	c->sent += (size_t)n;
	session_sent(&c->s, (size_t)n);
	return true;
}

/* Discard what still comes, so that the response is not destroyed by a reset. Bounded by the linger queue's deadline.
 */
static bool step_linger(struct loop *l, struct conn *c)
{
	ssize_t n;

	if (!c->shut) {
		c->shut = true;
		shutdown(c->fd, SHUT_WR);
	}
	if (!c->readable)
		return false;
	n = read(c->fd, l->site->bounce, sizeof(l->site->bounce));
	l->site->stats->reads++;
	if (n > 0 || (n < 0 && errno == EINTR))
		return true;
	c->readable = false;
	if (!n || errno != EAGAIN)
		c->s.want = SESSION_CLOSE;
	return true;
}

/* Go on with a connection until it has to wait or has had its turn. False: it is closed. */
static bool run(struct loop *l, struct conn *c)
{
	uint64_t sent = c->sent;
	uint32_t requests = c->s.requests;
	unsigned steps = 0;
	bool more = true;

	while (more || c->s.want == SESSION_CLOSE) {
		switch (c->s.want) {
		case SESSION_READ:
			more = step_read(l, c);
			break;
		case SESSION_WRITE:
			more = step_write(l, c);
			break;
		case SESSION_LINGER:
			more = step_linger(l, c);
			break;
		case SESSION_CLOSE:
			drop(l, c);
			return false;
		}
		if (c->fd < 0)
			return false;
		if (c->s.want == SESSION_CLOSE)
			continue;
		if (more && (c->sent - sent >= TURN_BYTES || c->s.requests - requests >= TURN_REQUESTS ||
			     ++steps > 4 * TURN_REQUESTS)) {
			run_later(l, c);
			more = false;
		}
	}
	/* A worker that is being stopped does not wait for another request. */
	if (l->stopping && !c->readable && session_idle(&c->s)) {
		drop(l, c);
		return false;
	}
	requeue(l, c, c->s.requests != requests);
	return true;
}

static const char overload[] = "HTTP/1.1 503 Service Unavailable\r\nServer: cheetah\r\nRetry-After: 1\r\n"
			       "Connection: close\r\nContent-Length: 0\r\n\r\n";

/* Make a place free if an idle connection can be closed for it. */
static bool make_room(struct loop *l)
{
	struct conn *c = l->pool.queue[QUEUE_IDLE].first;

	if (l->pool.count < l->pool.limit)
		return true;
	/* Only one that has been served: a connection without a request yet is most likely about to send it. */
	while (c && (!c->s.requests || c->running))
		c = c->next;
	if (!c)
		return false;
	l->site->stats->evicted++;
	drop(l, c);
	return true;
}

/*
 * Out of descriptors: close the reserve, take the connection, close it, so that its peer learns of it. False: there was
 * none; accept says that descriptors are lacking before it looks.
 */
static bool shed(struct loop *l, int listener)
{
	int fd;

	if (l->reserve >= 0)
		close(l->reserve);
	fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0) {
		l->site->stats->refused++;
		close(fd);
	}
	l->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return fd >= 0;
}

static void listen_events(struct loop *l, int op, uint32_t events)
{
	for (int i = 0; i < l->cfg->nlisten; i++) {
		struct epoll_event e = {.events = events, .data.ptr = &tag_listen[i]};

		epoll_ctl(l->epoll, op, l->cfg->listener[i], &e);
	}
}

/* Take connections; level-triggered, so leaving some for later is fine. False: there are no more now. */
static bool take(struct loop *l, int listener)
{
	struct sockaddr_storage a;
	socklen_t len = sizeof(a);
	struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET};
	char name[64];
	struct conn *c;
	int fd = accept4(listener, (struct sockaddr *)&a, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0) {
		switch (errno) {
		case EMFILE:
		case ENFILE:
			site_complain(
				l->site,
				"no descriptor for a new connection: %s; raise the limit or lower --max-connections",
				strerror(errno));
			return shed(l, listener);
		case ENOMEM:
		case ENOBUFS:
			l->accept_at = l->site->now_ms + ACCEPT_PAUSE_MS;
			listen_events(l, EPOLL_CTL_MOD, 0);
			return false;
		case EAGAIN:
			return false;
		default:
			/* Errors of the connection that was to be taken; the next may be well (see accept(2)). */
			return true;
		}
	}
	l->site->stats->accepted++;
	c = make_room(l) ? conn_get(&l->pool) : NULL;
	if (!c) {
		l->site->stats->refused++;
		l->site->stats->closed++;
		/* Best effort; the socket's buffer is empty, so it fits or the peer is gone. Unread bytes would make
		 * close a reset. */
		if (write(fd, overload, sizeof(overload) - 1) < 0 ||
		    read(fd, l->site->bounce, sizeof(l->site->bounce)) == 0)
			l->site->stats->aborted++;
		close(fd);
		return true;
	}
	c->fd = fd;
	c->writable = true;
	c->readable = true;
	if (l->site->log->fd >= 0)
		socket_name(&a, name);
	else
		name[0] = 0;
	session_init(&c->s, l->site, name);
	/* Often the request is already here, and often it is the only one: then the connection never enters epoll. */
	if (!run(l, c))
		return true;
	e.data.ptr = c;
	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &e))
		drop(l, c);
	return true;
}

static void stop(struct loop *l)
{
	struct conn *c, *next;

	if (l->stopping) {
		l->stop_at = l->site->now_ms;
		return;
	}
	l->stopping = l->site->draining = true;
	l->stop_at = l->site->now_ms + l->cfg->drain_ms;
	/* Who stands in the queue of the listener has been promised a connection. */
	for (int i = 0; i < l->cfg->nlisten; i++) {
		for (int k = 0; k < STOP_BATCH && take(l, l->cfg->listener[i]); k++)
			;
		close(l->cfg->listener[i]);
	}
	l->accepting = false;
	l->accept_at = 0;
	for (c = l->pool.queue[QUEUE_IDLE].first; c; c = next) {
		next = c->next;
		run_later(l, c);
	}
}

static void signals(struct loop *l)
{
	struct signalfd_siginfo si;

	while (read(l->cfg->signals, &si, sizeof(si)) == sizeof(si)) {
		if (si.ssi_signo == SIGTERM || si.ssi_signo == SIGINT || si.ssi_signo == SIGQUIT)
			stop(l);
		else if (l->cfg->on_signal)
			l->cfg->on_signal(l->cfg->arg, (int)si.ssi_signo);
	}
}

/*
 * Has the peer taken too little in the last `ms`? What counts is what it acknowledged: a socket's buffer may hold
 * megabytes, and says it has room again only when a good part of them is gone. The first look only measures.
 */
static bool too_slow(struct conn *c, unsigned ms)
{
	int queued = 0;
	uint64_t taken;
	bool slow;

	if (ioctl(c->fd, SIOCOUTQ, &queued) || queued < 0)
		queued = 0;
	taken = c->sent - ((uint64_t)queued < c->sent ? (uint64_t)queued : c->sent);
	slow = c->measured && taken - c->taken < (uint64_t)SOCKET_MIN_RATE * ms / 1000;
	c->taken = taken;
	c->measured = true;
	return slow;
}

/* What has waited too long. */
static void expire(struct loop *l)
{
	struct stats *st = l->site->stats;
	uint64_t now = l->site->now_ms;
	struct conn *c;

	while ((c = l->pool.queue[QUEUE_HEAD].first) && c->deadline <= now) {
		st->timeout_head++;
		session_head_timeout(&c->s);
		run(l, c);
	}
	while ((c = l->pool.queue[QUEUE_IDLE].first) && c->deadline <= now) {
		st->timeout_idle++;
		drop(l, c);
	}
	while ((c = l->pool.queue[QUEUE_SEND].first) && c->deadline <= now) {
		if (too_slow(c, l->cfg->send_ms / 2)) {
			st->timeout_send++;
			drop(l, c);
		} else {
			conn_enqueue(&l->pool, c, QUEUE_SEND, now + l->cfg->send_ms / 2);
		}
	}
	while ((c = l->pool.queue[QUEUE_LINGER].first) && c->deadline <= now)
		drop(l, c);
}

/* Milliseconds that epoll_wait may sleep; -1 for ever. */
static int patience(const struct loop *l)
{
	uint64_t now = l->site->now_ms, at = UINT64_MAX;

	if (l->run)
		return 0;
	for (int q = 0; q < QUEUES; q++)
		if (l->pool.queue[q].first && l->pool.queue[q].first->deadline < at)
			at = l->pool.queue[q].first->deadline;
	if (l->stopping && l->stop_at < at)
		at = l->stop_at;
	if (l->accept_at && l->accept_at < at)
		at = l->accept_at;
	/* The log is written and old documents are closed each second, while there are any. */
	if ((l->site->docs.count || l->site->log->used) && l->swept_ms + 1000 < at)
		at = l->swept_ms + 1000;
	if (at == UINT64_MAX)
		return -1;
	if (at <= now)
		return 0;
	/* One more, since the coarse clock may lag behind the timer. */
	return at - now > 60000 ? 60000 : (int)(at - now) + 1;
}

static void each_second(struct loop *l)
{
	if (l->site->now_ms - l->swept_ms < 1000)
		return;
	l->swept_ms = l->site->now_ms;
	doc_sweep(&l->site->docs, l->site->now_ms);
	log_flush(l->site->log);
}

static void run_list(struct loop *l)
{
	struct conn *c = l->run, *next;

	l->run = NULL;
	for (; c; c = next) {
		next = c->run_next;
		c->running = false;
		if (c->fd < 0)
			conn_put(&l->pool, c);
		else
			run(l, c);
	}
}

static void dispatch(struct loop *l, const struct epoll_event *e, int n)
{
	for (int i = 0; i < n; i++) {
		char *tag = e[i].data.ptr;
		struct conn *c = e[i].data.ptr;
		uint32_t what = e[i].events;

		if (tag == &tag_signal || (tag >= tag_listen && tag < tag_listen + SOCKET_LISTENERS))
			continue;
		/* Dropped earlier in this batch? Its place is taken anew only after the batch, so the mark is still
		 * there. */
		if (c->fd < 0)
			continue;
		if (what & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
			c->readable = true;
		if (what & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
			c->hung = true;
		if (what & (EPOLLOUT | EPOLLHUP | EPOLLERR))
			c->writable = true;
		run(l, c);
	}
	/* New connections come last: until here no place in the pool has been given to another. */
	for (int i = 0; i < n; i++) {
		char *tag = e[i].data.ptr;

		if (tag >= tag_listen && tag < tag_listen + SOCKET_LISTENERS && l->accepting)
			for (int k = 0; k < ACCEPT_BATCH && take(l, l->cfg->listener[tag - tag_listen]); k++)
				;
	}
	for (int i = 0; i < n; i++)
		if (e[i].data.ptr == &tag_signal)
			signals(l);
}

static int start(struct loop *l)
{
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = &tag_signal};
	int err = conn_pool_init(&l->pool, l->cfg->max_connections);

	if (err)
		return err;
	l->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll < 0)
		return -errno;
	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->cfg->signals, &e))
		return -errno;
	listen_events(l, EPOLL_CTL_ADD, EPOLLIN);
	l->accepting = true;
	return 0;
}

int socket_run(struct site *site, const struct socket_config *config)
{
	struct loop l = {.site = site, .cfg = config};
	struct epoll_event events[EVENTS];
	int err = start(&l);

	if (err)
		return err;
	site_tick(site);
	l.swept_ms = site->now_ms;
	if (config->ready >= 0 && write(config->ready, "r", 1) != 1)
		return -EPIPE;
	while (!l.stopping || (l.pool.count && site->now_ms < l.stop_at)) {
		int n = epoll_wait(l.epoll, events, EVENTS, patience(&l));

		site->stats->waits++;
		site_tick(site);
		if (n < 0 && errno != EINTR)
			return -errno;
		run_list(&l);
		dispatch(&l, events, n < 0 ? 0 : n);
		expire(&l);
		each_second(&l);
		if (l.accept_at && site->now_ms >= l.accept_at) {
			l.accept_at = 0;
			listen_events(&l, EPOLL_CTL_MOD, EPOLLIN);
		}
	}
	/* Patience is over for those that are left. */
	run_list(&l);
	for (int q = 0; q < QUEUES; q++)
		while (l.pool.queue[q].first) {
			l.pool.queue[q].first->running = false;
			drop(&l, l.pool.queue[q].first);
		}
	log_flush(site->log);
	close(l.epoll);
	if (l.reserve >= 0)
		close(l.reserve);
	conn_pool_destroy(&l.pool);
	return 0;
}
