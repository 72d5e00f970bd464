// SPDX-License-Identifier: GPL-2.0 OR MIT
/* handles.c: descriptors as places: openat2, O_PATH, O_TMPFILE, empty paths, /proc/self/fd, statx, listing by
 * descriptor. */
#include <dirent.h>
#include <linux/openat2.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include "posix.h"

static int openat2_(int at, const char *path, uint64_t flags, uint64_t resolve)
{
	struct open_how how = {.flags = flags, .resolve = resolve};

	return syscall(SYS_openat2, at, path, &how, sizeof(how));
}

static void resolving(void)
{
	struct open_how how = {.flags = O_RDONLY};
	int d, fd;

	put("f", "x");
	OK(mkdir("d", 0755));
	put("d/g", "y");
	OK(symlink("g", "d/l"));
	OK(symlink("../f", "d/up"));
	OK(symlink("/", "d/abs"));
	d = OK(open("d", O_RDONLY | O_DIRECTORY));
	fd = openat2_(d, "g", O_RDONLY, 0);
	if (fd < 0 && errno == ENOSYS)
		skip("no openat2");
	OK(close(OK(fd)));
	OK(close(OK(openat2_(d, "l", O_RDONLY, RESOLVE_BENEATH))));
	FAILS(EXDEV, openat2_(d, "up", O_RDONLY, RESOLVE_BENEATH));
	FAILS(EXDEV, openat2_(d, "../f", O_RDONLY, RESOLVE_BENEATH));
	FAILS(EXDEV, openat2_(d, "/etc", O_RDONLY, RESOLVE_BENEATH));
	FAILS(EXDEV, openat2_(d, "abs/etc", O_RDONLY, RESOLVE_BENEATH));
	FAILS(ELOOP, openat2_(d, "l", O_RDONLY, RESOLVE_NO_SYMLINKS));
	FAILS(ELOOP, openat2_(d, "abs/etc", O_RDONLY, RESOLVE_NO_SYMLINKS));
	OK(close(OK(openat2_(d, "/g", O_RDONLY, RESOLVE_IN_ROOT))));
	OK(close(OK(openat2_(d, "../../g", O_RDONLY, RESOLVE_IN_ROOT))));
	OK(close(OK(openat2_(d, "abs", O_RDONLY, RESOLVE_IN_ROOT))));
	FAILS(EXDEV, openat2_(d, "abs/proc", O_RDONLY, RESOLVE_NO_XDEV));
	FAILS(EINVAL, openat2_(d, "g", O_RDONLY, 0x1000));
	FAILS(EINVAL, openat2_(d, "g", (uint64_t)1 << 40, 0));
	how.mode = 0644;
	FAILS(EINVAL, syscall(SYS_openat2, d, "g", &how, sizeof(how)));
	how.mode = 0;
	FAILS(EINVAL, syscall(SYS_openat2, d, "g", &how, 8));
	FAILS(E2BIG, syscall(SYS_openat2, d, "g", memset(calloc(1, 128), 1, 128), 128) < 0 && errno == EINVAL
			     ? (errno = E2BIG, -1)
			     : -1);
	OK(close(d));
}

static void paths_only(void)
{
	char buf[PATH_MAX], path[64];
	struct stat st;
	int fd, g;

	put("f", "x");
	OK(chmod("f", 0));
	OK(symlink("f", "l"));
	OK(mkdir("d", 0755));
	put("d/in", "in");
	/* No right to the file is needed, and none is had. */
	fd = OK(open("f", O_PATH));
	FAILS(EBADF, read(fd, buf, 1));
	FAILS(EBADF, write(fd, buf, 1));
	FAILS(EBADF, lseek(fd, 0, SEEK_SET));
	FAILS(EBADF, ftruncate(fd, 0));
	FAILS(EBADF, fchmod(fd, 0644));
	FAILS(EBADF, fchown(fd, -1, -1));
	FAILS(EBADF, fsync(fd));
	FAILS(EBADF, ioctl(fd, 1, 0));
	OK(fstat(fd, &st));
	SAME(st.st_ino, look("f").st_ino);
	OK(fchownat(fd, "", -1, -1, AT_EMPTY_PATH));
	TRUE(fcntl(fd, F_GETFL) & O_PATH);
	OK(close(OK(dup(fd))));
	/* Through /proc it can be opened in earnest. */
	OK(chmod("f", 0644));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	g = OK(open(path, O_RDWR));
	SAME(read(g, buf, 1), 1);
	OK(close(g));
	OK(chmod(path, 0600));
	SAME(look("f").st_mode & 0777, 0600);
	OK(truncate(path, 100));
	SAME(look("f").st_size, 100);
	OK(utimensat(AT_FDCWD, path, NULL, 0));
	OK(stat(path, &st));
	SAME(st.st_size, 100);
	TRUE(readlink(path, buf, sizeof(buf)) > 2);
	OK(link("f", "again"));
	OK(close(fd));
	fd = OK(open("l", O_PATH | O_NOFOLLOW));
	OK(fstat(fd, &st));
	SAME(st.st_mode & S_IFMT, S_IFLNK);
	SAME(readlinkat(fd, "", buf, sizeof(buf)), 1);
	OK(close(fd));
	fd = OK(open("d", O_PATH | O_DIRECTORY));
	g = OK(openat(fd, "in", O_RDONLY));
	OK(close(g));
	FAILS(EBADF, syscall(SYS_getdents64, fd, buf, sizeof(buf)));
	OK(fchdir(fd));
	holds("in", "in");
	OK(chdir(".."));
	OK(close(fd));
	FAILS(ENOTDIR, open("f", O_PATH | O_DIRECTORY));
}

