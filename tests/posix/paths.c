// SPDX-License-Identifier: GPL-2.0 OR MIT
/* paths.c: every call that takes a path, given every path that is wrong: the same error from all of them. */
#include <dirent.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <sys/xattr.h>
#include "kinds.h"

#define U 65001 /* a user of no further interest */

enum call {
	OPEN,
	OPENDIR,
	CREAT,
	STAT,
	LSTAT,
	STATX,
	ACCESS,
	CHMOD,
	CHOWN,
	LCHOWN,
	UTIMENS,
	LUTIMENS,
	TRUNCATE,
	STATFS,
	CHDIR,
	EXEC,
	GETXATTR,
	SETXATTR,
	LISTXATTR,
	REMOVEXATTR,
	LINK_FROM,
	RENAME_FROM,
	READLINK,
	UNLINK,
	RMDIR,
	MKDIR,
	MKFIFO,
	MKNOD,
	SYMLINK_,
	LINK_TO,
	RENAME_TO,
	BIND,
	CALLS
};

static const char *const call_names[CALLS] = {
	"open",	     "opendir",	    "creat",	 "stat",	"lstat",     "statx",
	"access",    "chmod",	    "chown",	 "lchown",	"utimensat", "utimensat(nofollow)",
	"truncate",  "statfs",	    "chdir",	 "execve",	"getxattr",  "setxattr",
	"listxattr", "removexattr", "link from", "rename from", "readlink",  "unlink",
	"rmdir",     "mkdir",	    "mkfifo",	 "mknod",	"symlink",   "link to",
	"rename to", "bind"};

/* These make the name, and so do not mind that it is not there. */
static bool makes(enum call c)
{
	return c == CREAT || c >= MKDIR;
}

/* These follow a symbolic link at the end. */
static bool follows(enum call c)
{
	return c <= SETXATTR + 2 && c != LSTAT && c != LCHOWN && c != LUTIMENS;
}

static int attempt(enum call c, const char *path)
{
	char *const argv[] = {(char *)path, NULL};
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct statfs sf;
	struct statx sx;
	struct stat st;
	char buf[64];
	int fd, err;
	DIR *d;

	switch (c) {
	case OPEN:
		fd = open(path, O_RDONLY | O_NONBLOCK);
		return fd < 0 ? -1 : close(fd);
	case OPENDIR:
		d = opendir(path);
		return d ? closedir(d) : -1;
	case CREAT:
		fd = open(path, O_WRONLY | O_CREAT, 0644);
		return fd < 0 ? -1 : close(fd);
	case STAT:
		return stat(path, &st);
	case LSTAT:
		return lstat(path, &st);
	case STATX:
		return statx(AT_FDCWD, path, 0, STATX_BASIC_STATS, &sx);
	case ACCESS:
		return access(path, F_OK);
	case CHMOD:
		return chmod(path, 0644);
	case CHOWN:
		return chown(path, -1, getgid());
	case LCHOWN:
		return lchown(path, -1, getgid());
	case UTIMENS:
		return utimensat(AT_FDCWD, path, NULL, 0);
	case LUTIMENS:
		return utimensat(AT_FDCWD, path, NULL, AT_SYMLINK_NOFOLLOW);
	case TRUNCATE:
		return truncate(path, 0);
	case STATFS:
		return statfs(path, &sf);
	case CHDIR:
		return chdir(path);
	case EXEC:
		return execve(path, argv, argv + 1);
	case GETXATTR:
		return getxattr(path, "user.x", buf, sizeof(buf));
	case SETXATTR:
		return setxattr(path, "user.x", "1", 1, 0);
	case LISTXATTR:
		return listxattr(path, buf, sizeof(buf));
	case REMOVEXATTR:
		return removexattr(path, "user.x");
	case READLINK:
		return readlink(path, buf, sizeof(buf));
	case UNLINK:
		return unlink(path);
	case RMDIR:
		return rmdir(path);
	case MKDIR:
		return mkdir(path, 0755);
	case MKFIFO:
		return mkfifo(path, 0644);
	case MKNOD:
		return mknod(path, S_IFREG | 0644, 0);
	case SYMLINK_:
		return symlink("target", path);
	case LINK_FROM:
		return link(path, "new");
	case LINK_TO:
		return link("old", path);
	case RENAME_FROM:
		return rename(path, "new");
	case RENAME_TO:
		return rename("old", path);
	default:
		break;
	}
	strncpy(a.sun_path, path, sizeof(a.sun_path) - 1);
	fd = OK(socket(AF_UNIX, SOCK_STREAM, 0));
	err = bind(fd, (struct sockaddr *)&a, sizeof(a));
	if (err && errno == EADDRINUSE)
		errno = EEXIST;
	return err + 0 * close(fd);
}

