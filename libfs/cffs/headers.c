// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * headers.c: in shared trees the partitions of a map, and those with a directory's entries, carry mode, owner and group
 * of their inode, because the module asks each by itself. When the inode changes they follow, from the inode down, so
 * that who lost a right cannot change what is still to come. Until the last one has followed, each partition grants
 * what the inode granted before or what it grants now. What is left half done by a power cut or a kill is found, and
 * with repair mended, by the check; and by the next change.
 */
#include "cffs.h"

bool header_same(const u8 *part, const struct inode *di)
{
	return get64(part + CFFS_H_OWNER) == di->ino && get32(part + CFFS_H_MODE) == di->mode &&
	       get32(part + CFFS_H_UID) == di->uid && get32(part + CFFS_H_GID) == di->gid;
}

struct headers {
	struct cffs *fs;
	struct node *node;
	bool fix;
	u32 wrong;
};

static bool wrong(const struct headers *h, const u8 *part, u32 kind)
{
	int is = part_kind(part);

	return !is || (is == (int)kind && !header_same(part, &h->node->di));
}

static int fix(struct headers *h, const struct ref *r, u32 kind)
{
	struct cffs *fs = h->fs;
	u32 p, level = 0;
	int err = txn_begin(fs);

	for (p = 0; !err && p < CFFS_PARTS; p++)
		if (part_kind(txn_see(fs, r, p)) == CFFS_KIND_MAP)
			level = txn_see(fs, r, p)[CFFS_H_LEVEL];
	for (p = 0; !err && p < CFFS_PARTS; p++) {
		u8 *part;

		if (!wrong(h, txn_see(fs, r, p), kind))
			continue;
		part = txn_part(fs, r, p);
		if (!part)
			err = -EAGAIN;
		else if (get32(part + CFFS_H_MAGIC))
			part_owner(part, &h->node->di);
		else if (kind == CFFS_KIND_MAP)
			map_header(part, h->node, level);
		else
			part_init(part, &h->node->di, UINT32_MAX);
	}
	if (!err)
		err = txn_commit(fs);
	else if (fs->txn.open)
		txn_abort(fs);
	return err;
}

/*
 * A leaf whose header says that it is another's: somebody made it who was let add names. It owns nothing, so the
 * directory's owner, who may drop it, puts its names into a new one.
 */
static int anew(struct headers *h, const struct ref *r)
{
	char name[CFFS_NAME_MAX];
	u32 p, s, len = 0;

	for (p = 0; p < CFFS_PARTS && !len; p++) {
		u8 part[CFFS_PART];
		struct inode di;
		const char *is;

		memcpy(part, txn_see(h->fs, r, p), CFFS_PART);
		for (s = 0; s < CFFS_SLOTS && !len; s++)
			if (part_kind(part) == CFFS_KIND_DIR && part_used(part, s) && !entry_get(part, s, &di, &is)) {
				len = di.name_len;
				memcpy(name, is, len);
			}
	}
	return len ? dir_split(h->fs, h->node, name, len, 0) : -EACCES;
}

/* One block, if it is as it was read. */
static int block(struct headers *h, const struct ref *r, u32 kind)
{
	u32 p, n = 0;
	int err;

	for (p = 0; p < CFFS_PARTS; p++)
		n += wrong(h, txn_see(h->fs, r, p), kind);
	if (!meta_same(h->fs, r))
		return -EAGAIN;
	h->wrong += n;
	if (!n || !h->fix)
		return 0;
	err = fix(h, r, kind);
	if ((err == -EACCES || err == -EPERM) && kind == CFFS_KIND_DIR && shared_mine(h->fs, h->node) &&
	    !(h->node->di.flags & CFFS_F_FLAT)) {
		err = anew(h, r);
		return err ? err : -EAGAIN;
	}
	return err;
}

/* The blocks on the way to what is mapped at `key`; *next: the key behind. */
static int way(struct headers *h, u64 key, u64 *next)
{
	struct cffs *fs = h->fs;
	struct ref home, leaf;
	struct mpath p;
	int err = node_pin(fs, h->node, &home), i;

	if (err)
		return err;
	err = map_find(fs, h->node, &home, key, &p);
	if (err)
		goto out;
	*next = p.next;
	for (i = 1; !err && i < p.n; i++)
		err = block(h, &p.at[i].c.parent, CFFS_KIND_MAP);
	if (!err && p.n && S_ISDIR(h->node->di.mode)) {
		err = meta_get(fs, &p.at[p.n - 1].c, &leaf);
		if (!err) {
			err = block(h, &leaf, CFFS_KIND_DIR);
			meta_put(fs, &leaf);
		}
	}
	map_done(fs, &p);
out:
	meta_put(fs, &home);
	return err;
}

static int flat_block(void *arg, struct ref *r, bool map)
{
	struct headers *h = arg;
	int err = block(h, r, map ? CFFS_KIND_MAP : CFFS_KIND_DIR);

	/* A leaf that another made up gets no names, and what is in it counts last. */
	return !map && (err == -EACCES || err == -EPERM) ? 0 : err;
}

/* fix: make them follow; else count those that do not. */
int headers_check(struct cffs *fs, struct node *node, bool fix, u32 *wrong)
{
	struct headers h = {fs, node, fix, 0};
	u64 key = 0, next = 0;
	int err = 0;

	if (!fs->shared)
		return 0;
	if (node->di.flags & CFFS_F_FLAT)
		CFFS_RETRY(err, fs, (h.wrong = 0, flat_blocks(fs, node, flat_block, &h)));
	while (!err && !(node->di.flags & CFFS_F_FLAT) && key >> 32 == 0) {
		u32 before = h.wrong;

		CFFS_RETRY(err, fs, (h.wrong = before, way(&h, key, &next)));
		key = next;
	}
	if (wrong)
		*wrong = h.wrong;
	return err;
}

/*
 * May content go where this claim is? A map partition whose header differs from the inode may be somebody's who was let
 * write once. Its owner mends it; for all others it is closed.
 */
int headers_trust(struct cffs *fs, struct node *node, const struct claim *c)
{
	const u8 *part;
	int err;

	if (!fs->shared || c->parent.frame == EXO_NOFRAME || c->parent.block == node->loc.block)
		return 0;
	part = txn_see(fs, &c->parent, c->part);
	if (header_same(part, &node->di))
		return 0;
	if (!meta_same(fs, &c->parent))
		return -EAGAIN;
	if (!shared_mine(fs, node))
		return -EACCES;
	err = headers_check(fs, node, true, NULL);
	return err == -EPERM ? -EACCES : err ? err : -EAGAIN;
}
