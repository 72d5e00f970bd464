// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Paths that were walked, and blocks that were read, are remembered (libfs/cffs/known.c). So everything is opened and
 * read first, then another environment, as if it were another process, changes something on the way, and the next look
 * must see it.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "world.h"

static struct world w;
static struct exo_fs *a, *b; /* a remembers, b changes */

static void put(struct exo_fs *fs, const char *path, const char *text)
{
	struct exo_file *f;

	WANT(exo_file_open(fs, path, O_CREAT | O_TRUNC | O_WRONLY, 0644, &f), 0);
	WANT(exo_file_pwrite(f, text, strlen(text), 0), (long long)strlen(text));
	exo_file_close(f);
}

static int look_at(struct exo_file *at, const char *path, const char *text)
{
	struct exo_file *f;
	char got[100] = "";
	int err = exo_at_open(a, at, path, O_RDONLY, 0, &f);

	if (err)
		return err;
	WANT(exo_file_pread(f, got, sizeof(got), 0), (long long)strlen(text));
	exo_file_close(f);
	return strcmp(got, text) ? -EILSEQ : 0;
}

static int look(const char *path, const char *text)
{
	return look_at(NULL, path, text);
}

/* Look until it is surely remembered. */
static void warm(const char *path, const char *text)
{
	int i;

	for (i = 0; i < 3; i++)
		WANT(look(path, text), 0);
}

static void as(uid_t uid)
{
	struct exo_fs_cred c = {.uid = uid, .gid = uid};

	exo_fs_set_cred(uid ? &c : NULL);
}

static void names(void)
{
	put(b, "d/one", "first");
	warm("d/one", "first");
	/* In its slot: nothing but the name changes. */
	WANT(exo_fs_rename(b, "d/one", "d/two"), 0);
	WANT(look("d/one", ""), -ENOENT);
	warm("d/two", "first");
	WANT(exo_fs_unlink(b, "d/two"), 0);
	WANT(look("d/two", ""), -ENOENT);
	put(b, "d/two", "another");
	warm("d/two", "another");
	put(b, "d/new", "replaced");
	WANT(exo_fs_rename(b, "d/new", "d/two"), 0);
	warm("d/two", "replaced");
	WANT(look("d/two/", ""), -ENOTDIR);
	WANT(look("d/two/x", ""), -ENOTDIR);
	WANT(look("d//two", "replaced"), 0);
	WANT(look("./d/../d/two", "replaced"), 0);
	WANT(look("/d/two", "replaced"), 0);
	/* By itself. */
	WANT(exo_fs_rename(a, "d/two", "d/six"), 0);
	WANT(look("d/two", ""), -ENOENT);
	warm("d/six", "replaced");
	WANT(exo_fs_unlink(a, "d/six"), 0);
	WANT(look("d/six", ""), -ENOENT);
}

/* A node that is open while its name changes, for some of them in its place, is found under the new one and not the old
 * one. */
static void renamed_while_open(void)
{
	char path[64], from[64], to[64];
	struct exo_file *f;
	struct stat st;
	int i;

	put(b, "d/neighbour", "in the same leaf");
	for (i = 0; i < 20; i++) {
		snprintf(from, sizeof(from), "d/held %d", i);
		snprintf(to, sizeof(to), "d/hold %d", i);
		put(b, from, "content");
		WANT(exo_file_open(a, from, O_RDONLY, 0, &f), 0);
		WANT(exo_fs_rename(b, from, to), 0);
		/* The leaf is known again, and the node is not yet. */
		WANT(exo_fs_stat(a, "d/neighbour", 0, &st), 0);
		WANT(exo_file_stat(f, &st), 0);
		WANT(exo_fs_stat(a, from, 0, &st), -ENOENT);
		WANT(exo_fs_stat(a, to, 0, &st), 0);
		CHECK(exo_file_path(f, path, sizeof(path)) > 0);
		CHECK(path[0] == '/' && !strcmp(path + 1, to));
		exo_file_close(f);
		WANT(exo_fs_unlink(b, to), 0);
	}
}

