// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * write.c: writing. Missing blocks of a stretch are allocated by one transaction, which also sets size and time; then
 * the blocks are bound for writing and filled. Until that data is on the disk the module holds back the inode that
 * points at it.
 *
 * Small writes at the end of a file are first gathered in memory (struct wbuf), so that a file written in pieces gets
 * its blocks at once and in one extent. Other handles of this tree see them through the node; other processes when the
 * file is closed or synced. When room gets scarce nothing is gathered, so that write(2) can say that there is none.
 * What still finds no room later, because others were quicker, is told by close or fsync, once, and is lost.
 */
#include <stdint.h>
#include "cffs.h"

#define GATHER_MAX (1u << 20)  /* bytes in memory for a file */
#define CHUNK 256	       /* blocks that one step allocates and fills */
#define RESERVE_MAX (1u << 30) /* bytes that one step of write_reserve asks for */

struct wbuf {
	u64 off;
	u32 len, room;
	u8 *bytes;
};

u64 write_end(const struct node *node)
{
	return node->wb ? node->wb->off + node->wb->len : 0;
}

static void give_up(struct cffs *fs, struct wbuf *w)
{
	fs->fs.space.gathered -= w->len + BLK;
	/* A small file's is kept for the next one. */
	if (w->room == BLK && !fs->spare) {
		fs->spare = w;
		return;
	}
	free(w->bytes);
	free(w);
}

void write_exit(struct cffs *fs)
{
	if (fs->spare)
		free(fs->spare->bytes);
	free(fs->spare);
	fs->spare = NULL;
}

void write_drop(struct cffs *fs, struct node *node)
{
	if (node->wb)
		give_up(fs, node->wb);
	node->wb = NULL;
}

/* ---- blocks for a stretch ---- */

/* Behind the extent before key, if there is one: grow it when the disk allows, else put a new one. */
static int add_blocks(struct cffs *fs, struct node *node, const struct ref *home, u32 key, u32 want, u32 *got)
{
	struct mpath p;
	struct extent e, grown;
	u64 near;
	bool behind;
	int err = map_find(fs, node, home, key, &p);

	if (err)
		return err;
	grown = p.n ? p.at[p.n - 1].c.ext : (struct extent){0};
	behind = grown.count && (u64)grown.key + grown.count == key;
	near = behind ? grown.start + grown.count : fs->policy->data(fs, node, key, want);
	/* The very next blocks of the disk are worth more than a longer run elsewhere. */
	if (behind && near < fs->map->blocks && exo_block_free(fs->map, near)) {
		u64 n = 1;

		while (n < want && near + n < fs->map->blocks && exo_block_free(fs->map, near + n))
			n++;
		err = txn_alloc(fs, near, n, n < 8, false, &e);
	} else {
		err = txn_alloc(fs, near, want, false, false, &e);
	}
	if (!err) {
		e.key = key;
		*got = e.count;
		if (behind && e.start == near && grown.start + grown.count == near &&
		    grown.count <= UINT32_MAX - e.count) {
			grown.count += e.count;
			err = map_change(fs, node, home, &p, &grown);
		} else {
			err = map_insert(fs, node, home, &e);
		}
		fs->policy->placed(fs, node, &e);
	}
	map_done(fs, &p);
	return err;
}

/*
 * One transaction: every hole in [off, off + *n) gets blocks, the size grows to cover it unless `keep`. *n shrinks when
 * the transaction is full. Nothing to do is success. *stored: size and time are in the tree.
 */
static int reserve_once(struct cffs *fs, struct node *node, u64 off, size_t *n, bool keep, bool *stored)
{
	u32 key = off / BLK, end = (off + *n + BLK - 1) / BLK, hole, got;
	u64 size;
	struct claim c;
	struct ref home;
	int err;

	err = node_pin(fs, node, &home);
	if (err)
		return err;
	size = node->di.size;
	err = txn_begin(fs);
	if (err)
		goto out;
	while (key < end) {
		err = file_extent(fs, node, &home, key, &c, &hole);
		if (!err) {
			u64 past = (u64)c.ext.key + c.ext.count;

			meta_put(fs, &c.parent);
			key = past < end ? past : end;
			continue;
		}
		if (err != -ENOENT)
			goto abort;
		err = add_blocks(fs, node, &home, key, hole < end - key ? hole : end - key, &got);
		if (err == -EXFULL && fs->txn.nallocs > 1) {
			/* A last extent that found no place spoils the images: go again with what fitted before it. */
			*n = (u64)key * BLK - off;
			txn_abort(fs);
			err = -EAGAIN;
			goto out;
		}
		if (err)
			goto abort;
		key += got;
		if (fs->txn.nallocs > CFFS_ALLOCS - 8 || fs->txn.nimages > CFFS_IMAGES - 40)
			break;
	}
	if ((u64)key * BLK < off + *n)
		*n = (u64)key * BLK - off;
	if (!fs->txn.nallocs) {
		txn_abort(fs);
		err = 0;
		goto out;
	}
	if (!keep && off + *n > node->di.size)
		node->di.size = off + *n;
	node->di.time[T_MTIME] = node->di.time[T_CTIME] = stamp_now();
	err = node_store(fs, node, &home);
	if (!err)
		err = txn_commit(fs);
	else
		txn_abort(fs);
	if (err) {
		node->di.size = size;
		goto out;
	}
	node_stored(fs, node);
	*stored = true;
	goto out;
abort:
	txn_abort(fs);
out:
	meta_put(fs, &home);
	return err;
}

