/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * posix.h: what the files of libexo-posix share.
 *
 * One lock, posix_enter, is held around everything that touches a tree or the tables below; it is taken with signals
 * blocked as soon as the program has a handler, and what runs under it has a stack and an allocator of its own. So a
 * call may come from a signal handler, from a thread with a small stack, or from inside libc.
 */
#ifndef POSIX_H
#define POSIX_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <libexo-fs.h>
#include "calls.h"
#include "raw.h"

#define TREES_MAX 8
#define FD_CHUNK 1024
#define FD_CHUNKS 1024
#define LINKS_MAX 40

/* The caller's registers, as gate.S leaves them. */
struct regs {
	long rax, rdi, rsi, rdx, r10, r8, r9, rbp, rcx;
};

struct tree {
	char disk[256], root[64];
	char prefix[1024];
	size_t plen;
	bool readonly;
	struct exo *x;
	struct exo_fs *fs; /* NULL: not yet attached */
	int dev;	   /* the descriptor of /dev/exo */
	int err;	   /* attaching failed, for good */
};

/* An open file description of ours. */
struct ofd {
	unsigned refs;
	struct tree *t;
	struct exo_file *f;
	int oflags;
	bool shared;  /* another process may have it, too: the offset is the placeholder's */
	int64_t off;  /* while not shared */
	int lockfd;   /* see process.c; -1 */
	int appendfd; /* lock file for appending, if appender is not 0: the process that opened it */
	long appender;
	mode_t type;
	uint64_t ino;
	char *path; /* inherited, and not yet opened: f is NULL */
};

/* What a process has and what a child of vfork gets a copy of. */
struct proc {
	struct ofd **chunk[FD_CHUNKS];
	struct ofd *cwd; /* NULL: the kernel's */
	void *left;	 /* memory that an image which is gone has left */
	size_t left_len;
};

/* Where a path leads: into a tree, or t NULL: the host. */
struct where {
	struct tree *t;
	struct ofd *at; /* NULL: the tree's top */
	const char *path;
	bool self; /* what `at` is itself, by a name such as /dev/fd/3 */
};

/* One call under way. */
struct op {
	long nr;
	long a[6];
	const struct call *c;
	struct where w[2];
	struct ofd *o;
	long ret;
	char outside[64]; /* -OUTSIDE: what is to be opened in the user's folder, and how */
	int outside_flags;
};
#define OUTSIDE 4094

/* Which arguments of a call are what; -1: none. */
struct call {
	int (*outer)(struct regs *r, const struct call *c);
	long (*inner)(struct op *op);
	signed char dirfd1, path1, dirfd2, path2, fd;
	unsigned char flags;
};
#define C_EMPTY 1u /* an empty path may name the descriptor */

extern unsigned char posix_wanted[512];
extern const struct call posix_calls[512];
extern struct tree posix_trees[TREES_MAX];
extern int posix_ntrees;
extern bool posix_handlers; /* the program has, or had, a signal handler */
extern char posix_library[PATH_MAX];
extern char posix_config[4096];

/* main.c */
long posix_enter(struct op *op, long (*fn)(struct op *op));
struct proc *posix_proc(void);
long posix_raw(const struct op *op);
int posix_done(struct regs *r, long ret);
bool posix_inside(void);
long posix_fork(struct op *op); /* with the lock held, so that the child finds everything whole */
extern bool posix_identity;	/* uid or gid have changed */
void posix_identify(void);	/* this thread acts as who it is now */
void posix_as_before(void);	/* after acting as somebody else: as every call does */

/* patch.c: put the gate behind every system call of the loaded libc and its loader. How many could not be. */
int posix_patch(void);
int posix_folder(void); /* the user's own, for what processes share; -1: there is none */

/* resolve.c */
bool posix_resolve(int dirfd, const char *path, struct where *w);
int posix_by_path(struct regs *r, const struct call *c);
int posix_finish(struct regs *r, struct op *op); /* the call, with w filled in */
long posix_at_paths(struct op *op); /* inside: where the paths are is said in w */
int posix_escaped(struct where *w, char *buf);
const char *posix_prefixed(const char *path, struct tree **t);
/* A path of the host that symbolic links may lead into a tree: 0 and the path in `out`, or -ENOENT. */
int posix_follow(int dirfd, const char *path, bool follow, char out[PATH_MAX]);

/* fds.c */
struct ofd *posix_ofd(int fd);
int posix_install(struct ofd *o, int cloexec);	       /* a descriptor, or -errno; takes the reference */
void posix_set(struct proc *p, int fd, struct ofd *o); /* takes the reference; what was there goes */
void posix_put(struct ofd *o);
struct ofd *posix_new(struct tree *t, struct exo_file *f, int oflags);
struct proc *posix_copy(const struct proc *p);
void posix_drop(struct proc *p);
int64_t posix_offset(struct ofd *o, int fd);
void posix_set_offset(struct ofd *o, int fd, int64_t off);
void posix_share_all(struct proc *p);
bool posix_internal(int fd);
void posix_leave(void *p, size_t len);
int posix_high(int fd); /* move a descriptor of ours out of the way */
mode_t posix_umask(void);
void posix_fix_stat(const struct tree *t, struct stat *st);

long go_to(struct ofd *o); /* the current directory; NULL: the kernel's. Takes the reference */

/* tree.c */
int posix_attach(struct tree *t);
void posix_moved(struct tree *t); /* its descriptor has another number */
int posix_after_fork(void);
void posix_each(int (*fn)(struct exo_fs *fs)); /* of all trees that are attached */
void posix_child(long pid);
int posix_parse(const char *config);

/* process.c */
bool posix_limited(void); /* by RLIMIT_FSIZE */
size_t posix_fits(uint64_t off, size_t n);
int posix_grows(struct ofd *o, int64_t size);
void posix_append_lock(struct ofd *o);
void posix_append_unlock(struct ofd *o);

/* maps.c */
void posix_maps_resized(struct ofd *o); /* the file's size was set: what it has as memory is mapped anew */
bool posix_shared_maps(void);
void posix_remap(void);

/* exec.c */
void posix_inherit(const char *state);
int posix_ready(struct ofd *o);
void posix_arrived(struct tree *t); /* just attached */

/* special.c */
void posix_shadow_name(const char *kind, const struct stat *st, char name[64]);
long posix_open_fifo(const struct op *op);

/* memory.c: can it be read or written? */
bool posix_memory(const void *at, size_t len, bool write);
bool posix_string(const char *s);
bool posix_pointers(const struct op *op); /* what a call points at, but for its paths */
void posix_unmapped(uintptr_t at, size_t len);

/* alloc.c */
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t m);
void *__wrap_realloc(void *p, size_t n);
void __wrap_free(void *p);

/* io.c */
int posix_by_fd(struct regs *r, const struct call *c);
long posix_read_at(struct ofd *o, void *buf, size_t n, int64_t off);
long posix_write_at(struct ofd *o, const void *buf, size_t n, int64_t off);

struct statfs;
long posix_statfs(struct tree *t, struct statfs *to); /* names.c */
void posix_vforked(void);			      /* fds.c: the tables of a child of vfork begin */
bool posix_in_vfork(void);			      /* this is such a child */

#endif
