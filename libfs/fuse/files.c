// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * files.c: requests on open files.
 *
 * The kernel keeps read pages and believes attributes for `timeout` seconds; when it then sees another size or
 * modification time it drops the pages. Writes are passed on at once, so other users of the tree see them as soon as
 * the library shows them. A file whose time of access is to be updated by the next read is opened with an empty page
 * cache, so that this read arrives here.
 */
#include "bridge.h"

void *thread_buffer(void)
{
	static _Thread_local void *buf;

	/* Aligned, so that whole pages are copied as such. */
	if (!buf && posix_memalign(&buf, 4096, MAX_IO))
		buf = NULL;
	return buf;
}

/* Would a read now bring the time of access forward? As mount(8) says of relatime. */
static bool atime_old(const struct stat *st)
{
	const struct timespec *a = &st->st_atim, *m = &st->st_mtim, *c = &st->st_ctim;
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return a->tv_sec < m->tv_sec || (a->tv_sec == m->tv_sec && a->tv_nsec <= m->tv_nsec) || a->tv_sec < c->tv_sec ||
	       (a->tv_sec == c->tv_sec && a->tv_nsec <= c->tv_nsec) || now.tv_sec - a->tv_sec >= 24 * 60 * 60;
}

void op_open(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi)
{
	struct bridge *b = bridge_of(req);
	struct exo_file *f;
	struct stat st;
	int err;

	act_for(req);
	/* The kernel truncates by a request of its own, and says with each write where it goes. */
	err = exo_file_reopen(inode_at(b, nodeid), fi->flags & (O_ACCMODE | O_NOATIME), &f);
	if (err) {
		fuse_reply_err(req, -err);
		return;
	}
	fi->fh = (uintptr_t)f;
	/* What is not written has nothing to tell at close. */
	fi->noflush = (fi->flags & O_ACCMODE) == O_RDONLY;
	fi->keep_cache = b->readonly || fi->flags & O_NOATIME || (fi->flags & O_ACCMODE) == O_WRONLY ||
			 (!exo_file_stat(f, &st) && !atime_old(&st));
	if (fuse_reply_open(req, fi) == -ENOENT)
		exo_file_close(f);
}

void op_release(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi)
{
	act_for(req);
	exo_file_close(file_of(fi));
	fuse_reply_err(req, 0);
}

/* All that is there: a short answer means the end of the file to the kernel. */
static ssize_t read_all(struct exo_file *f, char *buf, size_t size, off_t off)
{
	size_t done = 0;
	ssize_t n;

	while (done < size) {
		n = exo_file_pread(f, buf + done, size - done, off + done);
		if (n < 0)
			return done ? (ssize_t)done : n;
		if (!n)
			break;
		done += n;
	}
	return done;
}

void op_read(fuse_req_t req, fuse_ino_t nodeid, size_t size, off_t off, struct fuse_file_info *fi)
{
	char *buf = thread_buffer();
	ssize_t n = -ENOMEM;

	act_for(req);
	if (buf)
		n = read_all(file_of(fi), buf, size < MAX_IO ? size : MAX_IO, off);
	if (n < 0)
		fuse_reply_err(req, -n);
	else
		fuse_reply_buf(req, buf, n);
}

static ssize_t write_all(struct exo_file *f, const char *buf, size_t size, off_t off, bool append)
{
	size_t done = 0;
	ssize_t n;

	while (done < size) {
		n = append ? exo_file_append(f, buf + done, size - done, NULL)
			   : exo_file_pwrite(f, buf + done, size - done, off + done);
		if (n < 0)
			return done ? (ssize_t)done : n;
		if (!n)
			break;
		done += n;
	}
	return done;
}

void op_write(fuse_req_t req, fuse_ino_t nodeid, const char *buf, size_t size, off_t off, struct fuse_file_info *fi)
{
	struct bridge *b = begin_change(req);
	ssize_t n = fi->writepage ? 0 : drop_privileges(b, inode_at(b, nodeid));

	/* The kernel's idea of the end may be old; but a mapped page goes where it belongs. */
	if (!n)
		n = write_all(file_of(fi), buf, size, off, fi->flags & O_APPEND && !fi->writepage);
	if (n < 0)
		fuse_reply_err(req, -n);
	else
		fuse_reply_write(req, n);
}

/* close(2): the last moment to tell that gathered bytes found no room. */
void op_flush(fuse_req_t req, fuse_ino_t nodeid, struct fuse_file_info *fi)
{
	act_for(req);
	fuse_reply_err(req, -exo_file_flush(file_of(fi)));
}

/* Also of directories. */
void op_fsync(fuse_req_t req, fuse_ino_t nodeid, int datasync, struct fuse_file_info *fi)
{
	act_for(req);
	fuse_reply_err(req, datasync ? -exo_file_datasync(file_of(fi)) : -exo_file_sync(file_of(fi)));
}

void op_fallocate(fuse_req_t req, fuse_ino_t nodeid, int mode, off_t off, off_t len, struct fuse_file_info *fi)
{
	struct bridge *b = begin_change(req);
	int err = exo_file_fallocate(file_of(fi), mode, off, len);

	fuse_reply_err(req, -(err ?: drop_privileges(b, inode_at(b, nodeid))));
}

void op_lseek(fuse_req_t req, fuse_ino_t nodeid, off_t off, int whence, struct fuse_file_info *fi)
{
	off_t at;

	act_for(req);
	at = exo_file_seek(file_of(fi), off, whence);
	if (at < 0)
		fuse_reply_err(req, -at);
	else
		fuse_reply_lseek(req, at);
}

/* As much as the buffer holds; the caller goes on from there. The kernel has written its pages out before. */
void op_copy(fuse_req_t req, fuse_ino_t in, off_t from, struct fuse_file_info *fi, fuse_ino_t out, off_t to,
	     struct fuse_file_info *fo, size_t len, int flags)
{
	char *buf = thread_buffer();
	struct bridge *b = begin_change(req);
	ssize_t n = buf ? 0 : -ENOMEM;
	int err;

	if (!n && flags)
		n = -EINVAL;
	if (!n)
		n = read_all(file_of(fi), buf, len < MAX_IO ? len : MAX_IO, from);
	if (n > 0 && (err = drop_privileges(b, inode_at(b, out))))
		n = err;
	if (n > 0)
		n = write_all(file_of(fo), buf, n, to, fo->flags & O_APPEND);
	if (n < 0)
		fuse_reply_err(req, -n);
	else
		fuse_reply_write(req, n);
}

void op_ioctl(fuse_req_t req, fuse_ino_t nodeid, unsigned int cmd, void *arg, struct fuse_file_info *fi, unsigned flags,
	      const void *in, size_t in_size, size_t out_size)
{
	struct exo_mount_sync out = {.pid = getpid()};
	struct bridge *b = bridge_of(req);
	int err;

	act_for(req);
	if (cmd != EXO_MOUNT_SYNC || flags & FUSE_IOCTL_COMPAT || nodeid != FUSE_ROOT_ID || out_size < sizeof(out)) {
		fuse_reply_err(req, ENOTTY);
		return;
	}
	err = b->readonly ? 0 : exo_fs_sync(b->fs);
	if (err)
		fuse_reply_err(req, -err);
	else
		fuse_reply_ioctl(req, 0, &out, sizeof(out));
}
