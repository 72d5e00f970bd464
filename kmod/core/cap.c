// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "cap.h"

bool exo_cap_valid(const struct exo_cap *a)
{
	u32 i;

	if (a->depth > EXO_CAP_DEPTH || (a->rights & ~EXO_RIGHT_ALL))
		return false;
	for (i = a->depth; i < EXO_CAP_DEPTH; i++)
		if (a->name[i])
			return false;
	return true;
}

static bool prefix(const struct exo_cap *a, const struct exo_cap *b)
{
	u32 i;

	if (a->depth > b->depth || b->depth > EXO_CAP_DEPTH)
		return false;
	for (i = 0; i < a->depth; i++)
		if (a->name[i] != b->name[i])
			return false;
	return true;
}

bool exo_cap_dominates(const struct exo_cap *a, const struct exo_cap *b, u32 rights)
{
	return (a->rights & rights) == rights && prefix(a, b);
}

bool exo_cap_same_name(const struct exo_cap *a, const struct exo_cap *b)
{
	return a->depth == b->depth && prefix(a, b);
}
