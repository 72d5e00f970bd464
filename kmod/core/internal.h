/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* internal.h: the structures of the core. The lock is exo_core.lock; kmod/doc/locking.md says when it is held. */
#ifndef EXO_CORE_INTERNAL_H
#define EXO_CORE_INTERNAL_H

#include "bits.h"
#include "core.h"
#include "disk.h"
#include "owned.h"

/* What the core knows of a frame beyond its registry entry; never mapped. */
struct exo_side {
	struct exo_node node;
	struct exo_owned *owned; /* what its partitions own, as far as kept */
	u32 pins;		 /* I/O or a call uses the frame: it keeps its identity */
	u32 free_prev, free_next;
	u32 dirty_prev, dirty_next;
	u64 dirty_since; /* core's tick when it became dirty */
	u64 seen;	 /* by a call that must not see a frame twice */
	u64 failed;	 /* SYNC in which its write failed */
	u64 up;		 /* of known metadata: the block that claims it, EXO_NOBLOCK for the root's entry */
	bool doomed;	 /* identity is gone; the frame is free when the last pin and binding go */
	bool in_lru;
	bool bare; /* FREE, and its memory is with the platform */
	bool direct; /* WRITING stands for a direct write over it */
};

#define EXO_GRANT_READ 1u
#define EXO_GRANT_WRITE 2u
#define EXO_GRANT_PRIVATE 4u

/* claim.c's question; see there. */
struct exo_want {
	u32 cap, root, index, rights;
	u64 parent;
	struct exo_claim claim;
	u64 first;
	u32 count;
};

/* A binding for direct I/O (iobind.c). Number = place + 1. */
struct exo_tie {
	u64 disk_id; /* of exo_disk.id; 0: not in use */
	u64 epoch;   /* of exo_root.epoch when the claim was checked */
	u32 disk, root;
	struct exo_want w; /* first and count are of no meaning */
};

/*
 * What all envs of one uid hold together, those opened with CAP_SYS_ADMIN apart. Lives from the first of them to the last.
 */
struct exo_user {
	struct exo_user *next;
	u32 uid;
	u32 envs;
	u32 nframes; /* frames that at least one of them holds */
	struct exo_turn *verify; /* a program of this user's is with the verifier */
	u16 held[];  /* per frame: how many of them hold it; EXO_MAX_ENVS fits */
};

struct exo_env {
	struct exo_core *c;
	struct exo_user *user; /* NULL: opened with CAP_SYS_ADMIN, not limited with the uid's other envs */
	struct exo_env *next, **at;
	u8 *grants; /* EXO_GRANT_* per frame */
	u32 id;
	u64 born; /* core's tick when it was opened */
	u32 uid;  /* of who opened; like caps and gids it never changes */
	u32 maps;   /* mappings of the pool, or pieces of them */
	u32 nprivate, nbound;
	u32 ncaps;
	struct exo_cap caps[EXO_MAX_CAPS];
	u32 ngids;
	u32 gids[EXO_ACL_GIDS]; /* for acl.c */
	struct exo_tie *ties;	/* [EXO_MAX_IO_BINDS], or NULL before the first */
};

struct exo_core {
	struct exo_lock *lock;
	u32 frames;
	void *area; /* registry, shared */
	size_t area_bytes;
	struct exo_reg_head *reg;
	u32 *hash;
	struct exo_buf *bufs;
	struct exo_side *side;
	struct exo_stats *stats; /* shared, one page */
	u32 free_first;		 /* frame + 1; those that have memory */
	u32 bare_first;		 /* those that have none */
	u32 nlru;		 /* buffers on the registry's list */
	u32 hand;		 /* reclaim.c: where the last look ended */
	u64 version;		 /* last one given out; even */
	u64 tick;
	u64 mark;
	u32 next_env;
	struct exo_env *envs;
	struct exo_user *users;
	u32 nheld; /* frames that some env holds: private or bound */
	struct exo_area *areas;
	struct exo_disk *disks[EXO_MAX_DISKS];
	void *zero; /* a block of zeroes */
	struct exo_owned *owned_oldest, *owned_newest;
	size_t owned_bytes;
	struct exo_rng claims[EXO_MAX_SLOTS]; /* scratch of whoever holds the lock, not across calls of owns.c */
	u8 *acl_in; /* scratch of acl.c: an acl's input at its largest */
	struct exo_op *ops; /* unused ones, direct.h */
	u32 nops;
	struct txn_work *works; /* unused ones, txn.h */
	u32 nworks;
};

