// SPDX-License-Identifier: GPL-2.0 OR MIT
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "../marker.h"
#include "phase.h"

static struct snap before, after;
static exo_mark_fn *enter, *leave;
static unsigned long id;
static bool traced, keep, inner;

static bool is_set(const char *name, const char *expected)
{
	const char *value = getenv(name);

	return value && !strcmp(value, expected);
}

int exo_phase_begin(void)
{
	const char *text = getenv("EXO_BENCH_PHASE"), *why;
	char *end;
	int err;

	if (!text)
		return 0;
	errno = 0;
	id = strtoul(text, &end, 10);
	if (errno || *end || !id || id > EXO_MARK_MAX) {
		fprintf(stderr, "EXO_BENCH_PHASE is '%s'; it must be a number from 1 to %u\n", text, EXO_MARK_MAX);
		exit(2);
	}
	enter = exo_mark_make(id);
	leave = exo_mark_make(0);
	if (!enter || !leave)
		return -errno;
	/* Once now so that the calls below find their pages present. */
	snap_take(&after);
	inner = is_set("EXO_BENCH_INNER", "1");
	keep = is_set("EXO_BENCH_TRACE", "keep");
	traced = keep || is_set("EXO_BENCH_TRACE", "1");
	if (traced) {
		err = trace_start(&why);
		if (err) {
			fprintf(stderr, "%s (%s)\n", why, strerror(-err));
			exit(2);
		}
	}
	snap_take(&before);
	perf_start();
	if (!inner)
		enter();
	return 0;
}

int exo_phase_end(uint64_t ops, const char *notes)
{
	const char *path = getenv("EXO_BENCH_OUT");
	size_t bytes = 0, done = 0;
	char *text = NULL;
	int fd = STDOUT_FILENO, err = 0;
	FILE *f;

	if (!id)
		return 0;
	if (!inner)
		leave();
	perf_stop();
	snap_take(&after);
	f = open_memstream(&text, &bytes);
	if (!f)
		return -errno;
	fprintf(f, "{\"phase\":%lu,\"ops\":%" PRIu64 ",", id, ops);
	snap_print(f, &before, &after);
	fprintf(f, ",\"trace\":");
	if (traced)
		trace_print(f, keep);
	else
		fprintf(f, "null");
	fprintf(f, ",\"perf\":");
	perf_print(f);
	fprintf(f, ",\"notes\":{%s}}\n", notes ? notes : "");
	if (fclose(f) || !text)
		return -ENOMEM;
	if (path)
		fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (fd < 0) {
		err = -errno;
	} else {
		while (!err && done < bytes) {
			ssize_t n = write(fd, text + done, bytes - done);

			if (n > 0)
				done += n;
			else if (!n || errno != EINTR)
				err = n ? -errno : -EIO;
		}
		if (path)
			close(fd);
	}
	free(text);
	id = 0;
	return err;
}
