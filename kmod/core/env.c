// SPDX-License-Identifier: GPL-2.0 OR MIT
/* env.c: environments: capabilities they start with, what they hold, and giving it all back. */
#include "internal.h"

static void add_cap(struct exo_env *e, u32 depth, u32 space, u32 id)
{
	struct exo_cap *k;

	if (e->ncaps == EXO_MAX_CAPS)
		return;
	k = &e->caps[e->ncaps++];
	k->depth = depth;
	k->name[0] = space;
	k->name[1] = id;
	k->rights = EXO_RIGHT_ALL;
}

int exo_env_open(struct exo_core *c, const struct exo_cred *cred, struct exo_env **out)
{
	struct exo_env *e = exo_plat_alloc(sizeof(*e));
	struct exo_user *u = NULL, *fresh = NULL;
	int err = 0;
	u32 i;

	if (!e)
		return -ENOMEM;
	e->grants = exo_plat_alloc(c->frames);
	if (!e->grants) {
		exo_plat_free(e);
		return -ENOMEM;
	}
	e->c = c;
	e->uid = cred->uid;
	while (e->ngids < cred->ngids && e->ngids < EXO_ACL_GIDS) {
		e->gids[e->ngids] = cred->gids[e->ngids];
		e->ngids++;
	}
	if (cred->admin)
		add_cap(e, 0, 0, 0);
	add_cap(e, 2, EXO_CAP_NS_UID, cred->uid);
	for (i = 0; i < cred->ngids; i++)
		add_cap(e, 2, EXO_CAP_NS_GID, cred->gids[i]);
	exo_lock(c);
	while (!cred->admin && !err && !u) {
		u = exo_user_find(c, cred->uid);
		if (!u && fresh) {
			u = fresh;
			fresh = NULL;
		} else if (!u) {
			exo_unlock(c);
			fresh = exo_user_new(c, cred->uid);
			exo_lock(c);
			err = fresh ? 0 : -ENOMEM;
		} else if (u->envs >= EXO_MAX_ENVS) {
			err = -EMFILE;
		}
	}
	if (err) {
		exo_unlock(c);
		exo_user_free(fresh);
		exo_plat_free(e->grants);
		exo_plat_free(e);
		return err;
	}
	if (u)
		exo_user_join(c, u, e);
	do {
		e->id = ++c->next_env;
	} while (!e->id);
	e->born = ++c->tick;
	e->next = c->envs;
	e->at = &c->envs;
	if (e->next)
		e->next->at = &e->next;
	c->envs = e;
	c->stats->envs++;
	exo_unlock(c);
	exo_user_free(fresh);
	*out = e;
	return 0;
}

static void let_private_go(struct exo_core *c, struct exo_env *e, u32 frame)
{
	e->grants[frame] = 0;
	e->nprivate--;
	c->nheld--;
	exo_user_let(e, frame);
	c->stats->frames_private--;
	exo_plat_zap(frame);
	c->bufs[frame].owner = 0;
	if (c->side[frame].pins)
		c->side[frame].doomed = true;
	else
		exo_pool_give(c, frame);
}

static void unbind(struct exo_core *c, struct exo_env *e, u32 frame)
{
	e->grants[frame] = 0;
	e->nbound--;
	exo_user_let(e, frame);
	if (!--c->bufs[frame].refs)
		c->nheld--;
	exo_plat_zap(frame);
	exo_buf_settle(c, frame);
}

void exo_env_close(struct exo_env *e)
{
	struct exo_core *c = e->c;
	struct exo_user *last;
	u32 f;

	exo_lock(c);
	for (f = 0; f < c->frames && (e->nprivate || e->nbound); f++) {
		if (e->grants[f] & EXO_GRANT_PRIVATE)
			let_private_go(c, e, f);
		else if (e->grants[f])
			unbind(c, e, f);
	}
	*e->at = e->next;
	if (e->next)
		e->next->at = e->at;
	c->stats->envs--;
	last = exo_user_leave(e);
	exo_plat_wake(c->lock);
	exo_unlock(c);
	exo_user_free(last);
	exo_plat_free(e->grants);
	exo_plat_free(e->ties);
	exo_plat_free(e);
}