/* One call being answered. */
struct exo_ask {
	struct exo_core *c;
	struct exo_env *e;
	struct exo_disk *d; /* of exo_disk_get */
	u32 env;	    /* its id, which outlives e: a transfer may end after its env */
	u32 away;	    /* nesting of exo_away */
	bool count;	    /* a system call of its own, not yet among the statistics */
	u32 reason;
	u32 flags;
	u64 detail;
};

static inline int exo_no(struct exo_ask *a, int err, u32 reason, u64 detail)
{
	a->reason = reason;
	a->detail = detail;
	return err;
}

static inline void exo_lock(struct exo_core *c)
{
	exo_plat_lock(c->lock);
}

static inline void exo_unlock(struct exo_core *c)
{
	exo_plat_unlock(c->lock);
}

static inline int exo_nomem(struct exo_ask *a)
{
	return exo_no(a, -ENOMEM, EXO_R_NOMEM, 0);
}

/*
 * The caller's memory may never answer, so a call that holds a disk says when it goes there: DETACH does not wait for
 * it, but refuses. Nests. Never under the lock.
 */
void exo_away(struct exo_ask *a);
void exo_back(struct exo_ask *a);
void exo_away_locked(struct exo_ask *a); /* by who holds the lock and gives it up right after */
void exo_back_locked(struct exo_ask *a);
/* Copy from or to the caller, with the reason filled in. Never under the lock. */
int exo_get(struct exo_ask *a, void *dst, u64 user, size_t bytes);
int exo_give(struct exo_ask *a, u64 user, const void *src, size_t bytes);
int exo_give_ranges(struct exo_ask *a, u64 user, u32 room, const struct exo_range *r, u32 n);

/* call.c: the struct of a call in and out, as the dispatch does it. out returns err, or -EFAULT. */
int exo_call_in(struct exo_ask *a, u32 nr, u64 arg, void *mem, u32 *size);
int exo_call_out(struct exo_ask *a, u32 nr, u64 arg, void *mem, u32 size, int err);
/* Counts the call and its outcome: for a handler that has the lock anyway. Else exo_call_out does it. */
void exo_count_locked(struct exo_ask *a, int err);
void exo_call_result(struct exo_ask *a, void *mem, int err); /* reason and detail into the head */

/* pool.c: frames. Lock held. */
u32 exo_pool_take(struct exo_core *c); /* zeroed, identity-less, not FREE any more; EXO_NOFRAME */
bool exo_pool_take_this(struct exo_core *c, u32 frame); /* a FREE one; false: without memory */
void exo_pool_give(struct exo_core *c, u32 frame);
void exo_pool_return(struct exo_core *c, u32 frame); /* the memory of a free frame that has some */

/*
 * reclaim.c: exo_pool_take found no frame, and the call needs `want` of them. Lock held, given up in between. true: look
 * everything up again and try once more; false: that is all there is. *tries is 0 when the call begins.
 */
bool exo_reclaim(struct exo_ask *a, u32 want, u32 *tries);

/* registry.c: buffers. Lock held. */
void exo_buf_begin(struct exo_core *c, u32 frame);
u64 exo_buf_end(struct exo_core *c, u32 frame);
u32 exo_buf_find(const struct exo_core *c, u32 disk, u64 block);
/*
 * The buffers of a range, one after the other until EXO_NOFRAME; *at is 0 at first. A range may be as long as the disk, so
 * it goes through the shorter of range and pool. What was returned may be dropped before the next is asked for.
 */
u32 exo_buf_next(const struct exo_core *c, u32 disk, u64 start, u64 count, u64 *at);
void exo_buf_insert(struct exo_core *c, u32 frame, u32 disk, u64 block, u8 state, u8 flags, u32 tmpl, u32 root, u64 up);
void exo_buf_know(struct exo_core *c, u32 frame, u32 tmpl, u32 root, u64 up);
void exo_buf_revoke(struct exo_core *c, u32 frame); /* every env's grant of a bound buffer */
void exo_buf_drop(struct exo_core *c, u32 frame);   /* revoke, forget identity and content */
void exo_buf_leave(struct exo_core *c,
		   u32 frame); /* its block was freed: forget it, but who has it bound keeps the frame */
void exo_buf_dirty(struct exo_core *c, u32 frame);
void exo_buf_clean(struct exo_core *c, u32 frame);
void exo_buf_settle(struct exo_core *c, u32 frame); /* put it where it belongs after refs, pins or flags changed */
void exo_buf_pin(struct exo_core *c, u32 frame);
void exo_buf_unpin(struct exo_core *c, u32 frame);

static inline struct exo_node *exo_frame_node(struct exo_core *c, u32 frame)
{
	return &c->side[frame].node;
}

/*
 * users.c: a user's share of the pool. Lock held, but for new. may: can this env come to hold `more` frames that none of its user's
 * envs holds? 0, or FRAME_LIMIT. hold, let: the env holds a frame, or no longer; once each for as long as e->grants has it.
 */
