/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * cffs.h: what the files of cffs share. Nothing outside libfs/cffs includes it.
 *
 * Three things are kept apart throughout:
 *  - what is on the disk: bytes of a partition, seen in a bound frame or in an image of the running transaction;
 *  - struct inode, struct extent: a decoded copy, already checked for range;
 *  - struct node: an inode in use, with a decoded copy and the (frame, version) it was decoded at. It is trusted only
 * while the registry still shows that version; otherwise it is decoded, or found by name, again.
 *
 * -EAGAIN inside cffs means "something changed meanwhile, start the operation again"; CFFS_RETRY turns it into a loop.
 */
#ifndef CFFS_H
#define CFFS_H

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "../bytes.h"
#include "../stamp.h"
#include "../thread.h"
#include "format.h"

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define BLK EXO_BLOCK_SIZE
#define CFFS_TRIES 200	/* of one operation, before it gives up with -EBUSY */
#define CFFS_IMAGES 128 /* partitions that one transaction may change */
#define CFFS_ALLOCS 64	/* extents that one transaction may allocate */
#define CFFS_FREES 512	/* extents that one transaction may free */
#define CFFS_ORDERS 8	/* orders that one transaction may ask for */
#define CFFS_CONTENT 4	/* blocks that one transaction may fill */
#define CFFS_AVOID 16
#define CFFS_INO_BATCH 4096
#define CFFS_NODES 4096 /* unreferenced nodes to keep */
/* A longer target gets a block: with any name, an inline one must fit into a partition, or it could not be renamed. */
#define CFFS_INLINE_MAX (CFFS_PART - CFFS_SLOT(1) - CFFS_NAME_MAX)
#define CFFS_ATTRS_MAX (1u << 20) /* bytes of all extended attributes of an inode */

struct extent {
	u64 start;
	u32 count, key;
};

struct loc {
	u64 block;
	u32 part, slot;
};

enum { T_ATIME, T_MTIME, T_CTIME, T_BTIME, T_COUNT };

struct inode {
	u32 mode, nlink, uid, gid;
	u64 ino, size;
	int64_t time[T_COUNT];
	u32 blocks, hash;
	u32 name_off, name_len, extra, level, ref, flags;
	struct extent ext[CFFS_S_EXTS]; /* a device has its number in the start of the first */
};

/* An entry with CFFS_F_REF: where the inode is, and the number of this name. */
#define REF_PLACE(di) ((u32)(di)->size)
#define REF_LINK(di) ((u32)((di)->size >> 32))

/* A metadata block that is pinned in the cache: frame, and the version that the holder's reads belong to. */
struct ref {
	u64 block, version;
	u32 frame; /* EXO_NOFRAME: allocated by the running transaction, or not pinned */
};
#define NO_REF ((struct ref){EXO_NOBLOCK, 0, EXO_NOFRAME})

/* Where the right to a block comes from: the partition that claims it, and the claim. */
struct claim {
	struct ref parent;
	u32 part;
	struct extent ext;
	bool meta;
};

#define DIRTY_SIZE 1u
#define DIRTY_MTIME 2u
#define DIRTY_CTIME 4u
#define DIRTY_ATIME 8u

struct known;
struct leaves;

struct node {
	struct exo_node n;   /* first */
	struct known *known; /* the path that leads here; known.c */
	struct node *hash_next, *name_next, *lru_prev, *lru_next, *dirty_prev, *dirty_next;
	struct loc loc;
	u64 version; /* di was decoded at this version of this frame; frame EXO_NOFRAME: never */
	u32 frame;
	/* External: the inode is in the table, for good. The entry that it was last seen under is in the block eblock.
	 */
	bool ext;
	u32 place, link;
	u32 eframe;
	u64 eblock, eversion;
	u32 name_len, name_hash;
	struct inode di;
	unsigned dirty; /* DIRTY_*: di is newer than the disk in these */
	u32 opens;
	bool gone;   /* its name was removed; lives on in the orphan directory while open */
	bool tmp;    /* it had none yet */
	bool marked; /* as open (opens.h), although it is not: who made it is about to open it */
	bool lost;   /* was looked for everywhere, and is not in the tree */
	bool in_lru; /* also while it is in use: who trims passes over it */
	bool recent; /* used since the last time that it was passed over */
	u64 near;    /* directory: where its last small file went; file: block to allocate near, 0: none */
	/* The last extent used, good while its container's frame still has that version. */
	struct claim last;
	/*
	 * The block that was read last, NULL: none. Good while the inode's block still has the version `read_at`, and
	 * its own frame is held, and is in the registry, with the version `read_version`. Nothing is gathered for the
	 * file.
	 */
	const u8 *read_data;
	const u64 *read_inode, *read_block; /* versions in the registry */
	struct held *read_held;
	u64 read_at, read_version, read_key;
	struct leaves *leaves; /* a directory's ways to its leaves; dir.c */
	char *name;	       /* with which it is found again under n.parent */
	struct wbuf *wb;       /* bytes written and not yet given to blocks; file.c */
};

