// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The exo store over a libFS made of paper: what it binds, when it lets go, what it says when it cannot open. That the
 * real libFS serves it is for the VM.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <libexo.h>
#include <libexo-fs.h>
#include "../../cheetah/store/store.h"
#include "../sim/check.h"

#define NAMES 4
#define BLOCKS 100

struct exo {
	int dummy;
};

struct exo_fs {
	int dummy;
};

struct exo_file {
	unsigned name;
	bool peeked[BLOCKS];
	struct exo_file *next;
};

static struct exo the_exo;
static struct exo_fs the_fs;
static struct exo_query facts = {.out_bind_limit = 100};
static struct stat state[NAMES];
static char data[NAMES][BLOCKS * EXO_BLOCK_SIZE];
static struct exo_file *files;
static unsigned nfiles, bound, opens;
static int fail_open, fail_disk, fail_fs, fail_peek;
static char opened_root[64], last_path[256];
static unsigned fs_flags;

int exo_open(struct exo **out, const char *dev, struct exo_why *why)
{
	*out = &the_exo;
	if (fail_open)
		snprintf(why->hint, sizeof(why->hint), "ask the module's owner");
	return fail_open;
}

void exo_close(struct exo *x)
{
}

const struct exo_query *exo_facts(const struct exo *x)
{
	return &facts;
}

int exo_disk_find(struct exo *x, const char *name, uint32_t *disk)
{
	*disk = 3;
	return strcmp(name, "/dev/a:b") && strcmp(name, "0") ? -ENOENT : fail_disk;
}

int exo_fs_open(struct exo_fs **out, struct exo *x, uint32_t disk, const char *name, unsigned flags,
		struct exo_why *why)
{
	CHECK(disk == 3);
	snprintf(opened_root, sizeof(opened_root), "%s", name);
	fs_flags = flags;
	*out = &the_fs;
	if (fail_fs)
		snprintf(why->text, sizeof(why->text), "the root is quarantined");
	return fail_fs;
}

void exo_fs_close(struct exo_fs *fs)
{
}

/* Files are called .../0 to .../3; all else is a directory, but what ends in "none". */
static int name_of(const char *path)
{
	size_t n = strlen(path);

	snprintf(last_path, sizeof(last_path), "%s", path);
	if (n && path[n - 1] == '/')
		n--;
	if (n && path[n - 1] >= '0' && path[n - 1] < '0' + NAMES)
		return path[n - 1] - '0';
	return n >= 4 && !strncmp(path + n - 4, "none", 4) ? -1 : NAMES;
}

static int stat_of(int name, struct stat *st)
{
	if (name < 0 || (name < NAMES && !state[name].st_ino))
		return -ENOENT;
	if (name < NAMES) {
		*st = state[name];
	} else {
		memset(st, 0, sizeof(*st));
		st->st_mode = S_IFDIR | 0755;
	}
	return 0;
}

int exo_fs_stat(struct exo_fs *fs, const char *path, unsigned flags, struct stat *st)
{
	return stat_of(name_of(path), st);
}

int exo_file_open(struct exo_fs *fs, const char *path, int oflags, mode_t mode, struct exo_file **out)
{
	int name = name_of(path);
	struct stat st;
	int err = stat_of(name, &st);

	if (err)
		return err;
	*out = calloc(1, sizeof(**out));
	NEED(*out);
	(*out)->name = (unsigned)name;
	(*out)->next = files;
	files = *out;
	nfiles++;
	opens++;
	return 0;
}

void exo_file_close(struct exo_file *f)
{
	struct exo_file **at = &files;

	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
	for (unsigned i = 0; i < BLOCKS; i++)
		bound -= f->peeked[i];
	nfiles--;
	free(f);
}

int exo_file_stat(struct exo_file *f, struct stat *st)
{
	return stat_of((int)f->name, st);
}

ssize_t exo_file_pread(struct exo_file *f, void *buf, size_t n, off_t off)
{
	memcpy(buf, data[f->name] + off, n);
	return (ssize_t)n;
}

ssize_t exo_file_peek(struct exo_file *f, off_t off, const void **at)
{
	size_t in = (size_t)off % EXO_BLOCK_SIZE;

	if (fail_peek)
		return fail_peek;
	if (off >= state[f->name].st_size)
		return 0;
	bound += !f->peeked[off / EXO_BLOCK_SIZE];
	f->peeked[off / EXO_BLOCK_SIZE] = true;
	*at = data[f->name] + off;
	return (ssize_t)(EXO_BLOCK_SIZE - in);
}

int exo_file_readdir(struct exo_file *dir, uint64_t cookie, int (*fn)(void *arg, const struct exo_dirent *d), void *arg)
{
	const struct exo_dirent a = {.name = "a", .type = S_IFREG}, b = {.name = "b", .type = S_IFDIR};
	int err = fn(arg, &a);

	return err ? err : fn(arg, &b);
}

static int list(void *arg, const char *name, bool directory)
{
	strcat(arg, name);
	strcat(arg, directory ? "/" : ",");
	return 0;
}

