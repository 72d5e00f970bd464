// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * stress.c: many processes do random things to one small set of names, and some of them are killed. What a call may
 * answer is known; what is left must hang together: each name leads to something, counts of links are right, files are
 * as long as they say and can be read. $SEED begins another history; with several processes it does not replay.
 */
#include <dirent.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/xattr.h>
#include "posix.h"

#define DIRS 4
#define NAMES 12
#define MOST (1u << 19) /* bytes of a file */

static uint64_t state;
static const char *doing; /* the call that may have failed */
#define DO(call) (doing = #call, (call))
static char buf[1 << 16];

static uint32_t any(uint32_t below)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(state >> 33) % below;
}

/* d0/d1/n3: few names, so that the processes meet. */
static const char *name(void)
{
	static char names[4][64];
	static int turn;
	char *p = names[turn++ % 4];
	int n = 0, depth = any(3);

	while (depth--)
		n += sprintf(p + n, "d%u/", any(DIRS));
	sprintf(p + n, any(4) ? "n%u" : "d%u", any(any(4) ? NAMES : DIRS));
	return p;
}

static int descriptor(int flags)
{
	return DO(open(name(), flags | O_NONBLOCK, 0600 + any(64) * 8));
}

static int do_make(void)
{
	int fd;

	switch (any(8)) {
	case 0:
		return DO(mkdir(name(), 0755));
	case 1:
		return DO(symlink(name(), name()));
	case 2:
		return DO(mknod(name(), any(2) ? S_IFIFO | 0644 : S_IFREG | 0644, 0));
	case 3:
		return DO(link(name(), name()));
	case 4:
		fd = open(any(2) ? "." : "d1", O_TMPFILE | O_RDWR, 0600);
		if (fd < 0)
			return -1;
		if (write(fd, buf, any(9000)) >= 0 && any(2)) {
			char path[40];

			snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
			linkat(AT_FDCWD, path, AT_FDCWD, name(), AT_SYMLINK_FOLLOW);
		}
		return DO(close(fd));
	default:
		fd = descriptor(O_CREAT | O_WRONLY | (any(3) ? 0 : O_EXCL) | (any(4) ? 0 : O_TRUNC));
		return fd < 0 ? -1 : DO(close(fd));
	}
}

static int do_remove(void)
{
	switch (any(6)) {
	case 0:
		return DO(rmdir(name()));
	case 1:
	case 2:
		return DO(unlink(name()));
	case 3:
		return DO(renameat2(AT_FDCWD, name(), AT_FDCWD, name(), any(2) ? RENAME_EXCHANGE : RENAME_NOREPLACE));
	default:
		return DO(rename(name(), name()));
	}
}

static int do_attributes(void)
{
	struct timespec ts[2] = {{any(1 << 30), any(1000000000)}, {any(1 << 30), any(1000000000)}};
	struct stat st;

	switch (any(9)) {
	case 0:
		return DO(chmod(name(), 0600 + any(128)));
	case 1:
		return DO(lchown(name(), any(2) ? -1 : getuid(), -1));
	case 2:
		return DO(utimensat(AT_FDCWD, name(), any(2) ? ts : NULL, AT_SYMLINK_NOFOLLOW));
	case 3:
		return DO(setxattr(name(), any(2) ? "user.a" : "user.b", buf, any(any(5) ? 100 : 3000), 0));
	case 4:
		return DO(removexattr(name(), any(2) ? "user.a" : "user.b"));
	case 5:
		return DO(getxattr(name(), "user.a", buf, sizeof(buf))) < 0 ? -1 : 0;
	case 6:
		return DO(readlink(name(), buf, sizeof(buf))) < 0 ? -1 : 0;
	case 7:
		return DO(truncate(name(), any(MOST)));
	default:
		return DO(stat(name(), &st));
	}
}

static int do_map(int fd)
{
	struct stat st;
	char *m;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || !st.st_size)
		return 0;
	m = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (m == MAP_FAILED)
		return -1;
	/* Others cut the file under it: only through calls, which say so. */
	if (any(2))
		pwrite(fd, m, any(st.st_size), any(MOST));
	else if (pread(fd, m, any(st.st_size), 0) < 0 && errno == EFAULT)
		errno = 0;
	if (any(3) == 0)
		msync(m, st.st_size, MS_SYNC);
	return DO(munmap(m, st.st_size));
}

static int do_content(void)
{
	static const int modes[] = {0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				    FALLOC_FL_ZERO_RANGE};
	int fd = descriptor(O_RDWR | (any(4) ? 0 : O_CREAT) | (any(5) ? 0 : O_APPEND)), other, err = 0;
	off_t a = any(MOST), b = any(MOST);

	if (fd < 0)
		return -1;
	switch (any(11)) {
	case 0 ... 2:
		err = DO(pwrite(fd, buf, any(any(3) ? 5000 : sizeof(buf)), a)) < 0 ? -1 : 0;
		break;
	case 3 ... 4:
		err = DO(pread(fd, buf, any(sizeof(buf)), a)) < 0 ? -1 : 0;
		break;
	case 5:
		err = DO(ftruncate(fd, any(MOST)));
		break;
	case 6:
		err = DO(fallocate(fd, modes[any(4)], a, 1 + any(50000)));
		break;
	case 7:
		err = any(2) ? DO(fsync(fd)) : DO(fdatasync(fd));
		break;
	case 8:
		err = DO(do_map(fd));
		break;
	case 9:
		other = descriptor(O_RDONLY);
		if (other >= 0) {
			err = DO(copy_file_range(other, &a, fd, &b, any(60000), 0)) < 0 ? -1 : 0;
			close(other);
		}
		break;
	default:
		lseek(fd, a, any(2) ? SEEK_DATA : SEEK_HOLE);
	}
	if (err) {
		err = errno;
		close(fd);
		errno = err;
		return -1;
	}
	return DO(close(fd));
}