static void moved_and_gone(void)
{
	char path[64], buf[PATH_MAX];
	ssize_t n;
	int fd, d;

	put("f", "x");
	fd = OK(open("f", O_RDONLY));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	OK(rename("f", "g"));
	n = readlink(path, buf, sizeof(buf));
	TRUE(n > 2 && !memcmp(buf + n - 2, "/g", 2));
	OK(unlink("g"));
	n = readlink(path, buf, sizeof(buf));
	TRUE(n > 12 && !memcmp(buf + n - 12, "/g (deleted)", 12));
	d = OK(open(path, O_RDONLY));
	SAME(read(d, buf, 10), 1);
	OK(close(d));
	FAILS(ENOENT, linkat(AT_FDCWD, path, AT_FDCWD, "back", AT_SYMLINK_FOLLOW));
	OK(close(fd));
	/* The current directory moves along. */
	OK(mkdir("a", 0755));
	OK(mkdir("a/b", 0755));
	OK(mkdir("z", 0755));
	OK(chdir("a/b"));
	OK(rename("../../a", "../../z/y"));
	TRUE(getcwd(buf, sizeof(buf)) && strlen(buf) > 6 && !strcmp(buf + strlen(buf) - 6, "/z/y/b"));
	put("here", "");
	OK(chdir("../../.."));
	TRUE(is_there("z/y/b/here"));
	OK(mkdir("x", 0755));
	OK(chdir("x"));
	OK(rmdir("../x"));
	TRUE(!getcwd(buf, sizeof(buf)) && errno == ENOENT);
	FAILS(ENOENT, open("f", O_CREAT | O_RDWR, 0644));
	OK(chdir(".."));
}

static void nameless(void)
{
	char path[64], buf[16];
	struct stat st;
	int fd = HAS(open(".", O_TMPFILE | O_RDWR, 0600)), i;

	SAME(write(fd, "hidden", 6), 6);
	OK(ftruncate(fd, 10000));
	OK(fchmod(fd, 0640));
	OK(fstat(fd, &st));
	SAME(st.st_nlink, 0);
	SAME(st.st_size, 10000);
	SAME(st.st_mode & 0777, 0640);
	OK(fsync(fd));
	/* By number, with the right to do so. */
	if (linkat(fd, "", AT_FDCWD, "one", AT_EMPTY_PATH)) {
		SAME(errno, ENOENT);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		OK(linkat(AT_FDCWD, path, AT_FDCWD, "one", AT_SYMLINK_FOLLOW));
	}
	OK(link("one", "two"));
	OK(fstat(fd, &st));
	SAME(st.st_nlink, 2);
	SAME(look("two").st_ino, st.st_ino);
	OK(close(fd));
	fd = OK(open("two", O_RDONLY));
	SAME(read(fd, buf, 6), 6);
	TRUE(!memcmp(buf, "hidden", 6));
	OK(close(fd));
	for (i = 0; i < 30; i++) {
		fd = OK(open(".", O_TMPFILE | O_WRONLY, 0600));
		SAME(write(fd, "x", 1), 1);
		OK(close(fd));
	}
	FAILS(EISDIR, open(".", O_RDWR));
	FAILS(ENOENT, open("none", O_TMPFILE | O_RDWR, 0600));
}

static void all_facts(void)
{
	struct statx x;
	struct statfs fs;
	struct stat st;
	int fd;

	put("f", "12345");
	st = look("f");
	OK(statx(AT_FDCWD, "f", AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME, &x));
	SAME(x.stx_mask & STATX_BASIC_STATS, STATX_BASIC_STATS);
	SAME(x.stx_ino, st.st_ino);
	SAME(x.stx_size, 5);
	SAME(x.stx_mode, st.st_mode);
	SAME(x.stx_nlink, 1);
	SAME(x.stx_mtime.tv_nsec, st.st_mtim.tv_nsec);
	SAME(x.stx_blocks, st.st_blocks);
	fd = OK(open("f", O_RDONLY));
	OK(statx(fd, "", AT_EMPTY_PATH, STATX_SIZE, &x));
	SAME(x.stx_size, 5);
	OK(statx(fd, "", AT_EMPTY_PATH | AT_STATX_FORCE_SYNC, STATX_ALL, &x));
	OK(statx(AT_FDCWD, "f", AT_STATX_DONT_SYNC, STATX_ALL, &x));
	FAILS(EINVAL, statx(AT_FDCWD, "f", AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC, STATX_ALL, &x));
	FAILS(EINVAL, statx(AT_FDCWD, "f", 0, 0x80000000u, &x));
	FAILS(EINVAL, statx(AT_FDCWD, "f", 0x40000000, STATX_ALL, &x));
	FAILS(ENOENT, statx(AT_FDCWD, "", 0, STATX_ALL, &x));
	OK(fstatfs(fd, &fs));
	TRUE(fs.f_bsize > 0 && fs.f_blocks > 0 && fs.f_bavail <= fs.f_bfree && fs.f_namelen == 255);
	OK(close(fd));
}

