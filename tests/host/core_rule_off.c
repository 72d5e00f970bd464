// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * core_rule_off.c: functions that stand in for the core's own, each without one rule of the write order. The linker
 * puts one of them in place (--wrap) in a test program of its own, which then has to find that something is wrong: that
 * is how the crash test is known to see. The core's sources have no switch for it.
 */
#include "../../kmod/core/internal.h"

#ifdef OFF_rule1
/* Nothing that a node points at counts as uninitialised. */
int __wrap_exo_owns_uninit(struct exo_disk *d, u32 frame, struct exo_set *out, u64 *count);
int __wrap_exo_owns_uninit(struct exo_disk *d, u32 frame, struct exo_set *out, u64 *count)
{
	*count = 0;
	return 0;
}
#endif

#ifdef OFF_attach
/* An unattached subtree is attached without waiting for what is in it. */
int __wrap_exo_order_below(struct exo_disk *d, struct exo_node *top, struct exo_set *first, u64 *count);
int __wrap_exo_order_below(struct exo_disk *d, struct exo_node *top, struct exo_set *first, u64 *count)
{
	*count = 0;
	return 0;
}
#endif

#ifdef OFF_slack
/* Once a block was written, whatever it points at may be unwritten. */
bool __wrap_exo_order_pending(const struct exo_disk *d, const struct exo_node *n);
bool __wrap_exo_order_pending(const struct exo_disk *d, const struct exo_node *n)
{
	return exo_bit(d->uninit, n->block);
}
#endif

#ifdef OFF_loose
/* Nothing is exempt from rule 1. */
bool __wrap_exo_order_pending(const struct exo_disk *d, const struct exo_node *n);
bool __wrap_exo_order_pending(const struct exo_disk *d, const struct exo_node *n)
{
	return false;
}
#endif

#ifdef OFF_temp
/* Every root is taken for a temporary one. */
bool __wrap_exo_root_temporary(const struct exo_disk *d, u32 root);
bool __wrap_exo_root_temporary(const struct exo_disk *d, u32 root)
{
	return true;
}
#endif

#ifdef OFF_rule2
/* A freed block is free at once. */
void __wrap_exo_map_settle(struct exo_disk *d, u64 start, u64 count);
void __wrap_exo_map_settle(struct exo_disk *d, u64 start, u64 count)
{
	u64 b;

	for (b = start; b < start + count; b++) {
		if (!exo_bit(d->waiting, b))
			continue;
		exo_bit_clear(d->waiting, b);
		d->nwaiting--;
		exo_bit_set(d->free, b);
		d->fm->free++;
	}
}
#endif

#ifdef OFF_rule3
/* Nothing waits for the new parent. */
int __wrap_exo_wait_chain(struct exo_undo *u, struct exo_node *src, struct exo_node *dst, u32 sectors, u32 *self);
int __wrap_exo_wait_chain(struct exo_undo *u, struct exo_node *src, struct exo_node *dst, u32 sectors, u32 *self)
{
	*self = 0;
	return 0;
}
#endif

#ifdef OFF_chain
/* The old parent waits for the new one, but not for what that is reached through. */
int __wrap_exo_wait_chain(struct exo_undo *u, struct exo_node *src, struct exo_node *dst, u32 sectors, u32 *self);
int __real_exo_wait_chain(struct exo_undo *u, struct exo_node *src, struct exo_node *dst, u32 sectors, u32 *self);
int __wrap_exo_wait_chain(struct exo_undo *u, struct exo_node *src, struct exo_node *dst, u32 sectors, u32 *self)
{
	struct exo_link *link = dst->link;
	int err;

	dst->link = NULL;
	err = __real_exo_wait_chain(u, src, dst, sectors, self);
	dst->link = link;
	return err;
}
#endif

#ifdef OFF_torn
/* The sectors of a block that a MOVE crosses are written in any order. */
void __wrap_exo_order_submit(struct exo_node *n, struct exo_done *done);
void __real_exo_order_submit(struct exo_node *n, struct exo_done *done);
void __wrap_exo_order_submit(struct exo_node *n, struct exo_done *done)
{
	__real_exo_order_submit(n, done);
	n->wfirst = n->wlast = 0;
}
#endif
