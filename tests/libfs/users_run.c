// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * users_run.c: a cffs tree that three users share. What they may do works, from each one's environment; then the same
 * library acts as a hostile one, which checks nothing, and edits are made by hand, and the module refuses what the
 * library let pass.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "../../libfs/cffs/cffs.h"
#include "users.h"
#include "want.h"

enum { A, B, C };

static struct exo_fs *user[3], *root;

/* The library of that user checks as it should, or nothing. */
static void honest(int who, bool is)
{
	struct exo_cred_fs *c = &user[who]->cred;

	c->uid = users_uid[who];
	c->checked = !is;
	c->gid = users_gids[who][0];
	c->ngroups = users_ngids[who];
	c->groups[0] = users_gids[who][0];
	c->groups[1] = users_gids[who][1];
}

static void open_all(const struct users *u)
{
	struct exo_why why;
	int i;

	for (i = 0; i < USERS; i++) {
		WANT(exo_fs_open(&user[i], u->x[i], u->disk, u->name, EXO_FS_JOIN, &why), 0);
		honest(i, true);
	}
	WANT(exo_fs_open(&root, u->root, u->disk, u->name, EXO_FS_JOIN, &why), 0);
	root->cred.uid = root->cred.gid = 0;
}

static void close_all(void)
{
	int i;

	for (i = 0; i < USERS; i++)
		exo_fs_close(user[i]);
	exo_fs_close(root);
}

static void put(struct exo_fs *fs, const char *path, mode_t mode, const char *text)
{
	struct exo_file *f;

	WANT(exo_file_open(fs, path, O_CREAT | O_EXCL | O_WRONLY, mode, &f), 0);
	WANT(exo_file_pwrite(f, text, strlen(text), 0), strlen(text));
	WANT(exo_file_flush(f), 0);
	exo_file_close(f);
}

/* What a file holds, or the error of opening or reading it. */
static int get(struct exo_fs *fs, const char *path, char *buf, size_t size)
{
	struct exo_file *f;
	ssize_t n;
	int err = exo_file_open(fs, path, O_RDONLY, 0, &f);

	if (err)
		return err;
	n = exo_file_pread(f, buf, size - 1, 0);
	exo_file_close(f);
	buf[n > 0 ? n : 0] = 0;
	return n < 0 ? (int)n : 0;
}

static int scribble(struct exo_fs *fs, const char *path, const char *text, off_t off)
{
	struct exo_file *f;
	ssize_t n;
	int err = exo_file_open(fs, path, O_WRONLY, 0, &f), late;

	if (err)
		return err;
	n = exo_file_pwrite(f, text, strlen(text), off);
	late = exo_file_flush(f);
	exo_file_close(f);
	return n < 0 ? (int)n : late;
}

static bool holds(struct exo_fs *fs, const char *path, const char *text)
{
	char buf[256];

	int err = get(fs, path, buf, sizeof(buf));

	if (err || strcmp(buf, text))
		fprintf(stderr, "%s: %d, '%s', %s\n", path, err, buf, exo_fs_why()->text);
	return !err && !strcmp(buf, text);
}

static struct stat st_of(struct exo_fs *fs, const char *path)
{
	struct stat st;

	WANT(exo_fs_stat(fs, path, EXO_FS_NOFOLLOW, &st), 0);
	return st;
}

