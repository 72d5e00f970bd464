// SPDX-License-Identifier: GPL-2.0 OR MIT
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "worker.h"

#define EXIT_REFUSED 2 /* could not start; trying again would fail the same way */
#define RESPAWN_MAX 5  /* deaths in RESPAWN_S seconds after which the supervisor gives up */
#define RESPAWN_S 10

int worker_open_log(struct worker_config *c)
{
	int fd;

	if (!strcmp(c->log, "-"))
		fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	else
		fd = open(c->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);
	if (fd < 0)
		return -1;
	/* The same number as before, so that whoever holds it goes on with the new file. */
	if (c->log_fd >= 0) {
		dup3(fd, c->log_fd, O_CLOEXEC);
		close(fd);
	} else {
		c->log_fd = fd;
	}
	return 0;
}

static int signal_fd(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGQUIT);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGUSR1);
	sigaddset(set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, set, NULL))
		return -1;
	return signalfd(-1, set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static const char *on_off(bool on)
{
	return on ? "on" : "off";
}

/* The mode in use, always: a run without this line cannot be told from another. */
static void print_mode(const struct worker_config *c, const struct store *s)
{
	char name[64];

	printf("cheetah " CHEETAH_VERSION
	       ": store %s (%s, bodies by %s), network kernel sockets (epoll, writev), %u worker%s, uid %u\n",
	       c->store, s->ops->name, c->peek ? s->ops->peek_how : "copying", c->workers, c->workers == 1 ? "" : "s",
	       getuid());
	printf("cheetah " CHEETAH_VERSION ": peek %s, open-documents %u (recheck %u ms), ready-heads %s; "
	       "own-tcp off, retransmit-from-cache off, stored-checksums off, ack-on-data off: kernel TCP\n",
	       on_off(c->peek), c->open_documents, c->recheck_ms, on_off(c->ready_heads));
	for (int i = 0; i < c->naddr; i++) {
		socket_name(&c->addr[i].a, name);
		printf("cheetah " CHEETAH_VERSION ": listening on http://%s/\n", name);
	}
	fflush(stdout);
}

struct worker {
	struct worker_config *cfg;
	struct site *site;
	bool alone; /* no supervisor: this process prints the counters */
};

static void on_signal(void *arg, int signo)
{
	struct worker *w = arg;

	if (signo == SIGUSR1 && w->alone)
		stats_print(stderr, w->cfg->stats, w->cfg->workers);
	if (signo == SIGHUP && w->cfg->log) {
		log_flush(w->site->log);
		if (worker_open_log(w->cfg))
			fprintf(stderr, "cheetah: access log %s: %s; going on with the old file\n", w->cfg->log,
				strerror(errno));
	}
}

/* Become worker `index`. ready: pipe that hears of the start, or -1. Returns the exit code. */
static int serve(struct worker_config *c, unsigned index, int signals, int ready)
{
	static struct log log;
	static struct site site;
	struct worker w = {c, &site, c->workers == 1};
	struct socket_config net = {
		.nlisten = c->naddr,
		.max_connections = c->max_connections,
		.head_ms = c->head_s * 1000,
		.idle_ms = c->idle_s * 1000,
		.send_ms = c->send_s * 1000,
		.drain_ms = c->drain_s * 1000,
		.signals = signals,
		.ready = ready,
		.on_signal = on_signal,
		.arg = &w,
	};
	char error[STORE_ERROR];
	int err;

	memcpy(net.listener, c->listener[index], sizeof(net.listener));
	log.fd = c->log_fd;
	site.log = &log;
	site.stats = &c->stats[index];
	site.listing = c->listing;
	site.peek = c->peek;
	site.max_requests = c->max_requests;
	if (store_open(&site.store, c->store, error)) {
		fprintf(stderr, "cheetah: %s\n", error);
		return EXIT_REFUSED;
	}
	err = site_init(&site);
	if (!err)
		err = doc_cache_init(&site.docs, site.store, site.stats, c->open_documents, c->recheck_ms,
				     c->ready_heads);
	if (!err) {
		if (!index)
			print_mode(c, site.store);
		err = socket_run(&site, &net);
		doc_cache_destroy(&site.docs);
	}
	site.store->ops->destroy(site.store);
	if (err)
		fprintf(stderr, "cheetah: worker %u: %s\n", index, strerror(-err));
	if (log.lost)
		fprintf(stderr, "cheetah: worker %u: %llu lines of the access log could not be written\n", index,
			(unsigned long long)log.lost);
	return err ? 1 : 0;
}

struct supervisor {
	struct worker_config *cfg;
	pid_t pid[WORKERS_MAX]; /* 0: not running */
	int ready[2];
	int signals;
	bool stopping;
	unsigned deaths;
	time_t since;
	int exit_code;
};

static int spawn(struct supervisor *s, unsigned index)
{
	struct worker_config *c = s->cfg;
	pid_t parent = getpid(), pid = fork();
	sigset_t set;
	int fd;

	if (pid) {
		s->pid[index] = pid > 0 ? pid : 0;
		return pid > 0 ? 0 : -1;
	}
	/* A worker without a supervisor would never be told to stop. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(1);
	for (unsigned w = 0; w < c->workers; w++)
		for (int i = 0; w != index && i < c->naddr; i++)
			close(c->listener[w][i]);
	close(s->ready[0]);
	close(s->signals);
	fd = signal_fd(&set);
	/* exit, not _exit: what the worker printed is still in a buffer if stdout is a file. */
	exit(fd < 0 ? 1 : serve(c, index, fd, s->ready[1]));
}

static void tell(struct supervisor *s, int signo)
{
	for (unsigned w = 0; w < s->cfg->workers; w++)
		if (s->pid[w])
			kill(s->pid[w], signo);
}

static void stop(struct supervisor *s, int signo)
{
	/* Else connections would go on queueing here after the workers have closed their copies. */
	for (unsigned w = 0; !s->stopping && w < s->cfg->workers; w++)
		for (int i = 0; i < s->cfg->naddr; i++)
			close(s->cfg->listener[w][i]);
	s->stopping = true;
	tell(s, signo);
}

static void died(struct supervisor *s, unsigned index, int status)
{
	time_t now = time(NULL);

	s->pid[index] = 0;
	if (s->stopping) {
		if (status && !s->exit_code)
			s->exit_code = 1;
		return;
	}
	if (WIFSIGNALED(status))
		fprintf(stderr, "cheetah: worker %u was ended by signal %d (%s)\n", index, WTERMSIG(status),
			strsignal(WTERMSIG(status)));
	else
		fprintf(stderr, "cheetah: worker %u ended with code %d\n", index, WEXITSTATUS(status));
	if (now - s->since > RESPAWN_S) {
		s->since = now;
		s->deaths = 0;
	}
	if ((WIFEXITED(status) && WEXITSTATUS(status) == EXIT_REFUSED) || ++s->deaths > RESPAWN_MAX ||
	    spawn(s, index)) {
		fprintf(stderr, "cheetah: worker %u is not started again; stopping\n", index);
		s->exit_code = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_REFUSED ? EXIT_REFUSED : 1;
		stop(s, SIGTERM);
		return;
	}
	fprintf(stderr, "cheetah: worker %u started again\n", index);
}

static void reap(struct supervisor *s)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (unsigned w = 0; w < s->cfg->workers; w++)
			if (s->pid[w] == pid)
				died(s, w, status);
}

