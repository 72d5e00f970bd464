// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * file.c: reading. A block that is bound and in core is read without a system call. A miss binds a run of the extent at
 * once: as much as was asked for, and more when the file is read in order. A miss in a small file first reads its
 * neighbours on the disk, which are its directory's other small files.
 */
#include <fcntl.h>
#include "cffs.h"

#define WINDOW_MIN 32 /* blocks */
#define WINDOW_MAX 256
#define GROUP 32

/*
 * The extent that holds block `key`, and the claim for it with its parent pinned. -ENOENT: a hole; *hole is its length
 * in blocks from key on (at least 1).
 */
int file_extent(struct cffs *fs, struct node *node, const struct ref *home, u32 key, struct claim *c, u32 *hole)
{
	const struct claim *last = &node->last;
	struct mpath p;
	u64 next;
	int err;

	if (!fs->txn.open && last->ext.count && key >= last->ext.key && key - last->ext.key < last->ext.count &&
	    cache_stands(fs, last->parent.frame, last->parent.version)) {
		*c = *last;
		cache_pin(fs, c->parent.frame);
		return 0;
	}
	err = map_find(fs, node, home, key, &p);
	if (err)
		return err;
	if (p.n) {
		*c = p.at[p.n - 1].c;
		if (key >= c->ext.key && key - c->ext.key < c->ext.count) {
			if (!fs->txn.open)
				node->last = *c;
			if (c->parent.frame != EXO_NOFRAME)
				cache_pin(fs, c->parent.frame);
			map_done(fs, &p);
			return 0;
		}
		next = c->ext.key > key ? c->ext.key : p.next;
	} else {
		next = p.next;
	}
	if (!map_same(fs, &p) || !meta_same(fs, home))
		err = -EAGAIN;
	map_done(fs, &p);
	*hole = next - key < UINT32_MAX ? next - key : UINT32_MAX;
	return err ? err : -ENOENT;
}

/* Only an inode that is still there is opened; afterwards its name may go. */
int cffs_file_open(struct exo_fs *fs, struct exo_file *f)
{
	struct node *n = node_of(f->node);
	bool first = !n->opens && !n->marked;
	struct ref home;
	int err;

	/* First the mark, then the look: who removes it does it the other way round. */
	if (first)
		exo_opens_hold(fs, n->n.ino);
	err = node_pin(cffs_of(fs), n, &home);
	if (err) {
		if (first)
			exo_opens_drop(fs, n->n.ino);
		return err;
	}
	meta_put(cffs_of(fs), &home);
	n->marked = false;
	n->opens++;
	return 0;
}

/* Errors of late writes are reported by sync; what could not be written stays in the node for the next one. */
static void released(struct cffs *fs, struct node *n)
{
	if (n->gone) {
		if (n->n.parent == &fs->orphans->n && !(fs->fs.flags & EXO_FS_RDONLY) && shared_mine(fs, n) &&
		    !orphan_kept(fs, n))
			orphan_purge(fs, n);
		return;
	}
	if (n->wb)
		write_flush(fs, n);
	if (n->dirty & DIRTY_SIZE)
		node_flush(fs, n);
	nodes_tick(fs);
}

void file_release(struct cffs *fs, struct node *n, u32 count)
{
	bool orphans = node_closed(fs, n, count);

	if (!n->opens)
		released(fs, n);
	if (orphans)
		orphans_reap(fs);
}

void cffs_file_close(struct exo_fs *xfs, struct exo_file *f)
{
	struct cffs *fs = cffs_of(xfs);
	struct node *n = node_of(f->node);
	bool orphans;
	u32 i;

	for (i = 0; i < f->room; i++)
		if (f->pins[i])
			cache_unpin(fs, f->pins[i] - 1);
	orphans = node_closed(fs, n, 1);
	if (!n->opens) {
		if (n->gone || n->wb || n->dirty & DIRTY_SIZE)
			released(fs, n);
		else
			nodes_tick(fs);
	}
	if (orphans)
		orphans_reap(fs);
	node_put(fs, n);
}

/* Small files next to each other: bring the neighbours in with the same request. Only allocated blocks are of use. */
static void read_group(struct cffs *fs, const struct extent *e)
{
	struct exo_run run = {e->start, e->count};

	if (exo_lookup(fs->v, fs->fs.disk, e->start, NULL) != EXO_NOFRAME)
		return;
	while (run.count < GROUP && run.start + run.count < fs->map->blocks &&
	       !exo_block_free(fs->map, run.start + run.count) &&
	       exo_lookup(fs->v, fs->fs.disk, run.start + run.count, NULL) == EXO_NOFRAME)
		run.count++;
	if (run.count > e->count)
		exo_read(fs->fs.x, fs->fs.disk, 1, &run, NULL);
}

