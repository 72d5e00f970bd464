/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * session.h: HTTP on one connection, as a machine that takes bytes and offers bytes. It makes no system call on the
 * connection and knows no clock but site.now, so kernel sockets, an own TCP and a test drive it alike. RFC 9112
 * sections 9.3 (persistence), 9.3.2 (pipelining), 9.6 (tear-down).
 *
 * The driver calls, in a loop, what the last answer asks for:
 *   SESSION_READ    session_room, receive into it, session_input; at the peer's end of stream session_eof
 *   SESSION_WRITE   session_output, send some of it, session_sent
 *   SESSION_LINGER  end the sending side, then receive and discard until the peer ends too or patience does; close
 *   SESSION_CLOSE   close
 * While a response is being sent nothing is read: a client that does not take answers cannot pile up requests.
 */
#ifndef CHEETAH_SESSION_H
#define CHEETAH_SESSION_H

#include <sys/uio.h>
#include "parse.h"
#include "range.h"
#include "site.h"
#include "target.h"

#define SESSION_DRAIN_MAX 65536u /* bytes of an unwanted request body that are read to keep the connection */
#define SESSION_HEAD                                                                                                   \
	(PARSE_MAX_LINE + 4096u) /* a Location as long as its request line, or all heads of a multipart                \
				  */
#define SESSION_SEGS (2 * RANGE_MAX + 2)
#define SESSION_PEER 48u

enum session_want {
	SESSION_READ,
	SESSION_WRITE,
	SESSION_LINGER,
	SESSION_CLOSE,
};

/* A piece of the response: bytes in memory that outlive it, or bytes of the document. */
struct session_seg {
	const char *mem; /* NULL: of the document, from `off` */
	uint64_t off, len;
};

struct session {
	struct site *site;
	enum session_want want;
	bool close_after;  /* this response is the last */
	bool linger;	   /* unread bytes are coming; a plain close would destroy the response on its way */
	uint32_t requests; /* answered or being answered */
	uint64_t drain;	   /* body bytes still to be skipped */

	/* input: in[start..end) is unparsed, or parsed but needed for the log */
	uint32_t start, end, head_at;
	struct parse_request req;

	/* output; valid in SESSION_WRITE */
	int status;
	unsigned nsegs, seg;
	uint64_t seg_done;	  /* bytes sent of segment `seg` */
	uint64_t sent, head_sent; /* bytes of this response sent; bytes of its head */
	uint32_t head_len;
	struct doc *doc; /* reference, or NULL */
	char *owned;	 /* a generated body, freed afterwards */
	struct session_seg segs[SESSION_SEGS];

	char peer[SESSION_PEER]; /* address for the log */
	char head[SESSION_HEAD];
	char in[PARSE_MAX_HEAD];
};

/* The session's memory need not be clean. peer is copied. */
void session_init(struct session *s, struct site *site, const char *peer);
/* Give everything back, at any moment. A response under way counts as cut short. */
void session_destroy(struct session *s);

/* Where to receive, and how much; *n > 0. */
char *session_room(struct session *s, size_t *n);
enum session_want session_input(struct session *s, size_t n);
enum session_want session_eof(struct session *s);

/*
 * What to send next: fills at most max iovecs with at most `limit` bytes or a little more, and returns how many; > 0.
 * -1: the document failed; close at once, since the length promised cannot be kept. The addresses are valid until
 * session_sent.
 */
int session_output(struct session *s, struct iovec *iov, int max, size_t limit);
enum session_want session_sent(struct session *s, size_t n);
/* The system call that was to read the addresses failed with EFAULT; instead of session_sent. Ask for output again. */
void session_fault(struct session *s);

/* The head was not complete in time. */
enum session_want session_head_timeout(struct session *s);

/* Is it between two requests, with nothing of the next one here? */
bool session_idle(const struct session *s);

#endif
