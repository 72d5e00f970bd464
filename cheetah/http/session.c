// SPDX-License-Identifier: GPL-2.0 OR MIT
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "respond.h"
#include "session.h"

void session_init(struct session *s, struct site *site, const char *peer)
{
	size_t n = strlen(peer);

	/* Everything but the two big buffers, which are written before they are read. */
	memset(s, 0, offsetof(struct session, peer));
	s->site = site;
	s->want = SESSION_READ;
	if (n >= sizeof(s->peer))
		n = sizeof(s->peer) - 1;
	memcpy(s->peer, peer, n);
	s->peer[n] = 0;
}

static struct log_text text(const struct session *s, const struct parse_field *f)
{
	return f ? (struct log_text){s->in + s->head_at + f->value.off, f->value.len} : (struct log_text){0};
}

/* The response is over, one way or the other: count it, log it, let go of what it held. */
static void response_over(struct session *s, bool whole)
{
	struct stats *st = s->site->stats;

	st->status[status_index(s->status)]++;
	st->response_bytes += s->sent;
	if (!whole)
		st->aborted++;
	if (s->site->log->fd >= 0) {
		struct log_line line = {
			.peer = s->peer,
			.time = s->site->now,
			.status = s->status,
			.bytes = s->sent > s->head_len ? s->sent - s->head_len : 0,
			.referer = text(s, parse_find(&s->req, FIELD_REFERER, 0)),
			.agent = text(s, parse_find(&s->req, FIELD_USER_AGENT, 0)),
		};

		if (s->req.whole.len)
			line.request = (struct log_text){s->in + s->head_at + s->req.whole.off, s->req.whole.len};
		log_add(s->site->log, &line);
	}
	if (s->doc)
		doc_put(&s->site->docs, s->doc);
	free(s->owned);
	s->doc = NULL;
	s->owned = NULL;
	s->nsegs = 0;
}

void session_destroy(struct session *s)
{
	if (s->want == SESSION_WRITE)
		response_over(s, false);
	s->want = SESSION_CLOSE;
}

char *session_room(struct session *s, size_t *n)
{
	/* Nothing before `start` is needed while reading. A head fits in the buffer as a whole, or the parser refuses
	 * it. */
	if (s->start) {
		memmove(s->in, s->in + s->start, s->end - s->start);
		s->end -= s->start;
		s->start = 0;
	}
	*n = sizeof(s->in) - s->end;
	return s->in + s->end;
}

static enum session_want answer(struct session *s)
{
	s->requests++;
	s->site->stats->requests++;
	if (s->requests > 1)
		s->site->stats->reused++;
	return s->want = SESSION_WRITE;
}

static enum session_want refuse(struct session *s, int status)
{
	/* What the rest of the input means is unknown from here on. */
	s->head_at = s->start;
	s->start = s->end;
	s->drain = 0;
	s->close_after = s->linger = true;
	s->seg = 0;
	s->seg_done = s->sent = 0;
	s->req.minor = 1;
	respond_status(s, status);
	return answer(s);
}

/* Body of a request that had one: nobody wants it, but the next request stands behind it. */
static void skip_body(struct session *s)
{
	uint64_t here = s->end - s->start;

	if (here > s->drain)
		here = s->drain;
	s->start += (uint32_t)here;
	s->drain -= here;
}

/* Go on with what is in the input buffer. */
static enum session_want advance(struct session *s)
{
	int n;

	skip_body(s);
	/* While some of the body is still to come, nothing is left here. */
	if (s->start < s->end) {
		n = parse_head(&s->req, s->in + s->start, s->end - s->start);
		if (n < 0)
			return refuse(s, -n);
		if (n > 0) {
			const struct parse_request *r = &s->req;

			s->head_at = s->start;
			s->start += (uint32_t)n;
			s->close_after =
				!r->keep_alive || s->requests + 1 >= s->site->max_requests || s->site->draining;
			s->drain = r->content_length;
			/*
			 * A body that is long, or of unknown length, or that the client holds back until it is told to
			 * go on: answer and close, which is always allowed and leaves nothing to be misread as a
			 * request.
			 */
			if (r->chunked || r->content_length > SESSION_DRAIN_MAX ||
			    (r->expect_continue && r->content_length))
				s->close_after = s->linger = true;
			s->seg = 0;
			s->seg_done = s->sent = 0;
			respond(s);
			return answer(s);
		}
	}
	return s->want = SESSION_READ;
}

