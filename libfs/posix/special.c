// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * special.c: fifos and sockets of a tree. The name is the tree's, what is behind it is the kernel's: a fifo or socket
 * in the user's own folder, called by the inode's number, which is never used again. So only processes of one user meet
 * there.
 */
#include <sys/socket.h>
#include <sys/un.h>
#include "posix.h"

static char *digits(char *at, uint64_t v)
{
	char d[24];
	int n = 0;

	do {
		d[n++] = '0' + v % 10;
		v /= 10;
	} while (v);
	while (n)
		*at++ = d[--n];
	return at;
}

void posix_shadow_name(const char *kind, const struct stat *st, char name[64])
{
	char *at = digits(stpcpy(name, kind), st->st_dev);

	*at++ = '-';
	*digits(at, st->st_ino) = 0;
}

/* ---- fifos ---- */

/* Without the lock: it may wait for the other end. */
long posix_open_fifo(const struct op *op)
{
	long folder = posix_folder(), fd;

	if (folder < 0)
		return -EOPNOTSUPP;
	raw4(SYS_mknodat, folder, op->outside, S_IFIFO | 0600, 0);
	fd = raw4(SYS_openat, folder, op->outside, op->outside_flags | O_NOFOLLOW, 0);
	raw1(SYS_close, folder);
	return fd;
}

/* ---- sockets ---- */

static long in_bind(struct op *op)
{
	struct where *w = &op->w[0];
	struct exo_file *at = w->at ? w->at->f : NULL;
	struct stat st;
	int err = exo_at_mknod(w->t->fs, at, w->path, S_IFSOCK | (0777 & ~posix_umask()), 0);

	if (!err)
		err = exo_at_stat(w->t->fs, at, w->path, EXO_FS_NOFOLLOW, &st);
	if (!err)
		posix_shadow_name("socket-", &st, op->outside);
	return err == -EEXIST ? -EADDRINUSE : err;
}

static long in_unbind(struct op *op)
{
	return exo_at_unlink(op->w[0].t->fs, op->w[0].at ? op->w[0].at->f : NULL, op->w[0].path, 0);
}

static long in_connect(struct op *op)
{
	struct where *w = &op->w[0];
	struct exo_file *at = w->at ? w->at->f : NULL;
	struct stat st;
	int err = exo_at_stat(w->t->fs, at, w->path, 0, &st);

	if (!err)
		err = exo_at_access(w->t->fs, at, w->path, W_OK, 0);
	if (!err && !S_ISSOCK(st.st_mode))
		err = -ECONNREFUSED;
	if (!err)
		posix_shadow_name("socket-", &st, op->outside);
	return err;
}

static const struct call binding = {.inner = in_bind, .dirfd1 = -1, .path1 = -1, .dirfd2 = -1, .path2 = -1},
			 unbinding = {.inner = in_unbind, .dirfd1 = -1, .path1 = -1, .dirfd2 = -1, .path2 = -1},
			 connecting = {.inner = in_connect, .dirfd1 = -1, .path1 = -1, .dirfd2 = -1, .path2 = -1};

/* 0: the address is not ours; 1: `to` is where the socket is; or an error. */
static long elsewhere(struct op *op, const struct sockaddr *from, size_t len, const struct call *call,
		      struct sockaddr_un *to, socklen_t *to_len)
{
	const struct sockaddr_un *un = (const void *)from;
	static __thread char path[sizeof(un->sun_path) + 1] __attribute__((tls_model("initial-exec")));
	const size_t head = offsetof(struct sockaddr_un, sun_path);
	char folder[64] = "/dev/shm/exo-";
	long err, fd;

	if (len <= head || len > sizeof(*un) || !posix_memory(from, len, false) || from->sa_family != AF_UNIX ||
	    !un->sun_path[0])
		return 0;
	memcpy(path, un->sun_path, len - head);
	path[len - head] = 0;
	if (!posix_resolve(AT_FDCWD, path, &op->w[0]))
		return 0;
	op->c = call;
	err = posix_enter(op, posix_at_paths);
	if (err)
		return err;
	fd = posix_folder();
	if (fd < 0)
		return -EOPNOTSUPP;
	raw1(SYS_close, fd);
	*digits(folder + strlen(folder), raw1(SYS_geteuid, 0)) = 0;
	memset(to, 0, sizeof(*to));
	to->sun_family = AF_UNIX;
	strcpy(stpcpy(stpcpy(to->sun_path, folder), "/"), op->outside);
	*to_len = head + strlen(to->sun_path) + 1;
	return 1;
}

int out_bind(struct regs *r, const struct call *c)
{
	struct op op = {r->rax, {r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9}, .c = c};
	struct sockaddr_un to;
	socklen_t len;
	long err = elsewhere(&op, (const void *)r->rsi, (unsigned)r->rdx, &binding, &to, &len);

	if (err <= 0)
		return err ? posix_done(r, err) : 0;
	err = raw3(SYS_bind, r->rdi, &to, len);
	if (err) {
		op.c = &unbinding;
		posix_enter(&op, posix_at_paths);
	}
	return posix_done(r, err);
}

int out_connect(struct regs *r, const struct call *c)
{
	struct op op = {r->rax, {r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9}, .c = c};
	struct sockaddr_un to;
	socklen_t len;
	long err = elsewhere(&op, (const void *)r->rsi, (unsigned)r->rdx, &connecting, &to, &len);

	if (err <= 0)
		return err ? posix_done(r, err) : 0;
	return posix_done(r, raw3(SYS_connect, r->rdi, &to, len));
}

int out_sendto(struct regs *r, const struct call *c)
{
	struct op op = {r->rax, {r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9}, .c = c};
	struct sockaddr_un to;
	socklen_t len;
	long err;

	if (!r->r8)
		return 0;
	err = elsewhere(&op, (const void *)r->r8, (unsigned)r->r9, &connecting, &to, &len);
	if (err <= 0)
		return err ? posix_done(r, err) : 0;
	return posix_done(r, raw6(SYS_sendto, r->rdi, r->rsi, r->rdx, r->r10, (long)&to, len));
}

int out_sendmsg(struct regs *r, const struct call *c)
{
	struct op op = {r->rax, {r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9}, .c = c};
	const struct msghdr *m = (const void *)r->rsi;
	struct sockaddr_un to;
	struct msghdr copy;
	socklen_t len;
	long err;

	if (!posix_memory(m, sizeof(*m), false) || !m->msg_name)
		return 0;
	err = elsewhere(&op, m->msg_name, m->msg_namelen, &connecting, &to, &len);
	if (err <= 0)
		return err ? posix_done(r, err) : 0;
	copy = *m;
	copy.msg_name = &to;
	copy.msg_namelen = len;
	return posix_done(r, raw3(SYS_sendmsg, r->rdi, &copy, r->rdx));
}
