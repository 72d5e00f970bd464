/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * tree.h: reading a tree of files, whether it lies on the host or in an exo root, and walking it in one order.
 *
 * Paths are relative to the tree's top, without a leading '/'; "" is the top. Names of both kinds of tree are
 * hostile: an exo disk may have been written by anybody, and a host tree may change while it is read. So names are
 * checked by the walker, and on the host no path ever leaves the top or follows a symbolic link.
 */
#ifndef EXOCTL_TREE_H
#define EXOCTL_TREE_H

#include <sys/stat.h>
#include <sys/types.h>
#include <libexo-fs.h>

struct names {
	char **v;
	size_t n, room;
};

int names_add(struct names *l, const char *name);	/* 0 or -ENOMEM */
void names_sort(struct names *l);			/* by byte value */
void names_free(struct names *l);

struct tree;
struct tree_file;

/* All return 0 or a count, or -errno. */
struct tree_ops {
	int (*list)(struct tree *t, const char *path, struct names *out);
	int (*stat)(struct tree *t, const char *path, struct stat *st);	/* does not follow a symbolic link */
	ssize_t (*readlink)(struct tree *t, const char *path, char *buf, size_t size);
	int (*open)(struct tree *t, const char *path, struct tree_file **out);
	ssize_t (*pread)(struct tree_file *f, void *buf, size_t n, off_t off);
	off_t (*data)(struct tree_file *f, off_t from);	/* start of the next data at or behind `from`; -ENXIO: none */
	void (*close)(struct tree_file *f);
	void (*done)(struct tree *t);
};

struct tree {
	const struct tree_ops *ops;
	bool on_host;
};

int tree_host(const char *dir, struct tree **out);	/* 0 or -errno */
/* The tree does not own fs. `under` is a path in it, kept by reference. */
int tree_exo(struct exo_fs *fs, const char *under, struct tree **out);
void tree_free(struct tree *t);

/* Joins into a buffer of PATH_MAX. 0 or -ENAMETOOLONG. */
int path_join(char *out, const char *dir, const char *name);

/*
 * Walks everything below the top: `visit` for each entry, a directory before what is in it; `leave` for a directory behind it.
 * Entries of a directory come in byte order of their names. A callback that returns non-zero ends the walk with that
 * value. `trouble` is told what could not be read; the walk goes on behind it unless it returns non-zero.
 */
struct walk {
	int (*visit)(void *arg, const char *path, const struct stat *st);
	int (*leave)(void *arg, const char *path, const struct stat *st);	/* may be NULL */
	int (*trouble)(void *arg, const char *path, int err);
	void *arg;
};
int tree_walk(struct tree *t, const struct walk *w);

/* session.c: the root that a command works on, opened. */
struct session {
	struct exo *x;
	struct exo_fs *fs;
	uint32_t disk;
	const char *root;	/* its name */
	const char *path;	/* in the root; "" for the top */
};
/* As libexo-fs wants it: the top is "/" there. */
static inline const char *fs_path(const char *path)
{
	return *path ? path : "/";
}

struct args;
int session_open(const struct args *a, const char *target, unsigned flags, struct session *s);	/* EXIT_* */
void session_close(struct session *s);
int fs_failed(const char *what, const char *path, int err);	/* EXIT_REFUSED, with the module's reason if there is one */

/* One stop for SIGINT and SIGTERM: long commands look at it between entries. */
void stop_on_signals(void);
bool stop_asked(void);

/* Counting and showing how a copy goes. */
struct progress {
	uint64_t files, dirs, links, bytes;
	uint64_t skipped;	/* neither file, directory nor symbolic link */
	uint64_t troubled;	/* could not be read */
	double started, shown;
	bool quiet, terminal;
};
void progress_start(struct progress *p, bool quiet);
void progress_show(struct progress *p);
void progress_total(const struct progress *p, const char *verb);	/* on standard output */

#endif
