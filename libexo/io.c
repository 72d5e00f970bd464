// SPDX-License-Identifier: GPL-2.0 OR MIT
/* io.c: READ, WRITE, FLUSH, SYNC through the registry, and IO around it. */
#include "handle.h"

#define WHY_RANGES (sizeof(((struct exo_why *)0)->range) / sizeof(struct exo_range))

int exo_read(struct exo *x, uint32_t disk, uint32_t nruns, const struct exo_run *runs, struct exo_why *why)
{
	struct exo_read r = {.disk = disk, .nruns = nruns, .runs = (uintptr_t)runs};
	int err = EXO_DO(x, EXO_NR_READ, &r, 0, why);

	return err ? err : (int)r.out_blocks;
}

int exo_write(struct exo *x, uint32_t disk, uint32_t nruns, const struct exo_run *runs, struct exo_why *why)
{
	struct exo_range ranges[WHY_RANGES];
	struct exo_write w = {.disk = disk, .nruns = nruns, .runs = (uintptr_t)runs};
	int err;

	if (why) {
		w.ranges = (uintptr_t)ranges;
		w.ranges_room = WHY_RANGES;
	}
	err = EXO_DO(x, EXO_NR_WRITE, &w, 0, why);
	if (err && why)
		exo_why_ranges(why, ranges, w.out_nranges, WHY_RANGES);
	return err ? err : (int)w.out_blocks;
}

int exo_flush(struct exo *x, uint32_t disk, struct exo_why *why)
{
	struct exo_flush f = {.disk = disk};

	return EXO_DO(x, EXO_NR_FLUSH, &f, 0, why);
}

int exo_sync(struct exo *x, uint32_t disk, uint32_t root, struct exo_why *why)
{
	struct exo_sync s = {.disk = disk, .root = root};
	int err = EXO_DO(x, EXO_NR_SYNC, &s, 0, why);

	return err ? err : (int)s.out_blocks;
}

int exo_sync_runs(struct exo *x, uint32_t disk, uint32_t nruns, const struct exo_run *runs, struct exo_why *why)
{
	struct exo_sync s = {.disk = disk, .root = EXO_NOROOT, .nruns = nruns, .runs = (uintptr_t)runs};
	int err = EXO_DO(x, EXO_NR_SYNC, &s, EXO_SYNC_RUNS, why);

	return err ? err : (int)s.out_blocks;
}

int exo_sync_plan(struct exo *x, uint32_t disk, uint32_t root, uint32_t nruns, const struct exo_run *runs,
		  struct exo_range *ranges, uint32_t room, struct exo_why *why)
{
	struct exo_sync s = {
		.disk = disk,
		.root = root,
		.nruns = nruns,
		.runs = (uintptr_t)runs,
		.ranges = (uintptr_t)ranges,
		.ranges_room = ranges ? room : 0,
	};
	int err = EXO_DO(x, EXO_NR_SYNC, &s, EXO_SYNC_PLAN | (nruns ? EXO_SYNC_RUNS : 0), why);

	return err ? err : (int)s.out_nranges;
}

int exo_io_bind(struct exo *x, struct exo_io_bind *bind, struct exo_why *why)
{
	return EXO_DO(x, EXO_NR_IO_BIND, bind, 0, why);
}

int exo_io_unbind(struct exo *x, uint32_t binding, struct exo_why *why)
{
	struct exo_io_unbind u = {.binding = binding};

	return EXO_DO(x, EXO_NR_IO_UNBIND, &u, 0, why);
}

int exo_io(struct exo *x, struct exo_io *io, uint32_t flags, struct exo_why *why)
{
	return EXO_DO(x, EXO_NR_IO, io, flags, why);
}
