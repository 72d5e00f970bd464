// SPDX-License-Identifier: GPL-2.0 OR MIT
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "socket.h"
#include "../http/chars.h"

#define BACKLOG 4096 /* the kernel lowers it to net.core.somaxconn */

bool socket_address(const char *text, struct sockaddr_storage *a, socklen_t *len)
{
	const char *colon = strrchr(text, ':');
	struct sockaddr_in *v4 = (struct sockaddr_in *)a;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)a;
	char host[64];
	uint64_t port;
	size_t n;

	if (!colon || !chars_number(colon + 1, strlen(colon + 1), &port) || port > 65535)
		return false;
	n = (size_t)(colon - text);
	if (n >= sizeof(host))
		return false;
	memcpy(host, text, n);
	host[n] = 0;
	memset(a, 0, sizeof(*a));
	if (n > 2 && host[0] == '[' && host[n - 1] == ']') {
		host[n - 1] = 0;
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)port);
		*len = sizeof(*v6);
		return inet_pton(AF_INET6, host + 1, &v6->sin6_addr) == 1;
	}
	v4->sin_family = AF_INET;
	v4->sin_port = htons((uint16_t)port);
	*len = sizeof(*v4);
	if (!n || !strcmp(host, "*"))
		return true;
	return inet_pton(AF_INET, host, &v4->sin_addr) == 1;
}

void socket_name(const struct sockaddr_storage *a, char out[64])
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)a;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)a;
	char host[INET6_ADDRSTRLEN] = "?";

	if (a->ss_family == AF_INET6) {
		inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host));
		snprintf(out, 64, "[%s]:%u", host, ntohs(v6->sin6_port));
	} else {
		inet_ntop(AF_INET, &v4->sin_addr, host, sizeof(host));
		snprintf(out, 64, "%s:%u", host, ntohs(v4->sin_port));
	}
}

/* Bound and not listening yet; or -errno. */
static int bound(struct sockaddr_storage *a, socklen_t len, bool shared)
{
	int one = 1, err;
	int fd = socket(a->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	/*
	 * TCP_NODELAY passes to accepted sockets, so it costs nothing a connection. Head and body leave in one writev:
	 * there is nothing for Nagle's rule to join, only last segments to delay.
	 */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)))
		goto fail;
	if (shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)))
		goto fail;
	if (a->ss_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)))
		goto fail;
	if (bind(fd, (struct sockaddr *)a, len) || getsockname(fd, (struct sockaddr *)a, &len))
		goto fail;
	return fd;
fail:
	err = -errno;
	close(fd);
	return err;
}

int socket_listen(struct sockaddr_storage *a, socklen_t len, unsigned n, int *fds)
{
	int err;

	if (n > 1) {
		/*
		 * The first, alone, finds out whether the address is free: with SO_REUSEPORT two servers of one user
		 * would share it and neither would be told.
		 */
		err = bound(a, len, false);
		if (err < 0)
			return err;
		close(err);
	}
	for (unsigned i = 0; i < n; i++) {
		fds[i] = bound(a, len, n > 1);
		err = fds[i] < 0 ? fds[i] : listen(fds[i], BACKLOG) ? -errno : 0;
		if (err) {
			for (unsigned k = 0; k < i + (fds[i] >= 0); k++)
				close(fds[k]);
			return err;
		}
	}
	return 0;
}
