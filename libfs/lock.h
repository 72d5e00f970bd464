/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * lock.h: a tree's lock. Recursive, because a callback of readdir may call back into the tree. Taking and giving back a
 * lock that nobody else wants is a few instructions inline: a read of a cached file consists of little more. Whoever
 * finds it taken sleeps in a futex.
 */
#ifndef EXO_FS_LOCK_H
#define EXO_FS_LOCK_H

#include <stdint.h>

struct exo_fs_lock {
	uint32_t word;	/* 0 free, 1 taken, 2 taken and somebody may sleep */
	uint32_t depth; /* of its owner */
	void *owner;	/* the thread that has it: its thread pointer */
};

void exo_fs_lock_wait(struct exo_fs_lock *l); /* until it is ours */
void exo_fs_lock_wake(struct exo_fs_lock *l);

static inline void exo_fs_lock_init(struct exo_fs_lock *l)
{
	*l = (struct exo_fs_lock){0};
}

static inline void exo_fs_lock(struct exo_fs_lock *l)
{
	void *me = __builtin_thread_pointer();
	uint32_t none = 0;

	/* Only the owner ever sees itself there. */
	if (__atomic_load_n(&l->owner, __ATOMIC_RELAXED) == me) {
		l->depth++;
		return;
	}
	if (__builtin_expect(
		    !__atomic_compare_exchange_n(&l->word, &none, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED), 0))
		exo_fs_lock_wait(l);
	__atomic_store_n(&l->owner, me, __ATOMIC_RELAXED);
}

static inline void exo_fs_unlock(struct exo_fs_lock *l)
{
	if (l->depth) {
		l->depth--;
		return;
	}
	__atomic_store_n(&l->owner, NULL, __ATOMIC_RELAXED);
	if (__builtin_expect(__atomic_exchange_n(&l->word, 0, __ATOMIC_RELEASE) == 2, 0))
		exo_fs_lock_wake(l);
}

#endif
