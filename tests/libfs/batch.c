// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Many entries at once: what exo_file_make makes is what was asked for, in few transactions, beside names that are
 * there already; what it leaves to the ordinary calls is not there; and exo_file_scan tells the same as readdir and
 * stat.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "world.h"

#define BLK 4096u
#define MANY 1000u

static struct exo_make v[MANY];
static char name[MANY][64];

static bool scans;
static const struct timespec atime = {1000000000, 123}, mtime = {1100000000, 999999999};

/* Entry number i of a tree of every kind. */
static void ask(u32 i, const char *prefix)
{
	static const mode_t kind[] = {S_IFREG | 0644, S_IFREG | 04751, S_IFREG | 0600, S_IFDIR | 01775,
				      S_IFLNK | 0777, S_IFIFO | 0640,  S_IFCHR | 0600, S_IFREG | 0400};

	memset(&v[i], 0, sizeof(v[i]));
	snprintf(name[i], sizeof(name[i]), "%s%u%s", prefix, i,
		 i % 13 ? "" : "-with-quite-a-long-name-beside-the-others");
	v[i].name = name[i];
	v[i].st.st_mode = kind[i % 8];
	v[i].st.st_uid = 1000 + i % 3;
	v[i].st.st_gid = 2000 + i % 5;
	v[i].st.st_atim = atime;
	v[i].st.st_mtim = mtime;
	v[i].st.st_mtim.tv_sec += i;
	if (S_ISREG(v[i].st.st_mode))
		v[i].st.st_size = i % 8 == 7 ? 0 : i % 50 == 0 ? 100000 + i : 1 + i * 7 % 9000;
	v[i].flags = i % 8 == 2 ? 0 : EXO_MAKE_BLOCKS;
	if (S_ISLNK(v[i].st.st_mode))
		v[i].target = name[i];
	if (S_ISCHR(v[i].st.st_mode))
		v[i].st.st_rdev = 0x107;
}

static void there(struct exo_fs *fs, const char *dir, u32 i, bool unread)
{
	char path[200], link[100];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", dir, name[i]);
	WANT(exo_fs_stat(fs, path, EXO_FS_NOFOLLOW, &st), 0);
	CHECK(st.st_mode == v[i].st.st_mode && st.st_uid == 1000 + i % 3 && st.st_gid == 2000 + i % 5);
	CHECK(st.st_ino == v[i].st.st_ino && st.st_nlink == (S_ISDIR(st.st_mode) ? 2 : 1));
	CHECK(st.st_mtim.tv_sec == mtime.tv_sec + i && st.st_mtim.tv_nsec == mtime.tv_nsec);
	CHECK(!unread || S_ISLNK(st.st_mode) ||
	      (st.st_atim.tv_sec == atime.tv_sec && st.st_atim.tv_nsec == atime.tv_nsec));
	if (S_ISREG(st.st_mode)) {
		CHECK(st.st_size == v[i].st.st_size);
		CHECK(st.st_blocks == (v[i].flags ? (st.st_size + BLK - 1) / BLK * 8 : 0));
	}
	if (S_ISLNK(st.st_mode)) {
		WANT(exo_fs_readlink(fs, path, link, sizeof(link)), strlen(name[i]));
		CHECK(!memcmp(link, name[i], strlen(name[i])));
	}
	if (S_ISCHR(st.st_mode))
		CHECK(st.st_rdev == 0x107);
}

/* A block's content says whose it is. */
static void fill(struct world *w, u32 i)
{
	const struct exo_view *view = exo_view(w->x);
	struct exo_why why;
	u32 frame, k, x;

	CHECK(!exo_frame_alloc(w->x, 1, &frame, EXO_FRAME_ANY, NULL));
	for (x = 0; x < v[i].nwhere; x++) {
		for (k = 0; k < v[i].where[x].io.count; k++) {
			struct exo_io io = v[i].where[x].io;
			u64 *at = exo_frame_ptr(view, frame);

			memset(at, 0, BLK);
			at[0] = v[i].st.st_ino;
			at[1] = v[i].where[x].off / BLK + k;
			io.first += k;
			io.count = 1;
			io.frames = (uintptr_t)&frame;
			if (exo_io(w->x, &io, EXO_IO_WRITE, &why) < 0)
				FAIL("%s, block %u: %s", name[i], k, why.text);
		}
	}
	exo_frame_free(w->x, 1, &frame, NULL);
}

