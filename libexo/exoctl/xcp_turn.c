// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * xcp_turn.c: files' blocks into frames and out again. See xcp.h for the order of things.
 *
 * Places of the source are asked for right before its reads are submitted, and places of the copy right before its
 * writes, with nothing made in between: making a name may move the inodes beside it, and then the module refuses the
 * old place. A refusal loses nothing: the file goes through memory instead.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include "xcp.h"

#define FRAMES 1024u /* of a turn, at most: the module zeroes each, and a disk seeks between two turns */
#define FILES 2048u  /* queued at a time */
#define SLICE EXO_MAX_BIND

/* As many more as go into one call, until the turn has what it may have. The module zeroes them, so not before they are
 * needed. */
static bool frames_more(struct xcp *c, struct xcp_turn *t)
{
	uint32_t n = t->most - t->nframes < 256 ? t->most - t->nframes : 256;

	if (!n)
		return false;
	if (exo_frame_alloc(c->x, n, t->frames + t->nframes, EXO_FRAME_ANY, NULL) < 0) {
		t->most = t->nframes;
		return false;
	}
	t->nframes += n;
	return true;
}

int xcp_turns_init(struct xcp *c)
{
	const struct exo_query *facts = exo_facts(c->x);
	uint32_t want = facts->out_frames / 16, i;
	int err = 0;

	/* The pool is everybody's: both turns take an eighth of it at most. */
	if (want > facts->out_frame_limit / 2)
		want = facts->out_frame_limit / 2;
	if (want > FRAMES)
		want = FRAMES;
	c->last = &c->first;
	for (i = 0; i < 2; i++) {
		c->turn[i].last = &c->turn[i].first;
		c->turn[i].frames = calloc(want + 1, sizeof(*c->turn[i].frames));
		if (!c->turn[i].frames)
			err = -ENOMEM;
		c->turn[i].most = want;
	}
	return err;
}

void xcp_turns_exit(struct xcp *c)
{
	for (int i = 0; i < 2; i++) {
		struct xcp_turn *t = &c->turn[i];

		for (uint32_t k = 0; k < t->nframes; k += 256)
			exo_frame_free(c->x, t->nframes - k < 256 ? t->nframes - k : 256, t->frames + k, NULL);
		free(t->frames);
		free(t->reads.v);
		free(t->writes.v);
	}
}

/* ---- the queue ---- */

void xcp_queue(struct xcp *c, struct xcp_item *it)
{
	it->next = NULL;
	*c->last = it;
	c->last = &it->next;
	c->queued++;
	c->queued_blocks += it->linked ? 0 : (it->st.st_size + EXO_BLOCK_SIZE - 1) / EXO_BLOCK_SIZE;
}

bool xcp_queue_full(const struct xcp *c)
{
	return c->queued >= FILES || c->queued_blocks >= c->turn[c->now].most;
}

static void move_first(struct xcp *c, struct xcp_turn *t)
{
	struct xcp_item *it = c->first;

	c->first = it->next;
	if (!c->first)
		c->last = &c->first;
	c->queued--;
	c->queued_blocks -= it->linked ? 0 : (it->st.st_size + EXO_BLOCK_SIZE - 1) / EXO_BLOCK_SIZE;
	it->next = NULL;
	*t->last = it;
	t->last = &it->next;
}

/* ---- slices ---- */

static struct xcp_slice *slice_add(struct xcp_list *l)
{
	if (l->n == l->room) {
		uint32_t room = l->room ? 2 * l->room : 256;
		struct xcp_slice *v = realloc(l->v, room * sizeof(*v));

		if (!v)
			return NULL;
		l->v = v;
		l->room = room;
	}
	return &l->v[l->n++];
}

static int by_place(const void *a, const void *b)
{
	const struct exo_io *x = &((const struct xcp_slice *)a)->io, *y = &((const struct xcp_slice *)b)->io;

	if (x->disk != y->disk)
		return x->disk < y->disk ? -1 : 1;
	return x->first < y->first ? -1 : x->first > y->first;
}

static void start_all(struct xcp *c, struct xcp_list *l, uint32_t flags)
{
	qsort(l->v, l->n, sizeof(*l->v), by_place);
	for (uint32_t i = 0; i < l->n; i++)
		xcp_start(c, &l->v[i], flags);
	xcp_go(c);
}

struct taking {
	struct xcp *c;
	struct xcp_turn *t;
	struct xcp_item *it;
	int err;
};

/* A stretch of the source: as much of it as frames are left; 1 when not all of it. */
static int take_read(void *arg, const struct exo_file_extent *e)
{
	struct taking *k = arg;
	struct xcp_turn *t = k->t;
	uint32_t done = 0, n;

	while (done < e->io.count && (t->used < t->nframes || frames_more(k->c, t))) {
		struct xcp_slice *s = slice_add(&t->reads);

		if (!s)
			return k->err = -ENOMEM;
		n = e->io.count - done;
		if (n > SLICE)
			n = SLICE;
		if (n > t->nframes - t->used)
			n = t->nframes - t->used;
		*s = (struct xcp_slice){.item = k->it, .turn = t, .at = t->used, .io = e->io};
		s->off = e->off + (uint64_t)done * EXO_BLOCK_SIZE;
		s->io.first += done;
		s->io.count = n;
		t->used += n;
		done += n;
	}
	k->it->off = e->off + (uint64_t)done * EXO_BLOCK_SIZE;
	return done < e->io.count;
}

