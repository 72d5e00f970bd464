// SPDX-License-Identifier: GPL-2.0 OR MIT
/* kinds.c: each call on each kind of file: what it changes, which times it moves, and whom it refuses. */
#include "kinds.h"

#define U 65001 /* the owner */
#define V 65002 /* somebody else */
#define G 65011 /* the owner's group */
#define H 65012 /* another one */

#define A 1u
#define M 2u
#define C 4u

static enum kind now;
static struct stat was;

static void mark(const char *path)
{
	was = look(path);
	tick();
}

static void moved(const char *path, unsigned want, int line)
{
	struct stat st = look(path);
	unsigned got = (equal(st.st_atim, was.st_atim) ? 0 : A) | (equal(st.st_mtim, was.st_mtim) ? 0 : M) |
		       (equal(st.st_ctim, was.st_ctim) ? 0 : C);

	if (got == want)
		return;
	printf("# kinds.c:%d: %s: times %u moved, should be %u (atime 1, mtime 2, ctime 4)\n", line, kind_names[now],
	       got, want);
	SAME(got, want);
}
#define MOVED(path, want) moved(path, want, __LINE__)

static void mode_is(const char *path, mode_t want, int line)
{
	mode_t got = look(path).st_mode & 07777;

	if (got == want)
		return;
	printf("# kinds.c:%d: %s: mode %o, not %o\n", line, kind_names[now], got, want);
	SAME(got, want);
}
#define MODE(path, want) mode_is(path, want, __LINE__)

static void made(void)
{
	static const mode_t modes[] = {0, 0151, 0345, 0644, 0755, 0777};
	struct stat st, d;
	size_t i;

	FOR_KINDS(now)
	{
		for (i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
			mark(".");
			OK(kind_make(now, "x", modes[i]));
			st = look("x");
			SAME(st.st_mode & S_IFMT, kind_types[now]);
			SAME(st.st_mode & 07777, now == SYMLINK ? 0777 : modes[i]);
			SAME(st.st_uid, 0);
			SAME(st.st_gid, 0);
			SAME(st.st_rdev, now == BLOCK || now == CHARACTER ? makedev(1, 2) : 0);
			SAME(st.st_dev, look(".").st_dev);
			TRUE(now == DIRECTORY || st.st_nlink == 1);
			MOVED(".", M | C);
			d = look(".");
			TRUE(!after(was.st_mtim, st.st_mtim) && !after(st.st_mtim, d.st_mtim) + 1);
			mark(".");
			OK(kind_remove(now, "x"));
			MOVED(".", M | C);
			TRUE(!is_there("x"));
		}
	}
	/* The owner is who made it, and the group is theirs or that of a set-group-id directory. */
	OK(mkdir("g", 0777));
	OK(chown("g", -1, H));
	OK(chmod("g", 02777));
	become(U, G);
	FOR_KINDS(now)
	{
		if (now == BLOCK || now == CHARACTER) {
			FAILS(EPERM, kind_make(now, "x", 0644));
			continue;
		}
		OK(kind_make(now, "x", 0644));
		SAME(look("x").st_uid, U);
		SAME(look("x").st_gid, G);
		OK(kind_remove(now, "x"));
		OK(kind_make(now, "g/x", 0755));
		SAME(look("g/x").st_gid, H);
		SAME(look("g/x").st_mode & S_ISGID, now == DIRECTORY ? S_ISGID : 0);
		OK(kind_remove(now, "g/x"));
	}
	become(0, 0);
	umask(027);
	FOR_KINDS(now)
	{
		OK(kind_make(now, "x", 0777));
		/* bind's file is given its mode by chmod here. */
		if (now != SOCKET)
			MODE("x", now == SYMLINK ? 0777 : 0750);
		OK(kind_remove(now, "x"));
	}
}

static void modes(void)
{
	static const mode_t all[] = {0, 0111, 0222, 0444, 0777, 01000, 02000, 04000, 07777};
	size_t i;

	FOR_KINDS(now)
	{
		OK(kind_make(now, "x", 0644));
		OK(symlink("x", "l"));
		for (i = 0; now != SYMLINK && i < sizeof(all) / sizeof(*all); i++) {
			mark("x");
			OK(chmod("x", all[i]));
			MODE("x", all[i]);
			MOVED("x", C);
			OK(chmod("l", 0640));
			MODE("x", 0640);
			MODE("l", 0777);
		}
		/* Nobody else may, and then nothing moves. */
		OK(lchown("x", U, G));
		if (now != SYMLINK) {
			mark("x");
			become(V, H);
			FAILS(EPERM, chmod("x", 0600));
			FAILS(EPERM, chmod("l", 0600));
			become(0, 0);
			MOVED("x", 0);
			MODE("x", 0640);
			become(U, G);
			OK(chmod("x", 0600));
			MODE("x", 0600);
			/* Sticky means nothing on a file and is kept; set-group-id only for who is in the group. */
			OK(chmod("x", 01755));
			MODE("x", 01755);
			OK(chmod("x", 02755));
			MODE("x", 02755);
			become(0, 0);
			OK(chown("x", U, H));
			OK(chmod("x", 0755));
			become(U, G);
			OK(chmod("x", 02755));
			MODE("x", 0755);
			become_with(U, G, H);
			OK(chmod("x", 02755));
			MODE("x", 02755);
		}
		become(0, 0);
		OK(kind_remove(now, "x"));
		OK(unlink("l"));
	}
}

