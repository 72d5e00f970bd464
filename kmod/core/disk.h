/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* disk.h: an attached disk, its blocks' states, its catalogues. All members under core's lock unless said otherwise. */
#ifndef EXO_CORE_DISK_H
#define EXO_CORE_DISK_H

#include "format.h"
#include "order.h"
#include "range.h"

struct exo_core;
struct exo_ask;

/* A mapped area that may outlive its disk. */
struct exo_area {
	struct exo_area *next;
	void *base;
	size_t bytes;
	u32 maps;  /* mappings that the platform reported */
	bool dead; /* its disk is gone */
};

struct exo_tmpl {
	struct exo_tmpl_head h;
	u64 *insns;	     /* h.ninsns, then h.acl_ninsns of them; NULL when unreadable */
	struct exo_udf *udf; /* NULL: bad */
	struct exo_udf *acl; /* not NULL exactly if h.acl_ninsns and not bad */
	u8 state;
	bool erasing; /* LEAVING: a TEMPLATE_DEL is at it */
	/* EMPTY: core's tick and the caller's uid when the last template here was deleted; h.owner is still its owner. 0: never. */
	u64 gone;
	u32 gone_uid;
};
static inline u32 exo_tmpl_programs(const struct exo_tmpl *t)
{
	return (t->udf != NULL) + (t->acl != NULL);
}

#define EXO_TMPL_EMPTY 0
#define EXO_TMPL_COMING 1 /* slot taken by an installation that runs */
#define EXO_TMPL_LIVE 2
#define EXO_TMPL_LEAVING 3 /* being deleted: nobody finds it, and its slot is taken */
/* tmpldel.c: an env that may know the number of the template that was here is still open, so the slot is not used yet. Lock held. */
bool exo_tmpl_remembered(const struct exo_disk *d, u32 id);

struct exo_root {
	struct exo_root_head h; /* h.used is current */
	struct exo_node node;
	u64 qdetail;
	u64 epoch; /* not 0: no block has left this root since a binding for I/O got this number; iobind.c */
	u32 quarantine; /* EXO_QUARANTINE_* */
	u8 state;
	u32 nlose;  /* records of blocks that its nodes lost; of them, those of metadata that moved */
	u32 nmoved;
	bool dirty; /* entry differs from the disk's */
	bool writing;
};
#define EXO_ROOT_EMPTY 0
#define EXO_ROOT_LIVE 1
#define EXO_ROOT_LEAVING 2 /* a ROOT_DEL looks for what it owns; nothing of it may change */
#define EXO_ROOT_DYING 3   /* deleted in core, not yet durably */

/* A block with more than one owner. */
struct exo_contest {
	u64 block;
	u32 owners;
	u32 cross; /* metadata of two roots or templates: whose children they are is not known */
};

/* Direct write under way. */
struct exo_flight {
	struct exo_flight *next, **at;
	u64 start, count;
	bool own; /* the module's own, ends without help of any process */
};

#define EXO_HOLD_CHUNK 2048u
#define EXO_ORPHAN_BUCKETS 64u

struct exo_disk {
	struct exo_core *c;
	struct exo_dev *dev;
	struct exo_layout l;
	struct exo_super super;
	char path[64];
	u64 blocks;
	u32 nr;
	u64 id; /* for bindings: 0 or a number that no other disk ever has */
	u32 sector;
	u8 state;
	bool readonly, vol, walked, was_clean;
	bool failed; /* a flush failed: what is durable is unknown, so nothing more is written */

	u32 users;    /* calls inside */
	u32 away;     /* of them, at user memory: that may take for ever */
	u32 flying;   /* asynchronous direct transfers */
	u32 flushing; /* flushes that run */
	u32 nwriting; /* buffers being written */
	bool cat_writing;

	/* One bit a block. free is mapped into user space; a block is in at most one of: free, waiting, held, owned. */
	struct exo_area *area;
	struct exo_freemap_head *fm;
	u64 *free;
	u64 *waiting; /* nobody's, and something on disk may still point at it or a transfer still touch it */
	u64 *held;    /* nobody's as far as is known, but a quarantined root may own it */
	u64 *blank;   /* owned, never written since ALLOC: reads as zeroes */
	u64 *uninit;  /* owned, not durably written since ALLOC */
	u64 *fresh;   /* owned, and no pointer to it was ever submitted to the disk */
	u64 nwaiting, nheld, nuninit;
	u16 **hold; /* per block: reasons not to give it out again, in chunks made on demand */
	u32 nchunks;
	struct exo_orphan *orphans[EXO_ORPHAN_BUCKETS];
	u32 norphans;
	struct exo_orphan *freed; /* their blocks became free; exo_hold_put works through them */
	bool freeing;

