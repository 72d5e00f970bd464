// SPDX-License-Identifier: GPL-2.0 OR MIT
/* root.c: ROOT_ADD, ROOT_DEL, ROOT_GET: the places where trees start. */
#include <errno.h>
#include <string.h>
#include "handle.h"

int exo_root_add(struct exo *x, struct exo_root_add *r, struct exo_why *why)
{
	return EXO_DO(x, EXO_NR_ROOT_ADD, r, 0, why);
}

int exo_root_del(struct exo *x, uint32_t disk, uint32_t cap, uint32_t root, struct exo_why *why)
{
	struct exo_root_del d = {.disk = disk, .cap = cap, .root = root};

	return EXO_DO(x, EXO_NR_ROOT_DEL, &d, 0, why);
}

int exo_root_get(struct exo *x, uint32_t disk, uint32_t root, struct exo_root_get *r, struct exo_why *why)
{
	memset(r, 0, sizeof(*r));
	r->disk = disk;
	r->root = root;
	return EXO_DO(x, EXO_NR_ROOT_GET, r, 0, why);
}

int exo_root_find(struct exo *x, uint32_t disk, const char *name, struct exo_root_get *r, struct exo_why *why)
{
	size_t len = strlen(name);

	memset(r, 0, sizeof(*r));
	if (!len || len >= sizeof(r->name))
		return exo_refuse(why, EXO_NR_ROOT_GET, -EINVAL, EXO_R_NAME, 0);
	r->disk = disk;
	memcpy(r->name, name, len);
	return EXO_DO(x, EXO_NR_ROOT_GET, r, EXO_ROOT_BY_NAME, why);
}
