/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * logfs.h: what the files of logfs share. Nothing outside libfs/logfs includes it.
 *
 * A tree is two B+ trees under one super partition: items (inodes, names, targets, attributes) and extents. Nothing but
 * the super partition is ever changed where it stands. A transaction copies every node that it changes, up to the top,
 * to the end of the log, and points the super partition at the new tops; so each transaction is one step from a whole
 * tree to a whole tree, in core and on the disk.
 *
 * Every transaction changes the super partition and names the version that it began from, so two cannot mix: the
 * later one gets -EAGAIN and starts again. LOGFS_RETRY turns that into a loop.
 *
 * Nodes are decoded copies of blocks. They are freed only in cache_trim, at the start of an operation; until then
 * whatever was found stays in memory, though perhaps outdated.
 */
#ifndef LOGFS_H
#define LOGFS_H

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "../bytes.h"
#include "../stamp.h"
#include "../type.h"
#include "format.h"

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define BLK EXO_BLOCK_SIZE
#define LOGFS_TRIES 20000 /* of one operation, before it gives up with -EBUSY: some seconds */
#define LOGFS_RECS 208	  /* of one node, while it waits to be split */
#define LOGFS_OWN 96	  /* nodes that one transaction may copy */
#define LOGFS_PICKS 512	  /* runs that one transaction may allocate */
#define LOGFS_AVOID 16
#define LOGFS_NODES 1024    /* nodes to keep decoded */
#define LOGFS_STEP 48	    /* extents or pieces that one transaction of a longer removal takes */
#define LOGFS_BUFFER 262144 /* bytes of a file that wait in the process to be written together */

/* A record of a node; key (ino, sub). */
struct rec {
	u64 ino, sub;
	u64 val;	/* NODE: child; EXT: first block */
	u32 len;	/* EXT: blocks; ITEM: bytes of data */
	u32 part;	/* partition that it is in */
	const u8 *data; /* ITEM */
	/* Which partition claims `val` now, as the module sees it: the right to bind it. */
	u64 home;
	u32 home_part;
};

struct lnode {
	u64 block, version;
	u32 frame;
	u32 n;
	u8 kind, level;
	bool dead;	    /* in a transaction: left out of the tree */
	struct lnode *orig; /* in a transaction: what it is a copy of; NULL: new */
	struct lnode *hash_next, *all_next;
	bool hashed;
	u8 bytes[BLK];
	struct rec rec[LOGFS_RECS];
};

struct linode {
	u32 mode, nlink, uid, gid;
	u64 size;
	int64_t atime, mtime, ctime, btime;
	u64 blocks, rdev, parent;
};

/* An inode in use. */
struct lino {
	struct exo_node n; /* first */
	struct lino *hash_next;
	struct linode di;
	u64 seen; /* super version at which di was read; 0: never */
	u32 opens;
	u8 *buf; /* bytes not yet in blocks */
	u64 buf_off;
	u32 buf_len;
	bool drop_setid;	 /* who wrote into the buffer may not leave set-id bits */
	bool gone;		 /* it is no more; di is what was known last */
	struct lino *dirty_next; /* list of those with a buffer */
};

struct place { /* of a path: node, and the record chosen in it */
	struct lnode *node;
	u32 i;
};

struct path {
	struct place at[LOGFS_LEVEL_MAX + 1]; /* top first */
	u32 n;
	/* Least key of the next leaf to the right; false: there is none. */
	bool more;
	u64 next_ino, next_sub;
};

struct ltxn {
	bool open;
	u64 version;	       /* of the super partition, at the begin */
	u8 super[LOGFS_PART];  /* to be */
	u8 before[LOGFS_PART]; /* as it was */
	struct lnode *own[LOGFS_OWN];
	u32 nown;
	struct exo_run pick[LOGFS_PICKS];
	u32 npick;
	void *arena[256]; /* data of new items */
	u32 narena;
};

#define LOGFS_ATIMES 4096
struct latime {
	u64 ino; /* 0: none */
	int64_t at;
};

