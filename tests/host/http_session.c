// SPDX-License-Identifier: GPL-2.0 OR MIT
/* The session machine over a store in memory: whole conversations, cut in every way, with a store that fails. */
#include <stdio.h>
#include "http_drive.h"
#include "../sim/check.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n"
#define DATE_FIXED "Thu, 01 Jan 2026 00:00:00 GMT"

static char big[100000];

static const struct mem_doc docs[] = {
	{.path = "", .len = 0},
	{.path = "index.html", .data = "<p>top\n", .len = 7},
	{.path = "empty.txt", .data = "", .len = 0},
	{.path = "ten.txt", .data = "0123456789", .len = 10},
	{.path = "big.bin", .data = big, .len = sizeof(big)},
	{.path = "sub/"},
	{.path = "with/"},
	{.path = "with/index.html", .data = "inner", .len = 5},
	{.path = "secret", .open_error = -EACCES},
	{.path = "broken", .open_error = -EIO},
	{.path = "busy", .open_error = -ENOMEM},
	{.path = "bad-start", .data = "0123456789", .len = 10, .peek_error = -EIO},
	{.path = "bad-end", .data = big, .len = 9000, .peek_error = -EIO, .peek_good = 8192},
	{.path = "sub/<b>&\"'", .data = "x", .len = 1},
	{.path = "sub/a b:c", .data = "x", .len = 1},
};

static struct mem_store store;
static struct site *site;

/* One answer at a time out of what came back. */
struct answer {
	int status;
	const char *head, *body;
	size_t head_len, body_len;
};

static const char *field(const struct answer *a, const char *name, char out[512])
{
	const char *p = a->head, *end = a->head + a->head_len;
	size_t n = strlen(name);

	out[0] = 0;
	while (p < end) {
		const char *eol = strstr(p, "\r\n");

		if (!strncmp(p, name, n) && p[n] == ':') {
			snprintf(out, 512, "%.*s", (int)(eol - p - n - 2), p + n + 2);
			return out;
		}
		p = eol + 2;
	}
	return NULL;
}

static bool next(const char **at, struct answer *a, bool head)
{
	char value[512];
	const char *end = strstr(*at, "\r\n\r\n");

	if (!end || sscanf(*at, "HTTP/1.1 %d ", &a->status) != 1)
		return false;
	a->head = *at;
	a->head_len = (size_t)(end + 2 - *at);
	a->body = end + 4;
	a->body_len = 0;
	if (!head && field(a, "Content-Length", value))
		a->body_len = strtoull(value, NULL, 10);
	*at = a->body + a->body_len;
	return true;
}

static struct answer one(struct drive *d, const char *in)
{
	struct answer a = {0};
	const char *at;

	drive(site, d, in, strlen(in));
	at = d->out;
	NEED(next(&at, &a, !strncmp(in, "HEAD", 4)));
	CHECK_MSG(at == d->out + d->n, "%s: %zu bytes behind the answer", in, (size_t)(d->out + d->n - at));
	return a;
}

