/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * order.h: what may reach the disk when. kmod/doc/order.md gives the argument; here is the mechanism.
 *
 * A node is something that holds pointers to blocks and is written as one: a metadata buffer or a root's catalogue
 * entry. Everything here is under core's lock.
 *
 *  lose   blocks that the image on disk may still point at although the node in core does not (rule 2). Each holds
 *         its blocks (freemap.c) until a later image of the node is durable.
 *
 *  waits  nodes that must be durable before this one may be written, because it gave a block away to them (rule 3).
 *
 *  kids   metadata blocks whose first durable pointer will be this node's (rule 1 for metadata, and what rule 3 needs
 *         to know which nodes a new pointer is reached through).
 *
 *         They stay until a durable pointer leads to this node, too: what is reached through an unreachable node is
 *         not reachable.
 *
 *  fresh  partitions of which some claim may be of an uninitialised block, or of one that has no durable pointer yet:
 *         what they gained since the last submission. A catalogue entry counts as one partition.
 *
 *  slack  partitions that were written although some claim of them was of an uninitialised block, or led to a node with
 *         slack. Only a node that nothing on disk leads to is written so (loose.c), and until it is tight again nothing on
 *         disk may lead to it.
 *
 * When a write of the node is submitted, lose and waiters move to a struct exo_done, and kids are noted in it; they come
 * back if the write fails, and take effect once it is durable. All memory is allocated before the write is submitted.
 */
#ifndef EXO_CORE_ORDER_H
#define EXO_CORE_ORDER_H

#include "plat.h"

struct exo_core;
struct exo_disk;
struct exo_node;
struct exo_root;
struct exo_set;

struct exo_lose {
	struct exo_lose *next;
	u64 start, count;
	u32 root;   /* that it counts for, or EXO_NOROOT */
	bool moved; /* metadata, to another place in the same root */
};

struct exo_wait {
	struct exo_node *src; /* its write waits ... */
	struct exo_node *dst; /* ... for this one's; NULL once that was written and only a flush is missing */
	struct exo_wait *src_next, **src_at;
	struct exo_wait *dst_next, **dst_at;
	u64 block;   /* of dst */
	u32 sectors; /* of dst, that hold the new pointer */
};

struct exo_link {
	struct exo_node *child; /* its node's `link` is this one, unless the child went elsewhere since */
	struct exo_node *parent;
	struct exo_link *next, **at; /* in the parent's kids */
	struct exo_link *done_next, **done_at;
	struct exo_link *old;  /* during a transaction: what it replaces */
	u32 sectors;	       /* of the parent, that hold the pointer */
	struct exo_done *done; /* in this one's list: a write of the parent that holds the pointer; else NULL */
	bool durable;	       /* the durable one does; nothing durable leads to the parent */
};

#define EXO_NODE_ROOT 0x80000000u

struct exo_node {
	struct exo_lose *lose;
	struct exo_wait *waits;	  /* by src_next */
	struct exo_wait *waiters; /* by dst_next */
	struct exo_link *kids;
	struct exo_link *link; /* of this block in its parent while no durable pointer leads here; else NULL */
	struct exo_node *up;   /* search: where it came from, and the next edges to take */
	struct exo_wait *at_wait;
	struct exo_link *at_kid;
	u64 mark;  /* search colour */
	u64 need;  /* a SYNC that wants it written, and its place in that one's list */
	u32 at;
	u64 block; /* where it is written */
	u32 id;	   /* frame, or EXO_NODE_ROOT | disk << 8 | root */
	u64 flush; /* last flush that had begun when its last write completed */
	u8 fresh;
	u8 slack;
	u8 first, last;	  /* sectors to write before, and after, the others (MOVE inside the block) */
	u8 wfirst, wlast; /* the same of the write that runs */
	bool lax;	  /* found so by exo_write_ready: its next write gives it slack */
	bool bad;	  /* search of loose.c */
};

struct exo_done {
	struct exo_done *next;
	struct exo_node *node; /* while the write runs */
	struct exo_root *root; /* catalogue entry that was written, else NULL */
	struct exo_lose *lose;
	struct exo_wait *waiters;
	struct exo_link *kids;
	u64 start, count; /* blocks that stop being uninitialised; held; count 0: none */
	bool erased;	  /* the catalogue entry was written as empty */
};

