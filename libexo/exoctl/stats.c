// SPDX-License-Identifier: GPL-2.0 OR MIT
/* stats.c: exoctl stats, exoctl caps. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "exoctl.h"

#define COUNTER(m, w)                                                                                                  \
	{                                                                                                              \
#m, offsetof(struct exo_stats, m), w                                                                   \
	}

static const struct {
	const char *name;
	size_t offset;
	const char *words;
} counters[] = {
	COUNTER(calls, "system calls answered"),
	COUNTER(refusals, "of them, refused"),
	COUNTER(txns, "transactions committed"),
	COUNTER(edits, "edits in them"),
	COUNTER(udf_runs, "runs of an owns-UDF"),
	COUNTER(acl_runs, "runs of an acl-UDF"),
	COUNTER(binds, "blocks bound"),
	COUNTER(faults, "page faults of the pool answered"),
	COUNTER(blocks_read, "blocks read from devices"),
	COUNTER(blocks_written, "blocks written to devices"),
	COUNTER(flushes, "flushes of devices"),
	COUNTER(reads, "read requests given to devices"),
	COUNTER(writes, "write requests given to devices"),
	COUNTER(reclaims, "clean buffers reused"),
	COUNTER(envs, "now: open environments"),
	COUNTER(frames_free, "now: free frames"),
	COUNTER(frames_private, "now: private frames"),
	COUNTER(frames_cached, "now: frames that hold blocks"),
	COUNTER(frames_dirty, "now: of them, dirty"),
	COUNTER(disks, "now: attached disks"),
	COUNTER(udfs, "now: loaded UDFs"),
	COUNTER(writebacks, "blocks written because frames were needed"),
	COUNTER(returns, "frames whose memory went back to the kernel"),
	COUNTER(frames_returned, "now: of the free frames, those without memory"),
	COUNTER(udf_cached, "runs of an owns-UDF saved: answer known"),
};

/* What QUERY says of the pool, and of the caller's part of it. */
static void show_pool(const struct exo_query *q, bool json)
{
	if (json) {
		json_u64("frames", q->out_frames);
		json_u64("user_limit", q->out_user_limit);
		json_u64("user_frames", q->out_user_frames);
		return;
	}
	printf("%16" PRIu32 "  %-15s %s\n", q->out_frames, "frames", "frames of the pool");
	if (q->out_user_limit)
		printf("%16" PRIu32 "  %-15s now: frames that all handles of this user hold; %" PRIu32 " is the limit\n",
		       q->out_user_frames, "user_frames", q->out_user_limit);
}

static int run_stats(const struct args *a)
{
	struct exo *x = env_open();
	const char *base;

	if (!x)
		return EXIT_REFUSED;
	base = (const char *)exo_statistics(x);
	if (a->json)
		json_open(NULL, '{');
	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
		uint64_t v = __atomic_load_n((const uint64_t *)(base + counters[i].offset), __ATOMIC_RELAXED);

		if (a->json)
			json_u64(counters[i].name, v);
		else
			printf("%16" PRIu64 "  %-15s %s\n", v, counters[i].name, counters[i].words);
	}
	show_pool(exo_facts(x), a->json);
	if (a->json)
		json_close();
	exo_close(x);
	return EXIT_OK;
}

static int run_caps(const struct args *a)
{
	struct exo_cap caps[EXO_MAX_CAPS];
	struct exo *x = env_open();
	int n;

	if (!x)
		return EXIT_REFUSED;
	n = exo_cap_list(x, caps);
	exo_close(x);
	if (n < 0)
		return fail("capabilities cannot be listed: %s", strerror(-n));
	if (a->json)
		json_open(NULL, '[');
	for (uint32_t i = 0; i < EXO_MAX_CAPS; i++) {
		char words[128];

		if (!caps[i].rights)
			continue;
		cap_words(&caps[i], words);
		if (a->json) {
			json_open(NULL, '{');
			json_u64("slot", i);
			json_u64("rights", caps[i].rights);
			json_str("words", words);
			json_open("name", '[');
			for (uint32_t k = 0; k < caps[i].depth && k < EXO_CAP_DEPTH; k++)
				json_u64(NULL, caps[i].name[k]);
			json_close();
			json_close();
		} else {
			printf("slot %2" PRIu32 ": %s\n", i, words);
		}
	}
	if (a->json)
		json_close();
	return EXIT_OK;
}

const struct command cmd_stats = {
	.name = "stats",
	.usage = "",
	.summary = "the module's counters since it was loaded",
	.json = true,
	.run = run_stats,
};

const struct command cmd_caps = {
	.name = "caps",
	.usage = "",
	.summary = "the capabilities that a process of the calling user starts with",
	.json = true,
	.run = run_caps,
};
