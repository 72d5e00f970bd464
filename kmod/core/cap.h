/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* cap.h: capabilities. A name is a path of numbers; a shorter name stands for everything below it. */
#ifndef EXO_CORE_CAP_H
#define EXO_CORE_CAP_H

#include "plat.h"

/* A capability as it may stand in memory or on disk: depth in bounds, numbers behind it zero, known rights only. */
bool exo_cap_valid(const struct exo_cap *a);
/* Is a's name a prefix of b's, and does a hold all of `rights`? Both valid. */
bool exo_cap_dominates(const struct exo_cap *a, const struct exo_cap *b, u32 rights);
bool exo_cap_same_name(const struct exo_cap *a, const struct exo_cap *b);
static inline bool exo_cap_root(const struct exo_cap *a)
{
	return a->depth == 0 && a->rights == EXO_RIGHT_ALL;
}

#endif