static void gives(enum call c, const char *path, int want, int line)
{
	int got, err;

	/* A socket's address is short, and an empty one is a number. */
	if (c == BIND && (path < (char *)4096 || !*path || strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path)))
		return;
	errno = 0;
	got = attempt(c, path);
	err = got < 0 ? errno : 0;
	if (err == want)
		return;
	printf("# paths.c:%d: %s('%.40s%s'): %s, not %s\n", line, call_names[c], path < (char *)4096 ? "?" : path,
	       path >= (char *)4096 && strlen(path) > 40 ? "..." : "", err ? strerrorname_np(err) : "success",
	       want ? strerrorname_np(want) : "success");
	SAME(err, want);
}
#define GIVES(c, path, want) gives(c, path, want, __LINE__)

static void all(const char *path, int want, int line)
{
	enum call c;

	for (c = 0; c < CALLS; c++)
		gives(c, path, want, line);
	TRUE(!is_there("new") && is_there("old"));
}
#define ALL(path, want) all(path, want, __LINE__)

static void start(void)
{
	put("old", "");
	OK(mkdir("dir", 0755));
}

static void prefix(void)
{
	start();
	ALL("none/x", ENOENT);
	ALL("dir/none/x", ENOENT);
	ALL("old/x", ENOTDIR);
	ALL("old/x/y", ENOTDIR);
	ALL("old/../x", ENOTDIR);
	OK(symlink("old", "tofile"));
	OK(symlink("none", "dangling"));
	OK(symlink("loop", "loop"));
	ALL("tofile/x", ENOTDIR);
	ALL("dangling/x", ENOENT);
	ALL("loop/x", ELOOP);
	OK(symlink("two", "one"));
	OK(symlink("one", "two"));
	ALL("one/x", ELOOP);
	ALL("", ENOENT);
}

static void lengths(void)
{
	char name[300], path[PATH_MAX + 16];
	enum call c;
	int n;

	start();
	name_of(name, 256, 'n');
	ALL(name, ENAMETOOLONG);
	snprintf(path, sizeof(path), "dir/%s", name);
	ALL(path, ENAMETOOLONG);
	snprintf(path, sizeof(path), "%s/x", name);
	ALL(path, ENAMETOOLONG);
	/* Of 255 bytes: like any other. */
	name_of(name, 255, 'n');
	for (c = 0; c < CALLS; c++) {
		if (!makes(c)) {
			GIVES(c, name, ENOENT);
			continue;
		}
		if (c == BIND)
			continue;
		GIVES(c, name, 0);
		if (c == RENAME_TO)
			OK(rename(name, "old"));
		else
			OK(c == MKDIR ? rmdir(name) : unlink(name));
	}
	/* A path of PATH_MAX bytes with its end is too long, one less is not. */
	for (n = 0; n < PATH_MAX; n += 2)
		memcpy(path + n, "./", 2);
	strcpy(path + n, "x");
	ALL(path, ENAMETOOLONG);
	path[0] = '/';
	strcpy(path + PATH_MAX - 1, "x");
	ALL(path, ENAMETOOLONG);
	memmove(path, path + 2, PATH_MAX);
	for (c = 0; c < CALLS; c++)
		if (!makes(c))
			GIVES(c, path, ENOENT);
}

static void final_loop(void)
{
	enum call c;

	start();
	OK(symlink("loop", "loop"));
	OK(symlink("other", "one"));
	OK(symlink("one", "other"));
	for (c = 0; c < CALLS; c++) {
		if (!follows(c))
			continue;
		GIVES(c, "loop", ELOOP);
		GIVES(c, "one", ELOOP);
		GIVES(c, "dir/../loop", ELOOP);
	}
	FAILS(ELOOP, open("loop", O_RDONLY | O_NOFOLLOW));
}