void exo_env_holds(struct exo_env *e, struct exo_env_holds *out)
{
	exo_lock(e->c);
	out->id = e->id;
	out->bound = e->nbound;
	out->priv = e->nprivate;
	out->caps = e->ncaps;
	out->user_frames = e->user ? e->user->nframes : 0;
	out->user_limit = e->user ? exo_user_limit(e) : 0;
	exo_unlock(e->c);
}

int exo_slot(struct exo_ask *a, u32 slot, const struct exo_cap **cap)
{
	if (slot >= EXO_MAX_CAPS || !a->e->caps[slot].rights)
		return exo_no(a, -EACCES, EXO_R_SLOT, slot);
	*cap = &a->e->caps[slot];
	return 0;
}

int exo_need_admin(struct exo_ask *a, u32 slot)
{
	const struct exo_cap *k;
	int err = exo_slot(a, slot, &k);

	if (err)
		return err;
	return exo_cap_root(k) ? 0 : exo_no(a, -EACCES, EXO_R_ADMIN, 0);
}

int exo_need_root(struct exo_ask *a, u32 slot, struct exo_disk *d, u32 root, u32 rights)
{
	const struct exo_root *r = &d->roots[root];
	const struct exo_cap *k;
	int err;

	if (rights == EXO_RIGHT_READ && (r->h.flags & EXO_ROOT_PUBLIC_READ))
		return 0;
	err = exo_slot(a, slot, &k);
	if (err)
		return err;
	return exo_cap_dominates(k, &r->h.owner, rights) ? 0 : exo_no(a, -EACCES, EXO_R_CAP, root);
}

int exo_need_below(struct exo_ask *a, u32 slot, struct exo_disk *d, u32 root, u32 rights, u32 tmpl)
{
	const struct exo_cap *k;
	int err;

	if (!(d->roots[root].h.flags & EXO_ROOT_SHARED) || !d->tmpl[tmpl].h.acl_ninsns ||
	    (rights == EXO_RIGHT_READ && (d->roots[root].h.flags & EXO_ROOT_PUBLIC_READ)))
		return exo_need_root(a, slot, d, root, rights);
	err = exo_slot(a, slot, &k);
	if (err)
		return err;
	return (k->rights & rights) == rights ? 0 : exo_no(a, -EACCES, EXO_R_CAP, root);
}

int exo_root_usable(struct exo_ask *a, struct exo_disk *d, u32 root)
{
	const struct exo_root *r;

	if (root >= EXO_MAX_ROOTS)
		return exo_no(a, -ENOENT, EXO_R_NO_ROOT, root);
	r = &d->roots[root];
	if (r->state == EXO_ROOT_LEAVING)
		return exo_no(a, -EBUSY, EXO_R_BUSY, r->h.start);
	if (r->state != EXO_ROOT_LIVE)
		return exo_no(a, -ENOENT, EXO_R_NO_ROOT, root);
	if (r->quarantine)
		return exo_no(a, -EUCLEAN, EXO_R_QUARANTINED, root);
	return 0;
}

int exo_do_cap_list(struct exo_ask *a, void *arg)
{
	struct exo_cap_list *q = arg;

	if (!q->count || q->count > EXO_MAX_CAPS)
		return exo_no(a, -EINVAL, EXO_R_RANGE, q->count);
	q->out_count = a->e->ncaps;
	/* An env's capabilities do not change after open, so no lock. */
	return exo_give(a, q->caps, a->e->caps, q->count * sizeof(struct exo_cap));
}

static int frames_in(struct exo_ask *a, u64 user, u32 count, u32 **out)
{
	u32 *f;
	int err;

	if (!count || count > EXO_MAX_BIND)
		return exo_no(a, -EINVAL, EXO_R_RANGE, count);
	f = exo_plat_alloc(count * sizeof(*f));
	if (!f)
		return exo_nomem(a);
	err = exo_get(a, f, user, count * sizeof(*f));
	if (err) {
		exo_plat_free(f);
		return err;
	}
	*out = f;
	return 0;
}