enum session_want session_input(struct session *s, size_t n)
{
	s->end += (uint32_t)n;
	return advance(s);
}

enum session_want session_eof(struct session *s)
{
	return s->want = SESSION_CLOSE;
}

bool session_idle(const struct session *s)
{
	return s->want == SESSION_READ && s->start == s->end && !s->drain;
}

enum session_want session_head_timeout(struct session *s)
{
	/* 408 only for who began; silence is answered with silence. */
	if (s->want != SESSION_READ || session_idle(s) || s->drain)
		return s->want = SESSION_CLOSE;
	return refuse(s, 408);
}

static int failed(struct session *s, ssize_t err)
{
	site_complain(s->site, "%s: %s", s->doc->path, err ? strerror((int)-err) : "shorter than it was");
	doc_forget(&s->site->docs, s->doc);
	return -1;
}

/* Add document bytes [off, off + len) as far as iovecs go. Returns iovecs used or -1. */
static int document(struct session *s, uint64_t off, uint64_t len, struct iovec *iov, int max, size_t limit)
{
	const struct store_ops *ops = s->doc->file->ops;
	size_t total = 0;
	int n = 0;

	if (!s->site->peek) {
		ssize_t got = ops->read(s->doc->file, s->site->bounce, len < SITE_BOUNCE ? len : SITE_BOUNCE, off);

		if (got <= 0)
			return failed(s, got);
		iov[0] = (struct iovec){s->site->bounce, (size_t)got};
		return 1;
	}
	while (n < max && len && total < limit) {
		const void *data;
		ssize_t got = ops->peek(s->doc->file, off, &data);

		if (got <= 0) {
			/* What was found before it can still be sent; the failure comes again next time. */
			return n ? n : failed(s, got);
		}
		if ((uint64_t)got > len)
			got = (ssize_t)len;
		if ((size_t)got > limit - total)
			got = (ssize_t)(limit - total);
		iov[n++] = (struct iovec){(void *)data, (size_t)got};
		off += (uint64_t)got;
		len -= (uint64_t)got;
		total += (size_t)got;
	}
	return n;
}

int session_output(struct session *s, struct iovec *iov, int max, size_t limit)
{
	uint64_t done = s->seg_done;
	size_t total = 0;
	int n = 0;

	for (unsigned i = s->seg; i < s->nsegs && n < max && total < limit; i++, done = 0) {
		const struct session_seg *g = &s->segs[i];
		uint64_t len = g->len - done;

		if (g->mem) {
			iov[n++] = (struct iovec){(void *)(g->mem + done), len};
			total += len;
			continue;
		}

		int k = document(s, g->off + done, len, iov + n, max - n, limit - total);

		if (k < 0 && s->sent)
			return n ? n : -1;
		if (k < 0) {
			/* Nothing has left yet, so the truth can still be told. */
			doc_put(&s->site->docs, s->doc);
			s->doc = NULL;
			s->seg = 0;
			respond_status(s, 500);
			return session_output(s, iov, max, limit);
		}
		for (int j = 0; j < k; j++) {
			len -= iov[n + j].iov_len;
			total += iov[n + j].iov_len;
		}
		n += k;
		/* One pass through the bounce buffer at a time; and nothing may overtake document bytes left out. */
		if (len || !s->site->peek)
			break;
	}
	return n;
}

void session_fault(struct session *s)
{
	const struct store_ops *ops = s->doc ? s->doc->file->ops : NULL;

	if (ops && ops->done)
		ops->done(s->doc->file);
	if (ops && ops->lost)
		ops->lost(s->doc->file);
}

enum session_want session_sent(struct session *s, size_t n)
{
	if (s->doc && s->doc->file->ops->done)
		s->doc->file->ops->done(s->doc->file);
	s->sent += n;
	while (s->seg < s->nsegs) {
		uint64_t left = s->segs[s->seg].len - s->seg_done;

		if (n < left) {
			s->seg_done += n;
			return s->want;
		}
		n -= left;
		s->seg_done = 0;
		s->seg++;
	}
	response_over(s, true);
	if (s->close_after) {
		/* Bytes not read at close make the kernel send a reset, which may overtake the response. */
		bool more = s->linger || s->drain || s->start < s->end;

		return s->want = more ? SESSION_LINGER : SESSION_CLOSE;
	}
	memset(&s->req, 0, sizeof(s->req));
	return advance(s);
}
