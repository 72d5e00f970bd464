// SPDX-License-Identifier: GPL-2.0
/* lock.c: a mutex with one condition, and turns. */
#include "module.h"

#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/semaphore.h>
#include <linux/slab.h>
#include <linux/wait.h>

/*
 * Who has the lock keeps everybody else from all of exo. So memory that is allocated under it is not waited for until other memory was written
 * somewhere: that may take long, and where it is written may need exo itself (a file in a FUSE mount of exo, below a loop device).
 */
struct exo_lock {
	struct mutex mutex;
	wait_queue_head_t changed;
	unsigned int io;	/* of who has the lock: memalloc_noio_restore's */
};

static void exo_lock_took(struct exo_lock *l)
{
	l->io = memalloc_noio_save();
}

static void exo_lock_gives(struct exo_lock *l)
{
	memalloc_noio_restore(l->io);
	mutex_unlock(&l->mutex);
}

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
	exo_lock_took(l);
}

bool exo_plat_trylock(struct exo_lock *l)
{
	if (!mutex_trylock(&l->mutex))
		return false;
	exo_lock_took(l);
	return true;
}

void exo_plat_unlock(struct exo_lock *l)
{
	exo_lock_gives(l);
}

/* Queued before the lock is given up, so a wake by the next holder is not missed. */
void exo_plat_wait(struct exo_lock *l)
{
	DEFINE_WAIT(wait);

	prepare_to_wait(&l->changed, &wait, TASK_UNINTERRUPTIBLE);
	exo_lock_gives(l);
	schedule();
	finish_wait(&l->changed, &wait);
	exo_plat_lock(l);
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
