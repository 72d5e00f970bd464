// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * kill_test DISK ROUNDS: processes with frames, bindings and calls under way are killed at any moment. What they held
 * must be back when they are reaped.
 */
#define _GNU_SOURCE
#include <time.h>
#include "vm.h"

#define CHILDREN 4
#define BLOCKS 64u

static void nap(unsigned int us)
{
	struct timespec t = { .tv_nsec = us * 1000l };

	nanosleep(&t, NULL);
}

/* Works until it dies. It has an environment of its own. */
static _Noreturn void victim(const struct exo_root_add *r)
{
	int fd = vm_open();
	char *pool = vm_pool(fd);
	uint32_t mine[32], f[BLOCKS];
	struct exo_run run = { .start = r->out_start, .count = BLOCKS };
	struct exo_write w = { .disk = r->disk, .nruns = 1, .runs = vm_ptr(&run) };
	struct exo_sync s = { .disk = r->disk, .root = r->out_root };
	unsigned int i;

	for (;;) {
		if (!vm_frame_alloc(fd, mine, 32, EXO_FRAME_ANY))
			for (i = 0; i < 32; i++)
				memset(pool + mine[i] * 4096ul, 0xee, 4096);
		if (!vm_bind(fd, r, 0, BLOCKS, EXO_RIGHT_ALL, 0, f))
			for (i = 0; i < BLOCKS; i++)
				pool[f[i] * 4096ul + i]++;
		vm_call(fd, EXO_NR_WRITE, &w);
		vm_call(fd, EXO_NR_SYNC, &s);
		vm_unbind(fd, f, BLOCKS);
		vm_frame_free(fd, mine, 32);
	}
}

int main(int argc, char **argv)
{
	uint32_t disk = argc > 1 ? strtoul(argv[1], NULL, 0) : 0;
	unsigned int rounds = argc > 2 ? strtoul(argv[2], NULL, 0) : 30, round, i;
	int fd = vm_open(), died = 0, status;
	const struct exo_stats *st = vm_stats(fd);
	struct exo_root_add r = vm_volume(fd, disk, "kill-test", BLOCKS);
	uint32_t f[BLOCKS];
	uint64_t total;

	total = st->frames_free + st->frames_private + st->frames_cached;
	check(total == vm_frames(fd), "every frame is free, private or cached");
	srand(getpid());
	for (round = 0; round < rounds; round++) {
		pid_t child[CHILDREN];

		for (i = 0; i < CHILDREN; i++) {
			child[i] = fork();
			if (!child[i]) {
				close(fd);
				victim(&r);
			}
		}
		nap(20000 + rand() % 60000);
		for (i = 0; i < CHILDREN; i++)
			kill(child[i], SIGKILL);
		for (i = 0; i < CHILDREN; i++) {
			waitpid(child[i], &status, 0);
			died += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
		}
	}
	check(died == (int)(rounds * CHILDREN), "%d of %u processes died of the kill", died, rounds * CHILDREN);
	check(st->envs == 1, "their environments are gone (%llu left)", (unsigned long long)st->envs);
	check(st->frames_private == 0, "their frames are back (%llu held)", (unsigned long long)st->frames_private);
	check(st->frames_free + st->frames_private + st->frames_cached == total, "and none is lost");
	check(!vm_bind(fd, &r, 0, BLOCKS, EXO_RIGHT_ALL, 0, f), "the blocks that they had can be bound");
	check(!vm_unbind(fd, f, BLOCKS), "and given back");
	return vm_result();
}
