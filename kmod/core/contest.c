// SPDX-License-Identifier: GPL-2.0 OR MIT
/* contest.c: blocks with more than one owner, which only a crash during a MOVE, or damage, leaves behind. */
#include "internal.h"

static u32 place(const struct exo_disk *d, u64 block)
{
	u32 lo = 0, hi = d->ncontest;

	while (lo < hi) {
		u32 mid = lo + (hi - lo) / 2;

		if (d->contest[mid].block < block)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct exo_contest *exo_contest_find(struct exo_disk *d, u64 block)
{
	u32 i = place(d, block);

	return i < d->ncontest && d->contest[i].block == block ? &d->contest[i] : NULL;
}

bool exo_contest_any(struct exo_disk *d, u64 start, u64 count, u64 *block)
{
	u32 i;

	if (!d->ncontest)
		return false;
	i = place(d, start);
	if (i == d->ncontest || d->contest[i].block - start >= count)
		return false;
	*block = d->contest[i].block;
	return true;
}

int exo_contest_add(struct exo_disk *d, u64 block, bool cross)
{
	struct exo_contest *x = exo_contest_find(d, block);
	u32 i;

	if (x) {
		x->owners++;
		x->cross |= cross;
		return 0;
	}
	if (d->ncontest == d->contest_room) {
		u32 room = d->contest_room ? d->contest_room * 2 : 64;

		if (room < d->contest_room)
			return -ENOMEM;
		x = exo_plat_alloc((size_t)room * sizeof(*x));
		if (!x)
			return -ENOMEM;
		if (d->ncontest)
			memcpy(x, d->contest, d->ncontest * sizeof(*x));
		exo_plat_free(d->contest);
		d->contest = x;
		d->contest_room = room;
	}
	i = place(d, block);
	memmove(&d->contest[i + 1], &d->contest[i], (d->ncontest - i) * sizeof(*d->contest));
	d->contest[i].block = block;
	d->contest[i].owners = 2;
	d->contest[i].cross = cross;
	d->ncontest++;
	return 0;
}

bool exo_contest_drop(struct exo_disk *d, u64 block, u32 claims)
{
	struct exo_contest *x = exo_contest_find(d, block);
	u32 left;

	if (!x)
		return true;
	left = x->owners > claims ? x->owners - claims : 0;
	x->owners = left;
	if (left < 2) {
		u32 i = (u32)(x - d->contest);

		memmove(x, x + 1, (d->ncontest - i - 1) * sizeof(*x));
		d->ncontest--;
	}
	return !left;
}