/* A freed metadata block whose image on disk still points at blocks: they wait until it is free itself. */
struct exo_orphan {
	struct exo_orphan *next;
	u64 block;
	struct exo_lose *lose;
};

void exo_wait_link(struct exo_wait *w, struct exo_node *src, struct exo_node *dst, u32 sectors);
void exo_wait_unlink(struct exo_wait *w);
void exo_link_add(struct exo_link *l, struct exo_node *parent, struct exo_node *child, u32 sectors);
/*
 * From its lists; the child's `link` is the caller's business. A parent that is clean, and nobody's, keeps its frame as long as links
 * hang on it: with the last one it may go.
 */
void exo_link_remove(struct exo_core *c, struct exo_link *l);

/*
 * Let src wait for everything that must be durable so that a pointer in dst (in `sectors` of it) is durable and
 * reachable: dst, and the parents of what has no durable pointer yet. Stops at src itself; then *self gets the sectors
 * of src through which the chain goes. New records are noted in the undo list. 0, -ENOMEM, or -ELOOP when the chain
 * does not end.
 */
#define EXO_CHAIN_MAX 4096u	/* blocks without a durable pointer above each other; a longer chain is refused */
#define EXO_WORK_MAX (1u << 22) /* records that one transaction may look at; the lock is held meanwhile */
struct exo_undo {
	struct exo_wait **w;
	u32 n, room;
	u64 work; /* records looked at; too many are refused like a chain without an end */
};
int exo_wait_chain(struct exo_undo *u, struct exo_node *src, struct exo_node *dst, u32 sectors, u32 *self);
/* The same from where it is; ends at src, or at a node that has no link. */
struct exo_climb {
	struct exo_node *node;
	u32 sectors, steps;
	struct exo_done *done; /* in its list: a write of the node that holds the pointer */
	bool durable;	       /* the pointer below is, in the node's durable image */
};
int exo_wait_climb(struct exo_undo *u, struct exo_node *src, struct exo_climb *at, u32 *self);
/*
 * path.c: the same up to the root, for metadata that moves while other metadata does. -ESTALE: part of the path is not in core; it is
 * known as far as *end. below: is the first, as far as the core knows the parents before this transaction, the second or below it? 1, 0, or
 * -ELOOP.
 */
int exo_wait_path(struct exo_disk *d, struct exo_undo *u, struct exo_node *src, struct exo_node *dst, u32 sectors, u32 *self,
		  struct exo_node **end);
int exo_path_below(struct exo_disk *d, struct exo_undo *u, const struct exo_node *n, const struct exo_node *top);
int exo_wait_add(struct exo_undo *u, struct exo_node *src, struct exo_node *dst, u32 sectors);
void exo_undo_all(struct exo_undo *u);
void exo_undo_free(struct exo_undo *u);

/* Is a cycle of waits reachable from any of these nodes? The node that closes it, or NULL. */
struct exo_node *exo_order_cycle(struct exo_core *c, struct exo_node **from, u32 n);

/*
 * A subtree that nothing on disk leads to may be written in any order. pending: the node was never written, or has slack.
 * below (loose.c): what lies below a node and must be durable before
 * an image of the node may lead there is appended to `first`, and counted; without `first` counting ends early. What turns
 * out to be tight loses its slack.
 */
bool exo_order_pending(const struct exo_disk *d, const struct exo_node *n);
int exo_order_below(struct exo_disk *d, struct exo_node *top, struct exo_set *first, u64 *count);
bool exo_root_temporary(const struct exo_disk *d, u32 root);

/* A write of the node is submitted / failed / is durable. `done` was allocated by the caller. */
void exo_order_submit(struct exo_node *n, struct exo_done *done);
void exo_order_failed(struct exo_done *done);
void exo_order_written(struct exo_done *done);
void exo_order_durable(struct exo_disk *d, struct exo_done *done);
void exo_lose_end(struct exo_disk *d, struct exo_lose *l); /* its blocks are no longer held; frees it */
/* Forget everything about a node, freeing the records: its disk is going away. */
void exo_order_forget(struct exo_core *c, struct exo_node *n);

#endif
