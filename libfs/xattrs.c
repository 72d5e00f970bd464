// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * xattrs.c: the public calls on extended attributes. Who may do what is decided here, by name space as xattr(7) says,
 * and the same for every type; a type stores names and values.
 */
#include <linux/limits.h>
#include <sys/xattr.h>
#include "call.h"

#define PATH_FLAGS (EXO_FS_NOFOLLOW | EXO_FS_EMPTY)

static bool in_space(const char *name, const char *space)
{
	return !strncmp(name, space, strlen(space));
}

/* -ERANGE and -EOPNOTSUPP as Linux gives them. */
static int name_ok(const char *name)
{
	static const char *const spaces[] = {"user.", "trusted.", "security."};
	size_t len, i;

	if (!name)
		return -EFAULT;
	len = strlen(name);
	if (!len || len > XATTR_NAME_MAX)
		return -ERANGE;
	for (i = 0; i < sizeof(spaces) / sizeof(*spaces); i++)
		if (in_space(name, spaces[i]))
			return name[strlen(spaces[i])] ? 0 : -EINVAL;
	return -EOPNOTSUPP;
}

static int may(struct exo_fs *fs, struct exo_node *n, const char *name, bool write)
{
	bool admin = exo_cred_all(fs);

	if (write && fs->flags & EXO_FS_RDONLY)
		return -EROFS;
	if (in_space(name, "security."))
		return write && !admin ? -EPERM : 0;
	if (in_space(name, "trusted."))
		return admin ? 0 : write ? -EPERM : -ENODATA;
	if (!S_ISREG(n->mode) && !S_ISDIR(n->mode))
		return write ? -EPERM : -ENODATA;
	if (write && S_ISDIR(n->mode) && n->mode & S_ISVTX && !exo_node_owner(fs, n))
		return -EPERM;
	return exo_node_may(fs, n, write ? W_OK : R_OK);
}

static int find(struct exo_fs *fs, struct exo_file *at, const char *path, unsigned flags, struct exo_node **n)
{
	return exo_walk(fs, at_node(at), path,
			(flags & EXO_FS_NOFOLLOW ? EXO_WALK_NOFOLLOW : 0) | (flags & EXO_FS_EMPTY ? EXO_WALK_EMPTY : 0),
			n);
}

static ssize_t get(struct exo_fs *fs, struct exo_file *at, const char *path, const char *name, void *buf, size_t size,
		   unsigned flags)
{
	struct exo_node *n;
	ssize_t got = find(fs, at, path, flags, &n);

	if (got)
		return got;
	got = !fs->type->getxattr ? -EOPNOTSUPP : may(fs, n, name, false);
	if (!got)
		got = fs->type->getxattr(fs, n, name, buf, size);
	fs->type->put(fs, n);
	return got;
}

EXO_PUBLIC ssize_t exo_at_getxattr(struct exo_fs *fs, struct exo_file *at, const char *path, const char *name,
				   void *buf, size_t size, unsigned flags)
{
	int err = flags & ~PATH_FLAGS ? -EINVAL : name_ok(name);

	if (err)
		return err;
	CALL_BY_PATH(fs, get(fs, at, path, name, buf, size, flags));
}

static int set(struct exo_fs *fs, struct exo_file *at, const char *path, const char *name, const void *value,
	       size_t size, int how, unsigned flags)
{
	struct exo_node *n;
	int err = find(fs, at, path, flags, &n);

	if (err)
		return err;
	err = !fs->type->setxattr ? -EOPNOTSUPP : may(fs, n, name, true);
	if (!err)
		err = fs->type->setxattr(fs, n, name, value, size, how);
	fs->type->put(fs, n);
	return err;
}

EXO_PUBLIC int exo_at_setxattr(struct exo_fs *fs, struct exo_file *at, const char *path, const char *name,
			       const void *value, size_t size, int how, unsigned flags)
{
	int err;

	if (flags & ~PATH_FLAGS || how & ~(XATTR_CREATE | XATTR_REPLACE))
		return -EINVAL;
	err = name_ok(name);
	if (err)
		return err;
	if (size > XATTR_SIZE_MAX)
		return -E2BIG;
	if (size && !value)
		return -EFAULT;
	CALL_BY_PATH(fs, set(fs, at, path, name, value, size, how, flags));
}

/* Without the names that the caller may not know of. */
static ssize_t list(struct exo_fs *fs, struct exo_file *at, const char *path, char *buf, size_t size, unsigned flags)
{
	bool admin = !exo_cred(fs)->uid;
	size_t kept = 0, i, len;
	struct exo_node *n;
	char *all = NULL;
	ssize_t got = find(fs, at, path, flags, &n);

	if (got)
		return got;
	got = !fs->type->listxattr ? -EOPNOTSUPP : fs->type->listxattr(fs, n, NULL, 0);
	if (got > 0) {
		len = got;
		all = malloc(len);
		got = all ? fs->type->listxattr(fs, n, all, len) : -ENOMEM;
	}
	fs->type->put(fs, n);
	for (i = 0; got > 0 && i < (size_t)got; i += len) {
		len = strnlen(all + i, got - i) + 1;
		if (in_space(all + i, "trusted.") && !admin)
			continue;
		memmove(all + kept, all + i, len);
		kept += len;
	}
	if (got >= 0) {
		got = kept;
		if (size && kept > size)
			got = -ERANGE;
		else if (size && kept)
			memcpy(buf, all, kept);
	}
	free(all);
	return got;
}

EXO_PUBLIC ssize_t exo_at_listxattr(struct exo_fs *fs, struct exo_file *at, const char *path, char *buf, size_t size,
				    unsigned flags)
{
	if (flags & ~PATH_FLAGS)
		return -EINVAL;
	CALL_BY_PATH(fs, list(fs, at, path, buf, size, flags));
}

static int drop(struct exo_fs *fs, struct exo_file *at, const char *path, const char *name, unsigned flags)
{
	struct exo_node *n;
	int err = find(fs, at, path, flags, &n);

	if (err)
		return err;
	err = !fs->type->removexattr ? -EOPNOTSUPP : may(fs, n, name, true);
	if (!err)
		err = fs->type->removexattr(fs, n, name);
	fs->type->put(fs, n);
	return err;
}

EXO_PUBLIC int exo_at_removexattr(struct exo_fs *fs, struct exo_file *at, const char *path, const char *name,
				  unsigned flags)
{
	int err = flags & ~PATH_FLAGS ? -EINVAL : name_ok(name);

	if (err)
		return err;
	CALL_BY_PATH(fs, drop(fs, at, path, name, flags));
}
