// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * handle.c: opening and closing a handle, its mappings, and the one function through which every call goes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "handle.h"

int exo_do(struct exo *x, uint32_t nr, struct exo_head *head, size_t size, uint32_t flags, struct exo_why *why)
{
	int err;

	memset(head, 0, sizeof(*head));
	head->size = size;
	head->flags = flags;
	err = x->t->call(x->ctx, nr, head);
	if (err)
		exo_refuse(why, nr, err, head->out_reason, head->out_detail);
	return err;
}

int exo_refuse(struct exo_why *why, uint32_t call, int err, uint32_t code, uint64_t detail)
{
	if (why)
		exo_why_fill(why, call, err, code, detail);
	return err;
}

int exo_call_raw(struct exo *x, uint32_t nr, void *arg)
{
	return x->t->call(x->ctx, nr, arg);
}

static void unmap_area(struct exo *x, struct exo_area *a)
{
	if (a->addr)
		x->t->unmap(x->ctx, a->addr, a->len);
	a->addr = NULL;
}

int exo_map_area(struct exo *x, uint64_t off, uint64_t magic, size_t least, struct exo_area *out)
{
	const struct exo_map_head *head;
	uint64_t bytes;
	void *p;

	p = x->t->map(x->ctx, off, EXO_BLOCK_SIZE, PROT_READ);
	if (!p)
		return -errno;
	head = p;
	bytes = head->bytes;
	if (head->magic != magic || head->version != 1 || bytes < least || bytes > SIZE_MAX - EXO_BLOCK_SIZE) {
		x->t->unmap(x->ctx, p, EXO_BLOCK_SIZE);
		return -EPROTO;
	}
	bytes = (bytes + EXO_BLOCK_SIZE - 1) / EXO_BLOCK_SIZE * EXO_BLOCK_SIZE;
	if (bytes > EXO_BLOCK_SIZE) {
		x->t->unmap(x->ctx, p, EXO_BLOCK_SIZE);
		p = x->t->map(x->ctx, off, bytes, PROT_READ);
		if (!p)
			return -errno;
	}
	out->addr = p;
	out->len = bytes;
	return 0;
}

/* Are `count` items of `size` bytes at `off` inside the area? */
static bool inside(uint64_t bytes, uint64_t off, uint64_t count, uint64_t size)
{
	return off <= bytes && count <= (bytes - off) / size;
}

static int map_registry(struct exo *x)
{
	const struct exo_reg_head *reg;
	int err;

	err = exo_map_area(x, EXO_MAP_REGISTRY, EXO_MAGIC_REGISTRY, sizeof(*reg), &x->reg);
	if (err)
		return err;
	reg = x->reg.addr;
	if (!reg->buckets || (reg->buckets & (reg->buckets - 1)) || reg->frames != x->facts.out_frames ||
	    !inside(reg->head.bytes, reg->hash_off, reg->buckets, sizeof(uint32_t)) ||
	    !inside(reg->head.bytes, reg->bufs_off, reg->frames, sizeof(struct exo_buf)) || reg->bufs_off % 8 ||
	    reg->hash_off % 4)
		return -EPROTO;
	x->view.reg = reg;
	x->view.hash = (const uint32_t *)((const char *)reg + reg->hash_off);
	x->view.bufs = (const struct exo_buf *)((const char *)reg + reg->bufs_off);
	x->view.mask = reg->buckets - 1;
	return 0;
}

static int map_all(struct exo *x)
{
	int err = map_registry(x);

	if (err)
		return err;
	err = exo_map_area(x, EXO_MAP_STATS, EXO_MAGIC_STATS, sizeof(struct exo_stats), &x->stats);
	if (err)
		return err;
	x->pool.len = (size_t)x->facts.out_frames * EXO_BLOCK_SIZE;
	x->pool.addr = x->t->map(x->ctx, EXO_MAP_POOL, x->pool.len, PROT_READ | PROT_WRITE);
	if (!x->pool.addr)
		return -errno;
	x->view.pool = x->pool.addr;
	return 0;
}

/* Everything but the transport's ctx. */
static void drop(struct exo *x)
{
	struct exo_retired *r;

	for (uint32_t d = 0; d < EXO_MAX_DISKS; d++)
		unmap_area(x, &x->freemap[d]);
	while ((r = x->retired)) {
		x->retired = r->next;
		unmap_area(x, &r->area);
		free(r);
	}
	unmap_area(x, &x->pool);
	unmap_area(x, &x->stats);
	unmap_area(x, &x->reg);
	pthread_mutex_destroy(&x->lock);
	free(x);
}

int exo_open_with(struct exo **out, const struct exo_transport *t, void *ctx, struct exo_why *why)
{
	struct exo *x;
	int err;

	*out = NULL;
	x = calloc(1, sizeof(*x));
	if (!x)
		return exo_refuse(why, EXO_NR_QUERY, -ENOMEM, EXO_R_NONE, 0);
	x->t = t;
	x->ctx = ctx;
	x->fd = -1;
	pthread_mutex_init(&x->lock, NULL);
	err = EXO_DO(x, EXO_NR_QUERY, &x->facts, 0, why);
	if (!err && x->facts.out_abi != EXO_ABI_VERSION)
		err = exo_refuse(why, EXO_NR_QUERY, -EPROTO, EXO_R_NONE, 0);
	if (!err) {
		err = map_all(x);
		if (err)
			exo_refuse(why, EXO_NR_QUERY, err, EXO_R_NONE, 0);
	}
	if (err) {
		drop(x);
		return err;
	}
	*out = x;
	return 0;
}

int exo_open(struct exo **out, const char *dev, struct exo_why *why)
{
	int err, fd;

	*out = NULL;
	fd = open(dev ? dev : EXO_DEVICE, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return exo_refuse(why, 0, -errno, EXO_R_NONE, 0);
	err = exo_open_with(out, &exo_device_transport, (void *)(intptr_t)fd, why);
	if (err)
		close(fd);
	else
		(*out)->fd = fd;
	return err;
}

void exo_close(struct exo *x)
{
	const struct exo_transport *t;
	void *ctx;

	if (!x)
		return;
	t = x->t;
	ctx = x->ctx;
	drop(x);
	t->close(ctx);
}

int exo_fd(const struct exo *x)
{
	return x->fd;
}

const struct exo_query *exo_facts(const struct exo *x)
{
	return &x->facts;
}

const struct exo_stats *exo_statistics(const struct exo *x)
{
	return x->stats.addr;
}

const struct exo_view *exo_view(const struct exo *x)
{
	return &x->view;
}
