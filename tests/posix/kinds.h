/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* kinds.h: every kind of file, for tests that try something on each. */
#ifndef EXO_TESTS_POSIX_KINDS_H
#define EXO_TESTS_POSIX_KINDS_H

#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include "posix.h"

enum kind { REGULAR, DIRECTORY, FIFO, BLOCK, CHARACTER, SOCKET, SYMLINK, KINDS };

static const char *const kind_names[KINDS] = {"regular",   "directory", "fifo",	  "block",
					      "character", "socket",	"symlink"};
static const mode_t kind_types[KINDS] = {S_IFREG, S_IFDIR, S_IFIFO, S_IFBLK, S_IFCHR, S_IFSOCK, S_IFLNK};

/* Makes one; 0 or -1 with errno. Devices only root can make. */
static inline int kind_make(enum kind k, const char *path, mode_t mode)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd, err;

	switch (k) {
	case REGULAR:
		fd = open(path, O_CREAT | O_EXCL | O_WRONLY, mode);
		return fd < 0 ? -1 : close(fd);
	case DIRECTORY:
		return mkdir(path, mode);
	case FIFO:
		return mkfifo(path, mode);
	case BLOCK:
		return mknod(path, S_IFBLK | mode, makedev(1, 2));
	case CHARACTER:
		return mknod(path, S_IFCHR | mode, makedev(1, 2));
	case SYMLINK:
		return symlink("target", path);
	default:
		break;
	}
	if (strlen(path) >= sizeof(a.sun_path))
		return mknod(path, S_IFSOCK | mode, 0);
	strcpy(a.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0)
		return -1;
	err = bind(fd, (struct sockaddr *)&a, sizeof(a));
	fd = err ? (close(fd), -1) : close(fd);
	return err ? -1 : chmod(path, mode);
}

static inline int kind_remove(enum kind k, const char *path)
{
	return k == DIRECTORY ? rmdir(path) : unlink(path);
}

/* What cannot be made here is left out: devices without root. */
#define FOR_KINDS(k) for ((k) = REGULAR; (k) < KINDS; (k)++)

#endif
