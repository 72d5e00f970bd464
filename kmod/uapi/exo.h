/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note OR MIT */
/*
 * exo.h: the contract between exo.ko, libexo, tests and the fio engine.
 *
 * This header is the manual of /dev/exo. One open file is one environment
 * ("env"). Every call is an ioctl whose number is _IO('x', EXO_NR_*) and whose
 * argument points at the struct of the same name.
 *
 * Conventions, valid for every call:
 *  - Block means 4096 bytes, named by its number on the disk. Frame means one
 *    page of the pool, named by its number. `first`/`start` + `count` name
 *    half-open runs.
 *  - Every struct starts with struct exo_head. `size` is the caller's sizeof;
 *    a struct only ever grows at its tail, a shorter one is read as if the
 *    missing tail were zero (down to the size of the first released version).
 *  - Members named `pad*` or `reserved*` must be zero going in and come back zero.
 *  - Members named `out_*` are ignored going in and written coming back.
 *  - A user pointer is a __u64 holding the address.
 *  - On failure nothing has changed. `out_reason` says the cause (EXO_R_*),
 *    `out_detail` the number that the cause needs (documented at the cause).
 *
 * errno ladder, the same everywhere:
 *  ENOTTY      unknown call                 E2BIG   newer struct, non-zero tail
 *  EOPNOTSUPP  unknown flag, reserved != 0  EINVAL  understood, and wrong
 *  EFAULT      a pointer is not readable or writable
 *  EACCES      the capability lacks         EPERM   a UDF or conservation refuses
 *  EBUSY       taken or changing            ESTALE  an expected version is old
 *  EDQUOT      quota or limit               ENOMEM  pool or kernel memory
 *  ENOSPC      catalogue full               EIO     device failed
 *  ENOENT      no such disk, root, template EEXIST  name taken
 *  EINTR       the caller is being killed
 *  EUCLEAN     damaged or foreign disk content
 *  EROFS       disk attached read-only
 */
#ifndef _UAPI_EXO_H
#define _UAPI_EXO_H

#include <linux/types.h>
#ifdef __KERNEL__
#include <linux/ioctl.h>
#else
#include <sys/ioctl.h>
#endif

#define EXO_ABI_VERSION 1
#define EXO_DEVICE "/dev/exo"

#define EXO_BLOCK_SIZE 4096u
#define EXO_SECTOR_SIZE 512u
#define EXO_NOBLOCK (~0ull)	/* "no block": parent is the root entry */
#define EXO_NOFRAME (~0u)
#define EXO_NOROOT (~0u)

/* Limits of this version; QUERY returns those that a later one may raise. */
#define EXO_MAX_DISKS 16u
#define EXO_MAX_ROOTS 128u	/* per disk */
#define EXO_MAX_TEMPLATES 64u	/* per disk, ids 1..63; 0 is plain data */
#define EXO_MAX_REFS 6u		/* templates that a template may name */
#define EXO_MAX_INSNS 3072u	/* instructions of one UDF */
#define EXO_MAX_SLOTS 64u	/* claims of one partition */
#define EXO_MAX_EDITS 256u	/* per transaction */
#define EXO_MAX_DECLS 1024u	/* per transaction */
#define EXO_MAX_TXNS 64u	/* per TXNS */
#define EXO_MAX_RUNS 1024u	/* per READ or WRITE */
#define EXO_MAX_BIND 1024u	/* blocks per BIND, frames per call, blocks per IO */
#define EXO_MAX_ENVS 256u	/* open at a time by one uid without CAP_SYS_ADMIN; open fails with EMFILE */
#define EXO_MAX_MAPS 512u	/* mappings of the pool by one env; mmap fails with EMFILE */
#define EXO_MAX_USER_MAPS 8192u /* of all envs that one uid opened without CAP_SYS_ADMIN together; mmap fails with EMFILE */
#define EXO_MAX_IO_BINDS 64u /* of an env at a time */
#define EXO_MAX_CAPS 64u	/* slots of an env */
#define EXO_CAP_DEPTH 8u	/* numbers in a capability's name */
#define EXO_NAME_MAX 48u	/* root and template names, with the final NUL */
#define EXO_MIN_DISK_BLOCKS 4096u /* 16 MiB */

struct exo_head {
	__u32 size;	/* sizeof of the caller's struct */
	__u32 flags;	/* the call's own flags; unknown bits are refused */
	__u32 out_reason; /* EXO_R_* */
	__u32 pad;
	__aligned_u64 out_detail;
};

/* ---- why a call was refused ------------------------------------------- */

