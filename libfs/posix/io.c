// SPDX-License-Identifier: GPL-2.0 OR MIT
/* io.c: the calls on open files: bytes, offsets, sizes, directory entries. */
#include <dirent.h>
#include <sys/statfs.h>
#include <sys/uio.h>
#include "posix.h"

#ifndef RWF_NOAPPEND
#define RWF_NOAPPEND 0x20
#endif
#define IO_MAX 0x7ffff000l

static long by_fd(struct op *op)
{
	op->o = posix_ofd(op->a[(int)op->c->fd]);
	if (!op->o)
		return -EBADF;
	if (!op->o->f || op->o->t->err) {
		long err = op->o->t->err ? op->o->t->err : posix_ready(op->o);

		if (err)
			return err;
	}
	return op->c->inner(op);
}

int posix_by_fd(struct regs *r, const struct call *c)
{
	struct op op = {r->rax, {r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9}, .c = c};

	if (!posix_ofd(op.a[(int)c->fd]))
		return 0;
	if (!posix_pointers(&op))
		return posix_done(r, -EFAULT);
	return posix_done(r, posix_enter(&op, by_fd));
}

#define FD ((int)op->a[(int)op->c->fd])

/* ---- bytes ---- */

long posix_read_at(struct ofd *o, void *buf, size_t n, int64_t off)
{
	if (o->oflags & O_PATH)
		return -EBADF;
	if (o->type == S_IFDIR)
		return o->oflags & O_WRONLY ? -EBADF : -EISDIR;
	if (n && !posix_memory(buf, 1, true)) {
		struct stat st;
		int err = exo_file_stat(o->f, &st);

		return err ? err : o->oflags & O_WRONLY ? -EBADF : off < st.st_size ? -EFAULT : 0;
	}
	return exo_file_pread(o->f, buf, n < IO_MAX ? n : IO_MAX, off);
}

/* Whoever reads after a write has returned sees it, in any process. */
long posix_write_at(struct ofd *o, const void *buf, size_t n, int64_t off)
{
	n = posix_fits(off, n);
	if ((long)n < 0)
		return n;
	return exo_file_pwrite(o->f, buf, n < IO_MAX ? n : IO_MAX, off);
}

static long written(struct ofd *o, long n)
{
	int err = n > 0 ? exo_file_flush(o->f) : 0;

	if (n > 0 && !err && o->oflags & (O_SYNC | O_DSYNC))
		err = (o->oflags & O_SYNC) == O_SYNC ? exo_file_sync(o->f) : exo_file_datasync(o->f);
	return err ? err : n;
}

long in_read(struct op *op)
{
	int64_t off = posix_offset(op->o, FD);
	long n = posix_read_at(op->o, (void *)op->a[1], op->a[2], off);

	if (n > 0)
		posix_set_offset(op->o, FD, off + n);
	return n;
}

static long append(struct ofd *o, int fd, const void *buf, size_t n)
{
	off_t end = 0;
	struct stat st;
	long put, err;

	posix_append_lock(o);
	if (posix_limited() && !exo_file_stat(o->f, &st)) {
		n = posix_fits(st.st_size, n);
		if ((long)n < 0) {
			posix_append_unlock(o);
			return n;
		}
	}
	put = exo_file_append(o->f, buf, n < IO_MAX ? n : IO_MAX, &end);
	err = put > 0 ? exo_file_flush(o->f) : 0;
	posix_append_unlock(o);
	if (put > 0)
		posix_set_offset(o, fd, end);
	return err ? err : put;
}

static long put(struct op *op, const void *buf, size_t n)
{
	int64_t off;
	long done;

	if (op->o->oflags & O_APPEND)
		return append(op->o, FD, buf, n);
	off = posix_offset(op->o, FD);
	done = posix_write_at(op->o, buf, n, off);
	if (done > 0)
		posix_set_offset(op->o, FD, off + done);
	return done;
}

long in_write(struct op *op)
{
	return written(op->o, put(op, (const void *)op->a[1], op->a[2]));
}
long in_pread(struct op *op)
{
	return op->a[3] < 0 ? -EINVAL : posix_read_at(op->o, (void *)op->a[1], op->a[2], op->a[3]);
}
long in_pwrite(struct op *op)
{
	return op->a[3] < 0 ? -EINVAL : written(op->o, posix_write_at(op->o, (void *)op->a[1], op->a[2], op->a[3]));
}

static long check_vector(const struct iovec *v, long n)
{
	size_t sum = 0;
	long i;

	if (n < 0 || n > IOV_MAX)
		return -EINVAL;
	for (i = 0; i < n; i++)
		if (v[i].iov_len > SSIZE_MAX || (sum += v[i].iov_len) > SSIZE_MAX)
			return -EINVAL;
	return 0;
}