struct logfs {
	struct exo_fs fs; /* first */
	const struct exo_view *v;
	const struct exo_freemap_head *map;
	u64 root_block;
	u32 root_frame; /* bound as long as the tree is open */
	u32 template_id, cap;
	u64 seed[2];
	/* cache.c */
	struct lnode **hash, *all;
	u32 nnodes;
	u32 busy; /* callbacks under way: do not trim */
	/* inode.c */
	struct lino **inos;
	struct lino *top, *dirty;
	struct latime *atimes; /* atime.c */
	/* segment.c */
	bool dip; /* what is done now gives room back: it may use what is kept for that */
	u64 at;	  /* next block of the log */
	bool rewound;
	struct exo_run avoid[LOGFS_AVOID];
	u32 navoid;
	u32 full, starved;    /* times in a row that the disk was synced for want of blocks, or of frames */
	u8 *victims;	      /* clean.c: 1 for each segment that is being emptied, and so not picked; NULL: none */
	struct logfs *others; /* trees open in this process, for orphans */
	struct ltxn txn;
	struct exo_decl decl[EXO_MAX_DECLS];
};

static inline struct logfs *logfs_of(struct exo_fs *fs)
{
	return (struct logfs *)fs;
}

static inline struct lino *lino_of(struct exo_node *n)
{
	return (struct lino *)n;
}

void retry_pause(int tries);

#define LOGFS_RETRY(err, call)                                                                                         \
	do {                                                                                                           \
		int tries_ = 0;                                                                                        \
		while (((err) = (call)) == -EAGAIN && ++tries_ < LOGFS_TRIES)                                          \
			retry_pause(tries_);                                                                           \
		if ((err) == -EAGAIN)                                                                                  \
			(err) = -EBUSY;                                                                                \
	} while (0)

static inline int key_cmp(u64 ino, u64 sub, const struct rec *r)
{
	if (ino != r->ino)
		return ino < r->ino ? -1 : 1;
	return sub < r->sub ? -1 : sub > r->sub;
}

/* record.c: a node as bytes and as records. */
int node_decode(struct lnode *n, u64 block); /* from n->bytes; -EUCLEAN */
void node_encode(struct lnode *n);
/* Give every record a partition, so that all have some room. How many partitions it takes: over LOGFS_PARTS, split. */
u32 node_spread(struct lnode *n);
/* A partition for the new record i, or spread all. */
u32 node_place(struct lnode *n, u32 i);
u32 node_packed(const struct lnode *n); /* partitions that it takes when filled one after the other */
u32 rec_bytes(const struct lnode *n, const struct rec *r);

/* cache.c */
int log_cache_init(struct logfs *fs);
void log_cache_exit(struct logfs *fs);
void cache_trim(struct logfs *fs); /* nothing found before may be used after it */
int cache_get(struct logfs *fs, u64 block, u64 parent, u32 part, struct lnode **out);
void cache_put(struct logfs *fs, struct lnode *n); /* a node of a transaction that was committed */
int cache_super(struct logfs *fs, u8 super[LOGFS_PART], u64 *version);
u64 super_version(struct logfs *fs);
/* Bind blocks that a record of a leaf of extents claims. */
int data_bind(struct logfs *fs, const struct rec *r, u64 first, u32 count, bool write, u32 *frames);
void data_unbind(struct logfs *fs, u32 count, const u32 *frames);
int log_err_retry(struct logfs *fs, int err, const struct exo_why *why);

/* txn.c */
int log_txn_begin(struct logfs *fs);
void log_txn_abort(struct logfs *fs);
int log_txn_commit(struct logfs *fs);				    /* always ends it */
int txn_own(struct logfs *fs, struct lnode *n, struct lnode **out); /* a copy to change, at a new block */
int txn_new(struct logfs *fs, u8 kind, u8 level, struct lnode **out);
struct lnode *txn_find(struct logfs *fs, u64 block);
const u8 *txn_data(struct logfs *fs, const void *data, u32 len); /* copied until the end; NULL: no memory */

/* segment.c */
int log_pick(struct logfs *fs, u64 want, u64 *start, u64 *count); /* the next free run of the log */
bool log_picked(const struct logfs *fs, u64 block);		  /* by the running transaction, or the last one */
int log_full(struct logfs *fs, int err);
void log_avoid(struct logfs *fs, u64 start, u64 count);