#define EXO_R_NONE 0
/* argument form */
#define EXO_R_SIZE 1		/* size below the minimum; detail: minimum */
#define EXO_R_FLAGS 2		/* unknown flag; detail: the unknown bits */
#define EXO_R_RESERVED 3	/* pad or reserved member not zero */
#define EXO_R_POINTER 4		/* user memory not accessible; detail: address */
#define EXO_R_RANGE 5		/* a count, offset or range out of bounds; detail: it */
#define EXO_R_NAME 6		/* name empty, too long, or not printable */
/* capabilities */
#define EXO_R_SLOT 10		/* no capability in that slot; detail: slot */
#define EXO_R_CAP 11		/* capability does not dominate; detail: root or 0 */
#define EXO_R_ADMIN 12		/* needs the root of the name space */
/* disks */
#define EXO_R_NO_DISK 20	/* detail: disk */
#define EXO_R_NOT_BLOCKDEV 21	/* path is not a block device, or cannot be opened; detail: errno */
#define EXO_R_DISK_TAKEN 22	/* mounted, or held by somebody else */
#define EXO_R_TOO_SMALL 23	/* detail: blocks it has */
#define EXO_R_NOT_EXO 24	/* no exo superblock */
#define EXO_R_VERSION_DISK 25	/* format version not supported; detail: version */
#define EXO_R_SUPER 26		/* superblock damaged */
#define EXO_R_TRUNCATED 27	/* device is shorter than the superblock says; detail: blocks missing */
#define EXO_R_ATTACHED 28	/* already attached; detail: disk */
#define EXO_R_IN_USE 29		/* buffers are bound or I/O runs; detail: how many */
#define EXO_R_READONLY 30	/* disk attached read-only */
#define EXO_R_IO 31		/* device error; detail: block */
#define EXO_R_SECTOR 32		/* device's logical block is over 4096 or odd; detail: it */
#define EXO_R_DISKS_FULL 33	/* all disk numbers are taken */
#define EXO_R_DIRTY 34		/* dirty buffers cannot be written; detail: how many */
/* templates and UDFs */
#define EXO_R_UDF_SCAN 40	/* instruction not allowed; detail: index<<32 | EXO_SCAN_*; an acl's index counts on behind owns */
#define EXO_R_UDF_VERIFY 41	/* kernel verifier refused; its words are in the log; detail: errno, plus EXO_UDF_ACL of an acl-UDF */
#define EXO_R_UDF_ZERO 42	/* owns(all zeroes) is not empty */
#define EXO_R_UDF_REJECT 43	/* UDF calls the partition malformed; detail: block<<3 | partition index */
#define EXO_R_UDF_CLAIM 44	/* a claim overflows, leaves the disk, or names no template; detail: as above */
#define EXO_R_UDF_CTX 45	/* reads outside struct exo_udf_ctx; detail: 0, or EXO_UDF_ACL of an acl-UDF */
#define EXO_R_TEMPLATES_FULL 46
#define EXO_R_NO_TEMPLATE 47	/* detail: template */
#define EXO_R_PARTITION 48	/* partition size not 512, 1024, 2048 or 4096, or over the device's logical block; detail: it */
#define EXO_R_UDF_LENGTH 49	/* 0 or more than EXO_MAX_INSNS; detail: it */
#define EXO_R_ACL 50		/* acl-UDF says no; detail: EXO_ACL_CODE, _BLOCK and _INDEX take it apart */
#define EXO_R_TEMPLATE_USED 51	/* detail: EXO_USED_KIND and _NUMBER take it apart */
/* roots */
#define EXO_R_ROOT_EXISTS 60	/* detail: root */
#define EXO_R_NO_ROOT 61	/* detail: root */
#define EXO_R_ROOTS_FULL 62	/* catalogue, or this owner's share of it, is full; detail: limit */
#define EXO_R_QUARANTINED 63	/* root is quarantined; detail: root */
#define EXO_R_CONTESTED 64	/* block has two owners after a crash; detail: block */
#define EXO_R_QUOTA 65		/* root's quota; detail: blocks left */
#define EXO_R_HELD 66		/* block is held back while a root is quarantined; detail: block */
/* transactions and binding */
#define EXO_R_NOT_FREE 80	/* ALLOC of a block that is not free; ranges; detail: block */
#define EXO_R_NOT_CONSERVED 81	/* owns(after) != owns(before) + ALLOC - FREE; ranges */
#define EXO_R_OVERLAP 82	/* one block claimed twice; ranges; detail: block */
#define EXO_R_VERSION 83	/* detail: block whose version moved */
#define EXO_R_NOT_IN_CORE 84	/* detail: block to read first */
#define EXO_R_NOT_META 85	/* edit of a block that is not bound metadata; detail: block */
#define EXO_R_STILL_OWNS 86	/* FREE of metadata that owns blocks; detail: block */
#define EXO_R_DECL 87		/* declaration empty, overlapping, unknown op; detail: index */
#define EXO_R_CYCLE 88		/* write order would be circular; sync, then retry; detail: block */
#define EXO_R_TAINTED 89	/* block points at uninitialised blocks; ranges say what goes first */
#define EXO_R_NOT_CLAIMED 90	/* parent does not claim it; detail: block */
#define EXO_R_META_WRITE 91	/* metadata is never writable in place; use EXO_TXN */
#define EXO_R_NEEDS_FREE 92	/* block waits for its old parent's write; sync, then retry; detail: block */
#define EXO_R_LEAVES 93		/* MOVE that does not leave one partition and enter another */
/* frames */
#define EXO_R_FRAME_LIMIT 100	/* of the env, or of its user's envs together; detail: limit<<32 | used */
#define EXO_R_NO_FRAMES 101	/* pool exhausted; detail: frames wanted */
#define EXO_R_FRAME 102		/* no such frame, or not this env's; detail: frame */
#define EXO_R_CACHED 103	/* direct I/O on a block that an env has bound; detail: block */
#define EXO_R_NOMEM 104		/* kernel memory */
#define EXO_R_BUSY 105		/* another operation is changing it; retry; detail: block */
#define EXO_R_KILLED 106	/* ATTACH, ROOT_DEL, TEMPLATE_ADD: the caller is being killed; nothing was done */
#define EXO_R_IO_BINDING 107	/* no such binding of IO_BIND, or its disk was detached; detail: its number */

#define EXO_UDF_ACL (1ull << 32) /* in a detail: it is about the acl-UDF */

/* Detail of EXO_R_TEMPLATE_USED: what uses it, or may: its number is not known because a catalogue entry is damaged. */
#define EXO_USED_ROOT 1u	/* number: the root; one that is deleted counts until that is durable */
#define EXO_USED_TEMPLATE 2u	/* number: the template that names it */
#define EXO_USED_BUFFER 3u	/* number: the block */
#define EXO_USED_KIND(detail) ((__u32)((detail) >> 60))
#define EXO_USED_NUMBER(detail) ((detail) & ((1ull << 60) - 1))

/* Sub-codes of EXO_R_UDF_SCAN. */
#define EXO_SCAN_HELPER 1	/* call of a helper */
#define EXO_SCAN_KFUNC 2	/* call of a kernel function */
#define EXO_SCAN_SUBPROG 3	/* call of a subprogram, or address of one */
#define EXO_SCAN_MAP 4		/* map reference other than index 0 or (owns only) 1 by value */
#define EXO_SCAN_LEGACY 5	/* LD_ABS or LD_IND */
#define EXO_SCAN_ATOMIC 6	/* atomic operation */
#define EXO_SCAN_OPCODE 7	/* opcode that exo does not know */
#define EXO_SCAN_BACKEDGE 8	/* jump backwards: unroll the loop */
#define EXO_SCAN_TRUNCATED 9	/* second half of a 16-byte load is missing */
#define EXO_SCAN_RESERVED 10	/* reserved instruction field not zero */

/* ---- capabilities ------------------------------------------------------ */

#define EXO_RIGHT_READ 1u
#define EXO_RIGHT_WRITE 2u
#define EXO_RIGHT_ALL 3u

/* Name spaces: {} is the root (CAP_SYS_ADMIN), {1, uid} a user, {2, gid} a group. */
#define EXO_CAP_NS_UID 1u
#define EXO_CAP_NS_GID 2u

struct exo_cap {
	__u32 name[EXO_CAP_DEPTH]; /* numbers behind `depth` are zero */
	__u32 depth;		/* 0..EXO_CAP_DEPTH */
	__u32 rights;		/* EXO_RIGHT_* */
};

/* ---- structures mapped read-only --------------------------------------- */

/*
 * mmap offsets on /dev/exo; all need MAP_SHARED, and all but EXO_MAP_POOL PROT_READ alone.
 * A mapping starts exactly at its constant and is at most as long as its head says.
 */
#define EXO_MAP_REGISTRY 0x0100000000ull /* struct exo_reg_head, then hash, then buffers */
#define EXO_MAP_STATS 0x0200000000ull	 /* struct exo_stats, one page */
#define EXO_MAP_FREEMAP(disk) (0x0300000000ull + ((unsigned long long)(disk) << 34))
#define EXO_MAP_POOL 0x1000000000000ull	 /* + frame * 4096 */

/* First member of every mapped area. */
struct exo_map_head {
	__aligned_u64 magic;	/* EXO_MAGIC_* */
	__u32 version;		/* layout version, 1 */
	__u32 features;		/* bits, none defined yet */
	__aligned_u64 bytes;	/* length of the whole area */
};

#define EXO_MAGIC_REGISTRY 0x3147455258450001ull
#define EXO_MAGIC_STATS 0x5441545358450001ull
#define EXO_MAGIC_FREEMAP 0x4545524658450001ull

struct exo_reg_head {
	struct exo_map_head head;
	__u32 frames;		/* entries of the buffer table = frames of the pool */
	__u32 buckets;		/* hash buckets, a power of two */
	__aligned_u64 hash_off;	/* from the area's start: __u32 [buckets], frame + 1 or 0 */
	__aligned_u64 bufs_off;	/* from the area's start: struct exo_buf [frames] */
	__u32 lru_first;	/* least recently used clean unreferenced buffer: frame + 1 or 0 */
	__u32 lru_last;
};

