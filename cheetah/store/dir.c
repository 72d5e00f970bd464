// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * dir.c: documents in a Linux directory; the comparison. peek is a shared read-only mapping of the whole file, so that
 * head and body leave in one writev as they do from an exo cache; sendfile would need a second system call a response.
 *
 * openat2 with RESOLVE_BENEATH: neither a path nor a symbolic link in the tree leads out of it.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "store.h"

struct dir {
	struct store store;
	int fd;
};

struct dir_file {
	struct store_file file;
	int fd;
	void *map; /* NULL if the file is empty */
	uint64_t size;
};

static int open_beneath(const struct dir *d, const char *path, uint64_t flags)
{
	struct open_how how = {
		.flags = flags | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	int fd = (int)syscall(SYS_openat2, d->fd, *path ? path : ".", &how, sizeof(how));

	if (fd >= 0)
		return fd;
	/* A link that leads out is not for the public; the errno would suggest a server fault. */
	return errno == EXDEV ? -EACCES : -errno;
}

static int dir_stat(struct store *s, const char *path, struct stat *st)
{
	int fd = open_beneath((struct dir *)s, path, O_PATH);
	int err = 0;

	if (fd < 0)
		return fd;
	if (fstat(fd, st))
		err = -errno;
	close(fd);
	return err;
}

static int judge(const struct stat *st)
{
	if (S_ISDIR(st->st_mode))
		return -EISDIR;
	return S_ISREG(st->st_mode) ? 0 : -EACCES;
}

static int dir_open(struct store *s, const char *path, struct store_file **out)
{
	struct dir_file *f;
	struct stat st;
	/* Look before opening: the mere opening of a device or a FIFO can have effects. */
	int err = dir_stat(s, path, &st);

	if (!err)
		err = judge(&st);
	if (err)
		return err;
	f = calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	f->file.ops = s->ops;
	f->fd = open_beneath((struct dir *)s, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	if (f->fd < 0) {
		err = f->fd;
		goto fail;
	}
	if (fstat(f->fd, &f->file.st)) {
		err = -errno;
		goto fail_fd;
	}
	/* It may have been replaced meanwhile. */
	err = judge(&f->file.st);
	if (err)
		goto fail_fd;
	f->size = (uint64_t)f->file.st.st_size;
	if (f->size) {
		f->map = mmap(NULL, f->size, PROT_READ, MAP_SHARED, f->fd, 0);
		if (f->map == MAP_FAILED) {
			err = -errno;
			goto fail_fd;
		}
	}
	*out = &f->file;
	return 0;

fail_fd:
	close(f->fd);
fail:
	free(f);
	return err;
}

static ssize_t dir_peek(struct store_file *file, uint64_t off, const void **data)
{
	struct dir_file *f = (struct dir_file *)file;

	if (off >= f->size)
		return 0;
	*data = (const char *)f->map + off;
	return (ssize_t)(f->size - off);
}

static ssize_t dir_read(struct store_file *file, void *buf, size_t n, uint64_t off)
{
	struct dir_file *f = (struct dir_file *)file;
	ssize_t got = pread(f->fd, buf, n, (off_t)off);

	return got < 0 ? -errno : got;
}

static void dir_close(struct store_file *file)
{
	struct dir_file *f = (struct dir_file *)file;

	if (f->map)
		munmap(f->map, f->size);
	close(f->fd);
	free(f);
}

static int dir_list(struct store *s, const char *path, int (*fn)(void *arg, const char *name, bool directory),
		    void *arg)
{
	int fd = open_beneath((struct dir *)s, path, O_RDONLY | O_DIRECTORY);
	const struct dirent *e;
	int err = 0;
	DIR *d;

	if (fd < 0)
		return fd;
	d = fdopendir(fd);
	if (!d) {
		err = -errno;
		close(fd);
		return err;
	}
	for (;;) {
		errno = 0;
		e = readdir(d);
		if (!e) {
			err = -errno;
			break;
		}
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		err = fn(arg, e->d_name, e->d_type == DT_DIR);
		if (err)
			break;
	}
	closedir(d);
	return err;
}

static void dir_destroy(struct store *s)
{
	close(((struct dir *)s)->fd);
	free(s);
}

static const struct store_ops dir_ops = {
	.name = "dir",
	.peek_how = "mmap",
	.open = dir_open,
	.stat = dir_stat,
	.peek = dir_peek,
	.read = dir_read,
	.close = dir_close,
	.list = dir_list,
	.destroy = dir_destroy,
};

int store_dir_open(struct store **out, const char *path, char error[STORE_ERROR])
{
	struct dir *d = calloc(1, sizeof(*d));
	int err;

	if (!d) {
		snprintf(error, STORE_ERROR, "out of memory");
		return -ENOMEM;
	}
	d->store.ops = &dir_ops;
	d->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->fd < 0) {
		err = -errno;
		snprintf(error, STORE_ERROR,
			 "cannot open directory %.200s: %s; name a directory that this user may read", path,
			 strerror(-err));
		free(d);
		return err;
	}
	*out = &d->store;
	return 0;
}
