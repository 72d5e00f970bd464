// SPDX-License-Identifier: GPL-2.0 OR MIT
/* names.c: making, finding and removing names; their length; symbolic links. */
#include "posix.h"

static void making(void)
{
	struct stat st;

	OK(mkdir("d", 0755));
	FAILS(EEXIST, mkdir("d", 0755));
	FAILS(EEXIST, mkdir("d/", 0755));
	FAILS(EEXIST, mkdir(".", 0755));
	FAILS(EEXIST, mkdir("d/..", 0755));
	FAILS(ENOENT, mkdir("none/d", 0755));
	OK(mkdir("e/", 0755));
	put("f", "x");
	FAILS(EEXIST, mkdir("f", 0755));
	FAILS(ENOTDIR, mkdir("f/d", 0755));
	FAILS(ENOTDIR, stat("f/", &st));
	FAILS(ENOTDIR, stat("f/.", &st));
	FAILS(ENOTDIR, open("f/g", O_CREAT | O_WRONLY, 0644));
	FAILS(ENOENT, stat("g", &st));
	FAILS(ENOENT, stat("", &st));
	FAILS(ENOENT, open("none/g", O_CREAT | O_WRONLY, 0644));
	FAILS(EISDIR, open("g/", O_CREAT | O_WRONLY, 0644));
	FAILS(EISDIR, open("d", O_CREAT | O_WRONLY, 0644));
	FAILS(EISDIR, open("d", O_WRONLY));
	FAILS(EISDIR, open("d", O_RDWR));
	FAILS(EISDIR, truncate("d", 0));
	SAME(look("d").st_mode, S_IFDIR | 0755);
	SAME(look("f").st_mode, S_IFREG | 0644);
	SAME(look("f").st_size, 1);
	umask(027);
	OK(mkdir("m", 0777));
	SAME(look("m").st_mode, S_IFDIR | 0750);
	OK(close(open("n", O_CREAT | O_WRONLY, 0666)));
	SAME(look("n").st_mode, S_IFREG | 0640);
}

static void removing(void)
{
	OK(mkdir("d", 0755));
	put("d/f", "");
	FAILS(ENOTEMPTY, rmdir("d"));
	FAILS(ENOENT, rmdir("none"));
	FAILS(ENOENT, unlink("none"));
	FAILS(ENOTDIR, rmdir("d/f"));
	FAILS(ENOTDIR, rmdir("d/f/g"));
	FAILS(ENOTDIR, unlink("d/f/g"));
	FAILS(ENOTDIR, unlink("d/f/"));
	FAILS(EINVAL, rmdir("d/."));
	FAILS(ENOTEMPTY, rmdir("d/.."));
	FAILS(EISDIR, unlink("d"));
	OK(unlink("d/f"));
	FAILS(ENOENT, unlink("d/f"));
	OK(rmdir("d"));
	FAILS(ENOENT, rmdir("d"));
	/* A directory that is somebody's current one. */
	OK(mkdir("here", 0755));
	OK(chdir("here"));
	OK(rmdir("../here"));
	FAILS(ENOENT, open("f", O_CREAT | O_WRONLY, 0644));
	FAILS(ENOENT, mkdir("d", 0755));
	FAILS(ENOENT, symlink("x", "l"));
	SAME(look(".").st_nlink, 0);
	OK(chdir(".."));
}

static void odd_names(void)
{
	static const char *const odd[] = {" ",	"  a ",	    "\n", "\\",	  "-rf",      "...", ".a",
					  "a.", "\xff\xfe", "*?", "\x01", "\xc3\xa4", "a:b", "'\"$`"};
	char path[64];
	size_t i;

	for (i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
		put(odd[i], odd[i]);
		holds(odd[i], odd[i]);
	}
	put("case", "");
	TRUE(!is_there("CASE"));
	for (i = 1; i < 256; i++) {
		if (i == '/')
			continue;
		snprintf(path, sizeof(path), "b%c", (int)i);
		OK(close(open(path, O_CREAT | O_EXCL | O_WRONLY, 0644)));
		TRUE(is_there(path));
		OK(unlink(path));
		TRUE(!is_there(path));
	}
}

static void long_names(void)
{
	char name[300], other[300], path[2 * PATH_MAX];
	int i, depth;

	for (i = 250; i <= 255; i++) {
		name_of(name, i, 'n');
		put(name, "x");
		holds(name, "x");
		name_of(other, i, 'o');
		OK(rename(name, other));
		OK(unlink(other));
		OK(mkdir(name, 0755));
		OK(rmdir(name));
	}
	name_of(name, 256, 'n');
	FAILS(ENAMETOOLONG, open(name, O_CREAT | O_WRONLY, 0644));
	FAILS(ENAMETOOLONG, mkdir(name, 0755));
	FAILS(ENAMETOOLONG, unlink(name));
	FAILS(ENAMETOOLONG, rmdir(name));
	FAILS(ENAMETOOLONG, symlink("x", name));
	put("a", "");
	FAILS(ENAMETOOLONG, rename("a", name));
	FAILS(ENAMETOOLONG, rename(name, "a"));
	FAILS(ENAMETOOLONG, link("a", name));
	FAILS(ENAMETOOLONG, access(name, F_OK));
	/* Deeper than one path can say: step by step. */
	name_of(name, 255, 'd');
	for (depth = 0; depth < 20; depth++) {
		OK(mkdir(name, 0755));
		OK(chdir(name));
	}
	put("leaf", "deep");
	holds("leaf", "deep");
	OK(unlink("leaf"));
	for (; depth; depth--) {
		OK(chdir(".."));
		OK(rmdir(name));
	}
	/* The longest path that one call takes, and one longer. */
	for (i = 0; i < PATH_MAX - 2; i += 2)
		memcpy(path + i, "./", 2);
	strcpy(path + PATH_MAX - 2, "a");
	OK(access(path, F_OK));
	memmove(path + 1, path, PATH_MAX);
	path[0] = '/';
	FAILS(ENAMETOOLONG, access(path, F_OK));
}