/* tree.c: reading goes to the running transaction's copies first. */
int tree_walk(struct logfs *fs, u32 tree, u64 ino, u64 sub, struct path *p); /* -ENOENT: the tree is empty */
/* The record with exactly this key: 0, -ENOENT. */
int tree_get(struct logfs *fs, u32 tree, u64 ino, u64 sub, const struct rec **out);
/* The first record at or behind a key; -ENOENT: none. */
int tree_from(struct logfs *fs, u32 tree, u64 ino, u64 sub, const struct rec **out);
/* The last record at or before a key. */
int tree_upto(struct logfs *fs, u32 tree, u64 ino, u64 sub, const struct rec **out);
/* In a transaction. */
int tree_add(struct logfs *fs, u32 tree, const struct rec *r); /* -EEXIST */
int tree_del(struct logfs *fs, u32 tree, u64 ino, u64 sub);
int tree_set(struct logfs *fs, u32 tree, const struct rec *r); /* replace: key must be there */
int tree_touch(struct logfs *fs, u32 tree, u64 ino, u64 sub);  /* move the nodes on the way to a key to the log's end */

static inline int item_add(struct logfs *fs, u64 ino, u64 sub, const void *data, u32 len)
{
	struct rec r = {.ino = ino, .sub = sub, .len = len, .data = (const u8 *)data};

	return tree_add(fs, LOGFS_TREE_ITEMS, &r);
}

/* extent.c: blocks of a file. add, cut: in a transaction. */
int ext_find(struct logfs *fs, u64 ino, u64 blk, struct rec *out,
	     u64 *hole); /* 0; -ENOENT: *hole blocks until the next */
/*
 * Frames of up to `most` blocks of the file from blk on, as far as one extent goes; *at: where the first is on the
 * disk. data_unbind them. -ENOENT: a hole of *at blocks.
 */
int ext_bind(struct logfs *fs, u64 ino, u64 blk, u32 most, bool write, u32 *frames, u32 *count, u64 *at);
int ext_add(struct logfs *fs, u64 ino, u64 blk, u64 start, u64 count);
int ext_cut(struct logfs *fs, u64 ino, u64 from, u64 to, u32 most, u64 *freed, u64 *done); /* *done: cut down to here */
int ext_last(struct logfs *fs, u64 ino, u64 *end); /* block behind the last one mapped */

/* inode.c */
struct lino *lino_hold(struct lino *l);
void lino_put(struct logfs *fs, struct lino *l);
int lino_get(struct logfs *fs, struct lino *parent, u64 ino, struct lino **out);
int lino_fresh(struct logfs *fs, struct lino *l); /* di as of now; -ESTALE when it is no more */
int inode_read(struct logfs *fs, u64 ino, struct linode *di);
int inode_write(struct logfs *fs, u64 ino, const struct linode *di); /* in a transaction */
int inode_new(struct logfs *fs, const struct linode *di, u64 *ino);  /* in a transaction */
void inos_exit(struct logfs *fs);

/* atime.c */
int64_t atime_latest(struct logfs *fs, u64 ino, int64_t stored); /* the one waiting, if later */
void atime_read(struct logfs *fs, struct lino *l);		 /* the file was read now */
void atime_forget(struct logfs *fs, u64 ino);
int atimes_write(struct logfs *fs); /* those waiting, in transactions of its own */

/* orphan.c */
int orphan_add(struct logfs *fs, u64 ino);  /* in a transaction */
int orphan_drop(struct logfs *fs, u64 ino); /* in a transaction */
int inode_free(struct logfs *fs, u64 ino);  /* without a name; transactions of its own */
int inode_unname(struct logfs *fs, u64 ino, struct linode *di, bool open,
		 bool *later); /* in a transaction: one name less */
int log_orphans_purge(struct logfs *fs);
void trees_add(struct logfs *fs);
void trees_del(struct logfs *fs);

/* name.c */
bool log_name_ok(const char *name, size_t len);
/* A name's item: its key and what it names; -ENOENT: *sub is where it would go. */
int name_find(struct logfs *fs, u64 dir, const char *name, size_t len, u64 *sub, u64 *ino, u32 *mode);
int name_add(struct logfs *fs, u64 dir, u64 sub, const char *name, size_t len, u64 ino, u32 mode);
u32 log_name_hash(const struct logfs *fs, const char *name, size_t len);

