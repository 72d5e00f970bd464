/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * xcp.h: what the files of exoctl xcp share. Data goes from the source's blocks into private frames and from the same
 * frames to the copy's blocks; the processor does not look at it.
 *
 * The walk (xcp_tree.c) reads a directory with all that is known of its entries, and queues its files. What is plain
 * about it (no further names, no attributes of the extended kind, no holes) is one batch (xcp_batch.c), made in a few
 * transactions, so that a plain file takes no call of its own but its two transfers. A turn (xcp_turn.c) takes as many
 * queued files as its frames hold, sorts their blocks by place on the disk, starts the reads, makes the copies' names
 * and blocks meanwhile, and starts the writes. There are two sets of frames: while one is being written, the next turn
 * reads into the other.
 */
#ifndef EXOCTL_XCP_H
#define EXOCTL_XCP_H

#include "exoctl.h"
#include "tree.h"

struct xcp_batch { /* entries of one directory that are made together */
	struct exo_make *v;
	uint32_t n, room;
	uint32_t users; /* items, and who fills it */
	char *dir;	/* of the copy */
	bool made;	/* or tried: each has its err */
};

struct xcp_item { /* a regular file under way, or a further name of one */
	struct xcp_item *next;
	const char *from, *to;	 /* full paths; they stand behind the item */
	const char *linked;	 /* the name's first copy: make a link to it, nothing else */
	struct stat st;		 /* of the source */
	struct xcp_batch *batch; /* that makes it, as number nth; NULL: it is made alone */
	uint32_t nth;
	uint32_t nwhere; /* where the source is, if `known`; else it is opened */
	struct exo_file_extent where[2];
	bool known;
	struct exo_file *src, *dst;
	uint64_t off; /* what lies before it was given to a turn */
	bool taken;   /* its first part is in a turn */
	bool begun;   /* dst was made or opened */
	bool created; /* by us: removed again if the content fails */
	bool whole;   /* made with its attributes and blocks: they are in the batch */
	bool slow;    /* a transfer was refused, or cannot be had: through memory */
	bool failed;  /* said why; nothing more is done with it */
};

struct xcp_slice { /* one transfer */
	struct xcp_item *item;
	struct xcp_turn *turn;
	uint64_t off; /* in the file */
	uint32_t at;  /* its frames begin here in the turn's */
	struct exo_io io;
};

struct xcp_list {
	struct xcp_slice *v;
	uint32_t n, room;
};

struct xcp_turn {
	uint32_t *frames;
	uint32_t nframes, used, most; /* most: how far nframes may grow */
	uint32_t flying;	      /* transfers that have not ended */
	struct xcp_list reads, writes;
	struct xcp_item *first, **last; /* files whose last slice is in this turn */
};

struct xcp_ring;

struct xcp {
	struct exo *x;
	struct exo_fs *from, *to; /* the same one if it is one tree */
	const char *under, *dest; /* paths of the tops */
	uint64_t dest_ino;	  /* of the copy's top if that is a directory and it is one tree, else 0 */
	struct progress p;
	struct xcp_ring *ring; /* NULL: one transfer at a time */
	struct xcp_turn turn[2];
	uint32_t now; /* the turn that comes next */
	struct xcp_item *first, **last;
	uint32_t queued;
	uint64_t queued_blocks;
	void *links;		/* tsearch: names of files with more than one */
	struct xcp_dir *dirs;	/* all that were made, the last first */
	struct xcp_dir *todo;	/* those whose content is still to be copied */
	bool root;		/* may give files away */
	bool alone;		/* the copy's type makes no batches */
	bool full;		/* the copy's tree takes no more */
	bool no_xattrs;		/* the source's type has none */
	uint64_t reads, writes; /* transfers */
	uint64_t slow;		/* files whose bytes went through memory */
	uint64_t second;	/* names made as links */
	uint64_t unlinked;	/* names that should have been links and are files of their own */
	uint64_t lost_xattrs;	/* files */
	uint64_t special;	/* fifos, sockets and devices */
	char *buf;		/* XCP_BUF bytes */
};

