// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Requests in the order in which the block layer hands them to the driver, from the tracepoint block_rq_issue, in a
 * trace instance of our own. Whoever submitted them (exo, ext4, xfs) passes there. Seek distance is the sum over a
 * device's requests of |first sector - end of the request before|; flushes carry no address and are left out.
 * Beside it, skb_copy_datagram_iovec: bytes that receiving from sockets copied. No other copy of the kernel has a
 * tracepoint. Switching the tracepoints patches the kernel's code; QEMU with several processors now and then fails to
 * follow. So with EXO_BENCH_TRACE=keep they stay on between phases, and only the recording stops.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "phase.h"

#define INSTANCE "/sys/kernel/tracing/instances/exo-bench"
#define BUFFER_KB "16384"
#define EVENT "block_rq_issue: "
#define COPY "skb_copy_datagram_iovec: "

struct seek {
	unsigned int major, minor;
	uint64_t requests, bytes, flushes, seeks, distance, end;
};

static int put(const char *name, const char *text)
{
	char path[256];
	int fd, err = 0;

	snprintf(path, sizeof(path), INSTANCE "/%s", name);
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}

static bool started, copies;

int trace_start(const char **why)
{
	bool fresh;
	int err;

	*why = "no tracefs at /sys/kernel/tracing; mount it, and be root";
	fresh = !mkdir(INSTANCE, 0700);
	if (!fresh && errno != EEXIST)
		return -errno;
	*why = "the kernel refuses the tracepoint block_rq_issue";
	err = put("tracing_on", "0");
	if (fresh) {
		err = err ? err : put("buffer_size_kb", BUFFER_KB);
		err = err ? err : put("events/block/block_rq_issue/enable", "1");
	}
	copies = !put("events/skb/skb_copy_datagram_iovec/enable", "1");
	err = err ? err : put("trace", "");
	err = err ? err : put("tracing_on", "1");
	started = !err;
	return err;
}

static uint64_t lost(void)
{
	char path[256], line[128];
	uint64_t n, sum = 0;
	int cpu;
	FILE *f;

	for (cpu = 0;; cpu++) {
		snprintf(path, sizeof(path), INSTANCE "/per_cpu/cpu%d/stats", cpu);
		f = fopen(path, "re");
		if (!f)
			return sum;
		while (fgets(line, sizeof(line), f))
			if (sscanf(line, "overrun: %" SCNu64, &n) == 1 ||
			    sscanf(line, "dropped events: %" SCNu64, &n) == 1)
				sum += n;
		fclose(f);
	}
}

static struct seek *seek_of(struct seek *all, unsigned int *n, unsigned int major, unsigned int minor)
{
	unsigned int i;

	for (i = 0; i < *n; i++)
		if (all[i].major == major && all[i].minor == minor)
			return &all[i];
	if (*n == SNAP_DISKS)
		return NULL;
	all[i] = (struct seek){.major = major, .minor = minor};
	(*n)++;
	return &all[i];
}

/* "... skb_copy_datagram_iovec: skbaddr=ADDRESS len=BYTES" */
static uint64_t copied_in(const char *line)
{
	const char *p = strstr(line, COPY);
	uint64_t n;

	p = p ? strstr(p, " len=") : NULL;
	return p && sscanf(p + 5, "%" SCNu64, &n) == 1 ? n : 0;
}

/* "... block_rq_issue: MAJOR,MINOR RWBS BYTES (CMD) SECTOR + SECTORS ..." */
static void account(struct seek *all, unsigned int *n, const char *line)
{
	unsigned int major, minor, bytes, sectors;
	const char *p = strstr(line, EVENT);
	uint64_t sector;
	struct seek *s;
	char rwbs[16];

	if (!p || sscanf(p + strlen(EVENT), "%u,%u %15s %u", &major, &minor, rwbs, &bytes) != 4)
		return;
	p = strstr(p, ") ");
	if (!p || sscanf(p + 2, "%" SCNu64 " + %u", &sector, &sectors) != 2)
		return;
	s = seek_of(all, n, major, minor);
	if (!s)
		return;
	if (!sectors) {
		s->flushes++;
		return;
	}
	if (s->requests && sector != s->end) {
		s->seeks++;
		s->distance += sector > s->end ? sector - s->end : s->end - sector;
	}
	s->requests++;
	s->bytes += bytes;
	s->end = sector + sectors;
}

void trace_print(FILE *f, bool keep)
{
	struct seek all[SNAP_DISKS];
	char line[1024], path[64], name[256];
	unsigned int n = 0, i;
	uint64_t copied = 0;
	ssize_t len;
	FILE *t;

	if (!started) {
		fprintf(f, "null");
		return;
	}
	put("tracing_on", "0");
	t = fopen(INSTANCE "/trace", "re");
	while (t && fgets(line, sizeof(line), t)) {
		account(all, &n, line);
		copied += copied_in(line);
	}
	if (t)
		fclose(t);
	fprintf(f, "{\"lost\":%" PRIu64 ",", lost());
	if (copies)
		fprintf(f, "\"copied\":%" PRIu64 ",", copied);
	fprintf(f, "\"disks\":{");
	for (i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", all[i].major, all[i].minor);
		len = readlink(path, name, sizeof(name) - 1);
		name[len > 0 ? len : 0] = '\0';
		fprintf(f,
			"%s\"%s\":{\"requests\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"flushes\":%" PRIu64
			",\"seeks\":%" PRIu64 ",\"seek_bytes\":%" PRIu64 "}",
			i ? "," : "", len > 0 && strrchr(name, '/') ? strrchr(name, '/') + 1 : path, all[i].requests,
			all[i].bytes, all[i].flushes, all[i].seeks, all[i].distance * 512);
	}
	fprintf(f, "}}");
	if (!keep) {
		put("events/block/block_rq_issue/enable", "0");
		put("events/skb/skb_copy_datagram_iovec/enable", "0");
		rmdir(INSTANCE);
	}
	started = false;
}