/* file.c, write.c */
/* Bytes of whole blocks into those blocks of [blk, blk + count) that the transaction committed last gave the file. */
int file_fill(struct logfs *fs, u64 ino, u64 blk, u64 count, const u8 *bytes);
int file_flush(struct logfs *fs, struct lino *l);
int files_flush(struct logfs *fs);
void file_forget(struct logfs *fs, struct lino *l);
void file_cut(struct logfs *fs, struct lino *l, u64 size); /* what waits in the buffer behind a new end goes */
u64 file_end(const struct lino *l);			   /* size, with what waits in the buffer */

/* scan.c: all nodes of a tree, those above before those below; restarts are the caller's: -EAGAIN. */
int tree_scan(struct logfs *fs, u32 tree, int (*fn)(void *arg, const struct lnode *n), void *arg);

/* clean.c */
int log_clean(struct logfs *fs, u64 most, int (*fn)(void *arg, u64 done, u64 total), void *arg, u64 *emptied);

/* The operations, for super.c. */
int logfs_mkfs(struct exo *x, uint32_t disk, const struct exo_mkfs *opt, struct exo_why *why);
int logfs_open(struct exo_fs **out, struct exo *x, uint32_t disk, const struct exo_root_get *root, unsigned flags,
	       struct exo_why *why);
void logfs_close(struct exo_fs *fs);
int logfs_sync(struct exo_fs *fs);
int logfs_statvfs(struct exo_fs *fs, struct statvfs *st);
int logfs_lookup(struct exo_fs *fs, struct exo_node *dir, struct exo_name name, struct exo_node **out);
int logfs_create(struct exo_fs *fs, struct exo_node *dir, struct exo_name name, const struct exo_create *what,
		 struct exo_node **out);
int logfs_tmpfile(struct exo_fs *fs, struct exo_node *dir, mode_t mode, struct exo_node **out);
int logfs_link(struct exo_fs *fs, struct exo_node *node, struct exo_node *dir, struct exo_name name);
int logfs_remove(struct exo_fs *fs, struct exo_node *dir, struct exo_name name, bool directory);
int logfs_rename(struct exo_fs *fs, struct exo_node *from, struct exo_name a, struct exo_node *to, struct exo_name b,
		 unsigned how);
int logfs_getattr(struct exo_fs *fs, struct exo_node *node, struct stat *st);
int logfs_setattr(struct exo_fs *fs, struct exo_node *node, const struct exo_attr *attr);
ssize_t logfs_readlink(struct exo_fs *fs, struct exo_node *node, char *buf, size_t size);
ssize_t logfs_getxattr(struct exo_fs *fs, struct exo_node *node, const char *name, void *buf, size_t size);
int logfs_setxattr(struct exo_fs *fs, struct exo_node *node, const char *name, const void *value, size_t size, int how);
ssize_t logfs_listxattr(struct exo_fs *fs, struct exo_node *node, char *buf, size_t size);
int logfs_removexattr(struct exo_fs *fs, struct exo_node *node, const char *name);
int logfs_file_open(struct exo_fs *fs, struct exo_file *f);
void logfs_file_close(struct exo_fs *fs, struct exo_file *f);
ssize_t logfs_pread(struct exo_fs *fs, struct exo_file *f, void *buf, size_t n, uint64_t off);
ssize_t logfs_pwrite(struct exo_fs *fs, struct exo_file *f, const void *buf, size_t n, uint64_t off, bool append);
int logfs_truncate(struct exo_fs *fs, struct exo_node *node, uint64_t size);
int logfs_fallocate(struct exo_fs *fs, struct exo_node *node, int mode, uint64_t off, uint64_t len);
off_t logfs_seek(struct exo_fs *fs, struct exo_node *node, uint64_t off, int whence);
int logfs_flush(struct exo_fs *fs, struct exo_node *node);
int logfs_fsync(struct exo_fs *fs, struct exo_node *node, bool data);
ssize_t logfs_peek(struct exo_fs *fs, struct exo_file *f, uint64_t off, const void **data);
int logfs_readdir(struct exo_fs *fs, struct exo_node *dir, uint64_t cookie,
		  int (*fn)(void *arg, const struct exo_dirent *d), void *arg);
int logfs_check(struct exo_fs *fs, unsigned flags, exo_fs_problem_fn fn, void *arg, struct exo_fs_count *count);
int logfs_dump(struct exo_fs *fs, struct exo_node *node, exo_fs_line_fn fn, void *arg);
int logfs_defrag(struct exo_fs *fs, struct exo_node *node, exo_fs_progress_fn fn, void *arg);

#endif
