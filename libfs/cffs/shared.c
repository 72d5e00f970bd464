// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * shared.c: trees that users share who do not trust each other (FORMAT.md, "Shared trees"). The module's acl decides by
 * single partitions, so every inode stands alone in one, in the table, and an entry only refers to it. An inode says by
 * number of directory which names it has: an entry that somebody else made up is none.
 *
 * Only the owner of an inode may change its names. So who removes another's file, where the directory allows that,
 * takes the entry away; the inode stays in the table until its owner's, or root's, check finds that it has no name.
 */
#include <unistd.h>
#include "cffs.h"

int shared_identity(struct cffs *fs)
{
	struct exo_cap caps[EXO_MAX_CAPS];
	int user = exo_cap_user(fs->fs.x);

	memset(caps, 0, sizeof(caps));
	if (user < 0 || exo_cap_list(fs->fs.x, caps) < 0)
		return -EACCES;
	fs->uid = caps[user].name[1];
	/* What the module is told is the slot that the tree acts with. */
	fs->admin = !caps[fs->cap].depth && caps[fs->cap].rights == EXO_RIGHT_ALL;
	return 0;
}

bool shared_mine(const struct cffs *fs, const struct node *n)
{
	return !fs->shared || fs->admin || n->di.uid == fs->uid;
}

/* May its size and times be changed? As the module will see it. */
bool shared_writable(const struct cffs *fs, const struct node *n)
{
	return shared_mine(fs, n) || (!S_ISLNK(n->di.mode) && !exo_node_may(&fs->fs, &n->n, W_OK));
}

/* A number for the inode at a place: no other place can have it, and this one had it never before. */
u64 shared_ino(struct cffs *fs, u32 place)
{
	u64 now = (u64)(stamp_now() - CFFS_INO_EPOCH) >> CFFS_INO_UNIT;

	fs->seq = now > fs->seq ? now : fs->seq + 1;
	return fs->seq << CFFS_PLACE_BITS | place;
}

bool shared_place_ok(u64 ino, u32 place)
{
	return (ino & ((1u << CFFS_PLACE_BITS) - 1)) == place;
}

void ref_init(struct cffs *fs, struct inode *di, mode_t mode, u64 ino, u32 link, u32 place)
{
	memset(di, 0, sizeof(*di));
	di->mode = mode & S_IFMT;
	di->ino = ino;
	di->flags = CFFS_F_REF;
	di->size = (u64)link << 32 | place;
	ref_stamp(fs, di);
}

/*
 * Whose name it is: what a sticky directory goes by. And since when: that, and what tells the check which of two entries is
 * left from before a rename.
 */
void ref_stamp(struct cffs *fs, struct inode *di)
{
	di->uid = fs->admin ? exo_cred(&fs->fs)->uid : fs->uid;
	di->time[T_BTIME] = stamp_now();
}

/* ---- making ---- */

/* In a transaction: the inode into the partition, with its content as far as it has one yet. */
static int fill(struct cffs *fs, struct node *like, const struct exo_create *what, struct inode *di, u8 *part)
{
	const char *target = S_ISLNK(what->mode) ? what->target : NULL;
	size_t len = target ? strlen(target) : 0;
	int err = 0;

	if (S_ISCHR(what->mode) || S_ISBLK(what->mode))
		di->ext[0].start = what->rdev;
	if (target) {
		di->size = len;
		if (len <= CFFS_INLINE_MAX) {
			di->flags = CFFS_F_INLINE;
			di->extra = len;
		} else {
			err = txn_alloc(fs, fs->policy->leaf(fs, like), 1, true, false, &di->ext[0]);
			di->ext[0].key = 0;
			di->blocks = 1;
		}
	}
	xinode_init(part, di, target, true);
	if (!err && S_ISDIR(di->mode) && di->mode & S_ISVTX)
		err = flat_begin(fs, part, di);
	return err;
}

/* dir NULL: without a name. */
static int make_once(struct cffs *fs, struct node *dir, struct exo_name name, const struct exo_create *what,
		     struct node *like, struct node **out)
{
	struct xspot s = {.r = NO_REF};
	struct inode di, ref;
	struct found f;
	struct node *old = NULL;
	struct loc loc, at;
	struct ref r;
	bool fresh = true;
	u32 k = 0;
	u8 *part;
	int err;

