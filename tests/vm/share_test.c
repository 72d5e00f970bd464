// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * share_test DISK: run as root. Two users mean harm: each has several processes with envs of their own that take and bind all that
 * they get, and keep it. A third works nevertheless.
 */
#define _GNU_SOURCE
#include "vm.h"

#include <grp.h>

#define GREEDY 3 /* envs of each */
#define MORE 64

static void become(uid_t uid)
{
	need(!setgroups(0, NULL) && !setresgid(uid, uid, uid) && !setresuid(uid, uid, uid), "become uid %u", uid);
}

/* All that one env gets: volumes bound to write and dirtied, and private frames. Returns how many. */
static unsigned int take(uint32_t disk, uid_t uid, unsigned int i)
{
	static uint32_t frames[65536];
	struct exo_root_add v;
	unsigned int n = 0, step = 256;
	int fd = vm_open();
	char name[16];
	char *pool = vm_pool(fd);

	snprintf(name, sizeof(name), "g%u-%u", uid, i);
	v = vm_volume(fd, disk, name, 1024);
	while (n < v.count && !vm_bind(fd, &v, n, 64, EXO_RIGHT_ALL, EXO_BIND_OVERWRITE, frames)) {
		for (unsigned int k = 0; k < 64; k++)
			pool[frames[k] * 4096ul] = 1;
		n += 64;
	}
	while (step && n < 65536) {
		if (vm_frame_alloc(fd, frames, step, EXO_FRAME_ANY))
			step /= 2;
		else
			n += step;
	}
	return n;
}

struct greedy {
	pid_t pid;
	int got[2];
};

static unsigned int start(struct greedy *g, uint32_t disk, uid_t uid)
{
	unsigned int i, all = 0;

	need(!pipe(g->got), "a pipe");
	g->pid = fork();
	if (!g->pid) {
		become(uid);
		for (i = 0; i < GREEDY; i++)
			all += take(disk, uid, i);
		need(write(g->got[1], &all, sizeof(all)) == sizeof(all), "an answer");
		pause();
		_exit(1);
	}
	need(g->pid > 0 && read(g->got[0], &all, sizeof(all)) == sizeof(all), "a greedy user");
	return all;
}

static void stop(struct greedy *g)
{
	kill(g->pid, SIGKILL);
	waitpid(g->pid, NULL, 0);
}

int main(int argc, char **argv)
{
	uint32_t disk = argc > 1 ? atoi(argv[1]) : 0, frames[MORE], total;
	struct exo_query q = { 0 };
	struct greedy a, b;
	unsigned int na, nb;
	int fd = vm_open();

	need(!vm_call(fd, EXO_NR_QUERY, &q), "QUERY");
	total = q.out_frames;
	check(!q.out_user_limit && !q.out_user_frames, "root has no share");
	close(fd);
	na = start(&a, disk, 1000);
	check(na && na <= total / 2, "one user gets %u of %u frames with %u envs", na, total, GREEDY);
	nb = start(&b, disk, 1001);
	check(nb && nb <= (total - na) / 2 + 1, "the next gets %u", nb);
	if (!fork()) {
		struct exo_root_add v;
		char *pool;

		become(1002);
		fd = vm_open();
		pool = vm_pool(fd);
		memset(&q, 0, sizeof(q));
		need(!vm_call(fd, EXO_NR_QUERY, &q), "QUERY");
		check(q.out_user_limit >= MORE && !q.out_user_frames, "a third may have %u", q.out_user_limit);
		check(!vm_frame_alloc(fd, frames, MORE, EXO_FRAME_ANY), "and gets %u frames", MORE);
		check(!vm_frame_free(fd, frames, MORE), "and gives them back");
		v = vm_volume(fd, disk, "third", MORE);
		check(!vm_bind(fd, &v, 0, MORE, EXO_RIGHT_ALL, 0, frames) && !vm_poke(pool + frames[MORE - 1] * 4096ul, 3),
		      "binds a volume and writes it");
		_exit(vm_result());
	}
	wait(&vm_failed);
	stop(&a);
	stop(&b);
	return vm_result();
}