#define XCP_BUF (1u << 20)

/* The failure of one file is said and counted, and the copy goes on. 0, so that a visit can return it. */
int xcp_trouble(struct xcp *c, const char *path, const char *words, int err);
/* Is it a failure after which no further file can succeed? Then it is said as such, and the copy ends. */
bool xcp_ends(struct xcp *c, const char *path, int err);

/* xcp_tree.c. All return 0, or non-zero when the copy ends. */
int xcp_walk(struct xcp *c);
int xcp_dirs_done(struct xcp *c); /* attributes of directories, the deepest first */
void xcp_tree_free(struct xcp *c);

/* xcp_batch.c */
struct xcp_batch *xcp_batch_new(const char *dir); /* NULL: no memory */
/* A new entry like st: its number, or -1 without memory. The name is copied; so is a target. */
int xcp_batch_add(struct xcp *c, struct xcp_batch *b, const char *name, const char *target, const struct stat *st);
int xcp_batch_make(struct xcp *c, struct xcp_batch *b); /* once; non-zero: the copy ends */
void xcp_batch_put(struct xcp_batch *b);
/* As exo_file_extents of a file that lies at v[0..n). */
int xcp_extents(const struct exo_file_extent *v, uint32_t n, uint64_t off, uint64_t len, exo_file_extent_fn fn,
		void *arg);
/* The same of an item's source, known or opened. */
int xcp_source_extents(struct xcp_item *it, uint64_t off, uint64_t len, exo_file_extent_fn fn, void *arg);
int xcp_join(char *out, const char *dir, const char *name); /* into PATH_MAX bytes; -ENAMETOOLONG */

/* xcp_file.c */
int xcp_open_source(struct xcp *c, struct xcp_item *it); /* 0, or -errno */
int xcp_begin(struct xcp *c, struct xcp_item *it);	 /* the copy's name and blocks; 0, or non-zero: the copy ends */
int xcp_finish(struct xcp *c, struct xcp_item *it);	 /* what is left, attributes, close; frees the item */

/* xcp_attr.c: everything but the content, from a path or handle to another, as far as this user may. -errno. */
struct xcp_place {
	struct exo_fs *fs;
	struct exo_file *at; /* with path "" */
	const char *path;
};
int xcp_attributes(struct xcp *c, const struct xcp_place *from, const struct xcp_place *to, const struct stat *st);
/* Of an entry that a batch made, from a source without extended attributes. */
int xcp_times(struct xcp *c, const struct xcp_place *to, const struct stat *st);
void xcp_act_as(struct xcp *c, const struct stat *st); /* who owns what is made next; NULL: the caller again */
mode_t xcp_first_mode(const struct xcp *c, const struct stat *st);

/* xcp_turn.c */
int xcp_turns_init(struct xcp *c);
void xcp_turns_exit(struct xcp *c);
void xcp_queue(struct xcp *c, struct xcp_item *it);
bool xcp_queue_full(const struct xcp *c);
int xcp_turn_once(struct xcp *c);
/* Everything that is queued, unless `stop`, and what is under way. Then nothing is open any more. */
int xcp_drain(struct xcp *c, int stop);

/* xcp_ring.c. A transfer that fails makes its file slow. */
struct xcp_ring *xcp_ring_open(struct exo *x);
void xcp_ring_close(struct xcp_ring *r);
void xcp_start(struct xcp *c, struct xcp_slice *s, uint32_t flags); /* EXO_IO_*; counted in the turn */
void xcp_go(struct xcp *c);					    /* those started so far need not wait for more */
void xcp_wait(struct xcp *c, struct xcp_turn *t);		    /* until none of the turn's flies */
/*
 * After a call on a tree: is it worth a second try? A type may need a SYNC for the order of its writes, which the module refuses
 * while transfers run; and ours end only when we look. With -EBUSY: true, and none of ours runs any more.
 */
bool xcp_again(struct xcp *c, int err);

#endif
