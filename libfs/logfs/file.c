// SPDX-License-Identifier: GPL-2.0 OR MIT
/* file.c: open files: reading, cutting, holes. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include "logfs.h"

#define BATCH 64 /* blocks bound at a time */

int logfs_file_open(struct exo_fs *xfs, struct exo_file *f)
{
	struct lino *l = lino_of(f->node);
	bool first = !l->opens;
	int err;

	/* First the mark, then the look (opens.h). */
	if (first)
		exo_opens_hold(xfs, l->n.ino);
	/* An O_PATH handle does not keep what it names; what is gone by now cannot be opened. */
	err = lino_fresh(logfs_of(xfs), l);
	if (err && first)
		exo_opens_drop(xfs, l->n.ino);
	l->opens += !err;
	return err;
}

void logfs_file_close(struct exo_fs *xfs, struct exo_file *f)
{
	struct logfs *fs = logfs_of(xfs);
	struct lino *l = lino_of(f->node);

	cache_trim(fs);
	data_unbind(fs, f->npins, f->pins);
	f->npins = 0;
	if (!(xfs->flags & EXO_FS_RDONLY))
		file_flush(fs, l);
	if (!--l->opens)
		exo_opens_drop(xfs, l->n.ino);
	if (!l->opens && !lino_fresh(fs, l) && !l->di.nlink && !(xfs->flags & EXO_FS_RDONLY) &&
	    !exo_opens_elsewhere(xfs, l->n.ino)) {
		file_forget(fs, l);
		inode_free(fs, l->n.ino);
	}
	xfs->type->put(xfs, f->node);
}

/* Bytes of one extent or hole, through frames that are bound for as long as the copy takes. */
static ssize_t read_once(struct logfs *fs, u64 ino, u8 *buf, size_t n, u64 off)
{
	u64 in = off % BLK, want = (in + n + BLK - 1) / BLK, at;
	u32 frames[BATCH], count, i;
	size_t done = 0;
	int err = ext_bind(fs, ino, off / BLK, want < BATCH ? want : BATCH, false, frames, &count, &at);

	if (err == -ENOENT) {
		if (at < want)
			n = at * BLK - in;
		memset(buf, 0, n);
		return n;
	}
	if (err)
		return err;
	for (i = 0; i < count && done < n; i++, in = 0) {
		size_t part = BLK - in < n - done ? BLK - in : n - done;

		memcpy(buf + done, (u8 *)exo_frame_ptr(fs->v, frames[i]) + in, part);
		done += part;
	}
	data_unbind(fs, count, frames);
	return done;
}

ssize_t logfs_pread(struct exo_fs *xfs, struct exo_file *f, void *buf, size_t n, uint64_t off)
{
	struct logfs *fs = logfs_of(xfs);
	struct lino *l = lino_of(f->node);
	size_t done = 0;
	ssize_t got;
	int err;

	cache_trim(fs);
	if (S_ISDIR(f->node->mode))
		return -EISDIR;
	if (l->buf_len && off < l->buf_off + l->buf_len && off + n > l->buf_off) {
		err = file_flush(fs, l);
		if (err)
			return err;
	}
	err = lino_fresh(fs, l);
	if (err)
		return err;
	if (off >= file_end(l))
		return 0;
	if (n > file_end(l) - off)
		n = file_end(l) - off;
	while (done < n) {
		LOGFS_RETRY(got, read_once(fs, l->n.ino, (u8 *)buf + done, n - done, off + done));
		if (got < 0)
			return done ? (ssize_t)done : got;
		done += got;
	}
	if (done && !(f->oflags & O_NOATIME))
		atime_read(fs, l);
	return done;
}

/* ---- cutting and allocating ---- */

/* One step of cutting [from, to) out and, if size is not -1, of setting the size. 1: more to do. */
static int cut_step(struct logfs *fs, struct lino *l, u64 from, u64 *to, u64 size)
{
	struct linode di;
	u64 freed, done;
	int err = log_txn_begin(fs);

	if (err)
		return err;
	err = inode_read(fs, l->n.ino, &di);
	if (!err)
		err = ext_cut(fs, l->n.ino, from, *to, LOGFS_STEP, &freed, &done);
	if (!err) {
		di.blocks = di.blocks > freed ? di.blocks - freed : 0;
		if (size != UINT64_MAX)
			di.size = done > from && done * BLK > size ? done * BLK : size;
		di.mtime = di.ctime = stamp_now();
		if (exo_cred(&fs->fs)->uid)
			di.mode &= ~exo_setid_lost(&fs->fs, di.mode, di.gid);
		err = inode_write(fs, l->n.ino, &di);
	}
	if (err) {
		log_txn_abort(fs);
		return err == -ENOENT ? -ESTALE : err;
	}
	err = log_txn_commit(fs);
	if (!err)
		*to = done;
	return err ? err : done > from;
}

