// SPDX-License-Identifier: GPL-2.0 OR MIT
/* perm.c: who may do what, by mode, owner, group, further groups; sticky and set-id bits. */
#include <utime.h>
#include "posix.h"

#define U 65001
#define V 65002
#define G 65101
#define H 65102

/* Opening for reading, writing and both, by mode. */
static void by_mode(void)
{
	static const struct {
		uid_t uid;
		gid_t gid, more;
		int shift;
	} who[] = {{U, G, -1, 6}, {V, G, -1, 3}, {V, H, G, 3}, {V, H, -1, 0}, {U, H, -1, 6}};
	int mode, i, bits, fd;

	put("f", "x");
	OK(chown("f", U, G));
	for (mode = 0; mode < 0777; mode += 0111 / 8 + 37) {
		become(0, 0);
		OK(chmod("f", mode));
		for (i = 0; i < 5; i++) {
			become_with(who[i].uid, who[i].gid, who[i].more);
			bits = mode >> who[i].shift & 7;
			fd = open("f", O_RDONLY);
			SAME(fd >= 0 ? 0 : errno, bits & 4 ? 0 : EACCES);
			close(fd);
			fd = open("f", O_WRONLY);
			SAME(fd >= 0 ? 0 : errno, bits & 2 ? 0 : EACCES);
			close(fd);
			fd = open("f", O_RDWR);
			SAME(fd >= 0 ? 0 : errno, (bits & 6) == 6 ? 0 : EACCES);
			close(fd);
			SAME(access("f", X_OK) ? errno : 0, bits & 1 ? 0 : EACCES);
			SAME(access("f", W_OK) ? errno : 0, bits & 2 ? 0 : EACCES);
			SAME(truncate("f", 1) ? errno : 0, bits & 2 ? 0 : EACCES);
		}
	}
	become(0, 0);
	OK(chmod("f", 0));
	OK(close(open("f", O_RDWR)));
	FAILS(EACCES, access("f", X_OK));
}

static void directories(void)
{
	struct stat st;
	int fd;

	OK(mkdir("d", 0755));
	OK(mkdir("d/e", 0755));
	put("d/f", "x");
	OK(chown("d", U, G));
	OK(chmod("d/f", 0666));
	become(U, G);
	OK(chmod("d", 0600)); /* no search */
	FAILS(EACCES, stat("d/f", &st));
	FAILS(EACCES, open("d/f", O_RDONLY));
	FAILS(EACCES, open("d/new", O_CREAT | O_WRONLY, 0644));
	FAILS(EACCES, unlink("d/f"));
	FAILS(EACCES, chdir("d"));
	fd = OK(open("d", O_RDONLY | O_DIRECTORY));
	close(fd);
	OK(chmod("d", 0500)); /* no write */
	OK(stat("d/f", &st));
	FAILS(EACCES, open("d/new", O_CREAT | O_WRONLY, 0644));
	OK(close(open("d/f", O_CREAT | O_WRONLY, 0644)));
	FAILS(EACCES, unlink("d/f"));
	FAILS(EACCES, mkdir("d/g", 0755));
	FAILS(EEXIST, mkdir("d/e", 0755));
	FAILS(EACCES, rmdir("d/e"));
	FAILS(EACCES, symlink("x", "d/l"));
	FAILS(EACCES, rename("d/f", "d/g"));
	FAILS(EACCES, rename("d/f", "f"));
	FAILS(EEXIST, open("d/f", O_CREAT | O_EXCL | O_WRONLY, 0644));
	OK(chmod("d", 0300)); /* no read */
	FAILS(EACCES, open("d", O_RDONLY | O_DIRECTORY));
	OK(rename("d/f", "d/g"));
	OK(unlink("d/g"));
	become(V, H);
	FAILS(EACCES, stat("d/e", &st));
	FAILS(EPERM, chmod("d", 0777));
	become(0, 0);
	OK(chmod("d", 0700));
}

