// SPDX-License-Identifier: GPL-2.0 OR MIT
/* table.c: calls.h as a table, by number. */
#include "posix.h"

#define X(nr, o, i, d1, p1, d2, p2, fd, flags) [SYS_##nr] = {o, i, d1, p1, d2, p2, fd, flags},
#define PATH(nr, fn, dirfd, path, flags) X(nr, posix_by_path, in_##fn, dirfd, path, -1, -1, -1, flags)
#define PATHS(nr, fn, d1, p1, d2, p2) X(nr, posix_by_path, in_##fn, d1, p1, d2, p2, -1, 0)
#define FDS(nr, fn) X(nr, posix_by_fd, in_##fn, -1, -1, -1, -1, 0, 0)
#define OWN(nr, fn) X(nr, out_##fn, NULL, -1, -1, -1, -1, -1, 0)

const struct call posix_calls[512] = {CALLS};
