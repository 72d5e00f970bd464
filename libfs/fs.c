// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * fs.c: trees as a whole, and what every public call does first and last. The calls on names are in names.c, those on
 * open files in files.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "call.h"

extern const struct exo_fs_type cffs_type, logfs_type;

const struct exo_fs_type *const exo_fs_types[] = {&cffs_type, &logfs_type, NULL};

_Thread_local struct exo_fs_thread *exo_fs_thread_mine;

struct exo_fs_thread *exo_fs_thread_first(void)
{
	static _Thread_local struct exo_fs_thread mine;

	exo_fs_thread_mine = &mine;
	return &mine;
}

struct exo_why *exo_fs_why_here(void)
{
	exo_fs_thread()->said = true;
	return &exo_fs_thread()->why;
}

EXO_PUBLIC const struct exo_why *exo_fs_why(void)
{
	return &exo_fs_thread()->why;
}

static const struct exo_fs_type *find_type(const char *name)
{
	int i;

	for (i = 0; exo_fs_types[i]; i++)
		if (!strcmp(exo_fs_types[i]->name, name))
			return exo_fs_types[i];
	return NULL;
}

static const struct exo_fs_type *type_of(const char *template)
{
	int i;

	for (i = 0; exo_fs_types[i]; i++)
		if (exo_fs_types[i]->also && !strcmp(exo_fs_types[i]->also, template))
			return exo_fs_types[i];
	return find_type(template);
}

EXO_PUBLIC int exo_fs_mkfs(struct exo *x, uint32_t disk, const struct exo_mkfs *opt, struct exo_why *why)
{
	const struct exo_fs_type *type = opt && opt->type ? find_type(opt->type) : NULL;
	struct exo_why local;

	if (!type || !opt->name)
		return -EINVAL;
	if (!why)
		why = &local;
	memset(why, 0, sizeof(*why));
	return type->mkfs(x, disk, opt, why);
}

EXO_PUBLIC int exo_fs_open(struct exo_fs **out, struct exo *x, uint32_t disk, const char *name, unsigned flags,
			   struct exo_why *why)
{
	struct exo_template_get t = {.disk = disk};
	const struct exo_fs_type *type;
	struct exo_root_get root;
	struct exo_why local;
	int err;

	if (!why)
		why = &local;
	memset(why, 0, sizeof(*why));
	*out = NULL;
	if (!name || flags & ~(EXO_FS_RDONLY | EXO_FS_JOIN | EXO_FS_HOST))
		return -EINVAL;
	err = exo_root_find(x, disk, name, &root, why);
	if (err)
		return err;
	if (root.out_quarantine) {
		exo_why_fill(why, EXO_NR_ROOT_GET, -EUCLEAN, EXO_R_QUARANTINED, root.root);
		return -EUCLEAN;
	}
	if (!root.out_template)
		return -EMEDIUMTYPE;
	t.template_id = root.out_template;
	err = exo_template_get(x, &t, why);
	if (err)
		return err;
	t.out_name[sizeof(t.out_name) - 1] = 0;
	type = type_of(t.out_name);
	if (!type)
		return -EMEDIUMTYPE;
	exo_fs_forget();
	err = type->open(out, x, disk, &root, flags, why);
	if (err)
		return err;
	(*out)->type = type;
	exo_cred_fill(&(*out)->cred);
	exo_fs_lock_init(&(*out)->lock);
	if (flags & EXO_FS_HOST) {
		(*out)->escape = calloc(1, sizeof(*(*out)->escape));
		if (!(*out)->escape)
			err = -ENOMEM;
	}
	if (err) {
		type->close(*out);
		*out = NULL;
	}
	return err;
}

EXO_PUBLIC void exo_fs_close(struct exo_fs *fs)
{
	if (!fs)
		return;
	exo_files_free(fs);
	free(fs->escape);
	fs->type->close(fs);
}

EXO_PUBLIC int exo_fs_sync(struct exo_fs *fs)
{
	exo_fs_enter(fs);
	return exo_fs_leave(fs, fs->type->sync(fs));
}

EXO_PUBLIC int exo_fs_statvfs(struct exo_fs *fs, struct statvfs *st)
{
	exo_fs_enter(fs);
	return exo_fs_leave(fs, fs->type->statvfs(fs, st));
}

EXO_PUBLIC const char *exo_fs_type(const struct exo_fs *fs)
{
	return fs->type->name;
}

/* ---- consistency ---- */

EXO_PUBLIC int exo_fs_check(struct exo_fs *fs, unsigned flags, exo_fs_problem_fn fn, void *arg,
			    struct exo_fs_count *count)
{
	struct exo_fs_count local;

	if (flags & ~EXO_FS_REPAIR)
		return -EINVAL;
	if (flags & EXO_FS_REPAIR && fs->flags & EXO_FS_RDONLY)
		return -EROFS;
	if (!count)
		count = &local;
	memset(count, 0, sizeof(*count));
	exo_fs_enter(fs);
	return exo_fs_leave(fs, fs->type->check(fs, flags, fn, arg, count));
}

EXO_PUBLIC int exo_fs_dump(struct exo_fs *fs, const char *path, exo_fs_line_fn fn, void *arg)
{
	struct exo_node *n;
	int err;

	exo_fs_enter(fs);
	err = exo_walk(fs, NULL, path ? path : "/", EXO_WALK_NOFOLLOW, &n);
	if (!err) {
		err = fs->type->dump(fs, n, fn, arg);
		fs->type->put(fs, n);
	}
	return exo_fs_leave(fs, err);
}

EXO_PUBLIC int exo_fs_defrag(struct exo_fs *fs, const char *path, exo_fs_progress_fn fn, void *arg)
{
	struct exo_node *n;
	int err;

	if (!fs->type->defrag)
		return -EOPNOTSUPP;
	if (fs->flags & EXO_FS_RDONLY)
		return -EROFS;
	exo_fs_enter(fs);
	err = exo_walk(fs, NULL, path ? path : "/", EXO_WALK_NOFOLLOW, &n);
	if (!err) {
		err = fs->type->defrag(fs, n, fn, arg);
		fs->type->put(fs, n);
	}
	return exo_fs_leave(fs, err);
}