static void filled(struct exo_fs *fs, const char *dir, u32 i)
{
	char path[200];
	struct exo_file *f;
	u64 got[2] = {0};
	u32 k;

	snprintf(path, sizeof(path), "%s/%s", dir, name[i]);
	WANT(exo_file_open(fs, path, O_RDONLY, 0, &f), 0);
	for (k = 0; k * BLK + 16 <= v[i].st.st_size; k++) {
		WANT(exo_file_pread(f, got, 16, k * BLK), 16);
		CHECK(got[0] == v[i].st.st_ino && got[1] == k);
	}
	exo_file_close(f);
}

static struct exo_file *open_dir(struct exo_fs *fs, const char *path)
{
	struct exo_file *d;

	WANT(exo_file_open(fs, path, O_RDONLY | O_DIRECTORY, 0, &d), 0);
	return d;
}

static u64 txns(struct world *w)
{
	return exo_statistics(w->x)->txns;
}

/* ---- a fresh directory ---- */

static void fresh(struct world *w, struct exo_fs *fs)
{
	struct exo_file *d;
	struct stat st;
	u64 before;
	u32 i, dirs = 0;

	WANT(exo_fs_mkdir(fs, "new", 0755), 0);
	d = open_dir(fs, "new");
	for (i = 0; i < MANY; i++) {
		ask(i, "n");
		dirs += S_ISDIR(v[i].st.st_mode);
	}
	before = txns(w);
	WANT(exo_file_make(d, v, MANY), 0);
	/* 150 names a transaction and more. */
	CHECK(txns(w) - before <= 8);
	for (i = 0; i < MANY; i++) {
		CHECK(!v[i].err);
		there(fs, "new", i, true);
	}
	WANT(exo_file_stat(d, &st), 0);
	CHECK(st.st_nlink == 2 + dirs);
	for (i = 0; i < MANY; i++)
		fill(w, i);
	exo_file_close(d);
	for (i = 0; i < MANY; i++)
		if (v[i].nwhere)
			filled(fs, "new", i);
	world_check(fs);
}

/* ---- what is there already ---- */

/* The same names, and others between and behind them. Each is there once in the end, the old ones as they were. */
static void beside(struct exo_fs *fs, u32 seed)
{
	char path[200];
	struct exo_file *d, *f;
	struct stat st;
	u32 i, made = 0, left = 0;
	u64 old[MANY];

	snprintf(path, sizeof(path), "old%u", seed);
	WANT(exo_fs_mkdir(fs, path, 0755), 0);
	d = open_dir(fs, path);
	for (i = 0; i < MANY; i++) {
		ask(i, "o");
		old[i] = 0;
		if ((i * 2654435761u >> 7) % 40 >= seed)
			continue;
		WANT(exo_at_open(fs, d, name[i], O_CREAT | O_WRONLY, 0600, &f), 0);
		WANT(exo_file_stat(f, &st), 0);
		old[i] = st.st_ino;
		exo_file_close(f);
	}
	WANT(exo_file_make(d, v, MANY), 0);
	for (i = 0; i < MANY; i++) {
		if (old[i])
			CHECK(v[i].err == -EAGAIN || v[i].err == -EEXIST);
		made += !v[i].err;
		left += v[i].err == -EAGAIN;
		if (!v[i].err)
			there(fs, path, i, true);
		WANT(exo_at_stat(fs, d, name[i], EXO_FS_NOFOLLOW, &st), v[i].err && !old[i] ? -ENOENT : 0);
		if (old[i])
			CHECK(st.st_ino == old[i]);
	}
	CHECK(made + left >= MANY - 1);
	CHECK(seed || made == MANY);
	/* What is left is made by itself, and the directory works on. */
	for (i = 0; i < MANY; i++) {
		if (v[i].err == -EAGAIN && !old[i]) {
			WANT(exo_at_open(fs, d, name[i], O_CREAT | O_EXCL | O_WRONLY, 0600, &f), 0);
			exo_file_close(f);
		}
	}
	for (i = 0; i < MANY; i++)
		WANT(exo_at_stat(fs, d, name[i], EXO_FS_NOFOLLOW, &st), 0);
	world_check(fs);
	for (i = 0; i < MANY; i++)
		WANT(exo_at_unlink(fs, d, name[i], S_ISDIR(v[i].st.st_mode) && !v[i].err ? EXO_FS_REMOVEDIR : 0), 0);
	exo_file_close(d);
	WANT(exo_fs_rmdir(fs, path), 0);
	world_check(fs);
}

/* ---- refusals ---- */

