// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * space.c: how much room is left. Close to none, bytes are not gathered in memory but written at once, so that write(2)
 * can say so, and a few blocks are kept for what makes room: removing a file that is open needs a place to note it.
 * All hints: others use the same disk, and a tree's quota is asked for only now and then.
 */
#include <errno.h>
#include "type.h"

/* Blocks beyond those that are gathered: metadata, and what others take meanwhile. */
#define SLACK 64u
#define ASK_EVERY 64u /* looks, while there is a quota */
#define ASK_SELDOM 4096u

/* What the quota leaves: not less than that, unless others of the tree are at it. */
static uint64_t quota_left(struct exo_fs *fs, uint64_t need)
{
	struct exo_space *s = &fs->space;
	struct exo_root_get root = {0};

	/* Close to the limit, it is asked for each time. */
	if (!s->wait || s->quota_left < need) {
		s->wait = ASK_SELDOM;
		s->quota_left = UINT64_MAX;
		if (exo_root_get(fs->x, fs->disk, fs->root, &root, NULL) >= 0 && root.out_quota) {
			s->wait = ASK_EVERY;
			s->quota_left = root.out_quota > root.out_used ? root.out_quota - root.out_used : 0;
		}
	}
	s->wait--;
	return s->quota_left;
}

int exo_space_take(struct exo_fs *fs, const struct exo_freemap_head *map, uint64_t kept, uint64_t *blocks)
{
	uint64_t quota = quota_left(fs, kept + *blocks), left = map->free < quota ? map->free : quota;

	if (left <= kept)
		return map->free <= kept ? -ENOSPC : -EDQUOT;
	if (*blocks > left - kept)
		*blocks = left - kept;
	/* A transaction that fails takes none; the next question puts it right. */
	if (quota != UINT64_MAX)
		fs->space.quota_left -= *blocks;
	return 0;
}

bool exo_space_tight(struct exo_fs *fs, const struct exo_freemap_head *map, uint64_t bytes)
{
	uint64_t all = fs->space.gathered + bytes, need = all / 4096 + all / 65536 + SLACK;

	return map->free < need || quota_left(fs, need) < need;
}
