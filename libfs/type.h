/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * type.h: what a file system type provides. For authors of file systems; not installed.
 *
 * fs.c takes the tree's lock around every operation below (recursive, because a readdir callback may call back into the
 * tree), so a type is written as if it were single-threaded. path.c resolves names with top, lookup, readlink and the
 * parent links. Every operation returns 0, a count where it says so, or -errno.
 */
#ifndef EXO_FS_TYPE_H
#define EXO_FS_TYPE_H

#include <limits.h>
#include <stdbool.h>
#include "libexo-fs.h"
#include "lock.h"
#include "opens.h"

#define EXO_PUBLIC __attribute__((visibility("default")))
#define EXO_FS_GROUPS 64

/* An identity: see cred.c. */
struct exo_cred_fs {
	uid_t uid;
	gid_t gid;
	bool checked; /* EXO_FS_CHECKED */
	int ngroups;
	gid_t groups[EXO_FS_GROUPS];
};

struct exo_escape {
	const char *from;
	char rest[2 * PATH_MAX];
};

struct exo_confine {
	unsigned how; /* EXO_RESOLVE_* */
	struct exo_node *top;
};

struct exo_space {
	uint64_t quota_left; /* blocks, when it was asked for last; UINT64_MAX without a quota */
	uint32_t wait;	     /* looks until it is asked for again */
	uint64_t gathered;   /* bytes in memory, and a block for each file with any; kept by the type */
};

/* First member of a type's own tree. */
struct exo_fs {
	const struct exo_fs_type *type;
	struct exo *x;
	uint32_t disk;
	uint32_t root;	/* number in the root catalogue */
	unsigned flags; /* EXO_FS_* of open */
	struct exo_fs_lock lock;
	struct exo_file *spare; /* closed handles, to be used again; linked by `node` */
	uint32_t nspare;
	struct exo_mapping *maps;  /* maps.c */
	struct exo_space space;	   /* space.c */
	struct exo_opens opens;	   /* opens.c; the type calls it */
	struct exo_escape *escape; /* EXO_FS_HOST: where the last path that led out goes on */
	const struct exo_confine *confine; /* path.c: the walk under way may not go everywhere; NULL: it may */
	struct exo_cred_fs cred;   /* of the process, when the tree was opened; exo_cred() says who acts now */
};

/* First member of a type's in-core inode. The type keeps it current; `refs` counts users, each parent link is one. */
struct exo_node {
	struct exo_node *parent; /* NULL for the top */
	uint64_t ino;
	mode_t mode;
	uid_t uid;
	gid_t gid;
	uint32_t refs;
};

struct exo_file {
	struct exo_fs *fs;
	struct exo_node *node;
	int oflags;
	uint32_t *pins; /* frames that peek handed out, a hash set; 0 or frame + 1 */
	uint32_t npins, room;
	uint64_t next;	 /* byte behind the last read: sequential reads are recognised by it */
	uint32_t window; /* blocks to read ahead */
};

#define EXO_SET_MODE 1u
#define EXO_SET_OWNER 2u
#define EXO_SET_ATIME 4u
#define EXO_SET_MTIME 8u
struct exo_attr {
	unsigned set;
	mode_t mode;
	uid_t uid; /* -1: keep */
	gid_t gid; /* -1: keep */
	struct timespec atime, mtime;
};

struct exo_create {
	mode_t mode;	    /* with the type */
	dev_t rdev;	    /* device nodes */
	const char *target; /* symlinks */
};

struct exo_name {
	const char *at;
	size_t len; /* 1..NAME_MAX; neither "." nor ".." */
};

/*
 * Operations from tmpfile on that are said to be optional may be NULL: the caller is told -EOPNOTSUPP. They are
 * tmpfile, link, the four of xattrs, fallocate, defrag, extents, make, and map with unmap. Without seek, a file has no holes;
 * without scan, readdir and getattr do its work.
 */
struct exo_fs_type {
	const char *name; /* and that of the root's template */
	const char *also; /* optional: another template's */
	int (*mkfs)(struct exo *x, uint32_t disk, const struct exo_mkfs *opt, struct exo_why *why);
	int (*open)(struct exo_fs **out, struct exo *x, uint32_t disk, const struct exo_root_get *root, unsigned flags,
		    struct exo_why *why);
	void (*close)(struct exo_fs *fs);
	int (*sync)(struct exo_fs *fs);
	/* Optional, both or none: see exo_fs_forking. */
	int (*forking)(struct exo_fs *fs);
	int (*forked)(struct exo_fs *fs, struct exo *x, const struct exo_root_get *root);
	int (*statvfs)(struct exo_fs *fs, struct statvfs *st);

