/* SPDX-License-Identifier: GPL-2.0 */
/* trace.h: tracepoints exo:*. kmod/doc/trace.md explains each field; names and fields stay as they are once released. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM exo

#if !defined(EXO_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define EXO_TRACE_H

#include <linux/tracepoint.h>
#include <linux/types.h>

#include "uapi/exo.h"

#define EXO_TRACE_FLUSH 3 /* behind EXO_OP_READ, EXO_OP_WRITE and EXO_OP_WRITE_FUA */

TRACE_EVENT(exo_call,
	TP_PROTO(u32 env, u32 nr, int err, u32 reason, u64 detail),
	TP_ARGS(env, nr, err, reason, detail),
	TP_STRUCT__entry(
		__field(u64, detail)
		__field(u32, env)
		__field(u32, nr)
		__field(int, err)
		__field(u32, reason)
	),
	TP_fast_assign(
		__entry->detail = detail;
		__entry->env = env;
		__entry->nr = nr;
		__entry->err = err;
		__entry->reason = reason;
	),
	TP_printk("env=%u nr=%u err=%d reason=%u detail=%llu", __entry->env, __entry->nr, __entry->err, __entry->reason,
		  __entry->detail)
);

TRACE_EVENT(exo_txn,
	TP_PROTO(u32 env, const struct exo_txn *q, int err, u32 reason, u64 detail),
	TP_ARGS(env, q, err, reason, detail),
	TP_STRUCT__entry(
		__field(u64, detail)
		__field(u32, env)
		__field(u32, disk)
		__field(u32, edits)
		__field(u32, decls)
		__field(int, err)
		__field(u32, reason)
	),
	TP_fast_assign(
		__entry->detail = detail;
		__entry->env = env;
		__entry->disk = q->disk;
		__entry->edits = q->nedits;
		__entry->decls = q->ndecls;
		__entry->err = err;
		__entry->reason = reason;
	),
	TP_printk("env=%u disk=%u edits=%u decls=%u err=%d reason=%u detail=%llu", __entry->env, __entry->disk, __entry->edits,
		  __entry->decls, __entry->err, __entry->reason, __entry->detail)
);

TRACE_EVENT(exo_io,
	TP_PROTO(dev_t dev, int op, u64 block, u32 segs),
	TP_ARGS(dev, op, block, segs),
	TP_STRUCT__entry(
		__field(u64, block)
		__field(dev_t, dev)
		__field(int, op)
		__field(u32, segs)
	),
	TP_fast_assign(
		__entry->block = block;
		__entry->dev = dev;
		__entry->op = op;
		__entry->segs = segs;
	),
	TP_printk("dev=%u:%u op=%s block=%llu segs=%u", MAJOR(__entry->dev), MINOR(__entry->dev),
		  __print_symbolic(__entry->op, { 0, "read" }, { 1, "write" }, { 2, "write-fua" }, { 3, "flush" }),
		  __entry->block, __entry->segs)
);

TRACE_EVENT(exo_write_refused,
	TP_PROTO(u32 disk, u64 block, u32 taint, u32 waits),
	TP_ARGS(disk, block, taint, waits),
	TP_STRUCT__entry(
		__field(u64, block)
		__field(u32, disk)
		__field(u32, taint)
		__field(u32, waits)
	),
	TP_fast_assign(
		__entry->block = block;
		__entry->disk = disk;
		__entry->taint = taint;
		__entry->waits = waits;
	),
	TP_printk("disk=%u block=%llu taint=%u waits=%u", __entry->disk, __entry->block, __entry->taint, __entry->waits)
);

TRACE_EVENT(exo_reclaim,
	TP_PROTO(u32 frame, u32 disk, u64 block),
	TP_ARGS(frame, disk, block),
	TP_STRUCT__entry(
		__field(u64, block)
		__field(u32, frame)
		__field(u32, disk)
	),
	TP_fast_assign(
		__entry->block = block;
		__entry->frame = frame;
		__entry->disk = disk;
	),
	TP_printk("frame=%u disk=%u block=%llu", __entry->frame, __entry->disk, __entry->block)
);

TRACE_EVENT(exo_writeback,
	TP_PROTO(u32 disk, u32 want, u32 blocks, int err),
	TP_ARGS(disk, want, blocks, err),
	TP_STRUCT__entry(
		__field(u32, disk)
		__field(u32, want)
		__field(u32, blocks)
		__field(int, err)
	),
	TP_fast_assign(
		__entry->disk = disk;
		__entry->want = want;
		__entry->blocks = blocks;
		__entry->err = err;
	),
	TP_printk("disk=%u want=%u blocks=%u err=%d", __entry->disk, __entry->want, __entry->blocks, __entry->err)
);

TRACE_EVENT(exo_shrink,
	TP_PROTO(unsigned long asked, u32 returned),
	TP_ARGS(asked, returned),
	TP_STRUCT__entry(
		__field(unsigned long, asked)
		__field(u32, returned)
	),
	TP_fast_assign(
		__entry->asked = asked;
		__entry->returned = returned;
	),
	TP_printk("asked=%lu returned=%u", __entry->asked, __entry->returned)
);

TRACE_EVENT(exo_quarantine,
	TP_PROTO(u32 disk, u32 root, u32 why, u64 detail),
	TP_ARGS(disk, root, why, detail),
	TP_STRUCT__entry(
		__field(u64, detail)
		__field(u32, disk)
		__field(u32, root)
		__field(u32, why)
	),
	TP_fast_assign(
		__entry->detail = detail;
		__entry->disk = disk;
		__entry->root = root;
		__entry->why = why;
	),
	TP_printk("disk=%u root=%u why=%u detail=%llu", __entry->disk, __entry->root, __entry->why, __entry->detail)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
