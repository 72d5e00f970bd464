// SPDX-License-Identifier: GPL-2.0 OR MIT
/* process.c: descriptors as numbers, fork, identity, the current directory, locks. */
#include <linux/sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include "posix.h"

#define OP(r, c)                                                                                                       \
	{                                                                                                              \
		(r)->rax, {(r)->rdi, (r)->rsi, (r)->rdx, (r)->r10, (r)->r8, (r)->r9}, .c = (c)                         \
	}

/* ---- numbers ---- */

static bool posix_locks; /* somebody has set one: closing a file must let go of it */

/* POSIX drops all of a process's locks on a file when it closes any descriptor of it. */
static void drop_locks(struct proc *p, const struct ofd *o)
{
	int i, j;
	long fd;

	for (i = 0; posix_locks && i < FD_CHUNKS; i++)
		for (j = 0; p->chunk[i] && j < FD_CHUNK; j++) {
			struct ofd *q = p->chunk[i][j];

			if (!q || q->t != o->t || q->ino != o->ino || q->lockfd < 0)
				continue;
			fd = raw3(SYS_fcntl, q->lockfd, F_DUPFD_CLOEXEC, 0);
			if (fd >= 0)
				raw1(SYS_close, fd);
			return;
		}
}

static void forget(struct proc *p, int fd)
{
	struct ofd *o = posix_ofd(fd);

	if (!o)
		return;
	drop_locks(p, o);
	posix_set(p, fd, NULL);
}

static long do_close(struct op *op)
{
	forget(posix_proc(), op->a[0]);
	return posix_raw(op);
}

int out_close(struct regs *r, const struct call *c)
{
	struct op op = OP(r, c);

	if (posix_internal(r->rdi))
		return posix_done(r, -EBADF);
	return posix_ofd(r->rdi) ? posix_done(r, posix_enter(&op, do_close)) : 0;
}

static long do_close_range(struct op *op)
{
	struct proc *p = posix_proc();
	unsigned long first = (unsigned)op->a[0], last = (unsigned)op->a[1], fd;
	int i, err = 0;

	for (fd = first; fd <= last && fd < FD_CHUNK * FD_CHUNKS; fd++) {
		if (!p->chunk[fd / FD_CHUNK])
			fd |= FD_CHUNK - 1;
		else
			forget(p, fd);
	}
	/* Around what is the library's own. */
	while (first <= last) {
		unsigned long end = last;

		for (i = 0; i < posix_ntrees; i++)
			if (posix_trees[i].dev >= 0 && (unsigned long)posix_trees[i].dev >= first &&
			    (unsigned long)posix_trees[i].dev <= end)
				end = posix_trees[i].dev;
		if (posix_internal(end)) {
			if (end > first)
				err = raw3(SYS_close_range, first, end - 1, op->a[2]);
			first = end + 1;
		} else {
			err = raw3(SYS_close_range, first, end, op->a[2]);
			break;
		}
	}
	return err;
}

int out_close_range(struct regs *r, const struct call *c)
{
	struct op op = OP(r, c);

	if (r->rdx & 4 /* CLOSE_RANGE_CLOEXEC */ || (unsigned)r->rdi > (unsigned)r->rsi)
		return 0;
	return posix_done(r, posix_enter(&op, do_close_range));
}

static long do_dup(struct op *op)
{
	struct ofd *o = posix_ofd(op->a[0]);
	struct proc *p = posix_proc();
	int i;
	long fd;

	if (op->nr == SYS_fcntl || op->nr == SYS_dup) {
		fd = posix_raw(op);
		if (fd >= 0 && o) {
			o->refs++;
			posix_set(p, fd, o);
		}
		return fd;
	}
	for (i = 0; i < posix_ntrees; i++)
		if (posix_trees[i].dev >= 0 && posix_trees[i].dev == (int)op->a[1]) {
			fd = raw3(SYS_fcntl, op->a[1], F_DUPFD_CLOEXEC, 3);
			if (fd < 0)
				return fd;
			posix_trees[i].dev = fd;
			posix_moved(&posix_trees[i]);
		}
	fd = posix_raw(op);
	if (fd < 0 || op->a[0] == op->a[1])
		return fd;
	forget(p, fd);
	if (o) {
		o->refs++;
		posix_set(p, fd, o);
	}
	return fd;
}