static bool running(const struct supervisor *s)
{
	for (unsigned w = 0; w < s->cfg->workers; w++)
		if (s->pid[w])
			return true;
	return false;
}

static void supervise(struct supervisor *s)
{
	struct pollfd fds[2] = {{.fd = s->signals, .events = POLLIN}, {.fd = s->ready[0], .events = POLLIN}};
	struct signalfd_siginfo si;
	unsigned up = 0;
	char c;

	while (running(s)) {
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[1].revents & POLLIN && read(s->ready[0], &c, 1) == 1 && ++up == s->cfg->workers) {
			printf("cheetah " CHEETAH_VERSION ": all workers are ready\n");
			fflush(stdout);
		}
		while (fds[0].revents & POLLIN && read(s->signals, &si, sizeof(si)) == sizeof(si)) {
			switch (si.ssi_signo) {
			case SIGCHLD:
				reap(s);
				break;
			case SIGUSR1:
				stats_print(stderr, s->cfg->stats, s->cfg->workers);
				break;
			case SIGHUP:
				tell(s, SIGHUP);
				break;
			default:
				stop(s, (int)si.ssi_signo);
			}
		}
	}
}

int worker_main(struct worker_config *c)
{
	struct supervisor s = {.cfg = c};
	sigset_t set;

	/* A peer that is gone is reported by writev. */
	signal(SIGPIPE, SIG_IGN);
	s.signals = signal_fd(&set);
	if (s.signals < 0) {
		fprintf(stderr, "cheetah: %s\n", strerror(errno));
		return 1;
	}
	if (c->workers == 1) {
		s.exit_code = serve(c, 0, s.signals, -1);
	} else {
		if (pipe2(s.ready, O_CLOEXEC)) {
			fprintf(stderr, "cheetah: %s\n", strerror(errno));
			return 1;
		}
		s.since = time(NULL);
		for (unsigned w = 0; w < c->workers; w++)
			if (spawn(&s, w)) {
				fprintf(stderr, "cheetah: cannot start worker %u: %s\n", w, strerror(errno));
				s.exit_code = 1;
				stop(&s, SIGTERM);
				break;
			}
		supervise(&s);
	}
	if (c->print_stats)
		stats_print(stderr, c->stats, c->workers);
	return s.exit_code;
}