static int do_list(void)
{
	DIR *d = DO(opendir(any(3) ? name() : "."));

	if (!d)
		return -1;
	while (readdir(d))
		;
	return closedir(d);
}

/* What random calls on random names may say. */
static bool fair(int err)
{
	static const int ok[] = {ENOENT, EEXIST, ENOTDIR, EISDIR, ENOTEMPTY, EINVAL, ELOOP, EBUSY,  ENXIO, ENODATA,
				 ENOSPC, EDQUOT, EPERM,	  EMLINK, ESPIPE,    EXDEV,  EFBIG, ENODEV, EBADF, EOPNOTSUPP};
	size_t i;

	for (i = 0; i < sizeof(ok) / sizeof(*ok); i++)
		if (err == ok[i])
			return true;
	return false;
}

static int work(unsigned seed, unsigned steps)
{
	unsigned i;
	int err;

	state = seed * 7919ull + 1;
	for (i = 0; i < 20; i++)
		any(2);
	fill(buf, sizeof(buf), seed);
	for (i = 0; i < steps; i++) {
		uint32_t what = any(16);

		errno = 0;
		err = what < 4	  ? do_make()
		      : what < 7  ? do_remove()
		      : what < 10 ? do_attributes()
		      : what < 15 ? do_content()
				  : do_list();
		if (err && !fair(errno)) {
			printf("# seed %u, step %u: %s: %s\n", seed, i, doing, strerrorname_np(errno));
			fflush(stdout);
			return 1;
		}
	}
	return 0;
}

/* Everything below `path`. How many links each directory should have is known from what is in it. */
static void sound(const char *path)
{
	unsigned dirs = 0, seen = 0;
	char below[PATH_MAX];
	struct dirent *d;
	struct stat st;
	DIR *dir = opendir(path);
	off_t at;
	int fd;

	TRUE(dir);
	while (dir && (d = readdir(dir))) {
		if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."))
			continue;
		seen++;
		snprintf(below, sizeof(below), "%s/%s", path, d->d_name);
		if (OK(lstat(below, &st)))
			continue;
		SAME(d->d_ino, st.st_ino);
		SAME(DTTOIF(d->d_type), st.st_mode & S_IFMT);
		TRUE(st.st_nlink > 0);
		if (S_ISDIR(st.st_mode)) {
			dirs++;
			OK(chmod(below, 0755));
			sound(below);
		} else if (S_ISREG(st.st_mode)) {
			OK(chmod(below, 0644));
			fd = OK(open(below, O_RDONLY));
			for (at = 0; at < st.st_size; at += sizeof(buf))
				SAME(pread(fd, buf, sizeof(buf), at),
				     st.st_size - at < (off_t)sizeof(buf) ? st.st_size - at : (off_t)sizeof(buf));
			SAME(pread(fd, buf, 1, st.st_size), 0);
			TRUE(st.st_blocks <= (st.st_size / 4096 + 300) * 8);
			OK(close(fd));
		}
	}
	if (dir)
		closedir(dir);
	OK(lstat(path, &st));
	TRUE(st.st_nlink == 1 || st.st_nlink == 2 + dirs);
}

static unsigned first_seed(void)
{
	return getenv("SEED") ? strtoul(getenv("SEED"), NULL, 10) : 1;
}

static void operations(void)
{
	const unsigned workers = large ? 8 : 4, steps = large ? 4000 : 300;
	unsigned i;
	int status;

	for (i = 0; i < workers; i++) {
		if (!fork())
			_exit(work(first_seed() * 100 + i, steps));
	}
	while (wait(&status) > 0)
		SAME(status, 0);
	sound(".");
}

/* Workers that are killed anywhere, and others that take their places. */
static void killed(void)
{
	enum { WORKERS = 5 };
	const unsigned kills = large ? 200 : 25;
	pid_t pid[WORKERS] = {0};
	unsigned i, k, seed = first_seed() * 1000;
	struct timespec pause = {0};
	int status;

	for (k = 0; k < kills + WORKERS; k++) {
		i = k % WORKERS;
		if (pid[i]) {
			pause.tv_nsec = 1000000 + seed * 7919 % 30000000;
			nanosleep(&pause, NULL);
			kill(pid[i], SIGKILL);
			SAME(waitpid(pid[i], &status, 0), pid[i]);
			/* It may have ended by itself, but well. */
			TRUE(WIFSIGNALED(status) || !status);
		}
		pid[i] = 0;
		if (k < kills) {
			seed++;
			pid[i] = fork();
			if (!pid[i])
				_exit(work(seed, 100000));
		}
	}
	for (i = 0; i < WORKERS; i++) {
		if (pid[i]) {
			kill(pid[i], SIGKILL);
			waitpid(pid[i], &status, 0);
		}
	}
	sound(".");
}

const struct test tests[] = {{"operations", operations, 0}, {"killed", killed, 0}, {NULL}};
