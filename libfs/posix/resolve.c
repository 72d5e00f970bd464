// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * resolve.c: whether a path is ours. A relative path is if it starts at a directory of a tree; an absolute one if a
 * prefix stands in front of it. Symbolic links of the host may lead below a prefix, too, but there the kernel finds
 * nothing; so they are looked at only after it has said that there is nothing.
 */
#include "posix.h"

/* Does `path`, with "//" and "/./" overlooked, begin with the prefix? Where it goes on. */
static const char *behind(const char *path, const char *prefix)
{
	const char *p = path, *q = prefix;

	while (*q) {
		if (*q == '/') {
			if (*p != '/')
				return NULL;
			for (;;) {
				p += strspn(p, "/");
				if (p[0] != '.' || (p[1] && p[1] != '/'))
					break;
				p++;
			}
			q++;
			continue;
		}
		if (*p++ != *q++)
			return NULL;
	}
	return !*p || *p == '/' ? p : NULL;
}

/* "/a/../b": take ".." away where what stands before it is a real directory of the host. */
static bool without_dots(const char *path, char out[PATH_MAX])
{
	size_t n = 0;
	char link[8];

	while (*path) {
		size_t len;

		path += strspn(path, "/");
		len = strcspn(path, "/");
		if (!len || (len == 1 && *path == '.')) {
			path += len;
			continue;
		}
		if (len == 2 && path[0] == '.' && path[1] == '.') {
			out[n] = 0;
			if (n && raw3(SYS_readlink, out, link, sizeof(link)) > 0)
				return false;
			while (n && out[--n] != '/')
				;
			path += 2;
			continue;
		}
		if (n + len + 2 > PATH_MAX)
			return false;
		out[n++] = '/';
		memcpy(out + n, path, len);
		n += len;
		path += len;
	}
	if (!n)
		out[n++] = '/';
	out[n] = 0;
	return true;
}

const char *posix_prefixed(const char *path, struct tree **t)
{
	const char *rest;
	int i;

	for (i = 0; i < posix_ntrees; i++) {
		rest = behind(path, posix_trees[i].prefix);
		if (rest) {
			*t = &posix_trees[i];
			return *rest ? rest : "/";
		}
	}
	return NULL;
}

/* A descriptor of ours, by one of the names that it has as a file. */
static bool by_number(const char *path, struct where *w)
{
	static const char *const folders[] = {"/proc/self/fd/", "/dev/fd/"};
	static const char *const standard[] = {"/dev/stdin", "/dev/stdout", "/dev/stderr"};
	const char *p = NULL;
	int i, fd = 0;

	if (path[1] != 'd' && path[1] != 'p')
		return false;
	for (i = 0; i < 2 && !p; i++)
		if (!strncmp(path, folders[i], strlen(folders[i])))
			p = path + strlen(folders[i]);
	if (p) {
		for (; *p >= '0' && *p <= '9' && fd < INT_MAX / 16; p++)
			fd = fd * 10 + *p - '0';
		if (*p || p[-1] == '/')
			return false;
	} else {
		for (i = 0; i < 3 && strcmp(path, standard[i]); i++)
			;
		if (i == 3)
			return false;
		fd = i;
	}
	w->at = posix_ofd(fd);
	if (!w->at)
		return false;
	w->t = w->at->t;
	w->path = "";
	w->self = true;
	return true;
}

bool posix_resolve(int dirfd, const char *path, struct where *w)
{
	*w = (struct where){.path = path};
	/* The kernel says EFAULT. */
	if (!posix_string(path))
		return false;
	if (*path == '/') {
		w->path = posix_prefixed(path, &w->t);
		if (!w->path && by_number(path, w))
			return true;
		return w->path != NULL;
	}
	w->at = dirfd == AT_FDCWD ? posix_proc()->cwd : posix_ofd(dirfd);
	if (!w->at)
		return false;
	w->t = w->at->t;
	return true;
}

