// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * users.c: the share of the pool that one user may hold, over all envs of that uid. It is half of the frames that the others do not
 * hold: so one user alone gets half of the pool, and whoever comes next always finds something. A fixed share would be gone
 * after a fixed number of users. Whoever has CAP_SYS_ADMIN is not limited here, and what it holds counts as others' frames.
 */
#include "internal.h"

struct exo_user *exo_user_new(struct exo_core *c, u32 uid)
{
	struct exo_user *u = exo_plat_alloc(sizeof(*u) + (size_t)c->frames * sizeof(u->held[0]));

	if (!u)
		return NULL;
	u->uid = uid;
	u->verify = exo_plat_turn_new();
	if (u->verify)
		return u;
	exo_plat_free(u);
	return NULL;
}

void exo_user_free(struct exo_user *u)
{
	if (u)
		exo_plat_turn_free(u->verify);
	exo_plat_free(u);
}

struct exo_user *exo_user_find(struct exo_core *c, u32 uid)
{
	struct exo_user *u;

	for (u = c->users; u && u->uid != uid; u = u->next)
		;
	return u;
}

void exo_user_join(struct exo_core *c, struct exo_user *u, struct exo_env *e)
{
	if (!u->envs++) {
		u->next = c->users;
		c->users = u;
	}
	e->user = u;
}

struct exo_user *exo_user_leave(struct exo_env *e)
{
	struct exo_user *u = e->user, **at = &e->c->users;

	if (!u || --u->envs)
		return NULL;
	while (*at != u)
		at = &(*at)->next;
	*at = u->next;
	return u;
}

u32 exo_user_limit(const struct exo_env *e)
{
	const struct exo_core *c = e->c;

	return e->user ? (c->frames - (c->nheld - e->user->nframes)) / 2 : c->frames;
}

int exo_user_may(struct exo_ask *a, u32 more)
{
	const struct exo_user *u = a->e->user;
	u32 limit;

	if (!u || !more)
		return 0;
	limit = exo_user_limit(a->e);
	if (more <= limit && u->nframes <= limit - more)
		return 0;
	return exo_no(a, -EDQUOT, EXO_R_FRAME_LIMIT, (u64)limit << 32 | u->nframes);
}

/* The caller says in e->grants and in the buffer what the env holds it for. */
void exo_user_hold(struct exo_env *e, u32 frame)
{
	struct exo_user *u = e->user;

	if (u && !u->held[frame]++)
		u->nframes++;
}

void exo_user_let(struct exo_env *e, u32 frame)
{
	struct exo_user *u = e->user;

	if (u && !--u->held[frame])
		u->nframes--;
}