	struct exo_node *(*top)(struct exo_fs *fs); /* with a reference */
	/*
	 * Optional, all or none. known: the node that a path named when it was walked before, without a reference, if
	 * the walk would find it again and the caller may go that way; NULL: walk. `at` NULL: the top. learn: a walk
	 * from `at` ended at `node`, which is no symlink. open_known: known, with a reference, and opened as file_open
	 * does it, if it is a file that the caller may read.
	 */
	struct exo_node *(*known)(struct exo_fs *fs, struct exo_node *at, const char *path, size_t len);
	void (*learn)(struct exo_fs *fs, struct exo_node *at, const char *path, size_t len, struct exo_node *node);
	struct exo_node *(*open_known)(struct exo_fs *fs, struct exo_node *at, const char *path, size_t len);
	void (*put)(struct exo_fs *fs, struct exo_node *node);
	/* What lookup gives is current. Optional: bring mode and owner of a node that was held for long up to date, if
	 * it still is there. */
	void (*refresh)(struct exo_fs *fs, struct exo_node *node);
	int (*lookup)(struct exo_fs *fs, struct exo_node *dir, struct exo_name name, struct exo_node **out);
	/* Refuses an existing name with -EEXIST, a kind that the type does not have with -EOPNOTSUPP. */
	int (*create)(struct exo_fs *fs, struct exo_node *dir, struct exo_name name, const struct exo_create *what,
		      struct exo_node **out);
	int (*tmpfile)(struct exo_fs *fs, struct exo_node *dir, mode_t mode, struct exo_node **out);
	/* A further name for a node that is no directory; also the first one for a tmpfile. */
	int (*link)(struct exo_fs *fs, struct exo_node *node, struct exo_node *dir, struct exo_name name);
	int (*remove)(struct exo_fs *fs, struct exo_node *dir, struct exo_name name, bool directory);
	/* how: 0, RENAME_NOREPLACE, RENAME_EXCHANGE; others never arrive. */
	int (*rename)(struct exo_fs *fs, struct exo_node *from, struct exo_name a, struct exo_node *to,
		      struct exo_name b, unsigned how);

	int (*getattr)(struct exo_fs *fs, struct exo_node *node, struct stat *st);
	int (*setattr)(struct exo_fs *fs, struct exo_node *node, const struct exo_attr *attr);
	ssize_t (*readlink)(struct exo_fs *fs, struct exo_node *node, char *buf, size_t size);
	/* Rights by name space and mode bits were checked. size 0: the length. -ENODATA, -ERANGE, -ENOSPC.. */
	ssize_t (*getxattr)(struct exo_fs *fs, struct exo_node *node, const char *name, void *buf, size_t size);
	int (*setxattr)(struct exo_fs *fs, struct exo_node *node, const char *name, const void *value, size_t size,
			int how);
	ssize_t (*listxattr)(struct exo_fs *fs, struct exo_node *node, char *buf, size_t size);
	int (*removexattr)(struct exo_fs *fs, struct exo_node *node, const char *name);

	/* Optional: the node with that number, wherever it is. -ESTALE. */
	int (*by_ino)(struct exo_fs *fs, uint64_t ino, struct exo_node **out);
	int (*file_open)(struct exo_fs *fs, struct exo_file *f);
	void (*file_close)(struct exo_fs *fs, struct exo_file *f); /* and puts the node */
	ssize_t (*pread)(struct exo_fs *fs, struct exo_file *f, void *buf, size_t n, uint64_t off);
	ssize_t (*pwrite)(struct exo_fs *fs, struct exo_file *f, const void *buf, size_t n, uint64_t off, bool append);
	int (*truncate)(struct exo_fs *fs, struct exo_node *node, uint64_t size);
	int (*fallocate)(struct exo_fs *fs, struct exo_node *node, int mode, uint64_t off, uint64_t len);
	off_t (*seek)(struct exo_fs *fs, struct exo_node *node, uint64_t off, int whence);
	int (*flush)(struct exo_fs *fs, struct exo_node *node);		   /* optional: none gathers nothing */
	int (*fsync)(struct exo_fs *fs, struct exo_node *node, bool data); /* data: not the times */
	ssize_t (*peek)(struct exo_fs *fs, struct exo_file *f, uint64_t off, const void **data);
	/*
	 * Memory of a file: the frames of blocks [first, first + count), each held until unmap; EXO_NOFRAME for a hole,
	 * which with `write` gets a block instead, and for what lies behind the end, whose bytes in the last block are
	 * zeroed. Until unmap the node stays, also without a name.
	 */
	int (*map)(struct exo_fs *fs, struct exo_file *f, uint64_t first, uint32_t count, bool write, uint32_t *frames);
	void (*unmap)(struct exo_fs *fs, struct exo_node *node, uint32_t count, const uint32_t *frames, bool write);
	/* As exo_file_extents; off + len is at most INT64_MAX, and with ALLOC the file is open for writing. */
	int (*extents)(struct exo_fs *fs, struct exo_file *f, uint64_t off, uint64_t len, unsigned flags,
		       exo_file_extent_fn fn, void *arg);
	int (*readdir)(struct exo_fs *fs, struct exo_node *dir, uint64_t cookie,
		       int (*fn)(void *arg, const struct exo_dirent *d), void *arg);

