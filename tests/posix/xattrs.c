// SPDX-License-Identifier: GPL-2.0 OR MIT
/* xattrs.c: extended attributes, as xattr(7). */
#include <linux/limits.h>
#include <sys/xattr.h>
#include "kinds.h"

#define U 65001
#define V 65002

static char *volatile nowhere = (char *)8;

static bool listed(const char *path, const char *name)
{
	char list[65536];
	ssize_t n = llistxattr(path, list, sizeof(list)), i;

	for (i = 0; i < n; i += strlen(list + i) + 1)
		if (!strcmp(list + i, name))
			return true;
	return false;
}

static void values(void)
{
	char buf[256];
	int fd;

	put("f", "x");
	HAS(setxattr("f", "user.a", "1234", 4, 0));
	SAME(getxattr("f", "user.a", buf, sizeof(buf)), 4);
	TRUE(!memcmp(buf, "1234", 4));
	SAME(getxattr("f", "user.a", buf, 0), 4);
	SAME(getxattr("f", "user.a", buf, 4), 4);
	FAILS(ERANGE, getxattr("f", "user.a", buf, 3));
	FAILS(ENODATA, getxattr("f", "user.b", buf, sizeof(buf)));
	FAILS(ENODATA, removexattr("f", "user.b"));
	FAILS(EEXIST, setxattr("f", "user.a", "x", 1, XATTR_CREATE));
	FAILS(ENODATA, setxattr("f", "user.b", "x", 1, XATTR_REPLACE));
	FAILS(EINVAL, setxattr("f", "user.b", "x", 1, 7));
	OK(setxattr("f", "user.a", "longer than before", 18, XATTR_REPLACE));
	OK(setxattr("f", "user.b", "", 0, XATTR_CREATE));
	SAME(getxattr("f", "user.a", buf, sizeof(buf)), 18);
	SAME(getxattr("f", "user.b", buf, sizeof(buf)), 0);
	TRUE(listed("f", "user.a") && listed("f", "user.b") && !listed("f", "user.c"));
	SAME(listxattr("f", NULL, 0) >= 14, 1);
	FAILS(ERANGE, listxattr("f", buf, 3));
	OK(removexattr("f", "user.a"));
	FAILS(ENODATA, getxattr("f", "user.a", buf, sizeof(buf)));
	TRUE(!listed("f", "user.a") && listed("f", "user.b"));
	/* By descriptor, through links and not. */
	fd = OK(open("f", O_RDONLY));
	OK(fsetxattr(fd, "user.c", "c", 1, 0));
	SAME(fgetxattr(fd, "user.c", buf, 10), 1);
	TRUE(flistxattr(fd, NULL, 0) > 0);
	OK(fremovexattr(fd, "user.c"));
	OK(close(fd));
	fd = OK(open("f", O_PATH));
	FAILS(EBADF, fsetxattr(fd, "user.c", "c", 1, 0));
	FAILS(EBADF, fgetxattr(fd, "user.c", buf, 10));
	OK(close(fd));
	OK(symlink("f", "l"));
	SAME(getxattr("l", "user.b", buf, 10), 0);
	FAILS(EPERM, lsetxattr("l", "user.x", "x", 1, 0));
	FAILS(ENODATA, lgetxattr("l", "user.b", buf, 10) < 0 && errno == EPERM ? (errno = ENODATA, -1) : -1);
	/* A name's parts. */
	FAILS(EOPNOTSUPP, setxattr("f", "nonsense.a", "x", 1, 0));
	FAILS(EOPNOTSUPP, setxattr("f", "user", "x", 1, 0));
	FAILS(EINVAL, setxattr("f", "user.", "x", 1, 0));
	FAILS(ERANGE, setxattr("f", "", "x", 1, 0));
	FAILS(ENOENT, setxattr("none", "user.a", "x", 1, 0));
	FAILS(EFAULT, setxattr("f", nowhere, "x", 1, 0));
	FAILS(EFAULT, setxattr("f", "user.q", nowhere, 1, 0));
	FAILS(EFAULT, getxattr("f", "user.q", nowhere, 100) < 0 && errno == ENODATA ? (errno = EFAULT, -1) : -1);
}

