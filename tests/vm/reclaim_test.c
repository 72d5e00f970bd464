// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * reclaim_test DISK: run as root. More is dirtied and let go than the pool has frames, and nothing is refused or lost; the kernel
 * gets memory of the pool when it asks, and when a process wants more than is left; the pool takes it again.
 */
#define _GNU_SOURCE
#include "vm.h"

#define STEP 256u
#define HOG_MORE (16ul << 20) /* bytes that only the pool can give */

static int fd;
static char *pool;
static const struct exo_stats *stats;
static struct exo_root_add volume;

static uint64_t now(const __u64 *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static bool fill(unsigned int blocks)
{
	static uint32_t frames[STEP];
	unsigned int at, i;

	for (at = 0; at < blocks; at += STEP) {
		if (vm_bind(fd, &volume, at, STEP, EXO_RIGHT_ALL, EXO_BIND_OVERWRITE, frames))
			return false;
		for (i = 0; i < STEP; i++)
			*(uint32_t *)(pool + frames[i] * 4096ul + 8) = at + i;
		if (vm_unbind(fd, frames, STEP))
			return false;
	}
	return true;
}

static bool holds(unsigned int blocks)
{
	static uint32_t frames[STEP];
	unsigned int at, i;

	for (at = 0; at < blocks; at += STEP) {
		if (vm_bind(fd, &volume, at, STEP, EXO_RIGHT_READ, 0, frames))
			return false;
		for (i = 0; i < STEP; i++)
			if (*(uint32_t *)(pool + frames[i] * 4096ul + 8) != at + i)
				return false;
		if (vm_unbind(fd, frames, STEP))
			return false;
	}
	return true;
}

/* What is dirty the kernel does not get. */
static void clean(uint32_t disk)
{
	struct exo_sync s = { .disk = disk, .root = EXO_NOROOT };

	need(!vm_call(fd, EXO_NR_SYNC, &s), "SYNC: reason %u", s.head.out_reason);
}

static void drop_caches(void)
{
	int f = open("/proc/sys/vm/drop_caches", O_WRONLY);

	need(f >= 0 && write(f, "2", 1) == 1, "drop_caches");
	close(f);
}

static unsigned long available(void)
{
	unsigned long kb = 0;
	char line[128];
	FILE *f = fopen("/proc/meminfo", "r");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemAvailable: %lu", &kb) == 1)
			break;
	if (f)
		fclose(f);
	need(kb, "/proc/meminfo");
	return kb << 10;
}

/* A process that wants more memory than there is without the pool. True: it got it. */
static bool hog(void)
{
	unsigned long bytes = available() + HOG_MORE, i;
	int status;
	pid_t pid = fork();

	if (!pid) {
		volatile char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			_exit(1);
		for (i = 0; i < bytes; i += 4096)
			p[i] = 1;
		_exit(0);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && !status;
}

int main(int argc, char **argv)
{
	uint32_t disk = argc > 1 ? strtoul(argv[1], NULL, 0) : 0, frames, f[64];
	unsigned int blocks, i;
	uint64_t was;

	fd = vm_open();
	pool = vm_pool(fd);
	stats = vm_stats(fd);
	frames = vm_frames(fd);
	blocks = frames + frames / 2;
	blocks -= blocks % STEP;
	volume = vm_volume(fd, disk, "volume", blocks);
	check(fill(blocks), "%u blocks are dirtied and let go in a pool of %u frames", blocks, frames);
	check(now(&stats->writebacks) >= blocks - frames, "%llu of them were written for it",
	      (unsigned long long)now(&stats->writebacks));
	check(holds(blocks), "and all are as they were written");
	/* frames in use stay; all else can go */
	need(!vm_frame_alloc(fd, f, 64, EXO_FRAME_ANY), "FRAME_ALLOC");
	for (i = 0; i < 64; i++)
		pool[f[i] * 4096ul] = i;
	clean(disk);
	drop_caches();
	was = now(&stats->frames_returned);
	check(was > frames / 2 && was <= frames - 64, "drop_caches takes the memory of %llu frames", (unsigned long long)was);
	for (i = 0; i < 64 && pool[f[i] * 4096ul] == (char)i; i++)
		;
	check(i == 64, "private frames stay");
	check(holds(blocks) && now(&stats->frames_returned) < was, "the pool takes it again, and every block is good");
	was = now(&stats->returns);
	check(hog(), "a process gets memory that only the pool can give");
	check(now(&stats->returns) > was + HOG_MORE / 4096 / 4, "%llu frames were given for it",
	      (unsigned long long)(now(&stats->returns) - was));
	for (i = 0; i < 64 && pool[f[i] * 4096ul] == (char)i; i++)
		;
	check(i == 64 && holds(blocks), "and nothing is lost");
	return vm_result();
}