static void owners(void)
{
	struct timespec ts[2] = {{1, 0}, {2, 0}}, now[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};
	struct timespec none[2] = {{0, UTIME_OMIT}, {0, UTIME_OMIT}}, half[2] = {{0, UTIME_NOW}, {0, UTIME_OMIT}};

	put("f", "");
	OK(chown("f", U, G));
	OK(chmod("f", 0666));
	become(V, H);
	FAILS(EPERM, chmod("f", 0644));
	FAILS(EPERM, chown("f", V, -1));
	FAILS(EPERM, chown("f", -1, H));
	FAILS(EPERM, utimensat(AT_FDCWD, "f", ts, 0));
	OK(utimensat(AT_FDCWD, "f", now, 0));
	OK(utimensat(AT_FDCWD, "f", NULL, 0));
	OK(utimensat(AT_FDCWD, "f", none, 0));
	FAILS(EPERM, utimensat(AT_FDCWD, "f", half, 0));
	become_with(U, G, H);
	OK(chmod("f", 0644));
	OK(chown("f", U, H));
	SAME(look("f").st_gid, H);
	OK(chown("f", -1, G));
	OK(chown("f", U, -1));
	FAILS(EPERM, chown("f", V, -1));
	FAILS(EPERM, chown("f", -1, 0));
	OK(utimensat(AT_FDCWD, "f", ts, 0));
	become(V, H);
	FAILS(EACCES, utimensat(AT_FDCWD, "f", now, 0));
	FAILS(EACCES, utimensat(AT_FDCWD, "f", NULL, 0));
	FAILS(EPERM, utimensat(AT_FDCWD, "f", ts, 0));
	/* A symbolic link is the caller's like anything else. */
	OK(symlink("f", "l"));
	SAME(look("l").st_uid, V);
	SAME(look("l").st_gid, H);
	FAILS(EPERM, lchown("l", U, -1));
	become(0, 0);
	OK(lchown("l", U, G));
	SAME(look("l").st_uid, U);
	SAME(look("f").st_uid, U);
	OK(chown("l", V, H));
	SAME(look("f").st_uid, V);
	SAME(look("l").st_uid, U);
}

static void created(void)
{
	struct stat st;

	become_with(U, G, H);
	put("f", "");
	OK(mkdir("d", 02775));
	st = look("f");
	SAME(st.st_uid, U);
	SAME(st.st_gid, G);
	OK(chown("d", -1, H));
	/* A directory with set-gid hands its group on. */
	OK(chmod("d", 02775));
	put("d/f", "");
	SAME(look("d/f").st_gid, H);
	OK(mkdir("d/e", 0755));
	SAME(look("d/e").st_gid, H);
	SAME(look("d/e").st_mode, S_IFDIR | 02755);
	OK(symlink("x", "d/l"));
	SAME(look("d/l").st_gid, H);
	OK(chmod("d", 0777));
	put("d/g", "");
	SAME(look("d/g").st_gid, G);
	/* A mode without write right does not bind who creates. */
	SAME(write(open("d/ro", O_CREAT | O_WRONLY, 0444), "x", 1), 1);
	SAME(look("d/ro").st_mode, S_IFREG | 0444);
	OK(close(open("d/zero", O_CREAT | O_RDWR, 0)));
	FAILS(EACCES, open("d/zero", O_RDWR));
}

static void set_id(void)
{
	int fd;

	put("f", "x");
	OK(chown("f", U, G));
	OK(chmod("f", 06777));
	SAME(look("f").st_mode & 07777, 06777);
	/* A write by who may not set them takes them away. */
	become(V, H);
	fd = OK(open("f", O_WRONLY));
	SAME(look("f").st_mode & 07777, 06777);
	SAME(write(fd, "y", 1), 1);
	SAME(look("f").st_mode & 07777, 0777);
	OK(close(fd));
	become(0, 0);
	OK(chmod("f", 06777));
	become(V, H);
	OK(truncate("f", 0));
	SAME(look("f").st_mode & 07777, 0777);
	become(0, 0);
	OK(chmod("f", 06777));
	become(V, H);
	OK(close(open("f", O_WRONLY | O_TRUNC)));
	SAME(look("f").st_mode & 07777, 0777);
	/* Set-gid without execute by group stays, for the group's members. */
	become(0, 0);
	OK(chmod("f", 02767));
	become_with(V, H, G);
	fd = OK(open("f", O_WRONLY));
	SAME(write(fd, "y", 1), 1);
	SAME(look("f").st_mode & 07777, 02767);
	OK(close(fd));
	become(0, 0);
	become(V, H);
	fd = OK(open("f", O_WRONLY));
	SAME(write(fd, "y", 1), 1);
	SAME(look("f").st_mode & 07777, 0767);
	OK(close(fd));
	become(0, 0);
	/* Nothing is changed, and yet it is a chown. */
	OK(chmod("f", 06777));
	OK(chown("f", -1, -1));
	SAME(look("f").st_mode & 07777, 0777);
	OK(chmod("f", 02767));
	OK(chown("f", -1, -1));
	SAME(look("f").st_mode & 07777, 02767);
	OK(chmod("f", 06777));
	fd = OK(open("f", O_WRONLY));
	SAME(write(fd, "y", 1), 1);
	OK(close(fd));
	SAME(look("f").st_mode & 07777, 06777);
	/* A new owner, too, whoever gives it. */
	OK(chown("f", V, -1));
	SAME(look("f").st_mode & 07777, 0777);
	OK(chmod("f", 06711));
	become_with(V, H, G);
	OK(chown("f", -1, H));
	SAME(look("f").st_mode & 07777, 0711);
	/* Who is not of the file's group cannot give it set-gid. */
	become(0, 0);
	OK(chown("f", V, G));
	become(V, H);
	OK(chmod("f", 06755));
	SAME(look("f").st_mode & 07777, 04755);
	become_with(V, H, G);
	OK(chmod("f", 06755));
	SAME(look("f").st_mode & 07777, 06755);
	become(0, 0);
	OK(mkdir("d", 0777));
	OK(chmod("d", 06777));
	OK(chown("d", U, G));
	SAME(look("d").st_mode & 07777, 06777);
}