static void owner_is(const char *path, uid_t u, gid_t g)
{
	struct stat st = look(path);

	if (st.st_uid == u && st.st_gid == g)
		return;
	printf("# %s: owner %u:%u, not %u:%u\n", kind_names[now], st.st_uid, st.st_gid, u, g);
	SAME(st.st_uid == u && st.st_gid == g, 1);
}

static void owners(void)
{
	FOR_KINDS(now)
	{
		OK(kind_make(now, "x", 0644));
		mark("x");
		OK(lchown("x", U, G));
		owner_is("x", U, G);
		MOVED("x", C);
		OK(lchown("x", -1, H));
		owner_is("x", U, H);
		OK(lchown("x", V, -1));
		owner_is("x", V, H);
		OK(lchown("x", U, G));
		become_with(U, G, H);
		mark("x");
		OK(lchown("x", -1, H));
		owner_is("x", U, H);
		MOVED("x", C);
		OK(lchown("x", U, G));
		owner_is("x", U, G);
		mark("x");
		FAILS(EPERM, lchown("x", V, -1));
		FAILS(EPERM, lchown("x", 0, -1));
		FAILS(EPERM, lchown("x", -1, 65013));
		FAILS(EPERM, lchown("x", U, 0));
		become(V, G);
		FAILS(EPERM, lchown("x", -1, G));
		FAILS(EPERM, lchown("x", V, G));
		FAILS(EPERM, lchown("x", U, -1));
		become(0, 0);
		MOVED("x", 0);
		owner_is("x", U, G);
		/* Through a link. */
		if (now != SYMLINK) {
			OK(symlink("x", "l"));
			OK(chown("l", V, H));
			owner_is("x", V, H);
			owner_is("l", 0, 0);
			OK(lchown("l", U, G));
			owner_is("x", V, H);
			owner_is("l", U, G);
			OK(unlink("l"));
		}
		/* Set-id bits of what is no directory go, also when root gives it away. */
		if (now != SYMLINK && now != DIRECTORY) {
			OK(chown("x", U, G));
			OK(chmod("x", 06555));
			become_with(U, G, H);
			OK(chown("x", U, H));
			MODE("x", 0555);
			become(0, 0);
			OK(chmod("x", 06555));
			become_with(U, G, H);
			OK(chown("x", -1, G));
			MODE("x", 0555);
			become(0, 0);
			OK(chmod("x", 06755));
			OK(chown("x", V, H));
			MODE("x", 0755);
			OK(chmod("x", 06555));
			mark("x");
			OK(chown("x", -1, -1));
			owner_is("x", V, H);
		} else if (now == DIRECTORY) {
			OK(chmod("x", 07777));
			OK(chown("x", V, H));
			MODE("x", 07777);
		}
		OK(lchown("x", 0, 0));
		become(V, H);
		OK(lchown("x", -1, -1));
		become(0, 0);
		owner_is("x", 0, 0);
		OK(kind_remove(now, "x"));
	}
}

static void links(void)
{
	FOR_KINDS(now)
	{
		OK(kind_make(now, "x", 0644));
		if (now == DIRECTORY) {
			FAILS(EPERM, link("x", "y"));
			OK(rmdir("x"));
			continue;
		}
		mark("x");
		OK(link("x", "y"));
		MOVED("x", C);
		SAME(look("y").st_ino, look("x").st_ino);
		SAME(look("y").st_mode, look("x").st_mode);
		SAME(look("y").st_nlink, 2);
		mark("x");
		FAILS(EEXIST, link("x", "y"));
		FAILS(ENOENT, link("x", "none/y"));
		MOVED("x", 0);
		if (now != SYMLINK) {
			OK(chmod("x", 0201));
			OK(chown("x", U, G));
			MODE("y", 0201);
			owner_is("y", U, G);
		}
		mark("y");
		OK(unlink("x"));
		MOVED("y", C);
		SAME(look("y").st_nlink, 1);
		SAME(look("y").st_mode & S_IFMT, kind_types[now]);
		OK(unlink("y"));
	}
}

