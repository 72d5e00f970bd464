// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * pool.c: environments of the simulator: their views of the pool are as protected as the module's mappings are, user
 * memory can be bad in every way, and failed allocations leave nothing behind.
 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../check.h"
#include "../sim.h"

#define FRAMES 64

static const struct exo_cred user1 = {.uid = 1000}, user2 = {.uid = 1001};

static int frames(struct sim_env *e, u32 nr, u32 flags, u32 count, u32 *list)
{
	struct exo_frame_alloc a = {
		.head = {.size = sizeof(a), .flags = flags}, .frames = (uintptr_t)list, .count = count};

	return exo_call(sim_env(e), nr, (uintptr_t)&a);
}

/* How a child dies that writes there. */
static int death(u8 *at)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		signal(SIGSEGV, SIG_DFL);
		signal(SIGBUS, SIG_DFL);
		/* not through the view of the parent's env: the kernel's own answer to the protection */
		*(volatile u8 *)at = 1;
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void protection(struct exo_core *c)
{
	struct sim_env *a, *b;
	u32 list[2], again;
	u64 zaps, word = 0x1234, got = 0;
	u8 *pa, *pb;

	NEED(!sim_env_open(c, &user1, &a) && !sim_env_open(c, &user2, &b));
	pa = sim_pool(a);
	pb = sim_pool(b);
	CHECK(!sim_peek(pa, &got, 8) && !sim_poke(pa, &word, 8));
	NEED(!frames(a, EXO_NR_FRAME_ALLOC, EXO_FRAME_ANY, 2, list));
	CHECK(sim_peek(pa + list[0] * 4096ul, &got, 8) && got == 0);
	CHECK(sim_poke(pa + list[0] * 4096ul, &word, 8));
	/* plain access, too */
	CHECK(*(volatile u64 *)(pa + list[0] * 4096ul) == 0x1234);
	*(volatile u64 *)(pa + list[1] * 4096ul + 4088) = 5;
	CHECK(*(u64 *)((u8 *)exo_plat_frame(list[1]) + 4088) == 5);
	/* another env sees nothing of it */
	CHECK(!sim_peek(pb + list[0] * 4096ul, &got, 8) && !sim_poke(pb + list[0] * 4096ul, &word, 8));
	CHECK(death(pb + list[0] * 4096ul) == SIGSEGV);
	CHECK(death(pa + list[0] * 4096ul) == 0);
	/* a copy over the end of what it has */
	CHECK(list[1] == FRAMES - 1 || list[0] + 1 == list[1] || !sim_peek(pa + list[0] * 4096ul + 4092, &got, 8));
	/* given back: gone from the view at once, and zero for whoever comes next */
	zaps = sim_zaps();
	CHECK(!frames(a, EXO_NR_FRAME_FREE, 0, 2, list));
	CHECK(sim_zaps() >= zaps + 2);
	CHECK(!sim_peek(pa + list[0] * 4096ul, &got, 8));
	again = list[0];
	NEED(!frames(b, EXO_NR_FRAME_ALLOC, 0, 1, &again));
	got = 1;
	CHECK(sim_peek(pb + again * 4096ul, &got, 8) && got == 0);
	CHECK(!sim_peek(pa + again * 4096ul, &got, 8));
	sim_env_close(b);
	/* closing gave it back */
	CHECK(!frames(a, EXO_NR_FRAME_ALLOC, 0, 1, &again));
	sim_env_close(a);
}