struct exo_user *exo_user_new(struct exo_core *c, u32 uid);
void exo_user_free(struct exo_user *u); /* NULL is fine */
struct exo_user *exo_user_find(struct exo_core *c, u32 uid);
void exo_user_join(struct exo_core *c, struct exo_user *u, struct exo_env *e);
struct exo_user *exo_user_leave(struct exo_env *e); /* what is to be freed, without the lock; NULL: others are there */
u32 exo_user_limit(const struct exo_env *e);	    /* frames that the user may hold now */
int exo_user_may(struct exo_ask *a, u32 more);
void exo_user_hold(struct exo_env *e, u32 frame);
void exo_user_let(struct exo_env *e, u32 frame);
static inline bool exo_user_has(const struct exo_env *e, u32 frame)
{
	return e->user ? e->user->held[frame] != 0 : e->grants[frame] != 0;
}

/* env.c */
int exo_slot(struct exo_ask *a, u32 slot, const struct exo_cap **cap);
int exo_need_admin(struct exo_ask *a, u32 slot);
int exo_need_root(struct exo_ask *a, u32 slot, struct exo_disk *d, u32 root, u32 rights);
/* The same for what an acl will be asked about if `tmpl` has one: a shared root asks for no more than some capability. */
int exo_need_below(struct exo_ask *a, u32 slot, struct exo_disk *d, u32 root, u32 rights, u32 tmpl);
int exo_root_usable(struct exo_ask *a, struct exo_disk *d, u32 root); /* live, not quarantined, not leaving */

/*
 * owns.c: claims of one partition. Writes at most EXO_MAX_SLOTS entries, in slot order, count > 0 each, every one
 * inside the disk's data area and of a template that exists. 0; -EPERM with *reason; or the platform's errno.
 */
int exo_owns_raw(struct exo_disk *d, u32 tmpl, const void *part, u32 index, struct exo_rng *out, u32 *n, u32 *reason);
/* The same, sorted and merged, an overlap refused (EXO_R_OVERLAP). `udf`: the template's program, or another instance of
 * it that nobody else runs. */
int exo_owns_by(struct exo_disk *d, u32 tmpl, struct exo_udf *udf, const void *part, u32 index, struct exo_rng *out,
		u32 *n, u32 *reason);
/* The second half of it alone. */
int exo_owns_normal(struct exo_rng *out, u32 *n, u32 *reason);
/*
 * The same two of a partition of metadata in core, from its record when there is one. *at: where the claims are, in the record itself or
 * in `scratch`, which has room for EXO_MAX_SLOTS; good until a record is kept or dropped. Lock held; they count the run.
 */
int exo_owns_frame_raw(struct exo_disk *d, u32 frame, u32 index, struct exo_rng *scratch, const struct exo_rng **at,
		       u32 *n, u32 *reason);
int exo_owns_frame(struct exo_disk *d, u32 frame, u32 index, struct exo_rng *scratch, const struct exo_rng **at, u32 *n,
		   u32 *reason);
/* As raw, an overlap refused all the same. Uses exo_core.claims. */
int exo_owns_frame_sound(struct exo_disk *d, u32 frame, u32 index, struct exo_rng *scratch, const struct exo_rng **at,
			 u32 *n, u32 *reason);
/* Does metadata in core, of `tmpl` if it is not known yet, own nothing, but for the partitions in `skip`? 1, 0, or an
 * error as above. Lock held. */
int exo_owns_nothing(struct exo_disk *d, u32 frame, u32 tmpl, u8 skip, u32 *reason);
/* Uninitialised blocks that a buffer's claims name, appended to `out` when it is not NULL. Clears fresh on submission.
 */
int exo_owns_uninit(struct exo_disk *d, u32 frame, struct exo_set *out, u64 *count);
int exo_owns_submit(struct exo_disk *d, u32 frame);

/*
 * acl.c: the acl-UDF of a template, if it has one. 0; -EPERM with EXO_R_ACL, or the platform's errno. Lock held.
 * `before` and `after` are whole partitions, NULL for zeroes.
 */
struct exo_acl_about {
	u32 op;		 /* EXO_ACL_* */
	u32 cap;	 /* slot that the call names */
	u32 tmpl, index; /* the partition: its template, and number in `block` */
	u32 claim_slot;
	u64 block;
	const void *before, *after;
};
int exo_acl(struct exo_ask *a, struct exo_disk *d, const struct exo_acl_about *w);

/* claim.c: does the caller hold this claim? Lock held. */
int exo_claim_check(struct exo_ask *a, struct exo_disk *d, const struct exo_want *w, u32 *root);