int out_dup(struct regs *r, const struct call *c)
{
	struct op op = OP(r, c);

	if (posix_internal(r->rdi))
		return posix_done(r, -EBADF);
	if (!posix_ofd(r->rdi) && (r->rax == SYS_dup || (!posix_ofd(r->rsi) && !posix_internal(r->rsi))))
		return 0;
	return posix_done(r, posix_enter(&op, do_dup));
}

/* ---- locks: on a file in the user's own folder, one for each inode ---- */

/* The file that stands for an inode where locks are concerned; each kind of lock has its own. */
static long shadow(struct ofd *o, const char *kind)
{
	char name[64];
	struct stat st;
	int folder;
	long fd;

	fd = posix_ready(o);
	if (!fd)
		fd = exo_file_stat(o->f, &st);
	if (fd)
		return fd;
	posix_shadow_name(kind, &st, name);
	folder = posix_folder();
	if (folder < 0)
		return -ENOLCK;
	fd = raw4(SYS_openat, folder, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	raw1(SYS_close, folder);
	return fd < 0 ? -ENOLCK : posix_high(fd);
}

static long lock_file(struct op *op)
{
	struct ofd *o = posix_ofd(op->a[0]);
	long fd;

	if (!o || o->oflags & O_PATH)
		return -EBADF;
	if (o->lockfd >= 0)
		return o->lockfd;
	fd = shadow(o, "lock-");
	if (fd >= 0)
		o->lockfd = fd;
	return fd;
}

/*
 * Where the end is and writing there are two steps, and only one process may be between them. A child of fork needs a
 * lock file of its own, or it would share its parent's lock.
 */
void posix_append_lock(struct ofd *o)
{
	long pid = raw1(SYS_getpid, 0);

	if (o->appender != pid) {
		if (o->appender)
			raw1(SYS_close, o->appendfd);
		o->appendfd = shadow(o, "append-");
		o->appender = pid;
	}
	if (o->appendfd >= 0)
		raw2(SYS_flock, o->appendfd, LOCK_EX);
}

void posix_append_unlock(struct ofd *o)
{
	if (o->appendfd >= 0)
		raw2(SYS_flock, o->appendfd, LOCK_UN);
}

int out_flock(struct regs *r, const struct call *c)
{
	struct op op = OP(r, c);
	long fd;

	if (!posix_ofd(r->rdi))
		return 0;
	fd = posix_enter(&op, lock_file);
	return posix_done(r, fd < 0 ? fd : raw2(SYS_flock, fd, r->rsi));
}

/* Offsets from the start, since the lock file has neither an offset nor an end of its own. */
static long lock_range(struct op *op)
{
	struct ofd *o = posix_ofd(op->a[0]);
	struct flock *l = (void *)op->a[2];
	int64_t base = 0;
	struct stat st;
	int err;

	if (!o)
		return -EBADF;
	if ((op->a[1] != F_GETLK && op->a[1] != F_OFD_GETLK) &&
	    ((l->l_type == F_RDLCK && (o->oflags & O_ACCMODE) == O_WRONLY) ||
	     (l->l_type == F_WRLCK && (o->oflags & O_ACCMODE) == O_RDONLY)))
		return -EBADF;
	if (l->l_whence == SEEK_CUR) {
		base = posix_offset(o, op->a[0]);
	} else if (l->l_whence == SEEK_END) {
		err = exo_file_stat(o->f, &st);
		if (err)
			return err;
		base = st.st_size;
	} else if (l->l_whence != SEEK_SET) {
		return -EINVAL;
	}
	if (__builtin_add_overflow(base, l->l_start, &base))
		return -EOVERFLOW;
	l->l_start = base;
	l->l_whence = SEEK_SET;
	posix_locks = true;
	return lock_file(op);
}

static int fcntl_lock(struct regs *r, struct op *op)
{
	struct flock mine, *theirs = (void *)r->rdx;
	long fd;

	if (!posix_memory(theirs, sizeof(*theirs), r->rsi == F_GETLK || r->rsi == F_OFD_GETLK))
		return posix_done(r, -EFAULT);
	mine = *theirs;
	op->a[2] = (long)&mine;
	fd = posix_enter(op, lock_range);
	if (fd >= 0) {
		fd = raw3(SYS_fcntl, fd, r->rsi, &mine);
		if (!fd && (r->rsi == F_GETLK || r->rsi == F_OFD_GETLK)) {
			if (mine.l_type == F_UNLCK)
				theirs->l_type = F_UNLCK;
			else
				*theirs = mine;
		}
	}
	return posix_done(r, fd);
}

static long set_flags(struct op *op)
{
	struct ofd *o = posix_ofd(op->a[0]);
	long err = o ? posix_raw(op) : -EBADF;

	if (!err) {
		o->oflags = (o->oflags & ~(O_APPEND | O_NONBLOCK | O_NOATIME)) |
			    (op->a[2] & (O_APPEND | O_NONBLOCK | O_NOATIME));
		if (o->f)
			exo_file_setflags(o->f, o->oflags);
	}
	return err;
}

int out_fcntl(struct regs *r, const struct call *c)
{
	struct op op = OP(r, c);
	struct ofd *o = posix_ofd(r->rdi);

	if (posix_internal(r->rdi))
		return posix_done(r, -EBADF);
	if (!o)
		return 0;
	switch (r->rsi) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		return posix_done(r, posix_enter(&op, do_dup));
	case F_GETFL:
		return posix_done(r, (o->oflags & ~O_EXCL) |
					     (o->oflags & O_PATH ? 0 : 0100000 /* O_LARGEFILE */));
	case F_SETFL:
		return posix_done(r, o->oflags & O_PATH ? -EBADF : posix_enter(&op, set_flags));
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
	case F_OFD_GETLK:
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
		return fcntl_lock(r, &op);
	case F_ADD_SEALS:
	case F_GET_SEALS:
	case F_SETLEASE:
		return posix_done(r, -EINVAL);
	}
	return 0;
}