/* Fill [off, off + n), whose blocks exist, from buf. */
static int fill_once(struct cffs *fs, struct node *node, const u8 *buf, size_t n, u64 off, size_t *done)
{
	u32 frames[CHUNK], hole, i;
	struct claim c;
	struct ref home;
	int err = node_pin(fs, node, &home);

	if (err)
		return err;
	while (!err && *done < n) {
		u64 at = off + *done;
		u32 key = at / BLK, in = at % BLK, count = 1, len, f;
		u64 block, left = n - *done;

		err = file_extent(fs, node, &home, key, &c, &hole);
		if (err) {
			err = err == -ENOENT ? -EAGAIN : err;
			break;
		}
		err = headers_trust(fs, node, &c);
		if (err) {
			meta_put(fs, &c.parent);
			break;
		}
		block = c.ext.start + (key - c.ext.key);
		f = cache_find(fs, block, NULL);
		if (f != EXO_NOFRAME && fs->held[f].write) {
			cache_pin(fs, f);
			frames[0] = f;
		} else {
			bool whole = !in && left >= BLK;

			if (whole) {
				count = left / BLK < CHUNK ? left / BLK : CHUNK;
				if (count > c.ext.count - (key - c.ext.key))
					count = c.ext.count - (key - c.ext.key);
				if (count > fs->limit / 4)
					count = fs->limit / 4 ? fs->limit / 4 : 1;
			}
			err = cache_bind(fs, &c, block, count, true, whole, frames);
			if (err == -ENOMEM && count > 1)
				err = cache_bind(fs, &c, block, count = 1, true, whole, frames);
		}
		meta_put(fs, &c.parent);
		if (err)
			break;
		for (i = 0; i < count; i++) {
			len = BLK - in < n - *done ? BLK - in : n - *done;
			memcpy((u8 *)exo_frame_ptr(fs->v, frames[i]) + in, buf + *done, len);
			cache_unpin(fs, frames[i]);
			*done += len;
			in = 0;
		}
	}
	meta_put(fs, &home);
	return err;
}

/* The pool belongs to everybody: when half of it waits to be written, a writer waits too. */
static void relieve(struct cffs *fs)
{
	const struct exo_stats *s = exo_statistics(fs->fs.x);

	/* An error here is one of the device; it stays with the buffers and comes back from sync. */
	if (__atomic_load_n(&s->frames_dirty, __ATOMIC_RELAXED) >= fs->v->reg->frames / 2)
		exo_sync(fs->fs.x, fs->fs.disk, fs->fs.root, exo_fs_why_here());
}

/*
 * A truncation that a power cut split may have left blocks behind the end. Before the file grows over them they go, so
 * that the gap reads as zeroes.
 */
int trim_tail(struct cffs *fs, struct node *node)
{
	struct mpath p;
	struct ref home;
	u64 end = 0;
	int err = node_pin(fs, node, &home);

	if (err)
		return err;
	CFFS_RETRY(err, fs, map_find(fs, node, &home, UINT32_MAX, &p));
	if (!err && p.n)
		end = ((u64)p.at[p.n - 1].c.ext.key + p.at[p.n - 1].c.ext.count) * BLK;
	if (!err)
		map_done(fs, &p);
	meta_put(fs, &home);
	if (err || end < node->di.size + BLK || node->di.flags & CFFS_F_PREALLOC)
		return err;
	return truncate_blocks(fs, node, node->di.size, false);
}

int write_reserve(struct cffs *fs, struct node *node, u64 off, u64 len, bool keep)
{
	bool stored = false;
	int err = 0;

	while (!err && len) {
		size_t step = len < RESERVE_MAX ? len : RESERVE_MAX;

		CFFS_RETRY(err, fs, reserve_once(fs, node, off, &step, keep, &stored));
		off += step;
		len -= step;
	}
	return err;
}