/* States of a frame. */
#define EXO_BUF_FREE 0		/* nobody's */
#define EXO_BUF_PRIVATE 1	/* an env's own memory; owner = env id */
#define EXO_BUF_READING 2	/* bound to a block, content on its way */
#define EXO_BUF_VALID 3		/* bound to a block, content good */
#define EXO_BUF_GONE 4		/* its block was freed; memory of those who have it bound, until they unbind */

/* Flags of a buffer. */
#define EXO_BUF_DIRTY 0x01u	/* newer than the disk */
#define EXO_BUF_WRITING 0x02u	/* a write of it runs */
#define EXO_BUF_META 0x04u	/* metadata: never writable in place */
#define EXO_BUF_UNKNOWN 0x08u	/* read ahead of time; owner not known yet; nobody can see it */
#define EXO_BUF_ERROR 0x10u	/* last write failed; still dirty */

/*
 * One per frame; entry number = frame number. Written by the module only.
 *
 * Reading without a lock (barrier pairs):
 *   look up:  walk hash[exo_hash(disk, block) & (buckets - 1)] over `next`; for a candidate load `version`
 *             (acquire), refuse odd, compare disk, block and state, then load `version` again behind a
 *             load fence; equal means that the fields belong together.
 *   content:  load version (acquire), read the frame, load fence, load version: equal means unchanged.
 *   module:   makes version odd, store fence, changes, store fence, makes it even: a number that no buffer had before.
 * A chain may be followed into a reused entry; bound the walk by `frames` steps and start again.
 */
struct exo_buf {
	__aligned_u64 version;	/* odd while changing; moves when the identity, or metadata content, changes */
	__aligned_u64 block;
	__u16 disk;
	__u8 state;		/* EXO_BUF_FREE.. */
	__u8 flags;		/* EXO_BUF_DIRTY.. */
	__u32 template_id;	/* 0 for plain data */
	__u32 root;		/* root that owns it; EXO_NOROOT while unknown */
	__u32 refs;		/* envs that have it bound */
	__u32 next;		/* hash chain: frame + 1 or 0 */
	__u32 taint;		/* uninitialised blocks that it points at and that must be durable first */
	__u32 lru_prev;		/* frame + 1 or 0 */
	__u32 lru_next;
	__u32 owner;		/* env id of a private frame, else 0 */
	__u32 pad;
	__u32 user[2];		/* EXO_USER_WORDS: hints that its users set; the module never reads them */
};

static inline __u32 exo_hash(__u32 disk, __u64 block)
{
	return (__u32)(((block ^ ((__u64)disk << 56)) * 0x9E3779B97F4A7C15ull) >> 32);
}

/*
 * Free map of a disk: bit b of word b / 64 is 1 when block b is free. Bits change one at a time, without order.
 * DETACH sets head.magic to 0 (store release): a mapping stays readable then, and tells that the disk number may be another's.
 */
struct exo_freemap_head {
	struct exo_map_head head;
	__aligned_u64 blocks;	/* of the disk */
	__aligned_u64 free;	/* ones in the map */
	__aligned_u64 bits_off;	/* from the area's start: __u64 [(blocks + 63) / 64] */
	__aligned_u64 first;	/* first block that can ever be free (behind the module's own) */
};

/* Counters since the module was loaded; each only grows unless it says "now". */
struct exo_stats {
	struct exo_map_head head;
	__aligned_u64 calls;		/* system calls answered */
	__aligned_u64 refusals;		/* of them, refused */
	__aligned_u64 txns;		/* transactions committed */
	__aligned_u64 edits;		/* edits in them */
	__aligned_u64 udf_runs;		/* owns-UDF invocations */
	__aligned_u64 binds;		/* blocks bound */
	__aligned_u64 faults;		/* pool page faults answered */
	__aligned_u64 blocks_read;	/* from devices */
	__aligned_u64 blocks_written;
	__aligned_u64 flushes;
	__aligned_u64 reads;		/* requests given to devices */
	__aligned_u64 writes;
	__aligned_u64 reclaims;		/* clean buffers reused */
	__aligned_u64 envs;		/* now: open environments */
	__aligned_u64 frames_free;	/* now */
	__aligned_u64 frames_private;	/* now */
	__aligned_u64 frames_cached;	/* now: bound to blocks */
	__aligned_u64 frames_dirty;	/* now */
	__aligned_u64 disks;		/* now: attached */
	__aligned_u64 udfs;		/* now: loaded programs */
	__aligned_u64 udf_cached;	/* owns-UDF invocations saved, because the bytes were seen before */
	__aligned_u64 acl_runs;		/* acl-UDF invocations */
	__aligned_u64 writebacks;	/* blocks written because a call needed frames; also counted as written */
	__aligned_u64 returns;		/* frames whose memory was given back to the kernel */
	__aligned_u64 frames_returned;	/* now: of the free frames, those whose memory is with the kernel */
};

/* ---- what a UDF sees --------------------------------------------------- */

/*
 * owns-UDF: eBPF, program type SYSCALL. It reads the partition through map index 0 (value of
 * `partition` bytes, read-only) and writes claims through map index 1 (struct exo_udf_claim
 * [EXO_MAX_SLOTS], zeroed before each run, write-only). Returns 0, or any other number to call
 * the partition malformed. A slot with count 0 claims nothing.
 */
struct exo_udf_ctx {
	__u32 partition;	/* bytes */
	__u32 index;		/* of this partition in its block */
};

struct exo_udf_claim {
	__aligned_u64 start;
	__u32 count;
	__u32 ref;		/* 0 plain data, 1 the template itself, 2 + i its refs[i] */
};

/*
 * acl-UDF: eBPF as an owns-UDF, and as deterministic: it decides who may change a partition of its template, and who may bind or
 * transfer what a partition claims. Optional; without one the capability of the root decides alone, and with one it still decides
 * first, unless the root is EXO_ROOT_SHARED: an acl can only refuse more. Map index 0 is its input, read-only: the partition before, the partition after, and
 * struct exo_acl_in, one behind the other (EXO_ACL_BYTES). There is no map index 1. It gets struct exo_udf_ctx. Returns 0 to allow;
 * any other number refuses the whole call with EPERM, EXO_R_ACL.
 *
 *  EDIT        asked by TXN for each partition that an edit touches, with the bytes before and after all edits, even if equal. A
 *              block that the transaction allocates has zeroes before. ALLOC, FREE and MOVE are edits of the
 *              partitions that gain and lose; what is in a freed block is not asked.
 *  BIND_READ   asked by BIND and IO: before = the partition that makes the claim, after = zeroes, claim_slot = the slot
 *  BIND_WRITE  in which its owns-UDF reports the claim. WRITE is for `rights` with WRITE and for EXO_IO_WRITE.
 *
 * Not asked: for the extent of a root itself (parent EXO_NOBLOCK; of a SHARED root anybody may read it), for ROOT_DEL, and for READ, WRITE, FLUSH and SYNC, which show and change
 * nothing; there the capability decides alone, or nobody needs to. A grant is a secure binding: it stands until it
 * is given back or revoked, also when a later edit would make acl refuse it. Metadata is bound by the block, so who may
 * bind one sees all its partitions.
 *
 * Identity is that of the process that opened the env, as then; a passed descriptor passes it on. Nobody is exempt: who relies on the
 * root of the name space is asked about like everybody else, with `admin` 1, and the program decides what that means.
 */