static void statuses(void)
{
	static const struct {
		const char *in;
		int status;
		enum session_want want;
		const char *field, *value; /* NULL value: must be absent */
	} c[] = {
		{GET("/") "\r\n", 200, SESSION_READ, "Content-Type", "text/html; charset=utf-8"},
		{GET("/") "\r\n", 200, SESSION_READ, "Content-Length", "7"},
		{GET("/") "\r\n", 200, SESSION_READ, "Connection", NULL},
		{GET("/") "\r\n", 200, SESSION_READ, "Date", DATE_FIXED},
		{GET("/") "\r\n", 200, SESSION_READ, "Last-Modified", "Tue, 14 Nov 2023 22:13:20 GMT"},
		{GET("/ten.txt") "\r\n", 200, SESSION_READ, "ETag", "\"4-a-17979cfe362a0000\""},
		{GET("/ten.txt") "\r\n", 200, SESSION_READ, "Accept-Ranges", "bytes"},
		{GET("/empty.txt") "\r\n", 200, SESSION_READ, "Content-Length", "0"},
		{GET("http://any/ten.txt") "\r\n", 200, SESSION_READ, "Content-Length", "10"},
		{GET("/with/") "\r\n", 200, SESSION_READ, "Content-Length", "5"},
		{GET("/") "Connection: close\r\n\r\n", 200, SESSION_CLOSE, "Connection", "close"},
		{"GET / HTTP/1.0\r\n\r\n", 200, SESSION_CLOSE, "Connection", "close"},
		{"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200, SESSION_READ, "Connection", "keep-alive"},
		{GET("/with") "\r\n", 301, SESSION_READ, "Location", "/with/"},
		{GET("//with?a=b") "\r\n", 301, SESSION_READ, "Location", "/with/?a=b"},
		{GET("/./%77ith") "\r\n", 301, SESSION_READ, "Location", "/with/"},
		{GET("/sub/") "\r\n", 403, SESSION_READ, "Content-Type", "text/html; charset=utf-8"},
		{GET("/secret") "\r\n", 403, SESSION_READ, "ETag", NULL},
		{GET("/none") "\r\n", 404, SESSION_READ, "Last-Modified", NULL},
		{GET("/none/") "\r\n", 404, SESSION_READ, "ETag", NULL},
		{GET("/broken") "\r\n", 500, SESSION_READ, "ETag", NULL},
		{GET("/bad-start") "\r\n", 500, SESSION_READ, "ETag", NULL},
		{GET("/busy") "\r\n", 503, SESSION_READ, "Retry-After", "1"},
		{GET("/../x") "\r\n", 400, SESSION_READ, "ETag", NULL},
		{GET("https://h/") "\r\n", 421, SESSION_READ, "ETag", NULL},
		{"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", 204, SESSION_READ, "Allow", "GET, HEAD, OPTIONS"},
		{"GET * HTTP/1.1\r\nHost: h\r\n\r\n", 400, SESSION_READ, "ETag", NULL},
		{"POST / HTTP/1.1\r\nHost: h\r\n\r\n", 405, SESSION_READ, "Allow", "GET, HEAD, OPTIONS"},
		{"BREW / HTTP/1.1\r\nHost: h\r\n\r\n", 501, SESSION_READ, "ETag", NULL},
		{"HEAD /ten.txt HTTP/1.1\r\nHost: h\r\n\r\n", 200, SESSION_READ, "Content-Length", "10"},
		{"HEAD /ten.txt HTTP/1.1\r\nHost: h\r\nRange: bytes=0-1\r\n\r\n", 200, SESSION_READ, "Content-Range",
		 NULL},
		{"HEAD /none HTTP/1.1\r\nHost: h\r\n\r\n", 404, SESSION_READ, "ETag", NULL},
		{GET("/ten.txt") "If-None-Match: *\r\n\r\n", 304, SESSION_READ, "Content-Length", NULL},
		{GET("/ten.txt") "If-None-Match: *\r\n\r\n", 304, SESSION_READ, "ETag", "\"4-a-17979cfe362a0000\""},
		{GET("/ten.txt") "If-Match: \"no\"\r\n\r\n", 412, SESSION_READ, "ETag", NULL},
		{GET("/ten.txt") "Range: bytes=2-4\r\n\r\n", 206, SESSION_READ, "Content-Range", "bytes 2-4/10"},
		{GET("/ten.txt") "Range: bytes=2-4\r\nRange: bytes=5-6\r\n\r\n", 200, SESSION_READ, "Content-Range",
		 NULL},
		{GET("/ten.txt") "Range: bytes=2-4\r\nIf-Range: \"no\"\r\n\r\n", 200, SESSION_READ, "Content-Range",
		 NULL},
		{GET("/ten.txt") "Range: bytes=10-\r\n\r\n", 416, SESSION_READ, "Content-Range", "bytes */10"},
		{GET("/ten.txt") "Range: bytes=10-\r\nIf-None-Match: *\r\n\r\n", 304, SESSION_READ, "Content-Range",
		 NULL},
		{GET("/empty.txt") "Range: bytes=0-\r\n\r\n", 416, SESSION_READ, "Content-Range", "bytes */0"},
		{"GET / HTTP/1.1\r\n\r\n", 400, SESSION_LINGER, "Connection", "close"},
		{"GARBAGE\r\n", 400, SESSION_LINGER, "Connection", "close"},
		{"GET / HTTP/3.0\r\n", 505, SESSION_LINGER, "Connection", "close"},
		{GET("/") "Expect: x\r\n\r\n", 417, SESSION_LINGER, "Connection", "close"},
		{GET("/") "Content-Length: 65537\r\n\r\n", 413, SESSION_LINGER, "Connection", "close"},
		{GET("/") "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n", 200, SESSION_LINGER, "Connection",
		 "close"},
		{GET("/") "Transfer-Encoding: chunked\r\n\r\n5\r\nGET /\r\n0\r\n\r\n", 200, SESSION_LINGER,
		 "Connection", "close"},
		{GET("/") "Transfer-Encoding: gzip, chunked\r\n\r\n", 501, SESSION_LINGER, "Connection", "close"},
		{GET("/") "Content-Length: 5\r\n\r\nGET /", 200, SESSION_READ, "Connection", NULL},
		{"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 999999\r\n\r\nxx", 405, SESSION_LINGER, "Connection",
		 "close"},
	};
	char value[512];

	for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		struct drive d = {0};
		struct answer a = one(&d, c[i].in);
		const char *v = field(&a, c[i].field, value);

		CHECK_MSG(a.status == c[i].status, "%s: %d", c[i].in, a.status);
		CHECK_MSG(d.want == c[i].want, "%s: want %d", c[i].in, d.want);
		if (c[i].value)
			CHECK_MSG(v && !strcmp(v, c[i].value), "%s: %s: %s", c[i].in, c[i].field, v ? v : "absent");
		else
			CHECK_MSG(!v, "%s: %s: %s", c[i].in, c[i].field, v);
		CHECK(field(&a, "Date", value) && field(&a, "Server", value));
		free(d.out);
	}
}

