// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * faulty: a module that does one wrong thing when it is loaded, to see that the debug kernel's checkers speak.
 * what=leak, overrun, shift, order (of two locks) or sleep (under a spinlock). It has nothing to do with exo.
 */
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#define LEAKS 10 /* one could survive by chance in a register or on a stack */

static char *what = "";
module_param(what, charp, 0);

static DEFINE_MUTEX(one);
static DEFINE_MUTEX(two);
static DEFINE_SPINLOCK(spin);
static void *volatile last;

static noinline int faulty_leak(void)
{
	int i;

	for (i = 0; i <= LEAKS; i++)
		last = kzalloc(777, GFP_KERNEL);
	kfree(last);
	last = NULL;
	return 0;
}

static noinline int faulty_overrun(void)
{
	char *p = kmalloc(33, GFP_KERNEL);

	if (!p)
		return -ENOMEM;
	OPTIMIZER_HIDE_VAR(p);
	p[33] = 1;
	kfree(p);
	return 0;
}

static noinline int faulty_shift(void)
{
	int bits = 40;

	OPTIMIZER_HIDE_VAR(bits);
	pr_info("faulty: %d\n", 1 << bits);
	return 0;
}

static noinline int faulty_order(void)
{
	mutex_lock(&one);
	mutex_lock(&two);
	mutex_unlock(&two);
	mutex_unlock(&one);
	mutex_lock(&two);
	mutex_lock(&one);
	mutex_unlock(&one);
	mutex_unlock(&two);
	return 0;
}

static noinline int faulty_sleep(void)
{
	spin_lock(&spin);
	might_sleep();
	spin_unlock(&spin);
	return 0;
}

static int __init faulty_init(void)
{
	if (!strcmp(what, "leak"))
		return faulty_leak();
	if (!strcmp(what, "overrun"))
		return faulty_overrun();
	if (!strcmp(what, "shift"))
		return faulty_shift();
	if (!strcmp(what, "order"))
		return faulty_order();
	if (!strcmp(what, "sleep"))
		return faulty_sleep();
	return -EINVAL;
}

static void __exit faulty_exit(void)
{
}

module_init(faulty_init);
module_exit(faulty_exit);
MODULE_DESCRIPTION("does one wrong thing, to see that the checkers of a debug kernel speak");
MODULE_LICENSE("Dual MIT/GPL");
