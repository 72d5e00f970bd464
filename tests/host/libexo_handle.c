// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Opening a handle over a transport that lies: a map whose head makes no sense must end the open with an error, and
 * with every mapping given back. The transport keeps count.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "../../libexo/transport.h"
#include "../sim/check.h"

#define FRAMES 8u

static struct {
	union {
		struct exo_reg_head head;
		char bytes[8192];
	} reg;
	union {
		struct exo_stats stats;
		char bytes[4096];
	} stats;
	union {
		struct exo_freemap_head head;
		char bytes[4096];
	} freemap;
	char pool[FRAMES * 4096];
	uint32_t abi;
	int mapped, closed, fail_map; /* fail_map: the n-th map from now fails */
	int query_err;
} w __attribute__((aligned(4096)));

static void world(void)
{
	memset(&w, 0, sizeof(w));
	w.abi = EXO_ABI_VERSION;
	w.reg.head = (struct exo_reg_head){
		.head = {.magic = EXO_MAGIC_REGISTRY, .version = 1, .bytes = sizeof(w.reg)},
		.frames = FRAMES,
		.buckets = 16,
		.hash_off = 128,
		.bufs_off = 256,
	};
	w.stats.stats.head = (struct exo_map_head){.magic = EXO_MAGIC_STATS, .version = 1, .bytes = sizeof(w.stats)};
	w.freemap.head = (struct exo_freemap_head){
		.head = {.magic = EXO_MAGIC_FREEMAP, .version = 1, .bytes = 128},
		.blocks = 128,
		.bits_off = 64,
		.first = 3,
	};
}

static int call(void *ctx, uint32_t nr, void *arg)
{
	struct exo_head *h = arg;

	CHECK(ctx == &w);
	if (nr == EXO_NR_QUERY && !w.query_err) {
		struct exo_query *q = arg;

		CHECK(h->size == sizeof(*q));
		q->out_abi = w.abi;
		q->out_frames = FRAMES;
		return 0;
	}
	if (nr == EXO_NR_DETACH || nr == EXO_NR_CAP_LIST)
		return 0;
	h->out_reason = EXO_R_NOMEM;
	return w.query_err ? w.query_err : -ENOMEM;
}

static void *map(void *ctx, uint64_t off, size_t len, int prot)
{
	CHECK(len && len % 4096 == 0);
	if (w.fail_map && !--w.fail_map) {
		errno = ENOMEM;
		return NULL;
	}
	w.mapped++;
	if (off == EXO_MAP_POOL) {
		CHECK(prot == (PROT_READ | PROT_WRITE) && len == sizeof(w.pool));
		return w.pool;
	}
	CHECK(prot == PROT_READ);
	return off == EXO_MAP_REGISTRY ? w.reg.bytes : off == EXO_MAP_STATS ? w.stats.bytes : w.freemap.bytes;
}

static void unmap(void *ctx, void *addr, size_t len)
{
	w.mapped--;
}

static void close_it(void *ctx)
{
	w.closed++;
}

static const struct exo_transport t = {.call = call, .map = map, .unmap = unmap, .close = close_it};

static void refused(int err, const char *what)
{
	struct exo_why why = {.err = 0};
	struct exo *x = (struct exo *)1;
	int got = exo_open_with(&x, &t, &w, &why);

	CHECK_MSG(got == err, "%s: %d", what, got);
	CHECK_MSG(!x && why.err == err && *why.text, "%s", what);
	CHECK_MSG(!w.mapped, "%s: %d mappings left", what, w.mapped);
	CHECK_MSG(!w.closed, "%s: ctx is still the caller's", what);
}

