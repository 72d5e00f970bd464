// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * disk.c: the simulated disk. What a power cut may leave is compared with a model that knows nothing of the log's
 * representation: for each sector, the set of contents that it may have.
 */
#include "../check.h"
#include "../sim.h"

static u8 buf[8][4096];

static int io(struct exo_dev *dev, int op, u64 block, u32 first, u32 sectors, u8 *mem, u64 *bad)
{
	struct exo_seg s = {.block = block, .mem = mem, .first = first, .sectors = sectors};

	return exo_plat_io(dev, op, &s, 1, bad);
}

static void devices(void)
{
	struct sim_disk *a = sim_disk_new("/dev/a", 64, SIM_VOLATILE), *b = sim_disk_new("/dev/b", 64, SIM_READONLY);
	struct sim_disk *m = sim_disk_new("/dev/m", 64, SIM_MOUNTED), *f = sim_disk_new("/file", 64, SIM_NOT_BLOCK);
	struct sim_disk *k = sim_disk_new("/dev/k", 64, SIM_SECTOR_4K);
	struct exo_dev *dev, *dev2;

	NEED(a && b && m && f && k);
	CHECK(!sim_disk_new("/dev/a", 64, 0));
	CHECK(!sim_disk_alias(a, "/dev/disk/by-id/a") && sim_disk_alias(a, "/dev/x") == -EEXIST);
	CHECK(sim_disk_alias(b, "/dev/a") == -EEXIST);
	CHECK(exo_plat_open("/dev/none", false, &dev) == -ENOENT);
	CHECK(exo_plat_open("/file", false, &dev) == -ENOTBLK);
	CHECK(exo_plat_open("/dev/m", false, &dev) == -EBUSY);
	CHECK(exo_plat_open("/dev/b", false, &dev) == -EROFS);
	CHECK(!exo_plat_open("/dev/b", true, &dev));
	exo_plat_close(dev);
	CHECK(!exo_plat_open("/dev/a", false, &dev) && sim_disk_opened(a));
	CHECK(exo_plat_open("/dev/disk/by-id/a", false, &dev2) == -EBUSY);
	CHECK(exo_plat_same(dev, "/dev/a") && exo_plat_same(dev, "/dev/disk/by-id/a"));
	CHECK(!exo_plat_same(dev, "/dev/b") && !exo_plat_same(dev, "/dev/none"));
	CHECK(exo_plat_blocks(dev) == 64 && exo_plat_volatile(dev) && exo_plat_sector(dev) == 512);
	exo_plat_close(dev);
	CHECK(!sim_disk_opened(a));
	CHECK(!exo_plat_open("/dev/k", false, &dev) && exo_plat_sector(dev) == 4096 && !exo_plat_volatile(dev));
	exo_plat_close(dev);
	sim_disk_free(a);
	sim_disk_free(b);
	sim_disk_free(m);
	sim_disk_free(f);
	sim_disk_free(k);
}