static void make_private(struct exo_core *c, struct exo_env *e, u32 frame)
{
	struct exo_buf *b = &c->bufs[frame];

	exo_buf_begin(c, frame);
	b->state = EXO_BUF_PRIVATE;
	b->owner = e->id;
	exo_buf_end(c, frame);
	e->grants[frame] = EXO_GRANT_PRIVATE;
	e->nprivate++;
	c->nheld++;
	exo_user_hold(e, frame);
	c->stats->frames_private++;
}

/* All or none. Lock held. */
static int alloc_frames(struct exo_ask *a, const struct exo_frame_alloc *q, u32 *f)
{
	struct exo_core *c = a->c;
	struct exo_env *e = a->e;
	u32 i, done = 0, limit = c->frames / 2;
	int err = 0;

	if (q->count > limit || e->nprivate > limit - q->count)
		err = exo_no(a, -EDQUOT, EXO_R_FRAME_LIMIT, (u64)limit << 32 | e->nprivate);
	else
		err = exo_user_may(a, q->count);
	for (i = 0; !err && i < q->count; i++) {
		if (q->head.flags & EXO_FRAME_ANY) {
			f[i] = exo_pool_take(c);
			if (f[i] == EXO_NOFRAME)
				err = exo_no(a, -ENOMEM, EXO_R_NO_FRAMES, q->count);
		} else if (f[i] >= c->frames) {
			err = exo_no(a, -EINVAL, EXO_R_FRAME, f[i]);
		} else if (c->bufs[f[i]].state != EXO_BUF_FREE) {
			err = exo_no(a, -EBUSY, EXO_R_FRAME, f[i]);
		} else if (!exo_pool_take_this(c, f[i])) {
			err = exo_no(a, -ENOMEM, EXO_R_NO_FRAMES, q->count);
		}
		if (!err) {
			make_private(c, e, f[i]);
			done = i + 1;
		}
	}
	for (i = 0; err && i < done; i++)
		let_private_go(c, e, f[i]);
	return err;
}

int exo_do_frame_alloc(struct exo_ask *a, void *arg)
{
	struct exo_frame_alloc *q = arg;
	struct exo_core *c = a->c;
	u32 *f = NULL, tries = 0;
	int err = 0;

	if (q->head.flags & EXO_FRAME_ANY) {
		if (!q->count || q->count > EXO_MAX_BIND)
			return exo_no(a, -EINVAL, EXO_R_RANGE, q->count);
		f = exo_plat_alloc(q->count * sizeof(*f));
		if (!f)
			return exo_nomem(a);
		/* An address that cannot take the answer is found before anything is given. */
		err = exo_give(a, q->frames, f, q->count * sizeof(*f));
	} else {
		err = frames_in(a, q->frames, q->count, &f);
	}
	if (err) {
		exo_plat_free(f);
		return err;
	}
	exo_lock(c);
	do {
		err = alloc_frames(a, q, f);
	} while (err == -ENOMEM && a->reason == EXO_R_NO_FRAMES && exo_reclaim(a, q->count, &tries));
	exo_unlock(c);
	if (!err && (q->head.flags & EXO_FRAME_ANY))
		err = exo_give(a, q->frames, f, q->count * sizeof(*f));
	exo_plat_free(f);
	return err;
}

/* Which of this env's frames? Each must have one of `grants`, and none may be named twice. Lock held. */
static int frames_mine(struct exo_ask *a, const u32 *f, u32 n, u32 grants)
{
	u64 mark = ++a->c->tick;
	u32 i;

	for (i = 0; i < n; i++) {
		if (f[i] >= a->c->frames || !(a->e->grants[f[i]] & grants))
			return exo_no(a, -EINVAL, EXO_R_FRAME, f[i]);
		if (a->c->side[f[i]].seen == mark)
			return exo_no(a, -EINVAL, EXO_R_FRAME, f[i]);
		a->c->side[f[i]].seen = mark;
	}
	return 0;
}

