/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * worker.h: the processes that serve. One worker is this process itself. Several are children of a supervisor, each
 * with its own listening sockets (SO_REUSEPORT), its own store and so its own exo environment; a child that dies is
 * replaced.
 */
#ifndef CHEETAH_WORKER_H
#define CHEETAH_WORKER_H

#include "net/socket.h"

#define CHEETAH_VERSION "0.1"
#define WORKERS_MAX 64u

struct worker_config {
	const char *store, *user, *log;
	struct {
		struct sockaddr_storage a;
		socklen_t len;
	} addr[SOCKET_LISTENERS];
	int naddr;
	int listener[WORKERS_MAX][SOCKET_LISTENERS];
	int log_fd; /* -1: none */
	unsigned workers, max_connections, max_requests, open_documents, recheck_ms;
	unsigned head_s, idle_s, send_s, drain_s;
	bool peek, ready_heads, listing, print_stats;
	struct stats *stats; /* shared, one for each worker */
};

/* (Re)open the access log into log_fd. 0, or -1 with errno set and log_fd as it was. */
int worker_open_log(struct worker_config *c);

/* Serve until told to stop. Returns the exit code. */
int worker_main(struct worker_config *c);

#endif
