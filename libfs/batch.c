// SPDX-License-Identifier: GPL-2.0 OR MIT
/* batch.c: the public calls on all entries of a directory at once: reading with attributes, and making many. */
#include "call.h"

/* ---- scan, for a type without one ---- */

struct scanning {
	struct exo_fs *fs;
	struct exo_node *dir;
	exo_entry_fn fn;
	void *arg;
};

static int show(void *arg, const struct exo_dirent *d)
{
	struct scanning *s = arg;
	struct exo_entry e = {.d = *d};
	struct exo_name name = {d->name, d->len};
	struct exo_node *n;
	int err = s->fs->type->lookup(s->fs, s->dir, name, &n);

	if (!err) {
		err = s->fs->type->getattr(s->fs, n, &e.st);
		s->fs->type->put(s->fs, n);
	}
	/* It went meanwhile. */
	if (err == -ENOENT || err == -ESTALE)
		return 0;
	return err ? err : s->fn(s->arg, &e);
}

EXO_PUBLIC int exo_file_scan(struct exo_file *dir, uint64_t cookie, exo_entry_fn fn, void *arg)
{
	struct exo_fs *fs = dir->fs;
	struct scanning s = {fs, dir->node, fn, arg};
	int err;

	if (dir->oflags & O_PATH)
		return -EBADF;
	if (!S_ISDIR(dir->node->mode))
		return -ENOTDIR;
	exo_fs_enter(fs);
	err = exo_node_may(fs, dir->node, X_OK);
	if (!err)
		err = fs->type->scan ? fs->type->scan(fs, dir->node, cookie, fn, arg)
				     : fs->type->readdir(fs, dir->node, cookie, show, &s);
	return exo_fs_leave(fs, err);
}

/* ---- make ---- */

static int kind_ok(const struct exo_fs *fs, const struct exo_make *v)
{
	switch (v->st.st_mode & S_IFMT) {
	case S_IFREG:
		return v->st.st_size < 0 ? -EINVAL : 0;
	case S_IFLNK:
		return v->target ? 0 : -EFAULT;
	case S_IFDIR:
	case S_IFIFO:
	case S_IFSOCK:
		return 0;
	case S_IFCHR:
	case S_IFBLK:
		return exo_cred_all(fs) ? 0 : -EPERM;
	default:
		return -EINVAL;
	}
}

/* Owner and mode that the caller may give: whoever may not give a file away keeps it, and no set-id bit acts for the
 * wrong one. */
static void own(const struct exo_fs *fs, const struct exo_node *dir, struct exo_make *v)
{
	gid_t gid = dir->mode & S_ISGID ? dir->gid : exo_cred(fs)->gid;
	bool kept = true;

	if (!exo_cred_all(fs)) {
		kept = v->st.st_uid == exo_cred(fs)->uid && exo_cred_member(fs, v->st.st_gid);
		v->st.st_uid = exo_cred(fs)->uid;
		if (!exo_cred_member(fs, v->st.st_gid))
			v->st.st_gid = gid;
	}
	v->st.st_mode &= S_IFMT | (kept ? 07777 : 0777);
}

EXO_PUBLIC int exo_file_make(struct exo_file *dir, struct exo_make *v, uint32_t n)
{
	struct exo_fs *fs = dir->fs;
	uint32_t i;
	int err = 0;

	if (!S_ISDIR(dir->node->mode))
		return -ENOTDIR;
	for (i = 0; i < n && !err; i++)
		err = !v[i].name ? -EFAULT : v[i].flags & ~EXO_MAKE_BLOCKS ? -EINVAL : kind_ok(fs, &v[i]);
	if (err)
		return err;
	if (fs->flags & EXO_FS_RDONLY)
		return -EROFS;
	if (!fs->type->make)
		return -EOPNOTSUPP;
	if (!n)
		return 0;
	exo_fs_enter(fs);
	err = exo_node_may(fs, dir->node, W_OK | X_OK);
	for (i = 0; i < n && !err; i++)
		own(fs, dir->node, &v[i]);
	return exo_fs_leave(fs, err ? err : fs->type->make(fs, dir->node, v, n));
}
