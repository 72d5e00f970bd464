/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * plat.h: what kmod/core needs from the place it runs in. Two places exist: the
 * Linux module (kmod/plat.c and friends) and an ordinary process (tests/sim). Core includes
 * nothing else of either.
 *
 * Every function may sleep unless it says otherwise. Core calls copy_in, copy_out, io, flush,
 * udf_load and the hash without holding its lock: a page fault on user memory may need it.
 */
#ifndef EXO_CORE_PLAT_H
#define EXO_CORE_PLAT_H

#ifdef __KERNEL__
#include <linux/types.h>
#include <linux/string.h>
#include <linux/errno.h>
#include <linux/stddef.h>
#include <linux/limits.h>
#else
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <linux/types.h>
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s64 s64;
#endif

#include "../uapi/exo.h"

struct exo_dev;	 /* an exclusively claimed block device; the platform's */
struct exo_udf;	 /* a loaded program; the platform's */
struct exo_lock; /* a sleeping lock with one condition; the platform's */
struct exo_turn; /* the platform's */

/* Memory: zeroed, NULL on failure. `shared` is page-aligned and can be mapped into user space. */
void *exo_plat_alloc(size_t bytes);
void exo_plat_free(void *p); /* NULL is fine */
void *exo_plat_alloc_shared(size_t bytes);
void exo_plat_free_shared(void *p, size_t bytes);

/* Lock. wait: gives the lock up, sleeps until wake (or spuriously), takes it again. */
struct exo_lock *exo_plat_lock_new(void);
void exo_plat_lock_free(struct exo_lock *l);
void exo_plat_lock(struct exo_lock *l);
bool exo_plat_trylock(struct exo_lock *l);
void exo_plat_unlock(struct exo_lock *l);
void exo_plat_wait(struct exo_lock *l);
void exo_plat_wake(struct exo_lock *l);

/*
 * A turn: one at a time, in the order of asking. Waiting for it may take as long as the others want, so it ends early when the
 * caller is being killed: -EINTR. Not under core's lock; whoever took it gives it.
 */
struct exo_turn *exo_plat_turn_new(void); /* NULL without memory */
void exo_plat_turn_free(struct exo_turn *t); /* NULL is fine */
int exo_plat_turn_take(struct exo_turn *t);
void exo_plat_turn_give(struct exo_turn *t);

/*
 * Threads for one long job of core. workers: how many it should use on this machine, the caller's included, 1..8. parallel calls
 * fn(ctx, 0) in the caller and each of fn(ctx, 1) .. fn(ctx, n - 1) at most once in a thread of its own: not at all when there is no
 * thread to be had, or when fn(ctx, 0) has returned before it began. Returns when all that began have returned.
 * killed: the caller is to end as soon as it can. Not under core's lock.
 */
u32 exo_plat_workers(void);
void exo_plat_parallel(u32 n, void (*fn)(void *ctx, u32 who), void *ctx);
bool exo_plat_killed(void);

/* User memory: 0 or -EFAULT. */
int exo_plat_copy_in(void *dst, u64 user, size_t bytes);
int exo_plat_copy_out(u64 user, const void *src, size_t bytes);

/* Frames: address of a frame's 4096 bytes, stable while the frame is in use. */
void *exo_plat_frame(u32 frame);
/* Remove a frame from every user mapping; later touches fault. Called with core's lock held, like the faults that map
 * it. */
void exo_plat_zap(u32 frame);
/*
 * Enter frames of the env into the calling process's mapping of the pool, in which frame 0 is, or would be, at the user address `at`: each
 * as a read fault would, if exo_fault_allows it. A hint: what cannot be done is left out. Core's lock not held.
 */
struct exo_env;
void exo_plat_map(struct exo_env *e, u64 at, const u32 *frames, u32 n);
/*
 * A frame is about to change hands (content already dead). The platform makes sure that nobody keeps a reference to the
 * old memory, replacing the page if need be, and zeroes it. Called with core's lock held. 0 or -ENOMEM.
 */
int exo_plat_frame_renew(u32 frame);
/* A free frame's memory is the platform's until the next renew. Called with core's lock held; does not sleep. */
void exo_plat_frame_return(u32 frame);

