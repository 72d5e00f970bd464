// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * node.c: inodes in use. A node knows where its slot was (block, partition, slot), and with which version its copy was
 * decoded. While the registry shows that version the copy is good; else the slot is decoded again; and if the inode is
 * no longer there (another process moved it, or its directory's leaf was split), it is looked up by name under its
 * parent.
 *
 * A reference is held by an open file, by each child's parent link, and by whoever works with it. Nodes without one
 * stay, in an LRU, so that walking a path again costs a hash lookup and a version compare.
 */
#include "cffs.h"

#define FLUSH_NS 1000000000ll

static u32 bucket(struct cffs *fs, u64 ino)
{
	return (u32)(ino * 0x9E3779B97F4A7C15ull >> 40) & fs->mask;
}

static u32 name_bucket(struct cffs *fs, const struct exo_node *parent, u32 hash)
{
	return (u32)((hash ^ (parent ? parent->ino : 0)) * 0x9E3779B97F4A7C15ull >> 40) & fs->mask;
}

/* Out of and into the table of names; between the two, name and parent may change. */
static void name_out(struct cffs *fs, struct node *n)
{
	struct node **at;

	for (at = &fs->names[name_bucket(fs, n->n.parent, n->name_hash)]; *at && *at != n; at = &(*at)->name_next)
		;
	if (*at)
		*at = n->name_next;
}

static void name_in(struct cffs *fs, struct node *n)
{
	struct node **at = &fs->names[name_bucket(fs, n->n.parent, n->name_hash)];

	n->name_next = *at;
	*at = n;
}

struct node *node_known(struct cffs *fs, struct node *dir, const char *name, size_t len)
{
	u32 hash = name_hash(fs, name, len);
	struct node *n;

	for (n = fs->names[name_bucket(fs, &dir->n, hash)]; n; n = n->name_next)
		if (n->name_hash == hash && n->n.parent == &dir->n && n->name_len == len && !memcmp(n->name, name, len))
			break;
	if (!n || n->gone)
		return NULL;
	/* The entry is where it was, and a leaf does not change directories. */
	if (n->ext ? n->eframe == EXO_NOFRAME || !exo_unchanged(fs->v, n->eframe, n->eversion) : !node_current(fs, n))
		return NULL;
	return n;
}

bool node_fresh(struct cffs *fs, struct node *n)
{
	u64 version;

	return n->frame != EXO_NOFRAME && cache_find(fs, n->loc.block, &version) == n->frame && version == n->version;
}

struct node *node_peek(struct cffs *fs, u64 ino)
{
	struct node *n;

	for (n = fs->hash[bucket(fs, ino)]; n && n->n.ino != ino; n = n->hash_next)
		;
	return n;
}

static void lru_out(struct cffs *fs, struct node *n)
{
	if (!n->in_lru)
		return;
	if (n->lru_prev)
		n->lru_prev->lru_next = n->lru_next;
	else
		fs->lru_head = n->lru_next;
	if (n->lru_next)
		n->lru_next->lru_prev = n->lru_prev;
	else
		fs->lru_tail = n->lru_prev;
	n->in_lru = false;
	fs->nlru--;
}

static void lru_in(struct cffs *fs, struct node *n)
{
	n->lru_prev = fs->lru_tail;
	n->lru_next = NULL;
	if (n->lru_prev)
		n->lru_prev->lru_next = n;
	else
		fs->lru_head = n;
	fs->lru_tail = n;
	n->in_lru = true;
	fs->nlru++;
}

struct node *node_hold(struct cffs *fs, struct node *node)
{
	node->n.refs++;
	return node;
}

static void node_free(struct cffs *fs, struct node *n)
{
	struct node **at, *parent = n->n.parent ? node_of(n->n.parent) : NULL;

	known_forget(n);
	name_out(fs, n);
	for (at = &fs->hash[bucket(fs, n->n.ino)]; *at && *at != n; at = &(*at)->hash_next)
		;
	if (*at)
		*at = n->hash_next;
	fs->nnodes--;
	if (n->marked)
		exo_opens_drop(&fs->fs, n->n.ino);
	lru_out(fs, n);
	node_clean(fs, n);
	write_drop(fs, n);
	free(n->leaves);
	free(n->name);
	free(n);
	if (parent)
		node_put(fs, parent);
}

/*
 * Keep the number of idle nodes bounded. What is in use leaves the LRU until it is put; what was used since its last
 * turn gets another; one with pending changes is written first, or stays.
 */
static void trim(struct cffs *fs)
{
	struct node *n;
	u32 left = 2 * fs->nlru;

	while (fs->nlru > CFFS_NODES && left--) {
		n = fs->lru_head;
		lru_out(fs, n);
		if (n->n.refs)
			continue;
		if (n->recent) {
			n->recent = false;
			lru_in(fs, n);
			continue;
		}
		if ((n->dirty || n->wb) && !fs->txn.open) {
			node_hold(fs, n);
			write_flush(fs, n);
			node_flush(fs, n);
			n->n.refs--;
		}
		if (n->dirty == DIRTY_ATIME)
			node_clean(fs, n);
		if (n->dirty || n->wb)
			lru_in(fs, n);
		else
			node_free(fs, n);
	}
}

void node_idle(struct cffs *fs, struct node *node)
{
	if (node->gone && !node->opens) {
		node_free(fs, node);
		return;
	}
	if (node->in_lru)
		return;
	lru_in(fs, node);
	if (fs->nlru > CFFS_NODES + CFFS_NODES / 8 && !fs->txn.open)
		trim(fs);
}

/* Take over a decoded copy; pending changes of ours stay on top. */
static void adopt(struct node *n, const struct inode *di, u32 frame, u64 version)
{
	struct inode mine = n->di;

	n->di = *di;
	if (n->dirty & DIRTY_SIZE)
		n->di.size = mine.size;
	if (n->dirty & DIRTY_MTIME)
		n->di.time[T_MTIME] = mine.time[T_MTIME];
	/* Other changes set it at once. */
	if (n->dirty & DIRTY_CTIME && mine.time[T_CTIME] > di->time[T_CTIME])
		n->di.time[T_CTIME] = mine.time[T_CTIME];
	if (n->dirty & DIRTY_ATIME)
		n->di.time[T_ATIME] = mine.time[T_ATIME];
	n->n.mode = di->mode;
	n->n.uid = di->uid;
	n->n.gid = di->gid;
	n->frame = frame;
	n->version = version;
}

static bool set_name(struct cffs *fs, struct node *n, const char *name, size_t len)
{
	char *copy;

	if (n->name && n->name_len == len && !memcmp(n->name, name, len))
		return true;
	copy = malloc(len + 1);
	if (!copy)
		return false;
	memcpy(copy, name, len);
	copy[len] = 0;
	free(n->name);
	n->name = copy;
	n->name_len = len;
	n->name_hash = name_hash(fs, name, len);
	return true;
}

/* Give a node, which is in the table of names, another name and parent. */
static bool set_place(struct cffs *fs, struct node *n, struct node *dir, const char *name, size_t len)
{
	struct node *old = n->n.parent ? node_of(n->n.parent) : NULL;
	bool done;

	if (!dir)
		dir = old;
	if (dir == old && n->name_len == len && !memcmp(n->name, name, len))
		return true;
	name_out(fs, n);
	done = set_name(fs, n, name, len);
	if (done && dir != old)
		n->n.parent = dir ? &node_hold(fs, dir)->n : NULL;
	name_in(fs, n);
	if (done && dir != old && old)
		node_put(fs, old);
	return done;
}

struct node *node_get(struct cffs *fs, struct node *dir, const char *name, size_t len, const struct loc *loc,
		      const struct ref *r, const struct inode *di)
{
	struct node *n = node_peek(fs, di->ino);

	if (n && (!!S_ISDIR(n->n.mode) != !!S_ISDIR(di->mode)))
		return NULL;
	/* Whoever may change a directory's inode could let it be named below itself. */
	if (n && fs->shared && dir && S_ISDIR(di->mode) && n->n.parent != &dir->n && node_below(dir, n))
		return NULL;
	if (!n) {
		n = calloc(1, sizeof(*n));
		if (!n || !set_name(fs, n, name, len)) {
			free(n);
			return NULL;
		}
		n->n.ino = di->ino;
		n->n.refs = 1;
		n->n.parent = dir ? &node_hold(fs, dir)->n : NULL;
		n->hash_next = fs->hash[bucket(fs, di->ino)];
		fs->hash[bucket(fs, di->ino)] = n;
		name_in(fs, n);
		fs->nnodes++;
	} else {
		node_hold(fs, n);
		if (!set_place(fs, n, dir, name, len)) {
			node_put(fs, n);
			return NULL;
		}
	}
	/* Seen under a name, it is not gone, even if another entry of it, left by a power cut, was just removed. */
	if (dir && dir != fs->orphans)
		n->gone = false;
	n->loc = *loc;
	n->ext = n->lost = false;
	n->eframe = EXO_NOFRAME;
	adopt(n, di, r->frame, r->version);
	return n;
}

struct node *node_get_ext(struct cffs *fs, struct node *dir, const char *name, size_t len, const struct loc *loc,
			  const struct ref *r, const struct inode *di, u32 place, u32 link, const struct ref *entry)
{
	struct node *n = node_get(fs, dir, name, len, loc, r, di);

	if (!n)
		return NULL;
	n->ext = true;
	n->place = place;
	n->link = link;
	if (entry) {
		n->eblock = entry->block;
		n->eframe = entry->frame;
		n->eversion = entry->version;
	}
	return n;
}

/* Decode the node's slot as it is in r. -ESTALE: another inode, or none, is there. */
static int decode(struct cffs *fs, struct node *n, const struct ref *r)
{
	u8 part[CFFS_PART];
	struct inode di;
	const char *name;
	int kind;

	part_copy(part, (const u8 *)exo_frame_ptr(fs->v, r->frame) + n->loc.part * CFFS_PART);
	if (!meta_same(fs, r))
		return -EAGAIN;
	kind = part_kind(part);
	if (kind != (n->ext ? CFFS_KIND_INODE : CFFS_KIND_DIR))
		return -ESTALE;
	if (!part_used(part, n->loc.slot) || entry_get(part, n->loc.slot, &di, &name) || di.ino != n->n.ino ||
	    (di.mode & S_IFMT) != (n->n.mode & S_IFMT) || di.flags & CFFS_F_REF)
		return -ESTALE;
	if (!n->ext) {
		/* Another process may have given it another name in the same place; or the whole place to a directory.
		 */
		if (!n->n.parent || get64(part + CFFS_H_OWNER) != n->n.parent->ino)
			return -ESTALE;
		if (!set_place(fs, n, NULL, name, di.name_len))
			return -ENOMEM;
	}
	adopt(n, &di, r->frame, r->version);
	return 0;
}

/* By its name, and if another process has moved it and it is in use here, by its number. */
static int find_again(struct cffs *fs, struct node *n)
{
	struct node *again;
	struct found f;
	int err;

	if (!n->n.parent || n->lost)
		return -ESTALE;
	err = dir_find(fs, node_of(n->n.parent), n->name, n->name_len, &f);
	if (!err && f.di.ino != n->n.ino)
		err = -ENOENT;
	if (!err) {
		err = entry_node(fs, node_of(n->n.parent), n->name, n->name_len, &f, &again);
		if (!err)
			node_put(fs, again);
	}
	found_done(fs, &f);
	if (err == -ENOENT || err == -ESTALE) {
		err = -ESTALE;
		if (n->opens || (S_ISDIR(n->n.mode) && n->n.refs > 1))
			err = node_search(fs, n);
	}
	return err;
}

/* Bring the block of a node back that is not bound here. */
static int bind_again(struct cffs *fs, struct node *n)
{
	struct ref r;
	u32 part;
	int err;

	if (!n->ext)
		return find_again(fs, n);
	err = table_pin(fs, n->place, &r, &part);
	if (!err) {
		n->loc = (struct loc){r.block, part, 0};
		meta_put(fs, &r);
	}
	return err;
}

int node_pin(struct cffs *fs, struct node *node, struct ref *r)
{
	int err, tries;
	u32 f;

	if (node->frame != EXO_NOFRAME && cache_stands(fs, node->frame, node->version)) {
		cache_pin(fs, node->frame);
		*r = (struct ref){node->loc.block, node->version, node->frame};
		return 0;
	}
	*r = NO_REF;
	for (tries = 0; tries < CFFS_TRIES; tries++) {
		f = cache_find(fs, node->loc.block, &r->version);
		if (f != EXO_NOFRAME) {
			cache_pin(fs, f);
			r->block = node->loc.block;
			r->frame = f;
			if (node->frame == f && node->version == r->version)
				return 0;
			err = decode(fs, node, r);
			if (!err)
				return 0;
			meta_put(fs, r);
			if (err == -EAGAIN)
				continue;
			/* In the table an inode stays where it is. */
			if (node->ext)
				return err;
		}
		err = bind_again(fs, node);
		if (err && err != -EAGAIN)
			return err;
	}
	return -EBUSY;
}

void node_dirty(struct cffs *fs, struct node *node, unsigned bits)
{
	if (!node->dirty) {
		node->dirty_prev = NULL;
		node->dirty_next = fs->dirty_head;
		if (fs->dirty_head)
			fs->dirty_head->dirty_prev = node;
		fs->dirty_head = node;
	}
	if (!(node->dirty & ~DIRTY_ATIME) && bits & ~DIRTY_ATIME)
		fs->npending++;
	node->dirty |= bits;
}

void node_clean(struct cffs *fs, struct node *node)
{
	if (!node->dirty)
		return;
	if (node->dirty_prev)
		node->dirty_prev->dirty_next = node->dirty_next;
	else
		fs->dirty_head = node->dirty_next;
	if (node->dirty_next)
		node->dirty_next->dirty_prev = node->dirty_prev;
	if (node->dirty & ~DIRTY_ATIME)
		fs->npending--;
	node->dirty = 0;
}

void node_touched(struct cffs *fs, struct node *dir)
{
	dir->di.time[T_MTIME] = dir->di.time[T_CTIME] = stamp_now();
	node_dirty(fs, dir, DIRTY_MTIME | DIRTY_CTIME);
}

void node_read(struct cffs *fs, struct node *node)
{
	if (fs->fs.flags & EXO_FS_RDONLY || !shared_writable(fs, node))
		return;
	node->di.time[T_ATIME] = stamp_now();
	node_dirty(fs, node, DIRTY_ATIME);
}

int node_moved(struct cffs *fs, struct node *node, struct node *dir, const char *name, size_t len,
	       const struct loc *loc)
{
	if (!set_place(fs, node, dir, name, len))
		return -ENOMEM;
	if (!node->ext)
		node->loc = *loc;
	node->frame = node->eframe = EXO_NOFRAME;
	return 0;
}

int node_store(struct cffs *fs, struct node *node, const struct ref *r)
{
	u8 *part = txn_part(fs, r, node->loc.part);
	struct inode di;
	int i;

	if (!part)
		return -EAGAIN;
	inode_get(part, node->loc.slot, &di);
	if (!part_used(part, node->loc.slot) || di.ino != node->n.ino)
		return -EAGAIN;
	di.mode = node->di.mode;
	di.uid = node->di.uid;
	di.gid = node->di.gid;
	di.size = node->di.size;
	di.flags = node->di.flags;
	for (i = 0; i < T_COUNT; i++)
		di.time[i] = node->di.time[i];
	inode_put(part, node->loc.slot, &di);
	return 0;
}

void node_stored(struct cffs *fs, struct node *node)
{
	node_clean(fs, node);
	node->frame = EXO_NOFRAME;
}

static int flush_once(struct cffs *fs, struct node *node)
{
	struct ref r;
	int err;

	err = node_pin(fs, node, &r);
	if (err)
		return err;
	err = txn_begin(fs);
	if (!err) {
		err = node_store(fs, node, &r);
		if (err)
			txn_abort(fs);
		else
			err = txn_commit(fs);
	}
	meta_put(fs, &r);
	if (!err)
		node_stored(fs, node);
	return err;
}

/* Write what is pending. A node that is gone by now has nothing left to write to. */
int node_flush(struct cffs *fs, struct node *node)
{
	int err = 0;

	/* The time of access alone is worth a transaction only when somebody asks for all to be written. */
	if (!node->dirty || (node->dirty == DIRTY_ATIME && !fs->keep_atime))
		return 0;
	CFFS_RETRY(err, fs, flush_once(fs, node));
	/* Times alone are not worth an error where the right to change them has gone meanwhile. */
	if (err == -ESTALE || ((err == -EACCES || err == -EPERM) && fs->shared && !(node->dirty & DIRTY_SIZE))) {
		node_clean(fs, node);
		err = 0;
	}
	return err;
}

int nodes_flush(struct cffs *fs)
{
	struct node *n, *next;
	int err = 0, one;

	for (n = fs->dirty_head ? node_hold(fs, fs->dirty_head) : NULL; n; n = next) {
		next = n->dirty_next ? node_hold(fs, n->dirty_next) : NULL;
		one = node_flush(fs, n);
		if (one)
			err = one;
		node_put(fs, n);
	}
	fs->flushed = fs->now = stamp_now();
	return err;
}

void nodes_ticked(struct cffs *fs)
{
	fs->now = stamp_now();
	if (fs->npending && !fs->txn.open && fs->now - fs->flushed > FLUSH_NS)
		nodes_flush(fs);
}

int nodes_init(struct cffs *fs)
{
	fs->mask = 4096 - 1;
	fs->hash = calloc(fs->mask + 1, sizeof(*fs->hash));
	fs->names = calloc(fs->mask + 1, sizeof(*fs->names));
	return fs->hash && fs->names ? known_init(fs) : -ENOMEM;
}

/* Everything goes, children before parents because a child holds its parent. */
void nodes_exit(struct cffs *fs)
{
	struct node *n, *next;
	u32 i;

	for (i = 0; fs->hash && i <= fs->mask; i++) {
		for (n = fs->hash[i]; n; n = next) {
			next = n->hash_next;
			write_drop(fs, n);
			free(n->leaves);
			free(n->name);
			free(n);
		}
	}
	free(fs->hash);
	free(fs->names);
	known_exit(fs);
	fs->hash = fs->names = NULL;
}
