// SPDX-License-Identifier: GPL-2.0
/*
 * user.c: the caller's memory. A kernel thread without a borrowed address space is refused: the page tables under it
 * belong to whoever ran last on this processor (an io_uring completion whose task has died runs in such a thread).
 */
#include "module.h"

#include <linux/sched.h>
#include <linux/uaccess.h>

/*
 * The sizes that come most often are constants to the compiler: it knows the object then, and the kernel's check of where the other side
 * lies (hardened usercopy), which is for sizes computed at run time, does not run.
 */
int exo_plat_copy_in(void *dst, u64 user, size_t bytes)
{
	const void __user *from = u64_to_user_ptr(user);
	unsigned long left;

	if (!current->mm)
		return -EFAULT;
	switch (bytes) {
	case sizeof(u32):
		left = copy_from_user(dst, from, sizeof(u32));
		break;
	case sizeof(u64):
		left = copy_from_user(dst, from, sizeof(u64));
		break;
	case sizeof(struct exo_decl):
		left = copy_from_user(dst, from, sizeof(struct exo_decl));
		break;
	case sizeof(struct exo_edit):
		left = copy_from_user(dst, from, sizeof(struct exo_edit));
		break;
	case sizeof(struct exo_txn):
		left = copy_from_user(dst, from, sizeof(struct exo_txn));
		break;
	case sizeof(struct exo_bind):
		left = copy_from_user(dst, from, sizeof(struct exo_bind));
		break;
	default:
		left = copy_from_user(dst, from, bytes);
	}
	return left ? -EFAULT : 0;
}

int exo_plat_copy_out(u64 user, const void *src, size_t bytes)
{
	void __user *to = u64_to_user_ptr(user);
	unsigned long left;

	if (!current->mm)
		return -EFAULT;
	switch (bytes) {
	case sizeof(u32):
		left = copy_to_user(to, src, sizeof(u32));
		break;
	case sizeof(u64):
		left = copy_to_user(to, src, sizeof(u64));
		break;
	case sizeof(struct exo_txn):
		left = copy_to_user(to, src, sizeof(struct exo_txn));
		break;
	case sizeof(struct exo_bind):
		left = copy_to_user(to, src, sizeof(struct exo_bind));
		break;
	default:
		left = copy_to_user(to, src, bytes);
	}
	return left ? -EFAULT : 0;
}