static void bodies(void)
{
	struct drive d = {0};
	struct answer a = one(&d, GET("/big.bin") "\r\n");

	CHECK(a.body_len == sizeof(big) && !memcmp(a.body, big, sizeof(big)));
	free(d.out);
	a = one(&d, GET("/big.bin") "Range: bytes=4090-4100\r\n\r\n");
	CHECK(a.body_len == 11 && !memcmp(a.body, big + 4090, 11));
	free(d.out);
	/* The same through the bounce buffer. */
	site->peek = false;
	a = one(&d, GET("/big.bin") "\r\n");
	CHECK(a.body_len == sizeof(big) && !memcmp(a.body, big, sizeof(big)));
	free(d.out);
	site->peek = true;
	/* A document that fails half-way: what was promised is not there, so nothing else may follow. */
	drive(site, &d, GET("/bad-end") "\r\n" GET("/") "\r\n", strlen(GET("/bad-end") "\r\n" GET("/") "\r\n"));
	CHECK(d.failed && strstr(d.out, "Content-Length: 9000\r\n") && !strstr(d.out, "<p>top"));
	free(d.out);
}

/* multipart/byteranges, taken apart by its boundary. */
static void multipart(void)
{
	static const struct {
		uint64_t first, last;
	} want[] = {{90000, 90009}, {0, 0}, {4095, 4097}};
	struct drive d = {0};
	struct answer a = one(&d, GET("/big.bin") "Range: bytes=90000-90009,0-0,4095-4096,4097-4097,200000-\r\n\r\n");
	char type[512], mark[300], line[300], other[200];
	const char *p = a.body, *end = a.body + a.body_len;

	CHECK(a.status == 206 && !field(&a, "Content-Range", type));
	NEED(field(&a, "Content-Type", type) && sscanf(type, "multipart/byteranges; boundary=%100s", other) == 1);
	snprintf(mark, sizeof(mark), "\r\n--%s", other);
	for (size_t i = 0; i < 3; i++) {
		size_t n = want[i].last - want[i].first + 1;

		NEED(!strncmp(p, mark, strlen(mark)));
		p = strstr(p + 2, "\r\n") + 2;
		CHECK(!strncmp(p, "Content-Type: application/octet-stream\r\n", 40));
		snprintf(line, sizeof(line), "Content-Range: bytes %llu-%llu/%zu\r\n\r\n",
			 (unsigned long long)want[i].first, (unsigned long long)want[i].last, sizeof(big));
		NEED(strstr(p, line) == p + 40);
		p += 40 + strlen(line);
		CHECK(!memcmp(p, big + want[i].first, n));
		p += n;
	}
	strcat(mark, "--\r\n");
	CHECK((size_t)(end - p) == strlen(mark) && !memcmp(p, mark, strlen(mark)));
	free(d.out);
	/* The next answer must have another boundary. */
	snprintf(line, sizeof(line), "%s", other);
	a = one(&d, GET("/ten.txt") "Range: bytes=0-0,2-2\r\n\r\n");
	NEED(field(&a, "Content-Type", type) && sscanf(type, "multipart/byteranges; boundary=%100s", other) == 1);
	CHECK(strcmp(line, other));
	free(d.out);
	/* As many parts as there may be, each with the longest numbers of this document. */
	char in[1000] = GET("/big.bin") "Range: bytes=";
	for (int i = 0; i < RANGE_MAX; i++)
		sprintf(in + strlen(in), "%s%d-%d", i ? "," : "", 90000 + 2 * i, 90000 + 2 * i);
	strcat(in, "\r\n\r\n");
	a = one(&d, in);
	CHECK(a.status == 206);
	free(d.out);
}

