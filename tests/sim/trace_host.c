// SPDX-License-Identifier: GPL-2.0 OR MIT
/* trace_host.c: what core says about itself is counted, so that a test can ask whether it was said. */
#include <stdatomic.h>
#include "host.h"

static atomic_ullong said[SIM_SAID];

static void say(enum sim_said what)
{
	atomic_fetch_add(&said[what], 1);
}

u64 sim_said(enum sim_said what)
{
	return atomic_load(&said[what]);
}

void exo_plat_trace_call(u32 env, u32 nr, int err, u32 reason, u64 detail)
{
	if (!env || !err != !reason)
		host_breach("a traced call has no env, or reason and result do not agree");
	say(SIM_SAID_CALL);
}

void exo_plat_trace_txn(u32 env, const struct exo_txn *q, int err, u32 reason, u64 detail)
{
	if (!env || !err != !reason)
		host_breach("a traced transaction has no env, or reason and result do not agree");
	say(SIM_SAID_TXN);
}

void exo_plat_trace_refused(u32 disk, u64 block, u32 taint, u32 waits)
{
	if (!taint && !waits)
		host_breach("a write was refused for nothing");
	say(SIM_SAID_REFUSED);
}

void exo_plat_trace_reclaim(u32 frame, u32 disk, u64 block)
{
	say(SIM_SAID_RECLAIM);
}

void exo_plat_trace_writeback(u32 disk, u32 want, u32 blocks, int err)
{
	if (!want)
		host_breach("a writeback for nothing");
	say(SIM_SAID_WRITEBACK);
}

void exo_plat_trace_quarantine(u32 disk, u32 root, u32 why, u64 detail)
{
	if (!why)
		host_breach("a quarantine for no reason");
	say(SIM_SAID_QUARANTINE);
}

void exo_plat_walk_begins(u32 disk, u32 why)
{
	host_unlocked("walk_begins");
	if (!why || why > EXO_WALK_TEMPORARY)
		host_breach("a walk for no reason");
	say(SIM_SAID_WALK);
}

void exo_plat_walk_progress(u32 disk, u64 visited, u64 known, u64 owned, u64 ns)
{
	host_unlocked("walk_progress");
	if (visited > known || known > owned)
		host_breach("a walk's numbers do not agree");
	say(SIM_SAID_PROGRESS);
}
