// SPDX-License-Identifier: GPL-2.0 OR MIT
/* A file system in a library, through libexo-fs.h. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <libexo-fs.h>
#include "smallfile.h"

static struct exo *exo;
static struct exo_fs *tree;

static int tree_mount(const char *where)
{
	const char *comma = strrchr(where, ',');
	struct exo_why why = {0};
	char device[256];
	uint32_t disk;
	int err;

	if (!comma || comma - where >= (long)sizeof(device))
		return -EINVAL;
	memcpy(device, where, comma - where);
	device[comma - where] = '\0';
	err = exo_open(&exo, NULL, &why);
	if (!err)
		err = exo_disk_find(exo, device, &disk);
	if (!err)
		err = exo_fs_open(&tree, exo, disk, comma + 1, 0, &why);
	if (err)
		fprintf(stderr, "bench-smallfile: %s %s\n", why.text, why.hint);
	return err;
}

static int tree_mkdir(const char *path)
{
	return exo_fs_mkdir(tree, path, 0755);
}

static int tree_create(const char *path, const void *data, size_t size)
{
	struct exo_file *file;
	int err = exo_file_open(tree, path, O_WRONLY | O_CREAT | O_EXCL, 0644, &file);
	ssize_t n;

	if (err)
		return err;
	n = exo_file_pwrite(file, data, size, 0);
	exo_file_close(file);
	return n == (ssize_t)size ? 0 : n < 0 ? (int)n : -EIO;
}

static void *tree_open(const char *path)
{
	struct exo_file *file;
	int err = exo_file_open(tree, path, O_RDONLY, 0, &file);

	if (!err)
		return file;
	errno = -err;
	return NULL;
}

static ssize_t tree_read(void *file, void *data, size_t size, off_t at)
{
	return exo_file_pread(file, data, size, at);
}

static void tree_close(void *file)
{
	exo_file_close(file);
}

static int64_t tree_size(const char *path)
{
	struct stat st;
	int err = exo_fs_stat(tree, path, 0, &st);

	return err ? err : st.st_size;
}

static int tree_unlink(const char *path)
{
	return exo_fs_unlink(tree, path);
}

static int tree_sync(void)
{
	return exo_fs_sync(tree);
}

const struct files files_exo = {"exo",	    tree_mount, tree_mkdir,  tree_create, tree_open, tree_read,
				tree_close, tree_size,	tree_unlink, tree_sync,	  NULL};