/* What each may do. */
static void ordinary(void)
{
	struct exo_file *f;
	struct stat st;
	char name[32];
	int i;

	WANT(exo_fs_mkdir(user[A], "a", 0755), 0);
	WANT(exo_fs_mkdir(user[B], "b", 0755), 0);
	WANT(exo_fs_mkdir(user[A], "team", 0770), 0);
	WANT(exo_fs_chown(user[A], "team", -1, USERS_GROUP, 0), 0);
	WANT(exo_fs_chmod(user[A], "team", 02770), 0);
	put(user[A], "a/public", 0644, "alice's");
	put(user[A], "a/secret", 0600, "alice's own");
	CHECK(holds(user[B], "a/public", "alice's") && holds(user[C], "a/public", "alice's"));
	WANT(get(user[B], "a/secret", name, sizeof(name)), -EACCES);
	CHECK(holds(root, "a/secret", "alice's own"));
	put(user[A], "team/plan", 0664, "one");
	st = st_of(user[B], "team/plan");
	CHECK(st.st_uid == 1000 && st.st_gid == USERS_GROUP && st.st_nlink == 1);
	WANT(scribble(user[B], "team/plan", "two", 0), 0);
	CHECK(holds(user[A], "team/plan", "two"));
	WANT(scribble(user[C], "team/plan", "no", 0), -EACCES);
	/* A file grows over many extents and a map, written by another than its owner. */
	WANT(exo_file_open(user[B], "team/plan", O_RDWR, 0, &f), 0);
	for (i = 1; i < 40; i++)
		WANT(exo_file_pwrite(f, "block", 5, (off_t)i * 3 * 4096), 5);
	WANT(exo_file_flush(f), 0);
	exo_file_close(f);
	WANT(exo_at_truncate(user[B], NULL, "team/plan", 3, 0), 0);
	CHECK(holds(user[A], "team/plan", "two"));
	/* Many names, of several users, in a directory that splits. */
	for (i = 0; i < 120; i++) {
		snprintf(name, sizeof(name), "team/file-%d", i);
		put(user[i & 1], name, 0660, name);
	}
	for (i = 0; i < 120; i++) {
		snprintf(name, sizeof(name), "team/file-%d", i);
		CHECK(holds(user[!(i & 1)], name, name));
	}
	for (i = 0; i < 120; i += 3) {
		snprintf(name, sizeof(name), "team/file-%d", i);
		WANT(exo_fs_unlink(user[B], name), 0);
		WANT(exo_fs_stat(user[A], name, 0, &st), -ENOENT);
	}
	/* Renames: within the directory anybody's; to another directory one's own, the rest is for mv to copy. */
	WANT(exo_fs_rename(user[B], "team/file-2", "team/two"), 0);
	CHECK(holds(user[A], "team/two", "team/file-2"));
	WANT(exo_fs_rename(user[B], "team/two", "b/two"), -EXDEV);
	WANT(exo_fs_rename(user[B], "team/file-1", "b/one"), 0);
	CHECK(holds(user[A], "b/one", "team/file-1"));
	WANT(exo_fs_rename(user[A], "team/file-4", "team/file-5"), 0);
	CHECK(holds(user[B], "team/file-5", "team/file-4"));
	WANT(exo_at_rename(user[A], NULL, "team/file-8", NULL, "team/file-10", RENAME_EXCHANGE), 0);
	CHECK(holds(user[A], "team/file-8", "team/file-10") && holds(user[B], "team/file-10", "team/file-8"));
	WANT(exo_fs_mkdir(user[B], "b/sub", 0755), 0);
	WANT(exo_fs_mkdir(user[B], "b/sub/deep", 0755), 0);
	WANT(exo_fs_rename(user[B], "b/sub/deep", "b/deep"), 0);
	WANT(exo_fs_rename(user[B], "b/sub", "b/deep/sub"), 0);
	WANT(exo_fs_stat(user[A], "b/deep/sub", 0, &st), 0);
	WANT(exo_fs_rmdir(user[B], "b/deep/sub"), 0);
	/* Links, symlinks, fifos, attributes, a file without a name. */
	WANT(exo_at_link(user[A], NULL, "a/public", NULL, "a/second", 0), 0);
	WANT(exo_at_link(user[B], NULL, "a/public", NULL, "b/third", 0), -EPERM);
	CHECK(st_of(user[C], "a/public").st_nlink == 2);
	WANT(exo_fs_unlink(user[A], "a/public"), 0);
	CHECK(holds(user[C], "a/second", "alice's") && st_of(user[C], "a/second").st_nlink == 1);
	WANT(exo_fs_symlink(user[B], "../a/second", "b/link"), 0);
	CHECK(holds(user[C], "b/link", "alice's"));
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	WANT(exo_at_mknod(user[C], NULL, "a/fifo", S_IFIFO | 0600, 0), -EACCES);
	WANT(exo_at_mknod(user[B], NULL, "b/fifo", S_IFIFO | 0600, 0), 0);
	WANT(exo_at_setxattr(user[A], NULL, "a/second", "user.k", "v", 1, 0, 0), 0);
	WANT(exo_at_getxattr(user[C], NULL, "a/second", "user.k", name, sizeof(name), 0), 1);
	WANT(exo_at_setxattr(user[C], NULL, "a/second", "user.k", "w", 1, 0, 0), -EACCES);
	WANT(exo_file_open(user[C], "team", O_TMPFILE | O_RDWR, 0600, &f), -EACCES);
	WANT(exo_file_open(user[B], "b", O_TMPFILE | O_RDWR, 0600, &f), 0);
	WANT(exo_file_pwrite(f, "later", 5, 0), 5);
	WANT(exo_at_link(user[B], f, "", NULL, "b/named", EXO_FS_EMPTY), 0);
	exo_file_close(f);
	CHECK(holds(user[B], "b/named", "later"));
	/* Unlinked while it is open. */
	WANT(exo_file_open(user[B], "b/named", O_RDWR, 0, &f), 0);
	WANT(exo_fs_unlink(user[B], "b/named"), 0);
	WANT(exo_file_pread(f, name, 5, 0), 5);
	CHECK(!memcmp(name, "later", 5));
	exo_file_close(f);
	/* chmod and chown of what has a map and leaves: the copies follow. */
	WANT(exo_fs_chmod(user[A], "team", 0700), 0);
	WANT(exo_fs_stat(user[B], "team/plan", 0, &st), -EACCES);
	WANT(exo_fs_chmod(user[A], "team", 02770), 0);
	WANT(exo_fs_stat(user[B], "team/plan", 0, &st), 0);
	WANT(exo_fs_chown(root, "b/deep", 1002, 1002, 0), 0);
	put(user[C], "b/deep/mine", 0600, "carol's");
	WANT(exo_fs_chown(user[B], "b/one", 1000, -1, 0), -EPERM);
	WANT(exo_fs_chown(root, "b/one", 1000, 1000, 0), 0);
	CHECK(st_of(user[C], "b/one").st_uid == 1000);
	/* A write by another drops what acts for the owner. */
	put(user[A], "a/tool", 0777, "#!");
	WANT(exo_fs_chmod(user[A], "a/tool", 06777), 0);
	CHECK((st_of(user[B], "a/tool").st_mode & 07000) == 06000);
	WANT(scribble(user[B], "a/tool", "!!", 0), 0);
	CHECK(!(st_of(user[B], "a/tool").st_mode & 06000));
}