int exo_do_frame_free(struct exo_ask *a, void *arg)
{
	struct exo_frame_free *q = arg;
	u32 *f, i;
	int err = frames_in(a, q->frames, q->count, &f);

	if (err)
		return err;
	exo_lock(a->c);
	err = frames_mine(a, f, q->count, EXO_GRANT_PRIVATE);
	for (i = 0; !err && i < q->count; i++)
		let_private_go(a->c, a->e, f[i]);
	exo_unlock(a->c);
	exo_plat_free(f);
	return err;
}

int exo_do_unbind(struct exo_ask *a, void *arg)
{
	struct exo_unbind *q = arg;
	u32 *f, i;
	int err = frames_in(a, q->frames, q->count, &f);

	if (err)
		return err;
	exo_lock(a->c);
	err = frames_mine(a, f, q->count, EXO_GRANT_READ | EXO_GRANT_WRITE);
	for (i = 0; !err && i < q->count; i++)
		unbind(a->c, a->e, f[i]);
	exo_plat_wake(a->c->lock);
	exo_unlock(a->c);
	exo_plat_free(f);
	return err;
}

int exo_do_user_words(struct exo_ask *a, void *arg)
{
	struct exo_user_words *q = arg;
	struct exo_core *c = a->c;
	int err = 0;

	exo_lock(c);
	if (q->frame >= c->frames || !a->e->grants[q->frame]) {
		err = exo_no(a, -EINVAL, EXO_R_FRAME, q->frame);
	} else {
		c->bufs[q->frame].user[0] = q->word[0];
		c->bufs[q->frame].user[1] = q->word[1];
	}
	exo_unlock(c);
	return err;
}

/* Everybody's mappings are looked through when a frame changes hands, so one user may not have them all. */
static bool user_may_map(const struct exo_env *e)
{
	const struct exo_env *o;
	u64 n = 0;

	for (o = e->c->envs; o && e->user; o = o->next)
		if (o->user == e->user)
			n += o->maps;
	return n < EXO_MAX_USER_MAPS;
}

int exo_env_map(struct exo_env *e, bool force)
{
	int err = 0;

	exo_lock(e->c);
	if (!force && (e->maps >= EXO_MAX_MAPS || !user_may_map(e)))
		err = -EMFILE;
	else
		e->maps++;
	exo_unlock(e->c);
	return err;
}

void exo_env_unmap(struct exo_env *e)
{
	exo_lock(e->c);
	e->maps--;
	exo_unlock(e->c);
}

void exo_fault_lock(struct exo_env *e)
{
	exo_lock(e->c);
}

int exo_fault_allows(struct exo_env *e, u32 frame, bool write, bool *writable)
{
	struct exo_core *c = e->c;
	u8 g;

	if (frame >= c->frames)
		return -EACCES;
	g = e->grants[frame];
	if (!g || (write && !(g & (EXO_GRANT_WRITE | EXO_GRANT_PRIVATE))))
		return -EACCES;
	if (g & EXO_GRANT_PRIVATE) {
		*writable = true;
		return 0;
	}
	/* What is no block's any more is never written, so nobody needs to know that it changes. */
	if (write && !c->side[frame].doomed)
		exo_buf_dirty(c, frame);
	*writable = (g & EXO_GRANT_WRITE) && (c->side[frame].doomed || (c->bufs[frame].flags & EXO_BUF_DIRTY));
	return 0;
}

/* Core's lock stays held from a 0 of begin to end, so that a revocation cannot slip in between check and install. */
int exo_fault_begin(struct exo_env *e, u32 frame, bool write, bool *writable)
{
	int err;

	exo_lock(e->c);
	err = exo_fault_allows(e, frame, write, writable);
	if (err)
		exo_unlock(e->c);
	else
		e->c->stats->faults++;
	return err;
}

void exo_fault_end(struct exo_env *e)
{
	exo_unlock(e->c);
}
