/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * store.h: where documents come from. One small interface, so that a server's cost can be compared with the
 * documents in an exo file system, in a Linux directory, and later in webfs.
 *
 * A store belongs to one process and one thread. Paths are as target.h makes them: relative to the store's top, no
 * leading slash, no empty, "." or ".." segment; "" is the top. All functions return 0, a count, or -errno.
 */
#ifndef CHEETAH_STORE_H
#define CHEETAH_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

struct store;

/* An open regular file. The store embeds this as the first member of its own struct and owns it until close. */
struct store_file {
	const struct store_ops *ops;
	struct stat st; /* as it was when opened: ino, size, mtime count */
};

struct store_ops {
	const char *name;
	const char *peek_how; /* how peek gets at the bytes, for the mode line */

	/* -EISDIR for a directory, -EACCES for what is neither file nor directory or may not be read. */
	int (*open)(struct store *s, const char *path, struct store_file **out);
	int (*stat)(struct store *s, const char *path, struct stat *st);
	/*
	 * Address of byte `off` of the file, and how many bytes from there on may be read through it; 0 at the end. The
	 * addresses are for system calls to read from (writev): another process may shrink the file or take the frame
	 * away at any moment, and then the system call fails with EFAULT where a load would be a signal. They are valid
	 * until done or close.
	 */
	ssize_t (*peek)(struct store_file *f, uint64_t off, const void **data);
	/* No address from peek is in use any more. May be NULL. */
	void (*done)(struct store_file *f);
	/* A system call found a peeked address gone; called after done. What peek gives next is looked up anew. May be
	 * NULL. */
	void (*lost)(struct store_file *f);
	/* Copy up to n bytes; 0 at the end. */
	ssize_t (*read)(struct store_file *f, void *buf, size_t n, uint64_t off);
	void (*close)(struct store_file *f);
	/* Calls fn for each entry of a directory until it answers other than 0. */
	int (*list)(struct store *s, const char *path, int (*fn)(void *arg, const char *name, bool directory),
		    void *arg);
	void (*destroy)(struct store *s);
};

struct store {
	const struct store_ops *ops;
};

/* Open a store from its words on the command line; on failure *error is filled with a sentence and what to do. */
#define STORE_ERROR 512
int store_open(struct store **out, const char *spec, char error[STORE_ERROR]);

/* Is the spec well formed? Answers without opening anything. */
bool store_valid(const char *spec, char error[STORE_ERROR]);

/* One of these takes what follows "dir:" or "exo:". */
int store_dir_open(struct store **out, const char *path, char error[STORE_ERROR]);
int store_exo_open(struct store **out, const char *where, char error[STORE_ERROR]);

/* Same file in the same state, as far as a validator can tell? */
static inline bool store_same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

#endif
