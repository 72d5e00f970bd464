// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * dump.c: the metadata below a node as text, a line at a time, indented by depth.
 */
#include <stdarg.h>
#include <stdio.h>
#include "cffs.h"

#define DEPTH_MAX 256

struct dump {
	struct cffs *fs;
	exo_fs_line_fn fn;
	void *arg;
};

static int say(struct dump *d, u32 depth, const char *format, ...) __attribute__((format(printf, 3, 4)));

static int say(struct dump *d, u32 depth, const char *format, ...)
{
	char line[PATH_MAX + 256];
	u32 indent = 2 * (depth < 40 ? depth : 40);
	va_list args;

	memset(line, ' ', indent);
	va_start(args, format);
	vsnprintf(line + indent, sizeof(line) - indent, format, args);
	va_end(args);
	return d->fn(d->arg, line);
}

static char kind_of(u32 mode)
{
	return S_ISDIR(mode) ? 'd' : S_ISLNK(mode) ? 'l' : '-';
}

static int dump_inode(struct dump *d, u32 depth, struct node *n)
{
	const struct inode *di = &n->di;

	return say(d, depth,
		   "%c%04o ino %llu at %llu.%u.%u uid %u gid %u size %llu blocks %u level %u mtime %lld.%09lld '%s'",
		   kind_of(di->mode), di->mode & 07777, (unsigned long long)di->ino, (unsigned long long)n->loc.block,
		   n->loc.part, n->loc.slot, di->uid, di->gid, (unsigned long long)di->size, di->blocks, di->level,
		   (long long)(di->time[T_MTIME] / 1000000000), (long long)(di->time[T_MTIME] % 1000000000),
		   n->name ? n->name : "");
}

static int dump_map(struct dump *d, u32 depth, struct node *n)
{
	u64 key = 0, map = 0;
	struct ref home;
	struct mpath p;
	int err = 0;

	while (!err && key >> 32 == 0) {
		struct extent e;

		err = node_pin(d->fs, n, &home);
		if (err)
			return err;
		CFFS_RETRY(err, d->fs, map_find(d->fs, n, &home, key, &p));
		if (err || !p.n) {
			meta_put(d->fs, &home);
			return err;
		}
		e = p.at[p.n - 1].c.ext;
		if (p.n > 1 && p.at[p.n - 1].c.parent.block != map) {
			map = p.at[p.n - 1].c.parent.block;
			err = say(d, depth, "map block %llu", (unsigned long long)map);
		}
		key = p.next;
		map_done(d->fs, &p);
		meta_put(d->fs, &home);
		if (!err)
			err = say(d, depth, "%s %u: %llu+%u", S_ISDIR(n->di.mode) ? "leaf from hash" : "block", e.key,
				  (unsigned long long)e.start, e.count);
	}
	return err;
}

static int dump_node(struct dump *d, u32 depth, struct node *n);

struct list {
	struct dump *d;
	struct node *dir;
	u32 depth;
};

static int dump_entry(void *arg, const struct exo_dirent *e)
{
	struct list *l = arg;
	struct exo_node *n;
	int err = cffs_lookup(&l->d->fs->fs, &l->dir->n, (struct exo_name){e->name, e->len}, &n);

	if (err)
		return say(l->d, l->depth, "'%s' ino %llu: %s", e->name, (unsigned long long)e->ino, strerror(-err));
	err = dump_node(l->d, l->depth, node_of(n));
	node_put(l->d->fs, node_of(n));
	return err;
}

static int dump_node(struct dump *d, u32 depth, struct node *n)
{
	struct list l = {d, n, depth + 1};
	char target[PATH_MAX];
	ssize_t len;
	int err = dump_inode(d, depth, n);

	if (err)
		return err;
	if (S_ISLNK(n->di.mode)) {
		len = cffs_readlink(&d->fs->fs, &n->n, target, sizeof(target) - 1);
		if (len >= 0) {
			target[len] = 0;
			err = say(d, depth + 1, "-> '%s'", target);
		}
		if (err)
			return err;
	}
	/* The leaves of a sticky directory of a shared tree stand in no order. */
	err = n->di.flags & CFFS_F_FLAT ? 0 : dump_map(d, depth + 1, n);
	if (err < 0)
		return say(d, depth + 1, "map cannot be read: %s", strerror(-err));
	if (err || !S_ISDIR(n->di.mode))
		return err;
	if (depth == DEPTH_MAX)
		return say(d, depth + 1, "deeper directories are not shown");
	err = cffs_readdir(&d->fs->fs, &n->n, 0, dump_entry, &l);
	return err < 0 ? say(d, depth + 1, "entries cannot be read: %s", strerror(-err)) : err;
}

int cffs_dump(struct exo_fs *xfs, struct exo_node *node, exo_fs_line_fn fn, void *arg)
{
	struct dump d = {cffs_of(xfs), fn, arg};
	struct cffs *fs = d.fs;
	int err = 0;

	if (node_of(node) == fs->top)
		err = say(&d, 0, "cffs%s root block %llu template %u seed %016llx%016llx", fs->shared ? " shared" : "",
			  (unsigned long long)fs->root_block, fs->template_id, (unsigned long long)fs->seed[0],
			  (unsigned long long)fs->seed[1]);
	return err ? err : dump_node(&d, 0, node_of(node));
}