/* ops.c, txn.c: at the core's end */
void exo_ops_free(struct exo_core *c);
void exo_works_free(struct exo_core *c);

/* fill.c: bring blocks into core. Lock held, given up in between. */
int exo_fill(struct exo_ask *a, struct exo_disk *d, const u64 *blocks, u32 n, u32 *read);
int exo_runs_in(struct exo_ask *a, struct exo_disk *d, u64 user, u32 n, u64 **out, u32 *count);

/*
 * write.c. Lock held, given up during I/O. ready: may the buffer's image reach the disk now? What must go first is
 * appended to `first` when that is not NULL. write_frames: every frame is dirty, not being written, and ready, and was
 * found so in the same hold of the lock; frames whose write fails get side.failed = stamp. flush: what was written
 * before is durable.
 */
int exo_write_ready(struct exo_disk *d, u32 frame, struct exo_set *first, bool *ready);
int exo_write_frames(struct exo_ask *a, struct exo_disk *d, const u32 *frames, u32 n, u64 stamp, u32 *written);
int exo_flush_disk(struct exo_disk *d);
/* A flush for what is no buffer. Lock not held. One that fails is the disk's as in flush_disk, whoever asked for it. */
int exo_flush_other(struct exo_disk *d);
#define EXO_WRITTEN_MAX 4096u /* writes that wait for a flush, before the core makes one on its own */
void exo_write_done(struct exo_disk *d, struct exo_done *done); /* a write that succeeded */

/* entry.c: root catalogue entries as nodes. Lock held. write: those entries with node.need == need that are ready. */
bool exo_entry_ready(struct exo_disk *d, struct exo_root *r, struct exo_set *first, int *err);
int exo_entry_write(struct exo_ask *a, struct exo_disk *d, u64 need, u32 *written);
void exo_quarantine(struct exo_disk *d, u32 root, u32 why, u64 detail);

/* sync.c */
int exo_sync_disk(struct exo_ask *a, struct exo_disk *d, u32 root, const struct exo_set *runs, u32 *blocks, u32 *rounds);
/* plan.c: the same as a list of what it would write, round after round: `from` of a range is its round, 1 first. */
int exo_plan_disk(struct exo_ask *a, struct exo_disk *d, u32 root, const struct exo_set *runs, struct exo_set *out,
		  u32 *rounds);

/* template.c: read and check the catalogue at attach. Lock not held. */
int exo_templates_load(struct exo_disk *d);
void exo_roots_load(struct exo_disk *d, const u8 *mem);

/* walk.c. attach: lock not held, the disk is not published. collect: lock not held, the root is LEAVING. */
int exo_walk_attach(struct exo_disk *d);
int exo_walk_collect(struct exo_disk *d, u32 root, u64 *seen, struct exo_set *again);

/* detach.c */
int exo_detach_disk(struct exo_ask *a, struct exo_disk *d, bool discard);

/* Handlers of the dispatch table, each over its struct in core's memory. */
int exo_do_query(struct exo_ask *a, void *arg);
int exo_do_format(struct exo_ask *a, void *arg);
int exo_do_attach(struct exo_ask *a, void *arg);
int exo_do_detach(struct exo_ask *a, void *arg);
int exo_do_disk_info(struct exo_ask *a, void *arg);
int exo_do_cap_list(struct exo_ask *a, void *arg);
int exo_do_frame_alloc(struct exo_ask *a, void *arg);
int exo_do_frame_free(struct exo_ask *a, void *arg);
int exo_do_template_add(struct exo_ask *a, void *arg);
int exo_do_template_get(struct exo_ask *a, void *arg);
int exo_do_template_del(struct exo_ask *a, void *arg);
int exo_do_root_add(struct exo_ask *a, void *arg);
int exo_do_root_del(struct exo_ask *a, void *arg);
int exo_do_root_get(struct exo_ask *a, void *arg);
int exo_do_txn(struct exo_ask *a, void *arg);
int exo_do_txns(struct exo_ask *a, void *arg);
int exo_do_bind(struct exo_ask *a, void *arg);
int exo_do_unbind(struct exo_ask *a, void *arg);
int exo_do_read(struct exo_ask *a, void *arg);
int exo_do_write(struct exo_ask *a, void *arg);
int exo_do_flush(struct exo_ask *a, void *arg);
int exo_do_sync(struct exo_ask *a, void *arg);
int exo_do_io(struct exo_ask *a, void *arg);
int exo_do_io_bind(struct exo_ask *a, void *arg);
int exo_do_io_unbind(struct exo_ask *a, void *arg);
int exo_do_contested(struct exo_ask *a, void *arg);
int exo_do_user_words(struct exo_ask *a, void *arg);

#endif
