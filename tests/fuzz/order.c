// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * order.c: libFuzzer target for the order graph alone: waits, links, writes that run, fail, end and become durable, in any mix.
 * Beside each wait and link stands a plain record; cycles are searched there in the dullest way, lists are looked at from
 * both ends, and at the end nothing may be left.
 */
#include <stdlib.h>
#include <string.h>
#include "../../kmod/core/internal.h"
#include "../sim/sim.h"

#define N 12u
#define MAX 256u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static struct exo_core core;
static struct exo_disk disk;
static struct exo_side side[N];
static struct exo_buf bufs[N];
static struct exo_done *running[N], *flying[MAX]; /* submitted; complete, waiting for a flush */
static u32 nflying;

static void need(bool is)
{
	if (!is)
		abort();
}

static struct exo_node *node(u32 i)
{
	return &side[i % N].node;
}

static u32 number(const struct exo_node *n)
{
	return n->id;
}

static void start(void)
{
	u32 i;

	memset(&core, 0, sizeof(core));
	memset(&disk, 0, sizeof(disk));
	memset(side, 0, sizeof(side));
	memset(bufs, 0, sizeof(bufs)); /* FREE: as of a transaction that is being checked, so that each link counts */
	core.frames = N;
	core.side = side;
	core.bufs = bufs;
	disk.c = &core;
	nflying = 0;
	memset(running, 0, sizeof(running));
	for (i = 0; i < N; i++) {
		side[i].node.id = i;
		side[i].node.block = 1000 + i;
		bufs[i].disk = EXO_MAX_DISKS;
	}
}

/* Every list from both ends. */
static void lists(void)
{
	struct exo_wait *w;
	struct exo_link *k;
	u32 i;

	for (i = 0; i < N; i++) {
		struct exo_node *n = node(i);

		for (w = n->waits; w; w = w->src_next)
			need(w->src == n && *w->src_at == w && *w->dst_at == w && (!w->src_next || w->src_next->src_at == &w->src_next));
		for (w = n->waiters; w; w = w->dst_next)
			need(w->dst == n && *w->src_at == w && *w->dst_at == w && (!w->dst_next || w->dst_next->dst_at == &w->dst_next));
		for (k = n->kids; k; k = k->next) {
			need(k->parent == n && *k->at == k && (!k->next || k->next->at == &k->next));
			need(!k->done || (*k->done_at == k && !k->durable));
		}
		need(!n->link || (n->link->child == n && *n->link->at == n->link));
		if (!running[i])
			continue;
		for (w = running[i]->waiters; w; w = w->dst_next)
			need(w->dst == n && *w->dst_at == w);
		for (k = running[i]->kids; k; k = k->done_next)
			need(k->done == running[i] && *k->done_at == k);
	}
	for (i = 0; i < nflying; i++) {
		for (w = flying[i]->waiters; w; w = w->dst_next)
			need(!w->dst && *w->dst_at == w);
		for (k = flying[i]->kids; k; k = k->done_next)
			need(k->done == flying[i]);
	}
}

/* Edges: a wait for a node, and a link to a child that is still its child. */
static bool edge(u32 from, u32 to)
{
	const struct exo_wait *w;
	const struct exo_link *k;

	for (w = node(from)->waits; w; w = w->src_next)
		if (w->dst && number(w->dst) == to)
			return true;
	for (k = node(from)->kids; k; k = k->next)
		if (number(k->child) == to && k->child->link == k)
			return true;
	return false;
}

static void cycles(void)
{
	struct exo_node *all[N], *hit;
	bool reach[N][N];
	u32 i, k, m;
	bool is = false;

	for (i = 0; i < N; i++)
		for (k = 0; k < N; k++)
			reach[i][k] = edge(i, k);
	for (m = 0; m < N; m++)
		for (i = 0; i < N; i++)
			for (k = 0; k < N; k++)
				reach[i][k] |= reach[i][m] && reach[m][k];
	for (i = 0; i < N; i++) {
		all[i] = node(i);
		is |= reach[i][i];
	}
	hit = exo_order_cycle(&core, all, N);
	need(!hit == !is && (!hit || reach[number(hit)][number(hit)]));
	/* From one node: only what it reaches counts. */
	for (i = 0; i < N; i++) {
		is = false;
		for (k = 0; k < N; k++)
			is |= (k == i || reach[i][k]) && reach[k][k];
		hit = exo_order_cycle(&core, all + i, 1);
		need(!hit == !is);
	}
}

