/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * model.h: exo's storage rules once more, slow and plain, to hold kmod/core against. It knows kmod/uapi/exo.h, the root
 * catalogue as kmod/doc/format.md describes it, and nothing else of the module; no line is shared with kmod/core.
 *
 * The world is small: one disk, of which the M_BLOCKS blocks from M_BASE are ever used, so that a set of blocks is one
 * word. Two templates, both read by the same program (tests/host/core_kit.c), whose answer the model works out from the
 * bytes by itself:
 *
 *	kind 0: plain data	kind 1: "node", may own data and nodes	kind 2: "fan", may own data, fans and nodes; has an acl
 *
 * Per block, three things are kept apart: what is true in core (own.c), what the medium holds and may hold after a
 * power cut (medium.c), and who may look (access.c, roots.c). A question to the model is answered with a verdict: must
 * the call be refused, and for which reasons may it be.
 *
 * Where the contract leaves room, so does the verdict:
 *  - of several things that are wrong with a call, any may be the reason that is given;
 *  - WRITE must be accepted when everything that the rules name is durable, and must be refused when a power cut could
 *    then show damage (medium.c looks at every single write); in between (a MOVE whose new parent is durable, but only
 *    through another way) it may do either;
 *  - CYCLE may only be said when the waits, counted generously, close a circle;
 *  - a freed block must not be free while a pointer to it may be on the medium, and must be free once each of its old
 *    parents was written, durably, since; in between it may be either.
 * What the module did then is taken over.
 */
#ifndef EXO_TESTS_MODEL_H
#define EXO_TESTS_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "../../kmod/uapi/exo.h"

typedef __u8 u8;
typedef __u32 u32;
typedef __u64 u64;

#define M_BASE 1216u
#define M_BLOCKS 64u
#define M_ROOTS 16u /* slots of the catalogue that are ever used */
#define M_KINDS 3u
#define M_PARTS 8u
#define M_SLOTS 15u				   /* of a partition */
#define M_ENVS 3u				   /* 0: administrator, 1 and 2: two users */
#define M_CATALOGUE (1u + EXO_MAX_TEMPLATES * 16u) /* first block of the root catalogue */

enum m_state { M_FREE, M_WAIT, M_OWNED };

/* What a partition owns, by kind. */
struct m_part {
	u64 own[M_KINDS];
};

/* An image of a metadata block on the medium: what its partitions own, and which life of those blocks was meant. */
struct m_image {
	struct m_part part[M_PARTS];
	u32 life[M_PARTS][M_BLOCKS];
};

/* An entry of the root catalogue on the medium. */
struct m_entry {
	bool there, temporary;
	u64 blocks;
	u32 kind;
	u32 life[M_BLOCKS];
	u8 sector[EXO_SECTOR_SIZE];
};

struct m_block {
	enum m_state state;
	u32 kind, root; /* while owned */
	u32 life;	/* grows with each ALLOC */
	u32 owners;	/* over 1: contested */
	bool uninit;	/* not durably written since ALLOC, as far as the core was told */
	bool maybe;	/* of a request for more, of which a part may have failed: uninit or not */
	bool raw;	/* never reached the medium since ALLOC, also when it was freed since: what is there is another's */
	bool blank;	/* not written at all since */
	bool pointed;	/* an image that claims it was written since */
	bool attached;	/* found from a root on the medium, come what may */
	bool pending;	/* written, not flushed */
	bool counts;	/* of what is pending, the core was told that something is written */
	/* in core */
	bool core, known, dirty;
	bool error; /* its last write may have failed */
	u64 version;
	u8 mem[EXO_BLOCK_SIZE];	     /* content: in core, else on the disk */
	struct m_part part[M_PARTS]; /* of mem, when metadata */
	/* as something that is written: when its last image was submitted, and the last one that is durable */
	u64 submitted, durable;
	struct m_image now, old; /* last written; durable */
};

struct m_root {
	bool used, dying;
	char name[EXO_NAME_MAX];
	u32 kind, flags, owner; /* owner: the env whose capability it was */
	u64 start, count, quota, owns;
	u64 submitted, durable;
	u64 ended; /* when it was deleted */
	struct m_entry now, old;
	bool pending;
};

/* Blocks and root entries, as what is written. */
struct m_nodes {
	u64 blocks;
	u32 roots;
};