static int count(void *arg, const struct exo_dirent *d)
{
	++*(int *)arg;
	return 0;
}

static int entries(struct exo_fs *fs, const char *path)
{
	struct exo_file *f;
	int n = 0;

	WANT(exo_file_open(fs, path, O_RDONLY | O_DIRECTORY, 0, &f), 0);
	WANT(exo_file_readdir(f, 0, count, &n), 0);
	exo_file_close(f);
	return n;
}

static void sticky(void)
{
	struct stat st;
	char name[300];
	int i;

	WANT(exo_fs_mkdir(user[A], "tmp", 01777), 0);
	for (i = 0; i < 60; i++) {
		snprintf(name, sizeof(name), "tmp/%d-of-%d", i, i % 3);
		put(user[i % 3], name, 0644, name);
	}
	CHECK(entries(user[B], "tmp") == 60);
	memset(name, 'n', 259);
	memcpy(name, "tmp/", 4);
	name[259] = 0;
	put(user[C], name, 0600, "long");
	WANT(exo_fs_unlink(user[B], name), -EPERM);
	WANT(exo_fs_unlink(user[C], name), 0);
	WANT(exo_fs_unlink(user[B], "tmp/3-of-0"), -EPERM);
	WANT(exo_fs_rename(user[B], "tmp/3-of-0", "tmp/taken"), -EPERM);
	WANT(exo_fs_rename(user[B], "tmp/4-of-1", "tmp/3-of-0"), -EPERM);
	WANT(exo_fs_rename(user[B], "tmp/4-of-1", "tmp/4"), 0);
	WANT(exo_fs_rename(user[B], "tmp/4", "b/4"), 0);
	WANT(exo_fs_rename(user[B], "b/4", "tmp/4-of-1"), 0);
	CHECK(holds(user[C], "tmp/4-of-1", "tmp/4-of-1"));
	WANT(exo_fs_mkdir(user[C], "tmp/dir", 0755), 0);
	WANT(exo_fs_rmdir(user[B], "tmp/dir"), -EPERM);
	WANT(exo_fs_rmdir(user[C], "tmp/dir"), 0);
	WANT(exo_fs_stat(user[B], "tmp/dir", 0, &st), -ENOENT);
	/* Its owner removes any name. */
	WANT(exo_fs_unlink(user[A], "tmp/5-of-2"), 0);
	CHECK(entries(user[C], "tmp") == 59);
	/* An empty directory becomes sticky and back; one with names does not. */
	WANT(exo_fs_mkdir(user[B], "b/box", 0777), 0);
	put(user[B], "b/box/f", 0644, "f");
	WANT(exo_fs_chmod(user[B], "b/box", 01777), -ENOTEMPTY);
	WANT(exo_fs_unlink(user[B], "b/box/f"), 0);
	WANT(exo_fs_chmod(user[B], "b/box", 01777), 0);
	put(user[C], "b/box/g", 0644, "g");
	WANT(exo_fs_unlink(user[A], "b/box/g"), -EPERM);
	WANT(exo_fs_chmod(user[B], "b/box", 0777), 0);
	WANT(exo_fs_unlink(user[A], "b/box/g"), 0);
	WANT(exo_fs_rmdir(user[B], "b/box"), 0);
}

