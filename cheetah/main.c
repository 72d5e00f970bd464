// SPDX-License-Identifier: GPL-2.0 OR MIT
/* main.c: the command line, and what is decided once before serving. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include "http/chars.h"
#include "worker.h"

static const char usage[] =
	"Usage: cheetah --store STORE [option]...\n"
	"Serve the documents of STORE over HTTP/1.1.\n"
	"\n"
	"  --store dir:PATH                 a Linux directory\n"
	"  --store exo:DISK:ROOT[/path]     an exo file system, as in exo:/dev/vdb:site\n"
	"  --listen ADDRESS:PORT            numeric address, port 0: any; up to 8 times (127.0.0.1:8080)\n"
	"  --workers N                      processes (1)\n"
	"  --user NAME                      run as this user once the sockets are open\n"
	"  --access-log FILE                combined format; - is standard output; SIGHUP opens it anew\n"
	"  --stats                          print counters at the end; SIGUSR1 prints them at any time\n"
	"  --listing                        show directories that have no index.html\n"
	"  --max-connections N              each worker (4096)\n"
	"  --keepalive-requests N           requests on one connection (10000)\n"
	"  --head-timeout SECONDS           for a whole request head (10)\n"
	"  --idle-timeout SECONDS           between requests (15)\n"
	"  --send-timeout SECONDS           without 256 bytes a second being taken (30)\n"
	"  --drain-timeout SECONDS          to finish responses after SIGTERM (10)\n"
	"  --open-documents N               documents kept open, each worker (1024)\n"
	"  --recheck MS                     age at which an open document is compared with its store (1000)\n"
	"  --without TECHNIQUE[,TECHNIQUE]  switch off, to measure its gain: peek, open-documents, ready-heads\n"
	"  --help, --version\n";

static int bad(const char *format, ...) __attribute__((format(printf, 1, 2)));

#include <stdarg.h>

static int bad(const char *format, ...)
{
	va_list ap;

	fputs("cheetah: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputs("\n", stderr);
	return 2;
}

static bool number(const char *text, uint64_t low, uint64_t high, unsigned *out)
{
	uint64_t v;

	if (!chars_number(text, strlen(text), &v) || v < low || v > high)
		return false;
	*out = (unsigned)v;
	return true;
}

static bool without(struct worker_config *c, const char *list)
{
	const char *at = list, *end = list + strlen(list), *word;
	size_t n;

	while (chars_element(&at, end, &word, &n)) {
		if (chars_equal(word, n, "peek"))
			c->peek = false;
		else if (chars_equal(word, n, "open-documents"))
			c->open_documents = 0;
		else if (chars_equal(word, n, "ready-heads"))
			c->ready_heads = false;
		else
			return false;
	}
	return true;
}

enum {
	O_STORE = 256,
	O_LISTEN,
	O_WORKERS,
	O_USER,
	O_LOG,
	O_STATS,
	O_LISTING,
	O_CONNECTIONS,
	O_KEEPALIVE,
	O_HEAD,
	O_IDLE,
	O_SEND,
	O_DRAIN,
	O_DOCUMENTS,
	O_RECHECK,
	O_WITHOUT,
	O_HELP,
	O_VERSION,
};

static const struct option options[] = {
	{"store", required_argument, NULL, O_STORE},
	{"listen", required_argument, NULL, O_LISTEN},
	{"workers", required_argument, NULL, O_WORKERS},
	{"user", required_argument, NULL, O_USER},
	{"access-log", required_argument, NULL, O_LOG},
	{"stats", no_argument, NULL, O_STATS},
	{"listing", no_argument, NULL, O_LISTING},
	{"max-connections", required_argument, NULL, O_CONNECTIONS},
	{"keepalive-requests", required_argument, NULL, O_KEEPALIVE},
	{"head-timeout", required_argument, NULL, O_HEAD},
	{"idle-timeout", required_argument, NULL, O_IDLE},
	{"send-timeout", required_argument, NULL, O_SEND},
	{"drain-timeout", required_argument, NULL, O_DRAIN},
	{"open-documents", required_argument, NULL, O_DOCUMENTS},
	{"recheck", required_argument, NULL, O_RECHECK},
	{"without", required_argument, NULL, O_WITHOUT},
	{"help", no_argument, NULL, O_HELP},
	{"version", no_argument, NULL, O_VERSION},
	{0},
};

/* 0, or -1: say no more and exit 0, or an exit code. */
static int one_option(struct worker_config *c, int opt, const char *arg)
{
	switch (opt) {
	case O_STORE:
		c->store = arg;
		return 0;
	case O_LISTEN:
		if (c->naddr == SOCKET_LISTENERS)
			return bad("--listen may stand %d times at most", SOCKET_LISTENERS);
		if (!socket_address(arg, &c->addr[c->naddr].a, &c->addr[c->naddr].len))
			return bad("--listen %s: write a numeric address and a port, as in 127.0.0.1:8080, *:80 or "
				   "[::1]:8080",
				   arg);
		c->naddr++;
		return 0;
	case O_WORKERS:
		return number(arg, 1, WORKERS_MAX, &c->workers) ? 0 : bad("--workers takes 1 to %u", WORKERS_MAX);
	case O_USER:
		c->user = arg;
		return 0;
	case O_LOG:
		c->log = arg;
		return 0;
	case O_STATS:
		c->print_stats = true;
		return 0;
	case O_LISTING:
		c->listing = true;
		return 0;
	case O_CONNECTIONS:
		return number(arg, 1, 1000000, &c->max_connections) ? 0 : bad("--max-connections takes 1 to 1000000");
	case O_KEEPALIVE:
		return number(arg, 1, UINT32_MAX, &c->max_requests) ? 0
								    : bad("--keepalive-requests takes 1 to 4294967295");
	case O_HEAD:
		return number(arg, 1, 3600, &c->head_s) ? 0 : bad("--head-timeout takes 1 to 3600 seconds");
	case O_IDLE:
		return number(arg, 1, 3600, &c->idle_s) ? 0 : bad("--idle-timeout takes 1 to 3600 seconds");
	case O_SEND:
		return number(arg, 1, 3600, &c->send_s) ? 0 : bad("--send-timeout takes 1 to 3600 seconds");
	case O_DRAIN:
		return number(arg, 0, 3600, &c->drain_s) ? 0 : bad("--drain-timeout takes 0 to 3600 seconds");
	case O_DOCUMENTS:
		return number(arg, 0, 1000000, &c->open_documents) ? 0 : bad("--open-documents takes 0 to 1000000");
	case O_RECHECK:
		return number(arg, 0, 3600000, &c->recheck_ms) ? 0 : bad("--recheck takes 0 to 3600000 milliseconds");
	case O_WITHOUT:
		return without(c, arg)
			       ? 0
			       : bad("--without %s: the techniques are peek, open-documents and ready-heads", arg);
	case O_HELP:
		fputs(usage, stdout);
		return -1;
	case O_VERSION:
		puts("cheetah " CHEETAH_VERSION);
		return -1;
	default:
		return bad("see cheetah --help");
	}
}

