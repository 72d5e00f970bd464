// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * tree_host.c: a tree on the host. Every path is resolved by openat2 below the top's descriptor, without symbolic
 * links and without leaving it, so that a tree which changes while root reads it cannot point elsewhere.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "exoctl.h"
#include "tree.h"

struct host {
	struct tree tree;
	int top;
};

struct tree_file {
	int fd;
};

static int at_top(struct tree *t, const char *path, uint64_t flags)
{
	struct open_how how = {.flags = flags | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
	struct host *h = (struct host *)t;
	long fd;

	/* O_PATH on the link itself is what stat and readlink want. */
	if (flags & O_PATH)
		how.flags |= O_NOFOLLOW;
	fd = syscall(SYS_openat2, h->top, *path ? path : ".", &how, sizeof(how));
	return fd < 0 ? -errno : (int)fd;
}

/* lost+found at the top belongs to the host's file system, not to the tree, and only root can read it. */
static bool belongs_to_tree(const char *path, const char *name)
{
	return strcmp(name, ".") && strcmp(name, "..") && (*path || strcmp(name, "lost+found"));
}

static int host_list(struct tree *t, const char *path, struct names *out)
{
	int fd = at_top(t, path, O_RDONLY | O_DIRECTORY), err = 0;
	struct dirent *d;
	DIR *dir;

	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir) {
		err = -errno;
		close(fd);
		return err;
	}
	while (!err) {
		errno = 0;
		d = readdir(dir);
		if (!d) {
			err = -errno;
			break;
		}
		if (belongs_to_tree(path, d->d_name))
			err = names_add(out, d->d_name);
	}
	closedir(dir);
	return err;
}

static int host_stat(struct tree *t, const char *path, struct stat *st)
{
	int fd = at_top(t, path, O_PATH), err;

	if (fd < 0)
		return fd;
	err = fstat(fd, st) ? -errno : 0;
	close(fd);
	return err;
}

static ssize_t host_readlink(struct tree *t, const char *path, char *buf, size_t size)
{
	int fd = at_top(t, path, O_PATH);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = readlinkat(fd, "", buf, size);
	if (n < 0)
		n = -errno;
	close(fd);
	return n;
}

static int host_open(struct tree *t, const char *path, struct tree_file **out)
{
	/* O_NONBLOCK: what was a file a moment ago may be a pipe now. */
	int fd = at_top(t, path, O_RDONLY | O_NOCTTY | O_NONBLOCK);
	struct tree_file *f;
	struct stat st;

	if (fd < 0)
		return fd;
	f = malloc(sizeof(*f));
	if (!f) {
		close(fd);
		return -ENOMEM;
	}
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		free(f);
		return -EBUSY;
	}
	f->fd = fd;
	*out = f;
	return 0;
}

static ssize_t host_pread(struct tree_file *f, void *buf, size_t n, off_t off)
{
	ssize_t got = pread(f->fd, buf, n, off);

	return got < 0 ? -errno : got;
}

static off_t host_data(struct tree_file *f, off_t from)
{
	off_t at = lseek(f->fd, from, SEEK_DATA);

	if (at >= 0)
		return at;
	return errno == ENXIO ? -ENXIO : from;
}

static void host_close(struct tree_file *f)
{
	close(f->fd);
	free(f);
}

static void host_done(struct tree *t)
{
	close(((struct host *)t)->top);
	free(t);
}

static const struct tree_ops host_ops = {
	.list = host_list,
	.stat = host_stat,
	.readlink = host_readlink,
	.open = host_open,
	.pread = host_pread,
	.data = host_data,
	.close = host_close,
	.done = host_done,
};

int tree_host(const char *dir, struct tree **out)
{
	struct host *h = malloc(sizeof(*h));

	if (!h)
		return -ENOMEM;
	h->tree = (struct tree){.ops = &host_ops, .on_host = true};
	h->top = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (h->top < 0) {
		int err = -errno;

		free(h);
		return err;
	}
	*out = &h->tree;
	return 0;
}