/* What makes a name refuses one that is there, whatever it is. */
static void existing(void)
{
	enum call c;
	enum kind k;

	start();
	FOR_KINDS(k)
	{
		if (kind_make(k, "x", 0644) && errno == EPERM)
			continue;
		for (c = MKDIR; c < CALLS; c++) {
			if (c == RENAME_TO)
				continue;
			GIVES(c, "x", EEXIST);
		}
		FAILS(EEXIST, open("x", O_CREAT | O_EXCL | O_RDWR, 0644));
		SAME(look("x").st_mode & S_IFMT, kind_types[k]);
		OK(kind_remove(k, "x"));
	}
}

static void no_search(void)
{
	enum call c;

	OK(chmod(".", 0777));
	start();
	OK(mkdir("dir/in", 0777));
	OK(chown("old", U, U));
	OK(chmod("old", 0644));
	put("dir/x", "x");
	OK(chmod("dir/x", 0777));
	OK(mkdir("dir/e", 0777));
	OK(chown("dir/x", U, U));
	OK(chmod("dir", 0666));
	become(U, U);
	for (c = 0; c < CALLS; c++) {
		GIVES(c, "dir/x", EACCES);
		GIVES(c, "dir/none", EACCES);
		GIVES(c, "dir/in/none", EACCES);
		GIVES(c, "dir/../none", EACCES);
	}
	/* Search without write: what is there can be reached, but nothing comes or goes. */
	become(0, 0);
	OK(chmod("dir", 0555));
	become(U, U);
	for (c = 0; c < CALLS; c++) {
		if (makes(c))
			GIVES(c, "dir/none", EACCES);
		else if (c != EXEC)
			GIVES(c, "dir/none", ENOENT);
	}
	GIVES(UNLINK, "dir/x", EACCES);
	GIVES(RMDIR, "dir/e", EACCES);
	GIVES(RENAME_FROM, "dir/x", EACCES);
	GIVES(RENAME_TO, "dir/x", EACCES);
	GIVES(LINK_TO, "dir/y", EACCES);
	GIVES(CHMOD, "dir/x", 0);
	GIVES(TRUNCATE, "dir/x", 0);
	/* For one's own directory the owner's bits count, whatever the others are. */
	become(0, 0);
	OK(chown("dir", U, U));
	OK(chmod("dir", 0077));
	become(U, U);
	GIVES(STAT, "dir/x", EACCES);
	become(0, 0);
	OK(chmod("dir", 0755));
}

static void bad_memory(void)
{
	const char *where[] = {(char *)8, (char *)-1, NULL};
	char *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *edge;
	enum call c;
	size_t i;

	start();
	for (c = 0; c < CALLS; c++) {
		if (c == BIND || c == OPENDIR)
			continue;
		for (i = 0; i < 3; i++) {
			/* utimensat(2) without a path means the descriptor; here none. */
			if (!where[i] && (c == UTIMENS || c == LUTIMENS || c == STATX))
				continue;
			errno = 0;
			if (attempt(c, where[i]) != -1 || errno != EFAULT) {
				printf("# %s(%p): %s\n", call_names[c], where[i], strerrorname_np(errno));
				SAME(errno, EFAULT);
			}
		}
		errno = 0;
		if (attempt(c, page) != -1 || errno != EFAULT) {
			printf("# %s(no page): %s\n", call_names[c], strerrorname_np(errno));
			SAME(errno, EFAULT);
		}
	}
	/* A path that ends at the edge of what is mapped is none that runs over it. */
	edge = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	OK(mprotect(edge + 4096, 4096, PROT_NONE));
	strcpy(edge + 4092, "old");
	GIVES(STAT, edge + 4092, 0);
	GIVES(OPEN, edge + 4092, 0);
	memcpy(edge + 4093, "old", 3);
	FAILS(EFAULT, open(edge + 4093, O_RDONLY));
}