struct held {
	u64 block, version; /* the version that was seen last */
	u32 pins;
	u32 prev, next; /* of all, the one that waits longest for its turn first: frame + 1 or 0 */
	u8 bound, write, meta;
	u8 recent; /* used since its last turn */
};

struct image {
	u64 block, version;    /* EXO_VERSION_NEW for a block that this transaction allocates */
	u32 part, frame, edit; /* edit: of the transaction's, which it is part of */
	bool fresh;	       /* nothing was there before */
	u8 *bytes, *before;
};

struct piece {
	u64 start, end;
	bool meta;
};

struct txn {
	bool open;
	u32 nimages, nallocs, nfrees, norders, npins;
	struct image *image;  /* [CFFS_IMAGES] */
	u8 *bytes;	      /* of all images, one behind the other, then what was there before */
	struct piece *pieces; /* room to compare claims */
	struct exo_decl alloc[CFFS_ALLOCS];
	struct exo_decl freed[CFFS_FREES];
	struct exo_decl order[CFFS_ORDERS];
	struct exo_decl decl[EXO_MAX_DECLS];
	struct exo_edit content[CFFS_CONTENT];
	u32 ncontent;
	struct exo_edit edit[CFFS_IMAGES + CFFS_CONTENT];
	u64 versions[CFFS_IMAGES + CFFS_CONTENT];
	u32 pin[CFFS_IMAGES]; /* frames kept until the end */
};

struct cffs_policy;

#define CFFS_KEPT 16 /* blocks that only removing may take */

struct cffs {
	struct exo_fs fs; /* first */
	bool dip;	  /* what is done now gives room back */
	const struct exo_view *v;
	const struct exo_freemap_head *map;
	const struct cffs_policy *policy;
	u64 root_block;
	u32 template_id, cap;
	u64 seed[2];
	struct { /* what name_hash was asked for last: an operation asks several times */
		char name[40];
		u32 len, hash;
	} hashed;
	struct wbuf *spare; /* write.c: one that is not in use */
	/* cache.c */
	struct held *held; /* [frames of the pool] */
	u32 lru_first, lru_last, nheld, limit;
	/* node.c */
	struct node **hash, **names; /* by inode number; by parent and name */
	u32 mask, nnodes, nlru;
	struct node *lru_head, *lru_tail, *dirty_head;
	struct node *top, *orphans;
	struct known *known; /* known.c */
	u32 npending;	     /* nodes that have more to write than the time of access */
	u32 ticks;
	int64_t flushed; /* when dirty nodes were last written */
	int64_t now;	 /* some time of the last few operations */
	/* alloc.c */
	struct exo_run avoid[CFFS_AVOID];
	u32 navoid;
	bool keep_atime; /* what is pending is written, times of access, too */
	bool shared;	 /* CFFS_FEATURE_SHARED: shared.c */
	bool admin;	 /* the module knows us as the root of the name space, */
	u32 uid;	 /* or as this user, whoever the library acts for */
	u64 seq;	 /* upper part of the last inode number that shared.c gave */
	u32 searching;	 /* find.c runs */
	u32 busy;	 /* times in a row that a transfer was in the way */
	u32 starved;	 /* times in a row that the disk was synced because no frame was left */
	u32 full;	 /* times in a row that the disk was synced because nothing was free */
	bool make_room;	 /* before the next try, orphans_reap */
	bool reaping;
	int64_t reaped; /* when orphans were looked through last */
	u64 ino_next, ino_end;
	/* table.c: extent and block where the last free partition was, where to look for holes; extents known */
	u32 spot_nth, spot_block, hole_nth, hole_block, table_end;
	int64_t synced; /* when the last sync of the root began that succeeded */
	struct txn txn;
};

static inline struct cffs *cffs_of(struct exo_fs *fs)
{
	return (struct cffs *)fs;
}

static inline struct node *node_of(struct exo_node *n)
{
	return (struct node *)n;
}

#define CFFS_RETRY(err, fs, call)                                                                                      \
	do {                                                                                                           \
		int tries_ = 0;                                                                                        \
		do {                                                                                                   \
			(err) = (call);                                                                                \
			if ((err) == -EAGAIN && (fs)->make_room)                                                       \
				orphans_reap(fs);                                                                      \
		} while ((err) == -EAGAIN && ++tries_ < CFFS_TRIES);                                                   \
		if ((err) == -EAGAIN)                                                                                  \
			(err) = -EBUSY;                                                                                \
	} while (0)

static inline void extent_get(const u8 *p, struct extent *e)
{
	e->start = get64(p + CFFS_E_START);
	e->count = get32(p + CFFS_E_COUNT);
	e->key = get32(p + CFFS_E_KEY);
}

static inline void extent_put(u8 *p, const struct extent *e)
{
	put64(p + CFFS_E_START, e->start);
	put32(p + CFFS_E_COUNT, e->count);
	put32(p + CFFS_E_KEY, e->key);
}