static void transfers(void)
{
	struct sim_disk *d = sim_disk_new("/dev/a", 64, 0);
	struct exo_seg segs[3];
	struct exo_dev *dev;
	u64 bad = 77;
	u32 i;

	NEED(d && !exo_plat_open("/dev/a", false, &dev));
	memset(buf[0], 1, 4096);
	memset(buf[1], 2, 4096);
	memset(buf[2], 0xee, 4096);
	CHECK(!io(dev, EXO_OP_READ, 63, 0, 8, buf[2], NULL) && !buf[2][0] && !buf[2][4095]);
	CHECK(!io(dev, EXO_OP_WRITE, 5, 0, 8, buf[0], NULL));
	CHECK(!io(dev, EXO_OP_WRITE_FUA, 5, 2, 3, buf[1], NULL));
	CHECK(!io(dev, EXO_OP_READ, 5, 0, 8, buf[2], NULL));
	for (i = 0; i < 4096; i++)
		CHECK(buf[2][i] == (i >= 1024 && i < 2560 ? 2 : 1));
	memset(buf[2], 9, 4096);
	CHECK(!io(dev, EXO_OP_READ, 5, 7, 1, buf[2], NULL) && buf[2][3583] == 9 && buf[2][3584] == 1);
	sim_disk_peek(d, 5, 1023, buf[3], 2);
	CHECK(buf[3][0] == 1 && buf[3][1] == 2);
	sim_disk_poke(d, 5, 0, "Z", 1);
	CHECK(!io(dev, EXO_OP_READ, 5, 0, 1, buf[2], NULL) && buf[2][0] == 'Z');

	/* errors: the segment before the bad one is carried out, that behind it is not; then the rule is used up */
	for (i = 0; i < 3; i++)
		segs[i] = (struct exo_seg){.block = 10 + i, .mem = buf[1], .sectors = 8};
	sim_disk_fail(d, SIM_FAIL_WRITE, 11, 1, 1, 1);
	CHECK(!exo_plat_io(dev, EXO_OP_WRITE, segs + 1, 1, &bad));
	memset(buf[1], 3, 4096);
	CHECK(exo_plat_io(dev, EXO_OP_WRITE, segs, 3, &bad) == -EIO && bad == 11);
	sim_disk_peek(d, 10, 0, buf[3], 1);
	sim_disk_peek(d, 11, 0, buf[3] + 1, 1);
	sim_disk_peek(d, 12, 0, buf[3] + 2, 1);
	CHECK(buf[3][0] == 3 && buf[3][1] == 2 && buf[3][2] == 0);
	CHECK(!exo_plat_io(dev, EXO_OP_WRITE, segs, 3, &bad));
	sim_disk_fail(d, SIM_FAIL_READ | SIM_FAIL_FLUSH, 11, 1, 0, 0);
	CHECK(io(dev, EXO_OP_READ, 11, 0, 8, buf[2], &bad) == -EIO &&
	      io(dev, EXO_OP_READ, 11, 0, 8, buf[2], &bad) == -EIO);
	CHECK(!io(dev, EXO_OP_READ, 10, 0, 8, buf[2], &bad) && !io(dev, EXO_OP_WRITE, 11, 0, 8, buf[1], &bad));
	CHECK(exo_plat_flush(dev) == -EIO);
	sim_disk_fail(d, 0, 0, 0, 0, 0);
	CHECK(!exo_plat_flush(dev));
	exo_plat_close(dev);
	sim_disk_free(d);
}

/* ---- crash states ---- */

#define BLOCKS 4
#define SECTORS (BLOCKS * 8)
#define EVENTS 24

/* Each write of the run fills its sectors with its own number. may[s][v]: sector s may hold v after the cut. */
struct model {
	bool may[SECTORS][EVENTS + 1];
};

static void landed(struct model *m, u32 sector, u32 value, bool sure)
{
	if (sure)
		memset(m->may[sector], 0, sizeof(m->may[sector]));
	m->may[sector][value] = true;
}

/* A flush: what was last written is what it holds. */
static void flush(struct model *m, const u32 *last)
{
	u32 s;

	for (s = 0; s < SECTORS; s++)
		landed(m, s, last[s], true);
}

/*
 * A random run of single writes and flushes, and at every point of it many crashes. Each must be allowed by the
 * model; and over all crashes at one point, everything that the model allows must have been seen.
 */