#define LIE(change, err)                                                                                               \
	do {                                                                                                           \
		world();                                                                                               \
		change;                                                                                                \
		refused(err, #change);                                                                                 \
	} while (0)

static void lies(void)
{
	LIE(w.abi++, -EPROTO);
	LIE(w.query_err = -EACCES, -EACCES);
	LIE(w.reg.head.head.magic++, -EPROTO);
	LIE(w.reg.head.head.version++, -EPROTO);
	LIE(w.reg.head.head.bytes = 4, -EPROTO);
	LIE(w.reg.head.head.bytes = UINT64_MAX, -EPROTO);
	LIE(w.reg.head.buckets = 0, -EPROTO);
	LIE(w.reg.head.buckets = 12, -EPROTO);
	LIE(w.reg.head.buckets = 1u << 31, -EPROTO);
	LIE(w.reg.head.frames++, -EPROTO);
	LIE(w.reg.head.hash_off = sizeof(w.reg), -EPROTO);
	LIE(w.reg.head.hash_off = UINT64_MAX - 3, -EPROTO);
	LIE(w.reg.head.hash_off++, -EPROTO);
	LIE(w.reg.head.bufs_off = sizeof(w.reg) - 8, -EPROTO);
	LIE(w.reg.head.bufs_off += 4, -EPROTO);
	LIE(w.stats.stats.head.magic = 0, -EPROTO);
	LIE(w.stats.stats.head.bytes = sizeof(struct exo_stats) - 1, -EPROTO);
	for (int n = 1; n <= 4; n++)
		LIE(w.fail_map = n, -ENOMEM);
}

static void a_sound_one(void)
{
	struct exo_cap caps[EXO_MAX_CAPS];
	const struct exo_freemap_head *m;
	struct exo_why why;
	struct exo *x;
	int before;

	world();
	NEED(!exo_open_with(&x, &t, &w, NULL));
	CHECK(exo_view(x)->mask == 15 && exo_view(x)->pool == w.pool &&
	      exo_view(x)->bufs == (void *)(w.reg.bytes + 256));
	CHECK(exo_statistics(x) == &w.stats.stats && exo_facts(x)->out_frames == FRAMES && exo_fd(x) == -1);
	CHECK(exo_cap_list(x, caps) == 0 && exo_cap_admin(x) == -ENOENT);
	CHECK(exo_flush(x, 0, &why) == -ENOMEM && why.code == EXO_R_NOMEM && why.call == EXO_NR_FLUSH);

	/* Free maps: lies; the same address while it is alive; a new mapping when the disk went and came. */
	w.freemap.head.bits_off = 63;
	CHECK(!exo_freemap(x, 0) && errno == EPROTO);
	w.freemap.head.bits_off = 64;
	w.freemap.head.blocks = UINT64_MAX;
	CHECK(!exo_freemap(x, 0) && errno == EPROTO);
	w.freemap.head.blocks = 64 * 9;
	CHECK(!exo_freemap(x, 0) && errno == EPROTO);
	w.freemap.head.blocks = 128;
	CHECK(!exo_freemap(x, EXO_MAX_DISKS) && errno == ENOENT);
	before = w.mapped;
	m = exo_freemap(x, 1);
	CHECK(m == &w.freemap.head && w.mapped == before + 1);
	CHECK(exo_freemap(x, 1) == m && w.mapped == before + 1);
	w.freemap.head.head.magic = 0;
	CHECK(!exo_freemap(x, 1) && w.mapped == before + 1);
	w.freemap.head.head.magic = EXO_MAGIC_FREEMAP;
	CHECK(exo_freemap(x, 1) && w.mapped == before + 2);
	CHECK(!exo_detach(x, 1, 0, NULL));
	CHECK(exo_freemap(x, 1) && w.mapped == before + 3);

	CHECK(exo_root_find(x, 0, "", &(struct exo_root_get){.pad = 0}, &why) == -EINVAL && why.code == EXO_R_NAME);
	CHECK(exo_attach(x, "", 0, &(uint32_t){0}, &why) == -EINVAL && why.code == EXO_R_RANGE);
	exo_close(x);
	CHECK(!w.mapped && w.closed == 1);
	exo_close(NULL);
}

int main(void)
{
	lies();
	a_sound_one();
	return check_done();
}
