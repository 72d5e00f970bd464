// SPDX-License-Identifier: GPL-2.0 OR MIT
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "cond.h"
#include "listing.h"
#include "respond.h"
#include "status.h"

#define INDEX "index.html"
#define ALLOW "Allow: GET, HEAD, OPTIONS\r\n"
#define PART_ROOM 256u /* head of one part of a multipart: two boundaries, a type, a range */

_Static_assert(SESSION_HEAD >= 512 + (RANGE_MAX + 1) * PART_ROOM, "the heads of all parts fit");
_Static_assert(SESSION_HEAD >= 512 + PARSE_MAX_LINE + 64, "a Location fits");

/* Where the head is being written. Never overruns: the assertions above give the sums. */
struct head {
	char *p;
};

static void put(struct head *h, const char *s, size_t n)
{
	memcpy(h->p, s, n);
	h->p += n;
}

#define PUT(h, literal) put(h, literal, sizeof(literal) - 1)

static void put_number(struct head *h, uint64_t v)
{
	char digit[20];
	size_t n = sizeof(digit);

	do {
		digit[--n] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	put(h, digit + n, sizeof(digit) - n);
}

/* Status line and the fields that every response has. */
static struct head begin(struct session *s, int status)
{
	struct head h = {s->head};

	s->status = status;
	s->nsegs = 0;
	if (status == 200) {
		PUT(&h, "HTTP/1.1 200 OK\r\nServer: cheetah\r\nDate: ");
	} else {
		const char *reason = status_reason(status);

		PUT(&h, "HTTP/1.1 ");
		put_number(&h, (uint64_t)status);
		*h.p++ = ' ';
		put(&h, reason, strlen(reason));
		PUT(&h, "\r\nServer: cheetah\r\nDate: ");
	}
	put(&h, s->site->date, DATE_LEN);
	PUT(&h, "\r\n");
	if (s->close_after)
		PUT(&h, "Connection: close\r\n");
	else if (!s->req.minor)
		PUT(&h, "Connection: keep-alive\r\n");
	return h;
}

static void add(struct session *s, const char *mem, uint64_t off, uint64_t len)
{
	if (len)
		s->segs[s->nsegs++] = (struct session_seg){mem, off, len};
}

static void end(struct session *s, struct head *h)
{
	PUT(h, "\r\n");
	s->head_len = (uint32_t)(h->p - s->head);
	add(s, s->head, 0, s->head_len);
}

static bool is_head(const struct session *s)
{
	return s->req.method == METHOD_HEAD;
}

/* A page of fixed text; `extra` is a field line or NULL. */
static void page(struct session *s, int status, const char *extra)
{
	struct head h = begin(s, status);
	const char *body;
	size_t n;

	body = status_page(status, &n);
	if (extra)
		put(&h, extra, strlen(extra));
	PUT(&h, "Content-Type: text/html; charset=utf-8\r\nContent-Length: ");
	put_number(&h, n);
	PUT(&h, "\r\n");
	end(s, &h);
	if (!is_head(s))
		add(s, body, 0, n);
}

void respond_status(struct session *s, int status)
{
	page(s, status, status == 405 || status == 501 ? ALLOW : status == 503 ? "Retry-After: 1\r\n" : NULL);
}

static int status_of(struct session *s, const char *path, int err)
{
	switch (-err) {
	case ENOENT:
	case ENOTDIR:
	case ENAMETOOLONG:
	case ELOOP:
		return 404;
	case EACCES:
	case EPERM:
	case EISDIR:
		return 403;
	case ENOMEM:
	case EMFILE:
	case ENFILE:
	case EDQUOT:
	case EBUSY:
	case EAGAIN:
	case EINTR:
		site_complain(s->site, "/%s: %s; answered 503", path, strerror(-err));
		return 503;
	default:
		site_complain(s->site, "/%s: %s; answered 500", path, strerror(-err));
		return 500;
	}
}

static void redirect(struct session *s, const struct target *t)
{
	const struct parse_span *raw = &s->req.target;
	const char *target = s->in + s->head_at + raw->off;
	const char *query = memchr(target, '?', raw->len);
	struct head h = begin(s, 301);
	const char *body;
	size_t n;

	body = status_page(301, &n);
	/* One slash in front, so that no path can be read as a host; made from the decoded path, never from the raw
	 * bytes. */
	PUT(&h, "Location: /");
	h.p += target_encode(h.p, PARSE_MAX_LINE, t->path, t->len, false);
	*h.p++ = '/';
	if (query)
		put(&h, query, (size_t)(target + raw->len - query));
	PUT(&h, "\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: ");
	put_number(&h, n);
	PUT(&h, "\r\n");
	end(s, &h);
	if (!is_head(s))
		add(s, body, 0, n);
}

static void not_modified(struct session *s, const struct doc *d)
{
	struct head h = begin(s, 304);

	PUT(&h, "ETag: ");
	put(&h, d->etag, d->etag_len);
	PUT(&h, "\r\n");
	end(s, &h);
}

static void whole(struct session *s, const struct doc *d)
{
	struct head h = begin(s, 200);

	put(&h, d->head, d->all_len);
	end(s, &h);
	if (!is_head(s))
		add(s, NULL, 0, d->size);
}

static void put_range(struct head *h, const struct range *r, uint64_t size)
{
	PUT(h, "Content-Range: bytes ");
	put_number(h, r->first);
	*h->p++ = '-';
	put_number(h, r->last);
	*h->p++ = '/';
	put_number(h, size);
	PUT(h, "\r\n");
}

static void part(struct session *s, const struct doc *d, const struct range *r)
{
	struct head h = begin(s, 206);

	put(&h, d->head, d->meta_len);
	put_range(&h, r, d->size);
	PUT(&h, "Content-Length: ");
	put_number(&h, r->last - r->first + 1);
	PUT(&h, "\r\n");
	end(s, &h);
	add(s, NULL, r->first, r->last - r->first + 1);
}

/*
 * multipart/byteranges. The part heads are written behind the place of the response head, which comes last because it
 * needs the total; the segments then refer to both.
 */
static void parts(struct session *s, const struct doc *d, const struct range *r, int n)
{
	struct site *site = s->site;
	char boundary[SITE_BOUNDARY + 16], serial[17];
	struct head p = {s->head + 512 + d->meta_len}, h;
	struct session_seg segs[SESSION_SEGS];
	unsigned nsegs = 0;
	uint64_t total = 0;

	snprintf(serial, sizeof(serial), "%016" PRIx64, site->boundaries++);
	memcpy(boundary, site->boundary, SITE_BOUNDARY);
	memcpy(boundary + SITE_BOUNDARY, serial, 16);
	for (int i = 0; i < n; i++) {
		char *from = p.p;

		PUT(&p, "\r\n--");
		put(&p, boundary, sizeof(boundary));
		PUT(&p, "\r\n");
		put(&p, d->head, d->type_len);
		put_range(&p, &r[i], d->size);
		PUT(&p, "\r\n");
		segs[nsegs++] = (struct session_seg){from, 0, (uint64_t)(p.p - from)};
		segs[nsegs++] = (struct session_seg){NULL, r[i].first, r[i].last - r[i].first + 1};
	}

	char *from = p.p;

	PUT(&p, "\r\n--");
	put(&p, boundary, sizeof(boundary));
	PUT(&p, "--\r\n");
	segs[nsegs++] = (struct session_seg){from, 0, (uint64_t)(p.p - from)};
	for (unsigned i = 0; i < nsegs; i++)
		total += segs[i].len;

	h = begin(s, 206);
	PUT(&h, "Content-Type: multipart/byteranges; boundary=");
	put(&h, boundary, sizeof(boundary));
	PUT(&h, "\r\n");
	put(&h, d->head + d->type_len, (size_t)(d->meta_len - d->type_len));
	PUT(&h, "Content-Length: ");
	put_number(&h, total);
	PUT(&h, "\r\n");
	end(s, &h);
	for (unsigned i = 0; i < nsegs; i++)
		add(s, segs[i].mem, segs[i].off, segs[i].len);
}

static void unsatisfiable(struct session *s, const struct doc *d)
{
	char line[64];

	snprintf(line, sizeof(line), "Content-Range: bytes */%" PRIu64 "\r\n", d->size);
	page(s, 416, line);
}

/* s->doc is open: conditions first, then ranges (RFC 9110 section 13.2.2). */
static void document(struct session *s)
{
	const struct doc *d = s->doc;
	const struct cond_doc c = {d->etag, d->etag_len, d->modified};
	const char *buf = s->in + s->head_at;
	const struct parse_field *f;
	struct range r[RANGE_MAX];
	int n;

	n = cond_check(&s->req, buf, &c, s->site->now);
	if (n == 304) {
		not_modified(s, d);
		return;
	}
	if (n) {
		page(s, n, NULL);
		return;
	}
	f = parse_find(&s->req, FIELD_RANGE, 0);
	/* Range is defined for GET only, and one field line of it (section 14.2). */
	if (f && s->req.method == METHOD_GET && !parse_find(&s->req, FIELD_RANGE, 1) &&
	    cond_range(&s->req, buf, &c, s->site->now)) {
		n = range_parse(buf + f->value.off, f->value.len, d->size, r);
		if (n == RANGE_NONE) {
			unsatisfiable(s, d);
			return;
		}
		if (n) {
			if (n == 1)
				part(s, d, r);
			else
				parts(s, d, r, n);
			return;
		}
	}
	whole(s, d);
}

static void listing(struct session *s, const struct target *t)
{
	struct head h;
	size_t n;
	int err = listing_make(s->site->store, t->path, &s->owned, &n);

	if (err) {
		respond_status(s, status_of(s, t->path, err));
		return;
	}
	h = begin(s, 200);
	PUT(&h, "Content-Type: text/html; charset=utf-8\r\nCache-Control: no-cache\r\nContent-Length: ");
	put_number(&h, n);
	PUT(&h, "\r\n");
	end(s, &h);
	if (!is_head(s))
		add(s, s->owned, 0, n);
}

/* A directory without index.html: is it there, and may it be shown? */
static void directory(struct session *s, struct target *t)
{
	struct stat st;
	int err;

	t->len -= (uint32_t)strlen(INDEX);
	t->path[t->len] = 0;
	if (s->site->listing) {
		listing(s, t);
		return;
	}
	err = s->site->store->ops->stat(s->site->store, t->path, &st);
	respond_status(s, err ? status_of(s, t->path, err) : 403);
}

static void get(struct session *s)
{
	const struct parse_span *raw = &s->req.target;
	struct site *site = s->site;
	struct target t;
	bool index;
	int err;

	err = target_parse(s->in + s->head_at + raw->off, raw->len, &t);
	if (!err && t.asterisk)
		err = -400;
	index = t.directory;
	if (!err && index && !target_append(&t, INDEX))
		err = -414;
	if (err) {
		respond_status(s, -err);
		return;
	}
	err = doc_open(&site->docs, t.path, t.len, site->now_ms, site->now, &s->doc);
	if (!err)
		document(s);
	else if (err == -EISDIR && !index)
		redirect(s, &t);
	else if (err == -ENOENT && index)
		directory(s, &t);
	else
		respond_status(s, status_of(s, t.path, err));
}

static void options(struct session *s)
{
	const struct parse_span *raw = &s->req.target;
	struct target t;
	struct head h;
	int err = target_parse(s->in + s->head_at + raw->off, raw->len, &t);

	if (err) {
		respond_status(s, -err);
		return;
	}
	h = begin(s, 204);
	PUT(&h, ALLOW);
	end(s, &h);
}

void respond(struct session *s)
{
	switch (s->req.method) {
	case METHOD_GET:
	case METHOD_HEAD:
		if (s->req.content_length > SESSION_DRAIN_MAX)
			respond_status(s, 413);
		else
			get(s);
		break;
	case METHOD_OPTIONS:
		options(s);
		break;
	case METHOD_KNOWN:
		respond_status(s, 405);
		break;
	default:
		respond_status(s, 501);
	}
}