/* Descriptors for all connections, the documents, and a few more. */
static int raise_limit(const struct worker_config *c)
{
	rlim_t need = (rlim_t)c->max_connections + c->open_documents + 64;
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l))
		return bad("cannot read the descriptor limit: %s", strerror(errno));
	if (l.rlim_cur >= need)
		return 0;
	l.rlim_cur = need;
	if (l.rlim_max < need)
		l.rlim_max = need; /* allowed for root */
	if (setrlimit(RLIMIT_NOFILE, &l))
		return bad("%llu descriptors are needed and may not be had; raise the limit (ulimit -n, LimitNOFILE=) "
			   "or lower "
			   "--max-connections or --open-documents",
			   (unsigned long long)need);
	return 0;
}

/* After this there is no way back to the old user. */
static int become(const char *name)
{
	const struct passwd *p;

	errno = 0;
	p = getpwnam(name);
	if (!p)
		return bad("--user %s: %s", name, errno ? strerror(errno) : "no such user");
	if (initgroups(name, p->pw_gid) || setresgid(p->pw_gid, p->pw_gid, p->pw_gid) ||
	    setresuid(p->pw_uid, p->pw_uid, p->pw_uid))
		return bad("--user %s: %s; start as root", name, strerror(errno));
	return 0;
}

static int open_listeners(struct worker_config *c)
{
	char name[64];

	for (int i = 0; i < c->naddr; i++) {
		int fds[WORKERS_MAX], err = socket_listen(&c->addr[i].a, c->addr[i].len, c->workers, fds);

		if (err) {
			socket_name(&c->addr[i].a, name);
			return bad("cannot listen on %s: %s; %s", name, strerror(-err),
				   err == -EADDRINUSE ? "another server has this port"
				   : err == -EACCES ? "ports below 1024 need root; add --user to give it up afterwards"
						    : "choose an address of this machine");
		}
		for (unsigned w = 0; w < c->workers; w++)
			c->listener[w][i] = fds[w];
	}
	return 0;
}

int main(int argc, char **argv)
{
	static struct worker_config c = {
		.workers = 1,
		.peek = true,
		.ready_heads = true,
		.max_connections = 4096,
		.max_requests = 10000,
		.head_s = 10,
		.idle_s = 15,
		.send_s = 30,
		.drain_s = 10,
		.open_documents = 1024,
		.recheck_ms = 1000,
	};
	char error[STORE_ERROR];
	int opt, err;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		err = one_option(&c, opt, optarg);
		if (err)
			return err < 0 ? 0 : err;
	}
	if (optind < argc)
		return bad("argument %s is not understood; see cheetah --help", argv[optind]);
	if (!c.store)
		return bad("say what to serve: --store dir:PATH or --store exo:DISK:ROOT[/path]");
	if (!store_valid(c.store, error))
		return bad("%s", error);
	if (!c.naddr)
		socket_address("127.0.0.1:8080", &c.addr[c.naddr].a, &c.addr[c.naddr].len), c.naddr++;
	err = open_listeners(&c);
	if (!err)
		err = raise_limit(&c);
	if (err)
		return err;
	c.log_fd = -1;
	if (c.log && worker_open_log(&c))
		return bad("cannot write access log %s: %s; name a file that may be written", c.log, strerror(errno));
	if (c.user) {
		err = become(c.user);
		if (err)
			return err;
	}
	c.stats = mmap(NULL, c.workers * sizeof(*c.stats), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (c.stats == MAP_FAILED)
		return bad("out of memory");
	return worker_main(&c);
}