/* `from` gave something away at `when`: it may be written once all of `first` are durable in a later image. */
struct m_wait {
	struct m_nodes from, first; /* from: one of them */
	u64 when;
};

/* A block left this parent at `when`. */
struct m_left {
	u32 block;
	struct m_nodes from; /* one of them */
	u32 life;	     /* of the parent, when a block */
	u64 when;
};

/* An ORDER: `later` must not be written before `first` is durable in an image submitted after `when`. Both are blocks. */
struct m_order {
	u32 later, first;
	u32 lives[2];
	u64 when;
};

#define M_WAITS 4096u
#define M_ORDERS 256u
#define M_NO_SYNC (~0u - 1)
#define M_BINDS 256u
struct m_bind {
	bool used, gone; /* gone: the block was freed */
	u32 env, frame, rights, block;
};

struct model {
	struct m_block b[M_BLOCKS];
	struct m_root r[M_ROOTS];
	struct m_wait wait[M_WAITS];
	struct m_left left[M_WAITS];
	struct m_order order[M_ORDERS];
	u32 nwait, nleft, norder;
	struct m_bind bind[M_BINDS];
	u32 tmpl[M_KINDS], size[M_KINDS]; /* ids and partition sizes */
	u64 first, last;		  /* the disk's data area */
	u64 clock, versions;		  /* versions: highest seen */
	u32 lives;
	u64 request;	 /* of the last write seen */
	bool vol, tears; /* the device: volatile cache; sectors of a block may be torn */
	bool tight;	 /* few frames: clean buffers may go, calls may fail for want of them */
	bool early;	 /* a write flushed the device without counting as a FLUSH */
	bool loop;	 /* metadata was hung below itself: it is out of reach */
	bool overflow;	 /* records ran out: generous answers only */
	u64 badr, badw;	 /* blocks that the device fails to read, to write */
	bool badcat;	 /* the same of writes to the root catalogue */
	bool vague;	 /* an entry may have been written without having counted */
	bool blind;	 /* the free map was not looked at since the last commit (TXNS) */
	u32 syncing;	 /* root of the SYNC that runs, EXO_NOROOT for all, else M_NO_SYNC */
	u64 rng;
	char wrong[256]; /* what was found broken, or empty */
};

/* A verdict. refuse: it must be, for one of the reasons; else it may be, for one of the reasons. */
struct m_verdict {
	bool refuse;
	bool legal[128];
};

static inline void m_no(struct m_verdict *v, u32 reason)
{
	v->refuse = true;
	v->legal[reason] = true;
}

static inline u64 m_bit(u32 i)
{
	return 1ull << i;
}

static inline bool m_here(u64 block)
{
	return block >= M_BASE && block < M_BASE + M_BLOCKS;
}

static inline u64 m_mask(u64 start, u64 count)
{
	u64 m = 0, i;

	for (i = start; i < start + count; i++)
		if (m_here(i))
			m |= m_bit((u32)(i - M_BASE));
	return m;
}

static inline u64 m_all(const struct m_part *p)
{
	return p->own[0] | p->own[1] | p->own[2];
}

