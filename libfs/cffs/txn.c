// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * txn.c: one transaction at a time, built from images of partitions. An operation changes images; what it allocates and
 * frees it says with txn_alloc and txn_free; what moves between partitions is found by comparing the claims of all
 * images before and after. The module checks the sum, so a mistake here is refused, not carried out.
 *
 * An image that was not changed is submitted too: it makes the module check the version of a block that was only read.
 */
#include <stdint.h>
#include "cffs.h"

#define CLAIMS (CFFS_IMAGES * CFFS_MAP_EXTS)

void txn_exit(struct cffs *fs)
{
	free(fs->txn.image);
	free(fs->txn.bytes);
	free(fs->txn.pieces);
	fs->txn.image = NULL;
	fs->txn.bytes = NULL;
	fs->txn.pieces = NULL;
}

int txn_begin(struct cffs *fs)
{
	struct txn *t = &fs->txn;
	u32 i;

	if (!t->image) {
		t->image = malloc(CFFS_IMAGES * sizeof(*t->image));
		t->bytes = malloc(2 * CFFS_IMAGES * CFFS_PART);
		t->pieces = malloc(4 * CLAIMS * sizeof(*t->pieces));
		if (!t->image || !t->bytes || !t->pieces) {
			txn_exit(fs);
			return -ENOMEM;
		}
		for (i = 0; i < CFFS_IMAGES; i++) {
			t->image[i].bytes = t->bytes + i * CFFS_PART;
			t->image[i].before = t->bytes + (CFFS_IMAGES + i) * CFFS_PART;
		}
	}
	t->open = true;
	t->nimages = t->nallocs = t->nfrees = t->norders = t->ncontent = t->npins = 0;
	return 0;
}

void txn_abort(struct cffs *fs)
{
	struct txn *t = &fs->txn;
	u32 i;

	for (i = 0; i < t->npins; i++)
		cache_unpin(fs, t->pin[i]);
	t->npins = t->nallocs = t->nimages = t->nfrees = t->norders = t->ncontent = 0;
	t->open = false;
}

bool txn_fresh(struct cffs *fs, u64 block)
{
	struct txn *t = &fs->txn;
	u32 i;

	for (i = 0; i < t->nallocs; i++)
		if (t->alloc[i].template_id && block >= t->alloc[i].start &&
		    block - t->alloc[i].start < t->alloc[i].count)
			return true;
	return false;
}

struct ref txn_new_block(u64 block)
{
	return (struct ref){block, EXO_VERSION_NEW, EXO_NOFRAME};
}

static struct image *find(struct txn *t, u64 block, u32 part)
{
	u32 i;

	for (i = 0; i < t->nimages; i++)
		if (t->image[i].block == block && t->image[i].part == part)
			return &t->image[i];
	return NULL;
}

const u8 *txn_see(struct cffs *fs, const struct ref *r, u32 part)
{
	static const u8 zero[CFFS_PART];
	struct image *im;

	if (fs->txn.open) {
		im = find(&fs->txn, r->block, part);
		if (im)
			return im->bytes;
	}
	if (r->frame == EXO_NOFRAME)
		return zero;
	return (const u8 *)exo_frame_ptr(fs->v, r->frame) + part * CFFS_PART;
}

u8 *txn_part(struct cffs *fs, const struct ref *r, u32 part)
{
	struct txn *t = &fs->txn;
	struct image *im = find(t, r->block, part);
	u32 i;

	if (im)
		return im->bytes;
	if (t->nimages == CFFS_IMAGES)
		return NULL;
	im = &t->image[t->nimages];
	im->block = r->block;
	im->part = part;
	im->frame = r->frame;
	im->fresh = r->frame == EXO_NOFRAME;
	im->version = im->fresh ? EXO_VERSION_NEW : r->version;
	if (im->fresh) {
		part_clear(im->bytes);
	} else {
		part_copy(im->before, txn_see(fs, r, part));
		if (!meta_same(fs, r))
			return NULL;
		part_copy(im->bytes, im->before);
		for (i = 0; i < t->npins && t->pin[i] != r->frame; i++)
			;
		if (i == t->npins) {
			cache_pin(fs, r->frame);
			t->pin[t->npins++] = r->frame;
		}
	}
	t->nimages++;
	return im->bytes;
}

/* A sync may help, or what was left among the orphans by those who have ended. */
static int no_room(struct cffs *fs, int err)
{
	int again = alloc_full(fs, err);

	if (again != err || fs->reaping || fs->make_room || stamp_now() - fs->reaped < 1000000000) {
		fs->make_room = false;
		return again;
	}
	fs->make_room = true;
	return -EAGAIN;
}