/* Frame of block `key`, pinned. *n: blocks wanted from there on. */
static int get_block(struct cffs *fs, const struct claim *c, u32 key, u32 want, u32 *frame)
{
	u64 block = c->ext.start + (key - c->ext.key);
	u32 frames[WINDOW_MAX], left = c->ext.count - (key - c->ext.key), i;
	int err;

	*frame = cache_find(fs, block, NULL);
	if (*frame != EXO_NOFRAME) {
		cache_pin(fs, *frame);
		return 0;
	}
	if (want > left)
		want = left;
	if (want > WINDOW_MAX)
		want = WINDOW_MAX;
	if (want > fs->limit / 4)
		want = fs->limit / 4 ? fs->limit / 4 : 1;
	if (c->ext.count <= GROUP / 2)
		read_group(fs, &c->ext);
	err = cache_bind(fs, c, block, want, false, false, frames);
	if (err == -ENOMEM && want > 1)
		err = cache_bind(fs, c, block, want = 1, false, false, frames);
	if (err)
		return err;
	for (i = 1; i < want; i++)
		cache_unpin(fs, frames[i]);
	*frame = frames[0];
	return 0;
}

static int read_block(struct cffs *fs, struct node *node, const struct ref *home, u32 key, u32 want, u8 *buf, u32 off,
		      u32 len)
{
	struct claim c;
	u32 frame, hole;
	int err = file_extent(fs, node, home, key, &c, &hole);

	if (err == -ENOENT) {
		memset(buf, 0, len);
		return 0;
	}
	if (err)
		return err;
	err = get_block(fs, &c, key, want, &frame);
	if (!err) {
		node->read_key = key;
		node->read_data = exo_frame_ptr(fs->v, frame);
		node->read_held = &fs->held[frame];
		node->read_version = fs->held[frame].version;
		node->read_block = (const u64 *)&fs->v->bufs[frame].version;
		node->read_inode = (const u64 *)&fs->v->bufs[home->frame].version;
		node->read_at = home->version;
		memcpy(buf, (const u8 *)exo_frame_ptr(fs->v, frame) + off, len);
		cache_unpin(fs, frame);
	}
	meta_put(fs, &c.parent);
	return err;
}

/* Blocks to bring in at a miss at `off` for n bytes. */
static u32 window(struct exo_file *f, u64 off, size_t n)
{
	u32 need = (off % BLK + n + BLK - 1) / BLK < WINDOW_MAX ? (off % BLK + n + BLK - 1) / BLK : WINDOW_MAX;

	if (off == f->next)
		f->window = f->window < WINDOW_MIN ? WINDOW_MIN : f->window < WINDOW_MAX ? f->window * 2 : WINDOW_MAX;
	else
		f->window = 0;
	return need > f->window ? need : f->window;
}

/* *more: not all was read, because something changed meanwhile. */
static ssize_t read_once(struct cffs *fs, struct exo_file *f, u8 *buf, size_t n, u64 off, bool *more)
{
	struct node *node = node_of(f->node);
	struct ref home;
	size_t done = 0;
	u32 want;
	int err;

	*more = false;
	if (node->wb) {
		err = write_flush(fs, node);
		if (err)
			return err;
	}
	err = node_pin(fs, node, &home);
	if (err)
		return err;
	if (off >= node->di.size)
		n = 0;
	else if (n > node->di.size - off)
		n = node->di.size - off;
	want = window(f, off, n);
	while (done < n) {
		u32 in = (off + done) % BLK, len = BLK - in < n - done ? BLK - in : n - done;

		err = (off + done) / BLK >= CFFS_FILE_BLOCKS
			      ? -EUCLEAN
			      : read_block(fs, node, &home, (off + done) / BLK, want, buf + done, in, len);
		if (err)
			break;
		done += len;
		if (want > 1 && want > f->window)
			want--;
	}
	meta_put(fs, &home);
	f->next = off + done;
	*more = err == -EAGAIN;
	return done ? (ssize_t)done : err;
}