static void renames(void)
{
	struct stat st;
	enum kind over;

	OK(mkdir("d", 0755));
	FOR_KINDS(now)
	{
		OK(kind_make(now, "x", 0644));
		st = look("x");
		mark("d");
		OK(rename("x", "d/y"));
		MOVED("d", M | C);
		TRUE(!is_there("x"));
		SAME(look("d/y").st_ino, st.st_ino);
		SAME(look("d/y").st_mode, st.st_mode);
		SAME(look("d/y").st_rdev, st.st_rdev);
		OK(symlink("d/y", "l"));
		OK(rename("l", "l2"));
		SAME(look("l2").st_mode & S_IFMT, S_IFLNK);
		SAME(look("d/y").st_ino, st.st_ino);
		OK(unlink("l2"));
		OK(rename("d/y", "x"));
		FOR_KINDS(over)
		{
			OK(kind_make(over, "y", 0600));
			if ((now == DIRECTORY) == (over == DIRECTORY)) {
				OK(rename("x", "y"));
				SAME(look("y").st_ino, st.st_ino);
				SAME(look("y").st_mode, st.st_mode);
				TRUE(!is_there("x"));
				OK(rename("y", "x"));
			} else {
				mark(".");
				FAILS(now == DIRECTORY ? ENOTDIR : EISDIR, rename("x", "y"));
				MOVED(".", 0);
				SAME(look("x").st_ino, st.st_ino);
				SAME(look("y").st_mode & S_IFMT, kind_types[over]);
				OK(kind_remove(over, "y"));
			}
		}
		OK(kind_remove(now, "x"));
	}
}

static void times(void)
{
	struct timespec ts[2] = {{1234567890, 987654321}, {1400000000, 1}}, some[2];
	struct stat st;

	FOR_KINDS(now)
	{
		OK(kind_make(now, "x", 0644));
		mark("x");
		OK(utimensat(AT_FDCWD, "x", ts, AT_SYMLINK_NOFOLLOW));
		st = look("x");
		TRUE(equal(st.st_atim, ts[0]) && equal(st.st_mtim, ts[1]) && after(st.st_ctim, was.st_ctim));
		some[0] = (struct timespec){.tv_nsec = UTIME_OMIT};
		some[1] = (struct timespec){1500000000, 7};
		OK(utimensat(AT_FDCWD, "x", some, AT_SYMLINK_NOFOLLOW));
		st = look("x");
		TRUE(equal(st.st_atim, ts[0]) && equal(st.st_mtim, some[1]));
		mark("x");
		some[0].tv_nsec = UTIME_NOW;
		some[1].tv_nsec = UTIME_OMIT;
		OK(utimensat(AT_FDCWD, "x", some, AT_SYMLINK_NOFOLLOW));
		MOVED("x", A | C);
		TRUE(after(look("x").st_atim, was.st_ctim));
		mark("x");
		some[0].tv_nsec = some[1].tv_nsec = UTIME_OMIT;
		OK(utimensat(AT_FDCWD, "x", some, AT_SYMLINK_NOFOLLOW));
		MOVED("x", 0);
		/* Given times only the owner sets; the present time, whoever may write. */
		OK(lchown("x", U, G));
		become(V, H);
		mark("x");
		FAILS(EPERM, utimensat(AT_FDCWD, "x", ts, AT_SYMLINK_NOFOLLOW));
		if (now != SYMLINK)
			FAILS(EACCES, utimensat(AT_FDCWD, "x", NULL, AT_SYMLINK_NOFOLLOW));
		some[0].tv_nsec = UTIME_NOW;
		FAILS(EPERM, utimensat(AT_FDCWD, "x", some, AT_SYMLINK_NOFOLLOW));
		become(0, 0);
		MOVED("x", 0);
		if (now != SYMLINK) {
			OK(chmod("x", 0666));
			become(V, H);
			OK(utimensat(AT_FDCWD, "x", NULL, 0));
			some[0].tv_nsec = some[1].tv_nsec = UTIME_NOW;
			OK(utimensat(AT_FDCWD, "x", some, 0));
			FAILS(EPERM, utimensat(AT_FDCWD, "x", ts, 0));
		}
		become(U, G);
		OK(utimensat(AT_FDCWD, "x", ts, AT_SYMLINK_NOFOLLOW));
		become(0, 0);
		SAME(look("x").st_mtim.tv_sec, ts[1].tv_sec);
		OK(kind_remove(now, "x"));
	}
	/* Before and behind what 32 bits hold. */
	put("x", "");
	ts[0] = (struct timespec){4294967296, 5};
	ts[1] = (struct timespec){2147483648, 999999999};
	OK(utimensat(AT_FDCWD, "x", ts, 0));
	st = look("x");
	TRUE(equal(st.st_atim, ts[0]) && equal(st.st_mtim, ts[1]));
	ts[0] = (struct timespec){-1, 999999999};
	ts[1] = (struct timespec){-2147483647, 1};
	OK(utimensat(AT_FDCWD, "x", ts, 0));
	st = look("x");
	TRUE(equal(st.st_atim, ts[0]) && equal(st.st_mtim, ts[1]));
	FAILS(EINVAL, utimensat(AT_FDCWD, "x", ts, 0x1000000));
	ts[0].tv_nsec = 1000000000;
	FAILS(EINVAL, utimensat(AT_FDCWD, "x", ts, 0));
	ts[0].tv_nsec = -1;
	FAILS(EINVAL, utimensat(AT_FDCWD, "x", ts, 0));
}