static void pipelining(void)
{
	static const char in[] =
		GET(
			"/ten.txt") "\r\n"
				    "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n"
				    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 20\r\n\r\nGET /none "
				    "HTTP/1.1\r\n" GET("/big.bin") "\r\n" GET("/none") "\r\n" GET(
					    "/ten.txt") "Range: bytes=1-1,3-3\r\n\r\n" GET("/with/") "Connection: "
												     "close\r\n\r"
												     "\n" GET("/ignore"
													      "d") "\r"
														   "\n";
	static const struct {
		int status;
		bool head;
	} want[] = {{200, false}, {200, true}, {405, false}, {200, false}, {404, false}, {206, false}, {200, false}};
	static const size_t pieces[] = {0, 1, 2, 3, 7, 100, 4096};
	char *first = NULL;
	size_t first_len = 0;

	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		for (size_t o = 0; o < sizeof(pieces) / sizeof(pieces[0]); o++) {
			struct drive d = {.in_piece = pieces[i], .out_piece = pieces[o]};
			struct answer a;

			site->boundaries = 5;
			drive(site, &d, in, sizeof(in) - 1);
			CHECK(d.want == SESSION_LINGER || d.want == SESSION_CLOSE);
			if (!first) {
				const char *at = d.out;

				for (size_t k = 0; k < sizeof(want) / sizeof(want[0]); k++) {
					NEED(next(&at, &a, want[k].head));
					CHECK_MSG(a.status == want[k].status, "answer %zu: %d", k, a.status);
				}
				CHECK(at == d.out + d.n);
				first = d.out;
				first_len = d.n;
				continue;
			}
			CHECK_MSG(d.n == first_len && !memcmp(d.out, first, first_len), "pieces %zu, %zu", pieces[i],
				  pieces[o]);
			free(d.out);
		}
	}
	free(first);
}

static void limits(void)
{
	struct drive d = {0};
	const char *at;
	struct answer a;
	char *in = NULL;
	size_t n;
	FILE *f = open_memstream(&in, &n);

	/* The last request that the limit allows is answered with close. */
	site->max_requests = 3;
	drive(site, &d, GET("/") "\r\n" GET("/") "\r\n" GET("/") "\r\n" GET("/") "\r\n", 4 * strlen(GET("/") "\r\n"));
	at = d.out;
	for (int i = 0; i < 3; i++)
		NEED(next(&at, &a, false));
	CHECK(at == d.out + d.n && strstr(a.head, "Connection: close\r\n") && d.want == SESSION_LINGER);
	free(d.out);
	site->max_requests = 1000000;
	site->draining = true;
	a = one(&d, GET("/") "\r\n");
	CHECK(strstr(a.head, "Connection: close\r\n"));
	free(d.out);
	site->draining = false;
	/* A Location as long as it can get. */
	fprintf(f, "GET /with?");
	for (unsigned i = 0; i < PARSE_MAX_LINE - strlen("GET /with? HTTP/1.1"); i++)
		fputc('q', f);
	fprintf(f, " HTTP/1.1\r\nHost: h\r\n\r\n");
	fclose(f);
	a = one(&d, in);
	CHECK(a.status == 301 && a.head_len > PARSE_MAX_LINE - 20);
	free(d.out);
	free(in);
}

static void timeouts(void)
{
	struct session *s = malloc(sizeof(*s));
	struct iovec iov[8];
	size_t room;
	char *to;

	NEED(s);
	session_init(s, site, "test");
	CHECK(session_idle(s) && session_head_timeout(s) == SESSION_CLOSE);
	session_init(s, site, "test");
	to = session_room(s, &room);
	memcpy(to, "GET / HT", 8);
	CHECK(session_input(s, 8) == SESSION_READ && !session_idle(s));
	CHECK(session_head_timeout(s) == SESSION_WRITE && s->status == 408);
	CHECK(session_output(s, iov, 8, 100000) == 2 && !memcmp(iov[0].iov_base, "HTTP/1.1 408 ", 13));
	CHECK(session_sent(s, iov[0].iov_len + iov[1].iov_len) == SESSION_LINGER);
	session_destroy(s);
	free(s);
}