/* inode.c: slots as bytes. */
void inode_get(const u8 *part, u32 slot, struct inode *di);
void inode_put(u8 *part, u32 slot, const struct inode *di); /* all but the name's place, hash and extra */
int inode_check(const struct inode *di);		    /* -EUCLEAN */
bool inode_owns(const struct inode *di);
u32 name_hash(struct cffs *fs, const char *name, size_t len);

/*
 * A partition's bytes, by the C library: inline, the compiler makes a string instruction of it, whose 64 steps cost
 * more.
 */
static inline void part_copy(u8 *to, const u8 *from)
{
	size_t n = CFFS_PART;

	__asm__("" : "+r"(n));
	memcpy(to, from, n);
}

static inline void part_clear(u8 *part)
{
	size_t n = CFFS_PART;

	__asm__("" : "+r"(n));
	memset(part, 0, n);
}

/* partition.c: entries of one partition. Bytes are hostile: everything is bounded by the partition. */
int part_kind(const u8 *part); /* 0 empty, CFFS_KIND_*, -EUCLEAN */
bool part_used(const u8 *part, u32 slot);
/* The inode of a slot in use, checked, and where its name and inline target are. */
int entry_get(const u8 *part, u32 slot, struct inode *di, const char **name);
int entry_find(const u8 *part, u64 owner, u32 hash, const char *name, size_t len,
	       struct inode *di); /* slot, -ENOENT, -EUCLEAN */
void part_owner(u8 *part, const struct inode *owner);
/* An entry partition without entries; from: least hash that belongs there. */
void part_init(u8 *part, const struct inode *dir, u32 from);
/* Which of a leaf's partitions the hash belongs into, or -EUCLEAN. */
int leaf_part(const u8 *const part[CFFS_PARTS], u64 owner, u32 hash);
bool entry_fits(const u8 *part, size_t bytes);
/* A new entry; target's length is di->extra. The slot, or -ENOSPC. */
int entry_add(u8 *part, const struct inode *di, const char *name, size_t len, const char *target);
/* The same for an entry of another partition, which entry_get has found good, in a partition that was built by adding.
 */
int entry_copy(u8 *part, const u8 *from, u32 slot);
void entry_del(u8 *part, u32 slot);
/* The inode of a slot went to the table: what is left refers to it. */
int entry_refer(u8 *part, u32 slot, u32 place, u32 link);
/* New name for a slot: 0 or -ENOSPC. */
int entry_rename(u8 *part, u32 slot, u32 hash, const char *name, size_t len);

/*
 * Is the copy in the node what the tree holds? Versions never come back, so one load and one comparison tell, also of a
 * frame that is not bound any more.
 */
static inline bool node_current(const struct cffs *fs, const struct node *n)
{
	return n->frame != EXO_NOFRAME && exo_unchanged(fs->v, n->frame, n->version);
}

/* opens: `count` more or fewer, with the mark that others see (opens.h). */
static inline void node_opened(struct cffs *fs, struct node *n, u32 count)
{
	if (!n->opens && !n->marked)
		exo_opens_hold(&fs->fs, n->n.ino);
	n->marked = false;
	n->opens += count;
}

/* True: there are orphans to look after. */
static inline bool node_closed(struct cffs *fs, struct node *n, u32 count)
{
	n->opens -= count;
	return !n->opens && exo_opens_drop(&fs->fs, n->n.ino);
}

/* cache.c */
int cache_init(struct cffs *fs);
void cache_exit(struct cffs *fs);
u32 cache_find(struct cffs *fs, u64 block, u64 *version);		/* held frame, or EXO_NOFRAME */
void cache_changed(struct cffs *fs, u32 frame, u64 block, u64 version); /* by a transaction of ours */
/* While it is pinned, a frame stays bound. */
static inline void cache_pin(struct cffs *fs, u32 frame)
{
	fs->held[frame].pins++;
	fs->held[frame].recent = 1;
}

static inline void cache_unpin(struct cffs *fs, u32 frame)
{
	fs->held[frame].pins--;
}

/* Is the frame, of which the caller knows that it held its block at that version, still bound, and still that? */
static inline bool cache_stands(const struct cffs *fs, u32 frame, u64 version)
{
	return fs->held[frame].version == version && exo_unchanged(fs->v, frame, version);
}
/* Bind blocks [first, first + count) of a claim; frames[] get a pin each. */
int cache_bind(struct cffs *fs, const struct claim *c, u64 first, u32 count, bool write, bool overwrite, u32 *frames);
int root_get(struct cffs *fs, struct ref *out);			       /* meta_get of the root block */
int meta_get(struct cffs *fs, const struct claim *c, struct ref *out); /* pins; -EAGAIN if the claim is no more */
int meta_get_at(struct cffs *fs, const struct claim *c, u64 block, struct ref *out); /* of a longer claim */
void meta_put(struct cffs *fs, struct ref *r);
bool meta_same(struct cffs *fs, const struct ref *r);
int disk_sync(struct cffs *fs, u32 root);			    /* transfers that are in the way are waited for */
int err_retry(struct cffs *fs, int err, const struct exo_why *why); /* refusal -> -EAGAIN or a POSIX error */