int txn_alloc(struct cffs *fs, u64 near, u64 want, bool exact, bool meta, struct extent *e)
{
	struct txn *t = &fs->txn;
	u64 kept = CFFS_KEPT;
	u32 i;
	int err;

	if (t->nallocs == CFFS_ALLOCS)
		return -EXFULL;
	if (!fs->dip) {
		for (i = 0; i < t->nallocs; i++)
			kept += t->alloc[i].count;
		err = exo_space_take(&fs->fs, fs->map, kept, &want);
		if (err)
			return no_room(fs, err);
	}
	err = alloc_pick(fs, near, want, exact, e);
	if (err)
		return no_room(fs, err);
	fs->full = 0;
	t->alloc[t->nallocs++] = (struct exo_decl){EXO_DECL_ALLOC, meta ? fs->template_id : 0, e->start, e->count};
	return 0;
}

int txn_free(struct cffs *fs, u64 start, u64 count, bool meta)
{
	struct txn *t = &fs->txn;

	if (t->nfrees == CFFS_FREES)
		return -EXFULL;
	t->freed[t->nfrees++] = (struct exo_decl){EXO_DECL_FREE, meta ? fs->template_id : 0, start, count};
	return 0;
}

int txn_fill(struct cffs *fs, u64 start, const u8 *bytes, u32 len)
{
	struct txn *t = &fs->txn;
	u32 n;

	for (; len; len -= n, bytes += n) {
		if (t->ncontent == CFFS_CONTENT)
			return -EXFULL;
		n = len < BLK ? len : BLK;
		t->content[t->ncontent++] = (struct exo_edit){start++, EXO_VERSION_DATA, 0, n, (uintptr_t)bytes};
	}
	return 0;
}

int txn_order(struct cffs *fs, u64 later, u32 lpart, u64 first, u32 fpart)
{
	struct txn *t = &fs->txn;

	if (later == first && lpart == fpart)
		return 0;
	if (t->norders == CFFS_ORDERS)
		return -EXFULL;
	t->order[t->norders++] = (struct exo_decl){EXO_DECL_ORDER, lpart | fpart << 8, later, first};
	return 0;
}

/* ---- what moves ---- */

/* What the owns-UDF says of a partition, merged and sorted. */
static u32 owns(const u8 *part, struct piece *out)
{
	struct extent e;
	u32 n = 0, i, k, ext, kind = part[CFFS_H_KIND];
	bool meta;

	if (!get32(part + CFFS_H_MAGIC) || kind == CFFS_KIND_SUPER)
		return 0;
	if (kind == CFFS_KIND_MAP || kind == CFFS_KIND_TABLE) {
		for (i = 0; i < CFFS_MAP_EXTS; i++) {
			extent_get(part + CFFS_H_SIZE + CFFS_E_SIZE * i, &e);
			if (e.count)
				out[n++] = (struct piece){e.start, e.start + e.count, part[CFFS_H_REF]};
		}
	} else {
		for (i = 0; i < (kind == CFFS_KIND_INODE ? 1 : CFFS_SLOTS); i++) {
			if (kind != CFFS_KIND_INODE && !part_used(part, i))
				continue;
			meta = part[CFFS_SLOT(i) + CFFS_S_REF];
			for (ext = 0; ext < CFFS_S_EXTS; ext++) {
				extent_get(part + CFFS_SLOT(i) + CFFS_S_EXT + CFFS_E_SIZE * ext, &e);
				if (e.count)
					out[n++] = (struct piece){e.start, e.start + e.count, meta};
			}
		}
		for (i = 0; kind == CFFS_KIND_INODE && i < CFFS_X_EXTS; i++) {
			extent_get(part + CFFS_X_ATTRS + CFFS_E_SIZE * i, &e);
			if (e.count)
				out[n++] = (struct piece){e.start, e.start + e.count, false};
		}
	}
	for (i = 1; i < n; i++) {
		struct piece p = out[i];

		for (k = i; k && out[k - 1].start > p.start; k--)
			out[k] = out[k - 1];
		out[k] = p;
	}
	for (i = 0, k = 0; i < n; i++) {
		if (k && out[k - 1].end == out[i].start && out[k - 1].meta == out[i].meta)
			out[k - 1].end = out[i].end;
		else
			out[k++] = out[i];
	}
	return k;
}

/* a - b for sorted, disjoint pieces; kinds differ: not the same. */
static u32 minus(const struct piece *a, u32 na, const struct piece *b, u32 nb, struct piece *out)
{
	u32 i, k = 0, n = 0;

	for (i = 0; i < na; i++) {
		u64 at = a[i].start;

		while (k < nb && b[k].end <= at)
			k++;
		for (u32 m = k; m < nb && b[m].start < a[i].end; m++) {
			if (b[m].meta != a[i].meta || b[m].end <= at)
				continue;
			if (b[m].start > at)
				out[n++] = (struct piece){at, b[m].start, a[i].meta};
			at = b[m].end;
		}
		if (at < a[i].end)
			out[n++] = (struct piece){at, a[i].end, a[i].meta};
	}
	return n;
}

static int by_start(const void *x, const void *y)
{
	const struct piece *a = x, *b = y;

	return a->start < b->start ? -1 : a->start > b->start;
}

