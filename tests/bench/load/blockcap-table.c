// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * A capability for each block, in a table on the disk: 16 bytes say whose the block is. What a kernel would do that
 * protects by it is done here in the process, as well as it can be done: the table's blocks are cached, a write of one
 * carries all that changed in it since the last, requests of a round go together through io_uring, neighbours in one,
 * and what need not be durable at once waits for the next round.
 *
 * Order of a commit: first data and the table's blocks with new owners, a flush, then the lists that name them, a
 * flush. Capabilities of blocks given back go once the lists without them are durable, with the next round; `settle`
 * does not wait for one.
 *
 * Each of take, give and use would be a system call; getppid stands for the way in and out.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "blockcap.h"

#define OWNER 42u
#define MAX_ROUND 512u /* blocks of one round */
#define MAX_PENDING 64u

struct cap {
	uint64_t owner; /* 0: nobody */
	uint32_t rights, generation;
};
#define CAPS (BC_BLOCK / sizeof(struct cap))

struct cached {
	struct cap *caps; /* a block */
	uint64_t number;  /* of the table's block */
	uint64_t used;	  /* when */
	bool valid, dirty;
};

static int fd = -1;
static struct io_uring ring;
static uint64_t blocks, table_blocks, first, area, now;
static struct cached *cache;
static unsigned int ncached;
static int32_t *where;	      /* table block -> cache, or -1 */
static struct bc_list *lists; /* BC_META blocks */
static bool in_core[BC_META], dirty[BC_META];
static char *data; /* MAX_PENDING blocks that wait for a commit */
static uint64_t pending[MAX_PENDING], given[MAX_PENDING];
static unsigned int npending, ngiven;

struct piece {
	uint64_t block;
	void *bytes;
};
static struct piece pieces[MAX_ROUND];
static struct iovec vectors[MAX_ROUND];
static unsigned int npieces;

static void *aligned(uint64_t count)
{
	void *p = NULL;

	if (posix_memalign(&p, BC_BLOCK, count * BC_BLOCK))
		return NULL;
	return memset(p, 0, count * BC_BLOCK);
}

static int put(uint64_t block, const void *bytes, uint64_t count)
{
	ssize_t n = pwrite(fd, bytes, count * BC_BLOCK, block * BC_BLOCK);

	return n == (ssize_t)(count * BC_BLOCK) ? 0 : n < 0 ? -errno : -EIO;
}

static int get(uint64_t block, void *bytes)
{
	ssize_t n = pread(fd, bytes, BC_BLOCK, block * BC_BLOCK);

	return n == BC_BLOCK ? 0 : n < 0 ? -errno : -EIO;
}

/* ---- a round: blocks written together, then a flush --------------------- */

static void add(uint64_t block, void *bytes)
{
	pieces[npieces++] = (struct piece){block, bytes};
}

static int by_block(const void *a, const void *b)
{
	const struct piece *x = a, *y = b;

	return x->block < y->block ? -1 : x->block > y->block;
}

static int write_round(void)
{
	unsigned int i, run, requests = 0;
	struct io_uring_cqe *cqe;
	int err = 0;

	if (!npieces)
		return 0;
	qsort(pieces, npieces, sizeof(*pieces), by_block);
	for (i = 0; i < npieces; i += run) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

		for (run = 0; i + run < npieces && pieces[i + run].block == pieces[i].block + run; run++)
			vectors[i + run] = (struct iovec){pieces[i + run].bytes, BC_BLOCK};
		io_uring_prep_writev(sqe, fd, vectors + i, run, pieces[i].block * BC_BLOCK);
		sqe->user_data = run * BC_BLOCK;
		requests++;
	}
	npieces = 0;
	io_uring_submit_and_wait(&ring, requests);
	for (i = 0; i < requests; i++) {
		if (io_uring_wait_cqe(&ring, &cqe))
			return -EIO;
		if (cqe->res != (int)cqe->user_data)
			err = cqe->res < 0 ? cqe->res : -EIO;
		io_uring_cqe_seen(&ring, cqe);
	}
	return err ? err : fdatasync(fd) ? -errno : 0;
}

/* ---- the table ---------------------------------------------------------- */

static struct cached *victim(void)
{
	unsigned int i, best = 0;

	for (i = 0; i < ncached; i++) {
		if (!cache[i].valid)
			return &cache[i];
		if (cache[i].used < cache[best].used)
			best = i;
	}
	return &cache[best];
}

static int cap_of(uint64_t block, bool change, struct cap **out)
{
	uint64_t number = block / CAPS;
	struct cached *c;
	int err;

	if (where[number] < 0) {
		c = victim();
		if (c->valid && c->dirty) {
			err = put(1 + c->number, c->caps, 1);
			if (err)
				return err;
		}
		if (c->valid)
			where[c->number] = -1;
		c->valid = false;
		err = get(1 + number, c->caps);
		if (err)
			return err;
		*c = (struct cached){.caps = c->caps, .number = number, .valid = true};
		where[number] = c - cache;
	}
	c = &cache[where[number]];
	c->used = ++now;
	c->dirty |= change;
	*out = &c->caps[block % CAPS];
	return 0;
}

static int check(uint64_t block, uint64_t owner)
{
	struct cap *cap;
	int err = cap_of(block, false, &cap);

	return err ? err : cap->owner == owner ? 0 : -EACCES;
}

static int pass(uint64_t block, uint64_t from, uint64_t to)
{
	struct cap *cap;
	int err = check(block, from);

	if (!err)
		err = cap_of(block, true, &cap);
	if (err)
		return err;
	*cap = (struct cap){.owner = to, .rights = to ? 3 : 0, .generation = cap->generation + 1};
	return 0;
}

