// SPDX-License-Identifier: GPL-2.0 OR MIT
/* names.c: the calls that take paths. Each runs under the lock with its paths resolved; see resolve.c for the rest. */
#include <linux/openat2.h>
#include <linux/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <utime.h>
#include "posix.h"

#define FS(i) (op->w[i].t->fs)
#define AT(i) (op->w[i].at ? op->w[i].at->f : NULL)
#define PATH(i) (op->w[i].path)

/* Flags of the call, and what a name for an open file adds to them. */
#define SELF(i) (op->w[i].self ? EXO_FS_EMPTY : 0)

static unsigned at_flags(long flags)
{
	return (flags & AT_SYMLINK_NOFOLLOW ? EXO_FS_NOFOLLOW : 0) | (flags & AT_EMPTY_PATH ? EXO_FS_EMPTY : 0);
}

/* ---- opening ---- */

/* A socket or device is the kernel's; only its name is here. So is a fifo, but there is one (special.c). */
static long open_within(struct op *op, int oflags, mode_t mode, unsigned resolve)
{
	struct exo_file *f;
	struct stat st;
	struct ofd *o;
	int err;

	if (oflags & (O_CREAT | __O_TMPFILE))
		mode &= ~posix_umask();
	err = op->w[0].self ? exo_file_reopen(AT(0), oflags & ~(O_CLOEXEC | O_CREAT | O_EXCL | O_NOCTTY), &f)
	      : resolve	    ? exo_at_open_within(FS(0), AT(0), PATH(0), oflags & ~O_CLOEXEC, mode, resolve, &f)
			    : exo_at_open(FS(0), AT(0), PATH(0), oflags & ~O_CLOEXEC, mode, &f);
	if (err == -ENXIO && !op->w[0].self &&
	    !exo_at_stat(FS(0), AT(0), PATH(0), oflags & O_NOFOLLOW ? EXO_FS_NOFOLLOW : 0, &st) &&
	    S_ISFIFO(st.st_mode)) {
		posix_shadow_name("fifo-", &st, op->outside);
		op->outside_flags = oflags & (O_ACCMODE | O_NONBLOCK | O_CLOEXEC | O_ASYNC);
		return -OUTSIDE;
	}
	/* As on a mount without devices. */
	if (err == -ENXIO && !op->w[0].self &&
	    !exo_at_stat(FS(0), AT(0), PATH(0), oflags & O_NOFOLLOW ? EXO_FS_NOFOLLOW : 0, &st) &&
	    (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)))
		return -EACCES;
	if (err)
		return err;
	o = posix_new(op->w[0].t, f, oflags);
	if (!o) {
		exo_file_close(f);
		return -ENOMEM;
	}
	if (!(oflags & O_PATH) && o->type != S_IFREG && o->type != S_IFDIR) {
		err = o->type == S_IFIFO ? -EOPNOTSUPP : o->type == S_IFSOCK ? -ENXIO : -EACCES;
		posix_put(o);
		return err;
	}
	return posix_install(o, oflags & O_CLOEXEC);
}

static long open_path(struct op *op, int oflags, mode_t mode)
{
	return open_within(op, oflags, mode, 0);
}

long in_open(struct op *op)
{
	return open_path(op, op->a[1], op->a[2]);
}
long in_creat(struct op *op)
{
	return open_path(op, O_CREAT | O_WRONLY | O_TRUNC, op->a[1]);
}
long in_openat(struct op *op)
{
	return open_path(op, op->a[2], op->a[3]);
}

#define KNOWN_RESOLVE                                                                                                  \
	(RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH | RESOLVE_IN_ROOT |           \
	 RESOLVE_CACHED)

long in_openat2(struct op *op)
{
	const struct open_how *how = (const void *)op->a[2];

	const uint64_t flags = O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_SYNC |
			       O_DIRECT | 0100000 /* O_LARGEFILE */ | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC |
			       O_PATH | O_TMPFILE | FASYNC;
	const char *more = (const char *)(how + 1);
	long i;

	if (op->a[3] < (long)sizeof(*how))
		return -EINVAL;
	for (i = 0; i < op->a[3] - (long)sizeof(*how); i++)
		if (more[i])
			return -E2BIG;
	if (how->flags & ~flags || how->resolve & ~(uint64_t)KNOWN_RESOLVE || how->mode & ~(uint64_t)07777 ||
	    (how->mode && !(how->flags & (O_CREAT | __O_TMPFILE))))
		return -EINVAL;
	if (how->resolve & RESOLVE_CACHED)
		return -EAGAIN;
	return open_within(op, how->flags, how->mode, how->resolve & ~(uint64_t)RESOLVE_NO_MAGICLINKS);
}

