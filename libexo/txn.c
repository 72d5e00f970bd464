// SPDX-License-Identifier: GPL-2.0 OR MIT
/* txn.c: TXN: a set of metadata edits that is accepted or refused as one; and TXNS: many of those. */
#include <errno.h>
#include <string.h>
#include "handle.h"

#define WHY_RANGES (sizeof(((struct exo_why *)0)->range) / sizeof(struct exo_range))

/* Ranges go where the caller asked for them; when that is nowhere, why still gets the first few. */
int exo_txn(struct exo *x, struct exo_txn *t, struct exo_why *why)
{
	struct exo_range local[WHY_RANGES];
	bool borrow = why && !t->ranges;
	const struct exo_range *ranges = borrow ? local : (const struct exo_range *)(uintptr_t)t->ranges;
	uint32_t room = borrow ? WHY_RANGES : t->ranges_room;
	int err;

	if (borrow) {
		t->ranges = (uintptr_t)local;
		t->ranges_room = WHY_RANGES;
	}
	t->out_nranges = 0;
	err = EXO_DO(x, EXO_NR_TXN, t, 0, why);
	if (err && why)
		exo_why_ranges(why, ranges, t->out_nranges, room);
	if (borrow) {
		t->ranges = 0;
		t->ranges_room = 0;
	}
	return err;
}

/* Heads are the library's, so that a struct that was used before can be used again. */
int exo_txns(struct exo *x, uint32_t count, struct exo_txn *txns, uint32_t flags, struct exo_why *why)
{
	struct exo_txns q = {.txns = (uintptr_t)txns, .count = count, .txn_size = sizeof(*txns)};
	int err;

	if (!count || count > EXO_MAX_TXNS)
		return exo_refuse(why, EXO_NR_TXNS, -EINVAL, EXO_R_RANGE, count);
	for (uint32_t i = 0; i < count; i++) {
		memset(&txns[i].head, 0, sizeof(txns[i].head));
		txns[i].head.size = sizeof(txns[i]);
		txns[i].out_nranges = 0;
	}
	err = EXO_DO(x, EXO_NR_TXNS, &q, flags, why);
	return err ? err : (int)(q.out_done - q.out_refused);
}
