/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * bridge.h: what the files of exo-fuse share. exo-fuse shows one exo file system to the kernel, over libfuse's
 * low-level interface, on the public calls of libexo-fs.h alone.
 *
 * Who checks what: the mount has the option default_permissions, so the kernel checks rights, in its own order and with
 * all that only it knows (capabilities, the set-id bits of the caller's groups); the library is told so with
 * EXO_FS_CHECKED, and uses the requester's identity only as the owner of what is created.
 *
 * Locks: the tree's lock (inside libexo-fs) is taken before `lock` of the table of inodes, never after it: readdir's
 * callback runs under the former.
 */
#ifndef EXO_FUSE_BRIDGE_H
#define EXO_FUSE_BRIDGE_H

#define FUSE_USE_VERSION 314

#include <errno.h>
#include <fcntl.h>
#include <fuse3/fuse_lowlevel.h>
#include <libexo-fs.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "mount-ioctl.h"

#define MAX_IO (1u << 20) /* bytes of one read or write request */

/* What the kernel knows by one node number, which is this struct's address (the top: FUSE_ROOT_ID). */
struct inode {
	struct inode *next; /* in the bucket */
	uint64_t ino;
	uint64_t lookups;    /* references that the kernel holds */
	struct exo_file *at; /* O_PATH */
	atomic_bool capable; /* the last thing that happened to it is that it lost its capability */
};

struct bridge {
	struct exo *x;
	struct exo_fs *fs;
	struct fuse_session *session;
	bool readonly;
	bool killpriv;	/* see privileges.c */
	double timeout; /* seconds that the kernel may believe attributes and names */
	struct inode top;
	pthread_mutex_t lock; /* of the table */
	struct inode **bucket;
	size_t buckets, count;
	atomic_bool changed; /* something was changed since the last sync */
	atomic_bool up;	     /* the kernel has been answered */
};

static inline struct bridge *bridge_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static inline struct exo_file *file_of(const struct fuse_file_info *fi)
{
	return (struct exo_file *)(uintptr_t)fi->fh;
}

/* inodes.c */
int inodes_init(struct bridge *b);
void inodes_exit(struct bridge *b);
struct inode *inode_of(struct bridge *b, fuse_ino_t nodeid);
struct exo_file *inode_at(struct bridge *b, fuse_ino_t nodeid);
/*
 * The inode for a handle that was just opened; takes over `at`, also when it fails. One more lookup is counted. Fills
 * e.
 */
int inode_take(struct bridge *b, struct exo_file *at, struct fuse_entry_param *e);
int inode_lookup(struct bridge *b, fuse_ino_t parent, const char *name, struct fuse_entry_param *e);
void inode_drop(struct bridge *b, fuse_ino_t nodeid, uint64_t lookups);

/* Who asks; before each call into the library. */
void act_for(fuse_req_t req);
fuse_req_t acting_for(void);
void act_as(uid_t uid, gid_t gid);
/* The same for what changes something. */
static inline struct bridge *begin_change(fuse_req_t req)
{
	struct bridge *b = bridge_of(req);

	act_for(req);
	atomic_store_explicit(&b->changed, true, memory_order_relaxed);
	return b;
}

/* names.c: O_TMPFILE, which libfuse 3.14 does not know. The new file's entry and its handle. */
int make_tmpfile(struct bridge *b, fuse_ino_t parent, int oflags, mode_t mode, struct fuse_entry_param *e,
		 struct exo_file **f);

/* privileges.c */
struct fuse_in_header;
int privileges_init(struct bridge *b);		      /* after the mount */
void request_begins(const struct fuse_in_header *in); /* valid until the next */
/* A file's bytes or owner change by the running request: set-id bits and capabilities go, where that is left to us. */
int drop_privileges(struct bridge *b, struct exo_file *at);

/* Operations. */
void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
void op_forget(fuse_req_t req, fuse_ino_t nodeid, uint64_t lookups);
void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets);
void op_readlink(fuse_req_t req, fuse_ino_t nodeid);
void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t dev);
void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode);
void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name);
void op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name);
void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t newparent, const char *newname,
	       unsigned int flags);
void op_link(fuse_req_t req, fuse_ino_t nodeid, fuse_ino_t newparent, const char *newname);
void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *fi);

void op_getattr(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi);
void op_setattr(fuse_req_t req, fuse_ino_t nodeid, struct stat *attr, int to_set, struct fuse_file_info *fi);
void op_statfs(fuse_req_t req, fuse_ino_t nodeid);
void op_setxattr(fuse_req_t req, fuse_ino_t nodeid, const char *name, const char *value, size_t size, int flags);
void op_getxattr(fuse_req_t req, fuse_ino_t nodeid, const char *name, size_t size);
void op_listxattr(fuse_req_t req, fuse_ino_t nodeid, size_t size);
void op_removexattr(fuse_req_t req, fuse_ino_t nodeid, const char *name);

void op_open(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi);
void op_read(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t off, struct fuse_file_info *fi);
void op_write(fuse_req_t req, fuse_ino_t nodeid, const char *buf, size_t size, off_t off, struct fuse_file_info *fi);
void op_flush(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi);
void op_release(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi);
void op_fsync(fuse_req_t req, fuse_ino_t nodeid, int datasync, struct fuse_file_info *fi);
void op_fallocate(fuse_req_t req, fuse_ino_t nodeid, int mode, off_t off, off_t len, struct fuse_file_info *fi);
void op_lseek(fuse_req_t req, fuse_ino_t nodeid, off_t off, int whence, struct fuse_file_info *fi);
void op_copy(fuse_req_t req, fuse_ino_t in, off_t from, struct fuse_file_info *fi, fuse_ino_t out, off_t to,
	     struct fuse_file_info *fo, size_t len, int flags);
void op_ioctl(fuse_req_t req, fuse_ino_t nodeid, unsigned int cmd, void *arg, struct fuse_file_info *fi, unsigned flags,
	      const void *in, size_t in_size, size_t out_size);

void op_opendir(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi);
void op_readdir(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t off, struct fuse_file_info *fi);
void op_readdirplus(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t off, struct fuse_file_info *fi);

/* loop.c: serves requests with `threads` threads until the session ends, and sends SIGUSR1 to the process then. */
int loop_start(struct bridge *b, unsigned threads);
bool loop_over(void);
void loop_stop(struct bridge *b); /* ends what is left and waits for it */

/* A buffer of the calling thread, of MAX_IO bytes; NULL: no memory. */
void *thread_buffer(void);

/* A sentence on standard error, or in the system's log once the process has left its terminal. */
void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
