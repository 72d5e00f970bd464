// SPDX-License-Identifier: GPL-2.0 OR MIT
/* defrag.c: exoctl defrag: has the type lay a tree out anew. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "exoctl.h"
#include "tree.h"

struct showing {
	bool quiet, terminal;
	double shown;
	uint64_t done, total;
};

static int show(void *arg, uint64_t done, uint64_t total)
{
	struct showing *s = arg;
	double now = seconds_now();

	s->done = done;
	s->total = total;
	if (stop_asked())
		return -EINTR;
	if (s->quiet || now - s->shown < (s->terminal ? 0.25 : 5.0))
		return 0;
	s->shown = now;
	fprintf(stderr, "%s%" PRIu64 " of %" PRIu64 " blocks%s", s->terminal ? "\r" : "", done, total,
		s->terminal ? "\033[K" : "\n");
	return 0;
}

static int run(const struct args *a)
{
	struct showing w = {.quiet = opt_given(a, "quiet"), .terminal = isatty(STDERR_FILENO)};
	struct session s;
	int status = session_open(a, a->v[0], 0, &s), err, two;

	if (status)
		return status;
	stop_on_signals();
	w.shown = seconds_now();
	err = exo_fs_defrag(s.fs, *s.path ? s.path : NULL, show, &w);
	if (w.terminal && !w.quiet)
		fputs("\r\033[K", stderr);
	if (err == -EOPNOTSUPP) {
		status = fail("%s: %s lays nothing out anew", a->v[0], exo_fs_type(s.fs));
		fprintf(stderr, "  what to do: copy the tree to a new root with 'exoctl xcp'; a copy is laid out in order\n");
	} else if (err == -EINTR && stop_asked()) {
		status = fail("interrupted by a signal; what was moved stays moved, and nothing is lost");
	} else if (err) {
		status = fs_failed("defrag", a->v[0], err);
	} else {
		two = exo_fs_sync(s.fs);
		if (two)
			status = fs_failed("sync", "", two);
		else
			printf("%s: %" PRIu64 " of %" PRIu64 " blocks looked at\n", a->v[0], w.done, w.total);
	}
	session_close(&s);
	return status;
}

static const struct opt opts[] = {
	{"quiet", 'q', NULL, "no progress on standard error"},
	{NULL},
};

const struct command cmd_defrag = {
	.name = "defrag",
	.usage = "DISK:ROOT[/path]",
	.summary = "have a file system lay out anew what lies below a path",
	.more = "For cffs: files that lie in several pieces get one run of blocks, as far as the disk has one, and small "
		"files of a\n"
		"directory are put behind one another; what another process has in use is left where it is. For logfs: "
		"segments that\n"
		"are partly in use are emptied. The tree can be used meanwhile, and a power cut or a signal loses nothing.",
	.min = 1,
	.max = 1,
	.opts = opts,
	.run = run,
};