static int cut(struct logfs *fs, struct lino *l, u64 from, u64 to, u64 size)
{
	int more;

	do {
		LOGFS_RETRY(more, cut_step(fs, l, from, &to, size));
		cache_trim(fs);
	} while (more > 0);
	return more;
}

/* Zeroes into the part of a block that is cut off or punched out; as any other write, into a new block. */
static int zero_part(struct logfs *fs, struct lino *l, u64 from, u64 to)
{
	struct exo_file f = {.fs = &fs->fs, .node = &l->n, .oflags = O_WRONLY};
	static const u8 zero[BLK];
	struct rec r;
	u64 hole;
	ssize_t put;
	int err;

	if (to > file_end(l))
		to = file_end(l);
	if (from >= to)
		return 0;
	LOGFS_RETRY(err, ext_find(fs, l->n.ino, from / BLK, &r, &hole));
	if (err)
		return err == -ENOENT ? 0 : err;
	put = logfs_pwrite(&fs->fs, &f, zero, to - from, from, false);
	return put < 0 ? put : file_flush(fs, l);
}

/* Before the map of a file changes up to byte `end`: nothing in the buffer, di as of now. */
static int begin(struct logfs *fs, struct lino *l, u64 end)
{
	int err;

	cache_trim(fs);
	if (fs->fs.flags & EXO_FS_RDONLY)
		return -EROFS;
	if (end > (u64)LOGFS_FILE_BLOCKS * BLK)
		return -EFBIG;
	err = file_flush(fs, l);
	return err ? err : lino_fresh(fs, l);
}

int logfs_truncate(struct exo_fs *xfs, struct exo_node *node, uint64_t size)
{
	struct logfs *fs = logfs_of(xfs);
	struct lino *l = lino_of(node);
	int err;

	if (!(xfs->flags & EXO_FS_RDONLY))
		file_cut(fs, l, size);
	fs->dip = size < l->di.size;
	err = begin(fs, l, size);
	if (err)
		goto out;
	if (size < l->di.size) {
		/* Bytes behind the end must read as zeroes when the file grows again. */
		err = size % BLK ? zero_part(fs, l, size, (size + BLK - 1) / BLK * BLK) : 0;
		if (!err)
			err = cut(fs, l, (size + BLK - 1) / BLK, LOGFS_FILE_BLOCKS, size);
	} else {
		err = cut(fs, l, LOGFS_FILE_BLOCKS, LOGFS_FILE_BLOCKS, size);
	}
out:
	fs->dip = false;
	return err ? err : lino_fresh(fs, l);
}

/* One step of filling holes of [*at, to) with blocks that read as zeroes. 1: more to do. */
static int fill_step(struct logfs *fs, struct lino *l, u64 *at, u64 to, u64 size)
{
	u64 blk = *at, hole, start, count;
	struct linode di;
	struct rec r;
	u32 runs = 0;
	int err = log_txn_begin(fs);

	if (err)
		return err;
	err = inode_read(fs, l->n.ino, &di);
	while (!err && blk < to && runs < LOGFS_STEP) {
		err = ext_find(fs, l->n.ino, blk, &r, &hole);
		if (!err) {
			blk = r.sub + r.len;
			continue;
		}
		if (err != -ENOENT)
			break;
		err = log_pick(fs, hole < to - blk ? hole : to - blk, &start, &count);
		if (err) {
			err = log_full(fs, err);
			break;
		}
		err = ext_add(fs, l->n.ino, blk, start, count);
		di.blocks += count;
		blk += count;
		runs++;
	}
	if (!err) {
		if (blk >= to && size > di.size)
			di.size = size;
		di.mtime = di.ctime = stamp_now();
		err = inode_write(fs, l->n.ino, &di);
	}
	if (err) {
		log_txn_abort(fs);
		return err == -ENOENT ? -ESTALE : err;
	}
	err = log_txn_commit(fs);
	if (!err)
		*at = blk;
	return err ? err : blk < to;
}

