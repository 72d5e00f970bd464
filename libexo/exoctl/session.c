// SPDX-License-Identifier: GPL-2.0 OR MIT
/* session.c: what the file system commands share: opening DISK:ROOT, signals, progress. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "exoctl.h"
#include "tree.h"

int session_open(const struct args *a, const char *text, unsigned flags, struct session *s)
{
	static struct target t;
	struct exo_why why;
	int status;

	*s = (struct session){.x = NULL};
	if (parse_target(text, &t))
		return usage_error(a, "'%s' is not of the form DISK:ROOT[/path]", text);
	s->root = t.root;
	s->path = t.path;
	s->x = env_open();
	if (!s->x)
		return EXIT_REFUSED;
	status = env_disk(s->x, t.disk, &s->disk);
	if (!status && exo_fs_open(&s->fs, s->x, s->disk, t.root, flags, &why)) {
		s->fs = NULL;
		status = refused(text, &why);
	}
	if (status)
		session_close(s);
	return status;
}

void session_close(struct session *s)
{
	if (s->fs)
		exo_fs_close(s->fs);
	exo_close(s->x);
	*s = (struct session){.x = NULL};
}

int fs_failed(const char *what, const char *path, int err)
{
	const struct exo_why *why = exo_fs_why();

	fail("%s%s%s: %s", what, *path ? " " : "", path, strerror(-err));
	/* Where the module refused, its reason says more than the errno. */
	if (why && why->code != EXO_R_NONE && why->err == err) {
		fprintf(stderr, "  reason: %s [%s]\n", why->text, exo_reason_name(why->code));
		if (*why->hint)
			fprintf(stderr, "  what to do: %s\n", why->hint);
	}
	return EXIT_REFUSED;
}

static volatile sig_atomic_t asked;

static void note(int sig)
{
	asked = sig;
}

void stop_on_signals(void)
{
	struct sigaction sa = {.sa_handler = note};

	/* A second one ends the process at once: nothing on the disk depends on what follows. */
	sa.sa_flags = SA_RESETHAND;
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
}

bool stop_asked(void)
{
	return asked != 0;
}

void progress_start(struct progress *p, bool quiet)
{
	*p = (struct progress){.quiet = quiet, .terminal = isatty(STDERR_FILENO)};
	p->started = p->shown = seconds_now();
}

void progress_show(struct progress *p)
{
	double now;

	if (p->quiet)
		return;
	now = seconds_now();
	if (now - p->shown < (p->terminal ? 0.25 : 5.0))
		return;
	p->shown = now;
	fprintf(stderr, "%s%" PRIu64 " files, %" PRIu64 " directories, %.1f MB, %.0f files/s%s",
		p->terminal ? "\r" : "", p->files, p->dirs, p->bytes / 1e6, p->files / (now - p->started),
		p->terminal ? "\033[K" : "\n");
}

void progress_total(const struct progress *p, const char *verb)
{
	double took = seconds_now() - p->started;

	if (p->terminal && !p->quiet)
		fputs("\r\033[K", stderr);
	if (took <= 0)
		took = 1e-9;
	printf("%s %" PRIu64 " files, %" PRIu64 " directories, %" PRIu64
	       " symbolic links, %.1f MB in %.2f s: %.0f files/s, "
	       "%.1f MB/s\n",
	       verb, p->files, p->dirs, p->links, p->bytes / 1e6, took, p->files / took, p->bytes / 1e6 / took);
	if (p->skipped)
		printf("left out: %" PRIu64 " entries that are neither files, directories nor symbolic links\n",
		       p->skipped);
	if (p->troubled)
		printf("not copied: %" PRIu64 " entries that could not be read\n", p->troubled);
}
