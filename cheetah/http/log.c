// SPDX-License-Identifier: GPL-2.0 OR MIT
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "date.h"
#include "log.h"

#define LINE_MAX_ 8192u /* longest line; each client text is cut to TEXT_MAX_ bytes before escaping */
#define TEXT_MAX_ 600u

void log_flush(struct log *l)
{
	size_t done = 0;

	while (l->fd >= 0 && done < l->used) {
		ssize_t n = write(l->fd, l->buf + done, l->used - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	for (size_t i = done; i < l->used; i++)
		l->lost += l->buf[i] == '\n';
	l->used = 0;
}

static char *quoted(char *p, struct log_text t)
{
	static const char hex[] = "0123456789abcdef";

	*p++ = '"';
	if (!t.s)
		*p++ = '-';
	for (size_t i = 0; t.s && i < t.n && i < TEXT_MAX_; i++) {
		uint8_t c = (uint8_t)t.s[i];

		if (c < 32 || c >= 127 || c == '"' || c == '\\') {
			*p++ = '\\';
			*p++ = 'x';
			*p++ = hex[c >> 4];
			*p++ = hex[c & 15];
		} else {
			*p++ = (char)c;
		}
	}
	*p++ = '"';
	return p;
}

void log_add(struct log *l, const struct log_line *line)
{
	char date[DATE_LOG_LEN];
	char *p;

	if (l->fd < 0)
		return;
	/* Three texts of at most 4 * TEXT_MAX_ bytes, a peer address, a date and two numbers fit in LINE_MAX_. */
	if (l->used + LINE_MAX_ > LOG_ROOM)
		log_flush(l);
	p = l->buf + l->used;
	if (!date_format_log(date, line->time))
		memset(date, '-', sizeof(date));
	p += sprintf(p, "%.64s - - [%.*s] ", line->peer, DATE_LOG_LEN, date);
	p = quoted(p, line->request);
	p += sprintf(p, " %d %" PRIu64 " ", line->status, line->bytes);
	p = quoted(p, line->referer);
	*p++ = ' ';
	p = quoted(p, line->agent);
	*p++ = '\n';
	l->used = (size_t)(p - l->buf);
}