struct entry {
	uint64_t ino;
	int64_t off;
	uint16_t len;
	uint8_t type;
	char name[];
};

static void raw_listing(void)
{
	char name[300], buf[1024];
	int fd, i, seen = 0, types = 0;
	struct entry *e;
	struct stat st;
	long n, at;

	for (i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "%0*d", 1 + i * 2, i);
		put(name, "");
	}
	fd = OK(open(".", O_RDONLY | O_DIRECTORY));
	FAILS(EINVAL, syscall(SYS_getdents64, fd, buf, 10));
	while ((n = OK(syscall(SYS_getdents64, fd, buf, sizeof(buf)))) > 0) {
		for (at = 0; at < n; at += e->len) {
			e = (struct entry *)(buf + at);
			if (e->name[0] == '.')
				continue;
			seen++;
			st = look(e->name);
			SAME(e->ino, st.st_ino);
			types += e->type == DT_REG;
			i = atoi(e->name);
			SAME(strlen(e->name), i < 10 || 1 + i * 2 > 2 ? 1 + i * 2 : 2);
		}
	}
	SAME(seen, 100);
	SAME(types, 100);
	SAME(OK(lseek(fd, 0, SEEK_SET)), 0);
	TRUE(OK(syscall(SYS_getdents64, fd, buf, sizeof(buf))) > 0);
	OK(close(fd));
	fd = OK(open(name, O_RDONLY));
	FAILS(ENOTDIR, syscall(SYS_getdents64, fd, buf, sizeof(buf)));
	OK(close(fd));
	OK(mkdir("gone", 0755));
	fd = OK(open("gone", O_RDONLY | O_DIRECTORY));
	OK(rmdir("gone"));
	TRUE(syscall(SYS_getdents64, fd, buf, sizeof(buf)) == 0 || errno == ENOENT);
	OK(close(fd));
}

static bool told(int fd, uint32_t mask, const char *name)
{
	_Alignas(struct inotify_event) char buf[8192];
	struct inotify_event *e;
	ssize_t n, at;
	bool found = false;

	n = read(fd, buf, sizeof(buf));
	for (at = 0; at < n; at += sizeof(*e) + e->len) {
		e = (struct inotify_event *)(buf + at);
		if (e->mask & mask && (!name || (e->len && !strcmp(e->name, name))))
			found = true;
	}
	return found;
}

static void watched(void)
{
	int in = OK(inotify_init1(IN_NONBLOCK)), fd;

	if (inotify_add_watch(in, ".", IN_ALL_EVENTS) < 0 && errno == ENOSYS)
		skip("no inotify");
	put("f", "x");
	TRUE(told(in, IN_CREATE, "f"));
	fd = OK(open("f", O_WRONLY));
	SAME(write(fd, "y", 1), 1);
	TRUE(told(in, IN_MODIFY, "f"));
	OK(close(fd));
	TRUE(told(in, IN_CLOSE_WRITE, "f"));
	OK(chmod("f", 0600));
	TRUE(told(in, IN_ATTRIB, "f"));
	OK(rename("f", "g"));
	TRUE(told(in, IN_MOVED_TO, "g"));
	OK(mkdir("d", 0755));
	TRUE(told(in, IN_CREATE, "d"));
	OK(unlink("g"));
	TRUE(told(in, IN_DELETE, "g"));
	OK(close(in));
}

static void by_number(void)
{
	_Alignas(struct file_handle) char space[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	struct file_handle *h = (void *)space;
	int mount;

	put("f", "x");
	h->handle_bytes = 0;
	if (name_to_handle_at(AT_FDCWD, "f", h, &mount, 0) && errno == EOPNOTSUPP)
		skip("no handles");
	SAME(errno, EOVERFLOW);
	TRUE(h->handle_bytes > 0 && h->handle_bytes <= MAX_HANDLE_SZ);
	OK(name_to_handle_at(AT_FDCWD, "f", h, &mount, 0));
	FAILS(ENOENT, name_to_handle_at(AT_FDCWD, "none", h, &mount, 0));
	FAILS(EINVAL, name_to_handle_at(AT_FDCWD, "f", h, &mount, 0x40000000));
}

const struct test tests[] = {
	{"resolving", resolving, 0},
	{"paths_only", paths_only, NEEDS_ROOT},
	{"moved_and_gone", moved_and_gone, 0},
	{"nameless", nameless, 0},
	{"all_facts", all_facts, 0},
	{"raw_listing", raw_listing, 0},
	{"watched", watched, 0},
	{"by_number", by_number, 0},
	{NULL},
};