#define EXO_ACL_EDIT 1u
#define EXO_ACL_BIND_READ 2u
#define EXO_ACL_BIND_WRITE 3u
#define EXO_ACL_GIDS 32u
#define EXO_ACL_NO_SLOT (~0u)
struct exo_acl_in {
	__u32 op;		/* EXO_ACL_EDIT.. */
	__u32 uid;		/* of who opened the env; as the initial user namespace counts */
	__u32 ngids;		/* entries of gids that are valid: the first EXO_ACL_GIDS of the process's, its own gid first */
	__u32 claim_slot;	/* 0..EXO_MAX_SLOTS - 1; EXO_ACL_NO_SLOT with EDIT */
	__aligned_u64 time;	/* nanoseconds since 1970, by the machine's clock: no better than its administrator */
	__u32 admin;		/* 1: the capability below is the root of the name space with both rights */
	__u32 pad;		/* 0 */
	struct exo_cap cap;	/* in the slot that the call names; rights 0: none there, and the root is public */
	__u32 gids[EXO_ACL_GIDS]; /* behind ngids: 0 */
};
#define EXO_ACL_BYTES(partition) (2 * (partition) + (__u32)sizeof(struct exo_acl_in))

/* Detail of EXO_R_ACL: what the program returned, at most 2^20 - 1, and the partition (BIND, IO: the parent's). */
#define EXO_ACL_CODE(detail) ((__u32)((detail) >> 44))
#define EXO_ACL_BLOCK(detail) ((detail) >> 3 & ((1ull << 41) - 1))
#define EXO_ACL_INDEX(detail) ((__u32)((detail)&7))

/* ---- calls ------------------------------------------------------------- */

#define EXO_NR_QUERY 1
#define EXO_NR_FORMAT 2
#define EXO_NR_ATTACH 3
#define EXO_NR_DETACH 4
#define EXO_NR_DISK_INFO 5
#define EXO_NR_CAP_LIST 6
#define EXO_NR_FRAME_ALLOC 7
#define EXO_NR_FRAME_FREE 8
#define EXO_NR_TEMPLATE_ADD 9
#define EXO_NR_TEMPLATE_GET 10
#define EXO_NR_ROOT_ADD 11
#define EXO_NR_ROOT_DEL 12
#define EXO_NR_ROOT_GET 13
#define EXO_NR_TXN 14
#define EXO_NR_BIND 15
#define EXO_NR_UNBIND 16
#define EXO_NR_READ 17
#define EXO_NR_WRITE 18
#define EXO_NR_FLUSH 19
#define EXO_NR_SYNC 20
#define EXO_NR_IO 21
#define EXO_NR_CONTESTED 22
#define EXO_NR_USER_WORDS 23
#define EXO_NR_TXNS 24
#define EXO_NR_IO_BIND 25
#define EXO_NR_IO_UNBIND 26
#define EXO_NR_TEMPLATE_DEL 27
#define EXO_NR_MAX 27

#define EXO_CALL(nr) _IO('x', nr)

/* QUERY: what this module supports. Needs nothing. Fails if: size, pointer. */
struct exo_query {
	struct exo_head head;
	__u32 out_abi;		/* EXO_ABI_VERSION */
	__u32 out_env;		/* this env's id, never 0 */
	__aligned_u64 out_calls; /* bit n: call number n is supported */
	__u32 out_frames;	/* frames of the pool */
	__u32 out_frame_limit;	/* private frames that one env may hold */
	__u32 out_bind_limit;	/* buffers that one env may have bound; its user's share may be less, see out_user_limit */
	__u32 out_max_bind;	/* EXO_MAX_BIND, and so on */
	__u32 out_max_edits;
	__u32 out_max_decls;
	__u32 out_max_insns;
	__u32 out_max_slots;
	__u32 out_caps;		/* capabilities that this env holds */
	__u32 pad;
	__aligned_u64 out_reg_bytes; /* length of the EXO_MAP_REGISTRY area */
	/* The first version ended here. */
	__u32 out_user_limit;	/* frames that all envs of this one's uid may hold together now; 0: no limit (CAP_SYS_ADMIN) */
	__u32 out_user_frames;	/* that they hold: bound or private, each frame counted once; 0 when there is no limit */
};

/*
 * FORMAT: write an empty exo disk. Slot `cap` must hold the root of the name space. Destroys what the device
 * holds; looking for a foreign signature first is the caller's business (exoctl does).
 * Fails if: not a block device; taken; under EXO_MIN_DISK_BLOCKS; attached; I/O error.
 */
struct exo_format {
	struct exo_head head;
	__u32 cap;
	__u32 path_len;		/* bytes, without NUL; 1..4095 */
	__aligned_u64 path;	/* of the block device, seen from the caller */
	__aligned_u64 user_quota; /* blocks that a root of a plain user may have at most; 0 no limit */
	__aligned_u64 out_blocks;
	__aligned_u64 out_free;
};

/*
 * ATTACH: claim a block device exclusively and learn who owns what. Slot `cap`: root of the name space.
 * Verifies every template again; walks from the roots unless the last detach was clean: EXO_WALK_* says when. A walk takes time
 * that grows with the metadata, reads each block of it once, and needs memory for it (kmod/doc/walk.md); DISK_INFO with
 * EXO_INFO_COMING says how far it is. Without a walk, the blocks read are the catalogues and the stored free map: one for each
 * 32768 blocks of the disk, whatever is on it.
 * Damage quarantines single roots and does not fail the call: see DISK_INFO.
 * Fails if: as FORMAT; not exo; unknown version; superblock damaged; device truncated; too little memory (NOMEM); more claims of blocks that
 * have an owner than the disk has blocks, twice (EUCLEAN, EXO_R_CONTESTED); the caller is killed (EINTR, EXO_R_KILLED). Then the device is
 * as it was.
 */
#define EXO_ATTACH_WALK 1u	/* walk even after a clean detach: for a disk that somebody else could write */
#define EXO_ATTACH_READONLY 2u
struct exo_attach {
	struct exo_head head;
	__u32 cap;
	__u32 path_len;
	__aligned_u64 path;
	__u32 out_disk;		/* disk number, 0..EXO_MAX_DISKS - 1 */
	__u32 pad;
};

/*
 * DETACH: write what is dirty, store the free map, let the device go. Slot `cap`: root of the name space.
 * Fails if: an env has buffers of it bound, or a call waits for its caller's memory (EBUSY, EXO_R_IN_USE); dirty buffers cannot be written
 * (EXO_R_DIRTY) unless EXO_DETACH_DISCARD, which throws them away like a power cut; a flush of the disk failed, this one's or an earlier
 * one, or this one's superblock could not be written (EXO_R_DIRTY, or EXO_R_IO for this one's): then nobody knows what is on it, and only
 * DISCARD lets it go.
 */
#define EXO_DETACH_DISCARD 1u
struct exo_detach {
	struct exo_head head;
	__u32 disk;
	__u32 cap;
};

/*
 * DISK_INFO: facts about a disk and the outcome of its attach. With EXO_INFO_COMING also about one whose attach is under
 * way, while out_flags has EXO_DISK_ATTACHING: then out_blocks, out_sector, out_version, out_uuid, out_path and the out_walk members are
 * set, and all others are 0. Fails if: no such disk.
 */