/* The kernel's name for a place: AT_FDCWD or a descriptor. */
static long place(int dirfd, char *out)
{
	char link[64] = "/proc/self/fd/", *at = link + strlen(link), digits[16];
	int n = 0;
	long got;

	if (dirfd == AT_FDCWD) {
		got = raw2(SYS_getcwd, out, PATH_MAX);
		return got > 0 ? got - 1 : got;
	}
	if (dirfd < 0)
		return -EBADF;
	do {
		digits[n++] = '0' + dirfd % 10;
		dirfd /= 10;
	} while (dirfd);
	while (n)
		*at++ = digits[--n];
	*at = 0;
	got = raw3(SYS_readlink, link, out, PATH_MAX - 1);
	return got;
}

int posix_follow(int dirfd, const char *path, bool follow, char out[PATH_MAX])
{
	static char rest[2 * PATH_MAX], at[PATH_MAX], link[PATH_MAX];
	size_t n = 0, left = strlen(path);
	int links = 0;
	long got;

	if (left >= PATH_MAX)
		return -ENOENT;
	if (*path == '/') {
		memcpy(rest, path, left + 1);
	} else {
		got = place(dirfd, rest);
		if (got <= 0 || rest[0] != '/')
			return -ENOENT;
		rest[got] = '/';
		memcpy(rest + got + 1, path, left + 1);
	}
	for (;;) {
		char *next = rest + strspn(rest, "/");
		size_t len = strcspn(next, "/"), more;
		struct tree *t;

		if (!len)
			return -ENOENT;
		more = strlen(next + len);
		if (len == 1 && *next == '.') {
			memmove(rest, next + len, more + 1);
			continue;
		}
		if (len == 2 && next[0] == '.' && next[1] == '.') {
			while (n && at[--n] != '/')
				;
			memmove(rest, next + len, more + 1);
			continue;
		}
		if (n + len + 2 > sizeof(at))
			return -ENOENT;
		at[n++] = '/';
		memcpy(at + n, next, len);
		n += len;
		at[n] = 0;
		memmove(rest, next + len, more + 1);
		/* A last component that is not to be followed is what it is. */
		if (posix_prefixed(at, &t)) {
			if (n + strlen(rest) >= PATH_MAX)
				return -ENAMETOOLONG;
			memcpy(out, at, n);
			strcpy(out + n, rest);
			return 0;
		}
		if (!rest[strspn(rest, "/")] && !follow)
			return -ENOENT;
		got = raw3(SYS_readlink, at, link, sizeof(link) - 1);
		if (got == -EINVAL)
			continue;
		if (got <= 0 || ++links > LINKS_MAX || got + strlen(rest) + 1 >= sizeof(rest))
			return -ENOENT;
		memmove(rest + got, rest, strlen(rest) + 1);
		memcpy(rest, link, got);
		if (link[0] == '/') {
			n = 0;
		} else {
			/* Room for a leading slash. */
			while (n && at[--n] != '/')
				;
		}
	}
}

/* What a call does with a symbolic link at the end. */
static bool follows(const struct op *op)
{
	switch (op->nr) {
	case SYS_lstat:
	case SYS_lchown:
	case SYS_unlink:
	case SYS_unlinkat:
	case SYS_rmdir:
	case SYS_rename:
	case SYS_renameat:
	case SYS_renameat2:
	case SYS_symlink:
	case SYS_symlinkat:
	case SYS_mkdir:
	case SYS_mkdirat:
	case SYS_mknod:
	case SYS_mknodat:
	case SYS_readlink:
	case SYS_readlinkat:
	case SYS_link:
	case SYS_lgetxattr:
	case SYS_lsetxattr:
	case SYS_llistxattr:
	case SYS_lremovexattr:
		return false;
	case SYS_newfstatat:
	case SYS_utimensat:
		return !(op->a[3] & AT_SYMLINK_NOFOLLOW);
	case SYS_statx:
		return !(op->a[2] & AT_SYMLINK_NOFOLLOW);
	case SYS_fchownat:
	case SYS_linkat:
		return !(op->a[4] & AT_SYMLINK_NOFOLLOW);
	case SYS_open:
		return !(op->a[1] & O_NOFOLLOW);
	case SYS_openat:
		return !(op->a[2] & O_NOFOLLOW);
	}
	return true;
}