static void crash_run(u64 seed, u32 flags)
{
	struct sim_disk *d = sim_disk_new("/dev/c", BLOCKS, flags);
	struct model m = {0}, seen;
	u32 last[SECTORS] = {0}, event, s, v, trial;
	struct exo_dev *dev;
	size_t npending;
	u8 land[EVENTS];

	NEED(d && !exo_plat_open("/dev/c", false, &dev) && !sim_log_start(d));
	for (s = 0; s < SECTORS; s++)
		m.may[s][0] = true;
	for (event = 1; event <= EVENTS; event++) {
		u64 r = sim_random(&seed);
		u32 block = r % BLOCKS, first = flags & SIM_SECTOR_4K ? 0 : r >> 8 & 7;
		u32 n = flags & SIM_SECTOR_4K ? 8 : 1 + (r >> 16) % (8 - first);
		bool fua = r >> 24 & 1;

		if (!(r >> 32 & 3)) {
			CHECK(!exo_plat_flush(dev));
			flush(&m, last);
		} else {
			memset(buf[0], event, 4096);
			CHECK(!io(dev, fua ? EXO_OP_WRITE_FUA : EXO_OP_WRITE, block, first, n, buf[0], NULL));
			for (s = block * 8 + first; s < block * 8 + first + n; s++) {
				last[s] = event;
				landed(&m, s, event, fua || !(flags & SIM_VOLATILE));
			}
		}
		NEED(sim_log_len(d) == event);
		npending = sim_crash_pending(d, event, NULL, 0);
		NEED(npending <= EVENTS && (flags & SIM_VOLATILE || !npending));
		memset(&seen, 0, sizeof(seen));
		for (trial = 0; trial < 400; trial++) {
			struct sim_image *img;

			sim_crash_draw(d, event, seed + trial, land, npending);
			img = sim_crash_image(d, event, land, npending);
			NEED(img);
			for (s = 0; s < SECTORS; s++) {
				const u8 *p = sim_image_block(img, s / 8) + s % 8 * 512;

				v = p[0];
				CHECK(p[511] == v && v <= EVENTS && m.may[s][v]);
				seen.may[s][v] = true;
			}
			sim_image_free(img);
		}
		for (s = 0; s < SECTORS; s++)
			for (v = 0; v <= EVENTS; v++)
				CHECK_MSG(seen.may[s][v] == m.may[s][v], "seed %llu event %u sector %u value %u", seed,
					  event, s, v);
	}
	exo_plat_close(dev);
	sim_disk_free(d);
}

/* One request of several segments is carried out in any order: a cut inside it may lose the first and keep the last. */
static void split_request(void)
{
	struct sim_disk *d = sim_disk_new("/dev/c", 8, 0), *e;
	struct exo_seg segs[3];
	struct sim_image *img;
	struct exo_dev *dev;
	u8 land[3] = {0, 0x0f, 0xff};
	size_t index[3] = {9, 9, 9};
	u32 i;

	NEED(d && !exo_plat_open("/dev/c", false, &dev));
	sim_disk_poke(d, 7, 0, "before", 6);
	NEED(!sim_log_start(d));
	memset(buf[0], 5, 4096);
	for (i = 0; i < 3; i++)
		segs[i] = (struct exo_seg){.block = i, .mem = buf[0], .sectors = 8};
	CHECK(!exo_plat_io(dev, EXO_OP_WRITE, segs, 3, NULL));
	CHECK(sim_log_len(d) == 3 && sim_log_at(d, 2)->block == 2 && sim_log_at(d, 2)->op == EXO_OP_WRITE &&
	      !sim_log_at(d, 3));
	CHECK(sim_crash_pending(d, 0, NULL, 0) == 0);
	CHECK(sim_crash_pending(d, 1, index, 3) == 3 && index[0] == 0 && index[1] == 1 && index[2] == 2);
	CHECK(sim_crash_pending(d, 3, NULL, 0) == 0);
	img = sim_crash_image(d, 1, land, 3);
	NEED(img);
	CHECK(!sim_image_block(img, 0)[0]);
	CHECK(sim_image_block(img, 1)[2047] == 5 && !sim_image_block(img, 1)[2048]);
	CHECK(sim_image_block(img, 2)[4095] == 5);
	CHECK(!memcmp(sim_image_block(img, 7), "before", 6));
	e = sim_disk_from("/dev/e", img, 0);
	NEED(e);
	sim_image_free(img);
	sim_disk_peek(e, 2, 0, buf[1], 1);
	CHECK(buf[1][0] == 5);
	img = sim_disk_image(d);
	NEED(img);
	CHECK(sim_image_blocks(img) == 8 && sim_image_block(img, 0)[0] == 5);
	sim_image_free(img);
	exo_plat_close(dev);
	sim_disk_free(d);
	sim_disk_free(e);
}

int main(void)
{
	u64 seed;

	NEED(!sim_start(16, 1));
	devices();
	transfers();
	split_request();
	for (seed = 0; seed < 12; seed++) {
		crash_run(seed, SIM_VOLATILE);
		crash_run(seed, SIM_VOLATILE | SIM_SECTOR_4K);
		crash_run(seed, 0);
	}
	CHECK(sim_alloc_live() == 0);
	sim_stop();
	return check_done();
}