static void user_memory(struct exo_core *c)
{
	struct exo_query q = {.head = {.size = sizeof(q)}};
	u8 page[4096] __attribute__((aligned(4096)));
	struct sim_env *e;
	u32 frame;
	u8 *at;

	NEED(!sim_env_open(c, &user1, &e));
	CHECK(!exo_call(sim_env(e), EXO_NR_QUERY, (uintptr_t)&q) && q.out_frames == FRAMES);
	CHECK(exo_call(sim_env(e), EXO_NR_QUERY, 0) == -EFAULT);
	CHECK(exo_call(sim_env(e), EXO_NR_QUERY, 8) == -EFAULT);
	CHECK(exo_call(sim_env(e), EXO_NR_QUERY, 0xffff800000000000ull) == -EFAULT);
	CHECK(exo_call(sim_env(e), EXO_NR_QUERY, ~0ull) == -EFAULT);
	CHECK(exo_call(sim_env(e), EXO_NR_QUERY, ~0ull - 8) == -EFAULT);
	sim_user_bad(&q.out_reg_bytes, 1);
	CHECK(exo_call(sim_env(e), EXO_NR_QUERY, (uintptr_t)&q) == -EFAULT);
	sim_user_clear();
	CHECK(!exo_call(sim_env(e), EXO_NR_QUERY, (uintptr_t)&q));
	/* read-only memory can be copied from and not to */
	memset(page, 7, sizeof(page));
	NEED(!mprotect(page, sizeof(page), PROT_READ));
	CHECK(!exo_plat_copy_in(&frame, (uintptr_t)page, 4) && frame == 0x07070707);
	CHECK(exo_plat_copy_out((uintptr_t)page, &frame, 4) == -EFAULT);
	NEED(!mprotect(page, sizeof(page), PROT_READ | PROT_WRITE));
	/* an argument may lie in the pool: its pages fault in while core copies */
	NEED(!frames(e, EXO_NR_FRAME_ALLOC, EXO_FRAME_ANY, 1, &frame));
	at = sim_pool(e) + frame * 4096ul;
	CHECK(sim_poke(at, &q, sizeof(q)));
	exo_plat_zap(frame);
	CHECK(!exo_call(sim_env(e), EXO_NR_QUERY, (uintptr_t)at));
	CHECK(!frames(e, EXO_NR_FRAME_FREE, 0, 1, &frame));
	CHECK(exo_call(sim_env(e), EXO_NR_QUERY, (uintptr_t)at) == -EFAULT);
	sim_env_close(e);
}

static void areas(struct exo_core *c)
{
	const struct exo_reg_head *reg;
	struct exo_stats *stats;
	struct sim_env *e;
	u64 word = 1;

	NEED(!sim_env_open(c, &user1, &e));
	reg = sim_map(e, EXO_MAP_REGISTRY, 4096, PROT_READ);
	stats = sim_map(e, EXO_MAP_STATS, 4096, PROT_READ);
	NEED(reg && stats);
	CHECK(reg->head.magic == EXO_MAGIC_REGISTRY && reg->frames == FRAMES);
	CHECK(stats->head.magic == EXO_MAGIC_STATS && stats->envs == 1);
	CHECK(!sim_poke(stats, &word, 8));
	CHECK(!sim_map(e, EXO_MAP_STATS, 4096, PROT_READ | PROT_WRITE) && errno == EACCES);
	CHECK(!sim_map(e, EXO_MAP_STATS, 1 << 20, PROT_READ) && !sim_map(e, 0, 4096, PROT_READ));
	CHECK(!sim_map(e, EXO_MAP_FREEMAP(3), 4096, PROT_READ));
	CHECK(!sim_map(e, EXO_MAP_POOL + FRAMES * 4096ul, 4096, PROT_READ));
	CHECK(!sim_map(e, EXO_MAP_POOL + 4096, FRAMES * 4096ul, PROT_READ));
	CHECK(sim_map(e, EXO_MAP_POOL, FRAMES * 4096ul, PROT_READ | PROT_WRITE) == sim_pool(e));
	sim_unmap(e, stats);
	CHECK(!sim_peek(stats, &word, 8));
	sim_env_close(e);
}

/* Every allocation of core_new and env_open fails once. */
static void no_memory(void)
{
	u64 n, failed = 0;

	for (n = 1; n < 1000; n++) {
		struct exo_core *c = NULL;
		struct sim_env *e = NULL;
		s64 live = sim_alloc_live();
		u64 before = sim_alloc_count();
		int err;

		sim_alloc_fail(n);
		err = exo_core_new(FRAMES, &c);
		if (!err) {
			err = sim_env_open(c, &user1, &e);
			if (!err)
				sim_env_close(e);
			exo_core_free(c);
		}
		CHECK_MSG(sim_alloc_live() == live, "allocation %llu", n);
		CHECK(!err || err == -ENOMEM);
		failed += err != 0;
		if (sim_alloc_count() - before < n)
			break;
	}
	sim_alloc_fail(0);
	CHECK(n < 1000 && failed > 2);
}

int main(void)
{
	struct exo_core *c;

	NEED(!sim_start(FRAMES, 1));
	NEED(!exo_core_new(FRAMES, &c));
	protection(c);
	user_memory(c);
	areas(c);
	exo_core_free(c);
	CHECK(sim_alloc_live() == 0);
	no_memory();
	sim_stop();
	return check_done();
}
