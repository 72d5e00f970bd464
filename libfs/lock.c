// SPDX-License-Identifier: GPL-2.0 OR MIT
/* lock.c: the part of a tree's lock in which threads wait for each other; see lock.h. */
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "type.h"

void exo_fs_lock_wait(struct exo_fs_lock *l)
{
	/* Whoever slept takes it as 2: there may be more that sleep. */
	while (__atomic_exchange_n(&l->word, 2, __ATOMIC_ACQUIRE))
		syscall(SYS_futex, &l->word, FUTEX_WAIT_PRIVATE, 2, NULL, NULL, 0);
}

void exo_fs_lock_wake(struct exo_fs_lock *l)
{
	syscall(SYS_futex, &l->word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}