/* Where a path goes on that left its tree: in the host's name space. */
int posix_escaped(struct where *w, char *buf)
{
	static char tail[2 * PATH_MAX], joined[2 * PATH_MAX];
	const char *rest = exo_fs_escaped(w->t->fs, NULL);
	size_t n = 0;

	if (rest[0] != '/') {
		/* ".." from the top: the directory that the prefix stands in. */
		n = strlen(w->t->prefix);
		while (n && w->t->prefix[--n] != '/')
			;
	}
	if (n + strlen(rest) + 2 > sizeof(tail))
		return -ENAMETOOLONG;
	memcpy(tail, w->t->prefix, n);
	if (n || rest[0] != '/')
		tail[n++] = '/';
	strcpy(tail + n, rest);
	if (!strstr(tail, "/..") || !without_dots(tail, joined))
		strcpy(joined, tail);
	if (strlen(joined) >= PATH_MAX)
		return -ENAMETOOLONG;
	strcpy(buf, joined);
	posix_resolve(AT_FDCWD, buf, w);
	if (!w->t)
		w->path = buf;
	return 0;
}

/* Of two paths the host's: does its descriptor name a directory? */
static int host_place(const struct op *op)
{
	const struct call *c = op->c;
	int i = op->w[0].t ? 1 : 0, dir = i ? c->dirfd2 : c->dirfd1;
	struct stat st;
	long err;

	/* An absolute one has no path in w, unless a walk led there. */
	if (op->w[i].t || dir < 0 || !op->w[i].path || *op->w[i].path == '/' || (int)op->a[dir] == AT_FDCWD)
		return 0;
	err = raw2(SYS_fstat, (int)op->a[dir], &st);
	return err ? err : S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

long posix_at_paths(struct op *op)
{
	static char buf[2][PATH_MAX];
	const struct call *c = op->c;
	int n = c->path2 >= 0 ? 2 : 1, i, tries, which, err;
	const char *from;
	long ret;

	for (tries = 0; tries < LINKS_MAX; tries++) {
		for (i = 0; i < n; i++)
			if (op->w[i].t) {
				err = posix_attach(op->w[i].t);
				if (!err && op->w[i].at)
					err = posix_ready(op->w[i].at);
				if (err)
					return err;
			}
		if (!op->w[0].t && (n == 1 || !op->w[1].t)) {
			/* Both ended up on the host. */
			if (c->path1 < 0)
				return -ENOENT;
			op->a[c->path1] = (long)op->w[0].path;
			if (n == 2)
				op->a[c->path2] = (long)op->w[1].path;
			ret = posix_raw(op);
			if (!ret && op->nr == SYS_chdir)
				go_to(NULL);
			return ret;
		}
		if (n == 2 && op->w[0].t != op->w[1].t) {
			err = host_place(op);
			return err ? err : -EXDEV;
		}
		ret = c->inner(op);
		if (ret != -EXO_ESCAPED)
			return ret;
		exo_fs_escaped(op->w[n - 1].t->fs, &from);
		which = n == 2 && from == op->w[1].path ? 1 : 0;
		err = posix_escaped(&op->w[which], buf[which]);
		if (err)
			return err;
	}
	return -ELOOP;
}

static long by_link(struct op *op)
{
	static char buf[2][PATH_MAX];
	const struct call *c = op->c;
	bool any = false;
	int i;

	for (i = 0; i < (c->path2 >= 0 ? 2 : 1); i++) {
		int dir = i ? c->dirfd2 : c->dirfd1, path = i ? c->path2 : c->path1;
		const char *p = (const char *)op->a[path];

		if (op->w[i].t || posix_follow(dir >= 0 ? op->a[dir] : AT_FDCWD, p, follows(op), buf[i]))
			continue;
		any |= posix_resolve(AT_FDCWD, buf[i], &op->w[i]);
	}
	return any ? posix_at_paths(op) : op->ret;
}

/* Can a link be at work? Only where a directory is missing, or the last component is a link to nowhere. */
static bool worth_following(int dirfd, const char *path)
{
	const char *slash = strrchr(path, '/');
	char dir[512], link[8];

	if (raw4(SYS_readlinkat, dirfd, path, link, sizeof(link)) > 0)
		return true;
	if (!slash || slash == path || slash - path >= (long)sizeof(dir))
		return false;
	memcpy(dir, path, slash - path);
	dir[slash - path] = 0;
	return raw3(SYS_faccessat, dirfd, dir, F_OK) < 0;
}

/* A relative path from a directory of the host that a prefix lies below. */
static bool from_above(int dirfd, const char *path)
{
	char at[PATH_MAX];
	long n;
	int i;

	if (*path == '/')
		return false;
	n = place(dirfd, at);
	if (n <= 0 || *at != '/')
		return false;
	for (i = 0; i < posix_ntrees; i++)
		if (n == 1 || (!strncmp(posix_trees[i].prefix, at, n) && posix_trees[i].prefix[n] == '/'))
			return true;
	return false;
}

static bool try_again(int dirfd, const char *path)
{
	return posix_string(path) && *path && (from_above(dirfd, path) || worth_following(dirfd, path));
}

static int host(struct regs *r, struct op *op)
{
	const struct call *c = op->c;
	int dir = c->dirfd1 >= 0 ? op->a[c->dirfd1] : AT_FDCWD;
	const char *path = (const char *)op->a[c->path1];

	op->ret = posix_raw(op);
	if (op->ret == -ENOENT &&
	    (try_again(dir, path) ||
	     (c->path2 >= 0 && try_again(c->dirfd2 >= 0 ? op->a[c->dirfd2] : AT_FDCWD, (const char *)op->a[c->path2]))))
		op->ret = posix_enter(op, by_link);
	return posix_done(r, op->ret == -OUTSIDE ? posix_open_fifo(op) : op->ret);
}

int posix_finish(struct regs *r, struct op *op)
{
	long ret = posix_enter(op, posix_at_paths);

	return posix_done(r, ret == -OUTSIDE ? posix_open_fifo(op) : ret);
}

int posix_by_path(struct regs *r, const struct call *c)
{
	struct op op = {r->rax, {r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9}, .c = c};
	static const char none[] = "";
	char plain[PATH_MAX];
	const char *path = (const char *)op.a[c->path1];
	bool ours;

	/* The descriptor itself, by an empty path or by none. */
	if (c->flags & C_EMPTY && !path && c->dirfd1 >= 0 && posix_ofd(op.a[c->dirfd1]))
		path = none;
	ours = posix_resolve(c->dirfd1 >= 0 ? op.a[c->dirfd1] : AT_FDCWD, path, &op.w[0]);
	if (!ours && posix_string(path) && *path == '/' && strstr(path, "/..") && without_dots(path, plain) &&
	    posix_resolve(AT_FDCWD, plain, &op.w[0]))
		ours = true;
	if (c->path2 >= 0)
		ours |= posix_resolve(c->dirfd2 >= 0 ? op.a[c->dirfd2] : AT_FDCWD, (const char *)op.a[c->path2],
				      &op.w[1]);
	if (!ours)
		return host(r, &op);
	if (!posix_pointers(&op) || (c->path2 >= 0 && !posix_string((const char *)op.a[c->path2])) ||
	    (path != none && !posix_string(path)))
		return posix_done(r, -EFAULT);
	if (c->path2 >= 0 && (strnlen(path, PATH_MAX) == PATH_MAX ||
			      strnlen((const char *)op.a[c->path2], PATH_MAX) == PATH_MAX))
		return posix_done(r, -ENAMETOOLONG);
	return posix_finish(r, &op);
}
