/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * socket.h: the server over kernel sockets. One epoll loop a worker, non-blocking, edge-triggered: a connection is
 * registered once, and a request on a connection that stays costs one read and one writev, plus its share of an
 * epoll_wait.
 *
 * Bounds: connections (idle ones make room, then 503), time for a head from its first byte to its last, idle time, a
 * minimum rate while a response is taken, time to linger. Reading a document that is not in the cache blocks the worker
 * meanwhile.
 */
#ifndef CHEETAH_SOCKET_H
#define CHEETAH_SOCKET_H

#include <sys/socket.h>
#include "../http/site.h"

#define SOCKET_LISTENERS 8
#define SOCKET_MIN_RATE 256u /* bytes a second that a client must take, over each send timeout */
#define SOCKET_LINGER_MS 2000u

struct socket_config {
	int nlisten, listener[SOCKET_LISTENERS]; /* the loop closes them */
	unsigned max_connections;
	unsigned head_ms, idle_ms, send_ms, drain_ms;
	int signals; /* signalfd, not blocking */
	int ready;   /* pipe: a byte is written once connections are accepted; -1 none */
	/* A signal came: SIGTERM, SIGINT and SIGQUIT are the loop's own, all others go here. */
	void (*on_signal)(void *arg, int signo);
	void *arg;
};

/* ADDRESS:PORT with a numeric address; "" or "*" is any, IPv6 in brackets. False: malformed. */
bool socket_address(const char *text, struct sockaddr_storage *a, socklen_t *len);
/* "127.0.0.1:80", "[::1]:80" */
void socket_name(const struct sockaddr_storage *a, char out[64]);

/*
 * n listening sockets on one address, not blocking: n > 1 with SO_REUSEPORT, so that the kernel divides connections. An
 * address where another server listens is refused, also if that one has SO_REUSEPORT. If the port was 0, *a gets the
 * one that was chosen. 0 or -errno.
 */
int socket_listen(struct sockaddr_storage *a, socklen_t len, unsigned n, int *fds);

/* Serve until told to stop and drained. 0, or -errno if it could not start. */
int socket_run(struct site *site, const struct socket_config *config);

#endif
