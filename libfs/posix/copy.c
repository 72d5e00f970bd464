// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * copy.c: copy_file_range, sendfile, splice: by way of memory. Between two files of trees all of it is done under the
 * lock. Where the other end is the kernel's, which may block, only our end of each piece is.
 */
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include "posix.h"

#define PIECE (64ul << 10)
#define SPLICE_NONBLOCK 2
#define SPLICE_FLAGS 15l

struct copying {
	int in, out;
	int64_t *in_off, *out_off; /* NULL: the descriptor's own */
	size_t n;
	char *buf;
	size_t len; /* bytes in it, or wanted */
};

/* ---- our end, under the lock ---- */

static long take_at(const struct copying *c, struct ofd *o)
{
	return posix_read_at(o, c->buf, c->len, c->in_off ? *c->in_off : posix_offset(o, c->in));
}

static void taken(const struct copying *c, struct ofd *o, size_t n)
{
	if (c->in_off)
		*c->in_off += n;
	else
		posix_set_offset(o, c->in, posix_offset(o, c->in) + n);
}

static long give(const struct copying *c, struct ofd *o)
{
	int64_t at = c->out_off ? *c->out_off : posix_offset(o, c->out);
	long put = posix_write_at(o, c->buf, c->len, at);

	if (put > 0 && c->out_off)
		*c->out_off += put;
	else if (put > 0)
		posix_set_offset(o, c->out, at + put);
	return put;
}

static long both_ours(const struct copying *all)
{
	struct ofd *in = posix_ofd(all->in), *out = posix_ofd(all->out);
	struct copying c = *all;
	size_t done = 0;
	long got = 0, put = 0;
	int err;

	while (done < all->n) {
		c.len = all->n - done < PIECE ? all->n - done : PIECE;
		got = take_at(&c, in);
		if (got <= 0)
			break;
		c.len = got;
		put = give(&c, out);
		if (put > 0) {
			taken(&c, in, put);
			done += put;
		}
		if (put < got)
			break;
	}
	if (done) {
		err = exo_file_flush(out->f);
		return err ? err : (long)done;
	}
	return got > 0 ? put : got;
}

static long range(const struct copying *c)
{
	struct ofd *in = posix_ofd(c->in), *out = posix_ofd(c->out);
	int64_t from = c->in_off ? *c->in_off : posix_offset(in, c->in),
		to = c->out_off ? *c->out_off : posix_offset(out, c->out);

	if (in->type == S_IFDIR || out->type == S_IFDIR)
		return -EISDIR;
	if (in->oflags & (O_PATH | O_WRONLY) || out->oflags & (O_PATH | O_APPEND) || !(out->oflags & O_ACCMODE))
		return -EBADF;
	if (from < 0 || to < 0)
		return -EINVAL;
	if ((int64_t)c->n < 0 || from > INT64_MAX - (int64_t)c->n || to > INT64_MAX - (int64_t)c->n)
		return -EOVERFLOW;
	if (in->t == out->t && in->ino == out->ino && from < to + (int64_t)c->n && to < from + (int64_t)c->n)
		return -EINVAL;
	return both_ours(c);
}

static struct copying *copying_of(struct op *op)
{
	return (struct copying *)op->o;
}

static long ready(struct copying *c)
{
	struct ofd *in = posix_ofd(c->in), *out = posix_ofd(c->out);
	long err = in ? posix_ready(in) : 0;

	return err ? err : out ? posix_ready(out) : 0;
}

static long inner_both(struct op *op)
{
	struct copying *c = copying_of(op);
	long err = ready(c);

	return err ? err : op->nr == SYS_copy_file_range ? range(c) : both_ours(c);
}

static long inner_take(struct op *op)
{
	struct copying *c = copying_of(op);
	struct ofd *o = posix_ofd(c->in);
	long err = ready(c);

	return err ? err : o ? take_at(c, o) : -EBADF;
}

static long inner_taken(struct op *op)
{
	struct copying *c = copying_of(op);
	struct ofd *o = posix_ofd(c->in);

	if (o)
		taken(c, o, c->len);
	return 0;
}

static long inner_give(struct op *op)
{
	struct copying *c = copying_of(op);
	struct ofd *o = posix_ofd(c->out);
	long n = ready(c), err;

	if (n)
		return n;
	n = o ? give(c, o) : -EBADF;
	err = n > 0 ? exo_file_flush(o->f) : 0;
	return err ? err : n;
}

/* ---- the other end ---- */

/* Bytes that go into a pipe without waiting; waits for the first. */
static long pipe_room(int fd, bool wait)
{
	struct pollfd p = {fd, POLLOUT, 0};
	int in = 0;
	long size, n = raw3(SYS_poll, &p, 1, wait ? -1 : 0);

	if (n <= 0)
		return n ? n : -EAGAIN;
	size = raw2(SYS_fcntl, fd, F_GETPIPE_SZ);
	raw3(SYS_ioctl, fd, FIONREAD, &in);
	/* Room for one page at least, or poll would not have said so. */
	return size - in > 4096 ? size - in : 4096;
}