/* ---- where one is ---- */

static long stay_out(struct op *op)
{
	return go_to(NULL);
}

int out_chdir(struct regs *r, const struct call *c)
{
	struct op op = OP(r, c);
	struct where w;
	int done;

	if (!posix_proc()->cwd || posix_resolve(AT_FDCWD, (const char *)r->rdi, &w))
		return posix_by_path(r, c);
	done = posix_by_path(r, c);
	/* The kernel's directory counts again, unless a link of the host led back. */
	if (!r->rax)
		posix_enter(&op, stay_out);
	return done;
}

int out_fchdir(struct regs *r, const struct call *c)
{
	struct op op = OP(r, c);

	if (posix_ofd(r->rdi))
		return posix_by_fd(r, c);
	if (!posix_proc()->cwd)
		return 0;
	r->rax = posix_raw(&op);
	if (!r->rax)
		posix_enter(&op, stay_out);
	return 1;
}

static long do_getcwd(struct op *op)
{
	static char path[2 * PATH_MAX];
	struct ofd *o = posix_proc()->cwd;
	size_t n = o->t->plen;
	long got = posix_attach(o->t);

	if (!got)
		got = posix_ready(o);
	if (!got) {
		memcpy(path, o->t->prefix, n);
		got = exo_file_path(o->f, path + n, PATH_MAX);
	}
	if (got < 0)
		return got;
	/* The top is the prefix itself. */
	n += got == 1 ? 0 : got;
	path[n] = 0;
	if (n + 1 > (size_t)op->a[1])
		return -ERANGE;
	memcpy((char *)op->a[0], path, n + 1);
	return n + 1;
}

int out_getcwd(struct regs *r, const struct call *c)
{
	struct op op = OP(r, c);

	if (!posix_proc()->cwd)
		return 0;
	if (r->rsi && !posix_memory((void *)r->rdi, 1, true))
		return posix_done(r, -EFAULT);
	return posix_done(r, posix_enter(&op, do_getcwd));
}

/* ---- fork ---- */

static long prepare(struct op *op)
{
	posix_each(exo_fs_forking);
	posix_share_all(posix_proc());
	return 0;
}

