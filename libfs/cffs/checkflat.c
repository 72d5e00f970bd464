// SPDX-License-Identifier: GPL-2.0 OR MIT
/* checkflat.c: the check of what only shared trees have: flat directories, and headers that follow their inode. */
#include "check.h"

struct flat_sum {
	struct walk *w;
	u64 ino, *owned, *content;
};

static int flat_block(void *arg, struct ref *r, bool map)
{
	struct flat_sum *s = arg;

	check_own(s->w, s->ino, &(struct extent){r->block, 1, 0}, true);
	++*s->owned;
	*s->content += !map;
	return 0;
}

int check_flat(struct walk *w, struct node *n, u64 *owned, u64 *content)
{
	struct flat_sum s = {w, n->n.ino, owned, content};

	return flat_blocks(w->fs, n, flat_block, &s);
}

/* Shared trees: what the partitions of its map and of its entries say of it. */
void check_headers(struct walk *w, struct node *n)
{
	u32 wrong = 0;
	bool fixed = false;
	int err = headers_check(w->fs, n, false, &wrong);

	if (err || !wrong)
		return;
	if (check_repairs(w) && shared_mine(w->fs, n))
		fixed = !headers_check(w->fs, n, true, NULL);
	check_problem(w, n->n.ino, n->loc.block, fixed,
		      "inode %llu: %u partitions of its map or entries say other permissions",
		      (unsigned long long)n->n.ino, wrong);
}

struct flat_dir {
	struct walk *w;
	struct node *dir;
	u32 links;
};

static int flat_entries(void *arg, const u8 *leaf, u64 block, u32 nth)
{
	struct flat_dir *d = arg;
	u32 p, s;
	int err = 0;

	for (p = 0; !err && p < CFFS_PARTS; p++) {
		for (s = 0; !err && s < CFFS_SLOTS && !d->w->stop; s++) {
			const u8 *part = leaf + p * CFFS_PART;
			struct loc loc = {block, p, s};
			struct inode di;
			const char *name;

			if (part_kind(part) != CFFS_KIND_DIR || !part_used(part, s) || entry_get(part, s, &di, &name))
				continue;
			err = check_entry(d->w, d->dir, &loc, &di, name, 0, 1ull << 32);
			d->links += S_ISDIR(di.mode);
		}
	}
	return err;
}

int check_flat_dir(struct walk *w, struct node *dir)
{
	struct flat_dir d = {w, dir, 2};
	int err = flat_each(w->fs, dir, flat_entries, &d);

	/* Not a second time: its entries were looked at. */
	if (!err && !w->stop)
		check_links(w, dir, d.links);
	return err == -EAGAIN ? 0 : err;
}
