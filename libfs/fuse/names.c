// SPDX-License-Identifier: GPL-2.0 OR MIT
/* names.c: requests that look up, make, move and remove names. */
#include <limits.h>
#include "bridge.h"

static void answer_entry(fuse_req_t req, int err, struct fuse_entry_param *e)
{
	if (err) {
		fuse_reply_err(req, -err);
	} else if (fuse_reply_entry(req, e) == -ENOENT) {
		/* The caller was interrupted and will not forget it. */
		inode_drop(bridge_of(req), e->ino, 1);
	}
}

void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct bridge *b = bridge_of(req);
	struct fuse_entry_param e;

	act_for(req);
	answer_entry(req, inode_lookup(b, parent, name, &e), &e);
}

void op_forget(fuse_req_t req, fuse_ino_t nodeid, uint64_t lookups)
{
	inode_drop(bridge_of(req), nodeid, lookups);
	fuse_reply_none(req);
}

void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	size_t i;

	for (i = 0; i < count; i++)
		inode_drop(bridge_of(req), forgets[i].ino, forgets[i].nlookup);
	fuse_reply_none(req);
}

void op_readlink(fuse_req_t req, fuse_ino_t nodeid)
{
	struct bridge *b = bridge_of(req);
	char target[PATH_MAX + 1];
	ssize_t n;

	act_for(req);
	n = exo_at_readlink(b->fs, inode_at(b, nodeid), "", target, PATH_MAX);
	if (n < 0) {
		/* "" is no name of what is no link; the kernel asked about this very inode. */
		fuse_reply_err(req, n == -ENOENT ? EINVAL : -n);
		return;
	}
	target[n] = 0;
	fuse_reply_readlink(req, target);
}

/* What was made is found again by its name. */
static void answer_made(fuse_req_t req, struct bridge *b, int err, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param e;

	if (!err)
		err = inode_lookup(b, parent, name, &e);
	answer_entry(req, err, &e);
}

void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t dev)
{
	struct bridge *b = begin_change(req);

	answer_made(req, b, exo_at_mknod(b->fs, inode_at(b, parent), name, mode, dev), parent, name);
}

void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct bridge *b = begin_change(req);

	answer_made(req, b, exo_at_mkdir(b->fs, inode_at(b, parent), name, mode), parent, name);
}

void op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	struct bridge *b = begin_change(req);

	answer_made(req, b, exo_at_symlink(b->fs, target, inode_at(b, parent), name), parent, name);
}

void op_link(fuse_req_t req, fuse_ino_t nodeid, fuse_ino_t newparent, const char *newname)
{
	struct bridge *b = begin_change(req);

	answer_made(req, b, exo_at_link(b->fs, inode_at(b, nodeid), "", inode_at(b, newparent), newname, EXO_FS_EMPTY),
		    newparent, newname);
}

void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct bridge *b = begin_change(req);

	fuse_reply_err(req, -exo_at_unlink(b->fs, inode_at(b, parent), name, 0));
}

void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct bridge *b = begin_change(req);

	fuse_reply_err(req, -exo_at_unlink(b->fs, inode_at(b, parent), name, EXO_FS_REMOVEDIR));
}

void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t newparent, const char *newname,
	       unsigned int flags)
{
	struct bridge *b = begin_change(req);

	fuse_reply_err(req, -exo_at_rename(b->fs, inode_at(b, parent), name, inode_at(b, newparent), newname, flags));
}

/* The entry of an open file. On an error f is closed. */
static int entry_of(struct bridge *b, struct exo_file *f, struct fuse_entry_param *e)
{
	struct exo_file *at;
	int err = exo_file_reopen(f, O_PATH, &at);

	if (!err)
		err = inode_take(b, at, e);
	if (err)
		exo_file_close(f);
	return err;
}

void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *fi)
{
	int oflags = (fi->flags & (O_ACCMODE | O_EXCL | O_TRUNC | O_NOATIME)) | O_CREAT | O_NOFOLLOW;
	struct bridge *b = begin_change(req);
	struct fuse_entry_param e;
	struct exo_file *f;
	int err;

	err = exo_at_open(b->fs, inode_at(b, parent), name, oflags, mode, &f);
	if (!err)
		err = entry_of(b, f, &e);
	if (err) {
		fuse_reply_err(req, -err);
		return;
	}
	fi->fh = (uintptr_t)f;
	if (fuse_reply_create(req, &e, fi) == -ENOENT) {
		exo_file_close(f);
		inode_drop(b, e.ino, 1);
	}
}

int make_tmpfile(struct bridge *b, fuse_ino_t parent, int oflags, mode_t mode, struct fuse_entry_param *e,
		 struct exo_file **f)
{
	int err = exo_at_open(b->fs, inode_at(b, parent), ".", (oflags & (O_ACCMODE | O_EXCL | O_NOATIME)) | O_TMPFILE,
			      mode, f);

	return err ? err : entry_of(b, *f, e);
}