static ssize_t write_range(struct cffs *fs, struct node *node, const u8 *buf, size_t n, u64 off)
{
	size_t total = 0;
	bool stored = false;
	int err = 0;

	if (off > node->di.size) {
		err = trim_tail(fs, node);
		if (!err)
			err = zero_tail(fs, node, node->di.size);
		if (err)
			return err;
	}
	while (total < n) {
		u64 at = off + total;
		size_t step = n - total, done = 0;

		if (step > CHUNK * BLK - at % BLK)
			step = CHUNK * BLK - at % BLK;
		CFFS_RETRY(err, fs, reserve_once(fs, node, at, &step, false, &stored));
		if (err)
			break;
		CFFS_RETRY(err, fs, fill_once(fs, node, buf + total, step, at, &done));
		if (done) {
			total += done;
			if (at + done > node->di.size) {
				node->di.size = at + done;
				node_dirty(fs, node, DIRTY_SIZE);
			}
		}
		if (err)
			break;
		relieve(fs);
	}
	if (total && !stored) {
		node->di.time[T_MTIME] = node->di.time[T_CTIME] = stamp_now();
		node_dirty(fs, node, DIRTY_MTIME | DIRTY_CTIME);
	}
	return total ? (ssize_t)total : err;
}

/* ---- gathering ---- */

int write_flush(struct cffs *fs, struct node *node)
{
	struct wbuf *w = node->wb;
	ssize_t n;

	if (!w)
		return 0;
	/* Out of the way meanwhile: what runs below may look at the node. */
	node->wb = NULL;
	n = w->off ? 0 : write_first(fs, node, w->bytes, w->len);
	if (n > 0)
		n = w->len;
	else if (!n)
		n = write_range(fs, node, w->bytes, w->len, w->off);
	if (n == w->len) {
		give_up(fs, w);
		return 0;
	}
	if (n > 0) {
		fs->fs.space.gathered -= n;
		memmove(w->bytes, w->bytes + n, w->len - n);
		w->off += n;
		w->len -= n;
		n = -ENOSPC;
	}
	node->wb = w;
	node->read_data = NULL;
	return n;
}

void write_cut(struct cffs *fs, struct node *node, u64 size)
{
	struct wbuf *w = node->wb;

	if (w && size <= w->off) {
		write_drop(fs, node);
	} else if (w && size - w->off < w->len) {
		fs->fs.space.gathered -= w->len - (size - w->off);
		w->len = size - w->off;
	}
}

int write_told(struct cffs *fs, struct node *node, int err)
{
	if (err == -ENOSPC || err == -EDQUOT)
		write_drop(fs, node);
	return err;
}

/* Take the bytes if they continue what is gathered, or begin at or behind the file's last block. 1: taken. */
static int gather(struct cffs *fs, struct node *node, const u8 *buf, size_t n, u64 off, u64 size)
{
	struct wbuf *w = node->wb;
	u32 room;
	u8 *more;

	if (!w) {
		if (n >= GATHER_MAX / 4 || off != size || off % BLK)
			return 0;
		w = fs->spare;
		fs->spare = NULL;
		if (!w)
			w = calloc(1, sizeof(*w));
		if (!w)
			return 0;
		w->off = off;
		w->len = 0;
		node->wb = w;
		fs->fs.space.gathered += BLK;
		node->read_data = NULL;
	}
	if (off != w->off + w->len || n > GATHER_MAX - w->len)
		return 0;
	if (w->len + n > w->room) {
		room = w->room ? w->room : BLK;
		while (room < w->len + n)
			room *= 2;
		more = realloc(w->bytes, room);
		if (!more)
			return 0;
		w->bytes = more;
		w->room = room;
	}
	memcpy(w->bytes + w->len, buf, n);
	w->len += n;
	fs->fs.space.gathered += n;
	return 1;
}

ssize_t cffs_pwrite(struct exo_fs *xfs, struct exo_file *f, const void *buf, size_t n, uint64_t off, bool append)
{
	struct cffs *fs = cffs_of(xfs);
	struct node *node = node_of(f->node);
	struct ref home;
	ssize_t done;
	int err;

	if (xfs->flags & EXO_FS_RDONLY)
		return -EROFS;
	if (!S_ISREG(f->node->mode))
		return -EISDIR;
	if (n > SSIZE_MAX)
		n = SSIZE_MAX;
	if (append && node->wb)
		off = write_end(node);
	if (!node->wb || append) {
		err = node_pin(fs, node, &home);
		meta_put(fs, &home);
		if (err)
			return err;
		if (append && !node->wb)
			off = node->di.size;
	}
	if (!n)
		return 0;
	err = drop_setid(fs, node);
	if (err)
		return err;
	if (off >= (u64)CFFS_FILE_BLOCKS * BLK)
		return -EFBIG;
	if (n > (u64)CFFS_FILE_BLOCKS * BLK - off)
		n = (u64)CFFS_FILE_BLOCKS * BLK - off;
	if (!exo_space_tight(&fs->fs, fs->map, n) && gather(fs, node, buf, n, off, node->di.size)) {
		/* The time of the write, not of the flush. */
		node->di.time[T_MTIME] = node->di.time[T_CTIME] = stamp_now();
		node_dirty(fs, node, DIRTY_MTIME | DIRTY_CTIME);
		done = n;
	} else {
		err = write_flush(fs, node);
		if (err)
			return err;
		done = write_range(fs, node, buf, n, off);
	}
	nodes_tick(fs);
	return done;
}
