/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* http_drive.h: a driver for sessions that has no socket: input in pieces, output taken in pieces. */
#ifndef EXO_TESTS_HTTP_DRIVE_H
#define EXO_TESTS_HTTP_DRIVE_H

#include "http_mem.h"

struct drive {
	size_t in_piece, out_piece; /* 0: as much as there is room for */
	bool eof;		    /* the client ends its side after the input */
	char *out;		    /* malloc'ed, NUL behind it */
	size_t n;
	enum session_want want; /* in the end */
	bool failed;		/* session_output gave up */
	unsigned steps;
};

static void drive_take(struct drive *d, const struct iovec *iov, int count, size_t *taken)
{
	size_t limit = d->out_piece ? d->out_piece : SIZE_MAX;

	*taken = 0;
	for (int i = 0; i < count && *taken < limit; i++) {
		size_t k = iov[i].iov_len < limit - *taken ? iov[i].iov_len : limit - *taken;

		d->out = realloc(d->out, d->n + k + 1);
		if (!d->out)
			abort();
		memcpy(d->out + d->n, iov[i].iov_base, k);
		d->n += k;
		*taken += k;
	}
	d->out[d->n] = 0;
}

/* Runs until the session waits for input that does not come, closes, or lingers. The caller frees d->out. */
static void drive(struct site *site, struct drive *d, const char *in, size_t len)
{
	struct session *s = malloc(sizeof(*s));
	struct iovec iov[8];
	size_t at = 0, room, taken;

	if (!s || !(d->out = calloc(1, 1)))
		abort();
	d->n = 0;
	d->failed = false;
	d->steps = 0;
	session_init(s, site, "test");
	for (;;) {
		/* Each step takes or gives at least a byte, or ends the session. */
		if (++d->steps > 1000000)
			abort();
		if (s->want == SESSION_READ) {
			char *to = session_room(s, &room);

			if (!room)
				abort();
			if (at == len) {
				if (d->eof)
					session_eof(s);
				break;
			}
			if (d->in_piece && room > d->in_piece)
				room = d->in_piece;
			if (room > len - at)
				room = len - at;
			memcpy(to, in + at, room);
			at += room;
			session_input(s, room);
		} else if (s->want == SESSION_WRITE) {
			int k = session_output(s, iov, 8, 100000);

			if (k < 0) {
				d->failed = true;
				break;
			}
			if (!k)
				abort();
			drive_take(d, iov, k, &taken);
			session_sent(s, taken);
		} else {
			break;
		}
	}
	d->want = s->want;
	session_destroy(s);
	free(s);
}

#endif
