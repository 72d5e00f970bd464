/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * libexo.h: the exo kernel interface as C functions, one to one, plus registry lookup without a system call.
 *
 * Every function returns 0, a positive count where it says so, or -errno. One that can be refused takes a
 * `struct exo_why *` (may be NULL) and fills it on failure with the module's reason, a sentence and a hint.
 * The library prints nothing.
 *
 * Fork: the child shares the parent's environment (the open file) but not the pool mapping; open a new handle in the child.
 * Threads: a handle may be used by many threads at once. Signals: no call is restarted; -EINTR is returned.
 *
 * The structs and constants are those of the kernel contract, <exo/uapi> installed as exo-uapi.h; its comments are
 * the reference for each call.
 */
#ifndef LIBEXO_H
#define LIBEXO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "exo-uapi.h"

#ifdef __cplusplus
extern "C" {
#endif

struct exo;			/* a handle: one environment with its mappings */

struct exo_why {
	uint32_t call;		/* EXO_NR_* */
	uint32_t code;		/* EXO_R_* */
	uint64_t detail;
	int err;		/* -errno */
	uint32_t nranges;	/* valid entries of range, at most 8 */
	struct exo_range range[8];
	char text[256];		/* one sentence: what was refused, with numbers */
	char hint[256];		/* one sentence: what to do next; may be empty */
};

/* Handle. dev NULL: EXO_DEVICE. */
int exo_open(struct exo **out, const char *dev, struct exo_why *why);
void exo_close(struct exo *x);
int exo_fd(const struct exo *x);
const struct exo_query *exo_facts(const struct exo *x);	/* answer of QUERY at open */
const struct exo_stats *exo_statistics(const struct exo *x); /* mapped */

/* Capability slots: the first that is the root of the name space, or the user's own; -ENOENT. */
int exo_cap_admin(struct exo *x);
int exo_cap_user(struct exo *x);
int exo_cap_list(struct exo *x, struct exo_cap caps[EXO_MAX_CAPS]); /* count */

/* Disks. */
int exo_format(struct exo *x, const char *path, uint64_t user_quota, struct exo_why *why);
int exo_attach(struct exo *x, const char *path, uint32_t flags, uint32_t *disk, struct exo_why *why);
int exo_detach(struct exo *x, uint32_t disk, uint32_t flags, struct exo_why *why);
int exo_disk_info(struct exo *x, uint32_t disk, struct exo_disk_info *info, struct exo_why *why);
int exo_disk_find(struct exo *x, const char *path_or_number, uint32_t *disk); /* attached disk by device path or number */
/* Free map, mapped on first use; NULL with errno set on failure. Valid until exo_close. */
const struct exo_freemap_head *exo_freemap(struct exo *x, uint32_t disk);
static inline bool exo_block_free(const struct exo_freemap_head *m, uint64_t block)
{
	const uint64_t *bits = (const uint64_t *)((const char *)m + m->bits_off);

	return block < m->blocks && (__atomic_load_n(&bits[block / 64], __ATOMIC_RELAXED) >> (block % 64) & 1);
}
/* First run of up to `want` free blocks at or after `near`, wrapping around; length found (0: none), at least 1. */
uint64_t exo_free_run(const struct exo_freemap_head *m, uint64_t near, uint64_t want, uint64_t *start);
/* First run of exactly `want` adjacent free blocks at or after near, wrapping; false: none. */
bool exo_free_exact(const struct exo_freemap_head *m, uint64_t near, uint64_t want, uint64_t *start);

/* Frames of one's own. */
int exo_frame_alloc(struct exo *x, uint32_t count, uint32_t *frames, uint32_t flags, struct exo_why *why);
int exo_frame_free(struct exo *x, uint32_t count, const uint32_t *frames, struct exo_why *why);

/* UDFs and templates. An exo_udf_code is straight code, ready for TEMPLATE_ADD. */
struct exo_udf_code {
	uint64_t *insns;	/* malloc'ed */
	uint32_t ninsns;
	uint32_t partition;	/* bytes, from the object's EXO_UDF() line; 0 if it has none */
	char name[EXO_NAME_MAX];
	uint64_t *acl;		/* malloc'ed; NULL: the object has no EXO_ACL() */
	uint32_t nacl;		/* instructions of it */
};
/* Read an eBPF object made with exo_udf.h. exo_udf_free frees the members. */
int exo_udf_read(const char *path, struct exo_udf_code *code, struct exo_why *why);
int exo_udf_parse(const void *elf, size_t bytes, struct exo_udf_code *code, struct exo_why *why);
void exo_udf_free(struct exo_udf_code *code);
int exo_template_add(struct exo *x, uint32_t disk, uint32_t cap, const struct exo_udf_code *code, uint32_t nrefs,
		     const uint32_t *refs, uint32_t *id, char *log, size_t log_size, struct exo_why *why);
int exo_template_get(struct exo *x, struct exo_template_get *t, struct exo_why *why);
int exo_template_del(struct exo *x, uint32_t disk, uint32_t cap, uint32_t id, struct exo_why *why);

/* Roots. For exo_root_add fill in the struct but for head. */
int exo_root_add(struct exo *x, struct exo_root_add *r, struct exo_why *why);
int exo_root_del(struct exo *x, uint32_t disk, uint32_t cap, uint32_t root, struct exo_why *why);
int exo_root_get(struct exo *x, uint32_t disk, uint32_t root, struct exo_root_get *r, struct exo_why *why);
int exo_root_find(struct exo *x, uint32_t disk, const char *name, struct exo_root_get *r, struct exo_why *why);

/* Metadata, data, order. Fill in the struct but for head; why->range gets the ranges. */
int exo_txn(struct exo *x, struct exo_txn *t, struct exo_why *why);
/* Many of them in one call, each by itself; each txns[i].head has its own out_reason and out_detail. How many were committed. */
int exo_txns(struct exo *x, uint32_t count, struct exo_txn *txns, uint32_t flags, struct exo_why *why);
int exo_bind(struct exo *x, struct exo_bind *b, uint32_t flags, struct exo_why *why);
int exo_unbind(struct exo *x, uint32_t count, const uint32_t *frames, struct exo_why *why);
int exo_read(struct exo *x, uint32_t disk, uint32_t nruns, const struct exo_run *runs, struct exo_why *why); /* blocks read */
int exo_write(struct exo *x, uint32_t disk, uint32_t nruns, const struct exo_run *runs, struct exo_why *why); /* blocks written */
int exo_flush(struct exo *x, uint32_t disk, struct exo_why *why);
int exo_sync(struct exo *x, uint32_t disk, uint32_t root, struct exo_why *why); /* blocks written */
/* Only these runs and what that takes; for data, name the metadata that claims it, too. Blocks written. */
int exo_sync_runs(struct exo *x, uint32_t disk, uint32_t nruns, const struct exo_run *runs, struct exo_why *why);
/* In which order would SYNC write these runs, or with nruns 0 the root? Each range's kind is its round. How many ranges there are. */
int exo_sync_plan(struct exo *x, uint32_t disk, uint32_t root, uint32_t nruns, const struct exo_run *runs,
		  struct exo_range *ranges, uint32_t room, struct exo_why *why);
int exo_io(struct exo *x, struct exo_io *io, uint32_t flags, struct exo_why *why);
/* A claim for I/O, checked once: fill in all but head; out_binding is the number. exo_io with EXO_IO_BOUND and EXO_CMD_IO take it. */
int exo_io_bind(struct exo *x, struct exo_io_bind *bind, struct exo_why *why);
int exo_io_unbind(struct exo *x, uint32_t binding, struct exo_why *why);
int exo_contested(struct exo *x, uint32_t disk, struct exo_range *ranges, uint32_t room); /* how many there are */

/* Anything else, or for tests: the raw call. */
int exo_call_raw(struct exo *x, uint32_t nr, void *arg);

/* Words for a reason, also without a failed call at hand. Never NULL. */
const char *exo_reason_name(uint32_t code);	/* "NOT_FREE" */
void exo_why_fill(struct exo_why *why, uint32_t call, int err, uint32_t code, uint64_t detail);

/* ---- without a system call --------------------------------------------- */

/* Where the registry and pool are mapped. Members are set at open and never change. */
struct exo_view {
	const struct exo_reg_head *reg;
	const uint32_t *hash;
	const struct exo_buf *bufs;
	char *pool;		/* frame f is at pool + f * 4096; touch only what is bound or private */
	uint32_t mask;		/* buckets - 1 */
};
const struct exo_view *exo_view(const struct exo *x);

static inline void *exo_frame_ptr(const struct exo_view *v, uint32_t frame)
{
	return v->pool + (size_t)frame * EXO_BLOCK_SIZE;
}

/* Version for a later exo_unchanged(); spins while a change is under way. Load acquire. */
static inline uint64_t exo_version(const struct exo_view *v, uint32_t frame)
{
	uint64_t n;

	do {
		n = __atomic_load_n(&v->bufs[frame].version, __ATOMIC_ACQUIRE);
	} while (n & 1);
	return n;
}

static inline bool exo_unchanged(const struct exo_view *v, uint32_t frame, uint64_t version)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return __atomic_load_n(&v->bufs[frame].version, __ATOMIC_RELAXED) == version;
}

/* Frame that holds a block (state VALID), or EXO_NOFRAME. *version, if wanted, is its version then. */
static inline uint32_t exo_lookup(const struct exo_view *v, uint32_t disk, uint64_t block, uint64_t *version)
{
	uint32_t left, at;

again:
	left = v->reg->frames;
	at = __atomic_load_n(&v->hash[exo_hash(disk, block) & v->mask], __ATOMIC_ACQUIRE);
	while (at) {
		const struct exo_buf *b = &v->bufs[at - 1];
		uint64_t n = exo_version(v, at - 1);
		bool mine = b->block == block && b->disk == disk && b->state == EXO_BUF_VALID;
		uint32_t next = __atomic_load_n(&b->next, __ATOMIC_RELAXED);

		if (!exo_unchanged(v, at - 1, n) || !left--)
			goto again;
		if (mine) {
			if (version)
				*version = n;
			return at - 1;
		}
		at = next;
	}
	return EXO_NOFRAME;
}

#ifdef __cplusplus
}
#endif
#endif
