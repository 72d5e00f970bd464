/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* check.h: the walk of the check, for check.c (directories) and checkx.c (inodes in the table). */
#ifndef CFFS_CHECK_H
#define CFFS_CHECK_H

#include "cffs.h"

struct seen {
	u64 ino;
	struct node *dir; /* with a reference */
	struct loc loc;
	int64_t ctime;	/* ref: when it was made */
	u32 hash;
	bool owns, ref;
	u32 link;	/* ref: number of the name */
	u32 before;	/* ref: of the same inode, seen before it: index in named + 1; 0: none */
	char name[CFFS_NAME_MAX + 1];
};

/* An inode in the table. */
struct xseen {
	u64 ino;
	u32 place, names;
	u32 last; /* name that was seen: index in named + 1; 0: none */
	bool owns;
	bool mine;			     /* ours to repair: shared.c */
	u64 parent;			     /* shared trees: a directory that it says to be in */
	bool clash;			     /* an entry has it, too */
	struct seen embedded;		     /* that one; dir with a reference */
	u8 map[CFFS_X_SMALL - CFFS_X_LINKS]; /* numbers of the names that were seen */
};

struct walk {
	struct cffs *fs;
	unsigned flags;
	exo_fs_problem_fn fn;
	void *arg;
	struct exo_fs_count *count;
	struct seen **table; /* by ino, open addressing */
	u64 room, used;
	struct xseen *x; /* sorted by ino */
	u32 nx, xroom;
	struct node **queue; /* directories, with a reference */
	u32 nqueued, queue_room;
	struct seen **named; /* entries that count as names of what is in the table */
	u32 nnamed;
	struct seen **twin; /* of two entries of one name the older, for checkx_end */
	u32 ntwins;
	u64 *blocks; /* bitmap of blocks seen owned */
	int stop;
};

int check_problem(struct walk *w, u64 ino, u64 block, bool repaired, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
void check_own(struct walk *w, u64 ino, const struct extent *e, bool meta);
bool check_repairs(const struct walk *w);

/* check.c: one entry, seen at loc where hashes from low on and below next belong; the count of a directory's
 * directories. */
int check_entry(struct walk *w, struct node *dir, const struct loc *loc, const struct inode *di, const char *name,
		u64 low, u64 next);
void check_links(struct walk *w, struct node *dir, u32 links);

/* checkflat.c, for shared trees. */
int check_flat(struct walk *w, struct node *n, u64 *owned, u64 *content);
void check_headers(struct walk *w, struct node *n);
int check_flat_dir(struct walk *w, struct node *dir);

/* Before the walk: what is in the table. After it: what has no name, too many or too few. */
int checkx_begin(struct walk *w);
int checkx_end(struct walk *w);
void checkx_done(struct walk *w);
struct xseen *checkx_find(struct walk *w, u64 ino);
/* An entry that refers to the table. 0: the first name of it that is seen; 1: a further one. */
int checkx_name(struct walk *w, struct node *dir, const struct loc *loc, const struct inode *di, const char *name);

#endif
