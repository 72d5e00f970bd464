// SPDX-License-Identifier: GPL-2.0 OR MIT
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include "world.h"

#define DISK "/dev/sim"

/*
 * Time and randomness of the whole program, so that a seed replays: cffs asks libc for both. Time begins in 2026 and
 * moves by a microsecond a look.
 */
static u64 randomness, looks;

ssize_t getrandom(void *buf, size_t bytes, unsigned int flags)
{
	size_t i;

	for (i = 0; i < bytes; i++)
		((u8 *)buf)[i] = sim_random(&randomness);
	return bytes;
}

int clock_gettime(clockid_t clock, struct timespec *ts)
{
	u64 us = __atomic_add_fetch(&looks, 1, __ATOMIC_RELAXED);

	ts->tv_sec = 1800000000 + us / 1000000;
	ts->tv_nsec = us % 1000000 * 1000;
	return 0;
}

void world_pass(u32 seconds)
{
	__atomic_add_fetch(&looks, seconds * 1000000ull, __ATOMIC_RELAXED);
}

static const struct exo_cred root_cred = {.uid = 0, .admin = true};

static const char *udf_dir(void)
{
	const char *dir = getenv("EXO_UDF_DIR");

	return dir ? dir : "build/udf";
}

struct exo *world_handle(struct world *w)
{
	struct exo *x;
	int err = sim_open(w->core, &root_cred, &x, NULL);

	if (err)
		FAIL("no handle: %s", strerror(-err));
	return x;
}

void world_start(struct world *w, u32 frames, u64 blocks, u32 disk_flags, u64 seed)
{
	struct exo_why why = {0};

	randomness = seed;
	looks = 0;
	CHECK(!sim_start(frames, seed));
	w->disk = sim_disk_new(DISK, blocks, disk_flags);
	CHECK(w->disk);
	CHECK(!exo_core_new(frames, &w->core));
	w->x = world_handle(w);
	if (exo_format(w->x, DISK, 0, &why) < 0)
		FAIL("format: %s", why.text);
	exo_close(w->x);
	world_attach(w);
}

void world_attach(struct world *w)
{
	struct exo_why why = {0};

	w->x = world_handle(w);
	if (exo_attach(w->x, DISK, EXO_ATTACH_WALK, &w->number, &why) < 0)
		FAIL("attach: %s", why.text);
}

void world_detach(struct world *w, bool discard)
{
	struct exo_why why = {0};

	if (exo_detach(w->x, w->number, discard ? EXO_DETACH_DISCARD : 0, &why) < 0)
		FAIL("detach: %s", why.text);
	exo_close(w->x);
	w->x = NULL;
}

void world_stop(struct world *w)
{
	if (w->x)
		world_detach(w, false);
	exo_core_free(w->core);
	sim_disk_free(w->disk);
	sim_stop();
}

/* One program is built for every type; its name says which it is to test. */
const char *world_type(void)
{
	return !strncmp(program_invocation_short_name, "logfs", 5) ? "logfs" : "cffs";
}

void world_mkfs(struct world *w, const char *name, u64 quota)
{
	struct exo_mkfs opt = {.type = world_type(), .name = name, .quota = quota, .udf_dir = udf_dir()};
	struct exo_why why = {0};
	int err = exo_fs_mkfs(w->x, w->number, &opt, &why);

	if (err)
		FAIL("mkfs: %s; %s", strerror(-err), why.text);
}

struct exo_fs *world_open(struct world *w, struct exo *x, const char *name)
{
	struct exo_why why = {0};
	struct exo_fs *fs;
	int err = exo_fs_open(&fs, x, w->number, name, 0, &why);

	if (err)
		FAIL("open: %s; %s", strerror(-err), why.text);
	return fs;
}

static int print_problem(void *arg, const struct exo_fs_problem *p)
{
	fprintf(stderr, "problem: %s (block %llu)\n", p->text, (unsigned long long)p->block);
	return 0;
}

void world_check(struct exo_fs *fs)
{
	WANT(exo_fs_check(fs, 0, print_problem, NULL, NULL), 0);
}

void world_no_quarantine(struct world *w)
{
	struct exo_disk_info info;

	CHECK(!exo_disk_info(w->x, w->number, &info, NULL));
	CHECK(info.out_quarantined == 0);
	CHECK(info.out_bad_templates == 0);
}
