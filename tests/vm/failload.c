// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * failload EXO_KO: load the module again and again, with the first allocation of its start failing, then the second,
 * until it loads. Each time it must say ENOMEM, leave no device behind, and give its memory back. The module must not
 * be loaded.
 */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include "failnth.h"

#define EACH 48u      /* places at the start and at the end of the sweep that are all tried */
#define STEP 61u      /* between them lie the pool's frames, one allocation each */
#define SLACK_KB 2048 /* what the kernel itself may keep; a pool is 4096, and there are dozens of tries */

static long sum_of(const char *path, const char *one, const char *two)
{
	long sum = 0, n;
	char line[256];
	FILE *f = fopen(path, "re");

	need(f != NULL, "open %s", path);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, one, &n) == 1 || sscanf(line, two, &n) == 1)
			sum += n;
	fclose(f);
	return sum;
}

/*
 * What is free, and the slabs, because KASAN keeps freed objects in them for long (kmemleak looks at those). Each processor keeps some
 * free pages for itself, as many as a pool has; they are in no other sum.
 */
static long memory_free(void)
{
	return sum_of("/proc/meminfo", "MemFree: %ld", "Slab: %ld") + 4 * sum_of("/proc/zoneinfo", " count: %ld", " count: %ld");
}

static bool listed(void)
{
	char line[512];
	bool found = false;
	FILE *f = fopen("/proc/modules", "re");

	need(f != NULL, "open /proc/modules");
	while (fgets(line, sizeof(line), f))
		found |= !strncmp(line, "exo ", 4);
	fclose(f);
	return found;
}

static int load(int ko)
{
	return syscall(SYS_finit_module, ko, "pool_mb=4", 0) ? -errno : 0;
}

/* One try. Returns whether something was made to fail; counts what went wrong. */
static bool try(int ko, unsigned int n, unsigned int *refused, unsigned int *harmless, unsigned int *bad)
{
	bool fired;
	int err;

	fn_arm(n);
	err = load(ko);
	fired = fn_disarm();
	if (err && (err != -ENOMEM || !fired)) {
		printf("failure %u%s: errno %d\n", n, fired ? "" : " (not reached)", -err);
		++*bad;
	}
	if (!err)
		need(!syscall(SYS_delete_module, "exo", 0), "unload");
	if (listed() || !access(EXO_DEVICE, F_OK)) {
		printf("failure %u: the module or its device is still there\n", n);
		++*bad;
	}
	*refused += fired && err;
	*harmless += fired && !err;
	return fired;
}

int main(int argc, char **argv)
{
	unsigned int n, n_wait, refused = 0, harmless = 0, bad = 0, tries = 0;
	int ko = open(argc > 1 ? argv[1] : "", O_RDONLY | O_CLOEXEC);
	uint64_t first, end;
	long before, after;
	bool close_to_end = false;

	need(ko >= 0, "open the module");
	fn_init();
	fn_find_function("do_one_initcall", &first, &end);
	fn_filter("failslab", first, end);
	fn_filter("fail_page_alloc", first, end);
	fn_filter("fail_usercopy", 1, 1);
	/* The kernel's own tables grow once. */
	need(!load(ko) && !syscall(SYS_delete_module, "exo", 0), "load and unload");
	before = memory_free();
	for (n = 1; n < 100000 && bad < 5; n += n < EACH || close_to_end ? 1 : STEP) {
		tries++;
		if (try(ko, n, &refused, &harmless, &bad))
			continue;
		if (close_to_end || n <= EACH)
			break;
		/* The end lies within the last step: go back and try each place. */
		close_to_end = true;
		n -= STEP;
	}
	/* A module's memory is given back behind its back. */
	for (after = memory_free(), n_wait = 0; before - after >= SLACK_KB && n_wait < 20; n_wait++) {
		usleep(500000);
		after = memory_free();
	}
	check(!bad && n < 100000, "loading: %u failures were reported, %u did no harm, the last at place %u", refused,
	      harmless, n - 1);
	check(refused >= 20, "%u tries of loading", tries);
	check(before - after < SLACK_KB, "no memory is lost: %ld kB free before, %ld kB after", before, after);
	return vm_result();
}
