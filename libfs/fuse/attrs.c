// SPDX-License-Identifier: GPL-2.0 OR MIT
/* attrs.c: requests on attributes, extended attributes and the whole tree. */
#include "bridge.h"

static void answer_attr(fuse_req_t req, struct bridge *b, fuse_ino_t nodeid)
{
	struct stat st;
	int err = exo_file_stat(inode_at(b, nodeid), &st);

	if (err)
		fuse_reply_err(req, -err);
	else
		fuse_reply_attr(req, &st, b->timeout);
}

void op_getattr(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi)
{
	act_for(req);
	answer_attr(req, bridge_of(req), nodeid);
}

static struct timespec time_of(int to_set, int set, int now, struct timespec given)
{
	if (!(to_set & set))
		given.tv_nsec = UTIME_OMIT;
	else if (to_set & now)
		given.tv_nsec = UTIME_NOW;
	return given;
}

/*
 * Nothing to set: chown(-1, -1), which takes set-id bits away without saying so where the kernel leaves them to us; or
 * a write by root has just taken a file's capability away, and those bits stay.
 */
static int touch(struct bridge *b, struct exo_file *at, bool capable)
{
	struct stat st;
	int err = exo_file_stat(at, &st);

	if (err)
		return err;
	return S_ISLNK(st.st_mode) || (b->killpriv && !capable)
		       ? exo_at_chown(b->fs, at, "", -1, -1, EXO_FS_EMPTY)
		       : exo_at_chmod(b->fs, at, "", st.st_mode & 07777, EXO_FS_EMPTY);
}

/* The owner first: it takes set-id bits away, which a mode in the same request may give back. */
static int set_attr(struct bridge *b, struct exo_file *at, const struct stat *attr, int to_set,
		    struct fuse_file_info *fi, bool capable)
{
	const int times = FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME;
	const int owner = FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID;
	struct timespec ts[2];
	int err = to_set & (owner | FUSE_SET_ATTR_SIZE) || !to_set ? drop_privileges(b, at) : 0;

	if (!err && !to_set)
		err = touch(b, at, capable);
	if (!err && to_set & owner)
		err = exo_at_chown(b->fs, at, "", to_set & FUSE_SET_ATTR_UID ? attr->st_uid : (uid_t)-1,
				   to_set & FUSE_SET_ATTR_GID ? attr->st_gid : (gid_t)-1, EXO_FS_EMPTY);
	if (!err && to_set & FUSE_SET_ATTR_MODE)
		err = exo_at_chmod(b->fs, at, "", attr->st_mode & 07777, EXO_FS_EMPTY);
	/* With a handle, what counts is how it was opened. */
	if (!err && to_set & FUSE_SET_ATTR_SIZE)
		err = fi ? exo_file_truncate(file_of(fi), attr->st_size)
			 : exo_at_truncate(b->fs, at, "", attr->st_size, EXO_FS_EMPTY);
	if (!err && to_set & times) {
		ts[0] = time_of(to_set, FUSE_SET_ATTR_ATIME, FUSE_SET_ATTR_ATIME_NOW, attr->st_atim);
		ts[1] = time_of(to_set, FUSE_SET_ATTR_MTIME, FUSE_SET_ATTR_MTIME_NOW, attr->st_mtim);
		err = exo_at_utimens(b->fs, at, "", ts, EXO_FS_EMPTY);
	}
	return err;
}

void op_setattr(fuse_req_t req, fuse_ino_t nodeid, struct stat *attr, int to_set, struct fuse_file_info *fi)
{
	struct bridge *b = begin_change(req);
	bool capable = atomic_exchange(&inode_of(b, nodeid)->capable, false);
	int err = set_attr(b, inode_at(b, nodeid), attr, to_set, fi, capable);

	if (err)
		fuse_reply_err(req, -err);
	else
		answer_attr(req, b, nodeid);
}

void op_statfs(fuse_req_t req, fuse_ino_t nodeid)
{
	struct bridge *b = bridge_of(req);
	struct statvfs st;
	int err;

	act_for(req);
	err = exo_fs_statvfs(b->fs, &st);
	if (err)
		fuse_reply_err(req, -err);
	else
		fuse_reply_statfs(req, &st);
}

/* ---- extended attributes ---- */

void op_setxattr(fuse_req_t req, fuse_ino_t nodeid, const char *name, const char *value, size_t size, int flags)
{
	struct bridge *b = begin_change(req);

	fuse_reply_err(req, -exo_at_setxattr(b->fs, inode_at(b, nodeid), "", name, value, size, flags, EXO_FS_EMPTY));
}

/* size 0 asks for the length. */
static void answer_bytes(fuse_req_t req, const void *buf, size_t size, ssize_t got)
{
	if (got < 0)
		fuse_reply_err(req, -got);
	else if (!size)
		fuse_reply_xattr(req, got);
	else if ((size_t)got > size)
		fuse_reply_err(req, ERANGE);
	else
		fuse_reply_buf(req, buf, got);
}

void op_getxattr(fuse_req_t req, fuse_ino_t nodeid, const char *name, size_t size)
{
	struct bridge *b = bridge_of(req);
	void *buf = thread_buffer();
	ssize_t got = -ENOMEM;

	act_for(req);
	if (buf)
		got = exo_at_getxattr(b->fs, inode_at(b, nodeid), "", name, buf, size < MAX_IO ? size : MAX_IO,
				      EXO_FS_EMPTY);
	answer_bytes(req, buf, size, got);
}

/* The names that the requester may see; the kernel does not choose them here. */
void op_listxattr(fuse_req_t req, fuse_ino_t nodeid, size_t size)
{
	struct bridge *b = bridge_of(req);
	void *buf = thread_buffer();
	ssize_t got = -ENOMEM;

	act_for(req);
	if (buf)
		got = exo_at_listxattr(b->fs, inode_at(b, nodeid), "", buf, size < MAX_IO ? size : MAX_IO,
				       EXO_FS_EMPTY);
	/* A tree without any has none to list. */
	answer_bytes(req, buf, size, got == -EOPNOTSUPP ? 0 : got);
}

void op_removexattr(fuse_req_t req, fuse_ino_t nodeid, const char *name)
{
	struct bridge *b = begin_change(req);

	int err = exo_at_removexattr(b->fs, inode_at(b, nodeid), "", name, EXO_FS_EMPTY);

	if (!err && !strcmp(name, "security.capability"))
		atomic_store(&inode_of(b, nodeid)->capable, true);
	fuse_reply_err(req, -err);
}
