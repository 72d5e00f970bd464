// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * xcp_attr.c: owner, mode, times and extended attributes, as cp -a keeps them: what only the administrator may set is
 * left out silently for others, and set-id bits go where the owner could not be kept.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "xcp.h"

void xcp_act_as(struct xcp *c, const struct stat *st)
{
	struct exo_fs_cred cred = {.flags = EXO_FS_CHECKED};

	if (!c->root)
		return;
	if (st) {
		cred.uid = st->st_uid;
		cred.gid = st->st_gid;
	}
	exo_fs_set_cred(st ? &cred : NULL);
}

/* Until the content is there: never more than in the end, for nobody else than in the end. */
mode_t xcp_first_mode(const struct xcp *c, const struct stat *st)
{
	mode_t all = S_ISDIR(st->st_mode) ? 0700 : 0600;

	return c->root ? (st->st_mode & 0777) | all : all;
}

static unsigned flags_of(const struct xcp_place *p)
{
	return p->at ? EXO_FS_EMPTY : EXO_FS_NOFOLLOW;
}

static int set_owner(const struct xcp_place *to, const struct stat *st, bool *kept)
{
	int err = exo_at_chown(to->fs, to->at, to->path, st->st_uid, st->st_gid, flags_of(to));

	*kept = !err;
	if (err != -EPERM && err != -EACCES)
		return err;
	err = exo_at_chown(to->fs, to->at, to->path, -1, st->st_gid, flags_of(to));
	return err == -EPERM || err == -EACCES ? 0 : err;
}

/* One attribute; *lost: the copy's type has none, or no room for it. */
static int set_xattr(const struct xcp_place *from, const struct xcp_place *to, const char *name, bool *lost)
{
	ssize_t n = exo_at_getxattr(from->fs, from->at, from->path, name, NULL, 0, flags_of(from));
	char *value;
	int err;

	if (n < 0)
		return n == -ENODATA ? 0 : n;
	value = malloc(n ? n : 1);
	if (!value)
		return -ENOMEM;
	n = exo_at_getxattr(from->fs, from->at, from->path, name, value, n, flags_of(from));
	err = n < 0 ? n : exo_at_setxattr(to->fs, to->at, to->path, name, value, n, 0, flags_of(to));
	free(value);
	if (err == -EOPNOTSUPP || err == -E2BIG) {
		*lost = true;
		return 0;
	}
	return err == -EPERM || err == -EACCES ? 0 : err;
}

static int set_xattrs(struct xcp *c, const struct xcp_place *from, const struct xcp_place *to)
{
	ssize_t n = c->no_xattrs ? 0 : exo_at_listxattr(from->fs, from->at, from->path, NULL, 0, flags_of(from));
	bool lost = false;
	char *names, *at;
	int err = 0;

	if (n == -EOPNOTSUPP) {
		c->no_xattrs = true;
		return 0;
	}
	if (n <= 0)
		return n;
	names = malloc(n);
	if (!names)
		return -ENOMEM;
	n = exo_at_listxattr(from->fs, from->at, from->path, names, n, flags_of(from));
	if (n > 0)
		names[n - 1] = '\0';
	for (at = names; !err && at - names < n; at += strlen(at) + 1)
		err = set_xattr(from, to, at, &lost);
	free(names);
	c->lost_xattrs += lost;
	return n < 0 ? n : err;
}

static int attributes(struct xcp *c, const struct xcp_place *from, const struct xcp_place *to, const struct stat *st)
{
	const struct timespec ts[2] = {st->st_atim, st->st_mtim};
	mode_t mode = st->st_mode & 07777;
	struct stat have;
	bool kept = true;
	int err = exo_at_stat(to->fs, to->at, to->path, flags_of(to), &have);

	/* Each call is a transaction: those that would change nothing are left out. */
	if (!err && (have.st_uid != st->st_uid || have.st_gid != st->st_gid)) {
		err = set_owner(to, st, &kept);
		if (!kept)
			mode &= 0777;
		have.st_mode &= 01777;
	}
	if (!err)
		err = set_xattrs(c, from, to);
	if (!err && !S_ISLNK(st->st_mode) && (have.st_mode & 07777) != mode)
		err = exo_at_chmod(to->fs, to->at, to->path, mode, flags_of(to));
	return err ? err : exo_at_utimens(to->fs, to->at, to->path, ts, flags_of(to));
}

int xcp_attributes(struct xcp *c, const struct xcp_place *from, const struct xcp_place *to, const struct stat *st)
{
	uint64_t lost = c->lost_xattrs;
	int err = attributes(c, from, to, st);

	if (!xcp_again(c, err))
		return err;
	c->lost_xattrs = lost;
	return attributes(c, from, to, st);
}

int xcp_times(struct xcp *c, const struct xcp_place *to, const struct stat *st)
{
	const struct timespec ts[2] = {st->st_atim, st->st_mtim};
	int err = 0;

	/* A batch gave all the rest, but to a directory of whoever is no administrator, which had to stay open. */
	if (!c->root && (st->st_mode & 0700) != 0700)
		err = exo_at_chmod(to->fs, to->at, to->path, st->st_mode & 07777, flags_of(to));
	return err ? err : exo_at_utimens(to->fs, to->at, to->path, ts, flags_of(to));
}
