// SPDX-License-Identifier: GPL-2.0 OR MIT
/* caps.c: CAP_LIST, and finding the slot that a call needs. */
#include <errno.h>
#include "handle.h"

int exo_cap_list(struct exo *x, struct exo_cap caps[EXO_MAX_CAPS])
{
	struct exo_cap_list l = {.caps = (uintptr_t)caps, .count = EXO_MAX_CAPS};
	int err;

	for (uint32_t i = 0; i < EXO_MAX_CAPS; i++)
		caps[i] = (struct exo_cap){.rights = 0};
	err = EXO_DO(x, EXO_NR_CAP_LIST, &l, 0, NULL);
	return err ? err : (int)l.out_count;
}

int exo_cap_admin(struct exo *x)
{
	struct exo_cap caps[EXO_MAX_CAPS];
	int n = exo_cap_list(x, caps);

	for (uint32_t i = 0; n >= 0 && i < EXO_MAX_CAPS; i++)
		if (caps[i].rights == EXO_RIGHT_ALL && !caps[i].depth)
			return i;
	return n < 0 ? n : -ENOENT;
}

int exo_cap_user(struct exo *x)
{
	struct exo_cap caps[EXO_MAX_CAPS];
	int n = exo_cap_list(x, caps);

	for (uint32_t i = 0; n >= 0 && i < EXO_MAX_CAPS; i++)
		if (caps[i].rights == EXO_RIGHT_ALL && caps[i].depth == 2 && caps[i].name[0] == EXO_CAP_NS_UID)
			return i;
	return n < 0 ? n : -ENOENT;
}