/* Where the descriptor is the top or the limit, an absolute path is not the host's. */
int out_openat2(struct regs *r, const struct call *c)
{
	const struct open_how *how = (const void *)r->rdx;
	struct op op = {r->rax, {r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9}, .c = c};
	struct ofd *at = (int)r->rdi == AT_FDCWD ? posix_proc()->cwd : posix_ofd(r->rdi);
	const char *path = (const char *)r->rsi;

	if (r->r10 < (long)sizeof(*how) || !posix_string(path) || *path != '/' ||
	    !posix_memory(how, sizeof(*how), false) || !(how->resolve & (RESOLVE_IN_ROOT | RESOLVE_BENEATH)))
		return posix_by_path(r, c);
	if (!at)
		return 0;
	op.w[0] = (struct where){.t = at->t, .at = at, .path = path};
	return posix_finish(r, &op);
}

/* ---- attributes ---- */

static long stat_to(struct op *op, unsigned flags, struct stat *to)
{
	struct stat st;
	int err = exo_at_stat(FS(0), AT(0), PATH(0), flags | SELF(0), &st);

	if (!err) {
		posix_fix_stat(op->w[0].t, &st);
		*to = st;
	}
	return err;
}

#define STAT_FLAGS (AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE)

long in_stat(struct op *op)
{
	return stat_to(op, 0, (void *)op->a[1]);
}
long in_lstat(struct op *op)
{
	return stat_to(op, EXO_FS_NOFOLLOW, (void *)op->a[1]);
}
long in_newfstatat(struct op *op)
{
	return op->a[3] & ~STAT_FLAGS ? -EINVAL : stat_to(op, at_flags(op->a[3]), (void *)op->a[2]);
}

static void statx_time(struct statx_timestamp *to, const struct timespec *from)
{
	to->tv_sec = from->tv_sec;
	to->tv_nsec = from->tv_nsec;
}