static __attribute__((noinline)) ssize_t read_slowly(struct cffs *fs, struct exo_file *f, void *buf, size_t n, u64 off)
{
	size_t done = 0;
	ssize_t got;
	bool more;

	if (S_ISDIR(f->node->mode))
		return -EISDIR;
	do {
		CFFS_RETRY(got, fs, read_once(fs, f, (u8 *)buf + done, n - done, off + done, &more));
		if (got > 0)
			done += got;
	} while (got > 0 && more);
	if (done)
		got = done;
	if (got > 0 && !(f->oflags & O_NOATIME))
		node_accessed(fs, node_of(f->node));
	return got;
}

static inline bool is(const u64 *version, u64 was)
{
	return __atomic_load_n(version, __ATOMIC_ACQUIRE) == was;
}

/* The usual case is inside one block, which was read before, of an inode that did not change since. */
ssize_t cffs_pread(struct exo_fs *xfs, struct exo_file *f, void *buf, size_t n, uint64_t off)
{
	struct node *node = node_of(f->node);
	u64 in = off - node->read_key * BLK;

	if (!node->read_data || in >= BLK || !is(node->read_inode, node->read_at) ||
	    !is(node->read_block, node->read_version) || node->read_held->version != node->read_version ||
	    off >= node->di.size)
		return read_slowly(cffs_of(xfs), f, buf, n, off);
	if (n > node->di.size - off)
		n = node->di.size - off;
	if (n > BLK - in)
		return read_slowly(cffs_of(xfs), f, buf, n, off);
	/* When it is read in order, the next block is, too. */
	if (f->next != off)
		f->window = 0;
	f->next = off + n;
	node->read_held->recent = 1;
	memcpy(buf, node->read_data + in, n);
	if (!(f->oflags & O_NOATIME))
		node_accessed(cffs_of(xfs), node);
	return n;
}

/* ---- zero copy ---- */

static const u8 zeroes[BLK] __attribute__((aligned(4096)));

/* Keep one pin of the frame for the file, however often it is peeked at. */
static int keep_pin(struct cffs *fs, struct exo_file *f, u32 frame)
{
	u32 i, at, room, *set;

	if (2 * (f->npins + 1) > f->room) {
		room = f->room ? 2 * f->room : 16;
		set = calloc(room, sizeof(*set));
		if (!set)
			return -ENOMEM;
		for (i = 0; i < f->room; i++) {
			if (!f->pins[i])
				continue;
			for (at = f->pins[i] * 2654435761u & (room - 1); set[at]; at = (at + 1) & (room - 1))
				;
			set[at] = f->pins[i];
		}
		free(f->pins);
		f->pins = set;
		f->room = room;
	}
	for (at = (frame + 1) * 2654435761u & (f->room - 1); f->pins[at]; at = (at + 1) & (f->room - 1))
		if (f->pins[at] == frame + 1)
			return 0;
	f->pins[at] = frame + 1;
	f->npins++;
	cache_pin(fs, frame);
	return 0;
}

static ssize_t peek_once(struct cffs *fs, struct exo_file *f, u64 off, const void **data)
{
	struct node *node = node_of(f->node);
	struct ref home;
	struct claim c;
	u32 frame, hole, in = off % BLK;
	ssize_t n = BLK - in;
	int err;

	if (node->wb) {
		err = write_flush(fs, node);
		if (err)
			return err;
	}
	err = node_pin(fs, node, &home);
	if (err)
		return err;
	if (off >= node->di.size || off / BLK >= CFFS_FILE_BLOCKS) {
		meta_put(fs, &home);
		return 0;
	}
	if ((u64)n > node->di.size - off)
		n = node->di.size - off;
	err = file_extent(fs, node, &home, off / BLK, &c, &hole);
	if (err == -ENOENT) {
		*data = zeroes + in;
		err = 0;
	} else if (!err) {
		err = get_block(fs, &c, off / BLK, window(f, off, n), &frame);
		if (!err) {
			err = keep_pin(fs, f, frame);
			*data = (const u8 *)exo_frame_ptr(fs->v, frame) + in;
			cache_unpin(fs, frame);
		}
		meta_put(fs, &c.parent);
	}
	meta_put(fs, &home);
	f->next = off + n;
	return err ? err : n;
}

ssize_t cffs_peek(struct exo_fs *xfs, struct exo_file *f, uint64_t off, const void **data)
{
	struct cffs *fs = cffs_of(xfs);
	ssize_t got;

	if (S_ISDIR(f->node->mode))
		return -EISDIR;
	CFFS_RETRY(got, fs, peek_once(fs, f, off, data));
	return got;
}
