/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * log.h: the access log, in the "combined" format that log analysers read. Lines are collected and written many at a
 * time, whole lines only, to a file opened for appending, so several workers can share it. What a client sent is
 * escaped: no byte of it can end a line or a quotation.
 */
#ifndef CHEETAH_LOG_H
#define CHEETAH_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_ROOM 65536u

struct log {
	int fd; /* -1: no log */
	size_t used;
	uint64_t lost; /* lines that could not be written */
	char buf[LOG_ROOM];
};

struct log_text {
	const char *s; /* NULL: absent, written as "-" */
	size_t n;
};

struct log_line {
	const char *peer; /* NUL-terminated */
	int64_t time;
	struct log_text request, referer, agent;
	int status;
	uint64_t bytes; /* of the body, as sent */
};

void log_add(struct log *l, const struct log_line *line);

/* Write out what is collected. A failure loses the lines and counts them; the server goes on. */
void log_flush(struct log *l);

#endif