	err = dir ? entry_live(fs, dir, name.at, name.len, &f, &old) : -ENOENT;
	if (err != -ENOENT) {
		found_done(fs, &f);
		if (old)
			node_put(fs, old);
		return err ? err : -EEXIST;
	}
	err = table_spot(fs, &s);
	if (err)
		goto out;
	new_inode(fs, like, what->mode, shared_ino(fs, s.place), &di);
	if (!S_ISDIR(di.mode) && !fs->admin && !exo_cred_member(&fs->fs, di.gid))
		di.mode &= ~S_ISGID;
	di.nlink = dir ? di.nlink : 0;
	err = txn_begin(fs);
	if (err)
		goto out;
	part = table_take(fs, &s);
	err = part ? fill(fs, like, what, &di, part) : -EAGAIN;
	if (!err && dir) {
		err = xlink_add(part, dir->n.ino, &k);
		ref_init(fs, &ref, di.mode, di.ino, k, s.place);
		fresh = !f.path.n;
		if (!err)
			err = dir_add(fs, dir, &f, &ref, name.at, name.len, NULL, &loc);
		if (!err && S_ISDIR(di.mode))
			err = dir_links(fs, dir, &f.home, 1);
	}
	if (err) {
		txn_abort(fs);
		goto out;
	}
	inode_get(part, 0, &di);
	err = txn_commit(fs);
	if (err == -EAGAIN)
		table_crowded(fs);
	if (err)
		goto out;
	r = s.r;
	r.version = txn_version(fs, r.block);
	at = (struct loc){r.block, s.part, 0};
	if (!dir) {
		char spare[18];
		u32 len = orphan_name(fs, di.ino, spare);

		*out = node_get_ext(fs, fs->orphans, spare, len, &at, &r, &di, s.place, 0, NULL);
	} else {
		if (!fresh)
			f.leaf.version = txn_version(fs, f.leaf.block);
		if (fresh || S_ISDIR(di.mode))
			dir->frame = EXO_NOFRAME;
		node_touched(fs, dir);
		*out = node_get_ext(fs, dir, name.at, name.len, &at, &r, &di, s.place, k, fresh ? NULL : &f.leaf);
	}
	if (!*out)
		err = -ENOMEM;
out:
	meta_put(fs, &s.r);
	if (dir)
		found_done(fs, &f);
	if (err == -EXFULL && dir) {
		err = dir_split(fs, dir, name.at, name.len, 0);
		return err ? err : -EAGAIN;
	}
	return err;
}

int shared_create(struct cffs *fs, struct node *dir, struct exo_name name, const struct exo_create *what,
		  struct node **out)
{
	int err;

	CFFS_RETRY(err, fs, make_once(fs, dir, name, what, dir, out));
	return err;
}

int shared_tmpfile(struct cffs *fs, struct node *dir, const struct exo_create *what, struct node **out)
{
	int err;

	CFFS_RETRY(err, fs, make_once(fs, NULL, (struct exo_name){NULL, 0}, what, dir, out));
	if (!err)
		(*out)->gone = (*out)->tmp = true;
	return err;
}

/* ---- names ---- */

/*
 * In a transaction, the inode at home changes its name `link` for one in another directory, whose entry is going to be
 * at loc. On the disk: the new entry, then the inode, which drops the one name and takes the other in one sector, then
 * the old entry goes.
 */
int shared_move(struct cffs *fs, struct node *n, const struct ref *home, u32 link, u64 to, u32 *k)
{
	u8 *part = txn_part(fs, home, n->loc.part);
	int err;

	if (!part)
		return -EAGAIN;
	err = xlink_add(part, to, k);
	if (err)
		return err;
	xlink_del(part, link);
	put64(part + CFFS_SLOT(0) + CFFS_S_CTIME, stamp_now());
	return 0;
}

/* In a transaction: the last name of an inode of ours that is open, or too large to be freed now. What is left is for
 * orphan_purge. */
int shared_park(struct cffs *fs, struct node *n, const struct ref *home, u32 link)
{
	u8 *part = txn_part(fs, home, n->loc.part);

	if (!part)
		return -EAGAIN;
	xlink_del(part, link);
	put64(part + CFFS_SLOT(0) + CFFS_S_CTIME, stamp_now());
	return 0;
}

static int drop_leaf(struct cffs *fs, struct node *dir)
{
	struct found f;
	int err = dir_leaf_for(fs, dir, 0, &f);

	if (err || !f.path.n) {
		found_done(fs, &f);
		return err;
	}
	err = txn_begin(fs);
	if (!err && !txn_part(fs, &f.leaf, 0))
		err = -EAGAIN;
	if (!err)
		err = txn_free(fs, f.leaf.block, 1, true);
	if (!err)
		err = map_remove(fs, dir, &f.home, &f.path);
	if (!err)
		err = dir_resize(fs, dir, &f.home, -1);
	if (!err)
		err = txn_commit(fs);
	else if (fs->txn.open)
		txn_abort(fs);
	dir->frame = EXO_NOFRAME;
	found_done(fs, &f);
	return err ? err : 1;
}

/* The leaves of a directory that is going to be freed, whatever is in them. */
int shared_clear(struct cffs *fs, struct node *dir)
{
	int err;

	if (dir->di.flags & CFFS_F_FLAT)
		return flat_clear(fs, dir);
	do {
		CFFS_RETRY(err, fs, drop_leaf(fs, dir));
	} while (err > 0);
	return err;
}

/* After that transaction. */
int shared_parked(struct cffs *fs, struct node *n)
{
	char name[18];
	u32 len = orphan_name(fs, n->n.ino, name);

	n->gone = true;
	return node_moved(fs, n, fs->orphans, name, len, &n->loc);
}
