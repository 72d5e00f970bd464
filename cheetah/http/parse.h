/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * parse.h: the head of a request, from bytes. RFC 9112 sections 2.2 (message parsing), 3 (request line), 5 (field
 * syntax), 6 (message body length), 9.3 (persistence); RFC 9110 sections 5.3 (field order), 7.2 (Host), 10.1.1
 * (Expect).
 *
 * Nothing is allocated or copied: the request names bytes of the caller's buffer by offset from its start, so the
 * buffer may move between calls as long as its content stays. Work is linear in the bytes, however they are cut:
 * parse_head goes on where the last call stopped. The answer depends on the bytes alone, never on the cuts.
 *
 * Strict on purpose, since what two programs read differently is how requests are smuggled: lines end in CRLF only,
 * no white space before a colon, no folded lines, no control bytes, exactly one space between the parts of the request
 * line.
 */
#ifndef CHEETAH_PARSE_H
#define CHEETAH_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PARSE_MAX_LINE 8192u  /* bytes of a request line without its CRLF; more: 414 */
#define PARSE_MAX_HEAD 16384u /* bytes of a whole head, leading empty lines included; more: 431 */
#define PARSE_MAX_FIELDS 100u /* field lines; more: 431 */
#define PARSE_MAX_KEPT 32u    /* field lines of a name that the server reads; more: 431 */

enum parse_method {
	METHOD_OTHER, /* a token that RFC 9110 and RFC 5789 do not define */
	METHOD_GET,
	METHOD_HEAD,
	METHOD_OPTIONS,
	METHOD_KNOWN, /* POST PUT DELETE CONNECT TRACE PATCH: defined, never allowed here */
};

/* Fields that the server reads; all others are checked for syntax and forgotten. */
enum parse_name {
	FIELD_OTHER,
	FIELD_HOST,
	FIELD_RANGE,
	FIELD_EXPECT,
	FIELD_IF_RANGE,
	FIELD_IF_MATCH,
	FIELD_REFERER,
	FIELD_CONNECTION,
	FIELD_USER_AGENT,
	FIELD_IF_NONE_MATCH,
	FIELD_CONTENT_LENGTH,
	FIELD_IF_MODIFIED_SINCE,
	FIELD_TRANSFER_ENCODING,
	FIELD_IF_UNMODIFIED_SINCE,
};

struct parse_span {
	uint16_t off, len;
};

struct parse_field {
	uint16_t name;		 /* enum parse_name */
	struct parse_span value; /* trimmed */
};

struct parse_request {
	/* where parse_head stopped; zero in a fresh one */
	uint32_t line;	 /* start of the first line not parsed yet */
	uint32_t seen;	 /* bytes searched for its end */
	uint16_t fields; /* field lines so far */
	bool started;	 /* the request line is behind us */

	/* the request line; valid once `started` */
	uint8_t method; /* enum parse_method */
	uint8_t minor;	/* 0 or 1: HTTP/1.0 or HTTP/1.1; a later minor counts as 1 */
	struct parse_span verb;
	struct parse_span target;
	struct parse_span whole; /* the line, for the log */

	/* valid once parse_head returned a length */
	bool keep_alive; /* the client allows the connection to stay */
	bool chunked;	 /* a body of unknown length follows */
	bool expect_continue;
	uint64_t content_length; /* body bytes; 0 without the field */
	struct parse_span host;

	uint32_t names; /* bit per enum parse_name that was kept */
	uint16_t nkept;
	struct parse_field kept[PARSE_MAX_KEPT]; /* in order of arrival */
};

/*
 * Parse buf[0..len). The buffer must start with the same bytes at each call for one request, with a *r that was zero
 * at the first. Returns the length of the head (> 0), 0 if it is incomplete, or -status (-400, -414, -417, -431, -501,
 * -505) of the response it deserves, after which the connection has to be closed.
 */
int parse_head(struct parse_request *r, const char *buf, size_t len);

/* The n-th kept field of that name, or NULL. */
const struct parse_field *parse_find(const struct parse_request *r, enum parse_name name, unsigned n);

#endif
