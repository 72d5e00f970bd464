// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * unlinked.c: a file whose last name one process takes away, or gives to another file, while others have it open. It
 * lives until the last of them has closed it or has ended, and then its blocks are free. Each handle here stands for a
 * process.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../../libfs/type.h"
#include "world.h"
#include "../../libfs/opens.h"

#define BLOCK 4096

static struct world w;
static bool cffs;

struct user {
	struct exo *x;
	struct exo_fs *fs;
};

static struct user user(void)
{
	struct user u = {.x = world_handle(&w)};

	u.fs = world_open(&w, u.x, "t");
	return u;
}

static void leave(struct user *u)
{
	exo_fs_close(u->fs);
	exo_close(u->x);
}

static void pattern(u8 *buf, size_t n, u32 seed)
{
	size_t i;

	for (i = 0; i < n; i++)
		buf[i] = seed + i * 7 + i / BLOCK;
}

static void put(struct exo_fs *fs, const char *path, u32 blocks, u32 seed)
{
	u8 *buf = malloc(blocks * BLOCK + 1);
	struct exo_file *f;

	pattern(buf, blocks * BLOCK, seed);
	WANT(exo_file_open(fs, path, O_CREAT | O_EXCL | O_WRONLY, 0644, &f), 0);
	if (blocks)
		WANT(exo_file_pwrite(f, buf, blocks * BLOCK, 0), blocks * BLOCK);
	WANT(exo_file_flush(f), 0);
	exo_file_close(f);
	free(buf);
}

static void holds(struct exo_file *f, u32 blocks, u32 seed)
{
	u8 *buf = malloc(2 * (blocks + 1) * BLOCK), *want = buf + (blocks + 1) * BLOCK;

	pattern(want, blocks * BLOCK, seed);
	WANT(exo_file_pread(f, buf, (blocks + 1) * BLOCK, 0), blocks * BLOCK);
	CHECK(!memcmp(buf, want, blocks * BLOCK));
	free(buf);
}

static struct exo_file *opened(struct exo_fs *fs, const char *path)
{
	struct exo_file *f;

	WANT(exo_file_open(fs, path, O_RDWR, 0, &f), 0);
	return f;
}

static u64 blocks_free(struct exo_fs *fs)
{
	struct statvfs st;

	WANT(exo_fs_sync(fs), 0);
	WANT(exo_fs_statvfs(fs, &st), 0);
	return st.f_bfree;
}

/* Blocks that were freed are given to others. */
static void churn(struct exo_fs *fs)
{
	char path[32];
	int i;

	WANT(exo_fs_sync(fs), 0);
	for (i = 0; i < 40; i++) {
		snprintf(path, sizeof(path), "churn%d", i);
		put(fs, path, 8, 200 + i);
	}
	WANT(exo_fs_sync(fs), 0);
	for (i = 0; i < 40; i++) {
		snprintf(path, sizeof(path), "churn%d", i);
		WANT(exo_fs_unlink(fs, path), 0);
	}
	WANT(exo_fs_sync(fs), 0);
}

enum how { UNLINK, REPLACE, MOVED, LINKED, SHRUNK_LEAF, HOWS };

static void go(struct exo_fs *fs, enum how how)
{
	char path[64];
	int i;

	switch (how) {
	case REPLACE:
		put(fs, "other", 1, 9);
		WANT(exo_fs_rename(fs, "other", "d/file"), 0);
		break;
	case MOVED:
		WANT(exo_fs_rename(fs, "d/file", "elsewhere"), 0);
		WANT(exo_fs_unlink(fs, "elsewhere"), 0);
		break;
	case LINKED:
		WANT(exo_at_link(fs, NULL, "d/file", NULL, "second", 0), 0);
		WANT(exo_fs_unlink(fs, "d/file"), 0);
		WANT(exo_fs_unlink(fs, "second"), 0);
		break;
	case SHRUNK_LEAF:
		/* The leaf is built anew, so that the inode lies in another block; then all goes. */
		for (i = 0; i < 60; i++) {
			snprintf(path, sizeof(path), "d/a-rather-long-name-%d", i);
			put(fs, path, 0, 0);
		}
		for (i = 0; i < 60; i++) {
			snprintf(path, sizeof(path), "d/a-rather-long-name-%d", i);
			WANT(exo_fs_unlink(fs, path), 0);
		}
		WANT(exo_fs_unlink(fs, "d/file"), 0);
		WANT(exo_fs_rmdir(fs, "d"), 0);
		WANT(exo_fs_mkdir(fs, "d", 0755), 0);
		break;
	default:
		WANT(exo_fs_unlink(fs, "d/file"), 0);
	}
	if (how == REPLACE)
		WANT(exo_fs_unlink(fs, "d/file"), 0);
}

