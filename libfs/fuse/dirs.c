// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * dirs.c: reading directories. An offset of the kernel is the library's cookie plus 2; 1 and 2 are behind "." and "..",
 * so offsets stay good while entries come and go, as the cookies do.
 */
#include <stdint.h>
#include "bridge.h"

#define DOTS 2u

struct listing {
	fuse_req_t req;
	struct bridge *b;
	struct exo_file *dir;
	bool plus;
	char *buf;
	size_t size, used;
};

void op_opendir(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi)
{
	struct bridge *b = bridge_of(req);
	struct exo_file *f;
	int err;

	act_for(req);
	err = exo_file_reopen(inode_at(b, nodeid), O_RDONLY | O_DIRECTORY | (fi->flags & O_NOATIME), &f);
	if (err) {
		fuse_reply_err(req, -err);
		return;
	}
	fi->fh = (uintptr_t)f;
	if (fuse_reply_open(req, fi) == -ENOENT)
		exo_file_close(f);
}

/* 1: full. The entry then counts as not delivered. */
static int put(struct listing *l, const char *name, const struct fuse_entry_param *e, uint64_t off)
{
	size_t left = l->size - l->used, n;

	n = l->plus ? fuse_add_direntry_plus(l->req, l->buf + l->used, left, name, e, off)
		    : fuse_add_direntry(l->req, l->buf + l->used, left, name, &e->attr, off);
	if (n > left)
		return 1;
	l->used += n;
	return 0;
}

/* Without a node number, the kernel takes type and number, and looks no further. */
static int put_dot(struct listing *l, const char *name, uint64_t off)
{
	struct fuse_entry_param e = {.attr.st_mode = S_IFDIR};
	struct stat st;

	if (exo_at_stat(l->b->fs, l->dir, name, 0, &st))
		st.st_ino = UINT32_MAX;
	e.attr.st_ino = st.st_ino;
	return put(l, name, &e, off);
}

static int put_entry(void *arg, const struct exo_dirent *d)
{
	struct fuse_entry_param e = {.attr.st_mode = d->type, .attr.st_ino = d->ino};
	struct listing *l = arg;
	struct exo_file *at;
	int full;

	if (d->next > INT64_MAX - DOTS)
		return -EOVERFLOW;
	if (!l->plus)
		return put(l, d->name, &e, d->next + DOTS);
	/* Room first: a lookup that is not delivered would have to be taken back. */
	if (fuse_add_direntry_plus(l->req, NULL, 0, d->name, NULL, 0) > l->size - l->used)
		return 1;
	/* An entry that is gone by now is left to the kernel to look up. */
	if (exo_at_open(l->b->fs, l->dir, d->name, O_PATH | O_NOFOLLOW, 0, &at) || inode_take(l->b, at, &e))
		e = (struct fuse_entry_param){.attr.st_mode = d->type, .attr.st_ino = d->ino};
	full = put(l, d->name, &e, d->next + DOTS);
	if (full && e.ino)
		inode_drop(l->b, e.ino, 1);
	return full;
}

static void list(fuse_req_t req, size_t size, off_t off, struct fuse_file_info *fi, bool plus)
{
	struct listing l = {.req = req, .b = bridge_of(req), .dir = file_of(fi), .plus = plus};
	int err = 0;

	act_for(req);
	l.buf = thread_buffer();
	l.size = size < MAX_IO ? size : MAX_IO;
	if (!l.buf) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	if (off < 1)
		err = put_dot(&l, ".", 1);
	if (!err && off < (off_t)DOTS)
		err = put_dot(&l, "..", DOTS);
	if (!err)
		err = exo_file_readdir(l.dir, off > (off_t)DOTS ? off - DOTS : 0, put_entry, &l);
	/* Entries that were delivered come first; the error comes again with the next request. */
	if (err < 0 && !l.used)
		fuse_reply_err(req, -err);
	else
		fuse_reply_buf(req, l.buf, l.used);
}

void op_readdir(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t off, struct fuse_file_info *fi)
{
	list(req, size, off, fi, false);
}

void op_readdirplus(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t off, struct fuse_file_info *fi)
{
	list(req, size, off, fi, true);
}