/* A node moves, or is new, below a parent. */
static void hang(u32 parent, u32 child, u32 sectors)
{
	struct exo_link *l = exo_plat_alloc(sizeof(*l));

	need(l && parent % N != child % N);
	if (node(child)->link) {
		struct exo_link *old = node(child)->link;

		exo_link_remove(&core, old);
		exo_plat_free(old);
	}
	exo_link_add(l, node(parent), node(child), sectors);
	node(child)->link = l;
}

/* src must wait for dst and for each parent above it whose pointer is not durable; whoever it already waits for counts. */
static void chain(u32 from, u32 to, u32 sectors)
{
	struct exo_undo u = {0};
	struct exo_node *src = node(from), *at = node(to);
	struct exo_wait *before[N * 2], *w;
	u32 n = 0, self, steps;
	bool durable = false, met = false;
	int err;

	for (w = src->waits; w && n < N * 2; w = w->src_next)
		before[n++] = w;
	err = exo_wait_chain(&u, src, at, sectors, &self);
	if (err) {
		need(err == -ELOOP);
		exo_undo_all(&u);
		for (w = src->waits, n = 0; w && n < N * 2; w = w->src_next)
			need(before[n++] == w);
		return;
	}
	for (steps = 0; at && steps < N + 1; steps++) {
		bool found = false;

		if (at == src) {
			met = true;
			break;
		}
		for (w = src->waits; w; w = w->src_next)
			found |= w->block == at->block;
		need(found || durable);
		if (!at->link)
			break;
		durable = at->link->durable;
		at = at->link->parent;
	}
	need(!self || met);
	if (sectors & 0x80)
		exo_undo_all(&u);
	else
		exo_undo_free(&u);
}

static void submit(u32 i)
{
	i %= N;
	if (running[i])
		return;
	running[i] = exo_plat_alloc(sizeof(*running[i]));
	need(running[i]);
	exo_order_submit(node(i), running[i]);
}

static void end_write(u32 i, bool good)
{
	i %= N;
	if (!running[i])
		return;
	if (!good) {
		exo_order_failed(running[i]);
		exo_plat_free(running[i]);
	} else {
		need(nflying < MAX);
		exo_order_written(running[i]);
		flying[nflying++] = running[i];
	}
	running[i] = NULL;
}

static void flush(void)
{
	u32 i;

	for (i = 0; i < nflying; i++)
		exo_order_durable(&disk, flying[i]);
	nflying = 0;
}

static void add_wait(u32 from, u32 to, u32 sectors)
{
	struct exo_undo u = {0};

	if (from % N != to % N && exo_wait_add(&u, node(from), node(to), sectors))
		exo_undo_all(&u);
	exo_undo_free(&u);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	u32 i;

	start();
	for (; bytes >= 4 && nflying < MAX - 1; data += 4, bytes -= 4) {
		u32 a = data[1], b = data[2], sectors = data[3];

		switch (data[0] % 8) {
		case 0:
			add_wait(a, b, sectors);
			break;
		case 1:
			if (a % N != b % N)
				hang(a, b, sectors);
			break;
		case 2:
		case 3:
			chain(a, b, sectors);
			break;
		case 4:
			submit(a);
			break;
		case 5:
			end_write(a, b & 1);
			break;
		case 6:
			flush();
			break;
		default:
			cycles();
		}
		lists();
	}
	cycles();
	for (i = 0; i < N; i++)
		end_write(i, true);
	flush();
	for (i = 0; i < N; i++)
		exo_order_forget(&core, node(i));
	for (i = 0; i < N; i++)
		need(!node(i)->waits && !node(i)->waiters && !node(i)->kids && !node(i)->link);
	need(!sim_alloc_live());
	return 0;
}
