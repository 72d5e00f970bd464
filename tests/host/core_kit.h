/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * core_kit.h: a disk with one kind of tree on it, driven through exo_call in the simulator.
 *
 * The tree's metadata ("node"): partitions of 512 bytes with SLOTS slots of 32 bytes: struct slot. ref 0 is data, 1 a
 * child node. The number at offset 504 is what the owns program returns, so anything but 0 is a malformed partition.
 */
#ifndef CORE_KIT_H
#define CORE_KIT_H

#include "../sim/check.h"
#include "../sim/sim.h"

#define PART 512u
#define PARTS 8u
#define SLOTS 15u

struct slot {
	u64 start;
	u32 count, ref;
	u64 tag; /* whose bytes the data blocks hold; the program does not look */
	u64 pad;
};

struct kit {
	struct exo_core *core;
	struct sim_disk *disk;
	struct sim_env *senv;
	struct exo_env *e;
	char path[16];
	u32 d;	    /* disk number */
	u32 tmpl;   /* node */
	u32 cap;    /* slot 0 */
	u32 reason; /* of the last call */
	u64 detail;
	struct exo_range ranges[64];
	u32 nranges;
};

extern const struct exo_cred kit_root, kit_user, kit_other;

#define CALL(k, nr, arg) kit_call(k, nr, &(arg).head, sizeof(arg))
int kit_call(struct kit *k, u32 nr, struct exo_head *h, u32 size);

/* Core, disk of `blocks`, env as `cred`; formatted, attached, with the node template, by root. */
void kit_start(struct kit *k, u32 frames, u64 blocks, u32 disk_flags);
void kit_stop(struct kit *k);
int kit_format(struct kit *k, u64 quota);
int kit_attach(struct kit *k, u32 flags);
int kit_detach(struct kit *k, u32 flags);
void kit_template(struct kit *k);
u32 kit_program(u64 *insns); /* of the node; its length */
/* The same kit as seen by another user's env of the same core. */
struct kit kit_as(const struct kit *k, const struct exo_cred *cred);

int kit_root_add(struct kit *k, const char *name, u32 tmpl, u64 start, u64 count, u32 flags, u32 *root, u64 *at);
int kit_bind(struct kit *k, u32 root, u64 parent, u32 index, struct exo_claim c, u32 rights, u32 flags, u32 *frames);
int kit_unbind(struct kit *k, u32 frame);
int kit_sync(struct kit *k, u32 root);
int kit_flush(struct kit *k);
int kit_write(struct kit *k, u64 start, u64 count);
int kit_read(struct kit *k, u64 start, u64 count);
struct exo_disk_info kit_info(struct kit *k);

/* A transaction being put together. */
struct txn {
	struct exo_edit edits[EXO_MAX_EDITS];
	struct exo_decl decls[EXO_MAX_DECLS];
	u64 versions[EXO_MAX_EDITS];
	u8 bytes[EXO_MAX_EDITS * 64];
	u32 n, nd, used;
};
void txn_bytes(struct txn *t, u64 block, u64 version, u32 offset, const void *bytes, u32 len);
void txn_slot(struct txn *t, u64 block, u64 version, u32 part, u32 slot, struct slot s);
void txn_decl(struct txn *t, u32 op, u32 tmpl, u64 start, u64 count);
int txn_go(struct kit *k, struct txn *t);

/* Registry, as a library sees it. */
const struct exo_buf *kit_buf(struct kit *k, u64 block); /* NULL: not in core */
u32 kit_frame(struct kit *k, u64 block);
u64 kit_version(struct kit *k, u64 block); /* 0: not in core */
const struct slot *kit_slot(struct kit *k, u64 block, u32 part, u32 slot);
bool kit_free(struct kit *k, u64 block);

#endif