/* off -1: the file's own. */
static long read_vector(struct op *op, int64_t off)
{
	const struct iovec *v = (const void *)op->a[1];
	bool own = off == -1;
	long i, got, done = 0, err = check_vector(v, op->a[2]);

	if (err)
		return err;
	if (own)
		off = posix_offset(op->o, FD);
	if (!op->a[2])
		return posix_read_at(op->o, NULL, 0, off);
	for (i = 0; i < op->a[2]; i++) {
		got = posix_read_at(op->o, v[i].iov_base, v[i].iov_len, off + done);
		if (got < 0 && !done)
			return got;
		if (got > 0)
			done += got;
		if (got < (long)v[i].iov_len)
			break;
	}
	if (own && done)
		posix_set_offset(op->o, FD, off + done);
	return done;
}

static long write_vector(struct op *op, int64_t off, bool appending)
{
	const struct iovec *v = (const void *)op->a[1];
	long i, got, done = 0, err = check_vector(v, op->a[2]);

	if (err)
		return err;
	for (i = 0; i < op->a[2]; i++) {
		got = off == -1 ? appending ? append(op->o, FD, v[i].iov_base, v[i].iov_len)
					    : put(op, v[i].iov_base, v[i].iov_len)
				: posix_write_at(op->o, v[i].iov_base, v[i].iov_len, off + done);
		if (got < 0 && !done)
			return got;
		if (got > 0)
			done += got;
		if (got < (long)v[i].iov_len)
			break;
	}
	return written(op->o, done);
}

long in_readv(struct op *op)
{
	return read_vector(op, -1);
}
long in_writev(struct op *op)
{
	return write_vector(op, -1, false);
}
long in_preadv(struct op *op)
{
	return op->a[3] < 0 ? -EINVAL : read_vector(op, op->a[3]);
}
long in_pwritev(struct op *op)
{
	return op->a[3] < 0 ? -EINVAL : write_vector(op, op->a[3], false);
}
long in_preadv2(struct op *op)
{
	if (op->a[5] & ~(RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND | RWF_NOAPPEND))
		return -EOPNOTSUPP;
	return op->a[3] < -1 ? -EINVAL : read_vector(op, op->a[3]);
}
long in_pwritev2(struct op *op)
{
	long n;

	if (op->a[5] & ~(RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND | RWF_NOAPPEND) ||
	    (op->a[5] & RWF_NOAPPEND && op->o->oflags & O_APPEND))
		return -EOPNOTSUPP;
	if (op->a[5] & RWF_APPEND && op->a[5] & RWF_NOAPPEND)
		return -EINVAL;
	if (op->a[3] < -1)
		return -EINVAL;
	n = write_vector(op, op->a[5] & RWF_APPEND ? -1 : op->a[3], op->a[5] & RWF_APPEND);
	if (n > 0 && op->a[5] & (RWF_DSYNC | RWF_SYNC)) {
		int err = op->a[5] & RWF_SYNC ? exo_file_sync(op->o->f) : exo_file_datasync(op->o->f);

		return err ? err : n;
	}
	return n;
}

long in_lseek(struct op *op)
{
	int64_t off = op->a[1], base = 0;
	struct stat st;
	int err;

	if (op->o->oflags & O_PATH)
		return -EBADF;
	switch (op->a[2]) {
	case SEEK_SET:
		break;
	case SEEK_CUR:
		base = posix_offset(op->o, FD);
		break;
	case SEEK_END:
		err = exo_file_stat(op->o->f, &st);
		if (err)
			return err;
		base = op->o->type == S_IFDIR ? INT64_MAX : st.st_size;
		if (off > INT64_MAX - base)
			return -EINVAL;
		break;
	case SEEK_DATA:
	case SEEK_HOLE:
		off = exo_file_seek(op->o->f, off, op->a[2]);
		if (off < 0)
			return off;
		break;
	default:
		return -EINVAL;
	}
	if (__builtin_add_overflow(base, off, &off))
		return -EOVERFLOW;
	if (off < 0)
		return -EINVAL;
	posix_set_offset(op->o, FD, off);
	return off;
}

/* ---- sizes, durability, advice ---- */

long in_ftruncate(struct op *op)
{
	int err = op->o->oflags & O_PATH ? -EBADF : posix_grows(op->o, op->a[1]);

	if (!err)
		err = exo_file_truncate(op->o->f, op->a[1]);

	if (!err)
		posix_maps_resized(op->o);
	return err;
}
long in_fallocate(struct op *op)
{
	int err = op->a[1] & FALLOC_FL_KEEP_SIZE || op->a[2] < 0 || op->a[3] < 0 || op->a[2] > INT64_MAX - op->a[3]
			  ? 0
			  : posix_grows(op->o, op->a[2] + op->a[3]);

	return err ? err : exo_file_fallocate(op->o->f, op->a[1], op->a[2], op->a[3]);
}
long in_fsync(struct op *op)
{
	return exo_file_sync(op->o->f);
}
long in_fdatasync(struct op *op)
{
	return exo_file_datasync(op->o->f);
}
long in_sync_file_range(struct op *op)
{
	if (op->a[1] < 0 || op->a[2] < 0 || op->a[1] > INT64_MAX - op->a[2] || op->a[3] & ~7l)
		return -EINVAL;
	return exo_file_datasync(op->o->f);
}
long in_syncfs(struct op *op)
{
	return op->o->oflags & O_PATH ? -EBADF : exo_fs_sync(op->o->t->fs);
}
long in_advice(struct op *op)
{
	return op->o->oflags & O_PATH							 ? -EBADF
	       : op->a[2] < 0 || (int)op->a[3] < 0 || (int)op->a[3] > POSIX_FADV_NOREUSE ? -EINVAL
											 : 0;
}
long in_readahead(struct op *op)
{
	return op->o->oflags & O_PATH || op->o->oflags & O_WRONLY ? -EBADF : op->o->type != S_IFREG ? -EINVAL : 0;
}