/* Mostly those of a leaf: qsort alone would cost more than all the rest of this. */
static void sort(struct piece *p, u32 n)
{
	u32 i, k;

	if (n > 64) {
		qsort(p, n, sizeof(*p), by_start);
		return;
	}
	for (i = 1; i < n; i++) {
		struct piece x = p[i];

		for (k = i; k && p[k - 1].start > x.start; k--)
			p[k] = p[k - 1];
		p[k] = x;
	}
}

/* Pieces that left one partition and entered another: MOVE declarations. */
static int find_moves(struct cffs *fs, u32 *ndecls)
{
	struct txn *t = &fs->txn;
	struct piece old[CFFS_MAP_EXTS], new[CFFS_MAP_EXTS], *left = t->pieces, *entered = left + 2 * CLAIMS;
	u32 i, k, nl = 0, ne = 0, no, nn;

	for (i = 0; i < t->nimages; i++) {
		no = t->image[i].fresh ? 0 : owns(t->image[i].before, old);
		nn = owns(t->image[i].bytes, new);
		nl += minus(old, no, new, nn, left + nl);
		ne += minus(new, nn, old, no, entered + ne);
	}
	sort(left, nl);
	sort(entered, ne);
	for (i = 0, k = 0; i < nl && k < ne;) {
		u64 s = left[i].start > entered[k].start ? left[i].start : entered[k].start;
		u64 end = left[i].end < entered[k].end ? left[i].end : entered[k].end;

		if (s < end && left[i].meta == entered[k].meta) {
			if (*ndecls == EXO_MAX_DECLS)
				return -EXFULL;
			t->decl[(*ndecls)++] =
				(struct exo_decl){EXO_DECL_MOVE, left[i].meta ? fs->template_id : 0, s, end - s};
		}
		if (left[i].end < entered[k].end)
			i++;
		else
			k++;
	}
	return 0;
}

/* Partitions that follow each other on the disk and in `bytes` are one edit. */
static u32 make_edits(struct txn *t)
{
	bool before = t->ncontent && t->content[0].block < t->image[0].block;
	u32 i, n = 0;

	/* The module sorts by block what is not in order. */
	for (i = 0; before && i < t->ncontent; i++)
		t->edit[n++] = t->content[i];
	for (i = 0; i < t->nimages; i++) {
		struct image *im = &t->image[i];

		if (i && im[-1].block == im->block && im[-1].part + 1 == im->part)
			t->edit[n - 1].len += CFFS_PART;
		else
			t->edit[n++] = (struct exo_edit){im->block, im->version, im->part * CFFS_PART, CFFS_PART,
							 (uintptr_t)im->bytes};
		im->edit = n - 1;
	}
	for (i = 0; !before && i < t->ncontent; i++)
		t->edit[n++] = t->content[i];
	return n;
}

int txn_commit(struct cffs *fs)
{
	struct exo_why *why = exo_fs_why_here();
	struct txn *t = &fs->txn;
	struct exo_txn x = {.disk = fs->fs.disk, .cap = fs->cap};
	u32 i, n = 0;
	int err = 0;

	if (fs->fs.flags & EXO_FS_RDONLY) {
		txn_abort(fs);
		return -EROFS;
	}
	if (t->nimages > 1)
		err = find_moves(fs, &n);
	for (i = 0; !err && i < t->nallocs; i++)
		if (n == EXO_MAX_DECLS)
			err = -EXFULL;
		else
			t->decl[n++] = t->alloc[i];
	for (i = 0; !err && i < t->nfrees; i++)
		if (n == EXO_MAX_DECLS)
			err = -EXFULL;
		else
			t->decl[n++] = t->freed[i];
	for (i = 0; !err && i < t->norders; i++)
		if (n == EXO_MAX_DECLS)
			err = -EXFULL;
		else
			t->decl[n++] = t->order[i];
	if (err) {
		txn_abort(fs);
		return err;
	}
	x.nedits = make_edits(t);
	x.ndecls = n;
	x.edits = (uintptr_t)t->edit;
	x.decls = (uintptr_t)t->decl;
	x.versions = (uintptr_t)t->versions;
	err = exo_txn(fs->fs.x, &x, why);
	if (err < 0)
		err = err_retry(fs, err, why);
	else
		err = fs->starved = fs->busy = 0;
	for (i = 0; !err && i < t->nimages; i++)
		if (!t->image[i].fresh)
			cache_changed(fs, t->image[i].frame, t->image[i].block, t->versions[t->image[i].edit]);
	/* The images stay readable for txn_version until the next begin. */
	i = t->nimages;
	txn_abort(fs);
	if (!err)
		t->nimages = i;
	return err;
}

u64 txn_version(struct cffs *fs, u64 block)
{
	struct txn *t = &fs->txn;
	u32 i;

	for (i = 0; i < t->nimages; i++)
		if (t->image[i].block == block)
			return t->versions[t->image[i].edit];
	return 0;
}
