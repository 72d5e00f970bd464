// SPDX-License-Identifier: GPL-2.0
/*
 * work.c: threads for a long job of core. Each ends before the call that began it does, so none needs a reference to the module.
 * Two more than there are processors, because some of them sleep in reads.
 */
#include "module.h"

#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/minmax.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>

#define EXO_CREW_MAX 8u

struct exo_crew {
	struct task_struct *task;	/* held until it has been stopped */
	void (*fn)(void *ctx, u32 who);
	void *ctx;
	u32 who;
};

u32 exo_plat_workers(void)
{
	return min(num_online_cpus() + 2, EXO_CREW_MAX);
}

bool exo_plat_killed(void)
{
	cond_resched();
	return fatal_signal_pending(current);
}

static int exo_crew_thread(void *arg)
{
	struct exo_crew *c = arg;

	c->fn(c->ctx, c->who);
	return 0;
}

void exo_plat_parallel(u32 n, void (*fn)(void *ctx, u32 who), void *ctx)
{
	struct exo_crew crew[EXO_CREW_MAX - 1];
	u32 i, k;

	for (k = 0; k + 1 < min(n, EXO_CREW_MAX); k++) {
		struct exo_crew *c = &crew[k];

		*c = (struct exo_crew){ .fn = fn, .ctx = ctx, .who = k + 1 };
		c->task = kthread_create(exo_crew_thread, c, "exo-walk/%u", k + 1);
		if (IS_ERR(c->task))
			break;
		get_task_struct(c->task);
		wake_up_process(c->task);
	}
	fn(ctx, 0);
	for (i = 0; i < k; i++)
		kthread_stop_put(crew[i].task);
}