static void directories(void)
{
	struct exo_file *at;

	WANT(exo_fs_mkdir(b, "d/sub", 0755), 0);
	put(b, "d/sub/f", "below");
	warm("d/sub/f", "below");
	WANT(exo_file_open(a, "d/sub", O_RDONLY | O_DIRECTORY, 0, &at), 0);
	WANT(look_at(at, "f", "below"), 0);
	WANT(look_at(at, "f", "below"), 0);
	WANT(exo_fs_rename(b, "d/sub", "moved"), 0);
	WANT(look("d/sub/f", ""), -ENOENT);
	WANT(look("moved/f", "below"), 0);
	WANT(look_at(at, "f", "below"), 0);
	WANT(look_at(at, "/moved/f", "below"), 0);
	WANT(exo_fs_symlink(b, "../moved", "d/sub"), 0);
	warm("d/sub/f", "below");
	WANT(exo_fs_unlink(b, "d/sub"), 0);
	WANT(look("d/sub/f", ""), -ENOENT);
	put(b, "d/sub", "a file");
	WANT(look("d/sub/f", ""), -ENOTDIR);
	WANT(exo_fs_unlink(b, "d/sub"), 0);
	WANT(exo_fs_unlink(b, "moved/f"), 0);
	WANT(look_at(at, "f", ""), -ENOENT);
	exo_file_close(at);
	WANT(exo_fs_rmdir(b, "moved"), 0);
}

static int make_new(const char *path)
{
	struct exo_file *f;
	int err = exo_file_open(a, path, O_CREAT | O_EXCL | O_WRONLY, 0644, &f);

	if (!err)
		exo_file_close(f);
	return err;
}

static int remake(const char *path)
{
	struct exo_file *f;
	int err = exo_file_open(a, path, O_CREAT | O_WRONLY, 0644, &f);

	if (!err)
		exo_file_close(f);
	return err;
}

/* Until the directory is surely remembered. */
static void warm_dir(const char *dir)
{
	char path[64];
	int i;

	snprintf(path, sizeof(path), "%s/again", dir);
	for (i = 0; i < 3; i++) {
		WANT(make_new(path), 0);
		WANT(exo_fs_unlink(a, path), 0);
	}
}