/* txn.c */
int txn_begin(struct cffs *fs);
void txn_exit(struct cffs *fs);
void txn_abort(struct cffs *fs);
int txn_commit(struct cffs *fs); /* always ends it */
/* A partition as the running transaction has it, else the frame's bytes: copy, then check meta_same. */
const u8 *txn_see(struct cffs *fs, const struct ref *r, u32 part);
u8 *txn_part(struct cffs *fs, const struct ref *r, u32 part); /* to change; NULL: too many, or it changed (-EAGAIN) */
int txn_alloc(struct cffs *fs, u64 near, u64 want, bool exact, bool meta, struct extent *e); /* e->start, e->count */
int txn_free(struct cffs *fs, u64 start, u64 count, bool meta);
/* Content of data blocks from `start` on that it allocates, zeroes behind it. Read at the commit. -EXFULL: too much. */
int txn_fill(struct cffs *fs, u64 start, const u8 *bytes, u32 len);
/* What is written to partition `lpart` of `later` may be durable only when what is written to the other one is. */
int txn_order(struct cffs *fs, u64 later, u32 lpart, u64 first, u32 fpart);
bool txn_fresh(struct cffs *fs, u64 block);
struct ref txn_new_block(u64 block);
u64 txn_version(struct cffs *fs, u64 block); /* after commit: its new version, or 0 */

/* table.c: inodes outside of directories. */
struct xspot { /* a partition for one */
	u32 place, part;
	struct ref r; /* pinned */
};
bool xinode_ok(const u8 *part);
void xinode_init(u8 *part, const struct inode *di, const char *target, bool shared); /* without a name yet */
bool xlink_counts(const u8 *part, u32 k, u64 dir);				     /* as a name in that directory */
bool xlink_taken(const u8 *part, u32 k);					     /* in any */
u64 xlink_parent(const u8 *part, u32 k);  /* shared trees: in which; 0: none */
u32 xlink_room(const u8 *part);		  /* numbers that there may be */
int xlink_add(u8 *part, u64 dir, u32 *k); /* a name more; -EMLINK */
void xlink_del(u8 *part, u32 k);
int table_pin(struct cffs *fs, u32 place, struct ref *r, u32 *part); /* -ESTALE: nothing there */
int table_spot(struct cffs *fs, struct xspot *s);		     /* not inside a transaction */
void table_crowded(struct cffs *fs);				     /* others use that block, too: go on to the next */
void table_header(u8 *part, u32 level);				     /* of a table partition without extents */
u8 *table_take(struct cffs *fs, const struct xspot *s);		     /* in a transaction; NULL: somebody else did */
#define CFFS_PLACE_NONE 0xffffffffu				     /* for a block of the table itself */
int table_each(struct cffs *fs, int (*fn)(void *arg, u32 place, const struct ref *r), void *arg);

/* alloc.c: where things go. A table, so that another policy is another table. */
struct cffs_policy {
	const char *name;
	u64 (*leaf)(struct cffs *fs, struct node *dir);
	u64 (*map)(struct cffs *fs, struct node *node);
	u64 (*data)(struct cffs *fs, struct node *node, u32 key, u64 blocks);
	void (*placed)(struct cffs *fs, struct node *node, const struct extent *e);
};
extern const struct cffs_policy cffs_grouping;
int alloc_pick(struct cffs *fs, u64 near, u64 want, bool exact, struct extent *e); /* 0, or -ENOSPC */
int alloc_full(struct cffs *fs, int err); /* nothing free: -EAGAIN if a sync may have helped, else err */
void alloc_avoid(struct cffs *fs, u64 start, u64 count);
int alloc_ino(struct cffs *fs, u64 *ino); /* not inside a transaction */

/* map.c: key -> extent of one inode. */
struct mpath {
	int n; /* levels; at[n - 1] holds the content extent; 0: the inode has none */
	struct {
		struct claim c; /* container (parent, part) and the extent that was chosen there */
		u32 slot;	/* of the extent in its container */
	} at[CFFS_LEVEL_MAX + 2];
	u64 next; /* least key behind the chosen one, at most; 1 << 32: none */
};
void map_header(u8 *part, const struct node *node, u32 level);
int map_find(struct cffs *fs, struct node *node, const struct ref *home, u32 key, struct mpath *p);
void map_done(struct cffs *fs, struct mpath *p);
bool map_same(struct cffs *fs, const struct mpath *p);
/* In a transaction. They change the slot's bytes (extents, level, ref, blocks), not node->di: see node_store. */
int map_insert(struct cffs *fs, struct node *node, const struct ref *home, const struct extent *e);
int map_remove(struct cffs *fs, struct node *node, const struct ref *home, const struct mpath *p);
/* The content extent becomes two, in one sector. */
int map_split(struct cffs *fs, struct node *node, const struct ref *home, const struct mpath *p,
	      const struct extent *low, const struct extent *high);
/* Replace the content extent. */
int map_change(struct cffs *fs, struct node *node, const struct ref *home, const struct mpath *p,
	       const struct extent *e);

