// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * write.c: bytes on their way into the log. What a process writes behind what it wrote before waits in a buffer, so
 * that small writes become one run of blocks and one transaction. Every write gets new blocks, also over old bytes.
 */
#include "logfs.h"

#define CHUNK 256 /* blocks that one transaction writes */

u64 file_end(const struct lino *l)
{
	u64 end = l->buf_len ? l->buf_off + l->buf_len : 0;

	return end > l->di.size ? end : l->di.size;
}

void file_forget(struct logfs *fs, struct lino *l)
{
	struct lino **at;

	for (at = &fs->dirty; *at && *at != l; at = &(*at)->dirty_next)
		;
	if (*at)
		*at = l->dirty_next;
	if (l->buf_len)
		fs->fs.space.gathered -= l->buf_len + BLK;
	free(l->buf);
	l->buf = NULL;
	l->buf_len = 0;
	l->drop_setid = false;
}

/* The whole of a block before bytes change in it; zeroes where nothing was. */
static int old_block(struct logfs *fs, u64 ino, u64 blk, u8 *out)
{
	u32 frame, count;
	u64 at;
	int err = ext_bind(fs, ino, blk, 1, false, &frame, &count, &at);

	memset(out, 0, BLK);
	if (err)
		return err == -ENOENT ? 0 : err;
	memcpy(out, exo_frame_ptr(fs->v, frame), BLK);
	data_unbind(fs, 1, &frame);
	return 0;
}

/* The map: new blocks for [blk, blk + count). */
static int remap(struct logfs *fs, u64 ino, u64 blk, u64 count, u64 end, bool drop)
{
	u64 freed = 0, done, start, n, at;
	struct linode di;
	int err = inode_read(fs, ino, &di);

	if (err)
		return err == -ENOENT ? -ESTALE : err;
	err = ext_cut(fs, ino, blk, blk + count, 2 * CHUNK, &freed, &done);
	for (at = blk; !err && at < blk + count; at += n) {
		err = log_pick(fs, blk + count - at, &start, &n);
		if (err)
			return log_full(fs, err);
		err = ext_add(fs, ino, at, start, n);
	}
	if (err)
		return err;
	di.blocks += count - (freed < count ? freed : count);
	if (end > di.size)
		di.size = end;
	di.mtime = di.ctime = stamp_now();
	if (drop)
		di.mode &= ~exo_setid_lost(&fs->fs, di.mode, di.gid);
	return inode_write(fs, ino, &di);
}

static int fill_once(struct logfs *fs, u64 ino, u64 blk, u64 count, const u8 *bytes)
{
	u32 frames[CHUNK], n, i;
	u64 done, at;
	int err;

	for (done = 0; done < count; done += n) {
		u64 most = count - done < CHUNK ? count - done : CHUNK;

		err = ext_bind(fs, ino, blk + done, most, true, frames, &n, &at);
		/* Somebody has cut the file meanwhile. */
		if (err == -ENOENT && at < count - done) {
			n = at;
			continue;
		}
		if (err)
			return err == -ENOENT ? 0 : err;
		/* Blocks that somebody has put in the place of ours have newer bytes. */
		for (i = 0; i < n; i++)
			if (log_picked(fs, at + i))
				memcpy(exo_frame_ptr(fs->v, frames[i]), bytes + (done + i) * BLK, BLK);
		data_unbind(fs, n, frames);
	}
	return 0;
}

int file_fill(struct logfs *fs, u64 ino, u64 blk, u64 count, const u8 *bytes)
{
	int err;

	LOGFS_RETRY(err, fill_once(fs, ino, blk, count, bytes));
	return err;
}

static int write_once(struct logfs *fs, u64 ino, u64 off, const u8 *buf, size_t n, u8 *whole, bool drop)
{
	u64 blk = off / BLK, end = off + n, count = (end + BLK - 1) / BLK - blk;
	int err = log_txn_begin(fs);

	if (err)
		return err;
	if (off % BLK)
		err = old_block(fs, ino, blk, whole);
	if (!err && end % BLK && (count > 1 || !(off % BLK)))
		err = old_block(fs, ino, blk + count - 1, whole + (count - 1) * BLK);
	if (!err) {
		memcpy(whole + off % BLK, buf, n);
		err = remap(fs, ino, blk, count, end, drop);
	}
	if (err) {
		log_txn_abort(fs);
		return err;
	}
	return log_txn_commit(fs);
}

