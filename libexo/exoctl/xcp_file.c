// SPDX-License-Identifier: GPL-2.0 OR MIT
/* xcp_file.c: one regular file of xcp: its copy's name and blocks, and what is done when its transfers have ended. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "xcp.h"

int xcp_open_source(struct xcp *c, struct xcp_item *it)
{
	int err = exo_file_open(c->from, fs_path(it->from), O_RDONLY | O_NOFOLLOW, 0, &it->src);

	if (!err)
		err = exo_file_stat(it->src, &it->st);
	return !err && !S_ISREG(it->st.st_mode) ? -ESTALE : err;
}

/* What stands at the copy's place: opened if it can be written into, as cp does. Says what it refuses. */
static int open_existing(struct xcp *c, struct xcp_item *it)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
	struct stat have;
	int err = exo_fs_stat(c->to, it->to, 0, &have);

	if (err == -ENOENT && !exo_fs_stat(c->to, it->to, EXO_FS_NOFOLLOW, &have)) {
		it->failed = true;
		return xcp_trouble(c, it->to, "a symbolic link to nothing; not written through", 0);
	}
	if (!err && S_ISDIR(have.st_mode)) {
		it->failed = true;
		return xcp_trouble(c, it->to, "a directory; not overwritten with a file", 0);
	}
	if (!err && c->from == c->to && have.st_ino == it->st.st_ino) {
		it->failed = true;
		return xcp_trouble(c, it->to, "the same file as the source", 0);
	}
	/* The other names of what is there keep their content. */
	if (!err && have.st_nlink > 1) {
		err = exo_fs_unlink(c->to, it->to);
		if (!err)
			err = exo_file_open(c->to, it->to, flags, xcp_first_mode(c, &it->st), &it->dst);
		it->created = !err;
	} else if (!err) {
		err = exo_file_open(c->to, it->to, O_WRONLY | O_TRUNC, 0, &it->dst);
	}
	return err;
}

static int open_copy(struct xcp *c, struct xcp_item *it)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
	int err;

	xcp_act_as(c, &it->st);
	err = exo_file_open(c->to, it->to, flags, xcp_first_mode(c, &it->st), &it->dst);
	it->created = !err;
	if (err == -EEXIST)
		err = open_existing(c, it);
	xcp_act_as(c, NULL);
	return err;
}

struct reserving {
	struct xcp_item *it;
	uint64_t off, end; /* a stretch of the file that will be asked for */
	int err;
};

static int reserve(struct reserving *r)
{
	uint64_t size = r->it->st.st_size, end = r->end < size ? r->end : size;

	if (r->off < end)
		r->err = exo_file_extents(r->it->dst, r->off, end - r->off, EXO_EXTENTS_ALLOC, NULL, NULL);
	return r->err;
}

static int reserve_stretch(void *arg, const struct exo_file_extent *e)
{
	struct reserving *r = arg;
	int err = 0;

	if (e->off != r->end) {
		err = reserve(r);
		r->off = e->off;
	}
	r->end = e->off + (uint64_t)e->io.count * EXO_BLOCK_SIZE;
	return err;
}

/* Blocks where the source has some, holes where it has none. */
static int reserve_all(struct xcp_item *it)
{
	struct reserving r = {.it = it};
	uint64_t size = it->st.st_size;
	int err;

	err = xcp_source_extents(it, 0, size, reserve_stretch, &r);
	if (!err)
		err = reserve(&r);
	if (!err && r.end < size)
		err = exo_file_truncate(it->dst, size);
	if (err && !r.err && err != -EOPNOTSUPP)
		return err;
	if (err == -EOPNOTSUPP) {
		it->slow = true;
		err = 0;
	}
	return err;
}

static int make_link(struct xcp *c, struct xcp_item *it)
{
	struct stat a, b;
	int err = exo_at_link(c->to, NULL, it->linked, NULL, it->to, 0);

	if (err == -EEXIST) {
		err = exo_fs_stat(c->to, it->to, EXO_FS_NOFOLLOW, &b);
		if (!err && S_ISDIR(b.st_mode))
			return -EISDIR;
		if (!err)
			err = exo_fs_stat(c->to, it->linked, EXO_FS_NOFOLLOW, &a);
		if (!err && a.st_ino == b.st_ino)
			return 0;
		if (!err)
			err = exo_fs_unlink(c->to, it->to);
		if (!err)
			err = exo_at_link(c->to, NULL, it->linked, NULL, it->to, 0);
	}
	return err;
}

static int said(struct xcp *c, struct xcp_item *it, const char *path, int err)
{
	it->failed = true;
	if (xcp_ends(c, path, err))
		return 1;
	return xcp_trouble(c, path, "", err);
}