/* The same calls from a library that checks nothing. What it gets is the module's word. */
static void hostile(void)
{
	struct timespec ts[2] = {{1, 0}, {1, 0}};
	struct exo_file *f;
	char buf[64];
	struct stat st;

	honest(C, false);
	WANT(exo_fs_chmod(user[C], "a/secret", 0666), -EPERM);
	WANT(exo_fs_chmod(user[C], "a", 0777), -EPERM);
	WANT(exo_fs_chown(user[C], "a/secret", 1002, -1, 0), -EPERM);
	WANT(exo_fs_chown(user[C], "a/secret", -1, 1002, 0), -EPERM);
	WANT(exo_fs_utimens(user[C], "a/second", ts, 0), -EACCES);
	WANT(get(user[C], "a/secret", buf, sizeof(buf)), -EACCES);
	WANT(scribble(user[C], "a/second", "changed", 0), -EACCES);
	WANT(exo_at_truncate(user[C], NULL, "a/second", 0, 0), -EACCES);
	WANT(exo_at_truncate(user[C], NULL, "a/secret", 1 << 20, 0), -EACCES);
	WANT(exo_at_setxattr(user[C], NULL, "a/second", "user.k", "w", 1, 0, 0), -EACCES);
	WANT(exo_fs_unlink(user[C], "a/second"), -EACCES);
	WANT(exo_fs_rename(user[C], "a/second", "a/gone"), -EACCES);
	WANT(exo_fs_rename(user[C], "a/second", "b/deep/gone"), -EXDEV);
	WANT(exo_fs_mkdir(user[C], "a/mine", 0777), -EACCES);
	WANT(exo_fs_symlink(user[C], "x", "a/x"), -EACCES);
	WANT(exo_at_link(user[C], NULL, "a/secret", NULL, "b/deep/stolen", 0), -EPERM);
	/* Names in a directory that is closed to it cannot even be seen. */
	WANT(exo_fs_stat(user[C], "team/plan", 0, &st), -EACCES);
	/* An inode that is root's, or anybody else's; a device. */
	user[C]->cred.uid = 0;
	WANT(exo_file_open(user[C], "b/deep/rootly", O_CREAT | O_WRONLY, 04755, &f), -EPERM);
	WANT(exo_at_mknod(user[C], NULL, "b/deep/disk", S_IFBLK | 0666, 0x801), -EPERM);
	WANT(exo_fs_chown(user[C], "b/deep/mine", 0, 0, 0), -EPERM);
	honest(C, true);
	/* Write permission is not ownership. */
	WANT(exo_fs_chmod(user[A], "a/tool", 0777), 0);
	honest(B, false);
	WANT(exo_fs_chmod(user[B], "a/tool", 04777), -EPERM);
	WANT(exo_fs_chown(user[B], "a/tool", 1001, -1, 0), -EPERM);
	WANT(exo_fs_chmod(user[B], "tmp", 0777), -EPERM);
	/* In a sticky directory: others' names stay. */
	WANT(exo_fs_unlink(user[B], "tmp/3-of-0"), -EPERM);
	WANT(exo_fs_rename(user[B], "tmp/3-of-0", "tmp/taken"), -EPERM);
	WANT(exo_fs_rename(user[B], "tmp/4-of-1", "tmp/3-of-0"), -EPERM);
	honest(B, true);
	CHECK(holds(user[A], "a/secret", "alice's own") && holds(user[A], "a/second", "alice's"));
	CHECK(holds(user[A], "tmp/3-of-0", "tmp/3-of-0"));
	CHECK(st_of(user[A], "a/secret").st_size == 11 && (st_of(user[A], "a/secret").st_mode & 07777) == 0600);
}

static int problems(void *arg, const struct exo_fs_problem *p)
{
	if (!p->repaired)
		fprintf(stderr, "problem: %s\n", p->text);
	return 0;
}

/* Edits and bindings made by hand. */
struct raw {
	struct exo *x;
	const struct users *u;
	struct exo_root_get root;
	uint32_t cap;
};

