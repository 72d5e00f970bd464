// SPDX-License-Identifier: GPL-2.0 OR MIT
#include <inttypes.h>
#include <stddef.h>
#include "stats.h"

static const struct {
	const char *name;
	size_t at;
} lines[] = {
	{"connections-accepted", offsetof(struct stats, accepted)},
	{"connections-closed", offsetof(struct stats, closed)},
	{"connections-refused", offsetof(struct stats, refused)},
	{"connections-evicted", offsetof(struct stats, evicted)},
	{"requests", offsetof(struct stats, requests)},
	{"requests-on-reused-connection", offsetof(struct stats, reused)},
	{"response-bytes", offsetof(struct stats, response_bytes)},
	{"responses-cut-short", offsetof(struct stats, aborted)},
	{"timeouts-head", offsetof(struct stats, timeout_head)},
	{"timeouts-idle", offsetof(struct stats, timeout_idle)},
	{"timeouts-send", offsetof(struct stats, timeout_send)},
	{"documents-found-open", offsetof(struct stats, doc_hits)},
	{"documents-opened", offsetof(struct stats, doc_opens)},
	{"syscalls-read", offsetof(struct stats, reads)},
	{"syscalls-writev", offsetof(struct stats, writes)},
	{"syscalls-writev-short", offsetof(struct stats, writes_short)},
	{"syscalls-writev-fault", offsetof(struct stats, faults)},
	{"syscalls-epoll-wait", offsetof(struct stats, waits)},
};

static uint64_t sum(const struct stats *s, unsigned n, size_t at)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < n; i++)
		v += __atomic_load_n((const uint64_t *)((const char *)&s[i] + at), __ATOMIC_RELAXED);
	return v;
}

void stats_print(FILE *to, const struct stats *s, unsigned n)
{
	fprintf(to, "cheetah counters, %u worker%s:\n", n, n == 1 ? "" : "s");
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		fprintf(to, "%-32s %" PRIu64 "\n", lines[i].name, sum(s, n, lines[i].at));
	for (unsigned i = 0; i < STATUS_COUNT; i++) {
		uint64_t v = sum(s, n, offsetof(struct stats, status) + i * sizeof(uint64_t));

		if (v)
			fprintf(to, "status-%-25d %" PRIu64 "\n", status_code(i), v);
	}
	fflush(to);
}