/* node.c */
int nodes_init(struct cffs *fs);
void nodes_exit(struct cffs *fs);
struct node *node_hold(struct cffs *fs, struct node *node);
void node_idle(struct cffs *fs, struct node *node); /* its last reference went */
static inline void node_put(struct cffs *fs, struct node *node)
{
	if (--node->n.refs)
		return;
	node->recent = true;
	if (node->gone || !node->in_lru)
		node_idle(fs, node);
}
/* The node of an inode seen at loc in dir under a name; with a reference. */
struct node *node_get(struct cffs *fs, struct node *dir, const char *name, size_t len, const struct loc *loc,
		      const struct ref *r, const struct inode *di);
/* The same for an inode in the table: loc and r are its own, entry is the block of the name (NULL: none). */
struct node *node_get_ext(struct cffs *fs, struct node *dir, const char *name, size_t len, const struct loc *loc,
			  const struct ref *r, const struct inode *di, u32 place, u32 link, const struct ref *entry);
struct node *node_peek(struct cffs *fs, u64 ino); /* without a reference; NULL if not in core */
/* The node last seen under this name, if its leaf is unchanged since; without a reference. NULL: look in the directory.
 */
struct node *node_known(struct cffs *fs, struct node *dir, const char *name, size_t len);
bool node_fresh(struct cffs *fs, struct node *n);		 /* di is what stands there */
int node_pin(struct cffs *fs, struct node *node, struct ref *r); /* current di, its block pinned; -ESTALE when gone */
void node_dirty(struct cffs *fs, struct node *node, unsigned bits);
void node_clean(struct cffs *fs, struct node *node);
int node_moved(struct cffs *fs, struct node *node, struct node *dir, const char *name, size_t len,
	       const struct loc *loc);
/*
 * In a transaction: put what di says, but for the map, into the slot: mode, owner, size, times. node_stored after the
 * commit: the pending changes are on their way.
 */
int node_store(struct cffs *fs, struct node *node, const struct ref *r);
void node_stored(struct cffs *fs, struct node *node);
int node_flush(struct cffs *fs, struct node *node);
int nodes_flush(struct cffs *fs);
void nodes_ticked(struct cffs *fs);
void node_read(struct cffs *fs, struct node *node);
void node_touched(struct cffs *fs, struct node *node); /* mtime and ctime are now */

/* known.c: paths that were walked. */
int known_init(struct cffs *fs);
void known_exit(struct cffs *fs);
void known_forget(struct node *node); /* it goes */
struct exo_node *cffs_known(struct exo_fs *fs, struct exo_node *at, const char *path, size_t len);
struct exo_node *cffs_open_known(struct exo_fs *fs, struct exo_node *at, const char *path, size_t len);
void cffs_learn(struct exo_fs *fs, struct exo_node *at, const char *path, size_t len, struct exo_node *node);

/*
 * Directories' times are written late, so that creating many files does not rewrite one inode each time; but not too
 * late. Looking at the clock costs as much as the rest of a cached open, so who only reads does it now and then.
 */
#define CFFS_TICKS 64
static inline void nodes_tick(struct cffs *fs)
{
	if (fs->npending || !(++fs->ticks % CFFS_TICKS))
		nodes_ticked(fs);
}

/* The time of access moves as relatime moves it: when the last one is older than a change or a day. */
static inline void node_accessed(struct cffs *fs, struct node *node)
{
	int64_t last = node->di.time[T_ATIME];

	if (last <= node->di.time[T_MTIME] || last <= node->di.time[T_CTIME] || last <= fs->now - 86400000000000ll)
		node_read(fs, node);
}

/* dir.c */
struct found {
	struct loc loc;
	struct inode di;
	struct ref leaf;   /* pinned */
	struct mpath path; /* to the leaf, pinned */
	struct ref home;   /* block of the directory's inode, pinned */
	u32 hash;
	int part; /* of the leaf, in this version: where the name is or would be; -1: not known */
};
/* 0 with di and loc; -ENOENT with the path to where it would be. found_done in both cases. */
int dir_find(struct cffs *fs, struct node *dir, const char *name, size_t len, struct found *f);
void found_done(struct cffs *fs, struct found *f);
/* In a transaction, after dir_find gave -ENOENT: add an entry. -EXFULL: no room; then dir_split outside of it. */
int dir_add(struct cffs *fs, struct node *dir, struct found *f, struct inode *di, const char *name, size_t len,
	    const char *target, struct loc *loc);
/* In a transaction, after dir_find gave 0. del takes the entry out; prune then frees the leaf if it became empty. */
int dir_del(struct cffs *fs, struct found *f);
int dir_prune(struct cffs *fs, struct node *dir, struct found *f);

/* leaf.c. split, a transaction of its own: afterwards the name, with `extra` bytes behind it, has room. begin: a first
 * leaf. */
int dir_split(struct cffs *fs, struct node *dir, const char *name, size_t len, u32 extra);
int leaf_begin(struct cffs *fs, struct node *dir, struct ref *r);
/* A checked copy of the leaf for hash (4096 bytes), and the least hash of the next one (1 << 32: none). -ENOENT: no
 * leaf at all. */