#define EXO_INFO_COMING 1u
#define EXO_DISK_READONLY 1u
#define EXO_DISK_WALKED 2u	/* free map comes from a walk, not from the stored map */
#define EXO_DISK_WAS_CLEAN 4u	/* the last detach was clean */
#define EXO_DISK_VOLATILE 8u	/* device has a volatile write cache */
#define EXO_DISK_FAILED 16u	/* device is gone */
#define EXO_DISK_ATTACHING 32u	/* its attach is under way */

/* Why the attach walked. */
#define EXO_WALK_NONE 0		/* it did not: the stored free map was good */
#define EXO_WALK_ASKED 1	/* EXO_ATTACH_WALK */
#define EXO_WALK_UNCLEAN 2	/* the last detach was not clean */
#define EXO_WALK_MAP 3		/* the stored free map cannot be read, or its checksum is wrong */
#define EXO_WALK_ROOTS 4	/* a root's entry is damaged, or the entries and the stored map do not agree */
#define EXO_WALK_TEMPORARY 5	/* a temporary root was left, and is dropped */
struct exo_disk_info {
	struct exo_head head;
	__u32 disk;
	__u32 out_flags;	/* EXO_DISK_* */
	__aligned_u64 out_blocks;
	__aligned_u64 out_free;
	__aligned_u64 out_waiting;	/* freed, waiting for their old parent's write */
	__aligned_u64 out_uninit;	/* allocated, never durable */
	__aligned_u64 out_held;		/* held back because of quarantined roots */
	__aligned_u64 out_dirty;	/* dirty buffers */
	__aligned_u64 out_contested;	/* blocks with two owners */
	__aligned_u64 out_walk_meta;	/* metadata blocks visited by the walk; 0 without one, like all out_walk members */
	__aligned_u64 out_walk_owned;	/* blocks found owned by it */
	__aligned_u64 out_walk_ns;	/* its duration in nanoseconds */
	__u32 out_roots;
	__u32 out_quarantined;	/* of them */
	__u32 out_templates;
	__u32 out_bad_templates; /* of them, refused by the verifier at attach */
	__u32 out_sector;	/* bytes of the device's logical block: the grain of tearing */
	__u32 out_version;	/* format version */
	__u8 out_uuid[16];
	__u8 out_path[64];	/* as attached, cut short with a NUL */
	/* The first version ended here. */
	__aligned_u64 out_walk_known;	/* metadata blocks that it knew of: more than out_walk_meta while it goes on */
	__aligned_u64 out_walk_requests; /* reads that it gave to the device */
	__u32 out_walk_why;	/* EXO_WALK_* */
	__u32 out_walk_threads;	/* most that ran at a time */
};

/* CAP_LIST: capabilities of this env, slot by slot; an empty slot has rights 0. Fails if: pointer. */
struct exo_cap_list {
	struct exo_head head;
	__aligned_u64 caps;	/* struct exo_cap [count], written */
	__u32 count;		/* room, 1..EXO_MAX_CAPS */
	__u32 out_count;	/* slots in use */
};

/*
 * Where frames come from, for every call that needs some: free ones; then the least recently used clean buffers that no env has
 * bound; then the module writes dirty buffers that no env has bound, in the order that SYNC would, and with what that draws in, until
 * enough are clean. NO_FRAMES means that all others are held, or cannot be written because of a device error. When the kernel is short of
 * memory it takes that of free frames and of clean unbound buffers, up to all but a sixteenth of the pool, and it is asked for
 * again when a frame is taken; NO_FRAMES then also means that it has none.
 *
 * Shares of the pool. An env holds a frame that is private to it or that it has bound. One env may hold out_frame_limit private frames and
 * out_bind_limit bound ones (QUERY). Besides, all envs that one uid opened without CAP_SYS_ADMIN may together hold half of the frames that
 * nobody else holds: half of the pool for a user alone, less the more others hold, so that there is always something left for one
 * more. A frame that several of them hold counts once. What is held already is not taken back when others come.
 * BIND and FRAME_ALLOC refuse more (EDQUOT, FRAME_LIMIT).
 */

/*
 * FRAME_ALLOC: private frames. `frames` gives numbers that are wanted (each must be free), or with
 * EXO_FRAME_ANY receives them. All or none. The frames are zeroed. Map them through EXO_MAP_POOL.
 * Fails if: limit (EDQUOT, EXO_R_FRAME_LIMIT); not free (EBUSY, EXO_R_FRAME); pool empty (ENOMEM).
 * FRAME_FREE: give them back; their mappings vanish. Fails if: one is not this env's (none is freed).
 */
#define EXO_FRAME_ANY 1u
struct exo_frame_alloc {
	struct exo_head head;
	__aligned_u64 frames;	/* __u32 [count] */
	__u32 count;		/* 1..EXO_MAX_BIND */
	__u32 pad;
};
struct exo_frame_free {
	struct exo_head head;
	__aligned_u64 frames;
	__u32 count;
	__u32 pad;
};

/*
 * TEMPLATE_ADD: install a metadata type on a disk. Anybody who holds any capability with the write right may;
 * the owner is that capability. Same name, code, partition and refs as an existing one: its id is returned.
 * An acl-UDF is optional, cannot be changed later either, and passes the same gates but for owns(zeroes).
 * A partition is at most one logical block of the device (DISK_INFO's out_sector), so that a write cannot tear it.
 * Fails if: scan, verifier or owns(zeroes) refuse (EPERM, EXO_R_UDF_*); refs name no template; catalogue or owner's share (16) full.
 * On EXO_R_UDF_VERIFY `log` holds the verifier's words, NUL-terminated.
 * The verifier may need seconds for a program, and works in a kernel thread at the caller's nice value but outside its cgroups. So of all
 * envs that one uid opened without CAP_SYS_ADMIN, one program at a time is with it; other calls of the user wait, others' do not.
 * A caller that is killed does not wait (EINTR, KILLED), and the verifier stops.
 */
struct exo_template_add {
	struct exo_head head;
	__u32 disk;
	__u32 cap;
	char name[EXO_NAME_MAX];
	__u32 partition;	/* bytes: 512, 1024, 2048 or 4096 */
	__u32 ninsns;		/* 1..EXO_MAX_INSNS, 8 bytes each */
	__aligned_u64 insns;	/* struct bpf_insn [ninsns] */
	__aligned_u64 log;	/* may be 0 */
	__u32 log_size;		/* bytes, 0 or 128..16 MiB */
	__u32 nrefs;		/* 0..EXO_MAX_REFS */
	__u32 refs[EXO_MAX_REFS]; /* template ids */
	__u32 out_template;	/* 1..EXO_MAX_TEMPLATES - 1 */
	__u32 pad;
	/* The first version ended here. */
	__aligned_u64 acl_insns; /* struct bpf_insn [acl_ninsns] */
	__u32 acl_ninsns;	/* 0: no acl; else at most EXO_MAX_INSNS */
	__u32 pad2;
};

