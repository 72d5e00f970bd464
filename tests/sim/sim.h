/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * sim.h: kmod/core in an ordinary process. What a test needs beside core.h: the pool, environments with a protected
 * view of it, simulated disks with crash states, and faults to inject. One simulation a process, as one module a
 * kernel.
 *
 *	sim_start(1024, seed);			the pool of frames; the seed feeds exo_plat_random
 *	d = sim_disk_new("/dev/a", 8192, 0);
 *	exo_core_new(1024, &core);
 *	sim_env_open(core, &cred, &env);	an env, its pool at sim_pool(env)
 *	exo_call(sim_env(env), EXO_NR_..., (u64)&args);
 *	sim_env_close(env); exo_core_free(core); sim_disk_free(d); sim_stop();
 *
 * A breach of plat.h by core (a hook called with the lock held, a lock freed while held) ends the process with a
 * sentence: it is a bug, never an outcome.
 */
#ifndef EXO_TESTS_SIM_H
#define EXO_TESTS_SIM_H

#include "../../kmod/core/core.h"
#include "interp.h"

/* ---- the process-wide simulation ---- */

int sim_start(u32 frames, u64 seed); /* 0 or -errno */
void sim_stop(void);		     /* no env open any more */
void sim_reset(u64 seed);	     /* time, exo_plat_random, workers and faults are again as sim_start left them */
u64 sim_random(u64 *state);	     /* next number of a caller's own stream; any seed is good */
void sim_time_advance(u64 ns);	     /* time also moves by 1000 ns at each reading */
/* With SIM_STEADY: the number that this process has for its libraries is one that no process has. */
void sim_pid_gone(bool is);

/*
 * Runs fn(ctx, 0) .. fn(ctx, n - 1) in n threads (at most 16) that take turns: one runs at a time, and who goes on at
 * each lock, wait, copy and I/O is drawn from the seed, so the same seed gives the same history. Ends the process
 * when nobody can go on. Returns the number of turns.
 */
u64 sim_threads(u64 seed, unsigned int n, void (*fn)(void *ctx, unsigned int i), void *ctx);

/*
 * The threads of a long job (exo_plat_workers, exo_plat_parallel). sim_start gives 1. With a seed the threads take turns as in
 * sim_threads, and the order follows from it; with seed 0 they run free, for a race detector to look at. `late`: of them, the
 * last ones that never get a thread. A job inside sim_threads has the thread that it began in.
 */
void sim_workers(u32 n, u64 seed, u32 late);
/* The n-th question of core whether its caller is being killed (1: the next), and all after it, are answered yes; 0: no. */
void sim_kill(u64 n);
u64 sim_kill_asked(void); /* questions since sim_start */

u32 sim_most_loads(void); /* most programs that were being loaded at one moment, since this was last asked */

/* ---- faults to inject ---- */

/* The n-th exo_plat_alloc or _alloc_shared from now (1: the next) fails, once; 0: none. */
void sim_alloc_fail(u64 n);
u64 sim_alloc_count(void); /* allocations asked for since sim_start: what a sweep runs up to */
s64 sim_alloc_live(void);  /* allocations not freed */
/* User memory [start, start + bytes) gives -EFAULT; at most 16 ranges. clear: all are good again. */
void sim_user_bad(const void *start, size_t bytes);
void sim_user_clear(void);

/* ---- environments and the pool ---- */

struct sim_env;
int sim_env_open(struct exo_core *c, const struct exo_cred *cred, struct sim_env **out);
void sim_env_close(struct sim_env *e);
struct exo_env *sim_env(struct sim_env *e);
/*
 * The env's view of the pool: frame f at + f * 4096. Pages are absent until touched; a touch asks exo_fault_begin as
 * the module's page fault does, and a refused one is SIGBUS for the thread, or false from the two functions below.
 */
u8 *sim_pool(struct sim_env *e);
/* Copies from or to any address of the process, false when it is not accessible (also by a refused pool fault). */
bool sim_peek(const void *from, void *to, size_t bytes);
bool sim_poke(void *to, const void *from, size_t bytes);
u64 sim_zaps(void);	    /* exo_plat_zap calls since sim_start */
u64 sim_renewals(void);	    /* exo_plat_frame_renew calls since sim_start */
void sim_memory_short(bool is); /* no memory for frames whose memory core gave back */
void sim_renew_fail(u64 n); /* the n-th renewal from now fails with -ENOMEM; 0: none */

/*
 * Maps an area named by an EXO_MAP_* offset as the module's mmap would: the pool lies in the env's view; the other
 * areas are fresh read-only mappings, given back when the env closes. NULL with errno set.
 */
void *sim_map(struct sim_env *e, u64 offset, size_t bytes, int prot);
void sim_unmap(struct sim_env *e, void *addr); /* a mapping of sim_map; the pool's view stays until close */

/* A libexo handle on an env of its own; exo_close closes the env. *env, if wanted, is it. 0 or -errno. */
struct exo;
int sim_open(struct exo_core *c, const struct exo_cred *cred, struct exo **out, struct sim_env **env);