int dir_leaf(struct cffs *fs, struct node *dir, u32 hash, u8 *leaf, u64 *block, u64 *next);
/* As dir_find, by place instead of name: the entry at loc, if it is still inode ino. */
int dir_at(struct cffs *fs, struct node *dir, u32 hash, const struct loc *loc, u64 ino, struct found *f);
/* Take an entry that a power cut left over out of the directory, with what only it owns. */
int dir_drop(struct cffs *fs, struct node *dir, u32 hash, const struct loc *loc, u64 ino);
int dir_leaf_for(struct cffs *fs, struct node *dir, u32 hash,
		 struct found *f); /* the leaf alone; found_done in any case */
int dir_leaf_copy(struct cffs *fs, struct node *dir, const struct found *f, u8 *leaf);
int dir_resize(struct cffs *fs, struct node *dir, const struct ref *home, int n); /* in a transaction: n leaves more */
/* Free the leaves of a directory without entries: a power cut may leave such. -ENOTEMPTY. */
int dir_clear(struct cffs *fs, struct node *dir);
int dir_empty(struct cffs *fs, struct node *dir); /* 1, 0 or -errno */
bool name_ok(const char *name, size_t len);

/* readdir.c. where: as a scan and an extents tell it, of a claim that partition `part` of `block` makes. */
void io_where(struct cffs *fs, u64 block, u32 part, const struct extent *ext, struct exo_file_extent *where);
int cffs_readdir(struct exo_fs *fs, struct exo_node *dir, uint64_t cookie,
		 int (*fn)(void *arg, const struct exo_dirent *d), void *arg);
int cffs_scan(struct exo_fs *fs, struct exo_node *dir, uint64_t cookie, exo_entry_fn fn, void *arg);
int cffs_make(struct exo_fs *fs, struct exo_node *dir, struct exo_make *v, u32 n); /* make.c */
bool ref_counts(struct cffs *fs, const struct node *dir, const struct inode *entry);

/* names.c. The node of an entry that was found; -ENOENT: a reference that does not count. */
int entry_node(struct cffs *fs, struct node *dir, const char *name, size_t len, const struct found *f,
	       struct node **out);
/* dir_find and entry_node; an entry that does not count is taken out of the way. found_done in any case. */
int entry_live(struct cffs *fs, struct node *dir, const char *name, size_t len, struct found *f, struct node **out);
/* A new inode without content, as the caller's, in a directory like `dir`. */
void new_inode(struct cffs *fs, const struct node *dir, mode_t mode, u64 ino, struct inode *di);
/* In a transaction: the inode at r, part goes with all that it owns. */
int xinode_free(struct cffs *fs, const struct ref *r, u32 part);
int extents_free(struct cffs *fs, const struct inode *di); /* the same for one in an entry that is taken out */
int dir_links(struct cffs *fs, struct node *dir, const struct ref *home, int n); /* n directories more in it */
/* Before a name of a node goes that has others: those must be durable. 1: a sync was made, look again. */
int names_settled(struct cffs *fs, struct node *node);
int cffs_lookup(struct exo_fs *fs, struct exo_node *dir, struct exo_name name, struct exo_node **out);
int cffs_create(struct exo_fs *fs, struct exo_node *dir, struct exo_name name, const struct exo_create *what,
		struct exo_node **out);
/* Without checks; like: whose group and bits are handed down. */
int create_entry(struct cffs *fs, struct node *dir, struct exo_name name, const struct exo_create *what,
		 const struct node *like, u64 ino, struct node **out);
int cffs_remove(struct exo_fs *fs, struct exo_node *dir, struct exo_name name, bool directory);
ssize_t cffs_readlink(struct exo_fs *fs, struct exo_node *node, char *buf, size_t size);

/* find.c: a node that is used here and was moved by another process. -ESTALE: it is not in the tree. */
int node_search(struct cffs *fs, struct node *n);
int cffs_by_ino(struct exo_fs *fs, uint64_t ino, struct exo_node **out);

/* link.c */
int cffs_link(struct exo_fs *fs, struct exo_node *node, struct exo_node *dir, struct exo_name name);
int cffs_tmpfile(struct exo_fs *fs, struct exo_node *dir, mode_t mode, struct exo_node **out);
int link_entry(struct cffs *fs, struct node *n, struct node *dir, struct exo_name name); /* of one in the table */
int node_externalize(struct cffs *fs, struct node *node); /* its inode moves into the table, if it is not there */

/* shared.c: trees of users who do not trust each other; also called, and harmless, for others. */
int shared_identity(struct cffs *fs);
bool shared_mine(const struct cffs *fs, const struct node *n);	   /* the module lets us do what is the owner's */
bool shared_writable(const struct cffs *fs, const struct node *n); /* and what takes the right to write */
u64 shared_ino(struct cffs *fs, u32 place);
bool shared_place_ok(u64 ino, u32 place);
/* The entry that refers to an inode in the table. */
void ref_init(struct cffs *fs, struct inode *di, mode_t mode, u64 ino, u32 link, u32 place);
void ref_stamp(struct cffs *fs, struct inode *di);
int shared_create(struct cffs *fs, struct node *dir, struct exo_name name, const struct exo_create *what,
		  struct node **out);