static void add_table(void)
{
	unsigned int i;

	for (i = 0; i < ncached; i++) {
		if (!cache[i].valid || !cache[i].dirty)
			continue;
		add(1 + cache[i].number, cache[i].caps);
		cache[i].dirty = false;
	}
}

/* ---- the store ---------------------------------------------------------- */

static int open_device(const char *device)
{
	off_t bytes;

	fd = open(device, O_RDWR | O_DIRECT | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	bytes = lseek(fd, 0, SEEK_END);
	if (bytes < 0)
		return -errno;
	blocks = bytes / BC_BLOCK;
	table_blocks = (blocks + CAPS - 1) / CAPS;
	first = 1 + table_blocks;
	area = first + BC_META;
	return area + BC_AREA <= blocks ? 0 : -ENOSPC;
}

static int tb_close(void)
{
	int err = close(fd) ? -errno : 0;

	fd = -1;
	return err;
}

static int tb_make(const char *device)
{
	struct cap *caps = aligned(1);
	uint64_t i, k;
	void *zero = aligned(1);
	int err = open_device(device);

	if (!caps || !zero)
		return -ENOMEM;
	for (i = 0; i < table_blocks && !err; i++) {
		/* The table's own blocks are nobody's; the lists are ours from the start. */
		for (k = 0; k < CAPS; k++)
			caps[k].owner = i * CAPS + k >= first && i * CAPS + k < area ? OWNER : 0;
		err = put(1 + i, caps, 1);
	}
	for (i = 0; i < BC_META && !err; i++)
		err = put(first + i, zero, 1);
	free(caps);
	free(zero);
	if (!err && fsync(fd))
		err = -errno;
	return err ? err : tb_close();
}

static int tb_open(const char *device, unsigned int cached)
{
	int err = open_device(device);
	uint64_t i;

	if (err)
		return err;
	ncached = cached < table_blocks ? cached : table_blocks;
	cache = calloc(ncached, sizeof(*cache));
	where = calloc(table_blocks, sizeof(*where));
	lists = aligned(BC_META);
	data = aligned(MAX_PENDING);
	if (!cache || !where || !lists || !data)
		return -ENOMEM;
	for (i = 0; i < ncached; i++) {
		cache[i].caps = aligned(1);
		if (!cache[i].caps)
			return -ENOMEM;
	}
	memset(where, 0xff, table_blocks * sizeof(*where));
	return io_uring_queue_init(MAX_ROUND, &ring, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
}

static uint64_t tb_area(void)
{
	return area;
}

static struct bc_list *list_of(unsigned int i)
{
	uint32_t b = i / BC_PER_BLOCK;
	int err = check(first + b, OWNER);

	if (!err && !in_core[b])
		err = get(first + b, lists + b * BC_PER_BLOCK);
	if (err) {
		errno = -err;
		return NULL;
	}
	in_core[b] = true;
	return lists + i;
}

static const struct bc_list *tb_list(unsigned int i)
{
	return list_of(i);
}

static int tb_take(unsigned int i, uint64_t block, uint64_t stamp)
{
	struct bc_list *list;
	int err;

	syscall(SYS_getppid);
	list = list_of(i);
	if (!list)
		return -errno;
	if (list->used == BC_ENTRIES || npending == MAX_PENDING)
		return -ENOSPC;
	err = pass(block, 0, OWNER);
	if (err)
		return err;
	list->magic = BC_MAGIC;
	list->entry[list->used++] = (struct bc_entry){.first = block, .blocks = 1};
	dirty[i / BC_PER_BLOCK] = true;
	memset(data + npending * BC_BLOCK, 0, BC_BLOCK);
	memcpy(data + npending * BC_BLOCK, &stamp, sizeof(stamp));
	pending[npending++] = block;
	return 0;
}

static int tb_give(unsigned int i)
{
	struct bc_list *list;
	int err;

	syscall(SYS_getppid);
	list = list_of(i);
	if (!list)
		return -errno;
	if (!list->used || ngiven == MAX_PENDING)
		return -ENOENT;
	err = check(list->entry[list->used - 1].first, OWNER);
	if (err)
		return err;
	given[ngiven++] = list->entry[--list->used].first;
	dirty[i / BC_PER_BLOCK] = true;
	return 0;
}

static int tb_use(unsigned int i, unsigned int k, uint64_t *stamp)
{
	struct bc_list *list;
	int err;

	syscall(SYS_getppid);
	list = list_of(i);
	if (!list)
		return -errno;
	if (k >= list->used)
		return -ENOENT;
	err = check(list->entry[k].first, OWNER);
	if (!err)
		err = get(list->entry[k].first, data);
	memcpy(stamp, data, sizeof(*stamp));
	return err;
}

static int tb_commit(void)
{
	unsigned int i;
	int err;

	for (i = 0; i < npending; i++)
		add(pending[i], data + i * BC_BLOCK);
	npending = 0;
	add_table();
	err = write_round();
	for (i = 0; i < BC_META; i++) {
		if (dirty[i])
			add(first + i, lists + i * BC_PER_BLOCK);
		dirty[i] = false;
	}
	if (!err)
		err = write_round();
	for (i = 0; i < ngiven && !err; i++)
		err = pass(given[i], OWNER, 0);
	ngiven = 0;
	return err;
}

static int tb_settle(void)
{
	add_table();
	return write_round();
}

const struct bc_store bc_table = {"table", tb_make, tb_open,   tb_list,	  tb_area, tb_take,
				  tb_give, tb_use,  tb_commit, tb_settle, tb_close};
