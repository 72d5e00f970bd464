// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * limits_test: a plain user opens and maps as often as it can. A frame that changes hands is taken from every mapping of the
 * pool while everybody waits, so both have a limit; pieces of a mapping count, and come back when they go.
 */
#define _GNU_SOURCE
#include "vm.h"

#include <sys/wait.h>

/* Many envs do not give more than one user may have. In a child, so that all end with it; the parent's env is full already. */
static bool user_limit(void)
{
	unsigned int envs, maps;
	int status;
	pid_t child = fork();

	if (!child) {
		for (envs = 1;; envs++) {
			int fd = vm_open();

			for (maps = 0; maps < EXO_MAX_MAPS; maps++)
				if (mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, EXO_MAP_POOL) == MAP_FAILED)
					break;
			if (maps < EXO_MAX_MAPS)
				_exit(errno == EMFILE && !maps && envs * EXO_MAX_MAPS == EXO_MAX_USER_MAPS ? 0 : 1);
		}
	}
	return child > 0 && waitpid(child, &status, 0) == child && !status;
}

int main(void)
{
	static int fds[EXO_MAX_ENVS + 8];
	static void *maps[EXO_MAX_MAPS + 8];
	size_t bytes;
	unsigned int n = 0, m = 0, i;
	int fd = vm_open();
	char *pool;

	vm_catch();
	bytes = vm_frames(fd) * 4096ul;
	while (m < EXO_MAX_MAPS + 8) {
		maps[m] = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, EXO_MAP_POOL);
		if (maps[m] == MAP_FAILED)
			break;
		m++;
	}
	check(m == EXO_MAX_MAPS && errno == EMFILE, "%u mappings of the pool by one env (errno %d)", m, errno);
	check(!mprotect((char *)maps[0] + 4096, 4096, PROT_READ), "a mapping can be cut even then");
	check(!munmap((char *)maps[0] + 16 * 4096, 4096), "and have a hole");
	check(mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, EXO_MAP_POOL) == MAP_FAILED, "pieces count");
	munmap(maps[0], bytes);
	pool = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, EXO_MAP_POOL);
	check(pool != MAP_FAILED, "what was unmapped can be mapped again");
	check(mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, EXO_MAP_POOL) == MAP_FAILED, "once");
	if (pool != MAP_FAILED) {
		/* A place that is surely another one. */
		char *place = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		char *moved = mremap(pool, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, place);
		uint32_t f;

		check(place != MAP_FAILED && moved == place, "a mapping can be moved");
		need(!vm_frame_alloc(fd, &f, 1, EXO_FRAME_ANY), "FRAME_ALLOC");
		check(!vm_poke(moved + f * 4096ul, 7) && vm_peek((char *)maps[1] + f * 4096ul) == 7, "and works in its new place");
		need(!vm_frame_free(fd, &f, 1), "FRAME_FREE");
		check(vm_peek(moved + f * 4096ul) == -SIGBUS && vm_peek((char *)maps[1] + f * 4096ul) == -SIGBUS,
		      "a frame that was given back is gone from all of them");
		check(mremap(moved, 0, bytes, MREMAP_MAYMOVE) == MAP_FAILED, "mremap makes no second one");
		check(madvise(moved, bytes, MADV_DOFORK), "a child gets none by fork");
		munmap(moved, bytes);
	}
	for (i = 1; i < m; i++)
		munmap(maps[i], bytes);
	for (i = 0; i < EXO_MAX_MAPS; i++)
		if (mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, EXO_MAP_POOL) == MAP_FAILED)
			break;
	check(i == EXO_MAX_MAPS, "none was lost count of (%u)", i);
	check(user_limit(), "%u mappings of the pool by one user", EXO_MAX_USER_MAPS);
	while (n < EXO_MAX_ENVS + 8 && (fds[n] = open(EXO_DEVICE, O_RDWR | O_CLOEXEC)) >= 0)
		n++;
	check(n == EXO_MAX_ENVS - 1 && errno == EMFILE, "%u envs of one user (errno %d)", n + 1, errno);
	while (n)
		close(fds[--n]);
	check((fds[0] = open(EXO_DEVICE, O_RDWR)) >= 0, "closed ones do not count");
	return vm_result();
}