/* drop: set-id bits go, because of who wrote. */
static int write_out(struct logfs *fs, struct lino *l, u64 off, const u8 *buf, size_t n, bool drop)
{
	u8 *whole = malloc(CHUNK * BLK);
	size_t part;
	int err = whole ? 0 : -ENOMEM;

	for (; !err && n; off += part, buf += part, n -= part) {
		part = CHUNK * BLK - off % BLK < n ? CHUNK * BLK - off % BLK : n;
		LOGFS_RETRY(err, write_once(fs, l->n.ino, off, buf, part, whole, drop));
		if (!err)
			err = file_fill(fs, l->n.ino, off / BLK, (off + part + BLK - 1) / BLK - off / BLK, whole);
		cache_trim(fs);
	}
	free(whole);
	return err;
}

int file_flush(struct logfs *fs, struct lino *l)
{
	int err;

	if (!l->buf_len)
		return 0;
	err = write_out(fs, l, l->buf_off, l->buf, l->buf_len, l->drop_setid);
	/* What could not be written now stays, for another try or for close. */
	if (!err || err == -ESTALE)
		file_forget(fs, l);
	return err;
}

void file_cut(struct logfs *fs, struct lino *l, u64 size)
{
	if (l->buf_len && size <= l->buf_off) {
		file_forget(fs, l);
	} else if (l->buf_len && size - l->buf_off < l->buf_len) {
		fs->fs.space.gathered -= l->buf_len - (size - l->buf_off);
		l->buf_len = size - l->buf_off;
	}
}

int logfs_flush(struct exo_fs *xfs, struct exo_node *node)
{
	struct logfs *fs = logfs_of(xfs);
	struct lino *l = lino_of(node);
	int err;

	cache_trim(fs);
	if (xfs->flags & EXO_FS_RDONLY)
		return 0;
	err = file_flush(fs, l);
	/* Told once; what found no room is given up. */
	if (err == -ENOSPC || err == -EDQUOT)
		file_forget(fs, l);
	return err;
}

int files_flush(struct logfs *fs)
{
	struct lino *l, *next;
	int err = 0, one;

	for (l = fs->dirty; l; l = next) {
		next = l->dirty_next;
		one = file_flush(fs, l);
		if (one && one != -ESTALE)
			err = one;
	}
	return err;
}

ssize_t logfs_pwrite(struct exo_fs *xfs, struct exo_file *f, const void *buf, size_t n, uint64_t off, bool append)
{
	struct logfs *fs = logfs_of(xfs);
	struct lino *l = lino_of(f->node);
	const u64 max = (u64)LOGFS_FILE_BLOCKS * BLK;
	int err;

	cache_trim(fs);
	if (xfs->flags & EXO_FS_RDONLY)
		return -EROFS;
	err = lino_fresh(fs, l);
	if (err)
		return err;
	if (append)
		off = file_end(l);
	if (!n)
		return 0;
	if (off >= max)
		return -EFBIG;
	if (n > max - off)
		n = max - off;
	if (l->buf_len && (off != l->buf_off + l->buf_len || l->buf_len + n > LOGFS_BUFFER)) {
		err = file_flush(fs, l);
		if (err)
			return err;
	}
	/* With little room left, whoever writes is told at once that there is none. */
	if (n > LOGFS_BUFFER / 2 || exo_space_tight(&fs->fs, fs->map, n)) {
		err = file_flush(fs, l);
		if (err)
			return err;
		err = write_out(fs, l, off, buf, n, exo_cred(&fs->fs)->uid);
		return err ? err : (ssize_t)n;
	}
	if (!l->buf) {
		l->buf = malloc(LOGFS_BUFFER);
		if (!l->buf)
			return -ENOMEM;
	}
	if (!l->buf_len) {
		l->buf_off = off;
		fs->fs.space.gathered += BLK;
		l->dirty_next = fs->dirty;
		fs->dirty = l;
	}
	l->drop_setid |= exo_cred(&fs->fs)->uid != 0;
	memcpy(l->buf + l->buf_len, buf, n);
	l->buf_len += n;
	fs->fs.space.gathered += n;
	return n;
}