int xcp_begin(struct xcp *c, struct xcp_item *it)
{
	int err;

	it->begun = true;
	if (it->linked) {
		err = make_link(c, it);
		if (xcp_again(c, err))
			err = make_link(c, it);
		if (!err)
			return 0;
		if (err != -EOPNOTSUPP && err != -EMLINK)
			return said(c, it, it->to, err);
		/* Then it becomes a file of its own. */
		it->linked = NULL;
		it->slow = true;
		c->unlinked++;
	}
	if (it->batch) {
		if (xcp_batch_make(c, it->batch))
			return 1;
		err = it->batch->v[it->nth].err;
		it->whole = it->created = !err;
		if (!err)
			return 0;
		if (err != -EAGAIN && err != -EEXIST && !xcp_again(c, err))
			return said(c, it, it->to, err);
	}
	err = open_copy(c, it);
	if (xcp_again(c, err))
		err = open_copy(c, it);
	if (err)
		return said(c, it, it->to, err);
	if (it->failed || !it->st.st_size)
		return 0;
	err = it->slow ? 0 : reserve_all(it);
	if (xcp_again(c, err))
		err = reserve_all(it);
	return err ? said(c, it, it->to, err) : 0;
}

/* ---- through memory ---- */

static bool zero(const char *buf, size_t n)
{
	return !n || (!*buf && !memcmp(buf, buf + 1, n - 1));
}

static int put(struct exo_file *f, const char *buf, size_t n, uint64_t off)
{
	while (n) {
		ssize_t did = exo_file_pwrite(f, buf, n, off);

		if (did <= 0)
			return did ? did : -EIO;
		buf += did;
		n -= did;
		off += did;
	}
	return 0;
}

/* One that a batch made was not opened; and its owner may have no right to write it. */
static int open_whole(struct xcp *c, struct xcp_item *it)
{
	int err = c->root ? 0 : exo_fs_chmod(c->to, it->to, 0600);

	return err ? err : exo_file_open(c->to, it->to, O_WRONLY | O_NOFOLLOW, 0, &it->dst);
}

/* *from: it is the source that failed. */
static int copy_bytes(struct xcp *c, struct xcp_item *it, bool *from)
{
	uint64_t at = 0, size = it->st.st_size;
	bool sparse = (uint64_t)it->st.st_blocks * 512 < size;
	int err = exo_file_truncate(it->dst, 0);

	while (!err && at < size) {
		off_t data = exo_file_seek(it->src, at, SEEK_DATA);
		ssize_t got;

		if (data == -ENXIO)
			break;
		*from = true;
		if (data < 0)
			return data;
		at = data;
		got = exo_file_pread(it->src, c->buf, size - at < XCP_BUF ? size - at : XCP_BUF, at);
		if (got < 0)
			return got;
		if (!got)
			break;
		*from = false;
		if (!sparse || !zero(c->buf, got))
			err = put(it->dst, c->buf, got, at);
		at += got;
		c->p.bytes += got;
		progress_show(&c->p);
		if (stop_asked())
			return -EINTR;
	}
	/* A hole at the end has no data; of a file that shrank meanwhile only what was read is there. */
	if (!err && at >= size)
		err = exo_file_truncate(it->dst, size);
	if (!err)
		err = exo_file_flush(it->dst);
	return err;
}

int xcp_finish(struct xcp *c, struct xcp_item *it)
{
	struct xcp_place from = {c->from, NULL, fs_path(it->from)}, to = {c->to, NULL, it->to};
	bool source = false, slow = !it->failed && !it->linked && it->slow && it->st.st_size;
	int stop = 0, err = 0;

	if (slow) {
		source = !it->src;
		if (!it->src)
			err = xcp_open_source(c, it);
		if (!err && !it->dst) {
			source = false;
			err = open_whole(c, it);
		}
		if (!err)
			err = copy_bytes(c, it, &source);
		c->slow++;
		if (err)
			stop = said(c, it, source ? it->from : it->to, err);
	}
	/* Made with the others of its directory, before anybody came to it. */
	if (it->batch && it->batch->made && !it->batch->v[it->nth].err)
		it->created = true;
	if (it->src)
		from.at = it->src, from.path = "";
	if (it->dst)
		to.at = it->dst, to.path = "";
	if (!it->failed && !it->linked && (!it->whole || slow)) {
		err = xcp_attributes(c, &from, &to, &it->st);
		if (err && xcp_ends(c, it->to, err))
			stop = 1;
		else if (err)
			xcp_trouble(c, it->to, "attributes", err);
	}
	if (!it->failed) {
		c->p.files += !it->linked;
		c->second += !!it->linked;
	}
	exo_file_close(it->src);
	exo_file_close(it->dst);
	/* A copy without its content would look like one. */
	if (it->failed && it->created)
		exo_fs_unlink(c->to, it->to);
	xcp_batch_put(it->batch);
	free(it);
	return stop;
}