	/* As exo_file_scan and exo_file_make; rights and owners have been looked at, names and modes not. */
	int (*scan)(struct exo_fs *fs, struct exo_node *dir, uint64_t cookie, exo_entry_fn fn, void *arg);
	int (*make)(struct exo_fs *fs, struct exo_node *dir, struct exo_make *v, uint32_t n);

	int (*check)(struct exo_fs *fs, unsigned flags, exo_fs_problem_fn fn, void *arg, struct exo_fs_count *count);
	int (*dump)(struct exo_fs *fs, struct exo_node *node, exo_fs_line_fn fn, void *arg);
	int (*defrag)(struct exo_fs *fs, struct exo_node *node, exo_fs_progress_fn fn, void *arg);
};

/* All types, NULL at the end. */
extern const struct exo_fs_type *const exo_fs_types[];

/* Where a type leaves the module's reason: the calling thread's. */
struct exo_why *exo_fs_why_here(void);

/* type.c. The UDF object of a type: in `dir`, or EXO_UDF_DIR, or where it is installed. */
int exo_type_udf(const char *dir, const char *object, struct exo_udf_code *code, struct exo_why *why);
/*
 * The first half of mkfs: template and a new root of one block, still zeroes, as the user; `add` is filled in. The
 * second, after the type put its first content there, or failed to: the root becomes durable, or goes. Gives back `err`
 * if it was one.
 */
int exo_type_root(struct exo *x, uint32_t disk, const struct exo_mkfs *opt, const char *object,
		  struct exo_root_add *add, struct exo_why *why);
int exo_type_root_done(struct exo *x, const struct exo_root_add *add, int err, struct exo_why *why);
/* The capability slot to act with on a root: the narrowest that may do what `flags` ask; a public one is read with any.
 */
int exo_type_cap(struct exo *x, const struct exo_root_get *root, unsigned flags);
/* What a refusal that no retry mends means to the caller of a file system: -errno; `err` where the reason says no more.
 */
int exo_type_error(uint32_t reason, int err);

/*
 * space.c. take: at most *blocks, as many as may be taken with `kept` left over, at least one; -ENOSPC, -EDQUOT. tight: could
 * `bytes` in memory, with those of other files, find no room?
 */
int exo_space_take(struct exo_fs *fs, const struct exo_freemap_head *map, uint64_t kept, uint64_t *blocks);
bool exo_space_tight(struct exo_fs *fs, const struct exo_freemap_head *map, uint64_t bytes);

/* cred.c. Who acts, and whether they are in a group. */
void exo_cred_fill(struct exo_cred_fs *c);
const struct exo_cred_fs *exo_cred(const struct exo_fs *fs);
bool exo_cred_member(const struct exo_fs *fs, gid_t gid);
/* Permissions by mode bits; mask of R_OK, W_OK, X_OK. 0 or -EACCES. */
int exo_node_may(const struct exo_fs *fs, const struct exo_node *node, int mask);
/* May the caller remove or replace `node` in `dir`? 0, -EACCES, or -EPERM for a sticky directory. */
int exo_node_may_remove(const struct exo_fs *fs, const struct exo_node *dir, const struct exo_node *node);
bool exo_node_owner(const struct exo_fs *fs, const struct exo_node *node); /* its owner, or one who may do all */
bool exo_cred_all(const struct exo_fs *fs);				   /* uid 0, or somebody else checks */
/* Set-id bits of a file with that mode and group that go when whoever acts changes it. */
mode_t exo_setid_lost(const struct exo_fs *fs, mode_t mode, gid_t gid);

/*
 * path.c. `at`: where a relative path starts, NULL: the top. walk: the node that a path names (with a reference).
 * walk_last: the directory of the last component (with a reference) and that component in `name`, in buf or in path;
 * where the last one is the top, "." or "..", the error `dots`.
 */
#define EXO_WALK_NOFOLLOW 1u
#define EXO_WALK_EMPTY 2u /* an empty path names `at` */
struct exo_walk {
	char buf[2 * PATH_MAX];
	struct exo_name name;
	bool slash; /* the path ended in '/' */
};
int exo_walk(struct exo_fs *fs, struct exo_node *at, const char *path, unsigned flags, struct exo_node **out);
int exo_walk_last(struct exo_fs *fs, struct exo_node *at, const char *path, int dots, struct exo_walk *w,
		  struct exo_node **dir);
/* As walk_last, with a final symlink followed and the last component looked up: *node is NULL if there is none. For
 * O_CREAT. */
int exo_walk_create(struct exo_fs *fs, struct exo_node *at, const char *path, struct exo_walk *w, struct exo_node **dir,
		    struct exo_node **node);

#endif
