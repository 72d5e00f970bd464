// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * check.c: what the module cannot know: that names lead to inodes, that links, entries and blocks are counted right,
 * that every inode can be reached, that keys are in order. A transaction is whole or not there at all, so a power cut
 * leaves nothing to mend; a library that wrote nonsense does.
 */
#include <stdarg.h>
#include <stdio.h>
#include "logfs.h"

/* What is known of an inode; sorted by number because the tree is. */
struct seen {
	u64 ino, entries, blocks, end, parent, names_parent;
	struct linode di;
	u32 names, subdirs;
	bool inode, orphan, reached;
};

struct check {
	struct logfs *fs;
	bool repair;
	exo_fs_problem_fn fn;
	void *arg;
	struct exo_fs_count *count;
	struct seen *seen;
	u64 n, room;
	u64 last_ino, last_sub; /* the record before, over leaves */
	bool any;
	int stop;
};

static void tell(struct check *c, u64 ino, u64 block, bool mended, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

static void tell(struct check *c, u64 ino, u64 block, bool mended, const char *format, ...)
{
	struct exo_fs_problem p = {.ino = ino, .block = block, .repaired = mended};
	va_list ap;

	va_start(ap, format);
	vsnprintf(p.text, sizeof(p.text), format, ap);
	va_end(ap);
	c->count->problems++;
	c->count->repaired += mended;
	if (c->fn && !c->stop)
		c->stop = c->fn(c->arg, &p);
}

static struct seen *find(struct check *c, u64 ino)
{
	u64 lo = 0, hi = c->n;

	while (lo < hi) {
		u64 mid = (lo + hi) / 2;

		if (c->seen[mid].ino < ino)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < c->n && c->seen[lo].ino == ino ? &c->seen[lo] : NULL;
}

static int in_order(struct check *c, const struct lnode *n)
{
	u32 i;

	if (n->level) {
		c->count->meta_blocks++;
		return 0;
	}
	c->count->meta_blocks++;
	for (i = 0; i < n->n; i++) {
		if (c->any &&
		    (n->rec[i].ino < c->last_ino || (n->rec[i].ino == c->last_ino && n->rec[i].sub <= c->last_sub)))
			tell(c, n->rec[i].ino, n->block, false, "a record of inode %llu is out of order",
			     (unsigned long long)n->rec[i].ino);
		c->any = true;
		c->last_ino = n->rec[i].ino;
		c->last_sub = n->rec[i].sub;
	}
	return c->stop;
}

/* First pass over the items: inodes. */
static int see_inodes(void *arg, const struct lnode *n)
{
	struct check *c = arg;
	struct seen *more;
	u32 i;
	int err = in_order(c, n);

	for (i = 0; !err && !n->level && i < n->n; i++) {
		if (n->rec[i].sub != LOGFS_SUB(LOGFS_T_INODE, 0))
			continue;
		if (c->n == c->room) {
			more = realloc(c->seen, (2 * c->room + 1024) * sizeof(*more));
			if (!more)
				return -ENOMEM;
			c->seen = more;
			c->room = 2 * c->room + 1024;
		}
		c->seen[c->n++] = (struct seen){.ino = n->rec[i].ino, .inode = true};
	}
	return err;
}

/* Second: what refers to them. */
static int see_items(void *arg, const struct lnode *n)
{
	struct check *c = arg;
	u32 i;

	for (i = 0; !n->level && i < n->n; i++) {
		const struct rec *r = &n->rec[i];
		struct seen *s = find(c, r->ino), *child;

		switch (LOGFS_SUB_TYPE(r->sub)) {
		case LOGFS_T_INODE:
			break;
		case LOGFS_T_ORPHAN:
			child = find(c, r->sub & ~(0xffull << 56));
			if (r->ino != LOGFS_ORPHANS_INO)
				tell(c, r->ino, n->block, false, "a note of an inode without a name is astray");
			else if (child)
				child->orphan = true;
			break;
		case LOGFS_T_NAME:
			if (r->len <= LOGFS_D_NAME ||
			    !log_name_ok((const char *)r->data + LOGFS_D_NAME, r->len - LOGFS_D_NAME) ||
			    log_name_hash(c->fs, (const char *)r->data + LOGFS_D_NAME, r->len - LOGFS_D_NAME) !=
				    (u32)(r->sub >> 8)) {
				tell(c, r->ino, n->block, false, "a name in directory %llu is damaged",
				     (unsigned long long)r->ino);
				break;
			}
			child = find(c, get64(r->data + LOGFS_D_INO));
			if (!s || !child) {
				tell(c, r->ino, n->block, false, "name \"%.*s\" in directory %llu leads nowhere",
				     (int)(r->len - LOGFS_D_NAME), (const char *)r->data + LOGFS_D_NAME,
				     (unsigned long long)r->ino);
				break;
			}
			s->entries++;
			child->names++;
			child->names_parent = r->ino;
			if (S_ISDIR(get32(r->data + LOGFS_D_MODE)))
				s->subdirs++;
			break;
		default:
			if (!s)
				tell(c, r->ino, n->block, false, "an item of type %u belongs to no inode",
				     LOGFS_SUB_TYPE(r->sub));
		}
	}
	return c->stop;
}

static int see_extents(void *arg, const struct lnode *n)
{
	struct check *c = arg;
	u32 i;
	int err = in_order(c, n);

	for (i = 0; !err && !n->level && i < n->n; i++) {
		const struct rec *r = &n->rec[i];
		struct seen *s = find(c, r->ino);

		if (!s) {
			tell(c, r->ino, n->block, false, "an extent of %u blocks belongs to no inode", r->len);
			continue;
		}
		if (r->sub < s->end)
			tell(c, r->ino, n->block, false, "two extents of inode %llu overlap",
			     (unsigned long long)r->ino);
		s->end = r->sub + r->len;
		s->blocks += r->len;
		c->count->data_blocks += r->len;
	}
	return err ? err : c->stop;
}

static int mend(struct check *c, const struct seen *s)
{
	struct linode di;
	int err = log_txn_begin(c->fs);

	if (err)
		return err;
	err = inode_read(c->fs, s->ino, &di);
	if (!err) {
		di.nlink = S_ISDIR(di.mode) ? 2 + s->subdirs : s->names;
		di.blocks = s->blocks;
		if (S_ISDIR(di.mode))
			di.size = s->entries;
		if (S_ISDIR(di.mode) && s->names)
			di.parent = s->names_parent;
		err = inode_write(c->fs, s->ino, &di);
	}
	if (!err && !S_ISDIR(di.mode) && !s->names && !s->orphan)
		err = orphan_add(c->fs, s->ino);
	if (err) {
		log_txn_abort(c->fs);
		return err;
	}
	return log_txn_commit(c->fs);
}

static int judge(struct check *c, struct seen *s)
{
	u32 links;
	bool wrong, top = s->ino == LOGFS_TOP_INO;
	int err = inode_read(c->fs, s->ino, &s->di);

	if (err == -EUCLEAN) {
		tell(c, s->ino, 0, false, "inode %llu is damaged", (unsigned long long)s->ino);
		return 0;
	}
	if (err)
		return err;
	if (S_ISDIR(s->di.mode))
		c->count->dirs++;
	else if (S_ISREG(s->di.mode))
		c->count->files++;
	else if (S_ISLNK(s->di.mode))
		c->count->symlinks++;
	else
		c->count->others++;
	if (S_ISREG(s->di.mode))
		c->count->bytes += s->di.size;
	if (s->orphan && !s->names)
		return 0;
	links = S_ISDIR(s->di.mode) ? 2 + s->subdirs : s->names;
	wrong = s->di.nlink != links || s->di.blocks != s->blocks ||
		(S_ISDIR(s->di.mode) && (s->di.size != s->entries || (!top && s->di.parent != s->names_parent)));
	if (!top && !s->names) {
		if (c->repair)
			LOGFS_RETRY(err, mend(c, s));
		tell(c, s->ino, 0, c->repair && !err && !S_ISDIR(s->di.mode), "inode %llu has no name",
		     (unsigned long long)s->ino);
		return err;
	}
	if (S_ISDIR(s->di.mode) && s->names > 1)
		tell(c, s->ino, 0, false, "directory %llu has %u names", (unsigned long long)s->ino, s->names);
	if (!wrong)
		return 0;
	if (c->repair)
		LOGFS_RETRY(err, mend(c, s));
	tell(c, s->ino, 0, c->repair && !err,
	     "inode %llu: links %u, entries %llu, blocks %llu are noted, but %u, %llu and %llu are there",
	     (unsigned long long)s->ino, s->di.nlink, S_ISDIR(s->di.mode) ? (unsigned long long)s->di.size : 0ull,
	     (unsigned long long)s->di.blocks, links, (unsigned long long)s->entries, (unsigned long long)s->blocks);
	return err;
}

int logfs_check(struct exo_fs *xfs, unsigned flags, exo_fs_problem_fn fn, void *arg, struct exo_fs_count *count)
{
	struct logfs *fs = logfs_of(xfs);
	struct check c = {.fs = fs, .repair = flags & EXO_FS_REPAIR, .fn = fn, .arg = arg, .count = count};
	u64 i;
	int err;

	cache_trim(fs);
	err = xfs->flags & EXO_FS_RDONLY ? 0 : files_flush(fs);
	if (!err)
		err = tree_scan(fs, LOGFS_TREE_ITEMS, see_inodes, &c);
	if (!err)
		err = tree_scan(fs, LOGFS_TREE_ITEMS, see_items, &c);
	c.any = false;
	if (!err)
		err = tree_scan(fs, LOGFS_TREE_EXTS, see_extents, &c);
	for (i = 0; !err && i < c.n && !c.stop; i++) {
		cache_trim(fs);
		err = judge(&c, &c.seen[i]);
	}
	if (!err && !c.stop && !find(&c, LOGFS_TOP_INO))
		tell(&c, LOGFS_TOP_INO, 0, false, "the top directory is missing");
	free(c.seen);
	if (c.stop)
		return c.stop;
	/* A tree whose nodes cannot be read in order is damaged as a whole. */
	if (err == -EUCLEAN) {
		tell(&c, 0, 0, false, "a node of the tree is damaged");
		err = c.stop;
	}
	if (err)
		return err == -EAGAIN ? -EBUSY : err;
	return count->problems > INT32_MAX ? INT32_MAX : (int)count->problems;
}