/* Where names were made before, they are made again without a walk; so whatever happens on the way is tried. */
static void made(int (*make)(const char *path))
{
	struct exo_file *at;
	struct stat st;
	char name[300];

	WANT(exo_fs_mkdir(b, "d/m", 0777), 0);
	WANT(exo_fs_mkdir(b, "d/m/n", 0777), 0);
	WANT(make("d/m/n/1"), 0);
	WANT(make("d/m/n/2"), 0);
	WANT(make("d//m/n/3"), 0);
	WANT(make("/d/m/n/4"), 0);
	WANT(exo_fs_symlink(b, "made", "d/m/n/link"), 0);
	warm_dir("d/m/n");
	WANT(make("d/m/n/link"), make == remake ? 0 : -EEXIST);
	WANT(exo_fs_stat(b, "d/m/n/made", 0, &st), make == remake ? 0 : -ENOENT);
	warm_dir("d/m/n");
	WANT(make("d/m/n/5/"), -EISDIR);
	WANT(make("d/m/n/.."), make == remake ? -EISDIR : -EEXIST);
	WANT(make("d/m/n/."), make == remake ? -EISDIR : -EEXIST);
	memset(name, 'n', sizeof(name));
	memcpy(name, "d/m/n/", 6);
	name[299] = 0;
	WANT(make(name), -ENAMETOOLONG);
	warm_dir("d/m/n");
	WANT(exo_fs_rename(b, "d/m", "d/o"), 0);
	WANT(make("d/m/n/6"), -ENOENT);
	WANT(exo_fs_unlink(a, "d/m/n/1"), -ENOENT);
	WANT(exo_fs_unlink(a, "d/o/n/1"), 0);
	WANT(exo_fs_symlink(b, "o", "d/m"), 0);
	WANT(make("d/m/n/6"), 0);
	WANT(exo_fs_stat(b, "d/o/n/6", 0, &st), 0);
	warm_dir("d/m/n");
	WANT(exo_fs_unlink(b, "d/m"), 0);
	WANT(make("d/m/n/7"), -ENOENT);
	put(b, "d/m", "a file");
	WANT(make("d/m/n/7"), -ENOTDIR);
	WANT(exo_fs_unlink(b, "d/m"), 0);
	/* From a directory that is open, and went elsewhere. */
	WANT(exo_file_open(a, "d/o", O_RDONLY | O_DIRECTORY, 0, &at), 0);
	WANT(exo_at_mkdir(a, at, "n/8", 0777), 0);
	WANT(exo_fs_rename(b, "d/o", "d/p"), 0);
	WANT(exo_at_mkdir(a, at, "n/9", 0777), 0);
	WANT(exo_fs_stat(b, "d/p/n/9", 0, &st), 0);
	exo_file_close(at);
	/* Rights, of the directory and on the way. */
	as(1000);
	WANT(make("d/p/n/u"), 0);
	warm_dir("d/p/n");
	as(0);
	WANT(exo_fs_chmod(b, "d/p/n", 0755), 0);
	as(1000);
	WANT(make("d/p/n/v"), -EACCES);
	as(0);
	WANT(exo_fs_chmod(b, "d/p/n", 0776), 0);
	as(1000);
	/* Known, as a directory that one may look at and not search. */
	WANT(exo_fs_stat(a, "d/p/n", 0, &st), 0);
	WANT(exo_fs_stat(a, "d/p/n", 0, &st), 0);
	WANT(make("d/p/n/v"), -EACCES);
	WANT(make("d/p/n/u"), -EACCES);
	as(0);
	WANT(exo_fs_chmod(b, "d/p/n", 0777), 0);
	as(1000);
	warm_dir("d/p/n");
	as(0);
	WANT(exo_fs_chmod(b, "d/p", 0770), 0);
	as(1000);
	WANT(make("d/p/n/v"), -EACCES);
	WANT(exo_fs_unlink(a, "d/p/n/u"), -EACCES);
	as(0);
	/* Gone, and another one in its place. */
	WANT(make("d/p/n/w"), 0);
	warm_dir("d/p/n");
	WANT(exo_fs_rename(b, "d/p/n", "d/old"), 0);
	WANT(make("d/p/n/x"), -ENOENT);
	WANT(exo_fs_mkdir(b, "d/p/n", 0777), 0);
	WANT(make("d/p/n/x"), 0);
	WANT(exo_fs_stat(b, "d/p/n/x", 0, &st), 0);
	WANT(exo_fs_stat(b, "d/old/x", 0, &st), -ENOENT);
	warm_dir("d/p/n");
	WANT(exo_fs_unlink(b, "d/p/n/x"), 0);
	WANT(exo_fs_rmdir(b, "d/p/n"), 0);
	WANT(make("d/p/n/y"), -ENOENT);
	WANT(exo_fs_rmdir(b, "d/p"), 0);
	WANT(exo_fs_rename(b, "d/old", make == remake ? "old1" : "old2"), 0);
}

static void links(void)
{
	put(b, "d/l1", "linked");
	WANT(exo_at_link(b, NULL, "d/l1", NULL, "d/l2", 0), 0);
	WANT(exo_fs_sync(b), 0);
	warm("d/l1", "linked");
	warm("d/l2", "linked");
	warm("d/l1", "linked");
	WANT(exo_fs_unlink(b, "d/l1"), 0);
	WANT(look("d/l1", ""), -ENOENT);
	warm("d/l2", "linked");
	WANT(exo_fs_rename(b, "d/l2", "d/l3"), 0);
	WANT(look("d/l2", ""), -ENOENT);
	warm("d/l3", "linked");
	WANT(exo_fs_unlink(b, "d/l3"), 0);
	WANT(look("d/l3", ""), -ENOENT);
}