	struct exo_done *written; /* complete, waiting for a flush */
	u32 nwritten;		  /* of these */
	bool unflushed;		  /* some write completed since the last flush began */
	u64 flush_begun;	  /* flushes that were begun; and the last of them that succeeded */
	u64 flush_done;
	struct exo_flight *flights;

	struct exo_contest *contest; /* sorted by block; some are settled */
	u32 ncontest, contest_len;   /* blocks still contested; entries */
	/*
	 * Metadata that the walk at attach did not follow, or that two roots or templates claim: blocks that could not
	 * be read, and the like. Nobody knows what lies below, so ROOT_DEL does not follow it either. Sorted; set by
	 * attach alone.
	 */
	struct exo_set blind;

	struct exo_tmpl tmpl[EXO_MAX_TEMPLATES];
	struct exo_root roots[EXO_MAX_ROOTS];
	u8 *cat; /* the root catalogue as last submitted */

	u32 dirty_first, dirty_last; /* frame + 1 */
	u32 ndirty;
	/* The walk of the attach, while it goes on and afterwards. */
	u64 walk_meta, walk_known, walk_owned, walk_ns, walk_requests;
	u32 walk_why, walk_threads;
};
#define EXO_DISK_COMING 1
#define EXO_DISK_LIVE 2
#define EXO_DISK_LEAVING 3

static inline bool exo_disk_inside(const struct exo_disk *d, u64 start, u64 count)
{
	return exo_rng_inside(start, count, d->l.first, d->l.last);
}

/* disk.c: a live disk, kept from vanishing until put. */
int exo_disk_get(struct exo_ask *a, u32 nr, bool change, struct exo_disk **out);
void exo_disk_put(struct exo_ask *a, struct exo_disk *d);
int exo_disk_get_locked(struct exo_ask *a, u32 nr, bool change, struct exo_disk **out); /* with core's lock held */
void exo_disk_put_locked(struct exo_ask *a, struct exo_disk *d);
int exo_disk_new(struct exo_core *c, struct exo_dev *dev, u64 blocks, struct exo_disk **out);
void exo_disk_free(struct exo_disk *d);
void exo_disk_drop_buffers(struct exo_disk *d);
int exo_disk_read_super(struct exo_dev *dev, u64 dev_blocks, struct exo_super *s, u64 *detail, u32 *reason);
int exo_disk_write_super(struct exo_dev *dev, const struct exo_super *s);
int exo_io_blocks(struct exo_dev *dev, int op, u64 block, void *mem, u64 count);

/* freemap.c: states of blocks. */
void exo_map_take(struct exo_disk *d, u64 start, u64 count); /* free -> owned, blank, uninit, fresh */
void exo_map_leave(struct exo_disk *d, u64 start,
		   u64 count); /* owned -> waiting; exo_map_settle frees what nothing holds */
void exo_map_settle(struct exo_disk *d, u64 start, u64 count);
bool exo_map_all_free(const struct exo_disk *d, u64 start, u64 count, u64 *bad);
bool exo_map_owned(const struct exo_disk *d, u64 start, u64 count, u64 *bad);
bool exo_map_find(const struct exo_disk *d, u64 count, u64 *start);
void exo_map_inited(struct exo_disk *d, u64 start, u64 count);
int exo_hold_reserve(struct exo_disk *d, u64 start,
		     u64 count); /* so that exo_hold_get cannot fail: 0, -ENOMEM, -EBUSY */
void exo_hold_get(struct exo_disk *d, u64 start, u64 count);
void exo_hold_put(struct exo_disk *d, u64 start, u64 count);
bool exo_hold_any(const struct exo_disk *d, u64 block);
u32 exo_fresh_runs(const struct exo_disk *d, u64 start, u64 count); /* runs of blocks that are not fresh */

/* contest.c */
struct exo_contest *exo_contest_find(struct exo_disk *d, u64 block);
bool exo_contest_any(struct exo_disk *d, u64 start, u64 count, u64 *block);
/* At attach: each range of `again` is one more claim of its blocks, `crossed` says which have two roots or templates.
 */
int exo_contest_build(struct exo_disk *d, struct exo_set *again, const struct exo_set *crossed);
bool exo_contest_drop(struct exo_disk *d, u64 block, u32 claims); /* true: nobody is left */

/* How many ranges of a set cover a block? Asked for blocks in ascending order. make: 0 or -ENOMEM; free in either case.
 */
struct exo_cover {
	struct exo_set starts, ends;
	u32 i, j;
};
int exo_cover_make(struct exo_cover *v, const struct exo_set *s);
u32 exo_cover_at(struct exo_cover *v, u64 block);
void exo_cover_free(struct exo_cover *v);

/* flight.c */
bool exo_flight_hits(const struct exo_disk *d, u64 start, u64 count, bool *own);
void exo_flight_add(struct exo_disk *d, struct exo_flight *f);
void exo_flight_remove(struct exo_flight *f);

#endif
