// SPDX-License-Identifier: GPL-2.0
/* lock.c: a mutex with one condition, and turns. */
#include "module.h"

#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/semaphore.h>
#include <linux/slab.h>
#include <linux/wait.h>

struct exo_lock {
	struct mutex mutex;
	wait_queue_head_t changed;
};

struct exo_lock *exo_plat_lock_new(void)
{
	struct exo_lock *l = kzalloc(sizeof(*l), GFP_KERNEL_ACCOUNT);

	if (l) {
		mutex_init(&l->mutex);
		init_waitqueue_head(&l->changed);
	}
	return l;
}

void exo_plat_lock_free(struct exo_lock *l)
{
	kfree(l);
}

void exo_plat_lock(struct exo_lock *l)
{
	mutex_lock(&l->mutex);
}

bool exo_plat_trylock(struct exo_lock *l)
{
	return mutex_trylock(&l->mutex);
}

void exo_plat_unlock(struct exo_lock *l)
{
	mutex_unlock(&l->mutex);
}

/* Queued before the lock is given up, so a wake by the next holder is not missed. */
void exo_plat_wait(struct exo_lock *l)
{
	DEFINE_WAIT(wait);

	prepare_to_wait(&l->changed, &wait, TASK_UNINTERRUPTIBLE);
	mutex_unlock(&l->mutex);
	schedule();
	finish_wait(&l->changed, &wait);
	mutex_lock(&l->mutex);
}

void exo_plat_wake(struct exo_lock *l)
{
	if (wq_has_sleeper(&l->changed))
		wake_up_all(&l->changed);
}

struct exo_turn {
	struct semaphore one;
};

struct exo_turn *exo_plat_turn_new(void)
{
	struct exo_turn *t = kzalloc(sizeof(*t), GFP_KERNEL_ACCOUNT);

	if (t)
		sema_init(&t->one, 1);
	return t;
}

void exo_plat_turn_free(struct exo_turn *t)
{
	kfree(t);
}

int exo_plat_turn_take(struct exo_turn *t)
{
	return down_killable(&t->one) ? -EINTR : 0;
}

void exo_plat_turn_give(struct exo_turn *t)
{
	up(&t->one);
}