static void documents(void)
{
	struct drive d = {0};
	struct answer a;
	char value[512];
	uint64_t opens = site->stats->doc_opens;

	/* A change is seen after the recheck age, not before; and the old state is not served after it. */
	free(one(&d, GET("/ten.txt") "\r\n").head ? d.out : NULL);
	CHECK(site->stats->doc_opens <= opens + 1);
	store.mtime += 100;
	opens = site->stats->doc_opens;
	a = one(&d, GET("/ten.txt") "\r\n");
	CHECK(site->stats->doc_opens == opens &&
	      !strcmp(field(&a, "Last-Modified", value), "Tue, 14 Nov 2023 22:13:20 GMT"));
	free(d.out);
	site->now_ms += 1000;
	a = one(&d, GET("/ten.txt") "\r\n");
	CHECK(site->stats->doc_opens == opens + 1 &&
	      !strcmp(field(&a, "Last-Modified", value), "Tue, 14 Nov 2023 22:15:00 GMT"));
	free(d.out);
	/* A time to come is sent as now; one that is no HTTP date is not sent at all. */
	store.mtime = site->now + 1000;
	site->now_ms += 1000;
	a = one(&d, GET("/ten.txt") "\r\n");
	CHECK(!strcmp(field(&a, "Last-Modified", value), DATE_FIXED));
	free(d.out);
	store.mtime = -5;
	site->now_ms += 1000;
	a = one(&d, GET("/ten.txt") "If-Modified-Since: " DATE_FIXED "\r\n\r\n");
	CHECK(a.status == 200 && !field(&a, "Last-Modified", value));
	free(d.out);
	store.mtime = 1700000000;
	site->now_ms += 20000;
	doc_sweep(&site->docs, site->now_ms);
	CHECK(!site->docs.count && store.opened == store.closed);
}

static void listings(void)
{
	struct drive d = {0};
	struct answer a;

	site->listing = true;
	a = one(&d, GET("/sub/") "\r\n");
	CHECK(a.status == 200);
	CHECK(strstr(a.body, "<a href=\"./%3Cb%3E&amp;%22&#39;\">&lt;b&gt;&amp;&quot;&#39;</a>"));
	CHECK(strstr(a.body, "<a href=\"./a%20b:c\">a b:c</a>") && strstr(a.body, "<a href=\"../\">"));
	free(d.out);
	a = one(&d, GET("/none/") "\r\n");
	CHECK(a.status == 404);
	free(d.out);
	site->listing = false;
}

/* What a client sends cannot forge lines of the log. */
static void logging(void)
{
	static struct log log;
	struct log *old = site->log;
	struct drive d = {0};
	char line[4096];
	FILE *f = tmpfile();

	NEED(f);
	log.fd = fileno(f);
	site->log = &log;
	free(one(&d, GET("/ten.txt?\"x") "\r\n").head ? d.out : NULL);
	free(one(&d, GET("/ten.txt") "User-Agent: a\"b\\c\t\xff\r\nReferer: r\r\n\r\n").head ? d.out : NULL);
	log_flush(&log);
	site->log = old;
	rewind(f);
	NEED(fgets(line, sizeof(line), f));
	CHECK_MSG(strstr(line, "test - - [01/Jan/2026:00:00:00 +0000] \"GET /ten.txt?\\x22x HTTP/1.1\" 400 ") == line &&
			  strstr(line, " \"-\" \"-\"\n"),
		  "%s", line);
	NEED(fgets(line, sizeof(line), f));
	CHECK_MSG(!strcmp(line, "test - - [01/Jan/2026:00:00:00 +0000] \"GET /ten.txt HTTP/1.1\" 200 10 \"r\" "
				"\"a\\x22b\\x5cc\\x09\\xff\"\n"),
		  "%s", line);
	CHECK(!fgets(line, sizeof(line), f));
	fclose(f);
}

int main(void)
{
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)(i * 7 + i / 251);
	site = mem_site(&store, docs, sizeof(docs) / sizeof(docs[0]));
	for (int ready = 1; ready >= 0; ready--) {
		site->docs.ready_heads = ready;
		statuses();
	}
	store.grain = 1;
	bodies();
	store.grain = 4096;
	bodies();
	multipart();
	pipelining();
	limits();
	timeouts();
	documents();
	listings();
	logging();
	CHECK(site->stats->requests && site->stats->aborted);
	mem_site_free(site);
	CHECK(store.opened == store.closed);
	return check_done();
}