long in_statx(struct op *op)
{
	struct statx *x = (void *)op->a[4];
	struct stat st;
	long err;

	if (op->a[2] & ~STAT_FLAGS || op->a[3] & STATX__RESERVED ||
	    (op->a[2] & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE)
		return -EINVAL;
	err = stat_to(op, at_flags(op->a[2]), &st);
	if (err)
		return err;
	memset(x, 0, sizeof(*x));
	x->stx_mask = STATX_BASIC_STATS;
	x->stx_blksize = st.st_blksize;
	x->stx_nlink = st.st_nlink;
	x->stx_uid = st.st_uid;
	x->stx_gid = st.st_gid;
	x->stx_mode = st.st_mode;
	x->stx_ino = st.st_ino;
	x->stx_size = st.st_size;
	x->stx_blocks = st.st_blocks;
	statx_time(&x->stx_atime, &st.st_atim);
	statx_time(&x->stx_mtime, &st.st_mtim);
	statx_time(&x->stx_ctime, &st.st_ctim);
	x->stx_rdev_major = major(st.st_rdev);
	x->stx_rdev_minor = minor(st.st_rdev);
	x->stx_dev_major = major(st.st_dev);
	x->stx_dev_minor = minor(st.st_dev);
	return 0;
}

/* access asks for the real identity, the others for the effective one with AT_EACCESS. */
static long access_path(struct op *op, int mask, long flags)
{
	long ruid = raw1(SYS_getuid, 0), euid = raw1(SYS_geteuid, 0), rgid = raw1(SYS_getgid, 0), err;
	struct exo_fs_cred c = {.uid = ruid, .gid = rgid};
	gid_t groups[64];
	bool other = !(flags & AT_EACCESS) && (ruid != euid || rgid != raw1(SYS_getegid, 0));

	if (other) {
		err = raw2(SYS_getgroups, 64, groups);
		c.ngroups = err > 0 ? err : 0;
		c.groups = groups;
		exo_fs_set_cred(&c);
	}
	err = exo_at_access(FS(0), AT(0), PATH(0), mask, at_flags(flags) | SELF(0));
	if (other)
		posix_as_before();
	return err;
}

long in_access(struct op *op)
{
	return access_path(op, op->a[1], 0);
}
long in_faccessat(struct op *op)
{
	return access_path(op, op->a[2], 0);
}
long in_faccessat2(struct op *op)
{
	if (op->a[3] & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	return access_path(op, op->a[2], op->a[3]);
}

long in_chmod(struct op *op)
{
	return exo_at_chmod(FS(0), AT(0), PATH(0), op->a[1], SELF(0));
}
long in_fchmodat(struct op *op)
{
	return exo_at_chmod(FS(0), AT(0), PATH(0), op->a[2], SELF(0));
}
long in_fchmodat2(struct op *op)
{
	return exo_at_chmod(FS(0), AT(0), PATH(0), op->a[2], at_flags(op->a[3]));
}
long in_chown(struct op *op)
{
	return exo_at_chown(FS(0), AT(0), PATH(0), op->a[1], op->a[2], 0);
}
long in_lchown(struct op *op)
{
	return exo_at_chown(FS(0), AT(0), PATH(0), op->a[1], op->a[2], EXO_FS_NOFOLLOW);
}
long in_fchownat(struct op *op)
{
	return exo_at_chown(FS(0), AT(0), PATH(0), op->a[2], op->a[3], at_flags(op->a[4]));
}

long in_utime(struct op *op)
{
	const struct utimbuf *u = (const void *)op->a[1];
	struct timespec ts[2];

	if (u) {
		ts[0] = (struct timespec){u->actime, 0};
		ts[1] = (struct timespec){u->modtime, 0};
	}
	return exo_at_utimens(FS(0), AT(0), PATH(0), u ? ts : NULL, 0);
}

static long set_times(struct op *op, const struct timeval *tv)
{
	struct timespec ts[2];
	int i;

	for (i = 0; tv && i < 2; i++) {
		if (tv[i].tv_usec < 0 || tv[i].tv_usec > 999999)
			return -EINVAL;
		ts[i] = (struct timespec){tv[i].tv_sec, tv[i].tv_usec * 1000};
	}
	return exo_at_utimens(FS(0), AT(0), PATH(0), tv ? ts : NULL, 0);
}

long in_utimes(struct op *op)
{
	return set_times(op, (const void *)op->a[1]);
}
long in_futimesat(struct op *op)
{
	return set_times(op, (const void *)op->a[2]);
}
long in_utimensat(struct op *op)
{
	unsigned flags = at_flags(op->a[3]) | SELF(0);

	if (op->a[3] & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	/* Without a path it is futimens. */
	if (!*PATH(0) && !op->a[1])
		flags |= EXO_FS_EMPTY;
	return exo_at_utimens(FS(0), AT(0), PATH(0), (const void *)op->a[2], flags);
}

long in_truncate(struct op *op)
{
	struct stat st;

	/* The limit counts where the file grows; who has one asks. */
	if (posix_limited() && !exo_at_stat(FS(0), AT(0), PATH(0), SELF(0), &st) && op->a[1] > st.st_size &&
	    S_ISREG(st.st_mode) && !exo_at_access(FS(0), AT(0), PATH(0), W_OK, SELF(0)) &&
	    posix_fits(op->a[1], 0) == (size_t)-EFBIG)
		return -EFBIG;
	return exo_at_truncate(FS(0), AT(0), PATH(0), op->a[1], SELF(0));
}

/* ---- names ---- */

long in_mkdir(struct op *op)
{
	return exo_at_mkdir(FS(0), AT(0), PATH(0), op->a[1] & ~posix_umask());
}
long in_mkdirat(struct op *op)
{
	return exo_at_mkdir(FS(0), AT(0), PATH(0), op->a[2] & ~posix_umask());
}
long in_mknod(struct op *op)
{
	return exo_at_mknod(FS(0), AT(0), PATH(0), op->a[1] & ~posix_umask(), op->a[2]);
}
long in_mknodat(struct op *op)
{
	return exo_at_mknod(FS(0), AT(0), PATH(0), op->a[2] & ~posix_umask(), op->a[3]);
}
long in_rmdir(struct op *op)
{
	return exo_at_unlink(FS(0), AT(0), PATH(0), EXO_FS_REMOVEDIR);
}
long in_unlink(struct op *op)
{
	return exo_at_unlink(FS(0), AT(0), PATH(0), 0);
}
long in_unlinkat(struct op *op)
{
	if (op->a[2] & ~AT_REMOVEDIR)
		return -EINVAL;
	return exo_at_unlink(FS(0), AT(0), PATH(0), op->a[2] & AT_REMOVEDIR ? EXO_FS_REMOVEDIR : 0);
}
long in_rename(struct op *op)
{
	return exo_at_rename(FS(0), AT(0), PATH(0), AT(1), PATH(1), 0);
}
long in_renameat2(struct op *op)
{
	return exo_at_rename(FS(0), AT(0), PATH(0), AT(1), PATH(1), op->nr == SYS_renameat2 ? op->a[4] : 0);
}
long in_link(struct op *op)
{
	return exo_at_link(FS(0), AT(0), PATH(0), AT(1), PATH(1), 0);
}
long in_linkat(struct op *op)
{
	unsigned flags = (op->a[4] & AT_SYMLINK_FOLLOW ? EXO_FS_FOLLOW : 0) |
			 (op->a[4] & AT_EMPTY_PATH ? EXO_FS_EMPTY : 0) | SELF(0);

	if (op->w[0].at && !*PATH(0) && (op->w[0].at->oflags & (O_TMPFILE | O_EXCL)) == (O_TMPFILE | O_EXCL))
		return -ENOENT;
	return op->a[4] & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)
		       ? -EINVAL
		       : exo_at_link(FS(0), AT(0), PATH(0), AT(1), PATH(1), flags);
}
long in_symlink(struct op *op)
{
	return exo_at_symlink(FS(0), (const char *)op->a[0], AT(0), PATH(0));
}
/* What a name such as /proc/self/fd/3 links to. */
static long link_to_self(struct op *op, char *buf, long size)
{
	static char path[2 * PATH_MAX];
	size_t n = op->w[0].t->plen;
	long got;

	memcpy(path, op->w[0].t->prefix, n);
	got = exo_file_path(AT(0), path + n, PATH_MAX);
	if (got < 0)
		return got;
	n += got == 1 ? 0 : got;
	n = n < (size_t)size ? n : (size_t)size;
	memcpy(buf, path, n);
	return n;
}

static long read_link(struct op *op, char *buf, long size)
{
	if (size <= 0)
		return -EINVAL;
	return op->w[0].self ? link_to_self(op, buf, size) : exo_at_readlink(FS(0), AT(0), PATH(0), buf, size);
}

long in_readlink(struct op *op)
{
	return read_link(op, (char *)op->a[1], (int)op->a[2]);
}

long in_readlinkat(struct op *op)
{
	return read_link(op, (char *)op->a[2], (int)op->a[3]);
}

/* ---- extended attributes ---- */

static unsigned l(const struct op *op)
{
	return op->nr == SYS_lgetxattr || op->nr == SYS_lsetxattr || op->nr == SYS_llistxattr ||
			       op->nr == SYS_lremovexattr
		       ? EXO_FS_NOFOLLOW
		       : 0;
}

long in_getxattr(struct op *op)
{
	return exo_at_getxattr(FS(0), AT(0), PATH(0), (const char *)op->a[1], (void *)op->a[2], op->a[3], l(op));
}
long in_setxattr(struct op *op)
{
	return exo_at_setxattr(FS(0), AT(0), PATH(0), (const char *)op->a[1], (void *)op->a[2], op->a[3], op->a[4],
			       l(op));
}
long in_listxattr(struct op *op)
{
	return exo_at_listxattr(FS(0), AT(0), PATH(0), (char *)op->a[1], op->a[2], l(op));
}
long in_removexattr(struct op *op)
{
	return exo_at_removexattr(FS(0), AT(0), PATH(0), (const char *)op->a[1], l(op));
}

/* ---- the tree, and where one is ---- */

long posix_statfs(struct tree *t, struct statfs *to)
{
	struct statvfs v;
	int err = exo_fs_statvfs(t->fs, &v);

	if (err)
		return err;
	memset(to, 0, sizeof(*to));
	to->f_type = 0x6578666f; /* "exfo" */
	to->f_bsize = v.f_bsize;
	to->f_frsize = v.f_frsize;
	to->f_blocks = v.f_blocks;
	to->f_bfree = v.f_bfree;
	to->f_bavail = v.f_bavail;
	to->f_files = v.f_files;
	to->f_ffree = v.f_ffree;
	to->f_namelen = v.f_namemax;
	to->f_flags = v.f_flag;
	to->f_fsid.__val[0] = 0xe50;
	to->f_fsid.__val[1] = t - posix_trees;
	return 0;
}

long in_statfs(struct op *op)
{
	struct stat st;
	int err = exo_at_stat(FS(0), AT(0), PATH(0), 0, &st);

	return err ? err : posix_statfs(op->w[0].t, (void *)op->a[1]);
}

long go_to(struct ofd *o)
{
	struct proc *p = posix_proc();
	struct ofd *was = p->cwd;

	p->cwd = o;
	posix_put(was);
	return 0;
}

long in_chdir(struct op *op)
{
	struct exo_file *f;
	struct ofd *o;
	int err = exo_at_open(FS(0), AT(0), PATH(0), O_PATH | O_DIRECTORY, 0, &f);

	if (!err)
		err = exo_at_access(FS(0), f, "", X_OK, EXO_FS_EMPTY);
	if (err) {
		return err;
	}
	o = posix_new(op->w[0].t, f, O_PATH | O_DIRECTORY);
	if (!o) {
		exo_file_close(f);
		return -ENOMEM;
	}
	return go_to(o);
}

long in_unsupported(struct op *op)
{
	return -EOPNOTSUPP;
}
