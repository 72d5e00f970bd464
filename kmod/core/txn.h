/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * txn.h: one transaction while it is checked. txn.c copies it in and drives it, txncheck.c decides whether ownership is
 * conserved, txnorder.c what it means for the write order, txncommit.c changes things and cannot fail.
 * Everything from the check to the commit happens in one hold of the lock.
 */
#ifndef EXO_CORE_TXN_H
#define EXO_CORE_TXN_H

#include "internal.h"

#define EXO_PARTS 8u /* partitions of a block at most; label of a partition = block index * 8 + its number */

struct txn_block {
	u64 block, version, newver;
	u32 frame, tmpl, root, size;	    /* size: of a partition */
	u8 *part[EXO_PARTS];		    /* touched partitions as edited, else NULL */
	const struct exo_rng *own[EXO_PARTS]; /* what they own as edited, as the program gave it: for the commit to keep */
	u8 nown[EXO_PARTS];
	u8 parts;			    /* touched */
	u8 owning;			    /* of them, own something as edited */
	u8 gains;			    /* of them, gained something */
	u8 first, last;			    /* sectors, as in exo_node: its own, of a write that runs, and added */
	u8 add_first, add_last;		    /* by this transaction */
	bool isnew;			    /* allocated by this transaction */
	bool data;			    /* isnew, and plain data: its edits are its content, and it has no partitions */
	bool freed;			    /* freed by it */
	u32 label;			    /* data: of the partition that gains it */
};

/* A metadata block that the transaction allocates or frees. */
struct txn_meta {
	u64 block;
	u32 frame, tmpl, root;
	u32 label; /* partition that gains, or loses it */
	u32 blk;   /* its txn_block, or none */
	struct exo_orphan *orphan;
};
#define TXN_NONE (~0u)

struct txn_metas {
	struct txn_meta *m;
	u32 n, room;
};

struct txn_moved_wait {
	struct exo_wait *w;
	struct exo_node *was;
};

struct txn {
	struct exo_ask *a;
	struct exo_core *c;
	struct exo_disk *d;
	struct exo_txn *q;
	struct txn_work *w;
	struct exo_room *room; /* all memory that ends with the call */
	struct exo_edit *edits;
	u8 *bytes; /* of all edits, one behind the other */
	u64 *versions;
	struct exo_decl *decls;
	struct exo_set want[4]; /* declared, by op */
	u32 norders;		/* declarations of an order */

	struct txn_block *blk;
	u32 nblk;
	u32 *of_edit; /* edit -> block index */
	bool pinned;
	struct exo_set gained, lost, moved, in, out; /* in: ALLOC, out: FREE */
	struct txn_metas news, olds;

	struct exo_undo undo;	       /* waits added */
	struct txn_moved_wait *passed; /* waits of freed blocks that their parent takes over */
	u32 npassed, passed_room;
	struct exo_link **links;
	u32 nlinks, newlinks, links_room; /* newlinks: of them, those of new blocks */
	struct exo_lose *lose; /* as many as the commit needs */
	bool linked;	       /* frames of `news` and of new data were taken */
	u32 ndata;	       /* blocks of new data */

	struct exo_range *ranges; /* answer */
	u32 nranges, ranges_room;
};

/*
 * What a transaction works in. Those not in use are the core's, up to TXN_WORKS_KEPT of them, so that a transaction of ordinary size
 * allocates nothing but what it leaves behind. Nothing in one is of any meaning to the next transaction, and nothing of it
 * reaches a caller but what that caller's transaction wrote there.
 */
struct txn_work {
	struct txn_work *next;
	s64 delta[EXO_MAX_ROOTS];	      /* blocks owned, by root; 0 but where `touched` has a bit */
	u64 touched[EXO_MAX_ROOTS / 64];
	struct exo_rng old[EXO_MAX_SLOTS], new[EXO_MAX_SLOTS]; /* scratch of compare() */
	struct exo_room room;
	struct txn t;
	u64 mem[]; /* of the room */
};
#define TXN_WORKS_KEPT 4u
#define TXN_WORK_BYTES 65536u /* a directory's leaf that becomes two takes half of it */

static inline void txn_delta(struct txn *t, u32 root, s64 blocks)
{
	t->w->touched[root / 64] |= 1ull << root % 64;
	t->w->delta[root] += blocks;
}

static inline u32 txn_label_sectors(const struct txn *t, u32 label)
{
	const struct txn_block *b = &t->blk[label / EXO_PARTS];
	u32 n = b->size / EXO_SECTOR_SIZE;

	return ((1u << n) - 1) << (label % EXO_PARTS * n);
}

struct txn_meta *exo_txn_meta(struct txn_metas *l, u64 block); /* l is sorted by block */
u32 exo_txn_block(struct txn *t, u64 block);		       /* index, or TXN_NONE */
int exo_txn_report(struct txn *t, const struct exo_set *s, u32 kind);

/* Makes room for one more in an array that has n of `size` bytes each; at: the address of the pointer to it. False: no memory. */
bool exo_txn_grow(struct txn *t, void *at, u32 n, u32 *room, size_t size);

int exo_txn_decls(struct txn *t); /* without the lock */
bool exo_txn_pair(struct txn *t, const struct exo_decl *x, u32 *later, u32 *first);
/* -EAGAIN: a write has to end first; undo, wait, and check again. */
int exo_txn_check(struct txn *t);
int exo_txn_order(struct txn *t);
void exo_txn_undo(struct txn *t);
void exo_txn_commit(struct txn *t);

#endif