int shared_tmpfile(struct cffs *fs, struct node *dir, const struct exo_create *what, struct node **out);
int shared_move(struct cffs *fs, struct node *n, const struct ref *home, u32 link, u64 to, u32 *k);
int shared_park(struct cffs *fs, struct node *n, const struct ref *home, u32 link);
int shared_parked(struct cffs *fs, struct node *n);
int shared_clear(struct cffs *fs, struct node *dir);

/* headers.c */
bool header_same(const u8 *part, const struct inode *di);
int headers_check(struct cffs *fs, struct node *node, bool fix, u32 *wrong);
int headers_trust(struct cffs *fs, struct node *node, const struct claim *c); /* 0: content may go there */

/* flat.c: directories with CFFS_F_FLAT. find, leaf: f->home is pinned; afterwards f->leaf is, too. */
/* One leaf. nth: its extent, counted through. Not 0: stop with that. */
typedef int (*flat_leaf_fn)(void *arg, struct ref *leaf, u32 nth);
/* One extent of the map, in use or not. */
typedef int (*flat_ext_fn)(void *arg, struct ref *map, u32 part, u32 slot, u32 nth);
int flat_exts(struct cffs *fs, struct node *dir, const struct ref *home, flat_ext_fn fn, void *arg);
int flat_leaves(struct cffs *fs, struct node *dir, const struct ref *home, flat_leaf_fn fn, void *arg);
typedef int (*flat_fn)(void *arg, const u8 *leaf, u64 block, u32 nth);
int flat_find(struct cffs *fs, struct node *dir, const char *name, size_t len, struct found *f);
int flat_leaf(struct cffs *fs, struct node *dir, u64 block, struct found *f);
int flat_add(struct cffs *fs, struct node *dir, struct found *f, struct inode *di, const char *name, size_t len,
	     struct loc *loc);
int flat_begin(struct cffs *fs, u8 *part,
	       const struct inode *di);		  /* in a transaction: an inode without blocks becomes one */
int flat_grow(struct cffs *fs, struct node *dir); /* a leaf more */
int flat_each(struct cffs *fs, struct node *dir, flat_fn fn, void *arg);
int flat_blocks(struct cffs *fs, struct node *dir, int (*fn)(void *arg, struct ref *r, bool map), void *arg);
int flat_empty(struct cffs *fs, struct node *dir);
int flat_clear(struct cffs *fs, struct node *dir);
int flat_readdir(struct cffs *fs, struct node *dir, u64 cookie, int (*fn)(void *arg, const struct exo_dirent *d),
		 void *arg);

/* xattr.c */
ssize_t cffs_getxattr(struct exo_fs *fs, struct exo_node *node, const char *name, void *buf, size_t size);
int cffs_setxattr(struct exo_fs *fs, struct exo_node *node, const char *name, const void *value, size_t size, int how);
ssize_t cffs_listxattr(struct exo_fs *fs, struct exo_node *node, char *buf, size_t size);
int cffs_removexattr(struct exo_fs *fs, struct exo_node *node, const char *name);

/* orphans.c */
u32 orphan_name(struct cffs *fs, u64 ino, char name[18]);     /* its length */
int orphan_find(struct cffs *fs, u64 ino, struct node **out); /* -ENOENT */
/* It is open somewhere else, and whoever closes it there will look after it. */
bool orphan_kept(struct cffs *fs, struct node *n);
void orphans_reap(struct cffs *fs);		      /* free those that nobody has open */
void orphans_seen(struct cffs *fs);		      /* the same now and then, if there may be such */
int orphan_purge(struct cffs *fs, struct node *node); /* drop a node in the orphan directory */
int orphans_purge(struct cffs *fs);
bool orphans_alone(struct cffs *fs); /* no other environment is open */
int orphan_entry(struct cffs *fs, struct node *dir, u32 hash, const struct loc *loc, u64 ino);
int orphan_park(struct cffs *fs, struct node *dir, struct node *node, const char *name, size_t len);

/* rename.c. REN_PARK: to the orphans, or from there: no rights are asked for. */
#define REN_PARK 1u
#define REN_NOREPLACE 2u
int cffs_rename(struct exo_fs *fs, struct exo_node *from, struct exo_name a, struct exo_node *to, struct exo_name b,
		unsigned how);
int rename_entry(struct cffs *fs, struct node *from, const char *a, size_t alen, struct node *to, const char *b,
		 size_t blen, unsigned how);
int dirs_moved(struct cffs *fs, struct node *to); /* in a transaction that gives a directory another parent */
bool node_below(struct node *n, const struct node *top);

/* exchange.c */
int spare_del(struct cffs *fs, struct node *n,
	      struct node *dir); /* the name that an exchange gives: among the orphans */
int exchange_entries(struct cffs *fs, struct node *from, struct exo_name a, struct node *to, struct exo_name b);