static void sizes(void)
{
	static const size_t some[] = {1, 50, 127, 128, 129, 500, 1000, 2000, 3000};
	char *v = malloc(XATTR_SIZE_MAX + 1), *w = malloc(XATTR_SIZE_MAX + 1), name[300];
	size_t i;

	put("f", "x");
	fill(v, XATTR_SIZE_MAX + 1, 3);
	for (i = 0; i < sizeof(some) / sizeof(*some); i++) {
		HAS(setxattr("f", "user.v", v, some[i], 0));
		SAME(getxattr("f", "user.v", w, XATTR_SIZE_MAX), some[i]);
		TRUE(!memcmp(v, w, some[i]));
	}
	FAILS(E2BIG, setxattr("f", "user.v", v, XATTR_SIZE_MAX + 1, 0));
	/* How much fits is the file system's; what it takes, it keeps. */
	if (!setxattr("f", "user.v", v, XATTR_SIZE_MAX, 0)) {
		SAME(getxattr("f", "user.v", w, XATTR_SIZE_MAX), XATTR_SIZE_MAX);
		TRUE(!memcmp(v, w, XATTR_SIZE_MAX));
	} else {
		TRUE(errno == ENOSPC || errno == E2BIG);
		SAME(getxattr("f", "user.v", w, XATTR_SIZE_MAX), 3000);
	}
	strcpy(name, "user.");
	memset(name + 5, 'n', 250);
	name[255] = 0;
	OK(removexattr("f", "user.v"));
	OK(setxattr("f", name, "x", 1, 0));
	TRUE(listed("f", name));
	name[255] = 'n';
	name[256] = 0;
	FAILS(ERANGE, setxattr("f", name, "x", 1, 0));
	for (i = 0; i < 30; i++) {
		snprintf(name, sizeof(name), "user.many%zu", i);
		OK(setxattr("f", name, name, strlen(name), XATTR_CREATE));
	}
	for (i = 0; i < 30; i += 2) {
		snprintf(name, sizeof(name), "user.many%zu", i);
		OK(removexattr("f", name));
	}
	for (i = 1; i < 30; i += 2) {
		snprintf(name, sizeof(name), "user.many%zu", i);
		SAME(getxattr("f", name, w, 100), strlen(name));
		TRUE(!memcmp(w, name, strlen(name)));
	}
	holds("f", "x");
	free(v);
	free(w);
}

static void rights(void)
{
	char buf[16];
	enum kind k;

	put("f", "x");
	OK(chown("f", U, U));
	OK(chmod("f", 0640));
	HAS(setxattr("f", "user.a", "1", 1, 0));
	OK(setxattr("f", "trusted.t", "1", 1, 0));
	TRUE(listed("f", "trusted.t"));
	become(V, V);
	FAILS(EACCES, getxattr("f", "user.a", buf, 16));
	FAILS(EACCES, setxattr("f", "user.a", "2", 1, 0));
	FAILS(EACCES, removexattr("f", "user.a"));
	FAILS(EPERM, setxattr("f", "trusted.t", "2", 1, 0));
	FAILS(ENODATA, getxattr("f", "trusted.t", buf, 16));
	TRUE(!listed("f", "trusted.t"));
	become(U, U);
	OK(setxattr("f", "user.a", "3", 1, 0));
	FAILS(EPERM, removexattr("f", "trusted.t"));
	OK(chmod("f", 0444));
	FAILS(EACCES, setxattr("f", "user.a", "4", 1, 0));
	SAME(getxattr("f", "user.a", buf, 16), 1);
	become(0, 0);
	OK(mkdir("d", 0777));
	OK(chmod("d", 01777));
	OK(setxattr("d", "user.a", "1", 1, 0));
	become(U, U);
	/* In a sticky directory of another, only the owner. */
	FAILS(EPERM, setxattr("d", "user.a", "2", 1, 0));
	become(0, 0);
	/* "user." is for files and directories only. */
	FOR_KINDS(k)
	{
		OK(kind_make(k, "x", 0666));
		if (k == REGULAR || k == DIRECTORY)
			OK(lsetxattr("x", "user.a", "1", 1, 0));
		else
			FAILS(EPERM, lsetxattr("x", "user.a", "1", 1, 0));
		OK(lsetxattr("x", "trusted.a", "1", 1, 0));
		SAME(lgetxattr("x", "trusted.a", buf, 16), 1);
		OK(kind_remove(k, "x"));
	}
}