static void refusals(struct exo_fs *fs)
{
	static char long_name[300], target[200];
	struct exo_file *d;
	struct exo_fs_cred user = {.uid = 1000, .gid = 2000};
	struct stat st;
	u32 i;

	WANT(exo_fs_mkdir(fs, "refusals", 0755), 0);
	d = open_dir(fs, "refusals");
	for (i = 0; i < 8; i++)
		ask(i, "r");
	memset(long_name, 'x', 299);
	memset(target, 't', 199);
	v[0].name = "a/b";
	v[1].name = "..";
	v[2].name = long_name;
	v[3].name = "twice";
	v[5].name = "twice";
	v[4].target = target;
	WANT(exo_file_make(d, v, 8), 0);
	CHECK(v[0].err == -EINVAL && v[1].err == -EINVAL && v[2].err == -ENAMETOOLONG);
	CHECK(!v[3].err && v[5].err == -EEXIST && v[4].err == -EAGAIN && !v[6].err && !v[7].err);
	WANT(exo_at_stat(fs, d, "twice", 0, &st), 0);
	CHECK(S_ISDIR(st.st_mode));

	ask(0, "s");
	v[0].st.st_mode = 0644;
	WANT(exo_file_make(d, v, 1), -EINVAL);
	ask(0, "s");
	v[0].flags = 8;
	WANT(exo_file_make(d, v, 1), -EINVAL);
	ask(0, "s");
	v[0].st.st_size = -1;
	WANT(exo_file_make(d, v, 1), -EINVAL);
	ask(0, "s");
	v[0].st.st_size = INT64_MAX;
	WANT(exo_file_make(d, v, 1), 0);
	CHECK(v[0].err == -EFBIG);

	/* A user: no devices, nothing in others' directories, and what it makes is its own without set-id bits. */
	WANT(exo_fs_set_cred(&user), 0);
	ask(6, "s");
	WANT(exo_file_make(d, v + 6, 1), -EPERM);
	ask(1, "s");
	WANT(exo_file_make(d, v + 1, 1), -EACCES);
	WANT(exo_fs_set_cred(NULL), 0);
	WANT(exo_fs_mkdir(fs, "public", 01777), 0);
	exo_file_close(d);
	d = open_dir(fs, "public");
	WANT(exo_fs_set_cred(&user), 0);
	ask(1, "s");
	ask(9, "s");
	v[9].st.st_uid = 1000;
	v[9].st.st_gid = 2000;
	v[2] = v[9];
	WANT(exo_file_make(d, v + 1, 2), 0);
	WANT(exo_fs_set_cred(NULL), 0);
	WANT(exo_at_stat(fs, d, name[1], 0, &st), 0);
	CHECK(st.st_uid == 1000 && st.st_gid == 2000 && st.st_mode == (S_IFREG | 0751));
	WANT(exo_at_stat(fs, d, name[9], 0, &st), 0);
	CHECK(st.st_uid == 1000 && st.st_gid == 2000 && st.st_mode == (S_IFREG | 04751));
	exo_file_close(d);
	world_check(fs);
}

/* ---- a full disk ---- */

static void full(struct exo_fs *fs)
{
	struct exo_file *d;
	struct stat st;
	u32 i, round, made = 0;
	int err = 0;

	for (round = 0; !err; round++) {
		char path[20];

		snprintf(path, sizeof(path), "full%u", round);
		WANT(exo_fs_mkdir(fs, path, 0755), 0);
		d = open_dir(fs, path);
		for (i = 0; i < MANY; i++) {
			ask(i, "f");
			v[i].st.st_mode = S_IFREG | 0644;
			v[i].st.st_size = 10 * BLK;
			v[i].flags = EXO_MAKE_BLOCKS;
			v[i].target = NULL;
		}
		err = exo_file_make(d, v, MANY);
		for (i = 0; i < MANY; i++) {
			made += !v[i].err;
			if (v[i].err)
				WANT(exo_at_stat(fs, d, name[i], 0, &st), -ENOENT);
		}
		exo_file_close(d);
	}
	CHECK(err == -ENOSPC && made > 100);
	world_check(fs);
}

/* ---- scan ---- */

struct scanned {
	struct exo_fs *fs;
	struct exo_file *dir;
	u32 n, plain, blocks;
	u64 last;
};