/* ---- attributes of an open file ---- */

long in_fstat(struct op *op)
{
	struct stat st;
	int err = exo_file_stat(op->o->f, &st);

	if (!err) {
		posix_fix_stat(op->o->t, &st);
		*(struct stat *)op->a[1] = st;
	}
	return err;
}

#define SELF op->o->t->fs, op->o->f, ""
#define NOT_PATH(call) (op->o->oflags & O_PATH ? -EBADF : (call))

long in_fchmod(struct op *op)
{
	return NOT_PATH(exo_at_chmod(SELF, op->a[1], EXO_FS_EMPTY));
}
long in_fchown(struct op *op)
{
	return NOT_PATH(exo_at_chown(SELF, op->a[1], op->a[2], EXO_FS_EMPTY));
}
long in_fgetxattr(struct op *op)
{
	return NOT_PATH(exo_at_getxattr(SELF, (const char *)op->a[1], (void *)op->a[2], op->a[3], EXO_FS_EMPTY));
}
long in_fsetxattr(struct op *op)
{
	return NOT_PATH(
		exo_at_setxattr(SELF, (const char *)op->a[1], (void *)op->a[2], op->a[3], op->a[4], EXO_FS_EMPTY));
}
long in_flistxattr(struct op *op)
{
	return NOT_PATH(exo_at_listxattr(SELF, (char *)op->a[1], op->a[2], EXO_FS_EMPTY));
}
long in_fremovexattr(struct op *op)
{
	return NOT_PATH(exo_at_removexattr(SELF, (const char *)op->a[1], EXO_FS_EMPTY));
}
long in_fstatfs(struct op *op)
{
	return posix_statfs(op->o->t, (void *)op->a[1]);
}

long in_fchdir(struct op *op)
{
	int err;

	if (op->o->type != S_IFDIR)
		return -ENOTDIR;
	err = exo_at_access(SELF, X_OK, EXO_FS_EMPTY);
	if (err)
		return err;
	op->o->refs++;
	return go_to(op->o);
}

/* ---- directories: 0, 1 and 2 are before ".", before ".." and before the rest; then the cookie and 2 ---- */

struct filling {
	char *at, *end;
	bool old; /* getdents, not getdents64 */
	int64_t off;
	int err;
};

static int entry(struct filling *f, uint64_t ino, int64_t next, mode_t type, const char *name, size_t len)
{
	size_t head = f->old ? 18 : 19, bytes = (head + len + 1 + (f->old ? 1 : 0) + 7) & ~7ul;
	uint16_t size = bytes;

	if (f->end - f->at < (long)bytes) {
		f->err = -EINVAL;
		return 1;
	}
	memset(f->at, 0, bytes);
	memcpy(f->at, &ino, 8);
	memcpy(f->at + 8, &next, 8);
	memcpy(f->at + 16, &size, 2);
	if (f->old)
		f->at[bytes - 1] = IFTODT(type);
	else
		f->at[18] = IFTODT(type);
	memcpy(f->at + head, name, len);
	f->at += bytes;
	f->off = next;
	return 0;
}

static int one(void *arg, const struct exo_dirent *d)
{
	return entry(arg, d->ino, d->next + 2, d->type, d->name, d->len);
}

static long list(struct op *op, bool old)
{
	char *buf = (char *)op->a[1];
	struct filling f = {buf, buf + (unsigned)op->a[2], old, posix_offset(op->o, FD), 0};
	struct stat st;
	int err = 0;

	if (op->o->oflags & O_PATH)
		return -EBADF;
	if (op->o->type != S_IFDIR)
		return -ENOTDIR;
	if (!exo_file_stat(op->o->f, &st) && !st.st_nlink)
		return -ENOENT;
	if (f.off == 0 && !f.err)
		entry(&f, op->o->ino, 1, S_IFDIR, ".", 1);
	if (f.off == 1 && !f.err) {
		if (exo_at_stat(op->o->t->fs, op->o->f, "..", EXO_FS_NOFOLLOW, &st))
			st.st_ino = op->o->ino;
		entry(&f, st.st_ino, 2, S_IFDIR, "..", 2);
	}
	if (f.off >= 2 && !f.err)
		err = exo_file_readdir(op->o->f, f.off - 2, one, &f);
	if (f.at > buf) {
		posix_set_offset(op->o, FD, f.off);
		return f.at - buf;
	}
	return err < 0 ? err : f.err;
}

long in_getdents64(struct op *op)
{
	return list(op, false);
}
long in_getdents(struct op *op)
{
	return list(op, true);
}