/* ---- disks ---- */

#define SIM_VOLATILE 1u /* has a volatile write cache */
#define SIM_READONLY 2u
#define SIM_SECTOR_4K 4u  /* logical block 4096 bytes: nothing smaller can be written or torn */
#define SIM_MOUNTED 8u	  /* somebody else holds it */
#define SIM_NOT_BLOCK 16u /* a file, not a block device */

/* How often core called a trace hook, since the process began. */
enum sim_said { SIM_SAID_CALL, SIM_SAID_TXN, SIM_SAID_REFUSED, SIM_SAID_RECLAIM, SIM_SAID_WRITEBACK, SIM_SAID_QUARANTINE, SIM_SAID_PROGRESS, SIM_SAID_WALK, SIM_SAID };
u64 sim_said(enum sim_said what);

struct sim_disk;
struct sim_image; /* content of a disk at one moment; sparse */

/* A device under a path; its content is zeroes. NULL without memory or when the path is taken. */
struct sim_disk *sim_disk_new(const char *path, u64 blocks, u32 flags);
/* The same with an image's content (copied). */
struct sim_disk *sim_disk_from(const char *path, const struct sim_image *img, u32 flags);
void sim_disk_free(struct sim_disk *d); /* not open any more */
/* Another path of the same device; one at most. */
int sim_disk_alias(struct sim_disk *d, const char *path);
bool sim_disk_opened(const struct sim_disk *d);

/* Behind the device's back: content as reads see it. Not logged. */
void sim_disk_peek(struct sim_disk *d, u64 block, u32 offset, void *to, u32 bytes);
void sim_disk_poke(struct sim_disk *d, u64 block, u32 offset, const void *from, u32 bytes);

/*
 * I/O errors. Operations (1 << EXO_OP_READ | ... | SIM_FAIL_FLUSH) that touch a block of [first, first + count) fail
 * with -EIO, after `skip` of them passed, `times` times (0: for ever). One rule a disk; count 0 removes it. Segments
 * of a request before the failing one are carried out, later ones are not. With SIM_FAIL_DONE in `ops` a write is carried out, and fails
 * all the same.
 */
#define SIM_FAIL_READ (1u << EXO_OP_READ)
#define SIM_FAIL_WRITE (1u << EXO_OP_WRITE | 1u << EXO_OP_WRITE_FUA)
#define SIM_FAIL_FLUSH 8u
#define SIM_FAIL_DONE 16u
void sim_disk_fail(struct sim_disk *d, u32 ops, u64 first, u64 count, u64 skip, u64 times);
/* Called at the start of each request and flush, without locks: to count, or to run something in between. */
void sim_disk_hook(struct sim_disk *d, void (*fn)(void *ctx, struct sim_disk *d, int op), void *ctx);

/* ---- crash states ---- */

/*
 * The log: one entry a write of at most one block, and one a flush. `request` is equal for the segments of one
 * exo_plat_io, which the device may carry out in any order. Recording starts, from the content at that moment, with
 * sim_log_start.
 */
#define SIM_LOG_FLUSH 3
struct sim_log {
	int op;		    /* EXO_OP_WRITE, EXO_OP_WRITE_FUA or SIM_LOG_FLUSH */
	u16 first, sectors; /* 512-byte sectors of the block */
	u64 request;
	u64 block;
	u8 *data; /* sectors * 512 bytes */
};
int sim_log_start(struct sim_disk *d); /* 0 or -ENOMEM; forgets an older log */
size_t sim_log_len(struct sim_disk *d);
const struct sim_log *sim_log_at(struct sim_disk *d, size_t i);

/*
 * Power goes when the first `cut` entries were issued (0..len). Pending writes are those that may or may not be on
 * the medium then: with a volatile cache all that no later flush covers and that are not FUA; and in any case those
 * of a request that the cut splits (also its entries behind the cut). Returns how many; fills up to `room` log
 * indices in order.
 */
size_t sim_crash_pending(struct sim_disk *d, size_t cut, size_t *index, size_t room);
/*
 * The medium's content after that cut. land[i] has a bit for each 512-byte sector (bit 0: first sector of the block)
 * of the i-th pending write that landed: 0 lost, 0xff whole, else torn. NULL: all whole. NULL without memory.
 */
struct sim_image *sim_crash_image(struct sim_disk *d, size_t cut, const u8 *land, size_t nland);
/* A choice of `land` drawn from a seed: each write is lost, whole or (one in four, if the sector allows) torn. */
void sim_crash_draw(struct sim_disk *d, size_t cut, u64 seed, u8 *land, size_t nland);

struct sim_image *sim_disk_image(struct sim_disk *d); /* copy of the content that reads see */
void sim_image_free(struct sim_image *img);
u64 sim_image_blocks(const struct sim_image *img);
/* A number that equal images have in common, and others (but for one in 2^64) have not. Cheap for a crash state. */
u64 sim_image_print(struct sim_image *img);
const u8 *sim_image_block(const struct sim_image *img, u64 block); /* 4096 bytes */

#endif