/* TEMPLATE_GET: facts about a template, and its code. Fails if: no such template. */
#define EXO_TEMPLATE_BAD 1u	/* did not verify at attach */
struct exo_template_get {
	struct exo_head head;
	__u32 disk;
	__u32 template_id;
	char out_name[EXO_NAME_MAX];
	__u32 out_partition;
	__u32 out_ninsns;
	__u32 out_nrefs;
	__u32 out_flags;	/* EXO_TEMPLATE_* */
	__u32 out_refs[EXO_MAX_REFS];
	__u8 out_hash[32];	/* SHA-256 of the code, the acl's right behind the owns-UDF's */
	struct exo_cap out_owner;
	__aligned_u64 insns;	/* room for the code, or 0 */
	__u32 max_insns;	/* room in instructions */
	__u32 pad;
	/* The first version ended here. */
	__aligned_u64 acl_insns; /* room for the acl's code, or 0 */
	__u32 max_acl_insns;
	__u32 out_acl_ninsns;	/* 0: no acl */
};

/*
 * TEMPLATE_DEL: remove a metadata type that nothing uses. Needs a capability that dominates the template's owner with the write right.
 * When it returns, that is durable; a power cut before leaves the template there, or not, and nothing else.
 * The number is given out again by a later TEMPLATE_ADD, but not while an env of another uid is open that was open at the deletion: who
 * has learnt a number keeps its meaning, or finds that it has none (NO_TEMPLATE), as long as its env is open. Until then the slot
 * counts as its old owner's. A number that was written down is worth nothing after that: ask for it with TEMPLATE_ADD, or compare the hash.
 * Fails if: no such template, or an installation of it is under way; the capability lacks (CAP); a root has it, also one whose deletion is
 * not durable yet, or another template names it, or a buffer is of it, or the catalogue entry that would say so is damaged
 * (EBUSY, TEMPLATE_USED); I/O error: whether it is gone from the disk then shows at the next attach, until which nobody can use it, and
 * TEMPLATE_DEL can be tried again, unless it was the flush that failed.
 */
struct exo_template_del {
	struct exo_head head;
	__u32 disk;
	__u32 cap;
	__u32 template_id;
	__u32 pad;
};

/*
 * ROOT_ADD: a named place where a tree starts. Takes the free extent {start, count} (count 1..8 for metadata,
 * which starts as zeroes; any length for template 0, a raw data volume). The capability in slot `cap` must
 * have both rights; it becomes the root's owner: every later call on the root must name one that dominates it.
 * The new root is durable after the next SYNC, whose order keeps rule 1.
 * Fails if: name taken; extent not free; no such template; catalogue or owner's share (16) full; quota; SHARED without an acl
 * (EXO_R_FLAGS, EINVAL).
 */
#define EXO_ROOT_PUBLIC_READ 1u	/* anybody may read */
#define EXO_ROOT_TEMPORARY 2u	/* dropped at the next attach */
/*
 * For users without a capability in common: whoever names a slot that holds any capability with the rights that the call needs
 * may bind, transfer and edit below the root, where the template of the metadata has an acl, which then decides alone. Where it has
 * none, and for ROOT_DEL, the owner's capability decides as ever. The root's template must have an acl.
 */
#define EXO_ROOT_SHARED 4u
struct exo_root_add {
	struct exo_head head;
	__u32 disk;
	__u32 cap;
	char name[EXO_NAME_MAX];
	__aligned_u64 start;	/* EXO_NOBLOCK: the module takes the first free run */
	__aligned_u64 count;
	__aligned_u64 quota;	/* blocks; 0: as much as the disk's user_quota allows */
	__u32 template_id;
	__u32 root_flags;	/* EXO_ROOT_* */
	__u32 out_root;
	__u32 pad;
	__aligned_u64 out_start;
};

/*
 * ROOT_DEL: drop a root and everything below it. The blocks are free once the catalogue's write is durable.
 * Needs a capability that dominates the root with the write right. Also the way out of quarantine.
 * Fails if: buffers of it are bound by another env (EBUSY); it owns metadata that lies below itself, out of reach (EBUSY,
 * EXO_R_STILL_OWNS: move it back first); its metadata cannot be read (EIO).
 */
struct exo_root_del {
	struct exo_head head;
	__u32 disk;
	__u32 cap;
	__u32 root;
	__u32 pad;
};

/* ROOT_GET: by number, or with EXO_ROOT_BY_NAME by `name`. Fails if: no such root (ENOENT). */
#define EXO_ROOT_BY_NAME 1u
#define EXO_QUARANTINE_NONE 0
#define EXO_QUARANTINE_TEMPLATE 1 /* a template does not verify */
#define EXO_QUARANTINE_READ 2	/* a block could not be read; detail: block */
#define EXO_QUARANTINE_REJECT 3	/* UDF calls a partition malformed; detail: block */
#define EXO_QUARANTINE_CLAIM 4	/* impossible claim; detail: block */
#define EXO_QUARANTINE_ENTRY 5	/* catalogue entry is damaged */
#define EXO_QUARANTINE_LOOP 6	/* not used: a block claimed by its own descendant is contested */
struct exo_root_get {
	struct exo_head head;
	__u32 disk;
	__u32 root;		/* in, or out with EXO_ROOT_BY_NAME */
	char name[EXO_NAME_MAX]; /* out, or in with EXO_ROOT_BY_NAME */
	__aligned_u64 out_start;
	__aligned_u64 out_count;
	__aligned_u64 out_quota; /* 0 no limit */
	__aligned_u64 out_used;	/* blocks owned below it, its own included */
	__u32 out_template;
	__u32 out_flags;	/* EXO_ROOT_PUBLIC_READ.. */
	__u32 out_quarantine;	/* EXO_QUARANTINE_* */
	__u32 pad;
	__aligned_u64 out_quarantine_detail;
	struct exo_cap out_owner;
};

/*
 * TXN: a set of edits of metadata blocks, accepted or refused as one. See DESIGN.md section 3.
 *
 * Every edited block must be in core and known as metadata (bound once, or ALLOCated), and the capability must
 * dominate its root with the write right (SHARED roots: see there). `version` is the registry's version that the caller read; for a block that
 * this same transaction ALLOCates with a template, EXO_VERSION_NEW (it starts as zeroes). A data block that it ALLOCates may be edited, too, with
 * EXO_VERSION_DATA: the edits are its content, in zeroes, as if it had been bound for writing and stored there at once. It is in core and
 * dirty then, and bound by nobody.
 * Several edits may name the same block; all must name the same version; later ones win on overlap.
 * Conservation: the claims lost and gained over all touched partitions must be exactly the declared ones, with templates.
 * ALLOC  enters; every block must be free. A metadata block arrives zeroed, in core, dirty; a data block
 *        is uninitialised: reading it gives zeroes.
 * FREE   leaves; a metadata block must own nothing afterwards (in core, or refused NOT_IN_CORE). Whoever has it bound loses it.
 *        Of a contested block only this claim goes: the block stays with its other owner.
 * MOVE   leaves one edited partition and enters another; template unchanged. A metadata extent cannot change root.
 *        It need not be in core. While other metadata of the root moves, CYCLE may also mean that what leads to the new place is not
 *        all in core: after a SYNC of the root it is accepted.
 * ORDER  no claim, but an order: what this transaction writes to partition (template_id & 255) of block `start` must not be durable
 *        before what it writes to partition (template_id >> 8) of block `count` is, and is reachable. For what must not get lost and has
 *        no claim that could be moved. Both must be edited, `count` not freed (else DECL). It holds as MOVE's order does (kmod/doc/order.md).
 * Templates with an acl: every touched partition is asked for (EXO_ACL_EDIT), and then, for each data block with content, the one that
 * gains it, as edited (EXO_ACL_BIND_WRITE); one refusal refuses all.
 * Commit is in core; durability follows by SYNC or WRITE in the enforced order.
 * Fails if: see EXO_R_NOT_FREE .. EXO_R_LEAVES, EXO_R_UDF_*, EXO_R_QUOTA, EXO_R_CONTESTED, EXO_R_CAP, EXO_R_ACL.
 * When the reason has ranges, up to `ranges_room` of them are written to `ranges`.
 */