static void rights(void)
{
	struct exo_file *f;

	WANT(exo_fs_mkdir(b, "d/p", 0755), 0);
	put(b, "d/p/f", "secret");
	warm("d/p/f", "secret");
	as(1000);
	warm("d/p/f", "secret");
	as(0);
	WANT(exo_fs_chmod(b, "d/p/f", 0600), 0);
	warm("d/p/f", "secret");
	as(1000);
	WANT(look("d/p/f", ""), -EACCES);
	WANT(look("d/p/f", ""), -EACCES);
	as(0);
	WANT(exo_fs_chmod(b, "d/p/f", 0644), 0);
	as(1000);
	warm("d/p/f", "secret");
	WANT(exo_file_open(a, "d/p/f", O_RDWR, 0, &f), -EACCES);
	as(0);
	WANT(exo_fs_chmod(b, "d/p", 0700), 0);
	as(1000);
	WANT(look("d/p/f", ""), -EACCES);
	as(0);
	WANT(exo_at_chown(b, NULL, "d/p", 1000, 1000, 0), 0);
	as(1000);
	warm("d/p/f", "secret");
	as(1001);
	WANT(look("d/p/f", ""), -EACCES);
	as(1000);
	warm("d/p/f", "secret");
	as(0);
	/* The directory that a walk starts from counts, too. */
	WANT(exo_fs_chmod(b, "/", 0700), 0);
	as(1000);
	WANT(look("d/p/f", ""), -EACCES);
	as(0);
	WANT(exo_fs_chmod(b, "/", 0755), 0);
	as(1000);
	warm("d/p/f", "secret");
	as(0);
	WANT(exo_fs_unlink(b, "d/p/f"), 0);
	WANT(exo_fs_rmdir(b, "d/p"), 0);
}

static void content(void)
{
	struct exo_file *f, *g, *h;
	char got[5000];
	struct stat st;

	put(b, "d/c", "0123456789");
	warm("d/c", "0123456789");
	WANT(exo_file_open(a, "d/c", O_RDONLY, 0, &f), 0);
	WANT(exo_file_pread(f, got, 20, 0), 10);
	WANT(exo_file_open(b, "d/c", O_RDWR, 0, &g), 0);
	WANT(exo_file_pwrite(g, "ab", 2, 4), 2);
	WANT(exo_file_pread(f, got, 20, 2), 8);
	CHECK(!memcmp(got, "23ab6789", 8));
	/* The size, when the other one tells: at its close. */
	WANT(exo_file_pwrite(g, "xyz", 3, 10), 3);
	WANT(exo_file_flush(g), 0);
	WANT(exo_file_pread(f, got, 20, 8), 5);
	CHECK(!memcmp(got, "89xyz", 5));
	WANT(exo_file_truncate(g, 3), 0);
	WANT(exo_file_pread(f, got, 20, 0), 3);
	WANT(exo_file_pread(f, got, 20, 3), 0);
	WANT(exo_file_truncate(g, 0), 0);
	WANT(exo_file_pread(f, got, 20, 0), 0);
	/* Another block, maybe the same one. */
	WANT(exo_file_pwrite(g, "anew", 4, 0), 4);
	WANT(exo_file_flush(g), 0);
	WANT(exo_file_pread(f, got, 20, 0), 4);
	CHECK(!memcmp(got, "anew", 4));
	WANT(exo_file_fallocate(g, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), 0);
	WANT(exo_file_pread(f, got, 20, 0), 4);
	CHECK(!memcmp(got, "\0\0\0\0", 4));
	exo_file_close(g);
	/* Two handles of one tree: what is gathered in one is read in the other. */
	WANT(exo_file_open(a, "d/c", O_RDWR | O_TRUNC, 0, &h), 0);
	WANT(exo_file_pwrite(h, "gathered", 8, 0), 8);
	WANT(exo_file_pread(f, got, 20, 0), 8);
	CHECK(!memcmp(got, "gathered", 8));
	WANT(exo_file_pwrite(h, " more", 5, 8), 5);
	WANT(exo_file_pread(f, got, 20, 0), 13);
	CHECK(!memcmp(got, "gathered more", 13));
	memset(got, 'z', sizeof(got));
	WANT(exo_file_pwrite(h, got, sizeof(got), 10), sizeof(got));
	WANT(exo_file_pread(f, got, sizeof(got), 0), sizeof(got));
	CHECK(!memcmp(got, "gathered mzz", 12));
	WANT(exo_file_pread(f, got, sizeof(got), sizeof(got)), 10);
	WANT(exo_file_stat(f, &st), 0);
	CHECK(st.st_size == sizeof(got) + 10);
	/* From a whole block on, a write is gathered. */
	WANT(exo_file_truncate(h, 4096), 0);
	WANT(exo_file_pread(f, got, sizeof(got), 0), 4096);
	WANT(exo_file_pread(f, got, sizeof(got), 0), 4096);
	WANT(exo_file_pwrite(h, "tail", 4, 4096), 4);
	WANT(exo_file_pread(f, got, sizeof(got), 0), 4100);
	CHECK(!memcmp(got + 4096, "tail", 4));
	exo_file_close(h);
	exo_file_close(f);
	WANT(exo_fs_unlink(b, "d/c"), 0);
}