static int raw_bind(struct raw *r, uint64_t parent, uint32_t index, struct exo_claim c, uint32_t rights,
		    uint32_t *frame)
{
	struct exo_bind b = {.disk = r->u->disk,
			     .cap = r->cap,
			     .root = r->root.root,
			     .index = index,
			     .parent = parent,
			     .claim = c,
			     .first = c.start,
			     .count = 1,
			     .rights = rights};

	b.frames = (uintptr_t)frame;
	return exo_bind(r->x, &b, 0, NULL);
}

/* One number in a partition; the acl's code when it refuses, else -1 if something else did. */
static int raw_put(struct raw *r, uint32_t frame, uint64_t block, uint32_t off, uint64_t value, uint32_t bytes)
{
	struct exo_edit e = {.block = block,
			     .version = exo_version(exo_view(r->x), frame),
			     .offset = off,
			     .len = bytes,
			     .bytes = (uintptr_t)&value};
	struct exo_txn t = {.disk = r->u->disk, .cap = r->cap, .nedits = 1, .edits = (uintptr_t)&e};
	struct exo_why why = {0};
	int err = exo_txn(r->x, &t, &why);

	return err >= 0 ? 0 : why.code == EXO_R_ACL ? (int)EXO_ACL_CODE(why.detail) : -1;
}

/* What no library call makes: the super partition, the table, inodes and entries out of nothing. */
static void by_hand(const struct users *u)
{
	struct raw r = {.x = u->x[C], .u = u};
	struct exo_claim top;
	const unsigned char *bytes;
	uint32_t frame;
	uint64_t block;

	WANT(exo_root_find(u->x[C], u->disk, u->name, &r.root, NULL), 0);
	r.cap = exo_cap_user(u->x[C]);
	block = r.root.out_start;
	top = (struct exo_claim){block, 1, r.root.out_template, 0};
	/* The root block is for all to see, and not to own. */
	WANT(raw_bind(&r, EXO_NOBLOCK, 0, top, EXO_RIGHT_READ, &frame), 0);
	bytes = exo_frame_ptr(exo_view(u->x[C]), frame);
	CHECK(get32(bytes + CFFS_SUP_FLAGS) == CFFS_FEATURE_SHARED);
	WANT(raw_put(&r, frame, block, CFFS_SUP_FLAGS, 0, 4), CFFS_ACL_FIXED);
	WANT(raw_put(&r, frame, block, CFFS_SUP_SEED, 1, 8), CFFS_ACL_FIXED);
	WANT(raw_put(&r, frame, block, CFFS_H_MAGIC, 0, 4), CFFS_ACL_FIXED);
	WANT(raw_put(&r, frame, block, CFFS_SUP_MOVES, get64(bytes + CFFS_SUP_MOVES) + 1, 8), 0);
	/* The top directory: anybody's to write in, alice's to change. */
	WANT(raw_put(&r, frame, block, CFFS_PART + CFFS_SLOT(0) + CFFS_S_UID, 1002, 4), CFFS_ACL_OWNER);
	WANT(raw_put(&r, frame, block, CFFS_PART + CFFS_SLOT(0) + CFFS_S_MODE, S_IFDIR | 0700, 4), CFFS_ACL_OWNER);
	WANT(raw_put(&r, frame, block, CFFS_PART, 0, 4), CFFS_ACL_OWNER);
	/* The table: its first extent, its header; a free one would take an ALLOC. */
	WANT(raw_put(&r, frame, block, CFFS_TABLE_FIRST * CFFS_PART + CFFS_H_KIND, CFFS_KIND_DIR, 1), CFFS_ACL_FIXED);
	WANT(raw_put(&r, frame, block, CFFS_TABLE_FIRST * CFFS_PART + CFFS_H_SIZE + CFFS_E_KEY, 9, 4), CFFS_ACL_FIXED);
	WANT(raw_put(&r, frame, block, 7 * CFFS_PART, 0, 4), CFFS_ACL_FIXED);
	WANT(exo_unbind(u->x[C], 1, &frame, NULL), 0);
}

/* Header after header of a block says that it is bob's. */
static void forge(const struct users *u, u64 block)
{
	struct raw r = {.x = u->root, .u = u, .cap = exo_cap_admin(u->root)};
	u64 version;
	u32 p, frame;

	for (p = 0; p < CFFS_PARTS; p++) {
		frame = exo_lookup(exo_view(u->root), u->disk, block, &version);
		WANT(raw_put(&r, frame, block, p * CFFS_PART + CFFS_H_UID, 1001, 4), 0);
	}
}