static long to_host(struct op *op, struct copying *c, bool pipe, bool wait)
{
	size_t done = 0, all = c->n;
	long got, put = 0;

	while (done < all) {
		c->len = all - done < PIECE ? all - done : PIECE;
		if (pipe) {
			long room = pipe_room(c->out, wait);

			if (room < 0)
				return done ? (long)done : room;
			c->len = c->len < (size_t)room ? c->len : (size_t)room;
		}
		got = posix_enter(op, inner_take);
		if (got <= 0)
			return done ? (long)done : got;
		put = raw3(SYS_write, c->out, c->buf, got);
		if (put <= 0)
			return done ? (long)done : put;
		c->len = put;
		posix_enter(op, inner_taken);
		done += put;
		if (pipe || put < got)
			break;
	}
	return done;
}

static long from_host(struct op *op, struct copying *c, bool pipe, bool wait)
{
	size_t done = 0, all = c->n;
	long got, put;

	while (done < all) {
		struct pollfd p = {c->in, POLLIN, 0};

		c->len = all - done < PIECE ? all - done : PIECE;
		if (pipe && !wait && raw3(SYS_poll, &p, 1, 0) != 1)
			return done ? (long)done : -EAGAIN;
		got = c->in_off ? raw4(SYS_pread64, c->in, c->buf, c->len, *c->in_off)
				: raw3(SYS_read, c->in, c->buf, c->len);
		if (got <= 0)
			return done ? (long)done : got;
		c->len = got;
		put = posix_enter(op, inner_give);
		/* A file's bytes can be read again, a pipe's are lost. */
		if (c->in_off)
			*c->in_off += put > 0 ? put : 0;
		else if (!pipe && put < got)
			raw3(SYS_lseek, c->in, (put > 0 ? put : 0) - got, SEEK_CUR);
		if (put <= 0)
			return done ? (long)done : put;
		done += put;
		if (pipe || put < got)
			break;
	}
	return done;
}

static long with_host(struct op *op, struct copying *c)
{
	struct ofd *in = posix_ofd(c->in), *out = posix_ofd(c->out);
	bool splice = op->nr == SYS_splice, wait = !splice || !(op->a[5] & SPLICE_NONBLOCK);
	struct stat st;
	long err = raw2(SYS_fstat, in ? c->out : c->in, &st), p;

	if (err)
		return err;
	if (in ? in->oflags & (O_PATH | O_WRONLY) : out->oflags & O_PATH || !(out->oflags & O_ACCMODE))
		return -EBADF;
	if (splice && (!S_ISFIFO(st.st_mode) || op->a[5] & ~SPLICE_FLAGS))
		return -EINVAL;
	if (splice && (in ? c->out_off : c->in_off))
		return -ESPIPE;
	/* What is sent from can be mapped, and what is written to at a place is not appended to. */
	if ((!in && !splice && !S_ISREG(st.st_mode)) || (out && out->oflags & O_APPEND) ||
	    (in && in->type != S_IFREG) || (c->in_off && *c->in_off < 0) || (c->out_off && *c->out_off < 0))
		return -EINVAL;
	p = raw6(SYS_mmap, 0, PIECE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p < 0 && p > -4096)
		return p;
	c->buf = (char *)p;
	err = in ? to_host(op, c, splice, wait) : from_host(op, c, splice, wait);
	raw2(SYS_munmap, p, PIECE);
	return err;
}

static bool offset_ok(const int64_t *at)
{
	return !at || posix_memory(at, sizeof(*at), true);
}

int out_copy(struct regs *r, const struct call *call)
{
	static char buf[PIECE]; /* under the lock */
	struct op op = {r->rax, {r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9}, .c = call};
	struct copying c = {op.a[0], op.a[2], (int64_t *)op.a[1], (int64_t *)op.a[3], op.a[4], buf, 0};
	struct stat st;
	bool in, out;

	if (r->rax == SYS_sendfile)
		c = (struct copying){op.a[1], op.a[0], (int64_t *)op.a[2], NULL, op.a[3], buf, 0};
	in = posix_ofd(c.in);
	out = posix_ofd(c.out);
	if (!in && !out)
		return 0;
	if (!offset_ok(c.in_off) || !offset_ok(c.out_off))
		return posix_done(r, -EFAULT);
	op.o = (struct ofd *)&c;
	if (in != out && r->rax == SYS_copy_file_range) {
		long err = raw2(SYS_fstat, in ? c.out : c.in, &st);

		return posix_done(r, err ? err : S_ISDIR(st.st_mode) ? -EISDIR : S_ISREG(st.st_mode) ? -EXDEV : -EINVAL);
	}
	if (in != out)
		return posix_done(r, with_host(&op, &c));
	if (r->rax == SYS_splice || (r->rax == SYS_copy_file_range && op.a[5]) ||
	    (r->rax == SYS_sendfile && ((c.in_off && *c.in_off < 0) || posix_ofd(c.out)->oflags & O_APPEND)))
		return posix_done(r, -EINVAL);
	return posix_done(r, posix_enter(&op, inner_both));
}
