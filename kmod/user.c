// SPDX-License-Identifier: GPL-2.0
/*
 * user.c: the caller's memory. A kernel thread without a borrowed address space is refused: the page tables under it
 * belong to whoever ran last on this processor (an io_uring completion whose task has died runs in such a thread).
 */
#include "module.h"

#include <linux/sched.h>
#include <linux/uaccess.h>

int exo_plat_copy_in(void *dst, u64 user, size_t bytes)
{
	if (!current->mm || copy_from_user(dst, u64_to_user_ptr(user), bytes))
		return -EFAULT;
	return 0;
}

int exo_plat_copy_out(u64 user, const void *src, size_t bytes)
{
	if (!current->mm || copy_to_user(u64_to_user_ptr(user), src, bytes))
		return -EFAULT;
	return 0;
}
