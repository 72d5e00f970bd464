// SPDX-License-Identifier: GPL-2.0 OR MIT
/* io.c: the calls on open files: bytes, offsets, sizes, directory entries. */
#include <dirent.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/statfs.h>
#include <sys/uio.h>
#include "posix.h"

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
	return posix_done(r, posix_enter(&op, by_fd));
}

#define FD ((int)op->a[(int)op->c->fd])

/* ---- bytes ---- */

static long read_at(struct ofd *o, void *buf, size_t n, int64_t off)
{
	if (o->oflags & O_PATH)
		return -EBADF;
	if (o->type == S_IFDIR)
		return o->oflags & O_WRONLY ? -EBADF : -EISDIR;
	return exo_file_pread(o->f, buf, n < IO_MAX ? n : IO_MAX, off);
}

/* Whoever reads after a write has returned sees it, in any process. */
static long write_at(struct ofd *o, const void *buf, size_t n, int64_t off)
{
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
	long n = read_at(op->o, (void *)op->a[1], op->a[2], off);

	if (n > 0)
		posix_set_offset(op->o, FD, off + n);
	return n;
}

static long append(struct ofd *o, int fd, const void *buf, size_t n)
{
	off_t end = 0;
	long put, err;

	posix_append_lock(o);
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
	done = write_at(op->o, buf, n, off);
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
	return op->a[3] < 0 ? -EINVAL : read_at(op->o, (void *)op->a[1], op->a[2], op->a[3]);
}
long in_pwrite(struct op *op)
{
	return op->a[3] < 0 ? -EINVAL : written(op->o, write_at(op->o, (void *)op->a[1], op->a[2], op->a[3]));
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
		return read_at(op->o, NULL, 0, off);
	for (i = 0; i < op->a[2]; i++) {
		got = read_at(op->o, v[i].iov_base, v[i].iov_len, off + done);
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
				: write_at(op->o, v[i].iov_base, v[i].iov_len, off + done);
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
	if (op->a[5] & ~(RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT))
		return -EOPNOTSUPP;
	return op->a[3] < -1 ? -EINVAL : read_vector(op, op->a[3]);
}
long in_pwritev2(struct op *op)
{
	long n;

	if (op->a[5] & ~(RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND))
		return -EOPNOTSUPP;
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
	int err = op->o->oflags & O_PATH ? -EBADF : exo_file_truncate(op->o->f, op->a[1]);

	if (!err)
		posix_maps_resized(op->o);
	return err;
}
long in_fallocate(struct op *op)
{
	return exo_file_fallocate(op->o->f, op->a[1], op->a[2], op->a[3]);
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

/* ---- between two files: by way of memory ---- */

#define PIECE (64ul << 10)

/* Reading from or writing to a descriptor that need not be ours; off NULL: its own offset. */
static long from_fd(int fd, void *buf, size_t n, int64_t *off)
{
	struct ofd *o = posix_ofd(fd);
	int64_t at;
	long got;

	if (!o)
		return off ? raw4(SYS_pread64, fd, buf, n, *off) : raw3(SYS_read, fd, buf, n);
	at = off ? *off : posix_offset(o, fd);
	got = read_at(o, buf, n, at);
	if (got > 0 && !off)
		posix_set_offset(o, fd, at + got);
	return got;
}

static long to_fd(int fd, const void *buf, size_t n, int64_t *off)
{
	struct ofd *o = posix_ofd(fd);
	int64_t at;
	long put_;

	if (!o)
		return off ? raw4(SYS_pwrite64, fd, buf, n, *off) : raw3(SYS_write, fd, buf, n);
	at = off ? *off : posix_offset(o, fd);
	put_ = !off && o->oflags & O_APPEND ? append(o, fd, buf, n) : write_at(o, buf, n, at);
	if (put_ > 0 && !off && !(o->oflags & O_APPEND))
		posix_set_offset(o, fd, at + put_);
	return put_;
}

struct copying {
	int in, out;
	int64_t *in_off, *out_off;
	size_t n;
};

static long copy(const struct copying *c)
{
	static char buf[PIECE];
	struct ofd *o = posix_ofd(c->out);
	size_t done = 0;
	long got = 0, put_;

	while (done < c->n) {
		size_t want = c->n - done < PIECE ? c->n - done : PIECE;
		int64_t in_at = c->in_off ? 0 : posix_ofd(c->in) ? posix_offset(posix_ofd(c->in), c->in) : -1;

		got = from_fd(c->in, buf, want, c->in_off);
		if (got <= 0)
			break;
		put_ = to_fd(c->out, buf, got, c->out_off);
		if (c->in_off)
			*c->in_off += put_ > 0 ? put_ : 0;
		else if (put_ < got && in_at >= 0)
			posix_set_offset(posix_ofd(c->in), c->in, in_at + (put_ > 0 ? put_ : 0));
		if (c->out_off && put_ > 0)
			*c->out_off += put_;
		if (put_ <= 0) {
			got = put_;
			break;
		}
		done += put_;
		if (put_ < got)
			break;
	}
	if (done && o) {
		int err = exo_file_flush(o->f);

		if (err)
			return err;
	}
	return done ? (long)done : got;
}

static long do_copy(struct op *op)
{
	struct copying c;

	if (op->nr == SYS_sendfile) {
		c = (struct copying){op->a[1], op->a[0], (int64_t *)op->a[2], NULL, op->a[3]};
	} else {
		if (op->a[5])
			return -EINVAL;
		c = (struct copying){op->a[0], op->a[2], (int64_t *)op->a[1], (int64_t *)op->a[3], op->a[4]};
	}
	if (c.in_off && *c.in_off < 0)
		return -EINVAL;
	if (op->nr == SYS_copy_file_range) {
		struct ofd *in = posix_ofd(c.in), *out = posix_ofd(c.out);
		int64_t from, to;

		if (!in || !out)
			return -EBADF;
		from = c.in_off ? *c.in_off : posix_offset(in, c.in);
		to = c.out_off ? *c.out_off : posix_offset(out, c.out);
		if (out->oflags & O_APPEND)
			return -EBADF;
		if (in->t == out->t && in->ino == out->ino && from < to + (int64_t)c.n && to < from + (int64_t)c.n)
			return -EINVAL;
	}
	return copy(&c);
}

int out_copy(struct regs *r, const struct call *c)
{
	struct op op = {r->rax, {r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9}, .c = c};
	int a = op.a[0], b = r->rax == SYS_sendfile ? op.a[1] : op.a[2];

	if (!posix_ofd(a) && !posix_ofd(b))
		return 0;
	/* A pipe may block while the lock is held; who asks knows how to do without these calls. */
	if (r->rax == SYS_splice || (r->rax == SYS_sendfile && !posix_ofd(a)))
		return posix_done(r, -EINVAL);
	if (r->rax == SYS_copy_file_range && (!posix_ofd(a) || !posix_ofd(b)))
		return posix_done(r, -EXDEV);
	return posix_done(r, posix_enter(&op, do_copy));
}