u64 m_random(struct model *m);
void m_wrong(struct model *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* own.c: claims and transactions. */

/* A slot of a partition, as the test's program reads it. */
struct m_slot {
	u64 start;
	u32 count, ref;
	u64 user[2];
};
u32 m_parts(const struct model *m, u32 kind);
/* 0, or why the partition is refused. */
u32 m_parse(const struct model *m, u32 kind, const u8 *part, struct m_part *out);
void m_parse_block(struct model *m, u32 x);
u32 m_kind(const struct model *m, u32 tmpl); /* M_KINDS: none */

struct m_txn {
	u32 env, cap, n, nd;
	const struct exo_edit *edits;
	const struct exo_decl *decls;
};
/* What an accepted transaction does; filled by the check. */
struct m_plan {
	u32 norders;
	struct {
		u32 later, first;
	} order[EXO_MAX_DECLS]; /* blocks of ORDERs */
	u64 edited, isnew, in[M_KINDS], out[M_KINDS], moved[M_KINDS];
	u32 kind[M_BLOCKS], root[M_BLOCKS]; /* of edited and new blocks */
	u32 from[M_BLOCKS], to[M_BLOCKS];   /* node that loses, gains */
	u32 frompart[M_BLOCKS], topart[M_BLOCKS];
	u8 mem[M_BLOCKS][EXO_BLOCK_SIZE];
	struct m_part part[M_BLOCKS][M_PARTS];
	u8 touched[M_BLOCKS];
	long long delta[M_ROOTS];
};
/* What a partition of a fan says about who may use it, at M_ACL_AT; see m_acl. */
struct m_acl {
	u32 owner, mode;
};
#define M_ACL_AT 480u
#define M_ACL_SLOT 13u /* what this slot claims only the administrator writes */
/* The acl of a kind: may env, by the capability in slot cap, do this? `after` may be NULL. */
bool m_acl(u32 kind, u32 op, u32 env, u32 cap, u32 slot, const u8 *before, const u8 *after);
u32 m_uid(u32 env);
void m_txn_check(struct model *m, const struct m_txn *t, struct m_plan *p, struct m_verdict *v);
void m_txn_commit(struct model *m, const struct m_plan *p);
bool m_may(const struct model *m, u32 env, u32 cap, u32 root, u32 rights, u32 *reason);
/* The same for what an acl is asked about if metadata of this kind has one. */
bool m_may_below(const struct model *m, u32 env, u32 cap, u32 root, u32 rights, u32 kind, u32 *reason);
/* Node that claims the block, as a set of one. */
struct m_nodes m_owner(const struct model *m, u32 x);
bool m_below(const struct model *m, u32 x, u32 top);
void m_leave(struct model *m, u32 x, struct m_nodes from); /* freed: not contested */
void m_take(struct model *m, u32 x, u32 kind, u32 root);

/* order.c: who waits for whom. */
void m_wait_add(struct model *m, struct m_nodes from, struct m_nodes to);
void m_wait_pass(struct model *m, u32 x, struct m_nodes heir);
void m_order_add(struct model *m, u32 later, u32 first);
void m_order_written(struct model *m, u32 x); /* is it in order? */
void m_settle(struct model *m); /* forget what is fulfilled */
bool m_waits(const struct model *m, struct m_nodes n);
bool m_awaited(const struct model *m, struct m_nodes n);
struct m_nodes m_above(const struct model *m, struct m_nodes n); /* with itself; what of it is not settled yet */
bool m_acyclic(const struct model *m);
bool m_write_must(const struct model *m, u32 x); /* a WRITE of it cannot be refused */
void m_left_add(struct model *m, u32 x, struct m_nodes from);
bool m_must_be_free(const struct model *m, u32 x);
bool m_may_be_free(struct model *m, u32 x);

/* medium.c */
void m_disk_write(struct model *m, u64 request, bool fua, u64 block, u32 first, u32 sectors, const u8 *data);
void m_disk_flush(struct model *m, bool counts);
void m_disk_end(struct model *m); /* of a call */
void m_write_failed(struct model *m); /* writes to bad blocks may have been tried */
void m_attach(struct model *m, void (*read)(void *ctx, u64 block, u8 *to), void *ctx, bool *crossed);
bool m_entry_get(const u8 *sector, struct m_root *r);

/* access.c */
struct m_want {
	u32 env, cap, root, index, rights, flags, tmpl;
	u64 parent, start, count, first, n;
};
void m_bind_check(const struct model *m, const struct m_want *w, struct m_verdict *v);
void m_bind_done(struct model *m, const struct m_want *w, const u32 *frames);
struct m_bind *m_bind_find(struct model *m, u32 env, u32 frame);
u32 m_refs(const struct model *m, u32 x);
void m_gone(struct model *m, u32 x);   /* freed: who has it bound keeps the frame */
void m_revoke(struct model *m, u32 x); /* every binding of it */
void m_io_check(const struct model *m, const struct m_want *w, struct m_verdict *v);
/* Blocks that a call which needs them has to read. */
u64 m_to_read(const struct model *m, u64 blocks);
/* A READ or BIND of them was refused because of a device error; what could be read is in core. */
void m_read_failed(struct model *m, u64 blocks, bool bind);
void m_write_check(const struct model *m, u64 blocks, struct m_verdict *v);

/* roots.c */
void m_root_add_check(const struct model *m, u32 env, const struct exo_root_add *q, struct m_verdict *v);
void m_root_add_done(struct model *m, u32 env, const struct exo_root_add *q);
void m_root_del_check(const struct model *m, u32 env, u32 root, struct m_verdict *v);
void m_root_del_done(struct model *m, u32 root);

#endif
