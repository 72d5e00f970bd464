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
#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <libexo-fs.h>
#include "state.h"
#include "workload.h"

#define PATH "/dev/state"
#define MOST_JOBS 64
#define CHUNK 32 /* states that a process takes at a time */

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

bool state_check(struct sim_disk *logged, struct state s, struct state_sum *sum)
{
	static const struct exo_cred admin = { .admin = true };
	struct judge j = { .sum = sum };
	struct sim_image *img;
	struct sim_disk *d;
	struct exo_core *core;
	size_t pending, i;
	bool good = false;
	u8 *land = state_landed(logged, s, &pending);

	for (i = 0; i < pending; i++)
		sum->torn += land[i] && land[i] != 0xff;
	img = sim_crash_image(logged, s.cut, land, pending);
	free(land);
	d = img ? sim_disk_from(PATH, img, SIM_VOLATILE) : NULL;
	if (!d || exo_core_new(STATE_POOL, &core)) {
		puts("no memory for a state");
		abort();
	}
	sim_image_free(img);
	sim_reset(s.cut + s.seed);
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
		printf("state %zu:%llu (%zu pending): %s\n", s.cut, s.seed, pending, j.why);
	}
	return good;
}

/* ---- many ---- */

/* What the processes of a sweep share. */
struct sweep {
	atomic_size_t next; /* first state that nobody has taken */
	struct state_sum sum[MOST_JOBS];
};

static int work(struct sweep *w, struct sim_disk *logged, const struct plan *p, struct state_sum *sum)
{
	size_t i, end;

	/* Memory goes from one state to the next, and not back to the system in between. */
	mallopt(M_TRIM_THRESHOLD, 1 << 30);
	mallopt(M_MMAP_THRESHOLD, 64 << 20);
	if (sim_start(STATE_POOL, 1)) {
		puts("the simulator cannot start");
		return 1;
	}
	while ((i = atomic_fetch_add(&w->next, CHUNK)) < p->n) {
		end = i + CHUNK < p->n ? i + CHUNK : p->n;
		for (; i < end && sum->faults < 5; i++)
			state_check(logged, p->state[i], sum);
	}
	sim_stop();
	return 0;
}

bool state_sweep(struct sim_disk *logged, const struct plan *p, unsigned jobs, struct state_sum *sum)
{
	struct sweep *w = mmap(NULL, sizeof(*w), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	bool good = true;
	pid_t child[MOST_JOBS];
	unsigned i;
	int status;

	if (w == MAP_FAILED) {
		puts("no memory for a sweep");
		return false;
	}
	if (jobs < 1 || jobs > MOST_JOBS)
		jobs = 1;
	fflush(stdout);
	for (i = 0; i < jobs; i++) {
		child[i] = fork();
		if (!child[i]) {
			status = work(w, logged, p, &w->sum[i]);
			fflush(stdout);
			_exit(status);
		}
	}
	for (i = 0; i < jobs; i++) {
		if (child[i] < 0 || waitpid(child[i], &status, 0) != child[i] || status) {
			puts("a process that judges states died");
			good = false;
		}
		sum->states += w->sum[i].states;
		sum->files += w->sum[i].files;
		sum->promises += w->sum[i].promises;
		sum->contested += w->sum[i].contested;
		sum->torn += w->sum[i].torn;
		sum->faults += w->sum[i].faults;
	}
	munmap(w, sizeof(*w));
	printf("%zu log entries, %llu states, all different (%llu prefixes; %llu more were the same disk as one of them):"
	       " %llu files read, %llu promises held, %llu torn writes, %llu contested blocks, %llu faults\n",
	       sim_log_len(logged), sum->states, p->prefixes, p->same, sum->files, sum->promises, sum->torn,
	       sum->contested, sum->faults);
	return good && !sum->faults && sum->states == p->n;
}

bool state_option(struct state_options *o, int c, const char *arg)
{
	char *end;
	u64 n;

	if (c == 'i') {
		o->one = true;
		return sscanf(arg, "%zu:%llu", &o->state.cut, &o->state.seed) == 2;
	}
	if (c != 'n' && c != 'r' && c != 'j')
		return false;
	n = strtoull(arg, &end, 0);
	if (*end || end == arg)
		return false;
	if (c == 'n')
		o->states = n;
	else if (c == 'r')
		o->seed = n;
	else
		o->jobs = (unsigned)n;
	return c != 'j' || (n >= 1 && n <= MOST_JOBS);
}

/* What was under way: for whoever looks into one state. */
static void tell(struct sim_disk *logged, struct state s)
{
	size_t n, i, *index;
	u8 *land = state_landed(logged, s, &n);

	index = calloc(n + 1, sizeof(*index));
	if (!index)
		abort();
	sim_crash_pending(logged, s.cut, index, n);
	for (i = 0; i < n; i++) {
		const struct sim_log *l = sim_log_at(logged, index[i]);

		printf("pending %zu: block %llu, sectors %u to %u, request %llu: ", index[i], l->block, l->first,
		       l->first + l->sectors - 1, l->request);
		if (land[i] == 0 || land[i] == 0xff)
			puts(land[i] ? "landed" : "lost");
		else
			printf("torn, landed %02x\n", land[i]);
	}
	free(index);
	free(land);
}

int state_main(const struct state_options *o, struct sim_disk *logged)
{
	struct state_sum sum = { 0 };
	struct plan p;
	bool good;

	if (o->one) {
		if (o->state.cut > sim_log_len(logged)) {
			printf("the log has only %zu entries\n", sim_log_len(logged));
			return 1;
		}
		if (sim_start(STATE_POOL, 1)) {
			puts("the simulator cannot start");
			return 1;
		}
		tell(logged, o->state);
		good = state_check(logged, o->state, &sum);
		sim_stop();
		return !good;
	}
	plan_make(&p, logged, o->states, o->seed);
	good = state_sweep(logged, &p, o->jobs, &sum);
	plan_free(&p);
	if (good && (!sum.files || !sum.promises)) {
		puts("no file or no promise was ever seen: the test shows nothing");
		good = false;
	}
	return !good;
}
