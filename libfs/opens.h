/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * opens.h: which inodes are open in which process, for those that use one tree at a time without a server. Who removes
 * the last name of an inode must know whether somebody else has it open: then it is kept among the orphans, until the
 * last one closes it.
 *
 * The processes share a file in memory, /dev/shm/exo-UID/opens-DISK-TREE; UID is the tree's owner. Each has a slot with
 * a count for every inode that it has open, hashed into cells: what looks open may be not, what is open always looks
 * so. A slot has the number of its process: when that is gone, its slot is empty. Marking and looking are loads and
 * stores.
 *
 * Trees of groups, shared ones, and processes that cannot reach the file (other users than the owner and root, no
 * /dev/shm) do without: exo_opens_join says so, and the type must not take unmarked for closed then.
 *
 * All of it is under the tree's lock.
 */
#ifndef EXO_FS_OPENS_H
#define EXO_FS_OPENS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define OPENS_SLOTS 255u
#define OPENS_CELLS 1000u

struct opens_slot {
	uint32_t pid;	/* 0: free */
	uint32_t told;	/* among the orphans is something that this process had open */
	uint64_t going; /* inode whose last name its process is removing, or 0 */
	int64_t since;	/* when it was taken, on the clock that starts with the machine */
	uint8_t cells[OPENS_CELLS];
};

struct opens_head {
	uint64_t magic;
	uint32_t used;	 /* slots behind this one were never taken */
	uint32_t parked; /* orphans that were made since there was none */
	uint8_t pad[sizeof(struct opens_slot) - 16];
};

struct opens_area {
	struct opens_head head;
	struct opens_slot slot[OPENS_SLOTS];
};

/* Member of struct exo_fs. All zeroes but for owner and key, which the type sets before the first open. */
struct exo_opens {
	struct opens_area *area; /* NULL: not joined */
	struct opens_slot *mine;
	struct opens_slot *child; /* of a fork under way: has what is mine */
	uint64_t key;		  /* tells trees apart */
	uid_t owner;		  /* -1: this tree does without */
	uint32_t held;		  /* marks that are set */
	uint32_t parent;	  /* the process that is about to fork */
	bool full;		  /* a cell is not counted any more, until no mark is set */
	bool failed;		  /* to join */
	bool execed;		  /* when joining, an earlier image's slots go */
};

struct exo_fs;
struct exo_cap;

/* Whose trees can be joined: of a root that belongs to a user. -1: none. */
uid_t exo_opens_owner(const struct exo_cap *owner);

/* Join if need be. False: there is no way to. */
bool exo_opens_join(struct exo_fs *fs);
void exo_opens_leave(struct exo_fs *fs);

/* Between hold and drop the inode counts as open here; both nest. After hold, look whether it still is there. */
void exo_opens_hold(struct exo_fs *fs, uint64_t ino);
bool exo_opens_drop(struct exo_fs *fs, uint64_t ino); /* true: there are orphans to look after */

/* Has another process it open? */
bool exo_opens_elsewhere(struct exo_fs *fs, uint64_t ino);
/*
 * Before the last name of a closed inode goes, and the inode with it: true, somebody has it open; else nobody opens it
 * until exo_opens_gone.
 */
bool exo_opens_going(struct exo_fs *fs, uint64_t ino);
void exo_opens_gone(struct exo_fs *fs);
/* Is somebody at the removal of that inode who comes first? */
bool exo_opens_others_go(struct exo_fs *fs, uint64_t ino);

/* There is an orphan more; those who have it open are to look after it; how many there may be; none, as far as was seen
 * since there were `was`. */
void exo_opens_park(struct exo_fs *fs);
void exo_opens_tell(struct exo_fs *fs, uint64_t ino);
uint32_t exo_opens_parked(const struct exo_fs *fs);
void exo_opens_none_parked(struct exo_fs *fs, uint32_t was);

/* See exo_fs_forking and what follows it. */
void exo_opens_forking(struct exo_fs *fs);
void exo_opens_fork_end(struct exo_fs *fs, pid_t child);
void exo_opens_forked(struct exo_fs *fs);
void exo_opens_execed(struct exo_fs *fs);
void exo_opens_exiting(struct exo_fs *fs);

#endif
