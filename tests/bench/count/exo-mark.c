// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Markers and phases for scripts; see usage(). */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../marker.h"
#include "phase.h"

static void usage(FILE *f)
{
	fprintf(f,
		"usage: exo-mark ID\n"
		"       exo-mark run ID [--inner] [--ops N] -- COMMAND [ARGUMENT]...\n"
		"The first executes the marker instruction ID (0..16777215; 0 ends a phase), which exo-count sees.\n"
		"The second runs COMMAND as the phase ID and writes what happened during it as one line of JSON to\n"
		"the file $EXO_BENCH_OUT, or to standard output. ID '-' takes it from $EXO_BENCH_PHASE. N, the number\n"
		"of operations that COMMAND does, is only passed on. --inner: no marker is executed; COMMAND does "
		"that\n"
		"itself, around what is to be counted. Exit status: that of COMMAND.\n");
}

static unsigned long number(const char *text, unsigned long max)
{
	unsigned long n;
	char *end;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || *end || end == text || n > max || *text == '-') {
		fprintf(stderr, "exo-mark: '%s' is not a number up to %lu\n", text, max);
		exit(2);
	}
	return n;
}

static int run(int argc, char **argv)
{
	unsigned long ops = 0;
	int at = 1, status;
	char id[16];
	pid_t child;

	if (argc < 2) {
		usage(stderr);
		return 2;
	}
	if (strcmp(argv[0], "-")) {
		snprintf(id, sizeof(id), "%lu", number(argv[0], EXO_MARK_MAX));
		setenv("EXO_BENCH_PHASE", id, 1);
	}
	if (at < argc && !strcmp(argv[at], "--inner")) {
		setenv("EXO_BENCH_INNER", "1", 1);
		at++;
	}
	if (at + 1 < argc && !strcmp(argv[at], "--ops")) {
		ops = number(argv[at + 1], ~0ul);
		at += 2;
	}
	if (at < argc && !strcmp(argv[at], "--"))
		at++;
	if (at >= argc) {
		usage(stderr);
		return 2;
	}
	if (exo_phase_begin()) {
		perror("exo-mark");
		return 2;
	}
	child = fork();
	if (!child) {
		/* The command is the phase; it must not start one inside it. */
		unsetenv("EXO_BENCH_PHASE");
		execvp(argv[at], argv + at);
		fprintf(stderr, "exo-mark: %s: %s\n", argv[at], strerror(errno));
		_exit(errno == ENOENT ? 127 : 126);
	}
	if (child < 0 || waitpid(child, &status, 0) != child) {
		perror("exo-mark");
		return 2;
	}
	status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	if (exo_phase_end(ops, NULL)) {
		perror("exo-mark: the phase's line was not written");
		return 2;
	}
	return status;
}

int main(int argc, char **argv)
{
	exo_mark_fn *mark;

	if (argc > 1 && !strcmp(argv[1], "run"))
		return run(argc - 2, argv + 2);
	if (argc != 2 || !strcmp(argv[1], "--help")) {
		usage(argc == 2 ? stdout : stderr);
		return argc == 2 ? 0 : 2;
	}
	mark = exo_mark_make(number(argv[1], EXO_MARK_MAX));
	if (!mark) {
		perror("exo-mark");
		return 2;
	}
	mark();
	return 0;
}
