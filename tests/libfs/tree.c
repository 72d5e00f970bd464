// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Random operations on a cffs tree and on a directory of this machine's own file system, side by side: results, errors
 *and content must agree. Several handles of the tree, each its own environment like another process, take turns at
 *random, so each works with a cache that others made old. Now and then everything is compared, checked, and attached
 *anew with a walk.
 *
 *	cffs-tree [SEED [OPERATIONS]]
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>
#include "world.h"

#define HANDLES 3
#define NAMES 14
#define IO_MAX 300000

static struct world w;
static struct exo *x[HANDLES];
static struct exo_fs *fs[HANDLES];
static u64 state;
static char buf[IO_MAX], mine[IO_MAX], theirs[IO_MAX];
static char last_op[3000];
static unsigned long long step;

static u32 below(u32 n)
{
	return (u32)(sim_random(&state) >> 20) % n;
}

static const char *name(void)
{
	static char longname[NAMES][256];
	u32 i = below(NAMES);

	if (!longname[i][0]) {
		size_t len = i < 8 ? 1 : i < 11 ? 30 : i < 13 ? 120 : 255;

		memset(longname[i], 'a' + i, len);
	}
	return longname[i];
}

static void path(char *out)
{
	u32 parts = 1 + below(3), i;

	out[0] = 0;
	for (i = 0; i < parts; i++) {
		if (i)
			strcat(out, "/");
		if (!below(60))
			strcat(out, "../");
		strcat(out, name());
	}
	/* The oracle must not be led outside its directory. */
	if (!strncmp(out, "../", 3))
		memmove(out, out + 3, strlen(out + 3) + 1);
}

static void agree(const char *what, long long ours, long long host)
{
	if (ours == host)
		return;
	FAIL("step %llu: %s: ours %lld (%s), host %lld (%s); %s", step, what, ours,
	     ours < 0 ? strerror(-(int)ours) : "", host, host < 0 ? strerror(-(int)host) : "", exo_fs_why()->text);
}

#define HOST(call) ((call) < 0 ? -errno : 0)

static void op_write(struct exo_fs *t, const char *p)
{
	int flags = O_CREAT | O_RDWR | (below(3) ? 0 : O_TRUNC) | (below(4) ? 0 : O_EXCL) | (below(8) ? 0 : O_APPEND);
	mode_t mode = below(512) | 0400;
	struct exo_file *f;
	u32 i, n = 1 + below(4);
	int err, fd;

	err = exo_file_open(t, p, flags, mode, &f);
	fd = open(p, flags, mode);
	agree("open for writing", err, fd < 0 ? -errno : 0);
	if (err)
		return;
	for (i = 0; i < n; i++) {
		size_t len = below(3) ? below(9000) : below(IO_MAX), k;
		off_t off = below(4) ? below(40000) : below(3) ? below(2000000) : 1000000ll * below(4000);
		ssize_t got;

		for (k = 0; k < len; k++)
			buf[k] = sim_random(&state);
		switch (below(6)) {
		case 0:
			agree("truncate", exo_file_truncate(f, off), HOST(ftruncate(fd, off)));
			break;
		case 1:
			memset(mine, 1, len);
			memset(theirs, 1, len);
			got = exo_file_pread(f, mine, len, off);
			agree("read", got, pread(fd, theirs, len, off));
			if (memcmp(mine, theirs, len))
				FAIL("step %llu: %s: read differs", step, p);
			break;
		case 2:
			/* Sequential small writes. */
			for (k = 0; k < 20; k++) {
				size_t one = 1 + below(3000);

				agree("write", exo_file_pwrite(f, buf, one, off), pwrite(fd, buf, one, off));
				off += one;
			}
			break;
		default:
			agree("write", exo_file_pwrite(f, buf, len, off), pwrite(fd, buf, len, off));
		}
	}
	if (!below(10))
		agree("fsync", exo_file_sync(f), 0);
	if (!below(10)) {
		/* Its name goes while it is open. */
		agree("unlink open", exo_fs_unlink(t, p), HOST(unlink(p)));
		agree("read", exo_file_pread(f, mine, 5000, 0), pread(fd, theirs, 5000, 0));
	}
	exo_file_close(f);
	close(fd);
}

static void op(struct exo_fs *t)
{
	char p[PATH_MAX], q[PATH_MAX];
	struct stat a, b;
	int err, herr;
	u32 what = below(100);

	path(p);
	path(q);
	snprintf(last_op, sizeof(last_op), "op %u '%.300s' '%.300s'", what, p, q);
	if (getenv("CFFS_TRACE"))
		fprintf(stderr, "%llu: handle %d %s\n", step, t == fs[0] ? 0 : t == fs[1] ? 1 : 2, last_op);
	if (what < 14) {
		agree("mkdir", exo_fs_mkdir(t, p, 0755), HOST(mkdir(p, 0755)));
	} else if (what < 40) {
		op_write(t, p);
	} else if (what < 48) {
		agree("unlink", exo_fs_unlink(t, p), HOST(unlink(p)));
	} else if (what < 52) {
		agree("rmdir", exo_fs_rmdir(t, p), HOST(rmdir(p)));
	} else if (what < 72) {
		agree("rename", exo_fs_rename(t, p, q), HOST(rename(p, q)));
	} else if (what < 78) {
		const char *target = below(4) ? name() : NULL;

		if (!target) {
			memset(buf, 't', 600 + below(3000));
			buf[600] = below(2) ? 0 : 't';
			buf[4000] = 0;
			target = buf;
		}
		agree("symlink", exo_fs_symlink(t, target, p), HOST(symlink(target, p)));
	} else if (what < 82) {
		mode_t mode = 0640 | below(8);

		agree("chmod", exo_fs_chmod(t, p, mode), HOST(chmod(p, mode)));
	} else {
		err = exo_fs_stat(t, p, what < 92 ? 0 : EXO_FS_NOFOLLOW, &a);
		herr = HOST(what < 92 ? stat(p, &b) : lstat(p, &b));
		agree("stat", err, herr);
		if (!err && (a.st_mode != b.st_mode || (!S_ISDIR(a.st_mode) && a.st_size != b.st_size)))
			FAIL("step %llu: %s: stat differs: mode %o %o size %lld %lld", step, p, a.st_mode, b.st_mode,
			     (long long)a.st_size, (long long)b.st_size);
	}
}