/* falloc.c */
int cffs_fallocate(struct exo_fs *fs, struct exo_node *node, int mode, uint64_t off, uint64_t len);
/* In a transaction: free the part of [first, end) that the extent at the end of the path maps. */
int map_cut(struct cffs *fs, struct node *node, const struct ref *home, const struct mpath *p, u64 first, u64 end);
int cffs_defrag(struct exo_fs *fs, struct exo_node *node, exo_fs_progress_fn fn, void *arg); /* defrag.c */
off_t cffs_seek(struct exo_fs *fs, struct exo_node *node, uint64_t off, int whence);

/* attr.c */
void inode_stat(struct cffs *fs, const struct inode *di, struct stat *st);
int cffs_getattr(struct exo_fs *fs, struct exo_node *node, struct stat *st);
int cffs_setattr(struct exo_fs *fs, struct exo_node *node, const struct exo_attr *attr);
/* Before a write by somebody without rights over the file: a program that others may change acts for nobody. */
int drop_setid(struct cffs *fs, struct node *node);
int cffs_statvfs(struct exo_fs *fs, struct statvfs *st);

/* file.c, write.c, truncate.c */
int file_extent(struct cffs *fs, struct node *node, const struct ref *home, u32 key, struct claim *c, u32 *hole);
int cffs_file_open(struct exo_fs *fs, struct exo_file *f);
void cffs_file_close(struct exo_fs *fs, struct exo_file *f);
ssize_t cffs_pread(struct exo_fs *fs, struct exo_file *f, void *buf, size_t n, uint64_t off);
ssize_t cffs_peek(struct exo_fs *fs, struct exo_file *f, uint64_t off, const void **data);
ssize_t cffs_pwrite(struct exo_fs *fs, struct exo_file *f, const void *buf, size_t n, uint64_t off, bool append);
/* Blocks for every hole of [off, off + len). keep: the size stays. */
int write_reserve(struct cffs *fs, struct node *node, u64 off, u64 len, bool keep);
int cffs_map(struct exo_fs *fs, struct exo_file *f, uint64_t first, uint32_t count, bool write, uint32_t *frames);
void cffs_unmap(struct exo_fs *fs, struct exo_node *node, uint32_t count, const uint32_t *frames, bool write);
int trim_tail(struct cffs *fs, struct node *node);		      /* blocks behind the end that nobody wants */
int zero_bytes(struct cffs *fs, struct node *node, u64 off, u32 len); /* inside one block, if there is one */
int zero_tail(struct cffs *fs, struct node *node, u64 size);	      /* bytes behind `size` in its block */
void file_release(struct cffs *fs, struct node *node, u32 count);     /* opens that end */
int cffs_extents(struct exo_fs *fs, struct exo_file *f, uint64_t off, uint64_t len, unsigned flags,
		 exo_file_extent_fn fn, void *arg); /* extents.c */
int cffs_truncate(struct exo_fs *fs, struct exo_node *node, uint64_t size);
int truncate_blocks(struct cffs *fs, struct node *node, u64 size, bool to_direct);
int cffs_flush(struct exo_fs *fs, struct exo_node *node);
int cffs_fsync(struct exo_fs *fs, struct exo_node *node, bool data); /* times go with the rest */
int cffs_forking(struct exo_fs *fs);
int cffs_forked(struct exo_fs *fs, struct exo *x, const struct exo_root_get *root);
int cffs_sync(struct exo_fs *fs);
int flush_all(struct cffs *fs);			     /* all that is gathered and pending, into the tree */
int sync_root(struct cffs *fs);			     /* what is in the tree, to the disk; to be retried */
int write_flush(struct cffs *fs, struct node *node); /* give buffered bytes their blocks */
void write_drop(struct cffs *fs, struct node *node);
void write_exit(struct cffs *fs);
void write_cut(struct cffs *fs, struct node *node, u64 size); /* gathered bytes behind a new end go */
int write_told(struct cffs *fs, struct node *node,
	       int err);		/* the caller is told err: what found no room is given up */
u64 write_end(const struct node *node); /* end of the buffered bytes, or 0 */
/* first.c: content of a file that has none yet, in one transaction. 1: done; 0: not in this way. */
int write_first(struct cffs *fs, struct node *node, const u8 *bytes, u32 len);

/* super.c */
int cffs_mkfs(struct exo *x, uint32_t disk, const struct exo_mkfs *opt, struct exo_why *why);
int cffs_open(struct exo_fs **out, struct exo *x, uint32_t disk, const struct exo_root_get *root, unsigned flags,
	      struct exo_why *why);
void cffs_close(struct exo_fs *fs);

/* check.c, dump.c. settle: if a power cut left blocks with two owners, walk the tree and drop the older entry of each
 * pair. */
int settle(struct cffs *fs);
int cffs_check(struct exo_fs *fs, unsigned flags, exo_fs_problem_fn fn, void *arg, struct exo_fs_count *count);
int cffs_dump(struct exo_fs *fs, struct exo_node *node, exo_fs_line_fn fn, void *arg);

#endif