/* One has it open and has not looked at it yet; the other takes its name away. */
static void one_way(enum how how, u32 blocks, bool three)
{
	struct user a = user(), b = user(), c = {NULL, NULL};
	struct exo_file *f, *g = NULL;
	struct stat st;
	u64 before;
	u8 more[BLOCK];

	WANT(exo_fs_mkdir(b.fs, "d", 0755), 0);
	churn(b.fs);
	put(b.fs, "d/first", 1, 1);
	before = blocks_free(b.fs);
	put(b.fs, "d/file", blocks, 3);
	WANT(exo_fs_sync(b.fs), 0);
	f = opened(a.fs, "d/file");
	if (three) {
		c = user();
		g = opened(c.fs, "d/file");
	}
	if (how == SHRUNK_LEAF)
		WANT(exo_fs_unlink(b.fs, "d/first"), 0);
	go(b.fs, how);
	churn(b.fs);
	holds(f, blocks, 3);
	WANT(exo_file_stat(f, &st), 0);
	CHECK(st.st_size == (off_t)blocks * BLOCK && S_ISREG(st.st_mode));
	if (how != LINKED)
		CHECK(st.st_nlink == 0);
	/* It can be written, and grow, too. */
	pattern(more, BLOCK, 77);
	WANT(exo_file_pwrite(f, more, BLOCK, (off_t)blocks * BLOCK), BLOCK);
	WANT(exo_file_flush(f), 0);
	churn(b.fs);
	exo_file_close(f);
	if (three) {
		u8 got[BLOCK];

		churn(b.fs);
		WANT(exo_file_pread(g, got, BLOCK, (off_t)blocks * BLOCK), BLOCK);
		CHECK(!memcmp(got, more, BLOCK));
		exo_file_close(g);
		leave(&c);
	}
	if (how == SHRUNK_LEAF)
		put(b.fs, "d/first", 1, 1);
	/* Nothing is left of it, unless a log has yet to be cleaned. A leaf of the orphans, a directory's or the table's may be. */
	if (cffs && blocks_free(b.fs) + 3 < before)
		FAIL("way %d: %llu blocks were free, and %llu are", how, (unsigned long long)before,
		     (unsigned long long)blocks_free(b.fs));
	WANT(exo_fs_unlink(b.fs, "d/first"), 0);
	WANT(exo_fs_rmdir(b.fs, "d"), 0);
	leave(&a);
	world_check(b.fs);
	leave(&b);
}

/* Who had it open is killed: the file goes when somebody comes by. */
static void killed(bool full)
{
	struct user a = user(), b = user(), c;
	struct exo_file *f;
	struct statvfs st;
	pid_t pid = fork();
	char path[32];
	u64 before;
	int i, err;

	if (!pid)
		_exit(0);
	waitpid(pid, NULL, 0);
	churn(b.fs);
	before = blocks_free(b.fs);
	put(b.fs, "file", 600, 3);
	WANT(exo_fs_sync(b.fs), 0);
	f = opened(a.fs, "file");
	WANT(exo_fs_unlink(b.fs, "file"), 0);
	CHECK(blocks_free(b.fs) + 600 <= before);
	/* As if that process had ended. */
	a.fs->opens.mine->pid = pid;
	if (full) {
		/* Without those blocks there would be no room. */
		world_pass(2);
		WANT(exo_fs_statvfs(b.fs, &st), 0);
		for (i = 0, err = 0; !err && i < (int)st.f_bfree / 100 + 4; i++) {
			snprintf(path, sizeof(path), "fill%d", i);
			put(b.fs, path, 100, i);
		}
		while (i--) {
			snprintf(path, sizeof(path), "fill%d", i);
			WANT(exo_fs_unlink(b.fs, path), 0);
		}
	} else {
		c = user();
		leave(&c);
	}
	CHECK(blocks_free(b.fs) + 3 >= before);
	a.fs->opens.mine = NULL;
	exo_file_close(f);
	leave(&a);
	world_check(b.fs);
	leave(&b);
}

/* A file that lost its name in the parent is the child's, too. */
static void child(void)
{
	struct user a = user(), b = user(), c;
	struct exo_file *f;
	pid_t pid = fork();
	u64 before;

	if (!pid) {
		pause();
		_exit(0);
	}
	before = blocks_free(a.fs);
	put(a.fs, "file", 20, 3);
	f = opened(a.fs, "file");
	WANT(exo_fs_unlink(a.fs, "file"), 0);
	WANT(exo_fs_forking(a.fs), 0);
	exo_fs_fork_end(a.fs, pid);
	exo_file_close(f);
	CHECK(blocks_free(b.fs) + 20 <= before);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	c = user();
	leave(&c);
	CHECK(blocks_free(b.fs) + 3 >= before);
	leave(&a);
	leave(&b);
}

