/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * core.h: what the platform (Linux module, simulator) calls in kmod/core. All decisions are made behind
 * these functions; the platform only moves bytes and pages.
 */
#ifndef EXO_CORE_CORE_H
#define EXO_CORE_CORE_H

#include "plat.h"

struct exo_core;		/* one per module: pool, registry, disks, environments */
struct exo_env;			/* one per open file */

/* frames: size of the pool. 0 or -ENOMEM. free: no env open, no disk attached any more. */
int exo_core_new(u32 frames, struct exo_core **out);
void exo_core_free(struct exo_core *c);
/* Module unload with no env open: detach every disk, writing what is dirty as DETACH does. */
void exo_core_shutdown(struct exo_core *c);

/*
 * Who opened. Slots: root of the name space if admin; then the uid's; then one per gid (both rights), as many as fit. uid and the
 * first EXO_ACL_GIDS gids are also what acl-UDFs are told; the process's own gid comes first.
 * close is synchronous and complete: grants, private frames, mappings; it never fails and never allocates.
 */
struct exo_cred {
	u32 uid, ngids;
	const u32 *gids;
	bool admin;
};
/* open: -EMFILE when this uid, not an administrator, has EXO_MAX_ENVS open. */
int exo_env_open(struct exo_core *c, const struct exo_cred *cred, struct exo_env **out);
void exo_env_close(struct exo_env *e);

/*
 * The platform is short of memory. shrink gives that of up to `want` frames back (exo_plat_frame_return): free ones, and the least recently
 * used clean buffers that nobody has bound; a sixteenth of the pool always stays. It neither waits nor allocates, and returns how many
 * frames it were: 0 also when core's lock is not free. idle: how many could be given back now; a hint, without the lock.
 */
u32 exo_core_idle(const struct exo_core *c);
u32 exo_core_shrink(struct exo_core *c, u32 want);

/* What an env holds now: buffers bound, private frames, capabilities; and all of its user's envs together, as in QUERY. */
struct exo_env_holds {
	u32 id, bound, priv, caps;
	u32 user_frames, user_limit;
};
void exo_env_holds(struct exo_env *e, struct exo_env_holds *out);

/* The one dispatch: nr is EXO_NR_*, arg the user address of its struct. 0, or -errno. */
int exo_call(struct exo_env *e, u32 nr, u64 arg);

/*
 * Page fault on EXO_MAP_POOL. begin checks the env's grant; 0: the platform installs the frame, writable exactly if
 * *writable, and calls end; core's lock is held in between so that a revocation cannot slip in. A write fault on a
 * data frame marks it dirty. A read fault on a clean frame gives *writable = false, so that the first store faults
 * again. -EACCES: no grant, or metadata written (the platform raises SIGBUS).
 */
int exo_fault_begin(struct exo_env *e, u32 frame, bool write, bool *writable);
void exo_fault_end(struct exo_env *e);
/* The two for many frames that were not asked for by a fault: lock, ask for each, install what is allowed, unlock by exo_fault_end. */
void exo_fault_lock(struct exo_env *e);
int exo_fault_allows(struct exo_env *e, u32 frame, bool write, bool *writable);

/*
 * A mapping of the pool begins or ends; `force`: it is a piece of one that exists. -EMFILE: too many. A frame is taken from all
 * mappings under the lock, so that their number is everybody's business.
 */
int exo_env_map(struct exo_env *e, bool force);
void exo_env_unmap(struct exo_env *e);

/*
 * Direct I/O in two halves, for asynchronous platforms (IO is the synchronous whole of it). begin copies the request in, checks it,
 * and pins frames and blocks; done gives them back, marks written blocks, and copies the result out; it must run in process context, once.
 */
struct exo_ioreq {
	struct exo_dev *dev;
	int op;			/* EXO_OP_* */
	u32 nsegs;
	struct exo_seg *segs;	/* core's memory, valid until done; may be 0 when everything came from core */
	u64 plat[6];		/* the platform's own, until done */
};
int exo_io_begin(struct exo_env *e, u64 arg, struct exo_ioreq **out);

/* The same for EXO_CMD_IO, which has no struct. *why, also of done: as the completion's extra word; 0 after success. */
struct exo_io_cmd {
	u64 first;
	u32 count, binding;
	u32 flags;		/* EXO_IO_*, EXO_CMD_FRAME */
	u64 frames;
};
int exo_io_begin_cmd(struct exo_env *e, const struct exo_io_cmd *cmd, struct exo_ioreq **out, u64 *why);
int exo_io_done(struct exo_ioreq *r, int err, u64 bad_block, u64 *why);

/*
 * Mapped areas: base and length of what an mmap offset names (not the pool). 0, or -EINVAL. A success counts one mapping, in
 * the same step, so that a DETACH cannot free the area before it is mapped; put takes it back. An area lives until its last put.
 */
int exo_core_area_get(struct exo_core *c, u64 offset, void **base, size_t *bytes);
void exo_core_area_put(struct exo_core *c, u64 offset, void *base);

#endif
