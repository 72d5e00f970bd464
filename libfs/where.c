// SPDX-License-Identifier: GPL-2.0 OR MIT
/* where.c: the name of what is open, found by walking up; and what a tree does when its process forks. */
#include "call.h"

struct search {
	uint64_t ino;
	char name[NAME_MAX + 1];
	size_t len;
};

static int match(void *arg, const struct exo_dirent *d)
{
	struct search *s = arg;

	if (d->ino != s->ino || d->len > NAME_MAX)
		return 0;
	memcpy(s->name, d->name, d->len);
	s->len = d->len;
	return 1;
}

static ssize_t path_of(struct exo_fs *fs, struct exo_node *n, char *buf, size_t size)
{
	char path[PATH_MAX];
	size_t at = sizeof(path);
	struct search s;
	int err;

	for (; n->parent; n = n->parent) {
		s.ino = n->ino;
		err = fs->type->readdir(fs, n->parent, 0, match, &s);
		if (err <= 0)
			return err ? err : -ENOENT;
		if (at < s.len + 1)
			return -ENAMETOOLONG;
		at -= s.len;
		memcpy(path + at, s.name, s.len);
		path[--at] = '/';
	}
	if (at == sizeof(path))
		path[--at] = '/';
	if (sizeof(path) - at + 1 > size)
		return -ERANGE;
	memcpy(buf, path + at, sizeof(path) - at);
	buf[sizeof(path) - at] = 0;
	return sizeof(path) - at;
}

EXO_PUBLIC ssize_t exo_file_path(struct exo_file *f, char *buf, size_t size)
{
	struct exo_node *n = f->node;
	struct stat st;
	ssize_t got;

	exo_fs_enter(f->fs);
	got = f->fs->type->getattr(f->fs, n, &st);
	/* Only the top has no parent. */
	if (!got && (!st.st_nlink || (!n->parent && !S_ISDIR(n->mode))))
		got = -ENOENT;
	if (!got)
		got = path_of(f->fs, n, buf, size);
	return exo_fs_leave(f->fs, got);
}

EXO_PUBLIC const char *exo_fs_escaped(const struct exo_fs *fs, const char **from)
{
	if (from)
		*from = fs->escape ? fs->escape->from : NULL;
	return fs->escape ? fs->escape->rest : "";
}

static int forking(struct exo_fs *fs)
{
	return fs->flags & EXO_FS_RDONLY || !fs->type->forking ? 0 : fs->type->forking(fs);
}

EXO_PUBLIC int exo_fs_flush(struct exo_fs *fs)
{
	exo_fs_enter(fs);
	return exo_fs_leave(fs, forking(fs));
}

EXO_PUBLIC int exo_fs_forking(struct exo_fs *fs)
{
	exo_fs_enter(fs);
	exo_opens_forking(fs);
	return exo_fs_leave(fs, forking(fs));
}

EXO_PUBLIC void exo_fs_fork_end(struct exo_fs *fs, pid_t child)
{
	exo_fs_enter(fs);
	exo_opens_fork_end(fs, child);
	exo_fs_leave(fs, 0);
}

EXO_PUBLIC int exo_fs_exiting(struct exo_fs *fs)
{
	int err;

	exo_fs_enter(fs);
	err = forking(fs);
	exo_opens_exiting(fs);
	return exo_fs_leave(fs, err);
}

EXO_PUBLIC int exo_fs_marks(struct exo_fs *fs)
{
	exo_fs_enter(fs);
	return exo_fs_leave(fs, exo_opens_join(fs));
}

EXO_PUBLIC void exo_fs_execed(struct exo_fs *fs)
{
	exo_fs_enter(fs);
	exo_opens_execed(fs);
	exo_fs_leave(fs, 0);
}

EXO_PUBLIC int exo_fs_forked(struct exo_fs *fs, struct exo *x)
{
	struct exo_root_get root = {.disk = fs->disk, .root = fs->root};
	int err;

	if (!fs->type->forked)
		return -EOPNOTSUPP;
	/* Nobody holds it in this process, whatever it looks like. */
	exo_fs_lock_init(&fs->lock);
	err = exo_root_get(x, fs->disk, fs->root, &root, NULL);
	if (err)
		return err;
	fs->maps = NULL;
	exo_fs_enter(fs);
	exo_opens_forked(fs);
	return exo_fs_leave(fs, fs->type->forked(fs, x, &root));
}
