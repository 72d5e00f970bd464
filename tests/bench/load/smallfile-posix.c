// SPDX-License-Identifier: GPL-2.0 OR MIT
/* The kernel's file systems. Paths are relative to the folder, as a program that knows its place would have them. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include "smallfile.h"

static int top;

static int posix_mount(const char *where)
{
	if (chdir(where))
		return -errno;
	top = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return top < 0 ? -errno : 0;
}

static int posix_mkdir(const char *path)
{
	return mkdir(path, 0755) ? -errno : 0;
}

static int posix_create(const char *path, const void *data, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644), err = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = pwrite(fd, data, size, 0);
	if (n != (ssize_t)size)
		err = n < 0 ? -errno : -EIO;
	if (close(fd) && !err)
		err = -errno;
	return err;
}

/* A handle is the descriptor plus one, so that none is NULL. */
static void *posix_open(const char *path)
{
	return (void *)(intptr_t)(open(path, O_RDONLY | O_CLOEXEC) + 1);
}

static ssize_t posix_read(void *file, void *data, size_t size, off_t at)
{
	ssize_t n = pread((intptr_t)file - 1, data, size, at);

	return n < 0 ? -errno : n;
}

static void posix_close(void *file)
{
	close((intptr_t)file - 1);
}

static int64_t posix_size(const char *path)
{
	struct stat st;

	return stat(path, &st) ? -errno : st.st_size;
}

static int posix_unlink(const char *path)
{
	return unlink(path) ? -errno : 0;
}

static int posix_sync(void)
{
	return syncfs(top) ? -errno : 0;
}

/*
 * XFS frees a removed file in a worker, up to 256 of them some time later, and syncfs does not wait for that: without
 * this, an unlink would count its second half or not by the worker's luck. This call trims what is allocated behind
 * files' ends, of which there is nothing, and waits for the worker.
 */
#define XFS_MAGIC 0x58465342
struct eofblocks {
	uint32_t version, flags, uid, gid, project, pad;
	uint64_t min_size, pad_more[12];
};
#define XFS_FREE_EOFBLOCKS _IOR('X', 58, struct eofblocks)

static int posix_removed(void)
{
	struct eofblocks all = {.version = 1, .flags = 1 /* wait */};
	struct statfs st;

	if (fstatfs(top, &st))
		return -errno;
	if (st.f_type != XFS_MAGIC)
		return 0;
	return ioctl(top, XFS_FREE_EOFBLOCKS, &all) ? -errno : 0;
}

const struct files files_posix = {"posix",     posix_mount, posix_mkdir,  posix_create, posix_open,   posix_read,
				  posix_close, posix_size,  posix_unlink, posix_sync,	posix_removed};