static void symlinks(void)
{
	char target[PATH_MAX], buf[PATH_MAX + 10];
	struct stat st;
	int i, n;

	put("f", "file");
	OK(mkdir("d", 0755));
	OK(symlink("f", "l"));
	holds("l", "file");
	SAME(look("l").st_mode, S_IFLNK | 0777);
	SAME(look("l").st_size, 1);
	SAME(readlink("l", buf, sizeof(buf)), 1);
	TRUE(buf[0] == 'f');
	FAILS(EEXIST, symlink("x", "l"));
	FAILS(EEXIST, symlink("x", "d"));
	FAILS(ENOENT, symlink("", "e"));
	FAILS(EINVAL, readlink("f", buf, sizeof(buf)));
	FAILS(EINVAL, readlink("d", buf, sizeof(buf)));
	FAILS(EINVAL, readlink("l", buf, 0));
	FAILS(ENOENT, readlink("none", buf, sizeof(buf)));
	FAILS(ENOTDIR, open("l/x", O_RDONLY));
	FAILS(ELOOP, open("l", O_RDONLY | O_NOFOLLOW));
	OK(symlink("nowhere", "dangling"));
	FAILS(ENOENT, stat("dangling", &st));
	FAILS(EEXIST, open("dangling", O_CREAT | O_EXCL | O_WRONLY, 0644));
	FAILS(EEXIST, mkdir("dangling", 0755));
	put("dangling", "made");
	holds("nowhere", "made");
	OK(symlink("d", "ld"));
	FAILS(ENOTDIR, rmdir("ld"));
	FAILS(ENOTDIR, rmdir("ld/"));
	FAILS(EEXIST, mkdir("ld", 0755));
	put("ld/in", "x");
	holds("d/in", "x");
	OK(unlink("d/in"));
	OK(unlink("ld"));
	TRUE(is_there("d"));
	/* Loops and long rows. */
	OK(symlink("self", "self"));
	FAILS(ELOOP, stat("self", &st));
	FAILS(ELOOP, open("self", O_CREAT | O_WRONLY, 0644));
	FAILS(ELOOP, truncate("self", 0));
	OK(symlink("two", "one"));
	OK(symlink("one", "two"));
	FAILS(ELOOP, stat("one/x", &st));
	OK(symlink("f", "row0"));
	for (i = 1; i < 45; i++) {
		snprintf(buf, sizeof(buf), "row%d", i);
		snprintf(target, sizeof(target), "row%d", i - 1);
		OK(symlink(target, buf));
	}
	OK(stat("row39", &st));
	FAILS(ELOOP, stat("row40", &st));
	/* Targets of all lengths. */
	for (n = 1; n < PATH_MAX; n = n < 600 ? n + 7 : n + 499) {
		name_of(target, n, 't');
		OK(symlink(target, "len"));
		SAME(look("len").st_size, n);
		SAME(readlink("len", buf, sizeof(buf)), n);
		TRUE(!memcmp(buf, target, n));
		SAME(readlink("len", buf, 1), 1);
		OK(unlink("len"));
	}
	name_of(target, PATH_MAX - 1, 't');
	OK(symlink(target, "len"));
	SAME(readlink("len", buf, sizeof(buf)), PATH_MAX - 1);
	name_of(buf, PATH_MAX, 't');
	FAILS(ENAMETOOLONG, symlink(buf, "longer"));
}

static void open_errors(void)
{
	char buf[8];
	int fd;

	put("f", "12345");
	fd = OK(open("f", O_RDONLY));
	FAILS(EBADF, write(fd, "x", 1));
	FAILS(EINVAL, ftruncate(fd, 0));
	FAILS(EINVAL, lseek(fd, -1, SEEK_SET));
	FAILS(EINVAL, pread(fd, buf, 1, -1));
	SAME(pread(fd, buf, 8, 5), 0);
	SAME(pread(fd, buf, 8, 1000000), 0);
	OK(close(fd));
	fd = OK(open("f", O_WRONLY));
	FAILS(EBADF, read(fd, buf, 1));
	FAILS(EINVAL, pwrite(fd, buf, 1, -1));
	FAILS(EINVAL, ftruncate(fd, -1));
	OK(close(fd));
	FAILS(EINVAL, truncate("f", -1));
	FAILS(ENOENT, truncate("none", 0));
	FAILS(ENOTDIR, open("f", O_RDONLY | O_DIRECTORY));
	FAILS(EFAULT, open((char *)8, O_RDONLY));
	fd = OK(open(".", O_RDONLY | O_DIRECTORY));
	FAILS(EISDIR, read(fd, buf, 1));
	FAILS(EBADF, write(fd, buf, 1));
	FAILS(EINVAL, ftruncate(fd, 0));
	OK(fsync(fd));
	OK(close(fd));
}

const struct test tests[] = {
	{"making", making},
	{"removing", removing},
	{"odd_names", odd_names},
	{"long_names", long_names},
	{"symlinks", symlinks},
	{"open_errors", open_errors},
	{NULL},
};