static void words(void)
{
	struct store *s;
	char e[STORE_ERROR];

	CHECK(store_exo_open(&s, "x", e) == -EINVAL && strstr(e, "exo:DISK:ROOT"));
	CHECK(store_exo_open(&s, ":r", e) == -EINVAL && store_exo_open(&s, "0:", e) == -EINVAL);
	CHECK(store_exo_open(&s, "9:r", e) == -ENOENT && strstr(e, "disk 9") && strstr(e, "exoctl"));
	fail_open = -EACCES;
	CHECK(store_exo_open(&s, "0:r", e) == -EACCES && strstr(e, "/dev/exo") && strstr(e, "ask the module's owner"));
	fail_open = 0;
	fail_fs = -EUCLEAN;
	CHECK(store_exo_open(&s, "0:r", e) == -EUCLEAN && strstr(e, "quarantined"));
	fail_fs = 0;
	CHECK(store_exo_open(&s, "0:r/none", e) == -ENOENT && strstr(e, "/none"));
	state[0] = (struct stat){.st_ino = 1, .st_mode = S_IFREG};
	CHECK(store_exo_open(&s, "0:r/0", e) == -ENOTDIR && strstr(e, "name a directory"));
	CHECK(!store_exo_open(&s, "/dev/a:b:root//x/y", e));
	CHECK(!strcmp(opened_root, "root") && fs_flags == EXO_FS_RDONLY && !strcmp(last_path, "x/y/"));
	s->ops->destroy(s);
}

int main(void)
{
	struct store_file *f[NAMES];
	char e[STORE_ERROR], text[64] = "", buf[10];
	struct store *s;
	const void *at;
	struct stat st;
	unsigned n;

	words();
	for (unsigned i = 0; i < NAMES; i++) {
		state[i] = (struct stat){.st_ino = i + 1, .st_mode = S_IFREG, .st_size = sizeof(data[i])};
		memset(data[i], 'a' + (int)i, sizeof(data[i]));
	}
	NEED(!store_exo_open(&s, "0:root/x", e));
	CHECK(!s->ops->stat(s, "sub/1", &st) && !strcmp(last_path, "x/sub/1"));
	CHECK(s->ops->open(s, "d", &f[0]) == -EISDIR && s->ops->open(s, "none", &f[0]) == -ENOENT && !nfiles);
	state[0].st_size = -1;
	CHECK(s->ops->open(s, "0", &f[0]) == -EUCLEAN && !nfiles);
	state[0].st_size = sizeof(data[0]);
	state[0].st_mode = S_IFIFO;
	CHECK(s->ops->open(s, "0", &f[0]) == -EACCES && !nfiles);
	state[0].st_mode = S_IFREG;
	CHECK(!s->ops->list(s, "", list, text) && !strcmp(text, "a,b/") && !nfiles);

	/* Four documents of 100 blocks each, and 100 frames may be bound: never more than half of it stays so. */
	for (unsigned i = 0; i < NAMES; i++)
		NEED(!s->ops->open(s, (char[]){(char)('0' + i), 0}, &f[i]));
	for (n = 0; n < 4000; n++) {
		struct store_file *x = f[n / 10 % NAMES];
		uint64_t off = (uint64_t)(n * 37 % BLOCKS) * EXO_BLOCK_SIZE + n % 5;

		CHECK(s->ops->peek(x, off, &at) == (ssize_t)(EXO_BLOCK_SIZE - n % 5));
		CHECK(*(const char *)at == (char)('a' + n / 10 % NAMES));
		if (n % 8 == 7) {
			s->ops->done(x);
			CHECK_MSG(bound <= 50, "%u bound", bound);
		}
		CHECK_MSG(bound <= 58, "%u bound", bound);
	}
	CHECK(opens > 50);
	/* A small one that is peeked at again and again stays open. */
	for (unsigned i = 0; i < NAMES; i++)
		s->ops->lost(f[i]);
	CHECK(!bound && !nfiles);
	n = opens;
	state[1].st_size = 2 * EXO_BLOCK_SIZE;
	CHECK(s->ops->peek(f[1], 0, &at) == -ESTALE);
	s->ops->close(f[1]);
	NEED(!s->ops->open(s, "1", &f[1]));
	n = opens;
	for (unsigned i = 0; i < 1000; i++) {
		CHECK(s->ops->peek(f[1], i % 2 * EXO_BLOCK_SIZE, &at) == EXO_BLOCK_SIZE);
		s->ops->done(f[1]);
	}
	CHECK(opens == n && bound == 2);
	/* Closed in between and changed: at its end. Gone: likewise. Unchanged: goes on, by read as well. */
	CHECK(s->ops->read(f[0], buf, 10, 5) == 10 && !memcmp(buf, "aaaaaaaaaa", 10));
	s->ops->lost(f[0]);
	CHECK(s->ops->peek(f[0], 0, &at) == EXO_BLOCK_SIZE);
	s->ops->lost(f[0]);
	state[0].st_mtim.tv_nsec = 1;
	CHECK(s->ops->peek(f[0], 0, &at) == -ESTALE && s->ops->read(f[0], buf, 10, 0) == -ESTALE);
	s->ops->lost(f[2]);
	state[2].st_ino = 0;
	CHECK(s->ops->peek(f[2], 0, &at) == -ESTALE);
	fail_peek = -EIO;
	CHECK(s->ops->peek(f[3], 0, &at) == -EIO);
	for (unsigned i = 0; i < NAMES; i++)
		s->ops->close(f[i]);
	CHECK(!bound && !nfiles);
	s->ops->destroy(s);
	return check_done();
}