static void life(void)
{
	struct stat a, b;
	char buf[16];
	int fd;

	put("f", "x");
	HAS(setxattr("f", "user.a", "1", 1, 0));
	a = look("f");
	tick();
	OK(setxattr("f", "user.a", "2", 1, 0));
	b = look("f");
	TRUE(after(b.st_ctim, a.st_ctim) && equal(b.st_mtim, a.st_mtim));
	tick();
	OK(removexattr("f", "user.a"));
	a = look("f");
	TRUE(after(a.st_ctim, b.st_ctim) && equal(b.st_mtim, a.st_mtim));
	OK(setxattr("f", "user.a", "3", 1, 0));
	OK(link("f", "g"));
	OK(setxattr("g", "user.b", "4", 1, 0));
	SAME(getxattr("f", "user.b", buf, 16), 1);
	OK(rename("g", "h"));
	OK(unlink("f"));
	SAME(getxattr("h", "user.a", buf, 16), 1);
	OK(chmod("h", 0600));
	OK(truncate("h", 100000));
	SAME(getxattr("h", "user.b", buf, 16), 1);
	/* A new file of the same name has none. */
	OK(unlink("h"));
	put("h", "x");
	FAILS(ENODATA, getxattr("h", "user.a", buf, 16));
	fd = OK(open("h", O_RDWR));
	OK(unlink("h"));
	OK(fsetxattr(fd, "user.z", "z", 1, 0));
	SAME(fgetxattr(fd, "user.z", buf, 16), 1);
	OK(close(fd));
}

/* CAP_NET_RAW, permitted, as setcap(8) stores it. */
static const unsigned char capability[20] = {[3] = 2, [5] = 0x20};

static void give(int fd)
{
	OK(fchmod(fd, 06777));
	OK(fsetxattr(fd, "security.capability", capability, sizeof(capability), 0));
}

/* A program that is changed loses what it could do: its capability whoever changes it, set-id bits by who may not keep
 * them. */
static void lost(const char *what, uid_t by)
{
	mode_t mode = look("f").st_mode & 07777, want = by ? 0777 : 06777;
	char buf[32];

	if (mode != want || getxattr("f", "security.capability", buf, sizeof(buf)) != -1 || errno != ENODATA) {
		printf("# %s by %u: mode %o, not %o, or the capability is there\n", what, by, mode, want);
		SAME(0, 1);
	}
}

static void programs(void)
{
	int fd = OK(open("f", O_CREAT | O_RDWR, 0777)), in, w, i;
	static const uid_t who[] = {0, V};
	off_t off;
	char *m;

	put("in", "some bytes");
	OK(chmod("in", 0644));
	if (fsetxattr(fd, "security.capability", capability, sizeof(capability), 0) && errno == EOPNOTSUPP)
		skip("no security.capability");
	for (i = 0; i < 2; i++) {
		give(fd);
		become(who[i], who[i]);
		w = OK(open("f", O_RDWR));
		in = OK(open("in", O_RDONLY));
		SAME(pwrite(w, "x", 1, 0), 1);
		become(0, 0);
		lost("write", who[i]);
		/* Again: that it had none before is not remembered for ever. */
		give(fd);
		become(who[i], who[i]);
		SAME(pwrite(w, "y", 1, 5000), 1);
		become(0, 0);
		lost("second write", who[i]);
		give(fd);
		become(who[i], who[i]);
		OK(ftruncate(w, 100));
		become(0, 0);
		lost("ftruncate", who[i]);
		give(fd);
		become(who[i], who[i]);
		OK(truncate("f", 10000));
		become(0, 0);
		lost("truncate", who[i]);
		give(fd);
		become(who[i], who[i]);
		OK(close(open("f", O_WRONLY | O_TRUNC)));
		become(0, 0);
		lost("open with O_TRUNC", who[i]);
		give(fd);
		become(who[i], who[i]);
		off = 0;
		SAME(copy_file_range(in, &off, w, &(off_t){0}, 10, 0), 10);
		become(0, 0);
		lost("copy_file_range", who[i]);
		give(fd);
		become(who[i], who[i]);
		if (!fallocate(w, 0, 0, 50000)) {
			become(0, 0);
			lost("fallocate", who[i]);
		}
		become(0, 0);
		/* Reading takes nothing. */
		give(fd);
		become(who[i], who[i]);
		SAME(pread(w, &i, 0, 0), 0);
		m = NULL;
		SAME(pread(w, &m, 8, 0), 8);
		OK(close(w));
		OK(close(in));
		become(0, 0);
		SAME(look("f").st_mode & 07777, 06777);
		SAME(getxattr("f", "security.capability", NULL, 0), sizeof(capability));
	}
	/* A new owner: both go, whoever gives it. */
	give(fd);
	OK(fchown(fd, V, V));
	lost("chown", V);
	OK(close(fd));
}

const struct test tests[] = {
	{"programs", programs, NEEDS_ROOT}, {"values", values, 0}, {"sizes", sizes, 0},
	{"rights", rights, NEEDS_ROOT},	    {"life", life, 0},	   {NULL},
};