static int compare(void *arg, const struct exo_entry *e)
{
	struct scanned *s = arg;
	struct stat st;
	char link[200];
	ssize_t n;
	u64 have = 0;

	WANT(exo_at_stat(s->fs, s->dir, e->d.name, EXO_FS_NOFOLLOW, &st), 0);
	CHECK(e->d.ino == st.st_ino && e->d.type == (st.st_mode & S_IFMT) && e->d.next > s->last);
	CHECK(!memcmp(&st, &e->st, sizeof(st)));
	if (e->target) {
		n = exo_at_readlink(s->fs, s->dir, e->d.name, link, sizeof(link));
		CHECK(n == (ssize_t)strlen(e->target) && !memcmp(link, e->target, n));
	}
	for (u32 i = 0; i < e->nwhere; i++)
		have += e->where[i].io.count;
	if (e->flags & EXO_ENTRY_BLOCKS)
		CHECK(have == (u64)st.st_blocks / 8);
	else
		CHECK(!e->nwhere);
	if (e->flags & EXO_ENTRY_PLAIN)
		CHECK(st.st_nlink == 1 || S_ISDIR(st.st_mode));
	s->plain += !!(e->flags & EXO_ENTRY_PLAIN);
	s->blocks += !!(e->flags & EXO_ENTRY_BLOCKS);
	s->last = e->d.next;
	s->n++;
	return 0;
}

static int stop(void *arg, const struct exo_entry *e)
{
	(void)e;
	return ++*(int *)arg == 7 ? 77 : 0;
}

static void scan(struct exo_fs *fs, const char *path, u32 entries)
{
	struct scanned s = {.fs = fs, .dir = open_dir(fs, path)};
	struct exo_file *f;
	int n = 0;

	WANT(exo_file_scan(s.dir, 0, compare, &s), 0);
	CHECK(s.n == entries);
	if (scans)
		CHECK(s.plain == entries && s.blocks == entries / 2);
	s = (struct scanned){.fs = fs, .dir = s.dir};
	/* Attributes that are not in the tree yet, a second name and attributes of another kind. */
	WANT(exo_at_open(fs, s.dir, name[0], O_WRONLY | O_APPEND, 0, &f), 0);
	WANT(exo_file_pwrite(f, "abcdef", 6, 0), 6);
	WANT(exo_at_link(fs, s.dir, name[1], s.dir, "second", 0), 0);
	if (scans)
		WANT(exo_at_setxattr(fs, s.dir, name[2], "user.x", "y", 1, 0, 0), 0);
	WANT(exo_file_scan(s.dir, 0, compare, &s), 0);
	CHECK(s.n == entries + 1);
	if (scans)
		CHECK(s.plain >= entries - 4 && s.plain <= entries - 2);
	exo_file_close(f);
	WANT(exo_at_unlink(fs, s.dir, "second", 0), 0);
	WANT(exo_file_scan(s.dir, 0, stop, &n), 77);
	CHECK(n == 7);
	exo_file_close(s.dir);
}

/* A type without make: says so, and scans all the same. */
static void without(struct exo_fs *fs)
{
	struct exo_file *d, *f;
	u32 i;

	WANT(exo_fs_mkdir(fs, "new", 0755), 0);
	d = open_dir(fs, "new");
	for (i = 0; i < 100; i++) {
		ask(i, "n");
		WANT(exo_at_open(fs, d, name[i], O_CREAT | O_WRONLY, 0644, &f), 0);
		exo_file_close(f);
	}
	WANT(exo_file_make(d, v, 1), -EOPNOTSUPP);
	exo_file_close(d);
}

int main(void)
{
	struct exo_fs *fs;
	struct world w;
	u32 i;

	scans = !strcmp(world_type(), "cffs");
	world_start(&w, 2048, 30000, SIM_VOLATILE, 5);
	world_mkfs(&w, "t", 0);
	fs = world_open(&w, w.x, "t");
	if (!scans) {
		without(fs);
		scan(fs, "new", 100);
		exo_fs_close(fs);
		world_stop(&w);
		return 0;
	}
	fresh(&w, fs);
	WANT(exo_fs_sync(fs), 0);
	exo_fs_close(fs);
	world_detach(&w, true);
	world_attach(&w);
	world_no_quarantine(&w);
	fs = world_open(&w, w.x, "t");
	for (i = 0; i < MANY; i++) {
		there(fs, "new", i, false);
		if (v[i].nwhere)
			filled(fs, "new", i);
	}
	scan(fs, "new", MANY);
	for (i = 0; i <= 40; i += i < 3 ? 1 : 12)
		beside(fs, i);
	refusals(fs);
	full(fs);
	exo_fs_close(fs);
	world_stop(&w);
	return 0;
}