/* Files without a name, of one process, while others look for what is left over. */
static void nameless(void)
{
	struct user a = user(), b = user(), c;
	struct exo_file *f, *g;
	u8 buf[BLOCK], got[BLOCK];

	pattern(buf, BLOCK, 5);
	WANT(exo_file_open(a.fs, "/", O_TMPFILE | O_RDWR, 0600, &f), 0);
	WANT(exo_file_pwrite(f, buf, BLOCK, 0), BLOCK);
	WANT(exo_file_flush(f), 0);
	c = user();
	leave(&c);
	WANT(exo_file_pread(f, got, BLOCK, 0), BLOCK);
	CHECK(!memcmp(buf, got, BLOCK));
	/* By its number, from another process. */
	{
		struct stat st;

		WANT(exo_file_stat(f, &st), 0);
		WANT(exo_file_by_ino(b.fs, st.st_ino, O_RDONLY, &g), 0);
		exo_file_close(f);
		WANT(exo_file_pread(g, got, BLOCK, 0), BLOCK);
		CHECK(!memcmp(buf, got, BLOCK));
		exo_file_close(g);
		WANT(exo_file_by_ino(b.fs, st.st_ino, O_RDONLY, &g), -ESTALE);
	}
	WANT(exo_file_open(a.fs, "/", O_TMPFILE | O_RDWR, 0600, &f), 0);
	c = user();
	leave(&c);
	WANT(exo_at_link(a.fs, f, "", NULL, "named", EXO_FS_EMPTY), 0);
	exo_file_close(f);
	WANT(exo_fs_unlink(b.fs, "named"), 0);
	leave(&a);
	world_check(b.fs);
	leave(&b);
}

/* ---- one opens while the other removes ---- */

#define ROUNDS 400

static void *opener(void *arg)
{
	struct user u = user();
	struct exo_file *f;
	u8 buf[2 * BLOCK], want[2 * BLOCK];
	u32 i, seen = 0;
	ssize_t n;
	int err;

	while (!__atomic_load_n((bool *)arg, __ATOMIC_ACQUIRE)) {
		err = exo_file_open(u.fs, "race", O_RDONLY, 0, &f);
		if (err == -ENOENT)
			continue;
		WANT(err, 0);
		sched_yield();
		n = exo_file_pread(f, buf, sizeof(buf), 0);
		WANT(n, 2 * BLOCK);
		pattern(want, sizeof(want), buf[0]);
		for (i = 0; i < sizeof(want) && want[i] == buf[i]; i++)
			;
		CHECK(i == sizeof(want));
		seen++;
		exo_file_close(f);
	}
	leave(&u);
	CHECK(seen);
	return NULL;
}

static void race(void)
{
	struct user b = user();
	bool done = false;
	pthread_t t[2];
	u64 before;
	int i;

	churn(b.fs);
	before = blocks_free(b.fs);
	for (i = 0; i < 2; i++)
		CHECK(!pthread_create(&t[i], NULL, opener, &done));
	for (i = 0; i < ROUNDS; i++) {
		put(b.fs, "new", 2, i % 256);
		WANT(exo_fs_rename(b.fs, "new", "race"), 0);
		sched_yield();
		if (i % 3 == 2)
			WANT(exo_fs_unlink(b.fs, "race"), 0);
	}
	__atomic_store_n(&done, true, __ATOMIC_RELEASE);
	for (i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	WANT(exo_fs_unlink(b.fs, "race"), 0);
	CHECK(!cffs || blocks_free(b.fs) + 3 >= before);
	world_check(b.fs);
	leave(&b);
}

/* A cell of more inodes than it can count looks open until nothing is, and counts anew from then on. */
static void crowded(void)
{
	struct user a = user(), b = user();
	u32 i, round;

	for (round = 0; round < 2; round++) {
		for (i = 0; i < 300; i++)
			exo_opens_hold(a.fs, 77);
		for (i = 0; i < 299; i++) {
			exo_opens_drop(a.fs, 77);
			CHECK(exo_opens_elsewhere(b.fs, 77));
		}
		exo_opens_drop(a.fs, 77);
		CHECK(!exo_opens_elsewhere(b.fs, 77));
	}
	leave(&a);
	leave(&b);
}

int main(void)
{
	enum how how;

	cffs = !strcmp(world_type(), "cffs");
	world_start(&w, 2048, 8192, 0, 21);
	world_mkfs(&w, "t", 0);
	for (how = 0; how < HOWS; how++) {
		one_way(how, 3, false);
		one_way(how, 3, true);
		one_way(how, 0, true);
		one_way(how, 700, false);
	}
	crowded();
	/* What logfs keeps, it keeps in its own way. */
	if (cffs) {
		killed(false);
		killed(true);
		child();
		nameless();
	}
	race();
	world_stop(&w);
	return 0;
}