static struct list {
	char name[256];
	mode_t type;
} * entry;
static u32 nentry;

static int note(void *arg, const struct exo_dirent *d)
{
	entry = realloc(entry, (nentry + 1) * sizeof(*entry));
	memcpy(entry[nentry].name, d->name, d->len + 1);
	entry[nentry++].type = d->type;
	return 0;
}

static void compare(struct exo_fs *t, const char *dir)
{
	struct exo_file *f;
	struct dirent *d;
	u32 host = 0, i;
	struct stat a, b;
	DIR *h;

	nentry = 0;
	agree("open directory", exo_file_open(t, dir, O_RDONLY | O_DIRECTORY, 0, &f), 0);
	agree("readdir", exo_file_readdir(f, 0, note, NULL), 0);
	exo_file_close(f);
	h = opendir(dir);
	CHECK(h);
	while ((d = readdir(h))) {
		char p[PATH_MAX];

		if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."))
			continue;
		host++;
		for (i = 0; i < nentry && strcmp(entry[i].name, d->d_name); i++)
			;
		if (i == nentry)
			FAIL("step %llu: '%s' is missing in %s", step, d->d_name, dir);
		snprintf(p, sizeof(p), "%s/%s", dir, d->d_name);
		CHECK(!lstat(p, &b));
		agree("stat", exo_fs_stat(t, p, EXO_FS_NOFOLLOW, &a), 0);
		CHECK(a.st_mode == b.st_mode && (a.st_mode & S_IFMT) == entry[i].type);
		if (!S_ISDIR(a.st_mode) && a.st_size != b.st_size)
			FAIL("step %llu: %s: size %lld, not %lld", step, p, (long long)a.st_size, (long long)b.st_size);
		if (S_ISLNK(a.st_mode)) {
			agree("readlink", exo_fs_readlink(t, p, mine, 5000), readlink(p, theirs, 5000));
			CHECK(!memcmp(mine, theirs, a.st_size));
		} else if (S_ISREG(a.st_mode)) {
			off_t at = 0, data;
			int fd = open(p, O_RDONLY);

			CHECK(fd >= 0);
			agree("open", exo_file_open(t, p, O_RDONLY, 0, &f), 0);
			/* Data where the host has data, and the block behind each stretch. */
			while (at < b.st_size) {
				ssize_t n;

				data = lseek(fd, at, SEEK_DATA);
				if (data < 0)
					data = b.st_size > 5000 ? b.st_size - 5000 : 0;
				if (data > at)
					at = data;
				n = pread(fd, theirs, IO_MAX, at);
				agree("read", exo_file_pread(f, mine, IO_MAX, at), n);
				if (memcmp(mine, theirs, n))
					FAIL("step %llu: %s differs behind %lld", step, p, (long long)at);
				at += n;
			}
			exo_file_close(f);
			close(fd);
		}
	}
	closedir(h);
	if (host != nentry)
		FAIL("step %llu: %s has %u entries, not %u", step, dir, nentry, host);
	/* Into the directories; `entry` is reused there. */
	h = opendir(dir);
	while ((d = readdir(h))) {
		char p[PATH_MAX];

		if (d->d_type != DT_DIR || !strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."))
			continue;
		snprintf(p, sizeof(p), "%s/%s", dir, d->d_name);
		compare(t, p);
	}
	closedir(h);
}

static void open_all(void)
{
	int i;

	for (i = 0; i < HANDLES; i++) {
		x[i] = world_handle(&w);
		fs[i] = world_open(&w, x[i], "t");
	}
}

static void close_all(void)
{
	int i;

	for (i = 0; i < HANDLES; i++) {
		exo_fs_close(fs[i]);
		exo_close(x[i]);
	}
}

int main(int argc, char **argv)
{
	unsigned long long steps = argc > 2 ? strtoull(argv[2], NULL, 0) : 6000;
	char dir[] = "/tmp/cffs-tree-XXXXXX", udf[PATH_MAX], cmd[100];

	state = argc > 1 ? strtoull(argv[1], NULL, 0) : 7;
	CHECK(realpath(getenv("EXO_UDF_DIR") ? getenv("EXO_UDF_DIR") : "build/udf", udf));
	setenv("EXO_UDF_DIR", udf, 1);
	CHECK(mkdtemp(dir) && !chdir(dir));
	umask(0);
	world_start(&w, 2048, 60000, SIM_VOLATILE, state);
	world_mkfs(&w, "t", 0);
	open_all();
	for (step = 0; step < steps; step++) {
		u32 t = below(HANDLES);

		op(fs[t]);
		if (step % 500 == 499) {
			compare(fs[t], ".");
			world_check(fs[t]);
		}
		if (step % 2000 == 1999) {
			close_all();
			world_detach(&w, false);
			world_attach(&w);
			world_no_quarantine(&w);
			open_all();
			compare(fs[t], ".");
			world_check(fs[t]);
		}
	}
	compare(fs[0], ".");
	world_check(fs[0]);
	close_all();
	world_stop(&w);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return chdir("/") || system(cmd) ? 1 : 0;
}
