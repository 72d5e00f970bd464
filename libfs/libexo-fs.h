/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * libexo-fs.h: file systems as libraries. One opaque handle per mounted tree, the same calls for every type.
 *
 * Paths are relative to the tree's root, with or without a leading '/'; "." and ".." are resolved inside it. All
 * functions return 0, a non-negative count or handle where they say so, or -errno with POSIX meaning. The library
 * prints nothing. A handle may be used by many threads. Nothing is durable before exo_fs_sync or exo_file_sync return
 * 0.
 */
#ifndef LIBEXO_FS_H
#define LIBEXO_FS_H

#include <stdint.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <time.h>
#include <libexo.h>

#ifdef __cplusplus
extern "C" {
#endif

struct exo_fs;	 /* one tree */
struct exo_file; /* one open file or directory of it */

/* mkfs: new root `name` on an attached disk, as the calling user. udf_dir NULL: the installed UDFs. quota in blocks, 0:
 * none. */
struct exo_mkfs {
	const char *type; /* "cffs" or "logfs" */
	const char *name;
	uint64_t quota;
	uint32_t root_flags; /* EXO_ROOT_* */
	mode_t mode;	     /* of the top directory; 0: 0755 */
	const char *udf_dir;
};
int exo_fs_mkfs(struct exo *x, uint32_t disk, const struct exo_mkfs *opt, struct exo_why *why);

/* open: finds the type from the root's template. flags: EXO_FS_RDONLY. close does not sync. */
/*
 * JOIN: other processes may be using the tree, so that what they left open or half done is not cleaned up now. HOST: the
 * tree stands somewhere in a larger name space: a symlink with an absolute target, and ".." from the top, lead out of it.
 * Such a call gives -EXO_ESCAPED, and exo_fs_escaped says where the path goes on: an absolute path, or what is behind ".."
 * of the top; *from is the caller's path that it was. Valid until the next call on the tree.
 */
#define EXO_FS_RDONLY 1u
#define EXO_FS_JOIN 2u
#define EXO_FS_HOST 4u
#define EXO_ESCAPED 4095
int exo_fs_open(struct exo_fs **out, struct exo *x, uint32_t disk, const char *name, unsigned flags,
		struct exo_why *why);
void exo_fs_close(struct exo_fs *fs);
const char *exo_fs_escaped(const struct exo_fs *fs, const char **from);
/*
 * fork: before it, forking gives other processes all that was written. In the child, forked makes the tree and its open
 * files work with a handle of the child's own; the old one must not be used or closed there (its mappings may be gone),
 * and mappings of files are to be made again. One thread, before any other call. fork_end, in the parent after it, says
 * which process the child is (-1: there is none), so that what it has open is not freed before it has ended. A child
 * of vfork shares the parent's memory, and says so itself before it runs another image. Such an image, if it opens what
 * it inherited (exo_file_by_ino), then calls execed: what the one before it had open besides counts no more. Who ends without
 * exo_fs_close says so with exiting. marks: do others see what is open here? If not, a file without a name lasts until exec only.
 */
int exo_fs_forking(struct exo_fs *fs);
void exo_fs_fork_end(struct exo_fs *fs, pid_t child);
int exo_fs_forked(struct exo_fs *fs, struct exo *x);
void exo_fs_execed(struct exo_fs *fs);
int exo_fs_exiting(struct exo_fs *fs);
int exo_fs_marks(struct exo_fs *fs); /* 1 or 0 */
/* What was gathered in memory gets its blocks, and other processes see it; not durable. */
int exo_fs_flush(struct exo_fs *fs);
int exo_fs_sync(struct exo_fs *fs);
int exo_fs_statvfs(struct exo_fs *fs, struct statvfs *st);
const char *exo_fs_type(const struct exo_fs *fs);
/* Why the last call of this thread on any tree failed in the module; code EXO_R_NONE if it did not. */
const struct exo_why *exo_fs_why(void);

/*
 * Who acts: permission bits are checked against it, and it owns what is created. For servers that act for others (a
 * FUSE mount): applies to the calling thread, on every tree, until it is set again; NULL: back to the process's own
 * identity as it was when the tree was opened. The module's own checks (capability, acl-UDF) always see the process.
 * CHECKED: somebody else (the kernel, for a mount) has checked the rights, so the library does not; uid and gid still
 * own what is created.
 */
#define EXO_FS_CHECKED 1u
struct exo_fs_cred {
	uid_t uid;
	gid_t gid;
	uint32_t ngroups; /* 0..64 */
	uint32_t flags;	  /* EXO_FS_CHECKED */
	const gid_t *groups;
};
int exo_fs_set_cred(const struct exo_fs_cred *cred); /* copied; -EINVAL: too many groups, unknown flags */

/*
 * Names. `at` is an open directory that a relative path starts from, NULL: the top. An absolute path starts from the
 * top. A mode is taken as it is: whoever has an umask applies it. Flags:
 *   NOFOLLOW   a final symlink itself, not what it names (link: the default, see FOLLOW)
 *   EMPTY      an empty path means `at` itself, whatever it is
 *   REMOVEDIR  unlink: a directory, as rmdir(2)
 *   FOLLOW     link: a final symlink of the old path is followed
 */
#define EXO_FS_NOFOLLOW 1u
#define EXO_FS_EMPTY 2u
#define EXO_FS_REMOVEDIR 4u
#define EXO_FS_FOLLOW 8u
int exo_at_stat(struct exo_fs *fs, struct exo_file *at, const char *path, unsigned flags, struct stat *st);
int exo_at_access(struct exo_fs *fs, struct exo_file *at, const char *path, int mask, unsigned flags); /* R_OK.. */
int exo_at_mkdir(struct exo_fs *fs, struct exo_file *at, const char *path, mode_t mode);
/* A regular file, fifo, socket or device; devices only for uid 0 (-EPERM). */
int exo_at_mknod(struct exo_fs *fs, struct exo_file *at, const char *path, mode_t mode, dev_t dev);
int exo_at_symlink(struct exo_fs *fs, const char *target, struct exo_file *at, const char *path);
ssize_t exo_at_readlink(struct exo_fs *fs, struct exo_file *at, const char *path, char *buf,
			size_t size); /* length; no NUL added; "" means `at` */
int exo_at_link(struct exo_fs *fs, struct exo_file *at, const char *path, struct exo_file *to_at, const char *to,
		unsigned flags);
int exo_at_unlink(struct exo_fs *fs, struct exo_file *at, const char *path, unsigned flags);
/* how: 0, RENAME_NOREPLACE or RENAME_EXCHANGE of renameat2(2) */
int exo_at_rename(struct exo_fs *fs, struct exo_file *at, const char *from, struct exo_file *to_at, const char *to,
		  unsigned how);
int exo_at_chmod(struct exo_fs *fs, struct exo_file *at, const char *path, mode_t mode, unsigned flags);
int exo_at_chown(struct exo_fs *fs, struct exo_file *at, const char *path, uid_t uid, gid_t gid, unsigned flags);
int exo_at_utimens(struct exo_fs *fs, struct exo_file *at, const char *path, const struct timespec ts[2],
		   unsigned flags);
int exo_at_truncate(struct exo_fs *fs, struct exo_file *at, const char *path, off_t size, unsigned flags);
/*
 * Extended attributes, as xattr(7): names with "user.", "trusted.", "security." or "system." in front. size 0: only the
 * length is wanted. how: 0, XATTR_CREATE or XATTR_REPLACE.
 */
ssize_t exo_at_getxattr(struct exo_fs *fs, struct exo_file *at, const char *path, const char *name, void *buf,
			size_t size, unsigned flags);
int exo_at_setxattr(struct exo_fs *fs, struct exo_file *at, const char *path, const char *name, const void *value,
		    size_t size, int how, unsigned flags);
ssize_t exo_at_listxattr(struct exo_fs *fs, struct exo_file *at, const char *path, char *buf, size_t size,
			 unsigned flags);
int exo_at_removexattr(struct exo_fs *fs, struct exo_file *at, const char *path, const char *name, unsigned flags);

/* The same from the top. stat, chmod and utimens follow a final symlink; stat, chown and utimens take NOFOLLOW. */
int exo_fs_stat(struct exo_fs *fs, const char *path, unsigned flags, struct stat *st);
int exo_fs_mkdir(struct exo_fs *fs, const char *path, mode_t mode);
int exo_fs_rmdir(struct exo_fs *fs, const char *path);
int exo_fs_unlink(struct exo_fs *fs, const char *path);
int exo_fs_symlink(struct exo_fs *fs, const char *target, const char *path);
ssize_t exo_fs_readlink(struct exo_fs *fs, const char *path, char *buf, size_t size); /* length; no NUL added */
int exo_fs_rename(struct exo_fs *fs, const char *from, const char *to);
int exo_fs_chmod(struct exo_fs *fs, const char *path, mode_t mode);
int exo_fs_chown(struct exo_fs *fs, const char *path, uid_t uid, gid_t gid, unsigned flags);
int exo_fs_utimens(struct exo_fs *fs, const char *path, const struct timespec ts[2], unsigned flags);

/*
 * Files. oflags as open(2): O_RDONLY.. O_CREAT O_EXCL O_TRUNC O_APPEND O_DIRECTORY O_NOFOLLOW O_TMPFILE O_PATH. An
 * O_PATH handle needs no right to the file, serves as `at` and does not keep an unlinked file alive. reopen: the file
 * that `f` names, opened anew with other flags (as open(2) of /proc/self/fd/N), rights checked again. by_ino: the file with that
 * number, also if its last name is gone while somebody has it open; finding it may take a walk through the tree. -ESTALE: there is none;
 * -EOPNOTSUPP: the type cannot find it.
 */
int exo_file_open(struct exo_fs *fs, const char *path, int oflags, mode_t mode, struct exo_file **out);
int exo_at_open(struct exo_fs *fs, struct exo_file *at, const char *path, int oflags, mode_t mode,
		struct exo_file **out);
int exo_file_reopen(struct exo_file *f, int oflags, struct exo_file **out);
/* As openat2(2): where the path may not lead. IN_ROOT: `at` is the top. -EXDEV, and -ELOOP for NO_SYMLINKS. */
#define EXO_RESOLVE_NO_XDEV 1u
#define EXO_RESOLVE_NO_SYMLINKS 4u
#define EXO_RESOLVE_BENEATH 8u
#define EXO_RESOLVE_IN_ROOT 16u
int exo_at_open_within(struct exo_fs *fs, struct exo_file *at, const char *path, int oflags, mode_t mode,
		       unsigned resolve, struct exo_file **out);
int exo_file_by_ino(struct exo_fs *fs, uint64_t ino, int oflags, struct exo_file **out);
void exo_file_close(struct exo_file *f);
int exo_file_stat(struct exo_file *f, struct stat *st);
/* A path of it from the top, with a leading '/' and a NUL: its length without; -ENOENT if it has none. By reading directories. */
ssize_t exo_file_path(struct exo_file *f, char *buf, size_t size);
ssize_t exo_file_pread(struct exo_file *f, void *buf, size_t n, off_t off);
ssize_t exo_file_pwrite(struct exo_file *f, const void *buf, size_t n, off_t off);
/* To the end, wherever that is; *end: the byte behind the last one written. */
ssize_t exo_file_append(struct exo_file *f, const void *buf, size_t n, off_t *end);
int exo_file_truncate(struct exo_file *f, off_t size);
/* mode: 0 or FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, FALLOC_FL_ZERO_RANGE [| KEEP_SIZE]. */
int exo_file_fallocate(struct exo_file *f, int mode, off_t off, off_t len);
off_t exo_file_seek(struct exo_file *f, off_t off, int whence); /* SEEK_DATA or SEEK_HOLE; -ENXIO as lseek(2) */
/* Bytes that were gathered in memory get their blocks, and other processes see them; not durable. -ENOSPC here rather than
 * never: close cannot say it. */
int exo_file_flush(struct exo_file *f);
int exo_file_sync(struct exo_file *f);
int exo_file_datasync(struct exo_file *f);	       /* bytes, size and blocks; not the times */
int exo_file_flags(const struct exo_file *f);	       /* oflags as opened or set */
int exo_file_setflags(struct exo_file *f, int oflags); /* O_APPEND, on or off; the rest is ignored */
/*
 * Zero copy: address of the cached frame that holds byte `off`, and how many bytes from there on lie in it and in
 * the file (at most one block; 0 at or behind the end; a hole gives a shared zero page). Valid until exo_file_close.
 */
ssize_t exo_file_peek(struct exo_file *f, off_t off, const void **data);
/*
 * The file as memory: bytes [off, off + len) appear at `addr`, instead of what is mapped there; all three are multiples
 * of 4096. What is stored there is the file's content at once, in every process; exo_file_sync makes it durable. prot:
 * PROT_READ, which needs the file open for reading, and PROT_WRITE, for reading and writing (-EACCES). A writable
 * mapping gives holes their blocks now (-ENOSPC, -EDQUOT); in one that is only read a hole is zeroes, also after somebody
 * else filled it. A page wholly behind the end, as it is now, is SIGBUS; in the last page the bytes behind the end are
 * zeroes, and never become the file's. Blocks whose frames are not neighbours need a mapping of their own: -ENOMEM when
 * the module's EXO_MAX_MAPS is reached. It outlives exo_file_close and keeps an unlinked file alive; a forked child does
 * not have it. unmap: afterwards nothing is mapped at [addr, addr + len); all must be gone before exo_fs_close. Its
 * writer's times are set at map and unmap.
 */
int exo_file_map(struct exo_file *f, off_t off, size_t len, int prot, void *addr);
int exo_file_unmap(struct exo_fs *fs, void *addr, size_t len);

/*
 * Where bytes [off, off + len) lie: fn is told each stretch of blocks in order, until it returns non-zero, which is then
 * returned; holes are left out. `io` is filled for exo_io but for frames: at most EXO_MAX_BIND blocks of it go into one
 * call. Blocks of the last stretch may reach behind the end of the file; what they hold there is nobody's. ALLOC, for a file
 * open for writing, gives holes their blocks first, which read as zeroes, and lets the file grow to off + len (-ENOSPC,
 * -EDQUOT: part of it may have them); fn may be NULL then. What was told is good until the file changes or a name beside it comes or goes;
 * exo_io refuses what is out of date (EXO_R_NOT_CLAIMED, EXO_R_NOT_IN_CORE): then ask again. -EOPNOTSUPP: the type cannot
 * tell, or this file has no blocks of its own.
 */
#define EXO_EXTENTS_ALLOC 1u
struct exo_file_extent {
	uint64_t off; /* in the file, of the first block; a multiple of 4096 */
	struct exo_io io;
};
typedef int (*exo_file_extent_fn)(void *arg, const struct exo_file_extent *e);
int exo_file_extents(struct exo_file *f, off_t off, off_t len, unsigned flags, exo_file_extent_fn fn, void *arg);

/* Directory entries in an order that stays put while the directory does not change; "." and ".." are not among them. */
struct exo_dirent {
	uint64_t ino;
	uint64_t next; /* cookie to continue behind this one */
	mode_t type;   /* S_IFREG and so on */
	uint32_t len;
	const char *name; /* NUL-terminated, valid during the callback */
};
/* Calls fn for each entry behind `cookie` (0: all) until it returns non-zero, which is then returned. */
int exo_file_readdir(struct exo_file *dir, uint64_t cookie, int (*fn)(void *arg, const struct exo_dirent *d),
		     void *arg);

/*
 * A directory's entries with what is known of each from reading it, so that nothing need be opened: as readdir and a stat
 * without following for each. PLAIN: it has one name and no extended attributes. BLOCKS: a regular file that the caller may read,
 * and `where` says where all its blocks are, as exo_file_extents does; so `nwhere` is 0 if it has none. target: of a symlink that
 * is PLAIN, else NULL. All pointers are valid during the callback. Needs search permission beside that to read.
 */
#define EXO_ENTRY_PLAIN 1u
#define EXO_ENTRY_BLOCKS 2u
struct exo_entry {
	struct exo_dirent d;
	struct stat st;
	unsigned flags; /* EXO_ENTRY_* */
	uint32_t nwhere;
	struct exo_file_extent where[2];
	const char *target;
};
typedef int (*exo_entry_fn)(void *arg, const struct exo_entry *e);
int exo_file_scan(struct exo_file *dir, uint64_t cookie, exo_entry_fn fn, void *arg);

/*
 * Many new entries of one directory, in as few transactions as the type can. Each has attributes and blocks from the
 * start, so it needs no further call. In `st`: mode with the type, uid and gid, rdev, atime and mtime, and a regular file's size;
 * owner and mode become what the caller may give, as with chown and chmod by cp -p: what was given comes back there, with the number.
 * BLOCKS: a regular file gets blocks for all its bytes, which read as zeroes until they are written, and `where` says where
 * they are; else it is one hole. `err` is set for each: 0 made; -EEXIST; -EAGAIN: this one is better made alone, with the ordinary
 * calls (its name's place is crowded, its blocks are in too many pieces); or why not. `dir` may be O_PATH.
 * Returns 0 when each was tried, or -errno when no further one can be made (-ENOSPC, -EDQUOT..); those not tried have it as `err`.
 * -EOPNOTSUPP: the type makes each alone.
 */
#define EXO_MAKE_BLOCKS 1u
struct exo_make {
	const char *name;   /* in the directory */
	const char *target; /* symlinks */
	struct stat st;
	unsigned flags; /* EXO_MAKE_* */
	int err;
	uint32_t nwhere;
	struct exo_file_extent where[2];
};
int exo_file_make(struct exo_file *dir, struct exo_make *v, uint32_t n);

/*
 * Consistency: what the module cannot know (names, sizes, order of keys). check walks the whole tree, calls fn for each
 * problem and returns how many there were. EXO_FS_REPAIR mends what it can: entries that a power cut left twice or
 * astray. dump writes the metadata below path, a line at a time.
 */
#define EXO_FS_REPAIR 1u
struct exo_fs_problem {
	uint64_t ino;	/* 0 if none */
	uint64_t block; /* where it was seen */
	int repaired;
	char text[320]; /* one sentence */
};
struct exo_fs_count {
	uint64_t dirs, files, symlinks, others;
	uint64_t bytes; /* sizes of files */
	uint64_t meta_blocks, data_blocks;
	uint64_t problems, repaired;
};
typedef int (*exo_fs_problem_fn)(void *arg, const struct exo_fs_problem *p); /* non-zero: stop, and return it */
typedef int (*exo_fs_line_fn)(void *arg, const char *line);
int exo_fs_check(struct exo_fs *fs, unsigned flags, exo_fs_problem_fn fn, void *arg, struct exo_fs_count *count);
int exo_fs_dump(struct exo_fs *fs, const char *path, exo_fs_line_fn fn, void *arg);
/*
 * Lay out anew what lies below `path` (NULL: all), as the type would if it were written now; for a log-structured type,
 * empty segments. Files stay usable meanwhile; a power cut loses nothing. fn, if given, is told how far it is (blocks); non-zero
 * stops, and is returned. -EOPNOTSUPP: the type has no such operation.
 */
typedef int (*exo_fs_progress_fn)(void *arg, uint64_t done, uint64_t total);
int exo_fs_defrag(struct exo_fs *fs, const char *path, exo_fs_progress_fn fn, void *arg);

/* What a type provides; the calls above are one line each over it. In libfs/type.h for authors of file systems. */

#ifdef __cplusplus
}
#endif
#endif