/* A handle that is used again has nothing of the one before. */
static void handles(void)
{
	struct exo_file *f;
	char got[8];
	int i;

	put(b, "d/h", "content");
	for (i = 0; i < 3; i++) {
		WANT(exo_file_open(a, "d/h", O_WRONLY, 0, &f), 0);
		WANT(exo_file_pread(f, got, sizeof(got), 0), -EBADF);
		WANT(exo_file_pwrite(f, "C", 1, 0), 1);
		exo_file_close(f);
		WANT(exo_file_open(a, "d/h", O_RDONLY, 0, &f), 0);
		WANT(exo_file_pwrite(f, "x", 1, 0), -EBADF);
		WANT(exo_file_pread(f, got, sizeof(got), 0), 7);
		CHECK(!memcmp(got, "Content", 7));
		exo_file_close(f);
		WANT(exo_file_open(a, "d/h", O_PATH, 0, &f), 0);
		WANT(exo_file_pread(f, got, sizeof(got), 0), -EBADF);
		exo_file_close(f);
	}
	/* Open while its name goes: only this handle keeps it. */
	WANT(exo_file_open(a, "d/h", O_RDONLY, 0, &f), 0);
	WANT(exo_fs_unlink(a, "d/h"), 0);
	WANT(look("d/h", ""), -ENOENT);
	WANT(exo_file_pread(f, got, sizeof(got), 0), 7);
	CHECK(!memcmp(got, "Content", 7));
	exo_file_close(f);
	WANT(look("d/h", ""), -ENOENT);
}

/* More files than nodes are kept, and more than frames may be held: what was given back is found again. */
static void many(void)
{
	char path[64], text[16];
	int i, round;

	for (i = 0; i < 1500; i++) {
		snprintf(path, sizeof(path), "d/many %d", i);
		snprintf(text, sizeof(text), "%d", i);
		put(b, path, text);
	}
	for (round = 0; round < 2; round++)
		for (i = 0; i < 1500; i++) {
			snprintf(path, sizeof(path), "d/many %d", i * 7 % 1500);
			snprintf(text, sizeof(text), "%d", i * 7 % 1500);
			WANT(look(path, text), 0);
			WANT(look(path, text), 0);
		}
	for (i = 0; i < 1500; i++) {
		snprintf(path, sizeof(path), "d/many %d", i);
		WANT(exo_fs_unlink(i & 1 ? a : b, path), 0);
		WANT(look(path, ""), -ENOENT);
	}
}

int main(void)
{
	struct exo *x;

	world_start(&w, 4096, 60000, SIM_VOLATILE, 7);
	world_mkfs(&w, "t", 0);
	a = world_open(&w, w.x, "t");
	x = world_handle(&w);
	b = world_open(&w, x, "t");
	WANT(exo_fs_mkdir(b, "d", 0755), 0);
	names();
	renamed_while_open();
	directories();
	made(make_new);
	made(remake);
	links();
	rights();
	content();
	handles();
	many();
	world_check(a);
	exo_fs_close(b);
	exo_close(x);
	exo_fs_close(a);
	world_stop(&w);
	return 0;
}
