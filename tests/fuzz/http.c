// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * http.c: libFuzzer target for everything a client's bytes reach: parser, targets, ranges, conditions, session. The
 * answer must not depend on how the bytes are cut, and every response must be framed by its own head.
 */
#include "../host/http_drive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static char big[20000];

static const struct mem_doc docs[] = {
	{.path = ""},	{.path = "a", .data = "0123456789", .len = 10}, {.path = "b", .data = big, .len = sizeof(big)},
	{.path = "d/"}, {.path = "d/index.html", .data = "", .len = 0}, {.path = "e/"},
};

/* Between two responses nothing but responses: each starts with a status line where the last one's length ended. */
static void framed(const struct drive *d, const char *in)
{
	const char *p = d->out, *end = d->out + d->n;

	while (p < end) {
		const char *head = strstr(p, "\r\n\r\n"), *length;
		int status;

		if (!head || sscanf(p, "HTTP/1.1 %d ", &status) != 1 || status < 200 || status > 599)
			abort();
		length = strstr(p, "\r\nContent-Length: ");
		p = head + 4;
		/* Whether it answered HEAD is not known here; then another status line follows at once, or nothing. */
		if (status != 304 && status != 204 && length && length < head && p < end && strncmp(p, "HTTP/1.1 ", 9))
			p += strtoull(length + 18, NULL, 10);
		if (p > end)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct drive whole = {0}, cut = {0};
	static struct mem_store store;
	static struct site *site;
	size_t piece;

	if (!site) {
		site = mem_site(&store, docs, sizeof(docs) / sizeof(docs[0]));
		memset(big, 'b', sizeof(big));
	}
	piece = bytes ? data[0] % 50 + 1 : 1;
	site->listing = piece & 1;
	site->boundaries = 0;
	drive(site, &whole, (const char *)data, bytes);
	site->boundaries = 0;
	cut.in_piece = piece;
	cut.out_piece = piece * 7;
	drive(site, &cut, (const char *)data, bytes);
	/* Whether a closing session lingers depends on what has arrived behind the last request, so on the cuts. */
	if (whole.n != cut.n || memcmp(whole.out, cut.out, whole.n) ||
	    (whole.want >= SESSION_LINGER) != (cut.want >= SESSION_LINGER))
		abort();
	framed(&whole, (const char *)data);
	free(whole.out);
	free(cut.out);
	return 0;
}
