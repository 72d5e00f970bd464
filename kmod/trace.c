// SPDX-License-Identifier: GPL-2.0
/* trace.c: core's trace hooks become tracepoints, and the progress of a long walk a line in the kernel's log. */
#include "module.h"

#include <linux/math64.h>

#define CREATE_TRACE_POINTS
#include "trace.h"

void exo_plat_trace_call(u32 env, u32 nr, int err, u32 reason, u64 detail)
{
	trace_exo_call(env, nr, err, reason, detail);
}

void exo_plat_trace_txn(u32 env, const struct exo_txn *q, int err, u32 reason, u64 detail)
{
	trace_exo_txn(env, q, err, reason, detail);
}

void exo_plat_trace_refused(u32 disk, u64 block, u32 taint, u32 waits)
{
	trace_exo_write_refused(disk, block, taint, waits);
}

void exo_plat_trace_reclaim(u32 frame, u32 disk, u64 block)
{
	trace_exo_reclaim(frame, disk, block);
}

void exo_plat_trace_writeback(u32 disk, u32 want, u32 blocks, int err)
{
	trace_exo_writeback(disk, want, blocks, err);
}

void exo_plat_trace_quarantine(u32 disk, u32 root, u32 why, u64 detail)
{
	trace_exo_quarantine(disk, root, why, detail);
}

void exo_plat_walk_begins(u32 disk, u32 why)
{
	static const char *const words[] = {
		[EXO_WALK_ASKED] = "the caller asked for it",
		[EXO_WALK_UNCLEAN] = "the last detach was not clean",
		[EXO_WALK_MAP] = "the stored free map is damaged",
		[EXO_WALK_ROOTS] = "the root catalogue is damaged, or does not agree with the stored free map",
		[EXO_WALK_TEMPORARY] = "a temporary root is dropped",
	};

	pr_info("disk %u: walking, because %s\n", disk, words[why]);
}

void exo_plat_walk_progress(u32 disk, u64 visited, u64 known, u64 owned, u64 ns)
{
	pr_info("disk %u: walking: %llu of %llu known metadata blocks visited, %llu blocks owned, %llu s\n", disk, visited, known,
		owned, div_u64(ns, NSEC_PER_SEC));
}
