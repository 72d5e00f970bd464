// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * state.c: what must hold on every disk that a power cut can leave. Judged by a fresh core that attaches the image:
 *  - the disk attaches, with a walk, and no root is quarantined;
 *  - free, owned and the module's own blocks add up, so that none is both free and owned;
 *  - each tree opens; its own check finds nothing that needs more than a repair of what a cut may leave;
 *  - each promised file is whole, and no file shows a byte that is neither its own nor zero;
 *  - the disk is usable: it takes a new file, syncs, detaches, and attaches again with the same free count.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <libexo-fs.h>
#include "state.h"
#include "workload.h"

#define POOL 2048
#define PATH "/dev/state"

struct judge {
	char why[512];
	struct exo *x;
	uint32_t disk;
	struct state_sum *sum;
};

static bool no(struct judge *j, const char *what, const char *words)
{
	snprintf(j->why, sizeof(j->why), "%s: %s", what, words);
	return false;
}

static int problem(void *arg, const struct exo_fs_problem *p)
{
	struct judge *j = arg;

	if (!j->why[0])
		snprintf(j->why, sizeof(j->why), "fsck: %s", p->text);
	return 0;
}

static bool check_tree(struct judge *j, const char *root)
{
	struct workload_seen seen = { 0 };
	struct exo_fs_count count = { 0 };
	struct exo_fs *fs;
	struct exo_why why;
	struct exo_file *f;
	int err;

	if (exo_fs_open(&fs, j->x, j->disk, root, 0, &why) < 0)
		return no(j, "open", why.text);
	/* What a cut may leave (a name twice, an entry astray) is repaired first; a second look must find nothing. */
	err = exo_fs_check(fs, EXO_FS_REPAIR, NULL, NULL, &count);
	if (err >= 0)
		err = exo_fs_check(fs, 0, problem, j, &count);
	if (err < 0)
		no(j, "fsck", strerror(-err));
	if (!err && (workload_check(fs, &seen) || seen.broken || seen.foreign || seen.errors)) {
		no(j, "files", seen.first);
		err = -1;
	}
	j->sum->files += seen.files;
	j->sum->promises += seen.promises;
	if (!err) {
		err = exo_file_open(fs, "after-the-cut", O_CREAT | O_WRONLY, 0644, &f);
		if (!err) {
			if (exo_file_pwrite(f, "alive", 5, 0) != 5)
				err = -EIO;
			exo_file_close(f);
		}
		if (!err)
			err = exo_fs_sync(fs);
		if (err)
			no(j, "new file", strerror(-err));
	}
	exo_fs_close(fs);
	return !err;
}

static bool check_disk(struct judge *j)
{
	struct exo_disk_info info, again;
	const struct exo_freemap_head *map;
	struct exo_root_get r;
	struct exo_why why;
	uint32_t i;

	if (exo_attach(j->x, PATH, EXO_ATTACH_WALK, &j->disk, &why) < 0)
		return no(j, "attach", why.text);
	if (exo_disk_info(j->x, j->disk, &info, &why) < 0)
		return no(j, "info", why.text);
	if (info.out_quarantined || info.out_bad_templates)
		return no(j, "attach", "a root is quarantined");
	j->sum->contested += info.out_contested;
	map = exo_freemap(j->x, j->disk);
	/* The last block is the copy of the superblock. */
	if (!map || info.out_free + info.out_walk_owned + map->first + 1 != info.out_blocks) {
		char words[160];

		snprintf(words, sizeof(words), "%llu free + %llu owned + %llu own + 1 != %llu",
			 info.out_free, info.out_walk_owned, map ? map->first : 0ull,
			 info.out_blocks);
		return no(j, "blocks do not add up", words);
	}
	for (i = 0; i < EXO_MAX_ROOTS; i++)
		if (!exo_root_get(j->x, j->disk, i, &r, NULL) && r.out_template && !check_tree(j, r.name))
			return false;
	if (exo_disk_info(j->x, j->disk, &info, &why) < 0 || exo_detach(j->x, j->disk, 0, &why) < 0)
		return no(j, "detach", why.text);
	if (exo_attach(j->x, PATH, EXO_ATTACH_WALK, &j->disk, &why) < 0 ||
	    exo_disk_info(j->x, j->disk, &again, &why) < 0)
		return no(j, "second attach", why.text);
	if (again.out_free != info.out_free + info.out_waiting)
		return no(j, "second attach", "another number of free blocks");
	if (exo_detach(j->x, j->disk, 0, &why) < 0)
		return no(j, "second detach", why.text);
	return true;
}

bool state_check(struct sim_disk *logged, size_t cut, u64 seed, struct state_sum *sum)
{
	static const struct exo_cred admin = { .admin = true };
	size_t pending = sim_crash_pending(logged, cut, NULL, 0), i;
	struct judge j = { .sum = sum };
	struct sim_image *img;
	struct sim_disk *d;
	struct exo_core *core;
	bool good = false;
	u8 *land;

	land = malloc(pending + 1);
	if (!land)
		abort();
	if (seed < 2)
		memset(land, seed ? 0 : 0xff, pending + 1);
	else
		sim_crash_draw(logged, cut, seed, land, pending);
	for (i = 0; i < pending; i++)
		sum->torn += land[i] && land[i] != 0xff;
	img = sim_crash_image(logged, cut, land, pending);
	free(land);
	d = img ? sim_disk_from(PATH, img, SIM_VOLATILE) : NULL;
	if (!d || exo_core_new(POOL, &core)) {
		puts("no memory for a state");
		abort();
	}
	sim_image_free(img);
	if (sim_open(core, &admin, &j.x, NULL)) {
		puts("cannot open the simulator");
		abort();
	}
	good = check_disk(&j);
	if (!good && j.x)
		exo_detach(j.x, j.disk, EXO_DETACH_DISCARD, NULL);
	exo_close(j.x);
	exo_core_shutdown(core);
	exo_core_free(core);
	sim_disk_free(d);
	sum->states++;
	if (!good) {
		sum->faults++;
		printf("state %zu:%llu (%zu pending): %s\n", cut, seed, pending, j.why);
	}
	return good;
}

bool state_sweep(struct sim_disk *logged, u64 states, u64 seed, struct state_sum *sum)
{
	size_t len = sim_log_len(logged);
	u64 i, prefixes = 2 * (u64)(len + 1), rng = seed;
	size_t step = prefixes > states / 2 ? (size_t)(prefixes / (states / 2 + 1)) + 1 : 1;
	size_t cut;

	for (cut = 0; cut <= len && sum->faults < 5; cut += step) {
		state_check(logged, cut, 0, sum);
		state_check(logged, cut, 1, sum);
	}
	for (i = sum->states; i < states && sum->faults < 5; i++)
		state_check(logged, sim_random(&rng) % (len + 1), sim_random(&rng) | 2, sum);
	printf("%zu log entries, %llu states: %llu files read, %llu promises held, %llu"
	       " torn writes, %llu contested blocks, %llu faults\n",
	       len, sum->states, sum->files, sum->promises, sum->torn, sum->contested, sum->faults);
	return !sum->faults;
}