static long prepare_vfork(struct op *op)
{
	posix_each(exo_fs_forking);
	posix_share_all(posix_proc());
	posix_vforked();
	return 0;
}

static long nothing(struct op *op)
{
	return 0;
}

static bool in_use(void)
{
	int i;

	if (posix_proc()->cwd)
		return true;
	for (i = 0; i < FD_CHUNKS; i++)
		if (posix_proc()->chunk[i])
			return true;
	for (i = 0; i < posix_ntrees; i++)
		if (posix_trees[i].fs)
			return true;
	return false;
}

int out_clone(struct regs *r, const struct call *c)
{
	struct op op = OP(r, c);
	unsigned long flags = r->rax == SYS_fork    ? 0
			      : r->rax == SYS_vfork ? CLONE_VM | CLONE_VFORK
			      : r->rax == SYS_clone ? (unsigned long)r->rdi
						    : ((const struct clone_args *)r->rdi)->flags;
	long stack = r->rax == SYS_clone    ? r->rsi
		     : r->rax == SYS_clone3 ? (long)((struct clone_args *)r->rdi)->stack
					    : 0;

	if (!in_use() || flags & CLONE_THREAD || (flags & CLONE_VM && !(flags & CLONE_VFORK)))
		return 0;
	if (flags & CLONE_VM) {
		posix_enter(&op, prepare_vfork);
		return 0;
	}
	posix_enter(&op, prepare);
	if (stack)
		return 0;
	r->rax = posix_fork(&op);
	/* Memory that is shared with the file must be there before it is touched. */
	if (!r->rax && posix_shared_maps())
		posix_enter(&op, nothing);
	return 1;
}

/* Times of directories are written late, but not later than this. */
static long settle(struct op *op)
{
	if (posix_in_vfork())
		posix_child(-1);
	else
		posix_each(op->nr == SYS_exit_group ? exo_fs_exiting : exo_fs_flush);
	return 0;
}

int out_exit(struct regs *r, const struct call *c)
{
	struct op op = OP(r, c);

	if (in_use())
		posix_enter(&op, settle);
	return 0;
}

static long do_sync(struct op *op)
{
	int i;

	for (i = 0; i < posix_ntrees; i++)
		if (posix_trees[i].fs)
			exo_fs_sync(posix_trees[i].fs);
	return posix_raw(op);
}

int out_sync(struct regs *r, const struct call *c)
{
	struct op op = OP(r, c);

	return posix_done(r, posix_enter(&op, do_sync));
}

/* ---- the largest file that the process may write ---- */

static uint64_t limit; /* 0: to be asked for */

bool posix_limited(void)
{
	uint64_t is[2];

	if (!limit)
		limit = raw2(SYS_getrlimit, RLIMIT_FSIZE, is) ? UINT64_MAX : is[0] ? is[0] : 1;
	return limit != UINT64_MAX;
}

/* Bytes of n that may be written at off, or -EFBIG and the signal. n 0: may the file reach to off? */
size_t posix_fits(uint64_t off, size_t n)
{
	if (!posix_limited() || (n ? off < limit : off <= limit))
		return n && limit != UINT64_MAX && n > limit - off ? limit - off : n;
	raw2(SYS_tkill, raw1(SYS_gettid, 0), SIGXFSZ);
	return -EFBIG;
}

int posix_grows(struct ofd *o, int64_t size)
{
	struct stat st;

	if (!posix_limited() || size < 0 || !(o->oflags & O_ACCMODE) || exo_file_stat(o->f, &st) || size <= st.st_size)
		return 0;
	return (int)posix_fits(size, 0);
}

int out_rlimit(struct regs *r, const struct call *c)
{
	limit = 0;
	return 0;
}

/* ---- signals and identity ---- */

int out_sigaction(struct regs *r, const struct call *c)
{
	const unsigned long *act = (const void *)r->rsi;

	if (act && act[0] > 1)
		posix_handlers = true;
	return 0;
}

int out_identity(struct regs *r, const struct call *c)
{
	struct op op = OP(r, c);

	r->rax = posix_raw(&op);
	/* Also what looks like an error: setfsuid gives back the identity that was. */
	posix_identity = true;
	return 1;
}