/* 0: all of the file that was left is in this turn now; 1: not all; -errno. */
static int take_file(struct xcp *c, struct xcp_turn *t, struct xcp_item *it)
{
	struct taking k = {.c = c, .t = t, .it = it};
	uint64_t size;
	int err;

	if (it->linked || it->failed)
		return 0;
	it->taken = true;
	if (!it->src && !it->known) {
		err = xcp_open_source(c, it);
		if (err) {
			it->failed = true;
			xcp_trouble(c, it->from, "", err);
			return 0;
		}
	}
	size = it->st.st_size;
	if (it->slow || it->off >= size)
		return 0;
	if (!t->nframes && !frames_more(c, t)) {
		it->slow = true;
		return 0;
	}
	err = xcp_source_extents(it, it->off, size - it->off, take_read, &k);
	if (err == 1)
		return 1;
	if (err) {
		it->slow = true;
		return k.err;
	}
	it->off = size;
	return 0;
}

static int take_write(void *arg, const struct exo_file_extent *e)
{
	struct xcp_slice *r = *(struct xcp_slice **)arg;
	uint32_t done = 0, skip = (e->off - r->off) / EXO_BLOCK_SIZE, n;

	while (done < e->io.count) {
		struct xcp_slice *s = slice_add(&r->turn->writes);

		if (!s)
			return -ENOMEM;
		n = e->io.count - done < SLICE ? e->io.count - done : SLICE;
		*s = (struct xcp_slice){.item = r->item, .turn = r->turn, .at = r->at + skip + done, .io = e->io};
		s->off = e->off + (uint64_t)done * EXO_BLOCK_SIZE;
		s->io.first += done;
		s->io.count = n;
		done += n;
	}
	return 0;
}

/* Where in the copy the slice goes. A copy that somebody changed meanwhile may lack blocks: then through memory. */
static void plan_write(struct xcp_slice *r)
{
	const struct xcp_item *it = r->item;
	struct xcp_list *l = &r->turn->writes;
	const struct exo_make *v = it->whole ? &it->batch->v[it->nth] : NULL;
	uint32_t before = l->n, got = 0, i;
	uint64_t len = (uint64_t)r->io.count * EXO_BLOCK_SIZE;

	if (v ? xcp_extents(v->where, v->nwhere, r->off, len, take_write, &r)
	      : exo_file_extents(it->dst, r->off, len, 0, take_write, &r))
		r->item->slow = true;
	for (i = before; i < l->n; i++)
		got += l->v[i].io.count;
	if (got != r->io.count)
		r->item->slow = true;
	if (r->item->slow)
		l->n = before;
}

/* The bytes behind the end in the last block: the source's are nobody's business in the copy. */
static void clear_tail(struct xcp *c, const struct xcp_slice *r)
{
	uint64_t end = r->off + (uint64_t)r->io.count * EXO_BLOCK_SIZE, size = r->item->st.st_size;
	char *last;

	if (end <= size || end - size >= EXO_BLOCK_SIZE)
		return;
	last = exo_frame_ptr(exo_view(c->x), r->turn->frames[r->at + r->io.count - 1]);
	memset(last + size % EXO_BLOCK_SIZE, 0, end - size);
}

/* ---- turns ---- */

/* What the turn still has in flight ends, and its files are done. */
static int complete(struct xcp *c, struct xcp_turn *t)
{
	int stop = 0;

	xcp_wait(c, t);
	while (t->first) {
		struct xcp_item *it = t->first;

		t->first = it->next;
		stop |= xcp_finish(c, it);
	}
	t->last = &t->first;
	t->used = t->reads.n = t->writes.n = 0;
	return stop;
}

/* Their content did not all get there. */
static void give_up(struct xcp_item *it)
{
	for (; it; it = it->next)
		it->failed = true;
}

static int begin_all(struct xcp *c, struct xcp_turn *t)
{
	struct xcp_item *it;
	int stop = 0;

	for (it = t->first; it && !stop; it = it->next)
		if (!it->begun && !it->failed)
			stop = xcp_begin(c, it);
	/* One that has its first part in this turn is still the queue's. */
	if (!stop && c->first && c->first->taken && !c->first->begun && !c->first->failed)
		stop = xcp_begin(c, c->first);
	return stop;
}

int xcp_turn_once(struct xcp *c)
{
	struct xcp_turn *t = &c->turn[c->now];
	int stop = complete(c, t), part = 0;

	while (!stop && c->first && !part) {
		part = take_file(c, t, c->first);
		if (part < 0) {
			fail("out of memory");
			stop = 1;
		} else if (!part) {
			move_first(c, t);
		}
	}
	if (!stop)
		start_all(c, &t->reads, 0);
	if (!stop)
		stop = begin_all(c, t);
	xcp_wait(c, t);
	for (uint32_t i = 0; !stop && i < t->reads.n; i++) {
		struct xcp_slice *r = &t->reads.v[i];

		if (r->item->failed || r->item->slow)
			continue;
		clear_tail(c, r);
		plan_write(r);
	}
	if (stop)
		give_up(t->first);
	else
		start_all(c, &t->writes, EXO_IO_WRITE);
	progress_show(&c->p);
	c->now ^= 1;
	return stop;
}

int xcp_drain(struct xcp *c, int stop)
{
	while (c->first && !stop)
		stop = stop_asked() ? 1 : xcp_turn_once(c);
	/* Whatever ended the copy: transfers end before frames go, and files before their handles. */
	stop |= complete(c, &c->turn[c->now]);
	stop |= complete(c, &c->turn[c->now ^ 1]);
	give_up(c->first);
	while (c->first) {
		struct xcp_item *it = c->first;

		c->first = it->next;
		xcp_finish(c, it);
	}
	return stop;
}