#define EXO_VERSION_NEW 0ull
#define EXO_VERSION_DATA (~0ull)
#define EXO_DECL_ALLOC 1u
#define EXO_DECL_FREE 2u
#define EXO_DECL_MOVE 3u
#define EXO_DECL_ORDER 4u

struct exo_edit {
	__aligned_u64 block;
	__aligned_u64 version;
	__u32 offset;		/* bytes in the block */
	__u32 len;		/* 1..4096 - offset */
	__aligned_u64 bytes;	/* user address */
};
struct exo_decl {
	__u32 op;		/* EXO_DECL_* */
	__u32 template_id;
	__aligned_u64 start;
	__aligned_u64 count;
};
#define EXO_RANGE_GAINED 1u	/* claimed after, not before, not declared ALLOC */
#define EXO_RANGE_LOST 2u	/* claimed before, not after, not declared FREE */
#define EXO_RANGE_UNMET 3u	/* declared, did not happen */
#define EXO_RANGE_BLOCKED 4u	/* NOT_FREE, OVERLAP: these blocks */
#define EXO_RANGE_FIRST 5u	/* TAINTED: write these first */
struct exo_range {
	__aligned_u64 start;
	__aligned_u64 count;
	__u32 template_id;
	__u32 kind;		/* EXO_RANGE_* */
};
struct exo_txn {
	struct exo_head head;
	__u32 disk;
	__u32 cap;
	__u32 nedits;		/* 1..EXO_MAX_EDITS */
	__u32 ndecls;		/* 0..EXO_MAX_DECLS */
	__aligned_u64 edits;	/* struct exo_edit [nedits] */
	__aligned_u64 decls;	/* struct exo_decl [ndecls] */
	__aligned_u64 versions;	/* __u64 [nedits], written: the new versions; may be 0 */
	__aligned_u64 ranges;	/* struct exo_range [ranges_room]; may be 0 */
	__u32 ranges_room;
	__u32 out_nranges;	/* how many there are, may exceed the room */
};

/*
 * TXNS: many transactions in one system call, one after the other, each as if by a TXN of its own: each is accepted or refused
 * by itself, sees what those before it committed, and has its answer in its own struct: head.out_reason (EXO_R_NONE: committed)
 * and out_detail, versions, ranges, out_nranges. They are independent: other callers' transactions may come between them, and a
 * refused one does not stop the next. With EXO_TXNS_STOP it does; the structs behind it are left as they were.
 * `txn_size` is the distance between two structs, and each must have it as its head.size (else that one is refused with SIZE).
 * Returns 0 when the transactions were answered, also when all were refused: see out_refused.
 * Fails if: count or txn_size out of bounds (RANGE, SIZE); a struct cannot be read or written (EFAULT, POINTER, its address; found before
 * the first transaction begins).
 */
#define EXO_TXNS_STOP 1u
struct exo_txns {
	struct exo_head head;
	__aligned_u64 txns;	/* struct exo_txn [count] */
	__u32 count;		/* 1..EXO_MAX_TXNS */
	__u32 txn_size;		/* bytes of the caller's struct exo_txn, a multiple of 8 up to 4096 */
	__u32 out_done;		/* answered, counted from the first: count, or with EXO_TXNS_STOP up to and with the refused one */
	__u32 out_refused;	/* of them, refused */
};

/*
 * BIND: the right to see blocks [first, first + count), all inside `claim`, as frames in EXO_MAP_POOL.
 * `parent` is a metadata block in core whose partition number `index` makes exactly that claim; or EXO_NOBLOCK for the
 * extent of `root` itself. Needs a capability that dominates the root with READ (unless it is public), and WRITE
 * for `rights` WRITE, which only plain data can have; of a SHARED root any capability will do.
 * If the parent's template has an acl, it is asked (EXO_ACL_BIND_READ or EXO_ACL_BIND_WRITE).
 * Blocks that are not in core are read, unless EXO_BIND_NO_READ (then NOT_IN_CORE). An
 * uninitialised block gives a zeroed frame and no read. Binding again adds rights.
 * A frame mapped writable becomes dirty at the first store after each write of it.
 * With `map` the frames are entered into the caller's own mapping of the pool at once, as the page faults of loads would do it
 * one by one later. That is a hint: where the address leads to no mapping of this env's pool, nothing is entered and nothing fails.
 * Fails if: NOT_CLAIMED, NOT_IN_CORE (parent), META_WRITE, CAP, ACL, QUARANTINED, CONTESTED (write), FRAME_LIMIT,
 * NO_FRAMES, IO.
 * When a bound block is FREEd, by anybody, the registry forgets the buffer, but who has it bound keeps the frame: it is no block's any more, is
 * never written, and the next owner of the block gets another. So a FREE does not kill a process that is reading.
 * UNBIND: end it for `frames`; mappings vanish. Fails if: one is not bound by this env (none is unbound).
 */
#define EXO_BIND_NO_READ 1u
#define EXO_BIND_OVERWRITE 2u	/* WRITE right, caller fills whole blocks: no read, frames come zeroed if not in core */
struct exo_claim {
	__aligned_u64 start;
	__aligned_u64 count;
	__u32 template_id;
	__u32 pad;
};
struct exo_bind {
	struct exo_head head;
	__u32 disk;
	__u32 cap;
	__u32 root;		/* with parent EXO_NOBLOCK; else ignored */
	__u32 index;		/* partition of the parent that makes the claim */
	__aligned_u64 parent;
	struct exo_claim claim;
	__aligned_u64 first;
	__u32 count;		/* 1..EXO_MAX_BIND */
	__u32 rights;		/* EXO_RIGHT_READ, or EXO_RIGHT_ALL */
	__aligned_u64 frames;	/* __u32 [count], written */
	__aligned_u64 map;	/* where frame 0 of EXO_MAP_POOL would be in the caller's mapping; 0: nothing is mapped */
};
struct exo_unbind {
	struct exo_head head;
	__aligned_u64 frames;	/* __u32 [count] */
	__u32 count;		/* 1..EXO_MAX_BIND */
	__u32 pad;
};

struct exo_run {
	__aligned_u64 start;
	__aligned_u64 count;
};

/*
 * READ: bring blocks into core, seen by nobody until bound; anybody may. Blocks in core already are left alone.
 * Fails if: range outside the disk or inside the module's own area; NO_FRAMES; IO.
 */
struct exo_read {
	struct exo_head head;
	__u32 disk;
	__u32 nruns;		/* 1..EXO_MAX_RUNS; at most EXO_MAX_BIND blocks in all */
	__aligned_u64 runs;	/* struct exo_run [nruns] */
	__u32 out_blocks;	/* blocks that were read */
	__u32 pad;
};