static void opens(void)
{
	int fd;

	OK(kind_make(FIFO, "fifo", 0666));
	FAILS(ENXIO, open("fifo", O_WRONLY | O_NONBLOCK));
	fd = OK(open("fifo", O_RDONLY | O_NONBLOCK));
	OK(close(OK(open("fifo", O_WRONLY | O_NONBLOCK))));
	OK(close(fd));
	FAILS(ESPIPE, lseek(fd = OK(open("fifo", O_RDWR)), 0, SEEK_CUR));
	SAME(write(fd, "pipe", 4), 4);
	mark("fifo");
	FAILS(EINVAL, ftruncate(fd, 0));
	OK(close(fd));
	OK(kind_make(SOCKET, "socket", 0666));
	FAILS(ENXIO, open("socket", O_RDONLY));
	FAILS(ENXIO, open("socket", O_RDWR));
	fd = OK(open("socket", O_PATH));
	OK(close(fd));
	FAILS(EINVAL, truncate("fifo", 0));
	FAILS(EINVAL, truncate("socket", 0));
	FAILS(ENOTDIR, open("fifo", O_RDONLY | O_DIRECTORY));
	OK(mknod("zero", S_IFCHR | 0666, makedev(1, 5)));
	OK(mknod("none", S_IFCHR | 0666, makedev(255, 255)));
	fd = open("zero", O_RDONLY);
	/* Mounts without devices say so. */
	if (fd < 0)
		SAME(errno, EACCES);
	else
		OK(close(fd));
}

/* In a sticky directory only owners remove: all owners of the directory and of the thing, for each kind. */
static void sticky(void)
{
	static const uid_t owners_[] = {0, U, V};
	const int n = 3;
	int dir, thing, err;

	OK(mkdir("free", 0777));
	FOR_KINDS(now)
	{
		for (dir = 0; dir < n; dir++) {
			for (thing = 0; thing < n; thing++) {
				OK(mkdir("d", 0777));
				OK(chown("d", owners_[dir], G));
				OK(chmod("d", 01777));
				OK(kind_make(now, "d/x", 0644));
				OK(lchown("d/x", owners_[thing], G));
				/* A directory that moves to another one must be writable itself. */
				if (now == DIRECTORY)
					OK(chmod("d/x", 0777));
				become(U, G);
				err = owners_[dir] == U || owners_[thing] == U ? 0 : EPERM;
				OK(kind_make(now == DIRECTORY ? DIRECTORY : REGULAR, "d/mine", 0644));
				if (err) {
					FAILS(err, rename("d/x", "d/y"));
					FAILS(err, rename("d/x", "free/x"));
					FAILS(err, rename("d/mine", "d/x"));
					FAILS(err, kind_remove(now, "d/x"));
					OK(kind_remove(now == DIRECTORY ? DIRECTORY : REGULAR, "d/mine"));
				} else {
					OK(rename("d/x", "d/y"));
					OK(rename("d/y", "free/x"));
					OK(rename("free/x", "d/x"));
					OK(rename("d/mine", "d/x"));
					OK(kind_remove(now, "d/x"));
				}
				become(0, 0);
				if (err)
					OK(kind_remove(now, "d/x"));
				OK(rmdir("d"));
			}
		}
	}
}

const struct test tests[] = {
	{"made", made, NEEDS_ROOT},   {"modes", modes, NEEDS_ROOT},	{"owners", owners, NEEDS_ROOT},
	{"links", links, NEEDS_ROOT}, {"renames", renames, NEEDS_ROOT}, {"times", times, NEEDS_ROOT},
	{"opens", opens, NEEDS_ROOT}, {"sticky", sticky, NEEDS_ROOT},	{NULL},
};