/*
 * Block devices. `open` claims exclusively and refuses one that is mounted (-EBUSY), is not a block device
 * (-ENOTBLK) or cannot be opened (its errno). io is synchronous, merges adjacent segments into large requests and
 * returns 0 or -EIO (with *bad set to the first failed block); on a write nothing is durable before flush when
 * `exo_plat_volatile`.
 */
struct exo_seg {
	u64 block;
	void *mem;   /* start of the block's 4096 bytes */
	u16 first;   /* first sector to transfer, 0..7 */
	u16 sectors; /* 1..8 - first */
	u32 pad;
};
#define EXO_OP_READ 0
#define EXO_OP_WRITE 1
#define EXO_OP_WRITE_FUA 2
int exo_plat_open(const char *path, bool readonly, struct exo_dev **out);
void exo_plat_close(struct exo_dev *d);
u64 exo_plat_blocks(struct exo_dev *d);
u32 exo_plat_sector(struct exo_dev *d); /* logical block, bytes */
bool exo_plat_volatile(struct exo_dev *d);
bool exo_plat_same(struct exo_dev *d, const char *path); /* does path name this device? */
int exo_plat_io(struct exo_dev *d, int op, const struct exo_seg *seg, u32 n, u64 *bad);
int exo_plat_flush(struct exo_dev *d);

/*
 * UDFs. `insns` were scanned by core. load: 0; -EACCES or the verifier's errno, with its words in the user buffer
 * log/log_size when log is not 0; -ERANGE when the program reads outside struct exo_udf_ctx;
 * -EINTR when the caller is being killed; then the work on the program ends soon, too. The work may be charged to nobody: core sees to
 * it that one user does not have more than one load at a time.
 * run: `in` has in_bytes; returns the program's 32-bit result as a non-negative s64, or -errno when it could not run. *out then has what
 * it wrote, out_bytes of it, until `done`, which follows every run that returned no error; in between the caller does not sleep.
 * `out` is NULL when out_bytes is 0. May be called with core's lock held; concurrent calls of one program are serialised.
 */
struct exo_udf_kind {
	u32 partition; /* of the ctx */
	u32 in_bytes;  /* of map index 0 */
	u32 out_bytes; /* of map index 1; 0: there is none */
};
int exo_plat_udf_load(const u64 *insns, u32 n, const struct exo_udf_kind *kind, u64 log, u32 log_size,
		      struct exo_udf **out);
void exo_plat_udf_unload(struct exo_udf *u);
s64 exo_plat_udf_run(struct exo_udf *u, const void *in, u32 index, const void **out);
void exo_plat_udf_done(struct exo_udf *u);

/*
 * What happened, for whoever looks (kmod/doc/trace.md). They decide nothing, may be called with core's lock held, and must not sleep.
 * refused: block may not be written yet; taint: uninitialised blocks that it points at, waits: blocks that must go first for
 * another reason. reclaim: a clean buffer's frame is taken for something else, or its memory given back. writeback: `want` frames were
 * needed, and so many blocks were written, as SYNC does it, so that their buffers could be dropped.
 */
void exo_plat_trace_call(u32 env, u32 nr, int err, u32 reason, u64 detail);
void exo_plat_trace_txn(u32 env, const struct exo_txn *q, int err, u32 reason, u64 detail);
void exo_plat_trace_refused(u32 disk, u64 block, u32 taint, u32 waits);
void exo_plat_trace_reclaim(u32 frame, u32 disk, u64 block);
void exo_plat_trace_writeback(u32 disk, u32 want, u32 blocks, int err);
void exo_plat_trace_quarantine(u32 disk, u32 root, u32 why, u64 detail);
/* An attach has to walk; why: EXO_WALK_*. For a person to read. Without core's lock. */
void exo_plat_walk_begins(u32 disk, u32 why);
/* A walk of an attach goes on: every few seconds, for a person to read. Without core's lock. */
void exo_plat_walk_progress(u32 disk, u64 visited, u64 known, u64 owned, u64 ns);

void exo_plat_sha256(const void *data, size_t bytes, u8 out[32]);
void exo_plat_random(void *buf, size_t bytes); /* for disk uuids only */
u64 exo_plat_now_ns(void);
u64 exo_plat_wall_ns(void); /* since 1970; may jump. For acl-UDFs only */

#endif