static void sticky(void)
{
	int i;

	OK(mkdir("d", 0777));
	OK(chown("d", U, G));
	OK(chmod("d", 01777));
	for (i = 0; i < 2; i++) {
		become(V, H);
		put("d/v", "v");
		OK(mkdir("d/vd", 0777));
		become(65003, H);
		FAILS(EPERM, unlink("d/v"));
		FAILS(EPERM, rmdir("d/vd"));
		FAILS(EPERM, rename("d/v", "d/w"));
		put("d/mine", "");
		FAILS(EPERM, rename("d/mine", "d/v"));
		OK(rename("d/mine", "d/mine2"));
		OK(unlink("d/mine2"));
		become(V, H);
		OK(rename("d/v", "d/w"));
		/* The directory's owner may. */
		become(U, G);
		OK(unlink("d/w"));
		OK(rmdir("d/vd"));
	}
	become(0, 0);
	put("d/root", "");
	become(V, H);
	FAILS(EPERM, unlink("d/root"));
	become(0, 0);
	OK(unlink("d/root"));
}

/* Moving a directory changes its "..", so it must be writable itself. */
static void moving(void)
{
	OK(mkdir("a", 0777));
	OK(mkdir("b", 0777));
	OK(mkdir("a/d", 0755));
	OK(chown("a/d", U, G));
	become(V, H);
	FAILS(EACCES, rename("a/d", "b/d"));
	OK(rename("a/d", "a/e"));
	become(U, G);
	OK(rename("a/e", "b/e"));
}

static void protected_names(void)
{
	struct stat st;

	OK(mkdir("d", 0755));
	put("d/f", "");
	become(U, G);
	FAILS(EACCES, open("d/new", O_CREAT | O_WRONLY, 0644));
	FAILS(EACCES, mkdir("d/new", 0755));
	FAILS(EACCES, symlink("x", "d/new"));
	FAILS(EACCES, mkfifo("d/new", 0755));
	FAILS(EACCES, unlink("d/f"));
	FAILS(EACCES, rename("d/f", "d/g"));
	FAILS(EACCES, rename("d/f", "here"));
	put("mine", "");
	FAILS(EACCES, rename("mine", "d/mine"));
	OK(stat("mine", &st));
	FAILS(EACCES, open("d/f", O_WRONLY));
	FAILS(EACCES, truncate("d/f", 0));
	FAILS(EPERM, mknod("mine2", S_IFCHR | 0644, 0x103));
	FAILS(EACCES, open("d/f", O_RDONLY | O_TRUNC));
}

const struct test tests[] = {
	{"by_mode", by_mode, NEEDS_ROOT},
	{"directories", directories, NEEDS_ROOT},
	{"owners", owners, NEEDS_ROOT},
	{"created", created, NEEDS_ROOT},
	{"set_id", set_id, NEEDS_ROOT},
	{"sticky", sticky, NEEDS_ROOT},
	{"moving", moving, NEEDS_ROOT},
	{"protected_names", protected_names, NEEDS_ROOT},
	{NULL},
};