static struct node *node_of_path(struct exo_fs *fs, const char *path)
{
	struct exo_node *n;

	WANT(exo_walk(fs, NULL, path, 0, &n), 0);
	return node_of(n);
}

static u32 wrong_headers(struct exo_fs *fs, const char *path)
{
	struct node *n = node_of_path(fs, path);
	u32 wrong = 0;

	WANT(headers_check(cffs_of(fs), n, false, &wrong), 0);
	node_put(cffs_of(fs), n);
	return wrong;
}

/*
 * Who was let write may have left a leaf or a map behind that says it is theirs. The leaf's names come into a new one;
 * no data goes below the map, and its owner is told, until root puts it right.
 */
static void forged(const struct users *u)
{
	struct cffs *fs = cffs_of(user[A]);
	struct exo_file *f;
	struct found at;
	struct mpath way;
	struct node *n;
	struct ref home;
	u64 block;
	int i;

	WANT(exo_fs_mkdir(user[A], "a/box", 0777), 0);
	put(user[A], "a/box/one", 0644, "1");
	put(user[B], "a/box/two", 0644, "2");
	n = node_of_path(user[A], "a/box");
	WANT(dir_find(fs, n, "one", 3, &at), 0);
	block = at.leaf.block;
	found_done(fs, &at);
	node_put(fs, n);
	CHECK(!wrong_headers(user[A], "a/box"));
	CHECK(holds(root, "a/box/one", "1"));
	forge(u, block);
	CHECK(wrong_headers(user[A], "a/box") == CFFS_PARTS);
	WANT(exo_fs_chmod(user[A], "a/box", 0755), 0);
	CHECK(!wrong_headers(user[A], "a/box"));
	CHECK(holds(user[C], "a/box/one", "1") && holds(user[C], "a/box/two", "2"));
	honest(B, false);
	WANT(exo_fs_unlink(user[B], "a/box/one"), -EACCES);
	honest(B, true);

	put(user[A], "a/large", 0666, "x");
	WANT(exo_file_open(user[A], "a/large", O_RDWR, 0, &f), 0);
	for (i = 1; i < 9; i++)
		WANT(exo_file_pwrite(f, "x", 1, (off_t)i * 2 * BLK), 1);
	n = node_of(f->node);
	CHECK(n->di.level);
	WANT(node_pin(fs, n, &home), 0);
	WANT(map_find(fs, n, &home, 0, &way), 0);
	block = way.at[1].c.parent.block;
	map_done(fs, &way);
	meta_put(fs, &home);
	CHECK(holds(root, "a/large", "x"));
	forge(u, block);
	WANT(exo_fs_chmod(user[A], "a/large", 0600), -EPERM);
	WANT(exo_file_pwrite(f, "secret", 6, 0), -EACCES);
	exo_file_close(f);
	WANT(exo_fs_chmod(root, "a/large", 0600), 0);
	CHECK(!wrong_headers(user[A], "a/large"));
	WANT(scribble(user[A], "a/large", "secret", 0), 0);
	WANT(scribble(user[B], "a/large", "no", 0), -EACCES);
	WANT(exo_fs_unlink(user[A], "a/large"), 0);
	WANT(exo_fs_unlink(user[A], "a/box/one"), 0);
	WANT(exo_fs_unlink(user[A], "a/box/two"), 0);
	WANT(exo_fs_rmdir(user[A], "a/box"), 0);
}

void users_ordinary(const struct users *u)
{
	open_all(u);
	ordinary();
	sticky();
	WANT(exo_fs_sync(root), 0);
	close_all();
}

void users_hostile(const struct users *u)
{
	open_all(u);
	CHECK(holds(user[A], "a/secret", "alice's own") && holds(user[A], "tmp/3-of-0", "tmp/3-of-0"));
	hostile();
	by_hand(u);
	forged(u);
	close_all();
}

void users_check(const struct users *u)
{
	struct exo_fs_count n;
	struct exo_why why;

	WANT(exo_fs_open(&root, u->root, u->disk, u->name, 0, &why), 0);
	root->cred.uid = 0;
	CHECK(exo_fs_check(root, EXO_FS_REPAIR, problems, NULL, &n) >= 0);
	/* What others removed of one's own was left for this. */
	CHECK(n.repaired == n.problems);
	WANT(exo_fs_check(root, 0, problems, NULL, &n), 0);
	exo_fs_close(root);
}
