// SPDX-License-Identifier: GPL-2.0 OR MIT
/* tree_exo.c: a tree in an exo root, through libexo-fs. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include "exoctl.h"
#include "tree.h"

struct root {
	struct tree tree;
	struct exo_fs *fs;
	const char *under;
};

/* Below the sub-tree that was named. An empty path is no name, so the top is "/". */
static int below(struct tree *t, const char *path, char out[PATH_MAX])
{
	int err = path_join(out, ((struct root *)t)->under, path);

	if (!err && !*out)
		strcpy(out, "/");
	return err;
}

struct listing {
	struct names *out;
	int err;
};

static int add_name(void *arg, const struct exo_dirent *d)
{
	struct listing *l = arg;

	l->err = names_add(l->out, d->name);
	return l->err;
}

static int exo_list(struct tree *t, const char *path, struct names *out)
{
	struct listing l = {.out = out};
	char full[PATH_MAX];
	struct exo_file *dir;
	int err = below(t, path, full);

	if (!err)
		err = exo_file_open(((struct root *)t)->fs, full, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, &dir);
	if (err)
		return err;
	err = exo_file_readdir(dir, 0, add_name, &l);
	exo_file_close(dir);
	return l.err ? l.err : err;
}

static int exo_stat(struct tree *t, const char *path, struct stat *st)
{
	char full[PATH_MAX];
	int err = below(t, path, full);

	return err ? err : exo_fs_stat(((struct root *)t)->fs, full, EXO_FS_NOFOLLOW, st);
}

static ssize_t exo_readlink(struct tree *t, const char *path, char *buf, size_t size)
{
	char full[PATH_MAX];
	int err = below(t, path, full);

	return err ? err : exo_fs_readlink(((struct root *)t)->fs, full, buf, size);
}

/* A tree_file of this kind is an exo_file. */
static int exo_open_file(struct tree *t, const char *path, struct tree_file **out)
{
	char full[PATH_MAX];
	int err = below(t, path, full);

	return err ? err
		   : exo_file_open(((struct root *)t)->fs, full, O_RDONLY | O_NOFOLLOW, 0, (struct exo_file **)out);
}

static ssize_t exo_pread(struct tree_file *f, void *buf, size_t n, off_t off)
{
	return exo_file_pread((struct exo_file *)f, buf, n, off);
}

static off_t exo_data(struct tree_file *f, off_t from)
{
	(void)f;
	return from;
}

static void exo_close_file(struct tree_file *f)
{
	exo_file_close((struct exo_file *)f);
}

static void exo_done(struct tree *t)
{
	free(t);
}

static const struct tree_ops exo_ops = {
	.list = exo_list,
	.stat = exo_stat,
	.readlink = exo_readlink,
	.open = exo_open_file,
	.pread = exo_pread,
	.data = exo_data,
	.close = exo_close_file,
	.done = exo_done,
};

int tree_exo(struct exo_fs *fs, const char *under, struct tree **out)
{
	struct root *r = malloc(sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->tree = (struct tree){.ops = &exo_ops};
	r->fs = fs;
	r->under = under;
	*out = &r->tree;
	return 0;
}