static void slashes(void)
{
	struct stat st;
	char buf[8];

	start();
	put("dir/f", "");
	OK(symlink("dir", "ld"));
	OK(symlink("old", "lf"));
	FAILS(ENOTDIR, stat("old/", &st));
	FAILS(ENOTDIR, lstat("lf/", &st));
	FAILS(ENOTDIR, open("old/", O_RDONLY));
	FAILS(ENOTDIR, chmod("old/", 0644));
	FAILS(ENOTDIR, truncate("old/", 0));
	FAILS(ENOTDIR, unlink("old/"));
	FAILS(ENOTDIR, rename("old/", "new"));
	FAILS(ENOTDIR, rename("old", "dir/f/"));
	FAILS(ENOTDIR, link("old/", "new"));
	FAILS(ENOENT, link("old", "new/"));
	FAILS(ENOENT, symlink("x", "new/"));
	FAILS(ENOENT, mknod("new/", S_IFREG | 0644, 0));
	FAILS(EEXIST, mknod("old/", S_IFREG | 0644, 0) ? (errno == ENOTDIR ? (errno = EEXIST, -1) : -1) : 0);
	OK(lstat("ld/", &st));
	SAME(st.st_mode & S_IFMT, S_IFDIR);
	FAILS(EINVAL, readlink("ld/", buf, sizeof(buf)));
	OK(stat("dir//f", &st));
	OK(stat("dir/.//.///f", &st));
	OK(stat(".//dir/../dir/f", &st));
	FAILS(EISDIR, unlink("dir/"));
	FAILS(EINVAL, rmdir("dir/."));
	OK(mkdir("sub/", 0755));
	OK(rename("sub/", "sub2/"));
	OK(rmdir("sub2/"));
}

static void no_descriptors(void)
{
	int fd = OK(open(".", O_RDONLY | O_DIRECTORY)), f;
	struct stat st;

	start();
	f = OK(open("old", O_RDONLY));
	FAILS(ENOTDIR, openat(f, "x", O_RDONLY));
	FAILS(ENOTDIR, mkdirat(f, "x", 0755));
	FAILS(ENOTDIR, fstatat(f, "x", &st, 0));
	FAILS(ENOTDIR, unlinkat(f, "x", 0));
	FAILS(ENOTDIR, symlinkat("x", f, "y"));
	FAILS(ENOTDIR, renameat(f, "x", fd, "y"));
	FAILS(ENOTDIR, fchownat(f, "x", 0, 0, 0));
	OK(close(f));
	FAILS(EBADF, openat(f, "x", O_RDONLY));
	FAILS(EBADF, mkdirat(f, "x", 0755));
	FAILS(EBADF, fstatat(f, "x", &st, 0));
	FAILS(EBADF, unlinkat(f, "x", 0));
	FAILS(EBADF, linkat(fd, "old", f, "x", 0));
	FAILS(EBADF, renameat(fd, "old", f, "y"));
	FAILS(EBADF, fstat(f, &st));
	FAILS(EBADF, ftruncate(f, 0));
	FAILS(EBADF, fchmod(f, 0));
	FAILS(EBADF, fsync(f));
	FAILS(EBADF, fchdir(f));
	FAILS(EINVAL, unlinkat(fd, "old", 0x4000));
	FAILS(EINVAL, linkat(fd, "old", fd, "x", 0x4000));
	FAILS(EINVAL, fstatat(fd, "old", &st, 0x40000));
	FAILS(ENOTDIR, unlinkat(fd, "old", AT_REMOVEDIR));
	FAILS(EISDIR, unlinkat(fd, "dir", 0));
	OK(fstatat(fd, "", &st, AT_EMPTY_PATH));
	SAME(st.st_ino, look(".").st_ino);
	OK(fchmodat(fd, "old", 0600, 0));
	OK(fchownat(fd, "old", -1, -1, AT_SYMLINK_NOFOLLOW));
	OK(faccessat(fd, "old", R_OK, AT_EACCESS));
	OK(close(fd));
}

const struct test tests[] = {
	{"prefix", prefix, 0},
	{"lengths", lengths, 0},
	{"final_loop", final_loop, 0},
	{"existing", existing, 0},
	{"no_search", no_search, NEEDS_ROOT},
	{"bad_memory", bad_memory, 0},
	{"slashes", slashes, 0},
	{"no_descriptors", no_descriptors, 0},
	{NULL},
};
