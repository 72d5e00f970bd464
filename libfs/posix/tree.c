// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * tree.c: the trees that the environment names, attached at their first use, and again in a child of fork. The
 * transport makes its system calls past the gate and keeps its mappings out of children, where they would hold on to
 * the parent's environment.
 */
#include <sys/mman.h>
#include "../../libexo/handle.h"
#include "posix.h"

struct tree posix_trees[TREES_MAX];
int posix_ntrees;

static int dev_call(void *ctx, uint32_t nr, void *arg)
{
	return raw3(SYS_ioctl, ((struct tree *)ctx)->dev, EXO_CALL(nr), arg);
}

static void *dev_map(void *ctx, uint64_t off, size_t len, int prot)
{
	long p = raw6(SYS_mmap, 0, len, prot, MAP_SHARED, ((struct tree *)ctx)->dev, off);

	if (p < 0 && p > -4096) {
		errno = -p;
		return NULL;
	}
	raw3(SYS_madvise, p, len, MADV_DONTFORK);
	return (void *)p;
}

static void dev_unmap(void *ctx, void *addr, size_t len)
{
	raw2(SYS_munmap, addr, len);
}

static void dev_close(void *ctx)
{
	raw1(SYS_close, ((struct tree *)ctx)->dev);
	((struct tree *)ctx)->dev = -1;
}

static const struct exo_transport transport = {
	.call = dev_call, .map = dev_map, .unmap = dev_unmap, .close = dev_close};

/* DISK, ROOT, "ro" or "rw", PREFIX with tabs between, one tree a line. */
int posix_parse(const char *s)
{
	while (*s) {
		struct tree *t = &posix_trees[posix_ntrees];
		size_t n = strcspn(s, "\n");
		const char *a, *b, *c, *end = s + n;

		if (posix_ntrees == TREES_MAX)
			return -E2BIG;
		c = memrchr(s, '\t', n);
		b = c ? memrchr(s, '\t', c - s) : NULL;
		a = b ? memrchr(s, '\t', b - s) : NULL;
		if (!a || a - s >= (long)sizeof(t->disk) || b - a - 1 >= (long)sizeof(t->root) ||
		    end - c - 1 >= (long)sizeof(t->prefix) || end - c < 3 || c[1] != '/')
			return -EINVAL;
		memcpy(t->disk, s, a - s);
		memcpy(t->root, a + 1, b - a - 1);
		t->readonly = b[1] == 'r' && b[2] == 'o';
		t->plen = end - c - 1;
		memcpy(t->prefix, c + 1, t->plen);
		t->dev = -1;
		posix_ntrees++;
		s = end + (*end == '\n');
	}
	return 0;
}

static int open_device(struct tree *t)
{
	long fd = raw3(SYS_open, EXO_DEVICE, O_RDWR | O_CLOEXEC, 0);

	if (fd < 0)
		return fd;
	t->dev = posix_high(fd);
	return 0;
}

int posix_attach(struct tree *t)
{
	uint32_t disk;
	int err;

	if (t->fs || t->err)
		return t->err;
	err = open_device(t);
	if (!err)
		err = exo_open_with(&t->x, &transport, t, NULL);
	if (!err)
		t->x->fd = t->dev;
	if (!err)
		err = exo_disk_find(t->x, t->disk, &disk);
	if (!err)
		err = exo_fs_open(&t->fs, t->x, disk, t->root,
				  EXO_FS_JOIN | EXO_FS_HOST | (t->readonly ? EXO_FS_RDONLY : 0), NULL);
	if (err) {
		if (t->dev >= 0)
			raw1(SYS_close, t->dev);
		t->fs = NULL;
		t->dev = -1;
		/* A disk that is not there may come; a program that runs on without it would be worse. */
		err = err == -ENOENT ? -ENODEV : err;
	} else {
		posix_arrived(t);
	}
	return err;
}

int posix_after_fork(void)
{
	int i, err = 0, one;

	for (i = 0; i < posix_ntrees; i++) {
		struct tree *t = &posix_trees[i];
		struct exo *x;

		if (!t->fs)
			continue;
		/* The parent's environment. Its mappings are not here. */
		raw1(SYS_close, t->dev);
		one = open_device(t);
		if (!one)
			one = exo_open_with(&x, &transport, t, NULL);
		if (!one)
			one = exo_fs_forked(t->fs, x);
		if (one) {
			t->err = err = one;
			continue;
		}
		t->x = x;
		x->fd = t->dev;
	}
	posix_remap();
	return err;
}

/* What has been written must be in the tree before somebody else looks. */
void posix_each(int (*fn)(struct exo_fs *fs))
{
	int i;

	for (i = 0; i < posix_ntrees; i++)
		if (posix_trees[i].fs)
			fn(posix_trees[i].fs);
}

/* Of a child, or -1: what it has open is kept for it. */
void posix_child(long pid)
{
	int i;

	for (i = 0; i < posix_ntrees; i++)
		if (posix_trees[i].fs)
			exo_fs_fork_end(posix_trees[i].fs, pid < 0 ? -1 : pid);
}

void posix_moved(struct tree *t)
{
	if (t->x)
		t->x->fd = t->dev;
}