/*
 * WRITE: write those buffers of the runs that are dirty; anybody may. A tainted one is refused and nothing is
 * written: `ranges` say what must be durable first (kind FIRST), all the way down. Durable after FLUSH on a device with a volatile cache.
 * New metadata that nothing on disk leads to yet may be written in any order; what will make it reachable waits for all of it.
 * Inside a temporary root any order goes.
 * FLUSH: make completed writes durable.
 * SYNC: write everything that is dirty (of `root`, or of the disk for EXO_NOROOT) in a legal order, with the
 * flushes that it needs; durable on return. Blocks of other roots that must go first are written too. Uninitialised data that
 * nobody wrote is written as zeroes.
 *  EXO_SYNC_RUNS  make the blocks of `runs` durable and nothing more than that takes: what has to go before them, and, while nothing
 *                 durable leads to one of them, the blocks above it, up to the root's entry. For data, name the metadata that claims it,
 *                 too. `root` is EXO_NOROOT. A run may be long, and name blocks that are clean, free or not in core: those need nothing.
 *  EXO_SYNC_PLAN  write nothing; say in which order it would go. `ranges` get the blocks: `kind` is the round, 1 first. What is of
 *                 one round may be written in any order. On a device with a volatile cache a FLUSH comes before round 1 and after each.
 *                 A range with start EXO_NOBLOCK is the catalogue entry of root number `count`, which SYNC alone
 *                 writes. Uninitialised data is among it, written by somebody or not. out_blocks counts blocks and entries. The order
 *                 is legal for what is in core now; another's transaction may change that.
 * Fails if: TAINTED (WRITE); BUSY (a direct transfer must end first); IO; READONLY; RANGE (nruns out of bounds, or not 0 without
 * EXO_SYNC_RUNS; a run outside the data area; `root` with it); NO_ROOT.
 */
struct exo_write {
	struct exo_head head;
	__u32 disk;
	__u32 nruns;
	__aligned_u64 runs;
	__aligned_u64 ranges;
	__u32 ranges_room;
	__u32 out_nranges;
	__u32 out_blocks;	/* blocks that were written */
	__u32 pad;
};
struct exo_flush {
	struct exo_head head;
	__u32 disk;
	__u32 pad;
};
#define EXO_SYNC_RUNS 1u
#define EXO_SYNC_PLAN 2u
struct exo_sync {
	struct exo_head head;
	__u32 disk;
	__u32 root;		/* or EXO_NOROOT */
	__u32 out_blocks;
	__u32 out_rounds;	/* write-then-flush rounds that the order needed */
	/* The first version ended here. */
	__aligned_u64 runs;	/* struct exo_run [nruns] */
	__aligned_u64 ranges;	/* struct exo_range [ranges_room]; may be 0 */
	__u32 nruns;		/* 1..EXO_MAX_RUNS with EXO_SYNC_RUNS, else 0 */
	__u32 ranges_room;
	__u32 out_nranges;	/* how many there are, may exceed the room */
	__u32 pad;
};

/*
 * IO: direct transfer between plain data blocks and this env's private frames, not through the registry.
 * The claim is checked as in BIND. A clean unbound cached copy is dropped by a write and used by a read; a
 * dirty one is read from core.
 * As an io_uring command (IORING_OP_URING_CMD on the env's file) it runs asynchronously: sqe->cmd_op is EXO_NR_IO, the first
 * 8 bytes of sqe->cmd are the struct's user address, the next 8 are zero; the completion's res is 0 or -errno, and by then the
 * out_ members are written. The struct must stay until then. READ, WRITE, FLUSH and SYNC can be given the same way.
 * With EXO_IO_BOUND, `index` is the number of a binding (IO_BIND), which says disk and claim; cap, root, parent and claim must be zero.
 * Two transfers of one block at a time: reads may overlap; a write waits for none and none waits for it, so the later of the two
 * is refused with BUSY, and whoever queues several writes of a block sends the next when the one before has completed.
 * Fails if: as BIND; CACHED (a write to a block that some env has bound, EBUSY); BUSY (one of the blocks is in a direct write, or is
 * covered by one); a frame is not private to this env; IO_BINDING, and RANGE (blocks outside the binding's claim), with BOUND.
 */
#define EXO_IO_WRITE 1u		/* else read */
#define EXO_IO_FUA 2u		/* with WRITE: durable at completion */
#define EXO_IO_BOUND 4u		/* through a binding */
struct exo_io {
	struct exo_head head;
	__u32 disk;
	__u32 cap;
	__u32 root;
	__u32 index;
	__aligned_u64 parent;
	struct exo_claim claim;	/* template_id must be 0 */
	__aligned_u64 first;
	__u32 count;		/* 1..EXO_MAX_BIND */
	__u32 pad;
	__aligned_u64 frames;	/* __u32 [count] */
};

/*
 * IO_BIND: the check of IO, made once. The claim of template 0 is checked as IO does it, acl included, for `rights`; what comes
 * back is a number by which IO transfers any of its blocks until IO_UNBIND or close. Then it is checked whether the frames are the
 * env's and the blocks inside the claim, and nothing else.
 * A transaction that FREEs or MOVEs blocks out of the claim's root makes the next IO check the whole claim again, as IO would; if
 * that refuses, so is the transfer, with the same reason, and each one after it is checked again. What IO would refuse because
 * of the root (quarantined, deleted, being deleted) is refused at once. A detach ends the binding for good.
 * Fails if: as IO; EXO_MAX_IO_BINDS are held (EDQUOT, FRAME_LIMIT).
 * IO_UNBIND: end it; transfers under way go on. Fails if: IO_BINDING.
 */
struct exo_io_bind {
	struct exo_head head;
	__u32 disk;
	__u32 cap;
	__u32 root;
	__u32 index;
	__aligned_u64 parent;
	struct exo_claim claim;	/* template_id must be 0 */
	__u32 rights;		/* EXO_RIGHT_READ, or EXO_RIGHT_ALL */
	__u32 out_binding;	/* 1..EXO_MAX_IO_BINDS */
};
struct exo_io_unbind {
	struct exo_head head;
	__u32 binding;
	__u32 pad;
};

/*
 * EXO_CMD_IO: IO through a binding as an io_uring command that has no struct: all of it is in the submission. Only for io_uring.
 *  sqe->cmd_op     EXO_CMD_IO
 *  sqe->addr       first block
 *  sqe->len        count, 1..EXO_MAX_BIND
 *  sqe->cmd, first 8 bytes: binding in the low half; EXO_IO_WRITE, EXO_IO_FUA, EXO_CMD_FRAME in the high half
 *  sqe->cmd, next 8 bytes:  with EXO_CMD_FRAME the first of `count` frames with consecutive numbers; else the address of
 *                           __u32 [count], read before the submission returns
 * The completion's res is 0 or -errno. On a ring of 32-byte completions (IORING_SETUP_CQE32) the first extra word is
 * the reason in its low 16 bits and the detail, as far as it fits, in the rest.
 * Fails if: as IO with EXO_IO_BOUND.
 */
#define EXO_CMD_IO 0x100u
#define EXO_CMD_FRAME 0x100u

/* CONTESTED: blocks that have two owners after a crash. Fails if: no such disk. */
struct exo_contested {
	struct exo_head head;
	__u32 disk;
	__u32 room;
	__aligned_u64 ranges;	/* struct exo_range [room], written */
	__u32 out_count;	/* how many there are, may exceed the room */
	__u32 pad;
};

/* USER_WORDS: set a bound or private frame's two hint words. Fails if: frame is not this env's. */
struct exo_user_words {
	struct exo_head head;
	__u32 frame;
	__u32 word[2];
	__u32 pad;
};

#endif