int logfs_fallocate(struct exo_fs *xfs, struct exo_node *node, int mode, uint64_t off, uint64_t len)
{
	struct logfs *fs = logfs_of(xfs);
	struct lino *l = lino_of(node);
	u64 end = off + len, first = off / BLK, last = (end + BLK - 1) / BLK, size;
	int err = begin(fs, l, end);

	if (err)
		return err;
	if (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) {
		u64 from = (off + BLK - 1) / BLK, to = end / BLK;

		/* The last block counts as whole when the file ends in it. */
		if (end % BLK && end >= file_end(l) && file_end(l) > to * BLK)
			to++;
		if (off / BLK == (end - 1) / BLK && to <= from) {
			err = zero_part(fs, l, off, end);
		} else {
			if (off % BLK)
				err = zero_part(fs, l, off, from * BLK);
			if (!err && end > to * BLK)
				err = zero_part(fs, l, to * BLK, end);
			if (!err && from < to)
				err = cut(fs, l, from, to, UINT64_MAX);
		}
		if (err || mode & FALLOC_FL_PUNCH_HOLE)
			return err ? err : lino_fresh(fs, l);
	}
	size = mode & FALLOC_FL_KEEP_SIZE ? 0 : end;
	do {
		LOGFS_RETRY(err, fill_step(fs, l, &first, last, size));
		cache_trim(fs);
	} while (err > 0);
	return err ? err : lino_fresh(fs, l);
}

static off_t seek_once(struct logfs *fs, struct lino *l, u64 off, int whence)
{
	u64 blk = off / BLK, at = off, hole;
	struct rec r;
	int err;

	while (at < l->di.size) {
		err = ext_find(fs, l->n.ino, blk, &r, &hole);
		if (err && err != -ENOENT)
			return err;
		if (!err == (whence == SEEK_DATA))
			return at;
		blk = err ? blk + hole : r.sub + r.len;
		at = blk * BLK;
	}
	return whence == SEEK_DATA ? -ENXIO : (off_t)l->di.size;
}

off_t logfs_seek(struct exo_fs *xfs, struct exo_node *node, uint64_t off, int whence)
{
	struct logfs *fs = logfs_of(xfs);
	struct lino *l = lino_of(node);
	off_t at;
	int err;

	cache_trim(fs);
	err = xfs->flags & EXO_FS_RDONLY ? 0 : file_flush(fs, l);
	if (!err)
		err = lino_fresh(fs, l);
	if (err)
		return err;
	if (off >= l->di.size)
		return -ENXIO;
	LOGFS_RETRY(at, seek_once(fs, l, off, whence));
	return at;
}

/* ---- without a copy ---- */

static int peek_once(struct logfs *fs, struct lino *l, u64 off, u32 *frame)
{
	u32 count;
	u64 at;
	int err = ext_bind(fs, l->n.ino, off / BLK, 1, false, frame, &count, &at);

	if (err == -ENOENT)
		*frame = EXO_NOFRAME;
	return err == -ENOENT ? 0 : err;
}

ssize_t logfs_peek(struct exo_fs *xfs, struct exo_file *f, uint64_t off, const void **data)
{
	static const u8 zero[BLK] __attribute__((aligned(4096)));
	struct logfs *fs = logfs_of(xfs);
	struct lino *l = lino_of(f->node);
	u64 left;
	u32 frame, *more, i;
	int err;

	cache_trim(fs);
	err = xfs->flags & EXO_FS_RDONLY ? 0 : file_flush(fs, l);
	if (!err)
		err = lino_fresh(fs, l);
	if (err)
		return err;
	if (off >= l->di.size)
		return 0;
	left = l->di.size - off;
	if (left > BLK - off % BLK)
		left = BLK - off % BLK;
	LOGFS_RETRY(err, peek_once(fs, l, off, &frame));
	if (err)
		return err;
	if (frame == EXO_NOFRAME) {
		*data = zero + off % BLK;
		return left;
	}
	for (i = 0; i < f->npins && f->pins[i] != frame; i++)
		;
	if (i == f->npins) {
		if (f->npins == f->room) {
			more = realloc(f->pins, (f->room + 64) * sizeof(*more));
			if (!more) {
				data_unbind(fs, 1, &frame);
				return -ENOMEM;
			}
			f->pins = more;
			f->room += 64;
		}
		f->pins[f->npins++] = frame;
	}
	*data = (u8 *)exo_frame_ptr(fs->v, frame) + off % BLK;
	return left;
}
